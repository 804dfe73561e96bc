package memserver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// The client that most Go programs use, unmodified: everything that its public
// API offers, over memory, over TCP, and against a real ZooKeeper that has to
// give the same answers.

// gozkEnv is one server to run a test on.
type gozkEnv struct {
	addr string
	dial zk.Dialer
	sim  *memserver.Server // nil for a real server
	root string            // a node for this test alone
}

type gozkTest struct {
	name    string
	run     func(t *testing.T, g *gozkEnv)
	control bool // needs memserver.Server
	sockets bool // the client dials by itself, so that it needs TCP
}

func TestGoZookeeper(t *testing.T) {
	tests := append(gozkTests, gozkControlTests...)
	for _, transport := range []string{"pipe", "tcp", "tcp, waited for in the kernel"} {
		config := func(c *memserver.Config) {
			c.ExtendedTypes, c.FourLetterWords = true, []string{"*"}
			c.ClientsElsewhere = transport == "tcp, waited for in the kernel" // they are not, but are served all the same
		}
		t.Run(transport, func(t *testing.T) {
			for _, test := range tests {
				if test.sockets && transport == "pipe" {
					continue
				}
				t.Run(test.name, func(t *testing.T) {
					srv := memserver.RunT(t, config)
					g := &gozkEnv{sim: srv, dial: srv.Dial}
					if transport != "pipe" {
						require.NoError(t, srv.Listen("127.0.0.1:0"))
						g.dial = net.DialTimeout
					}
					g.addr = srv.Addr()
					g.start(t, test)
				})
			}
		})
	}
	t.Run("real", func(t *testing.T) {
		srv := realserver.RunT(t, "")
		for _, test := range tests {
			if !test.control {
				t.Run(test.name, func(t *testing.T) {
					(&gozkEnv{addr: srv.Addr(), dial: net.DialTimeout}).start(t, test)
				})
			}
		}
	})
}

func (g *gozkEnv) start(t *testing.T, test gozkTest) {
	g.root = "/" + strings.ReplaceAll(test.name, " ", "-")
	g.connect(t).create(t, g.root, "", 0)
	test.run(t, g)
}

// gozkConn is a connection and, without end or loss, what its callback is told.
type gozkConn struct {
	*zk.Conn
	channel <-chan zk.Event
	events  *zkapi.Stream[zk.Event]
	gate    *gate
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// connect connects and waits for the session. The address is given several
// times because the client pauses for a second when it has tried all of them.
func (g *gozkEnv) connect(t testing.TB) *gozkConn {
	t.Helper()
	c := &gozkConn{events: zkapi.NewStream[zk.Event](nil), gate: newGate(g.dial)}
	var err error
	c.Conn, c.channel, err = zk.Connect([]string{g.addr, g.addr, g.addr, g.addr}, 10*time.Second,
		zk.WithDialer(c.gate.dial), zk.WithLogger(quiet{}), zk.WithLogInfo(false), zk.WithEventCallback(c.events.Send))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	t.Cleanup(c.gate.open)
	c.await(t, zk.StateHasSession)
	return c
}

// await skips to the next event of a state.
func (c *gozkConn) await(t testing.TB, state zk.State) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for ev := range c.events.All(ctx) {
		if ev.Type == zk.EventSession && ev.State == state {
			return
		}
	}
	require.FailNow(t, "no such state", "%v", state)
}

var openToAll = zk.WorldACL(zk.PermAll)

func (c *gozkConn) create(t testing.TB, path, data string, flags int32) string {
	t.Helper()
	made, err := c.Create(path, []byte(data), flags, openToAll)
	require.NoError(t, err)
	return made
}

func (c *gozkConn) data(t testing.TB, path string) string {
	t.Helper()
	data, _, err := c.Get(path)
	require.NoError(t, err)
	return string(data)
}

func (c *gozkConn) there(t testing.TB, path string) bool {
	t.Helper()
	ok, _, err := c.Exists(path)
	require.NoError(t, err)
	return ok
}

// gate is a dialer that can be made to wait.
type gate struct {
	under zk.Dialer
	mu    sync.Mutex
	free  *sync.Cond
	shut  bool
}

func newGate(under zk.Dialer) *gate {
	g := &gate{under: under}
	g.free = sync.NewCond(&g.mu)
	return g
}

func (g *gate) dial(network, address string, timeout time.Duration) (net.Conn, error) {
	g.mu.Lock()
	for g.shut {
		g.free.Wait()
	}
	g.mu.Unlock()
	return g.under(network, address, timeout)
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = false
	g.free.Broadcast()
}

