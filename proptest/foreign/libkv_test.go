package foreign_test

import (
	"context"
	"testing"

	"github.com/rpcxio/libkv/store"
	"github.com/rpcxio/libkv/store/zookeeper"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
)

var inLibkv = []found{
	{library: "libkv", what: "nobody is told that the lock is lost", property: libkvElection, kinds: explore.Expiry, there: "/lock",
		replay: "10030200001", steps: 15, why: explore.Returned, text: "leads on, although it knows that its session"},
	{library: "libkv", what: "a lock whose value cannot be written is kept, and nobody knows", property: libkvLock, kinds: explore.LostReply, there: "/lock",
		replay: "001001", steps: 11, why: explore.Deadlock, text: "nothing is under way"},
	{library: "libkv", what: "whose node is gone acquires all the same", property: libkvLock, kinds: explore.Removal, there: "/lock",
		replay: "00201", steps: 9, why: explore.Invariant, text: "hold it at the same time"},
}

func libkvLock(t *testing.T, opts ...option) *explore.Result {
	return proptest.ExploreLockDialing(t, func(p *explore.Participant) proptest.Locker { return newLibkv(p) }, opts...)
}

func libkvElection(t *testing.T, opts ...option) *explore.Result {
	return proptest.ExploreElectionDialing(t, func(p *explore.Participant) proptest.Elector { return newLibkv(p) }, opts...)
}

// libkv is the lock of github.com/rpcxio/libkv/store/zookeeper.
type libkv struct{ store.Locker }

func newLibkv(p *explore.Participant) libkv {
	s := new(zookeeper.Zookeeper)
	put(s, "client", connectSamuels(p))
	l, err := s.NewLock("lock", nil)
	require.NoError(p, err)
	return libkv{l}
}

func (l libkv) Acquire(context.Context) error { _, err := l.Lock(nil); return err }
func (l libkv) Release(context.Context) error { return l.Unlock() }

func (l libkv) Run(ctx context.Context, lead func(context.Context) error) error {
	lost, err := l.Lock(nil)
	if err != nil {
		return err
	}
	leading, cancel := until(ctx, lost)
	defer cancel()
	if err := lead(leading); err != nil {
		return err
	}
	return l.Unlock()
}
