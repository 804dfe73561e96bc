package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
)

// result is what a run of zksim leaves.
type result struct {
	status         int
	stdout, stderr string
}

// runOnce runs zksim with a context that is done, so that a server ends when it
// is ready. Without the HTTP side, unless args or env say otherwise: its usual port is fixed.
func runOnce(t *testing.T, args, env []string) result {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr strings.Builder
	status := run(ctx, args, append([]string{"ZKSIM_HTTP=off"}, env...), &stdout, &stderr)
	return result{status, stdout.String(), stderr.String()}
}

// write makes files, name by name, in a new folder and changes to it, so that
// messages name the files as given here.
func write(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
}

func TestWrongUsage(t *testing.T) {
	tests := []struct {
		name string
		args []string
		env  []string
		file string // zoo.cfg
		line string // on standard error
	}{
		{name: "command", args: []string{"server"}, line: `unknown command "server"; see zksim --help`},
		{name: "stray argument", args: []string{"serve", "2181"}, line: `unexpected argument "2181"; see zksim --help`},
		{name: "argument behind flags", args: []string{"--seed", "1", "serve"}, line: `unexpected argument "serve"; see zksim --help`},
		{name: "argument of version", args: []string{"version", "-v"}, line: `version takes no argument, not "-v"`},
		{name: "unknown flag", args: []string{"--member", "3"}, line: "unknown flag --member; see zksim --help"},
		{name: "unknown flag with =", args: []string{"--kerberos=yes"}, line: "unknown flag --kerberos; see zksim --help"},
		{name: "no value", args: []string{"--listen"}, line: "--listen needs a value; see zksim --help"},
		{name: "bad syntax", args: []string{"---listen"}, line: "bad flag syntax: ---listen"},
		{name: "listen without port", args: []string{"--listen", "localhost"}, line: "--listen localhost: want HOST:PORT, such as 127.0.0.1:2181"},
		{name: "listen on a name", args: []string{"--listen", ":zk"}, line: "--listen :zk: want HOST:PORT, such as 127.0.0.1:2181"},
		{name: "listen on a large port", args: []string{"--listen", ":65536"}, line: "--listen :65536: want HOST:PORT, such as 127.0.0.1:2181"},
		{name: "listen on nothing", args: []string{"--listen", ""}, line: "--listen : want HOST:PORT, such as 127.0.0.1:2181"},
		{name: "http", args: []string{"--http", "on"}, line: "--http on: want HOST:PORT, such as 127.0.0.1:8080, or off"},
		{name: "http on a large port", args: []string{"--http", ":70000"}, line: "--http :70000: want HOST:PORT, such as 127.0.0.1:8080, or off"},
		{name: "token", args: []string{"--http-token", "a b"}, line: "--http-token ...: want a token without spaces, of printable ASCII characters"},
		{name: "no token", args: []string{"--http-token="}, line: "--http-token ...: want a token without spaces, of printable ASCII characters"},
		{name: "tick time", args: []string{"--tick-time", "2s"}, line: "--tick-time 2s: want milliseconds, 1 or more"},
		{name: "no tick time", args: []string{"--tick-time", "0"}, line: "--tick-time 0: want milliseconds, 1 or more"},
		{name: "session timeout", args: []string{"--min-session-timeout", "-1"}, line: "--min-session-timeout -1: want milliseconds, 1 or more"},
		{
			name: "session timeouts crossed", args: []string{"--min-session-timeout", "3000", "--max-session-timeout", "2000"},
			line: "MinSessionTimeout 3s is over MaxSessionTimeout 2s",
		},
		{name: "compat", args: []string{"--compat", "3.7"}, line: "--compat 3.7: want 3.8 or 3.9"},
		{name: "seed", args: []string{"--seed", "x"}, line: "--seed x: want a whole number"},
		{name: "members", args: []string{"--members", "255"}, line: "--members 255: want a number from 1 to 254"},
		{name: "observers", args: []string{"--observers", "4,"}, line: "--observers 4,: want numbers of members, such as 4,5"},
		{name: "joiner of none", args: []string{"--joiners", "0"}, line: "--joiners 0: want numbers of members, such as 4,5"},
		{name: "observer that is no member", args: []string{"--members", "3", "--observers", "4"}, line: "an observer or joiner 4 in an ensemble of 3 members"},
		{name: "only observers", args: []string{"--members", "2", "--observers", "1,2"}, line: "an ensemble of 2 members without one that votes"},
		{name: "election time", env: []string{"ZKSIM_ELECTION_TIME=2s"}, line: "ZKSIM_ELECTION_TIME 2s: want milliseconds, 0 or more"},
		{name: "no server", args: []string{"--members", "2", "--set", "server.2=here"}, line: "server.2=here: want host:port:port, or host:port:port:participant;port, or observer"},
		{name: "set without value", args: []string{"--set", "skipACL"}, line: "--set skipACL: want KEY=VALUE"},
		{name: "set without key", args: []string{"--set", "=yes"}, line: "--set =yes: want KEY=VALUE"},
		{name: "set to a bad value", args: []string{"--set", "tickTime=soon"}, line: "--set tickTime=soon: want milliseconds"},
		{name: "set to no tick time", args: []string{"--set", "tickTime=0"}, line: "tickTime has to be 1 or more"},
		{name: "set a bad port", args: []string{"--set", "clientPort=zk"}, line: "--set clientPort=zk: want a port"},
		{
			name: "address without port", args: []string{"--set", "clientPortAddress=127.0.0.1"},
			line: "clientPortAddress is set, but clientPort is not",
		},
		{name: "line breaks", args: []string{"--compat", "3.8\nzksim: ready"}, line: "--compat 3.8 zksim: ready: want 3.8 or 3.9"},
		{name: "environment", env: []string{"ZKSIM_TICK_TIME=fast"}, line: "ZKSIM_TICK_TIME fast: want milliseconds, 1 or more"},
		{name: "set in the environment", env: []string{"ZKSIM_SET=skipACL=yes; tickTime=x"}, line: "ZKSIM_SET tickTime=x: want milliseconds"},
		{name: "no snapshot", args: []string{"--load", "none"}, line: "--load none: no such file or directory"},
		{name: "folder as snapshot", args: []string{"--load", "."}, line: "--load .: is a directory"},
		{name: "no snapshot in the file", args: []string{"--load", "doc.go"}, line: "--load doc.go: it is not a snapshot of ZooKeeper"},
		{name: "save into a folder", args: []string{"--save", "."}, line: "--save .: is a directory"},
		{name: "save nowhere", args: []string{"--save", "none/snapshot"}, line: "--save none/snapshot: no such file or directory"},
		{name: "no file", args: []string{"--config", "none.cfg"}, line: "--config none.cfg: no such file or directory"},
		{name: "no file in the environment", env: []string{"ZKSIM_CONFIG=none.cfg"}, line: "ZKSIM_CONFIG none.cfg: no such file or directory"},
		{name: "folder", args: []string{"--config", "."}, line: "--config .: is a directory"},
		{
			name: "value in a file", args: []string{"--config", "zoo.cfg"}, file: "# mine\n\ntickTime=2 s\n",
			line: "--config zoo.cfg:3: tickTime=2 s: want milliseconds",
		},
		{
			name: "escape in a file", args: []string{"--config", "zoo.cfg"}, file: "a=1\ndataDir=C:\\users\n",
			line: `--config zoo.cfg:2: want four hexadecimal digits after \u`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.file != "" {
				write(t, map[string]string{"zoo.cfg": tt.file})
			}
			require.Equal(t, result{statusUsage, "", "zksim: " + tt.line + "\n"}, runOnce(t, tt.args, tt.env))
		})
	}
}

