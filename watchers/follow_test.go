package watchers_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// script ranges over a sequence and does the next thing after each value. It
// returns what was yielded, and the error at the end.
func script[T any](seq iter.Seq2[T, error], things ...func()) (values []T, err error) {
	for v, err := range seq {
		if err != nil {
			return values, err
		}
		values = append(values, v)
		if len(values) > len(things) {
			break
		}
		things[len(values)-1]()
	}
	return values, nil
}

func TestData(t *testing.T) {
	srv := memserver.RunT(t)
	c, other := srv.ClientT(t), srv.ClientT(t)
	nodes, err := script(watchers.Data(t.Context(), c, "/n"),
		func() { create(other, "/n", "one") },
		func() { set(other, "/n", "two"); set(other, "/n", "three") }, // the latest is enough
		func() { srv.Disconnect(c.SessionID()); set(other, "/n", "four"); c.Reconnect() },
		func() {
			srv.Disconnect(c.SessionID())
			require.NoError(t, other.Delete(t.Context(), "/n", -1))
			create(other, "/n", "four")
			c.Reconnect()
		},
		func() {
			srv.Disconnect(c.SessionID())
			srv.Advance(time.Minute)
			set(other, "/n", "five")
			c.Reconnect()
		},
		func() { require.NoError(t, other.Delete(t.Context(), "/n", -1)) },
	)
	require.NoError(t, err)
	var data []string
	for _, n := range nodes {
		require.Equal(t, "/n", n.Path)
		require.Equal(t, n.Exists, n.Stat.Mzxid != 0)
		data = append(data, string(n.Data))
	}
	require.Equal(t, []string{"", "one", "three", "four", "four", "five", ""}, data)
	require.Empty(t, srv.Watches(), "the loop has left none")
}

func TestExistingData(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	_, err := script(watchers.ExistingData(t.Context(), c, "/n"))
	require.ErrorIs(t, err, zkapi.ErrNoNode)
	create(c, "/n", "")
	nodes, err := script(watchers.ExistingData(t.Context(), c, "/n"),
		func() { set(c, "/n", "x") },
		func() { require.NoError(t, c.Delete(t.Context(), "/n", -1)) }, nil)
	require.ErrorIs(t, err, zkapi.ErrNoNode)
	require.Len(t, nodes, 2)
	require.Empty(t, srv.Watches())
}

func TestChildren(t *testing.T) {
	srv := memserver.RunT(t)
	c := srv.ClientT(t)
	lists, err := script(watchers.Children(t.Context(), c, "/n"),
		func() { create(c, "/n", "") },
		func() { create(c, "/n/b", ""); create(c, "/n/a", ""); set(c, "/n", "no matter") },
		func() { require.NoError(t, c.Delete(t.Context(), "/n/b", -1)); create(c, "/n/c", "") },
		func() { require.NoError(t, zkapi.DeleteRecursive(t.Context(), c, "/n")) },
		func() { create(c, "/n", "") },
		func() { require.NoError(t, c.Delete(t.Context(), "/n", -1)); create(c, "/n", "") },
	)
	require.NoError(t, err)
	for i := range lists {
		require.Equal(t, lists[i].Exists, lists[i].Stat.Czxid != 0)
		lists[i].Stat = zkapi.Stat{}
	}
	require.Equal(t, []watchers.Listing{
		{Path: "/n"},
		{Path: "/n", Exists: true},
		{Path: "/n", Exists: true, Names: []string{"a", "b"}, Added: []string{"a", "b"}},
		{Path: "/n", Exists: true, Names: []string{"a", "c"}, Added: []string{"c"}, Removed: []string{"b"}},
		{Path: "/n", Removed: []string{"a", "c"}},
		{Path: "/n", Exists: true},
		{Path: "/n", Exists: true},
	}, lists)
	require.Empty(t, srv.Watches())

	_, err = script(watchers.ExistingChildren(t.Context(), c, "/n"), func() { require.NoError(t, c.Delete(t.Context(), "/n", -1)) }, nil)
	require.ErrorIs(t, err, zkapi.ErrNoNode)
	require.Empty(t, srv.Watches())
}

