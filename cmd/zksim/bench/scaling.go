package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// How costs grow with what else is on the server. All by the direct client, so that nothing hides
// the server's own cost.
//
// Growth is measured on the same ten nodes whatever the size, because it is the server's structure
// that is to be judged, and not the processor's caches: ten nodes fit into them and a million do not.
// What random nodes among a million cost, caches included, is in the rows of "wide".

// random is seeded, so that every run does the same.
var random = rand.New(rand.NewPCG(1, 2))

// allowedGrowth is the factor within which a cost has to stay, beyond the logarithm of the number of
// siblings.
const allowedGrowth = 2

var scaledOps = []string{"get", "set", "create", "delete", "watch"}

func scalingScenarios() []scenario {
	metrics := func(what string) []metric {
		var ms []metric
		for _, op := range scaledOps {
			ms = append(ms, metric{op + ", " + what, "x", false, atMost(allowedGrowth)})
		}
		return ms
	}
	return []scenario{{
		name:    "siblings",
		about:   "cost among 10, 1000, 100,000 and 1,000,000 siblings: the largest growth beyond the logarithm",
		metrics: metrics("10 to 1,000,000 siblings"),
		heavy:   true,
		local: func(e *env) ([]float64, error) {
			return e.growth([]int{10, 1000, e.size(100_000), e.size(1_000_000)}, true, (*local).addSiblings)
		},
	}, {
		name:    "many-sessions",
		about:   "cost with 10, 1000 and 10,000 connected sessions: the largest growth",
		metrics: metrics("10 to 10,000 sessions"),
		heavy:   true,
		local: func(e *env) ([]float64, error) {
			return e.growth([]int{10, 1000, e.size(10_000)}, false, (*local).addSessions)
		},
	}, {
		name:    "many-watches",
		about:   "cost with 10, 1000, 100,000 and 1,000,000 watches on other nodes: the largest growth",
		metrics: metrics("10 to 1,000,000 watches"),
		heavy:   true,
		local: func(e *env) ([]float64, error) {
			return e.growth([]int{10, 1000, e.size(100_000), e.size(1_000_000)}, false, (*local).addWatches)
		},
	}, {
		name:  "wide",
		about: "a parent of 1,000,000 children",
		heavy: true,
		metrics: []metric{
			{"random get among 1,000,000", "ns", false, goal{}},
			{"random create among 1,000,000", "ns", false, goal{}},
			{"random delete among 1,000,000", "ns", false, goal{}},
			{"getChildren of 1,000,000", "ms", false, goal{}},
		},
		local: (*env).wide,
	}}
}

// local is a simulator in this process with one client, and a parent whose children are measured.
type local struct {
	e       *env
	srv     *memserver.Server
	c       *memserver.Client
	kids    int
	watcher *raw // holds the watches of addWatches
}

const siblingsAt = "/parent/"

func newLocal(e *env) (*local, error) {
	srv, err := memserver.New()
	if err != nil {
		return nil, err
	}
	c, err := srv.Client()
	if err != nil {
		return nil, err
	}
	_, err = c.Create(e.ctx, "/parent", nil, nil, zkapi.Persistent)
	return &local{e: e, srv: srv, c: c}, err
}

// few is the number of siblings where it is not siblings that are counted.
const few = 1000

func (l *local) addSiblings(n int) error {
	at, data := newNames(siblingsAt), make([]byte, 16)
	for ; l.kids < n; l.kids++ {
		if _, err := l.c.Create(l.e.ctx, at.at(l.kids), data, nil, zkapi.Persistent); err != nil {
			return err
		}
	}
	return nil
}

func (l *local) addSessions(n int) error {
	for range n {
		if _, err := l.srv.Client(); err != nil {
			return err
		}
	}
	return l.addSiblings(few)
}

// addWatches makes watches on nodes that do not exist.
func (l *local) addWatches(n int) (err error) {
	if l.watcher, err = dialPipe(l.srv); err != nil {
		return err
	}
	at := newNames("/missing")
	_, err = l.watcher.pipelineReplies(256, func() bool {
		if at.n == n {
			return false
		}
		l.watcher.add(wire.Op{Type: zkapi.OpExists, Path: at.next(), Watch: true})
		return true
	}, func(zkapi.Code) error { return nil })
	return errors.Join(err, l.addSiblings(few))
}

