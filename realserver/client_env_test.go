package realserver_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// Where the tests of the client run, and what they can do to its connections.

var _ zkapi.Client = (*realserver.Client)(nil)

// env is a service to test clients on.
type env struct {
	addr string
	dial func(network, address string, timeout time.Duration) (net.Conn, error)
	sim  *memserver.Server // nil for a real server
	v38  bool
	root string // a node for this test alone
	// direct makes memserver's own client instead, which is to behave the same.
	direct  bool
	restart func() // kills the server and starts it again
}

// onSim runs a test on a simulator in a bubble, which also fails it if a goroutine is left over.
func onSim(t *testing.T, test func(t *testing.T, e *env), opts ...func(*memserver.Config)) {
	t.Helper()
	opts = append(opts, func(c *memserver.Config) { c.ExtendedTypes = true })
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t, opts...)
		test(t, &env{addr: srv.Addr(), dial: srv.Dial, sim: srv, restart: srv.Restart})
	})
}

// behaviour is something that every client does on every server.
type behaviour struct {
	name string
	run  func(t *testing.T, e *env)
	wire bool // of this package's client alone
}

// everywhere runs behaviours on memserver's direct client, on a simulator over
// the pipe, and on a real server, in two versions each.
func everywhere(t *testing.T, behaviours []behaviour) {
	for _, version := range []string{"3.9", "3.8"} {
		profile := func(c *memserver.Config) {
			if version == "3.8" {
				c.Profile = memserver.V38
			}
		}
		for _, backend := range []string{"direct", "wire"} {
			t.Run(backend+"/"+version, func(t *testing.T) {
				for _, b := range behaviours {
					if b.wire && backend == "direct" {
						continue
					}
					t.Run(b.name, func(t *testing.T) {
						onSim(t, func(t *testing.T, e *env) {
							e.direct, e.v38 = backend == "direct", version == "3.8"
							e.start(t, b)
						}, profile)
					})
				}
			})
		}
		t.Run("real/"+version, func(t *testing.T) {
			t.Parallel() // it mostly waits
			srv := realserver.RunT(t, version)
			restart := func() {
				require.NoError(t, srv.Kill())
				require.NoError(t, srv.Restart(t.Context()))
			}
			for _, b := range behaviours {
				t.Run(b.name, func(t *testing.T) {
					(&env{addr: srv.Addr(), dial: net.DialTimeout, v38: version == "3.8", restart: restart}).start(t, b)
				})
			}
		})
	}
}

// zxid is the one that an event of this transaction has: 3.8 does not tell.
func (e *env) zxid(transaction int64) int64 {
	if e.v38 {
		return -1
	}
	return transaction
}

func (e *env) start(t *testing.T, b behaviour) {
	e.root = "/" + strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
	create(t, e.connect(t), e.root, "")
	b.run(t, e)
}

// connect makes a client, closed at the end of the test.
func (e *env) connect(t testing.TB, opts ...func(*realserver.ClientConfig)) zkapi.Client {
	t.Helper()
	if e.direct {
		return e.sim.ClientT(t)
	}
	return e.client(t, opts...)
}

func (e *env) client(t testing.TB, opts ...func(*realserver.ClientConfig)) *realserver.Client {
	t.Helper()
	opts = append([]func(*realserver.ClientConfig){func(c *realserver.ClientConfig) { c.Dialer = e.dial }}, opts...)
	c, err := realserver.Connect(t.Context(), []string{e.addr}, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// lined is a client with a line that the test has in its hand.
func (e *env) lined(t testing.TB, opts ...func(*realserver.ClientConfig)) (*realserver.Client, *line) {
	t.Helper()
	l := &line{under: e.dial}
	t.Cleanup(l.open)
	c := e.client(t, append(opts, func(c *realserver.ClientConfig) { c.Dialer = l.dial })...)
	return c, l
}

func create(t testing.TB, c zkapi.Client, path, data string) {
	t.Helper()
	_, err := c.Create(t.Context(), path, []byte(data), nil, zkapi.Persistent)
	require.NoError(t, err)
}

// requireOpError says that err is cause, wrapped with the operation and the path.
func requireOpError(t testing.TB, err error, op, path string, cause error) {
	t.Helper()
	require.ErrorIs(t, err, cause)
	var oe *zkapi.OpError
	require.ErrorAs(t, err, &oe)
	require.Equal(t, op, oe.Op)
	require.Equal(t, path, oe.Path)
}

// next is the next change of state.
func next(t testing.TB, s *zkapi.Stream[zkapi.StateChange]) zkapi.StateChange {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	change, err := s.Next(ctx)
	require.NoError(t, err)
	return change
}

// await skips to a state.
func await(t testing.TB, s *zkapi.Stream[zkapi.StateChange], state zkapi.State) zkapi.StateChange {
	t.Helper()
	for {
		if change := next(t, s); change.State == state {
			return change
		}
	}
}

// event is the one event of a watch, and says that the channel is closed after it.
func event(t testing.TB, ch <-chan zkapi.Event) zkapi.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case ev, ok := <-ch:
		require.True(t, ok, "closed without an event")
		_, ok = <-ch
		require.False(t, ok, "a second event")
		return ev
	case <-ctx.Done():
		require.FailNow(t, "no event")
	}
	return zkapi.Event{}
}

// silent says that a watch has not fired.
func silent(t testing.TB, ch <-chan zkapi.Event) {
	t.Helper()
	select {
	case ev, ok := <-ch:
		require.FailNow(t, "an event", "%v %v", ev, ok)
	default:
	}
}

