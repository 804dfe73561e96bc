package proptest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// Elector has a function called while its participant leads. The function's
// context ends when the leadership is lost; Run returns after the function, and without an
// error only if that has been called.
type Elector interface {
	Run(ctx context.Context, lead func(ctx context.Context) error) error
}

// Election explores an election, as [Lock] does a lock: at most one leads. In
// addition whoever knows that his session is gone leads no more: the context that
// his function has got has ended. Whose Run works has led, and leads no more.
func Election(t *testing.T, make func(c zkapi.Client) Elector, opts ...func(*Exploration)) {
	t.Helper()
	ExploreElection(t, make, opts...).FailT(t)
}

// ElectionDialing is Election for one that needs a client over the wire, unmodified;
// see [LockDialing].
func ElectionDialing(t *testing.T, make func(p *explore.Participant) Elector, opts ...func(*Exploration)) {
	t.Helper()
	ExploreElectionDialing(t, make, opts...).FailT(t)
}

// ExploreElection is Election for those who want to see the result.
func ExploreElection(t *testing.T, make func(c zkapi.Client) Elector, opts ...func(*Exploration)) *explore.Result {
	return exploreElection(t, (*explore.World).Go, func(p *explore.Participant) Elector { return make(p.Client) }, opts)
}

// ExploreElectionDialing is ElectionDialing for those who want to see the result.
func ExploreElectionDialing(t *testing.T, make func(p *explore.Participant) Elector, opts ...func(*Exploration)) *explore.Result {
	return exploreElection(t, (*explore.World).GoDialing, make, opts)
}

func exploreElection(t *testing.T, add adder, make func(*explore.Participant) Elector, opts []func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		claims := w.Claims(1)
		for i := range e.Participants {
			add(w, name(i), func(p *explore.Participant) error { return stand(p, claims, make(p), e.Rounds) })
		}
		e.alike(w, 0, e.Participants)
		w.Remember()
		w.Finally(tidy(w))
	}, opts)
}

// stand is what a participant does.
func stand(p *explore.Participant, claims *explore.Claims, l Elector, rounds int) error {
	for range rounds {
		x := &lead{p: p, claims: claims}
		_, err := attempt(p, "Run", func(ctx context.Context) error {
			err := l.Run(ctx, x.lead)
			if err == nil && ctx.Err() == nil && !x.led.Load() {
				x.fail("has returned from Run, and its function was not called")
			}
			return err
		})
		if x.leads.Load() {
			x.fail("has returned from Run, and its function has not")
		}
		if wrong := x.wrong.Load(); wrong != nil {
			return *wrong
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lead is a leadership. What it is told of may come from a goroutine of its own.
type lead struct {
	p          *explore.Participant
	claims     *explore.Claims
	leads, led atomic.Bool
	wrong      atomic.Pointer[error]
}

// lead is the function that is called.
func (x *lead) lead(ctx context.Context) error {
	x.leads.Store(true)
	defer x.leads.Store(false)
	x.led.Store(true)
	session := x.p.Session()
	x.claims.Take(x.p, "the lead")
	defer x.claims.Drop(x.p, "the lead")
	for _, doing := range []string{"leads", "leads on"} {
		x.p.Pause(doing)
		if x.p.Session() != session && ctx.Err() == nil {
			x.fail("leads on, although it knows that its session 0x%x is gone", session)
		}
	}
	return nil
}

func (x *lead) fail(format string, args ...any) {
	err := fmt.Errorf(x.p.Name+" "+format, args...)
	x.wrong.CompareAndSwap(nil, &err)
}
