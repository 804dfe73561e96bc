package proptest_test

import (
	"context"
	"encoding/binary"
	"flag"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/proptest/transcript"
	"github.com/zksim/zksim/zkapi"
)

func TestConformance(t *testing.T) {
	for i, run := range []struct {
		name string
		b    *proptest.Backend
	}{
		{"direct/3.9", proptest.Direct("3.9")},
		{"direct/3.8", proptest.Direct("3.8")},
		{"wire/3.9", proptest.Wire("3.9")},
	} {
		t.Run(run.name, func(t *testing.T) {
			if !brief.Takes(i, 3) {
				t.Skip("it is the turn of another one; make test")
			}
			proptest.Conformance(t, run.b)
		})
	}
}

// A backend with clients of both kinds. Both have to see what the model says.
func TestConformanceOfTwoClients(t *testing.T) {
	if proptest.Brief() {
		t.Skip("the suite twice more; make test")
	}
	t.Run("direct", func(t *testing.T) {
		b := &proptest.Backend{Name: "direct", Profile: "3.9", InMemory: true}
		b.Start = func(settings map[string]string) (*proptest.Instance, error) {
			srv, err := memserver.New(func(c *memserver.Config) {
				for key, value := range settings {
					require.NoError(t, c.Set(key, value))
				}
			})
			return &proptest.Instance{
				Connect: func(_ context.Context, timeout time.Duration) (zkapi.Client, error) {
					return srv.Client(func(c *memserver.ClientConfig) { c.SessionTimeout = timeout })
				},
				Dial:    func() (net.Conn, error) { return srv.Dial("tcp", srv.Addr(), time.Second) },
				Restart: func() error { srv.Restart(); return nil },
				Advance: srv.Advance, Now: srv.Now, Zxid: srv.Zxid, Prompt: true,
				Connected: func(session int64) bool {
					return slices.ContainsFunc(srv.Sessions(), func(s memserver.Session) bool { return s.ID == session && s.Connected })
				},
				Stop: srv.Close,
			}, err
		}
		proptest.Conformance(t, b)
	})
}

func TestHistories(t *testing.T) {
	proptest.Concurrent(t)
	for _, run := range []struct {
		name string
		b    *proptest.Backend
	}{
		{"direct/3.9", proptest.Direct("3.9")},
		{"wire/3.9/pipe", proptest.Wire("3.9")},
		{"wire/3.9/tcp", proptest.WireTCP("3.9")},
		{"real/3.9", proptest.Real("3.9")},
		{"real/3.8", proptest.Real("3.8.0")},
		{"real/3.9/ensemble", proptest.RealEnsemble("3.9", 3)},
	} {
		t.Run(run.name, func(t *testing.T) {
			t.Parallel()
			if run.b.Several && proptest.Brief() {
				t.Skip("make test has them on an ensemble")
			}
			proptest.Histories(t, run.b)
		})
	}
}

// A server of which there is nothing but an address.
func TestConformanceAt(t *testing.T) {
	if proptest.Brief() {
		t.Skip("the suite once more; make test")
	}
	t.Run("wire", func(t *testing.T) {
		srv := memserver.RunT(t, func(c *memserver.Config) {
			for key, value := range transcript.DefaultSettings {
				require.NoError(t, c.Set(key, value))
			}
		})
		require.NoError(t, srv.Listen("127.0.0.1:0"))
		b := proptest.At(srv.Addr(), "3.9")
		b.Name = "wire" // for what it is known to lack
		report := transcript.Run(t, proptest.Transcripts(), b)
		t.Log(report)
		require.Greater(t, len(report.Ran), 200)
		require.Contains(t, report.Skipped, "it needs a fresh server: unsupported operation")
		require.Contains(t, report.Skipped, "there is no restarting the server")
	})
}

// passes runs a test within an example, where nothing else may be printed.
func passes(test func(t *testing.T)) bool {
	for name, value := range map[string]string{"test.v": "false", "test.skip": ""} {
		f := flag.Lookup(name)
		before := f.Value.String()
		defer func() { _ = f.Value.Set(before) }()
		_ = f.Value.Set(value)
	}
	all := func(string, string) (bool, error) { return true, nil }
	return testing.RunTests(all, []testing.InternalTest{{Name: "Test", F: test}})
}

// fakes are simulators of which one thing is wrong, and the transcripts that have to tell.
var fakes = map[string]struct {
	backend *proptest.Backend
	suites  []string
	told    []string
}{
	"the version of a delete does not matter": {
		calling(func(c zkapi.Client) zkapi.Client { return anyVersion{c} }),
		[]string{"transcripts", "model"},
		[]string{"transcripts/delete/version", "model"},
	},
	"numbers of sequential nodes begin at 1": {
		calling(func(c zkapi.Client) zkapi.Client { return fromOne{c} }),
		[]string{"transcripts", "model"},
		[]string{"transcripts/create/sequence_counts_creations", "model"},
	},
	"watches do not tell of deleted nodes": {
		dialing(func(frame []byte) []byte {
			if len(frame) >= 20 && int32(binary.BigEndian.Uint32(frame)) == -1 && binary.BigEndian.Uint32(frame[16:]) == 2 {
				return nil
			}
			return frame
		}),
		[]string{"transcripts"},
		[]string{"transcripts/watches/trigger_delete", "transcripts/watches/child_watch_delete"},
	},
}

