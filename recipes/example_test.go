package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

func ExampleLock() {
	srv, err := memserver.New()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	client, err := srv.Client()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ctx := context.Background()
	lock := recipes.NewLock(client, "/app/lock", func(o *recipes.Options) { o.Identifier = "worker 1" })
	if err := lock.Acquire(ctx); err != nil {
		log.Fatal(err)
	}
	names, err := lock.Contenders(ctx)
	fmt.Println(names, err)
	_, err = lock.Hold().Multi(ctx, zkapi.CreateOp("/app/result", []byte("42"), nil, zkapi.Persistent))
	fmt.Println(err)

	srv.Expire(client.SessionID())
	<-lock.Hold().Lost()
	_, err = lock.Hold().Multi(ctx, zkapi.SetOp("/app/result", []byte("43"), zkapi.AnyVersion))
	fmt.Println(errors.Is(err, recipes.ErrNotHeld))
	fmt.Println(lock.Release(ctx))
	// Output:
	// [worker 1] <nil>
	// <nil>
	// true
	// lock /app/lock: not held: the session is lost
}

func ExampleRetry() {
	for _, policy := range []recipes.Policy{
		recipes.Backoff{MaxTries: 3, Delay: time.Millisecond}, // kazoo's
		recipes.ExponentialBackoff(time.Millisecond, 5, time.Second),
		recipes.RetryTimes(5, time.Millisecond),
		recipes.RetryFor(time.Minute, time.Millisecond),
		recipes.RetryForever(time.Millisecond),
	} {
		tries := 0
		err := recipes.Retry(context.Background(), policy, func(context.Context) error {
			if tries++; tries < 3 {
				return zkapi.ErrConnectionLoss
			}
			return zkapi.ErrNoNode // which it is for others to judge
		})
		fmt.Println(tries, err)
	}
	// Output:
	// 3 zookeeper: NoNode
	// 3 zookeeper: NoNode
	// 3 zookeeper: NoNode
	// 3 zookeeper: NoNode
	// 3 zookeeper: NoNode
}

func ExampleClassify() {
	switch recipes.Classify(zkapi.ErrConnectionLoss) {
	case recipes.Ambiguous:
		fmt.Println("it may have happened")
	case recipes.Rejected, recipes.Logical, recipes.Terminal:
		fmt.Println("it has not happened")
	}
	// Output: it may have happened
}

func ExampleFlush() {
	srv, err := memserver.New()
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	holder, _ := srv.Client()
	client, _ := srv.Client()
	defer holder.Close()
	defer client.Close()
	ctx := context.Background()
	if err := recipes.NewLock(holder, "/lock").Acquire(ctx); err != nil {
		log.Fatal(err)
	}

	soon, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	err = recipes.NewLock(client, "/lock").Acquire(soon)
	fmt.Println(err)
	if err := recipes.Flush(ctx, client); err != nil { // the node of the one who waited goes in the background
		log.Fatal(err)
	}
	node, _ := srv.Node("/lock")
	fmt.Println(node.Stat.NumChildren)
	// Output:
	// lock /lock: context deadline exceeded
	// 1
}

// two makes a server with two clients.
func two() (srv *memserver.Server, a, b zkapi.Client) {
	srv, err := memserver.New()
	if err != nil {
		log.Fatal(err)
	}
	first, _ := srv.Client()
	second, _ := srv.Client()
	return srv, first, second
}

func ExampleReentrantLock() {
	srv, a, _ := two()
	defer srv.Close()
	lock := recipes.NewReentrantLock(a, "/lock")

	ctx := recipes.WithOwner(context.Background())
	for range 2 {
		if err := lock.Acquire(ctx); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(lock.Release(ctx), lock.Lock().Held())
	fmt.Println(lock.Release(ctx), lock.Lock().Held())
	fmt.Println(lock.Release(ctx))
	// Output:
	// <nil> true
	// <nil> false
	// lock /lock: not held
}

func ExampleRWLock() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	here, there := recipes.NewRWLock(a, "/lock"), recipes.NewRWLock(b, "/lock")

	_ = here.Write().Acquire(ctx)
	_ = here.Read().Acquire(ctx) // before the write lock is released: nobody comes between
	_ = here.Write().Release(ctx)
	reads, err := there.Read().TryAcquire(ctx)
	fmt.Println("the other reads, too:", reads, err)
	fmt.Println(there.Write().Acquire(ctx))
	// Output:
	// the other reads, too: true <nil>
	// lock /lock: a read lock cannot become a write lock
}

func ExampleSemaphore() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	here := recipes.NewSemaphore(a, "/tokens", 2, func(o *recipes.Options) { o.Identifier = "here" })
	there := recipes.NewSemaphore(b, "/tokens", 0) // as many as the node says

	leases, err := here.AcquireN(ctx, 2)
	fmt.Println(len(leases), err)
	lease, err := there.TryAcquire(ctx)
	fmt.Println(lease, err)
	fmt.Println(here.Resize(ctx, 3))
	lease, err = there.TryAcquire(ctx)
	fmt.Println(lease.Held(), err)
	fmt.Println(leases[0].Release(ctx))
	// Output:
	// 2 <nil>
	// <nil> <nil>
	// <nil>
	// true <nil>
	// <nil>
}

func ExampleMultiLock() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	both := recipes.NewMultiLock(recipes.NewLock(a, "/b"), recipes.NewLock(a, "/a")).Sorted()
	one := recipes.NewLock(b, "/b")

	_ = one.Acquire(ctx)
	fmt.Println(both.TryAcquire(ctx))
	_ = one.Release(ctx)
	fmt.Println(both.Acquire(ctx), both.Held())
	fmt.Println(both.Release(ctx))
	// Output:
	// false <nil>
	// <nil> true
	// <nil>
}

func ExampleElection() {
	srv, a, _ := two()
	defer srv.Close()
	election := recipes.NewElection(a, "/leader", func(o *recipes.Options) { o.Identifier = "me" })
	err := election.Run(context.Background(), func(ctx context.Context, h *recipes.Hold) error {
		leader, _, err := election.Leader(ctx)
		fmt.Println(leader.ID, "leads")
		return err
	})
	fmt.Println(err, election.HasLeadership())
	// Output:
	// me leads
	// <nil> false
}

func ExampleLeaderLatch() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	first, second := recipes.NewLeaderLatch(a, "/leader"), recipes.NewLeaderLatch(b, "/leader")
	_ = first.Start()
	_ = first.Await(ctx)
	_ = second.Start()
	fmt.Println(first.HasLeadership(), second.HasLeadership())
	_ = first.Close(ctx)
	_ = second.Await(ctx)
	fmt.Println(first.HasLeadership(), second.HasLeadership())
	_ = second.Close(ctx)
	// Output:
	// true false
	// false true
}

func ExampleRevoke() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	lock := recipes.NewLock(a, "/lock")
	_ = lock.Acquire(ctx)

	other := recipes.NewLock(b, "/lock")
	nodes, _ := other.ContenderNodes(ctx)
	_ = recipes.Revoke(ctx, b, nodes[0])

	<-lock.Hold().Revoked()
	_ = lock.Release(ctx)
	fmt.Println(other.TryAcquire(ctx))
	// Output: true <nil>
}
