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

// Queuer is a queue: each item goes to one who gets it.
type Queuer interface {
	// Put puts an item in. After an error it may be in or not, but once at most.
	Put(ctx context.Context, item []byte) error
	// Get waits for an item and takes it. After an error one may have been taken.
	Get(ctx context.Context) (item []byte, err error)
}

// Queue explores a queue: the first participant puts items in, so many that
// everybody gets Rounds of them, and all get theirs. No item is had twice, or by
// somebody although nobody has put it in; none is lost but one for each Get that has
// failed; and of two items of which one was put in before the other, and both Puts
// have worked, the first comes first.
//
// Nodes are not deleted by others, because that takes items away.
func Queue(t *testing.T, make func(c zkapi.Client) Queuer, opts ...func(*Exploration)) {
	t.Helper()
	ExploreQueue(t, make, opts...).FailT(t)
}

// Unordered has [Queue] take items in whatever order they come.
func Unordered(e *Exploration) { e.unordered = true }

// ExploreQueue is Queue for those who want to see the result.
func ExploreQueue(t *testing.T, make func(c zkapi.Client) Queuer, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		x := newGoods()
		for i := range e.Participants {
			w.Go(name(i), func(p *explore.Participant) error {
				q := make(p.Client)
				if i == 0 {
					if err := x.put(p, q.Put, e.Participants*e.Rounds); err != nil {
						return err
					}
				}
				for range e.Rounds {
					if err := x.get(p, q, e.unordered); err != nil {
						return err
					}
				}
				return nil
			})
		}
		w.Remember(x.String)
		w.Finally(x.inventory(w, func(c zkapi.Client) func(context.Context) ([]byte, error) { return make(c).Get }))
		w.Finally(tidy(w))
	}, without(explore.Removal, opts))
}

// goods are what is known of the items of a queue.
type goods struct {
	made   []string          // in the order of their coming; an item's number is its place
	stored map[string]bool   // Put has worked
	gone   map[string]bool   // perhaps, without anybody who has had it
	had    map[string]string // by whom
	maybe  int               // so many may have been taken without a word
	last   int               // no item before this one may come any more
}

func newGoods() *goods {
	return &goods{stored: map[string]bool{}, gone: map[string]bool{}, had: map[string]string{}}
}

func (x *goods) String() string { return fmt.Sprint(x.made, x.stored, x.gone, x.had, x.maybe, x.last) }

// put puts so many items in. What fails is not tried again, but another item.
func (x *goods) put(p *explore.Participant, put func(context.Context, []byte) error, n int) error {
	for n > 0 && p.Context().Err() == nil {
		item := fmt.Sprintf("item %d", len(x.made)+1)
		x.made = append(x.made, item)
		ok, err := attempt(p, "Put", func(ctx context.Context) error { return put(ctx, []byte(item)) })
		if err != nil {
			return err
		}
		if ok {
			p.Log("has put in %s", item)
			x.stored[item] = true
			n--
		}
	}
	return nil
}

// get takes an item.
func (x *goods) get(p *explore.Participant, q Queuer, unordered bool) error {
	first, item := x.last, ""
	p.Learn(first)
	ok, err := attempt(p, "Get", func(ctx context.Context) error {
		data, err := q.Get(ctx)
		item = string(data)
		return err
	})
	switch {
	case err != nil:
		return err
	case !ok:
		x.maybe++
		return nil
	}
	p.Log("has got %s", item)
	if err := x.take(item, p.Name); err != nil || unordered || !x.stored[item] {
		return err
	}
	at := slices.Index(x.made, item)
	if at < first {
		return fmt.Errorf("%s has got %s, and %s, which was put in later, was taken before that", p.Name, item, x.made[first])
	}
	x.last = max(x.last, at)
	return nil
}

// take notes who has an item.
func (x *goods) take(item, who string) error {
	if !slices.Contains(x.made, item) {
		return fmt.Errorf("%s has got %q, which nobody has put in", who, item)
	}
	if other, twice := x.had[item]; twice {
		return fmt.Errorf("%s has got %s, and %s has it, too", who, item, other)
	}
	x.had[item] = who
	return nil
}

// emptying is how long nobody must have got an item before there is none.
const emptying = time.Second

// inventory has another client take what is left, and counts.
func (x *goods) inventory(w *explore.World, taking func(c zkapi.Client) func(context.Context) ([]byte, error)) func() error {
	return func() error {
		c, err := w.Server.Client()
		if err != nil {
			return err
		}
		defer c.Close()
		if err := x.empty(taking(c)); err != nil {
			return err
		}
		return x.missing()
	}
}

