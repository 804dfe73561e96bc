package memserver_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// What a reconfig is answered, and what other members see of it, is played on real ensembles too: see
// proptest/members_reconfig_test.go. Here is what only a simulator can do.

// joining is an ensemble of three and a server that is not in its configuration.
func joining(c *memserver.Config) {
	c.Members, c.Joiners, c.ReconfigEnabled, c.SkipACL = 4, []int{4}, true, true
}

func line(m *memserver.Member) string { return fmt.Sprintf("server.%d=%s", m.ID(), m.Spec()) }

// change asks for another configuration. What is "" the client does not say.
func change(t testing.TB, c zkapi.Client, joining, leaving string) string {
	t.Helper()
	config, _, err := c.Reconfig(t.Context(), zkapi.Reconfig{Joining: joining, Leaving: leaving, Version: -1})
	require.NoError(t, err)
	return string(config)
}

func TestTheMembershipOutlivesARestartAndNotAReset(t *testing.T) {
	srv := memserver.RunT(t, joining)
	c := on(t, srv, 1)
	config := change(t, c, line(srv.Member(4)), "2")
	require.Contains(t, config, line(srv.Member(4))+"\n")
	require.NotContains(t, config, "server.2=")
	before := srv.Snapshot()
	requireData(t, c, "/zookeeper/config", config)

	srv.Restart()
	requireData(t, c, "/zookeeper/config", config)
	srv.Restore(before) // it is no part of the tree, and the servers keep their files
	requireData(t, c, "/zookeeper/config", config)
	srv.Restore(nil)
	first, _, err := c.GetConfig(t.Context())
	require.NoError(t, err)
	require.Contains(t, string(first), "server.2=")
	require.NotContains(t, string(first), "server.4=")
	require.True(t, strings.HasSuffix(string(first), fmt.Sprintf("\nversion=%x", srv.Zxid()>>32<<32)), string(first))

	other := memserver.RunT(t, memserver.From(before), func(c *memserver.Config) { c.Members = 3 })
	requireData(t, other.ClientT(t), "/zookeeper/config", "server.1=127.0.0.1:2888:3888:participant\n"+
		"server.2=127.0.0.1:2889:3889:participant\nserver.3=127.0.0.1:2890:3890:participant\nversion=0")
}

func TestOnlyVotersElect(t *testing.T) {
	srv := memserver.RunT(t, joining)
	require.False(t, srv.Member(4).Elect())
	require.Equal(t, memserver.Follower, srv.Member(4).Role())
	change(t, srv.ClientT(t), "", "3")
	require.Equal(t, 1, srv.Leader().ID())
	require.Equal(t, memserver.Follower, srv.Member(3).Role())
	srv.Member(2).Stop()
	require.Nil(t, srv.Leader(), "3 and 4 run, and have no vote")
	require.NoError(t, srv.Member(2).Start())
	require.NotNil(t, srv.Leader())

	srv.Member(3).Stop()
	require.ErrorContains(t, srv.Member(3).Start(), "My id 3 not in the peer list")
}

func TestAServerThatLagsLearnsItsNewRoleLate(t *testing.T) {
	srv := memserver.RunT(t, joining)
	reader := on(t, srv, 1)
	srv.Member(1).SetLag(hold)
	config := change(t, on(t, srv, 3), line(srv.Member(4)), "")
	old, _, err := reader.GetConfig(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, config, string(old))
	require.NoError(t, reader.Sync(t.Context(), "/"))
	requireData(t, reader, "/zookeeper/config", config)
}

func TestAConfigurationKeepsNoMemoryOfTheRequest(t *testing.T) {
	srv := memserver.RunT(t, joining)
	c := dialGoZK(t, srv)
	defer c.Close()
	for range 2 { // the second one overwrites the buffer that the first was read into
		_, err := c.IncrementalReconfig([]string{line(srv.Member(4))}, nil, -1)
		require.NoError(t, err)
	}
	_, err := c.IncrementalReconfig(nil, []string{"99999999999999999999999999999999999999999999999"[:12]}, -1)
	require.NoError(t, err)
	data, _, err := c.Get("/zookeeper/config")
	require.NoError(t, err)
	require.Contains(t, string(data), line(srv.Member(4))+"\n")
}

func TestImpossibleEnsembles(t *testing.T) {
	for want, opt := range map[string]func(*memserver.Config){
		"an observer or joiner 4 in an ensemble of 3 members":   func(c *memserver.Config) { c.Members, c.Observers = 3, []int{4} },
		"an observer or joiner 0 in an ensemble of 3 members":   func(c *memserver.Config) { c.Members, c.Joiners = 3, []int{0} },
		"an ensemble of 2 members without one that votes":       func(c *memserver.Config) { c.Members, c.Observers, c.Joiners = 2, []int{1}, []int{2} },
		"an ensemble of 300 members: want 1 to 254":             func(c *memserver.Config) { c.Members = 300 },
		"server.2=here: want host:port:port, or host:port:port": func(c *memserver.Config) { c.Members = 2; _ = c.Set("server.2", "here") },
	} {
		_, err := memserver.New(opt)
		require.ErrorContains(t, err, want)
	}
}
