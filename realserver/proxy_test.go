package realserver_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
)

// echoServer answers what it is sent, and closes when its client does.
func echoServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	return conn.(*net.TCPConn)
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(conn, text)
	require.NoError(t, err)
}

func requireHears(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	heard := make([]byte, len(text))
	_, err := io.ReadFull(conn, heard)
	require.NoError(t, err)
	require.Equal(t, text, string(heard))
}

// requireSilence shows that nothing comes, as far as a moment can show it.
func requireSilence(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err := conn.Read(make([]byte, 1))
	require.ErrorContains(t, err, "i/o timeout")
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
}

func TestProxyPasses(t *testing.T) {
	p := realserver.ProxyT(t, echoServer(t))
	conn := dial(t, p.Addr())
	say(t, conn, "one")
	requireHears(t, conn, "one")
	say(t, conn, "two")
	require.NoError(t, conn.CloseWrite())
	rest, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, "two", string(rest), "the end passes behind what came before it")
}

func TestProxyHolds(t *testing.T) {
	for _, d := range []realserver.Direction{realserver.ToServer, realserver.ToClient, realserver.BothWays} {
		p := realserver.ProxyT(t, echoServer(t))
		conn := dial(t, p.Addr())
		say(t, conn, "one")
		requireHears(t, conn, "one")
		p.Hold(d)
		p.Hold(d)
		say(t, conn, "two")
		later := dial(t, p.Addr())
		say(t, later, "three")
		requireSilence(t, conn)
		requireSilence(t, later)
		require.NoError(t, p.Restore())
		requireHears(t, conn, "two")
		requireHears(t, later, "three")
	}
}

// What is held may be broken.
func TestProxyCutsWhatItHolds(t *testing.T) {
	p := realserver.ProxyT(t, echoServer(t))
	conn := dial(t, p.Addr())
	say(t, conn, "one")
	requireHears(t, conn, "one")
	p.Hold(realserver.BothWays)
	say(t, conn, "two")
	require.Equal(t, 1, p.Cut())
	_, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, error(nil))
	require.Zero(t, p.Cut())
}

func TestProxyRefuses(t *testing.T) {
	p := realserver.ProxyT(t, echoServer(t))
	conn := dial(t, p.Addr())
	require.NoError(t, p.Refuse())
	require.NoError(t, p.Refuse())
	requireRefused(t, p.Addr())
	say(t, conn, "one")
	requireHears(t, conn, "one")
	require.NoError(t, p.Restore())
	other := dial(t, p.Addr())
	say(t, other, "two")
	requireHears(t, other, "two")

	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	requireRefused(t, p.Addr())
	require.NoError(t, p.Restore(), "nothing happens")
	requireRefused(t, p.Addr())
}

func TestProxyWithoutServer(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, server.Close())
	p := realserver.ProxyT(t, server.Addr().String())
	_, err = dial(t, p.Addr()).Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

// A session is found by what the server has said to its client.
func TestProxyDisconnectsASession(t *testing.T) {
	realserver.Concurrent(t)
	srv := memserver.RunT(t)
	require.NoError(t, srv.Listen("127.0.0.1:0"))
	p := realserver.ProxyT(t, srv.Addr())
	a, b := connect(t, p.Addr()), connect(t, p.Addr())
	id := a.SessionID()
	require.False(t, p.Disconnect(id+100))
	require.True(t, p.Disconnect(id))
	a.await(zk.StateDisconnected)
	a.await(zk.StateHasSession)
	require.Equal(t, id, a.SessionID())
	_, _, err := b.Get("/")
	require.NoError(t, err)
	require.Equal(t, []zk.State{zk.StateConnecting, zk.StateConnected, zk.StateHasSession}, b.seen())
}
