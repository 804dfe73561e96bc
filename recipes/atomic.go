package recipes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// Atomic is a value in a node that any number of clients change, each on the
// value that it has seen. It is kazoo's Counter, and Curator's
// DistributedAtomicValue, Long and Integer; which of them is the Codec's choice.
//
// Where the reply to a change is lost it may have been made or not. It is never
// made twice: if it cannot be looked up, which it can with ExactlyOnce or
// Exclusive, it fails with ErrOutcomeUnknown.
type Atomic[V any] struct {
	x     *cell
	codec Codec[V]
}

// Change is what a change has done.
type Change[V any] struct {
	Pre, Post V
	// How often it was tried, and how long, without and with the lock.
	Tries, LockedTries     int
	Elapsed, LockedElapsed time.Duration
}

// NewAtomic makes a value of the data of a node, which is made when it is needed.
// It costs nothing until it is used.
func NewAtomic[V any](c zkapi.Client, path string, codec Codec[V], opts ...func(*CellOptions)) *Atomic[V] {
	return &Atomic[V]{x: newCell(c, path, opts), codec: codec}
}

// NewCounter is NewAtomic with integers as kazoo's Counter writes them.
func NewCounter(c zkapi.Client, path string, opts ...func(*CellOptions)) *Atomic[int64] {
	return NewAtomic(c, path, Text(), opts...)
}

func (a *Atomic[V]) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("value %s: %w", a.x.path, err)
}

// Value is the value now. It fails with ErrCorrupt if the node has something else.
func (a *Atomic[V]) Value(ctx context.Context) (V, error) {
	data, _, _, err := a.x.read(ctx)
	if err != nil {
		var none V
		return none, a.fail(err)
	}
	v, err := a.codec.decode(data)
	return v, a.fail(err)
}

// Add adds to the value, and subtracts what is negative. It fails with ErrCorrupt
// if the sum is no value.
func (a *Atomic[V]) Add(ctx context.Context, n V) (Change[V], error) {
	if a.codec.Add == nil {
		return Change[V]{}, a.fail(fmt.Errorf("values that cannot be added: %w", zkapi.ErrBadArguments))
	}
	return a.Update(ctx, func(old V) (V, error) { return a.codec.Add(old, n) })
}

// Update replaces the value by what f makes of it, or fails with the error of f.
// f is called again when somebody else was faster; with a Retry policy Update
// fails with ErrContention when that has enough. With any error but
// ErrOutcomeUnknown the value was not changed.
func (a *Atomic[V]) Update(ctx context.Context, f func(old V) (V, error)) (ch Change[V], err error) {
	_, _, optimistic, locked, err := a.x.update(ctx, func(old []byte) (data []byte, err error) {
		if ch.Pre, err = a.codec.decode(old); err != nil {
			return nil, err
		}
		if ch.Post, err = f(ch.Pre); err != nil {
			return nil, err
		}
		return a.codec.Encode(ch.Post)
	})
	ch.Tries, ch.Elapsed, ch.LockedTries, ch.LockedElapsed = optimistic.tries, optimistic.elapsed, locked.tries, locked.elapsed
	return ch, a.fail(err)
}

// Swap replaces the value, whatever it was, even if it is corrupt.
func (a *Atomic[V]) Swap(ctx context.Context, v V) (Change[V], error) {
	data, err := a.codec.Encode(v)
	if err != nil {
		return Change[V]{}, a.fail(err)
	}
	ch := Change[V]{Post: v}
	pre, _, optimistic, locked, err := a.x.update(ctx, func([]byte) ([]byte, error) { return data, nil })
	if old, corrupt := a.codec.decode(pre); corrupt == nil {
		ch.Pre = old
	}
	ch.Tries, ch.Elapsed, ch.LockedTries, ch.LockedElapsed = optimistic.tries, optimistic.elapsed, locked.tries, locked.elapsed
	return ch, a.fail(err)
}

// CompareAndSet replaces the value if it is the one expected, by its bytes. It is
// false if it is another one, or somebody else was faster, or there is no node.
func (a *Atomic[V]) CompareAndSet(ctx context.Context, expected, v V) (bool, error) {
	want, err := a.codec.Encode(expected)
	if err != nil {
		return false, a.fail(err)
	}
	data, err := a.codec.Encode(v)
	if err != nil {
		return false, a.fail(err)
	}
	old, stat, there, err := a.x.read(ctx)
	if err != nil || !there || !bytes.Equal(old, want) {
		return false, a.fail(err)
	}
	_, err = a.x.set(ctx, data, stat.Version)
	if errors.Is(err, zkapi.ErrBadVersion) || errors.Is(err, zkapi.ErrNoNode) {
		return false, nil
	}
	return err == nil, a.fail(err)
}

// Initialize makes the node with a value, and tells whether it did: it is false
// if there is a node already.
func (a *Atomic[V]) Initialize(ctx context.Context, v V) (bool, error) {
	data, err := a.codec.Encode(v)
	if err != nil {
		return false, a.fail(err)
	}
	err = a.x.create(ctx, data)
	if errors.Is(err, zkapi.ErrNodeExists) {
		return false, nil
	}
	return err == nil, a.fail(err)
}

// Numbers gives out numbers that nobody else gets, in growing order, and asks for
// a block of them at a time: Curator's CachedAtomicLong and CachedAtomicInteger. Numbers of a block that is
// not used up are lost, and so are those of a block whose reply was.
type Numbers[V int32 | int64] struct {
	a *Atomic[V]
	n V

	mu        sync.Mutex
	next, end V
}

// NewNumbers takes blocks of n from a value that begins as 0; the first number is 1.
func NewNumbers[V int32 | int64](a *Atomic[V], n V) *Numbers[V] {
	return &Numbers[V]{a: a, n: max(n, 1)}
}

// Next is the next number. It asks the server once in n times, and fails as Add does.
func (s *Numbers[V]) Next(ctx context.Context) (V, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == s.end {
		ch, err := s.a.Add(ctx, s.n)
		if err != nil {
			return 0, err
		}
		s.next, s.end = ch.Pre, ch.Post
	}
	s.next++
	return s.next, nil
}
