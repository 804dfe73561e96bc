package model_test

import (
	"flag"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/proptest/model"
	"github.com/zksim/zksim/realserver"
)

var restarts = flag.Bool("model.restarts", false, "restart real servers too, which takes a second or two each time")

// TestModel compares the servers that there are with the model. A long run:
//
//	go test ./proptest/model -run TestModel/real -timeout 1h -rapid.checks=10000 -model.restarts
func TestModel(t *testing.T) {
	for _, version := range []string{"3.9", "3.8"} {
		profile := func(c *model.Config) { c.Profile = version }
		t.Run("direct/"+version, func(t *testing.T) { checkDirect(t, version, profile) })
		t.Run("wire/"+version, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv, stop := pipe(memserver.Profile(version))
				require.NoError(t, srv.Reset())
				defer stop()
				model.Check(t, srv, profile, untimed)
			})
		})
		t.Run("real/"+version, func(t *testing.T) {
			t.Parallel() // it mostly waits
			srv := realserver.RunT(t, map[string]string{"3.9": "3.9", "3.8": "3.8.0"}[version], func(o *realserver.Options) {
				o.Config["znode.container.checkIntervalMs"] = "3600000"
				o.Config["maxSessionTimeout"] = "3600000"
			})
			under := real(srv)
			if *restarts {
				under.Restart = func() error { return srv.Restart(t.Context()) }
			}
			model.Check(t, under, profile, untimed)
		})
	}
}

// untimed is for servers whose clock the test does not have in its hand.
func untimed(c *model.Config) { c.SessionTimeout, c.MaxSessionTimeout = hour, hour }

// checkDirect runs in a bubble, so that the clock stands still between steps.
func checkDirect(t *testing.T, version string, opts ...func(*model.Config)) {
	synctest.Test(t, func(t *testing.T) {
		d := &direct{profile: memserver.Profile(version)}
		require.NoError(t, d.reset())
		defer func() { require.NoError(t, d.srv.Close()) }()
		model.Check(t, d.server(), opts...)
	})
}

// A tree of some size is kept in other ways than a small one.
func TestLargeTrees(t *testing.T) {
	t.Run("direct/3.9", func(t *testing.T) {
		checkDirect(t, "3.9", func(c *model.Config) { c.Nodes = 80 })
	})
}

// The histories come everywhere: to every result that there is to come to.
func TestCoverage(t *testing.T) {
	if brief.Wanted() {
		t.Skip("it takes many histories; make test")
	}
	seed := flag.Lookup("rapid.seed")
	defer seed.Value.Set(seed.Value.String())
	require.NoError(t, seed.Value.Set("1"))
	var stats model.Stats
	checkDirect(t, "3.9", func(c *model.Config) { c.Stats, c.Steps = &stats, 500 })
	t.Logf("%d steps:\n%v", stats.Steps, stats)
	for name, results := range map[string]string{
		"create":             "OK NodeExists NoNode NoAuth BadArguments InvalidACL NoChildrenForEphemerals ConnectionLoss",
		"create2":            "OK NodeExists NoNode NoAuth BadArguments InvalidACL NoChildrenForEphemerals",
		"createTTL":          "OK NodeExists NoNode NoAuth BadArguments InvalidACL NoChildrenForEphemerals",
		"delete":             "OK NoNode NoAuth BadVersion NotEmpty BadArguments",
		"set":                "OK NoNode NoAuth BadVersion BadArguments",
		"setACL":             "OK NoNode NoAuth BadVersion BadArguments InvalidACL",
		"getACL":             "OK NoNode NoAuth",
		"get":                "OK NoNode NoAuth",
		"getW":               "OK NoNode NoAuth",
		"exists":             "OK NoAuth BadArguments",
		"existsW":            "OK NoAuth BadArguments",
		"children":           "OK NoNode NoAuth",
		"childrenW":          "OK NoNode NoAuth",
		"multi":              "OK NoNode NodeExists BadVersion NotEmpty InvalidACL NoAuth BadArguments MarshallingError NoChildrenForEphemerals",
		"multi create":       "OK NodeExists NoNode NoAuth RuntimeInconsistency",
		"multi createTTL":    "OK RuntimeInconsistency",
		"multi delete":       "OK NoNode BadVersion NotEmpty RuntimeInconsistency",
		"multi set":          "OK NoNode BadVersion NoAuth RuntimeInconsistency",
		"multi check":        "OK NoNode BadVersion RuntimeInconsistency",
		"multiRead get":      "OK NoNode NoAuth",
		"multiRead children": "OK NoNode NoAuth",
		"allChildrenNumber":  "OK NoNode NoAuth",
		"ephemerals":         "OK",
		"whoAmI":             "OK",
		"addAuth":            "OK AuthFailed",
		"sync":               "OK ConnectionLoss",
		"reconfig":           "ReconfigDisabled",
		"addWatch":           "OK",
		"removeWatches":      "OK NoWatcher",
	} {
		for _, result := range strings.Fields(results) {
			require.Positive(t, stats.Results[name][result], "%s: %s", name, result)
		}
	}
}
