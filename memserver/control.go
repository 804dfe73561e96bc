package memserver

import (
	"time"

	"github.com/zksim/zksim/memserver/internal/state"
)

// What a test may do to a server.

// Advance moves the server's clock forward. Clients that are connected count as
// sending their pings all the while, so only sessions without a connection
// expire, each at its own time and with its own transaction; containers and
// TTL nodes are removed when they are due. It returns when all of that is done.
//
// In a testing/synctest bubble time.Sleep does the same for everybody.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.release()
	if s.closed {
		return
	}
	// The clock goes on by itself meanwhile; the steps are counted from here.
	start := time.Now()
	end := s.offset + d
	base := start.UnixMilli()
	for {
		at, ok := s.st.NextDue()
		if s.reapAt != 0 && (!ok || s.reapAt < at) {
			at, ok = s.reapAt, true
		}
		if !ok || at > base+end.Milliseconds() {
			break
		}
		s.offset = max(s.offset, time.Duration(at-base)*time.Millisecond)
		s.due(max(at, base+s.offset.Milliseconds()), func(sess *state.Session) bool { return sess.Conn != nil })
	}
	s.offset = end
	if s.timer != nil { // it was set by the clock that has been moved
		s.timer.Stop()
		s.timer = nil
	}
	s.arm()
}

// Now is the time on the server's clock.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.offset)
}

// Expire ends a session on the server, as its timeout would: ephemeral nodes
// go, watches fire, the connection is closed. It tells whether the session was there.
// Where members do not hear each other it may have to wait, as a write does.
func (s *Server) Expire(sessionID int64) bool {
	s.mu.Lock()
	defer s.release()
	ok := s.st.Expire(s.now(), sessionID)
	s.settle()
	return ok
}

// Disconnect breaks the connection of a session and tells whether it had one.
// The session lives on until its timeout. A client that dials comes back by
// itself; a Client of this package stays cut off until its Reconnect.
func (s *Server) Disconnect(sessionID int64) bool {
	s.mu.Lock()
	defer s.release()
	for c := range s.clients {
		if c.session == sessionID {
			c.cut = true
		}
	}
	ok := s.st.Cut(s.now(), sessionID)
	s.settle()
	return ok
}

// Restart stops the server and starts it again on the same state: connections
// and watches are lost, the tree and the sessions are not, and every session
// has its full timeout before it. Clients come back by themselves.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.release()
	s.cutAll()
	s.st.Restart(s.now(), s.firstSession())
	s.startAgain()
}

// Restore stops the server, replaces all it knows by a snapshot, and starts it
// again; nil stands for what a new server knows. Clients come back by
// themselves: to their session if the snapshot has it, otherwise they learn that
// it has expired. The zxid and the session ids do not go back, because clients
// that have seen later ones would not be let in, or would share a session.
func (s *Server) Restore(snap *Snapshot) {
	s.mu.Lock()
	defer s.release()
	s.cutAll()
	var inner *state.Snapshot
	if snap != nil {
		inner = snap.snap
	}
	s.st.Restore(s.now(), s.firstSession(), inner)
	s.startAgain()
}

// cutAll ends all connections over the wire.
func (s *Server) cutAll() {
	for _, m := range s.members {
		for c := range m.conns {
			c.shut()
		}
		m.stats = serverStats{}
	}
}

// startAgain is what Restart and Restore end with.
func (s *Server) startAgain() {
	s.started, s.reapAt = s.now(), 0 // the reaper's rounds begin anew
	if s.listeners != nil {
		s.publish()
		s.tell(Event{Kind: EventReset, Time: time.UnixMilli(s.now()), Zxid: s.st.Zxid()})
	}
	s.turn.Broadcast()
	s.settle()
	s.arm()
}
