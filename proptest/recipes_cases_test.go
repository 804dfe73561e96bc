package proptest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// recipeCase is one thing that a recipe promises, or a bug that others have had.
type recipeCase struct {
	name string
	real bool // it needs no virtual time
	body func(t *testing.T, e *recipeEnv)
}

// run runs them on each backend.
func runRecipeCases(t *testing.T, cases []recipeCase) {
	onRecipeBackends(t, func(t *testing.T, kind string, run runCase) {
		for _, c := range cases {
			if c.real || kind != "real" {
				t.Run(c.name, func(t *testing.T) {
					run(t, "", func(e *recipeEnv) { c.body(e.t.(*testing.T), e) })
				})
			}
		}
	})
}

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

func (e *recipeEnv) children(dir string) []string {
	names, _, err := e.truth.Children(e.ctx, e.root+dir)
	if err != nil && !errors.Is(err, zkapi.ErrNoNode) && !errors.Is(err, zkapi.ErrNoAuth) {
		e.t.Fatalf("%v", err)
	}
	return names
}

// waitFor waits until something is so: in a bubble as time passes, on a real
// server as things happen in the tree.
func (e *recipeEnv) waitFor(so func() bool) {
	if e.srv != nil {
		for range 10000 {
			if synctest.Wait(); so() {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		e.t.Fatalf("it never comes")
	}
	for !so() {
		if _, err := e.events.Next(e.ctx); err != nil {
			e.t.Fatalf("%v", err)
		}
	}
}

// away breaks the connection of a session for a time; the direct client has to
// be called back.
func (e *recipeEnv) away(c zkapi.Client, d time.Duration) {
	if direct, ok := c.(*memserver.Client); ok {
		direct.Disconnect()
		time.Sleep(d)
		direct.Reconnect()
		synctest.Wait()
		return
	}
	states := c.States()
	defer states.Close()
	e.srv.Disconnect(c.SessionID())
	for change := range states.All(e.ctx) {
		if change.State == zkapi.StateConnected {
			break
		}
	}
	synctest.Wait()
}

// await waits for a channel to be closed.
func (e *recipeEnv) await(ch <-chan struct{}) {
	select {
	case <-ch:
	case <-e.ctx.Done():
		e.t.Errorf("it never comes")
	}
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
		require.NoError(t, zkapi.EnsurePath(e.ctx, e.truth, e.root+"/lock", nil))
		e.srv.Restore(withCounter(t, e.srv.Snapshot(), e.root+"/lock", math.MaxInt32-2))
		time.Sleep(5 * time.Second) // clients come back
		var locks []*recipes.Lock
		var done []<-chan error
		for range 6 { // the last four have the same counter
			l := lockAt(e, e.client(""))
			locks, done = append(locks, l), append(done, acquiring(t, e, e.ctx, l))
		}
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

// lateCreate is a client whose first create seems to be lost, and is done just
// before the second.
type lateCreate struct {
	zkapi.Client
	late func()
	once bool
}

func (c *lateCreate) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	if !c.once {
		c.once = true
		c.late = func() { _, _ = c.Client.Create(ctx, path, data, acl, mode) }
		return "", zkapi.ErrConnectionLoss
	}
	if late := c.late; late != nil {
		c.late = nil
		late()
	}
	return c.Client.Create(ctx, path, data, acl, mode)
}

// withCounter is a snapshot in which a node without data has given out so many counters.
func withCounter(t *testing.T, snap *memserver.Snapshot, path string, counter int32) *memserver.Snapshot {
	var file bytes.Buffer
	_, err := snap.WriteTo(&file)
	require.NoError(t, err)
	b := file.Bytes()
	at := bytes.Index(b, append(binary.BigEndian.AppendUint32(nil, uint32(len(path))), path...))
	require.Positive(t, at)
	const behind = 4 + 5*8 + 4 // no data; ACL, two zxids, two times; version
	binary.BigEndian.PutUint32(b[at+4+len(path)+behind:], uint32(counter))
	const seal, digest, zxid = 8 + 5, 8 + 4 + 8, 8
	for _, sum := range []int{len(b) - 3*seal - digest - zxid, len(b) - 2*seal - zxid, len(b) - seal} {
		binary.BigEndian.PutUint64(b[sum:], uint64(adler32.Checksum(b[:sum])))
	}
	changed, err := memserver.ReadSnapshot(bytes.NewReader(b))
	require.NoError(t, err)
	return changed
}

// replyLoser is a client whose first create loses its reply; it notes what it is asked for.
type replyLoser struct {
	zkapi.Client
	calls []string
	then  func() // nil: nothing
}

func (c *replyLoser) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	c.calls = append(c.calls, "create")
	made, err := c.Client.Create(ctx, path, data, acl, mode)
	if len(c.calls) == 1 {
		if c.then != nil {
			c.then()
		}
		return "", zkapi.ErrConnectionLoss
	}
	return made, err
}

func (c *replyLoser) Sync(ctx context.Context, path string) error {
	c.calls = append(c.calls, "sync")
	return c.Client.Sync(ctx, path)
}

func (c *replyLoser) Children(ctx context.Context, path string) ([]string, zkapi.Stat, error) {
	c.calls = append(c.calls, "children")
	return c.Client.Children(ctx, path)
}

// reborn is a client that does something before it begins anything in its second session.
type reborn struct {
	zkapi.Client
	first int64
	do    func()
}

func (c *reborn) begin() {
	if do := c.do; do != nil && c.SessionID() != c.first {
		c.do = nil
		do()
	}
}

func (c *reborn) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	c.begin()
	return c.Client.Create(ctx, path, data, acl, mode)
}

