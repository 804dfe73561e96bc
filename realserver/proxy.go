package realserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Proxy stands between clients and a server, on a port of its own on 127.0.0.1, and cuts them off when
// told to. It works with every client in any language, and with whatever listens at the other end. One
// proxy for each client cuts clients off one by one; one for each server cuts a server off.
type Proxy struct {
	server string
	port   *port

	mu       sync.Mutex
	listener net.Listener // nil while it refuses
	links    map[*link]struct{}
	gates    [2]chan struct{} // by direction; closed while bytes may pass
	closed   bool

	introduce func(io.Reader) io.Reader // changes how clients begin; nil for most
	running   sync.WaitGroup
}

// Direction says which bytes a [Proxy] holds back.
type Direction int

// The directions.
const (
	ToServer Direction = 1 << iota
	ToClient
	BothWays = ToServer | ToClient
)

// NewProxy starts a proxy for the server at an address. Close ends it.
func NewProxy(server string) (*Proxy, error) {
	port, err := reservePort()
	if err != nil {
		return nil, fmt.Errorf("realserver: %w", err)
	}
	p := &Proxy{server: server, port: port, links: make(map[*link]struct{})}
	for i := range p.gates {
		p.gates[i] = open
	}
	if err := p.Restore(); err != nil {
		return nil, errors.Join(err, port.release())
	}
	return p, nil
}

// open is a gate that lets everything pass.
var open = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Addr returns the address for clients. It stays the same while the proxy lives.
func (p *Proxy) Addr() string { return p.port.addr() }

// Disconnect breaks the connections of a session, and tells whether there were any.
func (p *Proxy) Disconnect(sessionID int64) bool {
	return p.cut(func(l *link) bool { return l.session == sessionID }) > 0
}

// Cut breaks all connections, and returns how many there were. Clients may connect again at once.
func (p *Proxy) Cut() int { return p.cut(func(*link) bool { return true }) }

func (p *Proxy) cut(which func(*link) bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for l := range p.links {
		if which(l) {
			l.close()
			delete(p.links, l)
			n++
		}
	}
	return n
}

// Refuse has new connections refused, as by a machine on which no server runs. Those that there are stay.
func (p *Proxy) Refuse() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener == nil {
		return nil
	}
	err := p.listener.Close()
	p.listener = nil
	return err
}

// Hold lets nothing pass in a direction, on the connections that there are and on new ones. Nobody is
// told: to both ends the other has fallen silent, as when a network loses all packets. New connections
// are still accepted. Nothing is lost: what is held passes after Restore, if the connection still exists.
func (p *Proxy) Hold(d Direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.gates {
		if d&(1<<i) != 0 && p.gates[i] == open {
			p.gates[i] = make(chan struct{})
		}
	}
}

// Restore ends Refuse and Hold.
func (p *Proxy) Restore() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.releaseLocked(BothWays)
	if p.listener != nil || p.closed {
		return nil
	}
	l, err := net.Listen("tcp", p.Addr())
	if err != nil {
		return fmt.Errorf("realserver: %w", err)
	}
	p.listener = l
	p.running.Go(func() { p.accept(l) })
	return nil
}

// beginAs has clients begin with something else than they do.
func (p *Proxy) beginAs(introduce func(io.Reader) io.Reader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.introduce = introduce
}

// release ends Hold in a direction.
func (p *Proxy) release(d Direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.releaseLocked(d)
}

func (p *Proxy) releaseLocked(d Direction) {
	for i, gate := range p.gates {
		if d&(1<<i) != 0 && gate != open {
			close(gate)
			p.gates[i] = open
		}
	}
}

// Close breaks all connections and ends the proxy. It may be called again.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := errors.Join(p.Refuse(), p.port.release())
	p.Cut()
	p.running.Wait()
	return err
}

func (p *Proxy) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve passes bytes on between a client and the server until both have closed, or one end breaks.
func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		client.Close()
		return
	}
	l := &link{client: client.(*net.TCPConn), server: server.(*net.TCPConn), gone: make(chan struct{})}
	if !p.admit(l) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		p.pass(l, l.begin(l.client), l.server, 0, nil)
	})
	both.Go(func() { p.pass(l, l.server, l.client, 1, l.note) })
	both.Wait()
	p.cut(func(other *link) bool { return other == l })
}

func (p *Proxy) admit(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		l.close()
		return false
	}
	p.links[l] = struct{}{}
	l.introduce = p.introduce
	return true
}

// pass passes on what comes from one end, and its end.
func (p *Proxy) pass(l *link, from io.Reader, to *net.TCPConn, direction int, note func(*Proxy, []byte)) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if note != nil {
			note(p, buf[:n])
		}
		if !p.wait(l, direction) {
			return
		}
		if _, broken := to.Write(buf[:n]); broken != nil {
			l.close()
			return
		}
		if errors.Is(err, io.EOF) {
			_ = to.CloseWrite() // fails if the other end has gone as well
			return
		} else if err != nil {
			l.close()
			return
		}
	}
}

// wait waits for the gate, and tells whether the connection is still there.
func (p *Proxy) wait(l *link, direction int) bool {
	p.mu.Lock()
	gate := p.gates[direction]
	p.mu.Unlock()
	select {
	case <-gate:
		return true
	case <-l.gone:
		return false
	}
}

// link is a connection through a proxy.
type link struct {
	client, server *net.TCPConn
	once           sync.Once
	gone           chan struct{} // closed with it

	introduce func(io.Reader) io.Reader // see Proxy

	first   []byte // of what the server has sent
	session int64  // as the server's first answer says; guarded by Proxy.mu
}

// begin is what a client says, if it does not begin as it wants to.
func (l *link) begin(client io.Reader) io.Reader {
	if l.introduce == nil {
		return client
	}
	return l.introduce(client)
}

func (l *link) close() {
	l.once.Do(func() {
		close(l.gone)
		l.client.Close()
		l.server.Close()
	})
}

// note learns the session's id from a response to a connect request: a frame of 36 or 37 bytes with a
// protocol version, a timeout and the id.
func (l *link) note(p *Proxy, b []byte) {
	const known = 4 + 4 + 4 + 8
	if len(l.first) >= known {
		return
	}
	l.first = append(l.first, b[:min(len(b), known)]...)
	if len(l.first) < known {
		return
	}
	if length := binary.BigEndian.Uint32(l.first); length == 36 || length == 37 {
		p.mu.Lock()
		defer p.mu.Unlock()
		l.session = int64(binary.BigEndian.Uint64(l.first[12:]))
	}
}
