package zkapi_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// meddler is a client to which something happens before each operation on the tree.
type meddler struct {
	zkapi.Client
	before func(op zkapi.OpCode, path string) error // what it returns fails the operation
	calls  map[zkapi.OpCode]int
}

func meddle(c zkapi.Client, before func(op zkapi.OpCode, path string) error) *meddler {
	return &meddler{c, before, map[zkapi.OpCode]int{}}
}

func (m *meddler) step(op zkapi.OpCode, path string) error {
	m.calls[op]++
	if m.before == nil {
		return nil
	}
	if err := m.before(op, path); err != nil {
		return &zkapi.OpError{Op: op.String(), Path: path, Err: err}
	}
	return nil
}

func (m *meddler) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	if err := m.step(zkapi.OpCreate, path); err != nil {
		return "", err
	}
	return m.Client.Create(ctx, path, data, acl, mode)
}

func (m *meddler) Delete(ctx context.Context, path string, version int32) error {
	if err := m.step(zkapi.OpDelete, path); err != nil {
		return err
	}
	return m.Client.Delete(ctx, path, version)
}

func (m *meddler) Exists(ctx context.Context, path string) (zkapi.Stat, bool, error) {
	if err := m.step(zkapi.OpExists, path); err != nil {
		return zkapi.Stat{}, false, err
	}
	return m.Client.Exists(ctx, path)
}

func (m *meddler) Children(ctx context.Context, path string) ([]string, zkapi.Stat, error) {
	if err := m.step(zkapi.OpGetChildren2, path); err != nil {
		return nil, zkapi.Stat{}, err
	}
	return m.Client.Children(ctx, path)
}

func (m *meddler) Sync(ctx context.Context, path string) error {
	if err := m.step(zkapi.OpSync, path); err != nil {
		return err
	}
	return m.Client.Sync(ctx, path)
}

func (m *meddler) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	if err := m.step(zkapi.OpMulti, ops[0].Path); err != nil {
		return nil, err
	}
	return m.Client.Multi(ctx, ops...)
}

// paths lists a tree by brute force.
func paths(t require.TestingT, c zkapi.Client, root string) []string {
	all := []string{}
	for node, err := range zkapi.Walk(context.Background(), c, root) {
		require.NoError(t, err)
		if !strings.HasPrefix(node.Path, "/zookeeper") {
			all = append(all, node.Path)
		}
	}
	return all
}

func ensure(t require.TestingT, c zkapi.Client, paths ...string) {
	for _, path := range paths {
		require.NoError(t, zkapi.EnsurePath(context.Background(), c, path, nil))
	}
}

// once runs do before the first operation of a kind on a path.
func once(op zkapi.OpCode, path string, do func() error) func(zkapi.OpCode, string) error {
	done := false
	return func(o zkapi.OpCode, p string) error {
		if done || o != op || p != path {
			return nil
		}
		done = true
		return do()
	}
}

func TestEnsurePath(t *testing.T) {
	ctx, c := t.Context(), memserver.RunT(t).ClientT(t)
	acl := zkapi.WorldACL(zkapi.PermRead | zkapi.PermCreate)
	ensure(t, c, "/a")
	require.NoError(t, zkapi.EnsurePath(ctx, c, "/a/b/c", acl))
	require.Equal(t, []string{"/", "/a", "/a/b", "/a/b/c"}, paths(t, c, "/"))
	for path, want := range map[string][]zkapi.ACL{"/a": zkapi.OpenACL(), "/a/b": acl, "/a/b/c": acl} {
		got, _, err := c.GetACL(ctx, path)
		require.NoError(t, err)
		require.Equal(t, want, got, path)
	}
	quiet := meddle(c, nil)
	require.NoError(t, zkapi.EnsurePath(ctx, quiet, "/a/b/c", nil))
	require.NoError(t, zkapi.EnsurePath(ctx, quiet, "/", nil))
	require.Equal(t, map[zkapi.OpCode]int{zkapi.OpExists: 1}, quiet.calls, "what exists costs one read")
}

