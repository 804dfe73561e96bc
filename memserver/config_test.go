package memserver_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
)

// settingNames returns the names in testdata/settings-3.9.txt.
func settingNames(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("testdata/settings-3.9.txt")
	require.NoError(t, err)
	var names []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			names = append(names, line)
		}
	}
	return names
}

func TestSetKnowsAllSettingsOf39(t *testing.T) {
	names := settingNames(t)
	require.Greater(t, len(names), 350)
	for _, name := range names {
		var c memserver.Config
		err := c.Set(name, "1")
		if err != nil { // 1 is not a value for every one of them
			err = c.Set(name, "true")
		}
		require.NoError(t, err, name)
	}
}

func TestSetKnowsEveryNameWithAndWithoutPrefix(t *testing.T) {
	var c memserver.Config
	for _, name := range settingNames(t) {
		for _, name := range []string{strings.TrimPrefix(name, "zookeeper."), "zookeeper." + strings.TrimPrefix(name, "zookeeper.")} {
			var unknown *memserver.UnknownSettingError
			require.NotErrorAs(t, c.Set(name, ""), &unknown, name)
		}
	}
}

func TestSetNamesWhatZooKeeperDoesNotHave(t *testing.T) {
	var c memserver.Config
	for _, name := range []string{
		"", ".", "tickTimes", "ticktime", "maxClientConnections", "zookeeper.", "zookeeper.zookeeper.tickTime",
		"server", "server1", "groups.1", "ssl", "ssl.", "ssl.keystore.location", "ssl.quorum.", "ssl.quorum.quorum.crl",
		"ssl.quorum.keyStore", "admin.", "admin.port", "request", "requestTimeout", "watch", "connection", "nio.threads",
		"znode.container.checkInterval", "snapshot", "snapshot.trust", "quorum", "quorum.ssl", "*", "#",
		"DigestAuthenticationProvider.superdigest", "X509AuthenticationProvider", "4lw.commands.whitelists",
	} {
		var unknown *memserver.UnknownSettingError
		require.ErrorAs(t, c.Set(name, "1"), &unknown, name)
		require.Equal(t, name, unknown.Key)
	}
}

func TestSetRefusesValues(t *testing.T) {
	for _, tt := range []struct{ key, value, message string }{
		{"tickTime", "soon", "memserver: setting tickTime=soon: want milliseconds"},
		{"zookeeper.maxClientCnxns", "many", "memserver: setting zookeeper.maxClientCnxns=many: want a number"},
		{"enforceQuota", "yes", "memserver: setting enforceQuota=yes: want true or false"},
	} {
		var c memserver.Config
		require.EqualError(t, c.Set(tt.key, tt.value), tt.message)
	}
}
