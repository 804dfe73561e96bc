package wire_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

var updateGolden = flag.Bool("update-golden", false,
	"talk to the real server at $ZKSIM_REAL_ADDR and write testdata/golden-VERSION.txt")

// TestCaptureGolden writes the golden frames anew; without -update-golden it does nothing:
//
//	ZKSIM_REAL_ADDR=127.0.0.1:2181 ZKSIM_REAL_CLASSPATH='.../*' go test ./zkapi/wire -run CaptureGolden -update-golden
//
// The classpath is that of ZooKeeper's own Java client, whose requests are
// recorded as well. The server has to be fresh and to run with
//
//	standaloneEnabled=false          # an ensemble of one: a stand-alone server refuses reconfig
//	reconfigEnabled=true
//	extendedTypesEnabled=true
//	server.1=127.0.0.1:P1:P2:participant;127.0.0.1:2181
//	-Dzookeeper.DigestAuthenticationProvider.superDigest=super:lK75jTNcA+U9vtVEw5vB51mj/w4=
//
// or, for golden-VERSION-readonly.txt, to be the only one of two servers that
// runs, with localSessionsEnabled=true and -Dreadonlymode.enabled=true.
func TestCaptureGolden(t *testing.T) {
	if !*updateGolden {
		t.Skip("only with -update-golden")
	}
	rec := &recorder{t: t, addr: os.Getenv("ZKSIM_REAL_ADDR")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(strings.Join(rec.lines, "\n"))
		}
	})
	banner, mode := rec.banner()
	version, _, _ := strings.Cut(banner, "-")
	name := "testdata/golden-" + version
	rec.comment("the requests of this package's own codec")
	if mode == "read-only" {
		name += "-readonly"
		rec.readOnly()
	} else {
		rec.sessions()
		rec.nodes()
		rec.multis(version)
		rec.watches()
		rec.identities()
		rec.members()
		rec.malformed()
		rec.comment("the requests of ZooKeeper's own Java client, GoldenClient.java")
		rec.javaClient(os.Getenv("ZKSIM_REAL_CLASSPATH"))
	}
	text := fmt.Sprintf("# ZooKeeper %s, %s\n%s", banner, mode, strings.Join(rec.lines, "\n")+"\n")
	require.NoError(t, os.WriteFile(name+".txt", []byte(text), 0o644))
}

// recorder keeps what goes over all connections in the order in which it was seen.
type recorder struct {
	t     *testing.T
	addr  string
	mu    sync.Mutex
	lines []string
	conns int
}

func (rec *recorder) comment(text string) { rec.lines = append(rec.lines, "# "+text) }

func (rec *recorder) dial() net.Conn {
	rec.t.Helper()
	c, err := net.Dial("tcp", rec.addr)
	require.NoError(rec.t, err)
	require.NoError(rec.t, c.SetDeadline(time.Now().Add(20*time.Second)))
	return c
}

// banner is the server's version, and its mode, as the four-letter word srvr tells them.
func (rec *recorder) banner() (version, mode string) {
	c := rec.dial()
	defer c.Close()
	_, err := c.Write([]byte("srvr"))
	require.NoError(rec.t, err)
	text, err := io.ReadAll(c)
	require.NoError(rec.t, err)
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Zookeeper version":
			version = value
		case "Mode":
			mode = value
		}
	}
	return version, mode
}

// link is one recorded connection.
type link struct {
	rec     *recorder
	id      string
	c       net.Conn
	pending map[int32]string // xid -> kind
	xid     int32
	lossy   bool // the replies hold text that does not survive decoding
	session wire.ConnectResponse
	last    []byte // payload of the last reply
}

func (rec *recorder) link(c net.Conn) *link {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.conns++
	return &link{rec: rec, id: fmt.Sprint(rec.conns), c: c, pending: map[int32]string{}}
}

// note records a frame. kind is "" where it is to be found out.
func (l *link) note(fromServer bool, kind, comment string, frame []byte) string {
	l.rec.mu.Lock()
	defer l.rec.mu.Unlock()
	payload := frame[4:]
	if kind == "" {
		kind = l.kind(fromServer, payload)
	}
	if comment == "" {
		comment = l.describe(fromServer, kind, payload)
	}
	if fromServer && l.lossy {
		kind = "lossy-" + kind
	}
	g := golden{conn: l.id, fromServer: fromServer, kind: kind, frame: frame, comment: comment}
	l.rec.lines = append(l.rec.lines, g.String())
	return kind
}

