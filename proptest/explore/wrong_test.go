package explore_test

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/explore"
)

// What cannot be asked for is said to be so.
func TestWrongConfig(t *testing.T) {
	require.EqualError(t, (&explore.Config{Shard: 2, Shards: 2}).Check(), "explore: there is no shard 2 of 2, which are counted from 0")
	require.EqualError(t, (&explore.Config{Shard: -1}).Check(), "explore: there is no shard -1 of 1, which are counted from 0")
	require.NoError(t, (&explore.Config{Shard: 1, Shards: 2}).Check())
	for name, x := range map[string]struct{ value, err string }{
		"explore.from":  {"0A", `explore: "0A" is no schedule: it has 'A'`},
		"explore.shard": {"2/2", `explore: "2/2" is no shard such as 0/4`},
	} {
		require.NoError(t, flag.Set(name, x.value))
		err := new(explore.Config).Check()
		require.NoError(t, flag.Set(name, ""))
		require.EqualError(t, err, x.err)
	}
}
