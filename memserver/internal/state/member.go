package state

import (
	"cmp"
	"slices"

	"github.com/tidwall/btree"
)

// Member is one server of the ensemble: a cursor into its transactions. All
// members agree on what is committed; each applies it in its own time, and its
// clients see what it has applied. A stand-alone server is an ensemble of one.
type Member struct {
	ID          int
	zxid        int64 // the last transaction that it has applied
	data, child watchTable
	lag         Lag
	late        bool // it sees view, not the newest state
	view        view
	behind      []commit    // what is committed and not yet applied here
	down        bool        // it does not take part
	out         bool        // because it is stopped or isolated, not only lost
	off         bool        // stopped
	readOnly    bool        // see setModes
	frozen      bool        // it is late for as long as it is cut off
	deaf        bool        // it does not hear the leader, see attend
	epoch       int64       // the last one in which it took part
	logged      int64       // the last transaction in its log
	tail        int         // how many of the proposals are there behind it
	logs        bool        // the proposal that is carried out is one of them
	unsent      []*proposal // what its clients want and the leader does not hear
	unheard     []*proposal // what is done and it does not know yet
	applied     bool        // it has applied the reconfig that has made the membership, see shownConfig
	changed     bool        // it was the leader that has done that, see listedBy
}

// Lag says how far a member stays behind. It always has applied what its own
// clients have written, and sync makes it catch up.
type Lag struct {
	Hold bool  // it applies nothing
	Txns int   // it stays so many transactions behind
	Time int64 // it applies each so many milliseconds late
}

func (l Lag) any() bool { return l != Lag{} }

// view is the state as a member sees it.
type view struct {
	tree       tree
	ephemerals btree.Map[string, int64]
}

// commit is a transaction on its way to the members that are late.
type commit struct {
	zxid, at int64 // at is when it was committed, in milliseconds
	changes  []change
	closed   []*Conn // of the session that it has ended
	view     view
}

// Zxid is the last transaction that the member has applied.
func (m *Member) Zxid() int64 { return m.zxid }

// Behind is how many transactions it has not applied yet.
func (m *Member) Behind() int { return len(m.behind) }

// Down tells whether it is stopped or cut off.
func (m *Member) Down() bool { return m.down }

// Members lists the servers; their ids count from 1.
func (s *State) Members() []*Member { return s.members }

// Leader is the member that leads, nil where there is no quorum.
func (s *State) Leader() *Member { return s.leader }

// seenBy is the tree that a connection's requests read.
func (s *State) seenBy(c *Conn) *tree {
	if m := c.member; m.late {
		return &m.view.tree
	}
	return &s.tree
}

func (s *State) ephemeralsSeenBy(c *Conn) *btree.Map[string, int64] {
	if m := c.member; m.late {
		return &m.view.ephemerals
	}
	return &s.ephemerals
}

func (s *State) fork() view { return view{s.tree.fork(), *s.ephemerals.Copy()} }

// commit ends a step: what has been committed by it reaches the members.
func (s *State) commit() {
	if s.zxid == s.committed {
		return
	}
	s.committed = s.zxid
	s.logDigest()
	for _, m := range s.members {
		if !m.down && !m.late {
			m.zxid = s.zxid
		}
		if !m.down && !m.deaf || m.logs {
			m.logged = s.zxid
		}
	}
	if s.lateMembers == 0 {
		return
	}
	k := commit{zxid: s.zxid, at: s.now, changes: slices.Clone(s.lateChanges), closed: s.lateClosed, view: s.fork()}
	s.lateChanges, s.lateClosed = s.lateChanges[:0], nil
	for _, m := range s.members {
		if !m.late || m.frozen {
			continue
		}
		if m.behind = append(m.behind, k); m.lag.Time > 0 {
			s.newDue = true
		}
		if n := len(m.behind) - m.lag.Txns; m.lag.Txns > 0 && !m.lag.Hold && m.lag.Time == 0 && n > 0 {
			s.catchUp(m, m.behind[n-1].zxid)
		}
	}
}

