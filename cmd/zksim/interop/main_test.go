package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWrongFlags(t *testing.T) {
	for _, args := range [][]string{
		{"-nosuch"},
		{"-client", "kazoo,nosuch"},
		{"-timeout", "soon"},
		{"-timeout", "-1s"},
		{"-addr", "nowhere"},
		{"surplus"},
	} {
		var out, complaint strings.Builder
		require.Equal(t, 2, run(t.Context(), args, &out, &complaint), args)
		require.Empty(t, out.String())
		require.Equal(t, 1, strings.Count(complaint.String(), "\n"), complaint.String())
	}
}

func TestFlags(t *testing.T) {
	cfg, err := parseFlags(nil, nil)
	require.NoError(t, err)
	require.True(t, cfg.real && cfg.sim, "both unless told otherwise")

	cfg, err = parseFlags([]string{"-real", "-addr", "127.0.0.1:1", "--json", "-client", "go,c"}, nil)
	require.NoError(t, err)
	require.True(t, cfg.real && cfg.json && !cfg.sim)
	require.Equal(t, []string{"go", "c"}, cfg.clients)
}

func TestHelp(t *testing.T) {
	var out, help strings.Builder
	require.Equal(t, 0, run(t.Context(), []string{"-h"}, &out, &help))
	require.Contains(t, help.String(), "-client list")
	require.Contains(t, help.String(), "kazoo")
}

// TestGoClientOnSimulator goes all the way, with the one client that needs nothing installed.
func TestGoClientOnSimulator(t *testing.T) {
	if testing.Short() {
		t.Skip("builds zksim, and go-zookeeper waits a second before it connects again")
	}
	var out, complaint strings.Builder
	require.Equal(t, 0, run(t.Context(), []string{"-sim", "-client", "go", "-json"}, &out, &complaint), complaint.String())
	var results []result
	require.NoError(t, json.Unmarshal([]byte(out.String()), &results))
	require.Len(t, results, 1)
	require.Greater(t, len(results[0].Runs[0].Lines), 80)
	require.Contains(t, results[0].Runs[0].Lines, line{"cut.session.same", "true"})
}
