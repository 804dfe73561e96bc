// Package wire is ZooKeeper's client protocol as bytes: frames, and the records
// in them, in both directions. It knows no connection and no state.
//
//	b := wire.BeginFrame(nil)
//	b = (&wire.RequestHeader{Xid: 1, Type: zkapi.OpGetData}).Append(b)
//	b = (&wire.Op{Type: zkapi.OpGetData, Path: "/app"}).Append(b)
//	conn.Write(wire.EndFrame(b, 0))
//
// and the other way, with whatever has arrived in buf:
//
//	payload, rest, ok, err := wire.NextFrame(buf, wire.DefaultMaxFrame)
//	r := wire.NewReader(payload)
//	var h wire.ReplyHeader
//	var p wire.Reply
//	if h.Read(&r); h.Err == 0 {
//		p.Read(&r, zkapi.OpGetData)
//	}
//	if r.Err() != nil { ... }
//
// # Conventions
//
// Every record has Append, which appends its bytes and cannot fail, and Read,
// which takes them off a [Reader]. A Reader keeps its first error, [ErrMalformed],
// and gives zeros from then on, so it is asked once at the end. What follows a
// complete record is ignored, as by ZooKeeper; Len tells whether there is any.
//
// Reading allocates in proportion to the bytes that are there, never to the
// lengths and counts that they claim. Records can be read into again and keep
// their slices; with [NewSharedReader] and a record that is used again, reading
// the common requests allocates nothing. Fields that do not belong to the type
// that was read keep whatever was in them.
//
// Nothing is checked but the format. Any path, mode or version can be read and
// written; whether it makes sense is the server's business.
//
// # Values
//
// Numbers are big-endian. nil stands for a null buffer or vector (length -1)
// and differs from an empty one, in both directions; a null ustring is [NullString].
// Of negative lengths only -1 is null: others make a buffer or a ustring
// malformed and a vector empty, as in Java.
//
// A ustring is read as Java reads UTF-8: what is malformed becomes U+FFFD, in
// the same number and places. It is written as ZooKeeper writes it, which is not
// UTF-8 beyond the basic plane: there each of the two UTF-16 units is written by
// itself, and comes back as U+FFFD. ZooKeeper allows such characters in no path.
//
// # Records
//
// By the names in zookeeper.jute:
//
//	ConnectRequest, ConnectResponse           the same; without readOnly if HasReadOnly is false
//	RequestHeader, ReplyHeader                the same
//	any request, header and body              Request
//	CreateRequest, CreateTTLRequest           Op with Type OpCreate, OpCreate2, OpCreateContainer, OpCreateTTL
//	DeleteRequest, CheckVersionRequest        Op with Type OpDelete, OpCheck
//	DeleteContainerRequest                    Op with Type OpDeleteContainer
//	SetDataRequest                            Op with Type OpSetData
//	ExistsRequest, GetDataRequest             Op with Type OpExists, OpGetData
//	GetChildrenRequest, GetChildren2Request   Op with Type OpGetChildren, OpGetChildren2
//	MultiTransactionRecord (not in the file)  []Op by AppendMulti and ReadMulti
//	GetACLRequest, SyncRequest                PathRequest
//	GetAllChildrenNumberRequest               PathRequest
//	GetEphemeralsRequest                      PathRequest; prefixPath is Path
//	SetACLRequest                             the same
//	AddWatchRequest                           WatchRequest; mode is Type
//	CheckWatchesRequest, RemoveWatchesRequest WatchRequest
//	SetWatches, SetWatches2                   SetWatches
//	ReconfigRequest                           the same
//	AuthPacket                                the same
//	GetSASLRequest                            SASL
//	MultiHeader                               AppendMultiHeader, AppendMultiEnd
//	MultiResponse (not in the file)           Reply.Results; MultiResult and ReadMultiResults
//	SetSASLResponse                           Reply.Token
//	every other ...Response                   Reply, by the type of the request
//	ErrorResponse (errors: AddWatch)          Reply.Total; in a multi MultiResult.Err
//	WatcherEvent                              the same
//	Stat, ACL and Id                          zkapi.Stat, zkapi.ACL; zkapi.ID in whoAmI
//
// testdata/golden-*.txt holds frames that real servers and ZooKeeper's own Java
// client have exchanged; this package reads them all and writes the same bytes.
package wire
