package realserver

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// The operations. Slices that go-zookeeper is given are copies: it may encode
// them after the caller has gone.

// Create implements zkapi.Client.
func (c *Client) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	if mode == zkapi.Container {
		path, _, err := c.Create2(ctx, path, data, acl, mode)
		return path, err
	}
	var made string
	data, zacl := slices.Clone(data), openOr(acl)
	err := c.do(ctx, &call{op: zkapi.OpCreate, path: path}, func(conn *zk.Conn) (err error) {
		made, err = conn.Create(path, data, int32(mode), zacl)
		return err
	})
	if err != nil {
		return "", err
	}
	return made, nil
}

// Create2 implements zkapi.Client. go-zookeeper's Create makes the request, of
// which only the type is changed: create2 has the same fields. The reply begins
// with create's, which go-zookeeper reads, and goes on with the Stat.
func (c *Client) Create2(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, zkapi.Stat, error) {
	data, zacl := slices.Clone(data), openOr(acl)
	if mode == zkapi.Container {
		return c.create(ctx, &call{op: zkapi.OpCreateContainer, path: path}, func(conn *zk.Conn) error {
			_, err := conn.CreateContainer(path, data, int32(mode), zacl)
			return err
		})
	}
	return c.create(ctx, &call{op: zkapi.OpCreate2, path: path, patch: asCreate2}, func(conn *zk.Conn) error {
		_, err := conn.Create(path, data, int32(mode), zacl)
		return err
	})
}

func asCreate2(_ int32, frame []byte) []byte {
	frame = slices.Clone(frame)
	binary.BigEndian.PutUint32(frame[8:], uint32(zkapi.OpCreate2))
	return frame
}

// CreateTTL implements zkapi.Client.
func (c *Client) CreateTTL(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode, ttl time.Duration) (string, zkapi.Stat, error) {
	data, zacl := slices.Clone(data), openOr(acl)
	return c.create(ctx, &call{op: zkapi.OpCreateTTL, path: path}, func(conn *zk.Conn) error {
		_, err := conn.CreateTTL(path, data, int32(mode), zacl, ttl)
		return err
	})
}

// create runs a create whose reply has a Stat.
func (c *Client) create(ctx context.Context, k *call, run func(*zk.Conn) error) (string, zkapi.Stat, error) {
	k.reply = new(wire.Reply)
	if err := c.do(ctx, k, run); err != nil {
		return "", zkapi.Stat{}, err
	}
	return k.reply.Path, k.reply.Stat, nil
}

// Delete implements zkapi.Client.
func (c *Client) Delete(ctx context.Context, path string, version int32) error {
	return c.do(ctx, &call{op: zkapi.OpDelete, path: path}, func(conn *zk.Conn) error { return conn.Delete(path, version) })
}

// watching makes of a read one that arms a watch: the flag is the last byte of
// the three requests that have one.
func watching(ctx context.Context, k *call, kind watchKind) (*call, <-chan zkapi.Event) {
	k.watch = &watcher{kind: kind, path: k.path, ch: make(chan zkapi.Event, 1), apply: zkapi.EventMap(ctx)}
	k.patch = func(_ int32, frame []byte) []byte {
		frame = slices.Clone(frame)
		frame[len(frame)-1] = 1
		return frame
	}
	return k, k.watch.ch
}

// Exists implements zkapi.Client.
func (c *Client) Exists(ctx context.Context, path string) (zkapi.Stat, bool, error) {
	return c.exists(ctx, &call{op: zkapi.OpExists, path: path})
}

// ExistsW implements zkapi.Client.
func (c *Client) ExistsW(ctx context.Context, path string) (zkapi.Stat, bool, <-chan zkapi.Event, error) {
	k, ch := watching(ctx, &call{op: zkapi.OpExists, path: path}, watchData)
	stat, ok, err := c.exists(ctx, k)
	if err != nil {
		return zkapi.Stat{}, false, nil, err
	}
	return stat, ok, ch, nil
}

func (c *Client) exists(ctx context.Context, k *call) (zkapi.Stat, bool, error) {
	var ok bool
	var stat *zk.Stat
	err := c.do(ctx, k, func(conn *zk.Conn) (err error) {
		ok, stat, err = conn.Exists(k.path)
		return err
	})
	if err != nil || !ok {
		return zkapi.Stat{}, false, err
	}
	return zkapi.Stat(*stat), true, nil
}

// Get implements zkapi.Client.
func (c *Client) Get(ctx context.Context, path string) ([]byte, zkapi.Stat, error) {
	return c.get(ctx, &call{op: zkapi.OpGetData, path: path})
}

// GetW implements zkapi.Client.
func (c *Client) GetW(ctx context.Context, path string) ([]byte, zkapi.Stat, <-chan zkapi.Event, error) {
	k, ch := watching(ctx, &call{op: zkapi.OpGetData, path: path}, watchData)
	data, stat, err := c.get(ctx, k)
	if err != nil {
		return nil, zkapi.Stat{}, nil, err
	}
	return data, stat, ch, nil
}

