package memserver_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"net"
	"os"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// The Examples are programs, so they have no testing.T; exampleT stands for it.
type exampleT struct{ fakeT }

func (t *exampleT) end() {
	for _, failure := range t.run(func() {}) {
		fmt.Println(failure)
	}
}

var ctx = context.Background()

// must is for calls that do not fail in an Example.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func must2[T, U any](v T, _ U, err error) T { return must(v, err) }

func Example() {
	t := new(exampleT) // your test's t
	defer t.end()

	srv := memserver.RunT(t)
	a, b := srv.ClientT(t), srv.ClientT(t)

	must(a.Create(ctx, "/leader", []byte("a"), nil, zkapi.Ephemeral))
	data, _, gone, _ := b.GetW(ctx, "/leader")
	fmt.Printf("the leader is %s\n", data)

	srv.Disconnect(a.SessionID()) // its network breaks
	srv.Advance(5 * time.Second)  // nothing happens yet
	srv.Advance(7 * time.Second)  // its session has expired
	fmt.Println((<-gone).Type)
	must(b.Create(ctx, "/leader", []byte("b"), nil, zkapi.Ephemeral))
	fmt.Printf("the leader is %s\n", must2(b.Get(ctx, "/leader")))
	// Output:
	// the leader is a
	// NodeDeleted
	// the leader is b
}

func ExampleRunT() {
	t := new(exampleT) // your test's t
	defer t.end()      // closes the server, and fails the test if its state is not sound

	srv := memserver.RunT(t, func(c *memserver.Config) {
		c.TickTime = time.Second
		c.ExtendedTypes = true
	})
	c := srv.ClientT(t)
	_, _, err := c.CreateTTL(ctx, "/n", nil, nil, zkapi.PersistentTTL, time.Hour)
	fmt.Println(err)
	// Output: <nil>
}

func ExampleNew() {
	srv, err := memserver.New(func(c *memserver.Config) { c.Profile = memserver.V38 })
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	fmt.Println(srv.Zxid())

	_, err = memserver.New(func(c *memserver.Config) { c.Profile = "2.7" })
	fmt.Println(err)
	// Output:
	// 0
	// memserver: unknown profile "2.7": want "3.8" or "3.9"
}

func ExampleConfig() {
	var c memserver.Config             // the zero value is ZooKeeper's default
	c.TickTime = 50 * time.Millisecond // so sessions last between 0.1 and 1 s
	c.SuperDigest = zkapi.DigestID("admin:secret")
	srv := must(memserver.New(func(to *memserver.Config) { *to = c }))
	defer srv.Close()
	client := must(srv.Client(func(c *memserver.ClientConfig) { c.SessionTimeout = time.Millisecond }))
	fmt.Println(client.SessionTimeout())
	fmt.Println(client.AddAuth(ctx, "digest", []byte("admin:secret")))
	// Output:
	// 100ms
	// <nil>
}

func ExampleConfig_Set() {
	var c memserver.Config
	for _, line := range [][2]string{
		{"tickTime", "500"}, {"zookeeper.extendedTypesEnabled", "true"},
		{"dataDir", "/var/lib/zookeeper"}, // no client can notice: accepted
		{"tickTime", "fast"}, {"ticTime", "500"},
	} {
		err := c.Set(line[0], line[1])
		var unknown *memserver.UnknownSettingError
		fmt.Println(err, errors.As(err, &unknown))
	}
	fmt.Println(c.TickTime, c.ExtendedTypes)
	// Output:
	// <nil> false
	// <nil> false
	// <nil> false
	// memserver: setting tickTime=fast: want milliseconds false
	// memserver: unknown setting ticTime true
	// 500ms true
}

// The direct client needs no connection and no codec.
func ExampleServer_Client() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client(func(c *memserver.ClientConfig) {
		c.SessionTimeout = 30 * time.Second
		c.IP = "10.0.0.7"
	}))
	defer c.Close()
	must(c.Create(ctx, "/n", []byte("data"), nil, zkapi.Persistent))
	data, stat, err := c.Get(ctx, "/n")
	fmt.Println(string(data), stat.Version, err, c.SessionTimeout())
	fmt.Println(c.WhoAmI(ctx))
	// Output:
	// data 0 <nil> 30s
	// [{ip 10.0.0.7}] <nil>
}

