package proptest_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// TestQuorum holds what clients see of real ensembles as far as it is a matter of moments: how much of
// what was under way is done, and what a member answers that has hung. TestMembers has the rest. 3.8 and
// 3.9 do not differ in any of it.
func TestQuorum(t *testing.T) {
	proptest.Concurrent(t)
	for name, version := range map[string]string{"3.9": "3.9", "3.8": "3.8.0"} {
		t.Run("real/"+name, func(t *testing.T) {
			brief.InTurn(t, 0, 2)
			t.Parallel()
			e := realserver.RunEnsembleT(t, version, 3)
			require.NoError(t, e.Elect(t.Context(), e.Member(3)))
			t.Run("stale reads", func(t *testing.T) { quorumStaleReads(t, e) })
			t.Run("a later zxid", func(t *testing.T) { quorumLaterZxid(t, e) })
			t.Run("paused follower", func(t *testing.T) { quorumPausedFollower(t, e) })
			t.Run("failover", func(t *testing.T) { quorumFailover(t, e) })
		})
	}
}

// A follower answers reads from what it has applied, which may be less than the leader has acknowledged.
// After a sync it is not.
func quorumStaleReads(t *testing.T, e *realserver.Ensemble) {
	follower, leader := rawConnect(t, e.Member(1), wire.ConnectRequest{}), rawConnect(t, e.Member(3), wire.ConnectRequest{})
	require.EqualValues(t, 1, uint64(follower.got.SessionID)>>56, "the id begins with that of the member")
	require.EqualValues(t, 3, uint64(leader.got.SessionID)>>56)
	leader.must(making("/s", zkapi.Persistent))
	follower.must(reading(zkapi.OpSync, "/"))
	stale := func(name string, before func()) (n int) {
		var last int64
		for i := range 200 {
			path := fmt.Sprintf("/s/%s%d", name, i)
			made, _ := leader.must(making(path, zkapi.Persistent))
			before()
			read, _ := follower.must(reading(zkapi.OpExists, path))
			require.GreaterOrEqual(t, read.Zxid, last, "reads of one connection do not go back")
			require.Equal(t, read.Zxid < made.Zxid, read.Err == zkapi.ErrNoNode, "a read is of the zxid that it has")
			if last = read.Zxid; read.Err == zkapi.ErrNoNode {
				n++
			}
		}
		return n
	}
	t.Logf("%d of 200 reads were stale", stale("plain", func() {}))
	require.Zero(t, stale("synced", func() { follower.must(reading(zkapi.OpSync, "/")) }))
}

// No member takes a client that has seen a later zxid than the member has.
func quorumLaterZxid(t *testing.T, e *realserver.Ensemble) {
	now, _ := rawConnect(t, e.Member(3), wire.ConnectRequest{}).must(request(zkapi.OpPing))
	for _, s := range e.Members() {
		_, err := tryRawConnect(t, s, wire.ConnectRequest{LastZxidSeen: now.Zxid + 1000})
		require.ErrorIs(t, err, io.EOF, "it is closed without an answer")
	}
}

