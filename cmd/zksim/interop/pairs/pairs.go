package pairs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// Library is whose recipes ours meet.
type Library string

// The libraries.
const (
	Kazoo   Library = "kazoo"
	Curator Library = "curator"
	GoZK    Library = "go-zookeeper"
)

// patience is how long anything may take.
const patience = 20 * time.Second

// meeting is one pair.
type meeting struct {
	name string
	run  func(*table)
}

// meetings are the pairs with each library.
var meetings = map[Library][]meeting{
	Kazoo:   kazooMeetings,
	Curator: curatorMeetings,
	GoZK:    goZKMeetings,
}

var kazooMeetings = []meeting{
	{"Lock", kazooLock},
	{"Lock in go-zookeeper's layout", kazooLockOnOthersPath},
	{"RWLock", kazooRWLock},
	{"Semaphore", kazooSemaphore},
	{"Election", kazooElection},
	{"Barrier", kazooBarrier},
	{"DoubleBarrier", kazooDoubleBarrier},
	{"Counter", kazooCounters},
	{"Counter of floats", kazooFloats},
	{"Counter with support_curator", kazooCuratorCounters},
	{"Queue", kazooQueue},
	{"LockingQueue", kazooLockingQueue},
	{"Party", kazooParty},
	{"ShallowParty", kazooShallowParty},
	{"Lease and NonBlockingLease", kazooLease},
}

var curatorMeetings = []meeting{
	{"Lock in its layout and InterProcessMutex", curatorLock(recipes.Curator)},
	{"Lock in go-zookeeper's layout and InterProcessMutex", curatorLock(recipes.GoZK)},
	{"Revoke and Revoker", curatorRevoke},
	{"RWLock and InterProcessReadWriteLock", curatorRWLock},
	{"Semaphore and InterProcessSemaphoreV2", curatorSemaphore},
	{"Election and LeaderSelector", curatorLeaderSelector},
	{"LeaderLatch", curatorLeaderLatch},
	{"Barrier and DistributedBarrier", curatorBarrier},
	{"DoubleBarrier and DistributedDoubleBarrier", curatorDoubleBarrier},
	{"Atomic and DistributedAtomicLong", curatorLong},
	{"Atomic and DistributedAtomicInteger", curatorInteger},
	{"Shared and SharedCount", curatorSharedCount},
	{"SimpleQueue and SimpleDistributedQueue", curatorSimpleQueue},
	{"GroupMember", curatorGroup},
}

// Run has all recipes meet those of a library, below root on the server at addr. The peer is nil for
// go-zookeeper, which is in this program. The error names the lines whose result is wrong; it may also
// be that something did not work at all.
func Run(ctx context.Context, lib Library, peer *Peer, addr, root string, out io.Writer) error {
	client, err := realserver.Connect(ctx, []string{addr})
	if err != nil {
		return err
	}
	defer client.Close()
	var wrong []error
	for _, m := range meetings[lib] {
		t := &table{ctx: ctx, client: client, peer: peer, addr: addr, path: root + "/" + strings.ReplaceAll(m.name, " ", "-"), name: m.name, out: out}
		wrong = append(wrong, t.sit(m.run))
		if ctx.Err() != nil {
			break
		}
	}
	wrong = append(wrong, recipes.Flush(ctx, client), zkapi.DeleteRecursive(ctx, client, root))
	return errors.Join(wrong...)
}

// table is where a pair meets.
type table struct {
	ctx    context.Context
	client zkapi.Client
	peer   *Peer
	addr   string
	path   string // theirs alone
	name   string
	out    io.Writer
	wrong  []error
}

// trouble is how a step ends a meeting.
type trouble struct{ err error }

func (t *table) sit(run func(*table)) (err error) {
	ctx, cancel := context.WithTimeoutCause(t.ctx, patience, fmt.Errorf("not done after %v", patience))
	defer cancel()
	t.ctx = ctx
	defer func() {
		switch p := recover().(type) {
		case nil:
			err = errors.Join(t.wrong...)
		case trouble:
			err = errors.Join(append(t.wrong, fmt.Errorf("%s: %w", t.name, p.err))...)
		default:
			panic(p)
		}
	}()
	run(t)
	return nil
}

// must ends the meeting if something does not work.
func (t *table) must(what string, err error) {
	if err != nil {
		panic(trouble{fmt.Errorf("%s: %w", what, err)})
	}
}

// is prints a result, and notes if it is not as it should be.
func (t *table) is(what string, got, want any) {
	fmt.Fprintf(t.out, "%s, %s: %v\n", t.name, what, got)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.wrong = append(t.wrong, fmt.Errorf("%s: %s: %v, want %v", t.name, what, got, want))
	}
}

// new has the peer make an object.
func (t *table) new(object, kind string, args ...string) {
	_, err := await(t.ctx, t.peer.start(object, "new", append([]string{kind}, args...)...))
	t.must("new "+kind, err)
}

// call has the peer call a method, and waits for the result.
func (t *table) call(object, method string, args ...string) string {
	values, err := await(t.ctx, t.peer.start(object, method, args...))
	t.must(object+"."+method, err)
	return strings.Join(values, " ")
}

// later has the peer call a method that waits; the function that it returns waits for it.
func (t *table) later(object, method string, args ...string) (result func() string) {
	c := t.peer.start(object, method, args...)
	return func() string {
		values, err := await(t.ctx, c)
		t.must(object+"."+method, err)
		return strings.Join(values, " ")
	}
}

// until waits until a condition holds. Nobody tells when another client has made his node, so it looks
// again and again.
func (t *table) until(what string, holds func() bool) {
	for !holds() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-t.ctx.Done():
			panic(trouble{fmt.Errorf("%s: %w", what, context.Cause(t.ctx))})
		}
	}
}

// children waits until there are n nodes at a path.
func (t *table) children(path string, n int) {
	t.until(fmt.Sprintf("%d children of %s", n, path), func() bool {
		names, _, err := t.client.Children(t.ctx, path)
		if !errors.Is(err, zkapi.ErrNoNode) {
			t.must("children", err)
		}
		return len(names) == n
	})
}

// ours starts a call of ours that waits; the function that it returns waits for it.
func (t *table) ours(what string, f func(context.Context) error) (wait func()) {
	done := make(chan error, 1)
	go func() { done <- f(t.ctx) }()
	return func() { t.must(what, <-done) }
}

// sorted are values that come in no order.
func sorted(values []string, err error) string {
	if err != nil {
		return err.Error()
	}
	slices.Sort(values)
	return strings.Join(values, " ")
}

// inOrder are values whose order matters.
func inOrder(values []string, err error) string {
	if err != nil {
		return err.Error()
	}
	return strings.Join(values, " ")
}
