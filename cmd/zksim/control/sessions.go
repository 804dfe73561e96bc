package control

import (
	"net/http"
	"slices"
	"time"

	"github.com/zksim/zksim/memserver"
)

// session is a session in JSON.
type session struct {
	ID         string    `json:"id"`
	TimeoutMS  int64     `json:"timeout_ms"`
	Expiry     time.Time `json:"expiry"` // if nothing were heard of it any more
	Connected  bool      `json:"connected"`
	Member     int       `json:"member,omitempty"` // where its connection is
	Local      int       `json:"local,omitempty"`  // the only member that knows a local session
	Ephemerals []string  `json:"ephemerals"`
}

func sessions(sim *memserver.Server) []session {
	at := make(map[int64]int)
	for _, m := range sim.Members() {
		for _, c := range m.Connections() {
			at[c.Session] = m.ID()
		}
	}
	list := []session{}
	for _, x := range sim.Sessions() {
		list = append(list, session{ID: hex(x.ID), TimeoutMS: x.Timeout.Milliseconds(), Expiry: x.Expiry.UTC(),
			Connected: x.Connected, Member: at[x.ID], Local: x.Local, Ephemerals: orEmpty(x.Ephemerals)})
	}
	return list
}

// orEmpty is a list that is [] in JSON rather than null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (s *Server) expire(w http.ResponseWriter, q *http.Request) *refusal {
	id, r := order(w, q)
	if r != nil {
		return r
	}
	if !s.sim.Expire(id) {
		return noSession(id)
	}
	s.done200(w, "session", hex(id))
	return nil
}

// onConnection makes a handler of an order about the connection of a session.
func onConnection(do func(*memserver.Server, int64) bool) func(*Server, http.ResponseWriter, *http.Request) *refusal {
	return func(s *Server, w http.ResponseWriter, q *http.Request) *refusal {
		id, r := order(w, q)
		if r != nil {
			return r
		}
		if do(s.sim, id) {
			s.done200(w, "session", hex(id))
			return nil
		}
		if slices.ContainsFunc(s.sim.Sessions(), func(x memserver.Session) bool { return x.ID == id }) {
			return refuse(http.StatusConflict, "session %s has no connection now", hex(id))
		}
		return noSession(id)
	}
}

// order reads a request that says nothing but its session.
func order(w http.ResponseWriter, q *http.Request) (int64, *refusal) {
	if _, r := query(q); r != nil {
		return 0, r
	}
	id, r := parseHex("session id", q.PathValue("id"))
	if r != nil {
		return 0, r
	}
	return id, noBody(w, q)
}

func noSession(id int64) *refusal {
	return refuse(http.StatusNotFound, "there is no session %s; GET /sim/v1/state lists them", hex(id))
}
