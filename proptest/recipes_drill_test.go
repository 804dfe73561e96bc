package proptest

import (
	"context"
	"errors"
	"slices"
	"strings"
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

// heals tells whether a recipe makes its nodes again when somebody deletes them.
func (d *drill) heals() bool {
	return slices.ContainsFunc([]string{"party", "group", "node", "discovery", "partitioner"}, func(x string) bool { return strings.Contains(d.name, x) })
}

// scene is one playing of a drill. The context of a may end at any moment; what
// fails because of that is no failure.
type scene struct {
	*recipeEnv
	ctx     context.Context // of all but a
	actx    context.Context
	a, b, c zkapi.Client
	all     sync.WaitGroup
	closing *closing // nil: nobody closes a
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
			s.all.Go(func() {
				err := x.f(x.ctx, x.c, x.who)
				if x.who == "a" && s.closing != nil {
					err = s.closing.judge(err)
				}
				s.require(x.who, err)
			})
		}
	}
}

// require has no error, but for a cancelled a.
func (s *scene) require(who string, err error) {
	if err != nil && !(who == "a" && s.cancelled() && (errors.Is(err, context.Canceled) || errors.Is(err, zkapi.ErrClosed))) {
		s.t.Errorf("%s: %v", who, err)
	}
}

// cancelled tells whether a has been kept from what it was to do: its context has ended, or its client.
func (s *scene) cancelled() bool {
	return s.actx.Err() != nil || s.closing != nil && s.closing.closed()
}

// run plays a drill.
func (d *drill) run(e *recipeEnv, a zkapi.Client, actx context.Context, opts ...func(*scene)) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if actx == nil {
		actx = ctx
	}
	s := &scene{recipeEnv: e, ctx: ctx, actx: actx, a: a, b: e.client("b"), c: e.client("c")}
	for _, opt := range opts {
		opt(s)
	}
	d.play(s)
	dirs := d.dirs
	if s.closing != nil { // who might still have deleted his markers
		dirs = slices.DeleteFunc(slices.Clone(dirs), func(dir string) bool { return strings.HasSuffix(dir, "-ops") })
	}
	e.requireClean(dirs...)
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
	t.Run("closed", func(t *testing.T) {
		if leftOut(kind, n, 7) {
			t.Skip("it takes seconds; make test")
		}
		stepwise(t, strideOfDrill(kind, n, 7), run, func(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
			c := &closing{Client: e.client("a")}
			d.run(e, at(c, c.end), nil, func(s *scene) { s.closing = c })
		})
	})
	t.Run("its own nodes deleted", func(t *testing.T) {
		if !d.heals() || leftOut(kind, n, 8) {
			t.Skip("it is not what the recipe is for, or takes seconds; make test")
		}
		stepwise(t, strideOfDrill(kind, n, 8), run, func(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
			c := e.client("a")
			d.run(e, at(c, func() { e.rob(c.SessionID()) }), nil)
		})
	})
}

// rob deletes the nodes of a session.
func (e *recipeEnv) rob(session int64) {
	for node, err := range zkapi.Walk(e.ctx, e.truth, e.root) {
		if err == nil && node.Stat.EphemeralOwner == session {
			_ = e.truth.Delete(e.ctx, node.Path, zkapi.AnyVersion)
		}
	}
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
