package memserver

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zksim/zksim/memserver/internal/state"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// ClientConfig says how a direct client connects.
type ClientConfig struct {
	// SessionTimeout is asked for; the server grants what its limits allow. 10 s by default.
	SessionTimeout time.Duration
	// IP is the address that the server sees, the client's "ip" identity; 127.0.0.1 by default.
	IP string
	// Member is the only server of an ensemble that the client connects to. 0 is
	// all: it then goes from one that does not serve it to the next.
	Member int
	// ReadOnly says that reading will do: where no other member serves the client,
	// it connects to one without a quorum (see Config.ReadOnlyMode), to a session that
	// is good for nothing else. A client that has had another session keeps that and waits.
	ReadOnly bool

	held bool // see Held
}

// Client is a zkapi.Client inside the server's process: a method is a step of
// the server's state machine, without a socket, a codec or a goroutine. While
// it is connected it counts as sending its pings, so its session ends only by
// Close, Server.Expire, or a timeout after Server.Disconnect.
//
// Events of watches are in their channels before the call returns that caused them,
// unless the client is Held.
type Client struct {
	srv *Server
	cfg ClientConfig

	// All guarded by srv.mu.
	conn     *state.Conn // nil while there is no connection
	session  int64
	password []byte
	timeout  time.Duration
	lastZxid int64
	state    zkapi.State
	states   []*zkapi.Stream[zkapi.StateChange]
	auths    []wire.AuthPacket
	watches  clientWatches
	global   bool // it has had a session that is for more than reading
	cut      bool // Disconnect was called: do not come back before Reconnect
	member   int  // index of the one it is on, or tries next
	order    int  // among the clients of the server
	arrivals []Arrival
	req      wire.Request
	rsp      state.Response
	ctx      context.Context // of the operation that do has begun
	waiting  *call           // nil if no request waits for its reply
}

// call is a request that waits, see Member.Sever, and with it all that come after.
type call struct {
	op   zkapi.OpCode
	done chan struct{}
	p    *state.Response // nil if the connection is lost
}

var _ zkapi.Client = (*Client)(nil)

// Client connects a direct client.
func (s *Server) Client(opts ...func(*ClientConfig)) (*Client, error) {
	cfg := ClientConfig{SessionTimeout: 10 * time.Second, IP: "127.0.0.1"}
	for _, opt := range opts {
		opt(&cfg)
	}
	c := &Client{srv: s, cfg: cfg, password: make([]byte, wire.PasswordLen), watches: newClientWatches()}
	s.mu.Lock()
	defer s.release()
	if s.closed {
		return nil, ErrServerClosed
	}
	s.clients[c] = struct{}{}
	c.order, s.made = s.made, s.made+1
	c.comeBack()
	s.settle()
	if c.conn == nil {
		delete(s.clients, c)
		return nil, fmt.Errorf("memserver: no member serves: %w", zkapi.ErrConnectionLoss)
	}
	return c, nil
}

// comeBack connects to the next member that takes the client, if there is one.
func (c *Client) comeBack() {
	if c.conn != nil || c.cut || c.srv.closed || c.state == zkapi.StateClosed || c.state == zkapi.StateAuthFailed {
		return
	}
	if !c.openAny(false) && c.cfg.ReadOnly {
		c.openAny(true)
	}
}

// openAny connects to a member that only reads, or to one that does not.
func (c *Client) openAny(readOnly bool) bool {
	n := len(c.srv.members)
	for range n {
		m := c.srv.members[c.member]
		if (c.cfg.Member == 0 || c.cfg.Member == m.ID()) && m.st.ReadOnly() == readOnly && c.open(m) {
			return true
		}
		c.member = (c.member + 1) % n
	}
	return false
}

// seekWriter leaves a member that only reads if there is a better one.
func (c *Client) seekWriter() {
	if c.state != zkapi.StateReadOnly || c.conn == nil || c.cfg.Member != 0 || c.srv.st.Leader() == nil {
		return
	}
	c.srv.st.Disconnect(c.srv.now(), c.conn)
	c.kicked()
}

