package watchers_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

var ctx = context.Background()

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// newClient makes a client of a server in memory; realserver.Connect makes one of
// a real server.
func newClient() (c zkapi.Client, stop func()) {
	srv, err := memserver.New()
	check(err)
	c, err = srv.Client()
	check(err)
	return c, func() { c.Close(); srv.Close() }
}

func set(c zkapi.Client, path, data string) {
	_, err := c.Set(ctx, path, []byte(data), zkapi.AnyVersion)
	check(err)
}

func create(c zkapi.Client, path, data string) {
	_, err := c.Create(ctx, path, []byte(data), nil, zkapi.Persistent)
	check(err)
}

func ExampleData() {
	c, stop := newClient()
	defer stop()
	changes := []func(){ // what somebody else does meanwhile
		func() { create(c, "/config", "on") },
		func() { set(c, "/config", "off") },
		func() { check(c.Delete(ctx, "/config", zkapi.AnyVersion)) },
	}
	for node, err := range watchers.Data(ctx, c, "/config") {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Printf("%v %q\n", node.Exists, node.Data)
		if len(changes) == 0 {
			break
		}
		changes[0]()
		changes = changes[1:]
	}
	// Output:
	// false ""
	// true "on"
	// true "off"
	// false ""
}

func ExampleExistingData() {
	c, stop := newClient()
	defer stop()
	create(c, "/job", "running")
	for node, err := range watchers.ExistingData(ctx, c, "/job") {
		if err != nil {
			fmt.Println("over:", errors.Is(err, zkapi.ErrNoNode))
			break
		}
		fmt.Printf("%s\n", node.Data)
		check(c.Delete(ctx, "/job", zkapi.AnyVersion))
	}
	// Output:
	// running
	// over: true
}

func ExampleChildren() {
	c, stop := newClient()
	defer stop()
	create(c, "/workers", "")
	create(c, "/workers/a", "")
	for list, err := range watchers.Children(ctx, c, "/workers") {
		check(err)
		fmt.Println(list.Names, "new:", list.Added)
		if len(list.Names) == 2 {
			break
		}
		create(c, "/workers/b", "")
	}
	// Output:
	// [a] new: [a]
	// [a b] new: [b]
}

func ExampleExistingChildren() {
	c, stop := newClient()
	defer stop()
	for _, err := range watchers.ExistingChildren(ctx, c, "/workers") {
		fmt.Println(err)
	}
	// Output: getChildren2 /workers: zookeeper: NoNode
}

func ExamplePatientChildren() {
	c, stop := newClient()
	defer stop()
	create(c, "/members", "")
	create(c, "/members/a", "")
	for group, err := range watchers.PatientChildren(ctx, c, "/members", time.Millisecond) {
		check(err)
		fmt.Println("we are", group.Names)
		create(c, "/members/b", "") // and work on until
		fmt.Println((<-group.Changed).Type)
		break
	}
	// Output:
	// we are [a]
	// NodeChildrenChanged
}

func ExampleNewTreeCache() {
	c, stop := newClient()
	defer stop()
	create(c, "/app", "")
	create(c, "/app/web", "1 machine")

	cache := watchers.NewTreeCache(ctx, c, "/app")
	defer cache.Close()
	for change, err := range cache.Changes(ctx) {
		check(err)
		switch change.Kind {
		case watchers.Added:
			fmt.Println("new:", change.Node.Path)
		case watchers.Updated:
			fmt.Printf("%s: %s, before that %s\n", change.Node.Path, change.Node.Data, change.Old.Data)
			check(c.Delete(ctx, "/app/web", zkapi.AnyVersion))
		case watchers.InSync:
			fmt.Println(cache.Children("/app"))
			set(c, "/app/web", "2 machines")
		case watchers.Removed:
			fmt.Println("gone:", change.Old.Path)
			return
		}
	}
	// Output:
	// new: /app
	// new: /app/web
	// [web]
	// /app/web: 2 machines, before that 1 machine
	// gone: /app/web
}

func ExampleNewChildrenCache() {
	c, stop := newClient()
	defer stop()
	create(c, "/workers", "")
	create(c, "/workers/a", "10.0.0.1")
	create(c, "/workers/b", "10.0.0.2")

	cache := watchers.NewChildrenCache(ctx, c, "/workers")
	defer cache.Close()
	check(cache.WaitSynced(ctx))
	for _, name := range cache.Children("/workers") {
		node, _ := cache.Node("/workers/" + name)
		fmt.Printf("%s is at %s\n", name, node.Data)
	}
	// Output:
	// a is at 10.0.0.1
	// b is at 10.0.0.2
}

func ExampleNewNodeCache() {
	c, stop := newClient()
	defer stop()
	create(c, "/config", "on")

	cache := watchers.NewNodeCache(ctx, c, "/config")
	defer cache.Close()
	check(cache.WaitSynced(ctx))
	node, _ := cache.Node("/config") // from memory
	fmt.Printf("%s\n", node.Data)
	// Output: on
}

func ExamplePersistent() {
	c, stop := newClient()
	defer stop()
	for event, err := range watchers.Persistent(ctx, c, "/app", zkapi.WatchPersistentRecursive) {
		check(err)
		if event.Type == zkapi.EventNone {
			fmt.Println("watching")
			create(c, "/app", "")
			create(c, "/app/web", "")
			continue
		}
		fmt.Println(event.Type, event.Path)
		if event.Path == "/app/web" {
			break
		}
	}
	// Output:
	// watching
	// NodeCreated /app
	// NodeCreated /app/web
}
