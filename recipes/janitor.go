package recipes

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// The janitor deletes what its owners could not: nodes whose deletion was lost
// with the connection or given up with a context, and nodes that may have been
// made by a request without an answer. There is one for each client as long as
// there is something to do; it ends at the latest with the client. It deletes
// nodes with a GUID of ours in their names and no others.

// cleaning is what there is to do in one directory.
type cleaning struct {
	names    map[string]struct{} // of nodes
	prefixes map[string]struct{} // of names of nodes: each has a GUID
	also     map[string]string   // by name: the path of a node that goes along with it, and only with it
	done     chan struct{}       // closed when all of it is done, or cannot be
	err      error               // why it cannot be; before done is closed
}

// remove has the janitor delete a node, and every node whose name begins with
// the prefix; "" is none. It returns at once; what it returns tells when that is done.
// A node with also takes that one along, in one transaction.
func remove(c zkapi.Client, dir, name, prefix string, also ...string) *cleaning {
	hubs.mu.Lock()
	defer hubs.mu.Unlock()
	h := hubOf(c)
	work := h.chores[dir]
	if work == nil {
		work = &cleaning{names: make(map[string]struct{}), prefixes: make(map[string]struct{}), also: make(map[string]string), done: make(chan struct{})}
		h.chores[dir] = work
	}
	if name != "" {
		work.names[name] = struct{}{}
	}
	if prefix != "" {
		work.prefixes[prefix] = struct{}{}
	}
	for _, path := range also {
		work.also[cmp.Or(name, prefix)] = path
	}
	if h.idle == nil {
		h.idle = make(chan struct{})
		go h.clean(c)
	}
	return work
}

// wait waits until it is done.
func (w *cleaning) wait(ctx context.Context) error {
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// settle waits until the janitor has done what he has had to do in a directory so far.
func settle(ctx context.Context, c zkapi.Client, dir string) error {
	hubs.mu.Lock()
	h := hubs.of[c]
	idle := h == nil || h.idle == nil
	hubs.mu.Unlock()
	if idle {
		return nil
	}
	return remove(c, dir, "", "").wait(ctx) // he takes one thing after the other
}

// clean is the janitor. Each piece of work is tried until it is done, in whichever
// session, or the client is closed.
func (h *hub) clean(c zkapi.Client) {
	for {
		hubs.mu.Lock()
		if len(h.chores) == 0 {
			close(h.idle)
			h.idle = nil
			tidy(c)
			hubs.mu.Unlock()
			return
		}
		work := h.chores
		h.chores = make(map[string]*cleaning)
		hubs.mu.Unlock()
		for _, dir := range slices.Sorted(maps.Keys(work)) {
			w := work[dir]
			w.err = inSession(context.Background(), c, func(s *session) error { return w.sweep(context.Background(), s, dir) })
			close(w.done)
		}
	}
}

// sweep does it in one session.
func (w *cleaning) sweep(ctx context.Context, s *session, dir string) error {
	if len(w.prefixes) > 0 {
		found, err := list(ctx, s, dir)
		if err != nil {
			return err
		}
		for _, name := range found {
			if w.ours(name) {
				w.names[name] = struct{}{}
			}
		}
	}
	var failed error
	for _, name := range slices.Sorted(maps.Keys(w.names)) {
		err := s.do(ctx, func() error { return deleteWith(ctx, s.c, zkapi.Join(dir, name), w.also[name]) })
		if s.over != nil {
			return s.over
		}
		if err != nil && !errors.Is(err, zkapi.ErrNoNode) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// deleteWith deletes a node, and with it another one, if also is not "".
func deleteWith(ctx context.Context, c zkapi.Client, path, also string) error {
	if also != "" {
		results, err := c.Multi(ctx, zkapi.DeleteOp(path, zkapi.AnyVersion), zkapi.DeleteOp(also, zkapi.AnyVersion))
		if len(results) != 2 || !errors.Is(results[1].Err, zkapi.ErrNoNode) {
			return err
		}
	}
	return c.Delete(ctx, path, zkapi.AnyVersion)
}

func (w *cleaning) ours(name string) bool {
	for prefix := range w.prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// list lists the children of a directory as they are after everything that any
// server has confirmed. A directory that is not there has none.
func list(ctx context.Context, s *session, dir string) (names []string, err error) {
	if err := s.do(ctx, func() error { return s.c.Sync(ctx, dir) }); err != nil {
		return nil, err
	}
	err = s.do(ctx, func() error {
		names, _, err = s.c.Children(ctx, dir)
		return err
	})
	if errors.Is(err, zkapi.ErrNoNode) {
		return nil, nil
	}
	return names, err
}

// Flush waits until nothing is left that recipes of this client have to clean
// up, which needs a connection. It is for tests, and for programs that want to
// leave nothing behind without closing the client.
func Flush(ctx context.Context, c zkapi.Client) error {
	hubs.mu.Lock()
	var idle chan struct{}
	if h := hubs.of[c]; h != nil {
		idle = h.idle
	}
	hubs.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
