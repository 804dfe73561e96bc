package model

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// may tells whether a client has one of the permissions.
func may(c *client, acl []zkapi.ACL, perm zkapi.Perm) bool {
	for _, a := range acl {
		if a.Perms&perm == 0 {
			continue
		}
		switch a.Scheme {
		case "world":
			return true
		case "ip":
			if within(c.ip, a.ID) {
				return true
			}
		case "digest":
			if slices.Contains(c.users, a.ID) {
				return true
			}
		}
	}
	return false
}

// within tells whether an address lies in a network "a.b.c.d/bits".
func within(addr netip.Addr, network string) bool {
	if !strings.Contains(network, "/") {
		other, err := netip.ParseAddr(network)
		return err == nil && other == addr
	}
	prefix, err := netip.ParsePrefix(network)
	return err == nil && prefix.Contains(addr)
}

// fixACL checks a list that a client gives a node and returns what is stored.
func (z *zookeeper) fixACL(c *client, acl []zkapi.ACL) (stored []zkapi.ACL, anyOrder bool, code zkapi.Code) {
	if len(acl) == 0 {
		return nil, false, zkapi.ErrInvalidACL
	}
	for i, a := range acl {
		if slices.Contains(acl[:i], a) {
			continue
		}
		switch {
		case a.Scheme == "auth":
			if len(c.users) == 0 {
				return nil, false, zkapi.ErrInvalidACL
			}
			anyOrder = anyOrder || len(c.users) > 1
			for _, user := range c.users {
				stored = append(stored, zkapi.ACL{Perms: a.Perms, Scheme: "digest", ID: user})
			}
		case z.validID(a):
			stored = append(stored, a)
		default:
			return nil, false, zkapi.ErrInvalidACL
		}
	}
	return stored, anyOrder, 0
}

func (z *zookeeper) validID(a zkapi.ACL) bool {
	switch a.Scheme {
	case "world":
		return a.ID == "anyone"
	case "digest": // two parts, of which the first may be empty
		user, hash, ok := strings.Cut(a.ID, ":")
		_ = user
		return ok && strings.TrimRight(hash, ":") != "" && !strings.Contains(strings.TrimRight(hash, ":"), ":")
	case "ip":
		host, bits, masked := strings.Cut(a.ID, "/")
		addr, err := netip.ParseAddr(host)
		if err != nil || addr.Is6() && z.cfg.v38() {
			return false
		}
		n, err := strconv.Atoi(bits)
		return !masked || err == nil && 0 <= n && n <= addr.BitLen()
	}
	return false
}
