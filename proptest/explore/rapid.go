package explore

import (
	"testing"

	"pgregory.net/rapid"
)

// CheckRapid has rapid draw the schedules, a step at a time, and shrink the one that
// fails, with all of rapid's flags. Of Config it takes what a schedule is: faults,
// preemptions, steps. It runs in one bubble, by whose clock rapid measures how long
// it shrinks: schedules in which time passes, such as those in which somebody waits
// for ever, need -rapid.shrinktime=100000h.
func CheckRapid(t *testing.T, scenario func(w *World), opts ...func(*Config)) {
	t.Helper()
	x := newExplorer(t, scenario, opts)
	defer x.control()()
	x.test(func(t *testing.T) {
		rapid.Check(struct{ rapid.TB }{t}, func(rt *rapid.T) {
			if f := x.run(&fromRapid{rt}, true).failed(); f != nil {
				rt.Fatalf("%v\n\n%s\nrun it again with -explore.replay=%s, on Check", f, f.Story(), f.Schedule())
			}
		})
	})
}

type fromRapid struct{ rt *rapid.T }

func (s *fromRapid) Choose(r *run) int { return rapid.IntRange(0, len(r.steps)-1).Draw(s.rt, "step") }
