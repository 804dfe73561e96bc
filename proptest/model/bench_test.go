package model_test

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/model"
)

// BenchmarkModel measures how fast histories run, on the direct client and on
// the model, comparison included. An iteration is 100 histories.
func BenchmarkModel(b *testing.B) {
	require.NoError(b, flag.Set("rapid.checks", "100"))
	d := &direct{profile: memserver.V39}
	require.NoError(b, d.reset())
	srv := d.server()
	srv.Advance = nil // time goes by here
	var stats model.Stats
	for b.Loop() {
		model.Check(b, srv, func(c *model.Config) { c.Stats = &stats })
	}
	b.ReportMetric(float64(stats.Steps)/b.Elapsed().Seconds(), "steps/s")
	require.NoError(b, d.srv.Close())
}
