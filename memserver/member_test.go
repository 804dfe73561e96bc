package memserver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// Ensembles: what members that lag, stop and lead let their clients see.

func three(c *memserver.Config) { c.Members = 3 }

var hold = memserver.Lag{Hold: true}

// on is a client that stays with one member.
func on(t testing.TB, srv *memserver.Server, member int) *memserver.Client {
	t.Helper()
	return srv.ClientT(t, func(c *memserver.ClientConfig) { c.Member = member })
}

func requireData(t testing.TB, c zkapi.Client, path, data string) {
	t.Helper()
	got, _, err := c.Get(t.Context(), path)
	require.NoError(t, err)
	require.Equal(t, data, string(got))
}

func set(t testing.TB, c zkapi.Client, path, data string) {
	t.Helper()
	_, err := c.Set(t.Context(), path, []byte(data), zkapi.AnyVersion)
	require.NoError(t, err)
}

func TestALaggingMemberServesThePast(t *testing.T) {
	srv := memserver.RunT(t, three)
	writer, reader := on(t, srv, 3), on(t, srv, 1)
	open(t, writer, "/n", "1")
	requireData(t, reader, "/n", "1")

	follower := srv.Member(1)
	follower.SetLag(hold)
	_, _, changed, err := reader.GetW(t.Context(), "/n")
	require.NoError(t, err)
	set(t, writer, "/n", "2")
	set(t, writer, "/n", "3")
	open(t, writer, "/new", "")
	requireData(t, reader, "/n", "1")
	requireSilent(t, changed)
	_, there, err := reader.Exists(t.Context(), "/new")
	require.NoError(t, err)
	require.False(t, there)
	names, stat, err := reader.Children(t.Context(), "/")
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"zookeeper", "n"}, names)
	require.EqualValues(t, 2, stat.NumChildren)
	require.Equal(t, 3, follower.Behind())

	require.Equal(t, 1, follower.Apply(1))
	requireData(t, reader, "/n", "2")
	require.Equal(t, zkapi.EventNodeDataChanged, fired(t, changed).Type)

	require.NoError(t, reader.Sync(t.Context(), "/"))
	requireData(t, reader, "/n", "3")
	require.Zero(t, follower.Behind())
	require.Equal(t, srv.Zxid(), follower.Zxid())

	set(t, writer, "/n", "4") // it holds on to what it has after a sync too
	requireData(t, reader, "/n", "3")
	follower.SetLag(memserver.Lag{})
	requireData(t, reader, "/n", "4")
}

func TestAClientSeesItsOwnWrites(t *testing.T) {
	srv := memserver.RunT(t, three)
	near, far := on(t, srv, 3), on(t, srv, 1)
	open(t, near, "/n", "1")
	srv.Member(1).SetLag(hold)
	set(t, near, "/n", "2")
	_, _, changed, err := far.GetW(t.Context(), "/n")
	require.NoError(t, err)
	_, err = far.Create(t.Context(), "/mine", nil, nil, zkapi.Ephemeral) // which comes after 2 for everybody
	require.NoError(t, err)
	require.Equal(t, zkapi.EventNodeDataChanged, fired(t, changed).Type)
	requireData(t, far, "/n", "2")
	mine, err := far.Ephemerals(t.Context(), "/")
	require.NoError(t, err)
	require.Equal(t, []string{"/mine"}, mine)
	_, err = far.Set(t.Context(), "/n", nil, 0) // a refused write has its place as well
	require.ErrorIs(t, err, zkapi.ErrBadVersion)
	require.Zero(t, srv.Member(1).Behind())
}

