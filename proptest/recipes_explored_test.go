package proptest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// holding is a scenario in which participants hold a lock in turns.
func holding(names []string, locks func(string, zkapi.Client) *recipes.Lock) func(*explore.World) {
	return func(w *explore.World) {
		holds := map[string]*recipes.Hold{}
		for _, name := range names {
			w.Go(name, func(p *explore.Participant) error {
				l := locks(name, p.Client)
				if err := l.Acquire(p.Context()); err != nil {
					return err
				}
				holds[name] = l.Hold()
				p.Pause("works under the lock")
				delete(holds, name)
				if err := released(l.Release(p.Context())); err != nil {
					return err
				}
				return recipes.Flush(p.Context(), p.Client)
			})
		}
		w.Invariant(func() error { // L1, as the server and the clients see it
			var held []string
			for name, h := range holds {
				if _, there := w.Server.Node(h.Node()); there && h.Held() {
					held = append(held, name)
				}
			}
			if len(held) > 1 {
				return fmt.Errorf("%v hold it at a time", held)
			}
			return nil
		})
		w.Finally(func() error { // G1
			if n, _ := w.Server.Node("/lock"); n.Stat.NumChildren > 0 {
				return errors.New("a node is left behind")
			}
			return nil
		})
	}
}

// TestRecipesExplored: two who hold a lock, in every order of what they do, with
// every single fault; three with several, at random.
func TestRecipesExplored(t *testing.T) {
	scenarios := map[string]func(name string, c zkapi.Client) *recipes.Lock{
		"lock": func(_ string, c zkapi.Client) *recipes.Lock { return recipes.NewLock(c, "/lock") },
		"a reader and writers": func(name string, c zkapi.Client) *recipes.Lock {
			if l := recipes.NewRWLock(c, "/lock"); name == "A" {
				return l.Read()
			} else {
				return l.Write()
			}
		},
	}
	for name, locks := range scenarios {
		t.Run("direct/"+name+"/exhaustive", func(t *testing.T) {
			if raceDetector {
				t.Skip("it takes ten times as long under the race detector")
			}
			explore.Check(t, holding([]string{"A", "B"}, locks), func(c *explore.Config) {
				c.Strategy = explore.Exhaustive()
				c.Faults, c.Kinds = 1, explore.Network|explore.Removal
				c.Preemptions = 2
			})
		})
		t.Run("direct/"+name+"/random", func(t *testing.T) {
			explore.Check(t, holding([]string{"A", "B", "C"}, locks), func(c *explore.Config) {
				c.Faults, c.Kinds, c.Schedules = 3, explore.AllFaults, 200
			})
		})
	}
}
