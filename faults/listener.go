package faults

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// Listener puts the plan between a server and whoever connects to l, for
// clients that cannot be given a dialer because they are other programs:
//
//	err := srv.Serve(plan.Listener(l))
//
// A refused connection is accepted and reset at once, since nobody else is
// there to refuse it. Each connection takes two goroutines, which end with it.
func (p *Plan) Listener(l net.Listener) net.Listener { return p.As("").Listener(l) }

// Listener is Plan.Listener for this client.
func (y *Party) Listener(l net.Listener) net.Listener { return &listener{l, y} }

type listener struct {
	net.Listener
	party *Party
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		outside, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		p := l.party.plan
		who := &peer{name: l.party.name, conn: new(byte)}
		if p.refused(who) {
			hangUp(outside)
			continue
		}
		ours, theirs := net.Pipe()
		go l.splice(outside, ours)
		return &accepted{theirs, outside.LocalAddr(), outside.RemoteAddr()}, nil
	}
}

// splice copies both ways until both directions have ended.
func (l *listener) splice(outside, ours net.Conn) {
	inside := l.party.Conn(ours)
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(inside, outside) // to the end of what the client says
		_ = inside.Close()              // which the server learns, if the plan lets it
	})
	_, err := io.Copy(outside, inside)
	if errors.Is(err, syscall.ECONNRESET) {
		hangUp(outside)
	} else {
		_ = outside.Close() // wakes the other direction
	}
	up.Wait()
}

// hangUp closes a connection as a machine does that knows nothing of it.
func hangUp(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // what cannot be done is as good
	}
	_ = nc.Close()
}

// accepted is a server's end, with the addresses of the connection that it stands for.
type accepted struct {
	net.Conn
	local, remote net.Addr
}

func (a *accepted) LocalAddr() net.Addr  { return a.local }
func (a *accepted) RemoteAddr() net.Addr { return a.remote }
