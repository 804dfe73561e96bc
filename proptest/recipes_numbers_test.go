package proptest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/realserver"
	"github.com/zksim/zksim/zkapi"
)

// numberless tells whether somebody has got his number when there were none left: the last
// one is given to everybody then, and to what is still on its way those behind it.
func numberless(seq int32) bool { return seq == math.MaxInt32 || seq < math.MinInt32/2 }

// sequence is the number that a name ends in.
func sequence(number string) int32 {
	n, _ := strconv.ParseInt(number, 10, 32)
	return int32(n)
}

// TestRecipesNumbers: directories come to the end of the numbers that they have for the
// names of nodes, at the beginning or after a few more, or at one of the requests of one client.
// Everybody has the same number from then on, and comes in the order of his coming all the same.
func TestRecipesNumbers(t *testing.T) {
	inMemory(t, func(t *testing.T, kind string, run runCase) {
		for _, x := range trials() {
			if leftOut(kind, x.n, 11) {
				continue
			}
			t.Run(x.name, func(t *testing.T) {
				for left := 0; left < 8; left += brief.Or(3, 1) {
					run(t, "", func(e *recipeEnv) {
						e.numbers = true
						e.runOut(x.directories(), int32(left))
						x.play(e, e.client("a"))
					})
				}
				stepwise(t, strideOfDrill(kind, x.n, 11), run, func(e *recipeEnv, at func(zkapi.Client, func()) *steps) {
					e.numbers = true
					x.play(e, at(e.client("a"), func() { e.runOut(x.directories(), 0) }))
				})
				sweep(t, strideOfDrill(kind, x.n, 12), "cut after-reply client=a #%d", run, func(e *recipeEnv) {
					e.numbers = true
					e.runOut(x.directories(), 0)
					x.play(e, e.client("a"))
				})
			})
		}
	})
	t.Run("real/3.9", func(t *testing.T) {
		brief.InTurn(t, 0, 3)
		var cases []trial
		for _, x := range trials() {
			if len(x.directories()) > 0 && (!x.variant || *allRequests) && !leftOut("real", x.n, 11) {
				cases = append(cases, x)
			}
		}
		run := onRealServer(startWithout(t, cases))
		for n, x := range cases {
			t.Run(x.name, func(t *testing.T) {
				run(t, "", func(e *recipeEnv) {
					require.Equal(t, realRoot(n+1), e.root)
					e.numbers = true
					x.play(e, e.client("a"))
				})
			})
		}
	})
}

// runOut leaves directories so many numbers.
func (e *recipeEnv) runOut(dirs []string, left int32) {
	for _, dir := range dirs {
		if err := zkapi.EnsurePath(e.ctx, e.truth, e.root+dir, nil); err != nil {
			e.t.Fatalf("%v", err)
		}
		if err := e.srv.SetCounters(e.root+dir, memserver.Counters{Creations: math.MaxInt32 - left}); err != nil {
			e.t.Fatalf("%v", err)
		}
	}
}

// startWithout starts a real server on which the directories of trials have one number left.
func startWithout(t *testing.T, cases []trial) *realserver.Server {
	install := realserver.FindT(t, "3.9")
	sim := memserver.RunT(t)
	c := sim.ClientT(t)
	for n, x := range cases {
		for _, dir := range x.directories() {
			path := realRoot(n+1) + dir
			require.NoError(t, zkapi.EnsurePath(t.Context(), c, path, nil))
			require.NoError(t, sim.SetCounters(path, memserver.Counters{Creations: math.MaxInt32 - 1}))
		}
	}
	dir := t.TempDir()
	require.NoError(t, WriteSnapshot(dir, sim.Snapshot()))
	srv, err := realserver.Start(context.Background(), install, func(o *realserver.Options) { o.TickTime, o.Dir = faultTick, dir })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	return srv
}

// WriteSnapshot puts a snapshot where a real server looks for it that has a folder.
func WriteSnapshot(folder string, snap *memserver.Snapshot) error {
	data := filepath.Join(folder, "data", "version-2")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(data, fmt.Sprintf("snapshot.%x", snap.Zxid())))
	if err != nil {
		return err
	}
	_, err = snap.WriteTo(file)
	return errors.Join(err, file.Close())
}
