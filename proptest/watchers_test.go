package proptest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// watchCase is what is drawn for one run.
type watchCase struct {
	Plan  string
	Slow  time.Duration
	Steps []watchStep
	Full  bool // all nodes are there at the start
	Close bool // the client is closed, and not the context cancelled
}

func drawWatchCase(t *rapid.T) watchCase {
	step := rapid.Custom(func(t *rapid.T) watchStep {
		return watchStep{
			Do: rapid.SampledFrom(watchSteps).Draw(t, "do"), Path: rapid.IntRange(0, len(watchPaths)-1).Draw(t, "path"),
			N: rapid.IntRange(1, 3).Draw(t, "n"), Pause: rapid.SampledFrom([]int{0, 0, 1, 50, 3000}).Draw(t, "pause"),
		}
	})
	return watchCase{
		Plan: FaultPlan().Draw(t, "plan"), Slow: rapid.SampledFrom([]time.Duration{0, 0, 10 * time.Millisecond, time.Second}).Draw(t, "slow"),
		Steps: rapid.SliceOfN(step, 1, 30).Draw(t, "steps"), Full: rapid.Bool().Draw(t, "full"),
		Close: rapid.Bool().Draw(t, "close"),
	}
}

// TestWatchers: whatever goes wrong, what watchers tell has been, in that order,
// and in the end is what there is; and they leave nothing.
func TestWatchers(t *testing.T) {
	for _, on := range []struct {
		kind    string
		profile memserver.Profile
		members int
	}{
		{"direct", memserver.V39, 1}, {"direct", memserver.V38, 3}, {"wire", memserver.V39, 3}, {"wire", memserver.V38, 1},
	} {
		t.Run(fmt.Sprintf("%s/%s/%d", on.kind, on.profile, on.members), func(t *testing.T) {
			fired := 0
			rapid.Check(t, func(t *rapid.T) {
				c := drawWatchCase(t)
				rapid.SyncTest(t, func(t *rapid.T) { fired += watchOnce(t, c, on.kind, on.profile, on.members) })
			})
			require.NotZero(t, fired, "no fault has happened")
		})
	}
	t.Run("real/3.9", func(t *testing.T) { t.Parallel(); watchReal(t, "3.9") })
	t.Run("real/3.8", func(t *testing.T) { t.Parallel(); watchReal(t, "3.8.0") })
}

// pastCases have failed: a list of children that was read later than a node of it, in one batch, on
// servers with one-shot watches; a lost event behind another one of its transaction; a connection that
// the direct client lost twice at a time; an event that had an effect before it was delivered.
var pastCases = []struct {
	kind    string
	profile memserver.Profile
	members int
	watchCase
}{
	{"wire", memserver.V38, 3, watchCase{"slow 2941B/s to-server from 1s to 1m0s\nrefuse every 6 to 1m0s times 3", 0, []watchStep{
		{"hold", 1, 1, 3000}, {"restart", 7, 2, 50}, {"create", 0, 3, 0}, {"set", 6, 1, 3000}, {"again", 7, 3, 0}, {"create", 1, 1, 3000},
		{"delete", 1, 2, 1}, {"create", 4, 3, 50}, {"create", 1, 2, 3000}, {"away", 8, 3, 1}, {"set", 0, 1, 0},
	}, false, false}},
	{"wire", memserver.V39, 1, watchCase{"cut after-notification 8% to 1m0s times 6\ncut before-request all #13 to 1m0s", time.Second, []watchStep{
		{"create", 0, 1, 3000}, {"set", 0, 1, 0}, {"create", 1, 2, 3000}, {"create", 5, 1, 0},
	}, false, false}},
	{"direct", memserver.V38, 3, watchCase{"cut after-reply read #8 to 1m0s\nsilence to-server from 4s to 4.002s\n" +
		"cut after-notification every 3 to 1m0s times 2\ncut after-delivery all 6% to 1m0s times 2\nerror ThrottledOp #3 to 1m0s", 10 * time.Millisecond, []watchStep{
		{"delete", 4, 2, 0}, {"create", 0, 2, 1}, {"txns", 3, 2, 3000}, {"create", 1, 3, 3000},
	}, false, false}},
	{"direct", memserver.V38, 1, watchCase{"stall after-reply #7 to 1m0s\ncut before-request 2% to 1m0s times 7\nrefuse every 2 to 1m0s times 5", 0, []watchStep{
		{"delete", 6, 2, 1}, {"create", 0, 3, 1}, {"delete", 0, 1, 0},
	}, false, false}},
}

