package faults_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// tries runs n sets on a client with the plan and tells which failed, as
// numbers from 1.
func tries(t *testing.T, c zkapi.Client, n int) (failed []int) {
	t.Helper()
	for i := range n {
		if _, err := c.Set(t.Context(), "/", nil, -1); err != nil {
			failed = append(failed, i+1)
		}
	}
	return failed
}

func TestWhen(t *testing.T) {
	tests := []struct {
		rule string
		want []int
	}{
		{"error NoNode setData #3", []int{3}},
		{"error NoNode setData every 3", []int{3, 6, 9}},
		{"error NoNode setData every 3 times 2", []int{3, 6}},
		{"error NoNode setData once", []int{1}},
		{"error NoNode setData 100%", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		{"error NoNode setData times 2 every 4", []int{4, 8}},
		{"error NoNode setData #2; error NoAuth setData #2", []int{2}},
		{"error NoNode setData #2; error NoAuth setData #4", []int{2, 4}},
		{"error NoNode create", nil},
		{"error NoNode setData /a", nil},
		{"error NoNode setData client=b", nil},
		{"error NoNode setData client=a #1", []int{1}},
		{"error NoNode setData session=0x1", nil},
		{"error NoNode setData from 1h", nil},
		{"error NoNode read", nil},
		{"error NoNode write /** #9", []int{9}},
		{"error NoNode getData,setData / #9", []int{9}},
		{"error NoNode after-reply #9", []int{9}},
		{"seed 1; error NoNode 30%", []int{1, 4, 5, 7, 8, 9}},
		{"seed 2; error NoNode 30%", []int{2, 4, 8, 9, 10}},
		{"seed 2; error NoAuth 30%", []int{2, 3, 6, 8}},
		{"seed 2; error NoAuth 30%; error NoAuth 30%", []int{2, 3, 5, 6, 8, 10}},
	}
	for _, tt := range tests {
		inBubble(t, func(t *testing.T, srv *memserver.Server) {
			plan := faults.MustParse(tt.rule)
			require.Equal(t, tt.want, tries(t, plan.As("a").Client(srv.ClientT(t)), 10), tt.rule)
			require.Equal(t, len(tt.want), plan.Fired(), tt.rule)
		})
	}
}

// TestSession: a rule about one session is about nobody else.
func TestSession(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		a, b := srv.ClientT(t), srv.ClientT(t)
		plan := faults.MustParse(fmt.Sprintf("error NoNode session=0x%x", b.SessionID()))
		require.Empty(t, tries(t, plan.Client(a), 2))
		require.Equal(t, []int{1, 2}, tries(t, plan.Client(b), 2))
		c := session(t, srv, faults.MustParse("error NoNode session=0x1"))
		c.write(create(1, "/a"))
		require.Zero(t, c.reply().Err)
	})
}

// TestWindow: a rule counts what happens while it is in force.
func TestWindow(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		plan := faults.ParseT(t, "error NoNode from 2s to 5s #2")
		time.Sleep(time.Hour) // the plan is not used yet
		c := plan.Client(srv.ClientT(t))
		var failed []int
		for i := range 10 {
			if len(tries(t, c, 1)) > 0 {
				failed = append(failed, i)
			}
			time.Sleep(time.Second)
		}
		require.Equal(t, []int{3}, failed)
		require.Equal(t, 3*time.Second, plan.Log()[0].At)
	})
}

// TestSameSeedSameFaults: what happens to a client follows from the seed and its
// own traffic, whatever the others do and in whatever order.
func TestSameSeedSameFaults(t *testing.T) {
	run := func(others int) (history []string) {
		inBubble(t, func(t *testing.T, srv *memserver.Server) {
			plan := faults.MustParse("seed 5; cut after-reply 10%; cut before-request 10%; delay 10ms before-request 20%; error NoNode 5%")
			c := plan.As("me").Client(srv.ClientT(t))
			var wg sync.WaitGroup
			for i := range others {
				wg.Go(func() { tries(t, plan.As(fmt.Sprint("other", i)).Client(srv.ClientT(t)), 50) })
			}
			for i := range 50 {
				_, err := c.Create(t.Context(), fmt.Sprint("/n", i), nil, nil, zkapi.Persistent)
				history = append(history, fmt.Sprint(err))
			}
			wg.Wait()
			require.NotZero(t, plan.Fired())
		})
		return history
	}
	alone := run(0)
	require.Equal(t, alone, run(0))
	require.Equal(t, alone, run(5))
}

func TestCounts(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		plan := faults.MustParse("seed 3; error NoNode setData #2; error NoAuth getData; delay 1ms before-request setData")
		var seen []string
		plan.Observe(func(f faults.Firing) { seen = append(seen, f.String()) })
		c := plan.As("a b").Client(srv.ClientT(t))
		tries(t, c, 2)
		require.Equal(t, []int{1, 0, 2}, plan.Counts())
		require.Equal(t, 3, plan.Fired())
		require.Equal(t, []faults.Rule{plan.Rules()[1]}, plan.Unfired())
		var log strings.Builder
		require.NoError(t, plan.WriteLog(&log))
		id := fmt.Sprintf("session 0x%x", c.SessionID())
		require.Equal(t, "0s rule 3 (delay 1ms before-request setData): setData /, "+id+", client \"a b\"\n"+
			"1ms rule 1 (error NoNode setData #2): setData /, "+id+", client \"a b\"\n"+
			"1ms rule 3 (delay 1ms before-request setData): setData /, "+id+", client \"a b\"\n", log.String())
		require.Equal(t, log.String(), strings.Join(seen, "\n")+"\n")

		plan.Reset()
		require.Zero(t, plan.Fired())
		require.Empty(t, plan.Log())
		require.Equal(t, []int{2}, tries(t, c, 3), "the counts start again")
		plan.Heal()
		require.Empty(t, tries(t, c, 3))
		require.Equal(t, 4, plan.Fired(), "what has been is still known")
	})
}

