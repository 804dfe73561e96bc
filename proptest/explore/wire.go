package explore

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// wired is a connection over the wire, of whatever client: the explorer sits
// between it and the server, and lets frames pass one by one. Pings and their
// replies pass by themselves.
type wired struct {
	run    *run
	client *client

	// Guarded by run.mu, as client.pending is.
	near  net.Conn // to the client; nil if there is no connection
	far   net.Conn // to the server
	epoch int      // counts connections
	id    int64    // of the session
	zxid  int64    // the latest that the client has been told
	ready bool     // the handshake is done
	down  []arrived
}

// arrived is a frame from the server, or its end of the connection.
type arrived struct {
	frame []byte // without the length; nil at the end
	xid   int32
	zxid  int64
	event wire.WatcherEvent
}

const (
	xidEvent = -1
	xidPing  = -2
)

// Dial is a dialer for the client of a participant that GoDialing has added:
//
//	conn, _, err := zk.Connect([]string{"127.0.0.1:2181"}, 10*time.Second, zk.WithDialer(p.Dial))
//
// Whatever the address, it leads to the world's server.
func (p *Participant) Dial(network, address string, timeout time.Duration) (net.Conn, error) {
	l, ok := p.client.link.(*wired)
	if !ok {
		panic("explore: Dial is for participants of GoDialing")
	}
	return l.dial(timeout)
}

func (l *wired) dial(timeout time.Duration) (net.Conn, error) {
	r := l.run
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return nil, net.ErrClosed
	}
	l.hangUpLocked()
	far, err := r.srv.Members()[max(l.client.member-1, 0)].Dial("tcp", "", timeout)
	if err != nil {
		return nil, err
	}
	near, theirs := net.Pipe()
	l.near, l.far = near, far
	l.epoch++
	go l.readUp(near, far, l.epoch)
	go l.readDown(near, far, l.epoch)
	return theirs, nil
}

// hangUpLocked forgets the connection that there is.
func (l *wired) hangUpLocked() {
	if l.near != nil {
		l.near.Close()
		l.far.Close()
	}
	l.near, l.far, l.ready, l.down = nil, nil, false, nil
	l.epoch++
	l.client.pending = slices.DeleteFunc(l.client.pending, func(o *operation) bool { return o.frame != nil })
}

func readFrame(c net.Conn) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(length[:]))
	_, err := io.ReadFull(c, frame)
	return frame, err
}

func writeFrame(c net.Conn, frame []byte) {
	_, _ = c.Write(wire.EndFrame(append(wire.BeginFrame(nil), frame...), 0))
}

// readUp takes what the client sends.
func (l *wired) readUp(near, far net.Conn, epoch int) {
	for first := true; ; first = false {
		frame, err := readFrame(near)
		if err != nil {
			l.run.mu.Lock()
			if l.epoch == epoch { // it is the client that has hung up
				l.hangUpLocked()
			}
			l.run.mu.Unlock()
			l.run.wakeUp()
			return
		}
		o := request(frame, first)
		if o == nil {
			writeFrame(far, frame)
			continue
		}
		l.run.mu.Lock()
		if l.epoch == epoch && !l.run.over {
			l.client.pending = append(l.client.pending, o)
		}
		l.run.mu.Unlock()
		l.run.wakeUp()
	}
}

// readDown takes what the server sends.
func (l *wired) readDown(near, far net.Conn, epoch int) {
	for first := true; ; first = false {
		frame, err := readFrame(far)
		a := arrived{frame: frame}
		if err != nil {
			a.frame = nil
		} else if !first {
			r := wire.NewReader(frame)
			var h wire.ReplyHeader
			h.Read(&r)
			if a.xid, a.zxid = h.Xid, h.Zxid; h.Xid == xidPing {
				writeFrame(near, frame)
				continue
			}
			if h.Xid == xidEvent {
				a.event.Read(&r)
			}
		}
		l.run.mu.Lock()
		if l.epoch == epoch {
			l.down = append(l.down, a)
		}
		l.run.mu.Unlock()
		l.run.wakeUp()
		if err != nil {
			return
		}
	}
}

// request reads what a frame asks for; nil is a ping.
func request(frame []byte, first bool) *operation {
	o := &operation{frame: frame}
	if first {
		o.verb = verbConnect
		return o
	}
	r := wire.NewReader(frame)
	var q wire.Request
	q.RequestHeader.Read(&r)
	if q.Xid == xidPing {
		return nil
	}
	q.ReadBody(&r)
	o.xid, o.code = q.Xid, q.Type
	o.call = call{verb: verbOf(q.Type, q.Op.Watch), path: q.Op.Path, data: q.Op.Data, mode: zkapi.CreateMode(q.Op.Flags), version: q.Op.Version,
		acl: q.Op.ACL, ttl: time.Duration(q.Op.TTL) * time.Millisecond}
	switch q.Type {
	case zkapi.OpGetACL, zkapi.OpSync, zkapi.OpGetAllChildrenNumber, zkapi.OpGetEphemerals:
		o.call.path = q.Path.Path
	case zkapi.OpSetACL:
		o.call.path, o.call.version, o.call.acl = q.SetACL.Path, q.SetACL.Version, q.SetACL.ACL
	case zkapi.OpAuth:
		o.call.path, o.call.data = q.Auth.Scheme, q.Auth.Auth
	case zkapi.OpAddWatch, zkapi.OpRemoveWatches:
		o.call.path, o.kind = q.Watch.Path, q.Watch.Type
	case zkapi.OpMulti, zkapi.OpMultiRead:
		for _, op := range q.Ops {
			o.ops = append(o.ops, zkapi.Op{Type: op.Type, Path: op.Path, Data: op.Data, ACL: op.ACL, TTL: time.Duration(op.TTL) * time.Millisecond, Mode: zkapi.CreateMode(op.Flags), Version: op.Version})
		}
	}
	return o
}