// A follower that hangs can tell nobody that its clients are well, and so their sessions expire. It is
// dropped after syncLimit ticks. When it goes on, it answers what had been asked meanwhile from what it
// knew then, until it finds that it is not followed up any more; then it closes all connections. Writes
// that had been asked for are not done.
func quorumPausedFollower(t *testing.T, e *realserver.Ensemble) {
	hangs := e.Member(1)
	leader := rawConnect(t, e.Member(3), wire.ConnectRequest{})
	short, long := rawConnect(t, hangs, wire.ConnectRequest{TimeOut: 1000}), rawConnect(t, hangs, wire.ConnectRequest{})
	short.must(making("/short", zkapi.Ephemeral))
	long.must(making("/long", zkapi.Ephemeral))
	watched := reading(zkapi.OpExists, "/short")
	watched.Op.Watch = true
	leader.must(watched)

	require.NoError(t, hangs.Pause())
	_, err := leader.frame()
	require.NoError(t, err, "the event: the session of 1 s is over")
	followers := func() []*realserver.Server {
		f, err := e.Followers(t.Context())
		require.NoError(t, err)
		return f
	}
	require.Len(t, followers(), 1)
	awaitSynced(t, e.Member(3), 1)
	leader.must(making("/meanwhile", zkapi.Persistent))
	long.ask(reading(zkapi.OpExists, "/meanwhile"))
	long.ask(making("/late", zkapi.Persistent))
	require.NoError(t, hangs.Continue())
	read, _, err := long.hear(zkapi.OpExists)
	if err == nil {
		require.Equal(t, zkapi.ErrNoNode, read.Err, "a stale read")
		_, _, err = long.hear(zkapi.OpCreate)
	} else {
		t.Log("it has closed the connection before it came to the read")
	}
	require.Error(t, err)
	_, err = short.frame()
	require.Error(t, err)

	require.NoError(t, e.WaitServing(t.Context()))
	long = rawConnect(t, hangs, wire.ConnectRequest{SessionID: long.got.SessionID})
	for path, there := range map[string]bool{"/meanwhile": true, "/long": true, "/late": false, "/short": false} {
		read, _ := long.must(reading(zkapi.OpExists, path))
		require.Equal(t, there, read.Err == 0, path)
	}
	_, err = tryRawConnect(t, hangs, wire.ConnectRequest{SessionID: short.got.SessionID})
	require.ErrorIs(t, err, errNoSession)
}

// awaitSynced waits until the leader has so many followers. It does not log when it drops one, so that it
// is asked again and again.
func awaitSynced(t *testing.T, leader *realserver.Server, n int) {
	t.Helper()
	for {
		answer, err := realserver.FourLetterWord(t.Context(), leader.Addr(), "mntr")
		require.NoError(t, err)
		if strings.Contains(answer, fmt.Sprintf("\nzk_synced_followers\t%d\n", n)) {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal(answer)
		}
	}
}

// When the leader is killed, every connection is closed. Of the writes under way those that were
// acknowledged are done, and perhaps some more, in order. Zxids go on with the next epoch, from 1: to come
// back to a session takes none. Sessions begin anew to run out.
func quorumFailover(t *testing.T, e *realserver.Ensemble) {
	c := rawConnect(t, e.Member(2), wire.ConnectRequest{})
	other := rawConnect(t, e.Member(1), wire.ConnectRequest{})
	c.must(making("/f", zkapi.Persistent))
	c.must(making("/mine", zkapi.Ephemeral))
	const writes = 300
	for i := range writes {
		c.ask(making(fmt.Sprintf("/f/%03d", i), zkapi.Persistent))
	}
	_, _, err := c.hear(zkapi.OpCreate)
	require.NoError(t, err)
	require.NoError(t, e.Member(3).Kill())
	acknowledged := 1
	for {
		if _, _, err := c.hear(zkapi.OpCreate); err != nil {
			break
		}
		acknowledged++
	}
	_, err = other.frame()
	require.Error(t, err, "on the other member, too")

	next, err := e.Leader(t.Context())
	require.NoError(t, err)
	require.NotSame(t, e.Member(3), next)
	c = rawConnect(t, e.Member(1), wire.ConnectRequest{SessionID: c.got.SessionID})
	c.must(reading(zkapi.OpSync, "/"))
	_, children := c.must(reading(zkapi.OpGetChildren, "/f"))
	slices.Sort(children.Children)
	done := len(children.Children)
	t.Logf("%d acknowledged, %d done of %d", acknowledged, done, writes)
	require.GreaterOrEqual(t, done, acknowledged)
	for i, name := range children.Children {
		require.Equal(t, fmt.Sprintf("%03d", i), name, "the first ones")
	}
	read, p := c.must(reading(zkapi.OpGetData, "/mine"))
	require.Zero(t, read.Err)
	require.Equal(t, c.got.SessionID, p.Stat.EphemeralOwner)
	first, _ := c.must(making("/next", zkapi.Persistent))
	require.EqualValues(t, 1, first.Zxid&0xffffffff)
	require.Greater(t, first.Zxid>>32, p.Stat.Czxid>>32)
}
