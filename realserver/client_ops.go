package realserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// The operations.

var openACL = zkapi.OpenACL()

func orOpen(acl []zkapi.ACL) []zkapi.ACL {
	if acl == nil {
		return openACL
	}
	return acl
}

// op runs one of the requests that wire.Op knows.
func (c *Client) op(ctx context.Context, o wire.Op) (*wire.Reply, error) {
	return c.do(ctx, &call{op: o.Type, path: o.Path}, wire.Request{Op: o})
}

// onPath runs one of the requests that are just a path.
func (c *Client) onPath(ctx context.Context, op zkapi.OpCode, path string) (*wire.Reply, error) {
	return c.do(ctx, &call{op: op, path: path}, wire.Request{Path: wire.PathRequest{Path: path}})
}

// watching runs a read that arms a watch.
func (c *Client) watching(ctx context.Context, op zkapi.OpCode, path string, kind watchKind) (*wire.Reply, <-chan zkapi.Event, error) {
	w := &watcher{kind: kind, path: path, ch: make(chan zkapi.Event, 1), apply: zkapi.EventMap(ctx)}
	reply, err := c.do(ctx, &call{op: op, path: path, watch: w}, wire.Request{Op: wire.Op{Path: path, Watch: true}})
	if err != nil && !missing(op, err) {
		return nil, nil, err
	}
	zkapi.OnUnwatch(ctx, func() { c.giveUp(w) })
	return reply, w.ch, err
}

// giveUp ends a one-shot watch that nobody waits for any more, unless it has ended.
func (c *Client) giveUp(w *watcher) {
	c.mu.Lock()
	there, now := c.drop(w)
	if there {
		close(w.ch)
	}
	c.mu.Unlock()
	if now {
		c.unwatch(w)
	}
}

// missing tells whether the answer to an exists is that there is no such node.
func missing(op zkapi.OpCode, err error) bool {
	return op == zkapi.OpExists && errors.Is(err, zkapi.ErrNoNode)
}

// Create implements zkapi.Client.
func (c *Client) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	op := zkapi.OpCreate
	if mode == zkapi.Container {
		op = zkapi.OpCreateContainer
	}
	reply, err := c.op(ctx, wire.Op{Type: op, Path: path, Data: data, ACL: orOpen(acl), Flags: int32(mode)})
	if err != nil {
		return "", err
	}
	return reply.Path, nil
}

// Create2 implements zkapi.Client.
func (c *Client) Create2(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, zkapi.Stat, error) {
	op := zkapi.OpCreate2
	if mode == zkapi.Container {
		op = zkapi.OpCreateContainer
	}
	return c.create(ctx, wire.Op{Type: op, Path: path, Data: data, ACL: orOpen(acl), Flags: int32(mode)})
}

// CreateTTL implements zkapi.Client.
func (c *Client) CreateTTL(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode, ttl time.Duration) (string, zkapi.Stat, error) {
	return c.create(ctx, wire.Op{Type: zkapi.OpCreateTTL, Path: path, Data: data, ACL: orOpen(acl), Flags: int32(mode), TTL: ttl.Milliseconds()})
}

// create runs a create whose reply has a Stat.
func (c *Client) create(ctx context.Context, o wire.Op) (string, zkapi.Stat, error) {
	reply, err := c.op(ctx, o)
	if err != nil {
		return "", zkapi.Stat{}, err
	}
	return reply.Path, reply.Stat, nil
}

// Delete implements zkapi.Client.
func (c *Client) Delete(ctx context.Context, path string, version int32) error {
	_, err := c.op(ctx, wire.Op{Type: zkapi.OpDelete, Path: path, Version: version})
	return err
}

// Exists implements zkapi.Client.
func (c *Client) Exists(ctx context.Context, path string) (zkapi.Stat, bool, error) {
	reply, err := c.op(ctx, wire.Op{Type: zkapi.OpExists, Path: path})
	switch {
	case err == nil:
		return reply.Stat, true, nil
	case missing(zkapi.OpExists, err):
		return zkapi.Stat{}, false, nil
	}
	return zkapi.Stat{}, false, err
}

// ExistsW implements zkapi.Client.
func (c *Client) ExistsW(ctx context.Context, path string) (zkapi.Stat, bool, <-chan zkapi.Event, error) {
	reply, ch, err := c.watching(ctx, zkapi.OpExists, path, watchData)
	switch {
	case err == nil:
		return reply.Stat, true, ch, nil
	case missing(zkapi.OpExists, err):
		return zkapi.Stat{}, false, ch, nil
	}
	return zkapi.Stat{}, false, nil, err
}

