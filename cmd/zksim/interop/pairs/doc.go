// Package pairs has the recipes of this project and those of other people meet on the same nodes: they
// exclude, wait for, count and see each other, or the run says where they do not.
//
//	err := pairs.Run(ctx, pairs.Kazoo, pairs.Peers{pairs.Kazoo: peer}, "127.0.0.1:2181", "/pairs", os.Stdout)
//
// A [Peer] is a program with the other library: it makes objects and calls their methods when it is told
// to, by lines on its standard input. What a meeting has shown is printed as lines "name: result", of which
// none may be wrong. [Pairs] lists which recipes belong together, and [Library.Of] where they meet.
//
// What is right is read from the server, too. Locks, semaphores and elections are taken by all parties at
// once, each as fast as it can, for work that shows on the server if too many do it at the same time; what
// several put into a queue at once has to come out once, and leave no node behind; caches have to have what is
// on the server after all sides have changed the tree at random. At the table Planted sit recipes that do not
// go together, and the run is wrong if that is not noticed.
//
// Each side begins in turn. Where something is held, the session of each side ends while it holds what the other
// one waits for: the other one has to get it, the first one to learn that he has lost it, and both to go on. So it
// is with what is registered, followed or waited for. These results are named "we crash" and "they crash".
//
// # What does not go together
//
// Curator's locks take no notice of nodes in kazoo's layout, and kazoo's of others' only if told so by
// extra_lock_patterns. WriteLock, zkr_lock and zoo_queue, which come with ZooKeeper, take every child of
// their node for one of their own: nobody else can be there whose names do not end with "-" and the counter,
// or do not sort as text. LeaderElectionSupport fails when a child is not named n_ and a counter; ours have
// a GUID in their names, so we can only look on. go-zookeeper's Lock and zkr_lock cannot be on one path: it
// fails on the hexadecimal session ids in the other's names.
//
// Those that come with ZooKeeper also have flaws that have to be allowed for. If the node before its own goes
// away just before it is watched, WriteLock waits for ever; zkr_lock goes to the end of the line, and after
// four such times leaves it. Who gives up waiting for one of them gets it later all the same. zoo_queue cuts
// an item off if somebody else has been quicker with a shorter one.
//
// Curator's discovery cannot take back what it has registered as DYNAMIC_SEQUENTIAL, for it deletes a path without
// the counter; and it registers twice when the reply to the first attempt is lost. Its queues with locks look at
// their items when one has come or gone, not when the lock of one has. When their sessions end, kazoo's Party and
// SetPartitioner do not take part any more, and its Barrier does not notice that it is removed.
package pairs
