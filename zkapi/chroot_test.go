package zkapi_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// pair is a client, and one in a chroot of another server, to which the same things are done.
type pair struct {
	t             *rapid.T
	ctx           context.Context
	plain, rooted zkapi.Client
	events        [][2]<-chan zkapi.Event
	streams       [][2]*zkapi.Stream[zkapi.Event]
}

// TestChrootIsAnotherRoot: from within nothing can be told from a server of one's own.
func TestChrootIsAnotherRoot(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := &pair{t: rt, ctx: t.Context(), plain: memserver.RunT(rt).ClientT(rt)}
		other := memserver.RunT(rt).ClientT(rt)
		prefix := rapid.SampledFrom([]string{"/app", "/app/blue"}).Draw(rt, "prefix")
		require.NoError(rt, zkapi.EnsurePath(p.ctx, other, prefix, nil))
		_, err := other.Create(p.ctx, prefix+"le", nil, nil, zkapi.Ephemeral) // "/apple", a neighbour
		require.NoError(rt, err)
		p.rooted = zkapi.Chroot(other, prefix)
		rt.Repeat(map[string]func(*rapid.T){
			"create": p.create, "delete": p.delete, "read": p.read, "set": p.set, "acl": p.acl,
			"multi": p.multi, "multiRead": p.multiRead, "arm": p.arm, "watch": p.watch, "": p.check,
		})
	})
}

// path draws one. "//x" is not among them: to a server the parent is "/" then,
// which exists, and to one with a prefix it is "/app/", which does not, so that
// a create is refused for another reason.
func (p *pair) path() string {
	return rapid.SampledFrom([]string{"/", "/a", "/a/b", "/a/b/c", "/ab", "/a/s-0000000000", "/app", "/app/a",
		"", "a", "/a/", "/a//b", "/a/..", "/.", "/a\x00", "app/a"}).Draw(p.t, "path")
}

// both does something with both clients and compares what it prints.
func (p *pair) both(do func(c zkapi.Client) string) {
	p.t.Helper()
	require.Equal(p.t, do(p.plain), do(p.rooted))
}

// show prints the part of a Stat that does not depend on the rest of the server.
func show(path string, s zkapi.Stat) string {
	if path == "/" || path == "" {
		return "" // the one root has /zookeeper, the other does not
	}
	return fmt.Sprint(s.Version, s.Cversion, s.Aversion, s.EphemeralOwner != 0, s.DataLength, s.NumChildren)
}

func withoutOwn(path string, names []string) []string {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return name == "zookeeper" && (path == "/" || path == "")
	})
	sort.Strings(names)
	return names
}

func (p *pair) create(t *rapid.T) {
	p.t = t
	path, mode := p.path(), rapid.SampledFrom([]zkapi.CreateMode{zkapi.Persistent, zkapi.Ephemeral,
		zkapi.PersistentSequential, zkapi.EphemeralSequential, zkapi.Container}).Draw(t, "mode")
	switch rapid.IntRange(0, 2).Draw(t, "call") {
	case 0:
		p.both(func(c zkapi.Client) string {
			made, err := c.Create(p.ctx, path, []byte("x"), nil, mode)
			return fmt.Sprint(made, err)
		})
	case 1:
		p.both(func(c zkapi.Client) string {
			made, stat, err := c.Create2(p.ctx, path, nil, nil, mode)
			return fmt.Sprint(made, show(path, stat), err)
		})
	default: // refused: these servers have no TTL nodes
		p.both(func(c zkapi.Client) string {
			made, _, err := c.CreateTTL(p.ctx, path, nil, nil, zkapi.PersistentTTL, time.Hour)
			return fmt.Sprint(made, err)
		})
	}
}

func (p *pair) delete(t *rapid.T) {
	p.t = t
	path := p.path()
	p.both(func(c zkapi.Client) string { return fmt.Sprint(c.Delete(p.ctx, path, zkapi.AnyVersion)) })
}

