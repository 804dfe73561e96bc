package frames_test

import (
	"maps"
	"testing"

	"github.com/zksim/zksim/proptest/frames"
	"github.com/zksim/zksim/proptest/internal/brief"
)

// TestFramesLeaveNoSession runs histories among which some have left a session
// behind, which then expired on either side in its own time.
func TestFramesLeaveNoSession(t *testing.T) {
	p := frames.Profile{Name: "3.9/auth", Settings: enforced, EnforcesAuth: true}
	settings := maps.Clone(frames.Settings)
	maps.Copy(settings, p.Settings)
	var last *sim
	start := func() (frames.Server, error) {
		s, err := startSim("3.9", settings)
		last, _ = s.(*sim)
		return s, err
	}
	pair, err := frames.Open(&p, start, start)
	if err != nil {
		t.Fatal(err)
	}
	defer pair.Close()
	const first = 230_000_000
	for seed := uint64(first); seed < first+130; seed++ {
		if !brief.Takes(int(seed), 3) {
			continue
		}
		d, err := pair.Run(frames.Draw(seed))
		if d != nil || err != nil {
			t.Fatal(d, err)
		}
		if n := len(last.Sessions()); n != 1 {
			t.Fatalf("seed %d has left %d sessions", seed, n-1)
		}
	}
}
