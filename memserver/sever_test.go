package memserver_test

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// Members that do not hear each other, and what becomes of writes that wait for it.

// later does something that may wait, and tells what has come of it.
func later(do func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	synctest.Wait()
	return done
}

func creation(t *testing.T, c zkapi.Client, path string) <-chan error {
	return later(func() error {
		_, err := c.Create(t.Context(), path, nil, nil, zkapi.Persistent)
		return err
	})
}

func requireWaits(t *testing.T, done <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		require.Fail(t, "it does not wait", "%v", err)
	default:
	}
}

// limit is SyncLimit in time.
const limit = 5 * 2 * time.Second

func severed(t *testing.T, play func(t *testing.T, srv *memserver.Server)) {
	bubble(t, play, three)
}

// sever takes from the second member what the first one says, and so on.
func sever(srv *memserver.Server, ways ...[2]int) {
	for _, w := range ways {
		srv.Member(w[0]).Sever(srv.Member(w[1]))
	}
}

func mend(srv *memserver.Server, ways ...[2]int) {
	for _, w := range ways {
		srv.Member(w[0]).Mend(srv.Member(w[1]))
	}
}

func requireThere(t *testing.T, srv *memserver.Server, path string, want bool) {
	t.Helper()
	_, there := srv.Node(path)
	require.Equal(t, want, there, path)
}

// A follower whose leader does not hear it: reads are fresh, writes are lost.
func TestMemberThatIsNotHeard(t *testing.T) {
	severed(t, func(t *testing.T, srv *memserver.Server) {
		near, far := on(t, srv, 1), on(t, srv, 3)
		sever(srv, [2]int{1, 3})
		lost := creation(t, near, "/lost")
		open(t, far, "/n", "1")
		requireWaits(t, lost)
		time.Sleep(limit - time.Millisecond)
		require.Equal(t, memserver.Follower, srv.Member(1).Role())
		require.Equal(t, srv.Zxid(), srv.Member(1).Zxid())
		time.Sleep(time.Millisecond)
		require.ErrorIs(t, <-lost, zkapi.ErrConnectionLoss)
		require.Equal(t, memserver.NotServing, srv.Member(1).Role())
		require.Equal(t, 3, srv.Leader().ID())
		requireThere(t, srv, "/lost", false)
		mend(srv, [2]int{1, 3})
		require.Equal(t, memserver.Follower, srv.Member(1).Role())
		requireData(t, near, "/n", "1")
	})
}

// A follower that does not hear its leader: reads are stale, writes are done.
func TestMemberThatDoesNotHear(t *testing.T) {
	severed(t, func(t *testing.T, srv *memserver.Server) {
		near, far := on(t, srv, 1), on(t, srv, 3)
		open(t, far, "/n", "1")
		sever(srv, [2]int{3, 1})
		set(t, far, "/n", "2")
		requireData(t, near, "/n", "1")
		done := creation(t, near, "/done")
		requireThere(t, srv, "/done", true)
		time.Sleep(limit)
		require.ErrorIs(t, <-done, zkapi.ErrConnectionLoss)
		require.Equal(t, memserver.NotServing, srv.Member(1).Role())
		mend(srv, [2]int{3, 1})
		requireData(t, near, "/n", "2")
	})
}

// What has waited until the network is mended is done and answered, in order, with
// the events of it before.
func TestMemberMended(t *testing.T) {
	for name, ways := range map[string][][2]int{
		"not heard": {{1, 3}}, "does not hear": {{3, 1}}, "neither": {{1, 3}, {3, 1}},
		"no quorum hears": {{3, 1}, {3, 2}}, "no quorum is heard": {{1, 3}, {2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			severed(t, func(t *testing.T, srv *memserver.Server) {
				c := on(t, srv, 1)
				_, _, born, err := c.ExistsW(t.Context(), "/a")
				require.NoError(t, err)
				sever(srv, ways...)
				a := creation(t, c, "/a")
				b := creation(t, c, "/b")
				synced := later(func() error { return c.Sync(t.Context(), "/") })
				requireWaits(t, a)
				require.Empty(t, born)
				time.Sleep(limit / 2)
				mend(srv, ways...)
				require.Equal(t, zkapi.EventNodeCreated, fired(t, born).Type, "before the reply")
				for _, done := range []<-chan error{a, b, synced} {
					require.NoError(t, <-done)
				}
				time.Sleep(limit)
				require.Equal(t, memserver.Follower, srv.Member(1).Role())
				require.Equal(t, zkapi.StateConnected, c.State())
				require.EqualValues(t, int64(1<<32|3), srv.Zxid())
			})
		})
	}
}