func (p *pair) read(t *rapid.T) {
	p.t = t
	path := p.path()
	p.both(func(c zkapi.Client) string {
		s1, ok, err1 := c.Exists(p.ctx, path)
		data, s2, err2 := c.Get(p.ctx, path)
		names, s3, err3 := c.Children(p.ctx, path)
		ephemerals, err4 := c.Ephemerals(p.ctx, path)
		sort.Strings(ephemerals)
		n, err5 := c.AllChildrenNumber(p.ctx, path)
		if path == "/" || path == "" {
			n = 0
		}
		return fmt.Sprint(show(path, s1), ok, err1, "\n", data, show(path, s2), err2, "\n", withoutOwn(path, names),
			show(path, s3), err3, "\n", ephemerals, err4, "\n", n, err5, c.Sync(p.ctx, path))
	})
}

func (p *pair) set(t *rapid.T) {
	p.t = t
	path, version := p.path(), rapid.Int32Range(-1, 2).Draw(t, "version")
	p.both(func(c zkapi.Client) string {
		stat, err := c.Set(p.ctx, path, []byte("new"), version)
		return fmt.Sprint(show(path, stat), err)
	})
}

func (p *pair) acl(t *rapid.T) {
	p.t = t
	path := p.path()
	acl := rapid.SampledFrom([][]zkapi.ACL{zkapi.OpenACL(), {}, append(zkapi.OpenACL(), zkapi.ReadACL()...)}).Draw(t, "acl")
	p.both(func(c zkapi.Client) string {
		s1, err1 := c.SetACL(p.ctx, path, acl, zkapi.AnyVersion)
		got, s2, err2 := c.GetACL(p.ctx, path)
		return fmt.Sprint(show(path, s1), err1, got, show(path, s2), err2)
	})
}

func showResults(results []zkapi.OpResult, paths []string, err error) string {
	var s strings.Builder
	for i, r := range results {
		fmt.Fprintln(&s, r.Type, r.Path, show(paths[i], r.Stat), r.Data, withoutOwn(paths[i], r.Children), r.Err)
	}
	return fmt.Sprint(s.String(), err)
}

func (p *pair) multi(t *rapid.T) {
	p.t = t
	var ops []zkapi.Op
	var paths []string
	for range rapid.IntRange(1, 3).Draw(t, "ops") {
		path := p.path()
		paths = append(paths, path)
		ops = append(ops, rapid.SampledFrom([]zkapi.Op{
			zkapi.CreateOp(path, nil, nil, zkapi.Persistent),
			zkapi.CreateOp(path, nil, nil, zkapi.EphemeralSequential),
			zkapi.CreateOp(path, nil, nil, zkapi.Container),
			zkapi.DeleteOp(path, zkapi.AnyVersion),
			zkapi.SetOp(path, []byte("multi"), zkapi.AnyVersion),
			zkapi.CheckOp(path, 0),
		}).Draw(t, "op"))
	}
	before := slices.Clone(ops)
	p.both(func(c zkapi.Client) string {
		results, err := c.Multi(p.ctx, ops...)
		return showResults(results, paths, err)
	})
	require.Equal(t, before, ops, "the caller's operations are the caller's")
}

func (p *pair) multiRead(t *rapid.T) {
	p.t = t
	paths := []string{p.path(), p.path()}
	p.both(func(c zkapi.Client) string {
		results, err := c.MultiRead(p.ctx, zkapi.GetOp(paths[0]), zkapi.ChildrenOp(paths[1]))
		return showResults(results, paths, err)
	})
}

