package proptest_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi"
)

// outcome is what the client of a write knows of it.
type outcome int

const (
	done    outcome = iota // the server has said so
	failed                 // the server has said why not: nothing has changed
	unknown                // the connection was lost before the server said anything
)

func (o outcome) String() string { return [...]string{"done", "failed", "unknown"}[o] }

func outcomeOf(err error) outcome {
	switch {
	case err == nil:
		return done
	case zkapi.NothingChanged(err):
		return failed
	}
	return unknown
}

// write is one write of a client.
type write struct {
	kind    string // "create", "sequence" or "set"
	path    string // that was asked for; each create and each sequence node has a path of its own
	made    string // the path of a sequence node that is done
	version int32  // what a set that is done has made of the version
	outcome outcome
}

// ledger is what concurrent clients know of their writes, each in its own order.
type ledger struct {
	mu     sync.Mutex
	writes map[int][]write // by client
}

func (l *ledger) note(client int, w write) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writes == nil {
		l.writes = make(map[int][]write)
	}
	l.writes[client] = append(l.writes[client], w)
}

// tree is what is there at the end.
type tree struct {
	nodes    []string         // what creates and sequence creates have made
	versions map[string]int32 // of the nodes that were set; each by one client
}

// check returns what is wrong with the tree, given what the clients know.
func (l *ledger) check(end tree) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var wrong []string
	blame := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	there := make(map[string][]string) // by the path that was asked for
	for _, node := range end.nodes {
		asked := askedFor(node)
		there[asked] = append(there[asked], node)
	}
	numbers := make(map[int64]string)
	for _, client := range slices.Sorted(maps.Keys(l.writes)) {
		last := int64(-1)
		set := make(map[string][]write)
		for _, w := range l.writes[client] {
			nodes := there[w.path]
			delete(there, w.path)
			switch {
			case w.kind == "set":
				set[w.path] = append(set[w.path], w)
			case w.outcome == done && len(nodes) == 0:
				blame("lost: %s %s", w.kind, w.path)
			case w.outcome == failed && len(nodes) > 0:
				blame("phantom: %s %s has failed, and made %v", w.kind, w.path, nodes)
			case len(nodes) > 1:
				blame("repeated: %s %s made %v", w.kind, w.path, nodes)
			case w.kind == "sequence" && w.outcome == done:
				if w.made != nodes[0] {
					blame("renamed: %s is there as %s", w.made, nodes[0])
				}
				if n := numberOf(w.made); n <= last {
					blame("order: %s after number %d of the same client", w.made, last)
				} else {
					last = n
				}
			}
			for _, node := range nodes {
				if n := numberOf(node); n >= 0 {
					if other, taken := numbers[n]; taken {
						blame("number: %s and %s", other, node)
					}
					numbers[n] = node
				}
			}
		}
		for path, writes := range set {
			wrong = append(wrong, checkSets(path, writes, end.versions[path])...)
		}
	}
	for _, nodes := range there {
		blame("phantom: nobody asked for %v", nodes)
	}
	return wrong
}

// checkSets looks at the versions that the sets of one node have made: each that is done has made the
// next one, each that is unknown may have.
func checkSets(path string, writes []write, end int32) []string {
	var wrong []string
	low, high := int32(0), int32(0) // what the version may be
	for _, w := range writes {
		switch w.outcome {
		case done:
			if w.version < low+1 || w.version > high+1 {
				wrong = append(wrong, fmt.Sprintf("set: %s has version %d, and should have from %d to %d", path, w.version, low+1, high+1))
			}
			low, high = w.version, w.version
		case unknown:
			high++
		}
	}
	if end < low || end > high {
		wrong = append(wrong, fmt.Sprintf("set: %s ends with version %d, and should with %d to %d", path, end, low, high))
	}
	return wrong
}

// Sequence nodes are called /seq/TOKEN- and a number of ten digits.
func askedFor(node string) string {
	if numberOf(node) < 0 {
		return node
	}
	return node[:len(node)-10]
}

