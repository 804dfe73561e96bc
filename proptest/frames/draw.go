package frames

import (
	"math"
	"math/bits"
	"strconv"

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

func choose[T any](choices ...weighted[T]) []T {
	var all []T
	for _, c := range choices {
		for range c.weight {
			all = append(all, c.value)
		}
	}
	return all
}

var bit = rapid.Bool()

// uniform draws from 0 to n-1, each with the same chance. The integers that
// rapid draws itself are small ones for the most part.
func uniform(t *rapid.T, n int) int {
	for {
		u := 0
		for range bits.Len(uint(n - 1)) {
			if u *= 2; bit.Draw(t, "") {
				u++
			}
		}
		if u < n {
			return u
		}
	}
}

func pick[T any](t *rapid.T, from []T) T { return from[uniform(t, len(from))] }

// chance is true in n of a hundred cases, and shrinks to false.
func chance(t *rapid.T, n int) bool { return uniform(t, 128) >= 128-n*128/100 }

var (
	nodes = []Text{"/h/a", "/h/b", "/h", "/h/a/x", "/h/a/y", "/h/a/x/1", "/h/e", "/h/e/k", "/h/b/k", "/h/q", "/h/q/r", "/h/q/r/s", "/h/\u00e9"}
	// What sequential creates make, and are asked for.
	stems    = []Text{"/h/a/n-", "/h/", "/h/q/n-", "/h/a/x/", "/h/b/"}
	numbered = []Text{"/h/a/n-0000000000", "/h/a/n-0000000001", "/h/a/n-0000000002", "/h/0000000001", "/h/0000000002", "/h/q/n-0000000001", "/h/a/x/0000000000"}
	quotas   = []Text{"/zookeeper/quota/h/q/zookeeper_limits", "/zookeeper/quota/h/q/zookeeper_stats", "/zookeeper/quota/h/q",
		"/zookeeper/quota/h", "/zookeeper/quota/h/zookeeper_limits", "/zookeeper/quota/h/zookeeper_stats",
		"/zookeeper/quota/h/a/zookeeper_limits", "/zookeeper/quota/h/a/zookeeper_stats", "/zookeeper/quota/h/a"}
	shared = []Text{"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", ""}
	// What no node can be called, or nearly so.
	odd = []Text{"/h/", "h", "/h//a", "/h/.", "/h/..", "/h/a/", "/h/./a", "/h/a\x00", "/h/\x01", "/h/\u0085", "/h/\xff", "/h/\xc3",
		"/h/\U0001F600", "/h/\xed\xa0\xbd\xed\xb8\x80", "/h/\ue000", "/h/\uf900", "/h/\ufff0", "/h/...", "/h/ ", " ", "/h/a ", "/h/x\xe2\x82", "//h", "a/b",
		"/h/\u4e2d\u6587", "/zookeeper/x", "/hh", "/h2", "/H", Null}

	anyPath = choose(
		weighted[[]Text]{40, nodes[:5]},
		weighted[[]Text]{36, nodes},
		weighted[[]Text]{9, numbered},
		weighted[[]Text]{5, quotas},
		weighted[[]Text]{5, shared},
		weighted[[]Text]{2, stems},
		weighted[[]Text]{3, odd},
	)
	// Watches meet only where there are few places to watch.
	watchPath = choose(
		weighted[[]Text]{75, nodes[:4]},
		weighted[[]Text]{12, nodes},
		weighted[[]Text]{6, numbered},
		weighted[[]Text]{4, shared},
		weighted[[]Text]{3, odd},
	)
	// The nodes that every history has in common are changed less.
	writePath = choose(
		weighted[[]Text]{35, nodes[:5]},
		weighted[[]Text]{47, nodes},
		weighted[[]Text]{9, numbered},
		weighted[[]Text]{5, quotas},
		weighted[[]Text]{1, shared},
		weighted[[]Text]{3, odd},
	)
	seqPath = choose(
		weighted[[]Text]{75, stems},
		weighted[[]Text]{20, nodes},
		weighted[[]Text]{2, shared},
		weighted[[]Text]{3, odd},
	)

	limits = []string{"count=3,bytes=10", "count=2,bytes=10=;byteHardLimit=10;countHardLimit=3", "count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=-1",
		"count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=2", "count=1,bytes=-1", "x", "count=abc,bytes=1", "", "count=0,bytes=0=;byteHardLimit=0;countHardLimit=0",
		"bytes=4", "countHardLimit=2", ",count=1", "count=1,,bytes=2", "count= 1,bytes=2", "count=9999999999,bytes=99999999999999999999"}
	payload = rapid.Custom(func(t *rapid.T) []byte {
		switch k := uniform(t, 20); k {
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
		r.Flags = pick(t, containerFlags)
	case zkapi.OpCreateTTL:
		r.Flags = pick(t, ttlFlags)
		r.TTL = pick(t, ttls)
	default:
		r.Flags = pick(t, createFlags)
	}
	if zkapi.CreateMode(r.Flags).Sequential() {
		r.Path = pick(t, pick(t, seqPath))
	} else {
		r.Path = pick(t, pick(t, writePath))
	}
	r.Data = payload.Draw(t, "data")
	if isLimits(r.Path) {
		r.Data = []byte(pick(t, limits))
	}
	r.ACL = pick(t, acls)
	return r
}

func isLimits(path Text) bool {
	return len(path) > len(limitsName) && path[len(path)-len(limitsName):] == limitsName
}

func isStats(path Text) bool {
	return len(path) > len(statsName) && path[len(path)-len(statsName):] == statsName
}

var stats = []string{"count=1,bytes=0", "count=5,bytes=100", "count=-1,bytes=-1", "count=2,bytes=3=;byteHardLimit=5;countHardLimit=7"}

func drawSet(t *rapid.T) Request {
	r := Request{Op: zkapi.OpSetData, Path: pick(t, pick(t, writePath)), Data: payload.Draw(t, "data"), Version: pick(t, version)}
	switch {
	case isLimits(r.Path):
		r.Data = []byte(pick(t, limits))
	case isStats(r.Path):
		r.Data = []byte(pick(t, stats))
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
		r.Path, r.Version = pick(t, pick(t, writePath)), pick(t, version)
	case zkapi.OpCheck:
		r.Path, r.Version = pick(t, pick(t, anyPath)), pick(t, version)
	case zkapi.OpDeleteContainer:
		r.Path = pick(t, pick(t, writePath))
	case zkapi.OpExists, zkapi.OpGetData, zkapi.OpGetChildren, zkapi.OpGetChildren2:
		if r.Watch = chance(t, 40); r.Watch {
			r.Path = pick(t, pick(t, watchPath))
		} else {
			r.Path = pick(t, pick(t, anyPath))
		}
	case zkapi.OpSetACL:
		r.Path, r.ACL, r.Version = pick(t, pick(t, writePath)), pick(t, acls), pick(t, version)
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
	parts     = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Request { return drawPart(t, multiOps) }), 0, 5)
	readParts = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Request { return drawPart(t, multiReadOps) }), 0, 6)
)