// arm sets a one-shot watch.
func (p *pair) arm(t *rapid.T) {
	p.t = t
	path, kind := p.path(), rapid.IntRange(0, 2).Draw(t, "kind")
	if path == "" {
		return // watched as such by the one server, as the root by the other
	}
	var chans [2]<-chan zkapi.Event
	var errs [2]error
	for i, c := range []zkapi.Client{p.plain, p.rooted} {
		switch kind {
		case 0:
			_, _, chans[i], errs[i] = c.ExistsW(p.ctx, path)
		case 1:
			_, _, chans[i], errs[i] = c.GetW(p.ctx, path)
		default:
			_, _, chans[i], errs[i] = c.ChildrenW(p.ctx, path)
		}
	}
	require.Equal(t, fmt.Sprint(errs[0]), fmt.Sprint(errs[1]))
	if errs[0] == nil {
		p.events = append(p.events, chans)
	}
}

// watch adds a persistent watch, or removes watches.
func (p *pair) watch(t *rapid.T) {
	p.t = t
	path := p.path()
	if rapid.Bool().Draw(t, "remove") {
		kind := rapid.SampledFrom([]zkapi.WatchType{zkapi.WatchTypeAny, zkapi.WatchTypeData,
			zkapi.WatchTypeChildren, zkapi.WatchTypePersistent}).Draw(t, "type")
		p.both(func(c zkapi.Client) string { return fmt.Sprint(c.RemoveWatches(p.ctx, path, kind)) })
		return
	}
	if path == "" {
		return // watched as such by the one server, as the root by the other
	}
	var streams [2]*zkapi.Stream[zkapi.Event]
	for i, c := range []zkapi.Client{p.plain, p.rooted} {
		var err error
		streams[i], err = c.AddWatch(p.ctx, path, rapid.Just(zkapi.WatchPersistentRecursive).Draw(t, "mode"))
		require.NoError(t, err)
	}
	p.streams = append(p.streams, streams)
}

// check compares what all watches have told up to now.
func (p *pair) check(t *rapid.T) {
	for _, chans := range p.events {
		require.Equal(t, received(chans[0]), received(chans[1]))
	}
	for _, streams := range p.streams {
		for {
			ev1, ok1, open1 := streams[0].TryNext()
			ev2, ok2, open2 := streams[1].TryNext()
			require.Equal(t, []any{ev1.Type, ev1.Path, ok1, open1}, []any{ev2.Type, ev2.Path, ok2, open2})
			if !ok1 {
				break
			}
		}
	}
}

// received prints what there is in a channel.
func received(ch <-chan zkapi.Event) string {
	select {
	case ev, ok := <-ch:
		return fmt.Sprint(ev.Type, ev.Path, ev.Err, ok)
	default:
		return "nothing yet"
	}
}

func TestChrootOfTheRoot(t *testing.T) {
	c := memserver.RunT(t).ClientT(t)
	require.Same(t, zkapi.Client(c), zkapi.Chroot(c, "/"))
	for _, prefix := range []string{"", "app", "/app/", "//", "/a/../b"} {
		require.Panics(t, func() { zkapi.Chroot(c, prefix) }, prefix)
	}
}

// TestChrootInChroot: prefixes add up, also in events and errors.
func TestChrootInChroot(t *testing.T) {
	ctx, c := t.Context(), memserver.RunT(t).ClientT(t)
	require.NoError(t, zkapi.EnsurePath(ctx, c, "/a/b", nil))
	inner := zkapi.Chroot(zkapi.Chroot(c, "/a"), "/b")
	_, _, ch, err := inner.ExistsW(ctx, "/x")
	require.NoError(t, err)
	stream, err := inner.AddWatch(ctx, "/x", zkapi.WatchPersistent)
	require.NoError(t, err)
	_, err = c.Create(ctx, "/a/b/x", nil, nil, zkapi.Persistent)
	require.NoError(t, err)
	require.Equal(t, "/x", (<-ch).Path)
	ev, err := stream.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, "/x", ev.Path)
	require.EqualError(t, inner.Delete(ctx, "/y", 0), "delete /y: zookeeper: NoNode")
}

