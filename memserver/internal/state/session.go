package state

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/tidwall/btree"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// Session is a client's session. What survives a restart of the server - the
// id, the first timeout, the ephemeral nodes - is in State.sessions and
// State.ephemerals; the rest is here.
type Session struct {
	ID       int64
	Timeout  int64   // milliseconds, as negotiated last
	Conn     *Conn   // nil while disconnected
	former   []*Conn // on other members, which have not noticed that it has moved
	Pinned   bool    // counts as touched all the time as long as it is connected
	home     *Member // the only one that knows it, if it is a local session
	ending   bool    // that it ends is proposed
	ended    bool    // though a member that is late may still serve its connection
	deadline int64   // the end of the tick in which it expires unless it is touched
	owned    int     // ephemeral nodes
	most     int     // the most of them at one time: it decides the order of getEphemerals
}

// Conn is one client connection. The shell makes one for each and tells when it ends.
type Conn struct {
	Session *Session
	IDs     []zkapi.ID
	Peer    any // the shell's own
	member  *Member
	watches [2]map[string]*watch
	stamp   uint64 // see State.tell
	trusted bool   // has satisfied enforce.auth
	sasl    saslExchange
	of      *Conn // for which this one stands, in a proposal
	gone    bool  // the session had moved when that was made
	modern  bool  // has said whether it takes a read-only server, and is told whether this is one
	// Choked says that a client gets the header of a reply with NotReadOnly where
	// it expects a response to its request to connect.
	Choked bool
}

// NewConn makes a connection to a member from an address, which is its first identity.
func (s *State) NewConn(m *Member, ip string) *Conn {
	return &Conn{IDs: []zkapi.ID{{Scheme: "ip", User: ip}}, member: m}
}

// moved tells whether the session has gone to a connection of another member.
func (c *Conn) moved() bool {
	if c.of != nil {
		return c.gone
	}
	return c.Session.Conn != c
}

// origin is the connection that a client has.
func (c *Conn) origin() *Conn { return cmp.Or(c.of, c) }

// Connect answers a ConnectRequest. ok is false where the server closes the
// connection without a reply. A response with TimeOut 0 means that there is no
// such session; the connection is to be closed after it.
func (s *State) Connect(now int64, c *Conn, q *wire.ConnectRequest, p *wire.ConnectResponse) (ok bool) {
	if !s.admits(c.member, q) {
		return false
	}
	c.modern = q.HasReadOnly
	*p = wire.ConnectResponse{HasReadOnly: q.HasReadOnly, ReadOnly: c.member.readOnly, Passwd: make([]byte, wire.PasswordLen)}
	timeout := min(max(int64(q.TimeOut), s.cfg.MinSessionTimeout), s.cfg.MaxSessionTimeout)
	sess := s.live[q.SessionID]
	switch {
	case q.SessionID == 0 && c.member.readOnly && !s.keepsLocal():
		c.Choked = true
		return false
	case q.SessionID == 0 && s.exhausted() && !s.keepsLocal():
		s.rollOver(now)
		return false
	case q.SessionID == 0:
		sess = s.newSession(now, timeout, c.member)
	case sess == nil, sess.home != nil && sess.home != c.member:
		return true
	default:
		// The connection that the session had here ends first, even if this
		// one turns out to have the wrong password.
		s.endHere(now, sess, c.member)
		password := Password(sess.ID)
		if !slices.Equal(password[:], q.Passwd) {
			return true
		}
		if sess.Conn != nil {
			sess.former = append(sess.former, sess.Conn)
		}
		sess.Timeout = timeout
	}
	sess.Conn, c.Session = c, sess
	s.touch(now, sess)
	if s.rec.on {
		s.now = now
		s.record(Record{Kind: Connected}, sess)
	}
	password := Password(sess.ID)
	p.TimeOut, p.SessionID, p.Passwd = int32(timeout), sess.ID, password[:]
	return true
}

// endHere ends the connections that a session has on a member.
func (s *State) endHere(now int64, sess *Session, m *Member) {
	for _, c := range sess.conns() {
		switch {
		case c.member != m:
		case c == s.asker:
			s.askerEnds = true
		default:
			s.kick(now, c)
		}
	}
}

// newSession begins one, by a transaction unless it is local. The top byte of
// its id is that of the member which the client has come to.
func (s *State) newSession(now, timeout int64, m *Member) *Session {
	sess := &Session{ID: s.newID(m), Timeout: timeout}
	s.now = now
	s.live[sess.ID] = sess
	sess.deadline = s.deadlineFor(now, timeout)
	s.file(sess)
	if s.keepsLocal() {
		sess.home = m
	} else {
		s.nextZxid()
		s.sessions.Set(sess.ID, int32(timeout))
		if s.rec.on {
			s.recordTransaction(Record{Op: zkapi.OpCreateSession}, sess)
		}
	}
	if s.rec.on {
		s.record(Record{Kind: Opened}, sess)
	}
	s.commit()
	s.catchUp(m, s.zxid)
	return sess
}

// Disconnect says that a connection has ended: its watches and identities go,
// its session stays.
func (s *State) Disconnect(now int64, c *Conn) {
	c.member.data.dropConn(c)
	c.member.child.dropConn(c)
	if sess := c.Session; sess != nil && sess.Conn == c {
		if sess.Pinned && s.live[sess.ID] == sess {
			s.touch(now, sess)
		}
		sess.Conn = nil
		if s.rec.on {
			s.now = now
			s.record(Record{Kind: Disconnected}, sess)
		}
	} else if sess != nil {
		sess.former = slices.DeleteFunc(sess.former, func(x *Conn) bool { return x == c })
	}
	c.Session = nil
}

