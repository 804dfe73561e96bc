package state

import (
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// create (1), create2 (15), createContainer (19) and createTTL (21). The
// opcode, not the flags, decides what is stored; the flags decide about the
// sequence number, and with create and create2 about the owner.

func (s *State) create(c *Conn, o *wire.Op, path *string, stat *zkapi.Stat) zkapi.Code {
	mode := zkapi.CreateMode(o.Flags)
	if code := s.checkMode(o, mode); code != 0 {
		return code
	}
	if mode.Ephemeral() && c.Session.home != nil {
		return s.ownerless(c)
	}
	if o.Path == wire.NullString {
		return zkapi.ErrMarshalling
	}
	if !creatable(o.Path) {
		return zkapi.ErrBadArguments
	}
	acl, code := s.fixACL(o.ACL, c.IDs)
	if code != 0 {
		return code
	}
	parentPath, name := splitPath(o.Path)
	parent := s.tree.own(parentPath)
	if parent == nil {
		return zkapi.ErrNoNode
	}
	if !s.allowed(parent.acl, zkapi.PermCreate, c.IDs) {
		return zkapi.ErrNoAuth
	}
	created := s.creations(parent)
	full := o.Path
	if mode.Sequential() {
		full = sequential(o.Path, created)
		name = full[len(parentPath)+1:]
	}
	if full == "/" {
		return zkapi.ErrNodeExists
	}
	if parentPath == "/" || !validName(name) { // the parent is there, so its path is valid
		return zkapi.ErrBadArguments
	}
	if parent.hasChild(name) {
		return zkapi.ErrNodeExists
	}
	if parent.isEphemeral() || s.inMulti && s.noted[parent] {
		return zkapi.ErrNoChildrenForEphemerals
	}
	if code := s.checkQuota(full, int64(len(o.Data)), 1); code != 0 {
		return code
	}
	if poisonedLimits(parentPath, name, len(quotaRoot)) && strings.HasPrefix(parentPath, quotaRoot) {
		return zkapi.ErrBadArguments
	}

	n := &node{czxid: s.zxid, mzxid: s.zxid, ctime: s.now, mtime: s.now, acl: acl, epoch: s.tree.epoch}
	n.setData(o.Data)
	switch {
	case o.Type == zkapi.OpCreateContainer:
		n.owner = containerOwner
	case o.Type == zkapi.OpCreateTTL:
		n.owner = ttlOwnerMark | o.TTL
	case mode.Ephemeral():
		n.owner = c.Session.ID
	}
	if s.inMulti && mode.Ephemeral() && !n.isEphemeral() {
		if s.noted == nil {
			s.noted = make(map[*node]bool)
		}
		s.noted[n] = true
	}
	*path, *stat = full, n.stat() // before the server writes into a new statistics node
	s.insert(parent, parentPath, full, strings.Clone(name), n, created+1)
	s.changes = append(s.changes, change{zkapi.EventNodeCreated, full, acl, parentPath, parent.acl})
	return 0
}

// checkMode checks flags and TTL. The last case would stop a real server for
// good (SEMANTICS: the request passes its checks and fails when applied).
func (s *State) checkMode(o *wire.Op, mode zkapi.CreateMode) zkapi.Code {
	switch {
	case mode < zkapi.Persistent || mode > zkapi.PersistentSequentialTTL:
		return zkapi.ErrBadArguments
	case mode.TTL() && !s.cfg.ExtendedTypes:
		return zkapi.ErrUnimplemented
	case mode.TTL() != (o.Type == zkapi.OpCreateTTL):
		return zkapi.ErrBadArguments
	case mode.TTL() && (o.TTL <= 0 || o.TTL > ttlMax):
		return zkapi.ErrBadArguments
	}
	return 0
}

// creations is the number that the next sequential child gets. It is the
// parent's counter, but inside a multi one that has run over 2^31-1 goes on,
// while the parent's sticks.
func (s *State) creations(parent *node) int32 {
	if n, ok := s.seqs[parent]; ok {
		return n
	}
	return parent.cversion()
}

// sequential appends a counter as Java's "%010d" does.
func sequential(path string, n int32) string {
	b := make([]byte, 0, len(path)+11)
	b = append(b, path...)
	v, digits := int64(n), 10
	if v < 0 {
		b, v, digits = append(b, '-'), -v, 9
	}
	var buf [11]byte
	i := len(buf)
	for v > 0 || digits > 0 {
		i--
		buf[i] = byte('0' + v%10)
		v, digits = v/10, digits-1
	}
	return string(append(b, buf[i:]...))
}

// insert puts a checked node into the tree. created is the parent's new counter.
func (s *State) insert(parent *node, parentPath, path, name string, n *node, created int32) {
	s.leave(parentPath, parent)
	k := s.tree.ownKids(parent)
	if s.inMulti {
		before, holding := *k, s.holding(path, n)
		s.undo = append(s.undo, func() {
			k.names.Delete(name)
			k.pzxid, k.cversion, k.most = before.pzxid, before.cversion, before.most
			s.forget(path, n)
			s.restore(path, n, holding)
		})
		if created < k.cversion {
			s.seqs[parent] = created
		}
	}
	if created > k.cversion {
		k.cversion, k.pzxid = created, s.zxid
	}
	n.ord = k.cversion
	k.names.Load(name, n) // Set, but quicker if the name is the last
	k.most = max(k.most, int32(k.names.Len()))
	s.enter(parentPath, parent)
	s.enter(path, n)
	s.remember(path, n)
	s.quotaCreated(parentPath, path, name, n)
}

// remember and forget keep the books about a node that comes or goes.
func (s *State) remember(path string, n *node) {
	s.tree.count++
	s.tree.bytes += int64(utf16Len(path) + len(n.data))
	switch {
	case n.isContainer():
		s.containers.Insert(strings.Clone(path))
		s.newDue = true
	case n.isTTL():
		s.ttls.Insert(strings.Clone(path))
		s.newDue = true
	case n.owner != 0:
		s.addEphemeral(n.owner, path)
	}
}

func (s *State) forget(path string, n *node) {
	s.tree.forget(path)
	s.tree.count--
	s.tree.bytes -= int64(utf16Len(path) + len(n.data))
	switch {
	case n.isContainer():
		s.containers.Delete(path)
	case n.isTTL():
		s.ttls.Delete(path)
	case n.owner != 0:
		s.dropEphemeral(n.owner, path)
	}
}
