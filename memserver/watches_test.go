package memserver_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// The watches of the direct client. Its events are there when the call returns
// that caused them, so no test here waits.

func v38(c *memserver.Config) { c.Profile = memserver.V38 }

// fired returns the event of a one-shot watch, which must be there, and the only one.
func fired(t testing.TB, ch <-chan zkapi.Event) zkapi.Event {
	t.Helper()
	select {
	case ev, ok := <-ch:
		require.True(t, ok, "closed without an event")
		_, more := <-ch
		require.False(t, more, "closed after the event")
		return ev
	default:
		require.FailNow(t, "the watch has not fired")
		panic("unreachable")
	}
}

func requireSilent(t testing.TB, ch <-chan zkapi.Event) {
	t.Helper()
	select {
	case ev, ok := <-ch:
		require.FailNow(t, "the watch has fired", "%v %v", ev, ok)
	default:
	}
}

// drain takes what is in a stream now.
func drain(s *zkapi.Stream[zkapi.Event]) (events []zkapi.Event, open bool) {
	for {
		ev, ok, open := s.TryNext()
		if !ok {
			return events, open
		}
		events = append(events, ev)
	}
}

// arm sets a watch of a kind and returns what takes its events.
func arm(t testing.TB, c zkapi.Client, kind, path string) func() []zkapi.Event {
	t.Helper()
	ctx := t.Context()
	var ch <-chan zkapi.Event
	var stream *zkapi.Stream[zkapi.Event]
	var err error
	switch kind {
	case "exists":
		_, _, ch, err = c.ExistsW(ctx, path)
	case "get":
		_, _, ch, err = c.GetW(ctx, path)
	case "children":
		_, _, ch, err = c.ChildrenW(ctx, path)
	case "persistent":
		stream, err = c.AddWatch(ctx, path, zkapi.WatchPersistent)
	case "recursive":
		stream, err = c.AddWatch(ctx, path, zkapi.WatchPersistentRecursive)
	}
	require.NoError(t, err)
	return func() (events []zkapi.Event) {
		if stream != nil {
			events, _ = drain(stream)
			return events
		}
		select {
		case ev, ok := <-ch:
			if ok {
				return []zkapi.Event{ev}
			}
		default:
		}
		return nil
	}
}

