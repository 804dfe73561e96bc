package zkapi

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Chroot returns a client to which prefix is the root: it puts prefix before
// every path that goes out and takes it off every path that comes back, in
// results, events and errors. "/" is the prefix itself and, as everywhere, can
// not be deleted. Sessions, identities and Close are those of c; GetConfig and
// Reconfig pass through. The prefix need not exist yet, but cannot be made from
// within:
//
//	err := zkapi.EnsurePath(ctx, c, "/app/blue", nil)
//	app := zkapi.Chroot(c, "/app/blue")
//
// Chroot panics if ValidatePath refuses prefix. It returns c itself for "/".
func Chroot(c Client, prefix string) Client {
	if err := ValidatePath(prefix); err != nil {
		panic("zkapi: Chroot: " + err.Error())
	}
	if prefix == "/" {
		return c
	}
	return &chroot{Client: c, prefix: prefix}
}

// chroot overrides every method of Client in which a path goes in or out.
type chroot struct {
	Client
	prefix string
}

// down translates a path of the caller. A path without a leading slash is left
// alone: no node has such a name, and the server refuses it as it would without us.
func (c *chroot) down(path string) string {
	switch {
	case path == "/":
		return c.prefix
	case strings.HasPrefix(path, "/"):
		return c.prefix + path
	}
	return path
}

// read is down for reads, to which the server takes "" for the root.
func (c *chroot) read(path string) string {
	if path == "" {
		return c.prefix
	}
	return c.down(path)
}

// create is down for creates: the sequential modes put "/0000000000" under "/".
func (c *chroot) create(path string, mode CreateMode) string {
	if path == "/" && mode.Sequential() {
		return c.prefix + path
	}
	return c.down(path)
}

// remove is down for deletes: the server refuses to delete its root, and so it does ours.
func (c *chroot) remove(path string) string {
	if path == "/" {
		return path
	}
	return c.down(path)
}

// up translates a path of the server.
func (c *chroot) up(path string) string {
	switch {
	case !c.under(path):
		return path
	case len(path) == len(c.prefix):
		return "/"
	}
	return path[len(c.prefix):]
}

// under reports whether path is the prefix or below it: "/app" has "/app/x", not "/apple".
func (c *chroot) under(path string) bool {
	rest, ok := strings.CutPrefix(path, c.prefix)
	return ok && (rest == "" || rest[0] == '/')
}

func (c *chroot) upEvent(ev Event) Event {
	ev.Path, ev.Err = c.up(ev.Path), c.upError(ev.Err)
	return ev
}

// upError translates the paths that errors tell, on copies.
func (c *chroot) upError(err error) error {
	switch e := err.(type) {
	case *OpError:
		return &OpError{e.Op, c.up(e.Path), c.upError(e.Err)}
	case *PathError:
		if c.under(e.Path) {
			return &PathError{c.up(e.Path), max(1, e.Column-utf8.RuneCountInString(c.prefix)), e.Reason}
		}
	}
	return err
}

func (c *chroot) Create(ctx context.Context, path string, data []byte, acl []ACL, mode CreateMode) (string, error) {
	path, err := c.Client.Create(ctx, c.create(path, mode), data, acl, mode)
	return c.up(path), c.upError(err)
}

func (c *chroot) Create2(ctx context.Context, path string, data []byte, acl []ACL, mode CreateMode) (string, Stat, error) {
	path, stat, err := c.Client.Create2(ctx, c.create(path, mode), data, acl, mode)
	return c.up(path), stat, c.upError(err)
}

func (c *chroot) CreateTTL(ctx context.Context, path string, data []byte, acl []ACL, mode CreateMode, ttl time.Duration) (string, Stat, error) {
	path, stat, err := c.Client.CreateTTL(ctx, c.create(path, mode), data, acl, mode, ttl)
	return c.up(path), stat, c.upError(err)
}

func (c *chroot) Delete(ctx context.Context, path string, version int32) error {
	return c.upError(c.Client.Delete(ctx, c.remove(path), version))
}

func (c *chroot) Exists(ctx context.Context, path string) (Stat, bool, error) {
	stat, ok, err := c.Client.Exists(ctx, c.read(path))
	return stat, ok, c.upError(err)
}

func (c *chroot) ExistsW(ctx context.Context, path string) (stat Stat, ok bool, ch <-chan Event, err error) {
	ch, err = ArmMapped(ctx, c.upEvent, func(ctx context.Context) (in <-chan Event, err error) {
		stat, ok, in, err = c.Client.ExistsW(ctx, c.read(path))
		return in, err
	})
	return stat, ok, ch, c.upError(err)
}

