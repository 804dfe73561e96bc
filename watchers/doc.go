// Package watchers follows what is in ZooKeeper, for as long as a loop or a
// context lasts, over lost connections and sessions:
//
//	for node, err := range watchers.Data(ctx, c, "/config") {
//		if err != nil {
//			return err // ctx has ended, or c is closed, or /config may not be read
//		}
//		configure(node.Exists, node.Data) // now, and after every change
//	}
//
// It works with any [zkapi.Client]: realserver's, memserver's, one behind Chroot or
// behind faults.
//
// # Which one
//
//	one node, whether it exists or not            Data
//	one node, until it is gone                    ExistingData
//	the names of the children                     Children, ExistingChildren
//	the same, once they have come to rest         PatientChildren
//	one node, to look at at any time              NewNodeCache
//	the children with their data                  NewChildrenCache
//	a node and everything below it                NewTreeCache
//	each single event                             Persistent
//
// A loop is the simplest: it has no goroutine, and what it yields is all there is to
// know. A cache has a goroutine of its own and answers from memory; its
// Changes is a loop, too. Persistent is for those who want events instead of states,
// and can live with not getting those of the time without a connection.
//
// # What they promise
//
// All but Persistent tell of states, the latest one at the time: what changes while
// the body of a loop runs is told once, as what it has come to. So nothing piles up
// for a slow loop, and a slow loop holds up nobody else. Of one node states come in
// the order of zxids, never the same twice in a row, and the last one is always told,
// whatever happens in between: lost connections and replies, sessions that expire,
// servers that restart or are behind, nodes that are deleted and made again. That a
// node looks the same as before does not make it the same: it is known by its czxid.
// Across the nodes of a cache the order is that of Cache.Changes.
//
// Persistent tells of events, each one that the server has sent, and says where some
// may be missing: after a connection was lost, and when so many have not been read
// that keeping them would be unbounded.
//
// While there is no connection nothing can be told. Who must not act on what is
// perhaps out of date looks at the client's States, or at Synced of a cache.
//
// Servers from 3.9.2 on do not tell a client of changes to a node that it may not
// read. Who loses the permission to read a node and gets it back sees what it is then
// after the next change of it, or reconnection.
//
// # What they cost
//
// A change costs one read. One-shot watches are armed by the read itself. At its end
// a loop or cache takes its watches off the server, which is one request each, and
// leaves those of others alone ([zkapi.Unwatchable]). A cache has one persistent watch
// where the server keeps it apart from others, which is from 3.9 on, and one or two
// one-shot watches on each node elsewhere; see [Watches].
//
// # How they end
//
// With the break of the loop, silently; or with an error as the last thing that is
// yielded: the context's, [zkapi.ErrClosed] when the client was closed,
// [zkapi.ErrAuthFailed], [zkapi.ErrNoAuth] when the node itself may not be read, a
// *[zkapi.PathError], [ErrCacheClosed]. An error that goes away with time or with the
// next connection is never yielded.
//
// # Names
//
// Every single one is in NAMES.md of package recipes.
//
//	kazoo                      Curator                            here
//	DataWatch                  NodeCache                          Data
//	ExistingDataWatch                                             ExistingData
//	ChildrenWatch                                                 ExistingChildren, or Children, which outlives the node
//	  allow_session_lost=False                                    Config.EndOnLoss
//	  send_event                                                  Listing.Added, Listing.Removed
//	PatientChildrenWatch                                          PatientChildren
//	  time_boundary                                               quiet
//	                           NodeCache, CuratorCache            NewNodeCache
//	                             with SINGLE_NODE_CACHE
//	                           PathChildrenCache                  NewChildrenCache
//	TreeCache                  TreeCache, CuratorCache            NewTreeCache
//	  start, close               start, close                     NewTreeCache, Cache.Close or the context
//	  listen                     getListenable, CuratorCacheListener   Cache.Changes
//	  get_data                   getCurrentData, get              Cache.Node
//	  get_children               getCurrentChildren               Cache.Children
//	                             iterator, stream, size           Cache.All, Cache.Len
//	                             setMaxDepth                      CacheConfig.MaxDepth
//	                             setCacheData                     CacheConfig.WithoutData
//	                             setCreateParentNodes             CacheConfig.CreateRoot
//	                             TreeCacheSelector                CacheConfig.Accept, CacheConfig.Traverse
//	                             disableZkWatches                 Watches: NoWatches
//	                             BUILD_INITIAL_CACHE              Cache.WaitSynced
//	                             POST_INITIALIZED_EVENT           InSync
//	                             rebuild, rebuildNode             Cache.Refresh
//	                             clearDataBytes, bytesNotCached   CacheConfig.WithoutData
//	                             DO_NOT_CLEAR_ON_CLOSE            always
//	                             COMPRESSED_DATA, storage         not here: what is done with data is the loop's
//	                             forCreates, forChanges, ...      Change.Kind
//	                             afterInitialized                 after the first InSync
//	NODE_ADDED                 NODE_ADDED, CHILD_ADDED, NODE_CREATED        Added
//	NODE_UPDATED               NODE_UPDATED, CHILD_UPDATED, NODE_CHANGED    Updated
//	NODE_REMOVED               NODE_REMOVED, CHILD_REMOVED, NODE_DELETED    Removed
//	INITIALIZED                INITIALIZED, initialized()         InSync
//	CONNECTION_SUSPENDED, ...  CONNECTION_SUSPENDED, ...          Connection, with the State
//	                           PersistentWatcher                  Persistent
//	                             getResetListenable               zkapi.EventNone without an Err
package watchers
