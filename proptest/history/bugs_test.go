package history_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/history"
	"github.com/zksim/zksim/zkapi"
)

// client is a direct client with a bug in it.
type client struct {
	*memserver.Client
	srv   *memserver.Server
	calls int
}

// every tells of every nth call that it is one.
func (c *client) every(n int) bool { c.calls++; return c.calls%n == 0 }

// bugs are what TestBugs plants, and a part of what Check has to say.
var bugs = []struct {
	name string
	wrap func(client) zkapi.Client
	said []string
}{
	{"a write is acknowledged and lost", func(c client) zkapi.Client { return &losesWrites{c} }, []string{"no order of these", "two states"}},
	{"a delete is acknowledged and lost", func(c client) zkapi.Client { return &losesDeletes{c} }, []string{"no order of these", "goes back"}},
	{"a write is done twice", func(c client) zkapi.Client { return &repeats{c} }, []string{"one write has two zxids", "no order of these"}},
	{"a read goes back", func(c client) zkapi.Client { return &goesBack{client: c, seen: map[string]read{}} }, []string{"goes back"}},
	{"an event is late", func(c client) zkapi.Client { return &tellsLate{c} }, []string{"before the client's watch tells"}},
	{"a multi is no transaction", func(c client) zkapi.Client { return &dividesMultis{c} }, []string{"one write has two zxids", "a write that failed was done"}},
	{"ephemeral nodes stay", func(c client) zkapi.Client { return &keepsEphemerals{c} }, []string{"no order of these"}},
	{"clients count sequences for themselves", func(c client) zkapi.Client { return &countsItself{c, int(c.SessionID() % 7 * 100)} }, []string{"sequence numbers"}},
	{"a call hangs", func(c client) zkapi.Client { return &hangs{c} }, []string{"no answer after 1m0s"}},
}

func TestBugs(t *testing.T) {
	for _, bug := range bugs {
		t.Run(bug.name, func(t *testing.T) {
			for seed := uint64(1); seed <= 20; seed++ {
				if found := violations(t, seed, false, bug.wrap); len(found) > 0 {
					require.True(t, slices.ContainsFunc(bug.said, func(s string) bool { return strings.Contains(found[0], s) }), found[0])
					t.Logf("found with seed %d", seed)
					return
				}
			}
			t.Error("not found in 20 histories")
		})
	}
}

// A server that is behind, as a follower may be, is none where reads are not
// expected to be fresh.
func TestLag(t *testing.T) {
	lag := func(c client) zkapi.Client { return &lags{client: c} }
	found := 0
	for seed := uint64(1); seed <= 10; seed++ {
		require.Empty(t, violations(t, seed, false, lag))
		found += len(violations(t, seed, true, lag))
	}
	require.NotZero(t, found)
}

// violations is what is wrong with one history on clients with a bug.
func violations(t *testing.T, seed uint64, single bool, wrap func(client) zkapi.Client) (found []string) {
	synctest.Test(t, func(t *testing.T) {
		srv, err := memserver.New()
		require.NoError(t, err)
		defer srv.Close()
		h, err := history.Run(direct(srv, func(c *memserver.Client) zkapi.Client { return wrap(client{Client: c, srv: srv}) }), config(seed))
		if err != nil {
			found = []string{err.Error()}
			return
		}
		found = h.Violations(single)
	})
	return found
}

type losesWrites struct{ client }

func (c *losesWrites) Set(ctx context.Context, path string, data []byte, version int32) (zkapi.Stat, error) {
	stat, ok, err := c.Exists(ctx, path)
	if c.every(5) && err == nil && ok && (version == -1 || version == stat.Version) {
		stat.Version++
		stat.Mzxid = c.srv.Zxid() + 1
		return stat, nil
	}
	return c.Client.Set(ctx, path, data, version)
}

type losesDeletes struct{ client }

func (c *losesDeletes) Delete(ctx context.Context, path string, version int32) error {
	stat, ok, err := c.Exists(ctx, path)
	if c.every(3) && err == nil && ok && (version == -1 || version == stat.Version) {
		return nil
	}
	return c.Client.Delete(ctx, path, version)
}

type repeats struct{ client }

func (c *repeats) Set(ctx context.Context, path string, data []byte, version int32) (zkapi.Stat, error) {
	stat, err := c.Client.Set(ctx, path, data, version)
	if err == nil && c.every(5) {
		_, _ = c.Client.Set(ctx, path, data, zkapi.AnyVersion)
	}
	return stat, err
}

