package explore

import (
	"fmt"
	"go/format"
	"slices"
	"strings"
	"unicode"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// GoTest is a test in Go that does to a simulated server what the schedule did,
// without the explorer: each participant's operations on a client, in their order,
// what went wrong in between, and what has to come back. The participants' own
// code is not in it, and time does not pass. It is for a package of that name.
func (f *Failure) GoTest(pkg, name string) string {
	g := &generator{f: f}
	g.line("package %s", pkg)
	g.line("import (\n\"testing\"\n\n\"github.com/stretchr/testify/require\"\n\n\"github.com/zksim/zksim/memserver\"\n\"github.com/zksim/zksim/zkapi\"\n)")
	g.line("// %s: %s", name, strings.ReplaceAll(f.Error(), "\n", " "))
	g.line("func %s(t *testing.T) {", name)
	g.line("ctx := t.Context()")
	config := ""
	if slices.ContainsFunc(f.acts, func(a act) bool { return a.operation != nil && a.verb == verbCreateTTL }) {
		config = ", func(c *memserver.Config) { c.ExtendedTypes = true }"
	}
	if f.members > 0 {
		g.line("srv := memserver.RunT(t, func(c *memserver.Config) { c.Members = %d }%s)", f.members, config)
		g.line("on := func(member int) func(*memserver.ClientConfig) { return func(c *memserver.ClientConfig) { c.Member = member } }")
	} else {
		g.line("srv := memserver.RunT(t%s)", config)
	}
	if slices.ContainsFunc(f.first, lasts) || slices.ContainsFunc(f.acts, func(a act) bool { return a.fault == Removal }) {
		at := ""
		if f.members > 0 {
			at = fmt.Sprintf(", on(%d)", f.members)
		}
		g.line("other := srv.ClientT(t%s)", at)
	}
	for _, n := range f.first {
		if lasts(n) {
			g.line("_, err%d := other.Create(ctx, %q, %s, nil, zkapi.Persistent)", g.next(), n.Path, bytesOf(n.Data))
			g.line("require.NoError(t, err%d)", g.n)
		}
	}
	for i, p := range f.names {
		if slices.ContainsFunc(f.acts, func(a act) bool { return a.who == i }) {
			at := ""
			if f.members > 0 {
				at = fmt.Sprintf(", on(%d)", i+1)
			}
			g.line("%s := srv.ClientT(t, memserver.Held%s)", variable(p), at)
		}
	}
	for m := f.seats + 1; m < f.members; m++ {
		g.line("srv.Member(%d).SetLag(memserver.Lag{Hold: true})", m)
	}
	for i := range f.acts {
		g.act(&f.acts[i])
	}
	g.line("}")
	src, err := format.Source([]byte(g.b.String()))
	if err != nil {
		return g.b.String()
	}
	return string(src)
}

func lasts(n memserver.Node) bool { return n.Stat.EphemeralOwner == 0 }

type generator struct {
	f *Failure
	b strings.Builder
	n int
}

func (g *generator) line(format string, args ...any) { fmt.Fprintf(&g.b, format+"\n", args...) }
func (g *generator) next() int                       { g.n++; return g.n }

// variable is the name of a participant's client.
func variable(name string) string {
	v := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '_'
	}, name)
	return "client" + v
}

// act writes down one step.
func (g *generator) act(a *act) {
	who := ""
	if a.who >= 0 {
		who = variable(g.f.names[a.who])
	}
	if a.line < len(g.f.History) && a.fault != LostReply {
		l := g.f.History[a.line]
		g.line("// %d: %s %s", l.Number, l.Who, l.Text)
	}
	switch {
	case a.kind == Ran:
		g.operation(who, a.operation)
	case a.fault == Cut, a.fault == LostReply:
		g.line("%s.Disconnect()", who)
	case a.fault == Expiry:
		g.line("srv.Expire(%s.SessionID())", who)
	case a.fault == Restart:
		g.line("srv.Restart()")
	case a.fault == Removal:
		g.line("require.NoError(t, other.Delete(ctx, %q, zkapi.AnyVersion))", a.path)
	case a.kind == Told:
		g.line("%s.Deliver()", who)
	case a.kind == CameBack:
		if a.member > 0 {
			g.follow(a)
			g.line("%s.ConnectTo(%d)", who, a.member)
		}
		g.line("%s.Reconnect()", who)
	case a.kind == CaughtUp, a.fault == Lag && !a.broken:
		g.follow(a)
	case a.fault == Lag:
		g.line("%s.Disconnect()", who)
	}
}