// open connects to a member: to the session that the client has or to a new one.
func (c *Client) open(m *Member) bool {
	st := c.srv.st
	conn := st.NewConn(m.st, c.cfg.IP)
	conn.Peer = c
	q := wire.ConnectRequest{LastZxidSeen: min(c.lastZxid, st.Zxid()), SessionID: c.session,
		Passwd: c.password, TimeOut: int32(min(c.cfg.SessionTimeout.Milliseconds(), 1<<31-1)),
		HasReadOnly: true, ReadOnly: c.cfg.ReadOnly}
	if !c.global {
		q.SessionID = 0
	}
	var p wire.ConnectResponse
	if st.Hangs(m.st, &q) || !st.Connect(c.srv.now(), conn, &q, &p) {
		return false
	}
	if p.TimeOut == 0 { // the session is gone
		c.lose(zkapi.ErrSessionExpired)
		q.SessionID = 0
		if st.Hangs(m.st, &q) || !st.Connect(c.srv.now(), conn, &q, &p) {
			return false
		}
	}
	conn.Session.Pinned = true
	c.conn, c.session, c.password = conn, p.SessionID, p.Passwd
	c.timeout = time.Duration(p.TimeOut) * time.Millisecond
	if p.ReadOnly {
		c.change(zkapi.StateReadOnly)
	} else {
		c.global = true
		c.change(zkapi.StateConnected)
	}
	for i := range c.auths {
		c.req.Type, c.req.Auth = zkapi.OpAuth, c.auths[i]
		c.apply()
	}
	if c.watches.request(&c.req.SetWatches) {
		c.req.Type, c.req.SetWatches.RelativeZxid = zkapi.OpSetWatches2, c.lastZxid
		c.apply()
	}
	return true
}

// lose ends what belongs to a session.
func (c *Client) lose(cause error) {
	c.change(zkapi.StateLost)
	c.watches.end(cause)
	c.session, c.global = 0, false
	c.lastZxid = 0 // a new session may begin on a server that is behind
}

func (c *Client) change(s zkapi.State) {
	if c.state == s || c.state == zkapi.StateAuthFailed && s != zkapi.StateClosed {
		return
	}
	c.state = s
	for _, stream := range c.states {
		stream.Send(zkapi.StateChange{State: s, SessionID: c.session})
	}
}

// serverClosed says that the server is gone for good.
func (c *Client) serverClosed() {
	c.answered(nil)
	if c.conn != nil {
		c.srv.st.Disconnect(c.srv.now(), c.conn)
		c.conn = nil
	}
	c.change(zkapi.StateSuspended)
}

// Disconnect breaks the client's connection, as Server.Disconnect does, until Reconnect.
func (c *Client) Disconnect() {
	s := c.srv
	s.mu.Lock()
	defer s.release()
	c.cut = true
	if c.conn != nil {
		s.st.Cut(s.now(), c.session)
		s.settle()
	}
	if c.cfg.held && (c.state == zkapi.StateConnected || c.state == zkapi.StateReadOnly) {
		c.loseArrivals()
	}
}

// Reconnect brings back a client that Disconnect or Server.Disconnect has cut off: to its
// session and its watches if the session is still there, otherwise to a new one.
func (c *Client) Reconnect() {
	s := c.srv
	s.mu.Lock()
	defer s.release()
	c.cut = false
	if c.state == zkapi.StateSuspended {
		c.comeBack()
		s.settle()
	}
}

// ConnectTo changes which server the client connects to from its next connection
// on, as ClientConfig.Member does from the first: 0 is all.
func (c *Client) ConnectTo(member int) {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.cfg.Member = member
}

// apply runs c.req and tells whether there is an answer in c.rsp. Server.mu is held.
func (c *Client) apply() (answered bool) {
	s := c.srv
	now := int64(0)
	if readsOnly(c.req.Type) { // a pinned session needs no time to be touched
		s.st.Apply(now, c.conn, &c.req, &c.rsp)
		return true
	}
	s.st.Apply(s.now(), c.conn, &c.req, &c.rsp)
	answered = !c.rsp.Mute
	if c.rsp.Wait {
		c.waiting = &call{op: c.req.Type, done: make(chan struct{})}
	}
	s.settle() // where the connection may end, and the next one use c.rsp
	return answered
}

