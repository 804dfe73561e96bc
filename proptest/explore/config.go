package explore

import (
	"fmt"
	"time"
)

// Fault is a kind of thing that goes wrong, or several of them.
type Fault uint

// The faults. Each time that one happens it counts against Config.Faults.
const (
	// Cut breaks a participant's connection. Requests under way are lost on their way
	// to the server, or the participant has not sent them yet; events on their way
	// from the server are lost. The participant knows at once.
	Cut Fault = 1 << iota
	// LostReply has the server do a write, and breaks the connection before the reply. It does
	// not happen while an event is on its way to the participant, which would be lost with the reply.
	LostReply
	// Expiry ends a participant's session on the server. A participant that is
	// connected learns of it later, as one does that was stopped for too long.
	Expiry
	// Restart restarts the server: all connections break, sessions and nodes stay.
	Restart
	// Removal has a third party delete a node without children.
	Removal
	// Cancellation ends a context of Participant.Cancelable.
	Cancellation
	// TimerRace lets time pass to the next timer while there are requests under way.
	TimerRace
	// Lag has the server that a participant is connected to fall behind, or breaks its
	// connection and has it come back to one that is behind: as far as ZooKeeper
	// permits, which is never behind what its session has seen or written. What it
	// reads is old then, its events come late, and that its session has ended it is not
	// told. The server catches up at any step, by one transaction at a time, at the
	// latest when nothing else can happen.
	Lag

	// Network is what a network does: Cut, LostReply and Expiry.
	Network = Cut | LostReply | Expiry
	// AllFaults is everything.
	AllFaults = Network | Restart | Removal | Cancellation | TimerRace | Lag
)

// Config says how to explore. The zero value is one minute of random schedules
// without faults, or until a failure.
type Config struct {
	// Strategy makes the choices; Random(1) by default.
	Strategy Strategy
	// Faults is how many things may go wrong in one schedule, and Kinds which;
	// with Kinds 0 it is Network.
	Faults int
	Kinds  Fault
	// Preemptions bounds how often a schedule may turn from a participant that
	// could go on to another one; 0 is no bound, -1 none at all.
	Preemptions int
	// Schedules and Time end the search; 0 is no limit, but for Time where both
	// are 0: one minute.
	Schedules int
	Time      time.Duration
	// MaxSteps is how many steps a schedule may have before it counts as one that
	// never ends; 1000 by default.
	MaxSteps int
	// SessionTimeout is that of the participants' sessions; 10 s by default.
	SessionTimeout time.Duration
	// Unreduced has an exhaustive search try also what comes to the same as something
	// else that it tries, which takes far longer and finds the same; for doubts about that.
	Unreduced bool
	// Thorough has an exhaustive search make sure of everything that it takes for the same, which takes several
	// times as long; otherwise it does so once in 256 times. See Unlike.
	Thorough bool
	// Shard i of Shards, counted from 0, does only its part of the search.
	Shard, Shards int
	// KeepShrinking is how many schedules the search for a shorter one that fails
	// may take, in five seconds at most; 2000 by default, -1 none.
	KeepShrinking int
	// Failures, if not nil, gets every schedule that fails, and the search goes on.
	Failures func(*Failure)
	// Progress, if not nil, is called about every ten seconds.
	Progress func(Progress)

	seats   int  // participants; 0 is not known yet
	endless bool // there is no limit but the default
}

// Progress is how far a search has come.
type Progress struct {
	Schedules int           // run so far, pruned ones included
	Pruned    int           // of these, that came to a state in which another had been
	Steps     int           // taken so far
	States    int           // different ones, if the strategy tells them apart
	Checked   int           // pairs of ways that are taken for the same, and were, see Unlike
	Unsteady  int           // pairs that were not, but something else each time: participants depend on what is not controlled
	Longest   int           // steps of the longest schedule
	Again     int           // schedules that were run again, because they had gone astray
	Elapsed   time.Duration // wall-clock time
}

// String is the progress on one line.
func (p Progress) String() string {
	s := fmt.Sprintf("%d schedules (%.0f a second), %d of them pruned, %d steps, the longest %d",
		p.Schedules, rate(p.Schedules, p.Elapsed), p.Pruned, p.Steps, p.Longest)
	if p.States > 0 {
		s += fmt.Sprintf(", %d states, %d checks", p.States, p.Checked)
		if p.Unsteady > 0 {
			s += fmt.Sprintf(", %d of them in vain", p.Unsteady)
		}
		if p.Again > 0 {
			s += fmt.Sprintf(", %d run again", p.Again)
		}
	}
	return s
}

func parseShard(s string) (i, n int, err error) {
	if _, err := fmt.Sscanf(s, "%d/%d", &i, &n); err != nil || i < 0 || i >= n || s != fmt.Sprintf("%d/%d", i, n) {
		return 0, 0, fmt.Errorf("explore: %q is no shard such as 0/4", s)
	}
	return i, n, nil
}

func (c *Config) complete() error {
	if c.Faults < 0 || c.Schedules < 0 || c.Time < 0 || c.MaxSteps < 0 || c.SessionTimeout < 0 {
		return fmt.Errorf("explore: %d faults, %d schedules, %v, %d steps, or a session timeout of %v: there are none below zero",
			c.Faults, c.Schedules, c.Time, c.MaxSteps, c.SessionTimeout)
	}
	if c.Strategy == nil {
		c.Strategy = Random(1)
	}
	if c.Kinds == 0 {
		c.Kinds = Network
	}
	if c.endless = c.Schedules == 0 && c.Time == 0; c.endless {
		c.Time = time.Minute
	}
	if c.MaxSteps == 0 {
		c.MaxSteps = 1000
	}
	if c.SessionTimeout == 0 {
		c.SessionTimeout = 10 * time.Second
	}
	if c.Shards = max(c.Shards, 1); c.Shard < 0 || c.Shard >= c.Shards {
		return fmt.Errorf("explore: there is no shard %d of %d, which are counted from 0", c.Shard, c.Shards)
	}
	if c.KeepShrinking == 0 {
		c.KeepShrinking = 2000
	}
	return nil
}