func numberOf(node string) int64 {
	if !strings.HasPrefix(node, "/seq/") {
		return -1
	}
	n, err := strconv.ParseInt(node[len(node)-10:], 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// TestLedger plants what must not happen.
func TestLedger(t *testing.T) {
	writes := []write{
		{kind: "create", path: "/c/1-1", outcome: done},
		{kind: "create", path: "/c/1-2", outcome: failed},
		{kind: "create", path: "/c/1-3", outcome: unknown},
		{kind: "sequence", path: "/seq/1-4-", made: "/seq/1-4-0000000003", outcome: done},
		{kind: "sequence", path: "/seq/1-5-", outcome: unknown},
		{kind: "sequence", path: "/seq/1-6-", made: "/seq/1-6-0000000007", outcome: done},
		{kind: "set", path: "/r/1", version: 1, outcome: done},
		{kind: "set", path: "/r/1", outcome: unknown},
		{kind: "set", path: "/r/1", outcome: failed},
		{kind: "set", path: "/r/1", version: 3, outcome: done},
	}
	must := []string{"/c/1-1", "/seq/1-4-0000000003", "/seq/1-6-0000000007"}
	with := func(more ...string) tree {
		return tree{append(slices.Clone(must), more...), map[string]int32{"/r/1": 3}}
	}
	version := func(v int32) tree { return tree{must, map[string]int32{"/r/1": v}} }
	for _, c := range []struct {
		name  string
		end   tree
		wrong string
	}{
		{"unknown is not done", with(), ""},
		{"unknown is done", with("/c/1-3", "/seq/1-5-0000000005"), ""},
		{"a create is lost", tree{must[1:], version(3).versions}, "lost: create /c/1-1"},
		{"a sequence node is lost", tree{must[:2], version(3).versions}, "lost: sequence /seq/1-6-"},
		{"failed and there", with("/c/1-2"), "phantom: create /c/1-2"},
		{"nobody's", with("/c/1-9"), "phantom: nobody asked for [/c/1-9]"},
		{"done twice", with("/seq/1-5-0000000005", "/seq/1-5-0000000006"), "repeated: sequence /seq/1-5-"},
		{"another name", tree{[]string{must[0], "/seq/1-4-0000000004", must[2]}, version(3).versions}, "renamed: /seq/1-4-0000000003"},
		{"one number for two", with("/seq/1-5-0000000003"), "number: /seq/1-4-0000000003 and /seq/1-5-0000000003"},
		{"a set is lost", version(2), "set: /r/1 ends with version 2"},
		{"a set too many", version(4), "set: /r/1 ends with version 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := ledger{writes: map[int][]write{1: writes}}
			wrong := l.check(c.end)
			if c.wrong == "" {
				require.Empty(t, wrong)
				return
			}
			require.Contains(t, strings.Join(wrong, "\n"), c.wrong)
		})
	}
	for _, c := range []struct {
		name  string
		next  write
		wrong string
	}{
		{"a number goes back", write{kind: "sequence", path: "/seq/1-7-", made: "/seq/1-7-0000000006", outcome: done}, "order:"},
		{"a version is made twice", write{kind: "set", path: "/r/1", version: 3, outcome: done}, "set: /r/1 has version 3"},
		{"a version is left out", write{kind: "set", path: "/r/1", version: 5, outcome: done}, "set: /r/1 has version 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := ledger{writes: map[int][]write{1: append(slices.Clone(writes), c.next)}}
			require.Contains(t, strings.Join(l.check(with("/seq/1-7-0000000006")), "\n"), c.wrong)
		})
	}
}

// String counts the outcomes.
func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var count [3]int
	for _, writes := range l.writes {
		for _, w := range writes {
			count[w.outcome]++
		}
	}
	return fmt.Sprintf("%d writes done, %d failed, %d unknown", count[done], count[failed], count[unknown])
}