func (x *goods) empty(take func(context.Context) ([]byte, error)) error {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), emptying)
		item, err := take(ctx)
		cancel()
		if err != nil {
			return nil
		}
		if err := x.take(string(item), "whoever empties the queue in the end"); err != nil {
			return err
		}
	}
}

// missing tells of items that were put in, and that nobody has had.
func (x *goods) missing() error {
	var lost []string
	for _, item := range x.made {
		if _, had := x.had[item]; x.stored[item] && !x.gone[item] && !had {
			lost = append(lost, item)
		}
	}
	if len(lost) > x.maybe {
		return errors.New(strings.Join(lost, ", ") + ": put in, and lost")
	}
	return nil
}

// LockingQueuer is a queue whose items stay until they are consumed.
type LockingQueuer interface {
	// Put puts an item in. After an error it may be in or not, but once at most.
	Put(ctx context.Context, item []byte) error
	// Get waits for an item that nobody holds, and holds it.
	Get(ctx context.Context) (item []byte, err error)
	// Consume removes the item that is held. After an error it may be removed or
	// not, but is not held any more.
	Consume(ctx context.Context) error
	// Release gives the item back.
	Release(ctx context.Context) error
}

// LockingQueue explores a queue whose items are held until they are consumed. The
// first participant puts items in; every other one holds items and gives them back,
// Rounds times if it gets one within a minute; all others, the first too, consume
// Rounds of them. No two hold an item at a time, by what the server knows (see
// [Lock]); whoever has consumed one was the last to hold it; everybody gets his; and
// none is lost, whatever happens to those who hold it, unless a Consume of it has
// failed. They come in any order.
//
// Nodes are not deleted by others, because that takes items away.
func LockingQueue(t *testing.T, make func(c zkapi.Client) LockingQueuer, opts ...func(*Exploration)) {
	t.Helper()
	ExploreLockingQueue(t, make, opts...).FailT(t)
}

// ExploreLockingQueue is LockingQueue for those who want to see the result.
func ExploreLockingQueue(t *testing.T, make func(c zkapi.Client) LockingQueuer, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		x := &stock{goods: newGoods(), w: w, claims: map[string]*explore.Claims{}}
		for i := range e.Participants {
			w.Go(name(i), func(p *explore.Participant) error {
				q := make(p.Client)
				if i == 0 {
					consumers := (e.Participants + 1) / 2
					if err := x.put(p, q.Put, consumers*e.Rounds); err != nil {
						return err
					}
				}
				for range e.Rounds {
					if err := x.work(p, q, i%2 == 0); err != nil {
						return err
					}
				}
				return nil
			})
		}
		w.Remember(x.goods.String)
		w.Finally(x.inventory(w, func(c zkapi.Client) func(context.Context) ([]byte, error) {
			q := make(c)
			return func(ctx context.Context) ([]byte, error) {
				item, err := q.Get(ctx)
				if err == nil {
					err = q.Consume(ctx)
				}
				return item, err
			}
		}))
		w.Finally(tidy(w))
	}, without(explore.Removal, opts))
}

// waiting is how long somebody waits who could do without.
const waiting = time.Minute

// stock is goods that are held for some time.
type stock struct {
	*goods
	w      *explore.World
	claims map[string]*explore.Claims // on each item
}

// work holds an item, and consumes it or gives it back.
func (x *stock) work(p *explore.Participant, q LockingQueuer, consume bool) error {
	item, late := "", false
	ok, err := attempt(p, "Get", func(ctx context.Context) error {
		if !consume {
			limited, cancel := context.WithTimeout(ctx, waiting)
			defer cancel()
			ctx = limited
		}
		data, err := q.Get(ctx)
		item, late = string(data), err != nil && ctx.Err() != nil
		return err
	})
	if late {
		return nil
	}
	if !ok || err != nil {
		return err
	}
	if !slices.Contains(x.made, item) {
		return fmt.Errorf("%s has got %q, which nobody has put in", p.Name, item)
	}
	faults, session := p.Faults(), p.Session()
	if x.claims[item] == nil {
		x.claims[item] = x.w.Claims(1)
	}
	x.claims[item].Take(p, item)
	p.Pause("works on " + item)
	x.claims[item].Drop(p, item)
	what, done := "Consume", q.Consume
	if !consume {
		what, done = "Release", q.Release
	}
	ok, err = attempt(p, what, done)
	switch {
	case err != nil && p.Faults() == faults && x.w.Alive(session): // which may have ended before Get has returned
		return err
	case !consume:
		return nil
	case err != nil || !ok:
		x.gone[item] = true
		return nil
	}
	p.Log("has consumed %s", item)
	if other := x.claims[item].Rightful(); len(other) > 0 {
		return fmt.Errorf("%s has consumed %s, and %s holds it", p.Name, item, strings.Join(other, " and "))
	}
	return x.take(item, p.Name)
}
