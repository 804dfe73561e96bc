package recipes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/zksim/zksim/zkapi"
)

// DoubleBarrier has its members begin together and end together: Enter returns
// when so many are there, Leave when all of them have gone. It is kazoo's
// DoubleBarrier and Curator's DistributedDoubleBarrier, on the same nodes; members
// of both and ours can meet.
//
// A generation that has entered is open until it has left: who comes late passes.
// What generations that crashed have left behind does not let anybody pass.
type DoubleBarrier struct {
	q   *queue
	min int

	mu   sync.Mutex
	busy bool // somebody is entering or leaving
	hold *Hold
	mark int64 // the czxid of the ready node that it has entered by
}

// ready is the node that lets the members of a barrier pass.
const ready = "ready"

// NewDoubleBarrier makes a member of the barrier at a node, which opens for min
// of them. Options.Identifier is the data of its node.
func NewDoubleBarrier(c zkapi.Client, path string, min int, opts ...func(*Options)) *DoubleBarrier {
	o := newOptions(opts)
	o.Persistent = false
	return &DoubleBarrier{q: &queue{c: c, dir: path, o: o, data: []byte(o.Identifier)}, min: min}
}

func (b *DoubleBarrier) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("double barrier %s: %w", b.q.dir, err)
}

// errTwice says that a member does two things at a time, or the same thing twice.
var errTwice = fmt.Errorf("it takes part already: %w", zkapi.ErrBadArguments)

// Enter waits until the barrier is open, and returns an error if the context ends
// before: its node goes then, in the background (see Flush), and before another Enter
// of the same client has one. If its session is lost while it waits it enters anew, or
// with NoRejoin fails with ErrSessionLost.
func (b *DoubleBarrier) Enter(ctx context.Context) error {
	b.mu.Lock()
	if b.busy || b.hold != nil {
		b.mu.Unlock()
		return b.fail(errTwice)
	}
	b.busy = true
	b.mu.Unlock()
	p, mark, err := b.enter(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy = false; err != nil {
		return b.fail(err)
	}
	b.hold, b.mark = p.hold(), mark
	return nil
}

func (b *DoubleBarrier) enter(ctx context.Context) (*place, int64, error) {
	if err := zkapi.ValidatePath(b.q.dir); err != nil {
		return nil, 0, err
	}
	if err := settle(ctx, b.q.c, b.q.dir); err != nil { // or what an Enter has left behind counts, too
		return nil, 0, err
	}
	for {
		name := newGUID().hex()
		if b.q.o.Layout == Curator {
			name = newGUID().dashed()
		}
		p := &place{q: b.q, prefix: name}
		s, err := begin(ctx, b.q.c)
		if err != nil {
			return nil, 0, err
		}
		p.s = s
		mark, err := b.meet(ctx, p)
		if err == nil {
			return p, mark, nil
		}
		_ = p.leave(ctx)
		if again := errors.Is(err, errGone) || errors.Is(err, ErrSessionLost) && !b.q.o.NoRejoin; !again {
			return nil, 0, err
		}
	}
}

// gate is the ready node as a member sees it.
type gate struct {
	stat    zkapi.Stat
	there   bool
	changed <-chan struct{}
	unwatch func()
}

// meet joins, and waits until the barrier is open. It returns what tells this
// opening from others.
func (b *DoubleBarrier) meet(ctx context.Context, p *place) (mark int64, err error) {
	if err := p.unique(ctx); err != nil {
		return 0, err
	}
	if err := p.look(ctx); err != nil {
		return 0, err
	}
	for l := p.s.lookout(); ; {
		l.round()
		g, err := b.gate(ctx, p.s)
		if err != nil {
			return 0, err
		}
		open, again, err := b.passes(ctx, p, g)
		if err == nil && !open && !again {
			if err = l.wait(ctx, g.changed, p.own.fired); err == nil {
				err = p.look(ctx)
			}
		}
		g.unwatch()
		if open || err != nil {
			return g.stat.Czxid, err
		}
	}
}

// gate looks at the ready node, and watches it.
func (b *DoubleBarrier) gate(ctx context.Context, s *session) (g gate, err error) {
	path := zkapi.Join(b.q.dir, ready)
	watching, unwatch := zkapi.Unwatchable(ctx)
	w := &watch{c: s.c, on: watched{path: path}, fired: make(chan struct{})}
	err = s.do(ctx, func() error {
		_, err := zkapi.ArmMapped(watching, func(e zkapi.Event) zkapi.Event {
			w.fire()
			return e
		}, func(ctx context.Context) (ch <-chan zkapi.Event, err error) {
			g.stat, g.there, ch, err = s.c.ExistsW(ctx, path)
			return ch, err
		})
		return err
	})
	if err != nil {
		unwatch()
	}
	g.changed, g.unwatch = w.fired, unwatch
	return g, err
}

// passes tells whether a member may pass. If not, it may be worth looking again at once.
func (b *DoubleBarrier) passes(ctx context.Context, p *place, g gate) (open, again bool, err error) {
	members, err := b.members(ctx, p.s)
	if err != nil {
		return false, false, err
	}
	if !slices.Contains(members, p.name) {
		return false, false, errGone
	}
	if g.there {
		stale, err := b.stale(ctx, p, g, members)
		if err != nil || !stale {
			return err == nil, false, err
		}
		return false, true, b.shut(ctx, p.s, g.stat.Czxid)
	}
	if len(members) < b.min {
		return false, false, nil
	}
	return false, true, b.open(ctx, p.s, members)
}

// members are the nodes of those who are in. There is a barrier without any, too.
func (b *DoubleBarrier) members(ctx context.Context, s *session) (names []string, err error) {
	err = s.do(ctx, func() (err error) {
		names, _, err = s.c.Children(ctx, b.q.dir)
		return err
	})
	if err != nil && !errors.Is(err, zkapi.ErrNoNode) {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !isGUID(name) })
	slices.Sort(names)
	return names, nil
}

