package realserver

import (
	"archive/zip"
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// HomeEnv names the environment variable that points to an unpacked ZooKeeper release.
const HomeEnv = "ZKSIM_ZOOKEEPER_HOME"

// VersionsEnv names the environment variable that limits which of this machine's releases are used:
// "newest", "all", or versions as [Find] understands them, with commas between them. Without it all are.
const VersionsEnv = "ZKSIM_ZOOKEEPER_VERSIONS"

// ErrNotFound is returned by [Find] when this machine has no Java or no ZooKeeper that fits.
// The error that wraps it says where Find looked and how to install what is missing.
var ErrNotFound = errors.New("no real ZooKeeper on this machine")

// errLeftOut is why a release that is there is not used.
var errLeftOut = errors.New("left out by $" + VersionsEnv)

// Install is a ZooKeeper release on this machine, with the Java that runs it.
type Install struct {
	Version   string   // such as 3.9.6
	Source    string   // where it comes from: "env", "debian" or "maven"
	Java      string   // path of the java program
	Classpath []string // the release's jars
}

// String is what tests log, and what make test prints at its end: "ZooKeeper 3.9.5 (maven)".
func (in Install) String() string { return fmt.Sprintf("ZooKeeper %s (%s)", in.Version, in.Source) }

// Installs returns the ZooKeeper releases on this machine that $ZKSIM_ZOOKEEPER_VERSIONS allows, which
// is all of them unless it is set, newest first. Where the same version is
// there more than once, the one that $ZKSIM_ZOOKEEPER_HOME names comes first, then Debian's.
// No Java means no installs. The error is non-nil only if $ZKSIM_ZOOKEEPER_HOME or the cache folder
// holds something that cannot be used.
func Installs() ([]Install, error) {
	all, err := allInstalls()
	return chosen(all, os.Getenv(VersionsEnv)), err
}

func allInstalls() ([]Install, error) {
	java, err := findJava()
	if err != nil {
		return nil, nil // a machine without Java has no installs: Find says so
	}
	return installs(java, os.Getenv(HomeEnv), debianJars, CacheDir())
}

// chosen leaves out what the versions do not name. The installs begin with the newest.
func chosen(all []Install, versions string) []Install {
	switch versions {
	case "", "all":
		return all
	case "newest":
		return all[:min(1, len(all))]
	}
	wanted := strings.Split(versions, ",")
	return slices.DeleteFunc(slices.Clone(all), func(in Install) bool {
		return !slices.ContainsFunc(wanted, func(want string) bool { return matches(in.Version, strings.TrimSpace(want)) })
	})
}

// Find returns the install of the given version: "" is the newest, "3.9" the newest of that line,
// "3.9.6" exactly that one.
func Find(version string) (Install, error) {
	if _, err := findJava(); err != nil {
		return Install{}, fmt.Errorf("realserver: %w: %w", ErrNotFound, err)
	}
	all, err := allInstalls()
	if err != nil {
		return Install{}, err
	}
	fits := func(in Install) bool { return matches(in.Version, version) }
	used := chosen(all, os.Getenv(VersionsEnv))
	if i := slices.IndexFunc(used, fits); i >= 0 {
		return used[i], nil
	}
	if slices.ContainsFunc(all, fits) {
		return Install{}, fmt.Errorf("realserver: %w: version %s: %w", ErrNotFound, version, errLeftOut)
	}
	return Install{}, notFound(version, all)
}

// CacheDir returns the folder that holds the downloaded releases, each in zookeeper-VERSION.
// It is "" on a machine where the user has no cache folder.
func CacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "zksim")
}

func notFound(version string, have []Install) error {
	var b strings.Builder
	if version != "" {
		fmt.Fprintf(&b, "version %s, ", version)
	}
	fmt.Fprintf(&b, "looked at $%s, %s and %s", HomeEnv, debianJars, filepath.Join(CacheDir(), "zookeeper-*"))
	for _, in := range have {
		fmt.Fprintf(&b, "; found %s (%s)", in.Version, in.Source)
	}
	b.WriteString("; to install one: go run github.com/zksim/zksim/realserver/install, or apt-get install zookeeper")
	return fmt.Errorf("realserver: %w: %s", ErrNotFound, b.String())
}

func findJava() (string, error) {
	name := "java"
	if runtime.GOOS == "windows" {
		name = "java.exe"
	}
	if home := os.Getenv("JAVA_HOME"); home != "" {
		if path, err := exec.LookPath(filepath.Join(home, "bin", name)); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", errors.New("no java in $JAVA_HOME/bin or on $PATH; install a JRE, version 11 or newer")
	}
	return path, nil
}