// kind tells what a payload is from what went before it.
func (l *link) kind(fromServer bool, payload []byte) string {
	r := wire.NewReader(payload)
	switch {
	case !fromServer && l.pending[0] == "":
		l.pending[0] = "connect"
		return "connect"
	case fromServer && l.pending[0] == "connect":
		l.pending[0] = "connected"
		return "connect"
	case fromServer:
		var h wire.ReplyHeader
		if h.Read(&r); h.Xid == wire.XidNotification {
			return "event"
		}
		return l.pending[h.Xid]
	}
	var h wire.RequestHeader
	h.Read(&r)
	l.pending[h.Xid] = h.Type.String()
	return h.Type.String()
}

func (l *link) describe(fromServer bool, kind string, payload []byte) string {
	m, err := newMessage(kind, fromServer)
	if err != nil {
		return err.Error()
	}
	r := wire.NewReader(payload)
	m.Read(&r)
	switch b := m.Body.(type) {
	case *wire.WatcherEvent:
		return fmt.Sprintf("%v %s", b.Type, b.Path)
	case *wire.ConnectResponse:
		return fmt.Sprintf("timeout %d, tail %v", b.TimeOut, b.HasReadOnly)
	case *wire.Op:
		return fmt.Sprintf("%s, flags %d, version %d, watch %v", b.Path, b.Flags, b.Version, b.Watch)
	case *multiBody:
		return fmt.Sprintf("%d operations", len(b.Ops))
	}
	if m.Reply != nil {
		return m.Reply.Err.Name()
	}
	return strings.ToValidUTF8(fmt.Sprintf("%+v", m.Body), "null")
}

// send sends and records a payload.
func (l *link) send(kind, comment string, payload []byte) {
	l.rec.t.Helper()
	frame := wire.EndFrame(append(wire.BeginFrame(nil), payload...), 0)
	l.note(false, kind, comment, frame)
	_, err := l.c.Write(frame)
	require.NoError(l.rec.t, err, comment)
}

// receive receives and records a frame; nil at the end of the connection.
func (l *link) receive() (kind string, payload []byte) {
	l.rec.t.Helper()
	frame, err := readFrame(l.c)
	if err == io.EOF {
		return "", nil
	}
	require.NoError(l.rec.t, err)
	return l.note(true, "", "", frame), frame[4:]
}

func readFrame(r io.Reader) ([]byte, error) {
	frame := make([]byte, 4)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, err
	}
	frame = append(frame, make([]byte, binary.BigEndian.Uint32(frame))...)
	_, err := io.ReadFull(r, frame[4:])
	return frame, err
}

// connect opens a session; opts change the request.
func (rec *recorder) connect(comment string, opts ...func(*wire.ConnectRequest)) *link {
	rec.t.Helper()
	l := rec.link(rec.dial())
	req := wire.ConnectRequest{TimeOut: 30000, Passwd: make([]byte, wire.PasswordLen), HasReadOnly: true}
	for _, opt := range opts {
		opt(&req)
	}
	l.pending[0] = "connect"
	l.send("connect", comment, req.Append(nil))
	_, payload := l.receive()
	r := wire.NewReader(payload)
	l.session.Read(&r)
	return l
}

// call sends a request and receives up to its reply, or up to the end of the connection.
func (l *link) call(op zkapi.OpCode, comment string, body record) zkapi.Code {
	l.rec.t.Helper()
	l.xid++
	xid := l.xid
	switch op {
	case zkapi.OpPing:
		xid = wire.XidPing
	case zkapi.OpAuth:
		xid = wire.XidAuth
	case zkapi.OpSetWatches, zkapi.OpSetWatches2:
		xid = wire.XidSetWatches
	}
	h, kind := wire.RequestHeader{Xid: xid, Type: op}, op.String()
	switch body.(type) {
	case garbage:
		kind = "malformed-" + kind
	case lossy:
		kind = "lossy-" + kind
	}
	l.pending[xid] = op.String()
	l.send(kind, comment, body.Append(h.Append(nil)))
	for {
		got, payload := l.receive()
		if payload == nil {
			return 0
		}
		if got != "event" {
			r := wire.NewReader(payload)
			var reply wire.ReplyHeader
			reply.Read(&r)
			l.last = payload
			require.Equal(l.rec.t, xid, reply.Xid, comment)
			return reply.Err
		}
	}
}

// garbage is a body that no server can decode.
type garbage []byte

