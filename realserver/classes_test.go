package realserver

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestArchivePath(t *testing.T) {
	if CacheDir() == "" {
		t.Skip("this user has no cache folder")
	}
	jar := filepath.Join(t.TempDir(), "zookeeper-3.9.9.jar")
	in := Install{Version: "3.9.9", Java: jar, Classpath: []string{jar}}
	require.Empty(t, archivePath(in), "there is no such jar")
	require.NoError(t, os.WriteFile(jar, []byte("jar"), 0o600))
	path := archivePath(in)
	require.Equal(t, CacheDir(), filepath.Dir(path))
	require.Equal(t, path, archivePath(in))
	require.NoError(t, os.Chtimes(jar, time.Time{}, time.Now().Add(time.Hour)))
	require.NotEqual(t, path, archivePath(in), "another jar of the same name")
}

func TestArchiveIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "classes.jsa")
	in := Install{Version: "3.9.9", Java: filepath.Join(t.TempDir(), "java")} // which is not there
	require.Error(t, makeArchive(in, path))
	left, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Empty(t, left)

	require.NoError(t, os.WriteFile(path+".lock", nil, 0o600))
	require.ErrorIs(t, makeArchive(in, path), os.ErrExist, "somebody else is at it")
	require.NoError(t, os.Chtimes(path+".lock", time.Time{}, time.Now().Add(-2*making)))
	require.NotErrorIs(t, makeArchive(in, path), os.ErrExist, "nobody is any more")
	require.NoFileExists(t, path+".lock")

	require.NoError(t, os.WriteFile(path, []byte("archive"), 0o600))
	require.NoError(t, makeArchive(in, path), "it is there")
}

// TestArchives needs a JVM to say anything.
func TestArchives(t *testing.T) {
	Concurrent(t)
	in := FindT(t, "")
	t.Run("real/used", func(t *testing.T) {
		s := RunT(t, "")
		line := strings.Join(s.commandLine(), " ")
		if _, err := os.Stat(archivePath(in)); err != nil {
			require.NotContains(t, line, "SharedArchiveFile")
			t.Skipf("this Java makes none: %v", err)
		}
		require.Contains(t, line, "-XX:SharedArchiveFile="+archivePath(in))
	})
	t.Run("not wanted", func(t *testing.T) {
		require.Equal(t, []string{"-Xmx1g"}, shareClasses(in, []string{"-Xmx1g"}))
	})
	t.Run("real/broken", func(t *testing.T) {
		broken := filepath.Join(t.TempDir(), "classes.jsa")
		require.NoError(t, os.WriteFile(broken, []byte("no archive"), 0o600))
		RunT(t, "", func(o *Options) {
			o.JVM = slices.Replace(o.JVM, 0, 1, "-Xshare:auto", "-XX:SharedArchiveFile="+broken)
		})
	})
}
