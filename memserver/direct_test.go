package memserver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// The direct client, method by method. What it does to watches is in
// watches_test.go, what a server does to it in control_test.go.

// open makes a node that everybody may do everything to.
func open(t testing.TB, c zkapi.Client, path, data string) {
	t.Helper()
	_, err := c.Create(t.Context(), path, []byte(data), nil, zkapi.Persistent)
	require.NoError(t, err)
}

// requireOpError says that err is cause, wrapped with the operation and the path.
func requireOpError(t testing.TB, err error, op, path string, cause error) {
	t.Helper()
	require.ErrorIs(t, err, cause)
	var oe *zkapi.OpError
	require.ErrorAs(t, err, &oe)
	require.Equal(t, op, oe.Op)
	require.Equal(t, path, oe.Path)
}

func extended(c *memserver.Config) { c.ExtendedTypes = true }

func TestCreateModes(t *testing.T) {
	srv := memserver.RunT(t, extended)
	c := srv.ClientT(t)
	ctx := t.Context()
	for i, want := range []struct {
		mode      zkapi.CreateMode
		path      string
		owner     int64
		container bool
		ttl       time.Duration
	}{
		{mode: zkapi.Persistent, path: "/n0"},
		{mode: zkapi.Ephemeral, path: "/n1", owner: c.SessionID()},
		{mode: zkapi.PersistentSequential, path: "/n20000000002"},
		{mode: zkapi.EphemeralSequential, path: "/n30000000003", owner: c.SessionID()},
		{mode: zkapi.Container, path: "/n4", container: true},
		{mode: zkapi.PersistentTTL, path: "/n5", ttl: time.Minute},
		{mode: zkapi.PersistentSequentialTTL, path: "/n60000000006", ttl: time.Minute},
	} {
		t.Run(want.mode.String(), func(t *testing.T) {
			var path string
			var err error
			if want.mode.TTL() {
				path, _, err = c.CreateTTL(ctx, "/n"+strconv.Itoa(i), []byte("data"), nil, want.mode, time.Minute)
			} else {
				path, err = c.Create(ctx, "/n"+strconv.Itoa(i), []byte("data"), nil, want.mode)
			}
			require.NoError(t, err)
			require.Equal(t, want.path, path)
			n, ok := srv.Node(path)
			require.True(t, ok)
			require.Equal(t, "data", string(n.Data))
			require.Equal(t, zkapi.OpenACL(), n.ACL, "nil means open")
			require.Equal(t, want.owner, n.Stat.EphemeralOwner)
			require.Equal(t, want.container, n.Container)
			require.Equal(t, want.ttl, n.TTL)
			require.Equal(t, srv.Zxid(), n.Stat.Czxid)
		})
	}
}

func TestCreate2GivesTheStat(t *testing.T) {
	srv := memserver.RunT(t, extended)
	c := srv.ClientT(t)
	for _, mode := range []zkapi.CreateMode{zkapi.Persistent, zkapi.EphemeralSequential, zkapi.Container} {
		path, stat, err := c.Create2(t.Context(), "/n-"+mode.String(), []byte("four"), zkapi.ReadACL(), mode)
		require.NoError(t, err)
		n, _ := srv.Node(path)
		require.Equal(t, n.Stat, stat)
		require.EqualValues(t, 4, stat.DataLength)
		require.Equal(t, zkapi.ReadACL(), n.ACL)
	}
	path, stat, err := c.CreateTTL(t.Context(), "/ttl", nil, nil, zkapi.PersistentTTL, 1500*time.Microsecond)
	require.NoError(t, err)
	n, _ := srv.Node(path)
	require.Equal(t, n.Stat, stat)
	require.Equal(t, time.Millisecond, n.TTL, "rounded down")
}

// ZooKeeper tells null from empty, and so do we, in every way in and out.
func TestNullAndEmptyData(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	ctx := t.Context()
	for name, data := range map[string][]byte{"null": nil, "empty": {}, "one": {0}} {
		t.Run(name, func(t *testing.T) {
			same := func(got []byte, stat zkapi.Stat, err error) {
				t.Helper()
				require.NoError(t, err)
				require.Equal(t, data, got)
				require.Equal(t, data == nil, got == nil)
				require.EqualValues(t, len(data), stat.DataLength)
			}
			path, err := c.Create(ctx, "/created-"+name, data, nil, zkapi.Persistent)
			require.NoError(t, err)
			same(c.Get(ctx, path))
			open(t, c, "/set-"+name, "something")
			_, err = c.Set(ctx, "/set-"+name, data, 0)
			require.NoError(t, err)
			same(c.Get(ctx, "/set-"+name))
			got, stat, _, err := c.GetW(ctx, "/set-"+name)
			same(got, stat, err)
			_, err = c.Multi(ctx, zkapi.CreateOp("/multi-"+name, data, nil, zkapi.Persistent))
			require.NoError(t, err)
			read, err := c.MultiRead(ctx, zkapi.GetOp("/multi-"+name))
			same(read[0].Data, read[0].Stat, err)
			n, _ := srv.Node(path)
			same(n.Data, n.Stat, nil)
		})
	}
}

