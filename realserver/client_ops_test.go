package realserver_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi"
)

// What go-zookeeper has no methods for, or only half; TestClient runs the
// behaviours on all servers.

// events is what has come, after a reply that comes after it.
func events(t testing.TB, c zkapi.Client, s *zkapi.Stream[zkapi.Event]) []zkapi.Event {
	t.Helper()
	_, _, err := c.Exists(t.Context(), "/")
	require.NoError(t, err)
	return sofar(s)
}

func addWatch(t testing.TB, c zkapi.Client, path string, mode zkapi.WatchMode) *zkapi.Stream[zkapi.Event] {
	t.Helper()
	s, err := c.AddWatch(t.Context(), path, mode)
	require.NoError(t, err)
	return s
}

func testPersistentWatches(t *testing.T, e *env) {
	c, ctx := e.connect(t), t.Context()
	n := e.root + "/n"
	one := addWatch(t, c, n, zkapi.WatchPersistent)
	all := addWatch(t, c, e.root, zkapi.WatchPersistentRecursive)
	again := addWatch(t, c, e.root, zkapi.WatchPersistentRecursive)
	other := addWatch(t, c, e.root+"/m", zkapi.WatchPersistentRecursive)

	_, made, err := c.Create2(ctx, n, nil, nil, zkapi.Persistent)
	require.NoError(t, err)
	_, child, err := c.Create2(ctx, n+"/child", nil, nil, zkapi.Persistent)
	require.NoError(t, err)
	set, err := c.Set(ctx, n, []byte("x"), -1)
	require.NoError(t, err)
	require.NoError(t, c.Delete(ctx, n+"/child", -1))
	_, _, gone, err := c.ChildrenW(ctx, n)
	require.NoError(t, err)
	_, after, err := c.Get(ctx, n)
	require.NoError(t, err)

	ev := func(kind zkapi.EventType, path string, zxid int64) zkapi.Event {
		return zkapi.Event{Type: kind, Path: path, Zxid: e.zxid(zxid)}
	}
	recursive := []zkapi.Event{
		ev(zkapi.EventNodeCreated, n, made.Czxid),
		ev(zkapi.EventNodeCreated, n+"/child", child.Czxid),
		ev(zkapi.EventNodeDataChanged, n, set.Mzxid),
		ev(zkapi.EventNodeDeleted, n+"/child", after.Pzxid),
	}
	require.Equal(t, recursive, events(t, c, all))
	require.Equal(t, recursive, events(t, c, again))
	require.Equal(t, []zkapi.Event{
		ev(zkapi.EventNodeCreated, n, made.Czxid),
		ev(zkapi.EventNodeChildrenChanged, n, child.Czxid),
		ev(zkapi.EventNodeDataChanged, n, set.Mzxid),
		ev(zkapi.EventNodeChildrenChanged, n, after.Pzxid),
	}, events(t, c, one))
	require.Empty(t, events(t, c, other))
	silent(t, gone)

	_, err = c.AddWatch(ctx, n, zkapi.WatchMode(7))
	requireOpError(t, err, "addWatch", n, zkapi.ErrMarshalling)
	require.NoError(t, c.Close())
	for _, s := range []*zkapi.Stream[zkapi.Event]{one, all} {
		last, err := s.Next(ctx)
		require.NoError(t, err)
		require.ErrorIs(t, last.Err, zkapi.ErrClosed)
		_, err = s.Next(ctx)
		require.ErrorIs(t, err, zkapi.ErrClosed, "and no more")
	}
	_, err = c.AddWatch(ctx, n, zkapi.WatchPersistent)
	requireOpError(t, err, "addWatch", n, zkapi.ErrClosed)
}

