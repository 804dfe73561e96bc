package explore

import (
	"fmt"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// Kind says what a step is.
type Kind int

// The kinds of steps, and of lines in a history.
const (
	Ran        Kind = iota // an operation of a participant is done, and it gets the reply
	Told                   // an event of a watch, or the loss of the connection, comes to a participant
	NotSent                // an operation whose context has ended never gets to the server
	CameBack               // a participant connects again
	CaughtUp               // the server that a participant is connected to has applied another transaction
	TimePassed             // until somebody has something to do
	WentWrong              // see Step.Fault
	Noted                  // Participant.Log; no step
)

// Step is one thing that may happen next.
type Step struct {
	Kind  Kind
	Who   int   // index of the participant; -1 is nobody
	Fault Fault // what goes wrong; 0 is nothing
	// Preempts says that another participant could have gone on.
	Preempts bool

	op    *operation
	path  string
	whim  *whim
	depth int // how far behind the server is that the participant comes back to; 0: it stays
	// The connection is lost before, not after, what the participant wants to send is sent.
	unsent bool
}

// enable lists the steps that are possible, the simplest first: what the
// participant does next that moved last, then the others, then faults.
func (r *run) enable() {
	// What is read here comes before what timers make participants write.
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = r.steps[:0]
	n := len(r.parts)
	if r.last >= 0 {
		r.enableFor(r.last)
	}
	own := len(r.steps)
	for i := range n {
		if i != r.last {
			r.enableFor(i)
		}
	}
	if own > 0 && len(r.steps) > own {
		switch {
		case r.inARow >= unfair:
			r.steps = slices.Delete(r.steps, 0, own)
		case r.preemptions == 0:
			r.steps = r.steps[:own]
		default:
			for i := own; i < len(r.steps); i++ {
				r.steps[i].Preempts = true
			}
		}
	}
	for i, p := range r.parts {
		if p.client.behind() > 0 {
			r.steps = append(r.steps, Step{Kind: CaughtUp, Who: i})
		}
	}
	ended := r.allEndedLocked()
	r.idle = len(r.steps) == 0
	if !ended && (r.idle || r.dialling()) {
		r.steps = append(r.steps, Step{Kind: TimePassed, Who: -1})
	}
	if r.faults > 0 && !ended {
		r.enableFaults()
	}
}

// dialling tells whether somebody is about to dial again, which takes time that
// may be shorter than what the others do.
func (r *run) dialling() bool {
	return slices.ContainsFunc(r.parts, func(p *Participant) bool {
		l, ok := p.client.link.(*wired)
		return ok && l.near == nil && !p.client.closed && !p.ended
	})
}

// enableFor lists what the participant can do next.
func (r *run) enableFor(i int) {
	c := r.parts[i].client
	away, waiting := c.link.away(), c.link.waiting() > 0
	switch {
	case waiting:
		r.steps = append(r.steps, Step{Kind: Told, Who: i})
		if c.link.next().Lost && c.sends() {
			r.steps = append(r.steps, Step{Kind: Told, Who: i, unsent: true})
		}
	case away:
		r.steps = append(r.steps, Step{Kind: CameBack, Who: i})
	}
	behind := false // what was called later arrives later
	for _, o := range c.pending {
		if o.frame != nil && behind {
			continue
		}
		// A reply comes after what was sent before it.
		if o.verb == verbPause || !behind && !waiting && (!away || !c.vain) {
			r.steps = append(r.steps, Step{Kind: Ran, Who: i, op: o})
		}
		behind = behind || o.frame != nil
		if o.abandoned && !behind {
			r.steps = append(r.steps, Step{Kind: NotSent, Who: i, op: o})
			behind = true
		}
	}
}

func (r *run) enableFaults() {
	for i, p := range r.parts {
		if p.client.closed {
			continue
		}
		r.enableFaultsOf(i, p)
	}
	if r.cfg.Kinds&Restart != 0 {
		r.steps = append(r.steps, Step{Kind: WentWrong, Who: -1, Fault: Restart})
	}
	if r.cfg.Kinds&Removal != 0 {
		for n := range r.srv.Snapshot().Nodes() {
			if n.Stat.NumChildren == 0 && n.Path != "/" && !strings.HasPrefix(n.Path, "/zookeeper") {
				r.steps = append(r.steps, Step{Kind: WentWrong, Who: -1, Fault: Removal, path: n.Path})
			}
		}
	}
	if r.cfg.Kinds&TimerRace != 0 && !r.idle {
		r.steps = append(r.steps, Step{Kind: WentWrong, Who: -1, Fault: TimerRace})
	}
}

func (r *run) enableFaultsOf(i int, p *Participant) {
	kinds, c := r.cfg.Kinds, p.client
	add := func(f Fault, o *operation) {
		r.steps = append(r.steps, Step{Kind: WentWrong, Who: i, Fault: f, op: o})
	}
	up := c.link.up()
	if up && kinds&LostReply != 0 && c.link.waiting() == 0 {
		for _, o := range c.pending {
			if o.verb.writes() {
				add(LostReply, o)
			}
		}
	}
	if up && kinds&Cut != 0 && !p.ended {
		add(Cut, nil)
		if c.sends() {
			r.steps = append(r.steps, Step{Kind: WentWrong, Who: i, Fault: Cut, unsent: true})
		}
	}
	if kinds&Expiry != 0 && r.hasSession(c.link.session()) && !p.ended {
		add(Expiry, nil)
	}
	if kinds&Lag != 0 && !p.ended {
		r.enableLag(i)
	}
	if kinds&Cancellation != 0 && !r.gone(i) {
		for _, w := range p.whims {
			if !w.over {
				r.steps = append(r.steps, Step{Kind: WentWrong, Who: i, Fault: Cancellation, whim: w})
			}
		}
	}
}

func (r *run) hasSession(id int64) bool { return r.srv.HasSession(id) }

// take takes a step, up to where everybody waits again. One that is a matter of course interrupts nobody.
func (r *run) take(s Step, ofCourse bool) {
	if s.Who >= 0 && s.Fault == 0 && s.Kind != CaughtUp && !(ofCourse && r.preemptions >= 0) {
		if s.Who == r.last {
			r.inARow++
		} else {
			r.inARow = 0
		}
		r.last = s.Who
	}
	r.moves(&s)
	r.chance.turn(s.Who)
	if s.Preempts && r.preemptions > 0 && !ofCourse {
		r.preemptions--
	}
	if s.Fault != 0 {
		r.mu.Lock()
		r.faults--
		r.happened |= s.Fault
		r.mu.Unlock()
	}
	if s.Kind != Ran && s.Fault != LostReply {
		r.actOn(s)
	}
	switch {
	case s.Fault != 0:
		r.goWrong(s)
	case s.Kind == Ran:
		r.perform(s.Who, s.op, r.parts[s.Who].client.link.perform)
		r.reply(s.Who, s.op)
	case s.Kind == NotSent: // the sender has given up before
		c := r.parts[s.Who].client
		c.learn().int(slices.Index(c.pending, s.op))
		c.forget(s.op)
		r.record(Line{Kind: NotSent, Who: r.parts[s.Who].Name, Text: "has not sent " + s.op.call.String()})
	case s.Kind == Told:
		r.deliver(s.Who, s.unsent)
	case s.Kind == CameBack:
		r.reconnect(s.Who)
	case s.Kind == CaughtUp:
		r.catchUp(s.Who)
	case s.Kind == TimePassed:
		r.passTime()
	}
	r.settle()
	r.account(s.Who)
	if z := r.srv.Zxid(); z != r.zxid {
		r.writes.int(s.Who)
		r.writes.mark(z)
		r.zxid = z
	}
}

func (r *run) actOn(s Step) {
	if r.recording {
		a := act{line: len(r.history), who: s.Who, kind: s.Kind, fault: s.Fault, path: s.path}
		if s.Kind == Told {
			a.event = r.parts[s.Who].client.link.next().Event
		}
		r.acts = append(r.acts, a)
	}
}

// settle waits until everybody waits.
func (r *run) settle() { synctest.Wait() }

// forget takes an operation out of those under way.
func (c *client) forget(o *operation) {
	c.pending = slices.DeleteFunc(c.pending, func(x *operation) bool { return x == o })
}

// perform has the server do an operation.
func (r *run) perform(who int, o *operation, do func(*operation)) {
	c := r.parts[who].client
	o.place = slices.Index(c.pending, o)
	c.forget(o)
	if o.verb == verbPause {
		r.record(Line{Kind: Ran, Who: r.parts[who].Name, Text: o.call.path})
		return
	}
	do(o)
	c.closed = c.closed || o.verb == verbClose
	c.streams = c.streams || o.verb == verbAddWatch
	c.vain = c.link.away()
	if z := r.srv.Zxid(); z != r.zxid {
		r.zxid = z
		r.writes.int(who)
		o.call.digest(&r.writes.digest)
		o.answer.digest(&r.writes)
	}
	r.recordOp(who, o)
}

// reply lets a participant have an answer, after all that the server has sent before.
func (r *run) reply(who int, o *operation) {
	c := r.parts[who].client
	for c.link.waiting() > 0 && c.link.next().Event.Type != 0 {
		r.actOn(Step{Kind: Told, Who: who})
		r.deliver(who, false)
		synctest.Wait()
	}
	l := c.learn()
	l.int(o.place)      // others of its goroutines may have called the same
	l.flag(o.abandoned) // then it has got an error instead
	o.call.digest(&l.digest)
	o.answer.digest(l)
	c.link.reply(o)
}

// deliver lets a participant have what has waited longest for it.
func (r *run) deliver(who int, unsent bool) {
	c := r.parts[who].client
	a := c.link.next()
	l := c.learn()
	l.text(a.Event.Path)
	l.int(int(a.Event.Type))
	l.mark(a.Event.Zxid)
	l.flag(a.Lost)
	if !a.Lost {
		c.link.deliver()
		r.record(Line{Kind: Told, Who: r.parts[who].Name,
			Text: fmt.Sprintf("is told: %s %s", a.Event.Type, a.Event.Path)})
		return
	}
	text := "learns that its connection is lost"
	if unsent {
		text += ", about to call " + c.underWay()
	}
	r.record(Line{Kind: Told, Who: r.parts[who].Name, Text: text})
	r.sever(who, unsent, c.link.deliver)
}

// sever has a participant learn that its connection is lost, and fails what is
// under way then, unless it has not been sent.
func (r *run) sever(who int, unsent bool, learn func()) {
	c := r.parts[who].client
	c.vain = false
	r.mu.Lock() // over the wire the participant goes on already
	c.learn().flag(false)
	var lost []*operation
	if !unsent {
		lost = slices.DeleteFunc(slices.Clone(c.pending), func(o *operation) bool { return o.verb == verbPause })
		c.pending = slices.DeleteFunc(c.pending, func(o *operation) bool { return o.verb != verbPause })
	}
	r.mu.Unlock()
	learn()
	synctest.Wait() // what it does then is not lost
	for _, o := range lost {
		c.vain = c.vain || !o.abandoned
		l := c.learn()
		l.flag(o.abandoned)
		o.call.digest(&l.digest)
		c.link.lose(o)
		synctest.Wait()
	}
}

func (r *run) reconnect(who int) {
	c := r.parts[who].client
	before := c.link.session()
	r.comeBack(c)
	after := c.link.session()
	c.vain = false
	r.mu.Lock() // the participant may go on already
	l := c.learn()
	l.mark(after)
	l.flag(after != before) // the one before may be known to nobody any more
	r.mu.Unlock()
	text := "reconnects"
	switch {
	case !c.link.up():
		text = "cannot connect"
	case after != before:
		text = fmt.Sprintf("learns that its session has expired, and gets session %s", r.sessionName(after))
	case c.lagging:
		text += fmt.Sprintf(" to a server that is %d transactions behind", c.behind())
	}
	r.record(Line{Kind: CameBack, Who: r.parts[who].Name, Text: text})
}

// goWrong does what a fault is.
func (r *run) goWrong(s Step) {
	name := ""
	var c *client
	if s.Who >= 0 {
		name, c = r.parts[s.Who].Name, r.parts[s.Who].client
	}
	switch s.Fault {
	case Cut:
		r.record(Line{Kind: WentWrong, Who: name, Text: "loses its connection" + c.losing(s.unsent)})
		r.sever(s.Who, s.unsent, c.link.cut)
	case LostReply:
		r.perform(s.Who, s.op, c.link.unheard)
		c.pending = append(c.pending, s.op)
		c.learn().int(s.op.place)
		r.actOn(s)
		r.record(Line{Kind: WentWrong, Who: name, Text: "loses its connection, and with it this reply"})
		r.sever(s.Who, false, c.link.cut)
	case Expiry:
		id := c.link.session()
		r.record(Line{Kind: WentWrong, Who: name, Text: fmt.Sprintf("has its session %s expired by the server", r.sessionName(id))})
		r.writes.mark(id)
		r.srv.Expire(id)
	case Restart:
		r.record(Line{Kind: WentWrong, Text: "the server restarts"})
		r.writes.int(int(Restart))
		r.restarted = time.Since(r.born)
		r.writes.word(uint64(r.restarted))
		r.srv.Restart()
	case Removal:
		r.remove(s.path)
	case Cancellation:
		r.record(Line{Kind: WentWrong, Who: name, Text: "has its context cancelled"})
		l := c.learn()
		l.int(int(Cancellation))
		l.int(slices.Index(r.parts[s.Who].whims, s.whim))
		r.mu.Lock()
		s.whim.over = true
		r.mu.Unlock()
		s.whim.cancel()
	case TimerRace:
		r.sleep(stuck)
	case Lag:
		r.fallBehind(s.Who, s.depth)
	}
}

// remove deletes a node as a third party.
func (r *run) remove(path string) {
	if r.third == nil {
		r.third, _ = r.srv.Client(func(c *memserver.ClientConfig) { c.Member = r.leader() })
	}
	node, _ := r.srv.Node(path)
	r.writes.text(path)
	if err := r.third.Delete(r.parts[0].ctx, path, zkapi.AnyVersion); err != nil {
		r.record(Line{Kind: WentWrong, Text: "somebody else cannot delete " + path + ": " + reason(err)})
		return
	}
	if owner := node.Stat.EphemeralOwner; owner != 0 {
		if r.removed == nil {
			r.removed = make(map[int64][]removal)
		}
		r.removed[owner] = append(r.removed[owner], removal{r.srv.Zxid()})
	}
	r.record(Line{Kind: WentWrong, Text: "somebody else deletes " + path})
}

// sends tells whether there are calls that need not have been sent yet. Those of
// clients over the wire have been.
func (c *client) sends() bool {
	return slices.ContainsFunc(c.pending, func(o *operation) bool { return o.verb != verbPause && o.frame == nil && !o.abandoned })
}

// losing says what happens to calls when the connection is lost.
func (c *client) losing(unsent bool) string {
	switch lost := c.underWay(); {
	case unsent:
		return ", about to call " + lost
	case lost != "":
		return ", and with it the request " + lost
	}
	return ""
}

// underWay names the calls.
func (c *client) underWay() string {
	var lost []string
	for _, o := range c.pending {
		if o.verb != verbPause {
			lost = append(lost, o.String())
		}
	}
	return strings.Join(lost, ", ")
}
