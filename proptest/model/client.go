package model

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// client is one client, on both sides: the one of the server under test, and
// what the model knows of it.
type client struct {
	zkapi.Client
	number   int
	states   *zkapi.Stream[zkapi.StateChange]
	session  *session
	ip       netip.Addr
	users    []string // identities of the digest scheme
	watchers []*watcher
	lastZxid int64 // when the connection was lost
	linked   bool
	end      zkapi.State // CLOSED or AUTH_FAILED, once it has ended
}

// outcome is what a request gives, by the model or by the server.
type outcome struct {
	code    zkapi.Code
	err     error // in place of a code, for what is not ZooKeeper's
	path    string
	stat    zkapi.Stat
	found   bool
	data    []byte
	names   []string
	acl     []zkapi.ACL
	anyACL  bool
	ids     []zkapi.ID
	total   int
	results []zkapi.OpResult
	watcher *watcher // what is to receive the events, if a watch was armed
}

func failed(code zkapi.Code) outcome { return outcome{code: code} }

// failure makes an outcome of an error.
func failure(err error) outcome {
	var code zkapi.Code
	if err == nil || errors.As(err, &code) {
		return outcome{code: code}
	}
	for _, known := range []error{zkapi.ErrClosed, errors.ErrUnsupported, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return outcome{err: known}
		}
	}
	return outcome{err: err}
}

// ask performs a request on the server under test.
func (c *client) ask(ctx context.Context, o *request) (out outcome) {
	switch o.op {
	case opCreate, opCreateTTL:
		return c.askCreate(ctx, o)
	case opDelete:
		return failure(c.Delete(ctx, o.path, o.version))
	case opSet:
		stat, err := c.Set(ctx, o.path, o.data, o.version)
		out, out.stat = failure(err), stat
	case opSetACL:
		stat, err := c.SetACL(ctx, o.path, o.acl, o.version)
		out, out.stat = failure(err), stat
	case opGetACL:
		acl, stat, err := c.GetACL(ctx, o.path)
		out, out.acl, out.stat = failure(err), acl, stat
	case opGet, opExists, opChildren:
		return c.askRead(ctx, o)
	case opMulti, opMultiRead:
		return c.askMulti(ctx, o)
	case opAddWatch:
		stream, err := c.AddWatch(ctx, o.path, o.watches)
		if out = failure(err); err == nil {
			kind := persistentWatch
			if o.watches == zkapi.WatchPersistentRecursive {
				kind = recursiveWatch
			}
			out.watcher = &watcher{kind: kind, path: o.path, stream: stream}
		}
	case opRemoveWatches:
		return failure(c.RemoveWatches(ctx, o.path, o.remove))
	case opAllChildrenNumber:
		total, err := c.AllChildrenNumber(ctx, o.path)
		out, out.total = failure(err), total
	case opEphemerals:
		names, err := c.Ephemerals(ctx, o.path)
		out, out.names = failure(err), names
	case opWhoAmI:
		ids, err := c.WhoAmI(ctx)
		out, out.ids = failure(err), ids
	case opAddAuth:
		return failure(c.AddAuth(ctx, o.scheme, o.data))
	case opSync:
		return failure(c.Sync(ctx, o.path))
	case opReconfig:
		_, _, err := c.Reconfig(ctx, zkapi.Reconfig{Leaving: "9", Version: -1})
		return failure(err)
	}
	return out
}

func (c *client) askCreate(ctx context.Context, o *request) (out outcome) {
	var err error
	var path string
	var stat zkapi.Stat
	switch {
	case o.op == opCreateTTL:
		path, stat, err = c.CreateTTL(ctx, o.path, o.data, o.acl, o.mode, time.Duration(o.ttl)*time.Millisecond)
	case o.stat:
		path, stat, err = c.Create2(ctx, o.path, o.data, o.acl, o.mode)
	default:
		path, err = c.Create(ctx, o.path, o.data, o.acl, o.mode)
	}
	out = failure(err)
	out.path, out.stat = path, stat
	return out
}

func (c *client) askRead(ctx context.Context, o *request) (out outcome) {
	var err error
	var ch <-chan zkapi.Event
	kind := dataWatch
	switch {
	case o.op == opGet && o.watch:
		out.data, out.stat, ch, err = c.GetW(ctx, o.path)
	case o.op == opGet:
		out.data, out.stat, err = c.Get(ctx, o.path)
	case o.op == opExists && o.watch:
		if out.stat, out.found, ch, err = c.ExistsW(ctx, o.path); !out.found {
			kind = existWatch
		}
	case o.op == opExists:
		out.stat, out.found, err = c.Exists(ctx, o.path)
	case o.watch:
		kind = childWatch
		out.names, out.stat, ch, err = c.ChildrenW(ctx, o.path)
	default:
		out.names, out.stat, err = c.Children(ctx, o.path)
	}
	if err != nil {
		return failure(err)
	}
	if o.watch {
		out.watcher = &watcher{kind: kind, path: o.path, ch: ch}
	}
	return out
}

