package proptest

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

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
