package realserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// Server is a real ZooKeeper server in a process of its own: standalone, or a member of an [Ensemble].
// All methods may be called from any goroutine.
type Server struct {
	install Install
	options Options
	dir     string
	ownDir  bool  // Close removes it
	port    *port // for clients
	quorum  *quorum
	news    *news // of this server; members of an ensemble share it

	mu     sync.Mutex // held while the process is changed
	proc   *process
	log    *serverLog
	paused bool
}

// Start starts a server and returns when it serves. The context bounds the start only, to three minutes
// if it has no deadline; the server runs until [Server.Close].
func Start(ctx context.Context, in Install, opts ...func(*Options)) (*Server, error) {
	ctx, cancel := limited(ctx, startLimit)
	defer cancel()
	s, err := newServer(in, newOptions(alone, opts), new(news))
	if err != nil {
		return nil, err
	}
	err = retryPorts(func() error { return s.startAnew(ctx) })
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// newServer makes a server that has not been started.
func newServer(in Install, o Options, n *news) (*Server, error) {
	s := &Server{install: in, options: o, news: n}
	if err := s.makeDir(); err != nil {
		return nil, fmt.Errorf("realserver: %w", err)
	}
	return s, nil
}

// errPortTaken is why a server did not start: between the moment its ports were picked and the moment
// it bound them, somebody else took one.
var errPortTaken = errors.New("a port that was free is taken")

// retryPorts starts something on other ports if it did not get those it wanted.
func retryPorts(start func() error) error {
	const tries = 5
	var err error
	for range tries {
		if err = start(); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

func (s *Server) startAnew(ctx context.Context) error {
	if err := s.newPort(); err != nil {
		return fmt.Errorf("realserver: %w", err)
	}
	if err := s.run(); err != nil {
		return err
	}
	err := s.WaitServing(ctx)
	if err != nil {
		err = errors.Join(err, s.Kill())
	}
	return err
}

// Addr returns the address for clients, such as 127.0.0.1:21234. It stays the same over Restart.
func (s *Server) Addr() string { return s.port.addr() }

// Version returns the server's version, such as 3.9.6.
func (s *Server) Version() string { return s.install.Version }

// ID returns the number of a member in its ensemble, from 1, as in the file myid. It is 0 for a server
// that stands alone.
func (s *Server) ID() int { return s.options.ID }

// Running tells whether the server has a process, paused or not.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs()
}

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
// Stopping a server that does not run is fine; one that is paused wakes up and shuts down.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopLocked()
}

// Kill ends the server with no warning (SIGKILL), as a crash does. Its data stays for Restart.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.runs() {
		return nil
	}
	s.paused = false
	return s.proc.kill()
}

// Pause stops the server in its tracks (SIGSTOP) and returns when it stands still. Its connections stay
// open, the system goes on accepting new ones and acknowledging what is sent to it, and nobody answers:
// so a server looks that has hung, or that a network has cut off. Windows has no such thing:
// errors.ErrUnsupported.
func (s *Server) Pause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.runs() {
		return errors.New("realserver: cannot pause a server that does not run")
	}
	if err := s.proc.pause(); err != nil {
		return fmt.Errorf("realserver: pausing: %w", err)
	}
	s.paused = true
	return nil
}

// Continue lets a paused server go on (SIGCONT). It answers what has been sent to it in the meantime, as
// far as it finds that still in time: sessions have expired by its own clock.
func (s *Server) Continue() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.continueLocked()
}

func (s *Server) continueLocked() error {
	if !s.runs() || !s.paused {
		return nil
	}
	if err := s.proc.resume(); err != nil {
		return fmt.Errorf("realserver: continuing: %w", err)
	}
	s.paused = false
	s.news.tell()
	return nil
}

// Restart starts the server again on its data and its port, after stopping it if it runs, and returns
// when it serves. To restart from a crash, Kill first. The context bounds the waiting, to three minutes
// if it has no deadline; a server that is not ready by then stays up.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	err := s.stopLocked()
	if err == nil {
		err = s.runLocked()
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.WaitServing(ctx)
}

// Close stops the server and removes the data folder, if Start made it.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.stopLocked()
	if s.ownDir {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return errors.Join(err, s.releasePorts())
}

func (s *Server) releasePorts() error {
	err := s.port.release()
	if s.quorum != nil {
		err = errors.Join(err, s.quorum.release())
	}
	return err
}

// runs tells whether there is a process, paused or not. s.mu is held.
func (s *Server) runs() bool { return s.proc != nil && s.proc.running() }

// awake returns the process and its log, or an error if it can answer nobody.
func (s *Server) awake() (*process, *serverLog, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.runs():
		return nil, nil, errors.New("the server does not run")
	case s.paused:
		return nil, nil, errors.New("the server is paused")
	}
	return s.proc, s.log, nil
}

func (s *Server) stopLocked() error {
	if !s.runs() {
		return nil
	}
	err := s.proc.stop(s.paused)
	s.paused = false
	return err
}

func (s *Server) makeDir() (err error) {
	if s.options.Dir == "" {
		s.ownDir = true
		s.dir, err = os.MkdirTemp("", "zksim-zookeeper-")
		return err
	}
	dir := s.options.Dir
	if s.options.ID > 0 {
		dir = filepath.Join(dir, strconv.Itoa(s.options.ID))
	}
	if s.dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	return os.MkdirAll(s.dir, 0o700)
}

// startLimit is how long a server may take to start on a machine that is busy with other tests.
const startLimit = 3 * time.Minute

// limited gives a context without a deadline one.
func limited(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done after %v", limit))
}
