package proptest_test

import (
	"context"
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

func ourLock(c zkapi.Client) proptest.Locker { return recipes.NewLock(c, "/lock") }

func TestExploreOurLock(t *testing.T) {
	proptest.Lock(t, ourLock)
}

var long = flag.Bool("explore.long", false, "explore our recipes completely, which takes minutes and more")

// What can be explored completely.
func TestExploreOurLockCompletely(t *testing.T) {
	for _, bounds := range []struct {
		participants, faults int
		long                 bool
	}{{2, 0, false}, {3, 0, true}, {2, 1, true}, {2, 2, true}} {
		if bounds.long && !*long {
			continue
		}
		res := proptest.ExploreLock(t, ourLock, func(e *proptest.Exploration) {
			e.Strategy, e.Participants, e.Faults = explore.Exhaustive(), bounds.participants, bounds.faults
			e.Schedules = 1_000_000_000
			e.Prepare = func(ctx context.Context, c zkapi.Client) error { return zkapi.EnsurePath(ctx, c, "/lock", nil) }
		})
		require.Nil(t, res.Failure)
		require.True(t, res.Complete)
		t.Logf("%d participants, %d faults: %v", bounds.participants, bounds.faults, res.Progress)
	}
}

func ours(schedules int) func(*proptest.Exploration) {
	return func(e *proptest.Exploration) {
		e.Strategy, e.Faults, e.Kinds, e.Participants = explore.Random(1), 2, explore.AllFaults, 3
		if e.Schedules = schedules; *long {
			e.Schedules = 0
			e.Time = 10 * time.Minute
		}
	}
}

func TestExploreOurRWLock(t *testing.T) {
	proptest.RWLock(t, func(c zkapi.Client) proptest.RWLocker { return ourRW{recipes.NewRWLock(c, "/rw")} }, ours(100))
}

type ourRW struct{ *recipes.RWLock }

func (l ourRW) Read() proptest.Locker  { return l.RWLock.Read() }
func (l ourRW) Write() proptest.Locker { return l.RWLock.Write() }

func TestExploreOurSemaphore(t *testing.T) {
	proptest.Semaphore(t, 2, func(c zkapi.Client) proptest.Locker { return &lease{sem: recipes.NewSemaphore(c, "/sem", 2)} }, ours(100))
}

type lease struct {
	sem  *recipes.Semaphore
	hold *recipes.Hold
}

func (l *lease) Acquire(ctx context.Context) (err error) {
	l.hold, err = l.sem.Acquire(ctx)
	return err
}
func (l *lease) Release(ctx context.Context) error { return l.hold.Release(ctx) }

func TestExploreOurElection(t *testing.T) {
	proptest.Election(t, func(c zkapi.Client) proptest.Elector { return ourElection{recipes.NewElection(c, "/election")} }, ours(100))
}

type ourElection struct{ *recipes.Election }

func (e ourElection) Run(ctx context.Context, lead func(context.Context) error) error {
	return e.Election.Run(ctx, func(ctx context.Context, _ *recipes.Hold) error { return lead(ctx) })
}

func TestExploreOurCounter(t *testing.T) {
	proptest.CountUp(t, func(c zkapi.Client) proptest.Counter { return ourCounter{recipes.NewCounter(c, "/n")} }, ours(100),
		func(e *proptest.Exploration) { e.Kinds &^= explore.Removal }) // it would start from nothing again
}

type ourCounter struct{ *recipes.Atomic[int64] }

func (x ourCounter) Add(ctx context.Context, n int64) (int64, error) {
	change, err := x.Atomic.Add(ctx, n)
	return change.Post, err
}

func TestExploreOurBarrier(t *testing.T) {
	proptest.Barrier(t, func(c zkapi.Client) proptest.Gate { return ourBarrier{recipes.NewBarrier(c, "/barrier")} }, ours(100))
}

type ourBarrier struct{ *recipes.Barrier }

func (b ourBarrier) Remove(ctx context.Context) error {
	_, err := b.Barrier.Remove(ctx)
	return err
}

func TestExploreOurDoubleBarrier(t *testing.T) {
	proptest.DoubleBarrier(t, func(c zkapi.Client, n int) proptest.Meeting { return recipes.NewDoubleBarrier(c, "/meet", n) }, ours(100),
		// Whoever gives Enter up and calls it again may count twice, until the request given up has been swept up.
		func(e *proptest.Exploration) { e.Kinds &^= explore.Cancellation })
}