func readsOnly(op zkapi.OpCode) bool {
	switch op {
	case zkapi.OpExists, zkapi.OpGetData, zkapi.OpGetChildren2, zkapi.OpGetACL, zkapi.OpMultiRead:
		return true
	}
	return false
}

// do starts an operation: on success the server is locked, the caller fills
// c.req, calls run, copies what it needs out of c.rsp, and unlocks by release.
func (c *Client) do(ctx context.Context, op zkapi.OpCode) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.srv.mu.Lock()
	for c.waiting != nil {
		before := c.waiting
		c.srv.mu.Unlock()
		if err := before.wait(ctx); err != nil {
			return err
		}
		c.srv.mu.Lock()
	}
	var err error
	switch {
	case c.state == zkapi.StateClosed:
		err = zkapi.ErrClosed
	case c.state == zkapi.StateAuthFailed:
		err = zkapi.ErrAuthFailed
	case c.conn == nil:
		err = zkapi.ErrConnectionLoss
	default:
		c.req.Type, c.ctx = op, ctx
		return nil
	}
	c.srv.mu.Unlock()
	return err
}

// wait returns when there is a reply or none will come, or with the context.
func (w *call) wait(ctx context.Context) error {
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await has c.rsp be the reply to a request that waits. The server is unlocked meanwhile.
func (c *Client) await(w *call) error {
	ctx := c.ctx
	c.srv.release()
	err := w.wait(ctx)
	c.srv.mu.Lock()
	switch {
	case err != nil:
		return err
	case w.p == nil:
		return zkapi.ErrConnectionLoss
	}
	c.req.Type, c.rsp = w.op, *w.p
	return nil
}

// answered ends the waiting, with a reply or without one.
func (c *Client) answered(p *state.Response) {
	if w := c.waiting; w != nil {
		c.waiting, w.p = nil, p
		close(w.done)
	}
}

// answer implements peer.
func (c *Client) answer(a *state.Answer) {
	if !a.Mute {
		c.answered(a.Response)
		return
	}
	c.srv.st.Disconnect(c.srv.now(), c.conn)
	c.kicked()
}

func (c *Client) run() error {
	if !c.apply() { // and the connection is closed
		return zkapi.ErrConnectionLoss
	}
	if c.waiting != nil {
		if err := c.await(c.waiting); err != nil {
			return err
		}
	}
	c.lastZxid = max(c.lastZxid, c.rsp.Zxid)
	if c.rsp.Close && c.req.Type != zkapi.OpAuth { // as enforced authentication does; Close does not come here
		c.srv.st.Cut(c.srv.now(), c.session)
		defer c.srv.settle()
	}
	return c.rsp.Err.Err()
}

// fail wraps the error of an operation.
func fail(op zkapi.OpCode, path string, err error) error {
	if err == nil {
		return nil
	}
	return &zkapi.OpError{Op: op.String(), Path: path, Err: err}
}

var openACL = zkapi.OpenACL()

func orOpen(acl []zkapi.ACL) []zkapi.ACL {
	if acl == nil {
		return openACL
	}
	return acl
}

// Create implements zkapi.Client.
func (c *Client) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	op := zkapi.OpCreate
	if mode == zkapi.Container {
		op = zkapi.OpCreateContainer
	}
	made, _, err := c.create(ctx, wire.Op{Type: op, Path: path, Data: data, ACL: orOpen(acl), Flags: int32(mode)})
	return made, err
}

// Create2 implements zkapi.Client.
func (c *Client) Create2(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, zkapi.Stat, error) {
	op := zkapi.OpCreate2
	if mode == zkapi.Container {
		op = zkapi.OpCreateContainer
	}
	return c.create(ctx, wire.Op{Type: op, Path: path, Data: data, ACL: orOpen(acl), Flags: int32(mode)})
}

// CreateTTL implements zkapi.Client.
func (c *Client) CreateTTL(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode, ttl time.Duration) (string, zkapi.Stat, error) {
	return c.create(ctx, wire.Op{Type: zkapi.OpCreateTTL, Path: path, Data: data, ACL: orOpen(acl),
		Flags: int32(mode), TTL: ttl.Milliseconds()})
}

