package frames

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// Server is one of the two that are compared.
type Server interface {
	Dial() (net.Conn, error)
	Close() error
}

// Names are what reports call the two sides.
var Names = [2]string{"sim", "real"}

// Super is the super user that both servers must be set up with.
const Super = "super:secret"

// Settings are what both servers of every profile must be started with, under
// ZooKeeper's names: nothing may happen by itself while histories run.
var Settings = map[string]string{
	"tickTime":                                 "2000",
	"minSessionTimeout":                        "100000",
	"maxSessionTimeout":                        "1000000",
	"maxClientCnxns":                           "0",
	"znode.container.checkIntervalMs":          "2000000000",
	"extendedTypesEnabled":                     "true",
	"DigestAuthenticationProvider.superDigest": zkapi.DigestID(Super),
}

// Root is the node below which histories work. It is made before each.
const Root = "/h"

// Pair is two servers that are told the same. It is for one goroutine.
type Pair struct {
	Profile  *Profile
	Matrix   *Matrix
	Requests int // so far
	Restarts int
	Eager    bool // listen to all links after every exchange: slower, and easier to read
	start    [2]func() (Server, error)
	servers  [2]Server
	scales   [2]*scale
	admin    *link
	dirty    bool // the last history has left something behind
	broken   bool // a server must be started again
}

// Open starts both servers: the simulator, then the real one.
func Open(p *Profile, sim, real func() (Server, error)) (*Pair, error) {
	pair := &Pair{Profile: p, Matrix: NewMatrix(), start: [2]func() (Server, error){sim, real}}
	if err := pair.open(); err != nil {
		return nil, errors.Join(err, pair.Close())
	}
	return pair, nil
}

func (p *Pair) open() error {
	p.broken, p.dirty = false, false
	for i, start := range p.start {
		// The clock's milliseconds are cut off, not rounded.
		p.scales[i] = &scale{started: time.Now().Add(-time.Millisecond), times: make(map[int64]int64)}
		srv, err := start()
		if err != nil {
			return err
		}
		p.servers[i] = srv
	}
	return p.openAdmin()
}

// Close stops both servers.
func (p *Pair) Close() (err error) {
	if p.admin != nil {
		p.admin.close()
		p.admin = nil
	}
	for i, srv := range p.servers {
		if srv != nil {
			err = errors.Join(err, srv.Close())
			p.servers[i] = nil
		}
	}
	return err
}

// link is a connection to both servers.
type link struct {
	name    string
	conns   [2]*conn
	session *session
	xid     int32
}

func (l *link) open() bool { return l != nil && !l.conns[0].closed && !l.conns[1].closed }

func (l *link) close() {
	for _, c := range l.conns {
		if c != nil && !c.closed {
			c.close()
		}
	}
}

// session is one session on both servers.
type session struct {
	id     [2]int64
	passwd [2][]byte
	ended  bool
}

// run is a history while it runs.
type run struct {
	*Pair
	links    [Links]*link
	sessions []*session
	log      []*Exchange
	fresh    int // links that were ever opened, for their names
}

// Exchange is what was sent on one connection, and what has come of it on both sides.
type Exchange struct {
	Step    int
	Link    string
	Connect *Connect
	Drop    bool
	Raw     []byte
	Sent    []Request
	xids    []int32
	got     [2]outcome
}

// introduction is what a connection must say first where authentication is enforced.
var introduction = Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte("u3:p3")}

// errDifferent ends a history.
var errDifferent = errors.New("the answers differ")

// Run runs a history on both servers. It returns nil if they behave alike. The
// error says that a server could not be started.
func (p *Pair) Run(h History) (*Difference, error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	x := &run{Pair: p}
	p.dirty = true
	err := x.run(h)
	if err == nil {
		p.dirty = false
		return nil, nil
	}
	x.recover()
	return &Difference{History: h, Profile: p.Profile.Name, log: x.log, err: err}, nil
}

// ready starts the servers again if they are not as they should be.
func (p *Pair) ready() error {
	if p.dirty && !p.broken {
		p.broken = p.resync() != nil
	}
	if !p.broken {
		return nil
	}
	p.Restarts++
	if err := p.Close(); err != nil {
		return err
	}
	return p.open()
}

func (x *run) run(h History) error {
	if err := x.begin(); err != nil {
		return err
	}
	if _, err := x.ask(x.admin, Request{Op: zkapi.OpCreate, Path: Root, Data: []byte{}, ACL: openACL}); err != nil {
		return err
	}
	x.log = nil
	for i := range h {
		if err := x.step(i+1, &h[i]); err != nil {
			return err
		}
	}
	return x.finish()
}

