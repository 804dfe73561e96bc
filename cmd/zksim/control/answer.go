package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// discard is for net/http's remarks on clients that misbehave.
var discard = log.New(io.Discard, "", 0)

// refusal is an answer that says what is wrong with a request, and what to
// send instead.
type refusal struct {
	status    int
	text      string
	allow     string // the methods there are, for a wrong one
	challenge string // for one without credentials

	line, column int // of what is wrong in the body, from 1; 0 if that cannot be said
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

func (r *refusal) write(w http.ResponseWriter) {
	if r.allow != "" {
		w.Header().Set("Allow", r.allow)
	}
	if r.challenge != "" {
		w.Header().Set("WWW-Authenticate", r.challenge)
	}
	writeJSON(w, r.status, struct {
		Error  string `json:"error"`
		Line   int    `json:"line,omitzero"`
		Column int    `json:"column,omitzero"`
	}{r.text, r.line, r.column})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic("control: " + err.Error()) // what is answered is made of plain types
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // who has gone need not be told
}

func notFound(w http.ResponseWriter, q *http.Request) {
	refuse(http.StatusNotFound, "there is no %s; GET /sim/v1 lists what there is", q.URL.Path).write(w)
}

// readJSON reads the body of an order into the fields that v has, and no others.
// Beside the body there is nothing.
func readJSON(w http.ResponseWriter, q *http.Request, v any, want string) *refusal {
	if _, r := query(q); r != nil {
		return r
	}
	body, r := readBody(w, q)
	if r != nil {
		return r
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.New("there is more than one value")
	}
	return refuse(http.StatusBadRequest, "body: %s; send %s", jsonReason(err), want)
}

// jsonReason is an error of package json without that package's name.
func jsonReason(err error) string {
	switch typed, ok := errors.AsType[*json.UnmarshalTypeError](err); {
	case errors.Is(err, io.EOF):
		return "it is empty"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it is cut off"
	case ok && typed.Field != "":
		return fmt.Sprintf("%q is %s", typed.Field, article(typed.Value))
	case ok:
		return "it is " + article(typed.Value)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

func article(noun string) string {
	if strings.HasPrefix(noun, "a") || strings.HasPrefix(noun, "o") {
		return "an " + noun
	}
	return "a " + noun
}

// noBody refuses what a request says that takes nothing.
func noBody(w http.ResponseWriter, q *http.Request) *refusal {
	body, r := readBody(w, q)
	if r == nil && len(body) > 0 && strings.TrimSpace(string(body)) != "{}" {
		r = refuse(http.StatusBadRequest, "%s %s takes no body", q.Method, q.URL.Path)
	}
	return r
}

func readBody(w http.ResponseWriter, q *http.Request) ([]byte, *refusal) {
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, refuse(http.StatusRequestEntityTooLarge, "body: it is longer than %d bytes", maxBody)
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "body: it did not come whole")
	}
	return body, nil
}

// query returns the parameters of a request, which are among names.
func query(q *http.Request, names ...string) (map[string]string, *refusal) {
	want := "it takes no parameter"
	if len(names) > 0 {
		want = "there is " + strings.Join(names, ", ")
	}
	all, err := url.ParseQuery(q.URL.RawQuery)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the query %q is not well formed; %s", q.URL.RawQuery, want)
	}
	values := make(map[string]string)
	for name, v := range all {
		switch {
		case !slices.Contains(names, name):
			return nil, refuse(http.StatusBadRequest, "unknown parameter %q; %s", name, want)
		case len(v) > 1:
			return nil, refuse(http.StatusBadRequest, "parameter %q is there %d times", name, len(v))
		}
		values[name] = v[0]
	}
	return values, nil
}

// hex is how ZooKeeper prints session ids and zxids.
func hex(id int64) string { return "0x" + strconv.FormatUint(uint64(id), 16) }

// parseHex reads what hex has printed.
func parseHex(what, text string) (int64, *refusal) {
	digits, ok := strings.CutPrefix(text, "0x")
	id, err := strconv.ParseUint(digits, 16, 64)
	if !ok || err != nil {
		return 0, refuse(http.StatusBadRequest, "%s %q: want 0x and up to 16 hexadecimal digits, such as 0x100002f3ab10000", what, text)
	}
	return int64(id), nil
}
