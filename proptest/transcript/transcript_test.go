package transcript

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
)

// recorder is a test that remembers what would have been said of it.
type recorder struct {
	mu     sync.Mutex
	said   []string
	failed bool
}

func (r *recorder) Helper() {}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Logf(format string, v ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, fmt.Sprintf(format, v...))
}

func (r *recorder) Errorf(format string, v ...any) {
	r.Logf(format, v...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *recorder) Fatalf(format string, v ...any) {
	r.Errorf(format, v...)
	panic(r)
}

func (r *recorder) Skipf(format string, v ...any) {
	r.Logf("SKIP "+format, v...)
	panic(r)
}

// Run is like testing.T's, but shares the record.
func (r *recorder) Run(_ string, f func(*recorder)) bool {
	defer func() {
		if v := recover(); v != nil && v != any(r) {
			panic(v)
		}
	}()
	f(r)
	return !r.Failed()
}

// simulator is a Backend for the tests of this package. shared makes Run clean
// up behind each transcript, as it does on a real server.
type simulator struct {
	Backend
	started atomic.Int32
}

func newSimulator() *simulator {
	b := &simulator{Backend: Backend{Name: "sim", Profile: "3.9"}}
	b.Start = b.start
	return b
}

func (b *simulator) start(settings map[string]string) (*Instance, error) {
	b.started.Add(1)
	srv, err := memserver.New(func(c *memserver.Config) {
		for key, value := range settings {
			_ = c.Set(key, value)
		}
	})
	return &Instance{
		Dial:    func() (net.Conn, error) { return srv.Dial("tcp", "", time.Second) },
		Restart: func() error { srv.Restart(); return nil },
		Advance: srv.Advance,
		Stop:    srv.Close,
	}, err
}

func play(b *Backend, texts ...string) *recorder {
	files := fstest.MapFS{}
	for i, text := range texts {
		files[fmt.Sprintf("t%d.txt", i)] = &fstest.MapFile{Data: []byte(text)}
	}
	r := &recorder{}
	r.Run("", func(r *recorder) { Run(r, fs.FS(files), b) })
	return r
}

func TestRun(t *testing.T) {
	const right = "a connect\n----\nzxid+1 connected timeout=10000\n\na create /n\n----\nzxid+1 /n\n"
	for _, c := range []struct{ name, text, want string }{
		{"right", right, ""},
		{"other output", strings.Replace(right, "zxid+1 /n", "zxid+2 /n", 1), "t0.txt:5: a create /n\n  - zxid+2 /n\n  + zxid+1 /n\n"},
		{"missing line", right + "extra\n", "  - extra\n"},
		{"unexpected line", strings.Replace(right, "zxid+1 /n\n", "", 1), "  + zxid+1 /n\n"},
		{"alternative", strings.Replace(right, "zxid+1 /n", "luck\n---- or\nzxid+1 /n", 1), ""},
		{"own profile", strings.Replace(right, "zxid+1 /n", "all others\n---- 3.9\nzxid+1 /n", 1), ""},
		{"other profile", right + "---- 3.8\nelse\n", ""},
		{"own profile is wrong", right + "---- 3.9\nelse\n", "  - else\n"},
		{"skipped", "skip sim: no reason\n" + right, "SKIP no reason"},
		{"not among the only ones", "only other: no reason\n" + right, "SKIP no reason"},
		{"one of the only ones", "only other sim: no reason\n" + right, ""},
		{"skipped profile", "skip 3.9: no reason\n" + right, "SKIP no reason"},
		{"no such command", "a connect\na dance\n----\n", "a dance: no such command: dance"},
		{"no such argument", "a connect\na create /n size=5\n----\n", "what is size=?"},
		{"no such connection", "b ping\n----\n", `there is no connection "b"`},
		{"no rule", "a connect\n", "t0.txt:1: no ---- after this command"},
		{"late directive", "a connect\nserver fresh\n----\n", "server stands before the first command"},
		{"nothing to indent", "  create /n\n----\n", "has no command above it"},
		{"odd quotes", "a connect\na create \"/n\n----\n", "bad quotes"},
		{"no reply", "a connect\na send ping\na frame int:1\na ping\n----\nzxid+1 connected timeout=10000\nping: ok\nclosed\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			said := strings.Join(play(&newSimulator().Backend, c.text).said, "\n")
			if c.want == "" {
				require.Empty(t, said)
			}
			require.Contains(t, said, c.want)
		})
	}
}

// On a shared server a transcript must not see what was there before it, nor a
// session of another one end.
func TestSharedServer(t *testing.T) {
	const text = "a connect\n----\nzxid+1 connected timeout=10000\n\n" +
		"- a create /zookeeper/quota/x\n- a create /p acl=world:anyone:0\n- a create /q\n- a create /q/e ephemeral\na close\n----\n\n" +
		"b connect\n----\nzxid+1 connected timeout=10000\n\nb getAllChildrenNumber /\n----\n7\n"
	b := newSimulator()
	b.Shared = true
	r := play(&b.Backend, text, text, "server tickTime=500\n"+text, "server fresh\n"+text)
	require.Empty(t, r.said)
	require.EqualValues(t, 3, b.started.Load())
}

// late makes a backend whose first servers do not do what is expected, as on a
// machine that is too busy.
func late(bad int32) *simulator {
	b := newSimulator()
	b.Start = func(settings map[string]string) (*Instance, error) {
		if b.started.Load() < bad {
			settings["minSessionTimeout"] = "5000"
		}
		return b.start(settings)
	}
	return b
}