func (c *Client) create(ctx context.Context, o wire.Op) (string, zkapi.Stat, error) {
	if err := c.do(ctx, o.Type); err != nil {
		return "", zkapi.Stat{}, fail(o.Type, o.Path, err)
	}
	defer c.srv.release()
	c.req.Op = o
	if err := c.run(); err != nil {
		return "", zkapi.Stat{}, fail(o.Type, o.Path, err)
	}
	return c.rsp.Path, c.rsp.Stat, nil
}

// Delete implements zkapi.Client.
func (c *Client) Delete(ctx context.Context, path string, version int32) error {
	if err := c.do(ctx, zkapi.OpDelete); err != nil {
		return fail(zkapi.OpDelete, path, err)
	}
	defer c.srv.release()
	c.req.Op.Path, c.req.Op.Version = path, version
	return fail(zkapi.OpDelete, path, c.run())
}

// read runs one of the reads that Op knows.
func (c *Client) read(ctx context.Context, op zkapi.OpCode, path string, watch bool) error {
	if err := c.do(ctx, op); err != nil {
		return fail(op, path, err)
	}
	c.req.Op.Type, c.req.Op.Path, c.req.Op.Watch = op, path, watch // the rest means nothing to a read
	if err := c.run(); err != nil && (op != zkapi.OpExists || c.rsp.Err != zkapi.ErrNoNode) {
		c.srv.release()
		return fail(op, path, err)
	}
	return nil
}

// Exists implements zkapi.Client.
func (c *Client) Exists(ctx context.Context, path string) (zkapi.Stat, bool, error) {
	if err := c.read(ctx, zkapi.OpExists, path, false); err != nil {
		return zkapi.Stat{}, false, err
	}
	defer c.srv.release()
	if c.rsp.Err != 0 {
		return zkapi.Stat{}, false, nil
	}
	return c.rsp.Stat, true, nil
}

// ExistsW implements zkapi.Client.
func (c *Client) ExistsW(ctx context.Context, path string) (zkapi.Stat, bool, <-chan zkapi.Event, error) {
	if err := c.read(ctx, zkapi.OpExists, path, true); err != nil {
		return zkapi.Stat{}, false, nil, err
	}
	defer c.srv.release()
	if c.rsp.Err != 0 {
		return zkapi.Stat{}, false, c.watches.once(ctx, watchExist, path, c.unwatch), nil
	}
	return c.rsp.Stat, true, c.watches.once(ctx, watchData, path, c.unwatch), nil
}

// Get implements zkapi.Client.
func (c *Client) Get(ctx context.Context, path string) ([]byte, zkapi.Stat, error) {
	if err := c.read(ctx, zkapi.OpGetData, path, false); err != nil {
		return nil, zkapi.Stat{}, err
	}
	defer c.srv.release()
	return slices.Clone(c.rsp.Data), c.rsp.Stat, nil
}

// GetW implements zkapi.Client.
func (c *Client) GetW(ctx context.Context, path string) ([]byte, zkapi.Stat, <-chan zkapi.Event, error) {
	if err := c.read(ctx, zkapi.OpGetData, path, true); err != nil {
		return nil, zkapi.Stat{}, nil, err
	}
	defer c.srv.release()
	return slices.Clone(c.rsp.Data), c.rsp.Stat, c.watches.once(ctx, watchData, path, c.unwatch), nil
}

// Children implements zkapi.Client.
func (c *Client) Children(ctx context.Context, path string) ([]string, zkapi.Stat, error) {
	if err := c.read(ctx, zkapi.OpGetChildren2, path, false); err != nil {
		return nil, zkapi.Stat{}, err
	}
	defer c.srv.release()
	return slices.Clone(c.rsp.Children), c.rsp.Stat, nil
}

// ChildrenW implements zkapi.Client.
func (c *Client) ChildrenW(ctx context.Context, path string) ([]string, zkapi.Stat, <-chan zkapi.Event, error) {
	if err := c.read(ctx, zkapi.OpGetChildren2, path, true); err != nil {
		return nil, zkapi.Stat{}, nil, err
	}
	defer c.srv.release()
	return slices.Clone(c.rsp.Children), c.rsp.Stat, c.watches.once(ctx, watchChild, path, c.unwatch), nil
}