// catchUp makes a member apply what was committed up to a zxid.
func (s *State) catchUp(m *Member, zxid int64) {
	if m.frozen || m.deaf {
		return
	}
	for len(m.behind) > 0 && m.behind[0].zxid <= zxid {
		k := m.behind[0]
		m.view, m.zxid = k.view, k.zxid
		s.fireOn(m, k.changes, k.zxid)
		m.close(s, k.closed)
		m.behind[0] = commit{}
		m.behind = m.behind[1:]
		s.answer(m)
	}
	if len(m.behind) == 0 && m.late && !m.lag.any() {
		m.late, m.view = false, view{}
		s.lateMembers--
	}
}

// close ends those of the connections that are the member's.
func (m *Member) close(s *State, conns []*Conn) {
	for _, c := range conns {
		if c.member == m && c.Session != nil {
			s.kick(s.now, c)
		}
	}
}

// SetLag changes how far a member stays behind.
func (s *State) SetLag(now int64, m *Member, lag Lag) {
	s.now = now
	if m.lag = lag; lag.any() && !m.late && !m.down {
		m.late, m.view = true, s.fork()
		s.lateMembers++
	}
	switch n := len(m.behind) - lag.Txns; {
	case !lag.any():
		s.catchUp(m, s.zxid)
	case lag.Hold:
	case lag.Time > 0:
		s.newDue = true
	case n > 0:
		s.catchUp(m, m.behind[n-1].zxid)
	}
}

// Advance makes a member apply the next transactions. It tells how many there were.
func (s *State) Advance(m *Member, txns int) int {
	n := min(txns, len(m.behind))
	if n == 0 || m.deaf {
		return 0
	}
	s.catchUp(m, m.behind[n-1].zxid)
	return n
}

// NextDue is the next time at which ExpireDue, CatchUpDue, SilenceDue or ElectDue has
// something to do; ok is false if there is none.
func (s *State) NextDue() (at int64, ok bool) {
	at, ok = s.NextExpiry()
	if next, late := s.nextCatchUp(); late && (!ok || next < at) {
		at, ok = next, true
	}
	if next, silent := s.nextSilence(); silent && (!ok || next < at) {
		at, ok = next, true
	}
	if s.elected != nil && (!ok || s.electedAt < at) {
		at, ok = s.electedAt, true
	}
	return at, ok
}

// nextCatchUp is when a member that lags by time applies the next transaction.
func (s *State) nextCatchUp() (at int64, ok bool) {
	for _, m := range s.members {
		if m.lag.Time > 0 && !m.lag.Hold && !m.deaf && len(m.behind) > 0 {
			if due := m.behind[0].at + m.lag.Time; !ok || due < at {
				at, ok = due, true
			}
		}
	}
	return at, ok
}

// CatchUpDue applies what members that lag by time have waited for.
func (s *State) CatchUpDue(now int64) {
	for _, m := range s.members {
		for m.lag.Time > 0 && !m.lag.Hold && !m.deaf && len(m.behind) > 0 && m.behind[0].at+m.lag.Time <= now {
			s.catchUp(m, m.behind[0].zxid)
		}
	}
}

// Fail takes a member away from the ensemble: its connections end. If it has
// led, or if there is no quorum without it, so do all others. One that is off
// does not run at all.
func (s *State) Fail(now int64, m *Member, off bool) {
	defer s.setModes()
	m.out, m.off = true, off
	s.lose(now, m)
	if off {
		s.drop(now, m)
		m.unfreeze()
	}
}

// lose has the others go on without a member.
func (s *State) lose(now int64, m *Member) {
	if m.down {
		return
	}
	m.down = true
	s.drop(now, m)
	s.cutOff(m)
	switch {
	case s.leader == nil && (s.elected == nil || s.candidate() != nil): // they are at it
	case s.leader == nil, s.leader == m, !s.quorum():
		s.elect(now)
	}
}

// Recover brings it back, as soon as it finds the others.
func (s *State) Recover(now int64, m *Member) {
	if m.out {
		m.out, m.off = false, false
		s.rejoin(now)
	}
}

// Elect makes a member the leader, which must be one that takes part and votes.
func (s *State) Elect(now int64, m *Member) bool {
	if !s.canLead(m) {
		return false
	}
	s.electNow(now, m)
	return true
}

// quorum tells whether more than half of those that have a vote take part.
func (s *State) quorum() bool {
	n := 0
	for _, m := range s.members {
		if !m.down && s.Votes(m) {
			n++
		}
	}
	return n > s.Voters()/2
}

