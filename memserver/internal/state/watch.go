package state

import (
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// watchModes is the set of modes in which one connection watches one path.
type watchModes uint8

const (
	modeStandard watchModes = 1 << iota
	modePersistent
	modeRecursive
	modeAny = modeStandard | modePersistent | modeRecursive
)

// watch is one connection's watch on one path, in one table. The watches of a
// path form a ring, so that one comes and goes in constant time.
type watch struct {
	conn       *Conn
	path       string
	prev, next *watch
	modes      watchModes
}

// watchTable is one of the server's two: data (getData, exists, persistent and
// recursive) or child (getChildren, persistent). A connection is at most once
// in the ring of a path.
type watchTable struct {
	paths     map[string]*watch // the oldest of each ring
	kind      int               // which of Conn.watches holds this table's watches by path
	total     int
	conns     int  // connections that have had a watch
	recursive int  // watches with the recursive mode; 0 spares looking at ancestors
	keeps     bool // as 3.8 does: a connection counts although its last watch was removed
}

func newWatchTable(kind int, keeps bool) watchTable {
	return watchTable{paths: make(map[string]*watch), kind: kind, keeps: keeps}
}

// add registers a watch, or adds a mode to the one that is there. With replace,
// as 3.8 does it, the mode takes the place of the others.
func (t *watchTable) add(c *Conn, path string, mode watchModes, replace bool) {
	own := c.watches[t.kind]
	if w, ok := own[path]; ok {
		if replace {
			t.setModes(w, mode)
		} else {
			t.setModes(w, w.modes|mode)
		}
		return
	}
	if own == nil {
		own = make(map[string]*watch)
		c.watches[t.kind] = own
		t.conns++ // and it counts when its watches have fired, as in ZooKeeper
	}
	w := &watch{conn: c}
	if first := t.paths[path]; first != nil {
		w.path, w.next, w.prev = first.path, first, first.prev
		w.prev.next, w.next.prev = w, w
	} else {
		w.path, w.next, w.prev = strings.Clone(path), w, w
		t.paths[w.path] = w
	}
	own[w.path] = w
	t.total++
	t.setModes(w, mode)
}

// each calls f for the watches on a path, oldest first; f may drop its own.
func (t *watchTable) each(path string, f func(*watch)) {
	first := t.paths[path]
	if first == nil {
		return
	}
	last := first.prev
	for w := first; ; {
		next := w.next
		f(w)
		if w == last {
			return
		}
		w = next
	}
}

func (t *watchTable) setModes(w *watch, modes watchModes) {
	if w.modes&modeRecursive != 0 {
		t.recursive--
	}
	if modes&modeRecursive != 0 {
		t.recursive++
	}
	w.modes = modes
}

// drop takes a watch out of the table.
func (t *watchTable) drop(w *watch) {
	t.setModes(w, 0)
	switch {
	case w.next == w:
		delete(t.paths, w.path)
	case t.paths[w.path] == w:
		t.paths[w.path] = w.next
		fallthrough
	default:
		w.prev.next, w.next.prev = w.next, w.prev
	}
	delete(w.conn.watches[t.kind], w.path)
	t.total--
}

// remove takes modes off a connection's watch and tells whether it had any of them.
func (t *watchTable) remove(c *Conn, path string, modes watchModes) bool {
	w, ok := c.watches[t.kind][path]
	if !ok || w.modes&modes == 0 {
		return false
	}
	if left := w.modes &^ modes; left != 0 {
		t.setModes(w, left)
		return true
	}
	if t.drop(w); len(c.watches[t.kind]) == 0 && !t.keeps {
		c.watches[t.kind] = nil
		t.conns--
	}
	return true
}

func (t *watchTable) dropConn(c *Conn) {
	if c.watches[t.kind] == nil {
		return
	}
	for _, w := range c.watches[t.kind] {
		t.drop(w)
	}
	c.watches[t.kind] = nil
	t.conns--
}

// change is what a write did to one node, kept until the write is complete.
type change struct {
	kind      zkapi.EventType
	path      string
	acl       *accessList // the node's, at the time of the change
	parent    string      // for creations and deletions
	parentACL *accessList
}

// own is the change with paths that outlive the request that they are from.
func (c change) own() change {
	c.path = strings.Clone(c.path)
	c.parent = c.path[:len(c.parent)]
	return c
}

// Note is an event for one connection, to be sent before the reply that the
// same step gives; or, with an Answer, the reply to an earlier request.
type Note struct {
	Conn   *Conn
	Answer *Answer
	Type   zkapi.EventType
	Path   string
	Zxid   int64 // for the header of the notification
}

// fire turns the changes of a completed write into notes. The clients of
// members that are late get theirs later.
func (s *State) fire() {
	if s.rec.on {
		s.recordChanges()
	}
	for _, m := range s.members {
		if !m.late && !m.down {
			s.fireOn(m, s.changes, s.zxid)
		}
	}
	if s.lateMembers > 0 {
		for _, c := range s.changes {
			s.lateChanges = append(s.lateChanges, c.own())
		}
	}
	clear(s.changes)
	s.changes = s.changes[:0]
}

// fireOn is fire for the clients of one member.
func (s *State) fireOn(m *Member, changes []change, zxid int64) {
	if m.data.total+m.child.total == 0 {
		return
	}
	s.firing = zxid
	for i := range changes {
		c := &changes[i]
		s.stamp++ // one event a connection, over both tables
		s.trigger(&m.data, c.path, c.kind, c.acl)
		if c.kind == zkapi.EventNodeDataChanged {
			continue
		}
		if c.kind == zkapi.EventNodeDeleted {
			s.trigger(&m.child, c.path, c.kind, c.acl)
		}
		s.stamp++
		parent := c.parent
		if parent == "" {
			parent = "/"
		}
		s.trigger(&m.child, parent, zkapi.EventNodeChildrenChanged, c.parentACL)
	}
}

// trigger tells the watchers of a path, and the recursive ones above it, once
// each, and uses up their one-shot watches.
func (s *State) trigger(t *watchTable, path string, kind zkapi.EventType, acl *accessList) {
	if t.total == 0 {
		return
	}
	told := "" // the path in memory of its own, for watchers that registered another
	t.each(path, func(w *watch) {
		told = w.path
		if s.cfg.V38 && w.modes == modeRecursive && kind == zkapi.EventNodeChildrenChanged {
			return
		}
		s.tell(w.conn, told, kind, acl)
		if w.modes == modeStandard {
			t.drop(w)
		} else if w.modes&modeStandard != 0 {
			t.setModes(w, w.modes&^modeStandard)
		}
	})
	if t.recursive == 0 || kind == zkapi.EventNodeChildrenChanged {
		return
	}
	for at := path; at != "/" && at != ""; {
		at = at[:max(strings.LastIndexByte(at, '/'), 0)]
		key := at
		if key == "" {
			key = "/"
		}
		t.each(key, func(w *watch) {
			if w.modes&modeRecursive != 0 {
				if told == "" {
					told = strings.Clone(path)
				}
				s.tell(w.conn, told, kind, acl)
			}
		})
	}
}

// tell notes an event unless the connection has had it in this step or may not
// read the node.
func (s *State) tell(c *Conn, path string, kind zkapi.EventType, acl *accessList) {
	if c.stamp == s.stamp {
		return
	}
	c.stamp = s.stamp
	if !s.allowed(acl, zkapi.PermRead, c.IDs) {
		return
	}
	zxid := s.firing
	if s.cfg.V38 {
		zxid = -1
	}
	s.notes = append(s.notes, Note{Conn: c, Type: kind, Path: path, Zxid: zxid})
}

// TakeNotes returns the events since the last call, in their order. The slice
// is good until the next step.
func (s *State) TakeNotes() []Note {
	n := s.notes
	s.notes = s.notes[:0]
	return n
}
