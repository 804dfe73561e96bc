package proptest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t, pool: x509.NewCertPool()}
	a.cert, a.key = a.make(rdn(name), true)
	a.pool.AddCert(a.cert)
	return a
}

// rdn is the name of a certificate in DER, from pairs of a type and a value.
func rdn(cn string) []byte {
	return subject(pkix.RelativeDistinguishedNameSET{{Type: oid("2.5.4.3"), Value: cn}})
}

func subject(sets ...pkix.RelativeDistinguishedNameSET) []byte {
	der, err := asn1.Marshal(pkix.RDNSequence(sets))
	if err != nil {
		panic(err)
	}
	return der
}

func oid(text string) (id asn1.ObjectIdentifier) {
	for part := range strings.SplitSeq(text, ".") {
		n := 0
		fmt.Sscan(part, &n)
		id = append(id, n)
	}
	return id
}

func (a *authority) make(subject []byte, isCA bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), RawSubject: subject,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: isCA, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	parent, signer := a.cert, a.key
	if isCA {
		template.KeyUsage |= x509.KeyUsageCertSign
		template.ExtKeyUsage = nil
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	require.NoError(a.t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return cert, key
}

// pair is a certificate with its key.
func (a *authority) pair(subject []byte) *tls.Certificate {
	cert, key := a.make(subject, false)
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

// files writes certificates in PEM form, for a server that reads such.
func (a *authority) files(pair *tls.Certificate) (store, trust string) {
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	require.NoError(a.t, err)
	dir := a.t.TempDir()
	store, trust = filepath.Join(dir, "store.pem"), filepath.Join(dir, "trust.pem")
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	require.NoError(a.t, os.WriteFile(store, append(block("PRIVATE KEY", key), block("CERTIFICATE", pair.Certificate[0])...), 0o600))
	require.NoError(a.t, os.WriteFile(trust, block("CERTIFICATE", a.cert.Raw), 0o600))
	return store, trust
}

// tlsServer is a server with a secure port beside the other one.
type tlsServer struct{ plain, secure string }

// startTLS starts one on every backend, with settings under ZooKeeper's names.
type startTLS func(t *testing.T, a *authority, settings map[string]string) tlsServer

var clientAuths = map[string]tls.ClientAuthType{"": tls.RequireAndVerifyClientCert, "want": tls.VerifyClientCertIfGiven}

func simTLS(t *testing.T, profile memserver.Profile, a *authority, settings map[string]string) tlsServer {
	srv := memserver.RunT(t, func(c *memserver.Config) {
		c.Profile = profile
		c.TLS = &tls.Config{Certificates: []tls.Certificate{*a.pair(rdn("server"))}, ClientCAs: a.pool, ClientAuth: clientAuths[settings["ssl.clientAuth"]]}
		c.FourLetterWords = []string{"*"}
		for key, value := range settings {
			require.NoError(t, c.Set(key, value))
		}
	})
	require.NoError(t, srv.Listen("127.0.0.1:0"))
	require.NoError(t, srv.ListenTLS("127.0.0.1:0"))
	return tlsServer{srv.Addr(), srv.Member(1).TLSAddr()}
}

func realTLS(t *testing.T, version string, a *authority, settings map[string]string) tlsServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	secure := l.Addr().String()
	require.NoError(t, l.Close())
	store, trust := a.files(a.pair(rdn("server")))
	srv := realserver.RunT(t, version, func(o *realserver.Options) {
		_, port, _ := net.SplitHostPort(secure)
		for key, value := range map[string]string{
			"serverCnxnFactory": "org.apache.zookeeper.server.NettyServerCnxnFactory",
			"secureClientPort":  port, "secureClientPortAddress": "127.0.0.1",
			"ssl.keyStore.location": store, "ssl.keyStore.type": "PEM", "ssl.keyStore.password": "",
			"ssl.trustStore.location": trust, "ssl.trustStore.type": "PEM", "ssl.trustStore.password": "",
		} {
			o.Config[key] = value
		}
		for key, value := range settings {
			o.Config[key] = value
		}
	})
	return tlsServer{srv.Addr(), secure}
}

// join makes a session; cert is nil for the port without TLS.
func (s tlsServer) join(t *testing.T, a *authority, cert *tls.Certificate) (*rawClient, error) {
	t.Helper()
	if cert == nil {
		return rawSession(t, s.plain, nil)
	}
	return rawSession(t, s.secure, &tls.Config{RootCAs: a.pool, Certificates: []tls.Certificate{*cert}})
}

func rawSession(t *testing.T, addr string, secure *tls.Config) (*rawClient, error) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	require.NoError(t, nc.SetDeadline(time.Now().Add(time.Minute)))
	if secure != nil {
		secure.ServerName = "localhost"
		nc = tls.Client(nc, secure)
	}
	c := &rawClient{Conn: nc, t: t}
	q := wire.ConnectRequest{TimeOut: 20_000}
	if _, err := c.Write(wire.EndFrame(q.Append(wire.BeginFrame(nil)), 0)); err != nil {
		return nil, err
	}
	frame, err := c.frame()
	if err != nil {
		return nil, err
	}
	r := wire.NewReader(frame)
	c.got.Read(&r)
	return c, r.Err()
}

