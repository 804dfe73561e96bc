package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// node is one znode. Its times are those of its zxids.
type node struct {
	data    []byte
	acl     []zkapi.ACL
	anyACL  bool // the order of the ACL's entries is left open
	kind    zkapi.CreateMode
	owner   *session // of an ephemeral node
	ttl     int64    // milliseconds, of a TTL node
	version int32
	acls    int32 // changes of the ACL
	created int32 // children ever created
	deleted int32 // and deleted
	czxid   int64
	mzxid   int64
	pzxid   int64
}

// zookeeper is a ZooKeeper server, written down as plainly as possible: one map
// from whole paths to nodes, one list of watches, and no index of anything.
type zookeeper struct {
	cfg      *Config
	nodes    map[string]*node
	sessions []*session
	watches  []serverWatch
	zxid     int64
	reaps    int64 // the server's next round through containers and TTL nodes, if it has a clock
	now      int64
	times    map[int64]int64 // of each transaction, if the server has a clock
	pending  []change        // of the transaction that runs
	names    []string        // scratch
}

// session is a session on the server.
type session struct {
	number   int
	id       int64 // as the server under test has given it out
	timeout  int64
	first    int64   // the timeout negotiated first, which is what a restart remembers
	conn     *client // nil while it is disconnected
	deadline int64
	ended    bool
}

// newZooKeeper is a server that has just been installed.
func newZooKeeper(cfg *Config) *zookeeper {
	z := &zookeeper{cfg: cfg, nodes: make(map[string]*node, 32), times: map[int64]int64{0: 0}}
	z.nodes["/"] = &node{acl: zkapi.OpenACL(), deleted: -1, data: []byte{}}
	z.nodes["/zookeeper"] = &node{acl: zkapi.OpenACL(), deleted: -2, data: []byte{}}
	z.nodes["/zookeeper/quota"] = &node{acl: zkapi.OpenACL(), data: []byte{}}
	z.nodes["/zookeeper/config"] = &node{acl: zkapi.ReadACL(), acls: -1, data: []byte{}}
	return z
}

// begin starts a transaction: every write takes a zxid, whether it succeeds or not.
func (z *zookeeper) begin() {
	z.zxid++
	if z.cfg.timed {
		z.times[z.zxid] = z.now
	}
}

// get finds a node by its path as a string; the root has two names.
func (z *zookeeper) get(path string) *node {
	if path == "" {
		path = "/"
	}
	return z.nodes[path]
}

// parentOf is everything before the last slash.
func parentOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "/"
}

// children lists the names below a path.
func (z *zookeeper) children(path string) []string {
	z.names = z.names[:0]
	for p := range z.nodes {
		if p != "/" && parentOf(p) == path {
			z.names = append(z.names, p[strings.LastIndexByte(p, '/')+1:])
		}
	}
	return z.names
}

func (z *zookeeper) stat(path string) zkapi.Stat {
	n := z.get(path)
	if path == "" {
		path = "/"
	}
	s := zkapi.Stat{
		Czxid: n.czxid, Mzxid: n.mzxid, Pzxid: n.pzxid,
		Version: n.version, Aversion: n.acls, Cversion: n.created + n.deleted,
		DataLength: int32(len(n.data)), NumChildren: int32(len(z.children(path))),
	}
	if n.owner != nil {
		s.EphemeralOwner = n.owner.id
	}
	return s
}

// below counts the descendants of a path.
func (z *zookeeper) below(path string) int {
	switch path {
	case "/":
		return len(z.nodes) - 1
	case "":
		return len(z.nodes)
	}
	total := 0
	for p := range z.nodes {
		if strings.HasPrefix(p, path+"/") {
			total++
		}
	}
	return total
}

// legal is the check of the paths of writes.
func legal(path string) bool {
	if path == "/" {
		return true
	}
	if !strings.HasPrefix(path, "/") {
		return false
	}
	for _, name := range strings.Split(path[1:], "/") {
		if name == "" || name == "." || name == ".." {
			return false
		}
	}
	for _, c := range path {
		if c < 0x20 || 0x7f <= c && c < 0xa0 || 0xd800 <= c && c <= 0xf8ff || c >= 0xfff0 {
			return false
		}
	}
	return true
}

