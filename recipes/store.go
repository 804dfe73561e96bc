package recipes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// QueueOptions say how a queue behaves. The zero value is a default.
type QueueOptions struct {
	ACL        []zkapi.ACL // of all nodes; nil means zkapi.OpenACL
	Containers bool        // directories become containers, as Curator makes them

	// ExactlyOnce has each item come and go with a marker in the same transaction,
	// below a sibling of the queue whose name ends in "-ops", that is deleted
	// afterwards. So nothing is unknown when a reply is lost.
	ExactlyOnce bool
	Identifier  string // of a consumer, the data of its nodes
}

// store is a directory whose children are items.
type store struct {
	c     zkapi.Client
	dir   string
	o     QueueOptions
	items func(names []string) []item // those that are items, in their order
}

// item is a child of a store.
type item struct {
	name  string
	rank  int64 // the lower the earlier
	seq   int32
	since int64 // the zxid of its creation, if the order depends on that
}

func (a item) compare(b item) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.since, b.since), zkapi.CompareSequence(a.seq, b.seq), strings.Compare(a.name, b.name))
}

// inOrder finds the items among names: split tells the rank and the text before the counter.
func inOrder(names []string, split func(name string) (rank int64, tag string, ok bool)) (items []item) {
	for _, name := range names {
		rank, tag, ok := split(name)
		if !ok {
			continue
		}
		if seq, ok := counter(name, tag); ok {
			items = append(items, item{name: name, rank: rank, seq: seq})
		}
	}
	slices.SortFunc(items, item.compare)
	return items
}

// order finds the items among names. Of those whose counters do not tell who came first it
// asks when they came.
func (q *store) order(ctx context.Context, s *session, names []string) ([]item, error) {
	items := q.items(names)
	var untold []*item
	for i := range items {
		if numberless(items[i].seq) {
			untold = append(untold, &items[i])
		}
	}
	if len(untold) < 2 {
		return items, nil
	}
	for _, x := range untold {
		var stat zkapi.Stat
		err := s.do(ctx, func() (err error) {
			stat, _, err = q.c.Exists(ctx, zkapi.Join(q.dir, x.name))
			return err
		})
		if err != nil {
			return nil, err
		}
		x.since = stat.Czxid
	}
	slices.SortFunc(items, item.compare)
	return items, nil
}

func newStore(c zkapi.Client, dir string, opts []func(*QueueOptions), split func(string) (int64, string, bool)) *store {
	q := &store{c: c, dir: dir, items: func(names []string) []item { return inOrder(names, split) }}
	for _, opt := range opts {
		opt(&q.o)
	}
	return q
}

func (q *store) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("queue %s: %w", q.dir, err)
}

func (q *store) plain() *Options { return &Options{ACL: q.o.ACL, Containers: q.o.Containers} }

// put makes nodes for items, all or none.
func (q *store) put(ctx context.Context, prefix string, items ...[]byte) error {
	if len(items) == 0 {
		return nil
	}
	var ops []zkapi.Op
	for _, data := range items {
		ops = append(ops, zkapi.CreateOp(zkapi.Join(q.dir, prefix), content(data), q.o.ACL, zkapi.PersistentSequential))
	}
	g := &change{c: q.c, near: q.dir, o: q.plain(), once: q.o.ExactlyOnce}
	for {
		_, err := g.commit(ctx, ops...)
		if !errors.Is(err, zkapi.ErrNoNode) {
			return err
		}
		if err := inSession(ctx, q.c, func(s *session) error { return q.plain().ensure(ctx, s, q.dir) }); err != nil {
			return err
		}
	}
}

// list are the items that are there. A store that is not there has none.
func (q *store) list(ctx context.Context, sync bool) (items []item, err error) {
	err = inSession(ctx, q.c, func(s *session) error {
		if sync {
			if err := s.catchUp(ctx, q.dir); err != nil {
				return err
			}
		}
		var names []string
		err := s.do(ctx, func() (err error) {
			names, _, err = q.c.Children(ctx, q.dir)
			return err
		})
		if err != nil && !errors.Is(err, zkapi.ErrNoNode) {
			return err
		}
		items, err = q.order(ctx, s, names)
		return err
	})
	return items, err
}

// first calls take with the items, in their order, until one says that it is
// done. It is false if there was nothing in the store at some moment of the call.
func (q *store) first(ctx context.Context, take func(item) (done bool, err error)) (bool, error) {
	for sync := false; ; {
		items, err := q.list(ctx, sync)
		if err != nil || len(items) == 0 && sync {
			return false, err
		}
		sync = len(items) == 0
		for _, x := range items {
			if done, err := take(x); done || err != nil {
				return done, err
			}
		}
	}
}