// TestFake is run by TestFakesAreFoundOut, in a process of its own.
func TestFake(t *testing.T) {
	fake, ok := fakes[os.Getenv("PROPTEST_FAKE")]
	if !ok {
		t.Skip("without a fake")
	}
	proptest.Conformance(t, fake.backend)
}

func TestFakesAreFoundOut(t *testing.T) {
	proptest.Concurrent(t)
	for name, fake := range fakes {
		t.Run(name, func(t *testing.T) {
			if proptest.Brief() && name != "watches do not tell of deleted nodes" {
				t.Skip("a process with the suite for each; make test")
			}
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestFake$/^("+strings.Join(fake.suites, "|")+")$", "-test.v",
				"-rapid.nofailfile", "-rapid.checks=200", "-rapid.shrinktime=0s")
			cmd.Env = append(os.Environ(), "PROPTEST_FAKE="+name)
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "%s", out)
			for _, test := range fake.told {
				if !strings.Contains(string(out), "--- FAIL: TestFake/"+test+" ") {
					t.Errorf("%s has not failed", test)
				}
			}
			require.Greater(t, strings.Count(string(out), "--- PASS: "), 100, "one thing is wrong, not everything")
		})
	}
}

// calling is the direct client with something around it.
func calling(wrap func(zkapi.Client) zkapi.Client) *proptest.Backend {
	b := proptest.Direct("3.9")
	start := b.Start
	b.Name, b.Start = "fake", func(settings map[string]string) (*proptest.Instance, error) {
		in, err := start(settings)
		if err != nil {
			return nil, err
		}
		connect := in.Connect
		in.Connect = func(ctx context.Context, timeout time.Duration) (zkapi.Client, error) {
			c, err := connect(ctx, timeout)
			return wrap(c), err
		}
		in.Disconnect, in.Reconnect = nil, nil
		return in, nil
	}
	return b
}

type anyVersion struct{ zkapi.Client }

func (c anyVersion) Delete(ctx context.Context, path string, _ int32) error {
	return c.Client.Delete(ctx, path, zkapi.AnyVersion)
}

// fromOne burns the number 0 of each parent.
type fromOne struct{ zkapi.Client }

func (c fromOne) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	made, err := c.Client.Create(ctx, path, data, acl, mode)
	if err == nil && mode.Sequential() && strings.HasSuffix(made, "0000000000") {
		if err := c.Client.Delete(ctx, made, zkapi.AnyVersion); err != nil {
			return "", err
		}
		return c.Client.Create(ctx, path, data, acl, mode)
	}
	return made, err
}

// dialing is the simulator behind its pipe, with a filter for the frames that it sends.
func dialing(filter func(frame []byte) []byte) *proptest.Backend {
	b := proptest.Wire("3.9")
	start := b.Start
	b.Name, b.Start = "fake", func(settings map[string]string) (*proptest.Instance, error) {
		in, err := start(settings)
		if err != nil {
			return nil, err
		}
		dial := in.Dial
		in.Dial = func() (net.Conn, error) {
			nc, err := dial()
			return &filtered{Conn: nc, filter: filter}, err
		}
		return in, nil
	}
	return b
}

// filtered passes on the frames that come as the filter leaves them.
type filtered struct {
	net.Conn
	filter  func([]byte) []byte
	in, out []byte
	text    atomic.Bool // four-letter words have no frames
}

func (f *filtered) Write(b []byte) (int, error) {
	if len(b) > 0 && b[0] >= 'a' && b[0] <= 'z' {
		f.text.Store(true)
	}
	return f.Conn.Write(b)
}

func (f *filtered) Read(b []byte) (int, error) {
	for len(f.out) == 0 && !f.text.Load() {
		if n := len(f.in); n >= 4 && n >= 4+int(binary.BigEndian.Uint32(f.in)) {
			size := 4 + int(binary.BigEndian.Uint32(f.in))
			if frame := f.filter(f.in[4:size]); frame != nil {
				f.out = append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)
			}
			f.in = f.in[size:]
			continue
		}
		n, err := f.Conn.Read(b)
		if f.in = append(f.in, b[:n]...); err != nil {
			return 0, err
		}
	}
	if len(f.out) == 0 {
		return f.Conn.Read(b)
	}
	n := copy(b, f.out)
	f.out = f.out[n:]
	return n, nil
}
