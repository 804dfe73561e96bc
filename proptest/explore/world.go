package explore

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// World is what one schedule happens in. The scenario furnishes it, and is
// called anew for every schedule.
type World struct {
	// Server is the world's server, with extended types. The scenario and its invariants may look at
	// it and change it; participants may not.
	Server *memserver.Server

	run *run
}

// Go adds a participant. The body runs on a goroutine of its own once the
// scenario has returned; what it returns as an error is a failure of the
// schedule. It may start goroutines; all of them have to end before it returns.
func (w *World) Go(name string, body func(p *Participant) error) {
	w.run.addParticipant(name, body)
}

// GoDialing is Go for a participant whose client is one over the wire, unmodified:
// it dials by Participant.Dial, and Participant.Client is nil. Frames are what the
// explorer lets pass, one request with its reply at a time; pings pass by themselves.
func (w *World) GoDialing(name string, body func(p *Participant) error) {
	w.run.addDialing(name, body)
}

// Invariant adds what must hold after every step. It is called while all
// participants wait, so that it may look at what they have written.
func (w *World) Invariant(holds func() error) { w.run.invariants = append(w.run.invariants, holds) }

// Finally adds what must hold in the end, when all participants have returned
// and nothing is under way any more. Their sessions are still there.
func (w *World) Finally(holds func() error) { w.run.finals = append(w.run.finals, holds) }

// Remember says what the scenario has in mind beside what each participant knows
// that has not ended: what participants share or leave behind when they return, and what
// invariants keep from one step to the next. What participants read of it and go by they
// have to put down with Participant.Learn. Whoever writes it in a step has to call Learn or Log in that step,
// too, unless what he writes is always something else than what was there: that it was written again shows
// nowhere else. Without arguments it is nothing, or no more than Claims.
//
// It lets an exhaustive search tell states apart by what there is, and not by all
// that has happened, so that there are far fewer; see the package's documentation.
func (w *World) Remember(memory ...func() string) {
	w.run.remembers = !w.run.cfg.Unreduced
	w.run.memories = append(w.run.memories, memory...)
}

// RememberIDs is Remember for zxids and session ids, which count by their order alone; 0 is none.
func (w *World) RememberIDs(ids ...func() []int64) {
	w.run.remembers = !w.run.cfg.Unreduced
	w.run.ids = append(w.run.ids, ids...)
}

// Alike says that participants do the same, but for their names, and for session ids and
// random numbers, which they compare for nothing but equality. An exhaustive
// search leaves out schedules then in which only their parts are exchanged.
func (w *World) Alike(names ...string) {
	if w.run.trial {
		return
	}
	var before *Participant
	for _, p := range w.run.parts {
		if slices.Contains(names, p.Name) {
			p.like, before = before, p
		}
	}
}

// Alive tells whether the server has that session. It is for invariants, as Removed is; a participant that goes by
// it puts that down with Participant.Learn.
func (w *World) Alive(session int64) bool { return w.run.hasSession(session) }

// Removed counts the ephemeral nodes of a session that a third party has deleted.
func (w *World) Removed(session int64) int { return len(w.run.removed[session]) }

// Faults is how many things have gone wrong so far. It is for invariants; a
// participant that goes by it asks Participant.Faults.
func (w *World) Faults() int {
	w.run.mu.Lock()
	defer w.run.mu.Unlock()
	w.run.counted = w.run.counted || w.run.moving
	return w.run.cfg.Faults - w.run.faults
}

// Happened tells whether something of those kinds has gone wrong. It is for invariants, and what a
// scenario that calls it has in mind; see Remember.
func (w *World) Happened(kinds Fault) bool {
	w.run.mu.Lock()
	defer w.run.mu.Unlock()
	return w.run.happened&kinds != 0
}

// Participant is one program of several. It has the methods of testify's
// TestingT, so that require works on it.
type Participant struct {
	// Name is the one that Go was given.
	Name string
	// Client is the participant's own.
	Client zkapi.Client

	run    *run
	client *client
	ctx    context.Context
	cancel context.CancelFunc
	body   func(*Participant) error
	whims  []*whim // guarded by run.mu
	last   []func()
	ended  bool         // guarded by run.mu
	like   *Participant // one before it that does the same
	moved  bool
	gone   bool
	// How many it has, by the counts after each step.
	goroutines int
}

