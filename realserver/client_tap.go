package realserver

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// tap is the connection that go-zookeeper gets from its dialer. It reads along
// in both directions, because the frames tell what go-zookeeper does not: the
// negotiated timeout, the zxids, exact error codes, the Stats of creates, and
// above all what comes before what.
//
// It also changes what goes out, where go-zookeeper would do the wrong thing:
//
//   - A request that its caller has given up, or that was meant for another
//     connection, is replaced by one that does nothing (traps 1 and 2).
//   - The watch flag of a read is set here. go-zookeeper knows of no watch, and
//     so sends no setWatches, whose zxid may be too late (trap 5).
//   - What go-zookeeper has no method for travels in place of a Delete, whose
//     reply has no body (see carry).
//
// go-zookeeper writes each frame by one Write, and the next only after it.
type tap struct {
	net.Conn
	c   *Client
	in  *bufio.Reader
	off chan struct{} // closed when the connection is lost

	greeted bool                 // the ConnectRequest is out; of the writing side
	hello   wire.ConnectResponse // what the server has answered, before go-zookeeper knows
	answer  bool                 // there was one; of the reading side
	frame   []byte               // the frame that go-zookeeper is reading
	unread  []byte               // what is left of it

	calls map[int32]*call // sent and not answered, by xid; guarded by Client.mu
}

func newTap(c *Client, nc net.Conn) *tap {
	return &tap{Conn: nc, c: c, in: bufio.NewReaderSize(nc, 16<<10), off: make(chan struct{}), calls: make(map[int32]*call)}
}

// Write sends a frame of go-zookeeper, or something else in its place. It never
// fails, but hangs up: go-zookeeper learns it from Read. After a failed write it
// would answer the request a second time, which can stop it for ever.
func (t *tap) Write(b []byte) (int, error) {
	if _, err := t.Conn.Write(t.outgoing(b)); err != nil {
		t.Close()
	}
	return len(b), nil
}

func (t *tap) outgoing(b []byte) []byte {
	if !t.greeted {
		t.greeted = true
		return b
	}
	r := wire.NewSharedReader(b[4:])
	var h wire.RequestHeader
	h.Read(&r)
	if h.Type == zkapi.OpPing || h.Type == zkapi.OpCloseSession {
		return b
	}
	c := t.c
	c.mu.Lock()
	defer c.mu.Unlock()
	// Only one call at a time is between go-zookeeper's method and this place,
	// so the frame is that call's. There is none if Close was quicker.
	k := c.sending
	if k == nil {
		return nothing(h.Xid)
	}
	c.sent()
	if !k.over && k.unless != nil && k.unless() {
		k.end(nil)
	}
	if k.over {
		return nothing(h.Xid)
	}
	k.sent = true
	c.inFlight[k] = struct{}{}
	t.calls[h.Xid] = k
	if k.patch != nil {
		return k.patch(h.Xid, b)
	}
	return b
}

// nothing is a request that does nothing on any server, and is answered by an error:
// checkWatches with a type that does not exist.
func nothing(xid int32) []byte {
	q := wire.Request{RequestHeader: wire.RequestHeader{Xid: xid, Type: zkapi.OpCheckWatches}, Watch: wire.WatchRequest{Path: "/"}}
	return wire.EndFrame(q.Append(wire.BeginFrame(nil)), 0)
}

// Read gives go-zookeeper the next bytes. A frame is read as a whole, and seen
// here before go-zookeeper sees any of it.
func (t *tap) Read(p []byte) (int, error) {
	if len(t.unread) == 0 {
		if err := t.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.unread)
	t.unread = t.unread[n:]
	return n, nil
}

// next reads a frame.
func (t *tap) next() error {
	t.frame = append(t.frame[:0], 0, 0, 0, 0)
	if _, err := io.ReadFull(t.in, t.frame); err != nil {
		return err
	}
	n := int(int32(binary.BigEndian.Uint32(t.frame)))
	if n < 0 || t.c.cfg.MaxReply > 0 && n > t.c.cfg.MaxReply {
		return wire.ErrFrameLength
	}
	for n > 0 { // in pieces, so that a length that lies costs nothing
		piece := min(n, 1<<20)
		start := len(t.frame)
		t.frame = append(t.frame, make([]byte, piece)...)
		if _, err := io.ReadFull(t.in, t.frame[start:]); err != nil {
			return err
		}
		n -= piece
	}
	if err := t.incoming(t.frame[4:]); err != nil {
		return err
	}
	t.unread = t.frame
	return nil
}

// incoming looks at a frame of the server.
func (t *tap) incoming(payload []byte) error {
	r := wire.NewReader(payload)
	if !t.answer {
		t.answer = true
		t.hello.Read(&r)
		if r.Err() == nil && t.hello.SessionID != 0 && t.hello.TimeOut <= 0 {
			return wire.ErrMalformed // and no ticker of go-zookeeper's would take it
		}
		return r.Err()
	}
	var h wire.ReplyHeader
	h.Read(&r)
	c := t.c
	switch h.Xid {
	case wire.XidPing:
		return r.Err()
	case wire.XidNotification:
		var e wire.WatcherEvent
		if e.Read(&r); r.Err() != nil {
			return r.Err()
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		t.seen(h.Zxid)
		c.watches.deliver(zkapi.Event{Type: e.Type, Path: e.Path, Zxid: h.Zxid})
		return nil
	}
	if r.Err() != nil {
		return r.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t.seen(h.Zxid)
	if k := t.calls[h.Xid]; k != nil {
		delete(t.calls, h.Xid)
		c.answered(k, h.Err, &r)
	}
	return nil
}

// seen remembers the last zxid, which is what the watches are armed from after
// a reconnection. While they are being armed it stands still: if the connection
// breaks before all of them are, the rest must not start from too late a zxid.
func (t *tap) seen(zxid int64) {
	if t.c.link == t && t.c.connected() {
		t.c.lastZxid = max(t.c.lastZxid, zxid)
	}
}

// answered notes a reply before go-zookeeper has it. c.mu is held.
func (c *Client) answered(k *call, code zkapi.Code, body *wire.Reader) {
	k.replied, k.code = true, code
	if code == 0 && k.reply != nil {
		k.reply.Read(body, k.op)
		k.garbled = body.Err()
	}
	if k.after != nil {
		k.after(code)
	}
	if k.watch == nil {
		return
	}
	if code == zkapi.ErrNoNode && k.op == zkapi.OpExists {
		k.watch.kind = watchExist
		k.set = true
	} else {
		k.set = code == 0
	}
	if k.set && !k.over {
		c.watches.arm(k.watch)
		k.armed = true
	}
}
