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
// is work for him. A path has at most one watch for all that wait on it, and one
// release wakes one of those who wait. Nodes with other names, between ours,
// neither disturb nor get deleted.
//
// # What locks promise
//
// Locks, semaphores and elections all stand in line in the same way, so what
// they promise is the same; each is tested on the simulator and on a real
// ZooKeeper, with the faults below at each request in turn.
//
//	one at a time     Held is true for one holder (of a semaphore, for as many as it has leases) as long
//	                  as clocks run at about the same speed; Multi has an effect for one, whatever happens
//	in order          who came first is first, also after a reconnection; who has lost his session, or
//	                  whose node was deleted, begins again at the end
//	no lost wake-up   who is first learns it, also if the event of his watch was lost with a connection
//	one deadline      a call ends with its context, however many others come and go meanwhile
//	tokens grow       each holder's is larger than all before, also if the directory was deleted
//	cost              3 requests to take a free lock, 1 to release it; 2 more for each one that is waited
//	                  for; one list of the directory for each release
//
// The faults are lost requests and replies, connections that break or fall
// silent, sessions that expire, clients that are closed, contexts that end, events that
// never come, or late, or for nothing, nodes and directories that a third party or the
// server deletes, nodes of others between ours, counters that come to their end. While
// there is no connection a call waits for one, until its context ends. Between the
// end of a session and the moment when its client learns of it, Held may be true
// for a holder whom the server has given up already: [Hold.Multi] and [Hold.Token]
// are for that.
//
// # When there are no more numbers
//
// A directory numbers the nodes that are made in it, 2147483647 of them. Then everybody
// gets that number, and who comes at the same moment as others one behind it, which is
// negative. On a real server as on the simulator that is so until the directory is
// deleted and made again, as happens to containers (Options.Containers) whenever they
// are empty.
//
//	locks, elections,      go on, one at a time and in order: by the zxids of the nodes, which costs one
//	latches, semaphores    request more for each who waits without a number of his own
//	RWLock                 the same; who goes down from writing to reading gets the last number but one
//	queues                 have no names left but one for each priority (id, time), so Put fails with
//	                       zkapi.ErrNodeExists until that item is taken. What is in comes out, once and in
//	                       order; it costs two requests more, and a node below a sibling whose name ends in
//	                       "-ops", or an item could get the name of one that is just being taken. Without
//	                       LockPath an item that its consumer has failed with may find no place:
//	                       DistributedQueueOptions.Failed is told
//	everything else        has names without numbers, or with a GUID, and goes on
//
// Recipes elsewhere compare the numbers, and fail there.
//
// # When a directory is made again
//
// It numbers from the beginning again, and an item of a queue can get the name of one that was there before. A
// consumer that has read the first, and is so slow that another one has taken that, the directory was deleted as an empty
// container, and so many items have come again, then deletes the second: the first has come out twice, and the second is lost. No
// request of ZooKeeper tells them apart. LockingQueue, and DistributedQueue with LockPath, are not
// concerned, nor is a directory that stays, as those do that are made without Options.Containers.
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
// Those that one looks for; NAMES.md has every class, method and option of kazoo and Curator.
//
//	kazoo                  Curator                         here
//	Lock                   InterProcessMutex               Lock, ReentrantLock
//	  contenders           getParticipantNodes             Lock.Contenders, Lock.ContenderNodes
//	  ephemeral=False                                      Options.Persistent, Lock.ReleaseNode
//	  extra_lock_patterns                                  Options.ExtraTags
//	                       isOwnedByCurrentThread          ReentrantLock.HeldBy
//	                       InterProcessSemaphoreMutex      Lock
//	ReadLock, WriteLock    InterProcessReadWriteLock       RWLock
//	Semaphore              InterProcessSemaphoreV2         Semaphore
//	  lease_holders        getParticipantNodes             Semaphore.LeaseHolders, Semaphore.LeaseNodes
//	                       SharedCountReader               Semaphore.Resize, for each of Shared.Changes
//	                       InterProcessMultiLock           MultiLock
//	                       makeRevocable, Revoker          Hold.Revoked, Revoke
//	Election               LeaderSelector                  Election: Run, and Lead for autoRequeue
//	                       interruptLeadership             Election.Interrupt
//	                       LeaderLatch                     LeaderLatch
//	                       LeaderLatchListener             LeaderLatch.Changes; CloseMode.SILENT: close it before
//	                       getOurPath, getLastPathIsLeader LeaderLatch.Node, LeaderLatch.LastNode
//	Barrier                DistributedBarrier              Barrier
//	DoubleBarrier          DistributedDoubleBarrier        DoubleBarrier
//	Counter                                                NewCounter; NewAtomic with FloatText, BigText, a Codec of one's own
//	  support_curator      DistributedAtomicInteger        NewAtomic with Int32
//	                       DistributedAtomicLong           NewAtomic with Int64
//	                       DistributedAtomicValue          NewAtomic with Bytes
//	                       PromotedToLock                  CellOptions.Lock
//	                       CachedAtomicLong, -Integer      Numbers
//	                       forceSet, compareAndSet         Atomic.Swap, Atomic.CompareAndSet
//	                       SharedCount, SharedValue        Shared with Int32, Bytes
//	Queue                                                  Queue
//	LockingQueue                                           LockingQueue
//	                       SimpleDistributedQueue          SimpleQueue
//	                       DistributedQueue                DistributedQueue with PlainQueue
//	                       DistributedPriorityQueue        DistributedQueue with PriorityQueue
//	                       DistributedDelayQueue           DistributedQueue with DelayQueue
//	                       DistributedIdQueue              DistributedQueue with IDQueue
//	                       lockPath, ErrorMode, maxItems   DistributedQueueOptions
//	                       putMulti                        Item.Data
//	                       BlockingQueueConsumer           DistributedQueue.Consume, with a send to a channel
//	                       QueueSharder                    QueueSharder
//	Party                                                  Party, and Party.Watch
//	ShallowParty                                           NewShallowParty
//	                       GroupMember                     GroupMember
//	NonBlockingLease                                       Lease
//	MultiNonBlockingLease                                  NewMultiLease
//	                       PersistentNode                  PersistentNode
//	                         useParentCreation             always
//	                       PersistentTtlNode               TTLNode
//	                         touchScheduleFactor           2
//	SetPartitioner                                         SetPartitioner
//	  time_boundary                                        PartitionOptions.Quiet
//	  state_change_event                                   SetPartitioner.Changes
//	                       ServiceDiscovery                Discovery
//	                       ServiceProvider, ServiceCache   Provider
//	KazooRetry             RetryPolicy                     Retry, Backoff, ExponentialBackoff, ...
//	add_listener           ConnectionStateListener         zkapi.Client.States
//	                       ConnectionStateErrorPolicy      Options.LossPolicy
//	                       simulatedSessionExpiration      Options.LossAfter
//	                       circuit breaker                 not here
//	ensure_path, makepath  creatingParentsIfNeeded         zkapi.EnsurePath, zkapi.CreateRecursive
//	                       creatingParentContainersIfNeeded zkapi.EnsureContainers, Options.Containers
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
//	sharder.go  a queue that is several
//	custody.go  items that somebody works on
//	lookout.go  reading and waiting in rounds
//	hold.go     what is held, its loss, its fence
//	watch.go    watches that are shared
//	janitor.go  what its owners could not delete
//	shift.go    goroutines from Start to Close
//	audience.go who follows, and who waits for a turn
//	hub.go      what all recipes of a client share
package recipes