func testRemoveWatches(t *testing.T, e *env) {
	c, ctx := e.connect(t), t.Context()
	n := e.root + "/n"
	requireOpError(t, c.RemoveWatches(ctx, n, zkapi.WatchTypeAny), "removeWatches", n, zkapi.ErrNoWatcher)
	requireOpError(t, c.RemoveWatches(ctx, n, zkapi.WatchType(9)), "removeWatches", n, zkapi.ErrMarshalling)
	_, _, created, err := c.ExistsW(ctx, n)
	require.NoError(t, err)
	require.NoError(t, c.RemoveWatches(ctx, n, zkapi.WatchTypeData))
	require.Equal(t, zkapi.Event{Type: zkapi.EventDataWatchRemoved, Path: n, Zxid: -1}, event(t, created))

	create(t, c, n, "")
	_, _, data, err := c.GetW(ctx, n)
	require.NoError(t, err)
	_, _, children, err := c.ChildrenW(ctx, n)
	require.NoError(t, err)
	require.NoError(t, c.RemoveWatches(ctx, n, zkapi.WatchTypeChildren))
	require.Equal(t, zkapi.Event{Type: zkapi.EventChildWatchRemoved, Path: n, Zxid: -1}, event(t, children))
	silent(t, data)

	stream := addWatch(t, c, n, zkapi.WatchPersistentRecursive)
	require.NoError(t, c.RemoveWatches(ctx, n, zkapi.WatchTypeAny))
	require.Equal(t, zkapi.EventDataWatchRemoved, event(t, data).Type)
	last, err := stream.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, zkapi.Event{Type: zkapi.EventPersistentWatchRemoved, Path: n, Zxid: -1}, last)
	_, err = stream.Next(ctx)
	require.ErrorIs(t, err, zkapi.ErrClosed)
	stream.Close() // which has nothing left to remove
	requireOpError(t, c.RemoveWatches(ctx, n, zkapi.WatchTypeAny), "removeWatches", n, zkapi.ErrNoWatcher)

	kept := addWatch(t, c, n, zkapi.WatchPersistent)
	byType := c.RemoveWatches(ctx, n, zkapi.WatchTypePersistent)
	if e.v38 {
		requireOpError(t, byType, "removeWatches", n, zkapi.ErrMarshalling)
		require.Empty(t, events(t, c, kept))
	} else {
		require.NoError(t, byType)
		require.Len(t, events(t, c, kept), 1)
	}
}

// A closed stream takes its watch from the server, if it was the last.
func testStreamsClosed(t *testing.T, e *env) {
	c, ctx := e.connect(t), t.Context()
	n := e.root + "/n"
	one, two := addWatch(t, c, n, zkapi.WatchPersistent), addWatch(t, c, n, zkapi.WatchPersistent)
	one.Close()
	create(t, c, n, "")
	require.Len(t, events(t, c, two), 1, "the other one goes on")
	two.Close()
	requireOpError(t, c.RemoveWatches(ctx, n, zkapi.WatchTypeAny), "removeWatches", n, zkapi.ErrNoWatcher)

	// Another watch on the same path stays.
	stream := addWatch(t, c, n, zkapi.WatchPersistentRecursive)
	_, _, once, err := c.GetW(ctx, n)
	require.NoError(t, err)
	stream.Close()
	_, err = c.Set(ctx, n, nil, -1)
	require.NoError(t, err)
	require.Equal(t, zkapi.EventNodeDataChanged, event(t, once).Type)
}

