package control

import (
	"net/http"
	"slices"
	"strings"
)

// route is one path and what it does by method.
type route struct {
	pattern string
	help    string // what GET /sim/v1 tells
	methods []method
}

type method struct {
	name string
	f    func(s *Server, w http.ResponseWriter, q *http.Request) *refusal
}

func get(f func(*Server, http.ResponseWriter, *http.Request) *refusal) method {
	return method{http.MethodGet, f}
}

func post(f func(*Server, http.ResponseWriter, *http.Request) *refusal) method {
	return method{http.MethodPost, f}
}

// dispatch carries out a request, which is of one of the route's methods.
func (s *Server) dispatch(w http.ResponseWriter, q *http.Request, r route) {
	name := q.Method
	if name == http.MethodHead {
		name = http.MethodGet // net/http keeps the body to itself
	}
	i := slices.IndexFunc(r.methods, func(m method) bool { return m.name == name })
	if i < 0 {
		r.wrongMethod(q).write(w)
		return
	}
	if refusal := r.methods[i].f(s, w, q); refusal != nil {
		refusal.write(w)
	}
}

func (r *route) wrongMethod(q *http.Request) *refusal {
	var names []string
	for _, m := range r.methods {
		names = append(names, m.name)
	}
	allow := strings.Join(names, ", ")
	refusal := refuse(http.StatusMethodNotAllowed, "%s does not take %s; send %s", q.URL.Path, q.Method, allow)
	refusal.allow = allow
	return refusal
}