func TestLagByTransactionsAndByTime(t *testing.T) {
	srv := memserver.RunT(t, three)
	writer, second, third := on(t, srv, 3), on(t, srv, 1), on(t, srv, 2)
	open(t, writer, "/n", "0")
	srv.Member(1).SetLag(memserver.Lag{Txns: 2})
	srv.Member(2).SetLag(memserver.Lag{Time: 3 * time.Second})
	for i := 1; i <= 5; i++ {
		set(t, writer, "/n", string(rune('0'+i)))
	}
	requireData(t, second, "/n", "3")
	requireData(t, third, "/n", "0")
	srv.Advance(2 * time.Second)
	set(t, writer, "/n", "6")
	srv.Advance(time.Second)
	requireData(t, third, "/n", "5")
	srv.Advance(time.Minute)
	requireData(t, third, "/n", "6")
	requireData(t, second, "/n", "4")
}

func TestLagByTimeInABubble(t *testing.T) {
	bubble(t, func(t *testing.T, srv *memserver.Server) {
		writer, reader := on(t, srv, 3), on(t, srv, 1)
		open(t, writer, "/n", "1")
		srv.Member(1).SetLag(memserver.Lag{Time: 300 * time.Millisecond})
		_, _, changed, err := reader.GetW(t.Context(), "/n")
		require.NoError(t, err)
		start := time.Now()
		set(t, writer, "/n", "2")
		<-changed
		require.Equal(t, 300*time.Millisecond, time.Since(start))
	}, three)
}

// A follower that lags has not heard that its client's session has ended. It
// goes on to serve the client what was, so a lock whose owner only reads has two
// of them (CURATOR-604 and its like). A sync before the look is enough.
func TestALockWithTwoOwners(t *testing.T) {
	srv := memserver.RunT(t, three)
	a, b := on(t, srv, 1), on(t, srv, 3)
	open(t, b, "/lock", "")
	acquire := func(c *memserver.Client) string {
		path, err := c.Create(t.Context(), "/lock/", nil, nil, zkapi.EphemeralSequential)
		require.NoError(t, err)
		return path
	}
	owns := func(c *memserver.Client, path string) bool {
		names, _, err := c.Children(t.Context(), "/lock")
		require.NoError(t, err)
		slices.SortFunc(names, zkapi.CompareSequenceNames)
		return len(names) > 0 && names[0] == zkapi.Base(path)
	}
	mine, next := acquire(a), acquire(b)
	require.True(t, owns(a, mine))
	require.False(t, owns(b, next))

	states := a.States()
	srv.Member(1).SetLag(hold)
	srv.Expire(a.SessionID())
	require.True(t, owns(b, next))
	require.True(t, owns(a, mine), "it cannot know")
	require.Empty(t, drainStates(states))

	require.ErrorIs(t, a.Sync(t.Context(), "/lock"), zkapi.ErrConnectionLoss)
	require.Equal(t, []zkapi.State{zkapi.StateSuspended, zkapi.StateLost, zkapi.StateConnected}, drainStates(states))
	require.False(t, owns(a, mine))
	require.True(t, owns(b, next))
}

func TestNoMemberTakesAClientBackInTime(t *testing.T) {
	srv := memserver.RunT(t, three)
	writer := on(t, srv, 3)
	srv.Member(1).SetLag(hold)
	srv.Member(2).SetLag(hold)
	open(t, writer, "/n", "1")
	states := writer.States()
	all := srv.ClientT(t) // would go anywhere
	require.Equal(t, 1, all.Member())
	open(t, all, "/seen", "")
	srv.Member(2).SetLag(hold)
	open(t, writer, "/later", "")
	_, _, err := writer.Get(t.Context(), "/later")
	require.NoError(t, err)

	id := writer.SessionID()
	srv.Disconnect(id)
	writer.Reconnect() // to member 3, which it never leaves
	require.Equal(t, id, writer.SessionID())
	require.Equal(t, []zkapi.State{zkapi.StateSuspended, zkapi.StateConnected}, drainStates(states))

	require.NoError(t, srv.Member(1).Start()) // does nothing: it runs
	require.NotNil(t, srv.Leader())
}

