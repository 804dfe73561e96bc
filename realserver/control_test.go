package realserver_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// TestControl stops, kills, pauses, continues and restarts a server that stands alone. Ephemeral nodes
// and sessions live on over all of it.
func TestControl(t *testing.T) {
	everyInstall(t, func(t *testing.T, version string) {
		srv := realserver.RunT(t, version)
		conn := connect(t, srv.Addr())
		_, err := conn.Create("/e", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
		requireEphemeral := func() {
			t.Helper()
			_, stat, err := conn.Get("/e")
			require.NoError(t, err)
			require.Equal(t, conn.SessionID(), stat.EphemeralOwner)
		}

		require.NoError(t, srv.Pause())
		require.NoError(t, srv.Pause(), "a second time")
		requireNoAnswer(t, srv.Addr())
		require.ErrorContains(t, srv.WaitServing(t.Context()), "paused")
		_, err = srv.Mode(t.Context())
		require.ErrorContains(t, err, "paused")
		require.NoError(t, srv.Continue())
		require.NoError(t, srv.Continue(), "a second time")
		requireEphemeral()
		require.Equal(t, []zk.State{zk.StateConnecting, zk.StateConnected, zk.StateHasSession}, conn.seen(),
			"the client has noticed nothing")

		require.NoError(t, srv.Pause())
		require.NoError(t, srv.Restart(t.Context()))
		conn.await(zk.StateHasSession)
		requireEphemeral()

		require.NoError(t, srv.Pause())
		require.NoError(t, srv.Kill())
		requireRefused(t, srv.Addr())
		require.ErrorContains(t, srv.Pause(), "does not run")
		require.NoError(t, srv.Continue(), "nothing to continue")
		require.ErrorContains(t, srv.WaitServing(t.Context()), "does not run")
		require.NoError(t, srv.Restart(t.Context()))
		conn.await(zk.StateHasSession)
		requireEphemeral()
		mode, err := srv.Mode(t.Context())
		require.NoError(t, err)
		require.Equal(t, realserver.Standalone, mode)

		require.NoError(t, srv.Pause())
		require.NoError(t, srv.Stop())
		requireRefused(t, srv.Addr())
	})
}

// requireNoAnswer shows that a server takes connections and does not answer.
func requireNoAnswer(t *testing.T, addr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := realserver.FourLetterWord(ctx, addr, "ruok")
	require.Error(t, err)
	require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
}

// TestExpire ends a session whose client is connected and well.
func TestExpire(t *testing.T) {
	everyInstall(t, func(t *testing.T, version string) {
		srv := realserver.RunT(t, version)
		owner, other := connect(t, srv.Addr()), connect(t, srv.Addr())
		id := owner.SessionID()
		gone := ephemerals(t, owner, other)
		before := zxid(t, srv)
		require.NoError(t, srv.Expire(t.Context(), id))
		require.Equal(t, before+1, zxid(t, srv), "one transaction, as when its time is over")
		requireDeleted(t, gone)
		owner.await(zk.StateExpired)
		owner.await(zk.StateHasSession)
		require.NotEqual(t, id, owner.SessionID())

		err := srv.Expire(t.Context(), id)
		require.ErrorIs(t, err, zkapi.ErrSessionExpired)
		require.ErrorContains(t, err, "expiring session 0x")
		require.Equal(t, []zk.State{zk.StateConnecting, zk.StateConnected, zk.StateHasSession}, other.seen())

		require.NoError(t, srv.Stop())
		require.ErrorContains(t, srv.Expire(t.Context(), id), "does not run")
	})
}

// TestDisconnect breaks a connection. The session lives on.
func TestDisconnect(t *testing.T) {
	everyInstall(t, func(t *testing.T, version string) {
		srv := realserver.RunT(t, version)
		owner, other := connect(t, srv.Addr()), connect(t, srv.Addr())
		id := owner.SessionID()
		gone := ephemerals(t, owner, other)
		before := zxid(t, srv)
		require.NoError(t, srv.Disconnect(t.Context(), id))
		owner.await(zk.StateDisconnected)
		owner.await(zk.StateHasSession)
		require.Equal(t, id, owner.SessionID())
		require.NotContains(t, owner.seen(), zk.StateExpired)
		require.Equal(t, before, zxid(t, srv))
		for _, events := range gone {
			require.Empty(t, events)
		}

		require.NoError(t, srv.Disconnect(t.Context(), id+1000), "nobody")
		require.Equal(t, []zk.State{zk.StateConnecting, zk.StateConnected, zk.StateHasSession}, other.seen())
	})
}

// ephemerals makes three nodes that live as long as the owner's session, and has the others watch them.
func ephemerals(t *testing.T, owner *testConn, others ...*testConn) []<-chan zk.Event {
	t.Helper()
	var gone []<-chan zk.Event
	for i := range 3 {
		path := fmt.Sprintf("/%x-%d", owner.SessionID(), i)
		_, err := owner.Create(path, nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
		for _, other := range others {
			_, err = other.Sync(path)
			require.NoError(t, err)
			exists, _, events, err := other.ExistsW(path)
			require.NoError(t, err)
			require.True(t, exists)
			gone = append(gone, events)
		}
	}
	return gone
}

func requireDeleted(t *testing.T, gone []<-chan zk.Event) {
	t.Helper()
	for _, events := range gone {
		select {
		case event := <-events:
			require.Equal(t, zk.EventNodeDeleted, event.Type)
		case <-time.After(10 * time.Second):
			t.Fatal("an ephemeral node is still there")
		}
	}
}