// TestEnds: whatever ends a loop is told, and leaves nothing.
func TestEnds(t *testing.T) {
	for name, end := range map[string]struct {
		thing func(*memserver.Server, *memserver.Client, context.CancelCauseFunc)
		want  error
	}{
		"context": {func(_ *memserver.Server, _ *memserver.Client, cancel context.CancelCauseFunc) {
			cancel(errors.New("why"))
		}, context.Canceled},
		"context, disconnected": {func(_ *memserver.Server, c *memserver.Client, cancel context.CancelCauseFunc) {
			c.Disconnect()
			cancel(errors.New("why"))
		}, context.Canceled},
		"client": {func(_ *memserver.Server, c *memserver.Client, _ context.CancelCauseFunc) { c.Close() }, zkapi.ErrClosed},
		"identity": {func(_ *memserver.Server, c *memserver.Client, _ context.CancelCauseFunc) {
			_ = c.AddAuth(context.Background(), "sasl", nil)
		}, zkapi.ErrAuthFailed},
		"session": {func(srv *memserver.Server, c *memserver.Client, _ context.CancelCauseFunc) { srv.Expire(c.SessionID()) }, zkapi.ErrSessionExpired},
	} {
		for kind, seq := range map[string]func(context.Context, zkapi.Client) iter.Seq2[any, error]{
			"data": func(ctx context.Context, c zkapi.Client) iter.Seq2[any, error] {
				return anything(watchers.Data(ctx, c, "/n", endOnLoss))
			},
			"children": func(ctx context.Context, c zkapi.Client) iter.Seq2[any, error] {
				return anything(watchers.Children(ctx, c, "/n", endOnLoss))
			},
			"patient": func(ctx context.Context, c zkapi.Client) iter.Seq2[any, error] {
				return anything(watchers.PatientChildren(ctx, c, "/n", 0, endOnLoss))
			},
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				srv := memserver.RunT(t)
				c := srv.ClientT(t)
				create(c, "/n", "")
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				values, err := script(seq(ctx, c), func() { end.thing(srv, c, cancel) }, nil)
				require.ErrorIs(t, err, end.want)
				require.Len(t, values, 1)
				if c.State() == zkapi.StateConnected {
					require.Empty(t, srv.Watches())
				}
			})
		}
	}
	c := memserver.RunT(t).ClientT(t)
	_, err := script(watchers.Data(t.Context(), c, "n"))
	require.ErrorIs(t, err, zkapi.ErrBadArguments)
	_, err = c.Create(t.Context(), "/closed", nil, zkapi.WorldACL(zkapi.PermWrite), zkapi.Persistent)
	require.NoError(t, err)
	_, err = script(watchers.Data(t.Context(), c, "/closed"))
	require.ErrorIs(t, err, zkapi.ErrNoAuth)
}

func endOnLoss(c *watchers.Config) { c.EndOnLoss = true }

func anything[T any](seq iter.Seq2[T, error]) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for v, err := range seq {
			if !yield(v, err) {
				return
			}
		}
	}
}

// backward is a client that is answered from the past by its third GetW.
type backward struct {
	zkapi.Client
	reads, syncs int
	first        zkapi.Stat
}

func (b *backward) GetW(ctx context.Context, path string) ([]byte, zkapi.Stat, <-chan zkapi.Event, error) {
	data, stat, ch, err := b.Client.GetW(ctx, path)
	if b.reads++; b.reads == 1 {
		b.first = stat
	}
	if b.reads == 3 {
		return []byte("old"), b.first, ch, err
	}
	return data, stat, ch, err
}

func (b *backward) Sync(ctx context.Context, path string) error {
	b.syncs++
	return b.Client.Sync(ctx, path)
}

// TestNeverBack: what is older than what was told is not told, and the server has to catch up.
func TestNeverBack(t *testing.T) {
	srv := memserver.RunT(t)
	c := &backward{Client: srv.ClientT(t)}
	create(c, "/n", "1")
	nodes, err := script(watchers.Data(t.Context(), c, "/n"), func() { set(c, "/n", "2") }, func() { set(c, "/n", "3") })
	require.NoError(t, err)
	var told []string
	for _, n := range nodes {
		told = append(told, string(n.Data))
	}
	require.Equal(t, []string{"1", "2", "3"}, told)
	require.Equal(t, 4, c.reads)
	require.Equal(t, 1, c.syncs)
	require.Empty(t, srv.Watches())
}
