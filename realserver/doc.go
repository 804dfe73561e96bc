// Package realserver connects to real ZooKeeper servers, and starts and controls them for tests, one alone
// or several as an ensemble:
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
// # The servers
//
//	srv := realserver.RunT(t, "3.9")             // alone
//	e := realserver.RunEnsembleT(t, "3.9", 3)    // as one service
//	client, err := realserver.Connect(ctx, e.Addrs())
//
// RunT and RunEnsembleT need Java and a ZooKeeper. They look, in this order, at
//
//   - $ZKSIM_ZOOKEEPER_HOME, an unpacked release: a folder with lib/*.jar or *.jar;
//   - Debian's and Ubuntu's package (apt-get install zookeeper);
//   - zksim/zookeeper-VERSION in the user's cache folder, which is filled by
//     go run github.com/zksim/zksim/realserver/install.
//
// Where the tests must not pass by being skipped, in CI for one, set ZKSIM_REQUIRE_REAL=1: what
// would have been skipped then fails. Each test logs the version that it runs on. With
// ZKSIM_ZOOKEEPER_VERSIONS=3.9, or newest, or several versions with commas, other releases that are
// there are not used.
//
// # Settings
//
// The servers listen on 127.0.0.1, on ports of their own, and are set up for short tests: nothing is
// synced to disk, the JVM compiles as little as it can, and from Java 13 on it starts with classes from
// an archive in the user's cache folder, which the first start makes. [Options] holds these settings, and
// an option function may change any of them. A benchmark wants the server's own compiler back:
//
//	srv := realserver.RunT(b, "3.9", func(o *realserver.Options) {
//		o.JVM = []string{"-Xms2g", "-Xmx2g"}
//	})
//
// For an ensemble the functions are called once for each member, with its ID:
//
//	e := realserver.RunEnsembleT(t, "", 4, func(o *realserver.Options) { o.Observer = o.ID == 4 })
//
// Ports stay those of a server while it is down, also against other programs that use this package. If
// somebody else takes one before the server has bound it, the start is repeated on other ports.
//
// # Control
//
// A [Server], whether alone or a member, can be stopped (SIGTERM), killed (SIGKILL), paused (SIGSTOP),
// continued (SIGCONT) and restarted:
//
//	leader, err := e.Leader(ctx)
//	err = leader.Pause()       // its connections stay open and nobody answers
//	next, err := e.Leader(ctx) // waits until the others have elected one, after 2 s of silence
//	err = leader.Continue()
//	err = e.WaitServing(ctx)   // until the old one has noticed, and follows
//
// Nothing here sleeps until something may be done. What waits, waits for the servers' logs to say that it
// is so, and has the servers confirm it with the four-letter word srvr; and it ends with its context, or
// after three minutes if that has no deadline.
//
// ZooKeeper has no way to appoint a leader. To have another one, kill, stop or pause the leader, or let
// [Ensemble.ElectAnother] restart it. [Ensemble.Elect] restarts members until the one that is wanted leads.
//
// # Sessions
//
// [Server.Expire] and [Ensemble.Expire] end a session on the server; its client need not cooperate.
// They come back to the session as its client would, which takes only its id, because the password of a
// session is a function of its id, and close it. To the server that is the same transaction as an expiry
// by time: one zxid, in which all ephemeral nodes go. Watches fire, and the client learns that its
// session has expired when it comes back. What differs from an expiry by time:
//
//   - It happens to a client that is connected and well. A session whose time is over is one whose client
//     has been silent, and is usually disconnected by then.
//   - On a server that stands alone the client's connection is closed just before the session ends, and
//     not just after. For a moment the session has no connection, and if the client is back within it,
//     Expire tries again: such a client sees one more connection come and go. In an ensemble, Expire
//     works from a member that the client is not connected to, and there is no such moment.
//   - It does not wait for the server's tick, and the server does not log that it expires the session.
//   - The server counts one more connection and one more request.
//
// [Server.Disconnect] and [Ensemble.Disconnect] have the server close a session's connection; the
// session lives on. They come with a wrong password: a server makes room for a returning client before it
// looks at that.
//
// A [Proxy] stands between clients and a server and cuts them off: breaks connections, those of a session
// or all, refuses new ones, or holds bytes back in one direction or both.
//
//	p := realserver.ProxyT(t, srv.Addr())
//	client, err := realserver.Connect(ctx, []string{p.Addr()})
//	p.Hold(realserver.BothWays) // silence; the session will expire
//	err = p.Restore()
//
// With [Options.Severable] the members reach each other over proxies, too, and [Ensemble.Sever] takes
// from one what another says: a partition in one direction, or with two calls in both.
//
//	e := realserver.RunEnsembleT(t, "", 3, func(o *realserver.Options) { o.Severable = true })
//	err := e.Sever(1, 3) // member 3 does not hear member 1 any more, until Mend
//
// # Processes
//
// On Linux the kernel kills the servers when the process that started them dies, however it dies, and
// also those that are paused. Elsewhere a killed test binary leaves its servers behind.
package realserver
