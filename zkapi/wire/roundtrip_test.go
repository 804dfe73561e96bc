package wire_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// What travels unchanged: any text of the basic plane, and null.
var (
	genText = rapid.OneOf(rapid.Just(wire.NullString), rapid.Just("/a/b-0000000001"),
		rapid.StringOf(rapid.Rune().Filter(func(c rune) bool { return c < 0x10000 })))
	genData  = rapid.OneOf(rapid.Just([]byte(nil)), rapid.Just([]byte{}), rapid.SliceOf(rapid.Byte()))
	genTexts = orNil(rapid.SliceOf(genText))
	genACLs  = orNil(rapid.SliceOf(rapid.Custom(func(t *rapid.T) zkapi.ACL {
		return zkapi.ACL{Perms: zkapi.Perm(rapid.Int32().Draw(t, "perms")),
			Scheme: genText.Draw(t, "scheme"), ID: genText.Draw(t, "id")}
	})))
	genStat = rapid.Custom(func(t *rapid.T) zkapi.Stat {
		long := func(name string) int64 { return rapid.Int64().Draw(t, name) }
		num := func(name string) int32 { return rapid.Int32().Draw(t, name) }
		return zkapi.Stat{Czxid: long("czxid"), Mzxid: long("mzxid"), Ctime: long("ctime"), Mtime: long("mtime"),
			Version: num("version"), Cversion: num("cversion"), Aversion: num("aversion"),
			EphemeralOwner: long("owner"), DataLength: num("length"), NumChildren: num("children"), Pzxid: long("pzxid")}
	})
)

func orNil[T any](g *rapid.Generator[[]T]) *rapid.Generator[[]T] {
	return rapid.OneOf(rapid.Just([]T(nil)), g)
}

func drawOp(t *rapid.T, op zkapi.OpCode) wire.Op {
	o := wire.Op{Type: op, Path: genText.Draw(t, "path")}
	switch op {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		o.Data, o.ACL, o.Flags = genData.Draw(t, "data"), genACLs.Draw(t, "acl"), rapid.Int32().Draw(t, "flags")
		if op == zkapi.OpCreateTTL {
			o.TTL = rapid.Int64().Draw(t, "ttl")
		}
	case zkapi.OpSetData:
		o.Data, o.Version = genData.Draw(t, "data"), rapid.Int32().Draw(t, "version")
	case zkapi.OpDelete, zkapi.OpCheck:
		o.Version = rapid.Int32().Draw(t, "version")
	case zkapi.OpExists, zkapi.OpGetData, zkapi.OpGetChildren, zkapi.OpGetChildren2:
		o.Watch = rapid.Bool().Draw(t, "watch")
	}
	return o
}

// multiTypes can be parts of a multi or multiRead.
var multiTypes = []zkapi.OpCode{zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL,
	zkapi.OpDelete, zkapi.OpSetData, zkapi.OpCheck, zkapi.OpGetData, zkapi.OpGetChildren}

func drawRequest(t *rapid.T, op zkapi.OpCode) record {
	text := func(name string) string { return genText.Draw(t, name) }
	texts := func(name string) []string { return genTexts.Draw(t, name) }
	switch body := newRequest(op).(type) {
	case *multiBody:
		for range rapid.IntRange(0, 4).Draw(t, "ops") {
			body.Ops = append(body.Ops, drawOp(t, rapid.SampledFrom(multiTypes).Draw(t, "type")))
		}
		return body
	case *wire.PathRequest:
		return &wire.PathRequest{Path: text("path")}
	case *wire.SetACLRequest:
		return &wire.SetACLRequest{Path: text("path"), ACL: genACLs.Draw(t, "acl"), Version: rapid.Int32().Draw(t, "version")}
	case *wire.ReconfigRequest:
		return &wire.ReconfigRequest{JoiningServers: text("joining"), LeavingServers: text("leaving"),
			NewMembers: text("members"), CurConfigID: rapid.Int64().Draw(t, "version")}
	case *wire.WatchRequest:
		return &wire.WatchRequest{Path: text("path"), Type: rapid.Int32().Draw(t, "type")}
	case *setWatchesBody:
		body.RelativeZxid = rapid.Int64().Draw(t, "zxid")
		body.Data, body.Exist, body.Child = texts("data"), texts("exist"), texts("child")
		if op == zkapi.OpSetWatches2 {
			body.Persistent, body.PersistentRecursive = texts("persistent"), texts("recursive")
		}
		return body
	case *wire.AuthPacket:
		return &wire.AuthPacket{Type: rapid.Int32().Draw(t, "type"), Scheme: text("scheme"), Auth: genData.Draw(t, "auth")}
	case *wire.SASL:
		return &wire.SASL{Token: genData.Draw(t, "token")}
	case noBody:
		return body
	}
	o := drawOp(t, op)
	return &o
}

