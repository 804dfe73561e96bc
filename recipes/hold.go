package recipes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// Hold is something that is held from one moment on until it is given back or
// lost: a lock, a lease, leadership. A nil Hold is one that is over.
//
// No client can know what has become of its session while it does not hear of
// the server, or is paused itself. So Held is right as long as clocks and
// networks are, and what must not go wrong in spite of them needs the server's
// word: changes in ZooKeeper go through Multi, and others get the Token along.
type Hold struct {
	c       zkapi.Client
	o       *Options
	path    string
	token   int64
	owner   int64  // the session; 0 if the node outlives it
	p       *place // the keeper's; nobody else looks into it
	ctx     context.Context
	cancel  context.CancelCauseFunc
	lost    chan struct{} // closed when it is lost
	revoked chan struct{} // closed when somebody wants to have it back
	end     func()        // ends the keeper
	ended   chan struct{} // closed when the keeper has ended
	done    func()        // called once it is given back; nil: nothing
	changed func(bool)    // called by the keeper when Held has changed; nil: nothing

	doubted atomic.Bool // something has happened after which it may be lost
	touched atomic.Bool // and that was something that happened to the node

	mu       sync.Mutex
	over     error // why it is not held any more
	released bool
}

// hold keeps a place that has come first, and has a goroutine until it is over.
func (p *place) hold(opts ...func(*Hold)) *Hold {
	h := &Hold{c: p.q.c, o: p.q.o, path: p.path(), token: p.token, owner: p.stat.EphemeralOwner, p: p,
		lost: make(chan struct{}), revoked: make(chan struct{}), ended: make(chan struct{})}
	h.ctx, h.cancel = context.WithCancelCause(context.Background())
	for _, opt := range opts {
		opt(h)
	}
	keeping, end := context.WithCancel(context.Background())
	h.end = end
	h.readRevocation()
	if h.o.Persistent {
		p.s.close() // what happens to the session does not matter
		h.tell(true)
		close(h.ended)
	} else {
		go h.keep(keeping)
	}
	return h
}

// Held tells whether it is held now, as far as the client can know.
func (h *Hold) Held() bool {
	switch {
	case h == nil || h.Err() != nil:
		return false
	case h.o.Persistent:
		return true
	}
	switch h.c.State() {
	case zkapi.StateConnected:
	case zkapi.StateSuspended:
		if h.o.LossPolicy != Session {
			return false
		}
	default:
		return false
	}
	return h.c.SessionID() == h.owner
}

// Lost is closed when it is lost. Giving it back does not close it.
func (h *Hold) Lost() <-chan struct{} {
	if h == nil {
		return closed
	}
	return h.lost
}

var closed = func() chan struct{} { ch := make(chan struct{}); close(ch); return ch }()

// Context is for work that needs what is held. It ends when that is lost or
// given back, and under the Standard policy also when the connection is lost,
// although it may be held again later; context.Cause says why.
func (h *Hold) Context() context.Context {
	if h == nil {
		return ended
	}
	return h.ctx
}

var ended = func() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(ErrNotHeld)
	return ctx
}()

