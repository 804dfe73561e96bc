package pairs

import "strings"

// Pair is what of ours and of others is on the same nodes.
type Pair struct {
	Number int
	Ours   string
	Theirs string
}

// Pairs are all of them.
func Pairs() []Pair {
	return []Pair{
		{1, "Lock, Election", "kazoo: Lock, Election"},
		{2, "Lock in kazoo's layout with -lock-", "go-zookeeper: Lock"},
		{3, "Lock, MultiLock, in Curator's and go-zookeeper's layouts", "Curator: InterProcessMutex, -MultiLock; go-zookeeper: Lock"},
		{4, "Lock in go-zookeeper's layout with __lock__", "kazoo: Lock with extra_lock_patterns"},
		{5, "RWLock", "kazoo: ReadLock, WriteLock"},
		{6, "RWLock in Curator's layout", "Curator: InterProcessReadWriteLock"},
		{7, "Semaphore", "kazoo: Semaphore; Curator: InterProcessSemaphoreV2, -SemaphoreMutex"},
		{8, "Election, LeaderLatch", "Curator: LeaderSelector, LeaderLatch; LeaderElectionSupport, as we see it"},
		{9, "Barrier", "kazoo: Barrier; Curator: DistributedBarrier"},
		{10, "DoubleBarrier", "kazoo: DoubleBarrier; Curator: DistributedDoubleBarrier"},
		{11, "Atomic, Shared, Numbers", "kazoo: Counter; Curator: DistributedAtomicLong, -Integer, -Value, CachedAtomicLong, SharedCount, -Value"},
		{12, "Queue, LockingQueue", "kazoo: Queue, LockingQueue"},
		{13, "SimpleQueue", "Curator: SimpleDistributedQueue; ZooKeeper: DistributedQueue, zoo_queue"},
		{14, "DistributedQueue, QueueSharder", "Curator: DistributedQueue, -PriorityQueue, -DelayQueue, -IdQueue, QueueSharder"},
		{15, "Party, GroupMember", "kazoo: Party, ShallowParty; Curator: GroupMember"},
		{16, "Lease", "kazoo: NonBlockingLease, MultiNonBlockingLease"},
		{17, "SetPartitioner", "kazoo: SetPartitioner"},
		{18, "Revoke", "Curator: Revoker, makeRevocable"},
		{19, "Discovery", "Curator: ServiceDiscovery, ServiceProvider"},
		{20, "Lock in go-zookeeper's layout with -", "ZooKeeper: WriteLock, zkr_lock"},
		{21, "package watchers", "kazoo: DataWatch, ChildrenWatch, TreeCache; Curator: CuratorCache, TreeCache, ..."},
		{22, "PersistentNode, TTLNode", "Curator: PersistentNode, PersistentTtlNode"},
	}
}

// Of lists the meetings of a pair at the table with a library.
func (l Library) Of(number int) (names []string) {
	for _, m := range meetings[l] {
		if m.pair == number {
			names = append(names, m.name)
		}
	}
	return names
}

// A result after the end of a session is that of a crash.
const (
	Crash      = ", " + ours + ", "   // of ours
	TheirCrash = ", " + theirs + ", " // of theirs
)

// wrong is how a result begins that is not as it should be.
const wrong = "WRONG: "

// Wrong tells whether a printed result is not as it should be.
func Wrong(result string) bool { return strings.HasPrefix(result, wrong) }
