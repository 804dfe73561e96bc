// Package faults makes the network and the server fail, at one chosen moment
// and on demand. A plan is text; it goes between a client and a server:
//
//	plan := faults.ParseT(t, "cut after-reply create /lock/** #1")
//	conn, _, err := zk.Connect([]string{srv.Addr()}, 10*time.Second,
//		zk.WithDialer(plan.Dialer(srv.Dial))) // or net.DialTimeout, and a real ZooKeeper
//	_, err = conn.Create("/lock/n-", nil, zk.FlagEphemeral|zk.FlagSequence, acl)
//	// err is zk.ErrConnectionClosed, and the node is there.
//
// Here the server carries out the first create below /lock, its reply is lost
// and the connection breaks: the client cannot know. At the end of the test
// ParseT fails it if that has never happened.
//
// # Where a plan stands
//
// Outside, between the two: around a dialer ([Plan.Dialer]), a connection
// ([Plan.Conn]), a [zkapi.Client] that has none ([Plan.Client], which says what it
// cannot do), or a server's listener ([Plan.Listener]). It needs nothing of the server, so the same plan means the
// same on the simulator and on a real one.
// On a connection both directions are cut into frames. Each request is
// remembered until its reply if a rule waits for that; the frames themselves
// pass unchanged, those that cannot be understood among them. Nothing here has
// a goroutine: what waits on its way to the server is written by a timer, what
// waits on its way to the client by the client's own Read. Time is that of
// package time, so plans work in a testing/synctest bubble.
//
// # The text
//
//	plan      = { statement ( ";" | new line ) }
//	statement = "seed" NUMBER | rule | nothing
//	rule      = what { where | when }
//
//	what      = "cut" point
//	          | "stall" point
//	          | "delay" TIME point
//	          | "error" CODE [ point ]        before-request unless said otherwise
//	          | "refuse"
//	          | "silence" way
//	          | "slow" NUMBER "B/s" way
//	point     = "before-request" | "after-reply" | "after-delivery" | "after-notification"
//	way       = "to-server" | "from-server" | "both-ways"
//
//	where     = OPERATION { "," OPERATION } | PATH | "client=" NAME | "session=0x" HEX
//	when      = "#" N | "every" N | PERCENT "%" | "once" | "times" N | "from" TIME | "to" TIME
//
// The words of where and when come in any order, each at most once; String
// prints them in the order above. TIME is Go's, 1m30s or 250ms. CODE is
// ZooKeeper's name, NoNode, or a number. A path or name with a blank, a quote
// or a semicolon stands in quotes, as a string in Go: "/a b", client="a b".
//
// A # and a digit is a count; any other # at the start of a word begins a
// comment, to the end of the line. So "# 1" is a comment and "#1" is the first.
//
// In JSON a plan is {"seed": 7, "rules": [...]}, a rule an object with the same
// words: {"action": "cut", "point": "after-reply", "operations": ["create"],
// "path": "/lock/**", "nth": 1}; or, for both, a string with the text.
//
// # What
//
// The points are moments in the life of a request:
//
//	before-request      the request has not reached the server, and never will
//	after-reply         the server has carried it out and replied; the client does not get the reply
//	after-delivery      the client has the reply
//	after-notification  the server has sent an event of a watch; the client does not get it
//
// cut breaks the connection at that point. Everything under way is lost; the
// client connects again, and has its session, if it is back in time.
//
// stall keeps the connection, but from that point on nothing passes in that
// direction: to the server at before-request, to the client at the others. The
// client finds out when it has heard nothing for too long, and the server does
// not learn that the client has closed the connection if what stalls is the
// direction to it.
//
// delay holds the packet, and because there is an order everything behind it,
// too: requests stay in their order, and so do replies and notifications. Only
// the answer to a ping overtakes a late notification, as from a follower that
// lags behind: a reply to anything else could show the change that the
// notification is about, and the protocol forbids that.
//
// error answers with that code. At before-request the server never sees the
// request; instead of it a harmless one is sent, for the sake of the order and
// of the zxid. At after-reply it has carried it out. A multi fails as by the
// operation that the rule matches: that one has the code, and those behind it
// RuntimeInconsistency. An auth that is answered with AuthFailed ends the
// connection, as it does with a server.
//
// A notification cannot just be lost: no connection loses one packet and
// delivers the next. cut after-notification is what really happens: the client
// connects again, says what it watches, and learns from the server what of
// that has changed; what has changed back in the meantime it never learns.
//
// So the event comes again, and a rule about notifications without a count or a
// chance breaks every connection on which it comes: say once.
//
// refuse answers when a connection is dialled as a machine without a server does.
//
// silence means that the network carries nothing while the rule is in force.
// What is sent meanwhile arrives afterwards, as TCP sees to it, if both sides
// have been so patient. Whoever dials waits until his timeout.
//
// slow means that at most so many bytes a second arrive, in small pieces.
//
// # Where
//
// Operations have ZooKeeper's names: create, delete, exists, getData, setData,
// getACL, setACL, getChildren, sync, check, multi, multiRead, reconfig,
// addWatch, removeWatches, checkWatches, getEphemerals, getAllChildrenNumber,
// whoAmI; and connect (the handshake), ping, auth, sasl, setWatches,
// closeSession. create is all kinds of create and getChildren both, because
// client libraries differ in which they send. read and write are what their
// names say, all is everything. A rule without an operation is about everything
// that the program asks for, but not about what its client library does by
// itself, which are the six from connect to closeSession. At after-notification
// the names are NodeCreated, NodeDeleted, NodeDataChanged, NodeChildrenChanged.
//
// In a path * stands for any part of a name, ** for any part of a path, and /**/
// for a slash, too: /lock/** is everything below /lock, /a/**/z also /a/z. A \
// takes the next character as it is. What has no path, such as ping, no rule
// with a path matches.
//
// A multi is matched by what is in it: create /a matches one with a create of
// /a, multi /a/** one with whatever operation below /a. Since it is one request,
// what happens to it happens to all of it.
//
// # When
//
// A rule counts the packets that it matches while it is in force (from, to):
// #3 is the third of them, every 3 the third, the sixth and so on, 5% draws for
// each. It counts over all connections and clients, and goes on when [Plan.Add]
// puts more rules behind it. Chances are drawn for each
// client by itself, from the seed, the rule and the client's name: the same
// traffic has the same faults, whatever other clients do. Times are since the
// plan was first used, or since the rule was added. Silence and slow are not counted: they fire once for each
// connection, or attempt to connect, that has noticed them.
//
// All rules see each packet and count it. The delays that are due add up; of the
// other rules that are due the first acts, and only that one has fired.
package faults
