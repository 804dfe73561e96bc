package control_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/cmd/zksim/control"
	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
)

// FuzzRequest: whatever is asked, the answer is JSON or what was asked for, an
// error says something, and the server's state stays sound.
func FuzzRequest(f *testing.F) {
	sim, err := memserver.New(func(c *memserver.Config) { c.Seed = 1 })
	require.NoError(f, err)
	f.Cleanup(func() { sim.Close() })
	web := control.New(sim, control.Options{Faults: faults.MustParse("")})
	f.Cleanup(func() { web.Close() })
	for _, seed := range [][3]string{
		{"GET", "/sim/v1/state", ""},
		{"GET", "/sim/v1/tree?path=/zookeeper", ""},
		{"POST", "/sim/v1/clock", `{"advance":"1ms"}`},
		{"POST", "/sim/v1/sessions/0x100000000010000/expire", ""},
		{"POST", "/sim/v1/sessions/0x100000000010000/stall", ""},
		{"POST", "/sim/v1/members/1/apply", `{"txns":1}`},
		{"GET", "/sim/v1/members/1/commands/zabstate", ""},
		{"POST", "/sim/v1/counters", `{"path":"/","creations":2147483647,"version":-1}`},
		{"POST", "/sim/v1/zxid", `{"zxid":"0x7fffffffffffffff"}`},
		{"POST", "/sim/v1/next-session", `{"session":"0xffffffffffffffff"}`},
		{"POST", "/sim/v1/reset", "{}"},
		{"PUT", "/sim/v1/snapshot", "ZKSN\x00\x00\x00\x02"},
		{"GET", "/commands/stmk?traceMask=1", ""},
		{"GET", "/metrics", ""},
		{"POST", "/sim/v1/faults", "cut after-reply create /a/** once"},
		{"PUT", "/sim/v1/faults", `{"seed":7,"rules":["refuse 5%",{"action":"silence","way":"both-ways","to":"1s"}]}`},
		{"DELETE", "/sim/v1/faults", ""},
		{"HEAD", "/commands/", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, target, body string) {
		at, err := url.ParseRequestURI(target)
		if err != nil || at.Path == "/sim/v1/events" || at.Host != "" || strings.Contains(target, "#") {
			return // what net/http does not let through, and what does not end by itself
		}
		q, err := http.NewRequest(method, "http://127.0.0.1"+target, strings.NewReader(body))
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		web.ServeHTTP(w, q)
		switch {
		case w.Code >= 300 && w.Code < 400: // a path like //a is shown its clean form
		case w.Code >= 400:
			var answer struct{ Error string }
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer), w.Body.String())
			require.NotEmpty(t, answer.Error)
			require.Contains(t, []int{400, 401, 403, 404, 405, 409, 413, 501}, w.Code)
		case w.Header().Get("Content-Type") == "application/json" && method != http.MethodHead:
			require.True(t, json.Valid(w.Body.Bytes()), w.Body.String())
		}
		require.NoError(t, sim.Check())
	})
}

// FuzzGuard: no Host or Origin but those of this machine is let in.
func FuzzGuard(f *testing.F) {
	sim, err := memserver.New()
	require.NoError(f, err)
	f.Cleanup(func() { sim.Close() })
	web := control.New(sim, control.Options{})
	f.Add("127.0.0.1:8080", "http://127.0.0.1:8080")
	f.Add("[::1]", "")
	f.Add("example.com", "null")
	f.Fuzz(func(t *testing.T, host, origin string) {
		if guarded(web, host, "Origin", origin).Code != http.StatusOK {
			return
		}
		name := strings.ToLower(host)
		if i := strings.LastIndexByte(name, ':'); i >= 0 && strings.IndexByte(name[i:], ']') < 0 && (name[0] == '[' || strings.Count(name, ":") == 1) {
			name = name[:i]
		}
		if name != "localhost" {
			ip := net.ParseIP(strings.Trim(name, "[]"))
			require.True(t, ip != nil && ip.IsLoopback(), host)
		}
		require.True(t, origin == "" || strings.Contains(strings.ToLower(origin), "//"+strings.ToLower(host)) || strings.Contains(origin, "@"), origin)
	})
}
