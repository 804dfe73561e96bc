package proptest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

var queueCases = []recipeCase{
	{"an item whose taker loses his session", true, func(t *testing.T, e *recipeEnv) { // Q3: is the first still
		c := e.client("")
		hasty := &beforeMulti{Client: c}
		e.clients = append(e.clients, hasty)
		q := recipes.NewLockingQueue(hasty, e.root+"/queue")
		require.NoError(t, recipes.NewLockingQueue(e.truth, e.root+"/queue").PutAll(e.ctx, 5, []byte("1"), []byte("2")))
		hasty.do = func() { e.expire(c.SessionID()) }
		for _, want := range []string{"1", "2"} {
			data, err := q.Get(e.ctx)
			require.NoError(t, err)
			require.Equal(t, want, string(data))
			require.NoError(t, q.Consume(e.ctx))
		}
		e.requireClean("/queue/entries", "/queue/taken")
	}},
	{"items behind the last counter", false, func(t *testing.T, e *recipeEnv) { // Q3
		e.runOut([]string{"/queue"}, 0)
		q := recipes.NewQueue(e.client(""), e.root+"/queue")
		create := func(data string) zkapi.Op {
			return zkapi.CreateOp(e.root+"/queue/entry-100-", []byte(data), nil, zkapi.PersistentSequential)
		}
		_, err := e.truth.Multi(e.ctx, create("1"), create("2")) // has the first number behind it
		require.NoError(t, err)
		require.ErrorIs(t, q.Put(e.ctx, []byte("has none")), zkapi.ErrNodeExists)
		for _, want := range []string{"1", "2", "3"} {
			data, ok, err := q.Get(e.ctx)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, want, string(data))
			if want == "1" {
				require.NoError(t, q.Put(e.ctx, []byte("3")))
			}
		}
		e.requireClean("/queue")
	}},
	{"another item gets the name of one that is just being taken", false, func(t *testing.T, e *recipeEnv) { // Q1
		e.runOut([]string{"/queue"}, 0)
		hasty := &beforeMulti{Client: e.client("")}
		e.clients = append(e.clients, hasty)
		one, two := recipes.NewQueue(hasty, e.root+"/queue"), recipes.NewQueue(e.client(""), e.root+"/queue")
		require.NoError(t, two.Put(e.ctx, []byte("1")))
		hasty.do = func() {
			data, _, err := two.Get(e.ctx)
			require.NoError(t, err)
			require.Equal(t, "1", string(data))
			require.NoError(t, two.Put(e.ctx, []byte("2")))
		}
		data, ok, err := one.Get(e.ctx)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, "2", string(data))
		e.requireClean("/queue", "/queue-ops")
	}},
	{"the directory of what is taken goes as soon as it is made", true, func(t *testing.T, e *recipeEnv) {
		c := &fleeting{Client: e.client(""), path: e.root + "/queue/taken", times: 2}
		e.clients = append(e.clients, c)
		q := recipes.NewLockingQueue(c, e.root+"/queue")
		require.NoError(t, q.Put(e.ctx, []byte("1")))
		data, err := q.Get(e.ctx)
		require.NoError(t, err)
		require.Equal(t, "1", string(data))
		require.NoError(t, q.Consume(e.ctx))
		e.requireClean("/queue/entries", "/queue/taken")
	}},
	{"two who make the first shard", true, func(t *testing.T, e *recipeEnv) {
		sharder := func(c zkapi.Client) *recipes.QueueSharder[*recipes.SimpleQueue] {
			return recipes.NewQueueSharder(c, e.root+"/shards", e.root+"/leader", func(path string) *recipes.SimpleQueue { return recipes.NewSimpleQueue(c, path) })
		}
		hasty := &beforeMulti{Client: e.client("")}
		e.clients = append(e.clients, hasty)
		one, two := sharder(hasty), sharder(e.client(""))
		hasty.do = func() { require.NoError(t, two.Start(e.ctx)) }
		require.NoError(t, one.Start(e.ctx))
		require.Equal(t, two.Paths(), one.Paths())
		require.Len(t, e.children("/shards"), 1)
		require.NoError(t, one.Close(e.ctx))
		require.NoError(t, two.Close(e.ctx))
		require.NoError(t, zkapi.DeleteRecursive(e.ctx, e.truth, e.root+"/shards"))
		e.requireClean("/leader")
	}},
}
