package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zksim/zksim/cmd/zksim/interop/pairs"
)

// result is what one client saw on all sides.
type result struct {
	Client      string       `json:"client"`
	Version     string       `json:"version"`
	Skipped     string       `json:"skipped,omitempty"` // why it did not run
	Runs        []sideRun    `json:"runs,omitempty"`
	Differences []difference `json:"differences,omitempty"` // of the second run from the first

	library pairs.Library
}

// sideRun is what a client saw on one side.
type sideRun struct {
	Server  string  `json:"server"`
	Seconds float64 `json:"seconds"`
	Lines   []line  `json:"lines"`
	Failure string  `json:"failure,omitempty"` // how the program failed
}

// difference is a name whose results differ.
type difference struct {
	Name string   `json:"name"`
	Got  []string `json:"got"` // by side
}

// missing stands for the result of a line that a program did not print.
const missing = "(no such line)"

// onAll runs a client on all sides at once and compares the others with the first.
func (c client) onAll(ctx context.Context, sides []side, cache cache, limit time.Duration) result {
	r := result{Client: c.name, Version: c.version, library: c.library}
	prog, err := c.prepare(ctx, cache)
	if err != nil {
		r.Skipped = err.Error()
		return r
	}
	// A server that is not ours has a reaper that may take minutes; all sides must run the same.
	reaper := !slices.ContainsFunc(sides, func(s side) bool { return s.shared })
	r.Runs = make([]sideRun, len(sides))
	var all sync.WaitGroup // most of the time a client waits
	for i, s := range sides {
		all.Go(func() {
			begin := time.Now()
			lines, err := c.on(ctx, prog, s, reaper, limit)
			r.Runs[i] = sideRun{Server: s.name, Seconds: time.Since(begin).Seconds(), Lines: lines}
			if err != nil {
				r.Runs[i].Failure = err.Error()
			}
		})
	}
	all.Wait()
	r.Differences = differences(r.Runs)
	return r
}

// on runs a client on one side, on a server of its own where we start it.
func (c client) on(ctx context.Context, prog program, s side, reaper bool, limit time.Duration) (lines []line, err error) {
	srv, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done after %v", limit))
	defer cancel()
	root := "/interop"
	if s.shared { // the path must be nobody's
		root = fmt.Sprintf("/interop-%s-%d", c.name, time.Now().UnixNano())
	}
	lines, err = runProgram(ctx, prog, srv.addr, root, reaper)
	if err != nil && ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	return lines, err
}

// differences compares by name, in the order of the first side. Names only a later side has come last.
func differences(runs []sideRun) []difference {
	var names []string
	results := map[string][]string{}
	for i, run := range runs {
		for _, l := range run.Lines {
			if results[l.Name] == nil {
				names = append(names, l.Name)
				results[l.Name] = slices.Repeat([]string{missing}, len(runs))
			}
			results[l.Name][i] = l.Result
		}
	}
	var differ []difference
	for _, name := range names {
		got := results[name]
		for _, other := range got[1:] {
			if other != got[0] {
				differ = append(differ, difference{name, got})
				break
			}
		}
	}
	return differ
}

func (r result) ok(strict bool) bool {
	if r.Skipped != "" {
		return !strict
	}
	for _, run := range r.Runs {
		if run.Failure != "" {
			return false
		}
	}
	return len(r.Differences) == 0
}

// print writes one line, and below it, indented, what differs or failed.
func (r result) print(w io.Writer, verbose bool) {
	name := r.Client + " " + r.Version
	if r.Skipped != "" {
		fmt.Fprintf(w, "%-36s skipped      %s\n", name, indent(r.Skipped))
		return
	}
	fmt.Fprintf(w, "%-36s %3d checks   %s\n", name, len(r.Runs[0].Lines), r.verdict())
	for _, run := range r.Runs {
		if run.Failure != "" {
			fmt.Fprintf(w, "    failed on %s after %d lines: %s\n", run.Server, len(run.Lines), indent(run.Failure))
		}
	}
	for _, d := range r.Differences {
		fmt.Fprintf(w, "    %s\n", d.Name)
		for i, run := range r.Runs {
			fmt.Fprintf(w, "        %-16s %s\n", run.Server, d.Got[i])
		}
	}
	if verbose {
		for _, l := range r.Runs[0].Lines {
			fmt.Fprintf(w, "    %s: %s\n", l.Name, l.Result)
		}
	}
}

func (r result) verdict() string {
	first := r.Runs[0]
	switch {
	case len(r.Runs) == 1:
		return fmt.Sprintf("on %s in %.1f s", first.Server, first.Seconds)
	case len(r.Differences) == 1:
		return "1 differs from " + first.Server
	case len(r.Differences) > 1:
		return fmt.Sprintf("%d differ from %s", len(r.Differences), first.Server)
	case !r.ok(false):
		return "failed"
	}
	return "same as " + first.Server
}

func indent(text string) string { return strings.ReplaceAll(text, "\n", "\n      ") }

func printJSON(w io.Writer, all []result) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(all)
}