var verbs = map[zkapi.OpCode][2]verb{ // without a watch, and with one
	zkapi.OpCreate: {verbCreate}, zkapi.OpCreate2: {verbCreate2}, zkapi.OpCreateContainer: {verbCreate},
	zkapi.OpCreateTTL: {verbCreateTTL}, zkapi.OpDelete: {verbDelete}, zkapi.OpSetData: {verbSet}, zkapi.OpSetACL: {verbSetACL},
	zkapi.OpMulti: {verbMulti}, zkapi.OpMultiRead: {verbMultiRead}, zkapi.OpCloseSession: {verbClose},
	zkapi.OpExists: {verbExists, verbExistsW}, zkapi.OpGetData: {verbGet, verbGetW},
	zkapi.OpGetChildren: {verbChildren, verbChildrenW}, zkapi.OpGetChildren2: {verbChildren, verbChildrenW},
	zkapi.OpGetACL: {verbGetACL}, zkapi.OpGetAllChildrenNumber: {verbAllChildrenNumber}, zkapi.OpGetEphemerals: {verbEphemerals},
	zkapi.OpSync: {verbSync}, zkapi.OpAuth: {verbAddAuth}, zkapi.OpWhoAmI: {verbWhoAmI}, zkapi.OpAddWatch: {verbAddWatch},
	zkapi.OpRemoveWatches: {verbRemoveWatches}, zkapi.OpReconfig: {verbReconfig},
}

func verbOf(code zkapi.OpCode, watch bool) verb {
	v, ok := verbs[code]
	switch {
	case !ok:
		return verbOther
	case watch && v[1] != 0:
		return v[1]
	}
	return v[0]
}

func (l *wired) up() bool       { return l.near != nil && l.ready }
func (l *wired) away() bool     { return false } // it dials by itself
func (l *wired) session() int64 { return l.id }
func (l *wired) waiting() int   { return len(l.down) }

func (l *wired) next() memserver.Arrival {
	a := l.down[0]
	return memserver.Arrival{Event: zkapi.Event{Type: a.event.Type, Path: a.event.Path, Zxid: max(a.zxid, 0)}, Lost: a.frame == nil}
}

func (l *wired) deliver() {
	a := l.down[0]
	l.down = l.down[1:]
	if a.frame == nil {
		l.cut()
		return
	}
	l.zxid = max(l.zxid, a.zxid)
	writeFrame(l.near, a.frame)
}

func (l *wired) missed(d *ledger) { d.mark(l.zxid) }

func (l *wired) underWay(d *ledger) {
	d.int(len(l.down))
	for _, a := range l.down {
		d.flag(a.frame == nil)
		d.int(int(a.event.Type))
		d.text(a.event.Path)
		d.mark(max(a.zxid, 0))
	}
}

// perform sends a request on. What comes back waits until the reply is let through.
func (l *wired) perform(o *operation) {
	writeFrame(l.far, o.frame)
	l.run.settle()
	for _, a := range l.down {
		if a.frame != nil && a.xid == o.xid {
			l.understand(o, a.frame)
		}
	}
}

func (l *wired) unheard(o *operation) { l.perform(o) }

// understand reads a reply.
func (l *wired) understand(o *operation, frame []byte) {
	r := wire.NewReader(frame)
	if o.verb == verbConnect {
		var p wire.ConnectResponse
		p.Read(&r)
		l.id, l.ready = p.SessionID, p.TimeOut > 0
		return
	}
	var h wire.ReplyHeader
	exists := o.verb == verbExists || o.verb == verbExistsW
	if h.Read(&r); h.Err != 0 {
		if !exists || h.Err != zkapi.ErrNoNode { // which is an answer
			o.answer.err = h.Err
		}
		return
	}
	var p wire.Reply
	p.Read(&r, o.code)
	o.answer.path, o.answer.stat, o.answer.data, o.names = p.Path, p.Stat, p.Data, p.Children
	o.answer.acl, o.count, o.answer.ids, o.ok = p.ACL, int(p.Total), p.IDs, exists
	for _, x := range p.Results {
		o.results = append(o.results, zkapi.OpResult{Type: x.Type, Path: x.Path, Stat: x.Stat, Data: x.Data, Children: x.Children, Err: x.Err.Err()})
	}
}

// reply lets the reply through; what was sent before it has gone already.
func (l *wired) reply(o *operation) {
	if o.done != nil { // a pause
		o.done <- struct{}{}
		return
	}
	if len(l.down) > 0 && l.down[0].frame != nil && l.down[0].xid == o.xid {
		l.deliver()
	}
}

func (l *wired) lose(*operation) {}

func (l *wired) cut() {
	l.run.mu.Lock()
	defer l.run.mu.Unlock()
	l.hangUpLocked()
}

func (l *wired) comeBack() {}
func (l *wired) close()    { l.cut() }
