package faults_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// Test that my service survives ... : each example is a small service that does,
// on an unmodified go-zookeeper where connections matter, on zkapi.Client otherwise.

// dial connects go-zookeeper. It pauses for a second when it has tried all
// addresses, so it gets each one several times.
func dial(srv *memserver.Server, dialer faults.Dialer, onEvent func(zk.Event)) *zk.Conn {
	var addrs []string
	for range 5 {
		addrs = append(addrs, srv.Addrs()...)
	}
	conn, _, err := zk.Connect(addrs, 10*time.Second, zk.WithDialer(dialer), zk.WithEventCallback(onEvent),
		zk.WithLogInfo(false), zk.WithLogger(quiet{}))
	if err != nil {
		panic(err)
	}
	return conn
}

func ignore(zk.Event) {}

// ... the lost reply of a create: it asks whether the job is there, and its own.
func Example_survivesLostReply() {
	srv := must(memserver.New())
	defer srv.Close()
	plan := faults.MustParse("cut after-reply create /job once")
	conn := dial(srv, plan.Dialer(srv.Dial), ignore)
	defer conn.Close()

	submit := func(job string) error {
		_, err := conn.Create("/job", []byte(job), 0, openToAll)
		if errors.Is(err, zk.ErrConnectionClosed) { // it may be there or not
			if data, _, err := conn.Get("/job"); err == nil && string(data) == job {
				return nil
			}
		}
		return err
	}
	fmt.Println(submit("mine"), plan.Fired())
	fmt.Println(submit("yours"))
	// Output:
	// <nil> 1
	// zk: node already exists
}

// ... the end of its session: it registers again in the next one.
func Example_survivesExpiry() {
	srv := must(memserver.New())
	defer srv.Close()
	c := must(srv.Client())
	must(c.Create(ctx, "/worker", nil, nil, zkapi.Ephemeral))
	states := c.States()
	defer states.Close()
	first := c.SessionID()

	srv.Expire(first)
	for change := range states.All(ctx) {
		if change.State == zkapi.StateConnected && change.SessionID != first {
			must(c.Create(ctx, "/worker", nil, nil, zkapi.Ephemeral))
			break
		}
	}
	worker, there := srv.Node("/worker")
	fmt.Println(there, worker.Stat.EphemeralOwner == c.SessionID())
	// Output: true true
}

// ... a restart of the server, which knows of no watch any more: its client sets
// them again.
func Example_survivesRestart() {
	srv := must(memserver.New())
	defer srv.Close()
	conn := dial(srv, srv.Dial, ignore)
	defer conn.Close()
	must(conn.Create("/config", []byte("old"), 0, openToAll))
	_, _, changed, _ := conn.GetW("/config")

	other := must(srv.Client())
	srv.Restart()
	must(other.Set(ctx, "/config", []byte("new"), -1))
	fmt.Println((<-changed).Type)
	// Output: EventNodeDataChanged
}

// ... a follower that lags: who must not act on what was, asks for a sync first.
func Example_survivesLag() {
	srv := must(memserver.New(func(c *memserver.Config) { c.Members = 3 }))
	defer srv.Close()
	writer := must(srv.Client(func(c *memserver.ClientConfig) { c.Member = 1 }))
	reader := must(srv.Client(func(c *memserver.ClientConfig) { c.Member = 2 }))
	must(writer.Create(ctx, "/master", []byte("a"), nil, zkapi.Persistent))
	_ = reader.Sync(ctx, "/master")

	srv.Member(2).SetLag(memserver.Lag{Hold: true})
	must(writer.Set(ctx, "/master", []byte("b"), -1))
	stale, _, _ := reader.Get(ctx, "/master")
	_ = reader.Sync(ctx, "/master")
	fresh, _, _ := reader.Get(ctx, "/master")
	fmt.Printf("%s %s\n", stale, fresh)
	// Output: a b
}

// ... a network that carries nothing back: it stops acting as the owner when it
// has heard nothing for too long, which is before its session ends.
func Example_survivesOneWaySilence() {
	srv := must(memserver.New(func(c *memserver.Config) { c.TickTime = 20 * time.Millisecond }))
	defer srv.Close()
	plan := faults.MustParse("")
	c := plan.Client(must(srv.Client(func(c *memserver.ClientConfig) { c.SessionTimeout = 60 * time.Millisecond })))
	must(c.Create(ctx, "/owner", nil, nil, zkapi.Ephemeral))
	states := c.States()
	defer states.Close()

	_ = plan.Add(faults.Rule{Action: faults.Silence, Way: faults.FromServer})
	change := must(states.Next(ctx))
	_, there := srv.Node("/owner")
	fmt.Println(change.State, there)
	// Output: SUSPENDED true
}

// ... a slow network: it has a deadline, and goes on with what it knew.
func Example_survivesSlowness() {
	srv := must(memserver.New())
	defer srv.Close()
	plan := faults.MustParse("")
	c := plan.Client(must(srv.Client()))
	must(c.Create(ctx, "/config", make([]byte, 1000), nil, zkapi.Persistent))

	known := "what it knew"
	_ = plan.Add(faults.MustParse("slow 1000B/s from-server").Rules()...)
	soon, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if data, _, err := c.Get(soon, "/config"); err == nil {
		known = string(data)
	}
	fmt.Println(known)
	// Output: what it knew
}

