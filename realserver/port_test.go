package realserver

import (
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReservedPorts(t *testing.T) {
	p, err := reservePort()
	require.NoError(t, err)
	again := &port{number: p.number}
	require.Error(t, again.reserve(), "it is reserved")

	l, err := net.Listen("tcp", p.addr())
	require.NoError(t, err, "its server may have it")
	require.NoError(t, p.release())
	require.NoError(t, p.release(), "a second time")
	require.Error(t, again.reserve(), "somebody listens")
	require.NoError(t, l.Close())
	require.NoError(t, again.reserve())
	require.NoError(t, again.release())
}

// thief takes the nth port that is reserved, before its server can have it.
type thief struct {
	nth int

	mu       sync.Mutex
	reserved int
}

func (th *thief) option(t *testing.T) func(*Options) {
	return func(o *Options) {
		o.reserve = func() (*port, error) {
			th.mu.Lock()
			defer th.mu.Unlock()
			p, err := reservePort()
			if th.reserved++; err != nil || th.reserved != th.nth {
				return p, err
			}
			l, err := net.Listen("tcp", p.addr())
			require.NoError(t, err)
			t.Cleanup(func() { l.Close() })
			return p, nil
		}
	}
}

func TestPortIsTaken(t *testing.T) {
	Concurrent(t)
	all, err := Installs()
	require.NoError(t, err)
	for _, in := range all {
		t.Run("real/"+in.Version, func(t *testing.T) {
			t.Parallel()
			th := &thief{nth: 1}
			s, err := Start(t.Context(), in, th.option(t))
			require.NoError(t, err)
			require.NoError(t, s.Close())
			require.Equal(t, 2, th.reserved)
		})
	}
	if len(all) == 0 {
		FindT(t, "")
	}
}

// The port on which a leader waits for its followers is bound last of all: only when it is elected.
func TestPortOfTheLeaderIsTaken(t *testing.T) {
	Concurrent(t)
	th := &thief{nth: 2}
	e, err := StartEnsemble(t.Context(), FindT(t, ""), 1, th.option(t))
	require.NoError(t, err)
	require.NoError(t, e.Close())
	require.Equal(t, 6, th.reserved, "all ports are other ones")
}

func TestRetryPorts(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		tries int
	}{
		{"started", nil, 1},
		{"another reason", net.ErrClosed, 1},
		{"always taken", fmt.Errorf("member 2: %w", errPortTaken), 5},
	} {
		tries := 0
		err := retryPorts(func() error { tries++; return c.err })
		require.Equal(t, c.err, err, c.name)
		require.Equal(t, c.tries, tries, c.name)
	}
}