func TestFaultsFile(t *testing.T) {
	write(t, map[string]string{"plan.txt": "# a plan\nrefuse\n  cut after-repyl"})
	require.Equal(t, result{statusUsage, "", "zksim: --faults plan.txt: line 3, column 7: cut wants before-request, after-reply, " +
		"after-delivery or after-notification, not \"after-repyl\": do you mean after-reply?\n"}, runOnce(t, []string{"--faults", "plan.txt"}, nil))
	require.Equal(t, result{statusUsage, "", "zksim: ZKSIM_FAULTS none.txt: no such file or directory\n"},
		runOnce(t, nil, []string{"ZKSIM_FAULTS=none.txt"}))
}

func TestFlagsOfLaterVersionsAreUnknown(t *testing.T) {
	for _, name := range []string{
		"trace",
	} {
		got := runOnce(t, []string{"--" + name, "x"}, nil)
		require.Equal(t, result{statusUsage, "", "zksim: unknown flag --" + name + "; see zksim --help\n"}, got)
	}
}

func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	got := runOnce(t, []string{"--listen", l.Addr().String()}, nil)
	want := fmt.Sprintf("zksim: listen tcp %s: bind: address already in use\n", l.Addr())
	require.Equal(t, result{statusFailed, "", want}, got)
}