func (g garbage) Append(b []byte) []byte { return append(b, g...) }
func (garbage) Read(*wire.Reader)        {}

// lossy is a body whose text does not survive decoding.
type lossy struct{ garbage }

func (rec *recorder) sessions() {
	tailless := func(c *wire.ConnectRequest) { c.HasReadOnly = false }
	l := rec.connect("new session, no tail, password null",
		tailless, func(c *wire.ConnectRequest) { c.Passwd = nil })
	l.call(zkapi.OpPing, "ping", noBody{})
	again := func(c *wire.ConnectRequest) { c.SessionID, c.Passwd = l.session.SessionID, l.session.Passwd }
	l.c.Close()
	l2 := rec.connect("the same session again", again, func(c *wire.ConnectRequest) { c.ReadOnly = true })
	l2.call(zkapi.OpCloseSession, "close", noBody{})
	l2.receive()
	rec.connect("closed session", again).receive()
	rec.connect("closed session, no tail", again, tailless).receive()
}

func (rec *recorder) nodes() {
	l := rec.connect("new session")
	open, some := zkapi.OpenACL(), []byte("some data")
	create := func(op zkapi.OpCode, comment, path string, data []byte, mode zkapi.CreateMode, ttl int64) {
		l.call(op, comment, &wire.Op{Type: op, Path: path, Data: data, ACL: open, Flags: int32(mode), TTL: ttl})
	}
	create(zkapi.OpCreate, "persistent", "/golden", some, zkapi.Persistent, 0)
	create(zkapi.OpCreate, "there is one", "/golden", some, zkapi.Persistent, 0)
	create(zkapi.OpCreate, "ephemeral, data null", "/golden/e", nil, zkapi.Ephemeral, 0)
	create(zkapi.OpCreate, "under an ephemeral", "/golden/e/x", nil, zkapi.Persistent, 0)
	create(zkapi.OpCreate, "sequential, data empty", "/golden/s-", []byte{}, zkapi.EphemeralSequential, 0)
	create(zkapi.OpCreate2, "create2", "/golden/caf\u00e9 \u4e2d", some, zkapi.Persistent, 0)
	create(zkapi.OpCreate2, "no parent", "/nope/x", some, zkapi.Persistent, 0)
	create(zkapi.OpCreateContainer, "container", "/golden/c", nil, zkapi.Container, 0)
	create(zkapi.OpCreateContainer, "bad path", "/golden/\x01", nil, zkapi.Container, 0)
	create(zkapi.OpCreateTTL, "with a time to live", "/golden/t", some, zkapi.PersistentTTL, 1<<40-1)
	create(zkapi.OpCreateTTL, "sequential, with a time to live", "/golden/t-", some, zkapi.PersistentSequentialTTL, 60000)
	create(zkapi.OpCreateTTL, "time to live 0", "/golden/t0", some, zkapi.PersistentTTL, 0)
	l.call(zkapi.OpCreate, "ACL null", &wire.Op{Type: zkapi.OpCreate, Path: "/golden/n"})
	l.call(zkapi.OpCreate, "path null", &wire.Op{Type: zkapi.OpCreate, Path: wire.NullString, ACL: open})

	for _, path := range []string{"/golden", "/golden/e", "/golden/s-0000000001", "/golden/t", "/nope"} {
		l.call(zkapi.OpExists, "exists "+path, &wire.Op{Type: zkapi.OpExists, Path: path})
		l.call(zkapi.OpGetData, "get "+path, &wire.Op{Type: zkapi.OpGetData, Path: path})
		l.call(zkapi.OpGetChildren, "children of "+path, &wire.Op{Type: zkapi.OpGetChildren, Path: path})
		l.call(zkapi.OpGetChildren2, "children of "+path, &wire.Op{Type: zkapi.OpGetChildren2, Path: path})
		l.call(zkapi.OpGetACL, "ACL of "+path, &wire.PathRequest{Path: path})
		l.call(zkapi.OpGetAllChildrenNumber, "descendants of "+path, &wire.PathRequest{Path: path})
	}
	l.call(zkapi.OpSetData, "version 0", &wire.Op{Type: zkapi.OpSetData, Path: "/golden", Data: []byte("new")})
	l.call(zkapi.OpSetData, "version 0 again", &wire.Op{Type: zkapi.OpSetData, Path: "/golden", Data: []byte("newer")})
	l.call(zkapi.OpSetACL, "two entries", &wire.SetACLRequest{Path: "/golden/c", Version: -1, ACL: append(
		zkapi.DigestACL(zkapi.PermAll, "u", "p"), zkapi.ACL{Perms: zkapi.PermRead, Scheme: "ip", ID: "127.0.0.0/8"})})
	l.call(zkapi.OpSetACL, "no entry", &wire.SetACLRequest{Path: "/golden/c", Version: -1, ACL: []zkapi.ACL{}})
	l.call(zkapi.OpGetACL, "two entries", &wire.PathRequest{Path: "/golden/c"})
	l.call(zkapi.OpSetData, "without permission", &wire.Op{Type: zkapi.OpSetData, Path: "/golden/c", Version: -1})
	l.call(zkapi.OpGetEphemerals, "all", &wire.PathRequest{Path: "/"})
	l.call(zkapi.OpGetEphemerals, "none", &wire.PathRequest{Path: "/none"})
	l.call(zkapi.OpSync, "path null", &wire.PathRequest{Path: wire.NullString})
	text := func(s string) lossy { return lossy{wire.AppendBuffer(nil, []byte(s))} }
	l.call(zkapi.OpSync, "not UTF-8", text("/\xff\xc0\xaf"))
	l.call(zkapi.OpSync, "beyond the basic plane, as Java writes it", text("/\xed\xa0\xbd\xed\xb8\x80"))
	l.lossy = true
	l.call(zkapi.OpSync, "beyond the basic plane, as others write it", text("/\U0001f600"))
	l.lossy = false
	l.call(zkapi.OpDelete, "has children", &wire.Op{Type: zkapi.OpDelete, Path: "/golden", Version: -1})
	l.call(zkapi.OpDelete, "wrong version", &wire.Op{Type: zkapi.OpDelete, Path: "/golden/t", Version: 7})
	l.call(zkapi.OpDelete, "any version", &wire.Op{Type: zkapi.OpDelete, Path: "/golden/t", Version: -1})
	create(zkapi.OpCreateContainer, "container", "/golden/c2", nil, zkapi.Container, 0)
	l.call(zkapi.OpDeleteContainer, "empty container", &wire.Op{Type: zkapi.OpDeleteContainer, Path: "/golden/c2"})
	l.call(zkapi.OpDeleteContainer, "no such node", &wire.Op{Type: zkapi.OpDeleteContainer, Path: "/golden/c3"})
	l.call(zkapi.OpCloseSession, "close", noBody{})
}