func installs(java, home, debian, cache string) ([]Install, error) {
	var all []Install
	if home != "" {
		in, err := fromFolder(home)
		if err != nil {
			return nil, fmt.Errorf("realserver: $%s: %w", HomeEnv, err)
		}
		in.Source = "env"
		all = append(all, in)
	}
	if in, ok := fromDebian(debian); ok {
		all = append(all, in)
	}
	cached, err := filepath.Glob(filepath.Join(cache, "zookeeper-*"))
	if err != nil || cache == "" {
		cached = nil // a cache folder whose name is no pattern holds nothing of ours
	}
	for _, dir := range cached {
		in, err := fromFolder(dir)
		if err != nil {
			return nil, fmt.Errorf("realserver: %w", err)
		}
		in.Source = "maven"
		all = append(all, in)
	}
	for i := range all {
		all[i].Java = java
	}
	slices.SortStableFunc(all, func(a, b Install) int { return compareVersions(b.Version, a.Version) })
	return all, nil
}

// fromFolder reads an unpacked release, or a folder with nothing but its jars.
func fromFolder(dir string) (Install, error) {
	dir, err := filepath.Abs(dir) // the server runs in a folder of its own
	if err != nil {
		return Install{}, err
	}
	for _, sub := range []string{"lib", "."} {
		jars, err := filepath.Glob(filepath.Join(dir, sub, "*.jar"))
		if err != nil {
			return Install{}, err
		}
		for _, jar := range jars {
			if version, ok := jarVersion(jar); ok {
				return Install{Version: version, Classpath: jars}, nil
			}
		}
	}
	return Install{}, fmt.Errorf("%s: no zookeeper-VERSION.jar in it or in its lib folder", dir)
}

// debianJars is where Debian and Ubuntu keep their Java libraries.
const debianJars = "/usr/share/java"

// fromDebian reads the packages libzookeeper-java and libslf4j-java. The manifest of zookeeper.jar
// names the jars it needs, but no logger, without which the server would say nothing, and not all
// of Netty that a port with TLS takes.
func fromDebian(dir string) (Install, bool) {
	jars, err := filepath.Glob(filepath.Join(dir, "zookeeper-[0-9]*.jar"))
	if err != nil || len(jars) == 0 {
		return Install{}, false
	}
	version, ok := jarVersion(jars[0])
	if !ok {
		return Install{}, false
	}
	classpath := []string{jars[0], filepath.Join(dir, "slf4j-simple.jar")}
	for _, name := range []string{"netty-codec.jar", "netty-resolver.jar"} {
		if jar := filepath.Join(dir, name); isFile(jar) {
			classpath = append(classpath, jar)
		}
	}
	return Install{Version: version, Source: "debian", Classpath: classpath}, true
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// jarVersion tells the version of ZooKeeper's server jar from its name, or, where somebody renamed it,
// from the properties that Maven leaves inside. It is false for every other jar.
func jarVersion(jar string) (string, bool) {
	name := strings.TrimSuffix(filepath.Base(jar), ".jar")
	if version, ok := strings.CutPrefix(name, "zookeeper-"); ok && len(parseVersion(version)) > 1 {
		return version, true
	}
	if name != "zookeeper" {
		return "", false
	}
	archive, err := zip.OpenReader(jar)
	if err != nil {
		return "", false
	}
	defer archive.Close()
	file, err := archive.Open("META-INF/maven/org.apache.zookeeper/zookeeper/pom.properties")
	if err != nil {
		return "", false
	}
	defer file.Close()
	return propertiesVersion(file)
}

func propertiesVersion(r io.Reader) (string, bool) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if version, ok := strings.CutPrefix(lines.Text(), "version="); ok {
			return strings.TrimSpace(version), true
		}
	}
	return "", false
}

// matches tells whether version is want, or of the line that want names: 3.9 stands for all 3.9.x.
func matches(version, want string) bool {
	return want == "" || version == want || strings.HasPrefix(version, want+".")
}

// parseVersion returns the leading numbers of a version: 3.9.6 for 3.9.6-SNAPSHOT, none for jute-3.9.6.
func parseVersion(version string) []int {
	var numbers []int
	for part := range strings.SplitSeq(version, ".") {
		digits, _, qualified := strings.Cut(part, "-")
		n, err := strconv.Atoi(digits)
		if err != nil {
			break
		}
		numbers = append(numbers, n)
		if qualified {
			break
		}
	}
	return numbers
}

// compareVersions orders by the numbers; of equal numbers the plain release is newer than 3.9.6-SNAPSHOT.
func compareVersions(a, b string) int {
	return cmp.Or(
		slices.Compare(parseVersion(a), parseVersion(b)),
		cmp.Compare(strings.Count(b, "-"), strings.Count(a, "-")),
	)
}