// TestLogIsBounded, and says so.
func TestLogIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		plan := faults.MustParse("error NoNode")
		tries(t, plan.Client(srv.ClientT(t)), 10_002)
		require.Equal(t, 10_002, plan.Fired())
		require.Len(t, plan.Log(), 10_000)
		var log strings.Builder
		require.NoError(t, plan.WriteLog(&log))
		require.True(t, strings.HasSuffix(log.String(), "\nand 2 more\n"))
	})
}

// fakeT notes what happens to a test.
type fakeT struct {
	errors, logs []string
	cleanups     []func()
}

func (f *fakeT) Helper() {}
func (f *fakeT) Errorf(format string, a ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, a...))
}
func (f *fakeT) Logf(format string, a ...any)   { f.logs = append(f.logs, fmt.Sprintf(format, a...)) }
func (f *fakeT) Failed() bool                   { return len(f.errors) > 0 }
func (f *fakeT) Cleanup(c func())               { f.cleanups = append(f.cleanups, c) }
func (f *fakeT) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

func (f *fakeT) end() {
	for _, c := range f.cleanups {
		c()
	}
}

// TestParseT: a fault that has not happened fails the test.
func TestParseT(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		var bad, good fakeT
		plan := faults.ParseT(&bad, "seed 4; error NoNode setData; error NoAuth getData\nrefuse #9")
		tries(t, plan.Client(srv.ClientT(t)), 1)
		bad.end()
		require.Equal(t, []string{"faults: never fired: error NoAuth getData", "faults: never fired: refuse #9"}, bad.errors)
		require.Len(t, bad.logs, 1)
		require.Contains(t, bad.logs[0], "seed 4, faults:\n0s rule 1 (error NoNode setData): setData /")

		plan = faults.ParseT(&good, "error NoNode setData")
		tries(t, plan.Client(srv.ClientT(t)), 1)
		good.end()
		require.Empty(t, good.errors)
		require.Empty(t, good.logs)
		require.PanicsWithValue(t, "faults: line 1, column 4: cut wants before-request, after-reply, after-delivery or after-notification",
			func() { faults.ParseT(&bad, "cut") })
	})
	require.Panics(t, func() { faults.MustParse("cut") })
	_, err := faults.New(0, faults.Rule{Action: faults.Refuse}, faults.Rule{})
	require.EqualError(t, err, `faults: rule 2: unknown action "": want cut, stall, delay, error, refuse, silence or slow`)
}

// TestHeal: what was held passes on.
func TestHeal(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		plan := faults.ParseT(t, "silence both-ways from 1s")
		c := session(t, srv, plan)
		time.Sleep(2 * time.Second)
		start := time.Now()
		c.write(create(1, "/a"))
		go func() {
			time.Sleep(3 * time.Second)
			plan.Heal()
		}()
		require.Equal(t, int32(1), c.reply().Xid)
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}

// TestOtherRules: a plan in use can be given other rules.
func TestOtherRules(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *memserver.Server) {
		plan := faults.MustParse("silence to-server")
		d := plan.Client(srv.ClientT(t))
		time.Sleep(2 * time.Second)
		go func() {
			time.Sleep(3 * time.Second)
			require.NoError(t, plan.UnmarshalText([]byte("error NoNode setData from 10s")))
		}()
		start := time.Now()
		require.Empty(t, tries(t, d, 1))
		require.Equal(t, 3*time.Second, time.Since(start), "what was held passes on")
		time.Sleep(9 * time.Second)
		require.Empty(t, tries(t, d, 1))
		time.Sleep(time.Second)
		require.Equal(t, []int{1}, tries(t, d, 1), "the time starts anew")
		require.Equal(t, 1, plan.Fired())
	})
}

// TestRandom: a seed is a plan, plans are sound and differ, and each kind of
// fault is in some of them.
func TestRandom(t *testing.T) {
	texts, actions := make(map[string]bool), make(map[faults.Action]int)
	for seed := range uint64(300) {
		plan := faults.Random(seed)
		require.Equal(t, plan.String(), faults.Random(seed).String())
		require.Equal(t, plan.String(), faults.MustParse(plan.String()).String())
		texts[plan.String()] = true
		for _, r := range plan.Rules() {
			require.NoError(t, r.Check())
			require.LessOrEqual(t, r.To, time.Minute)
			actions[r.Action]++
		}
	}
	require.Len(t, texts, 300)
	for _, a := range []faults.Action{faults.Cut, faults.Stall, faults.Delay, faults.Error, faults.Refuse, faults.Silence, faults.Slow} {
		require.Greater(t, actions[a], 30, a)
	}
}
