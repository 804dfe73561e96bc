package main

import (
	"slices"
	"strconv"
	"strings"
)

// mutant is a bug to be planted: a text that occurs once in a file, and what to
// put in its place.
type mutant struct {
	Name   string `json:"name"`
	Breaks string `json:"breaks"` // what is wrong then
	File   string `json:"file"`   // below memserver, or with its folder
	Old    string `json:"-"`
	New    string `json:"-"`
}

// piece is one change of a text.
type piece struct{ old, now string }

func (m *mutant) pieces() []piece { return append([]piece{{m.Old, m.New}}, further[m.Name]...) }

// bugs are how many the register has of what recipes and watchers elsewhere have had.
const bugs = 64

// bug is the number of the bug in the register; behind all of them if it has none.
func (m *mutant) bug() int {
	number, _, _ := strings.Cut(m.Name, "-")
	if n, err := strconv.Atoi(strings.TrimPrefix(number, "B")); err == nil && strings.HasPrefix(number, "B") {
		return n
	}
	return bugs + 1
}

// path is the file below the module.
func (m *mutant) path() string {
	if m.of() == "memserver" {
		return "memserver/" + m.File
	}
	return m.File
}

// of is whose mutant it is, and so who judges it.
func (m *mutant) of() string {
	for _, folder := range []string{"watchers", "recipes"} {
		if strings.HasPrefix(m.File, folder+"/") {
			return folder
		}
	}
	return "memserver"
}

var mutants = slices.Concat(memserverMutants, membersMutants, watchersMutants, recipesMutants, moreRecipesMutants, sweepMutants)

