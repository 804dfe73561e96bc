package state

import "slices"

// Sessions expire at the ends of ticks, as ZooKeeper's do: at the end of the
// tick after the one in which the timeout has passed. Touching a session only
// moves its deadline; it is looked at again when the bucket in which it was
// filed comes due, and filed anew if the deadline has moved by then.

func (s *State) deadlineFor(now, timeout int64) int64 {
	return ((now+timeout)/s.cfg.TickTime + 1) * s.cfg.TickTime
}

func (s *State) touch(now int64, sess *Session) {
	if sess.ended || len(s.cuts) > 0 && s.outOfTouch(sess) {
		return
	}
	if d := s.deadlineFor(now, sess.Timeout); d < sess.deadline {
		// A shorter timeout than before: the bucket would come too late.
		sess.deadline = d
		s.file(sess)
	} else {
		sess.deadline = d
	}
}

func (s *State) file(sess *Session) {
	bucket, _ := s.buckets.Get(sess.deadline)
	s.buckets.Set(sess.deadline, append(bucket, sess.ID))
	s.newDue = true
}

// TakeNewDue reports whether since the last call something has come that time
// will bring to an end - a session, a container or a TTL node - or the last
// session has gone.
func (s *State) TakeNewDue() bool {
	was := s.newDue
	s.newDue = false
	return was
}

// NextExpiry is the time at which ExpireDue has to be called next; ok is false
// when there is no session.
func (s *State) NextExpiry() (at int64, ok bool) {
	if s.leader == nil && !s.keepsLocal() { // which is who keeps the time
		return 0, false
	}
	if len(s.live) == 0 {
		s.buckets.Clear() // what is filed there has ended before its time
	}
	at, _, ok = s.buckets.Min()
	return at, ok
}

// ExpireDue ends the sessions whose time has come. A session for which alive
// says so counts as having been touched just now.
func (s *State) ExpireDue(now int64, alive func(*Session) bool) {
	for s.leader != nil || s.keepsLocal() {
		at, ids, ok := s.buckets.Min()
		if !ok || at > now {
			return
		}
		s.buckets.Delete(at)
		slices.Sort(ids)
		for _, id := range slices.Compact(ids) {
			sess := s.live[id]
			if sess == nil || sess.home == nil && s.leader == nil { // the next leader begins anew
				continue
			}
			if alive(sess) {
				s.touch(now, sess)
			}
			switch {
			case sess.deadline > at:
				s.file(sess)
			case s.exhausted() && sess.home == nil:
				s.rollOver(now) // which gives everybody a new deadline
			default:
				s.Expire(now, id)
			}
		}
	}
}
