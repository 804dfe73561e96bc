package proptest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// TestSnapshotFile has a real server write a snapshot that the simulator reads,
// and the simulator one that the real server starts from.
func TestSnapshotFile(t *testing.T) {
	for _, version := range []string{"3.8.0", "3.9"} {
		t.Run("real/"+version, func(t *testing.T) {
			brief.InTurn(t, 2, 3)
			realserver.FindT(t, version)
			t.Run("read", func(t *testing.T) { readReal(t, version) })
			t.Run("written", func(t *testing.T) { startReal(t, version) })
		})
	}
}

// furnish makes nodes of all kinds, which belong to the sessions of c or to nobody.
func furnish(ctx context.Context, t *testing.T, c zkapi.Client) {
	t.Helper()
	create := func(path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) {
		t.Helper()
		_, err := c.Create(ctx, path, data, acl, mode)
		require.NoError(t, err)
	}
	create("/z", []byte("first"), nil, zkapi.Persistent)
	create("/a", nil, zkapi.WorldACL(zkapi.PermRead|zkapi.PermCreate|zkapi.PermAdmin), zkapi.Persistent)
	create("/a/empty", []byte{}, []zkapi.ACL{{Perms: zkapi.PermAll, Scheme: "world", ID: "anyone"}, {Perms: zkapi.PermRead, Scheme: "ip", ID: "10.0.0.0/8"}}, zkapi.Persistent)
	create("/a/ä", []byte{0, 0xff}, nil, zkapi.Ephemeral)
	for range 3 {
		create("/a/s-", nil, nil, zkapi.EphemeralSequential)
	}
	create("/box", nil, nil, zkapi.Container)
	create("/box/in", nil, nil, zkapi.Persistent)
	create("/gone", nil, nil, zkapi.Persistent)
	require.NoError(t, c.Delete(ctx, "/gone", -1))
	_, _, err := c.CreateTTL(ctx, "/ttl", []byte("t"), nil, zkapi.PersistentTTL, time.Hour)
	require.NoError(t, err)
	for range 3 {
		_, err = c.Set(ctx, "/z", []byte("third"), -1)
		require.NoError(t, err)
	}
	_, err = c.SetACL(ctx, "/box", zkapi.WorldACL(zkapi.PermAll&^zkapi.PermWrite), -1)
	require.NoError(t, err)
	create("/zookeeper/quota/z", nil, nil, zkapi.Persistent)
	create("/zookeeper/quota/z/zookeeper_limits", []byte("count=5,bytes=100"), nil, zkapi.Persistent)
	create("/zookeeper/quota/z/zookeeper_stats", []byte("count=0,bytes=0"), nil, zkapi.Persistent)
	create("/z/child", []byte("12"), nil, zkapi.Persistent)
}

// walk tells of every node what a client can see of it, but for the order of
// children, and for the kind of those that a client cannot tell.
func walk(ctx context.Context, t *testing.T, c zkapi.Client, path string, lines []string) []string {
	t.Helper()
	data, stat, err := c.Get(ctx, path)
	require.NoError(t, err)
	acl, _, err := c.GetACL(ctx, path)
	require.NoError(t, err)
	lines = append(lines, describe(path, data, acl, stat))
	names, _, err := c.Children(ctx, path)
	require.NoError(t, err)
	slices.Sort(names)
	for _, name := range names {
		lines = walk(ctx, t, c, strings.TrimSuffix(path, "/")+"/"+name, lines)
	}
	return lines
}

func describe(path string, data []byte, acl []zkapi.ACL, stat zkapi.Stat) string {
	return fmt.Sprintf("%s %q null %v %v %+v", path, data, data == nil, acl, stat)
}

func nodesOf(s *memserver.Snapshot) []string {
	var lines []string
	for n := range s.Nodes() {
		lines = append(lines, describe(n.Path, n.Data, n.ACL, n.Stat))
	}
	return lines
}

func readReal(t *testing.T, version string) {
	ctx, dir := t.Context(), t.TempDir()
	srv := realserver.RunT(t, version, func(o *realserver.Options) { o.Dir = dir })
	c, err := realserver.Connect(ctx, []string{srv.Addr()})
	require.NoError(t, err)
	defer c.Close()
	furnish(ctx, t, c)
	want := walk(ctx, t, c, "/", nil)
	require.NoError(t, srv.Restart(ctx), "it writes a snapshot when it starts")

	file, err := os.Open(newestSnapshot(t, dir))
	require.NoError(t, err)
	defer file.Close()
	snap, err := memserver.ReadSnapshot(file)
	require.NoError(t, err)
	require.Equal(t, want, nodesOf(snap))

	sim := memserver.RunT(t, memserver.From(snap), func(c *memserver.Config) { c.ExtendedTypes = true })
	require.Equal(t, want, nodesOf(sim.Snapshot()))
	sessions := sim.Sessions()
	require.Len(t, sessions, 1)
	require.Equal(t, c.SessionID(), sessions[0].ID)
	require.Equal(t, c.SessionTimeout(), sessions[0].Timeout)
	require.Len(t, sessions[0].Ephemerals, 4)
	sim.Advance(2 * time.Hour)
	require.NotContains(t, sim.Snapshot().String(), "/ttl", "its hour is over")
}

func newestSnapshot(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "data", "version-2", "snapshot.*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	zxid := func(file string) uint64 {
		n, err := strconv.ParseUint(strings.TrimPrefix(filepath.Ext(file), "."), 16, 64)
		require.NoError(t, err)
		return n
	}
	return slices.MaxFunc(files, func(a, b string) int { return int(zxid(a)) - int(zxid(b)) })
}

func startReal(t *testing.T, version string) {
	ctx, dir := t.Context(), t.TempDir()
	sim := memserver.RunT(t, func(c *memserver.Config) { c.ExtendedTypes = true })
	ours := sim.ClientT(t, func(c *memserver.ClientConfig) { c.SessionTimeout = 40 * time.Second })
	furnish(ctx, t, ours)
	snap := sim.Snapshot()
	data := filepath.Join(dir, "data", "version-2")
	require.NoError(t, os.MkdirAll(data, 0o700))
	file, err := os.Create(filepath.Join(data, fmt.Sprintf("snapshot.%x", snap.Zxid())))
	require.NoError(t, err)
	_, err = snap.WriteTo(file)
	require.NoError(t, err)
	require.NoError(t, file.Close())

	srv := realserver.RunT(t, version, func(o *realserver.Options) { o.Dir = dir })
	require.NotContains(t, srv.Log(), "not matching", "the digest of the tree")
	c, err := realserver.Connect(ctx, []string{srv.Addr()})
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, nodesOf(snap), walk(ctx, t, c, "/", nil))
	_, stat, err := c.Create2(ctx, "/next", nil, nil, zkapi.Persistent)
	require.NoError(t, err)
	require.Equal(t, snap.Zxid()+2, stat.Czxid, "the zxid goes on from the snapshot's, by a session and a node")
	require.NoError(t, srv.Expire(ctx, ours.SessionID()), "the session is there, and its password is right")
	_, there, err := c.Exists(ctx, "/a/ä")
	require.NoError(t, err)
	require.False(t, there)
}
