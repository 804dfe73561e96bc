// Package brief is imported by tests, so that go test compares with the newest
// ZooKeeper on the machine, and in short. Make test says that it wants all.
package brief

import (
	"flag"
	"os"
	"runtime/debug"
	"syscall"
	"testing"

	"github.com/zksim/zksim/realserver"
)

// Unless something else is asked for.
func init() {
	if os.Getenv(realserver.VersionsEnv) == "" {
		os.Setenv(realserver.VersionsEnv, "newest")
	}
}

// Wanted tells whether tests leave out what others show as well.
func Wanted() bool { return os.Getenv(realserver.VersionsEnv) == "newest" }

// Main is a TestMain. Where tests are brief and no flag says otherwise, fewer random histories will do,
// and of those that mostly wait four do so at a time. That the garbage is collected less often, unless
// GOGC says how often, saves a quarter of the time. What is given with m is done after the tests.
func Main(m *testing.M, after ...func()) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if Wanted() {
		for name, value := range map[string]string{"rapid.checks": "15", "test.parallel": "4"} {
			if f := flag.Lookup(name); f != nil {
				_ = f.Value.Set(value)
			}
		}
	}
	code := m.Run()
	for _, f := range after {
		f()
	}
	if code == 0 {
		syscall.Exit(0) // the race detector, which has told the tests what it has seen, would have os.Exit wait a second
	}
	os.Exit(code)
}

// Or is what there is to do if everything is wanted, or else a part of it.
func Or(part, all int) int {
	if Wanted() {
		return part
	}
	return all
}
