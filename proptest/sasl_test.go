package proptest_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// saslUsers are those that the servers of these tests know.
var saslUsers = map[string]string{"bob": "secret", "super": "s3cret", "ada": `p"a\ss`, "host/a@b": "x", "grüße": "wörld", "€": "w€"}

// startSASL starts a server with these users and returns its address.
type startSASL func(t *testing.T, settings map[string]string) string

func realSASL(t *testing.T, version string, settings map[string]string) string {
	var users []string
	for _, name := range slices.Sorted(maps.Keys(saslUsers)) {
		password := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(saslUsers[name])
		users = append(users, "\n  \"user_"+name+"\"=\""+password+"\"")
	}
	jaas := filepath.Join(t.TempDir(), "jaas.conf")
	text := "Server {\n  org.apache.zookeeper.server.auth.DigestLoginModule required" + strings.Join(users, "") + ";\n};\n"
	require.NoError(t, os.WriteFile(jaas, []byte(text), 0o600))
	return realserver.RunT(t, version, func(o *realserver.Options) {
		o.JVM = append(o.JVM, "-Djava.security.auth.login.config="+jaas, "-Dfile.encoding=UTF-8")
		o.Config["authProvider.1"] = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"
		maps.Copy(o.Config, settings)
	}).Addr()
}

func simSASL(t *testing.T, profile memserver.Profile, settings map[string]string) string {
	srv := memserver.RunT(t, func(c *memserver.Config) {
		c.Profile, c.SASLUsers = profile, saslUsers
		for key, value := range settings {
			require.NoError(t, c.Set(key, value))
		}
	})
	require.NoError(t, srv.Listen("127.0.0.1:0"))
	return srv.Addr()
}

// TestSASL: what a server with a JAAS file says to clients of DIGEST-MD5.
func TestSASL(t *testing.T) {
	test := func(t *testing.T, start startSASL) {
		t.Run("answers", func(t *testing.T) { testSASLAnswers(t, start) })
		t.Run("required", func(t *testing.T) { testSASLRequired(t, start) })
		t.Run("failures allowed", func(t *testing.T) { testSASLFailuresAllowed(t, start) })
	}
	for _, profile := range []memserver.Profile{memserver.V39, memserver.V38} {
		t.Run("wire/"+string(profile), func(t *testing.T) {
			test(t, func(t *testing.T, settings map[string]string) string { return simSASL(t, profile, settings) })
		})
	}
	for name, version := range map[string]string{"3.9": "3.9", "3.8": "3.8.0"} {
		t.Run("real/"+name, func(t *testing.T) {
			brief.InTurn(t, 0, 3)
			t.Parallel()
			test(t, func(t *testing.T, settings map[string]string) string { return realSASL(t, version, settings) })
		})
	}
}

var challengeForm = regexp.MustCompile(`^realm="zk-sasl-md5",nonce="[A-Za-z0-9+/]{40}",charset=utf-8,algorithm=md5-sess$`)

// login authenticates, and tells who that is, or how it is refused.
func login(t *testing.T, addr, user, password string, change, after func(map[string]string)) (*rawClient, string) {
	t.Helper()
	c, err := rawSession(t, addr, nil)
	require.NoError(t, err)
	h, p := c.must(saslToken([]byte{}))
	require.Zero(t, h.Zxid)
	require.Regexp(t, challengeForm, string(p.Token))
	c.ask(saslToken([]byte(answer(string(p.Token), user, password, change, after))))
	frame, err := c.frame()
	if err != nil {
		return c, "closed"
	}
	r := wire.NewReader(frame)
	h.Read(&r)
	require.Zero(t, h.Zxid)
	token := r.Buffer()
	require.NoError(t, r.Err())
	if h.Err != 0 {
		require.Nil(t, token)
		c.closed()
		return c, h.Err.Name()
	}
	if token == nil {
		return c, "null"
	}
	require.Regexp(t, `^rspauth=[0-9a-f]{32}$`, string(token))
	return c, c.ids()
}

