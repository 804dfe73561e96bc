//go:build unix

package realserver

import "syscall"

// pause stops the process and returns when it stands still.
func (p *process) pause() error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return awaitStopped(p.cmd.Process.Pid)
}

func (p *process) resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }
