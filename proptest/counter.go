package proptest

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// Counter is a number that several add to.
type Counter interface {
	// Add adds, and returns the sum. After an error it may have been added or not,
	// but once at most.
	Add(ctx context.Context, n int64) (sum int64, err error)
	Value(ctx context.Context) (int64, error)
}

// CountUp explores a counter, which begins with 0: every participant adds one, Rounds times.
// What has been added is in the sum once, what failed is in it once or not at all,
// no two get the same sum, and nobody a smaller one than before.
//
// Nodes are not deleted by others, because the counter would begin again.
func CountUp(t *testing.T, make func(c zkapi.Client) Counter, opts ...func(*Exploration)) {
	t.Helper()
	ExploreCounter(t, make, opts...).FailT(t)
}

// ExploreCounter is CountUp for those who want to see the result.
func ExploreCounter(t *testing.T, make func(c zkapi.Client) Counter, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		count := &count{most: int64(e.Participants * e.Rounds), sums: map[int64]string{}}
		for i := range e.Participants {
			w.Go(name(i), func(p *explore.Participant) error { return count.up(p, make(p.Client), e.Rounds) })
		}
		e.alike(w, 0, e.Participants)
		w.Remember(func() string { return fmt.Sprint(*count) })
		w.Finally(func() error {
			c, err := w.Server.Client()
			if err != nil {
				return err
			}
			defer c.Close()
			sum, err := make(c).Value(context.Background())
			if err == nil && (sum < count.done || sum > count.done+count.unknown) {
				err = fmt.Errorf("one was added %d times, and perhaps %d times more, and the sum is %d", count.done, count.unknown, sum)
			}
			return err
		})
	}, without(explore.Removal, opts))
}

// count is what participants know of a counter.
type count struct {
	most          int64 // that can be added
	done, unknown int64
	sums          map[int64]string
}

// up is what a participant does.
func (x *count) up(p *explore.Participant, c Counter, rounds int) error {
	last := int64(0)
	for range rounds {
		var sum int64
		ok, err := attempt(p, "Add", func(ctx context.Context) (err error) {
			sum, err = c.Add(ctx, 1)
			return err
		})
		switch {
		case err != nil:
			return err
		case !ok:
			x.unknown++
			continue
		}
		p.Log("has added one: %d", sum)
		x.done++
		switch other, twice := x.sums[sum]; {
		case twice:
			return fmt.Errorf("%s and %s have added one and got the same sum, %d", other, p.Name, sum)
		case sum <= last || sum > x.most:
			return fmt.Errorf("%s has added one and got %d as the sum, after %d and of %d at most", p.Name, sum, last, x.most)
		}
		x.sums[sum], last = p.Name, sum
	}
	return nil
}

// Numberer gives out numbers, such as ids.
type Numberer interface {
	// Next is a number that nobody else gets, larger than the one before. After an error
	// numbers may be left out.
	Next(ctx context.Context) (int64, error)
}

// Numbers explores what gives out numbers: every participant asks for three, Rounds
// times, so that blocks of two are not enough. No two get the same one, whoever
// asks, and each of somebody's is larger than those that he had before.
//
// Nodes are not deleted by others, because numbers would begin again.
func Numbers(t *testing.T, make func(c zkapi.Client) Numberer, opts ...func(*Exploration)) {
	t.Helper()
	ExploreNumbers(t, make, opts...).FailT(t)
}

// ExploreNumbers is Numbers for those who want to see the result.
func ExploreNumbers(t *testing.T, make func(c zkapi.Client) Numberer, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		had := map[int64]string{}
		for i := range e.Participants {
			w.Go(name(i), func(p *explore.Participant) error { return draw(p, make(p.Client), 3*e.Rounds, had) })
		}
		e.alike(w, 0, e.Participants)
		w.Remember(func() string { return fmt.Sprint(had) })
		w.Finally(tidy(w))
	}, without(explore.Removal, opts))
}

// draw is what a participant does.
func draw(p *explore.Participant, s Numberer, n int, had map[int64]string) error {
	last := int64(math.MinInt64)
	for range n {
		var number int64
		ok, err := attempt(p, "Next", func(ctx context.Context) (err error) {
			number, err = s.Next(ctx)
			return err
		})
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		p.Log("has got %d", number)
		switch other, twice := had[number]; {
		case twice:
			return fmt.Errorf("%s and %s have got the same number, %d", other, p.Name, number)
		case number <= last:
			return fmt.Errorf("%s has got %d, and %d before", p.Name, number, last)
		}
		had[number], last = p.Name, number
	}
	return nil
}
