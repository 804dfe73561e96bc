package realserver

import "syscall"

// dieWithParent has the kernel kill the server when the thread that started it ends. [startProcess]
// keeps that thread for as long as the server runs, so it ends with this process and not before.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
