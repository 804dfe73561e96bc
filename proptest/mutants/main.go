package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is main with its surroundings as arguments.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are printed once, below
	asJSON := flags.Bool("json", false, "print one JSON object for each mutant")
	only := flags.String("run", "", "plant only the mutants whose names match this expression")
	of := flags.String("of", "", "plant only those in these packages, of memserver, watchers and recipes: watchers,recipes")
	sample := flags.Int("sample", 0, "plant so many of them, chosen at random; 0 plants all")
	seed := flags.Uint64("seed", 0, "what -sample is chosen by; 0 takes a new one, and tells")
	jobs := flags.Int("j", 2, "how many mutants are judged at a time")
	verbose := flags.Bool("v", false, "print how the tests failed")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(stderr)
		flags.PrintDefaults()
		return 0
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	var chosen []mutant
	if err == nil {
		chosen, err = choose(*only, *of)
	}
	if err == nil && *sample < 0 {
		err = fmt.Errorf("-sample %d is negative", *sample)
	}
	if err != nil {
		fmt.Fprintln(stderr, "mutants:", err)
		return 2
	}
	if all := len(chosen); 0 < *sample && *sample < all {
		if *seed == 0 {
			*seed = uint64(rand.Uint32()) + 1
		}
		chosen = draw(chosen, *sample, *seed)
		note := stdout
		if *asJSON {
			note = stderr
		}
		fmt.Fprintf(note, "%d of %d mutants, by -seed %d\n", len(chosen), all, *seed)
	}
	dir, err := os.MkdirTemp("", "zksim-mutants-")
	if err != nil {
		fmt.Fprintln(stderr, "mutants:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	court, err := sound(ctx, dir, chosen)
	if err != nil {
		fmt.Fprintln(stderr, "mutants:", err)
		return 1
	}
	progress := io.Discard
	if isTerminal(stderr) {
		progress = stderr
	}
	verdicts := make([]verdict, len(chosen))
	next := make(chan int)
	var workers sync.WaitGroup
	var mu sync.Mutex // of stdout and progress
	for range max(1, *jobs) {
		workers.Go(func() {
			for i := range next {
				v := court.try(ctx, chosen[i])
				if !*verbose {
					v.Output = ""
				}
				mu.Lock()
				verdicts[i] = v
				fmt.Fprintf(progress, "\r\x1b[K%d/%d %s", i+1, len(chosen), v.Name)
				if *asJSON {
					_ = json.NewEncoder(stdout).Encode(v) // whoever reads has gone
				} else if *verbose {
					fmt.Fprintf(stdout, "%s: %s\n%s\n", v.Name, v.Breaks, v.Output)
				}
				mu.Unlock()
			}
		})
	}
	for i := range chosen {
		next <- i
	}
	close(next)
	workers.Wait()
	if ctx.Err() != nil {
		return 1
	}
	fmt.Fprintf(progress, "\r\x1b[K")
	if !*asJSON {
		table(stdout, verdicts)
	}
	for _, v := range verdicts {
		if !v.Caught {
			return 1
		}
	}
	return 0
}

func choose(only, of string) ([]mutant, error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return nil, err
	}
	var chosen []mutant
	for _, m := range mutants {
		if pattern.MatchString(m.Name) && (of == "" || slices.Contains(strings.Split(of, ","), m.of())) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no mutant is called like %q and in %q", only, of)
	}
	slices.SortStableFunc(chosen, func(a, b mutant) int { return a.bug() - b.bug() })
	return chosen, nil
}

// draw chooses n mutants at random, and leaves them in their order.
func draw(all []mutant, n int, seed uint64) []mutant {
	lucky := rand.New(rand.NewPCG(seed, 0)).Perm(len(all))[:n]
	slices.Sort(lucky)
	chosen := make([]mutant, n)
	for i, at := range lucky {
		chosen[i] = all[at]
	}
	return chosen
}

// sound assembles the court and makes sure that it finds nothing where there is nothing.
func sound(ctx context.Context, dir string, chosen []mutant) (*court, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return nil, err
	}
	c, err := assemble(ctx, root, dir, chosen)
	if err != nil {
		return nil, err
	}
	v := c.try(ctx, mutant{})
	switch {
	case v.Error != "":
		return nil, errors.New(v.Error)
	case v.Caught:
		return nil, fmt.Errorf("%s fails without any mutant:\n%s", v.By, v.Output)
	}
	return c, nil
}

// moduleRoot finds the module in whose folders the command runs.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", errors.New("this is no folder of the module")
	}
	return filepath.Dir(mod), nil
}

func table(w io.Writer, verdicts []verdict) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "mutant\twhat it breaks\tplanted in\tcaught by\tcases\tms")
	caught := 0
	for _, v := range verdicts {
		by, cases := v.By, "-"
		switch {
		case v.Caught:
			caught++
		case v.Error != "":
			by = v.Error
		default:
			by = "NOBODY"
		}
		if v.Cases > 0 {
			cases = fmt.Sprint(v.Cases)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%d\n", v.Name, v.Breaks, v.path(), by, cases, v.Millis)
	}
	tw.Flush()
	fmt.Fprintf(w, "\n%d of %d mutants caught\n", caught, len(verdicts))
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
