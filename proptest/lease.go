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
// gives it back. What must hold:
//
//   - No two hold it at a time: from the moment in which Obtain has said so until the
//     time is over that began with the call, whatever becomes of the session. With
//     [Leases] so many may hold one.
//   - Everybody gets it in the end, and whoever holds it can renew it and give it back.
//   - As long as nothing has gone wrong nobody is refused what nobody holds, unless others
//     take it or give it back at the same time.
//
// make gets the holder's name beside the client. Nodes are not deleted by others,
// because that takes leases away.
func Lease(t *testing.T, duration time.Duration, make func(c zkapi.Client, holder string) Leaser, opts ...func(*Exploration)) {
	t.Helper()
	ExploreLease(t, duration, make, opts...).FailT(t)
}

// Leases has [Lease] explore so many leases, of which everybody takes one, with one participant more at least.
func Leases(n int) func(*Exploration) { return func(e *Exploration) { e.leases = n } }

// ExploreLease is Lease for those who want to see the result.
func ExploreLease(t *testing.T, duration time.Duration, make func(c zkapi.Client, holder string) Leaser, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		x := &terms{w: w, duration: duration, most: max(e.leases, 1), until: map[string]time.Time{}, taken: map[string]time.Time{}, alone: map[string]bool{}}
		participants := e.Participants
		if e.leases > 0 {
			participants = max(participants, e.leases+1)
		}
		for i := range participants {
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
		w.Remember(func() string { return fmt.Sprint(x.until, x.taken, x.alone) })
		w.Invariant(x.check)
		w.Finally(tidy(w))
	}, without(explore.Removal, opts))
}

// terms are how long participants hold a lease.
type terms struct {
	w        *explore.World
	duration time.Duration
	most     int
	until    map[string]time.Time // they may count on it
	taken    map[string]time.Time // nobody else can have had it
	alone    map[string]bool      // whose calls are under way, and whether nobody else's were meanwhile
}

// second is how exact the end of a lease is.
const second = time.Second

// lasting are those whose time is not over.
func lasting(ends map[string]time.Time) (names []string) {
	for who, end := range ends {
		if time.Now().Before(end) {
			names = append(names, who)
		}
	}
	slices.Sort(names)
	return names
}

func (x *terms) check() error {
	holders := lasting(x.until)
	if len(holders) <= x.most {
		return nil
	}
	return fmt.Errorf("%s hold the lease at the same time", strings.Join(holders, " and "))
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
	now, mine := asOf(p), time.Now().Before(x.until[p.Name])
	held, err := x.obtain(p, l)
	if err == nil && !held && mine && now.well && p.Faults() == now.faults && p.Context().Err() == nil {
		return fmt.Errorf("%s holds the lease, and could not renew it", p.Name)
	}
	p.Pause("works on")
	return err
}

// obtain calls Obtain, and notes until when it holds.
func (x *terms) obtain(p *explore.Participant, l Leaser) (held bool, err error) {
	began := time.Now()
	ok, alone, err := x.call(p, "Obtain", func(ctx context.Context) (err error) {
		held, err = l.Obtain(ctx)
		return err
	})
	switch {
	case err != nil || !ok:
		return false, err
	case held:
		x.until[p.Name], x.taken[p.Name] = began.Add(x.duration-second), time.Now().Add(x.duration+second)
		p.Log("holds the lease")
		return true, nil
	case alone && x.w.Faults() == 0 && len(lasting(x.taken)) < x.most:
		return false, fmt.Errorf("%s is refused a lease, of %d, and those who have one are: %s", p.Name, x.most, strings.Join(lasting(x.taken), ", "))
	}
	return false, nil
}

// call calls one of them, and tells whether it has worked, and nobody else has called one meanwhile.
func (x *terms) call(p *explore.Participant, what string, do func(context.Context) error) (ok, alone bool, err error) {
	began := asOf(p) // which also waits for whoever was here last
	for who := range x.alone {
		x.alone[who] = false
	}
	x.alone[p.Name] = len(x.alone) == 0
	ok, err = began.attempt(p.Context(), what, do)
	alone = x.alone[p.Name]
	delete(x.alone, p.Name)
	p.Learn(alone)
	return ok, alone, err
}

func (x *terms) giveBack(p *explore.Participant, l Leaser) error {
	mine, held := time.Now().Before(x.until[p.Name]), false
	delete(x.until, p.Name)
	p.Log("gives the lease back")
	ok, _, err := x.call(p, "Release", func(ctx context.Context) (err error) {
		held, err = l.Release(ctx)
		return err
	})
	if ok {
		delete(x.taken, p.Name)
	}
	if ok && mine && !held && p.Faultless() {
		return fmt.Errorf("%s has given back the lease that it had, and is told that it had none", p.Name)
	}
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
