package memserver

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/memserver/internal/state"
	"github.com/zksim/zksim/zkapi"
)

// Node is one znode, as inspection shows it.
type Node struct {
	Path      string
	Data      []byte // nil for null; not to be changed
	ACL       []zkapi.ACL
	Stat      zkapi.Stat
	Container bool
	TTL       time.Duration // 0 if none
}

// Session is one session, as inspection shows it.
type Session struct {
	ID         int64
	Timeout    time.Duration
	Expiry     time.Time // when it would expire if nothing were heard of it any more
	Connected  bool
	Ephemerals []string
	Local      int // the id of the only member that knows it, if it is a local session
}

// Watch is one watch, as inspection shows it.
type Watch struct {
	Path    string
	Session int64
	Child   bool     // on the list of children
	Modes   []string // "standard", "persistent", "recursive"
}

// Snapshot is what a restarted server would know: tree, sessions and zxid, but
// no connections and no watches. It never changes, costs the same at any size,
// and may be used from several goroutines.
type Snapshot struct{ snap *state.Snapshot }

// Snapshot takes one.
func (s *Server) Snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Snapshot{s.st.Snapshot()}
}

// From makes a server start with a snapshot instead of empty, any number of
// servers with the same one:
//
//	other := memserver.RunT(t, memserver.From(srv.Snapshot()))
func From(snap *Snapshot) func(*Config) { return func(c *Config) { c.From = snap } }

func toNode(i state.NodeInfo) Node {
	return Node{Path: i.Path, Data: i.Data, ACL: i.ACL, Stat: i.Stat, Container: i.Container,
		TTL: time.Duration(i.TTL) * time.Millisecond}
}

// Node finds one node.
func (s *Snapshot) Node(path string) (Node, bool) {
	i, ok := s.snap.Node(path)
	return toNode(i), ok
}

// Nodes ranges over all nodes, parents first, children in the order of their names.
func (s *Snapshot) Nodes() iter.Seq[Node] {
	return func(yield func(Node) bool) {
		for i := range s.snap.Nodes() {
			if !yield(toNode(i)) {
				return
			}
		}
	}
}

// Zxid is the last transaction in the snapshot.
func (s *Snapshot) Zxid() int64 { return s.snap.Zxid() }

// Len is the number of nodes, the root and ZooKeeper's own three included.
func (s *Snapshot) Len() int { return s.snap.NodeCount() }

// String is the tree, one line a node, without ZooKeeper's own nodes: for logs
// and golden files, so it holds no times.
func (s *Snapshot) String() string {
	var b strings.Builder
	for n := range s.Nodes() {
		if n.Path != "/" && n.Path != "/zookeeper" && !strings.HasPrefix(n.Path, "/zookeeper/") {
			n.describe(&b)
		}
	}
	return b.String()
}

func (n *Node) describe(w io.Writer) {
	fmt.Fprintf(w, "%s v%d", n.Path, n.Stat.Version)
	switch {
	case n.Stat.EphemeralOwner != 0:
		fmt.Fprintf(w, " ephemeral 0x%x", n.Stat.EphemeralOwner)
	case n.Container:
		fmt.Fprint(w, " container")
	case n.TTL != 0:
		fmt.Fprintf(w, " ttl %v", n.TTL)
	}
	switch {
	case n.Data == nil:
		fmt.Fprint(w, " null")
	case len(n.Data) > 0:
		fmt.Fprintf(w, " %q", n.Data)
	}
	fmt.Fprintln(w)
}

// Zxid is the last transaction of the server.
func (s *Server) Zxid() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.st.Zxid()
}

// Node finds one node, without regard to ACLs.
func (s *Server) Node(path string) (Node, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.st.Node(path)
	return toNode(i), ok
}

// Sessions lists the sessions in the order of their ids.
func (s *Server) Sessions() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	infos := s.st.Sessions(s.now())
	sessions := make([]Session, len(infos))
	for i, in := range infos {
		sessions[i] = Session{ID: in.ID, Timeout: time.Duration(in.Timeout) * time.Millisecond,
			Expiry: time.UnixMilli(in.Expiry), Connected: in.Connected, Ephemerals: in.Ephemerals, Local: in.Home}
	}
	return sessions
}

