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
var fourLetterWords = map[string]func(*Member, *strings.Builder){
	"ruok": func(_ *Member, b *strings.Builder) { b.WriteString("imok") },
	"isro": (*Member).flwReadOnly,
	"gtmk": func(m *Member, b *strings.Builder) { fmt.Fprintf(b, "%d", m.stats.mask()) },
	"stmk": nil, // reads a mask first, see conn.setTraceMask
	"crst": (*Member).flwResetConnections,
	"srst": (*Member).flwResetServer,
	"srvr": (*Member).flwServer,
	"stat": (*Member).flwStat,
	"cons": (*Member).flwConnections,
	"conf": (*Member).flwConfiguration,
	"dirs": func(_ *Member, b *strings.Builder) { b.WriteString("datadir_size: 0\nlogdir_size: 0\n") },
	"dump": (*Member).flwDump,
	"envi": (*Member).flwEnvironment,
	"wchs": (*Member).flwWatchSummary,
	"wchc": (*Member).flwWatchesBySession,
	"wchp": (*Member).flwWatchesByPath,
	"hash": (*Member).flwDigests,
	"mntr": (*Member).flwMonitor,
}

// answeredAnyway are the words that need no ensemble to be answered.
var answeredAnyway = map[string]bool{"ruok": true, "isro": true, "gtmk": true, "envi": true}

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
	s := &c.member.stats
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
	s, m := c.srv, c.member
	s.mu.Lock()
	m.stats.received++
	c.stats.received++
	c.asked = true
	switch allowed := m.srv.cfg.FourLetterWords; {
	case !slices.Contains(allowed, word) && !slices.Contains(allowed, "*"):
		fmt.Fprintf(&b, "%s is not executed because it is not in the whitelist.\n", word)
	default:
		m.answerWord(&b, word, c.in[4:])
	}
	s.mu.Unlock()
	c.out.mu.Lock()
	c.out.buf = append(c.out.buf, b.String()...)
	c.out.mu.Unlock()
	c.flush()
}

// answerWord writes the answer to a word; rest is what came behind it.
func (m *Member) answerWord(b *strings.Builder, word string, rest []byte) {
	switch {
	case word == "stmk":
		m.setTraceMask(b, rest)
	case m.role() == NotServing && !answeredAnyway[word]:
		b.WriteString("This ZooKeeper instance is not currently serving requests\n")
	default:
		fourLetterWords[word](m, b)
	}
}

// setTraceMask takes the eight bytes after the word, if they came with it.
func (m *Member) setTraceMask(b *strings.Builder, rest []byte) {
	if len(rest) < 8 {
		return
	}
	var mask int64
	for _, x := range rest[:8] {
		mask = mask<<8 | int64(x)
	}
	m.stats.traceMask = mask
	fmt.Fprintf(b, "%d", mask)
}

func (m *Member) flwDigests(b *strings.Builder) {
	for _, d := range m.srv.st.Digests() {
		fmt.Fprintf(b, "%x: %d\n", d.Zxid, d.Value)
	}
}

func (m *Member) version() string {
	if m.srv.cfg.Profile == V38 {
		return "3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC"
	}
	return "3.9.5-293c895a8d966a3ecb92872be4a1daf87d725da2, built on 2026-02-11 20:18 UTC"
}

func (m *Member) flwResetConnections(b *strings.Builder) {
	for c := range m.conns {
		c.stats = connStats{established: c.stats.established, sessionTimeout: c.stats.sessionTimeout, lastCxid: -1}
	}
	b.WriteString("Connection stats reset.\n")
}

func (m *Member) flwResetServer(b *strings.Builder) {
	m.stats = serverStats{traceMask: m.stats.traceMask}
	b.WriteString("Server stats reset.\n")
}

func (m *Member) flwServer(b *strings.Builder) { m.flwStatus(b, false) }
func (m *Member) flwStat(b *strings.Builder)   { m.flwStatus(b, true) }

