package explore_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/zkapi"
)

// instruction is something that a participant of a random program does; it returns what came of it.
type instruction func(p *explore.Participant) string

// instructions are one of each kind, on a path, or on what participants share.
func instructions(path string, heard *[]<-chan zkapi.Event, shared *string) []instruction {
	told := func(err error) string { return fmt.Sprint(zkapi.CodeOf(err), err == nil) }
	return []instruction{
		func(p *explore.Participant) string {
			_, err := p.Client.Create(p.Context(), path, nil, nil, zkapi.Persistent)
			return told(err)
		},
		func(p *explore.Participant) string {
			made, err := p.Client.Create(p.Context(), path+"-", nil, nil, zkapi.EphemeralSequential)
			return made + told(err)
		},
		func(p *explore.Participant) string { return told(p.Client.Delete(p.Context(), path, zkapi.AnyVersion)) },
		func(p *explore.Participant) string {
			stat, err := p.Client.Set(p.Context(), path, []byte(p.Name), zkapi.AnyVersion)
			return fmt.Sprint(stat.Version) + told(err)
		},
		func(p *explore.Participant) string {
			_, err := p.Client.Multi(p.Context(), zkapi.CheckOp(path, zkapi.AnyVersion), zkapi.CreateOp("/m", nil, nil, zkapi.Persistent),
				zkapi.CreateOp("/s-", nil, nil, zkapi.PersistentSequential))
			return told(err)
		},
		func(p *explore.Participant) string {
			_, err := p.Client.Multi(p.Context(), zkapi.DeleteOp(path, zkapi.AnyVersion), zkapi.SetOp("/a", []byte(p.Name), zkapi.AnyVersion))
			return told(err)
		},
		func(p *explore.Participant) string {
			results, err := p.Client.MultiRead(p.Context(), zkapi.GetOp(path), zkapi.ChildrenOp("/a"))
			report := told(err)
			for _, x := range results {
				report += fmt.Sprintf("%s %q %v", told(x.Err), x.Data, x.Children)
			}
			return report
		},
		func(p *explore.Participant) string {
			data, _, err := p.Client.Get(p.Context(), path)
			return string(data) + told(err)
		},
		func(p *explore.Participant) string {
			names, _, heard2, err := p.Client.ChildrenW(p.Context(), zkapi.Parent(path))
			if err == nil {
				*heard = append(*heard, heard2)
			}
			return strings.Join(slices.Sorted(slices.Values(names)), " ") + told(err)
		},
		func(p *explore.Participant) string {
			_, there, ch, err := p.Client.ExistsW(p.Context(), path)
			if err == nil {
				*heard = append(*heard, ch)
			}
			return fmt.Sprint(there) + told(err)
		},
		func(p *explore.Participant) string {
			n, err := p.Client.AllChildrenNumber(p.Context(), "/a")
			return fmt.Sprint(n) + told(err)
		},
		func(p *explore.Participant) string { return told(p.Client.Sync(p.Context(), path)) },
		func(p *explore.Participant) string {
			if len(*heard) == 0 {
				return ""
			}
			e := <-(*heard)[0]
			*heard = (*heard)[1:]
			return fmt.Sprint("waited for ", e.Type, e.Path)
		},
		func(p *explore.Participant) string {
			p.Pause("goes on")
			before := *shared
			p.Learn(before)
			*shared = p.Name
			return before
		},
		func(p *explore.Participant) string {
			p.Pause("waits")
			return fmt.Sprint(p.Well())
		},
	}
}

// program is what some participants do that have been put together at random: each has three instructions, and
// tells what came of them, and of which of its watches it has heard by then.
func program(seed uint64, participants int) func(w *explore.World, told func(string)) {
	return func(w *explore.World, told func(string)) {
		rng := rand.New(rand.NewPCG(seed, 1))
		c, _ := w.Server.Client()
		for _, path := range []string{"/a", "/a/b"} {
			_, _ = c.Create(ctx, path, nil, nil, zkapi.Persistent)
		}
		_ = c.Close()
		reports, shared := make([]string, participants), new(string)
		for i := range participants {
			heard := new([]<-chan zkapi.Event)
			var steps []instruction
			for range 3 {
				all := instructions([]string{"/a", "/a/b", "/a/c", "/d"}[rng.IntN(4)], heard, shared)
				steps = append(steps, all[rng.IntN(len(all))])
			}
			w.Go(string(rune('A'+i)), func(p *explore.Participant) error {
				report := "" // which is nobody else's business before the end
				for _, do := range steps {
					report += do(p) + ";"
					for at, ch := range *heard {
						select {
						case e := <-ch:
							report += fmt.Sprint("told ", at, e.Type, ";")
						default:
						}
					}
				}
				reports[i] = report
				return nil
			})
		}
		w.Remember(func() string { return strings.Join(reports, "|") + *shared })
		w.Finally(func() error {
			told(strings.Join(reports, "|") + byOrder(w.Server.Snapshot().String()))
			return nil
		})
	}
}

var sessionID = regexp.MustCompile(`0x[0-9a-f]+`)

// byOrder writes session ids as what they count for, their order.
func byOrder(text string) string {
	ids := slices.Compact(slices.Sorted(slices.Values(sessionID.FindAllString(text, -1))))
	return sessionID.ReplaceAllStringFunc(text, func(id string) string { return fmt.Sprint("session ", slices.Index(ids, id)) })
}

// results is all that a program comes to.
func results(t *testing.T, seed uint64, participants, faults int, s explore.Strategy, unreduced bool) (map[string]bool, *explore.Result) {
	ways := map[string]bool{}
	res := explore.Explore(t, func(w *explore.World) {
		program(seed, participants)(w, func(way string) { ways[way] = true })
	}, func(c *explore.Config) {
		c.Strategy, c.Schedules, c.Faults, c.Unreduced = s, 1_000_000, faults, unreduced
		c.Failures = func(f *explore.Failure) { ways[f.Error()] = true }
	})
	require.True(t, res.Complete)
	return ways, res
}

// Random programs come to the same with and without what a search leaves out.
func TestProgramsComeToTheSame(t *testing.T) {
	n, all, some := brief.Or(10, 100), 0, 0
	if raceDetector {
		n = 2
	}
	for seed := range uint64(n) {
		for _, x := range []struct{ participants, faults int }{{2, 0}, {2, 1}, {3, 0}} {
			if x.participants+x.faults > 2 && (seed%5 > 0 || raceDetector) {
				continue
			}
			want, before := results(t, seed, x.participants, x.faults, explore.Exhaustive(), true)
			got, now := results(t, seed, x.participants, x.faults, explore.Exhaustive(), false)
			for way := range want {
				require.True(t, got[way], "seed %d, %v: %.1000s", seed, x, way)
			}
			require.Len(t, got, len(want), "seed %d, %v", seed, x)
			all, some = all+before.Schedules, some+now.Schedules
		}
	}
	t.Logf("%d schedules instead of %d", some, all)
}

// They would show it if a search left out too much.
func TestProgramsShowCarelessness(t *testing.T) {
	for name, strategy := range map[string]func() explore.Strategy{"careless": explore.Careless, "indiscreet": explore.Indiscreet} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(200) {
				want, _ := results(t, seed, 2, 0, explore.Exhaustive(), true)
				got, _ := results(t, seed, 2, 0, strategy(), false)
				if len(got) < len(want) {
					t.Logf("after %d programs", seed+1)
					return
				}
			}
			require.Fail(t, "nothing is missed")
		})
	}
}
