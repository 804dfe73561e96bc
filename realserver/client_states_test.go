package realserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// What needs a hand on the line; TestClient runs it.
var lineBehaviours = []behaviour{
	{"states", testStates, true},
	{"no connection is left open", testNoConnectionIsLeftOpen, true},
	{"restart", testRestart, true},
}

// The way of a session: lost link, same session; expiry, another session; the end.
func testStates(t *testing.T, e *env) {
	c, l := e.lined(t)
	other, ctx := e.client(t), t.Context()
	states, id := c.States(), c.SessionID()
	require.Equal(t, zkapi.StateConnected, c.State())
	require.NoError(t, c.AddAuth(ctx, "digest", []byte("user:secret")))
	mine, eph := e.root+"/mine", e.root+"/eph"
	_, err := c.Create(ctx, mine, []byte("x"), zkapi.CreatorAllACL(), zkapi.Persistent)
	require.NoError(t, err)
	_, err = c.Create(ctx, eph, nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)

	_, _, changed, err := c.GetW(ctx, e.root)
	require.NoError(t, err)
	_, _, same, err := c.GetW(ctx, eph)
	require.NoError(t, err)
	l.dials.set(true)
	l.cut()
	require.Equal(t, zkapi.StateChange{State: zkapi.StateSuspended, SessionID: id}, next(t, states))
	require.Equal(t, zkapi.StateSuspended, c.State())
	require.Equal(t, id, c.SessionID())
	_, _, err = c.Get(ctx, e.root)
	require.ErrorIs(t, err, zkapi.ErrConnectionLoss)
	_, err = other.Set(ctx, e.root, nil, -1)
	require.NoError(t, err)
	silent(t, changed)
	l.open()
	require.Equal(t, zkapi.StateChange{State: zkapi.StateConnected, SessionID: id}, next(t, states))
	require.Equal(t, zkapi.Event{Type: zkapi.EventNodeDataChanged, Path: e.root, Zxid: -1}, event(t, changed))
	data, _, err := c.Get(ctx, mine)
	require.NoError(t, err, "the identity is there again")
	require.Equal(t, "x", string(data))
	silent(t, same)

	e.expire(t, l)
	require.Equal(t, zkapi.StateChange{State: zkapi.StateSuspended, SessionID: id}, next(t, states))
	require.Equal(t, zkapi.StateChange{State: zkapi.StateLost, SessionID: id}, next(t, states))
	require.Equal(t, zkapi.Event{Type: zkapi.EventNone, Path: eph, Zxid: -1, Err: zkapi.ErrSessionExpired}, event(t, same))
	change := next(t, states)
	require.Equal(t, zkapi.StateChange{State: zkapi.StateConnected, SessionID: c.SessionID()}, change)
	require.NotEqual(t, id, change.SessionID)
	_, ok, err := c.Exists(ctx, eph)
	require.NoError(t, err)
	require.False(t, ok)
	_, _, err = c.Get(ctx, mine)
	require.NoError(t, err, "identities outlive sessions")

	require.NoError(t, c.Close())
	require.Equal(t, zkapi.StateChange{State: zkapi.StateClosed, SessionID: change.SessionID}, next(t, states))
}

func testRestart(t *testing.T, e *env) {
	c, ctx := e.client(t), t.Context()
	_, err := c.Create(ctx, "/e", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	_, _, ch, err := c.GetW(ctx, "/e")
	require.NoError(t, err)
	states, id := c.States(), c.SessionID()
	e.restart()
	require.Equal(t, zkapi.StateChange{State: zkapi.StateSuspended, SessionID: id}, next(t, states))
	require.Equal(t, zkapi.StateChange{State: zkapi.StateConnected, SessionID: id}, next(t, states))
	_, err = c.Set(ctx, "/e", nil, -1)
	require.NoError(t, err)
	require.Equal(t, zkapi.EventNodeDataChanged, event(t, ch).Type)
}

// A session that is away for too long ends on the server; the client learns it
// when it is back.
func TestExpiryByTime(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		states, id := c.States(), c.SessionID()
		l.setRefuse(true)
		l.cut()
		time.Sleep(time.Hour)
		require.Equal(t, zkapi.StateSuspended, c.State(), "not knowing is not LOST")
		require.Equal(t, zkapi.StateSuspended, next(t, states).State)
		l.setRefuse(false)
		time.Sleep(2 * time.Second)
		require.Equal(t, zkapi.StateChange{State: zkapi.StateLost, SessionID: id}, next(t, states))
		require.Equal(t, zkapi.StateChange{State: zkapi.StateConnected, SessionID: c.SessionID()}, next(t, states))
		require.NotEqual(t, id, c.SessionID())
	})
}

