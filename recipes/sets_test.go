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

// The data of Curator's instances, byte for byte.
func TestDiscoveryLayout(t *testing.T) {
	srv := memserver.RunT(t)
	c, ctx := srv.ClientT(t), bounded(t)
	d := recipes.NewDiscovery(c, "/services")
	port := 8080
	x, err := d.Register(ctx, recipes.ServiceInstance{Name: "web", ID: "1", Address: "10.0.0.1", Port: &port, RegistrationTime: 1700000000000,
		URISpec: recipes.ParseURISpec("{scheme}://{address}:{port}/<{id}>")})
	require.NoError(t, err)
	require.Equal(t, "http://10.0.0.1:8080/<1>", x.URI(nil))
	data, stat, err := c.Get(ctx, "/services/web/1")
	require.NoError(t, err)
	require.Equal(t, c.SessionID(), stat.EphemeralOwner)
	require.Equal(t, `{"name":"web","id":"1","address":"10.0.0.1","port":8080,"sslPort":null,"payload":null,"registrationTimeUTC":1700000000000,`+
		`"serviceType":"DYNAMIC","uriSpec":{"parts":[{"value":"scheme","variable":true},{"value":"://","variable":false},{"value":"address","variable":true},`+
		`{"value":":","variable":false},{"value":"port","variable":true},{"value":"/<","variable":false},{"value":"id","variable":true},{"value":">","variable":false}]}}`, string(data))

	// What others write, with what we do not know.
	_, err = c.Create(ctx, "/services/web/2", []byte(`{"name":"web","id":"2","address":"h","port":null,"sslPort":443,"payload":{"@class":"P","n":1},`+
		`"registrationTimeUTC":5,"serviceType":"STATIC","uriSpec":null,"new":[]}`), nil, zkapi.Persistent)
	require.NoError(t, err)
	_, err = c.Create(ctx, "/services/web/3", nil, nil, zkapi.Persistent)
	require.NoError(t, err)
	list, err := d.Instances(ctx, "web")
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, 443, *list[1].SSLPort)
	require.JSONEq(t, `{"@class":"P","n":1}`, string(list[1].Payload))
	names, err := d.Names(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"web"}, names)
	_, err = d.Register(ctx, recipes.ServiceInstance{Name: "a/b"})
	require.ErrorIs(t, err, zkapi.ErrBadArguments)
	_, err = d.Register(ctx, recipes.ServiceInstance{Name: "a", Type: "ETERNAL"})
	require.ErrorContains(t, err, "ETERNAL")
}

// B62: what is unregistered does not come again, and after a new session the
// latest data is there, once.
func TestDiscoveryReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c, other := srv.ClientT(t), srv.ClientT(t)
		d := recipes.NewDiscovery(c, "/services")
		var ids []string
		for range 2 {
			x, err := d.Register(bounded(t), recipes.ServiceInstance{Name: "web", Address: "old"})
			require.NoError(t, err)
			x.Address = "new"
			_, err = d.Register(bounded(t), x)
			require.NoError(t, err)
			ids = append(ids, x.ID)
		}
		require.NoError(t, d.Unregister(bounded(t), "web", ids[0]))
		require.NoError(t, d.Unregister(bounded(t), "web", ids[0]))
		srv.Expire(c.SessionID())
		time.Sleep(time.Minute)
		list, err := recipes.NewDiscovery(other, "/services").Instances(bounded(t), "web")
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, ids[1], list[0].ID)
		require.Equal(t, "new", list[0].Address)
		require.NoError(t, d.Close(bounded(t)))
	})
}

// Several instances of the same id, each with a node of its own that keeps its name.
func TestDiscoverySequential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c, other := srv.ClientT(t), srv.ClientT(t)
		here, there := recipes.NewDiscovery(c, "/services"), recipes.NewDiscovery(other, "/services")
		for address, d := range map[string]*recipes.Discovery{"a": here, "b": there} {
			_, err := d.Register(bounded(t), recipes.ServiceInstance{Name: "web", ID: "x", Address: address, Type: recipes.DynamicSequential})
			require.NoError(t, err)
		}
		names, _, err := other.Children(bounded(t), "/services/web")
		require.NoError(t, err)
		require.Len(t, names, 2)
		for _, name := range names {
			require.Regexp(t, `^_c_[0-9a-f-]{36}-x[0-9]{10}$`, name)
		}
		srv.Expire(c.SessionID())
		time.Sleep(time.Minute)
		again, _, err := other.Children(bounded(t), "/services/web")
		require.NoError(t, err)
		require.ElementsMatch(t, names, again)
		list, err := there.Instances(bounded(t), "web")
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.NoError(t, here.Unregister(bounded(t), "web", "x"))
		list, err = there.Instances(bounded(t), "web")
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, "b", list[0].Address)
		require.NoError(t, there.Close(bounded(t)))
	})
}

func TestProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c := srv.ClientT(t)
		d := recipes.NewDiscovery(c, "/services")
		off := false
		for _, id := range []string{"a", "b", "c", "d"} {
			x := recipes.ServiceInstance{Name: "web", ID: id}
			if id == "d" {
				x.Enabled = &off
			}
			_, err := d.Register(bounded(t), x)
			require.NoError(t, err)
		}
		choose := func(p *recipes.Provider, n int) (ids string) {
			for range n {
				x, _ := p.Choose()
				ids += x.ID
			}
			return ids
		}
		round := d.Provider("web")
		defer round.Close()
		sticky := d.Provider("web", func(o *recipes.ProviderOptions) {
			o.Strategy = recipes.Sticky(recipes.RoundRobin())
			o.Filter = func(x recipes.ServiceInstance) bool { return x.ID != "a" }
		})
		defer sticky.Close()
		random := d.Provider("web", func(o *recipes.ProviderOptions) { o.Strategy = recipes.Random() })
		defer random.Close()
		none := d.Provider("none")
		defer none.Close()
		for _, p := range []*recipes.Provider{round, sticky, random, none} {
			require.NoError(t, p.Wait(bounded(t)))
		}
		require.Equal(t, "abca", choose(round, 4))
		require.Equal(t, "bbb", choose(sticky, 3))
		require.Empty(t, strings.Trim(choose(random, 20), "abc"))
		_, ok := none.Choose()
		require.False(t, ok)

		sticky.NoteError("b")
		require.Equal(t, "bb", choose(sticky, 2))
		sticky.NoteError("b")
		require.Equal(t, "cc", choose(sticky, 2))
		time.Sleep(30 * time.Second)
		require.Equal(t, "cc", choose(sticky, 2))
		require.Len(t, sticky.All(), 2)
		require.NoError(t, d.Close(bounded(t)))
		synctest.Wait()
		require.Empty(t, round.All())
	})
}

// B49: a member has all of its items or none, gives them back when others come,
// and says so when it cannot take part.
func TestSetPartitioner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		member := func(c zkapi.Client, id string) *recipes.SetPartitioner {
			p := recipes.NewSetPartitioner(c, "/set", []string{"x", "y", "z"}, func(o *recipes.PartitionOptions) { o.Identifier, o.Quiet = id, time.Second })
			require.NoError(t, p.Start())
			return p
		}
		first := srv.ClientT(t)
		a := member(first, "a")
		items, err := a.WaitAcquired(bounded(t))
		require.NoError(t, err)
		require.Equal(t, []string{"x", "y", "z"}, items)

		b := member(srv.ClientT(t), "b")
		time.Sleep(time.Minute)
		require.Equal(t, recipes.PartitionReleasing, a.State())
		require.Equal(t, recipes.PartitionAllocating, b.State(), "a still has them")
		a.Release()
		items, err = b.WaitAcquired(bounded(t))
		require.NoError(t, err)
		require.Equal(t, []string{"y"}, items)
		items, err = a.WaitAcquired(bounded(t))
		require.NoError(t, err)
		require.Equal(t, []string{"x", "z"}, items)

		srv.Expire(first.SessionID())
		synctest.Wait()
		_, err = a.WaitAcquired(bounded(t))
		require.ErrorIs(t, err, recipes.ErrSessionLost)
		require.Equal(t, "FAILURE", a.State().String())
		b.Release()
		time.Sleep(time.Minute)
		b.Release()
		items, err = b.WaitAcquired(bounded(t))
		require.NoError(t, err)
		require.Equal(t, []string{"x", "y", "z"}, items)

		twin := member(srv.ClientT(t), "b")
		ctx, cancel := context.WithTimeout(bounded(t), time.Hour)
		defer cancel()
		_, err = twin.WaitAcquired(ctx)
		require.ErrorIs(t, err, zkapi.ErrBadArguments)
		require.ErrorContains(t, err, `2 members are called "b"`)
		require.NoError(t, b.Finish(bounded(t)))
		require.ErrorIs(t, b.Err(), recipes.ErrCancelled)
		require.NoError(t, twin.Finish(bounded(t)))
	})
	require.ErrorIs(t, recipes.NewSetPartitioner(nil, "/set", []string{"a/b"}).Start(), zkapi.ErrBadArguments)
}
