package explore_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/explore"
)

// strategies are those that find bugs without help.
var strategies = map[string]func() explore.Strategy{
	"random":     func() explore.Strategy { return explore.Random(1) },
	"exhaustive": func() explore.Strategy { return explore.Exhaustive() },
}

func with(s explore.Strategy, faults int) func(*explore.Config) {
	return func(c *explore.Config) { c.Strategy, c.Faults, c.Schedules, c.KeepShrinking = s, faults, 100_000, 1000 }
}

func TestFindsBugs(t *testing.T) {
	for name, strategy := range strategies {
		for _, bug := range []struct {
			name         string
			participants int
			faults       int
			why          explore.Why
			steps        int
		}{
			{"waits for the first", 3, 0, explore.Invariant, 12},
			{"does not look again", 3, 1, explore.Invariant, 8},
			{"leaves its node", 2, 1, explore.Deadlock, 6},
		} {
			if name == "exhaustive" && bug.name == "does not look again" {
				continue // it takes many schedules before the fault comes early enough
			}
			t.Run(name+"/"+bug.name, func(t *testing.T) {
				res := explore.Explore(t, exclusion(bug.name, bug.participants), with(strategy(), bug.faults))
				require.NotNil(t, res.Failure)
				require.Equal(t, bug.why, res.Failure.Why, res.Report(t.Name()))
				require.True(t, res.Same)
				t.Log(res.Report(t.Name()))
				require.LessOrEqual(t, res.Failure.Steps(), bug.steps)
			})
		}
	}
}

func TestCorrectLockPasses(t *testing.T) {
	res := explore.Explore(t, exclusion("", 2), with(explore.Exhaustive(), 0))
	require.Nil(t, res.Failure)
	require.True(t, res.Complete)
	require.Less(t, res.Schedules, 100)
	res = explore.Explore(t, exclusion("", 2), func(c *explore.Config) { c.Schedules = 500 })
	require.Nil(t, res.Failure)
	require.Equal(t, 500, res.Schedules)
}

var update = flag.Bool("update", false, "write testdata anew")

// What a failure is told as. The test in Go is one of this package.
func TestArtifacts(t *testing.T) {
	f := explore.Explore(t, exclusion("does not look again", 3), func(c *explore.Config) { c.Faults, c.Schedules = 1, 100_000 }).Failure
	for file, text := range map[string]string{"schedule_test.go": f.GoTest("explore_test", "TestSchedule"),
		"testdata/schedule.mmd": f.Mermaid(), "testdata/schedule.html": f.HTML("TestArtifacts")} {
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(text), 0o666))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), text)
	}
}

func TestReport(t *testing.T) {
	res := explore.Explore(t, exclusion("waits for the first", 3), with(explore.Exhaustive(), 0))
	report := res.Report(t.Name())
	for _, part := range []string{"B and C hold it at the same time", "Create /lock/n- ephemeral sequential -> /lock/n-0000000000",
		"A  holds the lock", "-run '^TestReport$' . -explore.replay="} {
		require.True(t, strings.Contains(report, part), report)
	}
}