// go-zookeeper leaves the connection open on which it learns that its session
// has expired.
func testNoConnectionIsLeftOpen(t *testing.T, e *env) {
	c, l := e.lined(t)
	states := c.States()
	for range 3 {
		e.expire(t, l)
		await(t, states, zkapi.StateConnected)
	}
	require.Equal(t, 7, l.count())
	c.Close()
	for _, conn := range l.conns {
		<-conn.closed
	}
}

// An idle client keeps its session.
func TestIdleDay(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c := e.client(t)
		states, id := c.States(), c.SessionID()
		time.Sleep(24 * time.Hour)
		require.Equal(t, id, c.SessionID())
		_, ok, _ := states.TryNext()
		require.False(t, ok)
	})
}

// A server that falls silent is noticed.
func TestSilentServer(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		states := c.States()
		start := time.Now()
		l.reads.set(true)
		// go-zookeeper sets deadlines, which a read that is held up heeds no more
		// than the hold: the line is cut where a socket would fail.
		time.AfterFunc(7*time.Second, l.cut)
		l.dials.set(true)
		require.Equal(t, zkapi.StateSuspended, next(t, states).State)
		require.LessOrEqual(t, time.Since(start), 10*time.Second)
		l.open()
		require.Equal(t, zkapi.StateConnected, next(t, states).State)
	})
}

// A server that says it is read-only.
func TestReadOnly(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		l := &line{under: func(network, address string, timeout time.Duration) (net.Conn, error) {
			nc, err := e.dial(network, address, timeout)
			return &readOnlyConn{Conn: nc}, err
		}}
		c := e.client(t, func(c *realserver.ClientConfig) { c.Dialer = l.dial })
		require.Equal(t, zkapi.StateReadOnly, c.State())
		_, _, err := c.Get(t.Context(), "/")
		require.NoError(t, err)
		states, id := c.States(), c.SessionID()
		l.cut()
		require.Equal(t, zkapi.StateChange{State: zkapi.StateSuspended, SessionID: id}, next(t, states))
		require.Equal(t, zkapi.StateChange{State: zkapi.StateReadOnly, SessionID: id}, next(t, states))
	})
}

// readOnlyConn adds the flag to the answer to the handshake.
type readOnlyConn struct {
	net.Conn
	done bool
}

func (c *readOnlyConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if !c.done && n == 40 {
		c.done = true
		b[3], b[n] = 37, 1
		n++
	}
	return n, err
}

// An identity that is accepted at first and refused after a reconnection.
// go-zookeeper would come back for ever.
func TestIdentityRefusedLater(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		require.NoError(t, c.AddAuth(t.Context(), "digest", []byte("user:secret")))
		l.with(func() bool {
			l.rewrite = func(h wire.RequestHeader, b []byte) []byte {
				if h.Type == zkapi.OpAuth {
					b = append([]byte(nil), b...)
					copy(b[12+4+4:], "diGest")
				}
				return b
			}
			return true
		})
		states := c.States()
		l.cut()
		require.Equal(t, zkapi.StateSuspended, next(t, states).State)
		require.Equal(t, zkapi.StateAuthFailed, next(t, states).State)
		time.Sleep(time.Minute)
		require.Equal(t, 2, l.count(), "and does not come back")
		_, _, err := c.Get(t.Context(), "/")
		require.ErrorIs(t, err, zkapi.ErrAuthFailed)
		require.Equal(t, zkapi.StateAuthFailed, c.State())
	})
}

