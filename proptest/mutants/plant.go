package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// All mutants are planted in one build. A function that has mutants becomes
// several: the original, one for each mutant, and one of the old name that calls
// the one that the environment variable asks for.

// variable names the mutant that is awake. Without it all of them sleep.
const variable = "ZKSIM_MUTANT"

// plant writes an overlay with the mutants for the go command. Nothing in the
// source is touched.
func plant(root, dir string, chosen []mutant) (overlay string, err error) {
	replace, written := make(map[string]string), 0
	put := func(file, text string) error {
		stand := filepath.Join(dir, fmt.Sprintf("%d.go", written))
		replace[file] = stand
		written++
		return os.WriteFile(stand, []byte(text), 0o600)
	}
	byFile := make(map[string][]*mutant)
	for i := range chosen {
		file := chosen[i].path()
		byFile[file] = append(byFile[file], &chosen[i])
	}
	for name, list := range byFile {
		file := filepath.Join(root, filepath.FromSlash(name))
		pkg, text, err := mutate(file, list)
		if err == nil {
			err = put(file, text)
		}
		if err == nil {
			err = put(filepath.Join(filepath.Dir(file), "zz_mutant.go"),
				fmt.Sprintf("package %s\n\nimport \"os\"\n\nvar awakeMutant = os.Getenv(%q)\n", pkg, variable))
		}
		if err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}

// edit replaces a piece of a file.
type edit struct {
	from, to int
	text     string
}

// mutate rewrites a file so that it contains the mutants.
func mutate(file string, list []*mutant) (pkg, text string, err error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	source := string(raw)
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, raw, parser.SkipObjectResolution)
	if err != nil {
		return "", "", err
	}
	offset := func(p token.Pos) int { return set.Position(p).Offset }
	mutants := make(map[*ast.FuncDecl][]*mutant)
	for _, m := range list {
		for _, p := range m.pieces() {
			at, err := m.find(source, p.old)
			if err != nil {
				return "", "", err
			}
			fn := enclosing(parsed, at, at+len(p.old), offset)
			if fn == nil {
				return "", "", fmt.Errorf("mutant %s: its text is not inside of a function", m.Name)
			}
			if !slices.Contains(mutants[fn], m) {
				mutants[fn] = append(mutants[fn], m)
			}
		}
	}
	var edits []edit
	var more strings.Builder
	for fn, list := range mutants {
		from, to, name := offset(fn.Pos()), offset(fn.End()), offset(fn.Name.Pos())
		after := name + len(fn.Name.Name)
		edits = append(edits, edit{name, after, fn.Name.Name + "Original"})
		var cases strings.Builder
		for _, m := range list {
			own := fn.Name.Name + "Mutant" + identifier(m.Name)
			body := source[after:to]
			for _, p := range m.pieces() {
				body = strings.Replace(body, p.old, p.now, 1)
			}
			fmt.Fprintf(&more, "\n%s%s%s\n", source[from:name], own, body)
			fmt.Fprintf(&cases, "case %q:\n%s\n", m.Name, call(fn, own))
		}
		text := func(n ast.Node) string { return source[offset(n.Pos()):offset(n.End())] }
		fmt.Fprintf(&more, "\n%s {\nswitch awakeMutant {\n%s}\n%s\n}\n", signature(fn, text), cases.String(), call(fn, fn.Name.Name+"Original"))
	}
	slices.SortFunc(edits, func(a, b edit) int { return b.from - a.from })
	for _, e := range edits {
		source = source[:e.from] + e.text + source[e.to:]
	}
	formatted, err := format.Source([]byte(source + more.String()))
	if err != nil {
		return "", "", fmt.Errorf("the mutants of %s are no Go: %w", filepath.Base(file), err)
	}
	return parsed.Name.Name, string(formatted), nil
}

// find tells where in a file a text of the mutant is. It must be there exactly once.
func (m *mutant) find(source, text string) (int, error) {
	if n := strings.Count(source, text); n != 1 {
		return 0, fmt.Errorf("mutant %s: its text occurs %d times in %s, not once: %q", m.Name, n, m.path(), text)
	}
	return strings.Index(source, text), nil
}

func enclosing(file *ast.File, from, to int, offset func(token.Pos) int) *ast.FuncDecl {
	for _, decl := range file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil && offset(fn.Name.End()) <= from && to <= offset(fn.End()) {
			return fn
		}
	}
	return nil
}

// signature is the head of the function that chooses, with names for all parameters.
func signature(fn *ast.FuncDecl, text func(ast.Node) string) string {
	var b strings.Builder
	b.WriteString("func ")
	if fn.Recv != nil {
		fmt.Fprintf(&b, "(r %s) ", text(fn.Recv.List[0].Type))
	}
	b.WriteString(fn.Name.Name + "(")
	n := 0
	for _, field := range fn.Type.Params.List {
		for range max(1, len(field.Names)) {
			fmt.Fprintf(&b, "p%d %s, ", n, text(field.Type))
			n++
		}
	}
	b.WriteString(")")
	if fn.Type.Results != nil {
		b.WriteString(" " + text(fn.Type.Results))
	}
	return b.String()
}

// call hands a function's parameters on to another one.
func call(fn *ast.FuncDecl, name string) string {
	var b strings.Builder
	if fn.Type.Results != nil {
		b.WriteString("return ")
	}
	if fn.Recv != nil {
		b.WriteString("r.")
	}
	b.WriteString(name + "(")
	n := 0
	for _, field := range fn.Type.Params.List {
		for range max(1, len(field.Names)) {
			fmt.Fprintf(&b, "p%d", n)
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				b.WriteString("...")
			}
			b.WriteString(", ")
			n++
		}
	}
	b.WriteString(")")
	if fn.Type.Results == nil {
		b.WriteString("\nreturn")
	}
	return b.String()
}

// identifier makes of "event-after-reply" what can stand in a name: "EventAfterReply".
func identifier(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "-") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}
