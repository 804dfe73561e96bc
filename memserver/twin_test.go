package memserver_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// Two clients, one truth: two servers that start alike are given the same
// operations, one by direct clients, the other by go-zookeeper over the wire.
// Every result, every event and after each step the whole tree must be the
// same, down to zxids, times and session ids.
func TestTwoClientsOneTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			w := newTwins(t)
			t.Repeat(map[string]func(*rapid.T){
				"operation": func(t *rapid.T) { w.operation(t, w.connected(t)) },
				"more":      func(t *rapid.T) { w.operation(t, w.connected(t)) },
				"multi":     func(t *rapid.T) { w.multi(t, w.connected(t)) },
				"watch":     func(t *rapid.T) { w.watch(t, w.connected(t)) },
				"auth":      func(t *rapid.T) { w.auth(t, w.connected(t)) },
				"cut":       w.cutOff,
				"heal":      w.heal,
				"expire":    w.expire,
				"restart":   w.restart,
				"sleep":     w.sleep,
				"":          w.check,
			})
		})
	})
}

// twins are the two servers, with two clients each.
type twins struct {
	direct, wire *memserver.Server
	a            [2]*memserver.Client
	b            [2]*zk.Conn
	gates        [2]*gate
	acls         *rapid.Generator[[]zkapi.ACL]
	cut          int // the client without a connection; -1 if none
	watches      []twinWatch
	watching     [2]bool // has ever watched
	known        [2]bool // has ever added an identity
}

type twinWatch struct {
	what string
	a    <-chan zkapi.Event
	b    <-chan zk.Event
}

func newTwins(t *rapid.T) *twins {
	profile := rapid.SampledFrom([]memserver.Profile{memserver.V39, memserver.V38}).Draw(t, "profile")
	config := func(c *memserver.Config) { c.Profile, c.Seed, c.ExtendedTypes = profile, 1, true }
	w := &twins{direct: memserver.RunT(t, config), wire: memserver.RunT(t, config), cut: -1, acls: someACL}
	if profile == memserver.V38 {
		// 3.8 lets one watch a node that one may not read, and be told of its
		// creation only after a reconnection. go-zookeeper keeps that from watches
		// that were set when the node was there; ZooKeeper's own client and ours do not.
		w.acls = readableACL
	}
	addr := w.wire.Addr()
	for i := range w.a {
		w.a[i] = w.direct.ClientT(t)
		w.gates[i] = newGate(w.wire.Dial)
		var err error
		// Several addresses: after the last the client pauses for a second.
		w.b[i], _, err = zk.Connect([]string{addr, addr, addr, addr}, 10*time.Second, zk.WithDialer(w.gates[i].dial),
			zk.WithLogger(quiet{}), zk.WithLogInfo(false), zk.WithMaxBufferSize(1<<16), zk.WithMaxConnBufferSize(1<<16))
		require.NoError(t, err)
		t.Cleanup(func() {
			w.gates[i].open()
			synctest.Wait() // for the same reason as in auth
			w.b[i].Close()
		})
		synctest.Wait()
	}
	return w
}

// connected draws a client that has a connection.
func (w *twins) connected(t *rapid.T) int {
	i := rapid.IntRange(0, 1).Draw(t, "client")
	if i == w.cut {
		i = 1 - i
	}
	return i
}

// outcome is what either client says. Fields that an operation has no use for stay zero.
type outcome struct {
	err   zkapi.Code
	path  string
	data  []byte
	ok    bool
	stat  zkapi.Stat
	names []string
	acl   []zkapi.ACL
	parts []outcome
}

var codeOfZK = map[error]zkapi.Code{
	zk.ErrNoNode: zkapi.ErrNoNode, zk.ErrNoAuth: zkapi.ErrNoAuth, zk.ErrBadVersion: zkapi.ErrBadVersion,
	zk.ErrNoChildrenForEphemerals: zkapi.ErrNoChildrenForEphemerals, zk.ErrNodeExists: zkapi.ErrNodeExists,
	zk.ErrNotEmpty: zkapi.ErrNotEmpty, zk.ErrInvalidACL: zkapi.ErrInvalidACL, zk.ErrBadArguments: zkapi.ErrBadArguments,
	zk.ErrSessionExpired: zkapi.ErrSessionExpired,
}

