package wire_test

import (
	"bytes"
	"fmt"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// A server's side of one request.
func Example() {
	b := wire.BeginFrame(nil)
	b = (&wire.RequestHeader{Xid: 1, Type: zkapi.OpGetData}).Append(b)
	b = (&wire.Op{Type: zkapi.OpGetData, Path: "/app"}).Append(b)
	sent := wire.EndFrame(b, 0)

	payload, _, _, _ := wire.NextFrame(sent, wire.DefaultMaxFrame)
	r := wire.NewReader(payload)
	var q wire.Request
	q.RequestHeader.Read(&r)
	q.ReadBody(&r)
	fmt.Println(q.Xid, q.Type, q.Op.Path, r.Err())

	b = wire.BeginFrame(nil)
	b = (&wire.ReplyHeader{Xid: q.Xid, Zxid: 7}).Append(b)
	b = (&wire.Reply{Data: []byte("v1")}).Append(b, q.Type)
	answer := wire.EndFrame(b, 0)
	fmt.Println(len(answer), "bytes")
	// Output:
	// 1 getData /app <nil>
	// 94 bytes
}

func ExampleNextFrame() {
	buf := []byte("\x00\x00\x00\x02hi\x00\x00\x00\x05the")
	for {
		payload, rest, ok, err := wire.NextFrame(buf, wire.DefaultMaxFrame)
		if err != nil || !ok {
			fmt.Println(len(rest), "bytes wait for the rest of their frame", err)
			return
		}
		fmt.Printf("%s\n", payload)
		buf = rest
	}
	// Output:
	// hi
	// 7 bytes wait for the rest of their frame <nil>
}

func ExampleNewReader() {
	b := wire.AppendString(wire.AppendInt(nil, 42), "/app")
	r := wire.NewReader(b)
	fmt.Println(r.Int(), r.String(), r.Err())
	fmt.Println(r.Long(), r.Err())
	// Output:
	// 42 /app <nil>
	// 0 wire: malformed record
}

func ExampleNewSharedReader() {
	buf := wire.AppendString(nil, "/app")
	r := wire.NewSharedReader(buf)
	path := r.String()
	buf[5] = 'A' // the next request arrives in the same buffer
	fmt.Println(path)
	// Output: /App
}

func ExampleReadMulti() {
	b := wire.AppendMulti(nil, []wire.Op{
		{Type: zkapi.OpCheck, Path: "/lock", Version: -1},
		{Type: zkapi.OpSetData, Path: "/app", Data: []byte("v2"), Version: 1},
	})
	r := wire.NewReader(b)
	for _, op := range wire.ReadMulti(&r, nil) {
		fmt.Println(op.Type, op.Path, op.Version)
	}
	// Output:
	// check /lock -1
	// setData /app 1
}

func ExampleReadMultiResults() {
	results := []wire.MultiResult{
		{Type: zkapi.OpErr},
		{Type: zkapi.OpErr, Err: zkapi.ErrBadVersion},
		{Type: zkapi.OpErr, Err: zkapi.ErrRuntimeInconsistency},
	}
	var b []byte
	for i := range results {
		b = results[i].Append(b)
	}
	b = wire.AppendMultiEnd(b)

	r := wire.NewReader(b)
	for _, res := range wire.ReadMultiResults(&r) {
		fmt.Println(res.Err.Name())
	}
	// Output:
	// OK
	// BadVersion
	// RuntimeInconsistency
}

func ExampleConnectRequest() {
	old := wire.ConnectRequest{TimeOut: 10_000, Passwd: make([]byte, wire.PasswordLen)}
	now := old
	now.HasReadOnly = true
	fmt.Println(len(old.Append(nil)), len(now.Append(nil)))
	// Output: 44 45
}

func ExampleWatcherEvent() {
	b := (&wire.ReplyHeader{Xid: wire.XidNotification, Zxid: 9}).Append(nil)
	b = (&wire.WatcherEvent{Type: zkapi.EventNodeDeleted, State: 3, Path: "/app"}).Append(b)

	r := wire.NewReader(b)
	var h wire.ReplyHeader
	var ev wire.WatcherEvent
	h.Read(&r)
	ev.Read(&r)
	fmt.Println(ev.Type, ev.Path, "by", h.Zxid)
	// Output: NodeDeleted /app by 9
}

func ExampleRepairUTF8() {
	fmt.Printf("%+q\n", wire.RepairUTF8([]byte("/a\xff")))
	// Output:
	// "/a\ufffd"
}

// The parts that records are made of.
func ExampleAppendInt() {
	b := wire.AppendLong(wire.AppendInt(nil, 1), -1)
	b = wire.AppendBuffer(wire.AppendBool(b, true), nil) // a null buffer
	b = wire.AppendStrings(b, []string{"/a", "/b"})
	b = wire.AppendACLs(b, zkapi.ReadACL())
	b = wire.AppendStat(b, &zkapi.Stat{Version: 3})

	r := wire.NewReader(b)
	fmt.Println(r.Int(), r.Long(), r.Bool(), r.Buffer() == nil, r.Strings(nil), r.ACLs(nil), r.Stat().Version, r.Err())
	// Output:
	// 1 -1 true true [/a /b] [{1 world anyone}] 3 <nil>
}

func ExampleAppendMulti() {
	ops := []wire.Op{{Type: zkapi.OpDelete, Path: "/a", Version: zkapi.AnyVersion}}
	by := wire.AppendMulti(nil, ops)

	hand := wire.AppendMultiHeader(nil, zkapi.OpDelete, false, -1)
	hand = wire.AppendMultiEnd(ops[0].Append(hand))
	fmt.Println(bytes.Equal(by, hand))
	// Output:
	// true
}
