package explore

import (
	"slices"

	"github.com/zksim/zksim/zkapi"
)

// A step that has been tried in a state need not be tried after another one there which
// it commutes with: the other one after it comes to the same. It sleeps, until a step is
// taken that it does not commute with (Godefroid, "Partial-order methods for the
// verification of concurrent systems").

// sleeper is a step that has been tried.
type sleeper struct {
	name   stepName
	traces traces
}

// traces are what a step has to do with. Two steps commute unless they have something in common that one
// of them changes.
type traces struct {
	everything bool     // perhaps
	whose      uint64   // participants whose step it is, and to whom it has sent something
	meddles    uint64   // others, to whom it has done something by itself: it has cancelled a context, for instance
	writes     bool     // it is a transaction: they have an order
	fault      bool     // it is one
	counts     bool     // it asks how many there have been
	memory     bool     // it changes or reads what participants share
	asks       bool     // its participant has asked what is on its way to it
	read       []string // paths
	changed    []string
}

func (a *traces) commutes(b *traces) bool {
	return !a.everything && !b.everything && a.whose&b.whose == 0 && !(a.writes && b.writes) &&
		!(a.fault && b.counts) && !(a.counts && b.fault) && !(a.memory && b.memory) && !a.disturbs(b) && !b.disturbs(a)
}

func (a *traces) disturbs(b *traces) bool {
	return slices.ContainsFunc(a.changed, func(path string) bool {
		return slices.Contains(b.read, path) || slices.Contains(b.changed, path)
	})
}

// trace looks at what there is before a step is taken, and returns a function that tells what the step had to do with.
func (r *run) trace(s Step) func() traces {
	r.touched, r.counted, r.asked = false, false, false
	r.ended.Store(0)
	zxid, memory, parts, ended := r.srv.Zxid(), r.memory(), r.locals(), r.endings()
	var ephemerals []string
	if s.Fault == Expiry {
		ephemerals = r.ephemerals(s.Who)
	}
	return func() traces {
		t := traces{writes: r.srv.Zxid() != zxid, fault: s.Fault != 0, counts: r.counted, asks: r.asked, changed: ephemerals}
		t.everything = r.wrote || r.sweeping(&s) || t.writes && r.quotas()
		if s.Who != nobody {
			t.whose = 1 << s.Who
		}
		for i, now := range r.locals() {
			if now != parts[i] {
				t.whose |= 1 << i
			}
			if now.mind != parts[i].mind && i != s.Who && s.Who != nobody {
				t.meddles |= 1 << i
			}
		}
		stopped := r.ended.Load()
		t.meddles |= stopped
		t.whose |= stopped
		t.memory = s.Fault == Expiry || r.touched || r.memory() != memory || r.endings() != ended
		if s.op != nil && (s.Kind == Ran || s.Fault == LostReply) {
			t.paths(s.op)
		}
		return t
	}
}

// quotas tells whether there may be any, which count what is written elsewhere.
func (r *run) quotas() bool {
	n, _ := r.srv.Node("/zookeeper/quota")
	return n.Stat.NumChildren > 0
}

// ephemerals are the paths that change when a session ends.
func (r *run) ephemerals(who int) (paths []string) {
	for _, s := range r.srv.Sessions() {
		if s.ID == r.parts[who].client.link.session() {
			for _, path := range s.Ephemerals {
				paths = append(paths, path, zkapi.Parent(path))
			}
		}
	}
	return paths
}

// local is the state of a participant: what it knows and wants, and what there is between it and the server.
type local struct{ mind, way digest }

// locals are those of all.
func (r *run) locals() []local {
	list := make([]local, len(r.parts))
	for i, p := range r.parts {
		list[i] = local{r.digest(p.client.portrayMind), r.digest(p.client.portrayWay)}
	}
	return list
}

func (r *run) digest(portray func(*ledger)) digest {
	r.aside.reset()
	portray(&r.aside)
	return r.aside.sum()
}

// memory is what the scenario remembers.
func (r *run) memory() digest { return r.digest(r.portrayMemory) }

// endings is how many participants have ended.
func (r *run) endings() (n int) {
	for _, p := range r.parts {
		if p.ended {
			n++
		}
	}
	return n
}

