package proptest

import (
	"testing"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// Semaphore explores a semaphore that gives out at most so many leases, as [Lock]
// does a lock: a Locker from make acquires one lease, and gives it back.
func Semaphore(t *testing.T, most int, make func(c zkapi.Client) Locker, opts ...func(*Exploration)) {
	t.Helper()
	ExploreSemaphore(t, most, make, opts...).FailT(t)
}

// ExploreSemaphore is Semaphore for those who want to see the result.
func ExploreSemaphore(t *testing.T, most int, make func(c zkapi.Client) Locker, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		claims := w.Claims(most)
		n := max(e.Participants, most+1)
		for i := range n {
			w.Go(name(i), func(p *explore.Participant) error {
				return takeTurns(p, make(p.Client), e.Rounds, stake{claims, "the lock"})
			})
		}
		e.alike(w, 0, n)
		w.Remember()
		w.Finally(tidy(w))
	}, opts)
}
