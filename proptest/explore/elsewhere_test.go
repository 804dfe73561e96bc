package explore_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

var onReal = flag.Int("explore.real", 1, "compare so many schedules with each real server")

// words are schedules at random.
func words(n int) (list []string) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range n {
		var b strings.Builder
		for range 16 {
			b.WriteByte("0000111223456789"[rng.IntN(16)])
		}
		list = append(list, b.String())
	}
	return list
}

func faulty(c *explore.Config) { c.Faults, c.Kinds = 2, explore.Network|explore.Removal }

// lasting are the faults that are over at once on a real server, where clients come back when they like.
func lasting(c *explore.Config) { c.Faults, c.Kinds = 2, explore.Expiry|explore.Removal }

// What a schedule has the simulator do, another server does, too.
func TestElsewhere(t *testing.T) {
	compare := func(t *testing.T, n int, faults func(*explore.Config), server func(t *testing.T) explore.Elsewhere) {
		steps := 0
		for _, word := range words(n) {
			trace := explore.Trace(t, word, exclusion("does not look again", 3), faults)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			require.NoError(t, trace.Compare(ctx, server(t)), "%s\n%s", word, trace.Story())
			cancel()
			steps += trace.Steps()
		}
		t.Logf("%d schedules, %d steps", n, steps)
	}
	t.Run("direct", func(t *testing.T) { compare(t, 50, faulty, onSimulator) })
	t.Run("direct/ensemble", func(t *testing.T) {
		compare(t, 50, lasting, func(t *testing.T) explore.Elsewhere { return onMembers(t, memserver.Lag{Txns: 1}) })
	})
	t.Run("real/3.9/ensemble", func(t *testing.T) {
		if os.Getenv(realserver.VersionsEnv) == "" && *onReal == 1 {
			t.Skip("make test starts an ensemble")
		}
		ens := realserver.RunEnsembleT(t, "3.9", 3)
		compare(t, *onReal, lasting, func(t *testing.T) explore.Elsewhere {
			require.NoError(t, wipe(t, ens.Member(1)))
			n := 0
			return explore.Elsewhere{
				Ensemble: true,
				Connect: func(ctx context.Context) (zkapi.Client, error) {
					n++
					return realserver.Connect(ctx, ens.Addrs()[n%3:n%3+1])
				},
				Expire: func(ctx context.Context, id int64) error { return expire(ctx, ens, id) },
			}
		})
	})
	for _, version := range []string{"3.9", "3.8"} {
		t.Run("real/"+version, func(t *testing.T) {
			srv := realserver.RunT(t, version)
			compare(t, *onReal, lasting, func(t *testing.T) explore.Elsewhere {
				require.NoError(t, wipe(t, srv))
				return explore.Elsewhere{
					Connect: func(ctx context.Context) (zkapi.Client, error) {
						return realserver.Connect(ctx, []string{srv.Addr()})
					},
					Expire: func(ctx context.Context, id int64) error { return expire(ctx, srv, id) },
				}
			})
		})
	}
}

// expire tries again when the session's own client has taken it back in the middle.
func expire(ctx context.Context, srv interface {
	Expire(context.Context, int64) error
}, id int64) (err error) {
	for range 10 {
		if err = srv.Expire(ctx, id); !errors.Is(err, io.EOF) {
			break
		}
	}
	if errors.Is(err, zkapi.ErrSessionExpired) {
		return nil
	}
	return err
}

// wipe deletes what the last schedule has left.
func wipe(t *testing.T, srv *realserver.Server) error {
	c, err := realserver.Connect(t.Context(), []string{srv.Addr()})
	if err != nil {
		return err
	}
	defer c.Close()
	return zkapi.DeleteRecursive(t.Context(), c, "/lock")
}

func onSimulator(t *testing.T) explore.Elsewhere {
	srv := memserver.RunT(t)
	return explore.Elsewhere{
		Connect: func(context.Context) (zkapi.Client, error) { return srv.Client() },
		Expire:  func(_ context.Context, id int64) error { srv.Expire(id); return nil },
		Disconnect: func(_ context.Context, id int64) error {
			srv.Disconnect(id)
			return nil
		},
	}
}

// onMembers has each client on another member, and these lag.
func onMembers(t *testing.T, lag memserver.Lag) explore.Elsewhere {
	srv := memserver.RunT(t, func(c *memserver.Config) { c.Members = 5 })
	for id := 2; id <= 4; id++ { // of the participants; 1 is the third party's
		srv.Member(id).SetLag(lag)
	}
	n := 0
	return explore.Elsewhere{
		Ensemble: true,
		Connect: func(context.Context) (zkapi.Client, error) {
			n++
			return srv.Client(func(c *memserver.ClientConfig) { c.Member = n })
		},
		Expire: func(_ context.Context, id int64) error { srv.Expire(id); return nil },
	}
}

// On an ensemble what was read would differ, if nobody called Sync.
func TestElsewhereIsBehind(t *testing.T) {
	differ := 0
	for _, word := range words(20) {
		trace := explore.Trace(t, word, exclusion("", 3))
		e := onMembers(t, memserver.Lag{Hold: true})
		e.Ensemble = false
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		if trace.Compare(ctx, e) != nil {
			differ++
		}
		cancel()
		require.NoError(t, trace.Compare(t.Context(), onMembers(t, memserver.Lag{Hold: true})), "%s\n%s", word, trace.Story())
	}
	require.Positive(t, differ)
}

// A difference is told.
func TestElsewhereIsDifferent(t *testing.T) {
	trace := explore.Trace(t, "0", exclusion("", 2), faulty)
	e := onSimulator(t)
	connect := e.Connect
	e.Connect = func(ctx context.Context) (zkapi.Client, error) {
		c, err := connect(ctx)
		return forgetful{c}, err
	}
	require.ErrorContains(t, trace.Compare(t.Context(), e), "A Children /lock: ")
}

type forgetful struct{ zkapi.Client }

func (c forgetful) Children(ctx context.Context, path string) ([]string, zkapi.Stat, error) {
	_, stat, err := c.Client.Children(ctx, path)
	return nil, stat, err
}
