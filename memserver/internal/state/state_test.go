package state

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

func testConfig() Config {
	return Config{TickTime: 1000, MinSessionTimeout: 2000, MaxSessionTimeout: 20_000, FirstSession: 1 << 56,
		ExtendedTypes: true, EnforceQuota: true, Digests: true, ContainerInterval: 60_000, ContainerBatch: 10_000}
}

// driver plays the shell: it delivers nothing and checks everything.
type driver struct {
	t     rapid.TB
	s     *State
	now   int64
	conns []*Conn
	rsp   Response
}

// newDriver makes the tree use its cache from the first node on.
func newDriver(t rapid.TB, s *State) *driver {
	s.tree.cache = newCache()
	return &driver{t: t, s: s, now: 1_000_000}
}

func (d *driver) connect() *Conn {
	c := d.s.NewConn(d.s.Members()[0], "127.0.0.1")
	q, p := wire.ConnectRequest{TimeOut: 10_000}, wire.ConnectResponse{}
	require.True(d.t, d.s.Connect(d.now, c, &q, &p))
	d.conns = append(d.conns, c)
	return c
}

func (d *driver) do(c *Conn, q wire.Request) zkapi.Code {
	d.s.Apply(d.now, c, &q, &d.rsp)
	d.settle()
	return d.rsp.Err
}

func (d *driver) settle() {
	d.s.TakeNotes()
	d.s.TakeKicked()
	d.conns = slices.DeleteFunc(d.conns, func(c *Conn) bool { return c.Session == nil || d.s.Live(c.Session.ID) == nil })
}

func (d *driver) create(c *Conn, path string, mode zkapi.CreateMode) zkapi.Code {
	return d.do(c, request(wire.Op{Type: zkapi.OpCreate, Path: path, ACL: zkapi.OpenACL(), Flags: int32(mode)}))
}

func request(o wire.Op) wire.Request {
	return wire.Request{RequestHeader: wire.RequestHeader{Type: o.Type}, Op: o}
}

// print is everything that a client could read of the tree.
func print(nodes func(func(NodeInfo) bool)) string {
	var b strings.Builder
	for n := range nodes {
		fmt.Fprintf(&b, "%s %q %v %v %v %d\n", n.Path, n.Data, n.Data == nil, n.ACL, n.Stat, n.TTL)
	}
	return b.String()
}

var paths = []string{"/a", "/a/b", "/a/b/c", "/a/c", "/b", "/b/a", "/q", "/q/x", "/q/y", "/zookeeper/quota/q",
	"/zookeeper/quota/q/zookeeper_limits", "/zookeeper/quota/q/zookeeper_stats", "/", "bad", "/a/"}

// genOp draws one part of a multi, or a whole request.
func genOp(t *rapid.T) wire.Op {
	o := wire.Op{Path: rapid.SampledFrom(paths).Draw(t, "path"), Version: -1}
	if rapid.Bool().Draw(t, "versioned") {
		o.Version = rapid.Int32Range(0, 2).Draw(t, "version")
	}
	o.ACL = zkapi.OpenACL()
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0, 1, 2, 3:
		o.Type, o.Flags = zkapi.OpCreate, rapid.Int32Range(0, 4).Draw(t, "flags")
	case 4:
		o.Type, o.Flags, o.TTL = zkapi.OpCreateTTL, rapid.Int32Range(5, 6).Draw(t, "flags"), 5000
	case 5, 6:
		o.Type = zkapi.OpDelete
	case 7, 8:
		o.Type = zkapi.OpSetData
	default:
		o.Type = zkapi.OpCheck
	}
	o.Data = []byte(rapid.SampledFrom([]string{"", "x", "count=3,bytes=9", "count=2,bytes=-1=;byteHardLimit=30;countHardLimit=4"}).Draw(t, "data"))
	return o
}