func TestAnElectionKeepsSessionsAndTree(t *testing.T) {
	srv := memserver.RunT(t, three)
	require.Equal(t, 3, srv.Leader().ID())
	require.Equal(t, memserver.Leader, srv.Member(3).Role())
	require.Equal(t, memserver.Follower, srv.Member(1).Role())
	c := srv.ClientT(t)
	require.EqualValues(t, int64(1<<32|1), srv.Zxid(), "the first transaction of the first epoch")
	require.EqualValues(t, 1, c.SessionID()>>56)
	_, err := c.Create(t.Context(), "/e", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	id, states := c.SessionID(), c.States()
	_, _, deleted, err := c.ExistsW(t.Context(), "/e")
	require.NoError(t, err)

	srv.Member(3).Stop()
	require.Equal(t, memserver.NotServing, srv.Member(3).Role())
	require.Equal(t, 2, srv.Leader().ID())
	require.Equal(t, id, c.SessionID())
	require.Equal(t, []zkapi.State{zkapi.StateSuspended, zkapi.StateConnected}, drainStates(states))
	require.EqualValues(t, int64(2<<32), srv.Zxid())
	set(t, c, "/e", "x")
	require.EqualValues(t, int64(2<<32|1), srv.Zxid())
	require.Equal(t, zkapi.EventNodeDataChanged, fired(t, deleted).Type, "watches come along")

	require.NoError(t, srv.Member(3).Start())
	require.Equal(t, 2, srv.Leader().ID(), "who comes back follows")
	requireData(t, on(t, srv, 3), "/e", "x")
	require.True(t, srv.Member(1).Elect())
	require.Equal(t, 1, srv.Leader().ID())
	require.EqualValues(t, int64(3<<32), srv.Zxid())
}

func TestAfterAnElectionSessionsHaveAllTheirTime(t *testing.T) {
	srv := memserver.RunT(t, three)
	c := on(t, srv, 3)
	id := c.SessionID() // of 10 s
	c.Disconnect()
	srv.Advance(8 * time.Second)
	require.True(t, srv.Member(1).Elect())
	srv.Advance(8 * time.Second)
	require.Len(t, srv.Sessions(), 1)
	srv.Advance(8 * time.Second)
	require.Empty(t, srv.Sessions())
	require.Equal(t, id, c.SessionID())
}

func TestAnElectionTakesTime(t *testing.T) {
	synctest.Test(t, electionTakesTime) // so that no millisecond passes by itself
}

func electionTakesTime(t *testing.T) {
	slow := func(c *memserver.Config) { c.ElectionTime, c.ReadOnlyMode, c.LocalSessions = 2*time.Second, true, true }
	srv := memserver.RunT(t, three, slow, func(c *memserver.Config) { c.LocalUpgrading = true })
	require.NotNil(t, srv.Leader(), "at its start it takes none")
	c := srv.ClientT(t)
	_, err := c.Create(t.Context(), "/e", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	id, epoch := c.SessionID(), srv.Zxid()>>32
	srv.Leader().Stop()
	srv.Advance(1999 * time.Millisecond)
	require.Nil(t, srv.Leader())
	require.Equal(t, zkapi.StateSuspended, c.State())
	require.Equal(t, memserver.NotServing, srv.Member(1).Role(), "it does not look like a lost quorum")
	require.Equal(t, epoch, srv.Zxid()>>32)
	srv.Advance(time.Millisecond)
	require.Equal(t, 2, srv.Leader().ID())
	require.Equal(t, zkapi.StateConnected, c.State())
	require.Equal(t, id, c.SessionID())
	require.Equal(t, epoch+1, srv.Zxid()>>32)

	require.True(t, srv.Member(1).Elect())
	srv.Member(1).Stop() // there is no quorum, and nobody to be elected
	srv.Advance(time.Minute)
	require.Nil(t, srv.Leader())
	require.NoError(t, srv.Member(3).Start())
	srv.Advance(2 * time.Second)
	require.Equal(t, 2, srv.Leader().ID(), "who has missed an epoch does not lead")
	srv.Restart()
	require.NotNil(t, srv.Leader())
}

func TestAnElectionTakesTimeInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t, three, func(c *memserver.Config) { c.ElectionTime = 2 * time.Second })
		c := dialGoZK(t, srv)
		defer c.Close()
		begin := time.Now()
		srv.Leader().Stop()
		for srv.Leader() == nil {
			time.Sleep(100 * time.Millisecond)
		}
		require.InDelta(t, 2*time.Second, time.Since(begin), float64(100*time.Millisecond))
		time.Sleep(2 * time.Second) // of the bubble: the client may just have tried all, and fails what is asked meanwhile
		_, _, err := c.Get("/")
		require.NoError(t, err)
	})
}

