package realserver

import (
	"flag"
	"os"
	"syscall"
	"testing"
)

// Unless something else is asked for, go test compares with the newest ZooKeeper on the machine. Make
// test compares with all of them.
func init() {
	if os.Getenv(VersionsEnv) == "" {
		os.Setenv(VersionsEnv, "newest")
	}
}

// brief tells whether that is so.
func brief() bool { return os.Getenv(VersionsEnv) == "newest" }

// Concurrent has a test that mostly waits for servers run beside others of its kind, if tests are to be
// brief. Under make test there are no others, and what computes meanwhile has a lower priority.
func Concurrent(t *testing.T) {
	if brief() {
		t.Parallel()
	}
}

// RunTests is what TestMain does.
func RunTests(m *testing.M) {
	if !brief() {
		os.Exit(m.Run())
	}
	_ = flag.Set("test.parallel", "3") // unless a flag says how many
	if code := m.Run(); code != 0 {
		os.Exit(code)
	}
	syscall.Exit(0) // the race detector, which has told the tests what it has seen, would have os.Exit wait
}
