package main

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// What is measured inside this process.

func localScenarios() []scenario {
	return []scenario{{
		name:  "start",
		about: "RunT and a client, until the first reply",
		metrics: []metric{
			{"RunT, ClientT, get", "us", false, atMost(1000)},
			{"RunT, Dial, session, get", "us", false, atMost(1000)},
		},
		local: (*env).startUp,
	}, {
		name:  "direct",
		about: "the direct client: no socket, no codec; nodes of 100 bytes",
		metrics: []metric{
			{"direct get, hot node", "ns", false, atMost(350)},
			{"direct set, hot node", "ns", false, goal{}},
			{"direct create", "ns", false, atMost(1500)},
			{"direct delete", "ns", false, goal{}},
		},
		local: (*env).direct,
	}, {
		name:    "go-zookeeper",
		about:   "the unmodified go-zookeeper v1.0.4 over the in-memory pipe, one get at a time",
		metrics: []metric{{"go-zookeeper get, in memory", "us", false, atMost(10)}},
		local:   (*env).goZooKeeper,
	}, {
		name:  "allocations",
		about: "objects allocated per pipelined request on the in-memory pipe; the client allocates none",
		metrics: []metric{
			{"objects per get", "", false, atMost(0)},
			{"objects per exists", "", false, atMost(0)},
			{"objects per getChildren2 of 100", "", false, atMost(0)},
			{"objects per ping", "", false, atMost(0)},
			{"objects per set", "", false, atMost(6)},
			{"objects per create", "", false, atMost(6)},
			{"objects per delete", "", false, atMost(6)},
		},
		local: (*env).allocations,
	}, {
		name:  "million",
		about: "a tree of 1,000,000 nodes: names of 8 bytes, data of 16, 1000 children per parent",
		metrics: []metric{
			{"live heap per node", "B", false, atMost(200)},
			{"snapshot (fork)", "us", false, atMost(10)},
			{"  snapshot, then the first set", "us", false, atMost(10)},
			{"  snapshot, server from it, first set", "us", false, goal{}},
		},
		local: (*env).million,
	}, {
		name:    "heartbeats",
		about:   "24 hours of 100 go-zookeeper clients in a synctest bubble, by go test: TestHeartbeats of memserver",
		heavy:   true,
		metrics: []metric{{"24 h of heartbeats of 100 clients", "s", false, atMost(10)}},
		local:   (*env).heartbeats,
	}}
}

// testLike is what RunT needs of a test.
type testLike struct {
	failed   error
	cleanups []func()
}

func (t *testLike) Helper()             {}
func (t *testLike) Logf(string, ...any) {}
func (t *testLike) Errorf(format string, args ...any) {
	t.failed = errors.Join(t.failed, fmt.Errorf(format, args...))
}
func (t *testLike) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *testLike) Cleanup(f func())                  { t.cleanups = append(t.cleanups, f) }

// end is the end of the test.
func (t *testLike) end() error {
	for len(t.cleanups) > 0 {
		last := len(t.cleanups) - 1
		f := t.cleanups[last]
		t.cleanups = t.cleanups[:last]
		f()
	}
	return t.failed
}

// perOp is what f takes, in nanoseconds: the median over batches of about 100 us.
func perOp(limit time.Duration, f func(i int) error) (float64, error) {
	const batch = 100 * time.Microsecond
	i, size := 0, 1
	run := func() (time.Duration, error) {
		begin := time.Now()
		for range size {
			if err := f(i); err != nil {
				return 0, err
			}
			i++
		}
		return time.Since(begin), nil
	}
	for begin := time.Now(); ; size *= 2 { // find out how many there are in a batch
		d, err := run()
		if err != nil {
			return 0, err
		}
		if 2*d > batch || time.Since(begin) > limit {
			break
		}
	}
	var batches []float64
	for begin := time.Now(); len(batches) < 3 || time.Since(begin) < limit; {
		d, err := run()
		if err != nil {
			return 0, err
		}
		batches = append(batches, float64(d.Nanoseconds())/float64(size))
	}
	return median(batches), nil
}

