package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// late is a client that has something done before it deletes anything.
type late struct {
	zkapi.Client
	before func()
}

func (c *late) Delete(ctx context.Context, path string, version int32) error {
	if f := c.before; f != nil {
		c.before = nil
		f()
	}
	return c.Client.Delete(ctx, path, version)
}

// Nothing tells an item from another one that has its name because the directory was deleted and made again: who has read the
// first deletes the second. With a lock it stays where it is while somebody works on it.
func TestNamesComeAgain(t *testing.T) {
	srv := memserver.RunT(t)
	c, ctx := srv.ClientT(t), bounded(t)
	item := func(text string) recipes.Item { return recipes.Item{Data: [][]byte{[]byte(text)}} }
	for _, locks := range []string{"", "/locks"} {
		queue := func(c zkapi.Client) *recipes.DistributedQueue {
			return recipes.NewDistributedQueue(c, "/queue"+locks, recipes.PlainQueue, func(o *recipes.DistributedQueueOptions) { o.LockPath = locks })
		}
		take := func(c zkapi.Client, within time.Duration) (texts []string) {
			ctx, cancel := context.WithTimeout(ctx, within)
			defer cancel()
			_ = queue(c).Consume(ctx, func(_ context.Context, x recipes.Item) error {
				texts = append(texts, string(x.Data[0]))
				cancel()
				return nil
			})
			return texts
		}
		require.NoError(t, queue(c).Put(ctx, item("first")))
		slow := &late{Client: srv.ClientT(t), before: func() {
			require.Equal(t, []string{"first"}, take(c, time.Minute))
			require.NoError(t, c.Delete(ctx, "/queue", zkapi.AnyVersion))
			require.NoError(t, queue(c).Put(ctx, item("second")))
		}}
		if locks == "" {
			require.Equal(t, []string{"first"}, take(slow, time.Minute))
			n, err := queue(c).Len(ctx)
			require.NoError(t, err)
			require.Zero(t, n, "the second item is gone, too")
			continue
		}
		slow.before = nil
		ctx, cancel := context.WithCancel(ctx)
		err := queue(slow).Consume(ctx, func(context.Context, recipes.Item) error {
			defer cancel()
			require.Empty(t, take(c, 50*time.Millisecond), "somebody works on it")
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
	}
}

// The names and the data of kazoo's and Curator's items, byte for byte.
func TestQueueLayouts(t *testing.T) {
	srv := memserver.RunT(t)
	c, ctx := srv.ClientT(t), bounded(t)
	only := func(dir string) (name, data string) {
		names, _, err := c.Children(ctx, dir)
		require.NoError(t, err)
		require.Len(t, names, 1)
		text, _, err := c.Get(ctx, dir+"/"+names[0])
		require.NoError(t, err)
		return names[0], string(text)
	}
	require.NoError(t, recipes.NewQueue(c, "/kazoo").PutPriority(ctx, []byte("x"), 7))
	name, data := only("/kazoo")
	require.Equal(t, "entry-007-0000000000 x", name+" "+data)
	require.NoError(t, recipes.NewLockingQueue(c, "/locking").Put(ctx, []byte("x")))
	name, _ = only("/locking/entries")
	require.Equal(t, "entry-100-0000000000", name)
	require.NoError(t, recipes.NewSimpleQueue(c, "/simple").Offer(ctx, []byte("x")))
	name, _ = only("/simple")
	require.Equal(t, "qn-0000000000", name)

	for want, x := range map[string]struct {
		kind recipes.QueueKind
		item recipes.Item
	}{
		"queue-0000000000":              {recipes.PlainQueue, recipes.Item{}},
		"queue-1000000050000000000":     {recipes.PriorityQueue, recipes.Item{Priority: 5}},
		"queue-0FFFFFFFF0000000000":     {recipes.PriorityQueue, recipes.Item{Priority: -1}},
		"queue-|18BCFE56800|0000000000": {recipes.DelayQueue, recipes.Item{At: time.UnixMilli(1700000000000)}},
		"queue-|a_b_c|0000000000":       {recipes.IDQueue, recipes.Item{ID: "a/b|c"}},
	} {
		path := "/curator" + want[6:]
		path = strings.ReplaceAll(path, "|", "")
		x.item.Data = [][]byte{[]byte("ab"), nil}
		require.NoError(t, recipes.NewDistributedQueue(c, path, x.kind).Put(ctx, x.item))
		name, data = only(path)
		require.Equal(t, want, name)
		require.Equal(t, "\x00\x01\x00\x01\x01\x00\x00\x00\x02ab\x01\x00\x00\x00\x00\x02", data)
	}
}

// B44: what is put in with a lower priority comes first, also if others were listed before.
func TestQueueOrder(t *testing.T) {
	srv := memserver.RunT(t)
	c, ctx := srv.ClientT(t), bounded(t)
	q := recipes.NewQueue(c, "/queue")
	for i := range 3 {
		require.NoError(t, q.Put(ctx, []byte{byte('a' + i)}))
	}
	for _, foreign := range []string{"entry-1x0-0000000000", "entry-100-12", "entry", "other-100-0000000000"} {
		_, err := c.Create(ctx, "/queue/"+foreign, nil, nil, zkapi.Persistent)
		require.NoError(t, err)
	}
	n, err := q.Len(ctx)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	got := ""
	for {
		data, ok, err := q.Get(ctx)
		require.NoError(t, err)
		if !ok {
			break
		}
		if got += string(data); got == "a" {
			require.NoError(t, q.PutPriority(ctx, []byte("!"), 99))
		}
	}
	require.Equal(t, "a!bc", got)
	require.ErrorIs(t, q.PutPriority(ctx, nil, 1000), zkapi.ErrBadArguments)
}

// B44: an item whose deletion has no reply is not lost without a word.
func TestQueueLostReply(t *testing.T) {
	for _, once := range []bool{false, true} {
		t.Run(fmt.Sprint("exactly once ", once), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := memserver.RunT(t)
				plan := faults.MustParse("cut after-reply client=a multi #1")
				defer plan.Close()
				plain, err := srv.Client()
				require.NoError(t, err)
				defer plain.Close()
				require.NoError(t, recipes.NewQueue(plain, "/queue").Put(bounded(t), []byte("x")))
				q := recipes.NewQueue(plan.As("a").Client(plain), "/queue", func(o *recipes.QueueOptions) { o.ExactlyOnce = once })
				data, ok, err := q.Get(bounded(t))
				require.True(t, ok)
				require.Equal(t, "x", string(data))
				require.Equal(t, !once, errors.Is(err, recipes.ErrMaybeConsumed), "%v", err)
				plan.RequireFired(t)
			})
		})
	}
}

