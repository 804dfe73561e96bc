package faults_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

type quiet struct{}

func (quiet) Printf(string, ...any) {}

var openToAll = zk.WorldACL(zk.PermAll)

// client is an unmodified go-zookeeper client with a plan in between.
type client struct {
	*zk.Conn
	events *zkapi.Stream[zk.Event]
}

func connect(t *testing.T, srv *memserver.Server, dial faults.Dialer) *client {
	t.Helper()
	c := dialInto(t, srv, dial)
	c.await(t, zk.StateHasSession)
	return c
}

func dialInto(t *testing.T, srv *memserver.Server, dial faults.Dialer) *client {
	t.Helper()
	c := &client{events: zkapi.NewStream[zk.Event](nil)}
	var err error
	addr := srv.Addr()
	c.Conn, _, err = zk.Connect([]string{addr, addr, addr, addr}, 10*time.Second,
		zk.WithDialer(dial), zk.WithLogger(quiet{}), zk.WithLogInfo(false), zk.WithEventCallback(c.events.Send),
		zk.WithMaxBufferSize(1<<20), zk.WithMaxConnBufferSize(1<<16))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func (c *client) await(t *testing.T, state zk.State) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ev := range c.events.All(ctx) {
		if ev.Type == zk.EventSession && ev.State == state {
			return
		}
	}
	require.FailNow(t, "no such state", "%v", state)
}

func there(t *testing.T, srv *memserver.Server, path string) bool {
	_, ok := srv.Node(path)
	return ok
}

func TestCutAfterReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		plan := faults.ParseT(t, "cut after-reply create /lock/** #1")
		c := connect(t, srv, plan.Dialer(srv.Dial))
		_, err := c.Create("/lock", nil, 0, openToAll)
		require.NoError(t, err)
		id := c.SessionID()
		_, err = c.Create("/lock/n-", nil, zk.FlagEphemeral|zk.FlagSequence, openToAll)
		require.Equal(t, zk.ErrConnectionClosed, err)
		require.True(t, there(t, srv, "/lock/n-0000000000"))
		c.await(t, zk.StateDisconnected)
		c.await(t, zk.StateHasSession)
		require.Equal(t, id, c.SessionID())
		names, _, err := c.Children("/lock")
		require.NoError(t, err)
		require.Equal(t, []string{"n-0000000000"}, names)
		require.Equal(t, 1, plan.Fired())
		t.Log(plan.Log())
	})
}
