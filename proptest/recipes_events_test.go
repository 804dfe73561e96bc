package proptest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// What ZooKeeper and its clients may do with events of watches, besides losing them with the
// connection. Whoever waits has to look again each time, and to expect nothing.
var eventFaults = []string{
	"late",      // others have changed more by then, and replies that show it may be here before
	"overtaken", // by the next one
	"spurious",  // what it tells of is undone before anybody looks, or is known already
	"twice",     // the next watch on the same fires for the same
}

// lateness is longer than somebody holds anything, and a quarter of it longer than a partitioner wants it to be quiet.
const lateness = 150 * time.Millisecond

// TestRecipesEvents: one of the events of one client is not what one would like it to be, or all are.
// Nobody loses anything by that.
func TestRecipesEvents(t *testing.T) {
	onRecipeBackends(t, func(t *testing.T, kind string, run runCase) {
		by := map[string]int{"direct": 2, "wire": 5}[kind]
		for _, x := range trials() {
			if kind == "real" && x.variant && !*allRequests || leftOut(kind, x.n, 16) {
				continue
			}
			for i, fault := range eventFaults {
				if Brief() && kind == "direct" && (x.n+i)%2 != 0 {
					continue
				}
				t.Run(x.name+"/"+fault, func(t *testing.T) {
					cases := 0
					play := func(at int) (hit bool) {
						cases++
						run(t, "", func(e *recipeEnv) {
							e.calm = true
							c := &restless{Client: e.client("a"), fault: fault, at: at, delay: lateness, again: make(map[watchedNode]bool)}
							e.clients = append(e.clients, c)
							x.play(e, c)
							if hit = c.count() >= at; e.t.Failed() {
								e.t.Logf("at event %d; 0 is all", at)
							}
						})
						return hit
					}
					play(0)
					for at := 1 + (x.n+i)%max(by, 1); by > 0 && play(at); at += by {
					}
					t.Logf("%d cases", cases)
				})
				if by == 0 || i > 0 {
					continue
				}
				t.Run(x.name+"/late, with all that comes after it", func(t *testing.T) {
					sweep(t, stride{1, 1}, "delay 2s after-notification client=a #%d", run, func(e *recipeEnv) {
						e.calm = true
						x.play(e, e.client("a"))
					})
				})
			}
		}
	})
}

// watchedNode is what somebody watches, in which way.
type watchedNode struct{ path, how string }

// restless is a client whose events are not what one would like them to be. It counts watches.
type restless struct {
	zkapi.Client
	fault string
	at    int // which of its watches; 0 is all
	delay time.Duration

	mu    sync.Mutex
	seen  int
	again map[watchedNode]bool // fires as soon as it is watched again
	other chan struct{}        // closed by the next event
}

func (c *restless) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}

// next tells whether the next watch is one of those, and whether it fires at once.
func (c *restless) next(on watchedNode) (hit, fires bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen++
	hit, fires = c.at == 0 || c.at == c.seen, c.again[on]
	delete(c.again, on)
	return hit, fires || hit && c.fault == "spurious"
}

// passed is called with each event.
func (c *restless) passed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.other != nil {
		close(c.other)
		c.other = nil
	}
}

func (c *restless) following() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.other == nil {
		c.other = make(chan struct{})
	}
	return c.other
}