// B47: whoever waits survives the end of the container, and gets what comes then.
func TestSimpleQueueTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c, other := srv.ClientT(t), srv.ClientT(t)
		containers := func(o *recipes.QueueOptions) { o.Containers = true }
		q := recipes.NewSimpleQueue(c, "/queue", containers)
		got := make(chan string)
		go func() {
			data, err := q.Take(bounded(t))
			got <- fmt.Sprint(string(data), err)
		}()
		synctest.Wait()
		require.NoError(t, other.Delete(bounded(t), "/queue", zkapi.AnyVersion))
		synctest.Wait()
		require.NoError(t, recipes.NewSimpleQueue(other, "/queue", containers).Offer(bounded(t), []byte("x")))
		require.Equal(t, "x<nil>", <-got)
		_, ok, err := q.Peek(bounded(t))
		require.NoError(t, err)
		require.False(t, ok)
	})
}

// B45: several who wait get what is free, and what was lost comes again.
func TestLockingQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		a, b := srv.ClientT(t), srv.ClientT(t)
		first, second := recipes.NewLockingQueue(a, "/queue"), recipes.NewLockingQueue(b, "/queue")
		require.NoError(t, first.PutAll(bounded(t), 5, []byte("1"), []byte("2")))
		get := func(q *recipes.LockingQueue) string {
			data, err := q.Get(bounded(t))
			require.NoError(t, err)
			return string(data)
		}
		require.Equal(t, "1", get(first))
		require.Equal(t, "1", get(first))
		require.Equal(t, "2", get(second))
		n, err := second.Len(bounded(t))
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.NoError(t, second.Consume(bounded(t)))
		require.ErrorIs(t, second.Consume(bounded(t)), recipes.ErrNotHeld)

		lost := first.Hold()
		srv.Expire(a.SessionID())
		<-lost.Lost()
		require.False(t, first.HoldsLock())
		require.Equal(t, "1", get(second))
		require.ErrorIs(t, first.Consume(bounded(t)), recipes.ErrNotHeld)
		require.True(t, second.HoldsLock())
		require.NoError(t, second.Release(bounded(t)))
		require.Equal(t, "1", get(first))
		require.NoError(t, first.Consume(bounded(t)))

		require.NoError(t, first.Put(bounded(t), []byte("3")))
		require.Equal(t, "3", get(first))
		got := make(chan string)
		go func() {
			data, err := second.Get(bounded(t))
			got <- fmt.Sprint(string(data), err)
		}()
		synctest.Wait()
		require.NoError(t, first.Release(bounded(t)))
		require.Equal(t, "3<nil>", <-got)
		require.NoError(t, second.Consume(bounded(t)))
		for _, dir := range []string{"/queue/entries", "/queue/taken"} {
			n, _ := srv.Node(dir)
			require.Zero(t, n.Stat.NumChildren, dir)
		}
	})
}

