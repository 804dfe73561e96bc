package proptest_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/proptest/internal/brief"
	"github.com/zksim/zksim/realserver"
)

// The four-letter word hash tells the digest of the tree. Here it is computed
// again from what a client can read, on the simulator and on a real server.
func TestDigest(t *testing.T) {
	t.Run("wire", func(t *testing.T) {
		srv := memserver.RunT(t, func(c *memserver.Config) { c.FourLetterWords = []string{"*"} })
		require.NoError(t, srv.Listen("127.0.0.1:0"))
		checkDigest(t, srv.Addr())
	})
	t.Run("real", func(t *testing.T) {
		brief.InTurn(t, 2, 3)
		checkDigest(t, realserver.RunT(t, "3.9").Addr())
	})
}

func checkDigest(t *testing.T, addr string) {
	c, _, err := zk.Connect([]string{addr}, 10*time.Second, zk.WithLogInfo(false))
	require.NoError(t, err)
	defer c.Close()
	for _, path := range []string{"/d", "/d/a", "/d/b", "/d/a/x"} {
		_, err := c.Create(path, []byte(path), 0, zk.WorldACL(zk.PermAll))
		require.NoError(t, err)
	}
	_, err = c.Create("/d/e", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	require.NoError(t, c.Delete("/d/b", -1))
	_, err = c.SetACL("/d/a", zk.WorldACL(zk.PermRead), -1)
	require.NoError(t, err)
	require.ErrorIs(t, c.Delete("/d", -1), zk.ErrNotEmpty)
	for zxid := int64(0); zxid%128 != 0 || zxid == 0; {
		stat, err := c.Set("/d", []byte("again"), -1)
		require.NoError(t, err)
		zxid = stat.Mzxid
	}
	want := fmt.Sprintf("80: %d\n", digestBelow(t, c, "/"))
	require.Equal(t, want, askWord(t, addr, "hash"))
}

func digestBelow(t *testing.T, c *zk.Conn, path string) uint64 {
	if strings.HasPrefix(path, "/zookeeper/") {
		return 0
	}
	_, stat, err := c.Exists(path)
	require.NoError(t, err)
	data, _, err := c.Get(path)
	require.NoError(t, err)
	b := append([]byte(strings.TrimSuffix(path, "/")), data...)
	raw := (stat.Cversion + stat.NumChildren) / 2
	for _, v := range []any{stat.Czxid, stat.Mzxid, stat.Pzxid, stat.Ctime, stat.Mtime,
		stat.Version, raw, stat.Aversion, stat.EphemeralOwner} {
		b, err = binary.Append(b, binary.BigEndian, v)
		require.NoError(t, err)
	}
	sum := uint64(crc32.ChecksumIEEE(b))
	children, _, err := c.Children(path)
	require.NoError(t, err)
	for _, name := range children {
		sum += digestBelow(t, c, strings.TrimSuffix(path, "/")+"/"+name)
	}
	return sum
}

func askWord(t *testing.T, addr, word string) string {
	nc, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer nc.Close()
	_, err = io.WriteString(nc, word)
	require.NoError(t, err)
	answer, err := io.ReadAll(nc)
	require.NoError(t, err)
	return string(answer)
}
