package memserver_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// What a test may do to a server, and the server's own beginning and end.

// fakeT is a TB that notes what happens to it.
type fakeT struct {
	failures []string
	cleanups []func()
}

func (f *fakeT) Helper()             {}
func (f *fakeT) Logf(string, ...any) {}
func (f *fakeT) Errorf(format string, a ...any) {
	f.failures = append(f.failures, fmt.Sprintf(format, a...))
}
func (f *fakeT) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }

// Fatalf ends the test, here by a panic that run recovers from.
func (f *fakeT) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

// run runs a test and its cleanups, and returns why it failed.
func (f *fakeT) run(test func()) []string {
	func() {
		defer func() {
			if p := recover(); p != nil {
				f.failures = append(f.failures, p.(string))
			}
		}()
		test()
	}()
	for len(f.cleanups) > 0 {
		last := f.cleanups[len(f.cleanups)-1]
		f.cleanups = f.cleanups[:len(f.cleanups)-1]
		last()
	}
	return f.failures
}

func TestRunTCleansUp(t *testing.T) {
	var ft fakeT
	var srv *memserver.Server
	var c *memserver.Client
	require.Empty(t, ft.run(func() {
		srv = memserver.RunT(&ft)
		c = srv.ClientT(&ft)
		require.Equal(t, zkapi.StateConnected, c.State())
	}))
	require.Equal(t, zkapi.StateClosed, c.State(), "the client first")
	require.Empty(t, srv.Sessions(), "so that its session is closed")
	_, err := srv.Client()
	require.ErrorIs(t, err, memserver.ErrServerClosed)
}

func TestRunTFails(t *testing.T) {
	var ft fakeT
	failures := ft.run(func() { memserver.RunT(&ft, func(c *memserver.Config) { c.TickTime = 1 }) })
	require.Equal(t, []string{"memserver: TickTime 1ns is below a millisecond"}, failures)

	srv := memserver.RunT(t)
	require.NoError(t, srv.Close())
	ft = fakeT{}
	require.Equal(t, []string{"memserver: server is closed"}, ft.run(func() { srv.ClientT(&ft) }))
}

func TestNewRefusesContradictions(t *testing.T) {
	for want, opt := range map[string]func(*memserver.Config){
		`memserver: unknown profile "4": want "3.8" or "3.9"`: func(c *memserver.Config) { c.Profile = "4" },
		"memserver: MinSessionTimeout 4s is over MaxSessionTimeout 3s": func(c *memserver.Config) {
			c.MaxSessionTimeout = 3 * time.Second
		},
	} {
		_, err := memserver.New(opt)
		require.EqualError(t, err, want)
	}
}

// ephemeral makes a client with a session timeout and an ephemeral node.
func ephemeral(t testing.TB, srv *memserver.Server, path string, timeout time.Duration) *memserver.Client {
	t.Helper()
	c := srv.ClientT(t, func(c *memserver.ClientConfig) { c.SessionTimeout = timeout })
	_, err := c.Create(t.Context(), path, nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	return c
}

// The clock of a bubble stands still unless somebody sleeps, so Advance can be
// tested to the millisecond.
func TestAdvanceExpiresAtTheRightInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, timeout := range []time.Duration{4 * time.Second, 4001 * time.Millisecond, 5 * time.Second, 11 * time.Second, 40 * time.Second} {
			for _, before := range []time.Duration{0, 1, time.Millisecond, 1999 * time.Millisecond, 7 * time.Second} {
				srv := memserver.RunT(t)
				srv.Advance(before)
				c := ephemeral(t, srv, "/e", timeout)
				srv.Advance(time.Hour) // connected, it counts as alive
				cut := srv.Now()
				require.True(t, srv.Disconnect(c.SessionID()))
				end := srv.Sessions()[0].Expiry
				require.Greater(t, end.Sub(cut), timeout-time.Millisecond)
				require.LessOrEqual(t, end.Sub(cut), timeout+2*time.Second)
				require.Zero(t, end.UnixMilli()%2000, "the end of a tick")

				srv.Advance(end.Sub(cut) - time.Millisecond)
				_, ok := srv.Node("/e")
				require.True(t, ok)
				srv.Advance(time.Millisecond)
				_, ok = srv.Node("/e")
				require.False(t, ok, "%v after %v", timeout, before)
				require.Empty(t, srv.Sessions())
			}
		}
	})
}