func drawPart(t *rapid.T, from []zkapi.OpCode) Request {
	r := drawPlain(t, pick(t, from))
	if chance(t, 60) { // or few multis would get past their first parts
		r.Version, r.ACL = -1, openACL
	}
	if chance(t, 1) {
		r.Mangle = drawMangle(t)
	}
	return r
}

var texts = rapid.Custom(func(t *rapid.T) []Text {
	n := uniform(t, 5)
	if n == 4 {
		if chance(t, 20) {
			return nil
		}
		n = 1
	}
	list := make([]Text, n)
	for i := range list {
		list[i] = pick(t, pick(t, watchPath))
	}
	return list
})

var seen = rapid.Custom(func(t *rapid.T) Zxid {
	switch k := uniform(t, 50); {
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

var pokes = []int32{-1, -2, 0, 1, 2, 3, 4, 31, 255, 1 << 16, 1 << 20, 1<<21 + 1, 0x7fffffff, -0x80000000, 0x2f682f61, 0x01010101}

func drawMangle(t *rapid.T) *Mangle {
	m := &Mangle{Kind: pick(t, []Mangling{MangleCut, MangleCut, ManglePoke, ManglePoke, ManglePoke, ManglePoke, MangleJunk, MangleNoise}), At: uniform(t, 61)}
	if m.Kind == ManglePoke {
		m.With = pick(t, pokes)
	} else if m.Kind == MangleNoise {
		m.With = int32(uniform(t, 1<<20))
	}
	return m
}

var watchTypes = choose(weighted[int32]{6, 3}, weighted[int32]{5, 1}, weighted[int32]{5, 2}, weighted[int32]{4, 4}, weighted[int32]{4, 5}, weighted[int32]{1, 0}, weighted[int32]{1, 6}, weighted[int32]{1, -1})
var watchModes = choose(weighted[int32]{10, 0}, weighted[int32]{10, 1}, weighted[int32]{1, 2}, weighted[int32]{1, -1})

// ops are the requests that may be sent among others.
var ops = choose(
	weighted[zkapi.OpCode]{28, zkapi.OpCreate}, weighted[zkapi.OpCode]{10, zkapi.OpCreate2}, weighted[zkapi.OpCode]{6, zkapi.OpCreateContainer},
	weighted[zkapi.OpCode]{6, zkapi.OpCreateTTL}, weighted[zkapi.OpCode]{26, zkapi.OpDelete}, weighted[zkapi.OpCode]{6, zkapi.OpDeleteContainer},
	weighted[zkapi.OpCode]{14, zkapi.OpExists}, weighted[zkapi.OpCode]{14, zkapi.OpGetData}, weighted[zkapi.OpCode]{26, zkapi.OpSetData},
	weighted[zkapi.OpCode]{8, zkapi.OpGetACL}, weighted[zkapi.OpCode]{10, zkapi.OpSetACL}, weighted[zkapi.OpCode]{10, zkapi.OpGetChildren},
	weighted[zkapi.OpCode]{8, zkapi.OpGetChildren2}, weighted[zkapi.OpCode]{2, zkapi.OpSync}, weighted[zkapi.OpCode]{2, zkapi.OpPing},
	weighted[zkapi.OpCode]{16, zkapi.OpMulti}, weighted[zkapi.OpCode]{6, zkapi.OpMultiRead}, weighted[zkapi.OpCode]{2, zkapi.OpReconfig},
	weighted[zkapi.OpCode]{9, zkapi.OpCheckWatches}, weighted[zkapi.OpCode]{8, zkapi.OpRemoveWatches}, weighted[zkapi.OpCode]{6, zkapi.OpSetWatches},
	weighted[zkapi.OpCode]{6, zkapi.OpSetWatches2}, weighted[zkapi.OpCode]{14, zkapi.OpAddWatch}, weighted[zkapi.OpCode]{4, zkapi.OpGetEphemerals},
	weighted[zkapi.OpCode]{4, zkapi.OpGetAllChildrenNumber}, weighted[zkapi.OpCode]{4, zkapi.OpWhoAmI}, weighted[zkapi.OpCode]{1, zkapi.OpCheck},
	weighted[zkapi.OpCode]{1, zkapi.OpCloseSession},
)

func drawRequest(t *rapid.T) Request {
	op := pick(t, ops)
	r := Request{Op: op}
	switch op {
	case zkapi.OpGetACL, zkapi.OpSync, zkapi.OpGetAllChildrenNumber:
		r.Path = pick(t, pick(t, anyPath))
	case zkapi.OpGetEphemerals:
		r.Path = pick(t, []Text{"/", "/h", "", "/h/a", "/h/a/n-", "/nope", " ", Null})
	case zkapi.OpCheckWatches, zkapi.OpRemoveWatches:
		r.Path, r.Type = pick(t, pick(t, watchPath)), pick(t, watchTypes)
	case zkapi.OpAddWatch:
		r.Path, r.Type = pick(t, pick(t, watchPath)), pick(t, watchModes)
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
		r.Path = pick(t, []Text{Null, "", "server.2=127.0.0.1:1:2:participant;3"})
		r.Scheme = pick(t, []Text{Null, "1"})
		r.Zxid = Zxid{N: -1, Abs: true}
	default:
		r = drawPlain(t, op)
	}
	if chance(t, 3) {
		xid := pick(t, someXid)
		r.Xid = &xid
	}
	if chance(t, 4) {
		r.Mangle = drawMangle(t)
	}
	return r
}

// Requests that are sent alone.
var lonely = choose(
	weighted[Request]{20, Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte(users[0])}},
	weighted[Request]{12, Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte(users[1])}},
	weighted[Request]{2, Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte(users[2])}},
	weighted[Request]{8, Request{Op: zkapi.OpAuth, Scheme: "digest", Data: []byte(Super)}},
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

var raws = [][]byte{
	{0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 4, 0, 0, 0, 1}, {0x80, 0, 0, 0}, []byte("ruok"), {0, 0x10, 0, 0}, {0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0},
}

func drawConnect(t *rapid.T) *Connect {
	c := &Connect{
		Session: pick(t, []int{0, 0, 0, 1, 1, 2, 2, 3, 4, 5, 6, -1}),
		Passwd:  pick(t, choose(weighted[Passwd]{15, PasswdRight}, weighted[Passwd]{2, PasswdWrong}, weighted[Passwd]{1, PasswdNull}, weighted[Passwd]{1, PasswdEmpty}, weighted[Passwd]{1, PasswdShort}, weighted[Passwd]{1, PasswdLong})),
		Timeout: pick(t, []int32{200_000, 200_000, 200_000, 100_000, 0, -1, 99_999, 1_000_001, math.MaxInt32, math.MinInt32}),
		Tail:    pick(t, choose(weighted[Tail]{6, TailFalse}, weighted[Tail]{1, TailTrue}, weighted[Tail]{2, TailNone}, weighted[Tail]{1, TailJunk})),
	}
	if chance(t, 20) {
		c.Seen = seen.Draw(t, "seen")
	}
	if chance(t, 5) {
		c.Protocol = pick(t, []int32{1, -1, math.MaxInt32})
	}
	if chance(t, 4) {
		c.Cut = 1 + uniform(t, 45)
	}
	return c
}

var requests = [3]*rapid.Generator[[]Request]{
	rapid.SliceOfN(rapid.Custom(drawRequest), 1, 1),
	rapid.SliceOfN(rapid.Custom(drawRequest), 1, 4),
	rapid.SliceOfN(rapid.Custom(drawRequest), 4, 12),
}

// drawQuota draws what sets up a quota, and perhaps uses it up.
func drawQuota(t *rapid.T) []Request {
	reqs, below := drawLimits(t)
	for range uniform(t, 8) {
		r := drawCreate(t, zkapi.OpCreate)
		switch r.Path, r.ACL = below+"/"+Text('r'+rune(uniform(t, 4))), openACL; uniform(t, 6) {
		case 4:
			r = Request{Op: zkapi.OpSetData, Path: r.Path, Data: r.Data, Version: -1}
		case 5:
			r = Request{Op: zkapi.OpDelete, Path: r.Path, Version: -1}
		}
		reqs = append(reqs, r)
	}
	return reqs
}

func drawLimits(t *rapid.T) (reqs []Request, below Text) {
	make := func(path Text, data string) Request {
		return Request{Op: zkapi.OpCreate, Path: path, Data: []byte(data), ACL: openACL}
	}
	below = pick(t, []Text{"/h/q", "/h", "/h/a"})
	reqs = []Request{make("/h/q", ""), make("/zookeeper/quota/h", "")}
	if below != "/h" {
		reqs = append(reqs, make("/zookeeper/quota"+below, ""))
	}
	l := make("/zookeeper/quota"+below+limitsName, pick(t, pick(t, [][]string{limits, limits[1:4]})))
	s := make("/zookeeper/quota"+below+statsName, pick(t, []string{"", "count=1,bytes=0", "x"}))
	switch uniform(t, 10) {
	case 9:
		return append(reqs, l), below
	case 8:
		return append(reqs, s), below
	case 7:
		return append(reqs, s, l), below
	}
	return append(reqs, l, s), below
}

// drawMany draws requests that give a node many children, or a session many
// ephemeral nodes: their order depends on the size of the server's hash table.
func drawMany(t *rapid.T) []Request {
	var reqs []Request
	below, flags := pick(t, nodes[:4]), pick(t, []int32{0, 0, 1, 2})
	for i := range 5 + uniform(t, 30) {
		r := Request{Op: zkapi.OpCreate, Path: below + "/" + Text('c'+rune(i*7%23)) + Text(strconv.Itoa(i*i)), Data: []byte{}, ACL: openACL, Flags: flags}
		if chance(t, 15) {
			r = Request{Op: zkapi.OpDelete, Path: below + "/" + Text('c'+rune(i/2*7%23)) + Text(strconv.Itoa(i/2*(i/2))), Version: -1}
		}
		reqs = append(reqs, r)
	}
	return append(reqs, Request{Op: zkapi.OpGetChildren, Path: below}, Request{Op: zkapi.OpGetEphemerals, Path: "/"})
}

// drawPlants draws what makes a tree to begin with.
func drawPlants(t *rapid.T) []Request {
	var reqs []Request
	for _, path := range nodes[:min(uniform(t, 2*len(nodes)), len(nodes))] {
		r := Request{Op: zkapi.OpCreate, Path: path, Data: []byte("x"), ACL: openACL}
		if (path == "/h/e" || path == "/h/b") && chance(t, 40) {
			r.Flags = int32(zkapi.Ephemeral)
		}
		reqs = append(reqs, r)
	}
	return reqs
}

func drawStep(t *rapid.T) Step {
	s := Step{Link: pick(t, []int{0, 0, 0, 0, 1, 1, 2})}
	switch k := uniform(t, 200); {
	case k < 50:
		s.Send = requests[0].Draw(t, "send")
	case k < 110:
		s.Send = requests[1].Draw(t, "send")
	case k < 172:
		s.Send = requests[2].Draw(t, "send")
	case k < 184:
		s.Connect = drawConnect(t)
		if chance(t, 40) {
			s.Send = requests[1].Draw(t, "send")
		}
	case k < 194:
		r := pick(t, lonely)
		if r.Op == 23 {
			r.Op = zkapi.OpCode(uniform(t, 1<<pick(t, []int{7, 8, 10, 31})) - 1<<6)
		}
		s.Send = []Request{r}
	case k < 197:
		s.Send = drawQuota(t)
	case k == 197:
		s.Send = drawMany(t)
	case k == 198:
		if s.Drop = bit.Draw(t, "drop"); !s.Drop {
			return Step{Word: pick(t, words)}
		}
	default:
		s.Raw = pick(t, raws)
	}
	return s
}

// Histories draws histories.
func Histories() *rapid.Generator[History] {
	step := rapid.Custom(drawStep)
	short, long := rapid.SliceOfN(step, 1, 12), rapid.SliceOfN(step, 25, 75)
	return rapid.Custom(func(t *rapid.T) History {
		var h History
		if plants := drawPlants(t); len(plants) > 0 {
			h = append(h, Step{Send: plants})
		}
		if chance(t, 80) {
			return append(h, long.Draw(t, "steps")...)
		}
		return append(h, short.Draw(t, "steps")...)
	})
}
