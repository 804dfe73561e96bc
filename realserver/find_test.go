package realserver

import (
	"archive/zip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// touch makes empty files, and the folders they are in, under a new temporary folder.
func touch(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, nil, 0o644))
	}
	return dir
}

func TestInstallsAreNewestFirst(t *testing.T) {
	home := touch(t, "lib/zookeeper-3.9.5.jar", "lib/zookeeper-jute-3.9.5.jar", "lib/logback-classic-1.3.15.jar")
	debian := touch(t, "zookeeper-3.8.0.jar", "zookeeper-jute.jar", "slf4j-simple.jar", "netty-codec.jar", "netty-buffer.jar")
	cache := touch(t, "zookeeper-3.9.5/zookeeper-3.9.5.jar", "zookeeper-3.10.0/zookeeper-3.10.0.jar")

	all, err := installs("java", home, debian, cache)
	require.NoError(t, err)
	var got []string
	for _, in := range all {
		got = append(got, in.Version+" "+in.Source)
		require.Equal(t, "java", in.Java)
	}
	require.Equal(t, []string{"3.10.0 maven", "3.9.5 env", "3.9.5 maven", "3.8.0 debian"}, got)
	require.Len(t, all[1].Classpath, 3)
	require.Equal(t, []string{filepath.Join(debian, "slf4j-simple.jar"), filepath.Join(debian, "netty-codec.jar")}, all[3].Classpath[1:])
}

func TestChosen(t *testing.T) {
	all := []Install{{Version: "3.9.5"}, {Version: "3.9.4"}, {Version: "3.8.0"}}
	for versions, want := range map[string][]string{
		"":            {"3.9.5", "3.9.4", "3.8.0"},
		"all":         {"3.9.5", "3.9.4", "3.8.0"},
		"newest":      {"3.9.5"},
		"3.9":         {"3.9.5", "3.9.4"},
		"3.8, 3.9.4":  {"3.9.4", "3.8.0"},
		"3.7":         nil,
		"3.8.0,3.8.0": {"3.8.0"},
	} {
		var got []string
		for _, in := range chosen(all, versions) {
			got = append(got, in.Version)
		}
		require.Equal(t, want, got, "%q", versions)
	}
	require.Empty(t, chosen(nil, "newest"))
}

func TestFindLeavesOut(t *testing.T) {
	in := FindT(t, "")
	t.Setenv(VersionsEnv, "1.0")
	t.Setenv(RequireEnv, "1")
	_, err := Find(in.Version)
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorContains(t, err, "version "+in.Version+": left out by $ZKSIM_ZOOKEEPER_VERSIONS")
	require.True(t, MaySkip(err))
	_, err = Find("1.0")
	require.ErrorIs(t, err, ErrNotFound)
	require.False(t, MaySkip(err), "it is required")
}

func TestInstallsWithNothingThere(t *testing.T) {
	none, err := installs("java", "", filepath.Join(t.TempDir(), "debian"), "")
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestHomeWithoutServer(t *testing.T) {
	home := touch(t, "lib/zookeeper-jute-3.9.5.jar")
	_, err := installs("java", home, t.TempDir(), t.TempDir())
	require.ErrorContains(t, err, "$ZKSIM_ZOOKEEPER_HOME: "+home+": no zookeeper-VERSION.jar")
}

func TestRenamedJar(t *testing.T) {
	dir := t.TempDir()
	jar := filepath.Join(dir, "zookeeper.jar")
	file, err := os.Create(jar)
	require.NoError(t, err)
	archive := zip.NewWriter(file)
	inside, err := archive.Create("META-INF/maven/org.apache.zookeeper/zookeeper/pom.properties")
	require.NoError(t, err)
	_, err = inside.Write([]byte("artifactId=zookeeper\nversion=3.7.2\n"))
	require.NoError(t, err)
	require.NoError(t, errors.Join(archive.Close(), file.Close()))

	in, err := fromFolder(dir)
	require.NoError(t, err)
	require.Equal(t, "3.7.2", in.Version)
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		version, want string
		ok            bool
	}{
		{"3.9.5", "", true},
		{"3.9.5", "3.9.5", true},
		{"3.9.5", "3.9", true},
		{"3.9.5", "3", true},
		{"3.9.5", "3.9.50", false},
		{"3.10.0", "3.1", false},
		{"3.8.0", "3.9", false},
	} {
		require.Equal(t, c.ok, matches(c.version, c.want), "%s for %q", c.version, c.want)
	}
}

