// Command report runs go test with the flags and packages it is given, prints
// what go test prints without -v, and then how many tests ran on which backend:
//
//	go run .ci/report.go -race ./...
//
// A test runs on a backend if a part of its name says so, followed by the
// version where there is more than one: TestX/direct, TestX/wire/3.9/case,
// TestX/real/3.8.
//
// With -waiting, before everything else, two go test run at the same time. One has
// the tests that are named, which mostly wait for real servers; the other, which
// leaves it the processor, has all the rest, so that each test runs once:
//
//	go run .ci/report.go -waiting './realserver ./proptest:^Test(Members|Quorum)$' -race ./...
//
// If nothing has failed but tests on real servers, which keep their own time,
// those run once more, and the summary names them: a test that fails on a
// simulator has failed.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action, Package, Test, Output, Key, Value string
}

type testName struct{ pkg, name string }

// report is what is known of the tests so far.
type report struct {
	mu      sync.Mutex
	parent  map[testName]bool
	real    map[string]bool       // the ZooKeepers that tests have logged, as realserver prints them
	ended   map[string][]testName // by pass, fail and skip; only tests without parts
	broken  map[string]bool       // packages that have failed
	crashed bool                  // a panic, or a data race
	hosted  map[testName]bool     // tests that have logged a real server
	second  []testName            // tests that have passed at the second attempt only
}

func main() {
	r, args, waiting := newReport(), os.Args[1:], ""
	if len(args) > 1 && args[0] == "-waiting" {
		waiting, args = args[1], args[2:]
	}
	err := r.both(args, strings.Fields(waiting))
	if err != nil && r.onlyReal() {
		err = r.again(args)
	}
	r.summary()
	if err != nil {
		fmt.Printf("FAIL: go test %s: %v\n", strings.Join(args, " "), err)
		os.Exit(1)
	}
}

func newReport() *report {
	return &report{
		parent: make(map[testName]bool), real: make(map[string]bool),
		ended: make(map[string][]testName), broken: make(map[string]bool), hosted: make(map[testName]bool),
	}
}

// onlyReal tells whether tests on real servers are all that has failed, with nothing that is wrong on any.
func (r *report) onlyReal() bool {
	if r.crashed {
		return false
	}
	broken := maps.Clone(r.broken)
	for _, name := range r.ended["fail"] {
		if !r.onReal(name) {
			return false
		}
		delete(broken, name.pkg)
	}
	return len(r.ended["fail"]) > 0 && len(broken) == 0 // no package has failed of its own
}

// onReal tells whether a test has run on a real server, by its name or by what it has logged.
func (r *report) onReal(name testName) bool {
	if strings.HasPrefix(backend(name.name), "real") || r.hosted[name] {
		return true
	}
	at := strings.LastIndexByte(name.name, '/')
	return at > 0 && r.onReal(testName{name.pkg, name.name[:at]})
}

// again runs each test that has failed once more, by itself.
func (r *report) again(args []string) error {
	failed := r.ended["fail"]
	r.ended["fail"] = nil
	for _, name := range failed {
		fmt.Printf("once more: %s %s\n", name.pkg, name.name)
		var parts []string
		for part := range strings.SplitSeq(name.name, "/") {
			parts = append(parts, "^"+regexp.QuoteMeta(part)+"$")
		}
		second := newReport()
		err := second.run(append([]string{"-count=1", "-run", strings.Join(parts, "/")}, only(args, name.pkg)...))
		if err == nil && len(second.ended["pass"]) == 0 {
			err = errors.New("it did not run")
		}
		if err != nil {
			r.ended["fail"] = append(r.ended["fail"], name)
			return fmt.Errorf("%s has not passed the second time either: %w", name.name, err)
		}
		r.ended["pass"] = append(r.ended["pass"], name)
		r.second = append(r.second, name)
	}
	return nil
}

// only is what args say, for some packages.
func only(args []string, pkgs ...string) (list []string) {
	for _, arg := range args {
		if !strings.HasPrefix(arg, "./") {
			list = append(list, arg)
		} else {
			list, pkgs = append(list, pkgs...), nil
		}
	}
	return list
}

// packages is what of the arguments are packages.
func packages(args []string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return !strings.HasPrefix(arg, "./") })
}

// both runs all tests: those that wait, a package, or a package with a colon and what some of its tests
// are called; and at the same time, at a low priority, the others.
func (r *report) both(args, waiting []string) error {
	if len(waiting) == 0 {
		return r.run(args)
	}
	list := append([]string{"list", "-f", ".{{slice .ImportPath (len .Module.Path)}}"}, packages(args)...)
	out, err := exec.Command("go", list...).Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	pkgs := strings.Fields(string(out))
	var first, rest [][]string
	for _, w := range waiting {
		pkg, tests, some := strings.Cut(w, ":")
		at := slices.Index(pkgs, pkg)
		if at < 0 {
			return fmt.Errorf("-waiting: there is no package %s", pkg)
		}
		pkgs = slices.Delete(pkgs, at, at+1)
		if !some {
			first = append(first, only(args, pkg))
			continue
		}
		first = append(first, append([]string{"-run", tests}, only(args, pkg)...))
		rest = append(rest, append([]string{"-skip", tests}, only(args, pkg)...))
	}
	rest = append(rest, only(args, pkgs...))
	var errs [2]error
	var all sync.WaitGroup
	all.Go(func() { errs[0] = r.each(first) })
	all.Go(func() { errs[1] = r.each(rest, "nice") })
	all.Wait()
	return errors.Join(errs[:]...)
}

