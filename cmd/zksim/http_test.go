package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// startBoth runs zksim with its HTTP side until the test ends.
func startBoth(t *testing.T, args ...string) (clients, web string) {
	t.Helper()
	return readyAddrs(t, started(t, args...))
}

// started runs zksim with its HTTP side until the test ends, and returns what it prints.
func started(t *testing.T, args ...string) io.Reader {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	status := make(chan int)
	go func() {
		status <- run(ctx, append([]string{"--listen=127.0.0.1:0", "--http=127.0.0.1:0"}, args...), nil, in, io.Discard)
	}()
	t.Cleanup(func() {
		cancel()
		require.Equal(t, statusOK, <-status)
	})
	return out
}

func answer(t *testing.T, p *http.Response, err error) (int, string) {
	t.Helper()
	require.NoError(t, err)
	defer p.Body.Close()
	text, err := io.ReadAll(p.Body)
	require.NoError(t, err)
	return p.StatusCode, string(text)
}

func TestHTTP(t *testing.T) {
	clients, web := startBoth(t)
	conn := connect(t, clients)
	_, _, gone, err := conn.ExistsW("/")
	require.NoError(t, err)
	id := conn.SessionID()
	p, err := http.Post(fmt.Sprintf("http://%s/sim/v1/sessions/0x%x/expire", web, id), "", nil)
	status, text := answer(t, p, err)
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, fmt.Sprintf(`{"session":"0x%x","zxid":"0x2"}`, id), text)
	require.Error(t, (<-gone).Err, "the watch has ended with the session")
}

func TestHTTPToken(t *testing.T) {
	for name, env := range map[string][]string{"flag": nil, "environment": {"ZKSIM_HTTP_TOKEN=s3cret"}} {
		t.Run(name, func(t *testing.T) {
			var args []string
			if env == nil {
				args = []string{"--http-token", "s3cret"}
			}
			o, err := parse(args, env)
			require.NoError(t, err)
			require.Equal(t, "s3cret", o.httpToken)
		})
	}
	_, web := startBoth(t, "--http-token", "s3cret")
	p, err := http.Get("http://" + web + "/sim/v1/state")
	status, _ := answer(t, p, err)
	require.Equal(t, http.StatusUnauthorized, status)
	q, err := http.NewRequest(http.MethodGet, "http://"+web+"/sim/v1/state", nil)
	require.NoError(t, err)
	q.Header.Set("Authorization", "Bearer s3cret")
	p, err = http.DefaultClient.Do(q)
	status, _ = answer(t, p, err)
	require.Equal(t, http.StatusOK, status)
}

func TestHTTPNeedsToken(t *testing.T) {
	got := runOnce(t, []string{"--listen=127.0.0.1:0", "--http=:0"}, nil)
	got.stderr = pickedPort.ReplaceAllString(got.stderr, "$1:PORT")
	require.Equal(t, result{statusUsage, "",
		"zksim: --http :0: other machines can reach [::]:PORT, so a token is needed: --http-token or ZKSIM_HTTP_TOKEN\n"}, got)

	got = runOnce(t, []string{"--listen=127.0.0.1:0", "--http=:0", "--seed=1"}, []string{"ZKSIM_HTTP_TOKEN=s3cret"})
	require.Equal(t, result{statusOK, "zksim: ready clients=127.0.0.1:PORT http=[::]:PORT\n", "zksim: seed 1\n"},
		result{got.status, pickedPort.ReplaceAllString(got.stdout, "$1:PORT"), got.stderr})
}

// TestHTTPPort has the address in use: that is an error only for who has asked for it.
func TestHTTPPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	taken := l.Addr().String()
	got := runOnce(t, []string{"--listen=127.0.0.1:0", "--http", taken}, nil)
	require.Equal(t, result{statusFailed, "", fmt.Sprintf("zksim: listen tcp %s: bind: address already in use\n", taken)}, got)

	o, err := parse([]string{"--listen=127.0.0.1:0", "--seed=1"}, nil)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", o.http)
	o.http = taken
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr strings.Builder
	require.Equal(t, statusOK, serve(ctx, o, &stdout, &stderr))
	_, web := readyAddrs(t, strings.NewReader(stdout.String()))
	require.Equal(t, "zksim: seed 1\nzksim: warning: "+taken+" is in use, so the HTTP side is on "+web+"\n", stderr.String())
}
