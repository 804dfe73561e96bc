package realserver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

func TestMeaningOfStates(t *testing.T) {
	writable, readOnly := &tap{}, &tap{hello: wire.ConnectResponse{ReadOnly: true}}
	for _, c := range []struct {
		tap    *tap
		theirs zk.State
		ours   zkapi.State
	}{
		{writable, zk.StateHasSession, zkapi.StateConnected},
		{readOnly, zk.StateHasSession, zkapi.StateReadOnly},
		{writable, zk.StateConnectedReadOnly, zkapi.StateReadOnly},
		{writable, zk.StateDisconnected, zkapi.StateSuspended},
		{writable, zk.StateConnecting, zkapi.StateSuspended},
		{writable, zk.StateExpired, zkapi.StateLost},
		{writable, zk.StateAuthFailed, zkapi.StateAuthFailed},
		{writable, zk.StateConnected, noChange}, // TCP only
		{writable, zk.StateSyncConnected, noChange},
		{writable, zk.StateSaslAuthenticated, noChange},
		{writable, zk.StateUnknown, noChange},
	} {
		require.Equal(t, c.ours, (&Client{dialed: c.tap}).meaning(c.theirs), "%v", c.theirs)
	}
}

// Two moments that cannot be brought about from outside.

// A call that has waited for the gate finds another connection than the one for
// which it was made.
func TestGateOfAnotherConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Client{ctx: t.Context(), gate: make(chan struct{}, 1), state: zkapi.StateConnected, link: &tap{off: make(chan struct{})}}
		c.gate <- struct{}{}
		admitted := make(chan error)
		go func() { _, err := c.admit(t.Context(), new(call)); admitted <- err }()
		synctest.Wait()
		c.mu.Lock()
		c.link = &tap{off: make(chan struct{})}
		c.mu.Unlock()
		<-c.gate
		require.ErrorIs(t, <-admitted, zkapi.ErrConnectionLoss)
		require.Empty(t, c.gate)
		_, err := c.admit(t.Context(), new(call))
		require.NoError(t, err)
	})
}

// A context ends between the reply, which has armed a watch, and the moment
// when the caller hears of it.
func TestAbandonedAfterArming(t *testing.T) {
	c := &Client{watches: newWatches()}
	k := &call{op: zkapi.OpGetData, watch: &watcher{kind: watchData, path: "/n"}, ends: make(chan error, 1)}
	c.answered(k, 0, nil)
	require.Len(t, c.watches[watchData]["/n"], 1)
	require.ErrorIs(t, c.abandon(k, context.Canceled), context.Canceled)
	require.Empty(t, c.watches[watchData])
	c.running.Add(1)
	c.returned(k, nil)
	require.Empty(t, k.ends)

	// Or after it has heard: then it counts.
	k = &call{op: zkapi.OpGetData, watch: &watcher{kind: watchData, path: "/n"}, ends: make(chan error, 1)}
	c.answered(k, 0, nil)
	c.returned(k, nil)
	require.NoError(t, c.abandon(k, context.Canceled))
	require.Len(t, c.watches[watchData]["/n"], 1)

	// And a reply that go-zookeeper cannot read arms nothing.
	k = &call{op: zkapi.OpGetData, sent: true, watch: &watcher{kind: watchChild, path: "/n"}, ends: make(chan error, 1)}
	c.answered(k, 0, nil)
	c.returned(k, zk.ErrShortBuffer)
	require.ErrorIs(t, <-k.ends, zkapi.ErrSystem)
	require.Empty(t, c.watches[watchChild])
}

// All servers in turn, and a pause after each round in vain.
func TestHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := new(hosts)
		require.ErrorIs(t, h.Init(nil), errNoServers)
		require.NoError(t, h.Init([]string{"a", "b", "c"}))
		require.Equal(t, 3, h.Len())
		next := func(want string, pause bool) {
			t.Helper()
			server, paused := h.Next()
			require.Equal(t, want, server)
			require.Equal(t, pause, paused)
		}
		next("a", false)
		next("b", false)
		next("c", false)
		next("a", true)
		next("b", false)
		h.Connected()
		next("c", false) // and not b again, which has just failed
		next("a", false)
		next("b", false)
		next("c", true)
		h.retry()
		next("a", false)
	})
}

// A server that accepts and hangs up is not asked thousands of times a second.
func TestHostsThatComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := new(hosts)
		require.NoError(t, h.Init([]string{"a"}))
		start := time.Now()
		for range 1000 {
			if _, pause := h.Next(); pause {
				time.Sleep(hostPause)
			}
			h.Connected()
		}
		require.Greater(t, time.Since(start), 60*hostPause)
		time.Sleep(time.Hour)
		h.Connected()
		_, pause := h.Next()
		require.False(t, pause)
	})
}

func TestRearmInParts(t *testing.T) {
	w := newWatches()
	require.Empty(t, w.rearm(7, rearmBytes))
	paths := []string{"/a", "/bb", "/ccc", "/dddd"}
	for kind := range watchKinds {
		for _, path := range paths {
			w.arm(&watcher{kind: kind, path: path, ch: make(chan zkapi.Event, 1)})
			w.arm(&watcher{kind: kind, path: path, ch: make(chan zkapi.Event, 1)})
		}
	}
	for limit := range 200 {
		parts := w.rearm(7, limit)
		var all wire.SetWatches
		for _, q := range parts {
			require.EqualValues(t, 7, q.RelativeZxid)
			require.NotNil(t, q.Data, "a null list is an error")
			require.NotNil(t, q.Exist)
			require.NotNil(t, q.Child)
			require.NotNil(t, q.Persistent)
			require.NotNil(t, q.PersistentRecursive)
			n := len(q.Data) + len(q.Exist) + len(q.Child)
			size := len(q.Append(nil, zkapi.OpSetWatches2)) + 8
			require.True(t, n+len(q.Persistent)+len(q.PersistentRecursive) == 1 || size <= limit, "%d paths in %d of %d bytes", n, size, limit)
			all.Data, all.Exist, all.Child = append(all.Data, q.Data...), append(all.Exist, q.Exist...), append(all.Child, q.Child...)
			all.Persistent = append(all.Persistent, q.Persistent...)
			all.PersistentRecursive = append(all.PersistentRecursive, q.PersistentRecursive...)
		}
		for _, list := range [][]string{all.Data, all.Exist, all.Child, all.Persistent, all.PersistentRecursive} {
			require.Equal(t, paths, list)
		}
	}
}
