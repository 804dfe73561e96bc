package model

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/zksim/zksim/zkapi"
)

// machine runs one history on the server under test and on the model.
type machine struct {
	t       *rapid.T
	ctx     context.Context
	srv     *Server
	cfg     *Config
	can     *abilities
	z       *zookeeper
	prefix  string // the node in which the history lives; "" if it has the server for itself
	base    int64  // the zxid before the history
	slots   [slots]*client
	clients int // so far
	armed   int // watchers so far
	log     []entry
	steps   int
}

// slots is how many clients a history has at one time.
const slots = 3

// patience is how long a server may take for anything.
const patience = 30 * time.Second

// difference is what the machine panics with, and what run turns into a failure.
type difference string

// fail ends the history.
func (m *machine) fail(format string, args ...any) {
	panic(difference(fmt.Sprintf(format, args...)))
}

func (m *machine) note(format string, args ...any) {
	m.log = append(m.log, entry{format: format, args: args})
}

// at makes a path of a drawn one.
func (m *machine) at(path string) string {
	if m.prefix == "" {
		return path
	}
	if path == "/" {
		return m.prefix
	}
	return m.prefix + path
}

// connect puts a new client into a slot.
func (m *machine) connect(slot int) *client {
	if old := m.slots[slot]; old != nil && old.end == zkapi.StateAuthFailed {
		m.close(old)
	}
	m.clients++
	c := &client{number: m.clients, ip: netip.MustParseAddr(m.cfg.IP), linked: true}
	api, err := m.srv.Connect(m.ctx, m.cfg.SessionTimeout)
	if err != nil {
		m.fail("connecting: %v", err)
	}
	c.Client, c.states = api, api.States()
	m.slots[slot] = c
	m.z.begin()
	m.openSession(c)
	m.note("c%d connect", c.number)
	return c
}

// openSession gives a client a session. The model has its transaction already.
func (m *machine) openSession(c *client) {
	timeout := min(max(m.cfg.SessionTimeout, m.cfg.MinSessionTimeout), m.cfg.MaxSessionTimeout)
	c.session = &session{number: len(m.z.sessions) + 1, id: c.SessionID(), timeout: timeout.Milliseconds(), conn: c}
	c.session.first = c.session.timeout
	for _, s := range m.z.sessions {
		if s.id == c.session.id {
			m.fail("it gives out the session id of session %d again", s.number)
		}
	}
	m.z.sessions = append(m.z.sessions, c.session)
	if got := c.SessionTimeout(); got != timeout {
		m.fail("the timeout of the session is %v, in the model %v", got, timeout)
	}
}

// sessionNumber names a session in messages, which must be the same when the
// history is run again.
func (m *machine) sessionNumber(id int64) int64 {
	for _, s := range m.z.sessions {
		if s.id == id {
			return int64(s.number)
		}
	}
	return min(id, 1) - 1 // 0 for none, else something that is none
}

// step carries out a drawn step.
func (m *machine) step(drawn request) {
	o := drawn
	m.steps++
	slot := o.client - 1
	c := m.slots[slot]
	switch {
	case o.op == opRestart:
		m.restart()
		return
	case o.op == opAdvance:
		m.advance(o.time)
		return
	case c == nil, c.end != 0 && (o.op == opConnect || !o.stubborn()):
		c = m.connect(slot)
	case c.end == 0 && !c.linked && o.op < opDisconnect && !o.stubborn():
		c = m.other(c)
	}
	switch o.op {
	case opConnect:
	case opDisconnect:
		m.disconnect(c)
	case opReconnect:
		m.reconnect(c)
	case opExpire:
		m.expire(c)
	case opClose:
		m.close(c)
	case opCloseStream:
		m.closeStream(c, o.pick)
	default:
		m.resolve(&o)
		if n := len(c.watchers); o.op == opRemoveWatches && n > 0 && o.pick < 6 {
			o.path = c.watchers[o.pick%n].path
		}
		m.request(c, &o)
		if c.linked {
			m.poll(c)
		}
	}
	m.settle()
}