// whim is a context that may be cancelled for no reason.
type whim struct {
	cancel context.CancelFunc
	over   bool
}

// Context ends when the schedule does.
func (p *Participant) Context() context.Context { return p.ctx }

// Cancelable is a context that the explorer may cancel at any step, where
// Cancellation is among the faults.
func (p *Participant) Cancelable(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	w := &whim{cancel: cancel}
	p.run.mu.Lock()
	defer p.run.mu.Unlock()
	p.whims = append(p.whims, w)
	return ctx, func() {
		p.run.mu.Lock()
		w.over = true
		p.run.mu.Unlock()
		cancel()
	}
}

// AtEnd adds what is called when the schedule is over, whatever became of it, such
// as closing a client whose calls know no context. The participant may not have
// returned yet.
func (p *Participant) AtEnd(f func()) {
	p.run.mu.Lock()
	defer p.run.mu.Unlock()
	p.last = append(p.last, f)
}

// Pause is a step in which the participant does nothing. What a program does
// between two calls takes no time; others come in between only where it pauses:
//
//	p.Pause("works under the lock")
func (p *Participant) Pause(doing string) { p.client.call(p.ctx, call{verb: verbPause, path: doing}) }

// Log puts a line into the history.
func (p *Participant) Log(format string, args ...any) { p.run.note(p.client, format, args) }

// Learn says what the participant has read in memory that it shares with others.
func (p *Participant) Learn(what any) {
	p.run.mu.Lock()
	defer p.run.mu.Unlock()
	p.run.touched = true
	p.client.learn().text(fmt.Sprint(what))
}

// Errorf makes the schedule fail.
func (p *Participant) Errorf(format string, args ...any) {
	p.run.mu.Lock()
	defer p.run.mu.Unlock()
	p.run.failLocked(FailedAssertion, fmt.Sprintf("%s: ", p.Name)+fmt.Sprintf(format, args...))
}

// FailNow ends the participant; the schedule has failed.
func (p *Participant) FailNow() {
	p.Errorf("failed")
	runtime.Goexit()
}

// Helper does nothing.
func (p *Participant) Helper() {}

// Session is the session that the participant's client has, or believes to have.
func (p *Participant) Session() int64 { return p.client.link.session() }

// Faults is World.Faults for participants: what it returns counts as learned.
func (p *Participant) Faults() int {
	n := (&World{run: p.run}).Faults()
	p.run.mu.Lock()
	defer p.run.mu.Unlock()
	p.run.counted = true
	p.client.learn().int(n)
	return n
}

// Faultless tells whether nothing can go wrong in this search.
func (p *Participant) Faultless() bool { return p.run.cfg.Faults == 0 }

// Well tells whether the participant is connected, with a session that the server
// has, and nothing is on its way to it that it does not know yet.
func (p *Participant) Well() bool {
	l := p.client.link
	p.run.mu.Lock()
	defer p.run.mu.Unlock()
	well := l.up() && l.waiting() == 0 && p.run.hasSession(l.session())
	p.client.learn().flag(well)
	p.run.asked = true
	return well
}

// live runs the body.
func (p *Participant) live() {
	returned := false
	defer func() {
		r := p.run
		v := recover()
		r.mu.Lock()
		defer r.mu.Unlock()
		switch {
		case v != nil:
			r.panickedLocked(Panicked, fmt.Sprintf("%s panicked: %v", p.Name, v))
		case !returned:
			r.failLocked(FailedAssertion, p.Name+": its goroutine has ended itself")
		}
		p.ended = true
		r.wakeUp()
	}()
	err := p.body(p)
	returned = true
	if err != nil {
		p.run.mu.Lock()
		defer p.run.mu.Unlock()
		p.run.failLocked(Returned, fmt.Sprintf("%s returned: %v", p.Name, err))
	}
}
