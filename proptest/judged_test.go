package proptest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// judged is a recipe and a search in which a property has to find it right, or wrong.
type judged struct {
	participants, rounds, faults int
	kinds                        explore.Fault
	explored                     func(t *testing.T, o option) *explore.Result
}

func (x judged) search(t *testing.T, schedules int) *explore.Result {
	return x.explored(t, func(e *proptest.Exploration) {
		e.Strategy, e.Participants, e.Rounds, e.Schedules = explore.Random(1), x.participants, x.rounds, schedules
		e.Faults, e.Kinds = x.faults, x.kinds
	})
}

// What is right is not accused, however unusual. Each of these once was.
func TestInnocent(t *testing.T) {
	for name, x := range map[string]judged{
		"a locking queue whose Put returns when the item may be gone": {3, 1, 1, explore.LostReply, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreLockingQueue(t, func(c zkapi.Client) proptest.LockingQueuer { return hastyShelf{&shelf{c: c}} }, furnished(""), o)
		}},
		"a locking queue whose Get succeeds although its context has ended": {2, 1, 1, explore.Cancellation, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreLockingQueue(t, func(c zkapi.Client) proptest.LockingQueuer { return &shelf{c: c, finishes: true} }, furnished(""), o)
		}},
		"a latch that leads no more when its connection is lost": {2, 1, 1, explore.Cut, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreLeaderLatch(t, func(c zkapi.Client) proptest.Candidate { return cautiousLatch{newLatch(c, "")} }, furnished(""), o)
		}},
		"a latch whose Start fails": {2, 1, 1, explore.Cut, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreLeaderLatch(t, func(c zkapi.Client) proptest.Candidate { return furnishingLatch{newLatch(c, "")} }, furnished(""), o)
		}},
		"a partitioner whose Start fails": {2, 1, 1, explore.Cut, func(t *testing.T, o option) *explore.Result {
			return proptest.ExplorePartitioner(t, func(c zkapi.Client, member string, set []string) proptest.Partaker {
				return furnishingShare{&share{c: c, name: member, set: set}}
			}, furnished(""), o)
		}},
		"a partitioner whose nodes are deleted": {2, 1, 1, explore.Removal, func(t *testing.T, o option) *explore.Result {
			return proptest.ExplorePartitioner(t, func(c zkapi.Client, member string, set []string) proptest.Partaker {
				return &share{c: c, name: member, set: set}
			}, furnished(""), o)
		}},
		"a counter whose node is deleted": {2, 1, 1, explore.Removal, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreCounter(t, func(c zkapi.Client) proptest.Counter { return counter{c, ""} }, furnished(""), o)
		}},
		"a double barrier whose sessions expire": {2, 1, 1, explore.Expiry, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreDoubleBarrier(t, func(c zkapi.Client, n int) proptest.Meeting { return &meeting{c: c, members: n} }, furnished(""), o)
		}},
		"a queue from which an item is not removed that somebody works on": {2, 2, 0, 0, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreDistributedQueue(t, func(c zkapi.Client) proptest.DistributedQueuer {
				return idWorkshop{workshop{&shelf{c: c}}}
			}, furnished(""), proptest.AtLeastOnce, o)
		}},
		"a queue whose items are marked before they are deleted": {3, 1, 0, 0, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreDistributedQueue(t, func(c zkapi.Client) proptest.DistributedQueuer {
				return reservingWorkshop{workshop{&shelf{c: c}}}
			}, furnished(""), o)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			schedules := 2000
			if proptest.RaceDetector() {
				schedules = 50 // which take as long
			}
			if res := x.search(t, schedules); res.Failure != nil {
				t.Fatal(res.Report(t.Name()))
			}
		})
	}
}

