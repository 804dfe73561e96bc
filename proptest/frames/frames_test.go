package frames_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/frames"
	"github.com/zksim/zksim/realserver"
)

var (
	ops     = flag.Int("frames.ops", 0, "requests that TestFrames sends per profile; none, and no test, without it")
	seed    = flag.Uint64("frames.seed", 0, "the seed of TestFrames; 0 takes one from the clock")
	profile = flag.String("frames.profile", "", "the profiles of TestFrames, such as 3.8,3.9/quota; all for all of them")
	replay  = flag.String("frames.replay", "", "a history for TestFrames to run in place of random ones")
	shrink  = flag.Duration("frames.shrink", 15*time.Second, "how long TestFrames tries to make a history shorter; 0 takes it as it is")
	matrix  = flag.Bool("frames.matrix", false, "print how often TestFrames got which result to which request")
	survey  = flag.Bool("frames.survey", false, "go on after a difference, and report one of each kind")
	jit     = flag.Bool("frames.jit", false, "let the real server's JVM optimize, for long runs")
)

// profiles are what TestFrames compares. The first ones are those that it
// compares unless told otherwise.
var profiles = []frames.Profile{
	{Name: "3.9"},
	{Name: "3.8", V38: true},
	{Name: "3.9/quota", OneWrite: true, Settings: strict},
	{Name: "3.8/quota", OneWrite: true, Settings: strict, V38: true},
	{Name: "3.9/skip", Settings: lax},
	{Name: "3.8/skip", Settings: lax, V38: true},
	{Name: "3.9/auth", Settings: enforced, EnforcesAuth: true},
	{Name: "3.8/auth", Settings: enforced, EnforcesAuth: true, V38: true},
}

const byDefault = 4

var (
	strict   = map[string]string{"enforceQuota": "true", "extendedTypesEnabled": "false", "reconfigEnabled": "true"}
	lax      = map[string]string{"skipACL": "yes"}
	enforced = map[string]string{"enforce.auth.enabled": "true", "enforce.auth.schemes": "digest"}
)

func chosen() []frames.Profile {
	switch *profile {
	case "":
		return profiles[:byDefault]
	case "all":
		return profiles
	}
	names := strings.Split(*profile, ",")
	return slices.DeleteFunc(slices.Clone(profiles), func(p frames.Profile) bool { return !slices.Contains(names, p.Name) })
}

// TestFrames sends the same random requests, well-formed and not, to the
// simulator and to a real ZooKeeper, and compares all that comes back.
//
//	go test ./proptest/frames -run TestFrames$ -v -frames.profile all -frames.ops 1000000 -frames.matrix
func TestFrames(t *testing.T) {
	onlyWhenAsked(t)
	for _, p := range chosen() {
		t.Run("real/"+p.Name, func(t *testing.T) { testFrames(t, p) })
	}
}

// onlyWhenAsked skips what takes minutes, and what a busy real server can upset:
// pipelined writes are prepared there against changes that are still under way.
func onlyWhenAsked(t *testing.T) {
	if *ops == 0 && *replay == "" {
		t.Skip("left out: ask for it with -frames.ops 3000")
	}
}

func testFrames(t *testing.T, p frames.Profile) {
	version, _, _ := strings.Cut(p.Name, "/")
	in, err := realserver.Find(version)
	if err != nil {
		if errors.Is(err, realserver.ErrNotFound) && os.Getenv(realserver.RequireEnv) != "1" {
			t.Skipf("%v", err)
		}
		t.Fatalf("%v", err)
	}
	settings := maps.Clone(frames.Settings)
	maps.Copy(settings, p.Settings)
	pair, err := frames.Open(&p,
		func() (frames.Server, error) { return startSim(version, settings) },
		func() (frames.Server, error) { return startReal(in, settings) })
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer func() {
		if err := pair.Close(); err != nil {
			t.Errorf("%v", err)
		}
	}()
	if *replay != "" {
		runHistory(t, pair, *replay)
		return
	}
	runCorpus(t, pair)
	start, first := time.Now(), cmp.Or(*seed, uint64(time.Now().UnixNano())>>10&0xffffff+1)
	found := search(t, pair, first)
	took := time.Since(start).Seconds()
	t.Logf("frames: %d operations on ZooKeeper %s (%s), seed %d, %d differences", pair.Requests, in.Version, p.Name, first, found)
	t.Logf("%.1fs, %.0f operations/s, %d restarts", took, float64(pair.Requests)/took, pair.Restarts)
	if *matrix {
		t.Logf("\n%vnever: %s", pair.Matrix, strings.Join(pair.Matrix.Empty(&p), ", "))
	}
}

