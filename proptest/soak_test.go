package proptest_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

var (
	soakSeeds   = flag.Int("soak.seeds", 2, "runs of TestSoak for each kind of client, each with a seed of its own")
	soakFirst   = flag.Uint64("soak.first", 1, "the first seed of TestSoak")
	soakClients = flag.Int("soak.clients", 40, "clients in TestSoak")
	soakTime    = flag.Duration("soak.time", 10*time.Minute, "virtual time of a run of TestSoak, at least 2m")
)

// TestSoak: many clients write while everything goes wrong that can, and in the end nothing is lost,
// nothing is there that nobody asked for, everybody works again, and nothing is left of those who
// close. The long run:
//
//	go test ./proptest -run 'TestSoak$' -soak.seeds 100 -soak.clients 200
func TestSoak(t *testing.T) {
	for _, kind := range []string{"direct", "wire"} {
		t.Run(kind, func(t *testing.T) {
			if kind == "wire" && proptest.Brief() && *soakSeeds == 2 {
				t.Skip("make test")
			}
			var sum soakSum
			for seed := *soakFirst; seed < *soakFirst+uint64(*soakSeeds); seed++ {
				synctest.Test(t, func(t *testing.T) {
					s := newSoak(t, seed, kind)
					s.run()
					require.Empty(t, s.wrong, "seed %d", seed)
					sum.add(s)
				})
			}
			t.Logf("%d seeds: %v", *soakSeeds, sum)
			require.NotZero(t, sum.fired, "faults")
			require.NotZero(t, sum.blows, "blows at the server")
			require.NotZero(t, sum.outcomes[unknown], "unknown outcomes")
		})
	}
}

// TestSoakTwice: with the direct client a seed has one history, to the nanosecond.
func TestSoakTwice(t *testing.T) {
	run := func(seed uint64) (history string) {
		synctest.Test(t, func(t *testing.T) {
			s := newSoak(t, seed, "direct")
			s.run()
			history = s.history()
		})
		return history
	}
	for seed := *soakFirst; seed < *soakFirst+uint64(*soakSeeds); seed++ {
		first := run(seed)
		require.Equal(t, first, run(seed), "seed %d", seed)
		require.Greater(t, strings.Count(first, "\n"), *soakClients*10)
	}
}

// TestSoakCatches plants clients that claim to know what they cannot know.
func TestSoakCatches(t *testing.T) {
	for name, lying := range map[string]func(zkapi.Client) zkapi.Client{
		"unknown is done":      func(c zkapi.Client) zkapi.Client { return optimist{c} },
		"unknown is not done":  func(c zkapi.Client) zkapi.Client { return pessimist{c} },
		"a write is repeated":  func(c zkapi.Client) zkapi.Client { return repeater{c} },
		"a write is forgotten": func(c zkapi.Client) zkapi.Client { return &forgetful{Client: c} },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); ; seed++ {
				require.LessOrEqual(t, seed, uint64(20), "nothing was found")
				var wrong []string
				synctest.Test(t, func(t *testing.T) {
					s := newSoak(t, seed, "direct")
					s.clients, s.between = 10, lying
					s.run()
					wrong = s.wrong
				})
				if len(wrong) > 0 {
					t.Logf("seed %d: %s", seed, wrong[0])
					return
				}
			}
		})
	}
}

// soak is one run.
type soak struct {
	t       *testing.T
	ctx     context.Context
	seed    uint64
	kind    string
	clients int
	between func(zkapi.Client) zkapi.Client // what a client is wrapped into
	srv     *memserver.Server
	plans   []*faults.Plan // of each client
	cut     []func()       // breaks a client's connection, as the network may
	start   time.Time
	ledger  ledger
	blows   int

	mu    sync.Mutex
	lines [][]string // of each client, and at the end of the one who strikes
	wrong []string
}

func newSoak(t *testing.T, seed uint64, kind string) *soak {
	return &soak{
		t: t, seed: seed, kind: kind, clients: *soakClients, between: func(c zkapi.Client) zkapi.Client { return c },
		ctx: t.Context(), srv: memserver.RunT(t), start: time.Now(),
	}
}

// healed is when the last minute begins, in which nothing goes wrong.
func (s *soak) healed() time.Time { return s.start.Add(*soakTime - time.Minute) }

// instant is client i's share of each millisecond: nobody else ever does anything in it, so that who is
// first is not a matter of luck.
func instant(i int) time.Duration { return time.Duration(i+1) * time.Microsecond }

