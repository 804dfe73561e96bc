package frames_test

import (
	"context"
	"errors"
	"flag"
	"maps"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/frames"
	"github.com/zksim/zksim/realserver"
)

var (
	framesOps     = flag.Int("frames.ops", 3000, "requests that TestFrames sends per profile")
	framesSeed    = flag.Uint64("frames.seed", 0, "the seed of TestFrames; 0 takes one from the clock")
	framesProfile = flag.String("frames.profile", "", "the profile of TestFrames, such as 3.8 or 3.9/quota; all if empty")
	framesReplay  = flag.String("frames.replay", "", "a history for TestFrames to run in place of random ones")
	framesMatrix  = flag.Bool("frames.matrix", false, "print how often TestFrames got which result to which request")
	framesShrink  = flag.Duration("frames.shrink", 10*time.Second, "how long TestFrames tries to make a history shorter; with -frames.replay, too")
	framesAll     = flag.Bool("frames.all", false, "go on after a difference, and list all kinds")
)

var framesProfiles = []frames.Profile{
	{Name: "3.9"},
	{Name: "3.8", V38: true},
	{Name: "3.9/quota", OneWrite: true, Settings: strict},
	{Name: "3.8/quota", OneWrite: true, Settings: strict, V38: true},
	{Name: "3.9/skip", Settings: open},
	{Name: "3.8/skip", Settings: open, V38: true},
	{Name: "3.9/auth", Settings: enforced, Alone: true, EnforcesAuth: true},
	{Name: "3.8/auth", Settings: enforced, Alone: true, EnforcesAuth: true, V38: true},
}

var (
	strict   = map[string]string{"enforceQuota": "true", "extendedTypesEnabled": "false", "reconfigEnabled": "true"}
	open     = map[string]string{"skipACL": "yes"}
	enforced = map[string]string{"enforce.auth.enabled": "true", "enforce.auth.schemes": "digest"}
)

// TestFrames sends the same random requests, well-formed and not, to the
// simulator and to a real ZooKeeper, and compares all that comes back.
func TestFrames(t *testing.T) {
	for _, p := range framesProfiles {
		if *framesProfile != "" && *framesProfile != p.Name {
			continue
		}
		t.Run("real/"+p.Name, func(t *testing.T) { testFrames(t, p) })
	}
}

func testFrames(t *testing.T, p frames.Profile) {
	if *framesProfile == "" && strings.Contains(p.Name, "/") {
		t.Skip("only with -frames.profile")
	}
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
	if *framesReplay != "" {
		replayFrames(t, pair, *framesReplay)
		return
	}
	seed := *framesSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())>>10&0xffffff + 1
	}
	start := time.Now()
	kinds := make(map[string]int)
	reported := make(map[string]bool)
	for found := 0; pair.Requests < *framesOps; found++ {
		d, err := pair.Search(frames.Options{Seed: seed + uint64(found)*77, Ops: *framesOps - pair.Requests, Shrink: *framesShrink,
			Known: func(d *frames.Difference) bool {
				kinds[d.Signature()]++
				return reported[d.Signature()]
			}})
		if err != nil {
			t.Fatalf("%v", err)
		}
		if d == nil {
			break
		}
		t.Errorf("%v\nseed %d; to see it again: go test ./proptest/frames -run 'Frames/real/%s$' -frames.replay %s",
			d, seed, p.Name, d.History.Token())
		if !*framesAll {
			break
		}
		reported[d.Signature()] = true
	}
	took := time.Since(start)
	t.Logf("frames: %d operations on ZooKeeper %s (%s), seed %d, %d restarts, %.1fs, %.0f operations/s", pair.Requests, in.Version, p.Name, seed, pair.Restarts, took.Seconds(), float64(pair.Requests)/took.Seconds())
	for s, n := range kinds {
		t.Logf("%6d %s", n, s)
	}
	if *framesMatrix {
		t.Logf("\n%v", pair.Matrix)
	}
}

func replayFrames(t *testing.T, pair *frames.Pair, token string) {
	h, err := frames.ParseHistory(token)
	if err != nil {
		t.Fatalf("%v", err)
	}
	d, err := pair.Run(h)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if d != nil && *framesShrink > 0 {
		if d, err = pair.Shrink(d, *framesShrink); err != nil {
			t.Fatalf("%v", err)
		}
	}
	if d != nil {
		t.Errorf("%v\nto see it again: -frames.replay %s", d, d.History.Token())
	}
}

// framesSim is a simulator that listens.
type framesSim struct{ *memserver.Server }

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
	return &framesSim{srv}, srv.Listen("127.0.0.1:0")
}

func (s *framesSim) Dial() (net.Conn, error) { return net.Dial("tcp", s.Addr()) }

func (s *framesSim) Close() error { return errors.Join(s.Server.Close(), s.Check()) }

// framesReal is a real server.
type framesReal struct{ *realserver.Server }

func startReal(in realserver.Install, settings map[string]string) (frames.Server, error) {
	srv, err := realserver.Start(context.Background(), in, func(o *realserver.Options) {
		for key, value := range settings {
			if ms, err := strconv.Atoi(value); key == "tickTime" && err == nil {
				o.TickTime = time.Duration(ms) * time.Millisecond
			} else {
				o.Config[key] = value
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return &framesReal{srv}, nil
}

func (s *framesReal) Dial() (net.Conn, error) { return net.Dial("tcp", s.Addr()) }
