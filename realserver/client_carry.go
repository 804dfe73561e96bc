package realserver

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/go-zookeeper/zk"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// The operations that go-zookeeper lacks, or has only in part.

// carry sends a request in place of one of go-zookeeper's, and reads its reply
// where the tap sees it.
func (c *Client) carry(ctx context.Context, k *call, q wire.Request) (*wire.Reply, error) {
	q.Type = k.op
	frame := wire.EndFrame(q.Append(wire.BeginFrame(nil)), 0)
	if len(frame) > c.cfg.MaxRequest {
		return nil, opError(k.op, k.path, pair(zkapi.ErrMarshalling, nil))
	}
	k.reply = new(wire.Reply)
	k.patch = func(xid int32, _ []byte) []byte {
		binary.BigEndian.PutUint32(frame[4:], uint32(xid))
		return frame
	}
	err := c.do(ctx, k, carrier)
	return k.reply, err
}

// carrier is the method of go-zookeeper whose request is replaced. Its reply has
// no body, so go-zookeeper makes nothing of what comes. Nothing could be less
// harmful if it were sent as it is: no server deletes its root.
func carrier(conn *zk.Conn) error { return conn.Delete("/", zkapi.AnyVersion) }

// Multi implements zkapi.Client.
//
// Trap 9: go-zookeeper returns the first error without saying whose it is, and
// an error of its own making for the operations that were not tried. Here the
// error has the path of the one that failed, and the results the codes of all.
func (c *Client) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	return c.multi(ctx, zkapi.OpMulti, ops)
}

// MultiRead implements zkapi.Client.
func (c *Client) MultiRead(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	return c.multi(ctx, zkapi.OpMultiRead, ops)
}

func (c *Client) multi(ctx context.Context, op zkapi.OpCode, ops []zkapi.Op) ([]zkapi.OpResult, error) {
	var q wire.Request
	for _, o := range ops {
		if o.ACL == nil {
			o.ACL = zkapi.OpenACL()
		}
		q.Ops = append(q.Ops, wire.Op{Type: o.Type, Path: o.Path, Data: o.Data, ACL: o.ACL,
			Flags: int32(o.Mode), TTL: o.TTL.Milliseconds(), Version: o.Version})
	}
	reply, err := c.carry(ctx, &call{op: op}, q)
	if err == nil && len(reply.Results) != len(ops) {
		err = opError(op, "", pair(zkapi.ErrSystem, errResults))
	}
	if err != nil {
		return nil, err
	}
	results := make([]zkapi.OpResult, len(ops))
	var failed error
	for i, r := range reply.Results {
		results[i] = zkapi.OpResult{Type: ops[i].Type, Path: r.Path, Stat: r.Stat, Data: r.Data, Children: r.Children, Err: r.Err.Err()}
		if op == zkapi.OpMulti && failed == nil && r.Err != 0 {
			failed = opError(op, ops[i].Path, pair(r.Err, nil))
		}
	}
	return results, failed
}

var errResults = errors.New("realserver: not as many results as operations")

// AllChildrenNumber implements zkapi.Client.
func (c *Client) AllChildrenNumber(ctx context.Context, path string) (int, error) {
	reply, err := c.carry(ctx, &call{op: zkapi.OpGetAllChildrenNumber, path: path}, wire.Request{Path: wire.PathRequest{Path: path}})
	if err != nil {
		return 0, err
	}
	return int(reply.Total), nil
}

// Ephemerals implements zkapi.Client.
func (c *Client) Ephemerals(ctx context.Context, prefix string) ([]string, error) {
	reply, err := c.carry(ctx, &call{op: zkapi.OpGetEphemerals, path: prefix}, wire.Request{Path: wire.PathRequest{Path: prefix}})
	if err != nil {
		return nil, err
	}
	return reply.Children, nil
}

// WhoAmI implements zkapi.Client. Servers before 3.7 do not have it, and answer
// zkapi.ErrUnimplemented.
func (c *Client) WhoAmI(ctx context.Context) ([]zkapi.ID, error) {
	reply, err := c.carry(ctx, &call{op: zkapi.OpWhoAmI}, wire.Request{})
	if err != nil {
		return nil, err
	}
	return reply.IDs, nil
}

