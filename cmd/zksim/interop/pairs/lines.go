package pairs

import (
	"context"
	"errors"
	"strings"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// Recipes in which several stand in line, and what is built on them: r/w locks, semaphores, elections.

// readAndWrite has readers together and writers alone.
func (t *table) readAndWrite(opts ...func(*recipes.Options)) *recipes.RWLock {
	ours := recipes.NewRWLock(t.client, t.path, opts...)
	read, write := t.peerLock("read"), t.peerLock("write")
	t.must("Acquire", ours.Read().Acquire(t.ctx))
	t.is("they read while we read", read.acquire()(), "true")
	t.is("they try to write while all read", write.try(), "false")
	read.release()
	t.is("they try to write while we read", write.try(), "false")
	got := write.acquire()
	t.children(t.path, 2)
	t.must("Release", ours.Read().Release(t.ctx))
	t.is("they write when nobody reads", got(), "true")
	tries := func(l *recipes.Lock) bool {
		got, err := l.TryAcquire(t.ctx)
		t.must("TryAcquire", err)
		return got
	}
	t.is("we try to read while they write", tries(ours.Read()), false)
	t.is("we try to write while they write", tries(ours.Write()), false)
	wait := t.ours("Acquire", ours.Write().Acquire)
	t.children(t.path, 2)
	write.release()
	wait()
	t.is("they try to read while we write", read.try(), "false")
	t.must("Release", ours.Write().Release(t.ctx))
	t.is("they read when nobody writes", read.try(), "true")
	read.release()
	other := recipes.NewRWLock(t.client, t.path, opts...).Write() // an RWLock is one participant
	t.contend(t.peerParty("read", reader), t.peerParty("write", alone),
		t.party(reader, between(ours.Read().Acquire, ours.Read().Release)), t.party(alone, between(other.Acquire, other.Release)))
	return ours
}

func kazooRWLock(t *table) {
	t.new("read", "ReadLock", t.path, "theirs")
	t.new("write", "WriteLock", t.path, "theirs")
	ours := t.readAndWrite(named("ours"))
	t.must("Acquire", ours.Read().Acquire(t.ctx))
	got := t.later("write", "acquire")
	t.children(t.path, 2)
	t.is("contenders, asked by us", inOrder(ours.Write().Contenders(t.ctx)), "ours theirs")
	t.is("contenders, asked by them", t.call("write", "contenders"), "ours theirs")
	t.must("Release", ours.Read().Release(t.ctx))
	t.is("acquired", got(), "true")
	t.call("write", "release")
}

func curatorRWLock(t *table) {
	t.new("both", "InterProcessReadWriteLock", t.path)
	t.new("read", "readLock", "both")
	t.new("write", "writeLock", "both")
	ours := t.readAndWrite(layout(recipes.Curator))
	t.must("Acquire", ours.Read().Acquire(t.ctx))
	t.is("acquired", t.call("read", "acquire"), "true")
	got := t.later("write", "acquire")
	t.children(t.path, 3)
	t.new("waiting", "writeLock", "both") // the same again: the other one has a thread that waits
	theirs := append(strings.Fields(t.call("read", "participants")), strings.Fields(t.call("waiting", "participants"))...)
	t.is("there are", len(theirs), 3)
	t.is("we see those whom they see", sorted(ours.Read().ContenderNodes(t.ctx)) == sorted(theirs, nil), true)
	t.must("Release", ours.Read().Release(t.ctx))
	t.call("read", "release")
	t.is("they write when the last reader is gone", got(), "true")
	t.call("write", "release")
}

// curatorDowngrade has each side go from writing to reading while the other one waits to write.
func curatorDowngrade(t *table) {
	downgrade(t, func(ours *recipes.RWLock) {
		t.must("Acquire", ours.Read().Acquire(t.ctx))
		t.children(t.path, 3)
		t.must("Release", ours.Write().Release(t.ctx))
	})
}

func downgrade(t *table, down func(*recipes.RWLock)) {
	t.new("both", "InterProcessReadWriteLock", t.path)
	t.new("write", "writeLock", t.theirName("both"))
	ours := recipes.NewRWLock(t.client, t.path, layout(recipes.Curator))
	t.must("Acquire", ours.Write().Acquire(t.ctx))
	got := t.later("write", "acquire")
	t.children(t.path, 2)
	down(ours)
	t.children(t.path, 2)
	t.is("they try to write while we read", t.try("InterProcessReadWriteLock"), "false")
	t.must("Release", ours.Read().Release(t.ctx))
	t.is("they write when we do not read any more", got(), "true")

	wait := t.ours("Acquire", ours.Write().Acquire)
	t.children(t.path, 2)
	t.is("they read while they write", t.call("write", "downgrade", t.theirName("both")), "true")
	t.children(t.path, 2)
	other := recipes.NewRWLock(t.client, t.path, layout(recipes.Curator))
	can, err := other.Write().TryAcquire(t.ctx)
	t.must("TryAcquire", err)
	t.is("we try to write while they read", can, false)
	t.call("write", "endReading", t.theirName("both"))
	wait()
	t.is("we write when they do not read any more", ours.Write().Held(), true)
	t.must("Release", ours.Write().Release(t.ctx))
}

// try has another one of theirs try to write.
func (t *table) try(kind string) string {
	t.new("other", kind, t.path)
	t.new("otherWrite", "writeLock", t.theirName("other"))
	return t.call("otherWrite", "try")
}

// curatorMultiLock has two locks that are held together, one of which the other side wants for itself.
func curatorMultiLock(t *table) { holdBoth(t, recipes.Curator) }

func holdBoth(t *table, l recipes.Layout) {
	a, b := t.path+"/a", t.path+"/b"
	at := func(path string) *recipes.Lock { return recipes.NewLock(t.client, path, layout(l)) }
	ours := recipes.NewMultiLock(at(a), at(b))
	t.new("both", "InterProcessMultiLock", a, b)
	t.new("one", "InterProcessMutex", b)
	t.must("Acquire", ours.Acquire(t.ctx))
	t.is("they try both while we hold both", t.call("both", "try"), "false")
	t.is("they try one while we hold both", t.call("one", "try"), "false")
	t.is("what is left of that", t.count(a)+t.count(b), 2)
	got := t.later("both", "acquire")
	t.children(a, 2)
	t.must("Release", ours.Release(t.ctx))
	t.is("they get both", got(), "true")
	try := func() bool {
		got, err := ours.TryAcquire(t.ctx)
		t.must("TryAcquire", err)
		return got
	}
	t.is("we try both while they hold both", try(), false)
	t.is("what is left of that", t.count(a)+t.count(b), 2)
	t.call("both", "release")
	t.is("they hold one", t.call("one", "acquire"), "true")
	t.is("we try both while they hold one", try(), false)
	t.is("what is left of that", t.count(a)+t.count(b), 1)
	wait := t.ours("Acquire", ours.Acquire)
	t.children(b, 2)
	t.call("one", "release")
	wait()
	t.is("we hold both", ours.Held(), true)
	t.must("Release", ours.Release(t.ctx))
	t.contend(t.peerParty("both", alone), t.party(alone, between(ours.Acquire, ours.Release)))
}

// curatorSemaphoreMutex is a lock that is a semaphore of one lease.
func curatorSemaphoreMutex(t *table) { oneLease(t, 1) }

func oneLease(t *table, n int) {
	t.new("mutex", "InterProcessSemaphoreMutex", t.path)
	ours := recipes.NewSemaphore(t.client, t.path, n, layout(recipes.Curator))
	held, err := ours.Acquire(t.ctx)
	t.must("Acquire", err)
	got := t.later("mutex", "acquire")
	t.children(t.path+"/locks", 1)
	t.must("Release", held.Release(t.ctx))
	t.is("they get what we release", got(), "true")
	held, err = ours.TryAcquire(t.ctx)
	t.must("TryAcquire", err)
	t.is("we try while they hold", held != nil, false)
	t.call("mutex", "release")
	held, err = ours.TryAcquire(t.ctx)
	t.must("TryAcquire", err)
	t.is("we try when it is free", held != nil, true)
	t.must("Release", held.Release(t.ctx))
	t.contend(t.peerParty("mutex", alone), t.lesseeOf(alone, ours))
}

// shareLeases has two leases go around.
func (t *table) shareLeases(ours *recipes.Semaphore) {
	one, err := ours.Acquire(t.ctx)
	t.must("Acquire", err)
	t.is("they get the second lease", t.call("semaphore", "acquire"), "true")
	third, err := ours.TryAcquire(t.ctx)
	t.must("TryAcquire", err)
	t.is("there is a third", third != nil, false)
	var got *recipes.Hold
	wait := t.ours("Acquire", func(ctx context.Context) (err error) {
		got, err = ours.Acquire(ctx)
		return err
	})
	t.call("semaphore", "release")
	wait()
	t.is("they try while we hold both", t.call("semaphore", "try"), "false")
	t.must("Release", one.Release(t.ctx))
	t.is("they try while we hold one", t.call("semaphore", "try"), "true")
	t.call("semaphore", "release")
	t.must("Release", got.Release(t.ctx))
	t.contend(t.peerParty("semaphore", pair), t.peerParty("another", pair), t.lessee(ours), t.lessee(ours))
}

// lessee is one who takes a lease again and again.
func (t *table) lessee(s *recipes.Semaphore) party { return t.lesseeOf(pair, s) }

func (t *table) lesseeOf(kind string, s *recipes.Semaphore) party {
	var h *recipes.Hold
	return t.party(kind, between(func(ctx context.Context) (err error) {
		h, err = s.Acquire(ctx)
		return err
	}, func(ctx context.Context) error { return h.Release(ctx) }))
}

func kazooSemaphore(t *table) {
	t.new("semaphore", "Semaphore", t.path, "theirs", "2")
	t.new("another", "Semaphore", t.path, "another", "2")
	ours := recipes.NewSemaphore(t.client, t.path, 2, named("ours"))
	t.shareLeases(ours)
	h, err := ours.Acquire(t.ctx)
	t.must("Acquire", err)
	t.call("semaphore", "acquire")
	t.is("lease holders, asked by us", sorted(ours.LeaseHolders(t.ctx)), "ours theirs")
	t.is("lease holders, asked by them", sorted(strings.Fields(t.call("semaphore", "lease_holders")), nil), "ours theirs")
	other := recipes.NewSemaphore(t.client, t.path, 3)
	_, err = other.TryAcquire(t.ctx)
	t.is("another limit is refused", errors.Is(err, recipes.ErrLimit), true)
	t.call("semaphore", "release")
	t.must("Release", h.Release(t.ctx))

	first := t.path + "-first"
	t.new("first", "Semaphore", first, "theirs", "2")
	t.is("they acquire before we have said how many there are", t.call("first", "acquire"), "true")
	_, err = recipes.NewSemaphore(t.client, first, 3).TryAcquire(t.ctx)
	t.is("another limit than theirs is refused", errors.Is(err, recipes.ErrLimit), true)
	h, err = recipes.NewSemaphore(t.client, first, 2).TryAcquire(t.ctx)
	t.must("TryAcquire", err)
	t.is("we get the second one", h.Held(), true)
	t.call("first", "release")
	t.must("Release", h.Release(t.ctx))
}

func curatorSemaphore(t *table) {
	t.new("semaphore", "InterProcessSemaphoreV2", t.path, "2")
	t.new("another", "InterProcessSemaphoreV2", t.path, "2")
	ours := recipes.NewSemaphore(t.client, t.path, 2, layout(recipes.Curator))
	t.shareLeases(ours)
	h, err := ours.Acquire(t.ctx)
	t.must("Acquire", err)
	t.call("semaphore", "acquire")
	leases := func() string {
		nodes, err := ours.LeaseNodes(t.ctx)
		for i := range nodes {
			nodes[i] = zkapi.Base(nodes[i])
		}
		return sorted(nodes, err)
	}
	t.is("leases, asked by us", len(strings.Fields(leases())), 2)
	t.is("they see those whom we see", sorted(strings.Fields(t.call("semaphore", "participants")), nil) == leases(), true)
	t.call("semaphore", "release")
	t.must("Release", h.Release(t.ctx))
}

// elect has leadership go from us to them and back.
func (t *table) elect(lead func(ctx context.Context) (wait func(), stop func()), participants func() string, theirs func() string) {
	wait, stop := lead(t.ctx)
	wait()
	t.call("election", "start")
	t.until("two participants", func() bool { return participants() == "ours theirs" })
	t.is("participants, asked by us", participants(), "ours theirs")
	t.is("participants, asked by them", theirs(), "ours theirs")
	t.is("they lead while we do", t.call("election", "leads"), "false")
	stop()
	t.is("they lead after us", t.call("election", "awaitLeadership"), "true")
	wait, stop = lead(t.ctx)
	t.until("two participants", func() bool { return participants() == "theirs ours" })
	t.call("election", "stop")
	wait()
	t.is("they lead when they have stopped", t.call("election", "leads"), "false")
	stop()
}

// rule has each side be elected again and again.
func (t *table) rule(election func(name string) *recipes.Election) {
	var parties []party
	for _, name := range []string{"ours", "others"} {
		e := election(name)
		parties = append(parties, t.party(alone, func(ctx context.Context, f func(context.Context) error) error {
			return e.Run(ctx, func(ctx context.Context, _ *recipes.Hold) error { return f(ctx) })
		}))
	}
	t.contend(append(parties, t.peerParty("again", alone))...)
}

// runElection is how our Election leads.
func runElection(e *recipes.Election, t *table) func(context.Context) (func(), func()) {
	return func(ctx context.Context) (wait, stop func()) {
		leads, enough := make(chan struct{}), make(chan struct{})
		ended := t.ours("Run", func(ctx context.Context) error {
			return e.Run(ctx, func(context.Context, *recipes.Hold) error {
				close(leads)
				<-enough
				return nil
			})
		})
		return func() {
				select {
				case <-leads:
				case <-ctx.Done():
					t.must("leading", context.Cause(ctx))
				}
			}, func() {
				close(enough)
				ended()
			}
	}
}

func kazooElection(t *table) {
	t.new("election", "Election", t.path, "theirs")
	e := recipes.NewElection(t.client, t.path, named("ours"))
	t.elect(runElection(e, t), func() string { return inOrder(e.Contenders(t.ctx)) }, func() string { return t.call("election", "contenders") })
	t.new("again", "Election", t.path, "again")
	t.rule(func(name string) *recipes.Election { return recipes.NewElection(t.client, t.path, named(name)) })
}

func curatorLeaderSelector(t *table) {
	t.new("election", "LeaderSelector", t.path, "theirs")
	e := recipes.NewElection(t.client, t.path, named("ours", layout(recipes.Curator)))
	t.elect(runElection(e, t), func() string { return inOrder(e.Contenders(t.ctx)) }, func() string { return t.call("election", "participants") })
	t.new("again", "LeaderSelector", t.path, "again")
	t.rule(func(name string) *recipes.Election {
		return recipes.NewElection(t.client, t.path, named(name, layout(recipes.Curator)))
	})
}

func curatorLeaderLatch(t *table) {
	t.new("election", "LeaderLatch", t.path, "theirs")
	var latch *recipes.LeaderLatch
	asked := recipes.NewLeaderLatch(t.client, t.path)
	lead := func(ctx context.Context) (wait, stop func()) {
		latch = recipes.NewLeaderLatch(t.client, t.path, named("ours"))
		t.must("Start", latch.Start())
		return func() { t.must("Await", latch.Await(ctx)) }, func() { t.must("Close", latch.Close(ctx)) }
	}
	participants := func() string {
		all, err := asked.Participants(t.ctx)
		t.must("Participants", err)
		var names []string
		for _, p := range all {
			names = append(names, p.ID)
		}
		return inOrder(names, nil)
	}
	t.elect(lead, participants, func() string { return t.call("election", "participants") })
	t.new("again", "LeaderLatch", t.path, "again")
	t.contend(t.peerParty("again", alone), t.party(alone, func(ctx context.Context, f func(context.Context) error) error {
		l := recipes.NewLeaderLatch(t.client, t.path)
		err := errors.Join(l.Start(), l.Await(ctx))
		if err == nil {
			err = f(ctx)
		}
		return errors.Join(err, l.Close(ctx))
	}))
}

// javaElection is LeaderElectionSupport, which takes every child of its node for one of its own, named
// n_ and a counter. So nothing of ours can stand there, as our names have a GUID; we can look on.
func javaElection(t *table) {
	t.must("EnsurePath", zkapi.EnsurePath(t.ctx, t.client, t.path, nil))
	cache := watchers.NewChildrenCache(t.ctx, t.client, t.path)
	defer cache.Close()
	hosts := func() string {
		var all []string
		for _, name := range cache.Children(t.path) {
			if node, ok := cache.Node(zkapi.Join(t.path, name)); ok {
				all = append(all, string(node.Data))
			}
		}
		return inOrder(all, nil)
	}
	t.new("one", "LeaderElectionSupport", t.path, "one")
	t.new("two", "LeaderElectionSupport", t.path, "two")
	t.call("one", "start")
	t.is("the first one leads", t.call("one", "awaitLeadership"), "true")
	t.call("two", "start")
	t.until("two offers", func() bool { return hosts() == "one two" })
	t.is("offers, as we see them", hosts(), "one two")
	t.is("leader, asked by them", t.call("two", "leader"), "one")
	t.is("the second one leads", t.call("two", "leads"), "false")
	t.call("one", "stop")
	t.is("the second one leads after the first", t.call("two", "awaitLeadership"), "true")
	t.until("one offer", func() bool { return hosts() == "two" })
	t.is("offers after that", hosts(), "two")

	ours := recipes.NewLock(t.client, t.path, layout(recipes.GoZK))
	t.must("Acquire", ours.Acquire(t.ctx))
	t.is("they ask for the leader while we are there", t.call("two", "leader"), "NumberFormatException")
	t.must("Release", ours.Release(t.ctx))
	t.call("two", "stop")
}
