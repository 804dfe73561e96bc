package state

import (
	"github.com/tidwall/btree"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// Config is what the server was told at its start. Times are milliseconds.
type Config struct {
	V38                    bool // behave as 3.8.0 where it differs from 3.9
	TickTime               int64
	MinSessionTimeout      int64
	MaxSessionTimeout      int64
	FirstSession           int64 // the first session id
	SuperDigest            string
	EnforceQuota           bool
	ExtendedTypes          bool // TTL nodes
	ReconfigEnabled        bool
	SkipACL                bool
	Digests                bool   // keep the digest of the tree
	X509                   bool   // an x509 authentication provider is configured
	X509Super              string // the x509 id that may do everything
	SASL                   SASL
	EnforceAuthSchemes     []string // until a connection has one of them it may only authenticate
	ContainerInterval      int64
	ContainerBatch         int64            // how many containers and TTL nodes a minute may remove
	ContainerNeverUsed     int64            // 0: a container that never had a child is kept
	Members                int              // of the ensemble; 1 is a server that stands alone
	Started                int64            // when it started
	Servers                map[int64]string // server.N of those that form the ensemble
	StandaloneEnabled      bool             // an ensemble must not shrink to one voter
	LocalSessions          bool
	LocalSessionsUpgrading bool
	ReadOnlyMode           bool
	ElectionTime           int64
	SyncLimit              int64 // ticks
	InitialZxid            int64 // the lower half of the zxid with which an epoch begins
}

// State is the whole server. It is not safe for concurrent use.
type State struct {
	cfg  Config
	tree tree
	zxid int64
	gap  int64        // zxids that 3.8 has given out to nothing since the last transaction
	now  int64        // of the step that runs
	op   zkapi.OpCode // of the request that runs

	// What a restart keeps, beside the tree. All of these can be copied in
	// constant time.
	sessions     btree.Map[int64, int32]  // timeouts, as first negotiated
	ephemerals   btree.Map[string, int64] // ephemeralKey -> order of creation
	ephemeralOrd int64
	containers   btree.Set[string]
	ttls         btree.Set[string]
	quotas       btree.Set[string] // paths with a limit

	// What it does not keep.
	digest      uint64
	digests     []Digest
	live        map[int64]*Session
	rec         recorder
	nextSession int64
	nonces      int                       // given out to clients of SASL
	buckets     btree.Map[int64, []int64] // session ids by the deadline they were filed under
	members     []*Member
	membership  membership
	leader      *Member // nil without a quorum
	elected     *Member // who leads when the election is over; nil if there is none
	electedAt   int64
	committed   int64 // the last zxid that has reached the members
	lateMembers int
	lateChanges []change // of the step that runs, for members that are late
	lateClosed  []*Conn
	cuts        map[[2]int]int64 // since when a member (the first) is not heard by another one
	proposals   []*proposal      // and not committed
	acls        map[string]*accessList

	// Of the step that runs.
	changes      []change
	notes        []Note
	kicked       []*Conn
	stamp        uint64
	firing       int64    // the zxid of the events that are fired
	undo         []func() // a multi's; nil outside
	inMulti      bool     // record how to undo
	newDue       bool     // see TakeNewDue
	took         bool     // a zxid has been given out
	overlaps     bool     // it was asked for while another reconfig was under way
	asker        *Conn    // of a reconfig, which keeps its connection for the reply
	askerEnds    bool     // and loses it then
	before       tree     // as it was at the multi's beginning, if quotas are enforced
	quotasBefore btree.Set[string]
	seqs         map[*node]int32 // a multi's counters of creations that have run over
	noted        map[*node]bool  // a multi's containers that its other parts take for ephemeral, by their flags
	aclKey       []byte
	scratch      []byte
	items        []hashed
	names        []string
	multi        []wire.MultiResult
}

// configPath holds the configuration of the ensemble.
const configPath = "/zookeeper/config"

// New makes a server that has just started for the first time.
func New(cfg Config) *State {
	s := &State{cfg: cfg, membership: formed(cfg), nextSession: cfg.FirstSession & restOfID}
	s.tree.epoch = newEpoch()
	s.tree.root = &node{acl: openList, epoch: s.tree.epoch}
	s.tree.count = 1
	s.tree.bytes = 1 // "/"
	for _, path := range []string{"/zookeeper", quotaRoot, configPath} {
		parent, name := splitPath(path)
		n := &node{acl: openList, epoch: s.tree.epoch}
		s.plant(s.tree.own(parent), path, name, n)
	}
	config := s.tree.find(configPath)
	config.acl, config.aversion = readList, -1
	s.reset()
	s.showConfig(cfg.Started)
	s.lead(cfg.Started, s.leader)
	s.countDigest()
	return s
}

// plant adds one of the nodes that a server is born with. It counts as no creation.
func (s *State) plant(parent *node, path, name string, n *node) {
	k := s.tree.ownKids(parent)
	k.names.Set(name, n)
	k.most++
	n.ord = k.most - 100 // before all others
	s.tree.count++
	s.tree.bytes += int64(len(path))
}

// reset forgets what a restart forgets.
func (s *State) reset() {
	s.live = make(map[int64]*Session)
	s.buckets = btree.Map[int64, []int64]{}
	for len(s.members) < max(1, s.cfg.Members) {
		s.members = append(s.members, &Member{ID: len(s.members) + 1})
	}
	s.lateMembers = 0
	for _, m := range s.members {
		m.data, m.child = newWatchTable(0, s.cfg.V38), newWatchTable(1, s.cfg.V38)
		m.zxid, m.late, m.frozen, m.view, m.behind = s.zxid, false, false, view{}, nil
		m.applied, m.changed = false, false
		m.deaf, m.logged, m.tail = false, s.zxid, 0
	}
	s.proposals = nil
	s.leader = s.candidate()
	s.committed = s.zxid
}

// nextZxid begins a transaction.
func (s *State) nextZxid() {
	s.zxid += 1 + s.gap
	s.gap, s.took = 0, true
}

// Zxid is the last transaction.
func (s *State) Zxid() int64 { return s.zxid }

// Response is the answer to one request. Of the Reply only what belongs to the
// type of the request is meaningful, and only if Err is 0. Slices may share
// memory with the state and are good until the next step; they must not be changed.
type Response struct {
	Zxid  int64
	Err   zkapi.Code
	Close bool // close the connection afterwards
	Wait  bool // the reply comes later, as a Note; nothing else is done for the connection until then
	Mute  bool // there is no reply
	Body  bool // the body is sent although Err is not 0
	// Connect, if not nil, is sent in place of a reply, without a header.
	Connect *wire.ConnectResponse
	wire.Reply
}

// reset leaves the Reply alone: clearing it would cost more than most requests.
func (p *Response) reset() {
	p.Zxid, p.Err, p.Close, p.Wait, p.Mute, p.Body, p.Connect = 0, 0, false, false, false, false, nil
}

// Handle decodes a request's body and applies it.
func (s *State) Handle(now int64, c *Conn, q *wire.Request, body *wire.Reader, p *Response) {
	if s.served(q.Type) && !c.member.readOnly {
		if q.ReadBody(body); body.Err() == nil {
			s.Apply(now, c, q, p)
			return
		}
	}
	p.reset()
	s.now, s.took = now, false
	s.touch(now, c.Session)
	if s.refused(c, q.Type, p) {
		return
	}
	if c.member.readOnly && s.served(q.Type) { // which does not decode what it does not do
		if s.readsOnly(c, q.Type, p) {
			return
		}
		if q.ReadBody(body); body.Err() == nil {
			s.Apply(now, c, q, p)
			return
		}
	}
	switch {
	case !s.served(q.Type):
		p.Err, p.Zxid, p.Close = zkapi.ErrUnimplemented, -1, true
		return
	case q.Type == zkapi.OpAuth:
		p.Mute, p.Close = true, true
		return
	case q.Type == zkapi.OpDeleteContainer && s.cfg.V38: // which never decodes it
		s.nextZxid()
		s.commit()
		p.Err, p.Zxid = zkapi.ErrBadArguments, s.answered(c)
		return
	case q.Type == zkapi.OpMulti:
		s.decodeAll(q.Ops, true)
	case q.Type == zkapi.OpCreateSession, isWrite(q.Type) && q.Type != zkapi.OpReconfig && s.cfg.V38:
		s.nextZxid()
	}
	s.commit()
	p.Err, p.Zxid = zkapi.ErrMarshalling, s.answered(c)
}

// served reports whether a client may send requests of this type at all.
func (s *State) served(op zkapi.OpCode) bool {
	switch op {
	case zkapi.OpNotification, zkapi.OpErr:
		return false
	case zkapi.OpCheck:
		return s.cfg.V38
	}
	return op.Known()
}

func isWrite(op zkapi.OpCode) bool {
	switch op {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL,
		zkapi.OpDelete, zkapi.OpDeleteContainer, zkapi.OpSetData, zkapi.OpSetACL,
		zkapi.OpReconfig, zkapi.OpCheck:
		return true
	}
	return false
}

// refused answers everything but authentication on a connection that still has
// to authenticate, where the server enforces that.
func (s *State) refused(c *Conn, op zkapi.OpCode, p *Response) bool {
	if len(s.cfg.EnforceAuthSchemes) == 0 || c.trusted || op == zkapi.OpAuth || op == zkapi.OpSasl {
		return false
	}
	p.Err, p.Close = zkapi.ErrSessionClosedRequireSaslAuth, true
	return true
}

// Apply runs one request of a connected client. Reads on a pinned session do
// not look at the time.
func (s *State) Apply(now int64, c *Conn, q *wire.Request, p *Response) {
	p.reset()
	s.now, s.op, s.took = now, q.Type, false
	if !c.Session.Pinned {
		s.touch(now, c.Session)
	}
	if s.refused(c, q.Type, p) || c.member.readOnly && s.readsOnly(c, q.Type, p) {
		return
	}
	if s.exhausted() && s.ordered(q.Type) && q.Type != zkapi.OpSync {
		s.rollOver(now)
		p.Mute, p.Close = true, true
		return
	}
	if len(s.cuts) > 0 && s.waits(c, q) {
		p.Wait = true
		return
	}
	s.handle(c, q, p)
}

// handle is Apply for what need not wait, or has waited.
func (s *State) handle(c *Conn, q *wire.Request, p *Response) {
	if c.Session.home != nil && !c.Session.ended {
		s.upgrade(c.Session, q)
	}
	switch {
	case c.Session.ended && s.ordered(q.Type):
		s.catchUp(c.member, s.zxid) // which closes the connection
		p.Mute, p.Close = true, true
		return
	case c.moved() && s.asksForSession(q):
		s.nextZxid() // which goes to waste, and the client is not told why
		p.Mute, p.Close = true, true
	case q.Type == zkapi.OpDeleteContainer && q.Op.Path == wire.NullString && !s.cfg.V38:
		p.Err = zkapi.ErrMarshalling // before it gets a zxid, unlike all others
	case isWrite(q.Type):
		s.nextZxid()
		p.Err = s.write(c, q, p)
		s.fire()
	default:
		p.Err = s.other(c, q, p)
	}
	s.commit()
	if q.Type != zkapi.OpAuth && q.Type != zkapi.OpSasl && p.Zxid == 0 {
		p.Zxid = s.answered(c)
	}
	if p.Close { // nothing comes after this reply
		c.member.data.dropConn(c)
		c.member.child.dropConn(c)
	}
	if s.rec.on {
		s.recordRequest(c, q, p)
	}
}

// asksForSession tells whether the leader looks where the session of a request
// is: not for reads, and not for a write that it does not come to look into.
func (s *State) asksForSession(q *wire.Request) bool {
	switch q.Type {
	case zkapi.OpMulti:
		return len(q.Ops) > 0
	case zkapi.OpReconfig:
		return s.cfg.ReconfigEnabled
	}
	return isWrite(q.Type)
}

// ordered tells whether a request goes through the leader.
func (s *State) ordered(op zkapi.OpCode) bool {
	return isWrite(op) || op == zkapi.OpMulti || op == zkapi.OpSync || op == zkapi.OpCloseSession
}

// answered is the zxid of a reply: that of the member's latest transaction,
// the request's own at least.
func (s *State) answered(c *Conn) int64 {
	if s.took && c.member.late {
		s.catchUp(c.member, s.zxid)
	}
	return c.member.zxid
}

func (s *State) write(c *Conn, q *wire.Request, p *Response) zkapi.Code {
	switch q.Type {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		return s.create(c, &q.Op, &p.Path, &p.Stat)
	case zkapi.OpDelete:
		return s.delete(c, &q.Op)
	case zkapi.OpDeleteContainer:
		return s.deleteContainer(&q.Op)
	case zkapi.OpSetData:
		return s.setData(c, &q.Op, &p.Stat)
	case zkapi.OpSetACL:
		return s.setACL(c, &q.SetACL, &p.Stat)
	case zkapi.OpReconfig:
		return s.reconfig(c, q, p)
	case zkapi.OpCheck: // only 3.8 lets it come here, and gives no reply to success
		code := s.check(c, &q.Op)
		p.Mute = code == 0
		return code
	}
	panic("state: not a write: " + q.Type.String())
}

func (s *State) other(c *Conn, q *wire.Request, p *Response) zkapi.Code {
	switch q.Type {
	case zkapi.OpPing:
	case zkapi.OpExists:
		return s.exists(c, &q.Op, p)
	case zkapi.OpGetData:
		return s.getData(c, &q.Op, p)
	case zkapi.OpGetChildren, zkapi.OpGetChildren2:
		return s.getChildren(c, &q.Op, p)
	case zkapi.OpGetACL:
		return s.getACL(c, q.Path.Path, p)
	case zkapi.OpGetAllChildrenNumber:
		return s.getAllChildrenNumber(c, q.Path.Path, p)
	case zkapi.OpGetEphemerals:
		s.getEphemerals(c, q.Path.Path, p)
	case zkapi.OpSync:
		s.catchUp(c.member, s.zxid)
		p.Path = q.Path.Path
	case zkapi.OpWhoAmI:
		s.whoAmI(c, p)
	case zkapi.OpMulti:
		return s.applyMulti(c, q.Ops, p)
	case zkapi.OpMultiRead:
		return s.multiRead(c, q.Ops, p)
	case zkapi.OpAddWatch:
		p.Total = 0
		return s.addWatch(c, &q.Watch)
	case zkapi.OpCheckWatches:
		return s.checkWatches(c, &q.Watch)
	case zkapi.OpRemoveWatches:
		return s.removeWatches(c, &q.Watch)
	case zkapi.OpSetWatches, zkapi.OpSetWatches2:
		return s.setWatches(c, &q.SetWatches)
	case zkapi.OpAuth:
		return s.auth(c, &q.Auth, p)
	case zkapi.OpSasl:
		return s.sasl(c, q.SASL.Token, p)
	case zkapi.OpCreateSession:
		if c.Session.home == nil {
			s.nextZxid()
		}
		password := Password(c.Session.ID)
		p.Connect = &wire.ConnectResponse{TimeOut: int32(c.Session.Timeout),
			SessionID: c.Session.ID, Passwd: password[:], HasReadOnly: c.modern, ReadOnly: c.member.readOnly}
	case zkapi.OpCloseSession:
		s.closeSession(c.Session.ID, Closed, c.origin())
		p.Close = true
	}
	return 0
}
