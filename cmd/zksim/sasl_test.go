package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/realserver"
)

// TestSASLClients: clients in Python and Java authenticate with DIGEST-MD5, on
// zksim as on a real ZooKeeper with a JAAS file.
func TestSASLClients(t *testing.T) {
	t.Parallel()
	t.Run("wire", func(t *testing.T) {
		saslClients(t, startServer(t, "--sasl-user", "bob:se:cret", "--sasl-user", "eve:x"))
	})
	for name, version := range map[string]string{"3.9": "3.9", "3.8": "3.8.0"} {
		t.Run("real/"+name, func(t *testing.T) {
			jaas := jaasFile(t, `Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_bob="se:cret"; };`)
			saslClients(t, realserver.RunT(t, version, func(o *realserver.Options) {
				o.JVM = append(o.JVM, "-Djava.security.auth.login.config="+jaas)
				o.Config["authProvider.1"] = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"
			}).Addr())
		})
	}
}

func jaasFile(t *testing.T, text string) string {
	file := filepath.Join(t.TempDir(), "jaas.conf")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

const kazooSASL = `
import sys
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError
from kazoo.security import ACL, Id, Permissions
def connect(**options):
    client = KazooClient(sys.argv[1], sasl_options=dict(mechanism="DIGEST-MD5", **options) if options else None)
    client.start()
    return client
bob = connect(username="bob", password="se:cret")
bob.create("/own", b"x", acl=[ACL(Permissions.ALL, Id("sasl", "bob"))])
print(bob.get("/own")[0].decode())
other = connect()
try:
    other.get("/own")
except NoAuthError:
    print("NoAuth")
bob.stop()
other.stop()
`

func saslClients(t *testing.T, addr string) {
	t.Run("kazoo", func(t *testing.T) {
		t.Parallel()
		program := filepath.Join(t.TempDir(), "sasl.py")
		require.NoError(t, os.WriteFile(program, []byte(kazooSASL), 0o600))
		cmd := pythonWith(t, "kazoo.client, puresasl", program, addr)
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		require.NoError(t, err, complaints.String())
		require.Equal(t, "x\nNoAuth\n", string(out))
	})
	t.Run("java", func(t *testing.T) {
		t.Parallel()
		in := realserver.FindT(t, "")
		jaas := jaasFile(t, `Client { org.apache.zookeeper.server.auth.DigestLoginModule required username="bob" password="se:cret"; };`)
		cmd := exec.CommandContext(t.Context(), in.Java, "-cp", strings.Join(in.Classpath, string(os.PathListSeparator)),
			"-Djava.security.auth.login.config="+jaas, "-Dzookeeper.fips-mode=false", // which knows no MD5
			"-XX:TieredStopAtLevel=1", "org.apache.zookeeper.ZooKeeperMain", "-server", addr, "whoami")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), "sasl: bob")
	})
}

func TestSASLFlags(t *testing.T) {
	for _, value := range []string{"bob", ":secret", "bob:"} {
		require.Equal(t, result{statusUsage, "", "zksim: --sasl-user ...: want USER:PASSWORD\n"}, runOnce(t, []string{"--sasl-user", value}, nil))
	}
	o, err := parse([]string{"--sasl-user=bob:x:y"}, []string{"ZKSIM_SASL_USER=ada:a;eve:b"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"bob": "x:y", "ada": "a", "eve": "b"}, o.config.SASLUsers)
}
