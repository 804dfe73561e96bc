package main

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
)

// TestPrecedence has every source say something, and takes the sources away one by one.
func TestPrecedence(t *testing.T) {
	write(t, map[string]string{
		"zoo.cfg":   "tickTime=300\nclientPort=3000\nclientPortAddress=127.0.0.3\nmaxClientCnxns=3\n",
		"other.cfg": "tickTime=400\n",
	})
	file := []string{"--config", "zoo.cfg"}
	env := []string{"PATH=/bin", "ZKSIM_LISTEN=127.0.0.2:2000", "ZKSIM_TICK_TIME=200", "ZKSIM_SET=maxClientCnxns=2;tickTime=1"}
	all := append([]string{"--listen", "127.0.0.1:1000", "--tick-time", "100", "--set", "maxClientCnxns=1", "--set", "tickTime=1"}, file...)
	tests := []struct {
		name      string
		args, env []string
		listen    string
		tick      time.Duration
		cnxns     int
	}{
		{"flags", all, env, "127.0.0.1:1000", 100, 1},
		{"environment", file, env, "127.0.0.2:2000", 200, 2},
		{"file", file, nil, "127.0.0.3:3000", 300, 3},
		{"file in the environment", nil, []string{"ZKSIM_CONFIG=other.cfg"}, "127.0.0.1:2181", 400, 60},
		{"one file", file, []string{"ZKSIM_CONFIG=other.cfg"}, "127.0.0.3:3000", 300, 3},
		{"defaults", nil, nil, "127.0.0.1:2181", 2000, 60},
		{"empty variables", nil, []string{"ZKSIM_LISTEN=", "ZKSIM_CONFIG=", "ZKSIM_SET="}, "127.0.0.1:2181", 2000, 60},
		{"the last flag", []string{"--tick-time=1", "--tick-time=2"}, nil, "127.0.0.1:2181", 2, 60},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := parse(tt.args, tt.env)
			require.NoError(t, err)
			require.Equal(t, tt.listen, o.listen)
			require.Equal(t, tt.tick*time.Millisecond, o.config.TickTime)
			require.Equal(t, tt.cnxns, o.config.MaxClientCnxns)
			require.Empty(t, o.unknown)
		})
	}
}

func TestClientPort(t *testing.T) {
	write(t, map[string]string{"zoo.cfg": "clientPort=3000\n"})
	tests := []struct {
		name      string
		args, env []string
		listen    string
	}{
		{"all addresses", []string{"--set", "clientPort=2182"}, nil, ":2182"},
		{"one address", []string{"--set", "clientPort=2182", "--set", "clientPortAddress=127.0.0.9"}, nil, "127.0.0.9:2182"},
		{"IPv6", []string{"--set", "clientPort=2182", "--set", "clientPortAddress=::1"}, nil, "[::1]:2182"},
		{"port of the file", []string{"--config=zoo.cfg", "--set", "clientPortAddress=127.0.0.9"}, nil, "127.0.0.9:3000"},
		{"set after the environment", []string{"--set", "clientPort=2182"}, []string{"ZKSIM_LISTEN=127.0.0.1:1"}, ":2182"},
		{"listen before set", []string{"--set", "clientPort=2182", "--listen=127.0.0.1:1"}, nil, "127.0.0.1:1"},
		{"environment before the file", []string{"--config=zoo.cfg", "--set=skipACL=yes"}, []string{"ZKSIM_LISTEN=127.0.0.1:1"}, "127.0.0.1:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := parse(tt.args, tt.env)
			require.NoError(t, err)
			require.Equal(t, tt.listen, o.listen)
		})
	}
}

func TestSettingsReachTheServer(t *testing.T) {
	o, err := parse(
		[]string{"--compat=3.8", "--min-session-timeout=100", "--set", "zookeeper.skipACL = yes", "--set=jute.maxbuffer=2000"},
		[]string{"ZKSIM_SET=\nserver.1=a:1:2;3\n 4lw.commands.whitelist = ruok, srvr\n\n", "ZKSIM_MAX_SESSION_TIMEOUT=90000"},
	)
	require.NoError(t, err)
	c := o.config
	require.Equal(t, memserver.V38, c.Profile)
	require.Equal(t, 100*time.Millisecond, c.MinSessionTimeout)
	require.Equal(t, 90*time.Second, c.MaxSessionTimeout)
	require.True(t, c.SkipACL)
	require.Equal(t, 2000, c.MaxFrame)
	require.Equal(t, []string{"ruok", "srvr"}, c.FourLetterWords)
}

