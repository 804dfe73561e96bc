package state

// The network between members, of which each direction can be severed. A
// connection of two members carries nothing then in that direction; what is said
// meanwhile arrives when it is mended, unless they have given it up by then.

// hears tells whether what a member says reaches another one.
func (s *State) hears(m, from *Member) bool {
	_, severed := s.cuts[[2]int{from.ID, m.ID}]
	return !severed
}

func (s *State) talk(a, b *Member) bool { return s.hears(a, b) && s.hears(b, a) }

// Sever loses what a member says to another one.
func (s *State) Sever(now int64, from, to *Member) {
	way := [2]int{from.ID, to.ID}
	if _, severed := s.cuts[way]; severed || from == to {
		return
	}
	if s.cuts == nil {
		s.cuts = make(map[[2]int]int64)
	}
	s.now = now
	s.cuts[way], s.newDue = now, true
	s.attend()
}

// Mend ends Sever: what has waited arrives, and members that were lost come back.
func (s *State) Mend(now int64, from, to *Member) {
	way := [2]int{from.ID, to.ID}
	if _, severed := s.cuts[way]; !severed {
		return
	}
	delete(s.cuts, way)
	s.now, s.newDue = now, true
	for _, id := range s.sortedLive() {
		if sess := s.live[id]; sess.Conn != nil {
			s.touch(now, sess)
		}
	}
	s.attend()
	s.flow()
	s.rejoin(now)
}

// attend finds out who hears the leader. Who does not learns nothing.
func (s *State) attend() {
	for _, m := range s.members {
		deaf := s.leader != nil && !m.down && !s.hears(m, s.leader)
		switch {
		case deaf && !m.deaf:
			if m.deaf = true; !m.late {
				m.late, m.view = true, s.fork()
				s.lateMembers++
			}
		case !deaf && m.deaf:
			m.deaf = false
			m.logged, m.tail = s.leader.logged, s.leader.tail
			s.SetLag(s.now, m, m.lag)
			if n := len(m.unheard); n > 0 {
				s.catchUp(m, m.unheard[n-1].zxid)
			}
			s.answer(m)
		}
	}
}

// hush ends what a member and a leader have to say to each other. One that did
// not hear stays at what it knows.
func (s *State) hush(m *Member) {
	m.unsent, m.unheard = nil, nil
	if m.deaf {
		m.deaf, m.frozen, m.behind = false, true, nil
		s.lateMembers--
	}
}

// cutOff is hush for a member that takes part no more: if it was late, it has all
// of it in its log.
func (s *State) cutOff(m *Member) {
	s.hush(m)
	if m.late && !m.frozen {
		m.zxid, m.late, m.view, m.behind = s.zxid, false, view{}, nil
		s.lateMembers--
	}
}

// silence is when the leader and a follower give each other up, because one has
// heard nothing for syncLimit ticks; ok is false if nothing is wrong.
func (s *State) silence(m *Member) (at int64, ok bool) {
	if s.leader == nil || m == s.leader || m.down {
		return 0, false
	}
	for _, way := range [][2]int{{m.ID, s.leader.ID}, {s.leader.ID, m.ID}} {
		if since, severed := s.cuts[way]; severed && (!ok || since < at) {
			at, ok = since, true
		}
	}
	return at + s.cfg.SyncLimit*s.cfg.TickTime, ok
}

// nextSilence is when that happens next.
func (s *State) nextSilence() (at int64, ok bool) {
	if len(s.cuts) == 0 {
		return 0, false
	}
	for _, m := range s.members {
		if due, silent := s.silence(m); silent && (!ok || due < at) {
			at, ok = due, true
		}
	}
	return at, ok
}

// SilenceDue loses the members that have been silent for too long, and has a
// leader whom too few are left give up. It tells whether there were any.
func (s *State) SilenceDue(now int64) (any bool) {
	if len(s.cuts) == 0 {
		return false
	}
	defer s.setModes()
	for _, m := range s.members {
		if at, silent := s.silence(m); silent && at <= now {
			any = true
			s.lose(now, m)
		}
	}
	return any
}

// outOfTouch tells whether the leader does not learn that a session is alive: of
// those of its own clients members tell it in answers to its pings.
func (s *State) outOfTouch(sess *Session) bool {
	if len(s.cuts) == 0 || s.leader == nil || sess.Conn == nil || sess.home != nil {
		return false
	}
	return !s.talk(sess.Conn.member, s.leader)
}

// follows tells whether in an election a member finds that another one leads: it
// can talk to that one, and hears of enough votes.
func (s *State) follows(m, leader *Member) bool {
	if m == leader || len(s.cuts) == 0 {
		return true
	}
	n := 0
	for _, v := range s.members {
		if !v.out && s.Votes(v) && (v == m || s.talk(v, m)) {
			n++
		}
	}
	return s.talk(m, leader) && n > s.Voters()/2
}

// joins is follows where there is a leader already: enough others have to say so.
func (s *State) joins(m *Member) bool {
	if len(s.cuts) == 0 {
		return true
	}
	n := 0
	for _, v := range s.members {
		if v != m && !v.down && s.Votes(v) && s.talk(v, m) {
			n++
		}
	}
	return s.talk(m, s.leader) && n > s.Voters()/2
}

// rejoin takes in the members that were lost and have found the others, or has
// those without a leader elect one.
func (s *State) rejoin(now int64) {
	defer s.setModes()
	if s.leader == nil {
		if m := s.candidate(); m != nil && s.elected == nil {
			s.electNow(now, m)
		}
		return
	}
	for again := true; again; {
		again = false
		for _, m := range s.members {
			if m.down && !m.out && s.joins(m) {
				again = true
				s.join(now, m)
			}
		}
	}
}

// join has a member learn all that is committed, and lag as before from there on.
func (s *State) join(now int64, m *Member) {
	m.down = false
	s.drop(now, m)
	s.thaw(m)
	m.zxid = s.zxid
	m.epoch, m.logged, m.tail = s.leader.epoch, s.leader.logged, s.leader.tail
	s.SetLag(now, m, m.lag)
	s.flow()
}
