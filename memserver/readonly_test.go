package memserver_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// What clients of a member see that only reads, and of local sessions, is played on real ensembles too: see
// proptest/members_readonly_test.go and members_sessions_test.go. Here is what only a simulator can do.

func reads(c *memserver.Config) { c.Members, c.ReadOnlyMode, c.LocalSessions = 3, true, true }

// reader is a client of one member that says that reading will do; 0 is any.
func reader(t testing.TB, srv *memserver.Server, member int) *memserver.Client {
	t.Helper()
	return srv.ClientT(t, func(c *memserver.ClientConfig) { c.Member, c.ReadOnly = member, true })
}

func TestAMemberThatIsCutOffServesThePast(t *testing.T) {
	srv := memserver.RunT(t, reads)
	writer := on(t, srv, 3)
	open(t, writer, "/n", "1")
	alone := srv.Member(1)
	alone.Isolate()
	require.Equal(t, memserver.ReadOnly, alone.Role())
	require.Equal(t, memserver.Follower, srv.Member(2).Role())
	set(t, writer, "/n", "2")

	c := reader(t, srv, 1)
	states := c.States()
	require.Equal(t, zkapi.StateReadOnly, c.State())
	requireData(t, c, "/n", "1")
	_, _, changed, err := c.GetW(t.Context(), "/n")
	require.NoError(t, err)
	_, err = c.Set(t.Context(), "/n", nil, -1)
	require.ErrorIs(t, err, zkapi.ErrNotReadOnly)
	require.ErrorIs(t, c.Sync(t.Context(), "/"), zkapi.ErrNotReadOnly)
	set(t, writer, "/n", "3")
	requireSilent(t, changed)
	requireData(t, c, "/n", "1")
	require.Less(t, alone.Zxid(), srv.Zxid())
	srv.Member(1).SetLag(hold) // which is for later

	alone.Rejoin()
	require.Equal(t, []zkapi.State{zkapi.StateSuspended, zkapi.StateConnected}, drainStates(states))
	require.Equal(t, zkapi.EventNodeDataChanged, fired(t, changed).Type, "it has missed that, and is told")
	requireData(t, c, "/n", "3")
	set(t, writer, "/n", "4")
	requireData(t, c, "/n", "3")
}

func TestAReaderLeavesForAMemberThatWrites(t *testing.T) {
	srv := memserver.RunT(t, reads, func(c *memserver.Config) { c.LocalUpgrading = true })
	for _, m := range srv.Members() {
		m.Isolate()
	}
	c := reader(t, srv, 0)
	require.Equal(t, zkapi.StateReadOnly, c.State())
	_, err := srv.Client()
	require.ErrorIs(t, err, zkapi.ErrConnectionLoss)
	srv.Member(2).Rejoin()
	require.Equal(t, zkapi.StateReadOnly, c.State(), "one of three is no quorum")
	srv.Member(3).Rejoin()
	require.Equal(t, zkapi.StateConnected, c.State())
	require.NotEqual(t, 1, c.Member())
	open(t, c, "/n", "1")
	srv.Member(2).Isolate()
	require.Equal(t, zkapi.StateReadOnly, c.State(), "its session was a local one, and is gone")
	requireData(t, c, "/n", "1")

	srv.Member(2).Rejoin()
	_, err = c.Create(t.Context(), "/e", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	id := c.SessionID() // which it does not give up any more for one that only reads
	srv.Member(2).Isolate()
	require.Equal(t, zkapi.StateSuspended, c.State())
	srv.Member(2).Rejoin()
	require.Equal(t, zkapi.StateConnected, c.State())
	require.Equal(t, id, c.SessionID())
}

// Without local sessions a member that only reads has no session for anybody.
func TestReadOnlyWithoutLocalSessions(t *testing.T) {
	srv := memserver.RunT(t, reads, func(c *memserver.Config) { c.LocalSessions = false })
	c := reader(t, srv, 1)
	id := c.SessionID()
	srv.Member(1).Isolate()
	srv.Expire(id)
	require.Equal(t, zkapi.StateSuspended, c.State())
	srv.Member(1).Rejoin()
	require.Equal(t, zkapi.StateConnected, c.State())
	require.NotEqual(t, id, c.SessionID())
}

func TestAMemberThatStopsForgetsItsSessions(t *testing.T) {
	srv := memserver.RunT(t, reads)
	srv.Member(2).Isolate()
	srv.Member(3).Isolate()
	c := reader(t, srv, 1)
	require.Len(t, srv.Sessions(), 1)
	require.Equal(t, 1, srv.Sessions()[0].Local)
	srv.Member(1).Stop()
	require.Equal(t, zkapi.StateSuspended, c.State())
	require.Empty(t, srv.Sessions())
	require.NoError(t, srv.Member(1).Start())
	require.Equal(t, zkapi.StateReadOnly, c.State())
	require.Len(t, srv.Sessions(), 1)
}

func TestLocalSessionsExpire(t *testing.T) {
	srv := memserver.RunT(t, reads)
	events := srv.Events()
	c := on(t, srv, 1)
	zxid, id := srv.Zxid(), c.SessionID()
	srv.Disconnect(id)
	srv.Advance(time.Minute)
	require.Empty(t, srv.Sessions())
	require.Equal(t, zxid, srv.Zxid(), "nobody else has to know")
	at := fmt.Sprint(zxid)
	require.Equal(t, at+" opened by c\n"+at+" connected by c\n"+at+" disconnected by c\n"+at+" expired by c\n",
		story(events, map[int64]string{id: "c"}))

	// Also where there is no leader.
	srv.Member(2).Isolate()
	srv.Member(3).Isolate()
	r := reader(t, srv, 1)
	srv.Disconnect(r.SessionID())
	require.Len(t, srv.Sessions(), 1)
	srv.Advance(time.Minute)
	require.Empty(t, srv.Sessions())
	require.NoError(t, srv.Check())
}

func TestAnUpgradedSessionSurvivesItsMember(t *testing.T) {
	srv := memserver.RunT(t, reads, func(c *memserver.Config) { c.LocalUpgrading = true })
	c := srv.ClientT(t)
	_, err := c.Create(t.Context(), "/e", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	id, home := c.SessionID(), c.Member()
	require.Zero(t, srv.Sessions()[0].Local)
	srv.Member(home).Stop()
	require.NotEqual(t, home, c.Member())
	require.Equal(t, id, c.SessionID())
	srv.Expire(id)
	_, there := srv.Node("/e")
	require.False(t, there)
}

func TestLocalSessionsAreInNoSnapshot(t *testing.T) {
	srv := memserver.RunT(t, reads)
	c := srv.ClientT(t)
	id := c.SessionID()
	srv.Restart()
	require.NotEqual(t, id, c.SessionID())
	require.Len(t, srv.Sessions(), 1)
	require.Empty(t, memserver.RunT(t, memserver.From(srv.Snapshot())).Sessions())
}
