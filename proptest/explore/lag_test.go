package explore_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// reads has B write 1 and then 2, and A look twice, in this session.
func reads(sync bool) func(*explore.World) {
	return func(w *explore.World) {
		c, _ := w.Server.Client()
		_, _ = c.Create(ctx, "/n", []byte("0"), nil, zkapi.Persistent)
		_ = c.Close()
		written := "0"
		w.Go("A", func(p *explore.Participant) error {
			session, seen := p.Session(), ""
			for range 2 {
				p.Pause("looks")
				least := written
				if sync {
					if err := p.Client.Sync(p.Context(), "/n"); err != nil {
						return nil
					}
				}
				data, _, err := p.Client.Get(p.Context(), "/n")
				switch {
				case err != nil || p.Session() != session:
					return nil
				case string(data) < seen:
					return fmt.Errorf("it reads %s after %s", data, seen)
				case string(data) < least:
					return fmt.Errorf("it reads %s, and %s was written before", data, least)
				}
				seen = string(data)
			}
			return nil
		})
		w.Go("B", func(p *explore.Participant) error {
			for _, n := range []string{"1", "2"} {
				if _, err := p.Client.Set(p.Context(), "/n", []byte(n), zkapi.AnyVersion); err != nil {
					return nil
				}
				written = n
				p.Log("has written %s", n)
			}
			return nil
		})
	}
}

// A server that is behind serves what was, to whoever does not sync, but nobody goes back in time.
func TestLag(t *testing.T) {
	kinds := func(c *explore.Config) { c.Faults, c.Kinds = 1, explore.Lag|explore.Cut }
	every := func(c *explore.Config) { c.Strategy, c.Schedules = explore.Exhaustive(), 1_000_000 }
	res := explore.Explore(t, reads(false), kinds, every)
	require.NotNil(t, res.Failure)
	require.True(t, res.Same)
	require.Contains(t, res.Failure.Text, "it reads 0, and 1 was written before")
	require.LessOrEqual(t, res.Failure.Steps(), 6)
	res = explore.Explore(t, reads(true), kinds, every)
	require.Nil(t, res.Failure)
	require.True(t, res.Complete)
	res = explore.Explore(t, reads(true), kinds, func(c *explore.Config) { c.Faults, c.Schedules = 4, 1000 })
	require.Nil(t, res.Failure)
}

// An event comes when the server has caught up, and by then at the latest.
func TestLagOfEvents(t *testing.T) {
	told := map[string]bool{}
	res := explore.Explore(t, func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			_, there, made, err := p.Client.ExistsW(p.Context(), "/n")
			if err != nil || there {
				return nil
			}
			<-made
			names, _, err := p.Client.Children(p.Context(), "/")
			if err != nil {
				return nil // the schedule was given up
			}
			told[fmt.Sprint(slices.Contains(names, "n"), slices.Contains(names, "m"))] = true
			return nil
		})
		w.Go("B", func(p *explore.Participant) error {
			for _, path := range []string{"/n", "/m"} {
				for err := error(zkapi.ErrConnectionLoss); errors.Is(err, zkapi.ErrConnectionLoss); {
					_, err = p.Client.Create(p.Context(), path, nil, nil, zkapi.Persistent)
				}
			}
			return nil
		})
	}, func(c *explore.Config) {
		c.Strategy, c.Faults, c.Kinds, c.Schedules = explore.Exhaustive(), 1, explore.Lag, 1_000_000
	})
	require.Nil(t, res.Failure)
	require.True(t, res.Complete)
	require.Equal(t, map[string]bool{"true false": true, "true true": true}, told)
}

// Whoever has another session may see what is left of the one before: CURATOR-604.
func TestLagAfterASession(t *testing.T) {
	res := explore.Explore(t, func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			_, err := p.Client.Create(p.Context(), "/mine", nil, nil, zkapi.Ephemeral)
			if err != nil {
				return nil
			}
			for range 3 {
				stat, there, err := p.Client.Exists(p.Context(), "/mine")
				if err == nil && there && p.Session() != stat.EphemeralOwner {
					return errors.New("the node of an earlier session is there")
				}
			}
			return nil
		})
	}, func(c *explore.Config) {
		c.Faults, c.Kinds, c.Schedules = 3, explore.Expiry|explore.Cut|explore.Lag, 100_000
	})
	require.NotNil(t, res.Failure)
	require.LessOrEqual(t, res.Failure.Steps(), 8)
	golden(t, "lag_schedule_test.go", res.Failure.GoTest("explore_test", "TestLagSchedule"))
}

// A client over the wire reads old data, too.
func TestLagOverTheWire(t *testing.T) {
	res := explore.Explore(t, func(w *explore.World) {
		c, _ := w.Server.Client()
		_, _ = c.Create(ctx, "/n", []byte("0"), nil, zkapi.Persistent)
		_ = c.Close()
		written := false
		w.GoDialing("A", func(p *explore.Participant) error {
			conn, _, err := zk.Connect([]string{"127.0.0.1:2181"}, 10*time.Second, zk.WithDialer(p.Dial),
				zk.WithLogger(quiet{}), zk.WithMaxConnBufferSize(1<<12), zk.WithEventCallback(func(zk.Event) {}))
			require.NoError(p, err)
			p.AtEnd(conn.Close)
			p.Pause("waits")
			before := written
			if data, _, err := conn.Get("/n"); err == nil && before && string(data) == "0" {
				return errors.New("it reads what was")
			}
			return nil
		})
		w.Go("B", func(p *explore.Participant) error {
			_, err := p.Client.Set(p.Context(), "/n", []byte("1"), zkapi.AnyVersion)
			written = err == nil
			p.Log("has written")
			return nil
		})
	}, func(c *explore.Config) { c.Faults, c.Kinds, c.Schedules = 1, explore.Lag, 1000 })
	require.NotNil(t, res.Failure)
	require.True(t, res.Same)
	require.Contains(t, res.Failure.Text, "it reads what was")
}