func ExampleServer_ClientT() {
	t := new(exampleT) // your test's t
	defer t.end()      // closes the clients before the server

	srv := memserver.RunT(t)
	a, b := srv.ClientT(t), srv.ClientT(t)
	fmt.Println(b.SessionID() - a.SessionID())
	// Output: 1
}

// An unmodified client, through memory instead of a socket.
func ExampleServer_Dial() {
	srv := must(memserver.New())
	defer srv.Close()
	conn, _, err := zk.Connect([]string{srv.Addr()}, 10*time.Second, zk.WithDialer(srv.Dial), zk.WithLogInfo(false))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	path, err := conn.Create("/n-", []byte("data"), zk.FlagSequence, zk.WorldACL(zk.PermAll))
	fmt.Println(path, err)
	// Output: /n-0000000000 <nil>
}

// A TCP port, for clients in other processes.
func ExampleServer_Listen() {
	srv := must(memserver.New())
	defer srv.Close()
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		fmt.Println(err)
		return
	}
	conn, _, err := zk.Connect([]string{srv.Addr()}, 10*time.Second, zk.WithLogInfo(false))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	names, _, err := conn.Children("/")
	fmt.Println(names, err)
	// Output: [zookeeper] <nil>
}

// A listener of one's own: TLS, a Unix socket, one that counts.
func ExampleServer_Serve() {
	srv := must(memserver.New(func(c *memserver.Config) { c.FourLetterWords = []string{"ruok"} }))
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	ended := make(chan error)
	go func() { ended <- srv.Serve(listener) }()

	fmt.Println(zk.FLWRuok([]string{listener.Addr().String()}, time.Second))
	srv.Close()
	fmt.Println(<-ended)
	// Output:
	// [true]
	// memserver: server is closed
}

// A single connection of whatever kind.
func ExampleServer_ServeConn() {
	srv := must(memserver.New(func(c *memserver.Config) { c.FourLetterWords = []string{"ruok"} }))
	defer srv.Close()
	ours, theirs := net.Pipe()
	go srv.ServeConn(theirs)
	fmt.Fprint(ours, "ruok")
	fmt.Printf("%s\n", must(io.ReadAll(ours)))
	// Output: imok
}

func ExampleServer_Addr() {
	srv := must(memserver.New())
	defer srv.Close()
	fmt.Println(srv.Addr()) // nothing listens there, but clients want an address
	must(0, srv.Listen("127.0.0.1:0"))
	fmt.Println(srv.Addr() != "127.0.0.1:1")
	// Output:
	// 127.0.0.1:1
	// true
}

// Clients with a connection count as alive; the others expire when they should.
func ExampleServer_Advance() {
	srv := must(memserver.New())
	defer srv.Close()
	here, gone := must(srv.Client()), must(srv.Client())
	must(here.Create(ctx, "/here", nil, nil, zkapi.Ephemeral))
	must(gone.Create(ctx, "/gone", nil, nil, zkapi.Ephemeral))
	srv.Disconnect(gone.SessionID())
	for range 3 {
		srv.Advance(6 * time.Second)
		fmt.Println(must2(here.Children(ctx, "/")))
	}
	// Output:
	// [here zookeeper gone]
	// [here zookeeper]
	// [here zookeeper]
}

func ExampleServer_Now() {
	srv := must(memserver.New())
	defer srv.Close()
	before := srv.Now()
	srv.Advance(24 * time.Hour)
	fmt.Println(srv.Now().Sub(before).Truncate(time.Hour))
	// Output: 24h0m0s
}

func ExampleServer_Expire() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	must(c.Create(ctx, "/e", nil, nil, zkapi.Ephemeral))
	_, _, watch, _ := c.GetW(ctx, "/")
	states := c.States()

	fmt.Println(srv.Expire(c.SessionID()))
	fmt.Println((<-watch).Err)
	for range 3 {
		fmt.Println(must(states.Next(ctx)).State)
	}
	_, ok := srv.Node("/e")
	fmt.Println(ok)
	// Output:
	// true
	// zookeeper: SessionExpired
	// SUSPENDED
	// LOST
	// CONNECTED
	// false
}

