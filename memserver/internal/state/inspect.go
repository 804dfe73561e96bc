package state

import (
	"cmp"
	"iter"
	"slices"

	"github.com/zksim/zksim/zkapi"
)

// NodeInfo is one znode as a test or an administrator sees it.
type NodeInfo struct {
	Path      string
	Data      []byte // nil for null; not to be changed
	ACL       []zkapi.ACL
	Stat      zkapi.Stat
	Container bool
	TTL       int64 // milliseconds; 0 if none
}

func info(path string, n *node) NodeInfo {
	i := NodeInfo{Path: path, Data: n.view(), ACL: n.acl.entries, Stat: n.stat(), Container: n.isContainer()}
	if n.isTTL() {
		i.TTL = n.ttl()
	}
	return i
}

func nodeAt(t *tree, path string) (NodeInfo, bool) {
	n := t.find(path)
	if n == nil {
		return NodeInfo{}, false
	}
	return info(path, n), true
}

func nodesOf(t *tree) iter.Seq[NodeInfo] {
	return func(yield func(NodeInfo) bool) {
		if yield(info("/", t.root)) {
			walk(t.root, "", func(path string, n *node) bool { return yield(info(path, n)) })
		}
	}
}

// Node finds one node.
func (s *State) Node(path string) (NodeInfo, bool) { return nodeAt(&s.tree, path) }

// Nodes ranges over the tree, parents first, children in the order of names.
func (s *State) Nodes() iter.Seq[NodeInfo] { return nodesOf(&s.tree) }

// Node finds one node.
func (s *Snapshot) Node(path string) (NodeInfo, bool) { return nodeAt(&s.tree, path) }

// Nodes ranges over the tree, parents first, children in the order of names.
func (s *Snapshot) Nodes() iter.Seq[NodeInfo] { return nodesOf(&s.tree) }

// Zxid is the last transaction.
func (s *Snapshot) Zxid() int64 { return s.zxid }

// NodeCount is the number of nodes, the root counted once.
func (s *Snapshot) NodeCount() int { return s.tree.count }

// SessionInfo is one session.
type SessionInfo struct {
	ID         int64
	Timeout    int64 // milliseconds
	Expiry     int64 // the end of the tick in which it would expire now, milliseconds since 1970
	Connected  bool
	Ephemerals []string
	Owner      bool // of an ephemeral node at some time since the server started
	Home       int  // the only member that knows it, 0 if all do
}

// Sessions lists the sessions in the order of their ids.
func (s *State) Sessions(now int64) []SessionInfo {
	infos := make([]SessionInfo, 0, len(s.live))
	for _, sess := range s.live {
		i := SessionInfo{ID: sess.ID, Timeout: sess.Timeout, Expiry: sess.deadline, Connected: sess.Conn != nil, Owner: sess.most > 0}
		if sess.Pinned && sess.Conn != nil && !s.outOfTouch(sess) {
			i.Expiry = s.deadlineFor(now, sess.Timeout)
		}
		if sess.home != nil {
			i.Home = sess.home.ID
		}
		s.eachEphemeral(sess.ID, func(path string, _ int64) bool {
			i.Ephemerals = append(i.Ephemerals, path)
			return true
		})
		infos = append(infos, i)
	}
	slices.SortFunc(infos, func(a, b SessionInfo) int { return cmp.Compare(a.ID, b.ID) })
	return infos
}

// Live returns a session, nil if there is none of that id.
func (s *State) Live(id int64) *Session { return s.live[id] }

// WatchInfo is one watch. A connection may have several on a path.
type WatchInfo struct {
	Path    string
	Session int64
	Child   bool // in the table of the lists of children
	Modes   []string
}

// Watches lists the watches of a member's clients by path and session; childToo
// adds the child table.
func (m *Member) Watches(childToo bool) []WatchInfo {
	infos := m.data.list(nil, false)
	if childToo {
		infos = m.child.list(infos, true)
	}
	slices.SortStableFunc(infos, func(a, b WatchInfo) int { // data before child
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Session, b.Session))
	})
	return infos
}

// DataWatchers lists the sessions whose connections to a member have had a
// watch in the data table.
func (s *State) DataWatchers(m *Member) []int64 {
	var ids []int64
	for id, sess := range s.live {
		if sess.Conn != nil && sess.Conn.member == m && sess.Conn.watches[m.data.kind] != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func (t *watchTable) list(infos []WatchInfo, child bool) []WatchInfo {
	for path := range t.paths {
		t.each(path, func(w *watch) {
			i := WatchInfo{Path: path, Session: w.conn.Session.ID, Child: child}
			for _, m := range []struct {
				bit  watchModes
				name string
			}{{modeStandard, "standard"}, {modePersistent, "persistent"}, {modeRecursive, "recursive"}} {
				if w.modes&m.bit != 0 {
					i.Modes = append(i.Modes, m.name)
				}
			}
			infos = append(infos, i)
		})
	}
	return infos
}

// Counts are the numbers that the four-letter words report.
type Counts struct {
	Nodes           int // ZooKeeper's: the root counts twice
	Bytes           int64
	Ephemerals      int
	Sessions        int // those that all members know
	LocalSessions   int // the member's own
	Watches         int // both tables
	DataWatches     int // the data table: watches, paths, connections
	DataWatchPaths  int
	DataWatchConns  int
	ContainersTotal int
	TTLTotal        int
}

// Counts returns a member's in constant time, unless sessions are local.
func (s *State) Counts(m *Member) Counts {
	t, ephemerals := &s.tree, &s.ephemerals
	if m.late {
		t, ephemerals = &m.view.tree, &m.view.ephemerals
	}
	locals := 0
	if s.keepsLocal() {
		for _, sess := range s.live {
			if sess.home == m {
				locals++
			}
		}
	}
	return Counts{
		Nodes: t.count + 1, Bytes: t.bytes, Ephemerals: ephemerals.Len(),
		Sessions: s.sessions.Len(), LocalSessions: locals, Watches: m.data.total + m.child.total,
		DataWatches: m.data.total, DataWatchPaths: len(m.data.paths), DataWatchConns: m.data.conns,
		ContainersTotal: s.containers.Len(), TTLTotal: s.ttls.Len(),
	}
}
