package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// libraries are the packages that need nothing but themselves to be shown, with
// all below them. An example of realserver or proptest would start servers.
var libraries = []string{"zkapi", "memserver", "faults", "watchers", "recipes"}

// TestEachFunctionHasAnExample holds the rule that each exported function of a
// library is called in an example.
func TestEachFunctionHasAnExample(t *testing.T) {
	for _, top := range libraries {
		root := filepath.Join("..", "..", top)
		err := filepath.WalkDir(root, func(dir string, entry fs.DirEntry, err error) error {
			switch {
			case os.IsNotExist(err):
				return nil // it is still to come
			case err != nil:
				return err
			case !entry.IsDir():
				return nil
			case entry.Name() == "internal" || entry.Name() == "testdata":
				return fs.SkipDir
			}
			functions, used := exportedFunctions(t, dir)
			for _, name := range functions {
				assert.True(t, used[name], "%s: no example calls %s", dir, name)
			}
			return nil
		})
		require.NoError(t, err)
	}
}

// exportedFunctions lists the exported functions of a package, and the names
// that its examples use.
func exportedFunctions(t *testing.T, dir string) (functions []string, used map[string]bool) {
	used = make(map[string]bool)
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		if file.Name.Name == "main" {
			return nil, nil
		}
		test := strings.HasSuffix(name, "_test.go")
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			switch {
			case !ok || f.Recv != nil:
			case !test && f.Name.IsExported():
				functions = append(functions, f.Name.Name)
			case test && strings.HasPrefix(f.Name.Name, "Example"):
				ast.Inspect(f, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok {
						used[id.Name] = true
					}
					return true
				})
			}
		}
	}
	return functions, used
}
