package recipes

import (
	"context"
	"sync"

	"github.com/zksim/zksim/zkapi"
)

// ReentrantLock is a Lock that its owner may acquire again, as Curator's
// InterProcessMutex is. Go has no threads to tell apart, so the owner is named
// by the context (see WithOwner), which goes down with the calls that belong
// together.
type ReentrantLock struct {
	lock *Lock

	mu    sync.Mutex
	owner *owner
	count int
}

type owner struct{ _ byte } // each has an address of its own

type ownerKey struct{}

// WithOwner returns a context that names an owner: ctx itself if it does, and
// otherwise a new one.
func WithOwner(ctx context.Context) context.Context {
	if ownerOf(ctx) != nil {
		return ctx
	}
	return context.WithValue(ctx, ownerKey{}, new(owner))
}

func ownerOf(ctx context.Context) *owner {
	o, _ := ctx.Value(ownerKey{}).(*owner)
	return o
}

// NewReentrantLock makes one on the nodes of NewLock.
func NewReentrantLock(c zkapi.Client, path string, opts ...func(*Options)) *ReentrantLock {
	return &ReentrantLock{lock: NewLock(c, path, opts...)}
}

// Acquire is Lock.Acquire, but succeeds at once if the context's owner has the
// lock. It fails with ErrNotHeld if he has lost it and not yet released it, and
// with ErrNoOwner if there is none.
func (l *ReentrantLock) Acquire(ctx context.Context) error {
	_, err := l.acquire(ctx, false)
	return err
}

// TryAcquire is Acquire that does not wait for anybody.
func (l *ReentrantLock) TryAcquire(ctx context.Context) (bool, error) { return l.acquire(ctx, true) }

func (l *ReentrantLock) acquire(ctx context.Context, try bool) (bool, error) {
	o := ownerOf(ctx)
	if o == nil {
		return false, l.lock.fail(ErrNoOwner)
	}
	if again, err := l.enterAgain(o); again {
		return err == nil, l.lock.fail(err)
	}
	ok, err := l.lock.acquire(ctx, try)
	if ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.owner, l.count = o, 1
	}
	return ok, err
}

func (l *ReentrantLock) enterAgain(o *owner) (again bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.owner != o {
		return false, nil
	}
	if why := l.lock.Hold().Err(); why != nil {
		return true, notHeld(why)
	}
	l.count++
	return true, nil
}

// Release takes back one Acquire of the context's owner; the last one releases
// the lock. It fails with ErrNotHeld if the lock is not his, or was lost.
func (l *ReentrantLock) Release(ctx context.Context) error {
	l.mu.Lock()
	if o := ownerOf(ctx); o == nil || o != l.owner {
		l.mu.Unlock()
		return l.lock.fail(ErrNotHeld)
	}
	l.count--
	last := l.count == 0
	if last {
		l.owner = nil
	}
	l.mu.Unlock()
	if last {
		return l.lock.Release(ctx)
	}
	if why := l.lock.Hold().Err(); why != nil {
		return l.lock.fail(notHeld(why))
	}
	return nil
}

// Do is Lock.Do with an owner: f's context has one, so what f calls may call Do again.
func (l *ReentrantLock) Do(ctx context.Context, f func(context.Context, *Hold) error) (err error) {
	ctx = WithOwner(ctx)
	if err := l.Acquire(ctx); err != nil {
		return err
	}
	return l.lock.Hold().within(ctx, l.Release, f)
}

// HeldBy tells whether the context's owner has the lock now, as far as the client can know.
func (l *ReentrantLock) HeldBy(ctx context.Context) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.owner != nil && l.owner == ownerOf(ctx) && l.lock.Held()
}

// Lock is the lock within, for everything else that it tells.
func (l *ReentrantLock) Lock() *Lock { return l.lock }
