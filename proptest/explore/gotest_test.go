package explore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/explore"
	"github.com/zksim/zksim/zkapi"
)

// fails are scenarios of which each fails in its own way, with something that is not in most.
var fails = map[string]func(w *explore.World){
	"only pauses": func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error { p.Pause("works\non"); return errors.New("no\nmore") })
	},
	"only reads": func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			_, _, _ = p.Client.Get(p.Context(), "/other.zkapi.srv.\"zkapi.")
			_, _, _ = p.Client.Get(p.Context(), "/")
			return errors.New("no")
		})
	},
	"one pauses": func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			_, err := p.Client.Create(p.Context(), "/a", nil, nil, zkapi.Persistent)
			return err
		})
		w.Go("B", func(p *explore.Participant) error { p.Pause("works"); return errors.New("no") })
	},
	"names": func(w *explore.World) {
		for _, name := range []string{"A-1", "A.1"} {
			w.Go(name, func(p *explore.Participant) error {
				_, err := p.Client.Create(p.Context(), "/a\nb", nil, nil, zkapi.Persistent)
				return err
			})
		}
	},
	"left out": func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			n, err := p.Client.AllChildrenNumber(p.Context(), "/")
			if err == nil && n > 4 {
				return errors.New("too many")
			}
			return err
		})
		w.Go("B", func(p *explore.Participant) error {
			for _, path := range []string{"/a", "/b"} {
				_, _ = p.Client.Create(p.Context(), path, nil, nil, zkapi.Persistent)
			}
			return nil
		})
	},
	"TTL": func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			_, _, _ = p.Client.CreateTTL(p.Context(), "/a", nil, nil, zkapi.PersistentTTL, time.Hour)
			_, err := p.Client.Create(p.Context(), "/a", nil, nil, zkapi.Persistent)
			return err
		})
	},
	"ACL": func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			_, _ = p.Client.Create(p.Context(), "/b", nil, []zkapi.ACL{{Perms: zkapi.PermRead, Scheme: "world", ID: "anyone"}}, zkapi.Persistent)
			_, err := p.Client.Create(p.Context(), "/b/c", nil, nil, zkapi.Persistent)
			return err
		})
	},
	"binary text": func(w *explore.World) {
		w.Go("A", func(p *explore.Participant) error {
			_, err := p.Client.Create(p.Context(), "/a", []byte{0xff}, nil, zkapi.Persistent)
			if data, _, _ := p.Client.Get(p.Context(), "/a"); err == nil {
				return fmt.Errorf("it is %s", data)
			}
			return err
		})
	},
	"wrong path": solo(func(p *explore.Participant) {
		_, _ = p.Client.Create(p.Context(), "/a\x00", nil, nil, zkapi.Persistent)
	}),
	"wrong mode": solo(func(p *explore.Participant) {
		_, _ = p.Client.Create(p.Context(), "/a", nil, nil, zkapi.CreateMode(42))
	}),
	"TTL's mode": solo(func(p *explore.Participant) { _, _ = p.Client.Create(p.Context(), "/a", nil, nil, zkapi.PersistentTTL) }),
	"other's ACL": solo(func(p *explore.Participant) {
		_, _ = p.Client.Create(p.Context(), "/a", nil, nil, zkapi.Persistent)
		_, _ = p.Client.SetACL(p.Context(), "/a", zkapi.OpenACL(), zkapi.AnyVersion)
		_, _ = p.Client.SetACL(p.Context(), "/a", zkapi.ReadACL(), zkapi.AnyVersion)
		_, _ = p.Client.Create(p.Context(), "/a/b", nil, nil, zkapi.Persistent)
	}),
	"auth": solo(func(p *explore.Participant) {
		_ = p.Client.AddAuth(p.Context(), "digest", []byte("u:p"))
		_, _ = p.Client.Create(p.Context(), "/a", nil, []zkapi.ACL{{Perms: zkapi.PermAll, Scheme: "auth"}}, zkapi.Persistent)
	}),
	"counter of the root": func(w *explore.World) {
		c, _ := w.Server.Client()
		_, _ = c.Create(context.Background(), "/tmp", nil, nil, zkapi.Persistent)
		_ = c.Delete(context.Background(), "/tmp", zkapi.AnyVersion)
		_ = c.Close()
		solo(func(p *explore.Participant) {
			_, _ = p.Client.Create(p.Context(), "/n-", nil, nil, zkapi.PersistentSequential)
		})(w)
	},
	"furniture with ACLs": func(w *explore.World) {
		restricted(w)
		solo(func(p *explore.Participant) {
			_, _, _ = p.Client.Get(p.Context(), "/ro/x")
			_, _ = p.Client.Create(p.Context(), "/ro/y", nil, nil, zkapi.Persistent)
			_, _ = p.Client.SetACL(p.Context(), "/ro/x", zkapi.ReadACL(), 1)
		})(w)
	},
	"ephemeral furniture": func(w *explore.World) {
		c, _ := w.Server.Client()
		_, _ = c.Create(context.Background(), "/leader", nil, nil, zkapi.Ephemeral)
		w.Go("A", func(p *explore.Participant) error {
			defer c.Close()
			_, err := p.Client.Create(p.Context(), "/leader", nil, nil, zkapi.Ephemeral)
			return err
		})
	},
	"over the wire": dialing(func(c *zk.Conn) {
		all := zk.WorldACL(zk.PermAll)
		_, _ = c.Create("/a", nil, 0, zk.WorldACL(zk.PermRead))
		_, _ = c.Create("/a/b", nil, 0, all)
		_, _ = c.CreateTTL("/t", nil, 5, all, time.Hour)
		_, _ = c.Multi(&zk.CreateRequest{Path: "/m", Acl: zk.WorldACL(zk.PermRead)}, &zk.CheckVersionRequest{Path: "/m"})
		_, _ = c.Create("/m/x", nil, 0, all)
		_ = c.AddAuth("digest", []byte("u:p"))
		_, _ = c.Create("/auth", nil, 0, zk.AuthACL(zk.PermAll))
		_, _ = c.SetACL("/t", zk.WorldACL(zk.PermRead), 0)
		_, _ = c.Create("/t/x", nil, 0, all)
	}),
	"a connection that is lost": func(w *explore.World) {
		w.GoDialing("A", func(p *explore.Participant) error {
			c := dialed(p)
			for range 5 {
				if _, err := c.Create("/a", nil, 0, zk.WorldACL(zk.PermAll)); err == nil {
					break
				}
			}
			if w.Faults() > 0 {
				return errNo
			}
			return nil
		})
	},
	"furniture": func(w *explore.World) {
		ctx := context.Background()
		c, err := w.Server.Client()
		if err != nil {
			panic(err)
		}
		_, _ = c.Create(ctx, "/q", nil, nil, zkapi.Container)
		for range 3 {
			_, _ = c.Create(ctx, "/q/t", nil, nil, zkapi.Persistent)
			_ = c.Delete(ctx, "/q/t", zkapi.AnyVersion)
			_, _ = c.Set(ctx, "/q", nil, zkapi.AnyVersion)
		}
		_, _, _ = c.CreateTTL(ctx, "/q/t", nil, zkapi.ReadACL(), zkapi.PersistentTTL, time.Hour)
		_ = c.Close()
		w.Go("A", func(p *explore.Participant) error {
			_, _ = p.Client.Create(p.Context(), "/q/n-", nil, nil, zkapi.PersistentSequential)
			_, _ = p.Client.Create(p.Context(), "/q/t/n", nil, nil, zkapi.Persistent)
			_, err := p.Client.Set(p.Context(), "/q", nil, 3)
			return errors.Join(err, errors.New("no"))
		})
	},
}

