package recipes_test

import (
	"context"
	"fmt"
	"math/big"

	"github.com/zksim/zksim/recipes"
)

func ExampleBarrier() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	barrier := recipes.NewBarrier(a, "/barrier")
	_ = barrier.Create(ctx)

	passed := make(chan error)
	go func() { passed <- recipes.NewBarrier(b, "/barrier").Wait(ctx) }()
	fmt.Println(barrier.Remove(ctx))
	fmt.Println(<-passed)
	// Output:
	// true <nil>
	// <nil>
}

func ExampleDoubleBarrier() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	here, there := recipes.NewDoubleBarrier(a, "/meeting", 2), recipes.NewDoubleBarrier(b, "/meeting", 2)

	entered := make(chan error)
	go func() { entered <- there.Enter(ctx) }()
	fmt.Println(here.Enter(ctx), <-entered)
	left := make(chan error)
	go func() { left <- there.Leave(ctx) }()
	fmt.Println(here.Leave(ctx), <-left)
	// Output:
	// <nil> <nil>
	// <nil> <nil>
}

func ExampleNewCounter() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	exactlyOnce := func(o *recipes.CellOptions) { o.ExactlyOnce = true } // also if a reply is lost
	_, _ = recipes.NewCounter(a, "/visits", exactlyOnce).Add(ctx, 40)
	ch, err := recipes.NewCounter(b, "/visits", exactlyOnce).Add(ctx, 2)
	fmt.Println(ch.Pre, ch.Post, err)
	node, _ := srv.Node("/visits")
	fmt.Printf("%s\n", node.Data)
	// Output:
	// 40 42 <nil>
	// 42
}

func ExampleNewAtomic() {
	srv, a, _ := two()
	defer srv.Close()
	ctx := context.Background()
	price := recipes.NewAtomic(a, "/price", recipes.FloatText())
	_, _ = price.Add(ctx, 1.3)
	ch, err := price.Update(ctx, func(old float64) (float64, error) { return old * 2, nil })
	fmt.Println(ch.Post, err)
	// Output: 2.6 <nil>
}

func ExampleNumbers() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	here := recipes.NewNumbers(recipes.NewAtomic(a, "/ids", recipes.Int64()), 100)
	there := recipes.NewNumbers(recipes.NewAtomic(b, "/ids", recipes.Int64()), 100)
	for range 2 {
		n, _ := here.Next(ctx)
		m, _ := there.Next(ctx)
		fmt.Println(n, m)
	}
	// Output:
	// 1 101
	// 2 102
}

func ExampleShared() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	here := recipes.NewShared(a, "/limit", recipes.Int32(), 10)
	there := recipes.NewShared(b, "/limit", recipes.Int32(), 10)
	_ = here.Start(ctx)
	_ = there.Start(ctx)
	defer here.Close()
	defer there.Close()

	changes := here.Changes()
	ok, err := there.TrySet(ctx, there.Versioned(), 20)
	fmt.Println(ok, err)
	for {
		now, err := changes.Next(ctx)
		if err != nil || now.Value == 20 {
			fmt.Println(now.Value, err)
			break
		}
	}
	// Output:
	// true <nil>
	// 20 <nil>
}

// How numbers are written decides who else can count along.
func ExampleCodec() {
	srv, a, _ := two()
	defer srv.Close()
	ctx := context.Background()
	show := func(path string) {
		node, _ := srv.Node(path)
		fmt.Printf("%q\n", node.Data)
	}
	_, _ = recipes.NewAtomic(a, "/kazoo", recipes.Text()).Add(ctx, 7)
	show("/kazoo")
	_, _ = recipes.NewAtomic(a, "/large", recipes.BigText()).Add(ctx, new(big.Int).Lsh(big.NewInt(1), 70))
	show("/large")
	_, _ = recipes.NewAtomic(a, "/count", recipes.Int32()).Add(ctx, 7)
	show("/count")
	_, _ = recipes.NewAtomic(a, "/value", recipes.Bytes()).Swap(ctx, []byte("as it is"))
	show("/value")
	// Output:
	// "7"
	// "1180591620717411303424"
	// "\x00\x00\x00\a"
	// "as it is"
}
