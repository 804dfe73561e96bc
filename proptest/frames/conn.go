package frames

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// patience is how long an answer may take.
const patience = 20 * time.Second

// longest is the longest frame that a server may send.
const longest = 64 << 20

// conn is a connection to one of the servers.
type conn struct {
	*scale
	nc      net.Conn
	in      *bufio.Reader
	pending []asked
	closed  bool
	// silent says that a ping would end the connection: it has not yet
	// authenticated itself, and must.
	silent bool
}

// asked is a request that is waiting for its reply.
type asked struct {
	op      zkapi.OpCode
	xid     int32
	index   int // in the exchange
	connect bool
	barrier bool
}

// answer is what a connection has brought: a frame, or that none came.
type answer struct {
	kind    answerKind
	index   int          // of the request in the exchange
	op      zkapi.OpCode // of the request
	payload []byte       // with the numbers replaced
}

type answerKind byte

const (
	isReply answerKind = iota
	isNotification
	isConnected
	isSilence // a request that was passed over
	isBarrier
	isStray // a frame that belongs to nothing
	isText  // a line
)

// outcome is all that an exchange has brought on one connection.
type outcome struct {
	answers []answer
	closed  bool
	trouble string
	session int64 // of a new or resumed session
	passwd  []byte
}

func (o *outcome) equal(p *outcome) bool {
	return o.closed == p.closed && o.trouble == p.trouble && slices.EqualFunc(o.answers, p.answers, answer.equal)
}

func (a answer) equal(b answer) bool {
	return a.kind == b.kind && a.index == b.index && bytes.Equal(a.payload, b.payload)
}

func newConn(s *scale, nc net.Conn) *conn {
	return &conn{scale: s, nc: nc, in: bufio.NewReaderSize(nc, 16<<10)}
}

// write sends bytes. That the other side has closed is found out when reading.
func (c *conn) write(b []byte) {
	if c.closed {
		return
	}
	c.nc.SetDeadline(time.Now().Add(patience))
	_, _ = c.nc.Write(b)
}

var barrierFrame = (&Request{Op: zkapi.OpPing}).frame(nil, wire.XidPing, 0)

// barrier sends the ping that ends an exchange: what the server has put on the
// connection so far comes before its reply.
func (c *conn) barrier(b []byte) {
	c.pending = append(c.pending, asked{op: zkapi.OpPing, xid: wire.XidPing, barrier: true})
	c.write(append(b, barrierFrame...))
}

// collect reads until the barrier, or the end of the connection.
func (c *conn) collect() (o outcome) {
	c.readAll(&o, func() bool { return len(c.pending) == 0 })
	o.closed = c.closed
	c.pending = c.pending[:0]
	return o
}

// collectToEnd does the same after requests that may have the server close the
// connection. A real server would perhaps answer a ping sent behind these, so
// the barrier comes only if they are answered in a way after which a
// connection goes on.
func (c *conn) collectToEnd() (o outcome) {
	c.readAll(&o, func() bool {
		return len(c.pending) == 0 && (len(o.answers) == 0 || !c.last(o.answers[len(o.answers)-1]))
	})
	if !c.closed && !c.silent {
		c.barrier(nil)
		c.readAll(&o, func() bool { return len(c.pending) == 0 })
	}
	o.closed = c.closed
	c.pending = c.pending[:0]
	return o
}

// last tells whether the server closes the connection after an answer.
func (c *conn) last(a answer) bool {
	switch {
	case a.kind == isConnected:
		return binary.BigEndian.Uint64(a.payload[8:]) == 0
	case a.kind != isReply:
		return false
	case a.op == zkapi.OpCloseSession:
		return true
	}
	switch codeOf(a) {
	case zkapi.ErrAuthFailed, zkapi.ErrSessionClosedRequireSaslAuth:
		return true
	case zkapi.ErrUnimplemented:
		return binary.BigEndian.Uint64(a.payload[4:]) == 1<<64-1
	}
	return false
}

// readAll reads until it is done, or the connection is closed.
func (c *conn) readAll(o *outcome, done func() bool) {
	for !c.closed && !done() {
		payload, err := c.read()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			o.trouble = fmt.Sprintf("no answer in %v", patience)
			c.close()
		case err != nil:
			c.close()
			if !errors.Is(err, io.EOF) && !isReset(err) {
				o.trouble = err.Error()
			}
		default:
			c.take(payload, o)
		}
	}
}

// take finds out what a frame is.
func (c *conn) take(payload []byte, o *outcome) {
	add := func(kind answerKind, index int, op zkapi.OpCode) {
		o.answers = append(o.answers, answer{kind, index, op, payload})
	}
	if len(c.pending) > 0 && (c.pending[0].connect || c.pending[0].op == zkapi.OpCreateSession && len(payload) > 16 && payload[0] == 0) {
		first := c.pending[0]
		c.pending = c.pending[1:]
		id, passwd := c.connected(payload)
		if first.connect && id != 0 {
			o.session, o.passwd = id, passwd
		}
		add(isConnected, first.index, first.op)
		return
	}
	if isEvent(payload) {
		c.event(payload)
		add(isNotification, -1, 0)
		return
	}
	if len(payload) < 16 {
		add(isStray, -1, 0)
		return
	}
	xid := int32(binary.BigEndian.Uint32(payload))
	for i, p := range c.pending {
		// A ping is answered as one whatever its xid was, but refused under its own.
		if p.xid != xid && (p.op != zkapi.OpPing || xid != wire.XidPing) {
			continue
		}
		if p.op == zkapi.OpCheck && codeOf(answer{payload: payload}) == 0 {
			continue // its success has no reply: this is another request of the same xid
		}
		for _, skipped := range c.pending[:i] {
			o.answers = append(o.answers, answer{isSilence, skipped.index, skipped.op, nil})
		}
		c.pending = c.pending[i+1:]
		kind := isReply
		if p.barrier {
			kind = isBarrier
		}
		if !c.reply(payload, p.op) {
			kind = isStray
		}
		add(kind, p.index, p.op)
		return
	}
	add(isStray, -1, 0)
}

// read returns the payload of the next frame.
func (c *conn) read() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return nil, err
	}
	n := int(int32(binary.BigEndian.Uint32(head[:])))
	if n < 0 || n > longest {
		return nil, fmt.Errorf("a frame of %d bytes", n)
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(c.in, payload)
	return payload, err
}

// isReset tells a connection that was reset, which is to a client what closed is.
func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

func (c *conn) close() {
	c.closed = true
	c.nc.Close()
}

// hangUp closes the connection from our side and waits until the server has
// noticed, after which its watches are gone. It returns what came meanwhile.
func (c *conn) hangUp() (o outcome) {
	if c.closed {
		return outcome{closed: true}
	}
	c.nc.SetDeadline(time.Now().Add(patience))
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		for {
			payload, err := c.read()
			if err != nil {
				break
			}
			kind := isStray
			if isEvent(payload) {
				c.event(payload)
				kind = isNotification
			}
			o.answers = append(o.answers, answer{kind, -1, 0, payload})
		}
	}
	c.close()
	o.closed = true
	return o
}
