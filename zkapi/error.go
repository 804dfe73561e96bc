package zkapi

import (
	"errors"
	"fmt"
	"strconv"
)

// Code is a ZooKeeper error code. Its constants are errors themselves, so a
// caller matches them with errors.Is whatever wraps them:
//
//	if errors.Is(err, zkapi.ErrNoNode) { ... }
//
// The numbers are those of the protocol (KeeperException.Code in the Java client).
type Code int32

// The codes of ZooKeeper 3.9. Those marked "client" are made up by client
// libraries and never travel over the wire.
const (
	ErrSystem                       Code = -1   // a server-side inconsistency
	ErrRuntimeInconsistency         Code = -2   // in a failed multi: this operation was not tried
	ErrDataInconsistency            Code = -3   //
	ErrConnectionLoss               Code = -4   // client: the connection went away, the outcome is unknown
	ErrMarshalling                  Code = -5   // the server could not decode the request
	ErrUnimplemented                Code = -6   //
	ErrOperationTimeout             Code = -7   // client
	ErrBadArguments                 Code = -8   //
	ErrUnknownSession               Code = -12  //
	ErrNewConfigNoQuorum            Code = -13  // reconfig: too few of the new members are in sync
	ErrReconfigInProgress           Code = -14  //
	ErrAPI                          Code = -100 //
	ErrNoNode                       Code = -101 //
	ErrNoAuth                       Code = -102 //
	ErrBadVersion                   Code = -103 //
	ErrNoChildrenForEphemerals      Code = -108 //
	ErrNodeExists                   Code = -110 //
	ErrNotEmpty                     Code = -111 // delete: the node has children
	ErrSessionExpired               Code = -112 //
	ErrInvalidCallback              Code = -113 //
	ErrInvalidACL                   Code = -114 //
	ErrAuthFailed                   Code = -115 //
	ErrSessionMoved                 Code = -118 //
	ErrNotReadOnly                  Code = -119 // a write reached a read-only server
	ErrEphemeralOnLocalSession      Code = -120 //
	ErrNoWatcher                    Code = -121 // removeWatches: no such watch
	ErrRequestTimeout               Code = -122 // client
	ErrReconfigDisabled             Code = -123 //
	ErrSessionClosedRequireSaslAuth Code = -124 //
	ErrQuotaExceeded                Code = -125 //
	ErrThrottledOp                  Code = -127 //
)

// ErrClosed is returned by every operation of a client that was closed.
var ErrClosed = errors.New("zkapi: client is closed")

var codeNames = map[Code]string{
	ErrSystem: "SystemError", ErrRuntimeInconsistency: "RuntimeInconsistency",
	ErrDataInconsistency: "DataInconsistency", ErrConnectionLoss: "ConnectionLoss",
	ErrMarshalling: "MarshallingError", ErrUnimplemented: "Unimplemented",
	ErrOperationTimeout: "OperationTimeout", ErrBadArguments: "BadArguments",
	ErrUnknownSession: "UnknownSession", ErrNewConfigNoQuorum: "NewConfigNoQuorum",
	ErrReconfigInProgress: "ReconfigInProgress", ErrAPI: "APIError", ErrNoNode: "NoNode",
	ErrNoAuth: "NoAuth", ErrBadVersion: "BadVersion",
	ErrNoChildrenForEphemerals: "NoChildrenForEphemerals", ErrNodeExists: "NodeExists",
	ErrNotEmpty: "NotEmpty", ErrSessionExpired: "SessionExpired",
	ErrInvalidCallback: "InvalidCallback", ErrInvalidACL: "InvalidACL",
	ErrAuthFailed: "AuthFailed", ErrSessionMoved: "SessionMoved", ErrNotReadOnly: "NotReadOnly",
	ErrEphemeralOnLocalSession: "EphemeralOnLocalSession", ErrNoWatcher: "NoWatcher",
	ErrRequestTimeout: "RequestTimeout", ErrReconfigDisabled: "ReconfigDisabled",
	ErrSessionClosedRequireSaslAuth: "SessionClosedRequireSaslAuth",
	ErrQuotaExceeded:                "QuotaExceeded", ErrThrottledOp: "ThrottledOp",
}

// Name is ZooKeeper's own name of the code ("NoNode"), or "Code(n)" for one it does not know.
func (c Code) Name() string {
	if c == 0 {
		return "OK"
	}
	if name, ok := codeNames[c]; ok {
		return name
	}
	return "Code(" + strconv.Itoa(int(c)) + ")"
}

// Error makes every code but 0 usable as an error.
func (c Code) Error() string { return "zookeeper: " + c.Name() }

// Err is nil for 0 and the code itself otherwise.
func (c Code) Err() error {
	if c == 0 {
		return nil
	}
	return c
}

// CodeOf finds the code inside err: 0 for nil, ErrSystem for an error that holds none.
func CodeOf(err error) Code {
	if err == nil {
		return 0
	}
	var c Code
	if errors.As(err, &c) {
		return c
	}
	return ErrSystem
}

// NothingChanged reports whether err proves that the operation had no effect on
// the server. It is false for a lost connection, whose outcome is unknown.
func NothingChanged(err error) bool {
	var c Code
	if !errors.As(err, &c) {
		return false
	}
	switch c {
	case ErrConnectionLoss, ErrOperationTimeout, ErrRequestTimeout, ErrSessionExpired,
		ErrSessionMoved, ErrSystem, ErrDataInconsistency:
		return false
	}
	return true
}

// OpError says which operation on which path failed. Err is usually a Code.
type OpError struct {
	Op   string // as in OpCode.String: "create", "getData", ...
	Path string // as the caller wrote it
	Err  error
}

// Error reads "create /a/b: zookeeper: NodeExists".
func (e *OpError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("%s %s: %v", e.Op, e.Path, e.Err)
}

// Unwrap gives errors.Is and errors.As the cause.
func (e *OpError) Unwrap() error { return e.Err }
