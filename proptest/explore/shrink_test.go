package explore_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/explore"
)

// A failure is shrunk to one of the same reason, and not of any.
func TestShrinkKeepsTheReason(t *testing.T) {
	scenario := func(w *explore.World) {
		counted := 0
		w.Go("A", func(p *explore.Participant) error {
			p.Pause("one")
			p.Pause("two")
			switch counted {
			case 1:
				return errors.New("the lesser")
			case 2:
				return errors.New("the greater")
			}
			return nil
		})
		w.Go("B", func(p *explore.Participant) error {
			for range 2 {
				p.Pause("counts")
				counted++
			}
			return nil
		})
	}
	reasons := map[string]bool{}
	for seed := range uint64(20) {
		first := ""
		search := func(opts ...func(*explore.Config)) *explore.Result {
			return explore.Explore(t, scenario, append(opts, func(c *explore.Config) { c.Strategy, c.Schedules = explore.Random(seed+1), 10 })...)
		}
		search(func(c *explore.Config) {
			c.Failures = func(f *explore.Failure) {
				if first == "" {
					first = f.Error()
				}
			}
		})
		if first != "" {
			require.Equal(t, first, search().Failure.Error())
			reasons[first] = true
		}
	}
	require.Len(t, reasons, 2)
}
