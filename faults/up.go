package faults

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// maxHeld is how many bytes may wait on their way before Write waits, too, as
// it does when a socket's buffers are full.
const maxHeld = 1 << 20

// maxFrame is beyond what any server accepts: a length above it, such as the
// four letters of a word, is not one of a frame.
const maxFrame = 1 << 30

// upward is the direction to the server.
type upward struct {
	begun    bool   // the ConnectRequest has been seen
	part     []byte // the beginning of a frame whose end has not been written yet
	out      []byte // scratch: what to write, if that is not what the client wrote
	stalled  bool   // everything is lost from here on
	queue    []held // what waits, in order
	bytes    int    // in queue
	paced    time.Time
	timer    *time.Timer
	flushing bool // the timer's function is writing
	waiting  int
	body     wire.Request
	parts    []part
	matches  []match
}

// held is something that waits on its way to the server.
type held struct {
	due      time.Time // zero: when a silence without an end is healed
	silenced bool
	bytes    []byte
}

// Write takes everything, whole frames or not, and passes on whole frames.
// What waits for its time, or is lost, counts as written, as it does in a socket.
func (c *conn) Write(b []byte) (int, error) {
	c.writer <- struct{}{}
	defer func() { <-c.writer }()
	c.mu.Lock()
	for {
		if err := c.state("write", c.writeDeadline); err != nil {
			c.mu.Unlock()
			return 0, err
		}
		if c.cut || c.up.stalled {
			c.mu.Unlock()
			return len(b), nil
		}
		if c.up.bytes <= maxHeld {
			break
		}
		c.wait(&c.up.waiting, c.writeDeadline)
	}
	now := c.take(b)
	cut := c.cut
	c.mu.Unlock()
	n, err := len(b), error(nil)
	if len(now) > 0 {
		if n, err = c.inner.Write(now); err == nil {
			n = len(b) // whatever it has become
		}
	}
	if cut {
		_ = c.end() // it was to break, and is broken
		return len(b), nil
	}
	return min(n, len(b)), err
}

// take looks at what the client writes and returns what is to be written at
// once: b itself, if no rule has to do with it. c.mu is held.
func (c *conn) take(b []byte) (now []byte) {
	u, g := &c.up, c.plan.program.Load()
	data := b
	if len(u.part) > 0 {
		data = append(u.part, b...)
	}
	u.out = u.out[:0]
	at, pass := 0, 0 // data[pass:at] passes as it is
	for !c.opaque && !c.cut && !u.stalled {
		frame, ok := c.nextFrame(data[at:])
		if !ok {
			break
		}
		v := c.request(g, frame[4:])
		w := c.wayUp(g, v.delay)
		if v.act == nil && w == (wayUp{}) {
			at += len(frame)
			continue
		}
		u.out = append(u.out, data[pass:at]...)
		at += len(frame)
		pass = at
		switch {
		case v.does(Cut):
			c.breakOff()
		case v.does(Stall):
			u.stalled = true
		case v.does(Error):
			frame = c.harmless(frame)
			fallthrough
		default:
			c.hold(frame, w)
		}
	}
	switch {
	case c.cut || u.stalled:
		u.part = nil
		return u.out
	case c.opaque:
		at = len(data)
	}
	if pass == 0 && at == len(data) && len(u.part) == 0 {
		return b
	}
	u.out = append(u.out, data[pass:at]...)
	u.part = append(u.part[:0], data[at:]...)
	if len(u.part) == 0 && cap(u.part) > maxHeld {
		u.part = nil
	}
	return u.out
}

// nextFrame is the frame at the start of data, with its length, if it is whole.
func (c *conn) nextFrame(data []byte) (frame []byte, ok bool) {
	if len(data) < 4 {
		return nil, false
	}
	n := binary.BigEndian.Uint32(data)
	if n > maxFrame {
		c.opaque = true
		return nil, false
	}
	if uint32(len(data)-4) < n {
		return nil, false
	}
	return data[: 4+n : 4+n], true
}

// wayUp says when something may go to the server; the zero value: at once.
type wayUp struct {
	later    bool
	due      time.Time // zero: when a silence without an end is healed
	silenced bool
	rate     int
}

// wayUp looks at delays, at the network, and at what waits already. c.mu is held.
func (c *conn) wayUp(g *program, delay time.Duration) (w wayUp) {
	u := &c.up
	busy := len(u.queue) > 0 || u.flushing
	if delay == 0 && !busy && len(g.lasting) == 0 {
		return w
	}
	var l lasting
	if len(g.lasting) > 0 {
		l = c.plan.lasting(g, &c.who, ToServer)
	}
	w.silenced, w.rate = l.silent, l.rate
	if w.later = busy || delay > 0 || l.silent || l.rate > 0; !w.later {
		return w
	}
	if l.silent && l.until.IsZero() {
		return w
	}
	w.due = time.Now().Add(delay)
	if l.until.After(w.due) {
		w.due = l.until
	}
	return w
}

// hold puts bytes into the queue, or, if nothing is against it, to those that
// go now. c.mu is held.
func (c *conn) hold(b []byte, w wayUp) {
	u := &c.up
	if !w.later {
		u.out = append(u.out, b...)
		return
	}
	b = bytes.Clone(b)
	u.bytes += len(b)
	step := len(b)
	if w.rate > 0 {
		step = max(1, w.rate/50)
	}
	for first := true; first || len(b) > 0; first = false {
		n := min(step, len(b))
		if w.rate > 0 && !w.due.IsZero() {
			if u.paced.After(w.due) {
				w.due = u.paced
			}
			w.due = w.due.Add(time.Duration(n) * time.Second / time.Duration(w.rate))
			u.paced = w.due
		}
		u.queue = append(u.queue, held{w.due, w.silenced, b[:n]})
		b = b[n:]
	}
	u.arm(c)
}

