package recipes

import (
	"context"
	"errors"
	"sync"
)

// shift is what a goroutine does from Start to Close. It can be started once, and
// not after it was ended. The zero value is one that has not begun.
type shift struct {
	mu     sync.Mutex
	cancel context.CancelFunc // nil before the start
	ended  chan struct{}      // closed when the goroutine has ended; made when it is needed
}

// start begins it: work is called with a context that ends with the shift.
func (x *shift) start(work func(context.Context)) error {
	ended := x.over()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cancel != nil {
		return errors.New("it was started before")
	}
	ctx, cancel := context.WithCancel(context.Background())
	x.cancel = cancel
	go func() {
		defer close(ended)
		work(ctx)
	}()
	return nil
}

// begun tells whether it was started, or ended before it could be.
func (x *shift) begun() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cancel != nil
}

// over is closed when the goroutine has ended.
func (x *shift) over() chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended == nil {
		x.ended = make(chan struct{})
	}
	return x.ended
}

// end has the goroutine end; over tells when it has. If it was never started, never is called instead.
func (x *shift) end(never func()) {
	ended := x.over()
	x.mu.Lock()
	cancel := x.cancel
	if cancel == nil {
		x.cancel = func() {}
		never()
		close(ended)
	}
	x.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}
