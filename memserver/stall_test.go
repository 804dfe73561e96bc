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

func TestAStalledSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c, other := dialGoZK(t, srv), srv.ClientT(t)
		defer c.Close()
		_, _, born, err := c.ExistsW("/n")
		require.NoError(t, err)

		require.True(t, srv.Stall(c.SessionID()))
		made := make(chan error, 1)
		go func() {
			_, err := c.Create("/mine", nil, 0, zk.WorldACL(zk.PermAll))
			made <- err
		}()
		synctest.Wait()
		_, there, err := other.Exists(t.Context(), "/mine")
		require.NoError(t, err)
		require.True(t, there, "what it asks is done")
		open(t, other, "/n", "")
		synctest.Wait()
		require.Empty(t, made)
		require.Empty(t, born)
		require.True(t, srv.Resume(c.SessionID()))
		synctest.Wait()
		require.NoError(t, <-made)
		require.Equal(t, zk.EventNodeCreated, (<-born).Type)

		id := c.SessionID()
		require.True(t, srv.Stall(id))
		time.Sleep(time.Minute)
		_, _, err = c.Get("/n")
		require.NoError(t, err, "it has come back on another connection")
		require.Equal(t, id, c.SessionID())

		require.True(t, srv.Stall(id))
		go func() {
			_, _, err := c.Get("/n")
			made <- err
		}()
		synctest.Wait()
		srv.Expire(id)
		require.ErrorIs(t, <-made, zk.ErrConnectionClosed)
		require.False(t, srv.Resume(id))
		require.False(t, srv.Stall(other.SessionID()))
		require.Equal(t, zkapi.StateConnected, other.State())
	})
}
