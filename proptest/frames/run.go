package frames

import (
	"errors"
	"fmt"
	"slices"

	"github.com/zksim/zksim/zkapi"
)

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
	log      []*round
	fresh    int // links that were ever opened, for their names
}

// round is what was sent on one connection, and what has come of it on both sides.
type round struct {
	step    int // in the history, from 1; 0 is before and after it
	link    string
	connect *Connect
	drop    bool
	raw     []byte
	word    string
	sent    []Request
	xids    []int32
	got     [2]outcome
}

// introduction is what a connection must say first where authentication is enforced.
var introduction = Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte("u3:p3")}

// errDifferent ends a history.
var errDifferent = errors.New("the answers differ")

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
	if s.Word != "" {
		return x.word(n, s.Word)
	}
	l := x.links[s.Link%Links]
	if s.Drop {
		if !l.open() {
			return nil
		}
		return x.drop(n, l)
	}
	silent := x.Profile.EnforcesAuth && (s.Connect != nil || l.open() && l.conns[0].silent)
	batches := x.Profile.batches(s.Send, x.scales[0].base(), silent)
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
		if s.Connect != nil && !silent && len(batches) > 0 && !x.Profile.alone(batches[0][0].Op) {
			first, batches = batches[0], batches[1:]
		}
		if err := x.connect(n, s.Link%Links, c, first); err != nil {
			return err
		}
		l = x.links[s.Link%Links]
		if s.Connect == nil && x.Profile.EnforcesAuth && l.open() {
			if err := x.exchange(&round{step: n, sent: []Request{introduction}}, l); err != nil {
				return err
			}
		}
	}
	for _, batch := range batches {
		if !l.open() {
			return nil
		}
		if err := x.exchange(&round{step: n, sent: batch}, l); err != nil {
			return err
		}
	}
	if s.Raw != nil && l.open() {
		return x.exchange(&round{step: n, raw: s.Raw}, l)
	}
	return nil
}

// drop hangs up. What came unasked meanwhile must be the same.
func (x *run) drop(n int, l *link) error {
	if err := x.listen(n, []*link{l}); err != nil || !l.open() {
		return err
	}
	e := &round{step: n, link: l.name, drop: true}
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
	e := &round{step: n, link: l.name, connect: c, sent: first}
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
func (x *run) exchange(e *round, l *link) error {
	e.link = l.name
	if x.ends(e, l) {
		if err := x.listen(e.step, []*link{l}); err != nil || !l.open() {
			return err
		}
	}
	x.send(e, l, func(int) []byte { return append([]byte(nil), e.raw...) })
	return x.after(e, l)
}

// send writes to both sides, then reads from both. The real server is the
// slower one, and works while the simulator does.
func (x *run) send(e *round, l *link, head func(side int) []byte) {
	for i := range e.sent {
		if xid := e.sent[i].Xid; xid != nil {
			e.xids = append(e.xids, *xid)
		} else {
			l.xid++
			e.xids = append(e.xids, l.xid)
		}
	}
	ends := x.ends(e, l)
	for _, side := range []int{1, 0} {
		c, b := l.conns[side], head(side)
		for i := range e.sent {
			r := &e.sent[i]
			b = r.frame(b, e.xids[i], x.scales[side].base())
			c.pending = append(c.pending, asked{op: r.Op, xid: e.xids[i], index: i})
		}
		if len(e.sent) > 0 && e.sent[0].Op == zkapi.OpAuth && e.sent[0].Scheme == "digest" {
			c.silent = false
		}
		if ends {
			if e.raw != nil {
				c.pending = append(c.pending, asked{index: -1, xid: noXid})
			}
			c.write(b)
		} else {
			c.barrier(b)
		}
	}
	for side, c := range l.conns {
		if ends {
			e.got[side] = c.collectToEnd()
		} else {
			e.got[side] = c.collect()
		}
	}
}

// ends tells whether the server may close the connection.
func (x *run) ends(e *round, l *link) bool {
	if len(e.sent) == 0 {
		return e.connect != nil || e.raw != nil
	}
	last := e.sent[len(e.sent)-1].Op
	return last == zkapi.OpCloseSession || x.Profile.alone(last) || l.conns[0].silent
}

// noXid is no reply's xid: what has it waits for the end of the connection.
const noXid = -0x5ca1ab1e

// after compares, and notes what has become of the session.
func (x *run) after(e *round, l *link) error {
	if err := x.compare(e); err != nil {
		return err
	}
	if l.session != nil && slices.ContainsFunc(e.got[0].answers, func(a answer) bool {
		return a.kind == isReply && a.op == zkapi.OpCloseSession && codeOf(a) == 0
	}) {
		l.session.ended = true
	}
	if x.Eager && l != x.admin {
		others := slices.DeleteFunc(slices.Clone(x.links[:]), func(other *link) bool { return other == l })
		return x.listen(e.step, others)
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
		b := &round{step: step, link: other.name}
		for i, c := range other.conns {
			b.got[i] = c.collect()
		}
		if err := x.compare(b); err != nil {
			return err
		}
	}
	return nil
}

func (x *run) compare(e *round) error {
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
	e := &round{sent: reqs}
	err := x.exchange(e, l)
	return &e.got[0], err
}
