package recipes_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// The names and data of kazoo's parties and leases, byte for byte.
func TestMemberLayouts(t *testing.T) {
	srv := memserver.RunT(t)
	c, ctx := srv.ClientT(t), bounded(t)
	id := func(o *recipes.Options) { o.Identifier = "host-7" }
	for path, p := range map[string]*recipes.Party{"/party": recipes.NewParty(c, "/party", id), "/shallow": recipes.NewShallowParty(c, "/shallow", id)} {
		require.NoError(t, p.Join(ctx))
		require.NoError(t, p.Join(ctx), "it has joined already")
		names, _, err := c.Children(ctx, path)
		require.NoError(t, err)
		require.Len(t, names, 1)
		require.Regexp(t, `^[0-9a-f]{32}(__party__|-host-7)$`, names[0])
		data, stat, err := c.Get(ctx, path+"/"+names[0])
		require.NoError(t, err)
		require.Equal(t, "host-7", string(data))
		require.Equal(t, c.SessionID(), stat.EphemeralOwner)
		members, err := p.Members(ctx)
		require.NoError(t, err)
		require.Equal(t, []string{"host-7"}, members)
		require.True(t, p.Participating())
		was, err := p.Leave(ctx)
		require.NoError(t, err)
		require.True(t, was)
		was, err = p.Leave(ctx)
		require.NoError(t, err)
		require.False(t, was)
	}
	require.ErrorIs(t, recipes.NewShallowParty(c, "/shallow").Join(ctx), zkapi.ErrBadArguments)

	l := recipes.NewLease(c, "/lease", time.Minute, "é\"\n", func(o *recipes.LeaseOptions) {
		o.Now = func() time.Time { return time.Unix(1700000000, 5e8) }
	})
	ok, err := l.Obtain(ctx)
	require.NoError(t, err)
	require.True(t, ok)
	data, _, err := c.Get(ctx, "/lease/lease_holder")
	require.NoError(t, err)
	require.Equal(t, `{"version": 1, "holder": "\u00e9\"\n", "end": "2023-11-14T22:14:20"}`, string(data))
}

// B50: what another version has written is left alone, the same holder renews,
// and of several leases nobody has two.
func TestLease(t *testing.T) {
	srv := memserver.RunT(t)
	c, ctx := srv.ClientT(t), bounded(t)
	now := time.Unix(1700000000, 0)
	clock := func(o *recipes.LeaseOptions) { o.Now = func() time.Time { return now } }
	obtain := func(want bool, l *recipes.Lease) {
		t.Helper()
		ok, err := l.Obtain(ctx)
		require.NoError(t, err)
		require.Equal(t, want, ok)
	}
	a, b := recipes.NewLease(c, "/l", time.Minute, "a", clock), recipes.NewLease(c, "/l", time.Minute, "b", clock)
	obtain(true, a)
	obtain(false, b)
	now = now.Add(50 * time.Second)
	obtain(true, a)
	end, ok, err := a.Expires(ctx)
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, end.Equal(now.Add(time.Minute)))
	now = now.Add(50 * time.Second)
	obtain(false, b)
	was, err := a.Release(ctx)
	require.NoError(t, err)
	require.True(t, was)
	obtain(true, b)
	now = now.Add(time.Minute)
	obtain(true, a)
	_, ok, err = b.Expires(ctx)
	require.NoError(t, err)
	require.False(t, ok)

	for _, odd := range []string{`{"version": 2, "holder": "a", "end": "2000-01-01T00:00:00"}`, `no`} {
		_, err = c.Set(ctx, "/l/lease_holder", []byte(odd), zkapi.AnyVersion)
		require.NoError(t, err)
		obtain(false, a)
		data, _, _ := c.Get(ctx, "/l/lease_holder")
		require.Equal(t, odd, string(data))
	}

	multi := func(id string) *recipes.Lease { return recipes.NewMultiLease(c, "/m", 2, time.Minute, id, clock) }
	obtain(true, multi("a"))
	now = now.Add(30 * time.Second)
	obtain(true, multi("b"))
	obtain(false, multi("c"))
	now = now.Add(30 * time.Second)
	obtain(true, multi("b")) // in its own place, although the first is free
	obtain(true, multi("c"))
	obtain(false, multi("a"))
}