func ExampleServer_Disconnect() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	must(c.Create(ctx, "/e", nil, nil, zkapi.Ephemeral))
	fmt.Println(srv.Disconnect(c.SessionID()))

	_, err := c.Set(ctx, "/e", nil, -1)
	fmt.Println(err)
	_, ok := srv.Node("/e")
	fmt.Println(ok) // the session lives until its timeout
	// Output:
	// true
	// setData /e: zookeeper: ConnectionLoss
	// true
}

func ExampleClient_Disconnect() {
	t := new(exampleT) // your test's t
	defer t.end()
	srv := memserver.RunT(t)
	c := srv.ClientT(t)

	c.Disconnect()
	_, _, err := c.Exists(ctx, "/")
	fmt.Println(c.State(), err)
	c.Reconnect()
	fmt.Println(c.State())
	// Output:
	// SUSPENDED exists /: zookeeper: ConnectionLoss
	// CONNECTED
}

// Back in time, a client has its session, and learns what its watches missed.
func ExampleClient_Reconnect() {
	srv := must(memserver.New())
	defer srv.Close()
	a, b := must(srv.Client()), must(srv.Client())
	must(a.Create(ctx, "/n", nil, nil, zkapi.Persistent))
	_, _, changed, _ := a.GetW(ctx, "/n")
	id := a.SessionID()

	srv.Disconnect(id)
	must(b.Set(ctx, "/n", []byte("new"), -1))
	a.Reconnect()
	fmt.Println((<-changed).Type, a.SessionID() == id)
	// Output: NodeDataChanged true
}

func ExampleServer_Restart() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	must(c.Create(ctx, "/e", nil, nil, zkapi.Ephemeral))
	id := c.SessionID()
	srv.Restart()
	_, ok := srv.Node("/e")
	fmt.Println(ok, c.State(), c.SessionID() == id)
	// Output: true CONNECTED true
}

// Each test begins with the same state, on one server that clients stay connected to.
func ExampleServer_Restore() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	must(c.Create(ctx, "/config", []byte("v1"), nil, zkapi.Persistent))
	start := srv.Snapshot()

	must(c.Set(ctx, "/config", []byte("spoilt"), -1))
	srv.Restore(start)
	fmt.Print(srv.Snapshot())

	srv.Restore(nil)
	fmt.Print(srv.Snapshot().Len(), " nodes, as in a new server")
	// Output:
	// /config v0 "v1"
	// 4 nodes, as in a new server
}

// A snapshot is kept in a file, from which another server starts, this one or a real one.
func ExampleSnapshot_WriteTo() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	must(c.Create(ctx, "/config", []byte("v1"), nil, zkapi.Persistent))
	var file bytes.Buffer
	must(srv.Snapshot().WriteTo(&file))

	snap := must(memserver.ReadSnapshot(&file))
	fmt.Print(snap)
	// Output: /config v0 "v1"
}

// A snapshot of a real server, or of an earlier run, is where a test begins.
func ExampleReadSnapshot() {
	_, err := memserver.ReadSnapshot(strings.NewReader("something else"))
	fmt.Println(err)
	// Output: memserver: snapshot: it is not a snapshot of ZooKeeper
}

// What a program has done to the server, in its order.
func ExampleServer_Events() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	events := srv.Events()
	defer events.Close()

	must(c.Create(ctx, "/leader", nil, nil, zkapi.Ephemeral))
	_, _ = c.Create(ctx, "/leader", nil, nil, zkapi.Ephemeral) // fails, and is told all the same
	srv.Expire(c.SessionID())

	for e, ok, _ := events.TryNext(); ok; e, ok, _ = events.TryNext() {
		if e.Kind == memserver.EventCommit {
			fmt.Println(e.Zxid, e.Op, e.Path, e.Err, len(e.Changes))
		}
	}
	// Output:
	// 2 create /leader <nil> 1
	// 3 create /leader zookeeper: NodeExists 0
	// 4 closeSession  <nil> 1
	// 5 createSession  <nil> 0
}

// What happens around the server, among what happens on it.
func ExampleServer_Tell() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	events := srv.Events()
	defer events.Close()

	srv.Tell(c.SessionID(), "now the test begins")
	e, _, _ := events.TryNext()
	fmt.Println(e.Kind, e.Zxid, e.Told)
	// Output: told 1 now the test begins
}

