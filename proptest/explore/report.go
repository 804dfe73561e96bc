package explore

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// numbered is the history with its steps counted.
func (r *run) numbered() []Line {
	n := 0
	for i := range r.history {
		if r.history[i].Kind != Noted {
			n++
			r.history[i].Number = n
		}
	}
	return r.history
}

func (f *Failure) same(g *Failure) bool {
	return f.Text == g.Text && slices.Equal(f.Choices, g.Choices) && slices.Equal(f.History, g.History)
}

// Steps is how many steps the history has.
func (f *Failure) Steps() int {
	if n := len(f.History); n > 0 {
		for i := n - 1; i >= 0; i-- {
			if f.History[i].Number > 0 {
				return f.History[i].Number
			}
		}
	}
	return 0
}

// Schedule is the failure's schedule in one word; see Replay.
func (f *Failure) Schedule() string { return encode(f.Choices) }

// Report is the failure for people to read; test is the name of the test.
func (res *Result) Report(test string) string {
	f := res.Failure
	if f == nil {
		return "nothing failed\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v\n\n", f)
	if f.Twin != nil {
		fmt.Fprintf(&b, "one way:\n%s\nthe other way:\n", f.Twin.Story())
	}
	fmt.Fprintf(&b, "%s\n", f.Story())
	if f.Stack != "" {
		fmt.Fprintf(&b, "%s\n", f.Stack)
	}
	if res.FoundAfter > 0 {
		fmt.Fprintf(&b, "found after %d schedules; %d steps are left of it. ", res.FoundAfter, f.Steps())
	}
	fmt.Fprintf(&b, "To run it again:\n  go test -run '%s' .", strings.ReplaceAll(pattern(test), "'", `'\''`))
	if f.Twin == nil {
		fmt.Fprintf(&b, " -explore.replay=%s\n", f.Schedule())
	} else {
		b.WriteString(" -explore.thorough\n")
	}
	if !res.Same {
		b.WriteString("CAUTION: run again it was not the same: a participant depends on something that is not controlled\n")
	}
	return b.String()
}

// FailT fails the test if there is a failure: the report goes to its log, and with
// go test -artifacts the diagrams and the test in Go go to files beside.
func (res *Result) FailT(t *testing.T) {
	t.Helper()
	f := res.Failure
	if f == nil {
		return
	}
	report := res.Report(t.Name())
	if a := flag.Lookup("test.artifacts"); a != nil && a.Value.String() == "true" {
		dir, number := t.ArtifactDir(), ""
		for n := 2; exists(filepath.Join(dir, "schedule"+number+".html")); n++ { // another one of the same test
			number = fmt.Sprint(n)
		}
		for name, text := range map[string]string{".html": f.HTML(t.Name()), ".mmd": f.Mermaid(), "_test.go": f.GoTest("replay_test", "TestSchedule"+number)} {
			if err := os.WriteFile(filepath.Join(dir, "schedule"+number+name), []byte(text), 0o666); err != nil {
				t.Errorf("%v", err)
			}
		}
		report += "diagrams, and a test without the explorer: " + dir + "\n"
	} else {
		report += "go test -artifacts writes diagrams, and a test without the explorer\n"
	}
	t.Errorf("%s", report)
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// pattern is what -run takes for one test.
func pattern(test string) string {
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

// head and tail are how much of a long history is told.
const head, tail = 60, 10

// Story is the history, a line a step; of one that is too long to be read, the
// beginning and the end.
func (f *Failure) Story() string {
	var b strings.Builder
	width := 0
	for _, l := range f.History {
		width = max(width, len(l.Who))
	}
	for i, l := range f.History {
		if skipped := len(f.History) - head - tail; skipped > head && i >= head && i < head+skipped {
			if i == head {
				fmt.Fprintf(&b, "     ... %d lines ...\n", skipped)
			}
			continue
		}
		number := "    "
		if l.Number > 0 {
			number = fmt.Sprintf("%3d ", l.Number)
		}
		fmt.Fprintf(&b, "%s %-*s  %s", number, width, l.Who, l.Text)
		if l.Result != "" {
			fmt.Fprintf(&b, " -> %s", l.Result)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// encode writes choices down: a digit or letter for each, in braces above 35,
// without the zeros at the end.
func encode(choices []int) string {
	last := len(choices)
	for last > 0 && choices[last-1] == 0 {
		last--
	}
	var b strings.Builder
	for _, c := range choices[:last] {
		b.WriteString(letter(c))
	}
	if b.Len() == 0 {
		return "0"
	}
	return b.String()
}

// letter is one choice.
func letter(c int) string {
	if c < 36 {
		return "0123456789abcdefghijklmnopqrstuvwxyz"[c : c+1]
	}
	return fmt.Sprintf("{%d}", c)
}
