package memserver

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// How the server bears clients that do not behave: none of them may hold it,
// make it grow without bound, or disturb the others.

// rawClient speaks frames over an in-memory connection.
type rawClient struct {
	t testing.TB
	net.Conn
	xid int32
}

func dialRaw(t testing.TB, s *Server) *rawClient {
	nc, err := s.Dial("tcp", s.Addr(), 0)
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	return &rawClient{t: t, Conn: nc}
}

// open makes a session of ten seconds.
func (c *rawClient) open() wire.ConnectResponse {
	return c.connect(wire.ConnectRequest{TimeOut: 10_000, Passwd: make([]byte, 16)})
}

func (c *rawClient) connect(q wire.ConnectRequest) wire.ConnectResponse {
	c.sendFrame(q.Append(nil))
	r := wire.NewReader(c.frame())
	var p wire.ConnectResponse
	p.Read(&r)
	require.NoError(c.t, r.Err())
	return p
}

func (c *rawClient) sendFrame(payload []byte) {
	_, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...))
	require.NoError(c.t, err)
}

func (c *rawClient) frame() []byte {
	var n [4]byte
	_, err := io.ReadFull(c, n[:])
	require.NoError(c.t, err)
	b := make([]byte, binary.BigEndian.Uint32(n[:]))
	_, err = io.ReadFull(c, b)
	require.NoError(c.t, err)
	return b
}

func (c *rawClient) call(q wire.Request) (wire.ReplyHeader, wire.Reply) {
	c.xid++
	q.Xid = c.xid
	c.sendFrame(q.Append(nil))
	for {
		r := wire.NewReader(c.frame())
		var h wire.ReplyHeader
		if h.Read(&r); h.Xid == wire.XidNotification {
			continue
		}
		var p wire.Reply
		if h.Err == 0 {
			p.Read(&r, q.Type)
		}
		require.NoError(c.t, r.Err())
		return h, p
	}
}

// closed waits for the server to close the connection and returns what came before.
func (c *rawClient) closed() []byte {
	b, err := io.ReadAll(c)
	require.NoError(c.t, err)
	return b
}

func get(path string) wire.Request {
	return wire.Request{RequestHeader: wire.RequestHeader{Type: zkapi.OpGetData}, Op: wire.Op{Path: path}}
}

func TestBadFramesCloseOnlyTheirConnection(t *testing.T) {
	for name, bytes := range map[string][]byte{
		"negative length":      {0xff, 0xff, 0xff, 0xff},
		"too long":             {0x00, 0x10, 0x00, 0x00},
		"shorter than headers": {0, 0, 0, 4, 0, 0, 0, 1},
		"unknown operation":    {0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 3, 0xe7},
		"malformed auth":       {0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 100},
	} {
		t.Run(name, func(t *testing.T) {
			s := RunT(t)
			good, bad := dialRaw(t, s), dialRaw(t, s)
			good.open()
			session := bad.open()
			_, err := bad.Write(bytes)
			require.NoError(t, err)
			bad.closed()
			h, _ := good.call(get("/"))
			require.Zero(t, h.Err)
			require.Len(t, s.Sessions(), 2, "the session outlives its connection")
			again := dialRaw(t, s)
			q := wire.ConnectRequest{SessionID: session.SessionID, Passwd: session.Passwd, TimeOut: 10_000}
			again.sendFrame(q.Append(nil))
			r := wire.NewReader(again.frame())
			var p wire.ConnectResponse
			p.Read(&r)
			require.Equal(t, session.SessionID, p.SessionID)
		})
	}
}

// A length is a claim. Memory grows with the bytes that follow it, not before.
func TestLyingLengthCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := RunT(t)
		c := dialRaw(t, s)
		c.open()
		_, err := c.Write([]byte{0x00, 0x0f, 0xff, 0xff, 1, 2, 3})
		require.NoError(t, err)
		synctest.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Len(t, s.members[0].conns, 1)
		for conn := range s.members[0].conns {
			require.Equal(t, firstRead, cap(conn.in))
		}
	})
}

func TestUnfinishedHandshakeIsClosed(t *testing.T) {
	for name, bytes := range map[string][]byte{
		"nothing": nil, "half a word": []byte("ru"), "half a frame": {0, 0, 0, 44, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := RunT(t)
				c := dialRaw(t, s)
				_, err := c.Write(bytes)
				require.NoError(t, err)
				start := time.Now()
				require.Empty(t, c.closed())
				require.Equal(t, 20*time.Second, time.Since(start)) // the bubble starts at a full ten seconds
			})
		})
	}
}

// A client that is there and says nothing loses its session, and with it the connection.
func TestHalfOpenConnectionExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := RunT(t)
		c := dialRaw(t, s)
		c.open()
		start := time.Now()
		require.Empty(t, c.closed())
		require.Greater(t, time.Since(start), 10*time.Second)
		require.LessOrEqual(t, time.Since(start), 12*time.Second)
		require.Empty(t, s.Sessions())
	})
}

// A client that asks and never reads is not served further, and expires.
func TestClientThatNeverReadsReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := RunT(t)
		writer := s.ClientT(t)
		_, err := writer.Create(t.Context(), "/big", make([]byte, 500_000), nil, zkapi.Persistent)
		require.NoError(t, err)
		c := dialRaw(t, s)
		c.open()
		q := get("/big")
		frame := wire.EndFrame(q.Append(wire.BeginFrame(nil)), 0)
		sent := make(chan int)
		go func() {
			n := 0
			for ; n < 1_000_000; n++ {
				if _, err := c.Write(frame); err != nil {
					break
				}
			}
			sent <- n
		}()
		synctest.Wait() // the server waits for the client, and so does the client for the server
		s.mu.Lock()
		unsent := 0
		for conn := range s.members[0].conns {
			conn.out.mu.Lock()
			unsent += cap(conn.out.buf) + cap(conn.out.spare)
			conn.out.mu.Unlock()
		}
		s.mu.Unlock()
		require.Less(t, unsent, 4<<20)
		_, _, err = writer.Get(t.Context(), "/big")
		require.NoError(t, err, "others are served")
		require.Less(t, <-sent, 1_000_000, "the session expired and the connection was closed")
	})
}

// A client that watches and never reads loses its connection when too much waits for it.
func TestClientThatNeverReadsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := RunT(t, func(c *Config) { c.MaxUnsent = 64 << 10 })
		writer := s.ClientT(t)
		_, err := writer.Create(t.Context(), "/n", nil, nil, zkapi.Persistent)
		require.NoError(t, err)
		c := dialRaw(t, s)
		c.open()
		c.call(wire.Request{RequestHeader: wire.RequestHeader{Type: zkapi.OpAddWatch}, Watch: wire.WatchRequest{Path: "/n"}})
		for range 2 { // what fills the connection, and then too much
			for range 10_000 { // 28 bytes each
				_, err := writer.Set(t.Context(), "/n", nil, -1)
				require.NoError(t, err)
			}
			synctest.Wait()
		}
		require.Empty(t, s.Watches())
		require.Len(t, s.Sessions(), 2)
	})
}

func TestMaxClientCnxns(t *testing.T) {
	s := RunT(t, func(c *Config) { c.MaxClientCnxns = 2 })
	a, b := dialRaw(t, s), dialRaw(t, s)
	a.open()
	b.open()
	c := dialRaw(t, s)
	require.Empty(t, c.closed())
}
