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

// The operations that go-zookeeper has. Slices that it is given are copies: it
// may encode them after the caller has gone.

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

// GetConfig implements zkapi.Client.
func (c *Client) GetConfig(ctx context.Context) ([]byte, zkapi.Stat, error) {
	return c.Get(ctx, "/zookeeper/config")
}