// What fires which watch: ZooKeeper's table, row by row. /p has a child c; there is no /q.
func TestTriggers(t *testing.T) {
	do := func(ops ...zkapi.Op) func(context.Context, zkapi.Client) {
		return func(ctx context.Context, c zkapi.Client) { c.Multi(ctx, ops...) }
	}
	const created, deleted, changed, children = zkapi.EventNodeCreated, zkapi.EventNodeDeleted, zkapi.EventNodeDataChanged, zkapi.EventNodeChildrenChanged
	type ev = zkapi.Event
	type events map[string][]ev
	for name, test := range map[string]struct {
		do   func(context.Context, zkapi.Client)
		want events
	}{
		"set": {do(zkapi.SetOp("/p", nil, -1)), events{
			"exists /p": {{Type: changed, Path: "/p"}}, "get /p": {{Type: changed, Path: "/p"}},
			"persistent /p": {{Type: changed, Path: "/p"}}, "recursive /p": {{Type: changed, Path: "/p"}}, "recursive /": {{Type: changed, Path: "/p"}},
		}},
		"set child": {do(zkapi.SetOp("/p/c", nil, -1)), events{
			"recursive /p": {{Type: changed, Path: "/p/c"}}, "recursive /": {{Type: changed, Path: "/p/c"}},
		}},
		"create child": {do(zkapi.CreateOp("/p/d", nil, nil, zkapi.Persistent)), events{
			"children /p": {{Type: children, Path: "/p"}}, "persistent /p": {{Type: children, Path: "/p"}},
			"recursive /p": {{Type: created, Path: "/p/d"}}, "recursive /": {{Type: created, Path: "/p/d"}},
		}},
		"delete child": {do(zkapi.DeleteOp("/p/c", -1)), events{
			"children /p": {{Type: children, Path: "/p"}}, "persistent /p": {{Type: children, Path: "/p"}},
			"recursive /p": {{Type: deleted, Path: "/p/c"}}, "recursive /": {{Type: deleted, Path: "/p/c"}},
		}},
		"delete with child": {do(zkapi.DeleteOp("/p/c", -1), zkapi.DeleteOp("/p", -1)), events{
			"exists /p": {{Type: deleted, Path: "/p"}}, "get /p": {{Type: deleted, Path: "/p"}}, "children /p": {{Type: children, Path: "/p"}},
			"persistent /p": {{Type: children, Path: "/p"}, {Type: deleted, Path: "/p"}},
			"recursive /p":  {{Type: deleted, Path: "/p/c"}, {Type: deleted, Path: "/p"}},
			"recursive /":   {{Type: deleted, Path: "/p/c"}, {Type: deleted, Path: "/p"}},
			"children /":    {{Type: children, Path: "/"}},
		}},
		"create": {do(zkapi.CreateOp("/q", nil, nil, zkapi.Persistent)), events{
			"exists /q": {{Type: created, Path: "/q"}}, "persistent /q": {{Type: created, Path: "/q"}},
			"recursive /": {{Type: created, Path: "/q"}}, "children /": {{Type: children, Path: "/"}},
		}},
		"create and delete": {do(zkapi.CreateOp("/q", nil, nil, zkapi.Persistent), zkapi.DeleteOp("/q", -1)), events{
			"exists /q": {{Type: created, Path: "/q"}}, "persistent /q": {{Type: created, Path: "/q"}, {Type: deleted, Path: "/q"}},
			"recursive /": {{Type: created, Path: "/q"}, {Type: deleted, Path: "/q"}}, "children /": {{Type: children, Path: "/"}},
		}},
		"same prefix": {do(zkapi.CreateOp("/pp", nil, nil, zkapi.Persistent)), events{
			"recursive /": {{Type: created, Path: "/pp"}}, "children /": {{Type: children, Path: "/"}},
		}},
		"set ACL": {func(ctx context.Context, c zkapi.Client) { c.SetACL(ctx, "/p", zkapi.ReadACL(), -1) }, nil},
		"check":   {do(zkapi.CheckOp("/p", -1)), nil},
		"failed":  {do(zkapi.SetOp("/p", nil, -1), zkapi.CheckOp("/p", 99)), nil},
	} {
		for profile, opt := range map[string]func(*memserver.Config){"3.9": func(*memserver.Config) {}, "3.8": v38} {
			t.Run(name+"/"+profile, func(t *testing.T) {
				srv := memserver.RunT(t, opt)
				actor := srv.ClientT(t)
				open(t, actor, "/p", "")
				open(t, actor, "/p/c", "")
				got := make(map[string]func() []ev)
				for _, w := range []string{"exists /p", "get /p", "children /p", "persistent /p", "recursive /p", "exists /q", "persistent /q", "recursive /", "children /"} {
					kind, path, _ := strings.Cut(w, " ")
					got[w] = arm(t, srv.ClientT(t), kind, path)
				}
				test.do(t.Context(), actor)
				zxid := srv.Zxid()
				if profile == "3.8" {
					zxid = -1 // which does not tell
				}
				for w, events := range got {
					for i := range test.want[w] {
						test.want[w][i].Zxid = zxid
					}
					require.Equal(t, test.want[w], events(), w)
				}
			})
		}
	}
}

// A client's own changes fire its watches as everybody else's do.
func TestOwnChanges(t *testing.T) {
	c := memserver.RunT(t).ClientT(t)
	ctx := t.Context()
	_, ok, created, err := c.ExistsW(ctx, "/n")
	require.NoError(t, err)
	require.False(t, ok)
	open(t, c, "/n", "")
	require.Equal(t, zkapi.EventNodeCreated, fired(t, created).Type)
	_, _, changed, err := c.GetW(ctx, "/n")
	require.NoError(t, err)
	_, err = c.Set(ctx, "/n", nil, -1)
	require.NoError(t, err)
	require.Equal(t, zkapi.EventNodeDataChanged, fired(t, changed).Type)
}

