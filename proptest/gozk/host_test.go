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
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/internal/brief"
)

// hostVar names the variable that makes this program a simulator's process, in
// the eyes of the tests. It holds the address of the host.
const hostVar = "ZKSIM_GOZK_HOST"

func TestMain(m *testing.M) {
	if addr := os.Getenv(hostVar); addr != "" {
		fmt.Fprintln(os.Stderr, stand(addr, os.Args[1]))
		os.Exit(1)
	}
	brief.Main(m)
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
	ensembles map[string]*memserver.Server   // by the list of their members
}

// start returns its address.
func (h *host) start(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	h.disks, h.ensembles = make(map[string]*memserver.Snapshot), make(map[string]*memserver.Server)
	t.Cleanup(func() {
		for _, srv := range h.ensembles {
			srv.Close()
		}
	})
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
	cfg := o.settings()
	start := h.startMember
	if len(cfg.members) <= 1 {
		start = h.startAlone
	}
	end, err := start(&cfg)
	if err != nil {
		return err
	}
	_, _ = r.ReadByte()
	end()
	return nil
}

// settings is what a process was told.
type settings struct {
	list       [][2]string
	port, disk string
	members    []string // the lines server.N, of which one that stands alone has one
}

func (o *order) settings() (s settings) {
	for line := range strings.Lines(o.Config) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		s.list = append(s.list, [2]string{key, value})
		switch {
		case key == "clientPort":
			s.port = value
		case key == "dataDir":
			s.disk = value
		case strings.HasPrefix(key, "server."):
			s.members = append(s.members, value)
		}
	}
	for _, p := range o.Properties {
		key, value, _ := strings.Cut(strings.TrimPrefix(p, "-D"), "=")
		s.list = append(s.list, [2]string{key, value})
	}
	return s
}

func (h *host) make(cfg *settings, more func(*memserver.Config)) (*memserver.Server, error) {
	var failed error
	srv, err := memserver.New(func(c *memserver.Config) {
		c.Profile = h.profile
		for _, pair := range cfg.list {
			failed = errors.Join(failed, c.Set(pair[0], pair[1]))
		}
		more(c)
	})
	return srv, errors.Join(failed, err)
}

// startAlone starts a server with what is on its disk, and returns what ends it.
func (h *host) startAlone(cfg *settings) (end func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	srv, err := h.make(cfg, func(c *memserver.Config) { c.From = h.disks[cfg.disk] })
	if err != nil {
		return nil, err
	}
	if err := srv.Listen("127.0.0.1:" + cfg.port); err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	return func() {
		srv.Close()
		h.mu.Lock()
		defer h.mu.Unlock()
		if !h.forgetful {
			h.disks[cfg.disk] = srv.Snapshot()
		}
	}, nil
}

// startMember starts one of the members of an ensemble, which is made when the
// first of them comes.
func (h *host) startMember(cfg *settings) (end func(), err error) {
	text, err := os.ReadFile(filepath.Join(cfg.disk, "myid"))
	if err != nil {
		return nil, err
	}
	id, err := strconv.Atoi(string(text))
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	key := strings.Join(cfg.members, " ")
	srv := h.ensembles[key]
	if srv == nil {
		if srv, err = h.make(cfg, func(c *memserver.Config) { c.Members = len(cfg.members) }); err != nil {
			return nil, err
		}
		for _, m := range srv.Members() {
			m.Stop()
		}
		h.ensembles[key] = srv
	}
	m, addr := srv.Member(id), "127.0.0.1:"+cfg.port
	if err := m.Start(); err != nil { // where it has listened before it listens again
		return nil, err
	}
	if m.Addr() != addr {
		if err := m.Listen(addr); err != nil {
			return nil, err
		}
	}
	return m.Stop, nil
}
