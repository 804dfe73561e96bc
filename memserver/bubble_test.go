package memserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// A server and unmodified clients inside testing/synctest: time is the
// bubble's, so that hours take milliseconds and every instant is exact. A
// bubble that ends with a goroutine left over fails by itself.

// bubble runs a test in a bubble, with a server made in it.
func bubble(t *testing.T, test func(t *testing.T, srv *memserver.Server), opts ...func(*memserver.Config)) {
	synctest.Test(t, func(t *testing.T) { test(t, memserver.RunT(t, opts...)) })
}

// network is a dialer that can lose touch: nothing of what is written arrives,
// nobody learns that a connection was closed, and nobody can connect.
type network struct {
	srv  *memserver.Server
	dark atomic.Bool
	last atomic.Int64 // when something arrived, in nanoseconds since 1970
}

func (n *network) dial(net, addr string, timeout time.Duration) (net.Conn, error) {
	if n.dark.Load() {
		return nil, errors.New("no route to host")
	}
	nc, err := n.srv.Dial(net, addr, timeout)
	return &darkConn{nc, n}, err
}

type darkConn struct {
	net.Conn
	n *network
}

func (c *darkConn) Write(b []byte) (int, error) {
	if c.n.dark.Load() {
		return len(b), nil
	}
	c.n.last.Store(time.Now().UnixNano())
	return c.Conn.Write(b)
}

// Close, in the dark, ends only this side.
func (c *darkConn) Close() error {
	if c.n.dark.Load() {
		return c.SetReadDeadline(time.Unix(1, 0))
	}
	return c.Conn.Close()
}

func (n *network) connect(t testing.TB, srv *memserver.Server) *gozkConn {
	t.Helper()
	n.srv = srv
	return (&gozkEnv{addr: srv.Addr(), dial: n.dial, sim: srv}).connect(t)
}

func bubbleClient(t testing.TB, srv *memserver.Server) *gozkConn {
	t.Helper()
	return new(network).connect(t, srv)
}

func TestWorkTakesNoTime(t *testing.T) {
	bubble(t, func(t *testing.T, srv *memserver.Server) {
		start := time.Now()
		a, b := bubbleClient(t, srv), bubbleClient(t, srv)
		path := a.create(t, "/n", "x", zk.FlagEphemeral)
		_, stat, changed, err := b.GetW(path)
		require.NoError(t, err)
		require.Equal(t, start.UnixMilli(), stat.Ctime)
		_, err = a.Set(path, []byte("y"), 0)
		require.NoError(t, err)
		require.Equal(t, zk.EventNodeDataChanged, (<-changed).Type)
		a.Close()
		require.False(t, b.there(t, path))
		require.Zero(t, time.Since(start))
	})
}

var recved = regexp.MustCompile(`recved=(\d+)`)

// packets asks the server how many packets have come on its one connection with a session.
func packets(t testing.TB, srv *memserver.Server) int {
	t.Helper()
	nc, err := srv.Dial("tcp", srv.Addr(), 0)
	require.NoError(t, err)
	defer nc.Close()
	_, err = nc.Write([]byte("cons"))
	require.NoError(t, err)
	answer, err := io.ReadAll(nc)
	require.NoError(t, err)
	n, err := strconv.Atoi(recved.FindStringSubmatch(string(answer))[1])
	require.NoError(t, err)
	return n
}

// An idle client keeps its session by pings alone.
func TestIdleHour(t *testing.T) {
	bubble(t, func(t *testing.T, srv *memserver.Server) {
		c := bubbleClient(t, srv)
		id := c.SessionID()
		before := packets(t, srv)
		time.Sleep(time.Hour)
		require.Equal(t, 1080, packets(t, srv)-before, "a ping each third of ten seconds")
		require.Equal(t, id, c.SessionID())
		require.Equal(t, zk.StateHasSession, c.State())
		require.Len(t, srv.Sessions(), 1)
	}, fourLetters)
}

