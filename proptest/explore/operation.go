package explore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
)

// verb is one of the calls that a participant can wait in.
type verb int

const (
	verbPause verb = iota // no call of the client: Participant.Pause
	verbCreate
	verbCreate2
	verbCreateTTL
	verbDelete
	verbSet
	verbSetACL
	verbMulti
	verbClose
	verbReconfig // the last one that writes
	verbExists
	verbExistsW
	verbGet
	verbGetW
	verbChildren
	verbChildrenW
	verbGetACL
	verbAllChildrenNumber
	verbEphemerals
	verbSync
	verbMultiRead
	verbAddAuth
	verbWhoAmI
	verbAddWatch
	verbRemoveWatches
	verbConnect // the handshake of a connection over the wire
	verbOther   // of the client's own making, over the wire
)

var verbNames = [...]string{"pause", "Create", "Create2", "CreateTTL", "Delete", "Set", "SetACL", "Multi", "Close",
	"Reconfig", "Exists", "ExistsW", "Get", "GetW", "Children", "ChildrenW", "GetACL", "AllChildrenNumber",
	"Ephemerals", "Sync", "MultiRead", "AddAuth", "WhoAmI", "AddWatch", "RemoveWatches", "connect", "other"}

func (v verb) String() string { return verbNames[v] }

func (v verb) writes() bool { return v >= verbCreate && v <= verbReconfig }

// call is what was asked for. Fields that the verb has no use for are zero.
type call struct {
	verb     verb
	path     string // of a pause: what the participant says it is doing
	data     []byte
	acl      []zkapi.ACL
	mode     zkapi.CreateMode
	ttl      time.Duration
	version  int32
	ops      []zkapi.Op
	kind     int32 // of a watch
	reconfig zkapi.Reconfig
}

// answer is what came back.
type answer struct {
	path    string
	stat    zkapi.Stat
	ok      bool
	data    []byte
	acl     []zkapi.ACL
	names   []string
	count   int
	results []zkapi.OpResult
	ids     []zkapi.ID
	events  <-chan zkapi.Event
	stream  *zkapi.Stream[zkapi.Event]
	err     error
}

// operation is a call under way.
type operation struct {
	call
	answer
	ctx       context.Context
	done      chan struct{} // gets a token when there is an answer
	abandoned bool          // the context has ended: nobody waits for the answer
	place     int           // among the calls of its participant, when it was done

	// Of a request over the wire.
	frame []byte
	xid   int32
	code  zkapi.OpCode
}

func (o *operation) fail(err error) {
	o.answer = answer{err: &zkapi.OpError{Op: o.verb.String(), Path: o.call.path, Err: err}}
}

// perform does it on the server, now.
func (o *operation) perform(c zkapi.Client) {
	ctx, q, a := o.ctx, &o.call, &o.answer
	if o.abandoned {
		ctx = context.WithoutCancel(ctx)
	}
	switch q.verb {
	case verbPause:
	case verbCreate:
		a.path, a.err = c.Create(ctx, q.path, q.data, q.acl, q.mode)
	case verbCreate2:
		a.path, a.stat, a.err = c.Create2(ctx, q.path, q.data, q.acl, q.mode)
	case verbCreateTTL:
		a.path, a.stat, a.err = c.CreateTTL(ctx, q.path, q.data, q.acl, q.mode, q.ttl)
	case verbDelete:
		a.err = c.Delete(ctx, q.path, q.version)
	case verbSet:
		a.stat, a.err = c.Set(ctx, q.path, q.data, q.version)
	case verbSetACL:
		a.stat, a.err = c.SetACL(ctx, q.path, q.acl, q.version)
	case verbMulti:
		a.results, a.err = c.Multi(ctx, q.ops...)
	case verbMultiRead:
		a.results, a.err = c.MultiRead(ctx, q.ops...)
	case verbClose:
		a.err = c.Close()
	case verbReconfig:
		a.data, a.stat, a.err = c.Reconfig(ctx, q.reconfig)
	default:
		o.read(ctx, c)
	}
}

func (o *operation) read(ctx context.Context, c zkapi.Client) {
	q, a := &o.call, &o.answer
	switch q.verb {
	case verbExists:
		a.stat, a.ok, a.err = c.Exists(ctx, q.path)
	case verbExistsW:
		a.stat, a.ok, a.events, a.err = c.ExistsW(ctx, q.path)
	case verbGet:
		a.data, a.stat, a.err = c.Get(ctx, q.path)
	case verbGetW:
		a.data, a.stat, a.events, a.err = c.GetW(ctx, q.path)
	case verbChildren:
		a.names, a.stat, a.err = c.Children(ctx, q.path)
	case verbChildrenW:
		a.names, a.stat, a.events, a.err = c.ChildrenW(ctx, q.path)
	case verbGetACL:
		a.acl, a.stat, a.err = c.GetACL(ctx, q.path)
	case verbAllChildrenNumber:
		a.count, a.err = c.AllChildrenNumber(ctx, q.path)
	case verbEphemerals:
		a.names, a.err = c.Ephemerals(ctx, q.path)
	case verbSync:
		a.err = c.Sync(ctx, q.path)
	case verbAddAuth:
		a.err = c.AddAuth(ctx, q.path, q.data)
	case verbWhoAmI:
		a.ids, a.err = c.WhoAmI(ctx)
	case verbAddWatch:
		a.stream, a.err = c.AddWatch(ctx, q.path, zkapi.WatchMode(q.kind))
	case verbRemoveWatches:
		a.err = c.RemoveWatches(ctx, q.path, zkapi.WatchType(q.kind))
	}
}

