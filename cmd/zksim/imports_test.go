package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/zksim/zksim/"

// The packages that everything else is made of. None of them sees another one,
// so that code works on every kind of server, but for what seesToo says.
var siblings = []string{"memserver", "realserver", "recipes", "watchers", "faults"}

var seesToo = map[string]string{"recipes": "watchers"}

// forbidden tells why a file that is no test, in a folder of this module, must
// not import a package, or "" if it may. CONTRIBUTING.md has the picture.
func forbidden(folder, imported string) string {
	top, _, _ := strings.Cut(folder, "/")
	ours, inside := strings.CutPrefix(imported, module)
	theirTop, _, _ := strings.Cut(ours, "/")
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case first == "testing" && top != "proptest":
		return "only tests, and proptest, which is made for them, import testing"
	case within(imported, "github.com/anishathalye/porcupine") && top != "proptest":
		return "only proptest checks histories"
	case top == "zkapi" && (inside && theirTop != "zkapi" || !inside && strings.Contains(first, ".")):
		return "zkapi stands on the standard library alone"
	case inside && isSibling(top) && theirTop != top && theirTop != "zkapi" && theirTop != seesToo[top]:
		return top + " does not choose what it works with"
	case within(folder, "memserver/internal/state") && hasEffects(imported):
		return "the state machine has no network, lock, clock or files"
	}
	return ""
}

func isSibling(top string) bool {
	for _, s := range siblings {
		if top == s {
			return true
		}
	}
	return false
}

func hasEffects(imported string) bool {
	for _, p := range []string{"net", "sync", "time", "os"} {
		if within(imported, p) && imported != "sync/atomic" && imported != "net/netip" { // addresses as values
			return true
		}
	}
	return false
}

func within(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// TestImports holds the import rules; .golangci.yml has them too, for editors.
func TestImports(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := forbidden(path.Dir(relative), imported); why != "" {
				t.Errorf("%s imports %s: %s", relative, imported, why)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, files, 50)
}

func TestForbidden(t *testing.T) {
	tests := []struct {
		folder, imported string
		ok               bool
	}{
		{"zkapi", "context", true},
		{"zkapi", module + "zkapi/wire", true},
		{"zkapi/wire", module + "zkapi", true},
		{"zkapi/wire", "github.com/tidwall/btree", false},
		{"zkapi", module + "memserver", false},
		{"zkapi", "testing", false},
		{"memserver", "github.com/tidwall/btree", true},
		{"memserver", "net", true},
		{"memserver", module + "memserver/internal/state", true},
		{"memserver", module + "zkapi/wire", true},
		{"memserver", module + "faults", false},
		{"memserver", module + "proptest", false},
		{"memserver", "testing/synctest", false},
		{"memserver/internal/state", "sync/atomic", true},
		{"memserver/internal/state", "sync", false},
		{"memserver/internal/state", "time", false},
		{"memserver/internal/state", "net/netip", true},
		{"memserver/internal/state", "os", false},
		{"recipes", module + "watchers", true},
		{"watchers", module + "recipes", false},
		{"recipes", module + "realserver", false},
		{"realserver/install", module + "realserver", true},
		{"faults", module + "memserver", false},
		{"proptest", module + "memserver", true},
		{"proptest", "testing/synctest", true},
		{"proptest/history", "github.com/anishathalye/porcupine", true},
		{"cmd/zksim", "github.com/anishathalye/porcupine", false},
		{"cmd/zksim", module + "memserver", true},
		{"cmd/zksim", "testing", false},
	}
	for _, tt := range tests {
		require.Equal(t, tt.ok, forbidden(tt.folder, tt.imported) == "", "%s imports %s", tt.folder, tt.imported)
	}
}