// Sessions end with a tick of the server's clock: the first after their timeout.
func TestExpiryInstant(t *testing.T) {
	for _, tick := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second} {
		for _, idle := range []time.Duration{0, time.Millisecond, 1999 * time.Millisecond, 5 * time.Second, time.Minute} {
			t.Run(fmt.Sprintf("%v after %v", tick, idle), func(t *testing.T) {
				bubble(t, func(t *testing.T, srv *memserver.Server) {
					n := new(network)
					c, watcher := n.connect(t, srv), srv.ClientT(t)
					c.create(t, "/e", "", zk.FlagEphemeral)
					_, _, gone, err := watcher.ExistsW(t.Context(), "/e")
					require.NoError(t, err)
					time.Sleep(idle)
					n.dark.Store(true)
					last := time.Unix(0, n.last.Load())
					require.Equal(t, zkapi.EventNodeDeleted, (<-gone).Type)
					took := time.Since(last)
					require.Greater(t, took, 10*time.Second)
					require.LessOrEqual(t, took, 10*time.Second+tick)
					require.Zero(t, time.Now().UnixNano()%int64(tick))
					require.Len(t, srv.Sessions(), 1)

					// The client learns it when it is back.
					n.dark.Store(false)
					c.await(t, zk.StateExpired)
					c.await(t, zk.StateHasSession)
					require.False(t, c.there(t, "/e"))
				}, func(c *memserver.Config) { c.TickTime = tick })
			})
		}
	}
}

// A broken connection does not end a session; time without one does.
func TestBackInTime(t *testing.T) {
	for _, away := range []time.Duration{0, time.Second, 9 * time.Second} {
		t.Run(away.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, srv *memserver.Server) {
				c, other := bubbleClient(t, srv), srv.ClientT(t)
				id := c.SessionID()
				path := c.create(t, "/e", "", zk.FlagEphemeral)
				_, _, changed, err := c.GetW(path)
				require.NoError(t, err)
				c.gate.close()
				require.True(t, srv.Disconnect(id))
				time.Sleep(away)
				_, err = other.Set(t.Context(), path, nil, -1)
				require.NoError(t, err)
				c.gate.open()
				require.Equal(t, zk.EventNodeDataChanged, (<-changed).Type)
				require.Equal(t, id, c.SessionID())
				time.Sleep(time.Hour)
				require.True(t, c.there(t, path))
				require.Equal(t, id, c.SessionID())
			})
		})
	}
}

// A client that comes back after it was cut off again and again has one session.
func TestManyReconnects(t *testing.T) {
	bubble(t, func(t *testing.T, srv *memserver.Server) {
		c := bubbleClient(t, srv)
		id, path := c.SessionID(), c.create(t, "/e", "", zk.FlagEphemeral)
		for range 50 {
			require.True(t, srv.Disconnect(id))
			time.Sleep(3 * time.Second)
		}
		require.Equal(t, id, c.SessionID())
		require.True(t, c.there(t, path))
		require.Len(t, srv.Sessions(), 1)
	})
}

// A hundred clients lose touch at once. Their sessions end, each in a
// transaction of its own, and all of them come back with new ones.
func TestPartition(t *testing.T) {
	bubble(t, func(t *testing.T, srv *memserver.Server) {
		const clients = 100
		n := &network{srv: srv}
		observer := srv.ClientT(t)
		open(t, observer, "/members", "")
		conns := make([]*zk.Conn, clients)
		for i := range conns {
			c, _, err := zk.Connect([]string{srv.Addr()}, 10*time.Second, zk.WithDialer(n.dial), zk.WithLogger(quiet{}), zk.WithLogInfo(false),
				zk.WithMaxBufferSize(1<<12), zk.WithMaxConnBufferSize(1<<12)) // or they take 3 MB each
			require.NoError(t, err)
			t.Cleanup(c.Close)
			conns[i] = c
			_, err = c.Create(fmt.Sprintf("/members/%02d", i), nil, zk.FlagEphemeral, openToAll)
			require.NoError(t, err)
		}
		events, err := observer.AddWatch(t.Context(), "/members", zkapi.WatchPersistentRecursive)
		require.NoError(t, err)
		before, zxid := srv.Sessions(), srv.Zxid()
		require.Len(t, before, clients+1)

		n.dark.Store(true)
		time.Sleep(13 * time.Second)
		require.Len(t, srv.Sessions(), 1)
		require.Equal(t, zxid+clients, srv.Zxid())
		gone, _ := drain(events)
		require.Len(t, gone, clients)
		for i, ev := range gone {
			require.Equal(t, zkapi.EventNodeDeleted, ev.Type)
			require.Equal(t, zxid+1+int64(i), ev.Zxid)
		}

		n.dark.Store(false)
		time.Sleep(5 * time.Second)
		require.Len(t, srv.Sessions(), clients+1)
		for _, c := range conns {
			ok, _, err := c.Exists("/members/00")
			require.NoError(t, err)
			require.False(t, ok)
			require.Greater(t, c.SessionID(), before[clients].ID)
		}
	})
}

