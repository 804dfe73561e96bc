package explore

import (
	"context"
	"runtime"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// client is the zkapi.Client of a participant. Every call waits until the
// explorer has it done, which is then one step; what the server sends by itself
// waits in the client within, which is held.
type client struct {
	run   *run
	inner *memserver.Client // nil for a participant that dials
	link  link
	index int

	// Guarded by run.mu while participants run.
	pending []*operation
	refused int // calls after the end

	seen   ledger        // all that the participant has learned
	heard  time.Duration // when it has learned something last
	vain   bool          // a call has failed since the connection was lost: the next one waits until it is back
	closed bool
	// It has persistent watches, or has had some.
	streams bool

	member  int  // of an ensemble, that it is connected to, or was last; 0 is all there is
	lagging bool // it does not keep up
	depth   int  // how far behind the next one is
}

var _ zkapi.Client = (*client)(nil)

// patience is how many calls of a participant are refused after the end of a
// schedule before its goroutine is ended.
const patience = 100

// learn is where to put down what the participant learns now.
func (c *client) learn() *ledger {
	if now := time.Since(c.run.born); now != c.heard {
		c.heard = now
		c.seen.word(uint64(now))
	}
	return &c.seen
}

// call waits for the explorer.
func (c *client) call(ctx context.Context, q call) *answer {
	o := &operation{call: q, ctx: ctx, done: make(chan struct{}, 1)}
	if err := ctx.Err(); err != nil {
		o.fail(err)
		return &o.answer
	}
	if !c.park(o) {
		o.fail(zkapi.ErrClosed)
		return &o.answer
	}
	select {
	case <-o.done:
		return &o.answer
	case <-ctx.Done():
		return c.abandon(o)
	}
}

// overseen is a participant's context that hears when one is ended that has been made of it: package context
// calls AfterFunc for each, and what it returns when that one is ended, in the step of whoever ends it.
type overseen struct {
	context.Context
	run   *run
	index int
}

// Value hides from package context what it knows the context by.
func (overseen) Value(any) any { return nil }

func (o overseen) AfterFunc(f func()) (stop func() bool) {
	inner := context.AfterFunc(o.Context, f)
	return func() bool {
		if who := o.run.chance.whose(); who != nobody && who != o.index {
			o.run.ended.Or(1 << o.index)
		}
		return inner()
	}
}

// park hands an operation to the explorer, unless the schedule is over.
func (c *client) park(o *operation) bool {
	r := c.run
	r.mu.Lock()
	if r.over {
		c.refused++
		spins := c.refused > patience
		r.mu.Unlock()
		if spins {
			runtime.Goexit()
		}
		return false
	}
	c.pending = append(c.pending, o)
	r.mu.Unlock()
	r.wakeUp()
	return true
}

// abandon is what the end of a context does: the request is under way, and
// nobody knows whether it will arrive.
func (c *client) abandon(o *operation) *answer {
	c.run.mu.Lock()
	defer c.run.mu.Unlock()
	select {
	case <-o.done:
		return &o.answer
	default:
	}
	o.abandoned = true
	gone := operation{call: o.call}
	gone.fail(o.ctx.Err())
	return &gone.answer
}

func (c *client) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	a := c.call(ctx, call{verb: verbCreate, path: path, data: data, acl: acl, mode: mode})
	return a.path, a.err
}

func (c *client) Create2(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, zkapi.Stat, error) {
	a := c.call(ctx, call{verb: verbCreate2, path: path, data: data, acl: acl, mode: mode})
	return a.path, a.stat, a.err
}

func (c *client) CreateTTL(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode, ttl time.Duration) (string, zkapi.Stat, error) {
	a := c.call(ctx, call{verb: verbCreateTTL, path: path, data: data, acl: acl, mode: mode, ttl: ttl})
	return a.path, a.stat, a.err
}

func (c *client) Delete(ctx context.Context, path string, version int32) error {
	return c.call(ctx, call{verb: verbDelete, path: path, version: version}).err
}

func (c *client) Exists(ctx context.Context, path string) (zkapi.Stat, bool, error) {
	a := c.call(ctx, call{verb: verbExists, path: path})
	return a.stat, a.ok, a.err
}

func (c *client) ExistsW(ctx context.Context, path string) (zkapi.Stat, bool, <-chan zkapi.Event, error) {
	a := c.call(ctx, call{verb: verbExistsW, path: path})
	return a.stat, a.ok, a.events, a.err
}

