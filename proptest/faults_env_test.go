package proptest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// The same plan has the same visible result wherever it stands: between an
// unmodified go-zookeeper and the simulator, the same and a real ZooKeeper, or
// a program and the direct client.

// The timeout of sessions in these tests, after two thirds of which a client
// that hears nothing gives its connection up.
const (
	faultTick    = 200 * time.Millisecond
	faultTimeout = 3 * time.Second
	patience     = 2 * time.Second
)

// faultClient is what the scenarios do with a client. Outcomes are text: what
// came back, or the name of the error.
type faultClient interface {
	create(path, data string, mode zkapi.CreateMode) string
	set(path, data string) string
	get(path string) string
	exists(path string) string
	remove(path string) string
	children(path string) string
	createAll(paths ...string) string // in a multi
	auth(credentials string) string
	watch(kind, path string) (outcome string, event <-chan string)
	state(ctx context.Context) string // waits for the next change
	session() int64
	close()
}

// faultEnv is one run of a scenario.
type faultEnv struct {
	t     *testing.T
	root  string
	exact bool // time is virtual
	plan  *faults.Plan
	c     faultClient // with faults
	other faultClient // without
	first int64       // the session of c
	join  func(plan *faults.Plan) faultClient
	start time.Time
	lines []string

	firings chan faults.Firing
}

func (e *faultEnv) log(format string, args ...any) {
	line := strings.ReplaceAll(fmt.Sprintf(format, args...), e.root, "")
	e.lines = append(e.lines, line)
}

// p is a path of this scenario.
func (e *faultEnv) p(name string) string { return e.root + name }

// states logs the next changes of state, and at the end whether the session is the first.
func (e *faultEnv) states(n int) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), 30*time.Second)
	defer cancel()
	var words []string
	for range n {
		words = append(words, e.c.state(ctx))
	}
	if words[n-1] == "CONNECTED" {
		if e.c.session() == e.first {
			words = append(words, "same session")
		} else {
			words = append(words, "new session")
		}
	}
	e.log("%s", strings.Join(words, " "))
}

// state logs the next change of state.
func (e *faultEnv) state() {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), 30*time.Second)
	defer cancel()
	e.log("%s", e.c.state(ctx))
}

// sleepUntil is for plans that go by the time: it sleeps until so long after their start.
func (e *faultEnv) sleepUntil(at time.Duration) { time.Sleep(time.Until(e.start.Add(at))) }

// after logs what f returns and how long that took.
func (e *faultEnv) after(want time.Duration, f func() string) {
	start := time.Now()
	outcome := f()
	e.log("%s after %v", outcome, e.about(want, time.Since(start)))
}

// at logs what f returns and when, counted from the start of the plan.
func (e *faultEnv) at(want time.Duration, f func() string) {
	outcome := f()
	e.log("%s at %v", outcome, e.about(want, time.Since(e.start)))
}

// about is what a time should be, if it is: exactly where time is virtual, no
// less and not very much more where it is not.
func (e *faultEnv) about(want, is time.Duration) time.Duration {
	if e.exact && is == want || !e.exact && is >= want-50*time.Millisecond && is < want+10*time.Second {
		return want
	}
	return is
}

// event logs an event.
func (e *faultEnv) event(ch <-chan string) {
	e.t.Helper()
	select {
	case ev := <-ch:
		e.log("event %s", ev)
	case <-time.After(30 * time.Second):
		e.log("no event")
	}
}

// watch arms a watch, logs the outcome, and returns the channel.
func (e *faultEnv) watch(kind, path string) <-chan string {
	outcome, ch := e.c.watch(kind, e.p(path))
	e.log("watch %s: %s", path, outcome)
	return ch
}

type scenario struct {
	name string
	plan string
	run  func(e *faultEnv)
	want string
}

// start runs a scenario and compares.
func (s *scenario) start(t *testing.T, e *faultEnv) {
	e.plan = faults.ParseT(t, strings.ReplaceAll(s.plan, "/x/", e.root+"/"))
	require.Equal(t, s.want, s.play(t, e), "%v", e.plan.Log())
}

