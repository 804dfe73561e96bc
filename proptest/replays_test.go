package proptest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/proptest/internal/brief"
)

// Every schedule that fails, before it is shrunk, is the same each time that it is run
// again, to the letter: each planted bug, and go-zookeeper's own lock.
func TestReplays(t *testing.T) {
	again := func(t *testing.T, explored func(o option) *explore.Result) {
		times := 100
		if proptest.Brief() || proptest.RaceDetector() { // whose memory grows with each schedule
			times = 10
		}
		first := explored(func(e *proptest.Exploration) { e.KeepShrinking = -1 })
		require.NotNil(t, first.Failure)
		require.True(t, first.Same)
		for range times {
			res := explored(func(e *proptest.Exploration) { e.Replay = first.Failure.Schedule() })
			require.NotNil(t, res.Failure)
			require.True(t, res.Same) // it has been run twice
			require.Equal(t, first.Failure.Error(), res.Failure.Error())
			require.Equal(t, first.Failure.History, res.Failure.History)
		}
	}
	for i, p := range planted {
		t.Run("direct/"+p.property+"/"+p.bug, func(t *testing.T) {
			if !brief.Takes(i, 6) {
				t.Skip("it is the turn of another one; make test")
			}
			again(t, func(o option) *explore.Result {
				return properties[p.property](t, p.bug, func(e *proptest.Exploration) {
					e.Strategy, e.Participants, e.Rounds, e.Time = explore.Random(1), p.participants, p.rounds, time.Minute
					if e.Kinds = p.kinds; p.kinds != 0 {
						e.Faults = max(1, p.faults)
					}
					o(e)
				})
			})
		})
	}
	for i, bug := range gozkBugs {
		t.Run("wire/"+bug.name, func(t *testing.T) {
			again(t, func(o option) *explore.Result { return exploreGozkLock(t, i, o) })
		})
	}
}

// How many schedules of two participants that lock once, without a fault, are run in a
// second: of the textbook's lock on a direct client, of go-zookeeper's on its own over the wire.
func BenchmarkSchedules(b *testing.B) {
	for name, explored := range map[string]func(t *testing.T, o option) *explore.Result{
		"direct": func(t *testing.T, o option) *explore.Result { return properties["lock"](t, "", o) },
		"wire": func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreLockDialing(t, newGozkLock, furnished(""), o)
		},
	} {
		b.Run(name, func(b *testing.B) {
			passes(func(t *testing.T) {
				res := explored(t, func(e *proptest.Exploration) {
					e.Strategy, e.Participants, e.Schedules = explore.Random(1), 2, b.N
				})
				require.Nil(t, res.Failure)
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "schedules/s")
		})
	}
}
