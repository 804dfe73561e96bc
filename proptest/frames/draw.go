package frames

import (
	"math"

	"pgregory.net/rapid"

	"github.com/zksim/zksim/zkapi"
)

// Histories are drawn from a small world - a dozen paths, a few ACLs and
// users - so that requests meet what earlier ones have left. In every list the
// first entry is the simplest: that is what histories shrink to.

// weighted is a choice.
type weighted[T any] struct {
	weight int
	value  T
}

func choose[T any](choices ...weighted[T]) *rapid.Generator[T] {
	var all []T
	for _, c := range choices {
		for range c.weight {
			all = append(all, c.value)
		}
	}
	return rapid.SampledFrom(all)
}

// oneOf draws from one of several generators.
func oneOf[T any](choices ...weighted[*rapid.Generator[T]]) *rapid.Generator[T] {
	which := choose(choices...)
	return rapid.Custom(func(t *rapid.T) T { return which.Draw(t, "which").Draw(t, "value") })
}

var (
	nodes = []Text{"/h/a", "/h/b", "/h", "/h/a/x", "/h/a/y", "/h/a/x/1", "/h/e", "/h/e/k", "/h/q", "/h/q/r", "/h/q/r/s", "/h/\u00e9"}
	// What sequential creates make, and are asked for.
	stems    = []Text{"/h/a/n-", "/h/", "/h/q/n-", "/h/a/x/"}
	numbered = []Text{"/h/a/n-0000000000", "/h/a/n-0000000001", "/h/a/n-0000000002", "/h/0000000001", "/h/0000000002", "/h/q/n-0000000001", "/h/a/x/0000000000"}
	quotas   = []Text{"/zookeeper/quota/h/q/zookeeper_limits", "/zookeeper/quota/h/q/zookeeper_stats", "/zookeeper/quota/h/q",
		"/zookeeper/quota/h", "/zookeeper/quota/h/zookeeper_limits", "/zookeeper/quota/h/zookeeper_stats",
		"/zookeeper/quota/h/a/zookeeper_limits", "/zookeeper/quota/h/a/zookeeper_stats", "/zookeeper/quota/h/a"}
	shared = []Text{"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", ""}
	// What no node can be called, or nearly so.
	odd = []Text{"/h/", "h", "/h//a", "/h/.", "/h/..", "/h/a/", "/h/./a", "/h/a\x00", "/h/\x01", "/h/\u0085", "/h/\xff", "/h/\xc3",
		"/h/\U0001F600", "/h/\xed\xa0\xbd\xed\xb8\x80", "/h/\ue000", "/h/\uf900", "/h/\ufff0", "/h/...", "/h/ ", " ", "/h/a ", "/h/x\xe2\x82", "//h", "a/b",
		"/h/\u4e2d\u6587", "/zookeeper/x", "/hh", "/h2", "/H", Null}

	anyPath = oneOf(
		weighted[*rapid.Generator[Text]]{70, rapid.SampledFrom(nodes)},
		weighted[*rapid.Generator[Text]]{10, rapid.SampledFrom(numbered)},
		weighted[*rapid.Generator[Text]]{6, rapid.SampledFrom(quotas)},
		weighted[*rapid.Generator[Text]]{5, rapid.SampledFrom(shared)},
		weighted[*rapid.Generator[Text]]{4, rapid.SampledFrom(stems)},
		weighted[*rapid.Generator[Text]]{5, rapid.SampledFrom(odd)},
	)
	// The nodes that every history has in common are changed less.
	writePath = oneOf(
		weighted[*rapid.Generator[Text]]{80, rapid.SampledFrom(nodes)},
		weighted[*rapid.Generator[Text]]{9, rapid.SampledFrom(numbered)},
		weighted[*rapid.Generator[Text]]{6, rapid.SampledFrom(quotas)},
		weighted[*rapid.Generator[Text]]{1, rapid.SampledFrom(shared)},
		weighted[*rapid.Generator[Text]]{4, rapid.SampledFrom(odd)},
	)
	seqPath = oneOf(
		weighted[*rapid.Generator[Text]]{75, rapid.SampledFrom(stems)},
		weighted[*rapid.Generator[Text]]{20, rapid.SampledFrom(nodes)},
		weighted[*rapid.Generator[Text]]{2, rapid.SampledFrom(shared)},
		weighted[*rapid.Generator[Text]]{3, rapid.SampledFrom(odd)},
	)

	limits = []string{"count=3,bytes=10", "count=2,bytes=10=;byteHardLimit=10;countHardLimit=3", "count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=-1",
		"count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=2", "count=1,bytes=-1", "x", "count=abc,bytes=1", "", "count=0,bytes=0=;byteHardLimit=0;countHardLimit=0",
		"bytes=4", "countHardLimit=2", ",count=1", "count=1,,bytes=2", "count= 1,bytes=2", "count=9999999999,bytes=99999999999999999999"}
	payload = rapid.Custom(func(t *rapid.T) []byte {
		switch k := rapid.IntRange(0, 19).Draw(t, "data"); k {
		case 17:
			return nil
		case 18:
			return make([]byte, 3000)
		case 0, 19:
			return []byte{}
		default:
			return []byte("some data for it!")[:k]
		}
	})

	version = choose(weighted[int32]{50, -1}, weighted[int32]{25, 0}, weighted[int32]{12, 1}, weighted[int32]{5, 2},
		weighted[int32]{3, 3}, weighted[int32]{2, -2}, weighted[int32]{1, math.MaxInt32}, weighted[int32]{1, math.MinInt32})
	someXid = choose(weighted[int32]{1, 0}, weighted[int32]{1, -1}, weighted[int32]{1, -2}, weighted[int32]{1, -4}, weighted[int32]{1, -8},
		weighted[int32]{1, 1}, weighted[int32]{1, 7}, weighted[int32]{1, math.MaxInt32}, weighted[int32]{1, math.MinInt32}, weighted[int32]{1, -77})
)

