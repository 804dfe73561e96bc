package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/zksim/zksim/cmd/zksim/interop/pairs"
)

// pairing is what has come of a pair of recipes: ours and those of others.
type pairing struct {
	pairs.Pair
	checks  int // on the first server
	crashes int // how many of them are of what goes on when our session has ended
	theirs  int // or theirs
	wrong   int // on all
	differ  int
	missing int      // meetings that did not take place
	skipped []string // clients that did not run
}

// pairings tells by pairs what the clients with recipes have shown. There are none if no such client was chosen.
func pairings(all []result) (rows []pairing) {
	for _, p := range pairs.Pairs() {
		row, chosen := pairing{Pair: p}, false
		for _, r := range all {
			if meetings := r.library.Of(p.Number); len(meetings) > 0 {
				chosen = true
				row.add(r, meetings)
			}
		}
		if chosen {
			rows = append(rows, row)
		}
	}
	return rows
}

func (p *pairing) add(r result, meetings []string) {
	if r.Skipped != "" {
		p.skipped = append(p.skipped, r.Client)
		return
	}
	for _, meeting := range meetings {
		of := func(name string) bool { return strings.HasPrefix(name, meeting+", ") }
		for i, run := range r.Runs {
			n := 0
			for _, l := range run.Lines {
				if !of(l.Name) {
					continue
				}
				n++
				if i == 0 {
					p.count(l.Name)
				}
				if pairs.Wrong(l.Result) {
					p.wrong++
				}
			}
			if n == 0 {
				p.missing++
			}
			if i == 0 {
				p.checks += n
			}
		}
		for _, d := range r.Differences {
			if of(d.Name) {
				p.differ++
			}
		}
	}
}

// count notes what a line is about.
func (p *pairing) count(name string) {
	switch {
	case strings.Contains(name, pairs.Crash):
		p.crashes++
	case strings.Contains(name, pairs.TheirCrash):
		p.theirs++
	}
}

func (p pairing) verdict() string {
	var verdict string
	switch {
	case p.wrong > 0:
		verdict = fmt.Sprintf("%d wrong", p.wrong)
	case p.missing > 0:
		verdict = "not done"
	case p.differ > 0:
		verdict = fmt.Sprintf("%d differ", p.differ)
	case p.checks == 0:
		return "skipped"
	default:
		verdict = "right"
	}
	if p.skipped != nil {
		verdict += ", without " + strings.Join(p.skipped, ", ")
	}
	return verdict
}

// printPairings prints the table of pairs.
func printPairings(w io.Writer, rows []pairing) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\npair  checks  after a crash  %-10s  %-46s  theirs\n", "result", "ours")
	for _, p := range rows {
		crashes := ""
		if p.crashes+p.theirs > 0 {
			crashes = fmt.Sprintf("%d + %d", p.crashes, p.theirs)
		}
		fmt.Fprintf(w, "%4d  %6d  %13s  %-10s  %-46s  %s\n", p.Number, p.checks, crashes, p.verdict(), p.Ours, p.Theirs)
	}
}
