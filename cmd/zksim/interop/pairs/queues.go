package pairs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// Queues.

// side is one of those who use a queue at the same time.
type side struct {
	put   func(prefix string, n int) (done func() string)
	drain func() (items func() string)
}

// share has all sides put items into a queue at the same time, and then take what there is. Each item has
// to come out, once. All have names of one length: who finds with zoo_queue that an item is gone gets no more
// of the next one than the other's length.
func (t *table) share(sides ...side) {
	var want []string
	var done []func() string
	for i, s := range sides {
		prefix := string(rune('a' + i))
		done = append(done, s.put(prefix, rounds))
		for n := range rounds {
			want = append(want, prefix+strconv.Itoa(n))
		}
	}
	for _, wait := range done {
		wait()
	}
	t.children(t.path, len(want))
	var items []func() string
	for _, s := range sides {
		items = append(items, s.drain())
	}
	var got []string
	for _, take := range items {
		got = append(got, strings.Fields(take())...)
	}
	t.is("what was put in came out", sorted(got, nil), sorted(want, nil))
	t.is("nodes that are left", t.count(t.path), 0)
}

// peerSide is a queue of the peer.
func (t *table) peerSide(object string) side {
	return side{
		put: func(prefix string, n int) func() string {
			return t.later(object, "putMany", prefix, strconv.Itoa(n))
		},
		drain: func() func() string { return t.later(object, "drain") },
	}
}

// ourSide is one of ours; get is false when the queue is empty.
func (t *table) ourSide(put func(context.Context, []byte) error, get func(context.Context) ([]byte, bool, error)) side {
	return side{
		put: func(prefix string, n int) func() string {
			wait := t.ours("Put", func(ctx context.Context) error {
				for i := range n {
					if err := put(ctx, []byte(prefix+strconv.Itoa(i))); err != nil {
						return err
					}
				}
				return nil
			})
			return func() string { wait(); return "" }
		},
		drain: func() func() string {
			var items []string
			wait := t.ours("Get", func(ctx context.Context) error {
				for {
					item, ok, err := get(ctx)
					if err != nil || !ok {
						return err
					}
					items = append(items, string(item))
				}
			})
			return func() string { wait(); return inOrder(items, nil) }
		},
	}
}

func kazooQueue(t *table) {
	t.new("queue", "Queue", t.path)
	ours := recipes.NewQueue(t.client, t.path)
	get := func() string {
		item, _, err := ours.Get(t.ctx)
		t.must("Get", err)
		return string(item)
	}
	t.must("Put", ours.Put(t.ctx, []byte("ours")))
	t.call("queue", "put", "theirs")
	t.must("PutPriority", ours.PutPriority(t.ctx, []byte("urgent"), 1))
	t.is("they get what we find urgent", t.call("queue", "get"), "urgent")
	t.is("we get what came first", get(), "ours")
	t.call("queue", "put", "at once", "0")
	t.is("we get what they find urgent", get(), "at once")
	t.is("length, asked by them", t.call("queue", "length"), 1)
	t.is("they get their own", t.call("queue", "get"), "theirs")
	t.is("we get nothing", get(), "")
	t.share(t.peerSide("queue"), t.ourSide(ours.Put, ours.Get))
}

func kazooLockingQueue(t *table) {
	t.new("queue", "LockingQueue", t.path)
	ours := recipes.NewLockingQueue(t.client, t.path)
	t.must("Put", ours.Put(t.ctx, []byte("one")))
	t.call("queue", "put", "two")
	t.is("they hold the first", t.call("queue", "get"), "one")
	item, err := ours.Get(t.ctx)
	t.must("Get", err)
	t.is("we hold the second", string(item), "two")
	t.is("they consume theirs", t.call("queue", "consume"), "true")
	t.must("Release", ours.Release(t.ctx))
	t.is("they hold what we give back", t.call("queue", "get"), "two")
	t.call("queue", "release")
	item, err = ours.Get(t.ctx)
	t.must("Get", err)
	t.is("we hold what they give back", string(item), "two")
	t.must("Consume", ours.Consume(t.ctx))
	n, err := ours.Len(t.ctx)
	t.must("Len", err)
	t.is("what is left", n, 0)
	left := rounds
	theirs, mine := t.peerSide("queue"), t.ourSide(ours.Put, func(ctx context.Context) ([]byte, bool, error) {
		if left--; left < 0 {
			return nil, false, nil
		}
		item, err := ours.Get(ctx)
		return item, true, errors.Join(err, ours.Consume(ctx))
	})
	t.path += "/entries"
	t.share(theirs, mine)
}

