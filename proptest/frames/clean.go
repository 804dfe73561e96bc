package frames

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

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
		// A link may have lost the session to another without having heard of it.
		for try := 0; try < Links && !s.ended; try++ {
			if err := x.endSession(s); err != nil {
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

// endSession closes a session, on a link that has it or on a new one.
func (x *run) endSession(s *session) error {
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
	return nil
}

// restore brings each side by itself to where it was before the history.
func (x *run) restore() {
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
