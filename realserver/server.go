package realserver

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server is a real ZooKeeper server, standalone, in a process of its own. All methods may be called
// from any goroutine.
type Server struct {
	install Install
	options Options
	dir     string
	ownDir  bool // Close removes it
	port    int

	mu   sync.Mutex // held while the process is changed
	proc *process
	log  *serverLog
}

// Start starts a server and returns when it serves. The context bounds the start only, to a minute if it
// has no deadline; the server runs until [Server.Close].
func Start(ctx context.Context, in Install, opts ...func(*Options)) (*Server, error) {
	s := &Server{install: in, options: newOptions(opts)}
	if err := s.makeDir(); err != nil {
		return nil, fmt.Errorf("realserver: %w", err)
	}
	// Between the moment a free port is picked and the moment the server binds it, somebody else may
	// take it.
	const tries = 5
	var err error
	for range tries {
		if s.port, err = freePort(); err != nil {
			break
		}
		if err = s.launch(ctx); err == nil {
			return s, nil
		}
		if !strings.Contains(s.Log(), bindText) {
			break
		}
	}
	return nil, errors.Join(err, s.Close())
}

// Addr returns the address for clients, such as 127.0.0.1:41234. It stays the same over Restart.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Version returns the server's version, such as 3.9.6.
func (s *Server) Version() string { return s.install.Version }

// PID returns the process id of the server, or of its last run if it has ended.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc.cmd.Process.Pid
}

// Log returns what the server has logged since it was last started; of much output, the end.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.log == nil {
		return ""
	}
	return s.log.String()
}

// Stop asks the server to shut down (SIGTERM) and waits until it has. Its data stays for Restart.
// Stopping a server that does not run is fine.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopLocked()
}

// Kill ends the server with no warning (SIGKILL), as a crash does. Its data stays for Restart.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil || !s.proc.running() {
		return nil
	}
	return s.proc.kill()
}

// Restart starts the server again on its data and its port, after stopping it if it runs. To restart
// from a crash, Kill first. The context bounds the start.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.launch(ctx)
}

// Close stops the server and removes the data folder, if Start made it.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.stopLocked()
	if s.ownDir {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

func (s *Server) stopLocked() error {
	if s.proc == nil || !s.proc.running() {
		return nil
	}
	return s.proc.stop()
}

func (s *Server) makeDir() (err error) {
	if s.options.Dir == "" {
		s.ownDir = true
		s.dir, err = os.MkdirTemp("", "zksim-zookeeper-")
		return err
	}
	if s.dir, err = filepath.Abs(s.options.Dir); err != nil {
		return err
	}
	return os.MkdirAll(s.dir, 0o700)
}

// launch starts the JVM and waits until it serves. A server that does not come up is killed.
func (s *Server) launch(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	args, err := s.commandLine()
	if err != nil {
		return fmt.Errorf("realserver: %w", err)
	}
	log := newServerLog()
	proc, err := startProcess(s.install.Java, args, s.dir, log)
	if err != nil {
		return fmt.Errorf("realserver: %w", err)
	}
	s.proc, s.log = proc, log
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("not ready after %v", startLimit))
		defer cancel()
	}
	if err := s.awaitReady(ctx); err != nil {
		return errors.Join(log.failed(err), proc.kill())
	}
	return nil
}

// commandLine writes the server's configuration and returns the arguments of the JVM.
func (s *Server) commandLine() ([]string, error) {
	config := filepath.Join(s.dir, "zoo.cfg")
	var text bytes.Buffer
	if err := s.options.writeConfig(&text, filepath.Join(s.dir, "data"), s.port); err != nil {
		return nil, err
	}
	if err := os.WriteFile(config, text.Bytes(), 0o600); err != nil {
		return nil, err
	}
	args, err := loggerFlags(s.dir)
	if err != nil {
		return nil, err
	}
	args = append(args, s.options.JVM...)
	args = append(args, s.options.properties()...)
	return append(args,
		"-cp", strings.Join(s.install.Classpath, string(os.PathListSeparator)),
		"org.apache.zookeeper.server.ZooKeeperServerMain", config), nil
}

// awaitReady waits for the log line of a server that is up, then has it confirm. The ticker is for
// installs whose logger does not heed us: a silent server is asked now and then.
func (s *Server) awaitReady(ctx context.Context) error {
	silent := time.NewTicker(3 * time.Second)
	defer silent.Stop()
	for {
		select {
		case <-s.proc.done:
			return fmt.Errorf("it ended: %w", cmp.Or(s.proc.err, errors.New("exit status 0")))
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.log.ready:
			return s.confirm(ctx)
		case <-silent.C:
			if s.confirm(ctx) == nil {
				return nil
			}
		}
	}
}

// confirm asks the server whether it serves. The limit matters: a connection that a server accepts in a
// certain moment of its start, before it has put its parts together, is never answered.
func (s *Server) confirm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	answer, err := FourLetterWord(ctx, s.Addr(), "srvr")
	if err == nil && !strings.Contains(answer, "\nMode: ") {
		err = fmt.Errorf("it answers srvr with %q", answer)
	}
	return err
}

// FourLetterWord sends one of ZooKeeper's four-letter commands, such as srvr or mntr, and returns the
// answer.
func FourLetterWord(ctx context.Context, addr, word string) (string, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := io.WriteString(conn, word); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// startLimit is how long a server may take to start on a machine that is busy with other tests.
const startLimit = time.Minute

// freePort picks a port that nobody uses now. ZooKeeper itself could pick one, but does not tell which.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