func (c *client) askMulti(ctx context.Context, o *request) (out outcome) {
	ops := make([]zkapi.Op, len(o.parts))
	for i := range o.parts {
		ops[i] = o.parts[i].apiOp()
	}
	call := c.Multi
	if o.op == opMultiRead {
		call = c.MultiRead
	}
	results, err := call(ctx, ops...)
	out = failure(err)
	out.results = results
	var at *zkapi.OpError
	if errors.As(err, &at) {
		out.path = at.Path
	}
	return out
}

// predict is what the model says about a request of a connected client.
func (z *zookeeper) predict(c *client, o *request) (out outcome) {
	switch o.op {
	case opCreate, opCreateTTL:
		if out = z.write(c, o, z.create); o.op == opCreate && !o.stat {
			out.stat = zkapi.Stat{}
		}
	case opDelete:
		out = z.write(c, o, z.delete)
	case opSet:
		out = z.write(c, o, z.set)
	case opSetACL:
		out = z.write(c, o, z.setACL)
	case opReconfig:
		z.begin()
		out = failed(zkapi.ErrReconfigDisabled)
	case opMulti:
		z.begin()
		out = z.multi(c, o.parts)
		z.commit(false)
	case opMultiRead:
		out = z.multiRead(c, o.parts)
	case opGet:
		out = z.getData(c, o)
	case opExists:
		out = z.exists(c, o)
	case opChildren:
		out = z.getChildren(c, o)
	case opGetACL:
		out = z.getACL(c, o)
	case opAllChildrenNumber:
		if _, code := z.readable(c, o.path, zkapi.PermRead); code != 0 {
			return failed(code)
		}
		out = outcome{total: z.below(o.path)}
	case opEphemerals:
		out = z.getEphemerals(c, o.path)
	case opWhoAmI:
		out = outcome{ids: []zkapi.ID{{Scheme: "ip", User: c.ip.String()}}}
		for _, user := range c.users {
			name, _, _ := strings.Cut(user, ":")
			out.ids = append(out.ids, zkapi.ID{Scheme: "digest", User: name})
		}
	case opAddAuth:
		if o.scheme != "digest" {
			return failed(zkapi.ErrAuthFailed)
		}
		if id := zkapi.DigestID(string(o.data)); !slices.Contains(c.users, id) {
			c.users = append(c.users, id)
		}
	case opAddWatch:
		m := persistent
		if o.watches == zkapi.WatchPersistentRecursive {
			m = recursive
		}
		z.armPersistent(c, o.path, m)
	case opRemoveWatches:
		out = failed(z.removeWatches(c, o.path, o.remove))
		if out.code == 0 {
			c.forgetWatches(o.path, o.remove)
		}
	}
	return out
}

func (z *zookeeper) write(c *client, o *request, f func(*client, *request) outcome) outcome {
	z.begin()
	out := f(c, o)
	z.commit(false)
	return out
}

// compare tells how the server's outcome differs from the model's.
func (m *machine) compare(o *request, got, want *outcome) string {
	switch {
	case got.err != nil || want.err != nil:
		if got.err == nil || want.err == nil || !errors.Is(got.err, want.err) {
			return fmt.Sprintf("it gives %v, the model %v", got, want)
		}
		return ""
	case got.code != want.code:
		return fmt.Sprintf("it gives %v, the model %v", got, want)
	case got.path != want.path && (o.op != opMulti || want.results != nil):
		return fmt.Sprintf("it gives the path %q, the model %q", got.path, want.path)
	}
	if o.op == opMulti || o.op == opMultiRead {
		return m.compareResults(got.results, want.results)
	}
	if got.code != 0 {
		return ""
	}
	switch {
	case got.found != want.found:
		return fmt.Sprintf("it says %v, the model %v", printFound(got.found), printFound(want.found))
	case !sameData(got.data, want.data):
		return fmt.Sprintf("it gives the data %s, the model %s", printData(got.data), printData(want.data))
	case !sameSet(got.names, want.names):
		return fmt.Sprintf("it gives the names %q, the model %q", sorted(got.names), sorted(want.names))
	case got.total != want.total:
		return fmt.Sprintf("it counts %d, the model %d", got.total, want.total)
	case !slices.Equal(got.acl, want.acl) && !(want.anyACL && sameACL(got.acl, want.acl)):
		return fmt.Sprintf("it gives the ACL %s, the model %s", printACL(got.acl), printACL(want.acl))
	case len(got.ids) != len(want.ids) || !sameIDs(got.ids, want.ids):
		return fmt.Sprintf("it gives the identities %v, the model %v", got.ids, want.ids)
	}
	return m.compareStat(&got.stat, &want.stat)
}

