package realserver_test

import (
	"context"
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

// rawSession is a client that does only what it is told, and sends no pings.
type rawSession struct {
	net.Conn
	t       *testing.T
	id      int64
	timeout time.Duration
	xid     int32
}

func startSession(t *testing.T, addr string, timeout time.Duration) *rawSession {
	t.Helper()
	s := &rawSession{Conn: dial(t, addr), t: t}
	s.send((&wire.ConnectRequest{TimeOut: int32(timeout.Milliseconds()), Passwd: make([]byte, wire.PasswordLen)}).Append)
	frame, err := s.frame()
	require.NoError(t, err)
	r := wire.NewReader(frame)
	var response wire.ConnectResponse
	response.Read(&r)
	require.NoError(t, r.Err())
	require.Equal(t, realserver.SessionPassword(response.SessionID), response.Passwd)
	s.id, s.timeout = response.SessionID, time.Duration(response.TimeOut)*time.Millisecond
	return s
}

func (s *rawSession) send(record func([]byte) []byte) {
	s.t.Helper()
	_, err := s.Write(wire.EndFrame(record(wire.BeginFrame(nil)), 0))
	require.NoError(s.t, err)
}

func (s *rawSession) frame() ([]byte, error) {
	buf := make([]byte, 4)
	if _, err := io.ReadFull(s, buf); err != nil {
		return nil, err
	}
	r := wire.NewReader(buf)
	frame := make([]byte, r.Int())
	_, err := io.ReadFull(s, frame)
	return frame, err
}

// create makes an ephemeral node and returns its zxid.
func (s *rawSession) create(path string) int64 {
	s.t.Helper()
	s.xid++
	request := wire.Request{
		RequestHeader: wire.RequestHeader{Xid: s.xid, Type: zkapi.OpCreate},
		Op:            wire.Op{Path: path, ACL: zkapi.OpenACL(), Flags: int32(zkapi.Ephemeral)},
	}
	s.send(request.Append)
	frame, err := s.frame()
	require.NoError(s.t, err)
	r := wire.NewReader(frame)
	var reply wire.ReplyHeader
	reply.Read(&r)
	require.Zero(s.t, reply.Err)
	return reply.Zxid
}

// ending is what is seen of the end of a session.
type ending struct {
	Received int      // frames, by its client
	Closed   bool     // by the server, in good order
	Zxids    int64    // that it took
	Left     []string // children of the root
}

// endOf has a session make three nodes at one server, ends it, and looks at another server.
func endOf(t *testing.T, at, seen *realserver.Server, timeout time.Duration, end func(*rawSession)) ending {
	t.Helper()
	other := connect(t, seen.Addr())
	s := startSession(t, at.Addr(), timeout)
	var last int64
	for _, path := range []string{"/x", "/y", "/z"} {
		last = s.create(path)
	}
	end(s)
	var e ending
	for {
		_, err := s.frame()
		if err != nil {
			e.Closed = errors.Is(err, io.EOF)
			break
		}
		e.Received++
	}
	_, err := other.Sync("/")
	require.NoError(t, err)
	left, stat, err := other.Children("/")
	require.NoError(t, err)
	e.Left, e.Zxids = left, stat.Pzxid-last
	return e
}

// requireLikeExpiry compares a session that is expired with one whose time is over.
func requireLikeExpiry(t *testing.T, at, seen *realserver.Server, expire func(context.Context, int64) error) {
	t.Helper()
	want := ending{Closed: true, Zxids: 1, Left: []string{"zookeeper"}}
	require.Equal(t, want, endOf(t, at, seen, time.Second, func(*rawSession) {}))
	require.Equal(t, want, endOf(t, at, seen, time.Minute, func(s *rawSession) {
		require.NoError(t, expire(t.Context(), s.id))
	}))
}

func TestExpireIsLikeExpiry(t *testing.T) {
	everyInstall(t, func(t *testing.T, version string) {
		srv := realserver.RunT(t, version, func(o *realserver.Options) { o.TickTime = 200 * time.Millisecond })
		requireLikeExpiry(t, srv, srv, srv.Expire)
		require.Contains(t, srv.Log(), "Expiring session")
	})
}
