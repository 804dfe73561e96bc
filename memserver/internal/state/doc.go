// Package state is the ZooKeeper server as a pure state machine: tree, ACLs,
// quotas, watches and sessions. Its input is a request, the connection it came
// on and the time; its output a reply, notifications and connections to close.
// It knows no network, clock, lock or goroutine: the shells in memserver bring
// those, one request at a time.
//
//	s := state.New(config)
//	c := s.NewConn("127.0.0.1")
//	s.Connect(now, c, &connectRequest, &connectResponse)
//	s.Apply(now, c, &request, &response)
//	for _, note := range s.TakeNotes() { ... } // events, to be sent before the response
//
// How one write runs: Apply gives it the next zxid and calls the function of
// its opcode, which checks in ZooKeeper's order and changes the tree; each
// change is noted; at the end the changes fire the watches. A multi does the
// same for each part and keeps a list of what to undo if a later part fails.
//
// An ensemble has one line of transactions, and each member a place in it (see
// member.go). Where members do not hear each other (links.go) a request may have to
// wait, and is carried out later as one of the leader's proposals (proposal.go).
//
// The tree is a value: Fork costs the same whatever its size (see tree.go).
package state
