package watchers

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// ChangeKind says what a Change is about.
type ChangeKind int

// The kinds of changes.
const (
	Added      ChangeKind = iota // a node is there: Node
	Updated                      // its data has changed: Old, Node
	Removed                      // a node is not there any more: Old
	Connection                   // of the client: State
	InSync                       // everything there is has been told
)

var changeKindNames = [...]string{"Added", "Updated", "Removed", "Connection", "InSync"}

// String is the name of the kind: "Added".
func (k ChangeKind) String() string {
	if k < 0 || int(k) >= len(changeKindNames) {
		return "invalid"
	}
	return changeKindNames[k]
}

// Change is what a cache tells. Fields that the kind has no use for are zero.
type Change struct {
	Kind  ChangeKind
	Old   Node // what was told of this node before
	Node  Node
	State zkapi.State
}

// Changes yields how the cache comes to be what it is: first all that is in it
// as Added, then what changes.
//
//	for change, err := range cache.Changes(ctx) {
//		if err != nil {
//			return err
//		}
//		switch change.Kind {
//		case watchers.Added, watchers.Updated:
//			use(change.Node)
//		case watchers.Removed:
//			drop(change.Old)
//		}
//	}
//
// Who applies the changes in their order has what the cache has. Of each node the
// loop is told (Added Updated* Removed)*, in the order of its zxids, parents are
// Added before and Removed after their children, and a node that was deleted and made
// again is Removed and Added. When a change is yielded the cache has it already.
//
// A slow loop does not miss a node's latest state, but those in between: what has
// changed while its body ran comes together, first what the connection has been
// through, then what was removed, then the rest by zxid. A node that has come and gone
// meanwhile is not told of. So what waits for a loop is never more than there are
// nodes in the cache, and as many as it was told of.
//
// InSync comes when all nodes have been told that were found when the cache was
// made, and again after each reconnection when all has been told that changed without
// it. Connection tells of StateSuspended, StateLost, StateConnected and
// StateReadOnly; before them the cache was in sync with the server, or was not.
//
// The loop ends with an error: that of ctx, ErrCacheClosed, or why the cache
// itself has ended, as with Data. Each loop has its own place, and any number of
// them may run.
func (x *Cache) Changes(ctx context.Context) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		r := x.enter()
		defer x.leave(r)
		for {
			changes, err := x.take(r)
			for _, c := range changes {
				if e := ctx.Err(); e != nil {
					yield(Change{}, e)
					return
				}
				if !yield(c, nil) {
					return
				}
			}
			if err == nil && len(changes) == 0 {
				select {
				case <-r.wake:
				case <-ctx.Done():
					err = ctx.Err()
				}
			}
			if err != nil {
				yield(Change{}, err)
				return
			}
		}
	}
}

// reader is one loop over changes. What it has not seen yet is merged.
type reader struct {
	pending    map[string]change
	states     []zkapi.State
	told       zkapi.State // the last of the states
	toldSynced bool
	wake       chan struct{}
}

// change is what has become of a node since it was last told of; nil is that there is none.
type change struct{ old, now *Node }

func (r *reader) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (x *Cache) enter() *reader {
	r := &reader{pending: make(map[string]change), told: zkapi.StateConnected, wake: make(chan struct{}, 1)}
	x.mu.Lock()
	defer x.mu.Unlock()
	for path, e := range x.nodes {
		if x.visible(e) {
			r.pending[path] = change{nil, e.node}
		}
	}
	x.readers[r] = struct{}{}
	return r
}

func (x *Cache) leave(r *reader) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.readers, r)
}

// publish tells all readers what has become of a node. x.mu is held.
func (x *Cache) publish(path string, old, now *Node) {
	if len(x.readers) == 0 || !x.accepts(path) {
		return
	}
	for r := range x.readers {
		r.note(path, old, now)
	}
}

func (r *reader) note(path string, old, now *Node) {
	c, ok := r.pending[path]
	if !ok {
		c.old = old
	}
	if c.now = now; c.old == nil && now == nil {
		delete(r.pending, path)
		return
	}
	r.pending[path] = c
	r.wakeUp()
}

// noteState merges what was not seen: a connection that is lost again has not
// been there, and whether the next one is lost, too, does not matter after LOST.
func (r *reader) noteState(s zkapi.State) {
	if n := len(r.states); n > 0 && usable(r.states[n-1]) {
		r.states = r.states[:n-1]
	}
	last := r.told
	if n := len(r.states); n > 0 {
		last = r.states[n-1]
	}
	if s != last && (s != zkapi.StateSuspended || last != zkapi.StateLost) {
		r.states = append(r.states, s)
		r.wakeUp()
	}
}

// take takes what a reader has not seen. The error is for after that.
func (x *Cache) take(r *reader) ([]Change, error) {
	x.mu.Lock()
	pending, states, err := r.pending, r.states, x.err
	synced := x.synced && !r.toldSynced
	r.toldSynced = r.toldSynced || synced
	if n := len(states); n > 0 {
		r.told = states[n-1]
	}
	r.states, r.pending = nil, make(map[string]change)
	x.mu.Unlock()
	var all []Change
	for _, s := range states {
		all = append(all, Change{Kind: Connection, State: s})
	}
	all = append(all, inOrder(pending)...)
	if synced {
		all = append(all, Change{Kind: InSync})
	}
	return all, err
}

// inOrder makes changes of what is pending: removals from below to above, then the
// rest by zxid. A child is younger than its parent, or was made together with it.
func inOrder(pending map[string]change) []Change {
	removed, rest := make([]Change, 0), make([]Change, 0, len(pending))
	for _, c := range pending {
		switch {
		case c.now == nil:
			removed = append(removed, Change{Kind: Removed, Old: *c.old})
		case c.old == nil:
			rest = append(rest, Change{Kind: Added, Node: *c.now})
		case c.old.Stat.Czxid != c.now.Stat.Czxid:
			removed = append(removed, Change{Kind: Removed, Old: *c.old})
			rest = append(rest, Change{Kind: Added, Node: *c.now})
		case !c.old.same(c.now):
			rest = append(rest, Change{Kind: Updated, Old: *c.old, Node: *c.now})
		}
	}
	slices.SortFunc(removed, func(a, b Change) int { return strings.Compare(b.Old.Path, a.Old.Path) })
	slices.SortFunc(rest, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.zxid(), b.zxid()), strings.Compare(a.Node.Path, b.Node.Path))
	})
	return append(removed, rest...)
}

// zxid is when it has happened, as far as the order goes.
func (c *Change) zxid() int64 {
	if c.Kind == Added {
		return c.Node.Stat.Czxid
	}
	return c.Node.Stat.Mzxid
}
