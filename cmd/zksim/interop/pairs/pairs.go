package pairs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/cmd/zksim/interop/proxy"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// Library is whose recipes ours meet.
type Library string

// The libraries.
const (
	Kazoo   Library = "kazoo"
	Curator Library = "curator"
	GoZK    Library = "go-zookeeper"
	Java    Library = "zookeeper-java" // the recipes that come with ZooKeeper
	C       Library = "zookeeper-c"    // those in C
	All     Library = "all"            // all of these at one table
	Planted Library = "planted"        // the same, where ours do not go with theirs: that has to be noticed
)

// Peers are the programs of libraries.
type Peers map[Library]*Peer

// Peers are those that have to be there.
func (l Library) Peers() []Library {
	switch l {
	case GoZK: // is in this program
		return nil
	case All, Planted:
		return []Library{Kazoo, Curator, Java, C}
	}
	return []Library{l}
}

// wires are the ways of all of them to the server.
func (p Peers) wires() (all []wire) {
	for lib, peer := range p {
		all = append(all, wire{peer.wire, lib != Java && lib != C})
	}
	return all
}

// patience is how long anything may take.
const patience = 40 * time.Second

// meeting is where some of a pair meet.
type meeting struct {
	pair int // its number
	name string
	run  func(*table)
	// lose has each side lose its session in turn, while it holds what the other one waits for. It is nil where
	// nothing is held.
	lose func(*table)
}

// meetings are those with each library.
var meetings = map[Library][]meeting{
	Kazoo:   kazooMeetings,
	Curator: curatorMeetings,
	GoZK:    goZKMeetings,
	Java:    javaMeetings,
	C:       cMeetings,
	All:     allMeetings,
	Planted: plantedMeetings,
}

var goZKMeetings = []meeting{
	{2, "Lock in kazoo's layout with -lock-", goZKLock(layout(recipes.Kazoo, "-lock-")), loseGoZKLock(layout(recipes.Kazoo, "-lock-"))},
	{3, "Lock in Curator's layout", goZKLock(layout(recipes.Curator)), loseGoZKLock(layout(recipes.Curator))},
	{3, "Lock in its layout", goZKLock(layout(recipes.GoZK)), loseGoZKLock(layout(recipes.GoZK))},
}

var kazooMeetings = []meeting{
	{1, "Lock", kazooLock, loseKazooLock},
	{1, "Election", kazooElection, loseKazooElection},
	{4, "Lock in go-zookeeper's layout", kazooLockOnOthersPath, loseKazooLockOnOthersPath},
	{5, "RWLock", kazooRWLock, loseKazooRWLock},
	{7, "Semaphore", kazooSemaphore, loseKazooSemaphore},
	{9, "Barrier", kazooBarrier, loseKazooBarrier},
	{10, "DoubleBarrier", kazooDoubleBarrier, loseKazooDoubleBarrier},
	{11, "Counter", kazooCounters, nil},
	{11, "Counter of floats", kazooFloats, nil},
	{11, "Counter with support_curator", kazooCuratorCounters, nil},
	{12, "Queue", kazooQueue, nil},
	{12, "LockingQueue", kazooLockingQueue, loseLockingQueue},
	{15, "Party", kazooParty, loseKazooParty},
	{15, "ShallowParty", kazooShallowParty, loseKazooShallowParty},
	{16, "Lease and NonBlockingLease", kazooLease, loseKazooLease},
	{16, "NewMultiLease and MultiNonBlockingLease", kazooMultiLease, nil},
	{17, "SetPartitioner", kazooPartitioner, losePartition},
	{21, "Data and DataWatch", kazooData, loseData},
	{21, "Children and ChildrenWatch", kazooChildren, loseChildren},
	{21, "TreeCache", kazooTree, loseCache(everything, "TreeCache", watchers.NewTreeCache)},
}

