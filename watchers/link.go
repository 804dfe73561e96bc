package watchers

import (
	"context"
	"errors"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// passing tells whether an error is one that goes away: with the connection, or
// with time.
func passing(err error) bool {
	switch zkapi.CodeOf(err) {
	case zkapi.ErrConnectionLoss, zkapi.ErrSessionExpired, zkapi.ErrSessionMoved, zkapi.ErrOperationTimeout,
		zkapi.ErrRequestTimeout, zkapi.ErrThrottledOp:
		return true
	}
	return false
}

// The pauses between attempts that fail although there is a connection.
const (
	shortestPause = 10 * time.Millisecond
	longestPause  = time.Second
)

// link is how one watcher deals with its client's ups and downs.
type link struct {
	c       zkapi.Client
	path    string
	session int64 // in which the last read was made; 0 before the first
	behind  bool  // the server has shown that it lags
	pause   time.Duration
}

// recover waits until it makes sense to try again after an error, and returns
// the error if it never does.
func (l *link) recover(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !passing(err):
		return err
	}
	before := l.c.State()
	if err := connected(ctx, l.c); err != nil {
		return err
	}
	if !usable(before) {
		return nil
	}
	l.pause = min(max(2*l.pause, shortestPause), longestPause)
	return sleep(ctx, l.pause)
}

// fine says that an attempt has succeeded.
func (l *link) fine() { l.pause = 0 }

// sync has the server catch up before the first read of a session, which may be
// on a server that is behind the one of the session before.
func (l *link) sync(ctx context.Context) error {
	id := l.c.SessionID()
	if id == 0 || id == l.session && !l.behind {
		return nil
	}
	if l.session != 0 {
		if err := l.c.Sync(ctx, l.path); err != nil {
			return err
		}
	}
	l.session, l.behind = id, false
	return nil
}

func usable(s zkapi.State) bool { return s == zkapi.StateConnected || s == zkapi.StateReadOnly }

// final is the error of a state that a client does not leave.
func final(s zkapi.State) error {
	switch s {
	case zkapi.StateClosed:
		return zkapi.ErrClosed
	case zkapi.StateAuthFailed:
		return zkapi.ErrAuthFailed
	}
	return nil
}

// connected waits until the client has a connection.
func connected(ctx context.Context, c zkapi.Client) error {
	states := c.States()
	defer states.Close()
	for state := c.State(); ; {
		if err := final(state); err != nil || usable(state) {
			return err
		}
		change, err := states.Next(ctx)
		if err != nil {
			return err
		}
		state = change.State
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ended is why a watch will never tell anything again, or nil if it is worth arming anew.
func ended(ev zkapi.Event) error {
	if ev.Type != zkapi.EventNone || errors.Is(ev.Err, zkapi.ErrSessionExpired) {
		return nil
	}
	return ev.Err
}
