package realserver_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// Two implementations of zkapi.Client, each on a simulator of its own, do the
// same: results, errors to the letter, events with their zxids, states, and
// what the servers look like in the end.
func TestSameAsTheDirectClient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			p := newPairs(t)
			t.Repeat(map[string]func(*rapid.T){
				"write":   p.write,
				"create":  p.create,
				"read":    p.read,
				"multi":   p.multi,
				"watch":   p.watch,
				"stream":  p.stream,
				"unwatch": p.unwatch,
				"auth":    p.auth,
				"cut":     p.cutOff,
				"heal":    p.heal,
				"expire":  p.expire,
				"restart": func(*rapid.T) { p.direct.Restart(); p.wire.Restart() },
				"sleep":   p.sleep,
				"":        p.check,
			})
			p.close(t)
		})
	})
}

// pairs are two servers with two clients each.
type pairs struct {
	direct, wire *memserver.Server
	a            [2]*memserver.Client
	b            [2]*realserver.Client
	lines        [2]*line
	states       [2][2]*zkapi.Stream[zkapi.StateChange] // of a and of b
	cut          int                                    // the client without a connection, or -1
	watches      []pairWatch
	streams      []pairStream
}

// pairWatch is one watch, twice.
type pairWatch struct {
	what string
	a, b <-chan zkapi.Event
}

// pairStream is one persistent watch, twice.
type pairStream struct {
	what string
	a, b *zkapi.Stream[zkapi.Event]
}

func newPairs(t *rapid.T) *pairs {
	profile := rapid.SampledFrom([]memserver.Profile{memserver.V39, memserver.V38}).Draw(t, "profile")
	config := func(c *memserver.Config) { c.Seed, c.ExtendedTypes, c.Profile = 1, true, profile }
	p := &pairs{direct: memserver.RunT(t, config), wire: memserver.RunT(t, config), cut: -1}
	for i := range p.a {
		p.a[i] = p.direct.ClientT(t)
		l := &line{under: p.wire.Dial}
		c, err := realserver.Connect(t.Context(), []string{p.wire.Addr()}, func(c *realserver.ClientConfig) { c.Dialer = l.dial })
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		t.Cleanup(l.open)
		p.b[i], p.lines[i] = c, l
		p.states[i] = [2]*zkapi.Stream[zkapi.StateChange]{p.a[i].States(), c.States()}
	}
	return p
}

// both does the same with both clients of a pair and compares what they say.
func (p *pairs) both(t *rapid.T, what string, do func(zkapi.Client) []any) {
	i := rapid.IntRange(0, 1).Draw(t, "client")
	synctest.Wait()
	x, y := do(p.a[i]), do(p.b[i])
	for j := range x {
		if err, ok := x[j].(error); ok {
			other, ok := y[j].(error)
			require.True(t, ok, "%s: %v and %v", what, err, y[j])
			require.EqualError(t, other, err.Error(), what)
			require.Equal(t, zkapi.CodeOf(err), zkapi.CodeOf(other), what)
			require.Equal(t, zkapi.NothingChanged(err), zkapi.NothingChanged(other), what)
			continue
		}
		require.Equal(t, x[j], y[j], what)
	}
}

var (
	anyPath = rapid.SampledFrom([]string{"/a", "/b", "/a/b", "/a/c", "/a/b/c", "/", "/zookeeper", "/\ue000",
		"", "a", "/a/", "/a/../b", "/\x00"})
	anyData    = rapid.SampledFrom([][]byte{nil, {}, []byte("x"), []byte("longer")})
	anyVersion = rapid.SampledFrom([]int32{-1, -1, -1, 0, 1, 2, -2})
	anyMode    = rapid.SampledFrom([]zkapi.CreateMode{zkapi.Persistent, zkapi.Persistent, zkapi.Ephemeral, zkapi.PersistentSequential,
		zkapi.EphemeralSequential, zkapi.Container, zkapi.PersistentTTL, zkapi.PersistentSequentialTTL, 9})
	anyTTL = rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Minute})
	anyACL = rapid.SampledFrom([][]zkapi.ACL{nil, nil, nil, zkapi.ReadACL(), zkapi.CreatorAllACL(),
		zkapi.DigestACL(zkapi.PermAll, "u", "p"), {}})
)