// One moment, two futures.
func ExampleServer_Snapshot() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	must(c.Create(ctx, "/app", []byte("v1"), nil, zkapi.Persistent))
	moment := srv.Snapshot()
	must(c.Set(ctx, "/app", []byte("v2"), -1))

	other := must(memserver.New(memserver.From(moment)))
	defer other.Close()
	d := must(other.Client())
	must(d.Create(ctx, "/app/child", nil, nil, zkapi.Persistent))

	fmt.Printf("%v%v%v", moment, srv.Snapshot(), other.Snapshot())
	// Output:
	// /app v0 "v1"
	// /app v1 "v2"
	// /app v0 "v1"
	// /app/child v0 null
}

// A state that is expensive to build is built once and used by many tests.
func ExampleFrom() {
	srv := must(memserver.New())
	c := must(srv.Client())
	must(0, zkapi.EnsurePath(ctx, c, "/a/long/path", nil))
	prepared := srv.Snapshot()
	srv.Close()

	for range 2 {
		fork := must(memserver.New(memserver.From(prepared)))
		d := must(fork.Client())
		fmt.Println(d.Delete(ctx, "/a/long/path", -1))
		fork.Close()
	}
	// Output:
	// <nil>
	// <nil>
}

func ExampleSnapshot() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	must(c.Create(ctx, "/n", []byte("data"), nil, zkapi.Persistent))
	snap := srv.Snapshot()
	n, ok := snap.Node("/n")
	fmt.Printf("%s %v, %d nodes, zxid %d\n", n.Data, ok, snap.Len(), snap.Zxid())
	// Output: data true, 5 nodes, zxid 2
}

func ExampleSnapshot_Nodes() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	must(c.Create(ctx, "/jobs", nil, nil, zkapi.Container))
	must(c.Create(ctx, "/jobs/1", nil, zkapi.ReadACL(), zkapi.Ephemeral))
	for n := range srv.Snapshot().Nodes() {
		fmt.Println(n.Path, n.Container, n.Stat.EphemeralOwner == c.SessionID(), n.ACL)
	}
	// Output:
	// / false false [{31 world anyone}]
	// /jobs true false [{31 world anyone}]
	// /jobs/1 false true [{1 world anyone}]
	// /zookeeper false false [{31 world anyone}]
	// /zookeeper/config false false [{1 world anyone}]
	// /zookeeper/quota false false [{31 world anyone}]
}

// Inspection asks nobody for permission and leaves no trace.
func ExampleServer_Node() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	must(c.Create(ctx, "/secret", []byte("data"), zkapi.DigestACL(zkapi.PermAll, "user", "password"), zkapi.Persistent))
	_, _, err := c.Get(ctx, "/secret")
	fmt.Println(err)
	n, ok := srv.Node("/secret")
	fmt.Printf("%s %v\n", n.Data, ok)
	// Output:
	// getData /secret: zookeeper: NoAuth
	// data true
}

func ExampleServer_Zxid() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	before := srv.Zxid()
	c.Delete(ctx, "/missing", -1) // fails, and is a transaction all the same
	c.Exists(ctx, "/missing")     // is none
	fmt.Println(srv.Zxid() - before)
	// Output: 1
}

func ExampleServer_Sessions() {
	srv := must(memserver.New(func(c *memserver.Config) { c.Seed = 1 }))
	defer srv.Close()
	a, b := must(srv.Client()), must(srv.Client())
	must(a.Create(ctx, "/e", nil, nil, zkapi.Ephemeral))
	srv.Disconnect(b.SessionID())
	for _, s := range srv.Sessions() {
		fmt.Printf("0x%x %v connected %v %v\n", s.ID, s.Timeout, s.Connected, s.Ephemerals)
	}
	// Output:
	// 0x100000000010000 10s connected true [/e]
	// 0x100000000010001 10s connected false []
}

func ExampleServer_Watches() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	c.ExistsW(ctx, "/n")
	c.ChildrenW(ctx, "/")
	must(c.AddWatch(ctx, "/", zkapi.WatchPersistentRecursive))
	for _, w := range srv.Watches() {
		fmt.Println(w.Path, "child:", w.Child, w.Modes)
	}
	// Output:
	// / child: false [recursive]
	// / child: true [standard]
	// /n child: false [standard]
}

