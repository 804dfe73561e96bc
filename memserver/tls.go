package memserver

import (
	"crypto/tls"
	"net"

	"github.com/zksim/zksim/zkapi"
)

// ListenTLS is Listen for clients that use TLS, as Config.TLS says. It is what
// ZooKeeper calls the secure client port: who shows a certificate is known by its
// subject, an id of scheme x509.
func (s *Server) ListenTLS(addr string) error { return s.members[0].ListenTLS(addr) }

// ListenTLS is Server.ListenTLS for this member.
func (m *Member) ListenTLS(addr string) error { return m.listenOn(addr, true) }

// TLSAddr is the address of the first ListenTLS; "" without one.
func (m *Member) TLSAddr() string {
	m.srv.mu.Lock()
	defer m.srv.mu.Unlock()
	if m.secureHome == nil {
		return ""
	}
	return m.secureHome.String()
}

// secured finds the TLS of a connection, also behind what stands before it.
func secured(nc net.Conn) *tls.Conn {
	for {
		switch c := nc.(type) {
		case *tls.Conn:
			return c
		case interface{ NetConn() net.Conn }:
			nc = c.NetConn()
		default:
			return nil
		}
	}
}

// identify does the handshake of a connection that uses TLS, and takes the
// client's certificate for an identity.
func (c *conn) identify() bool {
	secure := secured(c.nc)
	if secure == nil {
		return true
	}
	c.secure = true
	if secure.Handshake() != nil {
		return false
	}
	certs := secure.ConnectionState().PeerCertificates
	if len(certs) == 0 {
		return true
	}
	c.srv.mu.Lock()
	defer c.srv.mu.Unlock()
	c.srv.st.Identify(c.st, zkapi.ID{Scheme: "x509", User: x500Name(certs[0].RawSubject)})
	return true
}
