package realserver_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/realserver"
)

// TestSever: a follower that the leader does not hear is given up after syncLimit ticks, and one that
// does not hear the leader gives up itself; either comes back when the network does.
func TestSever(t *testing.T) {
	if os.Getenv(realserver.VersionsEnv) == "newest" {
		t.Skip("it waits for members to give each other up; make test")
	}
	e := realserver.RunEnsembleT(t, "", 3, func(o *realserver.Options) { o.Severable = true })
	leader := leaderOf(t, e)
	followers, err := e.Followers(t.Context())
	require.NoError(t, err)
	lost, other := followers[0], followers[1]
	for _, way := range [][2]int{{lost.ID(), leader.ID()}, {leader.ID(), lost.ID()}} {
		begin := time.Now()
		require.NoError(t, e.Sever(way[0], way[1]))
		require.NoError(t, lost.WaitIdle(t.Context()))
		require.Greater(t, time.Since(begin), time.Second, "10 ticks of 200 ms")
		require.Equal(t, realserver.Follower, modeOf(t, other))
		require.Same(t, leader, leaderOf(t, e))
		require.NoError(t, e.Mend(way[0], way[1]))
		require.NoError(t, e.WaitServing(t.Context()))
		require.Equal(t, realserver.Follower, modeOf(t, lost))
	}
}

func TestSeverWithoutAMesh(t *testing.T) {
	realserver.Concurrent(t)
	e := realserver.RunEnsembleT(t, "", 1)
	require.ErrorContains(t, e.Sever(1, 2), "see Options.Severable")
}
