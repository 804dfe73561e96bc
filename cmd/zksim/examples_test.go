package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// python returns a command that runs an example where kazoo can be imported, or
// skips the test: interop installs it into the user's cache.
func python(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	return pythonWith(t, "kazoo.client", name, args...)
}

// pythonWith is python for what needs more modules.
func pythonWith(t *testing.T, modules, name string, args ...string) *exec.Cmd {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 on $PATH")
	}
	paths := []string{""}
	if cache, err := os.UserCacheDir(); err == nil {
		installed, err := filepath.Glob(filepath.Join(cache, "zksim", "interop", "kazoo-*"))
		require.NoError(t, err)
		paths = append(paths, installed...)
	}
	for _, path := range paths {
		env := append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
		if path != "" {
			env = append(env, "PYTHONPATH="+path)
		}
		probe := exec.Command(python, "-c", "import "+modules)
		probe.Env = env
		if probe.Run() != nil {
			continue
		}
		cmd := exec.CommandContext(t.Context(), python, append([]string{name}, args...)...)
		cmd.Dir, cmd.Env = "examples", env
		return cmd
	}
	t.Skip("there is no " + modules + "; go run ./cmd/zksim/interop -client kazoo installs it")
	return nil
}

// TestExamples runs the programs in Python that the manual tells of.
func TestExamples(t *testing.T) {
	for name, says := range map[string]string{
		"expire.py":     "expired\n",
		"disconnect.py": "disconnected and back\n",
		"clock.py":      "40 seconds have passed\n",
		"fixture.py":    "three tests, one fixture\n",
		"events.py":     "one write each\n",
		"lost_reply.py": "submitted once\n",
		"lost_event.py": "told after all\n",
		"failover.py":   "three leaders, one session\n",
		"stale.py":      "fresh after sync\n",
		"quorum.py":     "written when there was a quorum\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time kazoo waits
			var args []string
			if text, err := os.ReadFile(filepath.Join("examples", name)); err == nil && strings.Contains(string(text), "zksim --members 3") {
				args = []string{"--members", "3"}
			}
			clients, web := startBoth(t, args...)
			cmd := python(t, name, clients, web)
			var complaints strings.Builder // kazoo's own remarks among them
			cmd.Stderr = &complaints
			out, err := cmd.Output()
			require.NoError(t, err, complaints.String())
			require.Equal(t, says, string(out))
		})
	}
	programs, err := filepath.Glob("examples/*.py")
	require.NoError(t, err)
	require.Len(t, programs, 10+1, "and sim.py, which they share")
}
