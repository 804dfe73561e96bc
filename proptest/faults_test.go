package proptest

import (
	"fmt"
	"sync"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// scenarios: for each kind of fault what a client sees, and what the server
// has afterwards. In plans and in what is logged the root of a scenario is /x.
var scenarios = []scenario{
	{
		name: "cut before-request",
		plan: "cut before-request create /x/b #1",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/e"), "", zkapi.Ephemeral))
			e.log("%s", e.c.create(e.p("/b"), "", zkapi.Persistent))
			e.states(2)
			e.log("%s", e.other.children(e.p("")))
			e.log("%s", e.c.create(e.p("/b"), "", zkapi.Persistent))
		},
		want: `ok
ConnectionLoss
SUSPENDED CONNECTED same session
[e]
ok`,
	},
	{
		name: "cut after-reply",
		plan: "cut after-reply create /x/** #2",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/lock"), "", zkapi.Persistent))
			e.log("%s", e.c.create(e.p("/lock/n-"), "", zkapi.EphemeralSequential))
			e.states(2)
			e.log("%s", e.other.children(e.p("/lock")))
			e.log("%s", e.c.create(e.p("/lock/n-"), "", zkapi.EphemeralSequential))
		},
		want: `ok
ConnectionLoss
SUSPENDED CONNECTED same session
[n-0000000000]
/lock/n-0000000001`,
	},
	{
		name: "cut after-delivery",
		plan: "cut after-delivery setData /x/d #1; cut after-delivery getData /x/d once",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/d"), "0", zkapi.Persistent))
			e.log("%s", e.c.set(e.p("/d"), "1"))
			e.states(2)
			e.log("%s", e.c.get(e.p("/d")))
			e.states(2)
		},
		want: `ok
ok
SUSPENDED CONNECTED same session
1
SUSPENDED CONNECTED same session`,
	},
	{
		name: "cut after-notification",
		plan: "cut after-notification NodeDataChanged /x/d once; cut after-notification NodeCreated #1",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/d"), "0", zkapi.Persistent))
			changed, made := e.watch("data", "/d"), e.watch("exists", "/new")
			e.log("%s", e.other.set(e.p("/d"), "1"))
			e.states(2)
			e.event(changed)
			e.log("%s", e.other.create(e.p("/new"), "", zkapi.Persistent))
			e.states(2)
			e.event(made)
		},
		want: `ok
watch /d: 0
watch /new: false
ok
SUSPENDED CONNECTED same session
event NodeDataChanged
ok
SUSPENDED CONNECTED same session
event NodeCreated`,
	},
	{
		// What has changed back before the client is back, it never learns.
		name: "notification lost for good",
		plan: "cut after-notification NodeCreated /x/n once; delay 1s before-request connect from 1ms once",
		run: func(e *faultEnv) {
			e.sleepUntil(2 * time.Millisecond)
			made := e.watch("exists", "/n")
			e.log("%s", e.other.create(e.p("/n"), "", zkapi.Persistent))
			e.state()
			e.log("%s", e.other.remove(e.p("/n")))
			e.states(1)
			e.log("%s", e.other.create(e.p("/n"), "", zkapi.Persistent))
			e.event(made)
		},
		want: `watch /n: false
ok
SUSPENDED
ok
CONNECTED same session
ok
event NodeCreated`,
	},
	{
		name: "stall before-request",
		plan: "stall before-request create /x/b once",
		run: func(e *faultEnv) {
			e.after(patience, func() string { return e.c.create(e.p("/b"), "", zkapi.Persistent) })
			e.states(2)
			e.log("%s", e.other.exists(e.p("/b")))
		},
		want: `ConnectionLoss after 2s
SUSPENDED CONNECTED same session
false`,
	},
	{
		name: "stall after-reply",
		plan: "stall after-reply create /x/b once",
		run: func(e *faultEnv) {
			e.after(patience, func() string { return e.c.create(e.p("/b"), "", zkapi.Persistent) })
			e.states(2)
			e.log("%s", e.other.exists(e.p("/b")))
		},
		want: `ConnectionLoss after 2s
SUSPENDED CONNECTED same session
true`,
	},
	{
		name: "stall after-delivery",
		plan: "stall after-delivery create /x/b",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/b"), "", zkapi.Persistent))
			e.after(patience, func() string { return e.c.set(e.p("/b"), "1") })
			e.states(2)
			e.log("%s", e.other.get(e.p("/b")))
		},
		want: `ok
ConnectionLoss after 2s
SUSPENDED CONNECTED same session
1`,
	},
	{
		name: "stall after-notification",
		plan: "stall after-notification NodeDeleted once",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/d"), "0", zkapi.Persistent))
			gone := e.watch("data", "/d")
			e.log("%s", e.other.remove(e.p("/d")))
			e.states(2)
			e.event(gone)
		},
		want: `ok
watch /d: 0
ok
SUSPENDED CONNECTED same session
event NodeDeleted`,
	},
	{
		name: "delay before-request",
		plan: "delay 700ms before-request setData /x/d #2",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/d"), "0", zkapi.Persistent))
			e.after(0, func() string { return e.c.set(e.p("/d"), "1") })
			e.after(700*time.Millisecond, func() string { return e.c.set(e.p("/d"), "2") })
			e.after(0, func() string { return e.c.set(e.p("/d"), "3") })
		},
		want: `ok
ok after 0s
ok after 700ms
ok after 0s`,
	},
	{
		// What is behind a delayed request or reply waits as well.
		name: "delays keep the order",
		plan: "delay 700ms before-request create /x/slow; delay 700ms after-reply create /x/slow",
		run: func(e *faultEnv) {
			e.after(1400*time.Millisecond, func() string {
				var wg sync.WaitGroup
				var first, second string
				wg.Go(func() { first = e.c.create(e.p("/slow"), "", zkapi.Persistent) })
				e.fired()
				wg.Go(func() { second = e.c.exists(e.p("/slow")) })
				wg.Wait()
				return first + ", exists: " + second
			})
		},
		want: `ok, exists: true after 1.4s`,
	},
	{
		name: "delay after-reply",
		plan: "delay 700ms after-reply create /x/b",
		run: func(e *faultEnv) {
			e.after(700*time.Millisecond, func() string {
				var wg sync.WaitGroup
				var outcome string
				_, made := e.other.watch("exists", e.p("/b"))
				wg.Go(func() { outcome = e.c.create(e.p("/b"), "", zkapi.Persistent) })
				e.event(made) // and no reply yet
				wg.Wait()
				return outcome
			})
		},
		want: `event NodeCreated
ok after 700ms`,
	},
	{
		// The event comes before any reply that shows the change, however late.
		name: "delay after-notification",
		plan: "delay 700ms after-notification NodeDataChanged /x/d",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/d"), "0", zkapi.Persistent))
			changed := e.watch("data", "/d")
			e.after(700*time.Millisecond, func() string {
				e.log("%s", e.other.set(e.p("/d"), "1"))
				e.fired()
				return e.c.get(e.p("/d"))
			})
			e.event(changed)
		},
		want: `ok
watch /d: 0
ok
1 after 700ms
event NodeDataChanged`,
	},
	{
		// Longer than the client waits for a sign of life: the answers to its pings overtake.
		name: "delay after-notification beyond patience",
		plan: "delay 4s after-notification NodeDataChanged /x/d",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/d"), "0", zkapi.Persistent))
			changed := e.watch("data", "/d")
			e.after(4*time.Second, func() string {
				e.log("%s", e.other.set(e.p("/d"), "1"))
				return <-changed
			})
			e.log("same session: %v", e.c.session() == e.first)
		},
		want: `ok
watch /d: 0
ok
NodeDataChanged after 4s
same session: true`,
	},
	{
		name: "error before-request",
		plan: "error NodeExists create /x/b #1; error NoNode getData /x/b #2; error SessionMoved setData once; error NoNode exists /x/b #1",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/b"), "0", zkapi.Persistent))
			e.log("%s", e.other.exists(e.p("/b")))
			e.log("%s", e.c.create(e.p("/b"), "0", zkapi.Persistent))
			e.log("%s", e.c.get(e.p("/b")))
			e.log("%s", e.c.get(e.p("/b")))
			e.log("%s", e.c.set(e.p("/b"), "1"))
			e.log("%s", e.c.get(e.p("/b")))
			e.log("%s", e.c.exists(e.p("/b")))
			e.log("%s", e.c.exists(e.p("/b")))
		},
		want: `NodeExists
false
ok
0
NoNode
SessionMoved
0
false
true`,
	},
	{
		name: "error after-reply",
		plan: "error BadVersion after-reply setData /x/b",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/b"), "0", zkapi.Persistent))
			e.log("%s", e.c.set(e.p("/b"), "1"))
			e.log("%s", e.c.get(e.p("/b")))
		},
		want: `ok
BadVersion
1`,
	},
	{
		name: "watch in spite of an error",
		plan: "error NoNode exists /x/b once",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/b"), "", zkapi.Persistent))
			changed := e.watch("exists", "/b")
			e.log("%s", e.other.set(e.p("/b"), "1"))
			e.event(changed)
		},
		want: `ok
watch /b: false
ok
event NodeDataChanged`,
	},
	{
		name: "error in a multi",
		plan: "error NodeExists create /x/b once",
		run: func(e *faultEnv) {
			e.log("%s", e.c.createAll(e.p("/a"), e.p("/b"), e.p("/c")))
			e.log("%s", e.other.children(e.p("")))
			e.log("%s", e.c.createAll(e.p("/a"), e.p("/b"), e.p("/c")))
			e.log("%s", e.c.createAll(e.p("/d"), e.p("/b"), e.p("/e"))) // as it really fails
		},
		want: `ok NodeExists RuntimeInconsistency
[]
ok ok ok
ok NodeExists RuntimeInconsistency`,
	},
	{
		name: "cut a multi",
		plan: "cut after-reply create /x/b once; cut before-request multi /x/c",
		run: func(e *faultEnv) {
			e.log("%s", e.c.createAll(e.p("/a"), e.p("/b")))
			e.states(2)
			e.log("%s", e.c.createAll(e.p("/c")))
			e.states(2)
			e.log("%s", e.other.children(e.p("")))
		},
		want: `ConnectionLoss
SUSPENDED CONNECTED same session
ConnectionLoss
SUSPENDED CONNECTED same session
[a b]`,
	},
	{
		name: "first refuse",
		plan: "refuse times 2",
		run: func(e *faultEnv) {
			e.begin()
			e.log("%s, refused %d times", e.c.create(e.p("/b"), "", zkapi.Persistent), e.plan.Fired())
		},
		want: "ok, refused 2 times",
	},
	{
		name: "first cut connect",
		plan: "cut before-request connect #1; cut after-reply connect #1",
		run: func(e *faultEnv) {
			e.begin()
			e.log("%s, cut %d times", e.c.create(e.p("/b"), "", zkapi.Persistent), e.plan.Fired())
		},
		want: "ok, cut 2 times",
	},
	{
		name: "cut ping",
		plan: "cut after-reply ping once",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/e"), "", zkapi.Ephemeral))
			e.states(2)
			e.log("%s", e.c.exists(e.p("/e")))
		},
		want: `ok
SUSPENDED CONNECTED same session
true`,
	},
	{
		name: "refused on the way back",
		plan: "cut before-request getData /x/e; refuse from 1ms times 2",
		run: func(e *faultEnv) {
			e.sleepUntil(2 * time.Millisecond)
			e.log("%s", e.c.create(e.p("/e"), "", zkapi.Ephemeral))
			e.log("%s", e.c.get(e.p("/e")))
			e.states(2)
			e.log("%s", e.c.exists(e.p("/e")))
		},
		want: `ok
ConnectionLoss
SUSPENDED CONNECTED same session
true`,
	},
	{
		name: "closeSession lost",
		plan: "cut before-request closeSession",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/e"), "", zkapi.Ephemeral))
			e.c.close()
			e.log("%s", e.other.exists(e.p("/e")))
			_, gone := e.other.watch("exists", e.p("/e"))
			e.event(gone) // when the session has expired
		},
		want: `ok
true
event NodeDeleted`,
	},
	{
		name: "error auth",
		plan: "error AuthFailed auth once",
		run: func(e *faultEnv) {
			e.log("%s", e.c.auth("a:b"))
			e.states(2)
			e.log("%s", e.c.auth("a:b"))
		},
		want: `AuthFailed
SUSPENDED CONNECTED same session
ok`,
	},
	{
		name: "silence",
		plan: "silence both-ways from 1500ms to 2500ms",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/a"), "", zkapi.Ephemeral))
			e.sleepUntil(1600 * time.Millisecond)
			e.at(2500*time.Millisecond, func() string { return e.c.create(e.p("/b"), "", zkapi.Persistent) })
			e.after(0, func() string { return e.c.exists(e.p("/a")) })
			e.log("same session: %v", e.c.session() == e.first)
		},
		want: `ok
ok at 2.5s
true after 0s
same session: true`,
	},
	{
		name: "one-way silence",
		plan: "silence from-server from 1500ms to 2500ms",
		run: func(e *faultEnv) {
			e.sleepUntil(1600 * time.Millisecond)
			e.at(2500*time.Millisecond, func() string {
				var wg sync.WaitGroup
				var outcome string
				_, made := e.other.watch("exists", e.p("/b"))
				wg.Go(func() { outcome = e.c.create(e.p("/b"), "", zkapi.Persistent) })
				e.event(made) // and no reply yet
				wg.Wait()
				return outcome
			})
		},
		want: `event NodeCreated
ok at 2.5s`,
	},
	{
		name: "silence beyond the session",
		plan: "silence to-server from 2s to 8s",
		run: func(e *faultEnv) {
			e.log("%s", e.c.create(e.p("/e"), "", zkapi.Ephemeral))
			_, gone := e.other.watch("exists", e.p("/e"))
			own := e.watch("data", "/e")
			e.event(gone)
			e.state()
			e.states(2)
			e.event(own)
			e.log("%s", e.c.exists(e.p("/e")))
		},
		want: `ok
watch /e: 
event NodeDeleted
SUSPENDED
LOST CONNECTED new session
event SessionExpired
false`,
	},
	{
		name: "slow",
		plan: "slow 1000B/s to-server from 1ms",
		run: func(e *faultEnv) {
			e.sleepUntil(2 * time.Millisecond)
			start := time.Now()
			data := fmt.Sprintf("%01500d", 0)
			e.log("%s", e.c.create(e.p("/b"), data, zkapi.Persistent))
			took := time.Since(start)
			e.log("takes its time: %v", took > 1500*time.Millisecond && took < 12*time.Second)
			e.log("arrives: %v", e.other.get(e.p("/b")) == data)
			e.log("same session: %v", e.c.session() == e.first)
		},
		want: `ok
takes its time: true
arrives: true
same session: true`,
	},
}
