package faults

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

const (
	readBuffer  = 8 << 10 // of a connection
	readDirect  = 1 << 10 // from this size on, the rest of a long frame is read straight into the client's buffer
	replyHeader = 16
)

// downward is the direction to the client. Bytes go from the inner connection
// into buf; parse lets them pass or moves them to the queue, deliver gives them
// to the client: first what passes in buf, then the queue.
type downward struct {
	begun   bool   // the ConnectResponse has been seen
	buf     []byte // buf[off:] is left of what has arrived
	off     int
	ready   int       // buf[off:off+ready] passes
	left    int       // bytes of the frame under way that are not parsed yet
	way     wayDown   // of that frame
	then    Action    // what happens when that frame has been delivered: Cut, Stall or nothing
	queue   []arrived // what waits, in order
	stalled bool      // everything is lost from here on
	err     error     // of the inner connection
	paced   time.Time
	waiting int
}

// arrived is something that waits on its way to the client.
type arrived struct {
	due   time.Time
	late  bool // because of a notification, which a ping may overtake
	bytes []byte
}

// wayDown says what happens to the bytes of a frame; the zero value: they pass.
type wayDown struct {
	skip bool // another answer has taken its place
	due  time.Time
	late bool
	ping bool
	rate int
}

// Read waits for bytes from the server, and for their time.
func (c *conn) Read(b []byte) (int, error) {
	c.reader <- struct{}{}
	defer func() { <-c.reader }()
	c.mu.Lock()
	defer c.mu.Unlock()
	d := &c.down
	for {
		if err := c.state("read", c.readDeadline); err != nil {
			return 0, err
		}
		if n := d.deliver(b); n > 0 || len(b) == 0 {
			c.afterDelivery()
			return n, nil
		}
		g := c.plan.program.Load()
		switch {
		case c.cut && len(d.queue) == 0:
			return 0, c.reset("read")
		case c.cut:
			c.wait(&d.waiting, c.readDeadline, d.next())
		case d.hasNews() && c.silent(g):
			// it waits in there
		case c.parse(g):
		case d.err == nil:
			if n := c.fill(b, g); n > 0 {
				c.afterDelivery()
				return n, nil
			}
		case d.stalled || len(d.queue) > 0:
			c.wait(&d.waiting, c.readDeadline, d.next())
		case d.off < len(d.buf):
			d.ready = len(d.buf) - d.off // the beginning of something
		default:
			return 0, d.err
		}
	}
}

// afterDelivery does what was to happen when the client has it all.
func (c *conn) afterDelivery() {
	d := &c.down
	if d.then == "" || d.left > 0 || d.ready > 0 || len(d.queue) > 0 || c.cut {
		return
	}
	if d.then == Stall {
		d.stall()
	} else {
		c.breakNow()
	}
}

func (d *downward) stall() {
	d.stalled, d.then, d.left = true, "", 0
	d.buf, d.off = d.buf[:0], 0
}

// deliver gives the client what may be given to it.
func (d *downward) deliver(b []byte) (n int) {
	if d.ready > 0 {
		n = copy(b, d.buf[d.off:d.off+d.ready])
		d.off, d.ready = d.off+n, d.ready-n
		return n
	}
	for n < len(b) && len(d.queue) > 0 && passed(d.queue[0].due) {
		k := copy(b[n:], d.queue[0].bytes)
		n += k
		if d.queue[0].bytes = d.queue[0].bytes[k:]; len(d.queue[0].bytes) == 0 {
			d.queue = d.queue[1:]
		}
	}
	return n
}

// next is when the first in the queue is due; zero if there is none.
func (d *downward) next() time.Time {
	if len(d.queue) == 0 {
		return time.Time{}
	}
	return d.queue[0].due
}

// hasNews tells whether there is something that has not been looked at.
func (d *downward) hasNews() bool { return d.off < len(d.buf) || d.err != nil }

// silent waits, if the network is silent, for a change of that.
func (c *conn) silent(g *program) bool {
	if len(g.lasting) == 0 || c.down.stalled {
		return false
	}
	l := c.plan.lasting(g, &c.who, FromServer)
	if l.silent {
		c.wait(&c.down.waiting, c.readDeadline, l.until, c.down.next())
	}
	return l.silent
}

