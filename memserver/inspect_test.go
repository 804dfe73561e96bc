package memserver_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// What a test may look at, and snapshots.

// furnished makes a server with one node of every kind, a session id that
// never changes, and the clock of a bubble.
func furnished(t testing.TB, opts ...func(*memserver.Config)) (*memserver.Server, *memserver.Client) {
	t.Helper()
	srv := memserver.RunT(t, append(opts, extended, func(c *memserver.Config) { c.Seed = 1 })...)
	c := srv.ClientT(t)
	ctx := t.Context()
	results, err := c.Multi(ctx,
		zkapi.CreateOp("/app", []byte("text"), nil, zkapi.Persistent),
		zkapi.CreateOp("/app/b", nil, nil, zkapi.Persistent),
		zkapi.CreateOp("/app/a", []byte{}, zkapi.ReadACL(), zkapi.Persistent),
		zkapi.CreateOp("/app/e-", nil, nil, zkapi.EphemeralSequential),
		zkapi.CreateOp("/app.d", []byte{0, 255}, nil, zkapi.Container),
		zkapi.CreateTTLOp("/ttl", nil, nil, zkapi.PersistentTTL, 90*time.Second),
		zkapi.SetOp("/app", []byte("new text"), -1),
	)
	require.NoError(t, err)
	require.Len(t, results, 7)
	return srv, c
}

const furniture = `/app v1 "new text"
/app/a v0
/app/b v0 null
/app/e-0000000002 v0 ephemeral 0x100000000010000 null
/app.d v0 container "\x00\xff"
/ttl v0 ttl 1m30s null
`

func TestNode(t *testing.T) {
	srv, c := furnished(t)
	n, ok := srv.Node("/app")
	require.True(t, ok)
	_, stat, err := c.Get(t.Context(), "/app")
	require.NoError(t, err)
	require.Equal(t, memserver.Node{Path: "/app", Data: []byte("new text"), ACL: zkapi.OpenACL(), Stat: stat}, n)
	root, ok := srv.Node("/")
	require.True(t, ok)
	require.EqualValues(t, 4, root.Stat.NumChildren)
	for _, path := range []string{"/missing", "/app/", "app", "/app/a/b"} {
		n, ok := srv.Node(path)
		require.False(t, ok, path)
		require.Zero(t, n)
	}
	require.NoError(t, c.Delete(t.Context(), "/ttl", -1))
	_, ok = srv.Node("/ttl")
	require.False(t, ok)
	require.NotEmpty(t, n.Path, "what one has got stays")
}

func TestSnapshotContents(t *testing.T) {
	srv, _ := furnished(t)
	snap := srv.Snapshot()
	require.Equal(t, furniture, snap.String())
	require.Equal(t, srv.Zxid(), snap.Zxid())
	var paths []string
	for n := range snap.Nodes() {
		paths = append(paths, n.Path)
		same, ok := snap.Node(n.Path)
		require.True(t, ok)
		require.Equal(t, n, same)
		same, ok = srv.Node(n.Path)
		require.True(t, ok)
		require.Equal(t, n, same)
	}
	require.Equal(t, []string{"/", "/app", "/app/a", "/app/b", "/app/e-0000000002", "/app.d", "/ttl",
		"/zookeeper", "/zookeeper/config", "/zookeeper/quota"}, paths, "parents first, siblings by name")
	require.Equal(t, len(paths), snap.Len())
	for n := range snap.Nodes() { // one may stop
		if n.Path == "/app/a" {
			break
		}
	}
	_, ok := snap.Node("/missing")
	require.False(t, ok)
}

func TestSnapshotsDoNotChange(t *testing.T) {
	srv, c := furnished(t)
	ctx := t.Context()
	snap := srv.Snapshot()
	nodes := slices.Collect(snap.Nodes())
	require.NoError(t, c.Delete(ctx, "/app/a", -1))
	_, err := c.Set(ctx, "/app/b", []byte("x"), -1)
	require.NoError(t, err)
	open(t, c, "/app/c", "")
	require.Equal(t, nodes, slices.Collect(snap.Nodes()))
	require.NotEqual(t, nodes, slices.Collect(srv.Snapshot().Nodes()))
	require.NoError(t, srv.Close())
	require.Equal(t, furniture, snap.String())
}

