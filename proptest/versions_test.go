package proptest

import (
	"testing"

	"github.com/zksim/zksim/proptest/internal/brief"
)

// Brief tells whether tests on real ensembles, which take seconds each to elect a leader, and sweeps of
// faults leave out what others show as well.
func Brief() bool { return brief.Wanted() }

// Concurrent has a test that mostly waits run beside others of its kind, if tests are to be brief. Under
// make test there are no others, and what computes meanwhile has a lower priority.
func Concurrent(t *testing.T) {
	if Brief() {
		t.Parallel()
	}
}

// RaceDetector tells tests outside of this package what raceDetector tells those within.
func RaceDetector() bool { return raceDetector }
