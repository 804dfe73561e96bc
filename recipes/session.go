package recipes

import (
	"context"
	"errors"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// session follows one session of a client: one attempt to get something, or one
// holding of it, belongs to one session and must not go on in the next. It needs
// no goroutine: States drops nothing and comes before any reply of another
// session, so it is enough to look at it after each reply. It is for one
// goroutine at a time.
type session struct {
	c      zkapi.Client
	id     int64
	state  zkapi.State
	states *zkapi.Stream[zkapi.StateChange]
	turns  int   // changes of state so far
	over   error // why the session is over; nil while it is not
}

// patience is how fast a recipe repeats what has failed on a live connection.
// The pauses stay short, so that nobody sleeps through his turn.
var patience = Backoff{Delay: 50 * time.Millisecond, Jitter: -1, MaxDelay: time.Second}

// begin waits until the client is connected. Whoever calls it closes the session.
func begin(ctx context.Context, c zkapi.Client) (*session, error) {
	s := &session{c: c, states: c.States()}
	s.state, s.id = c.State(), c.SessionID()
	for {
		for {
			change, ok, open := s.states.TryNext()
			if !ok {
				if !open {
					s.state = zkapi.StateClosed
				}
				break
			}
			s.state, s.id = change.State, change.SessionID
		}
		var err error
		switch s.state {
		case zkapi.StateConnected:
			return s, nil
		case zkapi.StateAuthFailed:
			err = zkapi.ErrAuthFailed
		case zkapi.StateClosed:
			err = zkapi.ErrClosed
		default:
			err = s.news(ctx)
		}
		if err != nil {
			s.close()
			return nil, err
		}
	}
}

// close has to be called when the session is of no interest any more.
func (s *session) close() { s.states.Close() }

// news waits until there may be something to learn.
func (s *session) news(ctx context.Context) error {
	select {
	case <-s.states.Ready():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// look takes in what has happened since, and fails once the session is over.
func (s *session) look() error {
	for s.over == nil {
		change, ok, open := s.states.TryNext()
		switch {
		case ok:
			s.take(change)
		case open:
			return nil
		default:
			s.over = zkapi.ErrClosed
		}
	}
	return s.over
}

func (s *session) take(change zkapi.StateChange) {
	s.turns++
	s.state = change.State
	switch change.State {
	case zkapi.StateLost:
		s.over = ErrSessionLost
	case zkapi.StateConnected, zkapi.StateReadOnly:
		if change.SessionID != s.id { // LOST has passed before we began to listen
			s.over = ErrSessionLost
		}
	case zkapi.StateAuthFailed:
		s.over = zkapi.ErrAuthFailed
	case zkapi.StateClosed:
		s.over = zkapi.ErrClosed
	}
}

func (s *session) connected() bool { return s.state == zkapi.StateConnected }

// await waits until the client is connected.
func (s *session) await(ctx context.Context) error {
	for {
		if err := s.look(); err != nil || s.connected() {
			return err
		}
		if err := s.news(ctx); err != nil {
			return err
		}
	}
}

// once sends one request. Where the session has ended meanwhile that is the
// error, whatever the answer was; where the context has, its cause.
func (s *session) once(ctx context.Context, request func() error) error {
	if err := s.await(ctx); err != nil {
		return err
	}
	err := request()
	switch over := s.look(); {
	case over != nil:
		return over
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case Classify(err) == Expired:
		return ErrSessionLost
	}
	return err
}

// do sends a request that may be repeated until there is an answer to it.
func (s *session) do(ctx context.Context, request func() error) error {
	for t := s.tries(); ; {
		err := s.once(ctx, request)
		if !retryable(err) {
			return err
		}
		if err := t.pause(ctx); err != nil { // the context's cause, if it has ended
			return err
		}
	}
}

// tries paces the repetitions of a request.
type tries struct {
	s      *session
	pauses Pauses
	turns  int
}

func (s *session) tries() *tries {
	return &tries{s: s, pauses: patience.Start(), turns: s.turns}
}

// pause waits after a failure. Once, the loss of the connection is pause enough.
func (t *tries) pause(ctx context.Context) error {
	d, _ := t.pauses(nil, 0)
	if first := t.turns >= 0; first && t.s.turns != t.turns {
		t.turns = -1
		return context.Cause(ctx)
	}
	return sleep(ctx, d)
}

// inSession does something that may be repeated in another session.
func inSession(ctx context.Context, c zkapi.Client, f func(*session) error) error {
	for {
		s, err := begin(ctx, c)
		if err != nil {
			return err
		}
		err = f(s)
		s.close()
		if !errors.Is(err, ErrSessionLost) {
			return err
		}
	}
}
