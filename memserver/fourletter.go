package memserver

import (
	_ "embed"
	"fmt"
	"maps"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// fourLetterWords are the commands of ZooKeeper's client port. Each writes its
// answer with the server locked.
var fourLetterWords = map[string]func(*Server, *strings.Builder){
	"ruok": func(_ *Server, b *strings.Builder) { b.WriteString("imok") },
	"isro": func(_ *Server, b *strings.Builder) { b.WriteString("rw") },
	"gtmk": func(s *Server, b *strings.Builder) { fmt.Fprintf(b, "%d", s.stats.mask()) },
	"stmk": nil, // reads a mask first, see setTraceMask
	"crst": (*Server).flwResetConnections,
	"srst": (*Server).flwResetServer,
	"srvr": (*Server).flwServer,
	"stat": (*Server).flwStat,
	"cons": (*Server).flwConnections,
	"conf": (*Server).flwConfiguration,
	"dirs": func(_ *Server, b *strings.Builder) { b.WriteString("datadir_size: 0\nlogdir_size: 0\n") },
	"dump": (*Server).flwDump,
	"envi": (*Server).flwEnvironment,
	"wchs": (*Server).flwWatchSummary,
	"wchc": (*Server).flwWatchesBySession,
	"wchp": (*Server).flwWatchesByPath,
	"hash": (*Server).flwDigests,
	"mntr": (*Server).flwMonitor,
}

// defaultTraceMask is what ZooKeeper traces if not told otherwise.
const defaultTraceMask = 0b100110010

// serverStats count what the server as a whole has done. Requests take no
// time here, so all latencies are 0.
type serverStats struct {
	received, sent int64
	authFailed     int64
	rejected       int64
	traceMask      int64 // 0 until set
	lastResponse   int   // sizes in bytes; meaningful if responses > 0
	minResponse    int
	maxResponse    int
	responses      int64
}

func (s *serverStats) mask() int64 {
	if s.traceMask == 0 {
		return defaultTraceMask
	}
	return s.traceMask
}

// connStats count what one connection has done.
type connStats struct {
	received, sent int64
	established    int64 // milliseconds since 1970
	lastResponse   int64
	sessionTimeout int32
	lastOp         zkapi.OpCode
	lastCxid       int64
	lastZxid       int64
	answered       bool
}

// sent books one packet to the client. Server.mu is held.
func (c *conn) sent(op zkapi.OpCode, cxid int32, zxid int64, size int) {
	s := &c.srv.stats
	s.sent++
	if s.lastResponse = size; s.responses == 0 {
		s.minResponse, s.maxResponse = size, size
	}
	s.minResponse, s.maxResponse = min(s.minResponse, size), max(s.maxResponse, size)
	s.responses++
	c.stats.sent++
	if op == zkapi.OpAuth || op == zkapi.OpSasl {
		return // answered before they are requests, to ZooKeeper's mind
	}
	if c.stats.lastCxid < 0 || cxid >= 0 {
		c.stats.lastCxid = int64(cxid)
	}
	c.stats.lastOp, c.stats.answered, c.stats.lastZxid = op, true, zxid
}

// resumed is the last request of a connection that has only resumed a session,
// which is none.
const resumed = zkapi.OpNotification

var lastOps = map[zkapi.OpCode]string{
	resumed:      "null",
	zkapi.OpPing: "PING", zkapi.OpMulti: "MULT", zkapi.OpMultiRead: "MLTR", zkapi.OpCreate: "CREA",
	zkapi.OpCreate2: "CREA", zkapi.OpCreateTTL: "CREA", zkapi.OpCreateContainer: "CREA",
	zkapi.OpDelete: "DELE", zkapi.OpDeleteContainer: "DELE", zkapi.OpSetData: "SETD",
	zkapi.OpSetACL: "SETA", zkapi.OpCloseSession: "CLOS",
	zkapi.OpSync: "SYNC", zkapi.OpCheck: "CHEC", zkapi.OpExists: "EXIS", zkapi.OpGetData: "GETD",
	zkapi.OpSetWatches: "SETW", zkapi.OpSetWatches2: "STW2", zkapi.OpAddWatch: "ADDW",
	zkapi.OpGetACL: "GETA", zkapi.OpGetChildren: "GETC", zkapi.OpGetAllChildrenNumber: "GETACN",
	zkapi.OpGetChildren2: "GETC", zkapi.OpCheckWatches: "CHKW", zkapi.OpRemoveWatches: "REMW",
	zkapi.OpCreateSession: "SESS", zkapi.OpWhoAmI: "HOMI", zkapi.OpGetEphemerals: "GETE",
}

// lastOp is ZooKeeper's abbreviation of a request's type.
func lastOp(op zkapi.OpCode) string {
	if s, ok := lastOps[op]; ok {
		return s
	}
	return "NA"
}

func isFourLetterWord(word string) bool { _, ok := fourLetterWords[word]; return ok }

// fourLetterWord answers a command; the connection ends after it.
func (c *conn) fourLetterWord(word string) {
	var b strings.Builder
	s := c.srv
	s.mu.Lock()
	s.stats.received++
	c.stats.received++
	c.asked = true
	switch allowed := s.cfg.FourLetterWords; {
	case !slices.Contains(allowed, word) && !slices.Contains(allowed, "*"):
		fmt.Fprintf(&b, "%s is not executed because it is not in the whitelist.\n", word)
	default:
		s.answerWord(&b, word, c.in[4:])
	}
	s.mu.Unlock()
	c.out.mu.Lock()
	c.out.buf = append(c.out.buf, b.String()...)
	c.out.mu.Unlock()
	c.flush()
}

// answerWord writes the answer to a word; rest is what came behind it.
func (s *Server) answerWord(b *strings.Builder, word string, rest []byte) {
	if word == "stmk" {
		s.setTraceMask(b, rest)
		return
	}
	fourLetterWords[word](s, b)
}

// setTraceMask takes the eight bytes after the word, if they came with it.
func (s *Server) setTraceMask(b *strings.Builder, rest []byte) {
	if len(rest) < 8 {
		return
	}
	var mask int64
	for _, x := range rest[:8] {
		mask = mask<<8 | int64(x)
	}
	s.stats.traceMask = mask
	fmt.Fprintf(b, "%d", mask)
}

func (s *Server) flwDigests(b *strings.Builder) {
	for _, d := range s.st.Digests() {
		fmt.Fprintf(b, "%x: %d\n", d.Zxid, d.Value)
	}
}

func (s *Server) version() string {
	if s.cfg.Profile == V38 {
		return "3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC"
	}
	return "3.9.5-293c895a8d966a3ecb92872be4a1daf87d725da2, built on 2026-02-11 20:18 UTC"
}

func (s *Server) flwResetConnections(b *strings.Builder) {
	for c := range s.conns {
		c.stats = connStats{established: c.stats.established, sessionTimeout: c.stats.sessionTimeout, lastCxid: -1}
	}
	b.WriteString("Connection stats reset.\n")
}

func (s *Server) flwResetServer(b *strings.Builder) {
	s.stats = serverStats{traceMask: s.stats.traceMask}
	b.WriteString("Server stats reset.\n")
}

func (s *Server) flwServer(b *strings.Builder) { s.flwStatus(b, false) }
func (s *Server) flwStat(b *strings.Builder)   { s.flwStatus(b, true) }

func (s *Server) flwStatus(b *strings.Builder, clients bool) {
	fmt.Fprintf(b, "Zookeeper version: %s\n", s.version())
	if clients {
		b.WriteString("Clients:\n")
		for _, c := range s.sortedConns() {
			c.describe(b, true)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(b, "Latency min/avg/max: 0/0.0/0\nReceived: %d\nSent: %d\nConnections: %d\nOutstanding: 0\n",
		s.stats.received, s.stats.sent, len(s.conns))
	fmt.Fprintf(b, "Zxid: 0x%x\nMode: standalone\nNode count: %d\n", s.st.Zxid(), s.st.Counts().Nodes)
}

func (s *Server) sortedConns() []*conn {
	return slices.SortedFunc(maps.Keys(s.conns), func(a, b *conn) int {
		return strings.Compare(a.nc.RemoteAddr().String(), b.nc.RemoteAddr().String())
	})
}

func (s *Server) flwConnections(b *strings.Builder) {
	for _, c := range s.sortedConns() {
		c.describe(b, false)
	}
	b.WriteString("\n")
}

// describe writes a connection's line of stat (brief) or cons.
func (c *conn) describe(b *strings.Builder, brief bool) {
	interest, st := 1, &c.stats
	if c.asked { // the connection of the command itself
		interest = 0
	}
	fmt.Fprintf(b, " /%s[%x](queued=0,recved=%d,sent=%d", c.nc.RemoteAddr(), interest, st.received, st.sent)
	if sess := c.st.Session; sess != nil && !brief {
		lop, lzxid := "NA", int64(-1)
		if st.answered {
			lop, lzxid = lastOp(st.lastOp), st.lastZxid
		}
		fmt.Fprintf(b, ",sid=0x%x,lop=%s,est=%d,to=%d", sess.ID, lop, st.established, sess.Timeout)
		if st.answered && st.lastCxid >= 0 {
			fmt.Fprintf(b, ",lcxid=0x%x", st.lastCxid)
		}
		fmt.Fprintf(b, ",lzxid=0x%x,lresp=%d,llat=0,minlat=0,avglat=0,maxlat=0", uint64(lzxid), st.lastResponse)
	}
	b.WriteString(")\n")
}

func (s *Server) flwConfiguration(b *strings.Builder) {
	shown := func(key, otherwise string) string {
		if v, ok := s.cfg.shown[key]; ok {
			return v
		}
		return otherwise
	}
	_, port, _ := net.SplitHostPort(s.addr().String())
	dataDir := shown("dataDir", "memory")
	fmt.Fprintf(b, "clientPort=%s\nsecureClientPort=-1\n", port)
	fmt.Fprintf(b, "dataDir=%s/version-2\ndataDirSize=0\ndataLogDir=%s/version-2\ndataLogSize=0\n", dataDir, shown("dataLogDir", dataDir))
	fmt.Fprintf(b, "tickTime=%d\nmaxClientCnxns=%d\nminSessionTimeout=%d\nmaxSessionTimeout=%d\n",
		s.cfg.TickTime.Milliseconds(), s.cfg.MaxClientCnxns, s.cfg.MinSessionTimeout.Milliseconds(), s.cfg.MaxSessionTimeout.Milliseconds())
	fmt.Fprintf(b, "clientPortListenBacklog=%s\nserverId=0\n", shown("clientPortListenBacklog", "-1"))
}

// javaDate is how Java prints a date.
func javaDate(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("Mon Jan 02 15:04:05 UTC 2006")
}

func (s *Server) flwDump(b *strings.Builder) {
	sessions := s.st.Sessions(s.now())
	b.WriteString("SessionTracker dump:\nSession ")
	byExpiry := make(map[int64][]string)
	ephemerals, owners := "", 0
	for _, sess := range sessions {
		byExpiry[sess.Expiry] = append(byExpiry[sess.Expiry], fmt.Sprintf("0x%x", sess.ID))
		if sess.Owner { // of none any more, perhaps
			owners++
			ephemerals += fmt.Sprintf("0x%x:\n", sess.ID)
		}
		for _, path := range sess.Ephemerals {
			ephemerals += fmt.Sprintf("\t%s\n", path)
		}
	}
	dumpSets(b, byExpiry, len(sessions))
	fmt.Fprintf(b, "ephemeral nodes dump:\nSessions with Ephemerals (%d):\n%s", owners, ephemerals)
	b.WriteString("Connections dump:\nConnections ")
	byEnd := make(map[int64][]string)
	for _, c := range s.sortedConns() {
		id, end := int64(0), connExpiry(c.stats.established, handshakeTime)
		if sess := c.st.Session; sess != nil {
			id, end = sess.ID, connExpiry(s.now(), sess.Timeout)
		}
		byEnd[end] = append(byEnd[end], fmt.Sprintf("ip: /%s sessionId: 0x%x", c.nc.RemoteAddr(), id))
	}
	dumpSets(b, byEnd, len(s.conns))
}

// dumpSets writes an expiry queue: "Sets (buckets)/(members):", then each bucket.
func dumpSets(b *strings.Builder, sets map[int64][]string, members int) {
	fmt.Fprintf(b, "Sets (%d)/(%d):\n", len(sets), members)
	for _, at := range slices.Sorted(maps.Keys(sets)) {
		fmt.Fprintf(b, "%d expire at %s:\n", len(sets[at]), javaDate(at))
		for _, member := range sets[at] {
			fmt.Fprintf(b, "\t%s\n", member)
		}
	}
}

func (s *Server) flwEnvironment(b *strings.Builder) {
	host, _ := os.Hostname()
	dir, _ := os.Getwd()
	home, _ := os.UserHomeDir()
	fmt.Fprintf(b, "Environment:\nzookeeper.version=%s\nhost.name=%s\n", s.version(), host)
	fmt.Fprintf(b, "java.version=%s\njava.vendor=zksim\njava.home=\njava.class.path=\njava.library.path=\n", runtime.Version())
	fmt.Fprintf(b, "java.io.tmpdir=%s\njava.compiler=<NA>\nos.name=%s\nos.arch=%s\nos.version=\n", os.TempDir(), osName(), runtime.GOARCH)
	fmt.Fprintf(b, "user.name=%s\nuser.home=%s\nuser.dir=%s\n", os.Getenv("USER"), home, dir)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(b, "os.memory.free=%dMB\nos.memory.max=%dMB\nos.memory.total=%dMB\n",
		(m.HeapSys-m.HeapInuse)>>20, m.Sys>>20, m.HeapSys>>20)
}

func osName() string {
	switch runtime.GOOS {
	case "linux":
		return "Linux"
	case "darwin":
		return "Mac OS X"
	case "windows":
		return "Windows"
	}
	return runtime.GOOS
}

func (s *Server) flwWatchSummary(b *strings.Builder) {
	n := s.st.Counts()
	fmt.Fprintf(b, "%d connections watching %d paths\nTotal watches:%d\n", n.DataWatchConns, n.DataWatchPaths, n.DataWatches)
}

func (s *Server) flwWatchesBySession(b *strings.Builder) {
	paths := make(map[int64][]string)
	for _, id := range s.st.DataWatchers() {
		paths[id] = nil
	}
	for _, w := range s.st.Watches(false) {
		paths[w.Session] = append(paths[w.Session], w.Path)
	}
	for _, id := range slices.Sorted(maps.Keys(paths)) {
		fmt.Fprintf(b, "0x%x\n", id)
		for _, path := range paths[id] {
			fmt.Fprintf(b, "\t%s\n", orNull(path))
		}
	}
	b.WriteString("\n")
}

// orNull is how Java prints a path.
func orNull(path string) string {
	if path == wire.NullString {
		return "null"
	}
	return path
}

func (s *Server) flwWatchesByPath(b *strings.Builder) {
	last := ""
	for i, w := range s.st.Watches(false) {
		if i == 0 || w.Path != last {
			fmt.Fprintf(b, "%s\n", orNull(w.Path))
			last = w.Path
		}
		fmt.Fprintf(b, "\t0x%x\n", w.Session)
	}
	b.WriteString("\n")
}

// metrics names ZooKeeper's counters and summaries with the value that they
// have on a server at rest.
//
//go:embed mntr.txt
var metrics string

func (s *Server) flwMonitor(b *strings.Builder) {
	n, st := s.st.Counts(), &s.stats
	last, least, most := -1, -1, -1
	if st.responses > 0 {
		last, least, most = st.lastResponse, st.minResponse, st.maxResponse
	}
	for _, m := range []struct {
		key   string
		value any
	}{
		{"version", s.version()}, {"server_state", "standalone"}, {"ephemerals_count", n.Ephemerals},
		{"num_alive_connections", len(s.conns)}, {"avg_latency", "0.0"}, {"outstanding_requests", 0},
		{"znode_count", n.Nodes}, {"global_sessions", n.Sessions}, {"non_mtls_remote_conn_count", 0},
		{"last_client_response_size", last}, {"packets_sent", st.sent}, {"packets_received", st.received},
		{"max_client_response_size", most}, {"connection_drop_probability", "0.0"}, {"watch_count", n.Watches},
		{"auth_failed_count", st.authFailed}, {"min_latency", 0}, {"max_file_descriptor_count", maxFiles()},
		{"approximate_data_size", n.Bytes}, {"open_file_descriptor_count", openFiles()}, {"local_sessions", 0},
		{"uptime", s.now() - s.started}, {"max_latency", 0}, {"outstanding_tls_handshake", 0},
		{"min_client_response_size", least}, {"non_mtls_local_conn_count", 0},
	} {
		fmt.Fprintf(b, "zk_%s\t%v\n", m.key, m.value)
	}
	if !s.st.QuotasReadable() {
		return // a real server fails when it comes to sum them up
	}
	for line := range strings.Lines(metrics) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if s.cfg.Profile == V38 && (strings.Contains(key, "restore_") || strings.HasPrefix(key, "snapshot_")) {
			continue
		}
		if key == "connection_rejected" {
			value = fmt.Sprint(st.rejected)
		}
		fmt.Fprintf(b, "zk_%s\t%s\n", key, value)
	}
}

// maxFiles and openFiles tell about the process where the system does.
func maxFiles() int { return -1 }

func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(entries)
}
