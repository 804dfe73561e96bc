package realserver_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zksim/zksim/realserver"
)

// everyInstall runs a test on each ZooKeeper of this machine.
func everyInstall(t *testing.T, test func(t *testing.T, version string)) {
	t.Helper()
	realserver.Concurrent(t)
	all, err := realserver.Installs()
	require.NoError(t, err)
	if len(all) == 0 {
		realserver.RunT(t, "") // skips, or fails where it must not
	}
	for _, in := range all {
		t.Run("real/"+in.Version, func(t *testing.T) {
			t.Parallel()
			test(t, in.Version)
		})
	}
}

func ask(t *testing.T, addr, word string) string {
	t.Helper()
	answer, err := realserver.FourLetterWord(t.Context(), addr, word)
	require.NoError(t, err)
	return answer
}

func TestLifecycle(t *testing.T) {
	everyInstall(t, func(t *testing.T, version string) {
		begin := time.Now()
		srv := realserver.RunT(t, version)
		t.Logf("ZooKeeper %s serves after %v", srv.Version(), time.Since(begin).Round(time.Millisecond))

		require.Equal(t, version, srv.Version())
		require.Contains(t, ask(t, srv.Addr(), "srvr"), "Zookeeper version: "+version)
		require.Contains(t, ask(t, srv.Addr(), "conf"), "maxSessionTimeout=40000")
		require.Contains(t, srv.Log(), "binding to port")

		first := srv.PID()
		require.NoError(t, srv.Kill())
		require.NoError(t, srv.Kill(), "a second time")
		require.NoError(t, srv.Stop(), "not running")
		requireRefused(t, srv.Addr())

		require.NoError(t, srv.Restart(t.Context()))
		require.NotEqual(t, first, srv.PID())
		require.Equal(t, "imok", ask(t, srv.Addr(), "ruok"))

		require.NoError(t, srv.Stop())
		requireRefused(t, srv.Addr())
	})
}

func requireRefused(t *testing.T, addr string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		conn.Close()
	}
	require.Error(t, err)
}

func TestOptions(t *testing.T) {
	realserver.Concurrent(t)
	srv := realserver.RunT(t, "", func(o *realserver.Options) {
		o.TickTime = 500 * time.Millisecond
		o.Config["maxClientCnxns"] = "7"
		o.Config["znode.container.checkIntervalMs"] = "250"
		o.JVM = append(o.JVM, "-Xmx64m")
	})
	conf := ask(t, srv.Addr(), "conf")
	require.Contains(t, conf, "tickTime=500\n")
	require.Contains(t, conf, "maxClientCnxns=7\n")
	require.Contains(t, conf, "minSessionTimeout=1000\n")
	require.Contains(t, srv.Log(), "Using checkIntervalMs=250 ")
}

func TestStartOfABrokenServer(t *testing.T) {
	realserver.Concurrent(t)
	in, err := realserver.Find("")
	if err != nil {
		t.Skip(err)
	}
	_, err = realserver.Start(t.Context(), in, func(o *realserver.Options) { o.Config["tickTime"] = "soon" })
	require.ErrorContains(t, err, "does not serve: it ended: exit status")
	require.ErrorContains(t, err, "soon", "the end of the log says why")
}

func TestStartIsCancelled(t *testing.T) {
	in, err := realserver.Find("")
	if err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = realserver.Start(ctx, in)
	require.ErrorIs(t, err, context.Canceled)
}

// childEnv makes TestMain start servers in a folder, for TestServersDieWithTheirParent.
const childEnv = "ZKSIM_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
	}
	realserver.RunTests(m)
}

// child prints the addresses of its servers, one of which is paused, and panics when told to.
func child() {
	in, err := realserver.Find("")
	if err != nil {
		panic(err)
	}
	e, err := realserver.StartEnsemble(context.Background(), in, 2, func(o *realserver.Options) { o.Dir = os.Getenv(childEnv) })
	if err != nil {
		panic(err)
	}
	if err := e.Member(1).Pause(); err != nil {
		panic(err)
	}
	fmt.Println(strings.Join(e.Addrs(), " "))
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	go func() { panic("as a test might") }()
	select {}
}

func TestServersDieWithTheirParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a way")
	}
	realserver.Concurrent(t)
	realserver.FindT(t, "")
	for _, how := range []string{"killed", "panics"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childEnv+"="+t.TempDir())
			in, err := cmd.StdinPipe()
			require.NoError(t, err)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			line, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)

			// A connection tells when its server is gone: the kernel closes it.
			var conns []net.Conn
			for addr := range strings.FieldsSeq(line) {
				conn, err := net.Dial("tcp", addr)
				require.NoError(t, err)
				defer conn.Close()
				conns = append(conns, conn)
			}
			require.Len(t, conns, 2)
			if how == "killed" {
				require.NoError(t, cmd.Process.Kill())
			} else {
				require.NoError(t, in.Close())
			}
			require.Error(t, cmd.Wait())
			for _, conn := range conns {
				require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
				_, err = conn.Read(make([]byte, 1))
				require.Error(t, err)
				require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
			}
		})
	}
}

var (
	_ realserver.TB = (*testing.B)(nil)
	_ realserver.TB = (*rapid.T)(nil)
)

// recorder is a test that notes how it was ended, and ends the goroutine as a real one does.
type recorder struct {
	realserver.TB
	ended string
}

func (r *recorder) Fatalf(string, ...any) { r.end("failed") }
func (r *recorder) Skipf(string, ...any)  { r.end("skipped") }
func (r *recorder) end(how string)        { r.ended = how; panic(r) }

func TestRequireReal(t *testing.T) {
	for require1, want := range map[string]string{"": "skipped", "1": "failed"} {
		t.Setenv(realserver.RequireEnv, require1)
		r := &recorder{TB: t}
		require.Panics(t, func() { realserver.RunT(r, "2.7") })
		require.Equal(t, want, r.ended, "%s=%q", realserver.RequireEnv, require1)
	}
}
