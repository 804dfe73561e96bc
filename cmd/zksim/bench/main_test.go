package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
)

// TestMain lets the program start itself, which is this test.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "-awake" {
		main()
		return
	}
	os.Exit(m.Run())
}

// bench runs the program on a simulator in this process, quickly.
func bench(t *testing.T, srv *memserver.Server, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	args = append([]string{"-sim", srv.Addr(), "-real", "off", "-scale", "0.001", "-time", "1ms", "-rounds", "1"}, args...)
	require.NoError(t, run(t.Context(), args, &out, io.Discard))
	return out.String()
}

func TestWrongUsage(t *testing.T) {
	t.Chdir(t.TempDir())
	for want, args := range map[string][]string{
		"flag provided but not defined: -nosuch":                                          {"-nosuch"},
		`unexpected argument "more"`:                                                      {"more"},
		"-rounds and -time must be positive, -scale over 0 and at most 1":                 {"-scale", "2"},
		"-sim here: want HOST:PORT":                                                       {"-sim", "here"},
		"-real there: want HOST:PORT, or off":                                             {"-real", "there"},
		"-profile open none/file: no such file or directory":                              {"-profile", "none/file"},
		`no scenario is called like "nosuch" and not like "^$"; -list lists them`:         {"-run", "nosuch"},
		"invalid value \"(\" for flag -run: error parsing regexp: missing closing ): `(`": {"-run", "("},
	} {
		var out, complaint bytes.Buffer
		require.Equal(t, 2, complain(&complaint, run(t.Context(), args, &out, &complaint)), args)
		require.Empty(t, out.String())
		require.Equal(t, "bench: "+want+"\n", complaint.String())
	}
	var help bytes.Buffer
	require.Zero(t, complain(&help, run(t.Context(), []string{"-h"}, io.Discard, &help)))
	require.Contains(t, help.String(), "-rounds")
}

func listening(t *testing.T) *memserver.Server {
	srv := memserver.RunT(t)
	require.NoError(t, srv.Listen("127.0.0.1:0"))
	return srv
}

// TestEveryScenario runs all of them at a thousandth of their size, against one server in both roles.
func TestEveryScenario(t *testing.T) {
	srv := listening(t)
	out := bench(t, srv, "-json", "-skip", "heartbeats", "-real", srv.Addr(), "-warm", "1ms")
	var rep report
	require.NoError(t, json.Unmarshal([]byte(out), &rep))
	byName := make(map[string][]row)
	for _, r := range rep.Rows {
		byName[r.Scenario] = append(byName[r.Scenario], r)
	}
	for _, s := range scenarios() {
		if s.name == "heartbeats" {
			continue
		}
		rows := byName[s.name]
		require.Len(t, rows, len(s.metrics), s.name)
		for i, r := range rows {
			// The CPU time and the memory of so few requests are often 0, and a process that ran
			// already has no start.
			switch s.metrics[i].unit {
			case "us", "B", "kB":
			default:
				require.Equal(t, s.name != "process", r.SimMed != nil, r.Metric)
				require.Equal(t, s.local == nil && s.name != "process", r.RealMed != nil, r.Metric)
			}
			if r.Ratio != nil {
				require.Positive(t, *r.Ratio, r.Metric)
			}
		}
	}
	require.Equal(t, 4, srv.Snapshot().Len(), "everything is removed from a server that lives on")
	require.Empty(t, srv.Sessions())
}

func TestTable(t *testing.T) {
	out := bench(t, listening(t), "-run", "allocations|sync-get")
	require.Regexp(t, `(?m)^synchronous get +1/s +[\d,]+ .*\n  median latency +us +[\d.]+`, out)
	require.Regexp(t, `(?m)^  server CPU .* >= 4x +\?`, out)
	require.Regexp(t, `(?m)^objects per ping +0 +<= 0 +met`, out)
	require.Regexp(t, `\n\d goals met, \d not met, 1 not judged`, out)
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-rounds", "0"}, {"-time", "0s"}, {"-scale", "2"}, {"-run", "("}, {"-nonsense"}, {"word"}} {
		require.Error(t, run(t.Context(), args, io.Discard, io.Discard), args)
	}
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-list", "-run", "pipelined", "-skip", "set"}, &out, io.Discard))
	require.Regexp(t, `^pipelined-get .*\npipelined-create .*\n$`, out.String())
	require.Error(t, run(t.Context(), []string{"-sim", "127.0.0.1:1", "-real", "off"}, io.Discard, io.Discard))
}

func TestJudge(t *testing.T) {
	yes, no := true, false
	for _, test := range []struct {
		name      string
		metric    metric
		sim, real []float64
		ratio     float64 // 0 for none
		met       *bool
	}{
		{"more is better", metric{more: true, goal: timesBetter(20)}, []float64{100, 300, 90}, []float64{5, 10, 1}, 30, &yes},
		{"less is better", metric{goal: timesBetter(20)}, []float64{1, 2}, []float64{10, 20}, 10, &no},
		{"median of the pairs", metric{more: true, goal: timesBetter(3)}, []float64{10, 100, 30}, []float64{1, 50, 10}, 3, &yes},
		{"no real server", metric{goal: timesBetter(20)}, []float64{1}, nil, 0, nil},
		{"a round is missing", metric{goal: timesBetter(20)}, []float64{missing, 1}, []float64{1, 30}, 30, &yes},
		{"not measured", metric{goal: timesBetter(20)}, []float64{missing}, []float64{1}, 0, nil},
		{"too coarse a clock", metric{goal: timesBetter(20)}, []float64{0}, []float64{1}, 0, nil},
		{"limit", metric{goal: atMost(200)}, []float64{183}, nil, 0, &yes},
		{"over the limit", metric{goal: atMost(0)}, []float64{0, 1, 1}, nil, 0, &no},
		{"nothing at all", metric{goal: atMost(0)}, []float64{0}, nil, 0, &yes},
		{"no goal", metric{}, []float64{1}, []float64{2}, 2, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := row{metric: test.metric, Sim: test.sim, Real: test.real}
			r.finish()
			require.Equal(t, test.met, r.Met)
			if test.ratio == 0 {
				require.Nil(t, r.Ratio)
			} else {
				require.Equal(t, test.ratio, *r.Ratio)
			}
		})
	}
}

func TestFormat(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.25: "0.25", 1.5: "1.5", 9.999: "10", 12.34: "12.3", 20: "20", 123.4: "123",
		1234.5: "1,234", 1234567: "1,234,567", -1234: "-1,234", 100: "100",
	} {
		require.Equal(t, want, format(v))
	}
	require.True(t, math.IsNaN(median(nil)))
	require.Equal(t, 2.5, median([]float64{4, 1, 3, 2}))
}

// TestProc needs Linux to say anything.
func TestProc(t *testing.T) {
	if loadAverage() == "" {
		t.Skip("this system has no /proc")
	}
	srv := listening(t)
	pid := listenerPID(srv.Addr())
	require.Positive(t, pid)
	require.Positive(t, residentBytes(pid))
	_, all := machineTime()
	require.Positive(t, all)
	for begin := time.Now(); cpuTime(pid) == 0; {
		require.Less(t, time.Since(begin), 10*time.Second)
	}
	require.Zero(t, cpuTime(0))
	require.Zero(t, listenerPID("127.0.0.1:1"))
}