// soakPlan draws other faults for each minute of a client's life. With the direct client the network is
// not slow, for how long something takes then depends on the events before it, and so on others; and no
// rule counts pings, which may come out of a silence together with requests.
func soakPlan(seed uint64, i int, kind string) *faults.Plan {
	var rules []faults.Rule
	for minute := range int(*soakTime/time.Minute) - 1 {
		for _, r := range faults.Random(seed<<32 + uint64(i)<<16 + uint64(minute)).Rules() {
			if kind == "direct" && (r.Action == faults.Slow || slices.Contains(r.Operations, "all")) {
				continue
			}
			r.From += time.Duration(minute)*time.Minute + instant(i)
			r.To += time.Duration(minute)*time.Minute + instant(i)
			rules = append(rules, r)
		}
	}
	plan, err := faults.New(seed, rules...)
	if err != nil {
		panic(err) // our own rules
	}
	return plan
}

func (s *soak) blame(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

func (s *soak) run() {
	hand := s.srv.ClientT(s.t)
	for _, path := range []string{"/c", "/seq", "/r", "/e", "/pair"} {
		_, err := hand.Create(s.ctx, path, nil, nil, zkapi.Persistent)
		require.NoError(s.t, err)
	}
	for i := range s.clients {
		_, err := hand.Create(s.ctx, fmt.Sprintf("/r/%d", i), nil, nil, zkapi.Persistent)
		require.NoError(s.t, err)
	}
	s.lines, s.cut = make([][]string, s.clients+1), make([]func(), s.clients)
	for i := range s.clients {
		s.plans = append(s.plans, soakPlan(s.seed, i, s.kind))
		s.plans[i].Start()
	}
	var all sync.WaitGroup
	for i := range s.clients {
		all.Go(func() { newSoakClient(s, i).live() })
	}
	all.Go(s.strike)
	all.Wait()
	for _, p := range s.plans {
		require.NoError(s.t, p.Close())
	}
	s.checkTree()
	require.NoError(s.t, hand.Close())
	s.checkLeft()
}

// strike does to the server what plans cannot: sessions expire, connections break, it restarts.
func (s *soak) strike() {
	r := rand.New(rand.NewPCG(s.seed, 1))
	for {
		time.Sleep(time.Duration(1000+r.IntN(10_000)) * time.Millisecond)
		if time.Now().After(s.healed()) {
			return
		}
		var what string
		switch r.IntN(5) {
		case 0, 1:
			sessions := s.srv.Sessions()
			victim := sessions[r.IntN(len(sessions))].ID
			what = fmt.Sprintf("expire 0x%x %v", victim, s.srv.Expire(victim))
		case 2, 3:
			i := r.IntN(s.clients)
			s.cutter(i)()
			what = fmt.Sprintf("cut client %d", i)
		case 4:
			what = "restart"
			s.srv.Restart()
		}
		s.blows++
		s.note(s.clients, "%s", what)
	}
}

// cutBy says how a client is cut off, and cutter what somebody has said.
func (s *soak) cutBy(i int, cut func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut[i] = cut
}

func (s *soak) cutter(i int) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut[i]
}

func (s *soak) note(i int, format string, args ...any) {
	s.lines[i] = append(s.lines[i], time.Since(s.start).String()+" "+fmt.Sprintf(format, args...))
}

// history is everything that everybody has seen, and every fault.
func (s *soak) history() string {
	var b strings.Builder
	for i, lines := range s.lines {
		for _, line := range lines {
			fmt.Fprintf(&b, "%d: %s\n", i, line)
		}
	}
	for _, p := range s.plans {
		if err := p.WriteLog(&b); err != nil {
			panic(err) // a strings.Builder does not fail
		}
	}
	s.srv.Dump(&b)
	return b.String()
}

// checkTree compares what is there with what the clients know.
func (s *soak) checkTree() {
	end := tree{versions: make(map[string]int32)}
	snap := s.srv.Snapshot()
	pairs := make(map[string]int)
	for n := range snap.Nodes() {
		switch {
		case strings.HasPrefix(n.Path, "/c/"), strings.HasPrefix(n.Path, "/seq/"):
			end.nodes = append(end.nodes, n.Path)
		case strings.HasPrefix(n.Path, "/r/"):
			end.versions[n.Path] = n.Stat.Version
		case strings.HasPrefix(n.Path, "/pair/"):
			pairs[n.Path[:len(n.Path)-1]]++
		}
	}
	for pair, n := range pairs {
		if n != 2 {
			s.blame("half a transaction: %s", pair)
		}
	}
	for _, w := range s.ledger.check(end) {
		s.blame("%s", w)
	}
}

