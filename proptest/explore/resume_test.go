package explore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/explore"
)

// parts are the searches that it takes in parts of so many schedules, each from where the one before has stopped.
func parts(t *testing.T, most int, search func(from []string) *explore.Result) (n int) {
	t.Helper()
	var from []string
	for n = 1; ; n++ {
		res := search(from)
		if res.Complete {
			return n
		}
		require.Less(t, n, most, "it does not come to an end, at %s", res.Frontier)
		require.NotEqual(t, from, []string{res.Frontier}, "it does not go on")
		from = []string{res.Frontier}
	}
}

// A search that is stopped again and again goes on where it was, and comes to an end.
func TestGoesOnWhereItWas(t *testing.T) {
	whole := explore.Explore(t, exclusion("", 3), func(c *explore.Config) { c.Strategy, c.Schedules = explore.Exhaustive(), 10_000 })
	require.True(t, whole.Complete)
	n := parts(t, 10*whole.Schedules/500, func(from []string) *explore.Result {
		return explore.Explore(t, exclusion("", 3), func(c *explore.Config) { c.Strategy, c.Schedules = explore.Exhaustive(from...), 500 })
	})
	t.Logf("%d schedules, or %d parts of 500", whole.Schedules, n)
	parts(t, 10_000, func(from []string) *explore.Result {
		return explore.Explore(t, exclusion("", 2), func(c *explore.Config) { c.Strategy, c.Schedules = explore.Exhaustive(from...), 1 })
	})
}

// In parts random programs come to all that they come to in one search.
func TestPartsLeaveOutNothing(t *testing.T) {
	for seed := range uint64(60) {
		if raceDetector && seed > 5 {
			break
		}
		search := func(schedules int, found map[string]bool, from ...string) *explore.Result {
			return explore.Explore(t, func(w *explore.World) { program(seed, 2)(w, func(way string) { found[way] = true }) }, func(c *explore.Config) {
				c.Strategy, c.Schedules = explore.Exhaustive(from...), schedules
				c.Faults, c.Kinds = int(seed%2), explore.Network|explore.Restart
				c.Failures = func(*explore.Failure) {}
			})
		}
		all := map[string]bool{}
		whole := search(400, all)
		if !whole.Complete || whole.Schedules < 6 {
			continue
		}
		found := map[string]bool{}
		parts(t, 300, func(from []string) *explore.Result { return search(whole.Schedules/3, found, from...) })
		require.Equal(t, all, found, "seed %d", seed)
	}
}

// A strategy may be used for several searches.
func TestStrategyAgain(t *testing.T) {
	again := func(c *explore.Config) { c.Strategy = strategy; c.Schedules = 1000 }
	require.Nil(t, explore.Explore(t, exclusion("", 2), again).Failure)
	require.NotNil(t, explore.Explore(t, counting, again).Failure)
}

var strategy = explore.Exhaustive()