// HasSession tells whether there is a session of that id.
func (s *Server) HasSession(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.st.Live(id) != nil
}

// Watches lists all watches, by path and then session.
func (s *Server) Watches() []Watch {
	s.mu.Lock()
	defer s.mu.Unlock()
	var watches []Watch
	for _, m := range s.members {
		for _, in := range m.st.Watches(true) {
			watches = append(watches, Watch(in))
		}
	}
	slices.SortStableFunc(watches, func(a, b Watch) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Session, b.Session))
	})
	return watches
}

// Connection is one connection over the wire, as inspection shows it.
type Connection struct {
	RemoteAddr   string
	Established  time.Time
	Received     int64 // packets
	Sent         int64
	Command      bool  // it has sent a four-letter word
	Secure       bool  // over TLS
	Session      int64 // 0 until there is one; then the rest is meaningful
	Timeout      time.Duration
	LastOp       string // ZooKeeper's abbreviation: "GETD"
	LastCxid     int64  // -1 until there is one
	LastZxid     int64  // -1 until there is one
	LastResponse time.Time
}

// Connections lists the connections that clients have over the wire, in the
// order of members and addresses. Direct clients have none.
func (s *Server) Connections() []Connection {
	var list []Connection
	for _, m := range s.members {
		list = append(list, m.Connections()...)
	}
	return list
}

// Connections is Server.Connections for one member.
func (m *Member) Connections() []Connection {
	m.srv.mu.Lock()
	defer m.srv.mu.Unlock()
	var list []Connection
	for _, c := range m.sortedConns() {
		x := Connection{RemoteAddr: c.nc.RemoteAddr().String(), Established: time.UnixMilli(c.stats.established),
			Received: c.stats.received, Sent: c.stats.sent, Command: c.asked, Secure: c.secure,
			LastOp: "NA", LastCxid: -1, LastZxid: -1, LastResponse: time.UnixMilli(c.stats.lastResponse)}
		if sess := c.st.Session; sess != nil {
			x.Session, x.Timeout = sess.ID, time.Duration(sess.Timeout)*time.Millisecond
		}
		if c.stats.answered {
			x.LastOp, x.LastCxid, x.LastZxid = lastOp(c.stats.lastOp), c.stats.lastCxid, c.stats.lastZxid
		}
		list = append(list, x)
	}
	return list
}

// FourLetterWord is what the server answers to one of ZooKeeper's four-letter
// words on its client port, whether or not the whitelist has it. stmk takes its
// eight bytes behind the word. ok is false if there is no such word.
// In an ensemble it is the first member that is asked.
func (s *Server) FourLetterWord(word string) (answer string, ok bool) {
	return s.members[0].FourLetterWord(word)
}

// FourLetterWord is Server.FourLetterWord for one member.
func (m *Member) FourLetterWord(word string) (answer string, ok bool) {
	if len(word) < 4 || !isFourLetterWord(word[:4]) {
		return "", false
	}
	m.srv.mu.Lock()
	defer m.srv.mu.Unlock()
	var b strings.Builder
	m.answerWord(&b, word[:4], []byte(word[4:]))
	return b.String(), true
}

// Dump writes everything a person may want to see of the server: nodes,
// sessions and watches.
func (s *Server) Dump(w io.Writer) {
	fmt.Fprintf(w, "zxid 0x%x\n", s.Zxid())
	for n := range s.Snapshot().Nodes() {
		n.describe(w)
	}
	for _, sess := range s.Sessions() {
		state := "disconnected"
		if sess.Connected {
			state = "connected"
		}
		fmt.Fprintf(w, "session 0x%x timeout %v %s, %d ephemeral nodes\n", sess.ID, sess.Timeout, state, len(sess.Ephemerals))
	}
	for _, watch := range s.Watches() {
		table := "data"
		if watch.Child {
			table = "child"
		}
		fmt.Fprintf(w, "watch %s %s by 0x%x: %s\n", watch.Path, table, watch.Session, strings.Join(watch.Modes, ", "))
	}
}

// Check looks for contradictions in the server's state, such as an ephemeral
// node without a session or a watch of a connection that is gone. There are
// none unless memserver has a bug. RunT calls it at the end of each test.
func (s *Server) Check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.st.Check()
}
