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
//   - The client is connected when it is wrapped, and only then the rules are
//     asked about that connection; if they are against it, the client has lost it
//     and comes back, for which calls wait up to 15 seconds.
//   - slow goes by the length that requests, replies and events would have.
//   - A context that ends while a request waits on its way to the server takes
//     the request back, which a network does not.
func (p *Plan) Client(c zkapi.Client) zkapi.Client { return p.As("").Client(c) }

// Client is Plan.Client for this client.
func (y *Party) Client(inner zkapi.Client) zkapi.Client {
	c := &client{Client: inner, plan: y.plan, epoch: make(chan struct{}), changed: make(chan struct{}),
		stalled: make(map[Way]bool), timers: make(map[*time.Timer]struct{})}
	c.who = peer{name: y.name, conn: c}
	c.breaker, _ = inner.(Breaker)
	c.meet()
	y.plan.enter(c)
	c.watchSilence()
	c.begin()
	c.watchPings()
	return c
}

// client is a zkapi.Client with a plan in between. Two lanes lead to the server
// and back; who has to wait in one lets nobody overtake.
type client struct {
	zkapi.Client
	plan    *Plan
	breaker Breaker
	bridge  sync.Mutex // the connection is broken or made, and away says which; before mu

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
	missed   []*tap        // watches whose events got lost
	pumps    []*pump       // of persistent watches
	pinging  bool          // there is a timer for the next ping
	first    chan struct{} // closed when the client is connected at last; nil if it has been from the start
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

// lane is one direction. last is closed when everybody in it has gone; paced is
// when a slow network has carried all of it.
type lane struct {
	last  chan struct{}
	paced time.Time
}

// carry is how long so many bytes take, with a delay before. c.mu is held.
func (l *lane) carry(bytes, rate int, delay time.Duration) time.Duration {
	if rate == 0 || bytes == 0 {
		return delay
	}
	due := time.Now().Add(delay)
	if l.paced.After(due) {
		due = l.paced
	}
	l.paced = due.Add(time.Duration(bytes) * time.Second / time.Duration(rate))
	return time.Until(l.paced)
}

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
	c.watchPings()
}

// shut implements live.
func (c *client) shut() {}

// begin asks the rules about the connection that the client has when it is
// wrapped, as if it had just been made.
func (c *client) begin() {
	g, who := c.plan.program.Load(), c.peer()
	q := request{op: opConnect}
	lost := c.plan.refused(&who)
	var wait time.Duration
	for _, rules := range [][]*state{g.requests, g.replies} {
		if !lost {
			v := c.plan.judge(find(nil, rules, &who, &q), &who, &q)
			lost, wait = v.act != nil, wait+v.delay
		}
	}
	if !lost && wait == 0 {
		return
	}
	c.lose()
	c.first = make(chan struct{}) // nobody else has the client yet
	if c.breaker != nil {
		c.breaker.Disconnect()
	}
	if lost {
		c.later(pause, c.reconnect)
	} else {
		c.later(wait, func() { c.back(verdict{}) })
	}
}

// watchPings has the client ask for a sign of life three times in a session's
// timeout, as clients with a connection do, if there are rules about that.
func (c *client) watchPings() {
	g := c.plan.program.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pinging || !g.early.has(zkapi.OpPing) && !g.late.has(zkapi.OpPing) {
		return
	}
	c.pinging = true
	c.after(c.patience/2, func() {
		_ = c.call(context.Background(), request{op: zkapi.OpPing}, func() (int, error) { return 0, nil })
		c.mu.Lock()
		c.pinging = false
		c.mu.Unlock()
		c.watchPings()
	})
}

// silence tells whether the network is silent in a direction, and until when.
func (c *client) silence(g *program, way Way) lasting {
	if len(g.lasting) == 0 {
		return lasting{}
	}
	who := c.peer()
	return c.plan.lasting(g, &who, way)
}