func (rec *recorder) multis(version string) {
	l := rec.connect("new session")
	op := func(t zkapi.OpCode, path string, data []byte, mode zkapi.CreateMode) wire.Op {
		return wire.Op{Type: t, Path: path, Data: data, ACL: zkapi.OpenACL(), Flags: int32(mode), TTL: 60000, Version: -1}
	}
	multi := func(comment string, ops ...wire.Op) {
		l.call(zkapi.OpMulti, comment, &multiBody{ops})
	}
	create := op(zkapi.OpCreate, "/golden/m", []byte("m"), zkapi.Persistent)
	multi("one of each", create,
		op(zkapi.OpCreate2, "/golden/m/2", nil, zkapi.Ephemeral),
		op(zkapi.OpCreateContainer, "/golden/m/c", nil, zkapi.Container),
		op(zkapi.OpCreateTTL, "/golden/m/t", []byte("t"), zkapi.PersistentTTL),
		op(zkapi.OpCreate, "/golden/m/s-", nil, zkapi.PersistentSequential),
		op(zkapi.OpSetData, "/golden/m", []byte("n"), 0),
		op(zkapi.OpCheck, "/golden/m", nil, 0),
		op(zkapi.OpDelete, "/golden/m/c", nil, 0))
	multi("fails in the middle", op(zkapi.OpCheck, "/golden/m", nil, 0), create,
		op(zkapi.OpDelete, "/golden/m/t", nil, 0))
	multi("empty")
	multi("a read is not allowed", op(zkapi.OpGetData, "/golden", nil, 0))
	read := func(comment string, ops ...wire.Op) { l.call(zkapi.OpMultiRead, comment, &multiBody{ops}) }
	read("data and children, one missing", op(zkapi.OpGetData, "/golden/m", nil, 0),
		op(zkapi.OpGetChildren, "/golden/m", nil, 0), op(zkapi.OpGetData, "/nope", nil, 0))
	read("empty")
	read("a write is not allowed", create)
	check := &wire.Op{Type: zkapi.OpCheck, Path: "/golden", Version: 77}
	l.call(zkapi.OpCheck, "outside a multi, wrong version", check)
	if check.Version = -1; !strings.HasPrefix(version, "3.8") { // that one would never answer
		l = rec.connect("new session")
		l.call(zkapi.OpCheck, "outside a multi, right version", check)
	}
}

