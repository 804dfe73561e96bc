package realserver

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// newPort takes another client port and writes the configuration anew.
func (s *Server) newPort() error {
	if err := s.releasePorts(); err != nil {
		return err
	}
	var err error
	if s.port, err = s.options.reserve(); err != nil {
		return err
	}
	return s.writeFiles(nil)
}

// writeFiles writes what the server reads when it starts. That is done once, not on each start: a
// member whose ensemble was reconfigured notes the change in its own zoo.cfg.
func (s *Server) writeFiles(members map[string]string) error {
	data := filepath.Join(s.dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := s.options.writeConfig(&text, data, s.port.number, members); err != nil {
		return err
	}
	files := map[string][]byte{s.configFile(): text.Bytes()}
	if s.options.ID > 0 {
		files[filepath.Join(data, "myid")] = []byte(strconv.Itoa(s.options.ID))
	}
	for name, text := range loggerFiles {
		files[filepath.Join(s.dir, name)] = []byte(text)
	}
	for name, content := range files {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) configFile() string { return filepath.Join(s.dir, "zoo.cfg") }

// run starts the JVM.
func (s *Server) run() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runLocked()
}

func (s *Server) runLocked() error {
	log := newServerLog(s.options.ID > 0, s.news)
	proc, err := startProcess(s.install.Java, s.commandLine(), s.dir, log, s.news.tell)
	if err != nil {
		return fmt.Errorf("realserver: %w", err)
	}
	s.proc, s.log, s.paused = proc, log, false
	return nil
}

// commandLine returns the arguments of the JVM.
func (s *Server) commandLine() []string {
	main := "org.apache.zookeeper.server.ZooKeeperServerMain"
	if s.options.ID > 0 {
		main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
	}
	args := append(loggerFlags(s.dir), shareClasses(s.install, s.options.JVM)...)
	args = append(args, s.options.properties()...)
	return append(args, "-cp", strings.Join(s.install.Classpath, string(os.PathListSeparator)), main, s.configFile())
}

// WaitServing returns when the server serves clients: it has logged that it does, and has answered the
// four-letter word srvr with its mode. A member of an ensemble serves as leader, follower or observer,
// or in read-only mode where that is enabled. It is an error at once if the server does not run, or is
// paused, or ends. The context bounds the waiting, to three minutes if it has no deadline.
func (s *Server) WaitServing(ctx context.Context) error {
	ctx, cancel := limited(ctx, startLimit)
	defer cancel()
	proc, log, err := s.awake()
	if err != nil {
		return fmt.Errorf("realserver: %w", err)
	}
	if err := s.await(ctx, proc, log); err != nil {
		return log.failed(err)
	}
	return nil
}

// await waits for the log to tell that the server serves, then has it confirm. The ticker is for
// installs whose logger does not heed us, and for an answer that was lost: such a server is asked now
// and then.
func (s *Server) await(ctx context.Context, proc *process, log *serverLog) error {
	silent := time.NewTicker(time.Second)
	defer silent.Stop()
	var why error
	for ask := false; ; {
		changed := s.news.next()
		serving, taken := log.progress()
		switch {
		case taken:
			return errPortTaken
		case !proc.running():
			return fmt.Errorf("it ended: %w", cmp.Or(proc.err, errors.New("exit status 0")))
		case serving || ask:
			if _, why = s.Mode(ctx); why == nil {
				return nil
			}
		}
		select {
		case <-proc.done:
		case <-changed:
			ask = false
		case <-silent.C:
			ask = true
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), why)
		}
	}
}

// WaitIdle returns when the server serves no clients: a member that has lost its quorum, or a server that
// does not run. The context bounds the waiting, to three minutes if it has no deadline.
func (s *Server) WaitIdle(ctx context.Context) error {
	ctx, cancel := limited(ctx, startLimit)
	defer cancel()
	silent := time.NewTicker(time.Second)
	defer silent.Stop()
	for ask := false; ; {
		changed := s.news.next()
		proc, log, err := s.awake()
		if proc == nil && !s.Running() {
			return nil
		} else if err != nil {
			return fmt.Errorf("realserver: %w", err)
		}
		if serving, _ := log.progress(); !serving || ask {
			if answer, err := s.word(ctx, "srvr"); err == nil && field(answer, "Mode: ") == "" {
				return nil
			}
		}
		select {
		case <-changed:
			ask = false
		case <-silent.C:
			ask = true
		case <-ctx.Done():
			return fmt.Errorf("realserver: the server still serves: %w", context.Cause(ctx))
		}
	}
}
