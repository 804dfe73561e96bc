package main

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/internal/brief"
)

const root = "../.."

// Every mutant can be planted, and there are enough of them everywhere.
func TestMutantsApply(t *testing.T) {
	names, files := make(map[string]bool), make(map[string]int)
	for i := range mutants {
		m := &mutants[i]
		file := filepath.Join(root, m.path())
		_, text, err := mutate(file, []*mutant{m})
		require.NoError(t, err)
		require.Contains(t, text, "Mutant"+identifier(m.Name))
		require.False(t, names[m.Name], "two mutants are called %s", m.Name)
		names[m.Name] = true
		files[filepath.Base(file)]++
	}
	require.GreaterOrEqual(t, len(mutants), 40)
	require.GreaterOrEqual(t, len(files), 25, "mutants are in few files")
}

// Each bug of the register is planted, at least once.
func TestRegister(t *testing.T) {
	planted := make(map[int]bool)
	for i := range mutants {
		planted[mutants[i].bug()] = true
	}
	for n := 1; n <= bugs; n++ {
		require.True(t, planted[n], "B%02d is not planted", n)
	}
	for name := range further {
		require.True(t, slices.ContainsFunc(mutants, func(m mutant) bool { return m.Name == name }), "there is no mutant %s", name)
	}
	chosen, err := choose("^B", "watchers,recipes")
	require.NoError(t, err)
	require.Equal(t, []int{1, bugs}, []int{chosen[0].bug(), chosen[len(chosen)-1].bug()})
}

func TestMutantsThatDoNotApply(t *testing.T) {
	for want, m := range map[string]mutant{
		"occurs 0 times in memserver/path.go, not once": {Name: "a", Old: "this is not there"},
		"are no Go":                            {Name: "b", Old: "if p == \"/\" {", New: "if {"},
		"is not inside of a function":          {Name: "c", Old: "package state"},
		"times in memserver/path.go, not once": {Name: "d", Old: "return true\n}"},
	} {
		m.File = "path.go"
		_, _, err := mutate(filepath.Join(root, "memserver/internal/state/path.go"), []*mutant{&m})
		require.ErrorContains(t, err, want)
	}
}

// The suite can fail: these are caught, and not by chance. The whole table
// takes longer, so it is not run here, but all of it compiles.
func TestMutantsAreCaught(t *testing.T) {
	if brief.Wanted() {
		t.Skip("it compiles the suite; make test")
	}
	by := map[string]string{
		"setData-not-undone":   "model direct/3.9",
		"removeWatches-others": "model direct/3.9",
		"direct-no-auth":       "model direct/3.9",
		"event-after-reply":    "transcripts wire/3",
		"quota-off-by-one":     "transcripts wire/3",
		"B54-root":             "property direct/3.9/1",
		"B18-downgrade":        "property direct/rwlock",
	}
	chosen := slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool { return by[m.Name] == "" })
	require.Len(t, chosen, len(by))
	root, err := filepath.Abs(root)
	require.NoError(t, err)
	court, err := assemble(t.Context(), root, t.TempDir(), mutants)
	require.NoError(t, err)
	for _, m := range chosen {
		t.Run(m.Name, func(t *testing.T) {
			v := court.try(t.Context(), m)
			require.Empty(t, v.Error)
			require.True(t, v.Caught, "nobody noticed that %s", v.Breaks)
			require.True(t, strings.HasPrefix(v.By, by[m.Name]), "caught by %s", v.By)
		})
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"-run", "["}, {"-run", "no such mutant"}, {"-of", "nothing"}, {"more"}, {"-nonsense"}, {"-sample", "-1"}} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, 2, run(t.Context(), args, &stdout, &stderr), args)
		require.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
		require.Empty(t, stdout.String())
	}
}

func TestDraw(t *testing.T) {
	some := draw(mutants, 7, 1)
	require.Equal(t, some, draw(mutants, 7, 1))
	require.NotEqual(t, some, draw(mutants, 7, 2))
	at := -1
	for _, m := range some {
		next := slices.IndexFunc(mutants, func(x mutant) bool { return x.Name == m.Name })
		require.Greater(t, next, at, "each once, in the order of the table")
		at = next
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	table(&b, []verdict{
		{mutant: mutant{Name: "a", Breaks: "everything", File: "server.go"}, Caught: true, By: "model direct/3.9", Cases: 3, Millis: 12},
		{mutant: mutant{Name: "b", Breaks: "nothing", File: "recipes/lock.go"}, Millis: 9000},
	})
	require.Equal(t, `mutant  what it breaks  planted in           caught by         cases  ms
a       everything      memserver/server.go  model direct/3.9  3      12
b       nothing         recipes/lock.go      NOBODY            -      9000

1 of 2 mutants caught
`, b.String())
}

func TestFailures(t *testing.T) {
	out := "--- FAIL: TestModel (0.11s)\n    --- FAIL: TestModel/direct/3.9 (0.00s)\n" +
		"        model_test.go:24: [rapid] failed after 7 tests: the server differs\n    --- FAIL: TestModel/wire (0.00s)\n"
	require.Equal(t, []string{"TestModel/direct/3.9", "TestModel/wire"}, failures(out))
	require.Equal(t, 8, cases(out))
	require.Equal(t, []string{""}, failures("panic: no more"))
	require.Zero(t, cases("panic: no more"))
	require.Equal(t, `^TestModel$/^direct$/^3\.9$`, exactly("TestModel/direct/3.9"))
}
