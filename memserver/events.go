package memserver

import (
	"slices"
	"time"

	"github.com/zksim/zksim/memserver/internal/state"
	"github.com/zksim/zksim/zkapi"
)

// EventKind says what an Event is about.
type EventKind string

// The kinds of events.
const (
	EventCommit       EventKind = "commit"       // a transaction, also one that has failed: it has a zxid
	EventOpened       EventKind = "opened"       // a new session
	EventConnected    EventKind = "connected"    // a session has a connection, its first or a new one
	EventDisconnected EventKind = "disconnected" // a session has lost its connection
	EventClosed       EventKind = "closed"       // the client has ended its session
	EventExpired      EventKind = "expired"      // the server has
	EventWaiting      EventKind = "waiting"      // a request waits for members to hear each other, see Member.Sever
	EventWatch        EventKind = "watch"        // a watch event is on its way to a session
	EventReset        EventKind = "reset"        // Restart or Restore: what was before is gone or may be
	EventTold         EventKind = "told"         // somebody has called Tell
)

// Event is something that has happened on the server. Fields that the kind has
// no use for are zero.
type Event struct {
	Kind    EventKind
	Time    time.Time // on the server's clock
	Zxid    int64     // the server's last transaction; of a commit, its own
	Session int64     // whose it is; 0 if the server itself has acted
	Timeout time.Duration

	// Of a commit; Op and Path also of a request that waits.
	Op      zkapi.OpCode
	Path    string        // the request's; "" if it is about several nodes, or none
	Err     error         // why it has failed: a zkapi.Code
	Changes []zkapi.Event // to nodes, in their order: type and path

	// Of a watch.
	Watch zkapi.Event

	// What Tell was given.
	Told any
}

// maxUnread is how many events may wait in a stream.
const maxUnread = 1 << 16

// Events tells all that happens on the server from now on, in its order; the
// events of a step are there when it is done. Close the stream to stop. A stream
// in which 65536 events wait ends: the server does not keep more. While there is
// no stream the server does nothing for it.
func (s *Server) Events() *zkapi.Stream[Event] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var stream *zkapi.Stream[Event]
	stream = zkapi.NewStream[Event](func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dropListener(stream)
	})
	if s.closed {
		stream.End()
		return stream
	}
	if len(s.listeners) == 0 {
		s.st.Record(true)
	}
	s.listeners = append(s.listeners, stream)
	return stream
}

// Tell puts something into all streams of Events, at its place among what the
// server does: that a fault around the server has fired, for instance.
func (s *Server) Tell(session int64, what any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners == nil {
		return
	}
	s.publish()
	s.tell(Event{Kind: EventTold, Time: time.UnixMilli(s.now()), Zxid: s.st.Zxid(), Session: session, Told: what})
}

func (s *Server) dropListener(l *zkapi.Stream[Event]) {
	s.listeners = slices.DeleteFunc(s.listeners, func(x *zkapi.Stream[Event]) bool { return x == l })
	if len(s.listeners) == 0 {
		s.listeners = nil
		s.st.Record(false)
	}
}

// publish hands out what the steps so far have recorded. Server.mu is held.
func (s *Server) publish() {
	for _, r := range s.st.TakeRecords() {
		s.tell(toEvent(r))
	}
}

func (s *Server) tell(e Event) {
	for _, l := range s.listeners {
		if l.Len() < maxUnread {
			l.Send(e)
			continue
		}
		l.End()
		defer s.dropListener(l)
	}
}

// tellWatch publishes an event that a watcher gets.
func (s *Server) tellWatch(n state.Note) {
	e := Event{Kind: EventWatch, Time: time.UnixMilli(s.now()), Zxid: s.st.Zxid(),
		Watch: zkapi.Event{Type: n.Type, Path: n.Path, Zxid: n.Zxid}}
	if sess := n.Conn.Session; sess != nil {
		e.Session = sess.ID
	}
	s.tell(e)
}

var recordKinds = map[state.RecordKind]EventKind{
	state.Committed: EventCommit, state.Opened: EventOpened, state.Connected: EventConnected,
	state.Disconnected: EventDisconnected, state.Closed: EventClosed, state.Expired: EventExpired,
	state.Waiting: EventWaiting,
}

func toEvent(r state.Record) Event {
	e := Event{Kind: recordKinds[r.Kind], Time: time.UnixMilli(r.Time), Zxid: r.Zxid, Session: r.Session,
		Timeout: time.Duration(r.Timeout) * time.Millisecond, Op: r.Op, Path: r.Path, Err: r.Err.Err()}
	for _, c := range r.Changes {
		e.Changes = append(e.Changes, zkapi.Event{Type: c.Type, Path: c.Path, Zxid: r.Zxid})
	}
	return e
}