// users have added themselves with auth; wrong has the right name.
var users = []string{"u1:p1", "u2:p2", "u1:wrong"}

func digest(user string, perms int32) ACL { return ACL{perms, "digest", Text(zkapi.DigestID(user))} }

var acls = choose(
	weighted[[]ACL]{60, openACL},
	weighted[[]ACL]{4, []ACL{{1, "world", "anyone"}}},
	weighted[[]ACL]{2, []ACL{{2, "world", "anyone"}}},
	weighted[[]ACL]{2, []ACL{{4, "world", "anyone"}}},
	weighted[[]ACL]{2, []ACL{{8, "world", "anyone"}}},
	weighted[[]ACL]{2, []ACL{{16, "world", "anyone"}}},
	weighted[[]ACL]{2, []ACL{{30, "world", "anyone"}}},
	weighted[[]ACL]{2, []ACL{{15, "world", "anyone"}}},
	weighted[[]ACL]{1, []ACL{{0, "world", "anyone"}}},
	weighted[[]ACL]{1, []ACL{{-1, "world", "anyone"}}},
	weighted[[]ACL]{1, []ACL{{32, "world", "anyone"}}},
	weighted[[]ACL]{5, []ACL{digest("u1:p1", 31)}},
	weighted[[]ACL]{3, []ACL{{1, "world", "anyone"}, digest("u1:p1", 31)}},
	weighted[[]ACL]{2, []ACL{digest("u2:p2", 31), digest("u1:p1", 1)}},
	weighted[[]ACL]{5, []ACL{{31, "auth", ""}}},
	weighted[[]ACL]{2, []ACL{{1, "auth", "ignored"}, {2, "auth", ""}}},
	weighted[[]ACL]{1, []ACL{{31, "auth", Null}}},
	weighted[[]ACL]{2, []ACL{{31, "auth", ""}, digest("u1:p1", 31), {31, "world", "anyone"}, {31, "world", "anyone"}}},
	weighted[[]ACL]{2, []ACL{{31, "ip", "127.0.0.1"}}},
	weighted[[]ACL]{1, []ACL{{31, "ip", "10.0.0.0/8"}}},
	weighted[[]ACL]{1, []ACL{{31, "ip", "128.0.0.1/0"}}},
	weighted[[]ACL]{1, []ACL{{31, "ip", "127.0.0.9/28"}}},
	weighted[[]ACL]{1, []ACL{{31, "ip", "127.0.0.1/33"}}},
	weighted[[]ACL]{1, []ACL{{31, "ip", "127.0.0"}}},
	weighted[[]ACL]{1, []ACL{{31, "ip", "::1/64"}}},
	weighted[[]ACL]{1, []ACL{{31, "ip", "1:2:3:4:5:6:7:8"}}},
	weighted[[]ACL]{1, []ACL{{31, "ip", "1::2::3"}}},
	weighted[[]ACL]{1, []ACL{{31, "world", "anyone"}, {1, "world", "nobody"}}},
	weighted[[]ACL]{1, []ACL{{31, "world", "anyone "}}},
	weighted[[]ACL]{1, []ACL{{31, "digest", "ab"}}},
	weighted[[]ACL]{1, []ACL{{31, "digest", "a:"}}},
	weighted[[]ACL]{1, []ACL{{31, "digest", ":b"}}},
	weighted[[]ACL]{1, []ACL{{31, "digest", "a:b"}}},
	weighted[[]ACL]{1, []ACL{{31, "digest", "a:b:"}}},
	weighted[[]ACL]{1, []ACL{{31, "digest", "a:b:c"}}},
	weighted[[]ACL]{1, []ACL{{31, "digest", "\xff:\U0001F600"}}},
	weighted[[]ACL]{1, []ACL{{31, "super", ""}}},
	weighted[[]ACL]{1, []ACL{{31, "x509", "CN=x"}}},
	weighted[[]ACL]{1, []ACL{{31, "sasl", "u"}}},
	weighted[[]ACL]{1, []ACL{{31, "foo", "u"}}},
	weighted[[]ACL]{1, []ACL{{31, Null, "u"}}},
	weighted[[]ACL]{1, []ACL{{31, "world", Null}}},
	weighted[[]ACL]{1, []ACL{{31, "digest", Null}}},
	weighted[[]ACL]{1, []ACL{{31, "foo", Null}}},
	weighted[[]ACL]{1, []ACL{}},
	weighted[[]ACL]{1, []ACL(nil)},
)

