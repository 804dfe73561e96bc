package proptest

import (
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

var groupCases = []recipeCase{
	{"who is in a party", true, func(t *testing.T, e *recipeEnv) {
		for i, newParty := range []func(zkapi.Client, string, ...func(*recipes.Options)) *recipes.Party{recipes.NewParty, recipes.NewShallowParty} {
			path := fmt.Sprint("/party", i)
			member := func(id string) *recipes.Party {
				return newParty(e.client(""), e.root+path, func(o *recipes.Options) { o.Identifier = id })
			}
			a, b := member("a"), member("b")
			next, stop := iter.Pull2(b.Watch(e.ctx))
			see := func(want ...string) {
				for {
					members, err, ok := next()
					require.NoError(t, err)
					require.True(t, ok)
					if slices.Equal(members, want) {
						return
					}
				}
			}
			see()
			require.NoError(t, a.Join(e.ctx))
			see("a")
			require.NoError(t, b.Join(e.ctx))
			see("a", "b")
			_, err := a.Leave(e.ctx)
			require.NoError(t, err)
			see("b")
			require.NoError(t, zkapi.DeleteRecursive(e.ctx, e.truth, e.root+path)) // and b comes again
			require.NoError(t, a.Join(e.ctx))
			see("a", "b")
			for _, p := range []*recipes.Party{a, b} {
				_, err := p.Leave(e.ctx)
				require.NoError(t, err)
			}
			see()
			stop()
			e.requireClean(path)
		}
	}},
	{"a lease of another version", true, func(t *testing.T, e *recipeEnv) { // NL4
		l := recipes.NewLease(e.client(""), e.root+"/lease", time.Hour, "me")
		node := e.root + "/lease/lease_holder"
		for _, odd := range []string{`{"version": 2, "holder": "me", "end": "2000-01-01T00:00:00"}`, "no lease"} {
			require.NoError(t, zkapi.EnsurePath(e.ctx, e.truth, node, nil))
			_, err := e.truth.Set(e.ctx, node, []byte(odd), -1)
			require.NoError(t, err)
			ok, err := l.Obtain(e.ctx)
			require.NoError(t, err)
			require.False(t, ok)
			data, _, err := e.truth.Get(e.ctx, node)
			require.NoError(t, err)
			require.Equal(t, odd, string(data))
		}
		require.NoError(t, e.truth.Delete(e.ctx, node, -1))
		e.requireClean("/lease")
	}},
}
