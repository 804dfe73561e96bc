package recipes_test

import (
	"context"
	"fmt"
	"time"

	"github.com/zksim/zksim/recipes"
)

func ExampleSetPartitioner() {
	srv, a, _ := two()
	defer srv.Close()
	ctx := context.Background()
	p := recipes.NewSetPartitioner(a, "/shards", []string{"0", "1", "2"}, func(o *recipes.PartitionOptions) {
		o.Quiet = time.Millisecond // for the sake of the example
	})
	_ = p.Start()
	for state := range p.Changes().All(ctx) {
		switch state {
		case recipes.PartitionAcquired:
			fmt.Println(state, p.Items())
			_ = p.Finish(ctx)
		case recipes.PartitionReleasing: // others have come or gone
			p.Release()
		}
	}
	fmt.Println(p.State())
	// Output:
	// ACQUIRED [0 1 2]
	// FAILURE
}

func ExampleDiscovery() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	port := 8080
	here := recipes.NewDiscovery(a, "/services")
	_, _ = here.Register(ctx, recipes.ServiceInstance{Name: "web", ID: "1", Address: "10.0.0.1", Port: &port,
		URISpec: recipes.ParseURISpec("{scheme}://{address}:{port}/")})

	provider := recipes.NewDiscovery(b, "/services").Provider("web")
	defer provider.Close()
	_ = provider.Wait(ctx)
	x, ok := provider.Choose()
	fmt.Println(x.URI(nil), ok)
	fmt.Println(here.Close(ctx))
	// Output:
	// http://10.0.0.1:8080/ true
	// <nil>
}

func ExampleStrategy() {
	instances := []recipes.ServiceInstance{{ID: "1"}, {ID: "2"}, {ID: "3"}}
	choose := func(s recipes.Strategy) {
		fmt.Println(s.Choose(instances).ID, s.Choose(instances).ID, s.Choose(instances).ID)
	}
	choose(recipes.RoundRobin())
	choose(recipes.Sticky(recipes.RoundRobin())) // the first choice stays
	alone := recipes.Random().Choose(instances[:1])
	fmt.Println(alone.ID)
	// Output:
	// 1 2 3
	// 1 1 1
	// 1
}
