package proptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strconv"
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
	t       memserver.TB
	root    string
	srv     *memserver.Server // nil: a real one
	plan    *faults.Plan
	connect func(*faults.Party) (zkapi.Client, error)
	expire  func(session int64)
	truth   zkapi.Client  // without faults
	moment  time.Duration // how long somebody holds something

	mu      sync.Mutex
	clients []zkapi.Client
}

const recipeTimeout = 10 * time.Second

// onRecipeBackends runs f on each backend; f calls run for each of its cases,
// with the text of a plan. In memory each case has a bubble and a server.
func onRecipeBackends(t *testing.T, f func(t *testing.T, kind string, run func(plan string, body func(*recipeEnv)))) {
	for _, kind := range []string{"direct", "wire"} {
		t.Run(kind, func(t *testing.T) {
			f(t, kind, func(plan string, body func(*recipeEnv)) {
				synctest.Test(t, func(t *testing.T) { runInMemory(t, kind, plan, body) })
			})
		})
	}
	t.Run("real/3.9", func(t *testing.T) {
		srv := realserver.RunT(t, "3.9", func(o *realserver.Options) { o.TickTime = faultTick })
		cases := 0
		f(t, "real", func(plan string, body func(*recipeEnv)) {
			cases++
			e := &recipeEnv{t: t, root: "/case" + strconv.Itoa(cases), plan: faults.MustParse(plan), moment: time.Millisecond}
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
		})
	})
}

func runInMemory(t memserver.TB, kind, plan string, body func(*recipeEnv)) {
	e := &recipeEnv{t: t, root: "/case", plan: faults.MustParse(plan), srv: memserver.RunT(t), moment: 100 * time.Millisecond}
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
	e.truth = e.client("")
	if err := zkapi.EnsurePath(context.Background(), e.truth, e.root+"/ledger", nil); err != nil {
		e.t.Fatalf("%v", err)
	}
	body(e)
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
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clients = append(e.clients, c)
	return c
}

// note writes into the ledger that somebody holds something, which the server
// refuses to whoever does not.
func (e *recipeEnv) note(ctx context.Context, h *recipes.Hold) error {
	_, err := h.Multi(ctx, zkapi.CreateOp(fmt.Sprintf("%s/ledger/%d-", e.root, h.Token()), nil, nil, zkapi.PersistentSequential))
	return err
}

// ledger lists the tokens of those who have written into it, in the order in which they have.
func (e *recipeEnv) ledger() (tokens []int64) {
	names, _, err := e.truth.Children(context.Background(), e.root+"/ledger")
	if err != nil {
		e.t.Fatalf("%v", err)
	}
	slices.SortFunc(names, zkapi.CompareSequenceNames)
	for _, name := range names {
		text, _, _ := strings.Cut(name, "-")
		token, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			e.t.Fatalf("%v", err)
		}
		tokens = append(tokens, token)
	}
	return tokens
}

// requireTurns: nobody has written after somebody who came later.
func (e *recipeEnv) requireTurns() {
	if tokens := e.ledger(); !slices.IsSorted(tokens) {
		e.t.Errorf("two have held it at a time: tokens %v in the order of their writes", tokens)
	}
}

// requireClean: when everybody has finished, nothing is left of a recipe:
// no node, no watch and no goroutine.
func (e *recipeEnv) requireClean(dir string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for _, c := range e.clients {
		if err := recipes.Flush(ctx, c); err != nil {
			e.t.Errorf("the janitor has not finished: %v", err)
		}
	}
	names, _, err := e.truth.Children(ctx, e.root+dir)
	if err != nil && !errors.Is(err, zkapi.ErrNoNode) || len(names) > 0 {
		e.t.Errorf("left behind in %s: %v, %v", dir, names, err)
	}
	if e.srv == nil {
		return
	}
	if watches := e.srv.Watches(); len(watches) > 0 {
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
	after bool // when it has been answered, not before it is sent
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
	return func() {
		if now && s.after {
			s.do()
		}
	}
}

// hit tells whether it has come to that.
func (s *steps) hit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen >= s.at
}

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

// sweep runs a case for each request of the client "a", until there are no more:
// it meets the fault at its first request, then "by" requests later, and so on. faultAt is the
// text of a plan, in which %d is the number of the request.
func sweep(t *testing.T, by int, faultAt string, run func(plan string, body func(*recipeEnv)), body func(*recipeEnv)) {
	t.Helper()
	k, cases := 1, 0
	for fired := true; fired; k += by {
		cases++
		plan, log := fmt.Sprintf(faultAt, k), []faults.Firing(nil)
		run(plan, func(e *recipeEnv) {
			body(e)
			fired, log = e.plan.Counts()[0] > 0, e.plan.Log()
		})
		if t.Failed() {
			t.Fatalf("with the plan %s: %v", plan, log)
		}
	}
	t.Logf("%s: %d cases", faultAt, cases)
	require.Greater(t, k, 4)
}

// stepwise is sweep for what a plan cannot do. at gives the victim a client that
// does something at its k-th request.
func stepwise(t *testing.T, by int, run func(plan string, body func(*recipeEnv)), body func(e *recipeEnv, at func(c zkapi.Client, do func()) *steps)) {
	t.Helper()
	k, cases := 1, 0
	for hit := true; hit; k += by {
		for _, after := range []bool{false, true} {
			cases++
			run("", func(e *recipeEnv) {
				var s *steps
				body(e, func(c zkapi.Client, do func()) *steps {
					s = &steps{Client: c, at: k, after: after, do: do}
					e.mu.Lock()
					defer e.mu.Unlock()
					e.clients = append(e.clients, s) // recipes see another client in it
					return s
				})
				hit = s.hit()
			})
			if t.Failed() {
				t.Fatalf("at request %d, after it: %v", k, after)
			}
		}
	}
	t.Logf("%d cases", cases)
	require.Greater(t, k, 4)
}
