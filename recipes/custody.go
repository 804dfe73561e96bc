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

// taken lists what somebody has, in the directory that is made as often as it goes. freed
// is closed when that has changed.
func (k *custody) taken(ctx context.Context, l *lookout) (names []string, freed <-chan struct{}, err error) {
	for {
		names, freed, err = l.children(ctx, k.dir)
		if !errors.Is(err, zkapi.ErrNoNode) {
			return names, freed, err
		}
		if err := k.store.plain().ensure(ctx, l.s, k.dir); err != nil {
			return nil, nil, err
		}
	}
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
	err = claim(ctx, s, zkapi.Join(k.store.dir, name), zkapi.Ephemeral, []*place{p}, zkapi.CreateOp(p.also, q.data, o.ACL, zkapi.Ephemeral))
	if err == nil {
		err = p.look(ctx)
	}
	if err == nil {
		return p.hold(), true, nil
	}
	_ = p.leave(ctx)
	switch {
	case errors.Is(err, errTaken):
		return nil, false, nil
	case errors.Is(err, ErrSessionLost):
		err = errGone
	}
	return nil, false, err
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
		case k.store.c.SessionID() != h.owner:
			return false, ErrOutcomeUnknown
		}
		// It may be gone without us, too: our own node goes with it only by the change.
		var own bool
		err = inSession(ctx, k.store.c, func(s *session) error {
			return s.do(ctx, func() (err error) {
				_, own, err = s.c.Exists(ctx, h.path)
				return err
			})
		})
		return err == nil && !own, err
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