// B51: nothing is left of what is closed at once; what is deleted comes again
// under its name; the node of another session is waited for.
func TestPersistentNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c, other := srv.ClientT(t), srv.ClientT(t)
		ctx := bounded(t)
		quick := recipes.NewPersistentNode(c, "/dir/quick", zkapi.EphemeralSequential, nil)
		require.NoError(t, quick.Start())
		require.NoError(t, quick.Close(ctx))
		require.ErrorIs(t, quick.WaitCreated(ctx), recipes.ErrCancelled)
		require.Error(t, quick.Start())

		n := recipes.NewPersistentNode(c, "/dir/n", zkapi.EphemeralSequential, []byte("x"))
		require.NoError(t, n.Start())
		created := n.Created()
		path, err := created.Next(ctx)
		require.NoError(t, err)
		require.Regexp(t, `^/dir/_c_[0-9a-f-]{36}-n[0-9]{10}$`, path)
		require.NoError(t, other.Delete(ctx, path, zkapi.AnyVersion))
		again, err := created.Next(ctx)
		require.NoError(t, err)
		require.Equal(t, path, again)
		srv.Expire(c.SessionID())
		again, err = created.Next(ctx)
		require.NoError(t, err)
		require.Equal(t, path, again)
		require.NoError(t, n.Close(ctx))

		_, err = other.Create(ctx, "/taken", nil, nil, zkapi.Ephemeral)
		require.NoError(t, err)
		m := recipes.NewPersistentNode(c, "/taken", zkapi.Ephemeral, []byte("mine"))
		require.NoError(t, m.Start())
		synctest.Wait()
		require.False(t, m.Exists())
		require.NoError(t, other.Close())
		require.NoError(t, m.WaitCreated(ctx))
		require.NoError(t, m.Close(ctx))
		node, _ := srv.Node("/dir")
		require.Zero(t, node.Stat.NumChildren)
		_, there := srv.Node("/taken")
		require.False(t, there)
	})
}

// B52: an owner who is gone leaves nothing for ever, one who is there keeps it.
func TestTTLNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t, func(c *memserver.Config) { c.ExtendedTypes = true })
		c := srv.ClientT(t)
		const ttl = time.Minute
		n := recipes.NewTTLNode(c, "/dir/n", ttl, []byte("x"))
		require.NoError(t, n.Start())
		require.NoError(t, n.WaitCreated(bounded(t)))
		for range 20 {
			time.Sleep(ttl / 2)
			for _, path := range []string{"/dir/n", "/dir/n/touch"} {
				_, there := srv.Node(path)
				require.True(t, there, path)
			}
		}
		require.Equal(t, "x", string(n.Data()))
		n.SetData([]byte("y"))
		n.Data()[0] = 'z' // a copy
		require.Equal(t, "y", string(n.Data()))
		synctest.Wait()
		node, _ := srv.Node("/dir/n")
		require.Equal(t, "y", string(node.Data))
		n.Close()
		require.ErrorIs(t, n.Err(), recipes.ErrCancelled)
		time.Sleep(4 * ttl)
		_, there := srv.Node("/dir/n")
		require.False(t, there)
	})
	require.ErrorIs(t, recipes.NewTTLNode(nil, "/n", 0, nil).Start(), zkapi.ErrBadArguments)
}

// B48: who has lost his session is a member again.
func TestPartyRejoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c := srv.ClientT(t)
		p := recipes.NewParty(c, "/party", func(o *recipes.Options) { o.Identifier = "x" })
		require.NoError(t, p.Join(bounded(t)))
		srv.Expire(c.SessionID())
		synctest.Wait()
		require.NoError(t, p.Join(bounded(t)))
		require.True(t, p.Participating())
		n, err := p.Len(bounded(t))
		require.NoError(t, err)
		require.Equal(t, 1, n)
		ctx, cancel := context.WithCancel(bounded(t))
		cancel()
		_, err = p.Leave(ctx)
		require.True(t, err == nil || strings.Contains(err.Error(), "canceled"), "%v", err)
		require.NoError(t, recipes.Flush(bounded(t), c))
	})
}

// flicker deletes a node when it is read for the first time, and makes it again after that.
type flicker struct {
	zkapi.Client
	path string
	made func()
	done bool
}

func (f *flicker) Get(ctx context.Context, path string) ([]byte, zkapi.Stat, error) {
	defer f.gone(ctx, path)()
	return f.Client.Get(ctx, path)
}

func (f *flicker) GetW(ctx context.Context, path string) ([]byte, zkapi.Stat, <-chan zkapi.Event, error) {
	defer f.gone(ctx, path)()
	return f.Client.GetW(ctx, path)
}

func (f *flicker) gone(ctx context.Context, path string) (back func()) {
	if path != f.path || f.done {
		return func() {}
	}
	f.done = true
	_ = f.Delete(ctx, path, zkapi.AnyVersion)
	return f.made
}

// A member that goes and comes again while others read who is there is not lost to them.
func TestPartyWatchesWhoComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c := srv.ClientT(t)
		path := "/party/" + strings.Repeat("0", 32) + "__party__"
		made := func() { _, _ = c.Create(t.Context(), path, []byte("b"), nil, zkapi.Ephemeral) }
		require.NoError(t, zkapi.EnsurePath(t.Context(), c, "/party", nil))
		made()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var members []string
		for now, err := range recipes.NewParty(&flicker{Client: srv.ClientT(t), path: path, made: made}, "/party").Watch(ctx) {
			if err == nil {
				members = now
			}
		}
		require.Equal(t, []string{"b"}, members)
	})
}
