package realserver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// What a zkapi.Client does, whichever it is and whatever it is connected to:
// the same table runs on memserver's own client, on this package's client
// before a simulator, and on it before a real ZooKeeper.
func TestClient(t *testing.T) {
	realserver.Concurrent(t)
	everywhere(t, slices.Concat(behaviours, lineBehaviours))
}

var behaviours = []behaviour{
	{name: "create", run: func(t *testing.T, e *env) {
		c, ctx := e.connect(t), t.Context()
		for i, want := range []struct {
			mode  zkapi.CreateMode
			path  string
			owner int64
		}{
			{zkapi.Persistent, "/n0", 0},
			{zkapi.Ephemeral, "/n1", c.SessionID()},
			{zkapi.PersistentSequential, "/n20000000002", 0},
			{zkapi.EphemeralSequential, "/n30000000003", c.SessionID()},
			{zkapi.Container, "/n4", 0},
		} {
			path, err := c.Create(ctx, fmt.Sprint(e.root, "/n", i), []byte("data"), nil, want.mode)
			require.NoError(t, err)
			require.Equal(t, e.root+want.path, path)
			data, stat, err := c.Get(ctx, path)
			require.NoError(t, err)
			require.Equal(t, "data", string(data))
			require.Equal(t, want.owner, stat.EphemeralOwner)
			acl, _, err := c.GetACL(ctx, path)
			require.NoError(t, err)
			require.Equal(t, zkapi.OpenACL(), acl, "nil means open")
		}
	}},
	{name: "create and its Stat", run: func(t *testing.T, e *env) {
		c, ctx := e.connect(t), t.Context()
		same := func(want string, path string, made zkapi.Stat, err error) {
			t.Helper()
			require.NoError(t, err)
			require.Equal(t, e.root+want, path)
			data, stat, err := c.Get(ctx, path)
			require.NoError(t, err)
			require.Equal(t, "four", string(data))
			require.Equal(t, stat, made)
		}
		data := []byte("four")
		path, stat, err := c.Create2(ctx, e.root+"/p", data, nil, zkapi.Persistent)
		same("/p", path, stat, err)
		path, stat, err = c.Create2(ctx, e.root+"/es", data, zkapi.ReadACL(), zkapi.EphemeralSequential)
		same("/es0000000001", path, stat, err)
		path, stat, err = c.Create2(ctx, e.root+"/c", data, nil, zkapi.Container)
		same("/c", path, stat, err)
		path, stat, err = c.CreateTTL(ctx, e.root+"/t", data, nil, zkapi.PersistentTTL, time.Hour)
		same("/t", path, stat, err)
		path, stat, err = c.CreateTTL(ctx, e.root+"/ts", data, nil, zkapi.PersistentSequentialTTL, time.Hour+time.Microsecond)
		same("/ts0000000004", path, stat, err)
	}},
	{name: "null is not empty", run: func(t *testing.T, e *env) {
		c, ctx := e.connect(t), t.Context()
		for name, data := range map[string][]byte{"null": nil, "empty": {}, "some": {0, 255}} {
			n := e.root + "/" + name
			same := func(got []byte, stat zkapi.Stat, err error) {
				t.Helper()
				require.NoError(t, err)
				require.Equal(t, data, got)
				require.Equal(t, data == nil, got == nil)
				require.EqualValues(t, len(data), stat.DataLength)
			}
			_, err := c.Create(ctx, n, data, nil, zkapi.Persistent)
			require.NoError(t, err)
			same(c.Get(ctx, n))
			_, err = c.Set(ctx, n, []byte("more"), 0)
			require.NoError(t, err)
			_, err = c.Set(ctx, n, data, 1)
			require.NoError(t, err)
			got, stat, _, err := c.GetW(ctx, n)
			same(got, stat, err)
			_, err = c.Multi(ctx, zkapi.CreateOp(n+"/m", nil, nil, zkapi.Persistent), zkapi.SetOp(n+"/m", data, 0))
			require.NoError(t, err)
			same(c.Get(ctx, n+"/m"))
		}
	}},
	{name: "set and delete", run: func(t *testing.T, e *env) {
		c, ctx := e.connect(t), t.Context()
		n := e.root + "/n"
		create(t, c, n, "0")
		for version := range int32(3) {
			stat, err := c.Set(ctx, n, []byte("next"), version)
			require.NoError(t, err)
			require.Equal(t, version+1, stat.Version)
		}
		stat, err := c.Set(ctx, n, []byte("any"), zkapi.AnyVersion)
		require.NoError(t, err)
		data, got, err := c.Get(ctx, n)
		require.NoError(t, err)
		require.Equal(t, "any", string(data))
		require.Equal(t, stat, got)
		requireOpError(t, c.Delete(ctx, n, 3), "delete", n, zkapi.ErrBadVersion)
		require.NoError(t, c.Delete(ctx, n, 4))
	}},
	{name: "exists and children", run: func(t *testing.T, e *env) {
		c, ctx := e.connect(t), t.Context()
		stat, ok, err := c.Exists(ctx, e.root+"/p")
		require.NoError(t, err, "a missing node is an answer")
		require.False(t, ok)
		require.Zero(t, stat)
		create(t, c, e.root+"/p", "")
		names, stat, err := c.Children(ctx, e.root+"/p")
		require.NoError(t, err)
		require.Empty(t, names)
		require.Zero(t, stat.NumChildren)
		for _, name := range []string{"b", "a", "c"} {
			create(t, c, e.root+"/p/"+name, "")
		}
		names, stat, err = c.Children(ctx, e.root+"/p")
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"a", "b", "c"}, names)
		require.EqualValues(t, 3, stat.NumChildren)
		again, ok, err := c.Exists(ctx, e.root+"/p")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, stat, again)
		require.NoError(t, c.Sync(ctx, e.root))
	}},
	{name: "ACLs and identities", run: func(t *testing.T, e *env) {
		c, other, ctx := e.connect(t), e.connect(t), t.Context()
		require.NoError(t, c.AddAuth(ctx, "digest", []byte("user:secret")))
		n := e.root + "/n"
		_, err := c.Create(ctx, n, []byte("x"), zkapi.CreatorAllACL(), zkapi.Persistent)
		require.NoError(t, err)
		mine := zkapi.DigestACL(zkapi.PermAll, "user", "secret")
		acl, stat, err := c.GetACL(ctx, n)
		require.NoError(t, err)
		require.Equal(t, mine, acl)
		require.Zero(t, stat.Aversion)
		_, _, err = other.Get(ctx, n)
		requireOpError(t, err, "getData", n, zkapi.ErrNoAuth)
		_, err = other.SetACL(ctx, n, zkapi.OpenACL(), -1)
		requireOpError(t, err, "setACL", n, zkapi.ErrNoAuth)
		_, err = c.SetACL(ctx, n, mine, 1)
		requireOpError(t, err, "setACL", n, zkapi.ErrBadVersion)
		set, err := c.SetACL(ctx, n, append(mine, zkapi.ReadACL()...), 0)
		require.NoError(t, err)
		require.EqualValues(t, 1, set.Aversion)
		data, stat, err := other.Get(ctx, n)
		require.NoError(t, err)
		require.Equal(t, "x", string(data))
		require.Equal(t, set, stat)
		for _, bad := range [][]zkapi.ACL{nil, {}, {{Perms: zkapi.PermAll, Scheme: "world", ID: "nobody"}}} {
			_, err = c.SetACL(ctx, n, bad, -1)
			requireOpError(t, err, "setACL", n, zkapi.ErrInvalidACL)
		}
		_, err = c.Create(ctx, n+"/x", nil, []zkapi.ACL{}, zkapi.Persistent)
		requireOpError(t, err, "create", n+"/x", zkapi.ErrInvalidACL)
	}},
	{name: "errors", run: func(t *testing.T, e *env) {
		c, ctx := e.connect(t), t.Context()
		n, eph, none := e.root+"/n", e.root+"/e", e.root+"/none"
		create(t, c, n, "")
		create(t, c, n+"/child", "")
		_, err := c.Create(ctx, eph, nil, nil, zkapi.Ephemeral)
		require.NoError(t, err)
		one := func(_ any, err error) error { return err }
		two := func(_, _ any, err error) error { return err }
		for _, f := range []struct {
			err      error
			op, path string
			want     error
		}{
			{one(c.Create(ctx, n, nil, nil, zkapi.Persistent)), "create", n, zkapi.ErrNodeExists},
			{one(c.Create(ctx, n, nil, nil, zkapi.Container)), "createContainer", n, zkapi.ErrNodeExists},
			{two(c.Create2(ctx, none+"/x", nil, nil, zkapi.Persistent)), "create2", none + "/x", zkapi.ErrNoNode},
			{one(c.Create(ctx, eph+"/x", nil, nil, zkapi.Persistent)), "create", eph + "/x", zkapi.ErrNoChildrenForEphemerals},
			{one(c.Create(ctx, n+"/", nil, nil, zkapi.Persistent)), "create", n + "/", zkapi.ErrBadArguments},
			{one(c.Create(ctx, "n", nil, nil, zkapi.Persistent)), "create", "n", zkapi.ErrBadArguments},
			{one(c.Create(ctx, n+"/\ue000", nil, nil, zkapi.Persistent)), "create", n + "/\ue000", zkapi.ErrBadArguments},
			{one(c.Create(ctx, none, nil, nil, zkapi.CreateMode(9))), "create", none, zkapi.ErrBadArguments},
			{one(c.Create(ctx, none, nil, nil, zkapi.PersistentTTL)), "create", none, zkapi.ErrBadArguments},
			{two(c.CreateTTL(ctx, none, nil, nil, zkapi.PersistentTTL, 0)), "createTTL", none, zkapi.ErrBadArguments},
			{two(c.CreateTTL(ctx, none, nil, nil, zkapi.Persistent, time.Hour)), "createTTL", none, zkapi.ErrBadArguments},
			{two(c.CreateTTL(ctx, none, nil, nil, zkapi.PersistentTTL, zkapi.MaxTTL+time.Millisecond)), "createTTL", none, zkapi.ErrBadArguments},
			{c.Delete(ctx, n, -1), "delete", n, zkapi.ErrNotEmpty},
			{c.Delete(ctx, n+"/child", 7), "delete", n + "/child", zkapi.ErrBadVersion},
			{c.Delete(ctx, none, -1), "delete", none, zkapi.ErrNoNode},
			{c.Delete(ctx, "/", -1), "delete", "/", zkapi.ErrBadArguments},
			{two(c.Get(ctx, none)), "getData", none, zkapi.ErrNoNode},
			{one(c.Set(ctx, none, nil, -1)), "setData", none, zkapi.ErrNoNode},
			{one(c.Set(ctx, n, nil, 7)), "setData", n, zkapi.ErrBadVersion},
			{two(c.Children(ctx, none)), "getChildren2", none, zkapi.ErrNoNode},
			{two(c.GetACL(ctx, none)), "getACL", none, zkapi.ErrNoNode},
			{two(c.Reconfig(ctx, zkapi.Reconfig{Leaving: "2", Version: -1})), "reconfig", "", zkapi.ErrReconfigDisabled},
			{two(c.Reconfig(ctx, zkapi.Reconfig{NewMembers: "server.1=h:1:2;3", Version: -1})), "reconfig", "", zkapi.ErrReconfigDisabled},
		} {
			requireOpError(t, f.err, f.op, f.path, f.want)
			require.Equal(t, f.want, zkapi.CodeOf(f.err))
			require.True(t, zkapi.NothingChanged(f.err))
			require.ErrorContains(t, f.err, (&zkapi.OpError{Op: f.op, Path: f.path, Err: f.want}).Error())
		}
		_, ok, err := c.Exists(ctx, none)
		require.NoError(t, err)
		require.False(t, ok, "nothing of it was made")
	}},
	{name: "config", run: func(t *testing.T, e *env) {
		c := e.connect(t)
		_, stat, err := c.GetConfig(t.Context())
		require.NoError(t, err)
		require.Zero(t, stat.EphemeralOwner)
	}},
	{name: "multi", run: func(t *testing.T, e *env) {
		c, ctx := e.connect(t), t.Context()
		n := e.root + "/n"
		results, err := c.Multi(ctx)
		require.NoError(t, err)
		require.Empty(t, results)
		results, err = c.Multi(ctx,
			zkapi.CreateOp(n, []byte("x"), nil, zkapi.Persistent),
			zkapi.CreateOp(n+"/s-", nil, nil, zkapi.EphemeralSequential),
			zkapi.SetOp(n, []byte("longer"), 0),
			zkapi.CheckOp(n, 1),
			zkapi.DeleteOp(n+"/s-0000000000", -1),
		)
		require.NoError(t, err)
		_, stat, err := c.Get(ctx, n)
		require.NoError(t, err)
		stat.Cversion, stat.Pzxid = 1, stat.Mzxid // at the time of the set there was a child
		set := results[2].Stat
		require.EqualValues(t, 1, set.NumChildren)
		set.NumChildren = 0
		require.Equal(t, []zkapi.OpResult{
			{Type: zkapi.OpCreate, Path: n},
			{Type: zkapi.OpCreate, Path: n + "/s-0000000000"},
			{Type: zkapi.OpSetData, Stat: results[2].Stat},
			{Type: zkapi.OpCheck},
			{Type: zkapi.OpDelete},
		}, results)
		require.Equal(t, stat, set)
	}},
	{name: "multi that fails", run: func(t *testing.T, e *env) {
		c, ctx := e.connect(t), t.Context()
		n := e.root + "/n"
		create(t, c, n, "")
		results, err := c.Multi(ctx,
			zkapi.SetOp(n, []byte("never"), -1),
			zkapi.CheckOp(n, 5),
			zkapi.CreateOp(e.root+"/never", nil, nil, zkapi.Persistent),
			zkapi.DeleteOp(n, -1),
		)
		requireOpError(t, err, "multi", n, zkapi.ErrBadVersion)
		require.Equal(t, []zkapi.OpResult{
			{Type: zkapi.OpSetData},
			{Type: zkapi.OpCheck, Err: zkapi.ErrBadVersion},
			{Type: zkapi.OpCreate, Err: zkapi.ErrRuntimeInconsistency},
			{Type: zkapi.OpDelete, Err: zkapi.ErrRuntimeInconsistency},
		}, results)
		_, stat, err := c.Get(ctx, n)
		require.NoError(t, err)
		require.Zero(t, stat.Version)

		for _, ops := range [][]zkapi.Op{
			{zkapi.CreateOp(e.root+"/a/b", nil, nil, zkapi.Persistent)},
			{zkapi.CreateOp(e.root+"/a", nil, nil, zkapi.Persistent), zkapi.DeleteOp(e.root+"/none", -1)},
			{zkapi.CheckOp(n, 0), zkapi.CheckOp(e.root+"/none", -1)},
		} {
			last := ops[len(ops)-1]
			_, err := c.Multi(ctx, ops...)
			requireOpError(t, err, "multi", last.Path, zkapi.ErrNoNode)
		}
	}},
	{name: "watches", run: func(t *testing.T, e *env) {
		c, other, ctx := e.connect(t), e.connect(t), t.Context()
		get := func(path string) <-chan zkapi.Event {
			t.Helper()
			_, _, ch, err := c.GetW(ctx, path)
			require.NoError(t, err)
			return ch
		}
		exists := func(path string, want bool) <-chan zkapi.Event {
			t.Helper()
			_, ok, ch, err := c.ExistsW(ctx, path)
			require.NoError(t, err)
			require.Equal(t, want, ok)
			return ch
		}
		children := func(path string) <-chan zkapi.Event {
			t.Helper()
			_, _, ch, err := c.ChildrenW(ctx, path)
			require.NoError(t, err)
			return ch
		}
		type fired struct {
			ch   <-chan zkapi.Event
			kind zkapi.EventType
			path string
		}
		all := func(zxid int64, err error, list ...fired) {
			t.Helper()
			require.NoError(t, err)
			for _, f := range list {
				require.Equal(t, zkapi.Event{Type: f.kind, Path: f.path, Zxid: e.zxid(zxid)}, event(t, f.ch))
			}
		}
		n := e.root + "/n"
		created, grown := exists(n, false), children(e.root)
		_, stat, err := other.Create2(ctx, n, nil, nil, zkapi.Persistent)
		all(stat.Czxid, err, fired{created, zkapi.EventNodeCreated, n}, fired{grown, zkapi.EventNodeChildrenChanged, e.root})

		one, two, three, kids := get(n), get(n), exists(n, true), children(n)
		stat, err = other.Set(ctx, n, []byte("x"), -1)
		changed := zkapi.EventNodeDataChanged
		all(stat.Mzxid, err, fired{one, changed, n}, fired{two, changed, n}, fired{three, changed, n})
		silent(t, kids)

		one, three, grown = get(n), exists(n, true), children(e.root)
		require.NoError(t, other.Delete(ctx, n, -1))
		_, stat, err = other.Children(ctx, e.root)
		deleted := zkapi.EventNodeDeleted
		all(stat.Pzxid, err, fired{one, deleted, n}, fired{three, deleted, n}, fired{kids, deleted, n},
			fired{grown, zkapi.EventNodeChildrenChanged, e.root})

		_, _, ch, err := c.GetW(ctx, n)
		requireOpError(t, err, "getData", n, zkapi.ErrNoNode)
		require.Nil(t, ch, "a failed GetW leaves no watch")
		_, _, ch, err = c.ChildrenW(ctx, n)
		requireOpError(t, err, "getChildren2", n, zkapi.ErrNoNode)
		require.Nil(t, ch)
	}},
	{name: "watches through a chroot", run: func(t *testing.T, e *env) {
		c, ctx := e.connect(t), t.Context()
		inner := zkapi.Chroot(c, e.root)
		_, _, ch, err := inner.ExistsW(ctx, "/n")
		require.NoError(t, err)
		_, stat, err := c.Create2(ctx, e.root+"/n", nil, nil, zkapi.Persistent)
		require.NoError(t, err)
		require.Equal(t, zkapi.Event{Type: zkapi.EventNodeCreated, Path: "/n", Zxid: e.zxid(stat.Czxid)}, event(t, ch))
		_, _, err = inner.Get(ctx, "/none")
		requireOpError(t, err, "getData", "/none", zkapi.ErrNoNode)
	}},
	{name: "own changes", run: func(t *testing.T, e *env) {
		// An event is there before the reply that shows the change.
		c, ctx := e.connect(t), t.Context()
		n := e.root + "/n"
		create(t, c, n, "")
		for range 20 {
			_, _, ch, err := c.GetW(ctx, n)
			require.NoError(t, err)
			_, err = c.Set(ctx, n, nil, -1)
			require.NoError(t, err)
			select {
			case ev := <-ch:
				require.Equal(t, zkapi.EventNodeDataChanged, ev.Type)
			default:
				require.FailNow(t, "the reply was quicker")
			}
		}
	}},
	{name: "events before replies", run: func(t *testing.T, e *env) {
		c, other, ctx := e.connect(t), e.connect(t), t.Context()
		n := e.root + "/n"
		create(t, c, n, "")
		stop := make(chan struct{})
		var group sync.WaitGroup
		defer group.Wait()
		defer close(stop)
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if _, err := other.Set(ctx, n, nil, -1); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
		for range 100 {
			_, before, ch, err := c.GetW(ctx, n)
			require.NoError(t, err)
			_, _, kids, err := c.ChildrenW(ctx, e.root)
			require.NoError(t, err)
			for range 3 {
				_, after, err := c.Get(ctx, n)
				require.NoError(t, err)
				require.GreaterOrEqual(t, after.Mzxid, before.Mzxid)
				select {
				case ev := <-ch:
					require.True(t, e.v38 || ev == zkapi.Event{} || ev.Zxid > before.Mzxid)
				default:
					require.Equal(t, before, after, "changed, and no event")
				}
			}
			silent(t, kids)
		}
	}},
	{name: "session", run: func(t *testing.T, e *env) {
		c := e.connect(t)
		require.NotZero(t, c.SessionID())
		require.Equal(t, 10*time.Second, c.SessionTimeout())
		require.Equal(t, zkapi.StateConnected, c.State())
		require.NotEqual(t, c.SessionID(), e.connect(t).SessionID())
	}},
	{name: "timeout is negotiated", wire: true, run: func(t *testing.T, e *env) {
		for asked, granted := range map[time.Duration]time.Duration{
			time.Millisecond: 4 * time.Second, 7 * time.Second: 7 * time.Second, 1e6 * time.Hour: 40 * time.Second, 0: 4 * time.Second,
		} {
			c := e.client(t, func(c *realserver.ClientConfig) { c.SessionTimeout = asked })
			require.Equal(t, granted, c.SessionTimeout())
		}
	}},
	{name: "close", run: func(t *testing.T, e *env) {
		c, other, ctx := e.connect(t), e.connect(t), t.Context()
		_, err := c.Create(ctx, e.root+"/e", nil, nil, zkapi.Ephemeral)
		require.NoError(t, err)
		_, _, own, err := c.GetW(ctx, e.root+"/e")
		require.NoError(t, err)
		_, _, quiet, err := c.GetW(ctx, e.root)
		require.NoError(t, err)
		_, _, gone, err := other.GetW(ctx, e.root+"/e")
		require.NoError(t, err)
		states, id := c.States(), c.SessionID()

		require.NoError(t, c.Close())
		require.Equal(t, zkapi.EventNodeDeleted, event(t, gone).Type, "ephemeral nodes go with the session")
		require.Equal(t, zkapi.EventNodeDeleted, event(t, own).Type)
		require.Equal(t, zkapi.Event{Type: zkapi.EventNone, Path: e.root, Zxid: -1, Err: zkapi.ErrClosed}, event(t, quiet))
		require.Equal(t, zkapi.StateChange{State: zkapi.StateClosed, SessionID: id}, next(t, states))
		_, err = states.Next(ctx)
		require.ErrorIs(t, err, zkapi.ErrClosed, "the stream has ended")
		_, err = c.States().Next(ctx)
		require.ErrorIs(t, err, zkapi.ErrClosed)
		require.Equal(t, zkapi.StateClosed, c.State())
		require.NoError(t, c.Close(), "a second time")

		_, _, err = c.Get(ctx, e.root)
		requireOpError(t, err, "getData", e.root, zkapi.ErrClosed)
		requireOpError(t, c.Delete(ctx, e.root, -1), "delete", e.root, zkapi.ErrClosed)
		_, err = c.Multi(ctx, zkapi.DeleteOp(e.root, -1))
		requireOpError(t, err, "multi", "", zkapi.ErrClosed)
		requireOpError(t, c.AddAuth(ctx, "digest", nil), "auth", "", zkapi.ErrClosed)
		_, err = c.WhoAmI(ctx)
		requireOpError(t, err, "whoAmI", "", zkapi.ErrClosed)
		require.False(t, zkapi.NothingChanged(err))
	}},
	{name: "close by many", run: func(t *testing.T, e *env) {
		c := e.connect(t)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				_, _, err := c.Get(t.Context(), e.root)
				if err != nil && !errors.Is(err, zkapi.ErrClosed) {
					t.Error(err)
				}
				c.Close()
				if c.State() != zkapi.StateClosed {
					t.Error(c.State())
				}
			})
		}
		wg.Wait()
	}},
	{name: "cancelled before", run: func(t *testing.T, e *env) {
		c := e.connect(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := c.Create(ctx, e.root+"/n", nil, nil, zkapi.Persistent)
		requireOpError(t, err, "create", e.root+"/n", context.Canceled)
		_, _, ch, err := c.ExistsW(ctx, e.root+"/n")
		requireOpError(t, err, "exists", e.root+"/n", context.Canceled)
		require.Nil(t, ch)
		_, err = c.WhoAmI(ctx)
		requireOpError(t, err, "whoAmI", "", context.Canceled)
		_, ok, err := c.Exists(t.Context(), e.root+"/n")
		require.NoError(t, err)
		require.False(t, ok)
	}},
	{name: "wrong identity", run: func(t *testing.T, e *env) {
		c, ctx := e.connect(t), t.Context()
		_, _, ch, err := c.GetW(ctx, e.root)
		require.NoError(t, err)
		states, id := c.States(), c.SessionID()
		requireOpError(t, c.AddAuth(ctx, "no-such-scheme", []byte("x")), "auth", "", zkapi.ErrAuthFailed)
		require.Equal(t, zkapi.StateChange{State: zkapi.StateAuthFailed, SessionID: id}, next(t, states))
		require.Equal(t, zkapi.Event{Type: zkapi.EventNone, Path: e.root, Zxid: -1, Err: zkapi.ErrAuthFailed}, event(t, ch))
		_, _, err = c.Get(ctx, e.root)
		requireOpError(t, err, "getData", e.root, zkapi.ErrAuthFailed)
		require.NoError(t, c.Close())
		require.Equal(t, zkapi.StateChange{State: zkapi.StateClosed, SessionID: id}, next(t, states))
		_, _, err = c.Get(ctx, e.root)
		requireOpError(t, err, "getData", e.root, zkapi.ErrClosed)
	}},
	{name: "one counter", run: func(t *testing.T, e *env) {
		clients := []zkapi.Client{e.connect(t), e.connect(t), e.connect(t)}
		const each = 20
		var wg sync.WaitGroup
		for _, c := range clients {
			for range 2 {
				wg.Go(func() {
					for done := 0; done < each; {
						_, stat, err := c.Get(t.Context(), e.root)
						if err == nil {
							_, err = c.Set(t.Context(), e.root, nil, stat.Version)
						}
						switch {
						case err == nil:
							done++
						case !errors.Is(err, zkapi.ErrBadVersion):
							t.Error(err)
							return
						}
					}
				})
			}
		}
		wg.Wait()
		_, stat, err := clients[0].Get(t.Context(), e.root)
		require.NoError(t, err)
		require.EqualValues(t, len(clients)*2*each, stat.Version)
	}},
	{name: "nobody's slice is another's", run: func(t *testing.T, e *env) {
		c, ctx := e.connect(t), t.Context()
		n, data := e.root+"/n", []byte("abc")
		acl := zkapi.OpenACL()
		_, err := c.Create(ctx, n, data, acl, zkapi.Persistent)
		require.NoError(t, err)
		clear(data)
		clear(acl)
		got, _, err := c.Get(ctx, n)
		require.NoError(t, err)
		require.Equal(t, "abc", string(got))
		entries, _, err := c.GetACL(ctx, n)
		require.NoError(t, err)
		require.Equal(t, zkapi.OpenACL(), entries)
	}},
	{name: "persistent watches", run: testPersistentWatches},
	{name: "remove watches", run: testRemoveWatches},
	{name: "watches end with their streams", run: testStreamsClosed},
	{name: "watches that are given up", run: testUnwatch},
	{name: "multi of all kinds", run: testMultiOfAllKinds},
	{name: "multiRead", run: testMultiRead},
	{name: "counts, lists, identities", run: testCounts},
	{name: "malformed paths", run: func(t *testing.T, e *env) {
		// Reads do not look at them. Of writes see errors.
		c, ctx := e.connect(t), t.Context()
		for _, path := range []string{"x", "/x/", "/x//y", "/x/./y", "/.."} {
			_, _, err := c.Get(ctx, path)
			requireOpError(t, err, "getData", path, zkapi.ErrNoNode)
			_, ok, _, err := c.ExistsW(ctx, path)
			require.NoError(t, err)
			require.False(t, ok)
		}
		_, root, err := c.Get(ctx, "")
		require.NoError(t, err, "another name of /")
		require.Zero(t, root.Czxid)
	}},
	{name: "too long", wire: true, run: func(t *testing.T, e *env) {
		c := e.client(t, func(c *realserver.ClientConfig) { c.MaxRequest = 8 << 10 })
		_, err := c.Set(t.Context(), e.root, make([]byte, 8<<10), -1)
		requireOpError(t, err, "setData", e.root, zkapi.ErrMarshalling)
		require.True(t, zkapi.NothingChanged(err))
		_, stat, err := c.Get(t.Context(), e.root)
		require.NoError(t, err)
		require.Zero(t, stat.Version)
		require.Equal(t, zkapi.StateConnected, c.State())
	}},
}