// B46: a consumer that fails has its item come again under the same name but for
// the counter, and disturbs nobody.
func TestDistributedQueueRequeue(t *testing.T) {
	for _, lock := range []string{"", "/locks"} {
		t.Run("lock path "+lock, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := memserver.RunT(t)
				c := srv.ClientT(t)
				var failures []string
				q := recipes.NewDistributedQueue(c, "/queue", recipes.IDQueue, func(o *recipes.DistributedQueueOptions) {
					o.LockPath = lock
					o.Failed = func(x recipes.Item, err error) { failures = append(failures, x.ID+": "+err.Error()) }
				})
				require.NoError(t, q.Put(bounded(t), recipes.Item{ID: "bad", Data: [][]byte{[]byte("1")}}))
				require.NoError(t, q.Put(bounded(t), recipes.Item{ID: "good", Data: [][]byte{[]byte("2")}}))
				require.NoError(t, q.Put(bounded(t), recipes.Item{ID: "gone", Data: [][]byte{[]byte("3")}}))
				n, err := q.Remove(bounded(t), "gone")
				require.NoError(t, err)
				require.Equal(t, 1, n)
				var seen []string
				ctx, cancel := context.WithCancel(bounded(t))
				err = q.Consume(ctx, func(_ context.Context, x recipes.Item) error {
					seen = append(seen, x.ID)
					if len(seen) == 1 {
						names, _, _ := c.Children(ctx, "/queue")
						require.Equal(t, lock == "", !slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, "bad") }))
						return errors.New("no")
					}
					if len(seen) == 3 {
						cancel()
					}
					return nil
				})
				require.ErrorIs(t, err, context.Canceled)
				require.Equal(t, []string{"bad", "good", "bad"}, seen)
				require.Equal(t, []string{"bad: no"}, failures)
				require.NoError(t, recipes.Flush(bounded(t), c))
				left, err := q.Len(bounded(t))
				require.NoError(t, err)
				require.Zero(t, left)
			})
		})
	}
}

