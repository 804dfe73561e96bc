package proptest_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// rawClient does only what it is told: it sends no pings and does not come back.
type rawClient struct {
	net.Conn
	t   *testing.T
	xid int32
	got wire.ConnectResponse
}

// rawConnect connects, to a session if the request has one. The password is added.
func rawConnect(t *testing.T, s *realserver.Server, q wire.ConnectRequest) *rawClient {
	t.Helper()
	c, err := tryRawConnect(t, s, q)
	require.NoError(t, err)
	return c
}

var errNoSession = errors.New("the server says that there is no such session")

// tryRawConnect fails with io.EOF if the server closes the connection without an answer.
func tryRawConnect(t *testing.T, s *realserver.Server, q wire.ConnectRequest) (*rawClient, error) {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	require.NoError(t, nc.SetDeadline(time.Now().Add(time.Minute)))
	c := &rawClient{Conn: nc, t: t}
	if q.TimeOut == 0 {
		q.TimeOut = 20_000
	}
	if q.SessionID != 0 {
		q.Passwd = realserver.SessionPassword(q.SessionID)
	}
	c.send(q.Append)
	frame, err := c.frame()
	if err != nil {
		return nil, err
	}
	r := wire.NewReader(frame)
	c.got.Read(&r)
	require.NoError(t, r.Err())
	if c.got.TimeOut == 0 {
		return nil, errNoSession
	}
	return c, nil
}

func (c *rawClient) send(record func([]byte) []byte) {
	_, err := c.Write(wire.EndFrame(record(wire.BeginFrame(nil)), 0))
	require.NoError(c.t, err)
}

func (c *rawClient) frame() ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(length[:]))
	_, err := io.ReadFull(c, frame)
	return frame, err
}

// ask sends a request without waiting.
func (c *rawClient) ask(q wire.Request) {
	c.xid++
	q.Xid = c.xid
	c.send(q.Append)
}

// hear reads the next reply. What comes before it are events.
func (c *rawClient) hear(op zkapi.OpCode) (h wire.ReplyHeader, p wire.Reply, err error) {
	for {
		frame, err := c.frame()
		if err != nil {
			return h, p, err
		}
		r := wire.NewReader(frame)
		if h.Read(&r); h.Xid == wire.XidNotification {
			continue
		}
		if h.Err == 0 {
			p.Read(&r, op)
		}
		return h, p, r.Err()
	}
}

// call asks and hears. It is an error if the server closes the connection instead.
func (c *rawClient) call(q wire.Request) (wire.ReplyHeader, wire.Reply, error) {
	c.ask(q)
	return c.hear(q.Type)
}

// must is call on a connection that is not closed.
func (c *rawClient) must(q wire.Request) (wire.ReplyHeader, wire.Reply) {
	c.t.Helper()
	h, p, err := c.call(q)
	require.NoError(c.t, err)
	return h, p
}

// closed waits for the server to close the connection, and requires that it says nothing more.
func (c *rawClient) closed() {
	c.t.Helper()
	_, err := c.frame()
	require.ErrorIs(c.t, err, io.EOF)
}

func request(op zkapi.OpCode) wire.Request {
	return wire.Request{RequestHeader: wire.RequestHeader{Type: op}}
}

func reading(op zkapi.OpCode, path string) wire.Request {
	q := request(op)
	q.Op = wire.Op{Type: op, Path: path}
	q.Path = wire.PathRequest{Path: path}
	return q
}

func making(path string, mode zkapi.CreateMode) wire.Request {
	q := request(zkapi.OpCreate)
	q.Op = wire.Op{Type: zkapi.OpCreate, Path: path, ACL: zkapi.OpenACL(), Flags: int32(mode)}
	return q
}
