package frames_test

import (
	"testing"
	"time"

	"github.com/zksim/zksim/proptest/frames"
)

func TestFramesSelf(t *testing.T) {
	p := profiles[0]
	start := func() (frames.Server, error) { return startSim("3.9", frames.Settings) }
	pair, err := frames.Open(&p, start, start)
	if err != nil {
		t.Fatal(err)
	}
	defer pair.Close()
	t0 := time.Now()
	d, err := pair.Search(frames.Options{Seed: 5, Ops: *ops, Shrink: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if d != nil {
		t.Errorf("%v", d)
	}
	t.Logf("%d in %v", pair.Requests, time.Since(t0))
	if *matrix {
		t.Logf("\n%v", pair.Matrix)
	}
}
