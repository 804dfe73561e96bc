package memserver_test

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// The figures of one process. cmd/zksim/bench measures the same server from
// outside, side by side with a real ZooKeeper.
//
//	go test -run '^$' -bench . -benchmem ./memserver

// BenchmarkDirect is the direct client: no socket, no codec.
func BenchmarkDirect(b *testing.B) {
	ctx := b.Context()
	data := make([]byte, 100)
	prepare := func(b *testing.B) *memserver.Client {
		c := memserver.RunT(b).ClientT(b)
		createAll(b, c, "/a", "/a/hot", "/b")
		_, err := c.Set(ctx, "/a/hot", data, -1)
		require.NoError(b, err)
		return c
	}
	b.Run("get", func(b *testing.B) {
		c := prepare(b)
		for b.Loop() {
			if _, _, err := c.Get(ctx, "/a/hot"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("exists", func(b *testing.B) {
		c := prepare(b)
		for b.Loop() {
			if _, _, err := c.Exists(ctx, "/a/hot"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("set", func(b *testing.B) {
		c := prepare(b)
		for b.Loop() {
			if _, err := c.Set(ctx, "/a/hot", data, -1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("create", func(b *testing.B) {
		c := prepare(b)
		paths := newPaths("/b/")
		for b.Loop() {
			if _, err := c.Create(ctx, paths.next(), data, nil, zkapi.Persistent); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("create-in-between", func(b *testing.B) { // not the last child of its parent
		c := prepare(b)
		createAll(b, c, "/b/x")
		paths := newPaths("/b/")
		for b.Loop() {
			if _, err := c.Create(ctx, paths.next(), data, nil, zkapi.Persistent); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("create+delete", func(b *testing.B) {
		c := prepare(b)
		for b.Loop() {
			if _, err := c.Create(ctx, "/b/x", data, nil, zkapi.Persistent); err != nil {
				b.Fatal(err)
			}
			if err := c.Delete(ctx, "/b/x", -1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("watch+event", func(b *testing.B) {
		c := prepare(b)
		for b.Loop() {
			_, _, ch, err := c.GetW(ctx, "/a/hot")
			if err != nil {
				b.Fatal(err)
			}
			if _, err := c.Set(ctx, "/a/hot", data, -1); err != nil {
				b.Fatal(err)
			}
			<-ch
		}
	})
}

// BenchmarkWire is what a request costs over a connection when 64 are under
// way at a time: through memory, and over TCP. The client's side allocates nothing.
func BenchmarkWire(b *testing.B) {
	for _, transport := range []string{"pipe", "tcp"} {
		for _, op := range []string{"ping", "get", "exists", "set", "create", "delete", "watch+set"} {
			b.Run(transport+"/"+op, func(b *testing.B) {
				c := dialWire(b, memserver.RunT(b), transport)
				benchWire(b, c, op)
			})
		}
	}
}

const window = 64

func benchWire(b *testing.B, c *wireClient, op string) {
	data := make([]byte, 100)
	c.add(wire.Op{Type: zkapi.OpCreate, Path: "/a", ACL: zkapi.OpenACL()})
	c.add(wire.Op{Type: zkapi.OpCreate, Path: "/b", ACL: zkapi.OpenACL()})
	c.add(wire.Op{Type: zkapi.OpCreate, Path: "/a/hot", Data: data, ACL: zkapi.OpenACL()})
	c.flush(b)
	one, other := wire.Op{Type: zkapi.OpGetData, Path: "/a/hot"}, wire.Op{}
	paths := newPaths("/b/")
	switch op {
	case "ping":
		one = wire.Op{Type: zkapi.OpPing}
	case "exists":
		one.Type = zkapi.OpExists
	case "set":
		one = wire.Op{Type: zkapi.OpSetData, Path: "/a/hot", Data: data, Version: -1}
	case "create":
		one = wire.Op{Type: zkapi.OpCreate, Data: data, ACL: zkapi.OpenACL()}
	case "delete":
		one = wire.Op{Type: zkapi.OpDelete, Version: -1}
		for range b.N {
			c.add(wire.Op{Type: zkapi.OpCreate, Path: paths.next(), ACL: zkapi.OpenACL()})
			c.flushAt(b, window)
		}
		c.flush(b)
		paths.n = 0
	case "watch+set":
		one.Watch = true
		other = wire.Op{Type: zkapi.OpSetData, Path: "/a/hot", Data: data, Version: -1}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if op == "create" || op == "delete" {
			one.Path = paths.next()
		}
		c.add(one)
		if other.Type != 0 {
			c.add(other)
		}
		c.flushAt(b, window)
	}
	c.flush(b)
}

// BenchmarkGoZK is the unmodified go-zookeeper client over the in-memory pipe, one request at a time.
func BenchmarkGoZK(b *testing.B) {
	c := dialGoZK(b, memserver.RunT(b))
	acl := zk.WorldACL(zk.PermAll)
	_, err := c.Create("/b", make([]byte, 100), 0, acl)
	require.NoError(b, err)
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := c.Get("/b"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("set", func(b *testing.B) {
		b.ReportAllocs()
		data := make([]byte, 100)
		for b.Loop() {
			if _, err := c.Set("/b", data, -1); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkStart is a new server with one client up to the client's first reply, and the end of both.
func BenchmarkStart(b *testing.B) {
	b.Run("direct", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := memserver.New()
			require.NoError(b, err)
			c, err := s.Client()
			require.NoError(b, err)
			_, _, err = c.Get(b.Context(), "/")
			require.NoError(b, err)
			require.NoError(b, s.Close())
		}
	})
	b.Run("pipe", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := memserver.New()
			require.NoError(b, err)
			c := dialWire(b, s, "pipe")
			c.add(wire.Op{Type: zkapi.OpGetData, Path: "/"})
			c.flush(b)
			c.nc.Close()
			require.NoError(b, s.Close())
		}
	})
}

// BenchmarkConnect is one session: connect, close.
func BenchmarkConnect(b *testing.B) {
	for _, transport := range []string{"pipe", "tcp"} {
		b.Run(transport, func(b *testing.B) {
			s := memserver.RunT(b)
			if transport == "tcp" {
				require.NoError(b, s.Listen("127.0.0.1:0"))
			}
			b.ReportAllocs()
			for b.Loop() {
				c := dialWire(b, s, transport)
				c.add(wire.Op{Type: zkapi.OpCloseSession})
				c.flush(b)
				c.nc.Close()
			}
		})
	}
}

// million is a server with 1,000,000 nodes of 16 bytes with names of 8, 1000
// under each parent, and what that took.
var million = sync.OnceValue(func() *bigTree { return growTree(1_000_000) })

type bigTree struct {
	srv    *memserver.Server
	client *memserver.Client
	heap   float64       // live bytes a node
	create time.Duration // all of them
}

func growTree(n int) *bigTree {
	before := liveHeap()
	s, err := memserver.New()
	if err != nil {
		panic(err)
	}
	c, err := s.Client()
	if err != nil {
		panic(err)
	}
	ctx, start := context.Background(), time.Now()
	data := make([]byte, 16)
	create := func(path string, data []byte) {
		if _, err := c.Create(ctx, path, data, nil, zkapi.Persistent); err != nil {
			panic(err)
		}
	}
	create("/b", nil)
	var paths *pathSeq
	for i := range n {
		if i%1000 == 0 {
			parent := fmt.Sprintf("/b/p%07d", i/1000)
			create(parent, nil)
			paths = newPaths(parent + "/")
		}
		create(paths.next(), data)
	}
	t := &bigTree{srv: s, client: c, create: time.Since(start)}
	t.heap = (liveHeap() - before) / float64(n)
	return t
}

func liveHeap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkLoad is one node of a tree that grows, and the live heap that it takes: -benchtime 1000000x
// is the tree of BenchmarkMillion.
func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	t := growTree(b.N)
	b.ReportMetric(float64(t.create.Nanoseconds())/float64(b.N), "ns/op") // without looking at the heap
	b.ReportMetric(t.heap, "B/znode")
	require.NoError(b, t.srv.Close())
}

// BenchmarkMillion is what works on a tree of 1,000,000 nodes.
func BenchmarkMillion(b *testing.B) {
	ctx := b.Context()
	data := make([]byte, 16)
	b.Run("snapshot", func(b *testing.B) {
		s := million().srv
		b.ReportAllocs()
		for b.Loop() {
			s.Snapshot()
		}
	})
	b.Run("snapshot+set", func(b *testing.B) {
		t, i := million(), 0
		b.ReportAllocs()
		for b.Loop() {
			t.srv.Snapshot()
			i = (i + 7919_317) % 1_000_000
			if _, err := t.client.Set(ctx, millionPath(i), data, -1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("get", func(b *testing.B) {
		t, i := million(), 0
		b.ReportAllocs()
		for b.Loop() {
			i = (i + 7919_317) % 1_000_000
			if _, _, err := t.client.Get(ctx, millionPath(i)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("gc", func(b *testing.B) {
		million()
		for b.Loop() {
			runtime.GC()
		}
	})
}

func millionPath(i int) string { return fmt.Sprintf("/b/p%07d/%08d", i/1000, i%1000) }

// BenchmarkEvents is one event: a watch of each of 10 connections on every one
// of 10,000 paths, which are then set once each.
func BenchmarkEvents(b *testing.B) {
	const conns, paths = 10, 10_000
	s := memserver.RunT(b)
	writer := dialWire(b, s, "pipe")
	writer.add(wire.Op{Type: zkapi.OpCreate, Path: "/b", ACL: zkapi.OpenACL()})
	names := newPaths("/b/")
	for range paths {
		writer.add(wire.Op{Type: zkapi.OpCreate, Path: names.next(), ACL: zkapi.OpenACL()})
		writer.flushAt(b, window)
	}
	writer.flush(b)
	var watchers [conns]*wireClient
	for i := range watchers {
		watchers[i] = dialWire(b, s, "pipe")
	}
	var arm, fire time.Duration
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		for _, w := range watchers {
			names.n = 0
			for range paths {
				w.add(wire.Op{Type: zkapi.OpGetData, Path: names.next(), Watch: true})
				w.flushAt(b, window)
			}
			w.flush(b)
		}
		arm += time.Since(start)
		start = time.Now()
		var done sync.WaitGroup
		for _, w := range watchers {
			done.Go(func() { w.read(b, paths) })
		}
		names.n = 0
		for range paths {
			writer.add(wire.Op{Type: zkapi.OpSetData, Path: names.next(), Version: -1})
			writer.flushAt(b, window)
		}
		writer.flush(b)
		done.Wait()
		fire += time.Since(start)
		n += conns * paths
	}
	b.ReportMetric(float64(arm.Nanoseconds())/float64(n), "ns/watch")
	b.ReportMetric(float64(fire.Nanoseconds())/float64(n), "ns/event")
}

var heartbeats = flag.Duration("heartbeats", time.Hour, "virtual time of TestHeartbeats and TestHeartbeatsDirect; cmd/zksim/bench takes 24h")

// TestHeartbeats has 100 go-zookeeper clients do nothing but send their pings. It is here and not a
// benchmark because a bubble needs a *testing.T.
func TestHeartbeats(t *testing.T) {
	const clients = 100
	synctest.Test(t, func(t *testing.T) {
		begin := wallClock()
		srv := memserver.RunT(t)
		var first []int64
		var conns []*zk.Conn
		for range clients {
			c, events, err := zk.Connect([]string{srv.Addr()}, 30*time.Second, zk.WithDialer(srv.Dial), zk.WithLogInfo(false),
				zk.WithMaxBufferSize(4<<10), zk.WithMaxConnBufferSize(4<<10)) // 3 MB a client otherwise
			require.NoError(t, err)
			t.Cleanup(c.Close)
			for e := range events {
				if e.State == zk.StateHasSession {
					break
				}
			}
			conns = append(conns, c)
			first = append(first, c.SessionID())
		}
		time.Sleep(*heartbeats)
		for i, c := range conns {
			require.Equal(t, zk.StateHasSession, c.State())
			require.Equal(t, first[i], c.SessionID())
		}
		t.Logf("heartbeats of %d clients for %v took %v", clients, *heartbeats, wallClock()-begin)
	})
}

// TestHeartbeatsDirect is the same with 1,000 direct clients, which count as sending their pings, and
// one that went away and expires.
func TestHeartbeatsDirect(t *testing.T) {
	const clients = 1000
	synctest.Test(t, func(t *testing.T) {
		begin := wallClock()
		srv := memserver.RunT(t)
		for range clients {
			srv.ClientT(t)
		}
		gone := srv.ClientT(t)
		gone.Disconnect()
		time.Sleep(*heartbeats)
		require.Len(t, srv.Sessions(), clients)
		t.Logf("heartbeats of %d direct clients for %v took %v", clients, *heartbeats, wallClock()-begin)
	})
}

// wallClock is a clock that a bubble does not stop.
func wallClock() time.Duration {
	var now syscall.Timeval
	if err := syscall.Gettimeofday(&now); err != nil {
		panic(err)
	}
	return time.Duration(now.Nano())
}

// pathSeq makes paths that differ in their last eight digits.
type pathSeq struct {
	prefix string
	n      int
}

func newPaths(prefix string) *pathSeq { return &pathSeq{prefix: prefix} }

func (p *pathSeq) next() string {
	var digits [8]byte
	for i, v := 7, p.n; i >= 0; i-- {
		digits[i] = byte('0' + v%10)
		v /= 10
	}
	p.n++
	return p.prefix + string(digits[:])
}

func createAll(b *testing.B, c zkapi.Client, paths ...string) {
	b.Helper()
	for _, p := range paths {
		_, err := c.Create(b.Context(), p, nil, nil, zkapi.Persistent)
		require.NoError(b, err)
	}
}

func dialGoZK(b testing.TB, s *memserver.Server) *zk.Conn {
	b.Helper()
	c, events, err := zk.Connect([]string{s.Addr()}, 10*time.Second, zk.WithDialer(s.Dial), zk.WithLogInfo(false))
	require.NoError(b, err)
	b.Cleanup(c.Close)
	for e := range events {
		if e.State == zk.StateHasSession {
			break
		}
	}
	return c
}

// wireClient sends prepared frames and counts the replies, without allocating.
type wireClient struct {
	nc   net.Conn
	out  []byte
	due  int // replies to what is in out
	in   []byte
	req  wire.Request
	rest int // in[:rest] is unread
}

func dialWire(b testing.TB, s *memserver.Server, transport string) *wireClient {
	b.Helper()
	nc, err := s.Dial("tcp", s.Addr(), time.Second)
	if transport == "tcp" {
		require.NoError(b, err)
		nc.Close()
		if s.Addr() == "127.0.0.1:1" {
			require.NoError(b, s.Listen("127.0.0.1:0"))
		}
		nc, err = net.Dial("tcp", s.Addr())
	}
	require.NoError(b, err)
	c := &wireClient{nc: nc, in: make([]byte, 64<<10)}
	connect := wire.ConnectRequest{TimeOut: 30_000, Passwd: make([]byte, wire.PasswordLen), HasReadOnly: true}
	_, err = nc.Write(wire.EndFrame(connect.Append(wire.BeginFrame(nil)), 0))
	require.NoError(b, err)
	reply := make([]byte, 4+37)
	_, err = io.ReadFull(nc, reply)
	require.NoError(b, err)
	return c
}

// add encodes a request.
func (c *wireClient) add(o wire.Op) {
	c.req.Xid++
	c.req.Type = o.Type
	c.req.Op = o
	start := len(c.out)
	c.out = wire.EndFrame(c.req.Append(wire.BeginFrame(c.out)), start)
	c.due++
}

// flushAt is flush once there are n requests.
func (c *wireClient) flushAt(b *testing.B, n int) {
	if c.due >= n {
		c.flush(b)
	}
}

// flush sends what was added and waits for the replies.
func (c *wireClient) flush(b *testing.B) {
	if _, err := c.nc.Write(c.out); err != nil {
		b.Error(err)
	}
	c.out = c.out[:0]
	c.read(b, c.due)
	c.due = 0
}

// read waits for n frames: replies, of which all must be good, or events.
// Events that come between replies are not counted with these.
func (c *wireClient) read(b *testing.B, n int) {
	for {
		buf := c.in[:c.rest]
		for {
			payload, after, ok, err := wire.NextFrame(buf, len(c.in))
			if err != nil {
				b.Error(err)
				return
			}
			if !ok {
				break
			}
			buf = after
			if c.due > 0 && int32(binary.BigEndian.Uint32(payload)) == wire.XidNotification {
				continue
			}
			if code := binary.BigEndian.Uint32(payload[12:]); code != 0 {
				b.Errorf("error %d", int32(code))
				return
			}
			n--
		}
		c.rest = copy(c.in, buf)
		if n <= 0 {
			return
		}
		k, err := c.nc.Read(c.in[c.rest:])
		if err != nil {
			b.Error(err)
			return
		}
		c.rest += k
	}
}