// One long step does what many short ones do: each expiry is a transaction of
// its own, in the order of time.
func TestAdvanceInOneStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t, extended)
		watcher := srv.ClientT(t)
		ctx := t.Context()
		open(t, watcher, "/never", "") // persistent: stays
		_, err := watcher.Create(ctx, "/container", nil, nil, zkapi.Container)
		require.NoError(t, err)
		_, _, err = watcher.CreateTTL(ctx, "/ttl-90s", nil, nil, zkapi.PersistentTTL, 90*time.Second)
		require.NoError(t, err)
		_, _, err = watcher.CreateTTL(ctx, "/ttl-1ms", nil, nil, zkapi.PersistentTTL, time.Millisecond)
		require.NoError(t, err)
		late, early := ephemeral(t, srv, "/late", 30*time.Second), ephemeral(t, srv, "/early", 4*time.Second)
		one, other := ephemeral(t, srv, "/container/one", 10*time.Second), ephemeral(t, srv, "/other", 10*time.Second)
		ephemeral(t, srv, "/connected", 4*time.Second)
		events, err := watcher.AddWatch(ctx, "/", zkapi.WatchPersistentRecursive)
		require.NoError(t, err)
		for _, c := range []*memserver.Client{late, early, other, one} {
			require.True(t, srv.Disconnect(c.SessionID()))
		}
		zxid := srv.Zxid()
		srv.Advance(time.Hour)
		got, _ := drain(events)
		var want []zkapi.Event
		// At 6, 12, 12 and 32 seconds, then by the reaper at 1 and 2 minutes.
		for i, path := range []string{"/early", "/container/one", "/other", "/late", "/container", "/ttl-1ms", "/ttl-90s"} {
			want = append(want, zkapi.Event{Type: zkapi.EventNodeDeleted, Path: path, Zxid: zxid + 1 + int64(i)})
		}
		require.Equal(t, want, got)
		require.Len(t, srv.Sessions(), 2)
	})
}

// The reaper has its own rhythm, and needs no session to keep it.
func TestAdvanceReaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Second) // so that its rounds are not at the ends of ticks
		srv := memserver.RunT(t, extended)
		c, err := srv.Client()
		require.NoError(t, err)
		_, _, err = c.CreateTTL(t.Context(), "/ttl", nil, nil, zkapi.PersistentTTL, time.Second)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		srv.Advance(time.Minute - time.Millisecond)
		_, ok := srv.Node("/ttl")
		require.True(t, ok)
		srv.Advance(time.Millisecond)
		_, ok = srv.Node("/ttl")
		require.False(t, ok)
	})
}

