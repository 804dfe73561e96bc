package proptest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// subject is a recipe in the hands of three clients.
type subject struct {
	name    string
	variant bool     // of another one
	dirs    []string // where nothing may be left; the first has the nodes of those who hold
	// use has what is to be had, several times, and notes it.
	use func(ctx context.Context, e *recipeEnv, c zkapi.Client) error
	// allowed tells whether somebody may hold at a moment at which he has written
	// into the ledger, or whether the moment is possible at all.
	allowed func(moment) bool
}

// alone: who writes is there, and nobody before him.
func alone(tag string) func(moment) bool {
	return func(m moment) bool {
		if m.by == "" {
			return true
		}
		line := slices.DeleteFunc(slices.Clone(m.present), func(name string) bool { return !strings.Contains(name, tag) })
		return len(line) > 0 && line[0] == m.by // whatever the numbers are
	}
}

// released forgives the loss of what is given back.
func released(err error) error {
	if errors.Is(err, recipes.ErrNotHeld) || errors.Is(err, recipes.ErrSuspended) {
		return nil
	}
	return err
}

func useLock(layout recipes.Layout) func(context.Context, *recipeEnv, zkapi.Client) error {
	return func(ctx context.Context, e *recipeEnv, c zkapi.Client) error {
		l := recipes.NewLock(c, e.root+"/lock", func(o *recipes.Options) { o.Layout = layout })
		for range 2 {
			if err := l.Acquire(ctx); err != nil {
				return err
			}
			err := errors.Join(e.note(ctx, l.Hold()), e.note(ctx, l.Hold()))
			if err := errors.Join(err, released(l.Release(ctx))); err != nil {
				return err
			}
		}
		return nil
	}
}

func useRWLock(layout recipes.Layout) func(context.Context, *recipeEnv, zkapi.Client) error {
	return func(ctx context.Context, e *recipeEnv, c zkapi.Client) error {
		l := recipes.NewRWLock(c, e.root+"/lock", func(o *recipes.Options) { o.Layout = layout })
		if err := l.Read().Do(ctx, e.note); released(err) != nil {
			return err
		}
		err := l.Write().Do(ctx, func(ctx context.Context, h *recipes.Hold) error {
			err := e.note(ctx, h)
			if ctx.Err() != nil {
				return err
			}
			return errors.Join(err, l.Read().Acquire(ctx)) // and down again
		})
		if l.Read().Hold() == nil {
			return released(err)
		}
		return errors.Join(released(err), e.note(ctx, l.Read().Hold()), released(l.Read().Release(ctx)))
	}
}

// shared: a reader has no writer before him, a writer nobody. Who was a writer and reads now has
// a node that is younger than its number, so numbers count, as long as there are any.
func shared(reader, writer string) func(moment) bool {
	split := func(name string) (seq int32, writes bool) {
		if _, number, ok := strings.Cut(name, writer); ok {
			return sequence(number), true
		}
		_, number, _ := strings.Cut(name, reader)
		return sequence(number), false
	}
	return func(m moment) bool {
		if m.by == "" {
			return true
		}
		own, writing := split(m.by)
		older := true
		for _, name := range m.present {
			seq, writes := split(name)
			before := zkapi.CompareSequence(seq, own) < 0
			if numberless(seq) && numberless(own) {
				before = older
			}
			if name == m.by {
				older = false
			} else if before && (writing || writes) {
				return false
			}
		}
		return !older
	}
}

const leases = 2

