package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/realserver"
)

// makeCertificates writes ca.pem, and for each name NAME.pem and NAME.key, into
// the working directory of the test.
func makeCertificates(t *testing.T, names ...string) *x509.CertPool {
	t.Helper()
	files := make(map[string]string)
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	var ca *x509.Certificate
	var caKey *ecdsa.PrivateKey
	for i, name := range append([]string{"ca"}, names...) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name, Organization: []string{"zksim"}},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: i == 0, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		}
		if i == 0 {
			ca, caKey = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), caKey)
		require.NoError(t, err)
		if i == 0 {
			ca, err = x509.ParseCertificate(der)
			require.NoError(t, err)
		}
		keyDER, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		files[name+".pem"], files[name+".key"] = block("CERTIFICATE", der), block("PRIVATE KEY", keyDER)
	}
	write(t, files)
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return pool
}

// startSecure runs zksim until the test ends, and returns its addresses.
func startSecure(t *testing.T, args ...string) (clients, web, secure string) {
	t.Helper()
	line, err := bufio.NewReader(started(t, args...)).ReadString('\n')
	require.NoError(t, err)
	fields := strings.Fields(line)
	require.Len(t, fields, 5, line)
	return strings.TrimPrefix(fields[2], "clients="), strings.TrimPrefix(fields[3], "http="), strings.TrimPrefix(fields[4], "tls=")
}

var tlsArgs = []string{"--tls-listen=127.0.0.1:0", "--tls-cert=server.pem", "--tls-key=server.key", "--tls-ca=ca.pem"}

// TestTLS: an unmodified go-zookeeper with a TLS dialer is who its certificate
// says, and loses the reply that a rule wants it to lose.
func TestTLS(t *testing.T) {
	pool := makeCertificates(t, "server", "ada")
	clients, web, secure := startSecure(t, tlsArgs...)
	pair, err := tls.LoadX509KeyPair("ada.pem", "ada.key")
	require.NoError(t, err)
	config := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}
	conn, _, err := zk.Connect([]string{secure, secure, secure}, 10*time.Second, zk.WithLogger(quiet{}), zk.WithEventCallback(func(zk.Event) {}),
		zk.WithDialer(func(network, addr string, timeout time.Duration) (net.Conn, error) {
			return tls.DialWithDialer(&net.Dialer{Timeout: timeout}, network, addr, config)
		}))
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Create("/own", nil, 0, []zk.ACL{{Perms: zk.PermAll, Scheme: "x509", ID: "CN=ada,O=zksim"}})
	require.NoError(t, err)
	_, _, err = conn.Get("/own")
	require.NoError(t, err)
	_, _, err = connect(t, clients).Get("/own")
	require.Equal(t, zk.ErrNoAuth, err)

	require.Equal(t, statusOK, runCtl(t, web, "faults", "add", "cut after-reply create /lost once").status)
	_, err = conn.Create("/lost", nil, 0, zk.WorldACL(zk.PermAll))
	require.Equal(t, zk.ErrConnectionClosed, err)
	there, _, err := conn.Exists("/lost")
	require.NoError(t, err)
	require.True(t, there)
}

// TestTLSKazoo: a client in Python that shows a certificate.
func TestTLSKazoo(t *testing.T) {
	makeCertificates(t, "server", "ada")
	dir, err := os.Getwd()
	require.NoError(t, err)
	_, _, secure := startSecure(t, tlsArgs...)
	program := filepath.Join(dir, "tls.py")
	require.NoError(t, os.WriteFile(program, []byte(`
import sys
from kazoo.client import KazooClient
from kazoo.security import ACL, Id, Permissions
address, folder = sys.argv[1:]
client = KazooClient(address, use_ssl=True, ca=folder + "/ca.pem", certfile=folder + "/ada.pem", keyfile=folder + "/ada.key")
client.start()
client.create("/own", b"x", acl=[ACL(Permissions.ALL, Id("x509", "CN=ada,O=zksim"))])
print(client.get("/own")[0].decode(), client.get_acls("/own")[0][0].id.id)
client.stop()
`), 0o600))
	t.Chdir(sourceDir)
	cmd := python(t, program, secure, dir)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	require.NoError(t, err, complaints.String())
	require.Equal(t, "x CN=ada,O=zksim\n", string(out))
}

// sourceDir is where the tests start.
var sourceDir = func() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return dir
}()

// TestTLSMembers: each member has its own port.
func TestTLSMembers(t *testing.T) {
	makeCertificates(t, "server")
	_, _, secure := startSecure(t, append(tlsArgs, "--members=3")...)
	require.Len(t, strings.Split(secure, ","), 3)
}

func TestTLSFlags(t *testing.T) {
	makeCertificates(t, "server", "other")
	require.NoError(t, os.WriteFile("empty.pem", []byte("nothing\n"), 0o600))
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--tls-listen=x"}, "--tls-listen x: want HOST:PORT, such as 127.0.0.1:2281"},
		{[]string{"--tls-listen=127.0.0.1:0"}, "--tls-listen needs --tls-cert and --tls-key"},
		{[]string{"--tls-cert=server.pem"}, "--tls-cert, --tls-key and --tls-ca need --tls-listen"},
		{[]string{"--tls-cert=none.pem"}, "--tls-cert none.pem: no such file or directory"},
		{[]string{"--tls-key=none.key"}, "--tls-key none.key: no such file or directory"},
		{[]string{"--tls-ca=empty.pem"}, "--tls-ca empty.pem: there is no certificate in it; want PEM, -----BEGIN CERTIFICATE-----"},
		{[]string{"--tls-cert=empty.pem"}, "--tls-cert empty.pem: there is no certificate in it; want PEM, -----BEGIN CERTIFICATE-----"},
		{[]string{"--tls-listen=127.0.0.1:0", "--tls-cert=server.pem", "--tls-key=other.key"},
			"--tls-cert server.pem and its key: tls: private key does not match public key"},
		{[]string{"--tls-listen=127.0.0.1:0", "--tls-cert=server.pem", "--tls-key=empty.pem"},
			"--tls-cert server.pem and its key: tls: failed to find any PEM data in key input"},
		{[]string{"--tls-listen=127.0.0.1:0", "--tls-cert=server.pem", "--tls-key=server.pem"},
			"--tls-cert server.pem and its key: tls: found a certificate rather than a key in the PEM for the private key"},
	} {
		require.Equal(t, result{statusUsage, "", "zksim: " + tt.want + "\n"}, runOnce(t, append(tt.args, "--http=off"), nil))
	}
}

// TestTLSJava: ZooKeeper's own client shows a certificate.
func TestTLSJava(t *testing.T) {
	makeCertificates(t, "server", "ada")
	_, _, secure := startSecure(t, tlsArgs...)
	cert, err := os.ReadFile("ada.pem")
	require.NoError(t, err)
	key, err := os.ReadFile("ada.key")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("store.pem", append(key, cert...), 0o600))
	for _, version := range []string{"3.9", "3.8.0"} {
		t.Run(version, func(t *testing.T) {
			in := realserver.FindT(t, version)
			cmd := exec.CommandContext(t.Context(), in.Java, "-cp", strings.Join(in.Classpath, string(os.PathListSeparator)),
				"-Dzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty", "-Dzookeeper.client.secure=true",
				"-Dzookeeper.ssl.keyStore.location=store.pem", "-Dzookeeper.ssl.trustStore.location=ca.pem",
				"-XX:TieredStopAtLevel=1", "org.apache.zookeeper.ZooKeeperMain", "-server", secure, "whoami")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			require.Contains(t, string(out), "x509: CN=ada,O=zksim")
		})
	}
}
