package zkapi

import (
	"context"
	"errors"
	"iter"
	"slices"
)

// Node is what Walk tells about a node.
type Node struct {
	Path string
	Stat Stat
}

// Walk visits a node and everything below it: parents before their children,
// siblings in the order of their names. It lists the children of a node when it
// comes to it, so it may be stopped early, but is not a picture of one moment:
// nodes that vanish before their turn are left out, and of those that are made
// meanwhile some are seen and some are not.
//
// A failure comes as an error beside the path that could not be listed.
// Whoever goes on after ErrNoAuth gets the rest of the tree; any other error is
// the last thing that Walk yields. It is an error if path itself does not exist.
func Walk(ctx context.Context, c Client, path string) iter.Seq2[Node, error] {
	return func(yield func(Node, error) bool) {
		if err := ValidatePath(path); err != nil {
			yield(Node{Path: path}, &OpError{OpGetChildren2.String(), path, err})
			return
		}
		walk := descent{path: []byte(path)}
		for first := true; ; first = false {
			at := string(walk.path)
			names, stat, err := c.Children(ctx, at)
			switch {
			case errors.Is(err, ErrNoNode) && !first:
			case err != nil:
				if !yield(Node{Path: at}, err) || !errors.Is(err, ErrNoAuth) {
					return
				}
			case !yield(Node{at, stat}, nil):
				return
			}
			slices.Sort(names)
			walk.push(names)
			if !walk.next() {
				return
			}
		}
	}
}

// descent is a place in a tree that is gone through depth first. It keeps one
// path and the names that are still to do on each level, so a deep tree costs
// what its longest path does, and no recursion.
type descent struct {
	path   []byte
	levels []level
}

type level struct {
	length int      // of the path of the node whose children these are
	names  []string // still to do, in order
}

// push goes to the children of the node at path.
func (d *descent) push(names []string) {
	d.levels = append(d.levels, level{len(d.path), names})
}

// next moves path to the next node in order; false if there is none.
func (d *descent) next() bool {
	for len(d.levels) > 0 {
		top := &d.levels[len(d.levels)-1]
		d.path = d.path[:top.length]
		if len(top.names) > 0 {
			d.enter(top.names[0])
			top.names = top.names[1:]
			return true
		}
		d.levels = d.levels[:len(d.levels)-1]
	}
	return false
}

// enter appends a name to the path.
func (d *descent) enter(name string) {
	if len(d.path) > 1 { // all but "/"
		d.path = append(d.path, '/')
	}
	d.path = append(d.path, name...)
}
