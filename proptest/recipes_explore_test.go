package proptest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

func ourLock(c zkapi.Client) proptest.Locker { return recipes.NewLock(c, "/lock") }

func TestExploreOurLock(t *testing.T) {
	proptest.Lock(t, ourLock)
}

// ours are our recipes, each with the property that is for it.
var ours = []struct {
	name    string
	explore func(t *testing.T, o option) *explore.Result
	without explore.Fault // that it does not promise to survive
}{
	{name: "lock", explore: func(t *testing.T, o option) *explore.Result { return proptest.ExploreLock(t, ourLock, o) }},
	{name: "reentrant lock", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreLock(t, func(c zkapi.Client) proptest.Locker {
			return ourReentrantLock{recipes.NewReentrantLock(c, "/lock")}
		}, proptest.Reentrant, o)
	}},
	{name: "reentrant lock of one owner", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreLock(t, func(c zkapi.Client) proptest.Locker {
			return oneOwner{recipes.NewReentrantLock(c, "/lock"), recipes.WithOwner(context.Background())}
		}, proptest.Reentrant, o)
	}},
	{name: "revocable lock", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreRevocableLock(t, func(c zkapi.Client) proptest.RevocableLocker {
			return ourRevocableLock{recipes.NewLock(c, "/lock"), c}
		}, o)
	}},
	{name: "rwlock", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreRWLock(t, func(c zkapi.Client) proptest.RWLocker { return ourRW{recipes.NewRWLock(c, "/rw")} }, o)
	}},
	{name: "semaphore", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreSemaphore(t, 2, func(c zkapi.Client) proptest.Locker { return &lease{sem: recipes.NewSemaphore(c, "/sem", 2)} }, o)
	}},
	{name: "multi lock", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreMultiLock(t, func(c zkapi.Client, paths []string) proptest.Locker { return ourMultiLock(c, paths).Sorted() }, o)
	}},
	{name: "multi lock in order", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreMultiLock(t, func(c zkapi.Client, paths []string) proptest.Locker { return ourMultiLock(c, paths) }, proptest.SameOrder, o)
	}},
	{name: "election", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreElection(t, func(c zkapi.Client) proptest.Elector { return ourElection{recipes.NewElection(c, "/election")} }, o)
	}},
	{name: "counter", without: explore.Removal, // it would start from nothing again
		explore: func(t *testing.T, o option) *explore.Result {
			return proptest.ExploreCounter(t, func(c zkapi.Client) proptest.Counter { return ourCounter{recipes.NewCounter(c, "/n")} }, o)
		}},
	{name: "numbers", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreNumbers(t, func(c zkapi.Client) proptest.Numberer {
			return recipes.NewNumbers(recipes.NewAtomic(c, "/ids", recipes.Int64()), 2)
		}, o)
	}},
	{name: "atomic", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreAtomic(t, func(c zkapi.Client) proptest.Updater {
			return ourAtomic{recipes.NewAtomic(c, "/value", recipes.Bytes())}
		}, o)
	}},
	{name: "atomic, exactly once", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreAtomic(t, func(c zkapi.Client) proptest.Updater {
			return ourAtomic{recipes.NewAtomic(c, "/value", recipes.Bytes(), func(o *recipes.CellOptions) { o.ExactlyOnce = true })}
		}, o)
	}},
	{name: "shared value", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreSharedValue(t, func(c zkapi.Client, path string) proptest.SharedValuer {
			return ourShared{recipes.NewShared(c, path, recipes.Bytes(), nil)}
		}, o)
	}},
	{name: "barrier", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreBarrier(t, func(c zkapi.Client) proptest.Gate { return ourBarrier{recipes.NewBarrier(c, "/barrier")} }, o)
	}},
	{name: "double barrier", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreDoubleBarrier(t, func(c zkapi.Client, n int) proptest.Meeting { return recipes.NewDoubleBarrier(c, "/meet", n) }, o)
	}},
	{name: "latch", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreLeaderLatch(t, func(c zkapi.Client) proptest.Candidate { return recipes.NewLeaderLatch(c, "/latch") }, o)
	}},
	{name: "queue", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreQueue(t, func(c zkapi.Client) proptest.Queuer { return ourQueue{recipes.NewQueue(c, "/queue")} }, o)
	}},
	{name: "simple queue", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreQueue(t, func(c zkapi.Client) proptest.Queuer { return ourSimpleQueue{recipes.NewSimpleQueue(c, "/queue")} }, o)
	}},
	{name: "locking queue", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreLockingQueue(t, func(c zkapi.Client) proptest.LockingQueuer { return recipes.NewLockingQueue(c, "/queue") }, o)
	}},
	{name: "distributed queue", explore: exploreOurQueue(recipes.PlainQueue, false)},
	{name: "distributed queue, safe", explore: exploreOurQueue(recipes.PlainQueue, true)},
	{name: "priority queue", explore: exploreOurQueue(recipes.PriorityQueue, false, proptest.ByPriority)},
	{name: "delay queue", explore: exploreOurQueue(recipes.DelayQueue, false, proptest.ByTime)},
	{name: "id queue", explore: exploreOurQueue(recipes.IDQueue, false)},
	{name: "id queue, safe", explore: exploreOurQueue(recipes.IDQueue, true)},
	{name: "queue sharder", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreQueueSharder(t, 2, 2, newOurSharder, o)
	}},
	{name: "lease", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreLease(t, time.Minute, func(c zkapi.Client, holder string) proptest.Leaser {
			return recipes.NewLease(c, "/lease", time.Minute, holder)
		}, o)
	}},
	{name: "two leases", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreLease(t, time.Minute, func(c zkapi.Client, holder string) proptest.Leaser {
			return recipes.NewMultiLease(c, "/lease", 2, time.Minute, holder)
		}, proptest.Leases(2), o)
	}},
	{name: "partitioner", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExplorePartitioner(t, func(c zkapi.Client, member string, set []string) proptest.Partaker {
			return ourPartitioner{recipes.NewSetPartitioner(c, "/set", set, func(o *recipes.PartitionOptions) {
				o.Identifier, o.Rejoin = member, true
				o.Quiet = 30*time.Second + time.Duration(member[0]-'A')*time.Millisecond // one after the other; not by 17, as their peace ends
			})}
		}, o)
	}},
	{name: "party", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreGroup(t, func(c zkapi.Client, name string) proptest.Member {
			return ourParty{recipes.NewParty(c, "/party", func(o *recipes.Options) { o.Identifier = name })}
		}, o)
	}},
	{name: "shallow party", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreGroup(t, func(c zkapi.Client, name string) proptest.Member {
			return ourParty{recipes.NewShallowParty(c, "/party", func(o *recipes.Options) { o.Identifier = name })}
		}, o)
	}},
	{name: "group member", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreDiscovery(t, func(c zkapi.Client) proptest.Registrar { return &ourMember{c: c} }, twoRounds, o)
	}},
	{name: "persistent node", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreDiscovery(t, func(c zkapi.Client) proptest.Registrar { return &ourNode{c: c} }, twoRounds, o)
	}},
	{name: "TTL node", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreDiscovery(t, func(c zkapi.Client) proptest.Registrar { return &ourTTLNode{c: c} },
			proptest.Lasting(5*time.Minute), twoRounds, o)
	}},
	{name: "discovery", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreDiscovery(t, func(c zkapi.Client) proptest.Registrar {
			return ourDiscovery{recipes.NewDiscovery(c, "/services")}
		}, twoRounds, o)
	}},
	{name: "data", explore: func(t *testing.T, o option) *explore.Result { return proptest.ExploreWatcher(t, followData, o) }},
	{name: "children", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreChildrenWatcher(t, followChildren, o)
	}},
	{name: "patient children", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreChildrenWatcher(t, followPatiently, o)
	}},
	{name: "persistent watch", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreWatcher(t, followPersistently, o)
	}},
	{name: "node cache", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreCache(t, 0, keepCopy(watchers.NewNodeCache), o)
	}},
	{name: "tree cache", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreCache(t, 2, keepCopy(watchers.NewTreeCache), o)
	}},
	{name: "children cache", explore: func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreCache(t, 1, keepCopy(watchers.NewChildrenCache), o)
	}},
}