// Writes that are proposed and not committed when the leader is lost: the log of
// the next one decides, and in its epoch zxids begin anew.
func TestElectionDecidesWhatWaits(t *testing.T) {
	for name, c := range map[string]struct {
		ways   [][2]int // before /a is proposed
		more   [][2]int // before /b is
		leader int
		a, b   bool
		killed int
	}{
		"nobody has it":             {ways: [][2]int{{3, 1}, {3, 2}}, leader: 2, killed: 3},
		"all have it":               {ways: [][2]int{{1, 3}, {2, 3}}, leader: 2, a: true, b: true, killed: 3},
		"one has more":              {ways: [][2]int{{1, 3}, {2, 3}}, more: [][2]int{{3, 2}}, leader: 1, a: true, b: true, killed: 3},
		"one has it":                {ways: [][2]int{{1, 3}, {2, 3}, {3, 2}}, leader: 1, a: true, b: true, killed: 3},
		"both have less":            {ways: [][2]int{{1, 3}, {2, 3}}, more: [][2]int{{3, 2}, {3, 1}}, leader: 2, a: true, killed: 3},
		"after the limit, not done": {ways: [][2]int{{3, 1}, {3, 2}}, leader: 2},
		"after the limit, done":     {ways: [][2]int{{1, 3}, {2, 3}}, leader: 2, a: true, b: true},
	} {
		t.Run(name, func(t *testing.T) {
			severed(t, func(t *testing.T, srv *memserver.Server) {
				x, y, reader := on(t, srv, 3), on(t, srv, 3), on(t, srv, 1)
				open(t, x, "/n", "")
				before := srv.Zxid()
				sever(srv, c.ways...)
				a := creation(t, x, "/a")
				sever(srv, c.more...)
				b := creation(t, y, "/b")
				requireWaits(t, a)
				requireWaits(t, b)
				requireData(t, reader, "/n", "")
				_, err := srv.Client()
				require.ErrorIs(t, err, zkapi.ErrConnectionLoss, "a new session is a write, too")
				require.Equal(t, before, srv.Zxid())
				if c.killed != 0 {
					srv.Member(c.killed).Stop()
				} else {
					time.Sleep(limit)
				}
				require.ErrorIs(t, <-a, zkapi.ErrConnectionLoss)
				require.ErrorIs(t, <-b, zkapi.ErrConnectionLoss)
				require.Equal(t, c.leader, srv.Leader().ID())
				requireThere(t, srv, "/a", c.a)
				requireThere(t, srv, "/b", c.b)
				require.EqualValues(t, int64(2<<32), srv.Zxid())
				if c.a {
					n, _ := srv.Node("/a")
					require.Equal(t, before+1, n.Stat.Czxid, "it is of the old epoch")
				}
				mend(srv, c.ways...)
				mend(srv, c.more...)
				require.NoError(t, srv.Member(3).Start())
				for _, m := range srv.Members() {
					_, there, err := on(t, srv, m.ID()).Exists(t.Context(), "/b")
					require.NoError(t, err)
					require.Equal(t, c.b, there)
				}
			})
		})
	}
}