// One-shot watches on a path are one watch to the server; each caller gets the event.
func TestOneShotWatchesAreShared(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	ctx := t.Context()
	open(t, c, "/n", "")
	_, _, first, err := c.GetW(ctx, "/n")
	require.NoError(t, err)
	_, _, second, err := c.GetW(ctx, "/n")
	require.NoError(t, err)
	_, _, third, err := c.ExistsW(ctx, "/n")
	require.NoError(t, err)
	require.Len(t, srv.Watches(), 1)
	for range 2 { // the second change finds nobody
		_, err = c.Set(ctx, "/n", nil, -1)
		require.NoError(t, err)
	}
	require.Equal(t, fired(t, first), fired(t, second))
	require.Equal(t, srv.Zxid()-1, fired(t, third).Zxid)
	require.Empty(t, srv.Watches())
}

// Data, existence and children of one node, watched by one client: a deletion
// is one event, told to each.
func TestDeletionIsToldOnce(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	open(t, c, "/n", "")
	kinds := []string{"exists", "get", "children", "persistent", "recursive"}
	var watches []func() []zkapi.Event
	for _, kind := range kinds {
		watches = append(watches, arm(t, c, kind, "/n"))
	}
	require.NoError(t, c.Delete(t.Context(), "/n", -1))
	for i, events := range watches {
		require.Equal(t, []zkapi.Event{{Type: zkapi.EventNodeDeleted, Path: "/n", Zxid: srv.Zxid()}}, events(), kinds[i])
	}
}

func TestFailedReadLeavesNoWatch(t *testing.T) {
	srv := memserver.RunT(t)
	c, other := srv.ClientT(t), srv.ClientT(t)
	ctx := t.Context()
	_, _, ch, err := c.GetW(ctx, "/n")
	require.ErrorIs(t, err, zkapi.ErrNoNode)
	require.Nil(t, ch)
	_, _, ch, err = c.ChildrenW(ctx, "/n")
	require.ErrorIs(t, err, zkapi.ErrNoNode)
	require.Nil(t, ch)
	_, err = other.Create(ctx, "/secret", nil, zkapi.DigestACL(zkapi.PermAll, "u", "p"), zkapi.Persistent)
	require.NoError(t, err)
	_, _, ch, err = c.ExistsW(ctx, "/secret")
	require.ErrorIs(t, err, zkapi.ErrNoAuth)
	require.Nil(t, ch)
	require.Empty(t, srv.Watches())
}

// Who may not read a node is not told about it, and a one-shot watch is used up all the same.
func TestWatchesSeeOnlyWhatMayBeRead(t *testing.T) {
	srv := memserver.RunT(t)
	c, other := srv.ClientT(t), srv.ClientT(t)
	ctx := t.Context()
	_, _, once, err := c.ExistsW(ctx, "/secret")
	require.NoError(t, err)
	stream, err := c.AddWatch(ctx, "/", zkapi.WatchPersistentRecursive)
	require.NoError(t, err)
	_, err = other.Create(ctx, "/secret", nil, zkapi.DigestACL(zkapi.PermAll, "u", "p"), zkapi.Persistent)
	require.NoError(t, err)
	requireSilent(t, once)
	events, _ := drain(stream)
	require.Empty(t, events)
	require.Len(t, srv.Watches(), 1)

	require.NoError(t, c.AddAuth(ctx, "digest", []byte("u:p")))
	require.NoError(t, c.Delete(ctx, "/secret", -1))
	events, _ = drain(stream)
	require.Equal(t, []zkapi.Event{{Type: zkapi.EventNodeDeleted, Path: "/secret", Zxid: srv.Zxid()}}, events)
}

func TestPersistentStreams(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	ctx := t.Context()
	stream, err := c.AddWatch(ctx, "/n", zkapi.WatchPersistent)
	require.NoError(t, err)
	first := srv.Zxid()
	for range 2 {
		open(t, c, "/n", "")
		open(t, c, "/n/child", "")
		require.NoError(t, c.Delete(ctx, "/n/child", -1))
		_, err = c.Set(ctx, "/n", []byte("x"), -1)
		require.NoError(t, err)
		require.NoError(t, c.Delete(ctx, "/n", -1))
	}
	types := []zkapi.EventType{zkapi.EventNodeCreated, zkapi.EventNodeChildrenChanged, zkapi.EventNodeChildrenChanged,
		zkapi.EventNodeDataChanged, zkapi.EventNodeDeleted}
	events, open := drain(stream)
	require.True(t, open)
	require.Len(t, events, 2*len(types), "nothing is left out")
	for i, ev := range events {
		require.Equal(t, zkapi.Event{Type: types[i%len(types)], Path: "/n", Zxid: first + 1 + int64(i)}, ev)
	}
}

