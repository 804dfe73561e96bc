package model_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/model"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// direct is memserver without the wire.
type direct struct {
	profile memserver.Profile
	srv     *memserver.Server
}

// simulator makes a memserver in place of another one.
func simulator(old *memserver.Server, profile memserver.Profile, opts ...func(*memserver.Config)) (*memserver.Server, error) {
	if old != nil {
		old.Close()
		if err := old.Check(); err != nil {
			return nil, err
		}
	}
	return memserver.New(append(opts, func(c *memserver.Config) { c.Profile, c.ExtendedTypes = profile, true })...)
}

// patient is for servers whose clock the test does not have in its hand: nothing ends by itself.
func patient(c *memserver.Config) { c.MaxSessionTimeout, c.ContainerInterval = hour, hour }

const hour = time.Hour

func (d *direct) reset() (err error) {
	d.srv, err = simulator(d.srv, d.profile)
	return err
}

func (d *direct) server() model.Server {
	return model.Server{
		Connect: func(_ context.Context, timeout time.Duration) (zkapi.Client, error) {
			return d.srv.Client(func(c *memserver.ClientConfig) { c.SessionTimeout = timeout })
		},
		Reset:      d.reset,
		Expire:     func(id int64) error { d.srv.Expire(id); return nil },
		Disconnect: func(c zkapi.Client) error { d.srv.Disconnect(c.SessionID()); return nil },
		Reconnect:  func(c zkapi.Client) error { c.(*memserver.Client).Reconnect(); return nil },
		Restart:    func() error { d.srv.Restart(); return nil },
		Now:        func() time.Time { return d.srv.Now() },
		Advance:    func(t time.Duration) { d.srv.Advance(t) },
		Prompt:     true,
	}
}

// gate is a dialer that can be shut: whoever dials then waits until it opens.
type gate struct {
	dial func(network, addr string, timeout time.Duration) (net.Conn, error)

	mu   sync.Mutex
	shut chan struct{} // closed when the gate opens; nil while it is open
	gone bool          // nobody comes through any more
	last net.Conn
}

func (g *gate) Dial(network, addr string, timeout time.Duration) (net.Conn, error) {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		<-shut
	}
	g.mu.Lock()
	gone := g.gone
	g.mu.Unlock()
	if gone {
		return nil, net.ErrClosed
	}
	nc, err := g.dial(network, addr, timeout)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = nc
	return nc, err
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut == nil {
		g.shut = make(chan struct{})
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

// leave is for a client that is closed: if it waits, it does not come through.
func (g *gate) leave() {
	g.mu.Lock()
	g.gone = g.shut != nil
	g.mu.Unlock()
	g.open()
}

func (g *gate) cut() {
	g.close()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last.Close()
}

// overWire is what go-zookeeper's client can be made to do on any server.
type overWire struct {
	addr func() string
	dial func(network, addr string, timeout time.Duration) (net.Conn, error)

	mu      sync.Mutex
	clients []*gated // but those that are closed
}

// gated is a client that leaves its gate when it is closed, so that nobody waits there for ever.
type gated struct {
	*realserver.Client
	gate *gate
	w    *overWire
}

func (c *gated) Close() error {
	c.w.mu.Lock()
	c.w.clients = slices.DeleteFunc(c.w.clients, func(other *gated) bool { return c == other })
	c.w.mu.Unlock()
	c.gate.leave()
	return c.Client.Close()
}

func (w *overWire) connect(ctx context.Context, timeout time.Duration) (zkapi.Client, error) {
	g := &gate{dial: w.dial}
	c, err := realserver.Connect(ctx, []string{w.addr()}, func(c *realserver.ClientConfig) {
		c.SessionTimeout, c.Dialer, c.MaxRequest, c.MaxReply = timeout, g.Dial, 64<<10, 1<<20
	})
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	made := &gated{c, g, w}
	w.clients = append(w.clients, made)
	return made, nil
}

func (w *overWire) disconnect(c zkapi.Client) error { c.(*gated).gate.cut(); return nil }
func (w *overWire) reconnect(c zkapi.Client) error  { c.(*gated).gate.open(); return nil }

// apart runs f while the client of a session, if it loses its connection, waits.
func (w *overWire) apart(id int64, f func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.clients {
		if c.SessionID() == id && c.State() == zkapi.StateConnected {
			c.gate.close()
			defer c.gate.open()
		}
	}
	return f()
}

// pipe is memserver with go-zookeeper in front of it.
func pipe(profile memserver.Profile) (srv model.Server, stop func()) {
	var sim *memserver.Server
	w := &overWire{
		addr: func() string { return sim.Addr() },
		dial: func(network, addr string, timeout time.Duration) (net.Conn, error) {
			return sim.Dial(network, addr, timeout)
		},
	}
	srv = model.Server{
		Connect:    w.connect,
		Reset:      func() (err error) { sim, err = simulator(sim, profile, patient); return err },
		Expire:     func(id int64) error { sim.Expire(id); return nil },
		Disconnect: w.disconnect, Reconnect: w.reconnect,
		Restart: func() error { sim.Restart(); return nil },
	}
	return srv, func() { sim.Close() }
}

// real is a real server with go-zookeeper in front of it.
func real(s *realserver.Server) model.Server {
	w := &overWire{addr: s.Addr, dial: net.DialTimeout}
	return model.Server{
		Connect: w.connect, Disconnect: w.disconnect, Reconnect: w.reconnect,
		Expire: func(id int64) error { return w.apart(id, func() error { return takeOver(s.Addr(), id) }) },
	}
}

// takeOver ends a session as its client would.
func takeOver(addr string, id int64) error {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer nc.Close()
	q := wire.ConnectRequest{TimeOut: 10_000, SessionID: id, Passwd: password(id)}
	b := wire.EndFrame(q.Append(wire.BeginFrame(nil)), 0)
	start := len(b)
	h := wire.RequestHeader{Xid: 1, Type: zkapi.OpCloseSession}
	b = wire.EndFrame(h.Append(wire.BeginFrame(b)), start)
	if _, err := nc.Write(b); err != nil {
		return err
	}
	replies, err := io.ReadAll(nc)
	if len(replies) < 40+16 {
		return errors.Join(errors.New("the session could not be closed"), err)
	}
	return nil
}

func password(id int64) []byte {
	const multiplier, mask = 0x5DEECE66D, 1<<48 - 1
	seed := (uint64(id) ^ 0xB3415C00 ^ multiplier) & mask
	var p []byte
	for len(p) < wire.PasswordLen {
		seed = (seed*multiplier + 0xB) & mask
		p = binary.LittleEndian.AppendUint32(p, uint32(seed>>16))
	}
	return p
}
