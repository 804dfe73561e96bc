package recipes

import (
	"context"
	"errors"

	"github.com/zksim/zksim/zkapi"
)

// claim makes the nodes of places, all or none, if the node at fence is there at
// that moment: it is errGone if it is not. The places share a directory and the
// session, and none of them has a node yet.
func claim(ctx context.Context, s *session, fence string, mode zkapi.CreateMode, places []*place) error {
	q := places[0].q
	ops := []zkapi.Op{zkapi.CheckOp(fence, zkapi.AnyVersion)}
	for _, p := range places {
		p.s = s
		ops = append(ops, zkapi.CreateOp(zkapi.Join(q.dir, p.prefix), q.data, q.o.ACL, mode))
	}
	for t := s.tries(); ; {
		var results []zkapi.OpResult
		err := s.once(ctx, func() (err error) {
			results, err = s.c.Multi(ctx, ops...)
			return err
		})
		switch {
		case err == nil:
			for i, p := range places {
				p.name = zkapi.Base(results[i+1].Path)
			}
			return nil
		case len(results) > 0 && errors.Is(results[0].Err, zkapi.ErrNoNode):
			return errGone
		case errors.Is(err, zkapi.ErrNoNode):
			if err := q.o.ensure(ctx, s, q.dir); err != nil {
				return err
			}
			continue
		case Classify(err) == Rejected:
		default:
			if zkapi.NothingChanged(err) && !errors.Is(err, zkapi.ErrNodeExists) {
				return err
			}
			for _, p := range places {
				p.dirty = true
			}
			if !retryable(err) && !errors.Is(err, zkapi.ErrNodeExists) {
				return err
			}
			if found, err := places[0].find(ctx); !found || err != nil {
				if err != nil {
					return err
				}
				break
			}
			for _, p := range places[1:] { // made together with the first
				if _, err := p.find(ctx); err != nil {
					return err
				}
			}
			return nil
		}
		if err := t.pause(ctx); err != nil {
			return err
		}
	}
}
