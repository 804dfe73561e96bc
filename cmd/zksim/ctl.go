package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// order is a command of zksim ctl.
type order struct {
	name string
	args string // for the message about wrong usage
	least,
	most int
	run func(c *caller, args []string) error
}

func orders() []order {
	return []order{
		{"state", "", 0, 0, func(c *caller, _ []string) error { return c.show(printState, "/sim/v1/state") }},
		{"tree", "[PATH]", 0, 1, (*caller).tree},
		{"expire", "ID...", 1, 1000, sessions("expire")},
		{"disconnect", "ID...", 1, 1000, sessions("disconnect")},
		{"stall", "ID...", 1, 1000, sessions("stall")},
		{"resume", "ID...", 1, 1000, sessions("resume")},
		{"advance", "DURATION", 1, 1, (*caller).advance},
		{"restart", "", 0, 0, func(c *caller, _ []string) error { return c.post("/sim/v1/restart", "") }},
		{"reset", "", 0, 0, func(c *caller, _ []string) error { return c.post("/sim/v1/reset", "") }},
		{"member", "I stop|start|isolate|rejoin|sever J|mend J|lag WHAT|apply N", 2, 3, (*caller).member},
		{"leader", "I", 1, 1, (*caller).leader},
		{"set", "zxid|session|PATH VALUE...", 2, 4, (*caller).set},
		{"faults", "[add|replace RULE...|load FILE|clear]", 0, 1000, (*caller).faults},
		{"save", "FILE", 1, 1, (*caller).save},
		{"load", "FILE", 1, 1, (*caller).load},
		{"events", "", 0, 0, (*caller).events},
		{"admin", "COMMAND [I]", 1, 2, (*caller).admin},
	}
}

// ctl is zksim ctl: what the HTTP side of a running zksim does, from a shell.
func ctl(ctx context.Context, args, env []string, stdout, stderr io.Writer) int {
	c := &caller{ctx: ctx, out: stdout, base: "127.0.0.1:8080"}
	for _, entry := range env {
		switch name, value, _ := strings.Cut(entry, "="); {
		case value == "":
		case name == envName("http"):
			c.base = value
		case name == envName("http-token"):
			c.token = value
		}
	}
	set := flag.NewFlagSet("zksim ctl", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&c.base, "http", c.base, "")
	set.StringVar(&c.token, "http-token", c.token, "")
	set.BoolVar(&c.json, "json", false, "")
	rest, err := readAll(set, args)
	switch {
	case errors.Is(err, flag.ErrHelp) || err == nil && len(rest) == 1 && rest[0] == "help":
		fmt.Fprint(stdout, ctlUsage)
		return statusOK
	case err != nil:
		return complain(stderr, statusUsage, errors.New(strings.Replace(flagError(err).Error(), "zksim --help", "zksim ctl --help", 1)))
	case !isHostPort(c.base):
		return complain(stderr, statusUsage, fmt.Errorf("--http %s: want HOST:PORT, such as 127.0.0.1:8080", c.base))
	case len(rest) == 0:
		return complain(stderr, statusUsage, errors.New("ctl needs a command; see zksim ctl --help"))
	}
	for _, o := range orders() {
		if o.name != rest[0] {
			continue
		}
		if n := len(rest) - 1; n < o.least || n > o.most {
			return complain(stderr, statusUsage, fmt.Errorf("want %s; see zksim ctl --help", strings.TrimSpace("zksim ctl "+o.name+" "+o.args)))
		}
		return c.status(o.run(c, rest[1:]), stderr)
	}
	return complain(stderr, statusUsage, fmt.Errorf("unknown command ctl %q; see zksim ctl --help", rest[0]))
}

// readAll takes flags also behind the command and its arguments.
func readAll(set *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := set.Parse(args); err != nil {
			return nil, err
		}
		if set.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, set.Arg(0)), set.Args()[1:]
	}
}

// caller sends requests to a zksim.
type caller struct {
	ctx   context.Context
	out   io.Writer
	base  string // HOST:PORT
	token string
	json  bool
}

// answerError is what a zksim says against a request.
type answerError struct {
	status int
	text   string
}

func (e *answerError) Error() string { return e.text }