// Who gives up a watch takes it off the server, with the last of its kind, and no other.
func testUnwatch(t *testing.T, e *env) {
	c := e.connect(t)
	n := e.root + "/n"
	create(t, c, n, "")
	arms := map[string]func(context.Context) (<-chan zkapi.Event, error){
		"get": func(ctx context.Context) (ch <-chan zkapi.Event, err error) {
			_, _, ch, err = c.GetW(ctx, n)
			return ch, err
		},
		"exists": func(ctx context.Context) (ch <-chan zkapi.Event, err error) {
			_, _, ch, err = c.ExistsW(ctx, n)
			return ch, err
		},
		"children": func(ctx context.Context) (ch <-chan zkapi.Event, err error) {
			_, _, ch, err = c.ChildrenW(ctx, n)
			return ch, err
		},
	}
	armed := make(map[string]<-chan zkapi.Event)
	drops := make(map[string]func())
	for _, name := range []string{"get", "exists", "children", "get again"} {
		ctx, drop := zkapi.Unwatchable(t.Context())
		ch, err := arms[strings.TrimSuffix(name, " again")](ctx)
		require.NoError(t, err)
		armed[name], drops[name] = ch, drop
	}
	for _, name := range []string{"get", "children"} {
		drops[name]()
		_, ok := <-armed[name]
		require.False(t, ok, "%s is closed without an event", name)
	}
	requireOpError(t, c.RemoveWatches(t.Context(), n, zkapi.WatchTypeChildren), "removeWatches", n, zkapi.ErrNoWatcher)
	_, err := c.Set(t.Context(), n, nil, -1)
	require.NoError(t, err)
	require.Equal(t, zkapi.EventNodeDataChanged, event(t, armed["exists"]).Type, "the others of the kind go on")
	drops["exists"]()
	require.Equal(t, zkapi.EventNodeDataChanged, event(t, armed["get again"]).Type)

	// The last one goes from the server, also where the node is not there.
	for _, path := range []string{n, e.root + "/missing"} {
		ctx, drop := zkapi.Unwatchable(t.Context())
		_, _, _, err = c.ExistsW(ctx, path)
		require.NoError(t, err)
		drop()
		requireOpError(t, c.RemoveWatches(t.Context(), path, zkapi.WatchTypeAny), "removeWatches", path, zkapi.ErrNoWatcher)
	}
	stream := addWatch(t, c, n, zkapi.WatchPersistent)
	ctx, drop := zkapi.Unwatchable(t.Context())
	_, _, _, err = c.ChildrenW(ctx, n)
	require.NoError(t, err)
	drop()
	create(t, c, n+"/child", "")
	require.Len(t, events(t, c, stream), 1, "a persistent one stays")
	stream.Close()

	// In whatever order they go, in the end there are none.
	for i := range 3 {
		watching, unget := zkapi.Unwatchable(t.Context())
		_, _, _, err = c.GetW(watching, n)
		require.NoError(t, err)
		watching, unlist := zkapi.Unwatchable(t.Context())
		_, _, _, err = c.ChildrenW(watching, n)
		require.NoError(t, err)
		stream := addWatch(t, c, n, zkapi.WatchPersistentRecursive)
		drops := []func(){unget, unlist, stream.Close}
		for j := range drops {
			drops[(i+j)%3]()
		}
		stream = addWatch(t, c, n, zkapi.WatchPersistent)
		stream.Close()
		requireOpError(t, c.RemoveWatches(t.Context(), n, zkapi.WatchTypeAny), "removeWatches", n, zkapi.ErrNoWatcher)
	}
}

func testMultiOfAllKinds(t *testing.T, e *env) {
	c, ctx := e.connect(t), t.Context()
	n := e.root + "/n"
	results, err := c.Multi(ctx,
		zkapi.CreateOp(n, []byte("x"), nil, zkapi.Container),
		zkapi.CreateTTLOp(n+"/t-", nil, nil, zkapi.PersistentSequentialTTL, time.Hour),
		zkapi.CreateOp(n+"/p", nil, zkapi.ReadACL(), zkapi.Persistent),
	)
	require.NoError(t, err)
	require.Equal(t, []string{n, n + "/t-0000000000", n + "/p"}, []string{results[0].Path, results[1].Path, results[2].Path})
	require.NotZero(t, results[0].Stat.Czxid, "creates of these kinds have a Stat")
	require.Equal(t, results[0].Stat.Czxid, results[1].Stat.Czxid)
	require.Zero(t, results[2].Stat, "plain ones have none")
	acl, _, err := c.GetACL(ctx, n+"/p")
	require.NoError(t, err)
	require.Equal(t, zkapi.ReadACL(), acl)
}

func testMultiRead(t *testing.T, e *env) {
	c, ctx := e.connect(t), t.Context()
	create(t, c, e.root+"/n", "data")
	_, stat, err := c.Get(ctx, e.root+"/n")
	require.NoError(t, err)
	results, err := c.MultiRead(ctx, zkapi.GetOp(e.root+"/n"), zkapi.GetOp(e.root+"/none"), zkapi.ChildrenOp(e.root))
	require.NoError(t, err, "each succeeds or fails by itself")
	require.Equal(t, []zkapi.OpResult{
		{Type: zkapi.OpGetData, Data: []byte("data"), Stat: stat},
		{Type: zkapi.OpGetData, Err: zkapi.ErrNoNode},
		{Type: zkapi.OpGetChildren, Children: []string{"n"}},
	}, results)
	results, err = c.MultiRead(ctx)
	require.NoError(t, err)
	require.Empty(t, results)
}

