package proptest_test

import (
	"fmt"
	"testing"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/proptest/internal/brief"
)

// What the properties have in mind they say: a search that goes both ways wherever it believes that they lead to the
// same finds that they do.
func TestThorough(t *testing.T) {
	schedules := 500
	if proptest.RaceDetector() {
		schedules = 10 // which take as long
	}
	for property, explored := range properties {
		t.Run(property, func(t *testing.T) {
			for i, x := range []judged{
				{participants: 3, rounds: 1},
				{participants: 2, rounds: 2, faults: 1, kinds: explore.Cancellation},
				{participants: 3, rounds: 1, faults: 1, kinds: explore.Cancellation},
				{participants: 2, rounds: 1, faults: 2, kinds: explore.Network},
				{participants: 2, rounds: 1, faults: 2, kinds: explore.Restart | explore.TimerRace | explore.Expiry},
			} {
				if !brief.Takes(i, 5) {
					continue
				}
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					res := explored(t, "", func(e *proptest.Exploration) {
						e.Strategy, e.Thorough, e.Participants, e.Rounds = explore.Exhaustive(), true, x.participants, x.rounds
						e.Faults, e.Kinds, e.Schedules = x.faults, x.kinds, schedules
					})
					if res.Failure != nil {
						t.Fatal(res.Report(t.Name()))
					}
					t.Logf("%v, complete: %v", res.Progress, res.Complete)
				})
			}
		})
	}
}
