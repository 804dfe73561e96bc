package main

import (
	"context"
	"embed"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/zksim/zksim/cmd/zksim/interop/pairs"
)

// client is a client library with its program.
type client struct {
	name    string
	version string
	// prepare installs and compiles what the program needs, on first use. Its error is the reason why
	// the client cannot run here.
	prepare func(context.Context, cache) (program, error)
	library pairs.Library // whose recipes meet ours, if that is what it does
}

const (
	kazooVersion    = "2.11.0"
	saslVersion     = "0.6.2" // of pure-sasl, which kazoo wants for SASL
	nodeVersion     = "1.1.3"
	javaVersion     = "3.9.5"
	curatorVersion  = "5.9.0"
	goClientPackage = "github.com/go-zookeeper/zk"
)

func allClients() []client {
	return []client{
		{name: "go", version: moduleVersion(goClientPackage), prepare: prepareGo},
		{name: "kazoo", version: kazooVersion, prepare: kazooProgram("kazoo_client.py")},
		{name: "java", version: javaVersion, prepare: javaProgram("JavaClient")},
		{name: "zkcli", version: javaVersion, prepare: javaProgram("ZkCli")},
		{name: "curator", version: curatorVersion, prepare: javaProgram("CuratorClient")},
		{name: "c", version: "libzookeeper-mt", prepare: prepareC},
		{name: "node", version: nodeVersion, prepare: prepareNode},
		recipesClient("recipes-go", moduleVersion(goClientPackage), pairs.GoZK),
		recipesClient("recipes-kazoo", kazooVersion, pairs.Kazoo),
		recipesClient("recipes-curator", curatorVersion, pairs.Curator),
		recipesClient("recipes-java", javaVersion, pairs.Java),
		recipesClient("recipes-c", javaVersion, pairs.C),
		recipesClient("recipes-all", "of these", pairs.All),
		recipesClient("recipes-planted", "of these", pairs.Planted),
	}
}

func recipesClient(name, version string, lib pairs.Library) client {
	return client{name: name, version: version, prepare: meets(lib), library: lib}
}

// preparePeer prepares the program with the recipes of a library.
func preparePeer(lib pairs.Library) func(context.Context, cache) (program, error) {
	switch lib {
	case pairs.Kazoo:
		return kazooProgram("kazoo_peer.py")
	case pairs.Curator:
		return javaProgram("CuratorPeer")
	case pairs.Java:
		return prepareJavaPeer
	}
	return prepareCPeer
}

func clientNames() []string {
	var names []string
	for _, c := range allClients() {
		names = append(names, c.name)
	}
	return names
}

