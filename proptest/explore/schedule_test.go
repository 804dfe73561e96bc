package explore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// TestSchedule: an invariant does not hold: A and C hold it at the same time, and at most 1 may
func TestSchedule(t *testing.T) {
	ctx := t.Context()
	srv := memserver.RunT(t)
	other := srv.ClientT(t)
	_, err1 := other.Create(ctx, "/lock", nil, nil, zkapi.Persistent)
	require.NoError(t, err1)
	clientA := srv.ClientT(t, memserver.Held)
	clientC := srv.ClientT(t, memserver.Held)
	// 1: C Create /lock/n- ephemeral sequential
	path2, err2 := clientC.Create(ctx, "/lock/n-", nil, nil, zkapi.EphemeralSequential)
	require.NoError(t, err2)
	require.Equal(t, "/lock/n-0000000000", path2)
	// 2: A Create /lock/n- ephemeral sequential
	path3, err3 := clientA.Create(ctx, "/lock/n-", nil, nil, zkapi.EphemeralSequential)
	require.NoError(t, err3)
	require.Equal(t, "/lock/n-0000000001", path3)
	// 3: C has its session 0x100000000010003 expired by the server
	srv.Expire(clientC.SessionID())
	// 4: C learns that its connection is lost, about to call Children /lock
	clientC.Deliver()
	// 5: A Children /lock
	_, _, err4 := clientA.Children(ctx, "/lock")
	require.NoError(t, err4)
	// 6: C learns that its session has expired, and gets session 0x100000000010004
	clientC.Reconnect()
	// 7: C Children /lock
	_, _, err5 := clientC.Children(ctx, "/lock")
	require.NoError(t, err5)
}