func TestWaitingIsTriedAgain(t *testing.T) {
	const text = "a connect timeout=3000\n----\nzxid+1 connected timeout=3000\n\n"
	const waits = "advance 1ms\n----\n"
	for _, c := range []struct {
		text      string
		bad, want int32
		failed    bool
	}{
		{text: text + waits, bad: 0, want: 1},
		{text: text + waits, bad: tries - 1, want: tries},
		{text: text + waits, bad: tries, want: tries, failed: true},
		{text: text, bad: 1, want: 1, failed: true},
	} {
		b := late(c.bad)
		r := play(&b.Backend, c.text)
		require.Equal(t, c.failed, r.failed, "%v", r.said)
		require.Equal(t, c.want, b.started.Load())
	}
}

func TestUpdate(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "t.txt")
	const asked = "# Why.\n\nserver tickTime=500\n\na connect\n----\nold\n---- 3.8\nkept\n\n# More.\na create /n\n----\n\n# The end.\n"
	require.NoError(t, os.WriteFile(file, []byte(asked), 0o600))
	r := &recorder{}
	Update(r, dir, &newSimulator().Backend)
	require.Empty(t, r.said)
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "# Why.\n\nserver tickTime=500\n\na connect\n----\nzxid+1 connected timeout=10000\n---- 3.8\nkept\n\n"+
		"# More.\na create /n\n----\nzxid+1 /n\n\n# The end.\n", string(got))
}

func TestRecord(t *testing.T) {
	parsed := func(text string) *block {
		s, err := parse("t.txt", "a ping\n"+text)
		require.NoError(t, err)
		return s.blocks[0]
	}
	for _, c := range []struct {
		name, before, profile, after string
	}{
		{"first", "----\n", "3.9", "----\nnew\n"},
		{"same", "----\nnew\n", "3.9", "----\nnew\n"},
		{"changed", "----\nold\n", "3.9", "----\nnew\n"},
		{"one more alternative", "----\nx\n---- or\ny\n", "3.9", "----\nx\n---- or\ny\n---- or\nnew\n"},
		{"known alternative", "----\nx\n---- or\nnew\n", "3.9", "----\nx\n---- or\nnew\n"},
		{"others keep theirs", "----\nold\n---- 3.8\nx\n", "3.9", "----\nnew\n---- 3.8\nx\n"},
		{"not like the main one", "----\nold\n", "3.8", "----\nold\n---- 3.8\nnew\n"},
		{"like the main one", "----\nnew\n", "3.8", "----\nnew\n"},
		{"like the main one again", "----\nnew\n---- 3.8\nold\n", "3.8", "----\nnew\n"},
		{"the same twice", "----\nnew\n---- 3.8\nnew\n", "3.8", "----\nnew\n"},
		{"one more of its own", "----\nold\n---- 3.8\nx\n---- 3.8 or\ny\n", "3.8", "----\nold\n---- 3.8\nx\n---- 3.8 or\ny\n---- 3.8 or\nnew\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := parsed(c.before)
			b.record(c.profile, c.profile == MainProfile, []string{"new"})
			require.Equal(t, "a ping\n"+c.after, (&script{blocks: []*block{b}}).String())
			require.True(t, b.accepts(c.profile, []string{"new"}, nil))
		})
	}
}

func TestParsePrintsTheSame(t *testing.T) {
	files, err := filepath.Glob("../testdata/transcripts/*/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		s, err := parse(file, string(text))
		require.NoError(t, err)
		require.Equal(t, string(text), s.String())
		require.True(t, strings.HasPrefix(string(text), "# "), "%s does not say what it shows", file)
	}
}

func TestMask(t *testing.T) {
	x := newExec(nil, nil, 0x13)
	x.sessions = []*session{{name: "a", id: 0x100003b66820077}}
	for line, want := range map[string]string{
		"Zookeeper version: 3.9.5-4d96d4e9, built on 2025-01-31 10:01 UTC":            "Zookeeper version: VERSION-HASH, built on DATE",
		"Zookeeper version: 3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC": "Zookeeper version: VERSION-HASH, built on DATE",
		"Latency min/avg/max: 0/0.5/12":                                               "Latency min/avg/max: N",
		"Zxid: 0x13":                                                                  "Zxid: now",
		"Node count: 5":                                                               "Node count: 5",
		"Outstanding: -1":                                                             "Outstanding: 0",
		"zk_outstanding_requests\t-1":                                                 "zk_outstanding_requests\t0",
		" /127.0.0.1:42970[1](queued=0,recved=3,sent=3,sid=0x100003b66820077,lzxid=0x12)": " /ADDRESS[N](queued=N,recved=N,sent=N,sid=session:a,lzxid=now-1)",
		"0x100003b66820078:":                        "session:0x100003b66820078:",
		"clientPort=2181":                           "clientPort=N",
		"2 expire at Sat Nov 22 19:38:48 UTC 2025:": "2 expire at TIME:",
	} {
		require.Equal(t, want, x.mask(line))
	}
}

func TestWords(t *testing.T) {
	for line, want := range map[string][]word{
		`create /a data=x`:        {{"create", false}, {"/a", false}, {"data=x", false}},
		`  a  b `:                 {{"a", false}, {"b", false}},
		`data="x y" "\x00\u00e9"`: {{"data=x y", true}, {"\x00\u00e9", true}},
		`"" null "null"`:          {{"", true}, {"null", false}, {"null", true}},
		`acl=digest:"a b":31`:     {{"acl=digest:a b:31", true}},
		``:                        nil,
	} {
		got, err := words(line)
		require.NoError(t, err)
		require.Equal(t, want, got, line)
	}
}
