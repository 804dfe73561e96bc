package recipes_test

import (
	"context"
	"math"
	"math/big"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// bounded is a context that ends long after everything should have happened.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	t.Cleanup(cancel)
	return ctx
}

// What Python's repr writes, and what its float() reads.
func TestFloatText(t *testing.T) {
	codec := recipes.FloatText()
	for want, v := range map[string]float64{
		"1.3": 1.3, "2.0": 2, "0.0": 0, "-0.0": math.Copysign(0, -1), "1e+16": 1e16, "123456789012345.0": 123456789012345,
		"1e-05": 1e-5, "0.0001": 1e-4, "1.5e+300": 1.5e300, "0.30000000000000004": 0.30000000000000004, "inf": math.Inf(1), "-inf": math.Inf(-1),
	} {
		data, err := codec.Encode(v)
		require.NoError(t, err)
		require.Equal(t, want, string(data))
		back, err := codec.Decode(data)
		require.NoError(t, err)
		require.Equal(t, v, back)
	}
	v, err := codec.Decode([]byte(" 7\n"))
	require.NoError(t, err)
	require.Equal(t, 7.0, v)
}

// The layouts of kazoo and Curator, byte for byte.
func TestValueLayouts(t *testing.T) {
	srv := memserver.RunT(t)
	c, ctx := srv.ClientT(t), bounded(t)
	data := func(path string) string {
		n, _ := srv.Node(path)
		return string(n.Data)
	}
	_, err := recipes.NewCounter(c, "/kazoo").Add(ctx, -12)
	require.NoError(t, err)
	require.Equal(t, "-12", data("/kazoo"))
	_, err = recipes.NewAtomic(c, "/curator", recipes.Int32()).Add(ctx, -2)
	require.NoError(t, err)
	require.Equal(t, "\xff\xff\xff\xfe", data("/curator"))
	_, err = recipes.NewAtomic(c, "/long", recipes.Int64()).Add(ctx, 258)
	require.NoError(t, err)
	require.Equal(t, "\x00\x00\x00\x00\x00\x00\x01\x02", data("/long"))
	n := new(big.Int).Lsh(big.NewInt(1), 100)
	ch, err := recipes.NewAtomic(c, "/big", recipes.BigText()).Add(ctx, n)
	require.NoError(t, err)
	require.Equal(t, n.String(), data("/big"))
	require.Zero(t, ch.Pre.Sign())
}

func TestAtomic(t *testing.T) {
	srv := memserver.RunT(t)
	c, ctx := srv.ClientT(t), bounded(t)
	a := recipes.NewAtomic(c, "/a/long", recipes.Int64())

	ok, err := a.CompareAndSet(ctx, 0, 1)
	require.NoError(t, err)
	require.False(t, ok, "there is no node")
	ok, err = a.Initialize(ctx, 5)
	require.NoError(t, err)
	require.True(t, ok)
	ok, err = a.Initialize(ctx, 6)
	require.NoError(t, err)
	require.False(t, ok)
	ok, err = a.CompareAndSet(ctx, 5, math.MaxInt64)
	require.NoError(t, err)
	require.True(t, ok)
	_, err = a.Add(ctx, 1)
	require.ErrorContains(t, err, "more than 8 bytes hold")

	_, err = c.Set(ctx, "/a/long", []byte("no"), zkapi.AnyVersion)
	require.NoError(t, err)
	_, err = a.Add(ctx, 1)
	require.ErrorIs(t, err, recipes.ErrCorrupt)
	require.ErrorContains(t, err, "2 bytes, not 8")
	ch, err := a.Swap(ctx, 7)
	require.NoError(t, err)
	require.Equal(t, int64(7), ch.Post)
	v, err := a.Value(ctx)
	require.NoError(t, err)
	require.Equal(t, int64(7), v)
	_, err = recipes.NewAtomic(c, "/bytes", recipes.Bytes()).Add(ctx, nil)
	require.ErrorIs(t, err, zkapi.ErrBadArguments)

	numbers := recipes.NewNumbers(recipes.NewAtomic(c, "/numbers", recipes.Int64()), 10)
	other := recipes.NewNumbers(recipes.NewAtomic(c, "/numbers", recipes.Int64()), 10)
	for i, s := range []*recipes.Numbers[int64]{numbers, other, numbers, other} {
		n, err := s.Next(ctx)
		require.NoError(t, err)
		require.Equal(t, []int64{1, 11, 2, 12}[i], n)
	}
}

// racing has another one change the node before each Set that comes from here.
type racing struct {
	zkapi.Client
	mu   sync.Mutex
	left int
}

