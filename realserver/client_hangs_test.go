package realserver_test

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
)

// A server that takes connections and says nothing, as one that is paused or
// starting does, costs a client its part of the session timeout, not the session.
func TestAServerThatHangsIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		start, dials := time.Now(), 0
		c, err := realserver.Connect(t.Context(), []string{"a:1", "b:1"}, func(c *realserver.ClientConfig) {
			c.SessionTimeout = 10 * time.Second
			c.Dialer = func(network, address string, timeout time.Duration) (net.Conn, error) {
				if dials++; dials > 1 { // the servers come in any order
					return srv.Dial(network, address, timeout)
				}
				ours, theirs := net.Pipe()
				go func() {
					defer theirs.Close()
					_, _ = io.Copy(io.Discard, theirs)
				}()
				return ours, nil
			}
		})
		require.NoError(t, err)
		defer c.Close()
		require.Equal(t, 5*time.Second, time.Since(start))
	})
}
