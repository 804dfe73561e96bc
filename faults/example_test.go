package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// The Examples are programs, so they have no testing.T.

var ctx = context.Background()

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A client of go-zookeeper, unmodified, creates a node and does not get to know it.
func Example() {
	srv := must(memserver.New())
	defer srv.Close()
	plan := faults.MustParse("cut after-reply create /lock/** #1")
	conn, _, err := zk.Connect([]string{srv.Addr()}, 10*time.Second,
		zk.WithDialer(plan.Dialer(srv.Dial)), zk.WithLogInfo(false), zk.WithLogger(quiet{}))
	if err != nil {
		panic(err)
	}
	defer conn.Close()

	must(conn.Create("/lock", nil, 0, zk.WorldACL(zk.PermAll)))
	_, err = conn.Create("/lock/n-", nil, zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll))
	fmt.Println(err)
	names, _, _ := conn.Children("/lock")
	fmt.Println(names)
	fmt.Println(plan.Fired())
	// Output:
	// zk: connection closed
	// [n-0000000000]
	// 1
}

func ExampleParse() {
	plan, err := faults.Parse(`
		seed 7
		cut after-reply create /lock/** #1      # the reply to the first create
		delay 200ms before-request write 10%    # now and then a slow write
		silence both-ways from 30s to 50s       # no network for 20 seconds`)
	fmt.Println(err)
	fmt.Println(plan)

	_, err = faults.Parse("cut after-repyl create")
	fmt.Println(err)
	var syntax *faults.SyntaxError
	fmt.Println(errors.As(err, &syntax) && syntax.Column == 5)
	// Output:
	// <nil>
	// seed 7
	// cut after-reply create /lock/** #1
	// delay 200ms before-request write 10%
	// silence both-ways from 30s to 50s
	// faults: line 1, column 5: cut wants before-request, after-reply, after-delivery or after-notification, not "after-repyl": do you mean after-reply?
	// true
}

func ExampleMustParse() {
	fmt.Println(faults.MustParse("refuse times 3; error NoAuth getData /secret"))
	// Output:
	// refuse times 3
	// error NoAuth getData /secret
}

// Rules are values, for those who make them by program.
func ExampleNew() {
	plan, err := faults.New(7,
		faults.Rule{Action: faults.Cut, Point: faults.AfterReply, Operations: []string{"create"}, Path: "/lock/**", Nth: 1},
		faults.Rule{Action: faults.Delay, Delay: time.Second, Point: faults.BeforeRequest, Percent: 2.5})
	fmt.Println(plan, err)

	_, err = faults.New(0, faults.Rule{Action: faults.Cut})
	fmt.Println(err)
	// Output:
	// seed 7
	// cut after-reply create /lock/** #1
	// delay 1s before-request 2.5% <nil>
	// faults: rule 1: cut cannot be at point "": want before-request, after-reply, after-delivery or after-notification
}

func ExampleRandom() {
	fmt.Println(faults.Random(0))
	fmt.Println(faults.Random(1))
	// Output:
	// cut before-request write 4% to 1m0s once
	// error ThrottledOp every 16 to 1m0s times 3
	// silence both-ways from 11s to 17.465s
	// seed 1
	// cut after-reply every 18 to 1m0s times 5
	// cut after-notification 1% to 1m0s times 10
	// stall after-notification #16 to 1m0s
	// refuse every 18 to 1m0s once
	// silence to-server from 34s to 42.125s
	// slow 2380B/s from-server from 8s to 1m0s
}

func ExampleKinds() {
	mild := func(int) int { return 0 }
	for _, kind := range faults.Kinds()[:3] {
		fmt.Printf("%s: %s\n", kind.Name, kind.Draw(mild))
	}
	// Output:
	// lost requests: cut before-request #1 to 1m0s
	// lost replies: cut after-reply #1 to 1m0s
	// broken connections: cut after-delivery #1 to 1m0s
}

// exampleT is a testing.T for a program.
type exampleT struct{ fakeT }

func (t *exampleT) end() {
	t.fakeT.end()
	for _, line := range append(t.errors, t.logs...) {
		fmt.Println(line)
	}
}

func ExampleParseT() {
	t := new(exampleT) // your test's t
	defer t.end()
	srv := must(memserver.New())
	defer srv.Close()

	plan := faults.ParseT(t, "refuse #1; cut before-request delete")
	_, err := plan.Dialer(srv.Dial)("tcp", "zk1:2181", time.Second)
	fmt.Println(err)
	// Output:
	// dial tcp zk1:2181: connection refused
	// faults: never fired: cut before-request delete
	// seed 0, faults:
	// 0s rule 1 (refuse #1)
}

