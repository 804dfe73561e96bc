package pairs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/zksim/zksim/cmd/zksim/interop/proxy"
	"github.com/zksim/zksim/zkapi"
)

// Sessions that end while something is held. To begin another session takes a client a second, so all that are to
// lose something meet at the same time, and each session ends once.

// Whose session ends.
const (
	ours   = "we crash"
	theirs = "they crash"
)

// crash is one who waits for a session to end: when all have arrived it does, and they go on.
type crash struct {
	arrive chan string   // whose session is to end
	resume chan struct{} // it has
	done   chan struct{} // nothing more comes
}

// weCrash returns when our session has ended.
func (t *table) weCrash() { t.crash(ours) }

// theyCrash returns when theirs has.
func (t *table) theyCrash() { t.crash(theirs) }

func (t *table) crash(whose string) {
	old := t.client.SessionID()
	select {
	case t.crashes.arrive <- whose:
		<-t.crashes.resume
	case <-t.ctx.Done():
		panic(trouble{fmt.Errorf("%s: %w", whose, context.Cause(t.ctx))})
	}
	t.said, t.after = nil, whose
	if whose == ours { // what this table reads would fail before
		t.until("another session", func() bool { return t.client.State() == zkapi.StateConnected && t.client.SessionID() != old })
	}
}

// wire is the way of a client to the server.
type wire struct {
	*proxy.Proxy
	returns bool // with another session, when one has ended
}

// crash ends the session, and waits for the next one.
func (w wire) crash(ctx context.Context) error {
	old := w.Last().ID
	err := w.Expire(old)
	for w.returns && w.Last().ID == old && err == nil {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	return err
}

// together ends all sessions at the same time.
func together(ctx context.Context, wires []wire) error {
	failed := make([]error, len(wires))
	var all sync.WaitGroup
	for i, w := range wires {
		all.Go(func() { failed[i] = w.crash(ctx) })
	}
	all.Wait()
	return errors.Join(failed...)
}

// loser is one of those who lose something.
type loser struct {
	*table
	sit func() error
}

// survive has all of them meet, ends our session when all of them are ready, and then theirs. It gives what each
// has printed and noticed in their order.
func survive(ctx context.Context, losers []loser, wires map[string][]wire, out io.Writer) error {
	said := make([]strings.Builder, len(losers))
	failed := make([]error, len(losers))
	var all sync.WaitGroup
	for i, l := range losers {
		l.out, l.after = &said[i], "before"
		l.crashes = &crash{make(chan string), make(chan struct{}), make(chan struct{})}
		all.Go(func() {
			defer close(l.crashes.done)
			failed[i] = l.sit()
		})
	}
	for _, whose := range []string{ours, theirs} {
		there := ready(losers, whose)
		if len(there) > 0 {
			failed = append(failed, together(ctx, wires[whose]))
		}
		for _, l := range there {
			l.crashes.resume <- struct{}{}
		}
	}
	all.Wait()
	for i := range losers {
		if _, err := io.WriteString(out, said[i].String()); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// ready waits for all to be so, and leaves out those who have ended.
func ready(losers []loser, whose string) (there []loser) {
	for _, l := range losers {
		select {
		case got := <-l.crashes.arrive:
			if got != whose {
				panic(fmt.Sprintf("%s: %s before %s", l.name, got, whose))
			}
			there = append(there, l)
		case <-l.crashes.done:
		}
	}
	return there
}