func testSASLAnswers(t *testing.T, start startSASL) {
	addr := start(t, map[string]string{"letAnySaslUserDoX": "everybody"})
	set := func(key, value string) func(map[string]string) {
		return func(m map[string]string) { m[key] = value }
	}
	without := func(key string) func(map[string]string) {
		return func(m map[string]string) { delete(m, key) }
	}
	const no = "AuthFailed"
	for _, tt := range []struct {
		what           string
		user, password string
		change, after  func(map[string]string)
		want           string
	}{
		{"right", "bob", "secret", nil, nil, "sasl:bob"},
		{"wrong password", "bob", "no", nil, nil, no},
		{"no such user", "eve", "no", nil, nil, no},
		{"quotes", "ada", `p"a\ss`, nil, nil, "sasl:ada"},
		{"name of Kerberos", "host/a@b", "x", nil, nil, "sasl:host/a@b"},
		{"latin", "grüße", "wörld", nil, nil, "sasl:grüße"},
		{"beyond latin", "€", "w€", nil, nil, "sasl:€"},
		{"another service", "bob", "secret", set("digest-uri", `"zookeeper/localhost"`), nil, no},
		{"service in capitals", "bob", "secret", set("digest-uri", `"ZooKeeper/zk-sasl-md5"`), nil, "sasl:bob"},
		{"service with a name", "bob", "secret", set("digest-uri", `"zookeeper/zk-sasl-md5/zk-sasl-md5"`), nil, no},
		{"another realm", "bob", "secret", set("realm", `"other"`), nil, no},
		{"no realm", "bob", "secret", without("realm"), nil, no},
		{"another realm that is not meant", "bob", "secret", nil, set("realm", `"other"`), no},
		{"no realm but the right one meant", "bob", "secret", nil, without("realm"), no},
		{"second use of the nonce", "bob", "secret", set("nc", "00000002"), nil, no},
		{"nc that nobody reads", "bob", "secret", nil, set("nc", "x"), "sasl:bob"},
		{"no nc", "bob", "secret", nil, without("nc"), "sasl:bob"},
		{"another nonce", "bob", "secret", set("nonce", `"abc"`), nil, no},
		{"no nonce", "bob", "secret", nil, without("nonce"), no},
		{"no cnonce", "bob", "secret", nil, without("cnonce"), no},
		{"empty cnonce", "bob", "secret", set("cnonce", `""`), nil, "sasl:bob"},
		{"confidential", "bob", "secret", set("qop", "auth-conf"), nil, no},
		{"no qop", "bob", "secret", nil, without("qop"), "sasl:bob"},
		{"on behalf of another", "bob", "secret", set("authzid", `"eve"`), nil, "sasl:bob"},
		{"another charset", "bob", "secret", set("charset", "iso-8859-1"), nil, no},
		{"no charset", "bob", "secret", nil, without("charset"), "sasl:bob"},
		{"no user", "bob", "secret", nil, without("username"), no},
		{"no response", "bob", "secret", nil, without("response"), no},
		{"response in capitals", "bob", "secret", nil, func(m map[string]string) { m["response"] = strings.ToUpper(m["response"]) }, no},
		{"response in quotes", "bob", "secret", nil, func(m map[string]string) { m["response"] = `"` + m["response"] + `"` }, "sasl:bob"},
		{"nothing", "bob", "secret", nil, func(m map[string]string) { clear(m) }, no},
		{"key with a blank", "bob", "secret", nil, set("a b", "c"), no},
		{"key without a value", "bob", "secret", nil, set("foo", "x,bar"), no},
		{"open quotes", "bob", "secret", nil, set("zoo", `"x`), no},
		{"word behind quotes", "bob", "secret", nil, set("username", `"bob"x`), no},
		{"user twice", "bob", "secret", nil, set("username", `"bob",username="bob"`), no},
		{"unknown twice", "bob", "secret", nil, set("foo", `"bob",foo="bob"`), "sasl:bob"},
		{"blanks and commas", "bob", "secret", nil, set("foo", " x , ,,y = z"), "sasl:bob"},
		{"keys in capitals", "bob", "secret", nil, func(m map[string]string) {
			m["USERNAME"] = m["username"]
			delete(m, "username")
		}, "sasl:bob"},
		{"user without quotes", "bob", "secret", nil, set("username", "bob"), "sasl:bob"},
		{"maxbuf", "bob", "secret", nil, set("maxbuf", "1"), "sasl:bob"},
		{"maxbuf that is none", "bob", "secret", nil, set("maxbuf", "x"), "closed"},
		{"long", "bob", "secret", nil, set("foo", strings.Repeat("x", 3700)), "sasl:bob"},
		{"too long", "bob", "secret", nil, set("foo", strings.Repeat("x", 4000)), no},
	} {
		_, got := login(t, addr, tt.user, tt.password, tt.change, tt.after)
		assert.Equal(t, tt.want, got, tt.what)
	}

	c, _ := login(t, addr, "bob", "secret", nil, nil)
	other, _ := login(t, addr, "ada", `p"a\ss`, nil, nil)
	plain, err := rawSession(t, addr, nil)
	require.NoError(t, err)
	require.Equal(t, "ok", c.code(makingFor("/own", "sasl", "bob")))
	require.Equal(t, "ok", c.code(makingFor("/auth", "auth", "")))
	_, p := c.must(reading(zkapi.OpGetACL, "/auth"))
	require.Equal(t, []zkapi.ACL{{Perms: zkapi.PermAll, Scheme: "sasl", ID: "bob"}}, p.ACL)
	require.Equal(t, "NoAuth", other.code(reading(zkapi.OpGetData, "/own")))
	require.Equal(t, "NoAuth", plain.code(reading(zkapi.OpGetData, "/own")))
	require.Equal(t, "ok", c.code(makingFor("/all", "sasl", "everybody")))
	require.Equal(t, "ok", other.code(reading(zkapi.OpGetData, "/all")))
	require.Equal(t, "NoAuth", plain.code(reading(zkapi.OpGetData, "/all")))
	for id, want := range map[string]string{"bob@a": "ok", "bob/x@a": "ok", "bob/x": "ok", "@": "ok", "a@b@c": "InvalidACL",
		"": "ok", "a/b/c": "ok", "a/b/c@d": "InvalidACL", "a b": "ok"} {
		assert.Equal(t, want, plain.code(makingFor(fmt.Sprintf("/id%x", id), "sasl", id)), id)
	}
	require.Equal(t, "AuthFailed", plain.code(authenticating("sasl", "bob")))
	require.Equal(t, "AuthFailed", c.code(saslToken([]byte{})), "a second time")
	c.closed()
	early, err := rawSession(t, addr, nil)
	require.NoError(t, err)
	_, p = early.must(saslToken([]byte("username=bob")))
	require.Regexp(t, challengeForm, string(p.Token), "whatever comes first")
	null, err := rawSession(t, addr, nil)
	require.NoError(t, err)
	null.ask(saslToken(nil))
	null.closed()
}

