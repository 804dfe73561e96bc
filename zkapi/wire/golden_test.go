package wire_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// golden is one frame that was exchanged with a real server. The files in
// testdata hold one in each line:
//
//	<connection> <'>' to or '<' from the server> <kind> <frame in hex> # <what it is>
//
// A kind is "connect", "event" or the name of the request's type. "malformed-"
// before it says that neither server can decode the body, "lossy-" that it
// holds text that does not survive decoding, with Java as little as with us.
type golden struct {
	conn       string
	fromServer bool
	kind       string
	frame      []byte
	comment    string
	where      string // file:line
}

// String is the frame's line.
func (g *golden) String() string {
	arrow := ">"
	if g.fromServer {
		arrow = "<"
	}
	return fmt.Sprintf("%s %s %-20s %x # %s", g.conn, arrow, g.kind, g.frame, g.comment)
}

// payload is the frame without its length.
func (g *golden) payload(t testing.TB) []byte {
	payload, rest, ok, err := wire.NextFrame(g.frame, 1<<30)
	require.NoError(t, err, g.where)
	require.True(t, ok, g.where)
	require.Empty(t, rest, g.where)
	return payload
}

// goldens reads all of testdata/golden-*.txt.
func goldens(t testing.TB) []golden {
	t.Helper()
	files, err := filepath.Glob("testdata/golden-*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var all []golden
	for _, name := range files {
		f, err := os.Open(name)
		require.NoError(t, err)
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for n := 1; lines.Scan(); n++ {
			if line := lines.Text(); !strings.HasPrefix(line, "#") {
				all = append(all, parseGolden(t, fmt.Sprintf("%s:%d", name, n), line))
			}
		}
		require.NoError(t, lines.Err())
		require.NoError(t, f.Close())
	}
	return all
}

func parseGolden(t testing.TB, where, line string) golden {
	t.Helper()
	line, comment, _ := strings.Cut(line, " # ")
	f := strings.Fields(line)
	require.Len(t, f, 4, where)
	frame, err := hex.DecodeString(f[3])
	require.NoError(t, err, where)
	return golden{f[0], f[1] == "<", f[2], frame, comment, where}
}

// decode is the message in the frame.
func (g *golden) decode(t testing.TB) (*message, wire.Reader) {
	kind := strings.TrimPrefix(strings.TrimPrefix(g.kind, "malformed-"), "lossy-")
	m, err := newMessage(kind, g.fromServer)
	require.NoError(t, err, g.where)
	r := wire.NewReader(g.payload(t))
	m.Read(&r)
	return m, r
}

// TestGolden decodes every frame and encodes it again, byte for byte.
func TestGolden(t *testing.T) {
	for _, g := range goldens(t) {
		m, r := g.decode(t)
		if strings.HasPrefix(g.kind, "malformed-") {
			require.Error(t, r.Err(), "%s: %+v", g.where, m.Body)
			continue
		}
		require.NoError(t, r.Err(), "%s: %s", g.where, g.comment)
		require.Zero(t, r.Len(), "%s: %s: bytes left of %+v", g.where, g.comment, m.Body)

		b := wire.BeginFrame([]byte("before"))
		b = wire.EndFrame(m.Append(b), len("before"))[len("before"):]
		if strings.HasPrefix(g.kind, "lossy-") {
			require.NotEqual(t, g.frame, b, g.where)
			continue
		}
		require.Equal(t, hex.EncodeToString(g.frame), hex.EncodeToString(b), "%s: %s", g.where, g.comment)
	}
}

// TestGoldenRequests does the same with the one type that holds them all.
func TestGoldenRequests(t *testing.T) {
	var q wire.Request // read into again and again
	for _, g := range goldens(t) {
		if g.fromServer || g.kind == "connect" {
			continue
		}
		payload := g.payload(t)
		r := wire.NewSharedReader(payload)
		q.RequestHeader.Read(&r)
		q.ReadBody(&r)
		switch {
		case strings.HasPrefix(g.kind, "malformed-"):
			require.ErrorIs(t, r.Err(), wire.ErrMalformed, g.where)
		case strings.HasPrefix(g.kind, "lossy-"):
			require.NoError(t, r.Err(), g.where)
		default:
			require.NoError(t, r.Err(), g.where)
			require.Equal(t, hex.EncodeToString(payload), hex.EncodeToString(q.Append(nil)), g.where)
		}
	}
}

// TestGoldenCoversTheProtocol keeps the files honest: every request type, with
// replies that say yes and no where a server says both, and every event.
func TestGoldenCoversTheProtocol(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range goldens(t) {
		m, _ := g.decode(t)
		switch {
		case g.kind == "connect" && !g.fromServer:
			seen[fmt.Sprint("connect request, tail ", m.Body.(*wire.ConnectRequest).HasReadOnly)] = true
		case g.kind == "connect":
			c := m.Body.(*wire.ConnectResponse)
			seen[fmt.Sprint("connect response, tail ", c.HasReadOnly, ", accepted ", c.TimeOut > 0)] = true
		case g.kind == "event":
			seen[m.Body.(*wire.WatcherEvent).Type.String()] = true
		case g.fromServer:
			seen[fmt.Sprint(g.kind, " reply, ok ", m.Reply.Err == 0)] = true
		default:
			seen[g.kind+" request"] = true
		}
	}
	for _, want := range wantedGoldens() {
		require.True(t, seen[want], "no golden frame for: %s", want)
	}
}

func wantedGoldens() []string {
	want := []string{
		"connect request, tail true", "connect request, tail false",
		"connect response, tail true, accepted true", "connect response, tail false, accepted true",
		"connect response, tail true, accepted false", "connect response, tail false, accepted false",
		"NodeCreated", "NodeDeleted", "NodeDataChanged", "NodeChildrenChanged",
	}
	neverFails := map[zkapi.OpCode]bool{zkapi.OpPing: true, zkapi.OpWhoAmI: true,
		zkapi.OpCloseSession: true, zkapi.OpSasl: true, zkapi.OpMulti: true, zkapi.OpMultiRead: true}
	for _, op := range requestTypes {
		want = append(want, op.String()+" request")
		if op != zkapi.OpCheck { // a check that holds is not answered outside a multi
			want = append(want, op.String()+" reply, ok true")
		}
		if !neverFails[op] {
			want = append(want, op.String()+" reply, ok false")
		}
	}
	return want
}
