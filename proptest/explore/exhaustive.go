package explore

import (
	"fmt"
	"time"
)

// Exhaustive makes every schedule within the bounds of Config, depth first, and
// leaves out those that come to a state in which another one has been. Two states
// are the same if the server has done the same writes, every participant has
// learned the same and waits in the same calls, the same is on its way to it, and
// as much may still go wrong. That is sound as long as participants are functions
// of what they learn: see the package's documentation.
//
// From goes on where another search has stopped, at its Result.Frontier.
func Exhaustive(from ...string) Strategy {
	s := &exhaustive{seen: make(map[digest]int)}
	for _, word := range from {
		choices, err := decode(word)
		if err != nil {
			panic(err)
		}
		for _, c := range choices {
			s.path = append(s.path, fork{taken: c})
		}
	}
	return s
}

type exhaustive struct {
	path []fork
	at   int
	seen map[digest]int // and after how few choices
	cfg  *Config
	ran  bool
	// limit, if not 0, is after how many steps schedules are given up.
	limit int
	// A schedule that is run again has had other choices than before.
	astray bool
}

// fork is a place where there was a choice.
type fork struct{ taken, of int }

func (s *exhaustive) String() string { return "exhaustive" }

// States is how many different ones there were.
func (s *exhaustive) States() int { return len(s.seen) }

func (s *exhaustive) Next(cfg *Config) Source {
	s.cfg = cfg
	if s.ran {
		for len(s.path) > 0 && s.path[len(s.path)-1].taken+1 >= s.path[len(s.path)-1].of {
			s.path = s.path[:len(s.path)-1]
		}
		if len(s.path) == 0 {
			return nil
		}
		s.path[len(s.path)-1].taken++
	}
	s.ran, s.at = true, 0
	return s
}

// frontier is the schedule that comes next, by which a search can go on.
func (s *exhaustive) frontier() string {
	choices := make([]int, len(s.path))
	for i, f := range s.path {
		choices[i] = f.taken
	}
	return encode(choices)
}

// split is after how many choices the shards of a search part.
const split = 6

func (s *exhaustive) Choose(r *run) int {
	if s.at < len(s.path) {
		f := &s.path[s.at]
		s.astray = s.astray || f.of != 0 && f.of != len(r.steps)
		f.of = len(r.steps)
		s.at++
		return min(f.taken, f.of-1)
	}
	if s.limit > 0 && len(r.choices) >= s.limit {
		return -1
	}
	if s.cfg.Shards > 1 && len(s.path) == split && s.shard() != s.cfg.Shard {
		return -1
	}
	state := r.state()
	depth, known := s.seen[state]
	if known && (s.limit == 0 || depth <= len(r.choices)) {
		return -1
	}
	s.seen[state] = len(r.choices)
	s.path = append(s.path, fork{0, len(r.steps)})
	s.at++
	return 0
}

// shard is whose business the path so far is.
func (s *exhaustive) shard() int {
	var d digest
	for _, f := range s.path {
		d.int(f.taken)
	}
	return int(d.a % uint64(s.cfg.Shards))
}

// state is a digest of all that decides how the schedule can go on.
func (r *run) state() digest {
	d := r.server
	d.word(uint64(r.zxid))
	d.int(r.faults)
	if r.preemptions >= 0 {
		d.int(r.preemptions)
		d.int(r.last)
	}
	d.flag(r.inARow >= unfair)
	d.word(uint64(time.Since(r.born)))
	for _, p := range r.parts {
		p.client.digest(&d)
		d.flag(p.ended)
		for _, w := range p.whims {
			d.flag(w.over)
		}
	}
	return d
}

func (c *client) digest(d *digest) {
	d.add(c.seen)
	d.flag(c.link.up())
	d.flag(c.link.away())
	d.flag(c.vain)
	if c.member != 0 {
		d.flag(c.lagging)
		d.int(c.depth)
		d.word(uint64(c.run.srv.Member(c.member).Zxid()))
	}
	c.link.underWay(d)
	d.int(len(c.pending))
	for _, o := range c.pending {
		o.call.digest(d)
		d.flag(o.abandoned)
	}
}

// decode reads what encode has written.
func decode(word string) (choices []int, err error) {
	for rest := word; rest != ""; {
		var c int
		switch b := rest[0]; {
		case b >= '0' && b <= '9':
			c, rest = int(b-'0'), rest[1:]
		case b >= 'a' && b <= 'z':
			c, rest = int(b-'a')+10, rest[1:]
		case b == '{':
			n, err := fmt.Sscanf(rest, "{%d}", &c)
			if err != nil || n != 1 || c < 36 {
				return nil, fmt.Errorf("explore: %q is no schedule: %q is no number", word, rest)
			}
			rest = rest[len(fmt.Sprintf("{%d}", c)):]
		default:
			return nil, fmt.Errorf("explore: %q is no schedule: it has %q", word, b)
		}
		choices = append(choices, c)
	}
	return choices, nil
}
