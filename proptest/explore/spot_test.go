package explore_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/zkapi"
)

// Random programs go on in the same way from what is taken for the same, whichever way has led there.
func TestWaysLeadToTheSame(t *testing.T) {
	n, checked := brief.Or(20, 300), 0
	if raceDetector {
		n = 5
	}
	for seed := range uint64(n) {
		for _, x := range []struct{ participants, faults int }{{2, 0}, {2, 1}, {2, 2}, {3, 0}} {
			if x.participants+x.faults > 2 && seed%5 > 0 || x.faults > 1 && (seed%50 > 0 || n < 100) {
				continue // it takes seconds
			}
			res := thorough(t, explore.Exhaustive(), seed, x.participants, x.faults)
			require.True(t, res.Complete, "seed %d, %v: %v", seed, x, res.Failure)
			require.Zero(t, res.Unsteady)
			checked += res.Checked
		}
	}
	require.Positive(t, checked)
	t.Logf("%d pairs of ways", checked)
}

// thorough explores a random program, and goes both ways wherever it believes that they lead to the same.
func thorough(t *testing.T, s explore.Strategy, seed uint64, participants, faults int) *explore.Result {
	return explore.Explore(t, func(w *explore.World) { program(seed, participants)(w, func(string) {}) }, func(c *explore.Config) {
		c.Strategy, c.Thorough, c.Schedules, c.Faults = s, true, 1_000_000, faults
		c.Failures = func(*explore.Failure) {} // they may wait for ever
	})
}

// A search that leaves out too much finds out by itself.
func TestWaysShowCarelessness(t *testing.T) {
	for name, strategy := range map[string]func() explore.Strategy{"careless": explore.Careless, "indiscreet": explore.Indiscreet} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(200) {
				if res := thorough(t, strategy(), seed, 2, 0); res.Failure != nil {
					require.Equal(t, explore.Unlike, res.Failure.Why)
					t.Logf("after %d programs", seed+1)
					return
				}
			}
			require.Fail(t, "nothing is noticed")
		})
	}
}

// So it does what a scenario has in mind and does not say, and a participant that is not a function of what it learns.
func TestWaysShowWhatIsNotSaid(t *testing.T) {
	search := func(remember bool, learn bool) *explore.Result {
		return explore.Explore(t, func(w *explore.World) {
			last := ""
			sharing(w, &last, learn, func(p *explore.Participant, read string) error {
				_, err := p.Client.Create(p.Context(), "/after-"+read, nil, nil, zkapi.EphemeralSequential)
				return err
			})
			if remember {
				w.Remember(func() string { return last })
			} else {
				w.Remember()
			}
		}, func(c *explore.Config) { c.Strategy, c.Thorough, c.Schedules = explore.Exhaustive(), true, 10_000 })
	}
	all := search(true, true)
	require.Nil(t, all.Failure)
	require.Positive(t, all.Checked)
	for _, res := range []*explore.Result{search(false, true), search(true, false)} {
		require.NotNil(t, res.Failure)
		require.Equal(t, explore.Unlike, res.Failure.Why)
		require.True(t, res.Same)
		report := res.Report(t.Name())
		require.Regexp(t, `(?s)one way:.*this is taken for the same.*from here on.*the other way:.*this is taken for the same.*from here on`, report)
		require.NotContains(t, report, "-explore.replay")
	}
}

// What numbers the root has given away is part of the state, as it is with any node.
func TestNumbersOfTheRoot(t *testing.T) {
	made := map[string]bool{}
	res := explore.Explore(t, func(w *explore.World) {
		for _, name := range []string{"A", "B"} {
			w.Go(name, func(p *explore.Participant) error {
				_, _ = p.Client.Create(p.Context(), "/t", nil, nil, zkapi.Persistent)
				_ = p.Client.Delete(p.Context(), "/t", zkapi.AnyVersion)
				return nil
			})
		}
		for _, name := range []string{"C", "D"} {
			w.Go(name, func(p *explore.Participant) error {
				path, err := p.Client.Create(p.Context(), "/n-", nil, nil, zkapi.PersistentSequential)
				if err == nil { // and the schedule is not given up
					made[path] = true
				}
				return err
			})
		}
		w.Remember()
	}, func(c *explore.Config) { c.Strategy, c.Thorough, c.Schedules = explore.Exhaustive(), true, 10_000 })
	require.Nil(t, res.Failure)
	require.True(t, res.Complete)
	require.Len(t, made, 4, "after none to three others")
}

// Nor is it the same whether the session of somebody who has ended is older than that of somebody who has not.
func TestSessionsOfThoseWhoAreGone(t *testing.T) {
	res := explore.Explore(t, func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			_, err := p.Client.Set(p.Context(), "/zookeeper", nil, zkapi.AnyVersion)
			return err
		})
		w.Go("B", func(p *explore.Participant) error {
			_, _, _, err := p.Client.ExistsW(p.Context(), "/zookeeper")
			_, _, err2 := p.Client.Exists(p.Context(), "/")
			return errors.Join(err, err2)
		})
		w.Remember()
	}, func(c *explore.Config) {
		c.Strategy, c.Thorough, c.Schedules, c.Faults = explore.Exhaustive(), true, 10_000, 2
		c.Failures = func(*explore.Failure) {}
	})
	require.Nil(t, res.Failure)
	require.True(t, res.Complete)
}

// Whoever does something else each time is no case for it.
func TestWaysOfTheCapricious(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 1))
	res := explore.Explore(t, func(w *explore.World) {
		for _, name := range []string{"A", "B", "C"} {
			w.Go(name, func(p *explore.Participant) error {
				_, _, err := p.Client.Get(p.Context(), "/")
				if chance.IntN(4) == 0 {
					_, _, _ = p.Client.Exists(p.Context(), "/never")
				}
				_, _, err2 := p.Client.Get(p.Context(), "/zookeeper")
				return errors.Join(err, err2)
			})
		}
		w.Remember()
	}, func(c *explore.Config) { c.Strategy, c.Thorough, c.Schedules = explore.Exhaustive(), true, 1000 })
	require.Nil(t, res.Failure)
	require.Positive(t, res.Unsteady)
}
