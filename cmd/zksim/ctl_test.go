package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// runCtl runs zksim ctl.
func runCtl(t *testing.T, web string, args ...string) result {
	t.Helper()
	var stdout, stderr strings.Builder
	status := run(t.Context(), append([]string{"ctl"}, args...), []string{"ZKSIM_HTTP=" + web}, &stdout, &stderr)
	return result{status, stdout.String(), stderr.String()}
}

var momentForm = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z`)

func TestCtl(t *testing.T) {
	clients, web := startBoth(t, "--seed", "1")
	conn := connect(t, clients)
	_, err := conn.Create("/e", []byte("a\nb"), zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	_, _, _, err = conn.ChildrenW("/")
	require.NoError(t, err)
	id := fmt.Sprintf("0x%x", conn.SessionID())
	ok := func(want string, args ...string) {
		t.Helper()
		got := runCtl(t, web, args...)
		got.stdout = momentForm.ReplaceAllString(got.stdout, "TIME")
		require.Equal(t, result{statusOK, want, ""}, got)
	}
	ok("server "+clients+" now TIME zxid 0x2 nodes 5\nsession "+id+" timeout 10s connected /e\nwatch / child by "+id+" standard\n", "state")
	ok("/e v0 ephemeral "+id+" \"a\\nb\"\n", "tree", "/e")
	ok("session="+id+" zxid=0x2\n", "stall", id)
	ok("session="+id+" zxid=0x2\n", "resume", id)
	ok("session="+id+" zxid=0x2\n", "disconnect", id)
	ok("now=TIME zxid=0x2\n", "advance", "1s")
	ok("{\n  \"session\": \""+id+"\",\n  \"zxid\": \"0x3\"\n}\n", "expire", "--json", id)
	ok("path=/zookeeper zxid=0x3\n", "set", "/zookeeper", "version=5", "creations=2147483647", "aversion=6")
	require.Contains(t, runCtl(t, web, "tree", "/zookeeper").stdout, "/zookeeper v5\n")
	ok("zxid=0xfffffff0\n", "set", "zxid", "0xfffffff0")
	ok("session=0xfffffffffffffe zxid=0xfffffff0\n", "set", "session", "0xfffffffffffffe")
	got := runCtl(t, web, "admin", "ruok")
	require.Equal(t, result{statusOK, "{\n  \"command\": \"ruok\",\n  \"error\": null\n}\n", ""}, got)
	require.Contains(t, runCtl(t, web, "restart").stdout, "zxid=0x")

	file := filepath.Join(t.TempDir(), "snapshot")
	ok("", "save", file)
	require.Contains(t, runCtl(t, web, "load", file).stdout, "zxid=0x")
	require.Contains(t, runCtl(t, web, "reset").stdout, "zxid=0x")
	require.NotContains(t, runCtl(t, web, "tree").stdout, "/e ")
}

func TestCtlMembers(t *testing.T) {
	_, web := startBoth(t, "--members", "3")
	ok := func(want string, args ...string) {
		t.Helper()
		got := runCtl(t, web, args...)
		got.stdout = strings.TrimSuffix(regexp.MustCompile(` zxid=0x\w+`).ReplaceAllString(got.stdout, ""), "\n")
		require.Equal(t, result{statusOK, want, ""}, got)
	}
	ok("member=1 role=", "member", "1", "stop")
	ok("member=1 role=follower", "member", "1", "start")
	ok("member=1 role=leader", "leader", "1")
	for _, what := range []string{"hold", "3", "2s", "0"} {
		ok("member=2 role=follower", "member", "2", "lag", what)
	}
	ok("applied=0 member=2 role=follower", "member", "2", "apply", "1")
	ok("{\n  \"is_leader\": false,\n  \"leader_id\": 1,\n  \"leader_ip\": \"127.0.0.1\",\n  \"command\": \"leader\",\n  \"error\": null\n}", "admin", "leader", "2")
	ok("member=2 role=", "member", "2", "isolate")
	ok("member=2 role=follower", "member", "2", "rejoin")
	ok("member=2 role=follower", "member", "2", "sever", "1")
	ok("member=2 role=follower", "member", "2", "mend", "1")
	for want, args := range map[string][]string{
		"want zksim ctl member I stop, start, isolate, rejoin, sever J, mend J, lag WHAT or apply N; see zksim ctl --help": {"member", "2", "lag"},
		"sever all: want the number of a member":                                 {"member", "2", "sever", "all"},
		"lag soon: want hold, a number of transactions, a time such as 2s, or 0": {"member", "2", "lag", "soon"},
		"apply all: want a number of transactions":                               {"member", "2", "apply", "all"},
		"txns 0: want 1 or more":                                                 {"member", "2", "apply", "0"},
		"leader two: want the number of a member":                                {"leader", "two"},
	} {
		require.Equal(t, result{statusUsage, "", "zksim: " + want + "\n"}, runCtl(t, web, args...))
	}
	require.Equal(t, result{statusFailed, "", "zksim: there is no member \"4\"; they are 1 to 3\n"}, runCtl(t, web, "leader", "4"))
}

// TestCtlState: of an ensemble it tells the members, and where a session is connected.
func TestCtlState(t *testing.T) {
	clients, web := startBoth(t, "--members", "4", "--observers", "3", "--joiners", "4", "--set", "localSessionsEnabled=true")
	addrs := strings.Split(clients, ",")
	conn := connect(t, addrs[1])
	_, _, err := conn.Get("/")
	require.NoError(t, err)
	id := fmt.Sprintf("0x%x", conn.SessionID())
	got := momentForm.ReplaceAllString(runCtl(t, web, "state").stdout, "TIME")
	want := "server " + clients + " now TIME zxid 0x100000000 nodes 4\n"
	for i, role := range []string{"follower zxid 0x0", "leader zxid 0x100000000", "observer zxid 0x0", "follower zxid 0x0"} {
		want += fmt.Sprintf("member %d %s %s behind 0\n", i+1, addrs[i], role)
	}
	require.Equal(t, want+"session "+id+" timeout 10s connected to 2 local\n", got)
}

// TestCtlReachesAll: each request that the HTTP side takes is sent by some command.
func TestCtlReachesAll(t *testing.T) {
	_, web := startBoth(t)
	var index []struct{ Method, Path string }
	p, err := http.Get("http://" + web + "/sim/v1")
	status, text := answer(t, p, err)
	require.Equal(t, http.StatusOK, status)
	require.NoError(t, json.Unmarshal([]byte(text), &index))

	asked := make(map[string]bool)
	mux := http.NewServeMux()
	for _, e := range index {
		mux.HandleFunc(e.Method+" "+e.Path, func(w http.ResponseWriter, q *http.Request) {
			asked[q.Pattern] = true
			fmt.Fprint(w, "{}")
		})
	}
	recorder := httptest.NewServer(mux)
	defer recorder.Close()
	file := filepath.Join(t.TempDir(), "file")
	for _, line := range []string{
		"state", "tree", "expire 0x1", "disconnect 0x1", "stall 0x1", "resume 0x1", "advance 1s", "restart", "reset",
		"member 1 stop", "member 1 start", "member 1 isolate", "member 1 rejoin", "member 1 sever 2", "member 1 mend 2", "member 1 lag hold", "member 1 apply 1",
		"leader 1", "set zxid 0x1", "set session 0x1", "set / version=1", "faults", "faults add refuse", "faults replace refuse",
		"faults clear", "save " + file, "load " + file, "events", "admin ruok", "admin ruok 1",
	} {
		got := runCtl(t, recorder.Listener.Addr().String(), strings.Fields(line)...)
		require.Equal(t, statusOK, got.status, "%s: %s", line, got.stderr)
	}
	for _, e := range index {
		switch e.Path {
		case "/sim/v1", "/commands", "/metrics", "/sim/v1/members/{member}/commands", "/sim/v1/members/{member}/metrics": // lists for curl
			continue
		}
		assert.True(t, asked[e.Method+" "+e.Path], "no command sends %s %s", e.Method, e.Path)
	}
}

func TestCtlEvents(t *testing.T) {
	clients, web := startBoth(t)
	for _, json := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		out, in := io.Pipe()
		status := make(chan int)
		args := []string{"ctl", "--http", web, "events"}
		want := `^TIME 0x1 commit createSession session 0x[0-9a-f]+$`
		if json {
			args, want = append(args, "--json"), `^\{"kind":"commit","time":".*","zxid":"0x2",.*\}$`
		}
		go func() { status <- run(ctx, args, nil, in, io.Discard) }()
		line := make(chan string)
		go func() {
			buf := make([]byte, 4096) // ctl writes line by line
			n, _ := out.Read(buf)
			line <- strings.TrimSpace(string(buf[:n]))
			_, _ = io.Copy(io.Discard, out)
		}()
		// Sessions come until the stream is there.
		var first string
		for first == "" {
			conn := connect(t, clients)
			_, _, err := conn.Get("/")
			require.NoError(t, err)
			select {
			case first = <-line:
			default:
			}
		}
		first = momentForm.ReplaceAllString(first, "TIME")
		want = strings.NewReplacer("0x1 ", "0x[0-9a-f]+ ", `"0x2"`, `"0x[0-9a-f]+"`).Replace(want)
		require.Regexp(t, want, first)
		cancel()
		require.Equal(t, statusOK, <-status, "interrupted")
		in.Close()
	}
}

func TestCtlWrongUsage(t *testing.T) {
	_, web := startBoth(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := closed.Addr().String()
	require.NoError(t, closed.Close())
	other, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	stranger := &http.Server{Handler: http.NotFoundHandler()}
	go stranger.Serve(other)
	defer stranger.Close()
	tests := []struct {
		args   []string
		status int
		line   string
	}{
		{nil, 2, "ctl needs a command; see zksim ctl --help"},
		{[]string{"expires"}, 2, `unknown command ctl "expires"; see zksim ctl --help`},
		{[]string{"expire"}, 2, "want zksim ctl expire ID...; see zksim ctl --help"},
		{[]string{"state", "x"}, 2, "want zksim ctl state; see zksim ctl --help"},
		{[]string{"advance"}, 2, "want zksim ctl advance DURATION; see zksim ctl --help"},
		{[]string{"set", "zxid"}, 2, "want zksim ctl set zxid|session|PATH VALUE...; see zksim ctl --help"},
		{[]string{"set", "epoch", "7"}, 2, "want zksim ctl set zxid 0x..., session 0x... or PATH version=N creations=N aversion=N; see zksim ctl --help"},
		{[]string{"set", "zxid", "7"}, 2, `zxid "7": want 0x and up to 16 hexadecimal digits, such as 0x100002f3ab10000`},
		{[]string{"set", "/a", "czxid=1"}, 2, "set /a czxid=1: want version=N, creations=N or aversion=N, of 32 bits"},
		{[]string{"set", "/a", "version=4294967296"}, 2, "set /a version=4294967296: want version=N, creations=N or aversion=N, of 32 bits"},
		{[]string{"set", "/none", "version=1"}, 1, "there is no node /none"},
		{[]string{"stall", "0x12"}, 1, "there is no session 0x12; GET /sim/v1/state lists them"},
		{[]string{"--nope"}, 2, "unknown flag --nope; see zksim ctl --help"},
		{[]string{"state", "--http"}, 2, "--http needs a value; see zksim ctl --help"},
		{[]string{"--http", "x", "state"}, 2, "--http x: want HOST:PORT, such as 127.0.0.1:8080"},
		{[]string{"expire", "12"}, 2, `session id "12": want 0x and up to 16 hexadecimal digits, such as 0x100002f3ab10000`},
		{[]string{"expire", "a/../b"}, 2, `session id "a/../b": want 0x and up to 16 hexadecimal digits, such as 0x100002f3ab10000`},
		{[]string{"advance", "30"}, 2, `advance "30": want a number and its unit, such as 30s, 500ms or 24h`},
		{[]string{"tree", "a"}, 2, `path "a": want a path such as /a/b`},
		{[]string{"expire", "0x12"}, 1, "there is no session 0x12; GET /sim/v1/state lists them"},
		{[]string{"tree", "/none"}, 1, "there is no node /none"},
		{[]string{"load", "none"}, 2, "none: no such file or directory"},
		{[]string{"load", "doc.go"}, 2, "body: it is not a snapshot of ZooKeeper; send a snapshot file of ZooKeeper's, such as GET /sim/v1/snapshot gives"},
		{[]string{"faults", "load", "."}, 2, ".: is a directory"},
		{[]string{"save", "none/file"}, 2, "none/file: no such file or directory"},
		{[]string{"admin", "nope"}, 1, "Unknown command: nope"},
		{[]string{"state", "--http", nobody}, 1, nobody + " does not answer: dial tcp " + nobody + ": connect: connection refused; is zksim running there, with --http?"},
		{[]string{"state", "--http", other.Addr().String()}, 1, other.Addr().String() + " answers 404 Not Found; is that a zksim?"},
	}
	for _, tt := range tests {
		require.Equal(t, result{tt.status, "", "zksim: " + tt.line + "\n"}, runCtl(t, web, tt.args...), tt.args)
	}
}

func TestCtlToken(t *testing.T) {
	_, web := startBoth(t, "--http-token", "s3cret")
	require.Equal(t, statusFailed, runCtl(t, web, "state").status)
	require.Equal(t, statusOK, runCtl(t, web, "--http-token=s3cret", "state").status)
}

func TestCtlHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"help"}, {"-h"}, {"state", "--help"}} {
		require.Equal(t, result{statusOK, ctlUsage, ""}, runCtl(t, "127.0.0.1:1", args...))
	}
	lines := strings.Split(strings.TrimSuffix(ctlUsage, "\n"), "\n")
	require.LessOrEqual(t, len(lines), 24-1, "and a prompt")
	for _, line := range lines {
		require.LessOrEqual(t, len(line), 80, line)
	}
	for _, o := range orders() {
		require.Contains(t, ctlUsage, "\n  "+strings.TrimSpace(o.name+" "+o.args)+" ")
	}
}

// TestLoadAndSave: what one run leaves, the next one has.
func TestLoadAndSave(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	t.Run("first", func(t *testing.T) {
		addr := startServer(t, "--save", file)
		_, err := connect(t, addr).Create("/kept", []byte("x"), 0, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
	})
	left, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, left, 1, "no probe and no part of a file")
	t.Run("second", func(t *testing.T) {
		clients, web := startBoth(t, "--load", file)
		data, _, err := connect(t, clients).Get("/kept")
		require.NoError(t, err)
		require.Equal(t, "x", string(data))
		require.Equal(t, statusOK, runCtl(t, web, "reset").status)
		require.Contains(t, runCtl(t, web, "tree").stdout, "/kept v0 \"x\"\n", "a reset goes back to the file")
	})
}