var pickedPort = regexp.MustCompile(`(127\.0\.0\.1|\[::\]):\d+`)

func TestReady(t *testing.T) {
	const picked = "--listen=127.0.0.1:0"
	ready := func(addr string) string { return "zksim: ready clients=" + addr + " http=off\n" }
	tests := []struct {
		name           string
		args, env      []string
		file           string
		stdout, stderr string
	}{
		{
			name: "plain", args: []string{"serve", picked, "--seed", "7"},
			stdout: ready("127.0.0.1:PORT"), stderr: "zksim: seed 7\n",
		},
		{
			name: "one dash", args: []string{"-listen", "127.0.0.1:0", "-http=off", "-seed=-3"},
			stdout: ready("127.0.0.1:PORT"), stderr: "zksim: seed -3\n",
		},
		{
			name: "all from the environment",
			env: []string{
				"ZKSIM_LISTEN=127.0.0.1:0", "ZKSIM_HTTP=off", "ZKSIM_SEED=5", "ZKSIM_TICK_TIME=100", "ZKSIM_COMPAT=3.8",
				"ZKSIM_MIN_SESSION_TIMEOUT=1", "ZKSIM_MAX_SESSION_TIMEOUT=2", "ZKSIM_SET=skipACL=yes",
			},
			stdout: ready("127.0.0.1:PORT"), stderr: "zksim: seed 5\n",
		},
		{
			name: "unknown settings", args: []string{picked, "--seed=1", "--set", "b=1", "--set", "skipACL=no", "--set", "b=2", "--set", "c d="},
			env:    []string{"ZKSIM_SET=a\x1b=1"},
			stdout: ready("127.0.0.1:PORT"),
			stderr: "zksim: seed 1\nzksim: warning: ZooKeeper has no such setting: \"a\\x1b\", b, \"c d\"; ignored\n",
		},
		{
			name: "open to others, as in ZooKeeper", args: []string{"--seed=1", "--set=clientPort=0"},
			stdout: ready("[::]:PORT"),
			stderr: "zksim: seed 1\nzksim: warning: other machines can connect to [::]:PORT too\n",
		},
		{
			name: "file", args: []string{"--config", "zoo.cfg"}, env: []string{"ZKSIM_SEED=1"},
			file:   "tickTime=2000\nclientPort=0\nclientPortAddress=127.0.0.1\nsecureClientPort=2281\nserver.1=a:2888:3888\nnope=1\n",
			stdout: ready("127.0.0.1:PORT"),
			stderr: "zksim: seed 1\nzksim: warning: ZooKeeper has no such setting: nope; ignored\n" +
				"zksim: warning: secureClientPort is not served: --tls-listen is for that, with its files\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.file != "" {
				write(t, map[string]string{"zoo.cfg": tt.file})
			}
			got := runOnce(t, tt.args, tt.env)
			got.stdout = pickedPort.ReplaceAllString(got.stdout, "$1:PORT")
			got.stderr = pickedPort.ReplaceAllString(got.stderr, "$1:PORT")
			require.Equal(t, result{statusOK, tt.stdout, tt.stderr}, got)
		})
	}
}

func TestSeedIsPicked(t *testing.T) {
	before := time.Now().UnixMilli()
	var seed int64
	_, err := fmt.Sscanf(runOnce(t, []string{"--listen=127.0.0.1:0"}, nil).stderr, "zksim: seed %d\n", &seed)
	require.NoError(t, err)
	require.GreaterOrEqual(t, seed, before)
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h"}, {"help"}, {"serve", "--help"}, {"--seed", "1", "-help"}} {
		require.Equal(t, result{statusOK, usage, ""}, runOnce(t, args, nil), args)
	}
	lines := strings.Split(strings.TrimSuffix(usage, "\n"), "\n")
	require.LessOrEqual(t, len(lines), 24-1, "and a prompt")
	for _, line := range lines {
		require.LessOrEqual(t, len(line), 80, line)
	}
}

func TestManualNamesAllFlags(t *testing.T) {
	manual, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for _, f := range flags {
		require.Contains(t, usage, "  --"+f.name+" ")
		require.Contains(t, string(manual), "--"+f.name+" ")
		require.Contains(t, string(manual), envName(f.name))
	}
}