func (p *pairs) create(t *rapid.T) {
	path, data, acl, mode := anyPath.Draw(t, "path"), anyData.Draw(t, "data"), anyACL.Draw(t, "acl"), anyMode.Draw(t, "mode")
	kind := rapid.IntRange(0, 2).Draw(t, "kind")
	ttl := anyTTL.Draw(t, "ttl")
	p.both(t, fmt.Sprint("create ", mode, " ", path), func(c zkapi.Client) []any {
		switch {
		case mode.TTL():
			path, stat, err := c.CreateTTL(t.Context(), path, data, acl, mode, ttl)
			return []any{path, stat, err}
		case kind == 0:
			path, err := c.Create(t.Context(), path, data, acl, mode)
			return []any{path, err}
		}
		path, stat, err := c.Create2(t.Context(), path, data, acl, mode)
		return []any{path, stat, err}
	})
}

func (p *pairs) write(t *rapid.T) {
	path, data, version := anyPath.Draw(t, "path"), anyData.Draw(t, "data"), anyVersion.Draw(t, "version")
	acl, kind := anyACL.Draw(t, "acl"), rapid.IntRange(0, 3).Draw(t, "kind")
	p.both(t, fmt.Sprint("write ", kind, " ", path, " ", version), func(c zkapi.Client) []any {
		switch kind {
		case 0:
			stat, err := c.SetACL(t.Context(), path, acl, version)
			return []any{stat, err}
		case 1:
			return []any{c.Delete(t.Context(), path, version)}
		}
		stat, err := c.Set(t.Context(), path, data, version)
		return []any{stat, err}
	})
}

func (p *pairs) read(t *rapid.T) {
	path, kind := anyPath.Draw(t, "path"), rapid.IntRange(0, 9).Draw(t, "kind")
	p.both(t, fmt.Sprint("read ", kind, " ", path), func(c zkapi.Client) []any {
		switch kind {
		case 6:
			n, err := c.AllChildrenNumber(t.Context(), path)
			return []any{n, err}
		case 7:
			paths, err := c.Ephemerals(t.Context(), path)
			return []any{len(paths), err}
		case 8:
			ids, err := c.WhoAmI(t.Context())
			return []any{len(ids), err}
		case 9:
			results, err := c.MultiRead(t.Context(), zkapi.GetOp(path), zkapi.ChildrenOp(path), zkapi.GetOp("/a"))
			return []any{results, err}
		case 0:
			data, stat, err := c.Get(t.Context(), path)
			return []any{data, stat, err}
		case 1:
			stat, ok, err := c.Exists(t.Context(), path)
			return []any{stat, ok, err}
		case 2:
			names, stat, err := c.Children(t.Context(), path)
			return []any{names, stat, err}
		case 3:
			acl, stat, err := c.GetACL(t.Context(), path)
			return []any{acl, stat, err}
		case 4:
			data, stat, err := c.GetConfig(t.Context())
			return []any{data, stat, err}
		}
		return []any{c.Sync(t.Context(), path)}
	})
}

