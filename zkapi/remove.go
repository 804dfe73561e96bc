package zkapi

import (
	"context"
	"errors"
)

// One multi of DeleteRecursive has at most so many deletes and bytes of paths,
// to stay well below the server's limit of a frame and not to hold it up.
const (
	maxDeletes   = 256
	maxPathBytes = 128 << 10
)

// DeleteRecursive deletes a node and everything below it, the deepest nodes
// first. It is no error if there is no such node. Of "/" only what is below is
// deleted, but for /zookeeper; it refuses /zookeeper, /zookeeper/config and
// /zookeeper/quota themselves with ErrBadArguments.
//
// Others may make and delete nodes in the tree meanwhile: what they make is
// deleted, too, for as long as it takes; bound that with the context. After an
// error some of the tree is gone, and calling again goes on with the rest.
func DeleteRecursive(ctx context.Context, c Client, path string) error {
	switch path {
	case "/zookeeper", "/zookeeper/config", "/zookeeper/quota":
		return &OpError{OpDelete.String(), path, ErrBadArguments}
	}
	if err := ValidatePath(path); err != nil {
		return &OpError{OpDelete.String(), path, err}
	}
	r := remover{ctx: ctx, c: c, at: descent{path: []byte(path)}}
	if err := r.list(); err != nil {
		return err
	}
	for len(r.at.levels) > 0 {
		if err := r.step(); err != nil {
			return err
		}
	}
	return nil
}

// remover deletes children without looking whether they have children of their
// own, many in one multi: the server tells. How many it dares at once is learnt
// for each depth, since trees look much alike at one depth: more after every
// success, less after every failure, and at 0 it looks first.
type remover struct {
	ctx   context.Context
	c     Client
	at    descent
	batch []int // by depth
}

// list goes to the children of the node at at.path.
func (r *remover) list() error {
	names, _, err := r.c.Children(r.ctx, string(r.at.path))
	switch {
	case errors.Is(err, ErrNoNode):
		return nil
	case errors.Is(err, ErrNoAuth): // it can be deleted all the same, if it is empty
	case err != nil:
		return err
	}
	r.at.push(r.spare(names))
	depth := len(r.at.levels) - 1
	if depth == len(r.batch) { // begin with what the level above has learnt
		r.batch = append(r.batch, append(r.batch, 1)[max(0, depth-1)])
	}
	if len(names) == 0 && depth > 0 {
		r.batch[depth-1] = max(1, r.batch[depth-1]) // a leaf: there may be more of them
	}
	return nil
}

// spare leaves the server's own nodes out.
func (r *remover) spare(names []string) []string {
	if string(r.at.path) != "/" {
		return names
	}
	kept := names[:0]
	for _, name := range names {
		if name != "zookeeper" {
			kept = append(kept, name)
		}
	}
	return kept
}

// step does one thing at the deepest level: it deletes some of the names, goes
// down into one of them, or deletes the node whose names are all gone.
func (r *remover) step() error {
	depth := len(r.at.levels) - 1
	top := &r.at.levels[depth]
	r.at.path = r.at.path[:top.length]
	if len(top.names) > 0 && r.batch[depth] == 0 {
		return r.enter(top, len(top.names)-1)
	}
	ops, names := r.deletes(top, r.batch[depth])
	if len(ops) == 0 { // "/" stays
		r.at.levels = r.at.levels[:depth]
		return nil
	}
	failed, err := r.delete(ops)
	switch {
	case err == nil:
		top.names = top.names[:len(top.names)-names]
		if names > 0 {
			r.batch[depth] = min(2*r.batch[depth], maxDeletes)
		}
		if len(ops) > names {
			r.at.levels = r.at.levels[:depth]
		}
		return nil
	case failed < 0:
		return err
	case failed == names:
		return r.again(top, err)
	case errors.Is(err, ErrNoNode): // somebody was faster
		r.batch[depth] = max(1, r.batch[depth]/2)
		top.drop(len(top.names) - 1 - failed)
		return nil
	case errors.Is(err, ErrNotEmpty):
		r.batch[depth] /= 2
		return r.enter(top, len(top.names)-1-failed)
	}
	return err
}

// deletes takes up to n names off the end of a level's list, and the node
// itself when that is all of them.
func (r *remover) deletes(top *level, n int) (ops []Op, names int) {
	bytes := 0
	for names < min(n, len(top.names)) && (bytes < maxPathBytes || names == 0) {
		r.at.enter(top.names[len(top.names)-1-names])
		ops = append(ops, DeleteOp(string(r.at.path), AnyVersion))
		bytes += len(r.at.path)
		r.at.path = r.at.path[:top.length]
		names++
	}
	if path := string(r.at.path); names == len(top.names) && path != "/" {
		ops = append(ops, DeleteOp(path, AnyVersion))
	}
	return ops, names
}

// delete does the deletes, or says which of them failed.
func (r *remover) delete(ops []Op) (failed int, err error) {
	if len(ops) == 1 {
		return 0, r.c.Delete(r.ctx, ops[0].Path, ops[0].Version)
	}
	results, err := r.c.Multi(r.ctx, ops...)
	if err == nil {
		return 0, nil
	}
	for i, result := range results {
		if result.Err != nil && !errors.Is(result.Err, ErrRuntimeInconsistency) {
			return i, err
		}
	}
	return -1, err
}

// enter goes down into one of the names.
func (r *remover) enter(top *level, i int) error {
	r.at.enter(top.names[i])
	top.drop(i)
	return r.list()
}

// again deals with a node that could not be deleted when its children were.
func (r *remover) again(top *level, err error) error {
	path := string(r.at.path)
	switch {
	case errors.Is(err, ErrNoNode):
		r.at.levels = r.at.levels[:len(r.at.levels)-1]
		return nil
	case !errors.Is(err, ErrNotEmpty):
		return err
	}
	// The server we read from may not have seen yet what the leader knows.
	if err := r.c.Sync(r.ctx, path); err != nil {
		return err
	}
	names, _, err := r.c.Children(r.ctx, path)
	if err != nil && !errors.Is(err, ErrNoNode) {
		return err
	}
	top.names = names
	return nil
}

// drop takes a name out of the list, whose order does not matter.
func (l *level) drop(i int) {
	last := len(l.names) - 1
	l.names[i] = l.names[last]
	l.names = l.names[:last]
}