// stale tells whether a ready node was left behind by a generation that has
// crashed: nobody who is in can have seen it made.
func (b *DoubleBarrier) stale(ctx context.Context, p *place, g gate, members []string) (bool, error) {
	if g.stat.Czxid > p.token {
		return false, nil
	}
	for _, name := range members {
		var stat zkapi.Stat
		var there bool
		err := p.s.do(ctx, func() (err error) {
			stat, there, err = p.s.c.Exists(ctx, zkapi.Join(b.q.dir, name))
			return err
		})
		if err != nil || there && stat.Czxid < g.stat.Czxid {
			return false, err
		}
	}
	return true, nil
}

// open makes the ready node, if so many members are there at that moment.
func (b *DoubleBarrier) open(ctx context.Context, s *session, members []string) error {
	var ops []zkapi.Op
	for _, name := range members[:b.min] {
		ops = append(ops, zkapi.CheckOp(zkapi.Join(b.q.dir, name), zkapi.AnyVersion))
	}
	ops = append(ops, zkapi.CreateOp(zkapi.Join(b.q.dir, ready), nil, b.q.o.ACL, zkapi.Persistent))
	err := s.do(ctx, func() error {
		_, err := s.c.Multi(ctx, ops...)
		return err
	})
	if errors.Is(err, zkapi.ErrNoNode) || errors.Is(err, zkapi.ErrNodeExists) {
		return nil // which is seen when we look again
	}
	return err
}

// shut deletes the ready node of one generation. That of the next has a lower
// version, so it stays even if it comes in between.
func (b *DoubleBarrier) shut(ctx context.Context, s *session, mark int64) error {
	path := zkapi.Join(b.q.dir, ready)
	var stat zkapi.Stat
	err := s.do(ctx, func() (err error) {
		stat, err = s.c.Set(ctx, path, nil, zkapi.AnyVersion)
		return err
	})
	if err == nil && stat.Czxid == mark {
		err = s.do(ctx, func() error { return s.c.Delete(ctx, path, stat.Version) })
	}
	if errors.Is(err, zkapi.ErrNoNode) || errors.Is(err, zkapi.ErrBadVersion) {
		return nil
	}
	return err
}

