package realserver

import (
	"errors"
	"fmt"

	"github.com/go-zookeeper/zk"

	"github.com/zksim/zksim/zkapi"
)

// errorPairs is what go-zookeeper calls an error and what zkapi calls it. Of
// several lines with the same error on the right, the first is also the
// translation back.
var errorPairs = []struct{ theirs, ours error }{
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
	{zk.ErrBadArguments, zkapi.ErrBadArguments},

	// Trap 3: go-zookeeper says ErrConnectionClosed both when the link is lost
	// and when Close was called. A Client knows which it was before it asks
	// this table, and says ErrClosed by itself.
	{zk.ErrConnectionClosed, zkapi.ErrConnectionLoss},
	{zk.ErrNoServer, zkapi.ErrConnectionLoss},
	{zk.ErrClosing, zkapi.ErrClosed},

	// What go-zookeeper refuses before anything is sent.
	{zk.ErrInvalidPath, zkapi.ErrBadArguments},
	{zk.ErrInvalidFlags, zkapi.ErrBadArguments},
	{zk.ErrShortBuffer, zkapi.ErrMarshalling}, // longer than ClientConfig.MaxRequest

	{zk.ErrUnknown, zkapi.ErrSystem},
	{zk.ErrUnhandledFieldType, zkapi.ErrSystem},
	{zk.ErrPtrExpected, zkapi.ErrSystem},
	{zk.ErrNothing, zkapi.Code(-117)}, // a number that no server sends
}

// oursOf finds zkapi's name for an error of go-zookeeper, or nil. The codes that
// go-zookeeper does not know are in the text of its errors, and keep their number.
func oursOf(theirs error) error {
	for _, p := range errorPairs {
		if errors.Is(theirs, p.theirs) {
			return p.ours
		}
	}
	var code zkapi.Code
	if _, err := fmt.Sscanf(theirs.Error(), "unknown error: %d", &code); err == nil {
		return code
	}
	return nil
}

// theirsOf finds go-zookeeper's name for an error of zkapi, or nil.
func theirsOf(ours error) error {
	for _, p := range errorPairs {
		if p.ours == ours {
			return p.theirs
		}
	}
	return nil
}

// codeOf is the code of one part of a Multi.
func codeOf(theirs error) zkapi.Code {
	if theirs == nil {
		return 0
	}
	if code, ok := oursOf(theirs).(zkapi.Code); ok {
		return code
	}
	return zkapi.ErrSystem
}

// pairError is one error with two names: errors.Is finds zkapi.ErrNoNode and
// zk.ErrNoNode in it.
type pairError struct{ ours, theirs error }

// pair makes one. Either side may be nil, and is then found in the table. An
// error that only zkapi has is returned as it is.
func pair(ours, theirs error) error {
	if ours == nil {
		if ours = oursOf(theirs); ours == nil {
			ours = zkapi.ErrSystem
		}
	}
	if theirs == nil {
		if theirs = theirsOf(ours); theirs == nil {
			return ours
		}
	}
	return &pairError{ours, theirs}
}

// Error is the text that every client of this module gives, and behind it what
// there is to add: the error of a socket, for instance.
func (e *pairError) Error() string {
	if oursOf(e.theirs) != nil {
		return e.ours.Error()
	}
	return fmt.Sprintf("%v (%v)", e.ours, e.theirs)
}

func (e *pairError) Unwrap() []error { return []error{e.ours, e.theirs} }

// Is makes a lost connection zk.ErrConnectionClosed also where go-zookeeper
// returned what the socket said.
func (e *pairError) Is(target error) bool {
	theirs := theirsOf(e.ours)
	return theirs != nil && target == theirs
}

// opError adds operation and path.
func opError(op zkapi.OpCode, path string, err error) error {
	if err == nil {
		return nil
	}
	return &zkapi.OpError{Op: op.String(), Path: path, Err: err}
}

// ended translates what go-zookeeper's method has returned.
func (k *call) ended(err error) error {
	switch {
	case err == nil && k.garbled != nil:
		return &pairError{zkapi.ErrSystem, k.garbled}
	case err == nil:
		return nil
	case k.code != 0: // what the server has said is never in doubt
		return pair(k.code, err)
	case k.replied: // with success, which go-zookeeper could not read
		return &pairError{zkapi.ErrSystem, err}
	case k.sent:
		return &pairError{zkapi.ErrConnectionLoss, err}
	case oursOf(err) == nil: // it never went out: an argument that go-zookeeper refuses
		return &pairError{zkapi.ErrBadArguments, err}
	}
	return pair(nil, err)
}
