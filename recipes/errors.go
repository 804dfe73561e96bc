package recipes

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/zksim/zksim/zkapi"
)

// What recipes fail with, beside the errors of the client and of contexts.
var (
	// ErrNotHeld says that what was asked needs something to be held that is not
	// held, or not any more.
	ErrNotHeld = errors.New("not held")
	// ErrSessionLost says that the session has ended, or has been away for so long
	// that it counts as lost, and with it everything that was held by it.
	ErrSessionLost = errors.New("the session is lost")
	// ErrSuspended says that the connection is lost: what was held may be held or not.
	ErrSuspended = errors.New("the connection is suspended")
	// ErrNodeDeleted says that somebody else has deleted the node that stood for
	// what was held.
	ErrNodeDeleted = errors.New("the node was deleted")
	// ErrCancelled is what a pending call returns that Cancel has ended.
	ErrCancelled = errors.New("cancelled")
	// ErrUpgrade says that a read lock cannot become a write lock: whoever tried
	// would wait for himself, or two for each other.
	ErrUpgrade = errors.New("a read lock cannot become a write lock")
	// ErrLimit says that the participants of a semaphore have different limits.
	ErrLimit = errors.New("another limit")
	// ErrNoOwner says that a context names no owner; see WithOwner.
	ErrNoOwner = errors.New("the context has no owner")
	// ErrOutcomeUnknown says that the connection was lost during a change that can
	// not be looked up: it may have been made or not.
	ErrOutcomeUnknown = errors.New("the outcome is unknown")
	// ErrContention says that others were faster each time, until the policy had enough.
	ErrContention = errors.New("others were faster")
	// ErrMaybeConsumed says that an item is not in the queue any more, and that
	// nobody can tell whether it was taken by the caller or by somebody else. It is
	// an ErrOutcomeUnknown.
	ErrMaybeConsumed = fmt.Errorf("the item may have been taken by somebody else: %w", ErrOutcomeUnknown)
	// ErrCorrupt says that the data of a node is not what the recipe writes.
	ErrCorrupt = errors.New("the data is corrupt")
)

// and is two errors in one line.
func and(first, second error) error {
	if first == nil || second == nil {
		return cmp.Or(first, second)
	}
	return fmt.Errorf("%w; %w", first, second)
}

// Class says what an error of a client means for whoever might try again.
type Class int

// The classes of errors.
const (
	Done      Class = iota // no error
	Ambiguous              // the request may have been executed or not
	Rejected               // the server has not executed it, and may do so if it is asked again
	Expired                // the session is gone; the next try is made by another one
	Closed                 // the client is closed: no try will succeed
	Logical                // the tree is not as the request expects: NoNode, NodeExists, BadVersion, ...
	Terminal               // no try will succeed as long as nobody changes the request or the rights
)

// Classify finds the class of an error.
func Classify(err error) Class {
	switch {
	case err == nil:
		return Done
	case errors.Is(err, zkapi.ErrClosed):
		return Closed
	case errors.Is(err, ErrSessionLost):
		return Expired
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Ambiguous
	}
	switch zkapi.CodeOf(err) {
	case zkapi.ErrConnectionLoss, zkapi.ErrOperationTimeout, zkapi.ErrRequestTimeout:
		return Ambiguous
	case zkapi.ErrSessionMoved, zkapi.ErrThrottledOp, zkapi.ErrNotReadOnly:
		return Rejected
	case zkapi.ErrSessionExpired:
		return Expired
	case zkapi.ErrNoNode, zkapi.ErrNodeExists, zkapi.ErrBadVersion, zkapi.ErrNotEmpty, zkapi.ErrNoChildrenForEphemerals:
		return Logical
	}
	return Terminal
}

// retryable tells whether the same session may try again.
func retryable(err error) bool {
	class := Classify(err)
	return class == Ambiguous || class == Rejected
}
