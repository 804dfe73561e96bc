package realserver_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// The Examples connect to a simulator, so that they run everywhere; for a real
// server leave out the Dialer.
func simulator() (srv *memserver.Server, dialer func(*realserver.ClientConfig)) {
	srv, err := memserver.New()
	if err != nil {
		log.Fatal(err)
	}
	return srv, func(c *realserver.ClientConfig) { c.Dialer = srv.Dial }
}

func ExampleConnect() {
	srv, dialer := simulator()
	defer srv.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	client, err := realserver.Connect(ctx, []string{srv.Addr()}, dialer)
	if err != nil {
		log.Fatal(err) // says what the last attempt failed with
	}
	defer client.Close()

	path, err := client.Create(ctx, "/jobs", []byte("none yet"), nil, zkapi.Persistent)
	fmt.Println(path, err)
	_, err = client.Create(ctx, "/jobs", nil, nil, zkapi.Persistent)
	fmt.Println(err)
	fmt.Println(errors.Is(err, zkapi.ErrNodeExists), errors.Is(err, zk.ErrNodeExists))
	// Output:
	// /jobs <nil>
	// create /jobs: zookeeper: NodeExists
	// true true
}

func ExampleClient_States() {
	srv, dialer := simulator()
	defer srv.Close()
	ctx := context.Background()
	client, err := realserver.Connect(ctx, []string{srv.Addr()}, dialer)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	first := client.SessionID()
	states := client.States()
	srv.Expire(first)
	for change := range states.All(ctx) {
		fmt.Println(change.State, change.SessionID == first)
		if change.State == zkapi.StateConnected {
			break
		}
	}
	// Output:
	// SUSPENDED true
	// LOST true
	// CONNECTED false
}

func ExampleClient_AddWatch() {
	srv, dialer := simulator()
	defer srv.Close()
	ctx := context.Background()
	client, err := realserver.Connect(ctx, []string{srv.Addr()}, dialer)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	events, err := client.AddWatch(ctx, "/", zkapi.WatchPersistentRecursive)
	if err != nil {
		log.Fatal(err)
	}
	defer events.Close() // removes the watch from the server
	for _, path := range []string{"/a", "/a/b"} {
		if _, err := client.Create(ctx, path, nil, nil, zkapi.Persistent); err != nil {
			log.Fatal(err)
		}
		event, err := events.Next(ctx)
		fmt.Println(event.Type, event.Path, err)
	}
	// Output:
	// NodeCreated /a <nil>
	// NodeCreated /a/b <nil>
}

// A context that ends while a write is under way leaves its outcome open, as
// a lost connection does. Reading tells.
func ExampleClient_Set() {
	srv, dialer := simulator()
	defer srv.Close()
	ctx := context.Background()
	client, err := realserver.Connect(ctx, []string{srv.Addr()}, dialer)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	stat, err := client.Set(ctx, "/", []byte("one"), 0)
	fmt.Println(stat.Version, err)
	impatient, cancel := context.WithCancel(ctx)
	cancel()
	_, err = client.Set(impatient, "/", []byte("two"), stat.Version)
	fmt.Println(err, zkapi.NothingChanged(err))
	data, stat, err := client.Get(ctx, "/")
	fmt.Printf("%s %d %v\n", data, stat.Version, err)
	// Output:
	// 1 <nil>
	// setData /: context canceled false
	// one 1 <nil>
}
