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
	"strings"
	"syscall"
	"time"

	"github.com/zksim/zksim/realserver"
)

// side is a kind of server that clients are run on.
type side struct {
	name string
	// start gives a client its server. Where we start it, it is a new one: nothing another client did
	// can show.
	start  func(ctx context.Context) (server, error)
	shared bool // it is not ours: others may use it, too
}

type server struct {
	addr string
	stop func() error
}

// settings are what a client needs of the server, under ZooKeeper's own names: TTL nodes, and a reaper of
// them and of empty containers that a program can wait for.
var settings = map[string]string{
	"4lw.commands.whitelist":          "*",
	"extendedTypesEnabled":            "true",
	"znode.container.checkIntervalMs": "100",
}

// chooseSides returns the sides that the command line asks for, the reference first.
func chooseSides(ctx context.Context, cfg config) ([]side, func(), error) {
	var sides []side
	cleanup := func() {}
	if cfg.real {
		install, err := realserver.Find(cfg.version)
		if err != nil {
			return nil, nil, err
		}
		start := func(ctx context.Context) (server, error) { return startReal(ctx, install) }
		sides = append(sides, side{name: "ZooKeeper " + install.Version, start: start})
	}
	if cfg.sim {
		binary, remove, err := buildSim(ctx)
		if err != nil {
			return nil, nil, err
		}
		cleanup = remove
		start := func(ctx context.Context) (server, error) { return startSim(ctx, binary, cfg.version) }
		sides = append(sides, side{name: "zksim", start: start})
	}
	if cfg.addr != "" {
		start := func(context.Context) (server, error) {
			return server{addr: cfg.addr, stop: func() error { return nil }}, nil
		}
		sides = append(sides, side{name: cfg.addr, start: start, shared: true})
	}
	return sides, cleanup, nil
}

func startReal(ctx context.Context, install realserver.Install) (server, error) {
	srv, err := realserver.Start(ctx, install, func(o *realserver.Options) {
		for key, value := range settings {
			o.Config[key] = value
		}
	})
	if err != nil {
		return server{}, err
	}
	return server{addr: srv.Addr(), stop: srv.Close}, nil
}

// buildSim compiles zksim. Only the go command knows where its source is, so this has to be run from
// within the module.
func buildSim(ctx context.Context) (binary string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "zksim-interop-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	binary = filepath.Join(dir, "zksim.exe") // the name matters to Windows only
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/zksim/zksim/cmd/zksim")
	if out, err := build.CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("go build zksim: %w\n%s", err, bytes.TrimSpace(out))
	}
	return binary, remove, nil
}

// simArgs is the command line of a zksim that imitates a ZooKeeper version.
func simArgs(version string) []string {
	args := []string{"serve", "--listen", "127.0.0.1:0", "--http", "off"}
	if parts := strings.Split(version, "."); len(parts) >= 2 {
		args = append(args, "--compat", parts[0]+"."+parts[1])
	}
	for key, value := range settings {
		args = append(args, "--set", key+"="+value)
	}
	return args
}

func startSim(ctx context.Context, binary, version string) (server, error) {
	cmd := exec.Command(binary, simArgs(version)...)
	complaint := &tail{limit: 4 << 10}
	cmd.Stderr = complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		return server{}, err
	}
	if err := cmd.Start(); err != nil {
		return server{}, err
	}
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
	lines := bufio.NewReader(out)
	ready, err := lines.ReadString('\n')
	addr, ok := readyAddr(ready)
	if err != nil || !ok {
		_ = cmd.Process.Kill()
		return server{}, fmt.Errorf("zksim did not start: it said %q, %w, %s", ready, errors.Join(err, cmd.Wait()), complaint.text)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }() // ends with the process
	return server{addr: addr, stop: func() error { return stopSim(cmd, complaint) }}, nil
}

// readyAddr reads the line zksim prints when it is ready.
func readyAddr(line string) (string, bool) {
	for field := range strings.FieldsSeq(line) {
		if addr, ok := strings.CutPrefix(field, "clients="); ok && strings.HasPrefix(line, "zksim: ready ") {
			return addr, true
		}
	}
	return "", false
}

func stopSim(cmd *exec.Cmd, complaint *tail) error {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("zksim ended with %w\n%s", err, complaint.text)
	}
	return nil
}
