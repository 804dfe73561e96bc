package explore

import "math/rand/v2"

// Source makes the choices of one schedule. Only strategies of this package make any.
type Source interface {
	// Choose picks one of r.steps, of which there are two at least; -1 gives the schedule up.
	Choose(r *run) int
}

// Strategy makes schedules, one after the other.
type Strategy interface {
	// Next returns the source of the next schedule, nil when there is none left.
	Next(cfg *Config) Source
	String() string
}

// replay makes recorded choices, and then the first ones.
type replay struct {
	choices []int
}

func (s *replay) Choose(r *run) int {
	at := len(r.choices)
	if at >= len(s.choices) {
		return 0
	}
	return min(s.choices[at], len(r.steps)-1)
}

// stepName says what a step is, whatever else is possible when it is taken.
type stepName struct {
	who   int
	kind  Kind
	fault Fault
	verb  verb
	path  string
	keeps bool
	depth int
}

func (s *Step) name() stepName {
	n := stepName{who: s.Who, kind: s.Kind, fault: s.Fault, path: s.path, keeps: s.unsent, depth: s.depth}
	if s.op != nil {
		n.verb, n.path = s.op.verb, s.op.call.path
	}
	return n
}

// script takes the steps that it names, leaves out those that are not possible,
// and then makes the first choices.
type script struct{ names []stepName }

func (s *script) Choose(r *run) int {
	for ; len(s.names) > 0; s.names = s.names[1:] {
		like := -1
		for i := range r.steps {
			n := r.steps[i].name()
			if n == s.names[0] {
				like = i
				break
			}
			if n.who == s.names[0].who && n.kind == s.names[0].kind && n.fault == s.names[0].fault && like < 0 {
				like = i
			}
		}
		if like >= 0 {
			s.names = s.names[1:]
			return like
		}
	}
	return 0
}

// Random draws every schedule by itself, from a seed. How likely it is that a
// schedule turns to another participant, and that something goes wrong, is drawn
// first, because some bugs need much of it and some little.
func Random(seed uint64) Strategy { return &random{seed: seed} }

type random struct {
	seed uint64
	n    uint64
}

func (s *random) String() string { return "random" }

func (s *random) Next(cfg *Config) Source {
	n := s.n*uint64(cfg.Shards) + uint64(cfg.Shard)
	s.n++
	rng := rand.New(rand.NewPCG(s.seed, n))
	return &drawn{rng, 1 + rng.IntN(4), 3 << rng.IntN(4)}
}

type drawn struct {
	rng        *rand.Rand
	turn, fail int
}

func (s *drawn) Choose(r *run) int {
	normal := 0
	for normal < len(r.steps) && r.steps[normal].Fault == 0 {
		normal++
	}
	if faults := len(r.steps) - normal; faults > 0 && (normal == 0 || s.rng.IntN(s.fail) == 0) {
		return normal + s.rng.IntN(faults)
	}
	if s.rng.IntN(4) < s.turn {
		return s.rng.IntN(normal)
	}
	return 0
}
