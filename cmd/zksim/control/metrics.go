package control

import (
	"cmp"
	_ "embed"
	"fmt"
	"net/http"
	"strings"
)

// metricList names what ZooKeeper's own exporter for Prometheus has, with its
// kind: counter, gauge, or a summary with a median only or with more quantiles.
//
//go:embed metrics.txt
var metricList string

// metrics writes what mntr tells in Prometheus's text format, in ZooKeeper's
// own form of it. Metrics of the Java machine are left out.
func (a *admin) metrics(w http.ResponseWriter, q *http.Request) *refusal {
	if _, r := query(q); r != nil {
		return r
	}
	_, m := a.monitored()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	for line := range strings.Lines(metricList) {
		name, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
		_, plain := m[name]
		if _, summary := m["cnt_"+name]; !plain && !summary {
			continue // 3.8 has fewer
		}
		switch kind {
		case "median":
			writeSummary(w, name, m, "0.5")
		case "quantiles":
			writeSummary(w, name, m, "0.5", "0.9", "0.99")
		default:
			fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s %s\n", name, name, name, kind, name, decimal(m[name]))
		}
	}
	return nil
}

// writeSummary writes a summary. Requests take no time here, so there is no
// distribution to tell of.
func writeSummary(w http.ResponseWriter, name string, m map[string]string, quantiles ...string) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s summary\n", name, name, name)
	for _, q := range quantiles {
		fmt.Fprintf(w, "%s{quantile=%q,} NaN\n", name, q)
	}
	fmt.Fprintf(w, "%s_count %s\n%s_sum %s\n", name, decimal(m["cnt_"+name]), name, decimal(m["sum_"+name]))
}

// decimal is a number as Java prints a double.
func decimal(text string) string {
	if text = cmp.Or(text, "0"); !strings.ContainsAny(text, ".eE") {
		text += ".0"
	}
	return text
}
