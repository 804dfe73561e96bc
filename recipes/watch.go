package recipes

import (
	"context"

	"github.com/zksim/zksim/zkapi"
)

// watch is a one-shot watch on a node that any number of goroutines may wait
// for. Nobody has to: who gives up leaves it to the next who asks for it, so
// that a path has one watch however often somebody comes and goes.
type watch struct {
	fired chan struct{} // closed by the event, or by the end of the session
	over  bool          // the same; guarded by hubs.mu
}

// arm reads a node and watches it.
func arm(ctx context.Context, c zkapi.Client, path string) (w *watch, data []byte, stat zkapi.Stat, err error) {
	w = &watch{fired: make(chan struct{})}
	_, err = zkapi.ArmMapped(ctx, func(e zkapi.Event) zkapi.Event {
		w.fire(c, path)
		return e
	}, func(ctx context.Context) (ch <-chan zkapi.Event, err error) {
		data, stat, ch, err = c.GetW(ctx, path)
		return ch, err
	})
	return w, data, stat, err
}

func (w *watch) fire(c zkapi.Client, path string) {
	hubs.mu.Lock()
	defer hubs.mu.Unlock()
	if w.over {
		return
	}
	w.over = true
	close(w.fired)
	if h := hubs.of[c]; h != nil && h.watches[path] == w {
		delete(h.watches, path)
		tidy(c)
	}
}

// standing returns the watch on a node that is armed already, if there is one.
// The node is there then, as far as the client knows.
func standing(c zkapi.Client, path string) *watch {
	hubs.mu.Lock()
	defer hubs.mu.Unlock()
	if h := hubs.of[c]; h != nil {
		return h.watches[path]
	}
	return nil
}

// share lets others wait for a watch, too.
func (w *watch) share(c zkapi.Client, path string) {
	hubs.mu.Lock()
	defer hubs.mu.Unlock()
	if !w.over {
		hubOf(c).watches[path] = w
	}
}