func TestSessionIDsRunOver(t *testing.T) {
	srv := memserver.RunT(t, three)
	srv.SetNextSession(1<<56 - 1)
	require.EqualValues(t, int64(0x01ffffffffffffff), on(t, srv, 1).SessionID())
	require.EqualValues(t, int64(0x0200000000000000), on(t, srv, 1).SessionID(), "into the number of the member")
	require.EqualValues(t, int64(0x0300000000000001), on(t, srv, 2).SessionID())
}

func TestAMemberThatComesBackKnowsAll(t *testing.T) {
	srv := memserver.RunT(t, three)
	srv.Member(1).Stop()
	open(t, srv.ClientT(t), "/n", "1")
	require.NoError(t, srv.Member(1).Start())
	require.Equal(t, srv.Zxid(), srv.Member(1).Zxid())
}

func TestWithoutAQuorumNobodyIsServed(t *testing.T) {
	srv := memserver.RunT(t, three)
	c := srv.ClientT(t)
	_, err := c.Create(t.Context(), "/e", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	id := c.SessionID()
	srv.Member(2).Isolate()
	srv.Member(3).Stop()
	require.Nil(t, srv.Leader())
	_, _, err = c.Get(t.Context(), "/e")
	require.ErrorIs(t, err, zkapi.ErrConnectionLoss)
	require.Equal(t, zkapi.StateSuspended, c.State())
	_, err = srv.Client()
	require.ErrorIs(t, err, zkapi.ErrConnectionLoss)
	require.False(t, srv.Member(1).Elect())
	srv.Advance(time.Hour) // nobody keeps the time, so no session ends

	srv.Member(2).Rejoin()
	require.Equal(t, zkapi.StateConnected, c.State())
	require.Equal(t, id, c.SessionID())
	requireData(t, c, "/e", "")
	srv.Disconnect(id)
	srv.Advance(time.Hour)
	require.NoError(t, srv.Member(3).Start())
	_, there := srv.Node("/e")
	require.False(t, there)
}

func TestGoZookeeperFailsOver(t *testing.T) {
	bubble(t, func(t *testing.T, srv *memserver.Server) {
		events := newStates()
		conn, _, err := zk.Connect(srv.Addrs(), 10*time.Second, zk.WithDialer(srv.Dial),
			zk.WithEventCallback(events.put), zk.WithLogger(quiet{}), zk.WithLogInfo(false))
		require.NoError(t, err)
		defer conn.Close()
		await := func() { events.await(t, zk.StateHasSession) }
		await()
		_, err = conn.Create("/e", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
		id := conn.SessionID()
		for range 3 {
			for _, m := range srv.Members() {
				if m.Addr() == conn.Server() {
					m.Stop()
					defer m.Start()
					break
				}
			}
			await()
			require.Equal(t, id, conn.SessionID())
			there, _, err := conn.Exists("/e")
			require.NoError(t, err)
			require.True(t, there)
			for _, m := range srv.Members() {
				require.NoError(t, m.Start())
			}
		}
	}, three)
}

func TestFourLetterWordsOfMembers(t *testing.T) {
	srv := memserver.RunT(t, three, fourLetters)
	ask := func(id int, word string) string {
		nc, err := srv.Member(id).Dial("", "", 0)
		require.NoError(t, err)
		defer nc.Close()
		_, err = nc.Write([]byte(word))
		require.NoError(t, err)
		var b strings.Builder
		buf := make([]byte, 64<<10)
		for {
			n, err := nc.Read(buf)
			b.Write(buf[:n])
			if err != nil {
				return b.String()
			}
		}
	}
	require.Contains(t, ask(3, "srvr"), "Mode: leader\nNode count: 5\nProposal sizes last/min/max: ")
	require.Contains(t, ask(1, "srvr"), "Mode: follower\nNode count: 5\n")
	require.Contains(t, ask(1, "mntr"), "zk_server_state\tfollower\n")
	require.Contains(t, ask(3, "mntr"), "zk_synced_followers\t2\n")
	require.Contains(t, ask(2, "conf"), "serverId=2\n")
	srv.Member(1).Isolate()
	for _, word := range []string{"srvr", "stat", "mntr", "cons", "dump", "wchs"} {
		require.Equal(t, "This ZooKeeper instance is not currently serving requests\n", ask(1, word), word)
	}
	require.Equal(t, "null", ask(1, "isro"))
	require.Equal(t, "imok", ask(1, "ruok"))
	require.Contains(t, ask(3, "mntr"), "zk_synced_followers\t1\n")
}

// anyOrder is a random history of an ensemble: what its clients have been told, and
// what they wait for.
type anyOrder struct {
	*rapid.T
	srv     *memserver.Server
	clients []*memserver.Client
	waiting map[*memserver.Client]<-chan error

	mu    sync.Mutex      // those who wait may all be answered at once
	seen  map[int64]int32 // by session: the version of /n
	acked map[int32]bool  // versions that somebody was told to have made
	lost  int             // sets of which nobody knows
}

// do has a client do something, which may have to wait. A client that waits does nothing else.
func (h *anyOrder) do(c *memserver.Client, op func() error) {
	if h.waits(c) {
		return
	}
	h.waiting[c] = later(op)
	h.waits(c)
}

func (h *anyOrder) waits(c *memserver.Client) bool {
	select {
	case err := <-h.waiting[c]:
		require.NoError(h, err)
		delete(h.waiting, c)
	default:
	}
	return h.waiting[c] != nil
}

func (h *anyOrder) set(c *memserver.Client) error {
	h.mu.Lock()
	h.lost++
	h.mu.Unlock()
	stat, err := c.Set(context.Background(), "/n", nil, zkapi.AnyVersion)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		if errors.Is(err, zkapi.ErrNotReadOnly) {
			h.lost--
		}
		return unless(err, zkapi.ErrConnectionLoss, zkapi.ErrNotReadOnly)
	}
	h.lost--
	if h.acked[stat.Version] {
		return fmt.Errorf("version %d was made twice", stat.Version)
	}
	h.acked[stat.Version] = true
	return h.sees(c, stat.Version)
}

func (h *anyOrder) read(c *memserver.Client) error {
	stat, there, err := c.Exists(context.Background(), "/n")
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err != nil:
		return unless(err, zkapi.ErrConnectionLoss)
	case !there:
		return h.sees(c, -1)
	}
	return h.sees(c, stat.Version)
}

