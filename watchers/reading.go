package watchers

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/zksim/zksim/zkapi"
)

// reading is what was read of a node.
type reading struct {
	job
	node       *Node // nil if there is none, or it may not be read
	denied     bool
	names      []string // of the children, if listed
	listed     bool
	data, list *oneShot // armed by it
}

// read does the jobs. If it fails, what it has armed is to be given up.
func (e *engine) read(ctx context.Context, jobs []job) ([]reading, error) {
	readings := make([]reading, len(jobs))
	for i, j := range jobs {
		readings[i].job = j
	}
	if e.watches == OneShotWatches || e.oneByOne {
		return readings, e.readEach(ctx, readings)
	}
	err := e.readTogether(ctx, readings)
	if errors.Is(err, zkapi.ErrUnimplemented) {
		e.oneByOne = true
		err = e.readEach(ctx, readings)
	}
	return readings, err
}

// One request has so many nodes at most, and so many bytes in its reply, as far as
// can be foreseen.
const (
	maxBatch   = 256
	replyBytes = 1 << 20
)

// readTogether reads all by one request.
func (e *engine) readTogether(ctx context.Context, readings []reading) error {
	ops := make([]zkapi.Op, 0, 2*len(readings))
	for i := range readings {
		r := &readings[i]
		if r.work&workData != 0 {
			ops = append(ops, zkapi.GetOp(r.path))
		}
		if r.listed = r.work&workList != 0 && e.lists(r.path); r.listed {
			ops = append(ops, zkapi.ChildrenOp(r.path))
		}
	}
	results, err := e.c.MultiRead(ctx, ops...)
	if err != nil {
		return err
	}
	bytes := 1
	for i := range readings {
		r := &readings[i]
		if r.work&workData != 0 {
			bytes += len(results[0].Data) + len(r.path) + 100
			if err := e.gotData(r, results[0].Data, results[0].Stat, results[0].Err); err != nil {
				return err
			}
			results = results[1:]
		}
		if r.listed {
			bytes += 20 * len(results[0].Children)
			if err := r.gotList(results[0].Children, results[0].Err); err != nil {
				return err
			}
			results = results[1:]
		}
	}
	e.batch = min(max(replyBytes*len(readings)/bytes, 8), maxBatch)
	return nil
}

func (e *engine) gotData(r *reading, data []byte, stat zkapi.Stat, err error) error {
	switch {
	case err == nil:
		if e.cfg.WithoutData {
			data = nil
		}
		r.node = &Node{Path: r.path, Exists: true, Data: data, Stat: stat}
	case errors.Is(err, zkapi.ErrNoAuth) && r.path != e.root:
		r.denied = true
	case !errors.Is(err, zkapi.ErrNoNode):
		return err
	}
	return nil
}

func (r *reading) gotList(names []string, err error) error {
	switch {
	case err == nil:
		r.names = names
	case errors.Is(err, zkapi.ErrNoNode) || errors.Is(err, zkapi.ErrNoAuth): // its data tells
		r.listed = false
	default:
		return err
	}
	return nil
}

// atOnce is how many requests are made without waiting for each other.
const atOnce = 16

// readEach reads one by one, and arms the one-shot watches.
func (e *engine) readEach(ctx context.Context, readings []reading) error {
	return inParallel(len(readings), func(i int) error { return e.readOne(ctx, &readings[i]) })
}

