package pairs

import (
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zksim/zksim/recipes"
)

// theirLock is somebody else's lock on the same path.
type theirLock struct {
	try     func() string // "true" if it got it, without waiting
	acquire func() (result func() string)
	release func()
}

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
	t.must("Flush", recipes.Flush(t.ctx, t.client))
	t.children(t.path, 0)
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

// goZKLock is go-zookeeper's lock, from this program.
func (t *table) goZKLock() (lock theirLock, end func()) {
	conn, _, err := zk.Connect([]string{t.addr}, 10*time.Second, zk.WithLogInfo(false))
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
	}, conn.Close
}

func goZKLock(opts ...func(*recipes.Options)) func(*table) {
	return func(t *table) {
		theirs, end := t.goZKLock()
		defer end()
		t.takeTurns(recipes.NewLock(t.client, t.path, opts...), theirs)
	}
}

var goZKMeetings = []meeting{
	{"Lock in its layout", goZKLock(layout(recipes.GoZK))},
	{"Lock in Curator's layout", goZKLock(layout(recipes.Curator))},
	{"Lock in kazoo's layout with -lock-", goZKLock(layout(recipes.Kazoo, "-lock-"))},
}
