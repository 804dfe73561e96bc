package frames_test

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
