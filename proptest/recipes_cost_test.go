package proptest

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

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