func drawInt(t *rapid.T, most int, label string) int { return rapid.IntRange(0, most).Draw(t, label) }

// chance is true in n of a hundred cases, and shrinks to false.
func chance(t *rapid.T, n int, label string) bool { return drawInt(t, 99, label) >= 100-n }

var (
	createFlags    = choose(weighted[int32]{50, 0}, weighted[int32]{22, 1}, weighted[int32]{14, 2}, weighted[int32]{9, 3}, weighted[int32]{2, 4}, weighted[int32]{1, 5}, weighted[int32]{1, 6}, weighted[int32]{1, 7}, weighted[int32]{1, -1}, weighted[int32]{1, 1 << 20})
	containerFlags = choose(weighted[int32]{6, 4}, weighted[int32]{1, 0}, weighted[int32]{1, 1}, weighted[int32]{1, 2}, weighted[int32]{1, 3}, weighted[int32]{1, 5}, weighted[int32]{1, 6}, weighted[int32]{1, 9})
	ttlFlags       = choose(weighted[int32]{8, 5}, weighted[int32]{4, 6}, weighted[int32]{1, 0}, weighted[int32]{1, 1}, weighted[int32]{1, 2}, weighted[int32]{1, 4}, weighted[int32]{1, 7})
	ttls           = choose(weighted[int64]{12, 1_000_000}, weighted[int64]{1, 1}, weighted[int64]{1, 0}, weighted[int64]{1, -1}, weighted[int64]{1, 1<<40 - 1}, weighted[int64]{1, 1 << 40}, weighted[int64]{1, math.MaxInt64})
)

func drawCreate(t *rapid.T, op zkapi.OpCode) Request {
	r := Request{Op: op}
	switch op {
	case zkapi.OpCreateContainer:
		r.Flags = containerFlags.Draw(t, "flags")
	case zkapi.OpCreateTTL:
		r.Flags = ttlFlags.Draw(t, "flags")
		r.TTL = ttls.Draw(t, "ttl")
	default:
		r.Flags = createFlags.Draw(t, "flags")
	}
	if zkapi.CreateMode(r.Flags).Sequential() {
		r.Path = seqPath.Draw(t, "path")
	} else {
		r.Path = writePath.Draw(t, "path")
	}
	r.Data = payload.Draw(t, "data")
	if isLimits(r.Path) {
		r.Data = []byte(rapid.SampledFrom(limits).Draw(t, "limits"))
	}
	r.ACL = acls.Draw(t, "acl")
	return r
}

func isLimits(path Text) bool {
	return len(path) > len(limitsName) && path[len(path)-len(limitsName):] == limitsName
}

