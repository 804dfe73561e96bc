//go:build !386

package memserver

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// socket is a TCP connection that reads and writes without telling the
// scheduler. The descriptor does not block, so there is nothing that the
// scheduler would have to do meanwhile; but being told wakes its monitor
// thread, and for a client that sends one request at a time that is a third of
// the server's work. It sends and receives, which is less work than to write and
// to read, which go through the layer of files.
//
// Four fifths of what is left for such a client is what any program needs to be
// woken, receive, send and wake the client. To wait in the kernel's receive, and
// not with all others in Go's poller, would save a tenth at most. But then nobody
// waits for the others: a client in the same process gets its replies several
// times later.
type socket struct {
	*net.TCPConn
	raw         syscall.RawConn
	read, write transfer
}

// transfer is one direction. try is what RawConn calls until the socket is
// ready; it is made once, so that a call allocates nothing.
type transfer struct {
	buf   []byte
	n     int
	errno syscall.Errno
	try   func(fd uintptr) bool
}

// direct returns nc, or what does the same with less work.
func direct(nc net.Conn) net.Conn {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nc
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nc
	}
	s := &socket{TCPConn: tcp, raw: raw}
	s.read.try = s.read.with(syscall.SYS_RECVFROM)
	s.write.try = s.write.with(syscall.SYS_SENDTO)
	return s
}

func (t *transfer) with(trap uintptr) func(fd uintptr) bool {
	return func(fd uintptr) bool {
		for {
			n, _, errno := syscall.RawSyscall6(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(t.buf))), uintptr(len(t.buf)), syscall.MSG_NOSIGNAL, 0, 0)
			if errno == syscall.EINTR {
				continue
			}
			if t.n, t.errno = int(n), errno; errno != 0 {
				t.n = 0
			}
			return errno != syscall.EAGAIN
		}
	}
}

// Read implements net.Conn.
func (s *socket) Read(b []byte) (int, error) {
	t := &s.read
	t.buf = b
	err := s.raw.Read(t.try)
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

// Write implements net.Conn.
func (s *socket) Write(b []byte) (done int, err error) {
	t := &s.write
	for done < len(b) {
		t.buf = b[done:]
		err = s.raw.Write(t.try)
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