// enter goes through a lane. The caller calls leave when those behind may pass.
func (c *client) enter(ctx context.Context, l *lane, way Way, epoch chan struct{}, delay time.Duration, bytes int) (leave func(), err error) {
	s := c.silence(c.plan.program.Load(), way)
	c.mu.Lock()
	delay = l.carry(bytes, s.rate, delay)
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
	c.up.paced, c.down.paced = time.Time{}, time.Time{}
	c.away = true
}

// again breaks the connection and comes back.
func (c *client) again() {
	c.lose()
	c.broken()
}

// broken does what follows when the connection is lost.
func (c *client) broken() {
	c.bridge.Lock()
	c.mu.Lock()
	c.away = true // it may be back already, from a loss at the same time
	c.mu.Unlock()
	if c.breaker != nil {
		c.breaker.Disconnect()
	}
	c.bridge.Unlock()
	c.reconnect()
}

// pause is how long it takes before a client that could not connect tries again.
const pause = time.Second

// firstTime is how long calls wait for the first connection.
const firstTime = 15 * time.Second

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
	c.bridge.Lock()
	c.mu.Lock()
	c.away = false
	missed, first := c.missed, c.first
	c.missed, c.first = nil, nil
	c.mu.Unlock()
	if c.breaker != nil {
		c.breaker.Reconnect()
	}
	c.bridge.Unlock()
	c.meet()
	if first != nil {
		close(first)
	}
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

// connected returns the epoch of the connection. It waits for the first one, but
// not for ever, and fails while there is no other.
func (c *client) connected(ctx context.Context) (epoch chan struct{}, err error) {
	c.mu.Lock()
	epoch, away, first := c.epoch, c.away, c.first
	c.mu.Unlock()
	switch {
	case !away:
		return epoch, nil
	case first == nil:
		return nil, zkapi.ErrConnectionLoss
	}
	late := time.NewTimer(firstTime)
	defer late.Stop()
	select {
	case <-first:
		return c.connected(ctx)
	case <-epoch: // the client is closed
		return nil, zkapi.ErrConnectionLoss
	case <-late.C:
		return nil, zkapi.ErrConnectionLoss
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// call is one operation: do runs it on the client within, and what it returns
// is the reply and the length of that. If the error is not nil the caller gets it
// in place of results.
func (c *client) call(ctx context.Context, q request, do func() (int, error)) error {
	g, who := c.plan.program.Load(), c.peer()
	var early verdict
	if g.early.has(q.op) {
		early = c.plan.judge(find(nil, g.requests, &who, &q), &who, &q)
	}
	epoch, err := c.connected(ctx)
	if err != nil {
		return c.fail(&q, err)
	}
	leave, err := c.enter(ctx, &c.up, ToServer, epoch, early.delay, requestSize+q.size)
	if err != nil {
		return c.fail(&q, err)
	}
	length := 0
	switch {
	case early.does(Cut):
		c.again()
		err = zkapi.ErrConnectionLoss
	case early.does(Stall):
		c.stall(ToServer)
		err = c.pass(ctx, nil, nil, ToServer, epoch)
	case early.does(Error):
		if q.arms && early.act.rule.Code == zkapi.ErrNoNode { // the watch is there in spite of it
			_, err = do()
		}
		if !noReply(err) {
			err = &answer{early.act.rule.Code, early.part}
		}
	default:
		if length, err = do(); err != nil {
			length = 0
		}
	}
	leave()
	if noReply(err) {
		return c.fail(&q, err)
	}
	return c.reply(ctx, g, &who, &q, epoch, replySize+length, err)
}

// reply is the way back.
func (c *client) reply(ctx context.Context, g *program, who *peer, q *request, epoch chan struct{}, length int, err error) error {
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
		err, length = &answer{late.act.rule.Code, late.part}, replySize
	}
	c.drain()
	leave, lost := c.enter(ctx, &c.down, FromServer, epoch, late.delay, length)
	if lost != nil {
		return c.fail(q, lost)
	}
	leave()
	switch {
	case delivered && late.does(Cut):
		c.again()
	case delivered:
		c.stall(FromServer)
	default:
		if a, ok := answered(err); ok && q.op == zkapi.OpAuth && a.code == zkapi.ErrAuthFailed {
			c.again() // as with a server
		}
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
