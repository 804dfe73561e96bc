package main

import "syscall"

// dieWithParent has the kernel end a process when the thread that has started it ends.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
