package model

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/zksim/zksim/zkapi"
)

// Server is the server under test: what can be done to it beside asking it.
// Only Connect is required. What is nil is left out of the histories.
type Server struct {
	// Connect makes a client with a session of its own.
	Connect func(ctx context.Context, timeout time.Duration) (zkapi.Client, error)
	// Reset makes the server, or another one in its place, as empty as after its
	// installation. All clients are closed before. Without it every history
	// lives below a node of its own, and the server should have no other
	// clients, and remove no containers and TTL nodes, meanwhile: that takes zxids.
	Reset func() error
	// Expire ends a session on the server.
	Expire func(sessionID int64) error
	// Disconnect breaks a client's connection, for as long as Reconnect is not
	// called. Both may return before the client has noticed.
	Disconnect func(c zkapi.Client) error
	Reconnect  func(c zkapi.Client) error
	// Restart stops the server and starts it on the same data. Clients come back by themselves.
	Restart func() error
	// Now and Advance are the server's clock, if the test has it in its hand: it
	// moves only by Advance. Clients that are connected send their pings meanwhile.
	Now     func() time.Time
	Advance func(d time.Duration)
	// Prompt says that events are at their clients, whoever they are, before the
	// call returns that caused them.
	Prompt bool
}

// Config says how the server is set up, in ZooKeeper's terms, and how it is checked.
type Config struct {
	Profile           string // "3.9", the default, or "3.8"
	TickTime          time.Duration
	MinSessionTimeout time.Duration
	MaxSessionTimeout time.Duration
	ExtendedTypes     bool          // TTL nodes: zookeeper.extendedTypesEnabled
	ContainerInterval time.Duration // znode.container.checkIntervalMs; needs Server.Advance to matter
	IP                string        // the address that the server sees

	SessionTimeout time.Duration // what clients ask for
	ClockError     time.Duration // how far the server's clock may be off; one minute by default
	Steps          int           // the length of a history, roughly, on average; 60 by default
	Nodes          int           // how many nodes there are beside those that a history makes

	// Stats, if not nil, counts.
	Stats *Stats

	timed  bool
	groups int
}

// Stats is what Check has done.
type Stats struct {
	Histories int
	Steps     int
	Results   map[string]map[string]int // operation, result: how often
}

// String is the table of the results.
func (s Stats) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.Results)) {
		fmt.Fprintf(&b, "%s:", name)
		for _, result := range slices.Sorted(maps.Keys(s.Results[name])) {
			fmt.Fprintf(&b, " %s %d", result, s.Results[name][result])
		}
		b.WriteString("\n")
	}
	return b.String()
}

// count notes a result. Expirations and the like have none.
func (s *Stats) count(o *request, got *outcome) {
	if s.Results == nil {
		s.Results = make(map[string]map[string]int)
	}
	add := func(name, result string) {
		if s.Results[name] == nil {
			s.Results[name] = make(map[string]int)
		}
		s.Results[name][result]++
	}
	add(o.name(), got.String())
	for i, r := range got.results {
		add(opNames[o.op]+" "+o.parts[i].name(), zkapi.CodeOf(r.Err).Name())
	}
}

func (c *Config) v38() bool { return c.Profile == "3.8" }

// TB is the part of testing.TB that Check needs: *testing.T, *testing.B and *rapid.T have it.
type TB = rapid.TB

// Check runs random histories of several clients on a server and compares all
// that they see with the model. It reports the shortest history that it finds
// on which they differ. How many it runs is rapid's to say: -rapid.checks.
func Check(t TB, srv Server, opts ...func(*Config)) {
	t.Helper()
	cfg := Config{
		Profile: "3.9", TickTime: 2 * time.Second, ContainerInterval: time.Minute, IP: "127.0.0.1",
		SessionTimeout: 10 * time.Second, ClockError: time.Minute, Steps: 60, ExtendedTypes: true,
	}
	for _, opt := range opts {
		opt(&cfg)
	}
	if cfg.MinSessionTimeout == 0 {
		cfg.MinSessionTimeout = 2 * cfg.TickTime
	}
	if cfg.MaxSessionTimeout == 0 {
		cfg.MaxSessionTimeout = 20 * cfg.TickTime
	}
	cfg.timed = srv.Now != nil && srv.Advance != nil
	can, err := probe(&srv, &cfg)
	if err != nil {
		t.Fatalf("model: %v", err)
	}
	stops := 0
	for 1<<stops < cfg.Steps {
		stops++
	}
	r := &runner{srv: &srv, cfg: &cfg, can: can, draw: newDrawer(can, stops)}
	if srv.Reset == nil {
		r.place = fmt.Sprintf("/model-%x-", rand.Uint64()>>16)
	}
	rapid.Check(plain{t}, r.history)
}

// plain hides *testing.T from rapid, which asks it for its deadline. In a
// synctest bubble that is not allowed.
type plain struct{ TB }

// abilities is what a server and its clients can do.
type abilities struct {
	srv      *Server
	cfg      *Config
	oddPaths bool // the client sends paths as they are
	root     bool // the history has the root for itself
	lacks    [len(opNames)]bool
	multiTTL bool // containers and TTL nodes in a multi

	authFailure bool // which leaves a session to its timeout
}

