package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
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
	jvm   bool          // the process keeps the memory that it has once had, and uses that first
	root  string        // everything the benchmark creates is below it
	keys  []string      // nodes of dataSize bytes
	stop  func() error
}

// running is a server that somebody else has started.
func running(name, addr string, jvm bool) *target {
	return &target{name: name, about: "at " + addr, addr: addr, pid: listenerPID(addr), jvm: jvm, stop: func() error { return nil }}
}

// startSimulator builds zksim and runs it. With a profile, or away from the source, it runs this
// program once more instead, which serves the same.
func startSimulator(ctx context.Context, profile string, progress func(string, ...any)) (*target, error) {
	dir, err := os.MkdirTemp("", "zksim-bench-")
	if err != nil {
		return nil, err
	}
	t, err := startIn(ctx, dir, profile, progress)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop := t.stop
	t.stop = func() error { return errors.Join(stop(), os.RemoveAll(dir)) }
	return t, nil
}

func startIn(ctx context.Context, dir, profile string, progress func(string, ...any)) (*target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	about, args := "memserver in a process of its own", []string{self, "-serve", "-profile", profile}
	if profile == "" {
		binary := filepath.Join(dir, "zksim")
		build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/zksim/zksim/cmd/zksim")
		if out, err := build.CombinedOutput(); err != nil {
			progress("zksim cannot be built here: %v: %s", err, bytes.TrimSpace(out))
		} else {
			about, args = "zksim in a process of its own", []string{binary, "--listen", "127.0.0.1:0", "--http", "off", "--set", "maxClientCnxns=0"}
		}
	}
	begin := time.Now()
	p, line, err := startProcess(args)
	if err != nil {
		return nil, err
	}
	m := readyLine.FindStringSubmatch(line)
	if m == nil {
		return nil, errors.Join(fmt.Errorf("the simulator says %q and not that it is ready", line), p.stop())
	}
	return &target{
		name: "simulator", about: about, addr: m[1], pid: p.cmd.Process.Pid, start: time.Since(begin), owned: true, stop: p.stop,
	}, nil
}

var readyLine = regexp.MustCompile(`^zksim: ready clients=(\S+)`)

// process is a program that runs until it is told to stop, or this one ends.
type process struct {
	cmd  *exec.Cmd
	done chan error
}

// startProcess returns when the program has printed a line.
func startProcess(args []string) (*process, string, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr = dieWithParent()
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ZKSIM_") { // which are zksim's flags
			cmd.Env = append(cmd.Env, v)
		}
	}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	p := &process{cmd: cmd, done: make(chan error, 1)}
	started := make(chan error)
	line := make(chan string, 1)
	go func() {
		// The kernel watches the thread that has started a process, so that one stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		r := bufio.NewReader(out)
		first, err := r.ReadString('\n')
		if err != nil {
			first = "" // it has ended
		}
		line <- first
		_, err = io.Copy(io.Discard, r)
		p.done <- errors.Join(err, cmd.Wait())
	}()
	if err := <-started; err != nil {
		return nil, "", err
	}
	first := <-line
	if first == "" {
		return nil, "", fmt.Errorf("%s does not start: %w\n%s", args[0], <-p.done, &complaints)
	}
	return p, first, nil
}

func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil { // a system without signals
		return errors.Join(p.cmd.Process.Kill(), <-p.done)
	}
	return <-p.done
}

// serve is what startSimulator starts if that is not zksim.
func serve(ctx context.Context, profile string, out io.Writer) error {
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
	fmt.Fprintln(out, "zksim: ready clients="+srv.Addr())
	<-ctx.Done()
	return nil
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
		addr:  srv.Addr(), pid: srv.PID(), start: time.Since(begin), owned: true, jvm: true,
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
	c, err := dial(t.addr, 16<<10)
	if err != nil {
		return err
	}
	defer c.close()
	t.root = fmt.Sprintf("/zksim-bench-%d-%s", os.Getpid(), t.name)
	for _, path := range []string{t.root, t.root + "/k"} {
		if err := c.do(createOp(path, nil)); err != nil {
			return err
		}
	}
	data := make([]byte, dataSize)
	t.keys = make([]string, keyCount)
	for i := range t.keys {
		t.keys[i] = fmt.Sprintf("%s/k/%08d", t.root, i)
	}
	return c.each(keyCount, func(i int) wire.Op { return createOp(t.keys[i], data) })
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
