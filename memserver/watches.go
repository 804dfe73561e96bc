package memserver

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// watchKind is one of the five lists in which a client keeps its watches; they
// are the lists of SetWatches2.
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

// watcher receives the events of one call that armed a watch.
type watcher struct {
	ch     chan zkapi.Event // one-shot
	apply  func(zkapi.Event) zkapi.Event
	stream *zkapi.Stream[zkapi.Event] // persistent
}

func (w watcher) send(e zkapi.Event) {
	if w.stream != nil {
		w.stream.Send(e)
		return
	}
	if w.apply != nil {
		e = w.apply(e)
	}
	w.ch <- e // has room for one, and gets one
	close(w.ch)
}

func (w watcher) end(e zkapi.Event) {
	w.send(e)
	if w.stream != nil {
		w.stream.End()
	}
}

// clientWatches is the client's side of its watches: the server knows a path
// and a mode, the client who is waiting.
type clientWatches [watchKinds]map[string][]watcher

func newClientWatches() (w clientWatches) {
	for kind := range w {
		w[kind] = make(map[string][]watcher)
	}
	return w
}

// once adds a one-shot watch.
func (w *clientWatches) once(ctx context.Context, kind watchKind, path string,
	onUnwatch func(watchKind, string, chan zkapi.Event)) <-chan zkapi.Event {
	ch := make(chan zkapi.Event, 1)
	w[kind][path] = append(w[kind][path], watcher{ch: ch, apply: zkapi.EventMap(ctx)})
	zkapi.OnUnwatch(ctx, func() { onUnwatch(kind, path, ch) })
	return ch
}

// stream adds a persistent watch.
func (w *clientWatches) stream(kind watchKind, path string,
	onClose func(watchKind, string, *zkapi.Stream[zkapi.Event])) *zkapi.Stream[zkapi.Event] {
	var s *zkapi.Stream[zkapi.Event]
	s = zkapi.NewStream[zkapi.Event](func() { onClose(kind, path, s) })
	w[kind][path] = append(w[kind][path], watcher{stream: s})
	return s
}

// drop forgets the watchers that are meant and tells whether there were any, and the last on their path.
func (w *clientWatches) drop(kind watchKind, path string, meant func(watcher) bool) (any, last bool) {
	before := len(w[kind][path])
	left := slices.DeleteFunc(w[kind][path], meant)
	if w[kind][path] = left; len(left) == 0 {
		delete(w[kind], path)
	}
	return len(left) < before, len(left) == 0
}

// has tells whether there is a watch of one of the kinds on a path.
func (w *clientWatches) has(path string, kinds ...watchKind) bool {
	return slices.ContainsFunc(kinds, func(kind watchKind) bool { return len(w[kind][path]) > 0 })
}

// deliver hands an event to everybody whom it is for.
func (w *clientWatches) deliver(e zkapi.Event) {
	switch e.Type {
	case zkapi.EventNodeCreated, zkapi.EventNodeDataChanged:
		w.fire(e, watchData, watchExist)
	case zkapi.EventNodeChildrenChanged:
		w.fire(e, watchChild)
	case zkapi.EventNodeDeleted:
		w.fire(e, watchData, watchExist, watchChild)
	}
	for _, x := range w[watchPersistent][e.Path] {
		x.send(e)
	}
	if e.Type == zkapi.EventNodeChildrenChanged || len(w[watchRecursive]) == 0 {
		return
	}
	for at := e.Path; ; {
		for _, x := range w[watchRecursive][at] {
			x.send(e)
		}
		if at == "/" || at == "" {
			return
		}
		if at = at[:max(strings.LastIndexByte(at, '/'), 0)]; at == "" {
			at = "/"
		}
	}
}

// fire uses up the one-shot watches on a path.
func (w *clientWatches) fire(e zkapi.Event, kinds ...watchKind) {
	for _, kind := range kinds {
		for _, x := range w[kind][e.Path] {
			x.send(e)
		}
		delete(w[kind], e.Path)
	}
}

// removed says which lists a removal empties, and what their watchers are told.
var removed = map[zkapi.WatchType][]struct {
	kind watchKind
	told zkapi.EventType
}{
	zkapi.WatchTypeChildren:            {{watchChild, zkapi.EventChildWatchRemoved}},
	zkapi.WatchTypeData:                {{watchData, zkapi.EventDataWatchRemoved}, {watchExist, zkapi.EventDataWatchRemoved}},
	zkapi.WatchTypePersistent:          {{watchPersistent, zkapi.EventPersistentWatchRemoved}},
	zkapi.WatchTypePersistentRecursive: {{watchRecursive, zkapi.EventPersistentWatchRemoved}},
}

// remove ends the watches of a type on a path.
func (w *clientWatches) remove(path string, t zkapi.WatchType) {
	for u, lists := range removed {
		if t != u && t != zkapi.WatchTypeAny {
			continue
		}
		for _, l := range lists {
			for _, x := range w[l.kind][path] {
				x.end(zkapi.Event{Type: l.told, Path: path, Zxid: -1})
			}
			delete(w[l.kind], path)
		}
	}
}

// end ends all watches, in an order that can be repeated.
func (w *clientWatches) end(cause error) {
	for kind := range w {
		for _, path := range slices.Sorted(maps.Keys(w[kind])) {
			for _, x := range w[kind][path] {
				x.end(zkapi.Event{Type: zkapi.EventNone, Path: path, Zxid: -1, Err: cause})
			}
		}
		clear(w[kind])
	}
}

// request fills in what to ask of the server after a reconnection, sorted so
// that the events that are due come in an order that can be repeated. It tells
// whether there is anything.
func (w *clientWatches) request(q *wire.SetWatches) bool {
	any := false
	for kind, list := range []*[]string{&q.Data, &q.Exist, &q.Child, &q.Persistent, &q.PersistentRecursive} {
		*list = make([]string, 0, len(w[kind]))
		for path := range w[kind] {
			*list = append(*list, path)
			any = true
		}
		slices.Sort(*list)
	}
	return any
}
