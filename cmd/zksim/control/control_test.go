package control_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/cmd/zksim/control"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// side is a simulated ZooKeeper and its HTTP side.
type side struct {
	t   *testing.T
	sim *memserver.Server
	web *control.Server
}

func newSide(t *testing.T, opts ...func(*memserver.Config)) *side {
	sim := memserver.RunT(t, opts...)
	web := control.New(sim, control.Options{})
	t.Cleanup(func() { web.Close() })
	return &side{t, sim, web}
}

// ask sends a request, "GET /path", and returns the status and the answer.
func (s *side) ask(request, body string) (int, string) {
	s.t.Helper()
	method, target, _ := strings.Cut(request, " ")
	return s.do(httptest.NewRequest(method, "http://127.0.0.1:8080"+target, strings.NewReader(body)))
}

func (s *side) do(q *http.Request) (int, string) {
	w := httptest.NewRecorder()
	s.web.ServeHTTP(w, q)
	return w.Code, w.Body.String()
}

// must is ask for what succeeds; it reads the answer into v.
func (s *side) must(request, body string, v any) {
	s.t.Helper()
	status, answer := s.ask(request, body)
	require.Equal(s.t, http.StatusOK, status, answer)
	require.NoError(s.t, json.Unmarshal([]byte(answer), v))
}