var gozkTests = []gozkTest{
	{name: "create", run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		for i, want := range []struct {
			flags int32
			path  string
			owner int64
		}{
			{zk.FlagPersistent, "/n0", 0},
			{zk.FlagEphemeral, "/n1", c.SessionID()},
			{zk.FlagSequence, "/n20000000002", 0},
			{zk.FlagEphemeralSequential, "/n30000000003", c.SessionID()},
			{zk.FlagContainer, "/n4", 0}, // which makes a plain node, as ZooKeeper does with this request
		} {
			path := c.create(t, fmt.Sprint(g.root, "/n", i), "data", want.flags)
			require.Equal(t, g.root+want.path, path)
			data, stat, err := c.Get(path)
			require.NoError(t, err)
			require.Equal(t, "data", string(data))
			require.Equal(t, want.owner, stat.EphemeralOwner)
		}
		for _, bad := range []struct {
			path  string
			flags int32
			acl   []zk.ACL
			err   error
		}{
			{"/n0", 0, openToAll, zk.ErrNodeExists},
			{"/no/n", 0, openToAll, zk.ErrNoNode},
			{"/n1/n", 0, openToAll, zk.ErrNoChildrenForEphemerals},
			{"/x", 0, nil, zk.ErrInvalidACL},
			{"/x", 0, []zk.ACL{{Perms: 31, Scheme: "world", ID: "nobody"}}, zk.ErrInvalidACL},
			{"/\ue000", 0, openToAll, zk.ErrBadArguments},
			{"/x/", 0, openToAll, zk.ErrInvalidPath},
			{"/x", zk.FlagTTL, openToAll, zk.ErrInvalidFlags},
		} {
			_, err := c.Create(g.root+bad.path, nil, bad.flags, bad.acl)
			require.ErrorIs(t, err, bad.err, bad.path)
		}
		_, err := c.Create(g.root+"/x", nil, 7, openToAll)
		require.EqualError(t, err, "invalid flag value: [7]")
		require.False(t, c.there(t, g.root+"/x"))
	}},
	{name: "create container", run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		path, err := c.CreateContainer(g.root+"/c", []byte("x"), zk.FlagContainer, openToAll)
		require.NoError(t, err)
		require.Equal(t, g.root+"/c", path)
		c.create(t, path+"/child", "", 0)
		_, stat, err := c.Get(path)
		require.NoError(t, err)
		require.Zero(t, stat.EphemeralOwner)
		if g.sim != nil {
			n, _ := g.sim.Node(path)
			require.True(t, n.Container)
		}
		_, err = c.CreateContainer(path, nil, zk.FlagContainer, openToAll)
		require.Equal(t, zk.ErrNodeExists, err)
		_, err = c.CreateContainer(g.root+"/d", nil, zk.FlagEphemeral, openToAll)
		require.ErrorIs(t, err, zk.ErrInvalidFlags)
		_, err = c.CreateContainer("d", nil, zk.FlagContainer, openToAll)
		require.Equal(t, zk.ErrInvalidPath, err)
	}},
	{name: "create TTL", run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		path, err := c.CreateTTL(g.root+"/t", []byte("x"), zk.FlagTTL, openToAll, time.Hour)
		require.NoError(t, err)
		require.Equal(t, g.root+"/t", path)
		_, stat, err := c.Get(path)
		require.NoError(t, err)
		require.Zero(t, stat.EphemeralOwner)
		if g.sim != nil {
			n, _ := g.sim.Node(path)
			require.Equal(t, time.Hour, n.TTL)
		}
		path, err = c.CreateTTL(g.root+"/t", nil, zk.FlagPersistentSequentialWithTTL, openToAll, time.Hour)
		require.NoError(t, err)
		require.Equal(t, g.root+"/t0000000001", path)
		for _, ttl := range []time.Duration{0, -time.Second, zkapi.MaxTTL + time.Millisecond} {
			_, err = c.CreateTTL(g.root+"/bad", nil, zk.FlagTTL, openToAll, ttl)
			require.Equal(t, zk.ErrBadArguments, err)
		}
		_, err = c.CreateTTL(g.root+"/bad", nil, zk.FlagPersistent, openToAll, time.Hour)
		require.ErrorIs(t, err, zk.ErrInvalidFlags)
	}},
	{name: "create protected", run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		path, err := c.CreateProtectedEphemeralSequential(g.root+"/n-", []byte("x"), openToAll)
		require.NoError(t, err)
		require.Regexp(t, "^"+regexp.QuoteMeta(g.root)+"/_c_[0-9a-f]{32}-n-0000000000$", path)
		_, stat, err := c.Get(path)
		require.NoError(t, err)
		require.Equal(t, c.SessionID(), stat.EphemeralOwner)
		_, err = c.CreateProtectedEphemeralSequential(g.root+"/no/n-", nil, openToAll)
		require.Equal(t, zk.ErrNoNode, err)
	}},
	{name: "get and set", run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		path := g.root + "/n"
		for _, data := range [][]byte{nil, {}, []byte("data"), {0, 255}} {
			_, err := c.Create(path, data, 0, openToAll)
			require.NoError(t, err)
			got, created, err := c.Get(path)
			require.NoError(t, err)
			require.Equal(t, data == nil, got == nil, "null is not empty")
			require.True(t, bytes.Equal(data, got))
			require.EqualValues(t, len(data), created.DataLength)
			require.Equal(t, created.Czxid, created.Mzxid)
			require.Equal(t, created.Ctime, created.Mtime)

			set, err := c.Set(path, []byte("more"), 0)
			require.NoError(t, err)
			require.EqualValues(t, 1, set.Version)
			require.Equal(t, created.Czxid+1, set.Mzxid)
			got, stat, err := c.Get(path)
			require.NoError(t, err)
			require.Equal(t, "more", string(got))
			require.Equal(t, set, stat)
			_, err = c.Set(path, nil, 0)
			require.Equal(t, zk.ErrBadVersion, err)
			_, err = c.Set(path, nil, -1)
			require.NoError(t, err)
			require.NoError(t, c.Delete(path, 2))
		}
		_, _, err := c.Get(path)
		require.Equal(t, zk.ErrNoNode, err)
		_, err = c.Set(path, nil, -1)
		require.Equal(t, zk.ErrNoNode, err)
		_, _, err = c.Get("")
		require.Equal(t, zk.ErrInvalidPath, err)
	}},
	{name: "delete", run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		c.create(t, g.root+"/n", "", 0)
		c.create(t, g.root+"/n/child", "", 0)
		require.Equal(t, zk.ErrNotEmpty, c.Delete(g.root+"/n", -1))
		require.NoError(t, c.Delete(g.root+"/n/child", -1))
		require.Equal(t, zk.ErrBadVersion, c.Delete(g.root+"/n", 1))
		require.NoError(t, c.Delete(g.root+"/n", 0))
		require.Equal(t, zk.ErrNoNode, c.Delete(g.root+"/n", 0))
		require.Equal(t, zk.ErrBadArguments, c.Delete("/", -1))
	}},
	{name: "exists and children", run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		ok, stat, err := c.Exists(g.root + "/p")
		require.NoError(t, err)
		require.False(t, ok)
		require.Zero(t, *stat)
		c.create(t, g.root+"/p", "", 0)
		names, stat, err := c.Children(g.root + "/p")
		require.NoError(t, err)
		require.Empty(t, names)
		for _, name := range []string{"b", "a", "ü", "c"} {
			c.create(t, g.root+"/p/"+name, "", 0)
		}
		require.NoError(t, c.Delete(g.root+"/p/c", -1))
		names, after, err := c.Children(g.root + "/p")
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"a", "b", "ü"}, names)
		require.EqualValues(t, 3, after.NumChildren)
		require.EqualValues(t, 5, after.Cversion)
		require.Equal(t, stat.Czxid+5, after.Pzxid)
		ok, stat, err = c.Exists(g.root + "/p")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, after, stat)
		_, _, err = c.Children(g.root + "/no")
		require.Equal(t, zk.ErrNoNode, err)
	}},
	{name: "watches", run: func(t *testing.T, g *gozkEnv) {
		c, other := g.connect(t), g.connect(t)
		n := g.root + "/n"
		expect := func(ch <-chan zk.Event, kind zk.EventType, path string) {
			t.Helper()
			require.Equal(t, zk.Event{Type: kind, State: zk.StateSyncConnected, Path: path}, <-ch)
			_, more := <-ch
			require.False(t, more)
		}
		for _, actor := range []*gozkConn{other, c} {
			ok, _, created, err := c.ExistsW(n)
			require.NoError(t, err)
			require.False(t, ok)
			actor.create(t, n, "", 0)
			expect(created, zk.EventNodeCreated, n)

			_, _, changed, err := c.GetW(n)
			require.NoError(t, err)
			ok, _, changedToo, err := c.ExistsW(n)
			require.NoError(t, err)
			require.True(t, ok)
			_, err = actor.Set(n, []byte("x"), -1)
			require.NoError(t, err)
			expect(changed, zk.EventNodeDataChanged, n)
			expect(changedToo, zk.EventNodeDataChanged, n)

			names, _, grown, err := c.ChildrenW(n)
			require.NoError(t, err)
			require.Empty(t, names)
			actor.create(t, n+"/child", "", 0)
			expect(grown, zk.EventNodeChildrenChanged, n)
			_, _, shrunk, err := c.ChildrenW(n)
			require.NoError(t, err)
			require.NoError(t, actor.Delete(n+"/child", -1))
			expect(shrunk, zk.EventNodeChildrenChanged, n)

			_, _, data, err := c.GetW(n)
			require.NoError(t, err)
			_, _, children, err := c.ChildrenW(n)
			require.NoError(t, err)
			_, _, above, err := c.ChildrenW(g.root)
			require.NoError(t, err)
			require.NoError(t, actor.Delete(n, -1))
			expect(data, zk.EventNodeDeleted, n)
			expect(children, zk.EventNodeDeleted, n)
			expect(above, zk.EventNodeChildrenChanged, g.root)
		}
		_, _, ch, err := c.GetW(n)
		require.Equal(t, zk.ErrNoNode, err)
		require.Nil(t, ch)
		_, _, ch, err = c.ChildrenW(n)
		require.Equal(t, zk.ErrNoNode, err)
		require.Nil(t, ch)

		// The callback has heard of all that, once each.
		c.Close()
		c.awaitEnd(t)
		var kinds []zk.EventType
		for ev, ok, _ := c.events.TryNext(); ok; ev, ok, _ = c.events.TryNext() {
			if ev.Type != zk.EventSession {
				kinds = append(kinds, ev.Type)
			}
		}
		round := []zk.EventType{zk.EventNodeCreated, zk.EventNodeDataChanged, zk.EventNodeChildrenChanged, zk.EventNodeChildrenChanged,
			zk.EventNodeDeleted, zk.EventNodeChildrenChanged}
		require.Equal(t, append(round, round...), kinds)
	}},
	{name: "acl and auth", run: func(t *testing.T, g *gozkEnv) {
		c, other := g.connect(t), g.connect(t)
		n := g.root + "/n"
		_, err := c.Create(n, nil, 0, zk.AuthACL(zk.PermAll))
		require.Equal(t, zk.ErrInvalidACL, err, "nobody is authenticated")
		require.NoError(t, c.AddAuth("digest", []byte("user:secret")))
		_, err = c.Create(n, nil, 0, zk.AuthACL(zk.PermAll))
		require.NoError(t, err)
		mine := zk.DigestACL(zk.PermAll, "user", "secret")
		acl, stat, err := c.GetACL(n)
		require.NoError(t, err)
		require.Equal(t, mine, acl)
		require.Zero(t, stat.Aversion)

		_, _, err = other.Get(n)
		require.Equal(t, zk.ErrNoAuth, err)
		_, _, err = other.GetACL(n)
		require.Equal(t, zk.ErrNoAuth, err)
		_, err = other.SetACL(n, openToAll, -1)
		require.Equal(t, zk.ErrNoAuth, err)
		stat, err = c.SetACL(n, append(mine, zk.WorldACL(zk.PermRead)...), 0)
		require.NoError(t, err)
		require.EqualValues(t, 1, stat.Aversion)
		_, err = c.SetACL(n, mine, 0)
		require.Equal(t, zk.ErrBadVersion, err)
		_, err = c.SetACL(n, nil, -1)
		require.Equal(t, zk.ErrInvalidACL, err)
		acl, _, err = other.GetACL(n)
		require.NoError(t, err)
		require.Equal(t, "user:x", acl[0].ID)
		_, err = other.Set(n, nil, -1)
		require.Equal(t, zk.ErrNoAuth, err)
		require.NoError(t, other.AddAuth("digest", []byte("user:secret")))
		_, err = other.Set(n, nil, -1)
		require.NoError(t, err)
		_, _, err = c.GetACL(g.root + "/no")
		require.Equal(t, zk.ErrNoNode, err)
	}},
	{name: "auth failure", run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		id := c.SessionID()
		require.Equal(t, zk.ErrAuthFailed, c.AddAuth("nonsense", []byte("x")))
		c.await(t, zk.StateHasSession) // the server has closed the connection; the client takes no notice
		require.Equal(t, id, c.SessionID())
		require.True(t, c.there(t, g.root))
	}},
	{name: "sync", run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		for _, path := range []string{g.root, g.root + "/no", "/"} {
			got, err := c.Sync(path)
			require.NoError(t, err)
			require.Equal(t, path, got)
		}
	}},
	{name: "multi", run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		n := g.root + "/n"
		results, err := c.Multi(
			&zk.CreateRequest{Path: n, Data: []byte("0"), Acl: openToAll},
			&zk.CreateRequest{Path: n + "/s-", Acl: openToAll, Flags: zk.FlagEphemeralSequential},
			&zk.SetDataRequest{Path: n, Data: []byte("new"), Version: 0},
			&zk.CheckVersionRequest{Path: n, Version: 1},
			&zk.CreateRequest{Path: n + "/gone", Acl: openToAll},
			&zk.DeleteRequest{Path: n + "/gone", Version: -1},
		)
		require.NoError(t, err)
		require.Len(t, results, 6)
		require.Equal(t, n, results[0].String)
		require.Equal(t, n+"/s-0000000000", results[1].String)
		require.EqualValues(t, 1, results[2].Stat.Version)
		require.Equal(t, zk.MultiResponse{}, results[3])
		require.Equal(t, zk.MultiResponse{}, results[5])
		_, stat, err := c.Get(n)
		require.NoError(t, err)
		require.Equal(t, stat.Czxid, stat.Pzxid, "one transaction")
		require.EqualValues(t, 3, stat.Cversion)

		for _, bad := range []struct {
			op  any
			err error
		}{
			{&zk.CreateRequest{Path: n, Acl: openToAll}, zk.ErrNodeExists},
			{&zk.CreateRequest{Path: n + "/no/n", Acl: openToAll}, zk.ErrNoNode},
			{&zk.CreateRequest{Path: n + "/x"}, zk.ErrInvalidACL},
			{&zk.CreateRequest{Path: n + "/x/", Acl: openToAll}, zk.ErrNoNode},
			{&zk.SetDataRequest{Path: n, Version: 7}, zk.ErrBadVersion},
			{&zk.DeleteRequest{Path: g.root, Version: -1}, zk.ErrNotEmpty},
			{&zk.DeleteRequest{Path: n + "/no", Version: -1}, zk.ErrNoNode},
			{&zk.CheckVersionRequest{Path: n, Version: 7}, zk.ErrBadVersion},
			{&zk.CheckVersionRequest{Path: n + "/no", Version: -1}, zk.ErrNoNode},
		} {
			results, err := c.Multi(
				&zk.CreateRequest{Path: n + "/first", Acl: openToAll}, bad.op, &zk.DeleteRequest{Path: n, Version: -1})
			require.Equal(t, bad.err, err)
			require.Len(t, results, 3)
			require.NoError(t, results[0].Error)
			require.Equal(t, bad.err, results[1].Error)
			require.EqualError(t, results[2].Error, "unknown error: -2", "not tried")
			require.False(t, c.there(t, n+"/first"))
		}
		results, err = c.Multi()
		require.NoError(t, err)
		require.Empty(t, results)
		_, err = c.Multi(&zk.CreateTTLRequest{Path: n + "/t"})
		require.EqualError(t, err, "unknown operation type *zk.CreateTTLRequest")
		// A container comes back as a kind of result that this client does not know.
		_, err = c.Multi(&zk.CreateRequest{Path: n + "/c", Acl: openToAll, Flags: zk.FlagContainer})
		require.Equal(t, zk.ErrAPIError, err)
		require.True(t, c.there(t, n+"/c"))
	}},
	{name: "reconfig", run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		_, err := c.Reconfig([]string{"server.1=127.0.0.1:2888:3888;2181"}, -1)
		require.Equal(t, zk.ErrReconfigDisabled, err)
		_, err = c.IncrementalReconfig([]string{"server.2=127.0.0.1:2888:3888;2181"}, []string{"3"}, -1)
		require.Equal(t, zk.ErrReconfigDisabled, err)
	}},
	{name: "session", run: func(t *testing.T, g *gozkEnv) {
		c, err := g.raw(t)
		require.NoError(t, err)
		var states []zk.State
		for ev := range c.channel {
			require.Equal(t, zk.EventSession, ev.Type)
			require.Equal(t, g.addr, ev.Server)
			if states = append(states, ev.State); ev.State == zk.StateHasSession {
				break
			}
		}
		require.Equal(t, []zk.State{zk.StateConnecting, zk.StateConnected, zk.StateHasSession}, states)
		require.Equal(t, zk.StateHasSession, c.State())
		require.Equal(t, g.addr, c.Server())
		require.NotZero(t, c.SessionID())
		c.SetLogger(quiet{})

		other := g.connect(t)
		require.NotEqual(t, c.SessionID(), other.SessionID())
		e := c.create(t, g.root+"/e", "", zk.FlagEphemeral)
		_, _, gone, err := other.GetW(e)
		require.NoError(t, err)
		_, _, ended, err := c.GetW(g.root)
		require.NoError(t, err)
		c.Close()
		require.Equal(t, zk.EventNodeDeleted, (<-gone).Type)
		require.Equal(t, zk.Event{Type: zk.EventNotWatching, State: zk.StateDisconnected, Path: g.root, Err: zk.ErrClosing}, <-ended)
		_, _, err = c.Get(g.root)
		require.Equal(t, zk.ErrConnectionClosed, err)
		c.awaitEnd(t)
		require.Equal(t, zk.StateDisconnected, c.State())
	}},
	{name: "options", run: func(t *testing.T, g *gozkEnv) {
		servers := []string{g.addr}
		use := func(c *zk.Conn, _ <-chan zk.Event, err error) {
			t.Helper()
			require.NoError(t, err)
			defer c.Close()
			ok, _, err := c.Exists(g.root)
			require.NoError(t, err)
			require.True(t, ok)
		}
		use(zk.Connect(servers, time.Second, zk.WithDialer(g.dial), zk.WithLogger(quiet{}),
			zk.WithMaxBufferSize(4096), zk.WithMaxConnBufferSize(4096), zk.WithHostProvider(new(oneHost))))
		old := zk.DefaultLogger
		zk.DefaultLogger = quiet{}
		defer func() { zk.DefaultLogger = old }()
		use(zk.ConnectWithDialer(servers, time.Second, g.dial))
	}},
	{name: "long requests", run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		n, id := c.create(t, g.root+"/n", "", 0), c.SessionID()
		const jute = 0xfffff // of the frame: header, path, data, version
		longest := bytes.Repeat([]byte{'x'}, jute-8-4-len(n)-4-4)
		_, err := c.Set(n, longest, -1)
		require.NoError(t, err)
		require.Equal(t, len(longest), len(c.data(t, n)))
		_, err = c.Set(n, append(longest, 'x'), -1)
		require.Error(t, err, "the server hangs up")
		c.await(t, zk.StateHasSession)
		require.Equal(t, id, c.SessionID())
		require.Equal(t, len(longest), len(c.data(t, n)))
	}},
	{name: "long replies", run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		name := strings.Repeat("x", 400)
		const rounds, each = 5, 600
		for i := range rounds {
			var ops []any
			for j := range each {
				ops = append(ops, &zk.CreateRequest{Path: fmt.Sprintf("%s/%s%04d", g.root, name, i*each+j), Acl: openToAll})
			}
			_, err := c.Multi(ops...)
			require.NoError(t, err)
		}
		names, _, err := c.Children(g.root) // 1.2 MB: the limit is on requests
		require.NoError(t, err)
		require.Len(t, names, rounds*each)
	}},
	{name: "concurrent", run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		n := c.create(t, g.root+"/count", "", 0)
		const workers, rounds = 8, 20
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for done := 0; done < rounds; {
					_, stat, err := c.Get(n)
					if err == nil {
						_, err = c.Set(n, nil, stat.Version)
					}
					switch {
					case err == nil:
						done++
					case !errors.Is(err, zk.ErrBadVersion):
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		_, stat, err := c.Get(n)
		require.NoError(t, err)
		require.EqualValues(t, workers*rounds, stat.Version)
	}},
	{name: "lock", run: func(t *testing.T, g *gozkEnv) {
		a, b := g.connect(t), g.connect(t)
		path := g.root + "/deep/lock" // neither of which exists
		first, second := zk.NewLock(a.Conn, path, openToAll), zk.NewLock(b.Conn, path, openToAll)
		require.Equal(t, zk.ErrNotLocked, first.Unlock())
		require.NoError(t, first.Lock())
		require.Equal(t, zk.ErrDeadlock, first.Lock())
		got := make(chan error)
		go func() { got <- second.LockWithData([]byte("mine")) }()
		awaitChildren(t, a, path, 2)
		select {
		case err := <-got:
			require.FailNow(t, "two holders", "%v", err)
		default:
		}
		require.NoError(t, first.Unlock())
		require.NoError(t, <-got)
		names := awaitChildren(t, a, path, 1)
		require.Equal(t, "mine", a.data(t, path+"/"+names[0]))
		b.Close() // the lock goes with the session
		require.NoError(t, first.Lock())
		require.NoError(t, first.Unlock())
	}},
	{name: "four-letter words", sockets: true, run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		require.True(t, c.there(t, g.root))
		const nobody = "127.0.0.1:1"
		require.Equal(t, []bool{true, false}, zk.FLWRuok([]string{g.addr, nobody}, 10*time.Second))

		// cons also lists the connection that asks, whose line the client cannot parse.
		cons, ok := zk.FLWCons([]string{g.addr}, 10*time.Second)
		require.False(t, ok)
		require.Len(t, cons, 1)
		require.NoError(t, cons[0].Error)
		var mine *zk.ServerClient
		for _, client := range cons[0].Clients {
			if client.SessionID == c.SessionID() {
				mine = client
			}
		}
		require.NotNil(t, mine)
		require.EqualValues(t, 10_000, mine.Timeout)
		require.Equal(t, "EXIS", mine.LastOperation)
		require.EqualValues(t, 1, mine.Lcxid)
		require.EqualValues(t, 2, mine.Received, "connect and exists")
		require.EqualValues(t, 2, mine.Sent)
		require.NotZero(t, mine.Established)

		// It expects a version and a date as servers wrote them long ago.
		stats, ok := zk.FLWSrvr([]string{g.addr}, 10*time.Second)
		require.False(t, ok)
		require.EqualError(t, stats[0].Error, "unable to parse fields from zookeeper response (no regex matches)")
	}},
}

