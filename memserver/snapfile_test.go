package memserver_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// fullServer has nodes of all kinds, sessions with and without a connection, and a quota.
func fullServer(t *testing.T) *memserver.Server {
	srv := memserver.RunT(t, func(c *memserver.Config) { c.ExtendedTypes, c.Seed = true, 7 })
	c, ctx := srv.ClientT(t), t.Context()
	create := func(path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) {
		t.Helper()
		_, err := c.Create(ctx, path, data, acl, mode)
		require.NoError(t, err)
	}
	create("/z", []byte("first"), nil, zkapi.Persistent)
	create("/a", nil, zkapi.WorldACL(zkapi.PermRead|zkapi.PermCreate), zkapi.Persistent)
	create("/a/empty", []byte{}, []zkapi.ACL{{Perms: zkapi.PermAll, Scheme: "digest", ID: "u:x"}, {Perms: 1, Scheme: "ip", ID: "10.0.0.0/8"}}, zkapi.Persistent)
	create("/a/ä", []byte{0, 0xff}, nil, zkapi.Ephemeral)
	create("/a/s-", nil, nil, zkapi.EphemeralSequential)
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
	create("/zookeeper/quota/z", nil, nil, zkapi.Persistent)
	create("/zookeeper/quota/z/zookeeper_limits", []byte("count=5,bytes=100"), nil, zkapi.Persistent)
	create("/zookeeper/quota/z/zookeeper_stats", []byte("count=0,bytes=0"), nil, zkapi.Persistent)
	other := srv.ClientT(t)
	_, err = other.Create(ctx, "/other", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	srv.Disconnect(other.SessionID())
	return srv
}

// whole is everything that is in a snapshot, as text.
func whole(s *memserver.Snapshot) string {
	var b strings.Builder
	fmt.Fprintf(&b, "zxid %d\n", s.Zxid())
	for n := range s.Nodes() {
		fmt.Fprintf(&b, "%q %q null %v %v %+v container %v ttl %v\n", n.Path, n.Data, n.Data == nil, n.ACL, n.Stat, n.Container, n.TTL)
	}
	return b.String()
}

func TestSnapshotFile(t *testing.T) {
	srv := fullServer(t)
	var file bytes.Buffer
	before := srv.Snapshot()
	n, err := before.WriteTo(&file)
	require.NoError(t, err)
	require.EqualValues(t, file.Len(), n)
	read := func(file []byte) *memserver.Snapshot {
		t.Helper()
		snap, err := memserver.ReadSnapshot(bytes.NewReader(file))
		require.NoError(t, err)
		require.Equal(t, whole(before), whole(snap))
		return snap
	}
	snap := read(file.Bytes())

	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err = z.Write(file.Bytes())
	require.NoError(t, err)
	require.NoError(t, z.Close())
	read(zipped.Bytes())

	again := memserver.RunT(t, memserver.From(snap), func(c *memserver.Config) { c.ExtendedTypes, c.Seed = true, 7 })
	var ours, theirs []memserver.Session
	for _, s := range srv.Sessions() {
		s.Connected, s.Expiry = false, time.Time{}
		ours = append(ours, s)
	}
	for _, s := range again.Sessions() {
		s.Expiry = time.Time{}
		theirs = append(theirs, s)
	}
	require.Equal(t, ours, theirs)
	c := again.ClientT(t)
	for _, s := range ours {
		require.NotEqual(t, s.ID, c.SessionID())
	}
	a, _, err := srv.ClientT(t).Children(t.Context(), "/")
	require.NoError(t, err)
	b, _, err := c.Children(t.Context(), "/")
	require.NoError(t, err)
	require.Equal(t, a, b, "the order of children as well")
	_, err = c.Create(t.Context(), "/z/child", nil, nil, zkapi.Persistent)
	require.NoError(t, err)
	stats, _ := again.Node("/zookeeper/quota/z/zookeeper_stats")
	require.Equal(t, "count=2,bytes=5", string(stats.Data), "the quota is armed")
	again.Advance(2 * time.Hour)
	require.NotContains(t, again.Snapshot().String(), "/ttl")
	require.NotContains(t, again.Snapshot().String(), "/other", "its session has expired")
}

// TestSnapshotFileDamaged: whatever is wrong with a file is found, and told.
func TestSnapshotFileDamaged(t *testing.T) {
	var buf bytes.Buffer
	_, err := fullServer(t).Snapshot().WriteTo(&buf)
	require.NoError(t, err)
	file := buf.Bytes()
	reason := func(file []byte) string {
		_, err := memserver.ReadSnapshot(bytes.NewReader(file))
		if err == nil {
			return ""
		}
		return strings.TrimPrefix(err.Error(), "memserver: snapshot: ")
	}
	require.Equal(t, "it is not a snapshot of ZooKeeper", reason(nil))
	require.Equal(t, "it is not a snapshot of ZooKeeper", reason([]byte("ZKLG\x00\x00\x00\x02")))
	require.Equal(t, "its format is version 3, not 2", reason(append([]byte("ZKSN\x00\x00\x00\x03"), file[8:]...)))
	require.Equal(t, "it is compressed with snappy; only gzip is known (snapshot.compression.method=gz)", reason([]byte("\x82SNAPPY\x00...")))
	require.Equal(t, "unexpected EOF", reason([]byte("\x1f\x8b\x08")))
	// The file ends where it does, or where one of 3.8 or of 3.5 does.
	ends := map[int]bool{len(file): true, len(file) - 21: true, len(file) - 21 - 33: true}
	for n := range file {
		require.Equal(t, ends[n], reason(file[:n]) == "", "cut to %d of %d bytes", n, len(file))
	}
	for i := 16; i < len(file); i++ { // the database's number in front says nothing
		bad := bytes.Clone(file)
		bad[i] ^= 0x10
		require.NotEmpty(t, reason(bad), "byte %d", i)
	}
}

// FuzzReadSnapshot: no file breaks the server, and what is read is sound.
func FuzzReadSnapshot(f *testing.F) {
	srv, err := memserver.New()
	require.NoError(f, err)
	defer srv.Close()
	var file bytes.Buffer
	_, err = srv.Snapshot().WriteTo(&file)
	require.NoError(f, err)
	f.Add(file.Bytes())
	f.Add(file.Bytes()[:100])
	f.Fuzz(func(t *testing.T, file []byte) {
		snap, err := memserver.ReadSnapshot(bytes.NewReader(file))
		if err != nil {
			return
		}
		var again bytes.Buffer
		_, err = snap.WriteTo(&again)
		require.NoError(t, err)
		second, err := memserver.ReadSnapshot(&again)
		require.NoError(t, err)
		require.Equal(t, whole(snap), whole(second))
	})
}
