package proptest

import (
	"context"
	"fmt"
	"testing"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// Elector has a function called while its participant leads. The function's
// context ends when the leadership is lost; Run returns after the function.
type Elector interface {
	Run(ctx context.Context, lead func(ctx context.Context) error) error
}

// Election explores an election, as [Lock] does a lock: at most one leads. In
// addition whoever knows that his session is gone leads no more: the context that
// his function has got has ended.
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
		var led error
		_, err := attempt(p, "Run", func(ctx context.Context) error {
			return l.Run(ctx, func(ctx context.Context) error {
				session := p.Session()
				claims.Take(p, "the lead")
				defer claims.Drop(p, "the lead")
				for _, doing := range []string{"leads", "leads on"} {
					p.Pause(doing)
					if p.Session() != session && ctx.Err() == nil {
						led = fmt.Errorf("%s leads on, although it knows that its session 0x%x is gone", p.Name, session)
					}
				}
				return nil
			})
		})
		if led != nil {
			return led
		}
		if err != nil {
			return err
		}
	}
	return nil
}