// sees notes what a session has been told of. h.mu is held.
func (h *anyOrder) sees(c *memserver.Client, version int32) error {
	session := c.SessionID()
	if before, ok := h.seen[session]; ok && version < before {
		return fmt.Errorf("back in time: version %d after %d", version, before)
	}
	h.seen[session] = version
	return nil
}

func unless(err error, codes ...zkapi.Code) error {
	if err == nil || slices.ContainsFunc(codes, func(code zkapi.Code) bool { return errors.Is(err, code) }) {
		return nil
	}
	return err
}

// step is one thing that happens.
func (h *anyOrder) step() {
	member := func(name string) *memserver.Member { return h.srv.Member(rapid.IntRange(1, 3).Draw(h.T, name)) }
	m, c, ctx := member("member"), rapid.SampledFrom(h.clients).Draw(h.T, "client"), context.Background()
	switch rapid.IntRange(0, 20).Draw(h.T, "step") {
	case 0:
		m.Stop()
	case 1, 2:
		if err := m.Start(); err != nil {
			require.ErrorContains(h, err, "not in the peer list")
		}
	case 3:
		m.Isolate()
	case 4, 5:
		m.Rejoin()
	case 6:
		m.SetLag(rapid.SampledFrom([]memserver.Lag{{}, hold, {Txns: 2}, {Time: 2 * time.Second}}).Draw(h.T, "lag"))
	case 7:
		m.Apply(1)
	case 8:
		m.Elect()
	case 9, 10:
		h.do(c, func() error { return h.set(c) })
	case 11:
		h.srv.Advance(time.Second)
	case 12:
		h.do(c, func() error {
			_, err := c.Create(ctx, "/e", nil, nil, zkapi.EphemeralSequential)
			return unless(err, zkapi.ErrConnectionLoss, zkapi.ErrNotReadOnly, zkapi.ErrEphemeralOnLocalSession)
		})
	case 13, 14:
		q := zkapi.Reconfig{Joining: line(m), Version: -1}
		if rapid.Bool().Draw(h.T, "leaves") {
			q = zkapi.Reconfig{Leaving: fmt.Sprint(m.ID()), Version: -1}
		}
		h.do(c, func() error {
			_, _, err := c.Reconfig(ctx, q)
			return unless(err, zkapi.ErrConnectionLoss, zkapi.ErrNotReadOnly, zkapi.ErrBadArguments, zkapi.ErrNewConfigNoQuorum, zkapi.ErrReconfigInProgress)
		})
	case 15:
		h.srv.Restart()
	case 16, 17:
		m.Sever(member("other"))
	case 18:
		m.Mend(member("other"))
	case 19:
		h.do(c, func() error { return unless(c.Sync(ctx, "/"), zkapi.ErrConnectionLoss, zkapi.ErrNotReadOnly) })
	default:
		h.do(c, func() error { return h.read(c) })
	}
	synctest.Wait()
	require.NoError(h, h.srv.Check())
}

