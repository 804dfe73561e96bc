package explore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// Elsewhere is another server, for Compare. Of the functions only Connect must be
// there; schedules that need one that is nil cannot be compared, nor those in which
// a server lags.
type Elsewhere struct {
	Connect    func(ctx context.Context) (zkapi.Client, error)
	Expire     func(ctx context.Context, session int64) error
	Disconnect func(ctx context.Context, session int64) error
	Restart    func(ctx context.Context) error

	// Ensemble says that clients are connected to several servers, of which each is as
	// new as it happens to be: before they read or wait for an event they call Sync.
	Ensemble bool
}

// Compare has another server, which has to be empty, do what the schedule's server
// has done: each participant's operations by a client, in the same order, and what
// went wrong. It fails with the first reply or event that is different: codes,
// paths, data, versions, names of children; zxids and times are the server's own.
// Clients come back as soon as they can, and not when the schedule had them.
func (f *Failure) Compare(ctx context.Context, e Elsewhere) error {
	c := &comparison{f: f, Elsewhere: e, armed: make(map[int][]armed), sessions: make(map[int]int64)}
	defer c.close()
	if err := c.furnish(ctx); err != nil {
		return err
	}
	for i := range f.acts {
		if err := c.act(ctx, &f.acts[i]); err != nil {
			return fmt.Errorf("step %d: %w", f.History[f.acts[i].line].Number, err)
		}
	}
	return nil
}

// comparison is one run of Compare.
type comparison struct {
	f *Failure
	Elsewhere
	third    zkapi.Client
	clients  []zkapi.Client
	armed    map[int][]armed // by participant
	sessions map[int]int64   // that have expired, and their clients may not know yet
}

// armed is a one-shot watch.
type armed struct {
	path  string
	child bool
	ch    <-chan zkapi.Event
}

func (c *comparison) furnish(ctx context.Context) (err error) {
	if c.third, err = c.Connect(ctx); err != nil {
		return err
	}
	for i := range c.f.first {
		if err := c.node(ctx, &c.f.first[i]); err != nil {
			return err
		}
	}
	for _, n := range slices.Backward(c.f.first) { // nobody may be kept from making what is below
		if err := c.acl(ctx, &n); err != nil {
			return err
		}
	}
	for range c.f.names {
		client, err := c.Connect(ctx)
		if err != nil {
			return err
		}
		c.clients = append(c.clients, client)
	}
	return nil
}

// node makes one that was there before, with its counters.
func (c *comparison) node(ctx context.Context, n *memserver.Node) (err error) {
	switch {
	case n.Stat.EphemeralOwner != 0:
		_, err = c.third.Create(ctx, n.Path, n.Data, nil, zkapi.Ephemeral)
	case n.TTL > 0:
		_, _, err = c.third.CreateTTL(ctx, n.Path, n.Data, nil, zkapi.PersistentTTL, n.TTL)
	case n.Container:
		_, err = c.third.Create(ctx, n.Path, n.Data, nil, zkapi.Container)
	default:
		_, err = c.third.Create(ctx, n.Path, n.Data, nil, zkapi.Persistent)
	}
	counters := countersOf(n)
	for range counters.Version {
		if err == nil {
			_, err = c.third.Set(ctx, n.Path, n.Data, zkapi.AnyVersion)
		}
	}
	for range counters.Creations - children(c.f.first, n.Path) {
		if err == nil {
			_, err = c.third.Create(ctx, zkapi.Join(n.Path, "counted"), nil, nil, zkapi.Persistent)
		}
		if err == nil {
			err = c.third.Delete(ctx, zkapi.Join(n.Path, "counted"), zkapi.AnyVersion)
		}
	}
	return err
}

// acl restricts a node as it was.
func (c *comparison) acl(ctx context.Context, n *memserver.Node) (err error) {
	for range n.Stat.Aversion - 1 {
		if err == nil {
			_, err = c.third.SetACL(ctx, n.Path, zkapi.OpenACL(), zkapi.AnyVersion)
		}
	}
	if err == nil && (n.Stat.Aversion > 0 || aclOf(n.ACL) != "nil") {
		_, err = c.third.SetACL(ctx, n.Path, n.ACL, zkapi.AnyVersion)
	}
	return err
}