// Next waits, and ends with its context or the stream.
func TestStreamsCanBeAwaited(t *testing.T) {
	srv := memserver.RunT(t)
	c, other := srv.ClientT(t), srv.ClientT(t)
	stream, err := c.AddWatch(t.Context(), "/n", zkapi.WatchPersistent)
	require.NoError(t, err)
	got := make(chan zkapi.Event)
	go func() {
		ev, err := stream.Next(t.Context())
		if err != nil {
			t.Error(err)
		}
		got <- ev
	}()
	open(t, other, "/n", "")
	require.Equal(t, zkapi.EventNodeCreated, (<-got).Type)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = stream.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, c.Close())
	var seen []zkapi.Event
	for ev := range stream.All(t.Context()) {
		seen = append(seen, ev)
	}
	require.Len(t, seen, 1)
	require.ErrorIs(t, seen[0].Err, zkapi.ErrClosed)
}

func TestRemoveWatches(t *testing.T) {
	const data, child, persistent = zkapi.EventDataWatchRemoved, zkapi.EventChildWatchRemoved, zkapi.EventPersistentWatchRemoved
	for name, test := range map[string]struct {
		remove zkapi.WatchType
		told   map[string]zkapi.EventType
	}{
		"data":       {zkapi.WatchTypeData, map[string]zkapi.EventType{"exists": data, "get": data}},
		"children":   {zkapi.WatchTypeChildren, map[string]zkapi.EventType{"children": child}},
		"persistent": {zkapi.WatchTypePersistent, map[string]zkapi.EventType{"persistent": persistent}},
		"recursive":  {zkapi.WatchTypePersistentRecursive, map[string]zkapi.EventType{"recursive": persistent}},
		"any": {zkapi.WatchTypeAny, map[string]zkapi.EventType{
			"exists": data, "get": data, "children": child, "persistent": persistent, "recursive": persistent,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := memserver.RunT(t)
			c, other := srv.ClientT(t), srv.ClientT(t)
			ctx := t.Context()
			open(t, c, "/n", "")
			watches := make(map[string]func() []zkapi.Event)
			for _, kind := range []string{"exists", "get", "children", "persistent", "recursive"} {
				watches[kind] = arm(t, c, kind, "/n")
			}
			theirs := arm(t, other, "get", "/n")
			require.NoError(t, c.RemoveWatches(ctx, "/n", test.remove))
			requireOpError(t, c.RemoveWatches(ctx, "/n", test.remove), "removeWatches", "/n", zkapi.ErrNoWatcher)
			requireOpError(t, c.RemoveWatches(ctx, "/other", test.remove), "removeWatches", "/other", zkapi.ErrNoWatcher)
			for kind, told := range test.told {
				require.Equal(t, []zkapi.Event{{Type: told, Path: "/n", Zxid: -1}}, watches[kind](), kind)
			}
			require.NoError(t, c.Delete(ctx, "/n", -1))
			for kind, events := range watches {
				if _, removed := test.told[kind]; removed {
					require.Empty(t, events(), kind)
				} else {
					require.Len(t, events(), 1, kind)
				}
			}
			require.Len(t, theirs(), 1, "others keep theirs")
		})
	}
}

// A removed watch's stream has a last event and then an end.
func TestRemovedStreamEnds(t *testing.T) {
	c := memserver.RunT(t).ClientT(t)
	ctx := t.Context()
	stream, err := c.AddWatch(ctx, "/n", zkapi.WatchPersistent)
	require.NoError(t, err)
	require.NoError(t, c.RemoveWatches(ctx, "/n", zkapi.WatchTypeAny))
	ev, err := stream.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, zkapi.EventPersistentWatchRemoved, ev.Type)
	_, err = stream.Next(ctx)
	require.ErrorIs(t, err, zkapi.ErrClosed)
	stream.Close() // nothing is left to remove
}