func isStats(path Text) bool {
	return len(path) > len(statsName) && path[len(path)-len(statsName):] == statsName
}

var stats = rapid.SampledFrom([]string{"count=1,bytes=0", "count=5,bytes=100", "count=-1,bytes=-1", "count=2,bytes=3=;byteHardLimit=5;countHardLimit=7"})

func drawSet(t *rapid.T) Request {
	r := Request{Op: zkapi.OpSetData, Path: writePath.Draw(t, "path"), Data: payload.Draw(t, "data"), Version: version.Draw(t, "version")}
	switch {
	case isLimits(r.Path):
		r.Data = []byte(rapid.SampledFrom(limits).Draw(t, "limits"))
	case isStats(r.Path):
		r.Data = []byte(stats.Draw(t, "stats"))
	}
	return r
}

// drawPlain draws a request of a type that takes paths, alone or in a multi.
func drawPlain(t *rapid.T, op zkapi.OpCode) Request {
	r := Request{Op: op}
	switch op {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		return drawCreate(t, op)
	case zkapi.OpSetData:
		return drawSet(t)
	case zkapi.OpDelete:
		r.Path, r.Version = writePath.Draw(t, "path"), version.Draw(t, "version")
	case zkapi.OpCheck:
		r.Path, r.Version = anyPath.Draw(t, "path"), version.Draw(t, "version")
	case zkapi.OpDeleteContainer:
		r.Path = writePath.Draw(t, "path")
	case zkapi.OpExists, zkapi.OpGetData, zkapi.OpGetChildren, zkapi.OpGetChildren2:
		r.Path, r.Watch = anyPath.Draw(t, "path"), chance(t, 40, "watch")
	case zkapi.OpSetACL:
		r.Path, r.ACL, r.Version = writePath.Draw(t, "path"), acls.Draw(t, "acl"), version.Draw(t, "version")
	}
	return r
}

var (
	multiOps = choose(weighted[zkapi.OpCode]{20, zkapi.OpCreate}, weighted[zkapi.OpCode]{16, zkapi.OpDelete}, weighted[zkapi.OpCode]{16, zkapi.OpSetData},
		weighted[zkapi.OpCode]{14, zkapi.OpCheck}, weighted[zkapi.OpCode]{8, zkapi.OpCreate2}, weighted[zkapi.OpCode]{5, zkapi.OpCreateContainer},
		weighted[zkapi.OpCode]{4, zkapi.OpCreateTTL}, weighted[zkapi.OpCode]{1, zkapi.OpSetACL}, weighted[zkapi.OpCode]{1, zkapi.OpGetData},
		weighted[zkapi.OpCode]{1, zkapi.OpDeleteContainer}, weighted[zkapi.OpCode]{1, 999})
	multiReadOps = choose(weighted[zkapi.OpCode]{30, zkapi.OpGetData}, weighted[zkapi.OpCode]{30, zkapi.OpGetChildren},
		weighted[zkapi.OpCode]{1, zkapi.OpExists}, weighted[zkapi.OpCode]{1, zkapi.OpDelete}, weighted[zkapi.OpCode]{1, zkapi.OpGetChildren2}, weighted[zkapi.OpCode]{1, -7})
	parts     = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Request { return drawPart(t, multiOps) }), 0, 6)
	readParts = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Request { return drawPart(t, multiReadOps) }), 0, 6)
)

func drawPart(t *rapid.T, ops *rapid.Generator[zkapi.OpCode]) Request {
	r := drawPlain(t, ops.Draw(t, "op"))
	if chance(t, 1, "mangled") {
		r.Mangle = drawMangle(t)
	}
	return r
}

var texts = rapid.Custom(func(t *rapid.T) []Text {
	n := drawInt(t, 4, "n")
	if n == 4 {
		if chance(t, 20, "null") {
			return nil
		}
		n = 1
	}
	list := make([]Text, n)
	for i := range list {
		list[i] = anyPath.Draw(t, "path")
	}
	return list
})

var seen = rapid.Custom(func(t *rapid.T) Zxid {
	switch k := drawInt(t, 49, "seen"); {
	case k < 40:
		return Zxid{N: int64(k)}
	case k < 44:
		return Zxid{N: 0, Abs: true}
	case k < 46:
		return Zxid{N: -1, Abs: true}
	case k < 48:
		return Zxid{N: 1_000_000}
	case k == 48:
		return Zxid{N: math.MaxInt64, Abs: true}
	}
	return Zxid{N: math.MinInt64, Abs: true}
})

