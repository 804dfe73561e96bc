package proptest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// Member belongs to a group from Join to Leave, also when it loses its session meanwhile.
type Member interface {
	// Join returns when the others can see it. After an error it is no member.
	Join(ctx context.Context) error
	// Leave returns when it is gone for good; after an error it is gone as soon as that
	// is possible. Whoever is no member need not do anything.
	Leave(ctx context.Context) error
	// Follow calls saw with the names of all members, at the beginning and after changes,
	// until its context ends.
	Follow(ctx context.Context, saw func(names []string)) error
}

// Group explores a group of members, such as a party: every participant joins it,
// follows who is there, and leaves it again, Rounds times; every other one stays
// until the rest have left for good. What must hold:
//
//   - When nobody comes or goes any more, everybody sees all members, each once,
//     whatever became of their sessions and nodes. Whoever still waits for that when
//     nothing is under way any more waits for ever.
//   - Whoever has left is gone for good: there is no node on the server that has the
//     member's name in its own name or its data.
//   - Join, Leave and Follow fail only if something has gone wrong.
//   - In the end no ephemeral nodes are left.
//
// make gets the member's name beside the client.
func Group(t *testing.T, make func(c zkapi.Client, name string) Member, opts ...func(*Exploration)) {
	t.Helper()
	ExploreGroup(t, make, opts...).FailT(t)
}

// ExploreGroup is Group for those who want to see the result.
func ExploreGroup(t *testing.T, make func(c zkapi.Client, name string) Member, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		x := newRoll(w, e, "member-")
		for i, a := range x.all {
			w.Go(name(i), func(p *explore.Participant) error {
				m := make(p.Client, a.name)
				for range e.Rounds {
					if err := x.attend(p, a, nameless{m}, ""); err != nil {
						return err
					}
				}
				a.over = true
				return nil
			})
		}
	}, opts)
}

// nameless is a member as an instance without data.
type nameless struct{ Member }

func (m nameless) Register(ctx context.Context, _, _ string) error { return m.Join(ctx) }
func (m nameless) Unregister(ctx context.Context, _ string) error  { return m.Leave(ctx) }

func (m nameless) follow(ctx context.Context, saw func([]string)) error { return m.Follow(ctx, saw) }

// Registrar makes services known, and follows those of others.
type Registrar interface {
	// Register makes an instance known or, if it has done so before, gives it other
	// data, and returns when others can see that. If it fails for a new one, that is not
	// registered.
	Register(ctx context.Context, id, data string) error
	// Unregister returns when the instance is gone for good; after an error it is gone as
	// soon as that is possible. If there is none there is nothing to do.
	Unregister(ctx context.Context, id string) error
	// Follow calls saw with the data of all instances by their ids, at the beginning and
	// after changes, until its context ends.
	Follow(ctx context.Context, saw func(instances map[string]string)) error
}

// Discovery explores how services make themselves known, as [Group] does a group:
// every participant registers an instance, Rounds times with new data each, follows who
// is there, and unregisters it. Everybody sees the latest data of all instances in the end.
func Discovery(t *testing.T, make func(c zkapi.Client) Registrar, opts ...func(*Exploration)) {
	t.Helper()
	ExploreDiscovery(t, make, opts...).FailT(t)
}

// ExploreDiscovery is Discovery for those who want to see the result.
func ExploreDiscovery(t *testing.T, make func(c zkapi.Client) Registrar, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		x := newRoll(w, e, "instance-")
		for i, a := range x.all {
			w.Go(name(i), func(p *explore.Participant) error {
				var data []string
				for round := range e.Rounds {
					data = append(data, fmt.Sprintf("data-%d", round+1))
				}
				defer func() { a.over = true }()
				return x.attend(p, a, speaking{make(p.Client)}, data...)
			})
		}
	}, opts)
}

// speaking is a registrar whose instances are told in words.
type speaking struct{ Registrar }

func (m speaking) follow(ctx context.Context, saw func([]string)) error {
	return m.Follow(ctx, func(instances map[string]string) {
		var words []string
		for id, data := range instances {
			words = append(words, inWords(id, data))
		}
		saw(words)
	})
}

func inWords(id, data string) string {
	if data == "" {
		return id
	}
	return id + " with " + data
}

// attendant is what somebody does who is on a roll.
type attendant interface {
	Register(ctx context.Context, id, data string) error
	Unregister(ctx context.Context, id string) error
	follow(ctx context.Context, saw func(words []string)) error
}

