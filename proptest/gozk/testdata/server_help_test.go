// Servers for go-zookeeper's own tests, in place of its server_help_test.go,
// which asks the four-letter word srvr in a form that no ZooKeeper since 3.6
// answers in, takes random ports and sleeps for seconds. The names are those
// that the tests use; server_java_test.go starts the processes, as always.

package zk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	_testConfigName   = "zoo.cfg"
	_testMyIDFileName = "myid"
)

type TestServer struct {
	Port int
	Srv  *server
}

type TestCluster struct {
	Config  ServerConfig
	Servers []TestServer
}

func StartTestCluster(t *testing.T, size int, stdout, stderr io.Writer) (*TestCluster, error) {
	t.Helper()
	ports := freePorts(t, 3*size)
	tc := &TestCluster{}
	for i := 0; i < size; i++ {
		tc.Config.Servers = append(tc.Config.Servers, ServerConfigServer{
			ID: i + 1, Host: "127.0.0.1", PeerPort: ports[3*i+1], LeaderElectionPort: ports[3*i+2],
		})
	}
	for i := 0; i < size; i++ {
		tc.Config.ClientPort, tc.Config.DataDir = ports[3*i], t.TempDir()
		var text bytes.Buffer
		requireNoErrorf(t, tc.Config.Marshall(&text))
		path := filepath.Join(tc.Config.DataDir, _testConfigName)
		requireNoErrorf(t, os.WriteFile(path, text.Bytes(), 0o600))
		requireNoErrorf(t, os.WriteFile(filepath.Join(tc.Config.DataDir, _testMyIDFileName), []byte(fmt.Sprint(i+1)), 0o600))
		srv, err := NewIntegrationTestServer(t, path, stdout, stderr)
		requireNoErrorf(t, err)
		requireNoErrorf(t, srv.Start())
		tc.Servers = append(tc.Servers, TestServer{ports[3*i], srv})
	}
	if err := tc.wait(true); err != nil {
		tc.Stop()
		return nil, err
	}
	return tc, nil
}

// freePorts finds ports that nobody listens on.
func freePorts(t *testing.T, n int) (ports []int) {
	for i := 0; i < n; i++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		requireNoErrorf(t, err)
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// wait waits until all servers serve, or none accepts connections any more.
func (tc *TestCluster) wait(up bool) error {
	end := time.Now().Add(3 * time.Minute) // the machine may be busy
	for _, s := range tc.Servers {
		for s.serves(up) != up {
			if time.Now().After(end) {
				return fmt.Errorf("port %d, serving: %v", s.Port, !up)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// serves tells whether a server serves, or else just accepts connections.
func (s TestServer) serves(really bool) bool {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	if !really {
		return true
	}
	conn.SetDeadline(time.Now().Add(time.Second))
	io.WriteString(conn, "srvr")
	answer, _ := io.ReadAll(conn)
	return bytes.Contains(answer, []byte("Mode: "))
}

func (tc *TestCluster) hosts() (hosts []string) {
	for _, s := range tc.Servers {
		hosts = append(hosts, fmt.Sprintf("127.0.0.1:%d", s.Port))
	}
	return hosts
}

func (tc *TestCluster) Connect(i int) (*Conn, <-chan Event, error) {
	return Connect(tc.hosts()[i:i+1], 15*time.Second)
}

func (tc *TestCluster) ConnectAll() (*Conn, <-chan Event, error) {
	return tc.ConnectAllTimeout(15 * time.Second)
}

func (tc *TestCluster) ConnectAllTimeout(timeout time.Duration) (*Conn, <-chan Event, error) {
	return tc.ConnectWithOptions(timeout)
}

func (tc *TestCluster) ConnectWithOptions(timeout time.Duration, options ...connOption) (*Conn, <-chan Event, error) {
	return Connect(tc.hosts(), timeout, options...)
}

func (tc *TestCluster) Stop() error { return tc.StopAllServers() }

func (tc *TestCluster) StopAllServers() error {
	for _, s := range tc.Servers {
		s.Srv.Stop() // it is killed, and says so
	}
	return tc.wait(false)
}

func (tc *TestCluster) StartAllServers() error {
	for _, s := range tc.Servers {
		if err := s.Srv.Start(); err != nil {
			return err
		}
	}
	return tc.wait(true)
}

func (tc *TestCluster) StartServer(address string) { tc.server(address).Start() }

func (tc *TestCluster) StopServer(address string) { tc.server(address).Stop() }

func (tc *TestCluster) server(address string) *server {
	for _, s := range tc.Servers {
		if strings.HasSuffix(address, fmt.Sprintf(":%d", s.Port)) {
			return s.Srv
		}
	}
	panic(errors.New("no server has the address " + address))
}

func requireNoErrorf(t *testing.T, err error, message ...interface{}) {
	t.Helper()
	if err != nil {
		t.Fatal(append(message, err)...)
	}
}
