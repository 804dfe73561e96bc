package faults_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zksim/zksim/faults"
	"github.com/zksim/zksim/zkapi"
)

func TestParse(t *testing.T) {
	plan, err := faults.Parse(`
		# Two faults, and a seed for the second.
		seed 42
		cut after-reply create,delete /lock/** client=a #1   # the first
		delay 1m30s before-request all 2.5% from 10s to 1h times 3; error NoNode getData "/a b;c # \"d\"" every 2
		error -77 after-reply session=0xffffffffffffffff once
		refuse client="#1 \u00e4"; silence both-ways from 5s to 15s;; slow 100B/s to-server
	`)
	require.NoError(t, err)
	require.Equal(t, uint64(42), plan.Seed())
	require.Equal(t, []faults.Rule{
		{Action: faults.Cut, Point: faults.AfterReply, Operations: []string{"create", "delete"}, Path: "/lock/**", Client: "a", Nth: 1},
		{Action: faults.Delay, Delay: 90 * time.Second, Point: faults.BeforeRequest, Operations: []string{"all"}, Percent: 2.5,
			From: 10 * time.Second, To: time.Hour, Times: 3},
		{Action: faults.Error, Code: zkapi.ErrNoNode, Point: faults.BeforeRequest, Operations: []string{"getData"}, Path: `/a b;c # "d"`, Every: 2},
		{Action: faults.Error, Code: -77, Point: faults.AfterReply, Session: -1, Times: 1},
		{Action: faults.Refuse, Client: "#1 ä"},
		{Action: faults.Silence, Way: faults.BothWays, From: 5 * time.Second, To: 15 * time.Second},
		{Action: faults.Slow, Rate: 100, Way: faults.ToServer},
	}, plan.Rules())
	require.Equal(t, strings.TrimSpace(`
seed 42
cut after-reply create,delete /lock/** client=a #1
delay 1m30s before-request all 2.5% from 10s to 1h0m0s times 3
error NoNode getData "/a b;c # \"d\"" every 2
error -77 after-reply session=0xffffffffffffffff once
refuse client="#1 ä"
silence both-ways from 5s to 15s
slow 100B/s to-server`), plan.String())
}

