package faults

import (
	"context"
	"errors"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// The operations of a client with a plan in between, each as one call.

// answered tells which code a rule has put in the place of the reply.
func answered(err error) (*answer, bool) {
	var a *answer
	return a, errors.As(err, &a)
}

// plain takes the mark of a rule off an error.
func plain(err error) error {
	if a, ok := answered(err); ok {
		e := err.(*zkapi.OpError)
		return &zkapi.OpError{Op: e.Op, Path: e.Path, Err: a.code}
	}
	return err
}

func createOp(mode zkapi.CreateMode, op zkapi.OpCode) zkapi.OpCode {
	if mode == zkapi.Container {
		return zkapi.OpCreateContainer
	}
	return op
}

func (c *client) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (made string, err error) {
	lost := c.call(ctx, request{op: createOp(mode, zkapi.OpCreate), path: path, size: textSize(path) + textSize(data) + aclSize(acl) + 4}, func() (int, error) {
		made, err = c.Client.Create(ctx, path, data, acl, mode)
		return textSize(made), err
	})
	if lost != nil {
		return "", plain(lost)
	}
	return made, nil
}

func (c *client) Create2(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (made string, stat zkapi.Stat, err error) {
	lost := c.call(ctx, request{op: createOp(mode, zkapi.OpCreate2), path: path, size: textSize(path) + textSize(data) + aclSize(acl) + 4}, func() (int, error) {
		made, stat, err = c.Client.Create2(ctx, path, data, acl, mode)
		return textSize(made) + statSize, err
	})
	if lost != nil {
		return "", zkapi.Stat{}, plain(lost)
	}
	return made, stat, nil
}

func (c *client) CreateTTL(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode, ttl time.Duration) (made string, stat zkapi.Stat, err error) {
	lost := c.call(ctx, request{op: zkapi.OpCreateTTL, path: path, size: textSize(path) + textSize(data) + aclSize(acl) + 12}, func() (int, error) {
		made, stat, err = c.Client.CreateTTL(ctx, path, data, acl, mode, ttl)
		return textSize(made) + statSize, err
	})
	if lost != nil {
		return "", zkapi.Stat{}, plain(lost)
	}
	return made, stat, nil
}

func (c *client) Delete(ctx context.Context, path string, version int32) error {
	return plain(c.call(ctx, request{op: zkapi.OpDelete, path: path, size: textSize(path) + 4}, func() (int, error) {
		return 0, c.Client.Delete(ctx, path, version)
	}))
}

// exists takes an answer of NoNode for what it is.
func exists(stat zkapi.Stat, ok bool, err error) (zkapi.Stat, bool, error) {
	if a, is := answered(err); is && a.code == zkapi.ErrNoNode {
		return zkapi.Stat{}, false, nil
	}
	if err != nil {
		return zkapi.Stat{}, false, plain(err)
	}
	return stat, ok, nil
}

func (c *client) Exists(ctx context.Context, path string) (zkapi.Stat, bool, error) {
	var stat zkapi.Stat
	var ok bool
	err := c.call(ctx, request{op: zkapi.OpExists, path: path, size: textSize(path) + 1}, func() (n int, err error) {
		stat, ok, err = c.Client.Exists(ctx, path)
		return statSize, err
	})
	return exists(stat, ok, err)
}

func (c *client) ExistsW(ctx context.Context, path string) (zkapi.Stat, bool, <-chan zkapi.Event, error) {
	var stat zkapi.Stat
	var ok bool
	var ch <-chan zkapi.Event
	var t *tap
	err := c.call(ctx, request{op: zkapi.OpExists, path: path, arms: true, size: textSize(path) + 1}, func() (n int, err error) {
		ch, t, err = c.tapped(ctx, path, func(ctx context.Context) (in <-chan zkapi.Event, err error) {
			stat, ok, in, err = c.Client.ExistsW(ctx, path)
			return in, err
		})
		return statSize, err
	})
	stat, ok, err = exists(stat, ok, err)
	if err != nil {
		t.forget()
		return stat, false, nil, err
	}
	if !ok {
		t.is(watchExists)
	}
	return stat, ok, ch, nil
}

func (c *client) Get(ctx context.Context, path string) (data []byte, stat zkapi.Stat, err error) {
	lost := c.call(ctx, request{op: zkapi.OpGetData, path: path, size: textSize(path) + 1}, func() (int, error) {
		data, stat, err = c.Client.Get(ctx, path)
		return textSize(data) + statSize, err
	})
	if lost != nil {
		return nil, zkapi.Stat{}, plain(lost)
	}
	return data, stat, nil
}

func (c *client) GetW(ctx context.Context, path string) (data []byte, stat zkapi.Stat, ch <-chan zkapi.Event, err error) {
	var t *tap
	lost := c.call(ctx, request{op: zkapi.OpGetData, path: path, size: textSize(path) + 1}, func() (int, error) {
		ch, t, err = c.tapped(ctx, path, func(ctx context.Context) (in <-chan zkapi.Event, err error) {
			data, stat, in, err = c.Client.GetW(ctx, path)
			return in, err
		})
		return textSize(data) + statSize, err
	})
	if lost != nil {
		t.forget()
		return nil, zkapi.Stat{}, nil, plain(lost)
	}
	return data, stat, ch, nil
}

func (c *client) Set(ctx context.Context, path string, data []byte, version int32) (stat zkapi.Stat, err error) {
	lost := c.call(ctx, request{op: zkapi.OpSetData, path: path, size: textSize(path) + textSize(data) + 4}, func() (int, error) {
		stat, err = c.Client.Set(ctx, path, data, version)
		return statSize, err
	})
	if lost != nil {
		return zkapi.Stat{}, plain(lost)
	}
	return stat, nil
}

func (c *client) GetACL(ctx context.Context, path string) (acl []zkapi.ACL, stat zkapi.Stat, err error) {
	lost := c.call(ctx, request{op: zkapi.OpGetACL, path: path, size: textSize(path)}, func() (int, error) {
		acl, stat, err = c.Client.GetACL(ctx, path)
		return aclSize(acl) + statSize, err
	})
	if lost != nil {
		return nil, zkapi.Stat{}, plain(lost)
	}
	return acl, stat, nil
}

func (c *client) SetACL(ctx context.Context, path string, acl []zkapi.ACL, version int32) (stat zkapi.Stat, err error) {
	lost := c.call(ctx, request{op: zkapi.OpSetACL, path: path, size: textSize(path) + aclSize(acl) + 4}, func() (int, error) {
		stat, err = c.Client.SetACL(ctx, path, acl, version)
		return statSize, err
	})
	if lost != nil {
		return zkapi.Stat{}, plain(lost)
	}
	return stat, nil
}

func (c *client) Children(ctx context.Context, path string) (names []string, stat zkapi.Stat, err error) {
	lost := c.call(ctx, request{op: zkapi.OpGetChildren2, path: path, size: textSize(path) + 1}, func() (int, error) {
		names, stat, err = c.Client.Children(ctx, path)
		return textsSize(names) + statSize, err
	})
	if lost != nil {
		return nil, zkapi.Stat{}, plain(lost)
	}
	return names, stat, nil
}

func (c *client) ChildrenW(ctx context.Context, path string) (names []string, stat zkapi.Stat, ch <-chan zkapi.Event, err error) {
	var t *tap
	lost := c.call(ctx, request{op: zkapi.OpGetChildren2, path: path, size: textSize(path) + 1}, func() (int, error) {
		ch, t, err = c.tapped(ctx, path, func(ctx context.Context) (in <-chan zkapi.Event, err error) {
			names, stat, in, err = c.Client.ChildrenW(ctx, path)
			return in, err
		})
		return textsSize(names) + statSize, err
	})
	if lost != nil {
		t.forget()
		return nil, zkapi.Stat{}, nil, plain(lost)
	}
	t.is(watchChildren)
	return names, stat, ch, nil
}

func (c *client) AllChildrenNumber(ctx context.Context, path string) (n int, err error) {
	lost := c.call(ctx, request{op: zkapi.OpGetAllChildrenNumber, path: path, size: textSize(path)}, func() (int, error) {
		n, err = c.Client.AllChildrenNumber(ctx, path)
		return 4, err
	})
	if lost != nil {
		return 0, plain(lost)
	}
	return n, nil
}

func (c *client) Ephemerals(ctx context.Context, prefix string) (paths []string, err error) {
	lost := c.call(ctx, request{op: zkapi.OpGetEphemerals, path: prefix, size: textSize(prefix)}, func() (int, error) {
		paths, err = c.Client.Ephemerals(ctx, prefix)
		return textsSize(paths), err
	})
	if lost != nil {
		return nil, plain(lost)
	}
	return paths, nil
}

func (c *client) Sync(ctx context.Context, path string) error {
	return plain(c.call(ctx, request{op: zkapi.OpSync, path: path, size: textSize(path)}, func() (int, error) {
		return textSize(path), c.Client.Sync(ctx, path)
	}))
}

func (c *client) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	results, err := c.multi(ctx, zkapi.OpMulti, ops, c.Client.Multi)
	a, ok := answered(err)
	if !ok || a.part < 0 {
		return results, plain(err)
	}
	results = make([]zkapi.OpResult, len(ops))
	for i := range results {
		results[i].Type = ops[i].Type
		switch {
		case i == a.part:
			results[i].Err = a.code
		case i > a.part:
			results[i].Err = zkapi.ErrRuntimeInconsistency
		}
	}
	return results, &zkapi.OpError{Op: zkapi.OpMulti.String(), Path: ops[a.part].Path, Err: a.code}
}

func (c *client) MultiRead(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	results, err := c.multi(ctx, zkapi.OpMultiRead, ops, c.Client.MultiRead)
	return results, plain(err)
}

func (c *client) multi(ctx context.Context, op zkapi.OpCode, ops []zkapi.Op,
	run func(context.Context, ...zkapi.Op) ([]zkapi.OpResult, error)) ([]zkapi.OpResult, error) {
	q := request{op: op, ops: make([]part, len(ops)), size: partSize}
	for i := range ops {
		q.ops[i] = part{ops[i].Type, ops[i].Path}
		q.size += partSize + opSize(&ops[i])
	}
	var results []zkapi.OpResult
	var failed error // one of the operations, which is not a failed reply
	err := c.call(ctx, q, func() (n int, err error) {
		if results, err = run(ctx, ops...); results != nil {
			failed, err = err, nil
		}
		return resultsSize(results), err
	})
	if err != nil {
		return nil, err
	}
	return results, failed
}

func (c *client) AddAuth(ctx context.Context, scheme string, auth []byte) error {
	return plain(c.call(ctx, request{op: zkapi.OpAuth, size: 4 + textSize(scheme) + textSize(auth)}, func() (int, error) {
		return 0, c.Client.AddAuth(ctx, scheme, auth)
	}))
}

func (c *client) WhoAmI(ctx context.Context) (ids []zkapi.ID, err error) {
	lost := c.call(ctx, request{op: zkapi.OpWhoAmI}, func() (int, error) {
		ids, err = c.Client.WhoAmI(ctx)
		return idsSize(ids), err
	})
	if lost != nil {
		return nil, plain(lost)
	}
	return ids, nil
}

func (c *client) AddWatch(ctx context.Context, path string, mode zkapi.WatchMode) (stream *zkapi.Stream[zkapi.Event], err error) {
	lost := c.call(ctx, request{op: zkapi.OpAddWatch, path: path, size: textSize(path) + 4}, func() (int, error) {
		stream, err = c.Client.AddWatch(ctx, path, mode)
		if stream != nil {
			stream = c.pumped(path, stream)
		}
		return 4, err
	})
	if lost != nil {
		if stream != nil {
			stream.Close() // of which the program knows nothing
		}
		return nil, plain(lost)
	}
	return stream, nil
}

func (c *client) RemoveWatches(ctx context.Context, path string, t zkapi.WatchType) error {
	return plain(c.call(ctx, request{op: zkapi.OpRemoveWatches, path: path, size: textSize(path) + 4}, func() (int, error) {
		return 0, c.Client.RemoveWatches(ctx, path, t)
	}))
}

func (c *client) Reconfig(ctx context.Context, change zkapi.Reconfig) (data []byte, stat zkapi.Stat, err error) {
	lost := c.call(ctx, request{op: zkapi.OpReconfig}, func() (int, error) {
		data, stat, err = c.Client.Reconfig(ctx, change)
		return textSize(data) + statSize, err
	})
	if lost != nil {
		return nil, zkapi.Stat{}, plain(lost)
	}
	return data, stat, nil
}

func (c *client) GetConfig(ctx context.Context) ([]byte, zkapi.Stat, error) {
	return c.Get(ctx, "/zookeeper/config")
}
