package realserver_test

import (
	"context"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// The traps of go-zookeeper v1.0.4, one test each. Where a trap can be sprung
// at will, the test shows first that go-zookeeper walks into it.

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// raw is go-zookeeper by itself, which thinks that there are so many servers.
// With one it pauses before it reconnects, and drops what it has not sent.
func raw(t testing.TB, e *env, l *line, servers int) *zk.Conn {
	t.Helper()
	l.under = e.dial
	addrs := slices.Repeat([]string{e.addr}, servers)
	conn, _, err := zk.Connect(addrs, 10*time.Second, zk.WithDialer(l.dial), zk.WithLogger(quiet{}), zk.WithLogInfo(false),
		zk.WithMaxBufferSize(64<<10), zk.WithMaxConnBufferSize(64<<10))
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	t.Cleanup(l.open)
	synctest.Wait()
	require.Equal(t, zk.StateHasSession, conn.State())
	return conn
}

var open = zk.WorldACL(zk.PermAll)

// 1. Calls have no context, and wait for a connection for as long as there is none.

func TestTrap1WithoutAConnection(t *testing.T) {
	t.Run("go-zookeeper", func(t *testing.T) {
		onSim(t, func(t *testing.T, e *env) {
			l := new(line)
			conn := raw(t, e, l, 1)
			l.setRefuse(true)
			e.sim.Disconnect(conn.SessionID())
			synctest.Wait()
			start := time.Now()
			_, _, err := conn.Get("/")
			require.Equal(t, zk.ErrNoServer, err)
			require.GreaterOrEqual(t, time.Since(start), time.Second)
		})
	})
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		l.setRefuse(true)
		e.sim.Disconnect(c.SessionID())
		synctest.Wait()
		start := time.Now()
		_, _, err := c.Get(t.Context(), "/")
		requireOpError(t, err, "getData", "/", zkapi.ErrConnectionLoss)
		require.ErrorIs(t, err, zk.ErrConnectionClosed)
		require.False(t, zkapi.NothingChanged(err))
		require.Zero(t, time.Since(start))
		l.setRefuse(false)
		time.Sleep(2 * time.Second)
		_, _, err = c.Get(t.Context(), "/")
		require.NoError(t, err)
	})
}

// A context that ends while the request is under way ends the call at that
// instant. The request was sent, and is done; its reply is dropped.
func TestTrap1CancelledAfterSending(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		l.reads.set(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := c.Create(ctx, "/n", nil, nil, zkapi.Persistent)
		requireOpError(t, err, "create", "/n", context.DeadlineExceeded)
		require.False(t, zkapi.NothingChanged(err))
		require.Equal(t, time.Millisecond, time.Since(start))
		_, there := e.sim.Node("/n")
		require.True(t, there)
		l.open()
		_, err = c.Create(t.Context(), "/n", nil, nil, zkapi.Persistent)
		require.ErrorIs(t, err, zkapi.ErrNodeExists, "the client goes on")
	})
}

// One that ends before the request is sent makes sure that it never is.
func TestTrap1CancelledBeforeSending(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		l.writes.set(true)
		var group sync.WaitGroup
		group.Go(func() { // its frame is held up, and what comes after it waits
			_, err := c.Create(t.Context(), "/first", nil, nil, zkapi.Persistent)
			require.NoError(t, err)
		})
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 5 { // they are in go-zookeeper's hands already
			group.Go(func() {
				_, err := c.Create(ctx, fmt.Sprint("/never", i), nil, nil, zkapi.Persistent)
				require.ErrorIs(t, err, context.Canceled)
			})
			group.Go(func() {
				_, _, ch, err := c.ExistsW(ctx, fmt.Sprint("/never", i))
				require.ErrorIs(t, err, context.Canceled)
				require.Nil(t, ch)
			})
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		l.open()
		group.Wait()
		synctest.Wait()
		names, _, err := c.Children(t.Context(), "/")
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"first", "zookeeper"}, names)
		require.Empty(t, e.sim.Watches())
		nothing := slices.Repeat([]zkapi.OpCode{zkapi.OpCheckWatches}, 10)
		require.Equal(t, slices.Concat([]zkapi.OpCode{zkapi.OpCreate}, nothing, []zkapi.OpCode{zkapi.OpGetChildren2}), l.latest().sent(),
			"they became requests that do nothing")
	})
}