// What breaks a promise is found, however seldom somebody would get it wrong. None of these once was.
func TestGuilty(t *testing.T) {
	for name, x := range map[string]judged{
		"an election in which nobody ever leads": {2, 1, 0, 0, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreElection(t, func(zkapi.Client) proptest.Elector { return abstention{} }, o)
		}},
		"an election whose Run does not say that it has given up": {2, 1, 1, explore.Network, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreElection(t, func(c zkapi.Client) proptest.Elector { return shyElector{elector{newLine(c, "")}} }, furnished(""), o)
		}},
		"an election whose Run does not wait for the function": {2, 1, 0, 0, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreElection(t, func(c zkapi.Client) proptest.Elector { return hurriedElector{elector{newLine(c, "")}} }, furnished(""), o)
		}},
		"a latch whose HasLeadership is never true": {2, 1, 0, 0, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreLeaderLatch(t, func(c zkapi.Client) proptest.Candidate { return modestLatch{newLatch(c, "")} }, furnished(""), o)
		}},
		"a latch whose HasLeadership is always true": {2, 1, 0, 0, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreLeaderLatch(t, func(c zkapi.Client) proptest.Candidate { return &proudLatch{latch: newLatch(c, "")} }, furnished(""), o)
		}},
		"a barrier that is passed when the connection is lost": {2, 1, 1, explore.Cut, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreBarrier(t, func(c zkapi.Client) proptest.Gate { return leakyGate{gate{c, ""}} }, o)
		}},
		"a double barrier whose Leave fails": {2, 1, 0, 0, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreDoubleBarrier(t, func(c zkapi.Client, n int) proptest.Meeting {
				return rudeMeeting{&meeting{c: c, members: n}}
			}, furnished(""), o)
		}},
		"a counter with a sum of its own": {2, 2, 0, 0, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreCounter(t, func(c zkapi.Client) proptest.Counter { return farCounter{counter{c, ""}} }, furnished(""), o)
		}},
		"a queue that loses two items at a time": {3, 1, 1, explore.LostReply, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreDistributedQueue(t, func(c zkapi.Client) proptest.DistributedQueuer { return greedyDepot{depot{c, ""}} },
				furnished("", "/depot"), o)
		}},
		"a lock whose Release fails": {2, 1, 0, 0, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreLock(t, func(c zkapi.Client) proptest.Locker { return grumblingLine{newLine(c, "")} }, furnished(""), o)
		}},
		"a read/write lock that one reads at a time": {3, 1, 0, 0, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreRWLock(t, func(c zkapi.Client) proptest.RWLocker { return onlyWriters{rw{c, ""}} }, furnished(""), o)
		}},
		"a semaphore that gives out one lease of two": {3, 1, 0, 0, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreSemaphore(t, 2, func(c zkapi.Client) proptest.Locker { return newLine(c, "") }, furnished(""), o)
		}},
		"a lease that nobody is told he has given back": {2, 1, 0, 0, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreLease(t, termTime, func(c zkapi.Client, holder string) proptest.Leaser {
				return tersely{&term{c: c, path: "/term", holder: holder}}
			}, furnished(""), o)
		}},
		"a group that is left in the last round only": {2, 2, 0, 0, func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreGroup(t, func(c zkapi.Client, name string) proptest.Member {
				return slowLeaver{guildsman{&guild{c: c}, name}, new(int)}
			}, furnished("", "/guild"), o)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			res := x.search(t, 2000)
			require.NotNil(t, res.Failure, "%d schedules", res.Schedules)
			t.Log(res.Failure)
		})
	}
}

// hastyShelf has not the patience to find out whether an item is gone, but Put takes its time.
type hastyShelf struct{ *shelf }

func (q hastyShelf) Put(ctx context.Context, item []byte) error {
	err := q.shelf.Put(ctx, item)
	if err == nil {
		_ = q.c.Sync(ctx, "/shelf")
	}
	return err
}

func (q hastyShelf) Consume(ctx context.Context) error {
	_, err := q.c.Multi(ctx, zkapi.DeleteOp(shelfItems+q.item, zkapi.AnyVersion),
		zkapi.DeleteOp(shelfTaken+q.item, zkapi.AnyVersion), zkapi.DeleteOp(q.own, zkapi.AnyVersion))
	if err != nil {
		_ = q.Release(ctx)
	}
	return err
}