// Whatever is done to a server at the same time, its state stays sound: RunT
// looks at it in the end, and the race detector all the while.
func TestConcurrentControl(t *testing.T) {
	srv := memserver.RunT(t)
	addr := srv.Addr()
	conn, _, err := zk.Connect([]string{addr, addr, addr, addr}, 10*time.Second, zk.WithDialer(srv.Dial), zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	require.NoError(t, err)
	defer conn.Close()
	clients := []*memserver.Client{srv.ClientT(t), srv.ClientT(t), srv.ClientT(t)}
	ctx := t.Context()
	var wg sync.WaitGroup
	const rounds = 200
	for i, c := range clients {
		wg.Go(func() { // errors are expected: of lost connections, for one
			states := c.States()
			for round := range rounds {
				path := fmt.Sprint("/", i, "-", round%5)
				c.Create(ctx, path, nil, nil, zkapi.Ephemeral)
				c.ExistsW(ctx, "/0-0")
				stream, err := c.AddWatch(ctx, "/", zkapi.WatchPersistentRecursive)
				c.Multi(ctx, zkapi.SetOp(path, nil, -1), zkapi.CheckOp("/1-1", -1))
				c.Delete(ctx, path, -1)
				if err == nil && round%2 == 0 {
					stream.Close()
				}
				c.Reconnect()
			}
			states.Close()
		})
	}
	wg.Go(func() {
		for range rounds {
			conn.Create("/wire", nil, zk.FlagEphemeral, openToAll)
			conn.Delete("/wire", -1)
		}
	})
	wg.Go(func() {
		for round := range rounds {
			victim := clients[round%len(clients)].SessionID()
			switch round % 8 {
			case 0:
				srv.Restart()
			case 1:
				srv.Expire(victim)
			case 2, 3:
				srv.Disconnect(victim)
			case 4:
				srv.Disconnect(conn.SessionID())
			case 5:
				srv.Advance(3 * time.Second)
			case 6:
				if _, err := memserver.New(memserver.From(srv.Snapshot())); err != nil {
					t.Error(err)
				}
			case 7:
				if err := srv.Check(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	wg.Wait()
	for _, c := range clients {
		c.Reconnect()
		require.Equal(t, zkapi.StateConnected, c.State())
	}
}

func TestAdvanceMovesTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c := srv.ClientT(t)
		require.Equal(t, time.Now(), srv.Now())
		srv.Advance(time.Hour)
		srv.Advance(0)
		require.Equal(t, time.Now().Add(time.Hour), srv.Now())
		open(t, c, "/n", "")
		n, _ := srv.Node("/n")
		require.Equal(t, srv.Now().UnixMilli(), n.Stat.Ctime)

		// Time goes on from there, and what is due comes when it is due.
		lost := ephemeral(t, srv, "/e", 10*time.Second)
		srv.Disconnect(lost.SessionID())
		srv.Advance(5 * time.Second)
		end := srv.Sessions()[1].Expiry
		_, _, gone, err := c.ExistsW(t.Context(), "/e")
		require.NoError(t, err)
		require.Equal(t, zkapi.EventNodeDeleted, (<-gone).Type)
		require.Equal(t, end, srv.Now())
		require.NoError(t, srv.Close())
		srv.Advance(time.Hour)
		require.Equal(t, end, srv.Now(), "a closed server has no time any more")
	})
}

// A session outlives any time as long as it is connected, and its full timeout after that.
func TestAdvanceADay(t *testing.T) {
	srv := memserver.RunT(t)
	c := ephemeral(t, srv, "/e", 4*time.Second)
	for range 24 {
		srv.Advance(time.Hour)
	}
	require.Equal(t, zkapi.StateConnected, c.State())
	srv.Disconnect(c.SessionID())
	srv.Advance(3 * time.Second)
	_, ok := srv.Node("/e")
	require.True(t, ok)
	srv.Advance(4 * time.Second)
	_, ok = srv.Node("/e")
	require.False(t, ok)
}

func TestExpire(t *testing.T) {
	srv := memserver.RunT(t)
	watcher := srv.ClientT(t)
	ctx := t.Context()
	open(t, watcher, "/p", "")
	c := ephemeral(t, srv, "/p/a", 10*time.Second)
	_, err := c.Create(ctx, "/p/b", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	stream, err := watcher.AddWatch(ctx, "/p", zkapi.WatchPersistent)
	require.NoError(t, err)
	id, zxid := c.SessionID(), srv.Zxid()
	require.True(t, srv.Expire(id))
	events, _ := drain(stream)
	require.Equal(t, []zkapi.Event{
		{Type: zkapi.EventNodeChildrenChanged, Path: "/p", Zxid: zxid + 1},
		{Type: zkapi.EventNodeChildrenChanged, Path: "/p", Zxid: zxid + 1},
	}, events, "one transaction")
	n, _ := srv.Node("/p")
	require.Zero(t, n.Stat.NumChildren)
	require.Equal(t, zxid+1, n.Stat.Pzxid)

	require.NotEqual(t, id, c.SessionID())
	require.Equal(t, zkapi.StateConnected, c.State(), "with another session")
	require.Equal(t, zxid+2, srv.Zxid())
	require.False(t, srv.Expire(id), "there is none any more")
	require.False(t, srv.Expire(12345))
	require.Equal(t, zxid+2, srv.Zxid())
	_, err = c.Create(ctx, "/p/a", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	n, _ = srv.Node("/p/a")
	require.Equal(t, c.SessionID(), n.Stat.EphemeralOwner)
}

func TestDisconnectAndReconnect(t *testing.T) {
	srv := memserver.RunT(t)
	c := ephemeral(t, srv, "/e", 10*time.Second)
	id, zxid := c.SessionID(), srv.Zxid()
	require.False(t, srv.Disconnect(12345))
	require.True(t, srv.Disconnect(id))
	require.False(t, srv.Disconnect(id), "it has no connection")
	require.False(t, srv.Sessions()[0].Connected)
	_, ok := srv.Node("/e")
	require.True(t, ok, "the session lives")
	c.Reconnect()
	require.True(t, srv.Sessions()[0].Connected)
	require.Equal(t, id, c.SessionID())
	require.Equal(t, zxid, srv.Zxid(), "neither is a transaction")

	srv.Disconnect(id)
	srv.Expire(id)
	require.Equal(t, id, c.SessionID(), "it does not know yet")
	c.Reconnect()
	require.NotEqual(t, id, c.SessionID())
	require.Equal(t, zxid+2, srv.Zxid())
	require.NoError(t, c.Close())
	require.False(t, srv.Disconnect(c.SessionID()))
}

func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c, away := ephemeral(t, srv, "/e", 10*time.Second), ephemeral(t, srv, "/away", 10*time.Second)
		ctx := t.Context()
		get, above := arm(t, c, "get", "/e"), arm(t, c, "recursive", "/")
		srv.Disconnect(away.SessionID())
		time.Sleep(7 * time.Second)
		tree, zxid, id := srv.Snapshot().String(), srv.Zxid(), c.SessionID()
		srv.Restart()
		require.Equal(t, tree, srv.Snapshot().String())
		require.Equal(t, zxid, srv.Zxid())
		require.Equal(t, id, c.SessionID())
		require.Equal(t, zkapi.StateSuspended, away.State(), "who is cut off stays so")
		require.Len(t, srv.Watches(), 2, "the client has asked for them again")
		require.Empty(t, get())
		require.Empty(t, above())

		time.Sleep(10 * time.Second) // the full timeout, again
		require.Len(t, srv.Sessions(), 2)
		time.Sleep(2 * time.Second)
		require.Len(t, srv.Sessions(), 1)
		require.Equal(t, []zkapi.Event{{Type: zkapi.EventNodeDeleted, Path: "/away", Zxid: zxid + 1}}, above())
		_, err := c.Set(ctx, "/e", nil, -1)
		require.NoError(t, err)
		require.Len(t, get(), 1)
		require.Greater(t, srv.ClientT(t).SessionID(), away.SessionID())
	})
}

// A restarted server begins its rounds anew.
func TestRestartAndReaper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t, extended)
		c := srv.ClientT(t)
		_, _, err := c.CreateTTL(t.Context(), "/ttl", nil, nil, zkapi.PersistentTTL, time.Second)
		require.NoError(t, err)
		_, _, gone, err := c.ExistsW(t.Context(), "/ttl")
		require.NoError(t, err)
		time.Sleep(50 * time.Second)
		srv.Restart()
		restarted := time.Now()
		require.Equal(t, zkapi.EventNodeDeleted, (<-gone).Type)
		require.Equal(t, time.Minute, time.Since(restarted))
	})
}

