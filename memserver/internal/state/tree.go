package state

import (
	"strings"
	"sync/atomic"

	"github.com/tidwall/btree"
)

// degree of the maps of children: small, because a fork's first write copies
// one tree node a level.
const degree = 8

// tree holds the znodes. A fork shares all nodes with the original; each side
// then gets an epoch of its own and copies, on its first write to a path, the
// nodes along that path. So a fork costs the same at any size, and a tree that
// was never forked is changed in place.
type tree struct {
	root  *node
	epoch uint64
	count int    // nodes, the root included
	bytes int64  // ZooKeeper's approximate data size: lengths of paths and data
	stray int64  // what the statistics of quotas have grown by, which ZooKeeper does not count in
	cache *cache // nil in small trees, and in those that nobody changes
	walks int    // without it
}

var epochs atomic.Uint64

// newEpoch is unique in the process, so that the nodes of one fork can never
// look like another's.
func newEpoch() uint64 { return epochs.Add(1) }

// fork returns a second tree with the same content. Both may be used and
// changed independently, also at the same time.
func (t *tree) fork() tree {
	f := *t
	f.epoch, t.epoch = newEpoch(), newEpoch()
	f.cache, f.walks = nil, 0
	return f
}

// find returns the node at a path, nil if there is none. As in ZooKeeper, which
// looks paths up as strings, "" is the root too and a path that is not
// canonical finds nothing.
func (t *tree) find(path string) *node {
	if path == "" || path == "/" {
		return t.root
	}
	if path[0] != '/' {
		return nil
	}
	n := t.recall(path)
	if n == nil {
		n = t.walkTo(path)
		t.note(path, n)
	}
	return n
}

// walkTo goes down from the root.
func (t *tree) walkTo(path string) *node {
	n := t.root
	for rest := path[1:]; ; {
		name, tail, more := cutSlash(rest)
		if n = n.child(name); n == nil || !more {
			return n
		}
		rest = tail
	}
}

// own returns the node at a path ready to be changed: it and its ancestors are
// copied first where they are shared with a fork.
func (t *tree) own(path string) *node {
	if path == "" || path == "/" {
		return t.ownRoot()
	}
	if path[0] != '/' {
		return nil
	}
	if known := t.recall(path); known != nil {
		return known
	}
	n := t.ownRoot()
	for rest := path[1:]; ; {
		name, tail, more := cutSlash(rest)
		child := t.ownChild(n, name)
		if child == nil {
			return nil
		}
		if n = child; !more {
			t.note(path, n)
			return n
		}
		rest = tail
	}
}

func (t *tree) ownRoot() *node {
	if t.root.epoch != t.epoch {
		c := *t.root
		c.epoch = t.epoch
		t.root = &c
	}
	return t.root
}

// ownChild is own for one step below a node that is already owned.
func (t *tree) ownChild(parent *node, name string) *node {
	if parent.kids == nil {
		return nil
	}
	child, ok := parent.kids.names.Get(name)
	if !ok || child.epoch == t.epoch {
		return child
	}
	c := *child
	c.epoch = t.epoch
	t.ownKids(parent).names.Set(strings.Clone(name), &c)
	return &c
}

// ownKids returns the children of an owned node, ready to be changed.
func (t *tree) ownKids(n *node) *kids {
	k := n.kids
	switch {
	case k == nil:
		k = &kids{names: *btree.NewMap[string, *node](degree), epoch: t.epoch, pzxid: n.czxid}
	case k.epoch != t.epoch:
		// The shared map must not be written to, and Copy would: it makes the
		// original copy-on-write too. So it is applied to a copy of the header.
		header := k.names
		k = &kids{names: *header.Copy(), epoch: t.epoch, pzxid: k.pzxid, cversion: k.cversion, most: k.most}
	}
	n.kids = k
	return k
}

// cutSlash splits off the first element of a path.
func cutSlash(path string) (name, rest string, more bool) {
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:], true
	}
	return path, "", false
}

// splitPath cuts a path at its last slash. The parent of a top-level node is "".
func splitPath(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '/')
	return path[:i], path[i+1:]
}

// walk calls f for every node below n, parents first, until f returns false.
func walk(n *node, path string, f func(path string, n *node) bool) bool {
	if n.kids == nil {
		return true
	}
	ok := true
	n.kids.names.Scan(func(name string, child *node) bool {
		p := path + "/" + name
		ok = f(p, child) && walk(child, p, f)
		return ok
	})
	return ok
}

// countBelow is the number of descendants.
func countBelow(n *node) int {
	if n.kids == nil {
		return 0
	}
	total := n.kids.names.Len()
	n.kids.names.Scan(func(_ string, child *node) bool {
		total += countBelow(child)
		return true
	})
	return total
}
