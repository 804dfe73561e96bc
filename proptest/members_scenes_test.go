package proptest_test

import (
	"maps"
	"slices"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// scene is something that happens to an ensemble of its own.
type scene struct {
	name string
	setup
	play func(*stage)
}

// setup is how an ensemble is started.
type setup struct {
	members   int // 3 if it is 0
	observers []int
	joiners   []int
	settings  map[string]string
	severable bool // members can be cut off from each other, and what they have logged is looked at
}

// first is the member that leads at first: the last one that has a vote.
func (s *setup) first() int { return slices.Max(slices.Collect(maps.Keys(s.votes()))) }

// votes is who has a vote.
func (s *setup) votes() map[int]bool {
	votes := make(map[int]bool)
	for id := 1; id <= s.size(); id++ {
		if !slices.Contains(s.observers, id) && !slices.Contains(s.joiners, id) {
			votes[id] = true
		}
	}
	return votes
}

func (s *setup) size() int { return max(s.members, 3*(1-min(s.members, 1))) }

// scenes are played one after another.
var scenes = slices.Concat(quorumScenes, reconfigScenes, sessionScenes, readOnlyScenes, counterScenes, partitionScenes)

var quorumScenes = []scene{
	{name: "sessions", play: func(s *stage) {
		s.connect("a", 1)
		s.catchUp("a")
		s.words(1, "srvr", "conf", "mntr", "dump", "isro")
		s.words(3, "srvr", "conf", "mntr", "dump", "isro")

		s.say("\na session moves")
		s.call("a", create("/e", zkapi.Ephemeral))
		s.call("a", create("/e", zkapi.Ephemeral))
		s.call("a", onPath(zkapi.OpExists, "/zookeeper/config"))
		s.reconnect("b", 2, "a")
		s.say("the old connection reads, and may ask for what needs no leader")
		s.call("a", wire.Request{RequestHeader: head(zkapi.OpPing)})
		s.call("a", onPath(zkapi.OpExists, "/e"))
		s.call("a", onPath(zkapi.OpGetData, "/e"))
		s.catchUp("a")
		s.call("a", wire.Request{RequestHeader: head(zkapi.OpAddWatch), Watch: wire.WatchRequest{Path: "/e"}})
		s.call("a", wire.Request{RequestHeader: head(zkapi.OpWhoAmI)})
		s.call("a", wire.Request{RequestHeader: head(zkapi.OpGetEphemerals), Path: wire.PathRequest{Path: "/"}})
		s.call("b", onPath(zkapi.OpExists, "/e"))
		s.say("a write ends it, and takes a zxid")
		s.call("a", create("/x", zkapi.Persistent))
		s.call("b", create("/y", zkapi.Persistent))
		s.say("a multi is looked into part by part")
		s.reconnect("a", 1, "a")
		s.call("b", wire.Request{RequestHeader: head(zkapi.OpMulti), Ops: []wire.Op{}})
		s.call("b", wire.Request{RequestHeader: head(zkapi.OpReconfig)})
		s.call("b", wire.Request{RequestHeader: head(zkapi.OpMulti), Ops: []wire.Op{{Type: zkapi.OpCheck, Path: "/e", Version: -1}}})
		s.catchUp("a")
		s.call("a", onPath(zkapi.OpGetData, "/y"))

		s.say("\na wrong password")
		s.attempt(3, "a", make([]byte, 16))
		s.say("on another member the session's connection does not notice")
		s.call("a", onPath(zkapi.OpGetData, "/e"))
		s.attempt(1, "a", make([]byte, 16))
		s.closed("a")
		s.reconnect("a", 2, "a")
		s.call("a", onPath(zkapi.OpGetData, "/e"))

		s.say("\nthe old connection closes the session")
		s.reconnect("b", 1, "a")
		s.call("a", wire.Request{RequestHeader: head(zkapi.OpCloseSession)})
		s.closed("a")
		s.closed("b")
		s.connect("c", 3)
		s.call("c", onPath(zkapi.OpExists, "/e"))
	}},
	{name: "failover", play: func(s *stage) {
		s.connect("a", 1)
		s.connect("b", 2)
		s.call("a", create("/e", zkapi.Ephemeral))
		s.call("a", create("/n", zkapi.Persistent))
		s.kill(3)
		s.closed("a")
		s.closed("b")
		s.words(1, "srvr")
		s.words(2, "srvr")
		s.reconnect("a", 1, "a")
		s.call("a", onPath(zkapi.OpGetData, "/e"))
		s.call("a", create("/later", zkapi.PersistentSequential))
		s.reconnect("b", 2, "b")
		s.catchUp("b")
		s.call("b", onPath(zkapi.OpGetData, "/later0000000002"))
		s.start(3)
		s.connect("c", 3)
		s.call("c", onPath(zkapi.OpExists, "/e"))
		s.catchUp("a")
	}},
	{name: "no quorum", play: func(s *stage) {
		s.connect("a", 1)
		s.call("a", create("/e", zkapi.Ephemeral))
		s.kill(2)
		s.say("a follower is gone: nobody notices")
		s.call("a", onPath(zkapi.OpGetData, "/e"))
		s.kill(3)
		s.closed("a")
		s.words(1, "srvr", "stat", "mntr", "cons", "conf", "dump", "wchs", "wchp", "dirs", "hash", "crst", "srst", "ruok", "isro", "gtmk")
		s.attempt(1, "a", nil)
	}},
}
