// Package recipes has what programs build on ZooKeeper: locks, elections and
// their like, on the same nodes as kazoo, Curator and go-zookeeper have them.
//
//	lock := recipes.NewLock(client, "/app/lock")
//	err := lock.Do(ctx, func(ctx context.Context, h *recipes.Hold) error {
//		// one at a time; ctx ends when the lock may be lost
//		_, err := h.Multi(ctx, zkapi.SetOp("/app/state", state, zkapi.AnyVersion)) // only if we still have it
//		return err
//	})
//
// It needs a [github.com/zksim/zksim/zkapi.Client] and nothing else: that of the
// simulator, of realserver, or either through faults.
//
// # What is held
//
// Acquire and its like return when something is held. The [Hold] that stands for
// it tells when that ends, by Lost, Held and a Context, whoever ends it: the
// holder, the end of the session, somebody who deletes the node, the end of the
// client. While the connection is lost nobody can know; by default nothing
// counts as held then (see [LossPolicy]).
//
// No client can rule out that it is paused just after it has asked Held, and
// wakes up when another one is the holder. So a change within ZooKeeper is made
// by [Hold.Multi], which the server refuses to whoever does not hold any more,
// and whatever is outside gets [Hold.Token] with each request.
//
// # What is left behind
//
// Nothing. A call that fails, is cancelled or loses its connection deletes its
// node; what it cannot delete in time a janitor deletes in the background, in
// this session or in the next (see [Flush]). Nodes have names with a GUID, so
// that a create whose reply was lost is looked up and not repeated, and nobody
// deletes the node of another. A session's nodes are never taken for those of
// the next. Only the directories stay.
//
// Nothing here has a goroutine while it is idle: what is held has one until it is
// given back, what follows a node from Start to Close, and the janitor while there
// is work for him. A path has at most
// one watch for all that wait on it, and one release wakes one of those who wait.
// Nodes with other names, between ours, neither disturb nor get deleted.
//
// # Errors
//
// They wrap the client's, the context's cause, or one of this package.
// [Classify] tells what an error means for whoever might try again, and [Retry]
// tries again, with the policies of kazoo ([Backoff]) and Curator
// ([ExponentialBackoff] and its like). The recipes themselves repeat what can be
// repeated for as long as their context lets them.
//
// # Names elsewhere
//
//	kazoo                  Curator                         here
//	Lock                   InterProcessMutex               Lock, ReentrantLock
//	                       InterProcessSemaphoreMutex      Lock
//	ReadLock, WriteLock    InterProcessReadWriteLock       RWLock
//	Semaphore              InterProcessSemaphoreV2         Semaphore
//	                       InterProcessMultiLock           MultiLock
//	                       makeRevocable, Revoker          Hold.Revoked, Revoke
//	Election               LeaderSelector                  Election: Run, and Lead for autoRequeue
//	                       LeaderLatch                     LeaderLatch
//	Barrier                DistributedBarrier              Barrier
//	DoubleBarrier          DistributedDoubleBarrier        DoubleBarrier
//	Counter                                                NewCounter; NewAtomic with FloatText, BigText, a Codec of one's own
//	  support_curator      DistributedAtomicInteger        NewAtomic with Int32
//	                       DistributedAtomicLong           NewAtomic with Int64
//	                       DistributedAtomicValue          NewAtomic with Bytes
//	                       PromotedToLock                  CellOptions.Lock
//	                       CachedAtomicLong                Numbers
//	                       SharedCount, SharedValue        Shared with Int32, Bytes
//	Queue                                                  Queue
//	LockingQueue                                           LockingQueue
//	                       SimpleDistributedQueue          SimpleQueue
//	                       DistributedQueue                DistributedQueue with PlainQueue
//	                       DistributedPriorityQueue        DistributedQueue with PriorityQueue
//	                       DistributedDelayQueue           DistributedQueue with DelayQueue
//	                       DistributedIdQueue              DistributedQueue with IDQueue
//	                       lockPath, ErrorMode, maxItems   DistributedQueueOptions
//	KazooRetry             RetryPolicy                     Retry, Backoff, ExponentialBackoff, ...
//	add_listener           ConnectionStateListener         zkapi.Client.States
//	ensure_path, makepath  creatingParentsIfNeeded         zkapi.EnsurePath, zkapi.CreateRecursive
//	delete(recursive=True) deletingChildrenIfNeeded        zkapi.DeleteRecursive
//	                       withProtection, guaranteed      in every recipe
//	transaction            inTransaction                   zkapi.Txn
//	chroot in hosts        namespace                       zkapi.Chroot
//
// # Inside
//
//	errors.go   what fails, and what that means
//	retry.go    policies
//	session.go  one session of a client, from inside an attempt
//	name.go     names of nodes and the order of their counters
//	queue.go    standing in line: protected create, waiting without a herd
//	claim.go    nodes that are made only if another one is there
//	unique.go   nodes whose name is a GUID
//	change.go   changes that are not made twice, whatever is lost
//	cell.go     a node whose data is a value
//	codec.go    how values are written
//	store.go    a directory whose children are items
//	custody.go  items that somebody works on
//	lookout.go  reading and waiting in rounds
//	hold.go     what is held, its loss, its fence
//	watch.go    watches that are shared
//	janitor.go  what its owners could not delete
//	hub.go      what all recipes of a client share
package recipes