func TestEnsurePathErrors(t *testing.T) {
	ctx, c := t.Context(), memserver.RunT(t).ClientT(t)
	require.EqualError(t, zkapi.EnsurePath(ctx, c, "a", nil), `create a: path "a", column 1: no leading slash`)
	require.ErrorIs(t, zkapi.EnsurePath(ctx, c, "", nil), zkapi.ErrBadArguments)
	require.ErrorIs(t, zkapi.EnsurePath(ctx, c, "/x", []zkapi.ACL{}), zkapi.ErrInvalidACL)
	_, err := c.Create(ctx, "/e", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	require.ErrorIs(t, zkapi.EnsurePath(ctx, c, "/e/x/y", nil), zkapi.ErrNoChildrenForEphemerals)
	require.ErrorIs(t, zkapi.EnsurePath(ctx, zkapi.Chroot(c, "/nope"), "/x", nil), zkapi.ErrNoNode)

	for _, op := range []zkapi.OpCode{zkapi.OpExists, zkapi.OpCreate} {
		lossy := meddle(c, once(op, "/l", func() error { return zkapi.ErrConnectionLoss }))
		require.ErrorIs(t, zkapi.EnsurePath(ctx, lossy, "/l", nil), zkapi.ErrConnectionLoss)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, zkapi.EnsurePath(canceled, c, "/x", nil), context.Canceled)
}

// TestEnsurePathPastClosedNodes: what the caller may not see or extend does no harm.
func TestEnsurePathPastClosedNodes(t *testing.T) {
	srv := memserver.RunT(t)
	ctx, c, owner := t.Context(), srv.ClientT(t), srv.ClientT(t)
	require.NoError(t, owner.AddAuth(ctx, "digest", []byte("owner:secret")))
	ensure(t, owner, "/closed/open")
	_, err := owner.SetACL(ctx, "/closed", zkapi.CreatorAllACL(), zkapi.AnyVersion)
	require.NoError(t, err)

	require.NoError(t, zkapi.EnsurePath(ctx, c, "/closed", nil))
	require.NoError(t, zkapi.EnsurePath(ctx, c, "/closed/open/x/y", nil))
	require.ErrorIs(t, zkapi.EnsurePath(ctx, c, "/closed/x", nil), zkapi.ErrNoAuth)
	require.EqualError(t, zkapi.EnsurePath(ctx, c, "/closed/x/y/z", nil), "create /closed/x: zookeeper: NoAuth")

	// Others make it between our look and our attempt.
	late := meddle(c, once(zkapi.OpCreate, "/closed/late", func() error {
		ensure(t, owner, "/closed/late")
		return nil
	}))
	require.NoError(t, zkapi.EnsurePath(ctx, late, "/closed/late", nil))
	later := meddle(c, once(zkapi.OpCreate, "/closed/later", func() error {
		ensure(t, owner, "/closed/later")
		return nil
	}))
	require.NoError(t, zkapi.EnsurePath(ctx, later, "/closed/later/x", nil))
}

func TestEnsurePathWhenAncestorsVanish(t *testing.T) {
	ctx, c := t.Context(), memserver.RunT(t).ClientT(t)
	rude := meddle(c, once(zkapi.OpCreate, "/a/b/c", func() error { return zkapi.DeleteRecursive(ctx, c, "/a") }))
	require.NoError(t, zkapi.EnsurePath(ctx, rude, "/a/b/c", nil))
	require.Equal(t, 1, rude.calls[zkapi.OpSync], "a second look sees what the leader has seen")
	ensure(t, c, "/a/b/c")

	rude = meddle(c, once(zkapi.OpCreate, "/a/b/c/d/e", func() error { return zkapi.DeleteRecursive(ctx, c, "/a") }))
	syncFails := rude.before
	rude.before = func(op zkapi.OpCode, path string) error {
		if op == zkapi.OpSync {
			return zkapi.ErrConnectionLoss
		}
		return syncFails(op, path)
	}
	require.ErrorIs(t, zkapi.EnsurePath(ctx, rude, "/a/b/c/d/e", nil), zkapi.ErrConnectionLoss)
}

// TestEnsurePathUnderFire: others make and delete parts of the path all the time; it ends well.
func TestEnsurePathUnderFire(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ctx, c := t.Context(), memserver.RunT(rt).ClientT(rt)
		shots := rapid.SliceOfN(rapid.IntRange(0, 8), 0, 40).Draw(rt, "shots")
		fired := meddle(c, func(zkapi.OpCode, string) error {
			if len(shots) == 0 {
				return nil
			}
			shot := shots[0]
			shots = shots[1:]
			path := "/a/b/c/d"[:2*(shot%4)+2]
			switch shot / 4 {
			case 0:
				return zkapi.DeleteRecursive(ctx, c, path)
			case 1:
				return zkapi.EnsurePath(ctx, c, path, nil)
			}
			return nil
		})
		made := false
		watch, err := c.AddWatch(ctx, "/a/b/c/d", zkapi.WatchPersistent)
		require.NoError(rt, err)
		require.NoError(rt, zkapi.EnsurePath(ctx, fired, "/a/b/c/d", nil))
		for {
			ev, ok, _ := watch.TryNext()
			if !ok {
				break
			}
			made = made || ev.Type == zkapi.EventNodeCreated
		}
		require.True(rt, made)
	})
}