// 3.8 knows no types for persistent watches.
func TestRemoveWatches38(t *testing.T) {
	srv := memserver.RunT(t, v38)
	c := srv.ClientT(t)
	ctx := t.Context()
	stream, err := c.AddWatch(ctx, "/n", zkapi.WatchPersistent)
	require.NoError(t, err)
	requireOpError(t, c.RemoveWatches(ctx, "/n", zkapi.WatchTypePersistent), "removeWatches", "/n", zkapi.ErrMarshalling)
	_, open := drain(stream)
	require.True(t, open)
	require.NoError(t, c.RemoveWatches(ctx, "/n", zkapi.WatchTypeAny))
	events, open := drain(stream)
	require.Equal(t, []zkapi.Event{{Type: zkapi.EventPersistentWatchRemoved, Path: "/n", Zxid: -1}}, events)
	require.False(t, open)
	require.Empty(t, srv.Watches())
}

// Closing a stream takes its watch off the server, with the last stream of a path and mode.
func TestClosingStreams(t *testing.T) {
	for profile, opt := range map[string]func(*memserver.Config){"3.9": func(*memserver.Config) {}, "3.8": v38} {
		for _, mode := range []zkapi.WatchMode{zkapi.WatchPersistent, zkapi.WatchPersistentRecursive} {
			t.Run(profile, func(t *testing.T) {
				srv := memserver.RunT(t, opt)
				c := srv.ClientT(t)
				ctx := t.Context()
				var streams []*zkapi.Stream[zkapi.Event]
				for range 2 {
					s, err := c.AddWatch(ctx, "/n", mode)
					require.NoError(t, err)
					streams = append(streams, s)
				}
				streams[0].Close()
				require.NotEmpty(t, srv.Watches())
				open(t, c, "/n", "")
				events, isOpen := drain(streams[0])
				require.Empty(t, events)
				require.False(t, isOpen)
				events, _ = drain(streams[1])
				require.Len(t, events, 1)
				streams[1].Close()
				streams[1].Close()
				require.Empty(t, srv.Watches())
			})
		}
	}
}

// Closing a stream leaves the other watches on its path as they are.
func TestClosingStreamLeavesOthers(t *testing.T) {
	for profile, opt := range map[string]func(*memserver.Config){"3.9": func(*memserver.Config) {}, "3.8": v38} {
		t.Run(profile, func(t *testing.T) {
			srv := memserver.RunT(t, opt)
			c := srv.ClientT(t)
			open(t, c, "/n", "")
			stream, err := c.AddWatch(t.Context(), "/n", zkapi.WatchPersistentRecursive)
			require.NoError(t, err)
			get, children := arm(t, c, "get", "/n"), arm(t, c, "children", "/n")
			stream.Close()
			open(t, c, "/n/child", "")
			require.Len(t, children(), 1)
			_, err = c.Set(t.Context(), "/n", nil, -1)
			require.NoError(t, err)
			require.Len(t, get(), 1)
		})
	}
}

func TestClosingStreamsWithoutConnection(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	stream, err := c.AddWatch(t.Context(), "/n", zkapi.WatchPersistent)
	require.NoError(t, err)
	srv.Disconnect(c.SessionID())
	stream.Close()
	c.Reconnect()
	require.Empty(t, srv.Watches(), "it is not asked for again")
}