func (a *abilities) op(o op) bool {
	switch o {
	case opDisconnect, opReconnect:
		return a.srv.Disconnect != nil && a.srv.Reconnect != nil
	case opExpire:
		return a.srv.Expire != nil
	case opRestart:
		return a.srv.Restart != nil
	case opAdvance:
		return a.cfg.timed
	case opCloseStream:
		return !a.cfg.v38() && !a.lacks[opAddWatch]
	}
	return !a.lacks[o]
}

// probe asks a client what it can do.
func probe(srv *Server, cfg *Config) (*abilities, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := srv.Connect(ctx, cfg.SessionTimeout)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	defer c.Close()
	a := &abilities{srv: srv, cfg: cfg, root: srv.Reset != nil, authFailure: cfg.timed}
	_, _, err = c.Exists(ctx, "/a//b")
	a.oddPaths = !errors.Is(err, zkapi.ErrBadArguments)
	asked := client{Client: c}
	for _, o := range []op{opAddWatch, opRemoveWatches, opMultiRead, opAllChildrenNumber, opEphemerals, opWhoAmI} {
		out := asked.ask(ctx, &request{op: o, path: "/zookeeper", remove: zkapi.WatchTypeAny})
		a.lacks[o] = errors.Is(out.err, errors.ErrUnsupported)
	}
	_, err = c.Multi(ctx, zkapi.CreateOp("/no/such/parent", nil, nil, zkapi.Container))
	a.multiTTL = !errors.Is(err, errors.ErrUnsupported)
	return a, nil
}

// runner runs histories.
type runner struct {
	srv   *Server
	cfg   *Config
	can   *abilities
	draw  *drawer
	place string
	count int
}

// history draws and runs one.
func (r *runner) history(t *rapid.T) {
	r.count++
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m := &machine{t: t, ctx: ctx, srv: r.srv, cfg: r.cfg, can: r.can}
	text := m.run(func() error { return r.prepare(m) }, func() (request, bool) {
		o := r.draw.step.Draw(t, "step")
		return o, !o.stop
	})
	r.tally(m)
	if text != "" {
		t.Logf("the history, and what the server answers:\n%s", m.printed())
		t.Fatalf("the server differs from the model: %s", text)
	}
}

func (r *runner) tally(m *machine) {
	if s := r.cfg.Stats; s != nil {
		s.Histories++
		s.Steps += m.steps
	}
}

// prepare gives the history an empty server, or a node of its own.
func (r *runner) prepare(m *machine) error {
	if r.srv.Reset != nil {
		if err := r.srv.Reset(); err != nil {
			return fmt.Errorf("resetting the server: %w", err)
		}
	}
	m.z = newZooKeeper(r.cfg)
	if r.cfg.timed {
		m.z.now = r.srv.Now().UnixMilli()
		m.z.scheduleReaper()
	}
	if r.srv.Reset != nil {
		return nil
	}
	c, err := r.srv.Connect(m.ctx, r.cfg.SessionTimeout)
	if err != nil {
		return err
	}
	m.prefix = r.place + fmt.Sprint(r.count)
	_, stat, err := c.Create2(m.ctx, m.prefix, nil, nil, zkapi.Persistent)
	if err != nil {
		return errors.Join(err, c.Close())
	}
	m.z.nodes[m.prefix] = &node{acl: zkapi.OpenACL(), czxid: stat.Czxid, mzxid: stat.Mzxid, pzxid: stat.Pzxid}
	m.z.zxid = stat.Czxid + 1 // the session's end
	m.base = m.z.zxid
	return c.Close()
}

// run plays a history to its end.
func (m *machine) run(prepare func() error, next func() (request, bool)) (text string) {
	defer func() {
		m.leave()
		switch r := recover().(type) {
		case nil:
		case difference:
			text = m.short(string(r))
		default:
			panic(r)
		}
	}()
	if err := prepare(); err != nil {
		m.fail("%v", err)
	}
	m.populate(m.connect(0))
	for range maxSteps {
		o, ok := next()
		if !ok {
			break
		}
		m.step(o)
	}
	m.audit()
	return ""
}

// ballast is where the nodes are that make a tree large.
const ballast = "/z"

func (m *machine) populate(c *client) {
	if m.cfg.Nodes == 0 {
		return
	}
	o := request{op: opMulti, parts: []request{{path: m.at(ballast)}}}
	for i := range m.cfg.Nodes - 1 {
		o.parts = append(o.parts, request{path: m.at(ballast + "/" + strconv.Itoa(i))})
	}
	m.request(c, &o)
}

// maxSteps bounds a history.
const maxSteps = 1000

// audit reads all that there is, and closes everything.
func (m *machine) audit() {
	m.note("at the end:")
	c := m.slots[0]
	if c.end != 0 {
		c = m.connect(0)
	}
	for _, c := range m.slots {
		if c != nil {
			m.reconnect(c)
		}
	}
	for _, path := range m.z.sorted() {
		if m.prefix != "" && path != m.prefix && !strings.HasPrefix(path, m.prefix+"/") || strings.Contains(path, ballast+"/") {
			continue
		}
		for _, o := range []op{opGet, opGetACL, opChildren} {
			m.request(c, &request{op: o, path: path})
		}
	}
	for _, c := range m.slots {
		if c != nil {
			m.flush(c)
		}
	}
	for _, c := range m.slots {
		if c != nil {
			m.close(c)
		}
	}
}

// leave closes what a history that has failed leaves open.
func (m *machine) leave() {
	for _, c := range m.slots {
		if c != nil && c.end != zkapi.StateClosed {
			c.Close()
		}
	}
}
