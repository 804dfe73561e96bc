package proptest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// Candidate stands in an election from Start to Close, and leads whenever it is first.
type Candidate interface {
	Start() error
	// Await waits until it leads.
	Await(ctx context.Context) error
	// HasLeadership tells whether it leads now, as far as it can know. It is asked at any time, and does not wait.
	HasLeadership() bool
	// Close takes part no more.
	Close(ctx context.Context) error
}

// LeaderLatch explores a leader latch, as [Lock] does a lock: at most one leads, and
// everybody does in turn. Start and Await fail only if something has gone wrong. Whoever has
// lost his session and leads on is taken to lead in the next one; whoever has closed
// the latch leads no more. Who leads is whose Await has worked, until HasLeadership says that he
// does not any more; as long as nothing has gone wrong it says so of no other.
func LeaderLatch(t *testing.T, make func(c zkapi.Client) Candidate, opts ...func(*Exploration)) {
	t.Helper()
	ExploreLeaderLatch(t, make, opts...).FailT(t)
}

// ExploreLeaderLatch is LeaderLatch for those who want to see the result.
func ExploreLeaderLatch(t *testing.T, make func(c zkapi.Client) Candidate, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		x := &office{w: w, claims: w.Claims(e.Participants), candidates: map[string]Candidate{}}
		for i := range e.Participants {
			w.Go(name(i), func(p *explore.Participant) error { return x.stand(p, make(p.Client), e.Rounds) })
		}
		e.alike(w, 0, e.Participants)
		w.Invariant(x.check)
		w.Remember()
		w.Finally(tidy(w))
	}, opts)
}

// office is what candidates have in turn.
type office struct {
	w          *explore.World
	claims     *explore.Claims      // of those whose Await has worked
	candidates map[string]Candidate // that have started, by the names of their participants
}

// stand is what a participant does.
func (x *office) stand(p *explore.Participant, l Candidate, rounds int) error {
	began := asOf(p)
	if err := l.Start(); err != nil {
		return began.judge("Start", err)
	}
	x.candidates[p.Name] = l
	for range rounds {
		ok, err := attempt(p, "Await", l.Await)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		x.lead(p, l)
		if l.HasLeadership() { // and nobody else would get it
			break
		}
	}
	err := excuse(p, "Close", l.Close(p.Context()))
	if l.HasLeadership() {
		return fmt.Errorf("%s leads on, although it has closed the latch", p.Name)
	}
	return err
}

// lead is the time of a leadership. If there has been another one meanwhile, in
// another session, that counts unless it may have been taken away before somebody looked.
func (x *office) lead(p *explore.Participant, l Candidate) {
	session := p.Session()
	x.claims.Take(p, "the lead")
	for _, doing := range []string{"leads", "leads on"} {
		if p.Pause(doing); !l.HasLeadership() {
			break
		}
		if now := p.Session(); now != session {
			session = now
			removed := x.w.Removed(now)
			p.Learn(removed)
			if x.claims.Drop(p, "the lead"); removed == 0 {
				x.claims.Take(p, "the lead")
			}
		}
	}
	x.claims.Drop(p, "the lead")
}

// check is what holds after each step.
func (x *office) check() error {
	leaders := slices.DeleteFunc(x.claims.Rightful(), func(who string) bool { return !x.candidates[who].HasLeadership() })
	if x.w.Faults() == 0 {
		if len(leaders) < x.claims.Len() {
			return errors.New("an Await has worked, nothing has gone wrong, and HasLeadership says that there is no leader")
		}
		for _, who := range slices.Sorted(maps.Keys(x.candidates)) {
			if !slices.Contains(leaders, who) && x.candidates[who].HasLeadership() {
				leaders = append(leaders, who)
			}
		}
	}
	if len(leaders) > 1 {
		return fmt.Errorf("%s lead at the same time", strings.Join(leaders, " and "))
	}
	return nil
}
