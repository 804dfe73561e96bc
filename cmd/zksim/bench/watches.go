package main

import (
	"fmt"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// Watch events and sessions.

func watchScenarios() []scenario {
	return []scenario{{
		name:  "events",
		about: "10 connections watch the data of the same 10,000 nodes, which are then set: first set to last event",
		metrics: []metric{
			{"100,000 events, 10 connections", "ms", false, timesBetter(10)},
			{"  server CPU per event", "us", false, goal{}},
			{"  registering the watches", "ms", false, goal{}},
		},
		remote: func(e *env) ([]float64, error) { return e.watchEvents(10, e.size(10_000)) },
	}, {
		name:  "fanout",
		about: "1,000 connections watch the same node, which is then set: set to last event",
		metrics: []metric{
			{"1 event to 1,000 connections", "ms", false, goal{}},
			{"  server CPU per event", "us", false, goal{}},
		},
		remote: func(e *env) ([]float64, error) { return e.fanOut(e.size(1000)) },
	}}
}

func sessionScenarios() []scenario {
	return []scenario{{
		name:  "sessions",
		about: "10,000 sessions connected at the same time",
		heavy: true,
		metrics: []metric{
			{"connecting 10,000 sessions", "s", false, goal{}},
			{"  server CPU per session", "us", false, goal{}},
			{"  server's memory per session", "kB", false, goal{}},
			{"  then a get on each", "ms", false, goal{}},
		},
		remote: func(e *env) ([]float64, error) { return e.sessions(e.size(10_000)) },
	}, {
		name:    "process",
		about:   "the server's process, from its start until it serves, as it was started for this run",
		heavy:   true,
		metrics: []metric{{"start of the process", "ms", false, goal{}}},
		remote: func(e *env) ([]float64, error) {
			if e.start == 0 {
				return []float64{missing}, nil
			}
			return []float64{milliseconds(e.start)}, nil
		},
	}}
}

func (e *env) watchEvents(conns, paths int) ([]float64, error) {
	cs, err := dialAll(e.addr, conns+1)
	defer closeAll(cs)
	if err != nil {
		return nil, err
	}
	watchers, writer := cs[:conns], cs[conns]
	parent := fmt.Sprintf("%s/w%d", e.root, parents.Add(1))
	if err := writer.do(createOp(parent, nil)); err != nil {
		return nil, err
	}
	nodes := newNames(parent + "/")
	data := make([]byte, 16)
	if err := writer.each(paths, func(i int) wire.Op { return createOp(nodes.at(i), data) }); err != nil {
		return nil, err
	}
	begin := time.Now()
	for _, c := range watchers {
		if err := c.each(paths, func(i int) wire.Op {
			return wire.Op{Type: zkapi.OpGetData, Path: nodes.at(i), Watch: true}
		}); err != nil {
			return nil, err
		}
	}
	register := time.Since(begin)
	u, err := e.measure(func() (int, error) {
		return conns * paths, together(conns+1, func(i int) error {
			if i < conns {
				return watchers[i].awaitEvents(paths)
			}
			return writer.each(paths, func(i int) wire.Op {
				return wire.Op{Type: zkapi.OpSetData, Path: nodes.at(i), Data: data, Version: zkapi.AnyVersion}
			})
		})
	})
	if err != nil {
		return nil, err
	}
	return []float64{milliseconds(u.wall), u.serverMicros(), milliseconds(register)}, removeTree(writer, parent)
}

func (e *env) fanOut(conns int) ([]float64, error) {
	cs, err := dialAll(e.addr, conns+1)
	defer closeAll(cs)
	if err != nil {
		return nil, err
	}
	watchers, writer := cs[:conns], cs[conns]
	node := fmt.Sprintf("%s/w%d", e.root, parents.Add(1))
	if err := writer.do(createOp(node, nil)); err != nil {
		return nil, err
	}
	const repeats = 5
	var times []float64
	var sum used
	for range repeats {
		for _, c := range watchers {
			if err := c.do(wire.Op{Type: zkapi.OpGetData, Path: node, Watch: true}); err != nil {
				return nil, err
			}
		}
		u, err := e.measure(func() (int, error) {
			return conns, together(conns+1, func(i int) error {
				if i < conns {
					return watchers[i].awaitEvents(watchers[i].events + 1)
				}
				return writer.do(wire.Op{Type: zkapi.OpSetData, Path: node, Version: zkapi.AnyVersion})
			})
		})
		if err != nil {
			return nil, err
		}
		times = append(times, milliseconds(u.wall))
		sum.n, sum.cpu = sum.n+u.n, sum.cpu+u.cpu
	}
	return []float64{median(times), sum.serverMicros()}, writer.do(deleteOp(node))
}

func (e *env) sessions(n int) ([]float64, error) {
	memory := residentBytes(e.pid)
	var cs []*raw
	defer func() { closeAll(cs) }()
	u, err := e.measure(func() (_ int, err error) {
		cs, err = dialAll(e.addr, n)
		return n, err
	})
	if err != nil {
		return nil, err
	}
	perSession := missing
	if !e.jvm { // whose heap has more room already than the sessions take
		perSession = grown(e.pid, memory, n) / 1024
	}
	begin := time.Now()
	for _, c := range cs {
		c.add(wire.Op{Type: zkapi.OpGetData, Path: e.keys[0]})
		if err := c.flush(); err != nil {
			return nil, err
		}
	}
	for _, c := range cs {
		h, _, err := c.reply()
		if err != nil {
			return nil, err
		}
		if h.Err != 0 {
			return nil, h.Err
		}
	}
	return []float64{u.wall.Seconds(), u.serverMicros(), perSession, milliseconds(time.Since(begin))}, nil
}