// status tells the exit status of an error, and prints it. What the server
// finds wrong with an argument is wrong usage.
func (c *caller) status(err error, stderr io.Writer) int {
	answer, ok := errors.AsType[*answerError](err)
	switch {
	case err == nil || c.ctx.Err() != nil: // somebody has had enough of events
		return statusOK
	case ok && answer.status == http.StatusBadRequest:
		return complain(stderr, statusUsage, err)
	}
	return complain(stderr, statusOf(err), err)
}

// send sends a request and returns the body of a success, which is to be closed.
func (c *caller) send(method, path string, body io.Reader) (io.ReadCloser, error) {
	q, err := http.NewRequestWithContext(c.ctx, method, "http://"+c.base+path, body)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		q.Header.Set("Authorization", "Bearer "+c.token)
	}
	p, err := new(http.Transport).RoundTrip(q) // no proxy and no redirection
	if err != nil {
		return nil, fmt.Errorf("%s does not answer: %w; is zksim running there, with --http?", c.base, err)
	}
	if p.StatusCode == http.StatusOK {
		return p.Body, nil
	}
	defer p.Body.Close()
	text, err := io.ReadAll(io.LimitReader(p.Body, 1<<16))
	var answer struct{ Error string }
	if err != nil || json.Unmarshal(text, &answer) != nil || answer.Error == "" {
		answer.Error = c.base + " answers " + p.Status + "; is that a zksim?"
	}
	return nil, &answerError{p.StatusCode, answer.Error}
}

// fetch is send for all that is short; with --json it also prints the answer.
func (c *caller) fetch(method, path, body string) ([]byte, error) {
	stream, err := c.send(method, path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	text, err := io.ReadAll(stream)
	if err == nil && c.json {
		_, err = c.out.Write(text)
	}
	return text, err
}

// show prints what a GET tells.
func (c *caller) show(write func(io.Writer, []byte) error, path string) error {
	text, err := c.fetch(http.MethodGet, path, "")
	if err != nil || c.json {
		return err
	}
	return write(c.out, text)
}

// post carries out an order, and prints what it answers on one line.
func (c *caller) post(path, body string) error {
	text, err := c.fetch(http.MethodPost, path, body)
	if err != nil || c.json {
		return err
	}
	return printPairs(c.out, text)
}

func (c *caller) tree(args []string) error {
	path := "/"
	if len(args) > 0 {
		path = args[0]
	}
	return c.show(printTree, "/sim/v1/tree?path="+url.QueryEscape(path))
}

// sessions makes the command that gives sessions an order, one after the other.
func sessions(verb string) func(*caller, []string) error {
	return func(c *caller, ids []string) error {
		for _, id := range ids {
			if err := c.post("/sim/v1/sessions/"+url.PathEscape(id)+"/"+verb, ""); err != nil {
				return err
			}
		}
		return nil
	}
}

func (c *caller) advance(args []string) error {
	return c.order("clock", map[string]any{"advance": args[0]})
}

// order is post with a body.
func (c *caller) order(path string, body map[string]any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.post("/sim/v1/"+path, string(text))
}

// set moves a counter on: the zxid, the next session id, or those of a node.
func (c *caller) set(args []string) error {
	what, values := args[0], args[1:]
	switch {
	case what == "zxid" && len(values) == 1:
		return c.order("zxid", map[string]any{"zxid": values[0]})
	case what == "session" && len(values) == 1:
		return c.order("next-session", map[string]any{"session": values[0]})
	case !strings.HasPrefix(what, "/"):
		return usageError{errors.New("want zksim ctl set zxid 0x..., session 0x... or PATH version=N creations=N aversion=N; see zksim ctl --help")}
	}
	body := map[string]any{"path": what}
	for _, pair := range values {
		name, value, _ := strings.Cut(pair, "=")
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || !slices.Contains([]string{"version", "creations", "aversion"}, name) {
			return usageError{fmt.Errorf("set %s %s: want version=N, creations=N or aversion=N, of 32 bits", what, pair)}
		}
		body[name] = n
	}
	return c.order("counters", body)
}

// member gives an order to a member of the ensemble.
func (c *caller) member(args []string) error {
	path := "members/" + url.PathEscape(args[0]) + "/" + args[1]
	switch verb := args[1]; {
	case len(args) == 2 && slices.Contains([]string{"stop", "start", "isolate", "rejoin"}, verb):
		return c.post("/sim/v1/"+path, "")
	case (verb == "sever" || verb == "mend") && len(args) == 3:
		to, err := strconv.Atoi(args[2])
		if err != nil {
			return usageError{fmt.Errorf("%s %s: want the number of a member", verb, args[2])}
		}
		return c.order(path, map[string]any{"to": to})
	case verb == "apply" && len(args) == 3:
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return usageError{fmt.Errorf("apply %s: want a number of transactions", args[2])}
		}
		return c.order(path, map[string]any{"txns": n})
	case verb == "lag" && len(args) == 3:
		lag, err := lagOrder(args[2])
		if err != nil {
			return err
		}
		return c.order(path, lag)
	}
	return usageError{errors.New("want zksim ctl member I stop, start, isolate, rejoin, sever J, mend J, lag WHAT or apply N; see zksim ctl --help")}
}