func drawReply(t *rapid.T, op zkapi.OpCode) record {
	full := wire.Reply{Path: genText.Draw(t, "path"), Data: genData.Draw(t, "data"), Stat: genStat.Draw(t, "stat"),
		ACL: genACLs.Draw(t, "acl"), Children: genTexts.Draw(t, "children"), Total: rapid.Int32().Draw(t, "total")}
	for range rapid.IntRange(0, 3).Draw(t, "ids") {
		full.IDs = append(full.IDs, zkapi.ID{Scheme: genText.Draw(t, "scheme"), User: genText.Draw(t, "user")})
	}
	for range rapid.IntRange(0, 4).Draw(t, "results") {
		full.Results = append(full.Results, drawResult(t))
	}
	return &replyBody{used(full, op), op}
}

// used keeps the fields that belong to the reply to op.
func used(full wire.Reply, op zkapi.OpCode) wire.Reply {
	switch op {
	case zkapi.OpCreate, zkapi.OpSync:
		return wire.Reply{Path: full.Path}
	case zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		return wire.Reply{Path: full.Path, Stat: full.Stat}
	case zkapi.OpExists, zkapi.OpSetData, zkapi.OpSetACL:
		return wire.Reply{Stat: full.Stat}
	case zkapi.OpGetData, zkapi.OpReconfig:
		return wire.Reply{Data: full.Data, Stat: full.Stat}
	case zkapi.OpGetACL:
		return wire.Reply{ACL: full.ACL, Stat: full.Stat}
	case zkapi.OpGetChildren, zkapi.OpGetEphemerals:
		return wire.Reply{Children: full.Children}
	case zkapi.OpGetChildren2:
		return wire.Reply{Children: full.Children, Stat: full.Stat}
	case zkapi.OpGetAllChildrenNumber, zkapi.OpAddWatch:
		return wire.Reply{Total: full.Total}
	case zkapi.OpWhoAmI:
		return wire.Reply{IDs: full.IDs}
	case zkapi.OpMulti, zkapi.OpMultiRead:
		return wire.Reply{Results: full.Results}
	case zkapi.OpSasl:
		return wire.Reply{Token: full.Data}
	}
	return wire.Reply{}
}

func drawResult(t *rapid.T) wire.MultiResult {
	m := wire.MultiResult{Type: rapid.SampledFrom([]zkapi.OpCode{zkapi.OpErr, zkapi.OpCreate, zkapi.OpCreate2,
		zkapi.OpDelete, zkapi.OpCheck, zkapi.OpSetData, zkapi.OpGetData, zkapi.OpGetChildren}).Draw(t, "type")}
	switch m.Type {
	case zkapi.OpErr:
		m.Err = zkapi.Code(rapid.Int32().Draw(t, "err"))
	case zkapi.OpCreate:
		m.Path = genText.Draw(t, "path")
	case zkapi.OpCreate2:
		m.Path, m.Stat = genText.Draw(t, "path"), genStat.Draw(t, "stat")
	case zkapi.OpSetData:
		m.Stat = genStat.Draw(t, "stat")
	case zkapi.OpGetData:
		m.Data, m.Stat = genData.Draw(t, "data"), genStat.Draw(t, "stat")
	case zkapi.OpGetChildren:
		m.Children = genTexts.Draw(t, "children")
	}
	return m
}