// A leader and a follower that do not hear each other keep no session alive that is
// connected to the follower, whichever of them it is that does not hear.
func TestMemberSessionsOutOfTouch(t *testing.T) {
	for name, way := range map[string][2]int{"not heard": {1, 3}, "does not hear": {3, 1}} {
		t.Run(name, func(t *testing.T) {
			severed(t, func(t *testing.T, srv *memserver.Server) {
				short := func(member int) *memserver.Client {
					return srv.ClientT(t, func(c *memserver.ClientConfig) { c.Member, c.SessionTimeout = member, 4*time.Second })
				}
				cut, whole, watcher := short(1), short(2), on(t, srv, 3)
				_, err := cut.Create(t.Context(), "/e", nil, nil, zkapi.Ephemeral)
				require.NoError(t, err)
				id := cut.SessionID()
				_, _, gone, err := watcher.ExistsW(t.Context(), "/e")
				require.NoError(t, err)
				time.Sleep(time.Minute) // pings do for both
				sever(srv, way)
				time.Sleep(7 * time.Second)
				require.Equal(t, zkapi.EventNodeDeleted, fired(t, gone).Type)
				require.Equal(t, zkapi.StateConnected, whole.State())
				if way[1] == 3 {
					require.NotEqual(t, zkapi.StateConnected, cut.State(), "its member has heard of its end")
				} else {
					stat, there, err := cut.Exists(t.Context(), "/e")
					require.NoError(t, err)
					require.True(t, there, "its member has not")
					require.Equal(t, id, stat.EphemeralOwner)
				}
				time.Sleep(limit)
				mend(srv, way)
				require.NotEqual(t, id, cut.SessionID())
			})
		})
	}
}

// Who connects to a member that cannot tell the leader waits, until it can or the
// connection ends.
func TestMemberHasWhoConnectsWait(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*memserver.Server)
		open bool
	}{
		"mended":     {func(srv *memserver.Server) { mend(srv, [2]int{1, 3}) }, true},
		"lost":       {func(*memserver.Server) { time.Sleep(limit) }, false},
		"restarted":  {(*memserver.Server).Restart, false},
		"restored":   {func(srv *memserver.Server) { srv.Restore(nil) }, false},
		"stopped":    {func(srv *memserver.Server) { srv.Member(1).Stop() }, false},
		"all closed": {func(srv *memserver.Server) { srv.Close() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			severed(t, func(t *testing.T, srv *memserver.Server) {
				sever(srv, [2]int{1, 3})
				nc, err := srv.Member(1).Dial("", "", 0)
				require.NoError(t, err)
				defer nc.Close()
				q := wire.ConnectRequest{TimeOut: 10_000, Passwd: make([]byte, 16)}
				b := wire.BeginFrame(nil)
				_, err = nc.Write(wire.EndFrame(q.Append(b), 0))
				require.NoError(t, err)
				heard := later(func() error { _, err := nc.Read(make([]byte, 100)); return err })
				requireWaits(t, heard)
				require.Empty(t, srv.Sessions())
				c.do(srv)
				synctest.Wait()
				if err := <-heard; c.open {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, io.EOF)
				}
			})
		})
	}
}

// A real client waits, gives up and goes to another member.
func TestGoZookeeperLeavesAMemberThatIsNotHeard(t *testing.T) {
	severed(t, func(t *testing.T, srv *memserver.Server) {
		events := newStates()
		conn, _, err := zk.Connect(srv.Addrs()[:2], 10*time.Second, zk.WithDialer(srv.Dial),
			zk.WithEventCallback(events.put), zk.WithLogger(quiet{}), zk.WithLogInfo(false))
		require.NoError(t, err)
		defer conn.Close()
		events.await(t, zk.StateHasSession)
		id := conn.SessionID()
		m := srv.Member(int(id >> 56))
		m.Sever(srv.Member(3))
		_, err = conn.Create("/n", nil, 0, zk.WorldACL(zk.PermAll))
		require.Equal(t, zk.ErrConnectionClosed, err)
		requireThere(t, srv, "/n", false)
		events.await(t, zk.StateHasSession)
		require.Equal(t, id, conn.SessionID())
		_, err = conn.Create("/n", nil, 0, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
	})
}
