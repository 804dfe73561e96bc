package memserver

// TB is the part of testing.TB that RunT and ClientT need. *rapid.T has it too.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// RunT makes a server for a test. When the test ends the server is closed, and
// the test fails if the server's state contradicts itself (see Check).
//
//	srv := memserver.RunT(t, func(c *memserver.Config) { c.TickTime = time.Second })
func RunT(t TB, opts ...func(*Config)) *Server {
	t.Helper()
	s, err := New(opts...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		t.Helper()
		s.Close()
		if err := s.Check(); err != nil {
			t.Errorf("%v", err)
		}
	})
	return s
}

// ClientT makes a client of the server for a test and closes it when the test ends.
func (s *Server) ClientT(t TB, opts ...func(*ClientConfig)) *Client {
	t.Helper()
	c, err := s.Client(opts...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
