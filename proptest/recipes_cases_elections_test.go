package proptest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

var electionCases = []recipeCase{
	{"all or nothing", true, func(t *testing.T, e *recipeEnv) { // B27
		c := e.client("")
		l := recipes.NewMultiLock(recipes.NewLock(c, e.root+"/lock"), recipes.NewLock(c, e.root+"/lock2"), recipes.NewLock(c, e.root+"/lock3"))
		other := recipes.NewLock(e.client(""), e.root+"/lock2")
		require.NoError(t, other.Acquire(e.ctx))
		ok, err := l.TryAcquire(e.ctx)
		require.NoError(t, err)
		require.False(t, ok)
		require.Len(t, append(append(e.children("/lock"), e.children("/lock2")...), e.children("/lock3")...), 1)
		require.ErrorIs(t, l.Release(e.ctx), recipes.ErrNotHeld)
		require.NoError(t, other.Release(e.ctx))
		require.NoError(t, l.Acquire(e.ctx))
		require.True(t, l.Held())
		ctx := l.Context()
		require.NoError(t, e.truth.Delete(e.ctx, l.Holds()[1].Node(), -1))
		e.await(ctx.Done())
		require.ErrorIs(t, context.Cause(ctx), recipes.ErrNodeDeleted)
		require.False(t, l.Held())
		require.ErrorIs(t, l.Release(e.ctx), recipes.ErrNotHeld)
		e.requireClean("/lock", "/lock2", "/lock3")
	}},
	{"leadership is lost", true, func(t *testing.T, e *recipeEnv) { // B28, B30
		c := e.client("")
		el := recipes.NewElection(c, e.root+"/lock", func(o *recipes.Options) { o.Identifier = "me" })
		err := el.Run(e.ctx, func(ctx context.Context, h *recipes.Hold) error {
			require.True(t, el.HasLeadership())
			list, err := el.Participants(ctx)
			require.NoError(t, err)
			require.Equal(t, []recipes.Participant{{ID: "me", Node: h.Node(), Leader: true}}, list)
			context.AfterFunc(ctx, func() {
				if el.HasLeadership() {
					t.Error("it still claims to lead")
				}
			})
			e.expire(c.SessionID())
			e.await(ctx.Done())
			return context.Cause(ctx)
		})
		require.Error(t, err)
		require.False(t, el.HasLeadership())
		e.requireClean("/lock")
	}},
	{"a short loss ends the term", false, func(t *testing.T, e *recipeEnv) { // B30
		c := e.client("")
		el := recipes.NewElection(c, e.root+"/lock")
		err := el.Run(e.ctx, func(ctx context.Context, h *recipes.Hold) error {
			e.away(c, time.Second)
			require.ErrorIs(t, context.Cause(ctx), recipes.ErrSuspended)
			require.False(t, el.HasLeadership())
			require.True(t, h.Held())
			return nil
		})
		require.NoError(t, err)
		e.requireClean("/lock")
	}},
	{"lead again and again", true, func(t *testing.T, e *recipeEnv) { // B29
		c := e.client("")
		el := recipes.NewElection(c, e.root+"/lock")
		ctx, cancel := context.WithCancel(e.ctx)
		terms, running := 0, 0
		var failures []error
		err := el.Lead(ctx, func(ctx context.Context, h *recipes.Hold) error {
			if running++; running != 1 {
				t.Error("two terms at a time")
			}
			defer func() { running-- }()
			switch terms++; terms {
			case 1:
				return errors.New("it has failed")
			case 2:
				e.expire(c.SessionID())
				e.await(ctx.Done())
				return nil
			case 3:
				require.NoError(t, e.truth.Delete(e.ctx, h.Node(), -1))
				e.await(ctx.Done())
				return nil
			case 4:
				el.Interrupt()
				e.await(ctx.Done())
				return nil
			}
			cancel()
			return nil
		}, func(err error) { failures = append(failures, err) })
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 5, terms)
		require.GreaterOrEqual(t, len(failures), 2) // a suspended term may be given back before it is known to be lost
		e.requireClean("/lock")
	}},
	{"cancelled", true, func(t *testing.T, e *recipeEnv) {
		l, el := lockAt(e, e.client("")), recipes.NewElection(e.client(""), e.root+"/lock")
		el.Cancel()
		require.NoError(t, l.Acquire(e.ctx))
		done := make(chan error, 1)
		go func() {
			done <- el.Run(e.ctx, func(context.Context, *recipes.Hold) error { t.Error("it leads"); return nil })
		}()
		e.waitFor(func() bool { return len(e.children("/lock")) == 2 })
		el.Cancel()
		require.ErrorIs(t, <-done, recipes.ErrCancelled)
		require.NoError(t, l.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"latch: suspended", false, func(t *testing.T, e *recipeEnv) { // B32
		c := e.client("")
		l := recipes.NewLeaderLatch(c, e.root+"/lock")
		changes := l.Changes()
		require.NoError(t, l.Start())
		require.Error(t, l.Start())
		require.NoError(t, l.Await(e.ctx))
		node := l.Node()
		require.Equal(t, node, l.LastNode())
		e.away(c, time.Second)
		require.True(t, l.HasLeadership())
		require.Equal(t, node, l.Node(), "it keeps its node")
		require.NoError(t, l.Close(e.ctx))
		var told []bool
		for leads := range changes.All(e.ctx) {
			told = append(told, leads)
		}
		require.Equal(t, []bool{true, false, true, false}, told)
		require.ErrorIs(t, l.Await(e.ctx), recipes.ErrCancelled)
		e.requireClean("/lock")
	}},
	{"latch: everything is deleted", true, func(t *testing.T, e *recipeEnv) { // B34, B35
		l, other := recipes.NewLeaderLatch(e.client(""), e.root+"/lock"), recipes.NewLeaderLatch(e.client(""), e.root+"/lock")
		changes := l.Changes()
		require.NoError(t, l.Start())
		require.NoError(t, l.Await(e.ctx))
		require.NoError(t, other.Start())
		e.waitFor(func() bool { return len(e.children("/lock")) == 2 })
		require.NoError(t, zkapi.DeleteRecursive(e.ctx, e.truth, e.root+"/lock"))
		for _, want := range []bool{true, false} {
			leads, err := changes.Next(e.ctx)
			require.NoError(t, err)
			require.Equal(t, want, leads)
		}
		e.waitFor(func() bool { return len(e.children("/lock")) == 2 })
		for _, l := range []*recipes.LeaderLatch{l, other} {
			leader, ok, err := l.Leader(e.ctx)
			require.NoError(t, err)
			require.True(t, ok)
			require.Contains(t, leader.Node, "-latch-")
		}
		require.NoError(t, l.Close(e.ctx))
		require.NoError(t, other.Await(e.ctx))
		require.NoError(t, other.Close(e.ctx))
		e.requireClean("/lock")
	}},
	{"latch: two that flap", false, func(t *testing.T, e *recipeEnv) { // B33
		var latches []*recipes.LeaderLatch
		var clients []zkapi.Client
		for range 2 {
			c := e.client("")
			l := recipes.NewLeaderLatch(c, e.root+"/lock")
			require.NoError(t, l.Start())
			synctest.Wait()
			clients, latches = append(clients, c), append(latches, l)
		}
		for range 5 {
			for _, c := range clients {
				e.away(c, 100*time.Millisecond)
			}
		}
		made := map[string]bool{}
		for _, m := range e.history("/lock") {
			for _, name := range m.present {
				made[name] = true
			}
		}
		require.Len(t, made, 2, "nobody needs another node")
		for _, l := range latches {
			require.NoError(t, l.Await(e.ctx))
			require.NoError(t, l.Close(e.ctx))
		}
		e.requireClean("/lock")
	}},
}

func TestRecipesElection(t *testing.T) { runRecipeCases(t, electionCases) }
