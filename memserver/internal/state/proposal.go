package state

import (
	"slices"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// Requests that wait because members do not hear each other. One goes three ways:
// from the member to the leader, who proposes it; from the leader to members
// enough to log it, and back; and from the leader to the member, which answers.

// proposal is such a request. It is looked into when it is committed, which comes
// to the same as to do that when it is proposed: nothing overtakes it.
type proposal struct {
	conn     *Conn // where the answer goes, if it is still there
	by       Conn  // that connection as it was, for what is done in its name
	q        wire.Request
	p        Response
	expires  *Session // in place of a request, whose time is over
	at       int64    // when it was proposed, in milliseconds
	zxid     int64    // which a member that answers has got to
	overlaps bool     // a reconfig that was asked for while another one waited
}

// Answer is the reply to a request that has waited.
type Answer struct {
	wire.RequestHeader
	*Response
}

// stuck tells whether the leader can commit nothing: too few of those that log
// what it proposes can tell it.
func (s *State) stuck() bool {
	if len(s.cuts) == 0 || s.leader == nil {
		return false
	}
	n := 0
	for _, m := range s.members {
		if !m.down && s.Votes(m) && s.talk(m, s.leader) {
			n++
		}
	}
	return n <= s.Voters()/2
}

// Hangs tells whether a request to connect to a member has to wait: for the leader
// to know of the session.
func (s *State) Hangs(m *Member, q *wire.ConnectRequest) bool {
	switch {
	case len(s.cuts) == 0, s.leader == nil, m.down, q.LastZxidSeen > m.zxid:
		return false
	case q.SessionID == 0:
		return !s.keepsLocal() && (s.stuck() || !s.talk(m, s.leader))
	}
	if sess := s.live[q.SessionID]; sess != nil && sess.home != nil {
		return false
	}
	return !s.talk(m, s.leader)
}

// waits has a request wait if it must, and tells whether it does.
func (s *State) waits(c *Conn, q *wire.Request) bool {
	if s.leader == nil || !s.ordered(q.Type) && q.Type != zkapi.OpCreateSession {
		return false
	}
	if q.Type == zkapi.OpCloseSession && c.Session.home != nil {
		return false
	}
	m := c.member
	said, stuck := s.hears(s.leader, m), s.stuck() && (q.Type != zkapi.OpSync || len(s.proposals) > 0)
	if said && !stuck && !m.deaf {
		return false
	}
	w := &proposal{conn: c, by: Conn{Session: c.Session, IDs: c.IDs, member: m, of: c}, q: owned(q), at: s.now}
	if s.rec.on {
		s.record(Record{Kind: Waiting, Op: q.Type, Path: requestPath(&w.q, &Response{Err: zkapi.ErrAPI})}, c.Session)
	}
	if !said {
		m.unsent = append(m.unsent, w)
		return true
	}
	s.propose(w)
	s.flow()
	return true
}

// owned is a request that outlives the buffer that it came in.
func owned(q *wire.Request) (own wire.Request) {
	r := wire.NewReader(q.Append(nil))
	own.RequestHeader.Read(&r)
	own.ReadBody(&r)
	return own
}

// propose has all who hear the leader log a request.
func (s *State) propose(w *proposal) {
	if to := w.by.Session; to != nil {
		w.by.gone = to.Conn != nil && to.Conn != w.conn
	}
	for _, before := range s.proposals {
		w.overlaps = w.overlaps || before.q.Type == zkapi.OpReconfig
	}
	s.proposals = append(s.proposals, w)
	for _, m := range s.members {
		if !m.down && s.hears(m, s.leader) {
			m.tail = len(s.proposals)
		}
	}
}

// flow carries on what has waited, as far as it goes.
func (s *State) flow() {
	if s.leader == nil {
		return
	}
	for _, m := range s.members {
		if m.down || !s.hears(s.leader, m) {
			continue
		}
		for _, w := range m.unsent {
			w.at = s.now
			s.propose(w)
		}
		m.unsent = nil
	}
	if !s.stuck() {
		s.carryOut(len(s.proposals))
	}
}

// decide is what becomes of the proposals when a member begins to lead: what its
// log has of them is done, though nobody is told, and the rest has never been.
func (s *State) decide(leader *Member) {
	s.carryOut(leader.tail)
	s.proposals = nil
	for _, m := range s.members {
		m.tail, m.unsent, m.unheard = 0, nil, nil
	}
}

// carryOut commits the first proposals. A reconfig among them may make another
// leader, who decides what becomes of the rest.
func (s *State) carryOut(n int) {
	leader, now := s.leader, s.now
	changed := false
	for n = min(n, len(s.proposals)); n > 0 && s.leader == leader; n-- {
		w := s.proposals[0]
		s.proposals = s.proposals[1:]
		for _, m := range s.members {
			if m.logs = m.tail > 0; m.logs {
				m.tail--
			}
		}
		s.now, s.overlaps = w.at, w.overlaps && changed
		s.perform(w)
		changed = changed || w.q.Type == zkapi.OpReconfig && w.p.Err == 0
		if m := w.by.member; w.conn != nil && s.leader == leader {
			m.unheard = append(m.unheard, w)
			s.answer(m)
		}
	}
	for _, m := range s.members {
		m.logs = false
	}
	s.now, s.overlaps = now, false
}

// perform does what was proposed.
func (s *State) perform(w *proposal) {
	if w.expires != nil {
		s.expire(w.expires)
		return
	}
	leader := s.leader
	s.op, s.took = w.q.Type, false
	s.handle(&w.by, &w.q, &w.p)
	if w.zxid = s.zxid; !s.took {
		w.zxid = leader.logged
	}
	w.p.Data, w.p.Results = slices.Clone(w.p.Data), slices.Clone(w.p.Results) // the next one uses the same memory
}

// answer tells the clients of a member what has become of their requests, as far
// as it has got there itself.
func (s *State) answer(m *Member) {
	for !m.deaf && len(m.unheard) > 0 && m.unheard[0].zxid <= m.zxid {
		w := m.unheard[0]
		m.unheard = m.unheard[1:]
		if w.p.Zxid = max(m.zxid, w.zxid); w.conn.Session != nil {
			s.notes = append(s.notes, Note{Conn: w.conn, Answer: &Answer{w.q.RequestHeader, &w.p}})
		}
	}
}
