package explore

import (
	"fmt"
	"go/format"
	"maps"
	"regexp"
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
	g := &generator{f: f, clients: make(map[int]string), before: f.first}
	for i := range g.before {
		if g.n++; aclOf(g.before[i].ACL) != "nil" {
			g.n++
		}
	}
	for i := range f.acts {
		g.act(&f.acts[i])
	}
	acts := g.b.String()
	g.b.Reset()
	g.furnish(prose.ReplaceAllString(acts, ""))
	body := g.b.String() + acts
	code := prose.ReplaceAllString(body, "") // which uses what it imports and declares

	g.b.Reset()
	g.line("package %s", pkg)
	g.line("import (\n\"testing\"\n")
	for _, path := range []string{"github.com/stretchr/testify/require", "", "github.com/zksim/zksim/memserver", "github.com/zksim/zksim/zkapi"} {
		switch used := strings.Contains(code, path[strings.LastIndex(path, "/")+1:]+"."); {
		case path == "":
			g.line("")
		case used:
			g.line("%q", path)
		}
	}
	g.line(")")
	g.line("// %s: %s", name, oneLine(f.Error()))
	g.line("func %s(t *testing.T) {", name)
	if strings.Contains(code, "(ctx") {
		g.line("ctx := t.Context()")
	}
	g.b.WriteString(body)
	g.line("}")
	src, err := format.Source([]byte(g.b.String()))
	if err != nil {
		return g.b.String()
	}
	return string(src)
}

// prose is comments and literals.
var prose = regexp.MustCompile(`(?m)^//.*|"(?:\\.|[^"\\])*"`)

// furnish writes down what there is before: the server, what others have left on it, the clients. acts is what is done then.
func (g *generator) furnish(acts string) {
	f, config, srv := g.f, "", "_ ="
	if strings.Contains(acts, "TTL") || slices.ContainsFunc(g.before, func(n memserver.Node) bool { return n.TTL > 0 }) {
		config = ", func(c *memserver.Config) { c.ExtendedTypes = true }"
	}
	if f.members > 0 {
		config = fmt.Sprintf(", func(c *memserver.Config) { c.Members = %d }", f.members) + config
	}
	others := len(g.before) > 0 || strings.Contains(acts, "other.")
	anybody := others || len(g.clients) > 0
	if anybody || strings.Contains(acts, "srv.") || f.members > f.seats {
		srv = "srv :="
	}
	g.line("%s memserver.RunT(t%s)", srv, config)
	if f.members > 0 && anybody {
		g.line("on := func(member int) func(*memserver.ClientConfig) { return func(c *memserver.ClientConfig) { c.Member = member } }")
	}
	if others {
		at := ""
		if f.members > 0 {
			at = fmt.Sprintf(", on(%d)", f.members)
		}
		g.line("other := srv.ClientT(t%s)", at)
	}
	g.furniture()
	for i := range f.names {
		if client, ok := g.clients[i]; ok {
			at := ""
			if f.members > 0 {
				at = fmt.Sprintf(", on(%d)", i+1)
			}
			g.line("%s := srv.ClientT(t, memserver.Held%s)", client, at)
		}
	}
	for m := f.seats + 1; m < f.members; m++ {
		g.line("srv.Member(%d).SetLag(memserver.Lag{Hold: true})", m)
	}
}

// furniture writes down the nodes.
func (g *generator) furniture() {
	for i := range g.before {
		g.node(i+1, &g.before[i])
	}
	number := len(g.before)
	for _, n := range slices.Backward(g.before) { // nobody may be kept from making what is below
		if acl := aclOf(n.ACL); acl != "nil" {
			number++
			g.line("_, err%d := other.SetACL(ctx, %q, %s, zkapi.AnyVersion)", number, n.Path, acl)
			g.line("require.NoError(t, err%d)", number)
		}
	}
	for i := range g.before {
		g.count(&g.before[i])
	}
	if g.f.root != nil {
		g.count(g.f.root)
	}
}

