package recipes

import (
	"context"
	"errors"
	"fmt"

	"github.com/zksim/zksim/zkapi"
)

// Barrier holds back all who wait at it while its node exists. It is kazoo's
// Barrier and Curator's DistributedBarrier, on the same node.
type Barrier struct {
	c    zkapi.Client
	path string
	o    *Options
}

// NewBarrier makes a barrier of a node. It costs nothing until it is used.
func NewBarrier(c zkapi.Client, path string, opts ...func(*Options)) *Barrier {
	return &Barrier{c: c, path: path, o: newOptions(opts)}
}

func (b *Barrier) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("barrier %s: %w", b.path, err)
}

// Create sets the barrier, if it is not set already.
func (b *Barrier) Create(ctx context.Context) error {
	return b.fail(inSession(ctx, b.c, func(s *session) error { return b.o.ensureNode(ctx, s, b.path, nil) }))
}

// Remove removes the barrier, and tells whether it was set at any moment of the call.
func (b *Barrier) Remove(ctx context.Context) (was bool, err error) {
	was, err = removeNode(ctx, b.c, b.path)
	return was, b.fail(err)
}

// removeNode deletes a node, and tells whether it was there at any moment of the call.
func removeNode(ctx context.Context, c zkapi.Client, path string) (was bool, err error) {
	err = inSession(ctx, c, func(s *session) error {
		there := false
		err := s.do(ctx, func() (err error) {
			_, there, err = c.Exists(ctx, path)
			return err
		})
		if was = was || there; err != nil || !was { // a removal of ours may have had no reply
			return err
		}
		err = s.do(ctx, func() error { return c.Delete(ctx, path, zkapi.AnyVersion) })
		if errors.Is(err, zkapi.ErrNoNode) {
			return nil
		}
		return err
	})
	return was, err
}

// Wait waits until the barrier is not set, which it was then at some moment of
// the call, or the context ends. Lost connections and sessions are waited out. If
// the barrier is removed and set again at once, whoever waits may not have seen it.
func (b *Barrier) Wait(ctx context.Context) error {
	return b.fail(inSession(ctx, b.c, func(s *session) error {
		if err := s.catchUp(ctx, b.path); err != nil {
			return err
		}
		for l := s.lookout(); ; {
			l.round()
			_, _, changed, err := l.data(ctx, b.path)
			if errors.Is(err, zkapi.ErrNoNode) {
				return nil
			}
			if err == nil {
				err = l.wait(ctx, changed, nil)
			}
			if err != nil {
				return err
			}
		}
	}))
}

// ensureNode makes a persistent node with its ancestors, unless it is there.
func (o *Options) ensureNode(ctx context.Context, s *session, path string, data []byte) error {
	for {
		err := s.do(ctx, func() error {
			_, err := s.c.Create(ctx, path, content(data), o.ACL, zkapi.Persistent)
			return err
		})
		switch {
		case errors.Is(err, zkapi.ErrNodeExists):
			return nil
		case errors.Is(err, zkapi.ErrNoNode) && zkapi.Parent(path) != "/":
			err = o.ensure(ctx, s, zkapi.Parent(path))
		default:
			return err
		}
		if err != nil {
			return err
		}
	}
}
