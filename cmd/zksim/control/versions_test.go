package control_test

import (
	"os"

	"github.com/zksim/zksim/realserver"
)

// Unless something else is asked for, go test compares with the newest ZooKeeper on the machine. Make
// test compares with all of them.
func init() {
	if os.Getenv(realserver.VersionsEnv) == "" {
		os.Setenv(realserver.VersionsEnv, "newest")
	}
}

// brief tells whether tests on real ensembles, which take seconds each, are left to make test.
func brief() bool { return os.Getenv(realserver.VersionsEnv) == "newest" }
