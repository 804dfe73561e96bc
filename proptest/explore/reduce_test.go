package explore_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/zkapi"
)

// outcomes is everything that a search comes to: how it fails, and what is left on
// the server in the end; participants that are alike are not told apart.
type outcomes struct {
	ways      map[string]bool
	schedules int
}

var whose = regexp.MustCompile(`\b[A-Z]\b|0x[0-9a-f]+`)

func (o *outcomes) add(s string) { o.ways[whose.ReplaceAllString(s, "X")] = true }

// explored runs a scenario in all schedules.
func explored(t *testing.T, scenario func(*explore.World), unreduced bool, faults int, kinds explore.Fault) outcomes {
	t.Helper()
	o := outcomes{ways: map[string]bool{}}
	res := explore.Explore(t, func(w *explore.World) {
		scenario(w)
		w.Finally(func() error {
			o.add("left behind: " + w.Server.Snapshot().String())
			return nil
		})
	}, func(c *explore.Config) {
		c.Strategy, c.Schedules = explore.Exhaustive(), 1_000_000
		c.Faults, c.Kinds, c.Unreduced = faults, kinds, unreduced
		c.Failures = func(f *explore.Failure) { o.add(f.Error()) }
	})
	require.True(t, res.Complete)
	o.schedules = res.Schedules
	return o
}

var raceDetector bool

// What is left out comes to nothing that something else does not come to.
func TestReductions(t *testing.T) {
	for _, bug := range []string{"", "waits for the first", "does not look again", "leaves its node"} {
		for i, x := range []struct {
			participants, faults int
			kinds                explore.Fault
		}{{2, 0, 0}, {3, 0, 0}, {2, 1, explore.Network}, {2, 1, explore.Restart | explore.Removal}, {2, 1, explore.Lag}, {2, 2, explore.Cut}} {
			if raceDetector && bug != "" || bug == "does not look again" && (x.participants > 2 || x.faults > 1) {
				continue // it takes a hundred thousand schedules
			}
			if !brief.Takes(i, 3) {
				continue
			}
			t.Run(fmt.Sprintf("%s/%dx%d/%d", bug, x.participants, x.faults, x.kinds), func(t *testing.T) {
				scenario := exclusion(bug, x.participants)
				all := explored(t, scenario, true, x.faults, x.kinds)
				some := explored(t, func(w *explore.World) {
					scenario(w)
					w.Alike("A", "B", "C")
					w.Remember()
				}, false, x.faults, x.kinds)
				require.Equal(t, slices.Sorted(maps.Keys(all.ways)), slices.Sorted(maps.Keys(some.ways)))
				require.Less(t, some.schedules, all.schedules)
				t.Logf("%d schedules instead of %d, %d outcomes", some.schedules, all.schedules, len(all.ways))
			})
		}
	}
}

// Steps that sleep lead to no state that there is not without them.
func TestSleepersMissNothing(t *testing.T) {
	for _, bug := range []string{"", "waits for the first", "leaves its node"} {
		for i, x := range []struct {
			participants, faults int
			kinds                explore.Fault
		}{{3, 0, 0}, {2, 1, explore.Network | explore.Restart | explore.Removal}, {2, 1, explore.Lag}, {2, 2, explore.Cut}} {
			if raceDetector && bug != "" || !brief.Takes(i, 3) {
				continue
			}
			t.Run(fmt.Sprintf("%s/%dx%d/%d", bug, x.participants, x.faults, x.kinds), func(t *testing.T) {
				var found [2]*explore.Result
				for i, s := range []explore.Strategy{explore.Sleepless(), explore.Public()} {
					found[i] = explore.Explore(t, func(w *explore.World) {
						exclusion(bug, x.participants)(w)
						w.Remember()
					}, func(c *explore.Config) {
						c.Strategy, c.Schedules, c.Faults, c.Kinds = s, 1_000_000, x.faults, x.kinds
						c.Failures = func(*explore.Failure) {}
					})
					require.True(t, found[i].Complete)
				}
				require.Equal(t, found[0].States, found[1].States)
				require.Less(t, found[1].Schedules, found[0].Schedules)
				t.Logf("%d states in %d schedules instead of %d", found[1].States, found[1].Schedules, found[0].Schedules)
			})
		}
	}
}

// sharing has two participants write who they are into what they share, read it a step later, and in another one do something
// with what they have read.
func sharing(w *explore.World, last *string, learn bool, then func(p *explore.Participant, read string) error) {
	for _, name := range []string{"A", "B"} {
		w.Go(name, func(p *explore.Participant) error {
			_, _, _ = p.Client.Get(p.Context(), "/")
			*last = p.Name
			_, _, _ = p.Client.Get(p.Context(), "/")
			read := *last
			if learn {
				p.Learn(read)
			}
			_, _, _ = p.Client.Get(p.Context(), "/")
			return then(p, read)
		})
	}
}

