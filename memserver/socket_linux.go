//go:build !386

package memserver

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// socket is a TCP connection that reads and writes without telling the
// scheduler. The descriptor does not block, so there is nothing that the
// scheduler would have to do meanwhile; but being told wakes its monitor
// thread, and for a client that sends one request at a time that is a third of
// the server's work. It sends and receives, which is less work than to write and
// to read, which go through the layer of files.
//
// What is left for such a client is being woken, and half of that is Go's poller. Where nobody
// would miss it the socket leaves that, see [apart].
type socket struct {
	local, remote net.Addr
	read, write   transfer

	mu    sync.Mutex
	tcp   *net.TCPConn // nil while it is apart
	raw   syscall.RawConn
	apart apart
	ended bool
}

// transfer is one direction. try is what RawConn calls until the socket is
// ready; it is made once, so that a call allocates nothing.
type transfer struct {
	buf   []byte
	n     int
	errno syscall.Errno
	try   func(fd uintptr) bool
}

// direct returns nc, or what does the same with less work. alone tells whether its client is the only one; nil is for
// clients that may be in this process.
func direct(nc net.Conn, alone func() bool) net.Conn {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nc
	}
	s := &socket{local: tcp.LocalAddr(), remote: tcp.RemoteAddr(), apart: apart{fd: none, alone: alone}}
	if s.poll(tcp) != nil {
		return nc
	}
	s.read.try = s.read.with(syscall.SYS_RECVFROM)
	s.write.try = s.write.with(syscall.SYS_SENDTO)
	return s
}

// poll has the socket go on by a connection that is in Go's poller.
func (s *socket) poll(tcp *net.TCPConn) (err error) {
	if s.raw, err = tcp.SyscallConn(); err == nil {
		s.tcp = tcp
	}
	return err
}

func (t *transfer) with(trap uintptr) func(fd uintptr) bool {
	return func(fd uintptr) bool {
		for {
			n, _, errno := syscall.RawSyscall6(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(t.buf))), uintptr(len(t.buf)),
				syscall.MSG_NOSIGNAL|syscall.MSG_DONTWAIT, 0, 0)
			if errno == syscall.EINTR {
				continue
			}
			t.came(n, errno)
			return errno != syscall.EAGAIN
		}
	}
}

// came notes what a system call has returned.
func (t *transfer) came(n uintptr, errno syscall.Errno) {
	if t.n, t.errno = int(n), errno; errno != 0 {
		t.n = 0
	}
}

// Read implements net.Conn.
func (s *socket) Read(b []byte) (int, error) {
	t := &s.read
	t.buf = b
	err := s.receive()
	t.buf = nil
	switch {
	case err != nil:
		return 0, err
	case t.errno != 0:
		return 0, os.NewSyscallError("read", t.errno)
	case t.n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return t.n, nil
}

// receive does what Read is asked for.
func (s *socket) receive() error {
	if s.apart.alone == nil {
		return s.raw.Read(s.read.try)
	}
	if done, err := s.receiveApart(); done || err != nil {
		return err
	}
	s.mu.Lock()
	raw := s.raw
	s.mu.Unlock()
	return raw.Read(s.read.try)
}

// Write implements net.Conn.
func (s *socket) Write(b []byte) (done int, err error) {
	t := &s.write
	for done < len(b) {
		t.buf = b[done:]
		err = s.send()
		t.buf = nil
		if err == nil && t.errno != 0 {
			err = os.NewSyscallError("write", t.errno)
		}
		if err != nil {
			return done, err
		}
		done += t.n
	}
	return done, nil
}

// send does what Write is asked for.
func (s *socket) send() error {
	if s.apart.alone == nil {
		return s.raw.Write(s.write.try)
	}
	s.mu.Lock()
	if s.tcp == nil && !s.ended {
		if s.write.try(uintptr(s.apart.fd)) {
			s.mu.Unlock()
			return nil
		}
		if err := s.rejoin(); err != nil {
			s.mu.Unlock()
			return err
		}
	}
	raw := s.raw
	s.apart.sending = true
	s.mu.Unlock()
	err := raw.Write(s.write.try)
	s.mu.Lock()
	s.apart.sending = false
	s.mu.Unlock()
	return err
}

// Close implements net.Conn.
func (s *socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return net.ErrClosed
	}
	s.ended = true
	s.apart.end()
	if s.tcp != nil {
		return s.tcp.Close()
	}
	return nil
}

// polled has f do something that only a connection in Go's poller can.
func (s *socket) polled(f func(*net.TCPConn) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.rejoin(); err != nil {
		return err
	}
	return f(s.tcp)
}

// SetDeadline implements net.Conn.
func (s *socket) SetDeadline(t time.Time) error {
	return s.polled(func(tcp *net.TCPConn) error {
		s.apart.timed = !t.IsZero()
		return tcp.SetDeadline(t)
	})
}

// SetReadDeadline implements net.Conn.
func (s *socket) SetReadDeadline(t time.Time) error {
	return s.polled(func(tcp *net.TCPConn) error {
		s.apart.timed = !t.IsZero()
		return tcp.SetReadDeadline(t)
	})
}

// SetWriteDeadline implements net.Conn.
func (s *socket) SetWriteDeadline(t time.Time) error {
	return s.polled(func(tcp *net.TCPConn) error { return tcp.SetWriteDeadline(t) })
}

// SetLinger is that of net.TCPConn.
func (s *socket) SetLinger(sec int) error {
	return s.polled(func(tcp *net.TCPConn) error { return tcp.SetLinger(sec) })
}

// LocalAddr implements net.Conn.
func (s *socket) LocalAddr() net.Addr { return s.local }

// RemoteAddr implements net.Conn.
func (s *socket) RemoteAddr() net.Addr { return s.remote }
