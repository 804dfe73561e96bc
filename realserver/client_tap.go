package realserver

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// tap is the connection that go-zookeeper gets from its dialer. Both directions
// pass here, and the frames tell what go-zookeeper does not: the negotiated
// timeout, the zxids, error codes, and above all what comes before what.
// go-zookeeper sees its handshake, its pings, and the headers of replies.
//
// go-zookeeper writes each frame by one Write, and the next only after it.
type tap struct {
	net.Conn
	c  *Client
	in *bufio.Reader

	greeted bool                 // the ConnectRequest is out; of the writing side
	hello   wire.ConnectResponse // what the server has answered, before go-zookeeper knows
	answer  bool                 // there was one; of the reading side
	frame   []byte               // the latest from the server
	unread  []byte               // what of it go-zookeeper has yet to read

	unanswered map[int32]*call // by xid; guarded by Client.mu
}

func newTap(c *Client, nc net.Conn) *tap {
	return &tap{Conn: nc, c: c, in: bufio.NewReaderSize(nc, 16<<10), unanswered: make(map[int32]*call)}
}

// Write sends a frame of go-zookeeper, or another one in place of a carrier. It
// never fails, but hangs up: go-zookeeper learns it from Read. After a failed write
// it would answer the request a second time, which can stop it for ever.
func (t *tap) Write(b []byte) (int, error) {
	out := b
	if t.greeted && zkapi.OpCode(binary.BigEndian.Uint32(b[8:])) == zkapi.OpDelete {
		xid, version := int32(binary.BigEndian.Uint32(b[4:])), int32(binary.BigEndian.Uint32(b[len(b)-4:]))
		t.c.mu.Lock()
		out = t.c.outgoing(t, version, xid)
		t.c.mu.Unlock()
	}
	t.greeted = true
	if _, err := t.Conn.Write(out); err != nil {
		t.Close()
	}
	return len(b), nil
}

// Read gives go-zookeeper the next bytes that are for it.
func (t *tap) Read(p []byte) (int, error) {
	for len(t.unread) == 0 {
		if err := t.next(); err != nil {
			return 0, err
		}
		if err := t.incoming(t.frame[4:]); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.unread)
	t.unread = t.unread[n:]
	return n, nil
}

// SetReadDeadline shortens what go-zookeeper allows a server for the answer to
// a ConnectRequest. That is ten times its read timeout, in which the session
// expires while the client waits for a server that hangs. Here, as with other
// clients, each server gets its part of the session timeout, and a second at least.
func (t *tap) SetReadDeadline(at time.Time) error {
	if !t.answer {
		share := max(t.c.cfg.SessionTimeout/time.Duration(t.c.hosts.Len()), time.Second)
		if limit := time.Now().Add(share); at.After(limit) {
			at = limit
		}
	}
	return t.Conn.SetReadDeadline(at)
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
	return nil
}

// incoming looks at a frame of the server.
func (t *tap) incoming(payload []byte) error {
	r := wire.NewReader(payload)
	if !t.answer {
		t.answer = true
		t.hello.Read(&r)
		t.unread = t.frame
		if r.Err() == nil && t.hello.SessionID != 0 && t.hello.TimeOut <= 0 {
			return wire.ErrMalformed // and no ticker of go-zookeeper's would take it
		}
		return r.Err()
	}
	var h wire.ReplyHeader
	if h.Read(&r); r.Err() != nil {
		return r.Err()
	}
	c := t.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.Xid == wire.XidNotification { // which go-zookeeper has no use for
		var e wire.WatcherEvent
		if e.Read(&r); r.Err() != nil {
			return r.Err()
		}
		c.watches.deliver(zkapi.Event{Type: e.Type, Path: e.Path, Zxid: h.Zxid})
		return nil
	}
	if h.Xid != wire.XidPing {
		t.seen(h.Zxid)
	}
	if k := t.unanswered[h.Xid]; k != nil {
		delete(t.unanswered, h.Xid)
		c.answered(k, h.Err, &r)
	}
	header := wire.BeginFrame(nil)
	t.unread = wire.EndFrame(append(header, payload[:16]...), 0)
	return nil
}

// seen remembers the last zxid, which is what the watches are armed from after
// a reconnection. While they are being armed it stands still: if the connection
// breaks before all of them are, the rest must not start from too late a zxid.
// Events do not count: those of one transaction may come in part.
func (t *tap) seen(zxid int64) {
	if t.c.link == t && t.c.connected() {
		t.c.lastZxid = max(t.c.lastZxid, zxid)
	}
}