// Nothing of a delay queue comes before its time, whatever the order of the puts.
func TestDelayQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		q := recipes.NewDistributedQueue(srv.ClientT(t), "/queue", recipes.DelayQueue, func(o *recipes.DistributedQueueOptions) { o.MaxItems = 3 })
		start := time.Now()
		for _, d := range []time.Duration{3, 1, 2} {
			require.NoError(t, q.Put(bounded(t), recipes.Item{At: start.Add(d * time.Second), Data: [][]byte{{byte(d)}}}))
		}
		full, cancelFull := context.WithTimeout(bounded(t), time.Millisecond)
		defer cancelFull()
		require.ErrorIs(t, q.Put(full, recipes.Item{At: start}), context.DeadlineExceeded)
		ctx, cancel := context.WithCancel(bounded(t))
		got := 0
		_ = q.Consume(ctx, func(_ context.Context, x recipes.Item) error {
			got++
			require.Equal(t, byte(got), x.Data[0][0])
			require.Equal(t, time.Duration(got)*time.Second, time.Since(start).Truncate(time.Second))
			if got == 3 {
				cancel()
			}
			return nil
		})
		require.Equal(t, 3, got)
	})
}

// Shards come when all are full, one at a time, and never too many; consumers get to know them.
func TestQueueSharder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		var sharders []*recipes.QueueSharder[*recipes.SimpleQueue]
		for range 3 {
			c := srv.ClientT(t)
			sharders = append(sharders, recipes.NewQueueSharder(c, "/queues", "/leader", func(path string) *recipes.SimpleQueue {
				return recipes.NewSimpleQueue(c, path)
			}, func(o *recipes.SharderOptions) { o.Full, o.Max = 3, 2 }))
		}
		require.Nil(t, sharders[0].Queue())
		for _, s := range sharders {
			require.NoError(t, s.Start(bounded(t)))
			require.Error(t, s.Start(bounded(t)))
			require.Len(t, s.Paths(), 1)
			require.Regexp(t, `^/queues/queue-[0-9a-f-]{36}$`, s.Paths()[0])
		}
		shards := func() int {
			n, _ := srv.Node("/queues")
			return int(n.Stat.NumChildren)
		}
		put := func(n int) {
			for i := range n {
				require.NoError(t, sharders[i%3].Queue().Offer(bounded(t), []byte("x")))
			}
			time.Sleep(time.Minute)
		}
		put(2)
		require.Equal(t, 1, shards())
		put(1)
		require.Equal(t, 2, shards())
		put(3) // into the second, which is not full
		for _, s := range sharders {
			for _, path := range s.Paths() {
				n, _ := srv.Node(path)
				require.Equal(t, int32(3), n.Stat.NumChildren)
			}
		}
		put(2)
		require.Equal(t, 2, shards())

		got := make(chan string)
		ctx, cancel := context.WithCancel(bounded(t))
		ended := make(chan error)
		go func() {
			ended <- sharders[1].Each(ctx, func(ctx context.Context, q *recipes.SimpleQueue) error {
				for {
					data, err := q.Take(ctx)
					if err != nil {
						return err
					}
					got <- string(data)
				}
			})
		}()
		for range 8 {
			require.Equal(t, "x", <-got)
		}
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		go func() {
			ended <- sharders[2].Each(bounded(t), func(context.Context, *recipes.SimpleQueue) error { return nil })
		}()
		for _, s := range sharders {
			require.NoError(t, s.Close(bounded(t)))
		}
		require.ErrorIs(t, <-ended, recipes.ErrCancelled)
		n, _ := srv.Node("/leader")
		require.Zero(t, n.Stat.NumChildren)
	})
}

// TestQueueSharderBadElection: a sharder that cannot stand for election has not begun.
func TestQueueSharderBadElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memserver.RunT(t).ClientT(t)
		s := recipes.NewQueueSharder(c, "/queues", "none", func(path string) *recipes.SimpleQueue { return recipes.NewSimpleQueue(c, path) })
		for range 2 {
			require.ErrorIs(t, s.Start(bounded(t)), zkapi.ErrBadArguments)
		}
	})
}

// An item that is to be taken before all others does not wait for those of an older list.
func TestPriorityQueueLooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		ctx, cancel := context.WithCancel(bounded(t))
		defer cancel()
		q := recipes.NewDistributedQueue(srv.ClientT(t), "/queue", recipes.PriorityQueue)
		for _, text := range []string{"a", "b", "c"} {
			require.NoError(t, q.Put(ctx, recipes.Item{Data: [][]byte{[]byte(text)}, Priority: 5}))
		}
		var order []string
		err := q.Consume(ctx, func(ctx context.Context, x recipes.Item) error {
			order = append(order, string(x.Data[0]))
			switch len(order) {
			case 1:
				require.NoError(t, q.Put(ctx, recipes.Item{Data: [][]byte{[]byte("urgent")}, Priority: -1}))
				synctest.Wait()
			case 4:
				cancel()
			}
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, []string{"a", "urgent", "b", "c"}, order)
	})
}