// Nobody's slice is anybody else's.
func TestDataIsCopied(t *testing.T) {
	c := memserver.RunT(t).ClientT(t)
	ctx := t.Context()
	in := []byte("abc")
	_, err := c.Create(ctx, "/n", in, nil, zkapi.Persistent)
	require.NoError(t, err)
	in[0] = 'X'
	out, _, err := c.Get(ctx, "/n")
	require.NoError(t, err)
	require.Equal(t, "abc", string(out))
	out[0] = 'Y'
	out, _, err = c.Get(ctx, "/n")
	require.NoError(t, err)
	require.Equal(t, "abc", string(out))

	names, _, err := c.Children(ctx, "/")
	require.NoError(t, err)
	clear(names)
	acl, _, err := c.GetACL(ctx, "/n")
	require.NoError(t, err)
	clear(acl)
	ids, err := c.WhoAmI(ctx)
	require.NoError(t, err)
	clear(ids)
	require.NoError(t, c.AddAuth(ctx, "digest", []byte("user:secret")))
	names, _, _ = c.Children(ctx, "/")
	require.ElementsMatch(t, []string{"n", "zookeeper"}, names)
	acl, _, _ = c.GetACL(ctx, "/n")
	require.Equal(t, zkapi.OpenACL(), acl)
	ids, _ = c.WhoAmI(ctx)
	require.ElementsMatch(t, []zkapi.ID{{Scheme: "ip", User: "127.0.0.1"}, {Scheme: "digest", User: "user"}}, ids)
}

func TestSetAndDelete(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	ctx := t.Context()
	open(t, c, "/n", "0")
	for version := range int32(3) {
		stat, err := c.Set(ctx, "/n", []byte("next"), version)
		require.NoError(t, err)
		require.Equal(t, version+1, stat.Version)
		require.Equal(t, srv.Zxid(), stat.Mzxid)
	}
	stat, err := c.Set(ctx, "/n", []byte("any"), zkapi.AnyVersion)
	require.NoError(t, err)
	require.EqualValues(t, 4, stat.Version)

	stat, err = c.Set(ctx, "/n", nil, 3)
	requireOpError(t, err, "setData", "/n", zkapi.ErrBadVersion)
	require.Zero(t, stat)
	requireOpError(t, c.Delete(ctx, "/n", 3), "delete", "/n", zkapi.ErrBadVersion)
	require.NoError(t, c.Delete(ctx, "/n", 4))
	requireOpError(t, c.Delete(ctx, "/n", zkapi.AnyVersion), "delete", "/n", zkapi.ErrNoNode)
}

func TestExists(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	ctx := t.Context()
	stat, ok, err := c.Exists(ctx, "/n")
	require.NoError(t, err, "a missing node is an answer")
	require.False(t, ok)
	require.Zero(t, stat)
	open(t, c, "/n", "x")
	stat, ok, err = c.Exists(ctx, "/n")
	require.NoError(t, err)
	require.True(t, ok)
	n, _ := srv.Node("/n")
	require.Equal(t, n.Stat, stat)
	_, _, err = c.Exists(ctx, "/n\x00")
	requireOpError(t, err, "exists", "/n\x00", zkapi.ErrBadArguments)
}

func TestChildrenAndCounts(t *testing.T) {
	c := memserver.RunT(t).ClientT(t)
	ctx := t.Context()
	open(t, c, "/p", "")
	names, stat, err := c.Children(ctx, "/p")
	require.NoError(t, err)
	require.Equal(t, []string{}, names, "none is an empty list")
	require.Zero(t, stat.NumChildren)
	for _, path := range []string{"/p/a", "/p/b", "/p/b/c", "/pp"} {
		open(t, c, path, "")
	}
	names, stat, err = c.Children(ctx, "/p")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"a", "b"}, names)
	require.EqualValues(t, 2, stat.NumChildren)
	for path, want := range map[string]int{"/p": 3, "/p/b": 1, "/p/a": 0, "/": 8} {
		n, err := c.AllChildrenNumber(ctx, path)
		require.NoError(t, err)
		require.Equal(t, want, n, path)
	}
}

