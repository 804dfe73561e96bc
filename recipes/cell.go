package recipes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// CellOptions say how a node whose data is a value is changed. The zero value is a default.
type CellOptions struct {
	ACL        []zkapi.ACL // of the node; nil means zkapi.OpenACL
	Containers bool        // missing parents become containers, as Curator makes them

	// ExactlyOnce has each change leave a marker in the same transaction, below a
	// sibling of the node whose name ends in "-ops", and delete it afterwards. So a
	// change whose reply was lost can be looked up. It costs one request more.
	ExactlyOnce bool
	// Exclusive says that nobody else changes the node meanwhile: then a change
	// whose reply was lost is looked up in the node itself.
	Exclusive bool

	// Retry says how often a change is tried again when others were faster; nil is
	// as often as the context lets it.
	Retry Policy
	// Lock, if there is one, is taken when Retry has enough, and then LockRetry
	// counts: Curator's PromotedToLock.
	Lock      *Lock
	LockRetry Policy
}

// cell is a node whose data is replaced by comparing and setting.
type cell struct {
	c    zkapi.Client
	path string
	o    CellOptions
}

func newCell(c zkapi.Client, path string, opts []func(*CellOptions)) *cell {
	x := &cell{c: c, path: path}
	for _, opt := range opts {
		opt(&x.o)
	}
	return x
}

func (x *cell) plain() *Options { return &Options{ACL: x.o.ACL, Containers: x.o.Containers} }

// read reads the data as it is now. A node that is not there has none.
func (x *cell) read(ctx context.Context) (data []byte, stat zkapi.Stat, there bool, err error) {
	err = inSession(ctx, x.c, func(s *session) error {
		if err := s.catchUp(ctx, x.path); err != nil {
			return err
		}
		err := s.do(ctx, func() (err error) {
			data, stat, err = x.c.Get(ctx, x.path)
			return err
		})
		if there = err == nil; errors.Is(err, zkapi.ErrNoNode) {
			data = nil
			return nil
		}
		return err
	})
	return data, stat, there, err
}

// ensure makes the node without data, which is that of no value yet.
func (x *cell) ensure(ctx context.Context) error {
	return inSession(ctx, x.c, func(s *session) error { return x.plain().ensureNode(ctx, s, x.path, nil) })
}

// set replaces the data of one version. It fails with zkapi.ErrBadVersion or
// zkapi.ErrNoNode if there is another one, and with ErrOutcomeUnknown if it cannot be known.
func (x *cell) set(ctx context.Context, data []byte, version int32) (zkapi.Stat, error) {
	if version == zkapi.AnyVersion { // which a node has after 4294967295 changes
		return zkapi.Stat{}, fmt.Errorf("version -1 cannot be compared: %w", zkapi.ErrBadArguments)
	}
	var stat zkapi.Stat
	g := &change{c: x.c, near: x.path, o: x.plain()}
	g.settle = func(ctx context.Context) (bool, error) {
		now, is, there, err := x.read(ctx)
		if stat = is; err != nil || x.o.Exclusive && there && is.Version == version+1 && bytes.Equal(now, data) {
			return err == nil, err
		}
		return false, ErrOutcomeUnknown
	}
	g.once = x.o.ExactlyOnce
	results, err := g.commit(ctx, zkapi.SetOp(x.path, content(data), version))
	if len(results) > 0 {
		stat = results[0].Stat
	}
	return stat, err
}

// create makes the node with data, or fails with zkapi.ErrNodeExists.
func (x *cell) create(ctx context.Context, data []byte) error {
	g := &change{c: x.c, near: x.path, o: x.plain(), once: x.o.ExactlyOnce}
	g.settle = func(ctx context.Context) (bool, error) {
		now, _, there, err := x.read(ctx)
		if err != nil || x.o.Exclusive && there && bytes.Equal(now, data) {
			return err == nil, err
		}
		return false, ErrOutcomeUnknown
	}
	for {
		_, err := g.commit(ctx, zkapi.CreateOp(x.path, content(data), x.o.ACL, zkapi.Persistent))
		if !errors.Is(err, zkapi.ErrNoNode) || zkapi.Parent(x.path) == "/" {
			return err
		}
		if err := inSession(ctx, x.c, func(s *session) error { return x.plain().ensure(ctx, s, zkapi.Parent(x.path)) }); err != nil {
			return err
		}
	}
}

// tally is how often and how long a change was tried.
type tally struct {
	tries   int
	elapsed time.Duration
}

// contend repeats an attempt while others are faster and the policy has not enough.
func (x *cell) contend(ctx context.Context, p Policy, t *tally, attempt func(context.Context) error) error {
	if p == nil {
		p = Backoff{Delay: time.Millisecond, MaxDelay: 100 * time.Millisecond}
	}
	start, pauses := time.Now(), p.Start()
	for {
		t.tries++
		err := attempt(ctx)
		t.elapsed = time.Since(start)
		if !errors.Is(err, zkapi.ErrBadVersion) && !errors.Is(err, zkapi.ErrNoNode) {
			return err
		}
		pause, again := pauses(err, t.elapsed)
		if !again {
			return fmt.Errorf("%w, %d times: %w", ErrContention, t.tries, err)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// update replaces the data by what f makes of it, until nobody was faster.
func (x *cell) update(ctx context.Context, f func(old []byte) ([]byte, error)) (pre, post []byte, optimistic, locked tally, err error) {
	attempt := func(ctx context.Context) error {
		old, stat, there, err := x.read(ctx)
		if err != nil {
			return err
		}
		if !there { // perhaps another one makes it, and not empty
			if err := x.ensure(ctx); err != nil {
				return err
			}
			if old, stat, there, err = x.read(ctx); err != nil {
				return err
			}
			if !there {
				return zkapi.ErrNoNode
			}
		}
		pre = old
		if post, err = f(pre); err != nil {
			return err
		}
		_, err = x.set(ctx, post, stat.Version)
		return err
	}
	err = x.contend(ctx, x.o.Retry, &optimistic, attempt)
	if x.o.Lock != nil && errors.Is(err, ErrContention) {
		tried := false
		failed := x.o.Lock.Do(ctx, func(ctx context.Context, h *Hold) error {
			tried = true
			err = x.contend(ctx, x.o.LockRetry, &locked, attempt)
			return nil
		})
		if !tried {
			err = failed
		}
	}
	return pre, post, optimistic, locked, err
}