// restricted makes nodes below one below which nobody may make or delete any.
func restricted(w *explore.World) {
	c, _ := w.Server.Client()
	_, _ = c.Create(context.Background(), "/ro", nil, nil, zkapi.Persistent)
	_, _ = c.Create(context.Background(), "/ro/x", nil, nil, zkapi.Persistent)
	_, _ = c.SetACL(context.Background(), "/ro/x", zkapi.OpenACL(), zkapi.AnyVersion)
	_, _ = c.SetACL(context.Background(), "/ro", zkapi.ReadACL(), zkapi.AnyVersion)
	_ = c.Close()
}

// dialing is one participant over the wire, and fails.
func dialing(body func(c *zk.Conn)) func(w *explore.World) {
	return func(w *explore.World) {
		w.GoDialing("A", func(p *explore.Participant) error {
			body(dialed(p))
			return errNo
		})
	}
}

func dialed(p *explore.Participant) *zk.Conn {
	c, _, err := zk.Connect([]string{"127.0.0.1:2181"}, 10*time.Second, zk.WithDialer(p.Dial),
		zk.WithLogger(quiet{}), zk.WithMaxConnBufferSize(1<<12), zk.WithEventCallback(func(zk.Event) {}))
	require.NoError(p, err)
	p.AtEnd(c.Close)
	return c
}

// What has failed is the same on another server, whatever there was before, and whatever it is about.
func TestComparesAnything(t *testing.T) {
	for name, scenario := range fails {
		t.Run(name, func(t *testing.T) {
			if name == "counter of the root" {
				return // which is not to be had on a server of somebody else's
			}
			f := explore.Trace(t, "0", scenario)
			srv := memserver.RunT(t, func(c *memserver.Config) { c.ExtendedTypes = true })
			require.NoError(t, f.Compare(t.Context(), explore.Elsewhere{Connect: func(context.Context) (zkapi.Client, error) { return srv.Client() }}))
		})
	}
}

// Whatever has failed, its test in Go compiles and does the same.
func TestGoTestsRun(t *testing.T) {
	files, dir := map[string]string{}, t.TempDir()
	for i, name := range slices.Sorted(maps.Keys(fails)) {
		f := explore.Explore(t, fails[name], func(c *explore.Config) {
			c.Strategy, c.Schedules = explore.Exhaustive(), 1000
			if name == "a connection that is lost" {
				c.Faults, c.Kinds = 1, explore.Cut
			}
		}).Failure
		require.NotNil(t, f, name)
		file := fmt.Sprintf("schedule%d_test.go", i)
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(f.GoTest("schedules_test", fmt.Sprint("TestSchedule", i))), 0o666))
		files[file] = filepath.Join(dir, file)
	}
	overlay := map[string]map[string]string{"Replace": {}} // a package of this module that is in no folder
	here, err := filepath.Abs("testdata/schedules")
	require.NoError(t, err)
	for file, path := range files {
		overlay["Replace"][filepath.Join(here, file)] = path
	}
	text, err := json.Marshal(overlay)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o666))
	binary := filepath.Join(dir, "schedules.test")
	out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-o", binary, "-overlay", filepath.Join(dir, "overlay.json"), "./testdata/schedules").CombinedOutput()
	require.NoError(t, err, "%s", out)
	out, err = exec.CommandContext(t.Context(), binary, "-test.v").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Len(t, regexp.MustCompile(`(?m)^--- PASS: `).FindAll(out, -1), len(fails), "%s", out)
}
