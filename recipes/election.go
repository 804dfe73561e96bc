package recipes

import (
	"context"
	"errors"

	"github.com/zksim/zksim/zkapi"
)

// Election has one participant lead at a time, in the order in which they came.
// It is kazoo's Election and Curator's LeaderSelector, on the nodes of a [Lock].
type Election struct{ lock *Lock }

// Participant is one of an election.
type Participant struct {
	ID     string // what it has as Options.Identifier
	Node   string // the path of its node
	Leader bool
}

// NewElection makes a participant of the election at a node, which is made when
// it is needed. Options.Identifier is the name by which the others know it.
func NewElection(c zkapi.Client, path string, opts ...func(*Options)) *Election {
	return &Election{lock: NewLock(c, path, opts...)}
}

// Run waits for leadership, calls f with it, gives it back when f returns, and
// returns when the others see that. The context that f gets ends when leadership
// is lost, by the Standard policy also when the connection is, or by Interrupt:
// f has to return soon then. Two calls of f never overlap.
//
// The error is that of f, or why there was no leadership or it was lost; after
// Cancel it is ErrCancelled. A panic of f goes on after leadership is given back.
func (e *Election) Run(ctx context.Context, f func(context.Context, *Hold) error) error {
	return e.lock.Do(ctx, func(ctx context.Context, h *Hold) error {
		if h.ctx.Err() != nil {
			return nil // lost before it has begun
		}
		return f(ctx, h)
	})
}

// Lead runs for leadership again and again, whatever ends it, until the context
// ends or the client is closed; that is the error. What f returns goes to
// failed, if that is not nil, with what else has gone wrong.
func (e *Election) Lead(ctx context.Context, f func(context.Context, *Hold) error, failed func(error)) error {
	pauses := patience.Start()
	for {
		led := false
		err := e.Run(ctx, func(ctx context.Context, h *Hold) error {
			led = true
			return f(ctx, h)
		})
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, zkapi.ErrClosed), errors.Is(err, zkapi.ErrAuthFailed):
			return err
		case err != nil && failed != nil:
			failed(err)
		}
		if led && err == nil {
			pauses = patience.Start()
			continue
		}
		pause, _ := pauses(nil, 0)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// Cancel ends the calls of Run that wait for leadership. A leader goes on.
func (e *Election) Cancel() { e.lock.Cancel() }

// Interrupt ends the context of the leader, if this participant is it.
func (e *Election) Interrupt() {
	if h := e.lock.Hold(); h != nil {
		h.cancel(ErrCancelled)
	}
}

// HasLeadership tells whether this participant leads now. It is false before
// the leader's context ends.
func (e *Election) HasLeadership() bool {
	h := e.lock.Hold()
	return h != nil && h.ctx.Err() == nil && h.Held()
}

// Contenders are the identifiers of all participants, the leader first.
func (e *Election) Contenders(ctx context.Context) ([]string, error) { return e.lock.Contenders(ctx) }

// Participants are all participants, the leader first.
func (e *Election) Participants(ctx context.Context) ([]Participant, error) {
	list, err := e.lock.q.participants(ctx)
	return list, e.lock.fail(err)
}

// Leader is who leads, or would if he had noticed; false if nobody takes part.
func (e *Election) Leader(ctx context.Context) (Participant, bool, error) {
	list, err := e.Participants(ctx)
	if len(list) == 0 {
		return Participant{}, false, err
	}
	return list[0], true, nil
}

func (q *queue) participants(ctx context.Context) (list []Participant, err error) {
	err = inSession(ctx, q.c, func(s *session) error {
		ids, nodes, err := q.line(ctx, s)
		list = nil
		for i := range ids {
			list = append(list, Participant{ID: ids[i], Node: nodes[i], Leader: i == 0})
		}
		return err
	})
	return list, err
}
