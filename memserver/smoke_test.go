package memserver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

func TestGoZKInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		a, _, err := zk.Connect([]string{srv.Addr()}, 10*time.Second, zk.WithDialer(srv.Dial), zk.WithLogInfo(false))
		require.NoError(t, err)
		defer a.Close()
		_, err = a.Create("/a", []byte("x"), zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
		data, stat, ch, err := a.GetW("/a")
		require.NoError(t, err)
		require.Equal(t, "x", string(data))
		require.EqualValues(t, 0, stat.Version)
		_, err = a.Set("/a", []byte("y"), 0)
		require.NoError(t, err)
		require.Equal(t, zk.EventNodeDataChanged, (<-ch).Type)
		kids, _, err := a.Children("/")
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"a", "zookeeper"}, kids)
		time.Sleep(time.Hour)
		_, _, err = a.Get("/a")
		require.NoError(t, err)
		id := a.SessionID()
		require.True(t, srv.Expire(id))
		time.Sleep(10 * time.Second)
		ok, _, err := a.Exists("/a")
		require.NoError(t, err)
		require.False(t, ok)
		require.NotEqual(t, id, a.SessionID())
	})
}

func TestDirect(t *testing.T) {
	srv := memserver.RunT(t)
	a, b := srv.ClientT(t), srv.ClientT(t)
	_, err := a.Create(t.Context(), "/e", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	_, ok, ch, err := b.ExistsW(t.Context(), "/e")
	require.NoError(t, err)
	require.True(t, ok)
	srv.Disconnect(a.SessionID())
	_, _, err = a.Get(t.Context(), "/e")
	require.ErrorIs(t, err, zkapi.ErrConnectionLoss)
	srv.Advance(13 * time.Second)
	require.Equal(t, zkapi.EventNodeDeleted, (<-ch).Type)
	t.Log(srv.Snapshot())
}
