package recipes_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// NAMES.md has every public name of kazoo and Curator, and no name of ours that is none.
func TestNamesElsewhere(t *testing.T) {
	page, err := os.ReadFile("NAMES.md")
	require.NoError(t, err)
	kazoo, curator, found := strings.Cut(string(page), "\n## Curator")
	require.True(t, found)
	ours := exported(t)
	require.Empty(t, readPage(kazoo, namesIn(t, "kazoo-2.11.0.txt"), ours))
	require.Empty(t, readPage(curator, namesIn(t, "curator-5.9.0.txt"), ours))
}

// The tables of names in the packages' documentation, too.
func TestNamesInDocumentation(t *testing.T) {
	ours := exported(t)
	for _, dir := range []string{"recipes", "watchers"} {
		text, err := os.ReadFile(filepath.Join("..", dir, "doc.go"))
		require.NoError(t, err)
		names := qualified.FindAllString(string(text), -1)
		require.NotEmpty(t, names)
		for _, name := range names {
			require.True(t, ours[name] || ours[dir+"."+name], "%s/doc.go: there is no %s", dir, name)
		}
	}
}

// qualified is what can only be a name of ours in a table.
var qualified = regexp.MustCompile(`\b(zkapi|watchers|realserver)\.[A-Z]\w+(\.[A-Z]\w+)?|\b(Options|CellOptions|CacheConfig|Config|Cache|Lock|Semaphore|Hold|LeaderLatch|Election|Shared|PartitionOptions|SetPartitioner)\.[A-Z]\w+`)

func TestWrongNamesAreNoticed(t *testing.T) {
	theirs := []string{"a.Lock", "a.Lock.acquire", "a.Lock.cancel", "a.Party", "a.Party.join"}
	ours := map[string]bool{"Lock": true, "Lock.Acquire": true}
	const right = "| kazoo | here |\n| --- | --- |\n| `Lock` `Party` | `Lock` |\n| `.acquire` `.cancel` | `Lock.Acquire` |\n"
	for _, c := range []struct{ page, want string }{
		{right + "| `.join` | not here: nobody wants it |\n", ""},
		{right + "| `.*` | not here: nobody wants it |\n", ""},
		{right, "Party.join is missing"},
		{right + "| `.join` | `Lock.Join` |\n", "| `.join` | `Lock.Join` |: there is no Lock.Join"},
		{right + "| `.join` `.leave` | `Lock` |\n", "| `.join` `.leave` | `Lock` |: nobody has .leave"},
		{right + "| `.join` | nothing |\n", "| `.join` | nothing |: neither a name of ours nor a reason"},
		{right + "| `.*` | `Lock` |\n", "| `.*` | `Lock` |: all of them, without a reason"},
		{right + "| `.join` | not here: nobody wants it |\n| `Queue` | `Lock` |\n", "| `Queue` | `Lock` |: nobody has Queue"},
	} {
		require.Equal(t, c.want, strings.Join(readPage(c.page, theirs, ours), "; "))
	}
}

// namesIn reads a list of names. What is before the class does not matter.
func namesIn(t *testing.T, file string) []string {
	text, err := os.ReadFile(filepath.Join("testdata", "names", file))
	require.NoError(t, err)
	return strings.Fields(string(text))
}

var quoted = regexp.MustCompile("`([^`]+)`")

// readPage reads tables whose rows have names of theirs, and what they are here. It tells what is wrong.
func readPage(page string, theirs []string, ours map[string]bool) (wrong []string) {
	all := make(map[string]bool) // whether a name has been seen
	for _, name := range theirs {
		all[fromClass(name)] = false
	}
	var classes []string
	for row := range strings.Lines(page) {
		row = strings.TrimSpace(row)
		left, here, ok := strings.Cut(strings.Trim(row, "| "), " | ")
		if !strings.HasPrefix(row, "| `") || !ok {
			continue
		}
		names := words(left)
		if named := slices.DeleteFunc(slices.Clone(names), func(x string) bool { return strings.HasPrefix(x, ".") }); len(named) > 0 {
			classes = named
		}
		for _, name := range names {
			if !see(all, classes, name) {
				wrong = append(wrong, row+": nobody has "+name)
			}
		}
		_, reason, leftOut := strings.Cut(here, "not here: ")
		switch {
		case leftOut && reason != "":
			continue
		case slices.Contains(names, ".*"):
			wrong = append(wrong, row+": all of them, without a reason")
		case len(words(here)) == 0 && !strings.HasPrefix(here, "as above"):
			wrong = append(wrong, row+": neither a name of ours nor a reason")
		}
		for _, name := range words(here) {
			if !ours[name] {
				wrong = append(wrong, row+": there is no "+name)
			}
		}
	}
	for name, seen := range all {
		if !seen {
			wrong = append(wrong, name+" is missing")
		}
	}
	slices.Sort(wrong)
	return wrong
}

func words(cell string) (all []string) {
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}

// see marks a name: a class, or a member of one of the classes, or all members.
func see(all map[string]bool, classes []string, name string) (found bool) {
	for other := range all {
		for _, class := range classes {
			if other == name || other == class+name || name == ".*" && strings.HasPrefix(other, class+".") && !isClass(other) {
				all[other], found = true, true
			}
		}
	}
	return found || name == ".*" // of exceptions and the like nothing may be left
}

// isClass tells a class within another one from a member.
func isClass(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return unicode.IsUpper(rune(last[0])) && strings.ToUpper(last) != last
}

// fromClass cuts off the module or package.
func fromClass(name string) string {
	parts := strings.Split(name, ".")
	i := slices.IndexFunc(parts, func(x string) bool { return unicode.IsUpper(rune(x[0])) })
	return strings.Join(parts[i:], ".")
}

// exported are the names of our packages, those of recipes without its name: functions, types, methods, fields,
// constants and variables.
func exported(t *testing.T) map[string]bool {
	names := make(map[string]bool)
	for _, dir := range []string{"recipes", "watchers", "zkapi", "realserver"} {
		prefix := dir + "."
		if dir == "recipes" {
			prefix = ""
		}
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, decl := range tree.Decls {
				for _, name := range declared(decl) {
					names[prefix+name] = true
				}
			}
		}
	}
	return names
}

// declared are the names that a declaration makes.
func declared(decl ast.Decl) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return []string{d.Name.Name}
		}
		return []string{receiver(d.Recv.List[0].Type) + "." + d.Name.Name}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range s.Names {
					names = append(names, name.Name)
				}
			case *ast.TypeSpec:
				names = append(names, s.Name.Name)
				for _, member := range members(s.Type) {
					names = append(names, s.Name.Name+"."+member)
				}
			}
		}
	}
	return names
}

func receiver(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}

// members are the fields of a struct, or the methods of an interface.
func members(x ast.Expr) (names []string) {
	var list *ast.FieldList
	switch x := x.(type) {
	case *ast.StructType:
		list = x.Fields
	case *ast.InterfaceType:
		list = x.Methods
	default:
		return nil
	}
	for _, f := range list.List {
		for _, name := range f.Names {
			names = append(names, name.Name)
		}
	}
	return names
}
