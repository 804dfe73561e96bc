package proptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// TestRecipesSoak: coming and going leaves nothing behind.
func TestRecipesSoak(t *testing.T) {
	onRecipeBackends(t, func(t *testing.T, kind string, run runCase) {
		cycles, contenders := 10_000, 1000
		if kind != "direct" && !*allRequests {
			cycles = 1000
		}
		if kind != "wire" && !*allRequests {
			contenders = 100
		}
		if raceDetector {
			cycles, contenders = cycles/5, contenders/5
		}
		if kind == "real" && !*allRequests {
			return
		}
		t.Run("acquire in vain", func(t *testing.T) { run(t, "", func(e *recipeEnv) { inVain(e, cycles) }) })
		t.Run("lost again and again", func(t *testing.T) { run(t, "", func(e *recipeEnv) { lostAgain(e, cycles/5) }) })
		t.Run("contenders", func(t *testing.T) { run(t, "", func(e *recipeEnv) { everybodyOnce(e, contenders) }) })
	})
}

// inVain acquires what another one has, over and over.
func inVain(e *recipeEnv, cycles int) {
	holder, c := e.client(""), e.client("")
	if err := lockAt(e, holder).Acquire(e.ctx); err != nil {
		e.t.Fatalf("%v", err)
	}
	cycle := func() {
		ctx, cancel := context.WithCancelCause(e.ctx)
		defer cancel(nil)
		l := lockAt(e, c) // a new one each time
		time.AfterFunc(time.Millisecond, func() { cancel(context.DeadlineExceeded) })
		if err := l.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
			e.t.Errorf("%v", err)
		}
		if err := recipes.Flush(e.ctx, c); err != nil {
			e.t.Errorf("%v", err)
		}
	}
	e.requireFlat(cycles, cycle)
}

// requireFlat does something over and over, and nothing grows.
func (e *recipeEnv) requireFlat(cycles int, cycle func()) {
	for range cycles / 10 {
		cycle()
	}
	heap, goroutines, watches := e.weight()
	for range cycles - cycles/10 {
		cycle()
	}
	heap2, goroutines2, watches2 := e.weight()
	if goroutines2 > goroutines || watches2 > watches || heap2 > heap+int64(cycles)*64+16<<10 {
		e.t.Errorf("after %d cycles: heap %d, goroutines %d, watches %d; after %d: %d, %d, %d",
			cycles/10, heap, goroutines, watches, cycles, heap2, goroutines2, watches2)
	}
}

// lostAgain has a lock whose node is deleted, over and over.
func lostAgain(e *recipeEnv, cycles int) {
	c := e.client("")
	e.requireFlat(cycles, func() {
		l := lockAt(e, c)
		if err := l.Acquire(e.ctx); err != nil {
			e.t.Fatalf("%v", err)
		}
		h := l.Hold()
		if err := e.truth.Delete(e.ctx, h.Node(), -1); err != nil {
			e.t.Errorf("%v", err)
		}
		e.await(h.Lost())
		if err := l.Release(e.ctx); !errors.Is(err, recipes.ErrNotHeld) {
			e.t.Errorf("%v", err)
		}
	})
}

// weight is what there is of everything that could grow.
func (e *recipeEnv) weight() (heap int64, goroutines, watches int) {
	for e.events.Len() > 0 {
		e.events.TryNext()
	}
	e.happened()
	if e.srv != nil {
		watches = len(e.srv.Watches())
		synctest.Wait()
	}
	stacks := make([]byte, 1<<20) // runtime.NumGoroutine has a goroutine that ends for a little longer
	goroutines = bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("\n\ngoroutine "))
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), goroutines, watches
}

// everybodyOnce has many contend for one lock, over a few clients: each gets it
// once, in the order in which they have come.
func everybodyOnce(e *recipeEnv, n int) {
	var clients []zkapi.Client
	for range 20 {
		clients = append(clients, e.client(""))
	}
	first := lockAt(e, clients[0])
	if err := first.Acquire(e.ctx); err != nil {
		e.t.Fatalf("%v", err)
	}
	var mu sync.Mutex
	var tokens []int64
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			err := lockAt(e, clients[i%len(clients)]).Do(e.ctx, func(_ context.Context, h *recipes.Hold) error {
				mu.Lock()
				defer mu.Unlock()
				tokens = append(tokens, h.Token())
				return nil
			})
			if err != nil {
				e.t.Errorf("%d: %v", i, err)
			}
		})
	}
	e.waitFor(func() bool { return len(e.children("/lock")) == n+1 })
	if err := first.Release(e.ctx); err != nil {
		e.t.Errorf("%v", err)
	}
	all.Wait()
	if err := inOrder(tokens, n); err != nil {
		e.t.Errorf("%v", err)
	}
	e.requireClean("/lock")
}

func inOrder(tokens []int64, n int) error {
	if len(tokens) != n {
		return fmt.Errorf("%d have had it, not %d", len(tokens), n)
	}
	for i := 1; i < n; i++ {
		if tokens[i] <= tokens[i-1] {
			return fmt.Errorf("turn %d came before turn %d", i, i-1)
		}
	}
	return nil
}
