package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireClients is the environment variable that turns a test which would be
// skipped, for want of Python, Java or their libraries, into a failure when it is 1.
const requireClients = "ZKSIM_REQUIRE_CLIENTS"

// without skips a test of a client that cannot run here.
func without(t *testing.T, what string) {
	t.Helper()
	if os.Getenv(requireClients) == "1" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// need is the path of a program.
func need(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		without(t, "there is no "+name+" on $PATH")
	}
	return path
}

// installed are the folders into which interop has put a library.
func installed(t *testing.T, library string) []string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	dirs, err := filepath.Glob(filepath.Join(cache, "zksim", "interop", library+"-*"))
	require.NoError(t, err)
	return dirs
}

// python returns a command that runs an example where kazoo can be imported, or
// skips the test: interop installs it into the user's cache.
func python(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	return pythonWith(t, "kazoo.client", name, args...)
}

// pythonWith is python for what needs more modules.
func pythonWith(t *testing.T, modules, name string, args ...string) *exec.Cmd {
	t.Helper()
	python := need(t, "python3")
	for _, path := range append([]string{""}, installed(t, "kazoo")...) {
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
	without(t, "there is no "+modules+"; go run ./cmd/zksim/interop -client kazoo installs it")
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

// TestCurator runs the program in Java. It is compiled against the libraries of
// one that compares Curator on zksim and on a real ZooKeeper.
func TestCurator(t *testing.T) {
	t.Parallel()
	java, javac := need(t, "java"), need(t, "javac")
	libraries := installed(t, "curator")
	if len(libraries) == 0 {
		without(t, "there is no Curator; go run ./cmd/zksim/interop -client curator installs it")
	}
	classes, jars := t.TempDir(), filepath.Join(libraries[len(libraries)-1], "*") // java and javac expand it
	sources, err := filepath.Glob("examples/*.java")
	require.NoError(t, err)
	require.Len(t, sources, 1+1, "and Sim.java")
	compile := exec.CommandContext(t.Context(), javac, append([]string{"--release", "11", "-Xlint:all", "-Werror", "-cp", jars, "-d", classes}, sources...)...)
	out, err := compile.CombinedOutput()
	require.NoError(t, err, string(out))

	clients, web := startBoth(t, "--members", "3")
	cmd := exec.CommandContext(t.Context(), java, "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
		"-cp", classes+string(filepath.ListSeparator)+jars, "CuratorSurvives", clients, web)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err = cmd.Output()
	require.NoError(t, err, complaints.String())
	require.Equal(t, "a stopped member: the same session\na lost connection: suspended, reconnected\n"+
		"a lost session: another leader, and the first one again\na lost lock: theirs, and mine again\n", string(out))
}
