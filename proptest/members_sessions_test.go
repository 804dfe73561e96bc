package proptest_test

import (
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// multi is a transaction of creates.
func multi(parts ...wire.Request) wire.Request {
	q := wire.Request{RequestHeader: head(zkapi.OpMulti)}
	for _, p := range parts {
		p.Op.Type = p.Type
		q.Ops = append(q.Ops, p.Op)
	}
	return q
}

// as sends a create as another type of request.
func as(op zkapi.OpCode, q wire.Request) wire.Request {
	q.Type, q.Op.Type = op, op
	return q
}

func closing() wire.Request { return wire.Request{RequestHeader: head(zkapi.OpCloseSession)} }

var locals = map[string]string{"localSessionsEnabled": "true"}

var sessionScenes = []scene{
	{name: "local sessions", setup: setup{settings: locals}, play: func(s *stage) {
		s.connect("a", 1)
		s.connect("c", 3)
		s.say("they take no zxid")
		s.call("a", create("/p", zkapi.Persistent))
		s.words(1, "dump", "mntr")
		s.words(3, "dump", "mntr")
		s.say("\nno ephemeral nodes, and neither code but one tells why")
		for _, name := range []string{"a", "c"} {
			s.call(name, create("/e", zkapi.Ephemeral))
			s.call(name, create("/nowhere/e", zkapi.Ephemeral))
			s.call(name, create("/p", zkapi.EphemeralSequential))
			s.call(name, as(zkapi.OpCreate2, create("/e", zkapi.Ephemeral)))
			s.call(name, create("/e", 9))
			s.call(name, as(zkapi.OpCreateContainer, create("/e", zkapi.Ephemeral)))
			s.call(name, as(zkapi.OpCreateTTL, create("/e", zkapi.Ephemeral)))
			s.call(name, multi(create("/m", zkapi.Persistent), create("/e", zkapi.Ephemeral)))
			s.call(name, multi(create("/nowhere/m", zkapi.Persistent), create("/e", zkapi.Ephemeral)))
			s.call(name, multi(create("/m"+name, zkapi.Persistent)))
		}
		s.say("\nonly its own member knows one")
		s.attempt(2, "a", nil)
		s.attempt(3, "a", nil)
		s.attempt(1, "c", nil)
		s.reconnect("b", 1, "a")
		s.closed("a")
		s.call("b", onPath(zkapi.OpExists, "/p"))
		s.call("b", wire.Request{RequestHeader: head(zkapi.OpGetEphemerals), Path: wire.PathRequest{Path: "/"}})
		s.call("b", closing())
		s.closed("b")
		s.attempt(1, "b", nil)
		s.connect("d", 1)
		s.call("d", create("/q", zkapi.Persistent))

		s.say("\nan election ends them")
		s.kill(3)
		s.closed("d")
		s.attempt(1, "d", nil)
		s.connect("d", 2)
		s.call("d", create("/r", zkapi.Persistent))
	}},
	{name: "local sessions upgraded", setup: setup{settings: with(locals, "localSessionsUpgradingEnabled", "true")}, play: func(s *stage) {
		s.connect("a", 1)
		s.connect("b", 2)
		s.connect("c", 3)
		s.connect("d", 3)
		s.call("a", create("/p", zkapi.Persistent))
		s.say("the first ephemeral node makes a session global, also if it fails")
		s.call("a", create("/e", zkapi.Ephemeral))
		s.call("a", create("/f", zkapi.Ephemeral))
		s.call("b", create("/nowhere/e", zkapi.Ephemeral))
		s.call("b", create("/g", zkapi.EphemeralSequential))
		s.call("c", multi(create("/m", zkapi.Persistent), create("/h", zkapi.Ephemeral)))
		s.call("d", as(zkapi.OpCreateContainer, create("/k", zkapi.Ephemeral)))
		s.call("d", create("/k", 9))
		s.call("d", create("/k", zkapi.Ephemeral))
		s.catchUp("a")
		s.words(1, "dump", "mntr")
		s.words(3, "dump", "mntr")
		s.reconnect("e", 2, "a")
		s.call("e", onPath(zkapi.OpExists, "/e"))
		s.call("a", create("/x", zkapi.Persistent))
		s.kill(3)
		s.closed("e")
		s.reconnect("a", 1, "a")
		s.call("a", onPath(zkapi.OpGetData, "/e"))
		s.call("a", closing())
		s.connect("b", 2)
		s.call("b", onPath(zkapi.OpExists, "/e"))
	}},
	{name: "observers", setup: setup{members: 5, observers: []int{4, 5}}, play: func(s *stage) {
		s.connect("a", 1)
		s.connect("d", 4)
		s.catchUp("d")
		s.words(4, "srvr", "conf", "mntr", "dump", "isro")
		s.words(3, "srvr", "conf", "mntr")
		s.say("\nthey read, and pass on what is written")
		s.call("d", onPath(zkapi.OpGetData, "/zookeeper/config"))
		watched := onPath(zkapi.OpExists, "/a")
		watched.Op.Watch = true
		s.call("d", watched)
		s.call("a", create("/a", zkapi.Persistent))
		s.catchUp("d")
		s.call("d", create("/d", zkapi.Ephemeral))
		s.reconnect("a", 5, "d")
		s.call("a", create("/e", zkapi.Ephemeral))
		s.call("d", create("/f", zkapi.Persistent))

		s.say("\nthey count for nothing")
		s.kill(5)
		s.kill(1)
		s.reconnect("a", 4, "a")
		s.call("a", onPath(zkapi.OpGetData, "/e"))
		s.words(4, "srvr")
		s.kill(2)
		s.closed("a")
		s.words(4, "srvr")
		s.start(2)
		s.reconnect("a", 4, "a")
		s.call("a", onPath(zkapi.OpGetData, "/e"))
		s.words(4, "srvr")
	}},
}
