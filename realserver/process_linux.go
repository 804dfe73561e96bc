package realserver

import (
	"os"
	"syscall"
	"unsafe"
)

// dieWithParent has the kernel kill the server when the thread that started it ends. [startProcess]
// keeps that thread for as long as the server runs, so it ends with this process and not before.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// awaitStopped returns when all threads of a child have stopped, or when it has ended, without taking
// the news from whoever waits for its end.
func awaitStopped(pid int) error {
	const (
		byPID   = 1          // P_PID
		stopped = 0x2        // WSTOPPED
		exited  = 0x4        // WEXITED
		noWait  = 0x01000000 // WNOWAIT
	)
	var info [128]byte // siginfo_t
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, byPID, uintptr(pid),
			uintptr(unsafe.Pointer(&info)), stopped|exited|noWait, 0, 0)
		switch errno {
		case 0, syscall.ECHILD: // the latter: it has ended, and somebody knows
			return nil
		case syscall.EINTR:
		default:
			return os.NewSyscallError("waitid", errno)
		}
	}
}
