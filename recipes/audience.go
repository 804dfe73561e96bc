package recipes

import (
	"context"
	"slices"
	"sync"

	"github.com/zksim/zksim/zkapi"
)

// audience is those who follow by streams what becomes of something.
type audience[T any] struct {
	streams []*zkapi.Stream[T]
	over    bool // nothing more is told
}

// tell sends to all. The owner's mutex is held.
func (a *audience[T]) tell(v T) {
	for _, s := range a.streams {
		s.Send(v)
	}
}

// end ends all streams, also those to come. The owner's mutex is held.
func (a *audience[T]) end() {
	for _, s := range a.streams {
		s.End()
	}
	a.streams, a.over = nil, true
}

// join makes a stream that begins with what is now. mu is the owner's mutex, which is held.
func (a *audience[T]) join(mu *sync.Mutex, now ...T) *zkapi.Stream[T] {
	var s *zkapi.Stream[T]
	s = zkapi.NewStream[T](func() {
		mu.Lock()
		defer mu.Unlock()
		a.streams = slices.DeleteFunc(a.streams, func(x *zkapi.Stream[T]) bool { return x == s })
	})
	for _, v := range now {
		s.Send(v)
	}
	if a.over {
		s.End()
		return s
	}
	a.streams = append(a.streams, s)
	return s
}

// turn wakes those who wait for a change of something. The zero value is not usable.
type turn struct{ next chan struct{} }

func newTurn() turn { return turn{make(chan struct{})} }

// over wakes all who wait. The owner's mutex is held.
func (t *turn) over() {
	close(t.next)
	t.next = make(chan struct{})
}

// await waits until so holds, which is asked now and after each turn with the
// owner's mutex held, or the context ends; then it returns the cause.
func (t *turn) await(ctx context.Context, mu *sync.Mutex, so func() bool) error {
	for {
		mu.Lock()
		holds, next := so(), t.next
		mu.Unlock()
		if holds {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