// TestEachFieldOfConfigCanBeSet: what Go programs can have a server be, others can.
func TestEachFieldOfConfigCanBeSet(t *testing.T) {
	makeCertificates(t, "server")
	require.NoError(t, os.WriteFile("state", []byte(snapshotOf(t)), 0o600))
	set := func(setting string) []string { return []string{"--set", setting} }
	args := map[string][]string{
		"Profile":            {"--compat", "3.8"},
		"Members":            {"--members", "3"},
		"Observers":          {"--observers", "2, 3"},
		"Joiners":            {"--joiners", "4"},
		"ElectionTime":       {"--election-time", "200"},
		"Seed":               {"--seed", "7"},
		"TickTime":           {"--tick-time", "100"},
		"MinSessionTimeout":  {"--min-session-timeout", "100"},
		"MaxSessionTimeout":  {"--max-session-timeout", "100"},
		"MaxClientCnxns":     set("maxClientCnxns=7"),
		"MaxFrame":           set("jute.maxbuffer=2000"),
		"FourLetterWords":    set("4lw.commands.whitelist=*"),
		"EnforceQuota":       set("enforceQuota=true"),
		"ExtendedTypes":      set("extendedTypesEnabled=true"),
		"ReconfigEnabled":    set("reconfigEnabled=true"),
		"NoStandalone":       set("standaloneEnabled=false"),
		"SyncLimit":          set("syncLimit=7"),
		"ReadOnlyMode":       set("readonlymode.enabled=true"),
		"LocalSessions":      set("localSessionsEnabled=true"),
		"LocalUpgrading":     set("localSessionsUpgradingEnabled=true"),
		"SkipACL":            set("skipACL=yes"),
		"SuperDigest":        set("DigestAuthenticationProvider.superDigest=super:x"),
		"X509":               set("authProvider.x509=org.apache.zookeeper.server.auth.X509AuthenticationProvider"),
		"X509Super":          set("X509AuthenticationProvider.superUser=CN=root"),
		"EnforceAuthSchemes": set("enforce.auth.schemes=digest"),
		"ContainerInterval":  set("znode.container.checkIntervalMs=100"),
		"ContainerBatch":     set("znode.container.maxPerMinute=7"),
		"ContainerNeverUsed": set("znode.container.maxNeverUsedIntervalMs=7"),
		"SASLUsers":          {"--sasl-user", "bob:secret"},
		"SASL":               set("authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider"),
		"SASLSuper":          set("superUser=bob"),
		"SASLAny":            set("letAnySaslUserDoX=x"),
		"SASLAllowFailed":    set("allowSaslFailedClients=true"),
		"SASLRequired":       set("sessionRequireClientSASLAuth=true"),
		"TLS":                {"--tls-listen=127.0.0.1:0", "--tls-cert=server.pem", "--tls-key=server.key"},
		"From":               {"--load", "state"},
		"InitialZxid":        set("testingonly.initialZxid=7"),
	}
	why := map[string]string{
		"ClientsElsewhere": "they are, of a program that is nothing but a server",
		"MaxUnsent":        "it guards the machine, and no program under test can depend on it",
		"Between":          "--faults and /sim/v1/faults stand there",
	}
	plain, err := parse(nil, nil)
	require.NoError(t, err)
	for f := range reflect.TypeFor[memserver.Config]().Fields() {
		switch {
		case !f.IsExported():
			continue
		case why[f.Name] != "":
			require.NotContains(t, args, f.Name)
			continue
		}
		require.Contains(t, args, f.Name, "which flag or setting is it? Or else, why none?")
		o, err := parse(args[f.Name], nil)
		require.NoError(t, err, f.Name)
		before, after := reflect.ValueOf(plain.config).FieldByIndex(f.Index), reflect.ValueOf(o.config).FieldByIndex(f.Index)
		require.NotEqual(t, before.Interface(), after.Interface(), f.Name)
	}
}

// snapshotOf is the file of a new server's state.
func snapshotOf(t *testing.T) string {
	var b strings.Builder
	_, err := memserver.RunT(t).Snapshot().WriteTo(&b)
	require.NoError(t, err)
	return b.String()
}
