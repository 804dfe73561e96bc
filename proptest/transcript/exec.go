package transcript

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// exec is the run of one transcript on one server.
type exec struct {
	server   Instance
	options  map[string]bool
	conns    map[string]*conn
	all      []*conn
	sessions []*session
	now      int64            // the highest zxid that a reply has shown
	marks    map[string]int64 // named zxids; "now" is one
}

func newExec(server Instance, options []string, now int64) *exec {
	x := &exec{
		server: server, options: map[string]bool{}, now: now,
		conns: map[string]*conn{}, marks: map[string]int64{"now": now},
	}
	for _, o := range options {
		x.options[o] = true
	}
	return x
}

// block runs the commands of a block and returns what they print.
func (x *exec) block(cs []command) ([]string, error) {
	var out []string
	for _, c := range cs {
		lines, err := x.command(c.text, c.body)
		out = append(out, lines...)
		if err != nil {
			return out, fmt.Errorf("%s: %w", c.text, err)
		}
	}
	for i := range out {
		if strings.TrimSpace(out[i]) == "" {
			out[i] = ">"
		}
	}
	return out, nil
}

// command runs one command. A leading "-" keeps it quiet unless it fails.
func (x *exec) command(line string, body []string) ([]string, error) {
	if quiet, ok := strings.CutPrefix(line, "- "); ok {
		lines, err := x.command(quiet, body)
		return slices.DeleteFunc(lines, func(l string) bool { return !isTrouble(l) }), err
	}
	ws, err := words(line)
	if err != nil || len(ws) == 0 {
		return nil, err
	}
	switch ws[0].text {
	case "for":
		return x.loop(line, body)
	case "sorted":
		lines, err := x.command(strings.TrimPrefix(line, "sorted "), body)
		return sortLines(lines), err
	case "flw":
		return x.fourLetters(x.args(ws[1:]))
	case "mark":
		a := x.args(ws[1:])
		x.marks[a.next("name").text] = x.now
		return nil, a.done()
	case "advance":
		return x.advance(x.args(ws[1:]))
	case "restart":
		return nil, x.server.Restart()
	}
	if len(ws) < 2 {
		return nil, errors.New("no such command")
	}
	return x.onConn(ws[0].text, ws[1].text, x.args(ws[2:]), body)
}

// sortLines sorts lines, and the names in each list within them.
func sortLines(lines []string) []string {
	for i, line := range lines {
		start, end := strings.IndexByte(line, '['), strings.LastIndexByte(line, ']')
		if start >= 0 && start < end {
			names := strings.Fields(line[start+1 : end])
			slices.Sort(names)
			lines[i] = line[:start+1] + strings.Join(names, " ") + line[end:]
		}
	}
	slices.Sort(lines)
	return lines
}

// troubles are the last words of lines that tell of an error.
var troubles = func() map[string]bool {
	m := map[string]bool{"closed": true}
	for code := zkapi.Code(-127); code < 0; code++ {
		m[code.Name()] = true
	}
	return m
}()

// isTrouble tells whether a line is about an error.
func isTrouble(line string) bool { return troubles[line[strings.LastIndexByte(line, ' ')+1:]] }

