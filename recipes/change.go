package recipes

import (
	"context"
	"errors"
	"fmt"

	"github.com/zksim/zksim/zkapi"
)

// change is a transaction that must not be made twice. It is made of operations
// of which one fails if they are repeated, or it leaves a marker. A session that
// ends does not matter to it: what it makes is persistent.
type change struct {
	c    zkapi.Client
	near string // the node that it is about; markers are below a sibling of it
	o    *Options
	once bool // with a marker
	// settle finds out whether it was made, from the nodes, where there is no
	// marker. It fails with ErrOutcomeUnknown if that is not to be seen. If it is
	// nil, the change would be made twice if it were repeated.
	settle func(context.Context) (bool, error)

	marker string // the path of it; "" before there can be one
	dirty  bool   // a request has had no reply
}

// commit makes the change. It returns an error of the tree, such as BadVersion,
// only if it was not made. The results are nil if there was no reply, but it was made.
func (g *change) commit(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	if g.once {
		if g.marker == "" {
			g.marker = zkapi.Join(g.near+"-ops", newGUID().hex())
		}
		ops = append(ops[:len(ops):len(ops)], zkapi.CreateOp(g.marker, nil, g.o.ACL, zkapi.Persistent))
	}
	results, err := g.send(ctx, ops)
	if g.dirty && g.once {
		remove(g.c, zkapi.Parent(g.marker), zkapi.Base(g.marker), "")
	} else if err == nil && g.once {
		g.tidy(ctx)
		results = results[:len(results)-1]
	}
	return results, err
}

// tidy deletes the marker.
func (g *change) tidy(ctx context.Context) {
	if err := g.c.Delete(ctx, g.marker, zkapi.AnyVersion); err != nil && !errors.Is(err, zkapi.ErrNoNode) {
		remove(g.c, zkapi.Parent(g.marker), zkapi.Base(g.marker), "")
	}
}

func (g *change) send(ctx context.Context, ops []zkapi.Op) ([]zkapi.OpResult, error) {
	pauses := patience.Start()
	for first := true; ; first = false {
		if !first {
			if pause, _ := pauses(nil, 0); sleep(ctx, pause) != nil {
				return nil, g.unknown(context.Cause(ctx))
			}
		}
		s, err := begin(ctx, g.c)
		if err != nil {
			return nil, g.unknown(err)
		}
		s.close()
		results, err := g.c.Multi(ctx, ops...)
		switch class := Classify(err); {
		case err == nil:
			return results, nil
		case class == Rejected:
		case class == Logical && g.once && len(results) > 0 && errors.Is(results[len(results)-1].Err, zkapi.ErrNoNode):
			if err := g.parent(ctx); err != nil {
				return nil, g.unknown(err)
			}
		case class == Logical:
			return nil, g.judge(ctx, err)
		case class == Terminal && zkapi.NothingChanged(err):
			return nil, err
		default:
			g.dirty = true
			if ctx.Err() != nil {
				return nil, g.unknown(context.Cause(ctx))
			}
			if class == Closed || class == Terminal || !g.once && g.settle == nil {
				return nil, g.unknown(err)
			}
		}
	}
}

func (g *change) parent(ctx context.Context) error {
	return inSession(ctx, g.c, func(s *session) error { return g.o.ensure(ctx, s, zkapi.Parent(g.marker)) })
}

// judge is about a change that the tree does not allow: perhaps because it was made before.
func (g *change) judge(ctx context.Context, why error) error {
	if !g.dirty {
		return why
	}
	var made bool
	var err error
	if g.once {
		err = inSession(ctx, g.c, func(s *session) error {
			if err := s.catchUp(ctx, g.marker); err != nil {
				return err
			}
			return s.do(ctx, func() (err error) {
				_, made, err = g.c.Exists(ctx, g.marker)
				return err
			})
		})
	} else {
		made, err = g.settle(ctx)
	}
	switch {
	case err != nil:
		return g.unknown(err)
	case made:
		return nil
	}
	return why
}

// unknown is an error after which a change may have been made or not.
func (g *change) unknown(err error) error {
	if !g.dirty || errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}
