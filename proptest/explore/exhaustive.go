package explore

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Exhaustive makes every schedule within the bounds of Config, depth first, and
// leaves out those that come to the same as another one: to a state in which that has
// been, for instance. Two states are the same if the server is in the same one, every participant has
// learned the same and waits in the same calls, the same is on its way to it, and
// as much may still go wrong. That is sound as long as participants are functions
// of what they learn: see the package's documentation.
//
// From goes on where another search has stopped, at its Result.Frontier.
func Exhaustive(from ...string) Strategy {
	s, err := goOn(from...)
	if err != nil {
		panic(err)
	}
	return s
}

// goOn is Exhaustive for frontiers that may be none.
func goOn(from ...string) (*exhaustive, error) {
	s := new(exhaustive)
	for _, word := range from {
		for _, part := range strings.SplitAfter(word, ".") {
			choices, err := decode(strings.TrimSuffix(part, "."))
			if err != nil {
				return nil, err
			}
			for i, c := range choices {
				s.start = append(s.start, fork{taken: c, open: true, first: i == len(choices)-1 && strings.HasSuffix(part, ".")})
			}
		}
	}
	return s.fresh(), nil
}

// fresh is the strategy as it was before it was used.
func (s *exhaustive) fresh() *exhaustive {
	return &exhaustive{start: s.start, path: slices.Clone(s.start), seen: make(map[digest]visit), numbers: make(map[stepName]int32),
		sleepless: s.sleepless, careless: s.careless, public: s.public, indiscreet: s.indiscreet, limit: s.limit}
}

type exhaustive struct {
	start []fork // where it begins
	path  []fork
	at    int
	seen  map[digest]visit
	cfg   *Config
	ran   bool
	log   []undone // what has been noted, in its order
	// Of the schedule that is run now: how many of its forks were there before, and how
	// much of the log.
	from, noted int
	redo        int       // how often in a row it has been run again
	stray       int       // the first fork where it was in another state than before; nowhere
	runs, again int       // how many there were, and how often one was run again
	sleep       []sleeper // where the schedule is, beyond the path
	forked      bool      // the next step is the one that the last fork is about
	numbers     map[stepName]int32
	sets        sets // of numbers
	// For tests: no step sleeps; or they do with no regard to paths. No step is private; or all are that might be.
	sleepless, careless, public, indiscreet bool
	// limit, if not 0, is after how many steps schedules are given up.
	limit int
	// A schedule that is run again has had other choices than before.
	astray bool
	spots  spots
	// Participants to whom others do something by themselves, and those of whom a step has been taken for private.
	touched, trusted uint64
	anew             bool // all that has been found is to be forgotten
}

// visit is what is known of a state. There are millions of them, in which the garbage collector has nothing to look at.
type visit struct {
	depth  int32 // after how few choices it was come to
	asleep int32 // the number of the set of steps that have never been tried in it
}

// undone is what was known of a state before.
type undone struct {
	state digest
	visit
	known bool
}

// fork is a place where there was a choice.
type fork struct {
	state     digest // zero is not known yet
	noted     int    // how much of the log there was before
	runs      int    // and how many schedules
	taken, of int
	left      []int // what is still to be tried
	open      bool  // what is left is not known, because another search has been here
	first     bool  // the step that may be private was tried first, and then the others in their order
	sleep     []sleeper
	tried     *sleeper   // what was taken
	others    []stepName // if what was taken seems to be a private step: what need not be tried then
}

func (s *exhaustive) String() string { return "exhaustive" }

// States is how many different ones there were.
func (s *exhaustive) States() int { return len(s.seen) }

func (s *exhaustive) Next(cfg *Config) Source {
	s.cfg, s.spots.thorough = cfg, cfg.Thorough
	if w := s.spots.next(); w != nil {
		return w
	}
	if s.over() {
		s.spots.end()
		return nil
	}
	if s.ran && s.redo == 0 {
		last := &s.path[len(s.path)-1]
		last.others = nil
		if last.taken, last.left = last.left[0], last.left[1:]; last.tried != nil {
			last.sleep, last.tried = append(last.sleep, *last.tried), nil
		}
	}
	s.ran, s.at, s.from, s.noted, s.stray = true, 0, len(s.path), len(s.log), nowhere
	s.sleep, s.forked = nil, false
	return s
}

