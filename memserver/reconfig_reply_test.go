package memserver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// A reconfig without the leader begins an epoch, of which only the new leader knows at first. The client has
// not heard of that: any member takes it back.
func TestReplyToAReconfigWithoutTheLeader(t *testing.T) {
	s := RunT(t, func(c *Config) { c.Members, c.ReconfigEnabled, c.SkipACL = 3, true, true })
	require.True(t, s.Member(3).Elect())
	for _, id := range []int{1, 2} {
		require.Equal(t, Follower, s.Member(id).Role())
	}
	c := dialMember(t, s, 1)
	session := c.open()
	q := wire.Request{RequestHeader: wire.RequestHeader{Type: zkapi.OpReconfig}}
	q.Reconfig = wire.ReconfigRequest{JoiningServers: wire.NullString, LeavingServers: "3", NewMembers: wire.NullString, CurConfigID: -1}
	h, p := c.call(q)
	require.Zero(t, h.Err)
	require.Equal(t, p.Stat.Mzxid, h.Zxid)
	require.NotEqual(t, Leader, s.Member(3).Role())
	c.closed()

	for _, id := range []int{1, 2} {
		again := dialMember(t, s, id)
		again.connect(wire.ConnectRequest{
			LastZxidSeen: h.Zxid, TimeOut: 10_000, SessionID: session.SessionID, Passwd: session.Passwd})
		h, _ := again.call(get("/"))
		require.Zero(t, h.Err)
	}
}

func dialMember(t *testing.T, s *Server, id int) *rawClient {
	nc, err := s.Member(id).Dial("tcp", s.Member(id).Addr(), time.Second)
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	return &rawClient{t: t, Conn: nc}
}
