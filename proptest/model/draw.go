package model

import (
	"cmp"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/zksim/zksim/zkapi"
)

// What is drawn does not depend on what has happened: a step that is taken out
// of a history leaves the others as they are. That is what makes them shrink.

// weights are the odds of the operations. The simple ones come first.
var weights = [...]int{
	opCreate: 32, opDelete: 8, opSet: 10, opGet: 9, opExists: 8, opChildren: 8, opCreateTTL: 3, opMulti: 9, opSetACL: 4,
	opGetACL: 3, opAddWatch: 5, opRemoveWatches: 5, opCloseStream: 1, opMultiRead: 3, opAllChildrenNumber: 2, opEphemerals: 2,
	opWhoAmI: 1, opAddAuth: 2, opSync: 1, opReconfig: 1, opDisconnect: 3, opReconnect: 3, opExpire: 2, opRestart: 1,
	opAdvance: 4, opClose: 2, opConnect: 1,
}

var paths = []string{"/a", "/a/b", "/b", "/a", "/a/b", "/a/c", "/a/b/c", "/ab", "/b/b", "/", "/a/b/s-", "/a/-0000000000", "/a/-0000000001",
	"/a/b/s-0000000000", "/a/b/s-0000000001", "/a/-0000000002", "/b/b/b", "/a/-"}

// oddPaths are those that a client may refuse to send.
var oddPaths = []string{"", "a", "/a/", "/b/", "/a//b", "//a", "/a/.", "/..", "/a/\x01", "/a/\x00", "/\ufffd", "/😀"}

// rootPaths are those of the whole server.
var rootPaths = []string{"/zookeeper/x", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "/é", "/a\u00a0"}

var (
	data     = [][]byte{{}, []byte("x"), nil, []byte("longer than others")}
	modes    = []zkapi.CreateMode{0, 0, 1, 2, 0, 3, 4, 1, 0, 4, 2, 0, 1, 0, 0, 4, 0, 0, 1, 2, 0, 3, 4, 1, 0, 4, 2, 0, 1, 5, 6, 9}
	ttlModes = []zkapi.CreateMode{5, 6, 5, 6, 5, 5, 0, 4}
	ttls     = []int64{5_000, 1, 61_000, maxTTL, 0, maxTTL + 1, 30_000, 5_000}
	users    = []string{"u1:p1", "u2:p2", "u1:p2", "noColon", ""}
	acls     = [][]zkapi.ACL{
		nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil,
		zkapi.ReadACL(),
		zkapi.AuthACL(zkapi.PermAll),
		zkapi.WorldACL(zkapi.PermAll &^ zkapi.PermRead),
		zkapi.WorldACL(zkapi.PermAll &^ zkapi.PermCreate),
		zkapi.WorldACL(zkapi.PermAll &^ zkapi.PermDelete),
		zkapi.WorldACL(zkapi.PermAll &^ zkapi.PermWrite),
		zkapi.WorldACL(zkapi.PermAll &^ zkapi.PermAdmin),
		zkapi.WorldACL(zkapi.PermAdmin | zkapi.PermDelete),
		zkapi.DigestACL(zkapi.PermAll, "u1", "p1"),
		append(zkapi.ReadACL(), zkapi.DigestACL(zkapi.PermAll, "u1", "p1")...),
		append(zkapi.DigestACL(zkapi.PermRead, "u2", "p2"), zkapi.WorldACL(zkapi.PermAll&^zkapi.PermRead)...),
		append(zkapi.OpenACL(), zkapi.OpenACL()...),
		append(zkapi.OpenACL(), zkapi.ReadACL()...),
		append(zkapi.ReadACL(), zkapi.AuthACL(zkapi.PermAll)...),
		{},
		zkapi.WorldACL(0),
		zkapi.WorldACL(63),
		{{Perms: zkapi.PermAll, Scheme: "ip", ID: "127.0.0.1"}},
		{{Perms: zkapi.PermAll, Scheme: "ip", ID: "127.0.0.0/8"}, {Perms: zkapi.PermRead, Scheme: "ip", ID: "10.0.0.1/0"}},
		{{Perms: zkapi.PermAll, Scheme: "ip", ID: "10.0.0.0/9"}, {Perms: zkapi.PermAdmin, Scheme: "world", ID: "anyone"}},
		{{Perms: zkapi.PermAll, Scheme: "ip", ID: "127.0.0.1/33"}},
		{{Perms: zkapi.PermAll, Scheme: "ip", ID: "::1"}, {Perms: zkapi.PermAll, Scheme: "world", ID: "anyone"}},
		{{Perms: zkapi.PermAll, Scheme: "world", ID: "everyone"}},
		{{Perms: zkapi.PermAll, Scheme: "digest", ID: "u1"}},
		{{Perms: zkapi.PermAll, Scheme: "digest", ID: "u1:"}},
		{{Perms: zkapi.PermAll, Scheme: "digest", ID: ":hash"}, {Perms: zkapi.PermAdmin, Scheme: "world", ID: "anyone"}},
		{{Perms: zkapi.PermAll, Scheme: "nonsense", ID: "x"}},
	}
	times = []time.Duration{untilDue, beforeDue, time.Second, untilDue, 7 * time.Second, beforeDue, 61 * time.Second, 5 * time.Minute}
)

