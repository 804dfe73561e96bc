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
	s, err := Start(context.Background(), FindT(t, version), opts...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	closeT(t, s.Close)
	return s
}

// RunEnsembleT starts an ensemble of n servers for the length of a test. It chooses the version, and
// skips or fails the test, as [RunT] does.
func RunEnsembleT(t TB, version string, n int, opts ...func(*Options)) *Ensemble {
	t.Helper()
	e, err := StartEnsemble(context.Background(), FindT(t, version), n, opts...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	closeT(t, e.Close)
	return e
}

// FindT finds an install as [Find] does, and logs which it is. It skips the test if this machine has no
// Java or no such ZooKeeper, and fails it instead where ZKSIM_REQUIRE_REAL is 1.
func FindT(t TB, version string) Install {
	t.Helper()
	in, err := Find(version)
	if MaySkip(err) {
		t.Skipf("%v", err)
	} else if err != nil {
		t.Fatalf("%v", err)
	}
	t.Logf("%s", in)
	return in
}

// MaySkip tells whether a test that got this error from [Find] may be skipped: there is no real server
// and ZKSIM_REQUIRE_REAL is not 1, or there is one and ZKSIM_ZOOKEEPER_VERSIONS leaves it out.
func MaySkip(err error) bool {
	return errors.Is(err, errLeftOut) || errors.Is(err, ErrNotFound) && os.Getenv(RequireEnv) != "1"
}

func closeT(t TB, close func() error) {
	t.Cleanup(func() {
		if err := close(); err != nil {
			t.Logf("realserver: closing: %v", err)
		}
	})
}

// ProxyT starts a proxy for the server at an address, for the length of a test.
func ProxyT(t TB, server string) *Proxy {
	t.Helper()
	p, err := NewProxy(server)
	if err != nil {
		t.Fatalf("%v", err)
	}
	closeT(t, p.Close)
	return p
}
