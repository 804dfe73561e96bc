package proptest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// RevocableLocker is a lock whose holder can be asked to give it back.
type RevocableLocker interface {
	Locker
	// Revoke asks whoever holds it now to give it back. If nobody does, nothing happens.
	Revoke(ctx context.Context) error
	// Revoked returns when the holder has been asked; with an error when the lock is lost before.
	Revoked(ctx context.Context) error
}

// RevocableLock explores a lock that is held until somebody wants to have it back, as [Lock]
// does a lock: every participant but the last one acquires it, and gives it back when it has been
// asked to. The last one asks whoever has it, after some time. What must hold beside:
//
//   - Who is asked learns it, unless it has lost the lock, whatever becomes of its connection. Whoever
//     still waits for that when nothing is under way any more waits for ever.
//   - Nobody is told to give it back whom nobody has asked since its Acquire began.
//   - Revoke and Revoked fail only if something has gone wrong.
func RevocableLock(t *testing.T, make func(c zkapi.Client) RevocableLocker, opts ...func(*Exploration)) {
	t.Helper()
	ExploreRevocableLock(t, make, opts...).FailT(t)
}

// ExploreRevocableLock is RevocableLock for those who want to see the result.
func ExploreRevocableLock(t *testing.T, locker func(c zkapi.Client) RevocableLocker, opts ...func(*Exploration)) *explore.Result {
	return search(t, func(w *explore.World, e *Exploration) {
		holders := max(1, e.Participants-1)
		x := &tenure{the: stake{w.Claims(1), "the lock"}, holders: holders, turned: make(chan struct{})}
		for i := range holders {
			w.Go(name(i), func(p *explore.Participant) error { return x.hold(p, locker(p.Client), e.Rounds) })
		}
		w.Go(name(holders), func(p *explore.Participant) error { return x.ask(p, locker(p.Client)) })
		e.alike(w, 0, holders)
		w.Remember(x.String)
		w.Finally(tidy(w))
	}, opts)
}

// tenure is who has a lock, and who has been asked to give it back.
type tenure struct {
	the stake

	mu      sync.Mutex
	holders int       // that have not ended
	tenants []*tenant // who wait to be asked
	turned  chan struct{}

	begun  int  // how often somebody has been asked
	asking int  // 1 while that is under way
	maybe  bool // one that failed may come later
}

type tenant struct {
	name  string
	round int
	asked bool
}

func (x *tenure) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return fmt.Sprint(x.holders, x.begun, x.asking, x.maybe) + inAll(x.tenants)
}

// inAll is all that is known of them.
func inAll(tenants []*tenant) (s string) {
	for _, y := range tenants {
		s += fmt.Sprint(*y)
	}
	return s
}

// turn changes something, and wakes whoever asks.
func (x *tenure) turn(change func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	change()
	close(x.turned)
	x.turned = make(chan struct{})
}

func (x *tenure) hold(p *explore.Participant, l RevocableLocker, rounds int) error {
	for round := range rounds {
		x.mu.Lock()
		before := x.begun - x.asking
		x.mu.Unlock()
		p.Learn(before)
		me := &tenant{name: p.Name, round: round}
		err := takeTurn(p.Context(), p, l, func(began since) error { return x.await(me, l, began, before) }, x.the)
		if err != nil {
			return err
		}
	}
	x.turn(func() { x.holders-- })
	return nil
}

// await waits to be asked. So many had been before Acquire began.
func (x *tenure) await(me *tenant, l RevocableLocker, began since, before int) error {
	p := began.p
	x.turn(func() { x.tenants = append(x.tenants, me) })
	told, err := began.attempt(p.Context(), "Revoked", l.Revoked)
	x.mu.Lock()
	x.tenants = slices.DeleteFunc(x.tenants, func(y *tenant) bool { return y == me })
	asked := x.maybe || x.begun > before
	x.mu.Unlock()
	if p.Learn(asked); told && !asked {
		return fmt.Errorf("%s is told to give the lock back, and nobody has asked", p.Name)
	}
	return err
}

func (x *tenure) ask(p *explore.Participant, l RevocableLocker) error {
	for p.Context().Err() == nil {
		x.mu.Lock()
		holders, turned := x.holders, x.turned
		wanted := slices.ContainsFunc(x.tenants, func(y *tenant) bool { return !y.asked })
		x.mu.Unlock()
		p.Learn(wanted || holders == 0)
		if holders == 0 {
			break
		}
		if !wanted {
			select {
			case <-turned:
			case <-p.Context().Done():
			}
			continue
		}
		p.Pause("wants it")
		x.mu.Lock()
		present, known := slices.Clone(x.tenants), inAll(x.tenants)
		x.begun++
		x.asking = 1
		x.mu.Unlock()
		p.Learn(known)
		ok, err := attempt(p, "Revoke", l.Revoke)
		x.mu.Lock()
		x.asking = 0
		x.maybe = x.maybe || !ok && err == nil
		for _, y := range present {
			y.asked = y.asked || ok
		}
		x.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
