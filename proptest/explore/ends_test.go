package explore_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/explore"
)

// A participant that never ends, because its client does not hear of the end for
// instance, is a failure, and hides no other one.
func TestNeverEnds(t *testing.T) {
	waits := func(*explore.Participant) error { <-make(chan int); return nil }
	for why, a := range map[explore.Why]func(*explore.Participant) error{
		explore.Deadlock: waits,
		explore.Returned: func(p *explore.Participant) error { return errors.New("no") },
	} {
		t.Run(string(why), func(t *testing.T) {
			res := explore.Explore(t, func(w *explore.World) {
				w.Go("A", a)
				w.Go("B", waits)
			})
			require.NotNil(t, res.Failure)
			require.Equal(t, why, res.Failure.Why)
			require.True(t, res.Same)
		})
	}
}

// Goroutines that are left hide no other failure, either.
func TestLeaksAndFails(t *testing.T) {
	res := explore.Explore(t, func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			go func() { <-make(chan int) }()
			return errors.New("no")
		})
	})
	require.NotNil(t, res.Failure)
	require.Equal(t, explore.Returned, res.Failure.Why)
	require.True(t, res.Same)
}
