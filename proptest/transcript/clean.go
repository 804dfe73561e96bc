package transcript

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zksim/zksim/zkapi"
	"github.com/zksim/zksim/zkapi/wire"
)

// finish ends all sessions, so that none expires during another transcript.
func (x *exec) finish() {
	for _, c := range x.called {
		c.Close()
	}
	if x.server.Dial == nil {
		return
	}
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
		c.connecting = true
		c.write(connectFrame(&wire.ConnectRequest{TimeOut: 10000, SessionID: s.id, Passwd: s.passwd}))
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

// zxidOfEmpty makes sure that a server has no nodes that a new one has not, and
// returns its zxid.
func zxidOfEmpty(server *Instance) (int64, error) {
	x, paths, err := inspect(server)
	if err == nil && len(paths) > 0 {
		err = fmt.Errorf("the server is not empty, it has %s", paths[len(paths)-1])
	}
	if err != nil {
		return 0, err
	}
	x.finish()
	return x.now, nil
}

// inspect connects as the super user and lists what a new server does not have.
func inspect(server *Instance) (*exec, []string, error) {
	x := newExec(server, nil, 0)
	for _, line := range []string{"clean connect", "clean auth digest super:secret"} {
		if lines, err := x.command(line, nil); err != nil || isTrouble(lines[len(lines)-1]) {
			return nil, nil, errors.Join(err, fmt.Errorf("%s: %q", line, lines))
		}
	}
	paths, err := x.below(x.conns["clean"], "")
	return x, paths, err
}

// clean removes every node that a new server does not have and returns the zxid reached.
func clean(server *Instance) (int64, error) {
	x, paths, err := inspect(server)
	if err != nil {
		return 0, err
	}
	c := x.conns["clean"]
	var rs []*request
	for _, path := range paths {
		r, err := x.request("delete", x.args([]word{{text: path, quoted: true}}), nil)
		if err != nil {
			return 0, err
		}
		rs = append(rs, r)
	}
	c.send(rs...)
	lines, err := x.collect(c, rs, true)
	if at := slices.IndexFunc(lines, isTrouble); err != nil || at >= 0 {
		return 0, errors.Join(err, fmt.Errorf("deleting %q: %q", paths, lines))
	}
	x.finish()
	return x.now, x.quiet()
}

// quiet waits until the server has noticed that all connections are gone, if it
// tells, and makes sure that no session is left to expire during another transcript.
func (x *exec) quiet() error {
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		answer, err := x.text([]byte("srvr"))
		if err != nil {
			return err
		}
		if !strings.Contains(answer, "\nConnections: ") || strings.Contains(answer, "\nConnections: 1\n") {
			break
		}
		if time.Now().After(end) {
			return errors.New("connections of the last transcript are still there")
		}
	}
	answer, err := x.text([]byte("mntr"))
	if at := strings.Index(answer, "zk_global_sessions\t"); at >= 0 && !strings.HasPrefix(answer[at:], "zk_global_sessions\t0\n") {
		line, _, _ := strings.Cut(answer[at:], "\n")
		return fmt.Errorf("it left sessions behind: %s", line)
	}
	return err
}

// below lists the nodes below a path, children first, but for those that every server has.
func (x *exec) below(c *conn, path string) ([]string, error) {
	children, err := x.children(c, path)
	var paths []string
	for _, child := range children {
		child = path + "/" + child
		more, err := x.below(c, child)
		if err != nil {
			return nil, err
		}
		paths = append(paths, more...)
		if !slices.Contains([]string{"/zookeeper", "/zookeeper/config", "/zookeeper/quota"}, child) {
			paths = append(paths, child)
		}
	}
	return paths, err
}

// children reads the names of the children of a node.
func (x *exec) children(c *conn, path string) ([]string, error) {
	if path == "" {
		path = "/"
	}
	r, err := x.request("getChildren", x.args([]word{{text: path, quoted: true}}), nil)
	if err != nil {
		return nil, err
	}
	c.xid++
	r.xid = c.xid
	c.write(r.frame())
	for {
		payload, err := c.read(time.Now().Add(patience))
		if err != nil {
			return nil, err
		}
		b := wire.NewReader(payload)
		var h wire.ReplyHeader
		if h.Read(&b); h.Xid != r.xid {
			continue
		}
		if h.Err != 0 {
			return nil, fmt.Errorf("getChildren %s: %w", path, h.Err)
		}
		return b.Strings(nil), nil
	}
}