// The connection breaks just after the reply to AddAuth: the identity is there
// on the next one all the same.
func TestIdentityIsNotForgotten(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		for range 20 {
			c, l := e.lined(t)
			add := make(chan error)
			go func() { add <- c.AddAuth(t.Context(), "digest", []byte("user:secret")) }()
			go l.cut()
			err := <-add
			time.Sleep(2 * time.Second)
			if err == nil {
				_, err := c.Create(t.Context(), "/n", nil, zkapi.CreatorAllACL(), zkapi.Persistent)
				require.NoError(t, err)
				require.NoError(t, c.Delete(t.Context(), "/n", -1))
			} else {
				require.ErrorIs(t, err, zkapi.ErrConnectionLoss)
			}
			c.Close()
		}
	})
}

func TestConnectGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := func(c *realserver.ClientConfig) {
			c.Dialer = func(string, string, time.Duration) (net.Conn, error) { return nil, errRefused }
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err := realserver.Connect(ctx, []string{"a:1", "b:2"}, refused)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errRefused, "and says why")
		require.ErrorContains(t, err, "a:1,b:2")
		require.LessOrEqual(t, time.Since(start), 12*time.Second)

		// A dialer that hangs, whatever its timeout.
		hang := make(chan struct{})
		defer close(hang)
		start = time.Now()
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = realserver.Connect(ctx, []string{"a"}, func(c *realserver.ClientConfig) {
			c.Dialer = func(string, string, time.Duration) (net.Conn, error) { <-hang; return nil, net.ErrClosed }
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.LessOrEqual(t, time.Since(start), time.Minute+2*time.Second)

		_, err = realserver.Connect(t.Context(), nil)
		require.EqualError(t, err, "realserver: zk: server list must not be empty")
	})
}

// A server that does not speak the protocol is given up like one that does not
// answer, and costs no memory.
func FuzzNonsense(f *testing.F) {
	hello := wire.EndFrame((&wire.ConnectResponse{TimeOut: 10000, SessionID: 1, Passwd: make([]byte, 16)}).Append(wire.BeginFrame(nil)), 0)
	for _, bytes := range [][]byte{
		{},
		{0xff, 0xff, 0xff, 0xff}, // a negative length
		{0x7f, 0xff, 0xff, 0xff, 0},
		{0, 0, 0, 4, 0, 0, 0, 0}, // a short hello
		wire.EndFrame((&wire.ConnectResponse{SessionID: 1}).Append(wire.BeginFrame(nil)), 0),                         // no timeout
		wire.EndFrame((&wire.ConnectResponse{Passwd: make([]byte, 16)}).Append(wire.BeginFrame(nil)), 0),             // expired, always
		slices.Concat(hello, []byte{0, 0, 0, 1, 0}),                                                                  // a short reply
		slices.Concat(hello, []byte{0, 0, 0, 16, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),        // a short event
		slices.Concat(hello, []byte{0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0}),                    // a short Stat
		slices.Concat(hello, []byte{0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0x9b}, hello), // NoNode, and junk
	} {
		f.Add(bytes)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			c, err := realserver.Connect(ctx, []string{"a"}, func(c *realserver.ClientConfig) {
				c.Dialer = func(string, string, time.Duration) (net.Conn, error) {
					ours, theirs := net.Pipe()
					go io.Copy(io.Discard, theirs)
					go func() {
						defer theirs.Close()
						theirs.Write(bytes)
					}()
					return ours, nil
				}
			})
			if err != nil {
				return
			}
			_, _, _, _ = c.ExistsW(ctx, "/n")
			time.Sleep(3 * time.Second)
			c.Close()
		})
	})
}

