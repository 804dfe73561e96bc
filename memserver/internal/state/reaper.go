package state

import "github.com/zksim/zksim/zkapi"

// Reapable reports whether there are nodes that time may remove.
func (s *State) Reapable() bool {
	return s.leader != nil && (s.containers.Len() > 0 || s.ttls.Len() > 0)
}

// Reap removes containers that have lost their last child and TTL nodes whose
// time is over, each in a transaction of its own. A server does it every
// ContainerInterval.
func (s *State) Reap(now int64) {
	s.now = now
	if s.stuck() {
		return // it is tried again
	}
	var due []string
	s.containers.Scan(func(path string) bool {
		n := s.tree.find(path)
		if n.numChildren() > 0 {
			return true
		}
		unused := s.cfg.ContainerNeverUsed
		if n.cversion() > 0 || unused != 0 && now-n.mtime > unused {
			due = append(due, path)
		}
		return true
	})
	s.ttls.Scan(func(path string) bool {
		if n := s.tree.find(path); n.numChildren() == 0 && now-n.mtime > n.ttl() {
			due = append(due, path)
		}
		return true
	})
	if most := s.batch(); len(due) > most {
		due = due[:most]
	}
	for _, path := range due {
		if s.exhausted() {
			s.rollOver(now)
			return
		}
		s.nextZxid()
		if s.quotaPoisoned(path) {
			s.commit()
			continue
		}
		s.remove(path)
		s.fire()
		if s.rec.on {
			s.recordTransaction(Record{Op: zkapi.OpDeleteContainer, Path: path}, nil)
		}
		s.commit()
	}
}

// batch is how many removals ZooKeeper's pause between them leaves room for
// until the next check.
func (s *State) batch() int {
	return int(max(1, s.cfg.ContainerBatch*s.cfg.ContainerInterval/60_000))
}