// What happens while a client is cut off it learns when it comes back: one-shot
// watches fire if what they are about has changed, and are armed again if not.
// Persistent watches just go on.
func TestMissedEvents(t *testing.T) {
	for profile, opt := range map[string]func(*memserver.Config){"3.9": func(*memserver.Config) {}, "3.8": v38} {
		t.Run(profile, func(t *testing.T) {
			srv := memserver.RunT(t, opt)
			actor := srv.ClientT(t)
			ctx := t.Context()
			for _, path := range []string{"/changed", "/deleted", "/grown", "/emptied", "/emptied/child", "/dropped", "/again", "/same"} {
				open(t, actor, path, "")
			}
			c := srv.ClientT(t)
			type ev = zkapi.Event
			const created, deleted, changed, children = zkapi.EventNodeCreated, zkapi.EventNodeDeleted, zkapi.EventNodeDataChanged, zkapi.EventNodeChildrenChanged
			watches := []struct {
				kind, path string
				missed     zkapi.EventType // 0 if nothing
				events     func() []ev
			}{
				{kind: "get", path: "/changed", missed: changed},
				{kind: "get", path: "/deleted", missed: deleted},
				{kind: "get", path: "/again", missed: changed}, // deleted and created: the node is another
				{kind: "exists", path: "/created", missed: created},
				{kind: "exists", path: "/came-and-went"},
				{kind: "children", path: "/grown", missed: children},
				{kind: "children", path: "/emptied", missed: children},
				{kind: "children", path: "/dropped", missed: deleted},
				{kind: "get", path: "/same"},
				{kind: "children", path: "/same"},
				{kind: "persistent", path: "/changed-persistent"},
				{kind: "recursive", path: "/changed-persistent"},
			}
			open(t, actor, "/changed-persistent", "")
			for i, w := range watches {
				watches[i].events = arm(t, c, w.kind, w.path)
			}
			id := c.SessionID()
			require.True(t, srv.Disconnect(id))
			require.Empty(t, srv.Watches())
			_, err := actor.Multi(ctx,
				zkapi.SetOp("/changed", nil, -1), zkapi.SetOp("/changed-persistent", nil, -1),
				zkapi.DeleteOp("/deleted", -1), zkapi.DeleteOp("/dropped", -1), zkapi.DeleteOp("/emptied/child", -1),
				zkapi.DeleteOp("/again", -1), zkapi.CreateOp("/again", nil, nil, zkapi.Persistent),
				zkapi.CreateOp("/created", nil, nil, zkapi.Persistent), zkapi.CreateOp("/grown/child", nil, nil, zkapi.Persistent),
				zkapi.CreateOp("/came-and-went", nil, nil, zkapi.Persistent), zkapi.DeleteOp("/came-and-went", -1))
			require.NoError(t, err)
			for _, w := range watches {
				require.Empty(t, w.events(), w.path)
			}
			c.Reconnect()
			require.Equal(t, id, c.SessionID())
			for _, w := range watches {
				if w.missed == 0 {
					require.Empty(t, w.events(), "%s %s", w.kind, w.path)
				} else {
					require.Equal(t, []ev{{Type: w.missed, Path: w.path, Zxid: -1}}, w.events(), "%s %s", w.kind, w.path)
				}
			}

			// Those that did not fire are as good as before.
			_, err = actor.Multi(ctx, zkapi.SetOp("/same", nil, -1), zkapi.CreateOp("/same/child", nil, nil, zkapi.Persistent),
				zkapi.CreateOp("/came-and-went", nil, nil, zkapi.Persistent), zkapi.SetOp("/changed-persistent", nil, -1), zkapi.SetOp("/changed", nil, -1))
			require.NoError(t, err)
			for _, w := range watches {
				want := 0
				if w.missed == 0 {
					want = 1
				}
				require.Len(t, w.events(), want, "%s %s", w.kind, w.path)
			}
		})
	}
}

// A client cannot tell an event that it had missed from a new one, so a
// persistent watch of the same client hears of it, too. ZooKeeper's own does the same.
func TestMissedEventReachesPersistentWatches(t *testing.T) {
	srv := memserver.RunT(t)
	c, actor := srv.ClientT(t), srv.ClientT(t)
	open(t, c, "/n", "")
	get, above := arm(t, c, "get", "/n"), arm(t, c, "recursive", "/")
	srv.Disconnect(c.SessionID())
	for range 3 {
		_, err := actor.Set(t.Context(), "/n", nil, -1)
		require.NoError(t, err)
	}
	c.Reconnect()
	want := []zkapi.Event{{Type: zkapi.EventNodeDataChanged, Path: "/n", Zxid: -1}}
	require.Equal(t, want, get())
	require.Equal(t, want, above())
}