func (c *reborn) Sync(ctx context.Context, path string) error {
	c.begin()
	return c.Client.Sync(ctx, path)
}

// onDelete is a client that does something before its first delete.
type onDelete struct {
	zkapi.Client
	armed bool
	do    func()
}

func (c *onDelete) Delete(ctx context.Context, path string, version int32) error {
	if c.armed && c.State() == zkapi.StateConnected {
		c.armed = false
		c.do()
	}
	return c.Client.Delete(ctx, path, version)
}

// deaf is a client whose watches never fire.
type deaf struct {
	zkapi.Client
	deaf bool
}

func (d *deaf) GetW(ctx context.Context, path string) ([]byte, zkapi.Stat, <-chan zkapi.Event, error) {
	if !d.deaf {
		return d.Client.GetW(ctx, path)
	}
	data, stat, _, err := d.Client.GetW(context.Background(), path)
	zkapi.EventMap(ctx)
	return data, stat, make(chan zkapi.Event, 1), err
}

func TestRecipesLock(t *testing.T) { runRecipeCases(t, lockCases) }

func rwAt(e *recipeEnv, layout recipes.Layout) *recipes.RWLock {
	return recipes.NewRWLock(e.client(""), e.root+"/lock", func(o *recipes.Options) { o.Layout = layout })
}