// goesBack now and then answers a read with what it has read the time before.
type goesBack struct {
	client
	seen map[string]read
}

type read struct {
	data []byte
	stat zkapi.Stat
}

func (c *goesBack) Get(ctx context.Context, path string) ([]byte, zkapi.Stat, error) {
	data, stat, err := c.Client.Get(ctx, path)
	if err != nil {
		return data, stat, err
	}
	old, ok := c.seen[path]
	if ok && c.every(3) {
		return old.data, old.stat, nil
	}
	c.seen[path] = read{data, stat}
	return data, stat, nil
}

type tellsLate struct{ client }

func (c *tellsLate) GetW(ctx context.Context, path string) ([]byte, zkapi.Stat, <-chan zkapi.Event, error) {
	data, stat, events, err := c.Client.GetW(ctx, path)
	late := make(chan zkapi.Event, 1)
	if err == nil {
		go func() {
			e := <-events
			time.Sleep(10 * time.Millisecond)
			late <- e
		}()
	}
	return data, stat, late, err
}

type dividesMultis struct{ client }

func (c *dividesMultis) Multi(ctx context.Context, ops ...zkapi.Op) (all []zkapi.OpResult, err error) {
	for _, op := range ops {
		results, opErr := c.Client.Multi(ctx, op)
		all = append(all, results...)
		if err == nil {
			err = opErr
		}
	}
	return all, err
}

type keepsEphemerals struct{ client }

func (c *keepsEphemerals) Create2(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, zkapi.Stat, error) {
	if mode != zkapi.Ephemeral {
		return c.Client.Create2(ctx, path, data, acl, mode)
	}
	made, stat, err := c.Client.Create2(ctx, path, data, acl, zkapi.Persistent)
	stat.EphemeralOwner = c.SessionID()
	return made, stat, err
}

type countsItself struct {
	client
	next int
}

func (c *countsItself) Create2(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, zkapi.Stat, error) {
	for mode == zkapi.PersistentSequential {
		made, stat, err := c.Client.Create2(ctx, fmt.Sprintf("%s%010d", path, c.next), data, acl, zkapi.Persistent)
		if c.next++; zkapi.CodeOf(err) != zkapi.ErrNodeExists {
			return made, stat, err
		}
	}
	return c.Client.Create2(ctx, path, data, acl, mode)
}

type hangs struct{ client }

func (c *hangs) Get(ctx context.Context, path string) ([]byte, zkapi.Stat, error) {
	if c.every(10) {
		<-ctx.Done()
		return nil, zkapi.Stat{}, ctx.Err()
	}
	return c.Client.Get(ctx, path)
}

// lags reads from a moment that is behind, but never goes back, nor behind a write of its own.
type lags struct {
	client
	moment *memserver.Snapshot
}

func (c *lags) catchUp() { c.moment = c.srv.Snapshot() }

func (c *lags) Get(ctx context.Context, path string) ([]byte, zkapi.Stat, error) {
	_, stat, err := c.Client.Get(ctx, path)
	if err != nil && zkapi.CodeOf(err) != zkapi.ErrNoNode {
		return nil, stat, err
	}
	if c.moment == nil || c.every(3) {
		c.catchUp()
	}
	node, ok := c.moment.Node(path)
	if !ok {
		return nil, zkapi.Stat{}, &zkapi.OpError{Op: "getData", Path: path, Err: zkapi.ErrNoNode}
	}
	return node.Data, node.Stat, nil
}

func (c *lags) GetW(ctx context.Context, path string) ([]byte, zkapi.Stat, <-chan zkapi.Event, error) {
	defer c.catchUp()
	return c.Client.GetW(ctx, path)
}

func (c *lags) Set(ctx context.Context, path string, data []byte, version int32) (zkapi.Stat, error) {
	defer c.catchUp()
	return c.Client.Set(ctx, path, data, version)
}

func (c *lags) Create2(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, zkapi.Stat, error) {
	defer c.catchUp()
	return c.Client.Create2(ctx, path, data, acl, mode)
}

func (c *lags) Delete(ctx context.Context, path string, version int32) error {
	defer c.catchUp()
	return c.Client.Delete(ctx, path, version)
}

func (c *lags) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	defer c.catchUp()
	return c.Client.Multi(ctx, ops...)
}

func (c *lags) Sync(ctx context.Context, path string) error {
	defer c.catchUp()
	return c.Client.Sync(ctx, path)
}
