package transcript

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// patience is how long a reply may take before the transcript fails.
const patience = 20 * time.Second

var errClosed = errors.New("closed by the server")

// conn is one raw connection.
type conn struct {
	name       string
	net        net.Conn
	in         *bufio.Reader
	xid        int32
	pending    []*request
	connecting bool // a connect request is sent, its response not yet here
	session    *session
	stalled    bool // no pings
	closed     bool // the server has closed it, or we have
}

// open dials. A server that refuses may do so while the connection is still
// being made: that counts as closed, too.
func (x *exec) open(name string) *conn {
	c := &conn{name: name}
	x.conns[name] = c
	x.all = append(x.all, c)
	nc, err := x.server.Dial()
	if err != nil {
		c.closed = true
		return c
	}
	c.net, c.in = nc, bufio.NewReaderSize(nc, 64<<10)
	return c
}

// write sends bytes. A connection that the other side has closed is found out when reading.
func (c *conn) write(b []byte) {
	if !c.closed {
		_ = c.net.SetWriteDeadline(time.Now().Add(patience))
		_, _ = c.net.Write(b)
	}
}

// read returns the payload of the next frame, errClosed at the end of the
// connection, or os.ErrDeadlineExceeded.
func (c *conn) read(deadline time.Time) ([]byte, error) {
	if c.closed {
		return nil, errClosed
	}
	_ = c.net.SetReadDeadline(deadline)
	head, err := c.in.Peek(4) // not read: a deadline may pass in the middle
	if err != nil {
		return nil, c.readError(err)
	}
	n := int(int32(binary.BigEndian.Uint32(head)))
	if n < 0 || n > 64<<20 {
		return nil, fmt.Errorf("the server sent a frame of %d bytes", n)
	}
	_ = c.net.SetReadDeadline(time.Now().Add(patience))
	frame := make([]byte, 4+n)
	if _, err := io.ReadFull(c.in, frame); err != nil {
		return nil, c.readError(err)
	}
	return frame[4:], nil
}

func (c *conn) readError(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	c.close() // end of stream and reset are the same to a client
	return errClosed
}

func (c *conn) close() {
	c.closed = true
	c.pending = nil
	if c.net != nil {
		_ = c.net.Close()
	}
}

// send puts requests on the connection in one write.
func (c *conn) send(rs ...*request) {
	var b []byte
	for _, r := range rs {
		if r.plain && r.xid == 0 {
			c.xid++
			r.xid = c.xid
		}
		b = append(b, r.frame()...)
		c.pending = append(c.pending, r)
	}
	c.write(b)
}

// answers finds the request that a reply belongs to. Pings are answered with
// xid -2 whatever they asked with.
func (c *conn) answers(xid int32) *request {
	for i, r := range c.pending {
		if r.xid == xid || xid == wire.XidPing && r.op == zkapi.OpPing {
			c.pending = slices.Delete(c.pending, i, i+1)
			return r
		}
	}
	return nil
}

// frame is what a received frame means.
type frame struct {
	request *request // answered by it; nil for an event and for what nobody asked for
	event   bool
	lines   []string
}

// receive reads a frame and prints it.
func (x *exec) receive(c *conn, deadline time.Time) (frame, error) {
	payload, err := c.read(deadline)
	if err != nil {
		return frame{}, err
	}
	b := wire.NewReader(payload)
	if c.connecting {
		return frame{lines: []string{x.connected(c, payload)}}, nil
	}
	var h wire.ReplyHeader
	h.Read(&b)
	if h.Xid == wire.XidNotification && !slices.ContainsFunc(c.pending, func(r *request) bool { return r.xid == -1 }) {
		return frame{event: true, lines: []string{x.showEvent(h, &b)}}, nil
	}
	r := c.answers(h.Xid)
	if r == nil {
		lines := x.showReply(&request{xid: h.Xid - 1}, h, &b)
		lines[0] = "reply " + lines[0]
		return frame{lines: lines}, nil
	}
	if r.op == zkapi.OpCloseSession && h.Err == 0 && c.session != nil {
		c.session.ended = true
	}
	if r.hidden && h.Err == 0 {
		return frame{request: r}, nil
	}
	return frame{request: r, lines: x.showReply(r, h, &b)}, nil
}

// collect reads until none of the requests is unanswered and prints what comes,
// events and replies in their order.
func (x *exec) collect(c *conn, rs []*request, label bool) ([]string, error) {
	var lines []string
	deadline := time.Now().Add(patience)
	mine := make(map[*request]bool, len(rs))
	for _, r := range rs {
		mine[r] = true
	}
	for left := len(rs); left > 0 || c.connecting; {
		f, err := x.receive(c, deadline)
		switch {
		case errors.Is(err, errClosed):
			return append(lines, "closed"), nil
		case err != nil:
			return lines, fmt.Errorf("%s got no reply to %s: %w", c.name, names(c.pending), err)
		}
		if mine[f.request] {
			left--
		}
		if len(f.lines) > 0 && f.request != nil {
			if late := !mine[f.request]; late || label {
				f.lines[0] = f.request.name + ": " + f.lines[0]
			}
		}
		lines = append(lines, f.lines...)
	}
	return lines, nil
}

func names(rs []*request) string {
	list := make([]string, len(rs))
	for i, r := range rs {
		list[i] = r.name
	}
	return strings.Join(list, ", ")
}

// barrier makes sure that everything the server has sent to c so far has been
// read: a ping's reply comes after it.
func (x *exec) barrier(c *conn) ([]string, error) {
	if c.closed {
		return []string{"closed"}, nil
	}
	ping := &request{name: "ping", op: zkapi.OpPing, xid: wire.XidPing, plain: true, hidden: true}
	c.send(ping)
	return x.collect(c, []*request{ping}, false)
}
