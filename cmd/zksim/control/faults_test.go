package control_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/cmd/zksim/control"
	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/memserver"
)

// TestFaults: rules come over HTTP while a client is there, fire, are counted,
// and go.
func TestFaults(t *testing.T) {
	sim := memserver.RunT(t)
	plan := faults.MustParse("")
	s := &side{t, sim, control.New(sim, control.Options{Faults: plan})}
	t.Cleanup(func() { s.web.Close() })
	c := plan.Client(sim.ClientT(t))
	same := func(request, body, want string) {
		t.Helper()
		status, answer := s.ask(request, body)
		require.Equal(t, http.StatusOK, status, answer)
		require.JSONEq(t, want, answer)
	}
	const first = `{"text":"error NoNode sync #2","rule":{"action":"error","point":"before-request","code":"NoNode","operations":["sync"],"nth":2},"fired":`
	const second = `{"text":"error NoAuth sync /a","rule":{"action":"error","point":"before-request","code":"NoAuth","operations":["sync"],"path":"/a"},"fired":`

	same("GET /sim/v1/faults", "", `{"seed":0,"rules":[],"fired":0}`)
	same("POST /sim/v1/faults", "seed 7; error NoNode sync #2 # the second", `{"seed":7,"rules":[`+first+`0}],"fired":0}`)
	require.NoError(t, c.Sync(t.Context(), "/"))
	require.Error(t, c.Sync(t.Context(), "/"))
	same("POST /sim/v1/faults", `{"rules":["error NoAuth sync /a"]}`, `{"seed":7,"rules":[`+first+`1},`+second+`0}],"fired":1}`)
	require.Error(t, c.Sync(t.Context(), "/a"))
	require.NoError(t, c.Sync(t.Context(), "/"), "the first one's count has gone on")
	same("GET /sim/v1/faults", "", `{"seed":7,"rules":[`+first+`1},`+second+`1}],"fired":2}`)
	status, text := s.ask("POST /sim/v1/faults", "seed 8; refuse once")
	require.Equal(t, http.StatusConflict, status, text)
	same("PUT /sim/v1/faults", `"error NoNode sync #2"`, `{"seed":0,"rules":[`+first+`0}],"fired":0}`)
	require.NoError(t, c.Sync(t.Context(), "/a"))
	require.Error(t, c.Sync(t.Context(), "/a"))
	same("DELETE /sim/v1/faults", "", `{"seed":0,"rules":[`+first+`1}],"fired":1}`)
	require.NoError(t, c.Sync(t.Context(), "/a"))
	same("GET /sim/v1/faults", "", `{"seed":0,"rules":[],"fired":0}`)
}

// TestFaultsThatAreWrong: the answer has the place, and the plan stays as it was.
func TestFaultsThatAreWrong(t *testing.T) {
	sim := memserver.RunT(t)
	plan := faults.MustParse("refuse #9")
	s := &side{t, sim, control.New(sim, control.Options{Faults: plan})}
	t.Cleanup(func() { s.web.Close() })
	for _, tt := range []struct{ body, want string }{
		{"refuse once\n  cut after-repyl create", `{"error":"line 2, column 7: cut wants before-request, after-reply, after-delivery or after-notification, not \"after-repyl\": do you mean after-reply?","line":2,"column":7}`},
		{`{"rules":["cut"]}`, `{"error":"line 1, column 4: cut wants before-request, after-reply, after-delivery or after-notification","line":1,"column":4}`},
		{"{\"rules\":\n [}", `{"error":"line 2, column 3: this is not JSON: invalid character '}' looking for beginning of value","line":2,"column":3}`},
		{`{"rules":[]`, `{"error":"line 1, column 11: this is not JSON: unexpected end of JSON input","line":1,"column":11}`},
		{`{"rules":[{"action":"cut","point":"soon"}]}`, `{"error":"body: cut cannot be at point \"soon\": want before-request, after-reply, after-delivery or after-notification"}`},
		{`{"rules":[{"action":"cut","when":"soon"}]}`, `{"error":"body: unknown field \"when\""}`},
		{`{"rules":[]}`, `{"error":"body: there is no rule in it; DELETE removes those in force"}`},
		{"", `{"error":"body: it is empty; send rules, such as: cut after-reply create /a/** once"}`},
	} {
		for _, method := range []string{"POST", "PUT"} {
			status, answer := s.ask(method+" /sim/v1/faults", tt.body)
			require.Equal(t, http.StatusBadRequest, status, answer)
			require.JSONEq(t, tt.want, answer)
		}
	}
	status, answer := s.ask("DELETE /sim/v1/faults", "all")
	require.Equal(t, http.StatusBadRequest, status, answer)
	require.Equal(t, "refuse #9", plan.String())
}

// TestFaultEvents: a fault is in the stream at its place among the events.
func TestFaultEvents(t *testing.T) {
	sim := memserver.RunT(t)
	plan := faults.MustParse("error NoNode sync /a")
	plan.Observe(func(f faults.Firing) { sim.Tell(f.Session, f) })
	base, _ := serve(t, sim)
	next := listen(t, base)
	c := plan.As("web").Client(sim.ClientT(t))
	require.Error(t, c.Sync(t.Context(), "/a"))
	var kinds []string
	for {
		kind, data := next()
		kinds = append(kinds, kind)
		if kind != "fault" {
			continue
		}
		delete(data, "time")
		got, err := json.Marshal(data)
		require.NoError(t, err)
		require.JSONEq(t, `{"kind":"fault","zxid":"0x1","session":"`+hex(c.SessionID())+`","op":"sync","path":"/a",
			"rule":"error NoNode sync /a","index":1,"client":"web"}`, string(got))
		break
	}
	require.Equal(t, []string{"commit", "opened", "connected", "fault"}, kinds)
}