func (x *run) step(n int, s *Step) error {
	l := x.links[s.Link%Links]
	if s.Drop {
		if !l.open() {
			return nil
		}
		return x.drop(n, l)
	}
	base := x.scales[0].base()
	batches := x.Profile.batches(s.Send, base)
	if s.Connect != nil || !l.open() {
		c := s.Connect
		if c == nil {
			c = &Connect{Timeout: 200_000}
		}
		if l.open() {
			if err := x.drop(n, l); err != nil {
				return err
			}
		}
		var first []Request
		if s.Connect != nil && s.Raw == nil && len(batches) > 0 && !x.Profile.alone(batches[0][0].Op) {
			first, batches = batches[0], batches[1:]
		}
		if err := x.connect(n, s.Link%Links, c, first); err != nil {
			return err
		}
		l = x.links[s.Link%Links]
		if s.Connect == nil && x.Profile.EnforcesAuth && l.open() {
			if err := x.exchange(&Exchange{Step: n, Sent: []Request{introduction}}, l); err != nil {
				return err
			}
		}
	}
	for _, batch := range batches {
		if !l.open() {
			return nil
		}
		if err := x.exchange(&Exchange{Step: n, Sent: batch}, l); err != nil {
			return err
		}
	}
	if s.Raw != nil && l.open() {
		return x.exchange(&Exchange{Step: n, Raw: s.Raw}, l)
	}
	return nil
}

// drop hangs up. What came unasked meanwhile must be the same.
func (x *run) drop(n int, l *link) error {
	if err := x.listen(n, []*link{l}); err != nil || !l.open() {
		return err
	}
	e := &Exchange{Step: n, Link: l.name, Drop: true}
	for i, c := range l.conns {
		e.got[i] = c.hangUp()
	}
	return x.compare(e)
}

// connect opens a link.
func (x *run) connect(n, at int, c *Connect, first []Request) error {
	l := &link{name: fmt.Sprintf("%c%d", 'A'+at, x.fresh)}
	x.fresh++
	s := &session{id: [2]int64{}, passwd: [2][]byte{make([]byte, 16), make([]byte, 16)}}
	known := (*session)(nil)
	switch {
	case c.Session > 0 && len(x.sessions) > 0:
		known = x.sessions[(c.Session-1)%len(x.sessions)]
		s = known
	case c.Session < 0:
		for i, sc := range x.scales {
			s.id[i] = sc.session + int64(1<<30) - int64(c.Session)
		}
	}
	e := &Exchange{Step: n, Link: l.name, Connect: c, Sent: first}
	for i, srv := range x.servers {
		nc, err := srv.Dial()
		if err != nil {
			x.broken = true
			return fmt.Errorf("%s cannot be reached: %w", Names[i], err)
		}
		l.conns[i] = newConn(x.scales[i], nc)
		l.conns[i].silent = x.Profile.EnforcesAuth
		l.conns[i].pending = append(l.conns[i].pending, asked{connect: true, index: -1})
	}
	if err := x.listen(n, x.links[:]); err != nil { // the session may be taken from one of them
		return err
	}
	x.links[at] = l
	x.send(e, l, func(i int) []byte { return c.frame(nil, s.id[i], s.passwd[i], x.scales[i].base()) })
	if a, b := e.got[0].session, e.got[1].session; a != 0 && b != 0 {
		if known == nil || a != known.id[0] || b != known.id[1] {
			known = &session{id: [2]int64{a, b}, passwd: [2][]byte{e.got[0].passwd, e.got[1].passwd}}
			x.sessions = append(x.sessions, known)
		}
		l.session = known
	}
	return x.after(e, l)
}

// exchange sends requests on a link and compares what comes, there and
// elsewhere.
func (x *run) exchange(e *Exchange, l *link) error {
	e.Link = l.name
	if e.ends(x.Profile) {
		if err := x.listen(e.Step, []*link{l}); err != nil || !l.open() {
			return err
		}
	}
	x.send(e, l, func(int) []byte { return append([]byte(nil), e.Raw...) })
	return x.after(e, l)
}

