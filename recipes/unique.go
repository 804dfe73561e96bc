package recipes

import (
	"context"
	"errors"
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// unique makes the node of a place under a name that is a GUID, or begins with
// one, and has no counter behind it. There is one, however often it is asked for.
func (p *place) unique(ctx context.Context) error {
	s, q := p.s, p.q
	for t := s.tries(); ; {
		err := s.once(ctx, func() error {
			_, err := s.c.Create(ctx, zkapi.Join(q.dir, p.prefix), q.data, q.o.ACL, zkapi.Ephemeral)
			return err
		})
		switch {
		case err == nil, errors.Is(err, zkapi.ErrNodeExists): // nobody else can have made it
			p.name = p.prefix
			return nil
		case errors.Is(err, zkapi.ErrNoNode):
			if err := q.o.ensure(ctx, s, q.dir); err != nil {
				return err
			}
			continue
		default:
			p.dirty = p.dirty || !zkapi.NothingChanged(err)
			if !retryable(err) {
				return err
			}
		}
		if err := t.pause(ctx); err != nil {
			return err
		}
	}
}

// isGUID tells whether a name is a GUID, as kazoo and Curator write them.
func isGUID(name string) bool {
	if len(name) == 36 {
		name = strings.ReplaceAll(name, "-", "")
	}
	return len(name) == 32 && strings.Trim(name, "0123456789abcdef") == ""
}
