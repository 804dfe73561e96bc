package proptest

import (
	"bytes"
	"cmp"
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

// Item is what is put into a [DistributedQueuer].
type Item struct {
	Data     []byte
	ID       string
	Priority int32     // the lower the earlier; 0 unless [ByPriority]
	At       time.Time // not before; zero unless [ByTime]
}

// DistributedQueuer is a queue whose items are given to those who work on them. If it
// has a method Remove(ctx, id) (n int, err error), as a queue of items with ids has, that
// takes items out and tells how many nodes there were; those of items that somebody works on it may leave.
type DistributedQueuer interface {
	// Put puts an item in. After an error it may be in or not, but once at most.
	Put(ctx context.Context, x Item) error
	// Consume calls work with one item after the other until its context ends. An item
	// for which work fails comes again.
	Consume(ctx context.Context, work func(context.Context, Item) error) error
}

// DistributedQueue explores a queue with workers: the first participant puts in so many
// items that there are Rounds of them for each of the others, who work on them; all but
// those of the last round they refuse once. If there are ids and several items, the
// first one is removed, if nobody has taken it by then. What must hold:
//
//   - An item is worked on once at most, not counting refusals, and not if it was
//     removed. With [AtLeastOnce] it is again if something has gone wrong, but not by
//     two at a time, by what the server knows (see [Lock]).
//   - Everything that was put in is worked on, but for one item each time that
//     something has gone wrong, and one of each worker when the server restarts. With
//     [AtLeastOnce] that is no excuse: each is in a node on the server, by its data, until
//     it was worked on. None is ever in two.
//   - Items come in their order to each worker: of two, the later one does not come first
//     if the other was there already when the worker took the one before, unless
//     something has gone wrong. With [ByTime] none comes before its time, by the clock of the server.
//
// Nodes are not deleted by others, because that takes items away.
func DistributedQueue(t *testing.T, make func(c zkapi.Client) DistributedQueuer, opts ...func(*Exploration)) {
	t.Helper()
	ExploreDistributedQueue(t, make, opts...).FailT(t)
}

// AtLeastOnce says that items of a [DistributedQueue] are kept until they were worked
// on; otherwise they are deleted before.
func AtLeastOnce(e *Exploration) { e.atLeastOnce = true }

// ByPriority gives the items of a [DistributedQueue] priorities, the last one the lowest.
func ByPriority(e *Exploration) { e.byPriority = true }

// ByTime gives the items of a [DistributedQueue] times a few seconds from now, the last
// one the earliest.
func ByTime(e *Exploration) { e.byTime = true }

// ExploreDistributedQueue is DistributedQueue for those who want to see the result.
func ExploreDistributedQueue(t *testing.T, make func(c zkapi.Client) DistributedQueuer, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		x := &factory{w: w, e: e, workers: max(1, e.Participants-1)}
		w.Go(name(0), func(p *explore.Participant) error { return x.supply(p, make(p.Client)) })
		for i := 1; i < e.Participants; i++ {
			w.Go(name(i), func(p *explore.Participant) error { return x.work(p, make(p.Client)) })
		}
		e.alike(w, 1, e.Participants)
		w.Invariant(x.check)
		w.Remember(x.String)
		w.Finally(func() error { return x.clear(make) })
		w.Finally(tidy(w))
	}, without(explore.Removal, opts))
}

// factory is what is known of the items and of those who work on them.
type factory struct {
	w       *explore.World
	e       *Exploration
	workers int
	items   []*task
	all     []*worker
	closed  bool // nothing more is put in
	busy    int
	step    int
	asked   int // in which step an item was to be removed
}

// String is all of it; of steps only their order counts.
func (x *factory) String() string {
	steps := []int{x.asked}
	for _, t := range x.items {
		steps = append(steps, t.stored.step, t.done.step, t.since)
	}
	for _, k := range x.all {
		steps = append(steps, k.began)
		for _, s := range k.taken {
			steps = append(steps, s.before, s.at)
		}
	}
	slices.Sort(steps)
	steps = slices.Compact(append([]int{0}, steps...))
	rank := func(step int) int { return slices.Index(steps, step) }
	var b strings.Builder
	fmt.Fprint(&b, x.closed, x.busy, rank(x.asked))
	for _, t := range x.items {
		fmt.Fprintf(&b, " %s %d %v %d %d %v %v %v", t.ID, t.rank, t.refuse, t.begun, t.refused, t.removed, t.leaving, t.there)
		fmt.Fprint(&b, rank(t.stored.step), t.stored.faults, rank(t.done.step), t.done.faults, rank(t.since))
	}
	for _, k := range x.all {
		fmt.Fprintf(&b, " %s %v %d %d %v", k.p.Name, k.done, k.faults, rank(k.began), k.wrong)
		for _, s := range k.taken {
			fmt.Fprint(&b, s.t.ID, s.again, rank(s.before), rank(s.at))
		}
	}
	return b.String()
}

