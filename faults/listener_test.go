package faults_test

import (
	"fmt"
	"net"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// listening is a server behind a plan without rules, and a client of it.
func listening(t *testing.T) (*memserver.Server, *faults.Plan, *talk) {
	srv := memserver.RunT(t)
	plan := faults.MustParse("")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error)
	go func() { served <- srv.Serve(plan.Listener(l)) }()
	nc, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() {
		nc.Close()
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-served, memserver.ErrServerClosed)
	})
	return srv, plan, &talk{nc, t}
}

// TestRulesForConnectionsThatAreThere: rules that come later are about the next
// request, wherever in a frame the connection is at that moment.
func TestRulesForConnectionsThatAreThere(t *testing.T) {
	connect, first, second := connectFrame(), create(1, "/a"), create(2, "/b")
	all := append(append(append([]byte(nil), connect...), first...), second...)
	for at := 0; at < len(all); at += 7 {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			srv, plan, c := listening(t)
			c.write(all[:at])
			got := 0 // replies
			if at >= len(connect) {
				c.frame()
				got++
			}
			if at >= len(connect)+len(first) {
				require.Zero(t, c.reply().Err)
				got++
			}
			require.NoError(t, plan.Add(faults.MustParse("error NoAuth create /b; error NoAuth create /a").Rules()...))
			c.write(all[at:])
			if got == 0 {
				c.frame()
			}
			sure := at <= len(connect) || at == len(connect)+len(first) // nobody can have read a part of /a
			if got < 2 {
				if code := c.reply().Err; sure {
					require.Equal(t, zkapi.ErrNoAuth, code)
				}
			}
			if at <= len(connect)+len(first) {
				require.Equal(t, zkapi.ErrNoAuth, c.reply().Err)
				_, there := srv.Node("/b")
				require.False(t, there)
				if got > 0 {
					require.NotZero(t, plan.Log()[0].Session)
				}
			} else {
				c.reply()
			}
		})
	}
}

// TestRulesForEventsOfIdleConnections: a connection that is waiting for events
// is behind the plan as soon as the rules are there.
func TestRulesForEventsOfIdleConnections(t *testing.T) {
	for range 20 {
		srv, plan, c := listening(t)
		c.write(connectFrame())
		c.frame()
		c.write(requestFrame(1, wire.Op{Type: zkapi.OpExists, Path: "/a", Watch: true}))
		c.reply()
		require.NoError(t, plan.Add(faults.MustParse("cut after-notification NodeCreated").Rules()...))
		other := srv.ClientT(t)
		_, err := other.Create(t.Context(), "/a", nil, nil, zkapi.Persistent)
		require.NoError(t, err)
		require.ErrorIs(t, c.readError(), syscall.ECONNRESET)
		require.Equal(t, 1, plan.Fired())
	}
}

// TestRulesComeAndGo: after the rules the connections go on.
func TestRulesComeAndGo(t *testing.T) {
	_, plan, c := listening(t)
	c.write(connectFrame())
	c.frame()
	for i := range int32(20) {
		if i%2 == 0 {
			require.NoError(t, plan.UnmarshalText([]byte("error NoAuth create")))
		} else {
			require.NoError(t, plan.UnmarshalText(nil))
		}
		c.write(create(i+1, fmt.Sprint("/", i)))
		want := zkapi.Code(0)
		if i%2 == 0 {
			want = zkapi.ErrNoAuth
		}
		require.Equal(t, want, c.reply().Err)
	}
}

// TestFourLetterWordBehindAPlan: what is not the protocol passes.
func TestFourLetterWordBehindAPlan(t *testing.T) {
	_, plan, c := listening(t)
	c.write([]byte("sr"))
	require.NoError(t, plan.Add(faults.MustParse("delay 1h after-reply all").Rules()...))
	c.write([]byte("vr"))
	b := make([]byte, 9)
	_, err := c.Read(b)
	require.NoError(t, err)
	require.Equal(t, "Zookeeper", string(b))
}

// TestRulesComeAndGoUnderLoad: whatever is under way when the rules change, each
// request has its reply, in its turn.
func TestRulesComeAndGoUnderLoad(t *testing.T) {
	srv, plan, _ := listening(t)
	var clients sync.WaitGroup
	done := make(chan struct{})
	for range 8 {
		clients.Go(func() {
			nc, err := net.Dial("tcp", srv.Addr())
			if !assert.NoError(t, err) {
				return
			}
			defer nc.Close()
			c := &talk{nc, t}
			c.write(connectFrame())
			c.frame()
			for xid := int32(0); ; {
				select {
				case <-done:
					return
				default:
				}
				var batch []byte
				for i := range int32(20) {
					batch = append(batch, requestFrame(xid+i, wire.Op{Type: zkapi.OpExists, Path: "/"})...)
				}
				c.write(batch)
				for i := range int32(20) {
					if !assert.Equal(t, xid+i, c.reply().Xid) {
						return
					}
				}
				xid += 20
			}
		})
	}
	for range 100 {
		assert.NoError(t, plan.UnmarshalText([]byte("error NoAuth create; delay 100us after-reply exists 5%")))
		assert.NoError(t, plan.UnmarshalText(nil))
		probe, err := net.Dial("tcp", srv.Addr()) // one that finds rules or not
		require.NoError(t, err)
		c := &talk{probe, t}
		c.write(connectFrame())
		c.frame()
		require.NoError(t, probe.Close())
	}
	close(done)
	clients.Wait()
}