// Thousands of callers that give up leave nothing behind.
func TestTrap1NoGoroutinesAreLeft(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		create(t, c, "/n", "")
		l.reads.set(true)
		for i := range 1000 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Microsecond)
			_, err := c.Set(ctx, "/n", nil, -1)
			require.ErrorIs(t, err, context.DeadlineExceeded, i)
			cancel()
		}
		l.open()
		_, stat, err := c.Get(t.Context(), "/n")
		require.NoError(t, err)
		require.Positive(t, stat.Version)
		require.LessOrEqual(t, stat.Version, int32(1000))
	}) // the bubble fails if there is a goroutine
}

// 2. After an expiry, what was asked of the old session is done in the new one.

// A request is caught between the method and the socket when the session expires.
func catch(t *testing.T, e *env, l *line, id int64, first, second func()) {
	l.writes.set(true)
	var group sync.WaitGroup
	group.Go(first)
	synctest.Wait()
	group.Go(second)
	synctest.Wait()
	require.True(t, e.sim.Expire(id))
	synctest.Wait()
	l.open()
	group.Wait()
	time.Sleep(5 * time.Second)
}

func TestTrap2OldRequestsInTheNewSession(t *testing.T) {
	t.Run("go-zookeeper", func(t *testing.T) {
		onSim(t, func(t *testing.T, e *env) {
			l := new(line)
			conn := raw(t, e, l, 5)
			id := conn.SessionID()
			catch(t, e, l, id, func() { conn.Get("/") }, func() {
				_, err := conn.Create("/n", nil, zk.FlagEphemeral, open)
				require.NoError(t, err)
			})
			n, _ := e.sim.Node("/n")
			require.Equal(t, conn.SessionID(), n.Stat.EphemeralOwner)
			require.NotEqual(t, id, n.Stat.EphemeralOwner, "another session's node, and no word of it")
		})
	})
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		states, id := c.States(), c.SessionID()
		catch(t, e, l, id, func() {
			_, _, err := c.Get(t.Context(), "/")
			require.ErrorIs(t, err, zkapi.ErrConnectionLoss)
		}, func() {
			_, err := c.Create(t.Context(), "/n", nil, nil, zkapi.Ephemeral)
			require.ErrorIs(t, err, zkapi.ErrConnectionLoss)
		})
		_, there := e.sim.Node("/n")
		require.False(t, there)
		require.Equal(t, zkapi.StateChange{State: zkapi.StateSuspended, SessionID: id}, next(t, states))
		require.Equal(t, zkapi.StateChange{State: zkapi.StateLost, SessionID: id}, next(t, states))
		require.Equal(t, zkapi.StateChange{State: zkapi.StateConnected, SessionID: c.SessionID()}, next(t, states))
		require.NotEqual(t, id, c.SessionID())
		_, err := c.Create(t.Context(), "/n", nil, nil, zkapi.Ephemeral)
		require.NoError(t, err)
	})
}

// Whoever waits behind the caught one does not slip into the new session either.
func TestTrap2MoreBehindIt(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		id := c.SessionID()
		many := func() {
			var group sync.WaitGroup
			for i := range 20 {
				group.Go(func() {
					_, err := c.Create(t.Context(), fmt.Sprint("/n", i), nil, nil, zkapi.Persistent)
					require.ErrorIs(t, err, zkapi.ErrConnectionLoss)
				})
			}
			group.Wait()
		}
		catch(t, e, l, id, func() { c.Get(t.Context(), "/") }, many)
		names, _, err := c.Children(t.Context(), "/")
		require.NoError(t, err)
		require.Equal(t, []string{"zookeeper"}, names)
	})
}

// A session that is another one without an expiry in between is LOST all the
// same. No server does that; here the session's id is changed on the line.
func TestTrap2AnotherSessionWithoutExpiry(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		states, id := c.States(), c.SessionID()
		_, _, ch, err := c.GetW(t.Context(), "/")
		require.NoError(t, err)
		l.with(func() bool {
			l.greet = func(hello []byte) { hello[4+4+4+7]++ } // the last byte of the id
			return true
		})
		l.cut()
		synctest.Wait()
		require.Equal(t, zkapi.StateSuspended, next(t, states).State)
		require.Equal(t, zkapi.StateChange{State: zkapi.StateLost, SessionID: id}, next(t, states))
		require.Equal(t, zkapi.StateChange{State: zkapi.StateConnected, SessionID: id + 1}, next(t, states))
		require.Equal(t, zkapi.ErrSessionExpired, event(t, ch).Err)
	})
}