// raw connects and waits for nothing; every event is still in the channel.
func (g *gozkEnv) raw(t testing.TB) (*gozkConn, error) {
	t.Helper()
	conn, channel, err := zk.Connect([]string{g.addr}, 10*time.Second, zk.WithDialer(g.dial), zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	if err == nil {
		t.Cleanup(conn.Close)
	}
	return &gozkConn{Conn: conn, channel: channel}, err
}

// awaitEnd waits until the client has stopped: it closes its channel last.
func (c *gozkConn) awaitEnd(t testing.TB) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case _, open := <-c.channel:
			if !open {
				return
			}
		case <-timeout:
			require.FailNow(t, "the client goes on")
		}
	}
}

// oneHost is a HostProvider for one server.
type oneHost struct{ addr string }

func (h *oneHost) Init(servers []string) error { h.addr = servers[0]; return nil }
func (h *oneHost) Len() int                    { return 1 }
func (h *oneHost) Next() (string, bool)        { return h.addr, false }
func (h *oneHost) Connected()                  {}

// awaitChildren waits until a node has so many children.
func awaitChildren(t testing.TB, c *gozkConn, path string, n int) []string {
	t.Helper()
	for {
		names, _, changed, err := c.ChildrenW(path)
		require.NoError(t, err)
		if len(names) == n {
			return names
		}
		<-changed
	}
}

