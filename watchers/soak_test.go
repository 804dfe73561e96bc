package watchers_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// TestManyCycles opens and closes everything 10,000 times on one client: the heap, the goroutines and
// the server's watches stay what they were. Every hundredth time the connection breaks in between.
func TestManyCycles(t *testing.T) { synctest.Test(t, manyCycles) }

func manyCycles(t *testing.T) {
	srv := memserver.RunT(t)
	c, other := srv.ClientT(t), srv.ClientT(t)
	create(c, "/n", "")
	create(c, "/n/a", "")
	i := 0
	cycle := func() {
		for range watchers.Data(t.Context(), c, "/n") {
			break
		}
		for range watchers.Children(t.Context(), c, "/missing") {
			break
		}
		if i%10 == 0 {
			for range watchers.Persistent(t.Context(), c, "/n", zkapi.WatchPersistent) {
				break
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		x := watchers.NewTreeCache(ctx, c, "/n", func(c *watchers.CacheConfig) {
			c.Watches = []watchers.Watches{watchers.Automatic, watchers.OneShotWatches}[i%2]
		})
		require.NoError(t, x.WaitSynced(ctx))
		for range x.Changes(ctx) {
			break
		}
		if i++; i%100 == 0 {
			c.Disconnect()
			set(other, "/n", fmt.Sprint(i))
			c.Reconnect()
			require.NoError(t, x.WaitSynced(ctx))
		}
		x.Close()
	}
	for range 1000 {
		cycle()
	}
	synctest.Wait()
	require.Empty(t, srv.Watches())
	heap, before := heapInUse(), goroutines()
	for range 9000 {
		cycle()
	}
	synctest.Wait()
	require.Empty(t, srv.Watches())
	require.LessOrEqual(t, goroutines(), before)
	grown := int64(heapInUse()) - int64(heap)
	t.Logf("%d bytes more after 9,000 cycles", grown)
	require.Less(t, grown, int64(9000*32), "bytes of the heap")
}

// goroutines counts those that are there: runtime.NumGoroutine has one that ends for a little longer.
func goroutines() int {
	stacks := make([]byte, 1<<20)
	return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("\n\ngoroutine "))
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestManyChildren: there is no limit at 65,536 (CURATOR-690).
func TestManyChildren(t *testing.T) {
	if testing.Short() {
		t.Skip("66,000 nodes")
	}
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	grow(c, "/n", 66_000, 66_000)
	x := watchers.NewTreeCache(t.Context(), c, "/n")
	defer x.Close()
	require.NoError(t, x.WaitSynced(t.Context()))
	require.Equal(t, 66_001, x.Len())
	require.Len(t, x.Children("/n"), 66_000)
}

// grow makes so many nodes below a node, so many in each branch.
func grow(c zkapi.Client, root string, nodes, branch int) {
	create(c, root, "")
	var ops []zkapi.Op
	for i := range nodes {
		path := fmt.Sprintf("%s/n%06d", root, i)
		if branch < nodes {
			path = fmt.Sprintf("%s/%d/n%06d", root, i/branch, i)
		}
		if i%branch == 0 && branch < nodes {
			path = zkapi.Parent(path) // counts as one
		}
		if ops = append(ops, zkapi.CreateOp(path, []byte("some data of a node"), nil, zkapi.Persistent)); len(ops) == 1000 || i == nodes-1 {
			_, err := c.Multi(ctx, ops...)
			check(err)
			ops = ops[:0]
		}
	}
}

// BenchmarkTreeCache loads 100,000 nodes, a hundred in each branch.
func BenchmarkTreeCache(b *testing.B) {
	for name, watches := range map[string]watchers.Watches{"persistent": watchers.PersistentWatches, "one-shot": watchers.OneShotWatches} {
		b.Run("direct/"+name, func(b *testing.B) {
			srv := memserver.RunT(b)
			c := srv.ClientT(b)
			grow(c, "/n", 100_000, 100)
			for b.Loop() {
				before := heapInUse()
				start := time.Now()
				x := watchers.NewTreeCache(context.Background(), c, "/n", func(c *watchers.CacheConfig) { c.Watches = watches })
				if err := x.WaitSynced(context.Background()); err != nil || x.Len() != 100_001 {
					b.Fatal(err, x.Len())
				}
				b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms/load")
				b.ReportMetric(float64(heapInUse()-before)/100_001, "B/node")
				x.Close()
			}
		})
	}
}