// task is an item.
type task struct {
	Item
	rank    int64
	claims  *explore.Claims
	refuse  bool // it has to be, once
	begun   int  // how often
	refused int
	stored  mark // put in
	done    mark
	removed bool
	leaving bool // it is being removed
	there   bool // some node has it
	since   int  // which step
}

// mark says that something has happened.
type mark struct{ step, faults int } // how many steps, from 1 on, and faults there had been

func (x *factory) now() mark { return mark{x.step + 1, x.w.Faults()} }

// calm tells whether something has happened, and nothing has gone wrong since.
func (x *factory) calm(m mark) bool { return m.step > 0 && m.faults == x.w.Faults() }

// supply is what the first participant does. What fails is not tried again, but another item.
func (x *factory) supply(p *explore.Participant, q DistributedQueuer) error {
	n, began := x.workers*x.e.Rounds, time.Now()
	for left := n; left > 0 && p.Context().Err() == nil; {
		number := len(x.items) + 1
		text := fmt.Sprintf("item-%02d", number)
		t := &task{Item: Item{Data: []byte(text), ID: text}, claims: x.w.Claims(1), refuse: number <= n-x.workers}
		if x.e.byPriority {
			t.Priority = int32(-number)
			t.rank = int64(t.Priority)
		}
		if x.e.byTime {
			t.At = began.Add(time.Duration(max(1, n+1-number)) * time.Second)
			t.rank = t.At.UnixMilli()
		}
		x.items = append(x.items, t)
		ok, err := attempt(p, "Put", func(ctx context.Context) error { return q.Put(ctx, t.Item) })
		if err != nil {
			return err
		}
		if ok {
			p.Log("has put in %s", text)
			t.stored = x.now()
			left--
		}
	}
	if err := x.remove(p, q); err != nil {
		return err
	}
	p.Log("has put in everything")
	x.closed = true
	return nil
}

// remove takes the first item out, if there is a way to do that.
func (x *factory) remove(p *explore.Participant, q DistributedQueuer) error {
	r, can := q.(interface {
		Remove(ctx context.Context, id string) (int, error)
	})
	if !can || len(x.items) < 2 {
		return nil
	}
	first, found := x.items[0], 0
	x.asked = x.now().step
	first.leaving = true
	ok, err := attempt(p, "Remove", func(ctx context.Context) (err error) {
		found, err = r.Remove(ctx, first.ID)
		return err
	})
	first.leaving = false
	switch {
	case err != nil:
		return err
	case !ok:
		first.stored = mark{} // nobody knows
	case found > 0:
		p.Log("has removed %s", first.ID)
		first.removed = true
	case !x.e.atLeastOnce && first.there && first.since < x.asked && x.calm(first.stored) && !first.removed:
		return fmt.Errorf("%s is there, and %s could not find it", first.ID, p.Name)
	}
	return nil
}

// worker is somebody who works on items.
type worker struct {
	errand
	began  int // in which step
	taken  []stint
	faults int // there had been when he was done with the last one
	wrong  error
}

// stint is an item that somebody has begun.
type stint struct {
	t      *task
	again  bool // it had been refused before
	before int  // the step in which he had begun the one before
	at     int
}

func (x *factory) work(p *explore.Participant, q DistributedQueuer) error {
	k := &worker{errand: errand{p: p, stop: func() {}}, faults: x.w.Faults()}
	x.all = append(x.all, k)
	p.Pause("comes")
	if k.done {
		return nil
	}
	k.began = x.now().step
	err := k.run(p, func(ctx context.Context) error {
		return q.Consume(ctx, func(_ context.Context, item Item) error {
			last := k.began
			if n := len(k.taken); n > 0 {
				last = k.taken[n-1].at
			}
			return x.process(k, item, last)
		})
	})
	return cmp.Or(k.wrong, err)
}

var errRefused = errors.New("it is refused")

// process is the work on an item.
func (x *factory) process(k *worker, item Item, last int) error {
	t, err := x.begin(item, k.p.Name, x.w.Alive(k.p.Session()))
	if err == nil {
		err = x.inOrder(k, t, last)
	}
	if err != nil {
		k.wrong = cmp.Or(k.wrong, err)
		k.stop()
		return err
	}
	k.p.Log("begins %s", t.ID)
	k.taken = append(k.taken, stint{t, t.begun > 1, last, x.now().step})
	x.busy++
	if x.e.atLeastOnce {
		t.claims.Take(k.p, t.ID)
	}
	k.p.Pause("works on " + t.ID)
	if x.e.atLeastOnce {
		t.claims.Drop(k.p, t.ID)
	}
	x.busy--
	k.p.Learn(t.refuse)
	if t.refuse {
		k.p.Log("refuses %s", t.ID)
		t.refuse = false
		t.refused++
		k.faults = x.w.Faults()
		return errRefused
	}
	if t.done = x.now(); t.done.faults != k.faults || !x.w.Alive(k.p.Session()) {
		k.faults, t.done.faults = t.done.faults, -1 // it may have to be done again
	}
	return nil
}