// Set implements zkapi.Client.
func (c *Client) Set(ctx context.Context, path string, data []byte, version int32) (zkapi.Stat, error) {
	if err := c.do(ctx, zkapi.OpSetData); err != nil {
		return zkapi.Stat{}, fail(zkapi.OpSetData, path, err)
	}
	defer c.srv.release()
	c.req.Op.Path, c.req.Op.Data, c.req.Op.Version = path, data, version
	if err := c.run(); err != nil {
		return zkapi.Stat{}, fail(zkapi.OpSetData, path, err)
	}
	return c.rsp.Stat, nil
}

// onPath runs one of the requests that are just a path.
func (c *Client) onPath(ctx context.Context, op zkapi.OpCode, path string) error {
	if err := c.do(ctx, op); err != nil {
		return fail(op, path, err)
	}
	c.req.Path.Path = path
	if err := c.run(); err != nil {
		c.srv.release()
		return fail(op, path, err)
	}
	return nil
}

// GetACL implements zkapi.Client.
func (c *Client) GetACL(ctx context.Context, path string) ([]zkapi.ACL, zkapi.Stat, error) {
	if err := c.onPath(ctx, zkapi.OpGetACL, path); err != nil {
		return nil, zkapi.Stat{}, err
	}
	defer c.srv.release()
	return slices.Clone(c.rsp.ACL), c.rsp.Stat, nil
}

// SetACL implements zkapi.Client.
func (c *Client) SetACL(ctx context.Context, path string, acl []zkapi.ACL, version int32) (zkapi.Stat, error) {
	if err := c.do(ctx, zkapi.OpSetACL); err != nil {
		return zkapi.Stat{}, fail(zkapi.OpSetACL, path, err)
	}
	defer c.srv.release()
	c.req.SetACL = wire.SetACLRequest{Path: path, ACL: acl, Version: version}
	if err := c.run(); err != nil {
		return zkapi.Stat{}, fail(zkapi.OpSetACL, path, err)
	}
	return c.rsp.Stat, nil
}

// AllChildrenNumber implements zkapi.Client.
func (c *Client) AllChildrenNumber(ctx context.Context, path string) (int, error) {
	if err := c.onPath(ctx, zkapi.OpGetAllChildrenNumber, path); err != nil {
		return 0, err
	}
	defer c.srv.release()
	return int(c.rsp.Total), nil
}

// Ephemerals implements zkapi.Client.
func (c *Client) Ephemerals(ctx context.Context, prefix string) ([]string, error) {
	if err := c.onPath(ctx, zkapi.OpGetEphemerals, prefix); err != nil {
		return nil, err
	}
	defer c.srv.release()
	return slices.Clone(c.rsp.Children), nil
}

// Sync implements zkapi.Client.
func (c *Client) Sync(ctx context.Context, path string) error {
	if err := c.onPath(ctx, zkapi.OpSync, path); err != nil {
		return err
	}
	c.srv.release()
	return nil
}

// Multi implements zkapi.Client.
func (c *Client) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	return c.multi(ctx, zkapi.OpMulti, ops)
}

// MultiRead implements zkapi.Client.
func (c *Client) MultiRead(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	return c.multi(ctx, zkapi.OpMultiRead, ops)
}

func (c *Client) multi(ctx context.Context, op zkapi.OpCode, ops []zkapi.Op) ([]zkapi.OpResult, error) {
	if err := c.do(ctx, op); err != nil {
		return nil, fail(op, "", err)
	}
	defer c.srv.release()
	c.req.Ops = c.req.Ops[:0]
	for _, o := range ops {
		c.req.Ops = append(c.req.Ops, wire.Op{Type: o.Type, Path: o.Path, Data: o.Data, ACL: orOpen(o.ACL),
			Flags: int32(o.Mode), TTL: o.TTL.Milliseconds(), Version: o.Version})
	}
	if err := c.run(); err != nil {
		return nil, fail(op, "", err)
	}
	results := make([]zkapi.OpResult, len(ops))
	var failed error
	for i, r := range c.rsp.Results {
		results[i] = zkapi.OpResult{Type: ops[i].Type, Path: r.Path, Stat: r.Stat,
			Data: slices.Clone(r.Data), Children: slices.Clone(r.Children), Err: r.Err.Err()}
		if r.Type == zkapi.OpCreate { // whose reply has no room for it
			results[i].Stat = zkapi.Stat{}
		}
		if op == zkapi.OpMulti && failed == nil && r.Err != 0 {
			failed = fail(op, ops[i].Path, r.Err)
		}
	}
	return results, failed
}

