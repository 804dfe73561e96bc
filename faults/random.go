package faults

import (
	"math/rand/v2"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// Random draws a plan from a seed, as a swarm does it: first which kinds of
// fault there are at all, so that plans differ, then how often each. Every
// fault in it is one that a real network or server may produce, and after a
// minute the network is healthy again. The seed is also that of the plan.
//
//	plan := faults.Random(seed)
//	t.Logf("%s", plan) // which faults.MustParse makes a plan of again
func Random(seed uint64) *Plan {
	r := rand.New(rand.NewPCG(seed, 0))
	var rules []Rule
	for len(rules) == 0 {
		for _, kind := range Kinds() {
			if r.IntN(3) == 0 {
				rules = append(rules, kind.Draw(r.IntN))
			}
		}
	}
	p := new(Plan)
	if err := p.init(seed, rules); err != nil {
		panic(err) // our own rules
	}
	return p
}

// Kind is a kind of fault from which random plans draw.
type Kind struct {
	Name string
	// Draw makes a rule of this kind. intN returns a number from 0 to n-1, as
	// rand.IntN does; smaller numbers make milder rules.
	Draw func(intN func(n int) int) Rule
}

// healthy is when the faults of random plans end.
const healthy = time.Minute

// Kinds are the kinds of fault from which Random draws, for those who draw by
// other means, such as a generator that can shrink what it has drawn.
func Kinds() []Kind {
	triggered := func(a Action, points ...Point) func(func(int) int) Rule {
		return func(intN func(int) int) Rule {
			r := Rule{Action: a, Point: points[intN(len(points))], To: healthy}
			if r.Point != AfterNotification {
				r.Operations = [][]string{nil, {"write"}, {"read"}, {"create"}, {"all"}}[intN(5)]
			}
			often(&r, intN)
			return r
		}
	}
	return []Kind{
		{"lost requests", triggered(Cut, BeforeRequest)},
		{"lost replies", triggered(Cut, AfterReply)},
		{"broken connections", triggered(Cut, AfterDelivery)},
		{"lost notifications", triggered(Cut, AfterNotification)},
		{"stalls", triggered(Stall, BeforeRequest, AfterReply, AfterDelivery, AfterNotification)},
		{"delays", func(intN func(int) int) Rule {
			r := triggered(Delay, BeforeRequest, AfterReply, AfterNotification)(intN)
			r.Delay = time.Duration(1+intN(3000)) * time.Millisecond
			return r
		}},
		{"throttling", func(intN func(int) int) Rule {
			r := triggered(Error, BeforeRequest)(intN)
			r.Operations, r.Code = nil, zkapi.ErrThrottledOp
			return r
		}},
		{"refused connections", func(intN func(int) int) Rule {
			r := Rule{Action: Refuse, To: healthy}
			often(&r, intN)
			return r
		}},
		{"silence", func(intN func(int) int) Rule {
			r := Rule{Action: Silence, Way: []Way{BothWays, ToServer, FromServer}[intN(3)]}
			r.From = time.Duration(intN(40)) * time.Second
			r.To = min(r.From+time.Duration(1+intN(20_000))*time.Millisecond, healthy)
			return r
		}},
		{"slow network", func(intN func(int) int) Rule {
			r := Rule{Action: Slow, Way: []Way{BothWays, ToServer, FromServer}[intN(3)], To: healthy}
			r.From = time.Duration(intN(40)) * time.Second
			r.Rate = 100_000 / (1 + intN(100))
			return r
		}},
	}
}

// often draws how often a rule fires: once, at some match, or by chance.
func often(r *Rule, intN func(int) int) {
	switch intN(3) {
	case 0:
		r.Nth = 1 + intN(20)
	case 1:
		r.Percent = float64(1 + intN(10))
		r.Times = 1 + intN(10)
	case 2:
		r.Every = 2 + intN(30)
		r.Times = 1 + intN(5)
	}
}
