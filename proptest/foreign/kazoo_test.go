package foreign_test

import (
	"context"
	"errors"
	"testing"

	"github.com/wvanbergen/kazoo-go"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
)

var inKazoo = []found{
	{library: "kazoo-go", what: "two who claim for the first time are in each other's way", property: kazooClaim,
		replay: "0101", steps: 6, why: explore.Returned, text: "nothing had gone wrong since it began: zk: node already exists"},
	{library: "kazoo-go", what: "a claim fails when the owner gives the partition back", property: kazooClaim, there: "/consumers/group/owners/topic",
		replay: "000000000001000000001", steps: 24, why: explore.Returned, text: "nothing had gone wrong since it began: zk: node does not exist"},
}

func kazooClaim(t *testing.T, opts ...option) *explore.Result {
	return proptest.ExploreLockDialing(t, newKazoo, opts...)
}

// claim is of a partition of Kafka's, by github.com/wvanbergen/kazoo-go.
type claim struct {
	group *kazoo.Consumergroup
	*kazoo.ConsumergroupInstance
}

func newKazoo(p *explore.Participant) proptest.Locker {
	k := new(kazoo.Kazoo)
	put(k, "conn", connectSamuels(p))
	put(k, "conf", kazoo.NewConfig())
	group := k.Consumergroup("group")
	return claim{group, group.Instance(p.Name)}
}

// Acquire waits for the owner to go, and claims the partition then.
func (c claim) Acquire(ctx context.Context) error {
	for {
		err := c.ClaimPartition("topic", 0)
		if !errors.Is(err, kazoo.ErrPartitionClaimedByOther) {
			return err
		}
		owner, changed, err := c.group.WatchPartitionOwner("topic", 0)
		if err != nil {
			return err
		}
		if owner == nil {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c claim) Release(context.Context) error { return c.ReleasePartition("topic", 0) }
