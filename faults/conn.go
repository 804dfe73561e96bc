package faults

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// conn is a client's end of a connection with a plan in between. It has no
// goroutine: what waits on the way to the server is written by a timer, what
// waits on the way to the client by the client's own Read.
type conn struct {
	inner net.Conn
	plan  *Plan
	who   peer

	reader chan struct{} // holds a token while somebody is in Read
	writer chan struct{} // and in Write

	mu      sync.Mutex    // guards all below; nothing blocks under it
	changed chan struct{} // closed, and made anew, for those who wait for a change
	up      upward
	down    downward
	pending []pending
	opaque  bool // not ZooKeeper's protocol: everything passes
	cut     bool // a rule has broken the connection; the client may not know yet
	closed  bool // by the client

	readDeadline, writeDeadline, innerDeadline time.Time
}

// pending is a request that a rule waits for the reply to.
type pending struct {
	request
	matches []match
	code    zkapi.Code // what the reply is to say; 0 for what it says
	part    int        // of a multi
}

func (p *pending) answer(v *verdict) { p.code, p.part = v.act.rule.Code, v.part }

func newConn(p *Plan, name string, inner net.Conn) *conn {
	c := &conn{inner: inner, plan: p, who: peer{name: name}, reader: make(chan struct{}, 1), writer: make(chan struct{}, 1), changed: make(chan struct{})}
	c.who.conn = c
	p.enter(c)
	return c
}

func (c *conn) LocalAddr() net.Addr  { return c.inner.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.inner.RemoteAddr() }

func (c *conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t) // the second says the same
	return c.SetWriteDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.readDeadline = t
	c.change()
	return c.limitRead(c.down.next())
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.writeDeadline = t
	c.change()
	return c.inner.SetWriteDeadline(t)
}

// limitRead makes a Read of the inner connection return at the client's
// deadline, and at another time if that is not zero. c.mu is held.
func (c *conn) limitRead(also time.Time) error {
	t := c.readDeadline
	if !also.IsZero() && (t.IsZero() || also.Before(t)) {
		t = also
	}
	if t.Equal(c.innerDeadline) {
		return nil
	}
	c.innerDeadline = t
	return c.inner.SetReadDeadline(t)
}

func passed(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }

// change wakes everybody in wait. c.mu is held.
func (c *conn) change() {
	if c.down.waiting+c.up.waiting > 0 {
		close(c.changed)
		c.changed = make(chan struct{})
	}
}

// wait returns after a change, or at one of the times. c.mu is held, but not while it waits.
func (c *conn) wait(waiting *int, times ...time.Time) {
	var timeout <-chan time.Time
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if !first.IsZero() {
		timer := time.NewTimer(time.Until(first))
		defer timer.Stop()
		timeout = timer.C
	}
	changed := c.changed
	*waiting++
	c.mu.Unlock()
	select {
	case <-changed:
	case <-timeout:
	}
	c.mu.Lock()
	*waiting--
}

// longAgo is a deadline that ends what is under way.
var longAgo = time.Unix(1, 0)

// breakOff ends the connection on the server's side at once. The client reads
// what it is entitled to and then finds the connection reset. c.mu is held;
// the caller closes the inner connection when it is not.
func (c *conn) breakOff() {
	c.cut = true
	c.up.drop()
	c.pending = nil
	c.change()
}

func (c *conn) reset(op string) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.inner.LocalAddr(), Addr: c.inner.RemoteAddr(), Err: syscall.ECONNRESET}
}

// Close closes the connection. If a rule lets nothing through to the server,
// the server does not learn of it, as with a machine that has lost its network:
// it keeps the session until its timeout, and the connection as long as that.
func (c *conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return net.ErrClosed
	}
	c.closed = true
	silent := lasting{}
	if g := c.plan.program.Load(); len(g.lasting) > 0 && !c.cut {
		silent = c.plan.lasting(g, &c.who, ToServer)
	}
	if silent.silent { // the end waits, like everything else
		c.hold(nil, wayUp{later: true, due: silent.until, silenced: true})
	}
	forever := (c.up.stalled || silent.silent && silent.until.IsZero()) && !c.plan.isClosed()
	waits := len(c.up.queue) > 0 || c.up.flushing
	cut := c.cut
	c.change()
	c.mu.Unlock()
	if cut || !forever && !waits {
		return c.end()
	}
	_ = c.inner.SetReadDeadline(longAgo) // wakes the client's Read
	if forever {
		go c.linger()
	}
	return nil // flush, or linger, closes
}

func (c *conn) end() error {
	c.plan.leave(c)
	c.plan.forget(c)
	return c.inner.Close()
}

// linger waits until the server gives up a connection whose end it does not know of.
func (c *conn) linger() {
	c.reader <- struct{}{} // after the client's Read
	_ = c.inner.SetReadDeadline(time.Time{})
	_, _ = io.Copy(io.Discard, c.inner) // to its end, whatever that is
	<-c.reader
	_ = c.end() // it is not the client that wants to know
}

// healed implements live.
func (c *conn) healed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.change()
	for i := range c.up.queue {
		if c.up.queue[i].silenced {
			c.up.queue[i].due = time.Now()
		}
	}
	c.up.arm(c)
}

// shut implements live.
func (c *conn) shut() {
	c.mu.Lock()
	closed := c.closed
	if closed {
		c.up.drop()
	}
	c.mu.Unlock()
	if closed {
		_ = c.end() // of something that nobody uses
	}
}

// state is the error of a Read or Write of a connection that is closed or too late. c.mu is held.
func (c *conn) state(op string, deadline time.Time) error {
	switch {
	case c.closed:
		return net.ErrClosed
	case passed(deadline):
		return &net.OpError{Op: op, Net: "tcp", Source: c.inner.LocalAddr(), Addr: c.inner.RemoteAddr(), Err: os.ErrDeadlineExceeded}
	}
	return nil
}
