package state

import (
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// Local sessions are known to one member only. They take no transactions, own
// no ephemeral nodes, and are lost when their member loses the leader. The first
// ephemeral node makes a session global where that is allowed.

// keepsLocal tells whether new sessions are local ones.
func (s *State) keepsLocal() bool { return s.cfg.LocalSessions && len(s.members) > 1 }

// upgrade makes a local session global if a request is going to need that: it
// is a transaction of its own, also if the request fails then.
func (s *State) upgrade(sess *Session, q *wire.Request) {
	if !s.cfg.LocalSessionsUpgrading || !wantsOwner(q) {
		return
	}
	sess.home = nil
	s.nextZxid()
	s.sessions.Set(sess.ID, int32(sess.Timeout))
	if s.rec.on {
		s.recordTransaction(Record{Op: zkapi.OpCreateSession}, sess)
	}
	s.commit()
}

// wantsOwner tells whether a request makes ephemeral nodes, as far as the member
// looks that has to know.
func wantsOwner(q *wire.Request) bool {
	ephemeral := func(o *wire.Op) bool { return zkapi.CreateMode(o.Flags).Ephemeral() }
	switch q.Type {
	case zkapi.OpCreate, zkapi.OpCreate2:
		return ephemeral(&q.Op)
	case zkapi.OpMulti:
		for i := range q.Ops {
			if o := &q.Ops[i]; (o.Type == zkapi.OpCreate || o.Type == zkapi.OpCreate2) && ephemeral(o) {
				return true
			}
		}
	}
	return false
}

// ownerless is what a local session is told that wants an ephemeral node. The
// leader does not know why the session that a follower sends is none of its own.
func (s *State) ownerless(c *Conn) zkapi.Code {
	switch {
	case s.op == zkapi.OpCreate, s.op == zkapi.OpCreate2, s.op == zkapi.OpMulti && c.member == s.leader:
		return zkapi.ErrEphemeralOnLocalSession
	}
	return zkapi.ErrSessionExpired
}

// endLocal ends a local session. Its member closes the connection, unless that
// is the one on which the client has asked for it.
func (s *State) endLocal(sess *Session, why RecordKind, by *Conn) {
	delete(s.live, sess.ID)
	s.newDue = s.newDue || len(s.live) == 0
	sess.ended = true
	if s.rec.on {
		s.record(Record{Kind: why}, sess)
	}
	for _, c := range sess.conns() {
		if c != by {
			s.kick(s.now, c)
		}
	}
}

// forgetLocals ends the local sessions of a member, which nobody has kept.
func (s *State) forgetLocals(now int64, m *Member) {
	if !s.keepsLocal() {
		return
	}
	s.now = now
	for _, id := range s.sortedLive() {
		if sess := s.live[id]; sess.home == m {
			s.endLocal(sess, Expired, nil)
		}
	}
}
