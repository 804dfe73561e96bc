// Package proxy is a TCP proxy for ZooKeeper clients that cuts them off and ends their sessions:
//
//	p, err := proxy.New("127.0.0.1:2181")
//	client.Connect(p.Addr())
//	err = p.Expire(p.Last().ID)
package proxy

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
)

// Proxy stands between a client and the server. It can cut all connections and hold back new ones, and it
// reads the handshakes, to know the sessions.
type Proxy struct {
	target   string
	listener net.Listener
	done     sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	conns    map[net.Conn]bool
	hold     chan struct{} // closed when new connections may pass; nil if they may
	sessions map[int64]Session
	last     Session
}

// Session is what the server's side of a handshake says.
type Session struct {
	ID       int64
	Timeout  int32 // milliseconds
	password []byte
}

// New makes a proxy of a server, on a port of its own.
func New(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, listener: l, conns: map[net.Conn]bool{}, sessions: map[int64]Session{}}
	p.done.Go(p.accept)
	return p, nil
}

// Addr is where clients connect.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close ends the proxy and all that goes through it.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.cutLocked()
	p.releaseLocked()
	p.mu.Unlock()
	p.listener.Close()
	p.done.Wait()
}

// Cut closes all connections that have passed. Those that wait still wait.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutLocked()
}

// Hold cuts, and lets no connection pass until Release. It accepts them, for a client that is refused
// waits for a while before it tries again.
func (p *Proxy) Hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hold == nil {
		p.hold = make(chan struct{})
	}
	p.cutLocked()
}

// Release ends the wait after Hold.
func (p *Proxy) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.releaseLocked()
}

func (p *Proxy) session(id int64) (Session, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.sessions[id]
	return s, ok
}

// Last is the session of the last handshake.
func (p *Proxy) Last() Session {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (p *Proxy) cutLocked() {
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
}

func (p *Proxy) releaseLocked() {
	if p.hold != nil {
		close(p.hold)
		p.hold = nil
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.done.Go(func() {
			defer client.Close()
			p.serve(client)
		})
	}
}

// serve carries one connection to the server, when it may pass, until either side ends it.
func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	if !p.enter(client, server) {
		return
	}
	defer p.leave(client, server)

	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite() // what the server still has to say goes through
	})
	_, _ = io.Copy(client, io.TeeReader(server, &handshake{proxy: p}))
	client.Close()
	up.Wait()
}

// enter waits while connections are held back. It is false if the proxy is closed.
func (p *Proxy) enter(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.hold != nil {
		hold := p.hold
		p.mu.Unlock()
		<-hold
		p.mu.Lock()
	}
	if p.closed {
		return false
	}
	for _, c := range conns {
		p.conns[c] = true
	}
	return true
}

func (p *Proxy) leave(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
	}
}

// handshake reads the first frame that a server sends: protocol version, timeout, session id, password.
// A connection that starts otherwise, with the answer to a four-letter word, is none of its business.
type handshake struct {
	proxy *Proxy
	head  []byte
	done  bool
}

// handshakeSize is the length of the frame with its own length in front, and without the byte that only
// newer clients get.
const handshakeSize = 4 + 4 + 4 + 8 + 4 + 16

func (h *handshake) Write(p []byte) (int, error) {
	if h.done {
		return len(p), nil
	}
	h.head = append(h.head, p[:min(len(p), handshakeSize-len(h.head))]...)
	if len(h.head) == handshakeSize {
		h.done = true
		if s, ok := parseHandshake(h.head); ok {
			h.proxy.mu.Lock()
			h.proxy.sessions[s.ID], h.proxy.last = s, s
			h.proxy.mu.Unlock()
		}
	}
	return len(p), nil
}

func parseHandshake(frame []byte) (Session, bool) {
	size := binary.BigEndian.Uint32(frame)
	passwordSize := binary.BigEndian.Uint32(frame[20:])
	if size != handshakeSize-4 && size != handshakeSize-3 || passwordSize != 16 {
		return Session{}, false
	}
	s := Session{
		Timeout:  int32(binary.BigEndian.Uint32(frame[8:])),
		ID:       int64(binary.BigEndian.Uint64(frame[12:])),
		password: frame[24:40],
	}
	return s, s.ID != 0 // 0: the server does not know the session
}

// Expire ends a session while its client is cut off: this takes the session over on a connection of its
// own and closes it. To the client that is no different from a session that timed out.
func (p *Proxy) Expire(id int64) error {
	s, ok := p.session(id)
	if !ok {
		return fmt.Errorf("no session 0x%x has come by", id)
	}
	p.Hold()
	defer p.Release()
	return endSession(p.target, s)
}

// endSession speaks just enough of the protocol to take a session over and close it.
func endSession(addr string, s Session) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()

	connect := binary.BigEndian.AppendUint32(nil, 0)    // protocol version
	connect = binary.BigEndian.AppendUint64(connect, 0) // last zxid seen
	connect = binary.BigEndian.AppendUint32(connect, uint32(s.Timeout))
	connect = binary.BigEndian.AppendUint64(connect, uint64(s.ID))
	connect = binary.BigEndian.AppendUint32(connect, uint32(len(s.password)))
	connect = append(connect, s.password...)
	const closeSession = ^uint32(10) // -11
	closing := binary.BigEndian.AppendUint32(nil, 1)
	closing = binary.BigEndian.AppendUint32(closing, closeSession)
	for _, payload := range [][]byte{connect, closing} {
		frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
		if _, err := conn.Write(frame); err != nil {
			return err
		}
	}
	// The server answers both and then ends the connection: only then is the session gone.
	answer, err := io.ReadAll(conn)
	if err != nil {
		return err
	}
	if len(answer) < handshakeSize {
		return fmt.Errorf("the server ended the connection after %d bytes", len(answer))
	}
	if got, ok := parseHandshake(answer[:handshakeSize]); !ok || got.ID != s.ID {
		return fmt.Errorf("the server does not know session 0x%x", s.ID)
	}
	return nil
}
