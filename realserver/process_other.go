//go:build !linux

package realserver

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }

// awaitStopped cannot wait here: the process stops a moment later.
func awaitStopped(int) error { return nil }