// ids is what the server calls a client, without its address.
func (c *rawClient) ids() string {
	_, p := c.must(request(zkapi.OpWhoAmI))
	var list []string
	for _, id := range p.IDs {
		if id.Scheme != "ip" {
			list = append(list, id.Scheme+":"+id.User)
		}
	}
	return strings.Join(list, " ")
}

func (c *rawClient) code(q wire.Request) string {
	c.t.Helper()
	h, _, err := c.call(q)
	if err != nil {
		return "closed"
	}
	if h.Err == 0 {
		return "ok"
	}
	return h.Err.Name()
}

func makingFor(path, scheme, id string) wire.Request {
	q := making(path, zkapi.Persistent)
	q.Op.ACL = []zkapi.ACL{{Perms: zkapi.PermAll, Scheme: scheme, ID: id}}
	return q
}

func authenticating(scheme, auth string) wire.Request {
	q := request(zkapi.OpAuth)
	q.Auth = wire.AuthPacket{Scheme: scheme, Auth: []byte(auth)}
	return q
}

func TestTLS(t *testing.T) {
	for _, profile := range []memserver.Profile{memserver.V39, memserver.V38} {
		t.Run("wire/"+string(profile), func(t *testing.T) {
			testTLS(t, func(t *testing.T, a *authority, settings map[string]string) tlsServer {
				return simTLS(t, profile, a, settings)
			})
		})
	}
	for name, version := range map[string]string{"3.9": "3.9", "3.8": "3.8.0"} {
		t.Run("real/"+name, func(t *testing.T) {
			brief.InTurn(t, 1, 3)
			t.Parallel()
			testTLS(t, func(t *testing.T, a *authority, settings map[string]string) tlsServer {
				return realTLS(t, version, a, settings)
			})
		})
	}
}

