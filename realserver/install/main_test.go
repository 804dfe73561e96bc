package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // or the error's start
	}{
		{nil, newest},
		{[]string{"3.8.6"}, "3.8.6"},
		{[]string{"3.10.0"}, "3.10.0"},
		{[]string{"3.9"}, `"3.9" is no release`},
		{[]string{"3.4.14"}, `"3.4.14" is no release`},
		{[]string{"-x"}, `"-x" is no release`},
		{[]string{"../../etc"}, `"../../etc" is no release`},
		{[]string{"3.9.5", "3.8.6"}, "one version at most"},
	} {
		got, err := parse(c.args)
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), c.want), err.Error())
			require.NotContains(t, err.Error(), "\n")
			continue
		}
		require.Equal(t, c.want, got)
	}
}

func TestPomNamesTheRelease(t *testing.T) {
	text := pom("3.8.6")
	require.Equal(t, 2, strings.Count(text, "<version>3.8.6</version>"), "the parent and the server")
	require.Contains(t, text, "<artifactId>logback-classic</artifactId>")
	require.NotContains(t, text, "VERSION")
	require.NotContains(t, text, "PROVIDED")
}

// fakeMaven puts a script in the place of mvn.
func fakeMaven(t *testing.T, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mvn"), []byte("#!/bin/sh\n"+script), 0o755))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestInstall(t *testing.T) {
	fakeMaven(t, `test -f pom.xml || exit 9
for a in "$@"; do case $a in -DoutputDirectory=*) d=${a#*=};; esac; done
mkdir "$d" && touch "$d/zookeeper-3.9.5.jar"`)
	cache := filepath.Join(t.TempDir(), "cache")
	var said strings.Builder
	require.Equal(t, 0, run(t.Context(), []string{"3.9.5"}, cache, &said), said.String())
	require.Equal(t, 0, run(t.Context(), []string{"3.9.5"}, cache, &said), said.String())

	require.Equal(t, []string{"zookeeper-3.9.5"}, entries(t, cache))
	require.Contains(t, said.String(), ": 1 jars\n")
	require.Contains(t, said.String(), "is already in")
}

func TestFailedInstallLeavesNothing(t *testing.T) {
	fakeMaven(t, `for a in "$@"; do case $a in -DoutputDirectory=*) d=${a#*=};; esac; done
mkdir "$d" && touch "$d/zookeeper-3.9.5.jar"
echo '[ERROR] [ERROR] Some problems were encountered'; echo '[ERROR] no such release -> [Help 1]'; echo '[ERROR] '; exit 1`)
	cache := t.TempDir()
	var said strings.Builder
	require.Equal(t, 1, run(t.Context(), []string{"3.9.5"}, cache, &said))
	require.Empty(t, entries(t, cache))
	require.Contains(t, said.String(), "install: mvn: exit status 1: no such release")
}

func TestWrongUsage(t *testing.T) {
	var said strings.Builder
	require.Equal(t, 2, run(t.Context(), []string{"nine"}, t.TempDir(), &said))
	require.Equal(t, 1, strings.Count(said.String(), "\n"))
	said.Reset()
	require.Equal(t, 0, run(t.Context(), []string{"--help"}, t.TempDir(), &said))
	require.Equal(t, "usage: install [version|exporter]\n", said.String())
}
