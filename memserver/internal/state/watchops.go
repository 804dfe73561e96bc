package state

import (
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// addWatch (106), checkWatches (17), removeWatches (18), setWatches (101) and
// setWatches2 (105). None checks paths or ACLs.

func (s *State) addWatch(c *Conn, q *wire.WatchRequest) zkapi.Code {
	if s.nullIn38(q.Path, c.member.data.recursive > 0) {
		return zkapi.ErrMarshalling
	}
	switch zkapi.WatchMode(q.Type) {
	case zkapi.WatchPersistent:
		s.watchPersistent(c, q.Path)
	case zkapi.WatchPersistentRecursive:
		s.watchRecursive(c, q.Path)
	default:
		return zkapi.ErrMarshalling
	}
	return 0
}

// nullIn38 reports whether 3.8 fails on a null path. It looks for the ancestors
// of the path: always when it checks, when there are recursive watches, and when it
// removes one that is there.
func (s *State) nullIn38(path string, ancestors bool) bool {
	return s.cfg.V38 && path == wire.NullString && ancestors
}

// contains38 is how 3.8 looks for watches on a path, its own or another's. It
// goes up the path by slashes: a step, or to the root while the table has
// recursive watches. It fails where no slash is left before it has found any.
func (t *watchTable) contains38(path string) (found, ok bool) {
	switch {
	case path == "":
		return false, true
	case !strings.Contains(path, "/"):
		return false, false
	case t.paths[path] != nil:
		return true, true
	}
	return false, path[0] == '/' || t.recursive == 0
}

func (s *State) watchPersistent(c *Conn, path string) {
	c.member.data.add(c, path, modePersistent, s.cfg.V38)
	c.member.child.add(c, path, modePersistent, s.cfg.V38)
}

func (s *State) watchRecursive(c *Conn, path string) {
	c.member.data.add(c, path, modeRecursive, s.cfg.V38)
	if s.cfg.V38 {
		c.member.child.add(c, path, modeRecursive, true)
	}
}

// removeWatches takes off the watches of a type; in 3.9 exactly those, in 3.8
// whatever stands in the table that the type names.
func (s *State) removeWatches(c *Conn, q *wire.WatchRequest) zkapi.Code {
	if s.nullIn38(q.Path, c.member.data.paths[q.Path] != nil || c.member.child.paths[q.Path] != nil) {
		return zkapi.ErrMarshalling
	}
	standard := modeStandard
	if s.cfg.V38 {
		standard = modeAny
	}
	var removed bool
	switch t := zkapi.WatchType(q.Type); {
	case t == zkapi.WatchTypeChildren:
		removed = c.member.child.remove(c, q.Path, standard)
	case t == zkapi.WatchTypeData:
		removed = c.member.data.remove(c, q.Path, standard)
	case t == zkapi.WatchTypeAny:
		removed = c.member.child.remove(c, q.Path, modeAny)
		removed = c.member.data.remove(c, q.Path, modeAny) || removed
	case t == zkapi.WatchTypePersistent && !s.cfg.V38:
		removed = c.member.child.remove(c, q.Path, modePersistent)
		removed = c.member.data.remove(c, q.Path, modePersistent) || removed
	case t == zkapi.WatchTypePersistentRecursive && !s.cfg.V38:
		removed = c.member.data.remove(c, q.Path, modeRecursive)
	default:
		return zkapi.ErrMarshalling
	}
	if !removed {
		return zkapi.ErrNoWatcher
	}
	return 0
}

// checkWatches38 looks at every connection's watches, which is a bug that
// clients can see.
func (s *State) checkWatches38(c *Conn, q *wire.WatchRequest) zkapi.Code {
	var tables []*watchTable
	switch zkapi.WatchType(q.Type) {
	case zkapi.WatchTypeChildren:
		tables = []*watchTable{&c.member.child}
	case zkapi.WatchTypeData:
		tables = []*watchTable{&c.member.data}
	case zkapi.WatchTypeAny:
		tables = []*watchTable{&c.member.child, &c.member.data}
	}
	if tables == nil || q.Path == wire.NullString {
		return zkapi.ErrMarshalling
	}
	code := zkapi.ErrNoWatcher
	for _, t := range tables {
		found, ok := t.contains38(q.Path)
		if !ok {
			return zkapi.ErrMarshalling
		}
		if found {
			code = 0
		}
	}
	return code
}

// checkWatches tells whether removeWatches would find something.
func (s *State) checkWatches(c *Conn, q *wire.WatchRequest) zkapi.Code {
	if s.cfg.V38 {
		return s.checkWatches38(c, q)
	}
	has := func(t *watchTable, modes watchModes) bool {
		w, ok := c.watches[t.kind][q.Path]
		return ok && w.modes&modes != 0
	}
	var found bool
	switch t := zkapi.WatchType(q.Type); {
	case t == zkapi.WatchTypeChildren:
		found = has(&c.member.child, modeStandard)
	case t == zkapi.WatchTypeData:
		found = has(&c.member.data, modeStandard)
	case t == zkapi.WatchTypeAny:
		found = has(&c.member.child, modeAny) || has(&c.member.data, modeAny)
	case t == zkapi.WatchTypePersistent:
		found = has(&c.member.child, modePersistent) || has(&c.member.data, modePersistent)
	case t == zkapi.WatchTypePersistentRecursive:
		found = has(&c.member.data, modeRecursive)
	default:
		return zkapi.ErrMarshalling
	}
	if !found {
		return zkapi.ErrNoWatcher
	}
	return 0
}

// setWatches re-arms what a client watched before its connection broke and
// tells it at once about what it missed.
// It works through the lists in their order; where it trips over a null, what
// came before has taken effect.
func (s *State) setWatches(c *Conn, q *wire.SetWatches) zkapi.Code {
	rearm := func(t *watchTable, path string) { t.add(c, path, modeStandard, s.cfg.V38) }
	missed := func(kind zkapi.EventType, path string) {
		s.notes = append(s.notes, Note{Conn: c, Type: kind, Path: strings.Clone(path), Zxid: -1})
	}
	ok := eachPath(q.Data, func(path string) {
		switch n := s.seenBy(c).find(path); {
		case n == nil:
			missed(zkapi.EventNodeDeleted, path)
		case n.mzxid > q.RelativeZxid:
			missed(zkapi.EventNodeDataChanged, path)
		default:
			rearm(&c.member.data, path)
		}
	}) && eachPath(q.Exist, func(path string) {
		if s.seenBy(c).find(path) != nil {
			missed(zkapi.EventNodeCreated, path)
		} else {
			rearm(&c.member.data, path)
		}
	}) && eachPath(q.Child, func(path string) {
		switch n := s.seenBy(c).find(path); {
		case n == nil:
			missed(zkapi.EventNodeDeleted, path)
		case n.pzxid() > q.RelativeZxid:
			missed(zkapi.EventNodeChildrenChanged, path)
		default:
			rearm(&c.member.child, path)
		}
	})
	if s.op == zkapi.OpSetWatches2 {
		// Null paths can be watched, null lists cannot be read.
		ok = ok && q.Persistent != nil
		for i := 0; ok && i < len(q.Persistent); i++ {
			s.watchPersistent(c, q.Persistent[i])
		}
		ok = ok && q.PersistentRecursive != nil
		for i := 0; ok && i < len(q.PersistentRecursive); i++ {
			s.watchRecursive(c, q.PersistentRecursive[i])
		}
	}
	if !ok {
		return zkapi.ErrMarshalling
	}
	return 0
}

// eachPath calls f for the paths up to a null one; it tells whether there was
// none, and a list at all.
func eachPath(paths []string, f func(string)) bool {
	for _, path := range paths {
		if path == wire.NullString {
			return false
		}
		f(path)
	}
	return paths != nil
}