// AddAuth implements zkapi.Client. An identity that the server refuses ends the
// client: its state is AUTH_FAILED from then on.
//
// go-zookeeper's own AddAuth would lose the identity if the connection broke
// just after the reply, and reconnects for ever if a server refuses it later.
func (c *Client) AddAuth(ctx context.Context, scheme string, auth []byte) error {
	a := wire.AuthPacket{Scheme: scheme, Auth: slices.Clone(auth)}
	_, err := c.carry(ctx, &call{op: zkapi.OpAuth, after: func(code zkapi.Code) {
		if code == 0 {
			c.auths = append(c.auths, a)
		} else {
			c.authFailed()
		}
	}}, wire.Request{Auth: a})
	return err
}

// Reconfig implements zkapi.Client.
func (c *Client) Reconfig(ctx context.Context, change zkapi.Reconfig) ([]byte, zkapi.Stat, error) {
	reply, err := c.carry(ctx, &call{op: zkapi.OpReconfig}, wire.Request{Reconfig: wire.ReconfigRequest{
		JoiningServers: change.Joining, LeavingServers: change.Leaving, NewMembers: change.NewMembers, CurConfigID: change.Version,
	}})
	if err != nil {
		return nil, zkapi.Stat{}, err
	}
	return reply.Data, reply.Stat, nil
}

// AddWatch implements zkapi.Client. Closing the last stream of a watch removes
// it from the server, and returns when the server has answered or the
// connection is lost.
func (c *Client) AddWatch(ctx context.Context, path string, mode zkapi.WatchMode) (*zkapi.Stream[zkapi.Event], error) {
	w := &watcher{kind: watchPersistent, path: path}
	if mode == zkapi.WatchPersistentRecursive {
		w.kind = watchRecursive
	}
	w.stream = zkapi.NewStream[zkapi.Event](func() {
		c.mu.Lock()
		there := c.watches.drop(w)
		c.mu.Unlock()
		if there {
			c.unwatch(w)
		}
	})
	_, err := c.carry(ctx, &call{op: zkapi.OpAddWatch, path: path, watch: w}, wire.Request{Watch: wire.WatchRequest{Path: path, Type: int32(mode)}})
	if err != nil {
		return nil, err
	}
	return w.stream, nil
}

// RemoveWatches implements zkapi.Client.
func (c *Client) RemoveWatches(ctx context.Context, path string, t zkapi.WatchType) error {
	return c.removeWatches(ctx, &call{op: zkapi.OpRemoveWatches, path: path, after: func(code zkapi.Code) {
		if code == 0 {
			c.watches.remove(path, t)
		}
	}}, t)
}

func (c *Client) removeWatches(ctx context.Context, k *call, t zkapi.WatchType) error {
	_, err := c.carry(ctx, k, wire.Request{Watch: wire.WatchRequest{Path: k.path, Type: int32(t)}})
	return err
}

// unwatch removes a watch from the server that nobody waits for any more.
// Whether that is so is decided when the request is sent, for who comes later
// arms the watch anew.
func (c *Client) unwatch(w *watcher) {
	remove := func(t zkapi.WatchType, kinds ...watchKind) error {
		return c.removeWatches(context.Background(), &call{op: zkapi.OpRemoveWatches, path: w.path, unless: func() bool {
			return c.watched(w.path, kinds)
		}}, t)
	}
	if w.stream == nil { // 3.8 would remove persistent ones together with it
		_ = remove(typeOf[w.kind], allKinds...)
	} else if errors.Is(remove(typeOf[w.kind], w.kind), zkapi.ErrMarshalling) {
		_ = remove(zkapi.WatchTypeAny, allKinds...) // 3.8 has no types for persistent ones: it is all or nothing
	} // and what has failed otherwise has found no watch or lost the connection
}

// watched tells whether somebody waits on a path, or soon will. c.mu is held.
func (c *Client) watched(path string, kinds []watchKind) bool {
	if c.watches.has(path, kinds...) {
		return true
	}
	for k := range c.inFlight {
		if k.watch != nil && k.watch.path == path && slices.Contains(kinds, k.watch.kind) && !k.over {
			return true
		}
	}
	return false
}
