package transcript

import (
	"fmt"
	"strconv"
	"strings"
)

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
			req, err := x.connectRequest(a)
			if err != nil {
				return nil, err
			}
			c.connecting = true
			first = connectFrame(req)
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
