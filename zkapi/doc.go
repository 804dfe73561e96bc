// Package zkapi is what a ZooKeeper client is, without saying how it connects:
//
//	srv := memserver.RunT(t)
//	var c zkapi.Client = srv.ClientT(t) // or realserver's, or one through faults
//
//	_, err := c.Create(ctx, "/app/leader", []byte("me"), nil, zkapi.Ephemeral)
//	switch {
//	case errors.Is(err, zkapi.ErrNodeExists): // somebody else leads
//	case errors.Is(err, zkapi.ErrNoNode): // no /app yet: zkapi.EnsurePath makes it
//	case !zkapi.NothingChanged(err): // the connection broke: it may be there or not
//	}
//
// Beside [Client] and its types there is what every user of one needs: paths
// ([ValidatePath], [Join], [SplitSequence]), trees ([EnsurePath],
// [CreateRecursive], [DeleteRecursive], [Walk]), transactions ([NewTxn]) and a
// client confined to a part of the tree ([Chroot]). The package imports the
// standard library only, and no server.
//
// # Errors
//
// An operation fails with an *[OpError], which says what was tried on which path
// and wraps the cause: a [Code], the context's error, or [ErrClosed]. Codes are
// ZooKeeper's own, and errors, so errors.Is finds them however deep they are.
//
// After [ErrConnectionLoss], and after a context that ended while a request was
// under way, a write may have happened or not; [NothingChanged] tells these from
// a plain refusal. Nobody but the caller can know whether to try again: a client
// never repeats a write.
//
// # Ordering
//
// All writes of a service have one order, and a zxid each. The requests of one
// client are executed in the order in which they were made, also when they are
// made without waiting, and it never sees the tree go back in time. Other
// clients, on other servers, may be behind; Sync is what catches up.
//
// # Sessions
//
// A session outlives connections: its ephemeral nodes and its place among the
// sequential ones stay until it is closed or until the server has heard nothing
// of it for SessionTimeout. States tells what the client knows about that:
//
//	LOST -> CONNECTED <-> SUSPENDED -> LOST -> CONNECTED (another session) ... CLOSED
//
// SUSPENDED means not knowing: the session may be alive or already gone. That it
// has expired comes out with the next connection, and until then whoever held
// something by an ephemeral node must not rely on it.
//
// # Watches
//
// A watch that was armed by ExistsW, GetW or ChildrenW is told of one change and
// is gone. Its channel has room for the event, so that nobody waits for whoever
// does not read it, and is closed after it. Arming the same watch twice gives
// two channels, both of which get the event. The event comes before any reply
// that shows the change. It says that something happened, not what there is now;
// between the event and the next armed watch more may happen unseen.
//
// Whoever may lose interest in a watch arms it with a context of [Unwatchable],
// and takes it back without harm to the other watches of the client.
//
// AddWatch streams every change until the stream is closed. A [Stream] has no
// limit; nothing is dropped for a slow reader.
//
// Watches survive a reconnection: the client arms them again, and what was
// missed meanwhile is told then, once and without detail, except to streams,
// which miss it. When the session ends, or the client is closed, every watch
// gets an [EventNone] with the reason in Err, and ends.
//
// # Being a client
//
// Who implements [Client] delivers the events of one-shot watches through the
// function that [EventMap] finds in the context, so that wrappers like Chroot
// need no goroutine for each watch, and calls [OnUnwatch] for each, so that it can
// be given up.
package zkapi