func TestEphemerals(t *testing.T) {
	srv := memserver.RunT(t)
	a, b := srv.ClientT(t), srv.ClientT(t)
	ctx := t.Context()
	paths, err := a.Ephemerals(ctx, "/")
	require.NoError(t, err)
	require.Empty(t, paths)
	open(t, a, "/p", "")
	for _, path := range []string{"/p/a", "/p/ab", "/q"} {
		_, err := a.Create(ctx, path, nil, nil, zkapi.Ephemeral)
		require.NoError(t, err)
	}
	_, err = b.Create(ctx, "/p/b", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	for prefix, want := range map[string][]string{
		"/": {"/p/a", "/p/ab", "/q"}, "": {"/p/a", "/p/ab", "/q"}, "/p": {"/p/a", "/p/ab"}, "/p/ab": {"/p/ab"}, "/p/b": {},
	} {
		paths, err := a.Ephemerals(ctx, prefix)
		require.NoError(t, err)
		require.ElementsMatch(t, want, paths, prefix)
	}
}

func TestACLs(t *testing.T) {
	srv := memserver.RunT(t)
	owner, other := srv.ClientT(t), srv.ClientT(t)
	ctx := t.Context()
	require.NoError(t, owner.AddAuth(ctx, "digest", []byte("me:secret")))
	mine := zkapi.DigestACL(zkapi.PermAll, "me", "secret")
	_, err := owner.Create(ctx, "/mine", []byte("x"), zkapi.CreatorAllACL(), zkapi.Persistent)
	require.NoError(t, err)
	acl, stat, err := owner.GetACL(ctx, "/mine")
	require.NoError(t, err)
	require.Equal(t, mine, acl, "the server replaces auth")
	require.Zero(t, stat.Aversion)

	_, _, err = other.Get(ctx, "/mine")
	requireOpError(t, err, "getData", "/mine", zkapi.ErrNoAuth)
	_, _, err = other.GetACL(ctx, "/mine")
	requireOpError(t, err, "getACL", "/mine", zkapi.ErrNoAuth)

	stat, err = owner.SetACL(ctx, "/mine", append(mine, zkapi.ReadACL()...), 0)
	require.NoError(t, err)
	require.EqualValues(t, 1, stat.Aversion)
	_, _, err = other.Get(ctx, "/mine")
	require.NoError(t, err)
	acl, _, err = other.GetACL(ctx, "/mine")
	require.NoError(t, err)
	require.Equal(t, "me:x", acl[0].ID, "the hash is for administrators")
	_, err = other.Set(ctx, "/mine", nil, -1)
	requireOpError(t, err, "setData", "/mine", zkapi.ErrNoAuth)

	_, err = owner.SetACL(ctx, "/mine", mine, 0)
	requireOpError(t, err, "setACL", "/mine", zkapi.ErrBadVersion)
	for _, bad := range [][]zkapi.ACL{nil, {}, {{Perms: 31, Scheme: "world", ID: "nobody"}}, zkapi.AuthACL(zkapi.PermAll)} {
		_, err = other.SetACL(ctx, "/mine", bad, -1)
		requireOpError(t, err, "setACL", "/mine", zkapi.ErrInvalidACL)
	}
	_, err = other.Create(ctx, "/x", nil, []zkapi.ACL{}, zkapi.Persistent)
	requireOpError(t, err, "create", "/x", zkapi.ErrInvalidACL)
}

func TestIdentities(t *testing.T) {
	srv := memserver.RunT(t, func(c *memserver.Config) { c.SuperDigest = zkapi.DigestID("super:man") })
	c := srv.ClientT(t, func(c *memserver.ClientConfig) { c.IP = "10.1.2.3" })
	ctx := t.Context()
	whoAmI := func() []zkapi.ID {
		t.Helper()
		ids, err := c.WhoAmI(ctx)
		require.NoError(t, err)
		return ids
	}
	ip := zkapi.ID{Scheme: "ip", User: "10.1.2.3"}
	require.Equal(t, []zkapi.ID{ip}, whoAmI())
	require.NoError(t, c.AddAuth(ctx, "digest", []byte("u:p")))
	require.NoError(t, c.AddAuth(ctx, "digest", []byte("v:p")))
	all := []zkapi.ID{ip, {Scheme: "digest", User: "u"}, {Scheme: "digest", User: "v"}}
	require.ElementsMatch(t, all, whoAmI())

	// A connection that comes back has them again.
	id := c.SessionID()
	srv.Restart()
	require.Equal(t, id, c.SessionID())
	require.ElementsMatch(t, all, whoAmI())
	require.True(t, srv.Disconnect(id))
	c.Reconnect()
	require.ElementsMatch(t, all, whoAmI())
	require.True(t, srv.Expire(id))
	require.NotEqual(t, id, c.SessionID())
	require.ElementsMatch(t, all, whoAmI(), "in a new session, too")

	_, err := c.Set(ctx, "/zookeeper/config", []byte("x"), -1)
	requireOpError(t, err, "setData", "/zookeeper/config", zkapi.ErrNoAuth)
	require.NoError(t, c.AddAuth(ctx, "digest", []byte("super:man")))
	_, err = c.Set(ctx, "/zookeeper/config", []byte("x"), -1)
	require.NoError(t, err)
	data, _, err := c.GetConfig(ctx)
	require.NoError(t, err)
	require.Equal(t, "x", string(data))
}

// Credentials that the server cannot even check are the end of a client.
func TestAuthFailureIsFinal(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	ctx := t.Context()
	open(t, c, "/n", "")
	_, _, ch, err := c.GetW(ctx, "/n")
	require.NoError(t, err)
	states := c.States()
	requireOpError(t, c.AddAuth(ctx, "nonsense", nil), "auth", "", zkapi.ErrAuthFailed)
	require.Equal(t, zkapi.StateAuthFailed, c.State())
	ev := <-ch
	require.Equal(t, zkapi.EventNone, ev.Type)
	require.ErrorIs(t, ev.Err, zkapi.ErrAuthFailed)
	require.Len(t, srv.Sessions(), 1, "the session waits for its timeout")
	require.False(t, srv.Sessions()[0].Connected)
	_, _, err = c.Get(ctx, "/n")
	requireOpError(t, err, "getData", "/n", zkapi.ErrAuthFailed)

	c.Reconnect()
	srv.Restart()
	require.Equal(t, zkapi.StateAuthFailed, c.State(), "final")
	srv.Close()
	require.Equal(t, zkapi.StateAuthFailed, c.State(), "final")
	require.NoError(t, c.Close())
	require.Equal(t, []zkapi.State{zkapi.StateAuthFailed, zkapi.StateClosed}, drainStates(states))
}

func TestMulti(t *testing.T) {
	srv := memserver.RunT(t, extended)
	c := srv.ClientT(t)
	ctx := t.Context()
	before := srv.Zxid()
	results, err := c.Multi(ctx,
		zkapi.CreateOp("/m", []byte("0"), nil, zkapi.Persistent),
		zkapi.CreateOp("/m/s-", nil, nil, zkapi.EphemeralSequential),
		zkapi.CreateOp("/m/c", nil, nil, zkapi.Container),
		zkapi.CreateTTLOp("/m/t", nil, nil, zkapi.PersistentTTL, time.Hour),
		zkapi.SetOp("/m", []byte("new"), 0),
		zkapi.CheckOp("/m", 1),
		zkapi.DeleteOp("/m/c", -1),
		zkapi.Op{Type: zkapi.OpCreate2, Path: "/m/2", Data: []byte("xy")},
	)
	require.NoError(t, err)
	require.Equal(t, before+1, srv.Zxid())
	require.Len(t, results, 8)
	for i, path := range []string{"/m", "/m/s-0000000000", "/m/c", "/m/t", "", "", "", "/m/2"} {
		require.Equal(t, path, results[i].Path)
		require.NoError(t, results[i].Err)
	}
	require.Equal(t, zkapi.OpCreateTTL, results[3].Type)
	require.Equal(t, before+1, results[3].Stat.Czxid)
	require.EqualValues(t, 1, results[4].Stat.Version)
	require.EqualValues(t, 2, results[7].Stat.DataLength)
	require.Equal(t, []string{"/m/s-0000000000"}, srv.Sessions()[0].Ephemerals)

	results, err = c.Multi(ctx)
	require.NoError(t, err, "nothing to do is done")
	require.Empty(t, results)
}

func TestFailedMulti(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	ctx := t.Context()
	open(t, c, "/n", "")
	for name, test := range map[string]struct {
		op    zkapi.Op
		cause zkapi.Code
	}{
		"create":        {zkapi.CreateOp("/n", nil, nil, zkapi.Persistent), zkapi.ErrNodeExists},
		"create acl":    {zkapi.CreateOp("/m", nil, []zkapi.ACL{}, zkapi.Persistent), zkapi.ErrInvalidACL},
		"delete":        {zkapi.DeleteOp("/missing", -1), zkapi.ErrNoNode},
		"delete parent": {zkapi.DeleteOp("/first", -1), zkapi.ErrNotEmpty},
		"set":           {zkapi.SetOp("/n", nil, 7), zkapi.ErrBadVersion},
		"check":         {zkapi.CheckOp("/n", 7), zkapi.ErrBadVersion},
		"ttl":           {zkapi.CreateTTLOp("/m", nil, nil, zkapi.PersistentTTL, time.Hour), zkapi.ErrUnimplemented},
	} {
		t.Run(name, func(t *testing.T) {
			before, zxid := srv.Snapshot().String(), srv.Zxid()
			results, err := c.Multi(ctx,
				zkapi.CreateOp("/first", nil, nil, zkapi.Persistent),
				zkapi.CreateOp("/first/child", nil, nil, zkapi.Persistent),
				test.op,
				zkapi.DeleteOp("/n", -1))
			requireOpError(t, err, "multi", test.op.Path, test.cause)
			require.Equal(t, []error{nil, nil, test.cause, zkapi.ErrRuntimeInconsistency},
				[]error{results[0].Err, results[1].Err, results[2].Err, results[3].Err})
			require.Equal(t, test.op.Type, results[2].Type)
			require.Equal(t, before, srv.Snapshot().String())
			require.Equal(t, zxid+1, srv.Zxid(), "but it was a transaction")
		})
	}
	for name, op := range map[string]zkapi.Op{"read": zkapi.GetOp("/n"), "unknown": {Type: 99, Path: "/n"}} {
		t.Run(name, func(t *testing.T) {
			results, err := c.Multi(ctx, op)
			requireOpError(t, err, "multi", "", zkapi.ErrMarshalling)
			require.Nil(t, results)
		})
	}
}

func TestMultiRead(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	ctx := t.Context()
	open(t, c, "/n", "data")
	open(t, c, "/n/a", "")
	open(t, c, "/n/b", "")
	before := srv.Zxid()
	results, err := c.MultiRead(ctx, zkapi.GetOp("/n"), zkapi.ChildrenOp("/n"), zkapi.GetOp("/missing"), zkapi.ChildrenOp("/n/a"), zkapi.ChildrenOp("/"))
	require.NoError(t, err)
	require.Equal(t, "data", string(results[0].Data))
	require.EqualValues(t, 2, results[0].Stat.NumChildren)
	require.ElementsMatch(t, []string{"a", "b"}, results[1].Children)
	require.Equal(t, zkapi.OpResult{Type: zkapi.OpGetData, Err: zkapi.ErrNoNode}, results[2], "fails by itself")
	require.Empty(t, results[3].Children)
	require.NoError(t, results[3].Err)
	require.ElementsMatch(t, []string{"n", "zookeeper"}, results[4].Children)
	require.Equal(t, before, srv.Zxid())
	_, err = c.MultiRead(ctx, zkapi.DeleteOp("/n", -1))
	requireOpError(t, err, "multiRead", "", zkapi.ErrMarshalling)
}

func TestReconfig(t *testing.T) {
	change := zkapi.Reconfig{Joining: "server.2=127.0.0.1:2888:3888:participant;2181", Version: -1}
	_, _, err := memserver.RunT(t).ClientT(t).Reconfig(t.Context(), change)
	requireOpError(t, err, "reconfig", "", zkapi.ErrReconfigDisabled)
	srv := memserver.RunT(t, func(c *memserver.Config) { c.ReconfigEnabled = true })
	_, _, err = srv.ClientT(t).Reconfig(t.Context(), change)
	requireOpError(t, err, "reconfig", "", zkapi.ErrUnimplemented) // stand-alone
	data, stat, err := srv.ClientT(t).GetConfig(t.Context())
	require.NoError(t, err)
	require.Empty(t, data)
	require.EqualValues(t, -1, stat.Aversion)
}

// Errors that have not come up elsewhere, by operation.
func TestErrors(t *testing.T) {
	c := memserver.RunT(t).ClientT(t)
	ctx := t.Context()
	open(t, c, "/p", "")
	open(t, c, "/p/child", "")
	_, err := c.Create(ctx, "/e", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	create := func(path string, mode zkapi.CreateMode) func() error {
		return func() error { _, err := c.Create(ctx, path, nil, nil, mode); return err }
	}
	ttl := func(path string, mode zkapi.CreateMode, ttl time.Duration) func() error {
		return func() error { _, _, err := c.CreateTTL(ctx, path, nil, nil, mode, ttl); return err }
	}
	for _, test := range []struct {
		op, path string
		call     func() error
		cause    zkapi.Code
	}{
		{"create", "/p", create("/p", zkapi.Persistent), zkapi.ErrNodeExists},
		{"create", "/no/p", create("/no/p", zkapi.Persistent), zkapi.ErrNoNode},
		{"create", "/e/p", create("/e/p", zkapi.Persistent), zkapi.ErrNoChildrenForEphemerals},
		{"create", "/p/", create("/p/", zkapi.Persistent), zkapi.ErrBadArguments},
		{"create", "p", create("p", zkapi.Persistent), zkapi.ErrBadArguments},
		{"create", "", create("", zkapi.Persistent), zkapi.ErrBadArguments},
		{"create", "/x", create("/x", 7), zkapi.ErrBadArguments},
		{"create", "/x", create("/x", zkapi.PersistentTTL), zkapi.ErrUnimplemented},
		{"createContainer", "/p", create("/p", zkapi.Container), zkapi.ErrNodeExists},
		{"createTTL", "/x", ttl("/x", zkapi.PersistentTTL, time.Hour), zkapi.ErrUnimplemented},
		{"create2", "/p", func() error { _, _, err := c.Create2(ctx, "/p", nil, nil, zkapi.Persistent); return err }, zkapi.ErrNodeExists},
		{"createContainer", "/p", func() error { _, _, err := c.Create2(ctx, "/p", nil, nil, zkapi.Container); return err }, zkapi.ErrNodeExists},
		{"delete", "/p", func() error { return c.Delete(ctx, "/p", -1) }, zkapi.ErrNotEmpty},
		{"delete", "/", func() error { return c.Delete(ctx, "/", -1) }, zkapi.ErrBadArguments},
		{"setData", "/no", func() error { _, err := c.Set(ctx, "/no", nil, -1); return err }, zkapi.ErrNoNode},
		{"getData", "/no", func() error { _, _, err := c.Get(ctx, "/no"); return err }, zkapi.ErrNoNode},
		{"getData", "/no", func() error { _, _, _, err := c.GetW(ctx, "/no"); return err }, zkapi.ErrNoNode},
		{"getChildren2", "/no", func() error { _, _, err := c.Children(ctx, "/no"); return err }, zkapi.ErrNoNode},
		{"getChildren2", "/no", func() error { _, _, _, err := c.ChildrenW(ctx, "/no"); return err }, zkapi.ErrNoNode},
		{"getACL", "/no", func() error { _, _, err := c.GetACL(ctx, "/no"); return err }, zkapi.ErrNoNode},
		{"setACL", "/no", func() error { _, err := c.SetACL(ctx, "/no", zkapi.OpenACL(), -1); return err }, zkapi.ErrNoNode},
		{"getAllChildrenNumber", "/no", func() error { _, err := c.AllChildrenNumber(ctx, "/no"); return err }, zkapi.ErrNoNode},
		{"removeWatches", "/p", func() error { return c.RemoveWatches(ctx, "/p", zkapi.WatchTypeAny) }, zkapi.ErrNoWatcher},
		{"removeWatches", "/p", func() error { return c.RemoveWatches(ctx, "/p", 9) }, zkapi.ErrMarshalling},
		{"addWatch", "/p", func() error { _, err := c.AddWatch(ctx, "/p", 2); return err }, zkapi.ErrMarshalling},
		{"exists", "/p\x00", func() error { _, _, _, err := c.ExistsW(ctx, "/p\x00"); return err }, zkapi.ErrBadArguments},
	} {
		requireOpError(t, test.call(), test.op, test.path, test.cause)
	}
	on := memserver.RunT(t, extended).ClientT(t)
	for _, bad := range []time.Duration{0, -time.Second, time.Microsecond, zkapi.MaxTTL + time.Millisecond} {
		_, _, err := on.CreateTTL(ctx, "/x", nil, nil, zkapi.PersistentTTL, bad)
		requireOpError(t, err, "createTTL", "/x", zkapi.ErrBadArguments)
	}
	_, _, err = on.CreateTTL(ctx, "/x", nil, nil, zkapi.Persistent, time.Second)
	requireOpError(t, err, "createTTL", "/x", zkapi.ErrBadArguments)
}

// calls is a call of every method that talks to the server. On a server that
// has /n and a persistent watch on it, all of them succeed but reconfig.
var calls = []struct {
	op, path string
	call     func(context.Context, zkapi.Client) error
}{
	{"create", "/new", func(ctx context.Context, c zkapi.Client) error {
		_, err := c.Create(ctx, "/new", nil, nil, zkapi.Persistent)
		return err
	}},
	{"createContainer", "/con", func(ctx context.Context, c zkapi.Client) error {
		_, err := c.Create(ctx, "/con", nil, nil, zkapi.Container)
		return err
	}},
	{"create2", "/new2", func(ctx context.Context, c zkapi.Client) error {
		_, _, err := c.Create2(ctx, "/new2", nil, nil, zkapi.Persistent)
		return err
	}},
	{"createTTL", "/ttl", func(ctx context.Context, c zkapi.Client) error {
		_, _, err := c.CreateTTL(ctx, "/ttl", nil, nil, zkapi.PersistentTTL, time.Hour)
		return err
	}},
	{"exists", "/n", func(ctx context.Context, c zkapi.Client) error { _, _, err := c.Exists(ctx, "/n"); return err }},
	{"exists", "/n", func(ctx context.Context, c zkapi.Client) error { _, _, _, err := c.ExistsW(ctx, "/n"); return err }},
	{"getData", "/n", func(ctx context.Context, c zkapi.Client) error { _, _, err := c.Get(ctx, "/n"); return err }},
	{"getData", "/n", func(ctx context.Context, c zkapi.Client) error { _, _, _, err := c.GetW(ctx, "/n"); return err }},
	{"getChildren2", "/n", func(ctx context.Context, c zkapi.Client) error { _, _, err := c.Children(ctx, "/n"); return err }},
	{"getChildren2", "/n", func(ctx context.Context, c zkapi.Client) error { _, _, _, err := c.ChildrenW(ctx, "/n"); return err }},
	{"setData", "/n", func(ctx context.Context, c zkapi.Client) error { _, err := c.Set(ctx, "/n", nil, -1); return err }},
	{"getACL", "/n", func(ctx context.Context, c zkapi.Client) error { _, _, err := c.GetACL(ctx, "/n"); return err }},
	{"setACL", "/n", func(ctx context.Context, c zkapi.Client) error {
		_, err := c.SetACL(ctx, "/n", zkapi.OpenACL(), -1)
		return err
	}},
	{"getAllChildrenNumber", "/n", func(ctx context.Context, c zkapi.Client) error { _, err := c.AllChildrenNumber(ctx, "/n"); return err }},
	{"getEphemerals", "/n", func(ctx context.Context, c zkapi.Client) error { _, err := c.Ephemerals(ctx, "/n"); return err }},
	{"sync", "/n", func(ctx context.Context, c zkapi.Client) error { return c.Sync(ctx, "/n") }},
	{"multi", "", func(ctx context.Context, c zkapi.Client) error {
		_, err := c.Multi(ctx, zkapi.CheckOp("/n", -1))
		return err
	}},
	{"multiRead", "", func(ctx context.Context, c zkapi.Client) error {
		_, err := c.MultiRead(ctx, zkapi.GetOp("/n"))
		return err
	}},
	{"auth", "", func(ctx context.Context, c zkapi.Client) error { return c.AddAuth(ctx, "digest", []byte("u:p")) }},
	{"whoAmI", "", func(ctx context.Context, c zkapi.Client) error { _, err := c.WhoAmI(ctx); return err }},
	{"addWatch", "/w", func(ctx context.Context, c zkapi.Client) error {
		_, err := c.AddWatch(ctx, "/w", zkapi.WatchPersistentRecursive)
		return err
	}},
	{"removeWatches", "/n", func(ctx context.Context, c zkapi.Client) error {
		return c.RemoveWatches(ctx, "/n", zkapi.WatchTypePersistent)
	}},
	{"reconfig", "", func(ctx context.Context, c zkapi.Client) error {
		_, _, err := c.Reconfig(ctx, zkapi.Reconfig{})
		return err
	}},
	{"getData", "/zookeeper/config", func(ctx context.Context, c zkapi.Client) error { _, _, err := c.GetConfig(ctx); return err }},
	{"delete", "/n", func(ctx context.Context, c zkapi.Client) error { return c.Delete(ctx, "/n", -1) }},
}

// ready makes a server and a client that calls are for.
func ready(t *testing.T) (*memserver.Server, *memserver.Client) {
	srv := memserver.RunT(t, extended)
	c := srv.ClientT(t)
	open(t, c, "/n", "")
	_, err := c.AddWatch(t.Context(), "/n", zkapi.WatchPersistent)
	require.NoError(t, err)
	return srv, c
}

func TestEveryCall(t *testing.T) {
	_, c := ready(t)
	for _, x := range calls {
		err := x.call(t.Context(), c)
		if x.op == "reconfig" {
			requireOpError(t, err, "reconfig", "", zkapi.ErrReconfigDisabled)
		} else {
			require.NoError(t, err, x.op)
		}
	}
}

// A context that has ended is noticed before anything happens.
func TestEndedContexts(t *testing.T) {
	srv, c := ready(t)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	tree, zxid, watches := srv.Snapshot().String(), srv.Zxid(), srv.Watches()
	for _, x := range calls {
		requireOpError(t, x.call(canceled, c), x.op, x.path, context.Canceled)
		requireOpError(t, x.call(late, c), x.op, x.path, context.DeadlineExceeded)
	}
	require.Equal(t, tree, srv.Snapshot().String())
	require.Equal(t, zxid, srv.Zxid())
	require.Equal(t, watches, srv.Watches())
	ids, err := c.WhoAmI(t.Context())
	require.NoError(t, err)
	require.Len(t, ids, 1)
}

// While there is no connection, every call says why.
func TestCallsWithoutConnection(t *testing.T) {
	for name, test := range map[string]struct {
		end   func(*testing.T, *memserver.Server, *memserver.Client)
		cause error
	}{
		"disconnected": {func(t *testing.T, s *memserver.Server, c *memserver.Client) { s.Disconnect(c.SessionID()) }, zkapi.ErrConnectionLoss},
		"server closed": {func(t *testing.T, s *memserver.Server, _ *memserver.Client) {
			require.NoError(t, s.Close())
		}, zkapi.ErrConnectionLoss},
		"client closed": {func(t *testing.T, _ *memserver.Server, c *memserver.Client) {
			require.NoError(t, c.Close())
		}, zkapi.ErrClosed},
		"auth failed": {func(t *testing.T, _ *memserver.Server, c *memserver.Client) {
			require.Error(t, c.AddAuth(t.Context(), "no such scheme", nil))
		}, zkapi.ErrAuthFailed},
	} {
		t.Run(name, func(t *testing.T) {
			srv, c := ready(t)
			test.end(t, srv, c)
			tree, zxid := srv.Snapshot().String(), srv.Zxid()
			for _, x := range calls {
				requireOpError(t, x.call(t.Context(), c), x.op, x.path, test.cause)
			}
			require.Equal(t, tree, srv.Snapshot().String())
			require.Equal(t, zxid, srv.Zxid())
		})
	}
}

func TestSessionTimeouts(t *testing.T) {
	srv := memserver.RunT(t, func(c *memserver.Config) { c.TickTime = time.Second })
	for asked, granted := range map[time.Duration]time.Duration{
		0: 2 * time.Second, -time.Hour: 2 * time.Second, 5 * time.Second: 5 * time.Second, 1000 * time.Hour: 20 * time.Second,
		1<<63 - 1: 20 * time.Second,
	} {
		c := srv.ClientT(t, func(c *memserver.ClientConfig) { c.SessionTimeout = asked })
		require.Equal(t, granted, c.SessionTimeout())
	}
	require.Equal(t, 10*time.Second, srv.ClientT(t).SessionTimeout(), "by default")
	limits := func(c *memserver.Config) { c.MinSessionTimeout, c.MaxSessionTimeout = 3*time.Second, 4*time.Second }
	require.Equal(t, 4*time.Second, memserver.RunT(t, limits).ClientT(t).SessionTimeout())
}

func TestSeededSessions(t *testing.T) {
	seeded := func(seed int64) int64 {
		srv := memserver.RunT(t, func(c *memserver.Config) { c.Seed = seed })
		first := srv.ClientT(t).SessionID()
		require.Equal(t, first+1, srv.ClientT(t).SessionID())
		require.EqualValues(t, 1, first>>56, "the server's number")
		return first
	}
	require.Equal(t, seeded(7), seeded(7))
	require.NotEqual(t, seeded(7), seeded(8))
	require.NotEqual(t, seeded(0), seeded(8))
}

func TestClosingClients(t *testing.T) {
	srv := memserver.RunT(t)
	a, b := srv.ClientT(t), srv.ClientT(t)
	ctx := t.Context()
	_, err := a.Create(ctx, "/e", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	_, _, gone, err := b.ExistsW(ctx, "/e")
	require.NoError(t, err)
	before := srv.Zxid()
	require.NoError(t, a.Close())
	require.Equal(t, before+1, srv.Zxid())
	require.Equal(t, zkapi.Event{Type: zkapi.EventNodeDeleted, Path: "/e", Zxid: before + 1}, <-gone)
	require.Equal(t, zkapi.StateClosed, a.State())
	require.Len(t, srv.Sessions(), 1)
	require.NoError(t, a.Close(), "again")
	require.Equal(t, before+1, srv.Zxid())
	a.Reconnect()
	require.Equal(t, zkapi.StateClosed, a.State(), "for good")

	// Who is cut off cannot say goodbye.
	srv.Disconnect(b.SessionID())
	require.NoError(t, b.Close())
	require.Len(t, srv.Sessions(), 1)
	srv.Advance(time.Minute)
	require.Empty(t, srv.Sessions())
}

// A wrapper is a client, too.
func TestChrootOnDirectClient(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	ctx := t.Context()
	require.NoError(t, zkapi.EnsurePath(ctx, c, "/app/blue", nil))
	app := zkapi.Chroot(c, "/app/blue")
	_, err := app.Create(ctx, "/e", []byte("x"), nil, zkapi.Ephemeral)
	require.NoError(t, err)
	_, ok := srv.Node("/app/blue/e")
	require.True(t, ok)
	paths, err := app.Ephemerals(ctx, "/")
	require.NoError(t, err)
	require.Equal(t, []string{"/e"}, paths)
	_, _, gone, err := app.ExistsW(ctx, "/e")
	require.NoError(t, err)
	stream, err := app.AddWatch(ctx, "/", zkapi.WatchPersistentRecursive)
	require.NoError(t, err)
	require.Len(t, srv.Watches(), 2)

	srv.Disconnect(c.SessionID())
	_, err = app.Set(ctx, "/e", nil, -1)
	requireOpError(t, err, "setData", "/e", zkapi.ErrConnectionLoss)
	c.Reconnect()
	require.NoError(t, app.Delete(ctx, "/e", -1))
	want := zkapi.Event{Type: zkapi.EventNodeDeleted, Path: "/e", Zxid: srv.Zxid()}
	require.Equal(t, want, <-gone)
	ev, err := stream.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, want, ev)
	_, err = app.Multi(ctx, zkapi.DeleteOp("/e", -1))
	requireOpError(t, err, "multi", "/e", zkapi.ErrNoNode)

	_, _, lost, err := app.ExistsW(ctx, "/e")
	require.NoError(t, err)
	srv.Expire(app.SessionID())
	ev = <-lost
	require.Equal(t, "/e", ev.Path)
	require.ErrorIs(t, ev.Err, zkapi.ErrSessionExpired)
	require.NoError(t, app.Close())
	require.Equal(t, zkapi.StateClosed, c.State())
}

// Many goroutines on a few clients. The counter is only right if every
// compare-and-set was atomic, the names only if every creation was.
func TestConcurrentUse(t *testing.T) {
	srv := memserver.RunT(t)
	clients := []*memserver.Client{srv.ClientT(t), srv.ClientT(t), srv.ClientT(t)}
	ctx := t.Context()
	open(t, clients[0], "/count", "0")
	open(t, clients[0], "/names", "")
	stream, err := clients[1].AddWatch(ctx, "/", zkapi.WatchPersistentRecursive)
	require.NoError(t, err)

	const workers, rounds = 8, 50
	var mu sync.Mutex
	names := make(map[string]bool)
	var wg sync.WaitGroup
	for i := range workers {
		c := clients[i%len(clients)]
		wg.Go(func() {
			for range rounds {
				if err := increment(ctx, c, "/count"); err != nil {
					t.Error(err)
				}
				name, err := c.Create(ctx, "/names/n-", nil, nil, zkapi.EphemeralSequential)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				names[name] = true
				mu.Unlock()
			}
		})
	}
	stop := make(chan struct{})
	var onlookers sync.WaitGroup
	onlookers.Go(func() { // everything that looks at a server may be called at any time
		for {
			select {
			case <-stop:
				return
			default:
			}
			srv.Snapshot().Len()
			srv.Sessions()
			srv.Watches()
			if err := srv.Check(); err != nil {
				t.Error(err)
			}
			_, _, ch, err := clients[2].GetW(ctx, "/count")
			if err != nil {
				t.Error(err)
			}
			srv.Disconnect(clients[2].SessionID() + 100)
			select {
			case <-ch:
			default:
			}
		}
	})
	wg.Wait()
	close(stop)
	onlookers.Wait()

	data, stat, err := clients[0].Get(ctx, "/count")
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(workers*rounds), string(data))
	require.EqualValues(t, workers*rounds, stat.Version)
	require.Len(t, names, workers*rounds)
	var events, last int64
	for {
		ev, ok, _ := stream.TryNext()
		if !ok {
			break
		}
		events++
		require.Greater(t, ev.Zxid, last, "in the order of transactions")
		last = ev.Zxid
	}
	require.EqualValues(t, 2*workers*rounds, events)
}

// increment adds one to the number in a node.
func increment(ctx context.Context, c zkapi.Client, path string) error {
	for {
		data, stat, err := c.Get(ctx, path)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(data))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		_, err = c.Set(ctx, path, []byte(strconv.Itoa(n+1)), stat.Version)
		if !errors.Is(err, zkapi.ErrBadVersion) {
			return err
		}
	}
}

// drainStates takes what is in a stream of states now.
func drainStates(s *zkapi.Stream[zkapi.StateChange]) []zkapi.State {
	var states []zkapi.State
	for {
		change, ok, _ := s.TryNext()
		if !ok {
			return slices.Clip(states)
		}
		states = append(states, change.State)
	}
}