func (p *pairs) multi(t *rapid.T) {
	var ops []zkapi.Op
	for range rapid.IntRange(0, 4).Draw(t, "n") {
		path, version := anyPath.Draw(t, "path"), anyVersion.Draw(t, "version")
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			mode, data, acl := anyMode.Draw(t, "mode"), anyData.Draw(t, "data"), anyACL.Draw(t, "acl")
			if mode.TTL() {
				ops = append(ops, zkapi.CreateTTLOp(path, data, acl, mode, anyTTL.Draw(t, "ttl")))
			} else {
				ops = append(ops, zkapi.CreateOp(path, data, acl, mode))
			}
		case 1:
			ops = append(ops, zkapi.DeleteOp(path, version))
		case 2:
			ops = append(ops, zkapi.SetOp(path, anyData.Draw(t, "data"), version))
		case 3:
			ops = append(ops, zkapi.CheckOp(path, version))
		}
	}
	p.both(t, fmt.Sprintf("multi %+v", ops), func(c zkapi.Client) []any {
		results, err := c.Multi(t.Context(), ops...)
		return []any{results, err}
	})
}

func (p *pairs) watch(t *rapid.T) {
	path, kind := anyPath.Draw(t, "path"), rapid.IntRange(0, 2).Draw(t, "kind")
	w := pairWatch{what: fmt.Sprint("watch ", kind, " ", path)}
	p.both(t, w.what, func(c zkapi.Client) (out []any) {
		var ch <-chan zkapi.Event
		switch kind {
		case 0:
			data, stat, in, err := c.GetW(t.Context(), path)
			ch, out = in, []any{data, stat, err}
		case 1:
			stat, ok, in, err := c.ExistsW(t.Context(), path)
			ch, out = in, []any{stat, ok, err}
		case 2:
			names, stat, in, err := c.ChildrenW(t.Context(), path)
			ch, out = in, []any{names, stat, err}
		}
		if _, ok := c.(*realserver.Client); ok {
			w.b = ch
		} else {
			w.a = ch
		}
		return append(out, ch == nil)
	})
	if w.a != nil {
		p.watches = append(p.watches, w)
	}
}

func (p *pairs) stream(t *rapid.T) {
	path, mode := anyPath.Draw(t, "path"), zkapi.WatchMode(rapid.IntRange(0, 2).Draw(t, "mode"))
	s := pairStream{what: fmt.Sprint("addWatch ", mode, " ", path)}
	p.both(t, s.what, func(c zkapi.Client) []any {
		stream, err := c.AddWatch(t.Context(), path, mode)
		if _, ok := c.(*realserver.Client); ok {
			s.b = stream
		} else {
			s.a = stream
		}
		return []any{err}
	})
	if s.a != nil {
		p.streams = append(p.streams, s)
	}
}

// unwatch removes a watch in one of two ways.
func (p *pairs) unwatch(t *rapid.T) {
	if len(p.streams) > 0 && rapid.Bool().Draw(t, "close") {
		i := rapid.IntRange(0, len(p.streams)-1).Draw(t, "stream")
		p.streams[i].a.Close()
		p.streams[i].b.Close()
		return
	}
	path, kind := anyPath.Draw(t, "path"), zkapi.WatchType(rapid.IntRange(0, 6).Draw(t, "type"))
	p.both(t, fmt.Sprint("removeWatches ", kind, " ", path), func(c zkapi.Client) []any {
		return []any{c.RemoveWatches(t.Context(), path, kind)}
	})
}

func (p *pairs) auth(t *rapid.T) {
	id := []byte(rapid.SampledFrom([]string{"u:p", "v:p", ""}).Draw(t, "id"))
	p.both(t, "auth", func(c zkapi.Client) []any { return []any{c.AddAuth(t.Context(), "digest", id)} })
}

// cutOff takes a client's connection and does not let it back. One at a time:
// whose session ends first is up to the pings, which a direct client does not send.
func (p *pairs) cutOff(t *rapid.T) {
	if p.cut >= 0 {
		t.Skip("one is cut off")
	}
	synctest.Wait()
	p.cut = rapid.IntRange(0, 1).Draw(t, "client")
	p.lines[p.cut].dials.set(true)
	require.True(t, p.direct.Disconnect(p.a[p.cut].SessionID()))
	require.True(t, p.wire.Disconnect(p.b[p.cut].SessionID()))
}

