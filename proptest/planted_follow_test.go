package proptest_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"

	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// follower is what follows nodes; it ends with the first error.
type follower struct {
	c   zkapi.Client
	bug string
}

// data looks at a node, and watches for its next change.
func (f follower) data(ctx context.Context, path string) (n watchers.Node, changed <-chan zkapi.Event, err error) {
	n = watchers.Node{Path: path, Exists: true}
	for {
		n.Data, n.Stat, changed, err = f.c.GetW(ctx, path)
		if err == nil && f.bug == "the watch is set after the look" {
			_, _, changed, err = f.c.GetW(ctx, path)
		}
		if !errors.Is(err, zkapi.ErrNoNode) {
			return n, changed, err
		}
		_, there, changed, err := f.c.ExistsW(ctx, path)
		if err != nil || !there {
			return watchers.Node{Path: path}, changed, err
		}
	}
}

func (f follower) follow(ctx context.Context, path string, saw func(watchers.Node)) error {
	for last := (*watchers.Node)(nil); ; {
		n, changed, err := f.data(ctx, path)
		if err != nil {
			return err
		}
		if last == nil || !f.same(last, &n) {
			saw(n)
		}
		last = &n
		if err := await(ctx, changed); err != nil {
			if f.bug != "after a lost session everything is told again" || ctx.Err() != nil {
				return err
			}
			last = nil
			f.settle(ctx)
		}
	}
}

// settle waits for a connection.
func (f follower) settle(ctx context.Context) {
	for f.c.State() != zkapi.StateConnected && ctx.Err() == nil {
		_ = f.c.Sync(ctx, "/")
	}
}

func (f follower) same(a, b *watchers.Node) bool {
	if f.bug == "a node that was made again is the same" {
		return a.Exists == b.Exists && a.Stat.Version == b.Stat.Version
	}
	return a.Exists == b.Exists && a.Stat.Czxid == b.Stat.Czxid && a.Stat.Mzxid == b.Stat.Mzxid
}

// list looks at the children of a node.
func (f follower) list(ctx context.Context, path string) (l watchers.Listing, changed <-chan zkapi.Event, err error) {
	l = watchers.Listing{Path: path, Exists: true}
	for {
		l.Names, l.Stat, changed, err = f.c.ChildrenW(ctx, path)
		if err == nil && f.bug == "the watch is set after the look" {
			_, _, changed, err = f.c.ChildrenW(ctx, path)
		}
		slices.Sort(l.Names)
		if !errors.Is(err, zkapi.ErrNoNode) {
			return l, changed, err
		}
		_, there, changed, err := f.c.ExistsW(ctx, path)
		if err != nil || !there {
			return watchers.Listing{Path: path}, changed, err
		}
	}
}

func (f follower) followChildren(ctx context.Context, path string, saw func(watchers.Listing)) error {
	for last := (*watchers.Listing)(nil); ; {
		l, changed, err := f.list(ctx, path)
		if err != nil {
			return err
		}
		equal := last != nil && slices.Equal(last.Names, l.Names)
		if f.bug == "only the number of children is compared" {
			equal = last != nil && len(last.Names) == len(l.Names)
		}
		if !equal || last.Exists != l.Exists || last.Stat.Czxid != l.Stat.Czxid {
			saw(l)
		}
		last = &l
		if err := await(ctx, changed); err != nil {
			return err
		}
	}
}

// copyOf keeps a node and its children, all read again after each event.
func (f follower) copyOf(ctx context.Context, root string, saw func(iter.Seq[watchers.Node])) error {
	nodes := map[string]watchers.Node{}
	for {
		changed, err := f.readAll(ctx, root, nodes)
		if err != nil {
			return err
		}
		saw(maps.Values(nodes))
		if err := f.any(ctx, changed); err != nil {
			return err
		}
	}
}

func (f follower) readAll(ctx context.Context, root string, nodes map[string]watchers.Node) (watches []<-chan zkapi.Event, err error) {
	n, changed, err := f.data(ctx, root)
	if err != nil {
		return nil, err
	}
	watches = append(watches, changed)
	if f.bug != "what was deleted stays" {
		clear(nodes)
	}
	if !n.Exists {
		return watches, nil
	}
	nodes[root] = n
	names, _, changed, err := f.c.ChildrenW(ctx, root)
	if errors.Is(err, zkapi.ErrNoNode) {
		return f.readAll(ctx, root, nodes)
	}
	if err != nil {
		return nil, err
	}
	watches = append(watches, changed)
	for _, name := range names {
		path := zkapi.Join(root, name)
		n := watchers.Node{Path: path, Exists: true}
		n.Data, n.Stat, changed, err = f.c.GetW(ctx, path)
		switch {
		case errors.Is(err, zkapi.ErrNoNode) && f.bug != "a name is enough":
			continue
		case errors.Is(err, zkapi.ErrNoNode):
			err = nil
		case f.bug != "only the list is watched":
			watches = append(watches, changed)
		}
		if err != nil {
			return nil, err
		}
		nodes[path] = n
	}
	return watches, nil
}

// any waits for the first of several events.
func (f follower) any(ctx context.Context, watches []<-chan zkapi.Event) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	first := make(chan error, len(watches))
	for _, w := range watches {
		go func() { first <- await(ctx, w) }()
	}
	return <-first
}
