package control_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/cmd/zksim/control"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// pipes is a listener in memory, so that time in a bubble is virtual for it.
type pipes struct {
	next chan net.Conn
	done chan struct{}
	once sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.next:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// inBubble runs a test with a side in virtual time; dial connects to it.
func inBubble(t *testing.T, test func(t *testing.T, sim *memserver.Server, dial func() net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		sim := memserver.RunT(t)
		web := control.New(sim, control.Options{})
		l := &pipes{next: make(chan net.Conn), done: make(chan struct{})}
		ended := make(chan error)
		go func() { ended <- web.Serve(l) }()
		test(t, sim, func() net.Conn {
			ours, theirs := net.Pipe()
			l.next <- theirs
			return ours
		})
		require.NoError(t, web.Close())
		require.NoError(t, <-ended)
	})
}

// TestSlowClients: who takes too long loses the connection.
func TestSlowClients(t *testing.T) {
	const stuck = "POST /sim/v1/clock HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
	for name, tt := range map[string]struct {
		send  string
		after time.Duration
	}{
		"says nothing":          {"", 10 * time.Second},
		"half a header":         {"GET /sim/v1/state HTTP/1.1\r\nHost: loc", 10 * time.Second},
		"half a body":           {stuck, time.Minute},
		"half a snapshot":       {strings.Replace(stuck, "POST /sim/v1/clock", "PUT /sim/v1/snapshot", 1), 5 * time.Minute},
		"reads no events":       {"GET /sim/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n", 10 * time.Second},
		"reads no answer":       {"GET /sim/v1/state HTTP/1.1\r\nHost: localhost\r\n\r\n", time.Minute},
		"reads no snapshot":     {"GET /sim/v1/snapshot HTTP/1.1\r\nHost: localhost\r\n\r\n", 5 * time.Minute},
		"half a second request": {"GET /nope HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, _ *memserver.Server, dial func() net.Conn) {
				c := dial()
				defer c.Close()
				begin := time.Now()
				_, err := io.WriteString(c, tt.send)
				require.NoError(t, err)
				var out time.Duration
				if strings.HasPrefix(name, "reads no") {
					time.Sleep(tt.after + time.Second) // it has given up by then
					_, err = io.WriteString(c, "GET /")
					require.Error(t, err)
					return
				}
				_, err = io.ReadAll(c)
				out = time.Since(begin)
				require.NoError(t, err)
				require.LessOrEqual(t, out, tt.after+time.Second)
				require.Greater(t, out, tt.after/2)
			})
		})
	}
}

// TestEventsStay: a stream in which nothing happens lives on, and shows it.
func TestEventsStay(t *testing.T) {
	inBubble(t, func(t *testing.T, sim *memserver.Server, dial func() net.Conn) {
		c := dial()
		defer c.Close()
		_, err := io.WriteString(c, "GET /sim/v1/events HTTP/1.0\r\nHost: localhost\r\n\r\n")
		require.NoError(t, err)
		lines := bufio.NewReader(c)
		next := func() string {
			for {
				line, err := lines.ReadString('\n')
				require.NoError(t, err)
				if line = strings.TrimSpace(line); strings.HasPrefix(line, ":") || strings.HasPrefix(line, "event") {
					return line
				}
			}
		}
		require.Equal(t, ": zksim", next())
		begin := time.Now()
		for range 40 {
			require.Equal(t, ":", next())
		}
		require.Equal(t, 10*time.Minute, time.Since(begin))
		client := sim.ClientT(t)
		require.Equal(t, "event: commit", next())
		require.Equal(t, zkapi.StateConnected, client.State())
	})
}