// codeOf translates go-zookeeper's errors; it makes up new ones for codes it does not know.
func codeOf(err error) zkapi.Code {
	if err == nil {
		return 0
	}
	if code, ok := codeOfZK[err]; ok {
		return code
	}
	var code zkapi.Code
	if _, scan := fmt.Sscanf(err.Error(), "unknown error: %d", &code); scan != nil {
		panic(err)
	}
	return code
}

// statOf is zero with an error, where go-zookeeper returns one all the same.
func statOf(s *zk.Stat, err error) zkapi.Stat {
	if err != nil || s == nil {
		return zkapi.Stat{}
	}
	return zkapi.Stat(*s)
}

func zkACL(acl []zkapi.ACL) []zk.ACL {
	var out []zk.ACL
	for _, a := range acl {
		out = append(out, zk.ACL{Perms: int32(a.Perms), Scheme: a.Scheme, ID: a.ID})
	}
	return out
}

var (
	somePath = rapid.SampledFrom([]string{"/a", "/b", "/a/b", "/a/c", "/a/b/c", "/\ue000", "/"})
	someData = rapid.SampledFrom([][]byte{nil, {}, []byte("x"), []byte("longer")})
	someACL  = rapid.SampledFrom([][]zkapi.ACL{zkapi.OpenACL(), zkapi.OpenACL(), zkapi.OpenACL(), zkapi.ReadACL(), zkapi.CreatorAllACL(),
		zkapi.DigestACL(zkapi.PermAll, "u", "p"), {}})
	readableACL = rapid.SampledFrom([][]zkapi.ACL{zkapi.OpenACL(), zkapi.OpenACL(), zkapi.ReadACL(), {}})
	someVersion = rapid.SampledFrom([]int32{-1, -1, -1, 0, 1, 2, -2})
	someMode    = rapid.SampledFrom([]zkapi.CreateMode{zkapi.Persistent, zkapi.Persistent, zkapi.Ephemeral, zkapi.PersistentSequential,
		zkapi.EphemeralSequential, zkapi.Container, zkapi.PersistentTTL, zkapi.PersistentSequentialTTL})
	someTTL = rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Minute, time.Hour})
)

// operation does one thing with both clients.
func (w *twins) operation(t *rapid.T, i int) {
	a, b, ctx := w.a[i], w.b[i], t.Context()
	path := somePath.Draw(t, "path")
	var x, y outcome
	kind := rapid.SampledFrom([]string{"create", "create", "create", "set", "delete", "get", "exists", "children", "getACL", "setACL", "sync", "reconfig"}).Draw(t, "kind")
	switch kind {
	case "create":
		data, acl, mode := someData.Draw(t, "data"), w.acls.Draw(t, "acl"), someMode.Draw(t, "mode")
		var errA, errB error
		switch {
		case mode.TTL():
			ttl := someTTL.Draw(t, "ttl")
			x.path, _, errA = a.CreateTTL(ctx, path, data, acl, mode, ttl)
			y.path, errB = b.CreateTTL(path, data, int32(mode), zkACL(acl), ttl)
		case mode == zkapi.Container:
			x.path, errA = a.Create(ctx, path, data, acl, mode)
			y.path, errB = b.CreateContainer(path, data, int32(mode), zkACL(acl))
		default:
			x.path, errA = a.Create(ctx, path, data, acl, mode)
			y.path, errB = b.Create(path, data, int32(mode), zkACL(acl))
		}
		x.err, y.err = zkapi.CodeOf(errA), codeOf(errB)
	case "set":
		data, version := someData.Draw(t, "data"), someVersion.Draw(t, "version")
		stat, errA := a.Set(ctx, path, data, version)
		other, errB := b.Set(path, data, version)
		x, y = outcome{err: zkapi.CodeOf(errA), stat: stat}, outcome{err: codeOf(errB), stat: statOf(other, errB)}
	case "delete":
		version := someVersion.Draw(t, "version")
		x.err, y.err = zkapi.CodeOf(a.Delete(ctx, path, version)), codeOf(b.Delete(path, version))
	case "get":
		data, stat, errA := a.Get(ctx, path)
		got, other, errB := b.Get(path)
		x, y = outcome{err: zkapi.CodeOf(errA), data: data, stat: stat}, outcome{err: codeOf(errB), data: got, stat: statOf(other, errB)}
	case "exists":
		stat, ok, errA := a.Exists(ctx, path)
		there, other, errB := b.Exists(path)
		x = outcome{err: zkapi.CodeOf(errA), ok: ok, stat: stat}
		y = outcome{err: codeOf(errB), ok: there && errB == nil, stat: statOf(other, errB)}
	case "children":
		names, stat, errA := a.Children(ctx, path)
		list, other, errB := b.Children(path) // in the same order, too
		x, y = outcome{err: zkapi.CodeOf(errA), names: names, stat: stat}, outcome{err: codeOf(errB), names: list, stat: statOf(other, errB)}
	case "getACL":
		acl, stat, errA := a.GetACL(ctx, path)
		entries, other, errB := b.GetACL(path)
		x, y = outcome{err: zkapi.CodeOf(errA), acl: acl, stat: stat}, outcome{err: codeOf(errB), stat: statOf(other, errB)}
		for _, e := range entries {
			y.acl = append(y.acl, zkapi.ACL{Perms: zkapi.Perm(e.Perms), Scheme: e.Scheme, ID: e.ID})
		}
	case "setACL":
		acl, version := w.acls.Draw(t, "acl"), someVersion.Draw(t, "version")
		stat, errA := a.SetACL(ctx, path, acl, version)
		other, errB := b.SetACL(path, zkACL(acl), version)
		x, y = outcome{err: zkapi.CodeOf(errA), stat: stat}, outcome{err: codeOf(errB), stat: statOf(other, errB)}
	case "sync":
		errA := a.Sync(ctx, path)
		_, errB := b.Sync(path)
		x.err, y.err = zkapi.CodeOf(errA), codeOf(errB)
	case "reconfig":
		_, _, errA := a.Reconfig(ctx, zkapi.Reconfig{Leaving: "2", Version: -1})
		_, errB := b.IncrementalReconfig(nil, []string{"2"}, -1)
		if !errors.Is(errA, zkapi.ErrReconfigDisabled) || !errors.Is(errB, zk.ErrReconfigDisabled) {
			t.Fatalf("%v and %v", errA, errB)
		}
	}
	require.Equal(t, x, y, "%s %q", kind, path)
}

