package state

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// What ZooKeeper's servers call themselves to clients of DIGEST-MD5.
const (
	saslRealm = "zk-sasl-md5"
	saslURI   = "zookeeper/zk-sasl-md5"
)

// SASL says who may authenticate that way.
type SASL struct {
	Provider    bool              // one is configured, so that ACLs may name sasl ids
	Users       map[string]string // and their passwords; without any there is no server of SASL
	Super       string            // the one who may do everything
	Any         string            // what ACLs call every user
	AllowFailed bool              // who cannot authenticate is served all the same
}

// saslExchange is how far a connection has come.
type saslExchange struct {
	step  saslStep
	nonce string // of the challenge
}

type saslStep int

const (
	saslNew        saslStep = iota
	saslChallenged          // it has our challenge, and owes us an answer
	saslDone                // it has answered, rightly or not
)

// sasl (102) is a step of DIGEST-MD5 (RFC 2831), as Java's own server of it
// takes the RFC. Without users there is no such server, and the token is null.
func (s *State) sasl(c *Conn, token []byte, p *Response) zkapi.Code {
	p.Token = nil
	switch {
	case token == nil: // which a real server cannot bear
		p.Mute, p.Close = true, true
		return 0
	case len(s.cfg.SASL.Users) == 0:
		return 0
	case c.sasl.step == saslNew:
		s.nonces++
		sum := sha256.Sum256(fmt.Appendf(nil, "%x %d", s.cfg.FirstSession, s.nonces))
		c.sasl.step, c.sasl.nonce = saslChallenged, base64.StdEncoding.EncodeToString(sum[:30])
		p.Token = fmt.Appendf(nil, `realm="%s",nonce="%s",charset=utf-8,algorithm=md5-sess`, saslRealm, c.sasl.nonce)
		return 0
	}
	if c.sasl.step == saslChallenged {
		c.sasl.step = saslDone
		d, ok := parseDirectives(token)
		if _, err := strconv.Atoi(d["maxbuf"]); ok && d["maxbuf"] != "" && err != nil {
			p.Mute, p.Close = true, true // an exception that the real server does not expect
			return 0
		}
		if user, proof := s.checkDigest(c, d); ok && proof != "" {
			p.Token = []byte("rspauth=" + proof)
			s.Identify(c, zkapi.ID{Scheme: "sasl", User: user})
			if user == s.cfg.SASL.Super {
				c.addID(zkapi.ID{Scheme: "super"})
			}
			return 0
		}
	}
	if s.requiresSASL() {
		p.Close, p.Body = true, true
		return zkapi.ErrSessionClosedRequireSaslAuth
	}
	if s.cfg.SASL.AllowFailed {
		return 0
	}
	p.Close, p.Body = true, true
	return zkapi.ErrAuthFailed
}

func (s *State) requiresSASL() bool {
	for _, scheme := range s.cfg.EnforceAuthSchemes {
		if scheme == "sasl" {
			return true
		}
	}
	return false
}

// checkDigest tells whose answer to our challenge it is, and proves to him that
// we know his password; the proof of a wrong answer is "".
func (s *State) checkDigest(c *Conn, d map[string]string) (user, proof string) {
	user = d["username"]
	switch charset, ok := d["charset"]; {
	case !ok:
		user = fromLatin(user)
	case charset != "utf-8":
		return "", ""
	}
	password, known := s.cfg.SASL.Users[user]
	cnonce, fresh := d["cnonce"]
	qop, chosen := d["qop"]
	if !known || !fresh || chosen && qop != "auth" || d["nonce"] != c.sasl.nonce || d["realm"] != saslRealm ||
		!strings.EqualFold(d["digest-uri"], saslURI) {
		return "", ""
	}
	secret := md5.Sum([]byte(toLatin(user) + ":" + saslRealm + ":" + toLatin(password)))
	a1 := string(secret[:]) + ":" + c.sasl.nonce + ":" + cnonce
	if authzid := d["authzid"]; authzid != "" {
		a1 += ":" + authzid
	}
	respond := func(a2 string) string {
		return md5Hex(md5Hex(a1) + ":" + c.sasl.nonce + ":00000001:" + cnonce + ":auth:" + md5Hex(a2))
	}
	if d["response"] != respond("AUTHENTICATE:"+d["digest-uri"]) {
		return "", ""
	}
	return wire.RepairUTF8([]byte(user)), respond(":" + d["digest-uri"])
}

func md5Hex(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// toLatin is a text in ISO 8859-1, if that has all of its characters.
func toLatin(text string) string {
	b := make([]byte, 0, len(text))
	for _, c := range text {
		if c > 0xff {
			return text
		}
		b = append(b, byte(c))
	}
	return string(b)
}

func fromLatin(text string) string {
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

// maxDirectives is the longest answer that Java reads.
const maxDirectives = 4096

var knownDirectives = map[string]bool{"username": true, "realm": true, "nonce": true, "cnonce": true, "nc": true, "qop": true,
	"digest-uri": true, "response": true, "maxbuf": true, "charset": true, "cipher": true, "authzid": true, "auth-param": true}

// parseDirectives reads KEY=VALUE, with commas between. What is not known does
// not matter; what is known must not be there twice.
func parseDirectives(token []byte) (d map[string]string, ok bool) {
	d = make(map[string]string)
	for text := string(token); ; {
		if text = strings.TrimLeft(text, ", \t\r\n"); text == "" {
			return d, len(token) <= maxDirectives-1
		}
		key, rest, ok := strings.Cut(text, "=")
		key = strings.ToLower(strings.TrimRight(key, " \t\r\n"))
		if !ok || key == "" || strings.ContainsAny(key, ", \t\r\n") {
			return d, false
		}
		var value string
		if value, text, ok = directiveValue(strings.TrimLeft(rest, " \t\r\n")); !ok {
			return d, false
		}
		if _, twice := d[key]; twice && knownDirectives[key] {
			return d, false
		}
		d[key] = value
	}
}

// directiveValue reads a word or a text in quotes, and what follows up to a comma.
func directiveValue(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		value, rest, _ = strings.Cut(text, ",")
		value = strings.TrimRight(value, " \t\r\n")
		return value, rest, !strings.ContainsAny(value, " \t\r\n")
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if i++; i == len(text) {
				return "", "", false
			}
		case '"':
			rest = strings.TrimLeft(text[i+1:], " \t\r\n")
			return b.String(), rest, rest == "" || rest[0] == ','
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}

// validKerberos tells whether ZooKeeper takes an id of scheme sasl for the name
// of somebody: with an @ it must have the form of one of Kerberos.
func validKerberos(name string) bool {
	who, realm, ok := strings.Cut(name, "@")
	return !ok || strings.Count(who, "/") <= 1 && !strings.ContainsAny(realm, "/@")
}
