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
)

// The library that needs nothing installed.
func TestGoZooKeeper(t *testing.T) {
	srv := memserver.RunT(t)
	require.NoError(t, srv.Listen("127.0.0.1:0"))
	var out strings.Builder
	require.NoError(t, Run(t.Context(), GoZK, nil, srv.Addr(), "/pairs", &out))
	require.Contains(t, out.String(), "Lock in its layout, they get what we release: true\n")
	require.Equal(t, len(goZKMeetings)*6, strings.Count(out.String(), "\n"))
	_, left := srv.Node("/pairs")
	require.False(t, left)
}

func TestWrongResultsAreNoticed(t *testing.T) {
	var out strings.Builder
	sit := func(run func(*table)) error {
		return (&table{ctx: t.Context(), name: "Lock", out: &out}).sit(run)
	}
	require.EqualError(t, sit(func(t *table) {
		t.is("one", 1, 1)
		t.is("two", false, true)
		t.must("three", io.ErrUnexpectedEOF)
	}), "Lock: two: false, want true\nLock: three: unexpected EOF")
	require.Equal(t, "Lock, one: 1\nLock, two: false\n", out.String())

	require.ErrorContains(t, sit(func(t *table) {
		ctx, cancel := context.WithTimeout(t.ctx, time.Millisecond)
		defer cancel()
		t.ctx = ctx
		t.until("never", func() bool { return false })
	}), "Lock: never: context deadline exceeded")
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
	p := NewPeer(in, out)
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
