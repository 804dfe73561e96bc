//go:build !386

package memserver

import (
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// apart is a socket that has left Go's poller, so that it is waited for in the kernel's receive, by
// a thread that does nothing else. A request of the only client costs a quarter less CPU then, and its reply is there
// sooner: nobody is told that something has come, nor looks for what else there is to do. So there must not be a second
// client, which might have to wait for the runtime to notice, up to 10 ms; nor may the client be in
// this process, where it would be the one that waits.
//
// The socket comes back when its client has not sent anything for patience, when there are others, or for whatever only
// a polled connection can: deadlines, and to wait until there is room for more.
type apart struct {
	alone func() bool // nil is never
	// Guarded by socket.mu.
	fd        int  // none if it is not apart, nor a Read still is
	receiving bool // a Read is in the kernel with fd
	sending   bool // a Write may wait in the poller
	timed     bool // reading ends at a deadline
	polls     int  // so many Reads before the next attempt
	respite   int  // and so many after one that is in vain
}

const (
	none = -1
	// patience is how long a Read is apart for.
	patience = 10 * time.Millisecond
	// shortest and longest are the bounds of how many Reads are in the poller after one was apart in vain: twice as
	// many as the last time, less those that have not been in vain since. Leaving takes longer than a Read, and the
	// runtime looks after threads that may have left for good.
	shortest, longest = 32, 1 << 13
)

// receiveApart is receive for a socket that is apart, or can be. It is not done if that is over.
func (s *socket) receiveApart() (done bool, err error) {
	for {
		fd, err := s.leave()
		if fd == none || err != nil {
			return false, err
		}
		t := &s.read
		n, _, errno := syscall.Syscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(t.buf))), uintptr(len(t.buf)),
			syscall.MSG_NOSIGNAL, 0, 0)
		t.came(n, errno)
		if err := s.received(errno == syscall.EAGAIN); err != nil {
			return false, err
		}
		if errno != syscall.EAGAIN && errno != syscall.EINTR {
			return true, nil
		}
	}
}

// leave is what Read begins with. It returns none if the socket is to be in the poller, where it is then.
func (s *socket) leave() (fd int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &s.apart
	switch {
	case s.ended, a.timed, a.fd == none && a.sending, !a.alone():
		return none, s.rejoin()
	case a.fd == none && a.polls > 0:
		a.polls--
		return none, nil
	case s.tcp != nil && !s.part():
		a.postpone()
		return none, nil
	}
	a.receiving = true
	return a.fd, nil
}

// part takes the socket out of the poller, and tells whether it could be. s.mu is held.
func (s *socket) part() bool {
	fd := none
	if err := s.raw.Control(func(old uintptr) { fd, _ = duplicate(old) }); err != nil || fd == none {
		return false
	}
	limit := syscall.NsecToTimeval(int64(patience))
	if syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit) != nil || syscall.SetNonblock(fd, false) != nil {
		_ = syscall.Close(fd) // it was a second name
		return false
	}
	_ = s.tcp.Close() // so was this one
	s.tcp, s.apart.fd = nil, fd
	return true
}

// duplicate gives a descriptor a second name.
func duplicate(fd uintptr) (int, error) {
	n, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return none, os.NewSyscallError("fcntl", errno)
	}
	return int(n), nil
}

// rejoin has the socket in the poller. s.mu is held.
func (s *socket) rejoin() error {
	if s.tcp != nil {
		return nil
	}
	if s.ended {
		return net.ErrClosed
	}
	fd, err := duplicate(uintptr(s.apart.fd))
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), "")
	defer file.Close()
	nc, err := net.FileConn(file)
	if err != nil {
		return err
	}
	if !s.apart.receiving {
		s.apart.close()
	}
	return s.poll(nc.(*net.TCPConn))
}

// received is what Read does when it has been apart.
func (s *socket) received(inVain bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &s.apart
	a.receiving = false
	if s.ended || s.tcp != nil {
		a.close()
		return nil
	}
	if inVain {
		a.postpone()
		return s.rejoin()
	}
	a.respite--
	return nil
}

// postpone puts off the next attempt.
func (a *apart) postpone() {
	a.polls = max(a.respite, shortest)
	a.respite = min(2*a.polls, longest)
}

// end closes it, or has the Read that is there do that.
func (a *apart) end() {
	switch {
	case a.fd == none:
	case a.receiving:
		_ = syscall.Shutdown(a.fd, syscall.SHUT_RDWR)
	default:
		a.close()
	}
}

func (a *apart) close() {
	_ = syscall.Close(a.fd) // what was sent, was
	a.fd = none
}
