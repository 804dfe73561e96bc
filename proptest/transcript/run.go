package transcript

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/zksim/zksim/zkapi"
)

// TB is what this package needs of a test; *testing.T has it. Run is called from
// several goroutines at a time.
type TB[T any] interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Run(name string, f func(T)) bool
	Failed() bool
}

// DefaultSettings is what servers are started with unless a transcript says
// otherwise. The super user is super:secret.
var DefaultSettings = map[string]string{
	"tickTime":                                 "1000",
	"4lw.commands.whitelist":                   "*",
	"extendedTypesEnabled":                     "true",
	"DigestAuthenticationProvider.superDigest": zkapi.DigestID("super:secret"),
}

// MainProfile is the profile whose output a transcript holds without a label.
const MainProfile = "3.9"

// Run runs every transcript, *.txt anywhere in files, on the backend.
func Run[T TB[T]](t T, files fs.FS, b *Backend) *Report {
	t.Helper()
	return runAll(t, files, b, nil)
}

// Update runs every transcript of a folder on the backend and rewrites what
// differs: the main profile's expectation, or a block for the backend's own.
func Update[T TB[T]](t T, dir string, b *Backend) *Report {
	t.Helper()
	return runAll(t, os.DirFS(dir), b, func(s *script) error {
		return os.WriteFile(filepath.Join(dir, filepath.FromSlash(s.name)), []byte(s.String()), 0o644)
	})
}

// Count tells how many transcripts there are, and blocks in them.
func Count(files fs.FS) (transcripts, blocks int, err error) {
	all, err := load(files)
	for _, s := range all {
		blocks += len(s.blocks)
	}
	return len(all), blocks, err
}

func load(files fs.FS) ([]*script, error) {
	var all []*script
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".txt") {
			return err
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		s, err := parse(path, string(text))
		all = append(all, s)
		return err
	})
	return all, err
}

func runAll[T TB[T]](t T, files fs.FS, b *Backend, save func(*script) error) *Report {
	t.Helper()
	all, err := load(files)
	if err != nil {
		t.Fatalf("%v", err)
	}
	report := &Report{Skipped: map[string][]string{}}
	lanes := make(chan []*script)
	var running sync.WaitGroup
	for range maxServers {
		running.Go(func() {
			for group := range lanes {
				runGroup(t, group, b, save, report)
			}
		})
	}
	for _, group := range groups(all) {
		lanes <- group
	}
	close(lanes)
	running.Wait()
	return report
}

// maxServers is how many servers run at a time: most transcripts that need one
// of their own wait, for its start or for its clock.
const maxServers = 3

// groups puts together what can share a server. The largest groups come first.
func groups(all []*script) [][]*script {
	byServer := map[string][]*script{}
	for _, s := range all {
		key := s.serverKey()
		if s.fresh {
			key = s.name
		}
		byServer[key] = append(byServer[key], s)
	}
	return slices.SortedFunc(maps.Values(byServer), func(x, y []*script) int {
		return cmp.Or(len(y)-len(x), strings.Compare(x[0].name, y[0].name))
	})
}

// runGroup runs transcripts one after another.
func runGroup[T TB[T]](t T, group []*script, b *Backend, save func(*script) error, report *Report) {
	t.Helper()
	pool := &pool{backend: b}
	defer func() {
		if err := pool.drop(); err != nil {
			t.Errorf("stopping: %v", err)
		}
	}()
	for _, s := range group {
		t.Run(strings.TrimSuffix(s.name, ".txt"), func(t T) {
			t.Helper()
			lack := s.skipped(b.Name, b.Profile)
			if len(s.only) > 0 && !slices.Contains(s.only, b.Name) {
				lack = beyond{"", s.others}
			}
			if lack == nil {
				lack = runOne(t, s, pool, save)
			}
			report.add(s.name, lack)
			if lack != nil && !t.Failed() {
				t.Skipf("%v", lack)
			}
		})
	}
}

// tries is how often a transcript that waits is run before it counts as failed:
// on a busy machine the commands may come too late. Where time can be moved it
// goes on by itself all the same.
const tries = 3

// skipped tells why the transcript is not for somebody of one of the names.
func (s *script) skipped(names ...string) error {
	for _, who := range names {
		if why, ok := s.skip[who]; ok {
			return beyond{"", why}
		}
	}
	return nil
}

// runOne runs a transcript and compares, or saves, what it prints. If it cannot
// be run, it says why.
func runOne[T TB[T]](t T, s *script, p *pool, save func(*script) error) (lack error) {
	t.Helper()
	for try := 1; ; try++ {
		h, err := p.get(s)
		if errors.Is(err, errors.ErrUnsupported) {
			return err
		} else if err != nil {
			t.Fatalf("%v", err)
		}
		before := s.String()
		problems, lack := perform(s, h, p.backend.Profile, save != nil)
		err = p.put(s, h)
		if len(problems) > 0 && try < tries && s.waits() && save == nil {
			t.Logf("once more, since it depends on time:\n%s", strings.Join(problems, "\n"))
			continue
		}
		for _, problem := range problems {
			t.Errorf("%s", problem)
		}
		if save != nil && before != s.String() && !t.Failed() {
			err = errors.Join(err, save(s))
		}
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		return lack
	}
}

