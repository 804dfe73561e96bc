package proptest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// MultiLock explores a lock on several paths that are held together or not at all,
// as [Lock] does a lock: a Locker from make acquires all of its paths, and releases
// them. Every third participant has one path, the others two, of which the second one
// is the first of another, so that all wait for ever if each has got the first. No two
// hold a path at a time, whoever fails holds none, and everybody gets all of his in
// the end.
func MultiLock(t *testing.T, make func(c zkapi.Client, paths []string) Locker, opts ...func(*Exploration)) {
	t.Helper()
	ExploreMultiLock(t, make, opts...).FailT(t)
}

// SameOrder has [MultiLock] name the paths to all in the same order, for locks that
// are safe from deadlocks only then.
func SameOrder(e *Exploration) { e.sameOrder = true }

// ExploreMultiLock is MultiLock for those who want to see the result.
func ExploreMultiLock(t *testing.T, make func(c zkapi.Client, paths []string) Locker, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		var ring []stake
		for i := range max(2, e.Participants-e.Participants/3) {
			ring = append(ring, stake{w.Claims(1), fmt.Sprintf("/locks/%d", i+1)})
		}
		at := 0
		for i := range e.Participants {
			mine := []stake{ring[at%len(ring)]}
			if i%3 < 2 {
				at++
				mine = append(mine, ring[at%len(ring)])
			}
			var paths []string
			for _, s := range mine {
				paths = append(paths, s.what)
			}
			if e.sameOrder {
				slices.Sort(paths)
			}
			w.Go(name(i), func(p *explore.Participant) error {
				return takeTurns(p, make(p.Client, paths), e.Rounds, mine...)
			})
		}
		w.Remember()
		w.Finally(tidy(w))
	}, opts)
}