func TestWatchersPastCases(t *testing.T) {
	for i, c := range pastCases {
		t.Run(fmt.Sprintf("%s/%s/%d", c.kind, c.profile, i), func(t *testing.T) {
			for range 20 { // what goroutines do is not fixed
				synctest.Test(t, func(t *testing.T) { watchOnce(t, c.watchCase, c.kind, c.profile, c.members) })
			}
		})
	}
}

// watchOnce plays one case on the simulator and tells how many faults there were.
func watchOnce(t swarmTB, c watchCase, kind string, profile memserver.Profile, members int) int {
	srv := memserver.RunT(t, func(cfg *memserver.Config) { cfg.Profile, cfg.Members = profile, members })
	plan := faults.MustParse(c.Plan)
	defer plan.Close()
	w := simulated(t, srv, plan, kind, profile)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	start := time.Now()
	r := newWatchRun(ctx, w, c.Slow)
	if err := r.prepare(c.Full); err != nil {
		t.Fatalf("%v", err)
	}
	r.run()
	for _, s := range c.Steps {
		if err := r.step(s); err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		time.Sleep(time.Duration(s.Pause) * time.Millisecond)
	}
	r.away(false)
	if r.lag != nil {
		r.lag("free", 0)
	}
	time.Sleep(max(0, time.Until(start.Add(2*time.Minute)))) // the plan is over
	closing := func() { w.client.Close(); w.loner.Close() }
	end := cancel
	if c.Close {
		r.ends, end = zkapi.ErrClosed, closing
		r.left = nil // whose session is gone
	}
	for _, why := range r.finish(end) {
		t.Errorf("%s", why)
	}
	closing()
	return plan.Fired()
}

// simulated is a world in a bubble.
func simulated(t swarmTB, srv *memserver.Server, plan *faults.Plan, kind string, profile memserver.Profile) watchWorld {
	leader := len(srv.Members())
	hand := srv.ClientT(t, func(c *memserver.ClientConfig) { c.Member = leader })
	w := watchWorld{hand: hand, restart: srv.Restart}
	connect := connectDirect
	if kind == "wire" {
		connect = connectWire
	}
	var away func(bool)
	w.client, w.away = connect(t, srv, plan)
	if w.loner = w.client; profile == memserver.V38 {
		w.loner, away = connect(t, srv, plan)
		first := w.away
		w.away = func(yes bool) { first(yes); away(yes) }
	}
	w.expire = func() { srv.Expire(w.client.SessionID()) }
	if leader > 1 {
		w.lag = func(how string, n int) {
			for _, m := range srv.Members()[:leader-1] {
				switch how {
				case "hold":
					m.SetLag(memserver.Lag{Hold: true})
				case "txns":
					m.SetLag(memserver.Lag{Txns: n})
				case "apply":
					m.Apply(n)
				case "free":
					m.SetLag(memserver.Lag{})
				}
			}
		}
	}
	w.calm = func(func() string) {
		time.Sleep(time.Minute)
		synctest.Wait()
	}
	if leader > 1 { // a connection that stalls may be there for long after the client has left it
		return w
	}
	w.left = func() (left []string) {
		synctest.Wait()
		for _, watch := range srv.Watches() {
			if watch.Session == w.client.SessionID() || watch.Session == w.loner.SessionID() {
				left = append(left, fmt.Sprint(watch.Path, watch.Modes))
			}
		}
		return left
	}
	return w
}

