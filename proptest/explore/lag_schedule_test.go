package explore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// TestLagSchedule: a participant returned an error: A returned: the node of an earlier session is there
func TestLagSchedule(t *testing.T) {
	ctx := t.Context()
	srv := memserver.RunT(t, func(c *memserver.Config) { c.Members = 5 })
	on := func(member int) func(*memserver.ClientConfig) {
		return func(c *memserver.ClientConfig) { c.Member = member }
	}
	clientA := srv.ClientT(t, memserver.Held, on(1))
	srv.Member(2).SetLag(memserver.Lag{Hold: true})
	srv.Member(3).SetLag(memserver.Lag{Hold: true})
	srv.Member(4).SetLag(memserver.Lag{Hold: true})
	// 1: A Create /mine ephemeral
	path1, err1 := clientA.Create(ctx, "/mine", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err1)
	require.Equal(t, "/mine", path1)
	// 2: A loses its connection, and with it the request Exists /mine
	clientA.Disconnect()
	// 3: A has its session 0x100000000010000 expired by the server
	srv.Expire(clientA.SessionID())
	// 4: A learns that its session has expired, and gets session 0x100000000010001
	srv.Member(1).SetLag(memserver.Lag{})
	clientA.ConnectTo(1)
	clientA.Reconnect()
	// 5: A loses its connection, and with it the request Exists /mine
	clientA.Disconnect()
	// 6: A reconnects to a server that is 2 transactions behind
	srv.Member(2).Apply(1)
	clientA.ConnectTo(2)
	clientA.Reconnect()
	// 7: A Exists /mine
	_, ok2, err2 := clientA.Exists(ctx, "/mine")
	require.NoError(t, err2)
	require.Equal(t, true, ok2)
}
