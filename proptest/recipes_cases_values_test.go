package proptest

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

var valueCases = slices.Concat(barrierCases, copyCases, queueCases, groupCases)

func TestRecipesValues(t *testing.T) { runRecipeCases(t, valueCases) }

var barrierCases = []recipeCase{
	{"a double barrier of five, for which three are enough", true, func(t *testing.T, e *recipeEnv) { // DB3, DB5, DB6
		var members []*recipes.DoubleBarrier
		for range 5 {
			members = append(members, recipes.NewDoubleBarrier(e.client(""), e.root+"/b", 3))
		}
		for range 2 {
			var left atomic.Int32
			var all sync.WaitGroup
			for i, m := range members {
				all.Go(func() {
					if err := m.Enter(e.ctx); err != nil {
						t.Errorf("%v", err)
					}
				})
				e.waitFor(func() bool { return len(e.members("/b")) == i+1 })
			}
			all.Wait()
			for _, m := range members {
				all.Go(func() {
					left.Add(1)
					if err := m.Leave(e.ctx); err != nil {
						t.Errorf("%v", err)
					}
					if n := left.Load(); n != 5 {
						t.Errorf("who has left was alone with %d others", n-1)
					}
				})
				time.Sleep(e.moment)
			}
			all.Wait()
			require.Empty(t, e.children("/b"))
		}
		e.requireClean("/b")
	}},
}

var copyCases = []recipeCase{
	{"a copy, and another node at once", true, func(t *testing.T, e *recipeEnv) { // B43
		v := recipes.NewShared(e.client(""), e.root+"/n", recipes.Int32(), 1)
		changes := v.Changes()
		require.NoError(t, v.Start(e.ctx))
		defer v.Close()
		require.NoError(t, v.Set(e.ctx, 2))
		_, err := e.truth.Multi(e.ctx, zkapi.DeleteOp(e.root+"/n", -1), zkapi.CreateOp(e.root+"/n", []byte{0, 0, 0, 3}, nil, zkapi.Persistent))
		require.NoError(t, err)
		for now := range changes.All(e.ctx) {
			if now.Exists && now.Value == 3 {
				break
			}
		}
		require.Equal(t, int32(3), v.Value())
	}},
	{"a copy, and a version that overflows", false, func(t *testing.T, e *recipeEnv) { // B43
		v := recipes.NewShared(e.client(""), e.root+"/n", recipes.Int32(), 0)
		require.NoError(t, v.Start(e.ctx))
		defer v.Close()
		require.NoError(t, e.srv.SetCounters(e.root+"/n", memserver.Counters{Version: math.MaxInt32 - 2}))
		for i := range int32(5) {
			require.NoError(t, v.Set(e.ctx, i))
			require.Equal(t, i, v.Value())
			_, err := e.truth.Set(e.ctx, e.root+"/n", []byte{0, 0, 0, byte(i + 10)}, -1)
			require.NoError(t, err)
			synctest.Wait()
			require.Equal(t, i+10, v.Value())
		}
		require.Negative(t, v.Versioned().Stat.Version)
	}},
}

// members are the children of a double barrier but for the ready node.
func (e *recipeEnv) members(dir string) []string {
	return slices.DeleteFunc(e.children(dir), func(name string) bool { return name == "ready" })
}