// node writes down one that was there before. Whose ephemeral node it is has not gone yet.
func (g *generator) node(i int, n *memserver.Node) {
	switch args := fmt.Sprintf("ctx, %q, %s, nil", n.Path, bytesOf(n.Data)); {
	case n.Stat.EphemeralOwner != 0:
		g.line("_, err%d := other.Create(%s, zkapi.Ephemeral)", i, args)
	case n.TTL > 0:
		g.line("_, _, err%d := other.CreateTTL(%s, zkapi.PersistentTTL, %d)", i, args, n.TTL)
	case n.Container:
		g.line("_, err%d := other.Create(%s, zkapi.Container)", i, args)
	default:
		g.line("_, err%d := other.Create(%s, zkapi.Persistent)", i, args)
	}
	g.line("require.NoError(t, err%d)", i)
}

// count has a node's counters go on where they were, sequential nodes below among them.
func (g *generator) count(n *memserver.Node) {
	c, now := countersOf(n), memserver.Counters{Creations: children(g.before, n.Path)}
	if n.Path != "/" && aclOf(n.ACL) != "nil" {
		now.Aversion = 1
	}
	if c != now {
		g.line("require.NoError(t, srv.SetCounters(%q, memserver.Counters{Version: %d, Creations: %d, Aversion: %d}))",
			n.Path, c.Version, c.Creations, c.Aversion)
	}
}

func countersOf(n *memserver.Node) memserver.Counters {
	return memserver.Counters{Version: n.Stat.Version, Creations: (n.Stat.Cversion + n.Stat.NumChildren) / 2, Aversion: n.Stat.Aversion}
}

// children counts those of a path.
func children(nodes []memserver.Node, path string) (n int32) {
	for _, other := range nodes {
		if zkapi.Parent(other.Path) == path {
			n++
		}
	}
	return n
}

type generator struct {
	f       *Failure
	b       strings.Builder
	n       int
	before  []memserver.Node // what was there
	clients map[int]string   // by participant, of those who do something
}

func (g *generator) line(format string, args ...any) { fmt.Fprintf(&g.b, format+"\n", args...) }
func (g *generator) next() int                       { g.n++; return g.n }

// client is the variable of a participant's client.
func (g *generator) client(who int) string {
	if v, ok := g.clients[who]; ok {
		return v
	}
	v := "client" + strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return '_'
	}, g.f.names[who])
	for slices.Contains(slices.Collect(maps.Values(g.clients)), v) {
		v += "_"
	}
	g.clients[who] = v
	return v
}