// kick ends a connection from the server's side.
func (s *State) kick(now int64, c *Conn) {
	s.Disconnect(now, c)
	s.kicked = append(s.kicked, c)
}

// Cut ends the connection of a session as a broken network would. It tells
// whether there was one.
func (s *State) Cut(now, id int64) bool {
	sess := s.live[id]
	if sess == nil || sess.Conn == nil {
		return false
	}
	s.kick(now, sess.Conn)
	return true
}

// TakeKicked returns the connections that the server has ended since the last call.
func (s *State) TakeKicked() []*Conn {
	k := s.kicked
	s.kicked = nil
	return k
}

// closeSession is the transaction that ends a session: its ephemeral nodes go
// at one zxid, its watchers are told. A member closes the session's connection
// when it applies that; by is the one that has asked for it, if there is one.
func (s *State) closeSession(id int64, why RecordKind, by *Conn) {
	sess := s.live[id]
	if sess != nil && sess.home != nil {
		s.endLocal(sess, why, by)
		return
	}
	s.nextZxid()
	delete(s.live, id)
	s.sessions.Delete(id)
	s.newDue = s.newDue || len(s.live) == 0 // the timer is of no use any more
	if sess == nil {
		return
	}
	sess.ended = true
	for _, path := range s.ephemeralsOf(sess, &s.ephemerals) {
		s.remove(path)
	}
	s.fire()
	if s.rec.on {
		s.recordEnd(sess, why)
	}
	for _, c := range sess.conns() {
		switch {
		case c == by:
		case c.member.late:
			s.lateClosed = append(s.lateClosed, c)
		default:
			s.kick(s.now, c)
		}
	}
	s.commit()
}

// conns lists the session's connections.
func (sess *Session) conns() []*Conn {
	all := slices.Clone(sess.former)
	if sess.Conn != nil {
		all = append(all, sess.Conn)
	}
	return all
}

// Expire ends a session as its timeout would, now. It tells whether there was one.
func (s *State) Expire(now, id int64) bool {
	sess := s.live[id]
	if sess == nil {
		return false
	}
	if s.now = now; s.exhausted() && sess.home == nil {
		s.rollOver(now)
		if s.leader == nil { // for now
			return false
		}
	}
	if s.stuck() && sess.home == nil {
		s.proposeEnd(sess)
		return true
	}
	s.expire(sess)
	return true
}

// proposeEnd has the end of a session wait with all that is not committed.
func (s *State) proposeEnd(sess *Session) {
	if !sess.ending {
		sess.ending = true
		s.propose(&proposal{expires: sess, at: s.now})
	}
	sess.deadline = s.deadlineFor(s.now, sess.Timeout) // and then it is looked at again
	s.file(sess)
}

func (s *State) expire(sess *Session) {
	if sess.ending = false; sess.ended {
		return
	}
	for _, c := range sess.conns() {
		if !c.member.late {
			s.kick(s.now, c) // before it could be told of what it loses
		}
	}
	s.closeSession(sess.ID, Expired, nil)
}

// ephemeralKey orders the ephemeral nodes by session and path.
func ephemeralKey(session int64, path string) string {
	key := make([]byte, 8, 8+len(path))
	binary.BigEndian.PutUint64(key, uint64(session))
	return string(append(key, path...))
}

func (s *State) addEphemeral(session int64, path string) {
	s.ephemeralOrd++
	s.ephemerals.Set(ephemeralKey(session, path), s.ephemeralOrd)
	if sess := s.live[session]; sess != nil {
		sess.owned++
		sess.most = max(sess.most, sess.owned)
	}
}

func (s *State) dropEphemeral(session int64, path string) {
	s.ephemerals.Delete(ephemeralKey(session, path))
	if sess := s.live[session]; sess != nil {
		sess.owned--
	}
}

// eachEphemeral calls f for the session's ephemeral nodes in the order of their
// paths, until it returns false.
func (s *State) eachEphemeral(session int64, f func(path string, ord int64) bool) {
	eachOf(&s.ephemerals, session, f)
}

func eachOf(ephemerals *btree.Map[string, int64], session int64, f func(path string, ord int64) bool) {
	pivot := ephemeralKey(session, "")
	ephemerals.Ascend(pivot, func(key string, ord int64) bool {
		return strings.HasPrefix(key, pivot) && f(key[8:], ord)
	})
}

// ephemeralsOf lists a session's ephemeral nodes as ZooKeeper does: in the order
// of a copy of its hash set. The copy's table has just the size that it needs,
// and was filled in the order of the original.
func (s *State) ephemeralsOf(sess *Session, from *btree.Map[string, int64]) []string {
	items := []hashed{}
	c := tableCap(16, sess.most)
	eachOf(from, sess.ID, func(path string, ord int64) bool {
		items = append(items, hashed{path, bucketOf(javaHash(path), c), ord})
		return true
	})
	inTableOrder(items)
	for c = 1; c < uint32(float32(len(items))/0.75+1); c *= 2 {
	}
	for i := range items {
		items[i].bucket, items[i].ord = bucketOf(javaHash(items[i].name), c), int64(i)
	}
	inTableOrder(items)
	paths := make([]string, len(items))
	for i := range items {
		paths[i] = items[i].name
	}
	return paths
}
