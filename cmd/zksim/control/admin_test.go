package control_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
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
			install := realserver.FindT(t, version)
			jars, err := filepath.Glob("/usr/share/java/*.jar")
			require.NoError(t, err)
			if install.Source == "debian" { // whose package leaves the web server away
				install.Classpath = append(install.Classpath, webJars(jars)...)
			}
			port := freePort(t)
			srv, err := realserver.Start(t.Context(), install, func(o *realserver.Options) {
				o.Config["admin.enableServer"] = "true"
				o.Config["admin.serverAddress"] = "127.0.0.1"
				o.Config["admin.serverPort"] = strconv.Itoa(port)
			})
			require.NoError(t, err)
			defer srv.Close()
			real := adminAnswers(t, srv.Addr(), fmt.Sprintf("http://127.0.0.1:%d", port))

			sim := memserver.RunT(t, func(c *memserver.Config) {
				c.Profile = memserver.Profile(version[:3])
				require.NoError(t, c.Set("4lw.commands.whitelist", "*"))
			})
			require.NoError(t, sim.Listen("127.0.0.1:0"))
			base, _ := serve(t, sim)
			ours := adminAnswers(t, sim.Addr(), base)
			for i := range real {
				assert.Equal(t, real[i], ours[i])
			}
			require.Equal(t, len(real), len(ours))
		})
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
func adminAnswers(t *testing.T, clients, base string) []string {
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
		answers = append(answers, method+" "+target+": "+adminAnswer(t, method, base+target))
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