// checkLeft is for when everybody has gone.
func (s *soak) checkLeft() {
	synctest.Wait()
	time.Sleep(time.Minute) // sessions that were lost, not closed
	for _, session := range s.srv.Sessions() {
		s.blame("left: session 0x%x with %v", session.ID, session.Ephemerals)
	}
	if n := len(s.srv.Watches()); n > 0 {
		s.blame("left: %d watches", n)
	}
	if n := len(s.srv.Connections()); n > 0 {
		s.blame("left: %d connections", n)
	}
	if n, _ := s.srv.Node("/e"); n.Stat.NumChildren > 0 {
		s.blame("left: %d ephemeral nodes", n.Stat.NumChildren)
	}
	if err := s.srv.Check(); err != nil {
		s.blame("%v", err)
	}
}

// soakClient is one client.
type soakClient struct {
	*soak
	i       int
	c       zkapi.Client
	rnd     *rand.Rand
	version map[int]int32 // the last that was seen of each register
	held    string        // an ephemeral node
}

func newSoakClient(s *soak, i int) *soakClient {
	return &soakClient{soak: s, i: i, rnd: rand.New(rand.NewPCG(s.seed, uint64(i)+2)), version: make(map[int]int32)}
}

func (c *soakClient) note(format string, args ...any) { c.soak.note(c.i, format, args...) }

// live connects, works until nothing goes wrong any more, shows that it works, and closes.
func (c *soakClient) live() {
	time.Sleep(instant(c.i))
	if err := c.connect(c.plans[c.i].As(fmt.Sprint("c", c.i))); err != nil {
		c.blame("client %d cannot connect: %v", c.i, err)
		return
	}
	for n := 0; time.Now().Before(c.healed()); n++ {
		c.step(n)
		next := time.Since(c.start).Truncate(time.Millisecond) + time.Duration(1+c.rnd.IntN(10_000))*time.Millisecond
		time.Sleep(time.Until(c.start.Add(next + instant(c.i))))
	}
	time.Sleep(time.Until(c.start.Add(*soakTime - 10*time.Second + instant(c.i))))
	if _, err := c.c.Create(c.ctx, fmt.Sprintf("/e/%d-last", c.i), nil, nil, zkapi.Ephemeral); err != nil {
		c.blame("client %d is stuck: %v, in state %v", c.i, err, c.c.State())
	}
	if err := c.c.Close(); err != nil {
		c.blame("client %d does not close: %v", c.i, err)
	}
}

const soakTimeout = 30 * time.Second

func (c *soakClient) connect(plan *faults.Party) error {
	if c.kind == "direct" {
		client, err := c.srv.Client(func(o *memserver.ClientConfig) { o.SessionTimeout = soakTimeout })
		if err != nil {
			return err
		}
		c.cutBy(c.i, func() {
			client.Disconnect()
			time.AfterFunc(5*time.Second+instant(c.i), client.Reconnect)
		})
		c.c = c.between(plan.Client(client))
		return nil
	}
	client, err := realserver.Connect(c.ctx, []string{c.srv.Addr()}, func(o *realserver.ClientConfig) {
		o.SessionTimeout, o.Dialer = soakTimeout, plan.Dialer(c.srv.Dial)
	})
	if err != nil {
		return err
	}
	c.cutBy(c.i, func() { c.srv.Disconnect(client.SessionID()) })
	c.c = c.between(client)
	return nil
}

// step does one thing and notes what came of it.
func (c *soakClient) step(n int) {
	ctx, cancel := context.WithTimeout(c.ctx, 40*time.Second+time.Nanosecond) // never together with anything else
	defer cancel()
	w := write{kind: "create", path: fmt.Sprintf("/c/%d-%d", c.i, n)}
	var err error
	switch c.rnd.IntN(7) {
	case 0:
		_, err = c.c.Create(ctx, w.path, nil, nil, zkapi.Persistent)
	case 1:
		w.kind, w.path = "sequence", fmt.Sprintf("/seq/%d-%d-", c.i, n)
		w.made, err = c.c.Create(ctx, w.path, nil, nil, zkapi.PersistentSequential)
	case 2:
		w.kind, w.path = "set", fmt.Sprintf("/r/%d", c.i)
		var stat zkapi.Stat
		stat, err = c.c.Set(ctx, w.path, []byte(fmt.Sprint(n)), zkapi.AnyVersion)
		w.version = stat.Version
	case 3:
		w.path = "/c" // which is there already
		_, err = c.c.Create(ctx, w.path, nil, nil, zkapi.Persistent)
		if err == nil {
			c.blame("client %d has created /c again", c.i)
		}
	case 4:
		c.ephemeral(ctx, n)
		return
	case 5:
		c.pair(ctx, n)
		return
	case 6:
		c.look(ctx)
		return
	}
	w.outcome = outcomeOf(err)
	c.ledger.note(c.i, w)
	c.note("%s %s: %s %d %v", w.kind, w.path, w.made, w.version, err)
}

