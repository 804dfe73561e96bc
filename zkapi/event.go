package zkapi

import "strconv"

// EventType says what happened to a node.
type EventType int32

// The first four come from the server. The others are made by clients.
const (
	EventNone                   EventType = -1 // the session ended; Event.Err says how
	EventNodeCreated            EventType = 1
	EventNodeDeleted            EventType = 2
	EventNodeDataChanged        EventType = 3
	EventNodeChildrenChanged    EventType = 4
	EventDataWatchRemoved       EventType = 5
	EventChildWatchRemoved      EventType = 6
	EventPersistentWatchRemoved EventType = 7
)

var eventTypeNames = map[EventType]string{
	EventNone: "None", EventNodeCreated: "NodeCreated", EventNodeDeleted: "NodeDeleted",
	EventNodeDataChanged: "NodeDataChanged", EventNodeChildrenChanged: "NodeChildrenChanged",
	EventDataWatchRemoved: "DataWatchRemoved", EventChildWatchRemoved: "ChildWatchRemoved",
	EventPersistentWatchRemoved: "PersistentWatchRemoved",
}

// String is ZooKeeper's name of the type: "NodeCreated".
func (t EventType) String() string {
	if s, ok := eventTypeNames[t]; ok {
		return s
	}
	return "EventType(" + strconv.Itoa(int(t)) + ")"
}

// Event tells that a watch has fired.
type Event struct {
	Type EventType
	Path string
	Zxid int64 // the transaction, where the server says so (3.9 does); -1 otherwise
	Err  error // for EventNone: why the watch ended, for instance ErrSessionExpired
}

// WatchMode is the mode of AddWatch; the numbers are the protocol's.
type WatchMode int32

// Both modes stay armed until removed.
const (
	WatchPersistent          WatchMode = 0 // the node and the list of its children
	WatchPersistentRecursive WatchMode = 1 // the node and everything below; no NodeChildrenChanged
)

// WatchType says which watches RemoveWatches removes; the numbers are the protocol's.
type WatchType int32

// Types 4 and 5 need a server of 3.9 or newer.
const (
	WatchTypeChildren            WatchType = 1
	WatchTypeData                WatchType = 2 // from GetW and ExistsW
	WatchTypeAny                 WatchType = 3
	WatchTypePersistent          WatchType = 4
	WatchTypePersistentRecursive WatchType = 5
)

// State is what a client knows about its connection and session.
type State int

// The states, with the names that kazoo made customary.
const (
	StateLost       State = iota // there is no session: never was one, or it expired
	StateConnected               // the session is live
	StateReadOnly                // connected to a server that serves reads only
	StateSuspended               // the connection is lost, the session may still be alive
	StateAuthFailed              // the server refused the credentials; final
	StateClosed                  // Close was called; final
)

var stateNames = [...]string{"LOST", "CONNECTED", "CONNECTED_RO", "SUSPENDED", "AUTH_FAILED", "CLOSED"}

// String is the state's name in capitals, as kazoo writes it.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return "State(" + strconv.Itoa(int(s)) + ")"
	}
	return stateNames[s]
}

// StateChange is one step of a client's connection. After LOST the client
// starts a new session by itself: the next CONNECTED has another SessionID.
type StateChange struct {
	State     State
	SessionID int64
}