// rooted is all that create and delete check of a path at first.
func rooted(path string) bool { return strings.Contains(path, "/") && !strings.Contains(path, "\x00") }

const maxTTL = 1<<40 - 1

// create does all four requests that create nodes. ttl is -1 but for createTTL.
func (z *zookeeper) create(c *client, o *request) outcome {
	mode := o.mode
	switch {
	case mode < 0 || mode > zkapi.PersistentSequentialTTL:
		return failed(zkapi.ErrBadArguments)
	case mode.TTL() && !z.cfg.ExtendedTypes:
		return failed(zkapi.ErrUnimplemented)
	case mode.TTL() != (o.op == opCreateTTL):
		return failed(zkapi.ErrBadArguments)
	case mode.TTL() && (o.ttl < 1 || o.ttl > maxTTL):
		return failed(zkapi.ErrBadArguments)
	case !rooted(o.path):
		return failed(zkapi.ErrBadArguments)
	}
	acl := o.acl
	if acl == nil {
		acl = zkapi.OpenACL()
	}
	acl, anyOrder, code := z.fixACL(c, acl)
	if code != 0 {
		return failed(code)
	}
	parentPath := parentOf(o.path)
	parent := z.get(parentPath)
	if parent == nil {
		return failed(zkapi.ErrNoNode)
	}
	if !may(c, parent.acl, zkapi.PermCreate) {
		return failed(zkapi.ErrNoAuth)
	}
	path := o.path
	if mode.Sequential() {
		path += fmt.Sprintf("%010d", parent.created)
	}
	switch {
	case !legal(path):
		return failed(zkapi.ErrBadArguments)
	case z.nodes[path] != nil:
		return failed(zkapi.ErrNodeExists)
	case parent.owner != nil:
		return failed(zkapi.ErrNoChildrenForEphemerals)
	}
	n := &node{data: slices.Clone(o.data), acl: acl, anyACL: anyOrder, czxid: z.zxid, mzxid: z.zxid, pzxid: z.zxid}
	switch {
	case mode == zkapi.Container:
		n.kind = zkapi.Container
	case mode.TTL():
		n.kind, n.ttl = zkapi.PersistentTTL, o.ttl
	case mode.Ephemeral():
		n.kind, n.owner = zkapi.Ephemeral, c.session
	}
	z.nodes[path] = n
	parent.created++
	parent.pzxid = z.zxid
	z.pending = append(z.pending, change{zkapi.EventNodeCreated, path, acl, parent.acl})
	return outcome{path: path, stat: z.stat(path)}
}

func (z *zookeeper) delete(c *client, o *request) outcome {
	switch {
	case !rooted(o.path), o.path == "/", o.path == "/zookeeper", o.path == "/zookeeper/quota", o.path == "/zookeeper/config":
		return failed(zkapi.ErrBadArguments)
	}
	parent := z.get(parentOf(o.path))
	if parent == nil {
		return failed(zkapi.ErrNoNode)
	}
	if !may(c, parent.acl, zkapi.PermDelete) {
		return failed(zkapi.ErrNoAuth)
	}
	n := z.nodes[o.path]
	switch {
	case n == nil:
		return failed(zkapi.ErrNoNode)
	case o.version != -1 && o.version != n.version:
		return failed(zkapi.ErrBadVersion)
	case len(z.children(o.path)) > 0:
		return failed(zkapi.ErrNotEmpty)
	}
	z.remove(o.path)
	return outcome{}
}

// remove takes a node away, whoever wants it.
func (z *zookeeper) remove(path string) {
	n, parent := z.nodes[path], z.get(parentOf(path))
	delete(z.nodes, path)
	parent.deleted++
	parent.pzxid = z.zxid
	z.pending = append(z.pending, change{zkapi.EventNodeDeleted, path, n.acl, parent.acl})
}