func (c *Client) get(ctx context.Context, k *call) ([]byte, zkapi.Stat, error) {
	var data []byte
	var stat *zk.Stat
	err := c.do(ctx, k, func(conn *zk.Conn) (err error) {
		data, stat, err = conn.Get(k.path)
		return err
	})
	if err != nil {
		return nil, zkapi.Stat{}, err
	}
	return data, zkapi.Stat(*stat), nil
}

// Children implements zkapi.Client.
func (c *Client) Children(ctx context.Context, path string) ([]string, zkapi.Stat, error) {
	return c.children(ctx, &call{op: zkapi.OpGetChildren2, path: path})
}

// ChildrenW implements zkapi.Client.
func (c *Client) ChildrenW(ctx context.Context, path string) ([]string, zkapi.Stat, <-chan zkapi.Event, error) {
	k, ch := watching(ctx, &call{op: zkapi.OpGetChildren2, path: path}, watchChild)
	names, stat, err := c.children(ctx, k)
	if err != nil {
		return nil, zkapi.Stat{}, nil, err
	}
	return names, stat, ch, nil
}

func (c *Client) children(ctx context.Context, k *call) ([]string, zkapi.Stat, error) {
	var names []string
	var stat *zk.Stat
	err := c.do(ctx, k, func(conn *zk.Conn) (err error) {
		names, stat, err = conn.Children(k.path)
		return err
	})
	if err != nil {
		return nil, zkapi.Stat{}, err
	}
	return names, zkapi.Stat(*stat), nil
}

// changed runs a write that returns a Stat.
func (c *Client) changed(ctx context.Context, k *call, run func(*zk.Conn) (*zk.Stat, error)) (zkapi.Stat, error) {
	var stat *zk.Stat
	err := c.do(ctx, k, func(conn *zk.Conn) (err error) {
		stat, err = run(conn)
		return err
	})
	if err != nil {
		return zkapi.Stat{}, err
	}
	return zkapi.Stat(*stat), nil
}

// Set implements zkapi.Client.
func (c *Client) Set(ctx context.Context, path string, data []byte, version int32) (zkapi.Stat, error) {
	data = slices.Clone(data)
	return c.changed(ctx, &call{op: zkapi.OpSetData, path: path}, func(conn *zk.Conn) (*zk.Stat, error) {
		return conn.Set(path, data, version)
	})
}

// GetACL implements zkapi.Client.
func (c *Client) GetACL(ctx context.Context, path string) ([]zkapi.ACL, zkapi.Stat, error) {
	var entries []zk.ACL
	var stat *zk.Stat
	err := c.do(ctx, &call{op: zkapi.OpGetACL, path: path}, func(conn *zk.Conn) (err error) {
		entries, stat, err = conn.GetACL(path)
		return err
	})
	if err != nil {
		return nil, zkapi.Stat{}, err
	}
	acl := make([]zkapi.ACL, len(entries))
	for i, e := range entries {
		acl[i] = zkapi.ACL{Perms: zkapi.Perm(e.Perms), Scheme: e.Scheme, ID: e.ID}
	}
	return acl, zkapi.Stat(*stat), nil
}

// SetACL implements zkapi.Client.
func (c *Client) SetACL(ctx context.Context, path string, acl []zkapi.ACL, version int32) (zkapi.Stat, error) {
	zacl := theirACL(acl)
	return c.changed(ctx, &call{op: zkapi.OpSetACL, path: path}, func(conn *zk.Conn) (*zk.Stat, error) {
		return conn.SetACL(path, zacl, version)
	})
}

func theirACL(acl []zkapi.ACL) []zk.ACL {
	entries := make([]zk.ACL, len(acl))
	for i, a := range acl {
		entries[i] = zk.ACL{Perms: int32(a.Perms), Scheme: a.Scheme, ID: a.ID}
	}
	return entries
}

func openOr(acl []zkapi.ACL) []zk.ACL {
	if acl == nil {
		acl = zkapi.OpenACL()
	}
	return theirACL(acl)
}

// Sync implements zkapi.Client.
func (c *Client) Sync(ctx context.Context, path string) error {
	return c.do(ctx, &call{op: zkapi.OpSync, path: path}, func(conn *zk.Conn) error {
		_, err := conn.Sync(path)
		return err
	})
}

