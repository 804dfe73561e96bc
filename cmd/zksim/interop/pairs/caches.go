package pairs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// Watchers and caches: what both sides see of a tree that both of them change.

// writes are values that one side writes, as fast as it can.
func writes(prefix string) (all []string) {
	for i := range rounds {
		all = append(all, prefix+strconv.Itoa(i))
	}
	return all
}

// follows tells whether what was seen is some of what was written, in order, up to the last.
func follows(seen, written []string) bool {
	at := 0
	for _, x := range seen {
		i := slices.Index(written[at:], x)
		if i < 0 {
			return false
		}
		at += i + 1
	}
	return at == len(written)
}

func kazooData(t *table) {
	t.must("EnsurePath", zkapi.EnsurePath(t.ctx, t.client, zkapi.Parent(t.path), nil))
	t.new("theirs", "DataWatch", t.path)
	ctx, enough := context.WithCancel(t.ctx)
	defer enough()
	values := make(chan string, 4*rounds)
	go func() {
		defer close(values)
		for node, err := range watchers.Data(ctx, t.client, t.path) {
			switch {
			case err != nil:
				return
			case node.Exists:
				values <- string(node.Data)
			default:
				values <- "none"
			}
		}
	}()
	t.is("we begin with", <-values, "none")
	theirs := func(last string) (seen []string) {
		t.until("they see "+last, func() bool {
			seen = strings.Fields(t.call("theirs", "seen"))
			return len(seen) > 0 && seen[len(seen)-1] == last
		})
		return seen
	}
	ours := func(last string) (seen []string) {
		for v := range values {
			if seen = append(seen, v); v == last {
				return seen
			}
		}
		t.must("Data", context.Cause(t.ctx))
		return seen
	}
	t.is("they begin with", t.call("theirs", "seen"), "none")

	_, err := t.client.Create(t.ctx, t.path, []byte("new"), nil, zkapi.Persistent)
	t.must("Create", err)
	written := append([]string{"none", "new"}, writes("ours")...)
	for _, v := range written[2:] {
		_, err := t.client.Set(t.ctx, t.path, []byte(v), zkapi.AnyVersion)
		t.must("Set", err)
	}
	last := written[len(written)-1]
	t.is("they see what we write, in order, up to the last", follows(theirs(last), written), true)
	ours(last)
	more := writes("theirs")
	wait := t.later("theirs", "setMany", more...)
	t.is("we see what they write, in order, up to the last", follows(ours(more[len(more)-1]), more), true)
	wait()
	t.must("Delete", t.client.Delete(t.ctx, t.path, zkapi.AnyVersion))
	theirs("none")
	ours("none")
}

func kazooChildren(t *table) {
	t.must("EnsurePath", zkapi.EnsurePath(t.ctx, t.client, t.path, nil))
	t.new("theirs", "ChildrenWatch", t.path)
	ctx, enough := context.WithCancel(t.ctx)
	defer enough()
	names := make(chan string, 4*rounds)
	go func() {
		defer close(names)
		for listing, err := range watchers.Children(ctx, t.client, t.path) {
			if err != nil {
				return
			}
			names <- strings.Join(listing.Names, "+")
		}
	}()
	t.is("we begin with", <-names, "")
	both := func(want string) {
		t.until("they see "+want, func() bool { return t.call("theirs", "last") == want })
		var got string
		for got = range names {
			if got == want {
				break
			}
		}
		t.is("we see what they see", got, want)
	}
	for _, name := range []string{"a", "b", "c"} {
		_, err := t.client.Create(t.ctx, zkapi.Join(t.path, name), nil, nil, zkapi.Persistent)
		t.must("Create", err)
	}
	both("a+b+c")
	t.call("theirs", "create", "d")
	t.call("theirs", "delete", "a")
	both("b+c+d")
	t.must("Delete", t.client.Delete(t.ctx, t.path+"/b", zkapi.AnyVersion))
	both("c+d")
}

// scope is how much of a tree is compared, by the path below the root.
type scope func(below string) bool

func everything(string) bool        { return true }
func itself(below string) bool      { return below == "" }
func itsChildren(below string) bool { return strings.Count(below, "/") == 1 }

// contents are the nodes on the server, with their data.
func (t *table) contents(within scope) string {
	var all []string
	for node, err := range zkapi.Walk(t.ctx, t.client, t.path) {
		t.must("Walk", err)
		data, _, err := t.client.Get(t.ctx, node.Path)
		t.must("Get", err)
		all = within.add(all, strings.TrimPrefix(node.Path, t.path), data)
	}
	return sorted(all, nil)
}

// add adds a node in the way in which all sides show it.
func (within scope) add(all []string, below string, data []byte) []string {
	if !within(below) {
		return all
	}
	return append(all, below+"="+string(data))
}

