package zkapi

import (
	"strconv"
	"time"
)

// OpCode is the type of a request; the numbers are the protocol's.
type OpCode int32

// Every request type of the client protocol of ZooKeeper 3.9.
const (
	OpNotification         OpCode = 0
	OpCreate               OpCode = 1
	OpDelete               OpCode = 2
	OpExists               OpCode = 3
	OpGetData              OpCode = 4
	OpSetData              OpCode = 5
	OpGetACL               OpCode = 6
	OpSetACL               OpCode = 7
	OpGetChildren          OpCode = 8
	OpSync                 OpCode = 9
	OpPing                 OpCode = 11
	OpGetChildren2         OpCode = 12
	OpCheck                OpCode = 13
	OpMulti                OpCode = 14
	OpCreate2              OpCode = 15
	OpReconfig             OpCode = 16
	OpCheckWatches         OpCode = 17
	OpRemoveWatches        OpCode = 18
	OpCreateContainer      OpCode = 19
	OpDeleteContainer      OpCode = 20
	OpCreateTTL            OpCode = 21
	OpMultiRead            OpCode = 22
	OpAuth                 OpCode = 100
	OpSetWatches           OpCode = 101
	OpSasl                 OpCode = 102
	OpGetEphemerals        OpCode = 103
	OpGetAllChildrenNumber OpCode = 104
	OpSetWatches2          OpCode = 105
	OpAddWatch             OpCode = 106
	OpWhoAmI               OpCode = 107
	OpCreateSession        OpCode = -10
	OpCloseSession         OpCode = -11
	OpErr                  OpCode = -1
)

// opNames is an array because every request is looked up in it.
var opNames = [...]string{
	OpNotification: "notification", OpCreate: "create", OpDelete: "delete", OpExists: "exists",
	OpGetData: "getData", OpSetData: "setData", OpGetACL: "getACL", OpSetACL: "setACL",
	OpGetChildren: "getChildren", OpSync: "sync", OpPing: "ping", OpGetChildren2: "getChildren2",
	OpCheck: "check", OpMulti: "multi", OpCreate2: "create2", OpReconfig: "reconfig",
	OpCheckWatches: "checkWatches", OpRemoveWatches: "removeWatches",
	OpCreateContainer: "createContainer", OpDeleteContainer: "deleteContainer",
	OpCreateTTL: "createTTL", OpMultiRead: "multiRead", OpAuth: "auth",
	OpSetWatches: "setWatches", OpSasl: "sasl", OpGetEphemerals: "getEphemerals",
	OpGetAllChildrenNumber: "getAllChildrenNumber", OpSetWatches2: "setWatches2",
	OpAddWatch: "addWatch", OpWhoAmI: "whoAmI",
}

func (o OpCode) name() string {
	switch {
	case o >= 0 && int(o) < len(opNames):
		return opNames[o]
	case o == OpErr:
		return "error"
	case o == OpCreateSession:
		return "createSession"
	case o == OpCloseSession:
		return "closeSession"
	}
	return ""
}

// String is ZooKeeper's name of the request type: "getChildren2".
func (o OpCode) String() string {
	if s := o.name(); s != "" {
		return s
	}
	return "op(" + strconv.Itoa(int(o)) + ")"
}

// Known reports whether ZooKeeper 3.9 has such a request type.
func (o OpCode) Known() bool { return o.name() != "" }

// Op is one part of a Multi or MultiRead. The functions ending in Op make them.
type Op struct {
	Type    OpCode
	Path    string
	Data    []byte
	ACL     []ACL // nil means OpenACL, as in Client.Create
	Mode    CreateMode
	TTL     time.Duration
	Version int32
}

// CreateOp creates a node in a Multi; it takes every mode but the two TTL modes.
func CreateOp(path string, data []byte, acl []ACL, mode CreateMode) Op {
	op := OpCreate
	if mode == Container {
		op = OpCreateContainer
	}
	return Op{Type: op, Path: path, Data: data, ACL: acl, Mode: mode}
}

// CreateTTLOp creates a node with a time to live in a Multi.
func CreateTTLOp(path string, data []byte, acl []ACL, mode CreateMode, ttl time.Duration) Op {
	return Op{Type: OpCreateTTL, Path: path, Data: data, ACL: acl, Mode: mode, TTL: ttl}
}

// DeleteOp deletes a node in a Multi.
func DeleteOp(path string, version int32) Op {
	return Op{Type: OpDelete, Path: path, Version: version}
}

// SetOp sets a node's data in a Multi.
func SetOp(path string, data []byte, version int32) Op {
	return Op{Type: OpSetData, Path: path, Data: data, Version: version}
}

// CheckOp makes a Multi fail unless the node exists with this version.
func CheckOp(path string, version int32) Op {
	return Op{Type: OpCheck, Path: path, Version: version}
}

// GetOp reads a node in a MultiRead.
func GetOp(path string) Op { return Op{Type: OpGetData, Path: path} }

// ChildrenOp lists a node's children in a MultiRead.
func ChildrenOp(path string) Op { return Op{Type: OpGetChildren, Path: path} }

// OpResult is the outcome of one Op. Which fields are set depends on the Op:
// Path for creates, Stat for sets, reads of data and creates of containers and
// TTL nodes, Data and Children for reads.
type OpResult struct {
	Type     OpCode
	Path     string
	Stat     Stat
	Data     []byte
	Children []string
	Err      error // a Code; ErrRuntimeInconsistency for what a failed Multi did not reach
}
