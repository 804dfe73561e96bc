package recipes

import (
	"context"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// lookout reads nodes in rounds, in one session, and waits in between for what
// it has read to change. Watches are shared with all who wait for the same.
type lookout struct {
	s     *session
	turns int  // of the session, at the beginning of the round
	fresh bool // watches from before this round can be trusted
	// When to look again in any case; zero is never. It is for one round.
	alarm time.Time
}

func (s *session) lookout() *lookout { return &lookout{s: s, turns: s.turns} }

// round begins anew. After a reconnection no watch is trusted.
func (l *lookout) round() {
	l.fresh = l.turns == l.s.turns
	l.turns = l.s.turns
	l.alarm = time.Time{}
}

func (l *lookout) standing(on watched) *watch {
	if !l.fresh {
		return nil
	}
	return standing(l.s.c, on)
}

// data reads a node. changed is closed when that is out of date.
func (l *lookout) data(ctx context.Context, path string) (data []byte, stat zkapi.Stat, changed <-chan struct{}, err error) {
	w := l.standing(watched{path: path})
	err = l.s.do(ctx, func() (err error) {
		if w != nil {
			data, stat, err = l.s.c.Get(ctx, path)
		} else {
			w, data, stat, err = armData(ctx, l.s.c, path)
		}
		return err
	})
	if err != nil {
		return nil, stat, nil, err
	}
	return data, stat, w.share(), nil
}

// children lists the children of a node. changed is closed when that is out of date.
func (l *lookout) children(ctx context.Context, path string) (names []string, changed <-chan struct{}, err error) {
	w := l.standing(watched{path, true})
	err = l.s.do(ctx, func() (err error) {
		if w != nil {
			names, _, err = l.s.c.Children(ctx, path)
		} else {
			w, names, err = armChildren(ctx, l.s.c, path)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return names, w.share(), nil
}

// wait ends the round, as soon as there is a reason to look again: one of the
// channels, the alarm, or news of the connection.
func (l *lookout) wait(ctx context.Context, a, b <-chan struct{}) error {
	if l.s.turns != l.turns {
		return l.s.await(ctx)
	}
	var alarm <-chan time.Time
	if !l.alarm.IsZero() {
		timer := time.NewTimer(time.Until(l.alarm))
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-a:
	case <-b:
	case <-alarm:
	case <-l.s.states.Ready():
	case <-ctx.Done():
	}
	if ctx.Err() != nil { // there may be several reasons: what comes of them does not depend on which one select takes
		return context.Cause(ctx)
	}
	return l.s.await(ctx)
}

// catchUp has the server know everything that has been confirmed to anybody.
func (s *session) catchUp(ctx context.Context, path string) error {
	return s.do(ctx, func() error { return s.c.Sync(ctx, path) })
}
