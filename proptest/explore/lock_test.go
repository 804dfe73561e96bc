package explore_test

import (
	"context"
	"path"
	"slices"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

var ctx = context.Background()

// lock is the textbook's lock, with a bug to choose. It gives up at the first error.
type lock struct {
	c    zkapi.Client
	bug  string
	node string
}

func (l *lock) Acquire(ctx context.Context) error {
	made, err := l.c.Create(ctx, "/lock/n-", nil, nil, zkapi.EphemeralSequential)
	if err != nil {
		return err
	}
	l.node = path.Base(made)
	for {
		names, _, err := l.c.Children(ctx, "/lock")
		if err != nil {
			return err
		}
		slices.Sort(names)
		at := slices.Index(names, l.node)
		if at <= 0 {
			return nil
		}
		before := "/lock/" + names[at-1]
		if l.bug == "waits for the first" {
			before = "/lock/" + names[0]
		}
		_, ok, changed, err := l.c.ExistsW(ctx, before)
		switch {
		case err != nil:
			return err
		case !ok:
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
		if l.bug == "waits for the first" || l.bug == "does not look again" { // somebody else may be before it
			return nil
		}
	}
}

func (l *lock) Release(ctx context.Context) error {
	return l.c.Delete(ctx, "/lock/"+l.node, zkapi.AnyVersion)
}

// exclusion is n participants, each of which takes the lock once.
func exclusion(bug string, n int) func(*explore.World) {
	return func(w *explore.World) {
		c, _ := w.Server.Client()
		_, _ = c.Create(ctx, "/lock", nil, nil, zkapi.Persistent)
		_ = c.Close()
		claims := w.Claims(1)
		for i := range n {
			w.Go(string(rune('A'+i)), func(p *explore.Participant) error {
				if bug == "does not look again" {
					defer p.Client.Close()
				}
				l := &lock{c: p.Client, bug: bug}
				if l.Acquire(p.Context()) != nil {
					return nil
				}
				claims.Take(p, "the lock")
				p.Pause("works")
				claims.Drop(p, "the lock")
				_ = l.Release(p.Context())
				return nil
			})
		}
	}
}