// cautiousLatch stands in line anew whenever its connection was lost, and does not lead meanwhile.
type cautiousLatch struct{ *latch }

func (l cautiousLatch) Start() error {
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	go l.run(ctx)
	return nil
}

func (l cautiousLatch) run(ctx context.Context) {
	defer close(l.ended)
	states := l.c.States()
	defer states.Close()
	for ctx.Err() == nil {
		err := l.Acquire(ctx)
		var there bool
		var gone <-chan zkapi.Event
		if err == nil {
			_, there, gone, err = l.c.ExistsW(ctx, "/line/"+l.node)
		}
		if err == nil && there {
			l.set(true)
			l.whileConnected(ctx, gone, states)
			l.set(false)
		}
		l.sweep()
		pause(ctx, termTime)
	}
}

func (l cautiousLatch) whileConnected(ctx context.Context, gone <-chan zkapi.Event, states *zkapi.Stream[zkapi.StateChange]) {
	for l.c.State() == zkapi.StateConnected {
		select {
		case <-gone:
			return
		case <-ctx.Done():
			return
		case <-states.Ready():
			_, _ = states.Next(ctx)
		}
	}
}

// furnishingLatch and furnishingShare make their directories when they start.
type furnishingLatch struct{ *latch }

func (l furnishingLatch) Start() error {
	if err := zkapi.EnsurePath(context.Background(), l.c, "/line", nil); err != nil {
		return err
	}
	return l.latch.Start()
}

type furnishingShare struct{ *share }

func (m furnishingShare) Start() error {
	return zkapi.EnsurePath(context.Background(), m.c, "/members", nil)
}

// idWorkshop removes what nobody works on.
type idWorkshop struct{ workshop }

func (q idWorkshop) Remove(ctx context.Context, id string) (n int, err error) {
	names, _, err := q.c.Children(ctx, strings.TrimSuffix(shelfItems, "/"))
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		data, _, err := q.c.Get(ctx, shelfItems+name)
		if errors.Is(err, zkapi.ErrNoNode) || err == nil && string(data) != id {
			continue
		}
		if err == nil {
			_, err = q.c.Multi(ctx, zkapi.CreateOp(shelfTaken+name, nil, nil, zkapi.Ephemeral),
				zkapi.DeleteOp(shelfItems+name, zkapi.AnyVersion), zkapi.DeleteOp(shelfTaken+name, zkapi.AnyVersion))
		}
		switch {
		case err == nil:
			n++
		case errors.Is(err, zkapi.ErrNodeExists), errors.Is(err, zkapi.ErrNoNode): // somebody has it, or had it
		default:
			return n, err
		}
	}
	return n, nil
}

// reservingWorkshop deletes an item before it works, but has marked it before, so that others pass it over.
type reservingWorkshop struct{ workshop }

func (q reservingWorkshop) Consume(ctx context.Context, work func(context.Context, proptest.Item) error) error {
	for ctx.Err() == nil {
		data, err := q.Get(ctx)
		if errors.Is(err, zkapi.ErrClosed) {
			return err
		}
		if err != nil || q.shelf.Consume(ctx) != nil {
			continue
		}
		if work(ctx, proptest.Item{Data: data}) != nil {
			_ = q.shelf.Put(context.WithoutCancel(ctx), data)
		}
	}
	return ctx.Err()
}

type abstention struct{}

func (abstention) Run(context.Context, func(context.Context) error) error { return nil }

// shyElector keeps to itself that it has not led.
type shyElector struct{ elector }

func (e shyElector) Run(ctx context.Context, lead func(context.Context) error) error {
	led := false
	err := e.elector.Run(ctx, func(ctx context.Context) error {
		led = true
		return lead(ctx)
	})
	if !led {
		return nil
	}
	return err
}

