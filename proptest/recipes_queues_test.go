package proptest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

var queueDrills = []drill{
	{"queue", false, []string{"/queue"}, playQueue(newQueue, false)},
	{"queue, exactly once", false, []string{"/queue", "/queue-ops"}, playQueue(newQueue, true)},
	{"simple queue", true, []string{"/queue"}, playQueue(newSimpleQueue, false)},
	{"locking queue", false, []string{"/queue/entries", "/queue/taken"}, playLockingQueue},
	{"distributed queue, locked", false, []string{"/queue", "/locks"}, playDistributedQueue(true)},
	{"distributed queue", true, []string{"/queue"}, playDistributedQueue(false)},
	{"queue sharder", true, []string{"/leader"}, playSharder},
}

// polled is a queue that gives an item or none.
type polled struct {
	put func(ctx context.Context, data []byte) error
	get func(ctx context.Context) ([]byte, bool, error)
}

func newQueue(c zkapi.Client, path string, once bool) polled {
	q := recipes.NewQueue(c, path, func(o *recipes.QueueOptions) { o.ExactlyOnce = once })
	return polled{func(ctx context.Context, data []byte) error { return q.PutPriority(ctx, data, priority(data)) }, q.Get}
}

// priority is that of an item: what somebody puts in later comes out before.
func priority(item []byte) int { return 200 - int(item[len(item)-1]) }

func newSimpleQueue(c zkapi.Client, path string, once bool) polled {
	q := recipes.NewSimpleQueue(c, path, func(o *recipes.QueueOptions) { o.ExactlyOnce = once })
	return polled{q.Offer, q.Poll}
}

// books are kept on what was put into a queue, and what has come out.
type books struct {
	mu                 sync.Mutex
	in, out            map[string]int
	maybeIn, maybeOut  map[string]bool
	certain, cancelled func() bool
	refused            func(error) bool // what has no number is not put in
	// An item may be deleted in place of another one, which has come out already and had its name: TestNamesComeAgain.
	// It tells whether they had the same one; nil is that it may not.
	confusable func(lost, twice string) bool
}

func newBooks(s *scene, certain bool) *books {
	return &books{in: make(map[string]int), out: make(map[string]int), maybeIn: make(map[string]bool), maybeOut: make(map[string]bool),
		certain: func() bool { return certain && !s.cancelled() }, cancelled: s.cancelled,
		refused: func(err error) bool { return s.numbers && errors.Is(err, zkapi.ErrNodeExists) }}
}

// note enters something, and returns what is wrong.
func (b *books) note(certain map[string]int, maybe map[string]bool, item string, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil:
		certain[item]++
	case errors.Is(err, recipes.ErrOutcomeUnknown) && !b.certain():
		maybe[item] = true
	case b.refused(err):
	default:
		return err
	}
	return nil
}

// close: what was put in has come out, once.
func (b *books) close(s *scene, atLeastOnce bool) {
	lost, twice := b.unconfused()
	for _, item := range lost {
		s.t.Errorf("%s was put in and has not come out", item)
	}
	for _, item := range twice {
		if !atLeastOnce {
			s.t.Errorf("%s has come out %d times", item, b.out[item])
		}
	}
	for item := range b.out {
		if b.in[item] == 0 && !b.maybeIn[item] && !b.cancelled() {
			s.t.Errorf("%s has come out, and was not put in", item)
		}
	}
}

// unconfused are the items that are lost, and those that have come out twice, without those that may have been taken for each other.
func (b *books) unconfused() (lost, twice []string) {
	lost, twice = b.lost(), b.twice()
	if b.confusable == nil {
		return lost, twice
	}
	lost = slices.DeleteFunc(lost, func(item string) bool {
		i := slices.IndexFunc(twice, func(other string) bool { return b.confusable(item, other) })
		if i >= 0 {
			twice = slices.Delete(twice, i, i+1)
		}
		return i >= 0
	})
	return lost, twice
}

// lost are the items that nobody got.
func (b *books) lost() (items []string) {
	for item := range b.in {
		if b.out[item] == 0 && !b.maybeOut[item] {
			items = append(items, item)
		}
	}
	return items
}

// twice are those that have come out again, as often as they have.
func (b *books) twice() (items []string) {
	for item, n := range b.out {
		for range n - 1 {
			items = append(items, item)
		}
	}
	return items
}