func (c *chroot) Get(ctx context.Context, path string) ([]byte, Stat, error) {
	data, stat, err := c.Client.Get(ctx, c.read(path))
	return data, stat, c.upError(err)
}

func (c *chroot) GetW(ctx context.Context, path string) (data []byte, stat Stat, ch <-chan Event, err error) {
	ch, err = ArmMapped(ctx, c.upEvent, func(ctx context.Context) (in <-chan Event, err error) {
		data, stat, in, err = c.Client.GetW(ctx, c.read(path))
		return in, err
	})
	return data, stat, ch, c.upError(err)
}

func (c *chroot) Set(ctx context.Context, path string, data []byte, version int32) (Stat, error) {
	stat, err := c.Client.Set(ctx, c.down(path), data, version)
	return stat, c.upError(err)
}

func (c *chroot) GetACL(ctx context.Context, path string) ([]ACL, Stat, error) {
	acl, stat, err := c.Client.GetACL(ctx, c.read(path))
	return acl, stat, c.upError(err)
}

func (c *chroot) SetACL(ctx context.Context, path string, acl []ACL, version int32) (Stat, error) {
	stat, err := c.Client.SetACL(ctx, c.down(path), acl, version)
	return stat, c.upError(err)
}

func (c *chroot) Children(ctx context.Context, path string) ([]string, Stat, error) {
	names, stat, err := c.Client.Children(ctx, c.read(path))
	return names, stat, c.upError(err)
}

func (c *chroot) ChildrenW(ctx context.Context, path string) (names []string, stat Stat, ch <-chan Event, err error) {
	ch, err = ArmMapped(ctx, c.upEvent, func(ctx context.Context) (in <-chan Event, err error) {
		names, stat, in, err = c.Client.ChildrenW(ctx, c.read(path))
		return in, err
	})
	return names, stat, ch, c.upError(err)
}

func (c *chroot) AllChildrenNumber(ctx context.Context, path string) (int, error) {
	n, err := c.Client.AllChildrenNumber(ctx, c.read(path))
	return n, c.upError(err)
}

// Ephemerals drops what is not under the prefix: to the server "/app" is a
// string, which "/apple" begins with, too.
func (c *chroot) Ephemerals(ctx context.Context, prefix string) ([]string, error) {
	all, err := c.Client.Ephemerals(ctx, c.read(prefix))
	var paths []string
	for _, path := range all {
		if c.under(path) {
			paths = append(paths, c.up(path))
		}
	}
	return paths, c.upError(err)
}

func (c *chroot) Sync(ctx context.Context, path string) error {
	return c.upError(c.Client.Sync(ctx, c.down(path)))
}

func (c *chroot) Multi(ctx context.Context, ops ...Op) ([]OpResult, error) {
	results, err := c.Client.Multi(ctx, c.downOps(ops)...)
	return c.upResults(results), c.upError(err)
}

func (c *chroot) MultiRead(ctx context.Context, ops ...Op) ([]OpResult, error) {
	results, err := c.Client.MultiRead(ctx, c.downOps(ops)...)
	return c.upResults(results), c.upError(err)
}

func (c *chroot) downOps(ops []Op) []Op {
	ops = slices.Clone(ops)
	for i := range ops {
		switch o := &ops[i]; o.Type {
		case OpCreate, OpCreate2, OpCreateContainer, OpCreateTTL:
			o.Path = c.create(o.Path, o.Mode)
		case OpDelete, OpDeleteContainer:
			o.Path = c.remove(o.Path)
		case OpGetData, OpGetChildren, OpGetChildren2, OpExists, OpGetACL:
			o.Path = c.read(o.Path)
		default:
			o.Path = c.down(o.Path)
		}
	}
	return ops
}

func (c *chroot) upResults(results []OpResult) []OpResult {
	for i := range results {
		results[i].Path, results[i].Err = c.up(results[i].Path), c.upError(results[i].Err)
	}
	return results
}

func (c *chroot) AddWatch(ctx context.Context, path string, mode WatchMode) (*Stream[Event], error) {
	stream, err := c.Client.AddWatch(ctx, c.down(path), mode)
	if stream != nil {
		stream.mapItems(c.upEvent)
	}
	return stream, c.upError(err)
}

func (c *chroot) RemoveWatches(ctx context.Context, path string, t WatchType) error {
	return c.upError(c.Client.RemoveWatches(ctx, c.down(path), t))
}
