package wire_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// TestLyingLengths: a length or a count is a claim, and memory is not given on
// claims. Zeros before it make it meet every field in turn.
func TestLyingLengths(t *testing.T) {
	for _, claim := range []int32{1 << 10, 1 << 20, 1<<31 - 1, -2, -1 << 31} {
		for _, filler := range []byte{0, 1, 0xff} {
			lie := append(wire.AppendInt(nil, claim), bytes.Repeat([]byte{filler}, 1000)...)
			for zeros := 0; zeros <= 24; zeros += 4 {
				body := append(make([]byte, zeros), lie...)
				for _, op := range requestTypes {
					checkAllocs(t, newRequest(op), body)
					checkAllocs(t, newReply(op), body)
				}
				for _, op := range multiTypes {
					body := append(wire.AppendMultiHeader(nil, op, false, 0), body...)
					checkAllocs(t, newRequest(zkapi.OpMulti), body)
					checkAllocs(t, newReply(zkapi.OpMulti), body)
				}
			}
		}
	}
}

func checkAllocs(t *testing.T, got record, body []byte) {
	t.Helper()
	r := wire.NewReader(body)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got.Read(&r)
	runtime.ReadMemStats(&after)
	require.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(allocFactor*len(body)+64<<10),
		"%T of %x...", got, body[:min(len(body), 40)])
}

// hotRequests are those that a busy server decodes all the time.
func hotRequests() map[string]record {
	acl, data := zkapi.OpenACL(), make([]byte, 100)
	ops := make([]wire.Op, 10)
	for i := range ops {
		ops[i] = wire.Op{Type: zkapi.OpSetData, Path: fmt.Sprint("/app/", i), Data: data, Version: -1}
	}
	return map[string]record{
		"getData":     &wire.Op{Type: zkapi.OpGetData, Path: "/app/config"},
		"exists":      &wire.Op{Type: zkapi.OpExists, Path: "/app/config", Watch: true},
		"setData":     &wire.Op{Type: zkapi.OpSetData, Path: "/app/config", Data: data, Version: 7},
		"create":      &wire.Op{Type: zkapi.OpCreate, Path: "/app/lock-", Data: data, ACL: acl, Flags: 3},
		"delete":      &wire.Op{Type: zkapi.OpDelete, Path: "/app/lock-0000000001", Version: -1},
		"multi of 10": &multiBody{Ops: ops},
	}
}

// hotReplies are those that a busy server encodes all the time.
func hotReplies() map[string]record {
	names := make([]string, 100)
	for i := range names {
		names[i] = fmt.Sprintf("lock-%010d", i)
	}
	return map[string]record{
		"getData":             &replyBody{wire.Reply{Data: make([]byte, 100)}, zkapi.OpGetData},
		"setData":             &replyBody{wire.Reply{}, zkapi.OpSetData},
		"create":              &replyBody{wire.Reply{Path: "/app/lock-0000000001"}, zkapi.OpCreate},
		"getChildren2 of 100": &replyBody{wire.Reply{Children: names}, zkapi.OpGetChildren2},
		"event":               &wire.WatcherEvent{Type: zkapi.EventNodeCreated, State: 3, Path: "/app/lock-0000000001"},
	}
}

// decodeHot decodes b into a record that has decoded one like it before. The
// reader is handed in because the call through an interface would let it escape.
func decodeHot(r *wire.Reader, got record, b []byte) error {
	*r = wire.NewSharedReader(b)
	got.Read(r)
	return r.Err()
}

// reusable is an empty record of the same request as rec.
func reusable(rec record) record {
	if o, ok := rec.(*wire.Op); ok {
		return newRequest(o.Type)
	}
	return newRequest(zkapi.OpMulti)
}

func TestNoAllocations(t *testing.T) {
	var r wire.Reader
	for name, rec := range hotRequests() {
		b, got := rec.Append(nil), reusable(rec)
		require.NoError(t, decodeHot(&r, got, b))
		require.Equal(t, rec, got)
		require.Zero(t, testing.AllocsPerRun(100, func() { _ = decodeHot(&r, got, b) }), "decoding %s", name)
		require.Zero(t, testing.AllocsPerRun(100, func() { b = rec.Append(b[:0]) }), "encoding %s", name)
	}
	for name, rec := range hotReplies() {
		b := rec.Append(nil)
		require.Zero(t, testing.AllocsPerRun(100, func() { b = rec.Append(b[:0]) }), "encoding the reply %s", name)
	}
}

func BenchmarkReadRequest(b *testing.B) {
	for name, rec := range hotRequests() {
		b.Run(name, func(b *testing.B) {
			bytes, got := rec.Append(nil), reusable(rec)
			var r wire.Reader
			b.ReportAllocs()
			b.SetBytes(int64(len(bytes)))
			for b.Loop() {
				if err := decodeHot(&r, got, bytes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendReply(b *testing.B) {
	for name, rec := range hotReplies() {
		b.Run(name, func(b *testing.B) {
			buf := rec.Append(nil)
			b.ReportAllocs()
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				buf = rec.Append(buf[:0])
			}
		})
	}
}

func BenchmarkNextFrame(b *testing.B) {
	buf := wire.EndFrame(append(wire.BeginFrame(nil), make([]byte, 100)...), 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok, err := wire.NextFrame(buf, wire.DefaultMaxFrame); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
