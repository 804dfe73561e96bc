package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// How costs grow with what else is on the server. All by the direct client, so that nothing hides
// the server's own cost.

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
			return e.growth([]int{10, 1000, e.size(100_000), e.size(1_000_000)}, true, (*server).addSiblings)
		},
	}, {
		name:    "many-sessions",
		about:   "cost with 10, 1000 and 10,000 connected sessions: the largest growth",
		metrics: metrics("10 to 10,000 sessions"),
		heavy:   true,
		local: func(e *env) ([]float64, error) {
			return e.growth([]int{10, 1000, e.size(10_000)}, false, (*server).addSessions)
		},
	}, {
		name:    "many-watches",
		about:   "cost with 10, 1000, 100,000 and 1,000,000 watches on other nodes: the largest growth",
		metrics: metrics("10 to 1,000,000 watches"),
		heavy:   true,
		local: func(e *env) ([]float64, error) {
			return e.growth([]int{10, 1000, e.size(100_000), e.size(1_000_000)}, false, (*server).addWatches)
		},
	}, {
		name:  "wide",
		about: "a parent of 1,000,000 children",
		heavy: true,
		metrics: []metric{
			{"get, 1,000,000 siblings", "ns", false, goal{}},
			{"create, 1,000,000 siblings", "ns", false, goal{}},
			{"delete, 1,000,000 siblings", "ns", false, goal{}},
			{"getChildren of 1,000,000", "ms", false, goal{}},
		},
		local: (*env).wide,
	}}
}

// server is a simulator in this process with one client, and a parent whose children are measured.
type server struct {
	e     *env
	t     *testLike
	srv   *memserver.Server
	c     *memserver.Client
	kids  int
	other *raw // holds the watches of addWatches
	extra int  // sessions or watches so far
}

const siblingsAt = "/parent/"

func newServer(e *env) (*server, error) {
	t := new(testLike)
	srv := memserver.RunT(t)
	s := &server{e: e, t: t, srv: srv, c: srv.ClientT(t)}
	_, err := s.c.Create(e.ctx, "/parent", nil, nil, zkapi.Persistent)
	return s, err
}

func (s *server) addSiblings(n int) error {
	at, data := newNames(siblingsAt), make([]byte, 16)
	for ; s.kids < n; s.kids++ {
		if _, err := s.c.Create(s.e.ctx, at.at(s.kids), data, nil, zkapi.Persistent); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) addSessions(n int) error {
	for ; s.extra < n; s.extra++ {
		s.srv.ClientT(s.t)
	}
	return s.addSiblings(1000)
}

// addWatches makes watches on nodes that do not exist.
func (s *server) addWatches(n int) (err error) {
	if s.other == nil {
		if s.other, err = dialPipe(s.srv); err != nil {
			return err
		}
		s.t.Cleanup(s.other.close)
	}
	at := newNames("/missing")
	_, err = s.other.pipelineReplies(256, func() bool {
		if s.extra == n {
			return false
		}
		s.other.add(wire.Op{Type: zkapi.OpExists, Path: at.at(s.extra), Watch: true})
		s.extra++
		return true
	}, func(zkapi.Code) error { return nil })
	return errors.Join(err, s.addSiblings(1000))
}

// growth measures each of scaledOps at every size, and returns how much more it costs at most than
// at the first; with tree, divided by the growth of the logarithm.
func (e *env) growth(sizes []int, tree bool, add func(*server, int) error) (_ []float64, err error) {
	s, err := newServer(e)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.t.end()) }()
	e.notes = make([]string, len(scaledOps))
	first := make([]float64, len(scaledOps))
	worst := make([]float64, len(scaledOps))
	for k, size := range sizes {
		if err := add(s, size); err != nil {
			return nil, err
		}
		beyond := 1.0
		if tree {
			beyond = math.Log(float64(size)) / math.Log(float64(sizes[0]))
		}
		for i, op := range scaledOps {
			ns, err := s.cost(op)
			if err != nil {
				return nil, fmt.Errorf("%s at %d: %w", op, size, err)
			}
			if k == 0 {
				first[i] = ns
			}
			worst[i] = max(worst[i], ns/first[i]/beyond)
			e.notes[i] += fmt.Sprintf("%s: %.0f ns  ", format(float64(size)), ns)
		}
	}
	return worst, nil
}

// cost is an operation's time in nanoseconds, on random siblings. It leaves the tree as it was.
func (s *server) cost(op string) (float64, error) {
	ctx, data := s.e.ctx, make([]byte, 16)
	existing, made, gone := newNames(siblingsAt), newNames(siblingsAt+"new"), newNames(siblingsAt+"new")
	anyChild := func() string { return existing.at(random.IntN(s.kids)) }
	create := func() error {
		_, err := s.c.Create(ctx, made.next(), data, nil, zkapi.Persistent)
		return err
	}
	remove := func() error { return s.c.Delete(ctx, gone.next(), zkapi.AnyVersion) }
	// The new ones are as few as the smallest number of siblings, or that would grow.
	const few = 10
	limit := s.e.time / 4
	switch op {
	case "get":
		return perOp(limit, func(int) error { _, _, err := s.c.Get(ctx, anyChild()); return err })
	case "set":
		return perOp(limit, func(int) error { _, err := s.c.Set(ctx, anyChild(), data, zkapi.AnyVersion); return err })
	case "watch":
		// The second call finds the node's watch there; the node is deleted for each one.
		return perPhase(limit, few, create, func() error {
			_, _, _, err := s.c.GetW(ctx, made.at(made.n-1))
			return err
		}, remove)
	case "create":
		return perPhase(limit, few, func() error { return nil }, create, remove)
	default:
		return perPhase(limit, few, create, remove, func() error { return nil })
	}
}
