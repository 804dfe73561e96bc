package realserver_test

import (
	"context"
	"net"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/realserver"
)

// testConn is a go-zookeeper connection that remembers its states.
type testConn struct {
	*zk.Conn
	t *testing.T

	mu      sync.Mutex
	states  []zk.State
	waited  int // how many of them await has consumed
	changed chan struct{}
}

// connect connects to one or more servers and waits for a session.
func connect(t *testing.T, servers ...string) *testConn {
	t.Helper()
	c := &testConn{t: t, changed: make(chan struct{}, 1)}
	conn, _, err := zk.Connect(servers, 8*time.Second, zk.WithLogInfo(false),
		zk.WithEventCallback(c.event), zk.WithDialer(dialImpatiently))
	require.NoError(t, err)
	c.Conn = conn
	t.Cleanup(conn.Close)
	c.await(zk.StateHasSession)
	return c
}

// dialImpatiently makes connections on which the first answer has to come within two seconds. A server
// that starts may never answer a connection that it has accepted, and go-zookeeper would wait for a minute.
func dialImpatiently(network, address string, timeout time.Duration) (net.Conn, error) {
	conn, err := net.DialTimeout(network, address, timeout)
	return &impatient{Conn: conn}, err
}

type impatient struct {
	net.Conn
	answered bool
}

func (c *impatient) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.answered = c.answered || n > 0
	return n, err
}

func (c *impatient) SetReadDeadline(t time.Time) error {
	if limit := time.Now().Add(2 * time.Second); !c.answered && t.After(limit) {
		t = limit
	}
	return c.Conn.SetReadDeadline(t)
}

func (c *testConn) event(e zk.Event) {
	if e.Type != zk.EventSession {
		return
	}
	c.mu.Lock()
	c.states = append(c.states, e.State)
	c.mu.Unlock()
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *testConn) seen() []zk.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.states)
}

// await waits for a state that no await has seen.
func (c *testConn) await(want zk.State) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	for {
		states := c.seen()
		for c.waited < len(states) {
			c.waited++
			if states[c.waited-1] == want {
				return
			}
		}
		select {
		case <-c.changed:
		case <-ctx.Done():
			c.t.Fatalf("waited for %v, saw %v", want, states)
		}
	}
}

var zxidLine = regexp.MustCompile(`(?m)^Zxid: 0x([0-9a-f]+)$`)

// zxid asks a server for its latest zxid.
func zxid(t *testing.T, srv *realserver.Server) int64 {
	t.Helper()
	answer := ask(t, srv.Addr(), "srvr")
	found := zxidLine.FindStringSubmatch(answer)
	require.NotNil(t, found, answer)
	zxid, err := strconv.ParseInt(found[1], 16, 64)
	require.NoError(t, err)
	return zxid
}
