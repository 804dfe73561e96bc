package memserver

// Stall keeps from a session's client all that the server has to say to it,
// replies and events of watches, until Resume or until the connection ends. What
// the client asks is done all the same. A client that waits for its pings to be
// answered gives such a connection up and comes back on another one, to the same
// session. It tells whether the session has a connection over the wire: direct
// clients have none (but see Held).
func (s *Server) Stall(sessionID int64) bool { return s.setStalled(sessionID, true) }

// Resume ends Stall: what was kept arrives at once.
func (s *Server) Resume(sessionID int64) bool { return s.setStalled(sessionID, false) }

func (s *Server) setStalled(sessionID int64, stalled bool) bool {
	s.mu.Lock()
	defer s.release()
	sess := s.st.Live(sessionID)
	if sess == nil || sess.Conn == nil {
		return false
	}
	c, ok := sess.Conn.Peer.(*conn)
	if !ok {
		return false
	}
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stalled = stalled; !stalled && !o.queued && !o.writing && len(o.buf) > 0 {
		o.queued = true
		s.unsent = append(s.unsent, c)
	}
	o.idle.Broadcast()
	return true
}