// What needs a hand on the server.
var gozkControlTests = []gozkTest{
	{name: "disconnect", control: true, run: func(t *testing.T, g *gozkEnv) {
		c, other := g.connect(t), g.connect(t)
		id := c.SessionID()
		e := c.create(t, g.root+"/e", "", zk.FlagEphemeral)
		paths := make(map[string]string)
		for _, name := range []string{"changed", "deleted", "grown", "same"} {
			paths[name] = c.create(t, g.root+"/"+name, "", 0)
		}
		watch := func(_ any, _ *zk.Stat, ch <-chan zk.Event, err error) <-chan zk.Event {
			t.Helper()
			require.NoError(t, err)
			return ch
		}
		get := func(name string) <-chan zk.Event { _, s, ch, err := c.GetW(paths[name]); return watch(nil, s, ch, err) }
		changed, deleted, same := get("changed"), get("deleted"), get("same")
		_, s, grown, err := c.ChildrenW(paths["grown"])
		watch(nil, s, grown, err)
		_, s, created, err := c.ExistsW(g.root + "/created")
		watch(nil, s, created, err)

		c.gate.close()
		require.True(t, g.sim.Disconnect(id))
		c.await(t, zk.StateDisconnected)
		_, err = other.Set(paths["changed"], nil, -1)
		require.NoError(t, err)
		require.NoError(t, other.Delete(paths["deleted"], -1))
		other.create(t, paths["grown"]+"/child", "", 0)
		other.create(t, g.root+"/created", "", 0)
		c.gate.open()
		c.await(t, zk.StateHasSession)
		require.Equal(t, id, c.SessionID())
		require.Equal(t, zk.EventNodeDataChanged, (<-changed).Type)
		require.Equal(t, zk.EventNodeDeleted, (<-deleted).Type)
		require.Equal(t, zk.EventNodeChildrenChanged, (<-grown).Type)
		require.Equal(t, zk.EventNodeCreated, (<-created).Type)
		require.True(t, c.there(t, e), "the session was never gone")
		select {
		case ev := <-same:
			require.FailNow(t, "nothing happened to it", "%v", ev)
		default:
		}
		_, err = other.Set(paths["same"], nil, -1)
		require.NoError(t, err)
		require.Equal(t, zk.EventNodeDataChanged, (<-same).Type, "armed again")
	}},
	{name: "auth again", control: true, run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		require.NoError(t, c.AddAuth("digest", []byte("user:secret")))
		_, err := c.Create(g.root+"/n", []byte("x"), 0, zk.AuthACL(zk.PermAll))
		require.NoError(t, err)
		for range 2 {
			g.sim.Disconnect(c.SessionID())
			c.await(t, zk.StateHasSession)
			require.Equal(t, "x", c.data(t, g.root+"/n"))
		}
		g.sim.Expire(c.SessionID())
		c.await(t, zk.StateHasSession)
		require.Equal(t, "x", c.data(t, g.root+"/n"))
	}},
	{name: "expire", control: true, run: func(t *testing.T, g *gozkEnv) {
		c, other := g.connect(t), g.connect(t)
		id := c.SessionID()
		e := c.create(t, g.root+"/e", "", zk.FlagEphemeral)
		_, _, own, err := c.GetW(g.root)
		require.NoError(t, err)
		_, _, gone, err := other.GetW(e)
		require.NoError(t, err)
		require.True(t, g.sim.Expire(id))
		require.Equal(t, zk.EventNodeDeleted, (<-gone).Type)
		c.await(t, zk.StateDisconnected)
		c.await(t, zk.StateExpired)
		require.Equal(t, zk.Event{Type: zk.EventNotWatching, State: zk.StateDisconnected, Path: g.root, Err: zk.ErrSessionExpired}, <-own)
		c.await(t, zk.StateHasSession)
		require.NotEqual(t, id, c.SessionID())
		require.False(t, c.there(t, e))
		require.False(t, g.sim.Expire(id))
	}},
	{name: "restart", control: true, run: func(t *testing.T, g *gozkEnv) {
		c, other := g.connect(t), g.connect(t)
		id := c.SessionID()
		e := c.create(t, g.root+"/e", "data", zk.FlagEphemeral)
		_, _, changed, err := c.GetW(e)
		require.NoError(t, err)
		_, before, err := c.Exists(e)
		require.NoError(t, err)
		g.sim.Restart()
		c.await(t, zk.StateHasSession)
		other.await(t, zk.StateHasSession)
		require.Equal(t, id, c.SessionID())
		// Only the other one asks: go-zookeeper v1.0.4 has a data race between
		// the watches that it arms again and a reply that comes meanwhile.
		_, after, err := other.Exists(e)
		require.NoError(t, err)
		require.Equal(t, before, after)
		_, err = other.Set(e, nil, -1)
		require.NoError(t, err)
		require.Equal(t, zk.EventNodeDataChanged, (<-changed).Type, "whether it has been armed again by now or not")
	}},
	{name: "lost reply", control: true, run: func(t *testing.T, g *gozkEnv) {
		// The request arrives, the reply does not: the guid in the name tells the
		// client, when it is back, that its node is there.
		var lose atomic.Bool
		g.dial = newLossy(g.dial, &lose)
		c := g.connect(t)
		lose.Store(true)
		path, err := c.CreateProtectedEphemeralSequential(g.root+"/n-", nil, openToAll)
		require.NoError(t, err)
		require.False(t, lose.Load(), "a reply was lost")
		require.Regexp(t, "-n-0000000000$", path)
		names, _, err := c.Children(g.root)
		require.NoError(t, err)
		require.Len(t, names, 1)
	}},
	{name: "lock lost", control: true, run: func(t *testing.T, g *gozkEnv) {
		a, b := g.connect(t), g.connect(t)
		path := g.root + "/lock"
		first, second := zk.NewLock(a.Conn, path, openToAll), zk.NewLock(b.Conn, path, openToAll)
		require.NoError(t, first.Lock())
		got := make(chan error)
		go func() { got <- second.Lock() }()
		awaitChildren(t, a, path, 2)
		g.sim.Expire(a.SessionID())
		require.NoError(t, <-got)
		a.await(t, zk.StateHasSession)
		require.Equal(t, zk.ErrNoNode, first.Unlock())
		require.NoError(t, second.Unlock())
	}},
	{name: "session timeout", control: true, run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		for _, s := range g.sim.Sessions() {
			if s.ID == c.SessionID() {
				require.Equal(t, 10*time.Second, s.Timeout)
				require.True(t, s.Connected)
				return
			}
		}
		require.FailNow(t, "no such session")
	}},
	{name: "server gone", control: true, run: func(t *testing.T, g *gozkEnv) {
		c := g.connect(t)
		_, _, ended, err := c.GetW(g.root)
		require.NoError(t, err)
		require.NoError(t, g.sim.Close())
		c.await(t, zk.StateDisconnected)
		_, _, err = c.Get(g.root)
		require.Contains(t, []error{zk.ErrNoServer, zk.ErrConnectionClosed}, err)
		c.Close()
		require.ErrorIs(t, (<-ended).Err, zk.ErrClosing)
	}},
	{name: "words not allowed", control: true, sockets: true, run: func(t *testing.T, _ *gozkEnv) {
		srv := memserver.RunT(t)
		require.NoError(t, srv.Listen("127.0.0.1:0"))
		require.Equal(t, []bool{false}, zk.FLWRuok([]string{srv.Addr()}, 10*time.Second), "by default only srvr is")
	}},
}

// lossy is a connection that can lose what comes next, and ends with it.
type lossy struct {
	net.Conn
	lose *atomic.Bool
}

func newLossy(under zk.Dialer, lose *atomic.Bool) zk.Dialer {
	return func(network, address string, timeout time.Duration) (net.Conn, error) {
		nc, err := under(network, address, timeout)
		return &lossy{nc, lose}, err
	}
}

func (l *lossy) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if err == nil && l.lose.CompareAndSwap(true, false) {
		l.Close()
		return 0, io.EOF
	}
	return n, err
}