var pokes = rapid.SampledFrom([]int32{-1, -2, 0, 1, 2, 3, 4, 31, 255, 1 << 16, 1 << 20, 1<<21 + 1, 0x7fffffff, -0x80000000, 0x2f682f61, 0x01010101})

func drawMangle(t *rapid.T) *Mangle {
	m := &Mangle{Kind: rapid.SampledFrom([]Mangling{MangleCut, ManglePoke, ManglePoke, MangleJunk}).Draw(t, "mangling"), At: drawInt(t, 60, "at")}
	if m.Kind == ManglePoke {
		m.With = pokes.Draw(t, "with")
	}
	return m
}

var watchTypes = choose(weighted[int32]{6, 3}, weighted[int32]{5, 1}, weighted[int32]{5, 2}, weighted[int32]{4, 4}, weighted[int32]{4, 5}, weighted[int32]{1, 0}, weighted[int32]{1, 6}, weighted[int32]{1, -1})
var watchModes = choose(weighted[int32]{10, 0}, weighted[int32]{10, 1}, weighted[int32]{1, 2}, weighted[int32]{1, -1})

// ops are the requests that may be sent among others.
var ops = choose(
	weighted[zkapi.OpCode]{14, zkapi.OpCreate}, weighted[zkapi.OpCode]{5, zkapi.OpCreate2}, weighted[zkapi.OpCode]{3, zkapi.OpCreateContainer},
	weighted[zkapi.OpCode]{3, zkapi.OpCreateTTL}, weighted[zkapi.OpCode]{11, zkapi.OpDelete}, weighted[zkapi.OpCode]{3, zkapi.OpDeleteContainer},
	weighted[zkapi.OpCode]{7, zkapi.OpExists}, weighted[zkapi.OpCode]{7, zkapi.OpGetData}, weighted[zkapi.OpCode]{10, zkapi.OpSetData},
	weighted[zkapi.OpCode]{4, zkapi.OpGetACL}, weighted[zkapi.OpCode]{5, zkapi.OpSetACL}, weighted[zkapi.OpCode]{5, zkapi.OpGetChildren},
	weighted[zkapi.OpCode]{4, zkapi.OpGetChildren2}, weighted[zkapi.OpCode]{1, zkapi.OpSync}, weighted[zkapi.OpCode]{1, zkapi.OpPing},
	weighted[zkapi.OpCode]{8, zkapi.OpMulti}, weighted[zkapi.OpCode]{3, zkapi.OpMultiRead}, weighted[zkapi.OpCode]{1, zkapi.OpReconfig},
	weighted[zkapi.OpCode]{4, zkapi.OpCheckWatches}, weighted[zkapi.OpCode]{4, zkapi.OpRemoveWatches}, weighted[zkapi.OpCode]{3, zkapi.OpSetWatches},
	weighted[zkapi.OpCode]{3, zkapi.OpSetWatches2}, weighted[zkapi.OpCode]{6, zkapi.OpAddWatch}, weighted[zkapi.OpCode]{2, zkapi.OpGetEphemerals},
	weighted[zkapi.OpCode]{2, zkapi.OpGetAllChildrenNumber}, weighted[zkapi.OpCode]{2, zkapi.OpWhoAmI}, weighted[zkapi.OpCode]{1, zkapi.OpCheck},
	weighted[zkapi.OpCode]{1, zkapi.OpCloseSession},
)

