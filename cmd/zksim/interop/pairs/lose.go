package pairs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// What each side takes over, or goes on with, when a session ends.

// lost waits until we know that something is lost.
func (t *table) lost(h *recipes.Hold) {
	select {
	case <-h.Lost():
	case <-t.ctx.Done():
	}
	t.is("we hold it", h.Held(), false)
}

// loseLock has each side lose a lock with its session. theirs makes one of theirs.
func (t *table) loseLock(ours *recipes.Lock, theirs func() theirLock) {
	t.must("Acquire", ours.Acquire(t.ctx))
	held := ours.Hold()
	lock := theirs()
	got := lock.acquire()
	t.children(t.path, 2)
	t.weCrash()
	t.is("they get what we lose", got(), "true")
	t.lost(held)
	t.is("we give back what we have lost", errors.Is(ours.Release(t.ctx), recipes.ErrNotHeld), true)
	wait := t.ours("Acquire", ours.Acquire)
	t.children(t.path, 2)
	t.theyCrash()
	wait()
	t.is("we get what they lose", ours.Held(), true)
	lock = theirs()
	got = lock.acquire()
	t.children(t.path, 2)
	t.must("Release", ours.Release(t.ctx))
	t.is("they get it again", got(), "true")
	lock.release()
	t.must("Flush", recipes.Flush(t.ctx, t.client))
	t.children(t.path, 0)
}

// losePeerLock is loseLock with locks of the peer's, each of which is a new one.
func (t *table) losePeerLock(ours *recipes.Lock, lock func(*table, string) theirLock, kind string, args ...string) {
	n := 0
	t.loseLock(ours, func() theirLock {
		n++
		object := "lock" + string(rune('0'+n))
		t.new(object, kind, append([]string{t.path}, args...)...)
		return lock(t, object)
	})
}

func loseKazooLock(t *table) {
	t.losePeerLock(recipes.NewLock(t.client, t.path), (*table).peerLock, "Lock", "theirs")
}

func loseKazooLockOnOthersPath(t *table) {
	ours := recipes.NewLock(t.client, t.path, layout(recipes.GoZK, "__lock__"))
	t.losePeerLock(ours, (*table).peerLock, "LockWithPattern", "theirs", "-lock-")
}

func loseCuratorLock(l recipes.Layout) func(*table) {
	return func(t *table) {
		t.losePeerLock(recipes.NewLock(t.client, t.path, layout(l)), (*table).peerLock, "InterProcessMutex")
	}
}

func loseZooKeeperLock(kind string) func(*table) {
	return func(t *table) { t.losePeerLock(t.zooKeeperLock(), (*table).peerZooKeeperLock, kind) }
}

func loseGoZKLock(opts ...func(*recipes.Options)) func(*table) {
	return func(t *table) {
		var ends []func()
		defer func() {
			for _, end := range ends {
				end()
			}
		}()
		t.loseLock(recipes.NewLock(t.client, t.path, opts...), func() theirLock {
			lock, end := t.goZKLock()
			ends = append(ends, end)
			return lock
		})
	}
}

// loseRWLock has each side lose what it reads and what it writes. theirs makes their locks at a path.
func (t *table) loseRWLock(theirs func(path, name string) (read, write theirLock), opts ...func(*recipes.Options)) {
	written, readable := t.path+"-written", t.path+"-read"
	w, r := recipes.NewRWLock(t.client, written, opts...), recipes.NewRWLock(t.client, readable, opts...)
	read, _ := theirs(written, "w")
	_, write := theirs(readable, "r")
	both := func(ours1, ours2 *recipes.Lock, n int) (wait func()) {
		wait1, wait2 := t.ours("Acquire", ours1.Acquire), t.ours("Acquire", ours2.Acquire)
		t.children(written, n)
		t.children(readable, n)
		return func() { wait1(); wait2() }
	}
	both(w.Write(), r.Read(), 1)()
	held := w.Write().Hold()
	reads, writes := read.acquire(), write.acquire()
	t.children(written, 2)
	t.children(readable, 2)
	t.weCrash()
	t.is("they read what we have written", reads(), "true")
	t.is("they write what we have read", writes(), "true")
	t.lost(held)
	t.lost(r.Read().Hold())
	_, _ = w.Write().Release(t.ctx), r.Read().Release(t.ctx) // that is for the next Acquire
	wait := both(w.Write(), r.Read(), 2)
	t.theyCrash()
	wait()
	t.is("we write what they have read", w.Write().Held(), true)
	t.is("we read what they have written", r.Read().Held(), true)
	t.must("Release", errors.Join(w.Write().Release(t.ctx), r.Read().Release(t.ctx)))
}