// Leave waits until all members have left, those who crash among them. It fails
// with ErrNotHeld if this member has not entered, and when the context ends;
// in any case this member has left then. That its session was lost meanwhile is no error.
// If the last member gives up, or crashes, the ready node stays until members come again.
func (b *DoubleBarrier) Leave(ctx context.Context) error {
	b.mu.Lock()
	h, mark := b.hold, b.mark
	if h == nil || b.busy {
		b.mu.Unlock()
		return b.fail(ErrNotHeld)
	}
	b.busy = true
	b.mu.Unlock()
	h.quit()
	d := departure{b: b, h: h, mark: mark}
	err := inSession(ctx, b.q.c, func(s *session) error { return d.wait(ctx, s) })
	d.release(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy, b.hold = false, nil
	return b.fail(err)
}

// departure is the way out of one member.
type departure struct {
	b    *DoubleBarrier
	h    *Hold
	gone bool // the own node was given up
	mark int64
}

func (d *departure) release(ctx context.Context) {
	if !d.gone {
		d.gone = true
		_ = d.h.p.leave(ctx) // what fails, the janitor does
	}
}

// wait gives up the own node as soon as it is not the lowest, and waits for the
// others: who is the lowest for the highest, they for him. The last one takes the
// ready node along. Who sees that it is gone knows that all have left, even if
// some of them have come again meanwhile.
func (d *departure) wait(ctx context.Context, s *session) error {
	b, own := d.b, zkapi.Base(d.h.path)
	if err := s.catchUp(ctx, b.q.dir); err != nil {
		return err
	}
	for l := s.lookout(); ; {
		l.round()
		_, stat, closed, err := l.data(ctx, zkapi.Join(b.q.dir, ready))
		if errors.Is(err, zkapi.ErrNoNode) || err == nil && stat.Czxid != d.mark {
			d.release(ctx)
			return nil
		}
		if err != nil {
			return err
		}
		members, err := b.members(ctx, s)
		if err != nil {
			return err
		}
		var other string
		switch at := slices.Index(members, own); {
		case len(members) == 0: // whoever should have closed it has crashed
			d.release(ctx)
			return b.shut(ctx, s, d.mark)
		case len(members) == 1 && at == 0:
			if err := d.last(ctx, s); err != nil {
				return err
			}
			continue
		case at == 0:
			other = members[len(members)-1]
		default:
			d.release(ctx)
			other = members[0]
		}
		_, _, left, err := l.data(ctx, zkapi.Join(b.q.dir, other))
		if err == nil {
			err = l.wait(ctx, left, closed)
		}
		if err != nil && !errors.Is(err, zkapi.ErrNoNode) {
			return err
		}
	}
}

// last leaves and closes the barrier, at once: nobody passes in between, and
// counts who is about to leave.
func (d *departure) last(ctx context.Context, s *session) error {
	err := s.do(ctx, func() error {
		_, err := s.c.Multi(ctx, zkapi.DeleteOp(zkapi.Join(d.b.q.dir, ready), zkapi.AnyVersion), zkapi.DeleteOp(d.h.path, zkapi.AnyVersion))
		return err
	})
	if err == nil || errors.Is(err, zkapi.ErrNoNode) {
		d.release(ctx)
		return nil
	}
	return err
}

// Participating tells whether this member has entered, has not begun to leave,
// and has not lost its session.
func (b *DoubleBarrier) Participating() bool { return b.Hold().Held() }

// Hold is what it takes part by, nil if it does not.
func (b *DoubleBarrier) Hold() *Hold {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hold
}