func (r *racing) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	r.mu.Lock()
	r.left--
	race := r.left >= 0
	r.mu.Unlock()
	if race {
		if _, err := recipes.NewCounter(r.Client, ops[0].Path).Add(ctx, 100); err != nil {
			return nil, err
		}
	}
	return r.Client.Multi(ctx, ops...)
}

// founding has another one make the node, with a value, just after it was missed here.
type founding struct {
	zkapi.Client
	once sync.Once
}

func (f *founding) Get(ctx context.Context, path string) ([]byte, zkapi.Stat, error) {
	data, stat, err := f.Client.Get(ctx, path)
	f.once.Do(func() {
		if _, failed := f.Create(ctx, path, []byte("5"), nil, zkapi.Persistent); failed != nil {
			err = failed
		}
	})
	return data, stat, err
}

// Curator makes the node with its first value, which has version 0 as a node without a value has.
func TestAtomicMadeByAnother(t *testing.T) {
	srv := memserver.RunT(t)
	ch, err := recipes.NewCounter(&founding{Client: srv.ClientT(t)}, "/n").Add(bounded(t), 1)
	require.NoError(t, err)
	require.Equal(t, int64(6), ch.Post)
	n, _ := srv.Node("/n")
	require.Equal(t, "6", string(n.Data))
}

// What kazoo's and Curator's recipes read of a node must not be null, which they do not expect: an empty
// item would be none, and a value without one yet, or a member without data, an error.
func TestNoNullData(t *testing.T) {
	srv := memserver.RunT(t)
	c, ctx := srv.ClientT(t), bounded(t)
	done := func(err error) { t.Helper(); require.NoError(t, err) }
	value := recipes.NewAtomic(&founding{Client: c}, "/value", recipes.Bytes())
	_, err := value.Swap(ctx, nil)
	done(err)
	_, err = recipes.NewAtomic(c, "/first", recipes.Bytes()).Initialize(ctx, nil)
	done(err)
	shared := recipes.NewShared(c, "/shared", recipes.Bytes(), nil)
	done(shared.Start(ctx))
	defer shared.Close()
	done(recipes.NewBarrier(c, "/barrier").Create(ctx))
	done(recipes.NewQueue(c, "/queue").Put(ctx, nil))
	done(recipes.NewLockingQueue(c, "/locking").Put(ctx, nil))
	done(recipes.NewSimpleQueue(c, "/simple").Offer(ctx, nil))
	member := recipes.NewGroupMember(c, "/group", "me", nil)
	done(member.Start())
	done(member.WaitJoined(ctx))
	node := recipes.NewPersistentNode(c, "/persistent", zkapi.Persistent, []byte("some"))
	done(node.Start())
	done(node.WaitCreated(ctx))
	done(node.SetData(ctx, nil))
	party := recipes.NewParty(c, "/party")
	done(party.Join(ctx))
	lock := recipes.NewLock(c, "/lock")
	done(lock.Acquire(ctx))
	for _, path := range []string{"/value", "/first", "/shared", "/barrier", "/queue/*", "/locking/entries/*", "/simple/*",
		"/group/me", "/persistent", "/party/*", "/lock/*"} {
		if dir, ok := strings.CutSuffix(path, "/*"); ok {
			names, _, err := c.Children(ctx, dir)
			done(err)
			require.Len(t, names, 1, path)
			path = zkapi.Join(dir, names[0])
		}
		n, ok := srv.Node(path)
		require.True(t, ok, path)
		require.NotNil(t, n.Data, path)
		require.Empty(t, n.Data, path)
	}
	done(member.Close(ctx))
	done(node.Close(ctx))
}

// After so many tries without the lock it is tried with it, and the lock is free afterwards.
func TestAtomicPromoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c := srv.ClientT(t)
		lock := recipes.NewLock(c, "/lock")
		a := recipes.NewCounter(&racing{Client: c, left: 3}, "/n", func(o *recipes.CellOptions) {
			o.Retry = recipes.RetryTimes(1, time.Millisecond)
			o.Lock, o.LockRetry = lock, recipes.RetryTimes(1, time.Millisecond)
		})
		ch, err := a.Add(bounded(t), 1)
		require.NoError(t, err)
		require.Equal(t, int64(301), ch.Post)
		require.Equal(t, 2, ch.Tries)
		require.Equal(t, 2, ch.LockedTries)
		require.False(t, lock.Held())

		b := recipes.NewCounter(&racing{Client: c, left: 9}, "/n", func(o *recipes.CellOptions) { o.Retry = recipes.RetryTimes(2, 0) })
		_, err = b.Add(bounded(t), 1)
		require.ErrorIs(t, err, recipes.ErrContention)
	})
}

