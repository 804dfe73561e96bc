package faults

import (
	"net"
	"os"
	"syscall"
	"time"
)

// Dialer is what connects a client: net.DialTimeout, memserver.Server.Dial, or
// one that a plan has made of them. go-zookeeper's has the same signature.
type Dialer = func(network, address string, timeout time.Duration) (net.Conn, error)

// Dialer puts the plan between a client and the server that dial connects it to.
func (p *Plan) Dialer(dial Dialer) Dialer { return p.As("").Dialer(dial) }

// Conn puts the plan between a client and the server at the other end of nc.
func (p *Plan) Conn(nc net.Conn) net.Conn { return p.As("").Conn(nc) }

// As is the plan as one client has it: rules with client=name are about that
// one, and it has draws of its own.
func (p *Plan) As(name string) *Party { return &Party{p, name} }

// Party is a plan with the name of a client.
type Party struct {
	plan *Plan
	name string
}

// Conn is Plan.Conn for this client.
func (y *Party) Conn(nc net.Conn) net.Conn { return newConn(y.plan, y.name, nc) }

// Dialer is Plan.Dialer for this client.
func (y *Party) Dialer(dial Dialer) Dialer {
	return func(network, address string, timeout time.Duration) (net.Conn, error) {
		if err := y.plan.reach(&peer{name: y.name, conn: new(byte)}, network, address, timeout); err != nil {
			return nil, err
		}
		nc, err := dial(network, address, timeout)
		if err != nil {
			return nil, err
		}
		return y.Conn(nc), nil
	}
}

// reach tells whether a client gets through to a server.
func (p *Plan) reach(who *peer, network, address string, timeout time.Duration) error {
	defer p.forget(who.conn)
	fail := func(err error) error {
		return &net.OpError{Op: "dial", Net: network, Addr: dialled(address), Err: err}
	}
	if p.refused(who) {
		return fail(syscall.ECONNREFUSED)
	}
	l := p.lasting(p.program.Load(), who, ToServer)
	if back := p.lasting(p.program.Load(), who, FromServer); back.silent {
		if !l.silent || back.until.IsZero() || !l.until.IsZero() && back.until.After(l.until) {
			l.until = back.until
		}
		l.silent = true
	}
	if !l.silent {
		return nil
	}
	// The first packets of a connection are sent again until one gets through.
	w := &waiter{healing: make(chan struct{}, 1)}
	p.enter(w)
	defer p.leave(w)
	var late, end <-chan time.Time
	if timeout > 0 {
		late = time.After(timeout)
	}
	if !l.until.IsZero() {
		end = time.After(time.Until(l.until))
	}
	select {
	case <-late:
		return fail(os.ErrDeadlineExceeded)
	case <-end:
	case <-w.healing:
	}
	return nil
}

// refused asks the rules about an attempt to connect.
func (p *Plan) refused(who *peer) bool {
	q := request{op: opConnect}
	return p.judge(find(nil, p.program.Load().refusals, who, &q), who, &q).act != nil
}

// waiter is somebody who waits for the network.
type waiter struct{ healing chan struct{} }

func (w *waiter) healed() {
	select {
	case w.healing <- struct{}{}:
	default:
	}
}

func (w *waiter) shut() {}

// dialled is an address that could not be reached.
type dialled string

func (dialled) Network() string  { return "tcp" }
func (a dialled) String() string { return string(a) }
