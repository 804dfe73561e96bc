package proptest

import (
	"context"
	"fmt"
	"testing"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// Candidate stands in an election from Start to Close, and leads whenever it is first.
type Candidate interface {
	Start() error
	// Await waits until it leads.
	Await(ctx context.Context) error
	// HasLeadership tells whether it leads now, as far as it can know.
	HasLeadership() bool
	// Close takes part no more.
	Close(ctx context.Context) error
}

// LeaderLatch explores a leader latch, as [Lock] does a lock: at most one leads, and
// everybody does in turn. Await fails only if something has gone wrong. Whoever has
// lost his session and leads on is taken to lead in the next one; whoever has closed
// the latch leads no more.
func LeaderLatch(t *testing.T, make func(c zkapi.Client) Candidate, opts ...func(*Exploration)) {
	t.Helper()
	ExploreLeaderLatch(t, make, opts...).FailT(t)
}

// ExploreLeaderLatch is LeaderLatch for those who want to see the result.
func ExploreLeaderLatch(t *testing.T, make func(c zkapi.Client) Candidate, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		claims := w.Claims(1)
		for i := range e.Participants {
			w.Go(name(i), func(p *explore.Participant) error { return latch(w, p, claims, make(p.Client), e.Rounds) })
		}
		e.alike(w, 0, e.Participants)
		w.Remember()
		w.Finally(tidy(w))
	}, opts)
}

// latch is what a participant does.
func latch(w *explore.World, p *explore.Participant, claims *explore.Claims, l Candidate, rounds int) error {
	if err := l.Start(); err != nil {
		return err
	}
	for range rounds {
		ok, err := attempt(p, "Await", l.Await)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		leads(w, p, claims, l)
		if l.HasLeadership() { // and nobody else would get it
			break
		}
	}
	if err := l.Close(p.Context()); err != nil && p.Context().Err() == nil {
		p.Log("Close fails: %v", err)
	}
	if l.HasLeadership() {
		return fmt.Errorf("%s leads on, although it has closed the latch", p.Name)
	}
	return nil
}

// leads is the time of a leadership. If there has been another one meanwhile, in
// another session, that counts unless it may have been taken away before somebody looked.
func leads(w *explore.World, p *explore.Participant, claims *explore.Claims, l Candidate) {
	session := p.Session()
	claims.Take(p, "the lead")
	for _, doing := range []string{"leads", "leads on"} {
		if p.Pause(doing); !l.HasLeadership() {
			break
		}
		if now := p.Session(); now != session {
			session = now
			removed := w.Removed(now)
			p.Learn(removed)
			if claims.Drop(p, "the lead"); removed == 0 {
				claims.Take(p, "the lead")
			}
		}
	}
	claims.Drop(p, "the lead")
}