// Lengths of time that depend on what is going to happen: to the very moment in
// which something is due, and to the last millisecond before.
const (
	untilDue  time.Duration = -1
	beforeDue time.Duration = -2
)

// drawer draws steps for one kind of server.
type drawer struct {
	step    *rapid.Generator[request]
	coin    *rapid.Generator[bool]
	client  *rapid.Generator[int]
	op      *rapid.Generator[op]
	path    *rapid.Generator[string]
	oddPath *rapid.Generator[string]
	data    *rapid.Generator[[]byte]
	acl     *rapid.Generator[[]zkapi.ACL]
	mode    *rapid.Generator[zkapi.CreateMode]
	ttlMode *rapid.Generator[zkapi.CreateMode]
	ttl     *rapid.Generator[int64]
	version *rapid.Generator[versionKind]
	count   *rapid.Generator[int]
	part    *rapid.Generator[op]
	time    *rapid.Generator[time.Duration]
	user    *rapid.Generator[string]
	can     *abilities
	stops   int // a history ends with a chance of 1 to 2^stops after each step
}

func newDrawer(can *abilities, stops int) *drawer {
	ops := mixed(can)
	modes := modes
	if !can.oddPaths { // such a client looks at flags too
		modes = slices.DeleteFunc(slices.Clone(modes), func(m zkapi.CreateMode) bool { return m.TTL() || m.String() == "invalid" })
	}
	d := &drawer{
		coin: rapid.Bool(), client: rapid.SampledFrom([]int{1, 2, 1, 2, 3, 1, 2, 3}), op: rapid.SampledFrom(ops),
		path: rapid.SampledFrom(paths), data: rapid.SampledFrom(data),
		acl: rapid.SampledFrom(acls), mode: rapid.SampledFrom(modes), ttlMode: rapid.SampledFrom(ttlModes),
		ttl: rapid.SampledFrom(ttls), version: rapid.SampledFrom([]versionKind{0, 1, 0, 1, 0, 2, 3, 4}),
		count: rapid.IntRange(0, 7), part: rapid.SampledFrom([]op{opCreate, opSet, opDelete, opCheck, opCreate, opCreate, opSet, opCreateTTL}),
		time: rapid.SampledFrom(times), user: rapid.SampledFrom(users), can: can, stops: stops,
	}
	var odd []string
	if can.root {
		odd = slices.Clone(rootPaths)
		if can.oddPaths {
			odd = append(odd, oddPaths...)
		}
		d.oddPath = rapid.SampledFrom(odd)
	}
	if !can.multiTTL {
		d.part = rapid.SampledFrom([]op{opCreate, opSet, opDelete, opCheck})
	}
	d.step = rapid.Custom(d.draw)
	return d
}