// Lasting says of [Group] and [Discovery] that nodes outlive sessions, and their owners for so long
// at most:
//
//   - There is a node of whoever is there, in its name or its data, whatever becomes of its session,
//     unless a third party has deleted one or a request took too long.
//   - Leave and Unregister do not have to delete it. It is gone so long after, or after a Join or
//     Register that has failed.
func Lasting(most time.Duration) func(*Exploration) {
	return func(e *Exploration) { e.lasting = most }
}

// roll is who has to be there.
type roll struct {
	w       *explore.World
	all     []*attendance
	lasting time.Duration // see Lasting
}

// attendance is one of them.
type attendance struct {
	errand      // to follow
	name, data  string
	there, gone bool // it has come, it is gone for good; neither while that is under way
	stays, over bool // until the others have left for good, which is over
	view        string
}

func newRoll(w *explore.World, e *Exploration, prefix string) *roll {
	x := &roll{w: w, lasting: e.lasting}
	for i := range e.Participants {
		x.all = append(x.all, &attendance{name: prefix + name(i), stays: i%2 == 0, errand: errand{stop: func() {}}})
	}
	w.Invariant(x.check)
	w.Remember(x.String)
	w.Finally(tidy(w))
	return x
}

func (x *roll) String() string {
	var b strings.Builder
	for _, a := range x.all {
		fmt.Fprintf(&b, "%q %v %v %v %v %q ", a.data, a.there, a.gone, a.done, a.over, a.view)
	}
	if x.lasting > 0 {
		fmt.Fprint(&b, x.w.Happened(deadly))
	}
	return b.String()
}

// attend is what a participant does.
func (x *roll) attend(p *explore.Participant, a *attendance, m attendant, data ...string) error {
	if err := x.checkNode(a); err != nil { // of the round before
		return err
	}
	a.there, a.gone, a.view, a.done = false, false, "", false
	for again, d := range data {
		a.data = d
		ok, err := attempt(p, "coming", func(ctx context.Context) error { return m.Register(ctx, a.name, a.data) })
		if err != nil || !ok && again == 0 {
			a.gone = err == nil && x.outlast(p)
			return err
		}
		if a.there = ok; !ok {
			break
		}
		p.Log("is there as %s", inWords(a.name, a.data))
	}
	if a.there {
		err := a.run(p, func(ctx context.Context) error {
			return m.follow(ctx, func(words []string) { a.view = strings.Join(slices.Sorted(slices.Values(words)), ", ") })
		})
		if err != nil {
			return err
		}
	}
	a.there = false
	p.Log("leaves")
	ok, err := attempt(p, "leaving", func(ctx context.Context) error { return m.Unregister(ctx, a.name) })
	a.gone = x.outlast(p) || ok
	return err
}

// outlast waits until nothing is left of whoever is not there, where that takes time.
func (x *roll) outlast(p *explore.Participant) bool {
	if x.lasting == 0 {
		return false
	}
	sleep(p.Context(), x.lasting)
	p.Log("has to be gone")
	return p.Context().Err() == nil
}

// check is what holds after each step, and has those stop who have seen everybody.
func (x *roll) check() error {
	for _, a := range x.all {
		if err := x.checkNode(a); err != nil {
			return err
		}
	}
	var words []string
	for _, a := range x.all {
		switch {
		case a.there:
			words = append(words, inWords(a.name, a.data))
		case !a.over:
			return nil
		}
	}
	everybody := strings.Join(words, ", ")
	others := slices.ContainsFunc(x.all, func(a *attendance) bool { return !a.stays && !a.over })
	for _, a := range x.all {
		if a.there && !a.done && a.view == everybody && (!a.stays || !others) {
			a.dismiss()
			break // who then is there no more
		}
	}
	return nil
}

// deadly is what deletes nodes that last.
const deadly = explore.Removal | explore.TimerRace

// checkNode looks for the node of somebody.
func (x *roll) checkNode(a *attendance) error {
	lasts := a.there && x.lasting > 0 && !x.w.Happened(deadly)
	if !a.gone && !lasts {
		return nil
	}
	for n := range x.w.Server.Snapshot().Nodes() {
		if !a.in(n) {
			continue
		}
		if a.gone {
			return fmt.Errorf("%s is gone, and there is %s", a.name, n.Path)
		}
		return nil
	}
	if lasts {
		return fmt.Errorf("%s is there, and there is no node", a.name)
	}
	return nil
}

// in tells whether a node is that of the one.
func (a *attendance) in(n memserver.Node) bool {
	return strings.Contains(zkapi.Base(n.Path), a.name) || bytes.Contains(n.Data, []byte(a.name))
}
