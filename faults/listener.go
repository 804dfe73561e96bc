package faults

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Listener puts the plan between a server and whoever connects to l, for
// clients that cannot be given a dialer because they are other programs:
//
//	err := srv.Serve(plan.Listener(l))
//
// A refused connection is accepted and reset at once, since nobody else is
// there to refuse it. While the plan has no rules, connections pass as they are;
// when it gets some, also the connections that are there by then go through it,
// each with two goroutines, which end with it.
func (p *Plan) Listener(l net.Listener) net.Listener { return p.As("").Listener(l) }

// Listener is Plan.Listener for this client.
func (y *Party) Listener(l net.Listener) net.Listener { return &listener{l, y} }

type listener struct {
	net.Listener
	party *Party
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		outside, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		p := l.party.plan
		who := &peer{name: l.party.name, conn: new(byte)}
		if p.refused(who) {
			hangUp(outside)
			continue
		}
		a := &accepted{outside: outside, party: l.party}
		if secure, ok := outside.(interface{ Handshake() error }); ok {
			a.shake = secure.Handshake
		}
		p.enter(a)
		a.healed()
		return a, nil
	}
}

type wrapper interface{ NetConn() net.Conn }

// hangUp closes a connection as a machine does that knows nothing of it.
func hangUp(nc net.Conn) {
	inner := nc
	for outer, ok := nc.(wrapper); ok; outer, ok = inner.(wrapper) {
		inner = outer.NetConn() // of TLS
	}
	if tcp, ok := inner.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0) // what cannot be done is as good
	}
	_ = nc.Close()
}

// accepted is a server's end. At first the server uses the client's connection
// itself. When the plan has something to say, both directions go through a pipe
// with the plan in it: what the server writes from that moment on, and what it
// reads as soon as it has all of the frame under way.
type accepted struct {
	outside net.Conn // the client's connection, as the server wants it read and written
	party   *Party

	mu     sync.Mutex
	shake  func() error // TLS, which comes first; nil when it is done
	inside net.Conn     // the server's end of the pipe; nil while there is none
	plan   *conn        // and the other end
	joined bool         // what the client sends goes through the pipe
	woken  bool         // a Read has been interrupted
	closed bool
	up     cursor
	said   bool // the server has written something
	whose  int64

	readDeadline, writeDeadline time.Time
}

// NetConn is the client's connection, for servers that want to know of TLS.
func (a *accepted) NetConn() net.Conn { return a.outside }

// handshake is the first thing that happens on a connection with TLS.
func (a *accepted) handshake() error {
	a.mu.Lock()
	shake := a.shake
	a.mu.Unlock()
	if shake == nil {
		return nil
	}
	if err := shake(); err != nil {
		return err
	}
	a.mu.Lock()
	a.shake = nil
	a.mu.Unlock()
	a.healed() // there may be rules by now
	return nil
}

// Through lets the server have its own way of reading and writing the client's
// connection, unless that goes through the plan already. It is to be called before all else that a server does.
func (a *accepted) Through(wrap func(net.Conn) net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inside == nil {
		a.outside = wrap(a.outside)
	}
}

func (a *accepted) LocalAddr() net.Addr  { return a.outside.LocalAddr() }
func (a *accepted) RemoteAddr() net.Addr { return a.outside.RemoteAddr() }

// Read implements net.Conn. Bytes that have come since the plan has rules go
// to the plan, unless they are the rest of a frame.
func (a *accepted) Read(b []byte) (int, error) {
	if err := a.handshake(); err != nil {
		return 0, err
	}
	for {
		a.mu.Lock()
		joined, inside := a.joined, a.inside
		a.mu.Unlock()
		if joined {
			return inside.Read(b)
		}
		n, err := a.outside.Read(b)
		a.mu.Lock()
		if a.inside == nil {
			a.up.pass(b[:n])
		} else if rest := a.up.finish(b[:n]); a.up.between() {
			a.join(bytes.Clone(b[rest:n]), err)
			n, err = rest, nil
		}
		if a.woken && errors.Is(err, os.ErrDeadlineExceeded) && !passed(a.readDeadline) {
			a.woken, err = false, a.outside.SetReadDeadline(a.readDeadline)
		}
		a.mu.Unlock()
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Write implements net.Conn.
func (a *accepted) Write(b []byte) (int, error) {
	a.mu.Lock()
	inside := a.inside
	if inside == nil && !a.said {
		a.said, a.whose = true, sessionOf(b)
	}
	a.mu.Unlock()
	if inside != nil {
		return inside.Write(b)
	}
	return a.outside.Write(b)
}

// sessionOf reads the session out of a server's first words.
func sessionOf(b []byte) int64 {
	const at = 4 + 4 + 4 // length, version, timeout
	if len(b) < at+8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b[at:]))
}

