package proptest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// Leaser is a lease that ends with time, and not with a session.
type Leaser interface {
	// Obtain takes the lease or renews it, from now on, and tells whether it is held.
	Obtain(ctx context.Context) (bool, error)
	// Release gives it back, and tells whether it was held.
	Release(ctx context.Context) (bool, error)
}

// Lease explores a lease that is held for some time, to the second: a participant
// takes it, works, renews it after half of the time, works on, and every other one
// gives it back. No two hold it at a time: from the moment in which Obtain has
// said so until the time is over that began with the call, whatever becomes of the
// session. Everybody gets it in the end, and whoever holds it can renew it.
//
// make gets the holder's name beside the client. Nodes are not deleted by others,
// because that takes leases away.
func Lease(t *testing.T, duration time.Duration, make func(c zkapi.Client, holder string) Leaser, opts ...func(*Exploration)) {
	t.Helper()
	ExploreLease(t, duration, make, opts...).FailT(t)
}

// ExploreLease is Lease for those who want to see the result.
func ExploreLease(t *testing.T, duration time.Duration, make func(c zkapi.Client, holder string) Leaser, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		x := &terms{duration: duration, until: map[string]time.Time{}}
		for i := range e.Participants {
			w.Go(name(i), func(p *explore.Participant) error {
				l := make(p.Client, p.Name)
				for range e.Rounds {
					if err := x.hold(p, l, time.Duration(i)*17*time.Millisecond); err != nil || p.Context().Err() != nil {
						return err
					}
				}
				if i%2 == 0 {
					return x.giveBack(p, l)
				}
				return nil
			})
		}
		w.Remember(func() string { return fmt.Sprint(x.until) })
		w.Invariant(x.check)
		w.Finally(tidy(w))
	}, without(explore.Removal, opts))
}

// terms are how long participants hold a lease.
type terms struct {
	duration time.Duration
	until    map[string]time.Time
}

// second is how exact the end of a lease is.
const second = time.Second

func (x *terms) check() error {
	var holders []string
	for who, end := range x.until {
		if time.Now().Before(end) {
			holders = append(holders, who)
		}
	}
	if len(holders) < 2 {
		return nil
	}
	return fmt.Errorf("%s hold the lease at the same time", strings.Join(slices.Sorted(slices.Values(holders)), " and "))
}

// hold takes the lease, works, and renews it. A shift has no two do something at the same time.
func (x *terms) hold(p *explore.Participant, l Leaser, shift time.Duration) error {
	for held := false; !held; {
		var err error
		if held, err = x.obtain(p, l); err != nil || p.Context().Err() != nil {
			return err
		}
		if !held {
			sleep(p.Context(), x.duration/4+second+shift)
		}
	}
	p.Pause("works under the lease")
	sleep(p.Context(), x.duration/2+shift)
	faults, mine := p.Faults(), time.Now().Before(x.until[p.Name])
	held, err := x.obtain(p, l)
	if err == nil && !held && mine && p.Faults() == faults && p.Context().Err() == nil {
		return fmt.Errorf("%s holds the lease, and could not renew it", p.Name)
	}
	p.Pause("works on")
	return err
}

// obtain calls Obtain, and notes until when it holds.
func (x *terms) obtain(p *explore.Participant, l Leaser) (held bool, err error) {
	began := time.Now()
	ok, err := attempt(p, "Obtain", func(ctx context.Context) (err error) {
		held, err = l.Obtain(ctx)
		return err
	})
	if err != nil || !ok || !held {
		return false, err
	}
	x.until[p.Name] = began.Add(x.duration - second)
	p.Log("holds the lease")
	return true, nil
}

func (x *terms) giveBack(p *explore.Participant, l Leaser) error {
	delete(x.until, p.Name)
	p.Log("gives the lease back")
	_, err := attempt(p, "Release", func(ctx context.Context) error {
		_, err := l.Release(ctx)
		return err
	})
	return err
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
