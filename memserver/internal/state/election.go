package state

// Elections that take time: nobody leads until they are over, and so nobody is served.

// electNow ends the leader's time, and begins that of another one when the
// election is over; nil where there is no quorum.
func (s *State) electNow(now int64, leader *Member) {
	if s.elected = nil; leader == nil || s.cfg.ElectionTime == 0 {
		s.lead(now, leader)
		return
	}
	s.elected, s.electedAt, s.newDue = leader, now+s.cfg.ElectionTime, true
	s.lead(now, nil)
}

// ElectDue ends an election whose time is over. It tells whether there was one.
// If what was agreed on cannot be any more, it begins again.
func (s *State) ElectDue(now int64) bool {
	m := s.elected
	if m == nil || s.electedAt > now {
		return false
	}
	if s.elected = nil; !s.canLead(m) {
		s.elect(now)
	} else {
		s.lead(now, m)
	}
	return true
}
