package proptest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// drill is a recipe in the hands of three clients, of which the first meets faults.
type drill struct {
	name    string
	variant bool     // of another one
	dirs    []string // where nothing may be left
	play    func(*scene)
}

// scene is one playing of a drill. The context of a may end at any moment; what
// fails because of that is no failure.
type scene struct {
	*recipeEnv
	ctx     context.Context // of all but a
	actx    context.Context
	a, b, c zkapi.Client
	all     sync.WaitGroup
}

// each has every client do something, at the same time, and waits for them.
func (s *scene) each(f func(ctx context.Context, c zkapi.Client, who string) error) {
	s.go3(f, f, f)
	s.all.Wait()
}

func (s *scene) go3(a, b, c func(context.Context, zkapi.Client, string) error) {
	for _, x := range []struct {
		ctx context.Context
		c   zkapi.Client
		who string
		f   func(context.Context, zkapi.Client, string) error
	}{{s.actx, s.a, "a", a}, {s.ctx, s.b, "b", b}, {s.ctx, s.c, "c", c}} {
		if x.f != nil {
			s.all.Go(func() { s.require(x.who, x.f(x.ctx, x.c, x.who)) })
		}
	}
}

// require has no error, but for a cancelled a.
func (s *scene) require(who string, err error) {
	if err != nil && !(who == "a" && s.cancelled() && errors.Is(err, context.Canceled)) {
		s.t.Errorf("%s: %v", who, err)
	}
}

func (s *scene) cancelled() bool { return s.actx.Err() != nil }

// run plays a drill.
func (d *drill) run(e *recipeEnv, a zkapi.Client, actx context.Context) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if actx == nil {
		actx = ctx
	}
	d.play(&scene{recipeEnv: e, ctx: ctx, actx: actx, a: a, b: e.client("b"), c: e.client("c")})
	e.requireClean(d.dirs...)
}

// strideOfDrill is every other of strideOf: there are many drills.
func strideOfDrill(kind string, n, fault int) stride {
	s := strideOf(kind, n, fault)
	if !*allRequests {
		s.by *= 2
	}
	return s
}

// sweep plays a drill with each kind of fault at each of the requests of a.
func (d *drill) sweep(t *testing.T, kind string, n int, run runCase) {
	for i, f := range recipeFaults {
		if (kind != "real" || !f.slow) && !leftOut(kind, n, i) {
			t.Run(f.name, func(t *testing.T) {
				sweep(t, strideOfDrill(kind, n, i), f.plan, run, func(e *recipeEnv) { d.run(e, e.client("a"), nil) })
			})
		}
	}
	t.Run("expired by the server", func(t *testing.T) {
		if kind == "real" && !*allRequests || leftOut(kind, n, 5) {
			t.Skip("it takes seconds; make test, -recipes.all")
		}
		stepwise(t, strideOfDrill(kind, n, 5), run, func(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
			c := e.client("a")
			d.run(e, at(c, func() { e.expire(c.SessionID()) }), nil)
		})
	})
	t.Run("cancelled", func(t *testing.T) {
		if leftOut(kind, n, 6) {
			t.Skip("it takes seconds; make test")
		}
		stepwise(t, strideOfDrill(kind, n, 6), run, func(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
			actx, cancel := context.WithCancel(context.Background())
			defer cancel()
			d.run(e, at(e.client("a"), cancel), actx)
		})
	})
}

var drills = slices.Concat(valueDrills, queueDrills, memberDrills, setDrills)

// TestRecipesDrills: whatever happens to one client at whichever of its
// requests, every recipe does what it promises, and nothing is left behind.
func TestRecipesDrills(t *testing.T) {
	onRecipeBackends(t, func(t *testing.T, kind string, run runCase) {
		for n := range drills {
			if d := &drills[n]; kind != "real" || !d.variant || *allRequests {
				t.Run(d.name, func(t *testing.T) { d.sweep(t, kind, n+1, run) })
			}
		}
	})
}
