package explore

import (
	"cmp"
	"slices"
)

// That two states are the same, that two steps commute, and that one is private, an exhaustive search believes of
// participants and of what the scenario remembers. It does not only believe it: here and there it goes both ways, and
// goes on from there in the same manner. If it then is in different states, or comes to different steps, they were not
// the same.

// rare is of how many, on average, one is looked at.
const rare = 256

// spot is somewhere where two ways are said to lead.
type spot struct {
	ways   [2]way
	trails [2][]digest // what came afterwards, each time
	lost   bool        // there is no such way
	// One of the steps is taken for private, so far: when the search has seen all it may not be any more.
	private bool
}

// way is choices, and then some steps.
type way struct {
	choices []int
	then    []stepName
}

// spots are those of a search.
type spots struct {
	states   map[digest][]int // the first way to each that is looked at; nil if it has been
	due      []*walk          // what is to be run
	checked  int              // that were the same
	unsteady int              // that were something else each time
	unlike   *spot            // the first that was not the same
	doubt    *spot            // the first that was not, and is private so far
	thorough bool             // everything is looked at
}

func (s *spots) looks(at digest) bool { return s.thorough || at.a%rare == 0 }

// state is called with each state that the search is in, and the choices that have led there.
func (s *spots) state(state digest, choices []int) {
	if !s.looks(state) {
		return
	}
	first, known := s.states[state]
	switch {
	case !known:
		if s.states == nil {
			s.states = make(map[digest][]int)
		}
		s.states[state] = slices.Clone(choices)
	case first != nil && !slices.Equal(first, choices):
		s.states[state] = nil
		s.send(&spot{ways: [2]way{{choices: first}, {choices: slices.Clone(choices)}}})
	}
}

// steps is called with two that are said to commute in a state, or the first to be private.
func (s *spots) steps(state digest, choices []int, a, b stepName, private bool) {
	state.word(a.hash())
	state.word(b.hash())
	if s.looks(state) {
		choices = slices.Clone(choices)
		s.send(&spot{ways: [2]way{{choices, []stepName{a, b}}, {choices, []stepName{b, a}}}, private: private})
	}
}

// anew forgets what is only true of a search that begins anew.
func (s *spots) anew() {
	s.doubt = nil
	s.due = slices.DeleteFunc(s.due, func(w *walk) bool { return w.private })
}

// end says that the search has seen all.
func (s *spots) end() { s.unlike = cmp.Or(s.unlike, s.doubt) }

// send has both ways walked.
func (s *spots) send(x *spot) {
	s.due = append(s.due, &walk{spots: s, spot: x}, &walk{spots: s, spot: x, second: 1})
}

// next is a walk that is due, nil if there is none.
func (s *spots) next() *walk {
	if len(s.due) == 0 {
		return nil
	}
	w := s.due[0]
	s.due = s.due[1:]
	return w
}

// walk is the source of a schedule that goes one of the ways to a spot, and on from there. How it goes on
// follows from what there is.
type walk struct {
	*spots
	*spot
	second int
	trail  digest
	marks  []mark
}

// Choose implements Source.
func (w *walk) Choose(r *run) int {
	way := w.ways[w.second]
	if at := len(r.choices); at < len(way.choices) {
		return min(way.choices[at], len(r.steps)-1)
	}
	if i := r.matterOfCourse(); i >= 0 {
		return i
	}
	var gone []stepName
	for at := len(way.choices); at < len(r.names); at++ {
		if !r.trifles[at] {
			gone = append(gone, r.names[at])
		}
	}
	n := min(len(gone), len(way.then))
	if w.lost = w.lost || !slices.Equal(gone[:n], way.then[:n]); w.lost {
		return -1
	}
	if n < len(way.then) {
		i := slices.IndexFunc(r.steps, func(s Step) bool { return s.name() == way.then[n] })
		w.lost = i < 0
		return i
	}
	return w.goOn(r)
}

