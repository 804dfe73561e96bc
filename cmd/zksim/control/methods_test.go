package control_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/memserver"
)

const (
	goOnly  = "no request: it hands Go values to Go programs"
	byFlags = "no request: flags say where zksim listens"
)

// reached tells where users of other languages find what a method does: at a
// request, or why not.
var reached = map[string]map[string]string{
	"Server": {
		"Addr": "GET /sim/v1/state", "Addrs": "GET /sim/v1/state", "Now": "GET /sim/v1/state", "Zxid": "GET /sim/v1/state",
		"Sessions": "GET /sim/v1/state", "HasSession": "GET /sim/v1/state", "Watches": "GET /sim/v1/state", "Leader": "GET /sim/v1/state", "Member": "GET /sim/v1/state", "Members": "GET /sim/v1/state",
		"Node": "GET /sim/v1/tree", "Dump": "GET /sim/v1/tree", "Events": "GET /sim/v1/events",
		"Advance":     "POST /sim/v1/clock",
		"Expire":      "POST /sim/v1/sessions/{id}/expire",
		"Disconnect":  "POST /sim/v1/sessions/{id}/disconnect",
		"Stall":       "POST /sim/v1/sessions/{id}/stall",
		"Resume":      "POST /sim/v1/sessions/{id}/resume",
		"SetCounters": "POST /sim/v1/counters", "SetZxid": "POST /sim/v1/zxid", "SetNextSession": "POST /sim/v1/next-session",
		"Restart": "POST /sim/v1/restart", "Snapshot": "GET /sim/v1/snapshot", "Restore": "PUT /sim/v1/snapshot",
		"Connections": "GET /commands/{name...}", "FourLetterWord": "GET /commands/{name...}",
		"Client": goOnly, "ClientT": goOnly, "Dial": goOnly, "ServeConn": goOnly, "Serve": goOnly, "Tell": goOnly,
		"Listen": byFlags, "ListenTLS": byFlags,
		"Close": "no request: a signal ends zksim",
		"Check": "no request: it looks for mistakes of the simulator, not of programs that use it",
	},
	"Member": {
		"ID": "GET /sim/v1/state", "Addr": "GET /sim/v1/state", "TLSAddr": "GET /sim/v1/state", "Role": "GET /sim/v1/state",
		"Zxid": "GET /sim/v1/state", "Behind": "GET /sim/v1/state", "Spec": "GET /sim/v1/state", "Connections": "GET /sim/v1/state",
		"Stop": "POST /sim/v1/members/{member}/stop", "Start": "POST /sim/v1/members/{member}/start",
		"Isolate": "POST /sim/v1/members/{member}/isolate", "Rejoin": "POST /sim/v1/members/{member}/rejoin",
		"Sever": "POST /sim/v1/members/{member}/sever", "Mend": "POST /sim/v1/members/{member}/mend",
		"SetLag": "POST /sim/v1/members/{member}/lag", "Apply": "POST /sim/v1/members/{member}/apply",
		"Elect": "POST /sim/v1/leader",
		"Dial":  goOnly, "Serve": goOnly, "ServeConn": goOnly, "Listen": byFlags, "ListenTLS": byFlags,
		"FourLetterWord": "GET /sim/v1/members/{member}/commands/{name...}",
	},
}

// TestEachMethodHasARequest: what Go programs can do to a server, others can.
func TestEachMethodHasARequest(t *testing.T) {
	var index []struct{ Method, Path string }
	newSide(t).must("GET /sim/v1", "", &index)
	requests := make(map[string]bool)
	for _, e := range index {
		requests[e.Method+" "+e.Path] = true
	}
	for _, of := range []reflect.Type{reflect.TypeFor[*memserver.Server](), reflect.TypeFor[*memserver.Member]()} {
		for _, complaint := range unreached(of, reached[of.Elem().Name()], requests) {
			t.Error(complaint)
		}
	}

	type forgetful interface{ Stop() }
	require.Equal(t, []string{"forgetful.Stop: say in reached which request does it, or why none"},
		unreached(reflect.TypeFor[forgetful](), nil, requests))
	require.Equal(t, []string{"forgetful.Stop: there is no POST /stop", "forgetful.Start is no method"},
		unreached(reflect.TypeFor[forgetful](), map[string]string{"Stop": "POST /stop", "Start": goOnly}, requests))
}

// unreached says which methods no request is for, and which request is not there.
func unreached(of reflect.Type, where map[string]string, requests map[string]bool) (complaints []string) {
	name := of.Name()
	if of.Kind() == reflect.Pointer {
		name = of.Elem().Name()
	}
	for m := range of.Methods() {
		switch at, ok := where[m.Name]; {
		case !ok:
			complaints = append(complaints, fmt.Sprintf("%s.%s: say in reached which request does it, or why none", name, m.Name))
		case !requests[at] && !strings.HasPrefix(at, "no request: "):
			complaints = append(complaints, fmt.Sprintf("%s.%s: there is no %s", name, m.Name, at))
		}
	}
	for m := range where {
		if _, ok := of.MethodByName(m); !ok {
			complaints = append(complaints, name+"."+m+" is no method")
		}
	}
	return complaints
}

// TestEachFieldIsShown: the state that others see has what a Session or a Watch has.
func TestEachFieldIsShown(t *testing.T) {
	s := newSide(t, func(c *memserver.Config) { c.Members, c.LocalSessions = 2, true })
	c := s.sim.ClientT(t)
	_, _, _, err := c.GetW(t.Context(), "/")
	require.NoError(t, err)
	var state struct{ Sessions, Watches []map[string]any }
	s.must("GET /sim/v1/state", "", &state)
	require.NotEmpty(t, state.Watches)
	for of, shown := range map[reflect.Type]map[string]any{
		reflect.TypeFor[memserver.Session](): state.Sessions[0],
		reflect.TypeFor[memserver.Watch]():   state.Watches[0],
	} {
		for f := range of.Fields() {
			key := strings.ToLower(f.Name)
			if f.Name == "Timeout" {
				key = "timeout_ms"
			}
			assert.Contains(t, shown, key, of)
		}
	}
}
