package transcript

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// advance lets time pass: "advance 3s", or "advance 3s until b events=2" and
// "advance 3s until b closed", which wait no longer than they must where time is real.
func (x *exec) advance(a *args) ([]string, error) {
	d, err := time.ParseDuration(a.next("duration").text)
	if err != nil {
		return nil, err
	}
	var watched *conn
	var client *caller
	events, closed := 0, false
	if a.flag("until") {
		name := a.next("connection").text
		if watched, client = x.conns[name], x.callers[name]; watched == nil && client == nil {
			return nil, fmt.Errorf("there is no connection %q", name)
		}
		events = int(a.int32("events", 0))
		closed = a.flag("closed")
	}
	if err := a.done(); err != nil {
		return nil, err
	}
	if x.server.Advance != nil && !x.mustWait() {
		x.server.Advance(d)
		switch {
		case client != nil:
			return x.events(client), nil
		case closed:
			return x.untilClosed(watched)
		case watched != nil:
			return x.barrier(watched)
		}
		return nil, nil
	}
	if x.server.Dial == nil {
		return nil, notForClients("waiting for real time")
	}
	return x.wait(d, watched, events)
}

// mustWait tells whether somebody is silent on an open connection, and the
// server has no way to be told so: then only real time shows what comes of it.
func (x *exec) mustWait() bool {
	if x.server.Stall != nil {
		return false
	}
	return slices.ContainsFunc(x.all, func(c *conn) bool { return c.stalled && !c.closed })
}

// wait lets real time pass, keeps the other sessions alive, and ends early when
// what it waits for has come.
func (x *exec) wait(d time.Duration, watched *conn, events int) ([]string, error) {
	var lines []string
	end := time.Now().Add(d)
	for step := x.heartbeat(); time.Now().Before(end); {
		for _, c := range x.all {
			if c.session == nil || c.session.ended || c.closed || c.stalled || c == watched {
				continue
			}
			early, err := x.barrier(c)
			if c.closed {
				continue // by a restart, for instance
			}
			if err != nil || len(early) > 0 {
				return lines, errors.Join(err, fmt.Errorf("while waiting, %s got %q", c.name, early))
			}
		}
		until := time.Now().Add(step)
		if until.After(end) {
			until = end
		}
		if watched == nil {
			time.Sleep(time.Until(until))
			continue
		}
		f, err := x.receive(watched, until)
		switch {
		case errors.Is(err, errClosed):
			return append(lines, "closed"), nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			if watched.stalled {
				continue
			}
			early, err := x.barrier(watched)
			if lines = append(lines, early...); err != nil {
				return lines, err
			}
		case err != nil:
			return lines, err
		}
		lines = append(lines, f.lines...)
		if events > 0 && len(lines) >= events {
			more, err := x.barrier(watched)
			return append(lines, more...), err
		}
	}
	return lines, nil
}

// heartbeat is how often every session must be heard of.
func (x *exec) heartbeat() time.Duration {
	step := time.Second
	for _, c := range x.all {
		if c.session != nil && !c.closed && !c.stalled {
			step = min(step, c.session.timeout/4)
		}
	}
	return max(step, 10*time.Millisecond)
}