// other is a client that can do what the given one cannot, having no connection.
func (m *machine) other(c *client) *client {
	for _, other := range m.slots {
		if other != nil && other.linked {
			return other
		}
	}
	m.reconnect(c)
	return c
}

// resolve fills in what a drawn step leaves to the moment.
func (m *machine) resolve(o *request) {
	if o.op != opAddAuth {
		o.path = m.at(o.path)
	}
	if m.prefix != "" && o.path == m.prefix && o.mode.Sequential() { // its siblings are none of the history's
		o.path += "/-"
	}
	switch o.op {
	case opDelete, opSet, opCheck, opSetACL:
		current := int32(0)
		if n := m.z.get(o.path); n != nil {
			if current = n.version; o.op == opSetACL {
				current = n.acls
			}
		}
		o.version = [...]int32{-1, current, current + 1, current - 1, -2}[o.expect]
	case opMulti, opMultiRead:
		o.parts = slices.Clone(o.parts)
		for i := range o.parts {
			m.resolve(&o.parts[i])
		}
	}
}

// request asks both and compares.
func (m *machine) request(c *client, o *request) {
	var want outcome
	switch {
	case c.end == zkapi.StateClosed:
		want.err = zkapi.ErrClosed
	case c.end == zkapi.StateAuthFailed:
		want = failed(zkapi.ErrAuthFailed)
	case !c.linked:
		want = failed(zkapi.ErrConnectionLoss)
	default:
		want = m.z.predict(c, o)
	}
	got := c.ask(m.ctx, o)
	if w := got.watcher; w != nil {
		m.armed++
		w.number = m.armed
		c.watchers = append(c.watchers, w)
	}
	m.log = append(m.log, entry{client: c, request: *o, got: got})
	if m.cfg.Stats != nil {
		m.cfg.Stats.count(o, &got)
	}
	if text := m.compare(o, &got, &want); text != "" {
		m.fail("%s: %s", o.text(), text)
	}
	if o.op == opAddAuth && want.code != 0 && c.end == 0 && c.linked {
		m.authFailed(c)
	}
}

// authFailed is the end of a client that has said who it is and was not believed.
func (m *machine) authFailed(c *client) {
	m.z.disarm(c, func(serverWatch) bool { return true })
	m.unlink(c)
	c.end = zkapi.StateAuthFailed
	c.endWatches(zkapi.ErrAuthFailed)
	m.await(c, zkapi.StateAuthFailed)
	m.poll(c)
}

// unlink says that a client has lost its connection.
func (m *machine) unlink(c *client) {
	m.z.disarm(c, func(serverWatch) bool { return true })
	c.linked, c.lastZxid = false, m.z.zxid
	c.session.conn = nil
	m.z.touch(c.session)
}

// flush makes a client see all that has happened, so that nothing is on its way
// to it when its connection breaks.
func (m *machine) flush(c *client) {
	if !c.linked {
		return
	}
	if err := c.Sync(m.ctx, "/"); err != nil {
		m.fail("sync of c%d: %v", c.number, failure(err))
	}
	m.poll(c)
}

func (m *machine) disconnect(c *client) {
	if !c.linked {
		return
	}
	m.note("c%d disconnect", c.number)
	m.flush(c)
	m.unlink(c)
	if err := m.srv.Disconnect(c.Client); err != nil {
		m.fail("disconnecting c%d: %v", c.number, err)
	}
	m.await(c, zkapi.StateSuspended)
}

func (m *machine) reconnect(c *client) {
	if c.linked || c.end != 0 {
		return
	}
	m.note("c%d reconnect", c.number)
	if err := m.srv.Reconnect(c.Client); err != nil {
		m.fail("reconnecting c%d: %v", c.number, err)
	}
	m.comeBack(c)
}