// begin finds an item, and judges whether it may be worked on. Whose session has ended cannot know that what he has
// locked is not his any more.
func (x *factory) begin(item Item, who string, alive bool) (*task, error) {
	i := slices.IndexFunc(x.items, func(t *task) bool { return bytes.Equal(t.Data, item.Data) })
	if i < 0 {
		return nil, fmt.Errorf("%s has got %q, which nobody has put in", who, item.Data)
	}
	t := x.items[i]
	switch {
	case x.e.byTime && time.Now().Before(t.At.Truncate(time.Millisecond)):
		return nil, fmt.Errorf("%s has got %s %v before its time", who, t.ID, time.Until(t.At))
	case t.removed && (!x.e.atLeastOnce || x.w.Faults() == 0):
		return nil, fmt.Errorf("%s has got %s, which was removed", who, t.ID)
	case x.e.atLeastOnce && x.calm(t.done) && alive, !x.e.atLeastOnce && t.begun > t.refused:
		return nil, fmt.Errorf("%s has got %s, which was worked on before", who, t.ID)
	}
	t.begun++
	return t, nil
}

// inOrder judges whether an item comes to somebody in its turn, who has begun the one
// before at some step. Who deletes items before he works on them leaves none out.
func (x *factory) inOrder(k *worker, t *task, before int) error {
	if x.e.unordered || t.begun > 1 {
		return nil
	}
	for _, y := range x.items { // if there are others, one of them may have it
		if !x.e.atLeastOnce && x.workers == 1 && y.there && y.begun == 0 && x.waits(y, before) && x.comes(y, t) {
			return fmt.Errorf("%s has got %s, and %s is there, which comes before it", k.p.Name, t.ID, y.ID)
		}
	}
	for _, s := range k.taken {
		if !s.again && x.waits(t, s.before) && x.comes(t, s.t) {
			return fmt.Errorf("%s has got %s after %s, before which it comes", k.p.Name, t.ID, s.t.ID)
		}
	}
	return nil
}

// waits tells whether an item was there before a step, where nothing has gone wrong.
func (x *factory) waits(t *task, step int) bool {
	return x.w.Faults() == 0 && t.stored.step > 0 && t.stored.step < step
}

// comes tells whether an item comes before another one.
func (x *factory) comes(t, other *task) bool {
	return t.rank < other.rank || t.rank == other.rank && slices.Index(x.items, t) < slices.Index(x.items, other)
}

// check looks where the items are, and has the workers stop when there are none.
func (x *factory) check() error {
	x.step++
	finished := x.closed && x.busy == 0
	for _, t := range x.items {
		var nodes []string
		for n := range x.w.Server.Snapshot().Nodes() {
			if bytes.Contains(n.Data, t.Data) {
				nodes = append(nodes, n.Path)
			}
		}
		there, settled := len(nodes) > 0, t.done.step > 0 || t.removed || t.leaving || t.stored.step == 0
		if len(nodes) > 1 {
			return fmt.Errorf("%s is there twice: %s", t.ID, strings.Join(nodes, ", "))
		}
		if x.e.atLeastOnce && !there && !settled {
			return fmt.Errorf("%s is gone, and nobody has worked on it", t.ID)
		}
		if there && !t.there {
			t.since = x.step
		}
		t.there = there
		finished = finished && !there && (settled || x.w.Faults() > 0)
	}
	for _, k := range x.all {
		if finished && !k.done {
			k.dismiss()
		}
	}
	return nil
}

// clear has another client work on what is left, and counts.
func (x *factory) clear(make func(c zkapi.Client) DistributedQueuer) error {
	c, err := x.w.Server.Client()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), waiting)
	defer cancel()
	var wrong error
	_ = make(c).Consume(ctx, func(_ context.Context, item Item) error {
		t, err := x.begin(item, "whoever empties the queue in the end", true)
		if wrong = cmp.Or(wrong, err); err == nil {
			t.done = x.now()
		}
		return nil
	})
	return cmp.Or(wrong, x.lost())
}

// lost tells of items that were put in, and on which nobody has worked. Who deletes items before
// he works on them loses one with his connection, and a restart takes the connections of all.
func (x *factory) lost() error {
	var lost []string
	for _, t := range x.items {
		if t.stored.step > 0 && t.done.step == 0 && !t.removed {
			lost = append(lost, t.ID)
		}
	}
	most := x.w.Faults()
	if x.w.Happened(explore.Restart) {
		most *= len(x.all)
	}
	if len(lost) == 0 || !x.e.atLeastOnce && len(lost) <= most {
		return nil
	}
	return errors.New(strings.Join(lost, ", ") + ": put in, and lost")
}