func (z *zookeeper) set(c *client, o *request) outcome {
	n := z.nodes[o.path]
	switch {
	case !legal(o.path):
		return failed(zkapi.ErrBadArguments)
	case n == nil:
		return failed(zkapi.ErrNoNode)
	case !may(c, n.acl, zkapi.PermWrite):
		return failed(zkapi.ErrNoAuth)
	case o.version != -1 && o.version != n.version:
		return failed(zkapi.ErrBadVersion)
	}
	n.data = slices.Clone(o.data)
	n.version++
	n.mzxid = z.zxid
	z.pending = append(z.pending, change{zkapi.EventNodeDataChanged, o.path, n.acl, nil})
	return outcome{stat: z.stat(o.path)}
}

func (z *zookeeper) setACL(c *client, o *request) outcome {
	if !legal(o.path) {
		return failed(zkapi.ErrBadArguments)
	}
	acl, anyOrder, code := z.fixACL(c, o.acl)
	if code != 0 {
		return failed(code)
	}
	n := z.nodes[o.path]
	switch {
	case n == nil:
		return failed(zkapi.ErrNoNode)
	case !may(c, n.acl, zkapi.PermAdmin):
		return failed(zkapi.ErrNoAuth)
	case o.version != -1 && o.version != n.acls:
		return failed(zkapi.ErrBadVersion)
	}
	n.acl, n.anyACL = acl, anyOrder
	n.acls++
	return outcome{stat: z.stat(o.path)}
}

func (z *zookeeper) check(c *client, o *request) outcome {
	n := z.nodes[o.path]
	switch {
	case !legal(o.path):
		return failed(zkapi.ErrBadArguments)
	case n == nil:
		return failed(zkapi.ErrNoNode)
	case !may(c, n.acl, zkapi.PermRead):
		return failed(zkapi.ErrNoAuth)
	case o.version != -1 && o.version != n.version:
		return failed(zkapi.ErrBadVersion)
	}
	return outcome{}
}

// multi does all or nothing. What a part would have changed is undone by going
// back to a copy of the whole tree.
func (z *zookeeper) multi(c *client, parts []request) outcome {
	for i := range parts {
		o := &parts[i]
		creates := o.op == opCreate || o.op == opCreateTTL
		switch {
		case !creates && o.op != opDelete && o.op != opSet && o.op != opCheck,
			o.op == opCreate && !z.cfg.v38() && (o.mode < 0 || o.mode.TTL() || o.mode > zkapi.PersistentSequentialTTL):
			return failed(zkapi.ErrMarshalling)
		}
	}
	before := make(map[string]node, len(z.nodes))
	for path, n := range z.nodes {
		before[path] = *n
	}
	out := outcome{results: make([]zkapi.OpResult, len(parts))}
	for i := range parts {
		part := z.part(c, &parts[i])
		if part.code != 0 {
			out = z.rollBack(before, parts, i, part.code)
			if part.code == zkapi.ErrMarshalling { // spoils the whole
				return failed(part.code)
			}
			return out
		}
		r := &out.results[i]
		r.Type, r.Path = parts[i].opCode(), part.path
		if parts[i].op == opSet || parts[i].mode == zkapi.Container || parts[i].op == opCreateTTL {
			r.Stat = part.stat
		}
	}
	return out
}

func (z *zookeeper) rollBack(before map[string]node, parts []request, at int, code zkapi.Code) outcome {
	z.pending = z.pending[:0]
	clear(z.nodes)
	for path, n := range before {
		z.nodes[path] = &n
	}
	out := outcome{code: code, path: parts[at].path, results: make([]zkapi.OpResult, len(parts))}
	for i := range parts {
		r := &out.results[i]
		r.Type = parts[i].opCode()
		switch {
		case i == at:
			r.Err = code
		case i > at:
			r.Err = zkapi.ErrRuntimeInconsistency
		}
	}
	return out
}

func (z *zookeeper) part(c *client, o *request) outcome {
	switch o.op {
	case opCreate, opCreateTTL:
		if o.op == opCreate && o.mode.TTL() { // 3.8 notices only here
			return failed(zkapi.ErrMarshalling)
		}
		return z.create(c, o)
	case opDelete:
		return z.delete(c, o)
	case opSet:
		return z.set(c, o)
	}
	return z.check(c, o)
}