// goOn chooses by what there is.
func (w *walk) goOn(r *run) int {
	w.trail.add(r.state())
	ways := make([]int, len(r.steps))
	names := make([]uint64, len(r.steps))
	for i := range r.steps {
		ways[i], names[i] = i, r.steps[i].name().hash()
	}
	// Whose step it was last is in the order of steps, and not in the state.
	slices.SortStableFunc(ways, func(i, j int) int { return cmp.Compare(names[i], names[j]) })
	for _, i := range ways {
		w.trail.word(names[i])
	}
	if r.recording {
		w.marks = append(w.marks, mark{len(r.history), w.trail})
	}
	return ways[w.trail.a%uint64(len(ways))]
}

// mark is a place on a walk where there was a choice.
type mark struct {
	line  int // of the history
	trail digest
}

// hash is short for a name.
func (n stepName) hash() uint64 {
	var d digest
	d.int(n.who)
	d.int(int(n.kind))
	d.int(int(n.fault))
	d.int(int(n.verb))
	d.text(n.path)
	d.flag(n.keeps)
	d.int(n.depth)
	return d.a
}

// often is how often the ways of a spot are walked before they count as different.
const often = 3

// done hears how it went. A schedule that was disturbed says nothing.
func (w *walk) done(r *run) {
	if r.failure != nil {
		w.trail.text(string(r.failure.Why))
	}
	if r.disturbed {
		w.trail = digest{}
	}
	w.trails[w.second] = append(w.trails[w.second], w.trail)
	if w.second == 1 && !w.lost {
		w.compare()
	}
}

// compare compares the second way with the first one.
func (w *walk) compare() {
	a, b := w.trails[0], w.trails[1]
	last, nothing := len(a)-1, digest{}
	switch {
	case a[last] == b[last] && a[last] != nothing:
		w.checked++
	case len(a) < often:
		w.send(w.spot)
	case slices.Contains(a, nothing) || slices.Contains(b, nothing):
	case len(slices.Compact(a)) > 1 || len(slices.Compact(b)) > 1:
		w.unsteady++
	case w.private:
		w.doubt = cmp.Or(w.doubt, w.spot)
	default:
		w.unlike = cmp.Or(w.unlike, w.spot)
	}
}

// failure is what a spot comes to that was not the same both times.
func (x *spot) failure() *Failure {
	return &Failure{Why: Unlike, spot: x, Text: "two ways are taken for the same, and lead to different things: " +
		"participants go by more than they learn, or the scenario has more in mind than it says by World.Remember, " +
		"or somebody who writes what that tells has not said so by Participant.Learn or Log"}
}

// explain goes both ways of a spot once more, and writes down what happens.
func (x *explorer) explain(spot *spot) {
	var walks [2]*walk
	var told [2]*Failure
	for i := range walks {
		walks[i], told[i] = &walk{spots: new(spots), spot: spot, second: i}, spot.failure()
		x.bubble(func() { x.run(walks[i], true).write(told[i]) })
	}
	a, b := walks[0].marks, walks[1].marks
	apart := 0
	for apart < min(len(a), len(b)) && a[apart].trail == b[apart].trail {
		apart++
	}
	for i, f := range told {
		f.remark(walks[i].marks, apart, "from here on it is different")
		f.remark(walks[i].marks, 0, "this is taken for the same")
	}
	told[1].Twin = told[0]
	x.result.Failure, x.result.Same = told[1], apart < max(len(a), len(b))
}

// remark puts a line into the history, where a mark is, if there is such a mark.
func (f *Failure) remark(marks []mark, at int, text string) {
	line := len(f.History)
	if at < len(marks) {
		line = marks[at].line
	}
	for i := range f.acts {
		if f.acts[i].line >= line {
			f.acts[i].line++
		}
	}
	f.History = slices.Insert(f.History, line, Line{Kind: Noted, Text: text})
}
