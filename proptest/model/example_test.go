package model_test

import (
	"context"
	"fmt"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/model"
	"github.com/zksim/zksim/zkapi"
)

// quiet is a test for an example, which has none.
type quiet struct{ model.TB }

func (quiet) Helper()             {}
func (quiet) Name() string        { return "Example" }
func (quiet) Logf(string, ...any) {}
func (quiet) Failed() bool        { return false }

func (quiet) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func ExampleCheck() {
	var t quiet // *testing.T, in a test
	var srv *memserver.Server
	reset := func() (err error) {
		if srv != nil {
			srv.Close()
		}
		srv, err = memserver.New(func(c *memserver.Config) { c.ExtendedTypes = true })
		return err
	}
	if err := reset(); err != nil {
		fmt.Println(err)
		return
	}
	var stats model.Stats
	model.Check(t, model.Server{
		Connect: func(_ context.Context, timeout time.Duration) (zkapi.Client, error) {
			return srv.Client(func(c *memserver.ClientConfig) { c.SessionTimeout = timeout })
		},
		Reset:  reset,
		Expire: func(sessionID int64) error { srv.Expire(sessionID); return nil },
		// Disconnect, Reconnect, Restart, Advance ...
	}, func(c *model.Config) { c.Stats = &stats })
	srv.Close()
	fmt.Println(stats.Histories >= 15, stats.Results["create"]["OK"] > 10, stats.Results["get"]["NoNode"] > 0) // 100 without -rapid.checks
	// Output: true true true
}
