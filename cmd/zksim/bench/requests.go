package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// Requests, pipelined and one at a time, and a million of them.

func requestScenarios() []scenario {
	var all []scenario
	for _, op := range []struct {
		name   string
		factor float64
	}{{"get", 20}, {"set", 20}, {"create", 15}} {
		all = append(all, scenario{
			name:  "pipelined-" + op.name,
			about: "8 connections with 64 requests under way on each, nodes of 100 bytes",
			metrics: []metric{
				{"pipelined " + op.name, "1/s", true, timesBetter(op.factor)},
				{"  server CPU", "us", false, timesBetter(20)},
			},
			remote: func(e *env) ([]float64, error) { return e.pipelined(op.name, 8, 64) },
		})
	}
	for _, awake := range []bool{false, true} {
		if awake && !canStayAwake {
			continue
		}
		for _, op := range []string{"get", "set", "create"} {
			s := scenario{
				name:  "sync-" + op,
				about: "one connection, one request at a time",
				metrics: []metric{
					{"synchronous " + op, "1/s", true, goal{}},
					{"  median latency", "us", false, goal{}},
					{"  server CPU", "us", false, timesBetter(4)},
				},
				remote: func(e *env) ([]float64, error) { return e.synchronous(op) },
				awake:  awake,
			}
			if awake {
				s.name = "awake-" + op
				s.about += ", on processors that do not sleep in between"
				s.metrics[0].name += ", awake"
			}
			all = append(all, s)
		}
	}
	return all
}

func loadScenario() scenario {
	return scenario{
		name:  "load",
		about: "1,000,000 creates on 4 connections: names of 8 bytes, data of 16, 1000 children per parent",
		heavy: true,
		metrics: []metric{
			{"1,000,000 creates", "s", false, timesBetter(10)},
			{"  server CPU per create", "us", false, goal{}},
			{"  server's memory per node", "B", false, goal{}},
		},
		remote: (*env).load,
	}
}

// parents numbers the parents of nodes that a round creates.
var parents atomic.Int64

// workload is one connection's endless supply of requests. They differ in their xid and path only,
// and all paths have one length, so a request is a copy of the first with these two written over it.
type workload struct {
	c       *raw
	op      string
	keys    []string
	rnd     *rand.PCG
	frame   []byte // the last request
	path    []byte // in frame
	created *names // nil unless op is create
}

func (e *env) workload(c *raw, op string) (*workload, error) {
	w := &workload{c: c, op: op, keys: e.keys, rnd: rand.NewPCG(1, uint64(parents.Add(1)))}
	if op != "create" {
		w.encode(e.keys[0])
		return w, nil
	}
	parent := fmt.Sprintf("%s/c%06d", e.root, parents.Add(1))
	w.created = newNames(parent + "/")
	w.encode(w.created.at(0))
	return w, c.do(createOp(parent, nil))
}

// encode makes the frame that all requests are copies of.
func (w *workload) encode(path string) {
	o := wire.Op{Path: path}
	switch data := make([]byte, dataSize); w.op {
	case "get":
		o.Type = zkapi.OpGetData
	case "set":
		o.Type, o.Data, o.Version = zkapi.OpSetData, data, zkapi.AnyVersion
	case "create":
		o = createOp(path, data)
	}
	req := wire.Request{RequestHeader: wire.RequestHeader{Type: o.Type}, Op: o}
	w.frame = wire.EndFrame(req.Append(wire.BeginFrame(nil)), 0)
	at := bytes.Index(w.frame, []byte(path))
	w.path = w.frame[at : at+len(path)]
}

// add appends the next request to what the connection sends.
func (w *workload) add() {
	if w.op == "create" {
		copy(w.path, w.created.next())
	} else {
		copy(w.path, w.key())
	}
	w.c.xid++
	binary.BigEndian.PutUint32(w.frame[frameXid:], uint32(w.c.xid))
	w.c.out = append(w.c.out, w.frame...)
}

// frameXid is where a request's xid stands in its frame, after the length.
const frameXid = 4

func (w *workload) key() string { return w.keys[w.rnd.Uint64()%keyCount] }

// undo deletes what was created.
func (w *workload) undo() error {
	if w.created == nil {
		return nil
	}
	if err := w.c.each(w.created.n, func(i int) wire.Op { return deleteOp(w.created.at(i)) }); err != nil {
		return err
	}
	parent := string(w.created.buf[:len(w.created.buf)-len("/00000000")])
	return w.c.do(deleteOp(parent))
}

