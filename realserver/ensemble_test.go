package realserver_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// TestEnsemble does everything that can be done to an ensemble of three, one after the other.
func TestEnsemble(t *testing.T) {
	everyInstall(t, func(t *testing.T, version string) {
		begin := time.Now()
		e := realserver.RunEnsembleT(t, version, 3)
		for _, step := range []struct {
			name string
			test func(*testing.T, *realserver.Ensemble)
		}{
			{"members", testMembers},
			{"expire is like expiry", testExpireIsLikeExpiry}, // before others come, who take zxids
			{"expire", testExpireInEnsemble},
			{"disconnect", testDisconnectInEnsemble},
			{"kill the leader", testKillLeader},
			{"pause the leader", testPauseLeader},
			{"elect", testElect},
			{"no quorum", testNoQuorum},
		} {
			t.Logf("%4.1fs %s", time.Since(begin).Seconds(), step.name)
			t.Run(step.name, func(t *testing.T) {
				require.NoError(t, e.WaitServing(t.Context()))
				step.test(t, e)
			})
		}
		t.Logf("%4.1fs", time.Since(begin).Seconds())
	})
}

func leaderOf(t *testing.T, e *realserver.Ensemble) *realserver.Server {
	t.Helper()
	leader, err := e.Leader(t.Context())
	require.NoError(t, err)
	return leader
}

func modeOf(t *testing.T, s *realserver.Server) string {
	t.Helper()
	mode, err := s.Mode(t.Context())
	require.NoError(t, err)
	return mode
}

func testMembers(t *testing.T, e *realserver.Ensemble) {
	leader := leaderOf(t, e)
	followers, err := e.Followers(t.Context())
	require.NoError(t, err)
	require.Len(t, followers, 2)
	require.NotContains(t, followers, leader)
	var addrs []string
	for i, s := range e.Members() {
		require.Equal(t, i+1, s.ID())
		require.Same(t, s, e.Member(i+1))
		require.Equal(t, e.Version(), s.Version())
		want := realserver.Follower
		if s == leader {
			want = realserver.Leader
		}
		require.Equal(t, want, modeOf(t, s))
		require.Contains(t, ask(t, s.Addr(), "conf"), "maxSessionTimeout=40000")
		addrs = append(addrs, s.Addr())
	}
	require.Equal(t, addrs, e.Addrs())
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(addrs))), 3)
}

// An owner is connected to each member, and for each somebody on every member watches its nodes.
func testExpireInEnsemble(t *testing.T, e *realserver.Ensemble) {
	var watchers, owners []*testConn
	for _, s := range e.Members() {
		watchers = append(watchers, connect(t, s.Addr()))
		owners = append(owners, connect(t, s.Addr()))
	}
	for i, owner := range owners {
		id := owner.SessionID()
		at, err := e.ConnectedTo(t.Context(), id)
		require.NoError(t, err)
		require.Same(t, e.Members()[i], at)
		gone := ephemerals(t, owner, watchers...)
		require.NoError(t, e.Expire(t.Context(), id))
		requireDeleted(t, gone)
		require.ErrorIs(t, e.Expire(t.Context(), id), zkapi.ErrSessionExpired)
		at, err = e.ConnectedTo(t.Context(), id)
		require.NoError(t, err)
		require.Nil(t, at)
	}
	for _, owner := range owners {
		owner.await(zk.StateExpired)
	}
}

func testExpireIsLikeExpiry(t *testing.T, e *realserver.Ensemble) {
	leader := leaderOf(t, e)
	followers, err := e.Followers(t.Context())
	require.NoError(t, err)
	requireLikeExpiry(t, leader, followers[0], e.Expire)
	requireLikeExpiry(t, followers[0], leader, e.Expire)
}

func testDisconnectInEnsemble(t *testing.T, e *realserver.Ensemble) {
	c := connect(t, e.Addrs()...)
	id := c.SessionID()
	require.NoError(t, e.Disconnect(t.Context(), id))
	c.await(zk.StateDisconnected)
	c.await(zk.StateHasSession)
	require.Equal(t, id, c.SessionID())
	require.NoError(t, e.Disconnect(t.Context(), 1), "nobody")
}

func epoch(t *testing.T, s *realserver.Server) int64 { return zxid(t, s) >> 32 }