// play runs a scenario and returns what it has logged.
func (s *scenario) play(t *testing.T, e *faultEnv) string {
	e.t = t
	e.firings = make(chan faults.Firing, 100)
	e.plan.Observe(func(f faults.Firing) { e.firings <- f })
	e.other = e.join(nil)
	require.Equal(t, "ok", e.other.create(e.root, "", zkapi.Persistent))
	if !strings.HasPrefix(s.name, "first ") {
		e.begin()
	}
	s.run(e)
	return strings.Join(e.lines, "\n")
}

// fired waits for the next fault.
func (e *faultEnv) fired() {
	e.t.Helper()
	select {
	case <-e.firings:
	case <-time.After(30 * time.Second):
		e.log("no fault")
	}
	if e.exact {
		synctest.Wait() // until what it has met is where it waits
	}
}

// begin connects the client with faults.
func (e *faultEnv) begin() {
	e.plan.Start() // or it would with the first byte, which takes its time on a busy machine
	e.start = time.Now()
	e.c = e.join(e.plan)
	e.states(1)
	e.lines = nil
	e.first = e.c.session()
}

func TestFaults(t *testing.T) {
	Concurrent(t)
	config := func(c *memserver.Config) { c.TickTime = faultTick }
	sim := func(t *testing.T, kind string) {
		for _, s := range scenarios {
			t.Run(s.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv := memserver.RunT(t, config)
					e := &faultEnv{root: "/x", exact: true}
					e.join = func(plan *faults.Plan) faultClient { return joinGozk(t, srv.Addr(), srv.Dial, plan) }
					if kind == "direct" {
						e.join = func(plan *faults.Plan) faultClient { return joinDirect(t, srv, plan) }
					}
					s.start(t, e)
				})
			})
		}
	}
	t.Run("direct", func(t *testing.T) { sim(t, "direct") })
	t.Run("wire", func(t *testing.T) { sim(t, "wire") })
	for _, version := range []string{"3.9", "3.8"} {
		t.Run("real/"+version, func(t *testing.T) {
			find := map[string]string{"3.9": "3.9", "3.8": "3.8.0"}[version]
			srv := realserver.RunT(t, find, func(o *realserver.Options) { o.TickTime = faultTick })
			var wg sync.WaitGroup
			for i, s := range scenarios { // all at once, since they wait most of the time
				wg.Go(func() {
					t.Run(s.name, func(t *testing.T) {
						e := &faultEnv{root: fmt.Sprintf("/x%d", i)}
						e.join = func(plan *faults.Plan) faultClient { return joinGozk(t, srv.Addr(), net.DialTimeout, plan) }
						s.start(t, e)
					})
				})
			}
			wg.Wait()
		})
	}
}

// TestFaultsMatter: without its plan no scenario goes as with it, so each of
// them can fail.
func TestFaultsMatter(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := memserver.RunT(t, func(c *memserver.Config) { c.TickTime = faultTick })
				e := &faultEnv{root: "/x", exact: true, plan: faults.MustParse("")}
				e.join = func(plan *faults.Plan) faultClient { return joinGozk(t, srv.Addr(), srv.Dial, plan) }
				require.NotEqual(t, s.want, s.play(t, e))
			})
		})
	}
}

// gozkFaults is an unmodified go-zookeeper.
type gozkFaults struct {
	*zk.Conn
	events *zkapi.Stream[zk.Event]
	last   string // state
}

type quietLogger struct{}

func (quietLogger) Printf(string, ...any) {}

// joinGozk connects. The address is given several times because the client
// pauses for a second when it has tried all of them.
func joinGozk(t *testing.T, addr string, dial faults.Dialer, plan *faults.Plan) faultClient {
	t.Helper()
	if plan != nil {
		dial = plan.Dialer(dial)
	}
	c := &gozkFaults{events: zkapi.NewStream[zk.Event](nil)}
	var err error
	c.Conn, _, err = zk.Connect(slices.Repeat([]string{addr}, 8), faultTimeout, zk.WithDialer(dial),
		zk.WithLogger(quietLogger{}), zk.WithLogInfo(false), zk.WithEventCallback(c.events.Send),
		zk.WithMaxBufferSize(1<<20), zk.WithMaxConnBufferSize(1<<16))
	require.NoError(t, err)
	t.Cleanup(c.Conn.Close)
	return c
}