// playQueue: what is put in comes out once, or somebody is told that it may have.
func playQueue(queue func(c zkapi.Client, path string, once bool) polled, once bool) func(*scene) {
	return func(s *scene) {
		b, o := newBooks(s, once), newOrders(s, "/queue", "")
		b.confusable = s.sameName
		if !s.bare {
			o.foreign = []string{"x", "entry-1x0-0000000000", "qn-12"}
		}
		for _, name := range o.foreign {
			_, err := zkapi.CreateRecursive(s.ctx, s.truth, s.root+"/queue/"+name, nil, nil, zkapi.Persistent)
			s.require("", err)
		}
		s.each(func(ctx context.Context, c zkapi.Client, who string) error {
			w := o.of(c)
			q := queue(w, s.root+"/queue", once)
			for n := range 3 {
				item := fmt.Sprint(who, n)
				if err := b.note(b.in, b.maybeIn, item, q.put(ctx, []byte(item))); err != nil {
					return err
				}
			}
			return q.begun(w).drain(ctx, b)
		})
		w := o.of(s.truth)
		s.require("", queue(w, s.root+"/queue", once).begun(w).drain(s.ctx, b))
		o.check()
		for _, name := range o.foreign { // are still there
			s.require("", s.truth.Delete(s.ctx, s.root+"/queue/"+name, zkapi.AnyVersion))
		}
		b.close(s, false)
	}
}

// begun says when a get begins.
func (q polled) begun(w *orderly) polled {
	return polled{q.put, func(ctx context.Context) ([]byte, bool, error) {
		w.begin()
		return q.get(ctx)
	}}
}

func (q polled) drain(ctx context.Context, b *books) error {
	for {
		data, ok, err := q.get(ctx)
		if !ok {
			return err
		}
		if err := b.note(b.out, b.maybeOut, string(data), err); err != nil {
			return err
		}
	}
}

// work has everybody put two items in, and work until there are none.
func (b *books) work(s *scene, dir string, put, work func(ctx context.Context, c zkapi.Client, who string) error) {
	var filled sync.WaitGroup
	filled.Add(3)
	some, empty := context.WithCancel(s.ctx)
	go func() {
		defer empty()
		filled.Wait()
		for list, err := range watchers.Children(s.ctx, s.truth, s.root+dir) {
			if err != nil || len(s.without(s.root+dir, list.Names)) == 0 {
				return
			}
		}
	}()
	s.each(func(ctx context.Context, c zkapi.Client, who string) error {
		err := put(ctx, c, who)
		filled.Done()
		if err != nil {
			return err
		}
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(some, cancel)()
		err = work(inner, c, who)
		if some.Err() != nil && errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	})
	if <-some.Done(); s.ctx.Err() != nil {
		s.t.Errorf("the queue does not become empty")
	}
}

// playLockingQueue: what is put in is consumed once, and nothing is lost with
// who does not consume it.
func playLockingQueue(s *scene) {
	playLocking(s, func(ctx context.Context, q *recipes.LockingQueue, _ zkapi.Client, _ string) error {
		return q.Consume(ctx)
	})
}

func playLocking(s *scene, consume func(context.Context, *recipes.LockingQueue, zkapi.Client, string) error) {
	b, o := newBooks(s, false), newOrders(s, "/queue/entries", "/queue/taken")
	path := s.root + "/queue"
	b.work(s, "/queue/entries", func(ctx context.Context, c zkapi.Client, who string) error {
		items := []string{who + "0", who + "1"}
		err := recipes.NewLockingQueue(c, path).PutAll(ctx, priority([]byte(who)), []byte(items[0]), []byte(items[1]))
		return errors.Join(b.note(b.in, b.maybeIn, items[0], err), b.note(b.in, b.maybeIn, items[1], err))
	}, func(ctx context.Context, c zkapi.Client, who string) error {
		w := o.of(c)
		q := recipes.NewLockingQueue(w, path)
		for n := 0; ; n++ {
			w.begin()
			data, err := q.Get(ctx)
			if err != nil {
				return err
			}
			if n == 0 { // it comes again
				if err := q.Release(ctx); released(err) != nil {
					return err
				}
				continue
			}
			if err := s.note(ctx, q.Hold()); err != nil {
				return err
			}
			if err := consume(ctx, q, c, string(data)); !errors.Is(err, recipes.ErrNotHeld) {
				if err := b.note(b.out, b.maybeOut, string(data), err); err != nil {
					return err
				}
			}
		}
	})
	b.close(s, false)
	b.together(s) // LQ6
	o.check()
}

