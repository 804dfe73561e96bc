package watchers

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// engine keeps a cache up to date. It knows one rule: an event says which node to
// read, and what is in the cache is what was read. So events that come late, twice,
// or not at all do no harm as long as what they are about is read afterwards.
//
// Reads of one client never go back in time, and the engine makes a read only
// when it has applied those before it, but for those of one batch, each of which
// is about another node.
type engine struct {
	link
	*Cache
	states    *zkapi.Stream[zkapi.StateChange]
	state     zkapi.State
	watches   Watches                    // what it has come to, Automatic as long as it is not known
	stream    *zkapi.Stream[zkapi.Event] // of the persistent watch
	missing   *oneShot                   // for the creation of the root
	made      bool                       // CreateRoot is done
	refreshed int
	batch     int
	oneByOne  bool // there is no multiRead
	orphans   []reading
}

func newEngine(x *Cache, c zkapi.Client) *engine {
	return &engine{link: link{c: c, path: x.root}, Cache: x, watches: x.cfg.Watches, batch: 64}
}

// run goes on until it cannot.
func (e *engine) run(ctx context.Context) error {
	if err := zkapi.ValidatePath(e.root); err != nil {
		return err
	}
	e.states = e.c.States()
	e.state = e.c.State()
	e.dirt.add(e.root, workAll|workLoad)
	for {
		err := final(e.state)
		if err == nil {
			err = e.step(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			e.fine()
		case !passing(err):
			return err
		case usable(e.c.State()):
			pause := e.pause
			e.pause = min(max(2*pause, shortestPause), longestPause)
			if err := sleep(ctx, pause); err != nil {
				return err
			}
		}
	}
}

// step does the next thing, or waits until there is one.
func (e *engine) step(ctx context.Context) error {
	e.takeStates()
	if !usable(e.state) {
		e.rest(ctx)
		return nil
	}
	if err := e.prepare(ctx); err != nil {
		return err
	}
	if !e.takeEvents() {
		return nil
	}
	if e.asked() {
		e.readAll()
	}
	jobs := e.dirt.take(e.batch)
	if len(jobs) == 0 {
		e.inSync()
		e.rest(ctx)
		return nil
	}
	readings, err := e.read(ctx, jobs)
	if err != nil {
		for _, j := range jobs {
			e.dirt.add(j.path, j.work)
		}
		e.giveUp(readings)
		return err
	}
	e.apply(readings)
	e.inSync()
	return nil
}

// rest waits until something happens.
func (e *engine) rest(ctx context.Context) {
	var events <-chan struct{}
	if e.stream != nil {
		events = e.stream.Ready()
	}
	select {
	case <-e.states.Ready():
	case <-events:
	case <-e.dirt.wake:
	case <-ctx.Done():
	}
}

// takeStates follows the client. Persistent watches miss what happens while there
// is no connection; one-shot ones are told, but nobody knows when all have been.
func (e *engine) takeStates() {
	for {
		change, ok, open := e.states.TryNext()
		if !ok {
			if !open && final(e.state) == nil {
				e.state = zkapi.StateClosed
			}
			return
		}
		back := !usable(e.state) && usable(change.State)
		e.state = change.State
		e.mu.Lock()
		for r := range e.readers {
			r.noteState(e.state)
		}
		if !usable(e.state) {
			e.setSynced(false)
		}
		e.mu.Unlock()
		switch {
		case back && e.watches == NoWatches:
			e.dirt.load()
		case back:
			e.readAll()
		}
	}
}

// prepare does what comes before the first read of a session.
func (e *engine) prepare(ctx context.Context) error {
	if err := e.sync(ctx); err != nil {
		return err
	}
	if e.cfg.CreateRoot && !e.made {
		if err := zkapi.EnsurePath(ctx, e.c, e.root, nil); err != nil {
			return err
		}
		e.made = true
	}
	if e.watches == Automatic {
		if err := e.choose(ctx); err != nil {
			return err
		}
	}
	if e.watches != PersistentWatches || e.stream != nil {
		return nil
	}
	mode := zkapi.WatchPersistentRecursive
	if e.depth == 0 {
		mode = zkapi.WatchPersistent
	}
	var err error
	if e.stream, err = e.c.AddWatch(ctx, e.root, mode); err != nil {
		e.stream = nil
		return err
	}
	e.readAll()
	return nil
}

// nobodysPath is one on which there are no watches.
const nobodysPath = "/zookeeper/nobody"

// choose finds out what the server has: only those that keep different watches of
// one path apart know removals of persistent ones.
func (e *engine) choose(ctx context.Context) error {
	err := e.c.RemoveWatches(ctx, nobodysPath, zkapi.WatchTypePersistentRecursive)
	switch {
	case err == nil || errors.Is(err, zkapi.ErrNoWatcher):
		e.watches = PersistentWatches
	case passing(err) || !isCode(err):
		return err
	default:
		e.watches = OneShotWatches
	}
	return nil
}

// isCode tells whether an error is a server's answer.
func isCode(err error) bool {
	var code zkapi.Code
	return errors.As(err, &code)
}

// takeEvents notes what to read, and tells whether the watch goes on: otherwise the
// session has ended, or somebody has removed it.
func (e *engine) takeEvents() bool {
	for e.stream != nil {
		ev, ok, open := e.stream.TryNext()
		if !ok && !open {
			e.stream = nil
			return false
		}
		if !ok {
			return true
		}
		if !e.holds(ev.Path) {
			continue
		}
		switch ev.Type {
		case zkapi.EventNodeCreated:
			e.dirt.add(ev.Path, workAll)
		case zkapi.EventNodeDataChanged, zkapi.EventNodeDeleted:
			e.dirt.add(ev.Path, workData)
		}
	}
	return true
}

// asked tells whether a Refresh was asked for.
func (e *engine) asked() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	asked := e.refresh > e.refreshed
	e.refreshed = e.refresh
	return asked
}

