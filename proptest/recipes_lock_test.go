package proptest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// lockFaults are plans that have something happen at the n-th request of one client.
var lockFaults = map[string]string{
	"lost request": "cut before-request client=a #%d",
	"lost reply":   "cut after-reply client=a #%d",
	"suspension":   "cut after-reply client=a #%d; refuse client=a times 2",
	"expiry":       "cut after-reply client=a #%d; refuse client=a times 40",
	"silence":      "stall after-reply client=a #%d",
}

// work has a lock several times, and notes that.
func work(e *recipeEnv, l *recipes.Lock, times int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	for range times {
		if err := l.Acquire(ctx); err != nil {
			return err
		}
		for range 2 {
			time.Sleep(e.moment) // others come meanwhile
			err := e.note(ctx, l.Hold())
			if err != nil && !errors.Is(err, recipes.ErrNotHeld) && !errors.Is(err, recipes.ErrOutcomeUnknown) {
				return err
			}
		}
		if err := l.Release(ctx); err != nil && !errors.Is(err, recipes.ErrNotHeld) {
			return err
		}
	}
	return nil
}

// contend has one client that meets faults and two that do not use a lock.
func contend(e *recipeEnv, victim zkapi.Client) {
	var all sync.WaitGroup
	for _, c := range []zkapi.Client{victim, e.client("b"), e.client("c")} {
		all.Go(func() {
			if err := work(e, recipes.NewLock(c, e.root+"/lock"), 2); err != nil {
				e.t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	e.requireTurns()
	e.requireClean("/lock")
}

// TestRecipesLock: whatever happens to one of them at whichever of its requests,
// everybody gets the lock, never two at a time, and nothing is left behind.
func TestRecipesLock(t *testing.T) {
	onRecipeBackends(t, func(t *testing.T, kind string, run func(string, func(*recipeEnv))) {
		by, slow := 1, 1
		if kind == "real" {
			by, slow = 2, 6 // each takes real time, and after an expiry a second
		}
		for name, plan := range lockFaults {
			if kind == "real" && (name == "expiry" || name == "silence" || name == "suspension") {
				continue // takes real time
			}
			t.Run(name, func(t *testing.T) {
				sweep(t, by, plan, run, func(e *recipeEnv) { contend(e, e.client("a")) })
			})
		}
		t.Run("expired by the server", func(t *testing.T) {
			stepwise(t, slow, run, func(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
				c := e.client("a")
				contend(e, at(c, func() { e.expire(c.SessionID()) }))
			})
		})
		t.Run("cancelled", func(t *testing.T) {
			stepwise(t, by, run, func(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
				ctx, cancel := context.WithCancel(context.Background())
				c := at(e.client("a"), cancel)
				l := recipes.NewLock(c, e.root+"/lock")
				other := recipes.NewLock(e.client("b"), e.root+"/lock")
				require.NoError(t, other.Acquire(context.Background()))
				time.AfterFunc(time.Millisecond, func() { _ = other.Release(context.Background()) })
				if err := l.Acquire(ctx); err != nil {
					require.ErrorIs(t, err, context.Canceled)
				} else {
					_ = l.Release(ctx)
				}
				require.NoError(t, recipes.Flush(context.Background(), c))
				require.NoError(t, work(e, l, 1))
				e.requireClean("/lock")
			})
		})
	})
}
