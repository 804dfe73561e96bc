package proptest_test

import (
	"fmt"
	"maps"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

const superDigest = "DigestAuthenticationProvider.superDigest"

var reconfigurable = map[string]string{"reconfigEnabled": "true", superDigest: "super:D/InIHSb7yEEbrWz8b9l71RjZJU="}

// with is one more setting.
func with(settings map[string]string, key, value string) map[string]string {
	all := map[string]string{key: value}
	maps.Copy(all, settings)
	return all
}

// super makes a client one that may do anything.
func (s *stage) super(name string) {
	s.call(name, wire.Request{RequestHeader: head(zkapi.OpAuth), Auth: wire.AuthPacket{Scheme: "digest", Auth: []byte("super:test")}})
}

// order is a reconfig. What is "" is null in it, and without a version it is for any.
type order struct {
	joining, leaving, members string
	version                   int64
}

func (s *stage) reconfig(name string, o order) { s.call(name, s.change(o)) }

// lastReconfig asks for one that ends the asker's connection, mostly but not
// always before the reply.
func (s *stage) lastReconfig(name string, o order) {
	q := s.change(o)
	s.conns[name].send(q.Append(nil))
	s.closed(name)
}

// change says what is asked for.
func (s *stage) change(o order) wire.Request {
	q := wire.ReconfigRequest{JoiningServers: wire.NullString, LeavingServers: wire.NullString, NewMembers: wire.NullString, CurConfigID: o.version}
	if q.CurConfigID == 0 {
		q.CurConfigID = -1
	}
	for _, p := range []struct {
		key, value string
		field      *string
	}{{"joining", o.joining, &q.JoiningServers}, {"leaving", o.leaving, &q.LeavingServers}, {"members", o.members, &q.NewMembers}} {
		if p.value != "" {
			*p.field = p.value
			fmt.Fprintf(&s.out, "%s %s: ", p.key, strings.ReplaceAll(ports.ReplaceAllString(p.value, "..."), "\n", "\\n"))
		}
	}
	return wire.Request{RequestHeader: head(zkapi.OpReconfig), Reconfig: q}
}

// server is a member's line in a configuration.
func (s *stage) server(id int) string { return fmt.Sprintf("server.%d=%s", id, s.spec(id)) }

func (s *stage) config(name string) { s.call(name, onPath(zkapi.OpGetData, "/zookeeper/config")) }

var reconfigScenes = []scene{
	{name: "reconfig refused", setup: setup{settings: reconfigurable}, play: func(s *stage) {
		s.connect("a", 1)
		s.config("a")
		s.say("anybody may ask, and the leader looks at the rights last")
		s.reconfig("a", order{leaving: "1", version: 77})
		s.reconfig("a", order{leaving: "x"})
		s.reconfig("a", order{joining: "server.4=127.0.0.1:1:2"})
		s.reconfig("a", order{leaving: "1,2,3"})
		s.reconfig("a", order{leaving: "1"})
		s.reconfig("a", order{})
		s.super("a")
		s.say("\nwhat cannot be read")
		for _, joining := range []string{
			"server.4", "server.4=a=b", "server.x=127.0.0.1:1:2;3", "4=127.0.0.1:1:2", "server.4=127.0.0.1:1;3",
			"server.4=127.0.0.1:1:2:boss;3", "server.4=127.0.0.1:1:1;3", "server.4=127.0.0.1:1:2;a:b:c", "server.4=127.0.0.1:x:2;3",
			"server.4=127.0.0.1:1:99999;3", "server.4=127.0.0.1:1:2;x", "server.4=", " ", ",",
			"server.4=10.1.1.1:1:2;3,server.5=10.1.1.1:1:4;5",
		} {
			s.reconfig("a", order{joining: joining})
		}
		for _, leaving := range []string{"x", "", "1,x", "99", " 99", "-1", "99999999999999999999"} {
			s.reconfig("a", order{leaving: leaving})
		}
		for _, members := range []string{
			"x", "server.1", "server.x=127.0.0.1:1:2;3", "server.1=127.0.0.1:1:2:observer;3", "group.1=1:2:3", "weight.1=1", "server.1=127.0.0.1:1", "#x", "version=xyz",
		} {
			s.reconfig("a", order{members: members})
		}
		s.say("\nno quorum")
		s.reconfig("a", order{leaving: "1,2,3"})
		s.reconfig("a", order{joining: "server.4=127.0.0.1:1:2;3,server.5=127.0.0.1:4:5;6", leaving: "1,2"})
		s.reconfig("a", order{members: "server.7=127.0.0.1:1:2;3"})
		s.reconfig("a", order{members: "server.3=127.0.0.1:1:2;3\nserver.4=127.0.0.1:1:2;3"})
		s.config("a")
	}},
	{name: "reconfig of one", setup: setup{settings: with(reconfigurable, "standaloneEnabled", "true")}, play: func(s *stage) {
		s.connect("a", 1)
		s.super("a")
		s.reconfig("a", order{leaving: "1,2"})
		s.reconfig("a", order{members: s.server(3)})
		s.reconfig("a", order{members: "#none"})
		s.reconfig("a", order{members: s.server(3) + "," + strings.Replace(s.server(1), "participant", "observer", 1)})
		s.reconfig("a", order{members: strings.Replace(s.server(1), "participant", "observer", 1)})
		s.reconfig("a", order{leaving: "1"})
	}},
	{name: "reconfig disabled", setup: setup{settings: with(nil, superDigest, reconfigurable[superDigest])}, play: func(s *stage) {
		s.connect("a", 1)
		s.super("a")
		s.reconfig("a", order{leaving: "1"})
		s.config("a")
	}},
	{name: "reconfig leaving", setup: setup{members: 4, settings: reconfigurable}, play: func(s *stage) {
		s.connect("a", 1)
		s.connect("b", 2)
		s.super("a")
		s.watchConfig("b")
		s.reconfig("a", order{leaving: "2"})
		s.say("who has left goes on without a vote")
		s.catchUp("b")
		s.config("b")
		s.call("b", create("/b", zkapi.Ephemeral))
		s.words(2, "srvr", "mntr", "conf")
		s.words(4, "srvr", "mntr", "conf")

		s.say("\nin another role, a server breaks its connections")
		s.connect("c", 3)
		s.lastReconfig("a", order{joining: strings.Replace(s.server(1), "participant", "observer", 1)})
		s.votes(3, 4)
		s.words(1, "srvr", "mntr", "conf")
		s.words(4, "srvr", "mntr")
		s.catchUp("c")
		s.config("c")
		s.reconnect("a", 1, "a")
		s.super("a")
		s.call("a", create("/a", zkapi.Ephemeral))

		s.say("\nall of them again")
		s.lastReconfig("a", order{members: strings.Join([]string{s.server(1), s.server(2), s.server(3), s.server(4)}, ",")})
		s.votes(1, 2, 3, 4)
		s.reconnect("a", 1, "a")
		s.config("a")
		s.words(1, "srvr", "mntr")
		s.words(4, "srvr", "mntr")
	}},
	{name: "reconfig joining", setup: setup{members: 4, joiners: []int{4}, settings: reconfigurable}, play: func(s *stage) {
		s.connect("a", 1)
		s.connect("d", 4)
		s.super("a")
		s.say("who is not in the configuration yet follows without a vote")
		s.config("d")
		s.call("d", create("/d", zkapi.Persistent))
		s.words(4, "srvr", "mntr", "conf")
		s.words(3, "srvr", "mntr", "conf")
		s.reconfig("a", order{joining: s.server(4)})
		s.catchUp("d")
		s.config("d")
		s.words(4, "srvr", "mntr", "conf")
		s.words(3, "srvr", "mntr", "conf")
		s.reconfig("a", order{joining: s.server(4), leaving: "2"})
		s.votes(1, 3, 4)
		s.say("the version is that of the last change")
		s.reconfig("a", order{leaving: "9", version: 1<<32 + 4})
		s.reconfig("a", order{leaving: "9", version: 1<<32 + 5})
		s.say("\na vote of a server that is not there counts, too")
		s.kill(2)
		s.reconfig("a", order{joining: "server.5=127.0.0.1:1:2;3"})
		s.votes(1, 3, 4, 5)
		s.call("a", create("/a", zkapi.Persistent))
		s.kill(4)
		s.closed("a")
		s.words(1, "srvr")
		s.start(4)
		s.connect("a", 1)
		s.config("a")
	}},
	{name: "reconfig and restart", setup: setup{members: 4, joiners: []int{4}, settings: reconfigurable}, play: func(s *stage) {
		s.connect("a", 1)
		s.super("a")
		s.reconfig("a", order{leaving: "2"})
		s.votes(1, 3)
		for _, id := range []int{2, 4} {
			s.kill(id)
			s.startInVain(id)
		}
		s.call("a", create("/a", zkapi.Persistent))
		s.kill(1)
		s.start(1)
		s.connect("a", 1)
		s.config("a")
	}},
	{name: "reconfig order", setup: setup{settings: reconfigurable}, play: func(s *stage) {
		far := func(ids ...int) string {
			var lines []string
			for _, id := range ids {
				lines = append(lines, fmt.Sprintf("server.%d=127.0.0.1:1:2;3", id))
			}
			return strings.Join(lines, ",")
		}
		watching := func(ids ...int) string { return strings.ReplaceAll(far(ids...), ";3", ":observer;3") }
		s.connect("a", 1)
		s.connect("b", 2)
		s.connect("c", 3)
		s.super("a")
		s.super("c")
		look := func(names ...string) {
			for _, name := range names {
				s.catchUp(name)
				s.config(name)
			}
		}
		s.say("the leader lists servers as its hash table does")
		s.reconfig("c", order{joining: far(9)})
		look("a", "b", "c")
		s.say("\nother members answer from tables of their own")
		s.reconfig("a", order{joining: far(8)})
		look("a", "b", "c")
		s.reconfig("c", order{leaving: "9,8"})
		look("a", "c")
		s.say("\nwho is in one bucket stands in the order of arrival")
		s.reconfig("c", order{joining: far(17, 33)})
		look("a", "c")
		s.reconfig("c", order{joining: s.server(1), leaving: "33"})
		look("a", "c")
		s.reconfig("a", order{joining: far(16)})
		look("a", "c")
		s.reconfig("c", order{leaving: "17"})
		look("a", "c")
		s.votes(1, 2, 3, 16)

		s.say("\na member that has been away has its own order")
		s.reconfig("c", order{joining: far(8), leaving: "16"})
		look("a", "b", "c")
		s.votes(1, 2, 3, 8)
		s.reconfig("c", order{joining: watching(8)})
		look("a", "b", "c")
		s.votes(1, 2, 3)
		s.kill(1)
		s.start(1)
		s.connect("a", 1)
		look("a", "b", "c")

		s.say("\nso has everybody after an election, and the leader of before that of then")
		s.kill(1)
		s.kill(2)
		s.closed("c")
		s.start(1)
		s.start(2)
		s.connect("a", 1)
		s.connect("b", 2)
		s.connect("c", 3)
		look("a", "b", "c")
		s.super("c")
		s.reconfig("c", order{joining: watching(10)})
		look("a", "b", "c")
		s.kill(3)
		s.start(3)
		s.connect("a", 1)
		s.connect("b", 2)
		s.connect("c", 3)
		look("a", "b", "c")

		s.say("\na whole configuration is read by all alike")
		s.super("b")
		s.reconfig("b", order{members: watching(17, 10, 33) + "," + s.server(3) + "," + s.server(2) + "," + s.server(1) + "," + watching(4)})
		look("a", "b", "c")
		s.reconfig("b", order{leaving: "33"})
		look("a", "b", "c")
	}},
	{name: "reconfig without the leader", setup: setup{settings: reconfigurable}, play: func(s *stage) {
		s.connect("a", 1)
		s.connect("b", 2)
		s.connect("c", 3)
		s.super("c")
		s.call("a", create("/a", zkapi.Ephemeral))
		s.lastReconfig("c", order{leaving: "3"})
		s.closed("a")
		s.closed("b")
		s.votes(1, 2)
		s.words(1, "srvr", "mntr")
		s.words(2, "srvr", "mntr")
		s.words(3, "srvr", "mntr")
		s.reconnect("a", 1, "a")
		s.call("a", onPath(zkapi.OpExists, "/a"))
		s.config("a")
		s.super("a")
		s.say("\nan address of the leader's that is another one makes another leader, too")
		s.reconnect("c", 3, "c")
		s.lastReconfig("a", order{members: "server.1=127.0.0.1:1:2;3," + s.server(2)})
		s.closed("c")
	}},
}

// startInVain starts a member that finds itself in no configuration.
func (s *stage) startInVain(id int) {
	err := s.members.start(id)
	if _, real := s.members.(realMembers); real && err == nil {
		// It was killed before it had written down that it is not in the list, and has heard of it only now.
		require.NoError(s.t, s.members.kill(id))
		err = s.members.start(id)
	}
	require.ErrorContains(s.t, err, fmt.Sprintf("My id %d not in the peer list", id))
	s.say("member %d does not start: it is not in the peer list", id)
}

// votes says who has a vote now, and waits for what a reconfig has set off.
func (s *stage) votes(ids ...int) {
	if r, ok := s.members.(realMembers); ok {
		clear(r.votes)
		for _, id := range ids {
			r.votes[id] = true
		}
		require.NoError(s.t, r.settle())
	}
}

func (s *stage) watchConfig(name string) {
	q := onPath(zkapi.OpGetData, "/zookeeper/config")
	q.Op.Watch = true
	s.call(name, q)
}
