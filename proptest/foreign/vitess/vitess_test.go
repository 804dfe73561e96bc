package vitess_test

import (
	"context"
	"flag"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/z-division/go-zookeeper/zk"
	"vitess.io/vitess/go/vt/log"
	"vitess.io/vitess/go/vt/topo"
	"vitess.io/vitess/go/vt/topo/zk2topo"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

type option = func(*proptest.Exploration)

// found is what the explorer has found.
type found struct {
	what     string
	property func(t *testing.T, opts ...option) *explore.Result
	kinds    explore.Fault
	faults   int
	rounds   int
	there    string // what is there before
	replay   string // the schedule, shrunk
	steps    int
	why      explore.Why
	text     string
}

var inVitess = []found{
	{what: "who makes the directory of a lock finds it deleted by one who unlocks", property: exploreLock, there: "/vt/keyspace",
		replay: "00100001", steps: 10, why: explore.Returned, text: "nothing had gone wrong since it began: node doesn't exist: /vt/keyspace/locks/"},
	// Something beside the locks keeps their directory, so that it is not this again.
	{what: "a lock is taken on the node of a session that was given up", property: exploreLock, there: "/vt/keyspace/locks/zz",
		kinds: explore.Cut | explore.TimerRace, faults: 3, rounds: 2,
		replay: "020110441", steps: 11, why: explore.Invariant, text: "A and B hold it at the same time"},
	{what: "whoever stops while it waits to lead keeps its place", property: exploreElection, there: "/vt/elections/main",
		kinds: explore.Cancellation, faults: 1,
		replay: "02", steps: 9, why: explore.Deadlock, text: "B: nothing is under way"},
}

func exploreLock(t *testing.T, opts ...option) *explore.Result {
	return proptest.ExploreLockDialing(t, func(p *explore.Participant) proptest.Locker { return &lock{server: participant(p)} }, opts...)
}

func exploreElection(t *testing.T, opts ...option) *explore.Result {
	return proptest.ExploreElectionDialing(t, func(p *explore.Participant) proptest.Elector { return election{participant(p), p} }, opts...)
}

func (f *found) explore(t *testing.T, o option) *explore.Result {
	return f.property(t, func(e *proptest.Exploration) {
		e.Kinds, e.Faults, e.Rounds = f.kinds, f.faults, f.rounds
		e.Prepare = func(ctx context.Context, c zkapi.Client) error { return zkapi.EnsurePath(ctx, c, f.there, nil) }
		o(e)
	})
}

var (
	search = flag.Bool("search", false, "search for what is known, which takes a minute or two, and print it")
	onReal = flag.Bool("real", false, "have two hold the lock on a real ZooKeeper, which takes half a minute")
)

// The explorer finds each from a cold start.
func TestFound(t *testing.T) {
	if !*search {
		t.Skip("-search takes a minute or two")
	}
	for _, f := range inVitess {
		t.Run(f.what, func(t *testing.T) {
			res := f.explore(t, func(e *proptest.Exploration) { e.Strategy, e.Time = explore.Random(1), 5*time.Minute })
			require.NotNil(t, res.Failure)
			require.Equal(t, f.why, res.Failure.Why, res.Report(t.Name()))
			t.Logf("%v after %d schedules\n%s", res.FoundIn, res.FoundAfter, res.Report(t.Name()))
		})
	}
}

// What was found is the same a hundred times out of a hundred, but for how much time
// passes: zk2topo tries again after some, which package math/rand/v2 draws.
func TestReplays(t *testing.T) {
	for _, f := range inVitess {
		t.Run(f.what, func(t *testing.T) {
			again := func() *explore.Failure {
				res := f.explore(t, func(e *proptest.Exploration) { e.Replay = f.replay })
				require.NotNil(t, res.Failure, "the schedules have changed: go test -search -v prints the new ones")
				require.Equal(t, f.why, res.Failure.Why)
				for i := range res.Failure.History {
					l := &res.Failure.History[i]
					if l.At = 0; l.Kind == explore.TimePassed {
						l.Text, l.Zxid = "time passes", 0 // the zxid tells whether a session has expired already
					}
				}
				return res.Failure
			}
			first := again()
			require.Contains(t, first.Text, f.text)
			require.Equal(t, f.steps, first.Steps(), first.Story())
			for range 100 {
				failure := again()
				require.Equal(t, first.Error(), failure.Error())
				require.Equal(t, first.History, failure.History)
			}
		})
	}
}

// The same on a real server: of two that hold the lock, one does so on a node that is gone.
func TestTwoHoldersOnZooKeeper(t *testing.T) {
	if !*onReal {
		t.Skip("-real takes half a minute")
	}
	srv := realserver.RunT(t, "3.9")
	c, err := realserver.Connect(t.Context(), []string{srv.Addr()})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, zkapi.EnsurePath(t.Context(), c, "/vt/keyspace/locks/zz", nil))

	plan := faults.MustParse("cut before-request getChildren2 /vt/keyspace/locks #1")
	dial := func(_, _ string, timeout time.Duration) (net.Conn, error) {
		return net.DialTimeout("tcp", srv.Addr(), timeout)
	}
	a, b := newServer("A", plan.Dialer(dial)), newServer("B", dial)
	defer a.Close()
	defer b.Close()
	held, err := a.LockName(t.Context(), "keyspace", "A")
	require.NoError(t, err)
	require.Equal(t, 1, plan.Fired())
	_, err = b.LockName(t.Context(), "keyspace", "B")
	require.NoError(t, err)
	require.NoError(t, held.Check(t.Context()))
	names, _, err := c.Children(t.Context(), "/vt/keyspace/locks")
	require.NoError(t, err)
	t.Logf("A and B hold the lock, and there is only %s", names)
}