// follow has a server lag or not, as a step left it.
func (g *generator) follow(a *act) {
	if a.applied > 0 {
		g.line("srv.Member(%d).Apply(%d)", a.member, a.applied)
	}
	switch {
	case !a.late:
		g.line("srv.Member(%d).SetLag(memserver.Lag{})", a.member)
	case a.fault == Lag:
		g.line("srv.Member(%d).SetLag(memserver.Lag{Hold: true})", a.member)
	}
}

func bytesOf(b []byte) string {
	if b == nil {
		return "nil"
	}
	return fmt.Sprintf("[]byte(%q)", b)
}

var modeConstants = map[zkapi.CreateMode]string{zkapi.Persistent: "Persistent", zkapi.Ephemeral: "Ephemeral",
	zkapi.PersistentSequential: "PersistentSequential", zkapi.EphemeralSequential: "EphemeralSequential", zkapi.Container: "Container"}

// operation writes down a call and what has to come of it.
func (g *generator) operation(who string, o *operation) {
	n := g.next()
	q, results := &o.call, "_, "
	args := fmt.Sprintf("ctx, %q", q.path)
	verb := q.verb.String()
	switch q.verb {
	case verbCreate, verbCreate2:
		args += fmt.Sprintf(", %s, nil, zkapi.%s", bytesOf(q.data), modeConstants[q.mode])
		results = fmt.Sprintf("path%d, ", n)
		verb = "Create"
	case verbDelete:
		args, results = args+fmt.Sprintf(", %d", q.version), ""
	case verbSet:
		args += fmt.Sprintf(", %s, %d", bytesOf(q.data), q.version)
	case verbGet, verbChildren:
		results = "_, _, "
	case verbExists:
		results = fmt.Sprintf("_, ok%d, ", n)
	case verbExistsW:
		results = fmt.Sprintf("_, ok%d, _, ", n)
	case verbGetW, verbChildrenW:
		results = "_, _, _, "
	case verbSync:
		results = ""
	case verbMulti:
		args = "ctx" + g.ops(q.ops)
	case verbClose:
		g.line("require.NoError(t, %s.Close())", who)
		return
	default:
		g.line("// %s is left out", o)
		return
	}
	g.line("%serr%d := %s.%s(%s)", results, n, who, verb, args)
	g.check(n, o)
}

func (g *generator) check(n int, o *operation) {
	if o.answer.err != nil {
		g.line("require.Equal(t, zkapi.Code(%d), zkapi.CodeOf(err%d))", zkapi.CodeOf(o.answer.err), n)
	} else {
		g.line("require.NoError(t, err%d)", n)
	}
	switch o.verb {
	case verbCreate, verbCreate2:
		g.line("require.Equal(t, %q, path%d)", o.answer.path, n)
	case verbExists, verbExistsW:
		g.line("require.Equal(t, %v, ok%d)", o.ok, n)
	}
}

func (g *generator) ops(ops []zkapi.Op) (args string) {
	for i := range ops {
		switch o := &ops[i]; o.Type {
		case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer:
			args += fmt.Sprintf(", zkapi.CreateOp(%q, %s, nil, zkapi.%s)", o.Path, bytesOf(o.Data), modeConstants[o.Mode])
		case zkapi.OpDelete:
			args += fmt.Sprintf(", zkapi.DeleteOp(%q, %d)", o.Path, o.Version)
		case zkapi.OpSetData:
			args += fmt.Sprintf(", zkapi.SetOp(%q, %s, %d)", o.Path, bytesOf(o.Data), o.Version)
		case zkapi.OpCheck:
			args += fmt.Sprintf(", zkapi.CheckOp(%q, %d)", o.Path, o.Version)
		}
	}
	return args
}
