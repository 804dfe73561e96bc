package recipes_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// tough is a client whose reads get no answer while it is stuck.
type tough struct {
	zkapi.Client
	stuck atomic.Bool
}

func (c *tough) GetW(ctx context.Context, path string) ([]byte, zkapi.Stat, <-chan zkapi.Event, error) {
	if c.stuck.Load() {
		<-ctx.Done()
		return nil, zkapi.Stat{}, nil, context.Cause(ctx)
	}
	return c.Client.GetW(ctx, path)
}

// A holder that asks what has become of its node learns of the end of its session all the same.
func TestASessionEndsWhileTheHolderReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c := &tough{Client: srv.ClientT(t)}
		lock := recipes.NewLock(c, "/lock", func(o *recipes.Options) { o.LossPolicy = recipes.Session })
		require.NoError(t, lock.Acquire(t.Context()))
		h := lock.Hold()

		c.stuck.Store(true)
		_, err := srv.ClientT(t).Set(t.Context(), h.Node(), nil, zkapi.AnyVersion) // has it look again
		require.NoError(t, err)
		synctest.Wait()
		require.True(t, h.Held())
		srv.Expire(c.SessionID())
		synctest.Wait()
		require.ErrorIs(t, context.Cause(h.Context()), recipes.ErrSessionLost)
		require.ErrorIs(t, lock.Release(t.Context()), recipes.ErrNotHeld)
	})
}