// Get implements zkapi.Client.
func (c *Client) Get(ctx context.Context, path string) ([]byte, zkapi.Stat, error) {
	reply, err := c.op(ctx, wire.Op{Type: zkapi.OpGetData, Path: path})
	if err != nil {
		return nil, zkapi.Stat{}, err
	}
	return reply.Data, reply.Stat, nil
}

// GetW implements zkapi.Client.
func (c *Client) GetW(ctx context.Context, path string) ([]byte, zkapi.Stat, <-chan zkapi.Event, error) {
	reply, ch, err := c.watching(ctx, zkapi.OpGetData, path, watchData)
	if err != nil {
		return nil, zkapi.Stat{}, nil, err
	}
	return reply.Data, reply.Stat, ch, nil
}

// Children implements zkapi.Client.
func (c *Client) Children(ctx context.Context, path string) ([]string, zkapi.Stat, error) {
	reply, err := c.op(ctx, wire.Op{Type: zkapi.OpGetChildren2, Path: path})
	if err != nil {
		return nil, zkapi.Stat{}, err
	}
	return reply.Children, reply.Stat, nil
}

// ChildrenW implements zkapi.Client.
func (c *Client) ChildrenW(ctx context.Context, path string) ([]string, zkapi.Stat, <-chan zkapi.Event, error) {
	reply, ch, err := c.watching(ctx, zkapi.OpGetChildren2, path, watchChild)
	if err != nil {
		return nil, zkapi.Stat{}, nil, err
	}
	return reply.Children, reply.Stat, ch, nil
}

// Set implements zkapi.Client.
func (c *Client) Set(ctx context.Context, path string, data []byte, version int32) (zkapi.Stat, error) {
	reply, err := c.op(ctx, wire.Op{Type: zkapi.OpSetData, Path: path, Data: data, Version: version})
	if err != nil {
		return zkapi.Stat{}, err
	}
	return reply.Stat, nil
}

// GetACL implements zkapi.Client.
func (c *Client) GetACL(ctx context.Context, path string) ([]zkapi.ACL, zkapi.Stat, error) {
	reply, err := c.onPath(ctx, zkapi.OpGetACL, path)
	if err != nil {
		return nil, zkapi.Stat{}, err
	}
	return reply.ACL, reply.Stat, nil
}

// SetACL implements zkapi.Client.
func (c *Client) SetACL(ctx context.Context, path string, acl []zkapi.ACL, version int32) (zkapi.Stat, error) {
	reply, err := c.do(ctx, &call{op: zkapi.OpSetACL, path: path}, wire.Request{SetACL: wire.SetACLRequest{Path: path, ACL: acl, Version: version}})
	if err != nil {
		return zkapi.Stat{}, err
	}
	return reply.Stat, nil
}

// AllChildrenNumber implements zkapi.Client.
func (c *Client) AllChildrenNumber(ctx context.Context, path string) (int, error) {
	reply, err := c.onPath(ctx, zkapi.OpGetAllChildrenNumber, path)
	if err != nil {
		return 0, err
	}
	return int(reply.Total), nil
}

// Ephemerals implements zkapi.Client.
func (c *Client) Ephemerals(ctx context.Context, prefix string) ([]string, error) {
	reply, err := c.onPath(ctx, zkapi.OpGetEphemerals, prefix)
	if err != nil {
		return nil, err
	}
	return reply.Children, nil
}

// Sync implements zkapi.Client.
func (c *Client) Sync(ctx context.Context, path string) error {
	_, err := c.onPath(ctx, zkapi.OpSync, path)
	return err
}

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
		q.Ops = append(q.Ops, wire.Op{Type: o.Type, Path: o.Path, Data: o.Data, ACL: orOpen(o.ACL),
			Flags: int32(o.Mode), TTL: o.TTL.Milliseconds(), Version: o.Version})
	}
	reply, err := c.do(ctx, &call{op: op}, q)
	if err == nil && len(reply.Results) != len(ops) {
		err = &zkapi.OpError{Op: op.String(), Err: fmt.Errorf("%w: %d operations, %d results", zkapi.ErrSystem, len(ops), len(reply.Results))}
	}
	if err != nil {
		return nil, err
	}
	results := make([]zkapi.OpResult, len(ops))
	var failed error
	for i, r := range reply.Results {
		results[i] = zkapi.OpResult{Type: ops[i].Type, Path: r.Path, Stat: r.Stat, Data: r.Data, Children: r.Children, Err: r.Err.Err()}
		if op == zkapi.OpMulti && failed == nil && r.Err != 0 {
			failed = &zkapi.OpError{Op: op.String(), Path: ops[i].Path, Err: named(r.Err)}
		}
	}
	return results, failed
}

