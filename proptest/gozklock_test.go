package proptest_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// gozkLock is go-zookeeper's own lock, as it is.
type gozkLock struct{ *zk.Lock }

func (l gozkLock) Acquire(context.Context) error { return l.Lock.Lock() }
func (l gozkLock) Release(context.Context) error { return l.Unlock() }

type silent struct{}

func (silent) Printf(string, ...any) {}

func newGozkLock(p *explore.Participant) proptest.Locker {
	conn, _, err := zk.Connect([]string{"127.0.0.1:2181"}, 10*time.Second, zk.WithDialer(p.Dial), zk.WithLogger(silent{}),
		zk.WithMaxConnBufferSize(1<<12), zk.WithEventCallback(func(zk.Event) {}))
	require.NoError(p, err)
	p.AtEnd(conn.Close)
	return gozkLock{zk.NewLock(conn, "/lock", zk.WorldACL(zk.PermAll))}
}

// The published bugs of go-zookeeper's lock, each with what it takes to find it.
var gozkBugs = []struct {
	name    string
	kinds   explore.Fault
	foreign bool
	rounds  int
	why     explore.Why
}{
	{"whose node is gone acquires all the same", explore.Removal, false, 1, explore.Invariant},
	{"an error leaves the node behind", explore.Cut, false, 1, explore.Deadlock},
	{"a foreign child is an error that leaves the node behind", 0, true, 1, explore.Returned},
	{"whose node is gone can never lock again", explore.Removal, false, 2, explore.Returned},
}

func exploreGozkLock(t *testing.T, bug int, opts ...option) *explore.Result {
	b := &gozkBugs[bug]
	return proptest.ExploreLockDialing(t, newGozkLock, append([]option{func(e *proptest.Exploration) {
		e.Strategy, e.Kinds, e.Rounds, e.Time = explore.Random(1), b.kinds, b.rounds, time.Minute
		if b.kinds != 0 {
			e.Faults = 1
		}
		e.Prepare = func(ctx context.Context, c zkapi.Client) error {
			err := zkapi.EnsurePath(ctx, c, "/lock", nil)
			if b.foreign {
				_, err = c.Create(ctx, "/lock/foreign", nil, nil, zkapi.Persistent)
			}
			return err
		}
		if b.rounds > 1 {
			e.Participants = 1
		}
	}}, opts...)...)
}

func TestGozkLockIsCaught(t *testing.T) {
	for i, bug := range gozkBugs {
		t.Run(bug.name, func(t *testing.T) {
			res := exploreGozkLock(t, i)
			require.NotNil(t, res.Failure)
			t.Logf("%v\n%s", res.FoundIn, res.Report(t.Name()))
			require.Equal(t, bug.why, res.Failure.Why)
			require.True(t, res.Same)
			require.LessOrEqual(t, res.Failure.Steps(), 12)
		})
	}
}

// Nobody tells whoever holds go-zookeeper's lock that its session has ended.
func TestGozkLockIsNoElection(t *testing.T) {
	res := proptest.ExploreElectionDialing(t, func(p *explore.Participant) proptest.Elector { return gozkElector{newGozkLock(p)} },
		func(e *proptest.Exploration) {
			e.Strategy, e.Faults, e.Kinds, e.Time, e.KeepShrinking = explore.Random(1), 1, explore.Expiry, time.Minute, 100
		})
	require.NotNil(t, res.Failure)
	require.ErrorContains(t, res.Failure, "leads on, although it knows that its session")
	require.True(t, res.Same)
}

type gozkElector struct{ proptest.Locker }

func (e gozkElector) Run(ctx context.Context, lead func(context.Context) error) error {
	if err := e.Acquire(ctx); err != nil {
		return err
	}
	if err := lead(ctx); err != nil {
		return err
	}
	return e.Release(ctx)
}

// What it reads it reads in order, so servers that are behind do it no harm.
func TestGozkLockOnServersThatAreBehind(t *testing.T) {
	proptest.LockDialing(t, newGozkLock, func(e *proptest.Exploration) {
		e.Strategy, e.Faults, e.Kinds, e.Schedules = explore.Random(1), 2, explore.Lag, 100
		e.Prepare = func(ctx context.Context, c zkapi.Client) error { return zkapi.EnsurePath(ctx, c, "/lock", nil) }
	})
}
