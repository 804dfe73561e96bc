package watchers_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// heard is what a loop over a persistent watch has got.
type heard struct {
	events []string
	err    error
}

func hear(ctx context.Context, c zkapi.Client, mode zkapi.WatchMode, opts ...func(*watchers.Config)) *heard {
	h := new(heard)
	go func() {
		for ev, err := range watchers.Persistent(ctx, c, "/n", mode, opts...) {
			if h.err = err; err == nil {
				h.events = append(h.events, ev.Type.String()+" "+ev.Path)
			}
		}
	}()
	return h
}

func (h *heard) take() []string {
	synctest.Wait()
	events := h.events
	h.events = nil
	return events
}

// gated is a client whose watches are armed when the gate is open.
type gated struct {
	*memserver.Client
	gate chan struct{}
}

func (c gated) AddWatch(ctx context.Context, path string, mode zkapi.WatchMode) (*zkapi.Stream[zkapi.Event], error) {
	<-c.gate
	return c.Client.AddWatch(ctx, path, mode)
}

// What is read when the watch is armed in another session is not older than what was read before.
func TestPersistentOnAServerBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t, func(c *memserver.Config) { c.Members = 3 })
		other := srv.ClientT(t)
		c := gated{srv.ClientT(t, func(c *memserver.ClientConfig) { c.Member = 2 }), make(chan struct{}, 1)}
		srv.Member(3).SetLag(memserver.Lag{Hold: true})
		var seen []bool
		go func() {
			for _, err := range watchers.Persistent(t.Context(), c, "/n", zkapi.WatchPersistent) {
				if _, there, failed := c.Exists(t.Context(), "/n"); err == nil && failed == nil {
					seen = append(seen, there)
				}
			}
		}()
		c.gate <- struct{}{}
		synctest.Wait()
		create(other, "/n", "")
		synctest.Wait()
		require.Equal(t, []bool{false, true}, seen)
		srv.Expire(c.SessionID())
		synctest.Wait()
		c.Disconnect()
		c.ConnectTo(3)
		c.Reconnect()
		close(c.gate)
		synctest.Wait()
		require.Equal(t, 3, c.Member())
		require.Greater(t, len(seen), 2)
		require.NotContains(t, seen[1:], false)
	})
}

func TestPersistent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c, other := srv.ClientT(t), srv.ClientT(t)
		ctx, cancel := context.WithCancel(t.Context())
		one, all := hear(ctx, c, zkapi.WatchPersistent), hear(ctx, c, zkapi.WatchPersistentRecursive)
		require.Equal(t, []string{"None /n"}, one.take())
		require.Equal(t, []string{"None /n"}, all.take())
		create(other, "/n", "")
		create(other, "/n/a", "")
		set(other, "/n/a", "")
		require.Equal(t, []string{"NodeCreated /n", "NodeChildrenChanged /n"}, one.take())
		require.Equal(t, []string{"NodeCreated /n", "NodeCreated /n/a", "NodeDataChanged /n/a"}, all.take())

		c.Disconnect()
		set(other, "/n", "missed")
		require.Empty(t, one.take())
		c.Reconnect()
		require.Equal(t, []string{"None /n"}, one.take())
		c.Disconnect()
		time.Sleep(time.Minute)
		c.Reconnect()
		require.Contains(t, one.take(), "None /n")
		all.take()
		require.NoError(t, c.RemoveWatches(t.Context(), "/n", zkapi.WatchTypePersistentRecursive)) // who would do that?
		require.Equal(t, []string{"None /n"}, all.take())
		set(other, "/n/a", "")
		require.Equal(t, []string{"NodeDataChanged /n/a"}, all.take())
		require.Empty(t, one.take())

		cancel()
		synctest.Wait()
		require.ErrorIs(t, one.err, context.Canceled)
		require.Empty(t, srv.Watches())

		one = hear(t.Context(), c, zkapi.WatchPersistent, endOnLoss)
		one.take()
		srv.Expire(c.SessionID())
		one.take()
		require.ErrorIs(t, one.err, zkapi.ErrSessionExpired)
		one = hear(t.Context(), c, zkapi.WatchPersistent)
		one.take()
		c.Close()
		require.Empty(t, one.take())
		require.ErrorIs(t, one.err, zkapi.ErrClosed)
	})
}

// TestPersistentIsBounded: a loop that does not take its events learns that it has missed some.
func TestPersistentIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c := srv.ClientT(t)
		create(c, "/n", "")
		var got []zkapi.EventType
		for ev, err := range watchers.Persistent(t.Context(), c, "/n", zkapi.WatchPersistent, func(c *watchers.Config) { c.MaxUnread = 10 }) {
			require.NoError(t, err)
			if got = append(got, ev.Type); len(got) == 1 {
				for range 105 {
					set(c, "/n", "")
				}
				synctest.Wait()
			}
			if len(got) > 1 && ev.Type == zkapi.EventNone {
				set(c, "/n", "the last")
			}
			if len(got) == 7 {
				break
			}
		}
		require.Equal(t, zkapi.EventNone, got[1])
		require.NotContains(t, got[2:], zkapi.EventNone)
		require.Empty(t, srv.Watches())
	})
}
