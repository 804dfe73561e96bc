// Package model checks a ZooKeeper server against a model of one: a few maps
// and lists that do what a server does, slowly and plainly. Random histories of
// several clients run on both, and every result, every error, every field of
// every Stat and every event has to be the same:
//
//	model.Check(t, model.Server{
//		Connect: func(ctx context.Context, timeout time.Duration) (zkapi.Client, error) { ... },
//		Reset:   func() error { ... }, // and what else can be done to the server
//	})
//
// Whatever implements [zkapi.Client] can be checked: a simulator, a real server
// behind an adapter, somebody's fake. What a server cannot do (expire a
// session, restart, move its clock) and what a client does not support
// (errors.ErrUnsupported) does not occur in the histories.
//
// A difference is shrunk, and reported as a numbered history with what the
// server answered, and rapid's line to run it again:
//
//	the server differs from the model: c1's watch 1 (data "/a") does not get NodeDeleted /a
//	  1. c1 connect
//	  2. c1 create "/a" "" persistent -> /a
//	  3. c1 getW "/a" -> "" (watch 1)
//	  4. c1 delete "/a" version=-1 -> OK
//
// # What is compared
//
// Zxids exactly, so that no transaction is missing and none too many. Times by
// the transactions that they belong to; exactly, if the test has the server's
// clock in its hand. The order of children, of ephemeral nodes and of identities
// is left open, and so is the order in which the ephemeral nodes of a session
// go. An event has to be there before the reply that shows its change, and not
// before the change: the events of a client are looked at after each of its
// replies, and after all steps if the server says that it is prompt.
//
// Two things that ZooKeeper leaves open are taken as ordered by name: sessions
// that expire in the same tick, and nodes that are removed in the same round of
// the reaper. They come about only if the server's clock is moved.
//
// Quotas, authentication that is enforced, and reconfiguration of ensembles are
// not modelled.
//
// In a testing/synctest bubble Check works too.
package model
