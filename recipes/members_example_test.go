package recipes_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

func ExampleParty() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	here := recipes.NewParty(a, "/party", func(o *recipes.Options) { o.Identifier = "here" })
	there := recipes.NewParty(b, "/party", func(o *recipes.Options) { o.Identifier = "there" })
	_ = here.Join(ctx)
	_ = there.Join(ctx)
	fmt.Println(here.Members(ctx))
	fmt.Println(there.Leave(ctx))
	fmt.Println(here.Members(ctx))
	_, _ = here.Leave(ctx)
	// Output:
	// [here there] <nil>
	// true <nil>
	// [here] <nil>
}

func ExampleGroupMember() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	here := recipes.NewGroupMember(a, "/group", "here", []byte("10.0.0.1"))
	there := recipes.NewGroupMember(b, "/group", "there", []byte("10.0.0.2"))
	for _, g := range []*recipes.GroupMember{here, there} {
		if err := g.Start(); err != nil {
			log.Fatal(err)
		}
		defer g.Close(ctx)
	}
	for range here.Changes(ctx) {
		if members := here.Members(); len(members) == 2 {
			fmt.Printf("%s %s\n", members["here"], members["there"])
			break
		}
	}
	// Output: 10.0.0.1 10.0.0.2
}

func ExamplePersistentNode() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	n := recipes.NewPersistentNode(a, "/service/me", zkapi.Ephemeral, []byte("up"))
	_ = n.Start()
	created := n.Created()
	fmt.Println(created.Next(ctx))
	_ = b.Delete(ctx, "/service/me", zkapi.AnyVersion)
	fmt.Println(created.Next(ctx))
	fmt.Println(n.Close(ctx))
	// Output:
	// /service/me <nil>
	// /service/me <nil>
	// <nil>
}

func ExampleTTLNode() {
	srv, err := memserver.New(func(c *memserver.Config) { c.ExtendedTypes = true })
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	a, _ := srv.Client()
	b, _ := srv.Client()
	ctx := context.Background()
	n := recipes.NewTTLNode(a, "/job", time.Hour, []byte("running"))
	_ = n.Start()
	fmt.Println(n.WaitCreated(ctx))
	data, _, err := b.Get(ctx, "/job")
	fmt.Printf("%s %v\n", data, err)
	n.Close() // it goes after its time
	// Output:
	// <nil>
	// running <nil>
}

func ExampleLease() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	here := recipes.NewLease(a, "/lease", time.Minute, "here")
	there := recipes.NewLease(b, "/lease", time.Minute, "there")
	fmt.Println(here.Obtain(ctx))
	fmt.Println(there.Obtain(ctx))
	fmt.Println(here.Release(ctx))
	fmt.Println(there.Obtain(ctx))
	// Output:
	// true <nil>
	// false <nil>
	// true <nil>
	// true <nil>
}

func ExampleNewShallowParty() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	named := func(name string) func(*recipes.Options) { return func(o *recipes.Options) { o.Identifier = name } }
	here, there := recipes.NewShallowParty(a, "/party", named("here")), recipes.NewShallowParty(b, "/party", named("there"))
	_ = here.Join(ctx)
	_ = there.Join(ctx)
	fmt.Println(here.Members(ctx)) // one request: the names are in those of the nodes
	// Output: [here there] <nil>
}

func ExampleNewMultiLease() {
	srv, a, b := two()
	defer srv.Close()
	ctx := context.Background()
	for i, c := range []zkapi.Client{a, b, a} {
		lease := recipes.NewMultiLease(c, "/leases", 2, time.Hour, fmt.Sprint("worker ", i))
		fmt.Println(lease.Obtain(ctx))
	}
	// Output:
	// true <nil>
	// true <nil>
	// false <nil>
}
