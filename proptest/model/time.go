package model

import (
	"cmp"
	"slices"

	"github.com/zksim/zksim/zkapi"
)

// touch moves a session's deadline: to the end of the tick in which its timeout
// will have passed.
func (z *zookeeper) touch(s *session) {
	tick := z.cfg.TickTime.Milliseconds()
	s.deadline = ((z.now+s.timeout)/tick + 1) * tick
}

// endSession is the transaction in which a session ends, closed or expired.
func (z *zookeeper) endSession(s *session) {
	z.begin()
	s.ended = true
	paths := z.ephemerals(s)
	for _, path := range paths {
		z.remove(path)
	}
	z.commit(len(paths) > 1)
}

// restart gives every session its full timeout.
func (z *zookeeper) restart() {
	for _, s := range z.sessions {
		s.timeout = s.first
		z.touch(s)
	}
	z.scheduleReaper()
}

func (z *zookeeper) scheduleReaper() { z.reaps = z.now + z.cfg.ContainerInterval.Milliseconds() }

// advance lets time pass: sessions without a connection expire, containers and
// TTL nodes are removed.
func (z *zookeeper) advance(ms int64) {
	end := z.now + ms
	for z.nextDue() <= end {
		z.now = z.nextDue()
		z.expireDue()
		if z.reaps <= z.now {
			z.reap()
			z.reaps += z.cfg.ContainerInterval.Milliseconds()
		}
	}
	z.now = end
}

// nextDue is when time brings something about again.
func (z *zookeeper) nextDue() int64 {
	next := z.reaps
	for _, s := range z.sessions {
		if !s.ended && s.conn == nil {
			next = min(next, s.deadline)
		}
	}
	return next
}

// expireDue ends sessions in the order of their ids, which ZooKeeper leaves open.
func (z *zookeeper) expireDue() {
	due := slices.DeleteFunc(slices.Clone(z.sessions), func(s *session) bool {
		return s.ended || s.conn != nil || s.deadline > z.now
	})
	slices.SortFunc(due, func(a, b *session) int { return cmp.Compare(a.id, b.id) })
	for _, s := range due {
		z.endSession(s)
	}
}

// reap removes containers that have lost their last child and TTL nodes whose
// time is over, each in a transaction of its own, in the order of their paths,
// which ZooKeeper leaves open.
func (z *zookeeper) reap() {
	var containers, ttls []string
	for _, path := range z.sorted() {
		n := z.nodes[path]
		switch {
		case len(z.children(path)) > 0:
		case n.kind == zkapi.Container && n.created > 0:
			containers = append(containers, path)
		case n.kind == zkapi.PersistentTTL && z.now-z.times[n.mzxid] > n.ttl:
			ttls = append(ttls, path)
		}
	}
	for _, path := range slices.Concat(containers, ttls) {
		z.begin()
		z.remove(path)
		z.commit(false)
	}
}