// Whatever clients do, the books stay right, a failed multi changes nothing but
// the zxid, and a snapshot never changes.
func TestRandomHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDriver(t, New(testConfig()))
		type frozen struct {
			snap *Snapshot
			text string
		}
		var snaps []frozen
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(d.conns) == 0 {
				d.connect()
			}
			c := d.conns[rapid.IntRange(0, len(d.conns)-1).Draw(t, "conn")]
			switch rapid.IntRange(0, 15).Draw(t, "step") {
			case 0:
				d.connect()
			case 1:
				d.s.Disconnect(d.now, c)
				d.settle()
			case 2:
				d.do(c, wire.Request{RequestHeader: wire.RequestHeader{Type: zkapi.OpCloseSession}})
			case 3:
				d.now += rapid.Int64Range(0, 15_000).Draw(t, "time")
				d.s.ExpireDue(d.now, func(s *Session) bool { return s.Conn != nil && s.ID%2 == 0 })
				d.s.Reap(d.now)
				d.settle()
			case 4:
				snaps = append(snaps, frozen{d.s.Snapshot(), print(d.s.Nodes())})
			case 5:
				path := rapid.SampledFrom(paths).Draw(t, "path")
				d.do(c, wire.Request{RequestHeader: wire.RequestHeader{Type: zkapi.OpAddWatch},
					Watch: wire.WatchRequest{Path: path, Type: rapid.Int32Range(0, 1).Draw(t, "mode")}})
			case 6:
				o := wire.Op{Type: zkapi.OpExists, Path: rapid.SampledFrom(paths).Draw(t, "path"), Watch: true}
				d.do(c, request(o))
			case 7:
				d.s.Restart(d.now, 1<<56)
				d.settle()
			case 8, 9, 10:
				ops := rapid.SliceOfN(rapid.Custom(genOp), 0, 6).Draw(t, "ops")
				before := print(d.s.Nodes())
				counts := d.s.Counts(d.s.Leader())
				d.do(c, wire.Request{RequestHeader: wire.RequestHeader{Type: zkapi.OpMulti}, Ops: ops})
				failed := d.rsp.Err != 0 || slices.ContainsFunc(d.rsp.Results, func(r wire.MultiResult) bool { return r.Err != 0 })
				if failed {
					require.Equal(t, before, print(d.s.Nodes()), "a failed multi")
					require.Equal(t, counts, d.s.Counts(d.s.Leader()), "a failed multi")
				}
			default:
				d.do(c, request(genOp(t)))
			}
			require.NoError(t, d.s.Check())
		}
		for _, f := range snaps {
			require.Equal(t, f.text, print(f.snap.Nodes()), "a snapshot")
			require.NoError(t, From(testConfig(), f.snap, d.now).Check())
		}
	})
}

// Two servers on one snapshot, and the one it was taken of, go their own ways.
func TestForksAreIndependent(t *testing.T) {
	d := newDriver(t, New(testConfig()))
	c := d.connect()
	for i := range 100 {
		require.Zero(t, d.create(c, fmt.Sprintf("/n%02d", i), zkapi.Persistent))
	}
	snap := d.s.Snapshot()
	want := print(snap.Nodes())
	done := make(chan string)
	for _, name := range []string{"east", "west"} {
		go func() {
			f := newDriver(t, From(testConfig(), snap, d.now))
			c := f.connect()
			for i := range 100 {
				path := fmt.Sprintf("/n%02d", i)
				f.do(c, request(wire.Op{Type: zkapi.OpSetData, Path: path, Data: []byte(name), Version: 0}))
				f.create(c, path+"/"+name, zkapi.Persistent)
			}
			done <- print(f.s.Nodes())
		}()
	}
	for i := range 100 {
		d.do(c, request(wire.Op{Type: zkapi.OpDelete, Path: fmt.Sprintf("/n%02d", i), Version: -1}))
	}
	a, b := <-done, <-done
	require.NotEqual(t, a, b)
	require.Equal(t, strings.ReplaceAll(a, "east", "west"), strings.ReplaceAll(b, "east", "west"))
	require.Equal(t, want, print(snap.Nodes()))
	require.Equal(t, 4, d.s.tree.count)
}

// Check finds what it is there to find.
func TestCheckFindsPlantedContradictions(t *testing.T) {
	for name, plant := range map[string]func(*State){
		"digest":              func(s *State) { s.digest++ },
		"count":               func(s *State) { s.tree.count++ },
		"bytes":               func(s *State) { s.tree.bytes-- },
		"future zxid":         func(s *State) { s.tree.find("/p").mzxid = s.zxid + 1 },
		"no ACL":              func(s *State) { s.tree.find("/p").acl = nil },
		"lost ephemeral":      func(s *State) { s.ephemerals.Clear() },
		"ephemeral's parent":  func(s *State) { s.tree.find("/p").owner = s.tree.find("/p/e").owner },
		"miscounted owner":    func(s *State) { s.live[s.tree.find("/p/e").owner].owned++ },
		"dead owner":          func(s *State) { s.tree.find("/p/e").owner++ },
		"lost container":      func(s *State) { s.containers.Delete("/c") },
		"disarmed limit":      func(s *State) { s.quotas.Delete("/p") },
		"pzxid":               func(s *State) { s.tree.find("/p").kids.pzxid = 0 },
		"session not tracked": func(s *State) { s.buckets.Clear() },
		"session not kept":    func(s *State) { s.sessions.Clear() },
		"watch without path":  func(s *State) { clear(s.Leader().data.paths) },
		"watch of nobody":     func(s *State) { s.Leader().data.paths["/p"].conn.Session = nil },
		"recursive miscount":  func(s *State) { s.Leader().data.recursive++ },
		"change left behind":  func(s *State) { s.changes = append(s.changes, change{}) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDriver(t, New(testConfig()))
			c := d.connect()
			require.Zero(t, d.create(c, "/p", zkapi.Persistent))
			require.Zero(t, d.create(c, "/p/e", zkapi.Ephemeral))
			container := wire.Op{Type: zkapi.OpCreateContainer, Path: "/c", ACL: zkapi.OpenACL(), Flags: 4}
			require.Zero(t, d.do(c, request(container)))
			require.Zero(t, d.create(c, "/zookeeper/quota/p", zkapi.Persistent))
			require.Zero(t, d.create(c, "/zookeeper/quota/p/"+limitsName, zkapi.Persistent))
			watch := wire.Request{RequestHeader: wire.RequestHeader{Type: zkapi.OpAddWatch}, Watch: wire.WatchRequest{Path: "/p", Type: 1}}
			require.Zero(t, d.do(c, watch))
			require.NoError(t, d.s.Check())
			plant(d.s)
			require.Error(t, d.s.Check())
		})
	}
}

