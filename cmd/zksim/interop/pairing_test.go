package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/cmd/zksim/interop/pairs"
)

func TestPairings(t *testing.T) {
	ran := func(lib pairs.Library, runs ...[]line) result {
		r := result{Client: "recipes-" + string(lib), library: lib}
		for _, l := range runs {
			r.Runs = append(r.Runs, sideRun{Lines: l})
		}
		r.Differences = differences(r.Runs)
		return r
	}
	right := lines("SimpleQueue and zoo_queue, a", "1", "SimpleQueue and zoo_queue, b", "2", "Lock and zkr_lock, a", "true")
	wrong := lines("SimpleQueue and zoo_queue, a", "1", "SimpleQueue and zoo_queue, b", "WRONG: 3, want 2", "Lock and zkr_lock, a", "true")
	other := lines("SimpleQueue and zoo_queue, a", "0", "SimpleQueue and zoo_queue, b", "2", "Lock and zkr_lock, a", "true")
	for _, c := range []struct {
		all  []result
		want map[int]string
	}{
		{[]result{{Client: "go"}}, nil},
		{[]result{ran(pairs.C, right, right)}, map[int]string{13: "2 right", 20: "1 right"}},
		{[]result{ran(pairs.C, right, wrong)}, map[int]string{13: "2 1 wrong", 20: "1 right"}},
		{[]result{ran(pairs.C, right, other)}, map[int]string{13: "2 1 differ", 20: "1 right"}},
		{[]result{ran(pairs.C, right, right[:2])}, map[int]string{13: "2 right", 20: "1 not done"}},
		{[]result{{Client: "recipes-c", library: pairs.C, Skipped: "no cc"}}, map[int]string{13: "0 skipped", 20: "0 skipped"}},
		{[]result{ran(pairs.C, right), {Client: "recipes-java", library: pairs.Java, Skipped: "no java"}},
			map[int]string{8: "0 skipped", 13: "2 right, without recipes-java", 20: "1 right, without recipes-java"}},
	} {
		var got map[int]string
		for _, p := range pairings(c.all) {
			if got == nil {
				got = make(map[int]string)
			}
			got[p.Number] = fmt.Sprintf("%d %s", p.checks, p.verdict())
		}
		require.Equal(t, c.want, got)
	}
}

func TestCrashesAreCounted(t *testing.T) {
	all := lines("Lock and zkr_lock, a", "1", "Lock and zkr_lock, we crash, a", "1", "Lock and zkr_lock, we crash, b", "1", "Lock and zkr_lock, they crash, a", "1")
	rows := pairings([]result{{Client: "recipes-c", library: pairs.C, Runs: []sideRun{{Lines: all}, {Lines: all}}}})
	require.Equal(t, pairing{Pair: pairs.Pairs()[19], checks: 4, crashes: 2, theirs: 1}, rows[1])
}

// Each pair takes place somewhere.
func TestPairsMeet(t *testing.T) {
	for i, p := range pairs.Pairs() {
		require.Equal(t, i+1, p.Number)
		n := 0
		for _, c := range allClients() {
			n += len(c.library.Of(p.Number))
		}
		require.Positive(t, n, p.Ours)
	}
	var out strings.Builder
	printPairings(&out, nil)
	require.Empty(t, out.String())
	printPairings(&out, []pairing{{Pair: pairs.Pairs()[0], checks: 12}, {Pair: pairs.Pairs()[1], checks: 9, crashes: 3, theirs: 2}})
	require.Contains(t, out.String(), "   1      12                 right       Lock, Election ")
	require.Contains(t, out.String(), "   2       9          3 + 2  right       Lock in kazoo's layout ")
}
