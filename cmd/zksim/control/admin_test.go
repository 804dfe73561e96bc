package control_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
)

// adminRequests are sent to both servers, in this order.
var adminRequests = strings.Fields(`
	GET /commands GET /commands/ HEAD /commands GET /command
	configuration conf config connections cons dirs dump environment env envi get_trace_mask gtmk hash
	initial_configuration icfg is_read_only isro last_snapshot lsnp leader lead monitor mntr observers obsr ruok
	server_stats srvr stats stat stmk?traceMask=17 get_trace_mask stmk stmk?traceMask=x stmk?traceMask= set_trace_mask?traceMask=-1
	system_properties sysp voting_view watch_summary wchs watches wchc watches_by_path wchp zabstate
	connection_stat_reset crst stat_reset srst observer_connection_stat_reset orst server_stats cons
	snapshot snap restore rest nope RUOK conf/x
	HEAD /commands/ruok PUT /commands/ruok DELETE /commands DELETE /commands/nope`)

// TestAdmin compares ZooKeeper's own commands with those of a real server:
// status, type, keys, the types of values, and where it is always the same the value.
func TestAdmin(t *testing.T) {
	for _, version := range []string{"3.8.0", "3.9"} {
		t.Run("real/"+version, func(t *testing.T) {
			port := freePort(t)
			srv, err := realserver.Start(t.Context(), withWeb(t, version), administered(map[int]int{0: port}))
			require.NoError(t, err)
			defer srv.Close()
			real := adminAnswers(t, srv.Addr(), fmt.Sprintf("http://127.0.0.1:%d/commands", port))

			sim := memserver.RunT(t, func(c *memserver.Config) {
				c.Profile = memserver.Profile(version[:3])
				require.NoError(t, c.Set("4lw.commands.whitelist", "*"))
			})
			require.NoError(t, sim.Listen("127.0.0.1:0"))
			base, _ := serve(t, sim)
			ours := adminAnswers(t, sim.Addr(), base+"/commands")
			for i := range real {
				assert.Equal(t, real[i], ours[i])
			}
			require.Equal(t, len(real), len(ours))
		})
	}
}

// TestAdminOfMembers compares those of a follower, the leader and an observer,
// and of a member that has lost its leader.
func TestAdminOfMembers(t *testing.T) {
	if brief() {
		t.Skip("make test runs it")
	}
	for _, version := range []string{"3.8.0", "3.9"} {
		t.Run("real/"+version, func(t *testing.T) {
			t.Parallel()
			ports := make(map[int]int)
			for id := 1; id <= 4; id++ {
				ports[id] = freePort(t)
			}
			e, err := realserver.StartEnsemble(t.Context(), withWeb(t, version), 4, administered(ports), func(o *realserver.Options) { o.Observer = o.ID == 4 })
			require.NoError(t, err)
			defer e.Close()
			leader, err := e.Leader(t.Context())
			require.NoError(t, err)

			sim := memserver.RunT(t, func(c *memserver.Config) {
				c.Profile, c.Members, c.Observers = memserver.Profile(version[:3]), 4, []int{4}
				c.TickTime, c.MaxSessionTimeout = 200*time.Millisecond, 40*time.Second
				require.NoError(t, c.Set("4lw.commands.whitelist", "*"))
			})
			for _, m := range sim.Members() {
				require.NoError(t, m.Listen("127.0.0.1:0"))
			}
			require.True(t, sim.Member(leader.ID()).Elect())
			base, _ := serve(t, sim)
			follower := 1 + leader.ID()%3
			for _, id := range []int{follower, leader.ID(), 4} {
				real := adminAnswers(t, e.Member(id).Addr(), fmt.Sprintf("http://127.0.0.1:%d/commands", ports[id]))
				ours := adminAnswers(t, sim.Member(id).Addr(), fmt.Sprintf("%s/sim/v1/members/%d/commands", base, id))
				for i := range real {
					assert.Equal(t, apart.ReplaceAllString(real[i], "$1"), apart.ReplaceAllString(ours[i], "$1"), "member %d", id)
				}
				require.Equal(t, len(real), len(ours))
			}
			for id := 1; id <= 3; id++ {
				if id != follower {
					require.NoError(t, e.Member(id).Kill())
					sim.Member(id).Stop()
				}
			}
			admin := fmt.Sprintf("http://127.0.0.1:%d/commands/", ports[follower])
			for !strings.Contains(adminAnswer(t, http.MethodGet, admin+"ruok"), "not currently serving") {
				require.NoError(t, t.Context().Err()) // it takes the member a moment to see that
			}
			for _, command := range strings.Fields("conf cons dirs gtmk hash icfg isro lsnp lead obsr ruok srvr stat voting_view wchs zabstate crst orst nope") {
				require.Equal(t, adminAnswer(t, http.MethodGet, admin+command),
					adminAnswer(t, http.MethodGet, fmt.Sprintf("%s/sim/v1/members/%d/commands/%s", base, follower, command)), command)
			}
		})
	}
}

