package state

import (
	"github.com/tidwall/btree"

	"github.com/zksim/zksim/zkapi"
)

// How the owner field tells containers and TTL nodes from ephemeral ones; the
// numbers are those that ZooKeeper stores on disk.
const (
	containerOwner int64 = -1 << 63
	ttlOwnerMark   int64 = -1 << 56 // 0xff in the top byte; the TTL in milliseconds below
	ttlMax         int64 = 1<<40 - 1
)

// node is one znode. A node belongs to the epoch in which it was made or
// copied: while the tree is in that epoch it is changed in place, afterwards it
// is shared with a fork and never written to again. It is 96 bytes, which is an
// allocation class of its own: mind that when adding a field.
type node struct {
	czxid, mzxid int64
	ctime, mtime int64
	owner        int64
	data         string
	kids         *kids // nil until the first child was created
	acl          *accessList
	epoch        uint64
	version      int32
	aversion     int32
	ord          int32 // the parent's count of creations at the node's own: the order of insertion
	null         bool  // the data is null, which clients can tell from empty
}

// kids is what a node has only once it has had a child.
type kids struct {
	names    btree.Map[string, *node]
	epoch    uint64
	pzxid    int64
	cversion int32 // creations of children so far; the visible cversion is derived
	most     int32 // the most children at one time: it decides the order of getChildren
}

func (n *node) numChildren() int {
	if n.kids == nil {
		return 0
	}
	return n.kids.names.Len()
}

// hasChild looks at the end first: names mostly come in their order.
func (n *node) hasChild(name string) bool {
	if n.kids == nil {
		return false
	}
	if last, _, ok := n.kids.names.Max(); !ok || name > last {
		return false
	}
	_, ok := n.kids.names.Get(name)
	return ok
}

// child returns one of the children, nil if there is none of that name.
func (n *node) child(name string) *node {
	if n.kids == nil {
		return nil
	}
	child, _ := n.kids.names.Get(name)
	return child
}

// cversion is the number of children ever created, from which sequential names are made.
func (n *node) cversion() int32 {
	if n.kids == nil {
		return 0
	}
	return n.kids.cversion
}

func (n *node) pzxid() int64 {
	if n.kids == nil {
		return n.czxid
	}
	return n.kids.pzxid
}

func (n *node) isContainer() bool { return n.owner == containerOwner }

func (n *node) isTTL() bool { return n.owner < 0 && n.owner>>56 == -1 && n.owner != containerOwner }

func (n *node) isEphemeral() bool { return n.owner != 0 && !n.isContainer() && !n.isTTL() }

func (n *node) ttl() int64 { return n.owner & ttlMax }

func (n *node) setData(b []byte) { n.data, n.null = string(b), b == nil }

func (n *node) stat() zkapi.Stat {
	s := zkapi.Stat{
		Czxid: n.czxid, Mzxid: n.mzxid, Ctime: n.ctime, Mtime: n.mtime,
		Version: n.version, Aversion: n.aversion,
		DataLength: int32(len(n.data)), Pzxid: n.czxid,
	}
	if n.isEphemeral() {
		s.EphemeralOwner = n.owner
	}
	if k := n.kids; k != nil {
		s.NumChildren = int32(k.names.Len())
		// Creations plus deletions, from creations and what is left.
		s.Cversion = k.cversion*2 - s.NumChildren
		s.Pzxid = k.pzxid
	}
	return s
}
