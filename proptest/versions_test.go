package proptest

import (
	"os"

	"github.com/zksim/zksim/realserver"
)

// Unless something else is asked for, go test compares with the newest ZooKeeper on the machine. Make
// test compares with all of them, and at length.
func init() {
	if os.Getenv(realserver.VersionsEnv) == "" {
		os.Setenv(realserver.VersionsEnv, "newest")
	}
}

// Brief tells whether tests on real ensembles, which take seconds each to elect a leader, leave out what
// others show as well.
func Brief() bool { return os.Getenv(realserver.VersionsEnv) == "newest" }

// RaceDetector tells whether everything takes ten times as long.
func RaceDetector() bool { return raceDetector }
