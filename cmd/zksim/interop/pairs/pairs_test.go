package pairs

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/recipes"
	"github.com/zksim/zksim/zkapi"
)

// The library that needs nothing installed.
func TestGoZooKeeper(t *testing.T) {
	srv := memserver.RunT(t)
	require.NoError(t, srv.Listen("127.0.0.1:0"))
	var out strings.Builder
	require.NoError(t, Run(t.Context(), GoZK, nil, srv.Addr(), "/pairs", &out))
	require.Contains(t, out.String(), "Lock in its layout, they get what we release: true\n")
	require.Contains(t, out.String(), "Lock in its layout"+Crash+"they get what we lose: true\n")
	require.Contains(t, out.String(), "Lock in its layout"+TheirCrash+"we get what they lose: true\n")
	require.Equal(t, len(goZKMeetings)*(8+3+2), strings.Count(out.String(), "\n"))
	require.NoError(t, Clear(t.Context(), srv.Addr(), "/pairs"))
	_, left := srv.Node("/pairs")
	require.False(t, left)
}

// In each pair something is lost with a session, but where nobody holds or waits for anything.
func TestPairsLose(t *testing.T) {
	loses := map[int]bool{18: true} // a message that is there as long as the lock is, which pair 3 loses
	for _, all := range meetings {
		for _, m := range all {
			loses[m.pair] = loses[m.pair] || m.lose != nil
		}
	}
	for _, p := range Pairs() {
		require.True(t, loses[p.Number], p.Ours)
	}
}

func TestWrongResultsAreNoticed(t *testing.T) {
	var out strings.Builder
	sit := func(run func(*table)) error {
		return (&table{ctx: t.Context(), limit: patience, name: "Lock", out: &out}).sit(run)
	}
	require.EqualError(t, sit(func(t *table) {
		t.is("one", 1, 1)
		t.is("two", false, true)
		t.must("three", io.ErrUnexpectedEOF)
	}), "Lock, two: false, want true\nLock, ended early: three: unexpected EOF")
	require.Equal(t, "Lock, one: 1\nLock, two: WRONG: false, want true\nLock, ended early: WRONG: three: unexpected EOF\n", out.String())
	require.True(t, Wrong("WRONG: false, want true"))
	require.False(t, Wrong("false"))

	require.ErrorContains(t, sit(func(t *table) {
		ctx, cancel := context.WithTimeout(t.ctx, time.Millisecond)
		defer cancel()
		t.ctx = ctx
		t.until("never", func() bool { return false })
	}), "Lock, ended early: never: context deadline exceeded")
}

// stays is one who is there all the time.
func (t *table) stays(name string) party {
	return party{pair, func(work string, _ int) func() string {
		_, err := t.client.Create(t.ctx, work+name, nil, nil, zkapi.Ephemeral)
		return func() string { return fmt.Sprint(err) }
	}}
}

// What the server shows has to tell what is right from what is not.
func TestWrongWorkIsNoticed(t *testing.T) {
	sit := func(run func(*table)) error {
		client := memserver.RunT(t).ClientT(t)
		return (&table{ctx: t.Context(), client: client, limit: patience, path: "/t", name: "Lock", out: io.Discard}).sit(run)
	}
	free := func(ctx context.Context, f func(context.Context) error) error { return f(ctx) }
	require.NoError(t, sit(func(t *table) { t.contend(t.party(alone, free)) }))

	idle := party{alone, func(string, int) func() string { return func() string { return "0" } }}
	require.ErrorContains(t, sit(func(t *table) { t.contend(t.party(alone, free), idle) }),
		"what they have done: 10, want 20")
	require.ErrorContains(t, sit(func(t *table) {
		t.contend(t.stays("/inside"), t.party(alone, free))
	}), "how often they were too many: <nil> 10, want 0 0")
	require.ErrorContains(t, sit(func(t *table) {
		t.contend(t.stays("/inside"), t.party(reader, free))
	}), "how often they were too many: <nil> 10, want 0 0")
	require.ErrorContains(t, sit(func(t *table) {
		t.contend(t.stays("/reader-1"), t.party(alone, free), t.party(reader, free), t.party(pair, free))
	}), "how often they were too many: <nil> 10 ") // the pair may have seen them, too
	require.ErrorContains(t, sit(func(t *table) {
		t.contend(t.stays("/reader-1"), t.stays("/reader-2"), t.party(pair, free))
	}), "how often they were too many: <nil> <nil> 10, want 0 0 0")

	queue := func(t *table, lose bool) {
		q := recipes.NewSimpleQueue(t.client, t.path)
		t.share(t.ourSide(q.Offer, func(ctx context.Context) ([]byte, bool, error) {
			if lose {
				lose = false
				_, _, _ = q.Poll(ctx)
			}
			return q.Poll(ctx)
		}))
	}
	require.NoError(t, sit(func(t *table) { queue(t, false) }))
	require.ErrorContains(t, sit(func(t *table) { queue(t, true) }), "what was put in came out: a1 a2 a3 a4 a5 a6 a7 a8 a9, want a0 a1")
}

