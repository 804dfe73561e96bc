package pairs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// theirLock is somebody else's lock on the same path.
type theirLock struct {
	try     func() string // "true" if it got it, without waiting
	acquire func() (result func() string)
	release func()
	contend party
}

// party is one of those who contend: it takes the lock n times and toils, and tells how often somebody was
// there who may not be.
type party struct {
	kind string // of its work
	run  func(work string, n int) (result func() string)
}

// The kinds of work.
const (
	alone  = "alone"  // nobody else is there
	reader = "reader" // others may be, but none who wants to be alone
	pair   = "pair"   // there is one other at most
)

// takeTurns has a lock of ours and one of theirs exclude each other, and follow each other in the order
// in which they came.
func (t *table) takeTurns(ours *recipes.Lock, theirs theirLock) {
	try := func() bool {
		got, err := ours.TryAcquire(t.ctx)
		t.must("TryAcquire", err)
		return got
	}
	t.must("Acquire", ours.Acquire(t.ctx))
	if theirs.try != nil {
		t.is("they try while we hold", theirs.try(), "false")
	}
	got := theirs.acquire()
	t.children(t.path, 2)
	again := t.ours("Acquire", ours.Acquire) // the same object: it waits at its own gate
	t.must("Release", ours.Release(t.ctx))
	t.is("they get what we release", got(), "true")
	t.children(t.path, 2)
	t.is("we try while they hold", ours.Held(), false)
	theirs.release()
	again()
	t.is("we get what they release", ours.Held(), true)
	t.must("Release", ours.Release(t.ctx))

	got = theirs.acquire()
	t.is("they get it when it is free", got(), "true")
	t.is("we do not get what they hold", try(), false)
	theirs.release()
	t.is("we get it when it is free", try(), true)
	t.must("Release", ours.Release(t.ctx))
	t.contend(theirs.contend, t.party(alone, between(ours.Acquire, ours.Release)))
	t.must("Flush", recipes.Flush(t.ctx, t.client))
	t.children(t.path, 0)
}

// rounds are how often each party does something when several do it at the same time.
const rounds = 10

// contend has parties work at the same node, each as fast as it can, and with nothing but the lock between
// them. The server shows whether somebody was there who may not be: then one has found the other's node, or
// what one of them has written is lost.
func (t *table) contend(parties ...party) {
	work := t.path + "-work"
	t.must("EnsurePath", zkapi.EnsurePath(t.ctx, t.client, work, nil))
	_, err := t.client.Create(t.ctx, work+"/number", []byte("0"), nil, zkapi.Persistent)
	t.must("Create", err)
	var results []func() string
	want := 0
	for _, p := range parties {
		results = append(results, p.run(work, rounds))
		if p.kind == alone {
			want += rounds
		}
	}
	var met []string
	for _, result := range results {
		met = append(met, result())
	}
	t.is("how often they were too many", strings.Join(met, " "), strings.TrimSpace(strings.Repeat("0 ", len(parties))))
	number, _, err := t.client.Get(t.ctx, work+"/number")
	t.must("Get", err)
	t.is("what they have done", string(number), want)
}

// party is one in this program. What it does is within something that is acquired before and released after.
func (t *table) party(kind string, within func(ctx context.Context, f func(context.Context) error) error) party {
	return party{kind, func(work string, n int) func() string {
		met := 0
		wait := t.ours("contend", func(ctx context.Context) (err error) {
			for i := 0; i < n && err == nil; i++ {
				err = within(ctx, func(ctx context.Context) error {
					ok, err := t.toil(ctx, work, kind)
					if !ok {
						met++
					}
					return err
				})
			}
			return err
		})
		return func() string {
			wait()
			return strconv.Itoa(met)
		}
	}}
}

// between is what is within an acquire and a release.
func between(acquire, release func(context.Context) error) func(context.Context, func(context.Context) error) error {
	return func(ctx context.Context, f func(context.Context) error) error {
		if err := acquire(ctx); err != nil {
			return err
		}
		return errors.Join(f(ctx), release(ctx))
	}
}

// peerParty is one of the peer's.
func (t *table) peerParty(object, kind string) party {
	return party{kind, func(work string, n int) func() string {
		return t.later(object, "contend", work, strconv.Itoa(n), kind)
	}}
}