func (p *pairs) heal(t *rapid.T) {
	if p.cut < 0 {
		t.Skip("none is cut off")
	}
	p.lines[p.cut].open()
	p.a[p.cut].Reconnect()
	p.cut = -1
}

func (p *pairs) expire(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "client")
	require.Equal(t, p.direct.Expire(p.a[i].SessionID()), p.wire.Expire(p.b[i].SessionID()))
}

// sleep lets time pass; while a client is cut off, so much that its session has surely ended.
func (p *pairs) sleep(t *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Second, 2 * time.Minute}).Draw(t, "time")
	if p.cut >= 0 {
		d = max(d, 20*time.Second)
	}
	time.Sleep(d)
}

// settle waits until a client is connected. It may have been cut so often that
// go-zookeeper pauses.
func (p *pairs) settle(i int) {
	if synctest.Wait(); p.b[i].State() != zkapi.StateConnected {
		time.Sleep(2 * time.Second)
		synctest.Wait()
	}
}

// check compares everything there is when nothing moves any more.
func (p *pairs) check(t *rapid.T) {
	synctest.Wait()
	for i := range p.a {
		if i != p.cut {
			p.settle(i)
		}
		require.Equal(t, p.a[i].SessionID(), p.b[i].SessionID())
		require.Equal(t, p.a[i].State(), p.b[i].State())
		require.Equal(t, p.a[i].SessionTimeout(), p.b[i].SessionTimeout())
		require.Equal(t, sofar(p.states[i][0]), sofar(p.states[i][1]))
	}
	require.Equal(t, p.direct.Zxid(), p.wire.Zxid())
	require.Equal(t, slices.Collect(p.direct.Snapshot().Nodes()), slices.Collect(p.wire.Snapshot().Nodes()))
	require.Equal(t, p.direct.Watches(), p.wire.Watches())
	require.NoError(t, p.direct.Check())
	require.NoError(t, p.wire.Check())
	p.events(t)
}

// events compares the watches and forgets those that have fired.
func (p *pairs) events(t *rapid.T) {
	p.watches = slices.DeleteFunc(p.watches, func(w pairWatch) bool {
		x, xFired := fired(w.a)
		y, yFired := fired(w.b)
		require.Equal(t, x, y, w.what)
		require.Equal(t, xFired, yFired, w.what)
		return xFired
	})
	p.streams = slices.DeleteFunc(p.streams, func(s pairStream) bool {
		x, xOpen := received(s.a)
		y, yOpen := received(s.b)
		require.Equal(t, x, y, s.what)
		require.Equal(t, xOpen, yOpen, s.what)
		return !xOpen
	})
}

// received is what a stream has now, and whether more may come.
func received[T any](s *zkapi.Stream[T]) (all []T, open bool) {
	for {
		v, ok, open := s.TryNext()
		if !ok {
			return all, open
		}
		all = append(all, v)
	}
}

func fired(ch <-chan zkapi.Event) (zkapi.Event, bool) {
	select {
	case ev := <-ch:
		return ev, true
	default:
		return zkapi.Event{}, false
	}
}

// sofar is what a stream has now.
func sofar[T any](s *zkapi.Stream[T]) []T {
	all, _ := received(s)
	return all
}

// close ends it all.
func (p *pairs) close(t *rapid.T) {
	for i := range p.a {
		p.lines[i].open()
		if i == p.cut {
			p.a[i].Reconnect()
		}
		p.settle(i)
		require.NoError(t, p.a[i].Close())
		require.NoError(t, p.b[i].Close())
		require.Equal(t, sofar(p.states[i][0]), sofar(p.states[i][1]))
	}
	p.events(t)
	require.Equal(t, p.direct.Zxid(), p.wire.Zxid())
	require.Equal(t, slices.Collect(p.direct.Snapshot().Nodes()), slices.Collect(p.wire.Snapshot().Nodes()))
}