func drawRequest(t *rapid.T) Request {
	op := ops.Draw(t, "op")
	r := Request{Op: op}
	switch op {
	case zkapi.OpGetACL, zkapi.OpSync, zkapi.OpGetAllChildrenNumber:
		r.Path = anyPath.Draw(t, "path")
	case zkapi.OpGetEphemerals:
		r.Path = rapid.SampledFrom([]Text{"/", "/h", "", "/h/a", "/h/a/n-", "/nope", " ", Null}).Draw(t, "prefix")
	case zkapi.OpCheckWatches, zkapi.OpRemoveWatches:
		r.Path, r.Type = anyPath.Draw(t, "path"), watchTypes.Draw(t, "type")
	case zkapi.OpAddWatch:
		r.Path, r.Type = anyPath.Draw(t, "path"), watchModes.Draw(t, "mode")
	case zkapi.OpSetWatches, zkapi.OpSetWatches2:
		r.Zxid = seen.Draw(t, "seen")
		for range 5 {
			r.Lists = append(r.Lists, texts.Draw(t, "list"))
		}
	case zkapi.OpMulti:
		r.Parts = parts.Draw(t, "parts")
	case zkapi.OpMultiRead:
		r.Parts = readParts.Draw(t, "parts")
	case zkapi.OpReconfig:
		r.Path = rapid.SampledFrom([]Text{Null, "", "server.2=127.0.0.1:1:2:participant;3"}).Draw(t, "joining")
		r.Scheme = rapid.SampledFrom([]Text{Null, "1"}).Draw(t, "leaving")
		r.Zxid = Zxid{N: -1, Abs: true}
	default:
		r = drawPlain(t, op)
	}
	if chance(t, 3, "own xid") {
		xid := someXid.Draw(t, "xid")
		r.Xid = &xid
	}
	if chance(t, 4, "mangled") {
		r.Mangle = drawMangle(t)
	}
	return r
}

// Requests that are sent alone.
var lonely = choose(
	weighted[Request]{8, Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte(users[0])}},
	weighted[Request]{5, Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte(users[1])}},
	weighted[Request]{2, Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte(users[2])}},
	weighted[Request]{3, Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte(Super)}},
	weighted[Request]{1, Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte("super:wrong")}},
	weighted[Request]{1, Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte{}}},
	weighted[Request]{1, Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte("nocolon")}},
	weighted[Request]{1, Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte("a:b:c")}},
	weighted[Request]{1, Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte("\xff\xfe:\x00")}},
	weighted[Request]{1, Request{Op: zkapi.OpAuth, Scheme: "digest"}},
	weighted[Request]{1, Request{Op: zkapi.OpAuth, Scheme: "ip", Data: []byte{}, Type: 5}},
	weighted[Request]{1, Request{Op: zkapi.OpAuth, Scheme: "ip"}},
	weighted[Request]{1, Request{Op: zkapi.OpAuth, Scheme: "world", Data: []byte("anyone")}},
	weighted[Request]{1, Request{Op: zkapi.OpAuth, Scheme: "auth", Data: []byte{}}},
	weighted[Request]{1, Request{Op: zkapi.OpAuth, Scheme: "super", Data: []byte{}}},
	weighted[Request]{1, Request{Op: zkapi.OpAuth, Scheme: "x509", Data: []byte{}}},
	weighted[Request]{1, Request{Op: zkapi.OpAuth, Scheme: "foo", Data: []byte("bar")}},
	weighted[Request]{1, Request{Op: zkapi.OpAuth, Scheme: Null, Data: []byte("bar")}},
	weighted[Request]{1, Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte(users[0]), Mangle: &Mangle{Kind: MangleCut, At: 9}}},
	weighted[Request]{1, Request{Op: zkapi.OpSasl, Data: []byte{}}},
	weighted[Request]{1, Request{Op: zkapi.OpSasl, Data: []byte("token")}},
	weighted[Request]{1, Request{Op: zkapi.OpSasl}},
	weighted[Request]{1, Request{Op: zkapi.OpCreateSession, Type: 200_000}},
	weighted[Request]{1, Request{Op: zkapi.OpCreateSession, Type: 200_000, Mangle: &Mangle{Kind: MangleCut, At: 2}}},
	weighted[Request]{1, Request{Op: 0}},
	weighted[Request]{1, Request{Op: -1}},
	weighted[Request]{1, Request{Op: 10}},
	weighted[Request]{1, Request{Op: 999}},
	weighted[Request]{1, Request{Op: 23}},
	weighted[Request]{1, Request{Op: 99}},
	weighted[Request]{1, Request{Op: 108}},
	weighted[Request]{1, Request{Op: -12}},
)

var raws = rapid.SampledFrom([][]byte{
	{0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 4, 0, 0, 0, 1}, {0x80, 0, 0, 0}, []byte("ruok"), {0, 0x10, 0, 0}, {0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0},
})

