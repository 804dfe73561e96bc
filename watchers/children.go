package watchers

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// Listing is which children a node has at one moment.
type Listing struct {
	Path   string
	Exists bool       // the node does
	Names  []string   // of its children, sorted
	Stat   zkapi.Stat // the node's

	// What is new since the listing before it, sorted: all names in the first one.
	Added, Removed []string
}

// Children yields which children a node has, now and after every change of their
// set; a node that does not exist is yielded as such, and waited for.
//
//	for list, err := range watchers.Children(ctx, c, "/workers") {
//		if err != nil {
//			return err
//		}
//		balance(list.Names)
//	}
//
// The loop gets the latest set, as with Data: a child that comes and goes while
// its body runs is not seen, nor is one that goes and is made again. A node that was
// deleted and made again is yielded even with the same children. The rest is as
// with Data, also how it ends.
func Children(ctx context.Context, c zkapi.Client, path string, opts ...func(*Config)) iter.Seq2[Listing, error] {
	return children(ctx, c, path, opts, false)
}

// ExistingChildren is Children for a node that is there: it ends with
// zkapi.ErrNoNode as soon as it is not.
func ExistingChildren(ctx context.Context, c zkapi.Client, path string, opts ...func(*Config)) iter.Seq2[Listing, error] {
	return children(ctx, c, path, opts, true)
}

func children(ctx context.Context, c zkapi.Client, path string, opts []func(*Config), existing bool) iter.Seq2[Listing, error] {
	return func(yield func(Listing, error) bool) {
		f := newFollower(c, path, opts, func(ctx context.Context) (sight[Listing], error) {
			return lookAtChildren(ctx, c, path, existing)
		})
		var last *Listing
		follow(ctx, f, func(l Listing) bool {
			news := last == nil || l.Exists != last.Exists || l.Stat.Czxid != last.Stat.Czxid || !slices.Equal(l.Names, last.Names)
			last = &l
			return news
		}, withDifferences(yield))
	}
}

// withDifferences fills in what is new since the listing that was yielded before.
func withDifferences(yield func(Listing, error) bool) func(Listing, error) bool {
	var before []string
	return func(l Listing, err error) bool {
		if err == nil {
			l.Added, l.Removed = differences(before, l.Names)
			before = slices.Clone(l.Names) // the loop may do with it what it likes
		}
		return yield(l, err)
	}
}

// differences compares two sorted lists.
func differences(before, now []string) (added, removed []string) {
	for len(before) > 0 || len(now) > 0 {
		switch {
		case len(before) == 0 || len(now) > 0 && now[0] < before[0]:
			added, now = append(added, now[0]), now[1:]
		case len(now) == 0 || before[0] < now[0]:
			removed, before = append(removed, before[0]), before[1:]
		default:
			before, now = before[1:], now[1:]
		}
	}
	return added, removed
}

func lookAtChildren(ctx context.Context, c zkapi.Client, path string, existing bool) (sight[Listing], error) {
	for {
		s, err := armed(ctx, func(ctx context.Context) (s sight[Listing], err error) {
			l := &s.value
			l.Names, l.Stat, s.changed, err = c.ChildrenW(ctx, path)
			if slices.Sort(l.Names); len(l.Names) == 0 {
				l.Names = nil
			}
			l.Path, l.Exists, s.exists, s.zxid = path, true, true, l.Stat.Pzxid
			return s, err
		})
		if !errors.Is(err, zkapi.ErrNoNode) || existing {
			return s, err
		}
		changed, unwatch, ok, err := missing(ctx, c, path)
		if err != nil || ok {
			return sight[Listing]{value: Listing{Path: path}, changed: changed, unwatch: unwatch}, err
		}
	}
}

// Settled is a listing that has not changed for some time.
type Settled struct {
	Listing
	// Changed gets an event and is closed as soon as the listing is out of date, or
	// it can not be known any more that it is not. It ends with the loop.
	Changed <-chan zkapi.Event
}

// PatientChildren yields which children a node has once that has not changed for
// the given time, and again whenever it has changed and come to rest:
//
//	for group, err := range watchers.PatientChildren(ctx, c, "/members", 30*time.Second) {
//		if err != nil {
//			return err
//		}
//		work(group.Names, group.Changed) // returns when Changed fires
//	}
//
// A change that was undone is a change: the same set may be yielded twice in a
// row. While there is no connection the time does not count as quiet: it may end,
// but the listing is yielded only when the server has confirmed it. The rest is as
// with Children; Added and Removed compare with the listing yielded before.
func PatientChildren(ctx context.Context, c zkapi.Client, path string, quiet time.Duration, opts ...func(*Config)) iter.Seq2[Settled, error] {
	return func(yield func(Settled, error) bool) {
		f := newFollower(c, path, opts, func(ctx context.Context) (sight[Listing], error) {
			return lookAtChildren(ctx, c, path, false)
		})
		var changed <-chan zkapi.Event
		tell := withDifferences(func(l Listing, err error) bool { return yield(Settled{l, changed}, err) })
		for {
			s, err := f.settle(ctx, quiet)
			if err == nil {
				changed = s.changed
				if !tell(s.value, nil) {
					s.unwatch()
					return
				}
				if err = f.wait(ctx, s.changed); err != nil {
					s.unwatch()
				}
			}
			if err != nil {
				changed = nil
				tell(Listing{}, err)
				return
			}
		}
	}
}

// settle looks until what it has seen has been the same for some time.
func (f *follower[T]) settle(ctx context.Context, quiet time.Duration) (sight[T], error) {
	for {
		s, err := f.next(ctx)
		if err != nil {
			return s, err
		}
		still, err := f.still(ctx, s.changed, quiet)
		if still {
			return s, nil
		}
		if err != nil {
			s.unwatch()
			return s, err
		}
	}
}

// still tells whether nothing happens for some time.
func (f *follower[T]) still(ctx context.Context, changed <-chan zkapi.Event, quiet time.Duration) (bool, error) {
	timer := time.NewTimer(quiet)
	defer timer.Stop()
	select {
	case ev := <-changed:
		return false, f.told(ev)
	case <-ctx.Done():
		return false, ctx.Err()
	case <-timer.C:
	}
	for { // whatever was missed is told before the reply
		err := f.c.Sync(ctx, f.path)
		if err == nil {
			break
		}
		if err := f.recover(ctx, err); err != nil {
			return false, err
		}
	}
	select {
	case ev := <-changed:
		return false, f.told(ev)
	default:
		return true, nil
	}
}