// each runs one go test after the other, by way of a command if there is one.
func (r *report) each(runs [][]string, by ...string) error {
	var errs []error
	for _, args := range runs {
		errs = append(errs, r.run(args, by...))
	}
	return errors.Join(errs...)
}

func (r *report) run(args []string, by ...string) error {
	command := append([]string{"go", "test", "-json"}, args...)
	if len(by) > 0 {
		if _, err := exec.LookPath(by[0]); err == nil {
			command = append(by[:len(by):len(by)], command...)
		}
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	printed := make(output)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Println(lines.Text()) // not from a test: the go command itself
			continue
		}
		r.take(e, printed)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return cmd.Wait()
}

// output is what the tests of one go test have printed, each until it has passed.
type output map[testName][]string

func (r *report) take(e event, printed output) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := testName{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Print(e.Output)
	case "run":
		for at := strings.LastIndexByte(e.Test, '/'); at > 0; at = strings.LastIndexByte(e.Test[:at], '/') {
			r.parent[testName{e.Package, e.Test[:at]}] = true
		}
	case "output":
		if strings.HasPrefix(e.Output, "=== ") {
			return // RUN, PAUSE and CONT of -v
		}
		if e.Test == "" && (strings.HasPrefix(e.Output, "ok ") || strings.HasPrefix(e.Output, "FAIL\t")) {
			fmt.Print(e.Output)
			return
		}
		if found := realVersion.FindStringSubmatch(e.Output); found != nil {
			r.real[found[1]], r.hosted[name] = true, true
		}
		r.crashed = r.crashed || crash.MatchString(e.Output)
		printed[name] = append(printed[name], e.Output)
	case "attr": // what a test says of itself, such as its seed
		fmt.Printf("%s: %s: %s\n", e.Test, e.Key, e.Value)
	case "pass", "fail", "skip":
		r.end(name, e.Action, printed)
	}
}

// end closes the books of a test, or of a whole package.
func (r *report) end(name testName, action string, printed output) {
	if action == "fail" {
		fmt.Print(strings.Join(printed[name], ""))
	}
	delete(printed, name)
	if name.name == "" {
		if action == "fail" {
			r.broken[name.pkg] = true
		}
		for other, text := range printed {
			if other.pkg == name.pkg && action == "fail" { // it was running when all of this ended
				fmt.Print(strings.Join(text, ""))
			}
			if other.pkg == name.pkg {
				delete(printed, other)
			}
		}
		return
	}
	below := func(other testName) bool {
		return other.pkg == name.pkg && strings.HasPrefix(other.name, name.name+"/")
	}
	if !r.parent[name] || action == "fail" && !slices.ContainsFunc(r.ended[action], below) { // or it has failed itself
		r.ended[action] = append(r.ended[action], name)
	}
}

// realVersion is how realserver logs what a test runs on.
var realVersion = regexp.MustCompile(`ZooKeeper (\d\S* \((?:env|debian|maven)\))\n$`)

// crash is a line of what no server may be blamed for.
var crash = regexp.MustCompile(`^(WARNING: DATA RACE|panic: |fatal error: )`)

var version = regexp.MustCompile(`^\d+\.\d+`)

// backend returns what a test ran on, such as "wire 3.9", or "" if its name does not say.
func backend(test string) string {
	parts := strings.Split(test, "/")
	for i, part := range parts {
		if !slices.Contains(backends, part) {
			continue
		}
		if i+1 < len(parts) && version.MatchString(parts[i+1]) {
			return part + " " + parts[i+1]
		}
		return part
	}
	return ""
}

var backends = []string{"direct", "wire", "real"}

func (r *report) summary() {
	count := make(map[string]int)
	for _, name := range r.ended["pass"] {
		count[backend(name.name)]++
	}
	fmt.Printf("\ntests: %d passed, %d failed, %d skipped\n", len(r.ended["pass"]), len(r.ended["fail"]), len(r.ended["skip"]))
	for _, name := range r.ended["fail"] {
		fmt.Printf("  FAIL %s %s\n", name.pkg, name.name)
	}
	for _, name := range r.second {
		fmt.Printf("  the second time only: %s %s\n", name.pkg, name.name)
	}
	fmt.Println("backends that ran:")
	for _, b := range backends {
		var ran []string
		for key, n := range count {
			if key == b || strings.HasPrefix(key, b+" ") {
				ran = append(ran, strings.TrimSpace(fmt.Sprintf("%s %d tests", strings.TrimPrefix(key, b), n)))
			}
		}
		slices.Sort(ran)
		if len(ran) == 0 {
			ran = []string{"none"}
			if b == "real" {
				ran = []string{"none (make real fetches a ZooKeeper; it needs Java and Maven)"}
			}
		}
		if b == "real" && len(r.real) > 0 {
			ran[len(ran)-1] += "; ZooKeeper " + strings.Join(slices.Sorted(maps.Keys(r.real)), " and ")
		}
		fmt.Printf("  %-6s %s\n", b, strings.ReplaceAll(strings.Join(ran, ", "), "  ", " "))
	}
}