// send writes to both sides, then reads from both. The real server is the
// slower one, and works while the simulator does.
func (x *run) send(e *Exchange, l *link, head func(side int) []byte) {
	for i := range e.Sent {
		if xid := e.Sent[i].Xid; xid != nil {
			e.xids = append(e.xids, *xid)
		} else {
			l.xid++
			e.xids = append(e.xids, l.xid)
		}
	}
	for _, side := range []int{1, 0} {
		c, b := l.conns[side], head(side)
		for i := range e.Sent {
			r := &e.Sent[i]
			b = r.frame(b, e.xids[i], x.scales[side].base())
			c.pending = append(c.pending, asked{op: r.Op, xid: e.xids[i], index: i})
		}
		for i := range e.Sent {
			if e.Sent[i].Op == zkapi.OpAuth && e.Sent[i].Scheme == "digest" {
				c.silent = false
			}
		}
		if e.ends(x.Profile) {
			if e.Raw != nil {
				c.pending = append(c.pending, asked{index: -1, xid: noXid})
			}
			c.write(b)
		} else {
			c.barrier(b)
		}
	}
	for side, c := range l.conns {
		if e.ends(x.Profile) {
			e.got[side] = c.collectToEnd()
		} else {
			e.got[side] = c.collect()
		}
	}
}

// ends tells whether the server may close the connection.
func (e *Exchange) ends(p *Profile) bool {
	if len(e.Sent) == 0 {
		return e.Connect != nil || e.Raw != nil
	}
	last := e.Sent[len(e.Sent)-1].Op
	return last == zkapi.OpCloseSession || p.alone(last)
}

// noXid is no reply's xid: what has it waits for the end of the connection.
const noXid = -0x5ca1ab1e

// after compares, and notes what has become of the session.
func (x *run) after(e *Exchange, l *link) error {
	if err := x.compare(e); err != nil {
		return err
	}
	if i := slices.IndexFunc(e.Sent, func(r Request) bool { return r.Op == zkapi.OpCloseSession }); i >= 0 && l.session != nil && !l.open() {
		l.session.ended = true
	}
	if x.Eager && l != x.admin {
		others := slices.DeleteFunc(slices.Clone(x.links[:]), func(other *link) bool { return other == l })
		return x.listen(e.Step, others)
	}
	return nil
}

// listen collects what was sent unasked on some links. For the most part it
// does not matter when that is done, since all that comes on a link has an
// order, its replies included. But it must be done before the server may have
// a reason to close the link: a real one does not wait until it has sent the
// events that are still on their way.
func (x *run) listen(step int, links []*link) error {
	links = slices.DeleteFunc(slices.Clone(links), func(l *link) bool { return !l.open() || l.conns[0].silent })
	for _, l := range links {
		for _, c := range l.conns {
			c.barrier(nil)
		}
	}
	for _, other := range links {
		b := &Exchange{Step: step, Link: other.name}
		for i, c := range other.conns {
			b.got[i] = c.collect()
		}
		if err := x.compare(b); err != nil {
			return err
		}
	}
	return nil
}

func (x *run) compare(e *Exchange) error {
	x.log = append(x.log, e)
	x.count(e)
	if !e.got[0].equal(&e.got[1]) {
		return errDifferent
	}
	if e.got[0].trouble != "" {
		return errors.New(e.got[0].trouble)
	}
	return nil
}

// ask sends requests on a link, all of which must be answered alike.
func (x *run) ask(l *link, reqs ...Request) (*outcome, error) {
	e := &Exchange{Sent: reqs}
	err := x.exchange(e, l)
	return &e.got[0], err
}

// finish compares the trees that the history has left, removes them under the
// eyes of the watches that are left, and ends the sessions.
func (x *run) finish() error {
	ask := func(reqs ...Request) (*outcome, error) { return x.ask(x.admin, reqs...) }
	if err := clean(ask); err != nil {
		return err
	}
	if err := x.listen(0, x.links[:]); err != nil {
		return err
	}
	for _, s := range x.sessions {
		if s.ended {
			continue
		}
		at := slices.IndexFunc(x.links[:], func(l *link) bool { return l.open() && l.session == s })
		if at < 0 {
			at = Links - 1
			if l := x.links[at]; l.open() {
				if err := x.drop(0, l); err != nil {
					return err
				}
			}
			c := &Connect{Timeout: 200_000, Session: slices.Index(x.sessions, s) + 1}
			if err := x.connect(0, at, c, nil); err != nil {
				return err
			}
		}
		if x.Profile.EnforcesAuth && x.links[at].open() {
			if _, err := x.ask(x.links[at], introduction); err != nil {
				return err
			}
		}
		if x.links[at].open() {
			if _, err := x.ask(x.links[at], Request{Op: zkapi.OpCloseSession}); err != nil {
				return err
			}
		}
	}
	for _, l := range x.links {
		if l.open() {
			if err := x.drop(0, l); err != nil {
				return err
			}
		}
	}
	if x.Profile.V38 { // where one connection can ask for the watches of all
		var reqs []Request
		for _, path := range slices.Concat(nodes, quotas, shared) {
			reqs = append(reqs, Request{Op: zkapi.OpCheckWatches, Path: path, Type: 3})
		}
		o, err := ask(reqs...)
		if err != nil {
			return err
		}
		for _, a := range o.answers {
			if a.kind == isReply && codeOf(a) == 0 {
				return fmt.Errorf("a watch on %q is left", reqs[a.index].Path)
			}
		}
	}
	return nil
}

