package realserver

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options says how a server is started. [Start] fills it with what short tests want, then calls the
// option functions, which may change anything.
type Options struct {
	// TickTime is ZooKeeper's basic unit of time: session timeouts lie between 2 and 20 ticks unless
	// Config says otherwise, and expire on a tick. The default is 2s.
	TickTime time.Duration

	// Config holds more settings under ZooKeeper's own names, as lines of zoo.cfg. Those that the
	// server reads only from a system property (readonlymode.enabled, and what starts with "znode." or
	// "jute.") are passed as one.
	// It starts with the defaults that are listed in the source of this package; delete a key to
	// leave a setting to ZooKeeper.
	Config map[string]string

	// JVM is the flags of the JVM, -D properties among them. It starts with those for a quick start;
	// a benchmark replaces them all.
	JVM []string

	// Dir is where the server keeps its data, configuration and snapshots. The default is a new
	// temporary folder, which [Server.Close] removes. A folder that has data is served as it is. The
	// members of an ensemble have a folder each in it, named after their ID.
	Dir string

	// ID is the number of the member that these options are for, from 1; 0 for a server that stands
	// alone. It is for option functions to read.
	ID int

	// Observer makes a member follow the leader without a vote.
	Observer bool

	// Joiner leaves a member out of what the others know of their ensemble. It knows them, follows their
	// leader without a vote, and waits for a reconfig that takes it in.
	Joiner bool

	// Severable has the members of an ensemble reach each other over proxies of this process, so that
	// [Ensemble.Sever] can take from one what another says. It is said for all of them or for one. It
	// does not go together with reconfigEnabled, by which the members agree on one address of each.
	Severable bool

	reserve func() (*port, error) // finds ports; tests replace it
}

// newOptions returns the defaults, changed by what they are for and by the caller.
func newOptions(purpose func(*Options), opts []func(*Options)) Options {
	o := Options{
		TickTime: 2 * time.Second,
		Config: map[string]string{
			"4lw.commands.whitelist": "*",
			"admin.enableServer":     "false", // it would want port 8080
			"extendedTypesEnabled":   "true",  // TTL nodes
			"forceSync":              "no",
			"maxClientCnxns":         "0",
		},
		JVM:     []string{"-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"},
		reserve: reservePort,
	}
	purpose(&o)
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// alone has a server stand alone.
func alone(*Options) {}

// member has a server be a member of an ensemble. Its ticks are short, because members give up another
// one that is silent for so many of them: 2 s in service (syncLimit), 5 s while it joins (initLimit). A
// server that was elected by votes that others have changed meanwhile, which happens on busy machines,
// waits 2 s for its followers. Session timeouts may be as long as with the ticks of a server that stands
// alone.
func member(id int) func(*Options) {
	return func(o *Options) {
		o.ID = id
		o.TickTime = 200 * time.Millisecond
		maps.Copy(o.Config, map[string]string{
			"initLimit":                    "25",
			"syncLimit":                    "10",
			"leader.maxTimeToWaitForEpoch": "2000",
			"maxSessionTimeout":            "40000",
			"standaloneEnabled":            "false", // an ensemble of one is one, too
		})
	}
}

// systemOnly tells whether the server reads a setting from a system property of that very name. All
// others may stand in zoo.cfg: what ZooKeeper does not know there becomes the property "zookeeper." + key.
func systemOnly(key string) bool {
	return strings.HasPrefix(key, "znode.") || strings.HasPrefix(key, "jute.") || key == "readonlymode.enabled"
}

// properties returns the JVM flags for the settings that zoo.cfg cannot carry.
func (o *Options) properties() []string {
	var flags []string
	for _, key := range slices.Sorted(maps.Keys(o.Config)) {
		if systemOnly(key) {
			flags = append(flags, "-D"+key+"="+o.Config[key])
		}
	}
	return flags
}

// writeConfig writes zoo.cfg. Config comes last, so it has the last word on every key.
func (o *Options) writeConfig(w io.Writer, dataDir string, port int, members map[string]string) error {
	settings := map[string]string{
		"clientPort":        strconv.Itoa(port),
		"clientPortAddress": "127.0.0.1",
		"dataDir":           dataDir,
		"tickTime":          strconv.FormatInt(o.TickTime.Milliseconds(), 10),
	}
	if o.Observer {
		settings["peerType"] = "observer"
	}
	maps.Copy(settings, members)
	maps.Copy(settings, o.Config)
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`) // the file is a Java properties file
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if systemOnly(key) {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s=%s\n", key, escape.Replace(settings[key])); err != nil {
			return err
		}
	}
	return nil
}