// comeBack is what happens when a client has a connection again.
func (m *machine) comeBack(c *client) {
	c.linked = true
	if !c.session.ended {
		m.await(c, zkapi.StateConnected)
		c.session.conn = c
		if id := c.SessionID(); id != c.session.id {
			m.fail("c%d comes back with another session", c.number)
		}
		m.z.rearm(c, c.lastZxid)
		return
	}
	m.await(c, zkapi.StateLost, zkapi.StateConnected)
	c.endWatches(zkapi.ErrSessionExpired)
	m.z.begin()
	m.openSession(c)
}

func (m *machine) expire(c *client) {
	if c.session.ended || c.end == zkapi.StateClosed {
		return
	}
	m.note("c%d expire", c.number)
	m.flush(c)
	was := c.linked
	if was {
		m.unlink(c)
	}
	m.z.endSession(c.session)
	if err := m.srv.Expire(c.session.id); err != nil {
		m.fail("expiring the session of c%d: %v", c.number, err)
	}
	if was {
		m.await(c, zkapi.StateSuspended)
		m.comeBack(c)
	}
}

func (m *machine) restart() {
	m.note("restart")
	for _, c := range m.slots {
		if c != nil {
			m.flush(c)
		}
	}
	var back []*client
	for _, c := range m.slots {
		if c != nil && c.linked {
			m.unlink(c)
			back = append(back, c)
		}
	}
	m.z.restart()
	if err := m.srv.Restart(); err != nil {
		m.fail("restarting: %v", err)
	}
	for _, c := range back {
		m.await(c, zkapi.StateSuspended)
		m.comeBack(c)
	}
	m.settle()
}

func (m *machine) advance(d time.Duration) {
	switch due := time.Duration(m.z.nextDue()-m.z.now) * time.Millisecond; d {
	case untilDue:
		d = due
	case beforeDue:
		d = due - time.Millisecond
	}
	m.note("advance %v", d)
	if now := m.srv.Now().UnixMilli(); now != m.z.now {
		m.fail("the clock has moved by itself")
	}
	m.z.advance(d.Milliseconds())
	m.srv.Advance(d)
	m.settle()
}

func (m *machine) close(c *client) {
	if c.end == zkapi.StateClosed {
		return
	}
	m.note("c%d close", c.number)
	m.flush(c)
	if c.linked { // else the server does not learn of it
		marks := make([]int, len(c.watchers))
		for i, w := range c.watchers {
			marks[i] = len(w.due)
		}
		m.z.endSession(c.session)
		for i, w := range c.watchers { // the last events of a client that goes may be lost
			for j := marks[i]; j < len(w.due); j++ {
				w.due[j].optional = true
			}
			w.ended = w.ended && len(w.due) == marks[i]
		}
		m.unlink(c)
	}
	c.endWatches(zkapi.ErrClosed)
	for _, w := range c.watchers { // a one-shot watch has either of the two
		if n := len(w.due); n > 1 && w.stream == nil {
			w.due[n-1].optional = true
		}
	}
	c.end = zkapi.StateClosed
	if err := c.Close(); err != nil {
		m.fail("closing c%d: %v", c.number, err)
	}
	m.await(c, zkapi.StateClosed)
	if _, err := c.states.Next(m.ctx); !errors.Is(err, zkapi.ErrClosed) {
		m.fail("the states of c%d go on after CLOSED", c.number)
	}
	m.poll(c)
}

// closeStream ends a persistent watch from the receiver's side. The last on its
// path takes the watch off the server.
func (m *machine) closeStream(c *client, pick int) {
	var open []*watcher
	for _, w := range c.watchers {
		if w.stream != nil && !w.ended {
			open = append(open, w)
		}
	}
	if len(open) == 0 || !c.linked {
		return
	}
	w := open[pick%len(open)]
	m.note("c%d closes the stream of watch %d", c.number, w.number)
	m.flush(c)
	w.ended, w.closed = true, true
	w.stream.Close()
	t := zkapi.WatchTypePersistent
	if w.kind == recursiveWatch {
		t = zkapi.WatchTypePersistentRecursive
	}
	if !slices.Contains(c.watched(w.kind), w.path) {
		_ = m.z.removeWatches(c, w.path, t) // the client has gone on without the answer
	}
}

