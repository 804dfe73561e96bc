// Package memserver is a ZooKeeper server in memory, for tests. It starts in
// microseconds, speaks the real protocol to real clients, and does as it is
// told: sessions expire, connections break and time passes when a test says so.
//
//	func TestMyService(t *testing.T) {
//		srv := memserver.RunT(t)
//		conn, _, err := zk.Connect([]string{srv.Addr()}, 10*time.Second, zk.WithDialer(srv.Dial))
//		require.NoError(t, err)
//		defer conn.Close()
//		// ... the program under test uses conn ...
//		srv.Expire(conn.SessionID())
//		// ... and has to cope ...
//	}
//
// [RunT] closes the server when the test ends, and fails the test if the
// server's state contradicts itself. [New] is the same without a test.
//
// # Two ways in
//
// Over the wire, any client of ZooKeeper can be used as it is:
//
//   - [Server.Dial] connects through memory. It has the signature of
//     net.DialTimeout, so go-zookeeper takes it by zk.WithDialer(srv.Dial).
//   - [Server.Listen] serves a TCP port, for clients in other processes and in
//     other languages.
//   - [Server.ListenTLS] serves one with TLS, for which it needs Config.TLS; who
//     shows a certificate is known by its subject, an x509 id.
//   - [Server.Serve] and [Server.ServeConn] serve whatever listener or
//     connection there is.
//
// The direct client is for code on [github.com/zksim/zksim/zkapi.Client]. It
// is in the server's process: a call is a step of the server's state machine,
// without a socket, a codec or a goroutine, and what the step causes is there
// when the call returns, the events of every direct client among it:
//
//	a, b := srv.ClientT(t), srv.ClientT(t)
//	_, err := a.Create(ctx, "/leader", nil, nil, zkapi.Ephemeral)
//	_, _, gone, err := b.GetW(ctx, "/leader")
//	a.Close()
//	<-gone // never waits
//
// Both see one server, and see the same: a test runs random operations through
// both and compares every result, event, zxid and time.
//
// A direct client reconnects by itself, as clients do: after a Restart to its
// session, after an expiry to a new one; it repeats its AddAuth and its watches.
// Only after [Server.Disconnect] it stays away until [Client.Reconnect], so that
// a test has time for what it is to miss.
//
// # Time
//
// The server's clock is the system's, and three things wait for it: sessions,
// which expire at the first end of a tick (Config.TickTime) after their
// timeout; containers and TTL nodes, which are looked at every
// Config.ContainerInterval; and connections that have not said what they want.
// A test does not have to wait.
//
// Inside a testing/synctest bubble time is virtual, for the server as for all
// others, and time.Sleep(time.Hour) takes a few milliseconds with a client that
// pings all the while:
//
//	synctest.Test(t, func(t *testing.T) {
//		srv := memserver.RunT(t) // made inside: it belongs to this bubble
//		...
//	})
//
// What the bubble asks in return: make server and clients inside; use Dial, not
// Listen (waiting for a socket stops the bubble's clock); close clients of other
// packages before the test ends. A [Snapshot] may come from anywhere.
//
// Everywhere else [Server.Advance] moves the clock of one server. Clients that
// have a connection count as pinging, direct clients always do, so only sessions
// without one expire: each at its own instant, in a transaction of its own, as
// if the time had really passed.
//
//	srv.Disconnect(a.SessionID())
//	srv.Advance(13 * time.Second)
//
// # Control
//
//   - [Server.Disconnect] breaks the connection of a session, which lives on.
//   - [Server.Stall] keeps from a session's client what the server says, until [Server.Resume].
//   - [Server.Expire] ends a session as its timeout would.
//   - [Server.Restart] loses connections and watches, and keeps tree and sessions.
//   - [Server.Restore] goes back to a snapshot, or to nothing.
//   - [Server.Advance] lets time pass.
//   - [Server.SetCounters], [Server.SetZxid] and [Server.SetNextSession] move counters
//     to where they overflow.
//   - [Server.Close] stops the server and waits for everything it runs.
//
// Sessions are named by their id, which every client tells (SessionID).
//
// go-zookeeper v1.0.4 pauses for a second when it has tried every address that
// it was given; outside a bubble, giving it srv.Addr() several times spares that.
// Each of its connections takes 3 MB unless WithMaxBufferSize and
// WithMaxConnBufferSize say otherwise. Under the race detector it may be caught in
// a race of its own, on lastZxid, when it reconnects with watches and has something
// else to send at the same time.
//
// # Ensembles
//
// With Config.Members the server is an ensemble: one tree, one line of
// transactions, and several members, each with an address and clients of its
// own, of which one leads.
//
//	srv := memserver.RunT(t, func(c *memserver.Config) { c.Members = 3 })
//	conn, _, err := zk.Connect(srv.Addrs(), 10*time.Second, zk.WithDialer(srv.Dial))
//	srv.Leader().Stop() // everybody is cut off; the client finds another member, with its session
//
// A [Member] can be stopped and started, cut off from the others and elected.
// An election takes no time, or Config.ElectionTime; it breaks all connections and begins an epoch, so
// that zxids go on in another range. Without a quorum nobody is served, and no
// session expires.
//
// Config.Observers names the members without a vote. Config.Joiners are servers
// that are in no configuration yet: with ReconfigEnabled, a client that may write
// /zookeeper/config takes them in, and others out, by their [Member.Spec]. Who is
// out goes on without a vote as long as it runs. A reconfig may name servers that
// are not among the members at all; their votes are missing.
//
// With Config.ReadOnlyMode a member that has no quorum, or is cut off from it,
// serves the state that it has to clients that say that reading will do
// ([ClientConfig].ReadOnly). As in ZooKeeper that takes Config.LocalSessions: new
// sessions are then known to one member only, take no transaction, own no
// ephemeral nodes unless Config.LocalUpgrading makes them sessions like others,
// and end when their member loses its leader.
//
// [Member.Sever] takes from one member what another says, in one direction: a
// follower then serves the past, or nobody learns what its clients want; a leader
// that no quorum answers commits nothing, and all writes wait. After
// Config.SyncLimit ticks they give each other up. What becomes of a write that has
// waited is for the log of the next leader to say, which is how a test makes writes
// whose outcome is unknown:
//
//	leader := srv.Leader()
//	for _, m := range srv.Members() {
//		m.Sever(leader) // they log what it proposes, and it does not hear that: the write is done; or
//		leader.Sever(m) // they do not: it is not
//	}
//	go client.Create(ctx, "/n", nil, nil, zkapi.Persistent) // on the leader: it waits, and then, connection loss
//	... srv.Events() has told an EventWaiting, or synctest.Wait has returned ...
//	leader.Stop()
//
// [Member.SetLag] holds a member back: by transactions, by time, or until
// further notice. Its clients then read what was, get their events late, and are
// not told yet that a session has ended, as on a follower that is slow. What
// binds a real follower binds it: a client sees its own writes and never goes
// back in time, Sync makes the member catch up, and a member that has not seen
// what a client has refuses it. Where a real follower would let a client wait
// for its write to arrive, this one catches up at once.
//
// # Inspection
//
// [Server.Node], [Server.Sessions], [Server.Watches] and [Server.Zxid] show the
// server as it is now, without regard to ACLs and without leaving a trace;
// [Server.Dump] writes all of it for a person. [Server.Snapshot] is for the whole
// tree: range over its Nodes, or print it, which makes a good golden file since
// it holds no times. [Server.Events] tells what happens: transactions, what becomes
// of sessions, watch events. [Server.Connections] and [Server.FourLetterWord] are
// what ZooKeeper tells its administrators.
//
// # Snapshots
//
// A [Snapshot] is what a restarted server would know: tree, sessions and zxid.
// It takes the same few microseconds at any size, never changes, and can be the
// start of any number of servers, which copy only what they change:
//
//	moment := srv.Snapshot()
//	one := memserver.RunT(t, memserver.From(moment))
//	other := memserver.RunT(t, memserver.From(moment)) // the same moment, another future
//
// [Snapshot.WriteTo] and [ReadSnapshot] use the format of ZooKeeper's own
// snapshot files: a real server starts from what this one has written, and the
// other way round.
//
// # Configuration
//
// The zero [Config] is ZooKeeper 3.9 with its defaults. Options are functions
// that change it:
//
//	srv := memserver.RunT(t, func(c *memserver.Config) {
//		c.Profile = memserver.V38
//		c.ExtendedTypes = true // TTL nodes
//	})
//
// Config.TLS and Config.SASLUsers are for clients that have to say who they are;
// Config.Between puts something, such as a plan of faults, before every address
// on which the server listens, also when a member is started again.
//
// [Config.Set] takes the names of zoo.cfg and of the Java properties. With a
// Seed, session ids are the same in each run.
//
// # What a real server does differently
//
// As little as possible: the same requests go to this server and to ZooKeeper
// 3.8 and 3.9, and the answers are compared byte by byte. What is left is listed
// in the README under "Differences from ZooKeeper".
//
// # Inside
//
// The server is a state machine, package internal/state, that knows no network,
// clock, lock or goroutine. Around it is this package, in thin shells:
//
//	server.go      the lock, the timer, and the way out of each step
//	listen.go      listeners, Dial
//	conn.go        one connection: frames in, batches of replies out
//	tls.go         connections with TLS; x500.go prints the names of certificates
//	pipe.go        the connection in memory that Dial returns
//	fourletter.go  the commands of the client port
//	direct.go      the direct client; watches.go is its side of watches
//	control.go     what a test may do to a server; counters.go moves its counters
//	member.go      and to a member of an ensemble
//	stall.go       and to one session
//	inspect.go     what it may look at; snapshots
//	snapfile.go    snapshots as files
//	events.go      what happens, for whoever listens
//	config.go      settings
//	run.go         RunT, ClientT
//
// The path of a request. The goroutine of a connection reads bytes until there
// is a whole frame, takes the server's lock, and applies all the frames that are
// there, in one batch: package wire decodes, state.Handle calls the function of
// the opcode, which checks in ZooKeeper's order and changes the tree; the
// changes become notes for those who watch; deliver hands each note to its
// connection, and the reply is appended after them. Then the lock is released
// and the same goroutine writes the batch. So an event is always before the
// reply that shows its change, and a connection's replies are in the order of
// its requests. Events for other connections are appended to what they have to
// send; one that is not sending anything gets a goroutine that writes and ends.
// The direct client enters at the lock, and leaves before the bytes.
//
// The locks. Server.mu guards the state and everything that belongs to the
// server; it is held while requests are applied, and never while anything
// waits. A connection's outbox.mu guards the bytes to be sent; it may be taken
// with Server.mu held, not the other way round, and is released during the
// write itself. The locks of a pipe's two directions and of a zkapi.Stream are
// taken last, and nothing that takes another is called with them held. The fields
// of a [Client] are guarded by Server.mu. A client that does not read makes its own connection
// wait, and nobody else; when too many events pile up for it (Config.MaxUnsent)
// its connection is closed.
//
// What runs. New starts nothing. A connection has one goroutine, and one more
// while events are written to it; a listener has one; one timer is set for
// whatever is due next, if anything is. Close ends all of it and waits.
package memserver