func loseKazooRWLock(t *table) {
	t.loseRWLock(func(path, name string) (read, write theirLock) {
		t.new(name+"read", "ReadLock", path, "theirs")
		t.new(name+"write", "WriteLock", path, "theirs")
		return t.peerLock(name + "read"), t.peerLock(name + "write")
	})
}

func loseCuratorRWLock(t *table) {
	t.loseRWLock(func(path, name string) (read, write theirLock) {
		t.new(name, "InterProcessReadWriteLock", path)
		t.new(name+"read", "readLock", t.theirName(name))
		t.new(name+"write", "writeLock", t.theirName(name))
		return t.peerLock(name + "read"), t.peerLock(name + "write")
	}, layout(recipes.Curator))
}

// loseSemaphore has each side lose the only lease.
func (t *table) loseSemaphore(ours *recipes.Semaphore) {
	held, err := ours.Acquire(t.ctx)
	t.must("Acquire", err)
	got := t.later("semaphore", "acquire")
	t.until("they wait", func() bool { return t.waiters() })
	t.weCrash()
	t.is("they get the lease that we lose", got(), "true")
	t.lost(held)
	wait := t.ours("Acquire", func(ctx context.Context) (err error) {
		held, err = ours.Acquire(ctx)
		return err
	})
	t.until("we wait", func() bool { return t.waiters() })
	t.theyCrash()
	wait()
	t.is("we get the lease that they lose", held.Held(), true)
	t.must("Release", held.Release(t.ctx))
}

// waiters tells whether somebody waits for a lease, with the lock that one has for that.
func (t *table) waiters() bool { return t.count(t.path+"-__lock__")+t.count(t.path+"/locks") > 0 }

func loseKazooSemaphore(t *table) {
	t.new("semaphore", "Semaphore", t.path, "theirs", "1")
	t.loseSemaphore(recipes.NewSemaphore(t.client, t.path, 1))
}

func loseCuratorSemaphore(t *table) {
	t.new("semaphore", "InterProcessSemaphoreV2", t.path, "1")
	t.loseSemaphore(recipes.NewSemaphore(t.client, t.path, 1, layout(recipes.Curator)))
}

// loseElection has each side lose the leadership.
func (t *table) loseElection(e *recipes.Election) {
	lead := func() (leads func(), end func(), lost <-chan struct{}) {
		begun, over, enough := make(chan struct{}), make(chan struct{}), make(chan struct{})
		ended := t.ours("Run", func(ctx context.Context) error {
			err := e.Run(ctx, func(ctx context.Context, h *recipes.Hold) error {
				close(begun)
				select {
				case <-ctx.Done():
				case <-enough:
				}
				close(over)
				return nil
			})
			if errors.Is(err, recipes.ErrNotHeld) {
				return nil
			}
			return err
		})
		return func() { t.wait("leading", begun) }, func() { close(enough); ended() }, over
	}
	leads, end, lost := lead()
	leads()
	t.call("election", "start")
	t.children(t.path, 2)
	t.weCrash()
	t.is("they lead after us", t.call("election", "awaitLeadership"), "true")
	t.wait("our end", lost)
	end()
	leads, end, _ = lead()
	t.children(t.path, 2)
	t.theyCrash()
	leads()
	t.is("we lead after them", e.HasLeadership(), true)
	end()
	t.call("election", "stop")
}

// wait waits for what closes a channel.
func (t *table) wait(what string, c <-chan struct{}) {
	select {
	case <-c:
	case <-t.ctx.Done():
		t.must(what, context.Cause(t.ctx))
	}
}

func loseKazooElection(t *table) {
	t.new("election", "Election", t.path, "theirs")
	t.loseElection(recipes.NewElection(t.client, t.path))
}