// TestSyntaxErrors: where it is wrong, and what would be right.
func TestSyntaxErrors(t *testing.T) {
	tests := []struct{ text, want string }{
		{"cutt after-reply", `line 1, column 1: a rule starts with cut, stall, delay, error, refuse, silence, slow or seed, not "cutt": do you mean cut?`},
		{"drop it", `line 1, column 1: a rule starts with cut, stall, delay, error, refuse, silence, slow or seed, not "drop"`},
		{"cut", "line 1, column 4: cut wants before-request, after-reply, after-delivery or after-notification"},
		{"refuse\n cut create", `line 2, column 6: cut wants before-request, after-reply, after-delivery or after-notification, not "create"`},
		{"cut after-repyl", `line 1, column 5: cut wants before-request, after-reply, after-delivery or after-notification, not "after-repyl": do you mean after-reply?`},
		{"delay 2 after-reply", `line 1, column 7: delay wants a time, such as 2s or 150ms, not "2"`},
		{"delay -2s after-reply", `line 1, column 7: delay wants a time, such as 2s or 150ms, not "-2s"`},
		{"delay 2s", "line 1, column 9: 2s wants before-request, after-reply or after-notification"},
		{"delay 2s after-delivery", `line 1, column 10: delay wants before-request, after-reply or after-notification, not "after-delivery"`},
		{"error nonode", `line 1, column 7: unknown error "nonode": do you mean NoNode?`},
		{"error 5", `line 1, column 7: unknown error "5": want ZooKeeper's name, such as NoNode, or its number`},
		{"slow 100 to-server", `line 1, column 6: slow wants a rate, such as 100B/s, not "100"`},
		{"slow 0B/s to-server", `line 1, column 6: slow wants a rate, such as 100B/s, not "0B/s"`},
		{"silence", "line 1, column 8: silence wants to-server, from-server or both-ways"},
		{"cut after-reply crate /a", `line 1, column 17: unknown operation "crate": do you mean create?`},
		{"cut after-reply create,getdata", `line 1, column 24: unknown operation "getdata": do you mean getData?`},
		{"cut after-reply create, /a", `line 1, column 24: unknown operation "": want one of ZooKeeper's, such as create or getData, or read, write or all`},
		{"cut after-reply create,create", `line 1, column 24: "create" comes a second time`},
		{"cut after-reply create delete", `line 1, column 24: unexpected "delete": want a path, client=NAME, session=0xID, #N, every N, N%, once, times N, from TIME or to TIME`},
		{"cut after-reply /a /b", `line 1, column 20: "/b" comes a second time`},
		{"cut after-reply lock/*", `line 1, column 17: unknown operation "lock/*": want one of ZooKeeper's, such as create or getData, or read, write or all`},
		{`cut after-reply "lock x"`, `line 1, column 17: path "lock x" does not start with /`},
		{`cut after-reply "/lock`, `line 1, column 17: "\"/lock": want the whole of it in quotes, with \" for a quote and \\ for a \`},
		{`cut after-reply /a\`, `line 1, column 1: path "/a\\" ends with a \ that stands before nothing`},
		{"cut after-reply clint=a", `line 1, column 17: unexpected "clint=a": do you mean client=?`},
		{"cut after-reply client=", "line 1, column 17: client= wants a name"},
		{"cut after-reply session=12", `line 1, column 17: session wants an id such as 0x1000271d0ab0001, not "12"`},
		{"cut after-reply #0", `line 1, column 17: want a number from 1, not "0"`},
		{"cut after-reply #1st", `line 1, column 17: want a number from 1, not "1st"`},
		{"cut after-reply every", "line 1, column 22: every wants a number"},
		{"cut after-reply every x", `line 1, column 23: want a number from 1, not "x"`},
		{"cut after-reply 0%", `line 1, column 17: want a chance above 0% and up to 100%, such as 2.5%, not "0%"`},
		{"cut after-reply NaN%", `line 1, column 17: want a chance above 0% and up to 100%, such as 2.5%, not "NaN%"`},
		{"cut after-reply from", "line 1, column 21: from wants a time since the start, such as 30s"},
		{"cut after-reply from 5s to 5s", "line 1, column 1: from 5s to 5s is no time"},
		{"cut after-reply #1 every 2", "line 1, column 1: both #N and every N"},
		{"cut after-notification create", `line 1, column 24: unknown event "create": want NodeChildrenChanged, NodeCreated, NodeDataChanged or NodeDeleted`},
		{"error NoNode ping", "line 1, column 1: neither connect nor ping is ever answered with an error code"},
		{"refuse create", "line 1, column 1: refuse is about connections, so it has neither operations nor a path"},
		{"silence both-ways #1", "line 1, column 1: silence lasts from one moment to another, so it is not counted"},
		{"#1 is the best", `line 1, column 1: want an action before "#1", or a blank behind # to make it a comment`},
		{"refuse; seed", "line 1, column 13: seed wants a number"},
		{"seed -1", `line 1, column 6: seed wants a number from 0 to 2^64-1, not "-1"`},
		{"seed 1 cut", `line 1, column 8: want ; or a new line after the seed, not "cut"`},
		{"refuse client=\u00e4 x", `line 1, column 17: unknown operation "x": want one of ZooKeeper's, such as create or getData, or read, write or all`},
	}
	for _, tt := range tests {
		_, err := faults.Parse(tt.text)
		var syntax *faults.SyntaxError
		require.ErrorAs(t, err, &syntax, tt.text)
		require.Equal(t, "faults: "+tt.want, err.Error(), tt.text)
	}
}

// TestPlanStays: an error leaves a plan as it was.
func TestPlanStays(t *testing.T) {
	plan := faults.MustParse("seed 3; refuse")
	require.Error(t, plan.UnmarshalText([]byte("refuse; cut")))
	require.Error(t, json.Unmarshal([]byte(`{"rules":[{"action":"cut"}]}`), plan))
	require.Equal(t, "seed 3\nrefuse", plan.String())
}

func TestJSON(t *testing.T) {
	plan := faults.MustParse("seed 7; cut after-reply create /lock/** #1; delay 2s before-request 10% from 1s to 3s\n" +
		"error NoNode; slow 9B/s both-ways client=a session=0x10; error -77 after-reply every 2 times 3")
	b, err := json.MarshalIndent(plan, "", "  ")
	require.NoError(t, err)
	require.JSONEq(t, `{"seed": 7, "rules": [
		{"action": "cut", "point": "after-reply", "operations": ["create"], "path": "/lock/**", "nth": 1},
		{"action": "delay", "delay": "2s", "point": "before-request", "percent": 10, "from": "1s", "to": "3s"},
		{"action": "error", "code": "NoNode", "point": "before-request"},
		{"action": "slow", "bytesPerSecond": 9, "way": "both-ways", "client": "a", "session": "0x10"},
		{"action": "error", "code": "-77", "point": "after-reply", "every": 2, "times": 3}]}`, string(b))
	var back faults.Plan
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, plan.String(), back.String())

	for _, text := range []string{`"seed 9\nrefuse"`, `{"seed":9,"rules":["refuse"]}`, `{"seed":9,"rules":[{"action":"refuse"}]}`} {
		require.NoError(t, json.Unmarshal([]byte(text), &back), text)
		require.Equal(t, "seed 9\nrefuse", back.String())
	}
	var inside struct{ Plan *faults.Plan }
	require.NoError(t, json.Unmarshal([]byte(`{"Plan":"refuse"}`), &inside))
	require.Equal(t, "refuse", inside.Plan.String())

	for text, want := range map[string]string{
		`{"rules":[{"action":"cut","point":"after-repl"}]}`:                `faults: cut cannot be at point "after-repl": want before-request, after-reply, after-delivery or after-notification`,
		`{"rules":[{"action":"cut","point":"after-reply","nht":1}]}`:       `json: unknown field "nht"`,
		`{"rules":[{"action":"delay","point":"after-reply","delay":"2"}]}`: `faults: want a time, such as "2s", not "2"`,
		`{"rules":[{"action":"error","code":"nonode"}]}`:                   `faults: unknown error "nonode": do you mean NoNode?`,
		`{"rules":[{"action":"refuse","session":"12"}]}`:                   `faults: session wants an id such as 0x1000271d0ab0001, not "12"`,
		`{"rules":["cut"]}`:           `faults: line 1, column 4: cut wants before-request, after-reply, after-delivery or after-notification`,
		`{"rules":["refuse;refuse"]}`: `faults: want one rule in a string, not 2`,
		`{"rules":[{"action":"cut","point":"after-reply","path":"a"}]}`:                   `faults: path "a" does not start with /`,
		`{"rules":[{"action":"cut","point":"after-reply","operations":["crate"]}]}`:       `faults: unknown operation "crate": do you mean create?`,
		`{"rules":[{"action":"cut","point":"after-reply","delay":"2s"}]}`:                 `faults: cut with a delay of 2s: delay wants one above 0, all others have none`,
		`{"rules":[{"action":"refuse","way":"to-server"}]}`:                               `faults: refuse has no direction, so not "to-server"`,
		`{"rules":[{"action":"cut","point":"after-reply","percent":101}]}`:                `faults: 101% is not a chance`,
		`{"rules":[{"action":"silence","way":"to-server","point":"after-reply"}]}`:        `faults: silence has no point, so not "after-reply"`,
		`{"rules":[{"action":"jump"}]}`:                                                   `faults: unknown action "jump": want cut, stall, delay, error, refuse, silence or slow`,
		`{"rules":[{"action":"cut","point":"after-reply","nth":-1}]}`:                     `faults: counts start at 1`,
		`{"rules":[{"action":"cut","point":"after-notification","operations":["ping"]}]}`: `faults: unknown event "ping": want NodeChildrenChanged, NodeCreated, NodeDataChanged or NodeDeleted`,
	} {
		err := json.Unmarshal([]byte(text), &back)
		require.Error(t, err, text)
		require.Equal(t, want, err.Error(), text)
	}
}

