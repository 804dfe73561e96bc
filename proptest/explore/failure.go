package explore

import (
	"fmt"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// Why is the kind of a failure.
type Why string

// The kinds of failures.
const (
	Invariant       Why = "an invariant does not hold"
	Final           Why = "what has to hold in the end does not"
	FailedAssertion Why = "an assertion failed"
	Returned        Why = "a participant returned an error"
	Panicked        Why = "a participant panicked"
	Deadlock        Why = "somebody waits for ever"
	Livelock        Why = "the schedule does not end"
	Stuck           Why = "a participant does not end"
	Leaked          Why = "goroutines are left"
	// Unlike is no failure of a schedule, but of an exhaustive search: two ways that it takes for the same are not.
	Unlike Why = "a state is not what it is taken for"
)

// Failure is a schedule that has failed, or that Trace has run.
type Failure struct {
	Why     Why
	Text    string
	Stack   string // where it has panicked, if it has
	Choices []int  // the schedule: which of the possible steps was taken, each time
	History []Line // what happened
	// Twin, where it is Unlike, is the other way: what comes to the same, as the search has it.
	Twin *Failure

	steps []stepName
	names []string         // of the participants
	first []memserver.Node // what there was before
	root  *memserver.Node
	acts  []act
	spot  *spot // where it is Unlike
	// Of an ensemble, see Lag: how many servers there were, and for how many participants.
	members, seats int
}

// act is what a step did, for those who do it again elsewhere.
type act struct {
	line       int // in the history
	who        int
	kind       Kind
	fault      Fault
	path       string      // of a removal
	event      zkapi.Event // of Told; the zero one if it is the end of the connection
	up         bool        // the participant is connected
	*operation             // of Ran
	server                 // of CameBack, CaughtUp and Lag
}

// server is a member of an ensemble.
type server struct {
	member  int
	applied int  // transactions, by the step
	late    bool // it goes on to lag
	broken  bool // the connection to it is
}

func (f *Failure) Error() string {
	if f.Why == "" {
		return "nothing failed"
	}
	return fmt.Sprintf("%s: %s", f.Why, f.Text)
}

// Line is one line of a history.
type Line struct {
	Number int    // counts from 1; 0 for a note, which is no step
	Who    string // the participant; "" is the world
	Kind   Kind
	Text   string
	Result string        // of an operation
	Zxid   int64         // the server's, afterwards
	At     time.Duration // since the beginning
}

// record adds to the history, if there is to be one.
func (r *run) record(l Line) {
	if !r.recording {
		return
	}
	l.Zxid, l.At = r.srv.Zxid(), time.Since(r.born)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.history = append(r.history, l)
	}
}

func (r *run) recordOp(who int, o *operation) {
	if r.recording {
		done := *o // the participant may get another answer
		r.acts = append(r.acts, act{line: len(r.history), who: who, kind: Ran, operation: &done, up: r.parts[who].client.link.up() || o.verb == verbClose && o.answer.err == nil})
		r.record(Line{Kind: Ran, Who: r.parts[who].Name, Text: o.String(), Result: o.result()})
	}
}

// note is Participant.Log.
func (r *run) note(c *client, format string, args []any) {
	text := fmt.Sprintf(format, args...)
	r.mu.Lock()
	r.touched = true
	c.learn().text(text)
	if !r.remembers {
		r.writes.text(text)
	}
	r.mu.Unlock()
	r.record(Line{Kind: Noted, Who: r.parts[c.index].Name, Text: text})
}

// sessionName is how a session is called in a history.
func (r *run) sessionName(id int64) string { return fmt.Sprintf("0x%x", id) }