// ephemeral makes a node that belongs to the session, or deletes the last of them.
func (c *soakClient) ephemeral(ctx context.Context, n int) {
	if c.held != "" {
		err := c.c.Delete(ctx, c.held, zkapi.AnyVersion)
		c.note("delete %s: %v", c.held, err)
		c.held = ""
		return
	}
	c.held = fmt.Sprintf("/e/%d-%d", c.i, n)
	_, err := c.c.Create(ctx, c.held, nil, nil, zkapi.Ephemeral)
	c.note("ephemeral %s: %v", c.held, err)
}

// pair makes two nodes or none.
func (c *soakClient) pair(ctx context.Context, n int) {
	path := fmt.Sprintf("/pair/%d-%d-", c.i, n)
	_, err := c.c.Multi(ctx, zkapi.CreateOp(path+"a", nil, nil, zkapi.Persistent), zkapi.CreateOp(path+"b", nil, nil, zkapi.Persistent))
	c.note("pair %s: %v", path, err)
	_, a := c.srv.Node(path + "a")
	if err == nil && !a || zkapi.NothingChanged(err) && a {
		c.blame("client %d: the transaction %s: %v, and it was done: %v", c.i, path, err, a)
	}
}

// look reads somebody's register and leaves a watch; on one server nobody ever sees an older version.
func (c *soakClient) look(ctx context.Context) {
	i := c.rnd.IntN(c.clients)
	_, stat, _, err := c.c.GetW(ctx, fmt.Sprintf("/r/%d", i))
	c.note("look %d: %d %v", i, stat.Version, err)
	if err != nil {
		return
	}
	if stat.Version < c.version[i] {
		c.blame("client %d has seen version %d of register %d, and then %d", c.i, c.version[i], i, stat.Version)
	}
	c.version[i] = stat.Version
}

// soakSum adds runs up.
type soakSum struct {
	fired, blows int
	outcomes     [3]int
}

func (a *soakSum) add(s *soak) {
	for _, p := range s.plans {
		a.fired += p.Fired()
	}
	a.blows += s.blows
	for _, writes := range s.ledger.writes {
		for _, w := range writes {
			a.outcomes[w.outcome]++
		}
	}
}

func (a soakSum) String() string {
	return fmt.Sprintf("%d faults, %d blows at the server; %d writes done, %d failed, %d unknown",
		a.fired, a.blows, a.outcomes[done], a.outcomes[failed], a.outcomes[unknown])
}

// optimist takes an unknown outcome for a success, pessimist for a failure.
type optimist struct{ zkapi.Client }

func (o optimist) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	made, err := o.Client.Create(ctx, path, data, acl, mode)
	if outcomeOf(err) == unknown {
		return path + "0000000000"[:10*min(1, strings.Count(path, "/seq/"))], nil
	}
	return made, err
}

type pessimist struct{ zkapi.Client }

func (p pessimist) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	made, err := p.Client.Create(ctx, path, data, acl, mode)
	if outcomeOf(err) == unknown {
		err = zkapi.ErrNodeExists
	}
	return made, err
}

// repeater writes again what may have been written.
type repeater struct{ zkapi.Client }

func (r repeater) Create(ctx context.Context, path string, data []byte, acl []zkapi.ACL, mode zkapi.CreateMode) (string, error) {
	made, err := r.Client.Create(ctx, path, data, acl, mode)
	for n := 0; outcomeOf(err) == unknown && ctx.Err() == nil && n < 3; n++ {
		time.Sleep(time.Second)
		made, err = r.Client.Create(ctx, path, data, acl, mode)
	}
	return made, err
}

// forgetful does not send every tenth set.
type forgetful struct {
	zkapi.Client
	sets int
}

func (f *forgetful) Set(ctx context.Context, path string, data []byte, version int32) (zkapi.Stat, error) {
	if f.sets++; f.sets%10 == 0 {
		_, stat, err := f.Client.Get(ctx, path)
		stat.Version++
		return stat, err
	}
	return f.Client.Set(ctx, path, data, version)
}