// What a server that crashed while it wrote may leave in a file is repaired.
func TestFileIsRepaired(t *testing.T) {
	d := newDriver(t, New(testConfig()))
	c := d.connect()
	for path, mode := range map[string]zkapi.CreateMode{"/q": zkapi.Persistent, "/e": zkapi.Ephemeral} {
		require.Zero(t, d.create(c, path, mode))
	}
	require.Zero(t, d.create(c, "/zookeeper/quota/q", zkapi.Persistent))
	for _, name := range []string{limitsName, statsName} {
		require.Zero(t, d.create(c, "/zookeeper/quota/q/"+name, zkapi.Persistent))
	}
	d.s.sessions.Clear()
	d.s.tree.own("/zookeeper/quota/q/" + statsName).setData([]byte("count=77,bytes=77"))
	var file bytes.Buffer
	_, err := d.s.Snapshot().WriteTo(&file)
	require.NoError(t, err)
	snap, err := ParseSnapshot(file.Bytes())
	require.NoError(t, err)
	require.NoError(t, From(testConfig(), snap, d.now).Check())
	_, ok := snap.Node("/e")
	require.False(t, ok, "its session is not there")
	stats, _ := snap.Node("/zookeeper/quota/q/" + statsName)
	require.Equal(t, "count=1,bytes=0", string(stats.Data))
}

// The counter of creations sticks at its end, but inside one transaction it runs over.
func TestSequenceOverflow(t *testing.T) {
	d := newDriver(t, New(testConfig()))
	c := d.connect()
	require.Zero(t, d.create(c, "/s", zkapi.Persistent))
	require.Zero(t, d.create(c, "/s/x", zkapi.Persistent))
	d.s.tree.find("/s").kids.cversion = 1<<31 - 1
	d.s.countDigest()
	seq := wire.Op{Type: zkapi.OpCreate, Path: "/s/n-", ACL: zkapi.OpenACL(), Flags: int32(zkapi.PersistentSequential)}
	ops := []wire.Op{seq, seq, seq}
	d.do(c, wire.Request{RequestHeader: wire.RequestHeader{Type: zkapi.OpMulti}, Ops: ops})
	var made []string
	for _, r := range d.rsp.Results {
		made = append(made, r.Path)
	}
	require.Equal(t, []string{"/s/n-2147483647", "/s/n--2147483648", "/s/n--2147483647"}, made)
	require.Equal(t, zkapi.ErrNodeExists, d.do(c, request(seq)))
	require.NoError(t, d.s.Check())
}

// A connection that has closed its session may end only after the server was restored.
func TestALateEndOfAConnection(t *testing.T) {
	s := New(testConfig())
	d := newDriver(t, s)
	c := d.connect()
	d.do(c, wire.Request{RequestHeader: wire.RequestHeader{Type: zkapi.OpAddWatch}, Watch: wire.WatchRequest{Path: "/"}})
	d.do(c, wire.Request{RequestHeader: wire.RequestHeader{Type: zkapi.OpCloseSession}})
	s.Restore(d.now, 0, nil)
	s.Disconnect(d.now, c)
	d.settle()
	require.NoError(t, s.Check())
}

func TestSequential(t *testing.T) {
	for n, want := range map[int32]string{
		0: "p0000000000", 7: "p0000000007", 1<<31 - 1: "p2147483647", -5: "p-000000005", -1 << 31: "p-2147483648",
	} {
		require.Equal(t, want, sequential("p", n))
	}
}

func TestNodeIsOneAllocationClass(t *testing.T) {
	require.EqualValues(t, 96, nodeSize)
}

const nodeSize = unsafe.Sizeof(node{})