// multi does several things at once with both clients.
func (w *twins) multi(t *rapid.T, i int) {
	var ops []zkapi.Op
	var requests []any
	for range rapid.IntRange(0, 4).Draw(t, "n") {
		path, version := somePath.Draw(t, "path"), someVersion.Draw(t, "version")
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			data, acl := someData.Draw(t, "data"), w.acls.Draw(t, "acl")
			mode := rapid.SampledFrom([]zkapi.CreateMode{zkapi.Persistent, zkapi.Ephemeral, zkapi.PersistentSequential}).Draw(t, "mode")
			ops = append(ops, zkapi.CreateOp(path, data, acl, mode))
			requests = append(requests, &zk.CreateRequest{Path: path, Data: data, Acl: zkACL(acl), Flags: int32(mode)})
		case 1:
			ops = append(ops, zkapi.DeleteOp(path, version))
			requests = append(requests, &zk.DeleteRequest{Path: path, Version: version})
		case 2:
			data := someData.Draw(t, "data")
			ops = append(ops, zkapi.SetOp(path, data, version))
			requests = append(requests, &zk.SetDataRequest{Path: path, Data: data, Version: version})
		case 3:
			ops = append(ops, zkapi.CheckOp(path, version))
			requests = append(requests, &zk.CheckVersionRequest{Path: path, Version: version})
		}
	}
	results, errA := w.a[i].Multi(t.Context(), ops...)
	responses, errB := w.b[i].Multi(requests...)
	x, y := outcome{err: zkapi.CodeOf(errA)}, outcome{err: codeOf(errB)}
	for _, r := range results {
		x.parts = append(x.parts, outcome{err: zkapi.CodeOf(r.Err), path: r.Path, stat: r.Stat})
	}
	for _, r := range responses {
		y.parts = append(y.parts, outcome{err: codeOf(r.Error), path: r.String, stat: statOf(r.Stat, r.Error)})
	}
	require.Equal(t, x, y, "%+v", ops)
}

// auth adds an identity to a client. It has no watches then: when go-zookeeper
// v1.0.4 reconnects it sends both again at the same time, with a data race.
func (w *twins) auth(t *rapid.T, i int) {
	if w.watching[i] {
		t.Skip("it watches")
	}
	w.known[i] = true
	id := []byte(rapid.SampledFrom([]string{"u:p", "v:p", ""}).Draw(t, "id"))
	require.NoError(t, w.a[i].AddAuth(t.Context(), "digest", id))
	require.NoError(t, w.b[i].AddAuth("digest", id))
}

