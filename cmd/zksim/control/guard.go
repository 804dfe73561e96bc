package control

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// CheckBind says why the HTTP side must not be at an address, nil if it may.
// Where other machines can reach it, it needs a token.
func CheckBind(addr net.Addr, token string) error {
	at, err := netip.ParseAddrPort(addr.String())
	if err == nil && at.Addr().Unmap().IsLoopback() || token != "" {
		return nil
	}
	return fmt.Errorf("other machines can reach %s, so a token is needed: --http-token or ZKSIM_HTTP_TOKEN", addr)
}

// guard refuses requests that the user of this machine did not mean to send.
// A page of a stranger can make a browser send requests here, also under a
// name of the stranger's that leads to this machine.
func (s *Server) guard(q *http.Request) *refusal {
	if site := q.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return refuse(http.StatusForbidden, "this request was sent by a page of another site")
	}
	if origin := q.Header.Get("Origin"); origin != "" && !sameHost(origin, q.Host) {
		return refuse(http.StatusForbidden, "Origin %q is another site", origin)
	}
	if s.opts.Token != "" {
		return s.checkToken(q)
	}
	if !isLoopback(q.Host) {
		return refuse(http.StatusForbidden, "Host %q is not this machine; ask for 127.0.0.1 or localhost, or start zksim with --http-token", q.Host)
	}
	return nil
}

func (s *Server) checkToken(q *http.Request) *refusal {
	given, ok := strings.CutPrefix(q.Header.Get("Authorization"), "Bearer ")
	// Of equal length, and compared in constant time: nothing can be learned by trying.
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(s.opts.Token))
	if same := subtle.ConstantTimeCompare(a[:], b[:]) == 1; ok && same {
		return nil
	}
	r := refuse(http.StatusUnauthorized, "send the header Authorization: Bearer TOKEN, with the token that zksim was started with")
	r.challenge = "Bearer"
	return r
}

func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

// isLoopback tells whether a Host header names this machine and nothing else.
func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}
