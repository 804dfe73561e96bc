package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func lines(pairs ...string) []line {
	var all []line
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, line{pairs[i], pairs[i+1]})
	}
	return all
}

func TestDifferences(t *testing.T) {
	runs := []sideRun{
		{Server: "real", Lines: lines("a", "1", "b", "2", "c", "3", "empty", "")},
		{Server: "sim", Lines: lines("a", "1", "b", "two", "d", "4", "empty", "")},
	}
	require.Equal(t, []difference{
		{"b", []string{"2", "two"}},
		{"c", []string{"3", missing}},
		{"d", []string{missing, "4"}},
	}, differences(runs))
	require.Empty(t, differences(runs[:1]))
}

func TestVerdicts(t *testing.T) {
	one := sideRun{Server: "ZooKeeper 3.9.5", Lines: lines("a", "1"), Seconds: 2.04}
	two := sideRun{Server: "zksim", Lines: lines("a", "1")}
	other := sideRun{Server: "zksim", Lines: lines("a", "2")}
	broken := sideRun{Server: "zksim", Lines: lines("a", "1"), Failure: "exit status 1\nwhy"}
	for _, c := range []struct {
		r      result
		ok     bool
		strict bool
		want   string
	}{
		{result{Runs: []sideRun{one}}, true, true, "1 checks   on ZooKeeper 3.9.5 in 2.0 s\n"},
		{result{Runs: []sideRun{one, two}}, true, true, "1 checks   same as ZooKeeper 3.9.5\n"},
		{
			result{Runs: []sideRun{one, other}}, false, false,
			"1 checks   1 differs from ZooKeeper 3.9.5\n    a\n        ZooKeeper 3.9.5  1\n        zksim            2\n",
		},
		{
			result{Runs: []sideRun{one, broken}}, false, false,
			"1 checks   failed\n    failed on zksim after 1 lines: exit status 1\n      why\n",
		},
		{result{Skipped: "there is no npm on $PATH"}, true, false, "skipped      there is no npm on $PATH\n"},
	} {
		c.r.Client, c.r.Version = "kazoo", "2.11.0"
		c.r.Differences = differences(c.r.Runs)
		var out strings.Builder
		c.r.print(&out, false)
		require.Equal(t, "kazoo 2.11.0 "+c.want, squeeze(out.String()))
		require.Equal(t, c.ok, c.r.ok(false))
		require.Equal(t, c.strict, c.r.ok(true))
	}
}

// squeeze takes out the spaces that line up the first line's columns.
func squeeze(text string) string {
	head, rest, _ := strings.Cut(text, "\n")
	for strings.Contains(head, "2.11.0  ") {
		head = strings.Replace(head, "2.11.0  ", "2.11.0 ", 1)
	}
	return head + "\n" + rest
}
