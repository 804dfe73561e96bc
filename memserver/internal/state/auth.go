package state

import (
	"slices"
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// auth (100) adds identities to the connection, for good. What fails closes it.
func (s *State) auth(c *Conn, q *wire.AuthPacket, p *Response) zkapi.Code {
	switch {
	case q.Scheme == "ip":
	case q.Scheme == "x509" && slices.ContainsFunc(c.IDs, func(id zkapi.ID) bool { return id.Scheme == "x509" }): // once more
	case q.Scheme == "digest" && q.Auth != nil:
		id := zkapi.DigestID(wire.RepairUTF8(q.Auth))
		if s.cfg.SuperDigest != "" && id == s.cfg.SuperDigest {
			c.addID(zkapi.ID{Scheme: "super"})
		}
		c.addID(zkapi.ID{Scheme: "digest", User: id})
	default:
		p.Close = true
		return zkapi.ErrAuthFailed
	}
	if slices.Contains(s.cfg.EnforceAuthSchemes, q.Scheme) {
		c.trusted = true
	}
	return 0
}

// Identify adds what the server knows of a client without being told, such as the
// subject of its certificate.
func (s *State) Identify(c *Conn, id zkapi.ID) {
	c.addID(id)
	if id.Scheme == "x509" && id.User == s.cfg.X509Super && id.User != "" {
		c.addID(zkapi.ID{Scheme: "super", User: id.User})
	}
	if slices.Contains(s.cfg.EnforceAuthSchemes, id.Scheme) {
		c.trusted = true
	}
}

func (c *Conn) addID(id zkapi.ID) {
	if !slices.Contains(c.IDs, id) {
		c.IDs = append(c.IDs, zkapi.ID{Scheme: strings.Clone(id.Scheme), User: strings.Clone(id.User)})
	}
}