// TestGoZooKeeper has a client of another library lose its connection, then its
// session, and the clock end another one.
func TestGoZooKeeper(t *testing.T) {
	s := newSide(t)
	events := make(chan zk.Event, 1000) // go-zookeeper's own drops what does not fit into six places
	conn, _, err := zk.Connect([]string{s.sim.Addr(), s.sim.Addr()}, 10*time.Second,
		zk.WithDialer(s.sim.Dial), zk.WithLogger(quiet{}), zk.WithEventCallback(func(e zk.Event) { events <- e }))
	require.NoError(t, err)
	defer conn.Close()
	await := func(want zk.State) {
		t.Helper()
		for e := range events {
			if e.State == want && e.Type == zk.EventSession {
				return
			}
		}
	}
	await(zk.StateHasSession)
	_, err = conn.Create("/e", []byte("x"), zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	id := conn.SessionID()
	var answer map[string]string

	s.must("POST /sim/v1/sessions/"+hex(id)+"/disconnect", "", &answer)
	require.Equal(t, map[string]string{"session": hex(id), "zxid": "0x2"}, answer)
	await(zk.StateDisconnected)
	await(zk.StateHasSession)
	require.Equal(t, id, conn.SessionID(), "it is the same session")

	s.must("POST /sim/v1/sessions/"+hex(id)+"/expire", "", &answer)
	require.Equal(t, map[string]string{"session": hex(id), "zxid": "0x3"}, answer)
	_, there := s.sim.Node("/e")
	require.False(t, there)
	await(zk.StateExpired)
	await(zk.StateHasSession)
	require.NotEqual(t, id, conn.SessionID())
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func hex(id int64) string { return "0x" + strconv.FormatInt(id, 16) }

func TestClock(t *testing.T) {
	s := newSide(t)
	c := s.sim.ClientT(t)
	_, err := c.Create(t.Context(), "/e", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	before := s.sim.Now()
	s.sim.Disconnect(c.SessionID())
	var answer struct {
		Now  time.Time
		Zxid string
	}
	s.must("POST /sim/v1/clock", `{"advance":"1m"}`, &answer)
	require.Equal(t, "0x3", answer.Zxid, "the session has expired")
	require.WithinDuration(t, before.Add(time.Minute), answer.Now, 10*time.Second)
	_, there := s.sim.Node("/e")
	require.False(t, there)
}

// TestStall: a client that hears nothing until it may.
func TestStall(t *testing.T) {
	s := newSide(t)
	conn, _, err := zk.Connect([]string{s.sim.Addr()}, 10*time.Second,
		zk.WithDialer(s.sim.Dial), zk.WithLogger(quiet{}), zk.WithEventCallback(func(zk.Event) {}))
	require.NoError(t, err)
	defer conn.Close()
	_, _, err = conn.Get("/")
	require.NoError(t, err)
	id := hex(conn.SessionID())
	var state struct{ Sessions []struct{ Member int } }
	s.must("GET /sim/v1/state", "", &state)
	require.Equal(t, 1, state.Sessions[0].Member)
	var answer map[string]string
	s.must("POST /sim/v1/sessions/"+id+"/stall", "", &answer)
	require.Equal(t, map[string]string{"session": id, "zxid": "0x1"}, answer)
	committed := s.sim.Events()
	defer committed.Close()
	made := make(chan error, 1)
	go func() {
		_, err := conn.Create("/a", nil, 0, zk.WorldACL(zk.PermAll))
		made <- err
	}()
	e, err := committed.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, "/a", e.Path)
	require.Empty(t, made, "it is done, and the client does not know")
	s.must("POST /sim/v1/sessions/"+id+"/resume", "", &answer)
	require.NoError(t, <-made)
}

// TestCounters moves all counters to where they overflow.
func TestCounters(t *testing.T) {
	s := newSide(t)
	c := s.sim.ClientT(t)
	_, err := c.Create(t.Context(), "/jobs", nil, nil, zkapi.Persistent)
	require.NoError(t, err)
	var answer map[string]string
	s.must("POST /sim/v1/counters", `{"path":"/jobs","version":2147483647,"creations":2147483647,"aversion":7}`, &answer)
	require.Equal(t, map[string]string{"path": "/jobs", "zxid": "0x2"}, answer)
	path, err := c.Create(t.Context(), "/jobs/n-", nil, nil, zkapi.PersistentSequential)
	require.NoError(t, err)
	require.Equal(t, "/jobs/n-2147483647", path)
	_, err = c.Create(t.Context(), "/jobs/n-", nil, nil, zkapi.PersistentSequential)
	require.ErrorIs(t, err, zkapi.ErrNodeExists, "the number does not run over, so all names have been taken")
	st, err := c.Set(t.Context(), "/jobs", nil, -1)
	require.NoError(t, err)
	require.Equal(t, int32(-1<<31), st.Version)
	require.Equal(t, int32(7), st.Aversion)

	s.must("POST /sim/v1/zxid", `{"zxid":"0x1fffffff0"}`, &answer)
	require.Equal(t, "0x1fffffff0", answer["zxid"])
	st, err = c.Set(t.Context(), "/jobs", nil, -1)
	require.NoError(t, err)
	require.Equal(t, int64(0x1fffffff1), st.Mzxid)

	s.must("POST /sim/v1/next-session", `{"session":"0xfffffffffffffe"}`, &answer)
	require.Equal(t, "0xfffffffffffffe", answer["session"])
	require.Equal(t, int64(0x1fffffffffffffe), s.sim.ClientT(t).SessionID())
}

func TestRestart(t *testing.T) {
	s := newSide(t)
	c := s.sim.ClientT(t)
	_, err := c.Create(t.Context(), "/a", nil, nil, zkapi.Persistent)
	require.NoError(t, err)
	_, _, watch, err := c.GetW(t.Context(), "/a")
	require.NoError(t, err)
	var answer map[string]string
	s.must("POST /sim/v1/restart", "{}", &answer)
	require.Equal(t, map[string]string{"zxid": "0x2"}, answer)
	require.Empty(t, watch, "the watch has moved to the new connection")
	require.Equal(t, zkapi.StateConnected, c.State())
}

func TestState(t *testing.T) {
	s := newSide(t, func(c *memserver.Config) { c.Seed = 1 })
	c := s.sim.ClientT(t)
	_, err := c.Create(t.Context(), "/e", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	_, _, _, err = c.ChildrenW(t.Context(), "/")
	require.NoError(t, err)
	s.sim.Disconnect(s.sim.ClientT(t).SessionID())
	var state map[string]any
	s.must("GET /sim/v1/state", "", &state)
	for _, x := range state["sessions"].([]any) {
		delete(x.(map[string]any), "expiry")
	}
	delete(state, "now")
	want := `{
		"clients": "127.0.0.1:1", "zxid": "0x3", "nodes": 5,
		"members": [{"id": 1, "clients": "127.0.0.1:1", "role": "standalone", "zxid": "0x3", "behind": 0}],
		"sessions": [
			{"id": "0x100000000010000", "timeout_ms": 10000, "connected": true, "ephemerals": ["/e"]},
			{"id": "0x100000000010001", "timeout_ms": 10000, "connected": false, "ephemerals": []}],
		"watches": [{"path": "/", "session": "0x100000000010000", "child": true, "modes": ["standard"]}]}`
	got, err := json.Marshal(state)
	require.NoError(t, err)
	require.JSONEq(t, want, string(got))
}

func TestTree(t *testing.T) {
	s := newSide(t, func(c *memserver.Config) { c.ExtendedTypes = true })
	c := s.sim.ClientT(t)
	for path, data := range map[string][]byte{"/a": []byte("é"), "/a-b": nil, "/b": {}} {
		_, err := c.Create(t.Context(), path, data, nil, zkapi.Persistent)
		require.NoError(t, err)
	}
	_, _, err := c.CreateTTL(t.Context(), "/a/b", []byte{0xff}, zkapi.WorldACL(zkapi.PermRead|zkapi.PermAdmin), zkapi.PersistentTTL, 90*time.Second)
	require.NoError(t, err)
	var tree struct {
		Zxid  string
		Nodes []struct {
			Path  string
			Data  []byte
			Text  *string
			ACL   []map[string]string
			TTLMS int64 `json:"ttl_ms"`
			Stat  map[string]any
		}
	}
	s.must("GET /sim/v1/tree?path=/a", "", &tree)
	require.Equal(t, "0x5", tree.Zxid)
	require.Len(t, tree.Nodes, 2, "not /a-b, which only begins like /a")
	require.Equal(t, "/a", tree.Nodes[0].Path)
	require.Equal(t, "é", *tree.Nodes[0].Text)
	require.EqualValues(t, 1, tree.Nodes[0].Stat["num_children"])
	b := tree.Nodes[1]
	require.Equal(t, "/a/b", b.Path)
	require.Equal(t, []byte{0xff}, b.Data)
	require.Nil(t, b.Text)
	require.EqualValues(t, 90_000, b.TTLMS)
	require.Equal(t, []map[string]string{{"perms": "ra", "scheme": "world", "id": "anyone"}}, b.ACL)
	require.Equal(t, "0x5", b.Stat["czxid"])

	status, text := s.ask("GET /sim/v1/tree?path=/a-b", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, `"data":null,"acl"`)
	s.must("GET /sim/v1/tree", "", &tree)
	require.Len(t, tree.Nodes, s.sim.Snapshot().Len())
}

// TestBadRequests has every kind of wrong request, and what it is told.
func TestBadRequests(t *testing.T) {
	s := newSide(t)
	c := s.sim.ClientT(t)
	s.sim.Disconnect(c.SessionID())
	id := hex(c.SessionID())
	long := `{"advance":"` + strings.Repeat(" ", 70_000) + `1s"}`
	const wantID = `want 0x and up to 16 hexadecimal digits, such as 0x100002f3ab10000`
	const wantCounters = `send {"path":"/jobs","creations":2147483647}, with "version" and "aversion" likewise; what is left out is 0`
	const wantSession = `send {"session":"0xfffffffffffffe"}; what is above its 14 digits is the number of the member`
	const wantAdvance = `send {"advance":"30s"}`
	tests := []struct {
		request, body string
		status        int
		text          string
	}{
		{"GET /", "", 404, "there is no /; GET /sim/v1 lists what there is"},
		{"GET /sim/v2/state", "", 404, "there is no /sim/v2/state; GET /sim/v1 lists what there is"},
		{"POST /sim/v1/state", "", 405, "/sim/v1/state does not take POST; send GET"},
		{"GET /sim/v1/state?a=1", "", 400, `unknown parameter "a"; it takes no parameter`},
		{"GET /sim/v1/state?%zz", "", 400, `the query "%zz" is not well formed; it takes no parameter`},
		{"GET /sim/v1/sessions/0x1/expire", "", 405, "/sim/v1/sessions/0x1/expire does not take GET; send POST"},
		{"POST /sim/v1/sessions/1/expire", "", 400, `session id "1": ` + wantID},
		{"POST /sim/v1/sessions/0x/expire", "", 400, `session id "0x": ` + wantID},
		{"POST /sim/v1/sessions/0xg/expire", "", 400, `session id "0xg": ` + wantID},
		{"POST /sim/v1/sessions/0x+1/expire", "", 400, `session id "0x+1": ` + wantID},
		{"POST /sim/v1/sessions/0x11112222333344445/disconnect", "", 400, `session id "0x11112222333344445": ` + wantID},
		{"POST /sim/v1/sessions/0x1/expire", "", 404, "there is no session 0x1; GET /sim/v1/state lists them"},
		{"POST /sim/v1/sessions/0x1/disconnect", "", 404, "there is no session 0x1; GET /sim/v1/state lists them"},
		{"POST /sim/v1/sessions/" + id + "/disconnect", "", 409, "session " + id + " has no connection now"},
		{"POST /sim/v1/sessions/0x1/expire?now=1", "", 400, `unknown parameter "now"; it takes no parameter`},
		{"POST /sim/v1/sessions/0x1/expire", "x", 400, "POST /sim/v1/sessions/0x1/expire takes no body"},
		{"POST /sim/v1/restart", `{"a":1}`, 400, "POST /sim/v1/restart takes no body"},
		{"POST /sim/v1/clock", "", 400, "body: it is empty; " + wantAdvance},
		{"POST /sim/v1/clock", "{", 400, "body: it is cut off; " + wantAdvance},
		{"POST /sim/v1/clock", "[]", 400, "body: it is an array; " + wantAdvance},
		{"POST /sim/v1/clock", "{}", 400, "body: advance is missing; " + wantAdvance},
		{"POST /sim/v1/clock", "advance=30s", 400, "body: invalid character 'a' looking for beginning of value; " + wantAdvance},
		{"POST /sim/v1/clock", `{"advance":30}`, 400, `body: "advance" is a number; ` + wantAdvance},
		{"POST /sim/v1/clock", `{"advance":"1s"}{}`, 400, "body: there is more than one value; " + wantAdvance},
		{"POST /sim/v1/clock", `{"forward":"1s"}`, 400, `body: unknown field "forward"; ` + wantAdvance},
		{"POST /sim/v1/clock", `{"advance":"30"}`, 400, `advance "30": want a number and its unit, such as 30s, 500ms or 24h`},
		{"POST /sim/v1/clock", `{"advance":"-1s"}`, 400, `advance "-1s": the clock does not go backwards`},
		{"POST /sim/v1/clock", `{"advance":"9000h"}`, 400, `advance "9000h": at most 8784h0m0s at a time`},
		{"POST /sim/v1/clock", long, 413, "body: it is longer than 65536 bytes"},
		{"POST /sim/v1/clock?advance=1s", "", 400, `unknown parameter "advance"; it takes no parameter`},
		{"PUT /sim/v1/snapshot", "", 400, "body: it is not a snapshot of ZooKeeper; send a snapshot file of ZooKeeper's, such as GET /sim/v1/snapshot gives"},
		{"PUT /sim/v1/snapshot", "ZKSN\x00\x00\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff", 400,
			"body: it is cut off or damaged; send a snapshot file of ZooKeeper's, such as GET /sim/v1/snapshot gives"},
		{"POST /sim/v1/snapshot", "", 405, "/sim/v1/snapshot does not take POST; send GET, PUT"},
		{"GET /sim/v1/snapshot?path=/a", "", 400, `unknown parameter "path"; it takes no parameter`},
		{"GET /sim/v1/events?kind=commit", "", 400, `unknown parameter "kind"; it takes no parameter`},
		{"POST /sim/v1/events", "", 405, "/sim/v1/events does not take POST; send GET"},
		{"POST /sim/v1/reset", "now", 400, "POST /sim/v1/reset takes no body"},
		{"DELETE /commands/ruok", "", 405, "/commands/ruok does not take DELETE; send GET"},
		{"POST /metrics", "", 405, "/metrics does not take POST; send GET"},
		{"GET /metrics?name=a", "", 400, `unknown parameter "name"; it takes no parameter`},
		{"GET /sim/v1/members/1/stop", "", 405, "/sim/v1/members/1/stop does not take GET; send POST"},
		{"POST /sim/v1/members/2/stop", "", 404, `there is no member "2"; they are 1 to 1`},
		{"POST /sim/v1/members/one/start", "", 404, `there is no member "one"; they are 1 to 1`},
		{"POST /sim/v1/members/1/stop", "now", 400, "POST /sim/v1/members/1/stop takes no body"},
		{"POST /sim/v1/members/1/lag", `{"txns":-1}`, 400, "txns -1: want 0 or more"},
		{"POST /sim/v1/members/1/lag", `{"time":"soon"}`, 400, `time "soon": want a number and its unit, such as 2s or 500ms`},
		{"POST /sim/v1/members/1/apply", "{}", 400, "txns 0: want 1 or more"},
		{"POST /sim/v1/members/1/apply?txns=1", "", 400, `unknown parameter "txns"; it takes no parameter`},
		{"POST /sim/v1/members/9/apply", `{"txns":1}`, 404, `there is no member "9"; they are 1 to 1`},
		{"POST /sim/v1/sessions/" + id + "/stall", "", 409, "session " + id + " has no connection now"},
		{"POST /sim/v1/sessions/0x1/stall", "", 404, "there is no session 0x1; GET /sim/v1/state lists them"},
		{"POST /sim/v1/sessions/0x1/resume", "", 404, "there is no session 0x1; GET /sim/v1/state lists them"},
		{"GET /sim/v1/sessions/0x1/resume", "", 405, "/sim/v1/sessions/0x1/resume does not take GET; send POST"},
		{"POST /sim/v1/counters", "{}", 400, "body: path is missing; " + wantCounters},
		{"POST /sim/v1/counters", `{"path":"/a","creations":2147483648}`, 400, `body: "creations" is a number 2147483648; ` + wantCounters},
		{"POST /sim/v1/counters", `{"path":"a"}`, 400, `path "a": want a path such as /a/b`},
		{"POST /sim/v1/counters", `{"path":"/none"}`, 404, "there is no node /none"},
		{"POST /sim/v1/zxid", "{}", 400, `body: zxid is missing; send {"zxid":"0xfffffff0"}`},
		{"POST /sim/v1/zxid", `{"zxid":"7"}`, 400, `zxid "7": want 0x and up to 16 hexadecimal digits, such as 0x100002f3ab10000`},
		{"POST /sim/v1/zxid", `{"zxid":"0x0"}`, 409, "the zxid cannot go back from 0x1 to 0x0"},
		{"POST /sim/v1/next-session", "{}", 400, "body: session is missing; " + wantSession},
		{"POST /sim/v1/next-session", `{"session":"7"}`, 400, `session id "7": ` + wantID},
		{"POST /sim/v1/next-session", `{"session":7}`, 400, `body: "session" is a number; ` + wantSession},
		{"POST /sim/v1/leader", `{"member":7}`, 404, `there is no member "7"; they are 1 to 1`},
		{"GET /sim/v1/faults", "", 409, "there is no place for faults between this server and its clients"},
		{"GET /sim/v1/tree?path=a", "", 400, `path "a": want a path such as /a/b`},
		{"GET /sim/v1/tree?path=/a/", "", 400, `path "/a/": want a path such as /a/b`},
		{"GET /sim/v1/tree?path=", "", 400, `path "": want a path such as /a/b`},
		{"GET /sim/v1/tree?path=/none", "", 404, "there is no node /none"},
		{"GET /sim/v1/tree?path=/a&path=/b", "", 400, `parameter "path" is there 2 times`},
		{"GET /sim/v1/tree?node=/a", "", 400, `unknown parameter "node"; there is path`},
	}
	for _, tt := range tests {
		t.Run(tt.request, func(t *testing.T) {
			status, text := s.ask(tt.request, tt.body)
			require.Equal(t, tt.status, status, text)
			var answer map[string]string
			require.NoError(t, json.Unmarshal([]byte(text), &answer), text)
			require.Equal(t, map[string]string{"error": tt.text}, answer)
		})
	}
	require.Equal(t, int64(1), s.sim.Zxid(), "none of them has done anything")
}

func TestIndexListsAll(t *testing.T) {
	s := newSide(t)
	var index []struct{ Method, Path, Help string }
	s.must("GET /sim/v1", "", &index)
	require.NotEmpty(t, index)
	for _, e := range index {
		status, text := s.ask("BREW "+strings.NewReplacer("{id}", "0x1", "{member}", "1", "{name...}", "ruok").Replace(e.Path), "")
		require.Equal(t, http.StatusMethodNotAllowed, status, e.Path)
		require.Contains(t, text, e.Method)
		require.NotEmpty(t, e.Help)
	}
}

func TestHead(t *testing.T) {
	s := newSide(t)
	w := httptest.NewServer(s.web)
	defer w.Close()
	p, err := w.Client().Head(w.URL + "/sim/v1/state")
	require.NoError(t, err)
	defer p.Body.Close()
	body, err := io.ReadAll(p.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, p.StatusCode)
	require.Empty(t, bytes.TrimSpace(body))
}

func TestReset(t *testing.T) {
	s := newSide(t)
	c := s.sim.ClientT(t)
	_, err := c.Create(t.Context(), "/a", nil, nil, zkapi.Persistent)
	require.NoError(t, err)
	id := c.SessionID()
	var answer map[string]string
	s.must("POST /sim/v1/reset", "", &answer)
	require.Equal(t, map[string]string{"zxid": "0x3"}, answer, "the client's new session is there")
	require.Equal(t, 4, s.sim.Snapshot().Len())
	require.NotEqual(t, id, c.SessionID())
}

// TestSnapshot takes the state away, spoils it, and puts it back.
func TestSnapshot(t *testing.T) {
	s := newSide(t)
	c := s.sim.ClientT(t)
	_, err := c.Create(t.Context(), "/a", []byte("1"), nil, zkapi.Persistent)
	require.NoError(t, err)
	q := httptest.NewRequest(http.MethodGet, "http://localhost/sim/v1/snapshot", nil)
	w := httptest.NewRecorder()
	s.web.ServeHTTP(w, q)
	require.Equal(t, `attachment; filename="snapshot.2"`, w.Header().Get("Content-Disposition"))
	file := w.Body.String()
	before := s.sim.Snapshot().String()

	_, err = c.Set(t.Context(), "/a", []byte("2"), -1)
	require.NoError(t, err)
	var answer map[string]string
	s.must("PUT /sim/v1/snapshot", file, &answer)
	require.Equal(t, map[string]string{"zxid": "0x3"}, answer, "it does not go back")
	require.Equal(t, before, s.sim.Snapshot().String())
	require.Equal(t, zkapi.StateConnected, c.State())
}

// TestMetrics: what Prometheus reads, with values that are the server's.
func TestMetrics(t *testing.T) {
	s := newSide(t)
	c := s.sim.ClientT(t)
	_, err := c.Create(t.Context(), "/e", []byte("12345"), nil, zkapi.Ephemeral)
	require.NoError(t, err)
	status, text := s.ask("GET /metrics", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "# TYPE znode_count gauge\nznode_count 6.0\n")
	require.Contains(t, text, "\nephemerals_count 1.0\n")
	require.Contains(t, text, "# TYPE connection_rejected counter\nconnection_rejected 0.0\n")
	require.Contains(t, text, "# TYPE readlatency summary\nreadlatency{quantile=\"0.5\",} NaN\nreadlatency{quantile=\"0.9\",} NaN\n"+
		"readlatency{quantile=\"0.99\",} NaN\nreadlatency_count 0.0\nreadlatency_sum 0.0\n")
	sample := regexp.MustCompile(`^[a-z_0-9]+(\{quantile="0\.\d+",\})? (NaN|-?\d+\.\d+(E\d+)?)$`)
	seen := make(map[string]bool)
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
			continue
		}
		require.Regexp(t, sample, line)
		name, _, _ := strings.Cut(line, " ")
		require.False(t, seen[name], line)
		seen[name] = true
	}
	require.Greater(t, len(seen), 200)
	require.True(t, seen["restore_error_count"])

	old := newSide(t, func(c *memserver.Config) { c.Profile = memserver.V38 })
	_, text = old.ask("GET /metrics", "")
	require.NotContains(t, text, "restore_error_count")
}