// arm sets the timer for the first in the queue. c.mu is held.
func (u *upward) arm(c *conn) {
	if u.timer != nil {
		u.timer.Stop()
		u.timer = nil
	}
	if len(u.queue) > 0 && !u.queue[0].due.IsZero() && !u.flushing {
		u.timer = time.AfterFunc(time.Until(u.queue[0].due), c.flush)
	}
}

// drop empties the queue. c.mu is held.
func (u *upward) drop() {
	u.queue, u.bytes, u.part = nil, 0, nil
	if u.timer != nil {
		u.timer.Stop()
		u.timer = nil
	}
}

// flush writes what is due.
func (c *conn) flush() {
	u := &c.up
	c.mu.Lock()
	if u.flushing {
		c.mu.Unlock()
		return
	}
	u.flushing = true
	for len(u.queue) > 0 && passed(u.queue[0].due) {
		b := u.queue[0].bytes
		u.queue = u.queue[1:]
		u.bytes -= len(b)
		c.mu.Unlock()
		_, err := c.inner.Write(b)
		c.mu.Lock()
		if err != nil {
			u.drop()
		}
	}
	u.flushing = false
	u.arm(c)
	c.change()
	over := c.closed && len(u.queue) == 0
	c.mu.Unlock()
	if over {
		_ = c.end() // as the client asked when all this was still under way
	}
}

// request reads a request and asks the rules about it. c.mu is held.
func (c *conn) request(g *program, payload []byte) verdict {
	u := &c.up
	var q request
	r := wire.NewSharedReader(payload)
	if !u.begun {
		u.begun = true
		var cr wire.ConnectRequest
		if cr.Read(&r); r.Err() != nil {
			c.opaque = true
			return verdict{}
		}
		q.op = opConnect
		if cr.SessionID != 0 {
			c.who.session = cr.SessionID
		}
	} else if !u.read(g, &r, &q) {
		return verdict{}
	}
	v := verdict{}
	if g.early.has(q.op) {
		u.matches = find(u.matches[:0], g.requests, &c.who, &q)
		if len(u.matches) > 0 {
			v = c.plan.judge(u.matches, &c.who, &q)
		}
	}
	c.expect(g, &q, &v)
	return v
}

// read reads as much of a request as the rules want to know.
func (u *upward) read(g *program, r *wire.Reader, q *request) bool {
	var h wire.RequestHeader
	if h.Read(r); r.Err() != nil {
		return false
	}
	q.op, q.xid = h.Type, h.Xid
	if h.Type == zkapi.OpCloseSession {
		q.op = opClose
	}
	if !g.early.has(q.op) && !g.late.has(q.op) {
		return false
	}
	switch q.op {
	case zkapi.OpMulti, zkapi.OpMultiRead:
		u.body.Ops = wire.ReadMulti(r, u.body.Ops)
		u.parts = u.parts[:0]
		for i := range u.body.Ops {
			u.parts = append(u.parts, part{u.body.Ops[i].Type, u.body.Ops[i].Path})
		}
		q.ops = u.parts
	case zkapi.OpPing, zkapi.OpAuth, zkapi.OpSasl, zkapi.OpSetWatches, zkapi.OpSetWatches2, zkapi.OpWhoAmI,
		zkapi.OpReconfig, opClose:
	default:
		if q.path = r.String(); q.path == wire.NullString {
			q.path = ""
		}
	}
	return r.Err() == nil
}

// expect remembers a request if its reply is somebody's business. c.mu is held.
func (c *conn) expect(g *program, q *request, v *verdict) {
	answered := v.does(Error)
	if v.act != nil && !answered || !answered && !g.late.has(q.op) || q.op == opConnect {
		return
	}
	p := pending{request: *q, matches: find(nil, g.replies, &c.who, q)}
	if len(p.matches) == 0 && !answered {
		return
	}
	p.path = strings.Clone(p.path) // it is the client's memory
	p.ops = slices.Clone(p.ops)
	for i := range p.ops {
		p.ops[i].path = strings.Clone(p.ops[i].path)
	}
	for i := range p.matches {
		p.matches[i].path = strings.Clone(p.matches[i].path)
	}
	if answered {
		p.answer(v)
	}
	c.pending = append(c.pending, p)
}

// harmless returns the frame that goes to the server in place of a request that
// is answered with an error: a question about the root, so that the answer comes
// in its turn and tells a zxid. A request that only reads, and arms a watch
// even on an error, goes as it is.
func (c *conn) harmless(frame []byte) []byte {
	r := wire.NewSharedReader(frame[4:])
	var h wire.RequestHeader
	h.Read(&r)
	if p := &c.pending[len(c.pending)-1]; h.Type == zkapi.OpExists && p.code == zkapi.ErrNoNode {
		return frame
	}
	h.Type = zkapi.OpExists
	b := h.Append(wire.BeginFrame(nil))
	return wire.EndFrame((&wire.Op{Type: h.Type, Path: "/"}).Append(b), 0)
}