// 3. One error for a lost link and for a client that was closed.
func TestTrap3LostOrClosed(t *testing.T) {
	t.Run("go-zookeeper", func(t *testing.T) {
		onSim(t, func(t *testing.T, e *env) {
			l := new(line)
			conn := raw(t, e, l, 5)
			l.reads.set(true)
			lost := make(chan error)
			go func() { _, _, err := conn.Get("/"); lost <- err }()
			synctest.Wait()
			l.cut()
			require.Equal(t, zk.ErrConnectionClosed, <-lost)
			l.open()
			synctest.Wait() // go-zookeeper hangs now and then if it is closed while it connects
			conn.Close()
			synctest.Wait()
			_, _, err := conn.Get("/")
			require.Equal(t, zk.ErrConnectionClosed, err)
		})
	})
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		get := func() <-chan error {
			l.reads.set(true)
			err := make(chan error, 1)
			go func() { _, _, e := c.Get(t.Context(), "/"); err <- e }()
			synctest.Wait()
			return err
		}
		lost := get()
		l.cut()
		err := <-lost
		require.ErrorIs(t, err, zkapi.ErrConnectionLoss)
		require.NotErrorIs(t, err, zkapi.ErrClosed)
		l.open()
		synctest.Wait()
		require.Equal(t, zkapi.StateConnected, c.State())
		lost = get()
		go l.open()
		c.Close()
		if err := <-lost; err != nil { // or the reply was quicker
			require.ErrorIs(t, err, zkapi.ErrClosed)
		}
		_, _, err = c.Get(t.Context(), "/")
		require.ErrorIs(t, err, zkapi.ErrClosed)
		require.NotErrorIs(t, err, zkapi.ErrConnectionLoss)
	})
}

// 4. The event channel has six places and drops what does not fit.
func TestTrap4ManyChanges(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c := e.client(t)
		states, id := c.States(), c.SessionID()
		const rounds = 100
		var want []zkapi.StateChange
		for i := range rounds {
			want = append(want, zkapi.StateChange{State: zkapi.StateSuspended, SessionID: id})
			if i%10 == 9 {
				require.True(t, e.sim.Expire(id))
				want = append(want, zkapi.StateChange{State: zkapi.StateLost, SessionID: id})
			} else {
				require.True(t, e.sim.Disconnect(id))
			}
			time.Sleep(2 * time.Second)
			require.Equal(t, zkapi.StateConnected, c.State())
			id = c.SessionID()
			want = append(want, zkapi.StateChange{State: zkapi.StateConnected, SessionID: id})
		}
		c.Close()
		want = append(want, zkapi.StateChange{State: zkapi.StateClosed, SessionID: id})
		require.Equal(t, want, slices.Collect(states.All(t.Context()))) // read only now
	})
}

// 5. After a reconnection a watch may never fire.