func connectDirect(t swarmTB, srv *memserver.Server, plan *faults.Plan) (c zkapi.Client, away func(bool)) {
	inner := srv.ClientT(t)
	return plan.Client(inner), func(yes bool) {
		if yes {
			inner.Disconnect()
		} else {
			inner.Reconnect()
		}
	}
}

func connectWire(t swarmTB, srv *memserver.Server, plan *faults.Plan) (_ zkapi.Client, away func(bool)) {
	var gone atomic.Bool
	dial := plan.Dialer(srv.Dial)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := realserver.Connect(ctx, srv.Addrs(), func(c *realserver.ClientConfig) {
		c.Dialer = func(network, address string, timeout time.Duration) (net.Conn, error) {
			if gone.Load() {
				return nil, errors.New("the client is away")
			}
			return dial(network, address, timeout)
		}
	})
	if err != nil {
		t.Fatalf("connecting: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c, func(yes bool) {
		if gone.Store(yes); yes {
			srv.Disconnect(c.SessionID())
		}
	}
}

var realWatchCases = flag.Int("watchers.real", 1, "how many cases of watchers are played on each real server")

// watchReal plays cases with many writes on a real server, with a few faults.
func watchReal(t *testing.T, version string) {
	srv := realserver.RunT(t, version)
	for seed := range *realWatchCases {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		plan := faults.MustParse(fmt.Sprintf("seed %d; cut after-reply getData 5%%; cut before-request getChildren 3%%; cut after-notification NodeDataChanged #4; cut after-reply addWatch #1; cut after-reply multiRead #2", seed))
		defer plan.Close()
		connect := func(dial faults.Dialer) zkapi.Client {
			c, err := realserver.Connect(ctx, []string{srv.Addr()}, func(c *realserver.ClientConfig) { c.Dialer = dial })
			require.NoError(t, err)
			t.Cleanup(func() { c.Close() })
			return c
		}
		watching, end := context.WithCancel(ctx)
		defer end()
		w := watchWorld{hand: connect(net.DialTimeout), client: connect(plan.Dialer(net.DialTimeout)), restart: func() {}}
		if w.loner = w.client; version != "3.9" {
			w.loner = connect(plan.Dialer(net.DialTimeout))
		}
		w.away = func(bool) { _ = srv.Disconnect(ctx, w.client.SessionID()) }
		w.expire = func() { _ = srv.Expire(ctx, w.client.SessionID()) }
		r := newWatchRun(watching, w, 0)
		w.left = nil
		r.calm = func(unsettled func() string) { r.await(ctx, unsettled) }
		require.NoError(t, r.prepare(seed%2 == 0))
		r.run()
		rapidSteps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) watchStep { return drawWatchCase(t).Steps[0] }), 40, 40).Example(seed)
		for i, s := range rapidSteps {
			if s.Do == "away" || s.Do == "expire" && i%2 == 0 {
				r.await(ctx, r.unsettled) // or there is no session yet
			}
			require.NoError(t, r.step(s))
		}
		plan.Heal()
		require.Empty(t, r.finish(end))
		require.NoError(t, zkapi.DeleteRecursive(ctx, w.hand, "/w"))
		for _, path := range watchPaths[len(watchPaths)-2:] {
			require.NoError(t, zkapi.DeleteRecursive(ctx, w.hand, path))
		}
		for _, path := range watchPaths { // nothing is left on the server, so there is nothing to remove
			err := w.client.RemoveWatches(ctx, path, zkapi.WatchTypeAny)
			require.ErrorIs(t, err, zkapi.ErrNoWatcher, path)
		}
		t.Logf("seed %d: %d faults", seed, plan.Fired())
	}
}

// await waits until the watchers have told everything.
func (r *watchRun) await(ctx context.Context, unsettled func() string) {
	for _, v := range r.views {
		for ctx.Err() == nil && r.behind(v) != "" {
			select {
			case <-v.changed:
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond): // for what is no change of a node: in sync
			}
		}
	}
	_ = unsettled
}
