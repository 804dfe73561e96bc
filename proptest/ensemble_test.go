package proptest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// TestEnsemble has clients write to a real ensemble while its members are killed and paused. Nothing
// hangs; what was acknowledged is there, what failed is not, what is unknown is there once or not at
// all; sessions and their ephemeral nodes live on; watches fire, or are told what they have missed.
func TestEnsemble(t *testing.T) {
	t.Run("real/3.9", func(t *testing.T) { testEnsemble(t, "3.9") })
	t.Run("real/3.8", func(t *testing.T) { testEnsemble(t, "3.8.0") })
}

func testEnsemble(t *testing.T, version string) {
	if proptest.Brief() {
		t.Skip("make test runs it")
	}
	t.Parallel()
	e := realserver.RunEnsembleT(t, version, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute) // it takes 20 s, or minutes on a busy machine
	defer cancel()
	r := &ensembleRun{ctx: ctx, t: t, e: e, ledger: new(ledger)}
	r.hand = r.client(0)
	for _, path := range []string{"/c", "/seq", "/r", "/live", "/kids", "/tree", "/flag"} {
		r.surely(func() error { return ignore(r.create(r.hand, path, zkapi.Persistent), zkapi.ErrNodeExists) })
	}
	r.watcher = r.client(1)
	r.holds(r.hand, r.watcher)
	stop := r.write(4)
	for i, fault := range []struct {
		name string
		hurt func() *realserver.Server
		heal func(*realserver.Server) error
	}{
		{"a follower is killed", r.killFollower, r.restart},
		{"the leader is killed", r.killLeader, r.restart},
		{"the leader is paused", r.pauseLeader, (*realserver.Server).Continue},
	} {
		r.progress(10)
		begin := time.Now()
		seen := r.watch(i)
		hurt := fault.hurt()
		r.touch(i)
		seen()
		r.progress(10)
		require.NoError(t, fault.heal(hurt))
		require.NoError(t, r.e.WaitServing(ctx))
		r.progress(10)
		t.Logf("%s: %.1fs, %v", fault.name, time.Since(begin).Seconds(), r.ledger)
	}
	stop()
	r.checkSessions()
	r.checkTrees()
}

// ensembleRun is one run of the test.
type ensembleRun struct {
	ctx     context.Context
	t       *testing.T
	e       *realserver.Ensemble
	hand    *testClient // makes what is watched
	watcher *testClient
	clients []*testClient
	ledger  *ledger

	mu      sync.Mutex
	done    map[*testClient]int // writes
	changed chan struct{}
}

// testClient is a client whose session is expected to live as long as the test.
type testClient struct {
	zkapi.Client
	id      int
	session int64
	states  *zkapi.Stream[zkapi.StateChange]
}

// client connects to all members, one first.
func (r *ensembleRun) client(first int) *testClient {
	r.t.Helper()
	addrs := r.e.Addrs()
	addrs = append(addrs[first%3:], addrs[:first%3]...)
	client, err := realserver.Connect(r.ctx, addrs)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { client.Close() })
	c := &testClient{client, len(r.clients), client.SessionID(), client.States()}
	r.clients = append(r.clients, c)
	return c
}

// connected waits until there is a connection.
func (c *testClient) connected(ctx context.Context) error {
	for c.State() != zkapi.StateConnected {
		if _, err := c.states.Next(ctx); err != nil {
			return err
		}
	}
	return nil
}

func ignore(err error, codes ...zkapi.Code) error {
	for _, code := range codes {
		if errors.Is(err, code) {
			return nil
		}
	}
	return err
}

func (r *ensembleRun) create(c *testClient, path string, mode zkapi.CreateMode) error {
	_, err := c.Create(r.ctx, path, nil, nil, mode)
	return err
}

// surely repeats something with the hand until it is sure to be done.
func (r *ensembleRun) surely(do func() error) {
	r.t.Helper()
	for {
		err := do()
		if outcomeOf(err) != unknown || r.ctx.Err() != nil {
			require.NoError(r.t, err)
			return
		}
		require.NoError(r.t, r.hand.connected(r.ctx))
	}
}

// holds gives clients a node each that lives as long as their sessions.
func (r *ensembleRun) holds(clients ...*testClient) {
	for _, c := range clients {
		require.NoError(r.t, r.create(c, fmt.Sprintf("/live/%d", c.id), zkapi.Ephemeral))
	}
}