// testSASLRequired: without SASL nobody is served.
func testSASLRequired(t *testing.T, start startSASL) {
	addr := start(t, map[string]string{"sessionRequireClientSASLAuth": "true", "superUser": "bob", "SASLAuthenticationProvider.superPassword": "other"})
	plain, err := rawSession(t, addr, nil)
	require.NoError(t, err)
	require.Equal(t, "SessionClosedRequireSaslAuth", plain.code(reading(zkapi.OpExists, "/")))
	plain.closed()
	digest, err := rawSession(t, addr, nil)
	require.NoError(t, err)
	require.Equal(t, "ok", digest.code(authenticating("digest", "a:b")))
	require.Equal(t, "SessionClosedRequireSaslAuth", digest.code(reading(zkapi.OpExists, "/")))
	_, got := login(t, addr, "bob", "no", nil, nil)
	require.Equal(t, "SessionClosedRequireSaslAuth", got)

	bob, got := login(t, addr, "bob", "secret", nil, nil)
	require.ElementsMatch(t, []string{"sasl:bob", "super:"}, strings.Fields(got))
	_, got = login(t, addr, "super", "s3cret", nil, nil)
	require.Equal(t, "SessionClosedRequireSaslAuth", got)
	super, got := login(t, addr, "super", "other", nil, nil)
	require.Equal(t, "sasl:super", got)
	require.Equal(t, "ok", super.code(makingFor("/own", "sasl", "super")))
	require.Equal(t, "ok", bob.code(reading(zkapi.OpGetData, "/own")))
}

// testSASLFailuresAllowed: who fails is served as one who has not tried.
func testSASLFailuresAllowed(t *testing.T, start startSASL) {
	addr := start(t, map[string]string{"allowSaslFailedClients": "true"})
	c, got := login(t, addr, "bob", "no", nil, nil)
	require.Equal(t, "null", got)
	require.Equal(t, "ok", c.code(reading(zkapi.OpExists, "/")))
	require.Empty(t, c.ids())
	_, p := c.must(saslToken([]byte{}))
	require.Nil(t, p.Token, "there is no second chance")
}

func saslToken(token []byte) wire.Request {
	q := request(zkapi.OpSasl)
	q.SASL.Token = token
	return q
}

var directive = regexp.MustCompile(`(\w[\w-]*)=("(?:[^"\\]|\\.)*"|[^,]*)`)

// answer is what a client of DIGEST-MD5 says to a challenge. change may change
// the directives before the response is computed from them, after may then.
func answer(challenge, user, password string, change, after func(map[string]string)) string {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	m := map[string]string{"charset": "utf-8", "username": `"` + quote.Replace(user) + `"`, "nc": "00000001",
		"cnonce": `"bm9uY2U="`, "digest-uri": `"zookeeper/zk-sasl-md5"`, "qop": "auth"}
	for _, d := range directive.FindAllStringSubmatch(challenge, -1) {
		if d[1] == "realm" || d[1] == "nonce" {
			m[d[1]] = d[2]
		}
	}
	if change != nil {
		change(m)
	}
	of := func(key string) string { return strings.Trim(m[key], `"`) }
	sum := func(s string) string { h := md5.Sum([]byte(s)); return string(h[:]) }
	hx := func(s string) string { return hex.EncodeToString([]byte(s)) }
	a1 := sum(latin(user)+":"+latin(of("realm"))+":"+latin(password)) + ":" + of("nonce") + ":" + of("cnonce")
	if of("authzid") != "" {
		a1 += ":" + of("authzid")
	}
	m["response"] = hx(sum(hx(sum(a1)) + ":" + of("nonce") + ":" + of("nc") + ":" + of("cnonce") + ":auth:" + hx(sum("AUTHENTICATE:"+of("digest-uri")))))
	if after != nil {
		after(m)
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, key+"="+m[key])
	}
	return strings.Join(parts, ",")
}

// latin is a text in ISO 8859-1, if it has only characters of that.
func latin(s string) string {
	var b []byte
	for _, c := range s {
		if c > 0xff {
			return s
		}
		b = append(b, byte(c))
	}
	return string(b)
}
