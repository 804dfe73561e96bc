package frames_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zksim/zksim/proptest/frames"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/realserver"
)

var (
	ops     = flag.Int("frames.ops", brief.Or(1000, 10_400), "requests that TestFrames sends to each version, over all profiles")
	seed    = flag.Uint64("frames.seed", 0, "the seed of the first history; 0 takes a new one")
	profile = flag.String("frames.profile", "", "what TestFrames compares: versions and profiles, such as 3.8,3.9/quota; all without it")
	replay  = flag.String("frames.replay", "", "a history for TestFrames to run in place of random ones")
	shrink  = flag.Duration("frames.shrink", 15*time.Second, "how long TestFrames tries to make a history shorter; 0 takes it as it is")
	matrix  = flag.Bool("frames.matrix", false, "print how often TestFrames got which result to which request")
	survey  = flag.Bool("frames.survey", false, "go on after a difference, and report one of each kind")
	jit     = flag.Bool("frames.jit", false, "let the real server's JVM optimize, for long runs")
)

// profiles are what TestFrames compares.
var profiles = []frames.Profile{
	{Name: "3.9/plain"},
	{Name: "3.9/quota", OneWrite: true, Settings: strict},
	{Name: "3.9/skip", Settings: lax},
	{Name: "3.9/auth", Settings: enforced, EnforcesAuth: true},
	{Name: "3.8/plain", V38: true},
	{Name: "3.8/quota", OneWrite: true, Settings: strict, V38: true},
	{Name: "3.8/skip", Settings: lax, V38: true},
	{Name: "3.8/auth", Settings: enforced, EnforcesAuth: true, V38: true},
}

var (
	strict   = map[string]string{"enforceQuota": "true", "reconfigEnabled": "true"}
	lax      = map[string]string{"skipACL": "yes", "extendedTypesEnabled": "false"}
	enforced = map[string]string{"enforce.auth.enabled": "true", "enforce.auth.schemes": "digest"}
)

func versionOf(p frames.Profile) string { version, _, _ := strings.Cut(p.Name, "/"); return version }

// chosen are the profiles of a version that the flag asks for.
func chosen(version string) []frames.Profile {
	return slices.DeleteFunc(slices.Clone(profiles), func(p frames.Profile) bool {
		if *profile == "" && brief.Wanted() && p.Settings != nil && !p.EnforcesAuth {
			return true
		}
		asked := *profile == "" || slices.ContainsFunc(strings.Split(*profile, ","), func(s string) bool { return s == version || s == p.Name })
		return versionOf(p) != version || !asked
	})
}

// TestFrames sends the same random requests, well-formed and not, to the
// simulator and to a real ZooKeeper, and compares all that comes back. At the
// end every cell of the matrix of requests and results must have been filled,
// unless the test is brief.
func TestFrames(t *testing.T) {
	first := *seed
	if first == 0 {
		first = uint64(rand.Uint32())
	}
	for _, version := range []string{"3.9", "3.8"} {
		t.Run("real/"+version, func(t *testing.T) {
			some := chosen(version)
			if len(some) == 0 {
				t.Skipf("-frames.profile %s asks for none", *profile)
			}
			in := find(t, version)
			total, passed := frames.NewMatrix(), true
			for i, p := range some {
				first := first + uint64(i)*apart
				_, name, _ := strings.Cut(p.Name, "/")
				passed = t.Run(name, func(t *testing.T) { testProfile(t, in, p, first, *ops/len(some), total) }) && passed
			}
			if passed && *replay == "" {
				checkMatrix(t, total, some)
			}
		})
	}
}

// apart is how far the seeds of one profile are from those of the next.
const apart = 10_000_000