// over tells whether there is nothing left to be tried, and forgets forks of which that is so.
func (s *exhaustive) over() bool {
	if !s.ran || s.redo > 0 {
		return false
	}
	for len(s.path) > 0 && len(s.path[len(s.path)-1].left) == 0 {
		s.path = s.path[:len(s.path)-1]
	}
	return len(s.path) == 0
}

const nowhere = -1

// capricious tells whether so much had to be run again that it is the participants who do as they please.
func (s *exhaustive) capricious() bool { return s.again > 20+s.runs/50 }

// done hears how it went. A schedule in which goroutines of others have come or gone, or which was in another
// state than before, because the system has held up a goroutine until another one was first, is run
// once more, as if it had not been. If that does not help it was the one before that was held up: then all is
// forgotten that was found from there on.
func (s *exhaustive) done(r *run) {
	switch {
	case s.anew:
		s.anew, s.ran, s.runs, s.again, s.redo = false, false, 0, 0, 0
		s.path, s.log = nil, nil
		clear(s.seen)
		s.spots.anew()
	case !r.disturbed && s.stray == nowhere:
		s.redo = 0
		s.runs++
		return
	case s.capricious():
		s.astray = true
		s.redo = 0
		s.runs++
		return
	case s.redo < twice || s.stray == nowhere:
		s.back(s.from, s.noted)
	default:
		s.runs = s.path[s.stray].runs
		s.back(s.stray, s.path[s.stray].noted)
		s.redo = 0
	}
	s.redo++
	s.again++
}

// twice is how often the same schedule is run again before another one counts as the one that was held up.
const twice = 2

// back goes back to where there were so many forks, and so much was noted.
func (s *exhaustive) back(forks, noted int) {
	for _, x := range slices.Backward(s.log[noted:]) {
		if s.seen[x.state] = x.visit; !x.known {
			delete(s.seen, x.state)
		}
	}
	s.log = s.log[:noted]
	if s.path = s.path[:forks]; forks > 0 {
		s.path[forks-1].tried = nil
	}
}

// strayed tells whether the schedule is in another state than it was at a fork before.
func (s *exhaustive) strayed(r *run, f *fork) bool {
	known := f.state != digest{}
	switch {
	case f.of != 0 && f.of != len(r.steps):
		return true
	case known && s.at+1 < len(s.path) && s.redo == 0: // it is enough to look where the schedule goes another way
		return false
	}
	state := r.state()
	if !known {
		f.state = state
	}
	return f.state != state
}

// frontier is the schedule that comes next, by which a search can go on: a letter for each choice, with a dot behind
// where the step that may be private was first, and not in its place.
func (s *exhaustive) frontier() string {
	if s.over() {
		return "0"
	}
	path := slices.Clone(s.path)
	if n := len(path); s.ran && s.redo == 0 {
		path[n-1].taken = path[n-1].left[0]
	}
	var b strings.Builder
	for _, f := range path {
		b.WriteString(letter(f.taken))
		if f.first {
			b.WriteByte('.')
		}
	}
	return cmp.Or(b.String(), "0")
}

// split is after how many choices the shards of a search part.
const split = 6

func (s *exhaustive) Choose(r *run) int {
	if !s.cfg.Unreduced {
		if i := r.matterOfCourse(); i >= 0 {
			return i
		}
	}
	if s.at < len(s.path) {
		f := &s.path[s.at]
		if s.strayed(r, f) {
			s.stray = s.at
			return -1
		}
		if f.of = len(r.steps); f.open {
			f.left, f.open = s.rest(r, f), false
		}
		s.at++
		s.forked = true
		return min(f.taken, f.of-1)
	}
	if s.limit > 0 && len(r.choices) >= s.limit {
		return -1
	}
	if s.cfg.Shards > 1 && len(s.path) == split && s.shard() != s.cfg.Shard {
		return -1
	}
	state := r.state()
	if s.checks() {
		s.spots.state(state, r.choices)
	}
	old, known := s.seen[state]
	if known && s.limit != 0 && int(old.depth) > len(r.choices) {
		known = false
	}
	ways, private := s.ways(r), false
	if !known {
		ways, private = s.private(r, ways)
	}
	ways = s.awake(r, ways, s.sets.of(old.asleep), known)
	if len(ways) == 0 && known {
		return -1
	}
	noted := len(s.log)
	s.log = append(s.log, undone{state, old, known})
	s.seen[state] = visit{int32(len(r.choices)), s.sets.number(s.asleep())}
	if len(ways) == 0 {
		return -1
	}
	f := fork{state: state, noted: noted, runs: s.runs, taken: ways[0], of: len(r.steps), left: ways[1:], sleep: s.sleep, first: private}
	if private {
		f.others = r.stepNames(f.left)
	}
	s.path = append(s.path, f)
	s.at++
	s.forked = true
	return ways[0]
}