// heal ends all that is wrong. Then nobody waits for anything.
func (h *anyOrder) heal() {
	for _, m := range h.srv.Members() {
		for _, other := range h.srv.Members() {
			m.Mend(other)
		}
		m.Rejoin()
		_ = m.Start()
		m.SetLag(memserver.Lag{})
	}
	h.srv.Advance(15 * time.Second)
	synctest.Wait()
	for _, c := range h.clients {
		require.False(h, h.waits(c), "it still waits")
	}
}

// Whatever members do and do not hear, a session never sees an older state than one
// that it has seen, and sees its own writes; what was acknowledged stays; at the end
// all members agree.
func TestMembersInAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rapid.SyncTest(rt, func(rt *rapid.T) {
			srv := memserver.RunT(rt, three, func(c *memserver.Config) {
				c.ReconfigEnabled, c.SkipACL, c.SyncLimit = true, true, 2
				c.ReadOnlyMode = rapid.Bool().Draw(rt, "read-only")
				c.LocalSessions = rapid.Bool().Draw(rt, "local")
				c.LocalUpgrading = rapid.Bool().Draw(rt, "upgrading")
				c.ElectionTime = time.Duration(rapid.IntRange(0, 2).Draw(rt, "election")) * time.Second
			})
			h := &anyOrder{T: rt, srv: srv, waiting: make(map[*memserver.Client]<-chan error),
				seen: make(map[int64]int32), acked: make(map[int32]bool)}
			for id := range 4 {
				h.clients = append(h.clients, srv.ClientT(rt, func(c *memserver.ClientConfig) { c.Member, c.ReadOnly = id, id%2 == 0 }))
			}
			_, err := h.clients[3].Create(context.Background(), "/n", nil, nil, zkapi.Persistent)
			require.NoError(rt, err)
			for range rapid.IntRange(1, 60).Draw(rt, "steps") {
				h.step()
			}
			h.heal()
			n, there := srv.Node("/n")
			require.True(rt, there)
			require.GreaterOrEqual(rt, int(n.Stat.Version), len(h.acked))
			require.LessOrEqual(rt, int(n.Stat.Version), len(h.acked)+h.lost)
			for version := range h.acked {
				require.LessOrEqual(rt, version, n.Stat.Version)
			}
			for _, m := range srv.Members() {
				if m.Role() == memserver.NotServing {
					continue // it is in no configuration any more
				}
				stat, _, err := srv.ClientT(rt, func(c *memserver.ClientConfig) { c.Member = m.ID() }).Exists(context.Background(), "/n")
				require.NoError(rt, err)
				require.Equal(rt, n.Stat.Version, stat.Version)
			}
		})
	})
}

