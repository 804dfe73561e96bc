package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// scenario is something to run, against each server or inside this process, that yields one value
// for each of its metrics.
type scenario struct {
	name    string
	about   string
	metrics []metric
	heavy   bool // one round is enough to wait for
	awake   bool // the processors must not sleep meanwhile
	remote  func(e *env) ([]float64, error)
	local   func(e *env) ([]float64, error)
}

// metric is one row of the table.
type metric struct {
	name string // indented if it belongs to the row above
	unit string
	more bool // is better
	goal goal
}

// goal is what a metric should reach; the zero value is none.
type goal struct {
	factor float64 // times better than ZooKeeper, at least
	most   float64 // in the metric's unit
	zero   bool    // exactly nothing
}

func timesBetter(factor float64) goal { return goal{factor: factor} }
func atMost(limit float64) goal       { return goal{most: limit, zero: limit == 0} }

func (g goal) String() string {
	switch {
	case g.factor > 0:
		return fmt.Sprintf(">= %gx", g.factor)
	case g.most > 0 || g.zero:
		return "<= " + format(g.most)
	}
	return ""
}

// missing is the value of what could not be measured.
var missing = math.NaN()

// env is what a scenario runs in.
type env struct {
	*settings
	*target // nil inside this process
	ctx     context.Context
	notes   []string // one for each metric, or none
}

// settings are the flags that scenarios heed.
type settings struct {
	time  time.Duration // length of one measurement
	scale float64
}

// size is a scenario's number of something, n unless -scale changes it.
func (s *settings) size(n int) int { return max(int(float64(n)*s.scale), 10) }

// used is what a measurement has taken.
type used struct {
	n    int // requests or whatever is counted
	wall time.Duration
	cpu  time.Duration // of the server's process
}

// measure runs f, which returns how many requests it has made.
func (e *env) measure(f func() (int, error)) (used, error) {
	cpu, begin := cpuTime(e.pid), time.Now()
	n, err := f()
	u := used{n: n, wall: time.Since(begin)}
	if e.pid != 0 {
		u.cpu = cpuTime(e.pid) - cpu
	}
	return u, err
}

func (u used) perSecond() float64 { return float64(u.n) / u.wall.Seconds() }

