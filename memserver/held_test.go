package memserver_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

func ExampleHeld() {
	srv, _ := memserver.New()
	defer srv.Close()
	a, _ := srv.Client(memserver.Held)
	b, _ := srv.Client()
	_, _, changed, _ := a.ExistsW(ctx, "/x")
	_, _ = b.Create(ctx, "/x", nil, nil, zkapi.Persistent)
	fmt.Println(len(changed), a.Arrivals()[0].Event.Type)
	a.Deliver()
	fmt.Println((<-changed).Type)
	// Output:
	// 0 NodeCreated
	// NodeCreated
}

// held is a held client that watches /x, and another that has just made it.
func held(t *testing.T) (srv *memserver.Server, a, b *memserver.Client, changed <-chan zkapi.Event) {
	srv = memserver.RunT(t)
	a, b = srv.ClientT(t, memserver.Held), srv.ClientT(t)
	_, _, changed, err := a.ExistsW(t.Context(), "/x")
	require.NoError(t, err)
	_, err = b.Create(t.Context(), "/x", nil, nil, zkapi.Persistent)
	require.NoError(t, err)
	require.Empty(t, changed)
	return srv, a, b, changed
}

func TestHeldClientIsToldAgainWhatWasLost(t *testing.T) {
	_, a, b, changed := held(t)
	a.Disconnect()
	require.Zero(t, a.Waiting())
	require.Equal(t, zkapi.StateSuspended, a.State())
	require.NoError(t, b.Delete(t.Context(), "/x", 0))
	_, err := b.Create(t.Context(), "/x", nil, nil, zkapi.Persistent)
	require.NoError(t, err)
	a.Reconnect()
	require.Empty(t, changed)
	require.Equal(t, 1, a.Waiting())
	require.True(t, a.Deliver())
	require.Equal(t, zkapi.EventNodeCreated, (<-changed).Type)
	require.False(t, a.Deliver())
}

// One transaction may have two events for a client. If it loses its connection between them, the
// second comes afterwards: only replies count for where its watches are armed from.
func TestHeldClientIsToldTheRest(t *testing.T) {
	srv := memserver.RunT(t)
	a, b := srv.ClientT(t, memserver.Held), srv.ClientT(t)
	stream, err := a.AddWatch(t.Context(), "/", zkapi.WatchPersistentRecursive)
	require.NoError(t, err)
	defer stream.Close()
	_, _, changed, err := a.ChildrenW(t.Context(), "/")
	require.NoError(t, err)
	_, err = b.Create(t.Context(), "/x", nil, nil, zkapi.Persistent)
	require.NoError(t, err)
	require.Equal(t, 2, a.Waiting())
	require.True(t, a.Deliver())
	require.Empty(t, changed)
	a.Disconnect()
	a.Reconnect()
	require.True(t, a.Deliver())
	require.Equal(t, zkapi.EventNodeChildrenChanged, (<-changed).Type)
}

// What Missed says beforehand is what comes.
func TestHeldClientMisses(t *testing.T) {
	_, a, b, _ := held(t)
	require.True(t, a.Deliver())
	_, _, _, err := a.ExistsW(t.Context(), "/new")
	require.NoError(t, err)
	for _, path := range []string{"/changed", "/deleted", "/parent", "/same"} {
		_, err := b.Create(t.Context(), path, nil, nil, zkapi.Persistent)
		require.NoError(t, err)
	}
	for _, path := range []string{"/changed", "/deleted", "/same"} {
		_, _, _, err := a.GetW(t.Context(), path)
		require.NoError(t, err)
	}
	for _, path := range []string{"/parent", "/same"} {
		_, _, _, err := a.ChildrenW(t.Context(), path)
		require.NoError(t, err)
	}
	require.Empty(t, a.Missed())
	a.Disconnect()
	_, err = b.Set(t.Context(), "/changed", nil, 0)
	require.NoError(t, err)
	for _, path := range []string{"/parent/child", "/new"} {
		_, err := b.Create(t.Context(), path, nil, nil, zkapi.Persistent)
		require.NoError(t, err)
	}
	require.NoError(t, b.Delete(t.Context(), "/deleted", 0))
	missed := a.Missed()
	a.Reconnect()
	var told []zkapi.Event
	for _, x := range a.Arrivals() {
		told = append(told, x.Event)
	}
	require.ElementsMatch(t, missed, told)
	require.Len(t, told, 4)
	for a.Deliver() {
	}
	require.Empty(t, a.Missed())
}

// A client whose reply is lost is told of what it has changed itself.
func TestHeldClientDoesNotHear(t *testing.T) {
	_, a, _, _ := held(t)
	_, _, changed, err := a.GetW(t.Context(), "/x")
	require.NoError(t, err)
	heard := a.LastZxid()
	_, err = a.Set(t.Context(), "/x", nil, 0)
	require.NoError(t, err)
	require.Equal(t, heard+1, a.LastZxid())
	a.Unheard(heard)
	a.Disconnect() // and the event is lost
	a.Reconnect()
	for a.Deliver() {
	}
	require.Equal(t, zkapi.EventNodeDataChanged, (<-changed).Type)
}

func TestHeldClientTakesItselfForConnected(t *testing.T) {
	srv, a, _, changed := held(t)
	states := a.States()
	defer states.Close()
	first := a.SessionID()
	require.True(t, srv.Expire(first))
	require.Equal(t, zkapi.StateConnected, a.State())
	_, _, err := a.Get(t.Context(), "/x")
	require.ErrorIs(t, err, zkapi.ErrConnectionLoss)
	a.Reconnect()
	require.Equal(t, zkapi.StateConnected, a.State(), "it knows of nothing to come back from")
	require.Equal(t, []memserver.Arrival{{Event: a.Arrivals()[0].Event}, {Lost: true}}, a.Arrivals())

	require.True(t, a.Deliver())
	require.Equal(t, zkapi.EventNodeCreated, (<-changed).Type)
	require.True(t, a.Deliver())
	require.Equal(t, zkapi.StateSuspended, a.State())
	a.Reconnect()
	for _, want := range []zkapi.State{zkapi.StateSuspended, zkapi.StateLost, zkapi.StateConnected} {
		got, ok, _ := states.TryNext()
		require.True(t, ok)
		require.Equal(t, want, got.State)
	}
	require.NotEqual(t, first, a.SessionID())
}

func TestHeldClientIsClosed(t *testing.T) {
	srv, a, _, changed := held(t)
	require.NoError(t, a.Close())
	require.Equal(t, zkapi.ErrClosed, (<-changed).Err)
	require.Zero(t, a.Waiting())
	require.NoError(t, srv.Check())
}
