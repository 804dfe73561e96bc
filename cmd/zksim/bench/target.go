package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// target is a server that is measured.
type target struct {
	name  string // "simulator" or "ZooKeeper"
	about string
	addr  string
	pid   int           // 0 if it cannot be found out
	start time.Duration // from nothing to serving; 0 if it ran already
	owned bool          // ends with this program, so nothing has to be cleaned up at the end
	root  string        // everything the benchmark creates is below it
	stop  func() error
}

// running is a server that somebody else has started.
func running(name, addr string) *target {
	return &target{name: name, about: "at " + addr, addr: addr, pid: listenerPID(addr), stop: func() error { return nil }}
}

// startSimulator runs this program once more, as a simulator.
func startSimulator(profile string) (*target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	cmd := exec.Command(self, "-serve", "-profile", profile)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // its end is the signal to stop, even if this process is killed
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() error { return errors.Join(in.Close(), cmd.Wait()) }
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the simulator's process does not start: %w", err), stop())
	}
	return &target{
		name: "simulator", about: "memserver in a process of its own", addr: strings.TrimSpace(addr),
		pid: cmd.Process.Pid, start: time.Since(begin), owned: true, stop: stop,
	}, nil
}

// serve is what startSimulator starts: it says its address and runs until its input ends.
func serve(profile string, in io.Reader, out io.Writer) (err error) {
	srv, err := memserver.New()
	if err != nil {
		return err
	}
	defer srv.Close()
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		return err
	}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	fmt.Fprintln(out, srv.Addr())
	_, err = io.Copy(io.Discard, in)
	return err
}

// startReal starts the newest ZooKeeper, or the newest of the line that version names.
func startReal(ctx context.Context, version string) (*target, error) {
	install, err := realserver.Find(version)
	if err != nil {
		return nil, err
	}
	dir, err := tempDir()
	if err != nil {
		return nil, err
	}
	jvm := []string{"-Xmx4g"} // and everything else as the JVM decides for this machine
	begin := time.Now()
	srv, err := realserver.Start(ctx, install, func(o *realserver.Options) {
		o.JVM = jvm
		o.Dir = dir
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &target{
		name:  "ZooKeeper",
		about: fmt.Sprintf("%s (%s), %s, forceSync=no, data in %s", install.Version, install.Source, strings.Join(jvm, " "), filepath.Dir(dir)),
		addr:  srv.Addr(), pid: srv.PID(), start: time.Since(begin), owned: true,
		stop: func() error { return errors.Join(srv.Close(), os.RemoveAll(dir)) },
	}, nil
}

// tempDir is in memory where that is possible.
func tempDir() (string, error) {
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err == nil && info.IsDir() {
		if dir, err := os.MkdirTemp(memory, "zksim-bench-"); err == nil {
			return dir, nil
		}
	}
	return os.MkdirTemp("", "zksim-bench-")
}

const (
	keyCount = 1000
	dataSize = 100
)

// prepare creates what the rows read and write.
func (t *target) prepare() error {
	t.root = fmt.Sprintf("/zksim-bench-%d", os.Getpid())
	c, err := dial(t.addr, 16<<10)
	if err != nil {
		return err
	}
	defer c.close()
	for _, path := range []string{t.root, t.root + "/k"} {
		if err := c.do(createOp(path, nil)); err != nil {
			return err
		}
	}
	data := make([]byte, dataSize)
	keys := newNames(t.root + "/k/")
	return c.each(keyCount, func(i int) wire.Op { return createOp(keys.at(i), data) })
}

// clean removes everything below root from a server that lives on.
func (t *target) clean() error {
	if t.owned || t.root == "" {
		return nil
	}
	c, err := dial(t.addr, 16<<10)
	if err != nil {
		return err
	}
	defer c.close()
	return removeTree(c, t.root)
}

func removeTree(c *raw, path string) error {
	c.add(wire.Op{Type: zkapi.OpGetChildren, Path: path})
	if err := c.flush(); err != nil {
		return err
	}
	h, body, err := c.reply()
	if err != nil || h.Err == zkapi.ErrNoNode {
		return err
	}
	var p wire.Reply
	copied := wire.NewReader(body.Rest())
	p.Read(&copied, zkapi.OpGetChildren)
	if copied.Err() != nil {
		return copied.Err()
	}
	// Most children have no children of their own; those that have are found by trying.
	var full []string
	i, next := 0, 0
	_, err = c.pipelineReplies(256, func() bool {
		if i == len(p.Children) {
			return false
		}
		c.add(deleteOp(path + "/" + p.Children[i]))
		i++
		return true
	}, func(code zkapi.Code) error {
		if code == zkapi.ErrNotEmpty {
			full = append(full, path+"/"+p.Children[next])
		}
		next++
		return nil
	})
	if err != nil {
		return err
	}
	for _, child := range full {
		if err := removeTree(c, child); err != nil {
			return err
		}
	}
	return c.do(deleteOp(path))
}
