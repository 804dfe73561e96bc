// Package realserver finds, starts and stops a real ZooKeeper server for tests and benchmarks:
//
//	srv := realserver.RunT(t, "") // the newest ZooKeeper on this machine; skips t if there is none
//	conn, _, err := zk.Connect([]string{srv.Addr()}, 10*time.Second)
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
