package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"syscall"
	"unsafe"
)

// dieWithParent has the kernel end a process when the thread that has started it ends.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// canStayAwake tells whether stayAwake works here.
const canStayAwake = true

// stayAwake keeps all processors from going to sleep until the context ends: a loop on each of them
// gets the time that nobody else wants.
func stayAwake(ctx context.Context, out io.Writer) error {
	debug.SetGCPercent(-1) // nothing here may stop the loops
	failed := make(chan error, runtime.NumCPU())
	for range runtime.NumCPU() {
		go func() {
			runtime.LockOSThread()
			failed <- wantOnlyIdleTime()
			for { //nolint:staticcheck // that is what it is for
			}
		}()
	}
	for range runtime.NumCPU() {
		if err := <-failed; err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "awake")
	<-ctx.Done()
	return nil
}

// wantOnlyIdleTime gives the thread the policy that yields to everything else at once.
func wantOnlyIdleTime() error {
	const schedIdle = 5
	var priority int32
	if _, _, errno := syscall.Syscall(syscall.SYS_SCHED_SETSCHEDULER, 0, schedIdle, uintptr(unsafe.Pointer(&priority))); errno != 0 {
		return fmt.Errorf("sched_setscheduler: %w", errno)
	}
	return nil
}
