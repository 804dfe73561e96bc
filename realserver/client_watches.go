package realserver

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// watchKind is one of the lists in which a client keeps its watches; they are
// the lists of setWatches2.
type watchKind int

const (
	watchData watchKind = iota
	watchExist
	watchChild
	watchPersistent
	watchRecursive
	watchKinds
)

var allKinds = []watchKind{watchData, watchExist, watchChild, watchPersistent, watchRecursive}

// typeOf is how removeWatches calls the watches of a kind.
var typeOf = [watchKinds]zkapi.WatchType{
	watchData: zkapi.WatchTypeData, watchExist: zkapi.WatchTypeData, watchChild: zkapi.WatchTypeChildren,
	watchPersistent: zkapi.WatchTypePersistent, watchRecursive: zkapi.WatchTypePersistentRecursive,
}

// watcher is who waits for events.
type watcher struct {
	kind   watchKind
	path   string
	ch     chan zkapi.Event // of a one-shot watch; has room for the one event it gets
	apply  func(zkapi.Event) zkapi.Event
	stream *zkapi.Stream[zkapi.Event] // of a persistent one
}

func (w *watcher) send(e zkapi.Event) {
	if w.stream != nil {
		w.stream.Send(e)
		return
	}
	if w.apply != nil {
		e = w.apply(e)
	}
	w.ch <- e
	close(w.ch)
}

// end sends the last event.
func (w *watcher) end(e zkapi.Event) {
	if w.send(e); w.stream != nil {
		w.stream.End()
	}
}

// watches is who waits for which path.
//
// Trap 6: go-zookeeper has no order between the channels of its watches, nor
// between a channel and a reply. Here the goroutine that reads from the server
// enters a watch when it sees the reply that arms it, and fires it when it sees
// the event, so whoever has a reply has the events that came before it.
//
// Trap 7: go-zookeeper cannot remove a watch, and keeps the channel of one that
// nobody waits for any more until it fires. What the caller of a W method has
// given up never gets here, and is removed from the server (see unwatch).
type watches [watchKinds]map[string][]*watcher

func newWatches() (w watches) {
	for kind := range w {
		w[kind] = make(map[string][]*watcher)
	}
	return w
}

func (w *watches) arm(x *watcher) {
	w[x.kind][x.path] = append(w[x.kind][x.path], x)
}

// drop forgets one, and tells whether it was there.
func (w *watches) drop(x *watcher) bool {
	before := w[x.kind][x.path]
	list := slices.DeleteFunc(slices.Clone(before), func(y *watcher) bool { return x == y })
	if w[x.kind][x.path] = list; len(list) == 0 {
		delete(w[x.kind], x.path)
	}
	return len(list) < len(before)
}

// has tells whether somebody waits on a path, by a watch of one of the kinds.
func (w *watches) has(path string, kinds ...watchKind) bool {
	return slices.ContainsFunc(kinds, func(kind watchKind) bool { return len(w[kind][path]) > 0 })
}

func (w *watches) deliver(e zkapi.Event) {
	switch e.Type {
	case zkapi.EventNodeCreated, zkapi.EventNodeDataChanged:
		w.fire(e, watchData, watchExist)
	case zkapi.EventNodeChildrenChanged:
		w.fire(e, watchChild)
	case zkapi.EventNodeDeleted:
		w.fire(e, watchData, watchExist, watchChild)
	}
	w.stream(e, watchPersistent, e.Path)
	if e.Type == zkapi.EventNodeChildrenChanged || len(w[watchRecursive]) == 0 {
		return
	}
	for at := e.Path; ; at = cmp.Or(at[:max(strings.LastIndexByte(at, '/'), 0)], "/") {
		if w.stream(e, watchRecursive, at); at == "/" || at == "" {
			return
		}
	}
}

// fire uses up the one-shot watches on a path.
func (w *watches) fire(e zkapi.Event, kinds ...watchKind) {
	for _, kind := range kinds {
		for _, x := range w[kind][e.Path] {
			x.send(e)
		}
		delete(w[kind], e.Path)
	}
}

func (w *watches) stream(e zkapi.Event, kind watchKind, path string) {
	for _, x := range w[kind][path] {
		x.send(e)
	}
}

// removals says which lists a removeWatches empties, and what their watchers are told.
var removals = []struct {
	kind watchKind
	told zkapi.EventType
}{
	{watchChild, zkapi.EventChildWatchRemoved},
	{watchData, zkapi.EventDataWatchRemoved},
	{watchExist, zkapi.EventDataWatchRemoved},
	{watchPersistent, zkapi.EventPersistentWatchRemoved},
	{watchRecursive, zkapi.EventPersistentWatchRemoved},
}

// remove ends the watches of a type on a path.
func (w *watches) remove(path string, t zkapi.WatchType) {
	for _, r := range removals {
		if t != zkapi.WatchTypeAny && t != typeOf[r.kind] {
			continue
		}
		for _, x := range w[r.kind][path] {
			x.end(zkapi.Event{Type: r.told, Path: path, Zxid: -1})
		}
		delete(w[r.kind], path)
	}
}

// end ends all of them.
func (w *watches) end(cause error) {
	for kind := range w {
		for path, list := range w[kind] {
			for _, x := range list {
				x.end(zkapi.Event{Type: zkapi.EventNone, Path: path, Zxid: -1, Err: cause})
			}
		}
		clear(w[kind])
	}
}

// rearmBytes is how much one setWatches holds at most, as in other clients: a
// server refuses requests that are too long.
const rearmBytes = 128 << 10

// rearm makes the requests that arm them on a new connection.
func (w *watches) rearm(zxid int64, limit int) []wire.SetWatches {
	const fixed = 8 + 8 + watchKinds*4 // header, zxid, and five lengths
	var all []wire.SetWatches
	room := 0
	for kind := range w {
		for _, path := range slices.Sorted(maps.Keys(w[kind])) {
			if room -= 4 + len(path); room < 0 || len(all) == 0 {
				none := []string{}
				all = append(all, wire.SetWatches{RelativeZxid: zxid, Data: none, Exist: none, Child: none,
					Persistent: none, PersistentRecursive: none})
				room = limit - int(fixed) - 4 - len(path)
			}
			q := &all[len(all)-1]
			list := [...]*[]string{&q.Data, &q.Exist, &q.Child, &q.Persistent, &q.PersistentRecursive}[kind]
			*list = append(*list, path)
		}
	}
	return all
}
