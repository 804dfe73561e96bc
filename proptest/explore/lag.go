package explore

import "github.com/zksim/zksim/memserver"

// Where servers may lag the world's server is an ensemble: one member for each
// participant, which is connected to it as a rule; one for each fault, which has
// applied nothing since the participants began, so that one of them may come back to
// it; and the leader.

var hold = memserver.Lag{Hold: true}

func (c *Config) lags() bool { return c.Kinds&Lag != 0 && c.Faults > 0 }

// members is how many servers there have to be.
func (r *run) members(scenario func(*World)) int {
	if !r.cfg.lags() {
		return 1
	}
	if r.cfg.seats == 0 {
		trial := &run{cfg: r.cfg, trial: true, srv: r.srv}
		trial.serve(1)
		scenario(&World{Server: trial.srv, run: trial})
		trial.srv.Close()
		r.cfg.seats = max(len(trial.parts), 1)
	}
	return r.cfg.seats + r.cfg.Faults + 1
}

// leaveBehind holds back the members that nobody is connected to.
func (r *run) leaveBehind() {
	if r.cfg.lags() {
		for i := range r.cfg.Faults {
			r.srv.Member(r.cfg.seats + 1 + i).SetLag(hold)
		}
	}
}

// home is the member of a participant, 0 where none lags.
func (r *run) home(index int) int {
	if !r.cfg.lags() {
		return 0
	}
	return index%r.cfg.seats + 1
}

// leader is the member that never lags, 0 where none does.
func (r *run) leader() int {
	if !r.cfg.lags() {
		return 0
	}
	return len(r.srv.Members())
}

// behind is how many transactions a participant's member has not applied.
func (c *client) behind() int {
	if c.member == 0 {
		return 0
	}
	return c.run.srv.Member(c.member).Behind()
}

// Depths are how far behind a server is to which somebody comes back: as far as
// can be, or less. From there it may catch up by one transaction after the other.
const (
	farBehind = 1 << 30
	behind    = 2
)

// enableLag lists how a participant may come to read what was.
func (r *run) enableLag(i int) {
	c := r.parts[i].client
	if !c.link.up() {
		return
	}
	add := func(depth int) {
		r.steps = append(r.steps, Step{Kind: WentWrong, Who: i, Fault: Lag, depth: depth})
	}
	if !c.lagging {
		add(0)
	}
	if c.inner != nil {
		add(behind)
		add(farBehind)
	}
}

// fallBehind has a participant's server lag, or lets the next one do so.
func (r *run) fallBehind(who, depth int) {
	c := r.parts[who].client
	r.tell(server{member: c.member, late: true, broken: depth > 0})
	if depth > 0 {
		r.record(Line{Kind: WentWrong, Who: r.parts[who].Name, Text: "loses its connection" + c.losing(false)})
		c.depth = depth
		r.sever(who, false, c.link.cut)
		return
	}
	c.lagging = true
	r.srv.Member(c.member).SetLag(hold)
	r.record(Line{Kind: WentWrong, Who: r.parts[who].Name, Text: "is connected to a server that does not keep up from now on"})
}

// comeBack connects a participant, to a server that is behind if that is its fate
// and there is no new session to be had.
func (r *run) comeBack(c *client) {
	depth := c.depth
	c.depth = 0
	if depth == 0 || !r.hasSession(c.link.session()) {
		c.goHome()
		r.tell(server{member: c.member})
		c.link.comeBack()
		return
	}
	r.spares++
	m := r.srv.Member(r.cfg.seats + r.spares)
	c.member, c.lagging = m.ID(), true
	applied := m.Apply(max(0, m.Behind()-depth))
	c.inner.ConnectTo(c.member)
	for c.link.comeBack(); !c.link.up() && m.Apply(1) > 0; c.link.comeBack() {
		applied++
	}
	r.tell(server{member: c.member, applied: applied, late: true})
}

// tell adds to the last act which server it is about.
func (r *run) tell(s server) {
	if r.recording && s.member != 0 {
		r.acts[len(r.acts)-1].server = s
	}
}

// catchUp has a participant's member apply a transaction.
func (r *run) catchUp(who int) {
	c := r.parts[who].client
	m := r.srv.Member(c.member)
	m.Apply(1)
	if c.behind() == 0 {
		m.SetLag(memserver.Lag{})
		c.lagging = false
	}
	r.tell(server{member: c.member, applied: 1, late: c.lagging})
	r.record(Line{Kind: CaughtUp, Who: r.parts[who].Name, Text: "is connected to a server that catches up by a transaction"})
}

// goHome has the next connection be to a member that is not behind.
func (c *client) goHome() {
	if c.member == 0 || c.inner == nil {
		return
	}
	c.member, c.lagging = c.run.home(c.index), false
	c.run.srv.Member(c.member).SetLag(memserver.Lag{})
	c.inner.ConnectTo(c.member)
}

// removal is that a third party has deleted a node.
type removal struct{ zxid int64 }

// knownRemovals counts those of a session's nodes that the participant's server has
// applied. A claim that is made on a server that has not is not a good one.
func (p *Participant) knownRemovals(session int64) (n int) {
	r := p.run
	seen := r.srv.Zxid()
	if p.client.member != 0 {
		seen = r.srv.Member(p.client.member).Zxid()
	}
	for _, x := range r.removed[session] {
		if x.zxid <= seen {
			n++
		}
	}
	return n
}
