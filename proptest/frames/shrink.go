package frames

import (
	"slices"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// Shrink makes the history of a difference shorter and simpler for as long as
// the difference stays the same, and returns the last one found. It works on
// the history itself, not as rapid does on the numbers it was drawn with: it
// can take any step or request away without changing the others.
func (p *Pair) Shrink(d *Difference, limit time.Duration) (*Difference, error) {
	s := shrinker{pair: p, best: d, kind: d.Signature(), end: time.Now().Add(limit)}
	for again := true; again && !s.over(); {
		s.accepted = 0
		s.steps()
		for i := 0; i < len(s.best.History); i++ {
			s.requests(i)
			s.step(i)
		}
		again = s.accepted > 0
	}
	// Once more, for a report that shows events where they belong.
	p.Eager = true
	defer func() { p.Eager = false }()
	if d, err := p.Run(s.best.History); d != nil || err != nil {
		return d, err
	}
	return s.best, s.err
}

type shrinker struct {
	pair     *Pair
	best     *Difference
	kind     string
	end      time.Time
	accepted int
	err      error
}

func (s *shrinker) over() bool { return s.err != nil || time.Now().After(s.end) }

// try runs a simpler history and keeps it if it shows the same.
func (s *shrinker) try(h History) bool {
	if s.over() {
		return false
	}
	d, err := s.pair.Run(h)
	s.err = err
	if d == nil || d.Signature() != s.kind {
		return false
	}
	s.best = d
	s.accepted++
	return true
}

// without returns list without n of its elements.
func without[T any](list []T, at, n int) []T {
	return append(slices.Clone(list[:at]), list[at+n:]...)
}

// eachWindow calls try with ever smaller windows of a list of n elements, from
// its end to its beginning. try says whether it has removed the window.
func eachWindow(n int, try func(at, n int) bool) {
	for size := n; size >= 1; size /= 2 {
		for at := n - size; at >= 0; {
			if try(at, size) {
				n -= size
			}
			at = min(at, n) - size
		}
	}
}

func (s *shrinker) steps() {
	eachWindow(len(s.best.History), func(at, n int) bool {
		h := without(s.best.History, at, n)
		return s.try(h) || s.tryLower(h, s.best.History[at:at+n].Requests())
	})
}

// tryLower tries a history with its zxids lowered by what was taken out of it.
func (s *shrinker) tryLower(h History, by int) bool {
	lower := func(z *Zxid) bool {
		if z.Abs || z.N < int64(by) || z.N >= 1000 {
			return false
		}
		z.N -= int64(by)
		return true
	}
	lowered := false
	h = slices.Clone(h)
	for i := range h {
		if h[i].Connect != nil {
			c := *h[i].Connect
			lowered = lower(&c.Seen) || lowered
			h[i].Connect = &c
		}
		h[i].Send = slices.Clone(h[i].Send)
		for k := range h[i].Send {
			lowered = lower(&h[i].Send[k].Zxid) || lowered
		}
	}
	return lowered && by > 0 && s.try(h)
}

// with returns the history with another step.
func (s *shrinker) with(i int, step Step) History {
	h := slices.Clone(s.best.History)
	h[i] = step
	return h
}

func (s *shrinker) requests(i int) {
	step := func() Step { return s.best.History[i] }
	if len(step().Send) > 1 || step().Connect != nil {
		eachWindow(len(step().Send), func(at, n int) bool {
			simpler := step()
			simpler.Send = without(simpler.Send, at, n)
			h := s.with(i, simpler)
			return s.try(h) || s.tryLower(h, n)
		})
	}
	for k := range step().Send {
		eachWindow(len(step().Send[k].Parts), func(at, n int) bool {
			return s.change(i, k, func(r *Request) bool { r.Parts = without(r.Parts, at, n); return true })
		})
		for part := range step().Send[k].Parts {
			for _, f := range simplifications {
				s.change(i, k, func(r *Request) bool {
					r.Parts = slices.Clone(r.Parts)
					return f(&r.Parts[part])
				})
			}
		}
		for list := range step().Send[k].Lists {
			eachWindow(len(step().Send[k].Lists[list]), func(at, n int) bool {
				return s.change(i, k, func(r *Request) bool {
					r.Lists = slices.Clone(r.Lists)
					r.Lists[list] = without(r.Lists[list], at, n)
					return true
				})
			})
		}
		for _, f := range simplifications {
			s.change(i, k, f)
		}
	}
}

// change tries a change of one request.
func (s *shrinker) change(i, k int, f func(*Request) bool) bool {
	step := s.best.History[i]
	r := step.Send[k]
	if !f(&r) {
		return false
	}
	step.Send = slices.Clone(step.Send)
	step.Send[k] = r
	return s.try(s.with(i, step))
}

// simplifications change a request to a simpler one and tell whether it was not.
var simplifications = []func(*Request) bool{
	func(r *Request) bool { was := r.Mangle != nil; r.Mangle = nil; return was },
	func(r *Request) bool { was := r.Xid != nil; r.Xid = nil; return was },
	func(r *Request) bool { was := r.Watch; r.Watch = false; return was },
	func(r *Request) bool { was := r.Data == nil || len(r.Data) > 0; r.Data = []byte{}; return was },
	func(r *Request) bool { was := r.Flags != 0; r.Flags = 0; return was },
	func(r *Request) bool { was := r.Version != -1; r.Version = -1; return was },
	func(r *Request) bool { was := r.TTL > 0 && r.TTL != 1_000_000; r.TTL = 1_000_000; return was },
	func(r *Request) bool {
		was := !slices.Equal(r.ACL, openACL) || r.ACL == nil
		r.ACL = openACL
		return was
	},
	func(r *Request) bool { was := len(r.ACL) > 1; r.ACL = r.ACL[:min(1, len(r.ACL))]; return was },
	func(r *Request) bool { was := r.Zxid.N < 1000 && !r.Zxid.Abs; r.Zxid = Zxid{N: 1_000_000}; return was },
	func(r *Request) bool { was := !r.Zxid.Abs; r.Zxid = Zxid{Abs: true}; return was },
	func(r *Request) bool { was := r.Path != nodes[0]; r.Path = nodes[0]; return was },
	func(r *Request) bool {
		was := r.Op == zkapi.OpCreate2 || r.Op == zkapi.OpCreateContainer
		r.Op = zkapi.OpCreate
		return was
	},
}

func (s *shrinker) step(i int) {
	h := s.best.History
	if h[i].Link != 0 {
		step := h[i]
		step.Link = 0
		s.try(s.with(i, step))
	}
	if c := h[i].Connect; c != nil {
		step := s.best.History[i]
		if step.Connect = nil; len(step.Send) > 0 {
			s.try(s.with(i, step))
		}
		for _, f := range []func(*Connect){
			func(c *Connect) { *c = Connect{Timeout: 200_000} },
			func(c *Connect) { c.Session = 0 },
			func(c *Connect) { c.Passwd = PasswdRight },
			func(c *Connect) { c.Timeout = 200_000 },
			func(c *Connect) { c.Seen = Zxid{} },
			func(c *Connect) { c.Tail = TailFalse },
			func(c *Connect) { c.Protocol = 0 },
			func(c *Connect) { c.Cut = 0 },
		} {
			step := s.best.History[i]
			if step.Connect == nil {
				break
			}
			simpler := *step.Connect
			if f(&simpler); simpler != *step.Connect {
				step.Connect = &simpler
				s.try(s.with(i, step))
			}
		}
	}
}
