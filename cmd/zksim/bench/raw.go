package main

import (
	"errors"
	"fmt"
	"net"
	"time"
	"unsafe"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

const (
	sessionTimeout = 40 * time.Second // the most that a server with default settings grants
	// replyLimit is the longest reply that is believed: the names of a million children fit.
	replyLimit = 64 << 20
	// ioLimit is how long a server may take to take bytes or to give some.
	ioLimit = 60 * time.Second
)

// raw is a connection that does no more than a client has to, because it shares the cores with the
// server: requests are encoded into one buffer and sent together, replies are looked at where they
// lie in the read buffer, and nothing is allocated.
type raw struct {
	nc     net.Conn
	out    []byte
	in     []byte
	from   int // in[from:to] is unread
	to     int
	xid    int32
	req    wire.Request
	events int // notifications so far
}

// dial opens a session. bufSize is the first size of the read buffer.
func dial(addr string, bufSize int) (*raw, error) {
	nc, err := net.DialTimeout("tcp", addr, ioLimit)
	if err != nil {
		return nil, err
	}
	return handshake(nc, bufSize)
}

func handshake(nc net.Conn, bufSize int) (*raw, error) {
	c := &raw{nc: nc, in: make([]byte, bufSize)}
	q := wire.ConnectRequest{TimeOut: int32(sessionTimeout.Milliseconds()), Passwd: make([]byte, wire.PasswordLen), HasReadOnly: true}
	c.out = wire.EndFrame(q.Append(wire.BeginFrame(c.out)), 0)
	var p wire.ConnectResponse
	payload, err := []byte(nil), c.flush()
	if err == nil {
		payload, err = c.frame()
	}
	if err == nil {
		r := wire.NewReader(payload)
		p.Read(&r)
		err = r.Err()
	}
	if err == nil && p.SessionID == 0 {
		err = errors.New("the server refuses a session")
	}
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("connecting to %s: %w", nc.RemoteAddr(), err)
	}
	return c, nil
}

// add encodes a request; flush sends it.
func (c *raw) add(o wire.Op) {
	c.req.Op = o
	c.addRequest(o.Type)
}

// addRequest is add for a request whose body stands in c.req already.
func (c *raw) addRequest(op zkapi.OpCode) {
	c.xid++
	c.req.RequestHeader = wire.RequestHeader{Xid: c.xid, Type: op}
	if op == zkapi.OpPing {
		c.req.Xid = wire.XidPing
	}
	start := len(c.out)
	c.out = wire.EndFrame(c.req.Append(wire.BeginFrame(c.out)), start)
}

func (c *raw) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	if err := c.nc.SetDeadline(time.Now().Add(ioLimit)); err != nil {
		return err
	}
	_, err := c.nc.Write(c.out)
	c.out = c.out[:0]
	return err
}

// frame returns the next frame's payload, good until the next call.
func (c *raw) frame() ([]byte, error) {
	for {
		payload, rest, ok, err := wire.NextFrame(c.in[c.from:c.to], replyLimit)
		if err != nil {
			return nil, err
		}
		if ok {
			c.from = c.to - len(rest)
			return payload, nil
		}
		if c.from > 0 {
			c.to, c.from = copy(c.in, c.in[c.from:c.to]), 0
		}
		if c.to == len(c.in) {
			c.in = append(c.in, make([]byte, len(c.in))...)
		}
		n, err := c.nc.Read(c.in[c.to:])
		if c.to += n; n == 0 && err != nil {
			return nil, err
		}
	}
}

// header returns the next frame's header, and its body.
func (c *raw) header() (h wire.ReplyHeader, body wire.Reader, err error) {
	payload, err := c.frame()
	if err != nil {
		return h, body, err
	}
	body = wire.NewSharedReader(payload)
	h.Read(&body)
	return h, body, body.Err()
}

// reply is header for the next frame that is not an event.
func (c *raw) reply() (h wire.ReplyHeader, body wire.Reader, err error) {
	for {
		if h, body, err = c.header(); err != nil || h.Xid != wire.XidNotification {
			return h, body, err
		}
		c.events++
	}
}

// awaitEvents reads until there have been n events in all.
func (c *raw) awaitEvents(n int) error {
	if err := c.nc.SetDeadline(time.Now().Add(ioLimit)); err != nil {
		return err
	}
	for c.events < n {
		h, _, err := c.header()
		if err != nil {
			return err
		}
		if h.Xid == wire.XidNotification {
			c.events++
		}
	}
	return nil
}

// do runs one request; an error code is an error.
func (c *raw) do(o wire.Op) error {
	c.add(o)
	if err := c.flush(); err != nil {
		return err
	}
	h, _, err := c.reply()
	if err == nil {
		err = h.Err.Err()
	}
	if err != nil {
		return fmt.Errorf("%v %s: %w", o.Type, o.Path, err)
	}
	return nil
}

// pipeline keeps up to window requests under way: it calls add, which encodes one and tells
// whether it did, until add says no, and returns the number of replies. Error codes are errors.
func (c *raw) pipeline(window int, add func() bool) (int, error) {
	return c.pipelineReplies(window, add, zkapi.Code.Err)
}

// pipelineReplies is pipeline that leaves it to check what is an error.
func (c *raw) pipelineReplies(window int, add func() bool, check func(zkapi.Code) error) (int, error) {
	sent, done := 0, 0
	refill := max(window/2, 1)
	for more := true; more || done < sent; {
		if more && sent-done <= window-refill {
			for k := 0; k < refill && more; k++ {
				if more = add(); more {
					sent++
				}
			}
			if err := c.flush(); err != nil {
				return done, err
			}
			continue
		}
		h, _, err := c.reply()
		if err != nil {
			return done, err
		}
		if err := check(h.Err); err != nil {
			return done, err
		}
		done++
	}
	return done, nil
}

// each pipelines the requests that op makes of 0 to n-1.
func (c *raw) each(n int, op func(i int) wire.Op) error {
	i := 0
	_, err := c.pipeline(256, func() bool {
		if i == n {
			return false
		}
		c.add(op(i))
		i++
		return true
	})
	return err
}

// close ends the session and the connection.
func (c *raw) close() {
	c.req.Op = wire.Op{}
	c.addRequest(zkapi.OpCloseSession)
	if c.flush() == nil {
		for {
			if _, err := c.frame(); err != nil {
				break // the server hangs up after its reply
			}
		}
	}
	c.nc.Close()
}

// openACL is what every node is created with.
var openACL = zkapi.OpenACL()

func createOp(path string, data []byte) wire.Op {
	return wire.Op{Type: zkapi.OpCreate, Path: path, Data: data, ACL: openACL}
}

func deleteOp(path string) wire.Op {
	return wire.Op{Type: zkapi.OpDelete, Path: path, Version: zkapi.AnyVersion}
}

// names makes paths that end in eight digits, in memory that it uses again: a path is good until
// the next call.
type names struct {
	buf []byte
	n   int // of the next
}

func newNames(prefix string) *names { return &names{buf: append([]byte(prefix), "00000000"...)} }

func (p *names) next() string {
	p.n++
	return p.at(p.n - 1)
}

func (p *names) at(v int) string {
	for i := len(p.buf) - 1; i >= len(p.buf)-8; i-- {
		p.buf[i] = byte('0' + v%10)
		v /= 10
	}
	return unsafe.String(unsafe.SliceData(p.buf), len(p.buf))
}
