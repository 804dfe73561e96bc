package memserver

import (
	"net"
	"sync"
	"time"

	"github.com/zksim/zksim/memserver/internal/state"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

const (
	// firstRead is the size of a connection's read buffer before it proves too small.
	firstRead = 4 << 10
	// usualRead is the size to which it grows for a client that sends many requests at once.
	usualRead = 32 << 10
	// keptBuffer is the size up to which buffers are kept for the next batch.
	keptBuffer = 64 << 10
	// batchBytes ends a batch: replies that large are sent before more requests are looked at.
	// It is half of keptBuffer, so that the last reply seldom makes the buffer too large to keep.
	batchBytes = 32 << 10
	// handshakeTime is how long a connection may take to say what it wants, in
	// milliseconds, before connExpiry rounds it up.
	handshakeTime = 10_000
	// writeTime is how long the last bytes to a client may take.
	writeTime = 20 * time.Second
)

// connExpiry is when ZooKeeper gives up a connection of which it has heard
// last at a time: it looks every ten seconds. All in milliseconds.
func connExpiry(last, timeout int64) int64 { return ((last+timeout)/10_000 + 1) * 10_000 }

// conn serves one client over a net.Conn. Its own goroutine reads, applies the
// requests that are there in one batch under the server's lock, and writes
// their replies itself. Only what other clients cause, which is watch events,
// is written by a goroutine made for that.
type conn struct {
	srv    *Server
	member *Member
	nc     net.Conn
	st     *state.Conn
	ip     string
	in     []byte // bytes read and not yet handled
	filled bool   // there was no room for more when they were read
	req    wire.Request
	rsp    state.Response
	stats  connStats
	asked  bool // a four-letter word
	secure bool // over TLS

	inBatch bool // guarded by Server.mu: this connection's requests are being applied
	out     outbox
}

// outbox is what is to be written. mu is taken after Server.mu, if both are.
type outbox struct {
	mu      sync.Mutex
	buf     []byte // complete frames
	spare   []byte // the other buffer, while buf is filled
	writing bool   // somebody is in Write
	stalled bool   // nobody writes, see Server.Stall
	waiting bool   // for the reply to a request, with all behind that
	queued  bool   // in Server.unsent
	closing bool   // close once everything is written
	dead    bool   // Write has failed or the connection was cut
	idle    sync.Cond
}

// serve runs a connection until it ends.
func (m *Member) serve(nc net.Conn) {
	ip := nc.RemoteAddr().String()
	if host, _, err := net.SplitHostPort(ip); err == nil {
		ip = host
	}
	c := &conn{srv: m.srv, member: m, nc: nc, ip: ip, in: make([]byte, 0, firstRead)}
	c.out.idle.L = &c.out.mu
	if !m.admit(c) {
		nc.Close()
		return
	}
	defer c.end()
	now := c.stats.established
	nc.SetDeadline(time.Now().Add(time.Duration(connExpiry(now, handshakeTime)-now) * time.Millisecond))
	if c.identify() && c.handshake() {
		nc.SetDeadline(time.Time{})
		for c.batch() && c.fill() {
		}
	}
}

// admit enters a connection into the books, unless there are too many from its address.
func (m *Member) admit(c *conn) bool {
	s := m.srv
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || m.stopped {
		return false
	}
	if s.cfg.MaxClientCnxns > 0 && m.perIP[c.ip] >= s.cfg.MaxClientCnxns {
		m.stats.rejected++
		return false
	}
	m.perIP[c.ip]++
	m.conns[c] = struct{}{}
	s.open.Add(1)
	c.st = s.st.NewConn(m.st, c.ip)
	c.st.Peer = c
	c.stats.established = s.now()
	return true
}

func (c *conn) end() {
	s, m := c.srv, c.member
	s.mu.Lock()
	s.st.Disconnect(s.now(), c.st)
	delete(m.conns, c)
	s.open.Add(-1)
	if m.perIP[c.ip]--; m.perIP[c.ip] == 0 {
		delete(m.perIP, c.ip)
	}
	s.release()
	c.out.mu.Lock()
	c.out.closing = true
	c.out.mu.Unlock()
	c.nc.SetWriteDeadline(time.Now().Add(writeTime))
	c.flush()
}

// fill waits for more bytes. The buffer grows only when it was filled by bytes
// that have really come, so a length that lies costs nothing: without limit but
// the longest frame's while one frame does not fit, and up to usualRead for
// more requests, and so more replies, at a time.
func (c *conn) fill() bool {
	if full := len(c.in) == cap(c.in); full || c.filled && cap(c.in) < usualRead {
		bigger := make([]byte, len(c.in), min(2*cap(c.in), c.srv.cfg.MaxFrame+4+firstRead))
		copy(bigger, c.in)
		c.in = bigger
	}
	n, err := c.nc.Read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	c.filled = len(c.in) == cap(c.in)
	return n > 0 || err == nil
}

// keep moves what is left of the input to the front of the buffer.
func (c *conn) keep(rest []byte) {
	if len(rest) == 0 && cap(c.in) > keptBuffer {
		c.in = make([]byte, 0, firstRead)
		return
	}
	c.in = c.in[:copy(c.in[:cap(c.in)], rest)]
}

// handshake handles the first frame: a four-letter word or a ConnectRequest.
func (c *conn) handshake() bool {
	for len(c.in) < 4 {
		if !c.fill() {
			return false
		}
	}
	if word := string(c.in[:4]); isFourLetterWord(word) {
		c.fourLetterWord(word)
		return false
	}
	for {
		payload, rest, ok, err := wire.NextFrame(c.in, c.srv.cfg.MaxFrame)
		if err != nil {
			return false
		}
		if ok {
			accepted := c.connect(payload)
			c.keep(rest)
			c.flush()
			return accepted
		}
		if !c.fill() {
			return false
		}
	}
}

// connect answers a ConnectRequest and tells whether there is a session now.
func (c *conn) connect(payload []byte) bool {
	var q wire.ConnectRequest
	r := wire.NewSharedReader(payload)
	if q.Read(&r); r.Err() != nil {
		return false
	}
	s := c.srv
	s.mu.Lock()
	defer s.release()
	for s.st.Hangs(c.member.st, &q) {
		s.turn.Wait()
		if _, open := c.member.conns[c]; !open {
			return false
		}
	}
	c.stats.received++
	c.member.stats.received++
	var p wire.ConnectResponse
	if s.closed || !s.st.Connect(s.now(), c.st, &q, &p) {
		s.settle()
		c.choke()
		return false
	}
	s.settle()
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	start := len(c.out.buf)
	c.out.buf = wire.EndFrame(p.Append(wire.BeginFrame(c.out.buf)), start)
	c.stats.sessionTimeout = p.TimeOut
	op, zxid := resumed, int64(0)
	if q.SessionID == 0 {
		op, zxid = zkapi.OpCreateSession, s.st.Zxid()
	}
	c.sent(op, -1, zxid, len(c.out.buf)-start-4)
	return c.st.Session != nil
}

// choke sends what a server that only reads says to a client that it cannot give a session.
func (c *conn) choke() {
	if !c.st.Choked {
		return
	}
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	start := len(c.out.buf)
	h := wire.ReplyHeader{Zxid: c.member.st.Zxid(), Err: zkapi.ErrNotReadOnly}
	c.out.buf = wire.EndFrame(h.Append(wire.BeginFrame(c.out.buf)), start)
	c.sent(zkapi.OpCreateSession, 0, h.Zxid, len(c.out.buf)-start-4)
}

// batch applies the whole frames that are there and sends the replies. It tells
// whether the connection goes on.
func (c *conn) batch() bool {
	for more := true; more; {
		rest, open := c.applyAll()
		more = open && len(rest) != len(c.in)
		c.keep(rest)
		c.flush()
		if !open || !c.waitForRoom() {
			return false
		}
	}
	return true
}

// applyAll applies frames until there is no whole one left or the replies fill a batch.
func (c *conn) applyAll() (rest []byte, open bool) {
	rest = c.in
	if len(rest) < 4 {
		return rest, true
	}
	s, o := c.srv, &c.out
	s.mu.Lock()
	defer s.release()
	now := s.now()
	o.mu.Lock()
	c.inBatch = true
	defer func() {
		c.inBatch = false
		o.mu.Unlock()
		if s.st.TakeNewDue() {
			s.arm()
		}
	}()
	for {
		payload, after, ok, err := wire.NextFrame(rest, s.cfg.MaxFrame)
		if err != nil || ok && len(payload) < 8 || s.closed || c.st.Session == nil {
			return after, false
		}
		if !ok {
			return rest, true
		}
		rest = after
		if !c.apply(now, payload) {
			return rest, false
		}
		if len(o.buf) >= batchBytes || o.waiting {
			return rest, true
		}
	}
}

// apply handles one request; Server.mu and out.mu are held.
func (c *conn) apply(now int64, payload []byte) (open bool) {
	s := c.srv
	body := wire.NewSharedReader(payload)
	c.req.RequestHeader.Read(&body)
	c.stats.received++
	c.member.stats.received++
	s.st.Handle(now, c.st, &c.req, &body, &c.rsp)
	if c.out.waiting = c.rsp.Wait; c.rsp.Wait {
		s.deliver()
		return true
	}
	s.deliver()
	c.reply(&c.req.RequestHeader, &c.rsp)
	return !c.rsp.Close
}

// answer implements peer.
func (c *conn) answer(a *state.Answer) {
	o := &c.out
	if !c.inBatch {
		o.mu.Lock()
		defer o.mu.Unlock()
	}
	c.reply(&a.RequestHeader, a.Response)
	o.waiting, o.closing = false, o.closing || a.Close
	o.idle.Broadcast()
	if !c.inBatch && !o.queued && !o.writing && (!o.stalled || o.closing) {
		o.queued = true
		c.srv.unsent = append(c.srv.unsent, c)
	}
}

// reply appends the reply to a request.
func (c *conn) reply(q *wire.RequestHeader, p *state.Response) {
	start := len(c.out.buf)
	if p.Mute {
		return
	}
	b := wire.BeginFrame(c.out.buf)
	if p.Connect != nil {
		b = p.Connect.Append(b)
	} else {
		h := wire.ReplyHeader{Xid: q.Xid, Zxid: p.Zxid, Err: p.Err}
		if q.Type == zkapi.OpPing && p.Err == 0 {
			h.Xid = wire.XidPing
		}
		if b = h.Append(b); p.Err == 0 || p.Body {
			b = p.Reply.Append(b, q.Type)
		}
	}
	c.out.buf = wire.EndFrame(b, start)
	c.sent(q.Type, q.Xid, p.Zxid, len(b)-start-4)
}

// event implements peer.
func (c *conn) event(n state.Note) {
	o := &c.out
	if !c.inBatch {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.dead || o.closing {
			return
		}
		if (o.writing || o.stalled) && len(o.buf) > c.srv.cfg.MaxUnsent {
			// A client that does not read loses its connection, not the
			// server its memory. It learns what it missed when it comes back.
			o.dead = true
			o.idle.Broadcast()
			c.srv.condemn = append(c.srv.condemn, c.nc)
			return
		}
		if !o.queued && !o.writing && !o.stalled {
			o.queued = true
			c.srv.unsent = append(c.srv.unsent, c)
		}
	}
	start := len(o.buf)
	h := wire.ReplyHeader{Xid: wire.XidNotification, Zxid: n.Zxid}
	e := wire.WatcherEvent{Type: n.Type, State: syncConnected, Path: n.Path}
	o.buf = wire.EndFrame(e.Append(h.Append(wire.BeginFrame(o.buf))), start)
	c.stats.sent++
	c.member.stats.sent++
}

// syncConnected is the only state that a server ever puts into an event.
const syncConnected = 3

// kicked implements peer: the session has gone to another connection or ended.
func (c *conn) kicked() { c.shut() }

// shut closes the connection as soon as the server is unlocked; its goroutine
// notices and ends.
func (c *conn) shut() {
	if !c.inBatch {
		c.out.mu.Lock()
		defer c.out.mu.Unlock()
	}
	c.out.dead = true
	c.out.idle.Broadcast()
	c.srv.condemn = append(c.srv.condemn, c.nc)
	delete(c.member.conns, c)
}

// flush writes what there is, unless somebody else is at it already.
func (c *conn) flush() {
	if c.writeAll() {
		c.nc.Close()
	}
}

// writeAll is flush without the close; it tells whether the connection is at its end.
func (c *conn) writeAll() (ended bool) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queued = false
	if o.writing || o.stalled && !o.closing {
		return false
	}
	o.writing = true
	for len(o.buf) > 0 && !o.dead && (!o.stalled || o.closing) {
		b := o.buf
		o.buf, o.spare = o.spare[:0], nil
		o.mu.Unlock()
		_, err := c.nc.Write(b)
		o.mu.Lock()
		if cap(b) <= keptBuffer {
			o.spare = b[:0]
		}
		o.dead = o.dead || err != nil
	}
	o.writing = false
	o.idle.Broadcast()
	return o.closing || o.dead
}

// waitForRoom waits while another goroutine is writing a lot to this client:
// who does not read is not served; or for the reply to the last request. It tells
// whether the connection is still good.
func (c *conn) waitForRoom() bool {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	for (o.waiting || (o.writing || o.stalled) && len(o.buf) >= batchBytes) && !o.dead {
		o.idle.Wait()
	}
	return !o.dead && !o.closing
}