// The reaper makes its rounds each minute of the server's life.
func TestReaping(t *testing.T) {
	bubble(t, func(t *testing.T, srv *memserver.Server) {
		start := time.Now()
		c, ctx := srv.ClientT(t), t.Context()
		var wg sync.WaitGroup
		goneAt := func(path string, want time.Duration) {
			t.Helper()
			_, ok, gone, err := c.ExistsW(ctx, path)
			require.NoError(t, err)
			require.True(t, ok)
			wg.Go(func() {
				for ev := range gone {
					if ev.Type != zkapi.EventNodeDeleted || time.Since(start) != want {
						t.Errorf("%s: %v after %v, not %v", path, ev.Type, time.Since(start), want)
					}
				}
			})
		}
		create := func(path string, mode zkapi.CreateMode, ttl time.Duration) {
			t.Helper()
			var err error
			if mode.TTL() {
				_, _, err = c.CreateTTL(ctx, path, nil, nil, mode, ttl)
			} else {
				_, err = c.Create(ctx, path, nil, nil, mode)
			}
			require.NoError(t, err)
		}
		time.Sleep(10 * time.Second)
		create("/unused", zkapi.Container, 0) // stays: it never had a child
		create("/used", zkapi.Container, 0)
		create("/used/child", zkapi.Persistent, 0)
		create("/busy", zkapi.Container, 0)
		create("/busy/child", zkapi.Ephemeral, 0)
		create("/5s", zkapi.PersistentTTL, 5*time.Second)
		create("/50s", zkapi.PersistentTTL, 50*time.Second) // at 60 s it is 50 s old, and no older
		create("/refreshed", zkapi.PersistentTTL, 50*time.Second)
		create("/parent", zkapi.PersistentTTL, 5*time.Second) // cannot go while it has a child
		create("/parent/child", zkapi.Persistent, 0)
		goneAt("/5s", time.Minute)
		goneAt("/50s", 2*time.Minute)
		goneAt("/used", time.Minute)
		goneAt("/parent", 4*time.Minute)

		time.Sleep(20 * time.Second)
		require.NoError(t, c.Delete(ctx, "/used/child", -1))
		time.Sleep(45 * time.Second) // 75 s
		_, err := c.Set(ctx, "/refreshed", nil, -1)
		require.NoError(t, err)
		goneAt("/refreshed", 3*time.Minute)
		time.Sleep(2 * time.Minute)
		require.NoError(t, c.Delete(ctx, "/parent/child", -1))
		wg.Wait()
		time.Sleep(time.Hour)
		require.Equal(t, "/busy v0 container null\n/busy/child v0 ephemeral "+fmt.Sprintf("0x%x", c.SessionID())+" null\n/unused v0 container null\n",
			srv.Snapshot().String())
	}, extended)
}

func TestReaperSettings(t *testing.T) {
	bubble(t, func(t *testing.T, srv *memserver.Server) {
		c, ctx := srv.ClientT(t), t.Context()
		for i := range 5 {
			_, err := c.Create(ctx, fmt.Sprintf("/c%d", i), nil, nil, zkapi.Container)
			require.NoError(t, err)
		}
		left := func() int32 { n, _ := srv.Node("/"); return n.Stat.NumChildren - 1 }
		time.Sleep(61 * time.Second)
		require.EqualValues(t, 5, left(), "a minute was not over")
		time.Sleep(30 * time.Second)
		require.EqualValues(t, 3, left(), "four a minute are two a round")
		time.Sleep(30 * time.Second)
		require.EqualValues(t, 1, left())
		time.Sleep(30 * time.Second)
		require.Zero(t, left())
	}, func(c *memserver.Config) {
		c.ContainerInterval, c.ContainerBatch, c.ContainerNeverUsed = 30*time.Second, 4, time.Minute
	})
}

// A client that stops reading does not stop the server: when more events wait
// for it than may, it loses its connection, and back again it learns what it missed.
func TestMaxUnsent(t *testing.T) {
	bubble(t, func(t *testing.T, srv *memserver.Server) {
		actor := srv.ClientT(t)
		addr := srv.Addr()
		stuck, resume := make(chan struct{}), make(chan struct{})
		first := sync.OnceFunc(func() {
			close(stuck)
			<-resume
		})
		c, _, err := zk.Connect([]string{addr, addr, addr, addr}, 10*time.Second, zk.WithDialer(srv.Dial), zk.WithLogger(quiet{}), zk.WithLogInfo(false),
			zk.WithEventCallback(func(ev zk.Event) {
				if ev.Type == zk.EventNodeCreated {
					first() // which holds the client's reader
				}
			}))
		require.NoError(t, err)
		defer c.Close()
		const nodes = 1500
		long := strings.Repeat("x", 300)
		var watches []<-chan zk.Event
		for i := range nodes {
			_, _, ch, err := c.ExistsW(fmt.Sprint("/", long, i))
			require.NoError(t, err)
			watches = append(watches, ch)
		}
		id := c.SessionID()
		connected := func() bool { return srv.Sessions()[1].Connected }
		for i := range nodes {
			open(t, actor, fmt.Sprint("/", long, i), "")
			synctest.Wait()
			if i == nodes/2 {
				require.True(t, connected(), "buffers hold the events up to here")
			}
		}
		<-stuck
		require.False(t, connected())
		require.Empty(t, srv.Watches())
		close(resume)
		for _, ch := range watches {
			require.Equal(t, zk.EventNodeCreated, (<-ch).Type)
		}
		require.True(t, connected())
		require.Equal(t, id, c.SessionID())
	}, func(c *memserver.Config) { c.MaxUnsent = 64 << 10 })
}

