package state

import (
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// delete (2), deleteContainer (20), setData (5), setACL (7), check (13).

func (s *State) delete(c *Conn, o *wire.Op) zkapi.Code {
	if o.Path == wire.NullString {
		return zkapi.ErrMarshalling
	}
	if !deletable(o.Path) {
		return zkapi.ErrBadArguments
	}
	parentPath, name := splitPath(o.Path)
	parent := s.tree.find(parentPath)
	if parent == nil {
		return zkapi.ErrNoNode
	}
	if !s.allowed(parent.acl, zkapi.PermDelete, c.IDs) {
		return zkapi.ErrNoAuth
	}
	n := parent.child(name)
	if n == nil || parentPath == "/" { // that of "//a"
		return zkapi.ErrNoNode
	}
	if o.Version != zkapi.AnyVersion && o.Version != n.version {
		return zkapi.ErrBadVersion
	}
	if n.numChildren() > 0 {
		return zkapi.ErrNotEmpty
	}
	if strings.HasPrefix(parentPath, "/zookeeper") && poisonedLimits(parentPath, name, len(quotaRoot)) {
		return zkapi.ErrBadArguments
	}
	if s.quotaPoisoned(o.Path) {
		return zkapi.ErrBadArguments
	}
	s.remove(o.Path)
	return 0
}

// deleteContainer is meant for the server's own use; 3.9 serves it to clients,
// without a look at ACLs. 3.8 reads the wrong part of the request and fails.
func (s *State) deleteContainer(o *wire.Op) zkapi.Code {
	if s.cfg.V38 {
		return zkapi.ErrBadArguments
	}
	if !deletable(o.Path) {
		return zkapi.ErrBadArguments
	}
	n := s.tree.find(o.Path)
	switch {
	case n == nil:
		return zkapi.ErrNoNode
	case n.numChildren() > 0:
		return zkapi.ErrNotEmpty
	case n.isEphemeral():
		return zkapi.ErrBadVersion
	case s.quotaPoisoned(o.Path):
		return zkapi.ErrBadArguments
	}
	s.remove(o.Path)
	return 0
}

// remove takes a childless node out of the tree and notes the change.
func (s *State) remove(path string) {
	parentPath, name := splitPath(path)
	parent := s.tree.own(parentPath)
	s.leave(parentPath, parent)
	k := s.tree.ownKids(parent)
	n, _ := k.names.Delete(name)
	s.leave(path, n)
	if s.inMulti {
		pzxid, holding := k.pzxid, s.holding(path, n)
		s.undo = append(s.undo, func() {
			k.names.Set(strings.Clone(name), n)
			k.pzxid = pzxid
			s.remember(path, n)
			s.restore(path, n, holding)
		})
	}
	k.pzxid = max(k.pzxid, s.zxid)
	s.enter(parentPath, parent)
	s.forget(path, n)
	s.quotaDeleted(parentPath, path, name, n)
	s.changes = append(s.changes, change{zkapi.EventNodeDeleted, path, n.acl, parentPath, parent.acl})
}

// holding is what decides where a session's ephemeral node is listed.
type holding struct {
	most int   // the most that the session has had
	ord  int64 // the node's place in the order of creation, 0 if it is not there
}

func (s *State) holding(path string, n *node) (h holding) {
	if sess := s.live[n.owner]; sess != nil {
		h.most = sess.most
		h.ord, _ = s.ephemerals.Get(ephemeralKey(n.owner, path))
	}
	return h
}

// restore undoes what a multi did to it.
func (s *State) restore(path string, n *node, h holding) {
	if sess := s.live[n.owner]; sess != nil {
		sess.most = h.most
		if h.ord != 0 {
			s.ephemerals.Set(ephemeralKey(n.owner, path), h.ord)
		}
	}
}

func (s *State) setData(c *Conn, o *wire.Op, stat *zkapi.Stat) zkapi.Code {
	n := s.tree.own(o.Path)
	if n == nil || o.Path == "" { // what is found by another name has a valid path
		if !validPath(o.Path) {
			return zkapi.ErrBadArguments
		}
		return zkapi.ErrNoNode
	}
	if !s.allowed(n.acl, zkapi.PermWrite, c.IDs) {
		return zkapi.ErrNoAuth
	}
	grows := int64(len(o.Data) - len(n.data))
	if code := s.checkQuota(o.Path, grows, 0); code != 0 {
		return code
	}
	if o.Version != zkapi.AnyVersion && o.Version != n.version {
		return zkapi.ErrBadVersion
	}
	if s.inMulti {
		before := *n
		s.undo = append(s.undo, func() {
			n.data, n.null, n.version = before.data, before.null, before.version
			n.mzxid, n.mtime = before.mzxid, before.mtime
			s.tree.bytes -= grows
		})
	}
	s.leave(o.Path, n)
	n.setData(o.Data)
	n.version++
	n.mzxid, n.mtime = s.zxid, s.now
	s.enter(o.Path, n)
	s.tree.bytes += grows
	s.chargeQuota(o.Path, grows, 0)
	*stat = n.stat()
	s.changes = append(s.changes, change{kind: zkapi.EventNodeDataChanged, path: o.Path, acl: n.acl})
	return 0
}

func (s *State) setACL(c *Conn, q *wire.SetACLRequest, stat *zkapi.Stat) zkapi.Code {
	if !validPath(q.Path) {
		return zkapi.ErrBadArguments
	}
	acl, code := s.fixACL(q.ACL, c.IDs)
	if code != 0 {
		return code
	}
	n := s.tree.own(q.Path)
	if n == nil {
		return zkapi.ErrNoNode
	}
	if !s.allowed(n.acl, zkapi.PermAdmin, c.IDs) {
		return zkapi.ErrNoAuth
	}
	if q.Version != zkapi.AnyVersion && q.Version != n.aversion {
		return zkapi.ErrBadVersion
	}
	s.leave(q.Path, n)
	n.acl = acl
	n.aversion++
	s.enter(q.Path, n)
	*stat = n.stat()
	return 0
}

func (s *State) check(c *Conn, o *wire.Op) zkapi.Code {
	if !validPath(o.Path) {
		return zkapi.ErrBadArguments
	}
	n := s.tree.find(o.Path)
	switch {
	case n == nil:
		return zkapi.ErrNoNode
	case !s.allowed(n.acl, zkapi.PermRead, c.IDs):
		return zkapi.ErrNoAuth
	case o.Version != zkapi.AnyVersion && o.Version != n.version:
		return zkapi.ErrBadVersion
	}
	return 0
}
