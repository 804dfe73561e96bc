package explore_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// waysOf are what told is called with in a search for all that can happen.
func waysOf(t *testing.T, scenario func(w *explore.World, told func(string)), opts ...func(*explore.Config)) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	res := explore.Explore(t, func(w *explore.World) { scenario(w, func(way string) { found[way] = true }) },
		append([]func(*explore.Config){func(c *explore.Config) {
			c.Strategy, c.Schedules = explore.Exhaustive(), 100_000
		}}, opts...)...)
	require.Nil(t, res.Failure)
	require.True(t, res.Complete)
	return found
}

// looker tells which of two nodes there are.
func looker(w *explore.World, name, one, two string, told func(string)) {
	w.Go(name, func(p *explore.Participant) error {
		_, first, _ := p.Client.Exists(p.Context(), one)
		_, second, err := p.Client.Exists(p.Context(), two)
		told(fmt.Sprint(first, second))
		return err
	})
}

func unreduced(c *explore.Config) { c.Unreduced = true }

// Two goroutines of a participant make the same call at the same time: which of them gets which reply is something
// that it has learned, whatever the search leaves out.
func TestWhoseReply(t *testing.T) {
	scenario := func(w *explore.World, told func(string)) {
		w.Go("A", func(p *explore.Participant) error {
			create := func() string {
				path, _ := p.Client.Create(p.Context(), "/n-", nil, nil, zkapi.PersistentSequential)
				return path
			}
			done := make(chan string, 1)
			go func() { done <- create() }()
			mine := create()
			<-done
			_, err := p.Client.Create(p.Context(), "/mine"+mine[1:], nil, nil, zkapi.Persistent)
			return err
		})
		looker(w, "B", "/minen-0000000000", "/minen-0000000001", told)
	}
	want := map[string]bool{"false false": true, "false true": true, "true false": true}
	require.Equal(t, want, waysOf(t, scenario, unreduced))
	require.Equal(t, want, waysOf(t, scenario))
}

// The same with two contexts of which one is cancelled.
func TestWhichContext(t *testing.T) {
	scenario := func(w *explore.World, told func(string)) {
		w.Go("A", func(p *explore.Participant) error {
			one, stopOne := p.Cancelable(p.Context())
			two, stopTwo := p.Cancelable(p.Context())
			way := make(chan string, 1)
			go func() {
				select {
				case <-one.Done():
					way <- "/one"
				case <-two.Done():
					way <- "/two"
				}
				stopOne()
				stopTwo()
			}()
			p.Pause("works")
			p.Pause("works on")
			stopOne()
			_, err := p.Client.Create(p.Context(), <-way, nil, nil, zkapi.Persistent)
			return err
		})
		looker(w, "B", "/one", "/two", told)
	}
	once := func(c *explore.Config) { c.Faults, c.Kinds = 1, explore.Cancellation }
	want := map[string]bool{"false false": true, "false true": true, "true false": true}
	require.Equal(t, want, waysOf(t, scenario, once, unreduced))
	require.Equal(t, want, waysOf(t, scenario, once))
}

// What GetACL returns is learned, too.
func TestACLsAreLearned(t *testing.T) {
	scenario := func(w *explore.World, told func(string)) {
		read := ""
		w.Go("A", func(p *explore.Participant) error {
			acl, _, err := p.Client.GetACL(p.Context(), "/n")
			_, done, _ := p.Client.Exists(p.Context(), "/done")
			if err != nil || !done {
				return nil
			}
			_, err = p.Client.Create(p.Context(), fmt.Sprint("/read-", int(acl[0].Perms)), nil, nil, zkapi.Persistent)
			return err
		})
		w.Go("B", func(p *explore.Participant) error {
			for _, perms := range []zkapi.Perm{zkapi.PermAll, zkapi.PermAll &^ zkapi.PermAdmin} {
				_, _ = p.Client.Create(p.Context(), "/n", nil, []zkapi.ACL{{Perms: perms, Scheme: "world", ID: "anyone"}}, zkapi.Persistent)
				_ = p.Client.Delete(p.Context(), "/n", zkapi.AnyVersion)
			}
			_, err := p.Client.Create(p.Context(), "/done", nil, nil, zkapi.Persistent)
			return err
		})
		looker(w, "C", "/read-31", "/read-15", func(way string) { read = way })
		w.Remember(func() string { return read })
		w.Finally(func() error { told(read); return nil })
	}
	require.Len(t, waysOf(t, scenario, unreduced), 3)
	require.Len(t, waysOf(t, scenario), 3)
}

// stopper is B, who ends a context of A's between two calls.
func stopper(w *explore.World, stop *context.CancelFunc) {
	w.Go("B", func(p *explore.Participant) error {
		_, _ = p.Client.Create(p.Context(), "/c", nil, nil, zkapi.Persistent)
		_, _, _ = p.Client.Exists(p.Context(), "/y")
		(*stop)()
		_, _, err := p.Client.Exists(p.Context(), "/y")
		return err
	})
}