func (q *call) digest(d *digest) {
	d.int(int(q.verb))
	d.text(q.path)
	d.bytes(q.data)
	d.int(int(q.mode))
	d.word(uint64(q.ttl))
	d.int(int(q.version))
	d.int(int(q.kind))
	d.int(len(q.ops))
	for i := range q.ops {
		o := &q.ops[i]
		d.int(int(o.Type))
		d.text(o.Path)
		d.bytes(o.Data)
		d.int(int(o.Mode))
		d.int(int(o.Version))
	}
}

func (a *answer) digest(d *ledger) {
	d.text(a.path)
	stat(d, &a.stat)
	d.flag(a.ok)
	d.bytes(a.data)
	d.int(a.count)
	d.int(len(a.names))
	for _, name := range a.names {
		d.text(name)
	}
	acls(d, a.acl)
	d.int(len(a.ids))
	for _, x := range a.ids {
		d.text(x.Scheme)
		d.text(x.User)
	}
	d.int(len(a.results))
	for i := range a.results {
		r := &a.results[i]
		d.text(r.Path)
		stat(d, &r.Stat)
		d.bytes(r.Data)
		d.text(strings.Join(r.Children, "/"))
		fault(&d.digest, r.Err)
	}
	fault(&d.digest, a.err)
}

func acls(l *ledger, list []zkapi.ACL) {
	l.int(len(list))
	for _, x := range list {
		l.int(int(x.Perms))
		l.text(x.Scheme)
		l.text(x.ID)
	}
}

func stat(l *ledger, s *zkapi.Stat) {
	some := *s != zkapi.Stat{} // of the root, too, of which the zxid of the creation is 0
	if l.flag(some); !some {
		return
	}
	for _, id := range [...]int64{s.Czxid, s.Mzxid, s.Pzxid, s.EphemeralOwner} {
		l.mark(id)
	}
	for _, x := range [...]int64{s.Ctime, s.Mtime, int64(s.Version), int64(s.Cversion), int64(s.Aversion), int64(s.NumChildren), int64(s.DataLength)} {
		l.word(uint64(x))
	}
}

func fault(d *digest, err error) {
	if err != nil {
		d.int(int(zkapi.CodeOf(err)))
	}
}

// String is the call in words: "Create /lock/n- ephemeral sequential".
func (q *call) String() string {
	var b strings.Builder
	b.WriteString(q.verb.String())
	if q.path != "" {
		b.WriteString(" " + q.path)
	}
	switch q.verb {
	case verbPause:
		return q.path
	case verbConnect:
		return "connects"
	case verbCreate, verbCreate2, verbCreateTTL:
		b.WriteString(" " + modeName(q.mode))
	case verbMulti, verbMultiRead:
		for i := range q.ops {
			b.WriteString([2]string{" [", "; "}[min(i, 1)] + describe(&q.ops[i]))
		}
		if len(q.ops) == 0 {
			b.WriteString(" [")
		}
		b.WriteString("]")
	}
	if q.data != nil && q.verb != verbAddAuth {
		b.WriteString(" " + quote(q.data))
	}
	if q.verb == verbDelete || q.verb == verbSet {
		b.WriteString(ifVersion(q.version))
	}
	return b.String()
}

// quote is data as it is told: all of it, or how it begins.
func quote(data []byte) string {
	const most = 100
	if len(data) <= most {
		return fmt.Sprintf("%q", data)
	}
	return fmt.Sprintf("%q... (%d bytes)", data[:most], len(data))
}

// String is the operation in words.
func (o *operation) String() string {
	if o.verb == verbOther {
		return o.code.String()
	}
	return o.call.String()
}

func ifVersion(v int32) string {
	if v == zkapi.AnyVersion {
		return ""
	}
	return fmt.Sprintf(" if version %d", v)
}

func describe(o *zkapi.Op) string {
	s := o.Type.String() + " " + o.Path
	switch o.Type {
	case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer, zkapi.OpCreateTTL:
		s += " " + modeName(o.Mode)
	case zkapi.OpDelete, zkapi.OpSetData, zkapi.OpCheck:
		s += ifVersion(o.Version)
	}
	return s
}

var modeNames = map[zkapi.CreateMode]string{zkapi.Persistent: "persistent", zkapi.Ephemeral: "ephemeral",
	zkapi.PersistentSequential: "persistent sequential", zkapi.EphemeralSequential: "ephemeral sequential",
	zkapi.Container: "container", zkapi.PersistentTTL: "TTL", zkapi.PersistentSequentialTTL: "TTL sequential"}

func modeName(m zkapi.CreateMode) string { return modeNames[m] }

// result is the answer in words.
func (o *operation) result() string {
	a := &o.answer
	if a.err != nil {
		return reason(a.err)
	}
	switch o.verb {
	case verbCreate, verbCreate2, verbCreateTTL:
		return a.path
	case verbExists, verbExistsW:
		if !a.ok {
			return "there is none"
		}
		return fmt.Sprintf("it exists, version %d", a.stat.Version)
	case verbGet, verbGetW:
		return fmt.Sprintf("%s, version %d", quote(a.data), a.stat.Version)
	case verbChildren, verbChildrenW, verbEphemerals:
		return "[" + strings.Join(slices.Sorted(slices.Values(a.names)), " ") + "]"
	case verbSet, verbSetACL:
		return fmt.Sprintf("version %d", a.stat.Version)
	case verbAllChildrenNumber:
		return fmt.Sprint(a.count)
	case verbMulti, verbMultiRead:
		var made []string
		for _, r := range a.results {
			if r.Path != "" {
				made = append(made, r.Path)
			}
		}
		return strings.TrimSpace("done " + strings.Join(made, " "))
	}
	return "done"
}

// reason is why an operation failed, without what it was.
func reason(err error) string {
	if code := zkapi.CodeOf(err); code != zkapi.ErrSystem {
		return code.Error()
	}
	return err.Error()
}