// Multi implements zkapi.Client. Containers and TTL nodes are not supported.
//
// Trap 9: go-zookeeper returns the first error without saying whose it is, and
// an error of its own making for the operations that were not tried. Here the
// error has the path of the one that failed, and the results the codes of all.
func (c *Client) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	requests := make([]any, len(ops))
	for i := range ops {
		if requests[i] = theirOp(&ops[i]); requests[i] == nil {
			return nil, c.unsupported(ctx, zkapi.OpMulti, ops[i].Path)
		}
	}
	var responses []zk.MultiResponse
	err := c.do(ctx, &call{op: zkapi.OpMulti}, func(conn *zk.Conn) (err error) {
		responses, err = conn.Multi(requests...)
		failed := func(r zk.MultiResponse) bool { return r.Error != nil }
		if len(responses) == len(ops) && slices.ContainsFunc(responses, failed) {
			return nil // they say by themselves what failed
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	results := make([]zkapi.OpResult, len(ops))
	var failed error
	for i, r := range responses {
		code := codeOf(r.Error)
		results[i] = zkapi.OpResult{Type: ops[i].Type, Path: r.String, Err: code.Err()}
		if r.Stat != nil {
			results[i].Stat = zkapi.Stat(*r.Stat)
		}
		if failed == nil && code != 0 {
			failed = opError(zkapi.OpMulti, ops[i].Path, pair(code, r.Error))
		}
	}
	return results, failed
}

// theirOp makes go-zookeeper's request of one operation, or nil if it has none.
func theirOp(o *zkapi.Op) any {
	switch o.Type {
	case zkapi.OpCreate:
		return &zk.CreateRequest{Path: o.Path, Data: slices.Clone(o.Data), Acl: openOr(o.ACL), Flags: int32(o.Mode)}
	case zkapi.OpDelete:
		return &zk.DeleteRequest{Path: o.Path, Version: o.Version}
	case zkapi.OpSetData:
		return &zk.SetDataRequest{Path: o.Path, Data: slices.Clone(o.Data), Version: o.Version}
	case zkapi.OpCheck:
		return &zk.CheckVersionRequest{Path: o.Path, Version: o.Version}
	}
	return nil
}

// AddAuth implements zkapi.Client. An identity that the server refuses ends the
// client: its state is AUTH_FAILED from then on.
//
// go-zookeeper's own AddAuth would lose the identity if the connection broke
// just after the reply, and reconnects for ever if a server refuses it later.
func (c *Client) AddAuth(ctx context.Context, scheme string, auth []byte) error {
	return c.authenticate(ctx, &wire.AuthPacket{Scheme: scheme, Auth: slices.Clone(auth)}, nil)
}

// Reconfig implements zkapi.Client. An incremental change together with a new
// list of members is not supported: go-zookeeper sends one or the other.
func (c *Client) Reconfig(ctx context.Context, change zkapi.Reconfig) ([]byte, zkapi.Stat, error) {
	incremental := change.Joining != "" || change.Leaving != ""
	if incremental && change.NewMembers != "" {
		return nil, zkapi.Stat{}, c.unsupported(ctx, zkapi.OpReconfig, "")
	}
	k := &call{op: zkapi.OpReconfig, reply: new(wire.Reply)}
	_, err := c.changed(ctx, k, func(conn *zk.Conn) (*zk.Stat, error) {
		if change.NewMembers != "" {
			return conn.Reconfig([]string{change.NewMembers}, change.Version)
		}
		return conn.IncrementalReconfig([]string{change.Joining}, []string{change.Leaving}, change.Version)
	})
	if err != nil {
		return nil, zkapi.Stat{}, err
	}
	return k.reply.Data, k.reply.Stat, nil
}

// GetConfig implements zkapi.Client.
func (c *Client) GetConfig(ctx context.Context) ([]byte, zkapi.Stat, error) {
	return c.Get(ctx, "/zookeeper/config")
}

// unsupported is the error of what go-zookeeper has no method for.
func (c *Client) unsupported(ctx context.Context, op zkapi.OpCode, path string) error {
	if err := ctx.Err(); err != nil {
		return opError(op, path, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.final() {
		return opError(op, path, c.whyLocked())
	}
	return opError(op, path, errUnsupported)
}

// AllChildrenNumber implements zkapi.Client: it is not supported. Counting node
// by node would count what was never there at the same time.
func (c *Client) AllChildrenNumber(ctx context.Context, path string) (int, error) {
	return 0, c.unsupported(ctx, zkapi.OpGetAllChildrenNumber, path)
}

// Ephemerals implements zkapi.Client: it is not supported.
func (c *Client) Ephemerals(ctx context.Context, prefix string) ([]string, error) {
	return nil, c.unsupported(ctx, zkapi.OpGetEphemerals, prefix)
}

// MultiRead implements zkapi.Client: it is not supported. Reads one by one would
// not see one state of the tree.
func (c *Client) MultiRead(ctx context.Context, _ ...zkapi.Op) ([]zkapi.OpResult, error) {
	return nil, c.unsupported(ctx, zkapi.OpMultiRead, "")
}

// WhoAmI implements zkapi.Client: it is not supported.
func (c *Client) WhoAmI(ctx context.Context) ([]zkapi.ID, error) {
	return nil, c.unsupported(ctx, zkapi.OpWhoAmI, "")
}

// AddWatch implements zkapi.Client: it is not supported.
func (c *Client) AddWatch(ctx context.Context, path string, _ zkapi.WatchMode) (*zkapi.Stream[zkapi.Event], error) {
	return nil, c.unsupported(ctx, zkapi.OpAddWatch, path)
}

// RemoveWatches implements zkapi.Client: it is not supported (trap 7).
func (c *Client) RemoveWatches(ctx context.Context, path string, _ zkapi.WatchType) error {
	return c.unsupported(ctx, zkapi.OpRemoveWatches, path)
}