var gozkCodes = map[error]zkapi.Code{
	zk.ErrConnectionClosed: zkapi.ErrConnectionLoss, zk.ErrNoNode: zkapi.ErrNoNode, zk.ErrNodeExists: zkapi.ErrNodeExists,
	zk.ErrSessionExpired: zkapi.ErrSessionExpired, zk.ErrAuthFailed: zkapi.ErrAuthFailed, zk.ErrBadVersion: zkapi.ErrBadVersion, zk.ErrSessionMoved: zkapi.ErrSessionMoved,
}

func gozkOutcome(err error, ok string) string {
	if err == nil {
		return ok
	}
	if code, known := gozkCodes[err]; known {
		return code.Name()
	}
	if code, err := strconv.Atoi(strings.TrimPrefix(err.Error(), "unknown error: ")); err == nil {
		return zkapi.Code(code).Name()
	}
	return err.Error()
}

func (c *gozkFaults) create(path, data string, mode zkapi.CreateMode) string {
	made, err := c.Create(path, []byte(data), int32(mode), zk.WorldACL(zk.PermAll))
	if mode.Sequential() {
		return gozkOutcome(err, made)
	}
	return gozkOutcome(err, "ok")
}

func (c *gozkFaults) set(path, data string) string {
	_, err := c.Set(path, []byte(data), -1)
	return gozkOutcome(err, "ok")
}

func (c *gozkFaults) get(path string) string {
	data, _, err := c.Get(path)
	return gozkOutcome(err, string(data))
}

func (c *gozkFaults) exists(path string) string {
	ok, _, err := c.Exists(path)
	return gozkOutcome(err, fmt.Sprint(ok))
}

func (c *gozkFaults) remove(path string) string { return gozkOutcome(c.Delete(path, -1), "ok") }

func (c *gozkFaults) children(path string) string {
	names, _, err := c.Children(path)
	slices.Sort(names)
	return gozkOutcome(err, fmt.Sprint(names))
}

func (c *gozkFaults) createAll(paths ...string) string {
	var ops []any
	for _, path := range paths {
		ops = append(ops, &zk.CreateRequest{Path: path, Acl: zk.WorldACL(zk.PermAll)})
	}
	results, err := c.Multi(ops...)
	var words []string
	for _, r := range results {
		words = append(words, gozkOutcome(r.Error, "ok"))
	}
	if err != nil && len(results) == 0 {
		return gozkOutcome(err, "")
	}
	return strings.Join(words, " ")
}

func (c *gozkFaults) auth(credentials string) string {
	return gozkOutcome(c.AddAuth("digest", []byte(credentials)), "ok")
}

func (c *gozkFaults) watch(kind, path string) (string, <-chan string) {
	var in <-chan zk.Event
	var outcome string
	switch kind {
	case "data":
		data, _, ch, err := c.GetW(path)
		in, outcome = ch, gozkOutcome(err, string(data))
	case "exists":
		ok, _, ch, err := c.ExistsW(path)
		in, outcome = ch, gozkOutcome(err, fmt.Sprint(ok))
	case "children":
		names, _, ch, err := c.ChildrenW(path)
		slices.Sort(names)
		in, outcome = ch, gozkOutcome(err, fmt.Sprint(names))
	}
	return outcome, named(in, func(ev zk.Event) string {
		if ev.Type == zk.EventNotWatching {
			return gozkOutcome(ev.Err, "")
		}
		return zkapi.EventType(ev.Type).String()
	})
}

// named turns the event of a one-shot watch into text. It ends with the client.
func named[E any](in <-chan E, name func(E) string) <-chan string {
	if in == nil {
		return nil
	}
	out := make(chan string, 1)
	go func() {
		if ev, ok := <-in; ok {
			out <- name(ev)
		}
	}()
	return out
}

func (c *gozkFaults) state(ctx context.Context) string {
	words := map[zk.State]string{zk.StateHasSession: "CONNECTED", zk.StateDisconnected: "SUSPENDED", zk.StateExpired: "LOST"}
	for ev := range c.events.All(ctx) {
		word, ok := words[ev.State]
		if !ok || ev.Type != zk.EventSession || word == "SUSPENDED" && c.last == "LOST" { // it says so on its way
			continue
		}
		c.last = word
		return word
	}
	return "nothing"
}

