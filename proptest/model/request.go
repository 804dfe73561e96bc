package model

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// op is what a step of a history does.
type op int

const (
	opCreate op = iota
	opDelete
	opSet
	opGet
	opExists
	opChildren
	opCreateTTL
	opMulti
	opSetACL
	opGetACL
	opAddWatch
	opRemoveWatches
	opCloseStream
	opMultiRead
	opAllChildrenNumber
	opEphemerals
	opWhoAmI
	opAddAuth
	opSync
	opReconfig
	opDisconnect
	opReconnect
	opExpire
	opRestart
	opAdvance
	opClose
	opConnect
	opCheck // only in a multi
)

var opNames = [...]string{"create", "delete", "set", "get", "exists", "children", "createTTL", "multi", "setACL", "getACL",
	"addWatch", "removeWatches", "closeStream", "multiRead", "allChildrenNumber", "ephemerals", "whoAmI", "addAuth", "sync",
	"reconfig", "disconnect", "reconnect", "expire", "restart", "advance", "close", "connect", "check"}

// request is one step, or one part of a multi, with its arguments.
type request struct {
	op      op
	client  int
	path    string
	data    []byte
	acl     []zkapi.ACL
	mode    zkapi.CreateMode
	stat    bool // Create2 in place of Create
	watch   bool
	ttl     int64 // milliseconds
	version int32
	expect  versionKind // from which version comes
	watches zkapi.WatchMode
	remove  zkapi.WatchType
	scheme  string
	pick    int
	time    time.Duration
	parts   []request
	stop    bool // the history ends here
}

// versionKind says which version a request expects, as long as it is not known
// what there will be.
type versionKind int

const (
	anyVersion versionKind = iota
	currentVersion
	nextVersion
	lastVersion
	negativeVersion
)

// name is the operation, with what makes it another request.
func (o *request) name() string {
	name := opNames[o.op]
	if o.stat {
		name = "create2"
	}
	if o.watch {
		name += "W"
	}
	return name
}

// stubborn says of one in four requests that it is made even by a client that
// has no connection or was closed. It depends on nothing but the request.
func (o *request) stubborn() bool { return (int(o.op)+3*len(o.path)+len(o.data)+len(o.parts))%4 == 0 }

// opCode is the request's type in the results of a multi.
func (o *request) opCode() zkapi.OpCode {
	switch o.op {
	case opCreate:
		if o.mode == zkapi.Container {
			return zkapi.OpCreateContainer
		}
		return zkapi.OpCreate
	case opCreateTTL:
		return zkapi.OpCreateTTL
	case opDelete:
		return zkapi.OpDelete
	case opSet:
		return zkapi.OpSetData
	case opCheck:
		return zkapi.OpCheck
	case opGet:
		return zkapi.OpGetData
	}
	return zkapi.OpGetChildren
}

// apiOp is the part of a multi as the client takes it.
func (o *request) apiOp() zkapi.Op {
	switch o.op {
	case opCreate:
		return zkapi.CreateOp(o.path, o.data, o.acl, o.mode)
	case opCreateTTL:
		return zkapi.CreateTTLOp(o.path, o.data, o.acl, o.mode, time.Duration(o.ttl)*time.Millisecond)
	case opDelete:
		return zkapi.DeleteOp(o.path, o.version)
	case opSet:
		return zkapi.SetOp(o.path, o.data, o.version)
	case opCheck:
		return zkapi.CheckOp(o.path, o.version)
	case opGet:
		return zkapi.GetOp(o.path)
	}
	return zkapi.ChildrenOp(o.path)
}

// GoString is how rapid prints what it has drawn.
func (o request) GoString() string { return o.String() }

// String reads "c1 create /a "x" ephemeral".
func (o request) String() string {
	if o.stop {
		return "end"
	}
	if o.op == opRestart || o.op == opAdvance {
		return o.text()
	}
	return fmt.Sprintf("c%d %s", o.client, o.text())
}

func (o *request) text() string {
	words := []string{o.name()}
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	switch o.op {
	case opCreate, opCreateTTL:
		add("%q %s %v", o.path, printData(o.data), o.mode)
		if o.op == opCreateTTL {
			add("ttl=%dms", o.ttl)
		}
		if o.acl != nil {
			add("acl=%s", printACL(o.acl))
		}
	case opSet:
		add("%q %s version=%s", o.path, printData(o.data), o.printVersion())
	case opDelete, opCheck:
		add("%q version=%s", o.path, o.printVersion())
	case opSetACL:
		add("%q %s version=%s", o.path, printACL(o.acl), o.printVersion())
	case opAddWatch:
		add("%q %s", o.path, map[zkapi.WatchMode]string{0: "persistent", 1: "recursive"}[o.watches])
	case opRemoveWatches:
		add("%q type=%d", o.path, o.remove)
	case opGet, opExists, opChildren, opGetACL, opAllChildrenNumber, opEphemerals, opSync:
		add("%q", o.path)
	case opAddAuth:
		add("%s %q", o.scheme, o.data)
	case opAdvance:
		switch o.time {
		case untilDue:
			add("until something is due")
		case beforeDue:
			add("until shortly before something is due")
		default:
			add("%v", o.time)
		}
	case opMulti, opMultiRead:
		for i := range o.parts {
			add("[%s]", o.parts[i].text())
		}
	}
	return strings.Join(words, " ")
}

func (o *request) printVersion() string {
	if o.version != 0 || o.expect == anyVersion {
		return strconv.Itoa(int(o.version))
	}
	return [...]string{"any", "current", "current+1", "current-1", "-2"}[o.expect]
}

func printData(b []byte) string {
	if b == nil {
		return "null"
	}
	return strconv.Quote(string(b))
}

func printACL(acl []zkapi.ACL) string {
	if acl == nil {
		return "null"
	}
	entries := make([]string, len(acl))
	for i, a := range acl {
		id := a.ID
		if a.Scheme == "digest" && len(id) > 8 {
			id = id[:8] + "..."
		}
		entries[i] = a.Scheme + ":" + id + ":" + printPerms(a.Perms)
	}
	return "[" + strings.Join(entries, " ") + "]"
}

func printPerms(p zkapi.Perm) string {
	text := ""
	for i, letter := range "rwcda" {
		if p&(1<<i) != 0 {
			text += string(letter)
		}
	}
	if text == "" || p&^zkapi.PermAll != 0 {
		return strconv.Itoa(int(p))
	}
	return text
}