// A participant ends a context of another one's: that comes before or after a step which nobody else would notice, and
// before or after one that would commute, also when no call of that context is under way.
func TestContextsThatOthersEnd(t *testing.T) {
	for name, a := range map[string]func(p *explore.Participant, ctx context.Context) string{
		"a sync": func(p *explore.Participant, ctx context.Context) string {
			err := p.Client.Sync(ctx, "/")
			_, _, _ = p.Client.Get(p.Context(), "/")
			return fmt.Sprint(err)
		},
		"after another call": func(p *explore.Participant, ctx context.Context) string {
			_, there, _ := p.Client.Exists(p.Context(), "/c")
			err := p.Client.Sync(ctx, "/")
			if there {
				_, _, _ = p.Client.Get(ctx, "/x")
			}
			_, _, _ = p.Client.Get(p.Context(), "/x")
			return fmt.Sprint(there, err != nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			scenario := func(w *explore.World, told func(string)) {
				var stop context.CancelFunc
				way := ""
				w.Go("A", func(p *explore.Participant) error {
					var ctx context.Context
					ctx, stop = context.WithCancel(p.Context())
					way = a(p, ctx)
					p.Log("%s", way)
					return nil
				})
				stopper(w, &stop)
				w.Remember(func() string { return way })
				w.Finally(func() error { told(way); return nil })
			}
			all := waysOf(t, scenario, unreduced)
			require.Greater(t, len(all), 1)
			require.Equal(t, all, waysOf(t, scenario))
		})
	}
}

// A write below a quota changes what the quota counts, which is somewhere else.
func TestQuotaCountsWrites(t *testing.T) {
	scenario := func(w *explore.World, told func(string)) {
		c, err := w.Server.Client()
		require.NoError(t, err)
		for _, n := range [][2]string{{"/a", ""}, {"/a/b", ""}, {"/zookeeper/quota/a", ""},
			{"/zookeeper/quota/a/zookeeper_limits", "count=1000,bytes=100000"}, {"/zookeeper/quota/a/zookeeper_stats", "count=0,bytes=0"}} {
			_, err := c.Create(context.Background(), n[0], []byte(n[1]), nil, zkapi.Persistent)
			require.NoError(t, err)
		}
		require.NoError(t, c.Close())
		read := ""
		w.Go("A", func(p *explore.Participant) error {
			_, err := p.Client.Set(p.Context(), "/a/b", []byte("long"), zkapi.AnyVersion)
			p.Pause("goes on")
			return err
		})
		w.Go("B", func(p *explore.Participant) error {
			data, _, err := p.Client.Get(p.Context(), "/zookeeper/quota/a/zookeeper_stats")
			_, _, _ = p.Client.Get(p.Context(), "/")
			read = string(data)
			p.Log("reads %s", read)
			return err
		})
		w.Remember(func() string { return read })
		w.Finally(func() error { told(read); return nil })
	}
	require.Len(t, waysOf(t, scenario, unreduced), 2)
	require.Len(t, waysOf(t, scenario), 2)
}

// How far a client's server has come is nothing any more when none can be behind.
func TestServersThatCannotLag(t *testing.T) {
	res := explore.Explore(t, func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			for range 5 {
				_ = p.Client.Sync(p.Context(), "/")
			}
			return nil
		})
		w.Go("B", func(p *explore.Participant) error {
			_, _ = p.Client.Create(p.Context(), "/b", nil, nil, zkapi.Persistent)
			for i := range 5 {
				_ = p.Client.Delete(p.Context(), fmt.Sprint("/", i), zkapi.AnyVersion)
			}
			return nil
		})
		w.Remember()
	}, func(c *explore.Config) {
		c.Strategy, c.Thorough, c.Schedules, c.Faults, c.Kinds = explore.Exhaustive(), true, 100_000, 1, explore.Lag
	})
	require.Nil(t, res.Failure)
	require.True(t, res.Complete)
	require.Positive(t, res.Checked)
}

// A search goes on at a frontier as if it had not been stopped, also where it had taken a step for private first.
func TestFrontierOfWhatMayBePrivate(t *testing.T) {
	search := func(seed uint64, participants int, found map[string]bool, opts ...func(*explore.Config)) *explore.Result {
		return explore.Explore(t, func(w *explore.World) { program(seed, participants)(w, func(way string) { found[way] = true }) },
			append([]func(*explore.Config){func(c *explore.Config) {
				c.Strategy, c.Schedules = explore.Exhaustive(), 1_000_000
				c.Failures = func(f *explore.Failure) { found[f.Error()] = true }
			}}, opts...)...)
	}
	stride := 1
	if raceDetector {
		stride = 10
	}
	for _, x := range []struct {
		seed         uint64
		participants int
	}{{370, 2}, {30, 3}, {1, 2}, {2, 3}} {
		whole := map[string]bool{}
		all := search(x.seed, x.participants, whole)
		require.True(t, all.Complete)
		for k := 1; k < all.Schedules; k += stride {
			parts := map[string]bool{}
			first := search(x.seed, x.participants, parts, func(c *explore.Config) { c.Schedules = k })
			if first.Frontier != "" {
				search(x.seed, x.participants, parts, func(c *explore.Config) { c.Strategy = explore.Exhaustive(first.Frontier) })
			}
			require.True(t, maps.Equal(whole, parts), "seed %d, stopped after %d of %d: %d of %d ways", x.seed, k, all.Schedules, len(parts), len(whole))
		}
	}
}