func TestEnsureContainers(t *testing.T) {
	ctx, c := t.Context(), memserver.RunT(t).ClientT(t)
	var modes []zkapi.CreateMode
	old := oldServer{c, &modes}
	require.NoError(t, zkapi.EnsureContainers(ctx, old, "/a/b", nil))
	require.Equal(t, []zkapi.CreateMode{zkapi.Container, zkapi.Persistent, zkapi.Persistent}, modes)

	require.NoError(t, zkapi.EnsureContainers(ctx, c, "/c/d", nil))
	ensure(t, c, "/c/d/x")
	require.NoError(t, c.Delete(ctx, "/c/d/x", zkapi.AnyVersion))
}

// oldServer does not know containers.
type oldServer struct {
	zkapi.Client
	modes *[]zkapi.CreateMode
}

func (o oldServer) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	if *o.modes = append(*o.modes, mode); mode == zkapi.Container {
		return "", &zkapi.OpError{Op: "createContainer", Path: path, Err: zkapi.ErrUnimplemented}
	}
	return o.Client.Create(ctx, path, data, acl, mode)
}

func TestCreateRecursive(t *testing.T) {
	ctx, c := t.Context(), memserver.RunT(t).ClientT(t)
	made, err := zkapi.CreateRecursive(ctx, c, "/q/jobs/j-", []byte("x"), nil, zkapi.EphemeralSequential)
	require.NoError(t, err)
	require.Equal(t, "/q/jobs/j-0000000000", made)
	made, err = zkapi.CreateRecursive(ctx, c, "/q/bare/", nil, nil, zkapi.PersistentSequential)
	require.NoError(t, err)
	require.Equal(t, "/q/bare/0000000000", made)
	_, err = zkapi.CreateRecursive(ctx, c, "/q/jobs", nil, nil, zkapi.Persistent)
	require.ErrorIs(t, err, zkapi.ErrNodeExists)
	_, err = zkapi.CreateRecursive(ctx, zkapi.Chroot(c, "/nope"), "/x", nil, nil, zkapi.Persistent)
	require.ErrorIs(t, err, zkapi.ErrNoNode)
	_, err = zkapi.CreateRecursive(ctx, c, "/q/jobs/j-0000000000/x/y", nil, nil, zkapi.Persistent)
	require.ErrorIs(t, err, zkapi.ErrNoChildrenForEphemerals)
}

// TestCreateRecursiveKeepsTheParent: a container may be reaped again and again.
func TestCreateRecursiveKeepsTheParent(t *testing.T) {
	ctx, c := t.Context(), memserver.RunT(t).ClientT(t)
	left := 3
	reaper := meddle(c, func(op zkapi.OpCode, path string) error {
		if op == zkapi.OpCreate && path == "/q/x" && left > 0 {
			left--
			return zkapi.DeleteRecursive(ctx, c, "/q")
		}
		return nil
	})
	made, err := zkapi.CreateRecursive(ctx, reaper, "/q/x", nil, nil, zkapi.Persistent)
	require.NoError(t, err)
	require.Equal(t, "/q/x", made)
	require.Zero(t, left)
	require.Equal(t, 2, reaper.calls[zkapi.OpSync])

	left = 2
	reaper.before = func(op zkapi.OpCode, path string) error {
		if op == zkapi.OpSync {
			return zkapi.ErrConnectionLoss
		}
		if op == zkapi.OpCreate && path == "/q/y" {
			return zkapi.DeleteRecursive(ctx, c, "/q")
		}
		return nil
	}
	_, err = zkapi.CreateRecursive(ctx, reaper, "/q/y", nil, nil, zkapi.Persistent)
	require.ErrorIs(t, err, zkapi.ErrConnectionLoss)
}

// genTree draws the paths of a tree.
var genTree = rapid.SliceOfN(rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 5),
	func(names []string) string { return zkapi.Join("/", names...) }), 0, 30)

