package zkapi

import (
	"context"
	"time"
)

// Client is one handle on a ZooKeeper service. It outlives connections and
// sessions: when the connection breaks it reconnects, when the session expires
// it starts another, and States tells about both.
//
// Every method is safe for concurrent use. Failures are *OpError values whose
// cause is a Code, the context's error, or ErrClosed. After ErrConnectionLoss
// or a context that ended while the request was under way, a write may or may
// not have happened.
//
// Replies come in the order of the requests of one client. An event of a watch
// comes before any reply that shows the change it is about.
type Client interface {
	// Create makes a node and returns its path, which differs from the one asked
	// for in the sequential modes. A nil acl means OpenACL. The TTL modes need CreateTTL.
	Create(ctx context.Context, path string, data []byte, acl []ACL, mode CreateMode) (string, error)
	// Create2 is Create that also returns the new node's Stat.
	Create2(ctx context.Context, path string, data []byte, acl []ACL, mode CreateMode) (string, Stat, error)
	// CreateTTL makes a node of one of the two TTL modes. ttl is rounded down to
	// milliseconds and lies between one millisecond and MaxTTL.
	CreateTTL(ctx context.Context, path string, data []byte, acl []ACL, mode CreateMode, ttl time.Duration) (string, Stat, error)
	// Delete removes a node without children whose version is the given one.
	Delete(ctx context.Context, path string, version int32) error

	// Exists returns the node's Stat and true, or false and no error if there is no such node.
	Exists(ctx context.Context, path string) (Stat, bool, error)
	// ExistsW is Exists with a one-shot watch for creation, deletion and change of data.
	ExistsW(ctx context.Context, path string) (Stat, bool, <-chan Event, error)
	// Get returns the node's data: nil if it was created with nil, which ZooKeeper tells from empty.
	Get(ctx context.Context, path string) ([]byte, Stat, error)
	// GetW is Get with a one-shot watch for deletion and change of data. A failed GetW leaves no watch.
	GetW(ctx context.Context, path string) ([]byte, Stat, <-chan Event, error)
	// Set replaces the node's data if its version is the given one.
	Set(ctx context.Context, path string, data []byte, version int32) (Stat, error)
	// GetACL returns the ACL; password hashes are masked for readers without PermAdmin.
	GetACL(ctx context.Context, path string) ([]ACL, Stat, error)
	// SetACL replaces the ACL if its version (Stat.Aversion) is the given one.
	SetACL(ctx context.Context, path string, acl []ACL, version int32) (Stat, error)
	// Children lists the names of the children, in no useful order.
	Children(ctx context.Context, path string) ([]string, Stat, error)
	// ChildrenW is Children with a one-shot watch for creation and deletion of
	// children and deletion of the node. A failed ChildrenW leaves no watch.
	ChildrenW(ctx context.Context, path string) ([]string, Stat, <-chan Event, error)
	// AllChildrenNumber counts all descendants.
	AllChildrenNumber(ctx context.Context, path string) (int, error)
	// Ephemerals lists this session's ephemeral nodes whose path starts with prefix.
	Ephemerals(ctx context.Context, prefix string) ([]string, error)
	// Sync returns when this client's server has caught up with the leader.
	Sync(ctx context.Context, path string) error

	// Multi does all of the operations or none. On failure the error has the code
	// and the path of the operation that failed, and the results tell it for each.
	Multi(ctx context.Context, ops ...Op) ([]OpResult, error)
	// MultiRead does several reads in one request; each succeeds or fails by itself.
	MultiRead(ctx context.Context, ops ...Op) ([]OpResult, error)

	// AddAuth adds an identity to this client: "digest" with "user:password", for instance.
	// The client repeats it on every new connection.
	AddAuth(ctx context.Context, scheme string, auth []byte) error
	// WhoAmI lists the identities of the connection.
	WhoAmI(ctx context.Context) ([]ID, error)

	// AddWatch watches until the stream is closed or the watch removed. The node need not exist.
	AddWatch(ctx context.Context, path string, mode WatchMode) (*Stream[Event], error)
	// RemoveWatches removes this client's watches of one type on a path.
	// Their channels and streams get a last event (EventDataWatchRemoved, ...) and end.
	RemoveWatches(ctx context.Context, path string, t WatchType) error

	// Reconfig changes the members of the ensemble and returns the new configuration.
	Reconfig(ctx context.Context, change Reconfig) ([]byte, Stat, error)
	// GetConfig returns the configuration of the ensemble, the data of /zookeeper/config.
	GetConfig(ctx context.Context) ([]byte, Stat, error)

	// SessionID is the current session, 0 before the first.
	SessionID() int64
	// SessionTimeout is what the server has granted to the current session.
	SessionTimeout() time.Duration
	// State is the latest state.
	State() State
	// States tells every change of state from now on, in order, none left out.
	States() *Stream[StateChange]
	// Close ends the session, and with it its ephemeral nodes. It is idempotent.
	Close() error
}

// Reconfig is a change of the ensemble's members, in ZooKeeper's own notation.
type Reconfig struct {
	Joining    string // incremental: comma-separated "server.N=host:port:port[:role];client"
	Leaving    string // incremental: comma-separated server ids
	NewMembers string // or the complete new list
	Version    int64  // of the configuration that is replaced (its zxid); -1 for any
}
