package wire

import "github.com/zksim/zksim/zkapi"

// Request is any request but the ConnectRequest: the header and the body that
// belongs to its type. One value can be read into again and again; it keeps
// its memory, so that reading a request allocates nothing.
type Request struct {
	RequestHeader
	Op         Op              // the requests that Op names
	Path       PathRequest     // getACL, sync, getAllChildrenNumber, getEphemerals
	SetACL     SetACLRequest   // setACL
	Watch      WatchRequest    // addWatch, checkWatches, removeWatches
	SetWatches SetWatches      // setWatches, setWatches2
	Reconfig   ReconfigRequest // reconfig
	Auth       AuthPacket      // auth
	SASL       SASL            // sasl
	Ops        []Op            // multi, multiRead
}

// Append appends header and body.
func (q *Request) Append(b []byte) []byte {
	b = q.RequestHeader.Append(b)
	switch q.Type {
	case zkapi.OpGetACL, zkapi.OpSync, zkapi.OpGetAllChildrenNumber, zkapi.OpGetEphemerals:
		return q.Path.Append(b)
	case zkapi.OpSetACL:
		return q.SetACL.Append(b)
	case zkapi.OpAddWatch, zkapi.OpCheckWatches, zkapi.OpRemoveWatches:
		return q.Watch.Append(b)
	case zkapi.OpSetWatches, zkapi.OpSetWatches2:
		return q.SetWatches.Append(b, q.Type)
	case zkapi.OpReconfig:
		return q.Reconfig.Append(b)
	case zkapi.OpAuth:
		return q.Auth.Append(b)
	case zkapi.OpSasl:
		return q.SASL.Append(b)
	case zkapi.OpMulti, zkapi.OpMultiRead:
		return AppendMulti(b, q.Ops)
	}
	q.Op.Type = q.Type
	return q.Op.Append(b)
}

// ReadBody reads the body that belongs to q.Type. Requests without a body, and
// types that do not exist, leave the bytes alone.
func (q *Request) ReadBody(r *Reader) {
	switch q.Type {
	case zkapi.OpPing, zkapi.OpCloseSession, zkapi.OpWhoAmI:
	case zkapi.OpCreateSession:
		r.Int() // a timeout that nobody looks at
	case zkapi.OpGetACL, zkapi.OpSync, zkapi.OpGetAllChildrenNumber, zkapi.OpGetEphemerals:
		q.Path.Read(r)
	case zkapi.OpSetACL:
		q.SetACL.Read(r)
	case zkapi.OpAddWatch, zkapi.OpCheckWatches, zkapi.OpRemoveWatches:
		q.Watch.Read(r)
	case zkapi.OpSetWatches, zkapi.OpSetWatches2:
		q.SetWatches.Read(r, q.Type)
	case zkapi.OpReconfig:
		q.Reconfig.Read(r)
	case zkapi.OpAuth:
		q.Auth.Read(r)
	case zkapi.OpSasl:
		q.SASL.Read(r)
	case zkapi.OpMulti, zkapi.OpMultiRead:
		q.Ops = ReadMulti(r, q.Ops)
	default:
		if q.Type.Known() {
			q.Op.Type = q.Type
			q.Op.Read(r)
		}
	}
}

// Op is the body of the requests that can also be part of a multi or
// multiRead: create, create2, createContainer, createTTL, delete,
// deleteContainer, setData, check, exists, getData, getChildren and
// getChildren2. Which fields are used follows from Type.
type Op struct {
	Type    zkapi.OpCode
	Path    string
	Data    []byte
	ACL     []zkapi.ACL
	Flags   int32 // of creates: a zkapi.CreateMode
	TTL     int64 // of createTTL: milliseconds
	Version int32 // expected version of delete, setData, check
	Watch   bool  // of the reads
}

// Append appends the body; a Type that is none of the above appends nothing.
func (o *Op) Append(b []byte) []byte {
	switch o.Type {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		b = AppendBuffer(AppendString(b, o.Path), o.Data)
		b = AppendInt(AppendACLs(b, o.ACL), o.Flags)
		if o.Type == zkapi.OpCreateTTL {
			b = AppendLong(b, o.TTL)
		}
	case zkapi.OpDelete, zkapi.OpCheck:
		b = AppendInt(AppendString(b, o.Path), o.Version)
	case zkapi.OpDeleteContainer:
		b = AppendString(b, o.Path)
	case zkapi.OpSetData:
		b = AppendInt(AppendBuffer(AppendString(b, o.Path), o.Data), o.Version)
	case zkapi.OpExists, zkapi.OpGetData, zkapi.OpGetChildren, zkapi.OpGetChildren2:
		b = AppendBool(AppendString(b, o.Path), o.Watch)
	}
	return b
}

