package recipes

import (
	"context"
	"errors"

	"github.com/zksim/zksim/zkapi"
)

// custody is a directory in which an ephemeral node says that the item of the
// same name is taken. With it comes a second node whose name is a GUID, which
// stands for the holder: others who take the item later have another one.
type custody struct {
	store *store
	dir   string
}

// take takes an item, if it is there and nobody has it. It fails with errGone if
// that is worth trying again, before any other item.
func (k *custody) take(ctx context.Context, name string) (h *Hold, ok bool, err error) {
	o := k.store.plain()
	q := &queue{c: k.store.c, dir: k.dir, o: o, data: []byte(k.store.o.Identifier)}
	p := &place{q: q, prefix: ".s-" + newGUID().hex(), also: zkapi.Join(k.dir, name)}
	s, err := begin(ctx, q.c)
	if err != nil {
		return nil, false, err
	}
	p.s = s
	if ok, err = k.claim(ctx, p, name); ok {
		err = p.look(ctx)
	}
	if ok && err == nil {
		return p.hold(), true, nil
	}
	_ = p.leave(ctx)
	if errors.Is(err, ErrSessionLost) {
		err = errGone
	}
	return nil, false, err
}

func (k *custody) claim(ctx context.Context, p *place, name string) (bool, error) {
	s, q := p.s, p.q
	ops := []zkapi.Op{
		zkapi.CheckOp(zkapi.Join(k.store.dir, name), zkapi.AnyVersion),
		zkapi.CreateOp(p.also, q.data, q.o.ACL, zkapi.Ephemeral),
		zkapi.CreateOp(zkapi.Join(q.dir, p.prefix), q.data, q.o.ACL, zkapi.Ephemeral),
	}
	for t := s.tries(); ; {
		var results []zkapi.OpResult
		err := s.once(ctx, func() (err error) {
			results, err = s.c.Multi(ctx, ops...)
			return err
		})
		switch {
		case err == nil:
			p.name = p.prefix
			return true, nil
		case errors.Is(err, zkapi.ErrNoNode) && len(results) == 3 && !errors.Is(results[0].Err, zkapi.ErrNoNode):
			if err := q.o.ensure(ctx, s, q.dir); err != nil {
				return false, err
			}
			continue
		case errors.Is(err, zkapi.ErrNoNode), errors.Is(err, zkapi.ErrNodeExists):
			if !p.dirty {
				return false, nil
			}
			return p.find(ctx)
		case Classify(err) == Rejected:
		default:
			p.dirty = p.dirty || !zkapi.NothingChanged(err)
			if !retryable(err) {
				return false, err
			}
		}
		if err := t.pause(ctx); err != nil {
			return false, err
		}
	}
}

// finish makes a change, of which the deletion of the item is a part, and gives
// the item up with it, if it is still held at that moment.
func (k *custody) finish(ctx context.Context, h *Hold, name string, more ...zkapi.Op) error {
	if !h.quit() {
		return notHeld(h.Err())
	}
	path := zkapi.Join(k.store.dir, name)
	g := &change{c: k.store.c, near: k.store.dir, o: k.store.plain(), once: k.store.o.ExactlyOnce}
	g.settle = func(ctx context.Context) (bool, error) {
		_, _, there, err := k.store.read(ctx, name)
		switch {
		case err != nil || there:
			return false, err
		case k.store.c.SessionID() == h.owner: // nobody else can have taken it meanwhile
			return true, nil
		}
		return false, ErrOutcomeUnknown
	}
	ops := append([]zkapi.Op{
		zkapi.DeleteOp(h.path, zkapi.AnyVersion), // which only the session that holds it has
		zkapi.DeleteOp(h.p.also, zkapi.AnyVersion),
		zkapi.DeleteOp(path, zkapi.AnyVersion),
	}, more...)
	_, err := g.commit(ctx, ops...)
	if errors.Is(err, zkapi.ErrNoNode) {
		err = notHeld(err)
	}
	if err != nil {
		_ = h.p.leave(ctx)
	}
	return err
}