// Err says why it is over: ErrSessionLost, ErrNodeDeleted, zkapi.ErrClosed, or
// ErrNotHeld if it was given back. It is nil until then.
func (h *Hold) Err() error {
	if h == nil {
		return ErrNotHeld
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.over
}

// Node is the path of the node that stands for it.
func (h *Hold) Node() string {
	if h == nil {
		return ""
	}
	return h.path
}

// Token is a number that grows with each holder of the same path, the zxid of
// the node's creation. Whoever guards something outside of ZooKeeper remembers
// the largest token that he has seen and refuses smaller ones.
func (h *Hold) Token() int64 {
	if h == nil {
		return 0
	}
	return h.token
}

// Verify asks the server, having caught up with all others, whether it is still
// held. It fails with ErrNotHeld if it is not, and otherwise as the client does.
func (h *Hold) Verify(ctx context.Context) error {
	if err := h.Err(); err != nil {
		return notHeld(err)
	}
	if err := h.c.Sync(ctx, h.path); err != nil {
		return err
	}
	stat, is, err := h.c.Exists(ctx, h.path)
	switch {
	case err != nil:
		return err
	case !is || stat.Czxid != h.token:
		return notHeld(ErrNodeDeleted)
	}
	return nil
}

// confirm is Verify where there is a reason to doubt. It waits for a connection.
func (h *Hold) confirm(ctx context.Context) error {
	err := h.Err()
	if err == nil && h.owner != 0 && h.c.SessionID() != h.owner {
		err = ErrSessionLost
	}
	if err != nil || !h.doubted.Load() {
		return notHeld(err)
	}
	s, err := begin(ctx, h.c)
	if err != nil {
		return err
	}
	defer s.close()
	if err = s.do(ctx, func() error { return h.Verify(ctx) }); errors.Is(err, ErrSessionLost) {
		return notHeld(err)
	}
	return err
}

// news is why it is lost already, as far as its client has been told: where the keeper
// has still to look what has happened to the node, it asks the server.
func (h *Hold) news(ctx context.Context) error {
	if !h.touched.Load() {
		return h.Err()
	}
	return h.confirm(ctx)
}

// Multi does all of the operations if it is still held at that moment, which
// the server decides, or none. It fails with ErrNotHeld if it is not, with
// ErrOutcomeUnknown if the connection was lost, and otherwise as Client.Multi
// does, with the results of the operations alone.
func (h *Hold) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	if err := h.Err(); err != nil {
		return nil, notHeld(err)
	}
	all := append([]zkapi.Op{zkapi.CheckOp(h.path, zkapi.AnyVersion)}, ops...)
	results, err := h.c.Multi(ctx, all...)
	if len(results) > 0 {
		if results[0].Err != nil && errors.Is(results[0].Err, zkapi.ErrNoNode) {
			return nil, notHeld(err)
		}
		results = results[1:]
	}
	if Classify(err) == Ambiguous {
		err = fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return results, err
}

func notHeld(why error) error {
	if why == nil || errors.Is(why, ErrNotHeld) {
		return why
	}
	return fmt.Errorf("%w: %w", ErrNotHeld, why)
}

// finish ends it, and tells whether it was not over before.
func (h *Hold) finish(why error) bool {
	h.mu.Lock()
	first := h.over == nil
	if first {
		h.over = why
	}
	h.mu.Unlock()
	h.cancel(why)
	return first
}

// lose ends it for a reason that is not the holder's.
func (h *Hold) lose(why error) {
	if h.finish(why) {
		h.tell(false)
		close(h.lost)
	}
}

// Release gives it back, and returns when its node is deleted. It fails with
// ErrNotHeld if it was lost or given back before. If it fails otherwise, or the
// context ends before, it is given back all the same, and the node is deleted in
// the background as soon as that is possible.
func (h *Hold) Release(ctx context.Context) error {
	if h == nil {
		return ErrNotHeld
	}
	h.mu.Lock()
	again := h.released
	h.released = true
	h.mu.Unlock()
	if again {
		return ErrNotHeld
	}
	if h.done != nil {
		defer h.done()
	}
	if !h.quit() {
		return notHeld(h.Err())
	}
	err := h.p.leave(ctx)
	if errors.Is(err, zkapi.ErrNoNode) {
		return notHeld(ErrNodeDeleted)
	}
	return err
}

// quit ends it and leaves the node alone. It tells whether it was held until now.
func (h *Hold) quit() bool {
	held := h.finish(ErrNotHeld)
	h.end()
	<-h.ended
	return held
}

// keep watches over what is held. It ends when ctx does, or when it is lost.
func (h *Hold) keep(ctx context.Context) {
	defer close(h.ended)
	p, s := h.p, h.p.s
	defer s.close()
	limit, pauses := h.o.lossAfter(s.c.SessionTimeout()), patience.Start()
	turns, stale := s.turns, false
	h.tell(true)
	var away, again <-chan time.Time // when the absence is too long; when to ask again
	for {
		own := p.own.fired
		if stale {
			own = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-own:
			stale = true
			h.doubted.Store(true)
			h.touched.Store(true)
		case <-again:
		case <-s.states.Ready():
		case <-away:
			h.lose(ErrSessionLost)
			p.discard() // for the session may be alive
			return
		}
		again = nil
		if err := s.look(); err != nil {
			h.gone(err)
			return
		}
		if turns != s.turns {
			turns, stale = s.turns, true
			h.suspended()
		}
		h.doubted.Store(stale)
		if !s.connected() {
			if away == nil && limit >= 0 {
				away = time.After(limit)
			}
			continue
		}
		away = nil
		if !stale {
			continue
		}
		err, news := untilNews(ctx, s, p.read)
		if news {
			again = time.After(0) // to look at it at once
		}
		switch err := p.judge(err); {
		case err == nil:
			stale = false
			h.touched.Store(false)
			h.doubted.Store(false)
			h.readRevocation()
			h.tell(true)
		case ctx.Err() != nil:
			return
		case errors.Is(err, errGone):
			h.gone(cmp.Or(s.look(), ErrNodeDeleted))
			return
		case !news:
			pause, _ := pauses(nil, 0)
			again = time.After(pause)
		}
	}
}

// untilNews calls f with a context that ends when there is news of the session: a
// request may wait for longer than one may go on without looking at that.
func untilNews(ctx context.Context, s *session, f func(context.Context) error) (err error, news bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	looked := make(chan bool, 1)
	go func() {
		select {
		case <-s.states.Ready():
			cancel()
			looked <- true
		case <-ctx.Done():
			looked <- false
		}
	}()
	err = f(ctx)
	cancel()
	return err, <-looked
}

// suspended is about a connection that was lost, if only for a moment.
func (h *Hold) suspended() {
	if h.o.LossPolicy == Standard {
		h.tell(false)
		h.cancel(ErrSuspended)
	}
}

// gone ends it where the node is gone, but for those that nobody knows of.
func (h *Hold) gone(why error) {
	h.lose(why)
	if prefix := h.p.sweep(); prefix != "" {
		remove(h.c, h.p.q.dir, "", prefix)
	}
}

func (h *Hold) tell(held bool) {
	if h.changed != nil {
		h.changed(held)
	}
}

// within calls f with a context that ends with ctx and with the hold's, and
// then release.
func (h *Hold) within(ctx context.Context, release func(context.Context) error, f func(context.Context, *Hold) error) (err error) {
	inner, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(h.ctx, func() { cancel(context.Cause(h.ctx)) })
	defer func() {
		stop()
		cancel(nil)
		// Whoever has had enough still waits for the node to go, but not for longer
		// than the server keeps it.
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), h.c.SessionTimeout(), ErrSuspended)
		defer cancel()
		err = and(err, release(ctx))
	}()
	return f(inner, h)
}
