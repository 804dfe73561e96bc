// Package realserver connects to real ZooKeeper servers, and starts them for tests:
//
//	srv := realserver.RunT(t, "") // the newest ZooKeeper on this machine; skips t if there is none
//	client, err := realserver.Connect(ctx, []string{srv.Addr()})
//	defer client.Close()
//	path, err := client.Create(ctx, "/jobs", nil, nil, zkapi.Persistent)
//
// # The client
//
// [Connect] makes a [Client], a zkapi.Client over a connection of github.com/go-zookeeper/zk. Code that
// is written for zkapi.Client and tested on a memserver.Server runs on ZooKeeper by it, without a change:
//
//	client, err := realserver.Connect(ctx, []string{"zk1:2181", "zk2:2181", "zk3:2181"})
//	service := myservice.New(zkapi.Chroot(client, "/myservice"))
//
// It has all operations of ZooKeeper 3.9, also those that go-zookeeper has not: persistent watches,
// removeWatches, multiRead, getEphemerals, getAllChildrenNumber, whoAmI. An older server answers what it
// does not know with zkapi.ErrUnimplemented.
//
// What users of go-zookeeper have to know by heart is taken care of:
//
//   - Every call ends when its context does, and at once if there is no connection.
//   - A session that has expired is LOST in [Client.States], before another one is CONNECTED. No
//     change of state is dropped, and no request that was meant for the old session is done in the new one.
//   - Watches survive reconnections, and what happened meanwhile is told. An event comes before any
//     reply that shows the change.
//   - A failed Multi says which operation failed.
//   - errors.Is finds zkapi's name of an error as well as go-zookeeper's: zkapi.ErrNoNode, zk.ErrNoNode.
//   - The outcome of a write is unknown after zkapi.ErrConnectionLoss and after a context that ended;
//     zkapi.NothingChanged tells.
//
// The client works on a simulator too, over TCP or through memory, also in a bubble of testing/synctest:
//
//	srv := memserver.RunT(t)
//	client, err := realserver.Connect(ctx, []string{srv.Addr()}, func(c *realserver.ClientConfig) {
//		c.Dialer = srv.Dial
//	})
//
// # The server
//
// RunT needs Java and a ZooKeeper. It looks, in this order, at
//
//   - $ZKSIM_ZOOKEEPER_HOME, an unpacked release: a folder with lib/*.jar or *.jar;
//   - Debian's and Ubuntu's package (apt-get install zookeeper);
//   - zksim/zookeeper-VERSION in the user's cache folder, which is filled by
//     go run github.com/zksim/zksim/realserver/install.
//
// Where the tests must not pass by being skipped, in CI for one, set ZKSIM_REQUIRE_REAL=1: what
// would have been skipped then fails.
//
// The server listens on 127.0.0.1, on a port of its own, and is set up for short tests: nothing is
// synced to disk and the JVM compiles as little as it can. [Options] holds these settings, and an
// option function may change any of them. A benchmark wants the server's own compiler back:
//
//	srv := realserver.RunT(b, "3.9", func(o *realserver.Options) {
//		o.JVM = []string{"-Xms2g", "-Xmx2g"}
//	})
//
// Nothing here sleeps until the server may be up: [Start] returns when the server has logged that it
// serves and has answered the four-letter word srvr.
//
// On Linux the kernel kills the server when the process that started it dies, however it dies.
// Elsewhere a killed test binary leaves its servers behind.
package realserver