// read reads an item.
func (q *store) read(ctx context.Context, name string) (data []byte, stat zkapi.Stat, there bool, err error) {
	err = inSession(ctx, q.c, func(s *session) error {
		return s.do(ctx, func() (err error) {
			data, stat, err = q.c.Get(ctx, zkapi.Join(q.dir, name))
			return err
		})
	})
	if errors.Is(err, zkapi.ErrNoNode) {
		return nil, stat, false, nil
	}
	return data, stat, err == nil, err
}

// take reads an item and deletes it. With ErrOutcomeUnknown there is the data, too.
func (q *store) take(ctx context.Context, name string) (data []byte, taken bool, err error) {
	if x := q.items([]string{name}); len(x) > 0 && numberless(x[0].seq) {
		return q.guarded(ctx, name)
	}
	for {
		data, stat, there, err := q.read(ctx, name)
		if err != nil || !there {
			return nil, false, err
		}
		g := &change{c: q.c, near: q.dir, o: q.plain(), once: q.o.ExactlyOnce}
		g.settle = func(ctx context.Context) (bool, error) {
			_, now, there, err := q.read(ctx, name)
			if err != nil || there && now.Czxid == stat.Czxid {
				return false, err
			}
			return false, ErrMaybeConsumed
		}
		_, err = g.commit(ctx, zkapi.DeleteOp(zkapi.Join(q.dir, name), stat.Version))
		switch {
		case err == nil, errors.Is(err, ErrOutcomeUnknown):
			return data, true, err
		case errors.Is(err, zkapi.ErrNoNode):
			return nil, false, nil
		case !errors.Is(err, zkapi.ErrBadVersion):
			return nil, false, err
		}
	}
}

// guarded is take where another item may get the name as soon as this one is gone: whoever
// takes it has it in his custody while he reads and deletes it.
func (q *store) guarded(ctx context.Context, name string) (data []byte, taken bool, err error) {
	k := &custody{q, q.dir + "-ops"}
	for pauses := patience.Start(); ; {
		h, ok, err := k.take(ctx, name)
		if err != nil && !errors.Is(err, errGone) {
			return nil, false, err
		}
		data, _, there, err := q.read(ctx, name)
		if ok && there {
			err = k.finish(ctx, h, name)
			if err == nil || errors.Is(err, ErrOutcomeUnknown) {
				return data, true, err
			}
			if errors.Is(err, ErrNotHeld) {
				err = nil // it is somebody else's, or gone
			}
		} else if ok {
			_ = h.Release(ctx)
		}
		if err != nil || !there {
			return nil, false, err
		}
		if pause, _ := pauses(nil, 0); sleep(ctx, pause) != nil {
			return nil, false, context.Cause(ctx)
		}
	}
}

// poll takes the first item.
func (q *store) poll(ctx context.Context) (data []byte, ok bool, err error) {
	ok, err = q.first(ctx, func(x item) (done bool, err error) {
		data, done, err = q.take(ctx, x.name)
		return done, err
	})
	return data, ok, q.fail(err)
}

// wait takes the first item, as soon as there is one.
func (q *store) wait(ctx context.Context) (data []byte, err error) {
	err = q.watch(ctx, func(*lookout, []item, <-chan struct{}) (done bool, again <-chan struct{}, err error) {
		data, done, err = q.poll(ctx)
		return done, nil, err
	})
	return data, err
}

// watch calls look with the items whenever they may have changed, or the channel
// that it returned was closed, until it is done. It gets a channel, too, which is
// closed when they may have changed.
func (q *store) watch(ctx context.Context, look func(l *lookout, items []item, changed <-chan struct{}) (done bool, again <-chan struct{}, err error)) error {
	for ctx.Err() == nil {
		err := inSession(ctx, q.c, func(s *session) error {
			for l := s.lookout(); ; {
				l.round()
				names, changed, err := l.children(ctx, q.dir)
				if errors.Is(err, zkapi.ErrNoNode) {
					if err := q.plain().ensure(ctx, s, q.dir); err != nil {
						return err
					}
					continue
				}
				if err != nil {
					return err
				}
				items, err := q.order(ctx, s, names)
				if err != nil {
					return err
				}
				done, again, err := look(l, items, changed)
				if done || err != nil {
					return err
				}
				if err := l.wait(ctx, changed, again); err != nil {
					return err
				}
			}
		})
		if !errors.Is(err, errGone) {
			return err
		}
	}
	return context.Cause(ctx)
}