func curatorSimpleQueue(t *table) {
	t.new("queue", "SimpleDistributedQueue", t.path)
	t.simpleQueue()
}

func zooKeeperQueue(kind string) func(*table) {
	return func(t *table) {
		t.new("queue", kind, t.path)
		t.simpleQueue()
	}
}

func (t *table) simpleQueue() {
	ours := recipes.NewSimpleQueue(t.client, t.path)
	t.must("Offer", ours.Offer(t.ctx, []byte("ours")))
	t.call("queue", "offer", "theirs")
	t.is("they see the first", t.call("queue", "peek"), "ours")
	t.is("they take the first", t.call("queue", "take"), "ours")
	item, _, err := ours.Peek(t.ctx)
	t.must("Peek", err)
	t.is("we see theirs", string(item), "theirs")
	item, err = ours.Take(t.ctx)
	t.must("Take", err)
	t.is("we take it", string(item), "theirs")
	taken := make(chan string, 1)
	wait := t.ours("Take", func(ctx context.Context) error {
		item, err := ours.Take(ctx)
		taken <- string(item)
		return err
	})
	t.call("queue", "offer", "late")
	wait()
	t.is("we take what comes", <-taken, "late")
	late := t.later("queue", "take")
	t.must("Offer", ours.Offer(t.ctx, []byte("later")))
	t.is("they take what comes", late(), "later")
	t.share(t.peerSide("queue"), t.ourSide(ours.Offer, ours.Poll))
}

func allQueues(t *table) {
	t.of(Curator).new("curator", "SimpleDistributedQueue", t.path)
	t.of(Java).new("java", "DistributedQueue", t.path)
	t.of(C).new("c", "zkr_queue", t.path)
	ours := recipes.NewSimpleQueue(t.client, t.path)
	for _, name := range []string{"curator", "java", "c"} {
		t.call(name, "offer", "of-"+name)
	}
	t.must("Offer", ours.Offer(t.ctx, []byte("ours")))
	t.is("java takes", t.call("java", "take"), "of-curator")
	t.is("c takes", t.call("c", "take"), "of-java")
	item, err := ours.Take(t.ctx)
	t.must("Take", err)
	t.is("we take", string(item), "of-c")
	t.is("curator takes", t.call("curator", "take"), "ours")
	t.share(t.peerSide("curator"), t.peerSide("java"), t.peerSide("c"), t.ourSide(ours.Offer, ours.Poll))
}

// What Curator has as several classes is one with a kind here.

// consume has us work on n items, and gives them in the order in which they came.
func (t *table) consume(q *recipes.DistributedQueue, n int) string {
	got, err := consume(t.ctx, q, n)
	t.must("Consume", err)
	return got
}

func consume(ctx context.Context, q *recipes.DistributedQueue, n int) (string, error) {
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	var got []string
	err := q.Consume(ctx, func(_ context.Context, x recipes.Item) error {
		for _, data := range x.Data {
			got = append(got, string(data))
		}
		if len(got) >= n {
			enough()
		}
		return nil
	})
	if len(got) < n {
		return "", err
	}
	return strings.Join(got, " "), nil
}

// cancelled wants the end of Consume to be that of its context.
func (t *table) cancelled(err error) {
	if !errors.Is(err, context.Canceled) {
		t.must("Consume", fmt.Errorf("it has ended with %w", err))
	}
}

func (t *table) put(q *recipes.DistributedQueue, x recipes.Item, items ...string) {
	for _, data := range items {
		x.Data = append(x.Data, []byte(data))
	}
	t.must("Put", q.Put(t.ctx, x))
}

