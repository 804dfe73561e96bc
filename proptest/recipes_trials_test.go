package proptest

import (
	"slices"

	"github.com/zksim/zksim/zkapi"
)

// trial is a recipe in the hands of three clients, with all that is judged of it: for
// sweeps that go over every recipe.
type trial struct {
	name    string
	variant bool     // of another one
	n       int      // its share of the requests
	dirs    []string // where nothing may be left
	play    func(e *recipeEnv, a zkapi.Client)
}

// trials are all of them.
func trials() (all []trial) {
	for n := range subjects {
		s := &subjects[n]
		all = append(all, trial{s.name, s.variant, n, s.dirs, s.check})
	}
	for n := range drills {
		d := &drills[n]
		all = append(all, trial{d.name, d.variant, n + 1, d.dirs, func(e *recipeEnv, a zkapi.Client) { d.run(e, a, nil) }})
	}
	return all
}

// directories are those of its nodes that may have children; a value or a barrier is no
// directory.
func (x *trial) directories() []string {
	return slices.DeleteFunc(slices.Clone(x.dirs), func(dir string) bool {
		return slices.Contains([]string{"/barrier", "/counter", "/shared"}, dir)
	})
}
