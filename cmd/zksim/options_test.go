package main

import (
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