func TestCompareVersions(t *testing.T) {
	ascending := []string{"3.8", "3.8.0", "3.9.5-SNAPSHOT", "3.9.5", "3.9.10", "3.10.0", "4.0"}
	for i := range ascending[1:] {
		require.Negative(t, compareVersions(ascending[i], ascending[i+1]), "%v", ascending[i:i+2])
		require.Positive(t, compareVersions(ascending[i+1], ascending[i]), "%v", ascending[i:i+2])
	}
}

func TestFindSaysWhereItLooked(t *testing.T) {
	if _, err := findJava(); err != nil {
		t.Skip(err)
	}
	_, err := Find("2.7")
	require.ErrorIs(t, err, ErrNotFound)
	for _, part := range []string{"version 2.7", HomeEnv, debianJars, "zookeeper-*", "realserver/install", "apt-get"} {
		require.ErrorContains(t, err, part)
	}
}

func TestFindWithoutJava(t *testing.T) {
	t.Setenv("JAVA_HOME", "")
	t.Setenv("PATH", t.TempDir())
	_, err := Find("")
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorContains(t, err, "no java")
}

func TestWriteConfig(t *testing.T) {
	o := newOptions(alone, []func(*Options){func(o *Options) {
		o.Config["tickTime"] = "500" // the map has the last word
		o.Config["znode.container.checkIntervalMs"] = "100"
		delete(o.Config, "maxClientCnxns")
	}})
	var text strings.Builder
	require.NoError(t, o.writeConfig(&text, `C:\data`, 2181, nil))
	require.Equal(t, strings.Join([]string{
		"4lw.commands.whitelist=*",
		"admin.enableServer=false",
		"clientPort=2181",
		"clientPortAddress=127.0.0.1",
		`dataDir=C:\\data`,
		"extendedTypesEnabled=true",
		"forceSync=no",
		"tickTime=500",
		"",
	}, "\n"), text.String())
	require.Equal(t, []string{"-Dznode.container.checkIntervalMs=100"}, o.properties())
}

func TestServerLog(t *testing.T) {
	n := new(news)
	l := newServerLog(false, n)
	changed := n.next()
	told := func() bool {
		select {
		case <-changed:
			changed = n.next()
			return true
		default:
			return false
		}
	}
	for _, part := range []string{"one\nUsing check", "IntervalMs=60000 max"} {
		_, _ = l.Write([]byte(part))
		require.False(t, told(), "the line is not whole yet")
	}
	_, _ = l.Write([]byte("PerMinute\ntwo\n"))
	require.True(t, told())
	serving, taken := l.progress()
	require.True(t, serving)
	require.False(t, taken)
	require.Equal(t, "two", l.tail(1))
	_, _ = l.Write([]byte("java.net.BindException: Address already in use\n"))
	require.True(t, told())
	_, taken = l.progress()
	require.True(t, taken)

	for range 40 {
		_, _ = l.Write([]byte(strings.Repeat("x", logLimit/16)))
	}
	require.LessOrEqual(t, len(l.String()), logLimit)
	require.Greater(t, len(l.String()), logLimit/2)
}

func TestLogOfAMember(t *testing.T) {
	l := newServerLog(true, new(news))
	for _, c := range []struct {
		line    string
		serving bool
	}{
		{"INFO ContainerManager - Using checkIntervalMs=60000", false}, // says nothing here
		{"INFO QuorumPeer - Peer state changed: following - synchronization", false},
		{"INFO QuorumPeer - Peer state changed: following - broadcast\r", true},
		{"INFO QuorumPeer - something else", true},
		{"INFO QuorumPeer - Peer state changed: looking", false},
		{"INFO ReadOnlyZooKeeperServer - Read-only server started", true},
		{"INFO QuorumPeer - Peer state changed: leading", false},
		{"INFO QuorumPeer - Peer state changed: leading - broadcast", true},
	} {
		_, _ = l.Write([]byte(c.line + "\n"))
		serving, _ := l.progress()
		require.Equal(t, c.serving, serving, c.line)
	}
}
