package control

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// routes is everything that the HTTP side has.
func routes() []route {
	return []route{
		{"/sim/v1", "this list", []method{get((*Server).index)}},
		{"/sim/v1/state", "the server, its sessions and watches", []method{get((*Server).state)}},
		{"/sim/v1/sessions/{id}/expire", "ends a session, as its timeout would", []method{post((*Server).expire)}},
		{"/sim/v1/sessions/{id}/disconnect", "breaks a session's connection", []method{post(onConnection((*memserver.Server).Disconnect))}},
		{"/sim/v1/sessions/{id}/stall", "keeps from its client what the server says; what the client asks is done", []method{post(onConnection((*memserver.Server).Stall))}},
		{"/sim/v1/sessions/{id}/resume", "ends that: what was kept arrives at once", []method{post(onConnection((*memserver.Server).Resume))}},
		{"/sim/v1/members/{member}/stop", "stops a member of the ensemble, as a crash would", []method{post(onMember(stopMember))}},
		{"/sim/v1/members/{member}/start", "brings it back", []method{post(onMember(startMember))}},
		{"/sim/v1/members/{member}/isolate", "cuts it off from the others", []method{post(onMember(isolateMember))}},
		{"/sim/v1/members/{member}/rejoin", "ends that", []method{post(onMember(rejoinMember))}},
		{"/sim/v1/members/{member}/sever", `has another one not hear it any more: {"to":2}`, []method{post(onWay((*memserver.Member).Sever))}},
		{"/sim/v1/members/{member}/mend", `ends that: {"to":2}`, []method{post(onWay((*memserver.Member).Mend))}},
		{"/sim/v1/members/{member}/lag", `makes it stay behind: {"hold":true}, {"txns":3}, {"time":"2s"}, or {} for no more`, []method{post((*Server).lag)}},
		{"/sim/v1/members/{member}/apply", `has one that lags apply the next transactions: {"txns":1}`, []method{post((*Server).apply)}},
		{"/sim/v1/leader", `elects a member: {"member":1}`, []method{post((*Server).lead)}},
		{"/sim/v1/clock", `moves the server's clock: {"advance":"30s"}`, []method{post((*Server).clock)}},
		{"/sim/v1/counters", `gives a node other counters, to see them overflow: {"path":"/jobs","creations":2147483647}`, []method{post((*Server).counters)}},
		{"/sim/v1/zxid", `moves on to a zxid: {"zxid":"0xfffffff0"}`, []method{post((*Server).zxid)}},
		{"/sim/v1/next-session", `says which session id comes next: {"session":"0xfffffffffffffe"}`, []method{post((*Server).nextSession)}},
		{"/sim/v1/faults", "the plan of faults: what goes wrong from now on; POST adds rules, PUT replaces all, DELETE removes them",
			[]method{get(onPlan(showFaults)), post(onPlan(addFaults)), {http.MethodPut, onPlan(replaceFaults)}, {http.MethodDelete, onPlan(removeFaults)}}},
		{"/sim/v1/tree", "nodes: all, or those at and below ?path=", []method{get((*Server).tree)}},
		{"/sim/v1/snapshot", "the state as a snapshot file of ZooKeeper's, to take away or to go on with",
			[]method{get((*Server).getSnapshot), {http.MethodPut, (*Server).putSnapshot}}},
		{"/sim/v1/events", "what happens from now on, as server-sent events", []method{get((*Server).events)}},
		{"/sim/v1/reset", "all nodes and sessions go, as in a new server, or to what --load has read", []method{post((*Server).reset)}},
		{"/sim/v1/restart", "stops the server and starts it again on the same state", []method{post((*Server).restart)}},
		{"/sim/v1/members/{member}/commands", "ZooKeeper's own admin commands, of that member", []method{get(onAdmin((*admin).commandList))}},
		{"/sim/v1/members/{member}/commands/{name...}", "one of them", []method{get(onAdmin((*admin).command))}},
		{"/sim/v1/members/{member}/metrics", "its metrics", []method{get(onAdmin((*admin).metrics))}},
		{"/commands", "ZooKeeper's own admin commands, of the first member", []method{get(onAdmin((*admin).commandList))}},
		{"/commands/{name...}", "one of them", []method{get(onAdmin((*admin).command))}},
		{"/metrics", "ZooKeeper's metrics, for Prometheus", []method{get(onAdmin((*admin).metrics))}},
	}
}

