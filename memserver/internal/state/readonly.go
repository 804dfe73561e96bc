package state

import (
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// A member without a leader may serve what it knows to clients that say they can
// do with that.

// ReadOnly tells whether that is what a member does.
func (m *Member) ReadOnly() bool { return m.readOnly }

// setModes finds out which members only read. Those that are cut off from the
// others see the state as it was when that happened.
func (s *State) setModes() {
	for _, m := range s.members {
		m.readOnly = s.cfg.ReadOnlyMode && !m.off && len(s.members) > 1 && (m.down || s.leader == nil && s.elected == nil)
		if m.readOnly && m.down && !m.late {
			m.late, m.frozen, m.view = true, true, s.fork()
		}
	}
}

// thaw lets a member see the newest state again.
func (s *State) thaw(m *Member) {
	if m.frozen {
		m.unfreeze()
		m.zxid = s.zxid
	}
}

func (m *Member) unfreeze() {
	if m.frozen {
		m.late, m.frozen, m.view = false, false, view{}
	}
}

// readsOnly answers what a member does not do that only reads, as the connection's does.
func (s *State) readsOnly(c *Conn, op zkapi.OpCode, p *Response) bool {
	if !s.ordered(op) || op == zkapi.OpCloseSession {
		return false
	}
	p.Err, p.Zxid = zkapi.ErrNotReadOnly, c.member.zxid
	return true
}

// admits tells whether a member looks at a request to connect at all.
func (s *State) admits(m *Member, q *wire.ConnectRequest) bool {
	switch {
	case m.readOnly:
		if sess := s.live[q.SessionID]; !q.ReadOnly || sess != nil && sess.home == nil {
			return false
		}
	case s.leader == nil, m.down:
		return false
	}
	return q.LastZxidSeen <= m.zxid
}