func TestDeleteRecursive(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ctx, c := t.Context(), memserver.RunT(rt).ClientT(rt)
		ensure(rt, c, genTree.Draw(rt, "tree")...)
		root := rapid.SampledFrom([]string{"/", "/a", "/a/b", "/b", "/x"}).Draw(rt, "root")
		want := slices.DeleteFunc(paths(rt, c, "/"), func(path string) bool {
			return path != "/" && (root == "/" || path == root || strings.HasPrefix(path, root+"/"))
		})
		require.NoError(rt, zkapi.DeleteRecursive(ctx, c, root))
		require.Equal(rt, want, paths(rt, c, "/"))
	})
}

// TestDeleteRecursiveUnderFire: others make and delete nodes in the tree; it ends with nothing left.
func TestDeleteRecursiveUnderFire(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ctx, c := t.Context(), memserver.RunT(rt).ClientT(rt)
		ensure(rt, c, append(genTree.Draw(rt, "tree"), "/a")...)
		shots := rapid.SliceOfN(rapid.IntRange(0, 2), 0, 20).Draw(rt, "shots")
		fired := meddle(c, func(zkapi.OpCode, string) error {
			if len(shots) == 0 {
				return nil
			}
			shot := shots[0]
			shots = shots[1:]
			path := rapid.SampledFrom([]string{"/a/a/x", "/a/b", "/a/b/c/d", "/a/x"}).Draw(rt, "target")
			switch {
			case shot == 0:
				return zkapi.DeleteRecursive(ctx, c, path)
			case shot == 1 && exists(rt, c, "/a"):
				return zkapi.EnsurePath(ctx, c, path, nil)
			}
			return nil
		})
		require.NoError(rt, zkapi.DeleteRecursive(ctx, fired, "/a"))
		require.False(rt, exists(rt, c, "/a"))
	})
}

func exists(t require.TestingT, c zkapi.Client, path string) bool {
	_, ok, err := c.Exists(context.Background(), path)
	require.NoError(t, err)
	return ok
}

func TestDeleteRecursiveWideAndDeep(t *testing.T) {
	ctx, c := t.Context(), memserver.RunT(t).ClientT(t)
	for i := range 2000 {
		ensure(t, c, fmt.Sprint("/wide/", i))
	}
	counting := meddle(c, nil)
	require.NoError(t, zkapi.DeleteRecursive(ctx, counting, "/wide"))
	require.False(t, exists(t, c, "/wide"))
	require.LessOrEqual(t, total(counting.calls), 20, "%v", counting.calls)

	for i := range 100 {
		for j := range 10 {
			ensure(t, c, fmt.Sprint("/even/dir", i, "/", j))
		}
	}
	counting = meddle(c, nil)
	require.NoError(t, zkapi.DeleteRecursive(ctx, counting, "/even"))
	require.False(t, exists(t, c, "/even"))
	require.LessOrEqual(t, total(counting.calls), 220, "a look and a multi for each of the 100: %v", counting.calls)

	deep := strings.Repeat("/d", 3000)
	ensure(t, c, deep)
	counting = meddle(c, nil)
	require.NoError(t, zkapi.DeleteRecursive(ctx, counting, "/d"))
	require.False(t, exists(t, c, "/d"))
	require.LessOrEqual(t, total(counting.calls), 6010, "%v", counting.calls)
}

func total(calls map[zkapi.OpCode]int) (n int) {
	for _, k := range calls {
		n += k
	}
	return n
}

// TestDeleteRecursiveBoundsBytes: names may be long, a frame may not.
func TestDeleteRecursiveBoundsBytes(t *testing.T) {
	ctx, c := t.Context(), memserver.RunT(t).ClientT(t)
	for i := range 300 {
		ensure(t, c, fmt.Sprintf("/long/%05d%s", i, strings.Repeat("x", 10_000)))
	}
	most := 0
	require.NoError(t, zkapi.DeleteRecursive(ctx, measured{c, &most}, "/long"))
	require.False(t, exists(t, c, "/long"))
	require.Greater(t, most, 100_000)
	require.Less(t, most, 200_000)
}

type measured struct {
	zkapi.Client
	most *int
}

func (m measured) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	bytes := 0
	for _, op := range ops {
		bytes += len(op.Path)
	}
	*m.most = max(*m.most, bytes)
	return m.Client.Multi(ctx, ops...)
}