func (e *env) pipelined(op string, conns, window int) ([]float64, error) {
	loads := make([]*workload, conns)
	for i := range loads {
		c, err := dial(e.addr, 32<<10)
		if err != nil {
			return nil, err
		}
		defer c.close()
		if loads[i], err = e.workload(c, op); err != nil {
			return nil, err
		}
	}
	u, err := e.measure(func() (int, error) {
		deadline := time.Now().Add(e.time)
		var total atomic.Int64
		err := together(conns, func(i int) error {
			w, left := loads[i], 0
			n, err := w.c.pipeline(window, func() bool {
				if left--; left < 0 { // ask the time once per batch
					if left = window/2 - 1; !time.Now().Before(deadline) {
						return false
					}
				}
				w.add()
				return true
			})
			total.Add(int64(n))
			return err
		})
		return int(total.Load()), err
	})
	if err != nil {
		return nil, err
	}
	for _, w := range loads {
		if err := w.undo(); err != nil {
			return nil, err
		}
	}
	return []float64{u.perSecond(), u.serverMicros()}, nil
}

func (e *env) synchronous(op string) ([]float64, error) {
	c, err := dial(e.addr, 4<<10)
	if err != nil {
		return nil, err
	}
	defer c.close()
	w, err := e.workload(c, op)
	if err != nil {
		return nil, err
	}
	var latencies []time.Duration
	u, err := e.measure(func() (int, error) {
		begin := time.Now()
		for last := begin; last.Sub(begin) < e.time; {
			w.add()
			if err := c.flush(); err != nil {
				return 0, err
			}
			h, _, err := c.reply()
			if err = errors.Join(err, h.Err.Err()); err != nil {
				return 0, err
			}
			now := time.Now()
			latencies = append(latencies, now.Sub(last))
			last = now
		}
		return len(latencies), nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(latencies)
	p50 := float64(latencies[len(latencies)/2].Nanoseconds()) / 1e3
	return []float64{u.perSecond(), p50, u.serverMicros()}, w.undo()
}

func (e *env) load() ([]float64, error) {
	const conns, window, fanout = 4, 200, 1000
	n := e.size(1_000_000)
	base := fmt.Sprintf("%s/load%d", e.root, parents.Add(1))
	cs, err := dialAll(e.addr, conns)
	defer closeAll(cs)
	if err != nil {
		return nil, err
	}
	if err := cs[0].do(createOp(base, nil)); err != nil {
		return nil, err
	}
	before := residentBytes(e.pid)
	u, err := e.measure(func() (int, error) {
		return n, together(conns, func(i int) error {
			c, data := cs[i], make([]byte, 16)
			from, to := n*i/conns, n*(i+1)/conns
			var children *names
			// A parent's create may be under way while its children's are sent:
			// a connection's requests are handled in order.
			k, atParent := from, true
			_, err := c.pipeline(window, func() bool {
				switch {
				case k == to:
					return false
				case atParent:
					parent := fmt.Sprintf("%s/%c%06d", base, 'a'+i, k/fanout)
					children = newNames(parent + "/")
					c.add(createOp(parent, nil))
					atParent = false
				default:
					c.add(createOp(children.at(k), data))
					k++
					atParent = k%fanout == 0
				}
				return true
			})
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	memory := grown(e.pid, before, n)
	if !e.owned {
		err = removeTree(cs[0], base)
	}
	return []float64{u.wall.Seconds(), u.serverMicros(), memory}, err
}

// together runs f(0) to f(n-1) at the same time and waits for all.
func together(n int, f func(i int) error) error {
	errs := make([]error, n)
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() { errs[i] = f(i) })
	}
	running.Wait()
	return errors.Join(errs...)
}

// dialAll opens n sessions, some at a time. What was opened before an error is returned with it.
func dialAll(addr string, n int) ([]*raw, error) {
	const atOnce = 32
	cs := make([]*raw, n)
	var next atomic.Int64
	err := together(min(n, atOnce), func(int) error {
		for {
			i := int(next.Add(1)) - 1
			if i >= n {
				return nil
			}
			c, err := dial(addr, 256)
			if err != nil {
				return err
			}
			cs[i] = c
		}
	})
	return slices.DeleteFunc(cs, func(c *raw) bool { return c == nil }), err
}

// closeAll ends sessions, some at a time.
func closeAll(cs []*raw) {
	const atOnce = 32
	var next atomic.Int64
	_ = together(min(len(cs), atOnce), func(int) error {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(cs) {
				return nil
			}
			cs[i].close()
		}
	})
}