// watch arms a one-shot watch of both clients.
func (w *twins) watch(t *rapid.T, i int) {
	if w.known[i] {
		t.Skip("see auth")
	}
	w.watching[i] = true
	a, b, ctx := w.a[i], w.b[i], t.Context()
	path, kind := somePath.Draw(t, "path"), rapid.SampledFrom([]string{"get", "exists", "children"}).Draw(t, "kind")
	var x <-chan zkapi.Event
	var y <-chan zk.Event
	var errA, errB error
	switch kind {
	case "get":
		_, _, x, errA = a.GetW(ctx, path)
		_, _, y, errB = b.GetW(path)
	case "exists":
		_, _, x, errA = a.ExistsW(ctx, path)
		_, _, y, errB = b.ExistsW(path)
	case "children":
		_, _, x, errA = a.ChildrenW(ctx, path)
		_, _, y, errB = b.ChildrenW(path)
	}
	require.Equal(t, zkapi.CodeOf(errA), codeOf(errB), "%s %s", kind, path)
	if errA == nil {
		w.watches = append(w.watches, twinWatch{fmt.Sprintf("%s %s by %d", kind, path, i), x, y})
	}
}

// cutOff takes a client's connection and does not let it back. One at a time:
// whose session ends first is up to the pings, which a direct client does not send.
func (w *twins) cutOff(t *rapid.T) {
	if w.cut >= 0 {
		t.Skip("one is cut off")
	}
	w.cut = rapid.IntRange(0, 1).Draw(t, "client")
	w.gates[w.cut].close()
	require.True(t, w.direct.Disconnect(w.a[w.cut].SessionID()))
	require.True(t, w.wire.Disconnect(w.b[w.cut].SessionID()))
}

func (w *twins) heal(t *rapid.T) {
	if w.cut < 0 {
		t.Skip("none is cut off")
	}
	w.gates[w.cut].open()
	w.a[w.cut].Reconnect()
	w.cut = -1
}

func (w *twins) expire(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "client")
	require.Equal(t, w.direct.Expire(w.a[i].SessionID()), w.wire.Expire(w.b[i].SessionID()))
}

func (w *twins) restart(*rapid.T) {
	w.direct.Restart()
	w.wire.Restart()
}

// sleep lets time pass; while a client is cut off, so much that its session has surely ended.
func (w *twins) sleep(t *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, 20 * time.Second, 2 * time.Minute}).Draw(t, "time")
	if w.cut >= 0 {
		d = max(d, 20*time.Second)
	}
	time.Sleep(d)
}

// check compares everything there is when nothing moves any more.
func (w *twins) check(t *rapid.T) {
	synctest.Wait()
	require.Equal(t, w.direct.Zxid(), w.wire.Zxid())
	require.Equal(t, slices.Collect(w.direct.Snapshot().Nodes()), slices.Collect(w.wire.Snapshot().Nodes()))
	require.Equal(t, w.direct.Watches(), w.wire.Watches())
	require.NoError(t, w.direct.Check())
	require.NoError(t, w.wire.Check())
	x, y := w.direct.Sessions(), w.wire.Sessions()
	for _, list := range [][]memserver.Session{x, y} {
		for i := range list {
			list[i].Expiry = time.Time{} // depends on pings
		}
	}
	require.Equal(t, x, y)
	for i := range w.a {
		if i != w.cut {
			require.Equal(t, w.a[i].SessionID(), w.b[i].SessionID())
		}
	}
	w.watches = slices.DeleteFunc(w.watches, func(watch twinWatch) bool {
		var x, y zkapi.Event
		select {
		case ev := <-watch.a:
			x = zkapi.Event{Type: ev.Type, Path: ev.Path, Err: ev.Err}
		default:
		}
		select {
		case ev := <-watch.b:
			y = zkapi.Event{Type: zkapi.EventType(ev.Type), Path: ev.Path}
			if ev.Type == zk.EventNotWatching {
				y.Type, y.Err = zkapi.EventNone, codeOf(ev.Err)
			}
		default:
		}
		require.Equal(t, x, y, watch.what)
		return x != zkapi.Event{}
	})
}