// Direct clients wait as everybody in a bubble does.
func TestDirectClientsInBubble(t *testing.T) {
	bubble(t, func(t *testing.T, srv *memserver.Server) {
		a, b := ephemeral(t, srv, "/e", 10*time.Second), srv.ClientT(t)
		time.Sleep(24 * time.Hour)
		require.Equal(t, zkapi.StateConnected, a.State(), "connected, it counts as alive")

		stream, err := b.AddWatch(t.Context(), "/e", zkapi.WatchPersistent)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err = stream.Next(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(start))

		start = time.Now()
		srv.Disconnect(a.SessionID())
		ev, err := stream.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, zkapi.EventNodeDeleted, ev.Type)
		require.Equal(t, 12*time.Second, time.Since(start))
		a.Reconnect()
		require.Equal(t, zkapi.StateConnected, a.State())
	})
}

// Advance moves one server's clock, sleeping moves everybody's.
func TestAdvanceInBubble(t *testing.T) {
	bubble(t, func(t *testing.T, srv *memserver.Server) {
		n := new(network)
		c := n.connect(t, srv)
		path := c.create(t, "/e", "", zk.FlagEphemeral)
		srv.Advance(24 * time.Hour)
		require.True(t, c.there(t, path), "a client with a connection counts as alive")
		time.Sleep(time.Minute)
		require.True(t, c.there(t, path), "and really is")
		n.dark.Store(true)
		srv.Advance(time.Minute)
		require.Len(t, srv.Sessions(), 1, "a server cannot see that nobody is there")
		time.Sleep(13 * time.Second)
		require.Empty(t, srv.Sessions())
		n.dark.Store(false)
	})
}

// Close ends everything, whatever the clients are doing.
func TestNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, err := memserver.New()
		require.NoError(t, err)
		addr := srv.Addr()
		var wg sync.WaitGroup
		for i := range 5 {
			c, _, err := zk.Connect([]string{addr}, 10*time.Second, zk.WithDialer(srv.Dial), zk.WithLogger(quiet{}), zk.WithLogInfo(false))
			require.NoError(t, err)
			wg.Go(func() {
				defer c.Close()
				for {
					if _, err := c.Create(fmt.Sprintf("/%d-", i), nil, zk.FlagSequence, openToAll); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			})
		}
		raw, err := srv.Dial("tcp", addr, 0)
		require.NoError(t, err)
		defer raw.Close()
		ours, theirs := net.Pipe()
		defer ours.Close()
		wg.Go(func() { srv.ServeConn(theirs) })
		time.Sleep(90 * time.Second)
		require.Len(t, srv.Sessions(), 5)
		require.NoError(t, srv.Close())
		wg.Wait()
		_, err = raw.Read(make([]byte, 1))
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Error(t, err)
	})
}

// A server belongs to the bubble it was made in. A snapshot belongs to none.
func TestSnapshotsCrossBubbles(t *testing.T) {
	start := memserver.RunT(t)
	open(t, start.ClientT(t), "/n", "0")
	snap := start.Snapshot()
	for i := range 3 {
		bubble(t, func(t *testing.T, srv *memserver.Server) {
			c := bubbleClient(t, srv)
			require.Equal(t, fmt.Sprint(i), c.data(t, "/n"))
			_, err := c.Set("/n", []byte(fmt.Sprint(i+1)), -1)
			require.NoError(t, err)
			time.Sleep(time.Minute)
			snap = srv.Snapshot()
			require.Len(t, srv.Sessions(), 1, "those of the snapshot have expired")
		}, memserver.From(snap))
	}
	n, _ := snap.Node("/n")
	require.Equal(t, "3", string(n.Data))
	n, _ = start.Node("/n")
	require.Equal(t, "0", string(n.Data))
}
