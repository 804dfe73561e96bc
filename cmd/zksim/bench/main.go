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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(complain(os.Stderr, err))
}

// usageError is an error of whoever started bench.
type usageError struct{ error }

// complain says on one line what is wrong, and tells the exit status: 0 nothing, 1 something failed,
// 2 wrong usage.
func complain(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "bench: %s\n", strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; "))
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

// flags is the command line.
type flags struct {
	settings
	run, skip  *regexp.Regexp
	rounds     int
	warm, calm time.Duration
	list, json bool
	sim, real  string
	version    string
	profile    string
	serve      bool
	awake      bool
}

func parse(args []string, stderr io.Writer) (*flags, error) {
	f := &flags{run: regexp.MustCompile(""), skip: regexp.MustCompile("^$")}
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(io.Discard) // errors are printed once, by main
	expression := func(to **regexp.Regexp) func(string) error {
		return func(s string) (err error) {
			*to, err = regexp.Compile(s)
			return err
		}
	}
	set.Func("run", "run only scenarios whose name matches this `regexp`", expression(&f.run))
	set.Func("skip", "leave out scenarios whose name matches this `regexp`", expression(&f.skip))
	set.IntVar(&f.rounds, "rounds", 3, "rounds of each scenario; the longest have one")
	set.DurationVar(&f.time, "time", 1500*time.Millisecond, "length of one measurement")
	set.DurationVar(&f.warm, "warm", 20*time.Second, "traffic that ZooKeeper gets first, for its compiler")
	set.DurationVar(&f.calm, "calm", 0, "on a busy machine: let each scenario wait, and repeat rounds that were disturbed, for so long")
	set.Float64Var(&f.scale, "scale", 1, "multiply the `numbers` of nodes, sessions, watches and hours, for a try")
	set.BoolVar(&f.list, "list", false, "list the scenarios and end")
	set.BoolVar(&f.json, "json", false, "print JSON in place of the table")
	set.StringVar(&f.sim, "sim", "", "measure the simulator that runs at this `address`")
	set.StringVar(&f.real, "real", "", "measure the ZooKeeper that runs at this `address`; \"off\" for none")
	set.StringVar(&f.version, "zookeeper", "", "start this `version` of ZooKeeper, such as 3.9, in place of the newest")
	set.StringVar(&f.profile, "profile", "", "write a CPU profile of the simulator's process to this `file`")
	set.BoolVar(&f.serve, "serve", false, "be the simulator (bench starts itself with it)")
	set.BoolVar(&f.awake, "awake", false, "keep the processors from sleeping (bench starts itself with it)")
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		set.SetOutput(stderr)
		set.PrintDefaults()
		return nil, err
	case err != nil:
		return nil, usageError{err}
	case set.NArg() > 0:
		return nil, usageError{fmt.Errorf("unexpected argument %q", set.Arg(0))}
	case f.rounds < 1 || f.time <= 0 || f.scale <= 0 || f.scale > 1:
		return nil, usageError{errors.New("-rounds and -time must be positive, -scale over 0 and at most 1")}
	case f.sim != "" && !isAddress(f.sim):
		return nil, usageError{fmt.Errorf("-sim %s: want HOST:PORT", f.sim)}
	case f.real != "" && f.real != "off" && !isAddress(f.real):
		return nil, usageError{fmt.Errorf("-real %s: want HOST:PORT, or off", f.real)}
	}
	return f, checkProfile(f.profile)
}

func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return err == nil
}

// checkProfile makes sure that a profile has a place before the simulator, which writes it, is started.
func checkProfile(file string) error {
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return usageError{fmt.Errorf("-profile %w", err)}
	}
	return f.Close()
}

func scenarios() []scenario {
	// Sessions come first and the load last, so that what they say about memory is about their own.
	return slices.Concat(sessionScenarios(), requestScenarios(), watchScenarios(), localScenarios(), scalingScenarios(),
		[]scenario{loadScenario()})
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	f, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if f.serve {
		return serve(ctx, f.profile, stdout)
	}
	if f.awake {
		return stayAwake(ctx, stdout)
	}
	all := slices.DeleteFunc(scenarios(), func(s scenario) bool { return !f.run.MatchString(s.name) || f.skip.MatchString(s.name) })
	if len(all) == 0 {
		return usageError{fmt.Errorf("no scenario is called like %q and not like %q; -list lists them", f.run, f.skip)}
	}
	if f.list {
		for _, s := range all {
			fmt.Fprintf(stdout, "%-18s %s\n", s.name, s.about)
		}
		return nil
	}
	r := &runner{settings: f.settings, rounds: f.rounds, calm: f.calm, progress: func(format string, args ...any) {
		fmt.Fprintf(stderr, "bench: "+format+"\n", args...)
	}}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.start(ctx, f); err != nil {
		return err
	}
	if !f.json {
		r.printHeading(stdout)
	}
	var rows []row
	for _, s := range all {
		some, err := r.run(ctx, s)
		if err != nil {
			return err
		}
		if !f.json {
			for _, row := range some {
				printRow(stdout, row)
			}
		}
		rows = append(rows, some...)
	}
	if f.json {
		return r.report(stdout, rows)
	}
	fmt.Fprintf(stdout, "\n%s; load average %s\n", summary(rows), loadAverage())
	return nil
}

// start starts the servers, or finds those that run.
func (r *runner) start(ctx context.Context, f *flags) (err error) {
	if f.sim != "" {
		r.sim = running("simulator", f.sim, false)
	} else if r.sim, err = startSimulator(ctx, f.profile, r.progress); err != nil {
		return err
	}
	switch {
	case f.real == "off":
	case f.real != "":
		r.real = running("ZooKeeper", f.real, true)
	default:
		r.progress("starting ZooKeeper")
		if r.real, err = startReal(ctx, f.version); err != nil {
			r.real = nil
			r.progress("there is no ZooKeeper to compare with: %v", err)
		}
	}
	for _, t := range []*target{r.sim, r.real} {
		if t == nil {
			continue
		}
		if err := t.prepare(); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return r.warmUp(ctx, f.warm)
}

// warmUp gives ZooKeeper's compiler something to work on.
func (r *runner) warmUp(ctx context.Context, total time.Duration) error {
	if r.real == nil || total <= 0 {
		return nil
	}
	r.progress("%v of traffic to warm up ZooKeeper", total)
	e := &env{settings: &settings{time: total / 5, scale: 1}, target: r.real, ctx: ctx}
	for _, op := range []string{"set", "get", "create", "set", "get"} {
		if _, err := e.pipelined(op, 8, 64); err != nil {
			return fmt.Errorf("%s: %w", r.real.name, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	_, err := e.watchEvents(10, 1000)
	return err
}

func (r *runner) close() error {
	var errs []error
	for _, t := range []*target{r.sim, r.real} {
		if t != nil {
			errs = append(errs, t.clean(), t.stop())
		}
	}
	return errors.Join(errs...)
}
