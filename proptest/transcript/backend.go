package transcript

import (
	"context"
	"net"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// Backend is something that standalone ZooKeeper servers can be started of.
type Backend struct {
	// Name is for people, and for "skip" in a transcript: "direct", "wire", "real".
	Name string
	// Profile is the line of ZooKeeper versions that the servers behave like,
	// such as "3.9". It selects the expectations.
	Profile string
	// Shared tells that a start is expensive: what needs no server of its own then
	// shares one with others. It needs Instance.Dial.
	Shared bool
	// One tells that all instances are the same server, which was not started for
	// this. It has to be empty, and what needs a fresh one is skipped.
	One bool
	// Several tells that an instance is an ensemble of several servers: a read may be
	// behind what another client has just written.
	Several bool
	// InMemory tells that instances work in a bubble of testing/synctest: they have
	// no connection to the world outside, and take the time from package time.
	InMemory bool
	// Missing says why there is no such backend on this machine.
	Missing error
	// Start starts a server with an empty tree. Settings have the names that they
	// have in zoo.cfg; DefaultSettings are the usual ones. An error that wraps
	// errors.ErrUnsupported says that there can be no such server: what needs it is
	// skipped. Start may be called from several goroutines at a time.
	Start func(settings map[string]string) (*Instance, error)
}

// Instance is one server, as what can be done with it. It has Dial or Connect,
// or both. The others are optional: what needs one that is nil is skipped.
type Instance struct {
	// Dial opens a connection that speaks the client protocol.
	Dial func() (net.Conn, error)
	// Connect makes a client of the backend's own, with a session of its own, for
	// servers that can be used without the protocol.
	Connect func(ctx context.Context, timeout time.Duration) (zkapi.Client, error)
	// Stop ends the server for good.
	Stop func() error

	// Restart stops the server, as SIGTERM does, and starts it on the same data.
	Restart func() error
	// Advance lets time pass for the server. Without it, time is real.
	Advance func(d time.Duration)
	// Connected tells whether the server holds a connection of a session. A server
	// with Advance takes connected sessions for alive, so it is asked before time passes.
	Connected func(session int64) bool
	// Stall says that a session has stopped sending pings without being
	// disconnected, for servers with Advance.
	Stall func(session int64)
	// Expire ends a session on the server, as its timeout would.
	Expire func(session int64) error
	// Disconnect breaks the connection of a client that Connect made, and keeps it
	// from coming back until Reconnect. Both return when the client knows.
	Disconnect, Reconnect func(c zkapi.Client) error
	// Now is the server's clock.
	Now func() time.Time
	// Zxid is the last transaction of the server.
	Zxid func() int64
	// Prompt says that events are at the clients of Connect, all of them, before
	// the call returns that caused them.
	Prompt bool
}
