package realserver

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDifferenceIn(t *testing.T) {
	for _, c := range []struct {
		since   []string
		version string
		has     bool
	}{
		{[]string{"3.9.0"}, "3.8.0", false},
		{[]string{"3.9.0"}, "3.8.6", false},
		{[]string{"3.9.0"}, "3.9.0", true},
		{[]string{"3.9.0"}, "3.9.0-SNAPSHOT", false},
		{[]string{"3.9.0"}, "3.10.0", true},
		{[]string{"3.9.4"}, "3.9.3", false},
		{[]string{"3.9.4"}, "3.9.10", true},
		{[]string{"3.7.3", "3.8.4", "3.9.2"}, "3.6.9", false},
		{[]string{"3.7.3", "3.8.4", "3.9.2"}, "3.7.2", false},
		{[]string{"3.7.3", "3.8.4", "3.9.2"}, "3.7.3", true},
		{[]string{"3.7.3", "3.8.4", "3.9.2"}, "3.8.0", false},
		{[]string{"3.7.3", "3.8.4", "3.9.2"}, "3.8.4", true},
		{[]string{"3.7.3", "3.8.4", "3.9.2"}, "3.9.1", false},
		{[]string{"3.7.3", "3.8.4", "3.9.2"}, "3.9.2", true},
		{[]string{"3.7.3", "3.8.4", "3.9.2"}, "4.0.0", true},
		{[]string{"3.7.3", "3.9.2"}, "3.8.9", false}, // a line that never got it
	} {
		require.Equal(t, c.has, Difference{Since: c.since}.In(c.version), "%v in %s", c.since, c.version)
	}
}

// Of the two releases that all tests run on, the older has none of the differences and the newer all.
func TestDifferences(t *testing.T) {
	names := make(map[string]bool)
	for _, d := range Differences {
		require.NotEmpty(t, d.Before, d.Name)
		require.NotEmpty(t, d.After, d.Name)
		require.False(t, names[d.Name], d.Name)
		names[d.Name] = true
		require.False(t, Install{Version: "3.8.0"}.Has(d), d.Name)
		require.True(t, Install{Version: "3.9.5"}.Has(d), d.Name)
	}
}

func TestProfile(t *testing.T) {
	for version, profile := range map[string]string{"3.8.0": "3.8", "3.8.6": "3.8", "3.9.0": "3.9", "3.9.5": "3.9", "3.10.1": "3.9"} {
		require.Equal(t, profile, Install{Version: version}.Profile(), version)
	}
}