// AddAuth implements zkapi.Client. Credentials that the server refuses end the
// client's connection for good, as they do with other clients.
func (c *Client) AddAuth(ctx context.Context, scheme string, auth []byte) error {
	if err := c.do(ctx, zkapi.OpAuth); err != nil {
		return fail(zkapi.OpAuth, "", err)
	}
	defer c.srv.release()
	c.req.Auth = wire.AuthPacket{Scheme: scheme, Auth: auth}
	err := c.run()
	if err == nil {
		c.auths = append(c.auths, wire.AuthPacket{Scheme: scheme, Auth: slices.Clone(auth)})
		return nil
	}
	c.srv.st.Disconnect(c.srv.now(), c.conn)
	c.conn = nil
	c.change(zkapi.StateAuthFailed)
	c.watches.end(zkapi.ErrAuthFailed)
	return fail(zkapi.OpAuth, "", err)
}

// WhoAmI implements zkapi.Client.
func (c *Client) WhoAmI(ctx context.Context) ([]zkapi.ID, error) {
	if err := c.do(ctx, zkapi.OpWhoAmI); err != nil {
		return nil, fail(zkapi.OpWhoAmI, "", err)
	}
	defer c.srv.release()
	if err := c.run(); err != nil {
		return nil, fail(zkapi.OpWhoAmI, "", err)
	}
	return c.rsp.IDs, nil
}

// AddWatch implements zkapi.Client.
func (c *Client) AddWatch(ctx context.Context, path string, mode zkapi.WatchMode) (*zkapi.Stream[zkapi.Event], error) {
	if err := c.do(ctx, zkapi.OpAddWatch); err != nil {
		return nil, fail(zkapi.OpAddWatch, path, err)
	}
	defer c.srv.release()
	c.req.Watch = wire.WatchRequest{Path: path, Type: int32(mode)}
	if err := c.run(); err != nil {
		return nil, fail(zkapi.OpAddWatch, path, err)
	}
	kind := watchPersistent
	if mode == zkapi.WatchPersistentRecursive {
		kind = watchRecursive
	}
	return c.watches.stream(kind, path, c.closeStream), nil
}

// closeStream is called when the receiver closes the stream of a persistent
// watch: with its last stream the watch goes from the server too.
func (c *Client) closeStream(kind watchKind, path string, s *zkapi.Stream[zkapi.Event]) {
	c.srv.mu.Lock()
	defer c.srv.release()
	any, last := c.watches.drop(kind, path, func(x watcher) bool { return x.stream == s })
	if !any || !last {
		return
	}
	t := zkapi.WatchTypePersistent
	if kind == watchRecursive {
		t = zkapi.WatchTypePersistentRecursive
	}
	if c.srv.cfg.Profile != V38 || !c.watches.has(path, allKinds...) { // 3.8 knows no such types
		c.removeFromServer(path, t)
	}
}

// unwatch is called when somebody gives up a one-shot watch.
func (c *Client) unwatch(kind watchKind, path string, ch chan zkapi.Event) {
	c.srv.mu.Lock()
	defer c.srv.release()
	any, last := c.watches.drop(kind, path, func(x watcher) bool { return x.ch == ch })
	if !any {
		return
	}
	close(ch)
	t, kinds := zkapi.WatchTypeData, []watchKind{watchData, watchExist}
	if kind == watchChild {
		t, kinds = zkapi.WatchTypeChildren, []watchKind{watchChild}
	}
	if c.srv.cfg.Profile == V38 { // where this would take a part of persistent ones, too
		kinds = append(kinds, watchPersistent, watchRecursive)
	}
	if last && !c.watches.has(path, kinds...) {
		c.removeFromServer(path, t)
	}
}

