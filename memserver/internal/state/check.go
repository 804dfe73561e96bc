package state

import (
	"errors"
	"fmt"
	"strings"
)

// Check looks for contradictions in the state, in time proportional to its
// size. A server that has only ever run Apply has none.
func (s *State) Check() error {
	if err := s.checkTree(); err != nil {
		return err
	}
	if err := s.tree.checkCache(); err != nil {
		return err
	}
	if err := s.checkSessions(); err != nil {
		return err
	}
	for _, m := range s.members {
		if err := errors.Join(m.data.check(), m.child.check(), s.checkMember(m)); err != nil {
			return err
		}
	}
	if len(s.notes)+len(s.changes)+len(s.undo) > 0 || s.inMulti {
		return fmt.Errorf("state: a step has left %d notes, %d changes and %d undo steps behind", len(s.notes), len(s.changes), len(s.undo))
	}
	return nil
}

// tally is what the tree itself says about the books that are kept beside it.
type tally struct {
	nodes, ephemerals, containers, ttls, limits int
	bytes                                       int64
}

func (s *State) checkTree() (err error) {
	t := tally{nodes: 1, bytes: int64(1 + len(s.tree.root.data))}
	if err := s.checkNode("/", s.tree.root, &t); err != nil {
		return err
	}
	walk(s.tree.root, "", func(path string, n *node) bool {
		t.nodes++
		t.bytes += int64(utf16Len(path) + len(n.data))
		err = s.checkNode(path, n, &t)
		return err == nil
	})
	if err != nil {
		return err
	}
	if digest := s.digest; s.cfg.Digests {
		log := s.digests
		if s.countDigest(); s.digest != digest {
			return fmt.Errorf("state: the digest is %d, by the books %d", s.digest, digest)
		}
		s.digests = log
	}
	books := tally{s.tree.count, s.ephemerals.Len(), s.containers.Len(), s.ttls.Len(), s.quotas.Len(), s.tree.bytes + s.tree.stray}
	if t != books {
		return fmt.Errorf("state: the tree has %+v, the books say %+v", t, books)
	}
	return nil
}

func (s *State) checkNode(path string, n *node, t *tally) error {
	fail := func(what string) error { return fmt.Errorf("state: %s: %s (%+v)", path, what, n.stat()) }
	kids := n.numChildren()
	switch {
	case n.acl == nil || len(n.acl.entries) == 0:
		return fail("no ACL")
	case n.null && n.data != "":
		return fail("null data with bytes")
	case n.czxid > s.zxid || n.mzxid > s.zxid || n.pzxid() > s.zxid:
		return fail("a zxid of the future")
	case n.mzxid < n.czxid && n.czxid > 0 || n.pzxid() < n.czxid:
		return fail("changed before it was created")
	case n.isEphemeral() && kids > 0:
		return fail("an ephemeral node with children")
	case n.kids != nil && kids > int(n.kids.most):
		return fail("more children than at any time")
	}
	switch {
	case n.isContainer():
		t.containers++
		if !s.containers.Contains(path) {
			return fail("a container that the reaper does not know")
		}
	case n.isTTL():
		t.ttls++
		if !s.ttls.Contains(path) {
			return fail("a TTL node that the reaper does not know")
		}
	case n.owner != 0:
		t.ephemerals++
		if _, ok := s.ephemerals.Get(ephemeralKey(n.owner, path)); !ok {
			return fail("an ephemeral node that its session does not know")
		}
		if s.live[n.owner] == nil {
			return fail("an ephemeral node without a session")
		}
	}
	if parent, name := splitPath(path); name == limitsName && strings.HasPrefix(parent, quotaRoot) {
		t.limits++
		if !s.quotas.Contains(quotaPath(parent[len(quotaRoot):])) {
			return fail("a limit that is not armed")
		}
	}
	return nil
}

func (s *State) checkSessions() error {
	global := 0
	for _, sess := range s.live {
		if sess.home == nil {
			global++
		}
	}
	if global != s.sessions.Len() {
		return fmt.Errorf("state: %d sessions live, %d recorded", global, s.sessions.Len())
	}
	filed := make(map[int64]int64)
	s.buckets.Scan(func(at int64, ids []int64) bool {
		for _, id := range ids {
			if was, ok := filed[id]; !ok || at < was {
				filed[id] = at
			}
		}
		return true
	})
	for id, sess := range s.live {
		owned := 0
		s.eachEphemeral(id, func(string, int64) bool { owned++; return true })
		at, ok := filed[id]
		switch {
		case owned != sess.owned:
			return fmt.Errorf("state: session 0x%x owns %d nodes, counts %d", id, owned, sess.owned)
		case sess.home != nil && (owned > 0 || sess.home.off):
			return fmt.Errorf("state: local session 0x%x owns %d nodes, or its member %d does not run", id, owned, sess.home.ID)
		case (s.leader != nil || sess.home != nil) && (!ok || at > sess.deadline):
			return fmt.Errorf("state: session 0x%x expires at %d and is looked at only at %d", id, sess.deadline, at)
		case sess.Conn != nil && sess.Conn.Session != sess:
			return fmt.Errorf("state: session 0x%x has the connection of another", id)
		}
	}
	return nil
}

func (s *State) checkMember(m *Member) error {
	switch {
	case m.zxid > s.zxid:
		return fmt.Errorf("state: member %d has applied 0x%x, which is not committed", m.ID, m.zxid)
	case m.frozen && (!m.late || len(m.behind) > 0):
		return fmt.Errorf("state: member %d is cut off and has transactions to come", m.ID)
	case !m.frozen && (m.late && m.down || m.late && !m.lag.any() && !m.deaf && len(m.behind) == 0), !m.late && len(m.behind) > 0:
		return fmt.Errorf("state: member %d: late %v, down %v, %d transactions behind", m.ID, m.late, m.down, len(m.behind))
	}
	return nil
}

func (t *watchTable) check() error {
	total, recursive := 0, 0
	conns := make(map[*Conn]bool)
	var err error
	for path := range t.paths {
		t.each(path, func(w *watch) {
			total++
			conns[w.conn] = true
			if w.modes&modeRecursive != 0 {
				recursive++
			}
			if w.modes == 0 || w.path != path || w.next.prev != w || w.conn.watches[t.kind][path] != w || w.conn.Session == nil {
				err = fmt.Errorf("state: the watch of a connection on %s is out of place", path)
			}
		})
	}
	if err != nil {
		return err
	}
	if total != t.total || recursive != t.recursive || len(conns) > t.conns {
		return fmt.Errorf("state: %d watches (%d recursive) of %d connections, the books say %d (%d) of %d",
			total, recursive, len(conns), t.total, t.recursive, t.conns)
	}
	return nil
}