// oneLine is a text as it may be in a comment.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// act writes down one step.
func (g *generator) act(a *act) {
	if a.line < len(g.f.History) && a.fault != LostReply {
		l := g.f.History[a.line]
		g.line("// %d: %s %s", l.Number, oneLine(l.Who), oneLine(l.Text))
	}
	switch {
	case a.kind == Ran:
		g.operation(a.who, a.operation)
	case a.fault == Cut, a.fault == LostReply:
		g.line("%s.Disconnect()", g.client(a.who))
	case a.fault == Expiry:
		g.line("srv.Expire(%s.SessionID())", g.client(a.who))
	case a.fault == Restart:
		g.line("srv.Restart()")
	case a.fault == Removal:
		g.line("require.NoError(t, other.Delete(ctx, %q, zkapi.AnyVersion))", a.path)
	case a.kind == Told:
		g.line("%s.Deliver()", g.client(a.who))
	case a.kind == CameBack:
		if a.member > 0 {
			g.follow(a)
			g.line("%s.ConnectTo(%d)", g.client(a.who), a.member)
		}
		g.line("%s.Reconnect()", g.client(a.who))
	case a.kind == CaughtUp, a.fault == Lag && !a.broken:
		g.follow(a)
	case a.fault == Lag:
		g.line("%s.Disconnect()", g.client(a.who))
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

func aclOf(acl []zkapi.ACL) string {
	if acl == nil || slices.Equal(acl, zkapi.OpenACL()) {
		return "nil"
	}
	var list []string
	for _, x := range acl {
		list = append(list, fmt.Sprintf("{Perms: %d, Scheme: %q, ID: %q}", x.Perms, x.Scheme, x.ID))
	}
	return "[]zkapi.ACL{" + strings.Join(list, ", ") + "}"
}

var modeConstants = map[zkapi.CreateMode]string{zkapi.Persistent: "Persistent", zkapi.Ephemeral: "Ephemeral",
	zkapi.PersistentSequential: "PersistentSequential", zkapi.EphemeralSequential: "EphemeralSequential", zkapi.Container: "Container",
	zkapi.PersistentTTL: "PersistentTTL", zkapi.PersistentSequentialTTL: "PersistentSequentialTTL"}

func modeOf(m zkapi.CreateMode) string {
	if name, ok := modeConstants[m]; ok {
		return "zkapi." + name
	}
	return fmt.Sprintf("zkapi.CreateMode(%d)", m)
}

// operation writes down a call and what has to come of it.
func (g *generator) operation(who int, o *operation) {
	n := g.next()
	q, results := &o.call, "_, "
	args := fmt.Sprintf("ctx, %q", q.path)
	verb := q.verb.String()
	switch q.verb {
	case verbCreate, verbCreate2:
		args += fmt.Sprintf(", %s, %s, %s", bytesOf(q.data), aclOf(q.acl), modeOf(q.mode))
		results = fmt.Sprintf("path%d, ", n)
		verb = "Create"
	case verbCreateTTL:
		args += fmt.Sprintf(", %s, %s, %s, %d", bytesOf(q.data), aclOf(q.acl), modeOf(q.mode), q.ttl)
		results = fmt.Sprintf("path%d, _, ", n)
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
	case verbSetACL:
		acl := aclOf(q.acl)
		if acl == "nil" {
			acl = "zkapi.OpenACL()"
		}
		args += fmt.Sprintf(", %s, %d", acl, q.version)
	case verbAddAuth:
		args, results = args+", "+bytesOf(q.data), ""
	case verbConnect:
		g.line("%s.Reconnect()", g.client(who)) // does nothing the first time
		return
	case verbClose:
		g.line("require.NoError(t, %s.Close())", g.client(who))
		return
	default:
		g.line("// %s is left out", oneLine(o.String()))
		return
	}
	g.line("%serr%d := %s.%s(%s)", results, n, g.client(who), verb, args)
	g.check(n, o)
}

func (g *generator) check(n int, o *operation) {
	if o.answer.err != nil {
		g.line("require.Equal(t, zkapi.Code(%d), zkapi.CodeOf(err%d))", zkapi.CodeOf(o.answer.err), n)
	} else {
		g.line("require.NoError(t, err%d)", n)
	}
	switch o.verb {
	case verbCreate, verbCreate2, verbCreateTTL:
		g.line("require.Equal(t, %q, path%d)", o.answer.path, n)
	case verbExists, verbExistsW:
		g.line("require.Equal(t, %v, ok%d)", o.ok, n)
	}
}

func (g *generator) ops(ops []zkapi.Op) (args string) {
	for i := range ops {
		switch o := &ops[i]; o.Type {
		case zkapi.OpCreate, zkapi.OpCreate2, zkapi.OpCreateContainer:
			args += fmt.Sprintf(", zkapi.CreateOp(%q, %s, %s, %s)", o.Path, bytesOf(o.Data), aclOf(o.ACL), modeOf(o.Mode))
		case zkapi.OpCreateTTL:
			args += fmt.Sprintf(", zkapi.CreateTTLOp(%q, %s, %s, %s, %d)", o.Path, bytesOf(o.Data), aclOf(o.ACL), modeOf(o.Mode), o.TTL)
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