// chooseClients returns the clients with these names, or all.
func chooseClients(names []string) ([]client, error) {
	all := allClients()
	if len(names) == 0 {
		return all, nil
	}
	var chosen []client
	for _, name := range names {
		i := slices.IndexFunc(all, func(c client) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no client is called %q; there are %s", name, strings.Join(clientNames(), ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// moduleVersion tells the version of a Go module that this program was built with.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, module := range info.Deps {
		if module.Path == path {
			return strings.TrimPrefix(module.Version, "v")
		}
	}
	return "unknown"
}

//go:embed programs
var sources embed.FS

func prepareGo(context.Context, cache) (program, error) { return goProgram{}, nil }

// kazooProgram prepares one of the Python programs. It has pip install into a plain folder: that works
// also where Python's venv is a package of its own, or where the system's Python is not to be installed
// into.
func kazooProgram(file string) func(context.Context, cache) (program, error) {
	return func(ctx context.Context, c cache) (program, error) {
		python, err := needTool("python3")
		if err != nil {
			return nil, err
		}
		packages, err := c.folder(ctx, "kazoo "+kazooVersion+" pure-sasl "+saslVersion, nil, func(dir string) []string {
			return []string{python, "-m", "pip", "install", "--quiet", "--target", dir, "kazoo==" + kazooVersion, "pure-sasl==" + saslVersion}
		})
		if err != nil {
			return nil, err
		}
		script, err := c.sources("programs/" + file)
		if err != nil {
			return nil, err
		}
		return command{
			args: []string{python, filepath.Join(script, file)},
			env:  []string{"PYTHONPATH=" + packages, "PYTHONDONTWRITEBYTECODE=1", "PYTHONIOENCODING=utf-8"},
		}, nil
	}
}

func prepareNode(ctx context.Context, c cache) (program, error) {
	node, err := needTool("node")
	if err != nil {
		return nil, err
	}
	npm, err := needTool("npm")
	if err != nil {
		return nil, err
	}
	packages, err := c.folder(ctx, "node-zookeeper-client "+nodeVersion, nil, func(dir string) []string {
		return []string{npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", dir,
			"node-zookeeper-client@" + nodeVersion}
	})
	if err != nil {
		return nil, err
	}
	script, err := c.sources("programs/node_client.js")
	if err != nil {
		return nil, err
	}
	return command{
		args: []string{node, filepath.Join(script, "node_client.js")},
		env:  []string{"NODE_PATH=" + filepath.Join(packages, "node_modules")},
	}, nil
}

func prepareC(ctx context.Context, c cache) (program, error) {
	cc, err := needTool("cc")
	if err != nil {
		return nil, err
	}
	source, err := c.sources("programs/c_client.c")
	if err != nil {
		return nil, err
	}
	built, err := c.folder(ctx, "c client", []string{source}, func(dir string) []string {
		return []string{cc, "-std=c11", "-O1", "-Wall", "-Wextra", "-DTHREADED", "-o", filepath.Join(dir, "c"),
			filepath.Join(source, "c_client.c"), "-lzookeeper_mt", "-lpthread"}
	})
	if err != nil {
		return nil, fmt.Errorf("it needs libzookeeper-mt with its headers (apt-get install libzookeeper-mt-dev): %w", err)
	}
	return command{args: []string{filepath.Join(built, "c")}}, nil
}

// distribution returns the folder of the recipes that come with ZooKeeper, in Java and C. Nobody has them
// compiled; they are in the release's source, which is in the Maven repository.
func distribution(ctx context.Context, c cache) (string, error) {
	mvn, err := needTool("mvn")
	if err != nil {
		return "", err
	}
	project, err := c.sources("programs/java/pom.xml")
	if err != nil {
		return "", err
	}
	dir, err := c.folder(ctx, "zookeeper recipes "+javaVersion, nil, func(dir string) []string {
		return append(maven(mvn, project), "dependency:unpack",
			"-Dartifact=org.apache.zookeeper:parent:"+javaVersion+":zip:source-release",
			"-Dmdep.unpack.includes=*/zookeeper-recipes/*/src/main/**", "-DoutputDirectory="+dir,
			"-Dtarget="+dir) // where it notes that it has done so
	})
	return filepath.Join(dir, "parent-"+javaVersion, "zookeeper-recipes"), err
}

func maven(mvn, project string) []string {
	return []string{mvn, "--batch-mode", "--quiet", "--strict-checksums", "-f", filepath.Join(project, "pom.xml"),
		"-Dzookeeper=" + javaVersion, "-Dcurator=" + curatorVersion}
}

func prepareCPeer(ctx context.Context, c cache) (program, error) {
	cc, err := needTool("cc")
	if err != nil {
		return nil, err
	}
	recipes, err := distribution(ctx, c)
	if err != nil {
		return nil, err
	}
	source, err := c.sources("programs/c_peer.c")
	if err != nil {
		return nil, err
	}
	built, err := c.folder(ctx, "c peer", []string{source, recipes}, func(dir string) []string {
		args := []string{cc, "-std=gnu11", "-O1", "-w", "-DTHREADED", "-o", filepath.Join(dir, "c"), filepath.Join(source, "c_peer.c"),
			"-I/usr/include/zookeeper", "-I/usr/local/include/zookeeper"} // the recipes include <zookeeper.h>
		for _, name := range []string{"lock", "queue"} {
			home := filepath.Join(recipes, "zookeeper-recipes-"+name, "src", "main", "c")
			args = append(args, "-I"+filepath.Join(home, "include"), filepath.Join(home, "src", "zoo_"+name+".c"))
		}
		return append(args, "-lzookeeper_mt", "-lpthread")
	})
	if err != nil {
		return nil, fmt.Errorf("it needs libzookeeper-mt with its headers (apt-get install libzookeeper-mt-dev): %w", err)
	}
	return command{args: []string{filepath.Join(built, "c")}}, nil
}

// javaProgram prepares one of the Java programs. They are compiled together, once.
func javaProgram(class string) func(context.Context, cache) (program, error) {
	return func(ctx context.Context, c cache) (program, error) {
		jars, err := javaLibraries(ctx, c)
		if err != nil {
			return nil, err
		}
		return compileJava(ctx, c, class, jars, nil, "Program", "JavaClient", "ZkCli", "CuratorClient",
			"Peer", "CuratorPeer", "CuratorItems", "CuratorQueue", "CuratorSharder", "CuratorDiscovery", "CuratorCaches")
	}
}

// prepareJavaPeer compiles the recipes that come with ZooKeeper together with a program that uses them.
func prepareJavaPeer(ctx context.Context, c cache) (program, error) {
	jars, err := javaLibraries(ctx, c)
	if err != nil {
		return nil, err
	}
	recipes, err := distribution(ctx, c)
	if err != nil {
		return nil, err
	}
	java := filepath.Join("src", "main", "java")
	theirs, err := filepath.Glob(filepath.Join(recipes, "*", java, "org", "apache", "zookeeper", "recipes", "*", "*.java"))
	if err != nil {
		return nil, err
	}
	return compileJava(ctx, c, "JavaPeer", jars, theirs, "Program", "Peer", "JavaPeer")
}

// compileJava compiles files and programs of ours and makes the command that runs one of them.
func compileJava(ctx context.Context, c cache, class, jars string, files []string, programs ...string) (program, error) {
	java, err := needTool("java")
	if err != nil {
		return nil, err
	}
	javac, err := needTool("javac")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range programs {
		names = append(names, "programs/java/"+name+".java")
	}
	source, err := c.sources(names...)
	if err != nil {
		return nil, err
	}
	all := filepath.Join(jars, "*") // java and javac expand it
	classes, err := c.folder(ctx, "java programs", append([]string{source, jars}, files...), func(dir string) []string {
		args := append([]string{javac, "-nowarn", "-encoding", "UTF-8", "--release", "11", "-cp", all, "-d", dir}, files...)
		for _, name := range names {
			args = append(args, filepath.Join(source, filepath.Base(name)))
		}
		return args
	})
	if err != nil {
		return nil, err
	}
	classpath := strings.Join([]string{classes, all}, string(filepath.ListSeparator))
	return command{args: []string{java, "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classpath, class}}, nil
}

// javaLibraries returns the folder of the libraries.
func javaLibraries(ctx context.Context, c cache) (string, error) {
	mvn, err := needTool("mvn")
	if err != nil {
		return "", err
	}
	project, err := c.sources("programs/java/pom.xml")
	if err != nil {
		return "", err
	}
	return c.folder(ctx, "curator "+curatorVersion, []string{project}, func(dir string) []string {
		return append(maven(mvn, project), "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+dir)
	})
}