func (c *gozkFaults) session() int64 { return c.SessionID() }
func (c *gozkFaults) close()         { c.Conn.Close() }

// directFaults is memserver's direct client.
type directFaults struct {
	zkapi.Client
	ctx    context.Context
	states *zkapi.Stream[zkapi.StateChange]
	begun  bool
}

func joinDirect(t *testing.T, srv *memserver.Server, plan *faults.Plan) faultClient {
	t.Helper()
	var c zkapi.Client = srv.ClientT(t, func(c *memserver.ClientConfig) { c.SessionTimeout = faultTimeout })
	if plan != nil {
		c = plan.Client(c)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
	}
	return &directFaults{Client: c, ctx: t.Context(), states: c.States()}
}

func directOutcome(err error, ok string) string {
	var code zkapi.Code
	if err == nil {
		return ok
	} else if errors.As(err, &code) {
		return code.Name()
	}
	return err.Error()
}

func (c *directFaults) create(path, data string, mode zkapi.CreateMode) string {
	made, err := c.Create(c.ctx, path, []byte(data), nil, mode)
	if mode.Sequential() {
		return directOutcome(err, made)
	}
	return directOutcome(err, "ok")
}

func (c *directFaults) set(path, data string) string {
	_, err := c.Set(c.ctx, path, []byte(data), -1)
	return directOutcome(err, "ok")
}

func (c *directFaults) get(path string) string {
	data, _, err := c.Get(c.ctx, path)
	return directOutcome(err, string(data))
}

func (c *directFaults) exists(path string) string {
	_, ok, err := c.Exists(c.ctx, path)
	return directOutcome(err, fmt.Sprint(ok))
}

func (c *directFaults) remove(path string) string {
	return directOutcome(c.Delete(c.ctx, path, -1), "ok")
}

func (c *directFaults) children(path string) string {
	names, _, err := c.Children(c.ctx, path)
	slices.Sort(names)
	return directOutcome(err, fmt.Sprint(names))
}

func (c *directFaults) createAll(paths ...string) string {
	var ops []zkapi.Op
	for _, path := range paths {
		ops = append(ops, zkapi.CreateOp(path, nil, nil, zkapi.Persistent))
	}
	results, err := c.Multi(c.ctx, ops...)
	var words []string
	for _, r := range results {
		words = append(words, directOutcome(r.Err, "ok"))
	}
	if err != nil && len(results) == 0 {
		return directOutcome(err, "")
	}
	return strings.Join(words, " ")
}

func (c *directFaults) auth(credentials string) string {
	return directOutcome(c.AddAuth(c.ctx, "digest", []byte(credentials)), "ok")
}

func (c *directFaults) watch(kind, path string) (outcome string, _ <-chan string) {
	var in <-chan zkapi.Event
	switch kind {
	case "data":
		data, _, ch, err := c.GetW(c.ctx, path)
		in, outcome = ch, directOutcome(err, string(data))
	case "exists":
		_, ok, ch, err := c.ExistsW(c.ctx, path)
		in, outcome = ch, directOutcome(err, fmt.Sprint(ok))
	case "children":
		names, _, ch, err := c.ChildrenW(c.ctx, path)
		slices.Sort(names)
		in, outcome = ch, directOutcome(err, fmt.Sprint(names))
	}
	return outcome, named(in, func(ev zkapi.Event) string {
		if ev.Type == zkapi.EventNone {
			return directOutcome(ev.Err, "")
		}
		return ev.Type.String()
	})
}

// state tells that it is connected first, as other clients do.
func (c *directFaults) state(ctx context.Context) string {
	if !c.begun {
		c.begun = true
		return c.State().String()
	}
	change, err := c.states.Next(ctx)
	if err != nil {
		return "nothing"
	}
	return change.State.String()
}

func (c *directFaults) session() int64 { return c.SessionID() }
func (c *directFaults) close()         { _ = c.Close() } // which the test is not about