// Watches end with what they belong to, and say why.
func TestEndOfWatches(t *testing.T) {
	for name, test := range map[string]struct {
		end   func(*testing.T, *memserver.Server, *memserver.Client)
		cause error
	}{
		"expired": {func(_ *testing.T, s *memserver.Server, c *memserver.Client) { s.Expire(c.SessionID()) }, zkapi.ErrSessionExpired},
		"expired while cut off": {func(_ *testing.T, s *memserver.Server, c *memserver.Client) {
			s.Disconnect(c.SessionID())
			s.Advance(time.Minute)
			c.Reconnect()
		}, zkapi.ErrSessionExpired},
		"closed":      {func(t *testing.T, _ *memserver.Server, c *memserver.Client) { require.NoError(t, c.Close()) }, zkapi.ErrClosed},
		"auth failed": {func(t *testing.T, _ *memserver.Server, c *memserver.Client) { c.AddAuth(t.Context(), "none", nil) }, zkapi.ErrAuthFailed},
	} {
		t.Run(name, func(t *testing.T) {
			srv := memserver.RunT(t)
			c := srv.ClientT(t)
			ctx := t.Context()
			open(t, c, "/n", "")
			_, _, once, err := c.GetW(ctx, "/n")
			require.NoError(t, err)
			_, _, missing, err := c.ExistsW(ctx, "/missing")
			require.NoError(t, err)
			_, _, child, err := c.ChildrenW(ctx, "/n")
			require.NoError(t, err)
			stream, err := c.AddWatch(ctx, "/n", zkapi.WatchPersistentRecursive)
			require.NoError(t, err)
			test.end(t, srv, c)
			for path, ch := range map[string]<-chan zkapi.Event{"/n": once, "/missing": missing} {
				require.Equal(t, zkapi.Event{Type: zkapi.EventNone, Path: path, Zxid: -1, Err: test.cause}, fired(t, ch))
			}
			require.ErrorIs(t, fired(t, child).Err, test.cause)
			events, open := drain(stream)
			require.Equal(t, []zkapi.Event{{Type: zkapi.EventNone, Path: "/n", Zxid: -1, Err: test.cause}}, events)
			require.False(t, open)
			require.Empty(t, srv.Watches())
			stream.Close()
		})
	}
}

// The ephemeral nodes of a session that is closed go before its watches do.
func TestOwnEphemeralsAtClose(t *testing.T) {
	c := memserver.RunT(t).ClientT(t)
	ctx := t.Context()
	_, err := c.Create(ctx, "/e", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	_, _, ch, err := c.GetW(ctx, "/e")
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.Equal(t, zkapi.EventNodeDeleted, fired(t, ch).Type)
}

func TestStates(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	ctx := t.Context()
	require.Equal(t, zkapi.StateConnected, c.State())
	states, ignored := c.States(), c.States()
	ignored.Close()
	_, _, open := ignored.TryNext()
	require.False(t, open)

	first := c.SessionID()
	srv.Disconnect(first)
	require.Equal(t, zkapi.StateSuspended, c.State())
	srv.Disconnect(first)
	c.Reconnect()
	c.Reconnect()
	srv.Restart()
	srv.Expire(first)
	second := c.SessionID()
	require.NotEqual(t, first, second)
	srv.Disconnect(second)
	srv.Expire(second)
	require.Equal(t, zkapi.StateSuspended, c.State(), "it cannot know")
	c.Reconnect()
	third := c.SessionID()
	late := c.States()
	require.NoError(t, c.Close())

	want := []zkapi.StateChange{
		{State: zkapi.StateSuspended, SessionID: first}, {State: zkapi.StateConnected, SessionID: first}, // Disconnect, Reconnect
		{State: zkapi.StateSuspended, SessionID: first}, {State: zkapi.StateConnected, SessionID: first}, // Restart
		{State: zkapi.StateSuspended, SessionID: first}, {State: zkapi.StateLost, SessionID: first}, // Expire
		{State: zkapi.StateConnected, SessionID: second},
		{State: zkapi.StateSuspended, SessionID: second}, {State: zkapi.StateLost, SessionID: second}, // Disconnect, Expire, Reconnect
		{State: zkapi.StateConnected, SessionID: third},
		{State: zkapi.StateClosed, SessionID: third},
	}
	var got []zkapi.StateChange
	for change := range states.All(ctx) { // ends with the client
		got = append(got, change)
	}
	require.Equal(t, want, got)
	require.Equal(t, []zkapi.State{zkapi.StateClosed}, drainStates(late), "from now on means that")
	_, err := c.States().Next(ctx)
	require.ErrorIs(t, err, zkapi.ErrClosed)
}
