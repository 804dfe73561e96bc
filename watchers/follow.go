package watchers

import (
	"context"
	"errors"

	"github.com/zksim/zksim/zkapi"
)

// Config is what the loops have options for.
type Config struct {
	// EndOnLoss ends the loop with zkapi.ErrSessionExpired when the client's session
	// ends. Otherwise it goes on in the next session, and yields what has changed.
	EndOnLoss bool
	// MaxUnread is how many events may wait for a loop over Persistent; 65536 by default.
	MaxUnread int
}

func configured(opts []func(*Config)) (cfg Config) {
	cfg.MaxUnread = maxUnread
	for _, opt := range opts {
		opt(&cfg)
	}
	return cfg
}

// sight is what was read, and the watch that tells when it is out of date.
type sight[T any] struct {
	value   T
	exists  bool
	zxid    int64 // of the last change; of no meaning if it does not exist
	changed <-chan zkapi.Event
	unwatch func()
}

// follower reads, waits until its watch fires, and reads again.
type follower[T any] struct {
	link
	cfg  Config
	look func(context.Context) (sight[T], error)
	gone bool  // what was seen last is that there is nothing
	seen int64 // the latest zxid seen
}

func newFollower[T any](c zkapi.Client, path string, opts []func(*Config), look func(context.Context) (sight[T], error)) *follower[T] {
	return &follower[T]{link: link{c: c, path: path, session: c.SessionID()}, cfg: configured(opts), look: look}
}

// next reads until that succeeds and is not older than what was seen before.
func (f *follower[T]) next(ctx context.Context) (sight[T], error) {
	if err := zkapi.ValidatePath(f.path); err != nil {
		return sight[T]{}, err
	}
	for {
		s, err := f.attempt(ctx)
		switch {
		case err != nil:
		case s.exists && (s.zxid < f.seen || f.gone && s.zxid == f.seen):
			s.unwatch()
			f.behind = true
			err = zkapi.ErrConnectionLoss
		default:
			f.fine()
			if f.gone = !s.exists; s.exists {
				f.seen = s.zxid
			}
			return s, nil
		}
		if err := f.recover(ctx, err); err != nil {
			return s, err
		}
	}
}

func (f *follower[T]) attempt(ctx context.Context) (sight[T], error) {
	if f.cfg.EndOnLoss && f.session != 0 && f.c.SessionID() != f.session {
		return sight[T]{}, lost
	}
	if err := f.sync(ctx); err != nil {
		return sight[T]{}, err
	}
	return f.look(ctx)
}

// lost is final, other than the error of a call that happens to meet the end of a session.
var lost = &lostError{}

type lostError struct{}

func (*lostError) Error() string { return "watchers: the session has ended" }

// Is makes it zkapi.ErrSessionExpired to those who ask.
func (*lostError) Is(target error) bool { return target == error(zkapi.ErrSessionExpired) }

// wait returns when the watch has fired, with an error when it is the last time.
func (f *follower[T]) wait(ctx context.Context, changed <-chan zkapi.Event) error {
	select {
	case ev := <-changed:
		return f.told(ev)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// told is why an event is the last, or nil.
func (f *follower[T]) told(ev zkapi.Event) error {
	if f.cfg.EndOnLoss && errors.Is(ev.Err, zkapi.ErrSessionExpired) {
		return lost
	}
	return ended(ev)
}

// follow yields what is seen and is news, and at the end the error.
func follow[T any](ctx context.Context, f *follower[T], news func(T) bool, yield func(T, error) bool) {
	for {
		s, err := f.next(ctx)
		if err == nil {
			if news(s.value) && !yield(s.value, nil) {
				s.unwatch()
				return
			}
			if err = f.wait(ctx, s.changed); err != nil {
				s.unwatch()
			}
		}
		if err != nil {
			var none T
			yield(none, err)
			return
		}
	}
}

// armed runs a read that arms a watch. If it fails no watch is left.
func armed[T any](ctx context.Context, read func(context.Context) (sight[T], error)) (sight[T], error) {
	watching, unwatch := zkapi.Unwatchable(ctx)
	s, err := read(watching)
	if err != nil {
		unwatch() // the reply may have got lost on the way
	}
	s.unwatch = unwatch
	return s, err
}

// missing arms a watch for the creation of a node that was not there. If it is
// there by now, ok is false, no watch is left, and it is worth looking at the node.
func missing(ctx context.Context, c zkapi.Client, path string) (changed <-chan zkapi.Event, unwatch func(), ok bool, err error) {
	watching, unwatch := zkapi.Unwatchable(ctx)
	_, there, changed, err := c.ExistsW(watching, path)
	if there || err != nil {
		unwatch()
	}
	return changed, unwatch, !there, err
}