// sweeping tells whether a step may have to do with everything.
func (r *run) sweeping(s *Step) bool {
	switch s.Kind {
	case Ran, NotSent, Told:
		return false
	case CameBack: // changes that its other watches are told of are its own, by Missed
		return r.parts[s.Who].client.streams
	case WentWrong:
		return s.Fault != Cut && s.Fault != LostReply && s.Fault != Cancellation && s.Fault != Expiry
	}
	return true
}

// paths adds what an operation has to do with on the server.
func (t *traces) paths(o *operation) {
	path := o.call.path
	switch o.verb {
	case verbPause, verbSync, verbWhoAmI:
	case verbExists, verbExistsW, verbGet, verbGetW, verbChildren, verbChildrenW, verbGetACL:
		t.read = []string{path}
	case verbSet, verbSetACL:
		t.changed = []string{path}
	case verbCreate, verbCreate2, verbCreateTTL, verbDelete:
		if o.answer.path != "" {
			path = o.answer.path
		}
		t.changed = []string{path, zkapi.Parent(path)}
	case verbMulti, verbMultiRead:
		for i := range o.call.ops {
			t.part(&o.call.ops[i])
		}
		for i := range o.answer.results {
			if path := o.answer.results[i].Path; path != "" {
				t.changed = append(t.changed, path)
			}
		}
	default:
		t.everything = true
	}
}

// part adds what an operation of a transaction has to do with. Sequential nodes have their names by its results.
func (t *traces) part(o *zkapi.Op) {
	switch o.Type {
	case zkapi.OpCheck, zkapi.OpGetData, zkapi.OpGetChildren:
		t.read = append(t.read, o.Path)
	case zkapi.OpSetData:
		t.changed = append(t.changed, o.Path)
	default:
		t.changed = append(t.changed, o.Path, zkapi.Parent(o.Path))
	}
}

// onlyOnce tells whether no other step is called the same.
func (r *run) onlyOnce(name stepName) bool {
	n := 0
	for i := range r.steps {
		if r.steps[i].name() == name {
			n++
		}
	}
	return n == 1
}

// asleep tells whether a step is among those that sleep.
func asleep(sleep []sleeper, name stepName) bool {
	return slices.ContainsFunc(sleep, func(x sleeper) bool { return x.name == name })
}

// begins tells whether the i-th step is worth taking, and has a look at it if it is the first time.
func (s *exhaustive) begins(r *run, i int) bool {
	if s.at < len(s.path) {
		return true
	}
	step := r.steps[i]
	name, fork, sleep := step.name(), -1, s.sleep
	if s.forked {
		fork = len(s.path) - 1
		sleep = s.path[fork].sleep
	} else if asleep(sleep, name) {
		return false
	}
	s.forked, s.sleep = false, nil
	if !s.sleepy(r) {
		return true
	}
	single, trace := r.onlyOnce(name), r.trace(step)
	r.after = func() {
		t := trace()
		if s.careless {
			t.read, t.changed = nil, nil
		}
		s.meddled(t.meddles)
		for _, x := range sleep {
			if x.traces.commutes(&t) {
				s.sleep = append(s.sleep, x)
				if fork >= 0 && single {
					s.commutes(r, &s.path[fork], name, x.name, false)
				}
			}
		}
		if fork < 0 {
			return
		}
		if single {
			s.path[fork].tried = &sleeper{name, t}
		}
		if f := &s.path[fork]; len(f.others) > 0 && (t.private(step.Who) || s.indiscreet) {
			f.left = nil
			for _, other := range f.others {
				s.commutes(r, f, name, other, true)
			}
		}
	}
	return true
}

// sleepy tells whether steps may sleep here: not if bounds or what is counted in the state depend on the order of
// steps that commute.
func (s *exhaustive) sleepy(r *run) bool {
	return !s.cfg.Unreduced && !s.sleepless && s.limit == 0 && r.preemptions < 0 && r.inARow+1 < unfair &&
		r.remembers && !r.dialled && !r.lagging() && len(r.parts) <= 64
}

// commutes has it looked at, now and then, whether a step that has just been taken commutes with another one.
func (s *exhaustive) commutes(r *run, f *fork, taken, other stepName, private bool) {
	if s.checks() {
		s.spots.steps(f.state, r.choices[:len(r.choices)-1], taken, other, private)
	}
}
