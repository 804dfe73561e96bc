package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestProcess builds zksim and ends it in the ways an outsider does.
func TestProcess(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals to send")
	}
	binary := filepath.Join(t.TempDir(), "zksim")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))

	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			cmd := exec.Command(binary, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--seed", "9")
			cmd.Env = []string{} // flags of the environment are not for this test
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
		err := exec.Command(binary, "--nonsense").Run()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, statusUsage, exit.ExitCode())
	})
}
