package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"
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
	ok("session="+id+" zxid=0x2\n", "disconnect", id)
	ok("now=TIME zxid=0x2\n", "advance", "1s")
	ok("{\n  \"session\": \""+id+"\",\n  \"zxid\": \"0x3\"\n}\n", "expire", "--json", id)
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
	ok("member=2 role=", "member", "2", "isolate")
	ok("member=2 role=follower", "member", "2", "rejoin")
	for want, args := range map[string][]string{
		"want zksim ctl member I stop, start, isolate, rejoin or lag WHAT; see zksim ctl --help": {"member", "2", "lag"},
		"lag soon: want hold, a number of transactions, a time such as 2s, or 0":                 {"member", "2", "lag", "soon"},
		"leader two: want the number of a member":                                                {"leader", "two"},
	} {
		require.Equal(t, result{statusUsage, "", "zksim: " + want + "\n"}, runCtl(t, web, args...))
	}
	require.Equal(t, result{statusFailed, "", "zksim: there is no member \"4\"; they are 1 to 3\n"}, runCtl(t, web, "leader", "4"))
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
		{[]string{"--nope"}, 2, "unknown flag --nope; see zksim ctl --help"},
		{[]string{"state", "--http"}, 2, "--http needs a value; see zksim ctl --help"},
		{[]string{"--http", "x", "state"}, 2, "--http x: want HOST:PORT, such as 127.0.0.1:8080"},
		{[]string{"expire", "12"}, 2, `session id "12": want 0x and up to 16 hexadecimal digits, such as 0x100002f3ab10000`},
		{[]string{"expire", "a/../b"}, 2, `session id "a/../b": want 0x and up to 16 hexadecimal digits, such as 0x100002f3ab10000`},
		{[]string{"advance", "30"}, 2, `advance "30": want a number and its unit, such as 30s, 500ms or 24h`},
		{[]string{"tree", "a"}, 2, `path "a": want a path such as /a/b`},
		{[]string{"expire", "0x12"}, 1, "there is no session 0x12; GET /sim/v1/state lists them"},
		{[]string{"tree", "/none"}, 1, "there is no node /none"},
		{[]string{"load", "none"}, 1, "none: no such file or directory"},
		{[]string{"load", "doc.go"}, 2, "body: it is not a snapshot of ZooKeeper; send a snapshot file of ZooKeeper's, such as GET /sim/v1/snapshot gives"},
		{[]string{"save", "none/file"}, 1, "none/file: no such file or directory"},
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
