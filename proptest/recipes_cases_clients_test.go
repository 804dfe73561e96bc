package proptest

import (
	"context"

	"github.com/zksim/zksim/zkapi"
)

// lateCreate is a client whose first create seems to be lost, and is done just
// before the second.
type lateCreate struct {
	zkapi.Client
	late func()
	once bool
}

func (c *lateCreate) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	if !c.once {
		c.once = true
		c.late = func() { _, _ = c.Client.Create(ctx, path, data, acl, mode) }
		return "", zkapi.ErrConnectionLoss
	}
	if late := c.late; late != nil {
		c.late = nil
		late()
	}
	return c.Client.Create(ctx, path, data, acl, mode)
}

// replyLoser is a client whose first create loses its reply; it notes what it is asked for.
type replyLoser struct {
	zkapi.Client
	calls []string
	then  func() // nil: nothing
}

func (c *replyLoser) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	c.calls = append(c.calls, "create")
	made, err := c.Client.Create(ctx, path, data, acl, mode)
	if len(c.calls) == 1 {
		if c.then != nil {
			c.then()
		}
		return "", zkapi.ErrConnectionLoss
	}
	return made, err
}

func (c *replyLoser) Sync(ctx context.Context, path string) error {
	c.calls = append(c.calls, "sync")
	return c.Client.Sync(ctx, path)
}

func (c *replyLoser) Children(ctx context.Context, path string) ([]string, zkapi.Stat, error) {
	c.calls = append(c.calls, "children")
	return c.Client.Children(ctx, path)
}

// reborn is a client that does something before it begins anything in its second session.
type reborn struct {
	zkapi.Client
	first int64
	do    func()
}

func (c *reborn) begin() {
	if do := c.do; do != nil && c.SessionID() != c.first {
		c.do = nil
		do()
	}
}

func (c *reborn) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	c.begin()
	return c.Client.Create(ctx, path, data, acl, mode)
}

func (c *reborn) Sync(ctx context.Context, path string) error {
	c.begin()
	return c.Client.Sync(ctx, path)
}

// onDelete is a client that does something before its first delete.
type onDelete struct {
	zkapi.Client
	armed bool
	do    func()
}

func (c *onDelete) Delete(ctx context.Context, path string, version int32) error {
	if c.armed && c.State() == zkapi.StateConnected {
		c.armed = false
		c.do()
	}
	return c.Client.Delete(ctx, path, version)
}

// deaf is a client whose watches never fire.
type deaf struct {
	zkapi.Client
	deaf bool
}

func (d *deaf) GetW(ctx context.Context, path string) ([]byte, zkapi.Stat, <-chan zkapi.Event, error) {
	if !d.deaf {
		return d.Client.GetW(ctx, path)
	}
	data, stat, _, err := d.Client.GetW(context.Background(), path)
	zkapi.EventMap(ctx)
	return data, stat, make(chan zkapi.Event, 1), err
}

// beforeMulti is a client that does something before its first Multi.
type beforeMulti struct {
	zkapi.Client
	do func()
}

func (b *beforeMulti) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	if do := b.do; do != nil {
		b.do = nil
		do()
	}
	return b.Client.Multi(ctx, ops...)
}

// fleeting is a client that deletes a node when it has made it, so many times.
type fleeting struct {
	zkapi.Client
	path  string
	times int
}

func (c *fleeting) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	made, err := c.Client.Create(ctx, path, data, acl, mode)
	if err == nil && made == c.path && c.times > 0 {
		c.times--
		err = c.Delete(ctx, path, zkapi.AnyVersion)
	}
	return made, err
}