// apart is what differs in ensembles: longer addresses, the sizes of proposals, and what mntr has of each follower.
var apart = regexp.MustCompile(`approximate_data_size: \d+|\w+_learner_handler_qp_\w+: \w+\n|(proposal_stats: \{)[^}]*`)

// TestAdminReadOnly: a member without a quorum that serves who only reads.
func TestAdminReadOnly(t *testing.T) {
	s := newSide(t, func(c *memserver.Config) { c.Members, c.ReadOnlyMode, c.LocalSessions = 3, true, true })
	s.sim.Member(2).Stop()
	s.sim.Member(3).Stop()
	for command, want := range map[string]string{
		"isro":        `{"read_only": true, "command": "is_read_only", "error": null}`,
		"leader":      `{"error": "server is not initialized", "command": "leader"}`,
		"observers":   `{"synced_observers": 0, "observers": [], "command": "observers", "error": null}`,
		"voting_view": `{"current_config": {}, "command": "voting_view", "error": null}`,
		"zabstate":    `{"voting": false, "zabstate": "", "command": "zabstate", "error": null}`,
	} {
		_, got := s.ask("GET /commands/"+command, "")
		require.JSONEq(t, want, got)
	}
	_, got := s.ask("GET /commands/srvr", "")
	require.Contains(t, got, `"read_only": true`)
	_, got = s.ask("GET /sim/v1/members/2/commands/monitor", "")
	require.JSONEq(t, `{"command": "monitor", "error": "This ZooKeeper instance is not currently serving requests"}`, got)
	_, got = s.ask("GET /sim/v1/members/1/metrics", "")
	require.Contains(t, got, "\nznode_count 5.0\n")
	status, got := s.ask("GET /sim/v1/members/4/commands/ruok", "")
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, got, `there is no member \"4\"; they are 1 to 3`)
}

// withWeb is an install that can run an AdminServer.
func withWeb(t *testing.T, version string) realserver.Install {
	install := realserver.FindT(t, version)
	jars, err := filepath.Glob("/usr/share/java/*.jar")
	require.NoError(t, err)
	if install.Source == "debian" { // whose package leaves the web server away
		install.Classpath = append(install.Classpath, webJars(jars)...)
	}
	return install
}

// administered has servers run an AdminServer each, at ports by their ids.
func administered(ports map[int]int) func(*realserver.Options) {
	return func(o *realserver.Options) {
		o.Config["admin.enableServer"] = "true"
		o.Config["admin.serverAddress"] = "127.0.0.1"
		o.Config["admin.serverPort"] = strconv.Itoa(ports[o.ID])
	}
}

