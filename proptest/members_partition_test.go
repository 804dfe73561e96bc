package proptest_test

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// ask sends a request whose reply may not come soon, or never.
func (s *stage) ask(name string, q wire.Request) {
	a := s.conns[name]
	a.xid++
	q.Xid = a.xid
	a.send(q.Append(nil))
	s.members.calm()
	s.say("%s asks for %v %s", name, q.Type, q.Op.Path)
}

// watches has a client look for a node that is not there.
func (s *stage) watches(name, path string) {
	q := onPath(zkapi.OpExists, path)
	q.Op.Watch = true
	s.call(name, q)
}

// event waits for the event of a watch.
func (s *stage) event(name string) {
	b, err := s.conns[name].frame()
	require.NoError(s.t, err)
	r := wire.NewReader(b)
	var h wire.ReplyHeader
	h.Read(&r)
	require.EqualValues(s.t, wire.XidNotification, h.Xid)
	var e wire.WatcherEvent
	e.Read(&r)
	s.say("%s: %v %s", name, e.Type, e.Path)
}

// sever takes from the second of two members what the first one says, and so on.
func (s *stage) sever(ways ...[2]int) {
	for _, w := range ways {
		require.NoError(s.t, s.members.sever(w[0], w[1]))
		s.say("member %d does not hear member %d any more", w[1], w[0])
	}
}

func (s *stage) mend(ways ...[2]int) {
	for _, w := range ways {
		require.NoError(s.t, s.members.mend(w[0], w[1]))
	}
	if r, ok := s.members.(realMembers); ok {
		require.NoError(s.t, r.settle())
	}
	s.say("all hear each other")
}

func (s *stage) lost(ids ...int) {
	require.NoError(s.t, s.members.lost(ids...))
	s.say("%v is lost", ids)
}

// logged waits until members have logged the creation of a node. One that has not by the time that the
// others have given it up, as happens on a busy machine, makes it another story, which is tried again.
func (s *stage) logged(path string, ids ...int) {
	for _, id := range ids {
		if err := s.members.logged(id, path); err != nil {
			s.say("%v", err)
		}
	}
	s.say("it is in the logs of %v", ids)
}

var partitions = setup{severable: true}