// readable finds a node for a read that needs a permission.
func (z *zookeeper) readable(c *client, path string, perm zkapi.Perm) (*node, zkapi.Code) {
	n := z.get(path)
	switch {
	case n == nil:
		return nil, zkapi.ErrNoNode
	case !may(c, n.acl, perm):
		return nil, zkapi.ErrNoAuth
	}
	return n, 0
}

func (z *zookeeper) exists(c *client, o *request) outcome {
	if strings.Contains(o.path, "\x00") {
		return failed(zkapi.ErrBadArguments)
	}
	n := z.get(o.path)
	if n != nil && !z.cfg.v38() && !may(c, n.acl, zkapi.PermRead) {
		return failed(zkapi.ErrNoAuth)
	}
	if o.watch {
		z.arm(c, dataTable, o.path, standard)
	}
	if n == nil {
		return outcome{}
	}
	return outcome{found: true, stat: z.stat(o.path)}
}

func (z *zookeeper) getData(c *client, o *request) outcome {
	n, code := z.readable(c, o.path, zkapi.PermRead)
	if code != 0 {
		return failed(code)
	}
	if o.watch {
		z.arm(c, dataTable, o.path, standard)
	}
	return outcome{data: n.data, stat: z.stat(o.path)}
}

func (z *zookeeper) getChildren(c *client, o *request) outcome {
	_, code := z.readable(c, o.path, zkapi.PermRead)
	if code != 0 {
		return failed(code)
	}
	if o.watch {
		z.arm(c, childTable, o.path, standard)
	}
	path := o.path
	if path == "" {
		path = "/"
	}
	stat := z.stat(path)
	return outcome{names: z.children(path), stat: stat}
}

func (z *zookeeper) getACL(c *client, o *request) outcome {
	n, code := z.readable(c, o.path, zkapi.PermRead|zkapi.PermAdmin)
	if code != 0 {
		return failed(code)
	}
	acl := n.acl
	if !may(c, n.acl, zkapi.PermAdmin) {
		acl = slices.Clone(acl)
		for i := range acl {
			if user, _, ok := strings.Cut(acl[i].ID, ":"); ok && acl[i].Scheme == "digest" {
				acl[i].ID = user + ":x"
			}
		}
	}
	return outcome{acl: acl, anyACL: n.anyACL, stat: z.stat(o.path)}
}

func (z *zookeeper) multiRead(c *client, parts []request) outcome {
	for i := range parts {
		if parts[i].op != opGet && parts[i].op != opChildren {
			return failed(zkapi.ErrMarshalling)
		}
	}
	out := outcome{results: make([]zkapi.OpResult, len(parts))}
	for i := range parts {
		o, r := parts[i], &out.results[i]
		o.watch = false // which means nothing here
		r.Type = o.opCode()
		one := outcome{}
		if o.op == opGet {
			one = z.getData(c, &o)
			r.Data, r.Stat = one.data, one.stat
		} else {
			one = z.getChildren(c, &o)
			r.Children = slices.Clone(one.names)
		}
		r.Err = one.code.Err()
	}
	return out
}

func (z *zookeeper) ephemerals(s *session) []string {
	var paths []string
	for path, n := range z.nodes {
		if n.owner == s {
			paths = append(paths, path)
		}
	}
	return paths
}

func (z *zookeeper) getEphemerals(c *client, prefix string) outcome {
	out := outcome{names: []string{}}
	if strings.TrimSpace(prefix) == "" || strings.TrimSpace(prefix) == "/" {
		prefix = ""
	}
	for _, path := range z.ephemerals(c.session) {
		if strings.HasPrefix(path, prefix) {
			out.names = append(out.names, path)
		}
	}
	return out
}

// sorted lists all paths, parents first.
func (z *zookeeper) sorted() []string { return slices.Sorted(maps.Keys(z.nodes)) }