func curatorQueue(t *table) {
	ours := recipes.NewDistributedQueue(t.client, t.path, recipes.PlainQueue)
	t.new("put", "DistributedQueue", "producer", t.path, "")
	fill := func() {
		t.put(ours, recipes.Item{}, "1")
		t.call("put", "put", "2")
		t.call("put", "putMulti", "3", "4")
		t.put(ours, recipes.Item{}, "5", "6")
		t.children(t.path, 4)
	}
	fill()
	t.is("we get what all have put", t.consume(ours, 6), "1 2 3 4 5 6")
	t.children(t.path, 0)
	fill()
	t.new("get", "DistributedQueue", "consumer", t.path, "")
	t.is("they get what all have put", t.call("get", "take", "6"), "1 2 3 4 5 6")
	t.children(t.path, 0)
	t.compete(ours, "put", "get")
}

// compete has both consume at the same time.
func (t *table) compete(ours *recipes.DistributedQueue, put, get string) {
	ctx, enough := context.WithCancel(t.ctx)
	defer enough()
	var got, want []string
	done := make(chan error, 1)
	go func() {
		done <- ours.Consume(ctx, func(_ context.Context, x recipes.Item) error {
			got = append(got, string(x.Data[0]))
			return nil
		})
	}()
	wait := t.later(put, "putMany", "theirs", strconv.Itoa(rounds))
	for i := range rounds {
		t.put(ours, recipes.Item{}, "ours"+strconv.Itoa(i))
		want = append(want, "ours"+strconv.Itoa(i), "theirs"+strconv.Itoa(i))
	}
	wait()
	t.children(t.path, 0)
	enough()
	t.cancelled(<-done)
	got = append(got, strings.Fields(t.call(get, "take", strconv.Itoa(2*rounds-len(got))))...)
	got = append(got, strings.Fields(t.call(get, "left"))...)
	t.is("what was put in came out", sorted(got, nil), sorted(want, nil))
}

// curatorLockedQueue has items stay in the queue until they were worked on.
func curatorLockedQueue(t *table) {
	locks := t.path + "-locks"
	ours := recipes.NewDistributedQueue(t.client, t.path, recipes.PlainQueue, func(o *recipes.DistributedQueueOptions) { o.LockPath = locks })
	t.new("put", "DistributedQueue", "producer", t.path, locks)
	t.call("put", "put", "first")
	t.children(t.path, 1)
	works, enough, failed := make(chan struct{}), make(chan struct{}), errors.New("it fails")
	ctx, cancel := context.WithCancel(t.ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- ours.Consume(ctx, func(context.Context, recipes.Item) error {
			cancel() // no more after this one
			close(works)
			<-enough
			return failed
		})
	}()
	<-works
	t.new("get", "DistributedQueue", "consumer", t.path, locks)
	t.call("put", "put", "second")
	t.is("they get what we do not work on", t.call("get", "take", "1"), "second")
	t.children(t.path, 1)
	t.is("they get what we work on", t.call("get", "left"), "")
	close(enough)
	t.cancelled(<-ended)
	t.is("they get what we have failed to do", t.call("get", "take", "1"), "first")
	t.children(t.path, 0)

	t.call("get", "stumble", "third")
	t.put(ours, recipes.Item{}, "third")
	t.is("they work on ours", t.call("get", "stumbled"), "third")
	t.put(ours, recipes.Item{}, "fourth")
	t.is("we get what they do not work on", t.consume(ours, 1), "fourth")
	t.children(t.path, 1)
	t.call("get", "fail")
	t.is("they get again what they have failed to do", t.call("get", "take", "1"), "third")
	t.children(t.path, 0)
	t.compete(ours, "put", "get")
	t.children(locks, 0)
}

func curatorPriorityQueue(t *table) {
	ours := recipes.NewDistributedQueue(t.client, t.path, recipes.PriorityQueue)
	t.new("put", "DistributedPriorityQueue", "producer", t.path, "")
	fill := func() {
		for i, priority := range []int32{5, -3, 0, 2, -7, 5} {
			item := fmt.Sprint(priority)
			if i%2 == 0 {
				t.call("put", "put", item, item)
			} else {
				t.put(ours, recipes.Item{Priority: priority}, item)
			}
		}
		t.children(t.path, 6)
	}
	fill()
	t.is("we get the lowest first", t.consume(ours, 6), "-7 -3 0 2 5 5")
	fill()
	t.new("get", "DistributedPriorityQueue", "consumer", t.path, "")
	t.is("they get the lowest first", t.call("get", "take", "6"), "-7 -3 0 2 5 5")
	t.children(t.path, 0)
}