func (e *env) startUp() ([]float64, error) {
	direct, err := e.startTimes(func(t *testLike, srv *memserver.Server) error {
		_, _, err := srv.ClientT(t).Get(e.ctx, "/")
		return err
	})
	if err != nil {
		return nil, err
	}
	pipe, err := e.startTimes(func(t *testLike, srv *memserver.Server) error {
		c, err := dialPipe(srv)
		if err != nil {
			return err
		}
		t.Cleanup(c.close)
		return c.do(wire.Op{Type: zkapi.OpGetData, Path: "/"})
	})
	return []float64{direct, pipe}, err
}

// startTimes is the median time, in microseconds, until first has had its reply from a new server.
func (e *env) startTimes(first func(*testLike, *memserver.Server) error) (float64, error) {
	var times []float64
	for stop := time.Now().Add(e.time); len(times) < 3 || time.Now().Before(stop); {
		t := new(testLike)
		begin := time.Now()
		err := first(t, memserver.RunT(t))
		times = append(times, float64(time.Since(begin).Nanoseconds())/1e3)
		if err = errors.Join(err, t.end()); err != nil {
			return 0, err
		}
	}
	return median(times), nil
}

// dialPipe opens a session through memory.
func dialPipe(srv *memserver.Server) (*raw, error) {
	nc, err := srv.Dial("tcp", srv.Addr(), ioLimit)
	if err != nil {
		return nil, err
	}
	return handshake(nc, 64<<10)
}

func (e *env) direct() (values []float64, err error) {
	l, err := newLocal(e)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.srv.Close()) }()
	c, data := l.c, make([]byte, dataSize)
	for _, path := range []string{"/b", "/b/hot"} {
		if _, err := c.Create(e.ctx, path, data, nil, zkapi.Persistent); err != nil {
			return nil, err
		}
	}
	created, deleted := newNames("/b/"), newNames("/b/")
	for _, f := range []func(int) error{
		func(int) error { _, _, err := c.Get(e.ctx, "/b/hot"); return err },
		func(int) error { _, err := c.Set(e.ctx, "/b/hot", data, zkapi.AnyVersion); return err },
		func(int) error {
			_, err := c.Create(e.ctx, created.next(), data, nil, zkapi.Persistent)
			return err
		},
		func(int) error {
			if deleted.n == created.n { // deleting is faster than creating was
				if _, err := c.Create(e.ctx, created.next(), data, nil, zkapi.Persistent); err != nil {
					return err
				}
			}
			return c.Delete(e.ctx, deleted.next(), zkapi.AnyVersion)
		},
	} {
		ns, err := perOp(e.time, f)
		if err != nil {
			return nil, err
		}
		values = append(values, ns)
	}
	return values, nil
}

func (e *env) goZooKeeper() (_ []float64, err error) {
	l, err := newLocal(e)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.srv.Close()) }()
	c, _, err := zk.Connect([]string{l.srv.Addr()}, sessionTimeout, zk.WithDialer(l.srv.Dial), zk.WithLogInfo(false))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if _, err := c.Create("/b", make([]byte, dataSize), 0, zk.WorldACL(zk.PermAll)); err != nil {
		return nil, err
	}
	ns, err := perOp(e.time, func(int) error { _, _, err := c.Get("/b"); return err })
	return []float64{ns / 1e3}, err
}

func (e *env) allocations() (values []float64, err error) {
	l, err := newLocal(e)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.srv.Close()) }()
	c, err := dialPipe(l.srv)
	if err != nil {
		return nil, err
	}
	defer c.close()
	data := make([]byte, dataSize)
	for _, path := range []string{"/b", "/kids"} {
		if err := c.do(createOp(path, data)); err != nil {
			return nil, err
		}
	}
	kids := newNames("/kids/")
	if err := c.each(100, func(i int) wire.Op { return createOp(kids.at(i), nil) }); err != nil {
		return nil, err
	}
	nodes := newNames("/b/")
	for _, op := range []func(int) wire.Op{
		func(int) wire.Op { return wire.Op{Type: zkapi.OpGetData, Path: "/b"} },
		func(int) wire.Op { return wire.Op{Type: zkapi.OpExists, Path: "/b"} },
		func(int) wire.Op { return wire.Op{Type: zkapi.OpGetChildren2, Path: "/kids"} },
		func(int) wire.Op { return wire.Op{Type: zkapi.OpPing} },
		func(int) wire.Op {
			return wire.Op{Type: zkapi.OpSetData, Path: "/b", Data: data, Version: zkapi.AnyVersion}
		},
		func(i int) wire.Op { return createOp(nodes.at(i), data) },
		func(i int) wire.Op { return deleteOp(nodes.at(i)) },
	} {
		n, err := objects(c, max(e.size(50_000), 5000), op)
		if err != nil {
			return nil, err
		}
		values = append(values, n)
	}
	return values, nil
}

