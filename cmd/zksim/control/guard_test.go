package control_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/cmd/zksim/control"
	"github.com/zksim/zksim/memserver"
)

func TestGuard(t *testing.T) {
	tests := []struct {
		name   string
		host   string
		header string // name
		value  string
		status int
	}{
		{name: "IPv4", host: "127.0.0.1:8080", status: 200},
		{name: "another loopback address", host: "127.9.9.9", status: 200},
		{name: "IPv6", host: "[::1]:8080", status: 200},
		{name: "IPv6 without port", host: "[::1]", status: 200},
		{name: "name", host: "localhost:9999", status: 200},
		{name: "name in capitals", host: "LOCALHOST", status: 200},
		{name: "name of a stranger", host: "zksim.example.com", status: 403},
		{name: "name that begins right", host: "localhost.example.com:8080", status: 403},
		{name: "address that begins right", host: "127.0.0.1.example.com", status: 403},
		{name: "another machine", host: "192.0.2.1:8080", status: 403},
		{name: "all addresses", host: "0.0.0.0:8080", status: 403},
		{name: "no host", host: "", status: 403},
		{name: "own origin", host: "127.0.0.1:8080", header: "Origin", value: "http://127.0.0.1:8080", status: 200},
		{name: "foreign origin", host: "127.0.0.1:8080", header: "Origin", value: "http://example.com", status: 403},
		{name: "other port", host: "127.0.0.1:8080", header: "Origin", value: "http://127.0.0.1:80", status: 403},
		{name: "null origin", host: "127.0.0.1:8080", header: "Origin", value: "null", status: 403},
		{name: "odd origin", host: "127.0.0.1:8080", header: "Origin", value: "http://%zz", status: 403},
		{name: "picture in a foreign page", host: "127.0.0.1:8080", header: "Sec-Fetch-Site", value: "cross-site", status: 403},
		{name: "address bar", host: "127.0.0.1:8080", header: "Sec-Fetch-Site", value: "none", status: 200},
	}
	web := control.New(memserver.RunT(t), control.Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.status, guarded(web, tt.host, tt.header, tt.value).Code)
		})
	}
}

func guarded(web http.Handler, host, header, value string) *httptest.ResponseRecorder {
	q := httptest.NewRequest(http.MethodGet, "/sim/v1/state", nil)
	q.Host = host
	if header != "" {
		q.Header.Set(header, value)
	}
	w := httptest.NewRecorder()
	web.ServeHTTP(w, q)
	return w
}

func TestToken(t *testing.T) {
	web := control.New(memserver.RunT(t), control.Options{Token: "s3cret"})
	for value, status := range map[string]int{
		"": 401, "Bearer": 401, "Bearer ": 401, "Bearer s3cre": 401, "Bearer s3cret ": 401, "bearer s3cret": 401,
		"s3cret": 401, "Basic s3cret": 401, "Bearer S3CRET": 401, "Bearer s3cret": 200,
	} {
		w := guarded(web, "zksim.example.com", "Authorization", value)
		require.Equal(t, status, w.Code, value)
		require.NotContains(t, w.Body.String(), "s3cret")
		if status == 401 {
			require.Equal(t, "Bearer", w.Header().Get("WWW-Authenticate"))
		}
	}
	w := guarded(web, "127.0.0.1", "", "")
	require.Equal(t, 401, w.Code, "this machine needs it too")
}

func TestCheckBind(t *testing.T) {
	for addr, ok := range map[string]bool{
		"127.0.0.1:1": true, "127.1.2.3:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true,
		"0.0.0.0:1": false, "[::]:1": false, "192.0.2.1:1": false,
	} {
		at, err := net.ResolveTCPAddr("tcp", addr)
		require.NoError(t, err)
		require.NoError(t, control.CheckBind(at, "t"))
		if err := control.CheckBind(at, ""); ok {
			require.NoError(t, err, addr)
		} else {
			require.EqualError(t, err, "other machines can reach "+at.String()+", so a token is needed: --http-token or ZKSIM_HTTP_TOKEN")
		}
	}
}