func curatorDelayQueue(t *table) {
	ours := recipes.NewDistributedQueue(t.client, t.path, recipes.DelayQueue)
	t.new("put", "DistributedDelayQueue", "producer", t.path, "")
	const last = 300 * time.Millisecond
	fill := func() (begin time.Time) {
		begin = time.Now()
		at := func(d time.Duration) time.Time { return begin.Add(d) }
		t.call("put", "put", "d", fmt.Sprint(at(last).UnixMilli()))
		t.put(ours, recipes.Item{At: at(200 * time.Millisecond)}, "c")
		t.call("put", "put", "b", fmt.Sprint(at(-time.Minute).UnixMilli()))
		t.put(ours, recipes.Item{At: at(-time.Hour)}, "a")
		t.children(t.path, 4)
		return begin
	}
	begin := fill()
	t.is("we get the earliest first", t.consume(ours, 4), "a b c d")
	t.is("not before its time", time.Since(begin) >= last-time.Millisecond, true)
	begin = fill()
	t.new("get", "DistributedDelayQueue", "consumer", t.path, "")
	t.is("they get the earliest first", t.call("get", "take", "4"), "a b c d")
	t.is("nor do they", time.Since(begin) >= last-time.Millisecond, true)
	t.children(t.path, 0)
}

func curatorIDQueue(t *table) {
	ours := recipes.NewDistributedQueue(t.client, t.path, recipes.IDQueue)
	t.new("put", "DistributedIdQueue", "producer", t.path, "")
	fill := func() {
		t.call("put", "put", "1", "a/id")
		t.put(ours, recipes.Item{ID: "b|id"}, "2")
		t.put(ours, recipes.Item{ID: "a/id"}, "3")
		t.call("put", "put", "4", "b|id")
	}
	fill()
	n, err := ours.Remove(t.ctx, "a/id")
	t.must("Remove", err)
	t.is("we remove", n, 2)
	t.is("we get the others", t.consume(ours, 2), "2 4")
	fill()
	t.is("they remove", t.call("put", "remove", "b_id"), 2) // which they want as it is in the name
	t.new("get", "DistributedIdQueue", "consumer", t.path, "")
	t.is("they get the others", t.call("get", "take", "2"), "1 3")
	fill()
	t.is("they get all", t.call("get", "take", "4"), "1 2 3 4")
	t.children(t.path, 0)
}

// sharders are where both sides share one queue that is several.
type sharders struct {
	t       *table
	leaders string
	full    int
	most    int // theirs make no more: they do as long as any is full, each time they look
}

// ours opens each shard as a queue of ours.
func (s *sharders) ours() *recipes.QueueSharder[*recipes.DistributedQueue] {
	return recipes.NewQueueSharder(s.t.client, s.t.path, s.leaders, func(path string) *recipes.DistributedQueue {
		return recipes.NewDistributedQueue(s.t.client, path, recipes.PlainQueue)
	}, func(o *recipes.SharderOptions) { o.Full, o.Every, o.Max = s.full, 20*time.Millisecond, 3 })
}

// theirs is one of theirs, which puts in or gets out.
func (s *sharders) theirs(object, role string) {
	s.t.new(object, "QueueSharder", role, s.t.path, s.leaders, strconv.Itoa(s.full), "20", strconv.Itoa(s.most))
	s.t.call(object, "start")
}

// agree waits until both sides have as many shards, and wants them to be the same.
func (s *sharders) agree(ours *recipes.QueueSharder[*recipes.DistributedQueue], n int) {
	theirs := func() string { return sorted(strings.Fields(s.t.call("put", "paths")), nil) }
	s.t.until(fmt.Sprintf("%d shards", n), func() bool { return len(ours.Paths()) == n && len(strings.Fields(theirs())) == n })
	s.t.is("shards", len(ours.Paths()), n)
	s.t.is("they have ours", theirs() == inOrder(ours.Paths(), nil), true)
}

