package explore_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
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

// Who watches what he writes, and loses the reply and with it the event, is told when he is back.
func TestALostReplyIsTold(t *testing.T) {
	lost := 0
	explore.Check(t, func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			_, _, changed, err := p.Client.ChildrenW(p.Context(), "/")
			if err != nil {
				return err
			}
			if _, err := p.Client.Create(p.Context(), "/x", nil, nil, zkapi.Persistent); err != nil {
				lost++
			}
			<-changed
			return nil
		})
	}, func(c *explore.Config) { c.Strategy, c.Faults, c.Kinds = explore.Exhaustive(), 1, explore.LostReply })
	require.NotZero(t, lost)
}
