package transcript

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// request is one request on its way.
type request struct {
	name   string
	op     zkapi.OpCode
	xid    int32
	plain  bool   // the xid is the usual one: not worth printing
	hidden bool   // a barrier: its reply is not printed
	body   []byte // what follows the header
}

var opNumbers = func() map[string]zkapi.OpCode {
	m := map[string]zkapi.OpCode{}
	for op := zkapi.OpCode(-20); op < 200; op++ {
		if op.Known() {
			m[op.String()] = op
		}
	}
	return m
}()

// isRequest tells whether a verb is the name of an operation.
func isRequest(verb string) bool { _, ok := opNumbers[verb]; return ok || verb == "request" }

// request makes the request of a command "create /a data=x", or of
// "request op=1 ATOMS", whose body need not be right.
func (x *exec) request(verb string, a *args, body []string) (*request, error) {
	r := &request{name: verb, op: opNumbers[verb], plain: !a.has("xid")}
	switch r.op {
	case zkapi.OpPing:
		r.xid = wire.XidPing
	case zkapi.OpAuth:
		r.xid = wire.XidAuth
	case zkapi.OpSetWatches, zkapi.OpSetWatches2:
		r.xid = wire.XidSetWatches
	}
	if verb == "request" {
		r.op = zkapi.OpCode(a.int32("op", 0))
		r.name = r.op.String()
	}
	r.xid = a.int32("xid", r.xid)
	var err error
	switch {
	case verb == "request":
		r.body = a.atoms()
	case r.op == zkapi.OpMulti || r.op == zkapi.OpMultiRead:
		r.body, err = x.multi(body)
	default:
		r.body = a.body(r.op)
	}
	if err == nil {
		err = a.done()
	}
	return r, err
}

// body encodes the record of a request.
func (a *args) body(op zkapi.OpCode) []byte {
	switch op {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL,
		zkapi.OpDelete, zkapi.OpCheck, zkapi.OpDeleteContainer, zkapi.OpSetData,
		zkapi.OpExists, zkapi.OpGetData, zkapi.OpGetChildren, zkapi.OpGetChildren2:
		return a.op(op)
	case zkapi.OpGetACL, zkapi.OpSync, zkapi.OpGetAllChildrenNumber, zkapi.OpGetEphemerals:
		return (&wire.PathRequest{Path: a.path()}).Append(nil)
	case zkapi.OpSetACL:
		return (&wire.SetACLRequest{
			Path: a.path(), ACL: a.acls(a.take("acl", "world:anyone:31").text), Version: a.int32("version", -1),
		}).Append(nil)
	case zkapi.OpAddWatch:
		return (&wire.WatchRequest{Path: a.path(), Type: a.mode()}).Append(nil)
	case zkapi.OpCheckWatches, zkapi.OpRemoveWatches:
		return (&wire.WatchRequest{Path: a.path(), Type: a.int32("type", 3)}).Append(nil)
	case zkapi.OpAuth:
		packet := wire.AuthPacket{Scheme: a.next("scheme").str(), Auth: a.buffer(a.next("credentials"))}
		return packet.Append(nil)
	case zkapi.OpSetWatches, zkapi.OpSetWatches2:
		return (&wire.SetWatches{
			RelativeZxid: a.int64("zxid", a.x.now), Data: a.list("data"), Exist: a.list("exist"), Child: a.list("child"),
			Persistent: a.list("persistent"), PersistentRecursive: a.list("recursive"),
		}).Append(nil, op)
	case zkapi.OpReconfig:
		return (&wire.ReconfigRequest{
			JoiningServers: a.take("joining", "null").str(), LeavingServers: a.take("leaving", "null").str(),
			NewMembers: a.take("members", "null").str(), CurConfigID: a.int64("version", -1),
		}).Append(nil)
	case zkapi.OpSasl:
		return (&wire.SASL{Token: a.buffer(a.take("token", ""))}).Append(nil)
	}
	return nil // ping, closeSession, whoAmI
}

// op encodes the requests that may also be part of a multi.
func (a *args) op(op zkapi.OpCode) []byte {
	o := wire.Op{Type: op, Path: a.path()}
	switch op {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		flags := map[zkapi.OpCode]int32{zkapi.OpCreateContainer: 4, zkapi.OpCreateTTL: 5}[op]
		o.Data, o.ACL = a.data(), a.acls(a.take("acl", "world:anyone:31").text)
		o.Flags, o.TTL = a.createFlags(flags), a.int64("ttl", 0)
	case zkapi.OpSetData:
		o.Data, o.Version = a.data(), a.int32("version", -1)
	case zkapi.OpDelete, zkapi.OpCheck:
		o.Version = a.int32("version", -1)
	default:
		o.Watch = a.flag("watch")
	}
	return o.Append(nil)
}

// createFlags reads flags=N, or the words ephemeral and sequential.
func (a *args) createFlags(otherwise int32) int32 {
	if a.flag("ephemeral") {
		otherwise |= 1
	}
	if a.flag("sequential") {
		otherwise |= 2
	}
	return a.int32("flags", otherwise)
}

// mode reads the mode of addWatch.
func (a *args) mode() int32 {
	switch {
	case a.flag("persistent"):
		return 0
	case a.flag("recursive"):
		return 1
	}
	return a.int32("mode", 0)
}

// multi encodes the operations of a multi, one per line. "raw ATOMS" is put in
// as it stands; "noend" leaves out the end.
func (x *exec) multi(lines []string) ([]byte, error) {
	var b []byte
	end := true
	for _, line := range unroll(lines) {
		ws, err := words(line)
		if err != nil || len(ws) == 0 {
			return nil, fmt.Errorf("bad operation %q", line)
		}
		verb, a := ws[0].text, x.args(ws[1:])
		op, known := opNumbers[verb]
		if verb == "op" {
			op, known = zkapi.OpCode(a.int32("type", 0)), true
		}
		switch {
		case verb == "raw":
			b = append(b, a.atoms()...)
		case verb == "noend":
			end = false
		case verb == "op":
			b = append(wire.AppendMultiHeader(b, op, false, -1), a.atoms()...)
		case known:
			if a.has("type") { // the type in the header, where it is not that of the record
				b = wire.AppendMultiHeader(b, zkapi.OpCode(a.int32("type", 0)), false, -1)
			} else {
				b = wire.AppendMultiHeader(b, op, false, -1)
			}
			b = append(b, a.body(op)...)
		default:
			return nil, fmt.Errorf("no operation %q", verb)
		}
		if err := a.done(); err != nil {
			return nil, err
		}
	}
	if end {
		b = wire.AppendMultiEnd(b)
	}
	return b, nil
}

// frame is the request's bytes on the wire.
func (r *request) frame() []byte {
	b := wire.BeginFrame(nil)
	h := wire.RequestHeader{Xid: r.xid, Type: r.op}
	return wire.EndFrame(append(h.Append(b), r.body...), 0)
}

// display shows a string as it is where that is unmistakable, and quoted elsewhere.
func display(s string) string {
	if s == wire.NullString {
		return "null"
	}
	if s == "" || s == "null" || strings.ContainsAny(s, " \"[](){};,|") {
		return strconv.Quote(s)
	}
	if q := strconv.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}
