package proptest_test

import (
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/proptest/internal/brief"
)

// Searches with and without the reductions of [explore] come to the same failures, on small recipes
// with a bug and without one. Participants that are alike are not told apart.
func TestReductionsFindTheSame(t *testing.T) {
	for _, x := range reduced() {
		t.Run(x.property+"/"+x.bug, func(t *testing.T) {
			found, schedules := [2]map[string]bool{{}, {}}, [2]int{}
			for i, unreduced := range []bool{true, false} {
				res := properties[x.property](t, x.bug, func(e *proptest.Exploration) {
					e.Strategy, e.Participants, e.Faults, e.Kinds = explore.Exhaustive(), 2, x.faults, x.kinds
					e.Schedules, e.Unreduced = 1_000_000, unreduced
					e.Alike = x.bug != "the order is that of whole names"
					e.Failures = func(f *explore.Failure) { found[i][anybody.ReplaceAllString(f.Error(), "X")] = true }
				})
				require.True(t, res.Complete)
				schedules[i] = res.Schedules
			}
			require.Equal(t, slices.Sorted(maps.Keys(found[0])), slices.Sorted(maps.Keys(found[1])))
			require.Equal(t, x.bug == "", len(found[1]) == 0)
			t.Logf("%d schedules instead of %d, %d failures", schedules[1], schedules[0], len(found[1]))
		})
	}
}

// A recipe that goes by names is no good when participants are said to be alike: what is left out with them
// is what shows its bug.
func TestAlikeIsAPromise(t *testing.T) {
	for _, alike := range []bool{false, true} {
		res := properties["lock"](t, "the order is that of whole names", func(e *proptest.Exploration) {
			e.Strategy, e.Participants, e.Schedules, e.Alike = explore.Exhaustive(), 2, 1_000_000, alike
		})
		require.Equal(t, alike, res.Failure == nil)
	}
}

// anybody is what differs when participants exchange their parts, or one more transaction came before.
var anybody = regexp.MustCompile(`\b[A-C]\b|0x[0-9a-f]+|[0-9]+--|[0-9]{10}`)

type reduction struct {
	property, bug string
	kinds         explore.Fault
	faults        int
}

// reduced are the planted bugs that two participants show in one round, and none.
func reduced() (list []reduction) {
	faulty := []string{"lock", "election", "counter", "queue", "barrier", "rwlock", "latch", "watcher", "numbers", "revocable lock", "atomic"}
	others := []string{"multi lock", "shared value", "distributed queue", "priority queue", "delay queue", "safe queue", "group", "discovery", "lasting group", "queue sharder", "two leases", "lease"}
	for i, property := range append(faulty, others...) {
		none := reduction{property, "", explore.Cut | explore.Expiry, 1}
		if i >= len(faulty) { // it would take a hundred thousand schedules
			none.kinds, none.faults = 0, 0
		}
		list = append(list, none)
		for _, p := range planted {
			if p.property == property && p.participants == 2 && p.rounds == 1 && p.faults == 1 {
				list = append(list, reduction{property, p.bug, p.kinds, min(1, int(p.kinds))})
			}
		}
	}
	switch {
	case proptest.Brief():
		return list[brief.Turn()%2:][:1]
	case proptest.RaceDetector():
		return list[:2]
	}
	return list
}
