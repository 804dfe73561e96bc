package recipes_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

func TestLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		a, b := srv.ClientT(t), srv.ClientT(t)
		first := recipes.NewLock(a, "/app/lock", func(o *recipes.Options) { o.Identifier = "a" })
		second := recipes.NewLock(b, "/app/lock", func(o *recipes.Options) {
			o.Identifier, o.LossPolicy = "b", recipes.Session // so that nothing ends before the session does
		})
		require.NoError(t, first.Acquire(t.Context()))
		require.True(t, first.Held())
		ok, err := second.TryAcquire(t.Context())
		require.NoError(t, err)
		require.False(t, ok)
		done := make(chan error)
		go func() { done <- second.Acquire(t.Context()) }()
		synctest.Wait()
		names, err := first.Contenders(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b"}, names)
		require.NoError(t, first.Release(t.Context()))
		require.NoError(t, <-done)
		require.ErrorIs(t, first.Release(t.Context()), recipes.ErrNotHeld)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, first.Acquire(ctx), context.DeadlineExceeded)
		require.NoError(t, recipes.Flush(t.Context(), a))
		h := second.Hold()
		srv.Expire(b.SessionID())
		<-h.Lost()
		require.False(t, second.Held())
		require.ErrorIs(t, context.Cause(h.Context()), recipes.ErrSessionLost)
		require.ErrorIs(t, second.Release(t.Context()), recipes.ErrNotHeld)
		require.Empty(t, srv.Watches())
	})
}

// Who stands in line is told as it is, also to a client whose server is behind.
func TestContendersOfAServerBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t, func(c *memserver.Config) { c.Members = 3 })
		a := srv.ClientT(t)
		b := srv.ClientT(t, func(c *memserver.ClientConfig) { c.Member = 2 })
		srv.Member(2).SetLag(memserver.Lag{Hold: true})
		held := recipes.NewLock(a, "/lock", func(o *recipes.Options) { o.Identifier = "a" })
		require.NoError(t, held.Acquire(t.Context()))
		nodes, err := recipes.NewLock(b, "/lock").ContenderNodes(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{held.Hold().Node()}, nodes)
	})
}

// A lock that is lost while the next one is waited for is not held with it.
func TestMultiLockLosesOneOnTheWay(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, srv *memserver.Server, c *memserver.Client){
		"session": func(t *testing.T, srv *memserver.Server, c *memserver.Client) { srv.Expire(c.SessionID()) },
		"node": func(t *testing.T, srv *memserver.Server, c *memserver.Client) {
			require.NoError(t, zkapi.DeleteRecursive(t.Context(), srv.ClientT(t), "/first"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := memserver.RunT(t)
				a, b := srv.ClientT(t), srv.ClientT(t)
				second := recipes.NewLock(b, "/second")
				require.NoError(t, second.Acquire(t.Context()))
				both := recipes.NewMultiLock(recipes.NewLock(a, "/first"), recipes.NewLock(a, "/second"))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				done := make(chan error)
				go func() { done <- both.Acquire(ctx) }()
				synctest.Wait()
				lose(t, srv, a)
				require.ErrorIs(t, <-done, recipes.ErrNotHeld)
				require.False(t, both.Held())
				require.NoError(t, recipes.NewLock(b, "/first").Acquire(t.Context()))
				require.NoError(t, second.Release(t.Context()))
				require.NoError(t, second.Acquire(t.Context()))
			})
		})
	}
}