// mixed is a list with each operation as often as its weight says. All of them
// are spread over the list, for rapid draws from its beginning more often.
func mixed(can *abilities) []op {
	type place struct {
		at float64
		op op
	}
	var places []place
	for o, weight := range weights {
		for i := range weight {
			if can.op(op(o)) {
				places = append(places, place{(float64(i) + 0.5) / float64(weight), op(o)})
			}
		}
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.at, b.at) })
	ops := make([]op, len(places))
	for i, p := range places {
		ops[i] = p.op
	}
	return ops
}

func (d *drawer) draw(t *rapid.T) request {
	if d.ends(t) {
		return request{stop: true}
	}
	o := request{op: d.op.Draw(t, "op"), client: d.client.Draw(t, "client")}
	switch o.op {
	case opRestart, opReconnect, opDisconnect, opExpire, opClose, opConnect, opReconfig, opWhoAmI:
	case opAdvance:
		o.time = d.time.Draw(t, "time")
	case opAddAuth:
		o.scheme, o.data = "digest", []byte(d.user.Draw(t, "user"))
		if d.can.authFailure && d.count.Draw(t, "fails") == 7 {
			o.scheme = "nonsense"
		}
	case opCloseStream:
		o.pick = d.count.Draw(t, "stream")
	case opMulti, opMultiRead:
		o.parts = make([]request, d.count.Draw(t, "parts"))
		for i := range o.parts {
			o.parts[i] = d.drawPart(t, o.op)
		}
	default:
		d.fill(t, &o)
	}
	return o
}

func (d *drawer) ends(t *rapid.T) bool {
	for range d.stops {
		if !d.coin.Draw(t, "end") {
			return false
		}
	}
	return true
}

func (d *drawer) drawPart(t *rapid.T, multi op) request {
	if multi == opMultiRead {
		o := request{op: opGet}
		if d.coin.Draw(t, "children") {
			o.op = opChildren
		}
		d.fill(t, &o)
		o.watch = false
		return o
	}
	o := request{op: d.part.Draw(t, "part")}
	d.fill(t, &o)
	switch {
	case o.op == opCreateTTL && !o.mode.TTL(): // which is something else in a multi
		o.mode = zkapi.PersistentTTL
	case o.mode == zkapi.Container && !d.can.multiTTL:
		o.mode = zkapi.Persistent
	}
	o.stat = false
	return o
}

// fill draws what belongs to the operation.
func (d *drawer) fill(t *rapid.T, o *request) {
	o.path = d.path.Draw(t, "path")
	if d.oddPath != nil && d.count.Draw(t, "odd") == 7 {
		o.path = d.oddPath.Draw(t, "odd path")
	}
	switch o.op {
	case opCreate, opCreateTTL:
		o.data, o.acl = d.data.Draw(t, "data"), d.acl.Draw(t, "acl")
		if o.op == opCreate {
			o.mode, o.stat = d.mode.Draw(t, "mode"), d.coin.Draw(t, "stat")
			return
		}
		o.mode, o.ttl = zkapi.PersistentTTL, d.ttl.Draw(t, "ttl")
		if d.can.oddPaths {
			o.mode = d.ttlMode.Draw(t, "mode")
		}
	case opSet:
		o.data, o.expect = d.data.Draw(t, "data"), d.version.Draw(t, "version")
	case opDelete, opCheck:
		o.expect = d.version.Draw(t, "version")
	case opSetACL:
		if o.acl, o.expect = d.acl.Draw(t, "acl"), d.version.Draw(t, "version"); o.acl == nil && d.coin.Draw(t, "open") {
			o.acl = zkapi.OpenACL()
		}
	case opGet, opExists, opChildren:
		o.watch = d.coin.Draw(t, "watch")
	case opAddWatch:
		if d.coin.Draw(t, "recursive") {
			o.watches = zkapi.WatchPersistentRecursive
		}
	case opRemoveWatches:
		o.remove, o.pick = zkapi.WatchType(1+d.count.Draw(t, "type")%5), d.count.Draw(t, "watch")
	}
}
