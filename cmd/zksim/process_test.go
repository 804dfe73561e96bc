package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// asZksim in the environment has this test binary be zksim.
const asZksim = "TEST_BINARY_AS_ZKSIM=1"

func TestMain(m *testing.M) {
	if slices.Contains(os.Environ(), asZksim) {
		main()
	}
	os.Exit(m.Run())
}

// program is zksim as a process, without the flags that the environment of the tests may have.
func program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = []string{asZksim}
	return cmd
}

// TestProcess starts zksim and ends it in the ways an outsider does.
func TestProcess(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals to send")
	}
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			cmd := program("--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--seed", "9")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			stdout, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			defer cmd.Process.Kill()
			clients, web := readyAddrs(t, stdout)
			conn := connect(t, clients)
			_, _, err = conn.Get("/")
			require.NoError(t, err)
			stream, err := http.Get("http://" + web + "/sim/v1/events")
			require.NoError(t, err)
			defer stream.Body.Close()

			require.NoError(t, cmd.Process.Signal(signal))
			require.NoError(t, cmd.Wait(), "status 0, with a client connected and another that listens to events")
			require.Equal(t, "zksim: seed 9\n", stderr.String())
		})
	}
	t.Run("status", func(t *testing.T) {
		err := program("--nonsense").Run()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, statusUsage, exit.ExitCode())
	})
}
