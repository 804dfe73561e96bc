package realserver

import (
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestIntroduced: a member names another address than its own, and says the rest as it is.
func TestIntroduced(t *testing.T) {
	greeting := func(version int64, addr string) string {
		b := binary.BigEndian.AppendUint64(nil, uint64(version))
		b = binary.BigEndian.AppendUint64(b, 2)
		return string(binary.BigEndian.AppendUint32(b, uint32(len(addr)))) + addr
	}
	for _, c := range []struct{ says, heard string }{
		{greeting(-65536, "127.0.0.1:3888") + "rest", greeting(-65536, "10.0.0.1:5") + "rest"},
		{greeting(3, "") + "rest", greeting(3, "") + "rest"}, // of before 3.5: the id alone
		{"short", "short"},
		{"", ""},
		{greeting(-65536, "127.0.0.1:3888")[:25], ""},
	} {
		b, err := io.ReadAll(introduced(strings.NewReader(c.says), "10.0.0.1:5"))
		require.NoError(t, err)
		require.Equal(t, c.heard, string(b))
	}
}