func drawConnect(t *rapid.T) *Connect {
	c := &Connect{
		Session: rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6, -1}).Draw(t, "session"),
		Passwd:  choose(weighted[Passwd]{15, PasswdRight}, weighted[Passwd]{2, PasswdWrong}, weighted[Passwd]{1, PasswdNull}, weighted[Passwd]{1, PasswdEmpty}, weighted[Passwd]{1, PasswdShort}, weighted[Passwd]{1, PasswdLong}).Draw(t, "passwd"),
		Timeout: rapid.SampledFrom([]int32{200_000, 200_000, 200_000, 100_000, 0, -1, 99_999, 1_000_001, math.MaxInt32, math.MinInt32}).Draw(t, "timeout"),
		Tail:    choose(weighted[Tail]{6, TailFalse}, weighted[Tail]{1, TailTrue}, weighted[Tail]{2, TailNone}, weighted[Tail]{1, TailJunk}).Draw(t, "tail"),
	}
	if chance(t, 20, "seen") {
		c.Seen = seen.Draw(t, "seen")
	}
	if chance(t, 5, "protocol") {
		c.Protocol = rapid.SampledFrom([]int32{1, -1, math.MaxInt32}).Draw(t, "protocol")
	}
	if chance(t, 4, "cut") {
		c.Cut = 1 + drawInt(t, 44, "cut")
	}
	return c
}

var requests = [3]*rapid.Generator[[]Request]{
	rapid.SliceOfN(rapid.Custom(drawRequest), 1, 1),
	rapid.SliceOfN(rapid.Custom(drawRequest), 1, 4),
	rapid.SliceOfN(rapid.Custom(drawRequest), 2, 9),
}

// drawQuota draws what sets up a quota.
func drawQuota(t *rapid.T) []Request {
	make := func(path Text, data string) Request {
		return Request{Op: zkapi.OpCreate, Path: path, Data: []byte(data), ACL: openACL}
	}
	below := rapid.SampledFrom([]Text{"/h/q", "/h", "/h/a"}).Draw(t, "quota on")
	reqs := []Request{make("/zookeeper/quota/h", "")}
	if below != "/h" {
		reqs = append(reqs, make("/zookeeper/quota"+below, ""))
	}
	l := make("/zookeeper/quota"+below+limitsName, rapid.SampledFrom(limits).Draw(t, "limits"))
	s := make("/zookeeper/quota"+below+statsName, rapid.SampledFrom([]string{"", "count=1,bytes=0", "x"}).Draw(t, "stats"))
	switch drawInt(t, 9, "order") {
	case 9:
		return append(reqs, l)
	case 8:
		return append(reqs, s)
	case 7:
		return append(reqs, s, l)
	}
	return append(reqs, l, s)
}

// drawPlants draws what makes a tree to begin with.
func drawPlants(t *rapid.T) []Request {
	var reqs []Request
	for _, path := range nodes[:drawInt(t, len(nodes), "plants")] {
		reqs = append(reqs, Request{Op: zkapi.OpCreate, Path: path, Data: []byte("x"), ACL: openACL})
	}
	return reqs
}

func drawStep(t *rapid.T) Step {
	s := Step{Link: rapid.SampledFrom([]int{0, 0, 0, 0, 1, 1, 2}).Draw(t, "link")}
	switch k := drawInt(t, 99, "step"); {
	case k < 34:
		s.Send = requests[0].Draw(t, "send")
	case k < 62:
		s.Send = requests[1].Draw(t, "send")
	case k < 80:
		s.Send = requests[2].Draw(t, "send")
	case k < 88:
		s.Connect = drawConnect(t)
		if chance(t, 40, "pipelined") {
			s.Send = requests[1].Draw(t, "send")
		}
	case k < 95:
		s.Send = []Request{lonely.Draw(t, "lonely")}
	case k < 97:
		s.Send = drawQuota(t)
	case k < 99:
		s.Drop = true
	default:
		s.Raw = raws.Draw(t, "raw")
	}
	return s
}

// Histories draws histories.
func Histories() *rapid.Generator[History] {
	step := rapid.Custom(drawStep)
	short, long := rapid.SliceOfN(step, 1, 12), rapid.SliceOfN(step, 20, 60)
	return rapid.Custom(func(t *rapid.T) History {
		var h History
		if plants := drawPlants(t); len(plants) > 0 {
			h = append(h, Step{Send: plants})
		}
		if chance(t, 70, "long") {
			return append(h, long.Draw(t, "steps")...)
		}
		return append(h, short.Draw(t, "steps")...)
	})
}