// await takes the next states of a client.
func (m *machine) await(c *client, states ...zkapi.State) {
	ctx, cancel := context.WithTimeout(m.ctx, patience)
	defer cancel()
	for _, want := range states {
		got, err := c.states.Next(ctx)
		if err != nil {
			m.fail("c%d does not become %v: %v", c.number, want, err)
		}
		if got.State != want {
			m.fail("c%d becomes %v, in the model %v", c.number, got.State, want)
		}
	}
}

// settle looks at everybody's events after a step, if the server promises that
// they are there by then. Otherwise they are looked at after a client's next reply.
func (m *machine) settle() {
	if !m.srv.Prompt {
		return
	}
	for _, c := range m.slots {
		if c != nil {
			m.poll(c)
		}
	}
}

// poll takes the events that have come to a client. All that are due have to be
// there, and no others.
func (m *machine) poll(c *client) {
	kept := c.watchers[:0]
	for _, w := range c.watchers {
		m.take(c, w)
		if !w.ended {
			kept = append(kept, w)
		}
	}
	clear(c.watchers[len(kept):])
	c.watchers = kept
}

func (m *machine) take(c *client, w *watcher) {
	for {
		e, ok := m.next(c, w)
		if !ok {
			break
		}
		m.log = append(m.log, entry{client: c, watcher: w, event: e})
		m.match(c, w, e)
	}
	for _, e := range w.due {
		if !e.optional {
			m.fail("c%d's watch %d (%s %q) does not get %v %s", c.number, w.number, watchKindNames[w.kind], m.short(w.path), e.Type, e.Path)
		}
	}
	w.due = w.due[:0]
}

// next takes one event out of what the client under test has given.
func (m *machine) next(c *client, w *watcher) (e zkapi.Event, ok bool) {
	if w.closed {
		return e, false
	}
	if w.stream != nil {
		e, ok, open := w.stream.TryNext()
		if !ok && open == w.ended {
			m.fail("c%d's watch %d (%s %q): the stream's end and the watch's do not agree", c.number, w.number, watchKindNames[w.kind], m.short(w.path))
		}
		return e, ok
	}
	select {
	case e, ok = <-w.ch:
		if !ok && !w.ended {
			m.fail("c%d's watch %d (%s %q) is closed without an event", c.number, w.number, watchKindNames[w.kind], m.short(w.path))
		}
		return e, ok
	default:
		return e, false
	}
}

// match finds an event among those that are due: the first, or one of its group.
func (m *machine) match(c *client, w *watcher, e zkapi.Event) {
	for i := range w.due {
		d := &w.due[i]
		if d.Type == e.Type && d.Path == e.Path && d.Zxid == e.Zxid && errors.Is(e.Err, d.Err) {
			w.due = slices.Delete(w.due, i, i+1)
			return
		}
		if !d.optional && (d.group == 0 || i+1 < len(w.due) && w.due[i+1].group != d.group) {
			break
		}
	}
	text := fmt.Sprintf("%v %s (zxid %d)", e.Type, e.Path, e.Zxid-m.base)
	if len(w.due) == 0 {
		m.fail("c%d's watch %d (%s %q) gets %s, in the model nothing", c.number, w.number, watchKindNames[w.kind], m.short(w.path), text)
	}
	m.fail("c%d's watch %d (%s %q) gets %s, in the model %v %s (zxid %d)", c.number, w.number, watchKindNames[w.kind], m.short(w.path),
		text, w.due[0].Type, w.due[0].Path, w.due[0].Zxid-m.base)
}