// write has clients write until the function that it returns is called.
func (r *ensembleRun) write(n int) (stop func()) {
	r.done, r.changed = make(map[*testClient]int), make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(r.ctx)
	var all sync.WaitGroup
	for i := range n {
		c := r.client(i)
		r.holds(c)
		r.surely(func() error {
			return ignore(r.create(r.hand, fmt.Sprintf("/r/%d", c.id), zkapi.Persistent), zkapi.ErrNodeExists)
		})
		r.done[c] = 0
	}
	for c := range r.done {
		all.Go(func() {
			if err := r.writeOn(ctx, c); !errors.Is(err, context.Canceled) {
				r.t.Errorf("client %d: %v", c.id, err)
			}
		})
	}
	return func() { cancel(); all.Wait() }
}

// writeOn writes one thing after the other. Each write ends before this returns, so that its outcome is
// noted.
func (r *ensembleRun) writeOn(ctx context.Context, c *testClient) error {
	register, version := fmt.Sprintf("/r/%d", c.id), int32(0)
	for n := 0; ctx.Err() == nil; n++ {
		w, want := write{kind: "create", path: fmt.Sprintf("/c/%d-%d", c.id, n)}, done
		var err error
		switch n % 4 {
		case 0:
			err = r.create(c, w.path, zkapi.Persistent)
		case 1:
			w.path, want = "/c", failed // it is there already
			err = r.create(c, w.path, zkapi.Persistent)
		case 2:
			w.kind, w.path = "sequence", fmt.Sprintf("/seq/%d-%d-", c.id, n)
			w.made, err = c.Create(r.ctx, w.path, nil, nil, zkapi.PersistentSequential)
		case 3:
			w.kind, w.path = "set", register
			var stat zkapi.Stat
			stat, err = c.Set(r.ctx, register, nil, version)
			w.version = stat.Version
			version++
		}
		if w.outcome = outcomeOf(err); w.outcome != unknown && w.outcome != want {
			return fmt.Errorf("%s %s: %v, %w", w.kind, w.path, w.outcome, err)
		}
		r.ledger.note(c.id, w)
		if w.outcome != unknown {
			r.advance(c)
			continue
		}
		if version, err = r.catchUp(ctx, c, register); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// catchUp waits for a connection and returns the version of a node.
func (r *ensembleRun) catchUp(ctx context.Context, c *testClient, path string) (int32, error) {
	for {
		if err := c.connected(ctx); err != nil {
			return 0, err
		}
		err := c.Sync(ctx, path)
		if err == nil {
			var stat zkapi.Stat
			if _, stat, err = c.Get(ctx, path); err == nil {
				return stat.Version, nil
			}
		}
		if !errors.Is(err, zkapi.ErrConnectionLoss) {
			return 0, err
		}
	}
}

func (r *ensembleRun) advance(c *testClient) {
	r.mu.Lock()
	r.done[c]++
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// progress waits until each client has done so many more writes.
func (r *ensembleRun) progress(n int) {
	r.t.Helper()
	goal := make(map[*testClient]int)
	r.mu.Lock()
	for c, done := range r.done {
		goal[c] = done + n
	}
	r.mu.Unlock()
	for !r.reached(goal) {
		select {
		case <-r.changed:
		case <-r.ctx.Done():
			r.t.Fatalf("clients hang: %v writes done, %v wanted", r.done, goal)
		}
	}
}

func (r *ensembleRun) reached(goal map[*testClient]int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c, n := range goal {
		if r.done[c] < n {
			return false
		}
	}
	return true
}

// killFollower kills the member that the watcher is connected to, or another one if that leads.
func (r *ensembleRun) killFollower() *realserver.Server {
	victim, err := r.e.ConnectedTo(r.ctx, r.watcher.session)
	require.NoError(r.t, err)
	if victim == nil || victim == r.leader() {
		followers, err := r.e.Followers(r.ctx)
		require.NoError(r.t, err)
		victim = followers[0]
	}
	require.NoError(r.t, victim.Kill())
	return victim
}

func (r *ensembleRun) leader() *realserver.Server {
	leader, err := r.e.Leader(r.ctx)
	require.NoError(r.t, err)
	return leader
}

func (r *ensembleRun) killLeader() *realserver.Server {
	leader := r.leader()
	require.NoError(r.t, leader.Kill())
	return leader
}

// pauseLeader returns when the others have elected another one. Clients of the paused one wait.
func (r *ensembleRun) pauseLeader() *realserver.Server {
	leader := r.leader()
	require.NoError(r.t, leader.Pause())
	require.NotSame(r.t, leader, r.leader())
	return leader
}

func (r *ensembleRun) restart(s *realserver.Server) error { return s.Restart(r.ctx) }

// watch sets watches of each kind. The function that it returns waits until they have fired.
func (r *ensembleRun) watch(i int) (seen func()) {
	c := r.watcher
	require.NoError(r.t, c.connected(r.ctx))
	_, _, flag, err := c.GetW(r.ctx, "/flag")
	require.NoError(r.t, err)
	_, there, born, err := c.ExistsW(r.ctx, fmt.Sprintf("/tree/%d", i))
	require.NoError(r.t, err)
	require.False(r.t, there)
	_, _, kids, err := c.ChildrenW(r.ctx, "/kids")
	require.NoError(r.t, err)
	tree, err := c.AddWatch(r.ctx, "/tree", zkapi.WatchPersistentRecursive)
	require.NoError(r.t, err)
	return func() {
		r.t.Helper()
		defer tree.Close()
		r.fires(flag, zkapi.EventNodeDataChanged)
		r.fires(born, zkapi.EventNodeCreated)
		r.fires(kids, zkapi.EventNodeChildrenChanged)
		later := fmt.Sprintf("/tree/%d/later", i) // made when the watch is surely there again
		require.NoError(r.t, c.connected(r.ctx))
		r.surely(func() error { return ignore(r.create(r.hand, later, zkapi.Persistent), zkapi.ErrNodeExists) })
		for {
			event, err := tree.Next(r.ctx)
			require.NoError(r.t, err)
			if event.Path == later {
				require.Equal(r.t, zkapi.EventNodeCreated, event.Type)
				return
			}
		}
	}
}

func (r *ensembleRun) fires(events <-chan zkapi.Event, want zkapi.EventType) {
	r.t.Helper()
	select {
	case event := <-events:
		require.Equal(r.t, want, event.Type, "%v", event)
	case <-r.ctx.Done():
		r.t.Fatalf("%v does not come", want)
	}
}

// touch changes what is watched.
func (r *ensembleRun) touch(i int) {
	r.surely(func() error { _, err := r.hand.Set(r.ctx, "/flag", nil, -1); return err })
	for _, dir := range []string{"/tree", "/kids"} {
		path := fmt.Sprintf("%s/%d", dir, i)
		r.surely(func() error { return ignore(r.create(r.hand, path, zkapi.Persistent), zkapi.ErrNodeExists) })
	}
}

// checkSessions looks whether each session is the one from the start, and has its node; and then ends
// one, to see that its node goes.
func (r *ensembleRun) checkSessions() {
	reader := r.client(2)
	require.NoError(r.t, reader.Sync(r.ctx, "/live"))
	for _, c := range r.clients[:len(r.clients)-1] {
		require.NoError(r.t, c.connected(r.ctx))
		require.Equal(r.t, c.session, c.SessionID(), "client %d", c.id)
		_, stat, err := reader.Get(r.ctx, fmt.Sprintf("/live/%d", c.id))
		require.NoError(r.t, err)
		require.Equal(r.t, c.session, stat.EphemeralOwner)
		for {
			change, ok, _ := c.states.TryNext()
			if !ok {
				break
			}
			require.NotEqual(r.t, zkapi.StateLost, change.State, "client %d", c.id)
		}
	}
	ends := fmt.Sprintf("/live/%d", r.watcher.id)
	_, _, gone, err := reader.GetW(r.ctx, ends)
	require.NoError(r.t, err)
	require.NoError(r.t, r.e.Expire(r.ctx, r.watcher.session))
	r.fires(gone, zkapi.EventNodeDeleted)
	left, _, err := reader.Children(r.ctx, "/live")
	require.NoError(r.t, err)
	require.Len(r.t, left, len(r.clients)-2, "the reader has none, the watcher has none any more")
}

// checkTrees compares what is there with what the clients know, on each member.
func (r *ensembleRun) checkTrees() {
	var first tree
	for i, s := range r.e.Members() {
		client, err := realserver.Connect(r.ctx, []string{s.Addr()})
		require.NoError(r.t, err)
		end := r.tree(client)
		require.NoError(r.t, client.Close())
		require.Empty(r.t, r.ledger.check(end), "member %d", s.ID())
		if i == 0 {
			first = end
		}
		require.Equal(r.t, first, end, "member %d", s.ID())
	}
	r.t.Logf("%d nodes on each member, %v", len(first.nodes), r.ledger)
}

func (r *ensembleRun) tree(c zkapi.Client) tree {
	require.NoError(r.t, c.Sync(r.ctx, "/"))
	end := tree{versions: make(map[string]int32)}
	for _, dir := range []string{"/c", "/seq", "/r"} {
		names, _, err := c.Children(r.ctx, dir)
		require.NoError(r.t, err)
		slices.Sort(names)
		for _, name := range names {
			path := dir + "/" + name
			if dir != "/r" {
				end.nodes = append(end.nodes, path)
				continue
			}
			_, stat, err := c.Get(r.ctx, path)
			require.NoError(r.t, err)
			end.versions[path] = stat.Version
		}
	}
	return end
}