func testTLS(t *testing.T, start startTLS) {
	a := newAuthority(t, "zksim test")
	name := func(oidText string, value any) pkix.RelativeDistinguishedNameSET {
		return pkix.RelativeDistinguishedNameSET{{Type: oid(oidText), Value: value}}
	}
	srv := start(t, a, map[string]string{"X509AuthenticationProvider.superUser": "CN=root"})
	join := func(cert *tls.Certificate) *rawClient {
		c, err := srv.join(t, a, cert)
		require.NoError(t, err)
		return c
	}
	ada := a.pair(subject(name("2.5.4.6", "GB"), name("2.5.4.10", "Engines, Ltd."), name("2.5.4.3", "ada")))

	t.Run("subjects", func(t *testing.T) {
		for want, der := range map[string][]byte{
			`CN=ada,O=Engines\, Ltd.,C=GB`:                         ada.Leaf.RawSubject,
			`CN=\ a\=b\+c\<d\>e\;f\"g\\h\#i\ `:                     rdn(` a=b+c<d>e;f"g\h#i `),
			`CN=Grüße €`:                                           rdn("Grüße €"),
			`CN=\#1  two`:                                          rdn("#1  two"),
			`CN=c+UID=u,DC=example,DC=org,STREET=s,L=l,ST=s`:       subject(name("2.5.4.8", "s"), name("2.5.4.7", "l"), name("2.5.4.9", "s"), name("0.9.2342.19200300.100.1.25", "org"), name("0.9.2342.19200300.100.1.25", "example"), pkix.RelativeDistinguishedNameSET{{Type: oid("0.9.2342.19200300.100.1.1"), Value: "u"}, {Type: oid("2.5.4.3"), Value: "c"}}),
			`1.2.840.113549.1.9.1=#1603614062,2.5.4.5=#1303313233`: subject(name("2.5.4.5", "123"), name("1.2.840.113549.1.9.1", asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte("a@b")})),
			"OU=latin \ufffd,CN=\\00b\\00m\\00p":                   subject(name("2.5.4.3", asn1.RawValue{Tag: asn1.TagBMPString, Bytes: []byte("\x00b\x00m\x00p")}), name("2.5.4.11", asn1.RawValue{Tag: asn1.TagT61String, Bytes: []byte("latin \xe9")})),
		} {
			assert.Equal(t, "x509:"+want, join(a.pair(der)).ids())
		}
	})
	t.Run("who is let in", func(t *testing.T) {
		_, err := srv.join(t, a, &tls.Certificate{})
		require.Error(t, err, "no certificate")
		_, err = srv.join(t, a, newAuthority(t, "somebody else").pair(rdn("eve")))
		require.Error(t, err, "a certificate that somebody else has signed")
		answer := ""
		for tries := 0; answer == "" && tries < 20; tries++ { // 3.8 closes the connection now and then before it has answered
			nc, err := tls.Dial("tcp", srv.secure, &tls.Config{RootCAs: a.pool, ServerName: "localhost", Certificates: []tls.Certificate{*ada}})
			require.NoError(t, err)
			defer nc.Close()
			_, err = nc.Write([]byte("ruok"))
			require.NoError(t, err)
			text, err := io.ReadAll(nc)
			require.NoError(t, err)
			answer = string(text)
		}
		require.Equal(t, "imok", answer)
	})
	t.Run("ACLs", func(t *testing.T) {
		own, other, plain := join(ada), join(a.pair(rdn("other"))), join(nil)
		require.Equal(t, "ok", own.code(makingFor("/own", "x509", `CN=ada,O=Engines\, Ltd.,C=GB`)))
		require.Equal(t, "ok", own.code(makingFor("/auth", "auth", "")))
		_, p := own.must(reading(zkapi.OpGetACL, "/auth"))
		require.Equal(t, []zkapi.ACL{{Perms: zkapi.PermAll, Scheme: "x509", ID: `CN=ada,O=Engines\, Ltd.,C=GB`}}, p.ACL)
		for _, path := range []string{"/own", "/auth"} {
			require.Equal(t, "ok", own.code(reading(zkapi.OpGetData, path)))
			require.Equal(t, "NoAuth", other.code(reading(zkapi.OpGetData, path)))
			require.Equal(t, "NoAuth", plain.code(reading(zkapi.OpGetData, path)))
		}
		require.Equal(t, "InvalidACL", plain.code(makingFor("/none", "auth", "")))
		for want, ids := range map[string][]string{
			"ok":         {``, `CN=a`, `CN=#0401ff`, `CN=#0c0161`, `OID.1.2=a`, `oid.1.2.3=a`, ` CN = a `, `CN="a" `, `CN="a,b"`, `CN=a=b`, `CN=a#b`, `CN=a\,b`, `CN=a\41`, `emailaddress=a`, `EMAIL=a`, `S=x`, `T=x`, `SURNAME=x`, `DNQ=x`, `SERIALNUMBER=a`, `CN=a+CN=b`, `CN=Grüße`, `CN=a\"b`, `CN=a b  c`, `CN=a,O=`, `CN=,O=`, `CN= `, `IP=1`, `DC=ü`, `dc=a`, `C=xyz`, `UID=`, `CN=a;O=b,C=c`},
			"InvalidACL": {`CN="a`, `CN=a\`, `CN=#04`, `CN=#0`, `CN=#zz`, `3.4=a`, `1.40=a`, `1=a`, `1.2.=a`, `CN=a,,O=b`, `CN=a;`, `CN=a; `, `CN="a"b`, `CN="a" b`, `CN=a<b`, `CN=a>b`, `,`, ` `, `a`, `=a`, `CN`, `CN=\zz`, `CN=a\4`, `DN=x`, `SN=x`, `TITLE=x`, `POSTALCODE=1`, `CN=a+`, `+CN=a`, `CN=a "b"`, `CN=a"b`, `C N=a`},
		} {
			for _, id := range ids {
				assert.Equal(t, want, plain.code(makingFor(fmt.Sprintf("/id%x", id), "x509", id)), "%q", id)
			}
		}
		root := join(a.pair(rdn("root")))
		require.Equal(t, "super: x509:CN=root", root.ids())
		require.Equal(t, "ok", root.code(reading(zkapi.OpGetData, "/own")))
	})
	t.Run("auth", func(t *testing.T) {
		own := join(ada)
		require.Equal(t, "ok", own.code(authenticating("digest", "a:b")))
		require.Equal(t, "ok", own.code(authenticating("x509", "")))
		require.Equal(t, "ok", own.code(reading(zkapi.OpExists, "/")))
		plain := join(nil)
		require.Equal(t, "AuthFailed", plain.code(authenticating("x509", "")))
		require.Equal(t, "closed", plain.code(reading(zkapi.OpExists, "/")))
	})
	t.Run("enforced", func(t *testing.T) {
		srv := start(t, a, map[string]string{"enforce.auth.enabled": "true", "enforce.auth.schemes": "x509", "ssl.clientAuth": "want"})
		c, err := srv.join(t, a, ada)
		require.NoError(t, err)
		require.Equal(t, "ok", c.code(reading(zkapi.OpExists, "/")))
		c, err = srv.join(t, a, nil)
		require.NoError(t, err)
		require.Equal(t, "SessionClosedRequireSaslAuth", c.code(reading(zkapi.OpExists, "/")))
		c, err = rawSession(t, srv.secure, &tls.Config{RootCAs: a.pool})
		require.NoError(t, err, "it is not asked for a certificate")
		require.Equal(t, "SessionClosedRequireSaslAuth", c.code(reading(zkapi.OpExists, "/")))
	})
}
