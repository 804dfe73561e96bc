package state

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"hash"
	"hash/adler32"
	"io"
	"slices"

	"github.com/zksim/zksim/zkapi/wire"
)

// Snapshots in the format of ZooKeeper's own files, snapshot.<zxid>:
//
//	"ZKSN", int 2, long -1
//	sessions: int n, n times {long id, int timeout}
//	ACLs:     int n, n times {long id, vector acl}; id -1 is the open one
//	nodes:    {ustring path, buffer data, long acl, stat}, parents first, the root being "";
//	          the path "/" ends them
//	seal
//	long zxid, int 2, long digest of the tree, seal   (from 3.6 on)
//	long last processed zxid, seal                    (from 3.9 on)
//
// A seal is the Adler-32 sum of all before it, as a long, and the ustring "/".

const (
	fileMagic     = 0x5a4b534e // "ZKSN"
	fileVersion   = 2
	fileDB        = -1
	openACL       = -1 // its id
	digestVersion = 2
)

// fileWriter appends records and keeps their sum.
type fileWriter struct {
	w   *bufio.Writer
	sum hash.Hash32
	n   int64
	buf []byte
}

// emit writes what buf holds. Errors stay in w until the end.
func (f *fileWriter) emit() {
	_, _ = f.sum.Write(f.buf)
	_, _ = f.w.Write(f.buf)
	f.n += int64(len(f.buf))
	f.buf = f.buf[:0]
}

func (f *fileWriter) seal() {
	f.emit()
	f.buf = wire.AppendString(wire.AppendLong(f.buf, int64(f.sum.Sum32())), "/")
	f.emit()
}

// WriteTo writes the snapshot as a file of ZooKeeper 3.9, which 3.8 reads too.
func (s *Snapshot) WriteTo(w io.Writer) (int64, error) {
	f := &fileWriter{w: bufio.NewWriterSize(w, 1<<16), sum: adler32.New()}
	f.buf = wire.AppendLong(wire.AppendInt(wire.AppendInt(f.buf, fileMagic), fileVersion), fileDB)
	f.buf = wire.AppendInt(f.buf, int32(s.sessions.Len()))
	s.sessions.Scan(func(id int64, timeout int32) bool {
		f.buf = wire.AppendInt(wire.AppendLong(f.buf, id), timeout)
		return true
	})
	ids := s.writeACLs(f)
	var digest uint64
	var books State // for its scratch memory
	s.inOrder("", s.tree.root, func(path string, n *node) {
		digest += books.checksum(path, n)
		f.buf = n.appendTo(wire.AppendString(f.buf, path), ids)
		f.emit()
	})
	f.buf = wire.AppendString(f.buf, "/")
	f.seal()
	f.buf = wire.AppendLong(wire.AppendInt(wire.AppendLong(f.buf, s.zxid), digestVersion), int64(digest))
	f.seal()
	f.buf = wire.AppendLong(f.buf, s.zxid)
	f.seal()
	return f.n, f.w.Flush()
}

// writeACLs writes the lists that nodes have, and returns their ids.
func (s *Snapshot) writeACLs(f *fileWriter) map[*accessList]int64 {
	ids := map[*accessList]int64{openList: openACL}
	var lists []*accessList
	note := func(_ string, n *node) bool {
		if _, ok := ids[n.acl]; !ok {
			lists = append(lists, n.acl)
			ids[n.acl] = int64(len(lists))
		}
		return true
	}
	note("", s.tree.root)
	walk(s.tree.root, "", note)
	f.buf = wire.AppendInt(f.buf, int32(len(lists)))
	for _, list := range lists {
		f.buf = wire.AppendACLs(wire.AppendLong(f.buf, ids[list]), list.entries)
	}
	return ids
}

// inOrder calls f for all nodes, parents first, and children in the order of
// their creation, from which a Java server derives that of its lists.
func (s *Snapshot) inOrder(path string, n *node, f func(path string, n *node)) {
	f(path, n)
	if n.kids == nil {
		return
	}
	type child struct {
		name string
		n    *node
	}
	children := make([]child, 0, n.numChildren())
	n.kids.names.Scan(func(name string, n *node) bool {
		children = append(children, child{name, n})
		return true
	})
	slices.SortStableFunc(children, func(a, b child) int { return cmp.Compare(a.n.ord, b.n.ord) })
	for _, c := range children {
		s.inOrder(path+"/"+c.name, c.n, f)
	}
}

// appendTo appends what a file has of a node behind its path.
func (n *node) appendTo(b []byte, ids map[*accessList]int64) []byte {
	b = wire.AppendLong(wire.AppendBuffer(b, n.view()), ids[n.acl])
	b = wire.AppendLong(wire.AppendLong(b, n.czxid), n.mzxid)
	b = wire.AppendLong(wire.AppendLong(b, n.ctime), n.mtime)
	b = wire.AppendInt(wire.AppendInt(wire.AppendInt(b, n.version), n.cversion()), n.aversion)
	return wire.AppendLong(wire.AppendLong(b, n.owner), n.pzxid())
}

// fileReader takes a file apart.
type fileReader struct {
	wire.Reader
	all []byte
}

// errDamaged is what a file is that does not fit the format.
var errDamaged = errors.New("it is cut off or damaged")

// seal checks the sum of all that was read so far.
func (f *fileReader) seal() error {
	sum := adler32.Checksum(f.all[:len(f.all)-f.Len()])
	if got := f.Long(); got != int64(sum) || f.String() != "/" || f.Err() != nil {
		return errDamaged
	}
	return nil
}

