package proptest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

func lockAt(e *recipeEnv, c zkapi.Client, opts ...func(*recipes.Options)) *recipes.Lock {
	return recipes.NewLock(c, e.root+"/lock", opts...)
}

// acquiring acquires in the e.ctx, and returns when the node is there.
func acquiring(t *testing.T, e *recipeEnv, ctx context.Context, l *recipes.Lock) <-chan error {
	t.Helper()
	before := len(e.children("/lock"))
	done := make(chan error, 1)
	go func() { done <- l.Acquire(ctx) }()
	e.waitFor(func() bool { return len(e.children("/lock")) > before })
	return done
}

func requireHeld(t *testing.T, want bool, l *recipes.Lock) {
	t.Helper()
	require.Equal(t, want, l.Held())
}

var lockCases = []recipeCase{
	{"in order", true, func(t *testing.T, e *recipeEnv) {
		var holders []chan error
		var locks []*recipes.Lock
		for range 5 {
			l := lockAt(e, e.client(""))
			locks = append(locks, l)
			done := make(chan error, 1)
			before := len(e.children("/lock"))
			go func() { done <- l.Acquire(e.ctx) }()
			e.waitFor(func() bool { return len(e.children("/lock")) > before })
			holders = append(holders, done)
		}
		last := int64(0)
		for i, l := range locks {
			require.NoError(t, <-holders[i])
			require.Greater(t, l.Hold().Token(), last)
			require.NoError(t, l.Hold().Verify(e.ctx))
			last = l.Hold().Token()
			require.NoError(t, l.Release(e.ctx))
		}
		e.requireClean("/lock")
	}},
	{"the holder's node is deleted", true, func(t *testing.T, e *recipeEnv) { // B04, B09
		l, other := lockAt(e, e.client("")), lockAt(e, e.client(""))
		require.NoError(t, l.Acquire(e.ctx))
		h := l.Hold()
		done := acquiring(t, e, e.ctx, other)
		require.NoError(t, e.truth.Delete(e.ctx, h.Node(), -1))
		e.await(h.Lost())
		require.ErrorIs(t, h.Err(), recipes.ErrNodeDeleted)
		require.ErrorIs(t, context.Cause(h.Context()), recipes.ErrNodeDeleted)
		requireHeld(t, false, l)
		require.NoError(t, <-done)
		_, err := h.Multi(e.ctx, zkapi.CreateOp(e.root+"/x", nil, nil, zkapi.Persistent))
		require.ErrorIs(t, err, recipes.ErrNotHeld)
		require.ErrorIs(t, h.Verify(e.ctx), recipes.ErrNotHeld)
		require.ErrorIs(t, l.Release(e.ctx), recipes.ErrNotHeld)
		require.ErrorIs(t, l.Release(e.ctx), recipes.ErrNotHeld)
		done = acquiring(t, e, e.ctx, l)
		require.NoError(t, other.Release(e.ctx))
		require.NoError(t, <-done)
		require.NoError(t, l.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"a release that finds nothing", true, func(t *testing.T, e *recipeEnv) { // B04: before its loss is noticed
		c := e.client("")
		l := lockAt(e, c)
		require.NoError(t, l.Acquire(e.ctx))
		require.NoError(t, c.Delete(e.ctx, l.Hold().Node(), -1))
		require.ErrorIs(t, l.Release(e.ctx), recipes.ErrNotHeld)
		require.NoError(t, l.Acquire(e.ctx))
		require.NoError(t, l.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"a waiter's node is deleted", true, func(t *testing.T, e *recipeEnv) { // B01
		l, waiter, third := lockAt(e, e.client("")), lockAt(e, e.client("")), lockAt(e, e.client(""))
		require.NoError(t, l.Acquire(e.ctx))
		first := acquiring(t, e, e.ctx, waiter)
		second := acquiring(t, e, e.ctx, third)
		nodes, err := l.ContenderNodes(e.ctx)
		require.NoError(t, err)
		require.NoError(t, e.truth.Delete(e.ctx, nodes[1], -1))
		e.waitFor(func() bool {
			return len(e.children("/lock")) == 3 && !slices.Contains(e.children("/lock"), zkapi.Base(nodes[1]))
		})
		select {
		case <-first:
			t.Fatal("it has the lock without a node")
		default:
		}
		require.NoError(t, l.Release(e.ctx))
		require.NoError(t, <-second)
		require.NoError(t, third.Release(e.ctx))
		require.NoError(t, <-first)
		require.NoError(t, waiter.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"its node is deleted before it has looked", true, func(t *testing.T, e *recipeEnv) { // B01
		c := e.client("")
		require.NoError(t, zkapi.EnsurePath(e.ctx, e.truth, e.root+"/lock", nil))
		for request := 1; request <= 3; request++ {
			s := &steps{Client: c, at: request, do: func() {
				for _, name := range e.children("/lock") {
					require.NoError(t, e.truth.Delete(e.ctx, e.root+"/lock/"+name, -1))
				}
			}}
			l := lockAt(e, s)
			require.NoError(t, l.Acquire(e.ctx))
			require.NoError(t, l.Hold().Verify(e.ctx))
			require.NoError(t, l.Release(e.ctx))
		}
		e.requireClean("/lock")
	}},
	{"the directory is deleted", true, func(t *testing.T, e *recipeEnv) { // B11, B19
		l, waiter := lockAt(e, e.client("")), lockAt(e, e.client(""))
		require.NoError(t, l.Acquire(e.ctx))
		h := l.Hold()
		done := acquiring(t, e, e.ctx, waiter)
		require.NoError(t, zkapi.DeleteRecursive(e.ctx, e.truth, e.root+"/lock"))
		e.await(h.Lost())
		require.NoError(t, <-done)
		require.ErrorIs(t, l.Release(e.ctx), recipes.ErrNotHeld)
		require.NoError(t, released(waiter.Release(e.ctx))) // it may have had it and lost it again
		e.requireClean("/lock")
	}},
	{"foreign nodes", true, func(t *testing.T, e *recipeEnv) { // B03
		foreign := []string{"x", "lock", "_c_", "__lock__", "a__lock__12345", "a__lock__00000000xx", "b-lock-0000000000", "c__lock__99999999999", "d0000000000"}
		for _, name := range foreign {
			_, err := zkapi.CreateRecursive(e.ctx, e.truth, e.root+"/lock/"+name, nil, nil, zkapi.Persistent)
			require.NoError(t, err)
		}
		l := lockAt(e, e.client(""))
		ok, err := l.TryAcquire(e.ctx)
		require.NoError(t, err)
		require.True(t, ok)
		names, err := l.Contenders(e.ctx)
		require.NoError(t, err)
		require.Equal(t, []string{""}, names)
		require.NoError(t, l.Release(e.ctx))
		require.ElementsMatch(t, foreign, e.children("/lock"))
	}},
	{"one of many tries", true, func(t *testing.T, e *recipeEnv) { // B06
		var all sync.WaitGroup
		won := make(chan *recipes.Lock, 8)
		for range 8 {
			l := lockAt(e, e.client(""))
			all.Go(func() {
				if ok, err := l.TryAcquire(e.ctx); ok {
					won <- l
				} else if err != nil {
					t.Errorf("%v", err)
				}
			})
		}
		all.Wait()
		require.Len(t, won, 1)
		require.Len(t, e.children("/lock"), 1)
		l := <-won
		ok, err := l.TryAcquire(e.ctx)
		require.NoError(t, err)
		require.False(t, ok, "it is not reentrant")
		require.NoError(t, l.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"one lock in many hands", true, func(t *testing.T, e *recipeEnv) { // B05, B26
		l := lockAt(e, e.client(""))
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 3 {
					if err := l.Acquire(e.ctx); err != nil {
						t.Errorf("%v", err)
						return
					}
					time.Sleep(e.moment)
					if h := l.Hold(); !h.Held() {
						t.Errorf("it is acquired and not held: %v", h.Err())
					}
					if err := l.Release(e.ctx); err != nil {
						t.Errorf("%v", err)
					}
				}
			})
		}
		all.Wait()
		e.requireClean("/lock")
	}},
	{"the directory is made anew", true, func(t *testing.T, e *recipeEnv) { // B64
		c := &deaf{Client: e.client(""), deaf: true} // and so does not learn that it has lost the lock
		l, other := lockAt(e, c), lockAt(e, e.client(""))
		require.NoError(t, l.Acquire(e.ctx))
		require.NoError(t, zkapi.DeleteRecursive(e.ctx, e.truth, e.root+"/lock"))
		require.NoError(t, other.Acquire(e.ctx))
		requireHeld(t, true, l)
		require.Less(t, l.Hold().Token(), other.Hold().Token())
		require.ErrorIs(t, l.Release(e.ctx), recipes.ErrNotHeld)
		require.NoError(t, other.Hold().Verify(e.ctx))
		require.NoError(t, other.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"the counter at its end", false, func(t *testing.T, e *recipeEnv) {
		e.runOut([]string{"/lock"}, 2)
		var locks []*recipes.Lock
		var done []<-chan error
		var order []string
		for i := range 6 { // the last four have the same counter
			order = append(order, fmt.Sprint(i))
			l := lockAt(e, e.client(""), func(o *recipes.Options) { o.Identifier = order[i] })
			locks, done = append(locks, l), append(done, acquiring(t, e, e.ctx, l))
		}
		waiting, err := locks[0].Contenders(e.ctx)
		require.NoError(t, err)
		require.Equal(t, order, waiting)
		require.Len(t, slices.DeleteFunc(e.children("/lock"), func(name string) bool { return !strings.HasSuffix(name, "2147483647") }), 4)
		for i, l := range locks {
			require.NoError(t, <-done[i])
			synctest.Wait()
			for _, later := range done[i+1:] {
				require.Empty(t, later)
			}
			require.NoError(t, l.Release(e.ctx))
		}
		e.requireClean("/lock")
	}},
	{"a lookup comes after a sync", true, func(t *testing.T, e *recipeEnv) { // B13: other servers may be behind
		c := &replyLoser{Client: e.client("")}
		e.clients = append(e.clients, c)
		l := lockAt(e, c)
		require.NoError(t, zkapi.EnsurePath(e.ctx, e.truth, e.root+"/lock", nil))
		require.NoError(t, l.Acquire(e.ctx))
		require.Equal(t, []string{"create", "sync", "children"}, c.calls[:3])
		require.Len(t, e.children("/lock"), 1)
		require.NoError(t, l.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"the context ends with the connection", true, func(t *testing.T, e *recipeEnv) {
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(e.ctx)
		c := &replyLoser{Client: e.client(""), then: func() { cancel(why) }}
		e.clients = append(e.clients, c)
		require.NoError(t, zkapi.EnsurePath(e.ctx, e.truth, e.root+"/lock", nil))
		err := lockAt(e, c).Acquire(ctx)
		require.ErrorIs(t, err, why)
		require.NotErrorIs(t, err, zkapi.ErrConnectionLoss)
		e.requireClean("/lock")
	}},
	{"within a chroot, with an ACL, in containers", true, func(t *testing.T, e *recipeEnv) {
		c := e.client("")
		require.NoError(t, c.AddAuth(e.ctx, "digest", []byte("me:secret")))
		inside := zkapi.Chroot(c, e.root)
		e.clients = append(e.clients, inside)
		l := recipes.NewLock(inside, "/a/lock", func(o *recipes.Options) {
			o.ACL, o.Containers, o.Layout = zkapi.CreatorAllACL(), true, recipes.Curator
		})
		require.NoError(t, l.Acquire(e.ctx))
		require.Len(t, e.children("/a/lock"), 0, "the truth may not look")
		acl, _, err := c.GetACL(e.ctx, e.root+l.Hold().Node())
		require.NoError(t, err)
		require.Equal(t, "digest", acl[0].Scheme)
		stranger := recipes.NewLock(zkapi.Chroot(e.client(""), e.root), "/a/lock")
		require.ErrorIs(t, stranger.Acquire(e.ctx), zkapi.ErrNoAuth)
		require.NoError(t, l.Release(e.ctx))
		require.NoError(t, recipes.Flush(e.ctx, inside))
		require.NoError(t, zkapi.DeleteRecursive(e.ctx, inside, "/a"))
	}},
	{"cancel", true, func(t *testing.T, e *recipeEnv) { // B07
		l, waiter := lockAt(e, e.client("")), lockAt(e, e.client(""))
		waiter.Cancel()
		require.NoError(t, l.Acquire(e.ctx))
		l.Cancel()
		done := acquiring(t, e, e.ctx, waiter)
		waiter.Cancel()
		require.ErrorIs(t, <-done, recipes.ErrCancelled)
		require.NoError(t, l.Release(e.ctx))
		require.NoError(t, waiter.Acquire(e.ctx))
		require.NoError(t, waiter.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"one deadline for all who are before", false, func(t *testing.T, e *recipeEnv) { // B08
		ctx, cancel := context.WithTimeout(e.ctx, 2500*time.Millisecond)
		defer cancel()
		var before []*recipes.Lock
		for range 4 {
			l := lockAt(e, e.client(""))
			before = append(before, l)
			go l.Acquire(e.ctx)
			synctest.Wait()
		}
		start := time.Now()
		done := acquiring(t, e, ctx, lockAt(e, e.client("")))
		for range 2 {
			time.Sleep(time.Second)
			require.NoError(t, before[0].Release(e.ctx))
			before = before[1:]
		}
		require.ErrorIs(t, <-done, context.DeadlineExceeded)
		require.Equal(t, 2500*time.Millisecond, time.Since(start).Round(10*time.Millisecond))
		for _, l := range before {
			synctest.Wait()
			require.NoError(t, l.Release(e.ctx))
		}
		e.requireClean("/lock")
	}},
	{"suspended while holding", false, func(t *testing.T, e *recipeEnv) {
		c := e.client("")
		l := lockAt(e, c)
		sturdy := recipes.NewLock(c, e.root+"/sturdy", func(o *recipes.Options) { o.LossPolicy = recipes.Session })
		require.NoError(t, l.Acquire(e.ctx))
		require.NoError(t, sturdy.Acquire(e.ctx))
		h := l.Hold()
		var during []bool
		stop := context.AfterFunc(h.Context(), func() { during = append(during, l.Held() && c.State() != zkapi.StateConnected) })
		defer stop()
		e.away(c, time.Second)
		require.ErrorIs(t, context.Cause(h.Context()), recipes.ErrSuspended)
		require.Equal(t, []bool{false}, during)
		require.True(t, h.Held(), "the session has survived")
		require.NoError(t, h.Err())
		require.NoError(t, sturdy.Hold().Context().Err())
		require.NoError(t, l.Release(e.ctx))
		require.NoError(t, sturdy.Release(e.ctx))
		e.requireClean("/lock", "/sturdy")
	}},
	{"policies", false, func(t *testing.T, e *recipeEnv) { // B36
		c, ok := e.client("").(*memserver.Client)
		if !ok {
			return // over the wire, clients come back at once
		}
		l := lockAt(e, c)
		sturdy := recipes.NewLock(c, e.root+"/sturdy", func(o *recipes.Options) { o.LossPolicy = recipes.Session })
		require.NoError(t, l.Acquire(e.ctx))
		require.NoError(t, sturdy.Acquire(e.ctx))
		s := sturdy.Hold()
		c.Disconnect()
		synctest.Wait()
		requireHeld(t, false, l)
		requireHeld(t, true, sturdy)
		time.Sleep(recipeTimeout/3 - time.Millisecond)
		synctest.Wait()
		requireHeld(t, true, sturdy)
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		requireHeld(t, false, sturdy)
		e.await(s.Lost())
		require.ErrorIs(t, s.Err(), recipes.ErrSessionLost)
		c.Reconnect()
		synctest.Wait()
		requireHeld(t, true, l)
		require.ErrorIs(t, sturdy.Release(e.ctx), recipes.ErrNotHeld)
		require.NoError(t, recipes.Flush(e.ctx, c))
		require.Empty(t, e.children("/sturdy"), "the session has survived, and so would the node")
		require.NoError(t, sturdy.Acquire(e.ctx)) // B12: not behind its own old node
		require.NoError(t, sturdy.Release(e.ctx))
		require.NoError(t, l.Release(e.ctx))
		e.requireClean("/lock", "/sturdy")
	}},
	{"expired while holding", true, func(t *testing.T, e *recipeEnv) { // B28
		c := e.client("")
		l, other := lockAt(e, c), lockAt(e, e.client(""))
		require.NoError(t, l.Acquire(e.ctx))
		done := acquiring(t, e, e.ctx, other)
		h := l.Hold()
		e.expire(c.SessionID())
		e.await(h.Context().Done())
		e.await(h.Lost())
		require.ErrorIs(t, h.Err(), recipes.ErrSessionLost)
		require.NoError(t, <-done)
		require.ErrorIs(t, l.Release(e.ctx), recipes.ErrNotHeld)
		require.NoError(t, other.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"suspended while waiting", false, func(t *testing.T, e *recipeEnv) { // keeps its place
		c := e.client("")
		l, waiter, third := lockAt(e, e.client("")), lockAt(e, c), lockAt(e, e.client(""))
		require.NoError(t, l.Acquire(e.ctx))
		first, second := acquiring(t, e, e.ctx, waiter), acquiring(t, e, e.ctx, third)
		e.away(c, 8*time.Second)
		require.NoError(t, l.Release(e.ctx))
		require.NoError(t, <-first)
		require.NoError(t, waiter.Release(e.ctx))
		require.NoError(t, <-second)
		require.NoError(t, third.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"expired while waiting", true, func(t *testing.T, e *recipeEnv) { // B10
		c := e.client("")
		l, waiter := lockAt(e, e.client("")), lockAt(e, c)
		hasty := lockAt(e, c, func(o *recipes.Options) { o.NoRejoin = true })
		require.NoError(t, l.Acquire(e.ctx))
		first, second := acquiring(t, e, e.ctx, waiter), acquiring(t, e, e.ctx, hasty)
		e.expire(c.SessionID())
		require.ErrorIs(t, <-second, recipes.ErrSessionLost)
		require.NoError(t, l.Release(e.ctx))
		require.NoError(t, <-first)
		require.NoError(t, waiter.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"an old node comes again", true, func(t *testing.T, e *recipeEnv) { // B10: as a server that is behind may show it
		c := e.client("")
		d := &reborn{Client: c, first: c.SessionID()}
		e.clients = append(e.clients, d)
		l, waiter := lockAt(e, e.client("")), lockAt(e, d)
		require.NoError(t, l.Acquire(e.ctx))
		done := acquiring(t, e, e.ctx, waiter)
		nodes, err := waiter.ContenderNodes(e.ctx)
		require.NoError(t, err)
		d.do = func() {
			_, err := e.truth.Create(e.ctx, nodes[1], nil, nil, zkapi.Ephemeral)
			require.NoError(t, err)
		}
		e.expire(c.SessionID())
		e.waitFor(func() bool { return len(e.children("/lock")) == 3 })
		require.NoError(t, l.Release(e.ctx))
		if e.srv != nil {
			synctest.Wait()
		}
		select {
		case <-done:
			t.Fatal("it has the lock by the node of another session")
		default:
		}
		require.NoError(t, e.truth.Delete(e.ctx, nodes[1], -1))
		require.NoError(t, <-done)
		require.NoError(t, waiter.Hold().Verify(e.ctx))
		require.NoError(t, waiter.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"persistent", true, func(t *testing.T, e *recipeEnv) {
		lasting := func(o *recipes.Options) { o.Persistent = true }
		c, d := e.client(""), e.client("")
		l, waiter := lockAt(e, c, lasting), lockAt(e, d, lasting)
		require.NoError(t, l.Acquire(e.ctx))
		done := acquiring(t, e, e.ctx, waiter)
		place := e.children("/lock")
		for _, c := range []zkapi.Client{c, d} {
			states, before := c.States(), c.SessionID()
			e.expire(before) // which the client may meet on its way back into the old session
			for change := range states.All(e.ctx) {
				if change.State == zkapi.StateConnected && change.SessionID != before {
					break
				}
			}
			states.Close()
		}
		requireHeld(t, true, l)
		require.NoError(t, l.Hold().Verify(e.ctx))
		require.ElementsMatch(t, place, e.children("/lock"))
		for _, none := range []string{"/", e.root + "/lock", e.root + "/lock/x", e.root + l.Hold().Node()} {
			_, err := waiter.ReleaseNode(e.ctx, none)
			require.ErrorIs(t, err, zkapi.ErrBadArguments, none)
		}
		was, err := waiter.ReleaseNode(e.ctx, l.Hold().Node()) // for whoever has crashed
		require.NoError(t, err)
		require.True(t, was)
		require.NoError(t, <-done)
		was, err = waiter.ReleaseNode(e.ctx, l.Hold().Node())
		require.NoError(t, err)
		require.False(t, was)
		require.ErrorIs(t, l.Hold().Verify(e.ctx), recipes.ErrNotHeld)
		require.ErrorIs(t, l.Release(e.ctx), recipes.ErrNotHeld)
		require.NoError(t, waiter.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"persistent, released without a connection", false, func(t *testing.T, e *recipeEnv) { // B60
		c, ok := e.client("").(*memserver.Client)
		if !ok {
			return // over the wire, clients come back at once
		}
		l := lockAt(e, c, func(o *recipes.Options) { o.Persistent = true })
		require.NoError(t, l.Acquire(e.ctx))
		c.Disconnect()
		ctx, cancel := context.WithTimeout(e.ctx, time.Second)
		defer cancel()
		require.ErrorIs(t, l.Release(ctx), context.DeadlineExceeded)
		e.away(c, 0)
		require.NoError(t, recipes.Flush(e.ctx, c))
		require.Empty(t, e.children("/lock"))

		d := &onDelete{Client: c, do: func() { e.expire(c.SessionID()) }} // in the middle of two deletions
		e.clients = append(e.clients, d)
		lasting := func(o *recipes.Options) { o.Persistent = true }
		l, waiter := lockAt(e, d, lasting), lockAt(e, d, lasting)
		require.NoError(t, l.Acquire(e.ctx))
		done := acquiring(t, e, e.ctx, waiter)
		c.Disconnect()
		waiter.Cancel()
		require.ErrorIs(t, <-done, recipes.ErrCancelled)
		ctx, cancel = context.WithTimeout(e.ctx, time.Second)
		defer cancel()
		d.armed = true
		require.ErrorIs(t, l.Release(ctx), context.DeadlineExceeded)
		c.Reconnect()
		e.requireClean("/lock")
	}},
	{"a request that comes late", true, func(t *testing.T, e *recipeEnv) { // B13
		c := &lateCreate{Client: e.client("")}
		e.clients = append(e.clients, c)
		l := lockAt(e, c)
		require.NoError(t, zkapi.EnsurePath(e.ctx, e.truth, e.root+"/lock", nil))
		require.NoError(t, l.Acquire(e.ctx))
		require.Len(t, e.children("/lock"), 2)
		other := lockAt(e, e.client(""))
		ok, err := other.TryAcquire(e.ctx)
		require.NoError(t, err)
		require.False(t, ok)
		require.NoError(t, l.Release(e.ctx))
		require.NoError(t, other.Acquire(e.ctx))
		require.NoError(t, other.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"a request that comes late, and the counter at its end", false, func(t *testing.T, e *recipeEnv) {
		c := &lateCreate{Client: e.client("")}
		e.clients = append(e.clients, c)
		e.runOut([]string{"/lock"}, 0)
		l := lockAt(e, c)
		require.NoError(t, l.Acquire(e.ctx))
		require.Len(t, e.children("/lock"), 1)
		require.NoError(t, l.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"counters behind the end", false, func(t *testing.T, e *recipeEnv) { // as those get who come at the same time
		e.runOut([]string{"/lock"}, 0)
		create := zkapi.CreateOp(e.root+"/lock/x__lock__", nil, nil, zkapi.PersistentSequential)
		made, err := e.truth.Multi(e.ctx, create, create)
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(made[1].Path, "__lock__-2147483648"))
		done := acquiring(t, e, e.ctx, lockAt(e, e.client(""), func(o *recipes.Options) { o.Persistent = true }))
		for _, before := range made {
			synctest.Wait()
			require.Empty(t, done)
			require.NoError(t, e.truth.Delete(e.ctx, before.Path, zkapi.AnyVersion))
		}
		require.NoError(t, <-done)
		require.NoError(t, zkapi.DeleteRecursive(e.ctx, e.truth, e.root+"/lock"))
	}},
	{"a closed client", true, func(t *testing.T, e *recipeEnv) { // B11
		c := e.client("")
		l, waiter, held := lockAt(e, e.client("")), lockAt(e, c), recipes.NewLock(c, e.root+"/held")
		require.NoError(t, l.Acquire(e.ctx))
		require.NoError(t, held.Acquire(e.ctx))
		h := held.Hold()
		done := acquiring(t, e, e.ctx, waiter)
		require.NoError(t, c.Close())
		require.ErrorIs(t, <-done, zkapi.ErrClosed)
		e.await(h.Lost())
		require.ErrorIs(t, h.Err(), zkapi.ErrClosed)
		require.ErrorIs(t, waiter.Acquire(e.ctx), zkapi.ErrClosed)
		require.ErrorIs(t, held.Release(e.ctx), recipes.ErrNotHeld)
		_, err := waiter.Contenders(e.ctx)
		require.ErrorIs(t, err, zkapi.ErrClosed)
		require.NoError(t, l.Release(e.ctx))
		e.requireClean("/lock", "/held")
	}},
	{"the event never comes", false, func(t *testing.T, e *recipeEnv) { // B59
		c := e.client("")
		l, waiter := lockAt(e, e.client("")), lockAt(e, &deaf{Client: c, deaf: true})
		require.NoError(t, l.Acquire(e.ctx))
		done := acquiring(t, e, e.ctx, waiter)
		require.NoError(t, l.Release(e.ctx))
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("it has heard of the release")
		default:
		}
		e.away(c, time.Second)
		require.NoError(t, <-done)
		require.NoError(t, waiter.Release(e.ctx))
	}},
	{"the watch is lost with the connection", false, func(t *testing.T, e *recipeEnv) {
		c := e.client("")
		d := &deaf{Client: c, deaf: true}
		l, waiter := lockAt(e, e.client("")), lockAt(e, d)
		require.NoError(t, l.Acquire(e.ctx))
		done := acquiring(t, e, e.ctx, waiter)
		d.deaf = false
		e.away(c, time.Second)
		require.NoError(t, l.Release(e.ctx))
		require.NoError(t, <-done)
		require.NoError(t, waiter.Release(e.ctx))
	}},
	{"revoked", true, func(t *testing.T, e *recipeEnv) {
		l, other := lockAt(e, e.client("")), lockAt(e, e.client(""))
		require.NoError(t, l.Acquire(e.ctx))
		done := acquiring(t, e, e.ctx, other)
		nodes, err := l.ContenderNodes(e.ctx)
		require.NoError(t, err)
		_, err = e.truth.Set(e.ctx, nodes[0], []byte("something else"), -1)
		require.NoError(t, err)
		require.NoError(t, l.Hold().Verify(e.ctx))
		select {
		case <-l.Hold().Revoked():
			t.Fatal("nobody has")
		default:
		}
		for _, node := range nodes {
			require.NoError(t, recipes.Revoke(e.ctx, e.truth, node))
		}
		require.NoError(t, recipes.Revoke(e.ctx, e.truth, e.root+"/nothing"))
		e.await(l.Hold().Revoked())
		requireHeld(t, true, l)
		require.NoError(t, l.Release(e.ctx))
		require.NoError(t, <-done)
		e.await(other.Hold().Revoked())
		require.NoError(t, other.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"layouts on one path", true, func(t *testing.T, e *recipeEnv) {
		layout := func(y recipes.Layout, tags ...string) func(*recipes.Options) {
			return func(o *recipes.Options) { o.Layout, o.ExtraTags = y, tags }
		}
		locks := []*recipes.Lock{
			lockAt(e, e.client(""), layout(recipes.Kazoo, "-lock-")),
			lockAt(e, e.client(""), layout(recipes.Curator, "__lock__")),
			lockAt(e, e.client(""), layout(recipes.GoZK, "__lock__")),
		}
		for i, l := range locks {
			require.NoError(t, l.Acquire(e.ctx))
			for j, other := range locks {
				ok, err := other.TryAcquire(e.ctx)
				require.NoError(t, err)
				require.False(t, ok, "%d and %d", i, j)
			}
			require.NoError(t, l.Release(e.ctx))
		}
		e.requireClean("/lock")
	}},
	{"reentrant", true, func(t *testing.T, e *recipeEnv) {
		c := e.client("")
		l := recipes.NewReentrantLock(c, e.root+"/lock")
		require.ErrorIs(t, l.Acquire(e.ctx), recipes.ErrNoOwner)
		me, other := recipes.WithOwner(e.ctx), recipes.WithOwner(e.ctx)
		require.Equal(t, me, recipes.WithOwner(me))
		err := l.Do(me, func(ctx context.Context, h *recipes.Hold) error {
			ok, err := l.TryAcquire(other)
			require.False(t, ok)
			require.NoError(t, err)
			require.ErrorIs(t, l.Release(other), recipes.ErrNotHeld)
			require.Equal(t, []bool{true, false, false}, []bool{l.HeldBy(me), l.HeldBy(other), l.HeldBy(e.ctx)})
			return l.Do(ctx, func(ctx context.Context, h2 *recipes.Hold) error {
				require.Same(t, h, h2)
				return l.Acquire(ctx)
			})
		})
		require.NoError(t, err)
		requireHeld(t, true, l.Lock())
		require.Len(t, e.children("/lock"), 1)
		h := l.Lock().Hold()
		e.expire(c.SessionID())
		e.await(h.Lost())
		require.ErrorIs(t, l.Acquire(me), recipes.ErrNotHeld, "it is lost")
		require.ErrorIs(t, l.Release(me), recipes.ErrNotHeld)
		require.NoError(t, l.Acquire(me))
		require.NoError(t, l.Release(me))
		require.ErrorIs(t, l.Release(me), recipes.ErrNotHeld)
		e.requireClean("/lock")
	}},
	{"a panic", true, func(t *testing.T, e *recipeEnv) {
		l := lockAt(e, e.client(""))
		require.PanicsWithValue(t, "oh", func() {
			_ = l.Do(e.ctx, func(context.Context, *recipes.Hold) error { panic("oh") })
		})
		e.requireClean("/lock")
	}},
}

func TestRecipesLock(t *testing.T) { runRecipeCases(t, lockCases) }
