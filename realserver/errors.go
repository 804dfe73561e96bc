package realserver

import (
	"slices"

	"github.com/go-zookeeper/zk"

	"github.com/zksim/zksim/zkapi"
)

// names is what go-zookeeper calls an error and what zkapi calls it.
var names = []struct{ theirs, ours error }{
	{zk.ErrAPIError, zkapi.ErrAPI},
	{zk.ErrNoNode, zkapi.ErrNoNode},
	{zk.ErrNoAuth, zkapi.ErrNoAuth},
	{zk.ErrBadVersion, zkapi.ErrBadVersion},
	{zk.ErrNoChildrenForEphemerals, zkapi.ErrNoChildrenForEphemerals},
	{zk.ErrNodeExists, zkapi.ErrNodeExists},
	{zk.ErrNotEmpty, zkapi.ErrNotEmpty},
	{zk.ErrSessionExpired, zkapi.ErrSessionExpired},
	{zk.ErrInvalidACL, zkapi.ErrInvalidACL},
	{zk.ErrAuthFailed, zkapi.ErrAuthFailed},
	{zk.ErrSessionMoved, zkapi.ErrSessionMoved},
	{zk.ErrReconfigDisabled, zkapi.ErrReconfigDisabled},

	// Trap 3: go-zookeeper says ErrConnectionClosed both when the link is lost
	// and when Close was called.
	{zk.ErrConnectionClosed, zkapi.ErrConnectionLoss},
	{zk.ErrNoServer, zkapi.ErrConnectionLoss},
	{zk.ErrClosing, zkapi.ErrClosed},

	// What go-zookeeper refuses before it is sent, a server refuses as well.
	{zk.ErrBadArguments, zkapi.ErrBadArguments},
	{zk.ErrInvalidPath, zkapi.ErrBadArguments},
	{zk.ErrInvalidFlags, zkapi.ErrBadArguments},
	{zk.ErrShortBuffer, zkapi.ErrMarshalling}, // longer than ClientConfig.MaxRequest
}

// namedError is an error of zkapi that has go-zookeeper's names too: errors.Is
// finds zkapi.ErrNoNode and zk.ErrNoNode in it.
type namedError struct{ ours error }

// named makes one; nil and the code 0 are no error.
func named(ours error) error {
	if ours == nil || ours == zkapi.Code(0) {
		return nil
	}
	return namedError{ours}
}

// Error is the text that every client of this module gives.
func (e namedError) Error() string { return e.ours.Error() }

func (e namedError) Unwrap() error { return e.ours }

// Is reports whether target is one of go-zookeeper's names for the error.
func (e namedError) Is(target error) bool {
	return slices.ContainsFunc(names, func(n struct{ theirs, ours error }) bool { return n.ours == e.ours && n.theirs == target })
}