// B42: an addition whose reply is lost is never made twice, and is looked up
// where that is possible.
func TestCounterLostReply(t *testing.T) {
	for name, want := range map[string]error{"plain": recipes.ErrOutcomeUnknown, "exactly once": nil, "exclusive": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := memserver.RunT(t)
				plan := faults.MustParse("cut after-reply multi client=a #1")
				defer plan.Close()
				plain, err := srv.Client()
				require.NoError(t, err)
				c := plan.As("a").Client(plain)
				defer c.Close()
				n := recipes.NewCounter(c, "/n", func(o *recipes.CellOptions) {
					o.ExactlyOnce, o.Exclusive = name == "exactly once", name == "exclusive"
				})
				_, err = n.Add(bounded(t), 1)
				require.ErrorIs(t, err, want)
				plan.RequireFired(t)
				v, err := n.Value(bounded(t))
				require.NoError(t, err)
				require.Equal(t, int64(1), v)
			})
		})
	}
}

// B43: a copy is up to date again after its node was deleted and made again, and
// what was seen before does not count as seen.
func TestSharedFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c, other := srv.ClientT(t), srv.ClientT(t)
		v := recipes.NewShared(c, "/n", recipes.Int32(), 3)
		changes := v.Changes()
		require.NoError(t, v.Start(bounded(t)))
		defer v.Close()
		require.Error(t, v.Start(bounded(t)))
		next := func() recipes.Versioned[int32] {
			now, err := changes.Next(bounded(t))
			require.NoError(t, err)
			return now
		}
		first := next()
		require.Equal(t, int32(3), first.Value)
		require.NoError(t, other.Delete(bounded(t), "/n", zkapi.AnyVersion))
		require.False(t, next().Exists)
		require.Equal(t, int32(3), v.Value())
		_, err := other.Create(bounded(t), "/n", []byte{0, 0, 0, 4}, nil, zkapi.Persistent)
		require.NoError(t, err)
		require.Equal(t, int32(4), next().Value)
		ok, err := v.TrySet(bounded(t), first, 9)
		require.NoError(t, err)
		require.False(t, ok)
		require.NoError(t, v.Set(bounded(t), 5))
		require.Equal(t, int32(5), v.Value())
		require.Equal(t, int32(5), next().Value)
		_, err = other.Set(bounded(t), "/n", []byte("bad data"), zkapi.AnyVersion)
		require.NoError(t, err)
		require.ErrorIs(t, next().Err, recipes.ErrCorrupt)
		require.Equal(t, int32(5), v.Value())
	})
}

// B40: who gives up entering does not count any more.
func TestDoubleBarrierGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		for _, c := range []zkapi.Client{srv.ClientT(t), srv.ClientT(t)} {
			m := recipes.NewDoubleBarrier(c, "/b", 2)
			ctx, cancel := context.WithTimeout(bounded(t), time.Second)
			defer cancel()
			require.ErrorIs(t, m.Enter(ctx), context.DeadlineExceeded)
			require.False(t, m.Participating())
			require.ErrorIs(t, m.Leave(bounded(t)), recipes.ErrNotHeld)
			require.NoError(t, recipes.Flush(bounded(t), c))
		}
		require.Empty(t, srv.Watches())
	})
}

// lazy is a client whose deletions take a second.
type lazy struct{ zkapi.Client }

func (c lazy) Delete(ctx context.Context, path string, version int32) error {
	time.Sleep(time.Second)
	return c.Client.Delete(ctx, path, version)
}

// B40: who gives up and comes again counts once.
func TestDoubleBarrierComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c := lazy{srv.ClientT(t)}
		m := recipes.NewDoubleBarrier(c, "/b", 2)
		for range 2 {
			ctx, cancel := context.WithTimeout(bounded(t), time.Minute)
			defer cancel()
			require.ErrorIs(t, m.Enter(ctx), context.DeadlineExceeded)
		}
		require.NoError(t, recipes.Flush(bounded(t), c)) // or the last deletion outlives the bubble
	})
}

// Two that meet again and again never wait for each other's next round.
func TestDoubleBarrierAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		var all sync.WaitGroup
		for range 2 {
			m := recipes.NewDoubleBarrier(srv.ClientT(t), "/b", 2)
			all.Go(func() {
				for range 50 {
					if err := m.Enter(bounded(t)); err != nil {
						t.Errorf("%v", err)
					}
					if err := m.Leave(bounded(t)); err != nil {
						t.Errorf("%v", err)
					}
				}
			})
		}
		all.Wait()
		n, _ := srv.Node("/b")
		require.Zero(t, n.Stat.NumChildren)
	})
}
