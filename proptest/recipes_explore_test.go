package proptest_test

import (
	"context"
	"flag"
	"testing"

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
