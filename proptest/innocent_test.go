package proptest_test

import (
	"context"
	"testing"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/zkapi"
)

// What is right is not accused, however unusual: each of these once was.
var innocent = map[string]func(t *testing.T, o option) *explore.Result{
	"locking queue whose Put returns when the item may be gone": func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreLockingQueue(t, func(c zkapi.Client) proptest.LockingQueuer { return hastyShelf{&shelf{c: c}} }, furnished(""), o)
	},
}

func TestInnocent(t *testing.T) {
	for name, explored := range innocent {
		t.Run(name, func(t *testing.T) {
			res := explored(t, func(e *proptest.Exploration) {
				e.Strategy, e.Participants, e.Rounds, e.Schedules = explore.Random(1), 3, 1, brief.Or(2000, 20000)
				e.Faults, e.Kinds = 1, explore.LostReply
			})
			if res.Failure != nil {
				t.Fatal(res.Report(t.Name()))
			}
		})
	}
}

// hastyShelf has not the patience to find out whether an item is gone, but Put takes its time.
type hastyShelf struct{ *shelf }

func (q hastyShelf) Put(ctx context.Context, item []byte) error {
	err := q.shelf.Put(ctx, item)
	if err == nil {
		_ = q.c.Sync(ctx, "/shelf")
	}
	return err
}

func (q hastyShelf) Consume(ctx context.Context) error {
	_, err := q.c.Multi(ctx, zkapi.DeleteOp(shelfItems+q.item, zkapi.AnyVersion),
		zkapi.DeleteOp(shelfTaken+q.item, zkapi.AnyVersion), zkapi.DeleteOp(q.own, zkapi.AnyVersion))
	if err != nil {
		_ = q.Release(ctx)
	}
	return err
}
