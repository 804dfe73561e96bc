package transcript

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// Transcripts on a zkapi.Client: where an Instance has no Dial, the commands
// are calls of the clients that its Connect makes.

var (
	zxidWord  = regexp.MustCompile(`^zxid[+=-]-?\d+$`)
	zxidField = regexp.MustCompile(` ?\b(?:[cmp]zxid|zxid)=(?:now(?:[+-]\d+)?|-?\d+)( ?)`)
)

// notForClients says what of a transcript cannot be had from a zkapi.Client. The
// transcript ends there.
func notForClients(what string) error { return beyond{"no client shows ", what} }

// leave leaves out a command that changes nothing. The step that it belongs to
// is not compared then.
func (x *exec) leave() ([]string, error) {
	x.leftOut = true
	return nil, nil
}

// caller is a connection that is a client. What it has armed is kept by what
// the server keeps, a path and a kind of watch: whoever arms the same again is
// told of the same event.
type caller struct {
	zkapi.Client
	name    string
	session *session
	cut     bool
	added   bool // an identity
	watches map[slot]*watch
}

type slot struct {
	kind, path string
}

type watch struct {
	once   <-chan zkapi.Event
	stream *zkapi.Stream[zkapi.Event]
}

// next returns an event that has come.
func (w *watch) next() (e zkapi.Event, ok bool) {
	if w.stream != nil {
		e, ok, _ = w.stream.TryNext()
		return e, ok
	}
	select {
	case e, ok = <-w.once:
	default:
	}
	return e, ok
}

// call runs the commands that belong to a client.
func (x *exec) call(name, verb string, a *args, body []string) ([]string, error) {
	c := x.callers[name]
	switch {
	case verb == "handshake" && !a.has("session"): // it shows more than connecting
		now := x.now
		defer func() { x.leftOut, x.now, x.marks["now"] = true, now, now }()
		return x.connectClient(name, a)
	case verb == "connect":
		return x.connectClient(name, a)
	case c == nil:
		return nil, notForClients("frames of its own: " + verb)
	case verb == "close":
		if x.server.Disconnect == nil {
			return nil, notForClients("closing the connection and not the session")
		}
		c.cut = true
		return nil, x.server.Disconnect(c.Client)
	case verb == "reconnect":
		return x.reconnectClient(c, a)
	case verb == "events":
		lines := x.events(c)
		switch {
		case c.gone():
			lines = append(lines, "closed")
		case len(lines) == 0:
			lines = []string{"no event"}
		}
		return lines, nil
	case verb == "password" || verb == "id":
		return x.leave()
	case verb == "closed?" && c.gone():
		return append(x.events(c), "closed"), nil
	case verb == "closed?":
		return nil, notForClients("staying away from the server")
	case !isRequest(verb) || verb == "request":
		return nil, notForClients("frames of its own: " + verb)
	}
	r, err := x.request(verb, a, body)
	if err != nil {
		return nil, err
	}
	if c.gone() {
		return []string{"closed"}, nil
	}
	return x.ask(c, r)
}

// gone tells whether nothing can be asked of the client now.
func (c *caller) gone() bool {
	s := c.State()
	return c.cut || s == zkapi.StateClosed || s == zkapi.StateAuthFailed
}

