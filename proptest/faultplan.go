package proptest

import (
	"strings"

	"pgregory.net/rapid"

	"github.com/zksim/zksim/faults"
)

// FaultPlan draws plans for package faults, in their text form: first which
// kinds of fault there are at all, then how often each, as faults.Random does.
// A failing plan shrinks, to fewer and milder faults:
//
//	rapid.Check(t, func(t *rapid.T) {
//		plan := faults.MustParse(proptest.FaultPlan().Draw(t, "plan"))
//		...
//	})
//
// After a minute all of its faults are over.
func FaultPlan() *rapid.Generator[string] { return rapid.Custom(drawFaultPlan) }

func drawFaultPlan(t *rapid.T) string {
	kinds := faults.Kinds()
	byName := make(map[string]faults.Kind)
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i], byName[k.Name] = k.Name, k
	}
	intN := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") }
	var rules []string
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, len(names)/2, rapid.ID[string]).Draw(t, "kinds") {
		rules = append(rules, byName[name].Draw(intN).String())
	}
	return strings.Join(rules, "\n")
}
