package faults

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// Breaker is what a client has whose connection can be broken from outside.
// memserver's direct client has it. Both methods return at once.
type Breaker interface {
	// Disconnect breaks the connection; the session lives on until its timeout.
	Disconnect()
	// Reconnect lets the client connect again.
	Reconnect()
}

// Client puts the plan between a program and a client that has no connection to
// wrap, such as memserver's direct client. A client with a connection gets its
// faults there, from Dialer, and more exactly.
//
// Rules mean what they mean on a connection, as far as that can be seen at this
// interface. What is different:
//
//   - A broken connection needs a client that is a Breaker; for any other the
//     call fails with ErrConnectionLoss, and State and States know nothing of it.
//   - A client that has heard nothing for two thirds of its session timeout,
//     because of a stall or a silence, breaks the connection and comes back; the
//     server counts the time until the session expires from then on, since until
//     then a direct client counts as sending its pings.
//   - While connections are refused, calls fail at once with ErrConnectionLoss;
//     the client tries again each second.
//   - There are no bytes, so slow never fires, and no pings. connect is about
//     coming back, since the client is connected when it is wrapped. An auth
//     that is answered with AuthFailed leaves the client as it is.
//   - A context that ends while a request waits on its way to the server takes
//     the request back, which a network does not.
func (p *Plan) Client(c zkapi.Client) zkapi.Client { return p.As("").Client(c) }

// Client is Plan.Client for this client.
func (y *Party) Client(inner zkapi.Client) zkapi.Client {
	c := &client{Client: inner, plan: y.plan, epoch: make(chan struct{}), changed: make(chan struct{}),
		stalled: make(map[Way]bool), timers: make(map[*time.Timer]struct{})}
	c.who = peer{name: y.name, conn: c, noBytes: true}
	c.breaker, _ = inner.(Breaker)
	c.meet()
	y.plan.enter(c)
	c.watchSilence()
	return c
}

// client is a zkapi.Client with a plan in between. Two lanes lead to the server
// and back; who has to wait in one lets nobody overtake.
type client struct {
	zkapi.Client
	plan    *Plan
	breaker Breaker

	mu       sync.Mutex    // nothing blocks under it, and the client within is not called
	who      peer          // with the session that was seen last
	patience time.Duration // how long the client waits for a sign of life
	epoch    chan struct{} // closed when the connection breaks, and made anew
	changed  chan struct{} // closed when the plan heals, and made anew
	up, down lane
	stalled  map[Way]bool
	away     bool // the connection is broken, and not yet back
	closed   bool
	timers   map[*time.Timer]struct{}
	missed   []*tap  // watches whose events got lost
	pumps    []*pump // of persistent watches
}

// meet notes what is known of the session. It is not for those who may be
// called by the client within.
func (c *client) meet() {
	session, timeout := c.Client.SessionID(), c.Client.SessionTimeout()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who.session, c.patience = session, timeout*2/3
}

func (c *client) peer() peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who
}

// lane is one direction. last is closed when everybody in it has gone.
type lane struct{ last chan struct{} }

// after calls f in d, unless the client is closed before. c.mu is held.
func (c *client) after(d time.Duration, f func()) {
	if c.closed {
		return
	}
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		c.mu.Lock()
		delete(c.timers, t)
		over := c.closed
		c.mu.Unlock()
		if !over {
			f()
		}
	})
	c.timers[t] = struct{}{}
}

func (c *client) later(d time.Duration, f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.after(d, f)
}

// healed implements live.
func (c *client) healed() {
	c.mu.Lock()
	close(c.changed)
	c.changed = make(chan struct{})
	away := c.away
	c.mu.Unlock()
	if away {
		c.reconnect()
	}
	c.watchSilence() // of the rules that are in force now
}

// shut implements live.
func (c *client) shut() {}

// silence tells whether the network is silent in a direction, and until when.
func (c *client) silence(g *program, way Way) lasting {
	if len(g.lasting) == 0 {
		return lasting{}
	}
	who := c.peer()
	return c.plan.lasting(g, &who, way)
}

