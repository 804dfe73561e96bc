package control

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zksim/zksim/memserver"
)

// What the AdminServer tells of an ensemble.

// together tells whether the member is one of an ensemble that has a leader.
func (a *admin) together() bool {
	role := a.m.Role()
	return role != memserver.Standalone && role != memserver.ReadOnly && role != memserver.NotServing
}

func (a *admin) isReadOnly(*http.Request) (object, error) {
	return object{{"read_only", a.m.Role() == memserver.ReadOnly}}, nil
}

func (a *admin) leader(*http.Request) (object, error) {
	leader := a.sim.Leader()
	if !a.together() || leader == nil {
		return nil, fmt.Errorf("server is not initialized")
	}
	return object{
		{"is_leader", leader == a.m},
		{"leader_id", leader.ID()},
		{"leader_ip", parseSpec(leader.Spec()).host},
	}, nil
}

// observers are those that follow the member, which has some only if it leads.
func (a *admin) observers(*http.Request) (object, error) {
	list := []object{}
	if a.m.Role() == memserver.Leader {
		for _, m := range a.sim.Members() {
			if m.Role() == memserver.Observer {
				list = append(list, observerInfo(m, a.sim.Now()))
			}
		}
	}
	return object{{"synced_observers", len(list)}, {"observers", list}}, nil
}

// observerInfo tells of an observer's connection to the leader, of which there is none here.
func observerInfo(m *memserver.Member, now time.Time) object {
	return object{
		{"remote_socket_address", "/" + m.Addr()},
		{"sid", m.ID()},
		{"established", now.UnixMilli()},
		{"queued_packets", 0},
		{"queued_packets_size", 0},
		{"packets_received", 0},
		{"packets_sent", 0},
		{"requests", 0},
		{"last_zxid", m.Zxid()},
	}
}

// votingView has who votes.
func (a *admin) votingView(*http.Request) (object, error) {
	return object{{"current_config", a.voters()}}, nil
}

// voters are those that the node of the configuration names.
func (a *admin) voters() object {
	voters := object{}
	n, _ := a.sim.Node("/zookeeper/config")
	for line := range strings.Lines(string(n.Data)) {
		id, spec, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "server."), "=")
		if s := parseSpec(spec); s.role == "participant" && a.together() {
			voters = append(voters, field{id, object{
				{"server_addresses", []string{net.JoinHostPort(s.host, s.peers)}},
				{"election_addresses", []string{net.JoinHostPort(s.host, s.ballots)}},
				{"client_address", s.clients},
				{"learner_type", s.role},
			}})
		}
	}
	return voters
}

func (a *admin) zabState(*http.Request) (object, error) {
	if !a.together() {
		return object{{"voting", false}, {"zabstate", ""}}, nil
	}
	s, zxid := parseSpec(a.m.Spec()), a.m.Zxid()
	return object{
		{"myid", a.m.ID()},
		{"is_leader", a.m.Role() == memserver.Leader},
		{"quorum_address", addresses(s.host, s.peers)},
		{"election_address", addresses(s.host, s.ballots)},
		{"client_address", a.m.Addr()},
		{"voting", slices.ContainsFunc(a.voters(), func(f field) bool { return f.key == strconv.Itoa(a.m.ID()) })},
		{"last_zxid", hex(zxid)},
		{"zab_epoch", zxid >> 32},
		{"zab_counter", zxid & 0xffffffff},
		{"zabstate", "broadcast"},
	}, nil
}

// addresses is how one address looks where there may be several.
func addresses(host, port string) object {
	at := net.JoinHostPort(host, port)
	return object{
		{"empty", false},
		{"wildcard_addresses", []string{net.JoinHostPort("0.0.0.0", port)}},
		{"all_addresses", []string{at}},
		{"all_ports", []any{number(port)}},
		{"all_host_strings", []string{host}},
		{"reachable_address", at},
		{"all_reachable_addresses", []string{at}},
		{"all_reachable_addresses_or_all", []string{at}},
		{"reachable_or_one", at},
		{"one", at},
	}
}

// spec is what stands behind server.N= in a configuration.
type spec struct{ host, peers, ballots, role, clients string }

// parseSpec reads one that the server has written: host:port:port:role;clients.
func parseSpec(text string) (s spec) {
	text, s.clients, _ = strings.Cut(text, ";")
	text, s.role = cutLast(text)
	text, s.ballots = cutLast(text)
	s.host, s.peers = cutLast(text)
	s.host = strings.Trim(s.host, "[]")
	return s
}

func cutLast(text string) (before, after string) {
	i := strings.LastIndexByte(text, ':')
	return text[:max(i, 0)], text[i+1:]
}