// The texts are short, so that the code around them may change.
var memserverMutants = []mutant{
	// internal/state: the tree
	{"cversion", "cversion counts creations, not creations and deletions", "internal/state/node.go",
		"s.Cversion = k.cversion*2 - s.NumChildren", "s.Cversion = k.cversion"},
	{"numChildren-once", "numChildren stays what it was at most", "internal/state/node.go",
		"s.NumChildren = int32(k.names.Len())", "s.NumChildren = k.most"},
	{"owner-of-container", "containers and TTL nodes show what they have in place of an owner", "internal/state/node.go",
		"if n.isEphemeral() {\n\t\ts.EphemeralOwner", "if n.owner != 0 {\n\t\ts.EphemeralOwner"},
	{"null-data", "null data becomes empty data", "internal/state/node.go",
		"string(b), b == nil }", "string(b), false }"},
	{"pzxid-of-childless", "pzxid of a node without children is its mzxid", "internal/state/node.go",
		"DataLength: int32(len(n.data)), Pzxid: n.czxid,", "DataLength: int32(len(n.data)), Pzxid: n.mzxid,"},
	{"pzxid-on-setData", "setData moves pzxid", "internal/state/change.go",
		"n.mzxid, n.mtime = s.zxid, s.now", "n.mzxid, n.mtime = s.zxid, s.now\n\ts.tree.ownKids(n).pzxid = s.zxid"},
	{"mtime-on-setData", "setData leaves mtime alone", "internal/state/change.go",
		"n.mzxid, n.mtime = s.zxid, s.now", "n.mzxid = s.zxid"},
	{"mzxid-on-setACL", "setACL moves mzxid", "internal/state/change.go",
		"n.acl = acl\n\tn.aversion++", "n.acl = acl\n\tn.mzxid = s.zxid\n\tn.aversion++"},
	{"version-on-setACL", "setACL counts as a change of the data", "internal/state/change.go",
		"n.acl = acl\n\tn.aversion++", "n.acl = acl\n\tn.version++\n\tn.aversion++"},
	{"setACL-by-version", "setACL compares with the version of the data", "internal/state/change.go",
		"q.Version != n.aversion", "q.Version != n.version"},
	{"pzxid-on-delete", "a deletion leaves the parent's pzxid alone", "internal/state/change.go",
		"k.pzxid = max(k.pzxid, s.zxid)", "_ = k.pzxid"},
	{"any-version-of-delete", "delete takes version -1 as a version", "internal/state/change.go",
		"if o.Version != zkapi.AnyVersion && o.Version != n.version {\n\t\treturn zkapi.ErrBadVersion\n\t}\n\tif n.numChildren",
		"if o.Version != n.version {\n\t\treturn zkapi.ErrBadVersion\n\t}\n\tif n.numChildren"},
	{"negative-version", "every negative version means any", "internal/state/change.go",
		"case o.Version != zkapi.AnyVersion && o.Version != n.version:", "case o.Version >= 0 && o.Version != n.version:"},
	{"delete-acl-of-node", "delete looks at the ACL of the node, not of its parent", "internal/state/change.go",
		"if !s.allowed(parent.acl, zkapi.PermDelete, c.IDs) {", "if n := s.tree.find(o.Path); n != nil && !s.allowed(n.acl, zkapi.PermDelete, c.IDs) {"},
	{"delete-needs-write", "delete needs the wrong permission", "internal/state/change.go",
		"parent.acl, zkapi.PermDelete", "parent.acl, zkapi.PermWrite"},
	{"check-needs-nothing", "check in a multi does not look at the ACL", "internal/state/change.go",
		"case !s.allowed(n.acl, zkapi.PermRead, c.IDs):", "case false:"},
	{"notEmpty-before-version", "NotEmpty comes before BadVersion", "internal/state/change.go",
		"if o.Version != zkapi.AnyVersion && o.Version != n.version {\n\t\treturn zkapi.ErrBadVersion\n\t}\n\tif n.numChildren() > 0 {\n\t\treturn zkapi.ErrNotEmpty\n\t}",
		"if n.numChildren() > 0 {\n\t\treturn zkapi.ErrNotEmpty\n\t}\n\tif o.Version != zkapi.AnyVersion && o.Version != n.version {\n\t\treturn zkapi.ErrBadVersion\n\t}"},
	{"config-deletable", "/zookeeper/config can be deleted", "internal/state/path.go",
		"case \"/\", \"/zookeeper\", quotaRoot, configPath:", "case \"/\", \"/zookeeper\", quotaRoot:"},
	{"dot-names", "a name may be a dot", "internal/state/path.go",
		`name == "." || name == ".."`, `name == ".."`},
	{"private-use", "characters of the private use area are legal", "internal/state/path.go",
		"c >= 0xd800 && c <= 0xf8ff", "c >= 0xd800 && c <= 0xdfff"},
	{"null-read", "null data is read as empty data", "internal/state/read.go",
		"case n.null:\n\t\treturn nil", "case n.null:\n\t\treturn []byte{}"},
	{"getAllChildrenNumber-of-root", "the root counts itself among its descendants", "internal/state/read.go",
		".count - 1)", ".count)"},

	// internal/state: create
	{"sequence-of-sequential", "only sequential children count for the sequence", "internal/state/create.go",
		"s.insert(parent, parentPath, full, strings.Clone(name), n, created+1)",
		"if !mode.Sequential() {\n\t\tcreated--\n\t}\n\ts.insert(parent, parentPath, full, strings.Clone(name), n, created+1)"},
	{"sequence-width", "the sequence has nine digits", "internal/state/create.go",
		"int64(n), 10", "int64(n), 9"},
	{"createContainer-by-flag", "createContainer with ephemeral flags makes an ephemeral node", "internal/state/create.go",
		"case o.Type == zkapi.OpCreateContainer:", "case o.Type == zkapi.OpCreateContainer && !mode.Ephemeral():"},
	{"ttl-max", "the longest TTL is refused", "internal/state/create.go",
		"o.TTL > ttlMax", "o.TTL >= ttlMax"},
	{"ttl-disabled-late", "bad arguments come before disabled TTLs", "internal/state/create.go",
		"case mode.TTL() && !s.cfg.ExtendedTypes:\n\t\treturn zkapi.ErrUnimplemented", "case mode.TTL() && o.Path[0] == '/' && !s.cfg.ExtendedTypes:\n\t\treturn zkapi.ErrUnimplemented"},
	{"ephemeral-parent", "ephemeral nodes may have children", "internal/state/create.go",
		"if parent.isEphemeral() ||", "if"},
	{"ephemeral-parent-code", "a child of an ephemeral node is refused with BadArguments", "internal/state/create.go",
		"return zkapi.ErrNoChildrenForEphemerals", "return zkapi.ErrBadArguments"},
	{"exists-before-auth", "NodeExists comes before NoAuth", "internal/state/create.go",
		"if !s.allowed(parent.acl, zkapi.PermCreate, c.IDs) {", "if name != \"\" && parent.hasChild(name) {\n\t\treturn zkapi.ErrNodeExists\n\t}\n\tif !s.allowed(parent.acl, zkapi.PermCreate, c.IDs) {"},
	{"create-not-undone", "a failed multi leaves the parent's pzxid changed", "internal/state/create.go",
		"k.pzxid, k.cversion, k.most = before.pzxid, before.cversion, before.most", "k.cversion, k.most = before.cversion, before.most"},
	{"sequence-not-undone", "a failed multi uses up sequence numbers", "internal/state/create.go",
		"k.pzxid, k.cversion, k.most = before.pzxid, before.cversion, before.most", "k.pzxid, k.most = before.pzxid, before.most"},
	{"ttl-forgotten", "the reaper is not told of TTL nodes", "internal/state/create.go",
		"s.ttls.Insert(strings.Clone(path))", "_ = path"},

	// internal/state: multi
	{"setData-not-undone", "a failed multi leaves a version changed", "internal/state/change.go",
		"n.data, n.null, n.version = before.data, before.null, before.version", "n.data, n.null = before.data, before.null"},
	{"multi-events-of-failed", "a failed multi fires watches", "internal/state/multi.go",
		"clear(s.changes)\n\ts.changes = s.changes[:0]\n\treached", "reached"},
	{"multi-zxid-each", "each part of a multi has a zxid of its own", "internal/state/multi.go",
		"case zkapi.OpSetData:\n\t\tcode = s.setData", "case zkapi.OpSetData:\n\t\ts.nextZxid()\n\t\tcode = s.setData"},
	{"multi-codes", "the parts before the failing one are reported as not tried", "internal/state/multi.go",
		"r.Err, reached = failed, true\n\t\t}", "r.Err, reached = failed, true\n\t\tdefault:\n\t\t\tr.Err = zkapi.ErrRuntimeInconsistency\n\t\t}"},
	{"multiRead-watches", "multiRead arms watches", "internal/state/multi.go",
		"o := wire.Op{Type: ops[i].Type, Path: ops[i].Path}", "o := wire.Op{Type: ops[i].Type, Path: ops[i].Path, Watch: ops[i].Watch}"},
	{"multi-empty-zxid", "an empty multi takes no zxid", "internal/state/multi.go",
		"s.nextZxid()\n\tif len(ops) > 0 &&", "if len(ops) > 0 {\n\t\ts.nextZxid()\n\t}\n\tif len(ops) > 0 &&"},

	// internal/state: requests, zxids
	{"zxid-of-failures", "a failed write takes no zxid", "internal/state/state.go",
		"p.Err = s.write(c, q, p)\n", "if p.Err = s.write(c, q, p); p.Err != 0 {\n\t\t\ts.zxid--\n\t\t}\n"},
	{"zxid-of-reads", "the reply to a read has the zxid of the transaction before", "internal/state/state.go",
		"\t\tp.Zxid = s.answered(c)\n\t}", "\t\tif p.Zxid = s.answered(c); !isWrite(q.Type) {\n\t\t\tp.Zxid--\n\t\t}\n\t}"},
	{"sync-takes-zxid", "sync takes a zxid", "internal/state/state.go",
		"case zkapi.OpSync:\n", "case zkapi.OpSync:\n\t\ts.nextZxid()\n"},
	{"unknown-stays-open", "an unknown request does not end the connection", "internal/state/state.go",
		"zkapi.ErrUnimplemented, -1, true", "zkapi.ErrUnimplemented, -1, false"},
	{"config-acl", "everybody may write /zookeeper/config", "internal/state/state.go",
		"config.acl, config.aversion = readList, -1", "config.aversion = -1"},
	{"requests-do-not-touch", "only pings keep a session alive", "internal/state/state.go",
		"if !c.Session.Pinned {\n\t\ts.touch", "if !c.Session.Pinned && q.Type == zkapi.OpPing {\n\t\ts.touch"},

	// internal/state: ACLs and authentication
	{"acl-dedupe", "duplicate entries of an ACL are kept", "internal/state/acl.go",
		"if slices.Contains(acl[:i], a) {\n\t\t\tcontinue", "if i < 0 {\n\t\t\tcontinue"},
	{"acl-redaction", "password hashes are shown to everybody", "internal/state/acl.go",
		"masked[i].ID = user + \":x\"", "masked[i].ID = user + \":\" + masked[i].ID[len(user)+1:]"},
	{"acl-ip-bits", "the bits of a network are taken in whole bytes", "internal/state/acl.go",
		"keep := min(max(bits-8*i, 0), 8)", "keep := min(max(bits-8*i, 0), 8) / 8 * 8"},
	{"acl-auth-ip", "the scheme auth includes the address", "internal/state/acl.go",
		`if id.Scheme == "digest" || id.Scheme == "sasl"`, `if id.Scheme == "digest" || id.Scheme == "ip" || id.Scheme == "sasl"`},
	{"acl-digest-parts", "a digest id needs no hash", "internal/state/acl.go",
		"return len(parts) == 2", "return len(parts) <= 2"},
	{"acl-all-permissions", "an entry must have all of the permissions that are asked for", "internal/state/acl.go",
		"if a.Perms&perm == 0 {", "if a.Perms&perm != perm {"},
	{"auth-digest", "the digest is of the password alone", "internal/state/auth.go",
		"id := zkapi.DigestID(wire.RepairUTF8(q.Auth))", "user, pass, _ := strings.Cut(wire.RepairUTF8(q.Auth), \":\")\n\t\tid := user + zkapi.DigestID(pass)[len(zkapi.DigestID(pass))-29:]"},
	{"auth-survives", "identities survive a reconnection", "internal/state/session.go",
		"s.endHere(now, sess, c.member)", "if sess.Conn != nil {\n\t\t\tc.IDs = sess.Conn.IDs\n\t\t}\n\t\ts.endHere(now, sess, c.member)"},
	{"auth-replaces", "the second identity takes the place of the first", "internal/state/auth.go",
		"c.IDs = append(c.IDs, zkapi", "c.IDs = append(c.IDs[:1:1], zkapi"},
	{"auth-unknown-open", "an unknown scheme does not end the connection", "internal/state/auth.go",
		"default:\n\t\tp.Close = true", "default:\n\t\tp.Close = false"},

	// internal/state: reads
	{"exists-arms-nothing", "exists on a missing node leaves no watch", "internal/state/read.go",
		"return zkapi.ErrNoAuth\n\t}\n\tif o.Watch {", "return zkapi.ErrNoAuth\n\t}\n\tif o.Watch && n != nil {"},
	{"getData-arms-failed", "a failed getData leaves a watch", "internal/state/read.go",
		"if code != 0 {\n\t\treturn code\n\t}\n\tif o.Watch {\n\t\tc.member.data.add",
		"if o.Watch {\n\t\tc.member.data.add(c, o.Path, modeStandard, s.cfg.V38)\n\t}\n\tif code != 0 {\n\t\treturn code\n\t}\n\tif o.Watch {\n\t\tc.member.data.add"},
	{"exists-unread", "exists needs no permission in 3.9 either", "internal/state/read.go",
		"if n != nil && !s.cfg.V38 && !s.allowed", "if n != nil && s.cfg.V38 && !s.allowed"},
	{"getACL-needs-read", "ADMIN is not enough to read the ACL", "internal/state/read.go",
		"zkapi.PermRead|zkapi.PermAdmin", "zkapi.PermRead"},
	{"children-by-name", "children are listed by name, not in the order of a hash table", "internal/state/read.go",
		"if len(items) < manyChildren {\n\t\tinTableOrder(items)\n\t}", "if len(items) < manyChildren {\n\t}"},
	{"ephemerals-of-all", "getEphemerals takes a prefix as a path", "internal/state/read.go",
		"if strings.HasPrefix(path, prefix) {", "if path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, \"/\")+\"/\") {"},
	{"whoAmI-hash", "whoAmI shows the password hash", "internal/state/read.go",
		"id.User, _, _ = strings.Cut(id.User, \":\")", "_ = id.User"},
	{"hash-table-size", "the hash table of children doubles one child too late", "internal/state/java.go",
		"for 4*n > 3*c {", "for 4*(n-1) > 3*c {"},
	{"java-hash-wide", "characters outside ASCII are hashed as bytes", "internal/state/java.go",
		"if s[i] >= 0x80 {", "if false {"},
	{"password-seed", "session passwords are of another seed", "internal/state/java.go",
		"0xB3415C00", "0xB3415C01"},

	// internal/state: watches
	{"watch-not-removed", "a one-shot watch stays after it has fired", "internal/state/watch.go",
		"if w.modes == modeStandard {\n\t\t\tt.drop(w)", "if false {\n\t\t\tt.drop(w)"},
	{"child-watch-on-setData", "a watch on children fires when the data is changed", "internal/state/watch.go",
		"if c.kind == zkapi.EventNodeDataChanged {\n\t\t\tcontinue", "if c.kind == zkapi.EventNodeDataChanged {\n\t\t\ts.trigger(&m.child, c.path, c.kind, c.acl)\n\t\t\tcontinue"},
	{"two-deletions", "a client with two kinds of watches is told of a deletion twice", "internal/state/watch.go",
		"if c.kind == zkapi.EventNodeDeleted {\n", "if c.kind == zkapi.EventNodeDeleted {\n\t\t\ts.stamp++\n"},
	{"recursive-siblings", "a recursive watch matches siblings with the same prefix", "internal/state/watch.go",
		"at = at[:max(strings.LastIndexByte(at, '/'), 0)]\n\t\tkey := at", "at = at[:max(len(at)-1, 0)]\n\t\tkey := at"},
	{"recursive-children", "a recursive watch hears of lists of children", "internal/state/watch.go",
		"zkapi.EventNodeChildrenChanged, c.parentACL)", "zkapi.EventNodeChildrenChanged, c.parentACL)\n\t\ts.trigger(&m.data, parent, zkapi.EventNodeChildrenChanged, c.parentACL)"},
	{"filter-by-node", "ChildrenChanged is filtered by the ACL of the child", "internal/state/watch.go",
		"zkapi.EventNodeChildrenChanged, c.parentACL)", "zkapi.EventNodeChildrenChanged, c.acl)"},
	{"filter-keeps", "a watch that is filtered by the ACL stays armed", "internal/state/watch.go",
		"if w.modes == modeStandard {\n\t\t\tt.drop(w)", "if w.modes == modeStandard && s.allowed(acl, zkapi.PermRead, w.conn.IDs) {\n\t\t\tt.drop(w)"},
	{"filter-nothing", "whoever watches is told, may he read the node or not", "internal/state/watch.go",
		"if !s.allowed(acl, zkapi.PermRead, c.IDs) {\n\t\treturn", "if false {\n\t\treturn"},
	{"event-zxid", "events of 3.9 have no zxid", "internal/state/watch.go",
		"if s.cfg.V38 {\n\t\tzxid = -1", "if true {\n\t\tzxid = -1"},
	{"watches-survive", "watches survive the connection", "internal/state/session.go",
		"c.member.child.dropConn(c)", "_ = c"},
	{"modes-replace", "the modes of 3.9 replace each other as in 3.8", "internal/state/watch.go",
		"t.setModes(w, w.modes|mode)", "t.setModes(w, mode)"},
	{"removeWatches-others", "removeWatches of data takes persistent watches along in 3.9", "internal/state/watchops.go",
		"standard := modeStandard\n\tif s.cfg.V38 {", "standard := modeStandard\n\tif true {"},
	{"removeWatches-ok", "removeWatches succeeds without a watch", "internal/state/watchops.go",
		"if !removed {\n\t\treturn zkapi.ErrNoWatcher", "if false {\n\t\treturn zkapi.ErrNoWatcher"},
	{"persistent-without-children", "a persistent watch hears nothing of children", "internal/state/watchops.go",
		"child.add(c, path, modePersistent, s.cfg.V38)", "child.remove(c, path, 0)"},
	{"setWatches-by-czxid", "setWatches misses changes of nodes that are older", "internal/state/watchops.go",
		"case n.mzxid > q.RelativeZxid:", "case n.czxid > q.RelativeZxid:"},
	{"setWatches-exist", "setWatches arms an exists watch on a node that is there by now", "internal/state/watchops.go",
		"missed(zkapi.EventNodeCreated, path)", "rearm(&c.member.data, path)"},
	{"checkWatches-all", "checkWatches of 3.9 sees the watches of others", "internal/state/watchops.go",
		"if s.cfg.V38 {\n\t\treturn s.checkWatches38(", "if q.Type <= 3 {\n\t\treturn s.checkWatches38("},

	// internal/state: sessions, time
	{"expiry-bucket", "sessions expire a tick early", "internal/state/expiry.go",
		"((now+timeout)/s.cfg.TickTime + 1) * s.cfg.TickTime", "((now + timeout) / s.cfg.TickTime) * s.cfg.TickTime"},
	{"expiry-late", "sessions expire a tick late", "internal/state/expiry.go",
		"((now+timeout)/s.cfg.TickTime + 1) * s.cfg.TickTime", "((now+timeout)/s.cfg.TickTime + 2) * s.cfg.TickTime"},
	{"timeout-shortened", "a shorter timeout takes effect when the longer one ends", "internal/state/expiry.go",
		"d < sess.deadline {", "false {"},
	{"timeout-kept", "a reconnection does not negotiate the timeout anew", "internal/state/session.go",
		"sess.Timeout = timeout\n", "timeout = sess.Timeout\n"},
	{"timeout-unbounded", "the longest timeout is not enforced", "internal/state/session.go",
		"min(max(int64(q.TimeOut), s.cfg.MinSessionTimeout), s.cfg.MaxSessionTimeout)", "max(int64(q.TimeOut), s.cfg.MinSessionTimeout)"},
	{"future-zxid", "a client that has seen the future is welcome", "internal/state/readonly.go",
		"return q.LastZxidSeen <= m.zxid", "return true"},
	{"ephemerals-survive", "ephemeral nodes survive their session's end by closing", "internal/state/session.go",
		"for _, path := range s.ephemeralsOf(sess, &s.ephemerals) {", "for i, path := range s.ephemeralsOf(sess, &s.ephemerals) {\n\t\tif i == 0 {\n\t\t\tcontinue\n\t\t}"},
	{"close-without-zxid", "closing a session without ephemeral nodes takes no zxid", "internal/state/session.go",
		"s.nextZxid()\n\tdelete(s.live, id)", "if sess == nil || sess.owned > 0 {\n\t\ts.nextZxid()\n\t}\n\tdelete(s.live, id)"},
	{"wrong-password", "any password opens a session", "internal/state/session.go",
		"if !slices.Equal(password[:], q.Passwd) {", "if slices.Equal(password[:1], q.Passwd) {"},
	{"container-kept", "containers are never removed", "internal/state/reaper.go",
		"if n.cversion() > 0 || unused", "if unused"},
	{"container-unused", "a container that never had a child is removed", "internal/state/reaper.go",
		"if n.cversion() > 0 || unused", "if n.cversion() >= 0 || unused"},
	{"ttl-from-creation", "a TTL runs from the creation", "internal/state/reaper.go",
		"now-n.mtime > n.ttl()", "now-n.ctime > n.ttl()"},
	{"ttl-by-setACL", "setACL renews a TTL", "internal/state/change.go",
		"n.acl = acl\n\tn.aversion++", "n.acl = acl\n\tif n.isTTL() {\n\t\tn.mtime = s.now\n\t}\n\tn.aversion++"},
	{"ttl-with-children", "a TTL node is removed with its children", "internal/state/reaper.go",
		"n.numChildren() == 0 && now", "now"},
	{"restart-timeouts", "a restart halves the timeouts of sessions", "internal/state/snapshot.go",
		"Timeout: int64(timeout)}", "Timeout: int64(timeout) / 2}"},
	{"restart-ephemerals", "a restart forgets what is ephemeral", "internal/state/snapshot.go",
		"*sn.sessions.Copy(), *sn.ephemerals.Copy()", "*sn.sessions.Copy(), btree.Map[string, int64]{}"},
	{"restart-containers", "a restart forgets what is a container", "internal/state/snapshot.go",
		"*sn.containers.Copy(), *sn.ttls", "btree.Set[string]{}, *sn.ttls"},

	// internal/state: quotas, digests, books
	{"quota-off-by-one", "a hard limit allows one less", "internal/state/quota.go",
		"used.get(key)+diff > limit", "used.get(key)+diff >= limit"},
	{"quota-code", "an exceeded quota is reported as BadArguments", "internal/state/quota.go",
		"return zkapi.ErrQuotaExceeded", "return zkapi.ErrBadArguments"},
	{"quota-after-version", "BadVersion comes before QuotaExceeded", "internal/state/change.go",
		"if code := s.checkQuota(o.Path, grows, 0); code != 0 {", "if code := s.checkQuota(o.Path, grows, 0); code != 0 && (o.Version == zkapi.AnyVersion || o.Version == n.version) {"},
	{"quota-outermost", "the outermost quota is charged, not the deepest", "internal/state/quota.go",
		"if p == \"/zookeeper\" {\n\t\t\t\treturn \"\"\n\t\t\t}\n\t\t\treturn p", "if p == \"/zookeeper\" {\n\t\t\t\treturn \"\"\n\t\t\t}\n\t\t\tif up := p[:strings.LastIndexByte(p, '/')]; deepest(armed, up) != \"\" {\n\t\t\t\treturn deepest(armed, up)\n\t\t\t}\n\t\t\treturn p"},
	{"quota-deletions", "deletions are not taken off a quota's count", "internal/state/quota.go",
		"s.chargeQuota(path, -int64(len(n.data)), -1)", "s.chargeQuota(path, -int64(len(n.data)), 0)"},
	{"digest-of-acl", "the digest of the tree leaves out the owner", "internal/state/digest.go",
		"b = wire.AppendLong(b, n.owner)", "b = wire.AppendLong(b, 0)"},
	{"watch-count", "the four-letter words count the watches of both tables", "internal/state/inspect.go",
		"DataWatches: m.data.total,", "DataWatches: m.data.total + m.child.total,"},
	{"check-blind", "Check does not see an ephemeral node that its session does not know", "internal/state/check.go",
		"case owned != sess.owned:", "case false:"},
	{"fork-shared", "a fork shares its children with the original", "internal/state/tree.go",
		"case k.epoch != t.epoch:", "case false:"},
	{"root-alias", "the root has no second name", "internal/state/tree.go",
		"if path == \"\" || path == \"/\" {\n\t\treturn t.root\n\t}\n\tif path[0] != '/' {", "if path == \"/\" {\n\t\treturn t.root\n\t}\n\tif path == \"\" || path[0] != '/' {"},
	{"cache-forgets-nothing", "a node that was deleted is still found by its path", "internal/state/cache.go",
		"string(s.path) == path {\n\t\ts.node = nil", "string(s.path) == path {\n\t\t_ = s.node"},
	{"cache-of-forks", "a path is remembered from before a snapshot", "internal/state/cache.go",
		"s.node != nil && s.node.epoch == t.epoch && string(s.path) == path", "s.node != nil && string(s.path) == path"},

	// internal/state: files and records
	{"file-orphans", "an ephemeral node without a session survives a snapshot file", "internal/state/disk.go",
		"if _, ok := s.sessions.Get(id); !ok {", "if false {"},
	{"file-order", "a snapshot file lists children by name, not in the order of creation", "internal/state/disk.go",
		"cmp.Compare(a.n.ord, b.n.ord)", "cmp.Compare(a.name, b.name)"},
	{"file-cversion", "a snapshot file has the visible cversion", "internal/state/disk.go",
		"n.version), n.cversion()), n.aversion)", "n.version), n.stat().Cversion), n.aversion)"},
	{"file-quotas", "the statistics of quotas are not counted anew after a snapshot file", "internal/state/disk.go",
		"s.recount(path)", "_ = path"},
	{"record-of-multi", "the record of a failed multi has no error", "internal/state/record.go",
		"if r.Err = p.Results[i].Err; r.Err != 0 {", "if p.Results[i].Err != 0 {"},
	{"record-of-sequential", "the record of a sequential create has the path that was asked for", "internal/state/record.go",
		"if p.Err == 0 {\n\t\t\tpath = p.Path", "if p.Err != 0 {\n\t\t\tpath = p.Path"},

	// memserver: connections and clients
	{"event-after-reply", "an event comes after the reply that shows the change", "conn.go",
		"s.deliver()\n\tc.reply(&c.req.RequestHeader, &c.rsp)", "c.reply(&c.req.RequestHeader, &c.rsp)\n\ts.deliver()"},
	{"ping-xid", "the reply to a ping has the xid of the request", "conn.go",
		"h.Xid = wire.XidPing", "h.Xid = c.req.Xid"},
	{"body-of-errors", "a reply with an error has a body", "conn.go",
		"p.Err == 0 || p.Body", "p.Err == 0 || p.Err == zkapi.ErrNoNode || p.Body"},
	{"short-frames", "a frame without a header is passed over", "conn.go",
		"ok && len(payload) < 8 ||", "ok && len(payload) < 4 ||"},
	{"limit-per-address", "one connection too many from an address", "conn.go",
		"perIP[c.ip] >= s.cfg.MaxClientCnxns", "perIP[c.ip] > s.cfg.MaxClientCnxns"},
	{"longest-frame", "the longest frame is refused", "conn.go",
		"wire.NextFrame(rest, s.cfg.MaxFrame)", "wire.NextFrame(rest, s.cfg.MaxFrame-1)"},
	{"four-letter-refused", "a four-letter word that is not enabled is not answered", "fourletter.go",
		"is not executed because it is not in the whitelist", "is not executed"},
	{"direct-exists-kind", "the direct client takes a watch on a missing node for one on its data", "direct.go",
		"c.watches.once(ctx, watchExist, path, c.unwatch)", "c.watches.once(ctx, watchData, path, c.unwatch)"},
	{"direct-zxid", "the direct client asks for what it missed since its first request", "direct.go",
		"c.req.SetWatches.RelativeZxid = zkapi.OpSetWatches2, c.lastZxid", "c.req.SetWatches.RelativeZxid = zkapi.OpSetWatches2, 1"},
	{"direct-no-auth", "the direct client does not repeat its identities", "direct.go",
		"for i := range c.auths {", "for i := range c.auths[:0] {"},
	{"direct-lost", "the direct client keeps its watches when its session has expired", "direct.go",
		"c.change(zkapi.StateLost)\n\tc.watches.end(cause)", "c.change(zkapi.StateLost)"},
	{"direct-stat-in-multi", "the direct client shows a Stat for creates in a multi", "direct.go",
		"results[i].Stat = zkapi.Stat{}", "_ = results[i].Stat"},
	{"client-deleted-child", "a watch on children does not hear of the node's deletion", "watches.go",
		"w.fire(e, watchData, watchExist, watchChild)", "w.fire(e, watchData, watchExist)"},
	{"client-recursive-root", "a recursive watch on the root hears of nothing", "watches.go",
		"at == \"\" {\n\t\t\tat = \"/\"", "at == \"\" {\n\t\t\treturn"},
	{"client-removal-type", "removing watches of one type ends those of all types", "watches.go",
		"if t != u && t != zkapi.WatchTypeAny {", "if t != u && t != zkapi.WatchTypeAny && u != zkapi.WatchTypeData {"},
	{"control-expire-events", "Expire does not end the connection", "control.go",
		"ok := s.st.Cut(s.now(), sessionID)", "ok := true"},
	{"restart-reaper", "the reaper keeps its rhythm over a restart", "control.go",
		"s.started, s.reapAt = s.now(), 0", "s.reapAt = 0"},
	{"advance-expires-all", "Advance expires those who are connected too", "control.go",
		"func(sess *state.Session) bool { return sess.Conn != nil }", "func(sess *state.Session) bool { return false }"},
	{"session-ids", "session ids lack the server's number", "internal/state/counters.go",
		"s.nextSession + int64(m.ID)<<56", "s.nextSession"},
	{"session-ids-again", "a restart gives out session ids again", "internal/state/snapshot.go",
		"s.nextSession = max(s.cfg.FirstSession&restOfID, sn.nextSession&restOfID)", "s.nextSession = s.cfg.FirstSession & restOfID"},
	{"sasl-realm", "an answer for another realm is right", "internal/state/sasl.go",
		"d[\"realm\"] != saslRealm ||", ""},
	{"sasl-nonce", "an answer to an earlier challenge is right", "internal/state/sasl.go",
		"d[\"nonce\"] != c.sasl.nonce ||", ""},
	{"sasl-again", "whoever fails may try again", "internal/state/sasl.go",
		"c.sasl.step = saslDone", "c.sasl.step = saslNew"},
	{"sasl-required", "a refusal does not say that SASL is required", "internal/state/sasl.go",
		"if s.requiresSASL() {", "if s.requiresSASL() && s.cfg.SASL.AllowFailed {"},
	{"sasl-any", "letAnySaslUserDoX lets nobody do anything", "internal/state/acl.go",
		"user == expr || s.cfg.SASL.Any != \"\" && expr == s.cfg.SASL.Any", "user == expr"},
	{"x509-order", "the parts of a subject come in the order of the certificate", "x500.go",
		"slices.Reverse(parts)", "_ = parts"},
	{"x509-super", "the super user of x509 is one like all others", "internal/state/auth.go",
		"id.User == s.cfg.X509Super &&", "id.User != s.cfg.X509Super &&"},
	{"x509-enforced", "a certificate does not count as authentication", "internal/state/auth.go",
		"if slices.Contains(s.cfg.EnforceAuthSchemes, id.Scheme) {", "if slices.Contains(s.cfg.EnforceAuthSchemes, id.User) {"},
	{"reaper-late", "the reaper comes a round late", "server.go",
		"((s.now()-s.started)/interval+1)*interval", "((s.now()-s.started)/interval+2)*interval"},
}