func (s *Server) index(w http.ResponseWriter, q *http.Request) *refusal {
	type entry struct {
		Method string `json:"method"`
		Path   string `json:"path"`
		Help   string `json:"help"`
	}
	var list []entry
	for _, r := range routes() {
		for _, m := range r.methods {
			list = append(list, entry{m.name, r.pattern, r.help})
		}
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// watch is a watch in JSON.
type watch struct {
	Path    string   `json:"path"`
	Session string   `json:"session"`
	Child   bool     `json:"child"`
	Modes   []string `json:"modes"`
}

func (s *Server) state(w http.ResponseWriter, q *http.Request) *refusal {
	if _, r := query(q); r != nil {
		return r
	}
	answer := struct {
		Clients  string    `json:"clients"` // where they connect
		Now      time.Time `json:"now"`
		Zxid     string    `json:"zxid"`
		Nodes    int       `json:"nodes"`
		Members  []member  `json:"members"`
		Sessions []session `json:"sessions"`
		Watches  []watch   `json:"watches"`
	}{
		Clients: strings.Join(s.sim.Addrs(), ","), Members: members(s.sim), Now: s.sim.Now().UTC(), Zxid: hex(s.sim.Zxid()), Nodes: s.sim.Snapshot().Len(),
		Sessions: sessions(s.sim), Watches: []watch{},
	}
	for _, x := range s.sim.Watches() {
		answer.Watches = append(answer.Watches, watch{x.Path, hex(x.Session), x.Child, x.Modes})
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// done200 answers an order that was carried out: what it was about, and the
// last transaction, so that a test can wait until its clients have seen it.
func (s *Server) done200(w http.ResponseWriter, pairs ...string) {
	answer := map[string]string{"zxid": hex(s.sim.Zxid())}
	for i := 0; i < len(pairs); i += 2 {
		answer[pairs[i]] = pairs[i+1]
	}
	writeJSON(w, http.StatusOK, answer)
}

// maxAdvance bounds how long an order may keep the server busy.
const maxAdvance = 366 * 24 * time.Hour

func (s *Server) clock(w http.ResponseWriter, q *http.Request) *refusal {
	const want = `{"advance":"30s"}`
	var order struct {
		Advance *string `json:"advance"`
	}
	if r := readJSON(w, q, &order, want); r != nil {
		return r
	}
	if order.Advance == nil {
		return refuse(http.StatusBadRequest, "body: advance is missing; send %s", want)
	}
	d, r := parseAdvance(*order.Advance)
	if r != nil {
		return r
	}
	s.sim.Advance(d)
	s.done200(w, "now", s.sim.Now().UTC().Format(time.RFC3339Nano))
	return nil
}

func parseAdvance(text string) (time.Duration, *refusal) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, refuse(http.StatusBadRequest, "advance %q: want a number and its unit, such as 30s, 500ms or 24h", text)
	case d < 0:
		return 0, refuse(http.StatusBadRequest, "advance %q: the clock does not go backwards", text)
	case d > maxAdvance:
		return 0, refuse(http.StatusBadRequest, "advance %q: at most %v at a time", text, maxAdvance)
	}
	return d, nil
}

func (s *Server) restart(w http.ResponseWriter, q *http.Request) *refusal {
	if r := plain(w, q); r != nil {
		return r
	}
	s.sim.Restart()
	s.done200(w)
	return nil
}

func (s *Server) reset(w http.ResponseWriter, q *http.Request) *refusal {
	if r := plain(w, q); r != nil {
		return r
	}
	s.sim.Restore(s.opts.Initial)
	s.done200(w)
	return nil
}

// plain refuses parameters and bodies of an order that takes none.
func plain(w http.ResponseWriter, q *http.Request) *refusal {
	if _, r := query(q); r != nil {
		return r
	}
	return noBody(w, q)
}

// node is a znode in JSON.
type node struct {
	Path      string  `json:"path"`
	Data      []byte  `json:"data"` // base64; null for null
	Text      *string `json:"text,omitempty"`
	ACL       []acl   `json:"acl"`
	Stat      stat    `json:"stat"`
	Container bool    `json:"container,omitempty"`
	TTLMS     int64   `json:"ttl_ms,omitempty"`
}

type acl struct {
	Perms  string `json:"perms"`
	Scheme string `json:"scheme"`
	ID     string `json:"id"`
}

type stat struct {
	Czxid          string `json:"czxid"`
	Mzxid          string `json:"mzxid"`
	Ctime          int64  `json:"ctime"` // milliseconds since 1970, as clients see it
	Mtime          int64  `json:"mtime"`
	Version        int32  `json:"version"`
	Cversion       int32  `json:"cversion"`
	Aversion       int32  `json:"aversion"`
	EphemeralOwner string `json:"ephemeral_owner"`
	DataLength     int32  `json:"data_length"`
	NumChildren    int32  `json:"num_children"`
	Pzxid          string `json:"pzxid"`
}

func toNode(n memserver.Node) node {
	st := n.Stat
	out := node{
		Path: n.Path, Data: n.Data, Container: n.Container, TTLMS: n.TTL.Milliseconds(), ACL: []acl{},
		Stat: stat{hex(st.Czxid), hex(st.Mzxid), st.Ctime, st.Mtime, st.Version, st.Cversion, st.Aversion,
			hex(st.EphemeralOwner), st.DataLength, st.NumChildren, hex(st.Pzxid)},
	}
	if utf8.Valid(n.Data) && n.Data != nil {
		text := string(n.Data)
		out.Text = &text
	}
	for _, a := range n.ACL {
		out.ACL = append(out.ACL, acl{permString(a.Perms), a.Scheme, a.ID})
	}
	return out
}

// permString is how ZooKeeper's shell prints permissions.
func permString(p zkapi.Perm) string {
	letters := ""
	for _, x := range []struct {
		bit    zkapi.Perm
		letter string
	}{{zkapi.PermCreate, "c"}, {zkapi.PermDelete, "d"}, {zkapi.PermRead, "r"}, {zkapi.PermWrite, "w"}, {zkapi.PermAdmin, "a"}} {
		if p&x.bit != 0 {
			letters += x.letter
		}
	}
	return letters
}

// tree writes the nodes one by one: there may be millions.
func (s *Server) tree(w http.ResponseWriter, q *http.Request) *refusal {
	values, r := query(q, "path")
	if r != nil {
		return r
	}
	root, given := values["path"]
	if !given {
		root = "/"
	}
	if r := checkPath(root); r != nil {
		return r
	}
	snap := s.sim.Snapshot()
	if _, ok := snap.Node(root); !ok {
		return noNode(root)
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "{\n  \"zxid\": %q,\n  \"nodes\": [", hex(snap.Zxid()))
	separator := "\n    "
	for n := range snap.Nodes() {
		if n.Path != root && root != "/" && !strings.HasPrefix(n.Path, root+"/") {
			continue
		}
		line, err := json.Marshal(toNode(n))
		if err != nil {
			panic("control: " + err.Error())
		}
		if _, err := io.WriteString(w, separator+string(line)); err != nil {
			return nil
		}
		separator = ",\n    "
	}
	fmt.Fprint(w, "\n  ]\n}\n")
	return nil
}
