package proptest

import (
	"context"
	"errors"

	"github.com/zksim/zksim/proptest/explore"
)

// Reentrant says of a [Lock] that its owner may acquire it again: every participant does
// so while it holds it, and releases it twice. It holds it until the second time, and
// nobody waits for himself. Acquiring it again may fail if something has gone wrong
// since the first time; it has to if the lock is somebody else's by then because the session
// has ended. That a third party has deleted its node it need not know.
//
// Of a Locker the owner is whoever has it. If owners are told by contexts, and the Locker has a method
//
//	WithOwner(ctx context.Context) context.Context
//
// that names a new one, then each participant has two, of whom the other one waits as
// anybody else would.
func Reentrant(e *Exploration) { e.reentrant = true }

// takeTurnsAgain is takeTurns for a lock that is reentrant.
func takeTurnsAgain(p *explore.Participant, l Locker, rounds int, held stake) error {
	owners, several := l.(interface {
		WithOwner(ctx context.Context) context.Context
	})
	for range rounds {
		ctx, beside := p.Context(), func() error { return nil }
		if several {
			ctx = owners.WithOwner(ctx)
		}
		err := takeTurn(ctx, p, l, func(began since) error {
			if several {
				done := make(chan error, 1)
				beside = func() error { return <-done }
				go func() { done <- takeTurn(owners.WithOwner(p.Context()), p, l, works, held) }()
			}
			return acquireAgain(ctx, l, began, held)
		}, held)
		if err = errors.Join(err, beside()); err != nil {
			return err
		}
	}
	return nil
}

// acquireAgain is what somebody does who has the lock since then.
func acquireAgain(ctx context.Context, l Locker, began since, held stake) error {
	p := began.p
	p.Pause("works")
	ok, err := began.attempt(ctx, "Acquire again", l.Acquire)
	if !ok {
		return err
	}
	held.claims.Renew(p)
	p.Pause("works on")
	err = excuse(p, "Release", l.Release(ctx))
	p.Pause("works to the end")
	return err
}
