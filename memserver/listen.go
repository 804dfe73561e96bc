package memserver

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"syscall"
	"time"
)

// Listen serves clients on a TCP address until Close; port 0 picks a free one,
// which Addr tells. The clients are those of the first member.
func (s *Server) Listen(addr string) error { return s.members[0].Listen(addr) }

// Serve serves the clients that l accepts. It returns ErrServerClosed after
// Close, which also closes l. The clients are those of the first member.
func (s *Server) Serve(l net.Listener) error { return s.members[0].Serve(l) }

// Listen is Server.Listen for this member.
func (m *Member) Listen(addr string) error { return m.listenOn(addr, false) }

func (m *Member) listenOn(addr string, secure bool) error {
	l, err := m.srv.listen(addr, secure)
	if err != nil {
		return err
	}
	if !m.start(l, secure) {
		l.Close()
		return ErrServerClosed
	}
	go func() {
		defer m.srv.running.Done()
		_ = m.accept(l) // it ends with Close, or with the listener, of which there is nobody to tell
	}()
	return nil
}

// Serve is Server.Serve for this member.
func (m *Member) Serve(l net.Listener) error {
	if !m.start(l, false) {
		l.Close()
		return ErrServerClosed
	}
	defer m.srv.running.Done()
	return m.accept(l)
}

// listen opens an address.
func (s *Server) listen(addr string, secure bool) (net.Listener, error) {
	if secure && s.cfg.TLS == nil {
		return nil, errors.New("memserver: Config.TLS is needed for TLS")
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	if secure {
		l = tls.NewListener(l, s.cfg.TLS)
	}
	if s.cfg.Between != nil {
		l = s.cfg.Between(l)
	}
	return l, nil
}

func (m *Member) start(l net.Listener, secure bool) bool {
	m.srv.mu.Lock()
	defer m.srv.mu.Unlock()
	if m.srv.closed || m.stopped {
		return false
	}
	m.enter(l, secure)
	return true
}

// enter counts a listener in. Server.mu is held.
func (m *Member) enter(l net.Listener, secure bool) {
	m.listeners = append(m.listeners, l)
	home := &m.home
	if secure {
		home = &m.secureHome
	}
	if *home == nil {
		*home = l.Addr()
	}
	m.srv.running.Add(1)
}

func (m *Member) accept(l net.Listener) error {
	defer m.forget(l)
	for {
		nc, err := l.Accept()
		var temporary interface{ Temporary() bool }
		switch {
		case err == nil:
			m.spawn(m.srv.straight(nc))
		case m.isClosed():
			return ErrServerClosed
		case errors.As(err, &temporary) && temporary.Temporary():
			// Out of file descriptors, for instance. Connections that end free some.
			time.Sleep(10 * time.Millisecond)
		default:
			return err
		}
	}
}

// straight is direct also for a connection that only stands before one, such as
// that of a plan of faults.
func (s *Server) straight(nc net.Conn) net.Conn {
	var alone func() bool
	if s.spare {
		alone = s.servesOne
	}
	direct := func(nc net.Conn) net.Conn { return direct(nc, alone) }
	if front, ok := nc.(interface{ Through(func(net.Conn) net.Conn) }); ok {
		front.Through(direct)
		return nc
	}
	return direct(nc)
}

// servesOne tells whether a connection, which is there, is the only one.
func (s *Server) servesOne() bool { return s.open.Load() == 1 }

func (m *Member) forget(l net.Listener) {
	m.srv.mu.Lock()
	defer m.srv.mu.Unlock()
	m.listeners = slices.DeleteFunc(m.listeners, func(x net.Listener) bool { return x == l })
}

func (m *Member) isClosed() bool {
	m.srv.mu.Lock()
	defer m.srv.mu.Unlock()
	return m.srv.closed || m.stopped
}

// spawn serves a connection on a goroutine of its own.
func (m *Member) spawn(nc net.Conn) bool {
	if !m.begin() {
		nc.Close()
		return false
	}
	go func() {
		defer m.srv.running.Done()
		m.serve(nc)
	}()
	return true
}

// begin counts in a connection's goroutine, unless the member is not running.
func (m *Member) begin() bool {
	m.srv.mu.Lock()
	defer m.srv.mu.Unlock()
	if m.srv.closed || m.stopped {
		return false
	}
	m.srv.running.Add(1)
	return true
}

// ServeConn serves one client on nc, the first member's, and returns when the
// connection has ended.
func (s *Server) ServeConn(nc net.Conn) { s.members[0].ServeConn(nc) }

// ServeConn is Server.ServeConn for this member.
func (m *Member) ServeConn(nc net.Conn) {
	if !m.begin() {
		nc.Close()
		return
	}
	defer m.srv.running.Done()
	m.serve(nc)
}

// Addr is the address of the first listener or, without one, an address that
// Dial takes and that nothing listens on. In an ensemble it is the first member's.
func (s *Server) Addr() string { return s.members[0].Addr() }

// Addrs are the addresses of all members.
func (s *Server) Addrs() []string {
	addrs := make([]string, len(s.members))
	for i, m := range s.members {
		addrs[i] = m.Addr()
	}
	return addrs
}

// Addr is the address of the member's first listener or, without one, an
// address that Dial takes and that nothing listens on.
func (m *Member) Addr() string {
	m.srv.mu.Lock()
	defer m.srv.mu.Unlock()
	return m.addr().String()
}

func (m *Member) addr() net.Addr {
	if m.home != nil {
		return m.home
	}
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: m.st.ID}
}

// Dial connects to the server through memory, whatever the address. In an
// ensemble the address is that of a member, as Addrs has it. It has the
// signature of net.DialTimeout and of go-zookeeper's dialer:
//
//	conn, events, err := zk.Connect(srv.Addrs(), 10*time.Second, zk.WithDialer(srv.Dial))
//
// It works inside a testing/synctest bubble.
func (s *Server) Dial(network, address string, timeout time.Duration) (net.Conn, error) {
	for _, m := range s.members[1:] {
		if m.Addr() == address {
			return m.Dial(network, address, timeout)
		}
	}
	return s.members[0].Dial(network, address, timeout)
}

// Dial is Server.Dial for this member, whatever the address.
func (m *Member) Dial(network, address string, timeout time.Duration) (net.Conn, error) {
	s := m.srv
	s.mu.Lock()
	s.dialled++
	client := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1024 + s.dialled%64000}
	server := m.addr()
	closed := s.closed
	s.mu.Unlock()
	ours, theirs := newPipe(client, server)
	if m.spawn(theirs) {
		return ours, nil
	}
	why := error(syscall.ECONNREFUSED) // the member is stopped
	if closed {
		why = ErrServerClosed
	}
	return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: server, Err: why}
}