// Close returns soon, whatever the server and the line are up to.
func TestCloseInAllSituations(t *testing.T) {
	for name, situation := range map[string]func(t *testing.T, e *env, c *realserver.Client, l *line){
		"connected":    func(*testing.T, *env, *realserver.Client, *line) {},
		"disconnected": func(_ *testing.T, _ *env, _ *realserver.Client, l *line) { l.setRefuse(true); l.cut() },
		"dialling":     func(_ *testing.T, _ *env, _ *realserver.Client, l *line) { l.dials.set(true); l.cut() },
		"pausing": func(_ *testing.T, _ *env, _ *realserver.Client, l *line) {
			l.setRefuse(true)
			l.cut()
			time.Sleep(3500 * time.Millisecond)
		},
		"handshake":        func(_ *testing.T, _ *env, _ *realserver.Client, l *line) { l.reads.set(true); l.cut() },
		"silent":           func(_ *testing.T, _ *env, _ *realserver.Client, l *line) { l.reads.set(true) },
		"jammed":           func(_ *testing.T, _ *env, _ *realserver.Client, l *line) { l.writes.set(true) },
		"server closed":    func(_ *testing.T, e *env, _ *realserver.Client, _ *line) { e.sim.Close() },
		"expired":          func(_ *testing.T, e *env, c *realserver.Client, _ *line) { e.sim.Expire(c.SessionID()) },
		"restoring":        func(_ *testing.T, e *env, c *realserver.Client, l *line) { l.writes.set(true); l.cut() },
		"identity refused": func(t *testing.T, _ *env, c *realserver.Client, _ *line) { c.AddAuth(t.Context(), "x", nil) },
	} {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s busy=%v", name, busy), func(t *testing.T) {
				onSim(t, func(t *testing.T, e *env) {
					c, l := e.lined(t)
					require.NoError(t, c.AddAuth(t.Context(), "digest", []byte("user:secret")))
					_, _, ch, err := c.GetW(t.Context(), "/")
					require.NoError(t, err)
					synctest.Wait()
					situation(t, e, c, l)
					var group sync.WaitGroup
					if busy {
						for i := range 20 {
							group.Go(func() { c.CreateTTL(t.Context(), fmt.Sprint("/n", i), nil, nil, zkapi.PersistentTTL, time.Hour) })
						}
					}
					synctest.Wait()
					start := time.Now()
					for range 3 {
						group.Go(func() { c.Close() })
					}
					group.Wait()
					require.LessOrEqual(t, time.Since(start), 4*time.Second)
					require.Equal(t, zkapi.EventNone, event(t, ch).Type)
					require.Equal(t, zkapi.StateClosed, c.State())
					l.open()
				})
			})
		}
	}
}

// What is under way when Close is called gets its answer, if there is one.
func TestCloseWaitsForReplies(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		for _, late := range []bool{false, true} {
			c, l := e.lined(t)
			l.reads.set(true)
			var group sync.WaitGroup
			answers := make([]error, 10)
			for i := range answers {
				group.Go(func() {
					_, _, answers[i] = c.CreateTTL(t.Context(), fmt.Sprint("/n", i), nil, nil, zkapi.PersistentTTL, time.Hour)
				})
			}
			synctest.Wait()
			if !late {
				time.AfterFunc(900*time.Millisecond, l.open)
			}
			start := time.Now()
			c.Close()
			require.LessOrEqual(t, time.Since(start), 3*time.Second)
			group.Wait()
			for i, err := range answers {
				_, there := e.sim.Node(fmt.Sprint("/n", i))
				require.True(t, there)
				if late {
					requireOpError(t, err, "createTTL", fmt.Sprint("/n", i), zkapi.ErrClosed)
				} else {
					require.NoError(t, err)
					require.NoError(t, e.sim.ClientT(t).Delete(t.Context(), fmt.Sprint("/n", i), -1))
				}
			}
		}
	})
}

