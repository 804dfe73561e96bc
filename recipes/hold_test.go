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

// leaving is a client that calls before a path is deleted, and whose reads are stuck at most until it is.
type leaving struct {
	tough
	before func(path string)
}

func (c *leaving) Delete(ctx context.Context, path string, version int32) error {
	c.before(path)
	defer c.stuck.Store(false)
	return c.Client.Delete(ctx, path, version)
}

// A lease that is lost while its owner leaves the line for it is not given out: he gets another one.
func TestALeaseIsLostBeforeItIsThere(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, srv *memserver.Server, c *leaving, node string){
		"its node is deleted": func(t *testing.T, srv *memserver.Server, _ *leaving, node string) {
			require.NoError(t, srv.ClientT(t).Delete(t.Context(), node, zkapi.AnyVersion))
		},
		"its node is deleted, and the holder has not looked yet": func(t *testing.T, srv *memserver.Server, c *leaving, node string) {
			c.stuck.Store(true)
			require.NoError(t, srv.ClientT(t).Delete(t.Context(), node, zkapi.AnyVersion))
		},
		"its session ends": func(_ *testing.T, srv *memserver.Server, c *leaving, _ string) { srv.Expire(c.SessionID()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := memserver.RunT(t)
				c := &leaving{tough: tough{Client: srv.ClientT(t)}}
				var lost string
				c.before = func(path string) {
					if zkapi.Parent(path) != "/sem-__lock__" || lost != "" {
						return
					}
					names, _, err := srv.ClientT(t).Children(t.Context(), "/sem")
					require.NoError(t, err)
					require.Len(t, names, 1)
					lost = "/sem/" + names[0]
					lose(t, srv, c, lost)
					synctest.Wait()
				}
				h, err := recipes.NewSemaphore(c, "/sem", 1).Acquire(t.Context())
				require.NoError(t, err)
				require.NotEmpty(t, lost)
				require.NotEqual(t, lost, h.Node())
				require.NoError(t, h.Verify(t.Context()))
				require.NoError(t, h.Release(t.Context()))
			})
		})
	}
}
