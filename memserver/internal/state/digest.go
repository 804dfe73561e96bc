package state

import (
	"hash/crc32"
	"strings"

	"github.com/zksim/zksim/zkapi/wire"
)

// The digest of the tree is the sum of one checksum a node. The four-letter
// word hash lists its value at every 128th transaction, so it is kept only by
// servers that answer that word.

const (
	digestEvery = 128  // transactions
	digestsKept = 1024 // the latest ones
)

// Digest is the digest of the tree after a transaction.
type Digest struct {
	Zxid  int64
	Value uint64
}

// Digests lists the latest ones, oldest first.
func (s *State) Digests() []Digest { return s.digests }

// leave takes a node that is about to change out of the digest, enter puts one in.
func (s *State) leave(path string, n *node) {
	if s.cfg.Digests {
		s.digest -= s.checksum(path, n)
	}
}

func (s *State) enter(path string, n *node) {
	if s.cfg.Digests {
		s.digest += s.checksum(path, n)
	}
}

// checksum of a node; ZooKeeper's own nodes and the root's second name count nothing.
func (s *State) checksum(path string, n *node) uint64 {
	if path == "/" {
		path = ""
	}
	if strings.HasPrefix(path, "/zookeeper/") {
		return 0
	}
	b := append(append(s.scratch[:0], path...), n.data...)
	b = wire.AppendLong(wire.AppendLong(b, n.czxid), n.mzxid)
	b = wire.AppendLong(wire.AppendLong(b, n.pzxid()), n.ctime)
	b = wire.AppendInt(wire.AppendLong(b, n.mtime), n.version)
	b = wire.AppendInt(wire.AppendInt(b, n.cversion()), n.aversion)
	b = wire.AppendLong(b, n.owner)
	s.scratch = b
	return uint64(crc32.ChecksumIEEE(b))
}

// countDigest computes the digest of the whole tree, for a server that starts.
func (s *State) countDigest() {
	s.digest, s.digests = 0, nil
	if !s.cfg.Digests {
		return
	}
	s.enter("", s.tree.root)
	walk(s.tree.root, "", func(path string, n *node) bool {
		s.enter(path, n)
		return true
	})
}

// logDigest records the digest if the transaction that just ended is one of those.
func (s *State) logDigest() {
	if !s.cfg.Digests || s.zxid%digestEvery != 0 {
		return
	}
	if n := len(s.digests); n > 0 && s.digests[n-1].Zxid == s.zxid {
		return
	}
	if s.digests = append(s.digests, Digest{s.zxid, s.digest}); len(s.digests) > digestsKept {
		s.digests = s.digests[1:]
	}
}