func (rec *recorder) watches() {
	l, other := rec.connect("the watcher's session"), rec.connect("the other session")
	open := zkapi.OpenACL()
	l.call(zkapi.OpExists, "watch what is not there", &wire.Op{Type: zkapi.OpExists, Path: "/golden/w", Watch: true})
	l.call(zkapi.OpGetChildren2, "watch children", &wire.Op{Type: zkapi.OpGetChildren2, Path: "/golden", Watch: true})
	l.call(zkapi.OpAddWatch, "recursive", &wire.WatchRequest{Path: "/golden", Type: int32(zkapi.WatchPersistentRecursive)})
	other.call(zkapi.OpCreate, "create", &wire.Op{Type: zkapi.OpCreate, Path: "/golden/w", ACL: open})
	l.call(zkapi.OpGetData, "events come before this reply",
		&wire.Op{Type: zkapi.OpGetData, Path: "/golden/w", Watch: true})
	l.call(zkapi.OpSetData, "own change", &wire.Op{Type: zkapi.OpSetData, Path: "/golden/w", Version: -1})
	l.call(zkapi.OpGetChildren, "watch children again", &wire.Op{Type: zkapi.OpGetChildren, Path: "/golden/w", Watch: true})
	l.call(zkapi.OpDelete, "own delete", &wire.Op{Type: zkapi.OpDelete, Path: "/golden/w", Version: -1})
	l.call(zkapi.OpAddWatch, "persistent", &wire.WatchRequest{Path: "/golden/w", Type: int32(zkapi.WatchPersistent)})
	l.call(zkapi.OpAddWatch, "no such mode", &wire.WatchRequest{Path: "/golden/w", Type: 7})
	l.call(zkapi.OpCheckWatches, "any", &wire.WatchRequest{Path: "/golden/w", Type: int32(zkapi.WatchTypeAny)})
	l.call(zkapi.OpCheckWatches, "none there", &wire.WatchRequest{Path: "/golden/x", Type: int32(zkapi.WatchTypeData)})
	l.call(zkapi.OpRemoveWatches, "any", &wire.WatchRequest{Path: "/golden/w", Type: int32(zkapi.WatchTypeAny)})
	l.call(zkapi.OpRemoveWatches, "none there", &wire.WatchRequest{Path: "/golden/w", Type: int32(zkapi.WatchTypeChildren)})
	lists := wire.SetWatches{RelativeZxid: 1, Data: []string{"/golden", "/nope"}, Exist: []string{"/golden"},
		Child: []string{"/golden"}, Persistent: []string{"/p"}, PersistentRecursive: []string{"/golden/r"}}
	l.call(zkapi.OpSetWatches, "everything has changed", &setWatchesBody{lists, zkapi.OpSetWatches})
	l.call(zkapi.OpSetWatches2, "everything has changed", &setWatchesBody{lists, zkapi.OpSetWatches2})
	lists = wire.SetWatches{Data: []string{}, Exist: []string{}, Child: []string{}}
	l.call(zkapi.OpSetWatches, "nothing", &setWatchesBody{lists, zkapi.OpSetWatches})
}

func (rec *recorder) identities() {
	l := rec.connect("new session")
	l.call(zkapi.OpWhoAmI, "address only", noBody{})
	l.call(zkapi.OpAuth, "digest", &wire.AuthPacket{Scheme: "digest", Auth: []byte("u:p")})
	l.call(zkapi.OpWhoAmI, "address and user", noBody{})
	l.call(zkapi.OpSasl, "the server has no SASL", &wire.SASL{Token: []byte("token")})
	l.call(zkapi.OpAuth, "no such scheme", &wire.AuthPacket{Scheme: "nonsense", Auth: []byte{}})
	l.receive()
}