// TestChrootCoversTheInterface fails when Client gets a method that Chroot would let through unseen.
func TestChrootCoversTheInterface(t *testing.T) {
	passed := []string{"AddAuth", "Close", "GetConfig", "Reconfig", "SessionID", "SessionTimeout", "State", "States", "WhoAmI"}
	recorded := map[string]bool{}
	rooted := reflect.ValueOf(zkapi.Chroot(spy{recorded: recorded}, "/app"))
	iface := reflect.TypeFor[zkapi.Client]()
	for i := range iface.NumMethod() {
		m := iface.Method(i)
		if slices.Contains(passed, m.Name) {
			continue
		}
		args := []reflect.Value{reflect.ValueOf(t.Context())}
		for j := 1; j < m.Type.NumIn(); j++ {
			switch in := m.Type.In(j); {
			case in.Kind() == reflect.String:
				args = append(args, reflect.ValueOf("/x"))
			case in == reflect.TypeFor[[]zkapi.Op]():
				args = append(args, reflect.ValueOf(zkapi.SetOp("/x", nil, 0)))
			default:
				args = append(args, reflect.Zero(in))
			}
		}
		rooted.MethodByName(m.Name).Call(args)
		require.True(t, recorded["/app/x"], "%s lets the path through", m.Name)
		clear(recorded)
	}
}

// TestChrootTranslatesPathErrors: a client may check paths by itself.
func TestChrootTranslatesPathErrors(t *testing.T) {
	_, err := zkapi.Chroot(spy{}, "/app").Set(t.Context(), "/x//y", nil, 0)
	require.EqualError(t, err, `setData /x//y: path "/x//y", column 4: empty name`)
	require.ErrorIs(t, err, zkapi.ErrBadArguments)
}

// spy is a client that checks paths, keeps them, and does nothing.
type spy struct {
	zkapi.Client
	recorded map[string]bool
}

func (s spy) see(op zkapi.OpCode, path string) error {
	if s.recorded != nil {
		s.recorded[path] = true
	}
	if err := zkapi.ValidatePath(path); err != nil {
		return &zkapi.OpError{Op: op.String(), Path: path, Err: err}
	}
	return nil
}

func (s spy) Create(_ context.Context, path string, _ []byte, _ []zkapi.ACL, _ zkapi.CreateMode) (string, error) {
	return path, s.see(zkapi.OpCreate, path)
}

func (s spy) Create2(_ context.Context, path string, _ []byte, _ []zkapi.ACL, _ zkapi.CreateMode) (string, zkapi.Stat, error) {
	return path, zkapi.Stat{}, s.see(zkapi.OpCreate2, path)
}

func (s spy) CreateTTL(_ context.Context, path string, _ []byte, _ []zkapi.ACL, _ zkapi.CreateMode, _ time.Duration) (string, zkapi.Stat, error) {
	return path, zkapi.Stat{}, s.see(zkapi.OpCreateTTL, path)
}

func (s spy) Delete(_ context.Context, path string, _ int32) error {
	return s.see(zkapi.OpDelete, path)
}

func (s spy) Exists(_ context.Context, path string) (zkapi.Stat, bool, error) {
	return zkapi.Stat{}, false, s.see(zkapi.OpExists, path)
}

func (s spy) ExistsW(_ context.Context, path string) (zkapi.Stat, bool, <-chan zkapi.Event, error) {
	return zkapi.Stat{}, false, nil, s.see(zkapi.OpExists, path)
}

func (s spy) Get(_ context.Context, path string) ([]byte, zkapi.Stat, error) {
	return nil, zkapi.Stat{}, s.see(zkapi.OpGetData, path)
}

func (s spy) GetW(_ context.Context, path string) ([]byte, zkapi.Stat, <-chan zkapi.Event, error) {
	return nil, zkapi.Stat{}, nil, s.see(zkapi.OpGetData, path)
}

