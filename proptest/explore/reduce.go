package explore

import (
	"runtime"
	"slices"
)

// What an exhaustive search need not try, because it comes to the same as something
// that it does; doc.go says why.

// gone tells whether a participant has ended, with all of its goroutines: nothing
// that comes to it has any effect. It does not come back.
func (r *run) gone(i int) bool { return r.parts[i].gone }

// bury notes who is gone.
func (r *run) bury() {
	for _, p := range r.parts {
		p.gone = p.gone || p.ended && len(p.client.pending) == 0 && !r.blurred && p.goroutines == 0
	}
}

// running is the number of goroutines, without those that have done what they had to and are about
// to end, such as the one of the schedule before: there is one processor, and they have it first.
func running() int {
	for n := runtime.NumGoroutine(); ; {
		runtime.Gosched()
		left := runtime.NumGoroutine()
		if left >= n {
			return left
		}
		n = left
	}
}

// account notes whose goroutines have come and gone since it was called last.
// Whose step it was is nobody when it may have been several participants'.
func (r *run) account(who int) {
	n := runtime.NumGoroutine() - r.goroutines
	delta := n - r.theirs
	r.theirs = n
	if delta != 0 && who == nobody {
		who = r.onlyOne()
	}
	switch {
	case delta == 0:
	case who != nobody:
		r.parts[who].goroutines += delta
	default:
		r.blurred = true
	}
	if r.blurred {
		r.recount()
	}
	r.bury()
}

// onlyOne is the only participant that has goroutines.
func (r *run) onlyOne() int {
	has := func(p *Participant) bool { return p.goroutines > 0 }
	i := slices.IndexFunc(r.parts, has)
	if r.blurred || i < 0 || slices.ContainsFunc(r.parts[i+1:], has) {
		return nobody
	}
	return i
}

// recount is for when it is clear again who has how many: those who have not ended one each.
func (r *run) recount() {
	going := 0
	for _, p := range r.parts {
		if !p.ended {
			going++
		}
	}
	if r.blurred = going != r.theirs; r.blurred {
		return
	}
	for _, p := range r.parts {
		if p.goroutines = 1; p.ended {
			p.goroutines = 0
		}
	}
}

// matterOfCourse is a step that nobody notices but a participant that is gone; -1 if
// there is none. It may as well be the next one.
func (r *run) matterOfCourse() int {
	return slices.IndexFunc(r.steps, func(s Step) bool { return r.ofCourse(&s) })
}

// ofCourse tells whether a step that is possible is nobody's business. Who stays away loses its session when time
// passes, which it may do first.
func (r *run) ofCourse(s *Step) bool {
	if s.Fault != 0 || s.Who == nobody || !r.gone(s.Who) {
		return false
	}
	return s.Kind == Told || s.Kind == CaughtUp || s.Kind == CameBack && !r.hurries()
}

// hurries tells whether time may pass while there are other things to do.
func (r *run) hurries() bool { return r.dialled || r.faults > 0 && r.cfg.Kinds&TimerRace != 0 }

// mirrored tells whether a step is the first one of a participant that is like one
// before it that has not moved yet: then the same happens with their parts exchanged.
func (r *run) mirrored(s *Step) bool {
	if s.Who == nobody {
		return false
	}
	p := r.parts[s.Who]
	return p.like != nil && !p.moved && !p.like.moved
}

// moves notes whose step it is. When time passes it may be everybody's.
func (r *run) moves(s *Step) {
	if s.Who != nobody {
		r.parts[s.Who].moved = true
	} else if s.Kind == TimePassed || s.Fault == TimerRace {
		for _, p := range r.parts {
			p.moved = true
		}
	}
}
