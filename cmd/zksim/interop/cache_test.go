package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCacheMakesOnce(t *testing.T) {
	c := cache{t.TempDir(), nil}
	made := 0
	fill := func(dir string) error {
		made++
		return os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)
	}
	for range 2 {
		dir, err := c.make("thing", fill)
		require.NoError(t, err)
		require.FileExists(t, filepath.Join(dir, "file"))
	}
	require.Equal(t, 1, made)
}

func TestFailureLeavesNothingInTheCache(t *testing.T) {
	c := cache{t.TempDir(), nil}
	broken := errors.New("broken")
	_, err := c.make("thing", func(dir string) error {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "half"), nil, 0o600))
		return broken
	})
	require.ErrorIs(t, err, broken)
	left, err := os.ReadDir(c.dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestFolderSaysWhatFailed(t *testing.T) {
	var progress strings.Builder
	c := cache{t.TempDir(), &progress}
	_, err := c.folder(t.Context(), "a thing 1.0", nil, func(string) []string { return []string{"go", "nosuch"} })
	require.ErrorContains(t, err, "go: exit status 2: go nosuch: unknown command")
	require.Equal(t, "interop: preparing a thing 1.0\n", progress.String())
}

func TestSourcesAreNamedByTheirText(t *testing.T) {
	c := cache{t.TempDir(), nil}
	one, err := c.sources("programs/kazoo_client.py")
	require.NoError(t, err)
	other, err := c.sources("programs/node_client.js")
	require.NoError(t, err)
	require.NotEqual(t, one, other)
	text, err := os.ReadFile(filepath.Join(one, "kazoo_client.py"))
	require.NoError(t, err)
	require.Contains(t, string(text), "KazooClient")
}

func TestSkippedWithTheReason(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, c := range allClients() {
		if c.name == "go" || c.name == "recipes-go" { // they need nothing
			continue
		}
		r := c.onAll(t.Context(), nil, cache{t.TempDir(), nil}, 0)
		require.Contains(t, r.Skipped, "on $PATH", c.name)
	}
}
