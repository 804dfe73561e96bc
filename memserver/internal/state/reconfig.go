package state

import (
	"strconv"
	"strings"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// reconfig (16) makes other servers the members of the ensemble, or gives them
// other roles. What follows from it happens in the same step: a leader that is
// to lead no more hands over to a follower, and a server whose role is another
// one breaks its connections, that of the client which has asked after the reply.
func (s *State) reconfig(c *Conn, q *wire.Request, p *Response) zkapi.Code {
	switch {
	case !s.cfg.ReconfigEnabled:
		return zkapi.ErrReconfigDisabled
	case len(s.members) == 1:
		return zkapi.ErrUnimplemented
	case s.overlaps:
		return zkapi.ErrReconfigInProgress
	case q.Reconfig.CurConfigID != -1 && q.Reconfig.CurConfigID != s.membership.version:
		return zkapi.ErrBadVersion
	}
	next, code := s.proposed(&q.Reconfig)
	switch voters := next.voters(); {
	case code != 0:
		return code
	case voters < 1, voters < 2 && s.cfg.StandaloneEnabled:
		return zkapi.ErrBadArguments
	case s.synced(&next) <= voters/2:
		return zkapi.ErrNewConfigNoQuorum
	}
	n := s.tree.own(configPath)
	if !s.allowed(n.acl, zkapi.PermWrite, c.IDs) {
		return zkapi.ErrNoAuth
	}
	last := s.membership
	next.version = s.zxid
	s.membership = next
	s.writeConfig(n, s.now)
	s.changes = append(s.changes, change{kind: zkapi.EventNodeDataChanged, path: configPath, acl: n.acl})
	s.fire()
	s.commit()
	s.spread(s.leader)
	p.Data, p.Stat = []byte(next.text(s.listedBy(c.member))), n.stat()
	if s.rec.on {
		s.recordRequest(c, q, p)
	}
	p.Zxid = s.answered(c) // before another leader begins an epoch
	s.asker, s.askerEnds = c, false
	s.takeRoles(&last)
	s.asker, p.Close = nil, s.askerEnds
	return 0
}

// proposed is the membership that a request asks for, or the code of what is wrong with it.
func (s *State) proposed(q *wire.ReconfigRequest) (membership, zkapi.Code) {
	if q.NewMembers != wire.NullString {
		return s.parseMembers(strings.ReplaceAll(q.NewMembers, ",", "\n"))
	}
	next := s.membership
	next.order = s.listedBy(s.leader)
	size := copyCap(len(next.order))
	if q.LeavingServers != wire.NullString {
		for _, id := range listed(q.LeavingServers, ",") {
			n, err := strconv.ParseInt(id, 10, 64)
			if err != nil {
				return next, zkapi.ErrMarshalling
			}
			next = next.without(n)
		}
	}
	if q.JoiningServers != wire.NullString {
		for _, line := range listed(q.JoiningServers, ",") {
			v, code := parseJoiner(line)
			if code != 0 {
				return next, code
			}
			for i := range next.servers {
				if w := &next.servers[i]; w.id != v.id && v.clashes(w) {
					return next, zkapi.ErrBadArguments
				}
			}
			next = next.with(v)
		}
	}
	next.order = hashOrder(next.order, tableCap(size, len(next.order)))
	return next, 0
}

// parseJoiner reads "server.id=spec". Who joins has to say where its clients connect.
func parseJoiner(line string) (server, zkapi.Code) {
	parts := listed(line, "=")
	if len(parts) != 2 {
		return server{}, zkapi.ErrBadArguments
	}
	id, err := strconv.ParseInt(parts[0][strings.LastIndexByte(parts[0], '.')+1:], 10, 64)
	if err != nil {
		return server{}, zkapi.ErrMarshalling
	}
	v, code := parseServer(id, parts[1])
	if code == 0 && v.clients == "" {
		code = zkapi.ErrBadArguments
	}
	return v, code
}

// parseMembers reads a whole configuration. Groups and weights, which make other
// quorums than majorities, are not known here.
func (s *State) parseMembers(text string) (m membership, code zkapi.Code) {
	groups := false
	for _, p := range properties(text) {
		key, isServer := strings.CutPrefix(p[0], "server.")
		switch {
		case isServer:
			id, err := strconv.ParseInt(key, 10, 64)
			if err != nil {
				return m, zkapi.ErrMarshalling
			}
			v, code := parseServer(id, p[1])
			if code != 0 {
				return m, code
			}
			m = m.with(v)
		case strings.HasPrefix(key, "group"), strings.HasPrefix(key, "weight"):
			groups = true
		case key != "version":
			return m, zkapi.ErrBadArguments
		default:
			if _, err := strconv.ParseInt(p[1], 16, 64); err != nil {
				return m, zkapi.ErrMarshalling
			}
		}
	}
	m.order = m.read()
	observers := len(m.servers) > m.voters()
	switch voters := m.voters(); {
	case voters == 0 && (observers || !s.cfg.StandaloneEnabled), voters == 1 && observers && s.cfg.StandaloneEnabled:
		return m, zkapi.ErrMarshalling
	case groups:
		return m, zkapi.ErrBadArguments
	}
	return m, 0
}

// properties reads the lines of a Java properties file: keys and values.
func properties(text string) (list [][2]string) {
	const blank = " \t\f"
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r", "\n"), "\n") {
		line = strings.TrimLeft(line, blank)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		key, value := line, ""
		if i := strings.IndexAny(line, "=:"+blank); i >= 0 {
			key, value = line[:i], strings.TrimLeft(line[i:], blank)
			if value != "" && (value[0] == '=' || value[0] == ':') {
				value = strings.TrimLeft(value[1:], blank)
			}
		}
		list = append(list, [2]string{key, value})
	}
	return list
}

// synced is how many of the voters of a new membership follow the leader, or
// are it. Who has only observed so far has not.
func (s *State) synced(next *membership) (n int) {
	for _, m := range s.members {
		if id := int64(m.ID); next.votes(id) && !m.down && !s.membership.observes(id) {
			n++
		}
	}
	return n
}

// takeRoles does what a new membership means for the servers. The leader stays
// the leader if it has a vote and its old address.
func (s *State) takeRoles(last *membership) {
	for _, m := range s.members {
		if id := int64(m.ID); last.observes(id) != s.membership.observes(id) {
			s.drop(s.now, m)
		}
	}
	if s.leader == nil {
		return // the change has used up the last zxid of the epoch; who has a vote is asked when the election is over
	}
	was, is := last.find(int64(s.leader.ID)), s.membership.find(int64(s.leader.ID))
	if is != nil && !is.observer && was != nil && is.host == was.host && is.peers == was.peers {
		return
	}
	for _, m := range s.members {
		if m != s.leader && !m.down && s.canLead(m) && !last.observes(int64(m.ID)) {
			s.electNow(s.now, m)
			return
		}
	}
	s.elect(s.now)
}

// writeConfig shows the membership in its node.
func (s *State) writeConfig(n *node, now int64) {
	s.tree.bytes -= int64(len(n.data))
	n.setData([]byte(s.membership.text(s.membership.order)))
	s.tree.bytes += int64(len(n.data))
	n.version, n.mzxid, n.mtime = -1, s.membership.version, now
}

// showConfig is writeConfig for servers that start.
func (s *State) showConfig(now int64) {
	if len(s.members) > 1 {
		s.writeConfig(s.tree.own(configPath), now)
	}
}