// recover brings each side by itself to where it was before the history.
func (x *run) recover() {
	for _, l := range x.links {
		if l != nil {
			for _, c := range l.conns {
				if c != nil {
					c.hangUp()
				}
			}
		}
	}
	for _, s := range x.sessions {
		for i := range x.servers {
			if !s.ended {
				x.end(i, s.id[i], s.passwd[i])
			}
		}
	}
	for i, c := range x.admin.conns {
		ask := func(reqs ...Request) (*outcome, error) { return askOne(c, x.scales[i].base(), reqs) }
		if err := clean(ask); err != nil {
			x.broken = true
			return
		}
	}
}

// end ends a session on one side.
func (x *run) end(side int, id int64, passwd []byte) {
	nc, err := x.servers[side].Dial()
	if err != nil {
		x.broken = true
		return
	}
	c := newConn(x.scales[side], nc)
	defer c.close()
	connect := Connect{Timeout: 200_000}
	base := x.scales[side].base()
	b := connect.frame(nil, id, passwd, base)
	c.pending = append(c.pending, asked{connect: true})
	if x.Profile.EnforcesAuth {
		b = introduction.frame(b, 1, base)
		c.pending = append(c.pending, asked{op: zkapi.OpAuth, xid: 1})
	}
	b = (&Request{Op: zkapi.OpCloseSession}).frame(b, 2, base)
	c.pending = append(c.pending, asked{op: zkapi.OpCloseSession, xid: 2})
	c.write(b)
	c.collect()
}

func askOne(c *conn, base int64, reqs []Request) (*outcome, error) {
	if c.closed {
		return nil, errors.New("closed")
	}
	var b []byte
	for i := range reqs {
		b = reqs[i].frame(b, int32(i+1), base)
		c.pending = append(c.pending, asked{op: reqs[i].Op, xid: int32(i + 1), index: i})
	}
	c.barrier(b)
	o := c.collect()
	if o.closed || o.trouble != "" {
		return nil, fmt.Errorf("closed (%s)", o.trouble)
	}
	return &o, nil
}

// resync makes sure, after a difference, that the nodes which are always there
// are alike again, and learns what numbers the servers have come to.
func (p *Pair) resync() error {
	p.admin.close()
	if err := p.openAdmin(); err != nil {
		return err
	}
	for i, path := range builtIn {
		var acls, stats [2][]byte
		for side, c := range p.admin.conns {
			p.scales[side].raw = true
			o, err := askOne(c, 0, []Request{{Op: zkapi.OpExists, Path: Text(path)}, {Op: zkapi.OpGetACL, Path: Text(path)}})
			p.scales[side].raw = false
			if err != nil {
				return err
			}
			stats[side] = o.answers[0].payload[16:]
			acl := wire.NewReader(o.answers[1].payload[16:])
			acls[side] = wire.AppendACLs(nil, acl.ACLs(nil))
			p.scales[side].alias(stats[side], i)
		}
		if !bytes.Equal(acls[0], acls[1]) || !bytes.Equal(stats[0], stats[1]) {
			return fmt.Errorf("%s differs", path)
		}
	}
	p.dirty = false
	return nil
}

