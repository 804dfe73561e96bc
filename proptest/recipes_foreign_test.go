package proptest

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/zksim/zksim/zkapi"
)

// TestRecipesForeign: nodes of others are in the directories of a recipe from the beginning, or
// come at one of the requests of one client. The recipe does what it does without them, and
// they stay as they are.
func TestRecipesForeign(t *testing.T) {
	onRecipeBackends(t, func(t *testing.T, kind string, run runCase) {
		for _, x := range trials() {
			if kind == "real" && x.variant && !*allRequests || leftOut(kind, x.n, 13) {
				continue
			}
			t.Run(x.name, func(t *testing.T) {
				first := func(e *recipeEnv) {
					e.bare = true
					e.intrude(&x)
					x.play(e, e.client("a"))
				}
				run(t, "", first)
				stepwise(t, strideOfDrill(kind, x.n, 13), run, func(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
					e.bare = true
					x.play(e, at(e.client("a"), func() { e.intrude(&x) }))
				})
				sweep(t, strideOfDrill(kind, x.n, 14), "cut after-reply client=a #%d", run, first)
			})
		}
	})
}

// Names that may be those of another recipe's nodes, of another version's, or of no recipe's.
var strangeNames = slices.Concat(
	[]string{"x", "lock", "0", "0000000000", "9999999999", "_c_", "__lock__", "x__lock__00000000xx", "qn-", "entry-100-00000000000"},
	[]string{"0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-0123-456789abcdef", strings.Repeat("z", 32), strings.Repeat("z", 36), strings.Repeat("_", 40)},
	numbered("0123456789abcdef0123456789abcdef", "__lock__", "__rlock__", "__party__"),                                       // kazoo
	numbered("_c_01234567-89ab-cdef-0123-456789abcdef", "-lock-", "-lease-", "-latch-", "-__READ__", "-__WRIT__"),            // Curator
	numbered("_c_0123456789abcdef0123456789abcdef", "-lock-"),                                                                // go-zookeeper
	numbered("", "x-72057594037927936-", "n_", "qn-", "entry-100-", "entry-1x0-", "queue-", "queue-|id|", "queue-000000001"), // queues, and ZooKeeper's own
	[]string{"queue-01234567-89ab-cdef-0123-456789abcdef", "0123456789abcdef0123456789abcdef-other", "queue-" + strings.Repeat("z", 36)},
)

// numbered are names with numbers: as the server writes them, and not.
func numbered(prefix string, tags ...string) (names []string) {
	for _, tag := range tags {
		for _, number := range []string{"12", "0000000000", "9999999999"} {
			names = append(names, prefix+tag+number)
		}
	}
	return names
}

// ours tells by the layout which names in a directory are those of a recipe, and so no strangers.
func ours(name string, in *trial, dir string) bool {
	tag, hex := tagOf(name), len(name) == 32 && guidName.MatchString(name)
	switch {
	case dir == "/locks" || dir == "/queue/taken":
		return itemName.MatchString(name) || strings.HasPrefix(name, ".s-")
	case strings.Contains(in.name, "queue") && strings.HasPrefix(dir, "/queue"):
		return itemName.MatchString(name)
	case dir == "/shards":
		return guidName.MatchString(strings.TrimPrefix(name, "queue-"))
	case dir == "/meeting":
		return guidName.MatchString(name)
	case dir == "/party":
		return strings.Contains(name, "__party__") || in.name == "shallow party" && strings.Contains(name, "-")
	case dir == "/set/party":
		return len(name) > 33 && name[32] == '-'
	case in.name == "multi lease":
		return name == "0"
	case dir == "/sem":
		return hex
	case dir == "/leader" || in.name == "latch":
		return strings.HasSuffix(tag, "-latch-")
	case in.name == "rwlock":
		return strings.HasSuffix(tag, "__rlock__") || strings.HasSuffix(tag, "__lock__")
	case in.name == "rwlock of Curator":
		return strings.HasSuffix(tag, "-__READ__") || strings.HasSuffix(tag, "-__WRIT__")
	case dir == "/sem/leases":
		return strings.HasSuffix(tag, "-lease-")
	case strings.HasPrefix(in.name, "lock of") || dir == "/sem/locks":
		return strings.HasSuffix(tag, "-lock-")
	}
	return strings.HasSuffix(tag, "__lock__")
}

var guidName = regexp.MustCompile(`^([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)

// tagOf is what is before the number in a name, if that is one that the server can have given.
func tagOf(name string) string {
	tag, _, _ := zkapi.SplitSequence(name)
	return tag
}

// intrude makes foreign nodes in all directories of a recipe, some of them without data.
func (e *recipeEnv) intrude(x *trial) {
	dirs := x.directories()
	switch {
	case x.name == "queue sharder":
		dirs = append(dirs, "/shards")
	case len(dirs) < len(x.dirs):
		dirs = append(dirs, "") // what is no directory has neighbours
	}
	for _, dir := range dirs {
		var ops []zkapi.Op
		for i, name := range strangeNames {
			data := [][]byte{nil, {}, []byte("{}"), []byte("what is this")}[i%4]
			if !ours(name, x, dir) {
				ops = append(ops, zkapi.CreateOp(e.root+dir+"/"+name, data, nil, zkapi.Persistent))
			}
		}
		e.settle(e.root+dir, ops)
	}
}

// settle makes foreign nodes in a directory.
func (e *recipeEnv) settle(dir string, ops []zkapi.Op) {
	e.mu.Lock()
	if e.strangers == nil {
		e.strangers = make(map[string]bool)
	}
	for _, op := range ops { // before anybody sees them
		e.strangers[op.Path] = false
	}
	e.mu.Unlock()
	err := error(zkapi.ErrNoNode)
	for errors.Is(err, zkapi.ErrNoNode) { // the recipe may delete the directory
		if err = zkapi.EnsurePath(e.ctx, e.truth, dir, nil); err == nil {
			_, err = e.truth.Multi(e.ctx, ops...)
		}
	}
	if err != nil {
		e.t.Errorf("in %s: %v", dir, err)
	}
}

// foreign tells whether a path is that of a foreign node.
func (e *recipeEnv) foreign(path string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, yes := e.strangers[path]
	return yes
}

// without are the names in a directory without those of foreign nodes.
func (e *recipeEnv) without(dir string, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return e.foreign(zkapi.Join(dir, name)) })
}

// clear deletes a directory with all that is in it, among it strangers that nobody may have touched.
func (e *recipeEnv) clear(ctx context.Context, dir string) {
	e.requireStrangers(ctx, dir)
	if err := zkapi.DeleteRecursive(ctx, e.truth, dir); err != nil {
		e.t.Errorf("%v", err)
	}
}

// requireStrangers: they are still there, as they were. It is the last that anybody hears of them.
func (e *recipeEnv) requireStrangers(ctx context.Context, below string) {
	var reads []zkapi.Op
	e.mu.Lock()
	for path, asked := range e.strangers {
		if !asked && (below == "/" || strings.HasPrefix(path, below+"/")) {
			reads = append(reads, zkapi.GetOp(path))
			e.strangers[path] = true
		}
	}
	e.mu.Unlock()
	if len(reads) == 0 {
		return
	}
	results, err := e.truth.MultiRead(ctx, reads...)
	if err != nil {
		e.t.Errorf("%v", err)
	}
	for i, x := range results {
		if x.Err != nil || x.Stat.Mzxid != x.Stat.Czxid || x.Stat.Aversion != 0 {
			e.t.Errorf("the foreign node %s is gone or changed: %v", strings.TrimPrefix(reads[i].Path, e.root), x.Err)
		}
	}
}
