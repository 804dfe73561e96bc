// Package frames compares two ZooKeeper servers byte by byte: it sends the
// same random requests to both, well-formed and not, over several connections
// and sessions, and compares every frame that comes back.
//
//	pair, err := frames.Open(&frames.Profile{Name: "3.9"}, startSimulator, startReal)
//	d, err := pair.Search(frames.Options{Seed: 1, Ops: 3000, Shrink: 10 * time.Second})
//	if d != nil {
//		fmt.Println(d) // the shortest history found, with both answers
//	}
//
// The test of this package does that with the simulator and real servers:
//
//	go test ./proptest/frames -run TestFrames$ -v
//	go test ./proptest/frames -run TestFrames$ -v -frames.profile all -frames.ops 1000000 -frames.matrix
//
// # Histories
//
// A [History] is a value: a list of steps, each of which is something that one
// client does on one of three connections. It holds no zxid and no session id,
// only how far back one lies, so it can be run again on any server. Rapid draws
// it; [Pair.Shrink] makes it shorter, by running shorter ones. Token and
// ParseHistory turn it into a word and back, and testdata keeps, as JSON, those
// that have shown a difference once.
//
// All histories run on one pair of servers, one after the other. Each works
// below /h. At its end the two trees are read and compared, all nodes are
// removed while the connections still watch, and the sessions are closed.
//
// # What is compared
//
// Everything, in the order in which it came on each connection. Before that,
// the bytes that cannot be the same are replaced (canon.go): zxids by their
// distance to the beginning of the history, session ids likewise, the right
// password by a fixed one, and a time by "is the time of its transaction":
// every zxid must have the same time wherever it is told, not earlier than that
// of an older one, and not in the future.
//
// # What is left out
//
// Requests that would end a real server (rules.go, poison). And what a real
// server answers differently from one time to the next: what overtakes the
// queue of requests - auth, sasl, unknown types, frames that are none - is sent
// alone; nothing is sent behind a request whose effect is not seen at once by
// those that are prepared while it waits (rules.go, lingers); nothing is sent
// behind closeSession; and before the server has a reason to close a
// connection, the events on their way there are waited for.
//
// Nothing happens here by time: no session expires, no container is removed
// (see [Settings]). The transcripts of package transcript cover that.
package frames