// perform runs a transcript on a server and returns what is wrong, or notes what
// it prints. If the server lacks something, it says what.
func perform(s *script, h *handle, profile string, record bool) (problems []string, lack error) {
	if h.server.Dial == nil {
		if lack := s.skipped("client"); lack != nil {
			return nil, lack
		}
	}
	x := newExec(h.server, s.options, h.zxid)
	defer x.finish()
	var lacking beyond
	for _, b := range s.blocks {
		got, err := x.block(b.commands)
		var view func([]string) []string
		if h.server.Dial == nil {
			view = x.asClientsSee
		}
		switch {
		case errors.As(err, &lacking):
			return problems, lacking
		case err != nil:
			return append(problems, fmt.Sprintf("%s:%d: %v\nafter:\n%s", s.name, b.line, err, strings.Join(got, "\n"))), nil
		case x.leftOut:
			x.leftOut = false
		case record:
			b.record(profile, profile == MainProfile, got)
		case !b.accepts(profile, got, view):
			problems = append(problems, fmt.Sprintf("%s:%d: %s", s.name, b.line, mismatch(b, profile, got, view)))
		}
	}
	return problems, nil
}

// waits tells whether there is something that takes time.
func (s *script) waits() bool {
	return slices.ContainsFunc(s.blocks, func(b *block) bool {
		return slices.ContainsFunc(b.input, func(line string) bool { return strings.Contains(line, "advance ") })
	})
}

func mismatch(b *block, profile string, got []string, view func([]string) []string) string {
	var out strings.Builder
	for _, c := range b.commands {
		out.WriteString(c.text + "\n")
		for _, line := range c.body {
			out.WriteString("  " + line + "\n")
		}
	}
	if view == nil {
		view = slices.Clone[[]string]
	}
	for _, want := range b.expected(profile) {
		out.WriteString(diff(view(want.lines), view(got)))
	}
	return out.String()
}

// diff marks the lines that are not on both sides. Lines are compared one by
// one where their number is the same, else what begins and ends alike is left out.
func diff(want, got []string) string {
	var out strings.Builder
	start, end := 0, 0
	for start < min(len(want), len(got)) && want[start] == got[start] {
		start++
	}
	for end < min(len(want), len(got))-start && want[len(want)-1-end] == got[len(got)-1-end] {
		end++
	}
	w, g := want[start:len(want)-end], got[start:len(got)-end]
	for i := range max(len(w), len(g)) {
		if i < len(w) && i < len(g) && w[i] == g[i] {
			fmt.Fprintf(&out, "    %s\n", w[i])
			continue
		}
		if i < len(w) {
			fmt.Fprintf(&out, "  - %s\n", w[i])
		}
		if i < len(g) {
			fmt.Fprintf(&out, "  + %s\n", g[i])
		}
	}
	return out.String()
}

// serverKey is the same for transcripts that can run on one server.
func (s *script) serverKey() string {
	settings := s.serverSettings()
	var b strings.Builder
	if s.fresh {
		b.WriteString("fresh ")
	}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s=%s ", key, settings[key])
	}
	return b.String()
}

func (s *script) serverSettings() map[string]string {
	settings := maps.Clone(DefaultSettings)
	for key, value := range s.settings {
		if value == "" {
			delete(settings, key)
		} else {
			settings[key] = value
		}
	}
	return settings
}

// pool holds the server that transcripts share.
type pool struct {
	backend *Backend
	current *handle
}

type handle struct {
	key    string
	server *Instance
	zxid   int64 // of the last transaction
}

// get returns a server for s: the shared one, or one of its own.
func (p *pool) get(s *script) (*handle, error) {
	if p.current != nil && !s.fresh && p.current.key == s.serverKey() {
		return p.current, nil
	}
	if err := p.drop(); err != nil {
		return nil, err
	}
	if s.fresh && p.backend.One {
		return nil, fmt.Errorf("it needs a fresh server: %w", errors.ErrUnsupported)
	}
	server, err := p.backend.Start(s.serverSettings())
	if err != nil {
		return nil, err
	}
	p.current = &handle{key: s.serverKey(), server: server}
	if p.backend.One {
		p.current.zxid, err = zxidOfEmpty(server)
	}
	return p.current, err
}

// put gives the server back for the next transcript, cleaned, or stops it.
func (p *pool) put(s *script, h *handle) error {
	if s.fresh || !p.backend.Shared || h.server.Dial == nil {
		return p.drop()
	}
	zxid, err := clean(h.server)
	if err != nil {
		return errors.Join(err, p.drop()) // the next one gets another
	}
	h.zxid = zxid
	return nil
}

func (p *pool) drop() error {
	if p.current == nil {
		return nil
	}
	h := p.current
	p.current = nil
	if h.server.Stop == nil {
		return nil
	}
	return h.server.Stop()
}