func (m *Member) flwStatus(b *strings.Builder, clients bool) {
	fmt.Fprintf(b, "Zookeeper version: %s\n", m.version())
	if m.role() == ReadOnly {
		b.WriteString("READ-ONLY mode; serving only read-only clients\n")
	}
	if clients {
		b.WriteString("Clients:\n")
		for _, c := range m.sortedConns() {
			c.describe(b, true)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(b, "Latency min/avg/max: 0/0.0/0\nReceived: %d\nSent: %d\nConnections: %d\nOutstanding: 0\n",
		m.stats.received, m.stats.sent, len(m.conns))
	fmt.Fprintf(b, "Zxid: 0x%x\nMode: %s\nNode count: %d\n", m.st.Zxid(), m.role(), m.srv.st.Counts(m.st).Nodes)
	if m.role() == Leader {
		b.WriteString("Proposal sizes last/min/max: -1/-1/-1\n")
	}
}

func (m *Member) flwReadOnly(b *strings.Builder) {
	if m.role() == NotServing {
		b.WriteString("null")
		return
	}
	if m.role() == ReadOnly {
		b.WriteString("ro")
		return
	}
	b.WriteString("rw")
}

func (m *Member) sortedConns() []*conn {
	return slices.SortedFunc(maps.Keys(m.conns), func(a, b *conn) int {
		return strings.Compare(a.nc.RemoteAddr().String(), b.nc.RemoteAddr().String())
	})
}

func (m *Member) flwConnections(b *strings.Builder) {
	for _, c := range m.sortedConns() {
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

func (m *Member) flwConfiguration(b *strings.Builder) {
	shown := func(key, otherwise string) string {
		if v, ok := m.srv.cfg.shown[key]; ok {
			return v
		}
		return otherwise
	}
	_, port, _ := net.SplitHostPort(m.addr().String())
	dataDir := shown("dataDir", "memory")
	securePort := "-1"
	if m.secureHome != nil {
		_, securePort, _ = net.SplitHostPort(m.secureHome.String())
	}
	fmt.Fprintf(b, "clientPort=%s\nsecureClientPort=%s\n", port, securePort)
	fmt.Fprintf(b, "dataDir=%s/version-2\ndataDirSize=0\ndataLogDir=%s/version-2\ndataLogSize=0\n", dataDir, shown("dataLogDir", dataDir))
	fmt.Fprintf(b, "tickTime=%d\nmaxClientCnxns=%d\nminSessionTimeout=%d\nmaxSessionTimeout=%d\n",
		m.srv.cfg.TickTime.Milliseconds(), m.srv.cfg.MaxClientCnxns, m.srv.cfg.MinSessionTimeout.Milliseconds(), m.srv.cfg.MaxSessionTimeout.Milliseconds())
	fmt.Fprintf(b, "clientPortListenBacklog=%s\nserverId=%d\n", shown("clientPortListenBacklog", "-1"), m.serverID())
	if len(m.srv.members) > 1 {
		port, observes := m.st.ID-1, 0
		if m.srv.st.Observes(m.st) {
			observes = 1
		}
		fmt.Fprintf(b, "initLimit=%s\nsyncLimit=%d\nelectionAlg=3\nelectionPort=%d\nquorumPort=%d\npeerType=%d\n",
			shown("initLimit", "10"), m.srv.cfg.SyncLimit, electionPort+port, quorumPort+port, observes)
		if m.role() != ReadOnly {
			fmt.Fprintf(b, "membership: \n%s", m.srv.st.Membership(m.st))
		}
	}
}

// serverID is what a server calls itself; one that stands alone has no number.
func (m *Member) serverID() int {
	if len(m.srv.members) == 1 {
		return 0
	}
	return m.st.ID
}

// monitorEnsemble writes what mntr tells of an ensemble.
func (m *Member) monitorEnsemble(b *strings.Builder) {
	if len(m.srv.members) == 1 || m.role() == ReadOnly {
		return
	}
	st := m.srv.st
	var followers, mute, observers int
	for _, other := range m.srv.members {
		switch {
		case other.st.Down() || other == m:
		case st.Observes(other.st):
			observers++
		case !st.Votes(other.st):
			mute++
			fallthrough
		default:
			followers++
		}
	}
	peer := map[Role]string{Leader: "leading", Follower: "following", Observer: "observing"}[m.role()]
	fmt.Fprintf(b, "zk_peer_state\t%s - broadcast\n", peer)
	if m.role() == Observer {
		fmt.Fprintf(b, "zk_observer_master_id\t%d\n", st.Leader().ID)
	}
	fmt.Fprintf(b, "zk_quorum_size\t%d\n", st.Voters())
	if m.role() != Leader {
		return
	}
	b.WriteString("zk_min_proposal_size\t-1\nzk_max_proposal_size\t-1\nzk_last_proposal_size\t-1\n")
	fmt.Fprintf(b, "zk_learners\t%d\nzk_synced_followers\t%d\n", followers+observers, followers)
	fmt.Fprintf(b, "zk_synced_non_voting_followers\t%d\nzk_synced_observers\t%d\nzk_pending_syncs\t0\n", mute, observers)
	fmt.Fprintf(b, "zk_leader_uptime\t%d\n", m.srv.now()-m.srv.started)
}

// javaDate is how Java prints a date.
func javaDate(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("Mon Jan 02 15:04:05 UTC 2006")
}

func (m *Member) flwDump(b *strings.Builder) {
	sessions := m.srv.st.Sessions(m.srv.now())
	local := make(map[int64][]string) // by expiry
	global := make(map[int64][]string)
	locals, globals, owners, byID, ephemerals := 0, 0, 0, "", ""
	for _, sess := range sessions {
		id := fmt.Sprintf("0x%x", sess.ID)
		switch sess.Home {
		case 0:
			globals++
			global[sess.Expiry] = append(global[sess.Expiry], id)
			byID += fmt.Sprintf("%s\t%dms\n", id, sess.Timeout)
		case m.ID():
			locals++
			local[sess.Expiry] = append(local[sess.Expiry], id)
		}
		if sess.Owner { // of none any more, perhaps
			owners++
			ephemerals += id + ":\n"
		}
		for _, path := range sess.Ephemerals {
			ephemerals += fmt.Sprintf("\t%s\n", path)
		}
	}
	b.WriteString("SessionTracker dump:\n")
	if m.srv.cfg.LocalSessions && len(m.srv.members) > 1 {
		b.WriteString("Local Session ")
		dumpSets(b, local, locals)
	}
	switch role := m.role(); {
	case role == Follower, role == Observer, role == ReadOnly: // which do not know when they expire
		fmt.Fprintf(b, "Global Sessions(%d):\n%s", globals, byID)
	default:
		if m.srv.cfg.LocalSessions && role != Standalone {
			b.WriteString("Global ")
		}
		b.WriteString("Session ")
		dumpSets(b, global, globals)
	}
	fmt.Fprintf(b, "ephemeral nodes dump:\nSessions with Ephemerals (%d):\n%s", owners, ephemerals)
	m.dumpConnections(b)
}

func (m *Member) dumpConnections(b *strings.Builder) {
	b.WriteString("Connections dump:\nConnections ")
	byEnd := make(map[int64][]string)
	for _, c := range m.sortedConns() {
		id, end := int64(0), connExpiry(c.stats.established, handshakeTime)
		if sess := c.st.Session; sess != nil {
			id, end = sess.ID, connExpiry(m.srv.now(), sess.Timeout)
		}
		byEnd[end] = append(byEnd[end], fmt.Sprintf("ip: /%s sessionId: 0x%x", c.nc.RemoteAddr(), id))
	}
	dumpSets(b, byEnd, len(m.conns))
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

func (m *Member) flwEnvironment(b *strings.Builder) {
	host, _ := os.Hostname()
	dir, _ := os.Getwd()
	home, _ := os.UserHomeDir()
	fmt.Fprintf(b, "Environment:\nzookeeper.version=%s\nhost.name=%s\n", m.version(), host)
	fmt.Fprintf(b, "java.version=%s\njava.vendor=zksim\njava.home=\njava.class.path=\njava.library.path=\n", runtime.Version())
	fmt.Fprintf(b, "java.io.tmpdir=%s\njava.compiler=<NA>\nos.name=%s\nos.arch=%s\nos.version=\n", os.TempDir(), osName(), runtime.GOARCH)
	fmt.Fprintf(b, "user.name=%s\nuser.home=%s\nuser.dir=%s\n", os.Getenv("USER"), home, dir)
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	fmt.Fprintf(b, "os.memory.free=%dMB\nos.memory.max=%dMB\nos.memory.total=%dMB\n",
		(mem.HeapSys-mem.HeapInuse)>>20, mem.Sys>>20, mem.HeapSys>>20)
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

func (m *Member) flwWatchSummary(b *strings.Builder) {
	n := m.srv.st.Counts(m.st)
	fmt.Fprintf(b, "%d connections watching %d paths\nTotal watches:%d\n", n.DataWatchConns, n.DataWatchPaths, n.DataWatches)
}

func (m *Member) flwWatchesBySession(b *strings.Builder) {
	paths := make(map[int64][]string)
	for _, id := range m.srv.st.DataWatchers(m.st) {
		paths[id] = nil
	}
	for _, w := range m.st.Watches(false) {
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

func (m *Member) flwWatchesByPath(b *strings.Builder) {
	last := ""
	for i, w := range m.st.Watches(false) {
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

func (m *Member) flwMonitor(b *strings.Builder) {
	n, st := m.srv.st.Counts(m.st), &m.stats
	last, least, most := -1, -1, -1
	if st.responses > 0 {
		last, least, most = st.lastResponse, st.minResponse, st.maxResponse
	}
	for _, own := range []struct {
		key   string
		value any
	}{
		{"version", m.version()}, {"server_state", m.role()}, {"ephemerals_count", n.Ephemerals},
		{"num_alive_connections", len(m.conns)}, {"avg_latency", "0.0"}, {"outstanding_requests", 0},
		{"znode_count", n.Nodes}, {"global_sessions", n.Sessions}, {"non_mtls_remote_conn_count", 0},
		{"last_client_response_size", last}, {"packets_sent", st.sent}, {"packets_received", st.received},
		{"max_client_response_size", most}, {"connection_drop_probability", "0.0"}, {"watch_count", n.Watches},
		{"auth_failed_count", st.authFailed}, {"min_latency", 0}, {"max_file_descriptor_count", maxFiles()},
		{"approximate_data_size", n.Bytes}, {"open_file_descriptor_count", openFiles()}, {"local_sessions", n.LocalSessions},
		{"uptime", m.srv.now() - m.srv.started}, {"max_latency", 0}, {"outstanding_tls_handshake", 0},
		{"min_client_response_size", least}, {"non_mtls_local_conn_count", 0},
	} {
		fmt.Fprintf(b, "zk_%s\t%v\n", own.key, own.value)
	}
	m.monitorEnsemble(b)
	if !m.srv.st.QuotasReadable() {
		return // a real server fails when it comes to sum them up
	}
	for line := range strings.Lines(metrics) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if m.srv.cfg.Profile == V38 && (strings.Contains(key, "restore_") || strings.HasPrefix(key, "snapshot_")) {
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
