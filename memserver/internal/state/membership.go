package state

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/zksim/zksim/zkapi"
)

// membership is which servers form the ensemble and what they know of each
// other, as /zookeeper/config tells it. It is a value: a reconfig makes another.
type membership struct {
	version int64    // the zxid of the transaction that has made it
	servers []server // by id
	order   []int64  // in which the leader that has made it lists them
}

// server is one line of it: server.id=host:port:port:role;host:port.
type server struct {
	id             int64
	host           string
	peers, ballots int // its ports for the leader and for elections
	observer       bool
	clients        string // its address for clients, "" if it is not said
}

func (v *server) text() string {
	role := "participant"
	if v.observer {
		role = "observer"
	}
	s := fmt.Sprintf("server.%d=%s:%d:%d:%s", v.id, bracketed(v.host), v.peers, v.ballots, role)
	if v.clients != "" {
		s += ";" + v.clients
	}
	return s
}

// bracketed is a host as it stands before a port.
func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

func (m *membership) text(order []int64) string {
	var b strings.Builder
	for _, id := range order {
		b.WriteString(m.find(id).text() + "\n")
	}
	return b.String() + "version=" + strconv.FormatUint(uint64(m.version), 16)
}

// find returns a server's line, nil if it is no member.
func (m *membership) find(id int64) *server {
	i, ok := slices.BinarySearchFunc(m.servers, id, func(v server, id int64) int { return cmp.Compare(v.id, id) })
	if !ok {
		return nil
	}
	return &m.servers[i]
}

// votes tells whether a server has a vote, observes whether it takes part without.
func (m *membership) votes(id int64) bool    { v := m.find(id); return v != nil && !v.observer }
func (m *membership) observes(id int64) bool { v := m.find(id); return v != nil && v.observer }

// voters is how many have a vote.
func (m *membership) voters() (n int) {
	for i := range m.servers {
		if !m.servers[i].observer {
			n++
		}
	}
	return n
}

// without and with make another membership.
func (m membership) without(id int64) membership {
	m.servers = slices.DeleteFunc(slices.Clone(m.servers), func(v server) bool { return v.id == id })
	m.order = slices.DeleteFunc(slices.Clone(m.order), func(listed int64) bool { return listed == id })
	return m
}

func (m membership) with(v server) membership {
	m = m.without(v.id)
	m.servers, m.order = append(m.servers, v), append(m.order, v.id)
	slices.SortFunc(m.servers, func(a, b server) int { return cmp.Compare(a.id, b.id) })
	return m
}

// CountVoters checks the values of server.N, by N, and counts those that have a vote.
func CountVoters(specs map[int64]string) (int, error) {
	m, err := parseServers(specs)
	return m.voters(), err
}

func parseServers(specs map[int64]string) (m membership, err error) {
	for id, spec := range specs {
		v, code := parseServer(id, spec)
		if code != 0 {
			return m, fmt.Errorf("server.%d=%s: want host:port:port, or host:port:port:participant;port, or observer", id, spec)
		}
		m = m.with(v)
	}
	m.order = m.read()
	return m, nil
}

// formed is the membership that the servers are started with.
func formed(cfg Config) membership {
	m, err := parseServers(cfg.Servers)
	if err != nil {
		panic("state: " + err.Error())
	}
	return m
}

// parseServer reads what stands behind "server.id=". ZooKeeper trips over some
// mistakes in a way that is not meant for clients.
func parseServer(id int64, spec string) (v server, code zkapi.Code) {
	v.id = id
	own, clients, _ := strings.Cut(spec, ";")
	if parts := javaSplit(spec, ";"); len(parts) == 2 {
		if v.clients, code = parseClients(clients); code != 0 {
			return v, code
		}
	}
	parts, ok := hostAndPorts(own)
	if !ok || len(parts) < 3 || len(parts) > 4 || strings.Contains(own, "|") {
		return v, zkapi.ErrBadArguments
	}
	v.host = strings.Clone(parts[0]) // the request is gone by the time it is looked at again
	if v.peers, code = parsePort(parts[1]); code != 0 {
		return v, code
	}
	if v.ballots, code = parsePort(parts[2]); code != 0 {
		return v, code
	}
	if v.peers == v.ballots {
		return v, zkapi.ErrBadArguments
	}
	if len(parts) == 4 {
		switch strings.ToLower(strings.TrimSpace(parts[3])) {
		case "participant":
		case "observer":
			v.observer = true
		default:
			return v, zkapi.ErrBadArguments
		}
	}
	return v, 0
}

// parseClients reads an address for clients, which may be a port alone.
func parseClients(s string) (string, zkapi.Code) {
	parts, ok := hostAndPorts(s)
	if !ok || len(parts) > 2 || len(parts) == 0 {
		return "", zkapi.ErrBadArguments
	}
	host := "0.0.0.0"
	if len(parts) == 2 {
		host = parts[0]
	}
	port, code := parsePort(parts[len(parts)-1])
	return fmt.Sprintf("%s:%d", bracketed(host), port), code
}

func parsePort(s string) (int, zkapi.Code) {
	n, err := strconv.ParseInt(s, 10, 32)
	switch {
	case err != nil:
		return 0, zkapi.ErrBadArguments
	case n < 0 || n > 65535:
		return 0, zkapi.ErrMarshalling
	}
	return int(n), 0
}

// hostAndPorts splits at colons, but not inside of brackets.
func hostAndPorts(s string) ([]string, bool) {
	if !strings.HasPrefix(s, "[") {
		return javaSplit(s, ":"), true
	}
	host, ports, ok := strings.Cut(s[1:], "]")
	if !ok || ports == ":" {
		return nil, false
	}
	if ports == "" {
		return []string{host}, true
	}
	return append([]string{host}, javaSplit(ports[1:], ":")...), true
}

// javaSplit is Java's String.split, which forgets the empty strings at the end.
func javaSplit(s, sep string) []string {
	if s == "" {
		return []string{""}
	}
	parts := strings.Split(s, sep)
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// listed splits a list as ZooKeeper does, which trims the parts and leaves out empty ones.
func listed(s, sep string) (parts []string) {
	for part := range strings.SplitSeq(s, sep) {
		if part = strings.TrimFunc(part, func(c rune) bool { return c <= ' ' }); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// clashes tells whether two servers have an address in common. Those of the
// machine itself do not count, nor do names, which nobody looks up here.
func (v *server) clashes(w *server) bool {
	for _, a := range v.addresses() {
		if slices.Contains(w.addresses(), a) {
			return true
		}
	}
	return false
}

func (v *server) addresses() (list []netip.AddrPort) {
	for _, s := range []string{fmt.Sprintf("%s:%d", bracketed(v.host), v.peers), fmt.Sprintf("%s:%d", bracketed(v.host), v.ballots), v.clients} {
		if a, err := netip.ParseAddrPort(s); err == nil && !a.Addr().IsLoopback() && !a.Addr().IsUnspecified() {
			list = append(list, a)
		}
	}
	return list
}