// checkRoundTrip encodes want and decodes it in both ways; got makes an empty
// record. What is cut off must be missed: no strict part of the bytes may do,
// but for those that tail says.
func checkRoundTrip(t *rapid.T, want record, got func() record, tail int) {
	b := want.Append(nil)
	for _, r := range []wire.Reader{wire.NewReader(b), wire.NewSharedReader(b)} {
		g := got()
		g.Read(&r)
		require.NoError(t, r.Err())
		require.Zero(t, r.Len())
		require.Equal(t, want, g)
	}
	cut := rapid.IntRange(0, max(0, len(b)-1)).Draw(t, "cut")
	if cut < len(b) && cut != len(b)-tail {
		r := wire.NewReader(b[:cut])
		got().Read(&r)
		require.ErrorIs(t, r.Err(), wire.ErrMalformed, "%d of %d bytes", cut, len(b))
	}
}

func TestRequestRoundTrip(t *testing.T) {
	for _, op := range requestTypes {
		t.Run(op.String(), rapid.MakeCheck(func(t *rapid.T) {
			checkRoundTrip(t, drawRequest(t, op), func() record { return newRequest(op) }, 0)
		}))
	}
}

func TestReplyRoundTrip(t *testing.T) {
	for _, op := range requestTypes {
		t.Run(op.String(), rapid.MakeCheck(func(t *rapid.T) {
			checkRoundTrip(t, drawReply(t, op), func() record { return newReply(op) }, 0)
		}))
	}
}

func TestSessionRecordsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tail, ro := rapid.Bool().Draw(t, "tail"), rapid.Bool().Draw(t, "read-only")
		num, long := rapid.Int32().Draw(t, "int"), rapid.Int64().Draw(t, "long")
		cut := 0
		if tail {
			cut = 1 // without its tail it is an older record
		}
		checkRoundTrip(t, &wire.ConnectRequest{ProtocolVersion: num, LastZxidSeen: long, TimeOut: num, SessionID: long,
			Passwd: genData.Draw(t, "password"), HasReadOnly: tail, ReadOnly: tail && ro},
			func() record { return &wire.ConnectRequest{ReadOnly: true} }, cut)
		checkRoundTrip(t, &wire.ConnectResponse{ProtocolVersion: num, TimeOut: num, SessionID: long,
			Passwd: genData.Draw(t, "password"), HasReadOnly: tail, ReadOnly: tail && ro},
			func() record { return &wire.ConnectResponse{ReadOnly: true} }, cut)
		checkRoundTrip(t, &wire.RequestHeader{Xid: num, Type: zkapi.OpCode(num)},
			func() record { return &wire.RequestHeader{} }, 0)
		checkRoundTrip(t, &wire.ReplyHeader{Xid: num, Zxid: long, Err: zkapi.Code(num)},
			func() record { return &wire.ReplyHeader{} }, 0)
		checkRoundTrip(t, &wire.WatcherEvent{Type: zkapi.EventType(num), State: num, Path: genText.Draw(t, "path")},
			func() record { return &wire.WatcherEvent{} }, 0)
	})
}

// TestReuse decodes one request after the other into the same Request, as a server does.
func TestReuse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got wire.Request
		for range rapid.IntRange(1, 5).Draw(t, "requests") {
			h := wire.RequestHeader{Xid: rapid.Int32().Draw(t, "xid"), Type: rapid.SampledFrom(requestTypes).Draw(t, "type")}
			b := drawRequest(t, h.Type).Append(h.Append(nil))
			r := wire.NewSharedReader(b)
			got.RequestHeader.Read(&r)
			got.ReadBody(&r)
			require.NoError(t, r.Err())
			require.Zero(t, r.Len())
			require.Equal(t, b, got.Append(nil))
		}
	})
}