// breakNow breaks the connection. c.mu is held, but not all the time.
func (c *conn) breakNow() {
	c.breakOff()
	c.mu.Unlock()
	_ = c.end() // it was to break, and is broken
	c.mu.Lock()
}

// fill reads from the inner connection, into buf, or into b if that is the same
// in the end; then it tells how much. c.mu is held, but not while it reads.
func (c *conn) fill(b []byte, g *program) int {
	d := &c.down
	if d.buf == nil {
		d.buf = make([]byte, 0, readBuffer)
	}
	if d.off > 0 {
		d.buf = d.buf[:copy(d.buf[:cap(d.buf)], d.buf[d.off:])]
		d.off = 0
	}
	if len(d.buf) == cap(d.buf) {
		d.buf = slices.Grow(d.buf, cap(d.buf)) // a notification that is still not whole
	}
	to := d.buf[len(d.buf):cap(d.buf)]
	direct := len(d.buf) == 0 && d.way == (wayDown{}) && min(d.left, len(b)) >= readDirect &&
		len(d.queue) == 0 && len(g.lasting) == 0 && !d.stalled
	if direct {
		to = b[:min(d.left, len(b))]
	}
	err := c.limitRead(d.next())
	n := 0
	if err == nil {
		c.mu.Unlock()
		n, err = c.inner.Read(to)
		c.mu.Lock()
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		d.err = err
	}
	if direct {
		d.left -= n
		return n
	}
	d.buf = d.buf[:len(d.buf)+n]
	return 0
}

// parse looks at what has arrived, and tells whether that has changed anything.
func (c *conn) parse(g *program) (changed bool) {
	d := &c.down
	for ; ; changed = true {
		news := d.buf[d.off+d.ready:]
		switch {
		case d.stalled:
			d.buf, d.off = d.buf[:0], 0
			return changed
		case len(news) == 0 || d.then != "" && d.left == 0 || c.cut:
			return changed
		case c.opaque:
			d.ready += len(news)
			continue
		case d.left == 0:
			if d.ready > 0 && c.attentive(g) {
				return changed // one at a time
			}
			if d.left = c.reply(g, news); d.left == 0 {
				return changed || d.stalled || c.cut
			}
		}
		part := news[:min(d.left, len(news))]
		d.left -= len(part)
		d.place(part)
	}
}

// attentive tells whether a frame could do anything but pass.
func (c *conn) attentive(g *program) bool {
	return !c.down.begun || len(c.pending) > 0 || len(g.events) > 0 || len(g.lasting) > 0 || len(c.down.queue) > 0
}

// place lets a part of a frame pass, or puts it into the queue.
func (d *downward) place(b []byte) {
	if d.way == (wayDown{}) || d.way == (wayDown{ping: true}) && len(d.queue) == 0 {
		d.ready += len(b)
		return
	}
	d.off += len(b)
	if !d.way.skip {
		d.enqueue(bytes.Clone(b))
	}
}

// enqueue puts bytes into the queue, in small pieces if the network is slow.
func (d *downward) enqueue(b []byte) {
	w := &d.way
	step := len(b)
	if w.rate > 0 {
		step = max(1, w.rate/50)
	}
	if w.ping && len(d.queue) > 0 && d.queue[0].late && !passed(d.queue[0].due) {
		d.queue = slices.Insert(d.queue, 0, arrived{due: w.due, bytes: b})
		return
	}
	for len(b) > 0 {
		n := min(step, len(b))
		due := w.due
		if w.rate > 0 {
			if d.paced.After(due) {
				due = d.paced
			}
			due = due.Add(time.Duration(n) * time.Second / time.Duration(w.rate))
			d.paced = due
		}
		d.queue = append(d.queue, arrived{due, w.late, b[:n]})
		b, w.late = b[n:], false
	}
}

