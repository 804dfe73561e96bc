package control_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// TestMembers has an ensemble lose and find members over HTTP, under a client
// that goes on with its session.
func TestMembers(t *testing.T) {
	s := newSide(t, func(c *memserver.Config) { c.Members = 3 })
	c := s.sim.ClientT(t)
	session := c.SessionID()
	_, err := c.Create(t.Context(), "/n", []byte("old"), nil, zkapi.Persistent)
	require.NoError(t, err)
	var answer map[string]string
	s.must("POST /sim/v1/members/3/stop", "", &answer)
	require.Equal(t, map[string]string{"member": "3", "role": "", "zxid": "0x200000000"}, answer)
	require.Equal(t, session, c.SessionID())
	s.must("POST /sim/v1/members/2/isolate", "", &answer)
	require.Equal(t, zkapi.StateSuspended, c.State(), "there is no quorum")
	status, text := s.ask("POST /sim/v1/leader", `{"member":1}`)
	require.Equal(t, 409, status)
	require.Contains(t, text, "member 1 cannot be elected now: it is down, or there is no quorum")
	s.must("POST /sim/v1/members/2/rejoin", "", &answer)
	s.must("POST /sim/v1/members/3/start", "", &answer)
	s.must("POST /sim/v1/leader", `{"member":3}`, &answer)
	require.Equal(t, "leader", answer["role"])
	require.Equal(t, session, c.SessionID())

	reader := s.sim.ClientT(t, func(c *memserver.ClientConfig) { c.Member = 1 })
	s.must("POST /sim/v1/members/1/lag", `{"hold":true}`, &answer)
	writer := s.sim.ClientT(t, func(c *memserver.ClientConfig) { c.Member = 3 })
	_, err = writer.Set(t.Context(), "/n", []byte("new"), 0)
	require.NoError(t, err)
	data, _, err := reader.Get(t.Context(), "/n")
	require.NoError(t, err)
	require.Equal(t, "old", string(data))
	var state struct {
		Members []struct {
			ID, Behind int
			Role, Zxid string
		}
	}
	s.must("GET /sim/v1/state", "", &state)
	require.Len(t, state.Members, 3)
	require.Equal(t, 2, state.Members[0].Behind, "a session and a write")
	s.must("POST /sim/v1/members/1/apply", `{"txns":1}`, &answer)
	require.Equal(t, "1", answer["applied"])
	require.Equal(t, "follower", answer["role"])
	s.must("GET /sim/v1/state", "", &state)
	require.Equal(t, 1, state.Members[0].Behind)
	data, _, err = reader.Get(t.Context(), "/n")
	require.NoError(t, err)
	require.Equal(t, "old", string(data), "it has applied the session only")
	s.must("POST /sim/v1/members/1/lag", `{}`, &answer)
	data, _, err = reader.Get(t.Context(), "/n")
	require.NoError(t, err)
	require.Equal(t, "new", string(data))
}

// TestSever: a write that the leader does not hear of waits, and a member that it
// has not heard for SyncLimit ticks is lost.
func TestSever(t *testing.T) {
	s := newSide(t, func(c *memserver.Config) { c.Members = 3 })
	c := s.sim.ClientT(t, func(c *memserver.ClientConfig) { c.Member = 1 })
	var answer map[string]string
	s.must("POST /sim/v1/members/1/sever", `{"to":3}`, &answer)
	require.Equal(t, "follower", answer["role"])
	done := make(chan error)
	go func() {
		_, err := c.Create(t.Context(), "/n", nil, nil, zkapi.Persistent)
		done <- err
	}()
	s.must("POST /sim/v1/members/1/mend", `{"to":3}`, &answer)
	require.NoError(t, <-done)
	s.must("POST /sim/v1/members/3/sever", `{"to":1}`, &answer)
	require.Equal(t, "leader", answer["role"])
	s.must("POST /sim/v1/clock", `{"advance":"10s"}`, &answer)
	s.must("POST /sim/v1/members/3/sever", `{"to":2}`, &answer)
	require.Equal(t, memserver.NotServing, s.sim.Member(1).Role())
	s.must("POST /sim/v1/clock", `{"advance":"10s"}`, &answer)
	require.Equal(t, 2, s.sim.Leader().ID())
	for _, to := range []int{1, 2} {
		s.must("POST /sim/v1/members/3/mend", fmt.Sprintf(`{"to":%d}`, to), &answer)
	}
	require.Equal(t, "follower", answer["role"])

	status, text := s.ask("POST /sim/v1/members/3/sever", `{"to":3}`)
	require.Equal(t, 400, status)
	require.Contains(t, text, "to 3: a member always hears itself; want another one")
	status, text = s.ask("POST /sim/v1/members/3/mend", `{}`)
	require.Equal(t, 404, status)
	require.Contains(t, text, `there is no member \"0\"; they are 1 to 3`)
}

// TestReconfig: what the state says of a server is what a client says that takes it in.
func TestReconfig(t *testing.T) {
	s := newSide(t, func(c *memserver.Config) {
		c.Members, c.Joiners, c.ReconfigEnabled, c.SkipACL = 4, []int{4}, true, true
	})
	var state struct{ Members []struct{ Spec string } }
	s.must("GET /sim/v1/state", "", &state)
	c := s.sim.ClientT(t)
	config, _, err := c.Reconfig(t.Context(), zkapi.Reconfig{Joining: "server.4=" + state.Members[3].Spec, Version: -1})
	require.NoError(t, err)
	require.Contains(t, string(config), "server.4="+state.Members[3].Spec+"\n")
}
