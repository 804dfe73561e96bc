package memserver

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/zksim/zksim/memserver/internal/state"
)

// Member is one server of an ensemble, which Config.Members makes of a Server.
// Every member has clients and an address of its own. What one commits all of
// them apply, at once unless they are told to lag; an election takes no time.
//
//	srv := memserver.RunT(t, func(c *memserver.Config) { c.Members = 3 })
//	follower := srv.Member(1)
//	follower.SetLag(memserver.Lag{Hold: true}) // its clients read what was
//
// A Server without Config.Members is its own only member.
type Member struct {
	srv *Server
	st  *state.Member

	// All guarded by srv.mu.
	conns      map[*conn]struct{}
	perIP      map[string]int
	listeners  []net.Listener
	home       net.Addr // of its first listener, also while it is stopped
	secureHome net.Addr // the same of its first listener with TLS
	stats      serverStats
	stopped    bool
	isolated   bool
}

// Lag says how far a member stays behind the others. Whatever it says, a client
// sees what it has written itself, and Sync makes the member catch up.
type Lag struct {
	Hold bool          // it applies nothing, until Apply or another SetLag
	Txns int           // it stays so many transactions behind
	Time time.Duration // it applies each transaction so much later
}

// Role is what a member does in its ensemble.
type Role string

// The roles, as ZooKeeper's four-letter words call them.
const (
	Standalone Role = "standalone"
	Leader     Role = "leader"
	Follower   Role = "follower"
	Observer   Role = "observer"
	ReadOnly   Role = "read-only" // without a quorum, where Config.ReadOnlyMode lets it serve reads
	NotServing Role = ""          // stopped, cut off, or without a quorum
)

// Members lists the members in the order of their ids.
func (s *Server) Members() []*Member { return s.members }

// Member is the one of that id; ids count from 1.
func (s *Server) Member(id int) *Member { return s.members[id-1] }

// Leader is the member that leads, nil while there is no quorum.
func (s *Server) Leader() *Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.st.Leader(); m != nil {
		return s.members[m.ID-1]
	}
	return nil
}

// ID is the member's number, from 1: the top byte of the session ids that it gives out.
func (m *Member) ID() int { return m.st.ID }

// Role is what the member does now.
func (m *Member) Role() Role {
	m.srv.mu.Lock()
	defer m.srv.mu.Unlock()
	return m.role()
}

func (m *Member) role() Role {
	switch leader := m.srv.st.Leader(); {
	case m.st.ReadOnly():
		return ReadOnly
	case leader == nil || m.st.Down():
		return NotServing
	case len(m.srv.members) == 1:
		return Standalone
	case leader == m.st:
		return Leader
	case m.srv.st.Observes(m.st):
		return Observer
	}
	return Follower
}

// Spec is how the other members know this one: what stands behind server.N= in
// a configuration that a reconfig may ask for.
//
//	client.Reconfig(ctx, zkapi.Reconfig{Joining: fmt.Sprintf("server.%d=%s", m.ID(), m.Spec()), ...})
func (m *Member) Spec() string {
	spec, _, _ := strings.Cut(m.srv.cfg.spec(m.ID()), ";")
	return spec + ";" + m.Addr()
}

// Zxid is the last transaction that the member has applied.
func (m *Member) Zxid() int64 {
	m.srv.mu.Lock()
	defer m.srv.mu.Unlock()
	return m.st.Zxid()
}

// Behind is the number of transactions that are committed and that the member
// has not applied.
func (m *Member) Behind() int {
	m.srv.mu.Lock()
	defer m.srv.mu.Unlock()
	return m.st.Behind()
}

// SetLag makes the member stay behind from now on, or, with the zero Lag, catch up.
func (m *Member) SetLag(lag Lag) {
	s := m.srv
	s.mu.Lock()
	defer s.release()
	s.st.SetLag(s.now(), m.st, state.Lag{Hold: lag.Hold, Txns: lag.Txns, Time: lag.Time.Milliseconds()})
	s.settle()
}

// Apply makes a member that lags apply the next transactions, whose watches
// fire. It tells how many there were.
func (m *Member) Apply(txns int) int {
	s := m.srv
	s.mu.Lock()
	defer s.release()
	n := s.st.Advance(m.st, txns)
	s.settle()
	return n
}

