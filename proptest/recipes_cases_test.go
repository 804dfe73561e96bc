package proptest

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zksim/zksim/memserver"
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
