package proptest

import (
	"cmp"
	"context"
	"testing"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// Locker is a lock on ZooKeeper, as its users see it. Both calls may fail when
// something has gone wrong; after that nothing may be left behind that keeps others
// from the lock.
type Locker interface {
	Acquire(ctx context.Context) error
	Release(ctx context.Context) error
}

// Lock explores a lock: every participant gets one from make, on a client of its
// own, acquires and releases it. What must hold:
//
//   - No two hold it, by what the server knows: of those whose Acquire has
//     succeeded, and whose session has not ended nor lost a node to a third party since.
//   - Everybody gets it who waits for it, or has an error, once nothing goes wrong any more.
//   - Acquire fails only if something has gone wrong while it ran, or its
//     context has ended; Release only if something can go wrong in the search.
//   - In the end no ephemeral nodes are left.
//
// It may be [Reentrant], too; for one whose holder can be asked to give it back there is [RevocableLock].
//
// In a test of one's own:
//
//	func TestMyLock(t *testing.T) {
//		proptest.Lock(t, func(c zkapi.Client) proptest.Locker { return mylock.New(c, "/lock") })
//	}
func Lock(t *testing.T, make func(c zkapi.Client) Locker, opts ...func(*Exploration)) {
	t.Helper()
	ExploreLock(t, make, opts...).FailT(t)
}

// LockDialing is Lock for a lock that needs a client over the wire, unmodified: make
// connects it by the participant's dialer, and has it closed at the end.
//
//	proptest.LockDialing(t, func(p *explore.Participant) proptest.Locker {
//		conn, _, _ := zk.Connect([]string{"127.0.0.1:2181"}, 10*time.Second, zk.WithDialer(p.Dial))
//		p.AtEnd(conn.Close)
//		return theirs.NewLock(conn, "/lock")
//	})
//
// As calls without a context cannot be given up, they never are.
func LockDialing(t *testing.T, make func(p *explore.Participant) Locker, opts ...func(*Exploration)) {
	t.Helper()
	ExploreLockDialing(t, make, opts...).FailT(t)
}

// ExploreLock is Lock for those who want to see the result.
func ExploreLock(t *testing.T, make func(c zkapi.Client) Locker, opts ...func(*Exploration)) *explore.Result {
	return exploreLock(t, (*explore.World).Go, func(p *explore.Participant) Locker { return make(p.Client) }, opts)
}

// ExploreLockDialing is LockDialing for those who want to see the result.
func ExploreLockDialing(t *testing.T, make func(p *explore.Participant) Locker, opts ...func(*Exploration)) *explore.Result {
	return exploreLock(t, (*explore.World).GoDialing, make, opts)
}

type adder func(w *explore.World, name string, body func(*explore.Participant) error)

func exploreLock(t *testing.T, add adder, make func(*explore.Participant) Locker, opts []func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		claims := w.Claims(1)
		for i := range e.Participants {
			add(w, name(i), func(p *explore.Participant) error {
				if e.reentrant {
					return takeTurnsAgain(p, make(p), e.Rounds, stake{claims, "the lock"})
				}
				return takeTurns(p, make(p), e.Rounds, stake{claims, "the lock"})
			})
		}
		e.alike(w, 0, e.Participants)
		w.Remember()
		w.Finally(tidy(w))
	}, opts)
}

// stake is what somebody holds.
type stake struct {
	claims *explore.Claims
	what   string
}

// takeTurns is what a participant does.
func takeTurns(p *explore.Participant, l Locker, rounds int, stakes ...stake) error {
	for range rounds {
		if err := takeTurn(p.Context(), p, l, works, stakes...); err != nil {
			return err
		}
	}
	return nil
}

func works(began since) error {
	began.p.Pause("works")
	return nil
}

// takeTurn acquires a lock, works, and releases it.
func takeTurn(ctx context.Context, p *explore.Participant, l Locker, work func(since) error, stakes ...stake) error {
	began := asOf(p)
	if ok, err := began.attempt(ctx, "Acquire", l.Acquire); !ok {
		return err
	}
	for _, s := range stakes {
		s.claims.Take(p, s.what)
	}
	wrong := work(began)
	for _, s := range stakes {
		s.claims.Drop(p, s.what)
	}
	return cmp.Or(wrong, excuse(p, "Release", l.Release(ctx)))
}