// curatorSharder has both sides put items in until there are as many shards as there may be, the first of which one
// of ours has made, and then one of theirs; and take them out at the same time.
func curatorSharder(weBegin bool) func(*table) {
	return func(t *table) {
		s := &sharders{t, t.path + "-leaders", 6, 3}
		if !weBegin { // and make the second one, and we the third
			s.most = 2
		}
		ours := s.ours()
		begin := []func(){func() { t.must("Start", ours.Start(t.ctx)) }, func() { s.theirs("put", "producer") }}
		if !weBegin {
			slices.Reverse(begin)
		}
		begin[0]()
		t.children(s.leaders, 1)
		begin[1]()
		t.children(s.leaders, 2)
		s.agree(ours, 1)
		var want []string
		fill := func(shards int) { // until another shard is there
			for len(ours.Paths()) < shards {
				n := strconv.Itoa(len(want))
				t.put(ours.Queue(), recipes.Item{}, "ours"+n)
				t.call("put", "put", "theirs"+n)
				want = append(want, "ours"+n, "theirs"+n)
				t.pause()
			}
			s.agree(ours, shards)
		}
		fill(2) // who came first leads
		if weBegin {
			t.must("Close", ours.Close(t.ctx))
			ours = s.ours()
			t.must("Start", ours.Start(t.ctx))
		} else {
			t.call("put", "close")
			s.theirs("put", "producer")
		}
		t.children(s.leaders, 2)
		fill(3) // the other one leads
		t.is("as many items as were put in", t.items() == len(want), true)
		got := s.drain(ours, &want)
		if want := sorted(want, nil); got != want { // how many there are is a matter of time
			t.is("what was put in came out", got, want)
		}
		t.is("what was put in came out, once", got == sorted(want, nil), true)
		t.is("items that are left", t.items(), 0)
		t.must("Close", ours.Close(t.ctx))
		t.call("put", "close")
		t.is("shards that are left", t.count(t.path), 3)
	}
}

// items is how many there are in all shards.
func (t *table) items() (n int) {
	shards, _, err := t.client.Children(t.ctx, t.path)
	t.must("Children", err)
	for _, shard := range shards {
		n += t.count(zkapi.Join(t.path, shard))
	}
	return n
}

// drain has both sides take items out of all shards while more come, and gives what they have got.
func (s *sharders) drain(ours *recipes.QueueSharder[*recipes.DistributedQueue], want *[]string) string {
	t := s.t
	ctx, enough := context.WithCancel(t.ctx)
	defer enough()
	var mu sync.Mutex
	var got []string
	done := make(chan error, 1)
	go func() {
		done <- ours.Each(ctx, func(ctx context.Context, q *recipes.DistributedQueue) error {
			return q.Consume(ctx, func(_ context.Context, x recipes.Item) error {
				mu.Lock()
				defer mu.Unlock()
				for _, data := range x.Data {
					got = append(got, string(data))
				}
				return nil
			})
		})
	}()
	s.theirs("get", "consumer")
	wait := t.later("put", "putMany", "late", strconv.Itoa(rounds))
	for i := range rounds {
		n := strconv.Itoa(i)
		t.put(ours.Queue(), recipes.Item{}, "too"+n)
		*want = append(*want, "too"+n, "late"+n)
	}
	wait()
	t.until("no items", func() bool { return t.items() == 0 })
	enough()
	t.cancelled(<-done)
	got = append(got, strings.Fields(t.call("get", "take", strconv.Itoa(len(*want)-len(got))))...)
	got = append(got, strings.Fields(t.call("get", "left"))...)
	t.call("get", "close")
	return sorted(got, nil)
}

// loseSharder has the leadership go around with the sessions.
func loseSharder(t *table) {
	s := &sharders{t, t.path + "-leaders", 2, 2}
	ours := s.ours()
	t.must("Start", ours.Start(t.ctx))
	t.children(s.leaders, 1)
	s.theirs("put", "producer")
	t.children(s.leaders, 2)
	s.agree(ours, 1)
	t.weCrash()
	t.children(s.leaders, 2) // we are the second one now
	for range 2 {
		t.put(ours.Queue(), recipes.Item{}, "ours")
	}
	s.agree(ours, 2) // they have made one
	t.theyCrash()
	t.children(s.leaders, 2)
	for len(ours.Paths()) == 2 {
		t.put(ours.Queue(), recipes.Item{}, "ours")
		t.pause()
	}
	s.agree(ours, 3) // we have
	t.must("Close", ours.Close(t.ctx))
	t.call("put", "close")
}
