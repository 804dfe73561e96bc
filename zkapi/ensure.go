package zkapi

import (
	"context"
	"errors"
	"slices"
)

// EnsurePath makes the node and every ancestor that is missing, without data
// and with the given ACL; nil means OpenACL. What is there already stays as it
// is. "/" itself is taken to exist: Chroot's prefix cannot be made from within.
//
// Others may make and delete the same nodes at the same time; when EnsurePath
// returns nil, the client's server had the node at some moment since the call.
// An ancestor that the caller may not see or extend does no harm as long as it
// exists.
func EnsurePath(ctx context.Context, c Client, path string, acl []ACL) error {
	return ensure(ctx, c, path, acl, Persistent)
}

// EnsureContainers is EnsurePath with container nodes, which the server removes
// some time after their last child. Where the server does not know containers
// the nodes are persistent.
func EnsureContainers(ctx context.Context, c Client, path string, acl []ACL) error {
	return ensure(ctx, c, path, acl, Container)
}

// ensure works its way up from the leaf, because the ancestors may be closed to
// the caller, and down again. When an ancestor vanishes meanwhile it starts over.
func ensure(ctx context.Context, c Client, path string, acl []ACL, mode CreateMode) error {
	if err := ValidatePath(path); err != nil {
		return &OpError{OpCreate.String(), path, err}
	}
	for {
		missing, err := missingPart(ctx, c, path)
		if err != nil || len(missing) == 0 {
			return err
		}
		failed, err := createDown(ctx, c, missing, acl, mode)
		if !errors.Is(err, ErrNoNode) || Parent(failed) == "/" {
			return err
		}
		// The server we read from may lag behind what the leader told us.
		if err := c.Sync(ctx, path); err != nil {
			return err
		}
	}
}

// missingPart lists the path and its ancestors, the path first, up to the
// first that exists.
func missingPart(ctx context.Context, c Client, path string) (missing []string, err error) {
	for ; path != "/"; path = Parent(path) {
		_, ok, err := c.Exists(ctx, path)
		if ok || errors.Is(err, ErrNoAuth) { // there is no NoAuth for what is not there
			return missing, nil
		}
		if err != nil {
			return nil, err
		}
		missing = append(missing, path)
	}
	return missing, nil
}

// createDown makes the nodes, the last of the list first, and says at which one it failed.
func createDown(ctx context.Context, c Client, missing []string, acl []ACL, mode CreateMode) (failed string, err error) {
	var denied error
	for _, path := range slices.Backward(missing) {
		_, err := c.Create(ctx, path, nil, acl, mode)
		if mode == Container && errors.Is(err, ErrUnimplemented) {
			mode = Persistent
			_, err = c.Create(ctx, path, nil, acl, mode)
		}
		switch {
		case err == nil || errors.Is(err, ErrNodeExists):
			denied = nil
		case errors.Is(err, ErrNoAuth):
			denied, failed = err, path // whether the node is there comes out one level down
		case errors.Is(err, ErrNoNode) && denied != nil:
			return failed, denied
		default:
			return path, err
		}
	}
	if denied != nil { // for the path itself
		if _, ok, err := c.Exists(ctx, missing[0]); ok || errors.Is(err, ErrNoAuth) {
			denied = nil
		}
	}
	return failed, denied
}

// CreateRecursive is Client.Create that makes the missing ancestors first, as
// EnsurePath does with the same ACL. For other ancestors call EnsurePath before;
// CreateRecursive keeps them in place if they vanish, as containers do.
//
// The node itself is created once: NodeExists and lost connections are reported
// as by Client.Create.
func CreateRecursive(ctx context.Context, c Client, path string, data []byte, acl []ACL, mode CreateMode) (string, error) {
	parent := Parent(path)
	for lost := false; ; lost = true {
		created, err := c.Create(ctx, path, data, acl, mode)
		if !errors.Is(err, ErrNoNode) || parent == "/" {
			return created, err
		}
		if lost { // the parent may have seemed to exist to a server that lags behind
			if err := c.Sync(ctx, parent); err != nil {
				return "", err
			}
		}
		if err := ensure(ctx, c, parent, acl, Persistent); err != nil {
			return "", err
		}
	}
}