// The errors of go-zookeeper are in there, too.
func TestErrorsHaveTwoNames(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, ctx := e.client(t), t.Context()
		_, _, err := c.Get(ctx, "/none")
		require.ErrorIs(t, err, zkapi.ErrNoNode)
		require.ErrorIs(t, err, zk.ErrNoNode)
		create(t, c, "/n", "")
		_, err = c.Multi(ctx, zkapi.DeleteOp("/n", 3))
		require.ErrorIs(t, err, zkapi.ErrBadVersion)
		require.ErrorIs(t, err, zk.ErrBadVersion)
		c.Close()
		_, _, err = c.Get(ctx, "/n")
		require.ErrorIs(t, err, zkapi.ErrClosed)
		require.ErrorIs(t, err, zk.ErrClosing)
	})
}

func TestUnknownCodesKeepTheirNumber(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		// go-zookeeper knows neither of these. The first is a TTL node where
		// they are not enabled.
		plain := &env{dial: memserver.RunT(t).Dial, addr: e.addr}
		_, _, err := plain.client(t).CreateTTL(t.Context(), "/n", nil, nil, zkapi.PersistentTTL, time.Hour)
		requireOpError(t, err, "createTTL", "/n", zkapi.ErrUnimplemented)
		require.ErrorContains(t, err, "zookeeper: Unimplemented")
		require.ErrorIs(t, err, zkapi.ErrUnimplemented)
		results, err := e.client(t).Multi(t.Context(), zkapi.DeleteOp("/none", -1), zkapi.DeleteOp("/none", -1))
		require.ErrorIs(t, err, zkapi.ErrNoNode)
		require.Equal(t, zkapi.ErrRuntimeInconsistency, results[1].Err)
	})
}