// Votes tells whether a member has a vote. A server that stands alone needs none but its own.
func (s *State) Votes(m *Member) bool { return len(s.members) == 1 || s.membership.votes(int64(m.ID)) }

// Voters is how many servers have a vote, also such as are none of ours.
func (s *State) Voters() int {
	if len(s.members) == 1 {
		return 1
	}
	return s.membership.voters()
}

// Observes tells whether a member is an observer.
func (s *State) Observes(m *Member) bool { return s.membership.observes(int64(m.ID)) }

// Membership is the text of the configuration that a member has.
func (s *State) Membership(m *Member) string { return s.membership.text(s.listedBy(m)) }

// elect finds a leader, or that there is none.
func (s *State) elect(now int64) { s.electNow(now, s.candidate()) }

// candidate is the voter whose log goes furthest, of equal ones that with the
// highest id; nil without a quorum.
func (s *State) candidate() (leader *Member) {
	for _, m := range s.members {
		if (leader == nil || m.ahead(leader) >= 0) && s.canLead(m) {
			leader = m
		}
	}
	return leader
}

// canLead tells whether most voters would follow a member: their logs do not go
// further, and they can talk to it.
func (s *State) canLead(m *Member) bool {
	if m.out || !s.Votes(m) {
		return false
	}
	n := 0
	for _, v := range s.members {
		if !v.out && s.Votes(v) && v.ahead(m) <= 0 && s.follows(v, m) {
			n++
		}
	}
	return n > s.Voters()/2
}

// ahead compares the logs of two members.
func (m *Member) ahead(of *Member) int {
	return cmp.Or(cmp.Compare(m.epoch, of.epoch), cmp.Compare(m.logged, of.logged), cmp.Compare(m.tail, of.tail))
}

// lead ends every connection, as an election does, and begins another epoch.
// Without a leader nobody is served until there is one again.
func (s *State) lead(now int64, leader *Member) {
	s.now = now
	defer s.setModes()
	for _, m := range s.members {
		s.catchUp(m, s.zxid) // from the others' logs
		if !m.down {
			s.drop(now, m)
		}
		s.hush(m)
	}
	if s.leader = leader; leader == nil {
		return
	}
	if s.decide(leader); s.leader != leader {
		return // it was a reconfig that has made another one
	}
	for _, m := range s.members {
		s.gather(now, m)
	}
	if len(s.members) > 1 {
		s.zxid = (s.zxid>>32 + 1) << 32
		if s.membership.version == 0 && s.cfg.ReconfigEnabled { // the first election founds the ensemble
			s.membership.version = s.zxid
			s.showConfig(now)
		}
		s.committed, s.rec.zxid, s.gap = s.zxid, s.zxid, s.cfg.InitialZxid
		leader.zxid = s.zxid
	}
	for _, m := range s.members {
		if !m.down {
			m.epoch = s.zxid >> 32
			s.SetLag(now, m, m.lag)
		}
	}
	for _, sess := range s.live {
		s.touch(now, sess)
		s.file(sess)
	}
}

// gather has a member take part under a new leader, if it finds that.
func (s *State) gather(now int64, m *Member) {
	was := m.down
	if m.down = m.out || !s.follows(m, s.leader); m.down {
		s.cutOff(m)
		return
	}
	if was {
		s.drop(now, m)
	}
	s.thaw(m)
	s.catchUp(m, s.zxid)
	m.zxid, m.logged = max(m.zxid, s.leader.zxid), s.leader.logged
}

// drop ends the connections of a member, and the sessions that only it knows.
func (s *State) drop(now int64, m *Member) {
	s.kickAll(now, m)
	s.forgetLocals(now, m)
	m.applied, m.changed = false, m.changed && !m.off
}

// kickAll ends the connections of a member, those among them of sessions of whose
// end it has yet to learn.
func (s *State) kickAll(now int64, m *Member) {
	for i := range m.behind {
		m.close(s, m.behind[i].closed)
	}
	for _, id := range s.sortedLive() {
		s.endHere(now, s.live[id], m)
	}
}

// sortedLive lists the sessions, for their order to be the same each time.
func (s *State) sortedLive() []int64 {
	ids := make([]int64, 0, len(s.live))
	for id := range s.live {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