// TestManualNamesAllRequests: and the README has them in its table.
func TestManualNamesAllRequests(t *testing.T) {
	_, web := startBoth(t)
	var index []struct{ Path string }
	p, err := http.Get("http://" + web + "/sim/v1")
	_, text := answer(t, p, err)
	require.NoError(t, json.Unmarshal([]byte(text), &index))
	for _, file := range []string{"doc.go", filepath.Join("..", "..", "README.md")} {
		manual, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, e := range index {
			last := e.Path[strings.LastIndexByte(strings.TrimSuffix(e.Path, "/{name...}"), '/'):]
			last = strings.TrimSuffix(last, "/{name...}")
			require.Contains(t, string(manual), last, "%s does not tell of %s", file, e.Path)
		}
	}
}

func TestVersion(t *testing.T) {
	for _, arg := range []string{"version", "--version"} {
		got := runOnce(t, []string{arg}, nil)
		require.Regexp(t, `^zksim \S+ go1\.\S+ \w+/\w+\n$`, got.stdout)
		require.Equal(t, result{status: statusOK, stdout: got.stdout}, got)
	}
}

// startServer runs zksim until the test ends, and returns the address that it printed.
func startServer(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	status := make(chan int)
	go func() {
		status <- run(ctx, append([]string{"--listen=127.0.0.1:0", "--http=off"}, args...), nil, in, io.Discard)
	}()
	t.Cleanup(func() {
		cancel()
		require.Equal(t, statusOK, <-status)
	})
	return readyAddr(t, out)
}

func readyAddr(t *testing.T, out io.Reader) string {
	t.Helper()
	clients, http := readyAddrs(t, out)
	require.Equal(t, "off", http)
	return clients
}

func readyAddrs(t *testing.T, out io.Reader) (clients, http string) {
	t.Helper()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	match := regexp.MustCompile(`^zksim: ready clients=(\S+) http=(\S+)(?: tls=\S+)?\n$`).FindStringSubmatch(line)
	require.NotNil(t, match, line)
	return match[1], match[2]
}

// quiet keeps the client from telling that its server has gone.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

func connect(t *testing.T, addr string) *zk.Conn {
	t.Helper()
	conn, _, err := zk.Connect([]string{addr}, 10*time.Second, zk.WithLogger(quiet{}))
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	return conn
}

func TestServesClients(t *testing.T) {
	addr := startServer(t, "--tick-time", "500", "--set", "4lw.commands.whitelist=srvr,conf", "--compat", "3.8")
	a, b := connect(t, addr), connect(t, addr)
	_, err := a.Create("/lock", []byte("a"), zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	data, _, gone, err := b.GetW("/lock")
	require.NoError(t, err)
	require.Equal(t, "a", string(data))
	a.Close()
	require.Equal(t, zk.EventNodeDeleted, (<-gone).Type)

	conf := fourLetterWord(t, addr, "conf")
	require.Contains(t, conf, "tickTime=500\n")
	require.Contains(t, conf, "maxClientCnxns=60\n")
	require.Contains(t, conf, "minSessionTimeout=1000\n")
	require.Contains(t, fourLetterWord(t, addr, "srvr"), "Zookeeper version: 3.8.")
}

func fourLetterWord(t *testing.T, addr, word string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write([]byte(word))
	require.NoError(t, err)
	answer, err := io.ReadAll(c)
	require.NoError(t, err)
	return string(answer)
}

func TestSeedRepeatsSessions(t *testing.T) {
	session := func() int64 {
		conn := connect(t, startServer(t, "--seed", "12345"))
		_, _, err := conn.Get("/")
		require.NoError(t, err)
		return conn.SessionID()
	}
	require.Equal(t, session(), session())
}

func TestConfigFile(t *testing.T) {
	o, err := parse([]string{"--config", filepath.Join("testdata", "zoo.cfg")}, nil)
	require.NoError(t, err)
	require.Empty(t, o.unknown)
	require.Equal(t, "127.0.0.1:2181", o.listen)
	require.Equal(t, 200, o.config.MaxClientCnxns)
	require.Equal(t, time.Minute, o.config.MaxSessionTimeout)
	require.Equal(t, []string{"srvr", "mntr", "ruok"}, o.config.FourLetterWords)
	require.Equal(t, "super:0DPiKuNIrrVmD8IUCuw1hQxNqZc=", o.config.SuperDigest)
	require.True(t, o.config.ReconfigEnabled)
}