func (c *client) Get(ctx context.Context, path string) ([]byte, zkapi.Stat, error) {
	a := c.call(ctx, call{verb: verbGet, path: path})
	return a.data, a.stat, a.err
}

func (c *client) GetW(ctx context.Context, path string) ([]byte, zkapi.Stat, <-chan zkapi.Event, error) {
	a := c.call(ctx, call{verb: verbGetW, path: path})
	return a.data, a.stat, a.events, a.err
}

func (c *client) Set(ctx context.Context, path string, data []byte, version int32) (zkapi.Stat, error) {
	a := c.call(ctx, call{verb: verbSet, path: path, data: data, version: version})
	return a.stat, a.err
}

func (c *client) GetACL(ctx context.Context, path string) ([]zkapi.ACL, zkapi.Stat, error) {
	a := c.call(ctx, call{verb: verbGetACL, path: path})
	return a.acl, a.stat, a.err
}

func (c *client) SetACL(ctx context.Context, path string, acl []zkapi.ACL, version int32) (zkapi.Stat, error) {
	a := c.call(ctx, call{verb: verbSetACL, path: path, acl: acl, version: version})
	return a.stat, a.err
}

func (c *client) Children(ctx context.Context, path string) ([]string, zkapi.Stat, error) {
	a := c.call(ctx, call{verb: verbChildren, path: path})
	return a.names, a.stat, a.err
}

func (c *client) ChildrenW(ctx context.Context, path string) ([]string, zkapi.Stat, <-chan zkapi.Event, error) {
	a := c.call(ctx, call{verb: verbChildrenW, path: path})
	return a.names, a.stat, a.events, a.err
}

func (c *client) AllChildrenNumber(ctx context.Context, path string) (int, error) {
	a := c.call(ctx, call{verb: verbAllChildrenNumber, path: path})
	return a.count, a.err
}

func (c *client) Ephemerals(ctx context.Context, prefix string) ([]string, error) {
	a := c.call(ctx, call{verb: verbEphemerals, path: prefix})
	return a.names, a.err
}

func (c *client) Sync(ctx context.Context, path string) error {
	return c.call(ctx, call{verb: verbSync, path: path}).err
}

func (c *client) Multi(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	a := c.call(ctx, call{verb: verbMulti, ops: ops})
	return a.results, a.err
}

func (c *client) MultiRead(ctx context.Context, ops ...zkapi.Op) ([]zkapi.OpResult, error) {
	a := c.call(ctx, call{verb: verbMultiRead, ops: ops})
	return a.results, a.err
}

func (c *client) AddAuth(ctx context.Context, scheme string, auth []byte) error {
	return c.call(ctx, call{verb: verbAddAuth, path: scheme, data: auth}).err
}

func (c *client) WhoAmI(ctx context.Context) ([]zkapi.ID, error) {
	a := c.call(ctx, call{verb: verbWhoAmI})
	return a.ids, a.err
}

func (c *client) AddWatch(ctx context.Context, path string, mode zkapi.WatchMode) (*zkapi.Stream[zkapi.Event], error) {
	a := c.call(ctx, call{verb: verbAddWatch, path: path, kind: int32(mode)})
	return a.stream, a.err
}

func (c *client) RemoveWatches(ctx context.Context, path string, t zkapi.WatchType) error {
	return c.call(ctx, call{verb: verbRemoveWatches, path: path, kind: int32(t)}).err
}

func (c *client) Reconfig(ctx context.Context, change zkapi.Reconfig) ([]byte, zkapi.Stat, error) {
	a := c.call(ctx, call{verb: verbReconfig, reconfig: change})
	return a.data, a.stat, a.err
}

func (c *client) GetConfig(ctx context.Context) ([]byte, zkapi.Stat, error) {
	return c.Get(ctx, "/zookeeper/config")
}

func (c *client) Close() error { return c.call(context.Background(), call{verb: verbClose}).err }

func (c *client) SessionID() int64                         { return c.inner.SessionID() }
func (c *client) SessionTimeout() time.Duration            { return c.inner.SessionTimeout() }
func (c *client) State() zkapi.State                       { return c.inner.State() }
func (c *client) States() *zkapi.Stream[zkapi.StateChange] { return c.inner.States() }
