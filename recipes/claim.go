package recipes

import (
	"cmp"
	"context"
	"errors"

	"github.com/zksim/zksim/zkapi"
)

// errTaken says that somebody else has what is wanted.
var errTaken = errors.New("somebody else has it")

// claim makes the nodes of places, all or none, if the node at fence is there at
// that moment: it is errGone if it is not. The places share a directory and the
// session, and none of them has a node yet. With also another node is made, which
// stands for what is wanted: it is errTaken if somebody else has made that.
func claim(ctx context.Context, s *session, fence string, mode zkapi.CreateMode, places []*place, also ...zkapi.Op) error {
	q := places[0].q
	ops := append([]zkapi.Op{zkapi.CheckOp(fence, zkapi.AnyVersion)}, also...)
	first := len(ops)
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
				p.name = zkapi.Base(results[first+i].Path)
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
		case errors.Is(err, zkapi.ErrNodeExists) && len(also) > 0:
			if !places[0].dirty {
				return errTaken
			}
			if made, err := findAll(ctx, places); !made {
				return cmp.Or(err, errTaken)
			}
			return nil
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
			if made, err := findAll(ctx, places); made || err != nil {
				return err
			}
		}
		if err := t.pause(ctx); err != nil {
			return err
		}
	}
}

// findAll looks for the nodes of places, which were made together or not at all.
func findAll(ctx context.Context, places []*place) (made bool, err error) {
	for i, p := range places {
		found, err := p.find(ctx)
		if err != nil || i == 0 && !found {
			return false, err
		}
	}
	return true, nil
}
