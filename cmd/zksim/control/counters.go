package control

import (
	"net/http"
	"strings"

	"github.com/zksim/zksim/memserver"
	"github.com/zksim/zksim/zkapi"
)

// Counters that are moved to where they overflow.

func (s *Server) counters(w http.ResponseWriter, q *http.Request) *refusal {
	const want = `{"path":"/jobs","creations":2147483647}, with "version" and "aversion" likewise; what is left out is 0`
	var order struct {
		Path      *string `json:"path"`
		Version   int32   `json:"version"`
		Creations int32   `json:"creations"`
		Aversion  int32   `json:"aversion"`
	}
	if r := readJSON(w, q, &order, want); r != nil {
		return r
	}
	if order.Path == nil {
		return refuse(http.StatusBadRequest, "body: path is missing; send %s", want)
	}
	if r := checkPath(*order.Path); r != nil {
		return r
	}
	c := memserver.Counters{Version: order.Version, Creations: order.Creations, Aversion: order.Aversion}
	if err := s.sim.SetCounters(*order.Path, c); err != nil {
		return noNode(*order.Path)
	}
	s.done200(w, "path", *order.Path)
	return nil
}

func (s *Server) zxid(w http.ResponseWriter, q *http.Request) *refusal {
	const want = `{"zxid":"0xfffffff0"}`
	var order struct {
		Zxid *string `json:"zxid"`
	}
	if r := readJSON(w, q, &order, want); r != nil {
		return r
	}
	if order.Zxid == nil {
		return refuse(http.StatusBadRequest, "body: zxid is missing; send %s", want)
	}
	zxid, r := parseHex("zxid", *order.Zxid)
	if r != nil {
		return r
	}
	if err := s.sim.SetZxid(zxid); err != nil {
		return refuse(http.StatusConflict, "%s", strings.TrimPrefix(err.Error(), "memserver: "))
	}
	s.done200(w)
	return nil
}

func (s *Server) nextSession(w http.ResponseWriter, q *http.Request) *refusal {
	const want = `{"session":"0xfffffffffffffe"}; what is above its 14 digits is the number of the member`
	var order struct {
		Session *string `json:"session"`
	}
	if r := readJSON(w, q, &order, want); r != nil {
		return r
	}
	if order.Session == nil {
		return refuse(http.StatusBadRequest, "body: session is missing; send %s", want)
	}
	id, r := parseHex("session id", *order.Session)
	if r != nil {
		return r
	}
	s.sim.SetNextSession(id)
	s.done200(w, "session", hex(id))
	return nil
}

func checkPath(path string) *refusal {
	if err := zkapi.ValidatePath(path); err != nil {
		return refuse(http.StatusBadRequest, "path %q: want a path such as /a/b", path)
	}
	return nil
}

func noNode(path string) *refusal {
	return refuse(http.StatusNotFound, "there is no node %s", path)
}
