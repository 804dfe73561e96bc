package proptest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// TestRecipesClockJumps: the server's clock jumps ahead at one of the requests of one client, by less than
// sessions live, or so far that everything that was due by then has happened.
func TestRecipesClockJumps(t *testing.T) {
	for _, kind := range []string{"direct", "wire"} {
		t.Run(kind, func(t *testing.T) {
			if kind == "wire" && Brief() {
				t.Skip("it is much the same; make test")
			}
			run := func(t *testing.T, plan string, body func(*recipeEnv)) {
				synctest.Test(t, func(t *testing.T) { runInMemory(t, kind, plan, body) })
			}
			for name, jump := range map[string]time.Duration{"short": 3 * time.Second, "long": time.Hour} {
				for n, s := range subjects {
					jumping(t, name, s.name, jump, strideOfDrill(kind, n, 9), run, s.check)
				}
				for n := range drills {
					d := &drills[n]
					jumping(t, name, d.name, jump, strideOfDrill(kind, n+1, 10), run, func(e *recipeEnv, a zkapi.Client) { d.run(e, a, nil) })
				}
			}
		})
	}
}

func jumping(t *testing.T, how, what string, jump time.Duration, every stride, run runCase, play func(*recipeEnv, zkapi.Client)) {
	t.Run(how+"/"+what, func(t *testing.T) {
		stepwise(t, every, run, func(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
			play(e, at(e.client("a"), func() { e.srv.Advance(jump) }))
		})
	})
}
