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

// beyond says why a transcript cannot be played on a server.
type beyond struct {
	who  string // whose fault it is, for many reasons
	what string
}

func (b beyond) Error() string { return b.who + b.what }

// exec is the run of one transcript on one server.
type exec struct {
	server   *Instance
	options  map[string]bool
	conns    map[string]*conn
	all      []*conn
	callers  map[string]*caller // in the place of connections, where there is no Dial
	called   []*caller
	leftOut  bool // a command of this step
	sessions []*session
	now      int64            // the highest zxid that a reply has shown
	marks    map[string]int64 // named zxids; "now" is one
}

func newExec(server *Instance, options []string, now int64) *exec {
	x := &exec{
		server: server, options: map[string]bool{}, now: now,
		conns: map[string]*conn{}, callers: map[string]*caller{}, marks: map[string]int64{"now": now},
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
		if x.server.Dial == nil {
			return x.leave()
		}
		return x.fourLetters(x.args(ws[1:]))
	case "mark":
		a := x.args(ws[1:])
		x.marks[a.next("name").text] = x.now
		return nil, a.done()
	case "advance":
		return x.advance(x.args(ws[1:]))
	case "restart":
		return nil, x.restart()
	}
	if len(ws) < 2 {
		return nil, errors.New("no such command")
	}
	if x.server.Dial == nil {
		return x.call(ws[0].text, ws[1].text, x.args(ws[2:]), body)
	}
	return x.onConn(ws[0].text, ws[1].text, x.args(ws[2:]), body)
}

// restart restarts the server. Clients would come back by themselves: they are
// cut off before.
func (x *exec) restart() error {
	for _, c := range x.called {
		if c.gone() {
			continue
		}
		if x.server.Disconnect == nil {
			return notForClients("staying away from the server")
		}
		if err := x.server.Disconnect(c.Client); err != nil {
			return err
		}
		c.cut = true
	}
	if x.server.Restart == nil {
		return beyond{"", "there is no restarting the server"}
	}
	return x.server.Restart()
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
		if x.server.Stall != nil {
			x.server.Stall(c.session.id)
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
		c.connecting = true
		return x.collect(c, nil, false)
	case "text":
		c.connecting = false
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
