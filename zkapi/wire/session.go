package wire

import "github.com/zksim/zksim/zkapi"

// The xids that are not counters.
const (
	XidNotification int32 = -1 // a watch event, server to client only
	XidPing         int32 = -2
	XidAuth         int32 = -4 // by convention
	XidSetWatches   int32 = -8 // by convention
)

// PasswordLen is the length of a session's password.
const PasswordLen = 16

// ConnectRequest opens a session or comes back to one. It has no header.
type ConnectRequest struct {
	ProtocolVersion int32
	LastZxidSeen    int64
	TimeOut         int32 // milliseconds
	SessionID       int64 // 0 for a new session
	Passwd          []byte
	ReadOnly        bool // a read-only server will do
	HasReadOnly     bool // false: the client ends the record before ReadOnly, as old ones do
}

// Append appends the record.
func (c *ConnectRequest) Append(b []byte) []byte {
	b = AppendLong(AppendInt(b, c.ProtocolVersion), c.LastZxidSeen)
	b = AppendBuffer(AppendLong(AppendInt(b, c.TimeOut), c.SessionID), c.Passwd)
	if c.HasReadOnly {
		b = AppendBool(b, c.ReadOnly)
	}
	return b
}

// Read reads the record.
func (c *ConnectRequest) Read(r *Reader) {
	c.ProtocolVersion, c.LastZxidSeen = r.Int(), r.Long()
	c.TimeOut, c.SessionID, c.Passwd = r.Int(), r.Long(), r.Buffer()
	c.HasReadOnly = r.Err() == nil && r.Len() > 0
	c.ReadOnly = c.HasReadOnly && r.Bool()
}

// ConnectResponse answers a ConnectRequest: TimeOut 0 means that the session is not there.
type ConnectResponse struct {
	ProtocolVersion int32
	TimeOut         int32 // milliseconds
	SessionID       int64
	Passwd          []byte
	ReadOnly        bool // this server is read-only
	HasReadOnly     bool // as in the request
}

// Append appends the record.
func (c *ConnectResponse) Append(b []byte) []byte {
	b = AppendLong(AppendInt(AppendInt(b, c.ProtocolVersion), c.TimeOut), c.SessionID)
	b = AppendBuffer(b, c.Passwd)
	if c.HasReadOnly {
		b = AppendBool(b, c.ReadOnly)
	}
	return b
}

// Read reads the record.
func (c *ConnectResponse) Read(r *Reader) {
	c.ProtocolVersion, c.TimeOut, c.SessionID, c.Passwd = r.Int(), r.Int(), r.Long(), r.Buffer()
	c.HasReadOnly = r.Err() == nil && r.Len() > 0
	c.ReadOnly = c.HasReadOnly && r.Bool()
}

// RequestHeader starts every request but the ConnectRequest.
type RequestHeader struct {
	Xid  int32
	Type zkapi.OpCode
}

// Append appends the record.
func (h *RequestHeader) Append(b []byte) []byte {
	return AppendInt(AppendInt(b, h.Xid), int32(h.Type))
}

// Read reads the record.
func (h *RequestHeader) Read(r *Reader) { h.Xid, h.Type = r.Int(), zkapi.OpCode(r.Int()) }

// ReplyHeader starts every reply and notification. A body follows only if Err is 0.
type ReplyHeader struct {
	Xid  int32
	Zxid int64
	Err  zkapi.Code
}

// Append appends the record.
func (h *ReplyHeader) Append(b []byte) []byte {
	return AppendInt(AppendLong(AppendInt(b, h.Xid), h.Zxid), int32(h.Err))
}

// Read reads the record.
func (h *ReplyHeader) Read(r *Reader) { h.Xid, h.Zxid, h.Err = r.Int(), r.Long(), zkapi.Code(r.Int()) }

// WatcherEvent is the body of a notification.
type WatcherEvent struct {
	Type  zkapi.EventType
	State int32 // always 3, SyncConnected, when a server sends it
	Path  string
}

// Append appends the record.
func (e *WatcherEvent) Append(b []byte) []byte {
	return AppendString(AppendInt(AppendInt(b, int32(e.Type)), e.State), e.Path)
}

// Read reads the record.
func (e *WatcherEvent) Read(r *Reader) {
	e.Type, e.State, e.Path = zkapi.EventType(r.Int()), r.Int(), r.String()
}

// AuthPacket is the request of auth.
type AuthPacket struct {
	Type   int32 // ignored
	Scheme string
	Auth   []byte
}

// Append appends the record.
func (a *AuthPacket) Append(b []byte) []byte {
	return AppendBuffer(AppendString(AppendInt(b, a.Type), a.Scheme), a.Auth)
}

// Read reads the record.
func (a *AuthPacket) Read(r *Reader) { a.Type, a.Scheme, a.Auth = r.Int(), r.String(), r.Buffer() }

// SASL is the request and the reply of sasl (GetSASLRequest, SetSASLResponse).
type SASL struct{ Token []byte }

// Append appends the record.
func (s *SASL) Append(b []byte) []byte { return AppendBuffer(b, s.Token) }

// Read reads the record.
func (s *SASL) Read(r *Reader) { s.Token = r.Buffer() }
