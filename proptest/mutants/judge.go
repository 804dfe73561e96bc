package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zksim/zksim/realserver"
)

// judge is a part of the suite. None of them needs a real server.
type judge struct {
	name string
	pkg  string // relative to the module
	args []string
	// again says that time matters to these tests, so that a busy machine may
	// upset them: what fails has to fail again by itself.
	again bool
	// of is whose mutants it judges; "" is memserver's.
	of string
}

// judges are asked in this order, until one has caught the mutant: the quick ones first.
var judges = []judge{
	{"model", "proptest/model", random("-test.run=^TestModel$/^direct$", 300), false, ""},
	{"transcripts", "proptest", []string{"-test.run=^(TestTranscripts|TestDigest)$/^wire$/./^pipe$"}, true, ""},
	{"state", "memserver/internal/state", random("-test.run=.", 300), false, ""},
	{"memserver", "memserver", []string{"-test.run=^Test(SnapshotFile|Events)"}, false, ""},
	{"transcripts", "proptest", []string{"-test.run=^(TestMembers|TestCounters|TestTLS|TestSASL)$/^(wire|direct)$"}, true, ""},
	{"memserver", "memserver", []string{"-test.run=^Test.*(Member|Quorum|Session|Lag|Reader|Voters|Election|Writes)", "-test.timeout=30s"}, true, ""},
	{"model", "proptest/model", random("-test.run=^(TestModel|TestLargeTrees)$/^(direct|wire)$", 500), false, ""},
	{"property", "proptest", random("-test.run=^TestWatchers$/^(direct|wire)$", 300), false, "watchers"},
	{"past cases", "proptest", []string{"-test.run=^TestWatchersPastCases$"}, false, "watchers"},
	{"watchers", "watchers", []string{"-test.run=^Test", "-test.timeout=1m"}, false, "watchers"},
	{"property", "proptest", []string{"-test.run=^TestRecipes(Faults|Drills)$/^direct$", "-test.timeout=100s"}, false, "recipes"},
	{"recipes", "recipes", []string{"-test.run=^Test", "-test.timeout=100s"}, false, "recipes"},
	{"recipes", "proptest", []string{"-test.run=^TestRecipes(Lock|RWLock|Semaphore|Election|Values|Cost|Soak)$/^(direct|wire)$", "-test.timeout=100s"}, false, "recipes"},
	{"explorer", "proptest", []string{"-test.run=^TestExplore(OurLock|Everything)$"}, false, "recipes"},
	{"sweep", "proptest", []string{"-test.run=^TestRecipes(Numbers|Foreign|Reaper|Events)$/^(direct|wire)$", "-test.timeout=100s"}, false, "recipes"},
}

// random is the arguments of tests with random histories: how many, and that
// they need not be made shorter.
func random(tests string, histories int) []string {
	return []string{tests, "-rapid.checks=" + strconv.Itoa(histories), "-rapid.nofailfile", "-rapid.shrinktime=-1s"}
}

// limit is for mutants that hang. It is meant for machines that are busy.
const limit = 2 * time.Minute

// verdict is what became of a mutant.
type verdict struct {
	mutant
	Caught bool   `json:"caught"`
	By     string `json:"by,omitempty"`     // the test that failed
	Cases  int    `json:"cases,omitempty"`  // random histories until then
	Millis int64  `json:"ms"`               // of the processor, for the tests until then
	Output string `json:"output,omitempty"` // of the test
	Error  string `json:"error,omitempty"`  // it could not be judged
}

// court is the judges, compiled together with the mutants.
type court struct {
	root     string
	binaries []string        // of the judges
	accused  map[string]bool // whose mutants there are
}

// assemble compiles the judges, into a folder.
func assemble(ctx context.Context, root, dir string, chosen []mutant) (*court, error) {
	overlay, err := plant(root, dir, chosen)
	if err != nil {
		return nil, err
	}
	c := &court{root: root, accused: make(map[string]bool)}
	for i := range chosen {
		c.accused[chosen[i].of()] = true
	}
	for i := range judges {
		j := &judges[i]
		binary := filepath.Join(dir, strings.ReplaceAll(j.pkg, "/", "-"))
		c.binaries = append(c.binaries, binary)
		if _, err := os.Stat(binary); err == nil {
			continue
		}
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-o", binary, "-overlay", overlay, "./"+j.pkg)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("compiling %s with the mutants: %w\n%s", j.pkg, err, bytes.TrimSpace(out))
		}
	}
	return c, nil
}

// try wakes a mutant and asks the judges. Without a name all mutants sleep.
func (c *court) try(ctx context.Context, m mutant) verdict {
	v := verdict{mutant: m}
	for i := range judges {
		if of := cmp.Or(judges[i].of, "memserver"); m.Name == "" && !c.accused[of] || m.Name != "" && m.of() != of {
			continue
		}
		if err := c.ask(ctx, &v, i); err != nil {
			v.Error = err.Error()
		}
		if v.Caught || v.Error != "" {
			break
		}
	}
	return v
}

// command runs a judge's binary.
func (c *court) command(ctx context.Context, m *mutant, i int, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.binaries[i], args...)
	cmd.Dir = filepath.Join(c.root, filepath.FromSlash(judges[i].pkg))
	cmd.Env = append(os.Environ(), variable+"="+m.Name, realserver.VersionsEnv+"=all") // the tests are not brief
	return cmd
}

// ask runs a judge's tests. A mutant that hangs is not caught.
func (c *court) ask(ctx context.Context, v *verdict, i int) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	j := &judges[i]
	args := j.args
	if !j.again {
		args = append([]string{"-test.failfast"}, args...)
	}
	cmd := c.command(ctx, &v.mutant, i, args...)
	out, err := cmd.CombinedOutput()
	if p := cmd.ProcessState; p != nil {
		v.Millis += (p.UserTime() + p.SystemTime()).Milliseconds()
	}
	var exit *exec.ExitError
	switch {
	case err == nil, ctx.Err() != nil:
		return nil
	case !errors.As(err, &exit):
		return err
	}
	for _, test := range failures(string(out)) {
		if j.again && c.command(ctx, &v.mutant, i, "-test.run="+exactly(test)).Run() == nil {
			continue // it was the machine
		}
		v.Caught, v.Output, v.Cases = true, string(out), cases(string(out))
		_, test, _ = strings.Cut(test, "/")
		v.By = strings.TrimSpace(j.name + " " + test)
		break
	}
	return nil
}

// exactly is the expression for -test.run that means one test.
func exactly(test string) string {
	parts := strings.Split(test, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

var (
	failedTest  = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)
	failedAfter = regexp.MustCompile(`\[rapid\] \w+ after (\d+) tests|in case (\d+)`)
)

// failures finds the tests that have failed in what they print, but for those
// of which a part has failed. A panic may leave none: then it is all of them.
func failures(out string) []string {
	found := failedTest.FindAllStringSubmatch(out, -1)
	if len(found) == 0 {
		return []string{""}
	}
	var tests []string
	for _, test := range found {
		isParent := func(other []string) bool { return strings.HasPrefix(other[1], test[1]+"/") }
		if !slices.ContainsFunc(found, isParent) {
			tests = append(tests, test[1])
		}
	}
	return tests
}

// cases finds out after how many random histories a test has failed, 0 if it was none of those.
func cases(out string) int {
	found := failedAfter.FindStringSubmatch(out)
	if found == nil {
		return 0
	}
	if found[2] != "" {
		n, _ := strconv.Atoi(found[2])
		return n
	}
	n, _ := strconv.Atoi(found[1])
	return n + 1
}