func ourMultiLock(c zkapi.Client, paths []string) *recipes.MultiLock {
	var locks []*recipes.Lock
	for _, path := range paths {
		locks = append(locks, recipes.NewLock(c, path))
	}
	return recipes.NewMultiLock(locks...)
}

type ourReentrantLock struct{ *recipes.ReentrantLock }

func (l ourReentrantLock) WithOwner(ctx context.Context) context.Context {
	return recipes.WithOwner(ctx)
}

// oneOwner is a reentrant lock for a single owner.
type oneOwner struct {
	*recipes.ReentrantLock
	owner context.Context
}

func (l oneOwner) Acquire(ctx context.Context) error {
	return l.ReentrantLock.Acquire(owned{ctx, l.owner})
}
func (l oneOwner) Release(ctx context.Context) error {
	return l.ReentrantLock.Release(owned{ctx, l.owner})
}

// owned is a context with the owner of another one.
type owned struct {
	context.Context
	owner context.Context
}

func (c owned) Value(key any) any {
	if v := c.owner.Value(key); v != nil {
		return v
	}
	return c.Context.Value(key)
}

type ourRevocableLock struct {
	*recipes.Lock
	c zkapi.Client
}

func (l ourRevocableLock) Revoke(ctx context.Context) error {
	nodes, err := l.ContenderNodes(ctx)
	if err != nil || len(nodes) == 0 {
		return err
	}
	return recipes.Revoke(ctx, l.c, nodes[0])
}

