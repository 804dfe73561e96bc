package proptest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// clients are those of one instance: its own, or ones that dial.
type clients struct {
	in *Instance

	mu     sync.Mutex
	dialed []*dialed
}

func (cs *clients) connect(ctx context.Context, timeout time.Duration) (zkapi.Client, error) {
	if cs.in.Connect != nil {
		return cs.in.Connect(ctx, timeout)
	}
	d := &dialed{in: cs.in}
	c, err := realserver.Connect(ctx, []string{"127.0.0.1:2181"}, func(c *realserver.ClientConfig) {
		c.SessionTimeout = timeout
		c.Dialer = d.dial
	})
	if err != nil {
		return nil, err
	}
	d.Client = c
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.dialed = append(cs.dialed, d)
	return d, nil
}

// disconnect is a function that breaks the connection of a client until it is
// reconnected, or nil where that cannot be done.
func (cs *clients) disconnect() func(zkapi.Client) error {
	switch {
	case cs.in.Connect == nil:
		return func(c zkapi.Client) error { c.(*dialed).cut(); return nil }
	case cs.in.Disconnect != nil:
		return func(c zkapi.Client) error { return cs.in.Disconnect(c) }
	}
	return nil
}

func (cs *clients) reconnect() func(zkapi.Client) error {
	switch {
	case cs.in.Connect == nil:
		return func(c zkapi.Client) error { c.(*dialed).heal(); return nil }
	case cs.in.Reconnect != nil:
		return func(c zkapi.Client) error { return cs.in.Reconnect(c) }
	}
	return nil
}

// lose is a function that has a request or its reply lost, or nil.
func (cs *clients) lose() func(c zkapi.Client, reply bool) error {
	if cs.in.Connect != nil {
		return nil
	}
	return func(c zkapi.Client, reply bool) error {
		trap := loseRequest
		if reply {
			trap = loseReply
		}
		c.(*dialed).trap.Store(trap)
		return nil
	}
}

// expire is a function that ends a session on the server, or nil.
func (cs *clients) expire() func(int64) error {
	switch {
	case cs.in.Expire != nil:
		return func(session int64) error { return cs.in.Expire(session) }
	case cs.in.Connect != nil:
		return nil
	}
	return func(session int64) error {
		d := cs.of(session)
		if d == nil {
			return fmt.Errorf("nobody knows the password of session %#x", session)
		}
		if d.keepOut(nil) { // or it would take its session back
			defer d.heal()
		}
		q := d.resume()
		return expire(cs.in, &q)
	}
}

// of finds the client that has a session.
func (cs *clients) of(session int64) *dialed {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, d := range cs.dialed {
		if q := d.resume(); q.SessionID == session {
			return d
		}
	}
	return nil
}

// dialed is a client on connections that can be cut, for instances that are
// entered by Dial. It listens to its session's id and password.
type dialed struct {
	*realserver.Client
	in   *Instance
	trap atomic.Int32 // what is lost next

	mu       sync.Mutex
	shut     chan struct{} // whoever dials waits until it is closed; nil if nobody has to
	closed   bool          // there are no more connections
	conn     *tapped
	session  int64
	password []byte
}

// What may be lost, with the connection.
const (
	loseNothing int32 = iota
	loseRequest
	loseReply
)

// dial is the client's dialer. It makes one connection at a time.
func (d *dialed) dial(string, string, time.Duration) (net.Conn, error) {
	d.mu.Lock()
	shut := d.shut
	d.mu.Unlock()
	if shut != nil {
		<-shut
	}
	d.mu.Lock()
	closed := d.closed
	d.mu.Unlock()
	if closed {
		return nil, net.ErrClosed
	}
	nc, err := d.in.Dial()
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conn = &tapped{Conn: nc, owner: d}
	return d.conn, nil
}

// keepOut has the client wait with its next connection, and gives the one that
// it has to f. It tells whether the client did not have to wait before.
func (d *dialed) keepOut(f func(net.Conn) error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := d.shut == nil
	if first {
		d.shut = make(chan struct{})
	}
	if f != nil && d.conn != nil {
		_ = f(d.conn)
	}
	return first
}

// cut breaks the connection and lets no other be made.
func (d *dialed) cut() { d.keepOut(net.Conn.Close) }

func (d *dialed) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open()
}

// open has nobody wait any longer. d.mu is held.
func (d *dialed) open() {
	if d.shut != nil {
		close(d.shut)
		d.shut = nil
	}
}

// Close implements zkapi.Client. A client that waits with its next connection
// gets none, but is not to wait for ever.
func (d *dialed) Close() error {
	d.mu.Lock()
	if d.shut != nil {
		d.closed = true
		d.open()
	}
	d.mu.Unlock()
	return d.Client.Close()
}

// tapped is a connection whose first frame, the response to the connect
// request, is listened to.
type tapped struct {
	net.Conn
	owner *dialed
	first []byte
	done  bool
	deaf  atomic.Bool // what comes is lost
}

func (t *tapped) Write(b []byte) (int, error) {
	switch t.owner.trap.Swap(loseNothing) {
	case loseRequest:
		return len(b), t.Close()
	case loseReply:
		t.deaf.Store(true)
	}
	return t.Conn.Write(b)
}

func (t *tapped) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if t.deaf.Load() {
		t.Close()
		return 0, io.EOF
	}
	if !t.done {
		t.first = append(t.first, b[:n]...)
		t.listen()
	}
	return n, err
}

func (t *tapped) listen() {
	frame, _, ok, err := wire.NextFrame(t.first, wire.DefaultMaxFrame)
	if t.done = ok || err != nil; !ok {
		return
	}
	r := wire.NewReader(frame)
	var p wire.ConnectResponse
	if p.Read(&r); p.SessionID != 0 {
		t.owner.mu.Lock()
		defer t.owner.mu.Unlock()
		t.owner.session, t.owner.password = p.SessionID, p.Passwd
	}
}

// resume is the request with which the session can be taken over.
func (d *dialed) resume() wire.ConnectRequest {
	d.mu.Lock()
	defer d.mu.Unlock()
	return wire.ConnectRequest{SessionID: d.session, Passwd: d.password, TimeOut: 10_000}
}

// expire ends a session where the server has no way to be told: somebody who
// knows its password takes it over and closes it.
func expire(in *Instance, q *wire.ConnectRequest) error {
	nc, err := in.Dial()
	if err != nil {
		return err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	frames := wire.EndFrame(q.Append(wire.BeginFrame(nil)), 0)
	at := len(frames)
	frames = wire.BeginFrame(frames)
	h := wire.RequestHeader{Xid: 1, Type: zkapi.OpCloseSession}
	frames = wire.EndFrame(h.Append(frames), at)
	if _, err := nc.Write(frames); err != nil {
		return err
	}
	answer, err := io.ReadAll(nc)
	if err != nil {
		return err
	}
	frame, _, ok, err := wire.NextFrame(answer, wire.DefaultMaxFrame)
	if !ok {
		return fmt.Errorf("the server did not answer: %w", cmp.Or(err, io.ErrUnexpectedEOF))
	}
	r := wire.NewReader(frame)
	var p wire.ConnectResponse
	if p.Read(&r); p.SessionID == 0 {
		return fmt.Errorf("there is no session %#x", q.SessionID)
	}
	return nil
}
