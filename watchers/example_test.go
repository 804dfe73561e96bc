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
