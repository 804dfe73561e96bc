package watchers_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// bothWays runs a test with a persistent watch and with one-shot watches.
func bothWays(t *testing.T, run func(t *testing.T, srv *memserver.Server, opt func(*watchers.CacheConfig))) {
	for name, watches := range map[string]watchers.Watches{"persistent": watchers.Automatic, "one-shot": watchers.OneShotWatches} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				run(t, memserver.RunT(t), func(c *watchers.CacheConfig) { c.Watches = watches })
			})
		})
	}
}

// follow applies the changes of a cache to a map, and checks each.
type followed struct {
	t     *testing.T
	nodes map[string]watchers.Node
	log   []string
	err   error
}

func followCache(t *testing.T, x *watchers.Cache) *followed {
	f := &followed{t: t, nodes: make(map[string]watchers.Node)}
	go func() {
		for c, err := range x.Changes(t.Context()) {
			if err != nil {
				f.err = err
				return
			}
			f.apply(c)
		}
	}()
	return f
}

func (f *followed) apply(c watchers.Change) {
	f.log = append(f.log, strings.TrimSpace(fmt.Sprint(c.Kind, " ", cmpPath(c))))
	old, known := f.nodes[c.Old.Path]
	switch c.Kind {
	case watchers.Added:
		_, there := f.nodes[c.Node.Path]
		require.False(f.t, there, "%s added twice", c.Node.Path)
		f.nodes[c.Node.Path] = c.Node
	case watchers.Updated:
		require.True(f.t, known, "%s updated", c.Old.Path)
		require.Equal(f.t, old.Stat.Mzxid, c.Old.Stat.Mzxid)
		require.Equal(f.t, old.Stat.Czxid, c.Node.Stat.Czxid)
		require.Less(f.t, old.Stat.Mzxid, c.Node.Stat.Mzxid)
		f.nodes[c.Node.Path] = c.Node
	case watchers.Removed:
		require.True(f.t, known, "%s removed", c.Old.Path)
		require.Equal(f.t, old.Stat.Czxid, c.Old.Stat.Czxid)
		delete(f.nodes, c.Old.Path)
	}
}

func cmpPath(c watchers.Change) string {
	switch c.Kind {
	case watchers.Connection:
		return c.State.String()
	case watchers.Removed:
		return c.Old.Path
	}
	return c.Node.Path
}

// take returns what was told since the last time.
func (f *followed) take() []string {
	synctest.Wait()
	log := f.log
	f.log = nil
	return log
}

// requireTree compares a cache, and what was followed, with the server.
func requireTree(t *testing.T, srv *memserver.Server, x *watchers.Cache, f *followed, root string) {
	t.Helper()
	synctest.Wait()
	require.True(t, x.Synced())
	want := make(map[string]string)
	for n := range srv.Snapshot().Nodes() {
		if n.Path == root || strings.HasPrefix(n.Path, strings.TrimSuffix(root, "/")+"/") {
			want[n.Path] = fmt.Sprintf("%q %x %x", n.Data, n.Stat.Czxid, n.Stat.Mzxid)
		}
	}
	got := make(map[string]string)
	for n := range x.All() {
		got[n.Path] = fmt.Sprintf("%q %x %x", n.Data, n.Stat.Czxid, n.Stat.Mzxid)
	}
	require.Equal(t, want, got)
	if f == nil {
		return
	}
	told := make(map[string]string)
	for n := range maps.Values(f.nodes) {
		told[n.Path] = fmt.Sprintf("%q %x %x", n.Data, n.Stat.Czxid, n.Stat.Mzxid)
	}
	require.Equal(t, want, told)
}