func (s spy) Set(_ context.Context, path string, _ []byte, _ int32) (zkapi.Stat, error) {
	return zkapi.Stat{}, s.see(zkapi.OpSetData, path)
}

func (s spy) GetACL(_ context.Context, path string) ([]zkapi.ACL, zkapi.Stat, error) {
	return nil, zkapi.Stat{}, s.see(zkapi.OpGetACL, path)
}

func (s spy) SetACL(_ context.Context, path string, _ []zkapi.ACL, _ int32) (zkapi.Stat, error) {
	return zkapi.Stat{}, s.see(zkapi.OpSetACL, path)
}

func (s spy) Children(_ context.Context, path string) ([]string, zkapi.Stat, error) {
	return nil, zkapi.Stat{}, s.see(zkapi.OpGetChildren2, path)
}

func (s spy) ChildrenW(_ context.Context, path string) ([]string, zkapi.Stat, <-chan zkapi.Event, error) {
	return nil, zkapi.Stat{}, nil, s.see(zkapi.OpGetChildren2, path)
}

func (s spy) AllChildrenNumber(_ context.Context, path string) (int, error) {
	return 0, s.see(zkapi.OpGetAllChildrenNumber, path)
}

func (s spy) Ephemerals(_ context.Context, prefix string) ([]string, error) {
	return nil, s.see(zkapi.OpGetEphemerals, prefix)
}

func (s spy) Sync(_ context.Context, path string) error { return s.see(zkapi.OpSync, path) }

func (s spy) Multi(_ context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	return nil, s.see(zkapi.OpMulti, ops[0].Path)
}

func (s spy) MultiRead(_ context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	return nil, s.see(zkapi.OpMultiRead, ops[0].Path)
}

func (s spy) AddWatch(_ context.Context, path string, _ zkapi.WatchMode) (*zkapi.Stream[zkapi.Event], error) {
	return nil, s.see(zkapi.OpAddWatch, path)
}

func (s spy) RemoveWatches(_ context.Context, path string, _ zkapi.WatchType) error {
	return s.see(zkapi.OpRemoveWatches, path)
}

// TestChrootWatchesTakeNoGoroutines: a client that knows EventMap translates by itself.
func TestChrootWatchesTakeNoGoroutines(t *testing.T) {
	c := zkapi.Chroot(memserver.RunT(t).ClientT(t), "/app")
	before := runtime.NumGoroutine()
	for i := range 1000 {
		_, _, _, err := c.ExistsW(t.Context(), fmt.Sprint("/never/", i))
		require.NoError(t, err)
	}
	require.Less(t, runtime.NumGoroutine(), before+100, "others may come and go")
}

// deaf hides the context from the client below, so that it cannot know about EventMap.
type deaf struct{ zkapi.Client }

func (d deaf) ExistsW(_ context.Context, path string) (zkapi.Stat, bool, <-chan zkapi.Event, error) {
	return d.Client.ExistsW(context.Background(), path)
}

// TestChrootOverDeafClient: such a client costs a goroutine for each watch, which
// ends when the watch fires or the client is closed; a bubble fails if one is left.
func TestChrootOverDeafClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, direct := t.Context(), memserver.RunT(t).ClientT(t)
		c := zkapi.Chroot(deaf{direct}, "/app")
		_, _, fires, err := c.ExistsW(ctx, "/")
		require.NoError(t, err)
		_, _, never, err := c.ExistsW(ctx, "/never")
		require.NoError(t, err)
		_, err = direct.Create(ctx, "/app", nil, nil, zkapi.Persistent)
		require.NoError(t, err)
		ev := <-fires
		require.Equal(t, "NodeCreated /", fmt.Sprint(ev.Type, " ", ev.Path))
		_, open := <-fires
		require.False(t, open)
		require.NoError(t, c.Close())
		ev = <-never
		require.Equal(t, "/never", ev.Path)
		require.True(t, errors.Is(ev.Err, zkapi.ErrClosed), ev.Err)
	})
}
