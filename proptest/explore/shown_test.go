package explore_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

var errNo = errors.New("no")

// solo is one participant, and fails.
func solo(body func(p *explore.Participant)) func(w *explore.World) {
	return func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			body(p)
			return errNo
		})
	}
}

func thousand(c *explore.Config) { c.Strategy, c.Schedules = explore.Exhaustive(), 1000 }

// A panic is the same when it is run again, wherever it is.
func TestPanics(t *testing.T) {
	var none map[string]int
	for name, scenario := range map[string]func(w *explore.World){
		"of a participant": solo(func(*explore.Participant) { none["a"] = 1 }),
		"of an invariant": func(w *explore.World) {
			w.Go("A", func(p *explore.Participant) error { p.Pause("works"); return nil })
			w.Invariant(func() error { none["a"] = 1; return nil })
		},
		"in the end": func(w *explore.World) {
			w.Go("A", func(*explore.Participant) error { return nil })
			w.Finally(func() error { none["a"] = 1; return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			res := explore.Explore(t, scenario, thousand)
			require.NotNil(t, res.Failure)
			require.Contains(t, res.Failure.Text, "panicked: assignment to entry in nil map")
			require.True(t, res.Same)
			require.Contains(t, res.Report(t.Name()), "TestPanics")
		})
	}
}

// leaves leaves a goroutine.
func leaves(w *explore.World) {
	w.Go("A", func(p *explore.Participant) error {
		go func() { <-make(chan int) }()
		_, _, err := p.Client.Get(p.Context(), "/")
		return err
	})
}

// A goroutine that is left fails what it is left by. What panics after that does so all the same.
func TestLeft(t *testing.T) {
	require.Equal(t, explore.Leaked, explore.Trace(t, "0", leaves).Why)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestPanicsAfterLeft$")
	cmd.Env = append(os.Environ(), "PANICS_AFTER_LEFT=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "panic: the scenario's own")
}

func TestPanicsAfterLeft(t *testing.T) {
	if os.Getenv("PANICS_AFTER_LEFT") == "" {
		return // TestLeft runs it
	}
	n := 0
	explore.Explore(t, func(w *explore.World) {
		if n++; n == 2 {
			panic("the scenario's own")
		}
		leaves(w)
		w.Go("B", func(p *explore.Participant) error { p.Pause("works"); return nil })
	}, thousand, func(c *explore.Config) { c.Failures = func(*explore.Failure) {} })
}

// Who gets every failure gets what has happened, too.
func TestFailuresAreTold(t *testing.T) {
	var got *explore.Failure
	explore.Explore(t, counting, thousand, func(c *explore.Config) { c.Failures = func(f *explore.Failure) { got = f } })
	require.NotEmpty(t, got.Story())
}

// What somebody else may not delete is not said to be deleted.
func TestMayNotBeDeleted(t *testing.T) {
	f := explore.Explore(t, func(w *explore.World) {
		restricted(w)
		w.Go("A", func(p *explore.Participant) error {
			p.Pause("waits")
			if _, there := w.Server.Node("/ro/x"); w.Happened(explore.Removal) && there {
				return errNo
			}
			return nil
		})
	}, thousand, func(c *explore.Config) { c.Faults, c.Kinds = 1, explore.Removal }).Failure
	require.NotNil(t, f)
	require.Contains(t, f.Story(), "somebody else cannot delete /ro/x: zookeeper: NoAuth")
}

// The line that runs it again is one for a shell, whatever the test is called.
func TestReportInAShell(t *testing.T) {
	t.Run("it's $HOME (a/b) [c]|d", func(t *testing.T) {
		report := explore.Explore(t, solo(func(p *explore.Participant) { p.Pause("works") }), thousand).Report(t.Name())
		line := regexp.MustCompile(`(?m)^ +go test (.*)$`).FindStringSubmatch(report)[1]
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf '%s\\n' "+line).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), `it's_\$HOME`)
	})
	require.Equal(t, "nothing failed\n", explore.Explore(t, exclusion("", 2), thousand).Report(t.Name()))
	require.NotContains(t, explore.Replay(t, "01", counting).Report("x"), "found after")
}

// Diagrams are what they should be, whatever there is in names, paths and texts.
func TestDiagramsOfAnything(t *testing.T) {
	for _, name := range []string{"A\nB", "end", "A,B", "A#1;", "", "A->>B", "A-1", "A 1", "A\xff"} {
		t.Run(strconv.Quote(name), func(t *testing.T) {
			f := explore.Trace(t, "0", func(w *explore.World) {
				w.Go(name, func(p *explore.Participant) error {
					p.Pause("x\rend")
					_, _ = p.Client.Create(p.Context(), "/a#1;x", []byte("\xff"), nil, zkapi.Persistent)
					return errors.New("\xff")
				})
			})
			for _, line := range strings.Split(strings.TrimSpace(f.Mermaid()), "\n")[1:] {
				require.Regexp(t, `^    (participant (p0|ZooKeeper)|Note over (p0|ZooKeeper): |p0->>ZooKeeper: |ZooKeeper-->>p0: )`, line)
			}
			require.Contains(t, f.Mermaid(), "/a#35;1#59;x")
			require.True(t, utf8.ValidString(f.HTML("x")))
		})
	}
	f := explore.Trace(t, "0", solo(func(p *explore.Participant) { p.Pause(strings.Repeat("long ", 100)) }))
	width, err := strconv.Atoi(regexp.MustCompile(`<svg width="(\d+)"`).FindStringSubmatch(f.HTML("x"))[1])
	require.NoError(t, err)
	require.Greater(t, width, 500*7)
}

// Of a lot of data it is told how it begins.
func TestLongData(t *testing.T) {
	report := explore.Explore(t, solo(func(p *explore.Participant) {
		_, _ = p.Client.Create(p.Context(), "/a", make([]byte, 1<<19), nil, zkapi.Persistent)
		_, _, _ = p.Client.Get(p.Context(), "/a")
	}), thousand).Report(t.Name())
	require.Less(t, len(report), 10_000)
	require.Contains(t, report, "(524288 bytes), version 0")
}

// What a search says of itself is what it has done.
func TestNumbers(t *testing.T) {
	search := func(thorough bool) *explore.Result {
		return explore.Explore(t, exclusion("", 2), func(c *explore.Config) {
			c.Strategy, c.Thorough, c.Schedules = explore.Exhaustive(), thorough, 100_000
		})
	}
	require.Equal(t, search(false).Steps, search(true).Steps)
	res := explore.Explore(t, func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			for p.Context().Err() == nil {
				p.Pause("goes on")
			}
			return nil
		})
	}, thousand, func(c *explore.Config) { c.MaxSteps, c.KeepShrinking = 10, -1 })
	require.Equal(t, res.Failure.Steps(), res.Longest)
}

// Flags that make no sense are said to be wrong; so many schedules are so many, however long they take.
func TestWrongFlags(t *testing.T) {
	check := func(name, value string) (*explore.Config, error) {
		require.NoError(t, flag.Set(name, value))
		defer func() { require.NoError(t, flag.Set(name, flag.Lookup(name).DefValue)) }()
		c := new(explore.Config)
		return c, c.Check()
	}
	for _, x := range [][2]string{{"explore.schedules", "-1"}, {"explore.time", "-1s"}, {"explore.shard", "0/4,1/4"}, {"explore.shard", "1/4x"}} {
		_, err := check(x[0], x[1])
		require.Error(t, err, x)
	}
	c, err := check("explore.schedules", "1000")
	require.NoError(t, err)
	require.Zero(t, c.Time)
	require.Error(t, (&explore.Config{Faults: -1}).Check())
}
