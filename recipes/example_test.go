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
