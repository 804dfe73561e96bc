package proxy

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answerHandshake is the frame with which a server accepts a session.
func answerHandshake(id int64, timeout uint32, tail bool) []byte {
	payload := binary.BigEndian.AppendUint32(nil, 0)
	payload = binary.BigEndian.AppendUint32(payload, timeout)
	payload = binary.BigEndian.AppendUint64(payload, uint64(id))
	payload = binary.BigEndian.AppendUint32(payload, 16)
	payload = append(payload, "sixteen bytes pw"...)
	if tail {
		payload = append(payload, 0)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
}

// fakeServer hands each connection to serve.
func fakeServer(t *testing.T, serve func(net.Conn)) string {
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
				serve(conn)
			}()
		}
	}()
	return l.Addr().String()
}

func echo(conn net.Conn) { _, _ = io.Copy(conn, conn) }

func startProxy(t *testing.T, target string) *Proxy {
	t.Helper()
	p, err := New(target)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

func dialProxy(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	return conn
}

// requireEcho sends a line and reads it back.
func requireEcho(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(conn, text+"\n")
	require.NoError(t, err)
	back, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, text+"\n", back)
}

func requireCut(t *testing.T, conn net.Conn) {
	t.Helper()
	_, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, net.ErrClosed)
}

func TestCut(t *testing.T) {
	p := startProxy(t, fakeServer(t, echo))
	conn := dialProxy(t, p)
	requireEcho(t, conn, "hello")
	p.Cut()
	requireCut(t, conn)
	requireEcho(t, dialProxy(t, p), "again")
}

func TestHold(t *testing.T) {
	p := startProxy(t, fakeServer(t, echo))
	before := dialProxy(t, p)
	requireEcho(t, before, "hello")
	p.Hold()
	requireCut(t, before)

	waiting := dialProxy(t, p)
	_, err := io.WriteString(waiting, "early\n")
	require.NoError(t, err)
	require.NoError(t, waiting.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	_, err = waiting.Read(make([]byte, 1))
	require.ErrorContains(t, err, "timeout")

	p.Release()
	require.NoError(t, waiting.SetReadDeadline(time.Now().Add(10*time.Second)))
	back, err := bufio.NewReader(waiting).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "early\n", back)
}

func TestCloseWhileHolding(t *testing.T) {
	p := startProxy(t, fakeServer(t, echo))
	p.Hold()
	waiting := dialProxy(t, p)
	p.Close()
	requireCut(t, waiting)
}

func TestHandshakesAreRead(t *testing.T) {
	for _, tail := range []bool{false, true} {
		frame := answerHandshake(-0x1234, 5000, tail)
		p := startProxy(t, fakeServer(t, func(conn net.Conn) {
			for i := range frame { // in as many pieces as can be
				_, _ = conn.Write(frame[i : i+1])
			}
		}))
		got, err := io.ReadAll(dialProxy(t, p))
		require.NoError(t, err)
		require.Equal(t, frame, got)
		require.Equal(t, Session{ID: -0x1234, Timeout: 5000, password: []byte("sixteen bytes pw")}, p.Last())
	}
}

func TestOtherAnswersAreNoHandshakes(t *testing.T) {
	long := []byte("Zookeeper version: 3.9.5, built on a day long enough to fill a handshake")
	for _, answer := range [][]byte{[]byte("imok"), long, answerHandshake(0, 0, true)} {
		p := startProxy(t, fakeServer(t, func(conn net.Conn) { _, _ = conn.Write(answer) }))
		got, err := io.ReadAll(dialProxy(t, p))
		require.NoError(t, err)
		require.Equal(t, answer, got)
		require.Zero(t, p.Last())
	}
}

func TestExpire(t *testing.T) {
	requests := make(chan []byte, 1)
	p := startProxy(t, fakeServer(t, func(conn net.Conn) {
		_, _ = conn.Write(answerHandshake(0x77, 5000, false))
		got := make([]byte, 4+44+4+8)
		if _, err := io.ReadFull(conn, got); err == nil {
			requests <- got
		}
	}))
	conn := dialProxy(t, p)
	_, err := io.ReadFull(conn, make([]byte, handshakeSize))
	require.NoError(t, err)

	require.NoError(t, p.Expire(0x77))
	requireCut(t, conn)
	got := <-requests
	require.Equal(t, uint64(0x77), binary.BigEndian.Uint64(got[4+16:]))
	require.Equal(t, "sixteen bytes pw", string(got[4+28:4+44]))
	require.Equal(t, int32(-11), int32(binary.BigEndian.Uint32(got[4+44+4+4:])))

	require.ErrorContains(t, p.Expire(0x78), "no session 0x78")
}