// TestRestartWithALaggingMember: a connection whose session has ended, which its member has yet to learn, ends too.
func TestRestartWithALaggingMember(t *testing.T) {
	for name, restart := range map[string]func(*memserver.Server){
		"restart":  (*memserver.Server).Restart,
		"restore":  func(srv *memserver.Server) { srv.Restore(srv.Snapshot()) },
		"election": func(srv *memserver.Server) { srv.Member(2).Elect() },
	} {
		t.Run(name, func(t *testing.T) {
			srv := memserver.RunT(t, func(c *memserver.Config) { c.Members = 3 })
			c := srv.ClientT(t, func(c *memserver.ClientConfig) { c.Member = 1 })
			_, _, gone, err := c.ExistsW(t.Context(), "/n")
			require.NoError(t, err)
			srv.Member(1).SetLag(hold)
			old := c.SessionID()
			require.True(t, srv.Expire(old))
			require.Equal(t, old, c.SessionID(), "the member does not know yet")
			restart(srv)
			require.NoError(t, srv.Check())
			srv.Member(1).SetLag(memserver.Lag{})
			require.ErrorIs(t, fired(t, gone).Err, zkapi.ErrSessionExpired)
			require.NotEqual(t, old, c.SessionID())
			require.NoError(t, c.Close())
			require.NoError(t, srv.Check())
		})
	}
}

// A late event is about the node that has changed, whatever has come over the
// connection of whoever changed it since.
func TestLateEventsKeepTheirPaths(t *testing.T) {
	bubble(t, func(t *testing.T, srv *memserver.Server) {
		conn, _, err := zk.Connect([]string{srv.Addrs()[2]}, 10*time.Second, zk.WithDialer(srv.Dial), zk.WithLogger(quiet{}), zk.WithLogInfo(false))
		require.NoError(t, err)
		defer conn.Close()
		reader := on(t, srv, 1)
		for _, path := range []string{"/gone", "/here", "/gone/child", "/here/child"} {
			open(t, reader, path, "")
		}
		var changed []<-chan zkapi.Event
		for _, path := range []string{"/gone/child", "/here/child"} {
			_, _, ch, err := reader.GetW(t.Context(), path)
			require.NoError(t, err)
			changed = append(changed, ch)
		}
		_, _, children, err := reader.ChildrenW(t.Context(), "/gone")
		require.NoError(t, err)
		srv.Member(1).SetLag(memserver.Lag{Hold: true})
		require.NoError(t, conn.Delete("/gone/child", -1))
		_, _, err = conn.Get("/here/child")
		require.NoError(t, err)
		srv.Member(1).SetLag(memserver.Lag{})
		require.Len(t, changed[0], 1)
		require.Empty(t, changed[1])
		require.Equal(t, "/gone/child", (<-changed[0]).Path)
		require.Equal(t, "/gone", (<-children).Path)
	}, three)
}
