package realserver

import (
	"maps"
	"slices"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// watchKind is one of the lists in which a client keeps its one-shot watches;
// they are the lists of setWatches.
type watchKind int

const (
	watchData watchKind = iota
	watchExist
	watchChild
	watchKinds
)

// watcher is who waits for one event.
type watcher struct {
	kind  watchKind
	path  string
	ch    chan zkapi.Event // has room for the one event it gets
	apply func(zkapi.Event) zkapi.Event
}

func (w *watcher) fire(e zkapi.Event) {
	if w.apply != nil {
		e = w.apply(e)
	}
	w.ch <- e
	close(w.ch)
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
// given up never gets here; the server's side of it stays until it fires, and
// its event finds nobody.
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

// drop forgets one.
func (w *watches) drop(x *watcher) {
	list := slices.DeleteFunc(w[x.kind][x.path], func(y *watcher) bool { return x == y })
	if w[x.kind][x.path] = list; len(list) == 0 {
		delete(w[x.kind], x.path)
	}
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
}

func (w *watches) fire(e zkapi.Event, kinds ...watchKind) {
	for _, kind := range kinds {
		for _, x := range w[kind][e.Path] {
			x.fire(e)
		}
		delete(w[kind], e.Path)
	}
}

// end ends all of them.
func (w *watches) end(cause error) {
	for kind := range w {
		for path, list := range w[kind] {
			for _, x := range list {
				x.fire(zkapi.Event{Type: zkapi.EventNone, Path: path, Zxid: -1, Err: cause})
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
	var all []wire.SetWatches
	room := 0
	for kind := range w {
		for _, path := range slices.Sorted(maps.Keys(w[kind])) {
			if room -= 4 + len(path); room < 0 || len(all) == 0 {
				all = append(all, wire.SetWatches{RelativeZxid: zxid, Data: []string{}, Exist: []string{}, Child: []string{}})
				room = limit - 28 - 4 - len(path)
			}
			q := &all[len(all)-1]
			list := [...]*[]string{&q.Data, &q.Exist, &q.Child}[kind]
			*list = append(*list, path)
		}
	}
	return all
}