func testKillLeader(t *testing.T, e *realserver.Ensemble) {
	leader := leaderOf(t, e)
	before := epoch(t, leader)
	require.NoError(t, leader.Kill())
	next := leaderOf(t, e)
	require.NotSame(t, leader, next)
	require.Greater(t, epoch(t, next), before)
	followers, err := e.Followers(t.Context())
	require.NoError(t, err)
	require.Len(t, followers, 1)

	require.NoError(t, leader.Restart(t.Context()))
	require.Equal(t, realserver.Follower, modeOf(t, leader))
	require.Same(t, next, leaderOf(t, e))
}

func testPauseLeader(t *testing.T, e *realserver.Ensemble) {
	leader := leaderOf(t, e)
	require.NoError(t, leader.Pause())
	require.True(t, leader.Running())
	require.ErrorContains(t, leader.WaitIdle(t.Context()), "paused")
	next := leaderOf(t, e)
	require.NotSame(t, leader, next)
	require.NoError(t, leader.Continue())
	require.NoError(t, e.WaitServing(t.Context()), "until it has noticed")
	require.Same(t, next, leaderOf(t, e))
	require.Equal(t, realserver.Follower, modeOf(t, leader))
}

func testElect(t *testing.T, e *realserver.Ensemble) {
	leader := leaderOf(t, e)
	next, err := e.ElectAnother(t.Context())
	require.NoError(t, err)
	require.NotSame(t, leader, next)
	require.Same(t, next, leaderOf(t, e))
	require.Equal(t, realserver.Follower, modeOf(t, leader))

	first := e.Member(1) // the one that nobody would elect
	require.NoError(t, e.Elect(t.Context(), first))
	require.Same(t, first, leaderOf(t, e))
	pid := first.PID()
	require.NoError(t, e.Elect(t.Context(), first))
	require.Equal(t, pid, first.PID(), "it leads already")
}

func testNoQuorum(t *testing.T, e *realserver.Ensemble) {
	last := e.Member(2)
	require.NoError(t, e.Member(1).Stop())
	require.NoError(t, e.Member(3).Kill())
	require.NoError(t, last.WaitIdle(t.Context()))
	answer := ask(t, last.Addr(), "srvr")
	require.Equal(t, "This ZooKeeper instance is not currently serving requests\n", answer)
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := e.Leader(short)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "no leader with a quorum")
	require.ErrorContains(t, err, "1: realserver: the server does not run")

	waited := make(chan error)
	go func() { waited <- last.WaitServing(context.WithoutCancel(t.Context())) }()
	require.NoError(t, last.Kill())
	require.ErrorContains(t, <-waited, "the server does not")
	require.False(t, last.Running())
	require.NoError(t, last.WaitIdle(t.Context()))

	// None of them serves before the others are there too.
	var all sync.WaitGroup
	for _, s := range e.Members() {
		all.Go(func() {
			if err := s.Restart(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestEnsembleOfOne(t *testing.T) {
	realserver.Concurrent(t)
	e := realserver.RunEnsembleT(t, "", 1)
	require.Equal(t, realserver.Leader, modeOf(t, e.Member(1)))
	require.NotZero(t, epoch(t, e.Member(1)), "not as a server that stands alone")
	require.NoError(t, e.Member(1).Restart(t.Context()))
}

func TestObserver(t *testing.T) {
	realserver.Concurrent(t)
	e := realserver.RunEnsembleT(t, "", 2, func(o *realserver.Options) { o.Observer = o.ID == 2 })
	require.Equal(t, realserver.Leader, modeOf(t, e.Member(1)))
	require.Equal(t, realserver.Observer, modeOf(t, e.Member(2)))
	followers, err := e.Followers(t.Context())
	require.NoError(t, err)
	require.Empty(t, followers)
	require.ErrorContains(t, e.Elect(t.Context(), e.Member(2)), "only voting members")
}

func TestEnsembleOfNone(t *testing.T) {
	for _, n := range []int{0, -1, 255} {
		_, err := realserver.StartEnsemble(t.Context(), realserver.Install{}, n)
		require.ErrorContains(t, err, "1 to 254 members")
	}
}

func TestStartOfABrokenEnsemble(t *testing.T) {
	realserver.Concurrent(t)
	_, err := realserver.StartEnsemble(t.Context(), realserver.FindT(t, ""), 2, func(o *realserver.Options) {
		if o.ID == 2 {
			o.Config["initLimit"] = "soon"
		}
	})
	require.ErrorContains(t, err, "does not serve: it ended: exit status")
}