func ExamplePlan_Client() {
	srv := must(memserver.New())
	defer srv.Close()
	plan := faults.MustParse("cut after-reply create once")
	c := plan.Client(must(srv.Client()))

	_, err := c.Create(ctx, "/n", nil, nil, zkapi.Ephemeral)
	fmt.Println(err)
	_, err = c.Create(ctx, "/n", nil, nil, zkapi.Ephemeral)
	fmt.Println(err)
	// Output:
	// create /n: zookeeper: ConnectionLoss
	// create /n: zookeeper: NodeExists
}

// Two clients share a plan, and a rule is about one of them.
func ExamplePlan_As() {
	srv := must(memserver.New())
	defer srv.Close()
	plan := faults.MustParse("error ThrottledOp client=batch")
	web, batch := plan.As("web").Client(must(srv.Client())), plan.As("batch").Client(must(srv.Client()))
	fmt.Println(web.Sync(ctx, "/"))
	fmt.Println(batch.Sync(ctx, "/"))
	// Output:
	// <nil>
	// sync /: zookeeper: ThrottledOp
}

func ExampleParty_Client() { ExamplePlan_As() }

func ExamplePlan_Dialer() {
	dial := faults.MustParse("refuse #1").Dialer(func(network, address string, timeout time.Duration) (net.Conn, error) {
		client, _ := net.Pipe()
		return client, nil
	})
	_, err := dial("tcp", "127.0.0.1:2181", time.Second)
	fmt.Println(err)
	_, err = dial("tcp", "127.0.0.1:2181", time.Second)
	fmt.Println(err)
	// Output:
	// dial tcp 127.0.0.1:2181: connection refused
	// <nil>
}

func ExampleParty_Dialer() {
	plan := faults.MustParse("refuse client=b")
	srv := must(memserver.New())
	defer srv.Close()
	for _, name := range []string{"a", "b"} {
		nc, err := plan.As(name).Dialer(srv.Dial)("tcp", "zk1:2181", time.Second)
		fmt.Println(name, nc != nil, err)
	}
	// Output:
	// a true <nil>
	// b false dial tcp zk1:2181: connection refused
}

// A connection that somebody else has made.
func ExamplePlan_Conn() {
	srv := must(memserver.New())
	defer srv.Close()
	plan := faults.MustParse("cut before-request connect")
	nc := plan.Conn(must(srv.Dial("tcp", srv.Addr(), 0)))
	fmt.Println(nc.Write(connectFrame()))
	_, err := nc.Read(make([]byte, 100))
	fmt.Println(err != nil, plan.Fired())
	// Output:
	// 49 <nil>
	// true 1
}

func ExampleParty_Conn() { ExamplePlan_Conn() }

// The simulator for other programs, with faults.
func ExamplePlan_Listener() {
	srv := must(memserver.New())
	plan := faults.MustParse("error ThrottledOp every 100")
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	served := make(chan error)
	go func() { served <- srv.Serve(plan.Listener(l)) }()
	// ... the programs connect to l.Addr() ...
	_ = srv.Close()
	fmt.Println(<-served)
	// Output: memserver: server is closed
}

func ExampleParty_Listener() { ExamplePlan_Listener() }

func ExamplePlan_Fired() {
	srv := must(memserver.New())
	defer srv.Close()
	plan := faults.MustParse("error NoNode every 2; error NoAuth getACL")
	c := plan.Client(must(srv.Client()))
	for range 5 {
		_ = c.Sync(ctx, "/")
	}
	fmt.Println(plan.Fired(), plan.Counts(), plan.Unfired())
	// Output: 2 [2 0] [error NoAuth getACL]
}

func ExamplePlan_Counts()  { ExamplePlan_Fired() }
func ExamplePlan_Unfired() { ExamplePlan_Fired() }

func ExamplePlan_RequireFired() {
	t := new(exampleT) // your test's t
	defer t.end()
	faults.MustParse("refuse").RequireFired(t)
	// Output: faults: never fired: refuse
}

func ExamplePlan_Log() {
	srv := must(memserver.New())
	defer srv.Close()
	plan := faults.MustParse("error NoNode getData")
	c := plan.As("me").Client(must(srv.Client()))
	_, _, _ = c.Get(ctx, "/a")
	_, _, _ = c.Get(ctx, "/b")
	for _, f := range plan.Log() {
		fmt.Println(f.Index, f.Rule, f.Client, f.Operation, f.Path)
	}
	// Output:
	// 0 error NoNode getData me getData /a
	// 0 error NoNode getData me getData /b
}

