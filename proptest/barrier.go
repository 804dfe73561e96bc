package proptest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// Gate is a barrier that one sets up and removes, and others wait for.
type Gate interface {
	Create(ctx context.Context) error
	Remove(ctx context.Context) error
	Wait(ctx context.Context) error
}

// Barrier explores a barrier: the first participant sets it up and removes it, the
// others, once it is there, wait. Nobody passes before it is about to be removed, unless a third
// party may have deleted it, and everybody does in the end.
func Barrier(t *testing.T, make func(c zkapi.Client) Gate, opts ...func(*Exploration)) {
	t.Helper()
	ExploreBarrier(t, make, opts...).FailT(t)
}

// ExploreBarrier is Barrier for those who want to see the result.
func ExploreBarrier(t *testing.T, make func(c zkapi.Client) Gate, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		removing := false
		up := func() error { // it is there before anybody does anything
			c, err := w.Server.Client()
			if err == nil {
				err = make(c).Create(context.Background())
				_ = c.Close()
			}
			return err
		}
		if err := up(); err != nil {
			panic("proptest: Barrier: " + err.Error())
		}
		w.Go(name(0), func(p *explore.Participant) error {
			b := make(p.Client)
			p.Pause("works behind the barrier")
			removing = true
			p.Log("is about to remove the barrier")
			return persist(p, "Remove", b.Remove)
		})
		for i := 1; i < e.Participants; i++ {
			w.Go(name(i), func(p *explore.Participant) error {
				ok, err := attempt(p, "Wait", make(p.Client).Wait)
				if ok {
					p.Log("passes the barrier")
				}
				if ok && !removing && !w.Happened(deadly) {
					return fmt.Errorf("%s has passed a barrier that nobody has removed", p.Name)
				}
				return err
			})
		}
		e.alike(w, 1, e.Participants)
		w.Remember(func() string { return fmt.Sprint(removing, w.Happened(deadly)) })
	}, opts)
}

// persist is attempt until it works.
func persist(p *explore.Participant, what string, do func(context.Context) error) error {
	for {
		ok, err := attempt(p, what, do)
		if ok || err != nil || p.Context().Err() != nil {
			return err
		}
		p.Pause("tries again")
	}
}

// tries is how often a call is made again that may fail for good.
const tries = 3

// Meeting is a double barrier: all enter together, and all leave together.
type Meeting interface {
	Enter(ctx context.Context) error
	Leave(ctx context.Context) error
}

// DoubleBarrier explores a double barrier that waits for all participants. Nobody
// has entered before everybody has begun to; if nothing goes wrong, nobody has
// left before. Whose call fails calls again, a few times if it is Leave. Whose Enter
// has failed may find that the others have met without him, and need not enter then.
//
// Sessions do not expire and nodes are not deleted by others, because that takes
// somebody out of the meeting for whom the others then wait, as they should.
func DoubleBarrier(t *testing.T, make func(c zkapi.Client, members int) Meeting, opts ...func(*Exploration)) {
	t.Helper()
	ExploreDoubleBarrier(t, make, opts...).FailT(t)
}

// ExploreDoubleBarrier is DoubleBarrier for those who want to see the result.
func ExploreDoubleBarrier(t *testing.T, make func(c zkapi.Client, members int) Meeting, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		entering, leaving := 0, 0
		others := crowd{there: e.Participants, late: map[*context.CancelCauseFunc]*explore.Participant{}}
		for i := range e.Participants {
			w.Go(name(i), func(p *explore.Participant) error {
				defer others.leave()
				b := make(p.Client, e.Participants)
				p.Pause("comes")
				entering++
				p.Log("is number %d to come", entering)
				enter, missed := others.follow(p, b.Enter)
				if err := persist(p, "Enter", enter); err != nil || p.Context().Err() != nil {
					return err
				}
				if missed() {
					p.Log("is too late")
					return nil
				}
				p.Log("has entered")
				if entering < e.Participants {
					return fmt.Errorf("%s has entered when %d of %d had come", p.Name, entering, e.Participants)
				}
				p.Pause("works")
				leaving++
				p.Log("is number %d to leave", leaving)
				left := false
				for range tries {
					err := b.Leave(p.Context())
					if left = err == nil; left || p.Context().Err() != nil {
						break
					}
					if err = excuse(p, "Leave", err); err != nil { // otherwise it may have lost its place before
						return err
					}
					p.Pause("tries again")
				}
				if !left {
					return nil
				}
				p.Log("has left")
				if leaving < e.Participants && w.Faults() == 0 {
					return fmt.Errorf("%s has left when %d of %d were ready to", p.Name, leaving, e.Participants)
				}
				return nil
			})
		}
		e.alike(w, 0, e.Participants)
		w.Remember(func() string {
			return fmt.Sprint(entering, leaving, others.there, others.left, others.alone, len(others.late))
		})
		w.Finally(tidy(w))
	}, without(explore.Expiry|explore.Removal|explore.TimerRace, opts))
}

// crowd is those who have not left, and of them those whose Enter has failed and
// who are trying again. When there is nobody else and somebody has left, these have
// nobody to wait for.
type crowd struct {
	mu    sync.Mutex
	there int
	left  bool
	alone bool // those who are late have been told to give up
	late  map[*context.CancelCauseFunc]*explore.Participant
}

// follow makes of Enter one that ends without an error when there is nobody to
// wait for, and a function that tells whether it has.
func (c *crowd) follow(p *explore.Participant, enter func(context.Context) error) (again func(context.Context) error, missed func() bool) {
	tried, alone := false, false
	return func(ctx context.Context) error {
		if !tried {
			tried = true
			return enter(ctx)
		}
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		c.change(func() { c.late[&cancel] = p })
		err := enter(ctx)
		c.change(func() { delete(c.late, &cancel) })
		if alone = err != nil && context.Cause(ctx) == errAlone; alone {
			return nil
		}
		return err
	}, func() bool { return alone }
}

var errAlone = errors.New("the others have met")

func (c *crowd) leave() { c.change(func() { c.there, c.left = c.there-1, true }) }

// change changes something, and has those who are late give up if they are alone.
func (c *crowd) change(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if do(); c.left && len(c.late) == c.there {
		c.alone = c.alone || len(c.late) > 0
		for end, p := range c.late {
			p.Learn("the others have met")
			(*end)(errAlone)
		}
	}
}
