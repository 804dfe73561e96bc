package recipes

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
)

// MultiLock is several locks that are held together or not at all, as Curator's
// InterProcessMultiLock is.
type MultiLock struct {
	locks []*Lock
	gate  chan struct{} // has room for whoever acquires or holds

	mu    sync.Mutex
	holds []*Hold
	ctx   context.Context
	end   context.CancelCauseFunc
	stop  []func() bool
}

// NewMultiLock makes one of locks, which should not be used otherwise meanwhile.
// They are acquired in the order given: two who have the same locks in different
// orders may wait for each other for ever, unless both sort them (see Sorted).
func NewMultiLock(locks ...*Lock) *MultiLock {
	return &MultiLock{locks: slices.Clone(locks), gate: make(chan struct{}, 1)}
}

// Sorted has the locks acquired in the order of their paths.
func (l *MultiLock) Sorted() *MultiLock {
	slices.SortFunc(l.locks, func(a, b *Lock) int { return strings.Compare(a.q.dir, b.q.dir) })
	return l
}

// Acquire acquires all of the locks. When it fails, which it does at the first
// that fails, none of them is held. It fails with ErrNotHeld if it loses a lock while
// it waits for another. The context is for all of them together.
func (l *MultiLock) Acquire(ctx context.Context) error {
	select {
	case l.gate <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	_, err := l.acquire(ctx, false)
	return err
}

// TryAcquire acquires all of the locks if that is possible without waiting.
func (l *MultiLock) TryAcquire(ctx context.Context) (bool, error) {
	select {
	case l.gate <- struct{}{}:
	default:
		return false, nil
	}
	return l.acquire(ctx, true)
}

func (l *MultiLock) acquire(ctx context.Context, try bool) (bool, error) {
	holds, ok, err := l.acquireAll(ctx, try)
	if !ok || err != nil {
		left := releaseAll(ctx, holds)
		<-l.gate
		return false, cmp.Or(err, left)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holds = holds
	all, end := context.WithCancelCause(context.Background())
	l.ctx, l.end = all, end
	for _, h := range holds {
		l.stop = append(l.stop, context.AfterFunc(h.ctx, func() { end(context.Cause(h.ctx)) }))
	}
	return true, nil
}

// acquireAll acquires one lock after the other. It fails if one is lost while it
// waits for the next; those that it has got are released by the caller, also the
// lost ones, for the locks are to be of use again.
func (l *MultiLock) acquireAll(ctx context.Context, try bool) (holds []*Hold, all bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, lock := range l.locks {
		ok, err := lock.acquire(ctx, try)
		if !ok || err != nil {
			return holds, false, err
		}
		h := lock.Hold()
		holds = append(holds, h)
		go func() {
			select {
			case <-h.Lost():
				cancel(notHeld(h.Err()))
			case <-ctx.Done():
			}
		}()
	}
	for _, h := range holds {
		if err := h.confirm(ctx); err != nil {
			return holds, false, err
		}
	}
	return holds, true, nil
}

// releaseAll releases in reverse order, all of them, and says what has failed.
func releaseAll(ctx context.Context, holds []*Hold) (failed error) {
	for _, h := range slices.Backward(holds) {
		failed = and(failed, h.Release(ctx))
	}
	return failed
}

// Release releases all of the locks, the last one first, whatever fails; the
// error has what has. It fails with ErrNotHeld if the locks are not held.
func (l *MultiLock) Release(ctx context.Context) error {
	l.mu.Lock()
	holds, stop, end := l.holds, l.stop, l.end
	l.holds, l.stop = nil, nil
	l.mu.Unlock()
	if holds == nil {
		return ErrNotHeld
	}
	for _, f := range stop {
		f()
	}
	end(ErrNotHeld)
	err := releaseAll(ctx, holds)
	<-l.gate
	return err
}

// Held tells whether all of the locks are held now.
func (l *MultiLock) Held() bool {
	holds := l.Holds()
	return len(holds) > 0 && !slices.ContainsFunc(holds, func(h *Hold) bool { return !h.Held() })
}

// Holds are those of the locks, nil if they are not held.
func (l *MultiLock) Holds() []*Hold {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.holds)
}

// Context ends when that of one of the locks does.
func (l *MultiLock) Context() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holds == nil {
		return ended
	}
	return l.ctx
}