func TestDeleteRecursiveSparesTheServers(t *testing.T) {
	ctx, c := t.Context(), memserver.RunT(t).ClientT(t)
	ensure(t, c, "/zookeeper/quota/app", "/a/zookeeper/b", "/b")
	for _, path := range []string{"/zookeeper", "/zookeeper/quota", "/zookeeper/config"} {
		require.ErrorIs(t, zkapi.DeleteRecursive(ctx, c, path), zkapi.ErrBadArguments)
	}
	for _, path := range []string{"", "a", "/a/"} {
		require.ErrorIs(t, zkapi.DeleteRecursive(ctx, c, path), zkapi.ErrBadArguments)
	}
	require.NoError(t, zkapi.DeleteRecursive(ctx, c, "/"))
	require.Equal(t, []string{"/"}, paths(t, c, "/"))
	require.True(t, exists(t, c, "/zookeeper/quota/app"))
	require.NoError(t, zkapi.DeleteRecursive(ctx, c, "/zookeeper/quota/app"))
}

func TestDeleteRecursiveErrors(t *testing.T) {
	srv := memserver.RunT(t)
	ctx, c, owner := t.Context(), srv.ClientT(t), srv.ClientT(t)
	require.NoError(t, owner.AddAuth(ctx, "digest", []byte("owner:secret")))
	ensure(t, owner, "/open/unreadable", "/open/full/x", "/closed/x")
	for _, path := range []string{"/open/unreadable", "/open/full", "/closed"} {
		_, err := owner.SetACL(ctx, path, zkapi.CreatorAllACL(), zkapi.AnyVersion)
		require.NoError(t, err)
	}
	require.NoError(t, zkapi.DeleteRecursive(ctx, c, "/open/unreadable"), "to delete an empty node takes no look at it")
	err := zkapi.DeleteRecursive(ctx, c, "/open")
	require.EqualError(t, err, "getChildren2 /open/full: zookeeper: NoAuth")
	_, err = owner.SetACL(ctx, "/closed", append(zkapi.ReadACL(), zkapi.CreatorAllACL()...), zkapi.AnyVersion)
	require.NoError(t, err)
	err = zkapi.DeleteRecursive(ctx, c, "/closed")
	require.ErrorIs(t, err, zkapi.ErrNoAuth)
	require.ErrorContains(t, err, "/closed/x")
	require.EqualError(t, zkapi.DeleteRecursive(ctx, c, "/closed/x"), "delete /closed/x: zookeeper: NoAuth")

	ensure(t, c, "/l/1", "/l/2", "/l/3")
	for _, op := range []zkapi.OpCode{zkapi.OpGetChildren2, zkapi.OpDelete, zkapi.OpMulti} {
		failing := meddle(c, func(o zkapi.OpCode, _ string) error {
			if o == op {
				return zkapi.ErrConnectionLoss
			}
			return nil
		})
		require.ErrorIs(t, zkapi.DeleteRecursive(ctx, failing, "/l"), zkapi.ErrConnectionLoss, "%v", op)
	}
	ensure(t, c, "/s")
	late := meddle(c, once(zkapi.OpDelete, "/s", func() error { ensure(t, c, "/s/new"); return nil }))
	syncing := late.before
	late.before = func(op zkapi.OpCode, path string) error {
		if op == zkapi.OpSync {
			return zkapi.ErrConnectionLoss
		}
		return syncing(op, path)
	}
	require.ErrorIs(t, zkapi.DeleteRecursive(ctx, late, "/s"), zkapi.ErrConnectionLoss)
}

func TestWalk(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := memserver.RunT(rt).ClientT(rt)
		want := []string{"/"}
		for _, path := range genTree.Draw(rt, "tree") {
			ensure(rt, c, path)
			for ; path != "/"; path = zkapi.Parent(path) {
				want = append(want, path)
			}
		}
		slices.SortFunc(want, func(a, b string) int { // by names, not by bytes: "/a/b" is before "/a-"
			return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
		})
		require.Equal(rt, slices.Compact(want), paths(rt, c, "/"))
	})
}

func TestWalkTellsStats(t *testing.T) {
	c := memserver.RunT(t).ClientT(t)
	ensure(t, c, "/a/b", "/a/c")
	for node, err := range zkapi.Walk(t.Context(), c, "/a") {
		require.NoError(t, err)
		stat, ok, err := c.Exists(t.Context(), node.Path)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, stat, node.Stat)
	}
}