// webJars are what ZooKeeper's AdminServer needs.
func webJars(all []string) []string {
	var jars []string
	for _, jar := range all {
		switch name := strings.TrimSuffix(filepath.Base(jar), ".jar"); name {
		case "jetty9-server", "jetty9-servlet", "jetty9-http", "jetty9-io", "jetty9-util", "jetty9-util-ajax", "jetty9-security",
			"servlet-api", "jackson-core", "jackson-databind", "jackson-annotations":
			jars = append(jars, jar)
		}
	}
	return jars
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// adminAnswers has a client do something, and returns what the requests get.
func adminAnswers(t *testing.T, clients, commands string) []string {
	u, err := url.Parse(commands)
	require.NoError(t, err)
	conn, _, err := zk.Connect([]string{clients}, 40*time.Second, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Create("/e", []byte("x"), zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	_, _, _, err = conn.GetW("/e")
	require.NoError(t, err)
	_, _, _, err = conn.ChildrenW("/")
	require.NoError(t, err)
	var answers []string
	for i := 0; i < len(adminRequests); i++ {
		method, target := http.MethodGet, "/commands/"+adminRequests[i]
		if adminRequests[i] == strings.ToUpper(adminRequests[i]) && adminRequests[i] != "RUOK" {
			method, target = adminRequests[i], adminRequests[i+1]
			i++
		}
		at := strings.Replace(target, "/commands", u.Path, 1) // where there is no such thing: /command
		answer := adminAnswer(t, method, u.Scheme+"://"+u.Host+at)
		answers = append(answers, method+" "+target+": "+strings.ReplaceAll(answer, u.Path, "/commands"))
	}
	return answers
}

func adminAnswer(t *testing.T, method, url string) string {
	q, err := http.NewRequestWithContext(context.Background(), method, url, nil)
	require.NoError(t, err)
	p, err := http.DefaultClient.Do(q)
	require.NoError(t, err)
	defer p.Body.Close()
	body, err := io.ReadAll(p.Body)
	require.NoError(t, err)
	if p.StatusCode >= 400 && p.StatusCode != http.StatusUnauthorized {
		return p.Status // whose text is for people
	}
	if p.Header.Get("Content-Type") != "application/json" {
		return p.Status + "\n" + string(body)
	}
	if len(body) == 0 {
		return p.Status + " JSON"
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	var answer map[string]any
	require.NoError(t, d.Decode(&answer), string(body))
	return p.Status + "\n" + shape("", answer)
}

var (
	digits = regexp.MustCompile(`^\d+$`)
	// Of these every version has its own keys.
	propertyKey = regexp.MustCompile(`^(java\.|os\.|user\.|zookeeper\.|file\.|sun\.|jdk\.|jetty\.|line\.|native\.|path\.|stdout\.|stderr\.|org\.|awt\.|log4j\.|logback\.)`)
)

// shape is JSON with types in place of values, where values differ.
func shape(key string, v any) string {
	switch v := v.(type) {
	case map[string]any:
		lines := make(map[string]bool)
		for k, x := range v {
			if strings.Contains(k, "_per_namespace") || propertyKey.MatchString(k) {
				continue
			}
			text := shape(k, x)
			if digits.MatchString(k) {
				if k = "N"; text == "[]" { // a moment at which no session will expire
					continue
				}
			}
			lines[k+": "+text] = true
		}
		return "{" + strings.Join(slices.Sorted(maps.Keys(lines)), "\n") + "}"
	case []any:
		var texts []string
		for _, x := range v {
			texts = append(texts, shape(key, x))
		}
		return "[" + strings.Join(texts, ", ") + "]"
	case json.Number:
		if strings.HasPrefix(key, "last_") && strings.HasSuffix(key, "zxid") { // elections are not counted
			if n, err := v.Int64(); err == nil && n > 0 {
				return fmt.Sprint(n & 0xffffffff)
			}
		}
		if constantKeys[key] {
			return v.String()
		}
		if strings.Contains(v.String(), ".") {
			return "float"
		}
		return "int"
	case string:
		if key == "error" || key == "command" || key == "last_operation" || key == "server_state" || strings.HasPrefix(v, "/e") {
			return v
		}
		return "string"
	}
	return fmt.Sprint(v)
}

var constantKeys = map[string]bool{
	"tick_time": true, "min_session_timeout": true, "max_session_timeout": true, "max_client_cnxns": true, "server_id": true,
	"client_port_listen_backlog": true, "session_timeout": true, "last_cxid": true, "last_zxid": true,
	"last_processed_zxid": true, "tracemask": true, "num_connections": true, "num_paths": true, "num_total_watches": true,
	"node_count": true, "znode_count": true, "watch_count": true, "ephemerals_count": true, "global_sessions": true,
	"approximate_data_size": true, "num_alive_client_connections": true,
	"last_client_response_size": true, "max_client_response_size": true, "min_client_response_size": true,
	"last_buffer_size": true, "max_buffer_size": true, "min_buffer_size": true, "interest_ops": true,
}

// TestShape: the comparison sees what it is there to see.
func TestShape(t *testing.T) {
	of := func(text string) string {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var v any
		require.NoError(t, d.Decode(&v))
		return shape("", v)
	}
	same := [][2]string{
		{`{"uptime":1}`, `{"uptime":2}`},
		{`{"expiry_time_to_session_ids":{"100":[1]}}`, `{"expiry_time_to_session_ids":{"200":[2],"300":[]}}`},
		{`{"max_ab_read_per_namespace":1}`, `{}`},
	}
	for _, pair := range same {
		require.Equal(t, of(pair[0]), of(pair[1]))
	}
	different := [][2]string{
		{`{"uptime":1}`, `{"uptime":1.0}`},
		{`{"uptime":1}`, `{"uptime":"1"}`},
		{`{"uptime":1}`, `{"up_time":1}`},
		{`{"uptime":1}`, `{}`},
		{`{"tick_time":1}`, `{"tick_time":2}`},
		{`{"error":null}`, `{"error":"x"}`},
		{`{"error":"x"}`, `{"error":"y"}`},
		{`{"a":{"1":["/e"]}}`, `{"a":{"1":["/e2"]}}`},
		{`{"a":[1]}`, `{"a":[1,1]}`},
	}
	for _, pair := range different {
		require.NotEqual(t, of(pair[0]), of(pair[1]))
	}
}
