package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

// goProgram is the program for go-zookeeper. It is part of the runner, and otherwise as the others are.
type goProgram struct{}

func (goProgram) start(ctx context.Context, args []string, answers io.Reader) (io.Reader, func() error, error) {
	lines, out := io.Pipe()
	done := make(chan error, 1)
	g := &goClient{ctx: ctx, out: out, answers: bufio.NewReader(answers), proxy: args[0], direct: args[1], root: args[2]}
	g.reaper = len(args) > 3
	go func() {
		defer out.Close()
		defer func() {
			for _, conn := range g.conns {
				conn.Close()
			}
			if p := recover(); p != nil {
				done <- fmt.Errorf("%v", p) // must and order end the program so
				return
			}
			done <- nil
		}()
		g.main()
	}()
	context.AfterFunc(ctx, func() { lines.CloseWithError(ctx.Err()) })
	return lines, func() error { lines.Close(); return <-done }, nil
}

// goClient is a run of the program.
type goClient struct {
	ctx           context.Context
	out           io.Writer
	answers       *bufio.Reader
	proxy, direct string
	root          string
	reaper        bool
	conns         []*zk.Conn
	base          int64 // zxids are told as distances from this one
}

func (g *goClient) main() {
	g.timeouts()
	main, _ := g.connect(g.proxy, 10*time.Second)
	other, _ := g.connect(g.direct, 10*time.Second)
	g.crud(main)
	for _, part := range []func(c, other *zk.Conn){g.errors, g.sequences, g.multi, g.acls, g.watches, g.ephemerals} {
		g.rebase(main)
		part(main, other)
	}
	main.Close()
	g.rebase(other)
	g.reconnects(other)
	g.locks(other)
	if g.reaper {
		g.rebase(other)
		g.reaping(other)
	}
	g.remove(other, g.root)
	exists, _, err := other.Exists(g.root)
	g.say("end", exists, err)
	other.Close()
}

// say prints a result: the error if there is one, else the values.
func (g *goClient) say(name string, values ...any) {
	if last := len(values) - 1; last >= 0 {
		if err, ok := values[last].(error); ok {
			values = []any{err}
		} else if values[last] == nil && last > 0 {
			values = values[:last] // the error that there was not
		}
	}
	var text []string
	for _, v := range values {
		text = append(text, g.show(v))
	}
	_, err := fmt.Fprintf(g.out, "%s: %s\n", name, strings.Join(text, " "))
	must(err)
}

func (g *goClient) show(value any) string {
	switch v := value.(type) {
	case *zk.Stat:
		return g.stat(v, 0)
	case []byte:
		return fmt.Sprintf("%q", v)
	case nil:
		return "ok"
	case []zk.ACL:
		var all []string
		for _, a := range v {
			all = append(all, fmt.Sprintf("%s:%s:%d", a.Scheme, a.ID, a.Perms))
		}
		return strings.Join(all, ",")
	case []zk.MultiResponse:
		var all []string
		for _, r := range v {
			all = append(all, g.multiResult(r))
		}
		return strings.Join(all, "; ")
	}
	return fmt.Sprint(value)
}

func (g *goClient) multiResult(r zk.MultiResponse) string {
	switch {
	case r.Error != nil:
		return r.Error.Error()
	case r.Stat != nil:
		return g.stat(r.Stat, 0)
	case r.String != "":
		return r.String
	}
	return "ok"
}

func (g *goClient) zxid(value int64) string {
	if value < g.base {
		return "earlier"
	}
	return fmt.Sprintf("+%d", value-g.base)
}

// rebase begins a new part: what one does to zxids does not show in the next.
func (g *goClient) rebase(c *zk.Conn) {
	stat, err := c.Set(g.root, nil, -1)
	must(err)
	g.base = stat.Mzxid
}

func (g *goClient) stat(s *zk.Stat, session int64) string {
	owner := "none"
	if s.EphemeralOwner != 0 {
		owner = "other"
		if s.EphemeralOwner == session {
			owner = "mine"
		}
	}
	modified := "later"
	if s.Czxid == s.Mzxid {
		modified = "never"
		if s.Ctime != s.Mtime {
			modified = "BAD"
		}
	}
	return fmt.Sprintf("version=%d cversion=%d aversion=%d ephemeral=%s length=%d children=%d czxid=%s mzxid=%s pzxid=%s modified=%s",
		s.Version, s.Cversion, s.Aversion, owner, s.DataLength, s.NumChildren,
		g.zxid(s.Czxid), g.zxid(s.Mzxid), g.zxid(s.Pzxid), modified)
}