// serverMicros is the server's CPU time for one request.
func (u used) serverMicros() float64 {
	if u.cpu == 0 || u.n == 0 {
		return missing
	}
	return float64(u.cpu.Nanoseconds()) / 1e3 / float64(u.n)
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// row is a metric's result.
type row struct {
	Scenario string    `json:"scenario"`
	Metric   string    `json:"metric"`
	Unit     string    `json:"unit"`
	Sim      []float64 `json:"simulator_rounds,omitempty"`
	Real     []float64 `json:"zookeeper_rounds,omitempty"`
	SimMed   *float64  `json:"simulator,omitempty"`
	RealMed  *float64  `json:"zookeeper,omitempty"`
	Ratio    *float64  `json:"ratio,omitempty"` // times better, median over the rounds
	Goal     string    `json:"goal,omitempty"`
	Met      *bool     `json:"met,omitempty"` // missing if there is no goal or it cannot be judged
	Busy     float64   `json:"busy"`          // share of the machine that other programs had
	Note     string    `json:"note,omitempty"`

	metric metric
}

// runner runs scenarios against one or two servers.
type runner struct {
	settings
	rounds   int
	calm     time.Duration // how long a scenario may wait for and repeat its rounds
	sim      *target
	real     *target  // nil if there is none
	awake    *process // keeps the processors awake; nil except in scenarios that want that
	progress func(format string, args ...any)
}

// calmShare is what other programs may have of the machine in a round that -calm leaves alone.
const calmShare = 0.1

// round is one pass over the servers, or one in this process.
type round struct {
	values [2][]float64 // the simulator's, ZooKeeper's
	notes  []string
	busy   float64
}

// run returns a scenario's rows.
func (r *runner) run(ctx context.Context, s scenario) ([]row, error) {
	wanted := r.rounds
	if s.heavy {
		wanted = 1
	}
	if s.awake {
		stop, err := r.keepAwake()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		defer stop()
	}
	var rounds []round
	calm := 0
	for end := time.Now().Add(r.calm); len(rounds) < wanted || calm < wanted && time.Now().Before(end); {
		if err := r.awaitCalm(ctx, end); err != nil {
			return nil, err
		}
		r.progress("%s, round %d of %d", s.name, calm+1, wanted)
		one, err := r.round(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		if r.calm == 0 || one.busy <= calmShare {
			calm++
		}
		rounds = append(rounds, one)
	}
	// What was disturbed the most was repeated.
	slices.SortStableFunc(rounds, func(a, b round) int { return cmp.Compare(a.busy, b.busy) })
	return s.rows(rounds[:wanted]), nil
}

// keepAwake starts this program once more, to stay awake.
func (r *runner) keepAwake() (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if r.awake, _, err = startProcess([]string{self, "-awake"}); err != nil {
		return nil, err
	}
	return func() {
		_ = r.awake.stop() // it ends by a signal, and nothing depends on how
		r.awake = nil
	}, nil
}

// awaitCalm waits until other programs leave the machine alone, or the end of the time for it.
func (r *runner) awaitCalm(ctx context.Context, end time.Time) error {
	const sample = 500 * time.Millisecond
	for time.Until(end) > sample {
		busy := r.others()
		select {
		case <-ctx.Done():
		case <-time.After(sample):
		}
		if ctx.Err() != nil || busy() <= calmShare {
			break
		}
	}
	return ctx.Err()
}

func (r *runner) round(ctx context.Context, s scenario) (one round, err error) {
	busy := r.others()
	targets, run := []*target{r.sim, r.real}, s.remote
	if s.local != nil {
		targets, run = []*target{nil}, s.local
	}
	for side, t := range targets {
		if side == 1 && t == nil {
			continue
		}
		runtime.GC()
		e := &env{settings: &r.settings, target: t, ctx: ctx}
		if one.values[side], err = run(e); err != nil {
			if t != nil {
				err = fmt.Errorf("%s: %w", t.name, err)
			}
			return one, err
		}
		if one.notes == nil {
			one.notes = e.notes
		}
	}
	one.busy = busy()
	return one, nil
}

// rows puts the rounds' values together.
func (s *scenario) rows(rounds []round) []row {
	rows := make([]row, len(s.metrics))
	for i, m := range s.metrics {
		r := row{Scenario: s.name, Metric: strings.TrimSpace(m.name), Unit: m.unit, Goal: m.goal.String(), metric: m}
		for _, one := range rounds {
			r.Sim = append(r.Sim, one.values[0][i])
			if one.values[1] != nil {
				r.Real = append(r.Real, one.values[1][i])
			}
			if one.notes != nil {
				r.Note = one.notes[i]
			}
			r.Busy += one.busy / float64(len(rounds))
		}
		r.finish()
		rows[i] = r
	}
	return rows
}

// others returns a function that tells what share of the machine other programs have had since.
func (r *runner) others() func() float64 {
	ours := func() time.Duration {
		sum := cpuTime(os.Getpid())
		for _, t := range []*target{r.sim, r.real} {
			if t != nil {
				sum += cpuTime(t.pid)
			}
		}
		if r.awake != nil {
			sum += cpuTime(r.awake.cmd.Process.Pid)
		}
		return sum
	}
	used, all := machineTime()
	before := ours()
	return func() float64 {
		u, a := machineTime()
		if a == all {
			return 0
		}
		return min(max(float64(u-used-(ours()-before))/float64(a-all), 0), 1)
	}
}

// finish computes the medians and judges.
func (r *row) finish() {
	_, r.Ratio = present(r.ratios()) // before what is missing goes and with it the pairs
	r.Sim, r.SimMed = present(r.Sim)
	r.Real, r.RealMed = present(r.Real)
	var met bool
	switch g := r.metric.goal; {
	case g.factor > 0 && r.Ratio != nil:
		met = *r.Ratio >= g.factor
	case (g.most > 0 || g.zero) && r.SimMed != nil:
		met = *r.SimMed <= g.most
	default:
		return
	}
	r.Met = &met
}

// ratios is how many times better the simulator was, for each pair of rounds.
func (r *row) ratios() []float64 {
	var q []float64
	for i := range min(len(r.Sim), len(r.Real)) {
		if r.metric.more {
			q = append(q, r.Sim[i]/r.Real[i])
		} else {
			q = append(q, r.Real[i]/r.Sim[i])
		}
	}
	return q
}

// present drops what is missing and returns the median of the rest; nil if nothing is left.
func present(values []float64) ([]float64, *float64) {
	values = slices.DeleteFunc(values, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if len(values) == 0 {
		return nil, nil
	}
	m := median(values)
	return values, &m
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return missing
	}
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