// What participants share is part of the state, and what they read of it is, too.
func TestSharedMemory(t *testing.T) {
	scenario := func(w *explore.World) {
		last, seen := "", ""
		sharing(w, &last, true, func(_ *explore.Participant, read string) error {
			seen += read
			return nil
		})
		w.Remember(func() string { return last + seen })
		w.Finally(func() error { return fmt.Errorf("they have seen %s", seen) })
	}
	found := map[bool]map[string]bool{}
	for _, unreduced := range []bool{true, false} {
		found[unreduced] = map[string]bool{}
		res := explore.Explore(t, scenario, func(c *explore.Config) {
			c.Strategy, c.Schedules, c.Unreduced = explore.Exhaustive(), 10_000, unreduced
			c.Failures = func(f *explore.Failure) { found[unreduced][f.Text] = true }
		})
		require.True(t, res.Complete)
	}
	require.Len(t, found[false], 4, "AA, AB, BA, BB")
	require.Subset(t, found[false], found[true])
}

// A participant that has returned and one whose goroutines go on are not the same.
func TestGoesOnAfterReturning(t *testing.T) {
	ways := map[string]bool{}
	res := explore.Explore(t, func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			go func() { _, _ = p.Client.Create(p.Context(), "/late", nil, nil, zkapi.Persistent) }()
			return nil
		})
		w.Go("B", func(p *explore.Participant) error {
			_, ok, _ := p.Client.Exists(p.Context(), "/late")
			ways[fmt.Sprint(ok)] = true
			return nil
		})
		w.Remember()
	}, func(c *explore.Config) { c.Strategy, c.Schedules = explore.Exhaustive(), 10_000 })
	require.Nil(t, res.Failure)
	require.True(t, res.Complete)
	require.Len(t, ways, 2)
}

// A participant that does something else once, because a goroutine of it was held up, does no harm. One that
// always does makes the search incomplete, and it ends.
func TestStrays(t *testing.T) {
	search := func(paths []string, strays func(schedule int) bool) (*explore.Result, map[string]bool) {
		schedules, ways := 0, map[string]bool{}
		res := explore.Explore(t, func(w *explore.World) {
			schedules++
			strays := strays(schedules)
			w.Go("A", func(p *explore.Participant) error {
				_, _ = p.Client.Create(p.Context(), "/a", nil, nil, zkapi.Persistent)
				if strays {
					_, _ = p.Client.Create(p.Context(), "/never", nil, nil, zkapi.Persistent)
				}
				_, there, _ := p.Client.Exists(p.Context(), "/b")
				p.Log("%v", there)
				return nil
			})
			w.Go("B", func(p *explore.Participant) error {
				for _, path := range paths {
					_, _ = p.Client.Create(p.Context(), path, nil, nil, zkapi.Persistent)
				}
				return nil
			})
			w.Remember()
			w.Finally(func() error {
				ways[w.Server.Snapshot().String()] = true
				return nil
			})
		}, func(c *explore.Config) { c.Strategy, c.Schedules = explore.Exhaustive(), 100_000 })
		return res, ways
	}
	few := []string{"/b", "/c", "/d"}
	straight, ways := search(few, func(int) bool { return false })
	require.True(t, straight.Complete)
	for once := 1; once <= straight.Schedules; once++ {
		res, seen := search(few, func(n int) bool { return n == once })
		require.True(t, res.Complete, once)
		require.Equal(t, straight.States, res.States, once)
		require.Equal(t, straight.Schedules, res.Schedules, once)
		require.Subset(t, slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(ways)), once)
	}
	chance := rand.New(rand.NewPCG(1, 1))
	many := make([]string, 40)
	for i := range many {
		many[i] = fmt.Sprintf("/%d", i)
	}
	res, _ := search(many, func(int) bool { return chance.IntN(2) == 0 })
	require.False(t, res.Complete)
}

// Whoever is stopped from outside may be stopped before he is told what is on its way to him, or after that.
func TestStoppedFromOutside(t *testing.T) {
	found := map[bool]map[string]bool{}
	for _, unreduced := range []bool{true, false} {
		found[unreduced] = map[string]bool{}
		res := explore.Explore(t, func(w *explore.World) {
			stop, done, way := func() {}, false, ""
			w.Go("A", func(p *explore.Participant) error {
				_, err := p.Client.Set(p.Context(), "/zookeeper", nil, zkapi.AnyVersion)
				_, _, err2 := p.Client.Exists(p.Context(), "/")
				done = true
				return errors.Join(err, err2)
			})
			w.Go("B", func(p *explore.Participant) error {
				var ctx context.Context
				ctx, stop = context.WithCancel(p.Context())
				defer stop()
				_, stat, changed, err := p.Client.GetW(ctx, "/zookeeper")
				if err != nil {
					return nil
				}
				how := "told"
				select {
				case <-changed:
				case <-ctx.Done():
					how = "stopped"
				}
				_, _, err = p.Client.Get(p.Context(), "/")
				way = fmt.Sprint(how, stat.Version)
				return err
			})
			w.Invariant(func() error {
				if done {
					stop()
				}
				return nil
			})
			w.Remember(func() string { return fmt.Sprint(done, way) })
			w.Finally(func() error {
				found[unreduced][way] = true
				return nil
			})
		}, func(c *explore.Config) {
			c.Strategy, c.Schedules, c.Unreduced = explore.Exhaustive(), 10_000, unreduced
		})
		require.Nil(t, res.Failure)
		require.True(t, res.Complete)
	}
	require.Equal(t, found[true], found[false])
	require.True(t, found[true]["told0"] && found[true]["stopped0"], "stopped with the event on its way")
}