// order gives the runner an order and returns its answer.
func (g *goClient) order(text string) string {
	_, err := fmt.Fprintln(g.out, "@"+text)
	must(err)
	answer, err := g.answers.ReadString('\n')
	must(err)
	return strings.TrimSpace(answer)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// states is the session states that the library has told, in order.
type states struct {
	ctx  context.Context
	told chan zk.State
}

// until returns the states up to and including this one.
func (s states) until(last zk.State) string {
	var seen []string
	for {
		select {
		case state := <-s.told:
			seen = append(seen, state.String())
			if state == last {
				return strings.Join(seen, " ")
			}
		case <-s.ctx.Done():
			panic(fmt.Sprintf("waiting for %v after %v: %v", last, seen, s.ctx.Err()))
		}
	}
}

func (g *goClient) connect(addr string, timeout time.Duration) (*zk.Conn, states) {
	s := states{g.ctx, make(chan zk.State, 100)}
	conn, _, err := zk.Connect([]string{addr}, timeout, zk.WithLogInfo(false), zk.WithLogger(silent{}),
		zk.WithEventCallback(func(e zk.Event) {
			if e.Type == zk.EventSession {
				s.told <- e.State
			}
		}))
	must(err)
	g.conns = append(g.conns, conn)
	s.until(zk.StateHasSession)
	return conn, s
}

type silent struct{}

func (silent) Printf(string, ...any) {}

// event waits for a watch event.
func (g *goClient) event(events <-chan zk.Event) string {
	select {
	case e := <-events:
		if e.Err != nil {
			return e.Err.Error()
		}
		return fmt.Sprintf("%v %s", e.Type, e.Path)
	case <-g.ctx.Done():
		panic(g.ctx.Err())
	}
}

var open = zk.WorldACL(zk.PermAll)

func (g *goClient) timeouts() {
	for _, c := range []struct {
		name string
		d    time.Duration
	}{{"low", 500 * time.Millisecond}, {"high", time.Hour}, {"middle", 12345 * time.Millisecond}} {
		conn, _ := g.connect(g.proxy, c.d)
		g.say("connect.timeout."+c.name, g.order("negotiated"))
		conn.Close()
	}
}

func (g *goClient) crud(c *zk.Conn) {
	_, err := c.Create(g.root, nil, zk.FlagPersistent, open)
	must(err)
	_, stat, err := c.Exists(g.root)
	must(err)
	g.base = stat.Czxid
	g.say("crud.root", stat)

	node := g.root + "/node"
	path, err := c.Create(node, []byte("one"), zk.FlagPersistent, open)
	g.say("crud.create", path, err)
	data, stat, err := c.Get(node)
	g.say("crud.get", data, stat, err)
	stat, err = c.Set(node, []byte("longer"), -1)
	g.say("crud.set", stat, err)
	stat, err = c.Set(node, []byte("longer"), 1)
	g.say("crud.set.same", stat, err)
	stat, err = c.Set(node, []byte{}, -1)
	g.say("crud.set.empty", stat, err)
	data, stat, err = c.Get(node)
	g.say("crud.get.empty", data, stat, err)
	names, stat, err := c.Children(g.root)
	g.say("crud.children", names, stat, err)
	path, err = c.Sync(node)
	g.say("crud.sync", path, err)

	for i := range 40 {
		_, err := c.Create(fmt.Sprintf("%s/m%d", node, i*i), nil, zk.FlagPersistent, open)
		must(err)
	}
	names, stat, err = c.Children(node)
	g.say("crud.children.order", names, stat, err)
	data, stat, err = c.Get("/zookeeper/config")
	g.say("crud.config", data, stat, err)
}

func (g *goClient) errors(c, _ *zk.Conn) {
	node, missing := g.root+"/node", g.root+"/missing"
	_, _, err := c.Get(missing)
	g.say("error.get.nonode", err)
	_, err = c.Set(missing, nil, -1)
	g.say("error.set.nonode", err)
	_, _, err = c.Children(missing)
	g.say("error.children.nonode", err)
	_, _, err = c.GetACL(missing)
	g.say("error.getacl.nonode", err)
	g.say("error.delete.nonode", c.Delete(missing, -1))
	_, err = c.Create(missing+"/child", nil, zk.FlagPersistent, open)
	g.say("error.create.noparent", err)
	_, err = c.Create(node, nil, zk.FlagPersistent, open)
	g.say("error.create.exists", err)
	_, err = c.Set(node, nil, 99)
	g.say("error.set.badversion", err)
	g.say("error.delete.badversion", c.Delete(node, 99))
	g.say("error.delete.notempty", c.Delete(node, -1))
	g.say("error.delete.system", c.Delete("/zookeeper/quota", -1))
	_, err = c.Create(g.root+"/fleeting", nil, zk.FlagEphemeral, open)
	must(err)
	_, err = c.Create(g.root+"/fleeting/child", nil, zk.FlagPersistent, open)
	g.say("error.create.underephemeral", err)
	must(c.Delete(g.root+"/fleeting", 0))
	_, err = c.Create(missing, nil, zk.FlagPersistent, nil)
	g.say("error.invalidacl.empty", err)
	_, err = c.CreateTTL(missing, nil, zk.FlagTTL, open, -time.Second)
	g.say("error.ttl.negative", err)
	_, err = c.CreateTTL(missing, nil, zk.FlagTTL, open, (1<<40)*time.Millisecond)
	g.say("error.ttl.toolong", err)
	_, err = c.IncrementalReconfig([]string{"server.2=127.0.0.1:1:2;3"}, nil, -1)
	g.say("error.reconfig", err)
}

func (g *goClient) sequences(c, _ *zk.Conn) {
	parent := g.root + "/sequence"
	_, err := c.Create(parent, nil, zk.FlagPersistent, open)
	must(err)
	path, err := c.Create(parent+"/s-", nil, zk.FlagSequence, open)
	g.say("sequence.first", path, err)
	path, err = c.Create(parent+"/", nil, zk.FlagSequence|zk.FlagEphemeral, open)
	g.say("sequence.ephemeral", path, err)
	must(c.Delete(path, 0))
	path, err = c.CreateTTL(parent+"/ttl", nil, zk.FlagPersistentSequentialWithTTL, open, time.Hour)
	g.say("sequence.ttl", path, err)
	path, err = c.CreateProtectedEphemeralSequential(parent+"/p", nil, open)
	g.say("sequence.protected", path[strings.LastIndex(path, "-")+1:], err)
	_, stat, err := c.Exists(parent)
	g.say("sequence.parent", stat, err)
}

func (g *goClient) multi(c, _ *zk.Conn) {
	parent := g.root + "/multi"
	_, err := c.Create(parent, nil, zk.FlagPersistent, open)
	must(err)
	a := parent + "/a"
	all, err := c.Multi(
		&zk.CreateRequest{Path: a, Data: []byte("1"), Acl: open},
		&zk.CreateRequest{Path: parent + "/s", Acl: open, Flags: zk.FlagSequence},
		&zk.SetDataRequest{Path: a, Data: []byte("22"), Version: 0},
		&zk.CheckVersionRequest{Path: a, Version: 1},
		&zk.DeleteRequest{Path: a, Version: 1},
	)
	g.say("multi.all", all, err)
	_, stat, err := c.Exists(parent)
	g.say("multi.all.parent", stat, err)
	all, err = c.Multi(
		&zk.CreateRequest{Path: a, Acl: open},
		&zk.CreateRequest{Path: parent + "/s", Acl: open, Flags: zk.FlagSequence},
		&zk.CheckVersionRequest{Path: a, Version: 7},
		&zk.DeleteRequest{Path: parent + "/missing", Version: -1},
	)
	g.say("multi.failed", all)
	g.say("multi.failed.error", err)
	_, stat, err = c.Exists(parent)
	g.say("multi.failed.parent", stat, err)
	path, err := c.Create(parent+"/s", nil, zk.FlagSequence, open)
	g.say("multi.failed.sequence", path, err)
}

func (g *goClient) acls(c, _ *zk.Conn) {
	node := g.root + "/acl"
	_, err := c.Create(node, []byte("secret"), zk.FlagPersistent, zk.DigestACL(zk.PermAll, "anna", "pw"))
	must(err)
	_, _, err = c.Get(node)
	g.say("acl.denied.get", err)
	_, _, err = c.Exists(node)
	g.say("acl.denied.exists", err)
	_, err = c.Set(node, nil, -1)
	g.say("acl.denied.set", err)
	_, _, err = c.GetACL(node)
	g.say("acl.denied.getacl", err)
	g.say("acl.addauth", c.AddAuth("digest", []byte("anna:pw")))
	data, _, err := c.Get(node)
	g.say("acl.get", data, err)
	acl, stat, err := c.GetACL(node)
	g.say("acl.getacl", acl, stat, err)
	stat, err = c.SetACL(node, zk.AuthACL(zk.PermRead|zk.PermAdmin), 0)
	g.say("acl.auth", stat, err)
	acl, _, err = c.GetACL(node)
	g.say("acl.auth.is", acl, err)
	_, err = c.Set(node, nil, -1)
	g.say("acl.auth.set", err)
	_, err = c.SetACL(node, open, 5)
	g.say("acl.badversion", err)
	stat, err = c.SetACL(node, append(zk.DigestACL(zk.PermAll, "bob", "pw"), zk.WorldACL(zk.PermRead)...), 1)
	g.say("acl.others", stat, err)
	acl, _, err = c.GetACL(node)
	g.say("acl.redacted", acl, err)
}

func (g *goClient) watches(c, other *zk.Conn) {
	node := g.root + "/watched"
	_, _, created, err := c.ExistsW(node)
	must(err)
	_, _, children, err := c.ChildrenW(g.root)
	must(err)
	_, err = other.Create(node, nil, zk.FlagPersistent, open)
	must(err)
	g.say("watch.created", g.event(created), g.event(children))
	_, _, changed, err := c.GetW(node)
	must(err)
	_, err = other.SetACL(node, open, -1) // no event
	must(err)
	_, err = other.Set(node, []byte("x"), -1)
	must(err)
	g.say("watch.changed", g.event(changed))
	_, _, child, err := c.ChildrenW(node)
	must(err)
	_, err = other.Create(node+"/child", nil, zk.FlagPersistent, open)
	must(err)
	g.say("watch.child", g.event(child))
	_, _, own, err := c.GetW(node)
	must(err)
	_, err = c.Set(node, nil, -1)
	must(err)
	g.say("watch.own", g.event(own))
	must(other.Delete(node+"/child", -1))
	_, _, deleted, err := c.GetW(node)
	must(err)
	_, _, deletedChild, err := c.ChildrenW(node)
	must(err)
	must(other.Delete(node, -1))
	g.say("watch.deleted", g.event(deleted), g.event(deletedChild))
}

func (g *goClient) ephemerals(c, _ *zk.Conn) {
	node := g.root + "/ephemeral"
	mortal, _ := g.connect(g.direct, 10*time.Second)
	_, err := mortal.Create(node, nil, zk.FlagEphemeral, open)
	must(err)
	_, stat, gone, err := c.ExistsW(node)
	must(err)
	g.say("ephemeral.stat", g.stat(stat, c.SessionID()))
	g.say("ephemeral.stat.mine", g.stat(stat, mortal.SessionID()))
	mortal.Close()
	g.say("ephemeral.closed", g.event(gone))
	exists, _, err := c.Exists(node)
	g.say("ephemeral.gone", exists, err)
}

// reaping comes last, and does not tell zxids once something was reaped: a server that is slow to delete a
// node tries again, which counts.
func (g *goClient) reaping(c *zk.Conn) {
	container, ttl := g.root+"/container", g.root+"/ttl"
	path, err := c.CreateContainer(container, nil, zk.FlagContainer, open)
	g.say("container.create", path, err)
	_, stat, gone, err := c.ExistsW(container)
	g.say("container.stat", stat, err)
	path, err = c.CreateTTL(ttl, []byte("x"), zk.FlagTTL, open, time.Hour)
	g.say("ttl.create", path, err)
	_, stat, err = c.Get(ttl)
	g.say("ttl.stat", stat, err)
	_, err = c.Create(container+"/child", nil, zk.FlagPersistent, open)
	must(err)
	must(c.Delete(container+"/child", -1))
	g.say("container.reaped", g.event(gone))
	path, err = c.CreateTTL(ttl+"2", nil, zk.FlagTTL, open, time.Second)
	g.say("ttl.create.short", path, err)
	_, _, gone, err = c.ExistsW(ttl + "2")
	must(err)
	g.say("ttl.reaped", g.event(gone))
	exists, _, err := c.Exists(ttl)
	g.say("ttl.stays", exists, err)
}

func (g *goClient) reconnects(other *zk.Conn) {
	c, s := g.connect(g.proxy, 10*time.Second)
	node := g.root + "/reconnect"
	_, err := c.Create(node, nil, zk.FlagPersistent, open)
	must(err)
	_, err = c.Create(node+"/mine", nil, zk.FlagEphemeral, open)
	must(err)
	session := c.SessionID()
	_, _, data, err := c.GetW(node)
	must(err)
	_, _, children, err := c.ChildrenW(node)
	must(err)

	g.order("cut")
	g.say("cut.states", s.until(zk.StateHasSession))
	g.say("cut.session.same", c.SessionID() == session)
	_, stat, err := c.Exists(node + "/mine")
	must(err)
	g.say("cut.ephemeral", g.stat(stat, session))
	_, err = other.Set(node, []byte("x"), -1)
	must(err)
	g.say("cut.watch.data", g.event(data))
	must(other.Delete(node+"/mine", -1))
	g.say("cut.watch.children", g.event(children))

	_, _, data, err = c.GetW(node)
	must(err)
	_, _, created, err := c.ExistsW(node + "/new")
	must(err)
	_, _, children, err = c.ChildrenW(node)
	must(err)
	g.order("hold")
	g.say("hold.states", s.until(zk.StateDisconnected))
	_, err = other.Set(node, []byte("y"), -1)
	must(err)
	_, err = other.Create(node+"/new", nil, zk.FlagPersistent, open)
	must(err)
	g.order("release")
	g.say("hold.release.states", s.until(zk.StateHasSession))
	g.say("hold.watches", g.event(data), g.event(created), g.event(children))

	_, err = c.Create(node+"/mine", nil, zk.FlagEphemeral, open)
	must(err)
	_, _, mine, err := c.GetW(node + "/mine")
	must(err)
	_, _, gone, err := other.ExistsW(node + "/mine")
	must(err)
	g.order(fmt.Sprintf("expire %x", uint64(session)))
	g.say("expire.states", s.until(zk.StateHasSession))
	g.say("expire.session.same", c.SessionID() == session)
	g.say("expire.watch", g.event(mine))
	g.say("expire.ephemeral", g.event(gone))
	_, _, err = c.Get(node)
	g.say("expire.usable", nil, err)
	c.Close()
}

// locks has go-zookeeper's own recipe wait for a lock that another session gives back by ending.
func (g *goClient) locks(other *zk.Conn) {
	path := g.root + "/lock"
	holder, _ := g.connect(g.proxy, 10*time.Second)
	held := zk.NewLock(holder, path, open)
	g.say("lock.first", held.Lock())
	_, _, queued, err := other.ChildrenW(path)
	must(err)
	second := zk.NewLock(other, path, open)
	got := make(chan error, 1)
	go func() { got <- second.Lock() }()
	g.say("lock.queued", g.event(queued))
	holder.Close()
	select {
	case err := <-got:
		g.say("lock.second", err)
	case <-g.ctx.Done():
		panic(g.ctx.Err())
	}
	g.say("lock.unlock", second.Unlock())
	g.say("lock.unlock.twice", second.Unlock())
}

// remove deletes a node and all below it.
func (g *goClient) remove(c *zk.Conn, path string) {
	names, _, err := c.Children(path)
	must(err)
	for _, name := range names {
		g.remove(c, path+"/"+name)
	}
	if err := c.Delete(path, -1); !errors.Is(err, zk.ErrNoNode) { // its session may just have ended
		must(err)
	}
}
