package explore

import (
	"crypto/rand"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// Result is what a search has found.
type Result struct {
	Progress
	// Complete says that the strategy has nothing left: every schedule within the
	// bounds has been run, or another one that comes to the same.
	Complete bool
	// Failure is the shortest schedule found that fails, nil if there is none.
	Failure *Failure
	// FoundAfter is how many schedules it took to find the first that failed, and
	// FoundIn how long.
	FoundAfter int
	FoundIn    time.Duration
	// Same says that the failure, run twice again, was the same both times.
	Same bool
	// Frontier is where an exhaustive search that is not complete goes on; see Exhaustive.
	Frontier string
}

// Check explores a scenario and fails the test, with a report, if a schedule fails.
func Check(t *testing.T, scenario func(w *World), opts ...func(*Config)) {
	t.Helper()
	res := Explore(t, scenario, opts...)
	if res.Frontier != "" && res.Failure == nil {
		t.Logf("%v; it goes on with -explore.from=%s", res.Progress, res.Frontier)
	}
	res.FailT(t)
}

// Explore is Check for those who want to see the result.
func Explore(t *testing.T, scenario func(w *World), opts ...func(*Config)) *Result {
	t.Helper()
	x := newExplorer(t, scenario, opts)
	if err := x.cfg.override(t.Logf); err != nil {
		t.Fatalf("%v", err)
	}
	defer x.control()()
	if *flagReplay != "" {
		x.again(*flagReplay)
		return x.result
	}
	x.search()
	switch f := x.result.Failure; {
	case f == nil:
	case f.spot != nil: // it takes two schedules
		x.explain(f.spot)
	default:
		x.shrink()
		x.confirm()
	}
	return x.result
}

// Replay runs one schedule, by the word that Failure.Schedule is, under the Config
// under which it was found. There is no Failure in the result if it does not fail.
func Replay(t *testing.T, schedule string, scenario func(w *World), opts ...func(*Config)) *Result {
	t.Helper()
	x := newExplorer(t, scenario, opts)
	defer x.control()()
	x.again(schedule)
	return x.result
}

// Trace is Replay for a schedule that need not fail: what happens in it. Any word is
// a schedule; a choice that is too large is the last one.
func Trace(t *testing.T, schedule string, scenario func(w *World), opts ...func(*Config)) *Failure {
	t.Helper()
	choices, err := decode(schedule)
	if err != nil {
		t.Fatalf("%v", err)
	}
	x := newExplorer(t, scenario, opts)
	defer x.control()()
	f := new(Failure)
	x.bubble(func() {
		r := x.run(&replay{choices: choices}, true)
		if r.failure != nil {
			*f = *r.failure
		}
		r.write(f)
	})
	return f
}

// explorer is one search.
type explorer struct {
	t        *testing.T
	cfg      *Config
	scenario func(*World)
	result   *Result
	began    time.Time
	leaked   bool // a schedule has left goroutines behind
	quiet    int  // the number of goroutines at the end of one that has not
	chance   stream
}

func newExplorer(t *testing.T, scenario func(*World), opts []func(*Config)) *explorer {
	cfg := new(Config)
	for _, opt := range opts {
		opt(cfg)
	}
	if err := cfg.complete(); err != nil {
		t.Fatalf("%v", err)
	}
	if s, ok := cfg.Strategy.(*exhaustive); ok {
		cfg.Strategy = s.fresh() // it may have been used before
	}
	return &explorer{t: t, cfg: cfg, scenario: scenario, result: &Result{}}
}

// control takes away what would make two runs of a schedule different: several
// processors, and true randomness.
func (x *explorer) control() (restore func()) {
	procs, reader := runtime.GOMAXPROCS(1), rand.Reader
	rand.Reader = &x.chance
	x.began = time.Now()
	return func() {
		runtime.GOMAXPROCS(procs)
		rand.Reader = reader
	}
}

// search runs schedules until one fails, or there are no more.
func (x *explorer) search() {
	res := x.result
	told := time.Now()
	for over := false; !over && res.Failure == nil && !x.enough(); {
		if source := x.cfg.Strategy.Next(x.cfg); source != nil {
			x.bubble(func() { x.one(source) })
		} else {
			over = true
			x.end()
		}
		if res.Elapsed = time.Since(x.began); x.cfg.Progress != nil && time.Since(told) > 10*time.Second {
			told = time.Now()
			x.cfg.Progress(res.Progress)
		}
	}
	if x.cfg.Progress != nil {
		x.cfg.Progress(res.Progress)
	}
	res.FoundAfter, res.FoundIn = res.Schedules, res.Elapsed
	if e, ok := x.cfg.Strategy.(*exhaustive); ok && !res.Complete && res.Failure == nil && e.over() {
		x.end()
	} else if ok && !res.Complete {
		res.Frontier = e.frontier()
	}
}

// end is for when there is nothing left to be run.
func (x *explorer) end() {
	x.unlike()
	x.result.Complete = x.result.Failure == nil && !x.astray()
}

// astray tells whether participants have done something else when a schedule was run again.
func (x *explorer) astray() bool {
	e, ok := x.cfg.Strategy.(*exhaustive)
	return ok && e.astray
}

func (x *explorer) enough() bool {
	if e, ok := x.cfg.Strategy.(*exhaustive); ok && len(e.spots.due) > 0 {
		return false // they belong to the schedule before
	}
	return x.cfg.Schedules > 0 && x.result.Schedules >= x.cfg.Schedules ||
		x.cfg.Time > 0 && time.Since(x.began) >= x.cfg.Time // no timer, whose goroutine would be counted
}

// bubble is synctest.Test for a schedule. Each has its own, so that all begin at the same time: what
// they do has times in it, and session ids. It may leave goroutines behind, which the bubble cannot bear
// and the schedule has been failed for.
func (x *explorer) bubble(f func()) { x.test(func(*testing.T) { f() }) }

// test is bubble for who needs the test within.
func (x *explorer) test(f func(*testing.T)) {
	x.leaked = false
	defer func() {
		if v := recover(); v != nil && !x.leaked {
			panic(v)
		}
	}()
	synctest.Test(x.t, f)
}

// one runs a schedule in its bubble.
func (x *explorer) one(source Source) {
	r := x.run(source, x.cfg.Failures != nil) // who gets failures wants to see what happened
	res := x.result
	res.Schedules++
	w, checks := source.(*walk)
	if e, ok := x.cfg.Strategy.(*exhaustive); ok {
		if checks {
			w.done(r)
		} else {
			e.done(r)
		}
		res.Schedules, res.Again, res.Checked, res.Unsteady = e.runs, e.again, e.spots.checked, e.spots.unsteady
	}
	if !checks {
		res.Steps += len(r.choices)
		res.Longest = max(res.Longest, len(r.choices))
		if r.pruned {
			res.Pruned++
		}
	}
	if c, ok := x.cfg.Strategy.(interface{ States() int }); ok {
		res.States = c.States()
	}
	switch f := r.failed(); {
	case f == nil:
	case x.cfg.Failures != nil:
		x.cfg.Failures(f)
	default:
		res.Failure = f
	}
	x.unlike()
}

// unlike fails the search if two ways were not the same that it takes for that: then there is no point in going on.
func (x *explorer) unlike() {
	if e, ok := x.cfg.Strategy.(*exhaustive); ok && e.spots.unlike != nil {
		x.result.Failure = e.spots.unlike.failure()
	}
}

func (x *explorer) run(source Source, recording bool) *run {
	x.chance.again()
	r := newRun(x.cfg, x.scenario, source, &x.chance)
	r.recording, r.quiet = recording, &x.quiet
	r.do()
	x.leaked = x.leaked || r.left
	return r
}

// confirm runs the failure again, twice, and writes down what happens.
func (x *explorer) confirm() {
	var f [2]*Failure
	for i := range f {
		x.bubble(func() { f[i] = x.replay(x.result.Failure.Choices, true) })
	}
	x.result.Same = f[0] != nil && f[1] != nil && f[0].same(f[1])
	if f[0] != nil {
		x.result.Failure = f[0]
	}
}

// again runs what -explore.replay names.
func (x *explorer) again(word string) {
	choices, err := decode(word)
	if err != nil {
		x.t.Fatalf("%v", err)
	}
	x.result.Schedules = 1
	x.result.Failure = &Failure{Choices: choices}
	if x.confirm(); x.result.Failure.Why == "" {
		x.result.Failure = nil
	}
}

// replay runs a recorded schedule; the failure is nil if there is none.
func (x *explorer) replay(choices []int, recording bool) *Failure {
	return x.run(&replay{choices: choices}, recording).failed()
}
