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
				for _, x := range trials() {
					t.Run(name+"/"+x.name, func(t *testing.T) {
						stepwise(t, strideOfDrill(kind, x.n, 9), run, func(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
							x.play(e, at(e.client("a"), func() { e.srv.Advance(jump) }))
						})
					})
				}
			}
		})
	}
}
