package proptest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/realserver"
)

func TestMain(m *testing.M) { brief.Main(m, recipeServer.close) }

// sharedServer is a real server for many tests, one after the other: it starts with the first of them.
type sharedServer struct {
	srv *realserver.Server
	run runCase
	err error
}

// recipeServer is for cases that do nothing to a server but expire sessions.
var recipeServer sharedServer

func (s *sharedServer) runCase(t *testing.T) runCase {
	t.Helper()
	in := realserver.FindT(t, "3.9")
	if s.srv == nil && s.err == nil {
		s.srv, s.err = realserver.Start(context.Background(), in, func(o *realserver.Options) { o.TickTime = faultTick })
		s.run = onRealServer(s.srv)
	}
	if s.err != nil {
		t.Fatalf("%v", s.err)
	}
	return s.run
}

func (s *sharedServer) close() {
	if s.srv == nil {
		return
	}
	if err := s.srv.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