// Everything that happens while the client is away is told once it is back,
// once, and before it says that it is connected.
func TestTrap5MissedChanges(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		other, ctx := e.sim.ClientT(t), t.Context()
		for _, n := range []string{"/changed", "/deleted", "/grown", "/reborn", "/same", "/busy"} {
			create(t, other, n, "")
		}
		for round := range 15 {
			watch := func(_, _ any, ch <-chan zkapi.Event, err error) <-chan zkapi.Event {
				t.Helper()
				require.NoError(t, err)
				return ch
			}
			get := func(n string) <-chan zkapi.Event { d, s, ch, err := c.GetW(ctx, n); return watch(d, s, ch, err) }
			exists := func(n string) <-chan zkapi.Event { s, ok, ch, err := c.ExistsW(ctx, n); return watch(s, ok, ch, err) }
			children := func(n string) <-chan zkapi.Event {
				names, s, ch, err := c.ChildrenW(ctx, n)
				return watch(names, s, ch, err)
			}
			created := fmt.Sprint("/created", round)
			want := []struct {
				ch   <-chan zkapi.Event
				kind zkapi.EventType
				path string
			}{
				{get("/changed"), zkapi.EventNodeDataChanged, "/changed"},
				{exists("/changed"), zkapi.EventNodeDataChanged, "/changed"},
				{get("/deleted"), zkapi.EventNodeDeleted, "/deleted"},
				{children("/deleted"), zkapi.EventNodeDeleted, "/deleted"},
				{children("/grown"), zkapi.EventNodeChildrenChanged, "/grown"},
				{get("/reborn"), zkapi.EventNodeDataChanged, "/reborn"},
				{exists(created), zkapi.EventNodeCreated, created},
			}
			same := get("/same")
			states := c.States()

			l.dials.set(true)
			require.True(t, e.sim.Disconnect(c.SessionID()))
			require.Equal(t, zkapi.StateSuspended, next(t, states).State)
			require.NoError(t, other.Delete(ctx, "/deleted", -1))
			require.NoError(t, other.Delete(ctx, "/reborn", -1))
			create(t, other, "/reborn", "")
			create(t, other, created, "")
			create(t, other, fmt.Sprint("/grown/", round), "")
			_, err := other.Set(ctx, "/changed", nil, -1)
			require.NoError(t, err)

			// A crowd asks for something else all the while, which is what makes
			// go-zookeeper's zxid run ahead.
			stop := make(chan struct{})
			var crowd sync.WaitGroup
			for range 4 {
				crowd.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
							if _, err := c.Set(ctx, "/busy", nil, -1); err != nil {
								time.Sleep(time.Millisecond)
							}
						}
					}
				})
			}
			time.Sleep(time.Second)
			l.open()
			require.Equal(t, zkapi.StateConnected, next(t, states).State)
			for _, w := range want {
				select {
				case ev, ok := <-w.ch:
					require.Equal(t, zkapi.Event{Type: w.kind, Path: w.path, Zxid: -1}, ev)
					require.True(t, ok)
				default:
					require.FailNow(t, "missed", "%v %s", w.kind, w.path)
				}
			}
			close(stop)
			crowd.Wait()
			silent(t, same)
			_, err = other.Set(ctx, "/same", nil, -1)
			require.NoError(t, err)
			require.Equal(t, zkapi.EventNodeDataChanged, event(t, same).Type, "armed again")
			create(t, other, "/deleted", "")
			states.Close()
			time.Sleep(2 * time.Second)
		}
	})
}

// So many watches that they take several requests, between which the
// connection breaks: what comes in the second attempt is armed from the same
// zxid as in the first, although there have been replies with later ones.
func TestTrap5BrokenWhileArming(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t, func(c *realserver.ClientConfig) { c.MaxRequest = 256 << 10 })
		other, ctx := e.sim.ClientT(t), t.Context()
		const count = 700 // 285 KB, in parts of 128 KB
		var fired []<-chan zkapi.Event
		path := func(i int) string { return fmt.Sprintf("/%s-%03d", strings.Repeat("x", 400), i) }
		for i := range count {
			create(t, other, path(i), "")
			_, _, ch, err := c.GetW(ctx, path(i))
			require.NoError(t, err)
			fired = append(fired, ch)
		}
		requests := 0
		l.with(func() bool {
			l.rewrite = func(h wire.RequestHeader, b []byte) []byte {
				if h.Type == zkapi.OpSetWatches {
					if requests++; requests == 2 || requests == 4 {
						go l.cut()
						return nil
					}
				}
				return b
			}
			return true
		})
		l.dials.set(true)
		e.sim.Disconnect(c.SessionID())
		synctest.Wait()
		for i := range count {
			_, err := other.Set(ctx, path(i), nil, -1)
			require.NoError(t, err)
		}
		l.open()
		time.Sleep(5 * time.Second)
		require.Equal(t, zkapi.StateConnected, c.State())
		for i, ch := range fired {
			select {
			case ev := <-ch:
				require.Equal(t, zkapi.Event{Type: zkapi.EventNodeDataChanged, Path: path(i), Zxid: -1}, ev)
			default:
				require.FailNow(t, "missed", "%d", i)
			}
		}
		require.True(t, l.with(func() bool { return requests == 5 }), "one was answered in each attempt")
	})
}

