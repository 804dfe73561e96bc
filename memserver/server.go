package memserver

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zksim/zksim/memserver/internal/state"
	"github.com/zksim/zksim/zkapi"
)

// Server is one ZooKeeper server in memory. Its methods are safe for
// concurrent use.
type Server struct {
	cfg   Config
	spare bool         // there is a processor for waiting for one client alone
	open  atomic.Int32 // connections

	// mu guards everything below. It is held while requests are applied and
	// never while anything waits: bytes are written after it is released.
	mu        sync.Mutex
	st        *state.State
	started   int64         // milliseconds; the reaper's rhythm counts from here
	offset    time.Duration // how far Advance has moved the clock
	timer     *time.Timer   // for the next expiry or reaping; nil if nothing is due ever
	timerAt   int64
	reapAt    int64 // 0 while there is nothing to reap
	closed    bool
	members   []*Member
	clients   map[*Client]struct{}
	made      int        // clients so far
	unsent    []*conn    // have events that nobody is writing yet
	condemn   []net.Conn // to be closed once the lock is released: closing TLS may wait
	dialled   int        // pipes so far, for their addresses
	turn      sync.Cond  // members have found or lost each other
	listeners []*zkapi.Stream[Event]

	running sync.WaitGroup // connections, writers, listeners
}

// ErrServerClosed is returned by what needs a server that runs.
var ErrServerClosed = errors.New("memserver: server is closed")

// New makes a server. It starts no goroutine and no timer; those come with
// connections. A Config that contradicts itself is an error.
func New(opts ...func(*Config)) (*Server, error) {
	var cfg Config
	for _, opt := range opts {
		opt(&cfg)
	}
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, clients: make(map[*Client]struct{})}
	s.turn.L = &s.mu
	s.spare = cfg.ClientsElsewhere && runtime.GOMAXPROCS(0) > 1
	s.started = s.now()
	sc := cfg.state(s.firstSession())
	sc.Started = s.started
	if cfg.From != nil {
		s.st = state.From(sc, cfg.From.snap, s.started)
	} else {
		s.st = state.New(sc)
	}
	for _, st := range s.st.Members() {
		s.members = append(s.members, &Member{srv: s, st: st, conns: make(map[*conn]struct{}), perIP: make(map[string]int)})
	}
	return s, nil
}

// firstSession is the number from which a server counts its sessions: 40 bits
// of a millisecond clock, then 16 bits that start at 0. The top byte of an id is
// that of the member.
func (s *Server) firstSession() int64 {
	ms := s.now()
	if s.cfg.Seed != 0 {
		ms = s.cfg.Seed
	}
	return int64(uint64(ms) << 24 >> 8)
}

// now is the server's time in milliseconds since 1970.
func (s *Server) now() int64 { return time.Now().Add(s.offset).UnixMilli() }

// deliver carries out what a step of the state machine asks for: it closes
// connections and hands out events. Called with mu held after each step.
func (s *Server) deliver() {
	for {
		kicked := s.st.TakeKicked()
		for _, c := range kicked {
			c.Peer.(peer).kicked()
		}
		if s.listeners != nil {
			s.publish()
		}
		for _, n := range s.st.TakeNotes() {
			if n.Answer != nil {
				n.Conn.Peer.(peer).answer(n.Answer)
				continue
			}
			n.Conn.Peer.(peer).event(n)
			if s.listeners != nil {
				s.tellWatch(n)
			}
		}
		if len(kicked) == 0 {
			return // being told of its end may have made a client open another session
		}
	}
}

// settle is deliver, and sets the timer for what the step has made due later.
func (s *Server) settle() {
	s.deliver()
	if s.st.TakeNewDue() {
		s.arm()
	}
}

// peer is a connection's shell. Its methods are called with Server.mu held.
type peer interface {
	event(state.Note)
	answer(*state.Answer) // to the request that it waits for
	kicked()
}

// release ends a step: it unlocks, closes the connections that the step has
// ended, and starts writers for what it has given others to read.
func (s *Server) release() {
	if s.listeners != nil {
		s.publish() // that a connection has ended is no step of its own
	}
	unsent, condemned := s.unsent, s.condemn
	if len(unsent) == 0 && len(condemned) == 0 {
		s.mu.Unlock()
		return
	}
	s.unsent, s.condemn = nil, nil
	s.running.Add(len(unsent))
	s.mu.Unlock()
	for _, nc := range condemned {
		nc.Close()
	}
	for _, c := range unsent {
		go func() {
			defer s.running.Done()
			c.flush()
		}()
	}
}

// arm sets the timer for the next thing that only time brings about.
func (s *Server) arm() {
	at, ok := s.st.NextDue()
	switch {
	case !s.st.Reapable():
		s.reapAt = 0
	case s.reapAt == 0:
		interval := s.cfg.ContainerInterval.Milliseconds()
		s.reapAt = s.started + ((s.now()-s.started)/interval+1)*interval
		fallthrough
	default:
		if !ok || s.reapAt < at {
			at, ok = s.reapAt, true
		}
	}
	if ok && !s.closed && s.timer != nil && s.timerAt <= at {
		return // a timer that goes off early finds nothing to do and sets the next
	}
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if !ok || s.closed {
		return
	}
	s.timerAt = at
	// A new timer each time: one made in another synctest bubble cannot be reset.
	s.timer = time.AfterFunc(time.Duration(at-s.now())*time.Millisecond, s.tick)
}

func (s *Server) tick() {
	s.mu.Lock()
	s.timer = nil
	if !s.closed {
		s.due(s.now(), func(sess *state.Session) bool { return sess.Pinned && sess.Conn != nil })
	}
	s.release()
}

// due does what is due by now.
func (s *Server) due(now int64, alive func(*state.Session) bool) {
	silent := s.st.SilenceDue(now)
	if s.st.ElectDue(now) || silent {
		s.settleElection()
	}
	s.st.CatchUpDue(now)
	s.st.ExpireDue(now, alive)
	if s.reapAt != 0 && s.reapAt <= now {
		s.reapAt = 0
		s.st.Reap(now)
	}
	s.settle()
	s.arm()
}

// Close ends all connections and waits for every goroutine of the server. It
// is idempotent. Sessions are not closed: as with a real server, a snapshot
// taken before still has them.
func (s *Server) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		if s.timer != nil {
			s.timer.Stop()
		}
		for _, m := range s.members {
			for _, l := range m.listeners {
				l.Close()
			}
			for c := range m.conns {
				c.shut()
			}
		}
		for c := range s.clients {
			c.serverClosed()
		}
		s.turn.Broadcast()
		for _, l := range s.listeners {
			l.End()
		}
		s.listeners = nil
	}
	s.release()
	s.running.Wait()
	return nil
}
