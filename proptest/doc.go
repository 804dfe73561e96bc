// Package proptest judges whether something behaves like a ZooKeeper server,
// with what real servers have been recorded to do and with random histories:
//
//	func TestMyFake(t *testing.T) {
//		proptest.Conformance(t, &proptest.Backend{
//			Name: "fake", Profile: "3.9",
//			Start: func(settings map[string]string) (*proptest.Instance, error) {
//				srv := startMyFake(settings)
//				return &proptest.Instance{Dial: srv.Dial, Stop: srv.Close}, nil
//			},
//		})
//	}
//
// A server that runs already is judged with [At], one that has no protocol but
// clients of its own with Instance.Connect. What a backend has no function for
// is not held against it: it is skipped, and [Conformance] says by name what,
// and why.
//
// # What it is made of
//
//   - [transcript]: text files that say what is sent and what comes back.
//     [Transcripts] has them; each begins with the behaviour that it shows.
//   - [model]: a naive ZooKeeper, and random histories that have to agree with it.
//   - [history]: concurrent clients while connections break, sessions expire and the
//     server is restarted, and whether what they saw can be true.
//   - [frames]: random frames, compared byte for byte with another server. That
//     takes a real one beside, so it is not part of Conformance.
//
// Beside them is [explore], which judges not servers but programs that coordinate
// through one: under every order of their operations, and with faults. [Lock],
// [Queue], [Watcher] and their like say what must hold of recipes, and take
// anybody's; [Exploration] says how they are explored.
//
// The tests of this module run them on the simulator, with and without the
// protocol, and on real servers of 3.8 and 3.9:
//
//	go test ./proptest -run Transcripts/direct
//	go test ./proptest -run Transcripts/real -update    # the real server is the oracle
//
// [transcript]: https://pkg.go.dev/github.com/zksim/zksim/proptest/transcript
// [model]: https://pkg.go.dev/github.com/zksim/zksim/proptest/model
// [history]: https://pkg.go.dev/github.com/zksim/zksim/proptest/history
// [explore]: https://pkg.go.dev/github.com/zksim/zksim/proptest/explore
// [frames]: https://pkg.go.dev/github.com/zksim/zksim/proptest/frames
package proptest
