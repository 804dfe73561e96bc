package memserver

import "fmt"

// Counters are what ZooKeeper counts of a node. Those of a new one are 0.
type Counters struct {
	Version   int32 // changes of its data
	Creations int32 // of children, from which the names of sequential ones are made
	Aversion  int32 // changes of its ACL
}

// SetCounters gives a node other counters, to see what a program does where they
// overflow. No client is told.
func (s *Server) SetCounters(path string, c Counters) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.st.SetCounters(path, c.Version, c.Creations, c.Aversion) {
		return fmt.Errorf("memserver: counters of %s: there is no such node", path)
	}
	return nil
}

// SetZxid moves the server on to a zxid, as if all transactions up to that one had
// been. The next one has the next zxid. In an ensemble the last number of an epoch,
// 0xffffffff in the lower half, makes the leader resign: the request that would
// get it is lost, all connections break, and the next epoch begins.
func (s *Server) SetZxid(zxid int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.st.Zxid(); !s.st.SetZxid(zxid) {
		return fmt.Errorf("memserver: the zxid cannot go back from %#x to %#x", at, zxid)
	}
	return nil
}

// SetNextSession says which session id comes next, by its lower 56 bits. The rest
// is the number of the member that gives it out.
func (s *Server) SetNextSession(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st.SetNextSession(id)
}
