package proptest

import (
	"context"
	"fmt"
	"testing"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// Semaphore explores a semaphore that gives out at most so many leases, as [Lock]
// does a lock: a Locker from make acquires one lease, and gives it back. In the end
// all leases can be had at the same time.
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
		w.Finally(together(w, most, make))
	}, opts)
}

// together is that so many can hold it at the same time.
func together(w *explore.World, n int, make func(c zkapi.Client) Locker) func() error {
	return func() error {
		if n < 2 {
			return nil // who comes after another one shows that already
		}
		ctx, cancel := context.WithTimeout(context.Background(), waiting)
		defer cancel()
		for held := range n {
			c, err := w.Server.Client()
			if err != nil {
				return err
			}
			defer c.Close()
			l := make(c)
			if err := l.Acquire(ctx); err != nil {
				return fmt.Errorf("%d hold it, nobody else wants it, and there is none for the next one of %d: %w", held, n, err)
			}
			defer func() { _ = l.Release(context.Background()) }()
		}
		return nil
	}
}