func ExampleServer_Connections() {
	srv := must(memserver.New())
	defer srv.Close()
	conn, _, err := zk.Connect([]string{srv.Addr()}, 10*time.Second, zk.WithDialer(srv.Dial), zk.WithLogInfo(false))
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	conn.Exists("/")
	for _, c := range srv.Connections() {
		fmt.Println(c.Session == conn.SessionID(), c.Timeout, c.Received, c.Sent, c.LastOp)
	}
	// Output: true 10s 2 2 EXIS
}

func ExampleServer_FourLetterWord() {
	srv := must(memserver.New())
	defer srv.Close()
	fmt.Println(srv.FourLetterWord("ruok"))
	fmt.Println(srv.FourLetterWord("nope"))
	// Output:
	// imok true
	//  false
}

func ExampleServer_Dump() {
	srv := must(memserver.New(func(c *memserver.Config) { c.Seed = 1 }))
	defer srv.Close()
	c := must(srv.Client())
	must(c.Create(ctx, "/e", []byte("data"), nil, zkapi.Ephemeral))
	c.ExistsW(ctx, "/n")
	srv.Dump(os.Stdout)
	// Output:
	// zxid 0x2
	// / v0
	// /e v0 ephemeral 0x100000000010000 "data"
	// /zookeeper v0
	// /zookeeper/config v0
	// /zookeeper/quota v0
	// session 0x100000000010000 timeout 10s connected, 1 ephemeral nodes
	// watch /n data by 0x100000000010000: standard
}

func ExampleServer_Check() {
	srv := must(memserver.New())
	defer srv.Close()
	must(srv.Client())
	fmt.Println(srv.Check())
	// Output: <nil>
}

func ExampleServer_Close() {
	srv := must(memserver.New())
	c := must(srv.Client())
	must(c.Create(ctx, "/e", nil, nil, zkapi.Ephemeral))
	srv.Close()
	_, err := srv.Client()
	fmt.Println(err, c.State())
	fmt.Println(len(srv.Sessions())) // as on the disk of a server that was stopped
	// Output:
	// memserver: server is closed SUSPENDED
	// 1
}

func ExampleClient_GetW() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	must(c.Create(ctx, "/n", nil, nil, zkapi.Persistent))
	_, _, changed, _ := c.GetW(ctx, "/n")
	must(c.Set(ctx, "/n", nil, -1))
	select {
	case ev := <-changed: // is there when Set returns
		fmt.Println(ev.Type, ev.Path, ev.Zxid)
	default:
		fmt.Println("nothing yet")
	}
	// Output: NodeDataChanged /n 3
}

func ExampleClient_AddWatch() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	events := must(c.AddWatch(ctx, "/", zkapi.WatchPersistentRecursive))
	must(c.Create(ctx, "/a", nil, nil, zkapi.Persistent))
	must(c.Create(ctx, "/a/b", nil, nil, zkapi.Persistent))
	must(0, c.Delete(ctx, "/a/b", -1))
	c.Close()
	for ev := range events.All(ctx) {
		fmt.Println(ev.Type, ev.Path, ev.Err)
	}
	// Output:
	// NodeCreated /a <nil>
	// NodeCreated /a/b <nil>
	// NodeDeleted /a/b <nil>
	// None / zkapi: client is closed
}

func ExampleClient_Multi() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	must(c.Create(ctx, "/config", []byte("v1"), nil, zkapi.Persistent))
	results, err := c.Multi(ctx,
		zkapi.SetOp("/config", []byte("v2"), 0),
		zkapi.CheckOp("/leader", zkapi.AnyVersion),
		zkapi.DeleteOp("/config", -1))
	fmt.Println(err)
	for _, r := range results {
		fmt.Println(r.Type, r.Err)
	}
	// Output:
	// multi /leader: zookeeper: NoNode
	// setData <nil>
	// check zookeeper: NoNode
	// delete zookeeper: RuntimeInconsistency
}

func ExampleClient_States() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	states := c.States()
	srv.Disconnect(c.SessionID())
	c.Reconnect()
	c.Close()
	for change := range states.All(ctx) { // ends with the client
		fmt.Println(change.State)
	}
	// Output:
	// SUSPENDED
	// CONNECTED
	// CLOSED
}