func (m *machine) compareResults(got, want []zkapi.OpResult) string {
	if len(got) != len(want) {
		return fmt.Sprintf("it gives %d results, the model %d", len(got), len(want))
	}
	for i := range want {
		g, w := &got[i], &want[i]
		part := fmt.Sprintf("part %d: ", i+1)
		switch {
		case zkapi.CodeOf(g.Err) != zkapi.CodeOf(w.Err):
			return part + fmt.Sprintf("it gives %s, the model %s", zkapi.CodeOf(g.Err).Name(), zkapi.CodeOf(w.Err).Name())
		case g.Type != w.Type:
			return part + fmt.Sprintf("it gives the type %v, the model %v", g.Type, w.Type)
		case g.Path != w.Path:
			return part + fmt.Sprintf("it gives the path %q, the model %q", g.Path, w.Path)
		case !sameData(g.Data, w.Data):
			return part + fmt.Sprintf("it gives the data %s, the model %s", printData(g.Data), printData(w.Data))
		case !sameSet(g.Children, w.Children):
			return part + fmt.Sprintf("it gives the names %q, the model %q", sorted(g.Children), sorted(w.Children))
		}
		if text := m.compareStat(&g.Stat, &w.Stat); text != "" {
			return part + text
		}
	}
	return ""
}

// compareStat compares all but the times, which the model may know only from
// what the server has said before of the same transactions.
func (m *machine) compareStat(got, want *zkapi.Stat) string {
	w := *want
	if w != (zkapi.Stat{}) {
		w.Ctime, w.Mtime = m.timeOf(w.Czxid, got.Ctime), m.timeOf(w.Mzxid, got.Mtime)
	}
	if *got == w {
		return ""
	}
	fields := []struct {
		name      string
		got, want int64
	}{
		{"Czxid", got.Czxid - m.base, w.Czxid - m.base}, {"Mzxid", got.Mzxid - m.base, w.Mzxid - m.base},
		{"Pzxid", got.Pzxid - m.base, w.Pzxid - m.base},
		{"Version", int64(got.Version), int64(w.Version)}, {"Cversion", int64(got.Cversion), int64(w.Cversion)},
		{"Aversion", int64(got.Aversion), int64(w.Aversion)}, {"DataLength", int64(got.DataLength), int64(w.DataLength)},
		{"NumChildren", int64(got.NumChildren), int64(w.NumChildren)},
		{"EphemeralOwner", m.sessionNumber(got.EphemeralOwner), m.sessionNumber(w.EphemeralOwner)},
		{"Ctime", got.Ctime - w.Ctime, 0}, {"Mtime", got.Mtime - w.Mtime, 0},
	}
	for _, f := range fields {
		if f.got != f.want {
			return fmt.Sprintf("%s is %d, in the model %d", f.name, f.got, f.want)
		}
	}
	return "Stat differs"
}

// timeOf is the time of a transaction. Without a clock it is learnt from the
// first Stat that shows it: every transaction has one time, and later ones none before.
func (m *machine) timeOf(zxid, told int64) int64 {
	if ms, ok := m.z.times[zxid]; ok {
		return ms
	}
	if d := time.Since(time.UnixMilli(told)); d < -m.cfg.ClockError || d > m.cfg.ClockError {
		return told + 1
	}
	for other, ms := range m.z.times {
		if ms != 0 && (other < zxid && ms > told || other > zxid && ms < told) {
			return told + 1
		}
	}
	m.z.times[zxid] = told
	return told
}

func printFound(found bool) string {
	if found {
		return "that the node exists"
	}
	return "that there is no such node"
}

func sameData(a, b []byte) bool { return (a == nil) == (b == nil) && string(a) == string(b) }

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

// sameSet compares two lists whose order is left open. It sorts them.
func sameSet(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) > 1 {
		a, b = slices.Clone(a), slices.Clone(b)
		slices.Sort(a)
		slices.Sort(b)
	}
	return slices.Equal(a, b)
}

func sameACL(a, b []zkapi.ACL) bool {
	order := func(x, y zkapi.ACL) int { return cmp.Or(cmp.Compare(x.ID, y.ID), cmp.Compare(x.Perms, y.Perms)) }
	return slices.Equal(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order))
}

func sameIDs(a, b []zkapi.ID) bool {
	order := func(x, y zkapi.ID) int { return cmp.Or(cmp.Compare(x.Scheme, y.Scheme), cmp.Compare(x.User, y.User)) }
	return slices.Equal(slices.SortedFunc(slices.Values(a), order), slices.SortedFunc(slices.Values(b), order))
}