// A crowd that does everything at once, with impatient contexts, on a server
// that cuts, expires and restarts: the race detector and the bubble look on.
func TestCrowd(t *testing.T) {
	onSim(t, func(t *testing.T, e *env) {
		c, l := e.lined(t)
		states := c.States()
		var crowd sync.WaitGroup
		for worker := range 8 {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			crowd.Go(func() {
				for range 150 {
					mess(t, c, random)
				}
			})
		}
		random := rand.New(rand.NewPCG(1, 99))
		for range 40 {
			time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
			switch random.IntN(5) {
			case 0:
				e.sim.Disconnect(c.SessionID())
			case 1:
				e.sim.Expire(c.SessionID())
			case 2:
				e.sim.Restart()
			case 3:
				l.cut()
			case 4:
				l.writes.set(true)
				time.Sleep(time.Millisecond)
				l.open()
			}
		}
		crowd.Wait()
		time.Sleep(5 * time.Second)
		require.Equal(t, zkapi.StateConnected, c.State())
		_, _, err := c.Get(t.Context(), "/")
		require.NoError(t, err)
		c.Close()

		// And the states tell a story that can be true.
		last, session := zkapi.StateConnected, int64(0)
		for change := range states.All(t.Context()) {
			require.NotEqual(t, last, change.State)
			switch change.State {
			case zkapi.StateSuspended:
				require.Equal(t, zkapi.StateConnected, last)
			case zkapi.StateLost:
				require.Equal(t, zkapi.StateSuspended, last)
			case zkapi.StateConnected:
				if last == zkapi.StateSuspended && session != 0 {
					require.Equal(t, session, change.SessionID)
				}
				if last == zkapi.StateLost {
					require.NotEqual(t, session, change.SessionID)
				}
				session = change.SessionID
			}
			last = change.State
		}
		require.Equal(t, zkapi.StateClosed, last)
	})
}

// mess does one thing or another.
func mess(t *testing.T, c zkapi.Client, random *rand.Rand) {
	ctx := t.Context()
	if random.IntN(3) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(2000))*time.Microsecond)
		defer cancel()
	}
	path := fmt.Sprint("/", random.IntN(4))
	var ch <-chan zkapi.Event
	var err error
	switch random.IntN(9) {
	case 0:
		_, err = c.Create(ctx, path, []byte("x"), nil, zkapi.CreateMode(random.IntN(5)))
	case 1:
		_, _, err = c.Create2(ctx, path, []byte("x"), nil, zkapi.Ephemeral)
	case 2:
		err = c.Delete(ctx, path, -1)
	case 3:
		_, _, ch, err = c.GetW(ctx, path)
	case 4:
		_, _, ch, err = c.ExistsW(ctx, path)
	case 5:
		_, _, ch, err = c.ChildrenW(ctx, "/")
	case 6:
		_, err = c.Set(ctx, path, []byte("y"), -1)
	case 7:
		_, err = c.Multi(ctx, zkapi.CheckOp(path, -1), zkapi.SetOp(path, nil, -1))
	case 8:
		err = c.AddAuth(ctx, "digest", []byte("user:secret"))
	}
	if err != nil && ch != nil {
		t.Error("an error and a watch", err)
	}
	switch {
	case err == nil, errors.Is(err, context.DeadlineExceeded), errors.Is(err, zkapi.ErrNoNode), errors.Is(err, zkapi.ErrNodeExists):
	case errors.Is(err, zkapi.ErrConnectionLoss), errors.Is(err, zkapi.ErrNotEmpty):
		time.Sleep(time.Duration(random.IntN(500)) * time.Millisecond)
	default:
		t.Error(err)
	}
	time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
}

// The same outside a bubble, where time does not wait for anybody.
func TestCrowdInRealTime(t *testing.T) {
	srv := memserver.RunT(t)
	e := &env{addr: srv.Addr(), dial: srv.Dial, sim: srv}
	c := e.client(t)
	stop := make(chan struct{})
	var crowd sync.WaitGroup
	for worker := range 4 {
		crowd.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%50)*10*time.Microsecond)
				c.Create(ctx, fmt.Sprint("/", worker, "-", i%10), nil, nil, zkapi.Ephemeral)
				c.ExistsW(ctx, fmt.Sprint("/", worker, "-", i%10))
				c.Delete(ctx, fmt.Sprint("/", worker, "-", i%10), -1)
				cancel()
			}
		})
	}
	states := c.States()
	for i := range 20 {
		if i%4 == 3 {
			srv.Expire(c.SessionID())
		} else {
			srv.Disconnect(c.SessionID())
		}
		await(t, states, zkapi.StateConnected)
	}
	close(stop)
	crowd.Wait()
	_, _, err := c.Get(t.Context(), "/")
	require.NoError(t, err)
}
