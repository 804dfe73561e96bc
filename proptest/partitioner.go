package proptest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// Partaker has a part of a set that is divided among all who take part.
type Partaker interface {
	Start() error
	// Acquire waits until it has its part, which may be empty.
	Acquire(ctx context.Context) (items []string, err error)
	// Disturbed waits until the part has to be given back. An error says that, too.
	Disturbed(ctx context.Context) error
	// Release gives the part back; Acquire gets another one.
	Release()
	// Finish gives everything back and takes part no more.
	Finish(ctx context.Context) error
}

// Partitioner explores how participants divide a set of a few items: each takes
// part until it has been left alone for five minutes, and finishes then. Each item
// belongs to one at most, by what the server knows (see [Lock]), and to somebody once
// nobody comes or goes any more. Start and Acquire fail only if something has gone wrong.
//
// Nodes are not deleted by others, because nobody can say then what belongs to whom.
//
// make gets the member's name and the set beside the client.
func Partitioner(t *testing.T, make func(c zkapi.Client, member string, set []string) Partaker, opts ...func(*Exploration)) {
	t.Helper()
	ExplorePartitioner(t, make, opts...).FailT(t)
}

// ExplorePartitioner is Partitioner for those who want to see the result.
func ExplorePartitioner(t *testing.T, make func(c zkapi.Client, member string, set []string) Partaker, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		x := &division{claims: map[string]*explore.Claims{}}
		for i := range e.Participants + 1 {
			x.set = append(x.set, fmt.Sprintf("item-%d", i+1))
		}
		for _, item := range x.set {
			x.claims[item] = w.Claims(1)
		}
		for i := range e.Participants {
			w.Go(name(i), func(p *explore.Participant) error {
				peace := peace + time.Duration(i)*17*time.Millisecond // one after the other
				return x.take(p, make(p.Client, p.Name, slices.Clone(x.set)), peace)
			})
		}
		w.Remember()
		w.Finally(tidy(w))
	}, without(explore.Removal, opts))
}

// division is what participants believe to have of a set.
type division struct {
	set    []string
	claims map[string]*explore.Claims // on each item
}

// peace is how long a member must be left alone for everything to have come to rest.
const peace = 5 * time.Minute

// take is what a participant does.
func (x *division) take(p *explore.Participant, m Partaker, peace time.Duration) error {
	began := asOf(p)
	if err := m.Start(); err != nil {
		return began.judge("Start", err)
	}
	for alone := false; !alone; {
		var part []string
		ok, err := attempt(p, "Acquire", func(ctx context.Context) (err error) {
			part, err = m.Acquire(ctx)
			return err
		})
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if alone, err = x.have(p, m, part, peace); err != nil {
			return err
		}
	}
	return excuse(p, "Finish", m.Finish(p.Context()))
}

// have is the time in which a part belongs to a participant. It tells whether
// that was left alone.
func (x *division) have(p *explore.Participant, m Partaker, part []string, peace time.Duration) (alone bool, err error) {
	for _, item := range part {
		if x.claims[item] == nil {
			return false, fmt.Errorf("%s has got %q, which is not in the set", p.Name, item)
		}
		x.claims[item].Take(p, item)
	}
	p.Pause("has " + strings.Join(part, ", "))
	faults := p.Faults()
	ctx, cancel := context.WithTimeout(p.Context(), peace)
	defer cancel()
	_ = m.Disturbed(ctx)
	if alone = ctx.Err() != nil && p.Context().Err() == nil; alone && p.Well() && p.Faults() == faults {
		p.Learn("nobody has come or gone")
		err = x.complete()
	}
	for _, item := range part {
		x.claims[item].Drop(p, item)
	}
	if !alone {
		m.Release()
	}
	return alone, err
}

// complete is that everything belongs to somebody.
func (x *division) complete() error {
	for _, item := range x.set {
		if len(x.claims[item].Rightful()) == 0 {
			return fmt.Errorf("%s belongs to nobody, and for %v nobody has come or gone", item, peace)
		}
	}
	return nil
}
