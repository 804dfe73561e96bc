package proptest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

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

func TestRecipesSemaphore(t *testing.T) { runRecipeCases(t, semaphoreCases) }