func TestFollows(t *testing.T) {
	written := []string{"1", "2", "3"}
	for _, seen := range [][]string{{"1", "2", "3"}, {"3"}, {"1", "3"}} {
		require.True(t, follows(seen, written), seen)
	}
	for _, seen := range [][]string{nil, {"1"}, {"2", "1", "3"}, {"3", "3"}, {"1", "4", "3"}} {
		require.False(t, follows(seen, written), seen)
	}
}

// The recipes that do not go together, as far as nothing has to be installed.
func TestWrongLayoutIsNoticed(t *testing.T) {
	srv := memserver.RunT(t)
	require.NoError(t, srv.Listen("127.0.0.1:0"))
	var out strings.Builder
	notice := func(path string, run func(*table)) error {
		return (&table{ctx: t.Context(), client: srv.ClientT(t), addr: srv.Addr(), path: path, name: "Lock", out: &out}).notice(2*time.Second, run)
	}
	require.NoError(t, notice("/wrong", goZKLock()))
	require.EqualError(t, notice("/right", goZKLock(layout(recipes.GoZK))), "Lock, is noticed: false, want true")
	require.Equal(t, "Lock, is noticed: true\nLock, is noticed: WRONG: false, want true\n", out.String())
}

// obedient is a peer that repeats what it is told.
func obedient(t *testing.T) *Peer {
	orders, in := io.Pipe()
	out, answers := io.Pipe()
	go func() {
		lines := bufio.NewScanner(orders)
		for lines.Scan() {
			f := strings.Split(lines.Text(), "\t")
			switch f[2] {
			case "fail":
				fmt.Fprintf(answers, "%s\terror\tit fails\n", f[0])
			case "babble":
				fmt.Fprintln(answers, "hello")
			case "wait": // for ever
			default:
				fmt.Fprintf(answers, "%s\tok\t%s\n", f[0], strings.Join(f[1:], "\t"))
			}
		}
		answers.Close()
	}()
	p := NewPeer(in, out, nil)
	t.Cleanup(func() { p.Close() })
	return p
}

func TestPeer(t *testing.T) {
	p := obedient(t)
	waiting := p.start("lock", "wait")
	values, err := await(t.Context(), p.start("lock", "try", "a", "b c"))
	require.NoError(t, err)
	require.Equal(t, []string{"lock", "try", "a", "b c"}, values)
	_, err = await(t.Context(), p.start("lock", "fail"))
	require.EqualError(t, err, "it fails")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = await(ended, waiting)
	require.ErrorIs(t, err, context.Canceled)

	require.NoError(t, p.Close())
	_, err = await(t.Context(), waiting)
	require.ErrorContains(t, err, "the peer has ended")
	_, err = await(t.Context(), p.start("lock", "try"))
	require.Error(t, err)

	p = obedient(t)
	_, err = await(t.Context(), p.start("lock", "babble"))
	require.EqualError(t, err, `the peer said "hello"`)
}