// growth measures each of scaledOps on servers of all sizes, in turn, and returns how much more it
// costs at most than on the first; with tree, divided by the growth of the logarithm.
func (e *env) growth(sizes []int, tree bool, add func(*local, int) error) (worst []float64, err error) {
	slices.Sort(sizes) // -scale may have changed their order
	sizes = slices.Compact(sizes)
	servers := make([]*local, len(sizes))
	for k, size := range sizes {
		l, err := newLocal(e)
		if err != nil {
			return nil, err
		}
		defer l.srv.Close()
		if err := add(l, size); err != nil {
			return nil, err
		}
		servers[k] = l
	}
	runtime.GC()
	for _, op := range scaledOps {
		growth, note, err := e.compare(op, sizes, servers, tree)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		worst, e.notes = append(worst, growth), append(e.notes, note)
	}
	return worst, nil
}

func (e *env) compare(op string, sizes []int, servers []*local, tree bool) (worst float64, note string, err error) {
	const rounds = 5
	times := make([][]float64, len(sizes))
	ratios := make([][]float64, len(sizes))
	for range rounds {
		for k, l := range servers {
			ns, err := l.cost(op, e.time/rounds/2, false)
			if err != nil {
				return 0, "", err
			}
			times[k] = append(times[k], ns)
			ratios[k] = append(ratios[k], ns/times[0][len(times[k])-1])
		}
	}
	for k, size := range sizes {
		beyond := 1.0
		if tree {
			beyond = math.Log(float64(size)) / math.Log(float64(sizes[0]))
		}
		worst = max(worst, median(ratios[k])/beyond)
		note += fmt.Sprintf(" %s: %s ns", format(float64(size)), format(median(times[k])))
	}
	return worst, note, nil
}

// cost is an operation's time in nanoseconds, on nodes all over the tree if anywhere, otherwise on
// the same few. It leaves the tree as it was.
func (l *local) cost(op string, limit time.Duration, anywhere bool) (float64, error) {
	ctx, data := l.e.ctx, make([]byte, 16)
	// A node to create stands right after an existing one.
	create := func(path string) error {
		_, err := l.c.Create(ctx, path+"x", data, nil, zkapi.Persistent)
		return err
	}
	remove := func(path string) error { return l.c.Delete(ctx, path+"x", zkapi.AnyVersion) }
	set := func(path string) error {
		_, err := l.c.Set(ctx, path, data, zkapi.AnyVersion)
		return err
	}
	get := func(path string) error {
		_, _, err := l.c.Get(ctx, path)
		return err
	}
	watch := func(path string) error {
		_, _, _, err := l.c.GetW(ctx, path)
		return err
	}
	nothing := func(string) error { return nil }
	switch op {
	case "get":
		return l.phases(limit, anywhere, nothing, get, nothing)
	case "set":
		return l.phases(limit, anywhere, nothing, set, nothing)
	case "create":
		return l.phases(limit, anywhere, nothing, create, remove)
	case "delete":
		return l.phases(limit, anywhere, create, remove, nothing)
	default:
		return l.phases(limit, anywhere, nothing, watch, set) // which uses the watch up
	}
}

// phases does before, op and after on a few nodes at a time, and returns the median time of op.
func (l *local) phases(limit time.Duration, anywhere bool, before, op, after func(path string) error) (float64, error) {
	const atOnce = 10
	paths := make([]string, atOnce)
	choose := func(random func(n int) int) {
		siblings := newNames(siblingsAt)
		for i := range paths { // one of each tenth: they must differ
			paths[i] = strings.Clone(siblings.at(i*(l.kids/atOnce) + random(l.kids/atOnce)))
		}
	}
	choose(func(int) int { return 0 })
	var times []float64
	for stop := time.Now().Add(limit); len(times) < 3 || time.Now().Before(stop); {
		if anywhere {
			choose(random.IntN)
		}
		var took time.Duration
		for phase, f := range []func(string) error{before, op, after} {
			begin := time.Now()
			for _, path := range paths {
				if err := f(path); err != nil {
					return 0, err
				}
			}
			if phase == 1 {
				took = time.Since(begin)
			}
		}
		times = append(times, float64(took.Nanoseconds())/atOnce)
	}
	return median(times), nil
}

func (e *env) wide() (values []float64, err error) {
	l, err := newLocal(e)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.srv.Close()) }()
	if err := l.addSiblings(e.size(1_000_000)); err != nil {
		return nil, err
	}
	for _, op := range []string{"get", "create", "delete"} {
		ns, err := l.cost(op, e.time, true)
		if err != nil {
			return nil, err
		}
		values = append(values, ns)
	}
	ns, err := oneByOne(e.time, func() error {
		_, _, err := l.c.Children(e.ctx, "/parent")
		return err
	})
	return append(values, ns/1e6), err
}
