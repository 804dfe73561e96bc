package faults

import (
	"context"
	"slices"
	"sync"

	"github.com/zksim/zksim/zkapi"
)

// watchKind says which change a watch that has missed an event asks about.
type watchKind int

const (
	watchData watchKind = iota
	watchExists
	watchChildren
	watchForEver
)

// touchesEvents tells whether an event may have to wait, or get lost.
func (g *program) touchesEvents() bool {
	if len(g.events)+len(g.lasting) > 0 {
		return true
	}
	return slices.ContainsFunc(g.replies, func(s *state) bool { return s.rule.Action == Delay || s.rule.Action == Stall })
}

// tap stands between a watch of the client within and the program.
type tap struct {
	c    *client
	path string
	send func(zkapi.Event) // to the program
	ctx  context.Context   // to arm it again; does not end

	// Guarded by c.mu.
	kind watchKind
	lost zkapi.Event // what catchUp is about
	gone bool        // nobody got to know of this watch
}

// tapped arms a one-shot watch whose event goes the way that the rules say.
func (c *client) tapped(ctx context.Context, path string, arm func(context.Context) (<-chan zkapi.Event, error)) (<-chan zkapi.Event, *tap, error) {
	if !c.plan.program.Load().touchesEvents() {
		ch, err := arm(ctx)
		return ch, nil, err
	}
	out, outer := make(chan zkapi.Event, 1), zkapi.EventMap(ctx)
	t := &tap{c: c, path: path}
	var once sync.Once
	t.send = func(ev zkapi.Event) {
		once.Do(func() {
			if outer != nil {
				ev = outer(ev)
			}
			out <- ev
			close(out)
		})
	}
	ctx = zkapi.Unmapped(ctx)
	t.ctx = context.WithoutCancel(ctx)
	in, err := t.arm(ctx, arm)
	if in == nil {
		return nil, nil, err
	}
	zkapi.OnUnwatch(ctx, func() {
		t.forget()
		once.Do(func() { close(out) })
	})
	return out, t, err
}

func (t *tap) arm(ctx context.Context, arm func(context.Context) (<-chan zkapi.Event, error)) (<-chan zkapi.Event, error) {
	return zkapi.ArmMapped(ctx, func(ev zkapi.Event) zkapi.Event {
		if ev.Type == zkapi.EventNone {
			t.send(ev)
		} else {
			t.c.arrived(t, ev)
		}
		return ev
	}, arm)
}

// arrived decides about an event. It may be called by the client within, in the
// middle of something, so it calls nobody and waits for nothing.
func (c *client) arrived(t *tap, ev zkapi.Event) {
	g, who := c.plan.program.Load(), c.peer()
	c.mu.Lock()
	gone := t.gone
	c.mu.Unlock()
	if gone {
		return
	}
	q := request{op: zkapi.OpCode(ev.Type), path: ev.Path}
	v := c.plan.judge(find(nil, g.events, &who, &q), &who, &q)
	network := c.silence(g, FromServer)
	c.mu.Lock()
	defer c.mu.Unlock()
	v.delay = c.down.carry(eventSize(ev), network.rate, v.delay)
	switch {
	case v.does(Cut):
		t.lost = ev
		c.missed = append(c.missed, t)
		c.loseLocked()
		c.after(0, c.broken)
	case v.does(Stall):
		t.lost = ev
		c.missed = append(c.missed, t)
		c.stallLocked(FromServer)
	case v.delay == 0 && !network.silent && c.down.last == nil && !c.stalled[FromServer]:
		t.send(ev)
	default:
		before, mine, epoch := c.down.last, make(chan struct{}), c.epoch
		c.down.last = mine
		c.after(v.delay, func() { c.mail(t, ev, before, mine, epoch) })
	}
}

