package faults_test

import (
	"go/format"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
)

// The test in README.md, word for word.
func TestReplyLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := memserver.RunT(t)
		plan := faults.ParseT(t, "cut after-reply create /jobs/** #1") // fails t if that never happens
		conn, _, err := zk.Connect([]string{srv.Addr()}, 10*time.Second, zk.WithDialer(plan.Dialer(srv.Dial)))
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.Create("/jobs", nil, 0, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
		_, err = conn.Create("/jobs/1", nil, 0, zk.WorldACL(zk.PermAll))
		require.Equal(t, zk.ErrConnectionClosed, err) // the client cannot know ...
		_, there := srv.Node("/jobs/1")
		require.True(t, there) // ... that the server has done it
	})
}

// TestReadme: that test is in the README, gofmt has seen it, and the plan below it parses.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	here, err := os.ReadFile("readme_test.go")
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(readme), "\n## Faults\n")
	require.True(t, ok)
	blocks := strings.Split(section, "```")
	code := strings.TrimPrefix(blocks[1], "go\n")
	require.Contains(t, string(here), code)
	formatted, err := format.Source([]byte(code))
	require.NoError(t, err)
	require.Equal(t, string(formatted), code)
	plan, err := faults.Parse(blocks[3])
	require.NoError(t, err)
	require.Len(t, plan.Rules(), strings.Count(strings.TrimSpace(blocks[3]), "\n")+1)
}
