package faults_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// TestEventsLostTogether: many watches lose the event of one transaction, each with the connection.
// The direct client comes back all the same, and all of them are told.
func TestEventsLostTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		plan := faults.ParseT(t, "cut after-notification times 20")
		c, other := plan.Client(srv.ClientT(t)), srv.ClientT(t)
		defer plan.Close()
		_, err := other.Create(t.Context(), "/n", nil, nil, zkapi.Persistent)
		require.NoError(t, err)
		var watches []<-chan zkapi.Event
		for range 20 {
			_, _, ch, err := c.GetW(t.Context(), "/n")
			require.NoError(t, err)
			watches = append(watches, ch)
		}
		_, err = other.Set(t.Context(), "/n", nil, -1)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.Equal(t, zkapi.StateConnected, c.State())
		for _, ch := range watches {
			require.Equal(t, zkapi.EventNodeDataChanged, (<-ch).Type)
		}
		_, _, err = c.Get(t.Context(), "/n")
		require.NoError(t, err)
	})
}