var curatorMeetings = []meeting{
	{3, "Lock in its layout and InterProcessMutex", curatorLock(recipes.Curator), loseCuratorLock(recipes.Curator)},
	{3, "Lock in go-zookeeper's layout and InterProcessMutex", curatorLock(recipes.GoZK), loseCuratorLock(recipes.GoZK)},
	{3, "Lock and InterProcessMutex and go-zookeeper's Lock", curatorAndGoZKLock, nil},
	{3, "MultiLock and InterProcessMultiLock", curatorMultiLock, nil},
	{6, "RWLock and InterProcessReadWriteLock", curatorRWLock, loseCuratorRWLock},
	{6, "RWLock that is downgraded", curatorDowngrade, nil},
	{7, "Semaphore and InterProcessSemaphoreV2", curatorSemaphore, loseCuratorSemaphore},
	{7, "Semaphore and InterProcessSemaphoreMutex", curatorSemaphoreMutex, nil},
	{8, "Election and LeaderSelector", curatorLeaderSelector, loseLeaderSelector},
	{8, "LeaderLatch", curatorLeaderLatch, loseLeaderLatch},
	{9, "Barrier and DistributedBarrier", curatorBarrier, loseCuratorBarrier},
	{10, "DoubleBarrier and DistributedDoubleBarrier", curatorDoubleBarrier, loseCuratorDoubleBarrier},
	{11, "Atomic and DistributedAtomicLong", curatorLong, nil},
	{11, "Atomic and DistributedAtomicInteger", curatorInteger, nil},
	{11, "Shared and SharedCount", curatorSharedCount, loseSharedCount},
	{11, "Shared and SharedValue", curatorSharedValue, nil},
	{11, "Atomic and DistributedAtomicValue", curatorValue, nil},
	{11, "Numbers and CachedAtomicLong", curatorNumbers, nil},
	{13, "SimpleQueue and SimpleDistributedQueue", curatorSimpleQueue, loseTaking},
	{14, "DistributedQueue", curatorQueue, nil},
	{14, "DistributedQueue with locks", curatorLockedQueue, loseLockedItem},
	{14, "PriorityQueue and DistributedPriorityQueue", curatorPriorityQueue, nil},
	{14, "DelayQueue and DistributedDelayQueue", curatorDelayQueue, nil},
	{14, "IDQueue and DistributedIdQueue", curatorIDQueue, nil},
	{14, "QueueSharder", curatorSharder(true), loseSharder},
	{14, "QueueSharder that they begin", curatorSharder(false), nil},
	{15, "GroupMember", curatorGroup, loseGroup},
	{18, "Revoke and Revoker", curatorRevoke, nil},
	{22, "PersistentNode", curatorNode, loseNode},
	{22, "TTLNode and PersistentTtlNode", curatorTTLNode, nil},
	{19, "Discovery and ServiceDiscovery", curatorDiscovery, loseDynamic},
	{19, "Discovery with DynamicSequential", curatorSequential, loseSequential},
	{21, "Node cache and NodeCache", curatorCache(itself, "NodeCache", watchers.NewNodeCache), loseCache(itself, "NodeCache", watchers.NewNodeCache)},
	{21, "Children cache and PathChildrenCache", curatorCache(itsChildren, "PathChildrenCache", watchers.NewChildrenCache), loseCache(itsChildren, "PathChildrenCache", watchers.NewChildrenCache)},
	{21, "Tree cache and TreeCache", curatorCache(everything, "TreeCache", watchers.NewTreeCache), loseCache(everything, "TreeCache", watchers.NewTreeCache)},
	{21, "Tree cache and CuratorCache", curatorCache(everything, "CuratorCache", watchers.NewTreeCache), loseCache(everything, "CuratorCache", watchers.NewTreeCache)},
}

var javaMeetings = []meeting{
	{8, "Children cache and LeaderElectionSupport", javaElection, nil},
	{13, "SimpleQueue and DistributedQueue", zooKeeperQueue("DistributedQueue"), nil},
	{20, "Lock and WriteLock", zooKeeperLock("WriteLock"), loseZooKeeperLock("WriteLock")},
}

var cMeetings = []meeting{
	{13, "SimpleQueue and zoo_queue", zooKeeperQueue("zkr_queue"), nil},
	{20, "Lock and zkr_lock", zooKeeperLock("zkr_lock"), loseZooKeeperLock("zkr_lock")},
}

var allMeetings = []meeting{
	{10, "DoubleBarrier and those of kazoo and Curator", allDoubleBarrier, nil},
	{11, "Atomic and the counters of kazoo and Curator", allCounters, nil},
	{13, "SimpleQueue and those of Curator and ZooKeeper", allQueues, nil},
	{20, "Lock and WriteLock and zkr_lock", allLocks, nil},
	{21, "Tree cache and those of kazoo and Curator", allTrees, nil},
}

// Run has all recipes meet those of a library, below root on the server at addr, where nodes may be left for
// [Clear]. The error names the lines whose result is wrong; it may also be that something did not work at all.
func Run(ctx context.Context, lib Library, peers Peers, addr, root string, out io.Writer) error {
	way, err := proxy.New(addr)
	if err != nil {
		return err
	}
	defer way.Close()
	client, err := realserver.Connect(ctx, []string{way.Addr()})
	if err != nil {
		return err
	}
	defer client.Close()
	h := house{ctx, client, lib, peers, addr, root, out}
	err = h.meet()
	return errors.Join(err, h.lose(way), recipes.Flush(ctx, client))
}

// Clear deletes root, when the peers have ended: some make again what they are to keep.
func Clear(ctx context.Context, addr, root string) error {
	client, err := realserver.Connect(ctx, []string{addr})
	if err != nil {
		return err
	}
	defer client.Close()
	return zkapi.DeleteRecursive(ctx, client, root)
}

// house is where all tables are.
type house struct {
	ctx    context.Context
	client zkapi.Client
	lib    Library
	peers  Peers
	addr   string
	root   string
	out    io.Writer
}

func (h *house) table(name, path string) *table {
	t := &table{ctx: h.ctx, client: h.client, peers: h.peers, addr: h.addr, limit: patience, out: h.out,
		name: name, path: h.root + "/" + strings.ReplaceAll(path, " ", "-")}
	if all := h.lib.Peers(); len(all) > 0 {
		t.lib = all[0]
	}
	return t
}