func (l ourRevocableLock) Revoked(ctx context.Context) error {
	h := l.Hold()
	select {
	case <-h.Revoked():
		return nil
	case <-h.Lost():
		return h.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

type ourQueue struct{ *recipes.Queue }

func (q ourQueue) Get(ctx context.Context) ([]byte, error) { return q.GetWait(ctx) }

type ourSimpleQueue struct{ *recipes.SimpleQueue }

func (q ourSimpleQueue) Put(ctx context.Context, item []byte) error { return q.Offer(ctx, item) }
func (q ourSimpleQueue) Get(ctx context.Context) ([]byte, error)    { return q.Take(ctx) }

// exploreOurQueue is for a queue whose items are locked while they are worked on, if it is safe.
func exploreOurQueue(kind recipes.QueueKind, safe bool, more ...option) func(*testing.T, option) *explore.Result {
	more = append(more, twoRounds)
	if safe {
		more = append(more, proptest.AtLeastOnce)
	}
	return func(t *testing.T, o option) *explore.Result {
		return proptest.ExploreDistributedQueue(t, func(c zkapi.Client) proptest.DistributedQueuer {
			q := ourDistributedQueue{recipes.NewDistributedQueue(c, "/queue", kind, func(o *recipes.DistributedQueueOptions) {
				if safe {
					o.LockPath = "/locks"
				}
			})}
			if kind == recipes.IDQueue {
				return ourIDQueue{q}
			}
			return q
		}, append(more, o)...)
	}
}

type ourDistributedQueue struct{ q *recipes.DistributedQueue }

func (q ourDistributedQueue) Put(ctx context.Context, x proptest.Item) error {
	return q.q.Put(ctx, recipes.Item{Data: [][]byte{x.Data}, ID: x.ID, Priority: x.Priority, At: x.At})
}

func (q ourDistributedQueue) Consume(ctx context.Context, work func(context.Context, proptest.Item) error) error {
	return q.q.Consume(ctx, func(ctx context.Context, x recipes.Item) error {
		return work(ctx, proptest.Item{Data: x.Data[0], ID: x.ID, Priority: x.Priority, At: x.At})
	})
}

type ourIDQueue struct{ ourDistributedQueue }

func (q ourIDQueue) Remove(ctx context.Context, id string) (int, error) { return q.q.Remove(ctx, id) }

type ourSharder struct {
	*recipes.QueueSharder[*recipes.SimpleQueue]
}

func newOurSharder(c zkapi.Client) proptest.Sharder {
	return ourSharder{recipes.NewQueueSharder(c, "/queues", "/leader", func(path string) *recipes.SimpleQueue { return recipes.NewSimpleQueue(c, path) },
		func(o *recipes.SharderOptions) { o.Full, o.Max = 2, 2 })}
}

func (s ourSharder) Put(ctx context.Context, item []byte) error { return s.Queue().Offer(ctx, item) }
func (s ourSharder) Shards() []string                           { return s.Paths() }

type ourPartitioner struct{ *recipes.SetPartitioner }

func (m ourPartitioner) Acquire(ctx context.Context) ([]string, error) { return m.WaitAcquired(ctx) }

func (m ourPartitioner) Disturbed(ctx context.Context) error {
	states := m.Changes()
	defer states.Close()
	for {
		if state, err := states.Next(ctx); err != nil || state != recipes.PartitionAcquired {
			return err
		}
	}
}

func followData(ctx context.Context, c zkapi.Client, path string, saw func(watchers.Node)) error {
	for node, err := range watchers.Data(ctx, c, path) {
		if err != nil {
			return err
		}
		saw(node)
	}
	return nil
}

func followChildren(ctx context.Context, c zkapi.Client, path string, saw func(watchers.Listing)) error {
	for list, err := range watchers.Children(ctx, c, path) {
		if err != nil {
			return err
		}
		saw(list)
	}
	return nil
}

// followPatiently leaves out what has changed and changed back.
func followPatiently(ctx context.Context, c zkapi.Client, path string, saw func(watchers.Listing)) error {
	last := ""
	for list, err := range watchers.PatientChildren(ctx, c, path, time.Second) {
		if err != nil {
			return err
		}
		now := fmt.Sprint(list.Exists, list.Names, list.Stat.Czxid)
		if now != last {
			saw(list.Listing)
		}
		last = now
	}
	return nil
}

// followPersistently looks again after each event, whatever that says.
func followPersistently(ctx context.Context, c zkapi.Client, path string, saw func(watchers.Node)) error {
	last := watchers.Node{Path: "unknown"}
	for _, err := range watchers.Persistent(ctx, c, path, zkapi.WatchPersistent) {
		if err != nil {
			return err
		}
		data, stat, err := c.Get(ctx, path)
		now := watchers.Node{Path: path, Exists: err == nil, Data: data, Stat: stat}
		switch {
		case errors.Is(err, zkapi.ErrNoNode), err == nil:
			if now.Path != last.Path || now.Stat.Czxid != last.Stat.Czxid || now.Stat.Mzxid != last.Stat.Mzxid {
				saw(now)
			}
			last = now
		case errors.Is(err, zkapi.ErrClosed):
			return err
		}
	}
	return nil
}

type newCache = func(context.Context, zkapi.Client, string, ...func(*watchers.CacheConfig)) *watchers.Cache

func keepCopy(made newCache) func(context.Context, zkapi.Client, string, func(iter.Seq[watchers.Node])) error {
	return func(ctx context.Context, c zkapi.Client, root string, saw func(iter.Seq[watchers.Node])) error {
		cache := made(ctx, c, root)
		defer cache.Close()
		for _, err := range cache.Changes(ctx) {
			if err != nil {
				return err
			}
			saw(cache.All())
		}
		return nil
	}
}

func twoRounds(e *proptest.Exploration) { e.Rounds = 2 }

type ourParty struct{ *recipes.Party }

func (m ourParty) Leave(ctx context.Context) error {
	_, err := m.Party.Leave(ctx)
	return err
}

func (m ourParty) Follow(ctx context.Context, saw func([]string)) error {
	for names, err := range m.Watch(ctx) {
		if err != nil {
			return err
		}
		saw(names)
	}
	return nil
}

type ourMember struct {
	c zkapi.Client
	*recipes.GroupMember
}

func (m *ourMember) Register(ctx context.Context, id, data string) error {
	if m.GroupMember != nil {
		return m.SetData(ctx, []byte(data))
	}
	m.GroupMember = recipes.NewGroupMember(m.c, "/group", id, []byte(data))
	err := m.Start()
	if err == nil {
		err = m.WaitJoined(ctx)
	}
	if err != nil {
		_ = m.Close(context.Background())
	}
	return err
}

func (m *ourMember) Unregister(ctx context.Context, _ string) error { return m.Close(ctx) }

func (m *ourMember) Follow(ctx context.Context, saw func(map[string]string)) error {
	for _, err := range m.Changes(ctx) {
		if err != nil {
			return err
		}
		instances := map[string]string{}
		for id, data := range m.Members() {
			instances[id] = string(data)
		}
		saw(instances)
	}
	return nil
}

type ourNode struct {
	c zkapi.Client
	*recipes.PersistentNode
}

func (m *ourNode) Register(ctx context.Context, id, data string) error {
	if m.PersistentNode != nil {
		return m.SetData(ctx, []byte(data))
	}
	m.PersistentNode = recipes.NewPersistentNode(m.c, "/nodes/"+id, zkapi.Ephemeral, []byte(data))
	err := m.Start()
	if err == nil {
		err = m.WaitCreated(ctx)
	}
	if err != nil {
		_ = m.Close(context.Background())
	}
	return err
}

func (m *ourNode) Unregister(ctx context.Context, _ string) error { return m.Close(ctx) }

func (m *ourNode) Follow(ctx context.Context, saw func(map[string]string)) error {
	return keepCopy(watchers.NewChildrenCache)(ctx, m.c, "/nodes", func(nodes iter.Seq[watchers.Node]) {
		instances := map[string]string{}
		for n := range nodes {
			if n.Path != "/nodes" {
				instances[zkapi.Base(n.Path)] = string(n.Data)
			}
		}
		saw(instances)
	})
}

type ourTTLNode struct {
	c zkapi.Client
	*recipes.TTLNode
}

func (m *ourTTLNode) Register(ctx context.Context, id, data string) (err error) {
	path, first := "/nodes/"+id, m.TTLNode == nil
	if first {
		m.TTLNode = recipes.NewTTLNode(m.c, path, time.Minute, []byte(data))
		err = m.Start()
	} else {
		m.SetData([]byte(data))
	}
	if err == nil {
		err = m.WaitCreated(ctx)
	}
	for n, failed := range watchers.Data(ctx, m.c, path) {
		if err = errors.Join(err, failed); err != nil || string(n.Data) == data {
			break
		}
	}
	if err != nil && first {
		m.Close()
	}
	return err
}

func (m *ourTTLNode) Unregister(context.Context, string) error {
	m.Close()
	return nil
}

func (m *ourTTLNode) Follow(ctx context.Context, saw func(map[string]string)) error {
	return (&ourNode{c: m.c}).Follow(ctx, saw)
}

type ourDiscovery struct{ *recipes.Discovery }

func (d ourDiscovery) Register(ctx context.Context, id, data string) error {
	_, err := d.Discovery.Register(ctx, recipes.ServiceInstance{Name: "web", ID: id, Address: data})
	return err
}

func (d ourDiscovery) Unregister(ctx context.Context, id string) error {
	return d.Discovery.Unregister(ctx, "web", id)
}

func (d ourDiscovery) Follow(ctx context.Context, saw func(map[string]string)) error {
	provider := d.Provider("web")
	defer provider.Close()
	for _, err := range provider.Changes(ctx) {
		if err != nil {
			return err
		}
		instances := map[string]string{}
		for _, x := range provider.All() {
			instances[x.ID] = x.Address
		}
		saw(instances)
	}
	return nil
}

type ourRW struct{ *recipes.RWLock }

func (l ourRW) Read() proptest.Locker  { return l.RWLock.Read() }
func (l ourRW) Write() proptest.Locker { return l.RWLock.Write() }

type lease struct {
	sem  *recipes.Semaphore
	hold *recipes.Hold
}

func (l *lease) Acquire(ctx context.Context) (err error) {
	l.hold, err = l.sem.Acquire(ctx)
	return err
}
func (l *lease) Release(ctx context.Context) error { return l.hold.Release(ctx) }

type ourElection struct{ *recipes.Election }

func (e ourElection) Run(ctx context.Context, lead func(context.Context) error) error {
	return e.Election.Run(ctx, func(ctx context.Context, _ *recipes.Hold) error { return lead(ctx) })
}

type ourCounter struct{ *recipes.Atomic[int64] }

func (x ourCounter) Add(ctx context.Context, n int64) (int64, error) {
	change, err := x.Atomic.Add(ctx, n)
	return change.Post, err
}

type ourAtomic struct{ *recipes.Atomic[[]byte] }

func (x ourAtomic) Update(ctx context.Context, f func([]byte) []byte) (pre, post []byte, err error) {
	change, err := x.Atomic.Update(ctx, func(old []byte) ([]byte, error) { return f(old), nil })
	return change.Pre, change.Post, err
}

type ourShared struct{ *recipes.Shared[[]byte] }

func (x ourShared) TrySet(ctx context.Context, f func([]byte) []byte) (bool, error) {
	seen := x.Versioned()
	return x.Shared.TrySet(ctx, seen, f(seen.Value))
}

func (x ourShared) Follow(ctx context.Context, saw func([]byte)) error {
	changes := x.Changes()
	defer changes.Close()
	for {
		now, err := changes.Next(ctx)
		if err != nil {
			return err
		}
		saw(now.Value)
	}
}

type ourBarrier struct{ *recipes.Barrier }

func (b ourBarrier) Remove(ctx context.Context) error {
	_, err := b.Barrier.Remove(ctx)
	return err
}

var everything = flag.Int("explore.everything", 0, "run so many random schedules, spread over our recipes")

// TestExploreEverything runs our recipes under random schedules of three participants with three faults:
// 50,000 of them under make test, which ZKSIM_ZOOKEEPER_VERSIONS tells, and a tenth of that where the race
// detector makes it last ten times as long. Any number is run by
//
//	go test ./proptest -run ExploreEverything -v -timeout 0 -explore.progress -explore.everything 10000000
func TestExploreEverything(t *testing.T) {
	total := *everything
	switch {
	case total > 0:
	case proptest.Brief():
		total = 15 * len(ours)
	case proptest.RaceDetector():
		total = 5_000
	default:
		total = 50_000
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "recipe\tschedules\tsteps\tlongest\ttime\tschedules/s\t")
	var sum explore.Progress
	row := func(name string, p explore.Progress) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%v\t%.0f\t\n", name, p.Schedules, p.Steps, p.Longest,
			p.Elapsed.Round(time.Millisecond), float64(p.Schedules)/p.Elapsed.Seconds())
	}
	for _, x := range ours {
		t.Run("direct/"+x.name, func(t *testing.T) {
			res := x.explore(t, func(e *proptest.Exploration) {
				e.Strategy, e.Participants, e.Faults, e.Kinds = explore.Random(1), 3, 3, explore.AllFaults&^x.without
				e.Schedules = (total + len(ours) - 1) / len(ours)
			})
			row(x.name, res.Progress)
			sum.Schedules += res.Schedules
			sum.Steps += res.Steps
			sum.Longest = max(sum.Longest, res.Longest)
			sum.Elapsed += res.Elapsed
			res.FailT(t)
		})
	}
	row("all", sum)
	_ = w.Flush()
	t.Log("\n" + table.String())
}

// Whoever joins a party and leaves it leaves nothing behind, whatever becomes of a request that was given up.
func TestExploreOurParty(t *testing.T) {
	explore.Check(t, func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			party := recipes.NewShallowParty(p.Client, "/party", func(o *recipes.Options) { o.Identifier = "A" })
			ctx, cancel := p.Cancelable(p.Context())
			defer cancel()
			_ = party.Join(ctx)
			_, err := party.Leave(p.Context())
			return err
		})
		w.Finally(func() error {
			if n, _ := w.Server.Node("/party"); n.Stat.NumChildren > 0 {
				return errors.New("a member is left")
			}
			return nil
		})
	}, func(c *explore.Config) {
		c.Strategy, c.Schedules = explore.Exhaustive(), 1_000_000
		c.Faults, c.Kinds = 2, explore.Expiry|explore.Cancellation
	})
}
