package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/zksim/zksim/faults"
)

// rule is a rule of the plan of faults in JSON.
type rule struct {
	Text  string      `json:"text"`
	Rule  faults.Rule `json:"rule"`
	Fired int         `json:"fired"`
}

// plan is the plan of faults in JSON.
type plan struct {
	Seed  uint64 `json:"seed"`
	Rules []rule `json:"rules"`
	Fired int    `json:"fired"`
}

func toPlan(p *faults.Plan) plan {
	out := plan{Seed: p.Seed(), Rules: []rule{}}
	counts := p.Counts()
	for i, r := range p.Rules() {
		if i < len(counts) {
			out.Rules = append(out.Rules, rule{r.String(), r, counts[i]})
			out.Fired += counts[i]
		}
	}
	return out
}

// onPlan makes a handler of what is done to the plan. One is done at a time.
func onPlan(do func(s *Server, w http.ResponseWriter, q *http.Request) (plan, *refusal)) func(*Server, http.ResponseWriter, *http.Request) *refusal {
	return func(s *Server, w http.ResponseWriter, q *http.Request) *refusal {
		if _, r := query(q); r != nil {
			return r
		}
		if s.opts.Faults == nil {
			return refuse(http.StatusConflict, "there is no place for faults between this server and its clients")
		}
		s.planning.Lock()
		defer s.planning.Unlock()
		answer, r := do(s, w, q)
		if r == nil {
			writeJSON(w, http.StatusOK, answer)
		}
		return r
	}
}

func showFaults(s *Server, _ http.ResponseWriter, _ *http.Request) (plan, *refusal) {
	return toPlan(s.opts.Faults), nil
}

// addFaults puts more rules into force.
func addFaults(s *Server, w http.ResponseWriter, q *http.Request) (plan, *refusal) {
	more, r := readPlan(w, q)
	if r != nil {
		return plan{}, r
	}
	p := s.opts.Faults
	if seed := more.Seed(); len(p.Rules()) == 0 {
		return s.putPlan(more)
	} else if seed != 0 && seed != p.Seed() {
		return plan{}, refuse(http.StatusConflict, "the plan in use has seed %d, so its rules cannot be joined by some with seed %d; PUT replaces it", p.Seed(), seed)
	}
	if err := p.Add(more.Rules()...); err != nil {
		panic("control: " + err.Error()) // they have been parsed
	}
	return toPlan(p), nil
}

// replaceFaults puts other rules into force.
func replaceFaults(s *Server, w http.ResponseWriter, q *http.Request) (plan, *refusal) {
	p, r := readPlan(w, q)
	if r != nil {
		return plan{}, r
	}
	return s.putPlan(p)
}

func (s *Server) putPlan(p *faults.Plan) (plan, *refusal) {
	if err := s.opts.Faults.UnmarshalText([]byte(p.String())); err != nil {
		panic("control: " + err.Error()) // it has been parsed
	}
	s.opts.Faults.Start()
	return toPlan(s.opts.Faults), nil
}

// removeFaults ends all faults, and tells how often they had fired.
func removeFaults(s *Server, w http.ResponseWriter, q *http.Request) (plan, *refusal) {
	if r := noBody(w, q); r != nil {
		return plan{}, r
	}
	s.opts.Faults.Heal()
	last := toPlan(s.opts.Faults)
	_ = s.opts.Faults.UnmarshalText(nil) // nothing is a plan
	return last, nil
}

// readPlan reads a plan, as text or as JSON.
func readPlan(w http.ResponseWriter, q *http.Request) (*faults.Plan, *refusal) {
	body, r := readBody(w, q)
	if r != nil {
		return nil, r
	}
	p := new(faults.Plan)
	var err error
	switch start := bytes.TrimSpace(body); {
	case len(start) == 0:
		return nil, refuse(http.StatusBadRequest, "body: it is empty; send rules, such as: cut after-reply create /a/** once")
	case start[0] != '{' && start[0] != '"':
		err = p.UnmarshalText(body)
	default:
		if err = json.Unmarshal(body, new(any)); err != nil {
			return nil, wrongJSON(err, body)
		}
		err = p.UnmarshalJSON(body)
	}
	switch {
	case err != nil:
		return nil, wrongPlan(err)
	case len(p.Rules()) == 0:
		return nil, refuse(http.StatusBadRequest, "body: there is no rule in it; DELETE removes those in force")
	}
	return p, nil
}

// wrongPlan is a refusal with the place of an error in the text of a plan.
func wrongPlan(err error) *refusal {
	if syntax, ok := errors.AsType[*faults.SyntaxError](err); ok {
		return refuseAt(syntax.Line, syntax.Column, syntax.Reason)
	}
	return refuse(http.StatusBadRequest, "body: %s", strings.TrimPrefix(jsonReason(err), "faults: "))
}

// wrongJSON is the same for what should be JSON; its place is where that ends.
func wrongJSON(err error, body []byte) *refusal {
	before := body
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		before = body[:min(int(syntax.Offset), len(body))]
	}
	lines := bytes.Split(before, []byte("\n"))
	return refuseAt(len(lines), max(1, utf8.RuneCount(lines[len(lines)-1])), "this is not JSON: "+err.Error())
}

func refuseAt(line, column int, reason string) *refusal {
	r := refuse(http.StatusBadRequest, "line %d, column %d: %s", line, column, reason)
	r.line, r.column = line, column
	return r
}
