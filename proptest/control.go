package proptest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// Control is what a scenario does to the servers of a program, simulated or
// real: it is written once, tried in microseconds on [ControlSimulated], and
// confirmed on [ControlReal]. Members are numbered from 1. What has been done to
// one is undone by its counterpart, not by another one's.
type Control interface {
	// Addrs are where clients connect, in the order of the members. Dial
	// connects to one of them; it has the signature of net.DialTimeout.
	Addrs() []string
	Dial(network, address string, timeout time.Duration) (net.Conn, error)

	// Kill ends a member without a warning; Start brings it back, on its data.
	Kill(member int) error
	Start(ctx context.Context, member int) error
	// Pause has a member hang: its connections stay, and nobody answers, the
	// other members included. Continue lets it go on.
	Pause(member int) error
	Continue(member int) error
	// Partition cuts clients off from a member, which the others still reach:
	// the network carries nothing. Rejoin ends that.
	Partition(member int) error
	Rejoin(member int) error

	// Sever has a member hear nothing of another one, which it can still talk to, until
	// Mend: a partition between members in one direction, or with two calls in both.
	// Real members take Options.Severable for that.
	Sever(from, to int) error
	Mend(from, to int) error

	// Leader is the member that leads, as soon as one does.
	Leader(ctx context.Context) (int, error)
	// Expire ends a session on the servers; Disconnect breaks its connection.
	Expire(ctx context.Context, session int64) error
	Disconnect(ctx context.Context, session int64) error
}

// ControlSimulated is Control of this module's simulator. It works in a
// testing/synctest bubble.
func ControlSimulated(srv *memserver.Server) Control {
	e := &simulatedEnsemble{srv: srv}
	for range srv.Members() {
		e.networks = append(e.networks, faults.MustParse(""))
	}
	return e
}

type simulatedEnsemble struct {
	srv      *memserver.Server
	networks []*faults.Plan // between clients and each member
}

func (e *simulatedEnsemble) Addrs() []string { return e.srv.Addrs() }

func (e *simulatedEnsemble) Dial(network, address string, timeout time.Duration) (net.Conn, error) {
	for i, addr := range e.Addrs() {
		if addr == address {
			return e.networks[i].Dialer(e.srv.Dial)(network, address, timeout)
		}
	}
	return nil, fmt.Errorf("proptest: no member is at %s", address)
}

func (e *simulatedEnsemble) Kill(member int) error {
	e.srv.Member(member).Stop()
	return nil
}

func (e *simulatedEnsemble) Start(_ context.Context, member int) error {
	return e.srv.Member(member).Start()
}

// silence has clients hear nothing of a member, not even that a connection ends.
func (e *simulatedEnsemble) silence(member int, yes bool) error {
	plan := ""
	if yes {
		plan = "silence both-ways"
	}
	return e.networks[member-1].UnmarshalText([]byte(plan))
}

func (e *simulatedEnsemble) Pause(member int) error {
	err := e.silence(member, true)
	e.srv.Member(member).Isolate()
	return err
}

func (e *simulatedEnsemble) Continue(member int) error {
	e.srv.Member(member).Rejoin()
	return e.silence(member, false)
}

func (e *simulatedEnsemble) Partition(member int) error { return e.silence(member, true) }
func (e *simulatedEnsemble) Rejoin(member int) error    { return e.silence(member, false) }

func (e *simulatedEnsemble) Sever(from, to int) error {
	e.srv.Member(from).Sever(e.srv.Member(to))
	return nil
}

func (e *simulatedEnsemble) Mend(from, to int) error {
	e.srv.Member(from).Mend(e.srv.Member(to))
	return nil
}

func (e *simulatedEnsemble) Leader(context.Context) (int, error) {
	if leader := e.srv.Leader(); leader != nil {
		return leader.ID(), nil
	}
	return 0, errors.New("proptest: there is no quorum, and so no leader")
}

func (e *simulatedEnsemble) Expire(_ context.Context, session int64) error {
	if !e.srv.Expire(session) {
		return zkapi.ErrSessionExpired
	}
	return nil
}

func (e *simulatedEnsemble) Disconnect(_ context.Context, session int64) error {
	e.srv.Disconnect(session)
	return nil
}

// ControlReal is Control of real servers. Clients reach them through
// proxies of this process; close ends these, not the servers.
func ControlReal(servers *realserver.Ensemble) (c Control, stop func() error, err error) {
	r := &realEnsemble{servers: servers}
	for _, s := range servers.Members() {
		p, err := realserver.NewProxy(s.Addr())
		if err != nil {
			return nil, nil, errors.Join(err, r.close())
		}
		r.proxies = append(r.proxies, p)
	}
	return r, r.close, nil
}

type realEnsemble struct {
	servers *realserver.Ensemble
	proxies []*realserver.Proxy
}

func (e *realEnsemble) close() (err error) {
	for _, p := range e.proxies {
		err = errors.Join(err, p.Close())
	}
	return err
}

func (e *realEnsemble) Addrs() (addrs []string) {
	for _, p := range e.proxies {
		addrs = append(addrs, p.Addr())
	}
	return addrs
}

func (e *realEnsemble) Dial(network, address string, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout(network, address, timeout)
}

func (e *realEnsemble) Kill(member int) error     { return e.servers.Member(member).Kill() }
func (e *realEnsemble) Pause(member int) error    { return e.servers.Member(member).Pause() }
func (e *realEnsemble) Continue(member int) error { return e.servers.Member(member).Continue() }

func (e *realEnsemble) Start(ctx context.Context, member int) error {
	return e.servers.Member(member).Restart(ctx)
}

func (e *realEnsemble) Partition(member int) error {
	e.proxies[member-1].Hold(realserver.BothWays)
	return nil
}

func (e *realEnsemble) Rejoin(member int) error { return e.proxies[member-1].Restore() }

func (e *realEnsemble) Sever(from, to int) error { return e.servers.Sever(from, to) }
func (e *realEnsemble) Mend(from, to int) error  { return e.servers.Mend(from, to) }

func (e *realEnsemble) Leader(ctx context.Context) (int, error) {
	leader, err := e.servers.Leader(ctx)
	if err != nil {
		return 0, err
	}
	return leader.ID(), nil
}

func (e *realEnsemble) Expire(ctx context.Context, session int64) error {
	return e.servers.Expire(ctx, session)
}

func (e *realEnsemble) Disconnect(ctx context.Context, session int64) error {
	return e.servers.Disconnect(ctx, session)
}