func loseLeaderSelector(t *table) {
	t.new("election", "LeaderSelector", t.path, "theirs")
	t.loseElection(recipes.NewElection(t.client, t.path, layout(recipes.Curator)))
}

// loseLeaderLatch has the leadership go around without anybody doing anything: who has lost it stands in line
// again.
func loseLeaderLatch(t *table) {
	t.new("election", "LeaderLatch", t.path, "theirs")
	latch := recipes.NewLeaderLatch(t.client, t.path, named("ours"))
	t.must("Start", latch.Start())
	t.must("Await", latch.Await(t.ctx))
	t.call("election", "start")
	line := func(want string) {
		names := func() string {
			all, err := latch.Participants(t.ctx)
			t.must("Participants", err)
			var names []string
			for _, p := range all {
				names = append(names, p.ID)
			}
			return inOrder(names, nil)
		}
		t.until("the line is "+want, func() bool { return names() == want })
		t.is("who stands in line", names(), want)
	}
	line("ours theirs")
	t.weCrash()
	t.is("they lead after us", t.call("election", "awaitLeadership"), "true")
	line("theirs ours")
	t.is("we lead", latch.HasLeadership(), false)
	t.theyCrash()
	t.must("Await", latch.Await(t.ctx))
	line("ours theirs")
	t.is("they lead", t.call("election", "leads"), "false")
	t.call("election", "stop")
	t.must("Close", latch.Close(t.ctx))
}

// loseBarrier has each side wait for a barrier while its session ends. Kazoo's does not notice any more when it
// is removed.
func (t *table) loseBarrier(kind string, theirsWaits bool) {
	t.new("barrier", kind, t.path)
	ours := recipes.NewBarrier(t.client, t.path)
	t.must("Create", ours.Create(t.ctx))
	wait := t.ours("Wait", ours.Wait)
	t.weCrash()
	t.call("barrier", "remove")
	wait()
	t.is("we pass what they remove", true, true)
	if !theirsWaits {
		return
	}
	t.must("Create", ours.Create(t.ctx))
	passed := t.later("barrier", "wait")
	t.theyCrash()
	_, err := ours.Remove(t.ctx)
	t.must("Remove", err)
	t.is("they pass what we remove", passed(), "true")
}

func loseKazooBarrier(t *table)   { t.loseBarrier("Barrier", false) }
func loseCuratorBarrier(t *table) { t.loseBarrier("DistributedBarrier", true) }

// loseDoubleBarrier has each side end alone, because the other one's session has.
func (t *table) loseDoubleBarrier(ours *recipes.DoubleBarrier) {
	enter := func() {
		entered := t.later("barrier", "enter")
		t.children(t.path, 1)
		t.must("Enter", ours.Enter(t.ctx))
		t.is("they enter with us", entered(), "true")
	}
	enter()
	t.weCrash()
	t.is("they leave without us", t.call("barrier", "leave"), "true")
	err := ours.Leave(t.ctx)
	t.is("we leave", err == nil || errors.Is(err, recipes.ErrNotHeld), true)
	enter()
	t.theyCrash()
	t.must("Leave", ours.Leave(t.ctx))
	t.is("what is left", t.count(t.path), 0)
}

func loseKazooDoubleBarrier(t *table) {
	t.new("barrier", "DoubleBarrier", t.path, "2", "theirs")
	t.loseDoubleBarrier(recipes.NewDoubleBarrier(t.client, t.path, 2, named("ours")))
}

func loseCuratorDoubleBarrier(t *table) {
	t.new("barrier", "DistributedDoubleBarrier", t.path, "2")
	t.loseDoubleBarrier(recipes.NewDoubleBarrier(t.client, t.path, 2))
}

// loseSharedCount has each side hear of changes that the other one makes after the end of its session.
func loseSharedCount(t *table) {
	t.new("count", "SharedCount", t.path, "3")
	t.call("count", "start")
	ours := recipes.NewShared(t.client, t.path, recipes.Int32(), 9)
	t.must("Start", ours.Start(t.ctx))
	defer ours.Close()
	t.weCrash()
	t.call("count", "set", "4")
	t.until("we hear of what they set", func() bool { return ours.Value() == 4 })
	t.is("we hear of what they set", ours.Value(), 4)
	t.theyCrash()
	t.must("Set", ours.Set(t.ctx, 5))
	t.is("they hear of what we set", t.call("count", "await", "5"), "true")
}