func (c *comparison) close() {
	for _, client := range append(c.clients, c.third) {
		if client != nil {
			_ = client.Close()
		}
	}
}

// act does one step.
func (c *comparison) act(ctx context.Context, a *act) error {
	switch {
	case a.kind == Ran && a.up && a.verb != verbPause && a.verb != verbConnect:
		return c.operation(ctx, a)
	case a.kind == Told && a.event.Type != 0:
		return c.event(ctx, a)
	case a.fault == Lag:
		return errors.ErrUnsupported // a server cannot be told to be behind
	case a.kind == CameBack:
		return c.back(ctx, a.who)
	case a.fault == Cut, a.fault == LostReply:
		return do(ctx, c.Disconnect, c.clients[a.who].SessionID())
	case a.fault == Expiry:
		c.sessions[a.who] = c.clients[a.who].SessionID()
		return do(ctx, c.Expire, c.clients[a.who].SessionID())
	case a.fault == Restart:
		return do(ctx, func(ctx context.Context, _ int64) error { return c.Restart(ctx) }, 0)
	case a.fault == Removal:
		return c.third.Delete(ctx, a.path, zkapi.AnyVersion)
	}
	return nil
}

func do(ctx context.Context, f func(context.Context, int64) error, session int64) error {
	if f == nil {
		return errors.ErrUnsupported
	}
	return f(ctx, session)
}

// back waits until a client is connected, in another session if its last one has expired.
func (c *comparison) back(ctx context.Context, who int) error {
	client := c.clients[who]
	if held, ok := client.(interface{ Reconnect() }); ok {
		held.Reconnect()
	}
	states := client.States()
	defer states.Close()
	if client.SessionID() == c.sessions[who] {
		_ = c.sync(ctx, client) // its server may not have heard of that
	}
	for client.State() != zkapi.StateConnected || client.SessionID() == c.sessions[who] {
		if _, err := states.Next(ctx); err != nil {
			return err
		}
	}
	return nil
}

// sync has a client's server catch up with the others.
func (c *comparison) sync(ctx context.Context, client zkapi.Client) error {
	if !c.Ensemble {
		return nil
	}
	return client.Sync(ctx, "/")
}

// operation does one and compares what comes back.
func (c *comparison) operation(ctx context.Context, a *act) error {
	if err := c.back(ctx, a.who); err != nil {
		return err
	}
	if a.verb >= verbExists {
		if err := c.sync(ctx, c.clients[a.who]); err != nil {
			return err
		}
	}
	o := operation{call: a.operation.call, ctx: ctx}
	o.perform(c.clients[a.who])
	if o.events != nil {
		c.armed[a.who] = append(c.armed[a.who], armed{o.call.path, o.verb == verbChildrenW, o.events})
	}
	if want, got := a.operation.essence(), o.essence(); want != got {
		return fmt.Errorf("%s %s: %s here, %s elsewhere", c.f.names[a.who], a.operation, want, got)
	}
	return nil
}

// essence is what must be the same of an answer on every server.
func (o *operation) essence() string {
	a := &o.answer
	names := slices.Sorted(slices.Values(a.names))
	s := &a.stat
	return fmt.Sprintf("%v %s %q %v %v version %d.%d.%d, %d children", zkapi.CodeOf(a.err), a.path, a.data, names, a.ok, s.Version, s.Cversion, s.Aversion, s.NumChildren)
}

// event waits for an event as the participant had it.
func (c *comparison) event(ctx context.Context, a *act) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	watches := c.armed[a.who]
	i := slices.IndexFunc(watches, func(w armed) bool {
		return w.path == a.event.Path && (a.event.Type == zkapi.EventNodeDeleted || w.child == (a.event.Type == zkapi.EventNodeChildrenChanged))
	})
	if i < 0 {
		return nil // of a stream, or of a watch that was given up
	}
	c.armed[a.who] = slices.Delete(slices.Clone(watches), i, i+1)
	_ = c.sync(ctx, c.clients[a.who])
	select {
	case ev := <-watches[i].ch:
		if ev.Type != a.event.Type {
			return fmt.Errorf("%s is told %s %s here, %s elsewhere", c.f.names[a.who], a.event.Type, a.event.Path, ev.Type)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s is told %s %s here, and nothing elsewhere", c.f.names[a.who], a.event.Type, a.event.Path)
	}
}