// One transaction may have two events for a client. If the connection breaks between them the second
// one must come afterwards: events do not count for where the watches are armed from.
func TestTrap5BetweenTwoEvents(t *testing.T) {
	realserver.Concurrent(t)
	lost := func(t *testing.T, addr string, dial faults.Dialer) {
		plan := faults.ParseT(t, "cut after-notification NodeChildrenChanged #1")
		c, err := realserver.Connect(t.Context(), []string{addr}, func(c *realserver.ClientConfig) { c.Dialer = plan.Dialer(dial) })
		require.NoError(t, err)
		defer c.Close()
		other, err := realserver.Connect(t.Context(), []string{addr}, func(c *realserver.ClientConfig) { c.Dialer = dial })
		require.NoError(t, err)
		defer other.Close()
		create(t, other, "/between", "")
		stream := addWatch(t, c, "/between", zkapi.WatchPersistentRecursive)
		_, _, changed, err := c.ChildrenW(t.Context(), "/between")
		require.NoError(t, err)
		create(t, other, "/between/child", "")
		first, err := stream.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, zkapi.EventNodeCreated, first.Type)
		require.Equal(t, zkapi.EventNodeChildrenChanged, (<-changed).Type)
	}
	t.Run("wire", func(t *testing.T) {
		onSim(t, func(t *testing.T, e *env) { lost(t, e.addr, e.dial) })
	})
	t.Run("real/3.9", func(t *testing.T) {
		t.Parallel()
		lost(t, realserver.RunT(t, "3.9").Addr(), net.DialTimeout)
	})
}

// A setWatches that the server refuses is not only logged.
func TestTrap5RefusedWhileArming(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		_, _, ch, err := c.ExistsW(t.Context(), "/n")
		require.NoError(t, err)
		refused := 0
		l.with(func() bool {
			l.rewrite = func(h wire.RequestHeader, b []byte) []byte {
				if h.Type == zkapi.OpSetWatches && refused < 3 {
					refused++
					b = wire.EndFrame(slices.Clone(b[:12]), 0) // without a body
				}
				return b
			}
			return true
		})
		e.sim.Disconnect(c.SessionID())
		time.Sleep(10 * time.Second)
		require.True(t, l.with(func() bool { return refused == 3 }))
		require.Equal(t, zkapi.StateConnected, c.State())
		create(t, e.sim.ClientT(t), "/n", "")
		require.Equal(t, zkapi.EventNodeCreated, event(t, ch).Type)
	})
}

// 6. No order between a watch and a reply: see "events before replies" in behaviours, on all servers.

// 7. There is no removeWatches, and what nobody waits for stays. Here it goes as
// soon as its reply is there.
func TestTrap7AbandonedWatches(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		create(t, c, "/n", "")
		impatient := func(arm func(context.Context) (<-chan zkapi.Event, error)) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			ch, err := arm(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Nil(t, ch)
		}
		l.reads.set(true)
		for range 100 {
			impatient(func(ctx context.Context) (<-chan zkapi.Event, error) {
				_, _, ch, err := c.GetW(ctx, "/n")
				return ch, err
			})
			impatient(func(ctx context.Context) (<-chan zkapi.Event, error) {
				_, _, ch, err := c.ExistsW(ctx, "/later")
				return ch, err
			})
			impatient(func(ctx context.Context) (<-chan zkapi.Event, error) {
				_, _, ch, err := c.ChildrenW(ctx, "/n")
				return ch, err
			})
		}
		impatient(func(ctx context.Context) (<-chan zkapi.Event, error) {
			_, err := c.AddWatch(ctx, "/n", zkapi.WatchPersistent)
			return nil, err
		})
		require.Len(t, e.sim.Watches(), 3, "armed late, on the server")
		l.open()
		synctest.Wait()
		require.Empty(t, e.sim.Watches())
		e.sim.Disconnect(c.SessionID())
		synctest.Wait()
		require.Empty(t, l.latest().sent(), "and there is nothing to arm again")

		// What somebody waits for meanwhile stays.
		l.reads.set(true)
		impatient(func(ctx context.Context) (<-chan zkapi.Event, error) {
			_, _, ch, err := c.GetW(ctx, "/n")
			return ch, err
		})
		patient := make(chan (<-chan zkapi.Event), 1)
		go func() {
			_, _, ch, err := c.GetW(t.Context(), "/n")
			assert.NoError(t, err)
			patient <- ch
		}()
		synctest.Wait()
		l.open()
		mine := <-patient
		synctest.Wait()
		_, err := c.Set(t.Context(), "/n", nil, -1)
		require.NoError(t, err)
		require.Equal(t, zkapi.EventNodeDataChanged, event(t, mine).Type)
	})
}

