// Command install downloads a ZooKeeper release from Maven Central into the user's cache folder, where
// package realserver finds it:
//
//	go run github.com/zksim/zksim/realserver/install          # the newest release known to work
//	go run github.com/zksim/zksim/realserver/install 3.8.6
//	go run github.com/zksim/zksim/realserver/install exporter # what a release lacks to serve Prometheus
//
// It leaves the downloading to Maven (mvn), which knows the mirrors and proxies of this machine and
// verifies every checksum. Without Maven, unpack a release from zookeeper.apache.org anywhere and
// point $ZKSIM_ZOOKEEPER_HOME to it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/zksim/zksim/realserver"
)

// newest is the newest release that this program was tried with. 3.9.6 is out, but its parent pom could
// not be had from Maven Central then, and without it Maven resolves nothing.
const newest = "3.9.5"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], realserver.CacheDir(), os.Stderr))
}

// run returns the exit status: 0 the release is there, 1 it could not be had, 2 wrong usage.
func run(ctx context.Context, args []string, cache string, stderr io.Writer) int {
	if len(args) == 1 && slices.Contains([]string{"-h", "-help", "--help"}, args[0]) {
		fmt.Fprintln(stderr, "usage: install [version|exporter]")
		return 0
	}
	version, err := parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "install: %v\n", err)
		return 2
	}
	what := release(version)
	if version == "exporter" {
		what = exporter
	}
	if err := install(ctx, what, cache, stderr); err != nil {
		fmt.Fprintf(stderr, "install: %v\n", err)
		return 1
	}
	return 0
}

var versionForm = regexp.MustCompile(`^3\.([6-9]|[1-9]\d+)\.\d+$`)

func parse(args []string) (string, error) {
	switch {
	case len(args) == 0:
		return newest, nil
	case len(args) == 1 && args[0] == "exporter":
		return args[0], nil
	case len(args) > 1:
		return "", fmt.Errorf("one version at most, not %q; usage: install [version|exporter]", args)
	case !versionForm.MatchString(args[0]):
		return "", fmt.Errorf("%q is no release from 3.6.0 on, such as %s; usage: install [version|exporter]", args[0], newest)
	}
	return args[0], nil
}

// install downloads into a folder beside the target and renames it, so a release is there whole or not
// at all, and two installs at once do no harm.
func install(ctx context.Context, what download, cache string, progress io.Writer) error {
	if cache == "" {
		return errors.New("this user has no cache folder: set $XDG_CACHE_HOME or $HOME")
	}
	target := filepath.Join(cache, what.folder)
	if exists(target) {
		fmt.Fprintf(progress, "%s is already in %s\n", what.name, target)
		return nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(cache, "download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	fmt.Fprintf(progress, "downloading %s from Maven Central\n", what.name)
	jars := filepath.Join(work, "jars")
	if err := what.fetch(ctx, work, jars); err != nil {
		return err
	}
	found, err := filepath.Glob(filepath.Join(jars, "*.jar"))
	if err != nil {
		return err
	}
	if err := os.Rename(jars, target); err != nil && !exists(target) { // else another install was faster
		return err
	}
	fmt.Fprintf(progress, "%s is in %s: %d jars\n", what.name, target, len(found))
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// download is something that can be had from Maven Central.
type download struct{ name, folder, pom string }

func release(version string) download {
	return download{"ZooKeeper " + version, "zookeeper-" + version, pom(version)}
}

// fetch has Maven copy the jars into a folder. Strict checksums make a jar that does not match its
// published checksum an error.
func (d download) fetch(ctx context.Context, work, jars string) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("this needs Maven (mvn); install it, or unpack a release and set $%s", realserver.HomeEnv)
	}
	if err := os.WriteFile(filepath.Join(work, "pom.xml"), []byte(d.pom), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, mvn, "--batch-mode", "--quiet", "--strict-checksums",
		"dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+jars)
	cmd.Dir = work
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("mvn: %w: %s", err, firstError(string(out))), ctx.Err())
	}
	return nil
}

// firstError returns the line of Maven's output that says what is wrong; what follows it is advice.
func firstError(out string) string {
	for line := range strings.Lines(out) {
		if _, text, ok := strings.Cut(line, "[ERROR] "); ok && strings.TrimSpace(text) != "" && !strings.HasPrefix(text, "[") {
			return strings.TrimSpace(text)
		}
	}
	return strings.TrimSpace(out)
}