func find(t *testing.T, version string) realserver.Install {
	in, err := realserver.Find(version)
	if realserver.MaySkip(err) {
		t.Skipf("%v", err)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	return in
}

// checkMatrix fails where the real server has not given a result that it can
// give, or has given one that the table does not know.
func checkMatrix(t *testing.T, m *frames.Matrix, some []frames.Profile) {
	if *matrix {
		t.Logf("\n%v\n%s", m, frames.OutOfReach())
	}
	if unknown := m.Unknown(some...); len(unknown) > 0 {
		t.Errorf("the real server has given what cells.go does not know: %s", strings.Join(unknown, ", "))
	}
	if empty := m.Empty(some...); len(empty) > 0 && !brief.Wanted() {
		t.Errorf("the real server has not given what it can: %s", strings.Join(empty, ", "))
	}
}

func testProfile(t *testing.T, in realserver.Install, p frames.Profile, first uint64, ops int, total *frames.Matrix) {
	settings := maps.Clone(frames.Settings)
	maps.Copy(settings, p.Settings)
	pair, err := frames.Open(&p,
		func() (frames.Server, error) { return startSim(versionOf(p), settings) },
		func() (frames.Server, error) { return startReal(in, settings) })
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer func() {
		total.Add(pair.Matrix)
		if err := pair.Close(); err != nil {
			t.Errorf("%v", err)
		}
	}()
	c := comparison{T: t, pair: pair, kinds: make(map[string]int)}
	if *replay != "" {
		c.history(*replay)
		return
	}
	c.corpus()
	c.search(first, ops)
	text := fmt.Sprintf("%d operations on ZooKeeper %s, seed %d, %d differences", c.sent, in.Version, first, len(c.kinds))
	t.Attr("frames", text) // which .ci/report.go prints
	t.Logf("%s, %.0f operations/s", text, float64(c.sent)/time.Since(c.start).Seconds())
	for kind, n := range c.kinds {
		t.Logf("%6d %s", n, kind)
	}
}

// comparison is one profile's.
type comparison struct {
	*testing.T
	pair     *frames.Pair
	kinds    map[string]int
	unsteady int
	start    time.Time
	sent     int
}

// unsteadyAllowed is how many differences may be seen once and then no more. A
// real server gives a few in millions of requests.
const unsteadyAllowed = 1

func (c *comparison) search(first uint64, ops int) {
	c.start = time.Now()
	shown, before := c.start, c.pair.Requests
	err := c.pair.Search(frames.Options{
		Seed: first, Ops: ops, Found: c.found,
		Each: func() {
			if now := time.Now(); now.Sub(shown) > 10*time.Second {
				shown = now
				n := c.pair.Requests - before
				c.Logf("%d of %d operations, %.0f/s, %d differences", n, ops, float64(n)/now.Sub(c.start).Seconds(), len(c.kinds))
			}
		},
	})
	if err != nil {
		c.Fatalf("%v", err)
	}
	c.sent = c.pair.Requests - before
}

// found looks twice, then reports a difference and says whether to go on.
func (c *comparison) found(d *frames.Difference, seed uint64) bool {
	kind := d.Signature()
	if c.kinds[kind] > 0 {
		c.kinds[kind]++
		return true
	}
	again, err := c.pair.Confirm(d)
	switch {
	case err != nil:
		c.Fatalf("%v", err)
	case again == nil:
		c.Logf("seen once, and not again on fresh servers:\n%v\nseed %d", d, seed)
		if c.unsteady++; c.unsteady > unsteadyAllowed {
			c.Errorf("%d differences were seen once, and not again on fresh servers", c.unsteady)
		}
		return true
	}
	c.kinds[kind]++
	c.report(again, fmt.Sprintf("seed %d", seed))
	return *survey
}

func (c *comparison) report(d *frames.Difference, from string) {
	if *shrink > 0 {
		shorter, err := c.pair.Shrink(d, *shrink)
		if err != nil {
			c.Fatalf("%v", err)
		}
		d = shorter
	}
	c.Errorf("%v\n%s; to see it again:\ngo test ./proptest/frames -run 'TestFrames$' -frames.profile %s -frames.replay %s",
		d, from, d.Profile, d.History.Token())
}

func (c *comparison) history(text string) *frames.Difference {
	h, err := frames.ParseHistory(text)
	if err != nil {
		c.Fatalf("%v", err)
	}
	d, err := c.pair.Run(h)
	if err == nil && d != nil {
		d, err = c.pair.Confirm(d)
	}
	if err != nil {
		c.Fatalf("%v", err)
	}
	if d != nil {
		c.report(d, "a given history")
	}
	return d
}

// corpus runs the histories in testdata: those that have shown a difference
// once, and those that fill the cells of the matrix that chance seldom fills.
func (c *comparison) corpus() {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		c.Fatalf("no histories in testdata: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			c.Fatalf("%v", err)
		}
		if c.history(string(text)) != nil {
			c.Errorf("in %s", file)
		}
	}
}