// ... that nobody listens at first: it tries the next address.
func Example_survivesRefusal() {
	srv := must(memserver.New())
	defer srv.Close()
	plan := faults.MustParse("refuse times 3")
	conn := dial(srv, plan.Dialer(srv.Dial), ignore)
	defer conn.Close()
	_, _, err := conn.Get("/")
	fmt.Println(err, plan.Fired())
	// Output: <nil> 3
}

// ... another leader: its session and what it owns are there on the next member.
func Example_survivesLeaderChange() {
	srv := must(memserver.New(func(c *memserver.Config) { c.Members = 3 }))
	defer srv.Close()
	conn := dial(srv, srv.Dial, ignore)
	defer conn.Close()
	must(conn.Create("/owner", nil, zk.FlagEphemeral, openToAll))
	session := conn.SessionID()

	srv.Leader().Stop()
	there, _, err := conn.Exists("/owner")
	for err != nil { // the connection has just broken
		there, _, err = conn.Exists("/owner")
	}
	fmt.Println(there, conn.SessionID() == session)
	// Output: true true
}

// ... a leader that dies while it writes: nobody can tell whether that is done, so it
// looks before it tries again.
func Example_survivesLeaderCrash() {
	for _, heard := range []bool{true, false} {
		srv := must(memserver.New(func(c *memserver.Config) { c.Members = 3 }))
		leader := srv.Member(1) // where clients come first
		leader.Elect()
		client, events := must(srv.Client()), srv.Events()
		must(client.Create(ctx, "/count", nil, nil, zkapi.Persistent))
		for _, m := range srv.Members() {
			if heard { // they log the write, and the leader does not learn it
				m.Sever(leader)
			} else {
				leader.Sever(m)
			}
		}
		lost := make(chan error)
		go func() { _, err := client.Set(ctx, "/count", []byte("1"), 0); lost <- err }()
		for e := range events.All(ctx) {
			if e.Kind == memserver.EventWaiting {
				break
			}
		}
		leader.Stop()
		fmt.Println(errors.Is(<-lost, zkapi.ErrConnectionLoss))

		if err := client.Sync(ctx, "/count"); err != nil {
			fmt.Println(err)
		}
		data, stat, _ := client.Get(ctx, "/count")
		fmt.Printf("version %d: %q\n", stat.Version, data)
		if stat.Version == 0 {
			must(client.Set(ctx, "/count", []byte("1"), 0))
		}
		srv.Close()
	}
	// Output:
	// true
	// version 1: "1"
	// true
	// version 0: ""
}

// ... an event that is lost with its connection: the next connection tells it.
func Example_survivesLostEvent() {
	srv := must(memserver.New())
	defer srv.Close()
	plan := faults.MustParse("cut after-notification NodeDeleted once")
	conn := dial(srv, plan.Dialer(srv.Dial), ignore)
	defer conn.Close()
	other := must(srv.Client())
	must(other.Create(ctx, "/lock", nil, nil, zkapi.Ephemeral))
	_, _, free, _ := conn.ExistsW("/lock")

	_ = other.Close()
	fmt.Println((<-free).Type, plan.Fired())
	// Output: EventNodeDeleted 1
}

// ... a machine that has slept for an hour: it finds its session gone and says so
// before it does anything else.
func Example_survivesClockJump() {
	srv := must(memserver.New())
	defer srv.Close()
	expired := make(chan bool, 1)
	conn := dial(srv, srv.Dial, func(e zk.Event) {
		if e.State == zk.StateExpired {
			expired <- true
		}
	})
	defer conn.Close()
	must(conn.Create("/owner", nil, zk.FlagEphemeral, openToAll))

	snap := srv.Snapshot() // nothing is connected in here
	later := must(memserver.New(memserver.From(snap)))
	defer later.Close()
	later.Advance(time.Hour)
	srv.Restore(later.Snapshot())
	fmt.Println(<-expired)
	there, _, err := conn.Exists("/owner")
	for err != nil { // the connection has just broken
		there, _, err = conn.Exists("/owner")
	}
	fmt.Println(there)
	// Output:
	// true
	// false
}

// ... the loss of the quorum: nobody is served for a while, and nothing is lost.
func Example_survivesQuorumLoss() {
	srv := must(memserver.New(func(c *memserver.Config) { c.Members = 3 }))
	defer srv.Close()
	c := must(srv.Client())
	must(c.Create(ctx, "/owner", nil, nil, zkapi.Ephemeral))
	session := c.SessionID()

	srv.Member(2).Stop()
	srv.Member(3).Stop()
	_, err := c.Set(ctx, "/owner", nil, -1)
	fmt.Println(errors.Is(err, zkapi.ErrConnectionLoss))
	srv.Advance(time.Hour) // without a quorum no session ends
	_ = srv.Member(2).Start()
	_, err = c.Set(ctx, "/owner", nil, -1)
	fmt.Println(err, c.SessionID() == session)
	// Output:
	// true
	// <nil> true
}

// ... a password that the server does not take: it says so, and does not try for ever.
func Example_survivesAuthFailure() {
	srv := must(memserver.New())
	defer srv.Close()
	plan := faults.MustParse("error AuthFailed auth; error NoAuth getData /secret")
	c := plan.Client(must(srv.Client()))
	fmt.Println(errors.Is(c.AddAuth(ctx, "digest", []byte("me:secret")), zkapi.ErrAuthFailed))
	_, _, err := c.Get(ctx, "/secret")
	fmt.Println(errors.Is(err, zkapi.ErrNoAuth))
	// Output:
	// true
	// true
}
