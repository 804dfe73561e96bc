package proptest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// bounds are those of a complete search.
type bounds struct {
	participants, faults int
	kinds                explore.Fault
	alike                bool // who exchange their parts do the same; with one fault only if it is asked for
}

func (b bounds) String() string {
	kinds := map[explore.Fault]string{0: "", explore.Network: "", explore.AllFaults: " of all kinds", explore.Lag: " of lag"}
	return fmt.Sprintf("%dx%d%s%s", b.participants, b.faults, kinds[b.kinds], map[bool]string{true: " alike"}[b.alike])
}

var (
	complete = flag.String("explore.complete", "", "explore our recipes completely within these `bounds`: 2x1,2x2,3x0 are so many participants "+
		"and so many faults of a network, 2x1all so many faults of all kinds, 2x1alike of participants that are alike")
	recipe = flag.String("explore.recipe", "", "explore only these `recipes`: lock,queue")
)

func parseBounds(t *testing.T, list string) (all []bounds) {
	for word := range strings.SplitSeq(list, ",") {
		x := bounds{kinds: explore.Network}
		word, x.alike = strings.CutSuffix(word, "alike")
		number, found := strings.CutSuffix(word, "all")
		if found {
			x.kinds = explore.AllFaults
		}
		n, f, ok := strings.Cut(number, "x")
		var err, err2 error
		x.participants, err = strconv.Atoi(n)
		x.faults, err2 = strconv.Atoi(f)
		require.NoError(t, errors.Join(err, err2), "-explore.complete=%s", list)
		require.True(t, ok)
		all = append(all, x)
	}
	return all
}

// TestExploreOursCompletely explores our recipes in every schedule that there is within bounds. Those that take
// seconds are part of make test, for any others there are flags:
//
//	go test ./proptest -run OursCompletely -v -timeout 0 -explore.progress -explore.complete 2x2 -explore.recipe lock
//
// A search that was stopped by -explore.time goes on at the frontier that it prints, with -explore.from.
func TestExploreOursCompletely(t *testing.T) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "recipe\tbounds\tschedules\tstates\tlongest\ttime\tcomplete\t")
	for _, x := range ours {
		if *recipe != "" && !strings.Contains(","+*recipe+",", ","+x.name+",") {
			continue
		}
		for _, b := range boundsOf(t, x.name) {
			t.Run(fmt.Sprintf("direct/%s/%v", x.name, b), func(t *testing.T) {
				explored := x.explore
				if x.name == "semaphore" && b.participants == 2 {
					explored = semaphoreOfOne
				}
				res := explored(t, func(e *proptest.Exploration) {
					e.Strategy, e.Participants, e.Faults, e.Kinds = explore.Exhaustive(), b.participants, b.faults, b.kinds&^x.without
					e.Schedules, e.Prepare, e.Alike = 1_000_000_000, prepared(x.name, b.participants), b.alike || b.faults != 1
				})
				res.FailT(t)
				require.LessOrEqual(t, res.Again, 10+res.Schedules/100, "they are run again where a busy machine has led them astray")
				if *complete == "" {
					require.True(t, res.Complete)
				}
				if res.Frontier != "" {
					t.Logf("goes on with -explore.from=%s", res.Frontier)
				}
				fmt.Fprintf(w, "%s\t%v\t%d\t%d\t%d\t%v\t%v\t\n", x.name, b, res.Schedules, res.States, res.Longest, res.Elapsed.Round(time.Millisecond), res.Complete)
			})
		}
	}
	_ = w.Flush()
	t.Log("\n" + table.String())
}

// boundsOf are the bounds within which a recipe is explored: all that is asked for, or what takes seconds.
func boundsOf(t *testing.T, name string) []bounds {
	without, lag := bounds{2, 0, 0, false}, bounds{2, 1, explore.Lag, false}
	switch {
	case *complete != "":
		return parseBounds(t, *complete)
	case name == "lock" && proptest.Brief() && proptest.RaceDetector():
		return []bounds{without, {3, 0, 0, false}}
	case name == "lock" && proptest.Brief():
		return []bounds{without, lag, {3, 0, 0, false}}
	case name == "lock" && proptest.RaceDetector():
		return []bounds{without}
	case proptest.Brief(), proptest.RaceDetector():
		return nil
	case slices.Contains([]string{"lock", "revocable lock", "rwlock", "election", "latch", "counter", "atomic", "barrier", "data"}, name):
		return []bounds{without, lag, {2, 1, explore.Network, false}, {3, 0, 0, false}}
	case slices.Contains([]string{"semaphore", "multi lock", "atomic, exactly once", "double barrier", "queue", "simple queue", "locking queue",
		"distributed queue", "distributed queue, safe", "priority queue", "delay queue", "lease", "partitioner", "party", "shallow party", "children"}, name):
		return []bounds{without}
	}
	return nil
}

// semaphoreOfOne is for two participants: they would not fight for two leases.
func semaphoreOfOne(t *testing.T, o option) *explore.Result {
	return proptest.ExploreSemaphore(t, 1, func(c zkapi.Client) proptest.Locker { return &lease{sem: recipes.NewSemaphore(c, "/sem", 1)} }, o)
}

// furniture are the nodes that a recipe works on, for which nobody fights when they are there already; with data after an
// equals sign.
var furniture = map[string][]string{
	"lock": {"/lock"}, "reentrant lock": {"/lock"}, "reentrant lock of one owner": {"/lock"}, "revocable lock": {"/lock"}, "rwlock": {"/rw"}, "multi lock": {"/locks/1", "/locks/2"}, "multi lock in order": {"/locks/1", "/locks/2"},
	"election": {"/election"}, "latch": {"/latch"}, "double barrier": {"/meet"}, "lease": {"/lease"},
	"queue": {"/queue"}, "simple queue": {"/queue"}, "locking queue": {"/queue/entries", "/queue/taken"},
	"distributed queue": {"/queue"}, "distributed queue, safe": {"/queue", "/locks"}, "priority queue": {"/queue"}, "delay queue": {"/queue"},
	"id queue": {"/queue"}, "id queue, safe": {"/queue", "/locks"},
	"partitioner": {"/set/party", "/set/locks/item-1", "/set/locks/item-2", "/set/locks/item-3", "/set/locks/item-4"},
	"party":       {"/party"}, "shallow party": {"/party"}, "group member": {"/group"}, "persistent node": {"/nodes"}, "discovery": {"/services/web"},
}

// prepared makes the furniture of a recipe.
func prepared(name string, participants int) func(context.Context, zkapi.Client) error {
	nodes := furniture[name]
	if name == "semaphore" {
		nodes = []string{"/sem-__lock__", fmt.Sprintf("/sem=%d", participants-1)}
	}
	return func(ctx context.Context, c zkapi.Client) error {
		for _, node := range nodes {
			path, data, full := strings.Cut(node, "=")
			err := zkapi.EnsurePath(ctx, c, path, nil)
			if err == nil && full {
				_, err = c.Set(ctx, path, []byte(data), zkapi.AnyVersion)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}