var (
	mu      sync.Mutex
	dialers = make(map[string]func(network, address string, timeout time.Duration) (net.Conn, error))
)

func init() {
	log.SwapLogger(slog.New(slog.DiscardHandler))
	zk.Dial = func(network, address string, timeout time.Duration) (net.Conn, error) {
		mu.Lock()
		dial := dialers[address]
		mu.Unlock()
		return dial(network, address, timeout)
	}
}

// newServer is a client, in the words of Vitess, with an address of its own, by which
// its dialer is found.
func newServer(name string, dial func(string, string, time.Duration) (net.Conn, error)) *zk2topo.Server {
	address := "127.0.0." + string(name[0]-'A'+'1') + ":2181"
	mu.Lock()
	dialers[address] = dial
	mu.Unlock()
	return zk2topo.NewServer(address, "/vt")
}

func participant(p *explore.Participant) *zk2topo.Server {
	s := newServer(p.Name, p.Dial)
	p.AtEnd(func() {
		time.Sleep(5 * time.Minute) // until nobody dials any more, who would keep it from being closed
		s.Close()
	})
	return s
}

type lock struct {
	server *zk2topo.Server
	held   topo.LockDescriptor
}

func (l *lock) Acquire(ctx context.Context) (err error) {
	l.held, err = l.server.LockName(ctx, "keyspace", "")
	return err
}

func (l *lock) Release(ctx context.Context) error { return l.held.Unlock(ctx) }

// election is used as the documentation of topo.LeaderParticipation says.
type election struct {
	server *zk2topo.Server
	p      *explore.Participant
}

func (e election) Run(ctx context.Context, lead func(context.Context) error) error {
	l, err := e.server.NewLeaderParticipation("main", e.p.Name)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, l.Stop)()
	for {
		leading, err := l.WaitForLeadership()
		switch {
		case err == nil:
			if err := lead(leading); err != nil {
				return err
			}
			go l.Stop()
			<-leading.Done()
		case topo.IsErrType(err, topo.Interrupted):
			return nil
		case e.p.Context().Err() != nil:
			return err
		default:
			time.Sleep(5 * time.Second)
		}
	}
}