// together: who has put two items in at once has put in both or none.
func (b *books) together(s *scene) {
	for _, who := range []string{"a", "b", "c"} {
		first, second := who+"0", who+"1"
		if b.out[first]+b.out[second] == 1 && !b.maybeOut[first] && !b.maybeOut[second] {
			s.t.Errorf("of %s and %s there was one", first, second)
		}
	}
}

// playDistributedQueue: with locks all items are worked on, without none twice. What
// somebody has failed with once comes again, for anybody.
func playDistributedQueue(locks bool) func(*scene) {
	return func(s *scene) {
		b, o := newBooks(s, false), newOrders(s, "/queue", map[bool]string{true: "/locks"}[locks])
		if !locks {
			b.confusable = s.sameName
		}
		var once sync.Map
		queue := func(c zkapi.Client) *recipes.DistributedQueue {
			return recipes.NewDistributedQueue(c, s.root+"/queue", recipes.PriorityQueue, func(o *recipes.DistributedQueueOptions) {
				if locks {
					o.LockPath = s.root + "/locks"
				}
				o.Failed = func(x recipes.Item, err error) {
					if errors.Is(err, recipes.ErrOutcomeUnknown) || errors.Is(err, zkapi.ErrClosed) || b.refused(err) { // or it could not be put in again
						_ = b.note(b.out, b.maybeOut, string(x.Data[0]), recipes.ErrOutcomeUnknown)
					}
				}
			})
		}
		work := func(_ context.Context, x recipes.Item) error {
			item := string(x.Data[0])
			if _, again := once.LoadOrStore(item, true); !again && strings.HasSuffix(item, "1") {
				return errors.New("it comes again")
			}
			return b.note(b.out, b.maybeOut, item, nil)
		}
		b.work(s, "/queue", func(ctx context.Context, c zkapi.Client, who string) error {
			q := queue(c)
			for n := range 2 {
				item := fmt.Sprint(who, n)
				x := recipes.Item{Data: [][]byte{[]byte(item)}, Priority: int32(-n)}
				if err := b.note(b.in, b.maybeIn, item, q.Put(ctx, x)); err != nil {
					return err
				}
			}
			return nil
		}, func(ctx context.Context, c zkapi.Client, who string) error {
			return queue(o.of(c)).Consume(ctx, work)
		})
		for { // what has come again when the queue was empty
			n, err := queue(s.truth).Len(s.ctx)
			if s.require("", err); n == 0 {
				break
			}
			ctx, cancel := context.WithCancel(s.ctx)
			_ = queue(o.of(s.truth)).Consume(ctx, func(ctx context.Context, x recipes.Item) error {
				defer cancel()
				return work(ctx, x)
			})
			cancel()
		}
		b.close(s, locks)
		o.check()
	}
}

// playSharder: what is put into any of the shards comes out once; there are never too
// many of them, and there is another one when all are full.
func playSharder(s *scene) {
	const full, most = 2, 2
	b := newBooks(s, false)
	b.confusable = s.sameName
	sharder := func(c zkapi.Client) *recipes.QueueSharder[polled] {
		return recipes.NewQueueSharder(c, s.root+"/shards", s.root+"/leader", func(path string) polled { return newSimpleQueue(c, path, false) },
			func(o *recipes.SharderOptions) { o.Full, o.Max, o.Every = full, most, 10*time.Millisecond })
	}
	s.each(func(ctx context.Context, c zkapi.Client, who string) error {
		q := sharder(c)
		err := q.Start(ctx)
		for n := 0; n < 4 && err == nil; n++ {
			item := fmt.Sprint(who, n)
			err = b.note(b.in, b.maybeIn, item, q.Queue().put(ctx, []byte(item)))
		}
		for range 3 {
			if err == nil {
				err = q.Queue().drain(ctx, b)
			}
		}
		return errors.Join(err, q.Close(context.WithoutCancel(ctx)))
	})
	q := sharder(s.truth)
	s.require("", q.Start(s.ctx))
	paths := q.Paths()
	if len(paths) > most {
		s.t.Errorf("there are %d shards: %v", len(paths), paths)
	}
	for _, path := range paths {
		s.require("", newSimpleQueue(s.truth, path, false).drain(s.ctx, b))
	}
	s.require("", q.Close(s.ctx))
	b.close(s, false)
	s.clear(s.ctx, s.root+"/shards")
}
