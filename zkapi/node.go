package zkapi

import "time"

// AnyVersion matches every version where a delete, set, setACL or check expects one.
const AnyVersion int32 = -1

// MaxTTL is the longest time to live of a node: 2^40-1 milliseconds.
const MaxTTL = (1<<40 - 1) * time.Millisecond

// Stat is what the server keeps about a node, field for field as it is sent.
type Stat struct {
	Czxid          int64 // zxid of the creation
	Mzxid          int64 // zxid of the last change of the data
	Ctime          int64 // creation, milliseconds since 1970
	Mtime          int64 // last change of the data, milliseconds since 1970
	Version        int32 // number of changes of the data
	Cversion       int32 // number of creations plus deletions of children
	Aversion       int32 // number of changes of the ACL
	EphemeralOwner int64 // session that owns an ephemeral node; 0 for every other kind
	DataLength     int32 // bytes
	NumChildren    int32
	Pzxid          int64 // zxid of the last creation or deletion of a child
}

// CreateMode is the kind of node to create; the numbers are the protocol's flags.
type CreateMode int32

// The seven modes. The two TTL modes go through Client.CreateTTL and need a
// server with zookeeper.extendedTypesEnabled=true.
const (
	Persistent              CreateMode = 0
	Ephemeral               CreateMode = 1 // removed when its session ends
	PersistentSequential    CreateMode = 2 // the server appends a ten-digit counter
	EphemeralSequential     CreateMode = 3
	Container               CreateMode = 4 // removed some time after its last child
	PersistentTTL           CreateMode = 5 // removed when unchanged and childless for its TTL
	PersistentSequentialTTL CreateMode = 6
)

var createModeNames = [...]string{"persistent", "ephemeral", "persistent-sequential",
	"ephemeral-sequential", "container", "persistent-ttl", "persistent-sequential-ttl"}

// String is the mode's name in words: "ephemeral-sequential".
func (m CreateMode) String() string {
	if m < 0 || int(m) >= len(createModeNames) {
		return "invalid"
	}
	return createModeNames[m]
}

// Ephemeral reports whether nodes of this mode end with their session.
func (m CreateMode) Ephemeral() bool { return m == Ephemeral || m == EphemeralSequential }

// Sequential reports whether the server appends a counter to the name.
func (m CreateMode) Sequential() bool {
	return m == PersistentSequential || m == EphemeralSequential || m == PersistentSequentialTTL
}

// TTL reports whether nodes of this mode have a time to live.
func (m CreateMode) TTL() bool { return m == PersistentTTL || m == PersistentSequentialTTL }

// Perm is a set of permissions.
type Perm int32

// The permissions of an ACL entry.
const (
	PermRead   Perm = 1 << iota // getData, getChildren, exists
	PermWrite                   // setData
	PermCreate                  // create a child
	PermDelete                  // delete a child
	PermAdmin                   // setACL
	PermAll    = PermRead | PermWrite | PermCreate | PermDelete | PermAdmin
)

// ACL grants permissions to one identity.
type ACL struct {
	Perms  Perm
	Scheme string // "world", "auth", "digest", "ip", "x509", "sasl"
	ID     string // what the scheme says: "anyone", "user:base64hash", "10.0.0.0/8"
}

// ID is an identity that a connection has, as whoAmI tells.
type ID struct {
	Scheme string
	User   string
}

// OpenACL lets everybody do everything.
func OpenACL() []ACL { return WorldACL(PermAll) }

// WorldACL gives everybody the permissions.
func WorldACL(perms Perm) []ACL { return []ACL{{perms, "world", "anyone"}} }

// AuthACL gives the permissions to the identities that the creating connection
// has added with AddAuth; the server replaces the entry by theirs.
func AuthACL(perms Perm) []ACL { return []ACL{{perms, "auth", ""}} }

// CreatorAllACL gives the creator everything and the others nothing.
func CreatorAllACL() []ACL { return AuthACL(PermAll) }

// ReadACL lets everybody read.
func ReadACL() []ACL { return WorldACL(PermRead) }

// DigestACL gives the permissions to a user of the digest scheme.
func DigestACL(perms Perm, user, password string) []ACL {
	return []ACL{{perms, "digest", DigestID(user + ":" + password)}}
}
