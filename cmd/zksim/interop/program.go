package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/zksim/zksim/cmd/zksim/interop/proxy"
)

// line is one result of a program.
type line struct {
	Name   string `json:"name"`
	Result string `json:"result"`
}

// program is a client's program, ready to run.
type program interface {
	// start runs it; it reads answers and writes lines. wait returns when it has ended, with an error
	// that holds what it said about its failure.
	start(ctx context.Context, args []string, answers io.Reader) (lines io.Reader, wait func() error, err error)
}

// command is a program in a process of its own.
type command struct {
	args []string
	env  []string // added to the runner's environment
}

func (c command) start(ctx context.Context, args []string, answers io.Reader) (io.Reader, func() error, error) {
	cmd := exec.CommandContext(ctx, c.args[0], append(c.args[1:len(c.args):len(c.args)], args...)...)
	cmd.Env = append(cmd.Environ(), c.env...)
	cmd.Stdin = answers
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	complaint := &tail{limit: 4 << 10}
	cmd.Stderr = complaint
	lines, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	wait := func() error {
		if err := cmd.Wait(); err != nil {
			return errors.New(strings.TrimSpace(fmt.Sprintf("%v\n%s", err, complaint.text)))
		}
		return nil
	}
	return lines, wait, nil
}

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	text  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if over := len(t.text) - t.limit; over > 0 {
		t.text = t.text[over:]
	}
	return len(p), nil
}

// runProgram runs a program on a server and returns what it printed, also where it failed after a while.
func runProgram(ctx context.Context, p program, addr, root string, reaper bool) ([]line, error) {
	through, err := proxy.New(addr)
	if err != nil {
		return nil, err
	}
	defer through.Close()
	args := []string{through.Addr(), addr, root}
	if reaper {
		args = append(args, "reaper")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers, answer := io.Pipe()
	out, wait, err := p.start(ctx, args, answers)
	if err != nil {
		return nil, err
	}
	lines, err := converse(through, out, answer, root)
	answer.Close()
	if err != nil {
		cancel() // it may wait for an answer that will not come
	}
	return lines, errors.Join(err, wait())
}

// converse reads what a program prints, carrying out the orders in it, until it ends.
func converse(through *proxy.Proxy, out io.Reader, answer io.Writer, root string) ([]line, error) {
	var lines []line
	seen := map[string]bool{}
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		text := strings.TrimRight(strings.ReplaceAll(scanner.Text(), root, "/i"), "\r")
		if order, ok := strings.CutPrefix(text, "@"); ok {
			reply, err := obey(through, order)
			if err != nil {
				return lines, fmt.Errorf("@%s: %w", order, err)
			}
			if _, err := io.WriteString(answer, reply+"\n"); err != nil {
				return lines, fmt.Errorf("@%s: the program does not read the answer: %w", order, err)
			}
			continue
		}
		name, result, ok := strings.Cut(text, ": ")
		if !ok || seen[name] {
			return lines, fmt.Errorf("the program printed %q, not a new name and a result", text)
		}
		seen[name] = true
		lines = append(lines, line{name, result})
	}
	return lines, scanner.Err()
}

// obey carries out an order and returns the answer.
func obey(through *proxy.Proxy, order string) (string, error) {
	verb, arg, _ := strings.Cut(order, " ")
	switch verb {
	case "cut":
		through.Cut()
	case "hold":
		through.Hold()
	case "release":
		through.Release()
	case "expire":
		// Programs print the id as their library has it: some as a signed number, some not.
		id, err := strconv.ParseUint(strings.TrimPrefix(arg, "0x"), 16, 64)
		if err != nil {
			return "", err
		}
		if err := through.Expire(int64(id)); err != nil {
			return "", err
		}
	case "negotiated":
		return strconv.Itoa(int(through.Last().Timeout)), nil
	default:
		return "", errors.New("no such order")
	}
	return "ok", nil
}
