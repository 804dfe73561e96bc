package watchers_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/watchers"
	"github.com/zksim/zksim/zkapi"
)

func TestPatientChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c, other := srv.ClientT(t), srv.ClientT(t)
		create(c, "/n", "")
		start := time.Now()
		at := func(seconds int, do func()) {
			time.AfterFunc(time.Until(start.Add(time.Duration(seconds)*time.Second)), do)
		}
		at(5, func() { create(other, "/n/a", "") })
		at(12, func() { create(other, "/n/b", "") })
		at(30, func() { create(other, "/n/c", "") }) // when it was quiet since 12
		at(45, func() { c.Disconnect() })
		at(48, func() { check(other.Delete(ctx, "/n/c", -1)); create(other, "/n/c", "") })
		at(70, func() { c.Reconnect() }) // as soon as that: the session has expired
		type seen struct {
			after int
			names string
		}
		var all []seen
		for group, err := range watchers.PatientChildren(t.Context(), c, "/n", 10*time.Second) {
			require.NoError(t, err)
			names := ""
			for _, n := range group.Names {
				names += n
			}
			all = append(all, seen{int(time.Since(start).Seconds()), names})
			if len(all) == 3 {
				break
			}
			<-group.Changed
		}
		require.Equal(t, []seen{{22, "ab"}, {40, "abc"}, {80, "abc"}}, all)
		require.Empty(t, srv.Watches())
	})
}

// TestPatientWithoutConnection: as long as nobody can say that nothing has changed nothing is yielded.
func TestPatientWithoutConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		c, other := srv.ClientT(t), srv.ClientT(t)
		create(c, "/n", "")
		start := time.Now()
		time.AfterFunc(time.Second, func() { c.Disconnect(); create(other, "/n/a", "") })
		time.AfterFunc(7*time.Second, c.Reconnect)
		for group, err := range watchers.PatientChildren(t.Context(), c, "/n", 5*time.Second) {
			require.NoError(t, err)
			require.Equal(t, []string{"a"}, group.Names)
			require.Equal(t, 12*time.Second, time.Since(start))
			srv.Expire(c.SessionID())
			require.ErrorIs(t, (<-group.Changed).Err, zkapi.ErrSessionExpired)
			break
		}
	})
}
