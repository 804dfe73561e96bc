//go:build !386

package memserver

import (
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ends are both ends of a TCP connection, the server's as a socket, which may leave the poller while alone says so.
func ends(t *testing.T, alone *atomic.Bool) (*socket, *net.TCPConn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	nc, err := l.Accept()
	require.NoError(t, err)
	s := direct(nc, alone.Load).(*socket)
	t.Cleanup(func() {
		_ = s.Close()
		_ = client.Close()
		require.Equal(t, none, s.apart.fd, "it is left open")
	})
	return s, client.(*net.TCPConn)
}

// isApart tells whether the socket has left the poller.
func (s *socket) isApart() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tcp == nil && !s.ended
}

// echo has the client send something, and the server send it back, which leaves it where the Read was.
func echo(t *testing.T, s *socket, client net.Conn, text string) {
	t.Helper()
	b := make([]byte, 100)
	_, err := client.Write([]byte(text))
	require.NoError(t, err)
	n, err := s.Read(b)
	require.NoError(t, err)
	require.Equal(t, text, string(b[:n]))
	_, err = s.Write(b[:n])
	require.NoError(t, err)
	_, err = io.ReadFull(client, b[:len(text)])
	require.NoError(t, err)
	require.Equal(t, text, string(b[:n]))
}

// reading is a Read under way, in the kernel or not yet.
func reading(s *socket) (result chan error) {
	result = make(chan error, 1)
	go func() {
		_, err := s.Read(make([]byte, 100))
		result <- err
	}()
	return result
}

func TestApart(t *testing.T) {
	var alone atomic.Bool
	s, client := ends(t, &alone)
	echo(t, s, client, "there is another client")
	require.False(t, s.isApart())
	alone.Store(true)
	echo(t, s, client, "it is the only one")
	require.True(t, s.isApart())
	alone.Store(false)
	echo(t, s, client, "there is another one again")
	require.False(t, s.isApart())
}

// A client that does not send anything is waited for with all others, and that for longer if it comes to that often.
func TestApartInVain(t *testing.T) {
	var alone atomic.Bool
	alone.Store(true)
	s, client := ends(t, &alone)
	for _, polls := range []int{31, 62, 124} {
		echo(t, s, client, "it is the only one")
		require.True(t, s.isApart())
		s.read.buf = make([]byte, 1)
		done, err := s.receiveApart()
		require.NoError(t, err)
		require.False(t, done)
		for range polls {
			require.False(t, s.isApart())
			echo(t, s, client, "later")
		}
	}
}

// What is done to a socket ends a Read that is apart.
func TestApartEnds(t *testing.T) {
	apart := func(t *testing.T) (*socket, *net.TCPConn) {
		var alone atomic.Bool
		alone.Store(true)
		s, client := ends(t, &alone)
		echo(t, s, client, "it is the only one")
		require.True(t, s.isApart())
		return s, client
	}
	t.Run("the server closes it", func(t *testing.T) {
		s, client := apart(t)
		result := reading(s)
		require.NoError(t, s.Close())
		require.Error(t, <-result)
		require.ErrorIs(t, s.Close(), net.ErrClosed)
		_, err := client.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		_, err = s.Write([]byte("x"))
		require.ErrorIs(t, err, net.ErrClosed)
		require.ErrorIs(t, s.SetDeadline(time.Now()), net.ErrClosed)
	})
	t.Run("the client closes it", func(t *testing.T) {
		s, client := apart(t)
		result := reading(s)
		require.NoError(t, client.Close())
		require.ErrorIs(t, <-result, io.EOF)
	})
	t.Run("the client is gone", func(t *testing.T) {
		s, client := apart(t)
		result := reading(s)
		require.NoError(t, client.SetLinger(0))
		require.NoError(t, client.Close())
		require.ErrorContains(t, <-result, "reset")
	})
	t.Run("a deadline", func(t *testing.T) {
		s, client := apart(t)
		result := reading(s)
		require.NoError(t, s.SetReadDeadline(time.Now()))
		require.ErrorIs(t, <-result, os.ErrDeadlineExceeded)
		require.NoError(t, s.SetReadDeadline(time.Time{}))
		echo(t, s, client, "it goes on")
		require.True(t, s.isApart())
	})
	t.Run("a client that reads late", func(t *testing.T) {
		s, client := apart(t)
		const size = 16 << 20 // more than there is room for on the way
		result := make(chan error, 1)
		go func() {
			_, err := s.Write(make([]byte, size))
			result <- err
		}()
		_, err := io.CopyN(io.Discard, client, size)
		require.NoError(t, err)
		require.NoError(t, <-result)
		require.False(t, s.isApart())
	})
	t.Run("a client that reads no more", func(t *testing.T) {
		s, client := apart(t)
		var n int
		result := make(chan error, 1)
		go func() {
			var err error
			n, err = s.Write(make([]byte, 64<<20))
			result <- err
		}()
		_, err := client.Read(make([]byte, 1)) // it has begun, and ends only by the deadline
		require.NoError(t, err)
		require.NoError(t, s.SetWriteDeadline(time.Now()))
		require.ErrorIs(t, <-result, os.ErrDeadlineExceeded)
		require.Positive(t, n)
	})
}
