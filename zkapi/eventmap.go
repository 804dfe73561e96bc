package zkapi

import (
	"context"
	"sync/atomic"
)

// eventMap is what WithEventMap puts into a context. taken tells the wrapper
// afterwards whether the client below does the mapping.
type eventMap struct {
	apply func(Event) Event
	taken atomic.Bool
}

type eventMapKey struct{}

// EventMap is for those who implement Client: it returns the function through
// which the event of a one-shot watch has to go on its way into the channel, or
// nil if there is none. GetW, ExistsW and ChildrenW call it once with their
// context and keep the function beside the channel:
//
//	w := &watch{ch: make(chan zkapi.Event, 1), apply: zkapi.EventMap(ctx)}
//
// A channel cannot be translated by a wrapper without a goroutine that waits
// for it, for as long as the watch does not fire. This hook spares Chroot that
// goroutine; a client that does not call EventMap merely costs it one.
func EventMap(ctx context.Context) func(Event) Event {
	m, ok := ctx.Value(eventMapKey{}).(*eventMap)
	if !ok {
		return nil
	}
	m.taken.Store(true)
	return m.apply
}

// Unmapped is for those who wrap a Client and call EventMap themselves, to apply
// the function when they deliver the event: it hides the function from the client
// below, which would apply it when the event comes.
func Unmapped(ctx context.Context) context.Context {
	return context.WithValue(ctx, eventMapKey{}, nil)
}

// ArmMapped is for those who wrap a Client: arm, called with a context of
// ArmMapped's, arms a one-shot watch; the event of the channel that ArmMapped
// returns has gone through apply. A client that calls EventMap does so before
// any reply that shows the change is returned, and apply must neither block nor
// call the client; for any other client a goroutine does it that ends with the watch.
func ArmMapped(ctx context.Context, apply func(Event) Event, arm func(context.Context) (<-chan Event, error)) (<-chan Event, error) {
	m := &eventMap{apply: apply}
	if outer := EventMap(ctx); outer != nil {
		m.apply = func(ev Event) Event { return outer(apply(ev)) }
	}
	in, err := arm(context.WithValue(ctx, eventMapKey{}, m))
	if in == nil || m.taken.Load() {
		return in, err
	}
	out := make(chan Event, 1)
	go func() { // ends with the watch, at the latest when the client is closed
		defer close(out)
		if ev, ok := <-in; ok {
			out <- m.apply(ev)
		}
	}()
	return out, err
}
