package proptest_test

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// covered has what packages recipes and watchers begin, and the rows of ours in which a property
// judges it; or a single reason, in brackets, why none does.
var covered = map[string][]string{
	"recipes.NewAtomic":           {"atomic", "atomic, exactly once"},
	"recipes.NewBarrier":          {"barrier"},
	"recipes.NewCounter":          {"counter"},
	"recipes.NewDiscovery":        {"discovery"},
	"recipes.NewDistributedQueue": {"distributed queue", "distributed queue, safe", "priority queue", "delay queue", "id queue", "id queue, safe"},
	"recipes.NewDoubleBarrier":    {"double barrier"},
	"recipes.NewElection":         {"election"},
	"recipes.NewGroupMember":      {"group member"},
	"recipes.NewLeaderLatch":      {"latch"},
	"recipes.NewLease":            {"lease"},
	"recipes.NewLock":             {"lock"},
	"recipes.NewLockingQueue":     {"locking queue"},
	"recipes.NewMultiLease":       {"two leases"},
	"recipes.NewMultiLock":        {"multi lock", "multi lock in order"},
	"recipes.NewNumbers":          {"numbers"},
	"recipes.NewParty":            {"party"},
	"recipes.NewPersistentNode":   {"persistent node"},
	"recipes.NewQueue":            {"queue"},
	"recipes.NewQueueSharder":     {"queue sharder"},
	"recipes.NewRWLock":           {"rwlock"},
	"recipes.NewReentrantLock":    {"reentrant lock", "reentrant lock of one owner"},
	"recipes.NewSemaphore":        {"semaphore"},
	"recipes.NewSetPartitioner":   {"partitioner"},
	"recipes.NewShallowParty":     {"shallow party"},
	"recipes.NewShared":           {"shared value"},
	"recipes.NewSimpleQueue":      {"simple queue"},
	"recipes.NewTTLNode":          {"TTL node"},
	"recipes.Revoke":              {"revocable lock"},

	"recipes.Classify":           {"(a function of its argument)"},
	"recipes.ExponentialBackoff": {"(a function of its argument)"},
	"recipes.RetryFor":           {"(a function of its argument)"},
	"recipes.RetryForever":       {"(a function of its argument)"},
	"recipes.RetryTimes":         {"(a function of its argument)"},
	"recipes.Text":               {"(a codec)"},
	"recipes.BigText":            {"(a codec)"},
	"recipes.FloatText":          {"(a codec)"},
	"recipes.Int64":              {"(a codec)"},
	"recipes.Int32":              {"(a codec)"},
	"recipes.Bytes":              {"(a codec)"},
	"recipes.ParseURISpec":       {"(it reads a text)"},
	"recipes.RoundRobin":         {"(it chooses from a list)"},
	"recipes.Random":             {"(it chooses from a list)"},
	"recipes.Sticky":             {"(it chooses from a list)"},
	"recipes.WithOwner":          {"(it names an owner to a context)"},
	"recipes.Retry":              {"(it calls what it is given; no server is asked)"},
	"recipes.Flush":              {"(it waits for what is cleaned up in the background; TestRecipesExplored ends with it)"},

	"watchers.Children":         {"children"},
	"watchers.Data":             {"data"},
	"watchers.ExistingChildren": {"(Children that ends when there is no node)"},
	"watchers.ExistingData":     {"(Data that ends when there is no node)"},
	"watchers.NewChildrenCache": {"children cache"},
	"watchers.NewNodeCache":     {"node cache"},
	"watchers.NewTreeCache":     {"tree cache"},
	"watchers.PatientChildren":  {"patient children"},
	"watchers.Persistent":       {"persistent watch"},
}

// TestCovered: each function of recipes and watchers stands in the table, with properties or the reason why
// it needs none, and each property that ours has stands for something.
func TestCovered(t *testing.T) {
	var rows []string
	for _, x := range ours {
		rows = append(rows, x.name)
	}
	names := functions(t, "recipes")
	maps.Copy(names, functions(t, "watchers"))
	require.Equal(t, slices.Sorted(maps.Keys(names)), slices.Sorted(maps.Keys(covered)))
	for name, by := range covered {
		if strings.HasPrefix(by[0], "(") {
			require.Len(t, by, 1)
			require.False(t, strings.Contains(name, ".New"), "%s: what is made needs a property", name)
			continue
		}
		for _, row := range by {
			at := slices.Index(rows, row)
			require.GreaterOrEqual(t, at, 0, "%s: there is no %s", name, row)
			rows = slices.Delete(rows, at, at+1)
		}
	}
	require.Empty(t, rows, "they stand for nothing")
}

// TestPropertiesListed: README and CHANGELOG name all properties with their options, and as many planted bugs as there are.
func TestPropertiesListed(t *testing.T) {
	var known int
	for _, p := range planted {
		if p.known != "" {
			known++
		}
	}
	readme, changelog := textOf(t, "../README.md"), textOf(t, "../CHANGELOG.md")
	_, list, _ := strings.Cut(readme, " ## Is your lock right? ")
	list, _, _ = strings.Cut(list, " known from other libraries,")
	require.True(t, strings.HasSuffix(list, fmt.Sprintf(" %d planted bugs, %d of them", len(planted), known)),
		"the README has other numbers than %d planted bugs, of which %d are known", len(planted), known)
	_, list2, _ := strings.Cut(changelog, " - `proptest`: properties that ")
	list2, _, _ = strings.Cut(list2, " planted bugs show what they find")
	require.True(t, strings.HasSuffix(list2, fmt.Sprintf(" %d", len(planted))),
		"the CHANGELOG has another number than %d planted bugs", len(planted))
	for name, signature := range functions(t, "proptest") {
		name = strings.TrimPrefix(name, "proptest.")
		if !strings.Contains(signature, "Exploration") || strings.HasPrefix(name, "Explore") || strings.HasSuffix(name, "Dialing") {
			continue
		}
		word := regexp.MustCompile("[.`]" + name + "[(`]")
		require.Regexp(t, word, list)
		require.Regexp(t, word, list2)
	}
}

// TestPlantedEverywhere: each property finds two bugs at least.
func TestPlantedEverywhere(t *testing.T) {
	bugs := map[string]int{}
	for _, p := range planted {
		bugs[p.property]++
	}
	for property := range properties {
		require.GreaterOrEqual(t, bugs[property], 2, "%s", property)
	}
}

// textOf is what a file says, wherever its lines end.
func textOf(t *testing.T, file string) string {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.Join(strings.Fields(string(text)), " ")
}

// functions are those that a package exports, with their signatures.
func functions(t *testing.T, dir string) map[string]string {
	files := token.NewFileSet()
	var parsed []*ast.File
	paths, err := fs.Glob(os.DirFS(".."), dir+"/*.go")
	require.NoError(t, err)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(files, filepath.Join("..", path), nil, 0)
		require.NoError(t, err)
		parsed = append(parsed, f)
	}
	pkg, err := doc.NewFromFiles(files, parsed, dir)
	require.NoError(t, err)
	all := pkg.Funcs
	for _, typ := range pkg.Types {
		all = append(all, typ.Funcs...)
	}
	signatures := map[string]string{}
	for _, f := range all {
		signatures[dir+"."+f.Name] = types.ExprString(f.Decl.Type)
	}
	return signatures
}