// loseLockingQueue has each side lose an item that it works on.
func loseLockingQueue(t *table) {
	t.new("queue", "LockingQueue", t.path)
	ours := recipes.NewLockingQueue(t.client, t.path)
	t.must("Put", ours.Put(t.ctx, []byte("item")))
	get := func() (item string) {
		data, err := ours.Get(t.ctx)
		t.must("Get", err)
		return string(data)
	}
	t.is("we hold", get(), "item")
	got := t.later("queue", "get")
	t.weCrash()
	t.is("they hold what we lose", got(), "item")
	t.is("we consume what we have lost", errors.Is(ours.Consume(t.ctx), recipes.ErrNotHeld), true)
	items := make(chan string, 1)
	wait := t.ours("Get", func(ctx context.Context) error {
		data, err := ours.Get(ctx)
		items <- string(data)
		return err
	})
	t.theyCrash()
	wait()
	t.is("we hold what they lose", <-items, "item")
	t.must("Consume", ours.Consume(t.ctx))
	t.is("what is left", t.count(t.path+"/entries")+t.count(t.path+"/taken"), 0)
}

// loseTaking has each side wait for an item while its session ends.
func loseTaking(t *table) {
	t.new("queue", "SimpleDistributedQueue", t.path)
	ours := recipes.NewSimpleQueue(t.client, t.path)
	items := make(chan string, 1)
	wait := t.ours("Take", func(ctx context.Context) error {
		item, err := ours.Take(ctx)
		items <- string(item)
		return err
	})
	t.weCrash()
	t.call("queue", "offer", "theirs")
	wait()
	t.is("we take what comes", <-items, "theirs")
	late := t.later("queue", "take")
	t.theyCrash()
	t.must("Offer", ours.Offer(t.ctx, []byte("ours")))
	t.is("they take what comes", late(), "ours")
}

// loseLockedItem has each side lose an item that it works on. Curator looks for items when some have come or
// gone, not when somebody's lock has: so another item comes.
func loseLockedItem(t *table) {
	locks := t.path + "-locks"
	ours := recipes.NewDistributedQueue(t.client, t.path, recipes.PlainQueue, func(o *recipes.DistributedQueueOptions) { o.LockPath = locks })
	works, enough := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.ctx)
	done := t.ours("Consume", func(context.Context) error {
		err := ours.Consume(ctx, func(ctx context.Context, _ recipes.Item) error {
			cancel() // no more after this one
			close(works)
			<-enough
			return nil
		})
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	})
	t.put(ours, recipes.Item{}, "first")
	t.wait("work", works)
	t.new("get", "DistributedQueue", "consumer", t.path, locks)
	t.weCrash()
	close(enough)
	done()
	t.put(ours, recipes.Item{}, "second")
	t.is("they get what we have not done", sorted(strings.Fields(t.call("get", "take", "2")), nil), "first second")
	t.children(t.path, 0)
	t.call("get", "stumble", "third")
	t.put(ours, recipes.Item{}, "third")
	t.is("they work on", t.call("get", "stumbled"), "third")
	var got string
	wait := t.ours("Consume", func(ctx context.Context) (err error) {
		got, err = consume(ctx, ours, 1)
		return err
	})
	t.theyCrash()
	wait()
	t.is("we get what they have not done", got, "third")
	t.call("get", "fail")
	t.children(locks, 0)
}

// loseParty has each side be a member again, which kazoo is not: it comes back when it is told to.
func (t *table) loseParty(ours *recipes.Party) {
	members := func(want string) {
		t.until("the members are "+want, func() bool { return inOrder(ours.Members(t.ctx)) == want })
		t.is("members, asked by us", inOrder(ours.Members(t.ctx)), want)
		t.is("members, asked by them", t.call("party", "members"), want)
	}
	t.call("party", "join")
	t.must("Join", ours.Join(t.ctx))
	members("ours theirs")
	t.weCrash()
	members("ours theirs")
	t.theyCrash()
	members("ours")
	_, err := ours.Leave(t.ctx)
	t.must("Leave", err)
}

