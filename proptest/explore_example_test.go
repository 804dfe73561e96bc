package proptest_test

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// In a test of one's own:
//
//	func TestMyLock(t *testing.T) {
//		proptest.Lock(t, func(c zkapi.Client) proptest.Locker { return mylock.New(c, "/lock") })
//	}
//
// Here it is a lock of this module, under 50 schedules with a fault each.
func ExampleLock() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.Lock(t, func(c zkapi.Client) proptest.Locker { return recipes.NewLock(c, "/lock") },
			func(e *proptest.Exploration) { e.Strategy, e.Faults, e.Schedules = explore.Random(1), 1, 50 })
	}))
	// Output: passed: true
}

// Who owns it, contexts tell:
//
//	func (l myLock) WithOwner(ctx context.Context) context.Context { return recipes.WithOwner(ctx) }
func ExampleReentrant() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.Lock(t, func(c zkapi.Client) proptest.Locker { return ourReentrantLock{recipes.NewReentrantLock(c, "/lock")} },
			proptest.Reentrant, fifty)
	}))
	// Output: passed: true
}

// Ours is asked by the node of its holder, who waits for that or for the end:
//
//	func (l myLock) Revoke(ctx context.Context) error {
//		nodes, err := l.ContenderNodes(ctx)
//	//		if err != nil || len(nodes) == 0 {
//			return err
//		}
//		return recipes.Revoke(ctx, l.c, nodes[0])
//	}
//
//	func (l myLock) Revoked(ctx context.Context) error {
//		h := l.Hold()
//		select {
//		case <-h.Revoked():
//			return nil
//		case <-h.Lost():
//			return h.Err()
//		case <-ctx.Done():
//			return ctx.Err()
//		}
//	}
func ExampleRevocableLock() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.RevocableLock(t, func(c zkapi.Client) proptest.RevocableLocker {
			return ourRevocableLock{recipes.NewLock(c, "/lock"), c}
		}, fifty)
	}))
	// Output: passed: true
}

// A counter that does not look at versions loses what others add meanwhile.
func ExampleExploreCounter() {
	passes(func(t *testing.T) {
		res := proptest.ExploreCounter(t, func(c zkapi.Client) proptest.Counter { return counter{c, "the version is not checked"} },
			furnished(""), func(e *proptest.Exploration) { e.Strategy = explore.Exhaustive() })
		fmt.Println(res.Failure)
		fmt.Print(res.Failure.Story())
	})
	// Output:
	// a participant returned an error: A returned: B and A have added one and got the same sum, 1
	//   1  A  Get /n -> "0", version 0
	//   2  B  Get /n -> "0", version 0
	//   3  B  Set /n "1" -> version 1
	//      B  has added one: 1
	//   4  A  Set /n "1" -> version 2
	//      A  has added one: 1
}

func ExampleNumbers() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.Numbers(t, func(c zkapi.Client) proptest.Numberer {
			return recipes.NewNumbers(recipes.NewAtomic(c, "/ids", recipes.Int64()), 2)
		}, fifty)
	}))
	// Output: passed: true
}

// Locks that sort their paths do not wait for each other in a circle.
func ExampleMultiLock() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.MultiLock(t, func(c zkapi.Client, paths []string) proptest.Locker {
			return recipes.NewMultiLock(recipes.NewLock(c, paths[0]), recipes.NewLock(c, paths[len(paths)-1])).Sorted()
		}, fifty)
	}))
	// Output: passed: true
}

// Those that take them as they come are safe only where all name them in the same order.
func ExampleSameOrder() {
	eager := func(c zkapi.Client, paths []string) proptest.Locker {
		return newBunch(c, "the paths are taken in the order given", paths)
	}
	passes(func(t *testing.T) {
		fmt.Println(proptest.ExploreMultiLock(t, eager, fifty).Failure.Why)
		fmt.Println(proptest.ExploreMultiLock(t, eager, fifty, proptest.SameOrder).Failure)
	})
	// Output:
	// somebody waits for ever
	// <nil>
}

// The adapter gives the function no way to fail:
//
//	func (x myAtomic) Update(ctx context.Context, f func([]byte) []byte) (pre, post []byte, err error) {
//		change, err := x.Atomic.Update(ctx, func(old []byte) ([]byte, error) { return f(old), nil })
//		return change.Pre, change.Post, err
//	}
func ExampleAtomic() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.Atomic(t, func(c zkapi.Client) proptest.Updater {
			return ourAtomic{recipes.NewAtomic(c, "/value", recipes.Bytes())}
		}, fifty)
	}))
	// Output: passed: true
}

// The adapter tries with what the copy is:
//
//	func (x myShared) TrySet(ctx context.Context, f func([]byte) []byte) (bool, error) {
//		seen := x.Versioned()
//		return x.Shared.TrySet(ctx, seen, f(seen.Value))
//	}
func ExampleSharedValue() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.SharedValue(t, func(c zkapi.Client, path string) proptest.SharedValuer {
			return ourShared{recipes.NewShared(c, path, recipes.Bytes(), nil)}
		}, fifty)
	}))
	// Output: passed: true
}

