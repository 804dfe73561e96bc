package realserver

import (
	"context"
	"io"
	"net"
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

// Moments that cannot be brought about from outside.

// A context ends just when the reply is there: whichever comes first counts.
func TestAbandonedAndAnswered(t *testing.T) {
	c := &Client{watches: newWatches(), calls: make(map[int32]*call)}
	reading := func() *call {
		k := &call{op: zkapi.OpExists, watch: &watcher{kind: watchData, path: "/n"}, reply: new(wire.Reply), ends: make(chan error, 1)}
		c.calls[0] = k
		return k
	}
	none := wire.NewReader(nil)
	k := reading()
	c.answered(k, zkapi.ErrNoNode, &none)
	require.ErrorIs(t, c.abandon(k, context.Canceled), zkapi.ErrNoNode)
	require.Len(t, c.watches[watchExist]["/n"], 1, "it counts")

	c.state = zkapi.StateClosed // so that forget has nobody to ask
	k = reading()
	require.ErrorIs(t, c.abandon(k, context.Canceled), context.Canceled)
	c.answered(k, zkapi.ErrNoNode, &none)
	c.running.Wait()
	require.Empty(t, k.ends)
	require.Len(t, c.watches[watchExist]["/n"], 1)

	k = reading()
	c.answered(k, 0, &none) // without the Stat
	c.running.Wait()
	require.ErrorIs(t, <-k.ends, zkapi.ErrSystem)
	require.Empty(t, c.watches[watchData])
	require.Empty(t, c.calls)
}

// A carrier on another connection than the one that its call is for.
func TestCarrierOfAnotherConnection(t *testing.T) {
	c := &Client{calls: make(map[int32]*call)}
	theirs, ours := newTap(c, nil), newTap(c, nil)
	k := &call{link: ours, frame: make([]byte, 20)}
	c.calls[1] = k
	require.Equal(t, nothing(7), c.outgoing(theirs, 1, 7))
	require.Equal(t, nothing(7), c.outgoing(ours, 2, 7))
	require.Equal(t, k.frame, c.outgoing(ours, 1, 7))
	require.Equal(t, map[int32]*call{7: k}, ours.unanswered)
}

// After a failed write go-zookeeper would answer a request twice.
func TestWritesDoNotFail(t *testing.T) {
	a, b := net.Pipe()
	b.Close()
	n, err := newTap(nil, a).Write([]byte("hello"))
	require.NoError(t, err)
	require.Equal(t, 5, n)
	_, err = a.Write(nil)
	require.ErrorIs(t, err, io.ErrClosedPipe)
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
		h.Connected()
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
