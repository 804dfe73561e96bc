package main

import (
	"archive/zip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The lists of names that recipes/NAMES.md is held to are those of the libraries, where these are installed.

func TestNamesOfKazoo(t *testing.T) {
	packages := installed(t, "kazoo-"+kazooVersion+"*", "kazoo")
	python, err := needTool("python3")
	if err != nil {
		without(t, err.Error())
	}
	out, err := exec.Command(python, filepath.Join("programs", "kazoo_names.py"), packages).Output()
	require.NoError(t, err)
	require.Equal(t, listed(t, "kazoo-"+kazooVersion+".txt"), strings.Fields(string(out)))
}

// Those of x-async are listed, too, but nothing here needs it, so it is not installed.
func TestNamesOfCurator(t *testing.T) {
	jars := installed(t, "curator-"+curatorVersion+"-*", "curator-x-discovery-"+curatorVersion+".jar")
	javap, err := needTool("javap")
	if err != nil {
		without(t, err.Error())
	}
	args := []string{"-cp", filepath.Join(jars, "*"), "-public"}
	for jar, folder := range map[string]string{"curator-recipes": "org/apache/curator/framework/recipes/", "curator-x-discovery": "org/apache/curator/x/discovery/"} {
		args = append(args, classes(t, filepath.Join(jars, jar+"-"+curatorVersion+".jar"), folder)...)
	}
	out, err := exec.Command(javap, args...).Output()
	require.NoError(t, err)
	want := slices.DeleteFunc(listed(t, "curator-"+curatorVersion+".txt"), func(name string) bool { return strings.Contains(name, ".x.async.") })
	require.Equal(t, sortedSet(want), sortedSet(publicNames(string(out))))
}

// without skips a test whose library is not installed, or fails it if it has to be.
func without(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("ZKSIM_REQUIRE_CLIENTS") == "1" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// installed finds a folder of the cache with something in it.
func installed(t *testing.T, pattern, content string) string {
	c, err := openCache(io.Discard)
	require.NoError(t, err)
	found, err := filepath.Glob(filepath.Join(c.dir, pattern, content))
	require.NoError(t, err)
	if len(found) == 0 {
		without(t, "there is no "+filepath.Join(pattern, content)+" in "+c.dir)
	}
	return filepath.Dir(found[0])
}

func listed(t *testing.T, file string) []string {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "recipes", "testdata", "names", file))
	require.NoError(t, err)
	return strings.Fields(string(text))
}

var anonymous = regexp.MustCompile(`\$\d`)

// classes are those of a jar.
func classes(t *testing.T, jar, folder string) (names []string) {
	r, err := zip.OpenReader(jar)
	require.NoError(t, err)
	defer r.Close()
	for _, f := range r.File {
		name, ok := strings.CutSuffix(f.Name, ".class")
		if ok && strings.HasPrefix(name, folder) && !anonymous.MatchString(name) {
			names = append(names, strings.ReplaceAll(name, "/", "."))
		}
	}
	require.NotEmpty(t, names)
	return names
}

var (
	classLine  = regexp.MustCompile(`^public .*?(?:class|interface|enum) ([\w.$]+)`)
	methodLine = regexp.MustCompile(`([\w.$]+)\(`)
	fieldLine  = regexp.MustCompile(`(\w+);$`)
)

// everyObject are the methods that are nobody's own.
var everyObject = []string{"equals", "hashCode", "toString", "compareTo", "values", "valueOf"}

// publicNames reads what javap prints.
func publicNames(text string) (names []string) {
	class := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if m := classLine.FindStringSubmatch(line); m != nil {
			class = strings.ReplaceAll(m[1], "$", ".")
			names = append(names, class)
			continue
		}
		if !strings.HasPrefix(line, "  ") {
			if line != "}" && !strings.HasPrefix(line, "Compiled") {
				class = "" // it is not public
			}
			continue
		}
		if name := member(line); class != "" && name != "" {
			names = append(names, class+"."+name)
		}
	}
	return names
}

// member is the name of a method or a constant; constructors have none.
func member(line string) string {
	if m := methodLine.FindStringSubmatch(line); m != nil {
		if strings.Contains(m[1], ".") || slices.Contains(everyObject, m[1]) {
			return ""
		}
		return m[1]
	}
	if m := fieldLine.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

func sortedSet(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
