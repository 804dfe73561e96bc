package explore

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// PCT draws schedules by priorities (Burckhardt and others, "A randomized scheduler
// with probabilistic guarantees of finding bugs"): the participant goes on that has
// the highest, and at depth-1 steps, drawn first, whoever is about to go on gets the
// lowest. A bug that needs so many orders between steps is found with a probability
// that does not fall with the number of schedules there are. Faults are drawn in
// the same way: as many steps as there may be faults.
func PCT(seed uint64, depth int) Strategy { return &pct{seed: seed, depth: max(depth, 1), longest: 20} }

type pct struct {
	seed    uint64
	n       uint64
	depth   int
	longest int // schedule so far
}

func (s *pct) String() string { return fmt.Sprintf("PCT of depth %d", s.depth) }

func (s *pct) Next(cfg *Config) Source {
	rng := rand.New(rand.NewPCG(s.seed, s.n*uint64(cfg.Shards)+uint64(cfg.Shard)))
	s.n++
	return &priorities{pct: s, rng: rng, changes: s.points(rng, s.depth-1), faults: s.points(rng, cfg.Faults)}
}

// points draws steps.
func (s *pct) points(rng *rand.Rand, n int) []int {
	points := make([]int, n)
	for i := range points {
		points[i] = 1 + rng.IntN(s.longest)
	}
	slices.Sort(points)
	return points
}

type priorities struct {
	*pct
	rng             *rand.Rand
	order           []int // of the participants, the highest priority first
	changes, faults []int
}

func (s *priorities) Choose(r *run) int {
	s.longest = max(s.longest, r.taken)
	if s.order == nil {
		s.order = s.rng.Perm(len(r.parts))
	}
	normal := slices.IndexFunc(r.steps, func(x Step) bool { return x.Fault != 0 })
	if normal < 0 {
		normal = len(r.steps)
	}
	if due(&s.faults, r.taken) && normal < len(r.steps) {
		return normal + s.rng.IntN(len(r.steps)-normal)
	}
	if normal == 0 {
		return 0
	}
	best := s.best(r.steps[:normal])
	if due(&s.changes, r.taken) && r.steps[best].Who >= 0 {
		who := r.steps[best].Who
		s.order = append(slices.DeleteFunc(s.order, func(x int) bool { return x == who }), who)
		best = s.best(r.steps[:normal])
	}
	return best
}

// best is the first step of the participant with the highest priority.
func (s *priorities) best(steps []Step) int {
	for _, who := range s.order {
		if i := slices.IndexFunc(steps, func(x Step) bool { return x.Who == who }); i >= 0 {
			return i
		}
	}
	return 0
}

// due takes the first point away if it is reached.
func due(points *[]int, now int) bool {
	if len(*points) == 0 || (*points)[0] > now {
		return false
	}
	*points = (*points)[1:]
	return true
}