// reply looks at the frame that begins here. It decides what happens to it and
// returns its length; 0 if more of it has to be there first, or nothing comes
// of it. c.mu is held.
func (c *conn) reply(g *program, news []byte) int {
	if len(news) < 4 {
		return 0
	}
	d := &c.down
	size := binary.BigEndian.Uint32(news)
	if size > maxFrame {
		c.opaque = true
		return len(news)
	}
	n := 4 + int(size)
	d.way = wayDown{}
	whole := len(news) >= n
	switch {
	case !d.begun:
		if !whole {
			return 0
		}
		return c.connected(g, news[:n])
	case !c.attentive(g) || n < 4+replyHeader:
		return n
	case len(news) < 4+replyHeader:
		return 0
	}
	var h wire.ReplyHeader
	r := wire.NewSharedReader(news[4:min(n, len(news))])
	h.Read(&r)
	switch {
	case h.Xid == wire.XidNotification && len(g.events) > 0 && size <= maxHeld:
		if !whole {
			return 0
		}
		return c.notification(g, &r, n)
	case h.Xid == wire.XidNotification:
		return c.settle(g, verdict{}, n)
	}
	d.way.ping = h.Xid == wire.XidPing
	i := slices.IndexFunc(c.pending, func(p pending) bool { return p.xid == h.Xid })
	if i < 0 {
		return c.settle(g, verdict{}, n)
	}
	p := c.pending[i]
	c.pending = slices.Delete(c.pending, i, i+1)
	v := c.plan.judge(p.matches, &c.who, &p.request)
	if v.does(Error) {
		p.answer(&v)
		v.act = nil
	}
	n = c.settle(g, v, n)
	if n > 0 && p.code != 0 {
		c.replace(&p, h)
	}
	return n
}

// connected looks at the answer to the handshake.
func (c *conn) connected(g *program, frame []byte) int {
	c.down.begun = true
	var p wire.ConnectResponse
	r := wire.NewSharedReader(frame[4:])
	if p.Read(&r); r.Err() != nil {
		c.opaque = true
		return len(frame)
	}
	c.who.session = p.SessionID
	var v verdict
	q := request{op: opConnect}
	if matches := find(nil, g.replies, &c.who, &q); len(matches) > 0 {
		v = c.plan.judge(matches, &c.who, &q)
	}
	return c.settle(g, v, len(frame))
}

// notification looks at an event of a watch.
func (c *conn) notification(g *program, r *wire.Reader, n int) int {
	var e wire.WatcherEvent
	var v verdict
	if e.Read(r); r.Err() == nil {
		q := request{op: zkapi.OpCode(e.Type), xid: wire.XidNotification, path: e.Path}
		if matches := find(nil, g.events, &c.who, &q); len(matches) > 0 {
			for i := range matches {
				matches[i].path = strings.Clone(matches[i].path)
			}
			v = c.plan.judge(matches, &c.who, &q)
			c.down.way.late = v.delay > 0
		}
	}
	return c.settle(g, v, n)
}

// settle carries out a verdict on a frame of n bytes and returns how many of
// them go on.
func (c *conn) settle(g *program, v verdict, n int) int {
	d := &c.down
	if v.act != nil {
		switch delivered := v.act.rule.Point == AfterDelivery; {
		case delivered:
			d.then = v.act.rule.Action
		case v.does(Stall):
			d.stall()
			return 0
		default:
			d.buf = d.buf[:d.off+d.ready]
			c.breakNow()
			return 0
		}
	}
	if len(g.lasting) > 0 {
		d.way.rate = c.plan.lasting(g, &c.who, FromServer).rate
	}
	if v.delay > 0 || len(d.queue) > 0 || d.way.rate > 0 {
		d.way.due = time.Now().Add(v.delay)
	}
	return n
}

// replace puts an error in the place of the reply that is about to pass.
func (c *conn) replace(p *pending, h wire.ReplyHeader) {
	d := &c.down
	if p.op == zkapi.OpMulti && p.part >= 0 {
		h.Err = 0
	} else {
		h.Err = p.code
	}
	b := h.Append(wire.BeginFrame(nil))
	if h.Err == 0 {
		b = p.results(b)
	}
	if d.way.due.IsZero() {
		d.way.due = time.Now()
	}
	d.enqueue(wire.EndFrame(b, 0))
	d.way.skip = true
	if p.op == zkapi.OpAuth && p.code == zkapi.ErrAuthFailed {
		d.then = Cut // as a server does
	}
}

// results appends what a server says of the parts of a multi of which one has failed.
func (p *pending) results(b []byte) []byte {
	var reply wire.Reply
	for i := range p.ops {
		r := wire.MultiResult{Type: zkapi.OpErr}
		switch {
		case i == p.part:
			r.Err = p.code
		case i > p.part:
			r.Err = zkapi.ErrRuntimeInconsistency
		}
		reply.Results = append(reply.Results, r)
	}
	return reply.Append(b, zkapi.OpMulti)
}
