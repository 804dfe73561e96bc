package history_test

import (
	"context"
	"fmt"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/history"
	"github.com/zksim/zksim/zkapi"
)

// A test would hand its *testing.T to Check.
func ExampleRun() {
	srv, err := memserver.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	h, err := history.Run(history.Server{
		Connect: func(_ context.Context, timeout time.Duration) (zkapi.Client, error) {
			return srv.Client(func(c *memserver.ClientConfig) { c.SessionTimeout = timeout })
		},
		Restart: func() error { srv.Restart(); return nil },
	}, history.Config{Seed: 1, Clients: 3, Steps: 20, Paths: 2, Faults: 2, Pause: time.Millisecond, SessionTimeout: 4 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	const oneServer = true
	fmt.Println(len(h.Ops) >= 60, h.Violations(oneServer))
	// Output: true []
}
