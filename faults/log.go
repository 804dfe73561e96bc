package faults

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Firing is one fault that has happened.
type Firing struct {
	At        time.Duration // since the plan was first used
	Index     int           // of the rule, from 0
	Rule      Rule
	Client    string // the name given to As
	Session   int64  // 0 if there was none yet
	Operation string // of the request, or the type of the event; "" for faults of whole connections
	Path      string // of the request; of a multi, the path that the rule matched
	Xid       int32  // 0 for the direct client, which has none
}

// String is one line: when, what happened, to which packet.
func (f Firing) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v rule %d (%s)", f.At.Round(time.Millisecond), f.Index+1, f.Rule)
	if f.Operation != "" {
		fmt.Fprintf(&b, ": %s", f.Operation)
	}
	if f.Path != "" {
		fmt.Fprintf(&b, " %s", quoted(f.Path))
	}
	if f.Xid != 0 {
		fmt.Fprintf(&b, ", xid %d", f.Xid)
	}
	if f.Session != 0 {
		fmt.Fprintf(&b, ", session %s", sessionText(f.Session))
	}
	if f.Client != "" {
		fmt.Fprintf(&b, ", client %s", quoted(f.Client))
	}
	return b.String()
}

// Fired is how often all rules together have fired.
func (p *Plan) Fired() (n int) {
	for _, c := range p.Counts() {
		n += c
	}
	return n
}

// Counts is how often each rule has fired, in the order of Rules.
func (p *Plan) Counts() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	counts := make([]int, len(p.states))
	for i, s := range p.states {
		counts[i] = s.fired
	}
	return counts
}

// Unfired returns the rules that have never fired.
func (p *Plan) Unfired() []Rule {
	var rules []Rule
	counts := p.Counts()
	for i, r := range p.Rules() {
		if counts[i] == 0 {
			rules = append(rules, r)
		}
	}
	return rules
}

// Log returns what has happened, in order; of very much, the first 10,000.
func (p *Plan) Log() []Firing {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.log)
}

// WriteLog prints the log, one line each, and at its end how many are left out.
func (p *Plan) WriteLog(w io.Writer) error {
	for _, f := range p.Log() {
		if _, err := fmt.Fprintln(w, f); err != nil {
			return err
		}
	}
	p.mu.Lock()
	dropped := p.dropped
	p.mu.Unlock()
	if dropped > 0 {
		_, err := fmt.Fprintf(w, "and %d more\n", dropped)
		return err
	}
	return nil
}

// Observe calls f for each fault from now on, in the goroutine in which it
// happens and before it has an effect. f must neither block nor call the plan.
// nil ends it.
func (p *Plan) Observe(f func(Firing)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.observe = f
}

// TB is what the helpers need of a test. *testing.T, *testing.B and *rapid.T have it.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Failed() bool
	Cleanup(func())
}

// RequireFired fails the test, naming the rules, if one has never fired: a
// fault that did not happen has tested nothing.
func (p *Plan) RequireFired(t TB) {
	t.Helper()
	for _, r := range p.Unfired() {
		t.Errorf("faults: never fired: %s", r)
	}
}

// ParseT is a plan for the length of a test. At its end the test fails if a
// rule has never fired; if it has failed, the log of the faults is printed.
func ParseT(t TB, text string) *Plan {
	t.Helper()
	p, err := Parse(text)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		t.Helper()
		p.RequireFired(t)
		if t.Failed() {
			var b strings.Builder
			_ = p.WriteLog(&b) // a Builder takes everything
			t.Logf("seed %d, faults:\n%s", p.Seed(), b.String())
		}
		_ = p.Close() // never fails
	})
	return p
}