// Whoever gives up a watch while it is being armed on a new connection leaves
// none there either, and takes nobody else's.
func TestTrap7GivenUpWhileArming(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		create(t, c, "/n", "")
		streams := []*zkapi.Stream[zkapi.Event]{
			addWatch(t, c, "/n", zkapi.WatchPersistent), addWatch(t, c, "/tree", zkapi.WatchPersistentRecursive),
		}
		ctx, unwatch := zkapi.Unwatchable(t.Context())
		_, _, _, err := c.GetW(ctx, "/n")
		require.NoError(t, err)
		_, _, _, err = c.ExistsW(ctx, "/later")
		require.NoError(t, err)
		_, _, mine, err := c.ChildrenW(t.Context(), "/n")
		require.NoError(t, err)
		l.with(func() bool {
			l.greet = func([]byte) { l.writes.set(true) }
			return true
		})
		e.sim.Disconnect(c.SessionID())
		synctest.Wait()
		require.Empty(t, e.sim.Watches())
		unwatch()
		for _, s := range streams {
			s.Close()
		}
		l.open()
		synctest.Wait()
		require.Equal(t, zkapi.StateConnected, c.State())
		require.Len(t, e.sim.Watches(), 1)
		create(t, c, "/n/child", "")
		require.Equal(t, zkapi.EventNodeChildrenChanged, event(t, mine).Type)
		require.Empty(t, e.sim.Watches())
	})
}

// 3.8 would remove a persistent watch together with the other one.
func TestTrap7BesideAPersistentWatch(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		create(t, c, "/n", "")
		stream := addWatch(t, c, "/n", zkapi.WatchPersistent)
		l.reads.set(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, _, _, err := c.GetW(ctx, "/n")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		l.open()
		synctest.Wait()
		_, err = c.Set(t.Context(), "/n", nil, -1)
		require.NoError(t, err)
		require.Len(t, events(t, c, stream), 1)
	}, func(c *memserver.Config) { c.Profile = memserver.V38 })
}

// 8. The new session may begin on a server that is behind the old one.
func TestTrap8NewSessionsBeginWithSync(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		require.Empty(t, l.latest().sent(), "the first has nothing behind it")
		require.NoError(t, c.AddAuth(t.Context(), "digest", []byte("user:secret")))
		for range 3 {
			states := c.States()
			stop := make(chan struct{})
			var crowd sync.WaitGroup
			crowd.Go(func() { // tries to be first
				for {
					select {
					case <-stop:
						return
					default:
						if _, _, err := c.Get(t.Context(), "/"); err != nil {
							time.Sleep(time.Millisecond)
						}
					}
				}
			})
			e.expire(t, l)
			await(t, states, zkapi.StateConnected)
			close(stop)
			crowd.Wait()
			stale := func(op zkapi.OpCode) bool { return op == zkapi.OpCheckWatches } // see trap 2
			sent := slices.DeleteFunc(l.latest().sent(), stale)
			require.Equal(t, []zkapi.OpCode{zkapi.OpAuth, zkapi.OpSync}, sent[:2])
			time.Sleep(2 * time.Second)
		}
	})
}

// 9. Which part of a Multi has failed: see "multi that fails" in behaviours, on
// all servers. Here what go-zookeeper says.
func TestTrap9Multi(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		conn := raw(t, e, new(line), 1)
		requests := []any{&zk.CheckVersionRequest{Path: "/", Version: -1}, &zk.DeleteRequest{Path: "/none", Version: -1},
			&zk.DeleteRequest{Path: "/other", Version: -1}}
		responses, err := conn.Multi(requests...)
		require.Equal(t, zk.ErrNoNode, err)
		require.EqualError(t, responses[2].Error, "unknown error: -2")

		c := e.client(t)
		results, err := c.Multi(t.Context(), zkapi.CheckOp("/", -1), zkapi.DeleteOp("/none", -1), zkapi.DeleteOp("/other", -1))
		requireOpError(t, err, "multi", "/none", zkapi.ErrNoNode)
		require.Equal(t, []error{nil, zkapi.ErrNoNode, zkapi.ErrRuntimeInconsistency},
			[]error{results[0].Err, results[1].Err, results[2].Err})
	})
}

// 10. CreateProtectedEphemeralSequential, which adopts nodes of dead sessions
// and panics on foreign ones, is not there.
func TestTrap10NoProtectedCreate(t *testing.T) {
	ours, contract := reflect.TypeFor[*realserver.Client](), reflect.TypeFor[zkapi.Client]()
	for m := range ours.Methods() {
		_, ok := contract.MethodByName(m.Name)
		require.True(t, ok, "%s is not part of the contract", m.Name)
	}
}
