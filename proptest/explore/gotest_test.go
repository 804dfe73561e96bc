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

	"github.com/stretchr/testify/require"

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

// Whatever has failed, its test in Go compiles and does the same.
func TestGoTestsRun(t *testing.T) {
	files, dir := map[string]string{}, t.TempDir()
	for i, name := range slices.Sorted(maps.Keys(fails)) {
		f := explore.Explore(t, fails[name], func(c *explore.Config) { c.Strategy, c.Schedules = explore.Exhaustive(), 1000 }).Failure
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
