package realserver

import (
	"context"
	"errors"
	"os"
)

// RequireEnv names the environment variable that turns skipped tests into failures when it is 1.
const RequireEnv = "ZKSIM_REQUIRE_REAL"

// TB is what RunT needs of a test. *testing.T, *testing.B and *rapid.T have it.
type TB interface {
	Helper()
	Name() string
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Cleanup(func())
}

// RunT starts a server for the length of a test: of the given version as [Find] understands it, "" for
// the newest. It skips the test if this machine has no Java or no such ZooKeeper, and fails it instead
// where ZKSIM_REQUIRE_REAL is 1.
func RunT(t TB, version string, opts ...func(*Options)) *Server {
	t.Helper()
	in, err := Find(version)
	if errors.Is(err, ErrNotFound) && os.Getenv(RequireEnv) != "1" {
		t.Skipf("%v", err)
	} else if err != nil {
		t.Fatalf("%v", err)
	}

	s, err := Start(context.Background(), in, opts...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Logf("realserver: closing: %v", err)
		}
	})
	return s
}