// rest is what was still to be tried where another search had been: what comes after what it had taken.
func (s *exhaustive) rest(r *run, f *fork) []int {
	order := s.ways(r)
	if at := slices.Index(order, r.candidate()); f.first && at >= 0 {
		order = putFirst(order, at)
	}
	if at := slices.Index(order, f.taken); at >= 0 {
		return order[at+1:]
	}
	return slices.DeleteFunc(order, func(i int) bool { return i < f.taken })
}

// putFirst puts one of the ways before all others.
func putFirst(ways []int, at int) []int {
	i := ways[at]
	return slices.Insert(slices.Delete(ways, at, at+1), 0, i)
}

func (r *run) stepNames(ways []int) (names []stepName) {
	for _, i := range ways {
		names = append(names, r.steps[i].name())
	}
	return names
}

// checks tells whether the search makes sure, here and there, that it leaves out nothing.
func (s *exhaustive) checks() bool { return !s.cfg.Unreduced && s.limit == 0 }

// awake leaves those ways that do not sleep; of a state that is known those that have slept each time before. What has
// not, sleeps no more.
func (s *exhaustive) awake(r *run, ways []int, before []int32, known bool) []int {
	ways = slices.DeleteFunc(ways, func(i int) bool {
		name := r.steps[i].name()
		return asleep(s.sleep, name) || known && !slices.Contains(before, s.number(name))
	})
	if known {
		s.sleep = slices.DeleteFunc(slices.Clone(s.sleep), func(x sleeper) bool { return !slices.Contains(before, s.number(x.name)) })
	}
	return ways
}

// asleep are the numbers of those that sleep.
func (s *exhaustive) asleep() (numbers []int32) {
	for _, x := range s.sleep {
		numbers = append(numbers, s.number(x.name))
	}
	return numbers
}

// sets gives lists of numbers a number each, which is 0 for none.
type sets struct {
	all     [][]int32
	numbers map[string]int32
}

func (s *sets) number(list []int32) int32 {
	if len(list) == 0 {
		return 0
	}
	key := make([]byte, 0, 4*len(list))
	for _, x := range list {
		key = binary.LittleEndian.AppendUint32(key, uint32(x))
	}
	n, known := s.numbers[string(key)]
	if !known {
		if s.numbers == nil {
			s.numbers = make(map[string]int32)
		}
		s.all = append(s.all, list)
		n = int32(len(s.all))
		s.numbers[string(key)] = n
	}
	return n
}

func (s *sets) of(n int32) []int32 {
	if n == 0 {
		return nil
	}
	return s.all[n-1]
}

// number is short for a step.
func (s *exhaustive) number(name stepName) int32 {
	n, ok := s.numbers[name]
	if !ok {
		n = int32(len(s.numbers))
		s.numbers[name] = n
	}
	return n
}

// ways lists the steps that are to be tried.
func (s *exhaustive) ways(r *run) []int {
	ways := make([]int, 0, len(r.steps))
	for i := range r.steps {
		if s.cfg.Unreduced || !r.mirrored(&r.steps[i]) {
			ways = append(ways, i)
		}
	}
	return ways
}

// shard is whose business the path so far is.
func (s *exhaustive) shard() int {
	var d digest
	for _, f := range s.path {
		d.int(f.taken)
	}
	return int(d.a % uint64(s.cfg.Shards))
}

// decode reads what encode has written.
func decode(word string) (choices []int, err error) {
	for rest := word; rest != ""; {
		var c int
		switch b := rest[0]; {
		case b >= '0' && b <= '9':
			c, rest = int(b-'0'), rest[1:]
		case b >= 'a' && b <= 'z':
			c, rest = int(b-'a')+10, rest[1:]
		case b == '{':
			n, err := fmt.Sscanf(rest, "{%d}", &c)
			if err != nil || n != 1 || c < 36 {
				return nil, fmt.Errorf("explore: %q is no schedule: %q is no number", word, rest)
			}
			rest = rest[len(fmt.Sprintf("{%d}", c)):]
		default:
			return nil, fmt.Errorf("explore: %q is no schedule: it has %q", word, b)
		}
		choices = append(choices, c)
	}
	return choices, nil
}
