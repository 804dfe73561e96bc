package realserver_test

import (
	"context"
	"fmt"
	"log"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// In a test RunT does this, and skips the test where there is no ZooKeeper.
func ExampleStart() {
	ctx := context.Background()
	install, err := realserver.Find("3.9")
	if err != nil {
		log.Fatal(err) // says where it looked and how to install one
	}
	srv, err := realserver.Start(ctx, install)
	if err != nil {
		log.Fatal(err) // with the end of the server's log
	}
	defer srv.Close()

	client, err := realserver.Connect(ctx, []string{srv.Addr()})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	path, err := client.Create(ctx, "/here", nil, nil, zkapi.Ephemeral)
	fmt.Println(path, err)

	err = srv.Expire(ctx, client.SessionID()) // and /here is gone
	fmt.Println(err)
}

// In a test RunEnsembleT does this.
func ExampleStartEnsemble() {
	ctx := context.Background()
	install, err := realserver.Find("")
	if err != nil {
		log.Fatal(err)
	}
	ensemble, err := realserver.StartEnsemble(ctx, install, 3)
	if err != nil {
		log.Fatal(err)
	}
	defer ensemble.Close()

	leader, err := ensemble.Leader(ctx)
	if err != nil {
		log.Fatal(err)
	}
	_ = leader.Kill()
	next, err := ensemble.Leader(ctx) // waits until the others have elected one
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(leader.ID(), "was followed by", next.ID())
	_ = leader.Restart(ctx) // returns when it follows
}

func ExampleProxy() {
	ctx := context.Background()
	srv, err := memserver.New() // or a real server
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		log.Fatal(err)
	}
	proxy, err := realserver.NewProxy(srv.Addr())
	if err != nil {
		log.Fatal(err)
	}
	defer proxy.Close()
	client, err := realserver.Connect(ctx, []string{proxy.Addr()})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	session := client.SessionID()
	states := client.States()
	fmt.Println(proxy.Disconnect(session))
	for range 2 {
		change, err := states.Next(ctx)
		fmt.Println(change.State, change.SessionID == session, err)
	}
	// Output:
	// true
	// SUSPENDED true <nil>
	// CONNECTED true <nil>
}

func ExampleDifference() {
	for _, version := range []string{"3.8.0", "3.8.4", "3.9.1", "3.9.5"} {
		fmt.Println(version, realserver.ExistsNeedsRead.In(version))
	}
	fmt.Println("before:", realserver.ExistsNeedsRead.Before)
	fmt.Println("after: ", realserver.ExistsNeedsRead.After)
	// Output:
	// 3.8.0 false
	// 3.8.4 true
	// 3.9.1 false
	// 3.9.5 true
	// before: exists needs no permission
	// after:  it needs READ, and leaves no watch without
}

func ExampleSessionPassword() {
	fmt.Printf("%x\n", realserver.SessionPassword(0x1000000012340000))
	// Output: 6ed47e886378d816fcff98b3e4ae1308
}