// healed implements live: the rules have changed.
func (a *accepted) healed() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inside != nil || a.closed || a.up.opaque || a.shake != nil || a.party.plan.program.Load().idle() {
		return
	}
	ours, theirs := net.Pipe()
	a.inside, a.plan = theirs, newConn(a.party.plan, a.party.name, ours)
	a.plan.who.session, a.plan.down.begun = a.whose, a.said // nobody else has it yet
	_ = theirs.SetReadDeadline(a.readDeadline)              // a pipe takes every deadline
	_ = theirs.SetWriteDeadline(a.writeDeadline)
	go a.back()
	a.woken = true
	_ = a.outside.SetReadDeadline(longAgo) // if it is closed, Read knows
}

// join lets everything that the client sends go through the plan, what has
// been read already first. a.mu is held.
func (a *accepted) join(first []byte, err error) {
	a.joined = true
	_ = a.outside.SetReadDeadline(time.Time{})
	a.plan.mu.Lock()
	a.plan.up.begun = a.up.begun
	a.plan.mu.Unlock()
	go func() {
		_, _ = a.plan.Write(first)
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			_, _ = io.Copy(a.plan, a.outside) // to the end of what the client says
		}
		_ = a.plan.Close() // which the server learns, if the plan lets it
	}()
}

// back takes to the client what the plan lets through.
func (a *accepted) back() {
	_, err := io.Copy(a.outside, a.plan)
	if errors.Is(err, syscall.ECONNRESET) {
		hangUp(a.outside)
	} else {
		_ = a.outside.Close() // wakes the other direction
	}
	a.mu.Lock()
	joined := a.joined
	a.joined = true
	a.mu.Unlock()
	if !joined {
		_ = a.plan.Close()
	}
}

// shut implements live.
func (a *accepted) shut() {}

// Close implements net.Conn.
func (a *accepted) Close() error {
	a.party.plan.leave(a)
	a.mu.Lock()
	a.closed = true
	inside := a.inside
	a.mu.Unlock()
	if inside != nil {
		return inside.Close() // and back does the rest
	}
	return a.outside.Close()
}

func (a *accepted) SetDeadline(t time.Time) error {
	return first(a.SetReadDeadline(t), a.SetWriteDeadline(t))
}

func (a *accepted) SetReadDeadline(t time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.readDeadline = t
	if a.inside == nil {
		return a.outside.SetReadDeadline(t)
	}
	if !a.joined {
		a.woken = true // Read sees to the rest
		_ = a.outside.SetReadDeadline(longAgo)
	}
	return a.inside.SetReadDeadline(t)
}

func (a *accepted) SetWriteDeadline(t time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writeDeadline = t
	if a.inside == nil {
		return a.outside.SetWriteDeadline(t)
	}
	return a.inside.SetWriteDeadline(t)
}

// cursor follows the frames of one direction.
type cursor struct {
	begun  bool // there has been a whole frame
	opaque bool // these are no frames
	head   [4]byte
	have   int // bytes of head
	body   int // bytes that are left of the body
}

// between tells whether no frame is under way.
func (c *cursor) between() bool { return c.have == 0 && c.body == 0 && !c.opaque }

// finish passes what belongs to the frame under way, and tells how much that is.
func (c *cursor) finish(b []byte) (n int) {
	for n < len(b) && !c.between() && !c.opaque {
		step := 1 // of the length
		if c.body > 0 {
			step = min(c.body, len(b)-n)
		}
		c.pass(b[n : n+step])
		n += step
	}
	return n
}

func (c *cursor) pass(b []byte) {
	for len(b) > 0 && !c.opaque {
		if c.body > 0 {
			n := min(c.body, len(b))
			c.body, b = c.body-n, b[n:]
			continue
		}
		n := copy(c.head[c.have:], b)
		c.have, b = c.have+n, b[n:]
		if c.have < 4 {
			return
		}
		size := binary.BigEndian.Uint32(c.head[:])
		c.have, c.body, c.begun = 0, int(size), true
		c.opaque = size > maxFrame
	}
}