var partitionScenes = []scene{
	{name: "a follower that is not heard", setup: partitions, play: func(s *stage) {
		s.connect("a", 1)
		s.connect("b", 3)
		s.connect("c", 1)
		s.watches("c", "/n")
		s.sever([2]int{1, 3})
		s.say("its clients see what is done, and what they want is not")
		s.ask("a", create("/lost", zkapi.Persistent))
		s.call("b", create("/n", zkapi.Persistent))
		s.event("c")
		s.call("c", onPath(zkapi.OpGetData, "/n"))
		s.lost(1)
		s.closed("a")
		s.closed("c")
		s.words(1, "srvr")
		s.words(3, "mntr")
		s.attempt(1, "a", nil)
		s.reconnect("a", 2, "a")
		s.catchUp("a")
		s.call("a", onPath(zkapi.OpExists, "/lost"))
		s.mend([2]int{1, 3})
		s.reconnect("c", 1, "c")
		s.catchUp("c")
		s.call("c", create("/m", zkapi.Persistent))
	}},
	{name: "a follower that does not hear", setup: partitions, play: func(s *stage) {
		s.connect("a", 1)
		s.connect("b", 3)
		s.connect("c", 1)
		s.catchUp("c")
		s.watches("b", "/done")
		s.sever([2]int{3, 1})
		s.say("its clients do not see what is done, and what they want is")
		s.call("b", create("/n", zkapi.Persistent))
		s.call("c", onPath(zkapi.OpExists, "/n"))
		s.ask("a", create("/done", zkapi.Persistent))
		s.event("b")
		s.call("c", onPath(zkapi.OpExists, "/done"))
		s.lost(1)
		s.closed("a")
		s.closed("c")
		s.words(3, "mntr")
		s.reconnect("a", 2, "a")
		s.call("a", onPath(zkapi.OpExists, "/done"))
		s.mend([2]int{3, 1})
		s.reconnect("c", 1, "c")
		s.call("c", onPath(zkapi.OpExists, "/n"))
	}},
	{name: "a follower that hears again", setup: partitions, play: func(s *stage) {
		for _, way := range [][2]int{{1, 3}, {3, 1}} {
			s.connect("a", 1)
			s.catchUp("a")
			s.sever(way)
			path := fmt.Sprintf("/by%d", way[0])
			q := create(path, zkapi.Persistent)
			s.ask("a", q)
			s.ask("a", onPath(zkapi.OpExists, path))
			s.mend(way)
			s.hear("a", q)
			s.hear("a", onPath(zkapi.OpExists, path))
		}
	}},
	{name: "a leader that does not hear", setup: partitions, play: func(s *stage) {
		s.connect("a", 1)
		s.connect("b", 3)
		s.connect("c", 3)
		s.sever([2]int{1, 3}, [2]int{2, 3})
		s.say("what it proposes is logged, and it does not know that")
		s.ask("b", create("/logged", zkapi.Persistent))
		s.logged("/logged", 1, 2, 3)
		s.call("c", onPath(zkapi.OpExists, "/logged"))
		s.ask("a", create("/unsaid", zkapi.Persistent))
		s.lost(3)
		for _, name := range []string{"a", "b", "c"} {
			s.closed(name)
		}
		s.words(2, "srvr")
		s.reconnect("b", 2, "b")
		s.call("b", onPath(zkapi.OpExists, "/logged"))
		s.call("b", onPath(zkapi.OpExists, "/unsaid"))
		s.call("b", create("/next", zkapi.Persistent))
		s.mend([2]int{1, 3}, [2]int{2, 3})
		s.reconnect("c", 3, "c")
		s.call("c", onPath(zkapi.OpExists, "/next"))
	}},
	{name: "a leader that is not heard", setup: partitions, play: func(s *stage) {
		s.connect("b", 3)
		s.sever([2]int{3, 1}, [2]int{3, 2})
		s.ask("b", create("/unheard", zkapi.Persistent))
		s.logged("/unheard", 3)
		s.lost(3)
		s.closed("b")
		s.reconnect("b", 2, "b")
		s.call("b", onPath(zkapi.OpExists, "/unheard"))
		s.call("b", create("/next", zkapi.Persistent))
		s.say("its log is cut off at the end when it comes back")
		s.mend([2]int{3, 1}, [2]int{3, 2})
		s.connect("c", 3)
		s.call("c", onPath(zkapi.OpExists, "/unheard"))
		s.call("c", onPath(zkapi.OpExists, "/next"))
	}},
	{name: "a leader killed", setup: partitions, play: func(s *stage) {
		s.connect("b", 3)
		s.connect("c", 3)
		s.sever([2]int{1, 3}, [2]int{2, 3})
		s.ask("b", create("/both", zkapi.Persistent))
		s.logged("/both", 1, 2, 3)
		s.sever([2]int{3, 2})
		s.ask("c", create("/one", zkapi.Persistent))
		s.logged("/one", 1, 3)
		s.say("who has logged more is elected")
		s.kill(3)
		s.closed("b")
		s.words(1, "srvr")
		s.reconnect("b", 1, "b")
		s.call("b", onPath(zkapi.OpExists, "/both"))
		s.call("b", onPath(zkapi.OpExists, "/one"))
		s.call("b", create("/next", zkapi.Persistent))
		s.mend([2]int{1, 3}, [2]int{2, 3}, [2]int{3, 2})

		s.say("\nwhat only the leader has logged")
		s.start(3)
		s.sever([2]int{1, 2}, [2]int{1, 3})
		s.ask("b", create("/none", zkapi.Persistent))
		s.logged("/none", 1)
		s.kill(1)
		s.closed("b")
		s.mend([2]int{1, 2}, [2]int{1, 3})
		s.reconnect("b", 2, "b")
		s.call("b", onPath(zkapi.OpExists, "/none"))
		s.call("b", create("/next", zkapi.Persistent))
		s.start(1)
		s.reconnect("b", 1, "b")
		s.call("b", onPath(zkapi.OpExists, "/none"))
		s.words(3, "srvr")
	}},
	{name: "who has missed an epoch", play: func(s *stage) {
		s.kill(3)
		s.kill(2)
		s.start(2)
		s.words(2, "srvr")
		s.say("nothing was done in the epochs that 3 has missed")
		s.kill(1)
		s.start(3)
		s.words(2, "srvr")
		s.words(3, "srvr")
	}},
	{name: "reconfigs at a time", setup: setup{members: 4, severable: true, settings: reconfigurable}, play: func(s *stage) {
		s.connect("a", 4)
		s.connect("b", 4)
		s.super("a")
		s.super("b")
		for id := 1; id <= 3; id++ {
			require.NoError(s.t, s.members.hang(id))
		}
		first, second, other := s.change(order{leaving: "1"}), s.change(order{leaving: "2"}), create("/n", zkapi.Persistent)
		s.ask("a", first)
		s.logged("version=", 4)
		s.ask("b", second)
		s.ask("b", other)
		s.logged("/n", 4)
		for id := 1; id <= 3; id++ {
			require.NoError(s.t, s.members.resume(id))
		}
		s.hear("a", first)
		s.hear("b", second)
		s.hear("b", other)
		s.config("a")
		s.reconfig("b", order{leaving: "2"})
	}},
}
