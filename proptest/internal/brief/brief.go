// Package brief is imported by tests, so that go test compares with the newest
// ZooKeeper on the machine, and in short. Make test says that it wants all.
package brief

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
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
		debug.SetMemoryLimit(2 << 30) // beyond which it is collected as often as need be
	}
	if Wanted() {
		for name, value := range map[string]string{"rapid.checks": "15", "test.parallel": "4"} {
			if f := flag.Lookup(name); f != nil {
				_ = f.Value.Set(value)
			}
		}
	}
	code := m.Run()
	if Wanted() && (code != 0 || testing.Verbose()) {
		fmt.Printf("brief: %s=%d takes the same part of these tests\n", TurnEnv, Turn())
	}
	for _, f := range after {
		f()
	}
	if code == 0 {
		syscall.Exit(0) // the race detector, which has told the tests what it has seen, would have os.Exit wait a second
	}
	os.Exit(code)
}

// TurnEnv names the variable with the number of the part of the tests that a brief run takes. Without it
// each run takes another part, and prints its number if it fails, or with -v.
const TurnEnv = "ZKSIM_TURN"

// Turn is that number; 0 if everything is wanted.
func Turn() int {
	if !Wanted() {
		return 0
	}
	return turn()
}

var turn = sync.OnceValue(func() int {
	text := os.Getenv(TurnEnv)
	if text == "" {
		return rand.IntN(5040) // as often each part of any few
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		fmt.Fprintf(os.Stderr, "%s=%s is not a number from 0\n", TurnEnv, text)
		os.Exit(2)
	}
	return n
})

// Takes tells whether it is the turn of the i-th of things of which a brief run takes one in so many.
func Takes(i, every int) bool { return !Wanted() || (i+turn())%every == 0 }

// InTurn skips a test that starts real servers unless it is its turn: the i-th of so many in each brief run.
func InTurn(t testing.TB, i, every int) {
	t.Helper()
	if !Takes(i, every) {
		t.Skipf("one in %d brief runs has it; make test always does", every)
	}
}

// Or is what there is to do if everything is wanted, or else a part of it.
func Or(part, all int) int {
	if Wanted() {
		return part
	}
	return all
}