// removeFromServer removes the watches of a type, or all of a path that nobody
// watches any more: there may be some that could not go before the others.
func (c *Client) removeFromServer(path string, t zkapi.WatchType) {
	if c.conn == nil {
		return
	}
	if !c.watches.has(path, allKinds...) {
		t = zkapi.WatchTypeAny
	}
	c.req.Type = zkapi.OpRemoveWatches
	c.req.Watch = wire.WatchRequest{Path: path, Type: int32(t)}
	_ = c.run() // without the watch there is nothing to remove either
}

// RemoveWatches implements zkapi.Client.
func (c *Client) RemoveWatches(ctx context.Context, path string, t zkapi.WatchType) error {
	if err := c.do(ctx, zkapi.OpRemoveWatches); err != nil {
		return fail(zkapi.OpRemoveWatches, path, err)
	}
	defer c.srv.release()
	c.req.Watch = wire.WatchRequest{Path: path, Type: int32(t)}
	if err := c.run(); err != nil {
		return fail(zkapi.OpRemoveWatches, path, err)
	}
	c.watches.remove(path, t)
	return nil
}

// Reconfig implements zkapi.Client.
func (c *Client) Reconfig(ctx context.Context, change zkapi.Reconfig) ([]byte, zkapi.Stat, error) {
	if err := c.do(ctx, zkapi.OpReconfig); err != nil {
		return nil, zkapi.Stat{}, fail(zkapi.OpReconfig, "", err)
	}
	defer c.srv.release()
	c.req.Reconfig = wire.ReconfigRequest{JoiningServers: orNone(change.Joining), LeavingServers: orNone(change.Leaving),
		NewMembers: orNone(change.NewMembers), CurConfigID: change.Version}
	if err := c.run(); err != nil {
		return nil, zkapi.Stat{}, fail(zkapi.OpReconfig, "", err)
	}
	return slices.Clone(c.rsp.Data), c.rsp.Stat, nil
}

// orNone is what is sent where there is nothing to say.
func orNone(s string) string {
	if s == "" {
		return wire.NullString
	}
	return s
}

// GetConfig implements zkapi.Client.
func (c *Client) GetConfig(ctx context.Context) ([]byte, zkapi.Stat, error) {
	return c.Get(ctx, "/zookeeper/config")
}

// SessionID implements zkapi.Client.
func (c *Client) SessionID() int64 {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	return c.session
}

// SessionTimeout implements zkapi.Client.
func (c *Client) SessionTimeout() time.Duration {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	return c.timeout
}

// State implements zkapi.Client.
func (c *Client) State() zkapi.State {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	return c.state
}

// States implements zkapi.Client.
func (c *Client) States() *zkapi.Stream[zkapi.StateChange] {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	var s *zkapi.Stream[zkapi.StateChange]
	s = zkapi.NewStream[zkapi.StateChange](func() {
		c.srv.mu.Lock()
		defer c.srv.mu.Unlock()
		c.states = slices.DeleteFunc(c.states, func(x *zkapi.Stream[zkapi.StateChange]) bool { return x == s })
	})
	if c.state == zkapi.StateClosed {
		s.End()
	}
	c.states = append(c.states, s)
	return s
}

// Close implements zkapi.Client.
func (c *Client) Close() error {
	s := c.srv
	s.mu.Lock()
	defer s.release()
	if c.state == zkapi.StateClosed {
		return nil
	}
	if c.conn != nil {
		c.req.Type = zkapi.OpCloseSession
		c.apply()
		if c.conn != nil {
			s.st.Disconnect(s.now(), c.conn)
			c.conn = nil
		}
	}
	c.answered(nil)
	delete(s.clients, c)
	c.arrivals = nil
	c.change(zkapi.StateClosed)
	c.watches.end(zkapi.ErrClosed)
	for _, stream := range c.states {
		stream.End()
	}
	return nil
}

// sortedClients lists the clients in the order in which they were made.
func (s *Server) sortedClients() []*Client {
	return slices.SortedFunc(maps.Keys(s.clients), func(a, b *Client) int { return cmp.Compare(a.order, b.order) })
}

// Member is the id of the member that the client is or was last connected to.
func (c *Client) Member() int {
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	return c.member + 1
}
