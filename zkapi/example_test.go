package zkapi_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

var ctx = context.Background()

// newClient is a client of a server of its own. In a test that is
// memserver.RunT(t).ClientT(t), which also cleans up.
func newClient() zkapi.Client {
	srv, err := memserver.New()
	check(err)
	c, err := srv.Client()
	check(err)
	return c
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func Example() {
	c := newClient()
	defer c.Close()

	_, err := c.Create(ctx, "/app", []byte("v1"), nil, zkapi.Persistent)
	check(err)
	_, err = c.Create(ctx, "/app", nil, nil, zkapi.Persistent)
	fmt.Println(err)
	fmt.Println(errors.Is(err, zkapi.ErrNodeExists), zkapi.NothingChanged(err))

	data, stat, changed, err := c.GetW(ctx, "/app")
	check(err)
	fmt.Printf("%s, version %d\n", data, stat.Version)
	_, err = c.Set(ctx, "/app", []byte("v2"), stat.Version)
	check(err)
	fmt.Println((<-changed).Type)
	// Output:
	// create /app: zookeeper: NodeExists
	// true true
	// v1, version 0
	// NodeDataChanged
}

func ExampleClient_AddWatch() {
	c := newClient()
	defer c.Close()

	stream, err := c.AddWatch(ctx, "/app", zkapi.WatchPersistentRecursive)
	check(err)
	check(zkapi.EnsurePath(ctx, c, "/app/config", nil))
	check(c.Delete(ctx, "/app/config", zkapi.AnyVersion))
	for range 3 {
		ev, err := stream.Next(ctx)
		check(err)
		fmt.Println(ev.Type, ev.Path)
	}
	stream.Close()
	// Output:
	// NodeCreated /app
	// NodeCreated /app/config
	// NodeDeleted /app/config
}

func ExampleCodeOf() {
	err := fmt.Errorf("electing: %w", &zkapi.OpError{Op: "create", Path: "/a", Err: zkapi.ErrNoAuth})
	fmt.Println(zkapi.CodeOf(err).Name(), int(zkapi.CodeOf(err)))
	fmt.Println(zkapi.CodeOf(nil).Name())
	// Output:
	// NoAuth -102
	// OK
}

func ExampleNothingChanged() {
	fmt.Println(zkapi.NothingChanged(zkapi.ErrBadVersion))
	fmt.Println(zkapi.NothingChanged(zkapi.ErrConnectionLoss))
	// Output:
	// true
	// false
}

func ExampleValidatePath() {
	fmt.Println(zkapi.ValidatePath("/app/config"))
	err := zkapi.ValidatePath("/app//config")
	fmt.Println(err)
	fmt.Println(errors.Is(err, zkapi.ErrBadArguments))
	// Output:
	// <nil>
	// path "/app//config", column 6: empty name
	// true
}

func ExampleValidateCreate() {
	fmt.Println(zkapi.ValidateCreate("/queue/", zkapi.Persistent))
	fmt.Println(zkapi.ValidateCreate("/queue/", zkapi.PersistentSequential))
	// Output:
	// path "/queue/", column 7: trailing slash
	// <nil>
}

func ExampleJoin() {
	path := zkapi.Join("/app", "locks", "lock-0000000007")
	fmt.Println(path, zkapi.Parent(path), zkapi.Base(path))
	// Output: /app/locks/lock-0000000007 /app/locks lock-0000000007
}

func ExampleParent() {
	fmt.Println(zkapi.Parent("/a/b"), zkapi.Parent("/a"), zkapi.Parent("/"))
	// Output: /a / /
}

func ExampleBase() {
	fmt.Printf("%q %q\n", zkapi.Base("/a/b"), zkapi.Base("/"))
	// Output: "b" ""
}

func ExampleSplitSequence() {
	fmt.Println(zkapi.SplitSequence("lock-0000000007"))
	fmt.Println(zkapi.SplitSequence("lock--2147483648"))
	fmt.Println(zkapi.SplitSequence("lock"))
	// Output:
	// lock- 7 true
	// lock- -2147483648 true
	// lock 0 false
}

func ExampleCompareSequence() {
	fmt.Println(zkapi.CompareSequence(7, 8), zkapi.CompareSequence(2147483647, -2147483648))
	// Output: -1 -1
}

func ExampleCompareSequenceNames() {
	names := []string{"b-0000000010", "a-0000000011", "b-0000000009", "other"}
	slices.SortFunc(names, zkapi.CompareSequenceNames)
	fmt.Println(names)
	// Output: [b-0000000009 b-0000000010 a-0000000011 other]
}

func ExampleChroot() {
	c := newClient()
	defer c.Close()

	check(zkapi.EnsurePath(ctx, c, "/app/blue", nil))
	app := zkapi.Chroot(c, "/app/blue")
	path, err := app.Create(ctx, "/config", nil, nil, zkapi.Persistent)
	check(err)
	_, there, err := c.Exists(ctx, "/app/blue/config")
	check(err)
	fmt.Println(path, there)
	fmt.Println(app.Delete(ctx, "/nope", zkapi.AnyVersion))
	// Output:
	// /config true
	// delete /nope: zookeeper: NoNode
}

func ExampleEventMap() {
	// A client's way to arm a watch, and to fire it.
	arm := func(ctx context.Context) (ch <-chan zkapi.Event, fire func(zkapi.Event)) {
		c, apply := make(chan zkapi.Event, 1), zkapi.EventMap(ctx)
		return c, func(ev zkapi.Event) {
			if apply != nil {
				ev = apply(ev)
			}
			c <- ev
			close(c)
		}
	}
	ch, fire := arm(ctx)
	fire(zkapi.Event{Type: zkapi.EventNodeCreated, Path: "/app"})
	fmt.Println((<-ch).Path)
	// Output: /app
}

// A client that holds events back applies the function when it delivers them.
func ExampleUnmapped() {
	c := newClient()
	defer c.Close()
	check(zkapi.EnsurePath(ctx, c, "/app", nil))
	hold := func(ctx context.Context) (deliver func() zkapi.Event, err error) {
		apply := zkapi.EventMap(ctx)
		_, _, in, err := c.GetW(zkapi.Unmapped(ctx), "/app")
		return func() zkapi.Event { return apply(<-in) }, err
	}
	told := 0
	var deliver func() zkapi.Event
	_, err := zkapi.ArmMapped(ctx, func(ev zkapi.Event) zkapi.Event { told++; return ev }, func(ctx context.Context) (_ <-chan zkapi.Event, err error) {
		deliver, err = hold(ctx)
		return nil, err
	})
	check(err)
	_, err = c.Set(ctx, "/app", nil, zkapi.AnyVersion)
	check(err)
	fmt.Println(told)
	fmt.Println(deliver().Type, told)
	// Output:
	// 0
	// NodeDataChanged 1
}

// A client that hides a prefix gives its events without it.
func ExampleArmMapped() {
	c := newClient()
	defer c.Close()
	check(zkapi.EnsurePath(ctx, c, "/tenant/app", nil))

	var data []byte
	hide := func(ev zkapi.Event) zkapi.Event {
		ev.Path = strings.TrimPrefix(ev.Path, "/tenant")
		return ev
	}
	changed, err := zkapi.ArmMapped(ctx, hide, func(ctx context.Context) (ch <-chan zkapi.Event, err error) {
		data, _, ch, err = c.GetW(ctx, "/tenant/app")
		return ch, err
	})
	check(err)
	_, err = c.Set(ctx, "/tenant/app", []byte("x"), zkapi.AnyVersion)
	check(err)
	fmt.Println(len(data), (<-changed).Path)
	// Output: 0 /app
}

// Who waits for one of several things gives up the rest.
func ExampleUnwatchable() {
	c := newClient()
	defer c.Close()

	watching, unwatch := zkapi.Unwatchable(ctx)
	_, _, changed, err := c.ExistsW(watching, "/app")
	check(err)
	select {
	case <-changed:
	default: // something else was faster
	}
	unwatch()
	fmt.Println(c.RemoveWatches(ctx, "/app", zkapi.WatchTypeAny))
	// Output: removeWatches /app: zookeeper: NoWatcher
}

func ExampleOnUnwatch() {
	// A client's way to arm a watch that can be given up.
	armed := make(map[string]chan zkapi.Event)
	arm := func(ctx context.Context, path string) <-chan zkapi.Event {
		ch := make(chan zkapi.Event, 1)
		armed[path] = ch
		zkapi.OnUnwatch(ctx, func() {
			delete(armed, path)
			close(ch)
		})
		return ch
	}
	watching, unwatch := zkapi.Unwatchable(ctx)
	arm(watching, "/app")
	fmt.Println(len(armed))
	unwatch()
	fmt.Println(len(armed))
	// Output:
	// 1
	// 0
}

func ExampleEnsurePath() {
	c := newClient()
	defer c.Close()

	check(zkapi.EnsurePath(ctx, c, "/app/locks/db", nil))
	check(zkapi.EnsurePath(ctx, c, "/app/locks/db", nil)) // it is there: nothing happens
	n, err := c.AllChildrenNumber(ctx, "/app")
	fmt.Println(n, err)
	// Output: 2 <nil>
}

func ExampleEnsureContainers() {
	c := newClient()
	defer c.Close()

	check(zkapi.EnsureContainers(ctx, c, "/locks/db", nil)) // the server removes it after its last child
	_, there, err := c.Exists(ctx, "/locks/db")
	fmt.Println(there, err)
	// Output: true <nil>
}

func ExampleCreateRecursive() {
	c := newClient()
	defer c.Close()

	path, err := zkapi.CreateRecursive(ctx, c, "/app/queue/job-", []byte("work"), nil, zkapi.PersistentSequential)
	fmt.Println(path, err)
	// Output: /app/queue/job-0000000000 <nil>
}

func ExampleDeleteRecursive() {
	c := newClient()
	defer c.Close()

	check(zkapi.EnsurePath(ctx, c, "/app/a/b/c", nil))
	check(zkapi.DeleteRecursive(ctx, c, "/app"))
	check(zkapi.DeleteRecursive(ctx, c, "/app")) // there is none: no error
	_, there, err := c.Exists(ctx, "/app")
	fmt.Println(there, err)
	// Output: false <nil>
}

func ExampleWalk() {
	c := newClient()
	defer c.Close()

	check(zkapi.EnsurePath(ctx, c, "/app/locks/db", nil))
	check(zkapi.EnsurePath(ctx, c, "/app/config", nil))
	for node, err := range zkapi.Walk(ctx, c, "/app") {
		check(err)
		fmt.Println(node.Path, node.Stat.NumChildren)
	}
	// Output:
	// /app 2
	// /app/config 0
	// /app/locks 1
	// /app/locks/db 0
}

func ExampleNewTxn() {
	c := newClient()
	defer c.Close()

	_, err := zkapi.NewTxn(c).
		Create("/config", []byte("1"), nil, zkapi.Persistent).
		Create("/config/lock", nil, nil, zkapi.Ephemeral).
		Commit(ctx)
	check(err)

	results, err := zkapi.NewTxn(c).
		Check("/config/lock", zkapi.AnyVersion). // only while the lock is held
		Set("/config", []byte("2"), 7).
		Commit(ctx)
	fmt.Println(zkapi.CodeOf(err).Name())
	for _, r := range results {
		fmt.Println(r.Err)
	}
	// Output:
	// BadVersion
	// <nil>
	// zookeeper: BadVersion
}

func ExampleStream_Len() {
	s := zkapi.NewStream[string](nil)
	s.Send("a")
	s.Send("b")
	before := s.Len()
	s.TryNext()
	fmt.Println(before, s.Len())
	// Output: 2 1
}

func ExampleNewStream() {
	s := zkapi.NewStream[string](func() { fmt.Println("the receiver has enough") })
	s.Send("one")
	s.Send("two")
	for v := range s.All(ctx) {
		fmt.Println(v)
		if v == "two" {
			break
		}
	}
	s.Close()
	_, err := s.Next(ctx)
	fmt.Println(err)
	// Output:
	// one
	// two
	// the receiver has enough
	// zkapi: client is closed
}

func ExampleDigestID() {
	fmt.Println(zkapi.DigestID("super:secret"))
	// Output: super:lK75jTNcA+U9vtVEw5vB51mj/w4=
}

func ExampleDigestACL() {
	c := newClient()
	defer c.Close()

	_, err := c.Create(ctx, "/mine", []byte("secret"), zkapi.DigestACL(zkapi.PermAll, "me", "pw"), zkapi.Persistent)
	check(err)
	_, _, err = c.Get(ctx, "/mine")
	fmt.Println(err)
	check(c.AddAuth(ctx, "digest", []byte("me:pw")))
	data, _, err := c.Get(ctx, "/mine")
	fmt.Println(string(data), err)
	// Output:
	// getData /mine: zookeeper: NoAuth
	// secret <nil>
}

func ExampleACL() {
	c := newClient()
	defer c.Close()

	check(c.AddAuth(ctx, "digest", []byte("me:pw")))
	for _, acl := range [][]zkapi.ACL{
		zkapi.OpenACL(),
		zkapi.ReadACL(),
		zkapi.WorldACL(zkapi.PermRead | zkapi.PermCreate),
		zkapi.AuthACL(zkapi.PermRead),
		zkapi.CreatorAllACL(),
	} {
		path, err := c.Create(ctx, "/n-", nil, acl, zkapi.PersistentSequential)
		check(err)
		stored, _, err := c.GetACL(ctx, path)
		check(err)
		for _, a := range stored {
			name, _, _ := strings.Cut(a.ID, ":") // without the hash of the password
			fmt.Println(a.Scheme, name, a.Perms)
		}
	}
	// Output:
	// world anyone 31
	// world anyone 1
	// world anyone 5
	// digest me 1
	// digest me 31
}

func ExampleOp() {
	c := newClient()
	defer c.Close()

	results, err := c.Multi(ctx,
		zkapi.CreateOp("/app", []byte("v1"), nil, zkapi.Persistent),
		zkapi.CheckOp("/app", 0),
		zkapi.SetOp("/app", []byte("v2"), 0),
		zkapi.CreateOp("/app/old", nil, nil, zkapi.Persistent),
		zkapi.DeleteOp("/app/old", zkapi.AnyVersion),
	)
	check(err)
	fmt.Println(results[0].Path, results[2].Stat.Version)

	_, err = c.Multi(ctx, zkapi.CreateTTLOp("/app/cache", nil, nil, zkapi.PersistentTTL, time.Minute))
	fmt.Println(err) // the server must have extendedTypesEnabled

	results, err = c.MultiRead(ctx, zkapi.GetOp("/app"), zkapi.ChildrenOp("/nowhere"))
	check(err)
	fmt.Printf("%s, %v\n", results[0].Data, results[1].Err)
	// Output:
	// /app 1
	// multi /app/cache: zookeeper: Unimplemented
	// v2, zookeeper: NoNode
}