func ExampleLeaderLatch() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.LeaderLatch(t, func(c zkapi.Client) proptest.Candidate { return recipes.NewLeaderLatch(c, "/latch") }, fifty)
	}))
	// Output: passed: true
}

// fifty is so many schedules with a fault each.
func fifty(e *proptest.Exploration) { e.Strategy, e.Faults, e.Schedules = explore.Random(1), 1, 50 }

// Kazoo's queue has a Get that does not wait, so that it takes an adapter:
//
//	type myQueue struct{ *recipes.Queue }
//
//	func (q myQueue) Get(ctx context.Context) ([]byte, error) { return q.GetWait(ctx) }
func ExampleQueue() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.Queue(t, func(c zkapi.Client) proptest.Queuer { return ourQueue{recipes.NewQueue(c, "/queue")} }, fifty)
	}))
	// Output: passed: true
}

// A stack is no queue, unless the order does not matter.
func ExampleUnordered() {
	twice := func(e *proptest.Exploration) { e.Rounds = 2 }
	stack := func(c zkapi.Client) proptest.Queuer { return bag{c, "the youngest comes first"} }
	passes(func(t *testing.T) {
		fmt.Println(proptest.ExploreQueue(t, stack, furnished(""), fifty, twice).Failure.Text)
		fmt.Println(proptest.ExploreQueue(t, stack, furnished(""), fifty, twice, proptest.Unordered).Failure)
	})
	// Output:
	// B returned: B has got item 1, and item 2, which was put in later, was taken before that
	// <nil>
}

func ExampleLockingQueue() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.LockingQueue(t, func(c zkapi.Client) proptest.LockingQueuer { return recipes.NewLockingQueue(c, "/queue") }, fifty)
	}))
	// Output: passed: true
}

// The adapter hands over items:
//
//	func (q myQueue) Put(ctx context.Context, x proptest.Item) error {
//		return q.q.Put(ctx, recipes.Item{Data: [][]byte{x.Data}, Priority: x.Priority})
//	}
//
//	func (q myQueue) Consume(ctx context.Context, work func(context.Context, proptest.Item) error) error {
//		return q.q.Consume(ctx, func(ctx context.Context, x recipes.Item) error {
//			return work(ctx, proptest.Item{Data: x.Data[0]})
//		})
//	}
func ExampleDistributedQueue() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.DistributedQueue(t, func(c zkapi.Client) proptest.DistributedQueuer {
			return ourDistributedQueue{recipes.NewDistributedQueue(c, "/queue", recipes.PriorityQueue)}
		}, proptest.ByPriority, fifty)
	}))
	// Output: passed: true
}

// With a directory for locks no item is lost, and some are worked on twice.
func ExampleAtLeastOnce() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.DistributedQueue(t, func(c zkapi.Client) proptest.DistributedQueuer {
			return ourDistributedQueue{recipes.NewDistributedQueue(c, "/queue", recipes.PlainQueue,
				func(o *recipes.DistributedQueueOptions) { o.LockPath = "/locks" })}
		}, proptest.AtLeastOnce, fifty)
	}))
	// Output: passed: true
}

// Delays are those of the server's clock.
func ExampleByTime() {
	passes(func(t *testing.T) {
		for _, bug := range []string{"", "the time is not looked at"} {
			res := proptest.ExploreDistributedQueue(t, func(c zkapi.Client) proptest.DistributedQueuer { return depot{c, bug} },
				furnished("", "/depot"), proptest.ByTime, fifty)
			if res.Failure == nil {
				fmt.Println("passed")
				continue
			}
			fmt.Println(res.Failure.Text)
		}
	})
	// Output:
	// passed
	// B returned: B has got item-01 1s before its time
}

// Two items make a shard full, and there are two at most:
//
//	func (s mySharder) Put(ctx context.Context, item []byte) error { return s.Queue().Offer(ctx, item) }
//	func (s mySharder) Shards() []string                           { return s.Paths() }
func ExampleQueueSharder() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.QueueSharder(t, 2, 2, func(c zkapi.Client) proptest.Sharder {
			return ourSharder{recipes.NewQueueSharder(c, "/queues", "/leader",
				func(path string) *recipes.SimpleQueue { return recipes.NewSimpleQueue(c, path) },
				func(o *recipes.SharderOptions) { o.Full, o.Max = 2, 2 })}
		}, fifty)
	}))
	// Output: passed: true
}

func ExampleLease() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.Lease(t, time.Minute, func(c zkapi.Client, holder string) proptest.Leaser {
			return recipes.NewLease(c, "/lease", time.Minute, holder)
		}, fifty)
	}))
	// Output: passed: true
}

