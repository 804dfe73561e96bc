//go:build unix

package gozk

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
)

var onReal = flag.Bool("gozk.real", false, "run the tests on real ZooKeepers too, which takes minutes")

func TestGoZookeepersOwnTests(t *testing.T) {
	tests := build(t)
	for _, version := range []string{"3.9", "3.8"} {
		t.Run("wire/"+version, func(t *testing.T) {
			t.Parallel()
			tests.run(t, simulators(t, &host{profile: memserver.Profile(version)}), version, 6)
		})
		t.Run("real/"+version, func(t *testing.T) {
			if !*onReal {
				t.Skip("only with -gozk.real")
			}
			in := realserver.FindT(t, version)
			bin := launcher(t, fmt.Sprintf(`exec '%s' -Xshare:auto -XX:TieredStopAtLevel=1 -XX:+UseSerialGC $SERVER_JVMFLAGS \
-cp '%s' org.apache.zookeeper.server.quorum.QuorumPeerMain "$2"`, in.Java, strings.Join(in.Classpath, ":")))
			tests.run(t, bin, in.Version, 1) // several JVMs at once have no time for each other
		})
	}
	// One of the tests counts on what the server had on its disk when it was killed.
	t.Run("a forgetful simulator is noticed", func(t *testing.T) {
		t.Parallel()
		name := "TestIntegration_IfAuthdataSurvivesReconnect"
		o := tests.one(t.Context(), name, simulators(t, &host{profile: memserver.V39, forgetful: true}), "3.9")
		require.False(t, o.passed)
		require.Contains(t, string(o.output), "--- FAIL: "+name)
	})
}

// simulators is a launcher of simulators.
func simulators(t *testing.T, h *host) string {
	self, err := os.Executable()
	require.NoError(t, err)
	return launcher(t, fmt.Sprintf(`%s=%s exec '%s' "$2"`, hostVar, h.start(t), self))
}

// launcher makes the folder with the one program that the tests start:
// zkServer.sh start-foreground zoo.cfg.
func launcher(t *testing.T, script string) string {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "zkServer.sh"), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	return dir
}

// suite is go-zookeeper's tests as a program.
type suite struct {
	program string
	names   []string // of those that need a server
}

// build makes it from the module in the cache.
func build(t *testing.T) *suite {
	module := strings.TrimSpace(run(t, ".", "go", "list", "-m", "-f", "{{.Dir}}", "github.com/go-zookeeper/zk"))
	dir := t.TempDir()
	files, err := filepath.Glob(filepath.Join(module, "*.go"))
	require.NoError(t, err)
	for _, file := range append(files, filepath.Join(module, "go.mod"), "testdata/server_help_test.go") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o600))
	}
	s := &suite{program: filepath.Join(dir, "zk.test")}
	run(t, dir, "go", "test", "-c", "-o", s.program)
	s.names = strings.Fields(run(t, dir, s.program, "-test.list", "^TestIntegration_"))
	require.Len(t, s.names, 28)
	return s
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
	return string(out)
}

// run runs each test in a process of its own, several at a time, for they
// mostly sleep.
func (s *suite) run(t *testing.T, bin, version string, atOnce int) {
	slots := make(chan struct{}, atOnce)
	outcomes := make(map[string]chan outcome)
	for _, name := range s.names {
		ended := make(chan outcome, 1)
		outcomes[name] = ended
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			ended <- s.one(t.Context(), name, bin, version)
		}()
	}
	for _, name := range s.names {
		t.Run(name, func(t *testing.T) {
			o := <-outcomes[name]
			if !o.passed { // it waits for a second or two here and there, and the machine may be busy
				t.Logf("failed once:\n%s", o.output)
				o = s.one(t.Context(), name, bin, version)
			}
			require.True(t, o.passed, "failed twice:\n%s", o.output)
		})
	}
}

type outcome struct {
	passed bool
	output []byte
}

// one runs one test. What it has started and forgotten is killed with it.
func (s *suite) one(ctx context.Context, name, bin, version string) outcome {
	limit := 90 * time.Second // if somebody else has taken one of its ports, it would wait for three minutes
	if *onReal {
		limit = 10 * time.Minute
	}
	cmd := exec.Command(s.program, "-test.v", "-test.timeout="+limit.String(), "-test.run", "^"+regexp.QuoteMeta(name)+"$")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Env = append(os.Environ(), "ZOOKEEPER_BIN_PATH="+bin, "ZK_VERSION="+version)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second // for the output of what outlives it
	if err := cmd.Start(); err != nil {
		return outcome{output: []byte(err.Error())}
	}
	kill := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	defer kill()
	defer context.AfterFunc(ctx, kill)()
	err := cmd.Wait()
	return outcome{err == nil && bytes.Contains(output.Bytes(), []byte("--- PASS: "+name)), output.Bytes()}
}