// loop runs its body once for each of the values and prints one line for each.
// "for a,b in 1,2 3,4" sets two variables at a time.
func (x *exec) loop(line string, body []string) ([]string, error) {
	head, tail, ok := strings.Cut(strings.TrimPrefix(line, "for "), " in ")
	if !ok {
		return nil, errors.New("want: for NAME in VALUES")
	}
	vars := strings.Split(head, ",")
	values, err := rawWords(tail)
	if err != nil {
		return nil, err
	}
	cs, err := parseCommands(body)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, value := range values {
		columns, err := x.iteration(cs, replacer(vars, value))
		if columns != "" {
			out = append(out, value+": "+columns)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// replacer puts a loop's value in the place of $name, and in the place of
// ${name} without its quotes.
func replacer(vars []string, value string) *strings.Replacer {
	parts := []string{value}
	if len(vars) > 1 {
		parts = strings.SplitN(value, ",", len(vars))
	}
	var pairs []string
	for i, part := range parts {
		bare := part
		if unquoted, err := strconv.Unquote(part); err == nil {
			bare = unquoted
		}
		pairs = append(pairs, "${"+vars[i]+"}", bare, "$"+vars[i], part)
	}
	return strings.NewReplacer(pairs...)
}

func (x *exec) iteration(cs []command, r *strings.Replacer) (string, error) {
	var columns []string
	for _, c := range cs {
		body := slices.Clone(c.body)
		for i := range body {
			body[i] = r.Replace(body[i])
		}
		text := r.Replace(c.text)
		lines, err := x.command(text, body)
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		if len(lines) > 0 {
			columns = append(columns, strings.Join(lines, "; "))
		}
		if err != nil {
			return strings.Join(columns, " | "), fmt.Errorf("%s: %w", text, err)
		}
	}
	return strings.Join(columns, " | "), nil
}

// rawWords splits at spaces outside quotes and keeps the quotes.
func rawWords(line string) ([]string, error) {
	var raw []string
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		end := 0
		for quoted := false; end < len(line) && (quoted || line[end] != ' '); end++ {
			switch {
			case line[end] == '"':
				quoted = !quoted
			case line[end] == '\\' && quoted:
				end++
			}
		}
		if end > len(line) {
			return nil, fmt.Errorf("bad quotes in %s", line)
		}
		raw = append(raw, line[:end])
		line = line[end:]
	}
	return raw, nil
}

// onConn runs the commands that belong to a connection.
func (x *exec) onConn(name, verb string, a *args, body []string) ([]string, error) {
	switch verb {
	case "open":
		x.open(name)
		return nil, a.done()
	case "connect", "handshake":
		return x.connect(name, verb, a)
	}
	c := x.conns[name]
	if c == nil {
		return nil, fmt.Errorf("there is no connection %q", name)
	}
	switch verb {
	case "reconnect":
		c.close()
		a.named["session"] = word{text: c.session.name}
		return x.connect(name, "connect", a)
	case "close":
		c.close()
		return nil, x.awaitDisconnect(c)
	case "stall":
		c.stalled = true
		if s, ok := x.server.(Staller); ok {
			s.Stall(c.session.id)
		}
		return nil, nil
	case "events":
		lines, err := x.barrier(c)
		if len(lines) == 0 {
			lines = []string{"no event"}
		}
		return lines, err
	case "closed?":
		return x.untilClosed(c)
	case "response":
		c.connecting = &wire.ConnectRequest{}
		return x.collect(c, nil, false)
	case "text":
		c.connecting = nil
		_ = c.net.SetReadDeadline(time.Now().Add(patience))
		answer, err := io.ReadAll(c.in)
		return []string{strconv.Quote(string(answer))}, err
	case "write":
		c.write(a.atoms())
		return nil, a.done()
	case "frame":
		payload := a.atoms()
		c.write(append(wire.AppendInt(nil, int32(len(payload))), payload...))
		return nil, a.done()
	case "pipeline":
		return x.pipeline(c, a, body)
	case "password":
		return []string{passwordKind(c.session)}, nil
	case "id":
		return []string{x.idKind(c.session)}, nil
	}
	if sendOnly := verb == "send"; sendOnly || isRequest(verb) {
		if sendOnly {
			verb = a.next("request").text
		}
		r, err := x.request(verb, a, body)
		if err != nil {
			return nil, err
		}
		c.send(r)
		if sendOnly {
			return nil, nil
		}
		return x.collect(c, []*request{r}, false)
	}
	return nil, fmt.Errorf("no such command: %s", verb)
}

// awaitDisconnect waits until a server whose time can be moved has noticed that
// a client is gone: else it would let the session live on.
func (x *exec) awaitDisconnect(c *conn) error {
	o, ok := x.server.(Observer)
	if !ok || c.session == nil {
		return nil
	}
	for end := time.Now().Add(patience); o.Connected(c.session.id); time.Sleep(50 * time.Microsecond) {
		if time.Now().After(end) {
			return errors.New("the server does not notice the end of the connection")
		}
	}
	return nil
}

// connectRequest reads the arguments of connect and handshake.
func (x *exec) connectRequest(a *args) (*wire.ConnectRequest, error) {
	req := &wire.ConnectRequest{
		ProtocolVersion: a.int32("protocol", 0), TimeOut: a.int32("timeout", 10000),
		LastZxidSeen: a.int64("zxid", 0), Passwd: make([]byte, wire.PasswordLen), HasReadOnly: true,
	}
	switch text := a.take("readOnly", "false").text; text {
	case "absent":
		req.HasReadOnly = false
	default:
		req.ReadOnly = text == "true"
	}
	if a.has("session") {
		text := a.take("session", "").text
		at := slices.IndexFunc(x.sessions, func(s *session) bool { return s.name == text })
		if at >= 0 {
			req.SessionID, req.Passwd = x.sessions[at].id, x.sessions[at].passwd
		} else {
			req.SessionID = a.number(text)
		}
	}
	if a.has("password") {
		switch w := a.take("password", ""); w.text {
		case "wrong":
			req.Passwd = []byte(strings.Repeat("\x01", wire.PasswordLen))
		default:
			req.Passwd = a.buffer(w)
		}
	}
	return req, nil
}

func connectFrame(req *wire.ConnectRequest) []byte {
	return wire.EndFrame(req.Append(wire.BeginFrame(nil)), 0)
}

// connect opens a connection and a session on it. "handshake" prints every field
// of the response; "connect" sends a ping behind it, to see the zxid, and
// prints what matters to those who only want a session.
func (x *exec) connect(name, verb string, a *args) ([]string, error) {
	req, err := x.connectRequest(a)
	if err != nil {
		return nil, err
	}
	if err := a.done(); err != nil {
		return nil, err
	}
	c := x.open(name)
	c.connecting = req
	c.write(connectFrame(req))
	lines, err := x.collect(c, nil, false)
	if verb == "handshake" || c.session == nil || err != nil {
		return lines, err
	}
	ping := &request{name: "ping", op: zkapi.OpPing, xid: wire.XidPing, plain: true}
	c.send(ping)
	lines, err = x.collect(c, []*request{ping}, false)
	if n := len(lines); n > 0 && lines[n-1] != "closed" {
		zxid := strings.TrimSuffix(lines[n-1], "ok")
		if zxid != "" {
			zxid += " "
		}
		lines[n-1] = fmt.Sprintf("%sconnected timeout=%d", zxid, c.session.timeout.Milliseconds())
	}
	return lines, err
}

// pipeline sends several requests in one write and prints what comes back. The
// first may be "connect".
func (x *exec) pipeline(c *conn, a *args, body []string) ([]string, error) {
	if err := a.done(); err != nil {
		return nil, err
	}
	cs, err := parseCommands(body)
	if err != nil {
		return nil, err
	}
	var rs []*request
	var first []byte
	for _, cmd := range cs {
		if count, rest, ok := repeated(cmd.text); ok {
			for i := range count {
				r, err := x.pipelined(c, command{text: strings.ReplaceAll(rest, "$i", strconv.Itoa(i)), body: cmd.body})
				if err != nil {
					return nil, err
				}
				rs = append(rs, r)
				first = append(first, r.frame()...)
			}
			continue
		}
		ws, err := words(cmd.text)
		if err != nil {
			return nil, err
		}
		a := x.args(ws[1:])
		if ws[0].text == "connect" {
			if c.connecting, err = x.connectRequest(a); err != nil {
				return nil, err
			}
			first = connectFrame(c.connecting)
			continue
		}
		r, err := x.pipelined(c, cmd)
		if err != nil {
			return nil, err
		}
		rs = append(rs, r)
		first = append(first, r.frame()...)
	}
	c.pending = append(c.pending, rs...)
	c.write(first)
	lines, err := x.collect(c, rs, true)
	return collapse(lines), err
}

// pipelined makes one request of a pipeline.
func (x *exec) pipelined(c *conn, cmd command) (*request, error) {
	ws, err := words(cmd.text)
	if err != nil {
		return nil, err
	}
	r, err := x.request(ws[0].text, x.args(ws[1:]), cmd.body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmd.text, err)
	}
	if r.plain && r.xid == 0 {
		c.xid++
		r.xid = c.xid
	}
	return r, nil
}

// repeated takes "repeat 100 create /n$i" apart.
func repeated(line string) (count int, rest string, ok bool) {
	text, ok := strings.CutPrefix(line, "repeat ")
	if !ok {
		return 0, "", false
	}
	number, rest, _ := strings.Cut(text, " ")
	count, err := strconv.Atoi(number)
	return count, rest, err == nil
}

// collapse writes a line that comes more than twice in a row once.
func collapse(lines []string) []string {
	var out []string
	for i := 0; i < len(lines); {
		n := 1
		for i+n < len(lines) && lines[i+n] == lines[i] {
			n++
		}
		if n > 2 {
			out = append(out, fmt.Sprintf("%s (%d times)", lines[i], n))
		} else {
			out = append(out, lines[i:i+n]...)
		}
		i += n
	}
	return out
}

// untilClosed reads what the server still sends until it closes the connection.
func (x *exec) untilClosed(c *conn) ([]string, error) {
	var lines []string
	deadline := time.Now().Add(patience)
	for {
		f, err := x.receive(c, deadline)
		if errors.Is(err, errClosed) {
			return append(lines, "closed"), nil
		}
		if err != nil {
			return append(lines, "open"), nil
		}
		if f.request != nil && len(f.lines) > 0 {
			f.lines[0] = f.request.name + ": " + f.lines[0]
		}
		lines = append(lines, f.lines...)
	}
}

// advance lets time pass: "advance 3s", or "advance 3s until b events=2" and
// "advance 3s until b closed", which wait no longer than they must where time is real.
func (x *exec) advance(a *args) ([]string, error) {
	d, err := time.ParseDuration(a.next("duration").text)
	if err != nil {
		return nil, err
	}
	var watched *conn
	events, closed := 0, false
	if a.flag("until") {
		name := a.next("connection").text
		if watched = x.conns[name]; watched == nil {
			return nil, fmt.Errorf("there is no connection %q", name)
		}
		events = int(a.int32("events", 0))
		closed = a.flag("closed")
	}
	if err := a.done(); err != nil {
		return nil, err
	}
	if clock, ok := x.server.(Clock); ok && !x.mustWait() {
		clock.Advance(d)
		switch {
		case closed:
			return x.untilClosed(watched)
		case watched != nil:
			return x.barrier(watched)
		}
		return nil, nil
	}
	return x.wait(d, watched, events)
}

// mustWait tells whether somebody is silent on an open connection, and the
// server has no way to be told so: then only real time shows what comes of it.
func (x *exec) mustWait() bool {
	if _, ok := x.server.(Staller); ok {
		return false
	}
	return slices.ContainsFunc(x.all, func(c *conn) bool { return c.stalled && !c.closed })
}

// wait lets real time pass, keeps the other sessions alive, and ends early when
// what it waits for has come.
func (x *exec) wait(d time.Duration, watched *conn, events int) ([]string, error) {
	var lines []string
	end := time.Now().Add(d)
	for step := x.heartbeat(); time.Now().Before(end); {
		for _, c := range x.all {
			if c.session == nil || c.session.ended || c.closed || c.stalled || c == watched {
				continue
			}
			early, err := x.barrier(c)
			if c.closed {
				continue // by a restart, for instance
			}
			if err != nil || len(early) > 0 {
				return lines, errors.Join(err, fmt.Errorf("while waiting, %s got %q", c.name, early))
			}
		}
		until := time.Now().Add(step)
		if until.After(end) {
			until = end
		}
		if watched == nil {
			time.Sleep(time.Until(until))
			continue
		}
		f, err := x.receive(watched, until)
		switch {
		case errors.Is(err, errClosed):
			return append(lines, "closed"), nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			if watched.stalled {
				continue
			}
			early, err := x.barrier(watched)
			if lines = append(lines, early...); err != nil {
				return lines, err
			}
		case err != nil:
			return lines, err
		}
		lines = append(lines, f.lines...)
		if events > 0 && len(lines) >= events {
			more, err := x.barrier(watched)
			return append(lines, more...), err
		}
	}
	return lines, nil
}

// heartbeat is how often every session must be heard of.
func (x *exec) heartbeat() time.Duration {
	step := time.Second
	for _, c := range x.all {
		if c.session != nil && !c.closed && !c.stalled {
			step = min(step, c.session.timeout/4)
		}
	}
	return max(step, 10*time.Millisecond)
}

// finish ends all sessions, so that none expires during another transcript.
func (x *exec) finish() {
	for _, s := range x.sessions {
		for _, c := range x.all {
			if c.session == s {
				x.end(c)
			}
		}
		if s.ended {
			continue
		}
		c := x.open("finish") // its connection is gone, or was without our noticing
		c.connecting = &wire.ConnectRequest{TimeOut: 10000, SessionID: s.id, Passwd: s.passwd}
		c.write(connectFrame(c.connecting))
		if _, err := x.collect(c, nil, false); err == nil {
			x.end(c)
		}
	}
	for _, c := range x.all {
		c.close()
	}
}

// end closes the session of a connection.
func (x *exec) end(c *conn) {
	if c.closed || c.session == nil || c.session.ended {
		return
	}
	r := &request{name: "closeSession", op: zkapi.OpCloseSession, plain: true}
	c.send(r)
	_, _ = x.collect(c, []*request{r}, false)
}

// text sends a four-letter word and returns the answer.
func (x *exec) text(word []byte) (string, error) {
	nc, err := x.server.Dial()
	if err != nil {
		return "", nil //nolint:nilerr // refused: no answer
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience))
	if _, err := nc.Write(word); err != nil {
		return "", nil //nolint:nilerr // closed before it was written: no answer
	}
	answer, err := io.ReadAll(nc)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return string(answer), err
	}
	return string(answer), nil
}
