package state

import (
	"strings"
	"unsafe"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// exists (3), getData (4), getChildren (8), getChildren2 (12), getACL (6),
// getAllChildrenNumber (104), getEphemerals (103), whoAmI (107). Reads do not
// validate paths. Only exists leaves a watch on a node that is not there.

func (s *State) exists(c *Conn, o *wire.Op, p *Response) zkapi.Code {
	if o.Path == wire.NullString {
		return zkapi.ErrMarshalling
	}
	if strings.IndexByte(o.Path, 0) >= 0 {
		return zkapi.ErrBadArguments
	}
	n := s.seenBy(c).find(o.Path)
	if n != nil && !s.cfg.V38 && !s.allowed(n.acl, zkapi.PermRead, c.IDs) {
		return zkapi.ErrNoAuth
	}
	if o.Watch {
		c.member.data.add(c, o.Path, modeStandard, s.cfg.V38)
	}
	if n == nil {
		return zkapi.ErrNoNode
	}
	p.Stat = n.stat()
	return 0
}

// readable finds a node that the client may read.
func (s *State) readable(c *Conn, path string, perm zkapi.Perm) (*node, zkapi.Code) {
	if path == wire.NullString {
		return nil, zkapi.ErrMarshalling
	}
	n := s.seenBy(c).find(path)
	if n == nil {
		return nil, zkapi.ErrNoNode
	}
	if !s.allowed(n.acl, perm, c.IDs) {
		return nil, zkapi.ErrNoAuth
	}
	return n, 0
}

func (s *State) getData(c *Conn, o *wire.Op, p *Response) zkapi.Code {
	n, code := s.readable(c, o.Path, zkapi.PermRead)
	if code != 0 {
		return code
	}
	if o.Watch {
		c.member.data.add(c, o.Path, modeStandard, s.cfg.V38)
	}
	p.Data, p.Stat = n.view(), n.stat()
	if o.Path == configPath && len(s.members) > 1 {
		p.Data = s.shownConfig(c.member, n)
	}
	return 0
}

// view is the data without a copy: strings are never changed, and whoever gets
// a Response must not change it either.
func (n *node) view() []byte {
	switch {
	case n.null:
		return nil
	case n.data == "":
		return []byte{}
	}
	return unsafe.Slice(unsafe.StringData(n.data), len(n.data))
}

func (s *State) getChildren(c *Conn, o *wire.Op, p *Response) zkapi.Code {
	n, code := s.readable(c, o.Path, zkapi.PermRead)
	if code != 0 {
		return code
	}
	if o.Watch {
		c.member.child.add(c, o.Path, modeStandard, s.cfg.V38)
	}
	p.Children = s.childNames(n)
	if o.Type == zkapi.OpGetChildren2 {
		p.Stat = n.stat()
	}
	return 0
}

// manyChildren is the number from which a linear sort pays.
const manyChildren = 1 << 12

// childNames lists the children in the order of ZooKeeper's hash set.
func (s *State) childNames(n *node) []string {
	names := s.names[:0]
	if names == nil {
		names = []string{}
	}
	if n.kids == nil {
		return names
	}
	items := s.items[:0]
	c := tableCap(8, int(n.kids.most))
	n.kids.names.Scan(func(name string, child *node) bool {
		items = append(items, hashed{name, bucketOf(javaHash(name), c), int64(child.ord)})
		return true
	})
	s.items = items
	if len(items) < manyChildren {
		inTableOrder(items)
	} else {
		items = inTableOrderLarge(items, c)
	}
	for i := range items {
		names = append(names, items[i].name)
	}
	s.names = names
	if len(items) >= manyChildren { // do not hold on to what one large list took
		s.items, s.names = nil, nil
	}
	return names
}

func (s *State) getACL(c *Conn, path string, p *Response) zkapi.Code {
	n, code := s.readable(c, path, zkapi.PermRead|zkapi.PermAdmin)
	if code != 0 {
		return code
	}
	p.ACL, p.Stat = n.acl.entries, n.stat()
	if !s.allowed(n.acl, zkapi.PermAdmin, c.IDs) {
		p.ACL = redacted(p.ACL)
	}
	return 0
}

func (s *State) getAllChildrenNumber(c *Conn, path string, p *Response) zkapi.Code {
	n, code := s.readable(c, path, zkapi.PermRead)
	if code != 0 {
		return code
	}
	switch path {
	case "/":
		p.Total = int32(s.seenBy(c).count - 1)
	case "": // the root's other name also counts "/"
		p.Total = int32(s.seenBy(c).count)
	default:
		p.Total = int32(countBelow(n))
	}
	return 0
}

func (s *State) getEphemerals(c *Conn, prefix string, p *Response) {
	if trimmed := strings.TrimFunc(prefix, func(c rune) bool { return c <= ' ' }); prefix == wire.NullString || trimmed == "" || trimmed == "/" {
		prefix = ""
	}
	p.Children = []string{}
	for _, path := range s.ephemeralsOf(c.Session, s.ephemeralsSeenBy(c)) {
		if strings.HasPrefix(path, prefix) {
			p.Children = append(p.Children, path)
		}
	}
}

func (s *State) whoAmI(c *Conn, p *Response) {
	p.IDs = nil
	for _, id := range inSetOrder(c.IDs) {
		switch id.Scheme {
		case "digest":
			id.User, _, _ = strings.Cut(id.User, ":")
		case "super":
			id.User = ""
		}
		p.IDs = append(p.IDs, id)
	}
}