// Stop ends the member, as a crash of its machine would: its connections break
// and its port is closed. If it has led, or without it there is no quorum, the
// connections of all members break, as they do in an election.
func (m *Member) Stop() {
	s := m.srv
	s.mu.Lock()
	defer s.release()
	if m.stopped {
		return
	}
	m.stopped = true
	for _, l := range m.listeners {
		l.Close()
	}
	m.listeners = nil
	for c := range m.conns {
		c.shut()
	}
	s.change(m)
}

// Start brings a stopped member back, with all that was committed meanwhile. If
// it listened on an address it does so again. A server that is not in the
// configuration of its ensemble, after a reconfig or before, does not start.
func (m *Member) Start() error {
	s := m.srv
	s.mu.Lock()
	defer s.release()
	if !m.stopped || s.closed {
		return nil
	}
	if len(s.members) > 1 && !s.st.Votes(m.st) && !s.st.Observes(m.st) {
		return fmt.Errorf("memserver: My id %d not in the peer list", m.ID()) // ZooKeeper's words
	}
	if err := m.listenAgain(); err != nil {
		return err
	}
	m.stopped = false
	m.stats = serverStats{}
	s.change(m)
	return nil
}

// listenAgain opens the addresses that the member had, or none. Server.mu is held.
func (m *Member) listenAgain() error {
	var opened []net.Listener
	homes := []net.Addr{m.home, m.secureHome}
	for i, home := range homes {
		if home == nil {
			opened = append(opened, nil)
			continue
		}
		l, err := m.srv.listen(home.String(), i == 1)
		if err != nil {
			for _, l := range opened {
				if l != nil {
					l.Close()
				}
			}
			return err
		}
		opened = append(opened, l)
	}
	for i, l := range opened {
		if l != nil {
			m.enter(l, i == 1)
			go func() {
				defer m.srv.running.Done()
				_ = m.accept(l)
			}()
		}
	}
	return nil
}

// Isolate cuts the member off from the others. It runs, and takes connections
// only to close them, as a server without a quorum does.
func (m *Member) Isolate() { m.setIsolated(true) }

// Rejoin ends Isolate.
func (m *Member) Rejoin() { m.setIsolated(false) }

func (m *Member) setIsolated(yes bool) {
	s := m.srv
	s.mu.Lock()
	defer s.release()
	m.isolated = yes
	s.change(m)
}

// Sever loses, from now on, all that the member says to another one, which it
// still hears itself: a partition in one direction, or with two calls in both.
// What follows is what ZooKeeper makes of it:
//
//   - A follower that the leader does not hear serves reads; what its clients write
//     waits, and is lost.
//   - A follower that does not hear the leader serves what was. What its clients write is
//     done, and they do not learn it. Neither keeps its clients' sessions alive.
//   - A leader that not enough others hear and answer commits nothing: all writes wait.
//
// Config.SyncLimit ticks later the two give each other up: the follower breaks its
// connections and serves nobody, and a leader without a quorum does the same; then
// there is an election among those that hear each other. A write that has waited is
// done or not, as the log of the next leader has it, and its client cannot know.
//
// Mend ends it: what has waited by then arrives and is answered.
func (m *Member) Sever(to *Member) {
	s := m.srv
	s.mu.Lock()
	defer s.release()
	s.st.Sever(s.now(), m.st, to.st)
	s.settle()
}

// Mend ends Sever. Members that were lost come back.
func (m *Member) Mend(to *Member) {
	s := m.srv
	s.mu.Lock()
	defer s.release()
	s.st.Mend(s.now(), m.st, to.st)
	s.settleElection()
}

// Elect makes the member the leader of a new epoch, as an election would: all
// connections of the ensemble break. It tells whether it could be elected.
func (m *Member) Elect() bool {
	s := m.srv
	s.mu.Lock()
	defer s.release()
	ok := s.st.Elect(s.now(), m.st)
	s.settleElection()
	return ok
}

// change tells the state machine what has become of a member.
func (s *Server) change(m *Member) {
	if m.stopped || m.isolated {
		s.st.Fail(s.now(), m.st, m.stopped)
	} else {
		s.st.Recover(s.now(), m.st)
	}
	s.settleElection()
}

// settleElection ends the connections that an election has left, those that have
// no session yet, and lets the direct clients look for a member that serves.
func (s *Server) settleElection() {
	s.settle()
	for _, m := range s.members {
		if m.role() == NotServing {
			for c := range m.conns {
				c.shut()
			}
		}
	}
	s.turn.Broadcast()
	for _, c := range s.sortedClients() {
		c.seekWriter()
		c.comeBack()
	}
	s.settle()
	s.arm()
}
