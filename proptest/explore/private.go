package explore

import "slices"

// A step is private if nobody notices it but the participant whose it is, if nothing else can happen to that one
// before, and if it comes to the same whatever others do first. Then it may as well be the next one, and nothing else
// need be tried where it is possible: it is a persistent set of its own (Godefroid, as above). While something may
// still go wrong there is none: it could go wrong before, and then no more for anybody else.

// candidate is a step that may be private; -1 if there is none. Only when it has been taken is it known what its
// participant does then.
func (r *run) candidate() int {
	if r.faults > 0 {
		return -1
	}
	return slices.IndexFunc(r.steps, func(s Step) bool { return s.Who != nobody && r.inward(&s) && r.isAll(&s) })
}

// inward tells whether all that a step does to others is what its participant does then. An event may come first all
// the same: those before it do not change it. A call returns after the events that come before.
func (r *run) inward(s *Step) bool {
	c := r.parts[s.Who].client
	switch {
	case s.Kind == Told:
		return !c.link.next().Lost
	case s.Kind == Ran && !s.op.abandoned && !c.watches():
		return s.op.verb == verbPause || s.op.verb == verbSync && c.link.up()
	}
	return false
}

// watches tells whether others may send the client something.
func (c *client) watches() bool { return c.streams || c.inner.Watching() > 0 }

// isAll tells whether a step is all that can happen to its participant.
func (r *run) isAll(s *Step) bool {
	n := 0
	for i := range r.steps {
		if r.steps[i].Who == s.Who {
			n++
		}
	}
	return n == 1
}

// private tells whether a step has had to do with nobody else.
func (t *traces) private(who int) bool {
	return !t.everything && !t.writes && !t.fault && !t.counts && !t.memory && !t.asks && len(t.read) == 0 && len(t.changed) == 0 && t.whose == 1<<who
}

// private puts a step first that may be private. One that sleeps has been tried, and was private or not: if it was,
// there is nothing to be tried.
func (s *exhaustive) private(r *run, ways []int) ([]int, bool) {
	if s.public || !s.sleepy(r) {
		return ways, false
	}
	i := r.candidate()
	at := slices.Index(ways, i)
	if at < 0 {
		return ways, false
	}
	step := &r.steps[i]
	if s.touched&(1<<step.Who) != 0 {
		return ways, false
	}
	s.trusted |= 1 << step.Who
	name := step.name()
	if x := slices.IndexFunc(s.sleep, func(x sleeper) bool { return x.name == name }); x >= 0 {
		if s.sleep[x].traces.private(step.Who) {
			ways = nil
		}
		return ways, false
	}
	return putFirst(ways, at), true
}

// meddled hears of participants to whom others have done something by themselves. They might do it before a step that
// would be private, or after it: there is none then. If some have been private before, all begins anew.
func (s *exhaustive) meddled(who uint64) {
	s.touched |= who
	if s.trusted&s.touched != 0 {
		s.trusted, s.anew = 0, true
	}
}