// line is a dialer whose connections can be held up, cut and listened to.
type line struct {
	under func(network, address string, timeout time.Duration) (net.Conn, error)

	dials  valve // holds up dialling
	writes valve // holds up requests
	reads  valve // holds up replies

	mu      sync.Mutex
	refuse  bool // dials fail at once
	conns   []*lineConn
	rewrite func(h wire.RequestHeader, frame []byte) []byte // what is sent in place of a request
	greet   func(hello []byte)                              // changes the answer to the handshake
}

var errRefused = errors.New("no route to host")

func (l *line) dial(network, address string, timeout time.Duration) (net.Conn, error) {
	l.dials.pass(nil)
	if l.with(func() bool { return l.refuse }) {
		return nil, errRefused
	}
	nc, err := l.under(network, address, timeout)
	if err != nil {
		return nil, err
	}
	c := &lineConn{Conn: nc, l: l, closed: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, c)
	return c, nil
}

func (l *line) with(f func() bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return f()
}

func (l *line) setRefuse(v bool) { l.with(func() bool { l.refuse = v; return v }) }

// cut breaks the latest connection.
func (l *line) cut() { l.latest().Close() }

func (l *line) latest() *lineConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conns[len(l.conns)-1]
}

// count is how many connections there have been.
func (l *line) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// open lets everything through that is held up.
func (l *line) open() {
	for _, v := range []*valve{&l.dials, &l.writes, &l.reads} {
		v.set(false)
	}
}

// valve lets pass or does not.
type valve struct {
	mu   sync.Mutex
	shut chan struct{} // nil while open
}

func (v *valve) set(shut bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case shut && v.shut == nil:
		v.shut = make(chan struct{})
	case !shut && v.shut != nil:
		close(v.shut)
		v.shut = nil
	}
}

// pass waits until the valve is open, which is true, or end is closed.
func (v *valve) pass(end <-chan struct{}) bool {
	for {
		v.mu.Lock()
		shut := v.shut
		v.mu.Unlock()
		if shut == nil {
			return true
		}
		select {
		case <-shut:
		case <-end:
			return false
		}
	}
}

// lineConn is one connection of a line.
type lineConn struct {
	net.Conn
	l      *line
	once   sync.Once
	closed chan struct{}

	mu       sync.Mutex
	greeted  bool
	requests []wire.RequestHeader // without pings
	hello    []byte               // the answer to the handshake
}

func (c *lineConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func (c *lineConn) Write(b []byte) (int, error) {
	c.l.writes.pass(c.closed)
	out := c.note(b)
	if _, err := c.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (c *lineConn) note(b []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.greeted {
		c.greeted = true
		return b
	}
	h := wire.RequestHeader{Xid: int32(binary.BigEndian.Uint32(b[4:])), Type: zkapi.OpCode(int32(binary.BigEndian.Uint32(b[8:])))}
	if h.Type != zkapi.OpPing {
		c.requests = append(c.requests, h)
	}
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	if c.l.rewrite != nil {
		return c.l.rewrite(h, b)
	}
	return b
}

func (c *lineConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if !c.l.reads.pass(c.closed) {
		return 0, net.ErrClosed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hello == nil && n > 0 { // servers send it in one piece
		c.l.mu.Lock()
		if c.l.greet != nil {
			c.l.greet(b[:n])
		}
		c.l.mu.Unlock()
		c.hello = bytes.Clone(b[:n])
	}
	return n, err
}

// sent is the types of the requests on this connection.
func (c *lineConn) sent() []zkapi.OpCode {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ops []zkapi.OpCode
	for _, h := range c.requests {
		ops = append(ops, h.Type)
	}
	return ops
}

// password is the one of the session.
func (c *lineConn) session(t testing.TB) wire.ConnectResponse {
	c.mu.Lock()
	defer c.mu.Unlock()
	var p wire.ConnectResponse
	r := wire.NewReader(c.hello[4:])
	p.Read(&r)
	require.NoError(t, r.Err())
	return p
}

// expire ends the session of a line's client. On a real server somebody who
// knows the password takes the session over and closes it, and meanwhile the
// client must not take it back.
func (e *env) expire(t testing.TB, l *line) {
	t.Helper()
	conn := l.latest()
	s := conn.session(t)
	if e.sim != nil {
		require.True(t, e.sim.Expire(s.SessionID))
		return
	}
	l.dials.set(true)
	defer l.dials.set(false)
	nc, err := e.dial("tcp", e.addr, 10*time.Second)
	require.NoError(t, err)
	defer nc.Close()
	require.NoError(t, nc.SetDeadline(time.Now().Add(30*time.Second)))
	hello := wire.ConnectRequest{TimeOut: s.TimeOut, SessionID: s.SessionID, Passwd: s.Passwd}
	exchange(t, nc, hello.Append)
	bye := wire.RequestHeader{Xid: 1, Type: zkapi.OpCloseSession}
	exchange(t, nc, bye.Append)
}

// exchange sends a frame and waits for one.
func exchange(t testing.TB, nc net.Conn, body func([]byte) []byte) {
	t.Helper()
	_, err := nc.Write(wire.EndFrame(body(wire.BeginFrame(nil)), 0))
	require.NoError(t, err)
	var buf []byte
	for {
		if _, _, ok, err := wire.NextFrame(buf, wire.DefaultMaxFrame); ok || err != nil {
			require.NoError(t, err)
			return
		}
		buf = slices.Grow(buf, 1024)
		n, err := nc.Read(buf[len(buf):cap(buf)])
		require.NoError(t, err)
		buf = buf[:len(buf)+n]
	}
}