func (rec *recorder) members() {
	l := rec.connect("new session")
	l.call(zkapi.OpReconfig, "not allowed", &wire.ReconfigRequest{NewMembers: "server.1=x", CurConfigID: -1,
		JoiningServers: wire.NullString, LeavingServers: wire.NullString})
	l.call(zkapi.OpAuth, "the super user", &wire.AuthPacket{Scheme: "digest", Auth: []byte("super:secret")})
	l.call(zkapi.OpGetData, "the members", &wire.Op{Type: zkapi.OpGetData, Path: "/zookeeper/config"})
	r := wire.NewReader(l.last)
	config := message{Reply: &wire.ReplyHeader{}, Body: newReply(zkapi.OpGetData)}
	config.Read(&r)
	members, _, _ := strings.Cut(string(config.Body.(*replyBody).Data), "\n")
	l.call(zkapi.OpReconfig, "wrong version", &wire.ReconfigRequest{LeavingServers: "9", CurConfigID: 77})
	l.call(zkapi.OpReconfig, "the same members", &wire.ReconfigRequest{CurConfigID: -1,
		JoiningServers: members, LeavingServers: wire.NullString, NewMembers: wire.NullString})
}

// readOnly shows a server that has lost its leader.
func (rec *recorder) readOnly() {
	ro := func(c *wire.ConnectRequest) { c.ReadOnly = true }
	rec.connect("wants a server that writes").receive()
	l := rec.connect("any server will do", ro)
	path := wire.Op{Path: "/zookeeper/config"}
	for _, op := range []zkapi.OpCode{zkapi.OpExists, zkapi.OpGetData, zkapi.OpGetChildren2,
		zkapi.OpCreate, zkapi.OpDelete, zkapi.OpSetData} {
		path.Type, path.ACL = op, zkapi.OpenACL()
		l.call(op, path.Path, &path)
	}
	check := wire.Op{Type: zkapi.OpCheck, Path: "/", Version: -1}
	l.call(zkapi.OpMulti, "only a check", &multiBody{[]wire.Op{check}})
	l.call(zkapi.OpMultiRead, "data", &multiBody{[]wire.Op{{Type: zkapi.OpGetData, Path: path.Path}}})
	l.call(zkapi.OpSync, "sync", &wire.PathRequest{Path: "/"})
	l.call(zkapi.OpSetACL, "open", &wire.SetACLRequest{Path: "/", ACL: zkapi.OpenACL(), Version: -1})
	l.call(zkapi.OpAddWatch, "recursive", &wire.WatchRequest{Path: "/", Type: 1})
	l.call(zkapi.OpWhoAmI, "address", noBody{})
	l.call(zkapi.OpPing, "ping", noBody{})
	l.call(zkapi.OpCloseSession, "close", noBody{})
}

// malformed shows what a server says to bodies that it cannot decode. There are
// no writes among them: from those an ensemble of 3.9.5 does not recover.
func (rec *recorder) malformed() {
	l := rec.connect("new session")
	for _, op := range []zkapi.OpCode{zkapi.OpExists, zkapi.OpSync, zkapi.OpGetACL, zkapi.OpSetWatches,
		zkapi.OpSetWatches2, zkapi.OpGetEphemerals, zkapi.OpAddWatch, zkapi.OpCheckWatches, zkapi.OpMultiRead} {
		l.call(op, "empty body", garbage(nil))
		l.call(op, "length beyond the end", garbage{0, 0, 0, 99, '/'})
		l.call(op, "length -2", garbage{0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0})
	}
	l.call(zkapi.OpCloseSession, "close", noBody{})
}

// javaClient lets GoldenClient.java talk to the server through a proxy that
// records. The client asks for /cut where it wants its connection to break.
func (rec *recorder) javaClient(classpath string) {
	require.NotEmpty(rec.t, classpath, "ZKSIM_REAL_CLASSPATH")
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(rec.t, err)
	defer proxy.Close()
	go func() {
		for {
			client, err := proxy.Accept()
			if err != nil {
				return
			}
			rec.relay(client)
		}
	}()
	cmd := exec.Command("java", "-cp", classpath, "testdata/GoldenClient.java", proxy.Addr().String())
	out, err := cmd.CombinedOutput()
	require.NoError(rec.t, err, "%s", out)
}

func (rec *recorder) relay(client net.Conn) {
	server := rec.dial()
	l := rec.link(server)
	pump := func(fromServer bool, from, to net.Conn) {
		defer to.Close()
		for {
			frame, err := readFrame(from)
			if err != nil {
				return
			}
			l.note(fromServer, "", "", frame)
			if !fromServer && strings.Contains(string(frame), "/cut") {
				return
			}
			if _, err := to.Write(frame); err != nil {
				return
			}
		}
	}
	go pump(true, server, client)
	go func() {
		pump(false, client, server)
		client.Close()
	}()
}
