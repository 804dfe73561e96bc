package proptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// What recipes promise is checked on every backend, while one of their clients
// meets a fault at each of its requests in turn. Safety is judged by what the
// server has committed.

// recipeEnv is one case: a server and a part of its tree, a plan of faults, and clients.
type recipeEnv struct {
	t       faults.TB
	ctx     context.Context // for all that a case does; the time is virtual in memory
	root    string
	ledger  string            // beside the root
	srv     *memserver.Server // nil: a real one
	plan    *faults.Plan
	connect func(*faults.Party) (zkapi.Client, error)
	expire  func(session int64)
	truth   zkapi.Client  // without faults
	moment  time.Duration // how long somebody holds something
	calm    bool          // nobody has a reason to lose anything
	numbers bool          // there are no more for the names of nodes, or soon

	events  *zkapi.Stream[zkapi.Event]     // of everything, as truth is told
	commits *zkapi.Stream[memserver.Event] // the same from within; nil on real servers

	bare bool // cases bring no foreign nodes of their own
	// Directories are deleted and made again, so that names come again: whether two items had the same. nil if they are not.
	sameName func(item, other string) bool
	wrap     func(zkapi.Client) zkapi.Client // of every client; nil for none

	mu        sync.Mutex
	clients   []zkapi.Client
	strangers map[string]bool // by path: foreign nodes, and whether they were seen in the end
}

// raceDetector makes everything ten times slower.
var raceDetector bool

const recipeTimeout = 10 * time.Second

// runCase runs one case with the text of a plan.
type runCase func(t *testing.T, plan string, body func(*recipeEnv))

// onRecipeBackends runs f on each backend; f calls run for each of its cases. In
// memory each case has a bubble and a server.
func onRecipeBackends(t *testing.T, f func(t *testing.T, kind string, run runCase)) {
	inMemory(t, f)
	t.Run("real/3.9", func(t *testing.T) {
		f(t, "real", recipeServer.runCase(t))
	})
}

// inMemory runs f on the simulator.
func inMemory(t *testing.T, f func(t *testing.T, kind string, run runCase), opts ...func(*memserver.Config)) {
	for _, kind := range []string{"direct", "wire"} {
		t.Run(kind, func(t *testing.T) {
			f(t, kind, func(t *testing.T, plan string, body func(*recipeEnv)) {
				synctest.Test(t, func(t *testing.T) { runInMemory(t, kind, plan, body, opts...) })
			})
		})
	}
}

// onRealServer runs cases on a real server, each in a part of its tree.
func onRealServer(srv *realserver.Server) runCase {
	cases := 0
	return func(t *testing.T, plan string, body func(*recipeEnv)) {
		cases++
		e := &recipeEnv{t: t, root: realRoot(cases), plan: faults.MustParse(plan), moment: time.Millisecond}
		e.connect = func(y *faults.Party) (zkapi.Client, error) {
			return realserver.Connect(t.Context(), []string{srv.Addr()}, func(c *realserver.ClientConfig) {
				c.SessionTimeout = faultTimeout
				if y != nil {
					c.Dialer = y.Dialer(net.DialTimeout)
				}
			})
		}
		e.expire = func(session int64) {
			err := errors.New("not yet")
			for try := 0; err != nil && !errors.Is(err, zkapi.ErrSessionExpired) && try < 10; try++ {
				err = srv.Expire(t.Context(), session) // may meet the client on its way back
			}
			if err != nil && !errors.Is(err, zkapi.ErrSessionExpired) {
				t.Errorf("%v", err)
			}
		}
		e.run(body)
	}
}

// realRoot is where the n-th case is on a real server.
func realRoot(n int) string { return fmt.Sprintf("/case%d/root", n) }

func runInMemory(t faults.TB, kind, plan string, body func(*recipeEnv), opts ...func(*memserver.Config)) {
	e := &recipeEnv{t: t, root: "/case/root", plan: faults.MustParse(plan), moment: 100 * time.Millisecond,
		srv: memserver.RunT(t, append(opts[:len(opts):len(opts)], func(c *memserver.Config) { c.ExtendedTypes = true })...)}
	e.connect = func(y *faults.Party) (zkapi.Client, error) {
		if kind == "direct" {
			c, err := e.srv.Client()
			if y == nil || err != nil {
				return c, err
			}
			return y.Client(c), nil
		}
		return realserver.Connect(context.Background(), []string{e.srv.Addr()}, func(c *realserver.ClientConfig) {
			if c.Dialer = e.srv.Dial; y != nil {
				c.Dialer = y.Dialer(e.srv.Dial)
			}
		})
	}
	e.expire = func(session int64) { e.srv.Expire(session) }
	e.run(body)
}

