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

// The published bugs of go-zookeeper's lock, each found by what it takes for it.
func TestGozkLockIsCaught(t *testing.T) {
	for _, bug := range []struct {
		name    string
		kinds   explore.Fault
		foreign bool
		rounds  int
		why     explore.Why
	}{
		{"whose node is gone acquires all the same", explore.Removal, false, 1, explore.Invariant},
		{"an error leaves the node behind", explore.Cut, false, 1, explore.Deadlock},
		{"a foreign child is an error that leaves the node behind", 0, true, 1, explore.Final},
		{"whose node is gone can never lock again", explore.Removal, false, 2, explore.Returned},
	} {
		t.Run(bug.name, func(t *testing.T) {
			res := proptest.ExploreLockDialing(t, newGozkLock, func(e *proptest.Exploration) {
				e.Strategy, e.Kinds, e.Rounds, e.Time = explore.Random(1), bug.kinds, bug.rounds, 10*time.Second
				if bug.kinds != 0 {
					e.Faults = 1
				}
				e.Prepare = func(ctx context.Context, c zkapi.Client) error {
					err := zkapi.EnsurePath(ctx, c, "/lock", nil)
					if bug.foreign {
						_, err = c.Create(ctx, "/lock/foreign", nil, nil, zkapi.Persistent)
					}
					return err
				}
				if bug.rounds > 1 {
					e.Participants = 1
				}
			})
			require.NotNil(t, res.Failure)
			t.Log(res.Report(t.Name()))
			require.Equal(t, bug.why, res.Failure.Why)
			require.True(t, res.Same)
			require.LessOrEqual(t, res.Failure.Steps(), 12)
		})
	}
}
