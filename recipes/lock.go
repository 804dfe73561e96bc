package recipes

import (
	"context"
	"fmt"
	"sync"

	"github.com/zksim/zksim/zkapi"
)

// Lock is held by one at a time, and given to those who wait in the order in
// which they came. It is kazoo's Lock, Curator's InterProcessMutex and
// go-zookeeper's Lock, on the same nodes.
//
// It is not reentrant: a second Acquire waits for the first Release, whoever
// makes it. Each Acquire that succeeds needs a Release, also if what was held is
// lost meanwhile. All methods may be called from any goroutine.
type Lock struct {
	q       *queue
	take    func(ctx context.Context, try bool) (*place, error)
	gate    chan struct{} // has room for whoever acquires or holds
	pending pending

	mu   sync.Mutex
	hold *Hold
}

// lockTags are what comes before the counter, by layout.
var lockTags = map[Layout]string{Kazoo: "__lock__", Curator: "-lock-", GoZK: "-lock-"}

// NewLock makes a lock on the children of a node, which is made when it is
// needed. It costs nothing until it is used.
func NewLock(c zkapi.Client, path string, opts ...func(*Options)) *Lock {
	o := newOptions(opts)
	tag := lockTags[o.Layout]
	return newLock(&queue{c: c, dir: path, o: o, data: []byte(o.Identifier), tag: tag, tags: append([]string{tag}, o.ExtraTags...)})
}

func newLock(q *queue) *Lock {
	return &Lock{q: q, take: q.take, gate: make(chan struct{}, 1)}
}

// Acquire waits until the lock is held or the context ends; what it leaves
// behind then is cleaned up in the background (see Flush). While the connection
// is lost it waits on, and keeps its place if the session survives; if it does
// not, it goes on at the end of the line, or with NoRejoin fails with ErrSessionLost.
// It fails with ErrCancelled after Cancel, and with zkapi.ErrClosed once the
// client is closed.
func (l *Lock) Acquire(ctx context.Context) error {
	_, err := l.acquire(ctx, false)
	return err
}

// TryAcquire takes the lock if nobody has it and nobody waits for it.
func (l *Lock) TryAcquire(ctx context.Context) (bool, error) { return l.acquire(ctx, true) }

func (l *Lock) acquire(ctx context.Context, try bool) (ok bool, err error) {
	ctx, done := l.pending.enter(ctx)
	defer done()
	select {
	case l.gate <- struct{}{}:
	default:
		if try {
			return false, nil
		}
		select {
		case l.gate <- struct{}{}:
		case <-ctx.Done():
			return false, l.fail(context.Cause(ctx))
		}
	}
	p, err := l.take(ctx, try)
	if p == nil {
		<-l.gate
		return false, l.fail(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hold = p.hold(func(h *Hold) { h.done = l.leave })
	return true, nil
}

// leave lets the next one acquire.
func (l *Lock) leave() {
	l.mu.Lock()
	l.hold = nil
	l.mu.Unlock()
	<-l.gate
}

func (l *Lock) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("lock %s: %w", l.q.dir, err)
}

// Cancel ends the calls of Acquire that are waiting; they fail with
// ErrCancelled. If none is, nothing happens.
func (l *Lock) Cancel() { l.pending.cancel() }

// Release is Release of the lock's Hold.
func (l *Lock) Release(ctx context.Context) error { return l.fail(l.Hold().Release(ctx)) }

// Hold is what the lock is held by, nil if it is not.
func (l *Lock) Hold() *Hold {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hold
}

// Held tells whether the lock is held now, as far as the client can know.
func (l *Lock) Held() bool { return l.Hold().Held() }

// Do acquires the lock, calls f, and releases the lock. The context that f gets
// ends with ctx, and with the Context of the Hold. What f returns comes first in
// the error; that the lock was lost while f ran is an error, too. A panic of f
// goes on after the release.
func (l *Lock) Do(ctx context.Context, f func(context.Context, *Hold) error) error {
	if err := l.Acquire(ctx); err != nil {
		return err
	}
	return l.Hold().within(ctx, l.Release, f)
}

// Contenders are the identifiers of the holder and of those who wait, in their order.
func (l *Lock) Contenders(ctx context.Context) ([]string, error) {
	names, _, err := l.contenders(ctx)
	return names, l.fail(err)
}

// ContenderNodes are the paths of their nodes.
func (l *Lock) ContenderNodes(ctx context.Context) ([]string, error) {
	_, nodes, err := l.contenders(ctx)
	return nodes, l.fail(err)
}

// ReleaseNode deletes the node of a holder, or of somebody who waits, who cannot do
// that any more: one with Options.Persistent who has crashed. It tells whether the
// node was there. Whoever held the lock by it has lost it. It fails with
// zkapi.ErrBadArguments if it is no node of a contender.
func (l *Lock) ReleaseNode(ctx context.Context, node string) (was bool, err error) {
	if zkapi.Parent(node) != l.q.dir || len(contenders([]string{zkapi.Base(node)}, l.q.tags)) == 0 {
		return false, l.fail(fmt.Errorf("%.80q is no node of a contender: %w", node, zkapi.ErrBadArguments))
	}
	was, err = removeNode(ctx, l.q.c, node)
	return was, l.fail(err)
}

func (l *Lock) contenders(ctx context.Context) (identifiers, nodes []string, err error) {
	err = inSession(ctx, l.q.c, func(s *session) error {
		identifiers, nodes, err = l.q.line(ctx, s)
		return err
	})
	return identifiers, nodes, err
}

// pending is the calls that Cancel ends.
type pending struct {
	mu    sync.Mutex
	calls map[*context.CancelCauseFunc]struct{}
}

func (p *pending) enter(ctx context.Context) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		p.calls = make(map[*context.CancelCauseFunc]struct{})
	}
	p.calls[&cancel] = struct{}{}
	return ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.calls, &cancel)
		cancel(nil)
	}
}

func (p *pending) cancel() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for cancel := range p.calls {
		(*cancel)(ErrCancelled)
	}
}
