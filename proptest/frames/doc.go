// Package frames compares two ZooKeeper servers byte by byte: it sends the
// same random requests to both, well-formed and not, over several connections
// and sessions, and compares every frame that comes back.
//
//	pair, err := frames.Open(&frames.Profile{Name: "3.9"}, startSimulator, startReal)
//	err = pair.Search(frames.Options{Seed: 1, Ops: 3000, Found: func(d *frames.Difference, seed uint64) bool {
//		fmt.Println(d) // the history, with both answers where they differ
//		return false
//	}})
//
// The tests of this package do that with the simulator and real servers. By
// hand, for as long as one likes, with a line of progress every ten seconds:
//
//	go test ./proptest/frames -run 'TestFrames$' -v -timeout 0 -frames.ops 1000000 -frames.matrix
//	go test ./proptest/frames -run 'TestFrames$' -v -frames.ops 100000 -frames.profile 3.8,3.9/quota -frames.survey
//
// -frames.ops is for each version, shared among its profiles. What a failure
// prints ends with the command that shows it again, by -frames.replay.
//
// # Histories
//
// A [History] is a value: a list of steps, each of which is something that one
// client does on one of three connections. It holds no zxid and no session id,
// only how far back one lies, so it can be run again on any server. [Draw]
// makes the one that belongs to a seed; a run goes through the seeds from its
// first one on. [Pair.Shrink] makes a history shorter, by running shorter ones.
// Token and ParseHistory turn it into a word and back.
//
// All histories run on one pair of servers, one after the other. Each works
// below /h. At its end the two trees are read and compared, all nodes are
// removed while the connections still watch, and the sessions are closed.
//
// Each run of the tests draws from a new seed, which it prints: what the seeds
// of yesterday have not shown, they will not show today. What must not come
// back is in testdata, as JSON: the histories that have shown a difference
// once, and those named cells, which make a real server give every result that
// it can. They run first, in every profile.
//
// # What is compared
//
// Everything, in the order in which it came on each connection. Before that,
// the bytes that cannot be the same are replaced (canon.go): zxids by their
// distance to the beginning of the history, session ids likewise, the right
// password by a fixed one, and a time by "is the time of its transaction":
// every zxid must have the same time wherever it is told, not earlier than that
// of an older one, and not in the future. Answers to four-letter words are
// compared by lines, without what is measured (words.go): names and shapes
// always, values where they count what the histories have made.
//
// A [Matrix] counts what came in answer to what; cells.go says what can. A cell
// that a real server could fill and has not, or has filled and should not be
// able to, fails TestFrames.
//
// # What is left out
//
// Requests that would end a real server (rules.go, poison). And what a real
// server answers differently from one time to the next: what overtakes the
// queue of requests - auth, sasl, unknown types, frames that are none - is sent
// alone; nothing is sent behind a request whose effect is not seen at once by
// those that are prepared while it waits (rules.go, lingers); nothing is sent
// behind closeSession, and closeSession not behind what makes ephemeral nodes
// (rules.go, owned); and before the server has a reason to close a
// connection, the events on their way there are waited for.
//
// That a real server is not always the same, above all a busy one, remains: so
// a difference counts only if [Pair.Confirm] sees it again, on servers that have
// just started. One that is not seen again is printed; a second one in the same
// run fails all the same.
//
// The longest runs so far sent 1,007,668 requests to 3.9.5 and 1,000,446 to
// 3.8.0, with other work on the same two cores, and saw no difference twice.
//
// Nothing happens here by time: no session expires, no container is removed
// (see [Settings]). The transcripts of package transcript cover that.
package frames