// objects is how many objects a request makes the server allocate, to two digits: what happens only
// now and then, such as a buffer that grows, is rounded away.
func objects(c *raw, n int, op func(i int) wire.Op) (float64, error) {
	if err := c.each(1000, func(int) wire.Op { return wire.Op{Type: zkapi.OpPing} }); err != nil {
		return 0, err
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if err := c.each(n, op); err != nil {
		return 0, err
	}
	runtime.ReadMemStats(&after)
	perRequest := float64(after.Mallocs-before.Mallocs) / float64(n)
	return float64(int(perRequest*100+0.5)) / 100, nil
}

// grow creates n nodes, 1000 under each parent, and returns the function that tells their paths.
func grow(e *env, c *memserver.Client, n int) (func(i int) string, error) {
	const fanout = 1000
	data := make([]byte, 16)
	if _, err := c.Create(e.ctx, "/b", nil, nil, zkapi.Persistent); err != nil {
		return nil, err
	}
	var nodes *names
	for i := range n {
		if i%fanout == 0 {
			parent := newNames("/b/").at(i / fanout)
			if _, err := c.Create(e.ctx, parent, nil, nil, zkapi.Persistent); err != nil {
				return nil, err
			}
			nodes = newNames(parent + "/")
		}
		if _, err := c.Create(e.ctx, nodes.at(i), data, nil, zkapi.Persistent); err != nil {
			return nil, err
		}
	}
	buf := []byte("/b/00000000/00000000")
	outer, inner := names{buf: buf[:len("/b/00000000")]}, names{buf: buf}
	return func(i int) string {
		outer.at(i / fanout)
		return inner.at(i)
	}, nil
}

// liveHeap is the size of everything that is reachable.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func (e *env) million() (_ []float64, err error) {
	n := e.size(1_000_000)
	l, err := newLocal(e)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.srv.Close()) }()
	srv, c := l.srv, l.c
	before := liveHeap()
	path, err := grow(e, c, n)
	if err != nil {
		return nil, err
	}
	values := []float64{float64(liveHeap()-before) / float64(n)}
	data := make([]byte, 16)
	anyNode := func() string { return path(random.IntN(n)) }
	for _, f := range []func() error{
		func() error { srv.Snapshot(); return nil },
		func() error {
			srv.Snapshot()
			_, err := c.Set(e.ctx, anyNode(), data, zkapi.AnyVersion)
			return err
		},
		func() error {
			other, err := memserver.New(memserver.From(srv.Snapshot()))
			if err != nil {
				return err
			}
			c, err := other.Client()
			if err != nil {
				return err
			}
			_, err = c.Set(e.ctx, anyNode(), data, zkapi.AnyVersion)
			return err
		},
	} {
		ns, err := oneByOne(e.time, f)
		if err != nil {
			return nil, err
		}
		values = append(values, ns/1e3)
	}
	return values, nil
}

// oneByOne is the median time that f takes, in nanoseconds.
func oneByOne(limit time.Duration, f func() error) (float64, error) {
	var times []float64
	for stop := time.Now().Add(limit); len(times) < 3 || time.Now().Before(stop); {
		begin := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		times = append(times, float64(time.Since(begin).Nanoseconds()))
	}
	return median(times), nil
}

var heartbeatLine = regexp.MustCompile(`heartbeats of .* took (\S+)`)

// heartbeats has the go command run a test, because a bubble of virtual time needs a *testing.T.
func (e *env) heartbeats() ([]float64, error) {
	virtual := max(time.Duration(24*e.scale*float64(time.Hour)), time.Hour)
	cmd := exec.CommandContext(e.ctx, "go", "test", "-count=1", "-v", "-run=^TestHeartbeats$",
		"github.com/zksim/zksim/memserver", "-heartbeats="+virtual.String())
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	m := heartbeatLine.FindSubmatch(out)
	if m == nil {
		return nil, fmt.Errorf("no time in the output of %v:\n%s", cmd, out)
	}
	took, err := time.ParseDuration(string(m[1]))
	return []float64{took.Seconds()}, err
}