// inParallel does n things, several at once, and returns the first error.
func inParallel(n int, do func(int) error) error {
	if n == 1 {
		return do(0)
	}
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for range min(n, atOnce) {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				if err := do(i); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (e *engine) readOne(ctx context.Context, r *reading) error {
	var known entry
	if x := e.nodes[r.path]; x != nil {
		known = *x
	}
	if r.work&workData != 0 {
		if err := e.readData(ctx, r, known.data); err != nil {
			return err
		}
	}
	if r.listed = r.work&workList != 0 && e.lists(r.path); r.listed {
		return e.readList(ctx, r, known.list)
	}
	return nil
}

func (e *engine) readData(ctx context.Context, r *reading, known *oneShot) error {
	for {
		var data []byte
		var stat zkapi.Stat
		var err error
		r.data, err = e.watched(ctx, known, r.path, workData, func(ctx context.Context, arm bool) (ch <-chan zkapi.Event, err error) {
			if arm {
				data, stat, ch, err = e.c.GetW(ctx, r.path)
			} else {
				data, stat, err = e.c.Get(ctx, r.path)
			}
			return ch, err
		})
		if r.path == e.root && errors.Is(err, zkapi.ErrNoNode) && e.watches == OneShotWatches {
			there, err := e.watchCreation(ctx)
			if err != nil {
				return err
			}
			if there {
				continue
			}
		}
		return e.gotData(r, data, stat, err)
	}
}

// watchCreation arms a watch on the root that is not there, unless it is.
func (e *engine) watchCreation(ctx context.Context) (there bool, err error) {
	o, err := e.watched(ctx, e.missing, e.root, workAll, func(ctx context.Context, arm bool) (ch <-chan zkapi.Event, err error) {
		if arm {
			_, there, ch, err = e.c.ExistsW(ctx, e.root)
		} else {
			_, there, err = e.c.Exists(ctx, e.root)
		}
		return ch, err
	})
	if err == nil && there {
		o.drop()
	} else if o != nil {
		e.missing = o
	}
	return there, err
}

func (e *engine) readList(ctx context.Context, r *reading, known *oneShot) error {
	var names []string
	var err error
	r.list, err = e.watched(ctx, known, r.path, workList, func(ctx context.Context, arm bool) (ch <-chan zkapi.Event, err error) {
		if arm {
			names, _, ch, err = e.c.ChildrenW(ctx, r.path)
		} else {
			names, _, err = e.c.Children(ctx, r.path)
		}
		return ch, err
	})
	return r.gotList(names, err)
}

// oneShot is a one-shot watch of a cache.
type oneShot struct {
	fired   atomic.Bool
	unwatch func()
}

func (o *oneShot) armed() bool { return o != nil && !o.fired.Load() }

func (o *oneShot) drop() {
	if o.armed() {
		o.unwatch()
	}
}

// watched reads, and arms a watch unless one is armed already, or none is wanted.
// When it fires the node is to be read again; w says what of it.
func (e *engine) watched(ctx context.Context, known *oneShot, path string, w work,
	read func(context.Context, bool) (<-chan zkapi.Event, error)) (*oneShot, error) {
	if known.armed() || e.watches != OneShotWatches {
		_, err := read(ctx, false)
		return nil, err
	}
	o := new(oneShot)
	ctx, o.unwatch = zkapi.Unwatchable(ctx)
	_, err := zkapi.ArmMapped(ctx, func(ev zkapi.Event) zkapi.Event {
		o.fired.Store(true)
		if ev.Type == zkapi.EventNodeDeleted {
			e.dirt.add(path, workData)
		} else {
			e.dirt.add(path, w)
		}
		return ev
	}, func(ctx context.Context) (<-chan zkapi.Event, error) { return read(ctx, true) })
	if err != nil {
		o.unwatch() // the reply may have got lost on the way
		return nil, err
	}
	return o, nil
}

// keep leaves the watches of a reading with its node, and tells whether there is one.
func (e *engine) keep(r *reading) bool {
	if r.data == nil && r.list == nil {
		return true
	}
	x := e.nodes[r.path]
	if x == nil {
		return false
	}
	if r.data != nil {
		x.data = r.data
	}
	if r.list != nil {
		x.list = r.list
	}
	return true
}

// giveUp drops the watches of readings that are of no use.
func (e *engine) giveUp(readings []reading) {
	for i := range readings {
		readings[i].data.drop()
		readings[i].list.drop()
	}
}

// close leaves no watch behind.
func (e *engine) close() {
	if e.states != nil {
		e.states.Close()
	}
	if e.stream != nil {
		e.stream.Close()
	}
	watches := []*oneShot{e.missing}
	for _, x := range e.nodes {
		watches = append(watches, x.data, x.list)
	}
	_ = inParallel(len(watches), func(i int) error {
		watches[i].drop()
		return nil
	})
}
