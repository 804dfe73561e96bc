package foreign_test

import (
	"context"
	"testing"

	"github.com/kvtools/valkeyrie/store"
	"github.com/kvtools/zookeeper"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
)

var inValkeyrie = []found{
	{library: "valkeyrie", what: "a lock whose value cannot be written is kept, and nobody knows", property: valkeyrieLock, kinds: explore.LostReply, there: "/lock",
		replay: "001001", steps: 11, why: explore.Deadlock, text: "nothing is under way"},
	{library: "valkeyrie", what: "whoever loses the connection while it waits keeps its place", property: valkeyrieLock, kinds: explore.Cut, there: "/lock",
		replay: "01001", steps: 9, why: explore.Deadlock, text: "nothing is under way"},
	{library: "valkeyrie", what: "whose node is gone acquires all the same", property: valkeyrieLock, kinds: explore.Removal, there: "/lock",
		replay: "00202", steps: 9, why: explore.Invariant, text: "hold it at the same time"},
}

func valkeyrieLock(t *testing.T, opts ...option) *explore.Result {
	return proptest.ExploreLockDialing(t, func(p *explore.Participant) proptest.Locker { return newValkeyrie(p) }, opts...)
}

// valkeyrie is the lock of github.com/kvtools/zookeeper.
type valkeyrie struct{ store.Locker }

func newValkeyrie(p *explore.Participant) valkeyrie {
	s := new(zookeeper.Store)
	put(s, "client", connect(p))
	l, err := s.NewLock(p.Context(), "lock", nil)
	require.NoError(p, err)
	return valkeyrie{l}
}

func (l valkeyrie) Acquire(ctx context.Context) error { _, err := l.Lock(ctx); return err }
func (l valkeyrie) Release(ctx context.Context) error { return l.Unlock(ctx) }

func (l valkeyrie) Run(ctx context.Context, lead func(context.Context) error) error {
	lost, err := l.Lock(ctx)
	if err != nil {
		return err
	}
	leading, cancel := until(ctx, lost)
	defer cancel()
	if err := lead(leading); err != nil {
		return err
	}
	return l.Unlock(ctx)
}

// Whose session ends is told, other than in libkv, which it comes from.
func TestValkeyrieTellsOfTheLoss(t *testing.T) {
	res := proptest.ExploreElectionDialing(t, func(p *explore.Participant) proptest.Elector { return newValkeyrie(p) },
		func(e *proptest.Exploration) {
			e.Strategy, e.Faults, e.Kinds, e.Schedules = explore.Random(1), 1, explore.Expiry, 300
		})
	res.FailT(t)
	t.Log(res.Progress)
}
