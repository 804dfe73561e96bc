package proptest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// Exploration says how one of the properties of recipes, such as [Lock], is
// explored. The zero value is a plan of several searches, which takes a few
// seconds: all schedules of two participants without a fault; as many as there is
// time for with one fault; and three participants with several faults, at random.
// If Strategy is set there is only that one search.
type Exploration struct {
	explore.Config
	Participants int // 2 by default
	Rounds       int // how often each does what there is to do; 1 by default, and always of barriers and partitioners
	// Replay, if not empty, is the only schedule that is run: the word that a failure
	// has printed, under the options with which it was found. That is how a failure
	// becomes a test.
	Replay string
	// Prepare, if not nil, furnishes the server before the participants begin, with
	// a client that is closed afterwards. What is there already need not be fought for.
	Prepare func(ctx context.Context, c zkapi.Client) error

	// Alike says that the recipe treats participants alike: that it compares their names, session
	// ids and random numbers for nothing but equality. An exhaustive search then leaves out what is
	// the same with parts exchanged. A recipe that puts nodes in the order of their whole names, say, it
	// would take for right.
	Alike bool

	faultless bool // there is no fault left that the property knows how to judge
	unordered bool // see Unordered
	sameOrder bool // see SameOrder
	reentrant bool // see Reentrant
	leases    int  // see Leases

	lasting time.Duration // see Lasting

	atLeastOnce, byPriority, byTime bool // see AtLeastOnce, ByPriority, ByTime
}

// without has a property leave out faults that it does not know how to judge.
func without(f explore.Fault, opts []func(*Exploration)) []func(*Exploration) {
	return append(slices.Clone(opts), func(e *Exploration) {
		switch {
		case e.Kinds != 0:
		case e.Strategy == nil:
			e.Kinds = explore.AllFaults
		default:
			e.Kinds = explore.Network
		}
		if e.Kinds &^= f; e.Kinds == 0 {
			e.Faults, e.faultless = 0, true
		}
	})
}

// plan is the searches that the options amount to.
func plan(opts []func(*Exploration)) (stages []Exploration) {
	var e Exploration
	for _, opt := range opts {
		opt(&e)
	}
	e.Participants, e.Rounds = max(e.Participants, 0), max(e.Rounds, 1)
	if e.Strategy != nil || e.Replay != "" {
		if e.Participants == 0 {
			e.Participants = 2
		}
		return []Exploration{e}
	}
	stage := func(participants, rounds, faults int, s explore.Strategy, d time.Duration) {
		x := e
		x.Strategy = s
		x.Rounds = max(rounds, e.Rounds)
		if x.Participants == 0 {
			x.Participants = participants
		}
		if x.Faults == 0 || faults == 0 {
			x.Faults = faults
		}
		if x.faultless {
			x.Faults = 0
		}
		if x.Kinds == 0 {
			x.Kinds = explore.AllFaults
		}
		if x.Time == 0 {
			x.Time = d
		}
		stages = append(stages, x)
	}
	stage(2, 1, 0, explore.Exhaustive(), time.Second)
	stage(2, 1, 1, explore.Exhaustive(), time.Second)
	stage(3, 2, 3, explore.Random(1), time.Second)
	return stages
}

// search runs the stages of a plan until one fails.
func search(t *testing.T, scenario func(*explore.World, *Exploration), opts []func(*Exploration)) *explore.Result {
	t.Helper()
	res := &explore.Result{}
	for _, e := range plan(opts) {
		before := res
		furnished := func(w *explore.World) { e.furnish(w); scenario(w, &e) }
		config := func(c *explore.Config) { *c = e.Config }
		if e.Replay != "" {
			return explore.Replay(t, e.Replay, furnished, config)
		}
		res = explore.Explore(t, furnished, config)
		res.FoundAfter += before.Schedules
		res.FoundIn += before.Elapsed
		if res.Failure != nil {
			break
		}
	}
	return res
}

// furnish does what Prepare says.
func (e *Exploration) furnish(w *explore.World) {
	if e.Prepare == nil {
		return
	}
	c, err := w.Server.Client()
	if err == nil {
		err = errors.Join(e.Prepare(context.Background(), c), c.Close())
	}
	if err != nil {
		panic(fmt.Sprintf("proptest: Prepare: %v", err))
	}
}

// names of participants.
func name(i int) string { return string(rune('A' + i)) }

// alike says that so many participants do the same, from one on, if the recipe does.
func (e *Exploration) alike(w *explore.World, from, n int) {
	if !e.Alike {
		return
	}
	var names []string
	for i := from; i < n; i++ {
		names = append(names, name(i))
	}
	w.Alike(names...)
}

// attempt calls something of a recipe that may fail only if something has gone
// wrong, and tells whether it has worked.
func attempt(p *explore.Participant, what string, do func(context.Context) error) (ok bool, err error) {
	return asOf(p).attempt(p.Context(), what, do)
}

// since is a moment in the life of a participant.
type since struct {
	p      *explore.Participant
	faults int
	well   bool
}

func asOf(p *explore.Participant) since {
	return since{p, p.Faults(), p.Well() || p.Session() == 0} // whoever dials has not connected yet
}

// attempt is attempt of what may also fail if something has gone wrong between that moment and the call.
func (x since) attempt(ctx context.Context, what string, do func(context.Context) error) (ok bool, err error) {
	ctx, cancel := x.p.Cancelable(ctx)
	defer cancel()
	if err = do(ctx); err == nil {
		return true, nil
	}
	return false, x.judge(what, err)
}

// judge is nil of what has failed if it may have.
func (x since) judge(what string, err error) error {
	p := x.p
	if p.Context().Err() != nil {
		return nil
	}
	p.Log("%s fails: %v", what, err)
	if x.well && p.Faults() == x.faults {
		return fmt.Errorf("%s failed, and nothing had gone wrong since it began: %w", what, err)
	}
	return nil
}

// excuse is nil of what may fail whenever something has gone wrong before, if it has worked, or if that is possible.
func excuse(p *explore.Participant, what string, err error) error {
	if err == nil || p.Context().Err() != nil {
		return nil
	}
	p.Log("%s fails: %v", what, err)
	if p.Faultless() {
		return fmt.Errorf("%s failed, and nothing goes wrong: %w", what, err)
	}
	return nil
}

// tidy is that no ephemeral nodes of participants are left.
func tidy(w *explore.World) func() error {
	return func() error {
		var left []string
		for n := range w.Server.Snapshot().Nodes() {
			if n.Stat.EphemeralOwner != 0 {
				left = append(left, n.Path)
			}
		}
		if len(left) > 0 {
			return fmt.Errorf("nobody holds or wants anything any more, and there still is %s", strings.Join(left, " "))
		}
		return nil
	}
}