// lagOrder is a lag as the HTTP side wants it: held, some transactions or some
// time behind, or 0 for none.
func lagOrder(what string) (map[string]any, error) {
	if what == "hold" {
		return map[string]any{"hold": true}, nil
	}
	if n, err := strconv.Atoi(what); err == nil {
		return map[string]any{"txns": n}, nil
	}
	if d, err := time.ParseDuration(what); err == nil {
		return map[string]any{"time": d.String()}, nil
	}
	return nil, usageError{fmt.Errorf("lag %s: want hold, a number of transactions, a time such as 2s, or 0", what)}
}

func (c *caller) leader(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return usageError{fmt.Errorf("leader %s: want the number of a member", args[0])}
	}
	return c.order("leader", map[string]any{"member": n})
}

// faults shows the plan of faults, or changes it.
func (c *caller) faults(args []string) error {
	const path = "/sim/v1/faults"
	verb, rest := "", args
	if len(args) > 0 {
		verb, rest = args[0], args[1:]
	}
	method, body := http.MethodGet, strings.Join(rest, "\n")
	switch {
	case verb == "":
	case verb == "clear" && len(rest) == 0:
		method = http.MethodDelete
	case verb == "add" && len(rest) > 0:
		method = http.MethodPost
	case verb == "replace" && len(rest) > 0:
		method = http.MethodPut
	case verb == "load" && len(rest) == 1:
		text, err := readArgument(rest[0])
		if err != nil {
			return err
		}
		method, body = http.MethodPut, string(text)
	default:
		return usageError{errors.New("want zksim ctl faults [add|replace RULE...|load FILE|clear]; see zksim ctl --help")}
	}
	text, err := c.fetch(method, path, body)
	if err != nil || c.json {
		return err
	}
	return printFaults(c.out, text)
}

func (c *caller) save(args []string) error {
	stream, err := c.send(http.MethodGet, "/sim/v1/snapshot", nil)
	if err != nil {
		return err
	}
	defer stream.Close()
	text, err := io.ReadAll(stream)
	if err == nil {
		err = os.WriteFile(args[0], text, 0o644)
	}
	if pathErr, ok := errors.AsType[*os.PathError](err); ok && pathErr.Op == "open" {
		return usageError{fmt.Errorf("%s: %w", args[0], pathErr.Err)}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], pathReason(err))
	}
	return nil
}

// readArgument reads a file that the command line names.
func readArgument(path string) ([]byte, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s: %w", path, err)}
	}
	return text, nil
}

func (c *caller) load(args []string) error {
	file, err := readArgument(args[0])
	if err != nil {
		return err
	}
	text, err := c.fetch(http.MethodPut, "/sim/v1/snapshot", string(file))
	if err != nil || c.json {
		return err
	}
	return printPairs(c.out, text)
}

func (c *caller) admin(args []string) error {
	path := "/commands/" + url.PathEscape(args[0])
	if len(args) > 1 {
		path = "/sim/v1/members/" + url.PathEscape(args[1]) + path
	}
	text, err := c.fetch(http.MethodGet, path, "")
	if err != nil || c.json {
		return err
	}
	var answer struct{ Error string }
	if err := json.Unmarshal(text, &answer); err == nil && answer.Error != "" {
		return errors.New(answer.Error)
	}
	_, err = c.out.Write(text)
	return err
}

// events prints events until ctx is done or the server ends.
func (c *caller) events([]string) error {
	stream, err := c.send(http.MethodGet, "/sim/v1/events", nil)
	if err != nil {
		return err
	}
	defer stream.Close()
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		switch {
		case !ok:
		case c.json:
			fmt.Fprintf(c.out, "%s\n", data)
		default:
			if err := printEvent(c.out, data); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

// simTime is a moment as ctl prints it.
func simTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
