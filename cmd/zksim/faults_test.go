package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"
)

// A client of another program, as it were, loses the reply to its first create.
func TestFaults(t *testing.T) {
	write(t, map[string]string{"plan.txt": "cut after-reply create /a once # the first\n"})
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	var stderr bytes.Buffer // read when the program has ended
	status := make(chan int)
	go func() {
		status <- run(ctx, []string{"--listen=127.0.0.1:0", "--http=off", "--faults=plan.txt", "--seed=1"}, nil, in, &stderr)
	}()
	clients, _ := readyAddrs(t, out)
	conn := connect(t, clients)
	_, err := conn.Create("/a", nil, 0, zk.WorldACL(zk.PermAll))
	require.Equal(t, zk.ErrConnectionClosed, err)
	for _, err = conn.Create("/a", nil, 0, zk.WorldACL(zk.PermAll)); err == zk.ErrNoServer; {
		_, err = conn.Create("/a", nil, 0, zk.WorldACL(zk.PermAll)) // it was asked before the client was back, and not sent
	}
	require.Equal(t, zk.ErrNodeExists, err)
	conn.Close()
	cancel()
	require.Equal(t, statusOK, <-status)
	require.Regexp(t, `^zksim: seed 1\nzksim: fault: \S+ rule 1 \(cut after-reply create /a once\): create /a, xid 1, session 0x100000000010000\n$`, stderr.String())
}

// TestFaultsFromTheShell: a client that is connected already, and rules that come
// by zksim ctl.
func TestFaultsFromTheShell(t *testing.T) {
	clients, web := startBoth(t)
	conn := connect(t, clients)
	_, err := conn.Create("/a", nil, 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	ok := func(want string, args ...string) {
		t.Helper()
		require.Equal(t, result{statusOK, want, ""}, runCtl(t, web, append([]string{"faults"}, args...)...))
	}
	ok("")
	ok("cut after-reply create /a/* once  # fired 0\nerror NoAuth getACL /none  # fired 0\n", "add", "cut after-reply create /a/* once", "error NoAuth getACL /none")
	_, err = conn.Create("/a/1", nil, 0, zk.WorldACL(zk.PermAll))
	require.Equal(t, zk.ErrConnectionClosed, err)
	exists, _, err := conn.Exists("/a/1")
	require.NoError(t, err)
	require.True(t, exists)
	ok("cut after-reply create /a/* once  # fired 1\nerror NoAuth getACL /none  # fired 0\n")
	ok("seed 7\ndelay 1ms before-request 50%  # fired 0\n", "replace", "seed 7", "delay 1ms before-request 50%")
	write(t, map[string]string{"plan.txt": "error NoAuth getData /a # nobody may\n"})
	ok("error NoAuth getData /a  # fired 0\n", "load", "plan.txt")
	_, _, err = conn.Get("/a")
	require.Equal(t, zk.ErrNoAuth, err)
	ok("error NoAuth getData /a  # fired 1\n", "clear")
	_, _, err = conn.Get("/a")
	require.NoError(t, err)

	for _, args := range [][]string{{"more"}, {"add"}, {"clear", "all"}, {"load"}} {
		require.Equal(t, result{statusUsage, "", "zksim: want zksim ctl faults [add|replace RULE...|load FILE|clear]; see zksim ctl --help\n"},
			runCtl(t, web, append([]string{"faults"}, args...)...))
	}
	require.Equal(t, result{statusUsage, "", "zksim: line 2, column 1: a rule starts with cut, stall, delay, error, refuse, silence, slow or seed, not \"cat\": do you mean cut?\n"},
		runCtl(t, web, "faults", "add", "refuse once", "cat"))
}

// TestFaultsOfAMemberThatCameBack: the rules are about its new clients, too.
func TestFaultsOfAMemberThatCameBack(t *testing.T) {
	clients, web := startBoth(t, "--members", "3")
	require.Equal(t, statusOK, runCtl(t, web, "member", "1", "stop").status)
	require.Equal(t, statusOK, runCtl(t, web, "member", "1", "start").status)
	require.Equal(t, statusOK, runCtl(t, web, "faults", "add", "error NoAuth getData /").status)
	first, _, _ := strings.Cut(clients, ",")
	_, _, err := connect(t, first).Get("/")
	require.Equal(t, zk.ErrNoAuth, err)
}

// TestStalledSession: one session hears nothing, and another one all the same.
func TestStalledSession(t *testing.T) {
	clients, web := startBoth(t)
	stalled, other := connect(t, clients), connect(t, clients)
	for _, conn := range []*zk.Conn{stalled, other} {
		_, _, err := conn.Get("/")
		require.NoError(t, err)
	}
	_, _, made, err := other.ExistsW("/a")
	require.NoError(t, err)
	rule := fmt.Sprintf("silence from-server session=0x%x", stalled.SessionID())
	require.Equal(t, statusOK, runCtl(t, web, "faults", "add", rule).status)
	answered := make(chan error, 1)
	go func() {
		_, err := stalled.Create("/a", nil, 0, zk.WorldACL(zk.PermAll))
		answered <- err
	}()
	require.Equal(t, zk.EventNodeCreated, (<-made).Type) // the request has got there
	select {
	case err := <-answered:
		require.Fail(t, "there was an answer", "%v", err)
	default:
	}
	require.Equal(t, statusOK, runCtl(t, web, "faults", "clear").status)
	require.NoError(t, <-answered, "and its answer comes late")
}

// TestFaultsOfAMember: the clients of one member of an ensemble are cut off from
// it, and the member is not; also after it was started again.
func TestFaultsOfAMember(t *testing.T) {
	clients, web := startBoth(t, "--members", "3")
	addrs := strings.Split(clients, ",")
	one, two := connect(t, addrs[0]), connect(t, addrs[1])
	for range 2 {
		for _, conn := range []*zk.Conn{one, two} {
			_, _, err := conn.Get("/")
			require.NoError(t, err)
		}
		require.Equal(t, statusOK, runCtl(t, web, "faults", "replace", "cut before-request getData / client=member1 once").status)
		_, _, err := two.Get("/")
		require.NoError(t, err)
		_, _, err = one.Get("/")
		require.Equal(t, zk.ErrConnectionClosed, err)
		require.Contains(t, runCtl(t, web, "faults").stdout, "# fired 1")

		require.Equal(t, statusOK, runCtl(t, web, "faults", "replace", "refuse client=member1").status)
		require.False(t, answers(t, addrs[0]))
		require.True(t, answers(t, addrs[1]))
		require.Contains(t, runCtl(t, web, "state").stdout, "member 1 "+addrs[0]+" follower")
		require.Equal(t, statusOK, runCtl(t, web, "faults", "clear").status)
		require.Equal(t, statusOK, runCtl(t, web, "member", "1", "stop").status)
		require.Equal(t, statusOK, runCtl(t, web, "member", "1", "start").status)
		one, two = connect(t, addrs[0]), connect(t, addrs[1])
	}
}

// answers tells whether somebody serves at an address.
func answers(t *testing.T, addr string) bool {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return false // it is reset at once
	}
	defer c.Close()
	_, _ = c.Write([]byte("srvr"))
	text, _ := io.ReadAll(c)
	return len(text) > 0
}
