// Package brief is imported by tests, so that go test compares with the newest
// ZooKeeper on the machine, and in short. Make test says that it wants all.
package brief

import (
	"flag"
	"os"
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

// Main is a TestMain: fewer random histories will do, unless -rapid.checks says how many.
func Main(m *testing.M) {
	if checks := flag.Lookup("rapid.checks"); checks != nil && Wanted() {
		_ = checks.Value.Set("15")
	}
	os.Exit(m.Run())
}

// Or is what there is to do if everything is wanted, or else a part of it.
func Or(part, all int) int {
	if Wanted() {
		return part
	}
	return all
}
