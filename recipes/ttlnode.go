package recipes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// TTLNode keeps a node in place from Start to Close that outlives its session,
// but not its owner: Curator's PersistentTtlNode, on the same nodes. The owner
// touches a child of the node again and again; when he does not any more the
// server deletes the child, and then the node, each after its time to live. Servers
// need their extended types enabled for that.
type TTLNode struct {
	c    zkapi.Client
	path string
	ttl  time.Duration
	o    *Options

	shift shift
	mu    sync.Mutex
	data  []byte
	wake  chan struct{} // closed when there is other data to be set, and made anew
	made  chan struct{} // closed when the node and the child were there the first time
	err   error         // why it has ended
}

// touched is the name of the child.
const touched = "touch"

// touches are how often the child is touched in a time to live.
const touches = 2

// NewTTLNode makes a keeper of a node with data, and a time to live from one
// millisecond to zkapi.MaxTTL.
func NewTTLNode(c zkapi.Client, path string, ttl time.Duration, data []byte, opts ...func(*Options)) *TTLNode {
	return &TTLNode{c: c, path: path, ttl: ttl, data: content(bytes.Clone(data)), o: newOptions(opts),
		wake: make(chan struct{}), made: make(chan struct{})}
}

func (n *TTLNode) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("node %s: %w", n.path, err)
}

// Start begins to keep the node. It can be called once.
func (n *TTLNode) Start() error {
	if err := zkapi.ValidatePath(zkapi.Join(n.path, touched)); err != nil {
		return n.fail(err)
	}
	if n.ttl < time.Millisecond || n.ttl > zkapi.MaxTTL {
		return n.fail(fmt.Errorf("a time to live of %v: %w", n.ttl, zkapi.ErrBadArguments))
	}
	return n.fail(n.shift.start(n.run))
}

func (n *TTLNode) run(ctx context.Context) {
	for first := true; ; {
		n.mu.Lock()
		data, wake := n.data, n.wake
		n.mu.Unlock()
		err := inSession(ctx, n.c, func(s *session) error { return n.touch(ctx, s, data) })
		switch class := Classify(err); {
		case ctx.Err() != nil:
			n.finish(ErrCancelled)
			return
		case class == Closed || class == Terminal:
			n.finish(err)
			return
		case class == Logical: // somebody has deleted it meanwhile
			_ = sleep(ctx, patience.Delay)
			continue
		}
		if first {
			first = false
			close(n.made)
		}
		timer := time.NewTimer(n.ttl / touches)
		select {
		case <-timer.C:
		case <-wake:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// touch makes the nodes, or sets their data, which is what counts as touching.
func (n *TTLNode) touch(ctx context.Context, s *session, data []byte) error {
	if err := n.put(ctx, s, n.path, data, func(now []byte) bool { return bytes.Equal(now, data) }); err != nil {
		return err
	}
	return n.put(ctx, s, zkapi.Join(n.path, touched), nil, func([]byte) bool { return false })
}

// put makes a node, or sets its data if it is not fine as it is.
func (n *TTLNode) put(ctx context.Context, s *session, path string, data []byte, fine func(now []byte) bool) error {
	for {
		var now []byte
		err := s.do(ctx, func() (err error) {
			now, _, err = n.c.Get(ctx, path)
			return err
		})
		switch {
		case err == nil && !fine(now):
			err = s.do(ctx, func() error { _, err := n.c.Set(ctx, path, data, zkapi.AnyVersion); return err })
		case errors.Is(err, zkapi.ErrNoNode):
			err = s.do(ctx, func() error {
				_, _, err := n.c.CreateTTL(ctx, path, data, n.o.ACL, zkapi.PersistentTTL, n.ttl)
				return err
			})
			if errors.Is(err, zkapi.ErrNoNode) && path == n.path && zkapi.Parent(path) != "/" {
				if err := n.o.ensure(ctx, s, zkapi.Parent(path)); err != nil {
					return err
				}
				continue
			}
		}
		if errors.Is(err, zkapi.ErrNodeExists) {
			return nil
		}
		return err
	}
}

func (n *TTLNode) finish(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err = err
}

// WaitCreated waits until the node is there. It fails with ErrCancelled once it
// is closed, with zkapi.ErrUnimplemented or another Code if the server has no such
// nodes, with zkapi.ErrClosed once the client is closed.
func (n *TTLNode) WaitCreated(ctx context.Context) error {
	select {
	case <-n.made:
		return nil
	case <-n.shift.over():
		return n.fail(n.Err())
	case <-ctx.Done():
		return n.fail(context.Cause(ctx))
	}
}

// Err says why the node is not kept any more; it is nil until then.
func (n *TTLNode) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

// SetData replaces the data, which the node gets as soon as there is a connection.
func (n *TTLNode) SetData(data []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.data = content(bytes.Clone(data))
	close(n.wake)
	n.wake = make(chan struct{})
}

// Data is what the node has, or is to have when there is a connection.
func (n *TTLNode) Data() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return bytes.Clone(n.data)
}

// Close stops. The node stays until its time is over.
func (n *TTLNode) Close() {
	n.shift.end(func() { n.finish(ErrCancelled) })
	<-n.shift.over()
}
