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
	"PCT":        func() explore.Strategy { return explore.PCT(1, 3) },
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
		golden(t, file, text)
	}
}

// golden compares with a file.
func golden(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o666))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), text)
}

// A goroutine that waits for something that never comes is a failure.
func TestLeaks(t *testing.T) {
	res := explore.Explore(t, func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			never := make(chan int)
			go func() { <-never }()
			_, _, err := p.Client.Get(p.Context(), "/")
			return err
		})
	})
	require.NotNil(t, res.Failure)
	require.Equal(t, explore.Leaked, res.Failure.Why)
	require.True(t, res.Same)
	require.Len(t, res.Failure.History, 1)
}

// Every failure is the same each time that its schedule is run again.
func TestReplays(t *testing.T) {
	faults := func(c *explore.Config) { c.Faults, c.Schedules = 1, 100_000 }
	first := explore.Explore(t, exclusion("does not look again", 3), faults).Failure
	for range 100 {
		again := explore.Replay(t, first.Schedule(), exclusion("does not look again", 3), faults)
		require.True(t, again.Same)
		require.Equal(t, first.History, again.Failure.History)
	}
	plain := explore.Replay(t, "0", exclusion("does not look again", 3), faults)
	require.Nil(t, plain.Failure)
}

// A search that was stopped goes on where it was, and the shards of one are all of it.
func TestPartsOfASearch(t *testing.T) {
	states := func(opts ...func(*explore.Config)) (n int, frontier string) {
		res := explore.Explore(t, exclusion("", 2), append(opts, func(c *explore.Config) { c.Kinds = explore.Expiry })...)
		require.Nil(t, res.Failure, "%v", res.Failure)
		require.Equal(t, res.Frontier == "", res.Complete)
		return res.Schedules, res.Frontier
	}
	all, _ := states(with(explore.Exhaustive(), 0))
	some, frontier := states(with(explore.Exhaustive(), 0), func(c *explore.Config) { c.Schedules = all / 2 })
	require.NotEmpty(t, frontier)
	rest, _ := states(with(explore.Exhaustive(frontier), 0))
	require.GreaterOrEqual(t, some+rest, all)
	sum := 0
	for i := range 3 {
		n, _ := states(with(explore.Exhaustive(), 0), func(c *explore.Config) { c.Shard, c.Shards = i, 3 })
		sum += n
	}
	require.GreaterOrEqual(t, sum, all)
}

func TestCheckRapid(t *testing.T) {
	explore.CheckRapid(t, exclusion("", 2))
}

func BenchmarkLock(b *testing.B) {
	var n int
	inTest(func(t *testing.T) {
		res := explore.Explore(t, exclusion("", 2), func(c *explore.Config) { c.Schedules = b.N })
		n = res.Schedules
	})
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "schedules/s")
}

func TestReport(t *testing.T) {
	res := explore.Explore(t, exclusion("waits for the first", 3), with(explore.Exhaustive(), 0))
	report := res.Report(t.Name())
	for _, part := range []string{"B and C hold it at the same time", "Create /lock/n- ephemeral sequential -> /lock/n-0000000000",
		"A  holds the lock", "-run '^TestReport$' . -explore.replay="} {
		require.True(t, strings.Contains(report, part), report)
	}
}