// search looks for differences and returns how many kinds there were.
func search(t *testing.T, pair *frames.Pair, from uint64) int {
	kinds := make(map[string]int)
	end := pair.Requests + *ops
	for pair.Requests < end {
		d, err := pair.Search(frames.Options{
			Seed: from + uint64(len(kinds))*77, Ops: end - pair.Requests, Shrink: *shrink,
			Known: func(d *frames.Difference) bool {
				if kinds[d.Signature()] > 0 {
					kinds[d.Signature()]++
					return true
				}
				return false
			},
		})
		if err != nil {
			t.Fatalf("%v", err)
		}
		if d == nil {
			break
		}
		report(t, d, from)
		if kinds[d.Signature()]++; !*survey {
			break
		}
	}
	for kind, n := range kinds {
		t.Logf("%6d %s", n, kind)
	}
	return len(kinds)
}

func report(t *testing.T, d *frames.Difference, seed uint64) {
	t.Helper()
	t.Errorf("%v\nseed %d; to see it again:\ngo test ./proptest/frames -run 'TestFrames$' -frames.profile %s -frames.replay %s",
		d, seed, d.Profile, d.History.Token())
}

// runHistory runs one history and tells whether both sides answer alike.
func runHistory(t *testing.T, pair *frames.Pair, text string) bool {
	t.Helper()
	h, err := frames.ParseHistory(text)
	if err != nil {
		t.Fatalf("%v", err)
	}
	d, err := pair.Run(h)
	if err == nil && d != nil && *shrink > 0 {
		d, err = pair.Shrink(d, *shrink)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	if d != nil {
		report(t, d, 0)
	}
	return d == nil
}

// runCorpus runs the histories in testdata: those that have shown a difference
// once.
func runCorpus(t *testing.T, pair *frames.Pair) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if !runHistory(t, pair, string(text)) {
			t.Errorf("in %s", file)
		}
	}
}

// sim is a simulator that listens.
type sim struct{ *memserver.Server }

func startSim(version string, settings map[string]string) (frames.Server, error) {
	var set error
	srv, err := memserver.New(func(c *memserver.Config) {
		c.Profile = memserver.Profile(version)
		for key, value := range settings {
			set = errors.Join(set, c.Set(key, value))
		}
	})
	if err = errors.Join(err, set); err != nil {
		return nil, err
	}
	return &sim{srv}, srv.Listen("127.0.0.1:0")
}

func (s *sim) Dial() (net.Conn, error) { return net.Dial("tcp", s.Addr()) }

func (s *sim) Close() error { return errors.Join(s.Server.Close(), s.Check()) }

// realServer is a real one.
type realServer struct{ *realserver.Server }

func startReal(in realserver.Install, settings map[string]string) (frames.Server, error) {
	srv, err := realserver.Start(context.Background(), in, func(o *realserver.Options) {
		for key, value := range settings {
			if ms, err := strconv.Atoi(value); key == "tickTime" && err == nil {
				o.TickTime = time.Duration(ms) * time.Millisecond
			} else {
				o.Config[key] = value
			}
		}
		if *jit {
			o.JVM = []string{"-Xmx1g", "-XX:+UseSerialGC"}
		}
	})
	if err != nil {
		return nil, err
	}
	return &realServer{srv}, nil
}

func (s *realServer) Dial() (net.Conn, error) { return net.Dial("tcp", s.Addr()) }