// A server from a snapshot has tree, sessions and zxid, and no connections.
func TestFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, c := furnished(t)
		arm(t, c, "get", "/app")
		fork := memserver.RunT(t, memserver.From(srv.Snapshot()))
		require.Equal(t, furniture, fork.Snapshot().String())
		require.Equal(t, srv.Zxid(), fork.Zxid())
		require.Empty(t, fork.Watches())
		sessions := fork.Sessions()
		require.Len(t, sessions, 1)
		require.Equal(t, c.SessionID(), sessions[0].ID)
		require.Equal(t, []string{"/app/e-0000000002"}, sessions[0].Ephemerals)
		require.False(t, sessions[0].Connected)

		other := fork.ClientT(t)
		require.Greater(t, other.SessionID(), c.SessionID(), "ids are not used twice")
		path, err := other.Create(t.Context(), "/app/n-", nil, nil, zkapi.PersistentSequential)
		require.NoError(t, err)
		require.Equal(t, "/app/n-0000000003", path, "nor numbers")
		_, ok := srv.Node(path)
		require.False(t, ok)

		// Nobody comes back for the session, here; there it lives on.
		fork.Advance(12 * time.Second)
		_, ok = fork.Node("/app/e-0000000002")
		require.False(t, ok)
		srv.Advance(12 * time.Second)
		_, ok = srv.Node("/app/e-0000000002")
		require.True(t, ok)
	})
}

// The same moment, many futures, all at once: none sees another's.
func TestForksAreIndependent(t *testing.T) {
	srv, c := furnished(t)
	ctx := t.Context()
	for i := range 100 {
		open(t, c, fmt.Sprintf("/app/b/%03d", i), "")
	}
	snap := srv.Snapshot()
	before := slices.Collect(snap.Nodes())
	var wg sync.WaitGroup
	run := func(name string, c zkapi.Client, srv *memserver.Server) {
		wg.Go(func() {
			for i := range 100 {
				path := fmt.Sprintf("/app/b/%03d", i)
				var err error
				switch i % 3 {
				case 0:
					_, err = c.Set(ctx, path, []byte(name), -1)
				case 1:
					err = c.Delete(ctx, path, -1)
				case 2:
					_, err = c.Create(ctx, path+"/"+name, nil, nil, zkapi.Persistent)
				}
				if err != nil {
					t.Error(err)
				}
				if i%10 == 0 { // forks of forks
					if f, err := memserver.New(memserver.From(srv.Snapshot())); err != nil || f.Check() != nil {
						t.Error(err, f.Check())
					}
				}
			}
		})
	}
	forks := []*memserver.Server{srv}
	run("0", c, srv)
	for i := range 4 {
		fork := memserver.RunT(t, memserver.From(snap))
		forks = append(forks, fork)
		run(fmt.Sprint(i+1), fork.ClientT(t), fork)
		wg.Go(func() {
			if n := len(slices.Collect(snap.Nodes())); n != snap.Len() {
				t.Errorf("%d nodes of %d", n, snap.Len())
			}
		})
	}
	wg.Wait()
	require.Equal(t, before, slices.Collect(snap.Nodes()))
	for i, fork := range forks {
		require.NoError(t, fork.Check())
		n, _ := fork.Node("/app/b/000")
		require.Equal(t, fmt.Sprint(i), string(n.Data))
		n, _ = fork.Node("/app/b")
		require.EqualValues(t, 67, n.Stat.NumChildren)
		n, _ = fork.Node("/app/b/002")
		require.EqualValues(t, 1, n.Stat.NumChildren)
	}
}

func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		require.Empty(t, srv.Sessions())
		a := srv.ClientT(t, func(c *memserver.ClientConfig) { c.SessionTimeout = 5 * time.Second })
		b := ephemeral(t, srv, "/e", 10*time.Second)
		start := time.Now()
		require.Equal(t, []memserver.Session{
			{ID: a.SessionID(), Timeout: 5 * time.Second, Connected: true, Expiry: start.Add(6 * time.Second).Local()},
			{ID: b.SessionID(), Timeout: 10 * time.Second, Connected: true, Expiry: start.Add(12 * time.Second).Local(), Ephemerals: []string{"/e"}},
		}, srv.Sessions())
		srv.Disconnect(a.SessionID())
		require.False(t, srv.Sessions()[0].Connected)
		require.NoError(t, b.Close())
		require.Len(t, srv.Sessions(), 1)
		require.True(t, srv.HasSession(a.SessionID()))
		require.False(t, srv.HasSession(b.SessionID()))
	})
}

