package wire_test

import (
	"bufio"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi/wire"
)

// TestJavaUTF8 compares with what Java made of the same bytes; see Utf8Table.java.
func TestJavaUTF8(t *testing.T) {
	name := os.Getenv("ZKSIM_UTF8_TABLE")
	if name == "" {
		name = "testdata/utf8.txt"
	}
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	lines, wrong := bufio.NewScanner(f), 0
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		in, want := parseUTF8Line(t, line)
		for _, r := range []wire.Reader{wire.NewReader(in), wire.NewSharedReader(in)} {
			if got := r.String(); got != want {
				t.Errorf("% x: got %+q, Java %+q", in[4:], got, want)
				wrong++
			}
		}
		if wrong > 20 {
			t.Fatal("and so on")
		}
	}
	require.NoError(t, lines.Err())
}

// parseUTF8Line gives the bytes as a ustring and the characters that Java saw in them.
func parseUTF8Line(t *testing.T, line string) (in []byte, want string) {
	t.Helper()
	digits, points, ok := strings.Cut(line, " ")
	require.True(t, ok, line)
	raw, err := hex.DecodeString(digits)
	require.NoError(t, err, line)
	var b []byte
	for point := range strings.SplitSeq(points, ",") {
		c, err := strconv.ParseInt(point, 16, 32)
		require.NoError(t, err, line)
		b = utf8.AppendRune(b, rune(c))
	}
	return wire.AppendBuffer(nil, raw), string(b)
}
