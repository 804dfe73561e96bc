package realserver

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is one run of a server's JVM.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how it ended; read it after done
}

// startProcess starts a program. It calls ended after the process has.
func startProcess(path string, args []string, dir string, out io.Writer, ended func()) (*process, error) {
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = dieWithParent()
	cmd.WaitDelay = time.Second // should the JVM leave a child that holds the pipe

	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Pdeathsig counts the death of this thread, not of the process, so it stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
			ended()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stopGrace is how long a server may take to end when asked.
const stopGrace = 20 * time.Second

// stop asks the process to end, and waits.
func (p *process) stop(paused bool) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return p.kill() // gone already, or a system that cannot ask
	}
	if paused { // then the question waits
		if err := p.resume(); err != nil {
			return errors.Join(err, p.kill())
		}
	}
	late := time.NewTimer(stopGrace)
	defer late.Stop()
	select {
	case <-p.done:
		return nil
	case <-late.C:
		return errors.Join(errors.New("realserver: the server did not end when asked, and was killed"), p.kill())
	}
}

// kill ends the process at once, and waits.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	<-p.done
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
