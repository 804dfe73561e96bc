package watchers

import (
	"context"
	"errors"
	"iter"

	"github.com/zksim/zksim/zkapi"
)

// Node is what a node is at one moment.
type Node struct {
	Path   string
	Exists bool
	Data   []byte     // nil if there is no node, or none of its data
	Stat   zkapi.Stat // zero if there is no node
}

// same tells whether there is nothing to tell between two states of a node.
func (n *Node) same(m *Node) bool {
	return n.Exists == m.Exists && n.Stat.Czxid == m.Stat.Czxid && n.Stat.Mzxid == m.Stat.Mzxid
}

// Data yields what a node is, now and after every change of its data, its
// creation and its deletion; a node that does not exist is yielded as such, and
// waited for.
//
//	for node, err := range watchers.Data(ctx, c, "/config") {
//		if err != nil {
//			return err
//		}
//		use(node.Exists, node.Data)
//	}
//
// The loop gets the latest state: changes that happen while its body runs are
// yielded once, as what they have led to. The states of a node come in the order of
// their zxids, none twice in a row, and the last one is never missed, whatever
// happens to connections and sessions. A node that was deleted and made again is
// news even if it looks the same.
//
// At the end the loop gets an error: that of the context, zkapi.ErrClosed or
// zkapi.ErrAuthFailed if the client is finished, zkapi.ErrNoAuth if the node may not
// be read, a *zkapi.PathError for a malformed path. Lost connections and sessions
// are waited out. However the loop ends, no watch and no goroutine is left.
func Data(ctx context.Context, c zkapi.Client, path string, opts ...func(*Config)) iter.Seq2[Node, error] {
	return data(ctx, c, path, opts, false)
}

// ExistingData is Data for a node that is there: it ends with zkapi.ErrNoNode as
// soon as it is not. It never watches for a creation.
func ExistingData(ctx context.Context, c zkapi.Client, path string, opts ...func(*Config)) iter.Seq2[Node, error] {
	return data(ctx, c, path, opts, true)
}

func data(ctx context.Context, c zkapi.Client, path string, opts []func(*Config), existing bool) iter.Seq2[Node, error] {
	return func(yield func(Node, error) bool) {
		f := newFollower(c, path, opts, func(ctx context.Context) (sight[Node], error) {
			return lookAtData(ctx, c, path, existing)
		})
		var last *Node
		follow(ctx, f, func(n Node) bool {
			news := last == nil || !last.same(&n)
			last = &n
			return news
		}, yield)
	}
}

func lookAtData(ctx context.Context, c zkapi.Client, path string, existing bool) (sight[Node], error) {
	for {
		s, err := armed(ctx, func(ctx context.Context) (s sight[Node], err error) {
			n := &s.value
			n.Data, n.Stat, s.changed, err = c.GetW(ctx, path)
			n.Path, n.Exists, s.exists, s.zxid = path, true, true, n.Stat.Mzxid
			return s, err
		})
		if !errors.Is(err, zkapi.ErrNoNode) || existing {
			return s, err
		}
		changed, unwatch, ok, err := missing(ctx, c, path)
		if err != nil || ok {
			return sight[Node]{value: Node{Path: path}, changed: changed, unwatch: unwatch}, err
		}
	}
}
