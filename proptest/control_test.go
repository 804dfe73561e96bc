package proptest_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// TestControl: one scenario, on simulated members in virtual time and on
// real ones: an unmodified client keeps its session while its members are cut off,
// not heard by the others, killed and paused one after the other, and gets another
// when that one expires.
func TestControl(t *testing.T) {
	t.Run("wire", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			srv := memserver.RunT(t, func(c *memserver.Config) { c.Members, c.TickTime = 3, 200*time.Millisecond })
			scenario(t, proptest.ControlSimulated(srv))
		})
	})
	t.Run("real/3.9", func(t *testing.T) {
		t.Parallel()
		if proptest.Brief() {
			t.Skip("it waits for elections and half a session; make test")
		}
		e, stop, err := proptest.ControlReal(realserver.RunEnsembleT(t, "3.9", 3, func(o *realserver.Options) { o.Severable = true }))
		require.NoError(t, err)
		defer func() { require.NoError(t, stop()) }()
		scenario(t, e)
	})
}

func scenario(t *testing.T, e proptest.Control) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	events := zkapi.NewStream[zk.Event](nil)
	dial := func(network, addr string, timeout time.Duration) (net.Conn, error) {
		c, err := e.Dial(network, addr, timeout)
		return impatient{c}, err
	}
	conn, _, err := zk.Connect(e.Addrs(), 10*time.Second, zk.WithDialer(dial), zk.WithLogger(nothing{}), zk.WithEventCallback(events.Send))
	require.NoError(t, err)
	defer conn.Close()
	await := func(want zk.State) {
		t.Helper()
		for ev := range events.All(ctx) {
			if ev.Type == zk.EventSession && ev.State == want {
				return
			}
		}
		require.Fail(t, "the client has not become "+want.String())
	}
	await(zk.StateHasSession)
	_, err = conn.Create("/owner", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	session := conn.SessionID()
	served := func() int {
		t.Helper()
		i := slices.Index(e.Addrs(), conn.Server())
		require.GreaterOrEqual(t, i, 0)
		return i + 1
	}
	owns := func() bool {
		t.Helper()
		for {
			there, _, err := conn.Exists("/owner")
			if err == nil {
				return there
			}
			require.NoError(t, ctx.Err())
		}
	}
	trouble := func(begin func(int) error, end func(int) error) {
		t.Helper()
		member := served()
		require.NoError(t, begin(member))
		for again := true; again; again = served() == member { // which has not noticed yet, on a busy machine
			await(zk.StateDisconnected)
			await(zk.StateHasSession)
		}
		require.Equal(t, session, conn.SessionID())
		require.True(t, owns())
		require.NoError(t, end(member))
	}
	trouble(e.Partition, e.Rejoin)
	toOthers := func(do func(from, to int) error) func(int) error {
		return func(member int) error {
			return errors.Join(do(member, member%3+1), do(member, (member+1)%3+1))
		}
	}
	trouble(toOthers(e.Sever), toOthers(e.Mend)) // whatever its role, the others do without it
	trouble(e.Kill, func(member int) error { return e.Start(ctx, member) })
	trouble(e.Pause, e.Continue)

	require.NoError(t, e.Disconnect(ctx, session))
	await(zk.StateHasSession)
	require.Equal(t, session, conn.SessionID())
	require.NoError(t, e.Expire(ctx, session))
	await(zk.StateExpired)
	await(zk.StateHasSession)
	require.NotEqual(t, session, conn.SessionID())
	require.False(t, owns())
	leader, err := e.Leader(ctx)
	require.NoError(t, err)
	require.Contains(t, []int{1, 2, 3}, leader)
}

// impatient is a connection that is given up when nothing has come for half a session: go-zookeeper waits for
// the answer to its request to connect for many sessions, also from a member that hangs, and is too late at the next.
type impatient struct{ net.Conn }

func (c impatient) SetReadDeadline(t time.Time) error {
	if soon := time.Now().Add(5 * time.Second); t.After(soon) {
		t = soon
	}
	return c.Conn.SetReadDeadline(t)
}

type nothing struct{}

func (nothing) Printf(string, ...any) {}
