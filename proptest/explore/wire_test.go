package explore_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/proptest/explore"
)

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// Two unmodified clients over the wire: each adds one, if the version is the one it has read.
func TestClientsOverTheWire(t *testing.T) {
	scenario := func(checks bool) func(*explore.World) {
		return func(w *explore.World) {
			c, _ := w.Server.Client()
			_, _ = c.Create(ctx, "/n", []byte{0}, nil, 0)
			_ = c.Close()
			added := 0
			for _, name := range []string{"A", "B"} {
				w.GoDialing(name, func(p *explore.Participant) error {
					conn := dialed(p)
					data, stat, err := conn.Get("/n")
					if err != nil {
						return nil
					}
					if !checks {
						stat.Version = -1
					}
					if _, err := conn.Set("/n", []byte{data[0] + 1}, stat.Version); err == nil {
						p.Log("has added one")
						added++
					}
					return nil
				})
			}
			w.Finally(func() error {
				n, _ := w.Server.Node("/n")
				if int(n.Data[0]) < added {
					return fmt.Errorf("%d were added, and it is %d", added, n.Data[0])
				}
				return nil
			})
		}
	}
	res := explore.Explore(t, scenario(false), with(explore.Exhaustive(), 0))
	require.NotNil(t, res.Failure)
	require.True(t, res.Same)
	require.LessOrEqual(t, res.Failure.Steps(), 6) // with two handshakes
	res = explore.Explore(t, scenario(true), with(explore.Exhaustive(), 1))
	require.Nil(t, res.Failure, "%v", res.Failure)
	require.True(t, res.Complete)
	t.Log(res.Progress)
}