func TestClose(t *testing.T) {
	srv, err := memserver.New()
	require.NoError(t, err)
	c, err := srv.Client()
	require.NoError(t, err)
	open(t, c, "/n", "data")
	require.NoError(t, srv.Listen("127.0.0.1:0"))
	addr := srv.Addr()
	over, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer over.Close()
	through, err := srv.Dial("tcp", addr, 0)
	require.NoError(t, err)
	defer through.Close()
	snap := srv.Snapshot()

	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := srv.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, srv.Close(), "again")
	for _, nc := range []net.Conn{over, through} {
		_, err = nc.Read(make([]byte, 1))
		require.Error(t, err)
		require.NotErrorIs(t, err, net.ErrClosed)
	}
	_, err = net.Dial("tcp", addr)
	require.Error(t, err)
	_, err = srv.Dial("tcp", addr, 0)
	require.ErrorIs(t, err, memserver.ErrServerClosed)
	require.ErrorIs(t, srv.Listen("127.0.0.1:0"), memserver.ErrServerClosed)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.ErrorIs(t, srv.Serve(l), memserver.ErrServerClosed)
	require.ErrorIs(t, l.Close(), net.ErrClosed, "Serve has closed it")
	ours, theirs := net.Pipe()
	srv.ServeConn(theirs)
	_, err = ours.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)

	// What is left can be looked at, and used elsewhere.
	require.Equal(t, zkapi.StateSuspended, c.State())
	require.Len(t, srv.Sessions(), 1)
	require.False(t, srv.Sessions()[0].Connected)
	require.NoError(t, srv.Check())
	require.Equal(t, snap.String(), srv.Snapshot().String())
	data, _, err := memserver.RunT(t, memserver.From(srv.Snapshot())).ClientT(t).Get(t.Context(), "/n")
	require.NoError(t, err)
	require.Equal(t, "data", string(data))
	require.NoError(t, c.Close())
}