func testCounts(t *testing.T, e *env) {
	c, ctx := e.connect(t), t.Context()
	for _, path := range []string{"/a", "/a/b", "/a/b/c"} {
		create(t, c, e.root+path, "")
	}
	for _, path := range []string{"/a/e1", "/e2"} {
		_, err := c.Create(ctx, e.root+path, nil, nil, zkapi.Ephemeral)
		require.NoError(t, err)
	}
	n, err := c.AllChildrenNumber(ctx, e.root)
	require.NoError(t, err)
	require.Equal(t, 5, n)
	_, err = c.AllChildrenNumber(ctx, e.root+"/none")
	requireOpError(t, err, "getAllChildrenNumber", e.root+"/none", zkapi.ErrNoNode)

	paths, err := c.Ephemerals(ctx, e.root)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{e.root + "/a/e1", e.root + "/e2"}, paths)
	paths, err = c.Ephemerals(ctx, e.root+"/a")
	require.NoError(t, err)
	require.Equal(t, []string{e.root + "/a/e1"}, paths)

	require.NoError(t, c.AddAuth(ctx, "digest", []byte("user:secret")))
	ids, err := c.WhoAmI(ctx)
	require.NoError(t, err)
	require.Contains(t, ids, zkapi.ID{Scheme: "digest", User: "user"})
}

// Persistent watches are there again after a reconnection, and end with the session.
func TestPersistentWatchesAreArmedAgain(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		_, _, missed, err := c.ExistsW(t.Context(), "/n")
		require.NoError(t, err)
		one := addWatch(t, c, "/n", zkapi.WatchPersistent)
		all := addWatch(t, c, "/", zkapi.WatchPersistentRecursive)
		l.dials.set(true)
		l.cut()
		synctest.Wait()
		create(t, e.sim.ClientT(t), "/n", "")
		l.open()
		synctest.Wait()
		require.Equal(t, []zkapi.OpCode{zkapi.OpSetWatches2}, l.latest().sent())
		require.Equal(t, zkapi.EventNodeCreated, event(t, missed).Type)
		// Persistent watches do not tell what was missed, but the event for the
		// other watch is theirs as well: one path, one client.
		require.Len(t, events(t, c, one), 1)
		require.Len(t, events(t, c, all), 1)
		_, err = c.Set(t.Context(), "/n", nil, -1)
		require.NoError(t, err)
		require.Len(t, events(t, c, one), 1)
		require.Len(t, events(t, c, all), 1)

		e.expire(t, l)
		synctest.Wait()
		for _, s := range []*zkapi.Stream[zkapi.Event]{one, all} {
			last, err := s.Next(t.Context())
			require.NoError(t, err)
			require.ErrorIs(t, last.Err, zkapi.ErrSessionExpired)
			_, err = s.Next(t.Context())
			require.ErrorIs(t, err, zkapi.ErrClosed)
		}
		require.Empty(t, e.sim.Watches())
	})
}

// A stream is closed while somebody else asks for the same watch: the request
// that would remove it does nothing.
func TestCloseOfAStreamThatIsWantedAgain(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		old := addWatch(t, c, "/n", zkapi.WatchPersistent)
		l.reads.set(true)
		again := make(chan *zkapi.Stream[zkapi.Event], 1)
		go func() { again <- addWatch(t, c, "/n", zkapi.WatchPersistent) }()
		synctest.Wait()
		go old.Close()
		synctest.Wait()
		l.open()
		synctest.Wait()
		require.NotContains(t, l.latest().sent(), zkapi.OpRemoveWatches)
		create(t, c, "/n", "")
		require.Len(t, events(t, c, <-again), 1)
	})
}
