package wire_test

import (
	"bytes"
	"fmt"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// record is what the tests see of every record of the protocol.
type record interface {
	Append(b []byte) []byte
	Read(r *wire.Reader)
}

// requestTypes are all request types that a client can send.
var requestTypes = []zkapi.OpCode{
	zkapi.OpCreate, zkapi.OpDelete, zkapi.OpExists, zkapi.OpGetData, zkapi.OpSetData, zkapi.OpGetACL,
	zkapi.OpSetACL, zkapi.OpGetChildren, zkapi.OpSync, zkapi.OpPing, zkapi.OpGetChildren2,
	zkapi.OpCheck, zkapi.OpMulti, zkapi.OpCreate2, zkapi.OpReconfig, zkapi.OpCheckWatches,
	zkapi.OpRemoveWatches, zkapi.OpCreateContainer, zkapi.OpDeleteContainer, zkapi.OpCreateTTL,
	zkapi.OpMultiRead, zkapi.OpAuth, zkapi.OpSetWatches, zkapi.OpSasl, zkapi.OpGetEphemerals,
	zkapi.OpGetAllChildrenNumber, zkapi.OpSetWatches2, zkapi.OpAddWatch, zkapi.OpWhoAmI,
	zkapi.OpCloseSession,
}

// newRequest is the empty body of a request.
func newRequest(op zkapi.OpCode) record {
	switch op {
	case zkapi.OpMulti, zkapi.OpMultiRead:
		return &multiBody{}
	case zkapi.OpGetACL, zkapi.OpSync, zkapi.OpGetAllChildrenNumber, zkapi.OpGetEphemerals:
		return &wire.PathRequest{}
	case zkapi.OpSetACL:
		return &wire.SetACLRequest{}
	case zkapi.OpReconfig:
		return &wire.ReconfigRequest{}
	case zkapi.OpAddWatch, zkapi.OpCheckWatches, zkapi.OpRemoveWatches:
		return &wire.WatchRequest{}
	case zkapi.OpSetWatches, zkapi.OpSetWatches2:
		return &setWatchesBody{op: op}
	case zkapi.OpAuth:
		return &wire.AuthPacket{}
	case zkapi.OpSasl:
		return &wire.SASL{}
	case zkapi.OpPing, zkapi.OpCloseSession, zkapi.OpWhoAmI:
		return noBody{}
	}
	return &wire.Op{Type: op}
}

// newReply is the empty body of a successful reply.
func newReply(op zkapi.OpCode) record { return &replyBody{op: op} }

type noBody struct{}

func (noBody) Append(b []byte) []byte { return b }
func (noBody) Read(*wire.Reader)      {}

// restBody takes the rest as it is.
type restBody struct{ Bytes []byte }

func (s *restBody) Append(b []byte) []byte { return append(b, s.Bytes...) }

func (s *restBody) Read(r *wire.Reader) {
	s.Bytes = bytes.Clone(r.Rest())
	*r = wire.NewReader(nil)
}

type multiBody struct{ Ops []wire.Op }

func (m *multiBody) Append(b []byte) []byte { return wire.AppendMulti(b, m.Ops) }
func (m *multiBody) Read(r *wire.Reader)    { m.Ops = wire.ReadMulti(r, m.Ops) }

type setWatchesBody struct {
	wire.SetWatches
	op zkapi.OpCode
}

func (s *setWatchesBody) Append(b []byte) []byte { return s.SetWatches.Append(b, s.op) }
func (s *setWatchesBody) Read(r *wire.Reader)    { s.SetWatches.Read(r, s.op) }

type replyBody struct {
	wire.Reply
	op zkapi.OpCode
}

func (p *replyBody) Append(b []byte) []byte { return p.Reply.Append(b, p.op) }
func (p *replyBody) Read(r *wire.Reader)    { p.Reply.Read(r, p.op) }

// message is a whole payload: a header and the body that belongs to it.
type message struct {
	Request *wire.RequestHeader // or
	Reply   *wire.ReplyHeader   // or neither: connect request and response
	Body    record
}

func (m *message) Append(b []byte) []byte {
	if m.Request != nil {
		b = m.Request.Append(b)
	}
	if m.Reply != nil {
		b = m.Reply.Append(b)
	}
	return m.Body.Append(b)
}

// newMessage prepares for a payload of a kind: "connect", "event" or the name
// of a request type, sent by the client or the server.
func newMessage(kind string, fromServer bool) (*message, error) {
	switch {
	case kind == "connect" && fromServer:
		return &message{Body: &wire.ConnectResponse{}}, nil
	case kind == "connect":
		return &message{Body: &wire.ConnectRequest{}}, nil
	case kind == "event":
		return &message{Reply: &wire.ReplyHeader{}, Body: &wire.WatcherEvent{}}, nil
	}
	op, ok := opByName(kind)
	switch {
	case !ok:
		return nil, fmt.Errorf("no message is called %q", kind)
	case fromServer:
		return &message{Reply: &wire.ReplyHeader{}, Body: newReply(op)}, nil
	}
	return &message{Request: &wire.RequestHeader{}, Body: newRequest(op)}, nil
}

// Read reads the payload. A reply that tells an error has no body; servers send
// the end of a multi with some errors all the same, which nobody reads.
func (m *message) Read(r *wire.Reader) {
	if m.Request != nil {
		m.Request.Read(r)
	}
	if m.Reply != nil {
		if m.Reply.Read(r); m.Reply.Err != 0 {
			m.Body = &restBody{}
		}
	}
	m.Body.Read(r)
}

func opByName(name string) (zkapi.OpCode, bool) {
	for op := zkapi.OpCode(-20); op < 200; op++ {
		if op.Known() && op.String() == name {
			return op, true
		}
	}
	return 0, false
}
