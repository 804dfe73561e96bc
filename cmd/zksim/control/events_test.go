package control_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/cmd/zksim/control"
	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// serve has a side listen on a port, and returns its address and how to end it.
func serve(t *testing.T, sim *memserver.Server) (base string, end func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	web := control.New(sim, control.Options{})
	ended := make(chan error)
	go func() { ended <- web.Serve(l) }()
	done := false
	end = func() {
		if !done {
			done = true
			require.NoError(t, web.Close())
			require.NoError(t, <-ended)
		}
	}
	t.Cleanup(end)
	return "http://" + l.Addr().String(), end
}

// listen opens the stream of events and returns how to take the next one; it is
// "" at the end of the stream.
func listen(t *testing.T, base string) (next func() (kind string, data map[string]any)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/sim/v1/events", nil)
	require.NoError(t, err)
	p, err := new(http.Transport).RoundTrip(q)
	require.NoError(t, err)
	t.Cleanup(func() { p.Body.Close() })
	require.Equal(t, http.StatusOK, p.StatusCode)
	require.Equal(t, "text/event-stream", p.Header.Get("Content-Type"))
	lines := bufio.NewReader(p.Body)
	return func() (kind string, data map[string]any) {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				return "", nil
			}
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			switch name {
			case "event":
				kind = value
			case "data":
				require.NoError(t, json.Unmarshal([]byte(value), &data))
			case "":
				if data != nil {
					return kind, data
				}
			}
		}
	}
}

func TestEvents(t *testing.T) {
	sim := memserver.RunT(t)
	base, end := serve(t, sim)
	watcher := sim.ClientT(t)
	_, _, _, err := watcher.ExistsW(t.Context(), "/e")
	require.NoError(t, err)
	next := listen(t, base)
	c := sim.ClientT(t)
	_, err = c.Create(t.Context(), "/e", nil, nil, zkapi.Ephemeral)
	require.NoError(t, err)
	_, err = c.Create(t.Context(), "/e", nil, nil, zkapi.Ephemeral)
	require.Error(t, err)
	sim.Expire(c.SessionID())

	id, other := hex(0), fmt.Sprintf("0x%x", watcher.SessionID())
	for _, want := range []string{
		`{"kind":"commit","zxid":"0x2","session":"ID","timeout_ms":10000,"op":"createSession"}`,
		`{"kind":"opened","zxid":"0x2","session":"ID","timeout_ms":10000}`,
		`{"kind":"connected","zxid":"0x2","session":"ID","timeout_ms":10000}`,
		`{"kind":"commit","zxid":"0x3","session":"ID","timeout_ms":10000,"op":"create","path":"/e","changes":[{"type":"NodeCreated","path":"/e"}]}`,
		`{"kind":"watch","zxid":"0x3","session":"` + other + `","type":"NodeCreated","path":"/e"}`,
		`{"kind":"commit","zxid":"0x4","session":"ID","timeout_ms":10000,"op":"create","path":"/e","error":"NodeExists"}`,
		`{"kind":"disconnected","zxid":"0x4","session":"ID","timeout_ms":10000}`,
		`{"kind":"commit","zxid":"0x5","session":"ID","timeout_ms":10000,"op":"closeSession","changes":[{"type":"NodeDeleted","path":"/e"}]}`,
		`{"kind":"expired","zxid":"0x5","session":"ID","timeout_ms":10000}`,
	} {
		kind, data := next()
		if kind == "opened" || id == hex(0) {
			id = data["session"].(string)
		}
		require.Regexp(t, `^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`, data["time"])
		delete(data, "time")
		got, err := json.Marshal(data)
		require.NoError(t, err)
		require.JSONEq(t, strings.ReplaceAll(want, "ID", id), string(got))
		require.Equal(t, kind, data["kind"])
	}

	end() // with a stream open
	for kind, _ := next(); kind != ""; kind, _ = next() {
	}
}

// TestEventsEndWithTheServer: the stream says why it is over.
func TestEventsEndWithTheServer(t *testing.T) {
	sim := memserver.RunT(t)
	base, _ := serve(t, sim)
	next := listen(t, base)
	require.NoError(t, sim.Close())
	kind, data := next()
	require.Equal(t, "end", kind)
	require.Contains(t, data["error"], "the server has ended")
	kind, _ = next()
	require.Empty(t, kind)
}
