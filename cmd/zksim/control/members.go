package control

import (
	"net/http"
	"strconv"
	"time"

	"github.com/zksim/zksim/memserver"
)

// member is one server of an ensemble in JSON.
type member struct {
	ID      int    `json:"id"`
	Clients string `json:"clients"`        // where they connect
	TLS     string `json:"tls,omitempty"`  // and where with TLS
	Role    string `json:"role"`           // "" while it does not serve
	Zxid    string `json:"zxid"`           // the last transaction that it has applied
	Behind  int    `json:"behind"`         // transactions that it has not
	Spec    string `json:"spec,omitempty"` // what a reconfig that takes it in says behind server.ID=
}

func members(sim *memserver.Server) []member {
	var list []member
	for _, m := range sim.Members() {
		x := member{ID: m.ID(), Clients: m.Addr(), TLS: m.TLSAddr(), Role: string(m.Role()), Zxid: hex(m.Zxid()), Behind: m.Behind()}
		if len(sim.Members()) > 1 {
			x.Spec = m.Spec()
		}
		list = append(list, x)
	}
	return list
}

// member finds the one that a path names.
func (s *Server) member(text string) (*memserver.Member, *refusal) {
	n := len(s.sim.Members())
	id, err := strconv.Atoi(text)
	if err != nil || id < 1 || id > n {
		return nil, refuse(http.StatusNotFound, "there is no member %q; they are 1 to %d", text, n)
	}
	return s.sim.Member(id), nil
}

// onMember makes a handler of an order that says nothing but its member.
func onMember(do func(*memserver.Member) *refusal) func(*Server, http.ResponseWriter, *http.Request) *refusal {
	return func(s *Server, w http.ResponseWriter, q *http.Request) *refusal {
		if r := plain(w, q); r != nil {
			return r
		}
		m, r := s.member(q.PathValue("member"))
		if r != nil {
			return r
		}
		if r := do(m); r != nil {
			return r
		}
		s.told(w, m)
		return nil
	}
}

// told answers with what has become of a member.
func (s *Server) told(w http.ResponseWriter, m *memserver.Member, more ...string) {
	s.done200(w, append(more, "member", strconv.Itoa(m.ID()), "role", string(m.Role()))...)
}

func stopMember(m *memserver.Member) *refusal {
	m.Stop()
	return nil
}

func startMember(m *memserver.Member) *refusal {
	if err := m.Start(); err != nil {
		return refuse(http.StatusConflict, "member %d cannot start: %v", m.ID(), err)
	}
	return nil
}

func isolateMember(m *memserver.Member) *refusal {
	m.Isolate()
	return nil
}

func rejoinMember(m *memserver.Member) *refusal {
	m.Rejoin()
	return nil
}

// onWay makes a handler of an order about what one member says to another.
func onWay(do func(from, to *memserver.Member)) func(*Server, http.ResponseWriter, *http.Request) *refusal {
	return func(s *Server, w http.ResponseWriter, q *http.Request) *refusal {
		var order struct {
			To int `json:"to"`
		}
		if _, r := query(q); r != nil {
			return r
		}
		from, r := s.member(q.PathValue("member"))
		if r != nil {
			return r
		}
		if r := readJSON(w, q, &order, `{"to":2}`); r != nil {
			return r
		}
		to, r := s.member(strconv.Itoa(order.To))
		if r != nil {
			return r
		}
		if from == to {
			return refuse(http.StatusBadRequest, "to %d: a member always hears itself; want another one", to.ID())
		}
		do(from, to)
		s.told(w, from)
		return nil
	}
}

// lag holds a member back, or lets it catch up.
func (s *Server) lag(w http.ResponseWriter, q *http.Request) *refusal {
	const want = `{"hold":true}, {"txns":3}, {"time":"2s"} or {} for none`
	var order struct {
		Hold bool   `json:"hold"`
		Txns int    `json:"txns"`
		Time string `json:"time"`
	}
	m, r := s.member(q.PathValue("member"))
	if r != nil {
		return r
	}
	if r := readJSON(w, q, &order, want); r != nil {
		return r
	}
	lag := memserver.Lag{Hold: order.Hold, Txns: order.Txns}
	if order.Time != "" {
		d, err := time.ParseDuration(order.Time)
		if err != nil || d < 0 {
			return refuse(http.StatusBadRequest, "time %q: want a number and its unit, such as 2s or 500ms", order.Time)
		}
		lag.Time = d
	}
	if order.Txns < 0 {
		return refuse(http.StatusBadRequest, "txns %d: want 0 or more", order.Txns)
	}
	m.SetLag(lag)
	s.told(w, m)
	return nil
}

// apply has a member that lags apply the next transactions, and tells how many there were.
func (s *Server) apply(w http.ResponseWriter, q *http.Request) *refusal {
	var order struct {
		Txns int `json:"txns"`
	}
	m, r := s.member(q.PathValue("member"))
	if r != nil {
		return r
	}
	if r := readJSON(w, q, &order, `{"txns":1}`); r != nil {
		return r
	}
	if order.Txns < 1 {
		return refuse(http.StatusBadRequest, "txns %d: want 1 or more", order.Txns)
	}
	s.told(w, m, "applied", strconv.Itoa(m.Apply(order.Txns)))
	return nil
}

// lead elects a member.
func (s *Server) lead(w http.ResponseWriter, q *http.Request) *refusal {
	const want = `{"member":1}`
	var order struct {
		Member int `json:"member"`
	}
	if r := readJSON(w, q, &order, want); r != nil {
		return r
	}
	m, r := s.member(strconv.Itoa(order.Member))
	if r != nil {
		return r
	}
	if !m.Elect() {
		return refuse(http.StatusConflict, "member %d cannot be elected now: it is down, or there is no quorum", m.ID())
	}
	s.told(w, m)
	return nil
}