func loseKazooParty(t *table) {
	t.new("party", "Party", t.path, "theirs")
	t.loseParty(recipes.NewParty(t.client, t.path, named("ours")))
}

func loseKazooShallowParty(t *table) {
	t.new("party", "ShallowParty", t.path, "theirs")
	t.loseParty(recipes.NewShallowParty(t.client, t.path, named("ours")))
}

// reborn waits until a node was made again: it tells its czxid, which has to be another one than before.
func (t *table) reborn(path string, before int64) (czxid int64) {
	t.until(path+" again", func() bool {
		stat, there, err := t.client.Exists(t.ctx, path)
		t.must("Exists", err)
		czxid = stat.Czxid
		return there && czxid != before
	})
	return czxid
}

func loseGroup(t *table) {
	t.new("group", "GroupMember", t.path, "theirs", "their data")
	t.call("group", "start")
	group := recipes.NewGroupMember(t.client, t.path, "ours", []byte("our data"))
	t.must("Start", group.Start())
	own, other := t.reborn(t.path+"/ours", 0), t.reborn(t.path+"/theirs", 0)
	both := func() {
		want := "ours=our data theirs=their data"
		t.until("both, asked by them", func() bool { return t.call("group", "members") == want })
		t.is("members, asked by them", t.call("group", "members"), want)
		t.until("both, asked by us", func() bool { return len(group.Members()) == 2 })
		t.is("what they have, asked by us", string(group.Members()["theirs"]), "their data")
	}
	t.weCrash()
	t.reborn(t.path+"/ours", own)
	both()
	t.theyCrash()
	t.reborn(t.path+"/theirs", other)
	both()
	t.call("group", "close")
	t.must("Close", group.Close(t.ctx))
}

// loseLease has a lease outlive the session of its holder.
func (t *table) loseLease(kind string, make func(path, id string) *recipes.Lease) {
	obtain := func(l *recipes.Lease) bool {
		got, err := l.Obtain(t.ctx)
		t.must("Obtain", err)
		return got
	}
	given, taken := make(t.path+"-ours", "ours"), make(t.path+"-theirs", "ours")
	t.new("given", kind, t.path+"-ours", "60", "theirs", "0")
	t.new("taken", kind, t.path+"-theirs", "60", "theirs", "0")
	t.is("we obtain one", obtain(given), true)
	t.is("they obtain one", t.call("taken", "obtain"), "true")
	t.weCrash()
	t.is("they obtain ours", t.call("given", "obtain"), "false")
	t.is("we renew ours", obtain(given), true)
	t.theyCrash()
	t.is("we obtain theirs", obtain(taken), false)
	t.is("they renew theirs", t.call("taken", "obtain"), "true")
}

func loseKazooLease(t *table) {
	t.loseLease("NonBlockingLease", func(path, id string) *recipes.Lease {
		return recipes.NewLease(t.client, path, time.Minute, id)
	})
}

// losePartition has each side lose its share. Kazoo does not take part any more after that.
func losePartition(t *table) {
	set := []string{"a", "b", "c", "d", "e"}
	t.new("set", "SetPartitioner", t.path, "theirs", strings.Join(set, ","), "0.2")
	t.call("set", "start")
	shares := t.partition(set)
	both := func(ours, theirs string) {
		t.until("shares", func() bool { return inOrder(shares.Items(), nil) == ours && t.call("set", "items") == theirs })
		t.is("ours", inOrder(shares.Items(), nil), ours)
		t.is("theirs", t.call("set", "items"), theirs)
		t.is("ours, asked the server", t.locked(set), ours)
	}
	both("a c e", "b d")
	t.weCrash()
	both("a c e", "b d")
	t.theyCrash()
	both("a b c d e", "")
	t.must("Finish", shares.Finish(t.ctx))
}

