package wire_test

import (
	"bytes"
	"runtime/metrics"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi/wire"
)

// allocFactor is how many bytes decoding may allocate for each byte of input:
// the longest Go form of the shortest record is MultiResult's, 176 bytes for 9,
// and its slice grows by doubling.
const allocFactor = 64

// FuzzNextFrame: a frame is in the buffer, whole, or it is not.
func FuzzNextFrame(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.frame, wire.DefaultMaxFrame)
	}
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x01x\xff\xff\xff\xff"), 1)
	f.Fuzz(func(t *testing.T, buf []byte, limit int) {
		for {
			payload, rest, ok, err := wire.NextFrame(buf, limit)
			if err != nil || !ok {
				require.Nil(t, payload)
				require.Equal(t, buf, rest)
				return
			}
			require.LessOrEqual(t, len(payload), limit)
			frame := wire.EndFrame(append(wire.BeginFrame(nil), payload...), 0)
			require.Equal(t, buf, append(frame, rest...))
			require.Equal(t, len(payload), cap(payload), "appending to it would overwrite the next frame")
			buf = rest
		}
	})
}

// FuzzReadRequest decodes any bytes as the body of any request.
func FuzzReadRequest(f *testing.F) {
	for _, g := range goldens(f) {
		if !g.fromServer && g.kind != "connect" {
			payload := g.payload(f)
			f.Add(payload[7], payload[8:])
		}
	}
	f.Fuzz(func(t *testing.T, op byte, body []byte) {
		opcode := requestTypes[int(op)%len(requestTypes)]
		for _, known := range requestTypes {
			if byte(known) == op {
				opcode = known
			}
		}
		checkDecode(t, body, func() record { return newRequest(opcode) })

		one := newRequest(opcode)
		r1 := wire.NewReader(body)
		one.Read(&r1)
		all := wire.Request{RequestHeader: wire.RequestHeader{Type: opcode}}
		r2 := wire.NewReader(body)
		all.ReadBody(&r2)
		require.Equal(t, r1.Err(), r2.Err())
		if r1.Err() == nil {
			require.Equal(t, string(one.Append(nil)), string(all.Append(nil)[8:]))
		}
	})
}

// FuzzReadReply decodes any bytes as the body of any reply, an event or one of
// the records of the handshake.
func FuzzReadReply(f *testing.F) {
	types := []func() record{
		func() record { return &wire.ConnectRequest{} }, func() record { return &wire.ConnectResponse{} },
		func() record { return &wire.WatcherEvent{} }, func() record { return &wire.ReplyHeader{} },
	}
	byKind := map[string]byte{"event": 2}
	for i, op := range requestTypes {
		types = append(types, func() record { return newReply(op) })
		byKind[op.String()] = byte(i + 4)
	}
	for _, g := range goldens(f) {
		payload, at := g.payload(f), 16
		switch {
		case g.kind == "connect" && !g.fromServer:
			at = 0
		case g.kind == "connect":
			f.Add(byte(1), payload)
			continue
		case !g.fromServer:
			continue
		}
		f.Add(byKind[g.kind], payload[at:])
	}
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		checkDecode(t, body, types[int(kind)%len(types)])
	})
}

// checkDecode decodes body. That takes no more memory than it is worth; if it
// succeeds, what comes out can be encoded, decoded and encoded again to the
// same bytes. The very first time the bytes may change, since text that is not
// UTF-8 is repaired, and text beyond the basic plane the second time.
func checkDecode(t *testing.T, body []byte, empty func() record) {
	got := empty()
	r := wire.NewReader(body)
	before := allocatedSoFar()
	got.Read(&r)
	require.LessOrEqual(t, allocatedSoFar()-before, uint64(allocFactor*len(body)+1<<20))

	shared := empty()
	rs := wire.NewSharedReader(body)
	shared.Read(&rs)
	require.Equal(t, r.Err(), rs.Err())
	if r.Err() != nil {
		require.Zero(t, r.Len())
		return
	}
	require.Equal(t, got, shared)
	once := again(t, got.Append(nil), empty)
	twice := again(t, once, empty)
	require.Equal(t, once, twice)
	if !bytes.ContainsFunc(body, func(c rune) bool { return c == utf8.RuneError || c > 0xffff }) {
		require.Equal(t, got.Append(nil), once)
	}
}

// again decodes and encodes.
func again(t *testing.T, b []byte, empty func() record) []byte {
	got := empty()
	r := wire.NewReader(b)
	got.Read(&r)
	require.NoError(t, r.Err())
	require.Zero(t, r.Len())
	return got.Append(nil)
}

// allocatedSoFar is exact for what is large. What is small is counted late,
// hence the slack; runtime.ReadMemStats, which is exact, stops the world and
// makes a fuzzer crawl.
func allocatedSoFar() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// FuzzString: whatever a ustring holds, what is read is text or null, reads the
// same when it is written again, and is shared only if nothing was repaired.
func FuzzString(f *testing.F) {
	for _, s := range []string{"/a", "", "caf\u00e9", "\U0001f600", "\xed\xa0\xbd\xed\xb8\x80", "\xff", "\xf0\x90\x80", "\xe0\x80"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := decodeString(t, wire.AppendBuffer(nil, text))
		require.True(t, utf8.ValidString(got))
		require.Equal(t, utf8.Valid(text), got == string(text))
		if again := decodeString(t, wire.AppendString(nil, got)); !bytes.ContainsFunc([]byte(got), func(c rune) bool { return c > 0xffff }) {
			require.Equal(t, got, again)
		}
	})
}
