package state

import (
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// RecordKind says what a record is about.
type RecordKind uint8

// The kinds of records.
const (
	Committed    RecordKind = iota // a transaction, also one that has failed
	Opened                         // a session
	Connected                      // a session has a connection
	Disconnected                   // and has lost it
	Closed                         // the client has ended the session
	Expired                        // the server has
	Waiting                        // a request waits, as a proposal or for less
)

// Record is something that has happened, for whoever listens to the server. Of
// Op, Path, Err and Changes only transactions have something, and requests that wait
// the first two.
type Record struct {
	Kind    RecordKind
	Time    int64 // milliseconds since 1970
	Zxid    int64 // the last transaction, which is this one if it is one
	Session int64 // 0 if the server itself has acted
	Timeout int64 // of the session, in milliseconds
	Op      zkapi.OpCode
	Path    string // that of the request, "" for several
	Err     zkapi.Code
	Changes []Change
}

// Change is what a transaction did to one node: EventNodeCreated, EventNodeDeleted or
// EventNodeDataChanged.
type Change struct {
	Type zkapi.EventType
	Path string
}

// recorder keeps records while somebody listens. The steps of the state machine
// look at on, and at nothing else here, while nobody does.
type recorder struct {
	on      bool
	records []Record
	changes []Change // of the transaction that runs
	zxid    int64    // of the last transaction recorded
}

// Record begins or ends the keeping of records.
func (s *State) Record(on bool) { s.rec = recorder{on: on, zxid: s.zxid} }

// TakeRecords returns the records since the last call, in their order.
func (s *State) TakeRecords() []Record {
	r := s.rec.records
	s.rec.records = nil
	return r
}

// recordChanges keeps what fire is about to forget.
func (s *State) recordChanges() {
	for i := range s.changes {
		c := &s.changes[i]
		s.rec.changes = append(s.rec.changes, Change{c.kind, strings.Clone(c.path)})
	}
}

// recordRequest records the transaction of a request, if it was one. A session
// that it ended is recorded already.
func (s *State) recordRequest(c *Conn, q *wire.Request, p *Response) {
	if s.zxid == s.rec.zxid {
		return
	}
	r := Record{Op: q.Type, Path: strings.Clone(requestPath(q, p)), Err: p.Err}
	if q.Type == zkapi.OpMulti && p.Err == 0 {
		for i := range p.Results {
			if r.Err = p.Results[i].Err; r.Err != 0 {
				break
			}
		}
	}
	s.recordTransaction(r, c.Session)
}

// requestPath is the path that a write is about; that of a sequential node is in the reply.
func requestPath(q *wire.Request, p *Response) string {
	path := q.Op.Path
	switch q.Type {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		if p.Err == 0 {
			path = p.Path
		}
	case zkapi.OpSetACL:
		path = q.SetACL.Path
	case zkapi.OpDelete, zkapi.OpDeleteContainer, zkapi.OpSetData, zkapi.OpCheck:
	default:
		path = ""
	}
	if path == wire.NullString {
		return ""
	}
	return path
}

// recordTransaction adds what all records of transactions have.
func (s *State) recordTransaction(r Record, sess *Session) {
	r.Kind, r.Changes = Committed, s.rec.changes
	s.rec.changes, s.rec.zxid = nil, s.zxid
	s.record(r, sess)
}

func (s *State) record(r Record, sess *Session) {
	r.Time, r.Zxid = s.now, s.zxid
	if sess != nil {
		r.Session, r.Timeout = sess.ID, sess.Timeout
	}
	s.rec.records = append(s.rec.records, r)
}

// recordEnd records the transaction that has ended a session, and that it is over.
func (s *State) recordEnd(sess *Session, kind RecordKind) {
	s.recordTransaction(Record{Op: zkapi.OpCloseSession}, sess)
	s.record(Record{Kind: kind}, sess)
}