// WhoAmI implements zkapi.Client. Servers before 3.7 do not have it, and answer
// zkapi.ErrUnimplemented.
func (c *Client) WhoAmI(ctx context.Context) ([]zkapi.ID, error) {
	reply, err := c.do(ctx, &call{op: zkapi.OpWhoAmI}, wire.Request{})
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
	_, err := c.do(ctx, &call{op: zkapi.OpAuth, after: func(code zkapi.Code) {
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
	reply, err := c.do(ctx, &call{op: zkapi.OpReconfig}, wire.Request{Reconfig: wire.ReconfigRequest{
		JoiningServers: orNone(change.Joining), LeavingServers: orNone(change.Leaving),
		NewMembers: orNone(change.NewMembers), CurConfigID: change.Version,
	}})
	if err != nil {
		return nil, zkapi.Stat{}, err
	}
	return reply.Data, reply.Stat, nil
}

// orNone is what is sent where there is nothing to say.
func orNone(s string) string {
	if s == "" {
		return wire.NullString
	}
	return s
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
		_, now := c.drop(w)
		c.mu.Unlock()
		if now {
			c.unwatch(w)
		}
	})
	_, err := c.do(ctx, &call{op: zkapi.OpAddWatch, path: path, watch: w}, wire.Request{Watch: wire.WatchRequest{Path: path, Type: int32(mode)}})
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
	_, err := c.do(ctx, k, wire.Request{Watch: wire.WatchRequest{Path: k.path, Type: int32(t)}})
	return err
}

// drop forgets a watch, and tells whether it was there, and is to be removed from
// the server now: one that is just being armed again can only go when it is. c.mu is held.
func (c *Client) drop(w *watcher) (there, now bool) {
	there = c.watches.drop(w)
	if there && c.restoring != nil {
		c.restoring.gone = append(c.restoring.gone, w)
		return true, false
	}
	return there, there
}

// unwatch removes a watch from the server that nobody waits for any more.
// Whether that is so is decided when the request is sent, for who comes later
// arms the watch anew. Beside others some watches cannot go: 3.8 would remove a
// part of persistent ones together with a one-shot watch, and has no types for
// persistent ones. They go with the last on their path.
func (c *Client) unwatch(w *watcher) {
	t, others := typeOf[w.kind], []watchKind{w.kind}
	switch {
	case w.kind == watchChild:
		others = []watchKind{watchChild, watchPersistent, watchRecursive}
	case w.stream == nil:
		others = []watchKind{watchData, watchExist, watchPersistent, watchRecursive}
	}
	c.mu.Lock()
	if !c.watched(w.path, allKinds) {
		t, others = zkapi.WatchTypeAny, allKinds
	}
	c.mu.Unlock()
	_ = c.removeWatches(context.Background(), &call{op: zkapi.OpRemoveWatches, path: w.path, unless: func() bool {
		return c.watched(w.path, others)
	}}, t) // what has failed has found no watch or lost the connection
}

// forget has a watch removed that was armed for somebody who has gone. c.mu is held.
func (c *Client) forget(w *watcher) {
	c.running.Add(1)
	go func() {
		defer c.running.Done()
		c.unwatch(w)
	}()
}

// watched tells whether somebody waits on a path, or soon will. c.mu is held.
func (c *Client) watched(path string, kinds []watchKind) bool {
	if c.watches.has(path, kinds...) {
		return true
	}
	for _, k := range c.calls {
		if k.sent && k.watch != nil && k.watch.path == path && slices.Contains(kinds, k.watch.kind) {
			return true
		}
	}
	return false
}

// GetConfig implements zkapi.Client.
func (c *Client) GetConfig(ctx context.Context) ([]byte, zkapi.Stat, error) {
	return c.Get(ctx, "/zookeeper/config")
}
