package realserver

import "os"

// Unless something else is asked for, go test compares with the newest ZooKeeper on the machine. Make
// test compares with all of them.
func init() {
	if os.Getenv(VersionsEnv) == "" {
		os.Setenv(VersionsEnv, "newest")
	}
}