func TestWalkWhereNodesVanishOrAreClosed(t *testing.T) {
	srv := memserver.RunT(t)
	ctx, c, owner := t.Context(), srv.ClientT(t), srv.ClientT(t)
	require.NoError(t, owner.AddAuth(ctx, "digest", []byte("owner:secret")))
	ensure(t, owner, "/a/b/c", "/a/d/e", "/a/f")
	_, err := owner.SetACL(ctx, "/a/b", zkapi.CreatorAllACL(), zkapi.AnyVersion)
	require.NoError(t, err)
	vanishing := meddle(c, once(zkapi.OpGetChildren2, "/a/d/e", func() error { return c.Delete(ctx, "/a/d/e", 0) }))
	var seen []string
	for node, err := range zkapi.Walk(ctx, vanishing, "/a") {
		if err != nil {
			require.Zero(t, node.Stat)
			node.Path += " " + zkapi.CodeOf(err).Name()
		}
		seen = append(seen, node.Path)
	}
	require.Equal(t, []string{"/a", "/a/b NoAuth", "/a/d", "/a/f"}, seen)
}

func TestWalkErrors(t *testing.T) {
	ctx, c := t.Context(), memserver.RunT(t).ClientT(t)
	ensure(t, c, "/a/b", "/a/c")
	ends := func(c zkapi.Client, path string) (steps int, last error) {
		for _, err := range zkapi.Walk(ctx, c, path) {
			steps++
			last = err
		}
		return steps, last
	}
	steps, err := ends(c, "/nope")
	require.Equal(t, 1, steps)
	require.ErrorIs(t, err, zkapi.ErrNoNode)
	steps, err = ends(c, "")
	require.Equal(t, 1, steps)
	require.ErrorIs(t, err, zkapi.ErrBadArguments)
	steps, err = ends(meddle(c, once(zkapi.OpGetChildren2, "/a/b", func() error { return zkapi.ErrConnectionLoss })), "/a")
	require.Equal(t, 2, steps, "the loss of a connection is the end, /a/c is not reached")
	require.ErrorIs(t, err, zkapi.ErrConnectionLoss)

	for range zkapi.Walk(ctx, c, "/a") { // stops early
		break
	}
	closed := meddle(c, once(zkapi.OpGetChildren2, "/a/b", func() error { return zkapi.ErrNoAuth }))
	for _, err := range zkapi.Walk(ctx, closed, "/a") {
		if errors.Is(err, zkapi.ErrNoAuth) {
			break
		}
	}
}

func TestTxn(t *testing.T) {
	srv := memserver.RunT(t, func(c *memserver.Config) { c.ExtendedTypes = true })
	ctx, c := t.Context(), srv.ClientT(t)
	txn := zkapi.NewTxn(c).
		Create("/t", []byte("1"), nil, zkapi.Persistent).
		Check("/t", 0).
		Set("/t", []byte("2"), 0).
		CreateTTL("/t/ttl", nil, nil, zkapi.PersistentTTL, 1e9).
		Create("/t/c", nil, zkapi.ReadACL(), zkapi.Container).
		Delete("/t/c", zkapi.AnyVersion)
	require.Equal(t, []zkapi.Op{
		zkapi.CreateOp("/t", []byte("1"), nil, zkapi.Persistent),
		zkapi.CheckOp("/t", 0),
		zkapi.SetOp("/t", []byte("2"), 0),
		zkapi.CreateTTLOp("/t/ttl", nil, nil, zkapi.PersistentTTL, 1e9),
		zkapi.CreateOp("/t/c", nil, zkapi.ReadACL(), zkapi.Container),
		zkapi.DeleteOp("/t/c", -1),
	}, txn.Ops())
	txn.Ops()[0].Path = "/else"
	results, err := txn.Commit(ctx)
	require.NoError(t, err)
	require.Len(t, results, 6)
	require.Equal(t, "/t", results[0].Path)
	require.Equal(t, int32(1), results[2].Stat.Version)
	require.Equal(t, []string{"/t", "/t/ttl"}, paths(t, c, "/t"))

	results, err = txn.Add(zkapi.CheckOp("/t", 9)).Commit(ctx) // and once more, which fails at its first
	require.ErrorIs(t, err, zkapi.ErrNodeExists)
	require.Len(t, results, 7)
	require.Equal(t, zkapi.ErrNodeExists, results[0].Err)
	require.Equal(t, zkapi.ErrRuntimeInconsistency, results[6].Err)

	results, err = zkapi.NewTxn(c).Commit(ctx)
	require.NoError(t, err)
	require.Empty(t, results)
}
