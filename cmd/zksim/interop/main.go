package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// config is what the command line says.
type config struct {
	real, sim bool
	addr      string
	version   string
	clients   []string
	json      bool
	verbose   bool
	strict    bool
	timeout   time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 all is the same, 1 something differs or failed, 2 wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return complain(stderr, 2, err)
	}
	all, err := interop(ctx, cfg, stdout, stderr)
	if err != nil {
		return complain(stderr, 1, err)
	}
	for _, r := range all {
		if !r.ok(cfg.strict) {
			return 1
		}
	}
	return 0
}

// complain says on one line what is wrong, and returns the status.
func complain(stderr io.Writer, status int, err error) int {
	fmt.Fprintf(stderr, "interop: %s\n", strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
	return status
}

func parseFlags(args []string, stderr io.Writer) (config, error) {
	var cfg config
	var only string
	flags := flag.NewFlagSet("interop", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are printed once, by run
	flags.BoolVar(&cfg.real, "real", false, "run on a real ZooKeeper")
	flags.BoolVar(&cfg.sim, "sim", false, "run on zksim, built from this source")
	flags.StringVar(&cfg.addr, "addr", "", "run on the server at `HOST:PORT`")
	flags.StringVar(&cfg.version, "version", "3.9", "the ZooKeeper to start and the one zksim imitates: 3.8, 3.9, or an exact `version`")
	flags.StringVar(&only, "client", "", "only these clients: a comma-separated `list` of "+strings.Join(clientNames(), ", "))
	flags.BoolVar(&cfg.json, "json", false, "print JSON")
	flags.BoolVar(&cfg.verbose, "v", false, "print all lines of the clients, not only those that differ")
	flags.BoolVar(&cfg.strict, "strict", false, "a client that is skipped is a failure")
	flags.DurationVar(&cfg.timeout, "timeout", 3*time.Minute, "the time each client may take on each server")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stderr)
			flags.PrintDefaults()
		}
		return cfg, err
	}
	if flags.NArg() > 0 {
		return cfg, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if _, _, err := net.SplitHostPort(cfg.addr); cfg.addr != "" && err != nil {
		return cfg, fmt.Errorf("-addr %s: want HOST:PORT", cfg.addr)
	}
	if cfg.timeout <= 0 {
		return cfg, fmt.Errorf("-timeout %v: want more than 0", cfg.timeout)
	}
	if only != "" {
		cfg.clients = strings.Split(only, ",")
	}
	if !cfg.real && !cfg.sim && cfg.addr == "" {
		cfg.real, cfg.sim = true, true
	}
	_, err := chooseClients(cfg.clients)
	return cfg, err
}

// interop runs the chosen clients on the chosen servers, the first of which is the reference. It prints
// each client's result when it is there, or all of them at the end as JSON.
func interop(ctx context.Context, cfg config, stdout, stderr io.Writer) ([]result, error) {
	sides, cleanup, err := chooseSides(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer cleanup()
	clients, err := chooseClients(cfg.clients)
	if err != nil {
		return nil, err
	}
	cache, err := openCache(stderr)
	if err != nil {
		return nil, err
	}
	all := []result{}
	for _, c := range clients {
		r := c.onAll(ctx, sides, cache, cfg.timeout)
		if ctx.Err() != nil {
			return nil, errors.New("interrupted")
		}
		all = append(all, r)
		if !cfg.json {
			r.print(stdout, cfg.verbose)
		}
	}
	if cfg.json {
		return all, printJSON(stdout, all)
	}
	printPairings(stdout, pairings(all))
	return all, nil
}