// loseService has each side lose an instance, which is registered again.
func (t *table) loseService(kind recipes.ServiceType, left bool) {
	discovery := recipes.NewDiscovery(t.client, t.path)
	t.new("theirs", "ServiceDiscovery", t.path)
	port := 8080
	_, err := discovery.Register(t.ctx, recipes.ServiceInstance{Name: "web", ID: "ours", Address: "10.0.0.1", Port: &port, Type: kind})
	t.must("Register", err)
	t.call("theirs", "register", "web", "theirs", "10.0.0.2", "9090", "green", "{scheme}://{address}:{port}/y", string(kind))
	owners := func() (all []int64) {
		names, _, err := t.client.Children(t.ctx, t.path+"/web")
		t.must("Children", err)
		for _, name := range names {
			stat, there, err := t.client.Exists(t.ctx, zkapi.Join(t.path, "web", name))
			t.must("Exists", err)
			if there {
				all = append(all, stat.EphemeralOwner)
			}
		}
		slices.Sort(all)
		return all
	}
	before := owners()
	again := func() {
		t.until("both, of other sessions", func() bool {
			now := owners()
			return len(now) >= 2 && !slices.Equal(now, before)
		})
		before = owners()
		t.is("instances, asked by us", once(t.instances(discovery)), "ours theirs")
		t.is("instances, asked by them", once(t.call("theirs", "instances", "web")), "ours theirs")
	}
	t.weCrash()
	again()
	t.theyCrash()
	again()
	t.must("Close", discovery.Close(t.ctx))
	t.call("theirs", "close")
	t.is("instances that are left", t.count(t.path+"/web") > 0, left)
}

// once are words without those that come again. Curator registers again what has a counter when the reply is lost.
func once(words string) string {
	return strings.Join(slices.Compact(strings.Fields(words)), " ")
}

func loseDynamic(t *table) { t.loseService(recipes.Dynamic, false) }

// loseSequential knows that they do not take back what they have registered.
func loseSequential(t *table) { t.loseService(recipes.DynamicSequential, true) }

// latest is the last of what a loop of ours has seen.
type latest struct {
	mu   sync.Mutex
	text string
}

func (l *latest) see(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = text
}

func (l *latest) is(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text == text
}

// loseData has kazoo's DataWatch go on, and our loop.
func loseData(t *table) {
	t.root()
	t.new("theirs", "DataWatch", t.path)
	var seen latest
	go func() {
		for node, err := range watchers.Data(t.ctx, t.client, t.path) {
			if err == nil {
				seen.see(string(node.Data))
			}
		}
	}()
	t.goOn(func(data string) {
		t.call("theirs", "setMany", data)
		t.until("we see "+data, func() bool { return seen.is(data) })
		t.until("they see "+data, func() bool { return strings.HasSuffix(t.call("theirs", "seen"), data) })
		t.is("both see", data, data)
	})
}

// loseChildren has kazoo's ChildrenWatch go on, and our loop.
func loseChildren(t *table) {
	t.root()
	t.new("theirs", "ChildrenWatch", t.path)
	var seen latest
	go func() {
		for listing, err := range watchers.Children(t.ctx, t.client, t.path) {
			if err == nil {
				seen.see(strings.Join(listing.Names, "+"))
			}
		}
	}()
	var all []string
	t.goOn(func(name string) {
		t.call("theirs", "create", name)
		all = append(all, name)
		want := strings.Join(all, "+")
		t.until("we see "+want, func() bool { return seen.is(want) })
		t.until("they see "+want, func() bool { return t.call("theirs", "last") == want })
		t.is("both see", want, want)
	})
}

// goOn does something before and after the end of each session.
func (t *table) goOn(do func(name string)) {
	do("a")
	t.weCrash()
	do("b")
	t.theyCrash()
	do("c")
}

// loseCache has each side go on seeing what the other one does.
func loseCache(within scope, kind string, ours func(context.Context, zkapi.Client, string, ...func(*watchers.CacheConfig)) *watchers.Cache) func(*table) {
	return func(t *table) {
		t.root()
		t.new("theirs", kind, t.path)
		cache := ours(t.ctx, t.client, t.path)
		defer cache.Close()
		views := []view{t.cached(within, cache), t.their("them", "theirs")}
		t.goOn(func(data string) {
			_, err := t.client.Set(t.ctx, t.path, []byte(data), zkapi.AnyVersion)
			t.must("Set", err)
			_, err = t.client.Create(t.ctx, zkapi.Join(t.path, data), []byte(data), nil, zkapi.Persistent)
			t.must("Create", err)
			for _, v := range views {
				t.settle(v, t.contents(within))
			}
		})
	}
}