// ruok asks a server over a connection.
func ruok(t testing.TB, nc net.Conn, err error) string {
	t.Helper()
	require.NoError(t, err)
	defer nc.Close()
	_, err = nc.Write([]byte("ruok"))
	require.NoError(t, err)
	answer, err := io.ReadAll(nc)
	require.NoError(t, err)
	return string(answer)
}

func fourLetters(c *memserver.Config) { c.FourLetterWords = []string{"*"} }

func TestListen(t *testing.T) {
	srv := memserver.RunT(t, fourLetters)
	nowhere := srv.Addr()
	require.NoError(t, srv.Listen("127.0.0.1:0"))
	first := srv.Addr()
	require.NotEqual(t, nowhere, first)
	require.NoError(t, srv.Listen("127.0.0.1:0"))
	require.Equal(t, first, srv.Addr(), "the first counts")
	nc, err := net.Dial("tcp", first)
	require.Equal(t, "imok", ruok(t, nc, err))
	require.Error(t, srv.Listen(first), "it is taken")
	require.Error(t, srv.Listen("nonsense"))
}

func TestDial(t *testing.T) {
	srv := memserver.RunT(t, fourLetters)
	nc, err := srv.Dial("tcp", srv.Addr(), time.Second)
	require.Equal(t, "imok", ruok(t, nc, err))
	nc, err = srv.Dial("whatever", "nobody looks at it", 0)
	require.Equal(t, "imok", ruok(t, nc, err))
	a, err := srv.Dial("tcp", srv.Addr(), 0)
	require.NoError(t, err)
	defer a.Close()
	b, err := srv.Dial("tcp", srv.Addr(), 0)
	require.NoError(t, err)
	defer b.Close()
	require.Equal(t, srv.Addr(), a.RemoteAddr().String())
	require.NotEqual(t, a.LocalAddr().String(), b.LocalAddr().String(), "as sockets do")
}

func TestServeConn(t *testing.T) {
	srv := memserver.RunT(t, fourLetters)
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.ServeConn(theirs)
	}()
	require.Equal(t, "imok", ruok(t, ours, nil))
	<-done
}

// flakyListener has an error ready for each Accept but the last.
type flakyListener struct {
	net.Listener
	errs []error
}