func TestTreeCache(t *testing.T) {
	bothWays(t, func(t *testing.T, srv *memserver.Server, opt func(*watchers.CacheConfig)) {
		c, other := srv.ClientT(t), srv.ClientT(t)
		x := watchers.NewTreeCache(t.Context(), c, "/app", opt)
		f := followCache(t, x)
		require.NoError(t, x.WaitSynced(t.Context()))
		require.Equal(t, []string{"InSync"}, f.take())
		require.Zero(t, x.Len())

		for _, path := range []string{"/app", "/app/a", "/app/a/b", "/app/a/b/c", "/apple"} {
			create(other, path, path)
		}
		require.Equal(t, []string{"Added /app", "Added /app/a", "Added /app/a/b", "Added /app/a/b/c"}, f.take())
		requireTree(t, srv, x, f, "/app")
		require.Equal(t, []string{"a"}, x.Children("/app"))
		_, ok := x.Node("/apple")
		require.False(t, ok)
		n, ok := x.Node("/app/a")
		require.True(t, ok)
		require.Equal(t, "/app/a", string(n.Data))

		set(other, "/app/a/b", "new")
		require.Equal(t, []string{"Updated /app/a/b"}, f.take())
		_, err := other.SetACL(t.Context(), "/app/a/b", zkapi.OpenACL(), -1)
		require.NoError(t, err)
		require.Empty(t, f.take())

		// A whole branch goes and comes again while there is no connection.
		c.Disconnect()
		require.NoError(t, zkapi.DeleteRecursive(t.Context(), other, "/app/a"))
		create(other, "/app/a", "")
		create(other, "/app/a/z", "")
		require.Equal(t, []string{"Connection SUSPENDED"}, f.take())
		require.False(t, x.Synced())
		c.Reconnect()
		requireTree(t, srv, x, f, "/app")
		require.Equal(t, []string{"Connection CONNECTED", "Removed /app/a/b/c", "Removed /app/a/b", "Removed /app/a",
			"Added /app/a", "Added /app/a/z", "InSync"}, f.take())

		// The session ends.
		c.Disconnect()
		time.Sleep(time.Minute)
		require.NoError(t, other.Delete(t.Context(), "/app/a/z", -1))
		c.Reconnect()
		requireTree(t, srv, x, f, "/app")
		require.Equal(t, []string{"Connection SUSPENDED", "Connection LOST", "Connection CONNECTED", "Removed /app/a/z", "InSync"}, f.take())
		set(other, "/app/a", "again")
		requireTree(t, srv, x, f, "/app")

		// The root goes, and comes again.
		require.NoError(t, zkapi.DeleteRecursive(t.Context(), other, "/app"))
		requireTree(t, srv, x, f, "/app")
		create(other, "/app", "")
		create(other, "/app/new", "")
		requireTree(t, srv, x, f, "/app")

		x.Close()
		require.Empty(t, srv.Watches())
		synctest.Wait()
		require.ErrorIs(t, f.err, watchers.ErrCacheClosed)
		require.ErrorIs(t, x.WaitSynced(t.Context()), watchers.ErrCacheClosed)
		require.Equal(t, 2, x.Len(), "it can still be read")
	})
}

// TestWatchTakenAway: the cache's watch is the client's, who may remove it. The cache arms it again.
func TestWatchTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c, other := srv.ClientT(t), srv.ClientT(t)
		create(c, "/n", "")
		x := watchers.NewTreeCache(t.Context(), c, "/n")
		defer x.Close()
		for _, name := range []string{"/n/a", "/n/b", "/n/c"} {
			require.NoError(t, x.WaitSynced(t.Context()))
			require.NoError(t, c.RemoveWatches(t.Context(), "/n", zkapi.WatchTypePersistentRecursive))
			synctest.Wait()
			create(other, name, "")
			requireTree(t, srv, x, nil, "/n")
		}
	})
}

func TestChildrenAndNodeCache(t *testing.T) {
	bothWays(t, func(t *testing.T, srv *memserver.Server, opt func(*watchers.CacheConfig)) {
		c := srv.ClientT(t)
		for _, path := range []string{"/n", "/n/a", "/n/a/deep", "/n/b"} {
			create(c, path, "")
		}
		kids := watchers.NewChildrenCache(t.Context(), c, "/n", opt)
		one := watchers.NewNodeCache(t.Context(), c, "/n", opt)
		require.NoError(t, kids.WaitSynced(t.Context()))
		require.NoError(t, one.WaitSynced(t.Context()))
		fk, fo := followCache(t, kids), followCache(t, one)
		require.Equal(t, []string{"Added /n", "Added /n/a", "Added /n/b", "InSync"}, fk.take())
		require.Equal(t, []string{"Added /n", "InSync"}, fo.take())
		set(c, "/n/a/deep", "x")
		create(c, "/n/b/deep", "")
		set(c, "/n/b", "x")
		require.NoError(t, zkapi.DeleteRecursive(t.Context(), c, "/n/a"))
		require.Equal(t, []string{"Removed /n/a", "Updated /n/b"}, slices.Sorted(slices.Values(fk.take())))
		require.Empty(t, fo.take())
		set(c, "/n", "x")
		require.Equal(t, []string{"Updated /n"}, fo.take())
		require.Equal(t, []string{"Updated /n"}, fk.take())
		kids.Close()
		one.Close()
		require.Empty(t, srv.Watches())
	})
}