func (x *exec) connectClient(name string, a *args) ([]string, error) {
	timeout := time.Duration(a.int32("timeout", 10000)) * time.Millisecond
	for _, key := range []string{"session", "password", "zxid", "readOnly", "protocol"} {
		if a.has(key) {
			return nil, notForClients("connecting with a " + key)
		}
	}
	if err := a.done(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := x.server.Connect(ctx, timeout)
	if err != nil {
		return nil, err
	}
	c := &caller{Client: client, name: name, watches: map[slot]*watch{}}
	c.session = &session{name: x.newSessionName(name), id: c.SessionID(), timeout: c.SessionTimeout()}
	x.sessions = append(x.sessions, c.session)
	x.callers[name] = c
	x.called = append(x.called, c)
	return []string{x.nowAs("connected timeout=" + fmt.Sprint(c.session.timeout.Milliseconds()))}, nil
}

// reconnectClient lets a client come back that was cut off. Clients bring their
// watches and their identities with them, so nothing can be said of those that do not.
func (x *exec) reconnectClient(c *caller, a *args) ([]string, error) {
	switch {
	case a.has("timeout") && time.Duration(a.int32("timeout", 0))*time.Millisecond != c.session.timeout:
		return nil, notForClients("coming back with another timeout")
	case len(c.watches) > 0 || c.added:
		return nil, notForClients("coming back without its watches and identities")
	case x.server.Disconnect == nil || x.server.Reconnect == nil:
		return nil, notForClients("coming back")
	}
	if err := a.done(); err != nil {
		return nil, err
	}
	if !c.cut {
		if err := x.server.Disconnect(c.Client); err != nil {
			return nil, err
		}
	}
	c.cut = false
	if err := x.server.Reconnect(c.Client); err != nil {
		return nil, err
	}
	if c.SessionID() != c.session.id {
		return nil, notForClients("asking for a session that is over")
	}
	return []string{x.nowAs("connected timeout=" + fmt.Sprint(c.SessionTimeout().Milliseconds()))}, nil
}

// nowAs prints a line behind the zxid, if the server tells it.
func (x *exec) nowAs(line string) string {
	if z := x.headerZxid(x.zxidNow()); z != "" {
		return z + " " + line
	}
	return line
}

// zxidNow is what a reply would have in its header.
func (x *exec) zxidNow() int64 {
	if x.server.Zxid == nil {
		return x.now
	}
	return x.server.Zxid()
}

// ask makes the call that a request is, and prints what comes of it.
func (x *exec) ask(c *caller, r *request) ([]string, error) {
	b := wire.NewReader(r.body)
	q := wire.Request{RequestHeader: wire.RequestHeader{Xid: r.xid, Type: r.op}}
	q.ReadBody(&b)
	if err := fitsClient(r, &q, &b); err != nil {
		if changesNothing(&q) {
			return x.leave()
		}
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := x.dispatch(ctx, c, &q)
	switch {
	case errors.As(err, new(beyond)):
		return nil, err
	case errors.Is(err, zkapi.ErrConnectionLoss):
		return append(x.events(c), "closed"), nil
	}
	h := wire.ReplyHeader{Xid: r.xid, Zxid: x.zxidNow()}
	if r.op == zkapi.OpAuth {
		h.Zxid = 0
	}
	var answer []byte
	if failedMulti := r.op == zkapi.OpMulti && len(reply.Results) > 0; err == nil || failedMulti {
		answer = reply.Append(nil, r.op)
	} else {
		h.Err = zkapi.CodeOf(err)
	}
	lines := x.events(c)
	rest := wire.NewReader(answer)
	return append(lines, x.showReply(r, h, &rest)...), nil
}

// fitsClient tells what cannot be said with a call.
func fitsClient(r *request, q *wire.Request, rest *wire.Reader) error {
	switch {
	case r.op == zkapi.OpCheckWatches:
		return notForClients("which watches the server has")
	case !r.plain:
		return notForClients("xids of its own")
	case rest.Err() != nil || rest.Len() > 0:
		return notForClients("malformed requests")
	case strings.Contains(string(r.body), "\xff\xff\xff\xff") && hasNull(q):
		return notForClients("null strings and lists")
	}
	return nil
}

// changesNothing tells whether a server is the same after a request.
func changesNothing(q *wire.Request) bool {
	switch q.Type {
	case zkapi.OpExists, zkapi.OpGetData, zkapi.OpGetChildren, zkapi.OpGetChildren2:
		return !q.Op.Watch
	case zkapi.OpGetACL, zkapi.OpSync, zkapi.OpGetAllChildrenNumber, zkapi.OpGetEphemerals, zkapi.OpWhoAmI,
		zkapi.OpCheckWatches, zkapi.OpMultiRead:
		return true
	}
	return false
}

// hasNull tells whether a request has a null where a call takes a string or a
// list that cannot be one. A nil ACL is the open one there.
func hasNull(q *wire.Request) bool {
	isNull := func(s string) bool { return s == wire.NullString }
	nullACL := func(acl []zkapi.ACL) bool {
		return acl == nil || slices.ContainsFunc(acl, func(a zkapi.ACL) bool { return isNull(a.Scheme) || isNull(a.ID) })
	}
	creates := func(o *wire.Op) bool {
		return slices.Contains([]zkapi.OpCode{zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL}, o.Type)
	}
	ops := q.Ops
	if q.Op.Type != 0 {
		ops = []wire.Op{q.Op}
	}
	return isNull(q.Path.Path) || isNull(q.Watch.Path) || isNull(q.SetACL.Path) || isNull(q.Auth.Scheme) ||
		q.Type == zkapi.OpSetACL && nullACL(q.SetACL.ACL) ||
		slices.ContainsFunc(ops, func(o wire.Op) bool { return isNull(o.Path) || creates(&o) && nullACL(o.ACL) })
}

// dispatch makes the call. The results of a multi are there, too, if it fails.
func (x *exec) dispatch(ctx context.Context, c *caller, q *wire.Request) (p wire.Reply, err error) {
	o := &q.Op
	switch q.Type {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		return create(ctx, c, o)
	case zkapi.OpDelete:
		return p, c.Delete(ctx, o.Path, o.Version)
	case zkapi.OpSetData:
		p.Stat, err = c.Set(ctx, o.Path, o.Data, o.Version)
	case zkapi.OpExists, zkapi.OpGetData, zkapi.OpGetChildren, zkapi.OpGetChildren2:
		return c.read(ctx, o)
	case zkapi.OpGetACL:
		p.ACL, p.Stat, err = c.GetACL(ctx, q.Path.Path)
	case zkapi.OpSetACL:
		p.Stat, err = c.SetACL(ctx, q.SetACL.Path, q.SetACL.ACL, q.SetACL.Version)
	case zkapi.OpSync:
		p.Path = q.Path.Path // which a client does not show again
		return p, c.Sync(ctx, q.Path.Path)
	case zkapi.OpGetAllChildrenNumber:
		total, err := c.AllChildrenNumber(ctx, q.Path.Path)
		return wire.Reply{Total: int32(total)}, err
	case zkapi.OpGetEphemerals:
		p.Children, err = c.Ephemerals(ctx, q.Path.Path)
	case zkapi.OpMulti, zkapi.OpMultiRead:
		return multi(ctx, c, q)
	case zkapi.OpAuth:
		c.added = true
		return p, c.AddAuth(ctx, q.Auth.Scheme, q.Auth.Auth)
	case zkapi.OpWhoAmI:
		p.IDs, err = c.WhoAmI(ctx)
	case zkapi.OpAddWatch:
		return p, c.addWatch(ctx, q.Watch.Path, zkapi.WatchMode(q.Watch.Type))
	case zkapi.OpRemoveWatches:
		return p, c.RemoveWatches(ctx, q.Watch.Path, zkapi.WatchType(q.Watch.Type))
	case zkapi.OpReconfig:
		p.Data, p.Stat, err = c.Reconfig(ctx, reconfigOf(&q.Reconfig))
	case zkapi.OpPing:
	case zkapi.OpCloseSession:
		c.session.ended = true
		return p, c.Close()
	default:
		return p, notForClients(q.Type.String())
	}
	return p, err
}

func reconfigOf(q *wire.ReconfigRequest) zkapi.Reconfig {
	plain := func(s string) string {
		if s == wire.NullString {
			return ""
		}
		return s
	}
	return zkapi.Reconfig{Joining: plain(q.JoiningServers), Leaving: plain(q.LeavingServers),
		NewMembers: plain(q.NewMembers), Version: q.CurConfigID}
}

func create(ctx context.Context, c zkapi.Client, o *wire.Op) (p wire.Reply, err error) {
	mode := zkapi.CreateMode(o.Flags)
	switch {
	case (o.Type == zkapi.OpCreateContainer) != (mode == zkapi.Container):
		return p, notForClients("createContainer with other flags, and its flag elsewhere")
	case o.Type == zkapi.OpCreateTTL:
		p.Path, p.Stat, err = c.CreateTTL(ctx, o.Path, o.Data, o.ACL, mode, time.Duration(o.TTL)*time.Millisecond)
	case o.Type == zkapi.OpCreate:
		p.Path, err = c.Create(ctx, o.Path, o.Data, o.ACL, mode)
	default:
		p.Path, p.Stat, err = c.Create2(ctx, o.Path, o.Data, o.ACL, mode)
	}
	return p, err
}

// read makes one of the calls that may watch.
func (c *caller) read(ctx context.Context, o *wire.Op) (p wire.Reply, err error) {
	var events <-chan zkapi.Event
	kind, found := "data", true
	switch {
	case o.Type == zkapi.OpExists && o.Watch:
		p.Stat, found, events, err = c.ExistsW(ctx, o.Path)
	case o.Type == zkapi.OpExists:
		p.Stat, found, err = c.Exists(ctx, o.Path)
	case o.Type == zkapi.OpGetData && o.Watch:
		p.Data, p.Stat, events, err = c.GetW(ctx, o.Path)
	case o.Type == zkapi.OpGetData:
		p.Data, p.Stat, err = c.Get(ctx, o.Path)
	case o.Watch:
		kind = "child"
		p.Children, p.Stat, events, err = c.ChildrenW(ctx, o.Path)
	default:
		p.Children, p.Stat, err = c.Children(ctx, o.Path)
	}
	if at := (slot{kind, o.Path}); events != nil && c.watches[at] == nil {
		c.watches[at] = &watch{once: events}
	}
	if err == nil && !found {
		err = zkapi.ErrNoNode
	}
	return p, err
}

func (c *caller) addWatch(ctx context.Context, path string, mode zkapi.WatchMode) error {
	stream, err := c.AddWatch(ctx, path, mode)
	if at := (slot{fmt.Sprint("mode ", mode), path}); err == nil && c.watches[at] == nil {
		c.watches[at] = &watch{stream: stream}
	}
	return err
}

// multi makes the calls of several operations at once.
func multi(ctx context.Context, c zkapi.Client, q *wire.Request) (p wire.Reply, err error) {
	var ops []zkapi.Op
	for _, o := range q.Ops {
		if container := o.Flags == int32(zkapi.Container); container != (o.Type == zkapi.OpCreateContainer) {
			return p, notForClients("createContainer with other flags, and its flag elsewhere")
		}
		ops = append(ops, zkapi.Op{Type: o.Type, Path: o.Path, Data: o.Data, ACL: o.ACL, Mode: zkapi.CreateMode(o.Flags),
			TTL: time.Duration(o.TTL) * time.Millisecond, Version: o.Version})
	}
	call := c.Multi
	if q.Type == zkapi.OpMultiRead {
		call = c.MultiRead
	}
	results, err := call(ctx, ops...)
	for _, r := range results {
		m := wire.MultiResult{Type: r.Type, Path: r.Path, Stat: r.Stat, Data: r.Data, Children: r.Children, Err: zkapi.CodeOf(r.Err)}
		switch {
		case r.Err != nil || err != nil: // and what a multi did before it failed, it has not done
			m.Type = zkapi.OpErr
		case r.Type == zkapi.OpCreateContainer || r.Type == zkapi.OpCreateTTL:
			m.Type = zkapi.OpCreate2
		case r.Type == zkapi.OpCreate2 && r.Stat.Czxid == 0: // which 3.8 takes for a create
			m.Type = zkapi.OpCreate
		}
		p.Results = append(p.Results, m)
	}
	return p, err
}

// events prints what has come for a client. A server tells a connection once of
// an event, however many of its watches it fires; a client tells it by each.
// What clients make up themselves, such as the end of a watch, is left out.
func (x *exec) events(c *caller) []string {
	type event struct {
		kind zkapi.EventType
		path string
		zxid int64
	}
	most := map[event]int{}
	for at, w := range c.watches {
		seen := map[event]int{}
		for {
			e, ok := w.next()
			if !ok {
				break
			}
			if w.once != nil {
				delete(c.watches, at)
			}
			if e.Type >= zkapi.EventNodeCreated && e.Type <= zkapi.EventNodeChildrenChanged {
				seen[event{e.Type, e.Path, e.Zxid}]++
			}
		}
		for e, n := range seen {
			most[e] = max(most[e], n)
		}
	}
	var lines []string
	for e, n := range most {
		b := wire.AppendString(wire.AppendInt(wire.AppendInt(nil, int32(e.kind)), 3), e.path)
		body := wire.NewReader(b)
		line := x.showEvent(wire.ReplyHeader{Xid: wire.XidNotification, Zxid: e.zxid}, &body)
		for range n {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// asClientsSee leaves out of what is expected, and of what was printed, what a
// zkapi.Client does not show: the order of events of different watches, the
// zxids of replies to auth, and all zxids unless the server tells the latest.
func (x *exec) asClientsSee(lines []string) []string {
	var out []string
	for i := 0; i < len(lines); i++ {
		start := i
		for i < len(lines) && strings.HasPrefix(lines[i], "event ") {
			i++
		}
		events := slices.Clone(lines[start:i])
		slices.Sort(events)
		out = append(out, events...)
		if i < len(lines) {
			out = append(out, lines[i])
		}
	}
	if x.server.Zxid != nil {
		return out
	}
	for i, line := range out {
		words := slices.DeleteFunc(strings.Fields(line), func(w string) bool { return zxidWord.MatchString(w) })
		line = zxidField.ReplaceAllString(strings.Join(words, " "), "$1")
		if out[i] = line; line == "" {
			out[i] = "ok"
		}
	}
	return out
}
