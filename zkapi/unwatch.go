package zkapi

import (
	"context"
	"sync"
)

// unwatching is what Unwatchable puts into a context.
type unwatching struct {
	mu    sync.Mutex
	drops []func()
	over  bool
}

type unwatchingKey struct{}

// Unwatchable is for those who may stop waiting for a watch. GetW, ExistsW and
// ChildrenW are called with the context that it returns; unwatch then gives up
// the watches that they have armed: they go from the client, and from the server
// if nothing else of this client needs them there. Other watches of the client
// stay, unlike with RemoveWatches. The channels are closed without an event,
// unless they have one.
//
//	ctx, unwatch := zkapi.Unwatchable(ctx)
//	defer unwatch()
//	data, stat, changed, err := c.GetW(ctx, path)
//
// unwatch may wait for the server's answer, and does nothing when it is called
// again, when the watches have fired, or with a client that has no OnUnwatch.
func Unwatchable(ctx context.Context) (_ context.Context, unwatch func()) {
	u := new(unwatching)
	return context.WithValue(ctx, unwatchingKey{}, u), u.drop
}

func (u *unwatching) drop() {
	u.mu.Lock()
	drops := u.drops
	u.drops, u.over = nil, true
	u.mu.Unlock()
	for _, drop := range drops {
		drop()
	}
}

// OnUnwatch is for those who implement or wrap Client: GetW, ExistsW and
// ChildrenW call it with their context for each watch that they arm. drop is
// called at most once, not before OnUnwatch has returned, and finds the watch
// fired or not.
func OnUnwatch(ctx context.Context, drop func()) {
	u, ok := ctx.Value(unwatchingKey{}).(*unwatching)
	if !ok {
		return
	}
	u.mu.Lock()
	over := u.over
	if !over {
		u.drops = append(u.drops, drop)
	}
	u.mu.Unlock()
	if over {
		go drop() // the caller may hold locks that it needs
	}
}