// TestWhatPrintsParses: what a plan prints is that plan, as text and as JSON.
func TestWhatPrintsParses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan, err := faults.New(rapid.Uint64().Draw(t, "seed"), rapid.SliceOfN(rapid.Custom(drawRule), 0, 5).Draw(t, "rules")...)
		require.NoError(t, err)
		text := plan.String()
		back, err := faults.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, plan.Rules(), back.Rules(), text)
		require.Equal(t, plan.Seed(), back.Seed())
		require.Equal(t, text, back.String())
		one, err := faults.Parse(strings.ReplaceAll(text, "\n", " ; "))
		require.NoError(t, err)
		require.Equal(t, text, one.String())

		b, err := json.Marshal(plan)
		require.NoError(t, err)
		var fromJSON faults.Plan
		require.NoError(t, json.Unmarshal(b, &fromJSON), "%s", b)
		require.Equal(t, plan.Rules(), fromJSON.Rules(), "%s", b)
	})
}

// drawRule makes any rule that makes sense, with names and paths that hardly do.
func drawRule(t *rapid.T) faults.Rule {
	maybe := func(name string) bool { return rapid.IntRange(0, 2).Draw(t, name) == 0 }
	some := func(name string) int { return rapid.IntRange(1, 1<<31-1).Draw(t, name) }
	length := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.Int64Range(1, int64(100*time.Hour)).Draw(t, "ns"))
	})
	r := faults.Rule{Action: rapid.SampledFrom([]faults.Action{faults.Cut, faults.Stall, faults.Delay, faults.Error,
		faults.Refuse, faults.Silence, faults.Slow}).Draw(t, "action")}
	points := []faults.Point{faults.BeforeRequest, faults.AfterReply, faults.AfterDelivery, faults.AfterNotification}
	lasting := false
	switch r.Action {
	case faults.Cut, faults.Stall:
		r.Point = rapid.SampledFrom(points).Draw(t, "point")
	case faults.Delay:
		r.Point, r.Delay = rapid.SampledFrom([]faults.Point{points[0], points[1], points[3]}).Draw(t, "point"), length.Draw(t, "delay")
	case faults.Error:
		r.Point = rapid.SampledFrom(points[:2]).Draw(t, "point")
		r.Code = zkapi.Code(rapid.IntRange(-200, -1).Draw(t, "code"))
	case faults.Silence, faults.Slow:
		lasting = true
		r.Way = rapid.SampledFrom([]faults.Way{faults.ToServer, faults.FromServer, faults.BothWays}).Draw(t, "way")
		if r.Action == faults.Slow {
			r.Rate = some("rate")
		}
	}
	if r.Point != "" && maybe("operations?") {
		names := []string{"create", "delete", "getData", "getChildren2", "read", "write", "all", "closeSession"}
		if r.Point == faults.AfterNotification {
			names = []string{"NodeCreated", "NodeDeleted"}
		}
		r.Operations = rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, len(names), rapid.ID[string]).Draw(t, "operations")
	}
	if r.Point != "" && maybe("path?") {
		r.Path = "/" + strings.TrimRight(rapid.String().Draw(t, "path"), `\`)
	}
	if maybe("client?") {
		r.Client = rapid.StringN(1, -1, -1).Draw(t, "client")
	}
	if r.Action != faults.Refuse && maybe("session?") {
		r.Session = rapid.Int64().Filter(func(n int64) bool { return n != 0 }).Draw(t, "session")
	}
	if maybe("from?") {
		r.From = length.Draw(t, "from")
	}
	if maybe("to?") {
		r.To = r.From + length.Draw(t, "to")
	}
	if lasting {
		return r
	}
	switch rapid.IntRange(0, 3).Draw(t, "counted") {
	case 0:
		r.Nth = some("nth")
	case 1:
		r.Every = some("every")
	}
	if maybe("percent?") {
		r.Percent = rapid.Float64Range(1e-9, 100).Draw(t, "percent")
	}
	if maybe("times?") {
		r.Times = some("times")
	}
	return r
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"cut after-reply create /lock/** #1", "seed 7\ndelay 2s before-request write 10% # so slow\n",
		`error NoNode getData "/a b" every 2;refuse client=a once`, "silence both-ways from 5s to 15s; slow 100B/s to-server",
		"stall after-notification NodeDeleted session=0x1 times 3", "cut", "#1", `"`, "cut after-reply \"/\\", "é;é", "error -77",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		plan, err := faults.Parse(text)
		if err != nil {
			var syntax *faults.SyntaxError
			lines := strings.Split(text, "\n")
			if !errors.As(err, &syntax) || syntax.Line < 1 || syntax.Line > len(lines) ||
				syntax.Column < 1 || syntax.Column > len([]rune(lines[syntax.Line-1]))+1 {
				t.Fatalf("%q: %v points nowhere", text, err)
			}
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("%q: more than a line: %v", text, err)
			}
			return
		}
		back, err := faults.Parse(plan.String())
		if err != nil || back.String() != plan.String() {
			t.Fatalf("%q prints %q, which is %v, %v", text, plan, back, err)
		}
	})
}