func (e *recipeEnv) run(body func(*recipeEnv)) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	e.ctx = ctx
	e.truth, e.ledger = e.client(""), zkapi.Parent(e.root)+"/ledger"
	for _, path := range []string{e.root, e.ledger} {
		if err := zkapi.EnsurePath(context.Background(), e.truth, path, nil); err != nil {
			e.t.Fatalf("%v", err)
		}
	}
	var err error
	if e.events, err = e.truth.AddWatch(context.Background(), zkapi.Parent(e.root), zkapi.WatchPersistentRecursive); err != nil {
		e.t.Fatalf("%v", err)
	}
	if e.srv != nil {
		e.commits = e.srv.Events()
		defer e.commits.Close()
	}
	body(e)
	if e.t.Failed() {
		e.t.Logf("with the plan %s: %v", e.plan, e.plan.Log())
	}
	for _, c := range e.clients {
		c.Close()
	}
	e.plan.Close()
}

// client connects a client; one with a name meets the faults that are for it.
func (e *recipeEnv) client(name string) zkapi.Client {
	var party *faults.Party
	if name != "" {
		party = e.plan.As(name)
	}
	c, err := e.connect(party)
	if err != nil {
		e.t.Fatalf("connecting %s: %v", name, err)
	}
	if e.wrap != nil {
		c = e.wrap(c)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clients = append(e.clients, c)
	return c
}

// note writes into the ledger that somebody holds something, which the server
// refuses to whoever does not.
func (e *recipeEnv) note(ctx context.Context, h *recipes.Hold) error {
	if err := h.Err(); err != nil {
		if e.calm {
			e.t.Errorf("%s was lost for nothing: %v", h.Node(), err)
		}
		return nil // it would fail
	}
	time.Sleep(e.moment) // others come meanwhile
	name := zkapi.Join(e.ledger, zkapi.Base(h.Node())+"=")
	_, err := h.Multi(ctx, zkapi.CreateOp(name, nil, nil, zkapi.PersistentSequential))
	if !e.calm && (errors.Is(err, recipes.ErrNotHeld) || errors.Is(err, recipes.ErrOutcomeUnknown)) {
		return nil
	}
	return err
}

// history is what the server has done: who was there when somebody wrote into the ledger.
func (e *recipeEnv) history(dir string) (moments []moment) {
	var present []string
	for _, ev := range e.happened() {
		var by string
		name := zkapi.Base(ev.Path)
		switch parent := zkapi.Parent(ev.Path); {
		case parent == e.ledger && ev.Type == zkapi.EventNodeCreated:
			by = name[:strings.LastIndexByte(name, '=')]
		case parent != e.root+dir || e.foreign(ev.Path):
			continue
		case ev.Type == zkapi.EventNodeCreated:
			present = append(present, name)
		case ev.Type == zkapi.EventNodeDeleted:
			present = slices.DeleteFunc(present, func(x string) bool { return x == name })
		}
		moments = append(moments, moment{slices.Clone(present), by})
	}
	return moments
}

// happened is what has changed since the last call.
func (e *recipeEnv) happened() (events []zkapi.Event) {
	if e.commits != nil {
		for {
			ev, ok, _ := e.commits.TryNext()
			if !ok {
				return events
			}
			for _, change := range ev.Changes {
				change.Zxid = ev.Zxid
				events = append(events, change)
			}
		}
	}
	if err := e.truth.Sync(context.Background(), "/"); err != nil { // and all events are here
		e.t.Fatalf("%v", err)
	}
	for {
		ev, ok, _ := e.events.TryNext()
		if !ok {
			return events
		}
		events = append(events, ev)
	}
}

// moment is a state of a recipe's directory.
type moment struct {
	present []string // in the order of their creation
	by      string   // who has just written into the ledger; "" if nobody
}

// requireClean: when everybody has finished, nothing is left of a recipe:
// no node, no watch and no goroutine.
func (e *recipeEnv) requireClean(dirs ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for _, c := range e.clients {
		if err := recipes.Flush(ctx, c); err != nil {
			e.t.Errorf("the janitor has not finished: %v", err)
		}
	}
	if e.srv != nil {
		time.Sleep(time.Second) // servers that are behind
	}
	if err := e.truth.Sync(ctx, "/"); err != nil {
		e.t.Errorf("%v", err)
	}
	for _, dir := range dirs {
		names, _, err := e.truth.Children(ctx, e.root+dir)
		names = e.without(e.root+dir, names)
		if err != nil && !errors.Is(err, zkapi.ErrNoNode) || len(names) > 0 {
			e.t.Errorf("left behind in %s: %v, %v", dir, names, err)
		}
		e.clear(ctx, e.root+dir) // a path may still have one watch
	}
	e.requireStrangers(ctx, "/")
	if e.srv == nil {
		return
	}
	time.Sleep(time.Second)
	watches := slices.DeleteFunc(e.srv.Watches(), func(w memserver.Watch) bool { return w.Session == e.truth.SessionID() })
	if len(watches) > 0 {
		e.t.Errorf("watches left: %v", watches)
	}
	synctest.Wait()
	stacks := make([]byte, 1<<20)
	for _, stack := range bytes.Split(stacks[:runtime.Stack(stacks, true)], []byte("\n\n")) {
		if bytes.Contains(stack, []byte("zksim/recipes.")) {
			e.t.Errorf("a goroutine is left:\n%s", stack)
		}
	}
}

// steps is a client that does something at one of its requests.
type steps struct {
	zkapi.Client
	at    int
	after bool   // when it has been answered, not before it is sent
	each  func() // before and after every request; nil for nothing
	do    func()

	mu   sync.Mutex
	seen int
}

func (s *steps) step() (leave func()) {
	s.mu.Lock()
	s.seen++
	now := s.seen == s.at
	s.mu.Unlock()
	if now && !s.after {
		s.do()
	}
	if s.each != nil {
		s.each()
	}
	return func() {
		if now && s.after {
			s.do()
		}
		if s.each != nil {
			s.each()
		}
	}
}

// count is the number of requests so far.
func (s *steps) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// hit tells whether it has come to that.
func (s *steps) hit() bool { return s.count() >= s.at }

func (s *steps) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	defer s.step()()
	return s.Client.Create(ctx, path, data, acl, mode)
}