type hurriedElector struct{ elector }

func (e hurriedElector) Run(ctx context.Context, lead func(context.Context) error) error {
	if err := e.Acquire(ctx); err != nil {
		return err
	}
	go func() {
		_ = lead(ctx)
		_ = e.Release(context.Background())
	}()
	return nil
}

type modestLatch struct{ *latch }

func (modestLatch) HasLeadership() bool { return false }

type proudLatch struct {
	*latch
	closed bool
}

func (l *proudLatch) HasLeadership() bool { return !l.closed }

func (l *proudLatch) Close(ctx context.Context) error {
	l.closed = true
	return l.latch.Close(ctx)
}

type leakyGate struct{ gate }

func (g leakyGate) Wait(ctx context.Context) error {
	err := g.gate.Wait(ctx)
	if errors.Is(err, zkapi.ErrConnectionLoss) || errors.Is(err, zkapi.ErrSessionExpired) {
		return nil
	}
	return err
}

// rudeMeeting waits for nobody when it leaves.
type rudeMeeting struct{ *meeting }

func (m rudeMeeting) Leave(ctx context.Context) error {
	_ = m.c.Delete(ctx, "/meet/"+m.own, zkapi.AnyVersion)
	return errors.New("is gone already")
}

type farCounter struct{ counter }

func (x farCounter) Add(ctx context.Context, n int64) (int64, error) {
	sum, err := x.counter.Add(ctx, n)
	return 1000 - sum, err
}

// greedyDepot takes two items with one transaction, and loses both with its reply.
type greedyDepot struct{ depot }

func (q greedyDepot) Consume(ctx context.Context, work func(context.Context, proptest.Item) error) error {
	for ctx.Err() == nil {
		names, _, changed, err := q.c.ChildrenW(ctx, "/depot")
		if errors.Is(err, zkapi.ErrClosed) {
			return err
		}
		if err == nil && len(names) == 0 {
			_ = await(ctx, changed)
			continue
		}
		slices.Sort(names)
		var ops []zkapi.Op
		var items [][]byte
		for _, name := range names[:min(2, len(names))] {
			data, _, failed := q.c.Get(ctx, "/depot/"+name)
			err = errors.Join(err, failed)
			items, ops = append(items, data), append(ops, zkapi.DeleteOp("/depot/"+name, zkapi.AnyVersion))
		}
		if err == nil {
			_, err = q.c.Multi(ctx, ops...)
		}
		if err != nil {
			continue
		}
		for i, data := range items {
			if work(ctx, proptest.Item{Data: data}) != nil {
				_ = q.put(context.WithoutCancel(ctx), "/depot/"+names[i][:strings.LastIndexByte(names[i], '-')+1], data)
			}
		}
	}
	return ctx.Err()
}

type grumblingLine struct{ *line }

func (l grumblingLine) Release(ctx context.Context) error {
	_ = l.line.Release(ctx)
	return errors.New("it had to be")
}

// onlyWriters are readers who do not know that they could be several.
type onlyWriters struct{ rw }

func (l onlyWriters) Read() proptest.Locker { return l.Write() }

type tersely struct{ *term }

func (l tersely) Release(ctx context.Context) (bool, error) {
	_, err := l.term.Release(ctx)
	return false, err
}

// slowLeaver stays where it is until the second time.
type slowLeaver struct {
	guildsman
	times *int
}

func (m slowLeaver) Leave(ctx context.Context) error {
	if *m.times++; *m.times == 2 {
		return m.guildsman.Leave(ctx)
	}
	return nil
}

func (m slowLeaver) Join(ctx context.Context) error {
	_, err := m.c.Create(context.WithoutCancel(ctx), "/guild/"+m.name, nil, nil, zkapi.Ephemeral)
	m.node = "/guild/" + m.name
	if errors.Is(err, zkapi.ErrNodeExists) {
		return nil
	}
	return err
}
