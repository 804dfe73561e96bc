package state

// Counters that are moved on, to see what happens where they overflow.

// lastCounter is the end of an epoch: the transaction that would get it makes the
// leader resign instead.
const lastCounter = 1<<32 - 1

// exhausted tells whether the epoch has no zxid left. A server that stands alone
// has no epochs: its zxids just go on.
func (s *State) exhausted() bool {
	return int64(uint32(s.zxid))+1+s.gap+int64(len(s.proposals)) >= lastCounter && len(s.members) > 1
}

// rollOver elects a leader with an epoch of its own. What has asked for the zxid is lost.
func (s *State) rollOver(now int64) { s.elect(now) }

// SetZxid moves on to a transaction, as if those in between had been. It tells
// whether that is ahead.
func (s *State) SetZxid(zxid int64) bool {
	if zxid < s.zxid {
		return false
	}
	s.zxid, s.committed, s.rec.zxid, s.gap = zxid, zxid, zxid, 0
	for _, m := range s.members {
		if !m.down && !m.late {
			m.zxid = zxid
		}
		if !m.down && !m.deaf {
			m.logged = zxid
		}
	}
	return true
}

// SetCounters changes what is counted of a node: changes of its data, creations
// of children, changes of its ACL. It tells whether there is such a node.
func (s *State) SetCounters(path string, version, creations, aversion int32) bool {
	n := s.tree.own(path)
	if n == nil {
		return false
	}
	s.leave(path, n)
	n.version, n.aversion = version, aversion
	if n.kids != nil || creations != 0 {
		s.tree.ownKids(n).cversion = creations
	}
	s.enter(path, n)
	return true
}

// restOfID is what a session id has beside the number of its member.
const restOfID = 1<<56 - 1

// SetNextSession says which session comes next, by the rest of its id.
func (s *State) SetNextSession(rest int64) { s.nextSession = rest & restOfID }

// newID is the id of a session of a member's. One that runs over goes on into the member's number.
func (s *State) newID(m *Member) (id int64) {
	for id = s.nextSession + int64(m.ID)<<56; s.live[id] != nil; id++ {
		s.nextSession++
	}
	s.nextSession++
	return id
}