func ExampleMember() {
	srv := must(memserver.New(func(c *memserver.Config) { c.Members = 3 }))
	defer srv.Close()
	for _, m := range srv.Members() {
		fmt.Println(m.ID(), m.Role())
	}
	c := must(srv.Client())
	defer c.Close()
	session := c.SessionID()
	srv.Leader().Stop()
	fmt.Println(srv.Leader().ID(), "leads,", srv.Member(3).Role() == memserver.NotServing)
	fmt.Println(c.SessionID() == session, c.State())
	// Output:
	// 1 follower
	// 2 follower
	// 3 leader
	// 2 leads, true
	// true CONNECTED
}

func ExampleMember_SetLag() {
	srv := must(memserver.New(func(c *memserver.Config) { c.Members = 3 }))
	defer srv.Close()
	writer := must(srv.Client(func(c *memserver.ClientConfig) { c.Member = 3 }))
	reader := must(srv.Client(func(c *memserver.ClientConfig) { c.Member = 1 }))
	must(writer.Create(ctx, "/n", []byte("old"), nil, zkapi.Persistent))

	srv.Member(1).SetLag(memserver.Lag{Hold: true})
	must(writer.Set(ctx, "/n", []byte("new"), zkapi.AnyVersion))
	fmt.Println(string(must2(reader.Get(ctx, "/n"))), srv.Member(1).Behind())
	if err := reader.Sync(ctx, "/n"); err != nil {
		panic(err)
	}
	fmt.Println(string(must2(reader.Get(ctx, "/n"))), srv.Member(1).Behind())
	// Output:
	// old 1
	// new 0
}

func ExampleMember_Apply() {
	srv := must(memserver.New(func(c *memserver.Config) { c.Members = 3 }))
	defer srv.Close()
	writer := must(srv.Client(func(c *memserver.ClientConfig) { c.Member = 3 }))
	srv.Member(1).SetLag(memserver.Lag{Hold: true})
	for _, path := range []string{"/a", "/b", "/c"} {
		must(writer.Create(ctx, path, nil, nil, zkapi.Persistent))
	}
	fmt.Println(srv.Member(1).Apply(2), srv.Member(1).Behind())
	fmt.Println(srv.Zxid() - srv.Member(1).Zxid())
	// Output:
	// 2 1
	// 1
}

func ExampleMember_Isolate() {
	srv := must(memserver.New(func(c *memserver.Config) { c.Members = 3 }))
	defer srv.Close()
	c := must(srv.Client())
	srv.Member(2).Isolate()
	srv.Member(3).Isolate()
	_, _, err := c.Get(ctx, "/")
	fmt.Println(err, srv.Leader() == nil)
	srv.Member(3).Rejoin()
	_, _, err = c.Get(ctx, "/")
	fmt.Println(err, srv.Leader().ID())
	// Output:
	// getData /: zookeeper: ConnectionLoss true
	// <nil> 3
}

func ExampleServer_Stall() {
	srv := must(memserver.New())
	defer srv.Close()
	conn, events, err := zk.Connect([]string{srv.Addr()}, 10*time.Second, zk.WithDialer(srv.Dial), zk.WithLogInfo(false))
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	for e := range events {
		if e.State == zk.StateHasSession {
			break
		}
	}
	fmt.Println(srv.Stall(conn.SessionID()))
	done := make(chan error)
	go func() {
		_, err := conn.Create("/n", nil, 0, zk.WorldACL(zk.PermAll)) // is done, and hears nothing
		done <- err
	}()
	fmt.Println(srv.Resume(conn.SessionID()), <-done)
	// Output:
	// true
	// true <nil>
}

// What does a program do with the last sequence number?
func ExampleServer_SetCounters() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	must(c.Create(ctx, "/jobs", nil, nil, zkapi.Persistent))
	if err := srv.SetCounters("/jobs", memserver.Counters{Creations: math.MaxInt32}); err != nil {
		panic(err)
	}
	for range 2 {
		fmt.Println(c.Create(ctx, "/jobs/n-", nil, nil, zkapi.PersistentSequential))
	}
	// Output:
	// /jobs/n-2147483647 <nil>
	//  create /jobs/n-: zookeeper: NodeExists
}