// cached are the nodes in a cache of ours.
func (t *table) cached(within scope, cache *watchers.Cache) view {
	return view{"us", func() string {
		var all []string
		for node := range cache.All() {
			all = within.add(all, strings.TrimPrefix(node.Path, t.path), node.Data)
		}
		return sorted(all, nil)
	}}
}

// their are the nodes in one of theirs.
func (t *table) their(name, object string) view {
	return view{name, func() string { return t.call(object, "contents") }}
}

// changes are how often each side changes the tree.
const changes = 120

// churn changes the tree below a node at random.
func (t *table) churn(ctx context.Context) error {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range changes {
		path := t.path
		for range 1 + random.IntN(3) {
			path += "/" + string(rune('a'+random.IntN(3)))
		}
		var err error
		switch random.IntN(4) {
		case 0:
			err = t.client.Delete(ctx, path, zkapi.AnyVersion)
		case 1:
			_, err = t.client.Set(ctx, path, fmt.Appendf(nil, "ours%d", i), zkapi.AnyVersion)
		default:
			_, err = t.client.Create(ctx, path, fmt.Appendf(nil, "new%d", i), nil, zkapi.Persistent)
		}
		if err != nil && !errors.Is(err, zkapi.ErrNoNode) && !errors.Is(err, zkapi.ErrNodeExists) && !errors.Is(err, zkapi.ErrNotEmpty) {
			return err
		}
	}
	return nil
}

// view is somebody's picture of the tree.
type view struct {
	name  string
	nodes func() string
}

// agree has the tree change, by us and by those who churn, and wants all views to be the same in the end:
// what is on the server.
func (t *table) agree(within scope, views []view, churners ...string) {
	_, err := t.client.Set(t.ctx, t.path, []byte("root"), zkapi.AnyVersion)
	t.must("Set", err)
	var results []func() string
	for _, object := range churners {
		results = append(results, t.later(object, "churn", t.path, strconv.Itoa(changes)))
	}
	t.must("churn", t.churn(t.ctx))
	for _, wait := range results {
		wait()
	}
	want := t.contents(within)
	t.is("there is something", want != "", true)
	for _, v := range views {
		t.settle(v, want)
	}
	t.must("DeleteRecursive", zkapi.DeleteRecursive(t.ctx, t.client, t.path))
	for _, v := range views {
		t.settle(v, "")
	}
}

// settle waits for a view to be what it should be, and says what it is if it is not so in time.
func (t *table) settle(v view, want string) {
	ctx, cancel := context.WithTimeout(t.ctx, patience/2)
	defer cancel()
	for v.nodes() != want && ctx.Err() == nil {
		t.pause()
	}
	if want == "" {
		t.is("nothing is left, for "+v.name, v.nodes(), want)
		return
	}
	got := v.nodes()
	if got == want {
		got, want = "as on the server", "as on the server"
	}
	t.is("contents, for "+v.name, got, want)
}

// root makes the node that is followed.
func (t *table) root() {
	t.must("EnsurePath", zkapi.EnsurePath(t.ctx, t.client, t.path, nil))
}

func kazooTree(t *table) {
	t.root()
	t.new("theirs", "TreeCache", t.path)
	ours := watchers.NewTreeCache(t.ctx, t.client, t.path)
	defer ours.Close()
	t.agree(everything, []view{t.cached(everything, ours), t.their("them", "theirs")}, "theirs")
}

// curatorCache has a cache of theirs beside one of ours.
func curatorCache(within scope, kind string, ours func(context.Context, zkapi.Client, string, ...func(*watchers.CacheConfig)) *watchers.Cache) func(*table) {
	return func(t *table) {
		t.root()
		t.new("theirs", kind, t.path)
		t.new("changer", "Changer")
		cache := ours(t.ctx, t.client, t.path)
		defer cache.Close()
		t.agree(within, []view{t.cached(within, cache), t.their("them", "theirs")}, "changer")
		t.call("theirs", "close")
	}
}

// allTrees has a session for each cache. Up to ZooKeeper 3.8 a persistent watch takes the place of another on its
// path in the same session: Curator's TreeCache would hear nothing beside a CuratorCache.
func allTrees(t *table) {
	t.root()
	t.of(Kazoo).new("kazoo", "TreeCache", t.path)
	t.of(Curator).new("curator", "CuratorCache", t.path)
	t.new("changer", "Changer")
	ours := watchers.NewTreeCache(t.ctx, t.client, t.path)
	defer ours.Close()
	t.agree(everything, []view{t.cached(everything, ours), t.their("kazoo", "kazoo"), t.their("curator", "curator")}, "kazoo", "changer")
	t.call("curator", "close")
}