func (s *steps) Delete(ctx context.Context, path string, version int32) error {
	defer s.step()()
	return s.Client.Delete(ctx, path, version)
}

func (s *steps) Exists(ctx context.Context, path string) (zkapi.Stat, bool, error) {
	defer s.step()()
	return s.Client.Exists(ctx, path)
}

func (s *steps) Get(ctx context.Context, path string) ([]byte, zkapi.Stat, error) {
	defer s.step()()
	return s.Client.Get(ctx, path)
}

func (s *steps) GetW(ctx context.Context, path string) ([]byte, zkapi.Stat, <-chan zkapi.Event, error) {
	defer s.step()()
	return s.Client.GetW(ctx, path)
}

func (s *steps) Set(ctx context.Context, path string, data []byte, version int32) (zkapi.Stat, error) {
	defer s.step()()
	return s.Client.Set(ctx, path, data, version)
}

func (s *steps) Children(ctx context.Context, path string) ([]string, zkapi.Stat, error) {
	defer s.step()()
	return s.Client.Children(ctx, path)
}

func (s *steps) ChildrenW(ctx context.Context, path string) ([]string, zkapi.Stat, <-chan zkapi.Event, error) {
	defer s.step()()
	return s.Client.ChildrenW(ctx, path)
}

func (s *steps) Sync(ctx context.Context, path string) error {
	defer s.step()()
	return s.Client.Sync(ctx, path)
}

func (s *steps) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	defer s.step()()
	return s.Client.Multi(ctx, ops...)
}

// stride is which of the requests of a client are tried.
type stride struct{ from, by int }

// sweep runs a case for each request of the client "a", until there are no more:
// it meets the fault at the first of the stride, at the next, and so on. faultAt
// is the text of a plan, in which %d is the number of the request, or of the event:
// there are few events, or none.
func sweep(t *testing.T, every stride, faultAt string, run runCase, body func(*recipeEnv)) {
	t.Helper()
	few := strings.Contains(faultAt, "notification")
	if few {
		every = stride{1, 1}
		if raceDetector {
			every.by = 3
		}
	}
	k, cases := every.from, 0
	for fired := true; fired; k += every.by {
		cases++
		plan := fmt.Sprintf(faultAt, k)
		run(t, plan, func(e *recipeEnv) {
			body(e)
			if fired = e.plan.Counts()[0] > 0; e.t.Failed() {
				e.t.Logf("in case %d", cases)
			}
		})
	}
	t.Logf("%s: %d cases", faultAt, cases)
	require.True(t, few || k > 4, "there were no requests")
}

// stepwise is sweep for what a plan cannot do. at gives the victim a client that
// does something at its k-th request.
func stepwise(t *testing.T, every stride, run runCase, body func(e *recipeEnv, at func(c zkapi.Client, do func()) *steps)) {
	t.Helper()
	k, cases := every.from, 0
	for hit := true; hit; k += every.by {
		for _, after := range []bool{false, true} {
			cases++
			run(t, "", func(e *recipeEnv) {
				var s *steps
				body(e, func(c zkapi.Client, do func()) *steps {
					s = &steps{Client: c, at: k, after: after, do: do}
					e.mu.Lock()
					defer e.mu.Unlock()
					e.clients = append(e.clients, s) // recipes see another client in it
					return s
				})
				hit = s.hit()
				if e.t.Failed() {
					e.t.Logf("in case %d, at request %d, after it: %v", cases, k, after)
				}
			})
		}
	}
	t.Logf("%d cases", cases)
	require.Greater(t, k, 4)
}

// closing is a client that is closed in the middle of something.
type closing struct {
	zkapi.Client
	mu   sync.Mutex
	when time.Time
}

func (c *closing) end() {
	c.mu.Lock()
	c.when = time.Now()
	c.mu.Unlock()
	c.Client.Close()
}

// judge is about what somebody has returned whose client it is: that it is closed, and
// he has not waited for anything else.
func (c *closing) judge(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.when.IsZero():
		return err
	case time.Since(c.when) > time.Minute:
		return fmt.Errorf("it has returned %v after its client was closed, with %w", time.Since(c.when), err)
	case errors.Is(err, zkapi.ErrClosed):
		return nil
	}
	return err
}

func (c *closing) closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.when.IsZero()
}