// enter goes through a lane. The caller calls leave when those behind may pass.
func (c *client) enter(ctx context.Context, l *lane, way Way, epoch chan struct{}, delay time.Duration) (leave func(), err error) {
	s := c.silence(c.plan.program.Load(), way)
	c.mu.Lock()
	if delay == 0 && !s.silent && l.last == nil && !c.stalled[way] {
		c.mu.Unlock()
		return func() {}, nil
	}
	before, mine := l.last, make(chan struct{})
	l.last = mine
	c.mu.Unlock()
	leave = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if l.last == mine {
			l.last = nil
		}
		close(mine)
	}
	due := time.NewTimer(delay)
	defer due.Stop()
	if err := c.pass(ctx, before, due.C, way, epoch); err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}

// pass waits for those before, for the time, and for the network.
func (c *client) pass(ctx context.Context, before chan struct{}, due <-chan time.Time, way Way, epoch chan struct{}) error {
	for before != nil || due != nil {
		first := before
		if first == nil {
			first = make(chan struct{}) // nobody is before
		}
		select {
		case <-first:
			before = nil
		case <-due:
			due = nil
		case <-epoch:
			return zkapi.ErrConnectionLoss
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		s := c.silence(c.plan.program.Load(), way)
		c.mu.Lock()
		changed, stalled := c.changed, c.stalled[way]
		c.mu.Unlock()
		if !s.silent && !stalled {
			return nil
		}
		var end <-chan time.Time
		if s.silent && !s.until.IsZero() {
			timer := time.NewTimer(time.Until(s.until))
			defer timer.Stop()
			end = timer.C
		}
		select {
		case <-end:
		case <-changed:
		case <-epoch:
			return zkapi.ErrConnectionLoss
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// stall lets nothing pass in a direction until the client gives the connection up.
func (c *client) stall(way Way) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stallLocked(way)
}

func (c *client) stallLocked(way Way) {
	c.stalled[way] = true
	epoch := c.epoch
	c.after(c.patience, func() {
		c.mu.Lock()
		same := c.epoch == epoch
		c.mu.Unlock()
		if same {
			c.again()
		}
	})
}

// lose lets everybody who is under way know that the connection is broken.
func (c *client) lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loseLocked()
}

func (c *client) loseLocked() {
	close(c.epoch)
	c.epoch = make(chan struct{})
	clear(c.stalled)
	c.away = true
}

// again breaks the connection and comes back.
func (c *client) again() {
	c.lose()
	c.broken()
}

// broken does what follows when the connection is lost.
func (c *client) broken() {
	if c.breaker != nil {
		c.breaker.Disconnect()
	}
	c.reconnect()
}

// pause is how long it takes before a client that could not connect tries again.
const pause = time.Second

// reconnect comes back if the network and the rules allow it, and otherwise later.
func (c *client) reconnect() {
	g, who := c.plan.program.Load(), c.peer()
	c.mu.Lock()
	needed := c.away && !c.closed
	c.mu.Unlock()
	if !needed {
		return
	}
	for _, way := range []Way{ToServer, FromServer} {
		if s := c.silence(g, way); s.silent {
			if !s.until.IsZero() {
				c.later(time.Until(s.until), c.reconnect)
			}
			return // otherwise healed goes on
		}
	}
	if c.plan.refused(&who) {
		c.later(pause, c.reconnect)
		return
	}
	q := request{op: opConnect}
	early := c.plan.judge(find(nil, g.requests, &who, &q), &who, &q)
	if early.act != nil {
		c.later(pause, c.reconnect)
		return
	}
	late := c.plan.judge(find(nil, g.replies, &who, &q), &who, &q)
	if wait := early.delay + late.delay; wait > 0 {
		c.later(wait, func() { c.back(late) })
		return
	}
	c.back(late)
}

// back has the client connected again. Whoever learns that from the client
// within must be able to use it, so away ends before.
func (c *client) back(late verdict) {
	if late.act != nil { // the handshake has worked for the server only
		if c.breaker != nil {
			c.breaker.Reconnect()
			c.breaker.Disconnect()
		}
		c.later(pause, c.reconnect)
		return
	}
	c.mu.Lock()
	c.away = false
	missed := c.missed
	c.missed = nil
	c.mu.Unlock()
	if c.breaker != nil {
		c.breaker.Reconnect()
	}
	c.meet()
	for _, t := range missed {
		t.catchUp()
	}
}

// watchSilence has the client give up when the network has been silent for too long.
func (c *client) watchSilence() {
	now, g := c.plan.now(), c.plan.program.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range g.lasting {
		r := &s.rule
		if r.Action != Silence || r.Client != "" && r.Client != c.who.name || r.Session != 0 && r.Session != c.who.session {
			continue
		}
		age := now - s.born
		if r.To != 0 && r.To <= max(r.From, age)+c.patience {
			continue // it is over before
		}
		c.after(max(r.From-age, 0)+c.patience, func() {
			if c.plan.program.Load() == g && (c.silence(g, ToServer).silent || c.silence(g, FromServer).silent) {
				c.again()
			}
		})
	}
}

// call is one operation: do runs it on the client within, and what it returns
// is the reply. If the error is not nil the caller gets it in place of results.
func (c *client) call(ctx context.Context, q request, do func() error) error {
	g, who := c.plan.program.Load(), c.peer()
	var early verdict
	if g.early.has(q.op) {
		early = c.plan.judge(find(nil, g.requests, &who, &q), &who, &q)
	}
	c.mu.Lock()
	epoch, away := c.epoch, c.away
	c.mu.Unlock()
	if away {
		return c.fail(&q, zkapi.ErrConnectionLoss)
	}
	leave, err := c.enter(ctx, &c.up, ToServer, epoch, early.delay)
	if err != nil {
		return c.fail(&q, err)
	}
	switch {
	case early.does(Cut):
		c.again()
		err = zkapi.ErrConnectionLoss
	case early.does(Stall):
		c.stall(ToServer)
		err = c.pass(ctx, nil, nil, ToServer, epoch)
	case early.does(Error):
		if q.arms && early.act.rule.Code == zkapi.ErrNoNode { // the watch is there in spite of it
			err = do()
		}
		if !noReply(err) {
			err = &answer{early.act.rule.Code, early.part}
		}
	default:
		err = do()
	}
	leave()
	if noReply(err) {
		return c.fail(&q, err)
	}
	return c.reply(ctx, g, &who, &q, epoch, err)
}

// reply is the way back.
func (c *client) reply(ctx context.Context, g *program, who *peer, q *request, epoch chan struct{}, err error) error {
	var late verdict
	if g.late.has(q.op) {
		late = c.plan.judge(find(nil, g.replies, who, q), who, q)
	}
	delivered := late.act != nil && late.act.rule.Point == AfterDelivery
	switch {
	case delivered:
	case late.does(Cut):
		c.again()
		return c.fail(q, zkapi.ErrConnectionLoss)
	case late.does(Stall):
		c.stall(FromServer)
	case late.does(Error):
		err = &answer{late.act.rule.Code, late.part}
	}
	c.drain()
	leave, lost := c.enter(ctx, &c.down, FromServer, epoch, late.delay)
	if lost != nil {
		return c.fail(q, lost)
	}
	leave()
	switch {
	case delivered && late.does(Cut):
		c.again()
	case delivered:
		c.stall(FromServer)
	}
	return c.fail(q, err)
}

// answer is an error code that a rule puts in the place of the server's reply.
type answer struct {
	code zkapi.Code
	part int // of a multi
}

func (a *answer) Error() string { return a.code.Error() }
func (a *answer) Unwrap() error { return a.code }

// noReply tells errors of clients from those of servers.
func noReply(err error) bool {
	if a := (*answer)(nil); err == nil || errors.As(err, &a) {
		return false
	}
	code := zkapi.CodeOf(err)
	return code == zkapi.ErrConnectionLoss || code == zkapi.ErrSystem // the latter for all that is not a code
}

// fail wraps an error as the client within does.
func (c *client) fail(q *request, err error) error {
	if _, wrapped := err.(*zkapi.OpError); wrapped || err == nil {
		return err
	}
	return &zkapi.OpError{Op: q.op.String(), Path: q.path, Err: err}
}

// Close closes the session, unless a rule has the request for it lost.
func (c *client) Close() error {
	q := request{op: opClose}
	g, who := c.plan.program.Load(), c.peer()
	v := c.plan.judge(find(nil, g.requests, &who, &q), &who, &q)
	if v.delay > 0 {
		time.Sleep(v.delay)
	}
	dark := c.silence(g, ToServer).silent
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	if first {
		close(c.epoch)
		c.epoch = make(chan struct{})
	}
	for t := range c.timers {
		t.Stop()
	}
	clear(c.timers)
	c.mu.Unlock()
	if first && (v.act != nil || dark) && c.breaker != nil {
		c.breaker.Disconnect()
	}
	err := c.Client.Close()
	c.plan.leave(c)
	c.plan.forget(c)
	return err
}
