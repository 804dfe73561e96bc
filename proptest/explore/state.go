package explore

import (
	"maps"
	"slices"
	"time"

	"github.com/zksim/zksim/memserver"
)

// state is a digest of all that decides how the schedule can go on, and what it
// will be judged by.
func (r *run) state() digest {
	l := &r.portrait
	l.reset()
	l.int(r.faults)
	if r.preemptions >= 0 {
		l.int(r.preemptions)
		l.int(r.last)
	}
	l.flag(r.inARow >= unfair)
	l.word(uint64(time.Since(r.born)))
	l.int(r.chance.drawn(nobody))
	here := r.remembers && !r.lagging()
	if l.flag(here); here {
		r.portray(l)
	} else {
		l.append(&r.writes)
		l.mark(r.zxid)
	}
	for i, p := range r.parts {
		l.flag(p.ended)
		if l.flag(p.moved); r.gone(i) {
			l.flag(r.remembers)
			if r.remembers {
				if l.flag(p.client.link.away()); p.client.link.away() {
					l.mark(p.client.link.session()) // which may end
				}
				continue
			}
		}
		p.client.portray(l)
		l.int(r.chance.drawn(i)) // others may have done so for it
		for _, w := range p.whims {
			l.flag(w.over)
		}
	}
	r.portrayMemory(l)
	if !here {
		return l.sum()
	}
	return l.ranked(&r.ranks)
}

// lagging tells whether some server is, or may be again, behind others: then it counts what
// they all have done.
func (r *run) lagging() bool {
	return r.cfg.lags() && (r.faults > 0 ||
		slices.ContainsFunc(r.parts, func(p *Participant) bool { return p.client.lagging || p.client.depth > 0 }))
}

// portray adds what the server has: nodes, sessions and watches.
func (r *run) portray(l *ledger) {
	reaped := false
	for n := range r.srv.Snapshot().Nodes() {
		reaped = reaped || n.Container || n.TTL != 0
		l.text(n.Path)
		l.bytes(n.Data)
		stat(l, &n.Stat)
		l.flag(n.Container)
		l.word(uint64(n.TTL))
		acls(l, n.ACL)
	}
	if reaped {
		l.word(uint64(r.restarted)) // since when they are looked for, once a minute
	}
	gone := 0
	for _, s := range r.srv.Sessions() {
		if s.Connected && r.goneWith(s.ID) { // which one it is shows where it has left something
			gone++
			continue
		}
		l.mark(s.ID)
		if l.flag(s.Connected); !s.Connected || r.dialled {
			l.word(uint64(s.Expiry.Sub(r.born)))
		}
	}
	l.int(gone)
	for _, w := range r.srv.Watches() {
		if !r.goneWith(w.Session) {
			r.portrayWatch(l, &w)
		}
	}
}

func (r *run) portrayWatch(l *ledger, w *memserver.Watch) {
	l.text(w.Path)
	l.mark(w.Session)
	l.flag(w.Child)
	for _, mode := range w.Modes {
		l.text(mode)
	}
}

// goneWith tells whether a session is that of a participant that is gone.
func (r *run) goneWith(session int64) bool {
	for i, p := range r.parts {
		if r.gone(i) && p.client.link.session() == session {
			return true
		}
	}
	return false
}

// portrayMemory adds what is remembered, other than by participants.
func (r *run) portrayMemory(l *ledger) {
	if !r.remembers {
		return
	}
	for _, memory := range r.memories {
		l.text(memory())
	}
	for _, ids := range r.ids {
		list := ids()
		l.int(len(list))
		for _, id := range list {
			l.mark(id)
		}
	}
	for _, c := range r.claims {
		l.int(len(c.taken))
		for _, x := range c.taken {
			l.int(x.p.client.index)
			l.mark(x.session)
			l.flag(r.hasSession(x.session))
			l.int(x.removed)
		}
	}
	if len(r.removed) > 0 {
		for _, session := range slices.Sorted(maps.Keys(r.removed)) {
			l.mark(session)
			l.int(len(r.removed[session]))
		}
	}
}

// portray adds what a participant knows, and what is on its way from and to it.
func (c *client) portray(l *ledger) {
	c.portrayMind(l)
	c.portrayWay(l)
}

// portrayWay adds how a participant is connected, and what is on its way to it.
func (c *client) portrayWay(l *ledger) {
	c.run.mu.Lock() // over the wire a client dials by itself
	defer c.run.mu.Unlock()
	l.mark(c.link.session())
	l.flag(c.link.up())
	l.flag(c.link.away())
	l.flag(c.vain)
	// Otherwise it has heard of everything, but for events of nodes that it may not read.
	if c.member != 0 || !c.link.up() || c.link.waiting() > 0 || c.inner != nil && c.inner.Watching() > 0 {
		c.link.missed(l)
	}
	if c.member != 0 && c.run.lagging() {
		l.flag(c.lagging)
		l.int(c.depth)
		l.mark(c.run.srv.Member(c.member).Zxid())
		if c.inner != nil { // a server may be too old for it to come back to
			l.mark(c.inner.LastZxid())
		}
	}
	c.link.underWay(l)
}

// portrayMind adds what it has learned, and the calls that it waits in.
func (c *client) portrayMind(l *ledger) {
	c.run.mu.Lock()
	defer c.run.mu.Unlock()
	l.append(&c.seen)
	l.int(len(c.pending))
	for _, o := range c.pending {
		o.call.digest(&l.digest)
		l.flag(o.abandoned)
	}
}
