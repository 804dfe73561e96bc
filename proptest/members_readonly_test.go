package proptest_test

import (
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

var readOnlyScenes = []scene{
	{name: "read-only", setup: setup{observers: []int{2}, settings: with(locals, "readonlymode.enabled", "true")}, play: func(s *stage) {
		s.connect("a", 1)
		s.call("a", create("/n", zkapi.Persistent))
		s.readOnly = true
		s.connect("r", 1)
		s.readOnly = false
		s.kill(3)
		s.closed("a")
		s.closed("r")
		s.words(1, "srvr", "isro", "mntr", "dump", "conf", "cons")
		s.words(2, "srvr", "isro")
		s.attempt(1, "nobody", nil)
		s.say("\nwho says that reading will do is let in, to a new session")
		s.readOnly = true
		s.attempt(1, "r", nil)
		s.connect("r", 1)
		s.connect("o", 2)
		s.call("o", onPath(zkapi.OpGetData, "/n"))
		path := func(op zkapi.OpCode) wire.Request {
			q := onPath(op, "/n")
			q.Path, q.Watch, q.SetACL = wire.PathRequest{Path: "/n"}, wire.WatchRequest{Path: "/n"}, wire.SetACLRequest{Path: "/n", ACL: zkapi.OpenACL(), Version: -1}
			q.Op.Watch = true
			return q
		}
		for _, op := range []zkapi.OpCode{
			zkapi.OpExists, zkapi.OpGetData, zkapi.OpGetChildren, zkapi.OpGetChildren2, zkapi.OpGetACL, zkapi.OpGetAllChildrenNumber,
			zkapi.OpGetEphemerals, zkapi.OpWhoAmI, zkapi.OpAddWatch, zkapi.OpCheckWatches, zkapi.OpRemoveWatches, zkapi.OpSetWatches,
			zkapi.OpSetWatches2, zkapi.OpPing, zkapi.OpMultiRead,
			zkapi.OpSync, zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL, zkapi.OpDelete, zkapi.OpDeleteContainer,
			zkapi.OpSetData, zkapi.OpSetACL, zkapi.OpMulti, zkapi.OpReconfig,
		} {
			s.call("r", path(op))
		}
		s.say("without a look at what is asked for")
		s.call("r", wire.Request{RequestHeader: head(zkapi.OpSetACL), SetACL: wire.SetACLRequest{Path: wire.NullString}})
		s.call("r", create("/e", zkapi.Ephemeral))
		s.call("r", create("nonsense", 99))
		s.call("r", wire.Request{RequestHeader: head(zkapi.OpAuth), Auth: wire.AuthPacket{Scheme: "digest", Auth: []byte("a:b")}})
		s.call("r", wire.Request{RequestHeader: head(zkapi.OpWhoAmI)})

		s.say("\nthe session is that member's")
		s.reconnect("q", 1, "r")
		s.closed("r")
		s.attempt(2, "q", nil)
		s.call("q", onPath(zkapi.OpExists, "/n"))
		s.words(1, "dump", "mntr")
		s.call("q", closing())
		s.closed("q")
		s.attempt(1, "q", nil)
		s.connect("r", 1)

		s.say("\nwith a quorum all of it ends")
		s.start(3)
		s.closed("r")
		s.closed("o")
		s.attempt(1, "r", nil)
		s.connect("r", 1)
		s.call("r", create("/w", zkapi.Persistent))
	}},
	{name: "read-only for global sessions", setup: setup{settings: map[string]string{"readonlymode.enabled": "true"}}, play: func(s *stage) {
		s.connect("a", 1)
		s.call("a", create("/e", zkapi.Ephemeral))
		s.kill(2)
		s.kill(3)
		s.closed("a")
		s.words(1, "srvr", "isro", "dump", "mntr")
		s.attempt(1, "a", nil)
		s.readOnly = true
		s.say("there is no way to tell of a session that would be none")
		s.attempt(1, "a", nil)
		s.attempt(1, "nobody", nil)
		s.start(2)
		s.reconnect("a", 1, "a")
		s.call("a", onPath(zkapi.OpExists, "/e"))
	}},
}
