package recipes

import (
	"context"
	"slices"
	"sync"

	"github.com/zksim/zksim/zkapi"
)

// LockingQueue is a queue whose items stay until they are consumed: who gets one
// holds it, and if he crashes somebody else gets it. It is kazoo's LockingQueue, on
// the same nodes. One LockingQueue holds one item at a time.
type LockingQueue struct {
	q *store
	k *custody

	turn sync.Mutex // of Get, Consume and Release
	name string
	data []byte

	mu   sync.Mutex
	hold *Hold
}

// NewLockingQueue makes a queue of two directories below a node, which are made
// when they are needed: entries for the items, and taken for those that are held.
func NewLockingQueue(c zkapi.Client, path string, opts ...func(*QueueOptions)) *LockingQueue {
	q := newStore(c, zkapi.Join(path, "entries"), opts, splitEntry)
	if q.o.Identifier == "" {
		q.o.Identifier = newGUID().hex() // as kazoo does
	}
	return &LockingQueue{q: q, k: &custody{q, zkapi.Join(path, "taken")}}
}

// Put puts an item into the queue, as Queue.Put does.
func (q *LockingQueue) Put(ctx context.Context, data []byte) error {
	return q.PutAll(ctx, DefaultPriority, data)
}

// PutAll puts items into the queue with a priority, all or none. They must fit
// into one request, which has a megabyte as a rule.
func (q *LockingQueue) PutAll(ctx context.Context, priority int, items ...[]byte) error {
	prefix, err := entryPrefix(priority)
	if err == nil {
		err = q.q.put(ctx, prefix, items...)
	}
	return q.q.fail(err)
}

// Get waits for an item that nobody holds, the first by priority and age, and
// holds it. If it holds one already it returns that.
func (q *LockingQueue) Get(ctx context.Context) (data []byte, err error) {
	q.turn.Lock()
	defer q.turn.Unlock()
	if q.HoldsLock() {
		return slices.Clone(q.data), nil
	}
	if h := q.set(nil); h != nil { // it was lost
		_ = h.Release(ctx)
	}
	q.data = nil
	err = q.q.watch(ctx, func(l *lookout, items []item, _ <-chan struct{}) (bool, <-chan struct{}, error) {
		taken, freed, err := q.k.taken(ctx, l)
		if err != nil {
			return false, nil, err
		}
		for _, x := range items {
			if slices.Contains(taken, x.name) {
				continue
			}
			if got, err := q.take(ctx, x.name); got || err != nil {
				return got, nil, err
			}
		}
		return false, freed, nil
	})
	return slices.Clone(q.data), q.q.fail(err)
}

// take takes an item and reads it.
func (q *LockingQueue) take(ctx context.Context, name string) (bool, error) {
	h, ok, err := q.k.take(ctx, name)
	if !ok || err != nil {
		return false, err
	}
	data, _, there, err := q.q.read(ctx, name)
	if !there || err != nil || h.Err() != nil { // somebody else may have it by now
		_ = h.Release(ctx)
		return false, err
	}
	q.name, q.data = name, data
	q.set(h)
	return true, nil
}

// set replaces what is held, and returns what was.
func (q *LockingQueue) set(h *Hold) *Hold {
	q.mu.Lock()
	defer q.mu.Unlock()
	was := q.hold
	q.hold = h
	return was
}

// HoldsLock tells whether an item is held now, as far as the client can know.
func (q *LockingQueue) HoldsLock() bool { return q.Hold().Held() }

// Hold is what the item is held by, nil if there is none: for its Context, Multi and Token.
func (q *LockingQueue) Hold() *Hold {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.hold
}

// Consume removes the item that is held from the queue. It fails with ErrNotHeld
// if it is not held any more: somebody else has it or will get it. When it fails
// with ErrOutcomeUnknown it may be either. In any case it is not held afterwards.
func (q *LockingQueue) Consume(ctx context.Context) error {
	q.turn.Lock()
	defer q.turn.Unlock()
	h := q.set(nil)
	if h == nil {
		return q.q.fail(ErrNotHeld)
	}
	return q.q.fail(q.k.finish(ctx, h, q.name))
}

// Release gives the item back into its place in the queue.
func (q *LockingQueue) Release(ctx context.Context) error {
	q.turn.Lock()
	defer q.turn.Unlock()
	return q.q.fail(q.set(nil).Release(ctx))
}

// Len is the number of items, those that are held among them.
func (q *LockingQueue) Len(ctx context.Context) (int, error) { return q.q.len(ctx) }
