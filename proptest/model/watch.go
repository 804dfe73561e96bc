package model

import (
	"slices"
	"sort"
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// The server's side of watches: two tables, here one list.

type table int

const (
	dataTable table = iota
	childTable
)

type mode int

const (
	standard mode = iota
	persistent
	recursive
)

// serverWatch is what the server knows of a watch. A connection has each at most once.
type serverWatch struct {
	conn  *client
	table table
	path  string
	mode  mode
}

// change is what a transaction did to one node.
type change struct {
	kind      zkapi.EventType
	path      string
	acl       []zkapi.ACL
	parentACL []zkapi.ACL
}

// arm registers a watch. In 3.8 the mode takes the place of the one that was there.
func (z *zookeeper) arm(c *client, t table, path string, m mode) {
	if z.cfg.v38() {
		z.watches = slices.DeleteFunc(z.watches, func(w serverWatch) bool {
			return w.conn == c && w.table == t && w.path == path
		})
	}
	if w := (serverWatch{c, t, path, m}); !slices.Contains(z.watches, w) {
		z.watches = append(z.watches, w)
	}
}

// armPersistent is what addWatch and setWatches2 do.
func (z *zookeeper) armPersistent(c *client, path string, m mode) {
	z.arm(c, dataTable, path, m)
	if m == persistent || z.cfg.v38() {
		z.arm(c, childTable, path, m)
	}
}

// disarm takes off a connection's watches of which f says so, and tells whether there were any.
func (z *zookeeper) disarm(c *client, f func(serverWatch) bool) bool {
	before := len(z.watches)
	z.watches = slices.DeleteFunc(z.watches, func(w serverWatch) bool { return w.conn == c && f(w) })
	return len(z.watches) < before
}

// removeWatches takes off the watches of a type; in 3.8 whatever is in the table.
func (z *zookeeper) removeWatches(c *client, path string, t zkapi.WatchType) zkapi.Code {
	v38 := z.cfg.v38()
	if v38 && t > zkapi.WatchTypeAny {
		return zkapi.ErrMarshalling
	}
	if !z.disarm(c, func(w serverWatch) bool {
		if w.path != path {
			return false
		}
		switch t {
		case zkapi.WatchTypeChildren:
			return w.table == childTable && (w.mode == standard || v38)
		case zkapi.WatchTypeData:
			return w.table == dataTable && (w.mode == standard || v38)
		case zkapi.WatchTypePersistent:
			return w.mode == persistent
		case zkapi.WatchTypePersistentRecursive:
			return w.mode == recursive
		}
		return true
	}) {
		return zkapi.ErrNoWatcher
	}
	return 0
}

// commit ends a transaction: what it has changed fires the watches. With
// anyOrder the order of the changes is left open.
func (z *zookeeper) commit(anyOrder bool) {
	zxid, group := z.zxid, 0
	if z.cfg.v38() {
		zxid = -1
	}
	if anyOrder {
		z.cfg.groups++
		group = z.cfg.groups
	}
	for _, ch := range z.pending {
		e := event{Event: zkapi.Event{Type: ch.kind, Path: ch.path, Zxid: zxid}, group: group}
		var told []*client
		told = z.trigger(dataTable, e, ch.acl, told)
		if ch.kind == zkapi.EventNodeDataChanged {
			continue
		}
		if ch.kind == zkapi.EventNodeDeleted {
			z.trigger(childTable, e, ch.acl, told)
		}
		e.Type, e.Path = zkapi.EventNodeChildrenChanged, parentOf(ch.path)
		z.trigger(childTable, e, ch.parentACL, nil)
	}
	z.pending = z.pending[:0]
}

// trigger tells each connection that watches a path of it, once, and uses up
// the one-shot watches.
func (z *zookeeper) trigger(t table, e event, acl []zkapi.ACL, told []*client) []*client {
	var due []serverWatch
	z.watches = slices.DeleteFunc(z.watches, func(w serverWatch) bool {
		hit := w.table == t && (w.path == e.Path || w.mode == recursive && above(w.path, e.Path))
		if hit && (w.mode != recursive || e.Type != zkapi.EventNodeChildrenChanged) {
			due = append(due, w)
		}
		return hit && w.mode == standard
	})
	for _, w := range due {
		if slices.Contains(told, w.conn) {
			continue
		}
		told = append(told, w.conn)
		if may(w.conn, acl, zkapi.PermRead) { // who may not read the node is not told, and its watch is gone all the same
			w.conn.deliver(e)
		}
	}
	return told
}

// above tells whether a path is an ancestor of another one.
func above(path, other string) bool {
	switch path {
	case "/":
		return other != "/"
	case "": // the root's other name, of no use here
		return false
	}
	return strings.HasPrefix(other, path+"/")
}

// The client's side: who waits for the events.

type watchKind int

const (
	dataWatch watchKind = iota
	existWatch
	childWatch
	persistentWatch
	recursiveWatch
)

var watchKindNames = [...]string{"data", "exists", "children", "persistent", "recursive"}

// event is an event that is due. Those of the same group may come in any order.
type event struct {
	zkapi.Event
	group    int
	optional bool
}

// watcher is one call that has armed a watch, with what the server under test
// gave for it and what the model expects there.
type watcher struct {
	number int
	kind   watchKind
	path   string
	ch     <-chan zkapi.Event
	stream *zkapi.Stream[zkapi.Event]
	due    []event
	ended  bool // nothing comes after what is due
	closed bool // by the receiver
}

// deliver hands an event to all watchers of the client that it is for.
func (c *client) deliver(e event) {
	for _, w := range c.watchers {
		if w.ended {
			continue
		}
		hit := w.path == e.Path
		switch w.kind {
		case dataWatch, existWatch:
			hit = hit && e.Type != zkapi.EventNodeChildrenChanged
		case childWatch:
			hit = hit && (e.Type == zkapi.EventNodeChildrenChanged || e.Type == zkapi.EventNodeDeleted)
		case recursiveWatch:
			hit = (hit || above(w.path, e.Path)) && e.Type != zkapi.EventNodeChildrenChanged
		}
		if hit {
			w.due = append(w.due, e)
			w.ended = w.kind < persistentWatch
		}
	}
}

// endWatches tells all watchers that there is no session any more.
func (c *client) endWatches(cause error) {
	for _, w := range c.watchers {
		if !w.ended {
			w.due = append(w.due, event{Event: zkapi.Event{Type: zkapi.EventNone, Path: w.path, Zxid: -1, Err: cause}})
			w.ended = true
		}
	}
}

// removedBy says what removeWatches does to the client's lists.
var removedBy = map[zkapi.WatchType]map[watchKind]zkapi.EventType{
	zkapi.WatchTypeChildren:            {childWatch: zkapi.EventChildWatchRemoved},
	zkapi.WatchTypeData:                {dataWatch: zkapi.EventDataWatchRemoved, existWatch: zkapi.EventDataWatchRemoved},
	zkapi.WatchTypePersistent:          {persistentWatch: zkapi.EventPersistentWatchRemoved},
	zkapi.WatchTypePersistentRecursive: {recursiveWatch: zkapi.EventPersistentWatchRemoved},
	zkapi.WatchTypeAny: {
		childWatch: zkapi.EventChildWatchRemoved, dataWatch: zkapi.EventDataWatchRemoved, existWatch: zkapi.EventDataWatchRemoved,
		persistentWatch: zkapi.EventPersistentWatchRemoved, recursiveWatch: zkapi.EventPersistentWatchRemoved,
	},
}

func (c *client) forgetWatches(path string, t zkapi.WatchType) {
	for _, w := range c.watchers {
		if told, ok := removedBy[t][w.kind]; ok && w.path == path && !w.ended {
			w.due = append(w.due, event{Event: zkapi.Event{Type: told, Path: path, Zxid: -1}})
			w.ended = true
		}
	}
}

// watched lists the paths of one kind.
func (c *client) watched(kind watchKind) []string {
	var paths []string
	for _, w := range c.watchers {
		if w.kind == kind && !w.ended && !slices.Contains(paths, w.path) {
			paths = append(paths, w.path)
		}
	}
	sort.Strings(paths)
	return paths
}

// rearm is setWatches2, which a client sends when it comes back to its session:
// it is told at once of what it has missed since a zxid. Who may read what does
// not matter here.
func (z *zookeeper) rearm(c *client, since int64) {
	z.cfg.groups++
	missed := func(t zkapi.EventType, path string) {
		c.deliver(event{Event: zkapi.Event{Type: t, Path: path, Zxid: -1}, group: z.cfg.groups})
	}
	lists := [...][]string{c.watched(dataWatch), c.watched(existWatch), c.watched(childWatch),
		c.watched(persistentWatch), c.watched(recursiveWatch)}
	for _, path := range lists[dataWatch] {
		switch n := z.get(path); {
		case n == nil:
			missed(zkapi.EventNodeDeleted, path)
		case n.mzxid > since:
			missed(zkapi.EventNodeDataChanged, path)
		default:
			z.arm(c, dataTable, path, standard)
		}
	}
	for _, path := range lists[existWatch] {
		if z.get(path) != nil {
			missed(zkapi.EventNodeCreated, path)
		} else {
			z.arm(c, dataTable, path, standard)
		}
	}
	for _, path := range lists[childWatch] {
		switch n := z.get(path); {
		case n == nil:
			missed(zkapi.EventNodeDeleted, path)
		case n.pzxid > since:
			missed(zkapi.EventNodeChildrenChanged, path)
		default:
			z.arm(c, childTable, path, standard)
		}
	}
	for _, path := range lists[persistentWatch] {
		z.armPersistent(c, path, persistent)
	}
	for _, path := range lists[recursiveWatch] {
		z.armPersistent(c, path, recursive)
	}
}