// ParseSnapshot reads a file of ZooKeeper's. What a restart would find missing
// or inconsistent it repairs as ZooKeeper does: ephemeral nodes without a
// session go, and the statistics of quotas are counted anew.
func ParseSnapshot(file []byte) (*Snapshot, error) {
	f := &fileReader{wire.NewReader(file), file}
	magic, version := f.Int(), f.Int()
	f.Long() // the database, which nobody looks at
	switch {
	case f.Err() != nil || magic != fileMagic:
		return nil, errors.New("it is not a snapshot of ZooKeeper")
	case version != fileVersion:
		return nil, fmt.Errorf("its format is version %d, not %d", version, fileVersion)
	}
	s := new(State)
	s.tree.epoch = newEpoch()
	for n := f.Int(); n > 0 && f.Err() == nil; n-- {
		id, timeout := f.Long(), f.Int()
		s.sessions.Set(id, timeout)
		s.nextSession = max(s.nextSession, id+1)
	}
	lists := map[int64]*accessList{openACL: openList}
	for n := f.Int(); n > 0 && f.Err() == nil; n-- {
		id, acl := f.Long(), f.ACLs(nil)
		lists[id] = s.intern(acl)
		if len(acl) == 1 && acl[0] == openList.entries[0] {
			lists[id] = openList
		}
	}
	if err := s.readNodes(f, lists); err != nil {
		return nil, err
	}
	if err := s.readTrailers(f); err != nil {
		return nil, err
	}
	s.complete()
	return s.Snapshot(), nil
}

func (s *State) readNodes(f *fileReader, lists map[int64]*accessList) error {
	for {
		path := f.String()
		if path == "/" || f.Err() != nil {
			break
		}
		n := &node{epoch: s.tree.epoch}
		n.setData(f.Buffer())
		id := f.Long()
		n.czxid, n.mzxid, n.ctime, n.mtime = f.Long(), f.Long(), f.Long(), f.Long()
		version, cversion, aversion := f.Int(), f.Int(), f.Int()
		n.version, n.aversion, n.owner = version, aversion, f.Long()
		pzxid := f.Long()
		if f.Err() != nil {
			break
		}
		if n.acl = lists[id]; n.acl == nil || len(n.acl.entries) == 0 {
			return fmt.Errorf("node %s has an ACL that is not there", path)
		}
		if cversion != 0 || pzxid != n.czxid {
			k := s.tree.ownKids(n)
			k.cversion, k.pzxid = cversion, pzxid
		}
		s.zxid = max(s.zxid, n.czxid, n.mzxid, pzxid)
		if err := s.place(path, n); err != nil {
			return err
		}
	}
	if f.Err() != nil || s.tree.root == nil {
		return errDamaged
	}
	return f.seal()
}

// place puts a node that was read into the tree.
func (s *State) place(path string, n *node) error {
	if path == "" {
		if s.tree.root != nil {
			return errors.New("it has two roots")
		}
		s.tree.root, s.tree.count, s.tree.bytes = n, 1, int64(1+len(n.data))
		return nil
	}
	if !validPath(path) {
		return fmt.Errorf("%q is no path", path)
	}
	parentPath, name := splitPath(path)
	var parent *node
	if s.tree.root != nil {
		parent = s.tree.find(parentPath)
	}
	switch {
	case parent == nil:
		return fmt.Errorf("node %s has no parent", path)
	case parent.hasChild(name):
		return fmt.Errorf("node %s is there twice", path)
	}
	k := s.tree.ownKids(parent)
	k.names.Set(name, n)
	k.most++
	n.ord = k.most
	s.tree.count++
	s.tree.bytes += int64(utf16Len(path) + len(n.data))
	switch {
	case n.isContainer():
		s.containers.Insert(path)
	case n.isTTL():
		s.ttls.Insert(path)
	case n.owner != 0:
		s.addEphemeral(n.owner, path)
	}
	return nil
}

// readTrailers reads what newer versions have put behind the nodes.
func (s *State) readTrailers(f *fileReader) error {
	if f.Len() == 0 {
		return nil
	}
	zxid := f.Long()
	f.Int()  // the digest's version
	f.Long() // the digest, which ZooKeeper itself does not insist on
	s.zxid = max(s.zxid, zxid)
	if err := f.seal(); err != nil || f.Len() == 0 {
		return err
	}
	s.zxid = max(s.zxid, f.Long())
	return f.seal()
}

// complete does what a server does with a file before it serves.
func (s *State) complete() {
	for _, path := range []string{"/zookeeper", quotaRoot, configPath} { // of old files
		if s.tree.find(path) == nil {
			parent, name := splitPath(path)
			s.plant(s.tree.own(parent), path, name, &node{acl: openList, epoch: s.tree.epoch})
		}
	}
	var orphans, limited []string
	s.ephemerals.Scan(func(key string, _ int64) bool {
		var id int64
		for _, c := range []byte(key[:8]) {
			id = id<<8 | int64(c)
		}
		if _, ok := s.sessions.Get(id); !ok {
			orphans = append(orphans, key[8:])
		}
		return true
	})
	for _, path := range orphans {
		if s.tree.find(path).numChildren() == 0 {
			s.remove(path)
		}
	}
	clear(s.changes)
	s.changes = s.changes[:0]
	if root := s.tree.find(quotaRoot); root != nil {
		walk(root, quotaRoot, func(path string, n *node) bool {
			if parent, name := splitPath(path); name == limitsName && len(parent) > len(quotaRoot) {
				limited = append(limited, parent[len(quotaRoot):])
			}
			return true
		})
	}
	for _, path := range limited {
		s.quotas.Insert(quotaPath(path))
		s.recount(path)
	}
}
