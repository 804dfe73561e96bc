package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"
	"strings"
)

// format writes a number with three significant digits, or as an integer with commas.
func format(v float64) string {
	switch a := math.Abs(v); {
	case v == 0:
		return "0"
	case a < 10:
		return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
	case a < 100:
		return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
	}
	s := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func optional(v *float64, suffix string) string {
	if v == nil {
		return ""
	}
	return format(*v) + suffix
}

const (
	nameWidth = 38
	layout    = "%-*s %-4s %12s %12s %8s  %-8s %-7s %5s%s\n"
)

func (r *runner) printHeading(w io.Writer) {
	other := "none"
	if r.real != nil {
		other = r.real.about
	}
	fmt.Fprintf(w, "simulator: %s\nZooKeeper: %s\n%d CPUs, load average %s, %s\n",
		r.sim.about, other, runtime.NumCPU(), loadAverage(), runtime.Version())
	if r.scale != 1 {
		fmt.Fprintf(w, "a try: all the large numbers below are multiplied by %g\n", r.scale)
	}
	fmt.Fprintln(w)
	fmt.Fprintf(w, layout, nameWidth, "", "unit", "simulator", "ZooKeeper", "ratio", "goal", "", "busy", "")
}

func printRow(w io.Writer, r row) {
	verdict := ""
	switch {
	case r.Met != nil && *r.Met:
		verdict = "met"
	case r.Met != nil:
		verdict = "NOT MET"
	case r.Goal != "":
		verdict = "?" // it is relative, and there is no ZooKeeper
	}
	note := ""
	if r.Note != "" {
		note = " " + r.Note
	}
	fmt.Fprintf(w, layout, nameWidth, r.metric.name, r.Unit, optional(r.SimMed, ""), optional(r.RealMed, ""),
		optional(r.Ratio, "x"), r.Goal, verdict, fmt.Sprintf("%.0f%%", 100*r.Busy), note)
}

// summary counts the goals.
func summary(rows []row) string {
	met, missed, open := 0, 0, 0
	for _, r := range rows {
		switch {
		case r.Met != nil && *r.Met:
			met++
		case r.Met != nil:
			missed++
		case r.Goal != "":
			open++
		}
	}
	s := fmt.Sprintf("%d goals met, %d not met", met, missed)
	if open > 0 {
		s += fmt.Sprintf(", %d not judged", open)
	}
	return s
}

// report is what -json prints.
type report struct {
	Go        string  `json:"go"`
	CPUs      int     `json:"cpus"`
	Load      string  `json:"load_average"` // at the end
	Simulator string  `json:"simulator"`
	ZooKeeper string  `json:"zookeeper,omitempty"`
	Scale     float64 `json:"scale"`
	Rows      []row   `json:"rows"`
}

func (r *runner) report(w io.Writer, rows []row) error {
	rep := report{Go: runtime.Version(), CPUs: runtime.NumCPU(), Load: loadAverage(), Scale: r.scale, Rows: rows, Simulator: r.sim.about}
	if r.real != nil {
		rep.ZooKeeper = r.real.about
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false) // of the goals' ">="
	return enc.Encode(rep)
}