// toil does some work, and tells whether all is as it should be. Who is alone adds one to a number, in a
// way that is safe for one alone.
func (t *table) toil(ctx context.Context, work, kind string) (ok bool, err error) {
	if kind != alone {
		return t.look(ctx, work, kind)
	}
	_, err = t.client.Create(ctx, work+"/inside", nil, nil, zkapi.Ephemeral)
	if errors.Is(err, zkapi.ErrNodeExists) {
		return false, nil
	}
	var names []string
	if err == nil {
		names, _, err = t.client.Children(ctx, work)
	}
	if err == nil {
		err = t.addOne(ctx, work+"/number")
	}
	if err == nil {
		err = t.client.Delete(ctx, work+"/inside", zkapi.AnyVersion)
	}
	return readers(names) == 0, err
}

func (t *table) addOne(ctx context.Context, path string) error {
	data, _, err := t.client.Get(ctx, path)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(string(data))
	if err != nil {
		return err
	}
	_, err = t.client.Set(ctx, path, []byte(strconv.Itoa(n+1)), zkapi.AnyVersion)
	return err
}

// look is the work of those who need not be alone.
func (t *table) look(ctx context.Context, work, kind string) (ok bool, err error) {
	own, err := t.client.Create(ctx, work+"/reader-", nil, nil, zkapi.EphemeralSequential)
	if err != nil {
		return false, err
	}
	names, _, err := t.client.Children(ctx, work)
	if err == nil {
		err = t.client.Delete(ctx, own, zkapi.AnyVersion)
	}
	return !slices.Contains(names, "inside") && (kind == reader || readers(names) <= 2), err
}

func readers(names []string) (n int) {
	for _, name := range names {
		if strings.HasPrefix(name, "reader-") {
			n++
		}
	}
	return n
}

func named(name string, opts ...func(*recipes.Options)) func(*recipes.Options) {
	return func(o *recipes.Options) {
		o.Identifier = name
		for _, opt := range opts {
			opt(o)
		}
	}
}

func layout(l recipes.Layout, extra ...string) func(*recipes.Options) {
	return func(o *recipes.Options) { o.Layout, o.ExtraTags = l, extra }
}

// peerLock is a lock of the peer.
func (t *table) peerLock(object string) theirLock {
	return theirLock{
		try:     func() string { return t.call(object, "try") },
		acquire: func() func() string { return t.later(object, "acquire") },
		release: func() { t.call(object, "release") },
		contend: t.peerParty(object, alone),
	}
}

func kazooLock(t *table) {
	ours := recipes.NewLock(t.client, t.path, named("ours"))
	t.new("lock", "Lock", t.path, "theirs")
	t.takeTurns(ours, t.peerLock("lock"))

	t.must("Acquire", ours.Acquire(t.ctx))
	got := t.later("lock", "acquire")
	t.children(t.path, 2)
	t.is("contenders, asked by us", inOrder(ours.Contenders(t.ctx)), "ours theirs")
	t.is("contenders, asked by them", t.call("lock", "contenders"), "ours theirs")
	t.must("Release", ours.Release(t.ctx))
	t.is("acquired", got(), "true")
	t.call("lock", "release")
}

// Kazoo heeds Curator's and go-zookeeper's names if it is told to.
func kazooLockOnOthersPath(t *table) {
	ours := recipes.NewLock(t.client, t.path, layout(recipes.GoZK, "__lock__"))
	t.new("lock", "LockWithPattern", t.path, "theirs", "-lock-")
	t.takeTurns(ours, t.peerLock("lock"))
}

func curatorLock(l recipes.Layout) func(*table) {
	return func(t *table) {
		ours := recipes.NewLock(t.client, t.path, named("ours", layout(l)))
		t.new("lock", "InterProcessMutex", t.path)
		t.takeTurns(ours, t.peerLock("lock"))
	}
}

func curatorRevoke(t *table) {
	ours := recipes.NewLock(t.client, t.path, layout(recipes.Curator))
	t.new("lock", "InterProcessMutex", t.path)
	t.must("Acquire", ours.Acquire(t.ctx))
	t.call("lock", "attemptRevoke", ours.Hold().Node())
	select {
	case <-ours.Hold().Revoked():
		t.is("their Revoker reaches us", true, true)
	case <-t.ctx.Done():
		t.is("their Revoker reaches us", false, true)
	}
	t.must("Release", ours.Release(t.ctx))

	t.call("lock", "makeRevocable")
	t.is("acquired", t.call("lock", "acquire"), "true")
	nodes, err := ours.ContenderNodes(t.ctx)
	t.must("ContenderNodes", err)
	t.is("contenders", len(nodes), 1)
	t.must("Revoke", recipes.Revoke(t.ctx, t.client, nodes[0]))
	t.is("ours reaches their listener", t.call("lock", "revoked"), "true")
	t.call("lock", "release")
}

