package explore_test

import (
	"errors"
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/explore"
)

// What cannot be asked for is said to be so.
func TestWrongConfig(t *testing.T) {
	require.EqualError(t, (&explore.Config{Shard: 2, Shards: 2}).Check(), "explore: there is no shard 2 of 2, which are counted from 0")
	require.EqualError(t, (&explore.Config{Shard: -1}).Check(), "explore: there is no shard -1 of 1, which are counted from 0")
	require.NoError(t, (&explore.Config{Shard: 1, Shards: 2}).Check())
	for name, x := range map[string]struct{ value, err string }{
		"explore.from":  {"0A", `explore: "0A" is no schedule: it has 'A'`},
		"explore.shard": {"2/2", `explore: "2/2" is no shard such as 0/4`},
	} {
		require.NoError(t, flag.Set(name, x.value))
		err := new(explore.Config).Check()
		require.NoError(t, flag.Set(name, ""))
		require.EqualError(t, err, x.err)
	}
}

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
