package realserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Ensemble is several ZooKeeper servers that are one service. All methods may be called from any
// goroutine; each member is a [Server] and can be stopped, killed, paused and restarted like one.
// What its methods take for a quorum is that of the members that had a vote at the start: after a
// reconfig that gives others a vote, ask the members themselves ([Server.Mode]).
type Ensemble struct {
	members []*Server
	mesh    mesh // if they are Severable
	news    *news
}

// quorum is what a member needs to talk to the others.
type quorum struct {
	peers, election *port
}

func (q *quorum) release() error { return errors.Join(q.peers.release(), q.election.release()) }

// StartEnsemble starts n servers at once as one ensemble, and returns when all of them serve and they
// have a leader. The option functions are called for each member, and may look at [Options.ID]. The
// context bounds the start only, to three minutes if it has no deadline; the servers run until
// [Ensemble.Close].
func StartEnsemble(ctx context.Context, in Install, n int, opts ...func(*Options)) (*Ensemble, error) {
	if n < 1 || n > 254 {
		return nil, fmt.Errorf("realserver: an ensemble has 1 to 254 members, not %d", n)
	}
	ctx, cancel := limited(ctx, startLimit)
	defer cancel()
	e := &Ensemble{news: new(news)}
	for i := range n {
		s, err := newServer(in, newOptions(member(i+1), opts), e.news)
		if err != nil {
			return nil, errors.Join(err, e.Close())
		}
		e.members = append(e.members, s)
	}
	if err := retryPorts(func() error { return e.startAnew(ctx) }); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// startAnew starts the ensemble on ports that nobody has used before.
func (e *Ensemble) startAnew(ctx context.Context) error {
	if err := e.newPorts(); err != nil {
		return fmt.Errorf("realserver: %w", err)
	}
	err := e.each((*Server).run)
	if err == nil {
		err = e.waitStarted(ctx)
	}
	if err != nil {
		err = errors.Join(err, e.each((*Server).Kill))
	}
	return err
}

// waitStarted is WaitServing that ends with the first member that fails.
func (e *Ensemble) waitStarted(ctx context.Context) error {
	waiting, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var once sync.Once
	var first error
	_ = e.each(func(s *Server) error {
		if err := s.WaitServing(waiting); err != nil {
			once.Do(func() { first = err; giveUp() })
		}
		return nil
	})
	if first != nil {
		return first
	}
	return e.WaitServing(ctx)
}

func (e *Ensemble) newPorts() error {
	severable := false
	for _, s := range e.members {
		if err := s.releasePorts(); err != nil {
			return err
		}
		if err := s.reserveAll(); err != nil {
			return err
		}
		severable = severable || s.options.Severable
	}
	err := e.mesh.close()
	if severable && err == nil {
		e.mesh, err = newMesh(e.members)
	}
	if err != nil {
		return err
	}
	for _, s := range e.members {
		known := make(map[string]string)
		for _, other := range e.members {
			if other == s || !other.options.Joiner {
				known[fmt.Sprintf("server.%d", other.ID())] = e.mesh.address(s, other)
			}
		}
		if err := s.writeFiles(known); err != nil {
			return err
		}
	}
	return nil
}

// reserveAll takes the three ports of a member.
func (s *Server) reserveAll() (err error) {
	s.quorum = new(quorum)
	for _, p := range []**port{&s.port, &s.quorum.peers, &s.quorum.election} {
		if *p, err = s.options.reserve(); err != nil {
			return err
		}
	}
	return nil
}

// address is how the members know this one: the value of server.N in zoo.cfg.
func (s *Server) address() string { return s.addressAt(s.quorum.peers, s.quorum.election) }

// addressAt is address for ports that stand for the member's own.
func (s *Server) addressAt(peers, election *port) string {
	role := "participant"
	if s.options.Observer {
		role = "observer"
	}
	return fmt.Sprintf("%s:%d:%s", peers.addr(), election.number, role)
}

// Spec is what the members know this one by, as a reconfig has it behind server.N=: the ports that it
// has for them, its role at its start, and its port for clients. It is "" for a server that stands alone.
func (s *Server) Spec() string {
	if s.quorum == nil {
		return ""
	}
	return s.address() + ";" + s.Addr()
}

// each does something with all members at once.
func (e *Ensemble) each(do func(*Server) error) error {
	errs := make([]error, len(e.members))
	var all sync.WaitGroup
	for i, s := range e.members {
		all.Go(func() { errs[i] = do(s) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// some does something with some members at once.
func (e *Ensemble) some(ids []int, do func(*Server) error) error {
	return e.each(func(s *Server) error {
		if !slices.Contains(ids, s.ID()) {
			return nil
		}
		return do(s)
	})
}

// Version returns the version of the servers, such as 3.9.6.
func (e *Ensemble) Version() string { return e.members[0].Version() }

// Members returns all members, in the order of their IDs, whether they run or not.
func (e *Ensemble) Members() []*Server { return slices.Clone(e.members) }

// Member returns the member with an ID from 1 to the number of members.
func (e *Ensemble) Member(id int) *Server { return e.members[id-1] }

// Addrs returns the addresses of all members, for clients.
func (e *Ensemble) Addrs() []string {
	var addrs []string
	for _, s := range e.members {
		addrs = append(addrs, s.Addr())
	}
	return addrs
}

// Close stops all members and removes their data folders, unless the options have named one.
func (e *Ensemble) Close() error { return errors.Join(e.each((*Server).Close), e.mesh.close()) }

// WaitServing returns when every member that runs and is not paused serves, and one and only one of them
// leads. The context bounds the waiting, to three minutes if it has no deadline.
func (e *Ensemble) WaitServing(ctx context.Context) error {
	ctx, cancel := limited(ctx, startLimit)
	defer cancel()
	err := e.each(func(s *Server) error {
		if _, _, err := s.awake(); err != nil {
			return nil
		}
		return s.WaitServing(ctx)
	})
	if err != nil {
		return err
	}
	_, err = e.await(ctx, "not all members serve", func(r roles) bool { return r.quorum && r.silent == 0 })
	return err
}

// Leader returns the leader. It waits for one that leads: most of the voting members, itself among them,
// serve and say that they follow. While a leader that was paused has not noticed that it has been
// replaced there are two who say they lead; the one with the later epoch is returned. The context bounds
// the waiting, to three minutes if it has no deadline.
func (e *Ensemble) Leader(ctx context.Context) (*Server, error) {
	r, err := e.awaitQuorum(ctx)
	return r.leader, err
}

// Followers returns the voting members that follow the leader, which it waits for as [Ensemble.Leader]
// does. Members that are down or paused or have not caught up are not among them.
func (e *Ensemble) Followers(ctx context.Context) ([]*Server, error) {
	r, err := e.awaitQuorum(ctx)
	return r.followers, err
}

// roles is who is what at some moment.
type roles struct {
	leader    *Server
	followers []*Server
	others    []*Server // observers, and read-only members
	quorum    bool      // most voters follow the leader, or are it
	silent    int       // members that are up and have no role, or one that is contested
}

// votes tells whether the member had a vote when the ensemble was started.
func (s *Server) votes() bool { return !s.options.Observer && !s.options.Joiner }

// serving returns all members that have a role.
func (r roles) serving() []*Server {
	all := slices.Concat(r.followers, r.others)
	if r.leader != nil {
		all = append(all, r.leader)
	}
	return all
}

func (e *Ensemble) awaitQuorum(ctx context.Context) (roles, error) {
	ctx, cancel := limited(ctx, startLimit)
	defer cancel()
	return e.await(ctx, "no leader with a quorum", func(r roles) bool { return r.quorum })
}

// await waits until the members have certain roles. As in [Server.await] the ticker is for what no log
// tells.
func (e *Ensemble) await(ctx context.Context, not string, ok func(roles) bool) (roles, error) {
	silent := time.NewTicker(time.Second)
	defer silent.Stop()
	for {
		changed := e.news.next()
		r, err := e.roles(ctx)
		if ok(r) {
			return r, nil
		}
		select {
		case <-changed:
		case <-silent.C:
		case <-ctx.Done():
			return roles{}, fmt.Errorf("realserver: %s: %w; of the members, %w", not, context.Cause(ctx), err)
		}
	}
}

// roles asks all members at once. The error says why some have no role.
func (e *Ensemble) roles(ctx context.Context) (roles, error) {
	answers := make([]standing, len(e.members))
	errs := make([]error, len(e.members))
	var all sync.WaitGroup
	for i, s := range e.members {
		all.Go(func() {
			var err error
			if answers[i], err = s.standing(ctx); err != nil {
				errs[i] = fmt.Errorf("%d: %w", s.ID(), err)
			}
		})
	}
	all.Wait()
	return e.divide(answers), cmp.Or(errors.Join(errs...), errors.New("none complains"))
}

// divide gives the members the roles that they claim.
func (e *Ensemble) divide(answers []standing) roles {
	var r roles
	var latest int64
	voters := 0
	for i, s := range e.members {
		if s.votes() {
			voters++
		}
		switch epoch := answers[i].zxid >> 32; answers[i].mode {
		case Leader:
			if r.leader != nil {
				r.silent++
			}
			if r.leader == nil || epoch > latest {
				r.leader, latest = s, epoch
			}
		case Follower:
			r.followers = append(r.followers, s)
		case Observer, ReadOnly:
			r.others = append(r.others, s)
		default:
			if _, _, err := s.awake(); err == nil {
				r.silent++
			}
		}
	}
	r.quorum = r.leader != nil && 2*(len(r.followers)+1) > voters
	return r
}

// Expire ends a session, whoever owns it. Where it can, it does so on a member that the session's client
// is not connected to: then the client sees exactly what it sees when its time is over, because every
// member closes the connection of a session when it applies the end of it. When Expire returns, the
// session's ephemeral nodes are gone on one member; the others follow as they do after every change. If
// there is no such session, the error is zkapi.ErrSessionExpired.
func (e *Ensemble) Expire(ctx context.Context, sessionID int64) error {
	ctx, cancel := limited(ctx, sessionLimit)
	defer cancel()
	r, err := e.awaitQuorum(ctx)
	if err != nil {
		return err
	}
	var owner *Server
	var errs []error
	for _, s := range r.serving() {
		if connected, err := s.Connected(ctx, sessionID); err == nil && connected {
			owner = s
			continue
		}
		err := s.Expire(ctx, sessionID)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	if owner != nil { // the others know nothing of a local session
		return owner.Expire(ctx, sessionID)
	}
	return errors.Join(errs...)
}

// Disconnect has the member that a session's client is connected to close that connection. The session
// lives on, and its client connects to any member. Nothing happens if it is connected to none.
func (e *Ensemble) Disconnect(ctx context.Context, sessionID int64) error {
	ctx, cancel := limited(ctx, sessionLimit)
	defer cancel()
	owner, err := e.ConnectedTo(ctx, sessionID)
	if owner == nil || err != nil {
		return err
	}
	return owner.Disconnect(ctx, sessionID)
}

// ConnectedTo returns the member that a session's client is connected to, or nil if there is none. Of
// several connections of one session, left behind by a client that has moved, it finds one.
func (e *Ensemble) ConnectedTo(ctx context.Context, sessionID int64) (*Server, error) {
	ctx, cancel := limited(ctx, sessionLimit)
	defer cancel()
	r, err := e.awaitQuorum(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range r.serving() {
		if connected, err := s.Connected(ctx, sessionID); connected || err != nil {
			return s, err
		}
	}
	return nil, nil
}