func ExamplePlan_WriteLog() {
	srv := must(memserver.New(func(c *memserver.Config) { c.Seed = 1 })) // for the session's id
	defer srv.Close()
	plan := faults.MustParse("error NoNode getData")
	_, _, _ = plan.As("web").Client(must(srv.Client())).Get(ctx, "/a")
	fmt.Println(plan.WriteLog(os.Stdout))
	// Output:
	// 0s rule 1 (error NoNode getData): getData /a, session 0x100000000010000, client web
	// <nil>
}

func ExamplePlan_Observe() {
	srv := must(memserver.New())
	defer srv.Close()
	plan := faults.MustParse("error NoNode getData")
	plan.Observe(func(f faults.Firing) { fmt.Println(f.Operation, f.Path) })
	_, _, _ = plan.Client(must(srv.Client())).Get(ctx, "/a")
	// Output: getData /a
}

func ExamplePlan_Heal() {
	srv := must(memserver.New())
	defer srv.Close()
	plan := faults.MustParse("error NoNode")
	c := plan.Client(must(srv.Client()))
	fmt.Println(c.Sync(ctx, "/"))
	plan.Heal()
	fmt.Println(c.Sync(ctx, "/"))
	// Output:
	// sync /: zookeeper: NoNode
	// <nil>
}

// More goes wrong from now on.
func ExamplePlan_Add() {
	srv := must(memserver.New())
	defer srv.Close()
	plan := faults.MustParse("")
	c := plan.Client(must(srv.Client()))
	fmt.Println(c.Sync(ctx, "/"))
	_ = plan.Add(faults.MustParse("error NoNode sync once").Rules()...) // rules that were parsed make sense
	fmt.Println(c.Sync(ctx, "/"))
	fmt.Println(plan.Counts())
	// Output:
	// <nil>
	// sync /: zookeeper: NoNode
	// [1]
}

func ExamplePlan_Reset() {
	srv := must(memserver.New())
	defer srv.Close()
	plan := faults.MustParse("error NoNode #1")
	c := plan.Client(must(srv.Client()))
	fmt.Println(c.Sync(ctx, "/"), c.Sync(ctx, "/"), plan.Fired())
	plan.Reset()
	fmt.Println(plan.Fired(), c.Sync(ctx, "/"))
	// Output:
	// sync /: zookeeper: NoNode <nil> 1
	// 0 sync /: zookeeper: NoNode
}

// A silence in the first second of the test, not of the first connection.
func ExamplePlan_Start() {
	plan := faults.MustParse("silence both-ways to 1s")
	plan.Start()
	// ... what takes longer than that ...
	fmt.Println(plan.Fired())
	// Output: 0
}

func ExamplePlan_Close() {
	plan := faults.MustParse("stall before-request")
	fmt.Println(plan.Close())
	// Output: <nil>
}

func ExamplePlan_MarshalJSON() {
	plan := faults.MustParse("seed 7; cut after-reply create /lock/** #1")
	fmt.Printf("%s\n", must(json.Marshal(plan)))
	// Output: {"seed":7,"rules":[{"action":"cut","point":"after-reply","operations":["create"],"path":"/lock/**","nth":1}]}
}

func ExamplePlan_UnmarshalJSON() {
	var plan faults.Plan
	for _, text := range []string{`{"rules":[{"action":"delay","delay":"2s","point":"after-reply"}]}`, `"refuse; slow 100B/s to-server"`} {
		fmt.Println(json.Unmarshal([]byte(text), &plan))
		fmt.Println(&plan)
	}
	// Output:
	// <nil>
	// delay 2s after-reply
	// <nil>
	// refuse
	// slow 100B/s to-server
}

func ExampleRule_Check() {
	r := faults.Rule{Action: faults.Error, Point: faults.BeforeRequest, Code: zkapi.ErrNoNode, Operations: []string{"ping"}}
	fmt.Println(r.Check())
	// Output: neither connect nor ping is ever answered with an error code
}

func ExamplePlan_Rules() {
	for _, r := range faults.MustParse("refuse; stall after-reply").Rules() {
		fmt.Println(r.Action, r.Point == faults.AfterReply)
	}
	// Output:
	// refuse false
	// stall true
}