// sit has something go on at a table. What is planted has to be noticed within a limit.
func (h *house) sit(t *table, limit time.Duration, run func(*table)) error {
	if h.lib == Planted {
		return t.notice(limit, run)
	}
	return t.sit(run)
}

// meet has one pair meet after the other.
func (h *house) meet() error {
	var failed []error
	for _, m := range meetings[h.lib] {
		if m.run != nil && h.ctx.Err() == nil {
			failed = append(failed, h.sit(h.table(m.name, m.name), 2*time.Second, m.run))
		}
	}
	return errors.Join(failed...)
}

// lose has all pairs that lose something meet at the same time.
func (h *house) lose(way *proxy.Proxy) error {
	wires := map[string][]wire{ours: {{way, true}}, theirs: h.peers.wires()}
	var all []loser
	for _, m := range meetings[h.lib] {
		if m.lose == nil {
			continue
		}
		t := h.table(m.name, m.name+"-lost")
		t.prefix = fmt.Sprintf("lost%d-", len(all))
		if h.lib == GoZK { // each has a client in this program
			own, err := proxy.New(h.addr)
			if err != nil {
				return err
			}
			defer own.Close()
			t.addr, wires[theirs] = own.Addr(), append(wires[theirs], wire{own, true})
		}
		all = append(all, loser{t, func() error { return h.sit(t, 8*time.Second, m.lose) }})
	}
	return survive(h.ctx, all, wires, h.out)
}

// table is where a pair meets.
type table struct {
	ctx    context.Context
	client zkapi.Client
	peers  Peers
	lib    Library          // whose the next new object is
	owners map[string]*Peer // of objects
	addr   string
	limit  time.Duration // of a meeting
	hasty  bool          // the first wrong result ends it
	path   string        // theirs alone
	name   string
	out    io.Writer
	said   map[string]int // how often
	wrong  []error

	prefix  string // of the names of its objects
	crashes *crash
	after   string // whose session has ended
}

// trouble is how a step ends a meeting.
type trouble struct{ err error }

func (t *table) sit(run func(*table)) (err error) {
	ctx, cancel := context.WithTimeoutCause(t.ctx, t.limit, fmt.Errorf("not done after %v", t.limit))
	defer cancel()
	t.ctx = ctx
	defer func() {
		switch p := recover().(type) {
		case nil:
			err = errors.Join(t.wrong...)
		case trouble:
			fmt.Fprintf(t.out, "%s: %s%s\n", t.about("ended early"), wrong, strings.ReplaceAll(p.err.Error(), "\n", " "))
			err = errors.Join(append(t.wrong, fmt.Errorf("%s: %w", t.about("ended early"), p.err))...)
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
	if t.said == nil {
		t.said = make(map[string]int)
	}
	if t.said[what]++; t.said[what] > 1 {
		what = fmt.Sprintf("%s (%d)", what, t.said[what])
	}
	what = t.about(what)
	if fmt.Sprint(got) == fmt.Sprint(want) {
		fmt.Fprintf(t.out, "%s: %v\n", what, got)
		return
	}
	fmt.Fprintf(t.out, "%s: %s%v, want %v\n", what, wrong, got, want)
	t.wrong = append(t.wrong, fmt.Errorf("%s: %v, want %v", what, got, want))
	if t.hasty {
		panic(trouble{errors.New("something is wrong")})
	}
}

// about names what is said here, and after whose session has ended.
func (t *table) about(what string) string {
	if t.after != "" {
		what = t.after + ", " + what
	}
	return t.name + ", " + what
}

// of is a table where the next new object is of a certain library.
func (t *table) of(lib Library) *table {
	t.lib = lib
	return t
}

// new has the peer make an object.
func (t *table) new(object, kind string, args ...string) {
	if t.owners == nil {
		t.owners = make(map[string]*Peer)
	}
	t.owners[object] = t.peers[t.lib]
	t.call(object, "new", append([]string{kind}, args...)...)
}

// theirName is what the peer calls an object: those of tables that are in use at the same time differ.
func (t *table) theirName(object string) string { return t.prefix + object }

// call has the peer call a method, and waits for the result.
func (t *table) call(object, method string, args ...string) string {
	return t.later(object, method, args...)()
}

// later has the peer call a method that waits; the function that it returns waits for it.
func (t *table) later(object, method string, args ...string) (result func() string) {
	c := t.owners[object].start(t.theirName(object), method, args...)
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
		if t.pause(); t.ctx.Err() != nil {
			panic(trouble{fmt.Errorf("%s: %w", what, context.Cause(t.ctx))})
		}
	}
}

// pause is the time before one looks again.
func (t *table) pause() {
	select {
	case <-time.After(10 * time.Millisecond):
	case <-t.ctx.Done():
	}
}

// children waits until there are n nodes at a path.
func (t *table) children(path string, n int) {
	t.until(fmt.Sprintf("%d children of %s", n, path), func() bool { return t.count(path) == n })
}

// count is how many nodes there are at a path, which need not be there itself.
func (t *table) count(path string) int {
	names, _, err := t.client.Children(t.ctx, path)
	if !errors.Is(err, zkapi.ErrNoNode) {
		t.must("children", err)
	}
	return len(names)
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
