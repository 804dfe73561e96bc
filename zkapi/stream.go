package zkapi

import (
	"context"
	"iter"
	"sync"
)

// Stream is an unbounded queue of values: nothing is dropped, nothing is
// reordered, and whoever sends never waits. The zero value is not usable.
type Stream[T any] struct {
	mu      sync.Mutex
	items   []T
	ready   chan struct{} // holds a token while there is something to see
	ended   bool
	onClose func()
	mapping func(T) T // on the way out; nil for none
}

// NewStream makes a stream. onClose, if not nil, runs once, when the receiver closes it.
func NewStream[T any](onClose func()) *Stream[T] {
	return &Stream[T]{ready: make(chan struct{}, 1), onClose: onClose}
}

// Send adds a value; after End or Close it does nothing.
func (s *Stream[T]) Send(v T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.items = append(s.items, v)
		s.wake()
	}
}

// End says that no more values come. Those already sent can still be received.
func (s *Stream[T]) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.wake()
}

func (s *Stream[T]) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// calm takes the token back of what was received by somebody who has not waited for it.
func (s *Stream[T]) calm() {
	select {
	case <-s.ready:
	default:
	}
}

// Ready is readable while TryNext has news, until somebody reads from it; for use in a select.
func (s *Stream[T]) Ready() <-chan struct{} { return s.ready }

// Len is the number of values that wait to be received.
func (s *Stream[T]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.items)
}

// TryNext returns the next value if there is one now. open is false when none will ever come.
func (s *Stream[T]) TryNext() (v T, ok, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.items) == 0 {
		if s.ended {
			s.wake() // whoever else waits must learn it, too
		}
		return v, false, !s.ended
	}
	if v = s.items[0]; s.mapping != nil {
		v = s.mapping(v)
	}
	var zero T
	s.items[0] = zero
	if s.items = s.items[1:]; len(s.items) == 0 {
		s.items = nil
	}
	if len(s.items) > 0 || s.ended {
		s.wake()
	} else {
		s.calm()
	}
	return v, true, true
}

// Next waits for the next value. It fails with ErrClosed at the end of the
// stream and with the context's error.
func (s *Stream[T]) Next(ctx context.Context) (T, error) {
	for {
		v, ok, open := s.TryNext()
		if ok {
			return v, nil
		}
		if !open {
			return v, ErrClosed
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}

// mapItems lets every value that is received from now on go through f, after
// the mappings there are. The receiver's side translates, so that it takes
// neither a goroutine nor the sender's help.
func (s *Stream[T]) mapItems(f func(T) T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.mapping; before != nil {
		s.mapping = func(v T) T { return f(before(v)) }
	} else {
		s.mapping = f
	}
}

// All ranges over the values until the stream or the context ends.
func (s *Stream[T]) All(ctx context.Context) iter.Seq[T] {
	return func(yield func(T) bool) {
		for {
			v, err := s.Next(ctx)
			if err != nil || !yield(v) {
				return
			}
		}
	}
}

// Close ends the stream from the receiver's side and drops what is left in it.
func (s *Stream[T]) Close() {
	s.mu.Lock()
	onClose := s.onClose
	s.onClose, s.items, s.ended = nil, nil, true
	s.wake()
	s.mu.Unlock()
	if onClose != nil {
		onClose()
	}
}