func TestCacheOptions(t *testing.T) {
	bothWays(t, func(t *testing.T, srv *memserver.Server, opt func(*watchers.CacheConfig)) {
		c := srv.ClientT(t)
		x := watchers.NewTreeCache(t.Context(), c, "/made/root", opt, func(c *watchers.CacheConfig) {
			c.CreateRoot, c.WithoutData, c.MaxDepth = true, true, 2
			c.Accept = func(path string) bool { return !strings.HasSuffix(path, "-not") }
			c.Traverse = func(path string) bool { return !strings.HasSuffix(path, "/closed") }
		})
		require.NoError(t, x.WaitSynced(t.Context()))
		require.Equal(t, 1, x.Len())
		for _, path := range []string{"/a", "/a/b", "/a/b/c", "/x-not", "/x-not/y", "/closed", "/closed/y"} {
			create(c, "/made/root"+path, "data")
		}
		synctest.Wait()
		require.NoError(t, x.Refresh(t.Context()))
		var paths []string
		for n := range x.All() {
			paths = append(paths, strings.TrimPrefix(n.Path, "/made/root"))
			require.Nil(t, n.Data)
		}
		require.Equal(t, []string{"", "/a", "/a/b", "/closed", "/x-not/y"}, paths)
		require.Equal(t, []string{"a", "closed"}, x.Children("/made/root"))
		require.Equal(t, 5, x.Len())
		x.Close()

		x = watchers.NewTreeCache(t.Context(), c, "/made/root/a", func(c *watchers.CacheConfig) { c.Watches = watchers.NoWatches })
		require.NoError(t, x.WaitSynced(t.Context()))
		require.Empty(t, srv.Watches())
		require.NoError(t, zkapi.DeleteRecursive(t.Context(), c, "/made/root/a/b"))
		synctest.Wait()
		require.Equal(t, 3, x.Len())
		require.NoError(t, x.Refresh(t.Context()))
		require.Equal(t, 1, x.Len())
		x.Close()
	})
}

// TestUnreadable: what may not be read is not there, nor anything below it.
func TestUnreadable(t *testing.T) {
	bothWays(t, func(t *testing.T, srv *memserver.Server, opt func(*watchers.CacheConfig)) {
		c := srv.ClientT(t)
		create(c, "/n", "")
		hidden := zkapi.WorldACL(zkapi.PermAll &^ zkapi.PermRead)
		_, err := c.Create(t.Context(), "/n/hidden", nil, hidden, zkapi.Persistent)
		require.NoError(t, err)
		create(c, "/n/hidden/x", "")
		create(c, "/n/open", "")
		x := watchers.NewTreeCache(t.Context(), c, "/n", opt)
		require.NoError(t, x.WaitSynced(t.Context()))
		require.Equal(t, 2, x.Len())
		require.Equal(t, []string{"open"}, x.Children("/n"))
		create(c, "/n/hidden/y", "")
		synctest.Wait()
		require.Equal(t, 2, x.Len())
		_, err = c.SetACL(t.Context(), "/n/hidden", zkapi.OpenACL(), -1)
		require.NoError(t, err)
		require.NoError(t, x.Refresh(t.Context()))
		require.Equal(t, 5, x.Len())
		x.Close()

		_, err = c.SetACL(t.Context(), "/n", hidden, -1)
		require.NoError(t, err)
		x = watchers.NewTreeCache(t.Context(), c, "/n", opt)
		require.ErrorIs(t, x.WaitSynced(t.Context()), zkapi.ErrNoAuth)
		x.Close()
		require.ErrorIs(t, x.Err(), zkapi.ErrNoAuth)
		require.Empty(t, srv.Watches())
	})
}

// staged is a client whose reads of three nodes come in an order of their own.
type staged struct {
	zkapi.Client
	busy, again chan struct{}
	anew        func()
}

func (c *staged) GetW(ctx context.Context, path string) ([]byte, zkapi.Stat, <-chan zkapi.Event, error) {
	data, stat, ch, err := c.Client.GetW(ctx, path)
	switch {
	case c.anew == nil:
	case path == "/n/b":
		<-c.busy
	case path == "/n/a" && err != nil:
		c.anew()
		close(c.again)
	}
	return data, stat, ch, err
}

func (c *staged) ChildrenW(ctx context.Context, path string) ([]string, zkapi.Stat, <-chan zkapi.Event, error) {
	if c.anew != nil && path == "/n" {
		<-c.again
	}
	return c.Client.ChildrenW(ctx, path)
}

// B54: a node is found missing, is made again, and then the list that has it is read, all in one batch.
func TestListIsYoungerThanItsNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c, other := srv.ClientT(t), srv.ClientT(t)
		for _, path := range []string{"/n", "/n/a", "/n/b"} {
			create(other, path, "")
		}
		s := &staged{Client: c, busy: make(chan struct{}), again: make(chan struct{})}
		x := watchers.NewTreeCache(t.Context(), s, "/n", func(c *watchers.CacheConfig) { c.Watches = watchers.OneShotWatches })
		defer x.Close()
		require.NoError(t, x.WaitSynced(t.Context()))
		s.anew = func() { create(other, "/n/a", "") }
		set(other, "/n/b", "keeps the cache busy, until both events are there")
		synctest.Wait()
		require.NoError(t, other.Delete(t.Context(), "/n/a", zkapi.AnyVersion))
		synctest.Wait()
		close(s.busy)
		synctest.Wait()
		require.Equal(t, []string{"a", "b"}, x.Children("/n"))
	})
}