func ExampleServer_SetZxid() {
	srv := must(memserver.New(func(c *memserver.Config) { c.Members = 3 }))
	defer srv.Close()
	c := must(srv.Client())
	if err := srv.SetZxid(0x1fffffffe); err != nil {
		panic(err)
	}
	fmt.Println(c.Create(ctx, "/n", nil, nil, zkapi.Persistent)) // there is no zxid left in this epoch
	must(c.Create(ctx, "/n", nil, nil, zkapi.Persistent))
	fmt.Printf("%#x\n", srv.Zxid())
	// Output:
	//  create /n: zookeeper: ConnectionLoss
	// 0x200000001
}

func ExampleServer_SetNextSession() {
	srv := must(memserver.New())
	defer srv.Close()
	srv.SetNextSession(1<<56 - 1)
	fmt.Printf("%#x\n%#x\n", must(srv.Client()).SessionID(), must(srv.Client()).SessionID())
	// Output:
	// 0x1ffffffffffffff
	// 0x200000000000000
}

func ExampleMember_Spec() {
	srv := must(memserver.New(func(c *memserver.Config) {
		c.Members, c.Joiners, c.ReconfigEnabled = 4, []int{4}, true
		c.SkipACL = true // or the client would have to be the super user
	}))
	defer srv.Close()
	client, joins := must(srv.Client()), srv.Member(4)
	config, _, err := client.Reconfig(ctx, zkapi.Reconfig{
		Joining: fmt.Sprintf("server.%d=%s", joins.ID(), joins.Spec()), Leaving: "1,2", Version: -1,
	})
	fmt.Println(string(config), err)
	// Output:
	// server.3=127.0.0.1:2890:3890:participant
	// server.4=127.0.0.1:2891:3891:participant;127.0.0.1:4
	// version=100000002 <nil>
}

func ExampleMember_Elect() {
	srv := must(memserver.New(func(c *memserver.Config) { c.Members = 3 }))
	defer srv.Close()
	fmt.Printf("%#x\n", srv.Zxid())
	fmt.Println(srv.Member(1).Elect(), srv.Leader().ID())
	fmt.Printf("%#x\n", srv.Zxid())
	// Output:
	// 0x100000000
	// true 1
	// 0x200000000
}

// Every member of an ensemble on a port of its own.
// A port for clients that show a certificate.
func ExampleServer_ListenTLS() {
	pair, pool := certificate() // for this example, of server and client in one
	srv := must(memserver.New(func(c *memserver.Config) {
		c.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	}))
	defer srv.Close()
	if err := srv.ListenTLS("127.0.0.1:0"); err != nil {
		panic(err)
	}
	conn, _, err := zk.Connect([]string{srv.Member(1).TLSAddr()}, 10*time.Second, zk.WithLogInfo(false),
		zk.WithDialer(func(network, address string, timeout time.Duration) (net.Conn, error) {
			return tls.DialWithDialer(&net.Dialer{Timeout: timeout}, network, address, &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: pool})
		}))
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	must(conn.Create("/mine", nil, 0, zk.AuthACL(zk.PermAll)))
	acl, _, _ := conn.GetACL("/mine")
	fmt.Println(acl)
	// Output: [{31 x509 CN=ada}]
}

func ExampleMember_ListenTLS() { ExampleServer_ListenTLS() }

func ExampleMember_TLSAddr() { ExampleServer_ListenTLS() }

func certificate() (tls.Certificate, *x509.CertPool) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ada"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	pool := x509.NewCertPool()
	pool.AddCert(must(x509.ParseCertificate(der)))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func ExampleMember_Listen() {
	srv := must(memserver.New(func(c *memserver.Config) { c.Members = 3 }))
	defer srv.Close()
	for _, m := range srv.Members() {
		if err := m.Listen("127.0.0.1:0"); err != nil {
			panic(err)
		}
	}
	conn, events, err := zk.Connect(srv.Addrs(), 10*time.Second, zk.WithLogInfo(false))
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	for e := range events {
		if e.State == zk.StateHasSession {
			break
		}
	}
	fmt.Println(len(srv.Addrs()), conn.State())
	// Output:
	// 3 StateHasSession
}
