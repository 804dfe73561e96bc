package proptest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// RWLocker is a lock for many readers or one writer.
type RWLocker interface {
	Read() Locker
	Write() Locker
}

// RWLock explores a read/write lock, as [Lock] does a lock. Every other participant
// is a writer, the first one too. No writer may hold it together with anybody else. In
// the end two can read at the same time.
func RWLock(t *testing.T, make func(c zkapi.Client) RWLocker, opts ...func(*Exploration)) {
	t.Helper()
	ExploreRWLock(t, make, opts...).FailT(t)
}

// ExploreRWLock is RWLock for those who want to see the result.
func ExploreRWLock(t *testing.T, make func(c zkapi.Client) RWLocker, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		readers, writers := w.Claims(e.Participants), w.Claims(1)
		for i := range e.Participants {
			w.Go(name(i), func(p *explore.Participant) error {
				if i%2 == 0 {
					return takeTurns(p, make(p.Client).Write(), e.Rounds, stake{writers, "the lock"})
				}
				return takeTurns(p, make(p.Client).Read(), e.Rounds, stake{readers, "the lock"})
			})
		}
		w.Invariant(func() error {
			if readers.Len() == 0 || writers.Len() == 0 {
				return nil
			}
			if r, w := readers.Rightful(), writers.Rightful(); len(r) > 0 && len(w) > 0 {
				return fmt.Errorf("%s writes while %s reads", strings.Join(w, " and "), strings.Join(r, " and "))
			}
			return nil
		})
		w.Remember()
		w.Finally(tidy(w))
		w.Finally(together(w, 2, func(c zkapi.Client) Locker { return make(c).Read() }))
	}, opts)
}
