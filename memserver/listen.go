package memserver

import (
	"errors"
	"net"
	"slices"
	"time"
)

// Listen serves clients on a TCP address until Close; port 0 picks a free one,
// which Addr tells.
func (s *Server) Listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	if !s.start(l) {
		l.Close()
		return ErrServerClosed
	}
	go func() {
		defer s.running.Done()
		_ = s.accept(l) // it ends with Close, or with the listener, of which there is nobody to tell
	}()
	return nil
}

// Serve serves the clients that l accepts. It returns ErrServerClosed after
// Close, which also closes l.
func (s *Server) Serve(l net.Listener) error {
	if !s.start(l) {
		l.Close()
		return ErrServerClosed
	}
	defer s.running.Done()
	return s.accept(l)
}

func (s *Server) start(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.listener = append(s.listener, l)
	s.running.Add(1)
	return true
}

func (s *Server) accept(l net.Listener) error {
	defer s.forget(l)
	for {
		nc, err := l.Accept()
		var temporary interface{ Temporary() bool }
		switch {
		case err == nil:
			s.spawn(direct(nc))
		case s.isClosed():
			return ErrServerClosed
		case errors.As(err, &temporary) && temporary.Temporary():
			// Out of file descriptors, for instance. Connections that end free some.
			time.Sleep(10 * time.Millisecond)
		default:
			return err
		}
	}
}

func (s *Server) forget(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener = slices.DeleteFunc(s.listener, func(x net.Listener) bool { return x == l })
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// spawn serves a connection on a goroutine of its own.
func (s *Server) spawn(nc net.Conn) bool {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		nc.Close()
		return false
	}
	s.running.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.running.Done()
		s.serve(nc)
	}()
	return true
}

// ServeConn serves one client on nc and returns when the connection has ended.
func (s *Server) ServeConn(nc net.Conn) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		nc.Close()
		return
	}
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	s.serve(nc)
}

// Addr is the address of the first listener or, without one, an address that
// Dial takes and that nothing listens on.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr().String()
}

func (s *Server) addr() net.Addr {
	if len(s.listener) > 0 {
		return s.listener[0].Addr()
	}
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
}

// Dial connects to the server through memory, whatever the address. It has the
// signature of net.DialTimeout and of go-zookeeper's dialer:
//
//	conn, events, err := zk.Connect([]string{srv.Addr()}, 10*time.Second, zk.WithDialer(srv.Dial))
//
// It works inside a testing/synctest bubble.
func (s *Server) Dial(network, address string, timeout time.Duration) (net.Conn, error) {
	s.mu.Lock()
	s.dialled++
	client := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1024 + s.dialled%64000}
	server := s.addr()
	s.mu.Unlock()
	ours, theirs := newPipe(client, server)
	if !s.spawn(theirs) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: server, Err: ErrServerClosed}
	}
	return ours, nil
}
