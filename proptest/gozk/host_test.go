//go:build unix

package gozk

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
)

// hostVar names the variable that makes this program a simulator's process, in
// the eyes of the tests. It holds the address of the host.
const hostVar = "ZKSIM_GOZK_HOST"

func TestMain(m *testing.M) {
	if addr := os.Getenv(hostVar); addr != "" {
		fmt.Fprintln(os.Stderr, stand(addr, os.Args[1]))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// order is what a process asks of the host.
type order struct {
	Config     string // the text of zoo.cfg
	Properties []string
}

// stand stands for a simulator as long as the process lives. That it is killed
// is how the host learns that the server has died.
func stand(addr, config string) error {
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(conn).Encode(order{string(text), strings.Fields(os.Getenv("SERVER_JVMFLAGS"))}); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	return errors.Join(errors.New(string(answer)), err)
}

// host runs the simulators. What a real server finds on its disk after it was
// killed, a simulator gets from here: the tests count on it.
type host struct {
	profile   memserver.Profile
	forgetful bool // there is nothing on the disk
	mu        sync.Mutex
	disks     map[string]*memserver.Snapshot // by dataDir
}

// start returns its address.
func (h *host) start(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	h.disks = make(map[string]*memserver.Snapshot)
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	t.Cleanup(func() { l.Close() })
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				if err := h.serve(conn); err != nil {
					fmt.Fprintln(conn, err)
				}
			})
		}
	})
	return l.Addr().String()
}

// serve runs one server until the process at the other end has died.
func (h *host) serve(conn net.Conn) error {
	r := bufio.NewReader(conn)
	var o order
	if err := json.NewDecoder(r).Decode(&o); err != nil {
		return err
	}
	var port, disk string
	var failed error
	srv, err := memserver.New(func(c *memserver.Config) {
		c.Profile = h.profile
		for line := range strings.Lines(o.Config) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			failed = errors.Join(failed, c.Set(key, value))
			switch key {
			case "clientPort":
				port = value
			case "dataDir":
				disk = value
			}
		}
		for _, p := range o.Properties {
			key, value, _ := strings.Cut(strings.TrimPrefix(p, "-D"), "=")
			failed = errors.Join(failed, c.Set(key, value))
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		c.From = h.disks[disk]
	})
	if err = errors.Join(failed, err); err != nil {
		return err
	}
	defer srv.Close()
	if err := srv.Listen("127.0.0.1:" + port); err != nil {
		return err
	}
	_, _ = r.ReadByte()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.forgetful {
		h.disks[disk] = srv.Snapshot()
	}
	return nil
}
