package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// What /proc tells. Where there is none, or the process belongs to somebody else, everything is 0
// and the rows that need it stay empty.

// clockTick is the unit of times in /proc on every Linux that Go supports.
const clockTick = 10 * time.Millisecond

// cpuTime is what a process has used so far, in user and in system mode.
func cpuTime(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil || pid == 0 {
		return 0
	}
	// The name, in parentheses, may contain anything. utime and stime are fields 14 and 15.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 13 {
		return 0
	}
	return time.Duration(number(f[11])+number(f[12])) * clockTick
}

// residentBytes is the memory that a process occupies.
func residentBytes(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil || pid == 0 {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if size, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return number(strings.Fields(size)[0]) << 10
		}
	}
	return 0
}

// machineTime is the CPU time of the whole machine: what was used, by programs here or by other
// virtual machines, and what there was.
func machineTime() (used, all time.Duration) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	for i, f := range strings.Fields(line) {
		if i == 0 || i > 8 { // "cpu"; guests' time is part of user
			continue
		}
		t := time.Duration(number(f)) * clockTick
		all += t
		if i != 4 && i != 5 { // idle, iowait
			used += t
		}
	}
	return used, all
}

// grown is how much memory a process has taken since it had before, for each of n; missing if that
// cannot be told.
func grown(pid int, before int64, n int) float64 {
	if more := residentBytes(pid) - before; more > 0 && before > 0 {
		return float64(more) / float64(n)
	}
	return missing
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(b)); err == nil && len(f) > 2 {
		return strings.Join(f[:3], " ")
	}
	return ""
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// listenerPID finds the process that listens on an address of this machine; 0 if it cannot.
func listenerPID(addr string) int {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0
	}
	inode := listenerInode(fmt.Sprintf(":%04X", number(port)))
	if inode == "" {
		return 0
	}
	fds, err := filepath.Glob("/proc/[0-9]*/fd/[0-9]*")
	if err != nil {
		return 0
	}
	for _, fd := range fds {
		if target, err := os.Readlink(fd); err == nil && target == "socket:["+inode+"]" {
			return int(number(strings.Split(fd, "/")[2]))
		}
	}
	return 0
}

func listenerInode(port string) string {
	const listening = "0A"
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) > 9 && strings.HasSuffix(f[1], port) && f[3] == listening {
				return f[9]
			}
		}
	}
	return ""
}