// arm arms a watch, or only reads where that fires for nothing.
func (c *restless) arm(ctx context.Context, on watchedNode, event zkapi.EventType, watch func(context.Context) (<-chan zkapi.Event, error), read func() error) (<-chan zkapi.Event, error) {
	hit, fires := c.next(on)
	switch {
	case fires:
		if err := read(); err != nil {
			return nil, err
		}
		return c.fire(ctx, zkapi.Event{Type: event, Path: on.path, Zxid: -1}), nil
	case !hit || c.fault == "twice":
		return zkapi.ArmMapped(ctx, func(ev zkapi.Event) zkapi.Event {
			if c.passed(); hit && ev.Type != zkapi.EventNone {
				c.mu.Lock()
				c.again[on] = true
				c.mu.Unlock()
			}
			return ev
		}, watch)
	}
	apply := zkapi.EventMap(ctx)
	in, err := watch(zkapi.Unmapped(ctx))
	if in == nil {
		return in, err
	}
	out := make(chan zkapi.Event, 1)
	go func() { // ends with the watch
		defer close(out)
		ev, ok := <-in
		if !ok {
			return
		}
		var overtaking <-chan struct{}
		if c.fault == "overtaken" {
			overtaking = c.following()
		}
		if ev.Type != zkapi.EventNone {
			select {
			case <-time.After(c.delay):
			case <-overtaking:
			}
		}
		if apply != nil {
			ev = apply(ev)
		}
		out <- ev
	}()
	return out, err
}

// fire makes a watch that fires for nothing: at once, or soon if all do, so that there is an end to it.
func (c *restless) fire(ctx context.Context, ev zkapi.Event) <-chan zkapi.Event {
	apply, out := zkapi.EventMap(ctx), make(chan zkapi.Event, 1)
	var once sync.Once
	fire := func() {
		once.Do(func() {
			if apply != nil {
				ev = apply(ev)
			}
			out <- ev
			close(out)
		})
	}
	if c.at != 0 || c.fault == "twice" {
		fire()
		return out
	}
	timer := time.AfterFunc(c.delay/4, fire)
	zkapi.OnUnwatch(ctx, func() {
		if timer.Stop() {
			close(out)
		}
	})
	return out
}

func (c *restless) GetW(ctx context.Context, path string) (data []byte, stat zkapi.Stat, ch <-chan zkapi.Event, err error) {
	ch, err = c.arm(ctx, watchedNode{path, "data"}, zkapi.EventNodeDataChanged, func(ctx context.Context) (in <-chan zkapi.Event, err error) {
		data, stat, in, err = c.Client.GetW(ctx, path)
		return in, err
	}, func() (err error) {
		data, stat, err = c.Get(ctx, path)
		return err
	})
	return data, stat, ch, err
}

func (c *restless) ExistsW(ctx context.Context, path string) (stat zkapi.Stat, there bool, ch <-chan zkapi.Event, err error) {
	ch, err = c.arm(ctx, watchedNode{path, "existence"}, zkapi.EventNodeCreated, func(ctx context.Context) (in <-chan zkapi.Event, err error) {
		stat, there, in, err = c.Client.ExistsW(ctx, path)
		return in, err
	}, func() (err error) {
		stat, there, err = c.Exists(ctx, path)
		return err
	})
	return stat, there, ch, err
}

func (c *restless) ChildrenW(ctx context.Context, path string) (names []string, stat zkapi.Stat, ch <-chan zkapi.Event, err error) {
	ch, err = c.arm(ctx, watchedNode{path, "children"}, zkapi.EventNodeChildrenChanged, func(ctx context.Context) (in <-chan zkapi.Event, err error) {
		names, stat, in, err = c.Client.ChildrenW(ctx, path)
		return in, err
	}, func() (err error) {
		names, stat, err = c.Children(ctx, path)
		return err
	})
	return names, stat, ch, err
}

// AddWatch is for watches that stay: their events keep their order, so that none overtakes.
func (c *restless) AddWatch(ctx context.Context, path string, mode zkapi.WatchMode) (*zkapi.Stream[zkapi.Event], error) {
	in, err := c.Client.AddWatch(ctx, path, mode)
	if err != nil {
		return nil, err
	}
	out := zkapi.NewStream[zkapi.Event](in.Close)
	go func() {
		defer out.End()
		for ev := range in.All(context.Background()) {
			hit, _ := c.next(watchedNode{path, "all"})
			if hit && (c.fault == "late" || c.fault == "overtaken") {
				time.Sleep(c.delay)
			}
			if out.Send(ev); hit && ev.Type != zkapi.EventNone && (c.fault == "twice" || c.fault == "spurious") {
				out.Send(ev)
			}
		}
	}()
	return out, nil
}
