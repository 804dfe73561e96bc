package state

import "github.com/tidwall/btree"

// Snapshot is what a restarted server would know: tree, sessions and zxid, but
// no connections and no watches. It never changes and may be used from
// several goroutines.
type Snapshot struct {
	tree         tree
	zxid         int64
	sessions     btree.Map[int64, int32]
	ephemerals   btree.Map[string, int64]
	ephemeralOrd int64
	containers   btree.Set[string]
	ttls         btree.Set[string]
	quotas       btree.Set[string]
	nextSession  int64
}

// Snapshot takes the same time whatever the state's size.
func (s *State) Snapshot() *Snapshot {
	return &Snapshot{
		tree:         s.tree.fork(),
		zxid:         s.zxid,
		sessions:     *s.sessions.Copy(),
		ephemerals:   *s.ephemerals.Copy(),
		ephemeralOrd: s.ephemeralOrd,
		containers:   *s.containers.Copy(),
		ttls:         *s.ttls.Copy(),
		quotas:       *s.quotas.Copy(),
		nextSession:  s.nextSession,
	}
}

// From starts a server on a snapshot: every session gets its full timeout.
func From(cfg Config, snap *Snapshot, now int64) *State {
	s := &State{cfg: cfg, membership: formed(cfg)}
	s.load(snap, 0, now)
	return s
}

// Restart forgets connections and watches, and gives every session its full
// timeout. The connections are to be closed.
func (s *State) Restart(now, firstSession int64) {
	for _, m := range s.members {
		s.kickAll(now, m)
	}
	if s.leader = s.candidate(); s.leader != nil {
		s.decide(s.leader)
	}
	s.cfg.FirstSession = firstSession
	s.load(s.Snapshot(), 0, now)
}

// Restore is Restart on a snapshot, or on nothing if it is nil. Neither zxids
// nor session ids are given out twice.
func (s *State) Restore(now, firstSession int64, snap *Snapshot) {
	for _, m := range s.members {
		s.kickAll(now, m)
	}
	zxid := s.zxid
	s.cfg.FirstSession = max(firstSession, s.nextSession)
	if snap == nil {
		snap, s.membership = New(s.cfg).Snapshot(), formed(s.cfg)
	}
	s.gap = 0
	s.load(snap, zxid, now)
	s.rec.zxid = s.zxid
}

// load takes copies out of a snapshot. Copying a map writes to its header, and
// the snapshot's must stay as they are, so headers are copied first.
// The zxid does not fall below a limit.
func (s *State) load(snap *Snapshot, zxid, now int64) {
	sn := *snap
	s.tree = sn.tree
	s.tree.epoch = newEpoch()
	s.zxid, s.ephemeralOrd = max(sn.zxid, zxid), sn.ephemeralOrd
	s.sessions, s.ephemerals = *sn.sessions.Copy(), *sn.ephemerals.Copy()
	s.containers, s.ttls, s.quotas = *sn.containers.Copy(), *sn.ttls.Copy(), *sn.quotas.Copy()
	s.nextSession = max(s.cfg.FirstSession&restOfID, sn.nextSession&restOfID)
	s.reset()
	s.countDigest()
	s.sessions.Scan(func(id int64, timeout int32) bool {
		sess := &Session{ID: id, Timeout: int64(timeout)}
		sess.deadline = s.deadlineFor(now, sess.Timeout)
		s.live[id] = sess
		s.file(sess)
		s.eachEphemeral(id, func(string, int64) bool { sess.owned++; return true })
		sess.most = sess.owned
		return true
	})
	s.showConfig(now)
	s.elected = nil
	s.lead(now, s.leader)
}