// expiring ends its session when it reads an item for the first time.
type expiring struct {
	*memserver.Client
	srv  *memserver.Server
	done bool
}

func (c *expiring) Get(ctx context.Context, path string) ([]byte, zkapi.Stat, error) {
	if strings.HasPrefix(path, "/queue/") && !c.done {
		c.done = true
		c.srv.Expire(c.SessionID())
	}
	return c.Client.Get(ctx, path)
}

// Nobody works on an item whose lock he has lost before he could begin.
func TestDistributedQueueLosesALock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		ctx, cancel := context.WithCancel(bounded(t))
		defer cancel()
		q := recipes.NewDistributedQueue(&expiring{Client: srv.ClientT(t), srv: srv}, "/queue", recipes.PlainQueue,
			func(o *recipes.DistributedQueueOptions) { o.LockPath = "/locks" })
		require.NoError(t, q.Put(ctx, recipes.Item{Data: [][]byte{[]byte("a")}}))
		begun := 0
		err := q.Consume(ctx, func(ctx context.Context, x recipes.Item) error {
			begun++
			require.True(t, x.Hold.Held())
			require.NoError(t, ctx.Err())
			cancel()
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 1, begun)
	})
}

// requeuing gives an item another name when it is read for the first time.
type requeuing struct {
	zkapi.Client
	done bool
}

func (c *requeuing) Get(ctx context.Context, path string) ([]byte, zkapi.Stat, error) {
	if !c.done {
		c.done = true
		data, _, _ := c.Client.Get(ctx, path)
		_, _ = c.Multi(ctx, zkapi.DeleteOp(path, zkapi.AnyVersion),
			zkapi.CreateOp(path[:strings.LastIndexByte(path, '|')+1], data, nil, zkapi.PersistentSequential))
	}
	return c.Client.Get(ctx, path)
}

// An item that is given back while somebody looks for it is found all the same.
func TestIDQueueRemovesWhatIsGivenBack(t *testing.T) {
	srv := memserver.RunT(t)
	q := recipes.NewDistributedQueue(&requeuing{Client: srv.ClientT(t)}, "/queue", recipes.IDQueue)
	require.NoError(t, q.Put(bounded(t), recipes.Item{ID: "a", Data: [][]byte{[]byte("a")}}))
	n, err := q.Remove(bounded(t), "a")
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// removing takes an item out from under its worker, and loses the request that says he is done.
type removing struct {
	zkapi.Client
	item string
}

func (c *removing) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	if path := c.item; path != "" {
		c.item = ""
		_ = c.Delete(ctx, path, zkapi.AnyVersion)
		return nil, zkapi.ErrConnectionLoss
	}
	return c.Client.Multi(ctx, ops...)
}

// The lock of an item goes also if the item went before.
func TestDistributedQueueUnlocksWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		ctx, cancel := context.WithCancel(bounded(t))
		defer cancel()
		c := &removing{Client: srv.ClientT(t)}
		q := recipes.NewDistributedQueue(c, "/queue", recipes.PlainQueue, func(o *recipes.DistributedQueueOptions) {
			o.LockPath = "/locks"
			o.Failed = func(_ recipes.Item, err error) { require.ErrorIs(t, err, recipes.ErrNotHeld); cancel() }
		})
		require.NoError(t, q.Put(ctx, recipes.Item{Data: [][]byte{[]byte("a")}}))
		err := q.Consume(ctx, func(context.Context, recipes.Item) error {
			c.item = "/queue/queue-0000000000"
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
		locks, _ := srv.Node("/locks")
		require.Zero(t, locks.Stat.NumChildren)
	})
}
