package recipes

import (
	"context"

	"github.com/zksim/zksim/zkapi"
)

// watch is a one-shot watch on a node that any number of goroutines may wait
// for. Nobody has to: who gives up leaves it to the next who asks for it, so
// that a path has one watch however often somebody comes and goes.
type watch struct {
	c     zkapi.Client
	on    watched
	fired chan struct{} // closed by the event, or by the end of the session
	over  bool          // the same; guarded by hubs.mu
}

// watched is what a watch is on.
type watched struct {
	path     string
	children bool // on the list of children, otherwise on the data
}

// arm makes a watch by a read, which has a context of arm's; nil if the read fails.
func arm(ctx context.Context, c zkapi.Client, on watched, read func(context.Context) (<-chan zkapi.Event, error)) (*watch, error) {
	w := &watch{c: c, on: on, fired: make(chan struct{})}
	_, err := zkapi.ArmMapped(ctx, func(e zkapi.Event) zkapi.Event {
		w.fire()
		return e
	}, read)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// armData reads a node and watches it.
func armData(ctx context.Context, c zkapi.Client, path string) (w *watch, data []byte, stat zkapi.Stat, err error) {
	w, err = arm(ctx, c, watched{path: path}, func(ctx context.Context) (ch <-chan zkapi.Event, err error) {
		data, stat, ch, err = c.GetW(ctx, path)
		return ch, err
	})
	return w, data, stat, err
}

// armChildren lists the children of a node and watches them.
func armChildren(ctx context.Context, c zkapi.Client, path string) (w *watch, names []string, err error) {
	w, err = arm(ctx, c, watched{path, true}, func(ctx context.Context) (ch <-chan zkapi.Event, err error) {
		names, _, ch, err = c.ChildrenW(ctx, path)
		return ch, err
	})
	return w, names, err
}

func (w *watch) fire() {
	hubs.mu.Lock()
	defer hubs.mu.Unlock()
	if w.over {
		return
	}
	w.over = true
	close(w.fired)
	if h := hubs.of[w.c]; h != nil && h.watches[w.on] == w {
		delete(h.watches, w.on)
		tidy(w.c)
	}
}

// standing returns a watch that is armed already, if there is one. What it is
// on is there then and has not changed since, as far as the client knows.
func standing(c zkapi.Client, on watched) *watch {
	hubs.mu.Lock()
	defer hubs.mu.Unlock()
	if h := hubs.of[c]; h != nil {
		return h.watches[on]
	}
	return nil
}

// share lets others wait for a watch, too. It returns what to wait for: nil for no watch.
func (w *watch) share() <-chan struct{} {
	if w == nil {
		return nil
	}
	hubs.mu.Lock()
	defer hubs.mu.Unlock()
	if !w.over {
		hubOf(w.c).watches[w.on] = w
	}
	return w.fired
}
