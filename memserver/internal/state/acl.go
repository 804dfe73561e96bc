package state

import (
	"slices"
	"strconv"
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// accessList is an ACL that nodes share. It is never changed once made.
type accessList struct{ entries []zkapi.ACL }

var (
	openList = &accessList{zkapi.OpenACL()}
	readList = &accessList{zkapi.ReadACL()}
)

// allowed is ZooKeeper's checkACL: does one of the identities have one of the permissions?
func (s *State) allowed(list *accessList, perm zkapi.Perm, ids []zkapi.ID) bool {
	if list == openList || s.cfg.SkipACL {
		return true
	}
	for _, id := range ids {
		if id.Scheme == "super" {
			return true
		}
	}
	for i := range list.entries {
		a := &list.entries[i]
		if a.Perms&perm == 0 {
			continue
		}
		if a.Scheme == "world" && a.ID == "anyone" {
			return true
		}
		for _, id := range ids {
			if id.Scheme == a.Scheme && s.matches(a.Scheme, id.User, a.ID) {
				return true
			}
		}
	}
	return false
}

func (s *State) matches(scheme, user, expr string) bool {
	switch scheme {
	case "ip":
		return ipMatches(user, expr)
	case "sasl":
		if s.cfg.SASL.Super != "" {
			return user == expr || user == s.cfg.SASL.Super
		}
		return user == expr || s.cfg.SASL.Any != "" && expr == s.cfg.SASL.Any
	}
	return user == expr
}

// fixACL is ZooKeeper's fixupACL: it checks a client's list, replaces "auth"
// entries by the client's own identities and returns the list to store.
func (s *State) fixACL(acl []zkapi.ACL, ids []zkapi.ID) (*accessList, zkapi.Code) {
	if len(acl) == 1 && acl[0] == openList.entries[0] {
		return openList, 0
	}
	if len(acl) == 0 {
		return nil, zkapi.ErrInvalidACL
	}
	list := make([]zkapi.ACL, 0, len(acl))
	for i, a := range acl {
		if slices.Contains(acl[:i], a) {
			continue
		}
		switch {
		case a.Scheme == wire.NullString:
			return nil, zkapi.ErrInvalidACL
		case a.ID == wire.NullString && a.Scheme != "auth" && s.hasScheme(a.Scheme):
			return nil, zkapi.ErrMarshalling // the real server trips over the null
		case a.Scheme == "world" && a.ID == "anyone":
			list = append(list, a)
		case a.Scheme == "auth":
			n := len(list)
			for _, id := range inSetOrder(ids) {
				if id.Scheme == "digest" || id.Scheme == "sasl" || id.Scheme == "x509" {
					list = append(list, zkapi.ACL{Perms: a.Perms, Scheme: id.Scheme, ID: id.User})
				}
			}
			if len(list) == n {
				return nil, zkapi.ErrInvalidACL
			}
		case !s.validID(a.Scheme, a.ID):
			return nil, zkapi.ErrInvalidACL
		default:
			list = append(list, a)
		}
	}
	if s.inMulti {
		for i := range list {
			list[i].ID = reread(list[i].ID)
		}
	}
	return s.intern(list), 0
}

// reread is a string after ZooKeeper has written and read it again, which it
// does with the parts of a multi: it writes a character outside the basic plane
// as two, which it cannot read.
func reread(s string) string {
	beyond := func(c rune) bool { return c > 0xffff }
	for i := strings.IndexFunc(s, beyond); i >= 0; i = strings.IndexFunc(s, beyond) {
		s = s[:i] + "\ufffd\ufffd" + s[i+4:]
	}
	return s
}

func (s *State) hasScheme(scheme string) bool {
	switch scheme {
	case "world", "digest", "ip":
		return true
	case "x509":
		return s.cfg.X509
	case "sasl":
		return s.cfg.SASL.Provider
	}
	return false
}

func (s *State) validID(scheme, id string) bool {
	switch scheme {
	case "digest":
		parts := strings.Split(id, ":")
		for len(parts) > 0 && parts[len(parts)-1] == "" {
			parts = parts[:len(parts)-1] // as Java's split does
		}
		return len(parts) == 2
	case "ip":
		addr, bits, ok := parseIPExpr(id)
		return ok && bits >= 0 && (len(addr) == 4 || !s.cfg.V38)
	case "x509":
		return s.cfg.X509 && validX500(id)
	case "sasl":
		return s.cfg.SASL.Provider && validKerberos(id)
	}
	return false
}

// internMax bounds the cache of lists, not the number of lists in use.
const internMax = 1024

// intern returns the shared copy of a list. The entries may point into a
// request, so a new list is copied.
func (s *State) intern(list []zkapi.ACL) *accessList {
	s.aclKey = wire.AppendACLs(s.aclKey[:0], list)
	if shared, ok := s.acls[string(s.aclKey)]; ok {
		return shared
	}
	own := make([]zkapi.ACL, len(list))
	for i, a := range list {
		own[i] = zkapi.ACL{Perms: a.Perms, Scheme: strings.Clone(a.Scheme), ID: strings.Clone(a.ID)}
	}
	if len(s.acls) >= internMax || s.acls == nil {
		s.acls = make(map[string]*accessList)
	}
	shared := &accessList{own}
	s.acls[string(s.aclKey)] = shared
	return shared
}

// redacted masks the hashes of digest entries, for readers without ADMIN.
func redacted(list []zkapi.ACL) []zkapi.ACL {
	masked := slices.Clone(list)
	for i, a := range masked {
		if user, _, found := strings.Cut(a.ID, ":"); found && a.Scheme == "digest" {
			masked[i].ID = user + ":x"
		}
	}
	return masked
}

// parseIPExpr reads "address" or "address/bits".
func parseIPExpr(expr string) (addr []byte, bits int, ok bool) {
	host, mask, hasMask := strings.Cut(expr, "/")
	if addr = parseIP(host); addr == nil {
		return nil, 0, false
	}
	bits = len(addr) * 8
	if hasMask {
		n, err := strconv.Atoi(mask)
		if err != nil || n < 0 || n > bits {
			return nil, 0, false
		}
		bits = n
	}
	return addr, bits, true
}

func ipMatches(host, expr string) bool {
	want, bits, ok := parseIPExpr(expr)
	have := parseIP(host)
	if !ok || len(have) != len(want) {
		return false
	}
	for i := range want {
		keep := min(max(bits-8*i, 0), 8)
		mask := byte(0xff << (8 - keep))
		if want[i]&mask != have[i]&mask {
			return false
		}
	}
	return true
}

// parseIP reads an address as ZooKeeper does: four decimal parts, or eight
// hexadecimal ones of which one run may be left out with "::".
func parseIP(s string) []byte {
	if strings.Contains(s, ":") {
		return parseIPv6(s)
	}
	parts := strings.Split(s, ".")
	if len(parts) != 4 {
		return nil
	}
	b := make([]byte, 4)
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || n > 255 {
			return nil
		}
		b[i] = byte(n)
	}
	return b
}

func parseIPv6(s string) []byte {
	head, tail, gap := strings.Cut(s, "::")
	if strings.Contains(tail, "::") {
		return nil
	}
	split := func(s string) []string {
		if s == "" && gap {
			return nil
		}
		return strings.Split(s, ":")
	}
	first, last := split(head), []string(nil)
	if gap {
		last = split(tail)
	}
	n := len(first) + len(last)
	if gap && n >= 8 || !gap && n != 8 {
		return nil
	}
	b := make([]byte, 16)
	put := func(at int, parts []string) bool {
		for i, p := range parts {
			v, err := strconv.ParseUint(p, 16, 16)
			if err != nil || len(p) > 4 {
				return false
			}
			b[at+2*i], b[at+2*i+1] = byte(v>>8), byte(v)
		}
		return true
	}
	if !put(0, first) || !put(16-2*len(last), last) {
		return nil
	}
	return b
}
