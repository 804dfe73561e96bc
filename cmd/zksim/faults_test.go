package main

import (
	"bytes"
	"context"
	"io"
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
	_, err = conn.Create("/a", nil, 0, zk.WorldACL(zk.PermAll))
	require.Equal(t, zk.ErrNodeExists, err)
	conn.Close()
	cancel()
	require.Equal(t, statusOK, <-status)
	require.Regexp(t, `^zksim: seed 1\nzksim: fault: \S+ rule 1 \(cut after-reply create /a once\): create /a, xid 1, session 0x100000000010000\n$`, stderr.String())
}
