package proptest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/zkapi"
)

// depot is a queue for workers, in the nodes below /depot: each is named by a rank, the
// milliseconds before which it is not due, and an id.
type depot struct {
	c   zkapi.Client
	bug string
}

func (q depot) Put(ctx context.Context, x proptest.Item) error {
	due := int64(0)
	if !x.At.IsZero() {
		due = x.At.UnixMilli()
	}
	return q.put(ctx, fmt.Sprintf("/depot/%03d-%013d-%s-", 500+x.Priority, due, x.ID), x.Data)
}

func (q depot) put(ctx context.Context, prefix string, data []byte) error {
	_, err := q.c.Create(ctx, prefix, data, nil, zkapi.PersistentSequential)
	if errors.Is(err, zkapi.ErrConnectionLoss) && q.bug == "what may have been put in is put in again" {
		return q.put(ctx, prefix, data)
	}
	return err
}

// due is when an item may be worked on.
func (q depot) due(name string) time.Time {
	ms, _ := strconv.ParseInt(strings.Split(name, "-")[1], 10, 64)
	return time.UnixMilli(ms)
}

func (q depot) Consume(ctx context.Context, work func(context.Context, proptest.Item) error) error {
	for ctx.Err() == nil {
		names, _, changed, err := q.c.ChildrenW(ctx, "/depot")
		if errors.Is(err, zkapi.ErrClosed) {
			return err
		}
		slices.Sort(names)
		if q.bug == "the youngest comes first" {
			slices.Reverse(names)
		}
		worked := false
		for _, name := range names {
			if time.Now().Before(q.due(name)) && q.bug != "the time is not looked at" || err != nil {
				break
			}
			if worked = true; q.work(ctx, name, work) && q.bug != "a list is read again when it is used up" {
				break
			}
		}
		if !worked && err == nil {
			q.wait(ctx, names, changed)
		}
	}
	return ctx.Err()
}

// wait waits for other items, and for the first one to be due.
func (q depot) wait(ctx context.Context, names []string, changed <-chan zkapi.Event) {
	if len(names) > 0 && q.bug != "nobody looks at the clock while he waits" {
		limited, cancel := context.WithDeadline(ctx, q.due(names[0]))
		defer cancel()
		ctx = limited
	}
	_ = await(ctx, changed)
}

// work takes an item and has it worked on, unless somebody else has it.
func (q depot) work(ctx context.Context, name string, work func(context.Context, proptest.Item) error) bool {
	data, _, err := q.c.Get(ctx, "/depot/"+name)
	if err == nil {
		err = q.c.Delete(ctx, "/depot/"+name, zkapi.AnyVersion)
	}
	if err != nil && !(errors.Is(err, zkapi.ErrNoNode) && data != nil && q.bug == "whoever has read it has it") {
		return false
	}
	if work(ctx, proptest.Item{Data: data}) == nil || q.bug == "what was refused is forgotten" {
		return true
	}
	prefix := name[:strings.LastIndexByte(name, '-')+1]
	if q.bug == "what was refused has no id any more" {
		prefix = name[:strings.IndexByte(name, 'i')] + "-"
	}
	_ = q.put(context.WithoutCancel(ctx), "/depot/"+prefix, data)
	return true
}

// idDepot finds items by their ids.
type idDepot struct{ depot }

func (q idDepot) Remove(ctx context.Context, id string) (n int, err error) {
	names, _, err := q.c.Children(ctx, "/depot")
	for _, name := range names {
		if !strings.Contains(name, "-"+id+"-") || err != nil {
			continue
		}
		if err = q.c.Delete(ctx, "/depot/"+name, zkapi.AnyVersion); err == nil {
			n++
		}
		if errors.Is(err, zkapi.ErrNoNode) {
			err = nil
		}
	}
	return n, err
}

// workshop is a shelf whose items are worked on.
type workshop struct{ *shelf }

func (q workshop) Put(ctx context.Context, x proptest.Item) error { return q.shelf.Put(ctx, x.Data) }

func (q workshop) Consume(ctx context.Context, work func(context.Context, proptest.Item) error) error {
	if q.bug == "whoever comes works on the first item" {
		return q.workAll(ctx, work)
	}
	for ctx.Err() == nil {
		data, err := q.Get(ctx)
		if errors.Is(err, zkapi.ErrClosed) {
			return err
		}
		if err != nil {
			continue
		}
		if q.bug == "items are deleted before they are worked on" {
			_ = q.shelf.Consume(ctx)
			_ = work(ctx, proptest.Item{Data: data})
			continue
		}
		if work(ctx, proptest.Item{Data: data}) == nil {
			_ = q.shelf.Consume(ctx)
		} else {
			_ = q.Release(ctx)
		}
	}
	return ctx.Err()
}

// workAll does without locks.
func (q workshop) workAll(ctx context.Context, work func(context.Context, proptest.Item) error) error {
	for {
		names, _, changed, err := q.c.ChildrenW(ctx, strings.TrimSuffix(shelfItems, "/"))
		if err != nil {
			return err
		}
		for _, name := range names {
			data, _, err := q.c.Get(ctx, shelfItems+name)
			if err == nil && work(ctx, proptest.Item{Data: data}) == nil {
				_ = q.c.Delete(ctx, shelfItems+name, zkapi.AnyVersion)
			}
		}
		if err := await(ctx, changed); err != nil {
			return err
		}
	}
}