func TestRequestsWithoutAType(t *testing.T) {
	for op, want := range map[zkapi.OpCode]error{
		zkapi.OpCreateSession: nil, // a timeout
		zkapi.OpPing:          nil, // nothing
		zkapi.OpCode(999):     nil, // who knows
		zkapi.OpErr:           wire.ErrMalformed,
	} {
		q := wire.Request{RequestHeader: wire.RequestHeader{Type: op}}
		r := wire.NewReader(make([]byte, 4))
		q.ReadBody(&r)
		require.Equal(t, want, r.Err(), "%v", op)
	}
	q := wire.Request{RequestHeader: wire.RequestHeader{Type: zkapi.OpCreateSession}}
	r := wire.NewReader(make([]byte, 3))
	q.ReadBody(&r)
	require.Equal(t, wire.ErrMalformed, r.Err())
}

// TestAnyString reads what Java would of any Go string: a character beyond the
// basic plane arrives as two U+FFFD, and so does, as one each, what is not UTF-8.
func TestAnyString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOf(rapid.OneOf(rapid.String(),
			rapid.SampledFrom([]string{"\U0001f600", "\xff", "\xc0", "\xf0", "a"}))).Draw(t, "s"), "")
		if s == wire.NullString {
			return
		}
		var want strings.Builder
		for _, c := range s {
			if c > 0xffff {
				want.WriteString("\ufffd\ufffd")
			} else {
				want.WriteRune(c)
			}
		}
		got := decodeString(t, wire.AppendString(nil, s))
		require.Equal(t, want.String(), got)
		require.True(t, utf8.ValidString(got))
		require.Equal(t, got, decodeString(t, wire.AppendString(nil, got)), "once decoded it stays")
	})
}

func decodeString(t require.TestingT, b []byte) string {
	r := wire.NewReader(b)
	s := r.String()
	require.NoError(t, r.Err())
	require.Zero(t, r.Len())
	return s
}

// TestFramesInPieces cuts a stream of frames anywhere and gets the same frames.
func TestFramesInPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want, got [][]byte
		for _, payload := range rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "payloads") {
			want = append(want, append([]byte{}, payload...))
			start := len(stream)
			stream = wire.EndFrame(append(wire.BeginFrame(stream), payload...), start)
		}
		var buf []byte
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(t, "piece")
			buf, stream = append(buf, stream[:n]...), stream[n:]
			for {
				payload, rest, ok, err := wire.NextFrame(buf, wire.DefaultMaxFrame)
				require.NoError(t, err)
				if !ok {
					break
				}
				got, buf = append(got, append([]byte{}, payload...)), rest
			}
		}
		require.Empty(t, buf)
		require.Equal(t, want, got)
	})
}

func TestFrameLength(t *testing.T) {
	for _, c := range []struct {
		head string
		err  error
	}{
		{"\x00\x0f\xff\xff", nil},
		{"\x00\x10\x00\x00", wire.ErrFrameLength},
		{"\xff\xff\xff\xff", wire.ErrFrameLength},
		{"\x80\x00\x00\x00", wire.ErrFrameLength},
		{"\x7f\xff\xff\xff", wire.ErrFrameLength},
		{"\x00\x00\x00", nil},
		{"", nil},
	} {
		payload, rest, ok, err := wire.NextFrame([]byte(c.head), wire.DefaultMaxFrame)
		require.Equal(t, c.err, err, "%x", c.head)
		require.False(t, ok)
		require.Nil(t, payload)
		require.Equal(t, c.head, string(rest))
	}
}

// TestSharedMemory: what a shared reader returns is the input, what the other returns is not.
func TestSharedMemory(t *testing.T) {
	b := wire.AppendBuffer(wire.AppendString(nil, "path"), []byte("data"))
	shared, copied := wire.NewSharedReader(b), wire.NewReader(b)
	s1, d1 := shared.String(), shared.Buffer()
	s2, d2 := copied.String(), copied.Buffer()
	for i := range b {
		b[i] = 'x'
	}
	require.Equal(t, "xxxx xxxx path data", fmt.Sprintf("%s %s %s %s", s1, d1, s2, d2))
}
