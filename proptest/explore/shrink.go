package explore

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// shrink looks for a shorter schedule that fails for the same reason: by leaving
// choices out, and by making them simpler. Shorter is what takes fewer steps, and
// among those of one length what makes simpler choices.
func (x *explorer) shrink() {
	s := &shrinker{x: x, best: x.result.Failure, left: x.cfg.KeepShrinking, began: time.Now(),
		varies: varying(x.result.Failure.names)}
	for progress := true; progress && !s.tired(); {
		progress = s.leaveOut()
		progress = s.pass() || progress
	}
	s.searchShorter()
	x.result.Failure = s.best
}

type shrinker struct {
	x      *explorer
	best   *Failure
	left   int
	began  time.Time
	varies *regexp.Regexp
}

// shrinkTime is how long shrinking may take.
const shrinkTime = 5 * time.Second

// tired tells whether it has been enough.
func (s *shrinker) tired() bool { return s.left <= 0 || time.Since(s.began) > shrinkTime }

// searchShorter spends what is left of the effort on all the schedules that are
// shorter, which finds what small changes do not lead to.
func (s *shrinker) searchShorter() {
	cfg := *s.x.cfg
	cfg.Shards = 1
	all := Exhaustive().(*exhaustive)
	for ; !s.tired(); s.left-- {
		all.limit = len(s.best.Choices) - 1
		source := all.Next(&cfg)
		if source == nil || all.limit == 0 {
			return
		}
		f := s.run(source)
		if s.same(f) && simpler(f.Choices, s.best.Choices) {
			s.best = f
		}
	}
}

// leaveOut tries to do without steps, in runs of them and one by one; those that
// are left stay what they are, which the numbers of choices do not.
func (s *shrinker) leaveOut() (progress bool) {
	for size := max(1, len(s.best.steps)/2); size >= 1; size /= 2 {
		for at := 0; at+size <= len(s.best.steps); at++ {
			without := slices.Delete(slices.Clone(s.best.steps), at, at+size)
			for s.keep(&script{without}) && at+size <= len(s.best.steps) {
				progress = true
				without = slices.Delete(slices.Clone(s.best.steps), at, at+size)
			}
		}
	}
	return progress
}

// pass tries every small change once, and tells whether one was for the better.
func (s *shrinker) pass() (progress bool) {
	for size := 8; size >= 1; size /= 2 {
		for at := 0; at+size <= len(s.best.Choices); at++ {
			progress = s.try(slices.Delete(slices.Clone(s.best.Choices), at, at+size)) || progress
		}
	}
	for at := 0; at < len(s.best.Choices); at++ {
		for s.best.Choices[at] > 0 {
			if s.with(at, 0) || s.with(at, s.best.Choices[at]/2) || s.with(at, s.best.Choices[at]-1) {
				progress = true
				continue
			}
			break
		}
	}
	for at := 0; at+1 < len(s.best.Choices); at++ { // a choice may be as good later
		swapped := slices.Clone(s.best.Choices)
		swapped[at], swapped[at+1] = swapped[at+1], swapped[at]
		progress = s.try(swapped) || progress
	}
	return progress
}

func (s *shrinker) with(at, choice int) bool {
	if at >= len(s.best.Choices) || s.best.Choices[at] == choice {
		return false
	}
	c := slices.Clone(s.best.Choices)
	c[at] = choice
	return s.try(c)
}

func (s *shrinker) try(choices []int) bool { return s.keep(&replay{choices: choices}) }

func (s *shrinker) run(source Source) (f *Failure) {
	s.x.bubble(func() { f = s.x.run(source, false).failed() })
	return f
}

// keep runs a schedule, and keeps it if it is better.
func (s *shrinker) keep(source Source) bool {
	if s.tired() {
		return false
	}
	s.left--
	f := s.run(source)
	if !s.same(f) || !simpler(f.Choices, s.best.Choices) {
		return false
	}
	s.best = f
	return true
}

// same tells whether a schedule fails for the same reason, with others' names and other numbers, it may be.
func (s *shrinker) same(f *Failure) bool {
	return f != nil && f.Why == s.best.Why && s.reason(f) == s.reason(s.best)
}

func (s *shrinker) reason(f *Failure) string { return s.varies.ReplaceAllString(f.Text, "_") }

// varying is what may be different in texts of the same reason.
func varying(names []string) *regexp.Regexp {
	words := []string{"0x[0-9a-f]+", "[0-9]+"}
	for _, name := range names {
		words = append(words, `\b`+regexp.QuoteMeta(strings.ToValidUTF8(name, "?"))+`\b`)
	}
	return regexp.MustCompile(strings.Join(words, "|"))
}

func simpler(a, b []int) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return slices.Compare(a, b) < 0
}
