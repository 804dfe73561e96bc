package memserver_test

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
)

// The test with which the README begins, word for word.

func TestMyService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // optional: time is virtual in here
		srv := memserver.RunT(t)                                         // a ZooKeeper, gone when the test ends
		conn, _, err := zk.Connect([]string{srv.Addr()}, 10*time.Second, // go-zookeeper, unmodified
			zk.WithDialer(srv.Dial)) // no socket, no port
		require.NoError(t, err)
		defer conn.Close()
		conn.Create("/leader", []byte("me"), zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
		srv.Expire(conn.SessionID()) // on the server, as if the network had been gone for a minute
		time.Sleep(time.Hour)        // takes no time; the client pings all the while
		exists, _, err := conn.Exists("/leader")
		require.NoError(t, err)
		require.False(t, exists)
	})
}

func TestReadmeBeginsWithIt(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	source, err := os.ReadFile("readme_test.go")
	require.NoError(t, err)
	_, code, _ := strings.Cut(string(source), "func TestMyService")
	code, _, _ = strings.Cut(code, "\n}\n")
	require.Contains(t, string(readme), "```go\nfunc TestMyService"+code+"\n}\n```")
}