func (l *flakyListener) Accept() (net.Conn, error) {
	if len(l.errs) > 0 {
		err := l.errs[0]
		l.errs = l.errs[1:]
		return nil, err
	}
	return l.Listener.Accept()
}

type temporary struct{ error }

func (temporary) Temporary() bool { return true }

func TestServe(t *testing.T) {
	srv := memserver.RunT(t, fourLetters)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tooMany := temporary{errors.New("too many open files")}
	ended := make(chan error)
	go func() { ended <- srv.Serve(&flakyListener{l, []error{tooMany, tooMany}}) }()
	nc, err := net.Dial("tcp", l.Addr().String())
	require.Equal(t, "imok", ruok(t, nc, err))
	require.Equal(t, l.Addr().String(), srv.Addr())
	require.NoError(t, srv.Close())
	require.ErrorIs(t, <-ended, memserver.ErrServerClosed)
}

// A listener that breaks is its owner's problem, not the server's end.
func TestServeWithBrokenListener(t *testing.T) {
	srv := memserver.RunT(t, fourLetters)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	broken := errors.New("broken")
	require.ErrorIs(t, srv.Serve(&flakyListener{l, []error{broken}}), broken)
	nc, err := srv.Dial("tcp", "", 0)
	require.Equal(t, "imok", ruok(t, nc, err))
}

// TestRestore goes to another state and back, with clients of both kinds that stay.
func TestRestore(t *testing.T) {
	srv := memserver.RunT(t)
	a := srv.ClientT(t)
	addr := srv.Addr()
	events := newStates()
	conn, _, err := zk.Connect([]string{addr, addr, addr, addr}, 10*time.Second, zk.WithDialer(srv.Dial),
		zk.WithEventCallback(events.put), zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	require.NoError(t, err)
	defer conn.Close()
	await := func(state zk.State) { events.await(t, state) }
	await(zk.StateHasSession)
	_, err = conn.Create("/wire", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	_, err = a.Create(t.Context(), "/direct", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	start, ids := srv.Snapshot(), [2]int64{a.SessionID(), conn.SessionID()}
	_, err = a.Create(t.Context(), "/later", nil, nil, zkapi.Persistent)
	require.NoError(t, err)
	late := srv.ClientT(t)

	srv.Restore(start)
	require.Equal(t, start.String(), srv.Snapshot().String())
	require.Equal(t, ids[0], a.SessionID())
	await(zk.StateHasSession) // although it had seen a later zxid than the snapshot's
	require.Equal(t, ids[1], conn.SessionID())
	require.Equal(t, zkapi.StateConnected, late.State())
	_, err = late.Create(t.Context(), "/x", nil, nil, zkapi.Persistent)
	require.NoError(t, err)
	stat, _, err := late.Exists(t.Context(), "/x")
	require.NoError(t, err)
	require.Greater(t, stat.Czxid, start.Zxid()+2, "no zxid is given out twice")

	sessions := len(srv.Sessions())
	srv.Restore(nil)
	require.Equal(t, 4, srv.Snapshot().Len())
	require.NotContains(t, ids, a.SessionID(), "it has expired")
	await(zk.StateExpired)
	await(zk.StateHasSession)
	require.NotContains(t, ids, conn.SessionID(), "no session id is given out twice")
	require.Len(t, srv.Sessions(), sessions)
}

// states keeps what go-zookeeper tells of its state. Its channel does not: that
// has six places, and what does not fit is lost.
type states struct{ *zkapi.Stream[zk.State] }

func newStates() states { return states{zkapi.NewStream[zk.State](func() {})} }

func (s states) put(e zk.Event) {
	if e.Type == zk.EventSession {
		s.Send(e.State)
	}
}

// await takes states up to a certain one.
func (s states) await(t testing.TB, state zk.State) {
	t.Helper()
	for {
		next, err := s.Next(t.Context())
		require.NoError(t, err)
		if next == state {
			return
		}
	}
}
