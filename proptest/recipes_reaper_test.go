package proptest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// TestRecipesReaper: the directories of a recipe are containers, and so is what they are in. The
// server deletes those that are empty, before or after one of the requests of all clients, or each of
// them. A few times in a row it does not even wait until they have had a child, as servers can be told.
func TestRecipesReaper(t *testing.T) {
	reaped := func(t *testing.T, kind string, run runCase) {
		by := map[string]int{"direct": 3, "wire": 11, "real": 61}[kind] * brief.Or(3, 1)
		for _, x := range trials() {
			if kind == "real" && x.variant && !*allRequests || leftOut(kind, x.n, 15) {
				continue
			}
			t.Run(x.name, func(t *testing.T) {
				r := &reaper{}
				play := func(e *recipeEnv) { r.play(e, &x) }
				run(t, "", play)
				last := r.steps.Load()
				for r.at = int64(1 + x.n%min(by, 7)); r.at < last; r.at += int64(by) {
					run(t, "", play)
				}
				t.Logf("%d containers were deleted", r.deleted.Load())
			})
		}
	}
	inMemory(t, reaped, func(c *memserver.Config) { c.ContainerInterval = reaperInterval })
	t.Run("real/3.9", func(t *testing.T) {
		brief.InTurn(t, 1, 3)
		srv := realserver.RunT(t, "3.9", func(o *realserver.Options) {
			o.TickTime = faultTick
			o.Config["znode.container.checkIntervalMs"] = "10" // all the time
		})
		reaped(t, "real", onRealServer(srv))
	})
}

// reaperInterval is how often the simulator looks for containers that are empty.
const reaperInterval = time.Second

// row is how many times in a row the server does not wait for a child.
const row = 20

// reaper has empty containers deleted while a recipe is at work.
type reaper struct {
	at         int64 // the beginning or end of a request; 0 is all of them
	containers []string
	steps      atomic.Int64
	deleted    atomic.Int64

	mu    sync.Mutex
	named map[string][]string // by path, the data of the nodes that have had it, one after the other
}

// play plays a recipe with every directory a container, as often as it is made.
func (r *reaper) play(e *recipeEnv, x *trial) {
	containers := map[string]bool{e.root: true}
	for _, dir := range x.directories() {
		for path := e.root + dir; path != e.root; path = zkapi.Parent(path) {
			containers[path] = true
		}
	}
	r.containers = slices.Sorted(maps.Keys(containers))
	slices.Reverse(r.containers) // what is in them before them
	r.steps.Store(0)
	r.named = make(map[string][]string)
	e.bare, e.sameName = true, r.sameName
	e.wrap = func(c zkapi.Client) zkapi.Client {
		return &steps{Client: &containing{c, containers, r}, each: func() { r.step(e) }}
	}
	if err := e.truth.Delete(e.ctx, e.root, zkapi.AnyVersion); err != nil {
		e.t.Errorf("%v", err)
	}
	x.play(e, e.client("a"))
}

func (r *reaper) step(e *recipeEnv) {
	switch now := r.steps.Add(1); {
	case r.at == 0 && e.srv != nil: // a real server does it anyway
		before := e.srv.Zxid()
		e.srv.Advance(time.Duration(len(r.containers)) * reaperInterval)
		r.deleted.Add(e.srv.Zxid() - before)
	case r.at <= now && now < r.at+row:
		for _, path := range r.containers {
			err := e.truth.Delete(e.ctx, path, zkapi.AnyVersion)
			if err == nil {
				r.deleted.Add(1)
			} else if !errors.Is(err, zkapi.ErrNoNode) && !errors.Is(err, zkapi.ErrNotEmpty) {
				e.t.Errorf("%v", err)
			}
		}
	}
}

// containing is a client whose directories are containers.
type containing struct {
	zkapi.Client
	containers map[string]bool
	*reaper
}

func (c *containing) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	if mode == zkapi.Persistent && c.containers[path] {
		mode = zkapi.Container
	}
	return c.Client.Create(ctx, path, data, acl, mode)
}

func (c *containing) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	results, err := c.Client.Multi(ctx, ops...)
	for i, x := range results {
		if x.Path != "" && ops[i].Data != nil {
			c.name(x.Path, string(ops[i].Data))
		}
	}
	return results, err
}

func (r *reaper) name(path, data string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.named[path] = append(r.named[path], data)
}

// sameName tells whether two items have had the same name, one after the other.
func (r *reaper) sameName(item, other string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, all := range r.named {
		has := func(item string) bool {
			return slices.ContainsFunc(all, func(data string) bool { return strings.Contains(data, item) })
		}
		if len(all) > 1 && has(item) && has(other) {
			return true
		}
	}
	return false
}

// Only items that have had the same name may be taken for each other.
func TestReaperKnowsNames(t *testing.T) {
	r := &reaper{named: make(map[string][]string)}
	r.name("/q/n-0", "a0")
	r.name("/q/n-1", "a1")
	r.name("/q/n-0", "b0")
	require.True(t, r.sameName("a0", "b0"))
	require.False(t, r.sameName("a1", "b0"))
	require.False(t, r.sameName("a0", "a1"))

	b := &books{in: map[string]int{"a0": 1, "a1": 1, "b0": 1}, out: map[string]int{"a0": 2}, confusable: r.sameName}
	lost, twice := b.unconfused()
	require.Equal(t, []string{"a1"}, lost)
	require.Empty(t, twice)
}