func ExampleLeases() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.Lease(t, time.Minute, func(c zkapi.Client, holder string) proptest.Leaser {
			return recipes.NewMultiLease(c, "/leases", 2, time.Minute, holder)
		}, proptest.Leases(2), fifty)
	}))
	// Output: passed: true
}

// The adapter says how a member learns that it has to give its part back:
//
//	func (m myPartitioner) Disturbed(ctx context.Context) error {
//		states := m.Changes()
//		defer states.Close()
//		for {
//			if state, err := states.Next(ctx); err != nil || state != recipes.PartitionAcquired {
//				return err
//			}
//		}
//	}
func ExamplePartitioner() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.Partitioner(t, func(c zkapi.Client, member string, set []string) proptest.Partaker {
			return ourPartitioner{recipes.NewSetPartitioner(c, "/set", set, func(o *recipes.PartitionOptions) { o.Identifier = member })}
		}, fifty)
	}))
	// Output: passed: true
}

// The adapter follows who is there:
//
//	func (m myParty) Follow(ctx context.Context, saw func([]string)) error {
//		for names, err := range m.Watch(ctx) {
//			if err != nil {
//				return err
//			}
//			saw(names)
//		}
//		return nil
//	}
func ExampleGroup() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.Group(t, func(c zkapi.Client, name string) proptest.Member {
			return ourParty{recipes.NewParty(c, "/party", func(o *recipes.Options) { o.Identifier = name })}
		}, fifty)
	}))
	// Output: passed: true
}

// Nodes with a time to live are gone some time after their owners: two times that, and the two minutes
// that a server takes for looking at both of them.
func ExampleLasting() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.Discovery(t, func(c zkapi.Client) proptest.Registrar { return &ourTTLNode{c: c} }, // for a minute
			proptest.Lasting(5*time.Minute), fifty)
	}))
	// Output: passed: true
}

// The adapter's Follow tells the instances that a provider knows:
//
//	func (d myDiscovery) Follow(ctx context.Context, saw func(map[string]string)) error {
//		provider := d.Provider("web")
//		defer provider.Close()
//		for _, err := range provider.Changes(ctx) {
//			if err != nil {
//				return err
//			}
//			instances := map[string]string{}
//			for _, x := range provider.All() {
//				instances[x.ID] = x.Address
//			}
//			saw(instances)
//		}
//		return nil
//	}
func ExampleDiscovery() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.Discovery(t, func(c zkapi.Client) proptest.Registrar {
			return ourDiscovery{recipes.NewDiscovery(c, "/services")}
		}, fifty)
	}))
	// Output: passed: true
}

func ExampleWatcher() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.Watcher(t, func(ctx context.Context, c zkapi.Client, path string, saw func(watchers.Node)) error {
			for node, err := range watchers.Data(ctx, c, path) {
				if err != nil {
					return err
				}
				saw(node)
			}
			return nil
		}, fifty)
	}))
	// Output: passed: true
}

func ExampleChildrenWatcher() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.ChildrenWatcher(t, func(ctx context.Context, c zkapi.Client, path string, saw func(watchers.Listing)) error {
			for list, err := range watchers.Children(ctx, c, path) {
				if err != nil {
					return err
				}
				saw(list)
			}
			return nil
		}, fifty)
	}))
	// Output: passed: true
}

func ExampleCache() {
	fmt.Println("passed:", passes(func(t *testing.T) {
		proptest.Cache(t, 2, func(ctx context.Context, c zkapi.Client, root string, saw func(iter.Seq[watchers.Node])) error {
			cache := watchers.NewTreeCache(ctx, c, root)
			defer cache.Close()
			for _, err := range cache.Changes(ctx) {
				if err != nil {
					return err
				}
				saw(cache.All())
			}
			return nil
		}, fifty)
	}))
	// Output: passed: true
}

// A watch that is set after the look misses what happens in between.
func ExampleExploreWatcher() {
	passes(func(t *testing.T) {
		res := proptest.ExploreWatcher(t, func(ctx context.Context, c zkapi.Client, path string, saw func(watchers.Node)) error {
			for {
				data, stat, err := c.Get(ctx, path)
				saw(watchers.Node{Path: path, Exists: err == nil, Data: data, Stat: stat})
				_, _, changed, err := c.ExistsW(ctx, path)
				if err != nil {
					return err
				}
				if err := await(ctx, changed); err != nil {
					return err
				}
			}
		}, fifty)
		fmt.Println(res.Failure.Text)
		fmt.Print(res.Failure.Story())
	})
	// Output:
	// B: nothing is under way, nothing is broken any more, and 10m0s later still waiting
	//   1  A  Create /watched persistent "x" -> /watched
	//   2  B  Get /watched -> "x", version 0
	//   3  A  Set /watched "y" -> version 1
	//   4  A  Delete /watched -> done
	//   5  A  Create /watched persistent "x" -> /watched
	//      A  has written everything
	//   6  B  ExistsW /watched -> it exists, version 0
}