// mail delivers an event when its turn has come.
func (c *client) mail(t *tap, ev zkapi.Event, before, mine, epoch chan struct{}) {
	err := c.pass(context.Background(), before, nil, FromServer, epoch)
	if err == nil {
		t.send(ev)
	}
	c.mu.Lock()
	if c.down.last == mine {
		c.down.last = nil
	}
	close(mine)
	lost := err != nil && !c.closed
	if lost {
		t.lost = ev
		if c.away {
			c.missed = append(c.missed, t)
			lost = false
		}
	}
	c.mu.Unlock()
	if lost {
		t.catchUp()
	}
}

// catchUp is what a server does for a watch whose client comes back: it tells
// what has changed, and goes on watching where nothing has.
func (t *tap) catchUp() {
	t.c.mu.Lock()
	kind, lost := t.kind, t.lost
	t.c.mu.Unlock()
	if kind == watchForEver {
		return // which learns nothing of the past
	}
	ctx := context.Background()
	_, ok, err := t.c.Client.Exists(ctx, t.path)
	ev := zkapi.Event{Type: zkapi.EventNodeDeleted, Path: t.path, Zxid: -1}
	switch {
	case err != nil: // broken again
		t.c.mu.Lock()
		defer t.c.mu.Unlock()
		if t.c.away {
			t.c.missed = append(t.c.missed, t)
		} else { // and back, or by somebody else
			t.c.after(pause, t.catchUp)
		}
		return
	case kind == watchExists && !ok:
		_, _ = t.arm(t.ctx, func(ctx context.Context) (<-chan zkapi.Event, error) {
			_, _, in, err := t.c.Client.ExistsW(ctx, t.path)
			return in, err
		})
		return
	case kind == watchExists:
		ev.Type = zkapi.EventNodeCreated
	case ok && kind == watchData:
		ev.Type = zkapi.EventNodeDataChanged
	case ok:
		ev.Type = zkapi.EventNodeChildrenChanged
	}
	if ev.Type == lost.Type {
		ev = lost
	}
	t.send(ev)
}

// is notes what kind of watch it has turned out to be.
func (t *tap) is(kind watchKind) {
	if t != nil {
		t.c.mu.Lock()
		t.kind = kind
		t.c.mu.Unlock()
	}
}

// forget is for a watch of whose beginning the program did not learn.
func (t *tap) forget() {
	if t != nil {
		t.c.mu.Lock()
		t.gone = true
		t.c.mu.Unlock()
	}
}

// pump stands between the stream of a persistent watch and the program.
type pump struct {
	mu  sync.Mutex // held while an event goes on, so that order stays
	in  *zkapi.Stream[zkapi.Event]
	tap *tap
	out *zkapi.Stream[zkapi.Event]
}

// pumped returns a stream whose events go the way that the rules say. Its
// goroutine ends with the stream.
func (c *client) pumped(path string, in *zkapi.Stream[zkapi.Event]) *zkapi.Stream[zkapi.Event] {
	if !c.plan.program.Load().touchesEvents() {
		return in
	}
	out := zkapi.NewStream[zkapi.Event](in.Close)
	p := &pump{in: in, tap: &tap{c: c, kind: watchForEver, path: path, send: out.Send}, out: out}
	c.mu.Lock()
	c.pumps = append(c.pumps, p)
	c.mu.Unlock()
	go func() {
		for range in.Ready() {
			if !p.drain() {
				return
			}
		}
	}()
	return out
}

// drain passes on what there is, and tells whether more may come.
func (p *pump) drain() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		ev, ok, open := p.in.TryNext()
		switch {
		case !open:
			p.out.End()
			c := p.tap.c
			c.mu.Lock()
			c.pumps = slices.DeleteFunc(c.pumps, func(o *pump) bool { return o == p })
			c.mu.Unlock()
			return false
		case !ok:
			return true
		case ev.Type == zkapi.EventNone:
			p.out.Send(ev)
		default:
			p.tap.c.arrived(p.tap, ev)
		}
	}
}

// drain passes on the events of persistent watches, which come before any reply
// that shows what they tell.
func (c *client) drain() {
	c.mu.Lock()
	pumps := slices.Clone(c.pumps)
	c.mu.Unlock()
	for _, p := range pumps {
		p.drain()
	}
}