func TestWatches(t *testing.T) {
	srv := memserver.RunT(t)
	a, b := srv.ClientT(t), srv.ClientT(t)
	ctx := t.Context()
	open(t, a, "/n", "")
	require.Empty(t, srv.Watches())
	for _, kind := range []string{"get", "exists", "recursive", "persistent"} {
		arm(t, a, kind, "/n")
	}
	arm(t, b, "children", "/n")
	arm(t, b, "exists", "/missing")
	all := []string{"standard", "persistent", "recursive"}
	require.Equal(t, []memserver.Watch{
		{Path: "/missing", Session: b.SessionID(), Modes: all[:1]},
		{Path: "/n", Session: a.SessionID(), Modes: all},
		{Path: "/n", Session: a.SessionID(), Child: true, Modes: all[1:2]},
		{Path: "/n", Session: b.SessionID(), Child: true, Modes: all[:1]},
	}, srv.Watches())
	require.NoError(t, a.Delete(ctx, "/n", -1))
	require.Equal(t, []memserver.Watch{
		{Path: "/missing", Session: b.SessionID(), Modes: all[:1]},
		{Path: "/n", Session: a.SessionID(), Modes: all[1:]},
		{Path: "/n", Session: a.SessionID(), Child: true, Modes: all[1:2]},
	}, srv.Watches(), "one-shot watches are gone")
}

// The order is always the same, however many there are.
func TestWatchesAreSorted(t *testing.T) {
	srv := memserver.RunT(t)
	for range 20 {
		c := srv.ClientT(t)
		for i := range 20 {
			arm(t, c, "persistent", fmt.Sprintf("/%02d", i))
		}
	}
	watches := srv.Watches()
	require.Len(t, watches, 800)
	require.True(t, slices.IsSortedFunc(watches, func(a, b memserver.Watch) int {
		key := func(w memserver.Watch) string { return fmt.Sprintf("%s %x %v", w.Path, w.Session, w.Child) }
		return strings.Compare(key(a), key(b))
	}))
}

func TestDump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, c := furnished(t)
		arm(t, c, "get", "/app")
		arm(t, c, "children", "/app")
		other := srv.ClientT(t, func(c *memserver.ClientConfig) { c.SessionTimeout = 4 * time.Second })
		arm(t, other, "recursive", "/")
		srv.Disconnect(c.SessionID())
		c.Reconnect()
		srv.ClientT(t)
		srv.Disconnect(other.SessionID())
		var b bytes.Buffer
		srv.Dump(&b)
		require.Equal(t, `zxid 0x4
/ v0
`+furniture+`/zookeeper v0
/zookeeper/config v0
/zookeeper/quota v0
session 0x100000000010000 timeout 10s connected, 1 ephemeral nodes
session 0x100000000010001 timeout 4s disconnected, 0 ephemeral nodes
session 0x100000000010002 timeout 10s connected, 0 ephemeral nodes
watch /app data by 0x100000000010000: standard
watch /app child by 0x100000000010000: standard
`, b.String())
	})
}

// One may look at a server at any time, also while it works.
func TestInspectionWhileWorking(t *testing.T) {
	srv, c := furnished(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			path := fmt.Sprintf("/app/b/%d", i)
			if _, err := c.Create(t.Context(), path, nil, nil, zkapi.Ephemeral); err != nil {
				t.Error(err)
			}
			if i%2 == 0 {
				if err := c.Delete(t.Context(), path, -1); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	for working := true; working; {
		select {
		case <-done:
			working = false
		default:
		}
		snap := srv.Snapshot()
		require.NotZero(t, snap.Zxid())
		require.Equal(t, snap.Len(), len(slices.Collect(snap.Nodes())))
		n, ok := srv.Node("/app/b")
		require.True(t, ok)
		require.LessOrEqual(t, n.Stat.NumChildren, int32(101))
		require.LessOrEqual(t, len(srv.Sessions()[0].Ephemerals), 102)
		require.NoError(t, srv.Check())
		srv.Dump(io.Discard)
	}
	require.Len(t, srv.Sessions()[0].Ephemerals, 101)
}