// openAdmin opens the connection that prepares and cleans up. It is not
// compared: the numbers of the two sides are only known afterwards.
func (p *Pair) openAdmin() error {
	l := &link{name: "admin"}
	for i, srv := range p.servers {
		nc, err := srv.Dial()
		if err != nil {
			return fmt.Errorf("%s cannot be reached: %w", Names[i], err)
		}
		c := newConn(p.scales[i], nc)
		l.conns[i] = c
		c.pending = append(c.pending, asked{connect: true}, asked{op: zkapi.OpAuth, xid: 1})
		b := (&Connect{Timeout: 1_000_000}).frame(nil, 0, make([]byte, wire.PasswordLen), 0)
		auth := Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte(Super)}
		c.write(auth.frame(b, 1, 0))
		if o := c.collect(); o.closed || o.session == 0 {
			return fmt.Errorf("%s does not take a connection: %s", Names[i], o.trouble)
		}
	}
	p.admin = l
	return p.begin()
}

// begin makes both sides count from here.
func (p *Pair) begin() error {
	for i, c := range p.admin.conns {
		if _, err := askOne(c, 0, nil); err != nil {
			p.broken = true
			return fmt.Errorf("%s: %w", Names[i], err)
		}
		p.scales[i].begin()
	}
	return nil
}

var openACL = []ACL{{31, "world", "anyone"}}

// builtIn are the nodes that are always there, and how they are born.
var builtIn = []string{"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"}

func builtInACL(path string) []ACL {
	if path == "/zookeeper/config" {
		return []ACL{{1, "world", "anyone"}}
	}
	return openACL
}

// clean removes all nodes and restores those that cannot be removed.
func clean(ask func(...Request) (*outcome, error)) error {
	paths, repairs, err := walk(ask)
	if err != nil {
		return err
	}
	// Quotas first, so that the rest is neither counted nor refused.
	var reqs, rest []Request
	for _, path := range paths {
		r := Request{Op: zkapi.OpDelete, Path: Text(path), Version: -1}
		if strings.HasPrefix(path, quotaRoot) {
			reqs = append(reqs, r)
		} else {
			rest = append(rest, r)
		}
	}
	reqs = append(append(reqs, repairs...), rest...)
	if len(reqs) == 0 {
		return nil
	}
	o, err := ask(reqs...)
	if err != nil {
		return err
	}
	for _, a := range o.answers {
		if code := codeOf(a); a.kind == isReply && code != 0 {
			return fmt.Errorf("cleaning up: %s %q: %v", reqs[a.index].Op, reqs[a.index].Path, code)
		}
	}
	return nil
}

// walk reads the whole tree, by levels. It returns the nodes to delete,
// children first, and what restores the others.
func walk(ask func(...Request) (*outcome, error)) (paths []string, repairs []Request, err error) {
	for level := []string{"/"}; len(level) > 0; {
		var reqs []Request
		for _, path := range level {
			p := Text(path)
			reqs = append(reqs, Request{Op: zkapi.OpGetData, Path: p}, Request{Op: zkapi.OpGetACL, Path: p},
				Request{Op: zkapi.OpGetChildren, Path: p})
		}
		o, err := ask(reqs...)
		if err != nil {
			return nil, nil, err
		}
		var next []string
		for _, a := range o.answers {
			if a.kind != isReply || codeOf(a) != 0 {
				continue
			}
			path := level[a.index/3]
			var p wire.Reply
			b := wire.NewReader(a.payload[16:])
			p.Read(&b, a.op)
			own := slices.Contains(builtIn, path)
			switch a.op {
			case zkapi.OpGetData:
				if own && (len(p.Data) > 0 || p.Data == nil) {
					repairs = append(repairs, Request{Op: zkapi.OpSetData, Path: Text(path), Data: []byte{}, Version: -1})
				}
			case zkapi.OpGetACL:
				if acl := builtInACL(path); own && (len(p.ACL) != 1 || ACL{int32(p.ACL[0].Perms), Text(p.ACL[0].Scheme), Text(p.ACL[0].ID)} != acl[0]) {
					repairs = append(repairs, Request{Op: zkapi.OpSetACL, Path: Text(path), ACL: acl, Version: -1})
				}
			case zkapi.OpGetChildren:
				for _, name := range p.Children {
					next = append(next, strings.TrimSuffix(path, "/")+"/"+name)
				}
			}
		}
		for _, path := range next {
			if !slices.Contains(builtIn, path) {
				paths = append(paths, path)
			}
		}
		level = next
	}
	slices.Reverse(paths)
	return paths, repairs, nil
}

// codeOf is the code in the header of a reply.
func codeOf(a answer) zkapi.Code {
	b := wire.NewReader(a.payload)
	var h wire.ReplyHeader
	h.Read(&b)
	return h.Err
}
