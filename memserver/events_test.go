package memserver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// story takes what has come so far, one line an event, with names for sessions.
func story(events *zkapi.Stream[memserver.Event], names map[int64]string) string {
	var b strings.Builder
	for {
		e, ok, _ := events.TryNext()
		if !ok {
			return b.String()
		}
		fmt.Fprintf(&b, "%d %s", e.Zxid, e.Kind)
		if name, ok := names[e.Session]; ok {
			fmt.Fprintf(&b, " by %s", name)
		}
		switch e.Kind {
		case memserver.EventCommit:
			fmt.Fprintf(&b, ": %v", e.Op)
			if e.Path != "" {
				fmt.Fprintf(&b, " %s", e.Path)
			}
			if e.Err != nil {
				fmt.Fprintf(&b, " (%s)", e.Err.(zkapi.Code).Name())
			}
			for _, c := range e.Changes {
				fmt.Fprintf(&b, ", %v %s", c.Type, c.Path)
			}
		case memserver.EventWatch:
			fmt.Fprintf(&b, ": %v %s", e.Watch.Type, e.Watch.Path)
		}
		b.WriteByte('\n')
	}
}

func TestEvents(t *testing.T) {
	srv := memserver.RunT(t, func(c *memserver.Config) { c.ExtendedTypes = true })
	ctx := t.Context()
	quiet := srv.ClientT(t)
	_, err := quiet.Create(ctx, "/before", nil, nil, zkapi.Persistent)
	require.NoError(t, err)

	events := srv.Events()
	defer events.Close()
	a := srv.ClientT(t)
	names := map[int64]string{quiet.SessionID(): "q", a.SessionID(): "a"}
	check := func(want string) {
		t.Helper()
		require.Equal(t, want, story(events, names))
	}
	check("3 commit by a: createSession\n3 opened by a\n3 connected by a\n")

	_, err = a.Create(ctx, "/e", nil, nil, zkapi.EphemeralSequential)
	require.NoError(t, err)
	_, _, _, err = quiet.ChildrenW(ctx, "/")
	require.NoError(t, err)
	_, err = a.Create(ctx, "/before", nil, nil, zkapi.Persistent)
	require.ErrorIs(t, err, zkapi.ErrNodeExists)
	_, err = a.Set(ctx, "/before", []byte("x"), -1)
	require.NoError(t, err)
	_, err = a.SetACL(ctx, "/before", zkapi.OpenACL(), -1)
	require.NoError(t, err)
	_, _, err = a.Get(ctx, "/before")
	require.NoError(t, err)
	check(`4 commit by a: create /e0000000001, NodeCreated /e0000000001
5 commit by a: create /before (NodeExists)
6 commit by a: setData /before, NodeDataChanged /before
7 commit by a: setACL /before
`)

	_, err = a.Multi(ctx, zkapi.CreateOp("/m", nil, nil, zkapi.Persistent), zkapi.DeleteOp("/before", -1))
	require.NoError(t, err)
	_, err = a.Multi(ctx, zkapi.DeleteOp("/m", -1), zkapi.CheckOp("/none", -1))
	require.ErrorIs(t, err, zkapi.ErrNoNode)
	check(`8 commit by a: multi, NodeCreated /m, NodeDeleted /before
8 watch by q: NodeChildrenChanged /
9 commit by a: multi (NoNode)
`)

	require.True(t, srv.Disconnect(a.SessionID()))
	a.Reconnect()
	require.True(t, srv.Expire(a.SessionID()))
	names[a.SessionID()] = "a again"
	require.NoError(t, a.Close())
	check(`9 disconnected by a
9 connected by a
9 disconnected by a
10 commit by a: closeSession, NodeDeleted /e0000000001
10 expired by a
11 commit by a again: createSession
11 opened by a again
11 connected by a again
12 commit by a again: closeSession
12 closed by a again
12 disconnected by a again
`)

	_, _, err = quiet.CreateTTL(ctx, "/ttl", nil, nil, zkapi.PersistentTTL, time.Second)
	require.NoError(t, err)
	srv.Advance(2 * time.Minute)
	srv.Restart()
	check(`13 commit by q: createTTL /ttl, NodeCreated /ttl
14 commit: deleteContainer /ttl, NodeDeleted /ttl
14 disconnected by q
14 reset
14 connected by q
`)

	events.Close()
	_, err = quiet.Set(ctx, "/m", nil, -1)
	require.NoError(t, err)
	check("")
}

// TestEventsTimes: the server's clock, which a test has moved.
func TestEventsTimes(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t, func(c *memserver.ClientConfig) { c.SessionTimeout = 8 * time.Second })
	events := srv.Events()
	srv.Disconnect(c.SessionID())
	cut := must(events.Next(t.Context())).Time
	srv.Advance(time.Minute)
	commit, expired := must(events.Next(t.Context())), must(events.Next(t.Context()))
	require.Equal(t, memserver.EventExpired, expired.Kind)
	require.Equal(t, 8*time.Second, expired.Timeout)
	require.Equal(t, commit.Time, expired.Time)
	require.GreaterOrEqual(t, expired.Time.Sub(cut), 8*time.Second)
	require.LessOrEqual(t, expired.Time.Sub(cut), 10*time.Second+time.Millisecond, "at most one tick later")
}

// TestEventsOfTheWire: what a connection does without a step of its own comes too.
func TestEventsOfTheWire(t *testing.T) {
	srv := memserver.RunT(t)
	events := srv.Events()
	conn, _, err := zk.Connect([]string{srv.Addr()}, 10*time.Second, zk.WithDialer(srv.Dial), zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	require.NoError(t, err)
	defer conn.Close()
	_, _, err = conn.Get("/")
	require.NoError(t, err)
	session := conn.SessionID()
	next := func(want memserver.EventKind) {
		t.Helper()
		e := must(events.Next(t.Context()))
		require.Equal(t, want, e.Kind)
		require.Equal(t, session, e.Session)
	}
	next(memserver.EventCommit)
	next(memserver.EventOpened)
	next(memserver.EventConnected)
	_, err = conn.Set("/zookeeper/quota", []byte("x"), -1)
	require.NoError(t, err)
	next(memserver.EventCommit)
	conn.Close()
	next(memserver.EventCommit)
	next(memserver.EventClosed)
	next(memserver.EventDisconnected)
}

// TestEventsEnd: nobody can make the server keep events without end, and one
// who does not read does not disturb the others.
func TestEventsEnd(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	lazy, eager := srv.Events(), srv.Events()
	const limit = 1 << 16
	for i := range limit + 10 {
		_, err := c.Set(t.Context(), "/", nil, -1)
		require.NoError(t, err)
		e := must(eager.Next(t.Context()))
		require.EqualValues(t, i+2, e.Zxid)
	}
	require.Equal(t, limit, lazy.Len())
	for range limit {
		_, err := lazy.Next(t.Context())
		require.NoError(t, err)
	}
	_, err := lazy.Next(t.Context())
	require.ErrorIs(t, err, zkapi.ErrClosed)

	require.NoError(t, srv.Close())
	for {
		if _, err := eager.Next(t.Context()); err != nil {
			require.ErrorIs(t, err, zkapi.ErrClosed)
			break
		}
	}
	_, err = srv.Events().Next(t.Context())
	require.ErrorIs(t, err, zkapi.ErrClosed, "of a closed server nothing comes")
}
