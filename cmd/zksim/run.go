package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"unicode"
)

// The exit statuses.
const (
	statusOK     = 0
	statusFailed = 1 // the machine would not: the port is in use, for instance
	statusUsage  = 2 // a flag, a setting or a file is wrong
)

// run is the program, with everything it touches as an argument. It serves
// until ctx is done and returns the exit status.
func run(ctx context.Context, args, env []string, stdout, stderr io.Writer) int {
	command := "serve"
	if len(args) > 0 && (args[0] == "--version" || !strings.HasPrefix(args[0], "-")) {
		command, args = strings.TrimPrefix(args[0], "--"), args[1:]
	}
	switch command {
	case "serve":
		o, err := parse(args, env)
		switch {
		case errors.Is(err, flag.ErrHelp):
			fmt.Fprint(stdout, usage)
			return statusOK
		case err != nil:
			return complain(stderr, statusUsage, err)
		}
		return serve(ctx, o, stdout, stderr)
	case "ctl":
		return ctl(ctx, args, env, stdout, stderr)
	case "help":
		fmt.Fprint(stdout, usage)
		return statusOK
	case "version":
		if len(args) > 0 {
			return complain(stderr, statusUsage, fmt.Errorf("version takes no argument, not %q", args[0]))
		}
		printVersion(stdout)
		return statusOK
	}
	return complain(stderr, statusUsage, fmt.Errorf("unknown command %q; see zksim --help", command))
}

func printVersion(w io.Writer) {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	fmt.Fprintf(w, "zksim %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// complain says what is wrong, on one line whatever it quotes, and returns the status.
func complain(stderr io.Writer, status int, err error) int {
	fmt.Fprintf(stderr, "zksim: %s\n", oneLine(err.Error()))
	return status
}

// oneLine makes text safe to print on a line of its own.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
