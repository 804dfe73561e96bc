package transcript

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// awaitDisconnect waits until a server whose time can be moved has noticed that
// a client is gone: else it would let the session live on.
func (x *exec) awaitDisconnect(c *conn) error {
	if x.server.Connected == nil || c.session == nil {
		return nil
	}
	for end := time.Now().Add(patience); x.server.Connected(c.session.id); time.Sleep(50 * time.Microsecond) {
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
	c.connecting = true
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

// session is what a client knows of its session.
type session struct {
	name    string
	id      int64
	passwd  []byte
	timeout time.Duration
	ended   bool
}

// connected takes the response to a ConnectRequest.
func (x *exec) connected(c *conn, payload []byte) string {
	c.connecting = false
	b := wire.NewReader(payload)
	var resp wire.ConnectResponse
	resp.Read(&b)
	who := "0"
	known := slices.IndexFunc(x.sessions, func(s *session) bool { return s.id == resp.SessionID })
	switch {
	case resp.SessionID == 0:
	case known >= 0:
		c.session = x.sessions[known]
		c.session.timeout = time.Duration(resp.TimeOut) * time.Millisecond
		if who = c.session.name; !bytes.Equal(c.session.passwd, resp.Passwd) {
			who += " with another password"
		}
	default:
		c.session = &session{
			name: x.newSessionName(c.name), id: resp.SessionID, passwd: resp.Passwd,
			timeout: time.Duration(resp.TimeOut) * time.Millisecond,
		}
		x.sessions = append(x.sessions, c.session)
		who = "new"
	}
	line := showConnect(payload, resp, who)
	if b.Err() != nil {
		line += " (malformed)"
	}
	return line
}

func (x *exec) newSessionName(name string) string {
	n := 1
	for _, s := range x.sessions {
		if base, _, _ := strings.Cut(s.name, "#"); base == name {
			n++
		}
	}
	if n > 1 {
		return fmt.Sprintf("%s#%d", name, n)
	}
	return name
}

// passwordKind tells whether a session's password is the one that ZooKeeper
// derives from the id: sixteen bytes of java.util.Random.
func passwordKind(s *session) string {
	const secret = 0xB3415C00
	const factor, mask = 0x5DEECE66D, 1<<48 - 1
	state := (uint64(s.id) ^ secret ^ factor) & mask
	var want []byte
	for range 4 {
		state = (state*factor + 0xB) & mask
		want = binary.LittleEndian.AppendUint32(want, uint32(state>>16))
	}
	if string(want) == string(s.passwd) {
		return "derived from the id"
	}
	return fmt.Sprintf("%x", s.passwd)
}

// idKind tells of a session's id its highest byte, the server's number, and how
// far it is from that of the session before.
func (x *exec) idKind(s *session) string {
	text := fmt.Sprintf("server %d", uint64(s.id)>>56)
	for i, each := range x.sessions {
		if each == s && i > 0 {
			text += fmt.Sprintf(", %+d", s.id-x.sessions[i-1].id)
		}
	}
	return text
}
