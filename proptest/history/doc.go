// Package history has concurrent clients use a ZooKeeper server while things go
// wrong, and checks that what they were told can be true:
//
//	history.Check(t, history.Server{
//		Connect:    func(ctx context.Context, timeout time.Duration) (zkapi.Client, error) { ... },
//		Disconnect: func(c zkapi.Client) error { ... }, // and what else can go wrong
//	})
//
// Whatever implements [zkapi.Client] will do. What a server has no function for
// does not go wrong.
//
// # What is checked
//
//   - Writes are linearizable, and their zxids are in that order. The outcome of
//     a write whose request or reply was lost is unknown: it may have happened, at
//     any time since, or never, and both are followed.
//   - The reads of one session never go back, and never behind what the session
//     has written.
//   - Reads are linearizable too where there is only one server ([Config].Single).
//   - A multi is there as a whole or not at all.
//   - Sequence numbers are given once, in the order of zxids.
//   - An event is there before any reply that shows the change.
//   - Ephemeral nodes go with their session.
//   - Nobody waits for ever.
//
// That is what ZooKeeper promises, to all of its clients together. It does not
// promise that a read sees what another client has just written, so plain
// linearizability would ask too much of an ensemble.
//
// A [History] can also be made by hand, and checked with [History.Violations].
//
// In a testing/synctest bubble Check works too, and timeouts take no time.
package history
