// Package explore runs programs that coordinate through ZooKeeper under every
// order of what they do, and with every fault, that ZooKeeper permits:
//
//	func TestMyLock(t *testing.T) {
//		explore.Check(t, func(w *explore.World) {
//			inside := 0
//			for _, name := range []string{"A", "B"} {
//				w.Go(name, func(p *explore.Participant) error {
//					l := mylock.New(p.Client, "/lock")
//					if err := l.Acquire(p.Context()); err != nil {
//						return nil // a lock may give up, but not lie
//					}
//					inside++
//					p.Pause("works under the lock")
//					inside--
//					return l.Release(p.Context())
//				})
//			}
//			w.Invariant(func() error {
//				if inside > 1 {
//					return errors.New("two are inside")
//				}
//				return nil
//			})
//		}, func(c *explore.Config) { c.Strategy = explore.Exhaustive() })
//	}
//
// # How it works
//
// All that participants do to each other goes through the server. So whoever
// orders their operations, the replies, the events and the faults orders their
// world. In a bubble of testing/synctest the explorer waits until every
// participant waits: for a reply, an event, or a timer. Then it lists what may
// happen next, has a [Strategy] choose, does that one thing, and waits again.
// What may happen next:
//
//   - An operation that a participant has called is done by the server, and the
//     reply goes back. Between being done and being replied to nothing happens to
//     other participants: it would be the same to the caller, whose next
//     operation may be as late as one likes.
//   - An event of a watch reaches its participant. Events come in order, and
//     before the reply of any later operation, as ZooKeeper has it.
//   - A participant whose connection is lost connects again.
//   - A server that is behind, see [Lag], applies another transaction.
//   - If nothing else is possible, time passes to the next timer.
//   - One of the faults of [Config].Kinds happens, while there are any left.
//
// A [Strategy] is [Random], [PCT] or [Exhaustive]; [CheckRapid] has rapid choose. Two
// participants that take a textbook lock once each take about 50 microseconds of
// processor time a schedule. Long searches print their progress with
// -explore.progress, are bounded by -explore.time, divided by -explore.shard, and
// an exhaustive one that was stopped goes on at its Result.Frontier.
//
// The list begins with what the participant does next that moved last, and ends
// with faults, so that a schedule of zeros is the plainest one. A schedule that
// fails is shrunk, to as few steps and as small choices as can be found, and run
// twice more: if that differs, the report says so. With go test -artifacts it is also
// drawn, and written down as a test in Go that needs no explorer.
//
// # The same on another server
//
// [Trace] tells what happens in a schedule, and Failure.Compare has another server,
// a real ZooKeeper for instance, do the same: each operation in its order, with
// every reply and event compared. It may be an ensemble, with each client on another
// member: see [Elsewhere]. Only [Lag] cannot be had there.
//
// # Clients over the wire
//
// World.GoDialing adds a participant whose client is any that can be given a
// dialer, unmodified: go-zookeeper's, for instance. The explorer sits in the
// connection and lets a request pass with its reply, or an event. Such a client
// dials again by itself, after some time, so that letting time pass is a choice
// while it is away. Two that take go-zookeeper's lock once each take about a millisecond a
// schedule. The module in proptest/foreign has what is found in locks of other libraries.
//
// # What it controls, and what not
//
// The server is a real one of memserver, and the participants' clients are its
// direct clients, unless they dial; where [Lag] is among the faults it is an
// ensemble, with a member for each participant. Connections, sessions and watches are what they
// are anywhere else. Time is the bubble's. Package crypto/rand is made to give the same
// numbers in every schedule. While a search runs, the process has one processor
// (GOMAXPROCS is 1), and its goroutines are counted, so tests that explore are not
// for t.Parallel.
//
// Not controlled are goroutines within one participant: how they take turns
// between two steps, and which of several ready cases a select takes. The explorer
// gives a participant one thing at a time, so that rarely more than one of its
// goroutines is ready. Nor is the order in which timers of the same instant go off, so that it is better to have
// participants wait for different times. The functions of math/rand that have no seed and the order of
// maps are not controlled either. A participant that depends on them may do
// something else when its schedule is run again.
//
// A goroutine that waits for a sync.Mutex does not count as one that waits: while
// another one has the mutex and waits for a reply, there are no more steps, and the
// search hangs.
//
// A call of a participant with a context that ends is under way all the same:
// the server may do it later, or never.
//
// # What exhaustive means
//
// That every schedule within the bounds has been run, or one that comes to the same, see [Exhaustive]: as many
// participants, and as much for each to do, as the scenario says; as many faults, of those kinds, as Config says;
// and nobody takes more than a hundred steps in a row while others could take one. It rests on participants being
// functions of what they learn from their clients, the clock and crypto/rand. If participants share memory, what
// they find there must follow from that too: Participant.Log and Participant.Learn make it part of what they have
// learned. Who writes what World.Remember tells calls one of them, too. A schedule that is in another state than
// before, although it has begun in the same way, is run again: a busy machine may have held up a goroutine, and
// have let another one be first. If it was the time before that was different, what was found after it is
// forgotten. Result.Complete is false if that happens to more than one schedule in fifty.
//
// What comes to the same:
//
//   - A state that has been there, whatever led to it: all that can happen from there has been tried.
//     To be recognized, states are reduced to 128 bits. By default a state
//     is all that has happened: the writes of the server in their order, and what each
//     participant has learned. If the scenario has said by World.Remember what it has in mind, the
//     state of the server is what it has, nodes, sessions and watches, and what there was
//     before is forgotten, since nothing that comes depends on it, but for one thing: the order in which the
//     server lists children. It also depends on how many there have been at a time, if more than six, and on which
//     of two one transaction has made first, if their names have the same hash. Programs that go by that
//     order, and not by names, are such that this search does not know.
//
//   - Then zxids and session ids count by their order alone, those of World.RememberIDs among them. The server only
//     compares them, and new ones are larger than all there are, so that from two states which differ in them, but
//     not in their order, the same can happen. Participants have to do no more than compare them, either: a
//     participant that goes by whether a zxid is even is one that this search does not know. Numbers in names and
//     in data count as they are, and so does time.
//
//   - Then, too, what a participant has learned that has returned, with all its goroutines, is
//     forgotten: nothing depends on it but what it has left behind, which is on the server, on its
//     way there, or in what the scenario remembers.
//
//   - What comes to a participant that is gone like that, an event or a new connection, is no choice. It changes
//     nothing for anybody else, and nothing else changes it, so that it may as well be the next thing. Where time may
//     pass meanwhile, and end its session, a new connection is one.
//
//   - If the scenario has said by World.Alike that participants do the same, each takes its first step, or suffers
//     its first fault, after the one before it: a schedule in which it is not so is another one with their parts
//     exchanged. That rests on their comparing names, session ids and random numbers for nothing but equality.
//
//   - Then, of two steps that are possible at the same time and commute only one order is tried. Steps of two
//     participants commute unless one of them sends the other's participant something, such as an event; unless
//     both are transactions, whose order is in their zxids; unless one changes a path that the other reads or
//     changes, a node, or the parent of one that it makes or deletes, each by itself or in a transaction; unless
//     both change or read what the scenario remembers, Participant.Log included; and unless one is a fault, and the
//     other asks how many there have been. When time passes, a server restarts, somebody else deletes a node, or a
//     server that lags applies something, that commutes with nothing. What a step has to do with is what it was
//     seen to do, and remains so while only steps are taken that it commutes with. No state is left out by that,
//     only further ways to it, so that invariants see what they would see.
//
//   - Then, too, a step that is private is the next one, and the others that are possible are not tried where it
//     is. It is all that can happen to its participant, nothing that the others do first changes it, and it was
//     seen to do nothing to them, nor to what the scenario remembers: an event that the participant is told; a
//     sync, or a pause, of one that has no watches, so that nothing can be sent to it. There are none while
//     something may still go wrong, nor are there any of participants to whom others, or invariants, have been seen
//     to do something by themselves, such as cancelling a context: that may come before. It is seen if the context
//     was made of Participant.Context, or ends a call that is under way; a context that is made of another one is
//     seen no further, nor is it seen if it has ended before. So a context that somebody else may end is memory that
//     both share: who ends it calls Participant.Learn or Log, its owner too. This leaves out states, but none that
//     an invariant could tell from those that remain. It rests on participants looking at the server only through
//     their clients, Participant.Well and the like.
//
// None of this is only believed. Of what is said to come to the same, one in 256 is looked at, or all of it with
// Config.Thorough or the flag -explore.thorough: the search goes both ways, to a state that had been there, or by
// two steps in either order, and on from there in the same manner, three times if need be. If it is in other states
// then, or other steps are possible, the failure is [Unlike], with both histories: participants go by more than they
// learn, or the scenario has more in mind than it says.
// Progress.Checked counts how often it was the same, and Progress.Unsteady how often it was something else each
// time, so that nothing can be said. What World.Alike promises is not looked at.
//
// While servers may lag the state of all of them is what they have written, and no steps commute. Nor do they with
// clients over the wire, or with a bound on preemptions. Config.Unreduced leaves all this out but the first.
//
// Go's runtime does not say whose a goroutine is. The explorer counts them after each step; a
// schedule in which others than participants' have come or gone is run once more.
package explore