func useSemaphore(layout recipes.Layout) func(context.Context, *recipeEnv, zkapi.Client) error {
	return func(ctx context.Context, e *recipeEnv, c zkapi.Client) error {
		s := recipes.NewSemaphore(c, e.root+"/sem", leases, func(o *recipes.Options) { o.Layout = layout })
		for n := range 2 {
			holds, err := s.AcquireN(ctx, n+1)
			if err != nil {
				return err
			}
			for _, h := range holds {
				err = errors.Join(err, e.note(ctx, h), released(h.Release(ctx)))
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// limited: there are never too many.
func limited(m moment) bool { return len(m.present) <= leases }

func useMultiLock(ctx context.Context, e *recipeEnv, c zkapi.Client) error {
	l := recipes.NewMultiLock(recipes.NewLock(c, e.root+"/lock"), recipes.NewLock(c, e.root+"/lock2")).Sorted()
	for range 2 {
		err := l.Acquire(ctx)
		if errors.Is(err, recipes.ErrNotHeld) {
			continue // the first was lost while we waited for the second
		}
		if err != nil {
			return err
		}
		err = e.note(ctx, l.Holds()[0])
		if err := errors.Join(err, released(l.Release(ctx))); err != nil {
			return err
		}
	}
	return nil
}

func useElection(ctx context.Context, e *recipeEnv, c zkapi.Client) error {
	el := recipes.NewElection(c, e.root+"/lock")
	for range 2 {
		err := el.Run(ctx, func(ctx context.Context, h *recipes.Hold) error {
			err := e.note(ctx, h)
			if ctx.Err() != nil {
				return nil
			}
			return err
		})
		if err := released(err); err != nil {
			return err
		}
	}
	return nil
}

func useLatch(ctx context.Context, e *recipeEnv, c zkapi.Client) error {
	l := recipes.NewLeaderLatch(c, e.root+"/lock")
	if err := l.Start(); err != nil {
		return err
	}
	changes := l.Changes()
	err := l.Await(ctx)
	if err == nil {
		err = errors.Join(e.note(ctx, l.Hold()), e.note(ctx, l.Hold()))
	}
	err = errors.Join(err, l.Close(context.WithoutCancel(ctx)))
	for want := true; ; want = !want {
		leads, ok, _ := changes.TryNext()
		switch {
		case !ok && want:
			return err
		case leads != want || !ok:
			return errors.Join(err, fmt.Errorf("the turns are not %v", want))
		}
	}
}

var subjects = []subject{
	{"lock", false, []string{"/lock"}, useLock(recipes.Kazoo), alone("__lock__")},
	{"lock of Curator", true, []string{"/lock"}, useLock(recipes.Curator), alone("-lock-")},
	{"lock of go-zookeeper", true, []string{"/lock"}, useLock(recipes.GoZK), alone("-lock-")},
	{"rwlock", false, []string{"/lock"}, useRWLock(recipes.Kazoo), shared("__rlock__", "__lock__")},
	{"rwlock of Curator", true, []string{"/lock"}, useRWLock(recipes.Curator), shared("-__READ__", "-__WRIT__")},
	{"semaphore", false, []string{"/sem", "/sem-__lock__"}, useSemaphore(recipes.Kazoo), limited},
	{"semaphore of Curator", true, []string{"/sem/leases", "/sem/locks"}, useSemaphore(recipes.Curator), limited},
	{"multilock", false, []string{"/lock", "/lock2"}, useMultiLock, alone("__lock__")},
	{"election", false, []string{"/lock"}, useElection, alone("__lock__")},
	{"latch", false, []string{"/lock"}, useLatch, alone("-latch-")},
}

// check has one client that meets faults and two that do not use a recipe.
func (s *subject) check(e *recipeEnv, victim zkapi.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	var all sync.WaitGroup
	for _, c := range []zkapi.Client{victim, e.client("b"), e.client("c")} {
		all.Go(func() {
			if err := s.use(ctx, e, c); err != nil {
				e.t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	s.finish(e)
}

func (s *subject) finish(e *recipeEnv) {
	e.requireClean(s.dirs...)
	for i, m := range e.history(s.dirs[0]) {
		if !s.allowed(m) {
			e.t.Errorf("in moment %d %s must not hold: there are %v", i, m.by, m.present)
			return
		}
	}
}

// recipeFaults are plans that have something happen at the n-th request of one client.
var recipeFaults = []struct {
	name, plan string
	slow       bool
}{
	{"lost request", "cut before-request client=a #%d", false},
	{"lost reply", "cut after-reply client=a #%d", false},
	{"suspension", "cut after-reply client=a #%d; refuse client=a times 2", true},
	{"expiry", "cut after-reply client=a #%d; refuse client=a times 40", true},
	{"silence", "stall after-reply client=a #%d", true},
	{"lost event", "cut after-notification client=a #%d", true},
}

// TestRecipesFaults: whatever happens to one client at whichever of its
// requests, everybody gets what is to be had, never more of them at a time than
// may, and nothing is left behind.
func TestRecipesFaults(t *testing.T) {
	onRecipeBackends(t, func(t *testing.T, kind string, run runCase) {
		for n, s := range subjects {
			if kind == "real" && s.variant && !*allRequests {
				continue
			}
			t.Run(s.name, func(t *testing.T) {
				for i, f := range recipeFaults {
					if (kind != "real" || !f.slow) && !leftOut(kind, n, i) {
						t.Run(f.name, func(t *testing.T) {
							sweep(t, strideOf(kind, n, i), f.plan, run, func(e *recipeEnv) { s.check(e, e.client("a")) })
						})
					}
				}
				t.Run("expired by the server", func(t *testing.T) {
					if kind == "real" && n > 0 && !*allRequests || leftOut(kind, n, 5) {
						t.Skip("it takes seconds; make test, -recipes.all")
					}
					stepwise(t, strideOf(kind, n, 5), run, func(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
						c := e.client("a")
						s.check(e, at(c, func() { e.expire(c.SessionID()) }))
					})
				})
				for i, victims := range []string{"its own nodes", "all nodes"} {
					t.Run(victims+" deleted", func(t *testing.T) {
						stepwise(t, strideOf(kind, n, 7+i), run, func(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
							c := e.client("a")
							s.check(e, at(c, func() { s.destroy(e, c, i == 1) }))
						})
					})
				}
				t.Run("cancelled", func(t *testing.T) {
					stepwise(t, strideOf(kind, n, 6), run, func(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
						s.cancel(e, at)
					})
				})
				t.Run("closed", func(t *testing.T) {
					if leftOut(kind, n, 9) {
						t.Skip("it takes seconds; make test")
					}
					stepwise(t, strideOf(kind, n, 9), run, func(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
						s.close(e, at)
					})
				})
			})
		}
	})
}

var allRequests = flag.Bool("recipes.all", false, "try faults at every request of every recipe on every backend")

// strideOf is all requests of the lock on the direct client. Elsewhere recipes
// and faults share the requests among them, for a case takes its time.
func strideOf(kind string, recipe, fault int) stride {
	by := map[string]int{"direct": 4, "wire": 17, "real": 40}[kind]
	if raceDetector {
		by *= 2
	}
	switch {
	case *allRequests:
		by = 1
	case kind == "direct" && recipe == 0:
		by = brief.Or(3, 1)
	case recipe == 0:
		by = by/3 + 1
	}
	return stride{1 + (recipe+fault+brief.Turn())%min(by, 12), by}
}

// leftOut tells whether tests that are brief leave a recipe alone with a fault: each recipe meets some,
// and each fault some recipes, others in each run.
func leftOut(kind string, recipe, fault int) bool {
	every := map[string]int{"direct": 4, "wire": 8, "real": 16}[kind]
	if recipe == 0 {
		every = 2
	}
	return !*allRequests && !brief.Takes(recipe+fault, every)
}

// destroy deletes the nodes of a client, or everything.
func (s *subject) destroy(e *recipeEnv, c zkapi.Client, all bool) {
	for _, dir := range s.dirs {
		if all {
			_ = zkapi.DeleteRecursive(context.Background(), e.truth, e.root+dir)
			continue
		}
		for _, name := range e.children(dir) {
			path := zkapi.Join(e.root, dir, name)
			stat, _, _ := e.truth.Exists(context.Background(), path)
			if stat.EphemeralOwner == c.SessionID() {
				_ = e.truth.Delete(context.Background(), path, -1)
			}
		}
	}
}

// cancel has a context end in the middle of something, and everything done once more.
func (s *subject) cancel(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
	limited, stop := context.WithTimeout(context.Background(), 10*time.Minute)
	defer stop()
	ctx, cancel := context.WithCancel(limited)
	defer cancel()
	c, other := at(e.client("a"), cancel), e.client("b")
	var all sync.WaitGroup
	all.Go(func() {
		if err := s.use(limited, e, other); err != nil {
			e.t.Errorf("%v", err)
		}
	})
	err := s.use(ctx, e, c)
	if err != nil && !errors.Is(err, context.Canceled) {
		e.t.Errorf("%v", err)
	}
	all.Wait()
	s.finish(e)
}

// close has a client closed in the middle of something: whoever uses it learns of
// that at once, and others go on.
func (s *subject) close(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Minute)
	defer stop()
	closing := &closing{Client: e.client("a")}
	c, other := at(closing, closing.end), e.client("b")
	var all sync.WaitGroup
	all.Go(func() {
		if err := s.use(ctx, e, other); err != nil {
			e.t.Errorf("%v", err)
		}
	})
	if err := closing.judge(s.use(ctx, e, c)); err != nil {
		e.t.Errorf("%v", err)
	}
	all.Wait()
	s.finish(e)
}
