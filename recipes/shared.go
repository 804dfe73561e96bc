package recipes

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

// Shared is a value in a node of which every client has a copy that keeps itself
// up to date: Curator's SharedValue, and with the codec Int32 its SharedCount. It
// has a goroutine from Start to Close.
type Shared[V any] struct {
	x     *cell
	codec Codec[V]
	seed  V

	shift   shift
	mu      sync.Mutex
	now     Versioned[V]
	seen    int64 // the mzxid of the latest change that is known
	err     error
	changes audience[Versioned[V]]
}

// Versioned is a value as it was in one version of the node.
type Versioned[V any] struct {
	Value  V
	Exists bool       // the node does; if it does not the value is the last one
	Stat   zkapi.Stat // the node's
	Err    error      // ErrCorrupt: the node has something else than a value
}

// NewShared makes a copy of the value of a node, which is made with the seed by
// Start if it is missing.
func NewShared[V any](c zkapi.Client, path string, codec Codec[V], seed V, opts ...func(*CellOptions)) *Shared[V] {
	return &Shared[V]{x: newCell(c, path, opts), codec: codec, seed: seed}
}

func (s *Shared[V]) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("shared value %s: %w", s.x.path, err)
}

// Start makes the node if it is missing, reads it, and follows it from then on. If it
// fails it may be called again, otherwise once.
func (s *Shared[V]) Start(ctx context.Context) error {
	data, err := s.codec.Encode(s.seed)
	if err != nil {
		return s.fail(err)
	}
	err = inSession(ctx, s.x.c, func(x *session) error { return s.x.plain().ensureNode(ctx, x, s.x.path, data) })
	if err == nil {
		err = s.refresh(ctx)
	}
	if err == nil {
		err = s.shift.start(s.follow)
	}
	return s.fail(err)
}

func (s *Shared[V]) follow(ctx context.Context) {
	for node, err := range watchers.Data(ctx, s.x.c, s.x.path) {
		if err != nil {
			s.finish(err)
			return
		}
		s.take(node.Data, node.Stat, node.Exists)
	}
}

// take notes what the node is, unless something later is known.
func (s *Shared[V]) take(data []byte, stat zkapi.Stat, there bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := Versioned[V]{Value: s.now.Value, Exists: there, Stat: stat}
	switch {
	case there && stat.Mzxid <= s.seen, !there && !s.now.Exists:
		return
	case there:
		s.seen = stat.Mzxid
		v, err := s.codec.decode(data)
		if now.Err = err; err == nil {
			now.Value = v
		}
	}
	s.now = now
	s.changes.tell(now)
}

func (s *Shared[V]) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	s.changes.end()
}

// refresh reads the node. That it is gone is for follow to tell, which knows the order.
func (s *Shared[V]) refresh(ctx context.Context) error {
	data, stat, there, err := s.x.read(ctx)
	if err == nil && there {
		s.take(data, stat, true)
	}
	return err
}

// Close ends the copy. The node stays.
func (s *Shared[V]) Close() {
	s.shift.end(func() { s.finish(ErrCancelled) })
	<-s.shift.over()
}

// Value is the value as far as it is known here.
func (s *Shared[V]) Value() V { return s.Versioned().Value }

// Versioned is the value as far as it is known here, with its version.
func (s *Shared[V]) Versioned() Versioned[V] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Set replaces the value, whatever it is by then. If its reply is lost it is
// repeated only as long as nobody else has made a change.
func (s *Shared[V]) Set(ctx context.Context, v V) error {
	data, err := s.codec.Encode(v)
	if err != nil {
		return s.fail(err)
	}
	for {
		_, stat, there, err := s.x.read(ctx)
		if err == nil && !there {
			err = zkapi.ErrNoNode
		}
		if err == nil {
			stat, err = s.x.set(ctx, data, stat.Version)
		}
		switch {
		case errors.Is(err, zkapi.ErrBadVersion):
			continue
		case err == nil && stat.Mzxid != 0:
			s.take(data, stat, true)
			return nil
		case err == nil, errors.Is(err, ErrOutcomeUnknown) && ctx.Err() == nil && Classify(err) != Closed:
			// Another change has come after ours, or instead of it: nobody can tell which.
			return s.fail(s.refresh(ctx))
		}
		return s.fail(err)
	}
}

// TrySet replaces the value if it is still the one that was seen, which is known
// by its version. It is false, and the copy is up to date again, if it is not.
func (s *Shared[V]) TrySet(ctx context.Context, seen Versioned[V], v V) (bool, error) {
	data, err := s.codec.Encode(v)
	if err != nil {
		return false, s.fail(err)
	}
	if now := s.Versioned(); !seen.Exists || now.Stat.Mzxid != seen.Stat.Mzxid {
		return false, nil
	}
	stat, err := s.x.set(ctx, data, seen.Stat.Version)
	switch {
	case err == nil && stat.Mzxid != 0:
		s.take(data, stat, true)
		return true, nil
	case err == nil:
		return true, s.fail(s.refresh(ctx))
	case errors.Is(err, zkapi.ErrBadVersion), errors.Is(err, zkapi.ErrNoNode):
		return false, s.fail(s.refresh(ctx))
	}
	return false, s.fail(err)
}

// Changes tells what the value is now, and each time when it has changed, in the
// order of the changes. The stream ends with Close, with the client, or when it is closed.
func (s *Shared[V]) Changes() *zkapi.Stream[Versioned[V]] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.Stat.Czxid != 0 {
		return s.changes.join(&s.mu, s.now)
	}
	return s.changes.join(&s.mu)
}