// Read reads the body that belongs to o.Type. It reuses the memory of o.ACL.
func (o *Op) Read(r *Reader) {
	switch o.Type {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		o.Path, o.Data, o.ACL, o.Flags = r.String(), r.Buffer(), r.ACLs(o.ACL), r.Int()
		if o.Type == zkapi.OpCreateTTL {
			o.TTL = r.Long()
		}
	case zkapi.OpDelete, zkapi.OpCheck:
		o.Path, o.Version = r.String(), r.Int()
	case zkapi.OpDeleteContainer:
		o.Path = r.String()
	case zkapi.OpSetData:
		o.Path, o.Data, o.Version = r.String(), r.Buffer(), r.Int()
	case zkapi.OpExists, zkapi.OpGetData, zkapi.OpGetChildren, zkapi.OpGetChildren2:
		o.Path, o.Watch = r.String(), r.Bool()
	default:
		r.fail()
	}
}

// PathRequest is the body of getACL, sync, getAllChildrenNumber and getEphemerals.
type PathRequest struct{ Path string }

// Append appends the record.
func (p *PathRequest) Append(b []byte) []byte { return AppendString(b, p.Path) }

// Read reads the record.
func (p *PathRequest) Read(r *Reader) { p.Path = r.String() }

// SetACLRequest is the body of setACL.
type SetACLRequest struct {
	Path    string
	ACL     []zkapi.ACL
	Version int32 // expected version of the ACL
}

// Append appends the record.
func (s *SetACLRequest) Append(b []byte) []byte {
	return AppendInt(AppendACLs(AppendString(b, s.Path), s.ACL), s.Version)
}

// Read reads the record. It reuses the memory of s.ACL.
func (s *SetACLRequest) Read(r *Reader) {
	s.Path, s.ACL, s.Version = r.String(), r.ACLs(s.ACL), r.Int()
}

// WatchRequest is the body of addWatch (Type is a zkapi.WatchMode), checkWatches
// and removeWatches (Type is a zkapi.WatchType).
type WatchRequest struct {
	Path string
	Type int32
}

// Append appends the record.
func (w *WatchRequest) Append(b []byte) []byte { return AppendInt(AppendString(b, w.Path), w.Type) }

// Read reads the record.
func (w *WatchRequest) Read(r *Reader) { w.Path, w.Type = r.String(), r.Int() }

// SetWatches is the body of setWatches and setWatches2: what a client watched
// before its connection broke. The last two lists travel only in setWatches2.
type SetWatches struct {
	RelativeZxid        int64 // the last zxid that the client has seen
	Data                []string
	Exist               []string
	Child               []string
	Persistent          []string
	PersistentRecursive []string
}

// Append appends the record in the form of op.
func (s *SetWatches) Append(b []byte, op zkapi.OpCode) []byte {
	b = AppendStrings(AppendLong(b, s.RelativeZxid), s.Data)
	b = AppendStrings(AppendStrings(b, s.Exist), s.Child)
	if op == zkapi.OpSetWatches2 {
		b = AppendStrings(AppendStrings(b, s.Persistent), s.PersistentRecursive)
	}
	return b
}

// Read reads the record in the form of op.
func (s *SetWatches) Read(r *Reader, op zkapi.OpCode) {
	s.RelativeZxid = r.Long()
	s.Data, s.Exist, s.Child = r.Strings(s.Data), r.Strings(s.Exist), r.Strings(s.Child)
	s.Persistent, s.PersistentRecursive = s.Persistent[:0], s.PersistentRecursive[:0]
	if op == zkapi.OpSetWatches2 {
		s.Persistent, s.PersistentRecursive = r.Strings(s.Persistent), r.Strings(s.PersistentRecursive)
	}
}

// ReconfigRequest is the body of reconfig.
type ReconfigRequest struct {
	JoiningServers string
	LeavingServers string
	NewMembers     string
	CurConfigID    int64
}

// Append appends the record.
func (c *ReconfigRequest) Append(b []byte) []byte {
	b = AppendString(AppendString(b, c.JoiningServers), c.LeavingServers)
	return AppendLong(AppendString(b, c.NewMembers), c.CurConfigID)
}

// Read reads the record.
func (c *ReconfigRequest) Read(r *Reader) {
	c.JoiningServers, c.LeavingServers = r.String(), r.String()
	c.NewMembers, c.CurConfigID = r.String(), r.Long()
}