var rwCases = []recipeCase{
	{"downgrade", true, func(t *testing.T, e *recipeEnv) { // B18
		for _, layout := range []recipes.Layout{recipes.Kazoo, recipes.Curator} {
			l, writer, reader := rwAt(e, layout), rwAt(e, layout), rwAt(e, layout)
			require.NoError(t, l.Write().Acquire(e.ctx))
			writes := acquiring(t, e, e.ctx, writer.Write())
			reads := acquiring(t, e, e.ctx, reader.Read())
			require.NoError(t, l.Read().Acquire(e.ctx))
			require.NoError(t, l.Write().Release(e.ctx))
			ok, err := rwAt(e, layout).Write().TryAcquire(e.ctx)
			require.NoError(t, err)
			require.False(t, ok)
			select {
			case <-writes:
				t.Fatal("a writer came between")
			case <-reads:
				t.Fatal("a reader overtook a writer")
			default:
			}
			require.NoError(t, l.Read().Release(e.ctx))
			require.NoError(t, <-writes)
			require.NoError(t, writer.Write().Release(e.ctx))
			require.NoError(t, <-reads)
			require.NoError(t, reader.Read().Release(e.ctx))
			e.requireClean("/lock")
		}
	}},
	{"upgrade", true, func(t *testing.T, e *recipeEnv) { // B20
		l := rwAt(e, recipes.Kazoo)
		require.NoError(t, l.Read().Acquire(e.ctx))
		require.ErrorIs(t, l.Write().Acquire(e.ctx), recipes.ErrUpgrade)
		require.NoError(t, l.Read().Release(e.ctx))
		require.NoError(t, l.Write().Acquire(e.ctx))
		require.NoError(t, l.Write().Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"readers share", true, func(t *testing.T, e *recipeEnv) {
		one, two, writer := rwAt(e, recipes.Kazoo), rwAt(e, recipes.Kazoo), rwAt(e, recipes.Kazoo)
		require.NoError(t, one.Read().Acquire(e.ctx))
		require.NoError(t, two.Read().Acquire(e.ctx))
		done := acquiring(t, e, e.ctx, writer.Write())
		names, err := one.Read().Contenders(e.ctx)
		require.NoError(t, err)
		require.Len(t, names, 3)
		require.NoError(t, one.Read().Release(e.ctx))
		select {
		case <-done:
			t.Fatal("one still reads")
		default:
		}
		require.NoError(t, two.Read().Release(e.ctx))
		require.NoError(t, <-done)
		require.NoError(t, writer.Write().Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"a release wakes those who may go on", false, func(t *testing.T, e *recipeEnv) { // RW6
		const readers = 5
		writer := recipes.NewRWLock(e.client(""), e.root+"/lock").Write()
		require.NoError(t, writer.Acquire(e.ctx))
		var clients []*steps
		var locks []*recipes.Lock
		join := func(write bool) {
			c := &steps{Client: e.client("")}
			e.clients = append(e.clients, c)
			l := recipes.NewRWLock(c, e.root+"/lock")
			one := l.Read()
			if write {
				one = l.Write()
			}
			clients, locks = append(clients, c), append(locks, one)
			acquiring(t, e, e.ctx, one)
		}
		for range readers {
			join(false)
		}
		join(true)
		for range readers {
			join(false)
		}
		release := func(l *recipes.Lock, woken int) {
			before := 0
			for _, c := range clients {
				before += c.seen
			}
			require.NoError(t, l.Release(e.ctx))
			synctest.Wait()
			for _, c := range clients {
				before -= c.seen
			}
			require.LessOrEqual(t, -before, woken)
		}
		release(writer, readers)
		for i, l := range locks[:readers] {
			requireHeld(t, true, l)
			woken := 1 // the delete
			if i == readers-1 {
				woken = 2 // and the writer, who watched the last of them
			}
			release(l, woken)
		}
		requireHeld(t, true, locks[readers])
		release(locks[readers], 1+readers)
		for _, l := range locks[readers+1:] {
			requireHeld(t, true, l)
			release(l, 1)
		}
		e.requireClean("/lock")
	}},
	{"every order of arrival", false, func(t *testing.T, e *recipeEnv) { // B17
		var clients []zkapi.Client
		for range 4 {
			clients = append(clients, e.client(""))
		}
		for order := range 1 << len(clients) {
			var all sync.WaitGroup
			for i, c := range clients {
				l := recipes.NewRWLock(c, e.root+"/lock")
				one := l.Read()
				if order>>i&1 == 1 {
					one = l.Write()
				}
				all.Go(func() {
					ctx, cancel := context.WithTimeout(e.ctx, time.Minute)
					defer cancel()
					if err := one.Do(ctx, e.note); err != nil {
						t.Errorf("order %04b: %v", order, err)
					}
				})
				synctest.Wait()
			}
			all.Wait()
		}
		allowed := shared("__rlock__", "__lock__")
		for _, m := range e.history("/lock") {
			require.True(t, allowed(m), "%+v", m)
		}
		e.requireClean("/lock")
	}},
}

func TestRecipesRWLock(t *testing.T) { runRecipeCases(t, rwCases) }

var semaphoreCases = []recipeCase{
	{"resize in Curator's layout", true, func(t *testing.T, e *recipeEnv) { // each has the number for himself
		s := recipes.NewSemaphore(e.client(""), e.root+"/sem", 1, func(o *recipes.Options) { o.Layout = recipes.Curator })
		one, err := s.Acquire(e.ctx)
		require.NoError(t, err)
		done := make(chan *recipes.Hold, 1)
		go func() {
			h, err := s.Acquire(e.ctx)
			if err != nil {
				t.Errorf("%v", err)
			}
			done <- h
		}()
		e.waitFor(func() bool { return len(e.children("/sem/locks")) == 1 })
		require.NoError(t, s.Resize(e.ctx, 2))
		two := <-done
		nodes, err := s.LeaseNodes(e.ctx)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{one.Node(), two.Node()}, nodes)
		require.NoError(t, one.Release(e.ctx))
		require.NoError(t, two.Release(e.ctx))
		e.requireClean("/sem/leases", "/sem/locks")
	}},
	{"resize", true, func(t *testing.T, e *recipeEnv) {
		s := recipes.NewSemaphore(e.client(""), e.root+"/sem", 1, func(o *recipes.Options) { o.Identifier = "me" })
		other := recipes.NewSemaphore(e.client(""), e.root+"/sem", 0)
		one, err := s.Acquire(e.ctx)
		require.NoError(t, err)
		done := make(chan *recipes.Hold, 1)
		go func() {
			h, err := other.Acquire(e.ctx)
			if err != nil {
				t.Errorf("%v", err)
			}
			done <- h
		}()
		e.waitFor(func() bool { return len(e.children("/sem-__lock__")) == 1 })
		require.NoError(t, s.Resize(e.ctx, 2))
		two := <-done
		max, err := other.MaxLeases(e.ctx)
		require.NoError(t, err)
		require.Equal(t, 2, max)
		require.NoError(t, s.Resize(e.ctx, 1))
		require.NoError(t, one.Release(e.ctx))
		none, err := s.TryAcquire(e.ctx)
		require.NoError(t, err)
		require.Nil(t, none)
		require.NoError(t, two.Release(e.ctx))
		one, err = s.TryAcquire(e.ctx)
		require.NoError(t, err)
		holders, err := other.LeaseHolders(e.ctx)
		require.NoError(t, err)
		require.Equal(t, []string{"me"}, holders)
		require.NoError(t, one.Release(e.ctx))
		e.requireClean("/sem", "/sem-__lock__")
	}},
	{"different limits", true, func(t *testing.T, e *recipeEnv) { // B23
		_, err := recipes.NewSemaphore(e.client(""), e.root+"/sem", 0).Acquire(e.ctx)
		require.ErrorIs(t, err, recipes.ErrLimit)
		h, err := recipes.NewSemaphore(e.client(""), e.root+"/sem", 2).Acquire(e.ctx)
		require.NoError(t, err)
		data, _, err := e.truth.Get(e.ctx, e.root+"/sem")
		require.NoError(t, err)
		require.Equal(t, "2", string(data))
		_, err = recipes.NewSemaphore(e.client(""), e.root+"/sem", 3).Acquire(e.ctx)
		require.ErrorIs(t, err, recipes.ErrLimit)
		_, err = recipes.NewSemaphore(e.client(""), e.root+"/sem", 2).AcquireN(e.ctx, 3)
		require.ErrorIs(t, err, zkapi.ErrBadArguments)
		require.NoError(t, h.Release(e.ctx))
		e.requireClean("/sem", "/sem-__lock__")
	}},
	{"different limits at once", true, func(t *testing.T, e *recipeEnv) { // B23: one of two first ones fails
		failed := 0
		for max := range 2 {
			s := recipes.NewSemaphore(e.client(""), e.root+"/sem", max+1)
			h, err := s.Acquire(e.ctx)
			if err != nil {
				require.ErrorIs(t, err, recipes.ErrLimit)
				failed++
				continue
			}
			for _, m := range e.history("/sem") {
				require.LessOrEqual(t, len(m.present), 2)
			}
			require.NoError(t, h.Release(e.ctx))
		}
		require.Equal(t, 1, failed)
		e.requireClean("/sem", "/sem-__lock__")
	}},
	{"several at a time", false, func(t *testing.T, e *recipeEnv) { // B25
		var all sync.WaitGroup
		for range 4 {
			s := recipes.NewSemaphore(e.client(""), e.root+"/sem", 3)
			all.Go(func() {
				ctx, cancel := context.WithTimeout(e.ctx, time.Minute)
				defer cancel()
				for range 3 {
					holds, err := s.AcquireN(ctx, 2)
					if err != nil {
						t.Errorf("%v", err)
						return
					}
					time.Sleep(time.Second)
					for _, h := range holds {
						if err := h.Release(ctx); err != nil {
							t.Errorf("%v", err)
						}
					}
				}
			})
		}
		all.Wait()
		for _, m := range e.history("/sem") {
			require.LessOrEqual(t, len(m.present), 3)
		}
		e.requireClean("/sem", "/sem-__lock__")
	}},
	{"the lock within is lost", false, func(t *testing.T, e *recipeEnv) { // B21
		for _, layout := range []recipes.Layout{recipes.Kazoo, recipes.Curator} {
			inner, dir := "/sem-__lock__", "/sem"
			if layout == recipes.Curator {
				inner, dir = "/sem/locks", "/sem/leases"
			}
			// just before it makes its lease, somebody deletes its node in the line,
			// and another one takes the last lease
			c := &steps{Client: e.client(""), at: 1 << 30}
			e.clients = append(e.clients, c)
			hasty := &beforeMulti{Client: c}
			option := func(o *recipes.Options) { o.Layout = layout }
			s := recipes.NewSemaphore(hasty, e.root+"/sem", 1, option)
			other := recipes.NewSemaphore(e.client(""), e.root+"/sem", 1, option)
			hasty.do = func() {
				for _, name := range e.children(inner) {
					require.NoError(t, e.truth.Delete(e.ctx, e.root+inner+"/"+name, -1))
				}
				h, err := other.Acquire(e.ctx)
				require.NoError(t, err)
				time.AfterFunc(time.Second, func() { _ = h.Release(e.ctx) })
			}
			h, err := s.Acquire(e.ctx)
			require.NoError(t, err)
			for _, m := range e.history(dir) {
				require.LessOrEqual(t, len(m.present), 1)
			}
			require.NoError(t, h.Release(e.ctx))
			require.NoError(t, recipes.Flush(e.ctx, hasty))
			e.requireClean(dir, inner)
		}
	}},
	{"in order", true, func(t *testing.T, e *recipeEnv) { // S2
		s := recipes.NewSemaphore(e.client(""), e.root+"/sem", 2)
		first, err := s.AcquireN(e.ctx, 2)
		require.NoError(t, err)
		tokens := make([]int64, 6)
		var all sync.WaitGroup
		for i := range tokens {
			s := recipes.NewSemaphore(e.client(""), e.root+"/sem", 2)
			all.Go(func() {
				h, err := s.Acquire(e.ctx)
				if err != nil {
					t.Errorf("%v", err)
					return
				}
				tokens[i] = h.Token()
				time.Sleep(e.moment)
				_ = h.Release(e.ctx)
			})
			e.waitFor(func() bool { return len(e.children("/sem-__lock__")) == i+1 })
		}
		for _, h := range first {
			require.NoError(t, h.Release(e.ctx))
		}
		all.Wait()
		require.True(t, slices.IsSorted(tokens), "%v", tokens)
		e.requireClean("/sem", "/sem-__lock__")
	}},
	{"only one watches", false, func(t *testing.T, e *recipeEnv) {
		if e.srv == nil {
			return
		}
		h, err := recipes.NewSemaphore(e.client(""), e.root+"/sem", 1).Acquire(e.ctx)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(e.ctx)
		var all sync.WaitGroup
		for range 5 {
			s := recipes.NewSemaphore(e.client(""), e.root+"/sem", 1)
			all.Go(func() { _, _ = s.Acquire(ctx) })
		}
		synctest.Wait()
		watching := 0
		for _, w := range e.srv.Watches() {
			if w.Path == e.root+"/sem" && w.Child {
				watching++
			}
		}
		require.Equal(t, 1, watching)
		cancel()
		all.Wait()
		require.NoError(t, h.Release(e.ctx))
		e.requireClean("/sem", "/sem-__lock__")
	}},
	{"cancel", true, func(t *testing.T, e *recipeEnv) {
		h, err := recipes.NewSemaphore(e.client(""), e.root+"/sem", 1).Acquire(e.ctx)
		require.NoError(t, err)
		var waiting []*recipes.Semaphore
		failed := make(chan error, 2)
		for i := range 2 { // one waits for leases, the other for the lock
			s := recipes.NewSemaphore(e.client(""), e.root+"/sem", 1)
			waiting = append(waiting, s)
			go func() { _, err := s.Acquire(e.ctx); failed <- err }()
			e.waitFor(func() bool { return len(e.children("/sem-__lock__")) == i+1 })
		}
		for _, s := range slices.Backward(waiting) {
			s.Cancel()
			require.ErrorIs(t, <-failed, recipes.ErrCancelled)
		}
		require.NoError(t, h.Release(e.ctx))
		e.requireClean("/sem", "/sem-__lock__")
	}},
}

// beforeMulti is a client that does something before its first Multi.
type beforeMulti struct {
	zkapi.Client
	do func()
}

func (b *beforeMulti) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	if do := b.do; do != nil {
		b.do = nil
		do()
	}
	return b.Client.Multi(ctx, ops...)
}

func TestRecipesSemaphore(t *testing.T) { runRecipeCases(t, semaphoreCases) }

var electionCases = []recipeCase{
	{"all or nothing", true, func(t *testing.T, e *recipeEnv) { // B27
		c := e.client("")
		l := recipes.NewMultiLock(recipes.NewLock(c, e.root+"/lock"), recipes.NewLock(c, e.root+"/lock2"), recipes.NewLock(c, e.root+"/lock3"))
		other := recipes.NewLock(e.client(""), e.root+"/lock2")
		require.NoError(t, other.Acquire(e.ctx))
		ok, err := l.TryAcquire(e.ctx)
		require.NoError(t, err)
		require.False(t, ok)
		require.Len(t, append(append(e.children("/lock"), e.children("/lock2")...), e.children("/lock3")...), 1)
		require.ErrorIs(t, l.Release(e.ctx), recipes.ErrNotHeld)
		require.NoError(t, other.Release(e.ctx))
		require.NoError(t, l.Acquire(e.ctx))
		require.True(t, l.Held())
		ctx := l.Context()
		require.NoError(t, e.truth.Delete(e.ctx, l.Holds()[1].Node(), -1))
		e.await(ctx.Done())
		require.ErrorIs(t, context.Cause(ctx), recipes.ErrNodeDeleted)
		require.False(t, l.Held())
		require.ErrorIs(t, l.Release(e.ctx), recipes.ErrNotHeld)
		e.requireClean("/lock", "/lock2", "/lock3")
	}},
	{"leadership is lost", true, func(t *testing.T, e *recipeEnv) { // B28, B30
		c := e.client("")
		el := recipes.NewElection(c, e.root+"/lock", func(o *recipes.Options) { o.Identifier = "me" })
		err := el.Run(e.ctx, func(ctx context.Context, h *recipes.Hold) error {
			require.True(t, el.HasLeadership())
			list, err := el.Participants(ctx)
			require.NoError(t, err)
			require.Equal(t, []recipes.Participant{{ID: "me", Node: h.Node(), Leader: true}}, list)
			context.AfterFunc(ctx, func() {
				if el.HasLeadership() {
					t.Error("it still claims to lead")
				}
			})
			e.expire(c.SessionID())
			e.await(ctx.Done())
			return context.Cause(ctx)
		})
		require.Error(t, err)
		require.False(t, el.HasLeadership())
		e.requireClean("/lock")
	}},
	{"a short loss ends the term", false, func(t *testing.T, e *recipeEnv) { // B30
		c := e.client("")
		el := recipes.NewElection(c, e.root+"/lock")
		err := el.Run(e.ctx, func(ctx context.Context, h *recipes.Hold) error {
			e.away(c, time.Second)
			require.ErrorIs(t, context.Cause(ctx), recipes.ErrSuspended)
			require.False(t, el.HasLeadership())
			require.True(t, h.Held())
			return nil
		})
		require.NoError(t, err)
		e.requireClean("/lock")
	}},
	{"lead again and again", true, func(t *testing.T, e *recipeEnv) { // B29
		c := e.client("")
		el := recipes.NewElection(c, e.root+"/lock")
		ctx, cancel := context.WithCancel(e.ctx)
		terms, running := 0, 0
		var failures []error
		err := el.Lead(ctx, func(ctx context.Context, h *recipes.Hold) error {
			if running++; running != 1 {
				t.Error("two terms at a time")
			}
			defer func() { running-- }()
			switch terms++; terms {
			case 1:
				return errors.New("it has failed")
			case 2:
				e.expire(c.SessionID())
				e.await(ctx.Done())
				return nil
			case 3:
				require.NoError(t, e.truth.Delete(e.ctx, h.Node(), -1))
				e.await(ctx.Done())
				return nil
			case 4:
				el.Interrupt()
				e.await(ctx.Done())
				return nil
			}
			cancel()
			return nil
		}, func(err error) { failures = append(failures, err) })
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 5, terms)
		require.GreaterOrEqual(t, len(failures), 2) // a suspended term may be given back before it is known to be lost
		e.requireClean("/lock")
	}},
	{"cancelled", true, func(t *testing.T, e *recipeEnv) {
		l, el := lockAt(e, e.client("")), recipes.NewElection(e.client(""), e.root+"/lock")
		el.Cancel()
		require.NoError(t, l.Acquire(e.ctx))
		done := make(chan error, 1)
		go func() {
			done <- el.Run(e.ctx, func(context.Context, *recipes.Hold) error { t.Error("it leads"); return nil })
		}()
		e.waitFor(func() bool { return len(e.children("/lock")) == 2 })
		el.Cancel()
		require.ErrorIs(t, <-done, recipes.ErrCancelled)
		require.NoError(t, l.Release(e.ctx))
		e.requireClean("/lock")
	}},
	{"latch: suspended", false, func(t *testing.T, e *recipeEnv) { // B32
		c := e.client("")
		l := recipes.NewLeaderLatch(c, e.root+"/lock")
		changes := l.Changes()
		require.NoError(t, l.Start())
		require.Error(t, l.Start())
		require.NoError(t, l.Await(e.ctx))
		node := l.Node()
		require.Equal(t, node, l.LastNode())
		e.away(c, time.Second)
		require.True(t, l.HasLeadership())
		require.Equal(t, node, l.Node(), "it keeps its node")
		require.NoError(t, l.Close(e.ctx))
		var told []bool
		for leads := range changes.All(e.ctx) {
			told = append(told, leads)
		}
		require.Equal(t, []bool{true, false, true, false}, told)
		require.ErrorIs(t, l.Await(e.ctx), recipes.ErrCancelled)
		e.requireClean("/lock")
	}},
	{"latch: everything is deleted", true, func(t *testing.T, e *recipeEnv) { // B34, B35
		l, other := recipes.NewLeaderLatch(e.client(""), e.root+"/lock"), recipes.NewLeaderLatch(e.client(""), e.root+"/lock")
		changes := l.Changes()
		require.NoError(t, l.Start())
		require.NoError(t, l.Await(e.ctx))
		require.NoError(t, other.Start())
		e.waitFor(func() bool { return len(e.children("/lock")) == 2 })
		require.NoError(t, zkapi.DeleteRecursive(e.ctx, e.truth, e.root+"/lock"))
		for _, want := range []bool{true, false} {
			leads, err := changes.Next(e.ctx)
			require.NoError(t, err)
			require.Equal(t, want, leads)
		}
		e.waitFor(func() bool { return len(e.children("/lock")) == 2 })
		for _, l := range []*recipes.LeaderLatch{l, other} {
			leader, ok, err := l.Leader(e.ctx)
			require.NoError(t, err)
			require.True(t, ok)
			require.Contains(t, leader.Node, "-latch-")
		}
		require.NoError(t, l.Close(e.ctx))
		require.NoError(t, other.Await(e.ctx))
		require.NoError(t, other.Close(e.ctx))
		e.requireClean("/lock")
	}},
	{"latch: two that flap", false, func(t *testing.T, e *recipeEnv) { // B33
		var latches []*recipes.LeaderLatch
		var clients []zkapi.Client
		for range 2 {
			c := e.client("")
			l := recipes.NewLeaderLatch(c, e.root+"/lock")
			require.NoError(t, l.Start())
			synctest.Wait()
			clients, latches = append(clients, c), append(latches, l)
		}
		for range 5 {
			for _, c := range clients {
				e.away(c, 100*time.Millisecond)
			}
		}
		made := map[string]bool{}
		for _, m := range e.history("/lock") {
			for _, name := range m.present {
				made[name] = true
			}
		}
		require.Len(t, made, 2, "nobody needs another node")
		for _, l := range latches {
			require.NoError(t, l.Await(e.ctx))
			require.NoError(t, l.Close(e.ctx))
		}
		e.requireClean("/lock")
	}},
}

func TestRecipesElection(t *testing.T) { runRecipeCases(t, electionCases) }

// TestRecipesCost: how much a recipe asks of the server.
func TestRecipesCost(t *testing.T) {
	onRecipeBackends(t, func(t *testing.T, kind string, run runCase) {
		t.Run("round trips", func(t *testing.T) {
			run(t, "", func(e *recipeEnv) {
				c := &steps{Client: e.client("")}
				l := lockAt(e, c)
				require.NoError(e.t.(*testing.T), l.Do(e.ctx, func(context.Context, *recipes.Hold) error { return nil })) // makes the directory
				for _, want := range []struct {
					requests int
					do       func(context.Context) error
				}{{3, l.Acquire}, {1, l.Release}} {
					before, packets := c.seen, e.received(c)
					if err := want.do(e.ctx); err != nil {
						e.t.Fatalf("%v", err)
					}
					if c.seen-before != want.requests {
						e.t.Errorf("%d requests, not %d", c.seen-before, want.requests)
					}
					if now := e.received(c); kind == "wire" && now-packets != int64(want.requests) {
						e.t.Errorf("the server has got %d packets, not %d", now-packets, want.requests)
					}
				}
			})
		})
		t.Run("no herd", func(t *testing.T) { run(t, "", noHerd) })
	})
}

// received is how many packets of a client the server has got.
func (e *recipeEnv) received(c zkapi.Client) int64 {
	if e.srv == nil {
		return 0
	}
	for _, conn := range e.srv.Connections() {
		if conn.Session == c.SessionID() {
			return conn.Received
		}
	}
	return 0
}

// noHerd: a release wakes one of those who wait, and costs one list of the line.
func noHerd(e *recipeEnv) {
	const n = 30
	var clients []*steps
	var locks []*recipes.Lock
	got := make(chan int, n)
	for i := range n {
		c := &steps{Client: e.client("")}
		e.clients = append(e.clients, c)
		l := lockAt(e, c)
		clients, locks = append(clients, c), append(locks, l)
		go func() {
			if err := l.Acquire(e.ctx); err != nil {
				e.t.Errorf("%v", err)
			}
			got <- i
		}()
		e.waitFor(func() bool { return len(e.children("/lock")) == i+1 })
	}
	total := func() (requests int) {
		for _, c := range clients {
			requests += c.count()
		}
		return requests
	}
	for i := range n {
		if first := <-got; first != i {
			e.t.Fatalf("%d was overtaken by %d", i, first)
		}
		before := total()
		if err := locks[i].Release(e.ctx); err != nil {
			e.t.Errorf("%v", err)
		}
		if e.srv == nil {
			continue // who is woken asks when he likes
		}
		synctest.Wait()
		want := 2 // the delete, and a list by the next
		if i == n-1 {
			want = 1
		}
		if asked := total() - before; asked != want {
			e.t.Errorf("release %d has caused %d requests, not %d", i, asked, want)
		}
	}
	const joining, turn = 3 + 1, 2 // to join, and to watch; to be woken, and to leave
	if asked := total(); asked > n*(joining+turn)+2 {
		e.t.Errorf("%d requests for %d turns", asked, n)
	}
	e.requireClean("/lock")
}

var valueCases = []recipeCase{
	{"a double barrier of five, for which three are enough", true, func(t *testing.T, e *recipeEnv) { // DB3, DB5, DB6
		var members []*recipes.DoubleBarrier
		for range 5 {
			members = append(members, recipes.NewDoubleBarrier(e.client(""), e.root+"/b", 3))
		}
		for range 2 {
			var left atomic.Int32
			var all sync.WaitGroup
			for i, m := range members {
				all.Go(func() {
					if err := m.Enter(e.ctx); err != nil {
						t.Errorf("%v", err)
					}
				})
				e.waitFor(func() bool { return len(e.members("/b")) == i+1 })
			}
			all.Wait()
			for _, m := range members {
				all.Go(func() {
					left.Add(1)
					if err := m.Leave(e.ctx); err != nil {
						t.Errorf("%v", err)
					}
					if n := left.Load(); n != 5 {
						t.Errorf("who has left was alone with %d others", n-1)
					}
				})
				time.Sleep(e.moment)
			}
			all.Wait()
			require.Empty(t, e.children("/b"))
		}
		e.requireClean("/b")
	}},
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
	{"who is in a party", true, func(t *testing.T, e *recipeEnv) {
		for i, newParty := range []func(zkapi.Client, string, ...func(*recipes.Options)) *recipes.Party{recipes.NewParty, recipes.NewShallowParty} {
			path := fmt.Sprint("/party", i)
			member := func(id string) *recipes.Party {
				return newParty(e.client(""), e.root+path, func(o *recipes.Options) { o.Identifier = id })
			}
			a, b := member("a"), member("b")
			next, stop := iter.Pull2(b.Watch(e.ctx))
			see := func(want ...string) {
				for {
					members, err, ok := next()
					require.NoError(t, err)
					require.True(t, ok)
					if slices.Equal(members, want) {
						return
					}
				}
			}
			see()
			require.NoError(t, a.Join(e.ctx))
			see("a")
			require.NoError(t, b.Join(e.ctx))
			see("a", "b")
			_, err := a.Leave(e.ctx)
			require.NoError(t, err)
			see("b")
			require.NoError(t, zkapi.DeleteRecursive(e.ctx, e.truth, e.root+path)) // and b comes again
			require.NoError(t, a.Join(e.ctx))
			see("a", "b")
			for _, p := range []*recipes.Party{a, b} {
				_, err := p.Leave(e.ctx)
				require.NoError(t, err)
			}
			see()
			stop()
			e.requireClean(path)
		}
	}},
	{"a lease of another version", true, func(t *testing.T, e *recipeEnv) { // NL4
		l := recipes.NewLease(e.client(""), e.root+"/lease", time.Hour, "me")
		node := e.root + "/lease/lease_holder"
		for _, odd := range []string{`{"version": 2, "holder": "me", "end": "2000-01-01T00:00:00"}`, "no lease"} {
			require.NoError(t, zkapi.EnsurePath(e.ctx, e.truth, node, nil))
			_, err := e.truth.Set(e.ctx, node, []byte(odd), -1)
			require.NoError(t, err)
			ok, err := l.Obtain(e.ctx)
			require.NoError(t, err)
			require.False(t, ok)
			data, _, err := e.truth.Get(e.ctx, node)
			require.NoError(t, err)
			require.Equal(t, odd, string(data))
		}
		require.NoError(t, e.truth.Delete(e.ctx, node, -1))
		e.requireClean("/lease")
	}},
	{"a copy, and another node at once", true, func(t *testing.T, e *recipeEnv) { // B43
		v := recipes.NewShared(e.client(""), e.root+"/n", recipes.Int32(), 1)
		changes := v.Changes()
		require.NoError(t, v.Start(e.ctx))
		defer v.Close()
		require.NoError(t, v.Set(e.ctx, 2))
		_, err := e.truth.Multi(e.ctx, zkapi.DeleteOp(e.root+"/n", -1), zkapi.CreateOp(e.root+"/n", []byte{0, 0, 0, 3}, nil, zkapi.Persistent))
		require.NoError(t, err)
		for now := range changes.All(e.ctx) {
			if now.Exists && now.Value == 3 {
				break
			}
		}
		require.Equal(t, int32(3), v.Value())
	}},
	{"a copy, and a version that overflows", false, func(t *testing.T, e *recipeEnv) { // B43
		v := recipes.NewShared(e.client(""), e.root+"/n", recipes.Int32(), 0)
		require.NoError(t, v.Start(e.ctx))
		defer v.Close()
		require.NoError(t, e.srv.SetCounters(e.root+"/n", memserver.Counters{Version: math.MaxInt32 - 2}))
		for i := range int32(5) {
			require.NoError(t, v.Set(e.ctx, i))
			require.Equal(t, i, v.Value())
			_, err := e.truth.Set(e.ctx, e.root+"/n", []byte{0, 0, 0, byte(i + 10)}, -1)
			require.NoError(t, err)
			synctest.Wait()
			require.Equal(t, i+10, v.Value())
		}
		require.Negative(t, v.Versioned().Stat.Version)
	}},
}

// members are the children of a double barrier but for the ready node.
func (e *recipeEnv) members(dir string) []string {
	return slices.DeleteFunc(e.children(dir), func(name string) bool { return name == "ready" })
}

func TestRecipesValues(t *testing.T) { runRecipeCases(t, valueCases) }
