package frames

import (
	"bytes"
	"encoding/binary"
	"sort"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// Two servers that behave alike still differ in the numbers of their
// transactions and sessions, in passwords and in times. These are replaced, in
// the bytes of a reply, by numbers that are the same on both sides exactly if
// the servers behave alike; all other bytes stay as they are.

// The replacements. They are far from anything that a server sends by mistake.
const (
	relative = int64(1) << 40 // + how far from the beginning of the history
	earlier  = int64(2) << 40 // + the same for the history, some before, that it belongs to
	stamped  = int64(3) << 40 // a time that fits to its transaction
	strange  = int64(4) << 40 // + anything else
)

// scale is the numbers of one side.
type scale struct {
	zxids    []int64 // of the beginnings of the histories so far
	session  int64   // the first id that the history can get
	newest   int64   // zxid of a reply
	last     int64   // the last session id that was given out
	times    map[int64]int64
	aliases  map[int64]int64 // what to replace zxids of earlier histories by
	raw      bool            // replace nothing
	newestAt int64           // the newest transaction whose time is known
	started  time.Time
}

// begin starts a history: what comes now counts from here.
func (s *scale) begin() {
	s.zxids = append(s.zxids, s.newest)
	s.session = s.last + 1
	clear(s.times)
	s.newestAt = 0
}

func (s *scale) base() int64 {
	if len(s.zxids) == 0 {
		return 0
	}
	return s.zxids[len(s.zxids)-1]
}

func (s *scale) zxid(z int64) int64 {
	if z <= 0 || s.raw {
		return z
	}
	if a, ok := s.aliases[z]; ok && z <= s.base() {
		return earlier + a
	}
	i := sort.Search(len(s.zxids), func(i int) bool { return s.zxids[i] > z }) - 1
	switch {
	case i < 0:
		return strange + z
	case i == len(s.zxids)-1 || z == s.base():
		return relative + z - s.base()
	}
	return earlier + int64(len(s.zxids)-i)<<24 + z - s.zxids[i]
}

// alias gives the zxids in the Stat of a node that is always there names of
// their own. This is for after a difference, when the servers need not have
// reached the node's state by the same number of transactions. The Stat is
// left without zxids and times.
func (s *scale) alias(stat []byte, node int) {
	if s.aliases == nil {
		s.aliases = make(map[int64]int64)
	}
	for i, at := range []int{8, 60} { // mzxid, pzxid
		if z := get(stat[at:]); z != 0 {
			s.aliases[z] = int64(2*node + i + 1)
		}
		put(stat[at:], 0)
	}
	put(stat[24:], 0) // mtime
}

func (s *scale) sessionID(id int64) int64 {
	switch {
	case id == 0, s.raw:
		return id
	case id >= s.session && id-s.session < 1<<20:
		return relative + id - s.session
	}
	return strange + id&0xffff
}

// stamp checks the time of a transaction: the same wherever it is told, not
// before that of an older one, not in the future.
func (s *scale) stamp(zxid, ms int64) int64 {
	if ms == 0 || s.raw {
		return ms
	}
	known, ok := s.times[zxid]
	switch {
	case ok && known != ms:
		return strange + 1
	case ok:
		return stamped
	case ms < s.started.UnixMilli() || ms > time.Now().UnixMilli():
		return strange + 2
	case zxid > s.newestAt && s.newestAt > 0 && ms < s.times[s.newestAt],
		zxid < s.newestAt && ms > s.times[s.newestAt]:
		return strange + 3
	}
	s.times[zxid] = ms
	s.newestAt = max(s.newestAt, zxid)
	return stamped
}

// password replaces the right password of a session by zeros and ones.
func password(p []byte, id int64) {
	right := passwordOf(id)
	if bytes.Equal(p, right[:]) && id != 0 {
		for i := range p {
			p[i] = byte(i & 1)
		}
	}
}

// passwordOf is the password of a session as ZooKeeper derives it: bytes of
// java.util.Random.
func passwordOf(id int64) (p [wire.PasswordLen]byte) {
	const mult, mask = 0x5deece66d, 1<<48 - 1
	seed := (uint64(id^0xb3415c00) ^ mult) & mask
	for i := 0; i < len(p); i += 4 {
		seed = (seed*mult + 0xb) & mask
		binary.LittleEndian.PutUint32(p[i:], uint32(seed>>16))
	}
	return p
}

// cursor walks over the bytes of a reply and changes some.
type cursor struct {
	b   []byte
	at  int
	bad bool
}

// need reserves n bytes and returns where they begin.
func (c *cursor) need(n int) int {
	if c.bad || n < 0 || len(c.b)-c.at < n {
		c.bad = true
		return -1
	}
	c.at += n
	return c.at - n
}

func (c *cursor) int() int32 {
	if at := c.need(4); at >= 0 {
		return int32(binary.BigEndian.Uint32(c.b[at:]))
	}
	return 0
}

func (c *cursor) buffer() []byte {
	n := c.int()
	if n == -1 {
		return nil
	}
	if at := c.need(int(n)); at >= 0 {
		return c.b[at:c.at]
	}
	return nil
}

// long returns a place in the reply, for changing it.
func (c *cursor) long() []byte {
	if at := c.need(8); at >= 0 {
		return c.b[at:c.at]
	}
	return make([]byte, 8)
}

func get(b []byte) int64    { return int64(binary.BigEndian.Uint64(b)) }
func put(b []byte, v int64) { binary.BigEndian.PutUint64(b, uint64(v)) }

func (c *cursor) each(f func()) {
	for n := c.int(); n > 0 && !c.bad; n-- {
		f()
	}
}

func (s *scale) stat(c *cursor) {
	czxid, mzxid, ctime, mtime := c.long(), c.long(), c.long(), c.long()
	put(ctime, s.stamp(get(czxid), get(ctime)))
	put(mtime, s.stamp(get(mzxid), get(mtime)))
	put(czxid, s.zxid(get(czxid)))
	put(mzxid, s.zxid(get(mzxid)))
	c.need(12) // versions
	owner := c.long()
	put(owner, s.sessionID(get(owner)))
	c.need(8) // lengths
	pzxid := c.long()
	put(pzxid, s.zxid(get(pzxid)))
}

// reply replaces the numbers in a reply to op. It tells whether it is one.
func (s *scale) reply(payload []byte, op zkapi.OpCode) bool {
	c := &cursor{b: payload}
	c.int() // xid
	zxid := c.long()
	code := c.int()
	if c.bad {
		return false
	}
	s.newest = max(s.newest, get(zxid))
	put(zxid, s.zxid(get(zxid)))
	if code == 0 {
		s.body(c, op)
		return !c.bad
	}
	if op == zkapi.OpMulti || op == zkapi.OpMultiRead {
		s.body(c, op) // an error may come with as much of the body as there was
	}
	return true
}

func (s *scale) body(c *cursor, op zkapi.OpCode) {
	switch op {
	case zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL, zkapi.OpGetData, zkapi.OpReconfig:
		c.buffer()
		s.stat(c)
	case zkapi.OpExists, zkapi.OpSetData, zkapi.OpSetACL:
		s.stat(c)
	case zkapi.OpGetACL:
		c.each(func() { c.int(); c.buffer(); c.buffer() })
		s.stat(c)
	case zkapi.OpGetChildren2:
		c.each(func() { c.buffer() })
		s.stat(c)
	case zkapi.OpMulti, zkapi.OpMultiRead:
		for !c.bad && c.at < len(c.b) {
			part := zkapi.OpCode(c.int())
			done := c.need(1)
			c.int()
			if c.bad || c.b[done] != 0 {
				return
			}
			s.part(c, part)
		}
	}
}

func (s *scale) part(c *cursor, op zkapi.OpCode) {
	switch op {
	case zkapi.OpErr:
		c.int()
	case zkapi.OpCreate:
		c.buffer()
	case zkapi.OpGetChildren:
		c.each(func() { c.buffer() })
	case zkapi.OpDelete, zkapi.OpCheck:
	default:
		s.body(c, op)
	}
}

// event does the same for a notification.
func (s *scale) event(payload []byte) {
	c := &cursor{b: payload, at: 4}
	zxid := c.long()
	put(zxid, s.zxid(get(zxid)))
}

// isEvent tells a notification from the reply to a request with xid -1.
func isEvent(payload []byte) bool {
	c := &cursor{b: payload}
	xid := c.int()
	c.long()
	code, kind, state := c.int(), c.int(), c.int()
	c.buffer()
	return !c.bad && c.at == len(payload) && xid == wire.XidNotification && code == 0 && kind >= 1 && kind <= 4 && state == 3
}

// connected does the same for a ConnectResponse, and returns the session.
func (s *scale) connected(payload []byte) (id int64, passwd []byte) {
	c := &cursor{b: payload, at: 8}
	session := c.long()
	p := c.buffer()
	if c.bad {
		return 0, nil
	}
	id, passwd = get(session), bytes.Clone(p)
	if id != 0 && (s.last == 0 || id > s.last && id-s.last < 1<<20) {
		s.last = id
	}
	put(session, s.sessionID(id))
	password(p, id)
	return id, passwd
}
