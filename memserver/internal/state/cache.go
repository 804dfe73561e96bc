package state

import (
	"fmt"
	"hash/maphash"
)

const (
	// cacheFrom is the size of a tree from which walking down to a node costs
	// more than remembering where it was, and how often somebody has to walk
	// before that is worth the memory: who forks often does little in each fork.
	cacheFrom = 64
	// cacheSlots is a power of two: some thousand nodes are in use at a time.
	cacheSlots = 1 << 12
	// cachePath is the longest path that is remembered.
	cachePath = 128
)

// cache remembers where nodes were found. It holds only nodes of the tree's own
// epoch. Such a node is changed in place, and so are all of its ancestors, until
// it is deleted or somebody forks; so what the cache finds can be written to as
// well as read.
type cache struct {
	seed  maphash.Seed
	last  *cached // the one that recall returned: one parent often gets many children in a row
	slots [cacheSlots]cached
}

// cached keeps its path in memory of its own, which it uses again.
type cached struct {
	path []byte
	node *node
}

func newCache() *cache {
	c := &cache{seed: maphash.MakeSeed()}
	c.last = &c.slots[0]
	return c
}

func (c *cache) slot(path string) *cached {
	return &c.slots[maphash.String(c.seed, path)%cacheSlots]
}

// recall returns the node at a path if it is known and belongs to the tree's epoch.
func (t *tree) recall(path string) *node {
	if t.cache == nil || len(path) > cachePath {
		return nil
	}
	s := t.cache.last
	if string(s.path) != path {
		s = t.cache.slot(path)
	}
	if s.node != nil && s.node.epoch == t.epoch && string(s.path) == path {
		t.cache.last = s
		return s.node
	}
	return nil
}

// note remembers where a node is.
func (t *tree) note(path string, n *node) {
	if n == nil || n.epoch != t.epoch || len(path) > cachePath {
		return
	}
	if t.cache == nil {
		if t.walks++; t.count < cacheFrom || t.walks < cacheFrom {
			return
		}
		t.cache = newCache()
	}
	s := t.cache.slot(path)
	s.path, s.node = append(s.path[:0], path...), n
}

// forget is for a node that leaves the tree.
func (t *tree) forget(path string) {
	if t.cache == nil || len(path) > cachePath {
		return
	}
	if s := t.cache.slot(path); string(s.path) == path {
		s.node = nil
	}
}

// checkCache compares what is remembered with the tree.
func (t *tree) checkCache() error {
	if t.cache == nil {
		return nil
	}
	for i := range t.cache.slots {
		s := &t.cache.slots[i]
		if s.node != nil && s.node.epoch == t.epoch && t.walkTo(string(s.path)) != s.node {
			return fmt.Errorf("state: %s is remembered where it is not", s.path)
		}
	}
	return nil
}