// readAll has everything read again.
func (e *engine) readAll() {
	e.dirt.add(e.root, workAll|workLoad)
	for _, path := range slices.Sorted(maps.Keys(e.nodes)) { // which nobody else changes
		e.dirt.add(path, workAll|workLoad)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.setSynced(false)
}

// inSync says so if it is so.
func (e *engine) inSync() {
	if e.dirt.loading() {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refresh == e.refreshed {
		e.setSynced(true)
	}
}

// apply puts what was read into the cache: first the nodes, parents before their
// children, and then the lists, since a list may be younger than what was read of a node
// that has gone and come again.
func (e *engine) apply(readings []reading) {
	slices.SortFunc(readings, func(a, b reading) int { return strings.Compare(a.path, b.path) })
	e.mu.Lock()
	for i := range readings {
		if readings[i].work&workData != 0 {
			e.applyData(&readings[i])
		}
	}
	for i := range readings {
		r := &readings[i]
		e.applyList(r)
		if !e.keep(r) {
			e.orphans = append(e.orphans, *r)
		}
	}
	e.mu.Unlock()
	e.giveUp(e.orphans)
	e.orphans = nil
}

func (e *engine) applyData(r *reading) {
	x := e.nodes[r.path]
	switch {
	case r.node == nil:
		e.remove(r.path)
		if r.denied {
			e.put(r.path, &entry{node: &Node{Path: r.path}, denied: true})
		}
	case x == nil || x.denied || x.node.Stat.Czxid < r.node.Stat.Czxid:
		e.remove(r.path)
		if e.put(r.path, &entry{node: r.node}) {
			e.publish(r.path, nil, r.node)
			if r.work&workList == 0 {
				e.dirt.add(r.path, workList|r.work&workLoad)
			}
		}
	case x.node.Stat.Czxid > r.node.Stat.Czxid || x.node.Stat.Mzxid > r.node.Stat.Mzxid: // it does not go back
	default:
		old := x.node
		if x.node = r.node; !old.same(x.node) {
			e.publish(r.path, old, x.node)
		}
	}
}

// put enters a node below its parent. A node without a parent has to wait for it.
func (e *engine) put(path string, x *entry) bool {
	if path != e.root {
		parent := e.nodes[zkapi.Parent(path)]
		if parent == nil {
			e.dirt.add(zkapi.Parent(path), workAll)
		}
		if parent == nil || parent.denied {
			return false
		}
		if parent.kids == nil {
			parent.kids = make(map[string]*entry)
		}
		parent.kids[zkapi.Base(path)] = x
	}
	e.nodes[path] = x
	return true
}

// remove takes out a node and all below it, from below to above.
func (e *engine) remove(path string) {
	x := e.nodes[path]
	if x == nil {
		return
	}
	if parent := e.nodes[zkapi.Parent(path)]; parent != nil && path != e.root {
		delete(parent.kids, zkapi.Base(path))
	}
	below := []*entry{x}
	for i := 0; i < len(below); i++ {
		below = slices.AppendSeq(below, maps.Values(below[i].kids))
	}
	for _, x := range slices.Backward(below) {
		delete(e.nodes, x.node.Path)
		if x.data.armed() || x.list.armed() { // seldom: the watches of what is gone have fired
			e.orphans = append(e.orphans, reading{data: x.data, list: x.list})
		}
		if !x.denied {
			e.publish(x.node.Path, x.node, nil)
		}
	}
}

// applyList has those read that are new, or have gone.
func (e *engine) applyList(r *reading) {
	x := e.nodes[r.path]
	if x == nil || x.denied || !r.listed {
		return
	}
	load := r.work & workLoad
	there := make(map[string]struct{}, len(r.names))
	for _, name := range r.names {
		there[name] = struct{}{}
		if _, known := x.kids[name]; !known {
			e.dirt.add(join(r.path, name), workAll|load)
		}
	}
	var gone []string
	for name := range x.kids {
		if _, ok := there[name]; !ok {
			gone = append(gone, name)
		}
	}
	slices.Sort(gone)
	for _, name := range gone {
		e.dirt.add(join(r.path, name), workData|load)
	}
}
