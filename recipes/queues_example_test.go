package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zksim/zksim/recipes"
)

func ExampleQueue() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	here, there := recipes.NewQueue(a, "/queue"), recipes.NewQueue(b, "/queue")
	_ = here.Put(ctx, []byte("later"))
	_ = here.PutPriority(ctx, []byte("first"), 1)
	for range 3 {
		data, ok, err := there.Get(ctx)
		fmt.Printf("%s %v %v\n", data, ok, err)
	}
	// Output:
	// first true <nil>
	// later true <nil>
	//  false <nil>
}

func ExampleSimpleQueue() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	go func() { _ = recipes.NewSimpleQueue(b, "/queue").Offer(ctx, []byte("hello")) }()
	data, err := recipes.NewSimpleQueue(a, "/queue").Take(ctx)
	fmt.Printf("%s %v\n", data, err)
	// Output: hello <nil>
}

func ExampleLockingQueue() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	here, there := recipes.NewLockingQueue(a, "/queue"), recipes.NewLockingQueue(b, "/queue")
	_ = here.Put(ctx, []byte("task"))

	data, _ := here.Get(ctx)
	fmt.Printf("%s\n", data)
	srv.Expire(a.SessionID()) // a crash
	data, _ = there.Get(ctx)
	fmt.Printf("%s again\n", data)
	fmt.Println(there.Consume(ctx))
	// Output:
	// task
	// task again
	// <nil>
}

func ExampleDistributedQueue() {
	srv, a, _ := two()
	defer srv.Close()
	ctx, cancel := context.WithCancel(context.Background())
	q := recipes.NewDistributedQueue(a, "/queue", recipes.DelayQueue, func(o *recipes.DistributedQueueOptions) {
		o.LockPath = "/locks" // at least once
	})
	_ = q.Put(ctx, recipes.Item{At: time.Now().Add(10 * time.Millisecond), Data: [][]byte{[]byte("in a while")}})
	_ = q.Put(ctx, recipes.Item{At: time.Now(), Data: [][]byte{[]byte("now")}})
	err := q.Consume(ctx, func(_ context.Context, x recipes.Item) error {
		fmt.Printf("%s\n", x.Data[0])
		if string(x.Data[0]) == "in a while" {
			cancel()
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// now
	// in a while
	// queue /queue: context canceled
}

func ExampleQueueSharder() {
	srv, a, _ := two()
	defer srv.Close()
	ctx, cancel := context.WithCancel(context.Background())
	shards := recipes.NewQueueSharder(a, "/queues", "/leader", func(path string) *recipes.DistributedQueue {
		return recipes.NewDistributedQueue(a, path, recipes.PlainQueue)
	})
	_ = shards.Start(ctx)
	_ = shards.Queue().Put(ctx, recipes.Item{Data: [][]byte{[]byte("task")}})
	err := shards.Each(ctx, func(ctx context.Context, q *recipes.DistributedQueue) error {
		return q.Consume(ctx, func(_ context.Context, x recipes.Item) error {
			fmt.Printf("%s of %d queue\n", x.Data[0], len(shards.Paths()))
			cancel()
			return nil
		})
	})
	fmt.Println(errors.Is(err, context.Canceled), shards.Close(context.Background()))
	// Output:
	// task of 1 queue
	// true <nil>
}