// silence is what go-zookeeper says when a connection breaks, which is meant to.
type silence struct{}

func (silence) Printf(string, ...any) {}

// goZKLock is go-zookeeper's lock, from this program.
func (t *table) goZKLock() (lock theirLock, end func()) {
	conn, _, err := zk.Connect([]string{t.addr}, 10*time.Second, zk.WithLogger(silence{}))
	t.must("zk.Connect", err)
	l := zk.NewLock(conn, t.path, zk.WorldACL(zk.PermAll))
	return theirLock{
		acquire: func() func() string {
			done := make(chan error, 1)
			go func() { done <- l.Lock() }()
			return func() string {
				t.must("Lock", <-done)
				return "true"
			}
		},
		release: func() { t.must("Unlock", l.Unlock()) },
		contend: t.party(alone, between(func(context.Context) error { return l.Lock() }, func(context.Context) error { return l.Unlock() })),
	}, conn.Close
}

func goZKLock(opts ...func(*recipes.Options)) func(*table) {
	return func(t *table) {
		theirs, end := t.goZKLock()
		defer end()
		t.takeTurns(recipes.NewLock(t.client, t.path, opts...), theirs)
	}
}

func curatorAndGoZKLock(t *table) {
	goZK, end := t.goZKLock()
	defer end()
	t.new("lock", "InterProcessMutex", t.path)
	t.standInLine(recipes.NewLock(t.client, t.path, layout(recipes.GoZK)), goZK, t.peerLock("lock"))
}

// The recipes that come with ZooKeeper heed any name that ends with "-" and a counter; ours have to be
// told to do so.
func (t *table) zooKeeperLock() *recipes.Lock {
	return recipes.NewLock(t.client, t.path, layout(recipes.GoZK, "-"))
}

func zooKeeperLock(kind string) func(*table) {
	return func(t *table) {
		t.new("lock", kind, t.path)
		ours := t.zooKeeperLock()
		t.takeTurns(ours, t.peerZooKeeperLock("lock"))

		t.must("Acquire", ours.Acquire(t.ctx))
		t.call("lock", "stand")
		t.call("lock", "release")
		t.is("who is in line when they have given up", t.count(t.path), 1)
		t.must("Release", ours.Release(t.ctx))
		t.is("they get it all the same", t.call("lock", "wait"), "true")
		t.is("who is in line then", t.count(t.path), 1)
		t.call("lock", "release")
		t.is("who is in line in the end", t.count(t.path), 0)
	}
}

// peerZooKeeperLock is one of these. Who has tried in vain would get it later all the same, and who loses
// the node before him between two requests loses his place, too: he has to stand in line first.
func (t *table) peerZooKeeperLock(object string) theirLock {
	l := t.peerLock(object)
	l.try = nil
	l.acquire = func() func() string {
		t.call(object, "stand")
		return t.later(object, "wait")
	}
	return l
}

func allLocks(t *table) {
	t.of(Java).new("java", "WriteLock", t.path)
	t.of(C).new("c", "zkr_lock", t.path)
	t.standInLine(t.zooKeeperLock(), t.peerZooKeeperLock("java"), t.peerZooKeeperLock("c"))
}

// standInLine has several others get the lock in the order in which they came, and then in any order.
func (t *table) standInLine(ours *recipes.Lock, others ...theirLock) {
	t.must("Acquire", ours.Acquire(t.ctx))
	var results []func() string
	for i, other := range others {
		results = append(results, other.acquire())
		t.children(t.path, i+2)
	}
	t.must("Release", ours.Release(t.ctx))
	for i, result := range results {
		t.is(fmt.Sprintf("number %d gets it", i+1), result(), "true")
		nodes, err := ours.ContenderNodes(t.ctx)
		t.must("ContenderNodes", err)
		t.is(fmt.Sprintf("those in line while number %d has it", i+1), len(nodes), len(others)-i)
		others[i].release()
	}
	parties := []party{t.party(alone, between(ours.Acquire, ours.Release))}
	for _, other := range others {
		parties = append(parties, other.contend)
	}
	t.contend(parties...)
	t.must("Flush", recipes.Flush(t.ctx, t.client))
	t.children(t.path, 0)
}
